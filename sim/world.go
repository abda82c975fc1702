package sim

import (
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"time"
	"unsafe"

	"github.com/seedbed-sim/seedbed/clock"
)

// World is one simulated run: virtual time, one queue, nodes and their
// effects. Everything that happens in it is a function of its Config, its
// nodes' code and the calls made on it. It is not safe for concurrent use.
type World struct {
	now     clock.Time
	steps   uint64
	hash    uint64
	stopped bool // a violation, or Close: no step will follow
	watched bool // steps are wanted in detail: observer, deep hash or copying

	queue   queue
	nodes   []*incarnation // by NodeID: each node's last incarnation; nodes[0] runs world events
	unborn  []incarnation  // of nodes to come
	network Network
	fetcher fetcher // network, if it is one
	packet  Packet  // scratch, for calls of network
	held    []item
	types   typeIDs
	fetches uint64          // what fetch has seen: nothing
	ids     [fetched]NodeID // scratch, for fetch
	timer   timerName
	counts  [numKinds]uint64
	handler uint64       // the step whose handler runs, or ran last
	running *incarnation // whose handler runs, or ran last

	config    Config
	watchers  []func(*Step)
	seen      Step // scratch, for watchers
	violation *Violation
	history   []*Op
	ops       []Op // the chunk that history's next elements are taken from
	detail    *detail
}

// Config is what a World is made of.
type Config struct {
	Seed     uint64
	Network  Network                 // nil: every packet arrives after 1 ms
	Disk     func(id NodeID) Storage // nil: Env.Disk panics
	MaxSteps uint64                  // the run's budget; 0 means 100 million
	Buggify  Oddities                // how often the nodes' Buggify sites fire; zero: never

	Observer     Observer // is offered every step; nil: no recording
	Causal       bool     // keep the happened-before relation, see World.Causal
	Deep         bool     // keep the deep hash: payloads, facts and disk bytes
	CopyMessages bool     // deliver deep copies: a message changed after Send changes the deep hash
}

// Violation is the end of a run: the first property that did not hold.
type Violation struct {
	Property string
	Detail   string
	Step     uint64
	At       clock.Time
	Node     NodeID // whose step it was
	Stack    string // for PropertyNoPanic
}

func (v *Violation) Error() string { return v.Property + ": " + v.Detail }

// Properties that the engine itself watches.
const (
	PropertyNoPanic    = "no panic"
	PropertyStepBudget = "step budget"
)

// New returns a world at time 0 without nodes.
func New(c Config) *World {
	if c.MaxSteps == 0 {
		c.MaxSteps = 100_000_000
	}
	w := &World{
		config:  c,
		network: c.Network,
		hash:    hashStart,
		nodes:   make([]*incarnation, 1, 16),
		watched: c.Observer != nil || c.Causal || c.Deep || c.CopyMessages,
	}
	w.queue.init(NewStream(c.Seed, "tie").At(0))
	w.nodes[0] = &incarnation{w: w, guard: guardDown}
	w.running = w.nodes[0]
	if w.watched {
		w.detail = newDetail()
	}
	if w.network == nil {
		w.network = constantNetwork{}
	}
	w.fetcher, _ = c.Network.(fetcher)
	if a, ok := c.Network.(interface{ Attach(*World) }); ok {
		a.Attach(w)
	}
	return w
}

// RunUntil runs all steps up to and including time t, and then moves the world
// to t. It is false if a violation stopped the run before.
func (w *World) RunUntil(t clock.Time) bool {
	w.run(t, w.config.MaxSteps)
	if w.stopped {
		return false
	}
	w.now = max(w.now, t)
	return true
}

// RunToStep is RunUntil(t) that also stops once the given step is done, with the
// handler that it belongs to.
func (w *World) RunToStep(step uint64, t clock.Time) bool {
	w.run(t, min(step, w.config.MaxSteps))
	return !w.stopped
}

// Step runs one step. It is false when nothing is left to happen, or a
// violation has stopped the run.
func (w *World) Step() bool {
	before := w.steps
	w.run(clock.Never, before+1)
	return w.steps > before
}

// run takes entries until the next lies behind time until, or the step count
// has reached limit. The one recover of the engine is here, around the loop.
func (w *World) run(until clock.Time, limit uint64) {
	defer w.caught()
	for !w.stopped && w.steps < limit {
		it := w.queue.pop(until)
		if it == nil {
			return
		}
		if w.queue.head >= w.queue.ahead {
			w.fetch()
		}
		w.now = it.at
		switch {
		case it.ref > 0:
			if e := w.queue.pool.at(it.ref); e.to != Nobody {
				w.arrive(it, e)
			} else {
				f := e.msg.(func())
				w.queue.pool.release(it.ref)
				w.running, w.handler = w.nodes[0], w.steps
				f()
			}
		case it.ref <= refTimer:
			w.expire(it)
		case it.ref == refWake:
			w.nodes[it.from].wake(it.seq())
		case it.ref == refBoot:
			w.running, w.handler = w.nodes[0], w.steps
			w.Restart(it.from)
		}
	}
	if !w.stopped && w.steps >= w.config.MaxSteps {
		w.Fail(PropertyStepBudget, fmt.Sprintf("%d steps by %s; %s took the last", w.steps, w.now, w.running.id))
	}
}

