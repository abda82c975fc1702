package sim_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

const ms = time.Millisecond

func at(d time.Duration) clock.Time { return clock.Time(d) }

// script is a node whose handlers are given one by one.
type script struct {
	start   func(env sim.Env)
	receive func(env sim.Env, from sim.NodeID, msg sim.Message)
	timeout func(env sim.Env, t sim.Timer)
}

func (s *script) Start(env sim.Env) {
	if s.start != nil {
		s.start(env)
	}
}
func (s *script) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	if s.receive != nil {
		s.receive(env, from, msg)
	}
}
func (s *script) Timeout(env sim.Env, t sim.Timer) {
	if s.timeout != nil {
		s.timeout(env, t)
	}
}

// journal is what a node saw, as lines.
type journal struct{ lines []string }

func (j *journal) add(env sim.Env, format string, args ...any) {
	j.lines = append(j.lines, env.Now().String()+" "+fmt.Sprintf(format, args...))
}

// witness is a node that writes down what it receives.
func (j *journal) witness() func(sim.NodeID) sim.Node {
	return func(sim.NodeID) sim.Node {
		return &script{receive: func(env sim.Env, from sim.NodeID, msg sim.Message) { j.add(env, "%s %v", from, msg) }}
	}
}

func node(s *script) func(sim.NodeID) sim.Node { return func(sim.NodeID) sim.Node { return s } }

// pair is a world of a node under test, n1, with a slow disk, and a witness, n2.
func pair(t *testing.T, s *script) (*sim.World, *journal) {
	j := &journal{}
	w := sim.New(sim.Config{Seed: 1, Disk: func(sim.NodeID) sim.Storage { return &slowDisk{} }})
	t.Cleanup(w.Close)
	w.Add(node(s))
	w.Add(j.witness())
	return w, j
}

// slowDisk is one file in memory whose syncs take 10 ms.
type slowDisk struct {
	port    sim.DiskPort
	view    []string // what the node reads
	base    uint64   // mutations before view[0]
	durable int      // of view
	err     error    // of syncs
}

func (d *slowDisk) Boot(p sim.DiskPort) sim.Disk { d.port = p; return slowView{d, p} }
func (d *slowDisk) Synced(token uint64, err error) {
	if err == nil {
		d.durable = max(d.durable, int(token))
	}
}
func (d *slowDisk) Crash(departed uint64) {
	d.view = d.view[:departed]
	d.view = d.view[:d.durable]
}

type slowView struct {
	d *slowDisk
	p sim.DiskPort
}

func (v slowView) Open(string) sim.File         { return slowFile{v} }
func (v slowView) List(string) []string         { return nil }
func (v slowView) Rename(string, string) error  { return nil }
func (v slowView) Remove(string) error          { return nil }
func (v slowView) SyncResult(t sim.Timer) error { return v.p.SyncResult(t) }
func (v slowView) Sync() error {
	if !v.p.Sync(10*ms, uint64(len(v.d.view)), v.d.err) {
		return sim.ErrVoid
	}
	return v.d.err
}
func (v slowView) StartSync(done sim.Timer) {
	v.p.StartSync(10*ms, uint64(len(v.d.view)), v.d.err, done)
}

type slowFile struct{ slowView }

func (f slowFile) Name() string                      { return "log" }
func (f slowFile) Size() int64                       { return int64(len(f.d.view)) }
func (f slowFile) WriteAt([]byte, int64) error       { return nil }
func (f slowFile) ReadAt([]byte, int64) (int, error) { return 0, nil }
func (f slowFile) Truncate(int64) error              { return nil }
func (f slowFile) Append(p []byte) error {
	if !f.p.Write(p) {
		return sim.ErrVoid
	}
	f.d.view = append(f.d.view, string(p))
	return nil
}

func appendSync(env sim.Env, text string) error {
	if err := env.Disk().Open("log").Append([]byte(text)); err != nil {
		return err
	}
	return env.Disk().Sync()
}

