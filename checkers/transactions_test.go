package checkers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/sim"
)

// txnsOf reads a history of transactions, one per line:
//
//	1-4  n1  x+1 y=[1,2]
//	2-   n2  y+3 x=?       info
//
// which is: steps of invocation and completion, client, what it appended and read, and how it ended if not well. The
// transactions are T0, T1 and so on.
func txnsOf(t testing.TB, text string) []*sim.Op {
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
		var in, out Txn
		for _, w := range words {
			if key, element, ok := strings.Cut(w, "+"); ok {
				m := ListAppend{key, int(number(t, element))}
				in, out = append(in, m), append(out, m)
				continue
			}
			key, list, ok := strings.Cut(w, "=")
			require.True(t, ok, line)
			r := ListRead{Key: key, List: []int{}}
			for e := range strings.FieldsFuncSeq(list, func(r rune) bool { return strings.ContainsRune("[,]?", r) }) {
				r.List = append(r.List, int(number(t, e)))
			}
			in, out = append(in, ListRead{Key: key}), append(out, r)
		}
		op.Input = in
		if op.Outcome == sim.OK {
			op.Output = out
		}
		ops = append(ops, op)
	}
	return ops
}

// txnStory is a history, and what is to be found in it.
type txnStory struct {
	name    string
	history string
	options TxnOptions // a level to judge by, if it matters; others are tried as well
	found   string     // the anomalies' names
	proofs  []string   // parts of their text
}

