package scenarios_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

var update = flag.Bool("update", false, "rewrite the expected texts in testdata")

// golden compares a text with the one that testdata has of this name.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o666))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), text)
}

// confirm runs a plan, which is to fail, and confirms that.
func confirm(t *testing.T, s *scenarios.Scenario, p nemesis.Plan) *scenarios.Failure {
	t.Helper()
	r := s.Run(p, scenarios.Options{})
	require.False(t, r.Expected, r.Line())
	f, err := s.Confirm(&r)
	require.NoError(t, err)
	return f
}

func failureText(t *testing.T, f *scenarios.Failure) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, f.Write(&b, "repeat it like this"))
	return places.ReplaceAllString(addresses.ReplaceAllString(b.String(), "(…)"), "…/${1}:…")
}

// places and addresses are what differs in stacks from machine to machine.
var (
	places    = regexp.MustCompile(`/\S+/([^/\s]+\.go):\d+( \+0x[0-9a-f]+)?`)
	addresses = regexp.MustCompile(`\([^()\s]*0x[0-9a-f][^()]*\)`)
)

func TestFailureTexts(t *testing.T) {
	online, offline, unknown := ring(), register("toy/register", 0), register("toy/undecided", 1)
	panics, nothing, unsteady := outOfRange(), named("toy/nothing"), unsteady()
	for _, c := range []struct {
		name string
		s    *scenarios.Scenario
		p    nemesis.Plan
	}{
		{"online", online, ringPlan(online)},
		{"offline", offline, toyPlan(offline, 2)},
		{"unknown", unknown, toyPlan(unknown, 2)},
		{"nothing", nothing, toyPlan(nothing, 0)},
		{"panic", panics, toyPlan(panics, 0)},
		{"determinism", unsteady, toyPlan(unsteady, 0)},
	} {
		t.Run(c.name, func(t *testing.T) { golden(t, c.name, failureText(t, confirm(t, c.s, c.p))) })
	}
}

// A recording names the operations that show its violation by the steps at which they were invoked; one that is online, and
// about no operations, names none.
func TestRecordingsNameOperations(t *testing.T) {
	ops := func(s *scenarios.Scenario, p nemesis.Plan) []uint64 {
		var file bytes.Buffer
		_, err := s.Record(p, scenarios.Options{}, &file)
		require.NoError(t, err)
		r, err := trace.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
		require.NoError(t, err)
		require.NotEmpty(t, r.Header().Property)
		return r.Header().Ops
	}
	offline, online := register("toy/register", 0), ring()
	require.Equal(t, []uint64{7, 11}, ops(offline, toyPlan(offline, 2))) // as testdata/offline.golden has them
	require.Empty(t, ops(online, ringPlan(online)))
}

func TestConfirm(t *testing.T) {
	s := ring()
	f := confirm(t, s, ringPlan(s))
	require.Nil(t, f.Divergence)
	require.Equal(t, outcomeOf(f.First), outcomeOf(f.Again))
	require.NotZero(t, f.Again.DeepHash)
	file, err := trace.Open(bytes.NewReader(f.Trace), int64(len(f.Trace)))
	require.NoError(t, err)
	require.Equal(t, f.First.Hash, file.Header().Hash)
	require.Equal(t, f.First.Line(), file.Header().Verdict)
}

// A run that was stopped is confirmed up to where it was.
func TestConfirmStopped(t *testing.T) {
	s := ring()
	first := s.Run(ringPlan(s), scenarios.Options{UntilStep: 12})
	require.True(t, first.Stopped)
	f, err := s.Confirm(&first)
	require.NoError(t, err)
	require.Nil(t, f.Divergence)
	require.Equal(t, outcomeOf(first), outcomeOf(f.Again))
	var b strings.Builder
	require.NoError(t, f.WriteLast(&b, first.Steps))
	require.Regexp(t, `(?m)^ *12  0\.800s  n1  timer  pass$`, b.String())
}

