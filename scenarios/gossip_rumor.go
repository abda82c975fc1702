package scenarios

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/models/gossip"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

var gossipRumor = &Scenario{
	Name:  "gossip/rumor",
	Doc:   "Rumors of clients come to all sites, by any variant of rumor mongering with backups, and die out.",
	Space: rumorSpace(),
	Tail:  5 * time.Second,
	Facts: []string{"RumorWarmed"},
	Fits: func(p nemesis.Plan) error {
		for i, op := range p.Ops {
			if _, err := rumorID(op); err != nil {
				return fmt.Errorf("ops[%d].value: %q is no rumor; write one such as v17, each once", i, op.Value)
			}
		}
		return nil
	},
	Build:  buildRumor,
	Floors: []Floor{{"operations", 20}, {"ok", 12}, {"crashes", 3}, {"planned partition", 2}, {"rumors learned", 100}},
}

// rumorSpace has sites that end up silent, each in one way or another, outside of the core.
func rumorSpace() nemesis.Space {
	s := nemesis.DefaultSpace("gossip/rumor")
	s.Nodes = nemesis.Range[int]{Min: 4, Max: 24}
	s.Duration = nemesis.Range[time.Duration]{Min: 15 * time.Second, Max: 15 * time.Second}
	s.Ops = nemesis.Range[int]{Min: 20, Max: 40}
	s.OpKinds = []nemesis.OpKind{{Kind: "tell", Weight: 1, Value: true}}
	s.Roles = []string{"teller", "next teller", "next learner", "next hunter"}
	s.Facts = []string{"RumorLearned", "RumorCold", "RumorTurnedAway", "RumorHunted"}
	s.Storms = nemesis.Range[int]{Max: 3}
	s.Budget = nemesis.Budget{Quorum: nemesis.Majority, Outside: []string{"crash", "pause", "isolate"}}
	return s
}

// rumorConfig draws what a deployment may choose: with backups all of it spreads every rumor. Sparse topologies are for
// whole groups: a silent site could part them.
func rumorConfig(r *Run) *gossip.RumorConfig {
	d := sim.NewStream(r.Plan.Seed, "rumor config")
	n := r.Plan.Nodes
	c := &gossip.RumorConfig{
		Sites:   n,
		Blind:   d.Chance(sim.Million / 3),
		Coin:    d.Chance(sim.Million / 3),
		K:       1 + int(d.Below(5)),
		Limit:   int(d.Below(4)),
		Hunt:    int(d.Below(3)),
		Cycle:   d.Between(50*time.Millisecond, 300*time.Millisecond),
		Aligned: d.Chance(sim.Million / 2),
		Mail:    d.Chance(sim.Million / 10),
		Backup:  d.Between(300*time.Millisecond, time.Second),
	}
	c.Push = !d.Chance(sim.Million / 3)
	c.Pull = !c.Push || d.Chance(sim.Million/2)
	if len(r.Plan.Core) > 0 || n < 2 {
		return c
	}
	switch d.Below(6) {
	case 0:
		c.Topology = gossip.Ring(n)
	case 1:
		rows := 1
		for k := 2; k*k <= n; k++ {
			if n%k == 0 {
				rows = k
			}
		}
		c.Topology = gossip.Grid{Rows: rows, Columns: n / rows}
	case 2:
		c.Topology = gossip.NewSpatial(n, 1+int(d.Below(3)))
	}
	return c
}

// rumorID is the number of a rumor: v17 is 17.
func rumorID(op nemesis.Op) (uint64, error) {
	return strconv.ParseUint(strings.TrimPrefix(op.Value, "v"), 10, 63)
}

// rumorAsked is what a client says before it tells a rumor.
type rumorAsked struct{ Update *gossip.Update }

func buildRumor(r *Run) {
	c := rumorConfig(r)
	r.AddServers(func(sim.NodeID) sim.Node { return gossip.NewRumor(c) })
	servers := r.Servers()
	r.AddClients(func(client int, ops []nemesis.Op) sim.Node {
		return sim.Spawn(func(p *sim.Proc) {
			for _, op := range ops {
				p.Sleep(op.At - p.Elapsed())
				id, err := rumorID(op)
				if err != nil {
					panic("gossip/rumor: " + op.Value + " is no rumor")
				}
				u := &gossip.Update{ID: id, Text: fmt.Sprintf("c%d says %s", client, op.Value)}
				p.Emit(rumorAsked{u})
				call := p.Op(op.Value)
				_, ok := p.Call(servers[p.Rand().IntN(len(servers))], &gossip.RumorTell{Update: u}, 500*time.Millisecond, func(m sim.Message) bool {
					told, ok := m.(*gossip.RumorTold)
					return ok && told.ID == id
				})
				if ok {
					call.OK(nil)
				} else {
					call.Info()
				}
			}
		})
	})
	watchRumor(r, c)
	g := rumorGroup{run: r}
	// A site that lacks a rumor asks one that may have it with each backup; at the worst, on a grid, one partner in four has.
	r.Liveness("all sites know all rumors", Progress{Budget: 150 * c.Backup, Await: g.spread, Waiting: g.missing})
	// At the worst a site is asked, or heard, by one of its neighbours in four cycles, and must lose interest by chance.
	r.Liveness("rumors die out", Progress{Budget: 400 * c.Cycle, Await: g.cooled, Waiting: g.warm})
}

