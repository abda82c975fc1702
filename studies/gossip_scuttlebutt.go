package studies

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/models/gossip"
	"github.com/seedbed-sim/seedbed/sim"
)

var gossipScuttlebutt = &Study{
	Name:  "gossip/scuttlebutt",
	Doc:   "Staleness under overload: the orders of Scuttlebutt against precise reconciliation, with and without flow control.",
	Seeds: 50,
	Long: `Sites own maps that all are to know, and gossip once a second in messages that hold a few deltas (van Renesse,
Dumitriu, Gough and Thomas, "Efficient Reconciliation and Flow Control for Anti-Entropy Protocols", LADIS 2008, sections
3 and 4). Each updates a random key of its own at a steady rate. For a while it does so faster than messages can carry,
and then as before. The paper has 128 sites, 64 keys, messages of 100 deltas, and twice the rate from 25 s to 75 s.

What a site has of another's key is stale from the first update that it does not know. "worst" is the staleness of the
stalest pair of a site and a key, "mean" that over all pairs, both as means over the second half of the overload;
"backlog" is the number of stale pairs per site at the end of it; "recovery" the time after it until no pair is staler
than before it. The curves are the worst staleness over time.

With flow control a site makes no more updates than its rate allows, which falls when messages overflow. "updates" is
what it makes per second of the overload; what waits is replaced by later updates of its key, and counts as no backlog.`,
	New: newScuttlebuttStudy,
}

// scuttlebuttStudy are the parameters.
type scuttlebuttStudy struct {
	sites, keys, limit int
	rate               float64 // updates of a site per second
	overload           float64 // times as many
}

// The phases, in seconds: calm, overload, calm.
const (
	scuttlebuttFrom  = 25
	scuttlebuttUntil = 75
	scuttlebuttEnd   = 120
)

func newScuttlebuttStudy(f *pflag.FlagSet) func() (*Design, error) {
	var p scuttlebuttStudy
	f.IntVar(&p.sites, "sites", 16, "how many sites gossip")
	f.IntVar(&p.keys, "keys", 32, "keys of each site's map")
	f.IntVar(&p.limit, "limit", 16, "deltas that a message holds")
	f.Float64Var(&p.rate, "rate", 1, "updates of each site per second")
	f.Float64Var(&p.overload, "overload", 3, "times as many during the overload")
	return func() (*Design, error) {
		switch {
		case p.sites < 2 || p.sites > 1000:
			return nil, fmt.Errorf("--sites: there are 2 to 1000, not %d", p.sites)
		case p.keys < 1 || p.keys > 1000:
			return nil, fmt.Errorf("--keys: a map has 1 to 1000, not %d", p.keys)
		case p.limit < 1:
			return nil, fmt.Errorf("--limit: a message holds a delta at least, not %d", p.limit)
		case !(p.rate >= 0.01 && p.rate <= 1000):
			return nil, fmt.Errorf("--rate: between 0.01 and 1000 per second, not %v", p.rate)
		case !(p.overload >= 1 && p.overload <= 100):
			return nil, fmt.Errorf("--overload: between 1 and 100 times as many, not %v", p.overload)
		}
		return p.design(), nil
	}
}

func (p scuttlebuttStudy) design() *Design {
	d := &Design{
		Labels: []string{"order", "flow control"},
		Columns: []Column{
			{Name: "worst", Unit: "s", Digits: 1}, {Name: "mean", Unit: "s", Digits: 2}, {Name: "backlog", Digits: 1},
			{Name: "recovery", Unit: "s", Digits: 1}, {Name: "updates", Unit: "1/s", Digits: 2},
			{Name: "messages", Unit: "1/s", Digits: 2}, {Name: "deltas", Unit: "1/s", Digits: 1},
		},
		Plot: Plot{
			Title: fmt.Sprintf("Staleness: %d sites, %d keys, %d deltas a message, %g times %g updates/s from %d s to %d s",
				p.sites, p.keys, p.limit, p.overload, p.rate, scuttlebuttFrom, scuttlebuttUntil),
			X: "time (s)", Y: "worst staleness (s)",
		},
		Notes: []string{"Messages and deltas are those that a site gets per second of the overload."},
	}
	for t := 1; t < scuttlebuttEnd; t++ {
		d.Plot.Times = append(d.Plot.Times, float64(t))
	}
	for _, flow := range []bool{false, true} {
		for _, order := range []gossip.ScuttleOrder{gossip.ScuttleDepth, gossip.ScuttleBreadth, gossip.PreciseOldest, gossip.PreciseNewest} {
			words, series := []string{order.String(), "no"}, order.String()
			if flow {
				words[1], series = "yes", series+", flow control"
			}
			d.Cases = append(d.Cases, Case{
				Words: words, Series: series,
				Run: func(seed uint64) (Sample, error) { return p.run(seed, order, flow), nil },
			})
		}
	}
	return d
}

