package checkers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/sim"
)

// objectLoad is what clients do to one object: choose says what comes next for a client, or nil for nothing, and apply what
// it does at its instant. A tenth of the outcomes is unknown, and of these half have no effect.
func objectLoad(seed uint64, n, clients int, choose func(r *rand.Rand, client int) any, apply func(client int, input any) (output any, ok bool)) []*sim.Op {
	type running struct {
		op      *sim.Op
		done    bool
		outcome sim.Outcome
	}
	r := rand.New(rand.NewPCG(seed, 11))
	current := make([]running, clients)
	var ops []*sim.Op
	for step := uint64(1); step < uint64(4*n); step++ {
		id := r.IntN(clients)
		c := &current[id]
		switch {
		case c.op == nil:
			if input := choose(r, id); input != nil && len(ops) < n {
				*c = running{op: &sim.Op{ID: len(ops), Client: sim.NodeID(id), Call: step, Input: input}, outcome: sim.OK}
				ops = append(ops, c.op)
			}
		case !c.done:
			if c.done = true; r.IntN(20) == 0 {
				c.outcome = sim.Info
				continue
			}
			output, ok := apply(id, c.op.Input)
			switch {
			case !ok:
				c.outcome = sim.Fail
			case r.IntN(20) == 0:
				c.outcome = sim.Info
			default:
				c.op.Output = output
			}
		default:
			c.op.Outcome, c.op.Return = c.outcome, step
			*c = running{}
		}
	}
	for _, op := range ops {
		if op.Outcome == sim.Pending {
			op.Output = nil
		}
	}
	return ops
}

// TestLockAgreesWithTheSearch judges small histories in both ways. Clients end with an operation of unknown outcome, as in
// Jepsen, or go on.
func TestLockAgreesWithTheSearch(t *testing.T) {
	found := make(map[string]int)
	for seed := range tries(20_000) {
		holder, holds := -1, make([]bool, 3)
		ops := objectLoad(seed, 4+int(seed%10), 3, func(r *rand.Rand, client int) any {
			if holds[client] = !holds[client]; holds[client] {
				return Acquire{}
			}
			return Release{}
		}, func(client int, input any) (any, bool) {
			_, acquires := input.(Acquire)
			broken := seed%2 == 0 && (seed>>3+uint64(client))%3 == 0
			switch {
			case acquires && (holder < 0 || broken):
				holder = client
			case !acquires && (holder == client || broken):
				holder = -1
			default:
				holds[client] = !acquires
				return nil, false
			}
			return nil, true
		})
		if seed%4 > 0 { // each client ends with its first operation of unknown outcome
			over := make(map[sim.NodeID]bool)
			ops = slices.DeleteFunc(ops, func(op *sim.Op) bool {
				was := over[op.Client]
				over[op.Client] = was || op.Outcome == sim.Info
				return was
			})
		}
		got, want := Lock(0, ops), searchLock(0, slices.DeleteFunc(slices.Clone(ops), func(op *sim.Op) bool { return op.Outcome == sim.Fail }))
		found[got.Anomaly]++
		if got.Verdict == Unknown {
			continue // releases alone
		}
		require.Equal(t, want.Verdict, got.Verdict, "seed %d: %v\n%v", seed, got, want)
	}
	t.Log(found)
	require.Greater(t, uint64(found["mutual exclusion violated"]), tries(1000))
	require.Greater(t, uint64(found["not linearizable"]), tries(100)) // by search
	r := Lock(0, []*sim.Op{{Client: 3, Input: Release{"x"}, Outcome: sim.OK, Call: 1, Return: 2}})
	require.Equal(t, "release without acquire", r.Anomaly, r)
}

func TestFencesGrow(t *testing.T) {
	ops := []*sim.Op{
		{ID: 0, Client: 1, Input: Acquire{}, Output: Fence(33), Outcome: sim.OK, Call: 1, Return: 2},
		{ID: 1, Client: 1, Input: Release{}, Outcome: sim.OK, Call: 3, Return: 4},
		{ID: 2, Client: 2, Input: Acquire{}, Output: Fence(34), Outcome: sim.OK, Call: 4, Return: 6},
	}
	require.Equal(t, Valid, Lock(0, ops).Verdict)
	ops[2].Output = Fence(33)
	r := Lock(0, ops)
	require.Equal(t, "nonmonotonic fencing token", r.Anomaly)
	require.Equal(t, "acquire → fence 33 of n2 (steps 4–6) comes after acquire → fence 33 of n1 (steps 1–2)", r.Detail)
}

