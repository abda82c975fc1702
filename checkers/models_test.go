package checkers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/sim"
)

func TestLinearizable(t *testing.T) {
	models := map[string]Model{
		"register": RegisterModel(), "cas": CASRegisterModel(), "kv": KVModel(), "log": LogModel(),
	}
	for _, c := range []struct {
		name, model, history string
		verdict              Verdict
		detail               string
	}{
		// Registers.
		{"nothing", "register", ``, Unknown, "no operation has a known outcome"},
		{"only unknown outcomes", "register", `
			1-2  n1  put x a      info
			3-   n2  get x        pending`, Unknown, "no operation has a known outcome"},
		{"only failures", "register", `
			1-2  n1  put x a      fail`, Unknown, "no operation has a known outcome"},
		{"read what was written", "register", `
			1-2  n1  put x a
			3-4  n2  get x -> a`, Valid, ""},
		{"stale read", "register", `
			1-2  n1  put x a
			3-4  n1  put x b
			5-6  n2  get x -> a`, Invalid, `key x: get x → "a" of n2 has no place: after the 2 operations that can be ordered before it, the state is "b"`},
		{"intervals are closed: the same step is concurrent", "register", `
			1-3  n1  put x a
			3-4  n2  get x -> _`, Valid, ""},
		{"one step later is not", "register", `
			1-3  n1  put x a
			4-5  n2  get x -> _`, Invalid, "get x → absent of n2"},
		{"one step, three operations, one order", "register", `
			7-7  n1  put x a
			7-7  n2  get x -> _
			7-7  n3  get x -> a`, Valid, ""},
		{"two readers disagree on the order", "register", `
			1-9  n1  put x a
			1-9  n2  put x b
			2-3  n3  get x -> a
			4-5  n3  get x -> b
			2-3  n4  get x -> b
			4-5  n4  get x -> a`, Invalid, "has no place"},
		{"failures have not happened", "register", `
			1-2  n1  put x a      fail
			3-4  n2  get x -> a`, Invalid, "after the 0 operations"},
		{"an info write seen much later", "register", `
			1-2  n1  put x a      info
			3-4  n2  get x -> _
			5-6  n2  get x -> a
			7-8  n2  get x -> a`, Valid, ""},
		{"an info write never seen", "register", `
			1-2  n1  put x a      info
			3-4  n2  get x -> _`, Valid, ""},
		{"an info write seen and lost", "register", `
			1-2  n1  put x a      info
			3-4  n2  get x -> a
			5-6  n2  get x -> _`, Invalid, "get x → absent of n2"},
		{"an info write seen before it was invoked", "register", `
			1-2  n2  get x -> a
			3-4  n1  put x a      info`, Invalid, `get x → "a" of n2`},
		{"a pending write seen by one, not by another", "register", `
			1-   n1  put x a      pending
			2-5  n2  get x -> a
			3-4  n3  get x -> _`, Valid, ""},
		{"two info writes in either order", "register", `
			1-2  n1  put x a      info
			1-2  n2  put x b      info
			3-4  n3  get x -> b
			5-6  n3  get x -> a`, Valid, ""},
		{"two info writes happen once each", "register", `
			1-2  n1  put x a      info
			1-2  n2  put x b      info
			3-4  n3  get x -> b
			5-6  n3  get x -> a
			7-8  n3  get x -> b`, Invalid, `get x → "b" of n3`},
		{"equal info writes happen once each", "register", `
			1-2  n1  put x a      info
			3-4  n1  put x a      info
			5-6  n2  put x b
			7-8  n3  get x -> a
			9-10 n2  put x c
			11-12 n3 get x -> a
			13-14 n2 put x d
			15-16 n3 get x -> a`, Invalid, `get x → "a" of n3`},
		{"registers are on their own", "register", `
			1-2  n1  put x a
			3-4  n1  put y b
			5-6  n2  get x -> a
			7-8  n2  get y -> b`, Valid, ""},
		{"the first key in order is reported", "register", `
			1-2  n1  get y -> b
			3-4  n1  get x -> a`, Invalid, `key x: get x → "a" of n1 has no place`},

		// Compare and set.
		{"one of two swaps", "cas", `
			1-2  n1  put x a
			3-6  n1  cas x a b -> swapped
			3-6  n2  cas x a c -> not
			7-8  n3  get x -> b`, Valid, ""},
		{"both swap", "cas", `
			1-2  n1  put x a
			3-6  n1  cas x a b -> swapped
			3-6  n2  cas x a c -> swapped`, Invalid, `cas x "a" to `},
		{"absent is not empty", "cas", `
			1-2  n1  cas x _ b -> swapped`, Invalid, `cas x "_" to "b" → swapped of n1`},
		{"info swap took effect", "cas", `
			1-2  n1  put x a
			3-4  n1  cas x a b    info
			5-6  n2  get x -> a
			7-8  n2  get x -> b`, Valid, ""},
		{"info swap cannot apply", "cas", `
			1-2  n1  put x c
			3-4  n1  cas x a b    info
			5-6  n2  get x -> c`, Valid, ""},
		{"info swap seen though it cannot apply", "cas", `
			1-2  n1  put x c
			3-4  n1  cas x a b    info
			5-6  n2  get x -> b`, Invalid, `cas x "a" to "b" (info, but seen by step 6) of n1`},
		{"info write explains a refused swap", "cas", `
			1-2  n1  put x a
			3-4  n1  put x b      info
			5-6  n2  cas x a c -> not`, Valid, ""},
		{"nothing explains a refused swap", "cas", `
			1-2  n1  put x a
			5-6  n2  cas x a c -> not
			7-8  n1  put x b      info`, Invalid, `cas x "a" to "c" → not swapped of n2`},
		{"one info write explains two refused swaps, another does not", "cas", `
			1-2  n1  put x c
			3-4  n1  put x b      info
			3-4  n2  put x a      info
			5-6  n3  cas x c z -> not
			7-8  n3  cas x b z -> not`, Valid, ""},
		{"no info write explains two refused swaps", "cas", `
			1-2  n1  put x c
			3-4  n1  put x b      info
			5-6  n3  cas x c z -> not
			7-8  n3  cas x b z -> not`, Invalid, ""},
		{"a chain of info swaps", "cas", `
			1-2  n1  put x a      info
			1-2  n2  cas x a b    info
			1-2  n3  cas x b c    info
			3-4  n4  get x -> c`, Valid, ""},
		{"a broken chain", "cas", `
			1-2  n1  put x a      info
			1-2  n2  cas x a b    info
			3-4  n4  get x -> b
			5-6  n4  get x -> a`, Invalid, `get x → "a" of n4`},

		// Key-value.
		{"appends in two orders", "kv", `
			1-5  n1  append x a;
			1-5  n2  append x b;
			6-7  n3  get x -> b;a;`, Valid, ""},
		{"an info append is seen once", "kv", `
			1-2  n1  append x a;  info
			3-4  n2  get x -> a;
			5-6  n2  append x b;
			7-8  n2  get x -> a;b;`, Valid, ""},
		{"an info append is seen twice", "kv", `
			1-2  n1  append x a;  info
			3-4  n2  append x b;
			5-6  n2  get x -> a;b;a;`, Invalid, `get x → "a;b;a;" of n2`},
		{"a retried append took effect twice", "kv", `
			1-4  n1  append x a;
			5-6  n2  get x -> a;a;`, Invalid, `get x → "a;a;" of n2`},
		{"an info delete", "kv", `
			1-2  n1  put x a
			3-4  n1  delete x     info
			5-6  n2  get x -> a
			7-8  n2  get x -> _
			8-9  n2  append x b
			10-11 n2 get x -> b`, Valid, ""},
		{"an info delete, seen by what was appended since", "kv", `
			1-2  n1  append x a;
			3-4  n1  delete x     info
			5-6  n2  append x b;
			7-8  n2  get x -> b;`, Valid, ""},
		{"an info delete deletes once", "kv", `
			1-2  n1  put x a
			3-4  n1  delete x     info
			5-6  n2  get x -> _
			7-8  n2  put x b
			9-10 n2  get x -> _`, Invalid, "get x → absent of n2"},
		{"a delete that tells", "kv", `
			1-2  n1  delete x -> deleted
			1-2  n2  put x a`, Valid, ""},
		{"a delete that lies", "kv", `
			1-2  n1  delete x -> deleted
			3-4  n2  put x a`, Invalid, "delete x → deleted of n1"},

		// Logs.
		{"offsets and reads", "log", `
			1-2  n1  log l a -> 0
			3-6  n1  log l b -> 2
			3-6  n2  log l c -> 1
			7-8  n3  read l 0 9 -> a c b
			7-8  n3  read l 1 1 -> c
			7-8  n3  read l 3 1 ->`, Valid, ""},
		{"two records at one offset", "log", `
			1-2  n1  log l a -> 0
			3-4  n2  log l b -> 0`, Invalid, `append l "b" → offset 0 of n2`},
		{"a gap", "log", `
			1-2  n1  log l a -> 1`, Invalid, `append l "a" → offset 1 of n1`},
		{"an info append fills the gap", "log", `
			1-   n2  log l b         info
			1-2  n1  log l a -> 1
			3-4  n1  read l 1 5 -> a`, Valid, ""},
		{"an acknowledged record is lost", "log", `
			1-2  n1  log l a -> 0
			3-4  n2  read l 0 5 ->`, Invalid, `read l 5 from 0 → [] of n2`},
		{"an info record appears late", "log", `
			1-2  n1  log l a         info
			3-4  n2  read l 0 5 ->
			5-6  n3  log l b -> 0
			7-8  n2  read l 0 5 -> b a`, Valid, ""},
		{"an info record appears twice", "log", `
			1-2  n1  log l a         info
			5-6  n3  log l b -> 1
			7-8  n2  read l 0 5 -> a b a`, Invalid, `of n2 has no place`},
		{"a short read that is not at the end", "log", `
			1-2  n1  log l a -> 0
			3-4  n1  log l b -> 1
			5-6  n2  read l 0 5 -> a`, Invalid, `read l 5 from 0 → ["a"] of n2`},
	} {
		t.Run(c.model+"/"+c.name, func(t *testing.T) {
			m, ops := models[c.model], history(t, c.history)
			require.Equal(t, c.verdict, checkAll(t, m, ops))
			if c.verdict != Unknown {
				require.Equal(t, c.verdict == Valid, oracle(ops))
			}
			r := Linearizable(m, ops)
			require.Contains(t, r.Detail, c.detail)
			require.Equal(t, c.verdict == Invalid, len(r.Ops) > 0)
			require.Equal(t, `always "`+m.Name+` is linearizable"`, r.Property)
		})
	}
}

