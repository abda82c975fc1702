package sim_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// The engine against a dumb one. A plan is what the nodes and the world do, as
// data; world (the engine) and dumb (a plain reading of the contract: sorted
// list of events, explicit lists of effects and inputs, no wheel, no lazy
// timers, no guards) must run it to the same lines: all steps, what handlers
// saw of their clocks, and what the network and the disks were told.

// plan is what happens in a run.
type plan struct {
	seed     uint64
	nodes    int
	latency  []time.Duration // of link (from, to), by from*nodes+to
	fates    [][]time.Duration
	windows  []window
	handlers [][]handler // by node: what its k-th handler does, over all its lives
	acts     []timedAct
	watches  map[int]act // by fact
	end      clock.Time
	budget   uint64
}

type handler []op

// op is one effect of a handler.
type op struct {
	kind opKind
	to   sim.NodeID
	tag  int
	d    time.Duration
}

type opKind int

const (
	opSend opKind = iota
	opSet
	opStop
	opAppend
	opSync
	opBadSync
	opStartSync
	opEmit
	opInvoke
	opReturn
	numOps
)

func (o op) String() string {
	return fmt.Sprintf("%s(%d,%d,%s)", [...]string{"send", "set", "stop", "append", "sync", "badsync", "startsync", "emit", "invoke", "return"}[o.kind], o.to, o.tag, o.d)
}

// window is when packets of a link meet a verb.
type window struct {
	from, to   sim.NodeID
	start, end clock.Time
	verb       sim.Verb
	after      time.Duration
}

// act is something done to the world.
type act struct {
	kind actKind
	id   sim.NodeID // Nobody, in a watch: the node that claims the fact
	k    int
	d    time.Duration
	do   handler
	then *act
}

type timedAct struct {
	at clock.Time
	act
}

type actKind int

const (
	actCrash actKind = iota
	actRestart
	actReboot // both
	actPause
	actResume
	actPauseFor
	actCrashAtEffect
	actPauseAtEffect
	actCrashAtSync
	actJump
	actDrift
	actFreeze
	actThaw
	actCost
	actFree
	actDo
	actRelease
	actAt
	actFault
	actFail
	numActs
)

func (a act) String() string {
	name := [...]string{"crash", "restart", "reboot", "pause", "resume", "pausefor", "crasheffect", "pauseeffect", "crashsync", "jump", "drift",
		"freeze", "thaw", "cost", "free", "do", "release", "at", "fault", "fail"}[a.kind]
	s := fmt.Sprintf("%s(n%d,%d,%s", name, a.id, a.k, a.d)
	if a.do != nil {
		s += fmt.Sprint(",", a.do)
	}
	if a.then != nil {
		s += fmt.Sprint(",", a.then)
	}
	return s + ")"
}

// message, claim, input and record are contents: the numbers name the op.
type (
	message int
	claim   struct{ Tag, Op int }
	input   int
	output  int
)

func timerOf(tag int) sim.Timer { return sim.Timer{Name: "t", Key: uint64(tag)} }

// book is what both engines write.
type book struct {
	plan  *plan
	lines []string   // everything
	own   [][]string // by node: what happened to it, steps counted by node
	names []string   // of steps, for own
	runs  []int      // handlers run so far, by node
	depth int        // of acts inside acts

	happened history // without its steps, if these are not recorded
}

func newBook(p *plan) *book {
	return &book{plan: p, own: make([][]string, p.nodes+1), names: []string{""}, runs: make([]int, p.nodes+1)}
}

// add adds a line about a node.
func (b *book) add(id sim.NodeID, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	b.lines = append(b.lines, fmt.Sprintf("n%d %s", id, line))
	b.own[id] = append(b.own[id], line)
}

// total adds a line that depends on the order of what happens to several nodes.
func (b *book) total(format string, args ...any) {
	b.lines = append(b.lines, fmt.Sprintf(format, args...))
}

func (b *book) step(s *sim.Step) {
	payload := s.Payload
	if o, ok := payload.(*sim.Op); ok {
		payload = fmt.Sprint(o.Client, o.Input, o.Outcome, o.Output)
	}
	b.total("step %d, cause %d", s.N, s.Cause)
	b.add(s.Node, "%d /%d %s n%d %v lamport=%d cause=%s", s.At, s.Incarnation, s.Kind, s.Peer, payload, s.Lamport, b.names[s.Cause])
	b.names = append(b.names, fmt.Sprintf("n%d,%d", s.Node, len(b.own[s.Node])))
	kept := *s
	kept.Payload = nil
	b.happened = append(b.happened, kept)
}

func (b *book) violation(v *sim.Violation) {
	switch {
	case v == nil:
	case v.Property == sim.PropertyStepBudget: // nobody's in particular
		b.total("violation %s step=%d at=%d", v.Property, v.Step, v.At)
	default:
		b.total("violation %s step=%d at=%d n%d", v.Property, v.Step, v.At, v.Node)
	}
}

// door is what a script's handlers do their effects through.
type door interface {
	Now() clock.Time
	Elapsed() time.Duration
	send(to sim.NodeID, m message)
	set(t sim.Timer, d time.Duration)
	stop(t sim.Timer)
	write(token uint64) bool
	sync(d time.Duration, token uint64, err error) bool
	startSync(d time.Duration, token uint64, done sim.Timer) bool
	emit(c claim)
	invoke(in input) any
	finish(op any, o sim.Outcome, out output)
}

// life is a node's memory.
type life struct{ ops []any }

// next runs the node's next handler.
func (b *book) next(id sim.NodeID, l *life, what string, d door) {
	k := b.runs[id]
	b.runs[id]++
	b.add(id, "handler %d: %s", k, what)
	if hs := b.plan.handlers[id-1]; k < 3*len(hs) {
		b.run(id, l, 1000*(k+1), hs[k%len(hs)], d)
	}
}

