package checkers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/sim"
)

// txnStore is a store that clients do transactions on, one operation at a time, with a choice of mistakes.
type txnStore struct {
	r    *rand.Rand
	mode string
	done []*storeTxn // committed, in order
	all  map[string][]int
}

type storeTxn struct {
	op       *sim.Op
	in, out  Txn
	snapshot int // how many had committed before it began
	wrote    map[string][]int
}

// storeModes are the mistakes, and the weakest level that they are allowed at.
var storeModes = []struct {
	name  string
	level Level
	finds []AnomalyKind // of which most histories have one
}{
	{"serial", StrictSerializable, nil},
	{"snapshot", SnapshotIsolation, []AnomalyKind{WriteSkew, G2}},
	{"no first committer wins", ReadCommitted, []AnomalyKind{LostUpdate}},
	{"the last committer wins", ReadUncommitted - 1, []AnomalyKind{LostUpdate}},
	{"read committed", ReadCommitted, []AnomalyKind{GSingle, LostUpdate}},
	{"read uncommitted", ReadUncommitted - 1, []AnomalyKind{G1a, G1b, G1c, G0, IncompatibleOrder}},
}

// storeHistory lets clients do n transactions of up to so many operations, on a few keys.
func storeHistory(r *rand.Rand, mode string, clients, n, most, keys int) []*sim.Op {
	s := &txnStore{r: r, mode: mode, all: map[string][]int{}}
	var ops []*sim.Op
	current := make([]*storeTxn, clients)
	for step, ended := uint64(1), 0; ended < n; step++ {
		c := r.IntN(clients)
		x := current[c]
		switch {
		case x == nil && len(ops) < n:
			op := &sim.Op{ID: len(ops), Client: sim.NodeID(c + 1), Call: step}
			x = &storeTxn{op: op, snapshot: len(s.done), wrote: map[string][]int{}}
			for range 1 + r.IntN(most) {
				key := string(rune('x' + r.IntN(keys)))
				if r.IntN(2) == 0 {
					x.in = append(x.in, ListRead{Key: key})
				} else {
					x.in = append(x.in, ListAppend{key, 10*(op.ID+1) + len(x.in)})
				}
			}
			op.Input = x.in
			ops, current[c] = append(ops, op), x
		case x == nil:
		case mode == "serial" && len(x.out) == 0:
			x.snapshot = len(s.done)
			for len(x.out) < len(x.in) {
				s.do(x)
			}
			x.op.Outcome, x.op.Output = sim.OK, x.out
			s.finish(x)
		case mode == "serial" || len(x.out) == len(x.in):
			if mode != "serial" {
				x.op.Outcome, x.op.Output = sim.OK, x.out
				s.finish(x)
			}
			x.op.Return = step
			if x.op.Outcome == sim.OK && r.IntN(10) == 0 || x.op.Outcome == sim.Fail && r.IntN(4) == 0 {
				x.op.Outcome = sim.Info
			}
			if x.op.Outcome != sim.OK {
				x.op.Output = nil
			}
			current[c] = nil
			ended++
		default:
			s.do(x)
		}
	}
	return ops
}

// committed is a key's list after so many transactions.
func (s *txnStore) committed(key string, n int) []int {
	var list []int
	for _, x := range s.done[:n] {
		if s.mode == "the last committer wins" && len(x.wrote[key]) > 0 {
			list = s.committed(key, x.snapshot) // it writes back all that it has read, and more
		}
		list = append(list, x.wrote[key]...)
	}
	return slices.Clone(list)
}

func (s *txnStore) do(x *storeTxn) {
	switch m := x.in[len(x.out)].(type) {
	case ListAppend:
		x.wrote[m.Key] = append(x.wrote[m.Key], m.Element)
		s.all[m.Key] = append(s.all[m.Key], m.Element)
		x.out = append(x.out, m)
	case ListRead:
		n := x.snapshot
		if s.mode == "read committed" {
			n = len(s.done)
		}
		if m.List = append(s.committed(m.Key, n), x.wrote[m.Key]...); s.mode == "read uncommitted" {
			m.List = slices.Clone(s.all[m.Key])
		}
		x.out = append(x.out, m)
	}
}

