package trace

import (
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Apart is where two runs come apart at a node: the first of its steps that is not the same in both.
type Apart struct {
	Node sim.NodeID
	A, B *Step // of either run; nil where it has no more steps of the node, and goes on
}

// At is when the earlier of both steps was.
func (a *Apart) At() clock.Time {
	switch {
	case a.A == nil:
		return a.B.At
	case a.B == nil:
		return a.A.At
	}
	return min(a.A.At, a.B.At)
}

// Diff compares two runs node by node, and returns where they come apart, in order of time: the first of the list is the
// first difference, and the others tell how it spread. The list is empty if the runs are alike as far as both go.
//
// Steps are the same if all they show is: when they were, what they were, what they changed and logged. Their numbers may
// differ, and so may what was done to the world: a fault that is left out is no difference, but what it would have done is.
func Diff(a, b *Reader) ([]Apart, error) {
	seed := maphash.MakeSeed()
	left, err := looks(a, seed) // of each node: what b has not had yet
	if err != nil {
		return nil, err
	}
	apart := map[sim.NodeID]*Apart{}
	for s, err := range b.All() {
		if err != nil {
			return nil, err
		}
		if s.Node == sim.Nobody || apart[s.Node] != nil {
			continue
		}
		switch steps := left[s.Node]; {
		case len(steps) > 0 && steps[0].look == s.look(seed):
			left[s.Node] = steps[1:]
		case len(steps) > 0 || s.At < a.header.End: // else a was over
			apart[s.Node] = &Apart{Node: s.Node, B: &s}
			left[s.Node] = steps // there may be none
		}
	}
	var list []Apart
	for id, steps := range left {
		d := cmp.Or(apart[id], &Apart{Node: id})
		if len(steps) > 0 {
			for s, err := range a.Window(steps[0].n, steps[0].n) {
				if err != nil {
					return nil, err
				}
				d.A = &s
			}
		}
		if d.B != nil || d.A != nil && d.A.At < b.header.End { // else b was over, or there is no difference
			list = append(list, *d)
		}
	}
	slices.SortFunc(list, func(x, y Apart) int { return cmp.Or(cmp.Compare(x.At(), y.At()), cmp.Compare(x.Node, y.Node)) })
	return list, nil
}

// seen is a step: its number, and a hash of what it shows.
type seen struct{ n, look uint64 }

// looks has the steps of each node. Nodes of a plan that have none are not in it.
func looks(t *Reader, seed maphash.Seed) (map[sim.NodeID][]seen, error) {
	all := map[sim.NodeID][]seen{}
	for s, err := range t.All() {
		if err != nil {
			return nil, err
		}
		if s.Node != sim.Nobody {
			all[s.Node] = append(all[s.Node], seen{s.N, s.look(seed)})
		}
	}
	return all, nil
}

// look is a hash of all that a step shows but numbers of steps.
func (s *Step) look(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, v := range []any{s.At, s.Kind, s.Node, s.Peer, s.Packet, s.Incarnation, s.Lamport, s.Text, len(s.Changes), len(s.Logs)} {
		maphash.WriteComparable(&h, v)
	}
	for _, c := range s.Changes {
		maphash.WriteComparable(&h, c)
	}
	for _, l := range s.Logs {
		maphash.WriteComparable(&h, l)
	}
	return h.Sum64()
}