// fetch looks at what the next items will need. None of them waits for another,
// so that the processor gets them all from memory in the time of a few: the
// handlers then find them in the cache. In worlds of very many nodes that is most
// of the time of a step.
func (w *World) fetch() {
	q := &w.queue
	next := q.run[q.head:min(q.head+fetched, len(q.run))]
	if q.ahead = q.head + len(next); len(next) == 0 || len(w.nodes) < cached {
		q.ahead = math.MaxInt
		return
	}
	ids := w.ids[:len(next)]
	for i := range next {
		if ids[i] = next[i].from; next[i].ref > 0 {
			ids[i] = q.pool.at(next[i].ref).to
		}
	}
	var nodes [fetched]*incarnation
	for i, id := range ids {
		nodes[i] = w.nodes[id]
	}
	sum := uint64(0)
	for i := range next {
		n := nodes[i]
		sum += uint64(n.id)
		if next[i].ref <= refTimer {
			sum += uint64(n.timer.due) + uint64(n.number)
		}
	}
	for i := range next {
		sum += uint64(firstByte(nodes[i].node))
	}
	if w.fetcher != nil {
		w.fetcher.Fetch(ids)
	}
	w.fetches += sum
}

// fetcher is a Network that looks at what it would need if these nodes sent packets,
// see World.fetch. It changes nothing, and keeps nothing.
type fetcher interface{ Fetch(from []NodeID) }

// firstByte is the first of what is the node's own: to be looked at, not to be known.
func firstByte(n Node) byte {
	at := (*[2]*byte)(unsafe.Pointer(&n))[1]
	if at == nil {
		return 0
	}
	return *at
}

const (
	fetched = 64   // at a time
	cached  = 2000 // nodes that are in the cache anyway
)

// caught turns a panic of a handler into the run's violation.
func (w *World) caught() {
	if r := recover(); r != nil {
		p, ok := r.(bodyPanic)
		if !ok {
			p = bodyPanic{r, string(debug.Stack())} //seedbed:ok environment the stack is for readers: nothing hashes it
		}
		w.fail(Violation{Property: PropertyNoPanic, Detail: fmt.Sprint(p.value), Stack: p.stack})
	}
}

// arrive is the end of a packet's way: it has just been popped, and e is its
// entry.
func (w *World) arrive(it *item, e *entry) {
	p := &w.packet
	p.From, p.To, p.ID, p.Sent, p.Now, p.Msg = it.from, e.to, it.seq(), e.sent, w.now, e.msg
	if a := w.network.Arrive(p); a.Verb != Deliver {
		w.divert(it, a)
		return
	}
	n := w.nodes[e.to]
	from, msg, id, lamport, of := it.from, e.msg, it.seq(), e.lamport, e.source
	w.queue.pool.release(it.ref)
	if n.guard != 0 && n.defers(work{from: from, msg: msg, seq: id, lamport: lamport, source: of}) {
		return
	}
	n.receive(from, msg, id, lamport, of)
}

// divert carries out an arrival that is not a delivery.
func (w *World) divert(it *item, a Arrival) {
	switch a.Verb {
	case Drop:
		e := w.queue.pool.at(it.ref)
		w.drop(it.from, e.to, it.seq(), e.lamport, e.source, e.msg)
		w.queue.pool.release(it.ref)
	case Postpone:
		w.queue.push(item{w.now.Add(max(a.After, 1)), it.order, it.ref, it.from})
	case Hold:
		w.held = append(w.held, *it)
	}
}

// Release makes the held packets of some links arrive again, now.
func (w *World) Release(on func(from, to NodeID) bool) {
	w.held = slices.DeleteFunc(w.held, func(it item) bool {
		if !on(it.from, w.queue.pool.at(it.ref).to) {
			return false
		}
		it.at = w.now
		w.queue.push(it)
		return true
	})
}

// send puts a packet on its way, now.
func (w *World) send(n *incarnation, to NodeID, msg Message) {
	if uint(to) >= uint(len(w.nodes)) || to == Nobody {
		panic(fmt.Sprintf("sim: %s sends to %s: there is no such node", n.id, to))
	}
	n.seq++
	p := &w.packet
	p.From, p.To, p.ID, p.Sent, p.Now, p.Msg = n.id, to, n.seq, w.now, w.now, msg
	p.Fate.n = 0
	w.network.Send(p)
	if w.config.CopyMessages {
		msg = Copy(msg)
	}
	of := source{w.handler, w.now}
	if p.Fate.n == 0 {
		w.drop(n.id, to, n.seq, n.lamport, of, msg)
		return
	}
	for c := range p.Fate.n {
		i := w.queue.pool.alloc()
		e := w.queue.pool.at(i)
		e.msg, e.lamport, e.source, e.to = msg, n.lamport, of, to
		w.queue.push(item{w.now.Add(p.Fate.delays[c]), n.seq<<copyBits | uint64(c), i, n.id})
	}
}

