package export_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/export"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// history is a run of nothing but operations. Each is called at the step that is its place in the list, and returns with the
// step after those.
func history(t *testing.T, ops ...sim.Op) export.Run {
	var file bytes.Buffer
	w, err := trace.NewWriter(&file, trace.Header{})
	require.NoError(t, err)
	var list []*sim.Op
	for i := range 2 * len(ops) {
		require.NoError(t, w.Write(&trace.Step{Step: sim.Step{N: uint64(i + 1), At: clock.Time(i), Kind: sim.KindTimer, Node: 1}}))
	}
	for i, op := range ops {
		op.ID, op.Call, op.Invoked = i, uint64(i+1), clock.Time(i)
		if op.Client == 0 {
			op.Client = sim.NodeID(i + 1)
		}
		if op.Outcome != sim.Pending {
			op.Return, op.Ended = uint64(len(ops)+i+1), clock.Time(len(ops)+i)
		}
		list = append(list, &op)
	}
	require.NoError(t, w.Close(trace.Outcome{}))
	r, err := trace.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
	return export.Run{Trace: r, History: list}
}

// TestForms has every type of operation, and shows how its call and its return are told.
func TestForms(t *testing.T) {
	for _, c := range []struct {
		in, out    any
		call, done string
	}{
		{checkers.Get{Key: "x"}, checkers.Value{Text: "v", Found: true}, `:invoke, :f :read, :value ["x" nil]`, `:ok, :f :read, :value ["x" "v"]`},
		{checkers.Get{}, checkers.Value{}, `:invoke, :f :read, :value nil`, `:ok, :f :read, :value nil`},
		{checkers.Put{Key: "x", Text: "v"}, nil, `:invoke, :f :write, :value ["x" "v"]`, `:ok, :f :write, :value ["x" "v"]`},
		{checkers.Append{Text: "v"}, nil, `:invoke, :f :append, :value "v"`, `:ok, :f :append, :value "v"`},
		{checkers.Delete{Key: "x"}, nil, `:invoke, :f :delete, :value ["x" nil]`, `:ok, :f :delete, :value ["x" nil]`},
		{checkers.CAS{Key: "x", From: "a", To: "b"}, checkers.Swapped(true), `:invoke, :f :cas, :value ["x" ["a" "b"]]`, `:ok, :f :cas, :value ["x" ["a" "b"]]`},
		{checkers.CAS{From: "a", To: "b"}, checkers.Swapped(false), `:invoke, :f :cas, :value ["a" "b"]`, `:fail, :f :cas, :value ["a" "b"]`},
		{checkers.LogAppend{Record: "r"}, checkers.Offset(7), `:invoke, :f :append, :value "r"`, `:ok, :f :append, :value 7`},
		{checkers.LogRead{Log: "l", From: 1, Max: 2}, checkers.Records{"r", "s"}, `:invoke, :f :read, :value ["l" [1 2]]`, `:ok, :f :read, :value ["l" ["r" "s"]]`},
		{checkers.Add{Delta: -3}, nil, `:invoke, :f :add, :value -3`, `:ok, :f :add, :value -3`},
		{checkers.Total{}, checkers.Sum(12), `:invoke, :f :read, :value nil`, `:ok, :f :read, :value 12`},
		{checkers.Txn{checkers.ListAppend{Key: "x", Element: 1}, checkers.ListRead{Key: "y"}}, checkers.Txn{checkers.ListAppend{Key: "x", Element: 1}, checkers.ListRead{Key: "y", List: []int{4, 5}}},
			`:invoke, :f :txn, :value [[:append "x" 1] [:r "y" nil]]`, `:ok, :f :txn, :value [[:append "x" 1] [:r "y" [4 5]]]`},
		{[]string{"a \"b\""}, 7, `:invoke, :f :op, :value "[\"a \\\"b\\\"\"]"`, `:ok, :f :op, :value "7"`},
	} {
		lines := strings.Split(written(t, "jepsen", history(t, sim.Op{Input: c.in, Output: c.out, Outcome: sim.OK})), "\n")
		require.Equal(t, "{:type "+c.call+", :process 0, :time 0, :index 0}", lines[0])
		tail := ", :process 0, :time 1, :index 1}"
		if strings.HasPrefix(c.done, ":fail") {
			tail = ", :process 0, :time 1, :index 1, :error :not-swapped}"
		}
		require.Equal(t, "{:type "+c.done+tail, lines[1])
	}
}

// TestProcesses has two clients, of which one has two operations at a time, and one never learns of an outcome.
func TestProcesses(t *testing.T) {
	get := func(client sim.NodeID, o sim.Outcome) sim.Op {
		return sim.Op{Client: client, Input: checkers.Get{}, Outcome: o}
	}
	r := history(t, get(5, sim.Fail), get(5, sim.OK), get(9, sim.Info), get(9, sim.Pending))
	var processes []any
	for _, m := range checkJepsen(t, written(t, "jepsen", r)) {
		processes = append(processes, m.Process)
	}
	require.Equal(t, []any{int64(0), int64(2), int64(1), int64(3), int64(0), int64(2), int64(1)}, processes)
}

func TestElleReadsListsOnly(t *testing.T) {
	appended := func(text string) sim.Op {
		return sim.Op{Input: checkers.Append{Key: "x", Text: text}, Outcome: sim.OK}
	}
	read := sim.Op{Input: checkers.Get{Key: "x"}, Output: checkers.Value{Text: "b;a;c", Found: true}, Outcome: sim.OK}
	ops := checkElle(t, written(t, "elle", history(t, appended("a;"), appended("b;"), read)))
	require.Equal(t, [][]any{{"r", "x", []any{2.0, 1.0, 3.0}}}, ops[5].Value)
	for want, op := range map[string]sim.Op{
		"its text was appended before":                                       appended("a;"),
		"its text does not end in what ends the others, and is nowhere else": appended("a:"),
		"it does something else":                                             {Input: checkers.Put{Key: "x"}, Outcome: sim.OK},
	} {
		err := export.Find("elle").Write(&bytes.Buffer{}, history(t, appended("a;"), op))
		require.ErrorContains(t, err, "operation #1 at step 2 is none")
		require.ErrorContains(t, err, want)
	}
}