var txnStories = []txnStory{
	{name: "one after the other", history: `
		1-2  n1  x+1 y+1
		3-4  n2  x=[1] x+2 y=[1]
		5-6  n1  x=[1,2] y=[1]`},
	{name: "concurrent, and in an order", history: `
		1-9  n1  x=[1] y+1
		1-9  n2  x+1
		1-9  n3  x=[1] y=[1] x+2
		1-9  n4  y=[1]`},

	{name: "garbage", history: `
		1-2  n1  x+1
		3-4  n2  x=[1,7]`, found: "garbage read", proofs: []string{"T1 read 7 in x, which nobody appended"}},
	{name: "garbage, not the longest read", history: `
		1-2  n1  x+1
		1-2  n1  x+2
		3-4  n2  x=[1,7]
		3-4  n2  x=[1,2]`, found: "garbage read, incompatible order", proofs: []string{"T2 read 7"}},
	{name: "not garbage: a pending transaction appended it", history: `
		1-   n1  x+1 pending
		3-4  n2  x=[1]`},

	{name: "a duplicate", history: `
		1-2  n1  x+1
		1-2  n2  x+2
		3-4  n2  x=[1,2,1]`, found: "duplicate element", proofs: []string{"T2 read 1 twice in x"}},
	{name: "no duplicate: an element of another list", history: `
		1-2  n1  x+1
		1-2  n2  y+1
		3-4  n2  x=[1] y=[1]`},

	{name: "its own append is not there", history: `
		1-2  n1  x+1 x=[]`, found: "internal", proofs: []string{"T0 appended 1 to x, and then read it as []"}},
	{name: "one of its own appends is not there", history: `
		1-2  n1  x+1 x+2 x=[2]`, found: "internal", proofs: []string{"T0 appended 1 to x before 2, and then read it as [2]"}},
	{name: "one of its own appends is not there, but somebody else's", history: `
		1-2  n1  x+1 x+2 x=[1,3]
		1-2  n2  x+3`, found: "internal, G0, G1c", proofs: []string{"T0 appended 2 to x, and then read it as [1 3]"}},
	{name: "its own append is there too early", history: `
		1-2  n1  x=[1] x+1`, found: "internal", proofs: []string{"T0 read 1 in x before it appended it"}},
	{name: "its own append is there too early, next to a cycle", history: `
		1-2  n1  x=[1] x+1
		1-2  n2  x+2
		3-4  n3  x=[1,2]
		1-2  n1  y=[1] z+1
		1-2  n2  z=[1] y+1`, found: "internal, G1c", proofs: []string{"T3 appended 1 to z, which T4 read; T4 appended 1 to y, which T3 read"}},
	{name: "its own appends change places", history: `
		1-2  n1  x+1 x+2
		3-4  n2  x=[2,1]`, found: "internal", proofs: []string{"T0 appended 1 to x before 2, but T1 read it after it"}},
	{name: "its own append is there twice", history: `
		1-2  n1  x+1 x=[1,1]`, found: "duplicate element", proofs: []string{"T0 read 1 twice in x"}},
	{name: "its own appends before others commit theirs", history: `
		1-9  n1  x+1 x=[1] x+2 x=[1,2]
		1-9  n2  x+3
		1-9  n3  x=[3,1,2]`, found: "lost update", proofs: []string{
		"T0 read x without 3, which T1 appended; T1 appended 3 to x before T0 appended 1"}},
	{name: "its own append before somebody else's", history: `
		1-9  n1  x+1 x=[1,2]
		1-9  n2  x+2`, found: "G1c"},
	{name: "its own appends, as they are", history: `
		1-2  n1  x=[] x+1 x=[1] x+2 x=[1,2] y=[]
		3-4  n2  x=[1,2] x+3 x=[1,2,3]`},

	{name: "a cycle of writes", history: `
		1-9  n1  x+1 y+2
		1-9  n2  x+2 y+1
		1-9  n3  x=[1,2]
		1-9  n4  y=[1,2]`, found: "G0", proofs: []string{"T0 appended 1 to x before T1 appended 2; T1 appended 1 to y before T0 appended 2"}},
	{name: "a cycle of writes, the last of which nobody has read", history: `
		1-9  n1  x+1 y+2
		1-9  n2  x+2 y+1
		1-9  n3  x=[1]
		1-9  n4  y=[1]`, found: "G0, G-single, G-nonadjacent", proofs: []string{"T0 appended 1 to x before T1 appended 2"}},
	{name: "no cycle of writes", history: `
		1-9  n1  x+1 y+1
		1-9  n2  x+2 y+2
		1-9  n3  x=[1,2]
		1-9  n4  y=[1,2]`},
	{name: "a cycle of writes, with one that nobody has seen", history: `
		1-   n1  x+1 y+2  info
		1-9  n2  x+2 y+1
		1-9  n3  x=[2]
		1-9  n4  y=[1]`},
	{name: "a cycle of writes, with one of unknown outcome that was seen", history: `
		1-   n1  x+1 y+2  info
		1-9  n2  x+2 y+1
		1-9  n3  x=[1,2]
		1-9  n4  y=[1,2]`, found: "G0", proofs: []string{"T0 appended 1 to x before T1"}},

	{name: "an aborted read", history: `
		1-2  n1  x+1 fail
		3-4  n2  x=[1]`, found: "G1a", proofs: []string{"T1 read 1 in x, which T0 appended, and T0 failed"}},
	{name: "an aborted read, not the longest", history: `
		1-2  n1  x+1 fail
		1-2  n1  x+2
		3-4  n2  x=[2]
		3-4  n2  x=[2]
		3-4  n2  x=[2,1]
		3-4  n2  x=[1]`, found: "G1a, incompatible order", proofs: []string{"T5 read 1 in x"}},
	{name: "an aborted read, of what would be a cycle of writes", history: `
		1-2  n1  x+1 y+2 fail
		1-2  n1  x+2 y+1
		3-4  n2  x=[1,2]
		3-4  n2  y=[1,2]`, found: "G1a", proofs: []string{"T2 read 1 in x"}},
	{name: "no aborted read: it may have taken effect", history: `
		1-   n1  x+1 info
		3-4  n2  x=[1]`},
	{name: "no aborted read: nobody reads it but itself", history: `
		1-   n1  x+1 x=? fail
		3-4  n2  x=[]`},

	{name: "an intermediate read", history: `
		1-9  n1  x+1 x+2
		1-9  n2  x=[1]
		1-9  n3  x=[1,2]`, found: "G1b", proofs: []string{"T1 read x with 1 but without 2, both of which T0 appended"}},
	{name: "an intermediate read, the rest of which nobody has read", history: `
		1-9  n1  x+1 x+2
		1-9  n2  x=[1] x+3`, found: "G1b"},
	{name: "an intermediate read, of a transaction of unknown outcome", history: `
		1-   n1  x+1 x+2 info
		1-9  n2  x=[1]`, found: "G1b"},
	{name: "an intermediate read, next to a cycle", history: `
		1-9  n1  x+1 x+2
		1-9  n2  x=[1]
		1-9  n1  y+1 z+2
		1-9  n2  y+2 z+1
		1-9  n3  y=[1,2] z=[1,2]`, found: "G1b, G0", proofs: []string{
		"T2 appended 1 to y before T3 appended 2; T3 appended 1 to z before T2 appended 2"}},
	{name: "no intermediate read, but of a list in dispute", history: `
		1-9  n1  x+1 x+2
		1-9  n2  x+3
		1-9  n3  x+4
		1-9  n4  x=[3,1,2]
		1-9  n4  x=[3,1,4]`, found: "incompatible order"},
	{name: "no intermediate read: its own", history: `
		1-9  n1  x+1 x=[1] x+2
		1-9  n2  x=[]
		1-9  n3  x=[1,2]`},

	{name: "circular information flow", history: `
		1-9  n1  x+1 y=[1]
		1-9  n2  y+1 x=[1]`, found: "G1c", proofs: []string{"T0 appended 1 to x, which T1 read; T1 appended 1 to y, which T0 read"}},
	{name: "circular information flow of writes and reads", history: `
		1-9  n1  x+1 y=[1]
		1-9  n2  x+2 y+1
		1-9  n3  x=[2,1]
		1-9  n4  x=[2,1]`},
	{name: "circular information flow of writes and reads", history: `
		1-9  n1  x+1 y=[1]
		1-9  n2  x+2 y+1
		1-9  n3  x=[1,2]`, found: "G1c", proofs: []string{"T0 appended 1 to x before T1 appended 2"}},
	{name: "information flows around three, one of unknown outcome", history: `
		1-9  n1  x+1 z=[1]
		1-9  n2  x=[1] y+1
		1-   n3  y+2 z+1 info
		1-9  n4  y=[1,2]`, found: "G1c"},
	{name: "information flows, not in a circle", history: `
		1-9  n1  x+1 y=[]
		1-9  n2  y+1 x=[1]`},

	{name: "incompatible orders", history: `
		1-9  n1  x+1
		1-9  n2  x+2
		1-9  n3  x+3
		1-9  n4  x=[1,2,3]
		1-9  n4  x=[2,1]
		1-9  n4  x=[1,3,2]`, found: "incompatible order", proofs: []string{"T4 read x as [2 1], but T3 read it with 1 in place of 2"}},
	{name: "compatible orders", history: `
		1-9  n1  x+1
		1-9  n2  x+2
		1-9  n3  x+3
		1-9  n4  x=[1]
		1-9  n4  x=[1,2,3]
		1-9  n4  x=[]`},
	{name: "what is disputed proves nothing else", history: `
		1-9  n1  x+1 y+2
		1-9  n2  x+2 y+1
		1-9  n3  x=[1,2]
		1-9  n3  x=[2,1]
		1-9  n4  y=[1,2]`, found: "incompatible order"},
	{name: "what comes before a dispute proves what it proves", history: `
		1-9  n1  x+1 y+2
		1-9  n2  x+2 y+1
		1-9  n3  x+3
		1-9  n3  x=[1,2,3]
		1-9  n3  x=[1,2,1]
		1-9  n4  y=[1,2]`, found: "duplicate element, G0, incompatible order"},

	{name: "a lost update", history: `
		1-9  n1  x=[] x+1
		1-9  n2  x=[] x+2
		1-9  n3  x=[1,2]`, found: "lost update", proofs: []string{"T1 read x without 1, which T0 appended, and then appended 2 after it"}},
	{name: "a lost update, neither of which was read", history: `
		1-9  n1  x=[] x+1
		1-9  n2  x=[] x+2`, found: "lost update", proofs: []string{
		"T0 read x without 2, which T1 appended, and T1 read it without T0's 1"}},
	{name: "a lost update of a blind write", history: `
		1-9  n1  x=[] x+1
		1-9  n2  x+2
		1-9  n3  x+3
		1-9  n4  x=[2,3,1]`, found: "lost update", proofs: []string{"T0 read x without 2, which T1 appended, and then appended 1 after it"}},
	{name: "a lost update, of one of unknown outcome that was seen", history: `
		1-   n1  x=? x+1 info
		1-9  n2  x=[] x+2
		1-9  n3  x=[1]`, found: "lost update, G2"},
	{name: "no lost update: it was not seen", history: `
		1-   n1  x=? x+1 info
		1-9  n2  x=[] x+2`},
	{name: "no lost update: the other one does not append", history: `
		1-9  n1  x=[]
		1-9  n2  x=[] x+2
		1-9  n3  x=[2]`},
	{name: "no lost update: a blind write after it", history: `
		1-9  n1  x=[] x+1
		1-9  n2  x+2
		1-9  n3  x=[1,2]`},
	{name: "no lost update: it wrote before it read", history: `
		1-9  n1  x+1 x=[1]
		1-9  n2  x+2 x=[1,2]`},
	{name: "three lose updates, and all others append blindly", history: `
		1-9  n1  x=[] x+1
		1-9  n2  x=[] x+2
		1-9  n3  x=[] x+3
		1-9  n4  x=[]
		1-9  n5  x=[]
		1-9  n6  x+6
		1-9  n7  x+7`, found: "lost update"},
	{name: "one reads and appends, others read, others append", history: `
		1-9  n1  x=[] x+1
		1-9  n4  x=[]
		1-9  n5  x=[]
		1-9  n6  x+6
		1-9  n7  x+7`},

	{name: "read skew", history: `
		1-9  n1  x+1 y+1
		1-9  n2  x=[] y=[1]`, found: "G-single", proofs: []string{"T0 appended 1 to y, which T1 read; T1 read x without 1, which T0 appended"}},
	{name: "read skew, through a third", history: `
		1-9  n1  x+1
		1-9  n3  x=[1] y+1
		1-9  n2  x=[] y=[1]`, found: "G-single"},
	{name: "read skew, by a read that is not repeatable", history: `
		1-9  n1  x+1
		1-9  n2  x=[] x=[1]`, found: "G-single", proofs: []string{"T0 appended 1 to x, which T1 read; T1 read x without 1, which T0 appended"}},
	{name: "read skew, of one of unknown outcome that was seen", history: `
		1-   n1  x+1 y+1 info
		1-9  n2  x=[] y=[1]`, found: "G-single"},
	{name: "read skew, where more was read and appended", history: `
		1-9  n1  x=[] x+1 y+2
		1-9  n2  x+2 y+1
		1-9  n3  y=[1,2]`, found: "G-single", proofs: []string{
		"T0 read x without 2, which T1 appended, and appended to it as well; T1 appended 1 to y before T0 appended 2"}},
	{name: "read skew twice, with a transaction in common", history: `
		1-9  n1  x=[] z=[1]
		1-9  n2  x+1 y+1
		1-9  n3  y=[1] z+1 w=[] v=[1]
		1-9  n4  w+1 v+1`, found: "G-single"},
	{name: "no read skew", history: `
		1-9  n1  x+1 y+1
		1-   n3  x+2 y+2 info
		1-9  n2  x=[] y=[]`},
	{name: "read skew next to a lost update", history: `
		1-9  n1  x=[] x+1
		1-9  n2  x=[] x+2
		1-9  n3  x=[1,2]
		1-9  n1  y+1 z+1
		1-9  n2  y=[] z=[1]`, found: "lost update, G-single"},

	{name: "a long fork", history: `
		1-9  n1  x+1
		1-9  n2  y+1
		1-9  n3  x=[1] y=[]
		1-9  n4  x=[] y=[1]`, found: "G-nonadjacent", proofs: []string{"T0 appended 1 to x, which T2 read; T2 read y without 1, which T1 appended;" +
		" T1 appended 1 to y, which T3 read; T3 read x without 1, which T0 appended"}},
	{name: "a long fork, behind smaller cycles", history: `
		1-9  n1  x+1 b=[]
		1-9  n2  y+1 a=[]
		1-9  n3  x=[1] y=[] a+1
		1-9  n4  x=[] y=[1] b+1`, found: "G-nonadjacent, write skew", proofs: []string{"T0 appended 1 to x, which T2 read;"}},
	{name: "no fork", history: `
		1-9  n1  x+1
		1-9  n2  y+1
		1-9  n3  x=[1] y=[]
		1-9  n4  x=[1] y=[1]`},

	{name: "write skew", history: `
		1-9  n1  x=[] y+1
		1-9  n2  y=[] x+1`, found: "write skew", proofs: []string{"T0 read x without 1, which T1 appended; T1 read y without 1, which T0 appended"}},
	{name: "write skew, of one of unknown outcome", history: `
		1-9  n1  x=[] y+1
		1-   n2  y=? x+1 info
		1-9  n3  x=[1]`}, // nobody knows what it read
	{name: "no write skew: it failed", history: `
		1-9  n1  x=[] y+1
		1-9  n2  y=? x+1 fail`},
	{name: "no write skew", history: `
		1-9  n1  x=[] y+1
		1-9  n2  y=[1] x+1`},

	{name: "write skew, on a list that both append to", history: `
		1-9  n1  x=[] y+1
		1-9  n2  y=[] x+1 y+2`, found: "G-single", proofs: []string{"T1 read y without 1, which T0 appended, and appended to it as well"}},
	{name: "three anti-dependencies", history: `
		1-9  n1  x=[] y+1
		1-9  n2  y=[] z+1
		1-9  n3  z=[] x+1`, found: "G2", proofs: []string{"T0 read x without 1, which T2 appended; T2 read z without 1, which T1 appended;" +
		" T1 read y without 1, which T0 appended"}},
	{name: "two anti-dependencies in a row", history: `
		1-9  n1  x=[] y+1
		1-9  n2  y=[] z=[1]
		1-9  n3  z+1 x+1`, found: "G2"},
	{name: "anti-dependencies, not in a circle", history: `
		1-9  n1  x=[] y+1
		1-9  n2  y=[] z+1
		1-9  n3  z=[] w+1`},

	{name: "a stale read", options: TxnOptions{Level: StrictSerializable}, history: `
		1-2  n1  x+1
		3-4  n2  x=[]`, found: "G-single-realtime", proofs: []string{"T0 ended at step 2, before T1 began at step 3; T1 read x without 1, which T0 appended"}},
	{name: "a stale read, in the order of sessions", options: TxnOptions{Sessions: true}, history: `
		1-2  n1  x+1
		3-4  n2  x=[]`},
	{name: "its own session's stale read", options: TxnOptions{Sessions: true}, history: `
		1-2  n1  x+1
		3-4  n2  y+1
		3-4  n1  x=[]`, found: "G-single-session", proofs: []string{"n1 ended T0 before it began T2"}},
	{name: "a stale read that nobody asked about", history: `
		1-2  n1  x+1
		3-4  n1  x=[]`},
	{name: "no stale read: they share a step", options: TxnOptions{Level: StrictSerializable}, history: `
		1-3  n1  x+1
		3-4  n2  x=[]`},
	{name: "no stale read: its outcome was unknown, and it took effect later", options: TxnOptions{Level: StrictSerializable}, history: `
		1-   n1  x+1 info
		3-4  n1  x=[]
		5-6  n1  x=[1]`},
	{name: "read from the future", options: TxnOptions{Level: StrictSerializable}, history: `
		1-2  n1  x=[1]
		3-   n2  x+1 pending`, found: "G1c-realtime", proofs: []string{"T0 ended at step 2, before T1 began at step 3; T1 appended 1 to x, which T0 read"}},
	{name: "writes against real time, with many between them", options: TxnOptions{Level: StrictSerializable}, history: `
		1-2    n1  x+1
		3-4    n2  y+1
		5-6    n3  y+2
		7-8    n2  y+3
		9-10   n3  x+2
		11-12  n3  x=[2,1]`, found: "G0-realtime", proofs: []string{"T0 ended at step 2, before T4 began at step 9; T4 appended 2 to x before T0 appended 1"}},
	{name: "write skew goes without real time", options: TxnOptions{Level: StrictSerializable}, history: `
		1-9    n1  x=[] y+1
		1-9    n2  y=[] x+1
		10-11  n1  x=[]`, found: "G-single-realtime, write skew"},
}

