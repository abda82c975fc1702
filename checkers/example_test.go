package checkers_test

import (
	"fmt"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/sim"
)

// A stale read, as a client's history shows it.
func ExampleLinearizable() {
	history := []*sim.Op{
		{ID: 0, Client: 1, Call: 10, Return: 14, Outcome: sim.OK, Input: checkers.Put{Key: "x", Text: "old"}},
		{ID: 1, Client: 1, Call: 20, Return: 25, Outcome: sim.OK, Input: checkers.Put{Key: "x", Text: "new"}},
		{ID: 2, Client: 2, Call: 22, Outcome: sim.Info, Input: checkers.Delete{Key: "x"}},
		{ID: 3, Client: 2, Call: 30, Return: 31, Outcome: sim.OK, Input: checkers.Get{Key: "x"},
			Output: checkers.Value{Text: "old", Found: true}},
	}
	fmt.Println(checkers.Linearizable(checkers.KVModel(), history))
	// Output:
	// invalid always "a key-value store is linearizable": key x: get x → "old" of n2 has no place: after the 2 operations that can be ordered before it, the state is "new"
	//   order  steps  client  operation
	//   1      10–14  n1      put x "old"
	//   2      20–25  n1      put x "new"
	//   !      30–31  n2      get x → "old"
}

// What a scenario does with a model's facts. World.Fail takes the place of fail.
func ExampleRaft() {
	fail := func(property, detail string) { fmt.Printf("%s: %s\n", property, detail) }
	set := checkers.NewSet(fail)
	raft := checkers.NewRaft(set)
	cutOff := set.Sometimes("a leader was cut off")

	type BecameLeader struct{ Term, LastIndex uint64 }
	watch := func(node sim.NodeID, fact any) {
		switch f := fact.(type) {
		case BecameLeader:
			raft.Leader(node, f.Term, f.LastIndex)
		}
	}
	watch(1, BecameLeader{Term: 7})
	cutOff.Hold()
	watch(3, BecameLeader{Term: 7})

	var sweep checkers.Sweep
	sweep.Add(set)
	fmt.Println(sweep.Missing(1))
	// Output:
	// always "at most one leader per term": n1 and n3 both lead term 7
	// [always "a leader has all entries committed in earlier terms" always "a leader only appends to its log" always "all members commit and apply the same entry at an index" always "logs with an equal entry are equal up to it"]
}
