package sim_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

func proc(body func(p *sim.Proc)) func(sim.NodeID) sim.Node {
	return func(sim.NodeID) sim.Node { return sim.Spawn(body) }
}

func TestBlockingStyle(t *testing.T) {
	j := &journal{}
	w := sim.New(sim.Config{})
	defer w.Close()
	w.Add(proc(func(p *sim.Proc) { // an echo server that is slow to answer "b"
		for {
			m, _ := p.Recv(sim.Forever)
			if m.Msg == "b" {
				p.Sleep(50 * ms)
			}
			p.Send(m.From, fmt.Sprint("re ", m.Msg))
		}
	}))
	w.Add(proc(func(p *sim.Proc) {
		for _, req := range []string{"a", "b", "c"} {
			resp, ok := p.Call(1, req, 20*ms, func(m sim.Message) bool { return m == "re "+req })
			j.add(p, "%v %v", resp, ok)
		}
		m, ok := p.Recv(100 * ms)
		j.add(p, "%v %v", m.Msg, ok)
		m, ok = p.Recv(100 * ms)
		j.add(p, "%v %v", m.Msg, ok)
		m, ok = p.Recv(10 * ms)
		j.add(p, "%v %v", m.Msg, ok)
		_, ok = p.Recv(0)
		j.add(p, "%v", ok)
		p.SetTimer(sim.Timer{Name: "own"}, 5*ms)
		m, _ = p.Recv(sim.Forever)
		j.add(p, "%s %v", m.From, m.Msg)
	}))
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, []string{
		"0.002s re a true", "0.022s <nil> false", "0.042s <nil> false",
		"0.054s re b true", "0.054s re c true", "0.064s <nil> false", "0.064s false", "0.069s n2 own",
	}, j.lines)
}

// A crash ends a body without its later effects; a recover in it cannot keep
// it alive, its deferred functions run, and nothing leaks.
func TestACrashEndsABody(t *testing.T) {
	before := runtime.NumGoroutine()
	j := &journal{}
	deferred := 0
	w := sim.New(sim.Config{})
	w.Add(proc(func(p *sim.Proc) {
		defer func() { deferred++; p.Send(2, "from the grave") }()
		for {
			func() {
				defer func() { recover() }()
				p.Sleep(10 * ms)
				p.Send(2, "alive")
			}()
		}
	}))
	w.Add(j.witness())
	w.At(at(25*ms), func() { w.Crash(1) })
	require.True(t, w.RunUntil(at(100*ms)))
	assert.Equal(t, []string{"0.011s n1 alive", "0.021s n1 alive"}, j.lines)
	assert.Equal(t, 1, deferred)

	w.Restart(1)
	require.True(t, w.RunUntil(at(115*ms)))
	w.Close()
	assert.Equal(t, 2, deferred, "Close ends it too")
	assert.Len(t, j.lines, 3)
	for range 100 { // the helpers of both ends have finished, their goroutines may take a moment
		if runtime.NumGoroutine() <= before {
			break
		}
		time.Sleep(ms)
	}
	assert.LessOrEqual(t, runtime.NumGoroutine(), before)
}

// A trap inside a body takes effect at its effect, though the body still runs.
func TestATrapInsideABody(t *testing.T) {
	j := &journal{}
	reached := false
	w := sim.New(sim.Config{})
	defer w.Close()
	w.Add(proc(func(p *sim.Proc) {
		p.Sleep(10 * ms)
		p.Send(2, "one")
		p.Send(2, "two")
		reached = true
		p.Sleep(10 * ms)
		t.Error("the body outlived its incarnation")
	}))
	w.Add(j.witness())
	w.At(at(5*ms), func() { w.CrashAtEffect(1, 2) })
	require.True(t, w.RunUntil(at(time.Second)))
	assert.True(t, reached)
	assert.Equal(t, []string{"0.011s n1 one"}, j.lines)
}

