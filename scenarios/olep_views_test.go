package scenarios_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/trace"
)

func TestOlepViews(t *testing.T) { run(t, "olep/views") }

// A recorded run has the views that it had, as of each record, and each differs from the one before it by what it says.
func TestViewsOfRecordings(t *testing.T) {
	for _, name := range []string{
		"olep/assets", "olep/log", "olep/log-raft", "olep/one-log", "olep/payments", "olep/stream", "olep/views",
	} {
		s, err := scenarios.Catalogue().Find(name)
		require.NoError(t, err)
		p := s.Plan(3)
		var file bytes.Buffer
		_, err = s.Record(p, scenarios.Options{}, &file)
		require.NoError(t, err)
		recording, err := trace.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
		require.NoError(t, err)
		h := recording.Header()
		views, err := s.ReplayViews(&h, p, scenarios.Options{})
		require.NoError(t, err, name)
		changes := 0
		for i := range views {
			v := &views[i]
			found, err := scenarios.FindView(views, v.Name)
			require.NoError(t, err)
			require.Same(t, v, found)
			last := uint64(len(v.Log))
			for n := uint64(1); n <= min(last, 20); n++ {
				state := map[string]string{}
				for _, pair := range v.At(n - 1) {
					state[pair.Key] = pair.Value
				}
				for _, c := range v.Changes(n) {
					changes++
					require.Equal(t, state[c.Key], c.Old)
					if state[c.Key] = c.New; c.New == "" {
						delete(state, c.Key)
					}
				}
				after := map[string]string{}
				for _, pair := range v.At(n) {
					after[pair.Key] = pair.Value
				}
				require.Equal(t, after, state, "%s %s at %d", name, v.Name, n)
			}
		}
		require.NotZero(t, changes, name)

		h.DeepHash++
		_, err = s.ReplayViews(&h, p, scenarios.Options{})
		require.ErrorContains(t, err, "this build does not repeat the run")
	}
}

func TestScenariosWithoutViews(t *testing.T) {
	s, err := scenarios.Catalogue().Find("olep/dual-writes")
	require.NoError(t, err)
	_, _, err = s.WithViews(s.Plan(1), scenarios.Options{})
	require.EqualError(t, err, "olep/dual-writes has no views: no node of it derives a state from a log")
}