func TestTransactions(t *testing.T) {
	for _, c := range txnStories {
		t.Run(c.name, func(t *testing.T) {
			ops := txnsOf(t, c.history)
			r := Transactions(c.options, ops)
			var names []string
			for _, a := range r.Anomalies {
				names = append(names, a.Name())
				require.NotEmpty(t, a.Ops)
			}
			require.ElementsMatch(t, strings.Split(c.found, ", "), strings.Split(strings.Join(names, ", "), ", "), "%v", r.Anomalies)
			for level := ReadUncommitted; level <= StrictSerializable; level++ {
				if level == StrictSerializable && c.options.Level != level {
					continue
				}
				o := c.options
				o.Level = level
				r := Transactions(o, ops)
				want := Valid
				for _, a := range r.Anomalies {
					if a.Excludes() <= level {
						want = Invalid
					}
				}
				require.Equal(t, want, r.Result().Verdict, "%v: %v", level, r.Anomalies)
			}
			text := r.Result().String()
			for _, p := range c.proofs {
				require.Contains(t, text, p)
			}
			if c.found != "" {
				require.Equal(t, Invalid, r.Result().Verdict)
				require.True(t, slices.IsSortedFunc(r.Result().Ops, byInvocation))
				t.Log(text)
			}
			slices.Reverse(ops)
			again := Transactions(c.options, ops)
			require.Equal(t, text, again.Result().String(), "whatever the order of operations")
		})
	}
}

