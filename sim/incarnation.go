package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
)

// incarnation is one life of a node between boot and crash: the Env its
// handlers get. What outlives it (identity, counters, what lasts) is handed to
// the next one at boot. 192 bytes: a cache line for deliveries, which comes
// first, and two for a timer and the stream. Worlds of very many nodes wait for
// memory, and for little else.
type incarnation struct {
	// guard is the one byte that the hot path looks at: zero means that the
	// node is up, free and not watched for anything, so inputs run at once
	// and effects depart at once.
	guard   guard
	timed   bool // timer is in use
	seeded  bool // random is
	id      NodeID
	w       *World
	node    Node
	lamport uint64
	seq     uint64     // counter of what this node originates: packets, timers, events; over all lives
	depart  clock.Time // departure of the next effect of the running handler; >= w.now
	*rare

	timer  timer     // the first; further ones are rare
	random generator // seeded when first used
	number uint32    // of this life, from 1
	make   func(NodeID) Node
	*lasting
}

// lasting is what a node has over all its lives, if it has any of it.
type lasting struct {
	storage  Storage
	departed uint64 // mutations of storage that have left the node
	cost     func(Kind, any) time.Duration
	skew     clock.Skew
}

// rare holds what most incarnations never need; it is made by the first who
// does.
type rare struct {
	pending  fifo[effect]    // effects that wait for their departure, in program order, departures ascending; not empty iff guardBusy
	settings fifo[setting]   // of timers: what the effectTimer of pending are about, in order
	inbox    fifo[work]      // inputs that wait for the node, in order of arrival; not empty iff guardInbox
	alarm    uint64          // seq of the wake entry that counts; 0 for none
	asleep   clock.Time      // when it comes
	pauses   int             // Pause calls without their Resume; > 0 iff guardPaused
	timers   []timer         // from the second on
	index    map[Timer]int32 // of timers by tag, from place linear on
	traps    []trap
	disk     Disk
	results  map[Timer]error // of background syncs
	subs     map[subKey]*sub
	odd      map[string]*oddity // by site of Buggify
	ends     []func()           // called when the incarnation ends
}

type guard uint8

const (
	guardDown   guard = 1 << iota // crashed, or not booted: inputs are lost
	guardVoid                     // over: effects do nothing
	guardDoomed                   // a trap has sprung: effects after it do nothing, those before it still leave
	guardBusy                     // effects are pending: inputs queue, effects follow the pending ones
	guardPaused                   // inputs queue, departures wait
	guardInbox                    // inputs are queued: new ones queue behind them
	guardTraps                    // traps count effects
	guardCost                     // handlers cost time
)

// work is an input that waits in an inbox.
type work struct {
	timer   bool  // else a packet
	place   int32 // of the timer
	from    NodeID
	msg     Message
	seq     uint64
	lamport uint64
	source
}

// defers decides what becomes of an input at a guarded node; false means that
// it can be handled now.
func (n *incarnation) defers(in work) bool {
	switch {
	case n.guard&guardDown != 0:
		if !in.timer {
			n.w.drop(in.from, n.id, in.seq, in.lamport, in.source, in.msg)
		}
		return true
	case n.guard&(guardBusy|guardPaused|guardInbox) != 0:
		n.slow().inbox.push(&in)
		n.guard |= guardInbox
		return true
	}
	return false
}

// receive runs the handler of a packet.
func (n *incarnation) receive(from NodeID, msg Message, id, lamport uint64, of source) {
	w := n.w
	n.lamport = max(n.lamport, lamport) + 1
	n.depart = w.now
	w.step(KindDeliver, n.id, from, id, n.lamport, w.types.of(msg))
	w.running, w.handler = n, w.steps
	if w.watched {
		msg = w.detail.received(w, n, from, id, of, msg)
	}
	if n.guard&guardCost != 0 {
		n.spend(KindDeliver, msg)
	}
	n.node.Receive(n, from, msg)
	if n.guard != 0 || w.watched {
		n.settle()
	}
}

// timeout runs the handler of a timer.
func (n *incarnation) timeout(t Timer, cause uint64) {
	w := n.w
	n.lamport++
	n.depart = w.now
	w.step(KindTimer, n.id, Nobody, 0, n.lamport, w.timer.hash(t))
	w.running, w.handler = n, w.steps
	if w.watched {
		w.detail.timer(w, n, t, cause)
	}
	if n.guard&guardCost != 0 {
		n.spend(KindTimer, t)
	}
	n.node.Timeout(n, t)
	if n.guard != 0 || w.watched {
		n.settle()
	}
}

// handle runs f as a handler of this node that belongs to the given step: boot,
// or World.Do. It may come in the middle of another handler, from a Watch.
func (n *incarnation) handle(kind Kind, payload any, step uint64, f func()) {
	w := n.w
	running, handler, seen := w.running, w.handler, w.seen
	n.depart = w.now
	w.running, w.handler = n, step
	if n.guard&guardCost != 0 {
		n.spend(kind, payload)
	}
	f()
	if n.guard != 0 || w.watched {
		n.settle()
	}
	w.running, w.handler, w.seen = running, handler, seen
	if w.stopped {
		running.guard |= guardVoid
	}
}

// settle follows every handler of a guarded or watched node.
func (n *incarnation) settle() {
	if n.guard&guardBusy != 0 {
		n.wakeAt(n.pending.first().at)
	}
	if n.w.watched {
		n.w.detail.settled(n.w, n)
	}
}

