package sim_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