func (b *book) run(id sim.NodeID, l *life, base int, h handler, d door) {
	for i, o := range h {
		name := (100_000*int(id) + base) + i
		b.add(id, "  op %d now=%d elapsed=%d", name, d.Now(), d.Elapsed())
		ok := true
		switch o.kind {
		case opSend:
			d.send(o.to, message(name))
		case opSet:
			d.set(timerOf(o.tag), o.d)
		case opStop:
			d.stop(timerOf(o.tag))
		case opAppend:
			ok = d.write(uint64(name))
		case opSync:
			ok = d.sync(o.d, uint64(name), nil)
		case opBadSync:
			ok = d.sync(o.d, uint64(name), sim.ErrIO)
		case opStartSync:
			ok = d.startSync(o.d, uint64(name), timerOf(o.tag))
		case opEmit:
			d.emit(claim{o.tag, name})
		case opInvoke:
			l.ops = append(l.ops, d.invoke(input(name)))
		case opReturn:
			if len(l.ops) > 0 {
				d.finish(l.ops[o.tag%len(l.ops)], sim.Outcome(1+o.tag%3), output(name))
			}
		}
		if !ok {
			b.add(id, "  op %d: void", name)
		}
	}
	b.add(id, "  end now=%d elapsed=%d", d.Now(), d.Elapsed())
}

// cost of a handler, where it has one.
func costOf(d time.Duration) func(k sim.Kind, payload any) time.Duration {
	return func(k sim.Kind, payload any) time.Duration {
		switch p := payload.(type) {
		case message:
			return d * time.Duration(int(p)%3)
		case sim.Timer:
			return d * time.Duration(p.Key%3)
		}
		return d
	}
}

// universe is a world, real or dumb.
type universe interface {
	At(t clock.Time, f func())
	Now() clock.Time
	Crash(id sim.NodeID) bool
	Restart(id sim.NodeID) bool
	Pause(id sim.NodeID) bool
	Resume(id sim.NodeID) bool
	PauseFor(id sim.NodeID, d time.Duration)
	CrashAtEffect(id sim.NodeID, k int)
	PauseAtEffect(id sim.NodeID, k int, d time.Duration)
	CrashAtSync(id sim.NodeID, when sim.SyncPoint)
	Clock(id sim.NodeID, change func(*clock.Skew, clock.Time))
	Cost(id sim.NodeID, cost func(sim.Kind, any) time.Duration)
	Release(on func(from, to sim.NodeID) bool)
	Fault(f any)
	Fail(property, detail string)
	Up(id sim.NodeID) bool
	Paused(id sim.NodeID) bool
	do(id sim.NodeID, h handler, base int) bool
}

// perform does an act to a world.
func (b *book) perform(u universe, a act, self sim.NodeID) {
	id := a.id
	if id == sim.Nobody {
		id = self
	}
	b.add(id, "%v", a)
	ok := true
	switch a.kind {
	case actCrash:
		ok = u.Crash(id)
	case actRestart:
		ok = u.Restart(id)
	case actReboot:
		ok = u.Crash(id) && u.Restart(id)
	case actPause:
		ok = u.Pause(id)
	case actResume:
		ok = u.Resume(id)
	case actPauseFor:
		u.PauseFor(id, a.d)
	case actCrashAtEffect:
		u.CrashAtEffect(id, a.k)
	case actPauseAtEffect:
		u.PauseAtEffect(id, a.k, a.d)
	case actCrashAtSync:
		u.CrashAtSync(id, sim.SyncPoint(1+a.k%3))
	case actJump:
		u.Clock(id, func(s *clock.Skew, _ clock.Time) { s.Jump(a.d * time.Duration(a.k-2)) })
	case actDrift:
		u.Clock(id, func(s *clock.Skew, now clock.Time) { s.SetDrift(now, int64(a.k-2)*250_000) })
	case actFreeze:
		u.Clock(id, func(s *clock.Skew, now clock.Time) { s.Freeze(now) })
	case actThaw:
		u.Clock(id, func(s *clock.Skew, now clock.Time) { s.Thaw(now) })
	case actCost:
		u.Cost(id, costOf(a.d))
	case actFree:
		u.Cost(id, nil)
	case actDo:
		ok = u.do(id, a.do, 50_000)
	case actRelease:
		u.Release(func(from, to sim.NodeID) bool { return a.k%2 == 0 || from == id || to == id })
	case actAt:
		u.At(u.Now().Add(a.d), func() { b.perform(u, *a.then, id) })
	case actFault:
		u.Fault(fmt.Sprint("fault ", a.k))
	case actFail:
		u.Fail("failed on purpose", "")
	}
	b.add(id, "= %v up=%v paused=%v", ok, u.Up(id), u.Paused(id))
}

// begin puts the plan's acts into a world.
func (b *book) begin(u universe) {
	for _, a := range b.plan.acts {
		u.At(a.at, func() { b.perform(u, a.act, sim.Nobody) })
	}
}

func (b *book) seen(u universe, s *sim.Step) {
	b.add(s.Node, "watched %d /%d %v lamport=%d", s.At, s.Incarnation, s.Payload, s.Lamport)
	if a, ok := b.plan.watches[s.Payload.(claim).Tag]; ok && b.depth < 3 {
		b.depth++
		defer func() { b.depth-- }()
		b.perform(u, a, s.Node)
		b.total("watched %d", s.N)
	}
}

// links is the plan's network, for both.
type links struct{ *book }

func (l links) Send(p *sim.Packet) {
	base := l.plan.latency[int(p.From-1)*l.plan.nodes+int(p.To-1)]
	for _, extra := range l.plan.fates[int(p.Msg.(message))%len(l.plan.fates)] {
		p.Fate.Add(base + extra)
	}
	l.happened = append(l.happened, sim.Step{At: p.Now, Node: p.From, Packet: p.ID})
	l.add(p.From, "send n%d %v sent=%d now=%d copies=%d", p.To, p.Msg, p.Sent, p.Now, p.Fate.Len())
}

