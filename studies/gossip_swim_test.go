package studies_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// swimMeans are the means of a column, by detector and the place of the case.
func swimMeans(t *testing.T, seeds uint64, column string, flags ...string) map[string][]float64 {
	t.Helper()
	r := measure(t, "gossip/swim", seeds, flags...)
	means := map[string][]float64{}
	for i, c := range r.Design.Cases {
		for k, col := range r.Design.Columns {
			if col.Name == column {
				means[c.Series] = append(means[c.Series], r.Rows[i].Values[k].Mean)
			}
		}
	}
	return means
}

// Lifeguard was made for this: members that are paused take others for dead.
func TestLifeguardLowersFalsePositives(t *testing.T) {
	for _, column := range []string{"false", "among healthy"} {
		m := swimMeans(t, 4, column, "--members", "32")
		require.Zero(t, m["swim"][0])
		require.Zero(t, m["lifeguard"][0])
		for i := 1; i < 6; i++ {
			require.Greater(t, m["swim"][i], 100.0)
			require.Less(t, 5*m["lifeguard"][i], m["swim"][i], "%s, case %d", column, i)
		}
	}
}

// It is late messages that do the harm, not the pause: who stops whole takes acks and timeouts in the order they came in.
func TestWhoStopsWholeDoesNoHarm(t *testing.T) {
	m := swimMeans(t, 2, "false", "--members", "32", "--stop")
	require.Equal(t, make([]float64, 6), m["swim"])
	require.Equal(t, make([]float64, 6), m["lifeguard"])
}

// What a member sends does not depend on the size of the group (SWIM paper, section 3.1), whether packets are lost or not.
func TestSwimLoadIsConstant(t *testing.T) {
	for _, loss := range []string{"0", "5"} {
		for detector, loads := range swimMeans(t, 2, "messages", "--over", "members", "--loss", loss) {
			require.Len(t, loads, 5)
			for _, load := range loads {
				require.InEpsilon(t, loads[0], load, 0.1, "%s, %s%% lost: %v", detector, loss, loads)
			}
		}
	}
}

// Detection takes a probe, which takes a period or so whatever the size, and a suspicion, which grows with its logarithm.
func TestSwimDetectionTime(t *testing.T) {
	m := swimMeans(t, 10, "first", "--over", "members")
	for _, detector := range []string{"swim", "lifeguard"} {
		for i, suspicion := range []float64{6.02, 7.53, 9.03, 10.54, 12.04} { // 5 log10 n
			require.Greater(t, m[detector][i], suspicion)
			require.Less(t, m[detector][i], suspicion+4)
		}
	}
}

// A timeout by phi follows the network, and errs no more than it says where the network is as it assumes, or nearly.
func TestPhiFollowsTheNetwork(t *testing.T) {
	flags := []string{"--over", "latency", "--members", "32", "--detectors", "swim,swim-phi"}
	doubt := swimMeans(t, 3, "doubt", flags...)
	for i, latency := range []float64{0.005, 0.02, 0.05, 0.1, 0.15, 0.2} {
		require.InDelta(t, 0.5, doubt["swim"][i], 1e-3)
		if latency < 0.15 { // from there on it is cut, to leave time for indirect pings
			require.InEpsilon(t, 2*latency+3.09*1.414*latency, doubt["swim-phi"][i], 0.2)
		}
	}
	given := swimMeans(t, 3, "given up", flags...)
	require.Less(t, given["swim-phi"][3], given["swim"][3], "the network is slower than a fixed timeout expects")
	require.Greater(t, given["swim-phi"][0], given["swim"][0], "and where it is faster, phi gives up sooner")
}

func TestSwimStudyRefuses(t *testing.T) {
	for flags, want := range map[string]string{
		"--members 2":                          "--members: a group of 2",
		"--over loss --members 16 --paused 15": "--paused: 15 of 16 members are too many",
		"--paused 3":                           "--paused: it is varied",
		"--over members --members 10":          "--members: it is varied",
		"--loss 100":                           "--loss: 100%",
		"--over moon":                          `--over: "moon"`,
		"--detectors swim,ping":                `--detectors: there is no "ping", but swim, `,
		"--detectors=":                         "--detectors: name one or more",
		"--latency 0s":                         "--latency: 0s",
		"--stretch 0s":                         "--stretch: a pause of 0s",
		"--between 1h":                         "--between: 1h0m0s",
		"--timeout 1s":                         "--timeout: 1s leaves no time",
		"--phi 0":                              "--phi: a threshold of 0",
		"--over members --members ten":         "invalid argument",
	} {
		_, err := design(t, "gossip/swim", strings.Fields(flags)...)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestSwimStudyDraws(t *testing.T) {
	d, err := design(t, "gossip/swim", "--members", "10", "--over", "paused")
	require.NoError(t, err)
	require.Len(t, d.Cases, 2*5, "16 of 10 cannot be paused")
	r := run(t, d, 2, 2)
	require.Equal(t, r.Rows, run(t, d, 2, 1).Rows)
	var svg bytes.Buffer
	require.NoError(t, r.Draw(&svg, "svg"))
	require.Contains(t, svg.String(), ">lifeguard<")
}
