package export_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/export"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// hostileTexts are what has broken a writer of some format before, or might.
var hostileTexts = []string{
	"", " ", "\n", "\r\n", "\x00", "\xff\xfe", "\x1b[31m", "\u2028", "\u202e", "\u0085", `"`, `\`, `\n`, `'`, "`", "<script>alert(1)</script>",
	"</script>", "&amp;", "%%{init: {}}%%", "%%", "#35;", ";", "end", "style x:#y;", "classDef x:#y;", "wrap: x", "nowrap: x", "$$x$$",
	"{", "}", "[", "(?<host>", "n1 {\"n1\":1} 1 0s x", "constructor", "__proto__", "world", "n1", "-", ":nemesis", "nil", "] :x", "🦀",
	strings.Repeat("x", 1000),
}

func hostileText() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return string(rapid.SliceOfN(rapid.Byte(), 0, 12).Draw(t, "bytes"))
		case 1:
			return rapid.StringN(0, 12, -1).Draw(t, "text")
		default:
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(hostileTexts), 1, 3).Draw(t, "texts"), "")
		}
	})
}

// hostileRun is a trace that no run has left: what it says need not fit together, and its texts and names are anything.
func hostileRun(t *rapid.T) export.Run {
	text := hostileText()
	cut := func(label string) string {
		s := text.Draw(t, label)
		return s[:min(len(s), trace.MaxText)]
	}
	nodes := rapid.IntRange(1, 4).Draw(t, "nodes")
	h := trace.Header{Seed: rapid.Uint64().Draw(t, "seed"), Scenario: cut("scenario"), Names: map[sim.NodeID]string{}}
	for i := range nodes {
		if rapid.Bool().Draw(t, "named") {
			h.Names[sim.NodeID(i+1)] = cut("name")
		}
	}
	var file bytes.Buffer
	w, err := trace.NewWriter(&file, h)
	require.NoError(t, err)
	first := uint64(rapid.IntRange(1, 5).Draw(t, "first"))
	steps := uint64(rapid.IntRange(0, 40).Draw(t, "steps"))
	at := clock.Time(0)
	times := map[uint64]clock.Time{}
	node := func(label string, least int) sim.NodeID {
		return sim.NodeID(rapid.IntRange(least, nodes).Draw(t, label))
	}
	for n := first; n < first+steps; n++ {
		at += clock.Time(rapid.IntRange(0, 3).Draw(t, "ns")) * clock.Time(rapid.SampledFrom([]int{0, 1, 1000, 1_000_000}).Draw(t, "unit"))
		s := trace.Step{Step: sim.Step{N: n, At: at, Kind: sim.Kind(rapid.IntRange(1, 12).Draw(t, "kind")), Incarnation: 1}, Text: cut("text")}
		if s.Kind != sim.KindFault {
			s.Node = node("node", 1)
		}
		if s.Kind == sim.KindDeliver || s.Kind == sim.KindDrop {
			s.Peer, s.Packet = node("peer", 1), n
			s.Sent = rapid.OneOf(rapid.Just(at), rapid.Custom(func(t *rapid.T) clock.Time { return clock.Time(rapid.Int64().Draw(t, "any")) })).Draw(t, "sent")
		}
		if s.Kind == sim.KindInvoke || s.Kind == sim.KindReturn {
			s.Text = "#" + string(rune('0'+rapid.IntRange(0, 3).Draw(t, "op"))) + " " + s.Text
			s.Text = s.Text[:min(len(s.Text), trace.MaxText)]
		}
		times[n] = at
		s.Cause = uint64(rapid.IntRange(0, int(n)-1).Draw(t, "cause"))
		if rapid.Bool().Draw(t, "changes") {
			s.Changes = []trace.Change{{Path: cut("path"), Old: cut("old"), New: cut("new")}}
		}
		if rapid.Bool().Draw(t, "logs") {
			s.Logs = []trace.Log{{Node: node("logger", 1), Text: cut("log")}}
		}
		require.NoError(t, w.Write(&s))
	}
	o := trace.Outcome{}
	if rapid.Bool().Draw(t, "violated") {
		o.Property, o.Detail = "always "+cut("property"), text.Draw(t, "detail")
		if rapid.Bool().Draw(t, "online") && steps > 0 {
			o.Step = first + uint64(rapid.IntRange(0, int(steps)-1).Draw(t, "at"))
		}
	}
	require.NoError(t, w.Close(o))
	r, err := trace.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
	return export.Run{Trace: r, History: hostileHistory(t, first, steps, times)}
}

// hostileHistory are operations of two clients on keys and values that may be anything.
func hostileHistory(t *rapid.T, first, steps uint64, times map[uint64]clock.Time) []*sim.Op {
	text := hostileText()
	input := rapid.Custom(func(t *rapid.T) any {
		key := text.Draw(t, "key")
		return rapid.SampledFrom([]any{
			checkers.Get{Key: key}, checkers.Put{Key: key, Text: text.Draw(t, "value")}, checkers.Append{Key: key, Text: text.Draw(t, "value")},
			checkers.CAS{Key: key, From: key, To: text.Draw(t, "value")}, checkers.LogAppend{Log: key, Record: text.Draw(t, "value")},
			checkers.LogRead{Log: key, From: 1, Max: 2}, checkers.Txn{checkers.ListAppend{Key: key, Element: 1}, checkers.ListRead{Key: key}},
			text.Draw(t, "value"), nil,
		}).Draw(t, "input")
	})
	var all []*sim.Op
	for n := first; n+1 < first+steps; n += 2 {
		op := &sim.Op{ID: len(all), Client: sim.NodeID(1 + n%2), Input: input.Draw(t, "input"), Call: n, Invoked: times[n], Ended: times[n+1],
			Outcome: sim.Outcome(rapid.IntRange(0, 3).Draw(t, "outcome"))}
		if op.Outcome != sim.Pending {
			op.Return = n + 1
		}
		if op.Outcome == sim.OK {
			switch op.Input.(type) {
			case checkers.Get:
				op.Output = checkers.Value{Text: text.Draw(t, "read"), Found: true}
			case checkers.LogRead:
				op.Output = checkers.Records{text.Draw(t, "read")}
			case string:
				op.Output = text.Draw(t, "read")
			}
		}
		all = append(all, op)
	}
	return all
}

// TestHostileContent exports traces of which every text may be anything: each export is well formed all the same.
func TestHostileContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := hostileRun(t)
		if rapid.Bool().Draw(t, "part") {
			r.First = uint64(rapid.IntRange(1, 30).Draw(t, "from"))
			r.Last = r.First + uint64(rapid.IntRange(0, 30).Draw(t, "more"))
		}
		checkAll(t, r)
	})
}