// drop is the step of a lost packet.
func (w *World) drop(from, to NodeID, id, lamport uint64, of source, msg Message) {
	w.step(KindDrop, to, from, id, lamport, w.types.of(msg))
	if w.watched {
		w.detail.record(w, KindDrop, w.nodes[to], from, id, of, msg)
	}
}

// At has f called at time t, or now if t is past: the plan's door to the
// world. Events of one instant run in the order of their calls, before
// anything that nodes do at that instant.
func (w *World) At(t clock.Time, f func()) { w.event(w.nodes[0], max(t, w.now), f) }

func (w *World) event(origin *incarnation, t clock.Time, f func()) {
	origin.seq++
	i := w.queue.pool.alloc()
	e := w.queue.pool.at(i)
	e.msg, e.to = f, Nobody
	w.queue.push(item{t, origin.seq << copyBits, i, origin.id})
}

// Watch has f called for each fact when it departs. The Step is reused.
func (w *World) Watch(f func(s *Step)) { w.watchers = append(w.watchers, f) }

// Fail stops the run at this step: the property does not hold. The first call
// of a run counts.
func (w *World) Fail(property, detail string) {
	w.fail(Violation{Property: property, Detail: detail})
}

func (w *World) fail(v Violation) {
	if w.violation != nil {
		return
	}
	v.Step, v.At, v.Node = w.steps, w.now, w.running.id
	w.violation = &v
	if w.watched {
		w.detail.settled(w, w.running)
	}
	w.stop()
}

// stop ends the run: effects of the handler that runs are void from here.
func (w *World) stop() {
	w.stopped = true
	w.running.guard |= guardVoid
}

// Fault makes what was done to the world a step: f prints itself.
func (w *World) Fault(f any) {
	w.step(KindFault, Nobody, Nobody, 0, 0, w.types.of(f))
	if w.watched {
		w.detail.step(w, KindFault, w.nodes[0], f)
	}
}

// step counts and hashes.
func (w *World) step(kind Kind, node, peer NodeID, packet, lamport, typ uint64) {
	w.steps++
	w.counts[kind]++
	w.hash = hashStep(w.hash, uint64(w.now), uint64(kind)|uint64(node)<<8|uint64(peer)<<36, packet, lamport, typ)
}

// Close ends the run and frees what its nodes hold: coroutines of Spawn. The
// world can still be read.
func (w *World) Close() {
	w.stopped = true
	for _, n := range w.nodes[1:] {
		if n.guard&guardDown == 0 {
			n.end()
		}
	}
}

// Now returns the world's time: true time.
func (w *World) Now() clock.Time { return w.now }

// Steps returns the number of steps so far.
func (w *World) Steps() uint64 { return w.steps }

// Count returns the number of steps of a kind so far.
func (w *World) Count(k Kind) uint64 { return w.counts[k] }

// Hash returns the always-on hash of all steps so far.
func (w *World) Hash() uint64 { return w.hash }

// DeepHash returns the hash that also covers contents; 0 unless Config.Deep.
func (w *World) DeepHash() uint64 {
	if !w.config.Deep {
		return 0
	}
	return Mix(w.detail.deep ^ w.hash)
}

// Causal returns the happened-before relation over the steps so far: vector
// clocks for checkers. Nil unless Config.Causal.
func (w *World) Causal() *Causal {
	if !w.config.Causal {
		return nil
	}
	return &w.detail.causal
}

// Violation returns what stopped the run, or nil.
func (w *World) Violation() *Violation { return w.violation }

// History returns the client operations so far, in the order of invocation.
func (w *World) History() []*Op { return w.history }

// Nodes returns how many nodes there are; their ids are 1 to Nodes.
func (w *World) Nodes() int { return len(w.nodes) - 1 }

// Node returns the running, or last, instance of a node.
func (w *World) Node(id NodeID) Node { return w.incarnation(id).node }

// Seed returns the root seed.
func (w *World) Seed() uint64 { return w.config.Seed }

// Where tells where the run stands, for a watchdog on another goroutine that
// has seen no progress: it reads without synchronisation, so its answer is
// right only while the run is stuck.
//
//go:norace
func (w *World) Where() (step uint64, at clock.Time, node NodeID) {
	return w.steps, w.now, w.running.id
}

func (w *World) incarnation(id NodeID) *incarnation {
	if id <= Nobody || int(id) >= len(w.nodes) {
		panic(fmt.Sprintf("sim: there is no node %s in a world of %d", id, len(w.nodes)-1))
	}
	return w.nodes[id]
}

// constantNetwork is the network of a world without one.
type constantNetwork struct{}

func (constantNetwork) Send(p *Packet)         { p.Fate.Add(time.Millisecond) }
func (constantNetwork) Arrive(*Packet) Arrival { return Arrival{} }
