package sim_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/sim"
)

// A void Env has no disk either: it must not take it from the incarnation that
// came after it.
func TestAVoidEnvHasNoDisk(t *testing.T) {
	var old sim.Env
	w := sim.New(sim.Config{Disk: func(id sim.NodeID) sim.Storage { return disksim.New(1, id, disksim.Config{}) }})
	defer w.Close()
	w.Add(node(&script{start: func(env sim.Env) {
		if old == nil {
			old = env
		}
	}}))
	w.RunUntil(0)
	w.Crash(1)
	w.Restart(1)
	w.Do(1, func(env sim.Env) {
		require.NoError(t, env.Disk().Open("log").Append([]byte("a")))
		ghost := old.Disk()
		file := ghost.Open("log")
		assert.Equal(t, "log", file.Name())
		assert.EqualValues(t, 0, file.Size())
		assert.ErrorIs(t, file.Append([]byte("b")), sim.ErrVoid)
		assert.ErrorIs(t, file.WriteAt([]byte("b"), 0), sim.ErrVoid)
		assert.ErrorIs(t, file.Truncate(0), sim.ErrVoid)
		assert.ErrorIs(t, file.Sync(), sim.ErrVoid)
		_, err := file.ReadAt(make([]byte, 1), 0)
		assert.ErrorIs(t, err, sim.ErrVoid)
		assert.Empty(t, ghost.List(""))
		assert.ErrorIs(t, ghost.Rename("log", "x"), sim.ErrVoid)
		assert.ErrorIs(t, ghost.Remove("log"), sim.ErrVoid)
		assert.ErrorIs(t, ghost.Sync(), sim.ErrVoid)
		ghost.StartSync(sim.Timer{Name: "done"})
		assert.ErrorIs(t, ghost.SyncResult(sim.Timer{Name: "done"}), sim.ErrVoid)
		require.NoError(t, env.Disk().Open("log").Append([]byte("c")), "the disk is the new incarnation's")
		assert.EqualValues(t, 2, env.Disk().Open("log").Size())
	})
}

// A pause that a fact provokes comes between this effect and the next.
func TestAPauseInsideAWatchHoldsTheRest(t *testing.T) {
	for _, busy := range []bool{false, true} {
		w, j := pair(t, &script{receive: func(env sim.Env, _ sim.NodeID, _ sim.Message) {
			if busy {
				env.Disk().Sync()
			}
			env.Emit("I lead")
			env.Send(2, "so I write")
			env.Disk().Open("log").Append([]byte("x"))
			env.SetTimer(sim.Timer{Name: "t"}, 20*ms)
		}, timeout: func(env sim.Env, tm sim.Timer) { env.Send(2, tm) }})
		w.RunUntil(0)
		w.Watch(func(s *sim.Step) { w.PauseFor(s.Node, 50*ms) })
		w.Do(2, func(env sim.Env) { env.Send(1, "go"); env.Send(1, "again") })
		require.True(t, w.RunUntil(at(100*ms)))
		want := []string{"0.052s n1 so I write", "0.102s n1 so I write"}
		if busy {
			want = []string{"0.062s n1 so I write", "0.122s n1 so I write"}
		}
		w.RunUntil(at(125 * ms))
		require.GreaterOrEqual(t, len(j.lines), 2)
		assert.Equal(t, want[0], j.lines[0], "busy: %v", busy)
		assert.Contains(t, j.lines, want[1], "busy: %v", busy)
		w.Close()
	}
}

