// Package scenarios joins a model, a workload, faults and checks under a name, runs one seed or plan of it, and sweeps
// many. It is not a front end: packages cli and simtest print what it finds.
package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/trace"
)

// Scenario is something to run: a seed draws a plan from its Space, Build makes the world of the plan, and Judge says
// what came of it. It is read only and shared by goroutines.
type Scenario struct {
	Name string // "raft/kv"
	Doc  string // one line

	// Anomaly is empty for a model that is meant to be right. A demonstration names the property that must be found
	// violated, as checkers.Property prints it; any other violation is a finding.
	Anomaly string

	Space nemesis.Space // what plans may hold
	Tail  time.Duration // quiet time after the fault phase, at most nemesis.MaxDuration

	// Facts are the types of facts that servers state, and that faults of a plan may wait for, besides those of Space.Facts:
	// which drawn plans wait for.
	Facts []string

	MaxSteps uint64 // a run that takes more violates the step budget; 0 means 2 million, or 20,000 per node if that is more

	// Build adds the plan's nodes and clients to the run's world, and the online checks.
	Build func(r *Run)
	// Judge runs after the last step, unless a violation has stopped the run; it may be nil.
	Judge func(r *Run)

	// Linear is the model of a service that handles one operation at a time, which clients must not be able to tell from the
	// real one: operations, in the scenario's Form, are linearizable. That is judged after Judge. Nil: it is not promised.
	Linear func() checkers.Model

	// Form gives the form that package checkers has of an operation's input, and of its output unless that is nil: that is
	// what is judged, and what histories are exported in. It may be nil where operations are in that form, as transactions
	// are, or in none. A form promises that who judges the history by it comes to the scenario's own verdict. So there is
	// none for clients that only write (payments, documents, rumors): what came of that is in facts; for stores that agree
	// in the end, since no model lets reads be stale; and for logs that compact, trim or drop what they have.
	Form func(input, output any) (any, any)

	// Words are how readers of a recording say what happens.
	Words *trace.Words

	// Views are what the run's nodes derive from logs: the same however far nodes have come. It runs after the last
	// step, also of a run that was stopped; nil: there are none.
	Views func(r *Run) []View

	// Fits tells what of a plan that was written by hand means nothing to the model, with its JSON path; nil: all does.
	Fits func(p nemesis.Plan) error

	// Floors are the medians over seeds that a sweep of a good scenario reaches, so that nothing passes because nothing
	// happened.
	Floors []Floor
}

// Floor is a lower bound for the median of a count over the seeds of a sweep.
type Floor struct {
	Count string // as in Contents
	Least int64
}

// Plan returns the plan of a seed.
func (s *Scenario) Plan(seed uint64) nemesis.Plan {
	space := s.Space
	space.Scenario = s.Name
	return space.Draw(seed)
}

// end is when a run is over: the fault phase, what clients have under way by then, and the tail.
func (s *Scenario) end(p nemesis.Plan) clock.Time {
	return clock.Time(p.Duration).Add(slowest(p.ClientLink) + s.Tail)
}

// slowest is how long a packet of a link takes, but for queues and for luck that no run has.
func slowest(l netsim.Link) time.Duration {
	y := l.Latency
	d := y.Min
	switch {
	case y.Shape == netsim.Constant:
	case y.Max > 0:
		d = y.Max
	default:
		d += 20 * y.Mean
	}
	if l.Reorder > 0 {
		d += l.ReorderBy
	}
	if l.FIFO && l.Loss > 0 {
		d += 63 * cmp.Or(l.RetransmitAfter, 200*time.Millisecond) // it tries six times, twice as long each time
	}
	return d
}

// Registry is a set of scenarios by name.
type Registry struct {
	list []*Scenario // sorted by name, without repeats
}

// NewRegistry returns a registry of these scenarios. It panics if two have one name, one lacks what it needs, or has a tail
// that makes no sense.
func NewRegistry(list ...*Scenario) *Registry {
	r := &Registry{list: slices.Clone(list)}
	slices.SortFunc(r.list, func(a, b *Scenario) int { return strings.Compare(a.Name, b.Name) })
	for i, s := range r.list {
		if s.Name == "" || s.Doc == "" || s.Build == nil {
			panic(fmt.Sprintf("scenarios: %q needs a Name, a Doc and a Build", s.Name))
		}
		if s.Tail < 0 || s.Tail > nemesis.MaxDuration {
			panic(fmt.Sprintf("scenarios: %s: Tail: %v is not in the range [0s, %v]", s.Name, s.Tail, nemesis.MaxDuration))
		}
		if i > 0 && r.list[i-1].Name == s.Name {
			panic("scenarios: there are two of the name " + s.Name)
		}
	}
	return r
}

// All returns the scenarios by name.
func (r *Registry) All() []*Scenario { return r.list }

// Find returns the scenario of a name; the error names those that it may have meant. A name may end in variants, such as
// raft/kv@fixed: see Scenario.variant.
func (r *Registry) Find(name string) (*Scenario, error) {
	base, names := cutVariants(name)
	i, ok := slices.BinarySearchFunc(r.list, base, func(s *Scenario, name string) int { return strings.Compare(s.Name, name) })
	if ok {
		return r.list[i].variants(names)
	}
	known := make([]string, len(r.list))
	for i, s := range r.list {
		known[i] = s.Name
	}
	return nil, fmt.Errorf("unknown scenario %q: there are %s", base, cmp.Or(strings.Join(known, ", "), "none"))
}

// Match returns the scenarios that the names select: a name, or all below it ("raft" is raft/kv, raft/log, …). No names
// select all. Variants are those of all that it selects.
func (r *Registry) Match(names ...string) ([]*Scenario, error) {
	if len(names) == 0 {
		return r.list, nil
	}
	var chosen []*Scenario
	for _, name := range names {
		base, names := cutVariants(name)
		found := false
		for _, s := range r.list {
			if s.Name == base || strings.HasPrefix(s.Name, strings.TrimSuffix(base, "/")+"/") {
				found = true
				s, err := s.variants(names)
				if err != nil {
					return nil, err
				}
				if !slices.ContainsFunc(chosen, func(c *Scenario) bool { return c.Name == s.Name }) {
					chosen = append(chosen, s)
				}
			}
		}
		if !found {
			_, err := r.Find(name)
			return nil, err
		}
	}
	return chosen, nil
}