func (l links) Arrive(p *sim.Packet) sim.Arrival {
	l.total("arrive n%d n%d %v sent=%d now=%d", p.From, p.To, p.Msg, p.Sent, p.Now)
	for _, w := range l.plan.windows {
		if p.From == w.from && p.To == w.to && w.start <= p.Now && p.Now < w.end {
			return sim.Arrival{Verb: w.verb, After: w.after}
		}
	}
	return sim.Arrival{}
}

// world is the engine.
type world struct {
	*sim.World
	b      *book
	memory []*life // by node
}

// runWorld runs the plan in the engine. With record, the book has the steps.
func runWorld(p *plan, c sim.Config, record bool, splits []uint64) (*book, *sim.World) {
	return runNodes(p, c, record, splits, func(w *world, id sim.NodeID) sim.Node { return &player{w, id} })
}

// runBodies is runWorld with nodes in blocking style.
func runBodies(p *plan, c sim.Config) (*book, *sim.World) {
	return runNodes(p, c, false, nil, func(w *world, id sim.NodeID) sim.Node {
		n := &player{w, id}
		return sim.Spawn(func(p *sim.Proc) {
			for n.Start(p); ; {
				m, _ := p.Recv(sim.Forever)
				if t, ok := m.Msg.(sim.Timer); ok {
					n.Timeout(p, t)
				} else {
					n.Receive(p, m.From, m.Msg)
				}
			}
		})
	})
}

func runNodes(p *plan, c sim.Config, record bool, splits []uint64, factory func(*world, sim.NodeID) sim.Node) (*book, *sim.World) {
	b := newBook(p)
	c.Seed, c.Network, c.MaxSteps = p.seed, links{b}, p.budget
	c.Disk = func(id sim.NodeID) sim.Storage { return &bookDisk{b: b, id: id} }
	if record {
		c.Observer = observer{b}
	}
	w := &world{sim.New(c), b, make([]*life, p.nodes+1)}
	defer w.Close()
	b.begin(w)
	for range p.nodes {
		w.Add(func(id sim.NodeID) sim.Node {
			w.memory[id] = &life{}
			return factory(w, id)
		})
	}
	w.Watch(func(s *sim.Step) { b.seen(w, s) })
	for _, s := range splits {
		w.RunToStep(s, p.end)
	}
	ok := w.RunUntil(p.end)
	b.total("ends %v now=%d steps=%d", ok, w.Now(), w.Steps())
	b.violation(w.Violation())
	for _, o := range w.History() {
		b.total("%+v", *o)
	}
	return b, w.World
}

func (w *world) do(id sim.NodeID, h handler, base int) bool {
	return w.Do(id, func(env sim.Env) { w.b.run(id, w.memory[id], base, h, envDoor{env}) })
}

type observer struct{ b *book }

func (o observer) Step(s *sim.Step)                { o.b.step(s) }
func (o observer) Log(sim.NodeID, string)          {}
func (o observer) Settled(uint64, sim.NodeID, any) {}

// player is a node of the plan.
type player struct {
	w  *world
	id sim.NodeID
}

func (p *player) Start(env sim.Env) { p.w.b.next(p.id, p.w.memory[p.id], "boot", envDoor{env}) }
func (p *player) Receive(env sim.Env, from sim.NodeID, m sim.Message) {
	p.w.b.next(p.id, p.w.memory[p.id], fmt.Sprint(from, m), envDoor{env})
}
func (p *player) Timeout(env sim.Env, t sim.Timer) {
	what := t.String()
	if err := env.Disk().SyncResult(t); err != nil {
		what += " failed"
	}
	p.w.b.next(p.id, p.w.memory[p.id], what, envDoor{env})
}

// envDoor is the door of the engine.
type envDoor struct{ sim.Env }

func (e envDoor) send(to sim.NodeID, m message)            { e.Send(to, m) }
func (e envDoor) set(t sim.Timer, d time.Duration)         { e.SetTimer(t, d) }
func (e envDoor) stop(t sim.Timer)                         { e.StopTimer(t) }
func (e envDoor) emit(c claim)                             { e.Emit(c) }
func (e envDoor) invoke(in input) any                      { return sim.Invoke(e.Env, in) }
func (e envDoor) finish(op any, o sim.Outcome, out output) { sim.Complete(e.Env, op.(*sim.Op), o, out) }

func (e envDoor) port() sim.DiskPort {
	if v, ok := e.Disk().(bookView); ok {
		return v.DiskPort
	}
	return nil
}

func (e envDoor) write(token uint64) bool {
	p := e.port()
	return p != nil && p.Write(fmt.Append(nil, token))
}

func (e envDoor) sync(d time.Duration, token uint64, err error) bool {
	p := e.port()
	return p != nil && p.Sync(d, token, err)
}

func (e envDoor) startSync(d time.Duration, token uint64, done sim.Timer) bool {
	var err error
	if token%2 == 1 {
		err = sim.ErrIO
	}
	p := e.port()
	return p != nil && p.StartSync(d, token, err, done)
}

// bookDisk writes down what the engine says to it.
type bookDisk struct {
	b  *book
	id sim.NodeID
}

type bookView struct {
	sim.DiskPort
	sim.Disk // nil: what the plan does not use
}

func (v bookView) Sync() error                   { panic("unused") }
func (v bookView) StartSync(sim.Timer)           { panic("unused") }
func (v bookView) SyncResult(t sim.Timer) error  { return v.DiskPort.SyncResult(t) }
func (d *bookDisk) Boot(p sim.DiskPort) sim.Disk { return bookView{DiskPort: p} }
func (d *bookDisk) Synced(token uint64, err error) {
	if err == nil {
		d.b.add(d.id, "disk synced %d", token)
	}
}
func (d *bookDisk) Crash(departed uint64) { d.b.add(d.id, "disk crash %d", departed) }

// dumb is the contract, plainly.
type dumb struct {
	b         *book
	now       clock.Time
	steps     uint64
	events    []*event
	held      []*event
	nodes     []*dumbNode // by id; nodes[0] is the world
	rank      func(clock.Time, sim.NodeID) uint64
	cause     uint64      // the step whose handler runs
	inside    []*dumbLife // whose handlers run, the innermost last
	violation *sim.Violation
	history   []*sim.Op
}