func TestExplanation(t *testing.T) {
	ops := history(t, `
		1-4    n1  put x a
		2-9    n2  put x b      info
		5-7    n3  get x -> b
		8-10   n1  put y z
		8-12   n1  append x c
		13-15  n3  get x -> bc
		16-18  n3  get x -> b
		17-19  n2  get x -> bc
		20-21  n2  get x -> bc
	`)
	r := Linearizable(KVModel(), ops)
	require.Equal(t, Invalid, r.Verdict)
	require.Equal(t, strings.TrimSpace(`
key x: get x → "b" of n3 has no place: after the 6 operations that can be ordered before it, the state is "bc"
  order  steps  client  operation
  1      1–4    n1      put x "a"
  2      2…     n2      put x "b" (info)
  3      5–7    n3      get x → "b"
  4      8–12   n1      append x "c"
  5      13–15  n3      get x → "bc"
  !      16–18  n3      get x → "b"
  6      17–19  n2      get x → "bc"
  and 1 invoked later`), r.Detail)
	require.Len(t, r.Ops, 8)
}

// TestExplanationIsTheLongest: of several orders that end nowhere, the longest tells most.
func TestExplanationIsTheLongest(t *testing.T) {
	ops := history(t, `
		1-9    n1  append x a
		1-9    n2  append x b
		10-11  n3  get x -> ab
		10-30  n4  get x -> ba
		12-13  n3  get x -> ab
		14-15  n3  get x -> q
	`)
	for range 20 { // Porcupine's own order differs from time to time
		require.Equal(t, strings.TrimSpace(`
key x: get x → "q" of n3 has no place: after the 4 operations that can be ordered before it, the state is "ab"
  order  steps  client  operation
  1      1–9    n1      append x "a"
  2      1–9    n2      append x "b"
  3      10–11  n3      get x → "ab"
  -      10–30  n4      get x → "ba"
  4      12–13  n3      get x → "ab"
  !      14–15  n3      get x → "q"`), Linearizable(KVModel(), ops).Detail)
	}
}