// A handler runs to completion, and its effects leave in program order, each
// at the handler's start plus its cost so far.
func TestEffectsLeaveInProgramOrderAtTheirDeparture(t *testing.T) {
	w, j := pair(t, &script{start: func(env sim.Env) {
		env.Send(2, "before")
		assert.Equal(t, at(0), env.Now())
		require.NoError(t, appendSync(env, "a"))
		assert.Equal(t, at(10*ms), env.Now(), "Now belongs to the later departure")
		assert.Equal(t, 10*ms, env.Elapsed())
		env.Send(2, "after one")
		require.NoError(t, appendSync(env, "b"))
		env.Send(2, "after two")
	}})
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, []string{"0.001s n1 before", "0.011s n1 after one", "0.021s n1 after two"}, j.lines)
}

// Steps tell when their packet departed, whatever step had it sent.
func TestStepsTellDepartures(t *testing.T) {
	var seen departures
	w := sim.New(sim.Config{Disk: func(sim.NodeID) sim.Storage { return &slowDisk{} }, Observer: &seen})
	defer w.Close()
	w.Add(node(&script{start: func(env sim.Env) {
		env.Send(2, "before")
		require.NoError(t, appendSync(env, "a"))
		env.Send(2, "after")
	}}))
	w.Add((&journal{}).witness())
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, departures{"deliver before 0.000s", "sync <nil> 0.000s", "deliver after 0.010s"}, seen)
}

type departures []string

func (d *departures) Step(s *sim.Step) {
	if s.Kind != sim.KindBoot {
		*d = append(*d, fmt.Sprintf("%s %v %s", s.Kind, s.Payload, s.Sent))
	}
}
func (*departures) Log(sim.NodeID, string)          {}
func (*departures) Settled(uint64, sim.NodeID, any) {}

// Packets and timers queue while a node is busy, and arrive when its last
// effect has left.
func TestABusyNodeLetsInputsQueue(t *testing.T) {
	j := &journal{}
	w := sim.New(sim.Config{Disk: func(sim.NodeID) sim.Storage { return &slowDisk{} }})
	defer w.Close()
	w.Add(node(&script{
		start: func(env sim.Env) {
			env.SetTimer(sim.Timer{Name: "early"}, 2*ms)
			env.SetTimer(sim.Timer{Name: "stopped"}, 3*ms)
			require.NoError(t, appendSync(env, "a"))
		},
		receive: func(env sim.Env, from sim.NodeID, msg sim.Message) {
			j.add(env, "%v", msg)
			env.StopTimer(sim.Timer{Name: "stopped"})
			require.NoError(t, appendSync(env, "b"))
		},
		timeout: func(env sim.Env, tm sim.Timer) { j.add(env, "%v", tm) },
	}))
	w.Add(node(&script{start: func(env sim.Env) { env.Send(1, "x"); env.Send(1, "y") }}))
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, []string{"0.010s x", "0.020s y", "0.030s early"}, j.lines)
}

// A crash at effect k keeps the effects before k and loses the rest, disk
// writes included.
func TestACrashBetweenEffectsKeepsWhatLeftBefore(t *testing.T) {
	for k, want := range map[int]struct {
		sent []string
		disk []string
	}{
		1: {nil, nil},
		2: {[]string{"0.001s n1 one"}, nil},
		3: {[]string{"0.001s n1 one"}, nil}, // appended, but not synced
		4: {[]string{"0.001s n1 one"}, []string{"a"}},
		5: {[]string{"0.001s n1 one", "0.011s n1 two"}, []string{"a"}},
		6: {[]string{"0.001s n1 one", "0.011s n1 two"}, []string{"a"}},
	} {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			j := &journal{}
			disk := &slowDisk{}
			w := sim.New(sim.Config{Disk: func(sim.NodeID) sim.Storage { return disk }})
			defer w.Close()
			w.Add(node(&script{receive: func(env sim.Env, _ sim.NodeID, _ sim.Message) {
				env.Send(2, "one")
				appendSync(env, "a") // two effects
				env.Send(2, "two")
				env.Disk().Open("log").Append([]byte("b"))
				env.Send(2, "three")
			}}))
			w.Add(j.witness())
			w.RunUntil(0)
			w.CrashAtEffect(1, k)
			w.Do(2, func(env sim.Env) { env.Send(1, "go") })
			w.At(at(500*ms), func() { assert.False(t, w.Up(1)) })
			require.True(t, w.RunUntil(at(time.Second)))
			for i, line := range want.sent { // all times are 1 ms later: the request's way
				want.sent[i] = strings.NewReplacer("0.001s", "0.002s", "0.011s", "0.012s").Replace(line)
			}
			assert.Equal(t, want.sent, j.lines)
			assert.Equal(t, want.disk, append([]string(nil), disk.view...))
		})
	}
}

