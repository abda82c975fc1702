package netsim

import (
	"slices"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Cut severs links until it is healed. Packets that depart meanwhile are
// lost, and so are those in flight when it begins, even if it is healed before
// they arrive. Links that several cuts sever are whole again when all of them
// are healed. What a cut loses still counts, takes bandwidth and keeps its
// place: for packets sent later the healed network is one that never was cut.
func (n *Network) Cut(l Links) (heal func()) {
	c := &cut{on: l.compile()}
	n.cuts = append(n.cuts, c)
	return func() {
		if !c.healed {
			c.healed, c.at, c.until = true, n.now(), max(n.latest, n.now())
			n.healed++
		}
	}
}

// Whole reports whether no cut severs the link now.
func (n *Network) Whole(from, to sim.NodeID) bool {
	return !n.severs(&sim.Packet{From: from, To: to}, n.modelOf(from, to).ends)
}

// Hold keeps packets waiting at the ends of links until it is released. They
// arrive then, at once, each link's in the order of their departure.
func (n *Network) Hold(l Links) (release func()) { return n.stop(&stop{on: l.compile()}) }

// Clog lets nothing pass links until it is released. What has come that far
// then passes in order, one after the other, as if it were sent anew: each with
// a fresh latency, and its time of transmission if the link has a bandwidth.
// What comes to a link while others are still passing waits behind them.
func (n *Network) Clog(l Links) (release func()) {
	return n.stop(&stop{on: l.compile(), clog: true})
}

type cut struct {
	on     area
	healed bool
	at     clock.Time // when it was healed
	until  clock.Time // all packets sent before have arrived then, but those that stops keep waiting
}

// stop is a hold or a clog.
type stop struct {
	on   area
	clog bool
}

func (n *Network) stop(s *stop) (release func()) {
	n.stops = append(n.stops, s)
	return func() {
		if !slices.Contains(n.stops, s) {
			return
		}
		n.stops = slices.DeleteFunc(n.stops, func(other *stop) bool { return other == s })
		n.expect(n.now())
		if n.world != nil {
			n.world.Release(func(from, to sim.NodeID) bool { return s.on.has(from, to, n.modelOf(from, to).ends) })
		}
	}
}

// severs reports whether a packet is lost that departs now.
func (n *Network) severs(p *sim.Packet, clients ends) bool {
	for _, c := range n.cuts {
		if !c.healed && c.on.has(p.From, p.To, clients) {
			return true
		}
	}
	return false
}

// severed reports whether a packet is lost that arrives now.
func (n *Network) severed(p *sim.Packet, clients ends) bool {
	for _, c := range n.cuts {
		if (!c.healed || p.Sent < c.at) && c.on.has(p.From, p.To, clients) {
			return true
		}
	}
	return false
}

// forget drops healed cuts that can no longer concern any packet.
func (n *Network) forget(now clock.Time) {
	if n.healed == 0 || len(n.stops) > 0 {
		return
	}
	before := len(n.cuts)
	n.cuts = slices.DeleteFunc(n.cuts, func(c *cut) bool { return c.healed && c.until < now })
	n.healed -= before - len(n.cuts)
}

// expect keeps healed cuts for a packet that will arrive, again, at time t.
func (n *Network) expect(t clock.Time) {
	n.latest = max(n.latest, t)
	for _, c := range n.cuts {
		c.until = max(c.until, t)
	}
}

// place is a packet's place in the line of a clogged link.
type place struct {
	id uint64
	at clock.Time // when it passes; Never while the link is clogged
}

// arrive is Arrive where something has happened to the network.
func (n *Network) arrive(p *sim.Packet) sim.Arrival {
	n.forget(p.Now)
	var m *model
	if l := n.used(p.From, p.To); l != nil {
		m = l.model
	} else {
		m = n.modelOf(p.From, p.To)
	}
	if n.severed(p, m.ends) {
		n.leave(p)
		return sim.Arrival{Verb: sim.Drop}
	}
	var hold, clog bool
	for _, s := range n.stops {
		if s.on.has(p.From, p.To, m.ends) {
			hold, clog = hold || !s.clog, clog || s.clog
		}
	}
	switch {
	case clog:
		n.leave(p)
		n.join(p, clock.Never)
		return sim.Arrival{Verb: sim.Hold}
	case hold:
		n.leave(p)
		return sim.Arrival{Verb: sim.Hold}
	case n.waiting == 0:
		return sim.Arrival{}
	}

	q := n.queue(p.From, p.To)
	switch at := n.leave(p); {
	case at == clock.Never: // the clog is over
		at = q.again(p, m, n.seed)
		return n.postpone(p, q, at)
	case at == p.Now || q.pass <= p.Now:
		return sim.Arrival{}
	default:
		return n.postpone(p, q, q.pass+1)
	}
}

// again is when a packet passes that a clog has stopped.
func (q *queue) again(p *sim.Packet, m *model, seed uint64) clock.Time {
	d := q.transmit(p.Now, m.transmission(p.Msg))
	draws := sim.NewStream(seed, "clog", uint64(p.From), uint64(p.To))
	d += m.latency(draws.At(p.ID))
	return max(p.Now.Add(max(d, 1)), q.pass+1)
}

func (n *Network) postpone(p *sim.Packet, q *queue, at clock.Time) sim.Arrival {
	n.join(p, at)
	n.expect(at)
	q.pass = at
	return sim.Arrival{Verb: sim.Postpone, After: at.Sub(p.Now)}
}

// join puts a packet in its link's line.
func (n *Network) join(p *sim.Packet, at clock.Time) {
	q := n.queue(p.From, p.To)
	q.line = append(q.line, place{p.ID, at})
	n.waiting++
}

// leave takes a packet out of its link's line, where it is to be asked for
// now, and returns when it was to pass; -1 if it was not there. A clog gives
// one place to all copies of a packet: those without one pass behind it.
func (n *Network) leave(p *sim.Packet) clock.Time {
	if n.waiting == 0 {
		return -1
	}
	q := n.queue(p.From, p.To)
	for i, w := range q.line {
		if w.id == p.ID && (w.at == p.Now || w.at == clock.Never) {
			q.line = slices.Delete(q.line, i, i+1)
			n.waiting--
			return w.at
		}
	}
	return -1
}

// now is the world's time; a world that has not begun is at 0.
func (n *Network) now() clock.Time {
	if n.world == nil {
		return 0
	}
	return n.world.Now()
}
