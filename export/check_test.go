package export_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"olympos.io/encoding/edn"

	"github.com/seedbed-sim/seedbed/export"
)

// These read what is exported, by the rules of the tools that read it.

// checkAll checks every export of a run that there can be.
func checkAll(t require.TestingT, r export.Run) {
	checkShiViz(t, exported(t, "shiviz", r))
	checkPerfetto(t, exported(t, "perfetto", r))
	checkOTLP(t, exported(t, "otlp", r))
	checkJepsen(t, exported(t, "jepsen", r))
	for line := range strings.Lines(exported(t, "jsonl", r)) {
		require.True(t, json.Valid([]byte(line)), line)
	}
	var out strings.Builder
	if export.Find("mermaid").Write(&out, r) == nil {
		checkMermaid(t, out.String())
	}
	out.Reset()
	if export.Find("elle").Write(&out, r) == nil {
		checkElle(t, out.String())
	}
}

func exported(t require.TestingT, format string, r export.Run) string {
	var out strings.Builder
	require.NoError(t, export.Find(format).Write(&out, r), format)
	require.True(t, utf8.ValidString(out.String()), format)
	return out.String()
}

// logEvent is a line of a ShiViz log.
type logEvent struct {
	host  string
	clock map[string]uint64
	step  uint64
}

// checkShiViz reads a log as ShiViz does from a file, and holds it to what ShiViz demands of clocks (js/model/parser.js and
// modelGraph.js there): each host counts from 1, each clock has its own host, and knows what those know that it knows.
func checkShiViz(t require.TestingT, text string) []logEvent {
	expression, log, ok := strings.Cut(text, "\n\n")
	require.True(t, ok)
	require.Equal(t, export.ShiVizExpression, expression)
	parse := regexp.MustCompile("^" + expression + "$") // Go knows JavaScript's named groups
	var all []logEvent
	clocks := map[string][]map[string]uint64{} // of a host, by its count less one
	for line := range strings.Lines(log) {
		line = strings.TrimSuffix(line, "\n")
		require.NotRegexp(t, `[\x00-\x1f\x7f-\x9f\x{2028}\x{2029}]`, line)
		m := parse.FindStringSubmatch(line)
		require.NotNil(t, m, line)
		v := logEvent{host: m[1]}
		require.NoError(t, json.Unmarshal([]byte(m[2]), &v.clock), line)
		v.step, _ = strconv.ParseUint(m[3], 10, 64)
		require.Equal(t, uint64(len(clocks[v.host])+1), v.clock[v.host], line)
		known := map[string]uint64{}
		for host, n := range v.clock {
			if host == v.host {
				n--
			}
			if n == 0 {
				continue
			}
			require.LessOrEqual(t, n, uint64(len(clocks[host])), line)
			known[host] = max(known[host], n)
			for other, m := range clocks[host][n-1] {
				known[other] = max(known[other], m)
			}
		}
		known[v.host]++
		require.Equal(t, known, v.clock, line)
		clocks[v.host] = append(clocks[v.host], v.clock)
		all = append(all, v)
	}
	return all
}

type traceEvent struct {
	Name, Cat, Ph, Bp, S string
	Ts, Dur              json.Number
	Pid, Tid             int
	ID                   uint64
	Args                 struct{ Step uint64 }
	at                   int64  // ns
	of                   uint64 // the step of the slice in which a flow begins or ends
}

