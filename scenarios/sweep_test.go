package scenarios_test

import (
	"context"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
)

// upTo hands out the seeds from first to last.
func upTo(first, last uint64) func() (uint64, bool) {
	return func() (uint64, bool) {
		first++
		return first - 1, first-1 <= last
	}
}

func sweep(s *scenarios.Scenario, first, last uint64, workers int) *scenarios.Tally {
	return s.Sweep(context.Background(), scenarios.SweepOptions{Seeds: upTo(first, last), Workers: workers})
}

// sums is all that a tally tells.
type sums struct {
	Seeds, Valid, Invalid, Unknown, Expected, Steps int64
	Properties                                      []checkers.Tally
	Findings                                        []scenarios.Finding
	Totals, Medians                                 map[string]int64
	Missing                                         []string
	BelowFloor                                      []scenarios.Floor
	AsExpected                                      bool
}

func sumsOf(t *scenarios.Tally) sums {
	s := sums{
		t.Seeds, t.Valid, t.Invalid, t.Unknown, t.Expected, t.Steps, t.Checks.Tallies(), t.Findings,
		make(map[string]int64), make(map[string]int64), t.Missing(), t.BelowFloor(), t.AsExpected(),
	}
	for _, name := range t.Counts() {
		s.Totals[name], s.Medians[name] = t.Total(name), t.Median(name)
	}
	return s
}

// varied is a toy whose runs end in every way.
func varied() *scenarios.Scenario {
	s := ring()
	s.Name = "toy/varied"
	s.Floors = []scenarios.Floor{{Count: "holders", Least: 10}, {Count: "holders", Least: 1000}, {Count: "pigs", Least: 1}}
	s.Judge = func(r *scenarios.Run) {
		r.Contents.Add("seeds like "+strconv.FormatUint(r.Plan.Seed%3, 10), 1)
		switch r.Plan.Seed % 7 {
		case 0:
			panic("seed " + strconv.FormatUint(r.Plan.Seed, 10))
		case 1:
			r.Checks.Add("decided", checkers.Result{Detail: "perhaps"})
		case 2:
			r.Checks.Always("no seed is odd").Check(r.Plan.Seed%2 == 0, func() string { return "this one is" })
		}
	}
	return s
}

// A sweep comes to the same however many workers share its seeds.
func TestSweepWorkers(t *testing.T) {
	kv, err := scenarios.Catalogue().Find("arithmetic/arrival")
	require.NoError(t, err)
	for _, s := range []*scenarios.Scenario{varied(), kv} {
		one, four := sumsOf(sweep(s, 1, 60, 1)), sumsOf(sweep(s, 1, 60, 4))
		require.Equal(t, one, four)
		require.EqualValues(t, 60, one.Seeds)
		require.NotEmpty(t, one.Findings)
		require.Positive(t, one.Steps)
	}
}

// A sweep that ends with the first run of some kind has run all before it and none behind it, however many workers share
// the seeds.
func TestSweepUntil(t *testing.T) {
	s := varied()
	rapid.Check(t, func(t *rapid.T) {
		first := rapid.Uint64Range(1, 50).Draw(t, "first")
		last := first + rapid.Uint64Range(0, 30).Draw(t, "more")
		rest := rapid.Uint64Range(0, 6).Draw(t, "rest")
		end := first
		for end < last && end%7 != rest {
			end++
		}
		var done []uint64
		got := s.Sweep(context.Background(), scenarios.SweepOptions{
			Seeds: upTo(first, last), Workers: rapid.IntRange(1, 4).Draw(t, "workers"),
			Done:  func(r *scenarios.Result) { done = append(done, r.Seed) },
			Until: func(r *scenarios.Result) bool { return r.Seed%7 == rest },
		})
		require.Equal(t, sumsOf(sweep(s, first, end, 1)), sumsOf(got))
		require.True(t, slices.IsSorted(done))
		require.Len(t, done, int(end-first+1))
	})
}

func TestSweepTells(t *testing.T) {
	s := varied()
	seen := make(map[uint64]string)
	tally := s.Sweep(context.Background(), scenarios.SweepOptions{
		Seeds: upTo(1, 70), Workers: 3,
		Done: func(r *scenarios.Result) { seen[r.Seed] = r.Line() },
	})
	require.Len(t, seen, 70)
	var signatures []string
	runs := int64(0)
	for _, f := range tally.Findings {
		signatures = append(signatures, f.Signature)
		require.True(t, slices.IsSorted(f.Seeds))
		require.Len(t, f.Seeds, int(f.Runs))
		for _, seed := range f.Seeds {
			r := s.RunSeed(seed, scenarios.Options{})
			require.Equal(t, f.Signature, r.Signature())
			require.Equal(t, f.Verdict, r.Verdict)
			require.Equal(t, seen[seed], r.Line())
		}
		runs += f.Runs
	}
	require.Equal(t, []string{
		`always "no panic": seed #`, `always "no seed is odd"`, `always "there is one token"`, `unknown: always "decided"`,
	}, signatures)
	require.Equal(t, runs, tally.Invalid+tally.Unknown)
	require.Equal(t, tally.Seeds, tally.Invalid+tally.Unknown+tally.Valid)
	require.Equal(t, tally.Valid, tally.Expected)
	require.False(t, tally.AsExpected())
	require.Equal(t, s.Floors[1:], tally.BelowFloor())
	require.Zero(t, tally.Median("seeds like 2"), "most runs did not count it")
	require.Positive(t, tally.Total("seeds like 2"))
	require.Zero(t, tally.Median("pigs"))
	require.Zero(t, tally.Total("pigs"))
}

