package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Progress is something that must come about in the quiet tail, and how to tell whether it is coming.
type Progress struct {
	// Budget is how long the wait may go on without progress, in virtual time: the longest that the rules allow between
	// two steps forward, whatever the plan was. Each step forward starts it anew.
	Budget time.Duration
	// Whole is how long all steps may take together, where that is longer than Budget: the run goes on for so long after its
	// tail.
	Whole time.Duration
	// Await looks at the world. done ends the wait. progress is how far things have come; only a value above all before it
	// is a step forward, so it may fall. It must have an upper bound that a run without an end would meet: a livelock raises
	// terms for ever, and that is no progress.
	Await func() (progress uint64, done bool)
	// Waiting says what is missing: "n2 follows nobody (candidate in term 7)". It is called once, right after an Await, if
	// the wait is over.
	Waiting func() string
	// Excuses are what makes the wait pointless.
	Excuses []Excuse
}

// Excuse is a reason, by name, for which something need not come about.
type Excuse struct {
	Name string // "a quorum has stopped after disk errors"
	// Holds proves from the state of the world that by the rules of the model there can be no more progress. That it has
	// not been seen for long is no proof.
	Holds func() bool
}

// lookEvery is the virtual time between two looks at the world.
const lookEvery = 50 * time.Millisecond

// Liveness demands that something comes about once faults are over, in the plan's core at least: it registers the
// property eventually "name", and looks at the world from the end of the fault phase on. The property is violated if
// the budget runs out. A run ends with its tail, or goes on while it waits; at most for one budget or Whole more, as
// whatever goes forward without an end is a livelock. A wait that an excuse ends proves nothing: Contents counts it as
// "excused: " with the excuse's name. (TigerBeetle's simulator heals a core and waits for it in this way, see vopr.zig.)
//
// It is called by Build. Waits of one run look in the order of the calls.
func (r *Run) Liveness(name string, p Progress) {
	property := r.Checks.Eventually(name)
	end := r.Scenario.end(r.Plan).Add(max(p.Budget, p.Whole))
	best, last := uint64(0), r.QuietFrom() // the highest progress, and when it was first seen
	var look func()
	look = func() {
		now := r.World.Now()
		progress, done := p.Await()
		if done {
			r.waits--
			property.Hold()
			return
		}
		if progress > best {
			best, last = progress, now
		}
		if next := now.Add(lookEvery); next.Sub(last) <= p.Budget && next <= end {
			r.World.At(next, look)
			return
		}
		r.waits--
		for _, e := range p.Excuses {
			if e.Holds() {
				r.Contents.Add("excused: "+e.Name, 1)
				return
			}
		}
		r.over = true // what does not happen is of no step
		property.Violatef("after %v without progress, %v after everything was healed: %s",
			now.Sub(last), now.Sub(r.QuietFrom()), p.Waiting())
	}
	r.waits++
	r.World.At(r.QuietFrom().Add(lookEvery), look) // what is due with the end of the fault phase comes first
}

// Core is what is healed in the end, and must make progress: the plan's, or all servers.
func (r *Run) Core() []sim.NodeID {
	if len(r.Plan.Core) > 0 {
		return slices.Clone(r.Plan.Core)
	}
	return r.Servers()
}

// TailOps is the progress of clients: all operations invoked in the quiet tail succeed, and none is left. idle reports that
// no client has one open, or yet to invoke. The budget is the caller's to set.
func (r *Run) TailOps(idle func() bool) Progress {
	tail := func() []*sim.Op {
		history := r.World.History()
		i, _ := slices.BinarySearchFunc(history, r.QuietFrom(), func(op *sim.Op, t clock.Time) int {
			return cmp.Compare(op.Invoked, t)
		})
		return history[i:]
	}
	return Progress{
		Await: func() (progress uint64, done bool) {
			done = idle()
			for _, op := range tail() {
				progress++
				if op.Outcome == sim.OK {
					progress++
				} else {
					done = false
				}
			}
			return progress, done
		},
		Waiting: func() string {
			var open []string
			for _, op := range tail() {
				switch op.Outcome {
				case sim.OK:
				case sim.Pending:
					open = append(open, fmt.Sprintf("%s of %s is open since %s", op.Input, r.Name(op.Client), op.Invoked))
				default:
					open = append(open, fmt.Sprintf("%s of %s ended as %s at %s", op.Input, r.Name(op.Client), op.Outcome, op.Ended))
				}
			}
			if len(open) == 0 {
				return "operations are still to come"
			}
			if more := len(open) - 3; more > 0 {
				open = append(open[:3], fmt.Sprintf("%d more", more))
			}
			return strings.Join(open, "; ")
		},
	}
}
