package studies_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/studies"
)

// The paper argues in section 3.3 that the orders differ in what they leave stale when messages cannot carry all. Breadth
// spreads each message over all owners, and so sends the oldest updates of each, many of which their successors are about to
// replace, or others have told. Depth catches up with those owners of whom most is missing, as a whole, and does better.
// Precise reconciliation that prefers the newest leaves the fewest stale but starves some: its worst is the worst of all.
func TestOrdersDifferUnderOverload(t *testing.T) {
	r := measure(t, "gossip/scuttlebutt", 12)
	column := func(row, column int) studies.Estimate { return r.Rows[row].Values[column] }
	less := func(a, b studies.Estimate, what string) {
		t.Helper()
		require.Less(t, a.Mean+a.Half, b.Mean-b.Half, what)
	}
	const depth, breadth, newest, flow = 0, 1, 3, 4
	const worst, mean, backlog, recovery, updates = 0, 1, 2, 3, 4
	less(column(depth, worst), column(breadth, worst), "worst staleness")
	less(column(depth, mean), column(breadth, mean), "mean staleness")
	less(column(depth, backlog), column(breadth, backlog), "backlog")
	for other := range newest {
		less(column(other, worst), column(newest, worst), "the newest first starves the others")
		less(column(newest, backlog), column(other, backlog), "but leaves few")
	}
	// Flow control (section 4) bounds the backlog, whatever the order: it does not grow with the overload, as it does
	// without, at the price of updates that are not made.
	for order := range flow {
		without, with := r.Rows[order], r.Rows[order+flow]
		require.Less(t, with.Values[backlog].Mean, without.Values[backlog].Mean/4)
		less(with.Values[worst], studies.Estimate{Mean: without.Values[worst].Mean / 3}, "worst staleness")
		less(with.Values[recovery], without.Values[recovery], "recovery")
		less(with.Values[updates], without.Values[updates], "updates")
		require.Less(t, with.Trace[75-1].Mean, 1.5*with.Trace[40-1].Mean, "it does not grow")
		require.Greater(t, without.Trace[75-1].Mean, 1.5*without.Trace[40-1].Mean, "it grows")
		require.Greater(t, with.Values[updates].Mean, 1.0, "it is no standstill")
	}
}

func TestScuttlebuttParameters(t *testing.T) {
	for _, c := range []struct {
		arg, err string
	}{
		{"--sites=0", "--sites: there are 2 to 1000, not 0"},
		{"--sites=1001", "--sites: there are 2 to 1000, not 1001"},
		{"--keys=0", "--keys: a map has 1 to 1000, not 0"},
		{"--limit=0", "--limit: a message holds a delta at least, not 0"},
		{"--rate=0", "--rate: between 0.01 and 1000 per second, not 0"},
		{"--rate=NaN", "--rate: between 0.01 and 1000 per second, not NaN"},
		{"--overload=0.5", "--overload: between 1 and 100 times as many, not 0.5"},
	} {
		_, err := design(t, "gossip/scuttlebutt", c.arg)
		require.EqualError(t, err, c.err)
	}
}
