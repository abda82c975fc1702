package trace_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
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
	run := func() []byte { return recordRing(t, clock.Time(20*time.Second)) }
	require.Equal(t, run(), run())
}

// What is said at one step beyond all measure is cut, and can be read.
func TestRecorderCutsWhatIsTooMuch(t *testing.T) {
	var buf bytes.Buffer
	r, err := trace.NewRecorder(&buf, trace.Header{})
	require.NoError(t, err)
	r.Settled(0, 1, peer{}) // before the first step
	r.Log(1, "nothing")
	r.Step(&sim.Step{N: 1, Kind: sim.KindTimer, Node: 1, Payload: strings.Repeat("x", 1<<20)})
	for i := range 1000 {
		r.Log(1, fmt.Sprintf("line %d\nof many", i))
		r.Settled(1, 1, peer{uint64(2*i + 1), uint64(i)}) // as World.Do may
	}
	r.Step(&sim.Step{N: 2, Kind: sim.KindTimer, Node: 1})
	r.Log(1, strings.Repeat("y", 1<<20))
	r.Settled(2, 1, peer{1, 5})
	r.Step(&sim.Step{N: 3, Kind: sim.KindTimer, Node: 1})
	r.Settled(2, 1, peer{1, 6}) // late
	require.NoError(t, r.Close(trace.Outcome{}))
	require.NoError(t, r.Err())

	steps := read(t, opened(t, buf.Bytes()), 0, 9)
	require.Len(t, steps[0].Text, trace.MaxText)
	require.Len(t, steps[0].Logs, 128)
	require.Equal(t, `line 0\nof many`, steps[0].Logs[0].Text)
	require.Equal(t, "… more lines", steps[0].Logs[127].Text)
	require.Len(t, steps[0].Changes, 1024)
	require.Len(t, steps[1].Logs[0].Text, trace.MaxText)
	require.Equal(t, []string{"Match 1999→1", "Next 999→5", "Next 5→6"}, lines(steps[1].Changes))
}

// A failure to write stops the recording, not the run.
func TestRecorderFails(t *testing.T) {
	var buf limited
	r, err := trace.NewRecorder(&buf, trace.Header{})
	require.NoError(t, err)
	buf.full = true
	w := sim.New(sim.Config{Seed: 7, Observer: r})
	w.Add(func(sim.NodeID) sim.Node { return &ring{next: 1} })
	require.True(t, w.RunUntil(clock.Time(20*time.Second)))
	w.Close()
	require.ErrorIs(t, r.Err(), sim.ErrIO)
	require.ErrorIs(t, r.Close(trace.Outcome{}), sim.ErrIO)
}

// Not all of it written is a failure, even where the writer says nothing.
func TestShortWrites(t *testing.T) {
	_, err := trace.NewWriter(short{}, trace.Header{})
	require.ErrorIs(t, err, io.ErrShortWrite)
}

type short struct{}

func (short) Write(p []byte) (int, error) { return len(p) - 1, nil }

type limited struct{ full bool }

func (l *limited) Write(p []byte) (int, error) {
	if l.full {
		return 0, sim.ErrIO
	}
	return len(p), nil
}