// event is something that will happen. At one instant the world comes first;
// nodes come by rank; what one node originates, in the order it did.
type event struct {
	at   clock.Time
	from sim.NodeID
	to   sim.NodeID // of a packet
	seq  uint64
	copy int
	f    func(*event)
}

func (d *dumb) order(a, b *event) int {
	rank := func(e *event) uint64 {
		if e.from == sim.Nobody {
			return 0
		}
		return d.rank(e.at, e.from)
	}
	world := func(e *event) int { return min(int(e.from), 1) }
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(world(a), world(b)), cmp.Compare(rank(a), rank(b)),
		cmp.Compare(a.from, b.from), cmp.Compare(a.seq, b.seq), cmp.Compare(a.copy, b.copy))
}

// dumbNode is what a node is over all its lives.
type dumbNode struct {
	id       sim.NodeID
	seq      uint64
	lamport  uint64
	number   uint32
	skew     clock.Skew
	cost     func(sim.Kind, any) time.Duration
	departed uint64
	life     *dumbLife // nil: down
}

// dumbLife is an incarnation.
type dumbLife struct {
	d       *dumb
	n       *dumbNode
	memory  life
	over    bool       // crashed
	last    clock.Skew // its clocks when it crashed: what a void Env reads
	mute    bool       // its effects do nothing: a violation stopped the run, or it will crash at a pending effect
	depart  clock.Time
	pending []dumbEffect
	inbox   []dumbInput
	pauses  int
	traps   []*dumbTrap
	timers  map[sim.Timer]*dumbTimer
	failed  map[sim.Timer]bool
	wake    *event
}

type dumbEffect struct {
	at    clock.Time
	cause uint64
	f     func()
}

// dumbInput is a packet, or a timer.
type dumbInput struct {
	from    sim.NodeID
	msg     message
	lamport uint64
	cause   uint64
	timer   *dumbTimer
}

type dumbTimer struct {
	tag   sim.Timer
	mono  time.Duration
	cause uint64
	seq   uint64
	event *event // nil: in the inbox, or of a frozen clock
	due   bool   // in the inbox
	void  bool   // stopped, or set again; in the inbox it keeps its place, which only shows in the order at one instant
}

type dumbTrap struct {
	left  int
	when  sim.SyncPoint
	crash bool
	d     time.Duration
}

func runDumb(p *plan, rank func(clock.Time, sim.NodeID) uint64) *book {
	d := &dumb{b: newBook(p), rank: rank, nodes: []*dumbNode{{}}}
	d.b.begin(d)
	for i := range p.nodes {
		n := &dumbNode{id: sim.NodeID(i + 1)}
		d.nodes = append(d.nodes, n)
		d.event(n, 0, func(*event) { d.Restart(n.id) })
	}
	for d.violation == nil && len(d.events) > 0 {
		slices.SortStableFunc(d.events, d.order)
		e := d.events[0]
		if e.at > p.end {
			break
		}
		d.events = d.events[1:]
		d.now = e.at
		d.inside = nil
		e.f(e)
		if d.steps >= p.budget && d.violation == nil {
			d.Fail(sim.PropertyStepBudget, "")
		}
	}
	if d.violation == nil {
		d.now = p.end
	}
	d.b.total("ends %v now=%d steps=%d", d.violation == nil, d.now, d.steps)
	d.b.violation(d.violation)
	for _, o := range d.history {
		d.b.total("%+v", *o)
	}
	return d.b
}

func (d *dumb) event(n *dumbNode, at clock.Time, f func(*event)) *event {
	n.seq++
	e := &event{at: at, from: n.id, seq: n.seq, f: f}
	d.events = append(d.events, e)
	return e
}

func (d *dumb) cancel(e *event) {
	if i := slices.Index(d.events, e); i >= 0 {
		d.events = slices.Delete(d.events, i, i+1)
	}
}

func (d *dumb) step(kind sim.Kind, n *dumbNode, peer sim.NodeID, payload any, cause uint64) {
	d.steps++
	d.b.step(&sim.Step{N: d.steps, At: d.now, Kind: kind, Node: n.id, Incarnation: n.number, Peer: peer,
		Payload: payload, Cause: cause, Lamport: n.lamport})
}

// world's side

func (d *dumb) Now() clock.Time           { return d.now }
func (d *dumb) At(t clock.Time, f func()) { d.event(d.nodes[0], max(t, d.now), func(*event) { f() }) }
func (d *dumb) Up(id sim.NodeID) bool     { return d.nodes[id].life != nil }
func (d *dumb) Fault(f any)               { d.step(sim.KindFault, d.nodes[0], sim.Nobody, f, 0) }
func (d *dumb) Paused(id sim.NodeID) bool {
	l := d.nodes[id].life
	return l != nil && l.pauses > 0
}

func (d *dumb) Fail(property, _ string) {
	if d.violation != nil {
		return
	}
	v := &sim.Violation{Property: property, Step: d.steps, At: d.now}
	if len(d.inside) > 0 {
		v.Node = d.inside[len(d.inside)-1].n.id
	}
	d.violation = v
	for _, l := range d.inside {
		l.mute = true
	}
}

func (d *dumb) Restart(id sim.NodeID) bool {
	n := d.nodes[id]
	if n.life != nil || d.violation != nil {
		return false
	}
	n.number++
	n.lamport++
	l := &dumbLife{d: d, n: n, timers: map[sim.Timer]*dumbTimer{}, failed: map[sim.Timer]bool{}}
	n.life = l
	d.step(sim.KindBoot, n, sim.Nobody, nil, 0)
	l.run(sim.KindBoot, nil, d.steps, func() { d.b.next(id, &l.memory, "boot", l) })
	return true
}

func (d *dumb) Crash(id sim.NodeID) bool {
	l := d.nodes[id].life
	if l == nil {
		return false
	}
	l.crash()
	return true
}

