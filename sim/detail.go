package sim

import "github.com/seedbed-sim/seedbed/clock"

// detail is what a watched run keeps besides the hash: contents for the deep
// hash, causes for the observer, copies for the copying mode. It never changes
// the run's steps.
type detail struct {
	deep   uint64
	told   []version // by node
	causal Causal
	last   Step // scratch
}

// source is where a packet comes from.
type source struct {
	cause uint64     // the step whose handler sent it
	sent  clock.Time // when it departed
}

// version is that of a node's state.
type version struct {
	incarnation uint32
	number      uint64
}

func newDetail() *detail { return &detail{deep: hashStart} }

// received follows the delivery of a packet; it returns the message to hand
// over.
func (d *detail) received(w *World, n *incarnation, from NodeID, id uint64, of source, msg Message) Message {
	d.record(w, KindDeliver, n, from, id, of, msg)
	if w.config.CopyMessages {
		return Copy(msg)
	}
	return msg
}

// timer follows the firing of a timer.
func (d *detail) timer(w *World, n *incarnation, t Timer, cause uint64) {
	d.record(w, KindTimer, n, Nobody, 0, source{cause: cause}, t)
}

// step follows all other steps.
func (d *detail) step(w *World, kind Kind, n *incarnation, payload any) {
	var of source
	switch kind {
	case KindFact, KindSync, KindInvoke, KindReturn:
		of.cause = w.handler
	}
	d.record(w, kind, n, Nobody, 0, of, payload)
}

// record follows a step.
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
	s := &d.last // field by field, in place: a copy would wait for what was written just before
	s.N, s.At, s.Kind, s.Node, s.Peer, s.Incarnation = w.steps, w.now, kind, n.id, peer, n.number
	s.Packet, s.Cause, s.Lamport, s.Sent = packet, of.cause, n.lamport, of.sent
	s.Payload, s.Content = payload, content
	if w.config.Causal {
		d.causal.Add(s)
	}
	if w.config.Observer != nil {
		w.config.Observer.Step(s)
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
	if v, ok := n.node.(Versioned); ok && !d.news(n, v.Version()) {
		return
	}
	state := any(n.node)
	if i, ok := n.node.(Inspector); ok {
		state = i.Inspect()
	}
	w.config.Observer.Settled(w.handler, n.id, state)
}

// news tells whether the observer has not seen this version of a node's state,
// which it is shown then.
func (d *detail) news(n *incarnation, number uint64) bool {
	for int(n.id) >= len(d.told) {
		d.told = append(d.told, version{})
	}
	is := version{n.number, number}
	if d.told[n.id] == is {
		return false
	}
	d.told[n.id] = is
	return true
}
