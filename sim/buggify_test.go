package sim_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// visitor visits two sites each millisecond.
type visitor struct{ fired map[string][]bool }

func (v *visitor) Start(env sim.Env) { env.SetTimer(sim.Timer{Name: "visit"}, time.Millisecond) }
func (*visitor) Receive(sim.Env, sim.NodeID, sim.Message) {
}
func (v *visitor) Timeout(env sim.Env, t sim.Timer) {
	for _, site := range []string{"a", "b"} {
		v.fired[site] = append(v.fired[site], sim.Buggify(env, site))
	}
	env.SetTimer(t, time.Millisecond)
}

func visits(seed uint64, o sim.Oddities) (node1, node2 map[string][]bool) {
	w := sim.New(sim.Config{Seed: seed, Buggify: o})
	defer w.Close()
	nodes := []*visitor{{map[string][]bool{}}, {map[string][]bool{}}}
	for _, n := range nodes {
		w.Add(func(sim.NodeID) sim.Node { return n })
	}
	w.RunUntil(clock.Time(time.Second))
	return nodes[0].fired, nodes[1].fired
}

func count(fired []bool) (n int) {
	for _, f := range fired {
		if f {
			n++
		}
	}
	return n
}

// A site is on or off for a whole run, at all nodes; one that is on fires at the share of visits.
func TestBuggify(t *testing.T) {
	on, both := 0, 0
	for seed := range uint64(200) {
		one, two := visits(seed, sim.Oddities{Sites: 300_000, Visits: 200_000})
		again, _ := visits(seed, sim.Oddities{Sites: 300_000, Visits: 200_000})
		require.Equal(t, one, again)
		there := 0
		for _, site := range []string{"a", "b"} {
			require.Equal(t, count(one[site]) > 0, count(two[site]) > 0, "a run has a site on or off")
			if n := count(one[site]); n > 0 {
				require.InDelta(t, len(one[site])/5, n, 60)
				require.NotEqual(t, one[site], two[site], "nodes draw for themselves")
				there++
			}
		}
		on += there
		if there == 2 {
			both++
		}
	}
	assert.InDelta(t, 200*2*3/10, on, 35)
	assert.InDelta(t, 200*9/100, both, 14, "sites are independent")
}

// Worlds that do not ask for it never fire.
func TestBuggifyIsOffByDefault(t *testing.T) {
	one, _ := visits(1, sim.Oddities{})
	require.NotEmpty(t, one["a"])
	require.Zero(t, count(one["a"])+count(one["b"]))
}