// wake lets what is due depart, and when the node is free takes the next input
// from the inbox. seq is that of the entry; only the last one counts.
func (n *incarnation) wake(seq uint64) {
	if n.rare == nil || n.alarm != seq {
		return // of an earlier incarnation, or another has come before it
	}
	n.alarm = 0
	if n.guard&(guardPaused|guardDown) != 0 {
		return
	}
	for n.guard&guardBusy != 0 {
		if at := n.pending.first().at; at > n.w.now {
			n.wakeAt(at)
			return
		}
		e := n.pending.pop()
		if n.pending.empty() {
			n.guard &^= guardBusy
		}
		n.w.handler = e.cause
		n.perform(&e)
		if n.w.stopped || n.guard&(guardPaused|guardDown) != 0 {
			return
		}
	}
	for n.guard&guardInbox != 0 {
		in := n.inbox.pop()
		if n.inbox.empty() {
			n.guard &^= guardInbox
		}
		if !in.timer {
			n.receive(in.from, in.msg, in.seq, in.lamport, in.source)
			break
		}
		if t := n.timerAt(in.place); t.seq == in.seq { // else it was stopped, or set again
			n.fire(t)
			break
		}
	}
	if n.guard&(guardInbox|guardBusy|guardDown) == guardInbox {
		n.wakeAt(n.w.now)
	}
}

// wakeAt queues a wake, unless one is due no later.
func (n *incarnation) wakeAt(at clock.Time) {
	if n.alarm != 0 && n.asleep <= at {
		return
	}
	w := n.w
	n.seq++
	n.alarm, n.asleep = n.seq, at
	w.queue.push(item{at, n.seq << copyBits, refWake, n.id})
}

// ID returns the node's name.
func (n *incarnation) ID() NodeID { return n.id }

// Now reads the wall clock at the departure of the next effect.
func (n *incarnation) Now() clock.Time {
	if n.lasting == nil {
		return n.depart
	}
	return n.skew.Wall(n.depart)
}

// Elapsed reads the monotonic clock likewise.
func (n *incarnation) Elapsed() time.Duration { return n.elapsed(n.depart) }

// elapsed reads the monotonic clock at true time t.
func (n *incarnation) elapsed(t clock.Time) time.Duration {
	if n.lasting == nil {
		return time.Duration(t)
	}
	return n.skew.Elapsed(t)
}

// Rand returns this incarnation's stream, seeded when first used.
func (n *incarnation) Rand() *rand.Rand {
	if !n.seeded {
		n.seeded = true
		n.random.seed(NewStream(n.w.config.Seed, "node", uint64(n.id), uint64(n.number)))
	}
	return &n.random.Rand
}

// Send is an effect.
func (n *incarnation) Send(to NodeID, msg Message) {
	if n.guard == 0 {
		n.w.send(n, to, msg)
		return
	}
	if n.w.config.CopyMessages {
		msg = Copy(msg) // as it is now, not at its departure
	}
	n.effect(&effect{kind: effectSend, to: to, payload: msg})
}

// Emit is an effect.
func (n *incarnation) Emit(fact Fact) {
	if n.guard == 0 {
		n.w.fact(n, fact)
		return
	}
	n.effect(&effect{kind: effectFact, payload: fact})
}

// Logf is not an effect: it changes nothing.
func (n *incarnation) Logf(format string, args ...any) {
	if n.w.config.Observer != nil && n.guard&(guardVoid|guardDoomed) == 0 {
		n.w.config.Observer.Log(n.id, fmt.Sprintf(format, args...))
	}
}

// fact is the step of a fact that departs.
func (w *World) fact(n *incarnation, fact Fact) {
	w.step(KindFact, n.id, Nobody, 0, n.lamport, w.types.of(fact))
	if w.watched {
		w.detail.step(w, KindFact, n, fact)
	}
	if len(w.watchers) == 0 {
		return
	}
	// Field by field: the others are zero in every step of a fact.
	seen := &w.seen
	seen.N, seen.At, seen.Kind, seen.Node = w.steps, w.now, KindFact, n.id
	seen.Incarnation, seen.Lamport, seen.Payload = n.number, n.lamport, fact
	for _, f := range w.watchers {
		f(&w.seen)
	}
}

func (n *incarnation) invoke(input any) *Op {
	w := n.w
	if len(w.ops) == cap(w.ops) {
		w.ops = make([]Op, 0, 64)
	}
	w.ops = append(w.ops, Op{Client: n.id, Input: input})
	op := &w.ops[len(w.ops)-1]
	n.effect(&effect{kind: effectInvoke, payload: op})
	return op
}

func (n *incarnation) finish(op *Op, outcome Outcome, output any) {
	if n.guard == 0 {
		n.w.returned(n, op, outcome, output)
		return
	}
	n.effect(&effect{kind: effectReturn, payload: &completion{op, output}, outcome: outcome})
}

func (n *incarnation) base() *incarnation { return n }

// fifo is a queue that reuses its memory once it has run empty.
type fifo[T any] struct {
	items []T
	head  int
}

func (q *fifo[T]) push(t *T) {
	if len(q.items) == cap(q.items) && 2*q.head > len(q.items) { // rather than grow
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, *t)
}

func (q *fifo[T]) first() *T   { return &q.items[q.head] }
func (q *fifo[T]) empty() bool { return q.head == len(q.items) }
func (q *fifo[T]) all() []T    { return q.items[q.head:] }

func (q *fifo[T]) remove(i int) {
	i += q.head
	q.items = append(q.items[:i], q.items[i+1:]...)
}

func (q *fifo[T]) pop() T {
	t := q.items[q.head]
	if q.head++; q.empty() {
		q.items, q.head = q.items[:0], 0
	}
	return t
}

// slow returns the incarnation's rare part.
func (n *incarnation) slow() *rare {
	if n.rare == nil {
		n.rare = &rare{}
	}
	return n.rare
}

// last returns what lasts of the node.
func (n *incarnation) last() *lasting {
	if n.lasting == nil {
		n.lasting = &lasting{}
	}
	return n.lasting
}