// State runs ahead, outputs wait: a handler reads its own pending writes, the
// disk sees them at their departure.
func TestStateRunsAheadOfTheDisk(t *testing.T) {
	disk := &slowDisk{}
	w := sim.New(sim.Config{Disk: func(sim.NodeID) sim.Storage { return disk }})
	defer w.Close()
	w.Add(node(&script{start: func(env sim.Env) {
		require.NoError(t, appendSync(env, "a"))
		require.NoError(t, appendSync(env, "b"))
		assert.EqualValues(t, 2, env.Disk().Open("log").Size())
	}}))
	w.At(at(15*ms), func() { w.Crash(1) })
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, []string{"a"}, disk.view, "the write of b left at 10 ms, its sync at 20 ms")
}

// A crash while effects are pending loses them; also the write that has not
// left, which no crash mode of a disk may keep.
func TestACrashLosesPendingEffects(t *testing.T) {
	w, j := pair(t, &script{start: func(env sim.Env) {
		appendSync(env, "a")
		env.Send(2, "late")
	}})
	w.At(at(5*ms), func() { w.Crash(1) })
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Empty(t, j.lines)
	assert.EqualValues(t, 0, w.Count(sim.KindSync))
}

// A pause at effect k holds the rest: this is how a pause gets between "I hold
// the lease" and "so I write".
func TestAPauseBetweenEffectsHoldsTheRest(t *testing.T) {
	w, j := pair(t, &script{receive: func(env sim.Env, _ sim.NodeID, _ sim.Message) {
		lease := env.Now()
		env.Send(2, fmt.Sprintf("I hold it at %s", lease))
		env.Send(2, "so I write")
		assert.Equal(t, lease.Add(300*ms), env.Now(), "the clock has moved on")
	}})
	w.RunUntil(0)
	w.PauseAtEffect(1, 2, 300*ms)
	w.Do(2, func(env sim.Env) { env.Send(1, "go") })
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, []string{"0.002s n1 I hold it at 0.001s", "0.302s n1 so I write"}, j.lines)
	assert.EqualValues(t, 1, w.Count(sim.KindPause))
	assert.EqualValues(t, 1, w.Count(sim.KindResume))
}

// Pausing a node stops it, not the world: what arrives queues and comes in a
// burst, and effects that had not left wait.
func TestAPausedNodeGetsItsInputsInABurst(t *testing.T) {
	j := &journal{}
	w := sim.New(sim.Config{Disk: func(sim.NodeID) sim.Storage { return &slowDisk{} }})
	defer w.Close()
	w.Add(node(&script{
		start: func(env sim.Env) {
			env.SetTimer(sim.Timer{Name: "tick"}, 50*ms)
			appendSync(env, "a")
			env.Send(2, "held")
		},
		receive: func(env sim.Env, _ sim.NodeID, msg sim.Message) { j.add(env, "n1 got %v", msg) },
		timeout: func(env sim.Env, tm sim.Timer) { j.add(env, "n1 timer %v", tm) },
	}))
	w.Add(j.witness())
	w.At(at(5*ms), func() {
		w.Pause(1)
		w.Pause(1) // pauses nest
	})
	for i := range 3 {
		w.At(at(time.Duration(20+20*i)*ms), func() { w.Do(2, func(env sim.Env) { env.Send(1, i) }) })
	}
	w.At(at(100*ms), func() { w.Resume(1) })
	w.At(at(200*ms), func() { assert.True(t, w.Paused(1)); w.Resume(1); assert.False(t, w.Paused(1)) })
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, []string{
		"0.200s n1 got 0", "0.200s n1 got 1", "0.200s n1 timer tick", "0.200s n1 got 2", "0.201s n1 held",
	}, j.lines)
}

