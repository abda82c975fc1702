package scenarios

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/nemesis"
)

// ShrinkOptions are how much is done to shrink a failure.
type ShrinkOptions struct {
	Runs     int // the budget; 0 means DefaultShrinkRuns
	Workers  int // runs at once; 0 means one per core. The result does not depend on it
	Watchdog *Watchdog
	// Progress, if not nil, is told now and then how many runs were taken and what the smallest plan is.
	Progress func(runs int, smallest *nemesis.Plan)
}

// DefaultShrinkRuns is a budget in which nearly all failures become as small as they get.
const DefaultShrinkRuns = 1000

// Shrunk is what came of shrinking a failure.
type Shrunk struct {
	First   *Result
	Failure *Failure // of the smallest plan
	// Runs is how much of the budget was used, and StructureRuns how much when the search for a smaller structure last had
	// fewer faults, operations, nodes or clients. All after that went into simpler numbers, what they made superfluous, or
	// nothing.
	Runs, StructureRuns int
	Early               *Result // of the plan that was the smallest after EarlyRuns
}

// EarlyRuns is when most structures are small. What comes later is for the last few faults and operations.
const EarlyRuns = 100

// Plan is the smallest plan that was found.
func (s *Shrunk) Plan() *nemesis.Plan { return &s.Failure.First.Plan }

// Shrink looks for a smaller plan that fails like the one of a failed run, with the same Signature: first its structure,
// by nemesis.Plan.Shrink, then its numbers, by rapid, and what they make superfluous. What it finds depends on the run and the budget only. When ctx ends
// it returns the best until then. The error is that of a run that did not violate anything.
func (s *Scenario) Shrink(ctx context.Context, first *Result, o ShrinkOptions) (*Shrunk, error) {
	if first.Verdict != checkers.Invalid {
		return nil, fmt.Errorf("nothing to shrink: %s seed=%d is %s", s.Name, first.Plan.Seed, first.Verdict)
	}
	t := &trials{
		ctx: ctx, scenario: s, signature: first.Signature(), budget: cmp.Or(o.Runs, DefaultShrinkRuns),
		workers: cmp.Or(o.Workers, runtime.GOMAXPROCS(0)), watchdog: o.Watchdog, progress: o.Progress,
		options: Options{MaxSteps: first.maxSteps}, known: make(map[string]*trial), smallest: first,
	}
	if first.Steps < shortRun { // what is not as short cannot be like it, and takes long
		t.options.MaxSteps = min(cmp.Or(first.maxSteps, s.maxSteps(first.Plan)), 10*shortRun)
	}
	one := t.trial(first.Plan)
	one.result, one.fails, one.counted = first, true, true
	t.bounded = s.Space.Beyond(first.Plan) == nil
	first.Plan.Shrink(failedAt(first), t.first)
	structure := t.structure
	t.simplify()
	t.smallest.Plan.Polish(failedAt(t.smallest), t.first)
	failure, err := s.Confirm(t.smallest)
	if err != nil {
		return nil, err
	}
	return &Shrunk{First: first, Failure: failure, Runs: t.runs, StructureRuns: structure, Early: cmp.Or(t.early, t.smallest)}, nil
}

// shortRun is more steps than most runs have.
const shortRun = 100_000

// failedAt is when a run failed, or 0 if that was found when all was over.
func failedAt(r *Result) time.Duration {
	if r.Step == 0 || r.At > clock.Time(r.Plan.Duration) {
		return 0
	}
	return time.Duration(r.At)
}

// trials are the runs of one call of Shrink.
type trials struct {
	ctx       context.Context
	scenario  *Scenario
	signature string // of the failure
	budget    int
	workers   int
	watchdog  *Watchdog
	progress  func(runs int, smallest *nemesis.Plan)
	options   Options

	known     map[string]*trial // by the plan's JSON form
	smallest  *Result
	bounded   bool // the failure's plan is within the model's budget, so all must be
	asked     int  // how often first was
	runs      int
	structure int     // runs when the structure last became smaller
	early     *Result // the smallest after EarlyRuns; nil before
}

// trial is a plan, and what came of it. Workers run ahead of the search: a trial counts once the search has come to it.
type trial struct {
	plan    nemesis.Plan
	result  *Result // nil: not run yet
	fails   bool    // like the failure
	counted bool
	asked   int // the question that it was in, the last time
}

// trial is the one of a plan.
func (t *trials) trial(p nemesis.Plan) *trial {
	key, err := p.JSON()
	if err != nil {
		panic("scenarios: " + err.Error()) // candidates are valid
	}
	one := t.known[string(key)]
	if one == nil {
		one = &trial{plan: p}
		if t.bounded && t.scenario.Space.Beyond(p) != nil { // it might fail, but not by a bug
			one.result, one.counted = &Result{}, true
		}
		t.known[string(key)] = one
	}
	return one
}

// over reports whether there may be no more runs.
func (t *trials) over() bool { return t.runs == t.budget || t.ctx.Err() != nil }