func (s *txnStore) finish(x *storeTxn) {
	fail := s.r.IntN(8) == 0
	if s.mode == "snapshot" {
		for _, other := range s.done[x.snapshot:] {
			for key := range other.wrote {
				fail = fail || len(x.wrote[key]) > 0
			}
		}
	}
	if !fail {
		s.done = append(s.done, x)
		return
	}
	x.op.Outcome = sim.Fail
	for key, wrote := range x.wrote {
		s.all[key] = slices.DeleteFunc(s.all[key], func(e int) bool { return slices.Contains(wrote, e) })
	}
}

func TestTransactionsOfStores(t *testing.T) {
	for _, m := range storeModes {
		t.Run(m.name, func(t *testing.T) {
			const runs = 50
			hits := 0
			kinds := map[string]int{}
			for seed := range uint64(runs) {
				ops := storeHistory(rand.New(rand.NewPCG(seed, 1)), m.name, 5, 60, 4, 3)
				for level := ReadUncommitted; level <= StrictSerializable; level++ {
					for _, sessions := range []bool{false, true} {
						r := Transactions(TxnOptions{Level: level, Sessions: sessions}, ops)
						if level <= m.level {
							require.Equal(t, Valid, r.Result().Verdict, "seed %d: %v", seed, r.Result())
						}
						require.Equal(t, r, Transactions(TxnOptions{Level: level, Sessions: sessions}, ops))
					}
				}
				r := Transactions(TxnOptions{}, ops)
				for _, a := range r.Anomalies {
					kinds[a.Name()]++
				}
				if slices.ContainsFunc(m.finds, func(k AnomalyKind) bool { return r.Find(k) != nil }) {
					hits++
					require.Equal(t, Invalid, r.Result().Verdict)
				}
			}
			t.Log(kinds)
			if m.finds != nil {
				require.Greater(t, hits, runs/2)
			}
		})
	}
}

// TestSerialTransactions: what clients do one after the other, or in the middle of one another, on a store that does each
// transaction at one instant is strictly serializable, and so in the order of sessions.
func TestSerialTransactions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 2))
		ops := storeHistory(r, "serial", rapid.IntRange(1, 8).Draw(t, "clients"), rapid.IntRange(1, 80).Draw(t, "transactions"),
			rapid.IntRange(1, 8).Draw(t, "operations"), rapid.IntRange(1, 6).Draw(t, "keys"))
		for _, o := range []TxnOptions{{}, {Sessions: true}, {Level: StrictSerializable}} {
			r := Transactions(o, ops)
			require.Empty(t, r.Anomalies, "%v", r.Result())
		}
	})
}

// TestTransactionsAgainstOracle compares verdicts on small histories with those of trying all orders.
func TestTransactionsAgainstOracle(t *testing.T) {
	n := 10_000
	if testing.Short() {
		n = 2000
	}
	counts := map[string]int{}
	for seed := range uint64(n) {
		r := rand.New(rand.NewPCG(seed, 3))
		mode := storeModes[r.IntN(len(storeModes))].name
		ops := storeHistory(r, mode, 2+r.IntN(3), 1+r.IntN(6), 1+r.IntN(4), 1+r.IntN(3))
		tamper(r, ops)
		for _, c := range []struct {
			name    string
			options TxnOptions
			before  func(a, b *sim.Op) bool
		}{
			{"serializable", TxnOptions{}, func(a, b *sim.Op) bool { return false }},
			{"sessions", TxnOptions{Sessions: true}, func(a, b *sim.Op) bool { return a.Client == b.Client && endsBefore(a, b) }},
			{"strict", TxnOptions{Level: StrictSerializable}, endsBefore},
		} {
			report := Transactions(c.options, ops)
			got := len(report.Anomalies) == 0
			require.Equal(t, txnOracle(nil, ops, c.before, false), got, "seed %d, %s: %v\n%v", seed, c.name, txnLines(ops), report.Result())
			counts[fmt.Sprint(c.name, got)]++
			c.options.Level = min(c.options.Level, SnapshotIsolation)
			if c.name == "strict" {
				continue
			}
			report = Transactions(c.options, ops)
			got = report.Result().Verdict != Invalid
			want := txnOracle(nil, ops, c.before, true)
			// The order of what nobody has read is up to the store, and may be one that makes it valid.
			if want || oneUnread(ops) {
				require.Equal(t, want, got, "seed %d, snapshot %s: %v\n%v", seed, c.name, txnLines(ops), report.Result())
			}
			counts[fmt.Sprint("snapshot ", c.name, got, got == want)]++
		}
	}
	t.Log(counts)
}

