package scenarios

import (
	"cmp"
	"context"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

// SweepOptions are how many seeds are run.
type SweepOptions struct {
	// Seeds hands out the next seed to run, for all workers in one order; false ends the sweep. It is called by one
	// worker at a time.
	Seeds   func() (seed uint64, ok bool)
	Workers int // goroutines, each with its own worlds; 0 means one per core

	// Done is called after each run, by one worker at a time, in no fixed order; nil does nothing.
	Done func(r *Result)
	// Until, if not nil, ends the sweep with the first run for which it is true. That is the first in the order of Seeds,
	// however the seeds are shared: all before it are run, and what is run behind it counts for nothing. Runs come to
	// Until, and to Done before it, in that order.
	Until func(r *Result) bool
	// Watchdog, if not nil, watches every run.
	Watchdog *Watchdog
	// MaxSteps bounds each run; see sim.Config.
	MaxSteps uint64
}

// Tally is what a sweep of one scenario came to. It is the same however the seeds were shared among workers.
type Tally struct {
	Scenario *Scenario
	Seeds    int64
	Valid    int64
	Invalid  int64
	Unknown  int64
	Expected int64 // runs as the scenario expects them
	Steps    int64
	Checks   checkers.Sweep
	Findings []Finding // by signature

	counts map[string]*Distribution
}

// Finding is one way in which runs failed.
type Finding struct {
	Signature string // what they have in common: the property, or for a panic its text without numbers
	Verdict   checkers.Verdict
	Expected  bool // the anomaly of a demonstration
	Runs      int64
	Seeds     []uint64 // the smallest ones, ascending; at most MaxSeeds
}

// MaxSeeds bounds the seeds kept per finding.
const MaxSeeds = 100

// sweepGC is the garbage collector's target for a sweep, in percent: runs make much short-lived garbage around little
// that lives, so collecting less often is nearly free in memory and worth a third of the time.
const sweepGC = 800

// A sweep of two workers stays below 200 MiB, whatever lives: from sweepMemory and workerMemory for each worker on, the
// collector works harder.
const (
	sweepMemory  = 64 << 20
	workerMemory = 40 << 20
)

// Sweep runs seeds of one scenario on several workers. It returns early when ctx ends, or as SweepOptions.Until says.
func (s *Scenario) Sweep(ctx context.Context, o SweepOptions) *Tally {
	defer debug.SetGCPercent(debug.SetGCPercent(sweepGC))
	workers := cmp.Or(o.Workers, runtime.GOMAXPROCS(0))
	if limit := debug.SetMemoryLimit(-1); limit == math.MaxInt64 { // nobody has set one
		debug.SetMemoryLimit(sweepMemory + workerMemory*int64(workers))
		defer debug.SetMemoryLimit(limit)
	}
	tallies := make([]*Tally, workers)
	var next, done sync.Mutex
	var group sync.WaitGroup
	var ended atomic.Bool
	defer context.AfterFunc(ctx, func() { ended.Store(true) })()
	take := func(t *Tally, _ int, r *Result) {
		t.add(r)
		if o.Done != nil {
			done.Lock()
			o.Done(r)
			done.Unlock()
		}
	}
	if o.Until != nil {
		inTurn := o.inTurn(func() { ended.Store(true) })
		take = func(_ *Tally, place int, r *Result) {
			done.Lock()
			inTurn(tallies[0], place, r)
			done.Unlock()
		}
	}
	places := 0 // that were handed out
	for i := range workers {
		t := newTally(s)
		tallies[i] = t
		group.Go(func() {
			for !ended.Load() {
				next.Lock()
				seed, ok := o.Seeds()
				place := places
				places++
				next.Unlock()
				if !ok {
					return
				}
				r := s.Watched(s.Plan(seed), Options{MaxSteps: o.MaxSteps}, o.Watchdog)
				take(t, place, &r)
			}
		})
	}
	group.Wait()
	for _, t := range tallies[1:] {
		tallies[0].Merge(t)
	}
	return tallies[0]
}

// inTurn returns a function that takes runs in any order and counts them in that of their places, up to the first that
// ends the sweep.
func (o *SweepOptions) inTurn(end func()) func(t *Tally, place int, r *Result) {
	early, turn, over := make(map[int]*Result), 0, false
	return func(t *Tally, place int, r *Result) {
		for early[place] = r; early[turn] != nil && !over; turn++ {
			r := early[turn]
			delete(early, turn)
			t.add(r)
			if o.Done != nil {
				o.Done(r)
			}
			if over = o.Until(r); over {
				end()
			}
		}
	}
}

// Watched is Run under a watchdog, which may be nil. It is told of the world in place of Options.Started.
func (s *Scenario) Watched(p nemesis.Plan, o Options, dog *Watchdog) Result {
	if dog != nil {
		var watch *Watch
		o.Started = func(w *sim.World) { watch = dog.Start(s.Name, p.Seed, w) }
		defer func() { watch.Stop() }()
	}
	return s.Run(p, o)
}

func newTally(s *Scenario) *Tally { return &Tally{Scenario: s, counts: make(map[string]*Distribution)} }

func (t *Tally) add(r *Result) {
	t.Seeds++
	t.Steps += int64(r.Steps)
	switch r.Verdict {
	case checkers.Valid:
		t.Valid++
	case checkers.Invalid:
		t.Invalid++
	default:
		t.Unknown++
	}
	if r.Expected {
		t.Expected++
	}
	t.Checks.Add(r.Checks)
	for _, c := range r.Contents {
		t.count(c.Name).Add(c.N)
	}
	if r.Verdict != checkers.Valid {
		t.find(Finding{Signature: r.Signature(), Verdict: r.Verdict, Expected: r.Expected, Runs: 1, Seeds: []uint64{r.Seed}})
	}
}

// Merge adds another tally of the same scenario.
func (t *Tally) Merge(o *Tally) {
	t.Seeds += o.Seeds
	t.Valid += o.Valid
	t.Invalid += o.Invalid
	t.Unknown += o.Unknown
	t.Expected += o.Expected
	t.Steps += o.Steps
	t.Checks.Merge(&o.Checks)
	for name, d := range o.counts {
		t.count(name).Merge(d)
	}
	for _, f := range o.Findings {
		t.find(f)
	}
}

func (t *Tally) count(name string) *Distribution {
	d := t.counts[name]
	if d == nil {
		d = &Distribution{}
		t.counts[name] = d
	}
	return d
}

func (t *Tally) find(f Finding) {
	i, ok := slices.BinarySearchFunc(t.Findings, f.Signature, func(e Finding, sig string) int {
		return strings.Compare(e.Signature, sig)
	})
	if !ok {
		t.Findings = slices.Insert(t.Findings, i, Finding{Signature: f.Signature, Verdict: f.Verdict, Expected: f.Expected})
	}
	e := &t.Findings[i]
	e.Runs += f.Runs
	e.Seeds = append(e.Seeds, f.Seeds...)
	slices.Sort(e.Seeds)
	e.Seeds = e.Seeds[:min(len(e.Seeds), MaxSeeds)]
}

// Median is what a count came to in the median seed.
func (t *Tally) Median(count string) int64 {
	d := t.counts[count]
	if d == nil {
		return 0
	}
	return d.Median(t.Seeds - d.runs)
}

// Total is a count over all seeds.
func (t *Tally) Total(count string) int64 {
	d := t.counts[count]
	if d == nil {
		return 0
	}
	return d.Sum()
}

// Counts returns the names of all counts, sorted.
func (t *Tally) Counts() []string {
	names := make([]string, 0, len(t.counts))
	for name := range t.counts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// BelowFloor returns the floors of the scenario that the sweep's medians did not reach.
func (t *Tally) BelowFloor() []Floor {
	var low []Floor
	for _, f := range t.Scenario.Floors {
		if t.Median(f.Count) < f.Least {
			low = append(low, f)
		}
	}
	return low
}

// MinSeeds is the size of a sweep from which on a `sometimes` that never held is a failure.
const MinSeeds = 200

// Missing returns the `sometimes` that never held, if the sweep is large enough to tell. A demonstration is about its
// anomaly, so nothing else is missing there.
func (t *Tally) Missing() []string {
	if t.Scenario.Anomaly != "" {
		return nil
	}
	return t.Checks.Missing(MinSeeds)
}

// AsExpected reports whether the sweep shows what its scenario expects: every run is, nothing is missing, and a
// demonstration has shown its anomaly if the sweep is large enough.
func (t *Tally) AsExpected() bool {
	if t.Expected != t.Seeds || len(t.Missing()) > 0 {
		return false
	}
	return t.Scenario.Anomaly == "" || t.Seeds < MinSeeds || t.Invalid > 0
}

// Signature is what runs that failed alike have in common.
func (r *Result) Signature() string {
	sig := r.Property
	if r.Stack != "" {
		sig += ": " + withoutNumbers(r.Detail)
	}
	if r.Verdict == checkers.Unknown {
		sig = "unknown: " + cmp.Or(sig, r.Detail)
	}
	return sig
}

// withoutNumbers replaces each run of digits by #, so that texts which differ only in values become one.
func withoutNumbers(text string) string {
	var b strings.Builder
	digits := false
	for _, c := range text {
		if digit := c >= '0' && c <= '9'; !digit {
			b.WriteRune(c)
			digits = false
		} else if !digits {
			b.WriteByte('#')
			digits = true
		}
	}
	return b.String()
}