// first is the nemesis.Oracle. It says what running the plans one after the other, up to the first that fails or the end
// of the budget, would say.
func (t *trials) first(plans []nemesis.Plan) (int, time.Duration) {
	t.asked++
	left := t.budget - t.runs
	var list []*trial // nil for a plan that has come before
	for _, p := range plans {
		one := t.trial(p)
		if one.asked == t.asked {
			list = append(list, nil)
			continue
		}
		one.asked = t.asked
		if !one.counted {
			if left == 0 {
				break
			}
			left--
		}
		list = append(list, one)
	}
	t.runAll(list)
	for i, one := range list {
		if one == nil {
			continue
		}
		if one.result == nil {
			break // interrupted
		}
		if !one.counted {
			one.counted = true
			if t.runs++; t.runs == EarlyRuns+1 {
				t.early = t.smallest
			}
		}
		if one.fails {
			if now, was := one.plan, t.smallest.Plan; len(now.Faults) < len(was.Faults) || len(now.Ops) < len(was.Ops) ||
				now.Nodes < was.Nodes || now.Clients < was.Clients {
				t.structure = t.runs
			}
			t.smallest = one.result
			t.tell()
			return i, failedAt(one.result)
		}
	}
	t.tell()
	return -1, 0
}

func (t *trials) tell() {
	if t.progress != nil {
		t.progress(t.runs, &t.smallest.Plan)
	}
}

// runAll runs those that have not been run, in order, but none behind the first that fails.
func (t *trials) runAll(list []*trial) {
	var next, end atomic.Int64
	end.Store(int64(len(list)))
	var group sync.WaitGroup
	for range min(t.workers, len(list)) {
		group.Go(func() {
			for i := next.Add(1) - 1; i < end.Load() && t.ctx.Err() == nil; i = next.Add(1) - 1 {
				one := list[i]
				if one == nil {
					continue
				}
				if one.result == nil {
					t.run(one)
				}
				for last := end.Load(); one.fails && i < last && !end.CompareAndSwap(last, i); last = end.Load() {
				}
			}
		})
	}
	group.Wait()
}

func (t *trials) run(one *trial) {
	r := t.scenario.Watched(one.plan, t.options, t.watchdog)
	one.result, one.fails = &r, r.Verdict == checkers.Invalid && r.Signature() == t.signature
}

// simplify has rapid shrink the numbers of the smallest plan.
//
// rapid draws a first plan, and then looks for smaller draws whose plans still fail, where two failures are the same if
// they come from the same line. Each that it finds it draws once more; to run a plan twice would say nothing new. It
// does not know of our budget, and at the end goes on for long with draws that are too short for a plan: so it is left,
// as a test leaves FailNow.
func (t *trials) simplify() {
	oneRapid.Lock()
	defer oneRapid.Unlock()
	defer rapidFlags()()
	numbers := nemesis.NewNumbers(t.smallest.Plan)
	short := 0 // draws in a row
	var group sync.WaitGroup
	group.Go(func() {
		rapid.Check(quiet{}, func(rt *rapid.T) {
			if short++; short > numbers.Draws()+2 || t.over() {
				runtime.Goexit()
			}
			p, ok := numbers.Draw(rt)
			short = 0
			if !ok {
				return
			}
			if i, _ := t.first([]nemesis.Plan{p}); i == 0 {
				rt.Fatal(t.signature)
			}
		})
	})
	group.Wait()
}

// oneRapid is held while rapid shrinks: its flags belong to the process.
var oneRapid sync.Mutex

// rapidFlags sets rapid's flags, and returns what sets them back. Outside of tests there must first be those of tests.
func rapidFlags() (restore func()) {
	testing.Init()
	if !flag.Parsed() {
		flag.CommandLine.Parse(nil) // there is nothing that could fail
	}
	old := make(map[string]string)
	for name, value := range map[string]string{
		"checks": "5", // a fifth of it with -test.short; the first fails
		"seed":   "1", "failfile": "", "nofailfile": "true", "shrinktime": "24h",
		"log": "false", "v": "false", "debug": "false", "debugvis": "false",
	} {
		old[name] = flag.Lookup("rapid." + name).Value.String()
		flag.Set("rapid."+name, value)
	}
	return func() {
		for name, value := range old {
			flag.Set("rapid."+name, value)
		}
	}
}

// quiet is a test that nobody reads.
type quiet struct{}

func (quiet) Helper()               {}
func (quiet) Name() string          { return "seedbed/shrink" }
func (quiet) Logf(string, ...any)   {}
func (quiet) Log(...any)            {}
func (quiet) Skipf(string, ...any)  { runtime.Goexit() }
func (quiet) Skip(...any)           { runtime.Goexit() }
func (quiet) SkipNow()              { runtime.Goexit() }
func (quiet) Errorf(string, ...any) {}
func (quiet) Error(...any)          {}
func (quiet) Fatalf(string, ...any) { runtime.Goexit() }
func (quiet) Fatal(...any)          { runtime.Goexit() }
func (quiet) FailNow()              { runtime.Goexit() }
func (quiet) Fail()                 {}
func (quiet) Failed() bool          { return false }