func TestLongExplanation(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "%d-%d n1 put x %d\n", 2*i+1, 2*i+2, i)
	}
	detail := Linearizable(RegisterModel(), history(t, b.String()+"500-501 n2 get x -> 7")).Detail
	require.Contains(t, detail, "the state is \"99\"\n  (the first 61 are left out)\n  order")
	require.Equal(t, 1+1+1+explained, len(strings.Split(detail, "\n")))
}

// hard is a history that no short search decides: many concurrent writes of equal standing, and a read of none.
func hard(t testing.TB, n int) []*sim.Op {
	var b strings.Builder
	for range n {
		b.WriteString("1-9 n1 append x a\n1-9 n1 append x b\n")
	}
	b.WriteString("20-21 n2 get x -> c\n")
	return history(t, b.String())
}

func TestBudget(t *testing.T) {
	m := KVModel()
	ops := hard(t, 16)
	start := time.Now()
	r := Linearizable(m, ops)
	t.Log(time.Since(start))
	require.Equal(t, Unknown, r.Verdict)
	require.Equal(t, "key x: undecided after 100000 steps: 33 operations, 0 of unknown outcome", r.Detail)
	require.Len(t, r.Ops, 33)

	m.Budget = 5000
	require.Contains(t, Linearizable(m, ops).Detail, "undecided after 5000 steps")
	require.Equal(t, Invalid, Linearizable(m, hard(t, 3)).Verdict, "5000 steps are enough for that")

	// Invalid beats unknown, whatever the order of the keys.
	for _, key := range []string{"w", "y"} {
		bad := history(t, "1-2 n1 get "+key+" -> a\n")
		both := Linearizable(m, append(bad, ops...))
		require.Equal(t, Invalid, both.Verdict)
		require.Contains(t, both.Detail, "key "+key)
		good := history(t, "1-2 n1 get "+key+" -> _\n")
		require.Equal(t, Unknown, Linearizable(m, append(good, ops...)).Verdict)
	}
}

