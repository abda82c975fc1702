package checkers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/sim"
)

// checkAll judges a history by every way there is, which must agree, and returns the verdict.
func checkAll(t require.TestingT, m Model, ops []*sim.Op) Verdict {
	search := func(calls []call) bool {
		s := newSearch(&m, calls)
		s.budget = 1e6
		ok, _ := s.porcupine(false)
		require.Positive(t, s.budget)
		return ok
	}
	result := Linearizable(m, ops)
	require.Equal(t, result, Linearizable(m, ops), "same history, same bytes")
	if result.Verdict == Unknown {
		return Unknown
	}
	plain, inferred, sharp := true, true, true
	for _, p := range partition(&m, ops) {
		calls := m.infer(slices.Clone(p.calls))
		ok := search(calls)
		plain, inferred = plain && search(p.calls), inferred && ok
		if newSearch(&m, calls).greedy() != nil {
			require.True(t, ok, "a greedy order is an order")
		}
		if m.sharpen != nil {
			m.sharpen(calls)
		}
		sharp = sharp && search(calls)
	}
	require.Equal(t, result.Verdict == Valid, sharp, "sharpened")
	require.Equal(t, result.Verdict == Valid, plain, "without inference")
	require.Equal(t, result.Verdict == Valid, inferred, "without the greedy search")
	return result.Verdict
}

// What is shown of a violation is the operation without a place, and what it should have seen.
func TestLinearizableShows(t *testing.T) {
	ops := history(t, `
		1-2    n1  put x a
		3-4    n1  put x b
		5-6    n2  get x -> b
		7-     n3  put x c  info
		8-9    n2  get x -> a
		10-11  n2  get x -> b
		12-13  n1  get y -> _`)
	r := Linearizable(KVModel(), ops)
	require.Equal(t, Invalid, r.Verdict)
	require.Equal(t, []*sim.Op{ops[1], ops[4]}, r.Witnesses())
	r = Linearizable(KVModel(), history(t, "1-2  n1  get x -> a"))
	require.Len(t, r.Witnesses(), 1)
	r = Linearizable(KVModel(), history(t, "1-2  n1  get x -> _"))
	require.Empty(t, r.Witnesses())
}

func TestLinearizableAgainstOracle(t *testing.T) {
	counts := map[string]map[Verdict]int{}
	for name, c := range map[string]struct {
		model Model
		gen   func(t *rapid.T) []*sim.Op
	}{
		"register":          {RegisterModel(), histories("get", "put")},
		"cas register":      {CASRegisterModel(), histories("get", "put", "cas")},
		"key-value":         {KVModel(), histories("get", "put", "cas", "delete", "append")},
		"key-value, pieces": {KVModel(), histories("get", "get", "put;", "append;", "delete", "cas;")},
		"log":               {LogModel(), histories("log", "log", "read")},
	} {
		counts[name] = map[Verdict]int{}
		t.Run(name, func(t *testing.T) {
			judge := func(t require.TestingT, ops []*sim.Op) {
				verdict := checkAll(t, c.model, ops)
				if verdict != Unknown {
					require.Equal(t, oracle(ops), verdict == Valid, "%v", ops)
				}
				counts[name][verdict]++
			}
			rapid.Check(t, func(t *rapid.T) { judge(t, c.gen(t)) })
			for seed := range 100 { // what else is drawn is chance
				judge(t, rapid.Custom(c.gen).Example(seed))
			}
			t.Log(counts[name])
			// Some of each, so that neither side goes untested.
			assert.Positive(t, counts[name][Valid])
			assert.Positive(t, counts[name][Invalid])
		})
	}
}

