package scenarios_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
)

// An account goes on whatever has become of the partitions of others: with the broker of one away, the executors of the
// others decide as soon as ever.
func TestAccountsGoOnWithoutOthers(t *testing.T) {
	s, err := scenarios.Catalogue().Find("olep/payments@12")
	require.NoError(t, err)
	others := 0
	for seed := range uint64(10) {
		p := s.Plan(seed + 1)
		from, until := 4*time.Second, p.Duration-4*time.Second
		p.Faults = []nemesis.Event{{At: from, Until: until, Fault: nemesis.Crash{Target: nemesis.Target{Node: 1}}}}
		asked := map[string]clock.Time{}
		res := s.Run(p, scenarios.Options{Observer: statements(func(step *sim.Step) {
			switch f := step.Payload.(type) {
			case olep.Appended:
				for i := range f.Entries {
					if stage, m, err := olep.ParsePayment(&f.Entries[i].Record); err == nil && stage == olep.Requested && asked[m.ID] == 0 {
						asked[m.ID] = step.At
					}
				}
			case olep.PaymentDecided:
				if at := asked[f.ID]; at > clock.Time(from) && step.At < clock.Time(until) {
					others++
					require.Less(t, step.At.Sub(at), time.Second, "%s of seed %d", f.ID, p.Seed)
				}
			}
		})})
		require.Equal(t, checkers.Valid, res.Verdict, res.Detail)
	}
	require.Greater(t, others, 100)
}