func TestTransactionsLevels(t *testing.T) {
	for kind, weakest := range map[AnomalyKind]Level{
		Garbage: ReadUncommitted, Duplicate: ReadUncommitted, Internal: ReadUncommitted, G0: ReadUncommitted,
		G1a: ReadCommitted, G1b: ReadCommitted, G1c: ReadCommitted, IncompatibleOrder: ReadCommitted,
		LostUpdate: SnapshotIsolation, GSingle: SnapshotIsolation, GNonadjacent: SnapshotIsolation,
		WriteSkew: Serializable, G2: Serializable,
	} {
		require.Equal(t, weakest, Anomaly{Kind: kind}.Excludes(), kind)
		require.Equal(t, weakest, Anomaly{Kind: kind, Order: SessionOrder}.Excludes(), kind)
		require.Equal(t, StrictSerializable, Anomaly{Kind: kind, Order: RealTime}.Excludes(), kind)
	}
}

func TestTransactionsResult(t *testing.T) {
	r := Transactions(TxnOptions{}, nil)
	require.Equal(t, `unknown always "isolation is at least serializable": no transaction has a known outcome`, r.Result().String())
	r = Transactions(TxnOptions{Level: SnapshotIsolation, Sessions: true}, txnsOf(t, "1-2 n1 x+1"))
	require.Equal(t, `valid always "isolation is at least snapshot isolation, in the order of sessions"`, r.Result().String())
	_, ruled := r.RuledOut()
	require.False(t, ruled)

	two := txnsOf(t, `
		1-2  n1  x+1
		1-2  n2  y+1
		3-4  n1  x=[1] y=[]
		3-4  n2  y=[1] x=[]
		5-6  n1  z=[]
		5-6  n2  z+1  fail
		7-8  n1  z=[1]`)
	r = Transactions(TxnOptions{}, two)
	require.Greater(t, len(r.Result().Ops), len(r.Result().Witnesses()))
	require.Equal(t, r.Anomalies[0].Ops, r.Result().Witnesses(), "those of the first anomaly")

	r = Transactions(TxnOptions{}, txnsOf(t, `
		1-   n1  x+5  info
		1-   n2  x+7  info
		1-2  n3  x+6
		1-2  n4  x=[6]
		1-2  n4  x=[5]`))
	require.Equal(t, 4, r.Committed, "all but one that nobody has seen")

	skew := txnsOf(t, `
		1-9  n1  a+1 b+1 c+1 d+1 x=[] e+1 f+1 g+1 y+1
		2-8  n2  y=[] x+1`)
	r = Transactions(TxnOptions{Level: SnapshotIsolation}, skew)
	require.Equal(t, Valid, r.Result().Verdict)
	weakest, ruled := r.RuledOut()
	require.True(t, ruled)
	require.Equal(t, Serializable, weakest)
	require.Nil(t, r.Find(G2))
	require.Equal(t, 2, r.Committed)
	require.Equal(t, skew, r.Find(WriteSkew).Ops)
	r.Options.Level = Serializable
	require.Equal(t, skew, r.Result().Witnesses())
	require.Equal(t, `invalid always "isolation is at least serializable": write skew rules out serializable and all that is stronger
write skew: T0 read x without 1, which T1 appended; T1 read y without 1, which T0 appended
  T0  n1  1–9  …, read x → [], …, append y 1
  T1  n2  2–8  read y → [], append x 1`, r.Result().String())
}

