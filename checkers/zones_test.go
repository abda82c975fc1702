package checkers

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/sim"
)

// registerLoad is what clients do to one register that works, each value written once; then a few reads are spoilt. With
// fewer than none, all outcomes are known but for those at the end.
func registerLoad(seed uint64, n, clients, spoilt int) []*sim.Op {
	r := rand.New(rand.NewPCG(seed, 9))
	var (
		ops     []*sim.Op
		current = make([]*sim.Op, clients)
		done    = make([]bool, clients)
		value   Value
		values  = []Value{value}
	)
	for step := uint64(1); len(ops) < n || step%8 != 0; step++ {
		id := r.IntN(clients)
		op := current[id]
		switch {
		case op == nil:
			op = &sim.Op{ID: len(ops), Client: sim.NodeID(id + 1), Call: step, Input: Get{}}
			if r.IntN(2) == 0 {
				op.Input = Put{"", fmt.Sprint("v", len(ops))}
			}
			current[id], done[id] = op, false
			ops = append(ops, op)
		case !done[id]:
			done[id] = true
			if o, ok := op.Input.(Put); ok {
				if value = (Value{o.Text, true}); r.IntN(8) > 0 {
					values = append(values, value)
				}
			} else {
				op.Output = value
			}
		default:
			op.Outcome, op.Return = sim.OK, step
			if spoilt >= 0 && r.IntN(10) == 0 {
				op.Outcome, op.Output = sim.Info, nil
			}
			current[id] = nil
		}
	}
	for _, op := range ops {
		if op.Outcome == sim.Pending {
			op.Output = nil
		}
	}
	for range spoilt {
		if op := ops[r.IntN(len(ops))]; op.Output != nil {
			op.Output = values[r.IntN(len(values))]
		}
	}
	return ops
}

// TestZonesAgreeWithTheSearch decides small registers in both ways.
func TestZonesAgreeWithTheSearch(t *testing.T) {
	m := RegisterModel()
	m.decide = nil
	found := make(map[string]int)
	for seed := range tries(20_000) {
		ops := registerLoad(seed, 4+int(seed%12), 2+int(seed%3), int(seed%4))
		want := Linearizable(m, ops)
		for _, p := range partition(&m, ops) {
			if p.known == 0 {
				continue
			}
			got, ok := decideKey("", p.calls)
			require.True(t, ok)
			require.Equal(t, want.Verdict, got.Verdict, "seed %d: %v\n%v", seed, got, want)
			found[got.Anomaly]++
			if got.Verdict == Invalid {
				// What it shows is wrong by itself, with the writes of what is read.
				require.NotEmpty(t, got.Ops)
				require.Equal(t, Invalid, Linearizable(m, withWrites(got.Ops, ops)).Verdict, "seed %d: %v", seed, got)
			}
		}
	}
	t.Log(found)
	for _, name := range []string{"", "stale read", "new-old inversion", "future read"} {
		require.Greater(t, uint64(found[name]), tries(100), name)
	}
}

// withWrites are some operations, and the puts of what they read.
func withWrites(some, all []*sim.Op) (ops []*sim.Op) {
	in := make(map[*sim.Op]bool)
	read := make(map[string]bool)
	for _, op := range some {
		in[op] = true
		if v, ok := op.Output.(Value); ok && v.Found {
			read[v.Text] = true
		}
	}
	for _, op := range all {
		if put, ok := op.Input.(Put); in[op] || ok && read[put.Text] {
			ops = append(ops, op)
		}
	}
	return ops
}

func TestZonesNamePhantoms(t *testing.T) {
	ops := []*sim.Op{{Input: Get{"x"}, Output: Value{"7", true}, Outcome: sim.OK, Call: 1, Return: 2}}
	m := RegisterModel()
	r := Linearizable(m, ops)
	require.Equal(t, Invalid, r.Verdict)
	require.Equal(t, "phantom read", r.Anomaly)
	got, ok := decideKey("key x: ", partition(&m, ops)[0].calls)
	require.True(t, ok)
	require.Equal(t, `key x: get x → "7" of n0 (steps 1–2) reads what nobody wrote`, got.Detail)
}

// TestLongPartitions judges a million operations on one register, of which one in the middle is stale.
func TestLongPartitions(t *testing.T) {
	ops := registerLoad(1, 1_000_000, 5, 0)
	require.Equal(t, Valid, Linearizable(RegisterModel(), ops).Verdict)
	m := RegisterModel()
	m.decide = nil // and by the search without memory
	require.Equal(t, Valid, Linearizable(m, registerLoad(1, 1_000_000, 5, -1)).Verdict)
	for _, op := range ops[500_000:] {
		if op.Output != nil {
			op.Output = Value{}
			break
		}
	}
	r := Linearizable(RegisterModel(), ops)
	require.Equal(t, Invalid, r.Verdict)
	require.Equal(t, "stale read", r.Anomaly)
	require.Less(t, len(r.Ops), 5)
}

// tries is how many random histories are compared with a search: with -short, a tenth.
func tries(n uint64) uint64 {
	if testing.Short() {
		return n / 10
	}
	return n
}
