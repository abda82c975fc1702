package scenarios

import (
	"slices"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/models/gossip"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

var gossipSwim = &Scenario{
	Name:  "gossip/swim",
	Words: gossipWords,
	Doc:   "Members find out who is up (SWIM, with and without Lifeguard): all in the end, and nobody is given up rashly.",
	Space: swimSpace(),
	Tail:  5 * time.Second,
	Facts: []string{"SwimDoubted", "SwimHealth", "SwimNacked", "SwimRescued", "SwimSeconded", "SwimTakenAlive"},
	Build: buildSwim,
	Floors: []Floor{{"crashes", 3}, {"planned partition", 2}, {"suspicions", 20}, {"refutations", 3}, {"confirmed dead", 5},
		{"wrongly confirmed", 1}, {"virtual ms", 35_000}},
}

// swimSpace has faults that outlast a suspicion, and many that do not. Clocks may be wrong by as much as the default: a
// timeout is promised on the clock of whoever waits. Disks lose what was not synced, but do not fail: a member that cannot
// tell its incarnation stops, and is as good as crashed. The nodes outside the core end up silent, each in one way or
// another; who is half silent may be taken for alive and dead by turns.
func swimSpace() nemesis.Space {
	s := nemesis.DefaultSpace("gossip/swim")
	s.Nodes = nemesis.Range[int]{Min: 5, Max: 16}
	s.Clients, s.Ops = nemesis.Range[int]{}, nemesis.Range[int]{}
	s.Roles = []string{"suspect", "next suspect", "next suspect", "accuser", "next refuter", "next refuter"}
	s.Facts = []string{"SwimStarted", "SwimSuspected", "SwimRefuted", "SwimConfirmedDead", "SwimTakenDead", "SwimJoined"}
	s.Storms = nemesis.Range[int]{Max: 4}
	s.Buggify = true
	s.Budget = nemesis.Budget{
		Quorum:  nemesis.Majority,
		Outside: []string{"crash", "crash", "crash", "pause", "isolate"},
	}
	const half = sim.Million / 2
	s.Faults = append(s.Faults,
		nemesis.FaultKind{Kind: "crash", Count: nemesis.Range[int]{Min: 2, Max: 20}, Window: nemesis.Range[time.Duration]{Min: time.Millisecond, Max: 300 * time.Millisecond}, Share: half},
		nemesis.FaultKind{Kind: "pause", Count: nemesis.Range[int]{Min: 2, Max: 20}, Window: nemesis.Range[time.Duration]{Min: 100 * time.Millisecond, Max: 2 * time.Second}, Share: half},
		nemesis.FaultKind{Kind: "isolate", Count: nemesis.Range[int]{Min: 2, Max: 12}, Window: nemesis.Range[time.Duration]{Min: 300 * time.Millisecond, Max: 3 * time.Second}, Share: half},
		nemesis.FaultKind{Kind: "lossy", Count: nemesis.Range[int]{Min: 1, Max: 6}, Share: half},
		nemesis.FaultKind{Kind: "lose_unsynced", Count: nemesis.Range[int]{Min: 2, Max: 6}},
		nemesis.FaultKind{Kind: "torn_write", Count: nemesis.Range[int]{Min: 2, Max: 6}},
		nemesis.FaultKind{Kind: "slow_disk", Count: nemesis.Range[int]{Min: 1, Max: 2}, Share: sim.Million / 4},
	)
	return s
}

// swimConfig draws what a deployment may choose: all of it must be right. A period has room for a ping and an indirect one
// over the slowest of the plan's links, with a nack in time.
func swimConfig(r *Run) gossip.SwimConfig {
	d := sim.NewStream(r.Plan.Seed, "swim config")
	c := gossip.DefaultSwim()
	c.Timeout = max(50*time.Millisecond, 3*r.Plan.Link.Latency.Max)
	c.Period = 4 * c.Timeout
	c.Indirect = 1 + int(d.Below(3))
	c.Suspicion = 3 + int(d.Below(3))
	c.Retransmit = 1 + int(d.Below(4))
	c.Piggyback = 1 + int(d.Below(8))
	c.Sync = 4 + int(d.Below(12))
	if !d.Chance(sim.Million / 3) {
		c.Lifeguard = gossip.DefaultSwimLifeguard()
		c.Lifeguard.Health = 1 + int(d.Below(8))
		c.Lifeguard.Confirmations = int(d.Below(4))
		c.Lifeguard.Buddy = !d.Chance(sim.Million / 4)
	}
	if d.Chance(sim.Million / 3) {
		c.Phi = gossip.PhiConfig{Threshold: 2000 + int64(d.Below(6000)), Window: 50, Least: 5 * time.Millisecond}
	}
	// Who has crashed finds the group again through a seed, so one of those that stay is known to all.
	core := r.Core()
	c.Seeds = core[:1+d.Below(uint64(min(len(core), 3)))]
	if extra := sim.NodeID(1 + d.Below(uint64(r.Plan.Nodes))); !slices.Contains(c.Seeds, extra) {
		c.Seeds = append(c.Seeds, extra)
	}
	return c
}

// swimBudget is how long the group may go without learning anything more, once everything is healed. Each of the following
// is over in its time, whatever the others do: a round of syncs, in which each pair meets, so that all live members know of
// each other, and of what is said of them; two rounds of probes, at the pace of a member in the worst of health, in which each
// member that is silent is met by each that is not; and the longest suspicion. Links that lose a packet in a hundred make it
// likely that a sync is lost here and there, so there are three rounds of them; a pair of messages is lost three times in
// 10⁵ pairs, and only matters if nobody else has told the news.
func swimBudget(c gossip.SwimConfig, nodes int) time.Duration {
	_, longest, _ := c.SuspicionTimeouts(nodes)
	n := time.Duration(nodes)
	syncs := 3 * (n + 1) * time.Duration(c.Sync) * c.Period
	probes := 2 * n * time.Duration(c.Lifeguard.Health+1) * c.Period
	return syncs + probes + 2*longest
}

func buildSwim(r *Run) {
	c := swimConfig(r)
	r.AddServers(func(sim.NodeID) sim.Node { return gossip.NewSwim(c) })
	w := watchSwim(r, c)
	r.Liveness("members know who is up", Progress{
		Budget: swimBudget(c, r.Plan.Nodes),
		Await: func() (progress uint64, done bool) {
			right, of, _ := w.check.Right(w.upAndSilent())
			return uint64(right), right == of
		},
		Waiting: func() string {
			_, _, wrong := w.check.Right(w.upAndSilent())
			return wrong
		},
	})
}

// swimWatch is a scenario's view of a group.
type swimWatch struct {
	run   *Run
	check *checkers.Membership
	lives []uint32                 // of members: their boots so far
	given map[[2]sim.NodeID]uint32 // observer and member: the life in which it was wrongly given up
}

// upAndSilent parts the servers in those that can be heard, and those that cannot. It is of use once everything is healed
// that will be.
func (w *swimWatch) upAndSilent() (up, silent []sim.NodeID) {
	for _, id := range w.run.Servers() {
		if w.silent(id) {
			silent = append(silent, id)
		} else {
			up = append(up, id)
		}
	}
	return up, silent
}

func (w *swimWatch) silent(id sim.NodeID) bool {
	if !w.run.World.Up(id) || w.run.World.Paused(id) {
		return true
	}
	return slices.ContainsFunc(w.run.Plan.Faults, func(e nemesis.Event) bool {
		f, ok := e.Fault.(nemesis.Isolate)
		return ok && e.Until == nemesis.Forever && f.Node == id
	})
}

// watchSwim maps the facts of members onto the checker, and counts what happened.
func watchSwim(r *Run, c gossip.SwimConfig) *swimWatch {
	w := &swimWatch{run: r, check: checkers.NewMembership(r.Checks), lives: make([]uint32, r.Plan.Nodes+1),
		given: make(map[[2]sim.NodeID]uint32)}
	check := w.check
	refuted := r.Checks.Sometimes("a suspicion was refuted")
	refutedDeath := r.Checks.Sometimes("a member heard that it is dead")
	rescued := r.Checks.Sometimes("an indirect ping saved a member")
	back := r.Checks.Sometimes("a member was wrongly confirmed dead and came back")
	reborn := r.Checks.Sometimes("a member came back in another life")
	nacked := r.Checks.Sometimes("a nack was received")
	unwell := r.Checks.Sometimes("local health was bad")
	well := r.Checks.Sometimes("local health rose")
	seconded := r.Checks.Sometimes("a suspicion was confirmed by another member")
	heard := r.Checks.Sometimes("a death was heard of")
	joined := r.Checks.Sometimes("a member joined")
	scores := make([]int, r.Plan.Nodes+1)
	r.World.Watch(func(s *sim.Step) {
		switch f := s.Payload.(type) {
		case gossip.SwimStarted:
			w.lives[s.Node] = s.Incarnation
			scores[s.Node] = 0
			check.Restart(s.Node)
			check.Incarnation(s.Node, f.Incarnation)
		case gossip.SwimRefuted:
			check.Incarnation(s.Node, f.Incarnation)
			r.Contents.Add("refutations", 1)
			if refuted.Hold(); f.Was == gossip.SwimDead {
				refutedDeath.Hold()
			}
			r.SetRole("refuter", s.Node)
		case gossip.SwimJoined:
			joined.Hold()
		case gossip.SwimTakenAlive:
			if check.Standing(s.Node, f.Member) == checkers.Dead {
				if w.given[[2]sim.NodeID{s.Node, f.Member}] == w.lives[f.Member] {
					back.Hold()
				} else {
					reborn.Hold()
				}
			}
			check.Alive(s.Node, f.Member, f.Incarnation)
		case gossip.SwimSuspected:
			r.Contents.Add("suspicions", 1)
			least, most, all := c.SuspicionTimeouts(f.Group)
			check.Suspect(s.Node, f.Member, f.Incarnation, f.By, f.At, func(confirmations int) time.Duration {
				return gossip.SwimSuspicionTimeout(least, most, confirmations, all)
			})
			r.SetRole("suspect", f.Member)
			r.SetRole("accuser", s.Node)
		case gossip.SwimSeconded:
			check.Second(s.Node, f.Member, f.Incarnation, f.By)
			seconded.Hold()
		case gossip.SwimConfirmedDead:
			r.Contents.Add("confirmed dead", 1)
			if r.World.Up(f.Member) {
				r.Contents.Add("wrongly confirmed", 1)
				w.given[[2]sim.NodeID{s.Node, f.Member}] = w.lives[f.Member]
			}
			check.Confirm(s.Node, f.Member, f.Incarnation, f.At)
		case gossip.SwimTakenDead:
			check.Dead(s.Node, f.Member, f.Incarnation)
			heard.Hold()
		case gossip.SwimRescued:
			rescued.Hold()
		case gossip.SwimNacked:
			nacked.Hold()
		case gossip.SwimHealth:
			if f.Score > scores[s.Node] {
				unwell.Hold()
			} else {
				well.Hold()
			}
			scores[s.Node] = f.Score
		}
	})
	return w
}
