package scenarios_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
)

func TestOlepDualWrites(t *testing.T)   { run(t, "olep/dual-writes") }
func TestOlepTwoPhase(t *testing.T)     { run(t, "olep/two-phase") }
func TestOlepLastResource(t *testing.T) { run(t, "olep/last-resource") }
func TestOlepOneLog(t *testing.T)       { run(t, "olep/one-log") }
func TestOlepAssets(t *testing.T)       { run(t, "olep/assets") }

// The demonstration shows that two-phase commit blocks, and no mistake: where all coordinators come back, all is decided, and
// the stores are alike.
func TestTwoPhaseIsRightWhereNothingBlocks(t *testing.T) {
	rightWithout(t, "olep/two-phase", func(e nemesis.Event) bool { return e.Until == nemesis.Forever })
}

// What a store that cannot prepare takes is crashes: where there are none, the stores are alike.
func TestLastResourceIsRightWhereNothingCrashes(t *testing.T) {
	network := []string{"pause", "partition", "isolate", "lossy", "duplicating", "reordering", "slow", "heavy_tail", "flaky"}
	rightWithout(t, "olep/last-resource", func(e nemesis.Event) bool { return !slices.Contains(network, nemesis.KindName(e.Fault)) })
}

// rightWithout runs a scenario without some faults.
func rightWithout(t *testing.T, name string, without func(e nemesis.Event) bool) {
	t.Helper()
	s, err := scenarios.Catalogue().Find(name)
	require.NoError(t, err)
	for seed := uint64(1); seed <= 60; seed++ {
		plan := s.Plan(seed)
		plan.Core = nil
		plan.Faults = slices.DeleteFunc(plan.Faults, without)
		r := s.Run(plan, scenarios.Options{})
		require.Equal(t, checkers.Valid, r.Verdict, "seed %d: %s", seed, r.Line())
	}
}