func TestAPanicInABodyIsAFinding(t *testing.T) {
	w := sim.New(sim.Config{})
	defer w.Close()
	w.Add(proc(func(p *sim.Proc) { p.Sleep(ms); panic("oh") }))
	assert.False(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, "oh", w.Violation().Detail)
	assert.Contains(t, w.Violation().Stack, "TestAPanicInABodyIsAFinding")
}

// part is a component: it pings the same component of the other node.
type part struct {
	j    *journal
	name string
}

func (c *part) Start(env sim.Env) { env.SetTimer(sim.Timer{Name: "ping"}, ms) }
func (c *part) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	c.j.add(env, "%s got %v", c.name, msg)
	env.Emit("fact of " + c.name)
}
func (c *part) Timeout(env sim.Env, tm sim.Timer) {
	env.Disk().Open("f").Append([]byte(c.name))
	env.Send(3-env.ID(), tm.Name+" from "+c.name)
}

// host carries components under scopes, and nests one level.
type host struct {
	scopes []string
	parts  []sim.Node
}

func (h *host) Start(env sim.Env) {
	for i, s := range h.scopes {
		h.parts[i].Start(sim.Sub(env, s))
	}
}
func (h *host) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	for i, s := range h.scopes {
		if m, ok := sim.InnerMessage(msg, s); ok {
			h.parts[i].Receive(sim.Sub(env, s), from, m)
		}
	}
}
func (h *host) Timeout(env sim.Env, tm sim.Timer) {
	for i, s := range h.scopes {
		if in, ok := sim.InnerTimer(tm, s); ok {
			h.parts[i].Timeout(sim.Sub(env, s), in)
		}
	}
}

func TestSubScopesEverything(t *testing.T) {
	j := &journal{}
	var facts []any
	disks := map[sim.NodeID]*namedDisk{}
	w := sim.New(sim.Config{Disk: func(id sim.NodeID) sim.Storage {
		disks[id] = &namedDisk{}
		return disks[id]
	}})
	for range 2 {
		w.Add(func(id sim.NodeID) sim.Node {
			inner := &host{[]string{"x", "y"}, []sim.Node{&part{j, "bx"}, &part{j, "by"}}}
			return &host{[]string{"a", "b"}, []sim.Node{&part{j, "a"}, inner}}
		})
	}
	w.Watch(func(s *sim.Step) { facts = append(facts, s.Payload) })
	require.True(t, w.RunUntil(at(time.Second)))
	assert.ElementsMatch(t, []string{
		"0.002s a got ping from a", "0.002s bx got ping from bx", "0.002s by got ping from by",
		"0.002s a got ping from a", "0.002s bx got ping from bx", "0.002s by got ping from by",
	}, j.lines)
	assert.Contains(t, facts, sim.Scoped{"b", sim.Scoped{"x", "fact of bx"}})
	assert.Equal(t, []string{"a/f", "b/x/f", "b/y/f"}, disks[1].names)

	a, b := sim.NewStream(1, "x"), 0
	_, _ = a, b
	w.Do(1, func(env sim.Env) {
		sub := sim.Sub(env, "a")
		assert.Same(t, sub, sim.Sub(env, "a"))
		assert.NotEqual(t, env.Rand().Uint64(), sub.Rand().Uint64())
		assert.NotEqual(t, sub.Rand().Uint64(), sim.Sub(sub, "a").Rand().Uint64())
	})
}

// namedDisk remembers the names it was asked for.
type namedDisk struct {
	slowDisk
	names []string
}

func (d *namedDisk) Boot(p sim.DiskPort) sim.Disk { return namedView{d.slowDisk.Boot(p).(slowView), d} }

type namedView struct {
	slowView
	d *namedDisk
}

func (v namedView) Open(name string) sim.File {
	v.d.names = append(v.d.names, name)
	return v.slowView.Open(name)
}

// batch is a message with everything that can be shared by mistake.
type batch struct {
	items []int
	attrs map[string]int
	inner *batch
}