func TestModelPanics(t *testing.T) {
	ops := history(t, `
		1-2  n1  put x a
		3-4  n1  get x -> b`)
	m := KVModel()
	step := m.Step
	n := 0
	m.Step = func(state, input, output any) (any, bool) {
		if n++; n > 4 {
			panic("out of order")
		}
		return step(state, input, output)
	}
	assert.PanicsWithValue(t, "out of order", func() { Linearizable(m, ops) }, "on Porcupine's goroutine, and passed on")
	assert.Greater(t, n, 4)

	m.Step = func(state, input, output any) (any, bool) { return state, output != any(Unseen{}) }
	ops = history(t, `
		1-2  n1  put x a  info
		3-4  n1  get x -> b
		5-6  n1  cas x a b -> not`)
	m.infer = nil
	m.Step = func(state, input, output any) (any, bool) { return state, false }
	assert.PanicsWithValue(t, `checkers: model a key-value store refuses the unknown outcome of put x "a" in state absent`,
		func() { Linearizable(m, ops) })

	assert.PanicsWithValue(t, "checkers: a register has no operation checkers.CAS",
		func() { Linearizable(RegisterModel(), ops) })
	assert.PanicsWithValue(t, `checkers: get x of n3 ends at step 4, before it began at 5`, func() {
		Linearizable(KVModel(), []*sim.Op{{Client: 3, Input: Get{"x"}, Outcome: sim.OK, Call: 5, Return: 4}})
	})
	assert.Panics(t, func() { Linearizable(KVModel(), []*sim.Op{{Input: "put"}}) })
	assert.Panics(t, func() { Linearizable(LogModel(), []*sim.Op{{Input: Get{}}}) })
	assert.Panics(t, func() {
		Linearizable(KVModel(), []*sim.Op{{Input: Get{}, Outcome: sim.OK, Output: "a", Return: 1}})
	}, "an output of the wrong type is not an unknown one")
}

// TestOwnModel checks a model from outside: without keys, hash, equality and inference.
func TestOwnModel(t *testing.T) {
	queue := Model{
		Name: "a queue",
		Init: "",
		Step: func(state, input, output any) (any, bool) {
			items := state.(string)
			if input != "pop" {
				return items + input.(string), true
			}
			if output == any(Unseen{}) {
				return items[min(1, len(items)):], true
			}
			return strings.TrimPrefix(items, output.(string)), strings.HasPrefix(items, output.(string))
		},
	}
	op := func(call, ret uint64, outcome sim.Outcome, input, output any) *sim.Op {
		return &sim.Op{Call: call, Return: ret, Outcome: outcome, Input: input, Output: output}
	}
	for _, c := range []struct {
		verdict Verdict
		ops     []*sim.Op
	}{
		{Valid, []*sim.Op{op(1, 2, sim.OK, "a", nil), op(1, 2, sim.OK, "b", nil), op(3, 4, sim.OK, "pop", "b")}},
		{Invalid, []*sim.Op{op(1, 2, sim.OK, "a", nil), op(3, 4, sim.OK, "b", nil), op(5, 6, sim.OK, "pop", "b")}},
		{Valid, []*sim.Op{op(1, 2, sim.OK, "a", nil), op(3, 4, sim.OK, "b", nil), op(5, 0, sim.Pending, "pop", nil), op(6, 7, sim.OK, "pop", "b")}},
		{Invalid, []*sim.Op{op(1, 2, sim.OK, "a", nil), op(3, 4, sim.OK, "b", nil), op(8, 0, sim.Pending, "pop", nil), op(6, 7, sim.OK, "pop", "b")}},
	} {
		for i, op := range c.ops {
			op.ID = i
		}
		require.Equal(t, c.verdict, Linearizable(queue, c.ops).Verdict)
	}

	// Equal operations of unknown outcome can change places: there is little to search.
	ops := []*sim.Op{op(50, 51, sim.OK, "b", nil), op(52, 53, sim.OK, "pop", "c")}
	for i := range uint64(40) {
		ops = append(ops, op(i, 0, sim.Pending, "a", nil))
		ops[i].ID = int(i)
	}
	require.Equal(t, Invalid, Linearizable(queue, ops).Verdict)
}

