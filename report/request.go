package report

import (
	"fmt"
	"slices"

	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// request is what a client sends for an operation that shows the violation.
type request struct {
	ask  *telling
	text string          // of the message; "" until it is known
	came map[uint64]bool // the steps at which it came to somebody
	took []*telling      // the first fact of each time that something came of it
}

// asks takes note of a message of a client. The first that leaves with an invocation is its request, and those like it
// repeat it, whether it was the client who did, or the network.
func (s *story) asks(step *trace.Step) {
	if step.Kind != sim.KindDeliver && step.Kind != sim.KindDrop {
		return
	}
	s.asked[step.Peer] = *step
	for _, r := range s.requests {
		if step.Peer != r.ask.Node {
			continue
		}
		if r.text == "" && (step.Cause == r.ask.N || step.Cause == r.ask.Cause && step.Cause != 0) {
			r.text = step.Text
		}
		if r.text == step.Text && step.Kind == sim.KindDeliver {
			r.came[step.N] = true
		}
	}
}

// repeats tells what came of an operation's request, if something did more than once.
func (s *story) repeats(ask *telling) {
	i := slices.IndexFunc(s.requests, func(r *request) bool { return r.ask == ask })
	r := s.requests[i]
	var facts []*telling
	for _, t := range s.steps {
		if t.Kind != sim.KindFact || !r.came[t.Cause] {
			continue
		}
		facts = append(facts, t)
		if n := len(r.took); n == 0 || r.took[n-1].Cause != t.Cause {
			r.took = append(r.took, t)
		}
	}
	if len(r.took) < 2 {
		return
	}
	for _, t := range facts {
		s.tell(t, closest)
		s.concerns(t.about)
	}
	var request telling
	s.words.say(&trace.Step{Text: r.text}, s.name(ask.Node), &request)
	s.concerns(request.about)
}

// repeated says so of such requests.
func (s *story) repeated() (list []Sentence) {
	for _, r := range s.requests {
		if len(r.took) < 2 {
			continue
		}
		number, _ := operationText(r.ask.Text)
		list = append(list, Sentence{Text: fmt.Sprintf("The request of %s came more than once: %s.", number, s.takers(r))})
	}
	return list
}

// takers says by whom and when a request was taken up.
func (s *story) takers(r *request) string {
	var nodes []sim.NodeID // in order of their first time
	times := map[sim.NodeID][]string{}
	for _, t := range r.took {
		if times[t.Node] == nil {
			nodes = append(nodes, t.Node)
		}
		times[t.Node] = append(times[t.Node], t.At.String())
	}
	const most = 4
	var text []string
	for _, id := range nodes {
		list := times[id]
		if more := len(list) - most; more > 0 {
			list = append(list[:most], fmt.Sprintf("%d times more", more))
		}
		text = append(text, fmt.Sprintf("%s took it up at %s", s.name(id), enumerate(list)))
	}
	return enumerate(text)
}
