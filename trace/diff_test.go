package trace_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// traceOf is a trace of steps, numbered anew.
func traceOf(t *testing.T, steps ...trace.Step) *trace.Reader {
	var file bytes.Buffer
	w, err := trace.NewWriter(&file, trace.Header{})
	require.NoError(t, err)
	for i, s := range steps {
		s.N = uint64(i + 1)
		require.NoError(t, w.Write(&s))
	}
	require.NoError(t, w.Close(trace.Outcome{}))
	r, err := trace.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
	return r
}

// fact is what a node says at a time.
func fact(at clock.Time, node sim.NodeID, text string) trace.Step {
	return trace.Step{Step: sim.Step{At: at, Kind: sim.KindFact, Node: node, Incarnation: 1}, Text: text}
}

func TestDiff(t *testing.T) {
	fault := trace.Step{Step: sim.Step{At: 5, Kind: sim.KindFault}, Text: "Crash{n1}"}
	changed := fact(20, 2, "b")
	changed.Changes = []trace.Change{{Path: "Count", Old: "1", New: "2"}}
	logged := fact(20, 2, "b")
	logged.Logs = []trace.Log{{Node: 2, Text: "so"}}
	one := []trace.Step{fact(10, 1, "a"), fact(20, 2, "b"), fact(30, 1, "c"), fact(40, 3, "d")}
	for name, c := range map[string]struct {
		a, b []trace.Step
		want [][3]any // node, text in a, text in b: nil for none
	}{
		"the same":            {one, one, nil},
		"but for the world":   {one, append([]trace.Step{fault}, one...), nil},
		"another text":        {one, []trace.Step{one[0], fact(20, 2, "x"), one[2], one[3]}, [][3]any{{2, "b", "x"}}},
		"another time":        {one, []trace.Step{one[0], fact(19, 2, "b"), one[2], one[3]}, [][3]any{{2, "b", "b"}}},
		"another change":      {one, []trace.Step{one[0], changed, one[2], one[3]}, [][3]any{{2, "b", "b"}}},
		"another line":        {one, []trace.Step{one[0], logged, one[2], one[3]}, [][3]any{{2, "b", "b"}}},
		"in order of time":    {one, []trace.Step{one[0], fact(21, 2, "y"), fact(29, 1, "x"), one[3]}, [][3]any{{2, "b", "y"}, {1, "c", "x"}}},
		"b is over":           {one, one[:2], nil},
		"a is over":           {one[:2], one, nil},
		"b lacks a step":      {one, []trace.Step{one[0], one[2], one[3]}, [][3]any{{2, "b", nil}}},
		"a lacks a step":      {[]trace.Step{one[0], one[2], one[3]}, one, [][3]any{{2, nil, "b"}}},
		"a lacks the next":    {[]trace.Step{one[0], one[1], one[3]}, one, [][3]any{{1, nil, "c"}}},
		"after a step before": {one, []trace.Step{fact(5, 2, "x"), one[0], one[1], one[2], one[3]}, [][3]any{{2, "b", "x"}}},
		"nothing at all":      {nil, nil, nil},
		"nothing in a":        {nil, one, nil},
	} {
		t.Run(name, func(t *testing.T) {
			apart, err := trace.Diff(traceOf(t, c.a...), traceOf(t, c.b...))
			require.NoError(t, err)
			var got [][3]any
			for _, x := range apart {
				text := func(s *trace.Step) any {
					if s == nil {
						return nil
					}
					require.Equal(t, x.Node, s.Node)
					return s.Text
				}
				got = append(got, [3]any{int(x.Node), text(x.A), text(x.B)})
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestDiffTellsOfDamage(t *testing.T) {
	whole := traceOf(t, ticks(20_000)...)
	var file bytes.Buffer
	w, err := trace.NewWriter(&file, trace.Header{})
	require.NoError(t, err)
	for _, s := range ticks(20_000) {
		require.NoError(t, w.Write(&s))
	}
	require.NoError(t, w.Close(trace.Outcome{}))
	bad := file.Bytes()
	bad[len(bad)/2] ^= 1
	broken, err := trace.Open(bytes.NewReader(bad), int64(len(bad)))
	require.NoError(t, err)
	_, err = trace.Diff(whole, broken)
	require.Error(t, err)
	_, err = trace.Diff(broken, whole)
	require.Error(t, err)
}