func (l *dumbLife) crash() {
	d, n := l.d, l.n
	n.life = nil
	l.over = true
	l.last = n.skew
	d.step(sim.KindCrash, n, sim.Nobody, nil, 0)
	for _, t := range l.timers {
		d.cancel(t.event)
	}
	d.cancel(l.wake)
	for _, in := range l.inbox {
		if in.timer == nil {
			d.step(sim.KindDrop, n, in.from, in.msg, in.cause)
		}
	}
	d.b.add(n.id, "disk crash %d", n.departed)
}

func (d *dumb) Pause(id sim.NodeID) bool {
	l := d.nodes[id].life
	if l == nil {
		return false
	}
	if l.pauses++; l.pauses == 1 {
		d.step(sim.KindPause, l.n, sim.Nobody, nil, 0)
	}
	return true
}

func (d *dumb) Resume(id sim.NodeID) bool {
	l := d.nodes[id].life
	if l == nil || l.pauses == 0 {
		return false
	}
	if l.pauses--; l.pauses == 0 {
		d.step(sim.KindResume, l.n, sim.Nobody, nil, 0)
		l.wait()
	}
	return true
}

// PauseFor belongs to the incarnation, as a pause does.
func (d *dumb) PauseFor(id sim.NodeID, by time.Duration) {
	if l := d.nodes[id].life; d.Pause(id) {
		d.At(d.now.Add(by), func() {
			if d.nodes[id].life == l {
				d.Resume(id)
			}
		})
	}
}

func (d *dumb) trap(id sim.NodeID, t dumbTrap) {
	if l := d.nodes[id].life; l != nil {
		l.traps = append(l.traps, &t)
	}
}

func (d *dumb) CrashAtEffect(id sim.NodeID, k int) { d.trap(id, dumbTrap{left: k, crash: true}) }
func (d *dumb) PauseAtEffect(id sim.NodeID, k int, by time.Duration) {
	d.trap(id, dumbTrap{left: k, d: by})
}
func (d *dumb) CrashAtSync(id sim.NodeID, when sim.SyncPoint) {
	d.trap(id, dumbTrap{when: when, crash: true})
}

func (d *dumb) Clock(id sim.NodeID, change func(*clock.Skew, clock.Time)) {
	n := d.nodes[id]
	change(&n.skew, d.now)
	if n.life == nil {
		return
	}
	for _, t := range n.life.timers {
		if !t.due {
			n.life.schedule(t)
		}
	}
}

func (d *dumb) Cost(id sim.NodeID, cost func(sim.Kind, any) time.Duration) { d.nodes[id].cost = cost }

func (d *dumb) do(id sim.NodeID, h handler, base int) bool {
	l := d.nodes[id].life
	if l == nil || l.pauses > 0 || len(l.pending) > 0 || d.violation != nil {
		return false
	}
	l.run(sim.KindTimer, sim.Timer{}, 0, func() { d.b.run(id, &l.memory, base, h, l) })
	return true
}

func (d *dumb) Release(on func(from, to sim.NodeID) bool) {
	held := d.held
	d.held = nil
	for _, e := range held {
		if on(e.from, e.to) {
			e.at = d.now
			d.events = append(d.events, e)
		} else {
			d.held = append(d.held, e)
		}
	}
}

// packets

func (d *dumb) send(n *dumbNode, to sim.NodeID, m message) {
	p := &sim.Packet{From: n.id, To: to, Sent: d.now, Now: d.now, Msg: m}
	links{d.b}.Send(p)
	n.seq++
	in := dumbInput{from: n.id, msg: m, lamport: n.lamport, cause: d.cause}
	if p.Fate.Len() == 0 {
		d.step(sim.KindDrop, d.nodes[to], n.id, m, in.cause)
	}
	sent := d.now
	for i := range p.Fate.Len() {
		d.events = append(d.events, &event{at: d.now.Add(p.Fate.Delay(i)), from: n.id, to: to, seq: n.seq, copy: i, f: func(e *event) {
			a := links{d.b}.Arrive(&sim.Packet{From: n.id, To: to, Sent: sent, Now: d.now, Msg: m})
			l := d.nodes[to].life
			switch {
			case a.Verb == sim.Hold:
				d.held = append(d.held, e)
			case a.Verb == sim.Postpone:
				e.at = d.now.Add(a.After)
				d.events = append(d.events, e)
			case a.Verb == sim.Drop, l == nil:
				d.step(sim.KindDrop, d.nodes[to], n.id, m, in.cause)
			default:
				l.arrive(in)
			}
		}})
	}
}

// a node's side

func (l *dumbLife) busy() bool { return len(l.pending) > 0 || l.pauses > 0 }

func (l *dumbLife) arrive(in dumbInput) {
	if l.busy() || len(l.inbox) > 0 {
		l.inbox = append(l.inbox, in)
		return
	}
	l.handle(in)
}

func (l *dumbLife) handle(in dumbInput) {
	d, n := l.d, l.n
	if t := in.timer; t != nil {
		delete(l.timers, t.tag)
		n.lamport++
		d.step(sim.KindTimer, n, sim.Nobody, t.tag, t.cause)
		what := t.tag.String()
		if l.failed[t.tag] {
			what += " failed"
		}
		l.run(sim.KindTimer, t.tag, d.steps, func() { d.b.next(n.id, &l.memory, what, l) })
		return
	}
	n.lamport = max(n.lamport, in.lamport) + 1
	d.step(sim.KindDeliver, n, in.from, in.msg, in.cause)
	l.run(sim.KindDeliver, in.msg, d.steps, func() { d.b.next(n.id, &l.memory, fmt.Sprint(in.from, in.msg), l) })
}

// run is a handler.
func (l *dumbLife) run(kind sim.Kind, payload any, cause uint64, f func()) {
	d := l.d
	outer := d.cause
	d.inside, d.cause = append(d.inside, l), cause
	l.depart = d.now
	if l.n.cost != nil {
		if c := l.n.cost(kind, payload); c > 0 {
			l.depart = l.depart.Add(c)
			l.leave(func() {})
		}
	}
	f()
	d.inside, d.cause = d.inside[:len(d.inside)-1], outer
	if !slices.Contains(d.inside, l) {
		l.wait()
	}
}

