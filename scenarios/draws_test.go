package scenarios

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
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

// Faults of the catalogue's plans begin at any time: each tenth of a run gets its tenth of them, to within 2 %. What waits
// counts from when it waits. Storms are left out: they leave the starts uniform, too, but as few as they are it takes very many
// plans to show it (see TestStormsCrowdMoments of nemesis). So are plans with a core: what lasts for ever begins late in them, by
// design, and nothing can strike a node that is out. For a like reason there is a little more at the very beginning, before
// which no node is down.
func TestCatalogueFaultsAreUniform(t *testing.T) {
	var started [10]int
	all := 0
	for _, s := range Catalogue().All() {
		space := s.Space
		space.Storms = nemesis.Range[int]{}
		for seed := range uint64(2000) {
			p := space.Draw(seed + 1)
			if len(p.Core) > 0 {
				continue
			}
			for _, e := range p.Faults {
				started[e.At*10/p.Duration]++
				all++
			}
		}
	}
	require.Greater(t, all, 400_000) // the standard deviation is half a percent
	for i, n := range started {
		assert.InEpsilon(t, all/10, n, 0.02, "decile %d", i)
	}
}

// A slow link to the clients makes their operations slow. Servers are as far from each other as before: each packet that
// both runs have draws the same fate.
func TestClientLinks(t *testing.T) {
	const way = 40 * time.Millisecond
	slow := netsim.Link{Latency: netsim.Latency{Shape: netsim.Constant, Min: way}, FIFO: true}
	for seed := range uint64(20) {
		plan := raftKV.Plan(seed + 1)
		plan.Faults, plan.Core = nil, nil
		far := plan
		far.ClientLink = slow
		near, away := raftKV.Run(plan, Options{}), raftKV.Run(far, Options{})
		require.Equal(t, checkers.Valid, near.Verdict)
		require.Equal(t, checkers.Valid, away.Verdict, away.Line())
		require.GreaterOrEqual(t, medianTime(away.History), 2*way)
		require.GreaterOrEqual(t, medianTime(away.History), medianTime(near.History)+way)

		one, _ := drawsOf(plan)
		two, _ := drawsOf(far)
		between := 0
		for link, draws := range one {
			if int(max(link.from, link.to)) > plan.Nodes {
				require.Equal(t, way, two[link][0].copies[0])
				require.Zero(t, draws[0].copies[0])
				continue
			}
			n := min(len(draws), len(two[link]))
			require.Equal(t, draws[:n], two[link][:n], "seed %d: link %v", plan.Seed, link)
			between += n
		}
		require.Greater(t, between, 1000)
	}
}

// medianTime is how long an operation took that succeeded.
func medianTime(history []*sim.Op) time.Duration {
	var took []time.Duration
	for _, op := range history {
		if op.Outcome == sim.OK {
			took = append(took, op.Ended.Sub(op.Invoked))
		}
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// With slow links to the clients, and faults, correct models are still right.
func TestClientLinksAreSound(t *testing.T) {
	for _, base := range []*Scenario{raftKV, raftLogService, arithmeticActive} {
		s := *base
		exponential := netsim.Link{Latency: netsim.Latency{Shape: netsim.Exponential, Mean: 20 * time.Millisecond}, Loss: 50_000}
		stream := netsim.Link{Latency: netsim.Latency{Shape: netsim.Uniform, Max: time.Second}, FIFO: true, Loss: 10_000}
		s.Space.ClientLinks = []nemesis.Range[netsim.Link]{{Min: exponential, Max: exponential}, {Min: stream, Max: stream}}
		for seed := range uint64(40) {
			r := s.RunSeed(seed+1, Options{})
			require.True(t, r.Expected, "%s seed %d: %s", s.Name, seed+1, r.Line())
		}
	}
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
