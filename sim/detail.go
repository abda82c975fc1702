package sim

import (
	"slices"

	"github.com/seedbed-sim/seedbed/clock"
)

// detail is what a watched run keeps besides the hash: contents for the deep
// hash, causes for the observer, copies for the copying mode. It never changes
// the run's steps.
type detail struct {
	deep    uint64
	sources [][]source // by the packet's sender and its number there
	causal  Causal
	last    Step // scratch
}

// source is what a packet comes from: the step whose handler sent it, and when it departed.
type source struct {
	step uint64
	at   clock.Time
}

func newDetail() *detail { return &detail{deep: hashStart} }

// sent follows the departure of a packet; it returns the message to carry.
func (d *detail) sent(w *World, n *incarnation, msg Message) Message {
	if w.config.Observer != nil || w.config.Causal {
		d.sources = longer(d.sources, int(n.id))
		of := longer(d.sources[n.id], int(n.seq))
		of[n.seq] = source{w.handler, w.now}
		d.sources[n.id] = of
	}
	if w.config.CopyMessages {
		return Copy(msg)
	}
	return msg
}

// longer returns a slice that has an element i: s, or s with more zeros.
func longer[T any](s []T, i int) []T {
	if i < len(s) {
		return s
	}
	return slices.Grow(s, i+1-len(s))[:i+1]
}

// source returns what the packet comes from; the zero source for one that the world handed to the node itself.
func (d *detail) source(from NodeID, id uint64) source {
	if int(from) < len(d.sources) && id < uint64(len(d.sources[from])) {
		return d.sources[from][id]
	}
	return source{}
}

// received follows the delivery of a packet; it returns the message to hand
// over.
func (d *detail) received(w *World, n *incarnation, from NodeID, id uint64, msg Message) Message {
	d.step(w, KindDeliver, n, from, id, msg)
	if w.config.CopyMessages {
		return Copy(msg)
	}
	return msg
}

// timer follows the firing of a timer.
func (d *detail) timer(w *World, n *incarnation, t Timer, cause uint64) {
	d.record(w, KindTimer, n, Nobody, 0, source{step: cause}, t)
}

// step follows all other steps.
func (d *detail) step(w *World, kind Kind, n *incarnation, peer NodeID, packet uint64, payload any) {
	var of source
	switch kind {
	case KindDeliver, KindDrop:
		of = d.source(peer, packet)
	case KindFact, KindSync, KindInvoke, KindReturn:
		of.step = w.handler
	}
	d.record(w, kind, n, peer, packet, of, payload)
}

func (d *detail) record(w *World, kind Kind, n *incarnation, peer NodeID, packet uint64, of source, payload any) {
	content := uint64(0)
	if w.config.Deep {
		d.deep = Mix(d.deep ^ w.steps)
		if payload != nil {
			content = DeepHash(payload)
			d.deep = Mix(d.deep ^ content)
		}
	}
	if w.config.Observer == nil && !w.config.Causal {
		return
	}
	d.last = Step{
		N: w.steps, At: w.now, Kind: kind, Node: n.id, Peer: peer, Incarnation: n.number,
		Packet: packet, Cause: of.step, Lamport: n.lamport, Sent: of.at, Payload: payload, Content: content,
	}
	if w.config.Causal {
		d.causal.Add(&d.last)
	}
	if w.config.Observer != nil {
		w.config.Observer.Step(&d.last)
	}
}

// wrote covers the bytes of a disk mutation.
func (d *detail) wrote(data []byte) {
	d.deep = Mix(d.deep ^ bytesHash(hashStart, data))
}

// settled follows the end of a handler, or the violation that stops the run in
// the middle of one: what a handler does after that, or after its node's end,
// only meets a void Env.
func (d *detail) settled(w *World, n *incarnation) {
	if w.config.Observer == nil || n.guard&(guardDown|guardDoomed) != 0 || w.stopped {
		return
	}
	state := any(n.node)
	if i, ok := n.node.(Inspector); ok {
		state = i.Inspect()
	}
	w.config.Observer.Settled(w.handler, n.id, state)
}