func TestTransactionsOfOthers(t *testing.T) {
	require.PanicsWithValue(t, "checkers: 1 is appended to x by T0 and by T1", func() {
		Transactions(TxnOptions{}, txnsOf(t, "1-2 n1 x+1 fail\n 3-4 n1 x+1"))
	})
	require.PanicsWithValue(t, "checkers: checkers.Get is not a transaction", func() {
		Transactions(TxnOptions{}, []*sim.Op{{Input: Get{"x"}}})
	})
	require.PanicsWithValue(t, "checkers: T0 of n1 ends at step 2, before it began at 3", func() {
		Transactions(TxnOptions{}, txnsOf(t, "3-2 n1 x+1"))
	})
	blind := []*sim.Op{{Client: 1, Call: 1, Return: 2, Outcome: sim.OK, Input: Txn{ListAppend{"x", 1}, ListRead{Key: "y"}}}}
	r := Transactions(TxnOptions{}, blind)
	require.Equal(t, Valid, r.Result().Verdict, "no output tells nothing of what was read")
	require.Equal(t, "append x 1, read y", blind[0].Input.(Txn).String())
}

// TestTransactionsSmallest: the proof is the shortest cycle there is, even if long ones are met first.
func TestTransactionsSmallest(t *testing.T) {
	var b strings.Builder
	const n = 30
	for i := range n { // a ring of wr: Ti appends to ki, and reads k(i+1)
		fmt.Fprintf(&b, "1-9 n%d k%d+1 k%d=[1]\n", i+1, i, (i+1)%n)
	}
	ops := txnsOf(t, b.String())
	r := Transactions(TxnOptions{}, ops)
	require.Len(t, r.Find(G1c).Ops, n)
	chord := ops[20].Output.(Txn)
	ops[20].Output = append(slices.Clone(chord), ListRead{"k17", []int{1}}) // 20 → … but 17 → 20 too
	ops[16].Output = append(slices.Clone(ops[16].Output.(Txn)), ListRead{"k20", []int{1}})
	r = Transactions(TxnOptions{}, ops)
	require.Len(t, r.Find(G1c).Ops, 4, "%v", r.Find(G1c))
}

