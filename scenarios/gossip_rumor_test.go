package scenarios

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/models/gossip"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

// claimant is a site that states facts when it starts, and does nothing.
type claimant []sim.Fact

func (c claimant) Start(env sim.Env) {
	for _, f := range c {
		env.Emit(f)
	}
}

func (claimant) Receive(sim.Env, sim.NodeID, sim.Message) {}
func (claimant) Timeout(sim.Env, sim.Timer)               {}

func TestWhatSitesSayOfRumors(t *testing.T) {
	u := &gossip.Update{ID: 7, Text: "c1 says v7"}
	var (
		learned = []sim.Fact{rumorAsked{u}, gossip.RumorLearned{Update: u, From: 2, Hot: true}}
		known   = gossip.RumorAnswered{ID: 7, From: 2, Known: true}
		needed  = gossip.RumorAnswered{ID: 7, From: 2}
		passed  = gossip.RumorPassed{ID: 7, To: 2}
		cold    = gossip.RumorCold{ID: 7}
	)
	const vain = `always "interest is lost by contacts in vain"`
	counter, coin := gossip.RumorConfig{K: 2}, gossip.RumorConfig{K: 2, Coin: true}
	blind, blindCoin := gossip.RumorConfig{K: 2, Blind: true}, gossip.RumorConfig{K: 2, Blind: true, Coin: true}
	for _, c := range []struct {
		name     string
		config   gossip.RumorConfig
		facts    []sim.Fact
		property string // empty: nothing is wrong
		detail   string
	}{
		{"after as many as it takes", counter, []sim.Fact{known, known, cold}, "", ""},
		{"early", counter, []sim.Fact{known, cold}, vain, "n1 loses interest in rumor 7 after 1 contacts in vain in a row, rather than 2"},
		{"a useful one in between", counter, []sim.Fact{known, needed, known, cold}, vain, "n1 loses interest in rumor 7 after 1 contacts in vain in a row, rather than 2"},
		{"a useful one before", counter, []sim.Fact{needed, known, known, cold}, "", ""},
		{"what was passed is not answered", counter, []sim.Fact{passed, passed, cold}, vain, "n1 loses interest in rumor 7 after 0 contacts in vain in a row, rather than 2"},
		{"by chance", coin, []sim.Fact{known, cold}, "", ""},
		{"by chance after a useful one", coin, []sim.Fact{known, needed, cold}, vain, "n1 loses interest in rumor 7 after 0 contacts in vain in a row, rather than 1"},
		{"blind", blind, []sim.Fact{passed, passed, cold}, "", ""},
		{"blind and early", blind, []sim.Fact{passed, cold}, vain, "n1 loses interest in rumor 7 after 1 contacts in vain in a row, rather than 2"},
		{"blind and by chance", blindCoin, []sim.Fact{passed, cold}, "", ""},
		{"blind and by answers", blindCoin, []sim.Fact{known, cold}, vain, "n1 loses interest in rumor 7 after 0 contacts in vain in a row, rather than 1"},
		{"twice", counter, []sim.Fact{known, known, cold, cold}, `always "only what is hot goes cold"`, "n1 loses interest in rumor 7, in which it had none"},
		{"new twice", counter, []sim.Fact{learned[1]}, `always "a rumor is new once in a life"`, "n1 learns rumor 7 a second time, from n2"},
		{"hunted", gossip.RumorConfig{K: 2, Hunt: 2}, []sim.Fact{gossip.RumorHunted{By: 2, Refused: 2}}, "", ""},
		{"hunted for too long", gossip.RumorConfig{K: 2, Hunt: 2}, []sim.Fact{gossip.RumorHunted{By: 2, Refused: 3}},
			`always "hunting ends at its limit"`, "n1 took a contact of n2 that 3 others had refused; it may try 2 more"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := *gossipRumor
			s.Build = func(r *Run) {
				r.AddServers(func(id sim.NodeID) sim.Node {
					if id == 1 {
						return claimant(append(learned[:2:2], c.facts...))
					}
					return claimant{}
				})
				watchRumor(r, &c.config)
			}
			r := s.Run(calm(&s, 2), Options{})
			if c.property == "" {
				require.Equal(t, checkers.Valid, r.Verdict, r.Detail)
				return
			}
			require.Equal(t, c.property, r.Property)
			require.Equal(t, c.detail, r.Detail)
		})
	}
}

// telling is a calm plan in which clients tell some rumors.
func telling(s *Scenario, nodes int, seed uint64) nemesis.Plan {
	p := calm(s, nodes)
	p.Seed, p.Clients = seed, 1
	for i := range 6 {
		p.Ops = append(p.Ops, nemesis.Op{At: time.Duration(i+1) * 400 * time.Millisecond, Client: 1, Kind: "tell", Value: fmt.Sprintf("v%d", i+1)})
	}
	return p
}

// Large groups choose uniformly, or near partners would take longer than anybody waits; and all that small ones choose
// spreads in time, on the longest ways too.
func TestRumorsReachTheEndsOfATopology(t *testing.T) {
	for _, c := range []struct{ sites, seeds, sparse int }{{24, 24, 8}, {sparseSites, 24, 8}, {1000, 8, 0}} {
		sparse := 0
		s := *gossipRumor
		s.Build = func(r *Run) {
			if rumorConfig(r).Topology != gossip.Uniform(c.sites) {
				sparse++
			}
			gossipRumor.Build(r)
		}
		for seed := range uint64(c.seeds) {
			r := s.Run(telling(&s, c.sites, seed+1), Options{})
			require.Equal(t, checkers.Valid, r.Verdict, "%d sites, seed %d: %s", c.sites, seed+1, r.Detail)
		}
		if c.sparse == 0 {
			assert.Zero(t, sparse)
		} else {
			assert.GreaterOrEqual(t, sparse, c.sparse)
		}
	}
}

// still is a site that begins nothing.
type still struct{ *gossip.Rumor }

func (still) Timeout(sim.Env, sim.Timer) {}

// What many sites wait for is cut.
func TestWhatManySitesLack(t *testing.T) {
	s := *gossipRumor
	s.Build = func(r *Run) {
		c := &gossip.RumorConfig{Sites: 500, Push: true, K: 2, Cycle: 100 * time.Millisecond, Backup: time.Second}
		r.AddServers(func(sim.NodeID) sim.Node { return still{gossip.NewRumor(c)} })
		g := rumorGroup{run: r, site: func(id sim.NodeID) *gossip.Rumor { return r.World.Node(id).(still).Rumor }}
		r.World.At(r.QuietFrom(), func() {
			for id := uint64(1); id <= 6; id++ {
				r.World.Do(1, func(env sim.Env) { g.site(1).Tell(env, &gossip.Update{ID: id}) })
			}
		})
		r.Liveness("all sites know all rumors", Progress{Budget: time.Second, Await: g.spread, Waiting: g.missing})
	}
	r := s.Run(telling(&s, 500, 1), Options{})
	require.Equal(t, `eventually "all sites know all rumors"`, r.Property)
	require.Regexp(t, `^after .*: n2 lacks v1,v2,v3,v4,2 more; n3 .*; n4 .*; n5 lacks v1,v2,v3,v4,2 more; 495 more sites$`, r.Detail)
}
