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
	Words: gossipWords,
	Doc:   "Rumors of clients come to all sites, by any variant of rumor mongering with backups, and die out.",
	Space: rumorSpace(),
	Tail:  5 * time.Second,
	Facts: []string{"RumorPassed"},
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
	s.Facts = []string{"RumorLearned", "RumorCold", "RumorAnswered", "RumorTurnedAway", "RumorHunted"}
	s.Storms = nemesis.Range[int]{Max: 3}
	s.Budget = nemesis.Budget{Quorum: nemesis.Majority, Outside: []string{"crash", "pause", "isolate"}}
	return s
}

// sparseSites is the most sites that contact only those near to them: time on a ring goes with their number.
const sparseSites = 64

// rumorConfig draws what a deployment may choose: with backups all of it spreads every rumor. Sparse topologies are for
// whole groups, as a silent site could part them, and for small ones.
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

		Topology: gossip.Uniform(n),
	}
	c.Push = !d.Chance(sim.Million / 3)
	c.Pull = !c.Push || d.Chance(sim.Million/2)
	if len(r.Plan.Core) > 0 || n < 2 || n > sparseSites {
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
	g := rumorGroup{run: r, site: func(id sim.NodeID) *gossip.Rumor { return r.World.Node(id).(*gossip.Rumor) }}
	// A wait lasts for a step forward at most, and in all no longer than the last rumor takes from one end to the other.
	hops := time.Duration(c.Topology.Hops())
	// A site that lacks a rumor asks one that may have it with each backup; at the worst, on a grid, one partner in four has.
	r.Liveness("all sites know all rumors", Progress{Budget: (150 + 16*hops) * c.Backup, Await: g.spread, Waiting: g.missing})
	// At the worst a site is asked, or heard, by one of its neighbours in four cycles, and must lose interest by chance.
	r.Liveness("rumors die out", Progress{Budget: (400 + 16*hops) * c.Cycle, Await: g.cooled, Waiting: g.warm})
}

// life is a node and its incarnation.
type life struct {
	node   sim.NodeID
	number uint32
}

// interest is what is known of a site's interest in a rumor.
type interest struct {
	hot  bool
	vain int // contacts in a row. Those of one cycle are judged together, so there are as many at least as the site counts
}

// contact counts one: those in vain up to one that was not (Demers et al. 1987, section 1.4).
func (i *interest) contact(vain bool) {
	if vain {
		i.vain++
	} else {
		i.vain = 0
	}
}

// watchRumor checks what sites say.
func watchRumor(r *Run, c *gossip.RumorConfig) {
	invented := r.Checks.Always("no value is invented")
	once := r.Checks.Always("a rumor is new once in a life")
	cold := r.Checks.Always("only what is hot goes cold")
	vain := r.Checks.Always("interest is lost by contacts in vain")
	limit := r.Checks.Always("hunting ends at its limit")
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
	known := make(map[learned]*interest)
	enough := c.K // contacts in vain
	if c.Coin {
		enough = 1
	}
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
			if known[key] != nil {
				once.Violatef("%v learns rumor %d a second time, from %v", s.Node, f.Update.ID, f.From)
				return
			}
			once.Hold()
			known[key] = &interest{hot: f.Hot}
			switch {
			case f.From == sim.Nobody:
			case !f.Hot && c.Mail:
				mailed.Hold()
			case !f.Hot:
				backup.Hold()
			case c.Pull && !c.Push:
				pulled.Hold()
			}
		case gossip.RumorAnswered:
			if c.Blind {
				return
			}
			i := known[learned{me, f.ID}]
			if !f.Known && i.vain > 0 && !c.Coin {
				warmed.Hold()
			}
			i.contact(f.Known)
		case gossip.RumorPassed:
			if c.Blind {
				known[learned{me, f.ID}].contact(true)
			}
		case gossip.RumorCold:
			i := known[learned{me, f.ID}]
			if i == nil || !i.hot {
				cold.Violatef("%v loses interest in rumor %d, in which it had none", s.Node, f.ID)
				return
			}
			i.hot = false
			cold.Hold()
			lost.Hold()
			vain.Check(i.vain >= enough, func() string {
				return fmt.Sprintf("%v loses interest in rumor %d after %d contacts in vain in a row, rather than %d", s.Node, f.ID, i.vain, enough)
			})
		case gossip.RumorHunted:
			r.SetRole("hunter", f.By)
			hunted.Hold()
			limit.Check(f.Refused <= c.Hunt, func() string {
				return fmt.Sprintf("%v took a contact of %v that %d others had refused; it may try %d more", s.Node, f.By, f.Refused, c.Hunt)
			})
		case gossip.RumorTurnedAway:
			refused.Hold()
		}
	})
}

// rumorGroup is the sites of the core, in the quiet tail.
type rumorGroup struct {
	run  *Run
	site func(sim.NodeID) *gossip.Rumor
}

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

// missing names some of the sites that lack something, and what.
func (g rumorGroup) missing() string {
	all := g.rumors()
	return g.some(func(s *gossip.Rumor) string {
		var lacks []string
		for _, op := range g.run.Plan.Ops {
			if n, err := rumorID(op); err == nil && all[n] && !s.Knows(n) {
				lacks = append(lacks, op.Value)
			}
		}
		if len(lacks) == 0 {
			return ""
		}
		return "lacks " + strings.Join(firstOf(lacks, "more"), ",")
	})
}

// some says what there is to say of the first sites of the core of which there is, and counts the others.
func (g rumorGroup) some(say func(*gossip.Rumor) string) string {
	var list []string
	for _, id := range g.run.Core() {
		if text := say(g.site(id)); text != "" {
			list = append(list, fmt.Sprintf("%s %s", id, text))
		}
	}
	return strings.Join(firstOf(list, "more sites"), "; ")
}

// firstOf cuts a long list: the first four, and how many more there are.
func firstOf(list []string, rest string) []string {
	if more := len(list) - 4; more > 1 {
		return append(list[:4:4], fmt.Sprintf("%d %s", more, rest))
	}
	return list
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

// warm names some of the sites that still tell rumors.
func (g rumorGroup) warm() string {
	return g.some(func(s *gossip.Rumor) string {
		if s.Hot() == 0 {
			return ""
		}
		return fmt.Sprintf("still tells %d of %d rumors", s.Hot(), s.Known())
	})
}