func BenchmarkUnknown(b *testing.B) {
	m, ops := KVModel(), hard(b, 16)
	for b.Loop() {
		Linearizable(m, ops)
	}
}

// TestLongLogsAreShownByTheirEnds keeps verdicts about them readable.
func TestLongLogsAreShownByTheirEnds(t *testing.T) {
	var log *logState
	for i := range 9 {
		log = &logState{before: log, record: strconv.Itoa(i), size: uint64(i + 1)}
	}
	require.Equal(t, `["0" "1" "2" "3" "4" "5" "6" "7" "8"]`, log.String())
	log = &logState{before: log, record: "9", size: 10}
	require.Equal(t, `["0" "1" "2" "3" … "6" "7" "8" "9"] (10)`, log.String())
}

// TestContradictionsOfLongLogs are found where a search gives up, and agree with it where it does not.
func TestContradictionsOfLongLogs(t *testing.T) {
	appended := func(id int, at Offset, call uint64) *sim.Op {
		return &sim.Op{ID: id, Client: 1, Input: LogAppend{Record: strconv.Itoa(id)}, Output: at, Outcome: sim.OK, Call: call, Return: call + 1}
	}
	var ops []*sim.Op
	for i := range 2 * longPart {
		ops = append(ops, appended(i, Offset(i), uint64(2*i+1)))
	}
	for i := range 40 {
		ops = append(ops, &sim.Op{ID: len(ops), Client: sim.NodeID(i + 2), Input: LogAppend{Record: "lost"}, Outcome: sim.Info, Call: 1})
	}
	require.Equal(t, Valid, Linearizable(LogModel(), ops).Verdict)
	last := ops[2*longPart-1]
	read := &sim.Op{ID: len(ops), Input: LogRead{From: 7, Max: 1}, Output: Records{"x"}, Outcome: sim.OK, Call: last.Return + 1, Return: last.Return + 2}
	for _, c := range []struct {
		anomaly string
		other   *sim.Op
	}{
		{"inconsistent offsets", appended(last.ID, 7, last.Call)},
		{"inconsistent offsets", &sim.Op{ID: last.ID, Input: LogAppend{Record: "7"}, Output: Offset(7), Outcome: sim.OK, Call: last.Call, Return: last.Return}},
		{"inconsistent offsets", read},
		{"reordered records", appended(last.ID, Offset(last.ID), 1)},
	} {
		r := Linearizable(LogModel(), append(slices.Clone(ops[:2*longPart-1]), c.other))
		require.Equal(t, Invalid, r.Verdict, r)
		require.Equal(t, c.anomaly, r.Anomaly, r)
		require.Less(t, len(r.Detail), 400)
		require.Len(t, r.Ops, 2)
	}
}

// TestWhatContradictsItselfIsNoLog holds decideLog to the search.
func TestWhatContradictsItselfIsNoLog(t *testing.T) {
	model := LogModel()
	model.decide = nil
	found := make(map[string]int)
	for seed := range tries(20_000) {
		r := rand.New(rand.NewPCG(seed, 16))
		var ops []*sim.Op
		for i := range 2 + r.IntN(5) {
			call := uint64(1 + r.IntN(12))
			op := &sim.Op{ID: i, Client: sim.NodeID(i), Outcome: sim.OK, Call: call, Return: call + uint64(r.IntN(4))}
			switch r.IntN(3) {
			case 0:
				op.Input, op.Output = LogRead{From: uint64(r.IntN(2)), Max: 2}, Records{strconv.Itoa(r.IntN(3))}
			default:
				op.Input, op.Output = LogAppend{Record: strconv.Itoa(r.IntN(3))}, Offset(r.IntN(4))
			}
			if r.IntN(6) == 0 {
				op.Outcome, op.Output = sim.Info, nil
			}
			ops = append(ops, op)
		}
		for _, p := range partition(&model, ops) {
			if got, ok := decideLog("", p.calls); ok {
				found[got.Anomaly]++
				require.Equal(t, Invalid, Linearizable(model, ops).Verdict, "seed %d: %v", seed, got)
			}
		}
	}
	require.Len(t, found, 2)
}