// wait arranges for what comes next: a departure, or what is in the inbox.
func (l *dumbLife) wait() {
	at := l.d.now
	switch {
	case l.over || l.pauses > 0:
		return
	case len(l.pending) > 0:
		at = max(at, l.pending[0].at)
	case len(l.inbox) == 0:
		return
	}
	if l.wake != nil {
		if l.wake.at <= at {
			return
		}
		l.d.cancel(l.wake)
	}
	l.wake = l.d.event(l.n, at, func(*event) { l.awake() })
}

func (l *dumbLife) awake() {
	d := l.d
	l.wake = nil
	d.inside = []*dumbLife{l}
	for len(l.pending) > 0 && l.pauses == 0 && l.pending[0].at <= d.now {
		e := l.pending[0]
		l.pending = l.pending[1:]
		d.cause = e.cause
		e.f()
		if d.violation != nil || l.over {
			return
		}
	}
	d.inside = nil
	for !l.busy() && len(l.inbox) > 0 {
		in := l.inbox[0]
		l.inbox = l.inbox[1:]
		if in.timer == nil || !in.timer.void {
			l.handle(in)
			break
		}
	}
	l.wait()
}

// effect does f at its departure; false if it never does.
func (l *dumbLife) effect(f func()) bool {
	ok := l.gate()
	if ok {
		l.leave(f)
	}
	return ok
}

func (l *dumbLife) gate() bool {
	return l.spring(func(t *dumbTrap) bool {
		if t.when != 0 {
			return false
		}
		t.left--
		return t.left <= 0
	})
}

// spring springs traps; false if the node does nothing more.
func (l *dumbLife) spring(due func(*dumbTrap) bool) bool {
	for _, t := range slices.Clone(l.traps) {
		if l.over || l.mute {
			break
		}
		if !due(t) {
			continue
		}
		l.traps = slices.DeleteFunc(l.traps, func(o *dumbTrap) bool { return o == t })
		if t.crash {
			l.leave(l.crash)
			l.mute = true
			break
		}
		l.leave(func() { l.d.step(sim.KindPause, l.n, sim.Nobody, nil, 0) })
		l.depart = l.depart.Add(t.d)
		l.leave(func() { l.d.step(sim.KindResume, l.n, sim.Nobody, nil, 0) })
	}
	return !l.over && !l.mute
}

func (l *dumbLife) leave(f func()) {
	if l.depart > l.d.now || l.busy() {
		l.pending = append(l.pending, dumbEffect{max(l.depart, l.d.now), l.d.cause, f})
		return
	}
	f()
}

func (l *dumbLife) clocks() *clock.Skew {
	if l.over {
		return &l.last
	}
	return &l.n.skew
}

func (l *dumbLife) Now() clock.Time        { return l.clocks().Wall(l.depart) }
func (l *dumbLife) Elapsed() time.Duration { return l.clocks().Elapsed(l.depart) }

func (l *dumbLife) send(to sim.NodeID, m message) { l.effect(func() { l.d.send(l.n, to, m) }) }

func (l *dumbLife) set(t sim.Timer, by time.Duration) {
	l.effect(func() { l.arm(t, max(by, 0), l.d.cause) })
}

func (l *dumbLife) stop(t sim.Timer) { l.effect(func() { l.disarm(t) }) }

func (l *dumbLife) arm(tag sim.Timer, by time.Duration, cause uint64) {
	l.disarm(tag)
	l.n.seq++
	t := &dumbTimer{tag: tag, cause: cause, seq: l.n.seq, mono: l.n.skew.Elapsed(l.d.now) + by}
	l.timers[tag] = t
	l.schedule(t)
}

// schedule finds when t is due by the clock as it runs now.
func (l *dumbLife) schedule(t *dumbTimer) {
	l.d.cancel(t.event)
	left := max(t.mono-l.n.skew.Elapsed(l.d.now), 0)
	t.event = &event{at: l.n.skew.Until(l.d.now, left), from: l.n.id, seq: t.seq, f: func(*event) {
		t.event, t.due = nil, true
		l.arrive(dumbInput{timer: t})
	}}
	if t.event.at != clock.Never {
		l.d.events = append(l.d.events, t.event)
	}
}

func (l *dumbLife) disarm(tag sim.Timer) {
	if t := l.timers[tag]; t != nil {
		l.d.cancel(t.event)
		t.void = true
		delete(l.timers, tag)
	}
}

func (l *dumbLife) write(uint64) bool { return l.effect(func() { l.n.departed++ }) }

func (l *dumbLife) sync(by time.Duration, token uint64, err error) bool {
	if !l.gate() || !l.spring(func(t *dumbTrap) bool { return t.when == sim.BeforeSync }) {
		return false
	}
	start := l.depart
	if !l.spring(func(t *dumbTrap) bool {
		if t.when == sim.InsideSync {
			l.depart = start.Add(by / 2)
		}
		return t.when == sim.InsideSync
	}) {
		return false
	}
	l.depart = start.Add(by)
	l.leave(func() { l.synced(token, err) })
	l.spring(func(t *dumbTrap) bool { return t.when == sim.AfterSync })
	return true
}

func (l *dumbLife) synced(token uint64, err error) {
	var payload any
	if err != nil {
		payload = err
	}
	l.d.step(sim.KindSync, l.n, sim.Nobody, payload, l.d.cause)
	if err == nil {
		l.d.b.add(l.n.id, "disk synced %d", token)
	}
}

func (l *dumbLife) startSync(by time.Duration, token uint64, done sim.Timer) bool {
	var err error
	if token%2 == 1 {
		err = sim.ErrIO
	}
	return l.effect(func() {
		cause := l.d.cause
		l.d.event(l.n, l.d.now.Add(by), func(*event) {
			if l.over {
				return
			}
			l.d.cause = cause
			l.synced(token, err)
			l.failed[done] = err != nil
			l.arm(done, 0, cause)
		})
	})
}