// checkPerfetto replays events as Perfetto's importer does: in the order of their times, and of the file at one time. On each
// thread slices must nest; a flow begins and ends in slices that are open.
func checkPerfetto(t require.TestingT, text string) []traceEvent {
	var file struct{ TraceEvents []traceEvent }
	require.NoError(t, json.Unmarshal([]byte(text), &file))
	events := file.TraceEvents
	for i := range events {
		events[i].at = nanos(t, events[i].Ts)
	}
	slices.SortStableFunc(events, func(a, b traceEvent) int { return int(a.at - b.at) })
	type thread struct{ pid, tid int }
	type slice struct {
		step  uint64
		end   int64 // of a complete one
		ended bool
	}
	stacks := map[thread][]slice{}
	named, flows := map[thread]bool{}, map[uint64]bool{}
	for i := range events {
		v := &events[i]
		th := thread{v.Pid, v.Tid}
		for n := len(stacks[th]); n > 0 && stacks[th][n-1].ended && stacks[th][n-1].end <= v.at && v.Ph != "f"; n-- {
			stacks[th] = stacks[th][:n-1]
		}
		stack := stacks[th]
		if v.Ph == "M" {
			named[th] = named[th] || v.Name == "thread_name"
			continue
		}
		require.True(t, named[th], "%+v", v)
		switch v.Ph {
		case "B":
			stacks[th] = append(stack, slice{step: v.Args.Step})
		case "E":
			require.NotEmpty(t, stack, "%+v", v)
			require.False(t, stack[len(stack)-1].ended)
			stacks[th] = stack[:len(stack)-1]
		case "X":
			require.Empty(t, stack, "%+v", v)
			d := nanos(t, v.Dur)
			require.GreaterOrEqual(t, d, int64(0))
			stacks[th] = append(stack, slice{v.Args.Step, v.at + d, true})
		case "s":
			require.NotEmpty(t, stack, "%+v", v)
			require.False(t, flows[v.ID])
			flows[v.ID], v.of = true, stack[len(stack)-1].step
		case "f":
			require.NotEmpty(t, stack, "%+v", v)
			require.Equal(t, "e", v.Bp)
			require.True(t, flows[v.ID], "%+v", v)
			flows[v.ID], v.of = false, stack[len(stack)-1].step
		case "i":
			require.Contains(t, []string{"t", "g"}, v.S)
		default:
			require.Fail(t, "unknown phase", "%+v", v)
		}
	}
	for th, stack := range stacks {
		require.False(t, len(stack) > 0 && !stack[len(stack)-1].ended, "thread %v has slices without end", th)
	}
	for id, open := range flows {
		require.False(t, open, "flow %d has no end", id)
	}
	return events
}

// nanos is a number of microseconds with three decimals.
func nanos(t require.TestingT, n json.Number) int64 {
	if n == "" {
		return 0
	}
	whole, part, ok := strings.Cut(n.String(), ".")
	require.True(t, ok && len(part) == 3, n)
	ns, err := strconv.ParseInt(whole+part, 10, 64)
	require.NoError(t, err)
	return ns
}

type otlpSpan struct {
	TraceID    string `json:"traceId"`
	SpanID     string `json:"spanId"`
	Parent     string `json:"parentSpanId"`
	Name       string
	Kind       int
	Start      string `json:"startTimeUnixNano"`
	End        string `json:"endTimeUnixNano"`
	Attributes []struct{ Key string }
	service    string
	raw        json.RawMessage
}

var hexID = regexp.MustCompile(`^([0-9a-f]{16}|[0-9a-f]{32})$`)

// checkOTLP reads spans as a collector does: ids are hexadecimal and not zero, 64-bit integers are strings, and no span has an
// attribute twice. Parents are there, in the same trace, and no span begins before its parent.
func checkOTLP(t require.TestingT, text string) []otlpSpan {
	type value map[string]any
	type attributes []struct {
		Key   string
		Value value
	}
	var file struct {
		ResourceSpans []struct {
			Resource   struct{ Attributes attributes }
			ScopeSpans []struct{ Spans []json.RawMessage }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(text), &file))
	var all []otlpSpan
	byID := map[string]otlpSpan{}
	for _, r := range file.ResourceSpans {
		require.Equal(t, "service.name", r.Resource.Attributes[0].Key)
		for _, raw := range r.ScopeSpans[0].Spans {
			sp := otlpSpan{raw: raw}
			require.NoError(t, json.Unmarshal(raw, &sp))
			sp.service = r.Resource.Attributes[0].Value["stringValue"].(string)
			require.Regexp(t, hexID, sp.SpanID)
			require.Regexp(t, hexID, sp.TraceID)
			require.NotContains(t, byID, sp.SpanID)
			byID[sp.SpanID] = sp
			all = append(all, sp)
			start, err := strconv.ParseUint(sp.Start, 10, 64)
			require.NoError(t, err)
			end, err := strconv.ParseUint(sp.End, 10, 64)
			require.NoError(t, err)
			require.LessOrEqual(t, start, end)
			keys := map[string]bool{}
			for _, a := range sp.Attributes {
				require.False(t, keys[a.Key], "%s has %s twice", sp.Name, a.Key)
				keys[a.Key] = true
			}
		}
	}
	for _, sp := range all {
		if sp.Parent != "" {
			parent, ok := byID[sp.Parent]
			require.True(t, ok, "%s has no parent", sp.Name)
			require.Equal(t, parent.TraceID, sp.TraceID)
			require.LessOrEqual(t, parent.Start, sp.Start, "%s begins before %s", sp.Name, parent.Name)
		}
	}
	return all
}