// TestTransactionsSmallestInTime: what lies between two transactions in time does not count, only those in the cycle do.
func TestTransactionsSmallestInTime(t *testing.T) {
	r := Transactions(TxnOptions{Level: StrictSerializable}, txnsOf(t, `
		1-9    n1  k+2 m+1
		1-2    n2  m+2
		5-6    n3  k+1         # T2 → T0 → T1 → T2
		10-11  n4  p+1
		12-13  n4  q+1
		14-15  n4  q+2
		16-17  n4  q+3
		18-19  n4  p+2         # T7 → T3 → T7
		20-21  n4  k=[1,2]
		20-21  n4  m=[1,2]
		20-21  n4  p=[2,1]`))
	require.Equal(t, RealTime, r.Find(G0).Order)
	require.Len(t, r.Find(G0).Ops, 2, "%v", r.Find(G0))
}

// TestTransactionsRing: a huge cycle does not take huge time, and its proof is cut short.
func TestTransactionsRing(t *testing.T) {
	const n = 100_000
	ops := make([]*sim.Op, n)
	for i := range ops { // an rw from each to the next, around
		k, next := fmt.Sprint("k", i), fmt.Sprint("k", (i+1)%n)
		ops[i] = &sim.Op{ID: i, Client: 1, Call: 1, Return: 9, Outcome: sim.OK,
			Input: Txn{ListAppend{k, 1}, ListRead{Key: next}}, Output: Txn{ListAppend{k, 1}, ListRead{next, nil}}}
	}
	r := Transactions(TxnOptions{Level: StrictSerializable}, ops)
	require.Len(t, r.Anomalies, 1)
	require.Equal(t, G2, r.Anomalies[0].Kind)
	require.Contains(t, r.Anomalies[0].Proof, "; (99960 more); ")
	require.Less(t, len(r.Result().String()), 10_000)
}
