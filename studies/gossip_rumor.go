package studies

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/models/gossip"
	"github.com/seedbed-sim/seedbed/sim"
)

// gossipCycle is a second; what is sent arrives well within it.
const gossipCycle = time.Second

// mostSites is what fits into the memory of a small machine.
const mostSites = 1_000_000

var gossipEpidemic = &Study{
	Name: "gossip/epidemic",
	Doc:  "One rumor among many sites: how many never hear of it, and what that costs.",
	Long: `One rumor begins at one of many sites, which pass it on in synchronous cycles until all have lost interest (Demers et al.,
"Epidemic Algorithms for Replicated Database Maintenance", PODC 1987, section 1.4). Measured are

  residue  the share of the sites that never hear of it
  traffic  how often the rumor is sent, per site
  t_ave    the cycle in which a site hears of it, on average over those that do but for the first one
  t_last   the cycle in which the last of them does

A site loses interest after K contacts in a row that did not need the rumor (--counter), or with probability 1/K after each
(--coin); --blind counts all contacts alike. Contacts are judged against the start of the cycle. Beside push with feedback
and counters stands Table 1 of the paper, beside push with --blind --coin Table 2, and beside pull with feedback and
counters Table 3. For push the t_ave of the paper grows away from ours with K, by up to a quarter, while t_last is the
same; for pull both are. It is none of the averages that we have tried: over sites, over messages, or with the sites that
never hear of it counted as the last.

With --loss some messages are lost, and one more row has what that does to direct mail (section 1.2): the site at which the
rumor begins sends it to all others once.`,
	Seeds: 500,
	New: func(f *pflag.FlagSet) func() (*Design, error) {
		variant := f.String("variant", "push", "push, pull or pushpull")
		feedback := f.Bool("feedback", false, "lose interest by what partners know; so it is unless --blind is given")
		blind := f.Bool("blind", false, "lose interest whatever partners know")
		counter := f.Bool("counter", false, "lose interest after K contacts; so it is unless --coin is given")
		coin := f.Bool("coin", false, "lose interest with probability 1/K")
		k := f.IntSlice("k", []int{1, 2, 3, 4, 5}, "`K`; several are compared")
		sites := f.Int("sites", 1000, "how many `sites`")
		limit := f.Int("limit", 0, "how many `contacts` a site takes in a cycle; 0 for all")
		hunt := f.Int("hunt", 0, "how many other `partners` a site tries when it is refused")
		lost := f.Float64("loss", 0, "percentage of messages that are lost")
		topology := newTopologyFlag(f)
		return func() (*Design, error) {
			if err := checkSites(*sites); err != nil {
				return nil, err
			}
			loss := sim.PPM(math.Round(*lost * 10_000))
			switch {
			case loss < 0 || loss > 90*10_000:
				return nil, fmt.Errorf("--loss: %v%% of the messages cannot be lost; write 0 to 90", *lost)
			case *blind && *feedback:
				return nil, errors.New("--blind and --feedback contradict each other: the one counts all contacts, the other those in vain")
			case *coin && *counter:
				return nil, errors.New("--coin and --counter contradict each other: the one is about chance, the other about a number")
			case *limit < 0 || *limit >= *sites:
				return nil, fmt.Errorf("--limit: %d contacts in a cycle; write a number from 0 to one less than there are sites", *limit)
			case *hunt < 0 || *hunt >= *sites:
				return nil, fmt.Errorf("--hunt: %d partners are more than there are others; write a number from 0 to %d", *hunt, *sites-1)
			case *hunt > 0 && *limit == 0:
				return nil, errors.New("--hunt without --limit: nobody is refused")
			}
			base := gossip.RumorConfig{Blind: *blind, Coin: *coin, Limit: *limit, Hunt: *hunt, Cycle: gossipCycle, Aligned: true}
			err := setVariant(&base, *variant)
			if err == nil {
				base.Sites = *sites
				base.Topology, err = topology(*sites)
			}
			if err != nil {
				return nil, err
			}
			d := &Design{
				Labels: []string{"k"},
				Columns: []Column{{Name: "residue", Digits: 4}, {Name: "traffic", Unit: "per site", Digits: 2},
					{Name: "t_ave", Unit: "cycles", Digits: 2}, {Name: "t_last", Unit: "cycles", Digits: 2}},
				Plot: Plot{Title: "One rumor, " + *variant, X: "k", Y: "residue, share of the sites", LogY: true},
			}
			if *variant == "pull" { // leaves next to nobody out
				d.Columns[0].Digits = 6
			}
			add := func(name, series string, c gossip.RumorConfig) *Case {
				d.Cases = append(d.Cases, Case{Words: []string{name}, Series: series, X: float64(c.K), Run: func(seed uint64) (Sample, error) {
					e := spread(&c, loss, seed, true)
					return Sample{Values: []float64{e.residue(), float64(e.sent) / float64(c.Sites), e.average(), float64(e.last)}}, nil
				}})
				return &d.Cases[len(d.Cases)-1]
			}
			var published [][]float64
			if *sites == 1000 && *limit == 0 && loss == 0 && *topologyName(f) == "uniform" {
				published = demersTables[demersVariant{*variant, *blind, *coin}]
			}
			for _, k := range *k {
				if k < 1 {
					return nil, fmt.Errorf("--k: interest is lost after one contact or more, not %d", k)
				}
				base.K = k
				one := add(strconv.Itoa(k), *variant, base)
				if k <= len(published) {
					one.Published = published[k-1]
				}
			}
			if loss > 0 {
				add("mail", "", gossip.RumorConfig{Sites: *sites, Mail: true, Cycle: gossipCycle, Aligned: true})
			}
			return d, nil
		}
	},
}

