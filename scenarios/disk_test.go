package scenarios_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
)

func TestDiskWAL(t *testing.T) { run(t, "disk/wal") }

// Each fault of a disk breaks what uses the disk naively: with the fault, and without it never. The write-ahead log under
// the same fault is never broken, though it was struck as well, and said so where there was something to say.
func TestDiskFaultsBreakTheNaive(t *testing.T) {
	const seeds = 60
	for _, c := range []struct {
		fault  string
		strike string // what is counted when it strikes
		told   bool   // the log reports it
	}{
		{"lose_unsynced", "crashes with unsynced data", false},
		{"torn_write", "torn writes", false},
		{"sync_error", "syncs failed", true},
		{"disk_full", "writes refused", true},
		{"slow_disk", "syncs slowed", false},
		{"bit_rot", "bytes rotten", true},
		{"misdirected_write", "sectors misdirected", true},
		{"read_error", "sectors unreadable", true},
		{"wipe", "disks wiped", true},
	} {
		t.Run(c.fault, func(t *testing.T) {
			naive, err := scenarios.Catalogue().Find("disk/naive-" + strings.ReplaceAll(c.fault, "_", "-"))
			require.NoError(t, err)
			is := func(e nemesis.Event) bool { return nemesis.KindName(e.Fault) == c.fault }
			broken, first, struck := 0, uint64(0), int64(0)
			for seed := uint64(1); seed <= seeds; seed++ {
				plan := naive.Plan(seed)
				r := naive.Run(plan, scenarios.Options{})
				require.True(t, r.Expected, "seed %d: %s", seed, r.Line())
				struck += r.Contents.Get(c.strike)
				if r.Verdict != checkers.Invalid {
					continue
				}
				if broken++; first == 0 {
					first = seed
				}
				plan.Faults = slices.DeleteFunc(plan.Faults, is)
				r = naive.Run(plan, scenarios.Options{})
				require.Equal(t, checkers.Valid, r.Verdict, "seed %d, without the fault: %s", seed, r.Line())
			}
			require.Positive(t, broken, "%s never violated", naive.Anomaly)
			require.Positive(t, struck)

			found, err := scenarios.Catalogue().Find("disk/wal")
			require.NoError(t, err)
			log := *found
			log.Space.Faults = slices.DeleteFunc(slices.Clone(log.Space.Faults), func(k nemesis.FaultKind) bool {
				return k.Kind != c.fault && k.Kind != "crash"
			})
			log.Space.Swarm = false
			struck = 0
			told := int64(0)
			for seed := uint64(1); seed <= seeds; seed++ {
				r := log.RunSeed(seed, scenarios.Options{})
				require.Equal(t, checkers.Valid, r.Verdict, "seed %d: %s", seed, r.Line())
				struck += r.Contents.Get(c.strike)
				told += r.Contents.Get("errors reported")
			}
			require.Positive(t, struck)
			require.Equal(t, c.told, told > 0, "%d errors reported", told)
			t.Logf("%s: the naive broke in %d of %d seeds, first in %d; the log in none: struck %d times, %d errors reported",
				c.fault, broken, seeds, first, struck, told)
		})
	}
}
