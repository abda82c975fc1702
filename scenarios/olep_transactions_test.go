package scenarios_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/scenarios"
)

func TestOlepTransactions(t *testing.T)      { run(t, "olep/transactions") }
func TestOlepReadSkew(t *testing.T)          { run(t, "olep/read-skew") }
func TestOlepSplitTransactions(t *testing.T) { run(t, "olep/split-transactions") }

// Demonstrations name what they show, and soon: that a level is ruled out would not say by what.
func TestOlepAnomaliesHaveTheirNames(t *testing.T) {
	for name, anomaly := range map[string]string{"olep/read-skew": "G-single: ", "olep/split-transactions": "G0: "} {
		s, err := scenarios.Catalogue().Find(name)
		require.NoError(t, err)
		named := uint64(0)
		for seed := uint64(1); seed <= 50 && named == 0; seed++ {
			if r := s.RunSeed(seed, scenarios.Options{}); strings.Contains(r.Detail, anomaly) {
				named = seed
			}
		}
		require.NotZero(t, named, "%s has not named %s", name, anomaly)
		t.Logf("%s names %s in seed %d", name, anomaly, named)
	}
}
