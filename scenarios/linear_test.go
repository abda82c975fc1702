package scenarios_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// ghosts is raft/kv whose reads find a text that nobody has written where there is none.
func ghosts(t *testing.T) *scenarios.Scenario {
	s := *find(t, "raft/kv")
	form := s.Form
	s.Form = func(input, output any) (any, any) {
		in, out := form(input, output)
		if v, ok := out.(checkers.Value); ok && !v.Found {
			out = checkers.Value{Text: "ghost;", Found: true}
		}
		return in, out
	}
	return &s
}

func find(t *testing.T, name string) *scenarios.Scenario {
	s, err := scenarios.Catalogue().Find(name)
	require.NoError(t, err)
	return s
}

func linearPage(t *testing.T, s *scenarios.Scenario, p nemesis.Plan, o scenarios.Options) (page string, file []byte, r *scenarios.Result) {
	var b bytes.Buffer
	r, err := s.Record(p, o, &b)
	require.NoError(t, err)
	linear, err := s.LinearPage(r, b.Bytes())
	require.NoError(t, err)
	return string(linear), b.Bytes(), r
}

// annotation is a mark in a page.
type annotation struct {
	Tag, Description, Details string
	Start, End                int
}

func annotations(t *testing.T, page string) (rows map[string][]annotation, operations string) {
	found := regexp.MustCompile(`(?m)^\s*const data = (\{.*\})$`).FindStringSubmatch(page)
	require.NotNil(t, found)
	var d struct {
		Partitions []struct {
			History []struct{ Description string }
		}
		Annotations []annotation
	}
	require.NoError(t, json.Unmarshal([]byte(found[1]), &d))
	rows = map[string][]annotation{}
	for _, a := range d.Annotations {
		row := strings.TrimRight(strings.TrimSpace(a.Tag), " 0123456789")
		rows[row] = append(rows[row], a)
	}
	for _, p := range d.Partitions {
		for _, op := range p.History {
			operations += op.Description + "\n"
		}
	}
	return rows, operations
}

func TestLinearPage(t *testing.T) {
	s := ghosts(t)
	page, file, r := linearPage(t, s, s.Plan(7), scenarios.Options{})
	require.Equal(t, `always "linearizable"`, r.Property)
	rows, operations := annotations(t, page)
	require.Contains(t, page, "<title>history of raft/kv, seed 7: invalid always &#34;linearizable&#34;")
	require.Regexp(t, `(?m)^c\d: get \w → "ghost;"$`, operations)
	require.Regexp(t, `(?m)^c\d: put \w "v\d+;"$`, operations)
	require.NotEmpty(t, rows["violation"])
	for _, a := range rows["violation"] {
		require.Regexp(t, `^no place for c\d: `, a.Description)
	}

	// What the trace tells is there, once.
	leads, faults, downs, pauses := map[string]int{}, map[string]int{}, 0, 0
	steps := reader(t, file)
	for st, err := range steps.All() {
		require.NoError(t, err)
		switch st.Kind {
		case sim.KindFact:
			var term, last int
			if n, _ := fmt.Sscanf(st.Text, "BecameLeader{Term:%d LastIndex:%d}", &term, &last); n > 0 {
				leads[fmt.Sprintf("%s leads term %d", st.Node, term)]++
			}
		case sim.KindFault:
			if !strings.HasPrefix(st.Text, "Healed ") && !strings.Contains(st.Text, "is moot") {
				faults[st.Text]++
			}
		case sim.KindCrash:
			downs++
		case sim.KindPause:
			pauses++
		}
	}
	require.Greater(t, len(leads), 1)
	require.Greater(t, len(faults), 10)
	require.Equal(t, leads, count(rows["leaders"]))
	require.Equal(t, faults, count(rows["faults"]))
	require.Len(t, rows["nodes"], downs+pauses)
	require.Positive(t, downs)
	require.Positive(t, pauses)
}

func reader(t *testing.T, file []byte) *trace.Reader {
	r, err := trace.Open(bytes.NewReader(file), int64(len(file)))
	require.NoError(t, err)
	return r
}

func count(list []annotation) map[string]int {
	texts := map[string]int{}
	for _, a := range list {
		texts[a.Description]++
	}
	return texts
}

