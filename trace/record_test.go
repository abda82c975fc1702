package trace_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// ring passes a token round, and says so.
type ring struct {
	next  sim.NodeID
	term  uint64
	seen  map[sim.NodeID]uint64
	log   []pass
	inner *part
	env   sim.Env
}

type part struct{ Passes int }

type pass struct {
	Term uint64
	By   sim.NodeID
}

func (r *ring) Start(env sim.Env) {
	r.env, r.seen, r.inner = env, make(map[sim.NodeID]uint64), &part{}
	if env.ID() == 1 {
		env.SetTimer(sim.Timer{Name: "start"}, time.Millisecond)
	}
}

func (r *ring) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	p := msg.(pass)
	r.term = p.Term
	r.seen[from]++
	r.log = append(r.log, p)
	r.inner.Passes++
	env.Logf("token %d", p.Term)
	env.Emit(p)
	env.Send(r.next, pass{p.Term + 1, env.ID()})
}

func (r *ring) Timeout(env sim.Env, _ sim.Timer) { env.Send(r.next, pass{1, env.ID()}) }

func recordRing(t require.TestingT, until clock.Time) []byte {
	var buf bytes.Buffer
	r, err := trace.NewRecorder(&buf, trace.Header{Seed: 7, Scenario: "ring", Names: map[sim.NodeID]string{3: "c1"}})
	require.NoError(t, err)
	w := sim.New(sim.Config{Seed: 7, Observer: r})
	for i := range 3 {
		w.Add(func(sim.NodeID) sim.Node { return &ring{next: sim.NodeID(i+1)%3 + 1} })
	}
	w.At(clock.Time(10*time.Millisecond), func() { w.Crash(2); w.Restart(2) })
	require.True(t, w.RunUntil(until))
	w.Close()
	require.NoError(t, r.Close(trace.Outcome{Hash: w.Hash(), Verdict: "valid"}))
	return buf.Bytes()
}

func TestRecordedRunsAreEqual(t *testing.T) {
	a := recordRing(t, clock.Time(time.Second))
	require.Equal(t, a, recordRing(t, clock.Time(time.Second)))
	var out bytes.Buffer
	r := opened(t, a)
	require.NoError(t, trace.Print(&out, r.Header(), r.Window(0, 40)))
	t.Log("\n" + out.String())
	out.Reset()
	require.NoError(t, trace.PrintJSON(&out, r.Header(), r.Window(0, 20)))
	t.Log("\n" + out.String())
}