// What happens in a Watch callback to other nodes, even the boot of one, does
// not get in the way of the handler around it.
func TestAHandlerInsideAHandler(t *testing.T) {
	o := &steps{}
	w := sim.New(sim.Config{Observer: o})
	defer w.Close()
	var first, second []any
	w.Add(node(&script{receive: func(env sim.Env, _ sim.NodeID, _ sim.Message) {
		env.Emit("outer")
		env.Emit("after")
		env.Emit("too late")
	}}))
	w.Add(node(&script{start: func(env sim.Env) { env.Emit("inner") }}))
	w.Watch(func(s *sim.Step) {
		if s.Payload == "outer" {
			w.Crash(2)
			w.Restart(2)
		}
		first = append(first, s.Payload)
		if s.Payload == "after" {
			w.Fail("after", "")
		}
	})
	w.Watch(func(s *sim.Step) { second = append(second, s.Payload) })
	w.RunUntil(0)
	first, second = nil, nil
	w.Do(2, func(env sim.Env) { env.Send(1, "go") })
	assert.False(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, []any{"inner", "outer", "after"}, first)
	assert.Equal(t, []any{"inner", "outer", "after"}, second)
	assert.Equal(t, sim.NodeID(1), w.Violation().Node)
	assert.Equal(t, w.Steps(), w.Violation().Step)
	n := len(o.lines)
	assert.Equal(t, fmt.Sprintf("%d n1 fact n0 after", n), o.lines[n-1])
	assert.Equal(t, fmt.Sprintf("%d n1 deliver n2 go", n-5), o.lines[n-6])
	assert.EqualValues(t, n-5, o.causes[uint64(n)], "the delivery did it, not the boot inside it")
}

// A violation inside a handler that runs inside another stops both.
func TestAViolationInsideAHandlerInsideAHandler(t *testing.T) {
	w := sim.New(sim.Config{})
	defer w.Close()
	w.Add(node(&script{receive: func(env sim.Env, _ sim.NodeID, _ sim.Message) {
		env.Emit("outer")
		env.Emit("never")
	}}))
	w.Add(node(&script{}))
	w.Watch(func(s *sim.Step) {
		switch s.Payload {
		case "outer":
			w.Do(2, func(env sim.Env) { env.Emit("inner") })
		case "inner":
			w.Fail("inner", "")
		}
	})
	w.RunUntil(0)
	w.Do(2, func(env sim.Env) { env.Send(1, "go") })
	assert.False(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, w.Steps(), w.Violation().Step)
	assert.Equal(t, sim.NodeID(2), w.Violation().Node)
}

// A deferred function of a body may find its disk void and panic on it: the
// incarnation is over, nobody is to blame.
func TestADeferredPanicOfADeadBody(t *testing.T) {
	w := sim.New(sim.Config{Disk: func(sim.NodeID) sim.Storage { return &slowDisk{} }})
	defer w.Close()
	w.Add(proc(func(p *sim.Proc) {
		defer func() {
			if err := p.Disk().Sync(); err != nil {
				panic(err)
			}
		}()
		p.Sleep(time.Hour)
	}))
	w.At(at(ms), func() { w.Crash(1) })
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Nil(t, w.Violation())
}

// The completion of a background sync, and its timer, were caused by the
// handler that started it.
func TestTheCauseOfABackgroundSync(t *testing.T) {
	o := &steps{}
	w := sim.New(sim.Config{Observer: o, Disk: func(sim.NodeID) sim.Storage { return &slowDisk{} }})
	defer w.Close()
	w.Add(node(&script{receive: func(env sim.Env, _ sim.NodeID, _ sim.Message) {
		env.Disk().StartSync(sim.Timer{Name: "done"})
	}}))
	w.Add(node(&script{start: func(env sim.Env) { env.SetTimer(sim.Timer{Name: "other"}, 5*ms); env.Send(1, "go") }}))
	require.True(t, w.RunUntil(at(time.Second)))
	require.Equal(t, []string{"3 n1 deliver n2 go", "4 n2 timer n0 other", "5 n1 sync n0 <nil>", "6 n1 timer n0 done"}, o.lines[2:])
	assert.EqualValues(t, 3, o.causes[5])
	assert.EqualValues(t, 3, o.causes[6])
}