func endsBefore(a, b *sim.Op) bool { return a.Outcome == sim.OK && a.Return < b.Call }

// tamper changes some of what was read.
func tamper(r *rand.Rand, ops []*sim.Op) {
	for _, op := range ops {
		out, _ := op.Output.(Txn)
		for i, m := range out {
			read, ok := m.(ListRead)
			if !ok || r.IntN(12) > 0 {
				continue
			}
			list := read.List
			switch k := r.IntN(6); {
			case k == 0 && len(list) > 1:
				j := r.IntN(len(list) - 1)
				list[j], list[j+1] = list[j+1], list[j]
			case k == 1 && len(list) > 0:
				list = append(list, list[r.IntN(len(list))])
			case k == 2:
				list = append(list, 9)
			case k == 3 && len(list) > 0:
				j := r.IntN(len(list))
				list = slices.Delete(list, j, j+1)
			default:
				list = list[:len(list)-len(list)*r.IntN(2)/2]
			}
			out[i] = ListRead{read.Key, list}
		}
	}
}

func txnLines(ops []*sim.Op) string {
	var b strings.Builder
	for _, op := range ops {
		fmt.Fprintf(&b, "\n  T%d n%d %s %v %v", op.ID, op.Client, txnInterval(op), txnText(op, nil), op.Outcome)
	}
	return b.String()
}

// oneUnread reports whether no key has more than one transaction whose appends to it nobody has read.
func oneUnread(ops []*sim.Op) bool {
	read := map[string]bool{}
	for _, op := range ops {
		for _, m := range txnOf(op) {
			if r, ok := m.(ListRead); ok && op.Outcome == sim.OK {
				for _, e := range r.List { // by another: its own begin with its number
					if e/10 == op.ID+1 {
						continue
					}
					read[fmt.Sprint(r.Key, e)] = true
				}
			}
		}
	}
	unread := map[string]map[int]bool{}
	for _, op := range ops {
		for _, m := range txnOf(op) {
			if a, ok := m.(ListAppend); ok && op.Outcome != sim.Fail && !read[fmt.Sprint(a.Key, a.Element)] {
				if unread[a.Key] == nil {
					unread[a.Key] = map[int]bool{}
				}
				unread[a.Key][op.ID] = true
			}
		}
	}
	for _, ids := range unread {
		if len(ids) > 1 {
			return false
		}
	}
	return true
}

// txnOracle tries all orders: those of unknown outcome happen or not. With snapshots, each transaction reads from any state
// that there was after those that are before it, and none since then has appended to a list that it appends to.
func txnOracle(done, ops []*sim.Op, before func(a, b *sim.Op) bool, snapshots bool) bool {
	left := false
next:
	for _, op := range ops {
		if op.Outcome == sim.Fail || slices.Contains(done, op) {
			continue
		}
		left = left || op.Outcome == sim.OK
		for _, other := range ops {
			if other.Outcome == sim.OK && before(other, op) && !slices.Contains(done, other) {
				continue next
			}
		}
		for from := len(done); from >= 0; from-- {
			if from < len(done) && (!snapshots || before(done[from], op) || conflict(done[from], op)) {
				break
			}
			if could(done[:from], op) {
				if txnOracle(append(done[:len(done):len(done)], op), ops, before, snapshots) {
					return true
				}
				break
			}
		}
	}
	return !left
}

func conflict(a, b *sim.Op) bool {
	for _, m := range a.Input.(Txn) {
		for _, n := range b.Input.(Txn) {
			x, ok1 := m.(ListAppend)
			y, ok2 := n.(ListAppend)
			if ok1 && ok2 && x.Key == y.Key {
				return true
			}
		}
	}
	return false
}

// could reports whether a transaction reads what it does after those.
func could(done []*sim.Op, op *sim.Op) bool {
	state := map[string][]int{}
	for _, d := range append(done[:len(done):len(done)], op) {
		for _, m := range txnOf(d) {
			switch m := m.(type) {
			case ListAppend:
				state[m.Key] = append(state[m.Key], m.Element)
			case ListRead:
				if d == op && op.Outcome == sim.OK && !slices.Equal(state[m.Key], m.List) {
					return false
				}
			}
		}
	}
	return true
}