type opMap struct {
	Type    edn.Keyword
	F       edn.Keyword
	Value   any
	Process any
	Time    int64
	Index   int
	Error   edn.Keyword
}

// checkJepsen reads a history with a library, and holds its processes to what Jepsen promises of them: one operation at a
// time, and none after one of unknown outcome.
func checkJepsen(t require.TestingT, text string) []opMap {
	var all []opMap
	d := edn.NewDecoder(strings.NewReader(text))
	for range strings.Count(text, "\n") {
		var m opMap
		require.NoError(t, d.Decode(&m), text)
		all = append(all, m)
	}
	busy, gone := map[any]edn.Keyword{}, map[any]bool{}
	for i, m := range all {
		require.Equal(t, i, m.Index)
		require.True(t, i == 0 || all[i-1].Time <= m.Time)
		if m.Process == edn.Keyword("nemesis") {
			require.Equal(t, edn.Keyword("info"), m.Type)
			continue
		}
		require.False(t, gone[m.Process], "process %v goes on after an operation of unknown outcome", m.Process)
		f, open := busy[m.Process]
		switch m.Type {
		case "invoke":
			require.False(t, open)
			busy[m.Process] = m.F
		case "ok", "fail", "info":
			require.True(t, open && f == m.F)
			delete(busy, m.Process)
			gone[m.Process] = m.Type == "info"
		default:
			require.Fail(t, "unknown type", m.Type)
		}
	}
	return all
}

type elleOp struct {
	Index, Process int
	Time           int64
	Type, F        string
	Value          [][]any
}

// checkElle reads a history as elle-cli documents it for list-append.
func checkElle(t require.TestingT, text string) []elleOp {
	var all []elleOp
	require.NoError(t, json.Unmarshal([]byte(text), &all))
	for i, op := range all {
		require.Equal(t, i, op.Index)
		require.Equal(t, "txn", op.F)
		for _, m := range op.Value {
			require.Len(t, m, 3)
			require.Contains(t, []any{"append", "r"}, m[0])
			require.IsType(t, "", m[1])
			switch v := m[2].(type) {
			case float64:
				require.Equal(t, "append", m[0])
			case []any:
				require.True(t, m[0] == "r" && op.Type == "ok")
			default:
				require.Nil(t, v)
				require.Equal(t, "r", m[0])
			}
		}
	}
	return all
}

var (
	diagramLine = regexp.MustCompile(`^    (participant p\d+ as |p\d+(->>|-x)p\d+: |Note over p\d+(,p\d+)?: )(.+)$`)
	diagramCode = regexp.MustCompile(`#\d+;`)
)

// checkMermaid holds the lines of a diagram to the few forms that we write, and their texts to what Mermaid takes for text.
func checkMermaid(t require.TestingT, text string) {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	require.Equal(t, "sequenceDiagram", lines[0])
	require.LessOrEqual(t, utf8.RuneCountInString(text), 50_000)
	for _, line := range lines[1:] {
		m := diagramLine.FindStringSubmatch(line)
		require.NotNil(t, m, line)
		label := m[4]
		require.NotRegexp(t, `style|classDef|^[\s:]*(no)?wrap:`, label)
		require.NotContains(t, line, "%")
		for _, c := range diagramCode.ReplaceAllString(label, "") {
			require.False(t, strings.ContainsRune("#;<>&$\\`%~^", c) || !unicode.IsGraphic(c), fmt.Sprintf("%q in %q", c, line))
		}
	}
}