// What World.Do has a node do was caused by no step.
func TestDoHasNoCause(t *testing.T) {
	o := &steps{}
	w := sim.New(sim.Config{Observer: o, Disk: func(sim.NodeID) sim.Storage { return &slowDisk{} }})
	defer w.Close()
	w.Add(node(&script{}))
	w.Add(node(&script{}))
	w.RunUntil(0)
	w.Cost(1, func(k sim.Kind, payload any) time.Duration {
		if k == sim.KindTimer {
			_ = payload.(sim.Timer) // as documented
		}
		return ms
	})
	w.Do(1, func(env sim.Env) {
		env.Emit("x")
		env.SetTimer(sim.Timer{Name: "t"}, ms)
		env.Send(2, "y")
	})
	w.Do(2, func(env sim.Env) { env.Emit("z") })
	require.True(t, w.RunUntil(at(time.Second)))
	require.Equal(t, []string{"3 n2 fact n0 z", "4 n1 fact n0 x"}, o.lines[2:4])
	require.Len(t, o.lines, 6)
	for n := uint64(3); n <= 6; n++ {
		assert.EqualValues(t, 0, o.causes[n], o.lines[n-1])
	}
}

// A message is on its way, for the copying mode, when Send is called: a change
// between the call and a later departure is found too.
func TestCopyingModeCopiesAtTheCall(t *testing.T) {
	run := func(copies bool) uint64 {
		w := sim.New(sim.Config{Deep: true, CopyMessages: copies, Disk: func(sim.NodeID) sim.Storage { return &slowDisk{} }})
		defer w.Close()
		w.Add(node(&script{start: func(env sim.Env) {
			b := &batch{items: []int{1}}
			appendSync(env, "a")
			env.Send(2, b)
			b.items[0] = 2
		}}))
		w.Add(node(&script{}))
		require.True(t, w.RunUntil(at(time.Second)))
		return w.DeepHash()
	}
	assert.NotEqual(t, run(false), run(true))
}

// A body in a component has the component's scope, and so have its own.
func TestSubInsideSpawnInsideSub(t *testing.T) {
	j := &journal{}
	w := sim.New(sim.Config{})
	defer w.Close()
	w.Add(func(sim.NodeID) sim.Node {
		return &host{[]string{"x", "client"}, []sim.Node{&script{}, sim.Spawn(func(p *sim.Proc) {
			sim.Sub(p, "x").Send(2, "from inside")
			assert.Same(t, sim.Sub(p, "x"), sim.Sub(p.Env, "x"))
			sim.Sub(p, "x").SetTimer(sim.Timer{Name: "t"}, ms)
			m, _ := p.Recv(sim.Forever)
			tm, ok := sim.InnerTimer(m.Msg.(sim.Timer), "x")
			assert.True(t, ok)
			p.Send(2, tm)
			sim.Outer(p).Send(2, "from the host")
		})}}
	})
	w.Add(j.witness())
	w.RunUntil(0)
	w.Do(1, func(env sim.Env) { sim.Sub(env, "x").Send(2, "from outside") })
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, []string{
		"0.001s n1 {client {x from inside}}", "0.001s n1 {x from outside}", "0.002s n1 {client t}", "0.002s n1 from the host",
	}, j.lines)
}

// A scope may contain a slash, which is no nesting.
func TestScopesThatLookNested(t *testing.T) {
	w, j := pair(t, &script{start: func(env sim.Env) {
		sim.Sub(env, "a/b").Send(2, 1)
		sim.Sub(sim.Sub(env, "a"), "b").Send(2, 2)
	}})
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, []string{"0.001s n1 {a/b 1}", "0.001s n1 {a {b 2}}"}, j.lines)
}

// A timer that is set again to the instant of its old deadline takes its place
// among the effects by the new call.
func TestATimerSetAgainToItsOldDeadline(t *testing.T) {
	var fired []string
	w := sim.New(sim.Config{})
	w.Add(node(&script{
		start: func(env sim.Env) {
			env.SetTimer(sim.Timer{Name: "a"}, 10*ms)
			env.SetTimer(sim.Timer{Name: "b"}, 10*ms)
			env.SetTimer(sim.Timer{Name: "c"}, 5*ms)
		},
		timeout: func(env sim.Env, tm sim.Timer) {
			if tm.Name == "c" {
				env.SetTimer(sim.Timer{Name: "a"}, 5*ms)
			}
			fired = append(fired, tm.Name)
		},
	}))
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, []string{"c", "b", "a"}, fired)
}