// An Env belongs to one incarnation and is void after it.
func TestAnEnvIsVoidAfterItsIncarnation(t *testing.T) {
	var old sim.Env
	boots := 0
	j := &journal{}
	w := sim.New(sim.Config{Disk: func(sim.NodeID) sim.Storage { return &slowDisk{} }})
	defer w.Close()
	w.Add(func(sim.NodeID) sim.Node {
		boots++
		fields := 0 // memory is lost by construction
		return &script{
			start: func(env sim.Env) {
				if old == nil {
					old = env
					env.SetTimer(sim.Timer{Name: "lost"}, 50*ms)
				}
				fields++
				assert.Equal(t, 1, fields)
			},
			timeout: func(env sim.Env, tm sim.Timer) { j.add(env, "n1 %v", tm) },
		}
	})
	w.Add(j.witness())
	w.At(at(10*ms), func() {
		assert.True(t, w.Crash(1))
		assert.False(t, w.Crash(1))
		assert.True(t, w.Restart(1))
		assert.False(t, w.Restart(1))
	})
	w.At(at(20*ms), func() {
		file := old.Disk
		now := old.Now()
		w.Clock(1, func(s *clock.Skew, _ clock.Time) { s.Jump(time.Second) })
		assert.Equal(t, now, old.Now(), "its clocks are the next life's")
		old.Send(2, "ghost")
		old.Emit("ghost")
		old.SetTimer(sim.Timer{Name: "ghost"}, 0)
		_ = file
	})
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, 2, boots)
	assert.Empty(t, j.lines, "no packet, no timer")
	assert.EqualValues(t, 0, w.Count(sim.KindFact))
}

// Each point around a sync can be crashed at.
func TestCrashesAroundASync(t *testing.T) {
	for when, want := range map[sim.SyncPoint]struct {
		down clock.Time
		disk int
	}{
		sim.BeforeSync: {at(0), 0}, sim.InsideSync: {at(5 * ms), 0}, sim.AfterSync: {at(10 * ms), 1},
	} {
		disk := &slowDisk{}
		w := sim.New(sim.Config{Disk: func(sim.NodeID) sim.Storage { return disk }})
		w.Add(node(&script{}))
		j := &journal{}
		w.Add(j.witness())
		w.RunUntil(0)
		w.CrashAtSync(1, when)
		w.Do(1, func(env sim.Env) {
			appendSync(env, "a")
			env.Send(2, "ack")
		})
		for w.Up(1) && w.Step() {
		}
		assert.Equal(t, want.down, w.Now(), "%d", when)
		w.RunUntil(at(time.Second))
		assert.Len(t, disk.view, want.disk, "%d", when)
		assert.Empty(t, j.lines)
		w.Close()
	}
}

// StartSync does not delay: its completion is a timeout, its outcome is known
// from then on.
func TestABackgroundSyncCompletesAsATimeout(t *testing.T) {
	disk := &slowDisk{}
	j := &journal{}
	done := sim.Timer{Name: "synced", Key: 7}
	w := sim.New(sim.Config{Disk: func(sim.NodeID) sim.Storage { return disk }})
	defer w.Close()
	w.Add(node(&script{
		start: func(env sim.Env) {
			before := env.Now()
			env.Disk().Open("log").Append([]byte("a"))
			env.Disk().StartSync(done)
			env.Disk().Open("log").Append([]byte("b")) // not covered
			env.Send(2, "meanwhile")
			assert.Equal(t, before, env.Now())
		},
		timeout: func(env sim.Env, tm sim.Timer) {
			j.add(env, "%v %v", tm, env.Disk().SyncResult(tm))
		},
	}))
	w.Add(j.witness())
	w.At(at(20*ms), func() { w.Crash(1) })
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, []string{"0.001s n1 meanwhile", "0.010s synced/7 <nil>"}, j.lines)
	assert.Equal(t, []string{"a"}, disk.view)

	disk.err = sim.ErrIO
	j.lines = nil
	w.At(w.Now(), func() { w.Restart(1) })
	require.True(t, w.RunUntil(at(2*time.Second)))
	assert.Equal(t, "1.010s synced/7 input/output error", j.lines[1])
}

