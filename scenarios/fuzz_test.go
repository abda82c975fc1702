package scenarios_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/simtest"
)

// FuzzElection mutates plans of faults; testdata/fuzz has some that reached much.
func FuzzElection(f *testing.F) {
	s, err := scenarios.Catalogue().Find("raft/election")
	require.NoError(f, err)
	simtest.Fuzz(f, s)
}
