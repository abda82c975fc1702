package checkers

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/sim"
)

// history reads a history as people write it, an operation per line:
//
//	1-4  n1  put x a
//	2-3  n2  get x -> a
//	5-   n1  cas x a b   info
//
// which is: steps of invocation and completion, client, operation, what it output, and how it ended if not well. The
// text _ is absence.
func history(t testing.TB, text string) []*sim.Op {
	t.Helper()
	var ops []*sim.Op
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		op := &sim.Op{ID: len(ops), Outcome: sim.OK}
		from, to, ok := strings.Cut(words[0], "-")
		require.True(t, ok, line)
		op.Call = number(t, from)
		if to != "" {
			op.Return = number(t, to)
		}
		op.Client = sim.NodeID(number(t, strings.TrimPrefix(words[1], "n")))
		words = words[2:]
		for _, o := range []sim.Outcome{sim.Fail, sim.Info, sim.Pending} {
			if words[len(words)-1] == o.String() {
				op.Outcome, words = o, words[:len(words)-1]
			}
		}
		var out []string
		for i, w := range words {
			if w == "->" {
				words, out = words[:i], append([]string{}, words[i+1:]...)
				break
			}
		}
		op.Input = input(t, words)
		if op.Outcome == sim.OK {
			require.NotZero(t, op.Return, line)
			op.Output = output(t, op.Input, out)
		}
		ops = append(ops, op)
	}
	return ops
}

func input(t testing.TB, w []string) any {
	t.Helper()
	switch w[0] {
	case "get":
		return Get{w[1]}
	case "put":
		return Put{w[1], w[2]}
	case "append":
		return Append{w[1], w[2]}
	case "delete":
		return Delete{w[1]}
	case "cas":
		return CAS{w[1], w[2], w[3]}
	case "log":
		return LogAppend{w[1], w[2]}
	case "read":
		return LogRead{w[1], number(t, w[2]), number(t, w[3])}
	case "add":
		n, err := strconv.ParseInt(w[2], 10, 64)
		require.NoError(t, err)
		return Add{w[1], n}
	case "total":
		return Total{w[1]}
	}
	require.Fail(t, "no such operation", w[0])
	return nil
}

func output(t testing.TB, input any, w []string) any {
	t.Helper()
	switch input.(type) {
	case Get:
		return value(w[0])
	case CAS:
		return Swapped(w[0] == "swapped")
	case Delete:
		if len(w) > 0 {
			return Deleted(w[0] == "deleted")
		}
	case LogAppend:
		return Offset(number(t, w[0]))
	case LogRead:
		return Records(w)
	case Total:
		n, err := strconv.ParseInt(w[0], 10, 64)
		require.NoError(t, err)
		return Sum(n)
	}
	return nil
}

func value(word string) Value {
	if word == "_" {
		return Value{}
	}
	return Value{word, true}
}

func number(t testing.TB, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 64)
	require.NoError(t, err, s)
	return n
}

// oracle decides linearizability by trying everything: each unknown outcome happens at any time after its invocation, or
// never. It shares no code with the models.
func oracle(ops []*sim.Op) bool {
	var left []*sim.Op
	for _, op := range ops {
		if op.Outcome != sim.Fail {
			left = append(left, op)
		}
	}
	return tryAll(oracleState{}, left)
}

// oracleState prints every key and log, as maps do, in the order of names.
type oracleState map[string]string

func tryAll(state oracleState, left []*sim.Op) bool {
	done := true
	for _, op := range left {
		done = done && op.Outcome != sim.OK
	}
	if done {
		return true
	}
next:
	for i, op := range left {
		for _, other := range left {
			if other.Outcome == sim.OK && other.Return < op.Call {
				continue next
			}
		}
		after := oracleState{}
		for k, v := range state {
			after[k] = v
		}
		got := oracleApply(after, op.Input)
		if op.Outcome == sim.OK && op.Output != nil && got != oracleOutput(op) {
			continue
		}
		rest := append(append([]*sim.Op{}, left[:i]...), left[i+1:]...)
		if tryAll(after, rest) {
			return true
		}
	}
	return false
}

func oracleApply(s oracleState, input any) (output string) {
	switch o := input.(type) {
	case Get:
		v, ok := s[o.Key]
		return fmt.Sprint(v, ok)
	case Put:
		s[o.Key] = o.Text
	case Append:
		s[o.Key] += o.Text
	case Delete:
		_, ok := s[o.Key]
		delete(s, o.Key)
		return fmt.Sprint(ok)
	case CAS:
		if v, ok := s[o.Key]; !ok || v != o.From {
			return "false"
		}
		s[o.Key] = o.To
		return "true"
	case LogAppend:
		s[o.Log] += o.Record + " "
		return fmt.Sprint(strings.Count(s[o.Log], " ") - 1)
	case LogRead:
		records := strings.Fields(s[o.Log])
		records = records[min(o.From, uint64(len(records))):]
		records = records[:min(o.Max, uint64(len(records)))]
		return strings.Join(records, " ")
	}
	return ""
}

func oracleOutput(op *sim.Op) string {
	switch out := op.Output.(type) {
	case Value:
		return fmt.Sprint(out.Text, out.Found)
	case Swapped:
		return fmt.Sprint(bool(out))
	case Deleted:
		return fmt.Sprint(bool(out))
	case Offset:
		return fmt.Sprint(uint64(out))
	case Records:
		return strings.Join(out, " ")
	}
	return ""
}