// Checking mode: a message that is changed after it was sent, or by its
// receiver, gives another deep hash when messages are copied. Each planted
// leak is found, and the honest sender is not accused.
func TestCopyingModeFindsSharedMessages(t *testing.T) {
	run := func(copies bool, leak string) (hash, deep uint64) {
		w := sim.New(sim.Config{Seed: 7, Deep: true, CopyMessages: copies, Network: twice{}})
		defer w.Close()
		w.Add(func(sim.NodeID) sim.Node {
			items := make([]int, 0, 8)
			attrs := map[string]int{"a": 1}
			return &script{
				start: func(env sim.Env) { env.SetTimer(sim.Timer{Name: "t"}, 0) },
				timeout: func(env sim.Env, _ sim.Timer) {
					switch leak {
					case "append into a shared backing array":
						items = append(items[:0], len(attrs), int(env.Now()))
						env.Send(2, batch{items: items})
					case "changed map":
						attrs["a"]++
						env.Send(2, &batch{inner: &batch{attrs: attrs}})
					default:
						env.Send(2, batch{items: []int{1, 2}, attrs: map[string]int{"b": 2, "c": 3}})
					}
					env.SetTimer(sim.Timer{Name: "t"}, ms/4)
				},
			}
		})
		w.Add(node(&script{receive: func(env sim.Env, _ sim.NodeID, msg sim.Message) {
			if leak == "duplicate delivery of a mutated message" {
				msg.(batch).items[0]++
			}
		}}))
		require.True(t, w.RunUntil(at(20*ms)))
		return w.Hash(), w.DeepHash()
	}
	for _, leak := range []string{"append into a shared backing array", "changed map", "duplicate delivery of a mutated message"} {
		h1, shared := run(false, leak)
		h2, copied := run(true, leak)
		assert.Equal(t, h1, h2, "%s: the plain hash covers no contents", leak)
		assert.NotEqual(t, shared, copied, leak)
	}
	_, shared := run(false, "none")
	_, copied := run(true, "none")
	assert.Equal(t, shared, copied)
}

// twice delivers each packet twice.
type twice struct{}

func (twice) Send(p *sim.Packet)             { p.Fate.Add(ms); p.Fate.Add(2 * ms) }
func (twice) Arrive(*sim.Packet) sim.Arrival { return sim.Arrival{} }

func TestDeepHashAndCopy(t *testing.T) {
	type odd struct {
		A any
		B [2]*int
		c map[string][]byte
		D func()
		F float64
	}
	one, two := 1, 2
	v := odd{A: &one, B: [2]*int{&one, &two}, c: map[string][]byte{"x": {1}, "y": {2, 3}}, F: 1.5}
	w := sim.Copy(v).(odd)
	assert.Equal(t, sim.DeepHash(v), sim.DeepHash(w))
	assert.NotSame(t, v.B[0], w.B[0])
	w.c["y"][1] = 4
	assert.Equal(t, byte(3), v.c["y"][1])
	assert.NotEqual(t, sim.DeepHash(v), sim.DeepHash(w))
	assert.NotEqual(t, sim.DeepHash(int32(1)), sim.DeepHash(int64(1)), "the type counts")
	assert.EqualValues(t, 0, sim.DeepHash(nil))
	assert.NotEqual(t, sim.DeepHash([]string{"a", "bc"}), sim.DeepHash([]string{"ab", "c"}))
	type ring struct{ next *ring }
	r := &ring{}
	r.next = r
	assert.PanicsWithValue(t, "sim: sim_test.ring nests deeper than 64: a cycle?", func() { sim.DeepHash(r) })
	assert.Panics(t, func() { sim.Copy(r) })
}