// setModel is a set whose state is its elements in order.
var setModel = Model{Name: "a set", Init: "", Step: func(state, input, output any) (any, bool) {
	has := strings.Fields(state.(string))
	if o, ok := input.(SetAdd); ok {
		if !slices.Contains(has, o.Element) {
			has = append(has, o.Element)
			slices.Sort(has)
		}
		return strings.Join(has, " "), true
	}
	elements, seen := output.(Elements)
	read := slices.Sorted(slices.Values(elements))
	return state, !seen || slices.Equal(read, has)
}}

// setLoad is a set that works, of which some reads are spoilt.
func setLoad(seed uint64, n, spoilt int) []*sim.Op {
	var has []string
	next := 0
	ops := objectLoad(seed, n, 3, func(r *rand.Rand, _ int) any {
		if next++; r.IntN(2) == 0 {
			return SetRead{}
		}
		return SetAdd{Element: strconv.Itoa(next)}
	}, func(_ int, input any) (any, bool) {
		if o, ok := input.(SetAdd); ok {
			has = append(has, o.Element)
			return nil, true
		}
		return Elements(slices.Clone(has)), true
	})
	r := rand.New(rand.NewPCG(seed, 12))
	for range spoilt {
		if e, ok := ops[r.IntN(len(ops))].Output.(Elements); ok && len(e) > 0 {
			e[r.IntN(len(e))] = has[r.IntN(len(has))]
		}
	}
	return ops
}

func TestSetsAgreeWithTheSearch(t *testing.T) {
	found := make(map[string]int)
	for seed := range tries(20_000) {
		ops := setLoad(seed, 4+int(seed%10), int(seed%3))
		if seed%5 == 0 { // shuffle what concurrent reads have
			if reads := slices.DeleteFunc(slices.Clone(ops), func(op *sim.Op) bool { e, ok := op.Output.(Elements); return !ok || len(e) == 0 }); len(reads) > 1 {
				op := reads[seed/5%uint64(len(reads))]
				op.Output = op.Output.(Elements)[:len(op.Output.(Elements))-1]
			}
		}
		got, want := Sets(SetOptions{Linearizable: true}, ops), Linearizable(setModel, ops)
		found[got.Anomaly]++
		if got.Verdict == Unknown {
			continue // no read
		}
		require.Equal(t, want.Verdict, got.Verdict, "seed %d: %v\n%v", seed, got, want)
		if weak := Sets(SetOptions{}, ops); weak.Verdict == Invalid {
			require.Equal(t, Invalid, got.Verdict, "seed %d: %v", seed, weak)
		}
	}
	t.Log(found)
	for _, name := range []string{"", "lost element", "stale read", "unexpected element", "duplicated element", "long fork"} {
		require.Greater(t, uint64(found[name]), tries(10), name)
	}
}

// queueLoad is a queue that works; dequeues of an empty one say so, or fail.
func queueLoad(seed uint64, n int, fifo bool) []*sim.Op {
	var has []string
	next := 0
	r := rand.New(rand.NewPCG(seed, 13))
	return objectLoad(seed, n, 4, func(r *rand.Rand, _ int) any {
		if next++; r.IntN(2) == 0 {
			return Dequeue{}
		}
		return Enqueue{Element: strconv.Itoa(next)}
	}, func(_ int, input any) (any, bool) {
		if o, ok := input.(Enqueue); ok {
			has = append(has, o.Element)
			return nil, true
		}
		if len(has) == 0 {
			return Dequeued{Empty: true}, seed%3 > 0
		}
		i := 0
		if !fifo {
			i = r.IntN(len(has))
		}
		d := Dequeued{Elements: []string{has[i]}}
		has = slices.Delete(has, i, i+1)
		return d, true
	})
}

// queueModel is a queue whose state is its elements.
var queueModel = Model{Name: "a queue", Init: "", Step: func(state, input, output any) (any, bool) {
	has := strings.Fields(state.(string))
	if o, ok := input.(Enqueue); ok {
		return strings.Join(append(has, o.Element), " "), true
	}
	d, seen := output.(Dequeued)
	switch {
	case !seen && len(has) == 0:
		return state, true
	case !seen:
		return strings.Join(has[1:], " "), true
	case d.Empty:
		return state, len(has) == 0
	}
	if len(has) == 0 || has[0] != d.Elements[0] {
		return state, false
	}
	return strings.Join(has[1:], " "), true
}}

