package scenarios_test

import (
	"testing"

	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/simtest"
)

func run(t *testing.T, name string) {
	s, err := scenarios.Catalogue().Find(name)
	if err != nil {
		t.Fatal(err)
	}
	simtest.Run(t, s)
}

func TestRaftKV(t *testing.T)            { run(t, "raft/kv") }
func TestRaftLog(t *testing.T)           { run(t, "raft/log") }
func TestRaftElection(t *testing.T)      { run(t, "raft/election") }
func TestRaftDeposed(t *testing.T)       { run(t, "raft/deposed") }
func TestArithmeticActive(t *testing.T)  { run(t, "arithmetic/active") }
func TestArithmeticBackup(t *testing.T)  { run(t, "arithmetic/backup") }
func TestArithmeticArrival(t *testing.T) { run(t, "arithmetic/arrival") }

func TestMessagesAreNotChanged(t *testing.T) {
	t.Setenv("SEEDBED_SEEDS", "1-3")
	for _, s := range scenarios.Catalogue().All() {
		simtest.Messages(t, s)
	}
}