// A timer of a clock that stands still does not fire at the end of time.
func TestATimerOfAFrozenClockNeverFires(t *testing.T) {
	var fired []string
	w := sim.New(sim.Config{})
	w.Add(node(&script{
		start: func(env sim.Env) {
			env.SetTimer(sim.Timer{Name: "a"}, 10*ms)
			env.StopTimer(sim.Timer{Name: "a"})
		},
		timeout: func(env sim.Env, tm sim.Timer) { fired = append(fired, tm.Name) },
	}))
	w.At(at(ms), func() { w.Clock(1, func(s *clock.Skew, now clock.Time) { s.Freeze(now) }) })
	w.At(at(2*ms), func() { w.Do(1, func(env sim.Env) { env.SetTimer(sim.Timer{Name: "a"}, 10*ms) }) })
	for w.Step() {
	}
	assert.Empty(t, fired)
	assert.Less(t, w.Now(), at(time.Second))
}

// A timer runs from the departure of its setting. A pause that holds the
// departure back holds the timer back: a promise that left with the setting
// must not outlast the timer that guards it.
func TestATimerRunsFromItsDeparture(t *testing.T) {
	guard := sim.Timer{Name: "guard"}
	for name, c := range map[string]struct {
		disturb func(w *sim.World)
		left    clock.Time // when the sync, and so the setting, departs
		fires   clock.Time
	}{
		"nothing":    {func(w *sim.World) {}, at(10 * ms), at(60 * ms)},
		"pause":      {func(w *sim.World) { w.PauseFor(1, 95*ms) }, at(100 * ms), at(150 * ms)},
		"long pause": {func(w *sim.World) { w.PauseFor(1, 15*ms) }, at(20 * ms), at(70 * ms)},
		"slow clock": {func(w *sim.World) {
			w.Clock(1, func(s *clock.Skew, now clock.Time) { s.SetDrift(now, -500_000) })
		}, at(10 * ms), at(110 * ms)},
		"fast clock": {func(w *sim.World) {
			w.Clock(1, func(s *clock.Skew, now clock.Time) { s.SetDrift(now, 1_000_000) })
		}, at(10 * ms), at(35 * ms)},
		"frozen clock": {func(w *sim.World) {
			w.Clock(1, func(s *clock.Skew, now clock.Time) { s.Freeze(now) })
			w.At(at(200*ms), func() { w.Clock(1, func(s *clock.Skew, now clock.Time) { s.Thaw(now) }) })
		}, at(10 * ms), at(250 * ms)},
	} {
		t.Run(name, func(t *testing.T) {
			var left, fired clock.Time
			w, _ := pair(t, &script{start: func(env sim.Env) {
				env.Disk().Sync()
				env.SetTimer(guard, time.Hour)
				env.StopTimer(guard)
				env.Emit("I promise")
				env.SetTimer(guard, 50*ms)
			}})
			w.Watch(func(*sim.Step) { left = w.Now() })
			w.RunUntil(0)
			w.Node(1).(*script).timeout = func(sim.Env, sim.Timer) { fired = w.Now() }
			w.At(at(5*ms), func() { c.disturb(w) })
			require.True(t, w.RunUntil(at(time.Second)))
			assert.Equal(t, c.left, left)
			assert.Equal(t, c.fires, fired)
		})
	}
}

// A timer that is set to the end of time stays there when the clock changes.
func TestATimerAtTheEndOfTime(t *testing.T) {
	w, j := pair(t, &script{
		receive: func(env sim.Env, _ sim.NodeID, _ sim.Message) {
			env.SetTimer(sim.Timer{Name: "never"}, 1<<63-1)
			env.SetTimer(sim.Timer{Name: "hardly"}, 1<<63-2)
		},
		timeout: func(env sim.Env, tm sim.Timer) { env.Send(2, tm) },
	})
	w.RunUntil(0)
	w.Do(2, func(env sim.Env) { env.Send(1, "go") })
	w.At(at(2*ms), func() { w.Clock(1, func(s *clock.Skew, now clock.Time) { s.SetDrift(now, 100) }) })
	w.At(at(3*ms), func() { w.Clock(1, func(s *clock.Skew, now clock.Time) { s.Freeze(now) }) })
	w.At(at(4*ms), func() { w.Clock(1, func(s *clock.Skew, now clock.Time) { s.Thaw(now) }) })
	require.True(t, w.RunUntil(at(time.Hour)))
	assert.Empty(t, j.lines)
}

