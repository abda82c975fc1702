package olep_test

import (
	"testing"

	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/models/olep/logtest"
	"github.com/seedbed-sim/seedbed/sim"
)

func TestSingleIsALog(t *testing.T) {
	logtest.Run(t, 1, func([]sim.NodeID) olep.NewLog { return olep.NewSingle })
}