func (l *dumbLife) emit(c claim) {
	l.effect(func() {
		d, n := l.d, l.n
		d.step(sim.KindFact, n, sim.Nobody, c, d.cause)
		d.b.seen(d, &sim.Step{N: d.steps, At: d.now, Node: n.id, Incarnation: n.number, Payload: c, Lamport: n.lamport})
	})
}

func (l *dumbLife) invoke(in input) any {
	o := &sim.Op{Client: l.n.id, Input: in}
	l.effect(func() {
		d := l.d
		o.ID, o.Call, o.Invoked = len(d.history), d.steps+1, d.now
		d.history = append(d.history, o)
		d.step(sim.KindInvoke, l.n, sim.Nobody, o, d.cause)
	})
	return o
}

func (l *dumbLife) finish(op any, outcome sim.Outcome, out output) {
	l.effect(func() {
		o := op.(*sim.Op)
		if o.Outcome != sim.Pending {
			return
		}
		o.Outcome, o.Return, o.Ended = outcome, l.d.steps+1, l.d.now
		if outcome == sim.OK {
			o.Output = out
		}
		l.d.step(sim.KindReturn, l.n, sim.Nobody, o, l.d.cause)
	})
}

// drawing plans

// below draws an integer in [0, n), without rapid's liking for small ones.
func below(t *rapid.T, n int, label string) int {
	v := uint64(0)
	for bit := 1; bit < n; bit *= 2 {
		v = 2 * v
		if rapid.Bool().Draw(t, label) {
			v++
		}
	}
	return int(v % uint64(n))
}

// plans draws plans. With grid, all times are whole milliseconds, so that much
// happens at one instant; otherwise hardly anything does.
func plans(grid bool) *rapid.Generator[*plan] {
	return rapid.Custom(func(t *rapid.T) *plan {
		upto := func(most int, label string) int { return below(t, most+1, label) }
		span := func(most int, label string) time.Duration {
			d := time.Duration(upto(most, label)) * ms
			if !grid && d > 0 {
				d += time.Duration(upto(1<<20-1, "ns"))
			}
			return d
		}
		some := func(most int, label string) time.Duration { // off the grid, more than nothing
			if grid {
				return span(most, label)
			}
			return time.Duration(upto(most, label))*ms + 1 + time.Duration(upto(1<<20-1, "ns"))
		}
		p := &plan{
			seed:   rapid.Uint64().Draw(t, "seed"),
			nodes:  1 + upto(2, "nodes"),
			end:    at(300 * ms),
			budget: 10_000,
		}
		if upto(15, "short") == 1 {
			p.budget = uint64(1 + upto(50, "budget"))
		}
		for range p.nodes * p.nodes {
			p.latency = append(p.latency, some(4, "latency"))
		}
		p.fates = [][]time.Duration{{0}, {0}, {0}}
		if upto(1, "fates") == 1 {
			p.fates = append(p.fates, nil, []time.Duration{0, 0}, []time.Duration{span(9, "extra"), 0})
		}
		someone := func() sim.NodeID { return sim.NodeID(1 + upto(p.nodes-1, "node")) }
		timers := []int{1, 3, 7, 31}[upto(3, "timers")] // up to more than a node has room for without an index
		timer := func() int { return upto(timers, "timer") }
		drawOp := func() op {
			o := op{kind: opKind(upto(int(numOps)-1, "op")), tag: upto(3, "tag")}
			switch o.kind {
			case opSend:
				o.to = someone()
			case opSet:
				o.tag = timer()
				o.d = some(12, "timer")
				if grid && upto(7, "negative") == 1 {
					o.d = -1
				}
			case opStop:
				o.tag = timer()
			case opStartSync:
				o.tag = timer()
				o.d = some(7, "sync")
			case opSync, opBadSync:
				o.d = span(7, "sync")
			}
			return o
		}
		drawHandler := func(most int) handler {
			h := handler{}
			for range upto(most, "ops") {
				h = append(h, drawOp())
			}
			return h
		}
		for range p.nodes {
			var hs []handler
			for range upto(15, "handlers") {
				hs = append(hs, drawHandler(7))
			}
			p.handlers = append(p.handlers, hs)
		}
		var drawAct func(depth int) act
		drawAct = func(depth int) act {
			a := act{kind: actKind(upto(int(numActs)-1, "act")), k: upto(7, "k"), id: someone()}
			switch a.kind {
			case actFail: // seldom
				if upto(3, "fail") > 0 {
					a.kind = actRestart
				}
			case actPauseFor, actPauseAtEffect, actJump, actCost:
				a.d = span(15, "d")
			case actDo:
				a.do = drawHandler(3)
			case actAt:
				if a.d = span(15, "d"); a.k == 0 {
					a.d = -a.d
				}
				if depth == 0 {
					a.kind = actResume
					break
				}
				then := drawAct(depth - 1)
				a.then = &then
			}
			return a
		}
		for range upto(15, "acts") {
			p.acts = append(p.acts, timedAct{at(span(63, "when")), drawAct(2)})
		}
		p.watches = map[int]act{}
		for tag := range upto(3, "watches") {
			a := drawAct(2)
			if grid || upto(1, "self") == 0 { // others: who is first at one instant is nobody's business
				a.id = sim.Nobody
			}
			p.watches[tag] = a
		}
		for range upto(3, "windows") {
			w := window{from: someone(), to: someone(), start: at(span(40, "start")), verb: sim.Verb(1 + upto(2, "verb"))}
			w.end = w.start.Add(span(30, "length"))
			w.after = max(span(3, "after"), ms/2)
			p.windows = append(p.windows, w)
		}
		return p
	})
}

// checkLines compares two runs of a plan.
func checkLines(t *rapid.T, p *plan, got, want []string) {
	if i := diff(want, got); i >= 0 {
		t.Fatalf("plan:\n%s\nline %d: the engine and the dumb one differ\n%s", p, i, sideBySide(got, want, i))
	}
}