// The background sync begins when it departs: a pause that holds the writes
// before it holds it too.
func TestABackgroundSyncCoversWhatHasDeparted(t *testing.T) {
	disk := &slowDisk{}
	w := sim.New(sim.Config{Disk: func(sim.NodeID) sim.Storage { return disk }})
	defer w.Close()
	w.Add(node(&script{start: func(env sim.Env) {
		appendSync(env, "a") // departs at 10 ms
		env.Disk().Open("log").Append([]byte("b"))
		env.Disk().StartSync(sim.Timer{Name: "done"})
	}}))
	w.At(at(5*ms), func() { w.Pause(1) })
	w.At(at(50*ms), func() { w.Crash(1) })
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Empty(t, disk.view)
	assert.EqualValues(t, 0, w.Count(sim.KindSync))
}

// A failed sync returns its error at once; it still takes its time, and nothing
// becomes durable.
func TestAFailedSyncIsKnownAtOnce(t *testing.T) {
	disk := &slowDisk{err: sim.ErrIO}
	w := sim.New(sim.Config{Disk: func(sim.NodeID) sim.Storage { return disk }})
	defer w.Close()
	w.Add(node(&script{start: func(env sim.Env) {
		assert.ErrorIs(t, appendSync(env, "a"), sim.ErrIO)
		assert.Equal(t, at(10*ms), env.Now())
	}}))
	w.RunUntil(at(time.Second))
	w.Crash(1)
	assert.Empty(t, disk.view)
}

// A handler may cost time.
func TestHandlersCostWhatTheCostFunctionSays(t *testing.T) {
	w, j := pair(t, &script{receive: func(env sim.Env, _ sim.NodeID, msg sim.Message) {
		env.Send(2, fmt.Sprintf("%v at %s", msg, env.Now()))
	}})
	w.RunUntil(0)
	w.Cost(1, func(k sim.Kind, payload any) time.Duration {
		assert.Equal(t, sim.KindDeliver, k)
		return time.Duration(payload.(int)) * ms
	})
	w.Do(2, func(env sim.Env) {
		for i := range 3 {
			env.Send(1, 10*i)
		}
	})
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, []string{"0.002s n1 0 at 0.001s", "0.012s n1 10 at 0.011s", "0.032s n1 20 at 0.031s"}, j.lines)
}

// Setting a timer again replaces it, to earlier or later; timers of different
// keys are different.
func TestTimersAreReplaced(t *testing.T) {
	j := &journal{}
	w := sim.New(sim.Config{})
	tick := func(k uint64) sim.Timer { return sim.Timer{Name: "tick", Key: k} }
	w.Add(node(&script{
		start: func(env sim.Env) {
			env.SetTimer(tick(1), 10*ms)
			env.SetTimer(tick(1), 30*ms) // later
			env.SetTimer(tick(2), 30*ms)
			env.SetTimer(tick(2), 10*ms) // earlier
			env.SetTimer(tick(3), 10*ms)
			env.StopTimer(tick(3))
			env.SetTimer(tick(4), 10*ms)
			env.StopTimer(tick(4))
			env.SetTimer(tick(4), 20*ms) // on again
			env.SetTimer(tick(5), -ms)
		},
		timeout: func(env sim.Env, tm sim.Timer) { j.add(env, "%v", tm) },
	}))
	require.True(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, []string{"0.000s tick/5", "0.010s tick/2", "0.020s tick/4", "0.030s tick/1"}, j.lines)
}

// Many timers of one node are kept apart, and forgotten ones make room.
func TestManyTimers(t *testing.T) {
	fired := map[uint64]int{}
	w := sim.New(sim.Config{})
	w.Add(node(&script{
		start: func(env sim.Env) { env.SetTimer(sim.Timer{Name: "next"}, 0) },
		timeout: func(env sim.Env, tm sim.Timer) {
			fired[tm.Key]++
			if tm.Name == "next" && tm.Key < 1000 {
				for i := range uint64(3) {
					env.SetTimer(sim.Timer{Name: "x", Key: 10_000 + 3*tm.Key + i}, time.Duration(1+i)*50*ms)
				}
				env.StopTimer(sim.Timer{Name: "x", Key: 10_000 + 3*tm.Key})
				env.SetTimer(sim.Timer{Name: "next", Key: tm.Key + 1}, ms)
			}
		},
	}))
	require.True(t, w.RunUntil(at(10*time.Second)))
	for k := range uint64(3000) {
		want := 1
		if k%3 == 0 {
			want = 0 // stopped
		}
		require.Equal(t, want, fired[10_000+k], "%d", k)
	}
}