// life is a node and its incarnation.
type life struct {
	node   sim.NodeID
	number uint32
}

// watchRumor checks what sites say.
func watchRumor(r *Run, c *gossip.RumorConfig) {
	invented := r.Checks.Always("no value is invented")
	once := r.Checks.Always("a rumor is new once in a life")
	cold := r.Checks.Always("only what is hot goes cold")
	hunted := r.Checks.Sometimes("a partner was found by hunting")
	refused := r.Checks.Sometimes("a contact was refused")
	warmed := r.Checks.Sometimes("a useful contact made up for useless ones")
	lost := r.Checks.Sometimes("a site lost interest")
	backup := r.Checks.Sometimes("a backup told what rumors had left out")
	pulled := r.Checks.Sometimes("a rumor was pulled")
	mailed := r.Checks.Sometimes("a rumor came by mail")
	asked := make(map[uint64]*gossip.Update)
	type learned struct {
		life
		id uint64
	}
	hot := make(map[learned]bool) // of what was learned: it is still hot
	r.World.Watch(func(s *sim.Step) {
		me := life{s.Node, s.Incarnation}
		switch f := s.Payload.(type) {
		case rumorAsked:
			asked[f.Update.ID] = f.Update
		case gossip.RumorLearned:
			r.Contents.Add("rumors learned", 1)
			r.SetRole("learner", s.Node)
			if f.From == sim.Nobody {
				r.SetRole("teller", s.Node)
			}
			if want := asked[f.Update.ID]; want == nil || want.Text != f.Update.Text {
				invented.Violatef("%v learns rumor %d, %q, which nobody has told", s.Node, f.Update.ID, f.Update.Text)
				return
			}
			invented.Hold()
			key := learned{me, f.Update.ID}
			if _, known := hot[key]; known {
				once.Violatef("%v learns rumor %d a second time, from %v", s.Node, f.Update.ID, f.From)
				return
			}
			once.Hold()
			hot[key] = f.Hot
			switch {
			case f.From == sim.Nobody:
			case !f.Hot && c.Mail:
				mailed.Hold()
			case !f.Hot:
				backup.Hold()
			case c.Pull && !c.Push:
				pulled.Hold()
			}
		case gossip.RumorCold:
			key := learned{me, f.ID}
			if !hot[key] {
				cold.Violatef("%v loses interest in rumor %d, in which it had none", s.Node, f.ID)
				return
			}
			hot[key] = false
			cold.Hold()
			lost.Hold()
		case gossip.RumorHunted:
			r.SetRole("hunter", s.Node)
			hunted.Hold()
		case gossip.RumorTurnedAway:
			refused.Hold()
		case gossip.RumorWarmed:
			warmed.Hold()
		}
	})
}

// rumorGroup is the sites of the core, in the quiet tail.
type rumorGroup struct{ run *Run }

func (g rumorGroup) site(id sim.NodeID) *gossip.Rumor { return g.run.World.Node(id).(*gossip.Rumor) }

// spread is how many rumors sites know in all; it is over when each knows all that one knows.
func (g rumorGroup) spread() (progress uint64, done bool) {
	all := g.rumors()
	for _, id := range g.run.Core() {
		progress += uint64(g.site(id).Known())
	}
	return progress, progress == uint64(len(all)*len(g.run.Core()))
}

// rumors are those that a site of the core knows.
func (g rumorGroup) rumors() map[uint64]bool {
	all := make(map[uint64]bool)
	for _, op := range g.run.Plan.Ops {
		if n, err := rumorID(op); err == nil {
			for _, id := range g.run.Core() {
				if g.site(id).Knows(n) {
					all[n] = true
					break
				}
			}
		}
	}
	return all
}

// missing names the sites that lack something, and what.
func (g rumorGroup) missing() string {
	all := g.rumors()
	var list []string
	for _, id := range g.run.Core() {
		var lacks []string
		for _, op := range g.run.Plan.Ops {
			if n, err := rumorID(op); err == nil && all[n] && !g.site(id).Knows(n) {
				lacks = append(lacks, op.Value)
			}
		}
		if len(lacks) > 0 {
			list = append(list, fmt.Sprintf("%s lacks %s", id, strings.Join(lacks, ",")))
		}
	}
	return strings.Join(list, "; ")
}

// cooled is how many of the rumors that sites know they do not tell any more.
func (g rumorGroup) cooled() (progress uint64, done bool) {
	hot := 0
	for _, id := range g.run.Core() {
		hot += g.site(id).Hot()
		progress += uint64(g.site(id).Known() - g.site(id).Hot())
	}
	return progress, hot == 0
}

// warm names the sites that still tell rumors.
func (g rumorGroup) warm() string {
	var list []string
	for _, id := range g.run.Core() {
		if hot := g.site(id).Hot(); hot > 0 {
			list = append(list, fmt.Sprintf("%s still tells %d of %d rumors", id, hot, g.site(id).Known()))
		}
	}
	return strings.Join(list, "; ")
}
