package scenarios_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/scenarios"
)

func seedsTo(n uint64) func() (uint64, bool) {
	next := uint64(0)
	return func() (uint64, bool) { next++; return next, next <= n }
}

func TestCatalogue(t *testing.T) {
	for _, s := range scenarios.Catalogue().All() {
		t.Run(s.Name, func(t *testing.T) {
			tally := s.Sweep(context.Background(), scenarios.SweepOptions{Seeds: seedsTo(200)})
			t.Logf("%d seeds: %d valid, %d invalid, %d unknown, %d steps", tally.Seeds, tally.Valid, tally.Invalid, tally.Unknown, tally.Steps)
			for _, c := range tally.Counts() {
				t.Logf("  %-30s median %d", c, tally.Median(c))
			}
			t.Logf("missing: %v, low: %v", tally.Missing(), tally.BelowFloor())
			for _, f := range tally.Findings {
				t.Logf("  %s: %d runs, seeds %v", f.Signature, f.Runs, f.Seeds[:min(5, len(f.Seeds))])
				if !f.Expected {
					r := s.RunSeed(f.Seeds[0], scenarios.Options{})
					t.Logf("    %s: %s (step %d at %s)\n%s", r.Property, r.Detail, r.Step, r.At, r.Stack)
				}
			}
			require.True(t, tally.AsExpected())
		})
	}
}