// TestQueueIsSound holds that queues which work are valid, and that what is called invalid is not linearizable.
func TestQueueIsSound(t *testing.T) {
	found := make(map[string]int)
	queueModel := queueModel
	queueModel.Budget = 10_000
	for seed := range tries(10_000) {
		fifo := seed%2 == 0
		ops := queueLoad(seed, 4+int(seed%12), fifo)
		require.NotEqual(t, Invalid, Queue(QueueOptions{FIFO: fifo}, ops).Verdict, "seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 14))
		a, b := ops[r.IntN(len(ops))], ops[r.IntN(len(ops))] // exchange what two clients got
		if _, ok := a.Output.(Dequeued); ok && b.Output != nil {
			if a.Output, b.Output = b.Output, a.Output; r.IntN(3) == 0 {
				b.Output = a.Output
			}
		}
		got := Queue(QueueOptions{FIFO: true}, ops)
		found[got.Anomaly]++
		if got.Verdict == Invalid {
			require.NotEqual(t, Valid, Linearizable(queueModel, ops).Verdict, "seed %d: %v", seed, got)
		}
		if weak := Queue(QueueOptions{}, ops); weak.Verdict == Invalid {
			require.Equal(t, Invalid, got.Verdict, "seed %d: %v", seed, weak)
		}
	}
	t.Log(found)
	for _, name := range []string{"lost element", "unexpected element", "duplicated element", "reordered elements"} {
		require.Greater(t, uint64(found[name]), tries(10), name)
	}
}

func TestCheckBalances(t *testing.T) {
	read := func(b ...Balance) *sim.Op {
		return &sim.Op{Input: BankRead{}, Output: Balances(b), Outcome: sim.OK, Call: 3, Return: 4}
	}
	start := &sim.Op{Input: BankRead{}, Output: Balances{{"a", 10, false}, {"b", 0, false}}, Outcome: sim.OK, Call: 1, Return: 2}
	for _, c := range []struct {
		anomaly string
		second  *sim.Op
		options BalanceOptions
	}{
		{"", read(Balance{"b", 4, false}, Balance{"a", 6, false}), BalanceOptions{}},
		{"wrong total", read(Balance{"b", 4, false}, Balance{"a", 10, false}), BalanceOptions{}},
		{"wrong total", read(Balance{"b", 4, false}, Balance{"a", 6, false}), BalanceOptions{Total: 11, HasTotal: true}},
		{"negative value", read(Balance{"b", 11, false}, Balance{"a", -1, false}), BalanceOptions{}},
		{"", read(Balance{"b", 11, false}, Balance{"a", -1, false}), BalanceOptions{Negative: true}},
		{"nil balance", read(Balance{"b", 10, false}, Balance{"a", 0, true}), BalanceOptions{}},
		{"unexpected key", read(Balance{"b", 4, false}, Balance{"c", 6, false}), BalanceOptions{}},
		{"", read(Balance{"b", 10, false}), BalanceOptions{}},
		{"wrong total", read(Balance{"b", 4, false}), BalanceOptions{}},
		{"", read(Balance{"a", 6, false}, Balance{"d", 4, false}), BalanceOptions{}},
	} {
		r := CheckBalances(c.options, []*sim.Op{start, {Input: Transfer{"a", "d", 4}, Outcome: sim.Info, Call: 1}, c.second})
		require.Equal(t, c.anomaly, r.Anomaly, r)
		require.Equal(t, c.anomaly == "", r.Verdict == Valid, r)
	}
	require.Equal(t, Unknown, CheckBalances(BalanceOptions{}, nil).Verdict)
}

// TestOtherOperations are refused by their makers.
func TestOtherOperations(t *testing.T) {
	ops := []*sim.Op{{Input: fmt.Errorf("nothing"), Outcome: sim.OK}}
	require.Panics(t, func() { Lock(0, ops) })
	require.Panics(t, func() { Sets(SetOptions{}, ops) })
	require.Panics(t, func() { Queue(QueueOptions{}, ops) })
}
