package scenarios_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
)

// walk is a toy that goes forward by one step after each of these spans, counted from the end of the fault phase, and has
// arrived with the last. Its budget is a second, and so is its tail.
func walk(spans []time.Duration, excuses ...scenarios.Excuse) *scenarios.Scenario {
	return toy("toy/walk", func(r *scenarios.Run) {
		r.AddServers(func(sim.NodeID) sim.Node { return &registerNode{} })
		r.Checks.Always("the walk has begun").Hold()
		var gone int
		at := r.QuietFrom()
		for _, span := range spans {
			at = at.Add(span)
			r.World.At(at, func() { gone++ })
		}
		r.Liveness("the walk ends", scenarios.Progress{
			Budget:  time.Second,
			Await:   func() (uint64, bool) { return uint64(gone), gone == len(spans) },
			Waiting: func() string { return "it is a long way" },
			Excuses: excuses,
		})
	}, nil)
}

func TestLivenessRestartsItsBudgetOnProgress(t *testing.T) {
	const step = 600 * ms
	for _, c := range []struct {
		name   string
		spans  []time.Duration
		detail string     // empty: it arrives
		ends   clock.Time // of the run
	}{
		{"at once", nil, "", clock.Time(3 * time.Second)},
		{"within the tail", []time.Duration{step}, "", clock.Time(3 * time.Second)},
		{"after the tail", []time.Duration{step, step}, "", clock.Time(3200 * ms)},
		{"slower than the budget", []time.Duration{step, 1200 * ms},
			"after 1s without progress, 1.6s after everything was healed: it is a long way", clock.Time(3600 * ms)},
		{"without an end", []time.Duration{step, step, step, step, step},
			"after 200ms without progress, 2s after everything was healed: it is a long way", clock.Time(4 * time.Second)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := walk(c.spans)
			r := s.Run(toyPlan(s, 0), scenarios.Options{})
			require.Equal(t, c.ends, r.Virtual)
			if c.detail == "" {
				require.Equal(t, checkers.Valid, r.Verdict)
				return
			}
			require.Equal(t, checkers.Invalid, r.Verdict)
			require.Equal(t, `eventually "the walk ends"`, r.Property)
			require.Equal(t, c.detail, r.Detail)
			require.Zero(t, r.Step, "what does not happen is of no step")
			again := s.Run(toyPlan(s, 0), scenarios.Options{UntilStep: r.Steps + 1})
			require.Equal(t, outcomeOf(r), outcomeOf(again))
		})
	}
}

func TestAnExcuseIsCountedIfItHolds(t *testing.T) {
	var asked []string
	excuse := func(name string, holds bool) scenarios.Excuse {
		return scenarios.Excuse{Name: name, Holds: func() bool { asked = append(asked, name); return holds }}
	}
	s := walk([]time.Duration{time.Hour},
		excuse("it rains", false), excuse("the bridge is down", true), excuse("never asked", true))
	r := s.Run(toyPlan(s, 0), scenarios.Options{})
	require.Equal(t, checkers.Valid, r.Verdict, "%s", r.Detail)
	require.Equal(t, []string{"it rains", "the bridge is down"}, asked, "once each, when time was up")
	require.Equal(t, int64(1), r.Contents.Get("excused: the bridge is down"))
	require.Equal(t, clock.Time(3*time.Second), r.Virtual)
	for _, p := range r.Checks.Properties() {
		if p.Quantifier == checkers.Eventually {
			require.Equal(t, checkers.Unknown, p.Result().Verdict, "an excuse proves nothing")
		}
	}

	s = walk([]time.Duration{time.Hour}, excuse("it rains", false))
	r = s.Run(toyPlan(s, 0), scenarios.Options{})
	require.Equal(t, checkers.Invalid, r.Verdict)
	require.Zero(t, r.Contents.Get("excused: it rains"))
}
