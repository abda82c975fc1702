package checkers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seedbed-sim/seedbed/sim"
)

// txnLoad is a strictly serializable history of about n operations in transactions of one to eight: clients that wait for
// their own append to and read from ten lists, each of which is replaced by a new one when it has 100 elements. Some
// outcomes are unknown. Lists that are read are copies.
func txnLoad(seed uint64, n, clients int) []*sim.Op {
	type client struct {
		op  *sim.Op
		out Txn
	}
	r := rand.New(rand.NewPCG(seed, 4))
	var (
		ops     []*sim.Op
		current = make([]client, clients)
		lists   [10][]int
		names   [10]string
		made    int
	)
	replace := func(i int) {
		lists[i], names[i] = nil, fmt.Sprint("k", made)
		made++
	}
	for i := range lists {
		replace(i)
	}
	for step, element := uint64(1), 0; n > 0; step++ {
		id := r.IntN(clients)
		c := &current[id]
		switch {
		case c.op == nil:
			c.op = &sim.Op{ID: len(ops), Client: sim.NodeID(id + 1), Call: step}
			ops = append(ops, c.op)
		case c.out == nil:
			var in Txn
			for range 1 + r.IntN(8) {
				i := r.IntN(len(lists))
				if r.IntN(2) == 0 {
					if len(lists[i]) == 100 {
						replace(i)
					}
					element++
					lists[i] = append(lists[i], element)
					in, c.out = append(in, ListAppend{names[i], element}), append(c.out, ListAppend{names[i], element})
					continue
				}
				in, c.out = append(in, ListRead{Key: names[i]}), append(c.out, ListRead{names[i], slices.Clone(lists[i])})
			}
			c.op.Input = in
		default:
			n -= len(c.out)
			c.op.Return, c.op.Outcome, c.op.Output = step, sim.OK, c.out
			if r.IntN(100) == 0 {
				c.op.Outcome, c.op.Output = sim.Info, nil
			}
			*c = client{}
		}
	}
	return slices.DeleteFunc(ops, func(op *sim.Op) bool { return op.Input == nil })
}

// BenchmarkTransactions judges a million operations: in a history that is as it should be; where one transaction sees a
// list as it was long ago, which makes one component of nearly all; and where few or many reads are stale.
func BenchmarkTransactions(b *testing.B) {
	const n = 1_000_000
	for _, c := range []struct {
		name  string
		level Level
		spoil func(r *rand.Rand, ops []*sim.Op)
	}{
		{"valid/serializable", Serializable, nil},
		{"valid/strict", StrictSerializable, nil},
		{"one/serializable", Serializable, rewind},
		{"one/strict", StrictSerializable, rewind},
		{"few/strict", StrictSerializable, func(r *rand.Rand, ops []*sim.Op) { shorten(r, ops, 1000) }},
		{"many/strict", StrictSerializable, func(r *rand.Rand, ops []*sim.Op) { shorten(r, ops, 4) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			ops := txnLoad(1, n, 50)
			want := Valid
			if c.spoil != nil {
				c.spoil(rand.New(rand.NewPCG(2, 4)), ops)
				want = Invalid
			}
			elements := 0
			for _, op := range ops {
				for _, m := range txnOf(op) {
					if read, ok := m.(ListRead); ok {
						elements += len(read.List)
					}
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				r := Transactions(TxnOptions{Level: c.level}, ops)
				if got := r.Result(); got.Verdict != want {
					b.Fatal(got)
				}
			}
			b.ReportMetric(float64(elements), "elements")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/txnop")
		})
	}
}

// rewind makes one of the last transactions read the first list as it was in the beginning.
func rewind(_ *rand.Rand, ops []*sim.Op) {
	for _, op := range slices.Backward(ops) {
		if out, _ := op.Output.(Txn); len(out) == 8 {
			op.Output = append(out, ListRead{"k0", nil})
			return
		}
	}
}

// shorten makes some reads older, one out of so many.
func shorten(r *rand.Rand, ops []*sim.Op, of int) {
	for _, op := range ops {
		out, _ := op.Output.(Txn)
		for i, m := range out {
			if read, ok := m.(ListRead); ok && len(read.List) > 2 && r.IntN(of) == 0 {
				out[i] = ListRead{read.Key, read.List[:len(read.List)-2]}
			}
		}
	}
}