// Tallies of parts of a sweep merge to that of the whole, in any order.
func TestTallyMerges(t *testing.T) {
	s := varied()
	whole := sumsOf(sweep(s, 1, 40, 1))
	rapid.Check(t, func(t *rapid.T) {
		cut := rapid.Uint64Range(0, 40).Draw(t, "cut")
		left, right := sweep(s, 1, cut, 1), sweep(s, cut+1, 40, 1)
		if rapid.Bool().Draw(t, "swapped") {
			left, right = right, left
		}
		left.Merge(right)
		require.Equal(t, whole, sumsOf(left))
	})
}

func TestSweepKeepsSmallestSeeds(t *testing.T) {
	s := calls("toy/never", func(sim.Env) { panic("never") })
	f := sweep(s, 1, scenarios.MaxSeeds+20, 4).Findings
	require.Len(t, f, 1)
	require.EqualValues(t, scenarios.MaxSeeds+20, f[0].Runs)
	require.Len(t, f[0].Seeds, scenarios.MaxSeeds)
	for i, seed := range f[0].Seeds {
		require.EqualValues(t, i+1, seed)
	}
}

func TestSweepEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := ring()
	runs := 0
	tally := s.Sweep(ctx, scenarios.SweepOptions{
		Seeds: upTo(1, 1<<40), Workers: 2,
		Done: func(*scenarios.Result) {
			if runs++; runs == 10 {
				cancel()
			}
		},
	})
	require.GreaterOrEqual(t, tally.Seeds, int64(10))
	require.EqualValues(t, runs, tally.Seeds)

	empty := sweep(s, 1, 0, 2)
	require.Zero(t, empty.Seeds)
	require.True(t, empty.AsExpected())
	require.Zero(t, empty.Median("holders"))
}

// A sweep that is large enough to tell misses what never happened.
func TestMissing(t *testing.T) {
	s := calls("toy/hopes", func(sim.Env) {})
	build := s.Build
	s.Build = func(r *scenarios.Run) {
		build(r)
		r.Checks.Sometimes("pigs fly")
		r.Checks.Always("flying pigs land")
	}
	small, large := sweep(s, 1, scenarios.MinSeeds-1, 0), sweep(s, 1, scenarios.MinSeeds, 0)
	require.Empty(t, small.Missing())
	require.True(t, small.AsExpected())
	require.Equal(t, []string{`always "flying pigs land"`, `sometimes "pigs fly"`}, large.Missing())
	require.False(t, large.AsExpected())

	s.Anomaly = `always "f returns"`
	require.Empty(t, sweep(s, 1, scenarios.MinSeeds, 0).Missing(), "a demonstration is about its anomaly")
}

// A demonstration is to show its anomaly, and no other.
func TestDemonstration(t *testing.T) {
	s := ring()
	s.Anomaly = `always "there is one token"`
	tally := sweep(s, 1, scenarios.MinSeeds, 0)
	require.Positive(t, tally.Invalid)
	require.True(t, tally.AsExpected())
	require.Len(t, tally.Findings, 1)
	require.True(t, tally.Findings[0].Expected)

	s.Anomaly = `always "there are two tokens"`
	require.False(t, sweep(s, 1, scenarios.MinSeeds, 0).AsExpected(), "this is another violation")

	s = calls("toy/calls", func(sim.Env) {})
	s.Anomaly = `always "f returns"`
	require.True(t, sweep(s, 1, scenarios.MinSeeds-1, 0).AsExpected(), "too small to tell")
	require.False(t, sweep(s, 1, scenarios.MinSeeds, 0).AsExpected(), "it never showed")
}

func TestSignature(t *testing.T) {
	for _, c := range []struct {
		r    scenarios.Result
		want string
	}{
		{scenarios.Result{Verdict: checkers.Invalid, Property: `always "p 7"`, Detail: "at 8"}, `always "p 7"`},
		{scenarios.Result{Verdict: checkers.Invalid, Property: `always "no panic"`, Detail: "index 12 of 3, 0x1f", Stack: "…"}, `always "no panic": index # of #, #x#f`},
		{scenarios.Result{Verdict: checkers.Unknown, Property: `always "p"`, Detail: "why"}, `unknown: always "p"`},
		{scenarios.Result{Verdict: checkers.Unknown, Detail: "why"}, "unknown: why"},
	} {
		require.Equal(t, c.want, c.r.Signature())
	}
}

// Coroutines end with their run, however it ends.
func TestGoroutinesEnd(t *testing.T) {
	before := runtime.NumGoroutine()
	tally := sweep(spawning(), 1, 40, 4)
	require.Positive(t, tally.Invalid)
	require.Positive(t, tally.Total("crashes"))
	for range 1000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(time.Millisecond) // one that has just ended still counts
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before)
}

// What a run leaves in memory does not grow with the number of runs.
func TestMemoryStaysFlat(t *testing.T) {
	s := varied()
	heap := func(first, last uint64) int64 {
		tally := sweep(s, first, last, 0)
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		runtime.KeepAlive(tally)
		return int64(m.HeapAlloc)
	}
	few, many := 500, 4000
	if testing.Short() {
		few, many = 200, 800
	}
	before := heap(1, uint64(few))
	require.Less(t, heap(1, uint64(many))-before, int64(1<<20))
}
