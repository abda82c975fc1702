package trace_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// drawText draws texts like those of traces, and worse.
var drawText = rapid.OneOf(
	rapid.Just(""),
	rapid.SampledFrom([]string{"Candidate", "Leader", "{}", "nil", "→", "007", "\x00", "\x01", "\x01\x00", "000000000000000000000"}),
	rapid.Map(rapid.Int64(), func(n int64) string { return fmt.Sprint(n) }),
	rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("AppendEntries{Term:%d Prev:%d}", rapid.Uint64Range(0, 9).Draw(t, "term"), rapid.Uint64().Draw(t, "prev"))
	}),
	rapid.StringMatching(`[a-c0-9\x00\x01]{0,12}`),
	rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 40), func(b []byte) string { return string(b) }),
)

func drawSteps(t *rapid.T) []trace.Step {
	first := rapid.Uint64Range(1, 1<<60).Draw(t, "first")
	at := clock.Time(rapid.Int64Range(-1e12, 1e12).Draw(t, "start"))
	node := rapid.Map(rapid.OneOf(rapid.Int32Range(0, 5), rapid.Int32()), func(n int32) sim.NodeID { return sim.NodeID(n) })
	counter := rapid.OneOf(rapid.Just(uint64(0)), rapid.Uint64Range(0, 9), rapid.Uint64())
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) trace.Step {
		at = at.Add(time.Duration(rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 1e9)).Draw(t, "after")))
		s := trace.Step{Step: sim.Step{
			N: first, At: at, Kind: sim.Kind(rapid.Uint8().Draw(t, "kind")), Node: node.Draw(t, "node"), Peer: node.Draw(t, "peer"),
			Incarnation: rapid.Uint32().Draw(t, "life"), Packet: counter.Draw(t, "packet"), Cause: counter.Draw(t, "cause"),
			Lamport: counter.Draw(t, "lamport"),
		}, Text: drawText.Draw(t, "text")}
		if s.Packet != 0 {
			s.Sent = clock.Time(rapid.OneOf(rapid.Just(int64(at)), rapid.Int64()).Draw(t, "sent"))
		}
		first++
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			s.Changes = append(s.Changes, trace.Change{
				Path: rapid.SampledFrom([]string{"Role", "Next[n1]", "Log[41]", ""}).Draw(t, "path"),
				Old:  drawText.Draw(t, "old"), New: drawText.Draw(t, "new"),
			})
		}
		for range rapid.IntRange(0, 2).Draw(t, "lines") {
			s.Logs = append(s.Logs, trace.Log{Node: node.Draw(t, "by"), Text: drawText.Draw(t, "line")})
		}
		return s
	}), 0, 50).Draw(t, "steps")
}

// written writes a trace of these steps.
func written(t require.TestingT, h trace.Header, o trace.Outcome, steps ...trace.Step) []byte {
	var buf bytes.Buffer
	w, err := trace.NewWriter(&buf, h)
	require.NoError(t, err)
	for i := range steps {
		require.NoError(t, w.Write(&steps[i]))
	}
	require.NoError(t, w.Close(o))
	return buf.Bytes()
}

func opened(t require.TestingT, file []byte) *trace.Reader {
	r, err := trace.Open(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	return r
}

func read(t require.TestingT, r *trace.Reader, first, last uint64) (steps []trace.Step) {
	for s, err := range r.Window(first, last) {
		require.NoError(t, err)
		steps = append(steps, s)
	}
	return steps
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := drawSteps(t)
		r := opened(t, written(t, trace.Header{}, trace.Outcome{}, steps...))
		if len(steps) == 0 {
			require.Empty(t, read(t, r, 0, 1<<63))
			return
		}
		first, last := r.Steps()
		require.Equal(t, steps[0].N, first)
		require.Equal(t, steps[len(steps)-1].N, last)
		require.Equal(t, steps, read(t, r, first, last))

		from := rapid.IntRange(0, len(steps)-1).Draw(t, "from")
		to := rapid.IntRange(from, len(steps)-1).Draw(t, "to")
		require.Equal(t, steps[from:to+1], read(t, r, steps[from].N, steps[to].N))
	})
}

// The same steps make the same bytes, whatever was written before.
func TestBytesAreCanonical(t *testing.T) {
	record := func(until clock.Time) []byte {
		var file fileBuffer
		r, err := trace.NewRecorder(&file, header)
		require.NoError(t, err)
		runLeader(r, until)
		require.NoError(t, r.Close(trace.Outcome{}))
		return file
	}
	first := record(clock.Time(20 * time.Second))
	for seconds := range 5 {
		record(clock.Time(time.Duration(7*seconds+1) * time.Second))
		require.True(t, bytes.Equal(first, record(clock.Time(20*time.Second))))
	}
}
