package export_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/export"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// TestGolden compares each export of a small run with a file. UPDATE=1 rewrites the files.
func TestGolden(t *testing.T) {
	r := recorded(t, shelf, shelfPlan)
	require.NotEmpty(t, r.Trace.Header().Property)
	for _, f := range export.Formats {
		t.Run(f.Name, func(t *testing.T) {
			file := filepath.Join("testdata", "shelf."+f.Name)
			got := build.ReplaceAllString(written(t, f.Name, r), `"build":{}`)
			if os.Getenv("UPDATE") != "" {
				require.NoError(t, os.WriteFile(file, []byte(got), 0o666))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

// build finds what is of this build, and not of the run.
var build = regexp.MustCompile(`"build":\{[^}]*\}`)

func TestSameSeedSameBytes(t *testing.T) {
	one, two := catalogued(t, "raft/kv", 7), catalogued(t, "raft/kv", 7)
	for _, f := range export.Formats {
		if f.Name == "elle" {
			continue // refuses this history
		}
		one, two := one, two
		if f.Name == "mermaid" {
			one.First, one.Last, two.First, two.Last = 100, 300, 100, 300
		}
		require.Equal(t, written(t, f.Name, one), written(t, f.Name, two), f.Name)
	}
}

// TestPartsAreParts exports windows of a run: all rules hold in them too, and they tell of nothing outside.
func TestPartsAreParts(t *testing.T) {
	r := catalogued(t, "raft/kv", 7)
	for _, window := range [][2]uint64{{1, 1}, {500, 900}, {6000, 1 << 40}} {
		r.First, r.Last = window[0], window[1]
		checkAll(t, r)
		lines := strings.Count(written(t, "jsonl", r), "\n")
		_, last := r.Trace.Steps()
		require.Equal(t, int(min(r.Last, last)-r.First)+2, lines)
	}
}

func TestLongDiagramsAreRefused(t *testing.T) {
	r := catalogued(t, "raft/kv", 7)
	var out bytes.Buffer
	err := export.Find("mermaid").Write(&out, r)
	require.ErrorContains(t, err, "more than the 50,000 characters that Mermaid draws; choose fewer with --from-step and --to-step")
	require.Empty(t, out.String())
}

var errFull = errors.New("no space")

// full is a writer that takes so many bytes.
type full int

func (f *full) Write(p []byte) (int, error) {
	if *f -= full(len(p)); *f < 0 {
		return 0, errFull
	}
	return len(p), nil
}

// TestErrorsOfWriting makes sure that an export cut short is never taken for a whole one.
func TestErrorsOfWriting(t *testing.T) {
	r := recorded(t, shelf, shelfPlan)
	for _, f := range export.Formats {
		size := len(written(t, f.Name, r))
		room := full(size - 1)
		assert.ErrorIs(t, f.Write(&room, r), errFull, f.Name)
		room = full(size)
		assert.NoError(t, f.Write(&room, r), f.Name)
	}
}

// TestShiVizFollowsPackets looks for an arrow: what got a packet knows its sender's step.
func TestShiVizFollowsPackets(t *testing.T) {
	r := recorded(t, shelf, shelfPlan)
	log := checkShiViz(t, written(t, "shiviz", r))
	causal, err := r.Trace.Causal()
	require.NoError(t, err)
	for _, a := range log {
		for _, b := range log {
			if a.host != "world" && b.host != "world" && a.step != b.step {
				before := a.clock[a.host] <= b.clock[a.host]
				require.Equal(t, causal.Before(a.step, b.step), before, "%d before %d", a.step, b.step)
			}
		}
	}
}

// TestPerfettoHasAll counts what is on the timeline of a run.
func TestPerfettoHasAll(t *testing.T) {
	r := catalogued(t, "raft/kv", 7)
	counts := map[string]int{}
	for _, v := range checkPerfetto(t, written(t, "perfetto", r)) {
		switch {
		case v.Ph == "B" || v.Ph == "i" || v.Ph == "X":
			cat, _, _ := strings.Cut(v.Cat, ",")
			counts[cat]++
		case v.Ph == "f":
			counts["arrows"]++
		}
	}
	kinds := map[sim.Kind]int{}
	logs := 0
	for s, err := range r.Trace.All() {
		require.NoError(t, err)
		kinds[s.Kind]++
		logs += len(s.Logs)
	}
	for name, want := range map[string]int{
		"deliver": kinds[sim.KindDeliver], "timer": kinds[sim.KindTimer], "boot": kinds[sim.KindBoot], "lost": kinds[sim.KindDrop],
		"arrows": kinds[sim.KindDeliver] + kinds[sim.KindDrop], "fact": kinds[sim.KindFact], "sync": kinds[sim.KindSync],
		"fault": kinds[sim.KindFault], "operation": len(r.History), "log": logs,
	} {
		require.Equal(t, want, counts[name], name)
	}
	require.GreaterOrEqual(t, counts["outage"], kinds[sim.KindCrash])
}

// TestPerfettoFollowsPackets: an arrow begins when its packet departed, in the handler that sent it and not in a sync of that,
// and ends in the handler that got it.
func TestPerfettoFollowsPackets(t *testing.T) {
	early, late := 0, 0 // before its handler's sync was over; after its handler began
	for name, r := range map[string]export.Run{"shelf": recorded(t, shelf, shelfPlan), "olep/stream": catalogued(t, "olep/stream", 1)} {
		steps := map[uint64]trace.Step{}
		for s, err := range r.Trace.All() {
			require.NoError(t, err)
			steps[s.N] = s
		}
		ends := map[uint64]clock.Time{} // of handlers
		for _, s := range steps {
			if s.Kind == sim.KindSync {
				ends[s.Cause] = max(ends[s.Cause], s.At)
			}
		}
		for _, v := range checkPerfetto(t, written(t, "perfetto", r)) {
			s := steps[v.ID]
			switch v.Ph {
			case "s":
				require.Equal(t, int64(s.Sent), v.at, "%s: packet of step %d", name, s.N)
				require.Equal(t, s.Cause, v.of, "%s: packet of step %d", name, s.N)
				if s.Sent > steps[s.Cause].At {
					late++
				}
				if s.Sent < ends[s.Cause] {
					early++
				}
			case "f":
				require.Equal(t, int64(s.At), v.at)
				require.Equal(t, s.N, v.of)
			}
		}
	}
	require.Positive(t, early)
	require.Positive(t, late)
}

// TestViolationsAreMarked finds the violation in every picture of a run.
func TestViolationsAreMarked(t *testing.T) {
	r := recorded(t, shelf, shelfPlan)
	undecided := *shelf
	undecided.Build = func(r *scenarios.Run) {
		r.AddServers(func(sim.NodeID) sim.Node { return &shelfNode{} })
		r.AddClients(func(int, []nemesis.Op) sim.Node { return sim.Spawn(shelfClient) })
	}
	undecided.Judge = func(r *scenarios.Run) {
		r.Checks.Add("decided", checkers.Result{Detail: "the budget of 0 steps ran out"})
	}
	none := recorded(t, &undecided, shelfPlan)
	require.NotEmpty(t, none.Trace.Header().Property)
	for format, mark := range map[string]string{
		"shiviz": "VIOLATION always", "perfetto": `"name":"VIOLATION"`, "otlp": `"name":"violation"`, "mermaid": "VIOLATION always",
	} {
		require.Equal(t, 1, strings.Count(written(t, format, r), mark), format)
		before := r
		before.Last = r.Trace.Header().Step - 1
		require.NotContains(t, written(t, format, before), mark, format)
		require.NotContains(t, written(t, format, none), mark, format)
	}
}

// TestOperationsAreTrees follows an operation to its effects on servers.
func TestOperationsAreTrees(t *testing.T) {
	r := catalogued(t, "raft/kv", 7)
	all := checkOTLP(t, written(t, "otlp", r))
	roots, replicated := 0, 0
	for _, op := range all {
		if op.Kind != 3 {
			continue
		}
		roots++
		require.Empty(t, op.Parent)
		services := map[string]bool{}
		for _, sp := range all {
			if sp.TraceID == op.TraceID && sp.Kind == 4 {
				require.LessOrEqual(t, sp.Start, op.End, "%s was sent after its operation", sp.Name)
			}
			if sp.TraceID == op.TraceID && strings.Contains(string(sp.raw), `"stringValue":"Appended{`) {
				services[sp.service] = true
			}
		}
		if len(services) > 1 {
			replicated++
		}
	}
	require.Equal(t, len(r.History), roots)
	require.Greater(t, replicated, 5, "operations whose records came to several members")
}

// TestStateOfManyElements has one attribute for elements that share a path.
func TestStateOfManyElements(t *testing.T) {
	text := written(t, "otlp", catalogued(t, "olep/one-log", 1))
	checkOTLP(t, text)
	require.Regexp(t, `"key":"state\.[^"]*\[…\]","value":\{"stringValue":"[^"]* → [^"]*, [^"]* → `, text)
}

// TestOperationsLeadToTheirAnswers follows answers to writes back to their operation: by way of the leader, a follower that
// synced, and the leader again.
func TestOperationsLeadToTheirAnswers(t *testing.T) {
	all := checkOTLP(t, written(t, "otlp", catalogued(t, "raft/kv", 7)))
	byID, synced := map[string]otlpSpan{}, map[string]string{} // when the handler's sync was over
	for _, sp := range all {
		byID[sp.SpanID] = sp
		if sp.Name == "sync" {
			synced[sp.Parent] = sp.End
		}
	}
	whole := 0
	for _, sp := range all {
		if over := synced[sp.Parent]; over != "" && strings.HasPrefix(sp.Name, "AppendResponse{") {
			require.GreaterOrEqual(t, sp.Start, over, "%s departs after the sync", sp.Name)
		}
		if sp.Kind != 4 || !strings.HasPrefix(sp.Name, "Response{") {
			continue
		}
		var way []string
		for at := sp; ; at = byID[at.Parent] {
			name, _, _ := strings.Cut(strings.ReplaceAll(at.Name, "deliver from ", "at "), "{")
			if synced[at.SpanID] != "" {
				name += " (synced)"
			}
			if at.Kind != 3 {
				name = at.service + ": " + name
			} else {
				name, _, _ = strings.Cut(name, "(")
			}
			way = append(way, name)
			if at.Parent == "" {
				break
			}
		}
		slices.Reverse(way)
		text := regexp.MustCompile(`\b[nc]\d\b`).ReplaceAllString(strings.Join(way, " > "), "x")
		if text == "put > x: Request > x: at x Request (synced) > x: AppendEntries > x: at x AppendEntries (synced) > "+
			"x: AppendResponse > x: at x AppendResponse > x: Response" {
			whole++
		}
	}
	require.GreaterOrEqual(t, whole, 5, "answers to writes that have all of their way below them")
}

// TestPacketsLeaveAfterTheirOperation has a handler whose effects take time: it asks for something long after it began.
func TestPacketsLeaveAfterTheirOperation(t *testing.T) {
	var file bytes.Buffer
	w, err := trace.NewWriter(&file, trace.Header{})
	require.NoError(t, err)
	for _, s := range []trace.Step{
		{Step: sim.Step{N: 1, At: 0, Kind: sim.KindTimer, Node: 1}},
		{Step: sim.Step{N: 2, At: 5, Kind: sim.KindInvoke, Node: 1, Cause: 1}, Text: "#0 ask"},
		{Step: sim.Step{N: 3, At: 7, Kind: sim.KindDeliver, Node: 2, Peer: 1, Packet: 1, Cause: 1}},
	} {
		require.NoError(t, w.Write(&s))
	}
	require.NoError(t, w.Close(trace.Outcome{}))
	r, err := trace.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
	require.Len(t, checkOTLP(t, written(t, "otlp", export.Run{Trace: r})), 4) // the timer, the operation, the packet, what got it
}

// TestANumberGivenAgain has a client begin an operation while another of its number is open, as no run has: both are there,
// and what is below the first one has its parent.
func TestANumberGivenAgain(t *testing.T) {
	var file bytes.Buffer
	w, err := trace.NewWriter(&file, trace.Header{})
	require.NoError(t, err)
	for _, s := range []trace.Step{
		{Step: sim.Step{N: 1, Kind: sim.KindBoot, Node: 1, Incarnation: 1}},
		{Step: sim.Step{N: 2, Kind: sim.KindInvoke, Node: 1, Cause: 1}, Text: "#0 first"},
		{Step: sim.Step{N: 3, At: 3, Kind: sim.KindDeliver, Node: 2, Peer: 1, Packet: 1, Cause: 1}},
		{Step: sim.Step{N: 4, At: 4, Kind: sim.KindInvoke, Node: 1, Cause: 1}, Text: "#0 second"},
		{Step: sim.Step{N: 5, At: 5, Kind: sim.KindReturn, Node: 1, Cause: 1}, Text: "#0 ok"},
	} {
		require.NoError(t, w.Write(&s))
	}
	require.NoError(t, w.Close(trace.Outcome{}))
	r, err := trace.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
	spans := map[string]string{} // outcomes by name
	for _, sp := range checkOTLP(t, written(t, "otlp", export.Run{Trace: r})) {
		if sp.Kind == 3 {
			spans[sp.Name] = regexp.MustCompile(`"seedbed.outcome","value":\{"stringValue":"(\w+)"`).FindStringSubmatch(string(sp.raw))[1]
		}
	}
	require.Equal(t, map[string]string{"first": "pending", "second": "ok"}, spans)
	slices := 0
	for _, v := range checkPerfetto(t, written(t, "perfetto", export.Run{Trace: r})) {
		if v.Ph == "X" {
			slices++
		}
	}
	require.Equal(t, 2, slices)
}

func TestJSONLinesAreThoseOfTraces(t *testing.T) {
	r := recorded(t, shelf, shelfPlan)
	var direct strings.Builder
	require.NoError(t, export.JSONLines(&direct, r.Trace.Header(), r.Trace.All()))
	require.Equal(t, direct.String(), written(t, "jsonl", r))
	for line := range strings.Lines(direct.String()) {
		require.True(t, json.Valid([]byte(line)))
	}
}