type demersVariant struct {
	variant     string
	blind, coin bool
}

// demersTables are Tables 1, 2 and 3 of the paper, for 1,000 sites: residue, traffic, t_ave, t_last for k = 1, 2, … What each
// of them is of, the errata of its authors say: feedback and counters; blind and coin, with 1/k as the probability; pull,
// with feedback and counters.
var demersTables = map[demersVariant][][]float64{
	{"push", false, false}: {
		{0.18, 1.7, 11.0, 16.8}, {0.037, 3.3, 12.1, 16.9}, {0.011, 4.5, 12.5, 17.4}, {0.0036, 5.6, 12.7, 17.5}, {0.0012, 6.7, 12.8, 17.7},
	},
	{"push", true, true}: {
		{0.96, 0.04, 19, 38}, {0.205, 1.59, 17, 33}, {0.06, 2.82, 15, 32}, {0.021, 3.91, 14.1, 32}, {0.008, 4.95, 13.8, 32},
	},
	{"pull", false, false}: {{3.1e-2, 2.7, 9.97, 17.6}, {5.8e-4, 4.5, 10.07, 15.4}, {4e-6, 6.1, 10.08, 14}},
}

var gossipRounds = &Study{
	Name: "gossip/rounds",
	Doc:  "How many rounds it takes until all sites know a rumor, as their number grows.",
	Long: `One rumor that nobody loses interest in, in synchronous rounds, until all sites know it. By push alone it takes
log2 n + ln n + O(1) rounds (Pittel, "On Spreading a Rumor", 1987); by push and pull log3 n + O(log log n), and few messages
that tell it (Karp et al., "Randomized Rumor Spreading", FOCS 2000).`,
	Seeds: 20,
	New: func(f *pflag.FlagSet) func() (*Design, error) {
		nodes := f.IntSlice("nodes", []int{10, 100, 1000, 10_000, 100_000}, "how many `nodes`; several are compared")
		variants := f.StringSlice("variant", []string{"push", "pushpull"}, "push, pull or pushpull; several are compared")
		free := f.Bool("free", false, "let nodes act at times of their own rather than in rounds")
		return func() (*Design, error) {
			d := &Design{
				Labels:  []string{"variant", "nodes"},
				Columns: []Column{{Name: "rounds", Digits: 2}, {Name: "told", Unit: "per node", Digits: 2}, {Name: "messages", Unit: "per node", Digits: 2}},
				Plot: Plot{Title: "Rounds until all know", X: "nodes", Y: "rounds", LogX: true, Laws: []Law{
					{"log2 n + ln n", func(n float64) float64 { return math.Log2(n) + math.Log(n) }},
					{"log3 n", func(n float64) float64 { return math.Log(n) / math.Log(3) }},
				}},
			}
			for _, variant := range *variants {
				for _, n := range *nodes {
					c := gossip.RumorConfig{Sites: n, Cycle: gossipCycle, Aligned: !*free}
					if err := cmp.Or(setVariant(&c, variant), checkSites(n)); err != nil {
						return nil, err
					}
					d.Cases = append(d.Cases, Case{
						Words: []string{variant, strconv.Itoa(n)}, Series: variant, X: float64(n),
						Run: func(seed uint64) (Sample, error) {
							e := spread(&c, 0, seed, false)
							return Sample{Values: []float64{float64(e.last), float64(e.sent) / float64(n), float64(e.messages) / float64(n)}}, nil
						},
					})
				}
			}
			return d, nil
		}
	},
}

