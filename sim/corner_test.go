package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// A pause that a fact provokes comes between this effect and the next.
func TestAPauseInsideAWatchHoldsTheRest(t *testing.T) {
	for _, busy := range []bool{false, true} {
		w, j := pair(t, &script{receive: func(env sim.Env, _ sim.NodeID, _ sim.Message) {
			if busy {
				env.Disk().Sync()
			}
			env.Emit("I lead")
			env.Send(2, "so I write")
			env.Disk().Open("log").Append([]byte("x"))
			env.SetTimer(sim.Timer{Name: "t"}, 20*ms)
		}, timeout: func(env sim.Env, tm sim.Timer) { env.Send(2, tm) }})
		w.RunUntil(0)
		w.Watch(func(s *sim.Step) { w.PauseFor(s.Node, 50*ms) })
		w.Do(2, func(env sim.Env) { env.Send(1, "go"); env.Send(1, "again") })
		require.True(t, w.RunUntil(at(100*ms)))
		want := []string{"0.052s n1 so I write", "0.102s n1 so I write"}
		if busy {
			want = []string{"0.062s n1 so I write", "0.122s n1 so I write"}
		}
		w.RunUntil(at(125 * ms))
		require.GreaterOrEqual(t, len(j.lines), 2)
		assert.Equal(t, want[0], j.lines[0], "busy: %v", busy)
		assert.Contains(t, j.lines, want[1], "busy: %v", busy)
		w.Close()
	}
}

// A timer that is set again to the instant of its old deadline takes its place
// among the effects by the new call.
func TestATimerSetAgainToItsOldDeadline(t *testing.T) {
	var fired []string
	w := sim.New(sim.Config{})
	w.Add(node(&script{
		start: func(env sim.Env) {
			env.SetTimer(sim.Timer{Name: "a"}, 10*ms)
			env.SetTimer(sim.Timer{Name: "b"}, 10*ms)
			env.SetTimer(sim.Timer{Name: "c"}, 5*ms)
		},
		timeout: func(env sim.Env, tm sim.Timer) {
			if tm.Name == "c" {
				env.SetTimer(sim.Timer{Name: "a"}, 5*ms)
			}
			fired = append(fired, tm.Name)
		},
	}))
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, []string{"c", "b", "a"}, fired)
}

// A timer of a clock that stands still does not fire at the end of time.
func TestATimerOfAFrozenClockNeverFires(t *testing.T) {
	var fired []string
	w := sim.New(sim.Config{})
	w.Add(node(&script{
		start: func(env sim.Env) {
			env.SetTimer(sim.Timer{Name: "a"}, 10*ms)
			env.StopTimer(sim.Timer{Name: "a"})
		},
		timeout: func(env sim.Env, tm sim.Timer) { fired = append(fired, tm.Name) },
	}))
	w.At(at(ms), func() { w.Clock(1, func(s *clock.Skew, now clock.Time) { s.Freeze(now) }) })
	w.At(at(2*ms), func() { w.Do(1, func(env sim.Env) { env.SetTimer(sim.Timer{Name: "a"}, 10*ms) }) })
	for w.Step() {
	}
	assert.Empty(t, fired)
	assert.Less(t, w.Now(), at(time.Second))
}

// A timer runs from the departure of its setting. A pause that holds the
// departure back holds the timer back: a promise that left with the setting
// must not outlast the timer that guards it.
func TestATimerRunsFromItsDeparture(t *testing.T) {
	guard := sim.Timer{Name: "guard"}
	for name, c := range map[string]struct {
		disturb func(w *sim.World)
		left    clock.Time // when the sync, and so the setting, departs
		fires   clock.Time
	}{
		"nothing":    {func(w *sim.World) {}, at(10 * ms), at(60 * ms)},
		"pause":      {func(w *sim.World) { w.PauseFor(1, 95*ms) }, at(100 * ms), at(150 * ms)},
		"long pause": {func(w *sim.World) { w.PauseFor(1, 15*ms) }, at(20 * ms), at(70 * ms)},
		"slow clock": {func(w *sim.World) {
			w.Clock(1, func(s *clock.Skew, now clock.Time) { s.SetDrift(now, -500_000) })
		}, at(10 * ms), at(110 * ms)},
		"fast clock": {func(w *sim.World) {
			w.Clock(1, func(s *clock.Skew, now clock.Time) { s.SetDrift(now, 1_000_000) })
		}, at(10 * ms), at(35 * ms)},
		"frozen clock": {func(w *sim.World) {
			w.Clock(1, func(s *clock.Skew, now clock.Time) { s.Freeze(now) })
			w.At(at(200*ms), func() { w.Clock(1, func(s *clock.Skew, now clock.Time) { s.Thaw(now) }) })
		}, at(10 * ms), at(250 * ms)},
	} {
		t.Run(name, func(t *testing.T) {
			var left, fired clock.Time
			w, _ := pair(t, &script{start: func(env sim.Env) {
				env.Disk().Sync()
				env.SetTimer(guard, time.Hour)
				env.StopTimer(guard)
				env.Emit("I promise")
				env.SetTimer(guard, 50*ms)
			}})
			w.Watch(func(*sim.Step) { left = w.Now() })
			w.RunUntil(0)
			w.Node(1).(*script).timeout = func(sim.Env, sim.Timer) { fired = w.Now() }
			w.At(at(5*ms), func() { c.disturb(w) })
			require.True(t, w.RunUntil(at(time.Second)))
			assert.Equal(t, c.left, left)
			assert.Equal(t, c.fires, fired)
		})
	}
}
