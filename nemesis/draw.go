package nemesis

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// Draw is the plan of a seed, the same always and everywhere. rapid.Check with -rapid.seed=SEED and -rapid.checks=1
// draws it too, if Generator is the first it draws from; it is up to the check to set Plan.Seed, which generators
// cannot know. Seed 0 means "any" to rapid, so there it is to be given as RapidSeed(0).
func (s Space) Draw(seed uint64) Plan {
	p := s.Generator().Example(int(RapidSeed(seed)))
	p.Seed = seed
	return p
}

// RapidSeed is the seed that makes rapid draw the plan of a seed: itself, but for 0.
func RapidSeed(seed uint64) uint64 { return cmp.Or(seed, 1<<63) }

// An int holds every seed: rapid's Example takes no wider type.
var _ [strconv.IntSize - 64]struct{}

// Generator draws the space's plans, without their seeds. It never rejects a draw, and all its randomness is unbiased
// bits: rapid's own integers favour small values, which is good for finding edge cases of code and bad for placing
// faults in time. Generators are independent of each other. It panics if the space makes no sense.
func (s Space) Generator() *rapid.Generator[Plan] {
	if err := s.check(); err != nil {
		panic("nemesis: space " + s.Scenario + ": " + err.Error())
	}
	return rapid.Custom(s.draw)
}

// victimShare is how many quarters of a plan with a victim, or a focus, are aimed at it.
const victimShare = 3

// drawing is one draw of a plan.
type drawing struct {
	dice
	plan   *Plan
	victim sim.NodeID      // is preferred as a target; 0 in most plans
	focus  []string        // one or two roles that are, likewise; none in most plans
	storms []time.Duration // when they begin
	roles  []string        // that faults may strike
	facts  []string        // that faults may wait for
	on     Trigger         // of the fault that is drawn
	only   sim.NodeID      // the one node that faults concern; 0: any
}

// draw draws the cluster first, then its models, then what happens to it.
func (s Space) draw(t *rapid.T) Plan {
	p := Plan{Build: s.Build, Scenario: s.Scenario}
	d := &drawing{dice: dice{t: t}, plan: &p, roles: s.Roles}
	d.roll() // rapid insists on a draw, even where all ranges are single values
	p.Nodes = between(d, s.Nodes)
	if d.chance(s.Small) {
		p.Nodes = s.Nodes.Min
	}
	p.Clients = between(d, s.Clients)
	p.Duration = d.span(s.Duration)
	if len(s.Links) > 0 {
		p.Link = d.link(s.Links[d.below(len(s.Links))])
	}
	if len(s.ClientLinks) > 0 {
		p.ClientLink = d.link(s.ClientLinks[d.below(len(s.ClientLinks))])
	}
	if len(s.Disks) > 0 {
		p.Disk = d.disk(s.Disks[d.below(len(s.Disks))])
	}
	if s.Buggify && d.below(2) == 0 {
		p.Buggify = sim.Oddities{
			Sites:  between(d, Range[sim.PPM]{sim.Million / 10, sim.Million / 2}),
			Visits: between(d, Range[sim.PPM]{sim.Million / 1000, sim.Million / 2}),
		}
	}
	if d.below(4) == 0 {
		d.victim = d.anyNode()
	}
	if s.Swarm && len(s.Roles) > 0 && d.chance(s.Focus) {
		for range 1 + d.below(2) {
			d.focus = append(d.focus, s.Roles[d.below(len(s.Roles))])
		}
	}
	for range between(d, s.Storms) {
		d.storms = append(d.storms, d.anyMoment(time.Millisecond))
	}
	if s.Budget.Quorum != nil && d.below(2) == 0 {
		s.drawCore(d)
	}
	s.drawFaults(d)
	s.drawOps(d)
	return p
}