// Timers run on the monotonic clock: drift and freeze move them, jumps do not.
func TestTimersFollowTheMonotonicClock(t *testing.T) {
	fire := func(change func(s *clock.Skew, now clock.Time), thaw time.Duration) clock.Time {
		var fired clock.Time
		w := sim.New(sim.Config{})
		w.Add(node(&script{
			start:   func(env sim.Env) { env.SetTimer(sim.Timer{Name: "t"}, 100*ms) },
			timeout: func(sim.Env, sim.Timer) { fired = w.Now() },
		}))
		w.At(at(50*ms), func() { w.Clock(1, change) })
		if thaw > 0 {
			w.At(at(thaw), func() { w.Clock(1, func(s *clock.Skew, now clock.Time) { s.Thaw(now) }) })
		}
		require.True(t, w.RunUntil(at(10*time.Second)))
		return fired
	}
	assert.Equal(t, at(100*ms), fire(func(s *clock.Skew, now clock.Time) { s.Jump(time.Hour) }, 0))
	assert.Equal(t, at(75*ms), fire(func(s *clock.Skew, now clock.Time) { s.SetDrift(now, 1_000_000) }, 0))
	assert.Equal(t, at(150*ms), fire(func(s *clock.Skew, now clock.Time) { s.SetDrift(now, -500_000) }, 0))
	assert.Equal(t, at(0), fire(func(s *clock.Skew, now clock.Time) { s.Freeze(now) }, 0))
	assert.Equal(t, at(350*ms), fire(func(s *clock.Skew, now clock.Time) { s.Freeze(now) }, 300*ms))
}

// A panic in a handler is a finding, with its node and step.
func TestAPanicIsAFinding(t *testing.T) {
	w, _ := pair(t, &script{receive: func(sim.Env, sim.NodeID, sim.Message) { panic("index out of range") }})
	w.RunUntil(0)
	w.Do(2, func(env sim.Env) { env.Send(1, "boom") })
	assert.False(t, w.RunUntil(at(time.Second)))
	v := w.Violation()
	require.NotNil(t, v)
	assert.Equal(t, sim.PropertyNoPanic, v.Property)
	assert.Equal(t, "index out of range", v.Detail)
	assert.Equal(t, sim.NodeID(1), v.Node)
	assert.Equal(t, w.Steps(), v.Step)
	assert.Equal(t, at(ms), v.At)
	assert.Contains(t, v.Stack, "TestAPanicIsAFinding")
	assert.False(t, w.Step(), "the run is over")
}

// A node that sets zero-length timers for ever runs into the step budget.
func TestTheStepBudgetEndsARun(t *testing.T) {
	tick := func(env sim.Env) { env.SetTimer(sim.Timer{Name: "now"}, 0) }
	w := sim.New(sim.Config{MaxSteps: 1000})
	w.Add(node(&script{start: tick, timeout: func(env sim.Env, _ sim.Timer) { tick(env) }}))
	assert.False(t, w.RunUntil(at(time.Second)))
	require.NotNil(t, w.Violation())
	assert.Equal(t, sim.PropertyStepBudget, w.Violation().Property)
	assert.Equal(t, "1000 steps by 0.000s; n1 took the last", w.Violation().Detail)
}

// The first violation stops the run at its exact step: what the handler does
// after it does not happen.
func TestAViolationStopsAtItsStep(t *testing.T) {
	w, j := pair(t, &script{start: func(env sim.Env) {
		env.Emit("fine")
		env.Emit("bad")
		env.Emit("never seen")
		env.Send(2, "never sent")
	}})
	w.Watch(func(s *sim.Step) {
		if s.Payload == "bad" {
			w.Fail("no bad fact", "it is bad")
			w.Fail("second", "does not count")
		}
	})
	assert.False(t, w.RunUntil(at(time.Second)))
	assert.Equal(t, "no bad fact", w.Violation().Property)
	assert.EqualValues(t, 3, w.Violation().Step, "boot, fine, bad")
	assert.EqualValues(t, 3, w.Steps())
	assert.Empty(t, j.lines)
}

