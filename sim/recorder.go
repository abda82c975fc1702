package sim

import (
	"time"

	"github.com/seedbed-sim/seedbed/clock"
)

// Recorder runs one node without the others, for unit tests: inputs come from
// the test, effects are kept for it. It is a world of its own, so every clause
// of the contract (departures, busy nodes, crashes between effects) holds.
type Recorder struct {
	World *World
	id    NodeID
	Sent  []Sent // packets that have departed, in order
	Facts []Fact // facts likewise
}

// Sent is a packet that departed from a Recorder's node.
type Sent struct {
	At  clock.Time
	To  NodeID
	Msg Message
}

// NewRecorder boots the node with the given id among peers, nodes 1 to nodes,
// that exist only as addresses. A nil Config.Network is right: the Recorder
// keeps the packets. Config.Disk gives it a disk.
func NewRecorder(c Config, id NodeID, nodes int, factory func(NodeID) Node) *Recorder {
	r := &Recorder{id: id}
	c.Network = (*recorderNetwork)(r)
	r.World = New(c)
	for i := NodeID(1); int(i) <= max(nodes, int(id)); i++ {
		if i == id {
			r.World.Add(factory)
		} else {
			r.World.Add(func(NodeID) Node { return deaf{} })
		}
	}
	r.World.Watch(func(s *Step) {
		if s.Node == id {
			r.Facts = append(r.Facts, s.Payload)
		}
	})
	r.World.RunUntil(0)
	return r
}

// Receive hands the node one packet, now.
func (r *Recorder) Receive(from NodeID, msg Message) {
	w := r.World
	w.At(w.now, func() {
		n := w.nodes[r.id]
		if n.guard == 0 || !n.defers(work{from: from, msg: msg}) {
			n.receive(from, msg, 0, 0, source{})
		}
	})
	w.RunUntil(w.now)
}

// Advance lets time pass: timers fire and effects leave.
func (r *Recorder) Advance(d time.Duration) bool { return r.World.RunUntil(r.World.now.Add(d)) }

// Do runs f as a handler of the node; see World.Do.
func (r *Recorder) Do(f func(env Env)) bool {
	ok := r.World.Do(r.id, f)
	r.World.RunUntil(r.World.now)
	return ok
}

// Armed returns how much of Elapsed is left until the timer fires; false if it
// is not set, as before its setting departs.
func (r *Recorder) Armed(t Timer) (time.Duration, bool) {
	n := r.World.nodes[r.id]
	i := n.find(t)
	if i < 0 || !n.timerAt(i).armed() {
		return 0, false
	}
	return n.timerAt(i).mono - n.elapsed(r.World.now), true
}

// Take returns the packets that have departed and forgets them.
func (r *Recorder) Take() []Sent {
	sent := r.Sent
	r.Sent = nil
	return sent
}

type recorderNetwork Recorder

func (r *recorderNetwork) Send(p *Packet) {
	r.Sent = append(r.Sent, Sent{At: p.Now, To: p.To, Msg: p.Msg})
	p.Fate.Add(1<<62 - 1) // under way for ever
}

func (r *recorderNetwork) Arrive(*Packet) Arrival { return Arrival{Verb: Drop} }

// deaf is a peer that exists only as an address.
type deaf struct{}

func (deaf) Start(Env)                    {}
func (deaf) Receive(Env, NodeID, Message) {}
func (deaf) Timeout(Env, Timer)           {}