// scuttlebuttRun is one run.
type scuttlebuttRun struct {
	scuttlebuttStudy
	world     *sim.World
	staleness *checkers.Staleness[int]
	draws     sim.Stream
	updates   int // that were made
	deltas    int // that sites learned of others
}

func (p scuttlebuttStudy) run(seed uint64, order gossip.ScuttleOrder, flow bool) Sample {
	r := &scuttlebuttRun{scuttlebuttStudy: p, world: sim.New(sim.Config{Seed: seed}), draws: sim.NewStream(seed, "updates")}
	defer r.world.Close()
	c := gossip.ScuttleConfig{Period: time.Second, Order: order, Limit: p.limit, Keys: make([]string, p.keys), Volatile: true}
	for i := range p.sites {
		c.Sites = append(c.Sites, sim.NodeID(i+1))
	}
	if flow {
		first := int64(p.rate * 1000)
		c.Flow = gossip.ScuttleRates{
			First: first, Least: max(first/10, 1), Most: int64(float64(first) * p.overload * 2), Increase: max(first/20, 1),
		}
	}
	r.staleness = checkers.NewStaleness[int](checkers.NewSet(nil), 0, c.Sites...)
	r.watch()
	for range p.sites {
		id := r.world.Add(func(sim.NodeID) sim.Node { return gossip.NewScuttleSite(c) })
		r.world.At(0, func() { r.later(id) })
	}
	return r.measure()
}

// watch feeds the staleness from what sites learn.
func (r *scuttlebuttRun) watch() {
	r.world.Watch(func(s *sim.Step) {
		f, ok := s.Payload.(gossip.ScuttleLearned)
		if !ok {
			return
		}
		m := int(f.Owner)*r.keys + f.Key
		if f.Owner == s.Node {
			r.staleness.Update(m, f.Version, s.At)
			r.updates++
		} else {
			r.deltas++
		}
		r.staleness.Know(s.Node, m, f.Version)
	})
}

// later has a site update a random key after a while, and again and again.
func (r *scuttlebuttRun) later(id sim.NodeID) {
	now := r.world.Now()
	rate := r.rate
	if s := time.Duration(now).Seconds(); s >= scuttlebuttFrom && s < scuttlebuttUntil {
		rate *= r.overload
	}
	mean := time.Duration(float64(time.Second) / rate)
	r.world.At(now.Add(r.draws.Between(0, 2*mean)), func() {
		r.world.Do(id, func(env sim.Env) {
			r.world.Node(id).(*gossip.ScuttleSite).Update(env, int(r.draws.Below(uint64(r.keys))), "")
		})
		r.later(id)
	})
}

// measure looks once a second.
func (r *scuttlebuttRun) measure() Sample {
	var trace []float64
	var worst, mean float64
	backlog, recovery := math.NaN(), math.NaN()
	var before, after [3]int // updates, messages and deltas by the beginning and the end of the overload
	counts := func() [3]int { return [3]int{r.updates, int(r.world.Count(sim.KindDeliver)), r.deltas} }
	calm := 0.0 // the worst staleness before the overload, once warm
	for t := 1; t < scuttlebuttEnd; t++ {
		r.world.RunUntil(clock.Time(t) * clock.Time(time.Second))
		s := r.staleness.At(r.world.Now())
		trace = append(trace, s.Worst.Seconds())
		switch {
		case t > scuttlebuttFrom/2 && t <= scuttlebuttFrom:
			calm = max(calm, s.Worst.Seconds())
		case t > (scuttlebuttFrom+scuttlebuttUntil)/2 && t <= scuttlebuttUntil:
			const half = (scuttlebuttUntil - scuttlebuttFrom) / 2
			worst += s.Worst.Seconds() / half
			mean += s.Sum.Seconds() / float64(s.Of) / half
		case t > scuttlebuttUntil && math.IsNaN(recovery) && s.Worst.Seconds() <= calm:
			recovery = float64(t - scuttlebuttUntil)
		}
		switch t {
		case scuttlebuttFrom:
			before = counts()
		case scuttlebuttUntil:
			after = counts()
			backlog = float64(s.Count) / float64(r.sites)
		}
	}
	if math.IsNaN(recovery) {
		recovery = scuttlebuttEnd - scuttlebuttUntil // at least
	}
	values := []float64{worst, mean, backlog, recovery}
	for i := range before {
		values = append(values, float64(after[i]-before[i])/float64(r.sites)/(scuttlebuttUntil-scuttlebuttFrom))
	}
	return Sample{Values: values, Trace: slices.Clip(trace)}
}
