package trace_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// jsonStep is a line of PrintJSON, read back.
type jsonStep struct {
	Step, Packet, Cause, Lamport uint64
	AtNS                         clock.Time `json:"at_ns"`
	Kind, Node, Peer, Text       string
	Incarnation                  uint32
	State                        []trace.Change
	Log                          []struct{ Node, Text string }
}

// parse reads steps from lines of JSON, which are what PrintJSON prints but for what is left out.
func parse(t require.TestingT, h trace.Header, lines string) (steps []trace.Step) {
	id := func(name string) sim.NodeID {
		for i := range sim.NodeID(10) {
			if h.Name(i) == name {
				return i
			}
		}
		return sim.Nobody
	}
	for line := range strings.Lines(lines) {
		var j jsonStep
		require.NoError(t, json.Unmarshal([]byte(line), &j), line)
		s := trace.Step{Text: j.Text, Changes: j.State}
		s.N, s.At, s.Node, s.Peer = j.Step, j.AtNS, id(j.Node), id(j.Peer)
		s.Packet, s.Cause, s.Lamport, s.Incarnation = j.Packet, j.Cause, j.Lamport, j.Incarnation
		for k := range sim.Kind(64) {
			if k.String() == j.Kind {
				s.Kind = k
			}
		}
		for _, l := range j.Log {
			s.Logs = append(s.Logs, trace.Log{Node: id(l.Node), Text: l.Text})
		}
		steps = append(steps, s)
	}
	return steps
}

func printed(t require.TestingT, r *trace.Reader, first, last uint64) string {
	var out bytes.Buffer
	require.NoError(t, trace.Print(&out, r.Header(), r.Window(first, last)))
	return out.String()
}

func TestPrintGolden(t *testing.T) {
	datadriven.RunTest(t, "testdata/print.txt", func(t *testing.T, d *datadriven.TestData) string {
		switch d.Cmd {
		case "print": // steps as JSON lines
			steps := parse(t, header, d.Input)
			var out, back bytes.Buffer
			require.NoError(t, trace.Print(&out, header, trace.Steps(steps...)))
			require.NoError(t, trace.PrintJSON(&back, header, trace.Steps(steps...)))
			require.Equal(t, steps, parse(t, header, back.String()))
			return out.String()
		case "ring": // a world of three nodes
			var first, last uint64
			d.ScanArgs(t, "steps", &first, &last)
			r := opened(t, recordRing(t, clock.Time(50*time.Millisecond)))
			if d.HasArg("json") {
				var out bytes.Buffer
				require.NoError(t, trace.PrintJSON(&out, r.Header(), r.Window(first, last)))
				return out.String()
			}
			return printed(t, r, first, last)
		}
		d.Fatalf(t, "what is %s?", d.Cmd)
		return ""
	})
}

// Traces of this format stay readable. If this fails, the format needs another number.
func TestFormatIsPinned(t *testing.T) {
	const path = "testdata/format2.trace"
	require.Equal(t, 2, trace.Format)
	if os.Getenv("TRACE_WRITE_PINNED") != "" {
		h := header
		h.Build = trace.Build{Module: "example.com/m@v1", Revision: "abc", Go: "go1.26", Arch: "amd64"}
		var kinds []trace.Step
		for k := range sim.Kind(16) {
			kinds = append(kinds, trace.Step{Step: sim.Step{N: uint64(k + 1), Kind: k, Node: 1, Peer: 6, Lamport: 3}})
		}
		require.NoError(t, os.WriteFile(path, written(t, h, trace.Outcome{Hash: 5, Verdict: "valid"}, kinds...), 0o644))
	}
	f, err := trace.OpenFile(path)
	require.NoError(t, err)
	defer f.Close()
	text, err := json.Marshal(f.Header())
	require.NoError(t, err)
	require.JSONEq(t, `{"seed":"18446744073709551615","scenario":"raft/kv","plan":{"seed":"4711"},"names":{"6":"c1"},
		"module":"example.com/m@v1","revision":"abc","go":"go1.26","arch":"amd64",
		"steps":16,"hash":"5","verdict":"valid"}`, string(text))
	var kinds []string
	for s, err := range f.All() {
		require.NoError(t, err)
		require.Equal(t, sim.NodeID(6), s.Peer)
		kinds = append(kinds, s.Kind.String())
	}
	require.Equal(t, []string{"?", "deliver", "drop", "timer", "boot", "crash", "pause", "resume", "sync", "fact", "fault",
		"invoke", "return"}, kinds[:13], "new kinds go behind these")
}

// Columns stay aligned over a long trace, and errors come after what was read.
func TestPrintInPieces(t *testing.T) {
	r := opened(t, written(t, header, trace.Outcome{}, ticks(1000)...))
	text := printed(t, r, 1, 1000)
	require.Equal(t, 1000, strings.Count(text, "\n"))
	require.Contains(t, text, "\n1000  0.999s  n1  timer  tick\n")

	failing := func(yield func(trace.Step, error) bool) {
		if yield(ticks(1)[0], nil) {
			yield(trace.Step{}, sim.ErrIO)
		}
	}
	var out bytes.Buffer
	require.ErrorIs(t, trace.Print(&out, header, failing), sim.ErrIO)
	require.Equal(t, "1  0.000s  n1  timer  tick\n", out.String())
	out.Reset()
	require.ErrorIs(t, trace.PrintJSON(&out, header, failing), sim.ErrIO)
	require.Equal(t, `{"step":1,"at_ns":0,"kind":"timer","node":"n1","incarnation":1,"text":"tick"}`+"\n", out.String())
}