var gossipSpatial = &Study{
	Name: "gossip/spatial",
	Doc:  "What a preference for near partners spares the links in the middle.",
	Long: `Sites on a line, each of which contacts one other in each cycle, push and pull, until all know a rumor. A partner at distance
d has a weight of d^-a. Measured is how many of a cycle's contacts cross the link in the middle of the line, and the
average link, and how long it takes (Demers et al. 1987, section 3). With a uniform choice the middle link has half of all
contacts; with a = 2 it has of the order of log n, and the time is still polylogarithmic.`,
	Seeds: 20,
	New: func(f *pflag.FlagSet) func() (*Design, error) {
		sites := f.IntSlice("sites", []int{100, 300, 1000, 3000}, "how many `sites`; several are compared")
		exponents := f.IntSlice("exponent", []int{0, 1, 2, 3}, "`a`; several are compared, 0 is uniform")
		return func() (*Design, error) {
			d := &Design{
				Labels:  []string{"exponent", "sites"},
				Columns: []Column{{Name: "middle link", Unit: "contacts per cycle", Digits: 2}, {Name: "average link", Digits: 2}, {Name: "t_last", Unit: "cycles", Digits: 2}},
				Plot:    Plot{Title: "Traffic over the link in the middle", X: "sites", Y: "contacts per cycle", LogX: true, LogY: true},
			}
			for _, a := range *exponents {
				if a < 0 || a > 4 {
					return nil, fmt.Errorf("--exponent: %d is none from 0 to 4", a)
				}
				for _, n := range *sites {
					if err := checkSites(n); err != nil {
						return nil, err
					}
					d.Cases = append(d.Cases, Case{
						Words: []string{strconv.Itoa(a), strconv.Itoa(n)}, Series: fmt.Sprintf("a = %d", a), X: float64(n),
						Run: func(seed uint64) (Sample, error) {
							c := gossip.RumorConfig{Sites: n, Push: true, Pull: true, Cycle: gossipCycle, Aligned: true, Topology: gossip.NewSpatial(n, a)}
							e := spread(&c, 0, seed, false)
							return Sample{Values: []float64{e.perCycle(e.middle), e.perCycle(e.hops) / float64(n-1), float64(e.last)}}, nil
						},
					})
				}
			}
			return d, nil
		}
	},
}

func setVariant(c *gossip.RumorConfig, name string) error {
	switch name {
	case "push":
		c.Push = true
	case "pull":
		c.Pull = true
	case "pushpull":
		c.Push, c.Pull = true, true
	default:
		return fmt.Errorf("--variant: %q is none of push, pull and pushpull", name)
	}
	return nil
}

func checkSites(n int) error {
	if n < 2 || n > mostSites {
		return fmt.Errorf("%d sites; a rumor needs 2 to %d", n, mostSites)
	}
	return nil
}