// histories draws short histories of these operations on one key or two. Outputs come from running the operations one by
// one at some step of their intervals, so that about half of the histories are linearizable; then some are changed.
func histories(kinds ...string) func(t *rapid.T) []*sim.Op {
	return func(t *rapid.T) []*sim.Op {
		n := rapid.IntRange(1, 6).Draw(t, "n")
		keys := []string{"x", "y"}[:rapid.SampledFrom([]int{1, 1, 1, 2}).Draw(t, "keys")]
		type timed struct {
			*sim.Op
			at uint64
		}
		var ops []timed
		for i := range n {
			op := &sim.Op{ID: i, Client: sim.NodeID(i + 1)}
			op.Call = rapid.Uint64Range(1, 9).Draw(t, "call")
			op.Return = op.Call + rapid.Uint64Range(0, 5).Draw(t, "span")
			at := rapid.Uint64Range(op.Call, op.Return).Draw(t, "at")
			op.Outcome = rapid.SampledFrom([]sim.Outcome{sim.OK, sim.OK, sim.OK, sim.Info, sim.Pending, sim.Fail}).Draw(t, "outcome")
			if op.Outcome != sim.OK && rapid.Bool().Draw(t, "late") {
				at = rapid.Uint64Range(op.Call, 15).Draw(t, "late at")
			}
			if op.Outcome == sim.Pending {
				op.Return = 0
			}
			kind := rapid.SampledFrom(kinds).Draw(t, "kind")
			key := rapid.SampledFrom(keys).Draw(t, "key")
			text := func() string {
				s := rapid.SampledFrom([]string{"a", "b", "aa", "c", "d", "e", ""}).Draw(t, "text")
				if kind[len(kind)-1] == ';' {
					s += ";"
				} else if kind == "log" && s == "" {
					s = "f" // the oracle's logs have no empty records
				}
				return s
			}
			switch kind {
			case "get":
				op.Input = Get{key}
			case "put", "put;":
				op.Input = Put{key, text()}
			case "append", "append;":
				op.Input = Append{key, text()}
			case "delete":
				op.Input = Delete{key}
			case "cas", "cas;":
				op.Input = CAS{key, text(), text()}
			case "log":
				op.Input = LogAppend{key, text()}
			case "read":
				op.Input = LogRead{key, rapid.Uint64Range(0, 3).Draw(t, "from"), rapid.Uint64Range(0, 3).Draw(t, "max")}
			}
			ops = append(ops, timed{op, at})
		}
		state := map[string]any{}
		for at := range uint64(20) {
			for _, op := range ops {
				if op.at != at || op.Outcome == sim.Fail || op.Outcome != sim.OK && rapid.Bool().Draw(t, "lost") {
					continue
				}
				op.Output = run(state, op.Input)
				if op.Outcome != sim.OK {
					op.Output = nil
				} else if rapid.IntRange(0, 3).Draw(t, "change") == 0 {
					op.Output = disturb(t, op.Output)
				}
			}
		}
		out := make([]*sim.Op, n)
		for i := range ops {
			out[i] = ops[i].Op
		}
		return out
	}
}

// run gives the output of an operation on a service that handles one at a time.
func run(state map[string]any, input any) any {
	text := func(key string) string { s, _ := state[key].(string); return s }
	switch o := input.(type) {
	case Get:
		s, ok := state[o.Key].(string)
		return Value{s, ok}
	case Put:
		state[o.Key] = o.Text
	case Append:
		state[o.Key] = text(o.Key) + o.Text
	case Delete:
		_, ok := state[o.Key]
		delete(state, o.Key)
		return Deleted(ok)
	case CAS:
		if s, ok := state[o.Key].(string); !ok || s != o.From {
			return Swapped(false)
		}
		state[o.Key] = o.To
		return Swapped(true)
	case LogAppend:
		records, _ := state[o.Log].(Records)
		state[o.Log] = append(records[:len(records):len(records)], o.Record)
		return Offset(len(records))
	case LogRead:
		records, _ := state[o.Log].(Records)
		records = records[min(o.From, uint64(len(records))):]
		records = records[:min(o.Max, uint64(len(records)))]
		return append(Records{}, records...)
	}
	return nil
}

func disturb(t *rapid.T, output any) any {
	switch o := output.(type) {
	case Value:
		return rapid.SampledFrom([]Value{{}, {"", true}, {"a", true}, {"a;", true}, {"b;a;", true}, {"b", true}, {"aaa", true}, {"aab", true}}).Draw(t, "value")
	case Swapped:
		return !o
	case Deleted:
		return rapid.SampledFrom([]any{!o, nil}).Draw(t, "deleted")
	case Offset:
		return Offset(rapid.Uint64Range(0, 4).Draw(t, "offset"))
	case Records:
		return append(append(Records{}, o...), rapid.SampledFrom([]string{"a", "b"}).Draw(t, "record"))
	}
	return output
}

// realistic is a history of n operations on one key by clients that each wait for their own, unknown of them with an
// unknown outcome. It is linearizable.
func realistic(seed uint64, n, clients, unknown int, inputs func(r *rand.Rand, i int, unknown bool) any) []*sim.Op {
	r := rand.New(rand.NewPCG(seed, 0))
	lost := map[int]bool{}
	for len(lost) < unknown {
		lost[r.IntN(n)] = true
	}
	var (
		ops     []*sim.Op
		state   = map[string]any{}
		current = make([]*sim.Op, clients)
		late    []*sim.Op
		done    int
	)
	for step := uint64(1); done < n; step++ {
		if len(late) > 0 && r.IntN(20) == 0 {
			run(state, late[0].Input)
			late = late[1:]
			continue
		}
		c := r.IntN(clients)
		op := current[c]
		switch {
		case op == nil && len(ops) < n:
			i := len(ops)
			op = &sim.Op{ID: i, Client: sim.NodeID(c + 1), Call: step, Input: inputs(r, i, lost[i])}
			ops, current[c] = append(ops, op), op
		case op == nil:
		case lost[op.ID]:
			op.Outcome, op.Return = sim.Info, step
			if r.IntN(2) == 0 {
				late = append(late, op)
			}
			current[c] = nil
			done++
		case op.Outcome == sim.Pending:
			op.Output, op.Outcome = run(state, op.Input), sim.OK
		default:
			op.Return = step
			current[c] = nil
			done++
		}
	}
	return ops
}

