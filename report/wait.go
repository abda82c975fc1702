package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/seedbed-sim/seedbed/sim"
)

// waits tells, where something has not come about, who was still waiting for what, and how those came to a stand that the
// violation is about.
func (s *story) waits() []Sentence {
	if !strings.HasPrefix(s.header.Property, "eventually ") {
		return nil
	}
	return append(s.unanswered(), s.stands()...)
}

// unanswered tells of operations without an end that clients are still at, those that have waited longest first: who was
// asked last, who is then in question, and what was heard last.
func (s *story) unanswered() (list []Sentence) {
	last := map[sim.NodeID]*telling{} // what a client has begun
	for _, t := range s.steps {
		if t.Kind == sim.KindInvoke {
			last[t.Node] = t
		}
	}
	more := 0
	for _, t := range s.steps {
		if last[t.Node] != t || t.ended != nil {
			continue
		}
		if len(list) == mostWaits {
			more++
			continue
		}
		number, _ := operationText(t.Text)
		text := fmt.Sprintf("%s waits from %s to the end for %s (%s)", s.name(t.Node), t.At, brief(t.say, mostText), number)
		if in := s.asked[t.Node]; in.N > t.N {
			s.central[in.Node] = true
			text += fmt.Sprintf("; the last that it asked is %s, at %s", s.name(in.Node), in.At)
			if in.Kind == sim.KindDrop {
				text += ", and that was lost"
			}
		}
		if in := s.heard[t.Node]; in.N > t.N {
			text += fmt.Sprintf("; the last that it heard is %s from %s, at %s", brief(in.Text, mostText), s.name(in.Peer), in.At)
		}
		list = append(list, Sentence{Text: text + "."})
	}
	if more > 0 {
		list = append(list, Sentence{Text: fmt.Sprintf("So do %d more operations.", more)})
	}
	return list
}

// stands tells what nodes were last at: those that the violation names or clients wait for; or if there are none, those that
// have said nothing for longest.
func (s *story) stands() (list []Sentence) {
	for _, id := range s.inQuestion() {
		text := s.name(id)
		switch down, paused := s.open["crash "+fmt.Sprint(id)], s.open["pause "+fmt.Sprint(id)]; {
		case len(down) > 0:
			text += fmt.Sprintf(" is down since %s", down[len(down)-1].At)
		case len(paused) > 0:
			text += fmt.Sprintf(" stands still since %s", paused[len(paused)-1].At)
		default:
			text += " is up to the end"
		}
		if t := s.said[id]; t != nil {
			text += fmt.Sprintf("; the last that it said, at %s: it %s", t.At, brief(t.say, mostText))
		}
		if in := s.heard[id]; in.N > 0 {
			text += fmt.Sprintf("; the last that it heard, at %s: %s from %s", in.At, brief(in.Text, mostText), s.name(in.Peer))
		}
		list = append(list, Sentence{Text: text + "."})
	}
	return list
}

// inQuestion are the nodes to tell of.
func (s *story) inQuestion() []sim.NodeID {
	server := func(id sim.NodeID) bool { return id != sim.Nobody && !s.clients[id] }
	list := slices.Sorted(maps.Keys(s.central))
	list = slices.DeleteFunc(list, func(id sim.NodeID) bool { return !server(id) })
	if len(list) == 0 {
		list = slices.SortedFunc(maps.Keys(s.said), func(a, b sim.NodeID) int {
			return cmp.Compare(s.said[a].N, s.said[b].N)
		})
		list = slices.DeleteFunc(list, func(id sim.NodeID) bool { return !server(id) })
	}
	return list[:min(len(list), mostWaits)]
}
