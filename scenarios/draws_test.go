package scenarios

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// Removing a fault leaves all other draws of the network as they were: for every packet, the k-th of its link, that both
// runs have, over the whole run.
func TestRemovingAFaultDisturbsNoDraw(t *testing.T) {
	const plans = 100
	packets, differ := 0, 0
	for seed := range uint64(plans) {
		plan := raftKV.Plan(seed + 1)
		without := plan
		gone := int(sim.Scale(sim.Mix(seed), uint64(len(plan.Faults))))
		without.Faults = slices.Delete(slices.Clone(plan.Faults), gone, gone+1)

		one, hash := drawsOf(plan)
		two, otherHash := drawsOf(without)
		if hash != otherHash {
			differ++
		}
		for link, draws := range one {
			n := min(len(draws), len(two[link]))
			require.Equal(t, draws[:n], two[link][:n], "seed %d without %v: link %v", plan.Seed, plan.Faults[gone], link)
			packets += n
		}
	}
	assert.Greater(t, differ, plans/2, "most faults change the run")
	assert.Greater(t, packets, plans*1000)
}

type link struct{ from, to sim.NodeID }

// drawn is what was drawn for a packet: the fate that its link's model gave it, and the beginning of all draws of rules.
type drawn struct {
	copies [sim.MaxCopies]time.Duration
	n      int
	rules  netsim.Draws
}

// drawsOf runs a plan, and returns the draws of each link in their order.
func drawsOf(p nemesis.Plan) (map[link][]drawn, uint64) {
	all := map[link][]drawn{}
	s := *raftKV
	s.Build = func(r *Run) {
		r.Net.Install(onlooker(all)) // before all faults, so it sees the fates that the models made
		raftKV.Build(r)
	}
	return all, s.Run(p, Options{}).Hash
}

// onlooker is a rule that changes nothing.
type onlooker map[link][]drawn

func (o onlooker) Target() netsim.Target {
	return netsim.Target{Name: "onlooker", Share: sim.Million}
}

func (o onlooker) Rewrite(p *sim.Packet, d netsim.Draws) {
	seen := drawn{n: p.Fate.Len(), rules: d}
	for i := range seen.n {
		seen.copies[i] = p.Fate.Delay(i)
	}
	l := link{p.From, p.To}
	o[l] = append(o[l], seen)
}

func (o onlooker) String() string { return "onlooker" }