func (s Space) drawFaults(d *drawing) {
	p := d.plan
	thin := s.thin || s.Swarm && d.below(2) == 0
	for _, k := range s.Faults {
		kind := kindNamed(k.Kind)
		k = k.or(kind.FaultKind)
		if p.Nodes < kind.nodes || s.Swarm && !thin && !d.chance(k.share()) {
			continue
		}
		if s.Swarm {
			k.Window = d.extreme(k)
		}
		for range between(d, k.Count) {
			if thin && !d.chance(k.share()) {
				continue
			}
			e := Event{At: d.moment(time.Microsecond)}
			if d.facts = nil; !kind.instant() {
				e.Until = min(e.At+d.span(k.Window), p.Duration)
				d.facts = s.Facts
			}
			e.Fault = kind.draw(d, k)
			e.On, d.on = d.on, Trigger{}
			p.Faults = append(p.Faults, e)
		}
	}
	slices.SortStableFunc(p.Faults, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	o := p.outages()
	p.Faults = slices.DeleteFunc(p.Faults, func(e Event) bool { return o.refuse(e) != "" })
}

// drawCore leaves some nodes out of the core, and has them suffer for ever: from the last quarter on, as what is rare
// needs the whole cluster.
func (s Space) drawCore(d *drawing) {
	p := d.plan
	ids := d.order()
	least := s.Budget.Quorum(p.Nodes)
	size := least + d.below(max(p.Nodes-least, 1))
	if size == p.Nodes {
		return
	}
	p.Core = slices.Clone(ids[:size])
	slices.Sort(p.Core)
	for _, d.only = range ids[size:] {
		for range 1 + d.below(2) {
			kind := kindNamed(s.Budget.Outside[d.below(len(s.Budget.Outside))])
			at := p.Duration - time.Duration(d.below(int(p.Duration/4/time.Microsecond))+1)*time.Microsecond
			p.Faults = append(p.Faults, Event{At: at, Until: kind.forever(), Fault: kind.draw(d, kind.FaultKind)})
		}
	}
	d.only = sim.Nobody
}

// extreme is a kind's range of windows, or in some plans one of much shorter or longer ones.
func (d *drawing) extreme(k FaultKind) Range[time.Duration] {
	r := k.Window
	switch d.below(16) {
	case 0:
		return Range[time.Duration]{r.Max, max(r.Max, min(time.Duration(k.Stretch)*r.Max, d.plan.Duration))}
	case 1, 2:
		return Range[time.Duration]{max(r.Min/20, time.Microsecond), max(r.Min, time.Microsecond)}
	}
	return r
}

// chance is true with probability p, in 64ths.
func (d *drawing) chance(p sim.PPM) bool { return d.below(64) < int(p*64/sim.Million) }

func (s Space) drawOps(d *drawing) {
	p := d.plan
	all, weights := s.weigh(s.OpKinds)
	if all == 0 || p.Clients == 0 {
		return
	}
	if s.Swarm {
		some := slices.DeleteFunc(slices.Clone(s.OpKinds), func(OpKind) bool { return d.below(4) == 0 })
		if n, w := s.weigh(some); n > 0 {
			s.OpKinds, weights = some, w
		}
	}
	// The times come first and by themselves, so that nothing but they need be sorted.
	times := make([]time.Duration, between(d, s.Ops))
	for i := range times {
		times[i] = d.moment(opUnit)
	}
	slices.Sort(times)
	p.Ops = slices.Grow(p.Ops, len(times))
	for i, at := range times {
		k := s.opKind(d.below(weights))
		op := Op{At: at, Client: 1 + d.below(p.Clients), Kind: k.Kind}
		if k.Key {
			op.Key = s.Keys[d.below(len(s.Keys))]
		}
		if k.Value {
			op.Value = "v" + strconv.Itoa(i+1)
		}
		if k.Arg != nil {
			op.Arg = k.Arg(op, p.Ops, d.below)
		}
		p.Ops = append(p.Ops, op)
	}
}

// weigh returns how many kinds can be drawn, and the sum of their weights.
func (Space) weigh(kinds []OpKind) (n, weights int) {
	for _, k := range kinds {
		if k.Weight > 0 {
			n++
			weights += k.Weight
		}
	}
	return n, weights
}

// opUnit is how exactly operations are timed: each bit of a draw costs.
const opUnit = 5 * time.Millisecond

// opKind is the kind that owns number w of the sum of weights.
func (s *Space) opKind(w int) *OpKind {
	i := 0
	for ; w >= s.OpKinds[i].Weight; i++ {
		w -= s.OpKinds[i].Weight
	}
	return &s.OpKinds[i]
}

// node is a target: any node, or mostly the plan's victim.
func (d *drawing) node() sim.NodeID {
	if d.only != sim.Nobody {
		return d.only
	}
	if d.victim != 0 && d.below(4) < victimShare {
		return d.victim
	}
	return d.anyNode()
}

func (d *drawing) anyNode() sim.NodeID { return sim.NodeID(1 + d.below(d.plan.Nodes)) }

// stormShare is how many quarters of the moments of a plan with storms lie in one, within stormSpan of its beginning.
const (
	stormShare = 3
	stormSpan  = time.Second
)

// moment is a time of the fault phase, in whole units. Storms gather moments; since they begin anywhere, and one
// at the end of the phase goes on at its start, moments are uniform with them and without.
func (d *drawing) moment(unit time.Duration) time.Duration {
	if len(d.storms) == 0 || d.below(4) >= stormShare {
		return d.anyMoment(unit)
	}
	at := d.storms[d.below(len(d.storms))] + time.Duration(d.below(int(stormSpan/unit)))*unit
	return at % d.plan.Duration
}

func (d *drawing) anyMoment(unit time.Duration) time.Duration {
	return time.Duration(d.below(max(int(d.plan.Duration/unit), 1))) * unit
}

// span is in whole microseconds, and in as many steps as spanSteps: each bit of a draw costs.
func (d *drawing) span(r Range[time.Duration]) time.Duration {
	step := max((r.Max-r.Min)/spanSteps, time.Microsecond).Truncate(time.Microsecond)
	return r.Min + time.Duration(d.below(int((r.Max-r.Min)/step)+1))*step
}

const spanSteps = 4096

func between[T ~int | ~int64](d *drawing, r Range[T]) T {
	return r.Min + T(d.below(int(r.Max-r.Min)+1))
}

// link draws a model between two.
func (d *drawing) link(r Range[netsim.Link]) netsim.Link {
	l, lo, hi := r.Min, r.Min, r.Max
	l.Latency.Min = d.span(Range[time.Duration]{lo.Latency.Min, hi.Latency.Min})
	l.Latency.Max = d.span(Range[time.Duration]{lo.Latency.Max, hi.Latency.Max})
	l.Latency.Mean = d.span(Range[time.Duration]{lo.Latency.Mean, hi.Latency.Mean})
	l.Latency.Alpha = between(d, Range[int64]{lo.Latency.Alpha, hi.Latency.Alpha})
	l.Loss = between(d, Range[sim.PPM]{lo.Loss, hi.Loss})
	l.Duplicate = between(d, Range[sim.PPM]{lo.Duplicate, hi.Duplicate})
	l.Reorder = between(d, Range[sim.PPM]{lo.Reorder, hi.Reorder})
	l.ReorderBy = d.span(Range[time.Duration]{lo.ReorderBy, hi.ReorderBy})
	l.Bandwidth = between(d, Range[int64]{lo.Bandwidth, hi.Bandwidth})
	l.RetransmitAfter = d.span(Range[time.Duration]{lo.RetransmitAfter, hi.RetransmitAfter})
	return l
}

// disk likewise.
func (d *drawing) disk(r Range[disksim.Config]) disksim.Config {
	m := r.Min
	m.SyncMin = d.span(Range[time.Duration]{r.Min.SyncMin, r.Max.SyncMin})
	m.SyncMax = d.span(Range[time.Duration]{r.Min.SyncMax, r.Max.SyncMax})
	m.Capacity = between(d, Range[int64]{r.Min.Capacity, r.Max.Capacity})
	return m
}