func diff(a, b []string) int {
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return i
		}
	}
	return -1
}

func sideBySide(engine, dumb []string, at int) string {
	var b strings.Builder
	for i := max(0, at-40); i < at; i++ {
		fmt.Fprintf(&b, "          %s\n", engine[i])
	}
	for i := at; i < at+5; i++ {
		if i < len(engine) {
			fmt.Fprintf(&b, "engine:   %s\n", engine[i])
		}
	}
	for i := at; i < at+5; i++ {
		if i < len(dumb) {
			fmt.Fprintf(&b, "dumb:     %s\n", dumb[i])
		}
	}
	return b.String()
}

func (p *plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %d nodes, latency %v, fates %v, budget %d\n", p.seed, p.nodes, p.latency, p.fates, p.budget)
	for _, w := range p.windows {
		fmt.Fprintf(&b, "window n%d-n%d %d-%d verb %d %s\n", w.from, w.to, w.start, w.end, w.verb, w.after)
	}
	for i, hs := range p.handlers {
		for k, h := range hs {
			fmt.Fprintf(&b, "n%d handler %d: %v\n", i+1, k, h)
		}
	}
	for _, a := range p.acts {
		fmt.Fprintf(&b, "at %d: %v\n", a.at, a.act)
	}
	for tag := range 10 {
		if a, ok := p.watches[tag]; ok {
			fmt.Fprintf(&b, "at fact %d: %v\n", tag, a)
		}
	}
	return b.String()
}

func TestTheEngineDoesWhatTheContractSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for range perCheck {
			p := plans(false).Draw(t, "plan")
			b, w := runWorld(p, sim.Config{}, true, nil)
			checkLines(t, p, b.lines, runDumb(p, w.Rank).lines)
		}
	})
}

// perCheck is how many plans a check of rapid is worth: most are dull.
const perCheck = 10

// The same where much happens at one instant: each node's own run.
func TestTheEngineDoesWhatTheContractSaysAtOneInstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for range perCheck {
			p := plans(true).Draw(t, "plan")
			b, w := runWorld(p, sim.Config{}, true, nil)
			want := runDumb(p, w.Rank)
			for id := range b.own {
				checkLines(t, p, b.own[id], want.own[id])
			}
		}
	})
}

// What is kept of a run, in how many pieces it is run, and what else runs,
// changes nothing in it.
func TestARunIsAFunctionOfItsPlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := plans(rapid.Bool().Draw(t, "grid")).Draw(t, "plan")
		other := plans(true).Draw(t, "other")
		other.seed = p.seed + 1
		plain, w := runWorld(p, sim.Config{}, false, nil)
		var deep []uint64
		for name, run := range map[string]func() (*book, *sim.World){
			"again": func() (*book, *sim.World) {
				runWorld(other, sim.Config{}, false, nil)
				return runWorld(p, sim.Config{}, false, nil)
			},
			"deep":     func() (*book, *sim.World) { return runWorld(p, sim.Config{Deep: true}, false, nil) },
			"copies":   func() (*book, *sim.World) { return runWorld(p, sim.Config{Deep: true, CopyMessages: true}, false, nil) },
			"recorded": func() (*book, *sim.World) { return runWorld(p, sim.Config{Deep: true}, true, nil) },
			"bodies":   func() (*book, *sim.World) { return runBodies(p, sim.Config{}) },
			"causal":   func() (*book, *sim.World) { return runWorld(p, sim.Config{Causal: true}, true, nil) },
			"pieces": func() (*book, *sim.World) {
				var splits []uint64
				for s := uint64(0); s < w.Steps(); s += uint64(1 + below(t, 7, "piece")) {
					splits = append(splits, s)
				}
				return runWorld(p, sim.Config{}, false, splits)
			},
		} {
			b, w2 := run()
			require.Equal(t, w.Hash(), w2.Hash(), name)
			require.Equal(t, w.Steps(), w2.Steps(), name)
			require.Equal(t, w.Now(), w2.Now(), name)
			require.Equal(t, w.Violation(), w2.Violation(), name)
			require.Equal(t, plain.lines, unrecorded(b), name)
			if name == "deep" || name == "copies" || name == "recorded" {
				deep = append(deep, w2.DeepHash())
			}
		}
		require.Equal(t, deep[0], deep[1])
		require.Equal(t, deep[0], deep[2])
	})
}

// Lamport's law: what a step caused is later than it, and a node's time never
// goes back, over all its lives.
func TestLamportsLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := plans(rapid.Bool().Draw(t, "grid")).Draw(t, "plan")
		last := make([]uint64, p.nodes+1)
		times := []uint64{0}
		runWorld(p, sim.Config{Observer: lawful(func(s *sim.Step) {
			times = append(times, s.Lamport)
			require.GreaterOrEqual(t, s.Lamport, last[s.Node])
			switch s.Kind {
			case sim.KindDeliver, sim.KindTimer:
				require.Greater(t, s.Lamport, times[s.Cause])
				fallthrough
			case sim.KindBoot:
				require.Greater(t, s.Lamport, last[s.Node])
			case sim.KindFact, sim.KindInvoke, sim.KindReturn:
				require.GreaterOrEqual(t, s.Lamport, times[s.Cause])
			}
			last[s.Node] = s.Lamport
		})}, false, nil)
	})
}

type lawful func(s *sim.Step)

func (f lawful) Step(s *sim.Step)                { f(s) }
func (f lawful) Log(sim.NodeID, string)          {}
func (f lawful) Settled(uint64, sim.NodeID, any) {}

// unrecorded is the book without the steps that an observer saw.
func unrecorded(b *book) []string {
	return slices.DeleteFunc(slices.Clone(b.lines), func(l string) bool {
		return strings.HasPrefix(l, "step ") || strings.Contains(l, " lamport=") && strings.Contains(l, " cause=")
	})
}