// Nothing boots once a run is over.
func TestNothingBootsAfterTheEnd(t *testing.T) {
	w, _ := pair(t, &script{})
	w.RunUntil(0)
	w.At(at(ms), func() {
		w.Crash(1)
		w.Fail("enough", "")
		assert.False(t, w.Restart(1))
	})
	assert.False(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, w.Steps(), w.Violation().Step)
	w, _ = pair(t, &script{})
	w.RunUntil(0)
	w.Close()
	w.Close()
	assert.False(t, w.Restart(1))
	assert.False(t, w.Step())
}

// What a doomed handler says is not in the log: it did not get there.
func TestADoomedHandlerSaysNothing(t *testing.T) {
	o := &steps{}
	w := sim.New(sim.Config{Observer: o, Disk: func(sim.NodeID) sim.Storage { return &slowDisk{} }})
	defer w.Close()
	w.Add(node(&script{receive: func(env sim.Env, _ sim.NodeID, _ sim.Message) {
		env.Logf("before")
		env.Disk().Sync()
		env.Logf("after")
	}}))
	w.Add(node(&script{start: func(env sim.Env) { env.Send(1, "go") }}))
	w.RunUntil(0)
	w.CrashAtSync(1, sim.InsideSync)
	w.RunUntil(at(time.Second))
	assert.Equal(t, []string{"n1 before"}, o.logs)
}

// A network may use the world while it decides about a packet.
func TestANetworkThatMakesPlans(t *testing.T) {
	j := &journal{}
	net := &planner{}
	w := sim.New(sim.Config{Network: net})
	defer w.Close()
	w.Add(j.witness())
	w.Add(node(&script{start: func(env sim.Env) {
		for i := range 100 {
			env.Send(1, i)
		}
	}}))
	require.True(t, w.RunUntil(at(time.Second)))
	require.Len(t, j.lines, 100)
	for i, line := range j.lines {
		assert.Equal(t, fmt.Sprintf("0.005s n2 %d", i), line)
	}
	assert.Equal(t, 100, net.ran)
}

// planner postpones each packet until 5 ms, and plans something.
type planner struct {
	w   *sim.World
	ran int
}

func (n *planner) Attach(w *sim.World) { n.w = w }
func (n *planner) Send(p *sim.Packet)  { p.Fate.Add(0) }
func (n *planner) Arrive(p *sim.Packet) sim.Arrival {
	if p.Now > 0 {
		return sim.Arrival{}
	}
	n.w.At(at(ms), func() { n.ran++ })
	return sim.Arrival{Verb: sim.Postpone, After: 5 * ms}
}

// The outcome of a background sync is not known to an incarnation that is over.
func TestSyncResultsAreVoidToo(t *testing.T) {
	var disk sim.Disk
	w, _ := pair(t, &script{start: func(env sim.Env) {
		disk = env.Disk()
		disk.StartSync(sim.Timer{Name: "done"})
	}})
	w.RunUntil(at(5 * ms))
	w.Crash(1)
	assert.ErrorIs(t, disk.SyncResult(sim.Timer{Name: "done"}), sim.ErrVoid)
}

// Close in the middle of a body, from inside it, ends it.
func TestCloseInsideABody(t *testing.T) {
	ended := 0
	w := sim.New(sim.Config{})
	for range 2 {
		w.Add(proc(func(p *sim.Proc) {
			defer func() { ended++ }()
			p.Sleep(ms * time.Duration(p.ID()))
			p.Emit("x")
			p.Sleep(ms)
			t.Error("it goes on")
		}))
	}
	w.Watch(func(*sim.Step) { w.Close() })
	assert.False(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, 2, ended)
}