// The recorder unit-tests one node without a world.
func TestRecorder(t *testing.T) {
	tick := sim.Timer{Name: "tick"}
	r := sim.NewRecorder(sim.Config{Disk: func(sim.NodeID) sim.Storage { return &slowDisk{} }}, 2, 3, node(&script{
		start: func(env sim.Env) { env.SetTimer(tick, 50*ms) },
		receive: func(env sim.Env, from sim.NodeID, msg sim.Message) {
			env.Emit("got")
			appendSync(env, "x")
			env.Send(from, msg)
		},
		timeout: func(env sim.Env, _ sim.Timer) { env.Send(1, "tick") },
	}))
	left, ok := r.Armed(tick)
	assert.True(t, ok)
	assert.Equal(t, 50*ms, left)
	r.Receive(3, "hello")
	assert.Equal(t, []sim.Fact{"got"}, r.Facts)
	assert.Empty(t, r.Sent, "the answer waits for the sync")
	require.True(t, r.Advance(10*ms))
	assert.Equal(t, []sim.Sent{{At: at(10 * ms), To: 3, Msg: "hello"}}, r.Take())
	require.True(t, r.Advance(time.Second))
	assert.Equal(t, []sim.Sent{{At: at(50 * ms), To: 1, Msg: "tick"}}, r.Take())
	_, ok = r.Armed(tick)
	assert.False(t, ok)
}

// steps is an Observer that keeps steps as text.
type steps struct {
	lines  []string
	causes map[uint64]uint64
	logs   []string
	states []any
}

func (o *steps) Step(s *sim.Step) {
	o.lines = append(o.lines, fmt.Sprintf("%d %s %s %s %v", s.N, s.Node, s.Kind, s.Peer, s.Payload))
	if o.causes == nil {
		o.causes = map[uint64]uint64{}
	}
	o.causes[s.N] = s.Cause
}
func (o *steps) Log(id sim.NodeID, text string)            { o.logs = append(o.logs, id.String()+" "+text) }
func (o *steps) Settled(_ uint64, _ sim.NodeID, state any) { o.states = append(o.states, state) }

type inspected struct{ script }

func (inspected) Inspect() any { return "state" }

// versioned shows how many packets it has had of each kind, and counts how often it is asked.
type versioned struct {
	script
	shown int
	asked *int
}

func (v *versioned) Receive(_ sim.Env, _ sim.NodeID, msg sim.Message) {
	if msg == "count" {
		v.shown++
	}
}
func (v *versioned) Inspect() any    { *v.asked++; return v.shown }
func (v *versioned) Version() uint64 { return uint64(v.shown) + 1 }

// The state of a node is shown when its version is new to its incarnation.
func TestVersionedStateIsShownOnce(t *testing.T) {
	o, asked := &steps{}, 0
	w := sim.New(sim.Config{Observer: o})
	defer w.Close()
	packets := []string{"idle", "count", "idle", "idle", "count", "idle"}
	w.Add(node(&script{
		start: func(env sim.Env) {
			for i := range packets {
				env.SetTimer(sim.Timer{Name: "send", Key: uint64(i)}, time.Duration(i+1)*ms)
			}
		},
		timeout: func(env sim.Env, t sim.Timer) { env.Send(2, packets[t.Key]) },
	}))
	w.Add(func(sim.NodeID) sim.Node { return &versioned{asked: &asked} })
	w.At(at(20*ms), func() { w.Crash(2); w.Restart(2) })
	require.True(t, w.RunUntil(at(time.Second)))
	var states []any
	for _, s := range o.states {
		if n, ok := s.(int); ok {
			states = append(states, n)
		}
	}
	require.Equal(t, []any{0, 1, 2, 0}, states)
	require.Equal(t, 4, asked)
}

