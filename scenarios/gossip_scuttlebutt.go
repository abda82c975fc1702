package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/models/gossip"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

var gossipScuttlebutt = &Scenario{
	Name:  "gossip/scuttlebutt",
	Words: gossipWords,
	Doc:   "Scuttlebutt with small messages and flow control: versions go forward without gaps, and sites come to know all.",
	Space: scuttlebuttSpace(),
	Tail:  16 * time.Second,
	Facts: []string{"ScuttleRate", "ScuttleRefused", "ScuttleStarted"},
	Build: buildScuttlebutt,
	Fits: func(p nemesis.Plan) error {
		for i, op := range p.Ops {
			if !slices.Contains(scuttlebuttKeys, op.Key) {
				return fmt.Errorf("ops[%d].key: %q is none of %s", i, op.Key, strings.Join(scuttlebuttKeys, ", "))
			}
		}
		return nil
	},
	Floors: []Floor{
		{"operations", 100}, {"ok", 60}, {"clients", 3}, {"crashes", 3}, {"planned partition", 2}, {"deltas learned", 150},
		{"virtual ms", 30_000},
	},
}

var scuttlebuttKeys = []string{"a", "b", "c", "d", "e", "f"}

// scuttlebuttSpace has all faults of clocks: nothing in it goes by them but which deltas precise reconciliation prefers.
func scuttlebuttSpace() nemesis.Space {
	s := nemesis.DefaultSpace("gossip/scuttlebutt")
	s.OpKinds = []nemesis.OpKind{
		{Kind: "put", Weight: 6, Key: true, Value: true},
		{Kind: "get", Weight: 1, Key: true},
	}
	s.Keys = scuttlebuttKeys
	s.Buggify = true
	s.Budget = entropyBudget
	s.Storms = nemesis.Range[int]{Max: 4}
	s.Facts = []string{"ScuttleLearned", "ScuttleKnows", "ScuttleCut"}
	// Some crashes are over before the answer to what was said before them arrives.
	blink := nemesis.Range[time.Duration]{Min: time.Millisecond, Max: 40 * time.Millisecond}
	s.Faults = append(s.Faults,
		nemesis.FaultKind{Kind: "crash", Count: nemesis.Range[int]{Min: 4, Max: 30}, Window: blink},
		nemesis.FaultKind{Kind: "lose_unsynced", Count: nemesis.Range[int]{Min: 2, Max: 6}},
		nemesis.FaultKind{Kind: "torn_write", Count: nemesis.Range[int]{Min: 1, Max: 4}},
	)
	return s
}

// scuttlebuttConfig draws what a deployment may choose.
func scuttlebuttConfig(r *Run) gossip.ScuttleConfig {
	d := sim.NewStream(r.Plan.Seed, "scuttlebutt config")
	c := gossip.ScuttleConfig{
		Sites:  r.Servers(),
		Keys:   scuttlebuttKeys,
		Period: d.Between(40*time.Millisecond, 100*time.Millisecond),
		Order:  []gossip.ScuttleOrder{gossip.ScuttleDepth, gossip.ScuttleDepth, gossip.ScuttleBreadth, gossip.ScuttleBreadth, gossip.PreciseOldest, gossip.PreciseNewest}[d.Below(6)],
		Limit:  []int{0, 2, 2, 3, 5}[d.Below(5)],
	}
	if d.Chance(sim.Million / 2) {
		c.Flow = gossip.ScuttleRates{First: 2000 + 1000*int64(d.Below(10)), Least: 1000, Overflows: 1 + int(d.Below(2)), Underflows: 1 + int(d.Below(3))}
	}
	return c
}

// scuttleVersion is a version of one owner.
type scuttleVersion struct {
	Owner sim.NodeID
	N     uint64
}

// Before is part of checkers.Version; versions of one owner are in order.
func (v scuttleVersion) Before(w scuttleVersion) bool { return v.N < w.N }

func (v scuttleVersion) String() string { return fmt.Sprintf("%d of %v", v.N, v.Owner) }

// scuttlebutt is a scenario's view of its sites.
type scuttlebutt struct {
	run       *Run
	c         gossip.ScuttleConfig
	spread    *checkers.Spread[string, string, scuttleVersion]
	staleness *checkers.Staleness[string]
	whole     *checkers.Property
	forward   *checkers.Property
	has       [][][]uint64 // by site, owner and key: the version that it has
	current   [][]uint64   // by owner and key: the latest that there ever was
	max       [][]uint64   // by site and owner
}