// newTopologyFlag adds --topology.
func newTopologyFlag(f *pflag.FlagSet) func(sites int) (gossip.Topology, error) {
	name := f.String("topology", "uniform", "uniform, ring, grid, or spatial:A for sites on a line with exponent A")
	return func(sites int) (gossip.Topology, error) {
		var a int
		switch n, _ := fmt.Sscanf(*name, "spatial:%d", &a); {
		case *name == "uniform":
			return gossip.Uniform(sites), nil
		case *name == "ring":
			return gossip.Ring(sites), nil
		case *name == "grid":
			rows := int(math.Sqrt(float64(sites)))
			for sites%rows != 0 {
				rows--
			}
			return gossip.Grid{Rows: rows, Columns: sites / rows}, nil
		case n == 1 && 0 <= a && a <= 4:
			return gossip.NewSpatial(sites, a), nil
		}
		return nil, fmt.Errorf("--topology: %q is none of uniform, ring, grid and spatial:A with A from 0 to 4", *name)
	}
}

func topologyName(f *pflag.FlagSet) *string {
	name := f.Lookup("topology").Value.String()
	return &name
}

// epidemic is what came of one rumor.
type epidemic struct {
	config   *gossip.RumorConfig
	loss     sim.PPM
	draws    sim.Stream // of what is lost
	know     int        // sites
	hot      int
	sum      int64 // of the cycles in which the others heard of it
	last     int64 // the last such cycle
	sent     int64 // messages that told it
	messages int64
	middle   int64 // contacts over the link in the middle of a line
	hops     int64 // links that contacts cross, in all
}

func (e *epidemic) residue() float64 { return float64(e.config.Sites-e.know) / float64(e.config.Sites) }

func (e *epidemic) average() float64 {
	if e.know < 2 {
		return math.NaN()
	}
	return float64(e.sum) / float64(e.know-1)
}

func (e *epidemic) perCycle(n int64) float64 { return float64(n) / float64(max(e.last, 1)) }

// Send and Arrive make it the network, on which all that is not lost arrives after a millisecond.
func (e *epidemic) Send(p *sim.Packet) {
	if e.loss == 0 || !e.draws.Chance(e.loss) {
		p.Fate.Add(time.Millisecond)
	}
	e.messages++
	if _, ok := p.Msg.(*gossip.RumorNews); ok {
		e.sent++
	} else if _, ok := p.Msg.(*gossip.RumorQuery); ok {
		lo, hi := min(p.From, p.To), max(p.From, p.To)
		e.hops += int64(hi - lo)
		if half := sim.NodeID(e.config.Sites / 2); lo <= half && half < hi {
			e.middle++
		}
	}
}

func (e *epidemic) Arrive(*sim.Packet) sim.Arrival { return sim.Arrival{} }

// teller is a site that begins with a rumor.
type teller struct {
	*gossip.Rumor
	rumor *gossip.Update
}

func (t teller) Start(env sim.Env) {
	t.Rumor.Start(env)
	t.Tell(env, t.rumor)
}

// spread has one rumor spread from site 1 until all have lost interest in it, or all know it.
func spread(c *gossip.RumorConfig, loss sim.PPM, seed uint64, toTheEnd bool) *epidemic {
	e := &epidemic{config: c, loss: loss, draws: sim.NewStream(seed, "lost messages")}
	w := sim.New(sim.Config{Seed: seed, Network: e, MaxSteps: 1 << 40})
	defer w.Close()
	sites := make([]gossip.Rumor, c.Sites)
	for i := range sites {
		sites[i] = *gossip.NewRumor(c)
	}
	w.Watch(func(s *sim.Step) {
		switch f := s.Payload.(type) {
		case gossip.RumorLearned:
			if f.Hot {
				e.hot++
			}
			if e.know++; e.know > 1 {
				e.last = int64(s.At/clock.Time(c.Cycle)) + 1
				if c.Aligned {
					e.last-- // the first cycle begins a cycle after the rumor
				}
				e.sum += e.last
			}
		case gossip.RumorCold:
			e.hot--
		}
	})
	w.Add(func(sim.NodeID) sim.Node { return teller{&sites[0], &gossip.Update{ID: 1}} })
	factory := func(id sim.NodeID) sim.Node { return &sites[id-1] }
	for range c.Sites - 1 {
		w.Add(factory)
	}
	for at := clock.Time(c.Cycle); ; at = at.Add(c.Cycle) {
		w.RunUntil(at - 1)
		if e.hot == 0 || !toTheEnd && e.know == c.Sites {
			return e
		}
	}
}