// TestRealistic holds the searches to what makes them fast: most valid histories take the greedy one alone, and the others
// and those with a slip are far from the budget.
func TestRealistic(t *testing.T) {
	for _, c := range []struct {
		ops, unknown int
		model        Model
		inputs       func(r *rand.Rand, i int, unknown bool) any
	}{
		{100, 8, KVModel(), kvInputs},
		{30, 3, KVModel(), mixedInputs},
		{100, 8, LogModel(), logInputs},
	} {
		greedy, invalid := 0, 0
		for seed := range uint64(100) {
			ops := realistic(seed, c.ops, 5, c.unknown, c.inputs)
			require.Equal(t, Valid, Linearizable(c.model, ops).Verdict)
			p := partition(&c.model, ops)[0]
			if newSearch(&c.model, c.model.infer(p.calls)).greedy() != nil {
				greedy++
			}
			var reads []*sim.Op // of which two change places
			for _, op := range ops {
				switch op.Output.(type) {
				case Value, Records:
					reads = append(reads, op)
				}
			}
			if n := len(reads); n >= 6 {
				a, b := reads[n/2-1], reads[n/2+2]
				a.Output, b.Output = b.Output, a.Output
				r := Linearizable(c.model, ops)
				require.NotEqual(t, Unknown, r.Verdict, r.Detail)
				if r.Verdict == Invalid {
					invalid++
				}
			}
		}
		t.Logf("%s: greedy %d, invalid %d", c.model.Name, greedy, invalid)
		require.GreaterOrEqual(t, greedy, 95)
		require.GreaterOrEqual(t, invalid, 40)
	}
}

func mixedInputs(r *rand.Rand, i int, unknown bool) any {
	text := fmt.Sprintf("%d;", i)
	switch k := r.IntN(20); {
	case k < 8 && !unknown:
		return Get{"x"}
	case k < 13:
		return Put{"x", text}
	case k < 17:
		return Append{"x", text}
	case k < 19:
		return CAS{"x", fmt.Sprintf("%d;", max(0, i-r.IntN(4))), text}
	default:
		return Delete{"x"}
	}
}

func logInputs(r *rand.Rand, i int, unknown bool) any {
	if unknown || r.IntN(2) == 0 {
		return LogAppend{"l", fmt.Sprint(i)}
	}
	return LogRead{"l", r.Uint64N(30), 1 + r.Uint64N(10)}
}

func kvInputs(r *rand.Rand, i int, unknown bool) any {
	text := fmt.Sprintf("%d;", i)
	switch k := r.IntN(10); {
	case k < 5 && !unknown:
		return Get{"x"}
	case k < 8:
		return Put{"x", text}
	default:
		return Append{"x", text}
	}
}

func BenchmarkKV(b *testing.B) {
	for _, c := range []struct{ ops, unknown int }{{30, 0}, {30, 3}, {100, 0}, {100, 8}} {
		for _, way := range []string{"whole", "porcupine", "plain"} {
			b.Run(fmt.Sprintf("ops=%d/unknown=%d/%s", c.ops, c.unknown, way), func(b *testing.B) {
				m := KVModel()
				var histories [100][]*sim.Op
				for i := range histories {
					histories[i] = realistic(uint64(i), c.ops, 5, c.unknown, kvInputs)
				}
				steps, n := 0, 0
				b.ReportAllocs()
				for b.Loop() {
					ops := histories[n%len(histories)]
					n++
					if way == "whole" {
						if r := Linearizable(m, ops); r.Verdict != Valid {
							b.Fatal(r)
						}
						continue
					}
					p := partition(&m, ops)[0]
					if way == "porcupine" {
						p.calls = m.infer(p.calls)
					}
					s := newSearch(&m, p.calls)
					s.budget = 1e6
					if ok, _ := s.porcupine(false); !ok {
						b.Log("gave up")
					}
					steps += 1e6 - s.budget
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*c.ops), "ns/historyop")
				b.ReportMetric(float64(steps)/float64(n*c.ops), "steps/historyop")
			})
		}
	}
}