func buildScuttlebutt(r *Run) {
	c := scuttlebuttConfig(r)
	g := &scuttlebutt{
		run: r, c: c,
		spread: checkers.NewSpread[string, string](r.Checks, checkers.SpreadOptions[scuttleVersion]{
			Origin: func(v scuttleVersion) sim.NodeID { return v.Owner },
		}),
		staleness: checkers.NewStaleness[string](r.Checks, scuttlebuttBound(c), r.Core()...),
		forward:   r.Checks.Always("what a site knows of an owner grows"),
		has:       make([][][]uint64, r.Plan.Nodes+1),
		current:   make([][]uint64, r.Plan.Nodes+1),
		max:       make([][]uint64, r.Plan.Nodes+1),
	}
	if c.Order == gossip.ScuttleDepth || c.Order == gossip.ScuttleBreadth {
		g.whole = r.Checks.Always("a site has all of an owner's values up to the version that it knows")
	}
	for _, id := range r.Servers() {
		g.restart(id)
		g.current[id] = make([]uint64, len(c.Keys))
	}
	g.watch()
	r.AddServers(func(sim.NodeID) sim.Node { return gossip.NewScuttleSite(c) })
	r.AddClients(func(_ int, ops []nemesis.Op) sim.Node {
		return sim.Spawn(func(p *sim.Proc) { g.client(p, ops) })
	})
	g.converge()
}

// scuttlebuttBound is how long something may stay stale once everything is healed. In each period a site and an owner gossip
// with probability 0.4 at least, of five sites on the worst links, and each time the site gets all that it lacks or as much
// as fits. It lacks 30 deltas at most. That takes longer than this once in 10¹⁰ or so.
func scuttlebuttBound(c gossip.ScuttleConfig) time.Duration {
	periods := 50
	if c.Limit > 0 {
		periods += 160 / c.Limit
	}
	return time.Duration(periods) * c.Period
}

func (g *scuttlebutt) name(owner sim.NodeID, key int) string {
	return owner.String() + "/" + g.c.Keys[key]
}

// restart forgets what a site knew.
func (g *scuttlebutt) restart(id sim.NodeID) {
	g.has[id], g.max[id] = make([][]uint64, g.run.Plan.Nodes+1), make([]uint64, g.run.Plan.Nodes+1)
	for o := range g.has[id] {
		g.has[id][o] = make([]uint64, len(g.c.Keys))
	}
}

// watch checks the facts of sites online.
func (g *scuttlebutt) watch() {
	r := g.run
	cut := r.Checks.Sometimes("a message was cut by its limit")
	refused := r.Checks.Sometimes("deltas that came after a reboot were refused")
	lowered := r.Checks.Sometimes("a rate was lowered")
	raised := r.Checks.Sometimes("a rate was raised")
	filled := r.Checks.Sometimes("a site learned a replaced version's successor without it")
	r.World.Watch(func(s *sim.Step) {
		switch f := s.Payload.(type) {
		case gossip.ScuttleStarted:
			g.restart(s.Node)
			g.spread.Restart(s.Node)
			g.staleness.Restart(s.Node)
			g.max[s.Node][s.Node] = f.Max
		case gossip.ScuttleLearned:
			name := g.name(f.Owner, f.Key)
			if f.Owner == s.Node {
				if slices.Contains(r.Core(), f.Owner) { // what others update may never arrive
					g.staleness.Update(name, f.Version, s.At)
				}
				g.current[s.Node][f.Key] = f.Version
			} else {
				r.Contents.Add("deltas learned", 1)
				if f.Version > g.max[s.Node][f.Owner]+1 {
					filled.Hold()
				}
			}
			g.spread.Hold(s.Node, name, scuttleVersion{f.Owner, f.Version}, f.Value)
			g.staleness.Know(s.Node, name, f.Version)
			g.has[s.Node][f.Owner][f.Key] = f.Version
		case gossip.ScuttleKnows:
			g.knows(s.Node, f.Owner, f.Max)
		case gossip.ScuttleCut:
			cut.Hold()
		case gossip.ScuttleRefused:
			refused.Hold()
		case gossip.ScuttleRate:
			if f.To < f.From {
				lowered.Hold()
			} else {
				raised.Hold()
			}
		}
	})
	// Nobody updates anything from here on, but what flow control has held back.
	g.staleness.Calm(r.QuietFrom())
	var look func()
	look = func() {
		g.staleness.Check(r.World.Now())
		r.World.At(r.World.Now().Add(lookEvery), look)
	}
	r.World.At(r.QuietFrom(), look)
}