// Lamport clocks count along messages.
func TestLamportClocksAreAlwaysOn(t *testing.T) {
	var facts []uint64
	w, _ := pair(t, &script{receive: func(env sim.Env, _ sim.NodeID, _ sim.Message) { env.Emit("got") }})
	w.Watch(func(s *sim.Step) { facts = append(facts, s.Lamport) })
	w.RunUntil(0)
	for i := range 3 {
		w.At(at(time.Duration(i)*10*ms), func() {
			w.Do(2, func(env sim.Env) { env.Send(1, "x") })
		})
	}
	require.True(t, w.RunUntil(at(time.Second)))
	require.Len(t, facts, 3)
	assert.Less(t, facts[0], facts[1])
	assert.Less(t, facts[1], facts[2])
}

// Packets of one origin that arrive at one instant keep their order; those of
// different origins are ordered by the seed, differently at each instant.
func TestTiesKeepOneOriginsOrder(t *testing.T) {
	orders := map[string]bool{}
	for seed := range uint64(20) {
		j := &journal{}
		w := sim.New(sim.Config{Seed: seed})
		w.Add(j.witness())
		for range 3 {
			w.Add(node(&script{
				start:   func(env sim.Env) { env.Send(1, 1); env.Send(1, 2); env.SetTimer(sim.Timer{Name: "again"}, 10*ms) },
				timeout: func(env sim.Env, _ sim.Timer) { env.Send(1, 3); env.Send(1, 4) },
			}))
		}
		require.True(t, w.RunUntil(at(time.Second)))
		require.Len(t, j.lines, 12)
		for _, id := range []string{"n2", "n3", "n4"} {
			var own []string
			for _, l := range j.lines {
				if strings.Contains(l, id) {
					own = append(own, l[len(l)-1:])
				}
			}
			assert.Equal(t, []string{"1", "2", "3", "4"}, own)
		}
		orders[strings.Join(j.lines[:6], ",")] = true
		first, second := j.lines[0][7:9], j.lines[6][7:9]
		orders[fmt.Sprint(first == second)] = true
	}
	assert.Greater(t, len(orders), 5, "the seed decides")
	assert.True(t, orders["true"] && orders["false"], "no origin always comes first")
}

// Histories number invocations and returns by steps; an incarnation that ends
// leaves its operation pending.
func TestHistories(t *testing.T) {
	w := sim.New(sim.Config{})
	defer w.Close()
	w.Add(func(sim.NodeID) sim.Node {
		return sim.Spawn(func(p *sim.Proc) {
			a := p.Op("a")
			p.Sleep(10 * ms)
			a.OK(1)
			a.Fail() // the first completion stands
			b := p.Op("b")
			p.Sleep(10 * ms)
			b.Fail()
			c := p.Op("c")
			c.Info()
			p.Op("d")
			p.Sleep(time.Hour)
		})
	})
	w.At(at(50*ms), func() { w.Crash(1) })
	require.True(t, w.RunUntil(at(time.Second)))
	h := w.History()
	require.Len(t, h, 4)
	for i, want := range []sim.Op{
		{ID: 0, Client: 1, Input: "a", Output: 1, Outcome: sim.OK, Call: 2, Return: 4, Invoked: 0, Ended: at(10 * ms)},
		{ID: 1, Client: 1, Input: "b", Outcome: sim.Fail, Call: 5, Return: 7, Invoked: at(10 * ms), Ended: at(20 * ms)},
		{ID: 2, Client: 1, Input: "c", Outcome: sim.Info, Call: 8, Return: 9, Invoked: at(20 * ms), Ended: at(20 * ms)},
		{ID: 3, Client: 1, Input: "d", Call: 10, Invoked: at(20 * ms)},
	} {
		assert.Equal(t, want, *h[i])
	}
}