// Bands last as long as what they stand for.
func TestLinearPageBands(t *testing.T) {
	s := find(t, "raft/kv")
	p := s.Plan(7)
	p.Faults = []nemesis.Event{
		{At: 2000 * ms, Until: 3000 * ms, Fault: nemesis.Crash{Target: nemesis.Target{Role: "leader"}}},
		{At: 4000 * ms, Until: 5000 * ms, Fault: nemesis.Pause{Target: nemesis.Target{Node: 2}}},
		{At: 4500 * ms, Fault: nemesis.BitRot{Target: nemesis.Target{Node: 1}, Place: sim.Million / 2, Mask: 1}},
		{At: 6000 * ms, Until: 7000 * ms, Fault: nemesis.Crash{Target: nemesis.Target{Role: "nobody"}}},
	}
	page, _, r := linearPage(t, s, p, scenarios.Options{})
	require.Equal(t, checkers.Valid, r.Verdict, r.Detail)
	rows, _ := annotations(t, page)
	require.Empty(t, rows["violation"])
	require.Len(t, rows["faults"], 3, "what is moot has done nothing")
	crash, pause, rot := rows["faults"][0], rows["faults"][1], rows["faults"][2]
	down, paused := rows["nodes"][0], rows["nodes"][1]
	require.Regexp(t, `^n\d is down$`, down.Description)
	require.Equal(t, "n2 is paused", paused.Description)
	require.Regexp(t, `^2\.000s, step \d+: Crash\{leader\}$`, crash.Details)
	require.Less(t, crash.Start, down.Start)
	require.Less(t, crash.End, down.End, "the healing is what boots it")
	require.Less(t, down.Start, crash.End)
	require.Less(t, pause.Start, paused.Start)
	require.Less(t, paused.Start, pause.End)
	require.Less(t, pause.End, paused.End)
	require.Less(t, paused.End, rows["leaders"][len(rows["leaders"])-1].End)
	require.Equal(t, rot.Start, rot.End, "it is over at once")
	require.Less(t, pause.Start, rot.Start)
	require.Less(t, rot.End, pause.End)

	leader := rows["leaders"]
	require.Greater(t, len(leader), 1)
	require.True(t, strings.HasPrefix(down.Description, leader[0].Description[:2]))
	require.Equal(t, down.Start, leader[0].End, "it leads until it crashes")
	for i := range leader[1:] {
		require.Less(t, leader[i].End, leader[i+1].Start)
	}
}

// A page is a function of the run.
func TestLinearPageIsCanonical(t *testing.T) {
	s := ghosts(t)
	want, _, _ := linearPage(t, s, s.Plan(7), scenarios.Options{})
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for i := range 12 {
		runtime.GOMAXPROCS(1 + i%4)
		got, _, _ := linearPage(t, s, s.Plan(7), scenarios.Options{})
		require.True(t, want == got)
	}
}

// A run that was stopped, or has violated something else, has a history as well.
func TestLinearPageOfOtherEnds(t *testing.T) {
	s := find(t, "raft/kv")
	page, _, r := linearPage(t, s, s.Plan(7), scenarios.Options{UntilStep: 2000})
	require.True(t, r.Stopped)
	_, operations := annotations(t, page)
	require.Contains(t, operations, "(pending)")

	watched := *s
	watched.Build = func(r *scenarios.Run) {
		s.Build(r)
		r.World.Watch(func(step *sim.Step) {
			r.Checks.Always("it is early").Check(step.N < 2000, func() string { return "it is late" })
		})
	}
	page, _, r = linearPage(t, &watched, s.Plan(7), scenarios.Options{})
	require.Equal(t, `always "it is early"`, r.Property)
	rows, _ := annotations(t, page)
	require.Len(t, rows["violation"], 1)
	require.Equal(t, `always "it is early"`, rows["violation"][0].Description)
	require.Equal(t, "it is late", rows["violation"][0].Details)

	late := *s
	late.Judge = func(r *scenarios.Run) { r.Checks.Always("it is early").Violatef("it is over") }
	page, _, _ = linearPage(t, &late, s.Plan(7), scenarios.Options{})
	rows, _ = annotations(t, page)
	require.Equal(t, `always "it is early"`, rows["violation"][0].Description)
	require.GreaterOrEqual(t, rows["violation"][0].Start, rows["faults"][len(rows["faults"])-1].End)

	page, _, _ = linearPage(t, find(t, "raft/election"), find(t, "raft/election").Plan(7), scenarios.Options{})
	require.Empty(t, page, "there is no history to be judged")
}

// Without a Judge of its own, too, a scenario is judged by its Linear, and a panic in that is a finding.
func TestLinearIsJudged(t *testing.T) {
	s := ghosts(t)
	s.Judge = nil
	require.Equal(t, `always "linearizable"`, s.RunSeed(7, scenarios.Options{}).Property)
	s.Linear = func() checkers.Model { panic("no model") }
	require.Equal(t, `always "no panic"`, s.RunSeed(7, scenarios.Options{}).Property)
	s.Linear = nil
	require.NotEqual(t, checkers.Invalid, s.RunSeed(7, scenarios.Options{}).Verdict)
}
