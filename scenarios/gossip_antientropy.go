package scenarios

import (
	"fmt"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/models/gossip"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

var gossipAntiEntropy = &Scenario{
	Name:  "gossip/antientropy",
	Words: gossipWords,
	Doc:   "A database replicated by anti-entropy, with death certificates: no value is invented or resurrected, and sites converge.",
	Space: antiEntropySpace(),
	Tail:  5 * time.Second,
	Facts: []string{"EntropyAgreed", "EntropyDiffered", "EntropyPeeled", "EntropyRecovered", "EntropySkipped"},
	Build: buildAntiEntropy,
	Floors: []Floor{
		{"operations", 100}, {"ok", 60}, {"clients", 3}, {"crashes", 3}, {"planned partition", 2}, {"deletes", 8},
		{"entries learned", 100}, {"virtual ms", 30_000},
	},
}

// What is deleted is told by clocks: a certificate is dropped when it is old by the clock of a site. So anti-entropy
// promises something only where clocks are off by less than a certificate is kept for. Those of a plan are at most this
// much ahead of true time: three jumps of 200 ms, and three drifts of 0.5 % for 20 s.
const antiEntropySkew = 3*200*time.Millisecond + 3*100*time.Millisecond

// entropyBudget: any two sites go on without the others, with what is left among them.
var entropyBudget = nemesis.Budget{
	Quorum:  func(nodes int) int { return min(2, nodes) },
	Outside: []string{"crash", "crash", "pause", "isolate", "partition", "clog"},
}

// antiEntropySpace is without those faults of clocks that the model does not promise to survive, and of disks has crashes
// that lose or tear what was not synced: sites stop for good when their disks err.
func antiEntropySpace() nemesis.Space {
	s := nemesis.DefaultSpace("gossip/antientropy")
	s.OpKinds = []nemesis.OpKind{
		{Kind: "put", Weight: 4, Key: true, Value: true},
		{Kind: "delete", Weight: 3, Key: true},
		{Kind: "get", Weight: 2, Key: true},
	}
	s.Keys = []string{"a", "b", "c", "d", "e", "f"}
	s.Buggify = true
	s.Budget = entropyBudget
	s.Storms = nemesis.Range[int]{Max: 4}
	s.Facts = []string{"EntropyStored", "EntropyMet", "EntropyDormant", "EntropyWoken", "EntropyDropped"}
	for i := range s.Faults {
		switch k := &s.Faults[i]; k.Kind {
		case "clock_drift":
			k.Rate = nemesis.Range[sim.PPM]{Min: 100, Max: 5_000}
		case "clock_jump":
			k.By = nemesis.Range[time.Duration]{Min: time.Millisecond, Max: 200 * time.Millisecond}
		case "clock_freeze": // puts a clock behind for good
			k.Window = nemesis.Range[time.Duration]{Min: 10 * time.Millisecond, Max: 200 * time.Millisecond}
		}
	}
	s.Faults = append(s.Faults,
		// One that is long enough for certificates to go to sleep meanwhile.
		nemesis.FaultKind{Kind: "isolate", Count: nemesis.Range[int]{Min: 1, Max: 2}, Window: nemesis.Range[time.Duration]{Min: 6 * time.Second, Max: 14 * time.Second}},
		nemesis.FaultKind{Kind: "lose_unsynced", Count: nemesis.Range[int]{Min: 2, Max: 6}},
		nemesis.FaultKind{Kind: "torn_write", Count: nemesis.Range[int]{Min: 1, Max: 4}},
	)
	return s
}

// antiEntropyConfig draws what a deployment may choose.
func antiEntropyConfig(r *Run) gossip.EntropyConfig {
	d := sim.NewStream(r.Plan.Seed, "anti-entropy config")
	c := gossip.EntropyConfig{
		Sites:   r.Servers(),
		Period:  d.Between(80*time.Millisecond, 250*time.Millisecond),
		Compare: gossip.EntropyCompare(d.Below(5)),
		Batch:   1 + int(d.Below(3)),
		Window:  d.Between(200*time.Millisecond, 2*time.Second),
		Retain:  []time.Duration{3 * time.Second, 4 * time.Second, 6 * time.Second, time.Minute}[d.Below(4)],
		Keepers: 1 + int(d.Below(uint64(r.Plan.Nodes))),
	}
	if c.Compare <= gossip.ByRecent {
		c.Direction = gossip.EntropyDirection(d.Below(3))
	}
	return c
}

func buildAntiEntropy(r *Run) {
	c := antiEntropyConfig(r)
	spread := watchAntiEntropy(r, c)
	r.AddServers(func(sim.NodeID) sim.Node { return gossip.NewEntropySite(c) })
	r.AddClients(func(_ int, ops []nemesis.Op) sim.Node {
		return sim.Spawn(func(p *sim.Proc) { antiEntropyClient(p, r, spread, ops) })
	})
	antiEntropyConverges(r, c, spread)
}

type entropySpread = checkers.Spread[string, string, gossip.EntropyStamp]

// watchAntiEntropy checks the facts of sites online.
func watchAntiEntropy(r *Run, c gossip.EntropyConfig) *entropySpread {
	spread := checkers.NewSpread[string, string, gossip.EntropyStamp](r.Checks, checkers.SpreadOptions[gossip.EntropyStamp]{
		Keep:   c.Retain - antiEntropySkew,
		Origin: func(version gossip.EntropyStamp) sim.NodeID { return version.Site },
	})
	met := r.Checks.Sometimes("a death certificate met an old value")
	dormant := r.Checks.Sometimes("a certificate went to sleep")
	woken := r.Checks.Sometimes("a dormant certificate was woken")
	dropped := r.Checks.Sometimes("a certificate was dropped")
	agreed := r.Checks.Sometimes("checksums agreed")
	differed := r.Checks.Sometimes("checksums differed, and all was sent")
	peeled := r.Checks.Sometimes("a peel-back went more than one step")
	skipped := r.Checks.Sometimes("branches of a Merkle tree were skipped")
	back := r.Checks.Sometimes("an old value came back where nobody remembered")
	forgot := make(map[string]gossip.EntropyStamp)
	r.World.Watch(func(s *sim.Step) {
		switch f := s.Payload.(type) {
		case gossip.EntropyStored:
			site := s.Node.String() + f.Key
			if f.Dead {
				spread.Bury(s.Node, f.Key, f.Stamp, max(f.Stamp.Wall, f.Woken))
			} else {
				spread.Hold(s.Node, f.Key, f.Stamp, f.Value)
				if f.Stamp.Before(forgot[site]) {
					back.Hold()
				}
			}
			delete(forgot, site)
			if f.Stamp.Site != s.Node {
				r.Contents.Add("entries learned", 1)
			} else if f.Dead {
				r.Contents.Add("deletes", 1)
			}
		case gossip.EntropyDropped:
			spread.Forget(s.Node, f.Key, f.Stamp, s.At)
			forgot[s.Node.String()+f.Key] = f.Stamp
			dropped.Hold()
		case gossip.EntropyMet:
			met.Hold()
		case gossip.EntropyDormant:
			dormant.Hold()
		case gossip.EntropyWoken:
			woken.Hold()
		case gossip.EntropyAgreed:
			agreed.Hold()
		case gossip.EntropyDiffered:
			differed.Hold()
		case gossip.EntropyPeeled:
			if f.Steps > 1 {
				peeled.Hold()
			}
		case gossip.EntropySkipped:
			skipped.Hold()
		}
	})
	return spread
}

// antiEntropyClient sends each operation to some site, once: what is not answered in time may or may not have happened.
func antiEntropyClient(p *sim.Proc, r *Run, spread *entropySpread, ops []nemesis.Op) {
	servers := r.Servers()
	for i, op := range ops {
		p.Sleep(op.At - p.Elapsed())
		if p.Elapsed() >= r.Plan.Duration {
			return
		}
		site := servers[p.Rand().IntN(len(servers))]
		id := uint64(p.ID())<<32 | uint64(i)
		var ask sim.Message
		switch op.Kind {
		case "put":
			spread.Write(op.Key, op.Value)
			ask = gossip.EntropyPut{ID: id, Key: op.Key, Value: op.Value}
		case "delete":
			spread.Delete(op.Key)
			ask = gossip.EntropyDelete{ID: id, Key: op.Key}
		case "get":
			ask = gossip.EntropyGet{ID: id, Key: op.Key}
		default:
			panic("gossip/antientropy has no operation " + op.Kind)
		}
		call := p.Op(ask)
		answer, ok := p.Call(site, ask, time.Second, func(m sim.Message) bool {
			a, ok := m.(gossip.EntropyAnswer)
			return ok && a.ID == id
		})
		switch {
		case ok:
			a := answer.(gossip.EntropyAnswer)
			if a.Found {
				spread.Read(site, op.Key, a.Stamp, a.Value)
			}
			call.OK(a)
		case op.Kind == "get":
			call.Fail()
		default:
			call.Info()
		}
	}
}

// antiEntropyConverges demands that all sites come to have the latest of each key, which is none where that is a delete.
//
// Each period some site that lacks an update picks one that has it, or the other way round. The worst is one or all but one
// of five that have it: 0.32 of the periods bring nothing (2/3 of exchanges survive the worst link, of four packets), so
// that 40 of them bring nothing once in 10⁹. An old value that comes back must find a site that remembers first, and what
// that says must find all others: that makes three such spreads.
func antiEntropyConverges(r *Run, c gossip.EntropyConfig, spread *entropySpread) {
	sites, differing := r.Core(), spread.Missing
	if len(sites) < r.Plan.Nodes {
		differing = spread.Differing
	}
	r.Liveness("sites have the latest of all keys", Progress{
		Budget: 120 * c.Period,
		Await: func() (progress uint64, done bool) {
			missing := len(differing(sites...))
			return uint64(spread.Pairs(len(sites)) - missing), missing == 0
		},
		Waiting: func() string {
			missing := differing(sites...)
			if more := len(missing) - 4; more > 0 {
				missing = append(missing[:4], fmt.Sprintf("%d more", more))
			}
			return fmt.Sprintf("%v by %v, certificates kept for %v: %s", c.Direction, c.Compare, c.Retain, strings.Join(missing, "; "))
		},
	})
}
