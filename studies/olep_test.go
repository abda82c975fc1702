package studies_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/studies"
)

// rows are the means of a study, by the words of its cases.
func rows(r *studies.Result) map[string][]float64 {
	m := map[string][]float64{}
	for i, c := range r.Design.Cases {
		key := strings.Join(c.Words, " ")
		for _, v := range r.Rows[i].Values {
			m[key] = append(m[key], v.Mean)
		}
	}
	return m
}

// Columns of olep/scaling.
const decided, efficiency, complete, busiest, answered, posted = 0, 1, 2, 3, 4, 6

// With fees sharded by the payer's partition nothing is shared, and payments scale as the article has it.
func TestPaymentsScale(t *testing.T) {
	m := rows(measure(t, "olep/scaling", 2, "--variant", "sharded", "--partitions", "1,4,16"))
	one := m["sharded 1"][decided]
	require.Less(t, one, 12_500.0, "4 records of 20 µs take 80 µs")
	require.Greater(t, one, 12_500*0.7, "an executor that is never idle")
	for _, n := range []string{"sharded 4", "sharded 16"} {
		require.Greater(t, m[n][efficiency], 0.9, n)
		require.InEpsilon(t, m[n][decided], m[n][complete], 0.05, "a steady state")
	}
}

// One fee log has a record of each payment, and its executor takes so many a second.
func TestOneFeeLogIsAKnee(t *testing.T) {
	r := measure(t, "olep/scaling", 2, "--variant", "unsharded", "--partitions", "1,2,8,32")
	m := rows(r)
	require.Greater(t, m["unsharded 2"][efficiency], 0.7)
	for n, bound := range map[string]float64{"unsharded 8": 50_000 * 8 / 11, "unsharded 32": 50_000 * 32 / 35} {
		require.Less(t, m[n][complete], bound*1.02, n)
		require.Greater(t, m[n][complete], bound*0.8, n)
		require.Greater(t, m[n][busiest], 80.0, n)
	}
	require.Less(t, m["unsharded 32"][efficiency], 0.25)
	require.Contains(t, r.Notes()[len(r.Notes())-1], "the knee is at ")

	// Whoever is content with the decision does not wait for fees: others scale on, and the fees fall behind.
	m = rows(measure(t, "olep/scaling", 1, "--variant", "unsharded", "--partitions", "16", "--until", "decided"))
	require.Greater(t, m["unsharded 16"][decided], 2*m["unsharded 16"][complete])
}

// Hot accounts keep their own partitions busy; the others have time left.
func TestHotAccountsAreApart(t *testing.T) {
	m := rows(measure(t, "olep/scaling", 1, "--variant", "hot", "--partitions", "20"))
	hot, others := m["hot: hot ones 20"], m["hot: others 20"]
	require.InEpsilon(t, m["hot 20"][decided], hot[decided]+others[decided], 1e-9)
	require.Greater(t, hot[busiest], others[busiest]*1.2)
	require.Greater(t, hot[answered], others[answered])
	require.Greater(t, hot[posted], 2*others[posted])
}

// The article: an account's progress does not depend on whether the partitions of others are up.
func TestPaymentsAreIsolated(t *testing.T) {
	m := rows(measure(t, "olep/isolation", 3, "--partitions", "8", "--window", "500ms"))
	const late = 8
	for _, wrong := range []string{"dead", "slow"} {
		for _, differs := range []int{1, 3, 5, 7} {
			require.InDelta(t, 0, m[wrong][differs], 5, "%s, column %d: %v", wrong, differs, m[wrong])
		}
		require.Zero(t, m[wrong][late], wrong)
	}
	require.Zero(t, m["healthy"][late])

	// It is the forwarders that must not let one wait for another.
	m = rows(measure(t, "olep/isolation", 1, "--partitions", "8", "--window", "500ms", "--variant", "dead", "--in-turn"))
	require.InDelta(t, 0, m["dead"][1], 5, "executors decide as ever")
	require.Greater(t, m["dead"][5], 1000.0, "but what others are paid waits for the dead")
}

func TestOlepStudiesRefuse(t *testing.T) {
	for study, refusals := range map[string]map[string]string{
		"olep/scaling": {
			"--clients 1":         "--clients: a partition of 1",
			"--cost 0s":           "--cost: 0s",
			"--until tomorrow":    `--until: a payment is over when it is complete or decided, not "tomorrow"`,
			"--hot 0":             "--hot: 0%",
			"--heat 0":            "--heat: 0 times",
			"--draw answered":     "--draw: there is decided and efficiency",
			"--partitions 0":      "--partitions: 0",
			"--variant sharded,x": `--variant: there is no "x", but sharded, `,
		},
		"olep/isolation": {
			"--partitions 1": "--partitions: of 1",
			"--clients 1":    "--clients: a partition of 1",
			"--think 0s":     "--think: 0s",
			"--cost 1s":      "--cost: 1s",
			"--slow 1us":     "--slow: 1µs is out of range; write 20µs",
			"--window 0s":    "--window: 0s",
			"--draw decided": "--draw: there is answered and posted",
			"--variant gone": `--variant: there is no "gone", but healthy, `,
		},
	} {
		for flags, want := range refusals {
			_, err := design(t, study, strings.Fields(flags)...)
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "\n")
		}
	}
}

func TestOlepStudiesDraw(t *testing.T) {
	for study, curves := range map[string][]string{
		"olep/scaling --partitions 1,4,8 --clients 4":                                             {"unsharded", "hot: hot ones", "one fee log: N + 3 records of N payments"},
		"olep/scaling --partitions 1,4,8 --clients 4 --draw efficiency":                           {"sharded", "hot: others"},
		"olep/isolation --partitions 2 --clients 2 --window 100ms":                                {"dead", "slow"},
		"olep/isolation --partitions 2 --clients 2 --window 100ms --variant dead --draw answered": {"dead"},
	} {
		words := strings.Fields(study)
		d, err := design(t, words[0], words[1:]...)
		require.NoError(t, err)
		r := run(t, d, 2, 2)
		require.Equal(t, fmt.Sprint(r.Rows), fmt.Sprint(run(t, d, 2, 1).Rows), "workers change nothing")
		var svg bytes.Buffer
		require.NoError(t, r.Draw(&svg, "svg"))
		for _, curve := range curves {
			require.Contains(t, svg.String(), ">"+curve+"<")
		}
	}
}
