// Package nettest checks an implementation of sim.Network against its
// contract: what the engine, and whoever shrinks or replays a run, relies on.
//
// It does not judge whether the network is a good model of one, nor what its
// faults do; packets that a cut should lose are the implementation's own tests.
package nettest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Run checks the networks that make returns, each a new one without a world.
// They must be alike but for the seed, and not lose every one of a thousand
// packets. Nodes have ids from 1 to 5, messages are strings.
func Run(t *testing.T, make func(seed uint64) sim.Network) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			for seed := uint64(1); seed <= 5; seed++ {
				if err := c.check(func() sim.Network { return make(seed) }, newSchedule(seed)); err != nil {
					t.Fatalf("seed %d: %v", seed, err)
				}
			}
		})
	}
}

var checks = []struct {
	name  string
	check func(make func() sim.Network, s schedule) error
}{
	{"fates are within bounds", bounds},
	{"equal seeds give equal fates", repeats},
	{"the order between links does not matter", orderless},
	{"other links do not matter", apart},
	{"arrivals draw nothing", arrivals},
}

func bounds(make func() sim.Network, s schedule) error {
	n, copies := make(), 0
	for _, p := range s.packets() {
		before := *p
		n.Send(p)
		if err := bounded(p); err != nil {
			return err
		}
		copies += p.Fate.Len()
		p.Fate = sim.Fate{}
		if *p != before {
			return fmt.Errorf("Send changed the packet: it was %v, and is %v", before, *p)
		}
	}
	if copies == 0 {
		return fmt.Errorf("none of %d packets arrives", len(s.packets()))
	}
	return nil
}

func bounded(p *sim.Packet) error {
	if p.Fate.Len() < 0 || p.Fate.Len() > sim.MaxCopies {
		return fmt.Errorf("%s has %d copies", name(p), p.Fate.Len())
	}
	for i := range p.Fate.Len() {
		if d := p.Fate.Delay(i); d < 0 {
			return fmt.Errorf("%s: copy %d is delayed by %v", name(p), i, d)
		}
	}
	return nil
}

func repeats(make func() sim.Network, s schedule) error {
	return differ(run(make(), s), run(make(), s), "in a second run")
}

// orderless sends the packets of each instant in another order, each link's
// own order kept.
func orderless(make func() sim.Network, s schedule) error {
	other := slices.Clone(s)
	for i, instant := range other {
		other[i] = slices.Clone(instant)
		slices.SortStableFunc(other[i], func(a, b link) int { return int(b.hash()) - int(a.hash()) })
	}
	return differ(run(make(), s), run(make(), other), "with links in another order")
}

// apart sends the packets of one link without all others.
func apart(make func() sim.Network, s schedule) error {
	all := run(make(), s)
	for _, only := range links() {
		alone := slices.Clone(s)
		for i, instant := range alone {
			alone[i] = slices.DeleteFunc(slices.Clone(instant), func(l link) bool { return l != only })
		}
		one := run(make(), alone)
		if err := differ(all, one, "without other links"); err != nil {
			return err
		}
	}
	return nil
}

// arrivals asks for the arrival of each copy between the packets.
func arrivals(make func() sim.Network, s schedule) error {
	n := make()
	got := fates{}
	for _, p := range s.packets() {
		n.Send(p)
		got.add(p)
		for i := range p.Fate.Len() {
			if err := arrive(n, *p, p.Fate.Delay(i)); err != nil {
				return err
			}
		}
	}
	return differ(run(make(), s), got, "when arrivals are asked for")
}

// arrive follows one copy until its end.
func arrive(n sim.Network, p sim.Packet, d time.Duration) error {
	const patience = 1000
	p.Now = p.Sent.Add(d)
	for range patience {
		switch a := n.Arrive(&p); {
		case a.Verb == sim.Postpone && a.After > 0:
			p.Now = p.Now.Add(a.After)
		case a.Verb == sim.Postpone:
			return fmt.Errorf("%s is postponed by %v", name(&p), a.After)
		case a.Verb > sim.Hold:
			return fmt.Errorf("%s: unknown verb %d", name(&p), a.Verb)
		default:
			return nil
		}
	}
	return fmt.Errorf("%s is postponed without end", name(&p))
}

// schedule is the packets of some instants, a microsecond apart, by their links.
type schedule [][]link

type link struct{ from, to sim.NodeID }

func (l link) hash() uint32 { return uint32(sim.Mix(uint64(l.from)<<32|uint64(l.to)) >> 33) }

const nodes, instants = 5, 400

func newSchedule(seed uint64) schedule {
	draw := sim.NewStream(seed, "nettest")
	s := make(schedule, instants)
	for i := range s {
		for range draw.Below(6) {
			s[i] = append(s[i], link{sim.NodeID(1 + draw.Below(nodes)), sim.NodeID(1 + draw.Below(nodes))})
		}
	}
	return s
}

// packets makes the packets, in departure order.
func (s schedule) packets() []*sim.Packet {
	var ps []*sim.Packet
	var ids [nodes + 1]uint64
	for i, instant := range s {
		at := clock.Time(i) * clock.Time(time.Microsecond)
		for _, l := range instant {
			ids[l.from]++
			ps = append(ps, &sim.Packet{From: l.from, To: l.to, ID: ids[l.from], Sent: at, Now: at, Msg: "message"})
		}
	}
	return ps
}

// fates holds the fate of the k-th packet of each link.
type fates map[link][]sim.Fate

func run(n sim.Network, s schedule) fates {
	got := fates{}
	for _, p := range s.packets() {
		n.Send(p)
		got.add(p)
	}
	return got
}

func (f fates) add(p *sim.Packet) {
	l := link{p.From, p.To}
	f[l] = append(f[l], p.Fate)
}

// differ returns the first difference, in the order of links.
func differ(want, got fates, when string) error {
	for _, l := range links() {
		w, g := want[l], got[l]
		if len(w) != len(g) {
			continue // not sent in both
		}
		for k := range w {
			if text(w[k]) != text(g[k]) {
				return fmt.Errorf("packet %d from %s to %s: %s, but %s %s", k+1, l.from, l.to, text(w[k]), text(g[k]), when)
			}
		}
	}
	return nil
}

// links returns all links, in order.
func links() []link {
	var all []link
	for from := sim.NodeID(1); from <= nodes; from++ {
		for to := sim.NodeID(1); to <= nodes; to++ {
			all = append(all, link{from, to})
		}
	}
	return all
}

// text is what counts of a fate.
func text(f sim.Fate) string {
	if f.Len() == 0 {
		return "lost"
	}
	var d []time.Duration
	for i := range f.Len() {
		d = append(d, f.Delay(i))
	}
	return fmt.Sprint(d)
}

func name(p *sim.Packet) string { return fmt.Sprintf("packet %d from %s to %s", p.ID, p.From, p.To) }
