package scenarios

import (
	"fmt"
	"testing"

	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/models/olep/logtest"
	"github.com/seedbed-sim/seedbed/models/raft"
	"github.com/seedbed-sim/seedbed/sim"
)

func TestRaftIsALog(t *testing.T) {
	for _, copies := range []int{1, 3, 5} {
		t.Run(fmt.Sprint(copies), func(t *testing.T) {
			logtest.Run(t, copies, func(peers []sim.NodeID) olep.NewLog {
				return newOlepRaft(raft.Config{Peers: peers, PreVote: true, CheckQuorum: true})
			})
		})
	}
}