// Recording offers every step with its cause, and changes nothing.
func TestRecordingChangesNothing(t *testing.T) {
	run := func(o sim.Observer, deep bool) *sim.World {
		w := sim.New(sim.Config{Seed: 3, Observer: o, Deep: deep, Disk: func(sim.NodeID) sim.Storage { return &slowDisk{} }})
		defer w.Close()
		w.Add(node(&script{start: func(env sim.Env) {
			env.SetTimer(sim.Timer{Name: "t", Key: 1}, 2*ms)
			env.Logf("hello %d", 1)
			appendSync(env, "x")
			env.Send(2, "hi")
		}}))
		w.Add(func(sim.NodeID) sim.Node {
			return &inspected{script{receive: func(env sim.Env, _ sim.NodeID, _ sim.Message) { env.Emit("fact") }}}
		})
		w.At(at(20*ms), func() { w.Fault("crash n1"); w.Crash(1) })
		require.True(t, w.RunUntil(at(time.Second)))
		return w
	}
	o := &steps{}
	plain, recorded, deep := run(nil, false), run(o, false), run(nil, true)
	assert.Equal(t, plain.Hash(), recorded.Hash())
	assert.Equal(t, plain.Hash(), deep.Hash())
	assert.EqualValues(t, 0, plain.DeepHash())
	boots := []string{"1 n1 boot n0 <nil>", "2 n2 boot n0 <nil>"}
	if o.lines[0] != boots[0] {
		boots = []string{"1 n2 boot n0 <nil>", "2 n1 boot n0 <nil>"}
	}
	assert.Equal(t, append(boots, "3 n1 sync n0 <nil>", "4 n1 timer n0 t/1", "5 n2 deliver n1 hi", "6 n2 fact n0 fact",
		"7 n0 fault n0 crash n1", "8 n1 crash n0 <nil>"), o.lines)
	boot := uint64(1)
	if o.lines[0][2:4] != "n1" {
		boot = 2
	}
	assert.Equal(t, boot, o.causes[5], "the packet was sent by the boot handler")
	assert.Equal(t, boot, o.causes[4])
	assert.EqualValues(t, 5, o.causes[6])
	assert.Equal(t, []string{"n1 hello 1"}, o.logs)
	assert.Contains(t, o.states, "state")
}

// Draws are functions of their name and index alone.
func TestStreams(t *testing.T) {
	s := sim.NewStream(1, "link", 1, 2)
	first := s.Next()
	assert.Equal(t, first, sim.NewStream(1, "link", 1, 2).At(1))
	for _, other := range []sim.Stream{
		sim.NewStream(2, "link", 1, 2), sim.NewStream(1, "disk", 1, 2), sim.NewStream(1, "link", 2, 1),
		sim.NewStream(1, "link", 1), sim.NewStream(1, "link", 1, 2, 0),
	} {
		assert.NotEqual(t, first, other.At(1))
	}
	var sum, hits uint64
	for range 100_000 {
		sum += s.Below(1000)
		if s.Chance(250_000) {
			hits++
		}
		d := s.Between(ms, 2*ms)
		require.True(t, d >= ms && d <= 2*ms)
	}
	assert.InDelta(t, 499.5*100_000, sum, 300_000)
	assert.InDelta(t, 25_000, hits, 500)
	assert.True(t, sim.Chance(^uint64(0), sim.Million))
	assert.False(t, sim.Chance(0, 0))
}

func TestSendToNobody(t *testing.T) {
	w := sim.New(sim.Config{})
	w.Add(node(&script{start: func(env sim.Env) { env.Send(9, "x") }}))
	assert.False(t, w.RunUntil(clock.Time(0)))
	assert.Equal(t, "sim: n1 sends to n9: there is no such node", w.Violation().Detail)
}

// A world can keep the happened-before relation of its own run.
func TestWorldsKnowTheirPast(t *testing.T) {
	w := sim.New(sim.Config{Causal: true})
	var got, other uint64
	w.Add(node(&script{receive: func(env sim.Env, _ sim.NodeID, _ sim.Message) { env.Emit("got") }}))
	w.Add(node(&script{start: func(env sim.Env) { env.Send(1, "x") }}))
	w.Add(node(&script{start: func(env sim.Env) { env.Emit("apart") }}))
	w.Watch(func(s *sim.Step) {
		if s.Payload == "got" {
			got = s.N
		} else {
			other = s.N
		}
	})
	require.True(t, w.RunUntil(at(time.Second)))
	c := w.Causal()
	assert.True(t, c.Before(got-1, got), "the delivery comes before the fact")
	assert.Equal(t, clock.Concurrent, c.Vector(got).Compare(c.Vector(other)))
	assert.Nil(t, sim.New(sim.Config{}).Causal())
}