// knows checks the paper's invariant (section 3.2): of each key of the owner, a site has what the owner has now, or that has
// a version above all that the site knows.
func (g *scuttlebutt) knows(site, owner sim.NodeID, upTo uint64) {
	g.forward.Check(upTo >= g.max[site][owner], func() string {
		return fmt.Sprintf("%v knew %v up to version %d, and now up to %d", site, owner, g.max[site][owner], upTo)
	})
	g.max[site][owner] = upTo
	if g.whole == nil {
		return
	}
	for key, current := range g.current[owner] {
		if has := g.has[site][owner][key]; current <= upTo && has != current {
			g.whole.Violatef("%v knows %v up to version %d, but has version %d of key %d of %v, whose latest is %d",
				site, owner, upTo, has, key, owner, current)
			return
		}
	}
	g.whole.Hold()
}

// client sends each operation to some site, once: what is not answered in time may or may not have happened.
func (g *scuttlebutt) client(p *sim.Proc, ops []nemesis.Op) {
	servers := g.run.Servers()
	for i, op := range ops {
		p.Sleep(op.At - p.Elapsed())
		if p.Elapsed() >= g.run.Plan.Duration {
			return
		}
		site := servers[p.Rand().IntN(len(servers))]
		id, key := uint64(p.ID())<<32|uint64(i), slices.Index(g.c.Keys, op.Key)
		switch op.Kind {
		case "put":
			g.spread.Write(g.name(site, key), op.Value)
			ask := gossip.ScuttlePut{ID: id, Key: key, Value: op.Value}
			call := p.Op(ask)
			answer, ok := p.Call(site, ask, time.Second, func(m sim.Message) bool {
				a, ok := m.(gossip.ScuttleDone)
				return ok && a.ID == id
			})
			if !ok {
				call.Info()
				continue
			}
			call.OK(answer)
		case "get":
			ask := gossip.ScuttleGet{ID: id, Owner: servers[p.Rand().IntN(len(servers))], Key: key}
			call := p.Op(ask)
			answer, ok := p.Call(site, ask, time.Second, func(m sim.Message) bool {
				a, ok := m.(gossip.ScuttleGot)
				return ok && a.ID == id
			})
			if !ok {
				call.Fail()
				continue
			}
			if a := answer.(gossip.ScuttleGot); a.Version > 0 {
				g.spread.Read(site, g.name(a.Owner, a.Key), scuttleVersion{a.Owner, a.Version}, a.Value)
			}
			call.OK(answer)
		default:
			panic("gossip/scuttlebutt has no operation " + op.Kind)
		}
	}
}

// converge demands that in the end all know the latest of all, and flow control holds nothing back. What is known is the
// progress: it grows with each delta.
func (g *scuttlebutt) converge() {
	r, sites := g.run, g.run.Core()
	held := func(id sim.NodeID) int { return r.World.Node(id).(*gossip.ScuttleSite).Waiting() }
	r.Liveness("sites know the latest of all owners", Progress{
		Budget: scuttlebuttBound(g.c) + time.Second, // an update that is held back waits for a second at most
		Await: func() (progress uint64, done bool) {
			done = len(g.missing()) == 0
			for _, id := range sites {
				done = done && held(id) == 0
				for _, versions := range g.has[id] {
					for _, version := range versions {
						progress += version
					}
				}
			}
			return progress, done
		},
		Waiting: func() string {
			text := g.missing()
			if more := len(text) - 4; more > 0 {
				text = append(text[:4], fmt.Sprintf("%d more", more))
			}
			for _, id := range sites {
				if n := held(id); n > 0 {
					text = append(text, fmt.Sprintf("%v holds %d updates back", id, n))
				}
			}
			return fmt.Sprintf("%v, %d deltas a message: %s", g.c.Order, g.c.Limit, strings.Join(text, "; "))
		},
	})
}

// missing says who lacks what, a sentence each. Of an owner that is gone for good all must know as much as any of them: with
// precise reconciliation the latest of each key; under the scuttle orders the greatest version, but not each value up to it.
// Who has heard that owner later may have heard of no replaced value, and nothing yet of what replaced it, and takes the
// value from nobody. The invariant of the paper is one of each site with the owner, not of any two.
func (g *scuttlebutt) missing() (list []string) {
	sites := g.run.Core()
	for _, owner := range g.run.Servers() {
		gone := !slices.Contains(sites, owner)
		if gone && g.whole != nil {
			most := uint64(0)
			for _, id := range sites {
				most = max(most, g.max[id][owner])
			}
			for _, id := range sites {
				if has := g.max[id][owner]; has < most {
					list = append(list, fmt.Sprintf("%v knows %v up to version %d of %d", id, owner, has, most))
				}
			}
			continue
		}
		for key, want := range g.current[owner] {
			if gone {
				want = 0
				for _, id := range sites {
					want = max(want, g.has[id][owner][key])
				}
			}
			for _, id := range sites {
				if has := g.has[id][owner][key]; has != want {
					list = append(list, fmt.Sprintf("%v has version %d of key %d of %v, not %d", id, has, key, owner, want))
				}
			}
		}
	}
	return list
}
