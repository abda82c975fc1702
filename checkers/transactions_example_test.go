package checkers_test

import (
	"fmt"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/sim"
)

// Two doctors go off duty, each because the other one is on. Clients record such a history with sim.Invoke(env, Txn{…})
// and sim.Complete(env, op, sim.OK, Txn{…}).
func ExampleTransactions() {
	history := []*sim.Op{
		{ID: 0, Client: 1, Call: 10, Return: 15, Outcome: sim.OK,
			Input:  checkers.Txn{checkers.ListRead{Key: "bob"}, checkers.ListAppend{Key: "alice", Element: 1}},
			Output: checkers.Txn{checkers.ListRead{Key: "bob", List: []int{}}, checkers.ListAppend{Key: "alice", Element: 1}}},
		{ID: 1, Client: 2, Call: 11, Return: 14, Outcome: sim.OK,
			Input:  checkers.Txn{checkers.ListRead{Key: "alice"}, checkers.ListAppend{Key: "bob", Element: 1}},
			Output: checkers.Txn{checkers.ListRead{Key: "alice", List: []int{}}, checkers.ListAppend{Key: "bob", Element: 1}}},
	}
	for _, level := range []checkers.Level{checkers.SnapshotIsolation, checkers.Serializable} {
		report := checkers.Transactions(checkers.TxnOptions{Level: level}, history)
		fmt.Println(report.Result())
	}
	// Output:
	// valid always "isolation is at least snapshot isolation"
	// invalid always "isolation is at least serializable": write skew rules out serializable and all that is stronger
	// write skew: T0 read bob without 1, which T1 appended; T1 read alice without 1, which T0 appended
	//   T0  n1  10–15  read bob → [], append alice 1
	//   T1  n2  11–14  read alice → [], append bob 1
}
