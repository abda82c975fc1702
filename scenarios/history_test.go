package scenarios_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/trace"
)

// recordedHeader is the header of a recorded run of raft/kv.
func recordedHeader(t *testing.T, o scenarios.Options) (*scenarios.Scenario, trace.Header, *scenarios.Result) {
	s, err := scenarios.Catalogue().Find("raft/kv")
	require.NoError(t, err)
	var file bytes.Buffer
	r, err := s.Record(s.Plan(7), o, &file)
	require.NoError(t, err)
	f, err := trace.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
	return s, f.Header(), r
}

func TestHistoryIsThatOfTheTrace(t *testing.T) {
	for _, o := range []scenarios.Options{{}, {UntilStep: 1000}} {
		s, h, r := recordedHeader(t, o)
		history, err := s.History(h, scenarios.Options{})
		require.NoError(t, err)
		require.Len(t, history, len(r.History))
		require.NotEmpty(t, history)
		for i, op := range history {
			require.Equal(t, r.History[i].Call, op.Call)
			require.Equal(t, r.History[i].Return, op.Return)
			require.Equal(t, r.History[i].Outcome, op.Outcome)
			_, put := op.Input.(checkers.Put)
			_, get := op.Input.(checkers.Get)
			_, add := op.Input.(checkers.Append)
			_, cas := op.Input.(checkers.CAS)
			_, del := op.Input.(checkers.Delete)
			require.True(t, put || get || add || cas || del, "%T", op.Input)
		}
	}
}

func TestHistoryOfAnotherRunIsRefused(t *testing.T) {
	s, h, _ := recordedHeader(t, scenarios.Options{})
	other := h
	other.DeepHash++
	_, err := s.History(other, scenarios.Options{})
	require.ErrorContains(t, err, "that is another run in this build: hash ")
	other = h
	other.Plan = nil
	_, err = s.History(other, scenarios.Options{})
	require.ErrorContains(t, err, "the trace has no plan to run again")
}