// What is printed of a run is what a step can depend on: of who sent a packet, what it did before that left.
func TestWriteLastIsTheCausalPast(t *testing.T) {
	var file bytes.Buffer
	w, err := trace.NewWriter(&file, trace.Header{})
	require.NoError(t, err)
	for i, s := range []trace.Step{
		{Step: sim.Step{At: 1, Kind: sim.KindTimer, Node: 1}, Text: "tick"},
		{Step: sim.Step{At: 1, Kind: sim.KindFact, Node: 1, Cause: 1}, Text: "Asks"},
		{Step: sim.Step{At: 3, Kind: sim.KindSync, Node: 1, Cause: 1}},
		{Step: sim.Step{At: 3, Kind: sim.KindFact, Node: 1, Cause: 1}, Text: "Keeps"},
		{Step: sim.Step{At: 4, Kind: sim.KindDeliver, Node: 2, Peer: 1, Packet: 1, Cause: 1, Sent: 1}, Text: "ask"},
		{Step: sim.Step{At: 5, Kind: sim.KindDrop, Node: 2, Peer: 1, Packet: 2, Cause: 1, Sent: 3}, Text: "kept"},
	} {
		s.N, s.Incarnation = uint64(i+1), 1
		require.NoError(t, w.Write(&s))
	}
	require.NoError(t, w.Close(trace.Outcome{}))
	f := scenarios.Failure{Trace: file.Bytes()}
	last := func(step uint64) string {
		var b strings.Builder
		require.NoError(t, f.WriteLast(&b, step))
		return b.String()
	}
	require.Equal(t, `  1  0.000s  n1  timer    tick
  2  0.000s  n1  fact     Asks
  5  0.000s  n2  deliver  n1 ask
`, last(5))
	require.Equal(t, `  1  0.000s  n1  timer  tick
  2  0.000s  n1  fact   Asks
  4  0.000s  n1  fact   Keeps
  6  0.000s  n2  drop   n1 kept
`, last(6))
}

func TestConfirmUnsteady(t *testing.T) {
	s := unsteady()
	d := confirm(t, s, toyPlan(s, 0)).Divergence
	require.NotNil(t, d)
	require.Equal(t, scenarios.Divergence{
		Step: 8, One: "8 0.102s n2 timer call", Two: "8 0.103s n2 timer call",
	}, *d)
}

// The runs are the same for a while, and one is over before the other.
func TestConfirmShorter(t *testing.T) {
	runs := 0
	s := calls("toy/shorter", func(env sim.Env) {
		if runs > 2 && env.Elapsed() >= time.Second {
			panic("enough")
		}
	})
	build := s.Build
	s.Build = func(r *scenarios.Run) { runs++; build(r) }
	s.Judge = func(r *scenarios.Run) { r.Checks.Always("this is fine").Violatef("it is not") }
	d := confirm(t, s, toyPlan(s, 0)).Divergence
	require.NotNil(t, d)
	require.Regexp(t, `^\d+ 1\.000s n. fact returned$`, d.One)
	require.Equal(t, "the run was over", d.Two)
}

func TestConfirmLeaky(t *testing.T) {
	s := leaky()
	f := confirm(t, s, toyPlan(s, 0))
	require.NotNil(t, f.Divergence)
	require.Zero(t, f.Divergence.Step)
	require.Regexp(t, `^the first run had hash [0-9a-f]{16} after \d+ steps, two runs of its plan had [0-9a-f]{16} after \d+: `+
		`something outlives a run$`, f.Divergence.String())
	require.Contains(t, failureText(t, f), "--- DETERMINISM: toy/leaky  seed=4711  the first run had hash ")
}

// No step tells of a write: the next one is the first that differs, if there is one.
func TestConfirmUnsteadyWrite(t *testing.T) {
	runs := 0
	s := toy("toy/writes", func(r *scenarios.Run) {
		runs++
		r.AddServers(func(sim.NodeID) sim.Node { return writer(strconv.Itoa(runs)) })
	}, func(r *scenarios.Run) { r.Checks.Always("this is fine").Violatef("it is not") })
	p := toyPlan(s, 0)
	d := confirm(t, s, p).Divergence
	require.NotNil(t, d)
	require.Equal(t, "step 5 differs in what does not show, or in what was written to disks before it: 5 1.000s n3 timer pass", d.String())
	p.Nodes = 1
	d = confirm(t, s, p).Divergence
	require.NotNil(t, d)
	require.Equal(t, "all 2 steps are the same, but not what was written to disks after the last of them", d.String())
}

type writer string

func (w writer) Start(env sim.Env)                        { env.SetTimer(passTimer, time.Second) }
func (w writer) Timeout(env sim.Env, _ sim.Timer)         { env.Disk().Open("file").Append([]byte(w)) }
func (w writer) Receive(sim.Env, sim.NodeID, sim.Message) {}
