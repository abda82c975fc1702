package scenarios_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
)

func TestOlepDualWrites(t *testing.T) { run(t, "olep/dual-writes") }
func TestOlepTwoPhase(t *testing.T)   { run(t, "olep/two-phase") }
func TestOlepOneLog(t *testing.T)     { run(t, "olep/one-log") }
func TestOlepAssets(t *testing.T)     { run(t, "olep/assets") }

// The demonstration shows that two-phase commit blocks, and no mistake: where all coordinators come back, all is decided, and
// the stores are alike.
func TestTwoPhaseIsRightWhereNothingBlocks(t *testing.T) {
	s, err := scenarios.Catalogue().Find("olep/two-phase")
	require.NoError(t, err)
	for seed := uint64(1); seed <= 60; seed++ {
		plan := s.Plan(seed)
		plan.Core = nil
		plan.Faults = slices.DeleteFunc(plan.Faults, func(e nemesis.Event) bool { return e.Until == nemesis.Forever })
		r := s.Run(plan, scenarios.Options{})
		require.Equal(t, checkers.Valid, r.Verdict, "seed %d: %s", seed, r.Line())
	}
}
