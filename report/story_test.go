package report_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/report"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// A story goes forward, ends with the violation, and says what matters of it.
func TestStory(t *testing.T) {
	r := opened(t, failing(t))
	h := r.Header()
	story, err := report.Story(r)
	require.NoError(t, err)
	last := uint64(0)
	var text strings.Builder
	require.NoError(t, report.WriteStory(&text, story))
	steps := all(t, r)
	for _, s := range story {
		if s.Step > 0 {
			require.Equal(t, steps[s.Step-1].At, s.At, s.Text)
		}
	}
	for _, s := range story[:len(story)-1] {
		if s.Step == 0 {
			continue
		}
		require.Greater(t, s.Step, last, s.Text)
		require.LessOrEqual(t, s.Step, h.Step, s.Text)
		last = s.Step
	}
	end := story[len(story)-1]
	require.Equal(t, h.Step, end.Step)
	require.Equal(t, all(t, r)[h.Step-1].At, end.At)
	require.Contains(t, end.Text, h.Property)
	require.Contains(t, text.String(), fmt.Sprintf("%-20s  That violates", fmt.Sprintf("%s step %d", end.At, end.Step)))
	require.Contains(t, text.String(), h.Name(h.Node)+" becomes leader of term ")
	require.Contains(t, text.String(), " votes for "+h.Name(h.Node))
	require.LessOrEqual(t, strings.Count(text.String(), "\n"), 42)
}

// A story of what shows once all is over is about what the violation names.
func TestStoryOfTheWhole(t *testing.T) {
	s := scenario(t, "olep/last-resource")
	for seed := uint64(1); seed <= 50; seed++ {
		r := s.RunSeed(seed, scenarios.Options{})
		if r.Property == "" {
			continue
		}
		story, err := report.Story(opened(t, record(t, s, r.Plan, scenarios.Options{})))
		require.NoError(t, err)
		require.Greater(t, len(story), 3)
		version := r.Detail[strings.LastIndex(r.Detail, " ")+1:]
		told := 0
		for _, sentence := range story[:len(story)-1] {
			if strings.Contains(sentence.Text, version) {
				told++
			}
		}
		require.Positive(t, told, "%s in %v", version, story)
		require.Contains(t, story[len(story)-1].Text, "Once all was over")
		return
	}
	t.Fatal("no seed shows the anomaly")
}

func TestAValidRunHasNoStory(t *testing.T) {
	s := scenario(t, "raft/kv")
	story, err := report.Story(opened(t, record(t, s, s.Plan(7), scenarios.Options{})))
	require.NoError(t, err)
	require.Empty(t, story)
}

// Nor has one that nobody could judge, whatever it says of the property.
func TestUndecided(t *testing.T) {
	s := *scenario(t, "raft/kv")
	s.Judge = func(r *scenarios.Run) {
		r.Checks.Add("decided", checkers.Result{Detail: "the budget of 0 steps ran out"})
	}
	data := record(t, &s, s.Plan(7), scenarios.Options{})
	r := opened(t, data)
	h := r.Header()
	require.Equal(t, `always "decided"`, h.Property)
	story, err := report.Story(r)
	require.NoError(t, err)
	require.Empty(t, story)
	p := newTab(t, "light")
	p.open(data, report.About{})
	require.Equal(t, `undecided: always "decided": the budget of 0 steps ran out`, p.text("#verdict"))
	require.Equal(t, `Undecided: always "decided"`, p.text("#pane0 h2"))
	require.True(t, eval[bool](p, "seedbed.run.violation === undefined"), "there is none to mark")
}

// tale is the story of a run of two servers, n1 and n2, and two clients, c1 and c2, a millisecond from step to step.
// Messages take no time.
func tale(t *testing.T, o trace.Outcome, steps ...trace.Step) string {
	var file bytes.Buffer
	w, err := trace.NewWriter(&file, trace.Header{
		Names: map[sim.NodeID]string{3: "c1", 4: "c2"},
		Words: &trace.Words{
			Says: []trace.Saying{
				{Match: `^Leads\{(\d+)`, Say: "leads term $1", About: []string{"term $1"}},
				{Match: `^Has\{(\w+) of (\d+)`, Say: "has $1", About: []string{"record $1"}, Leads: []string{"term $2"}},
				{Match: `^Takes\{(\w+)`, Say: "takes $1 for dead", About: []string{"member $1"}},
				{Match: `^Counts\{(\d+) (\w+ \w+)`, Say: "counts $1 $2", About: []string{"what $2", "what $1 $2"}},
				{Match: `^Keeps\{(\w+) in (\d+)`, Say: "keeps $1", About: []string{"record $1", "term $2"}},
				{Match: `^Copy\{(\w+)`, Say: "sends $1", About: []string{"record $1"}},
			},
			Roles: []trace.Role{{Match: `^Leads`, Role: "leader"}},
		},
	})
	require.NoError(t, err)
	for i, s := range steps {
		s.N, s.At = uint64(i+1), clock.Time(time.Duration(i+1)*time.Millisecond)
		if s.Peer != sim.Nobody {
			s.Packet, s.Sent = s.N, s.At
		}
		require.NoError(t, w.Write(&s))
	}
	o.Property = cmp.Or(o.Property, `always "so it is"`)
	require.NoError(t, w.Close(o))
	r, err := trace.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
	story, err := report.Story(r)
	require.NoError(t, err)
	var text strings.Builder
	for _, s := range story {
		text.WriteString(s.Text + "\n")
	}
	return text.String()
}

func step(kind sim.Kind, node sim.NodeID, text string) trace.Step {
	return trace.Step{Step: sim.Step{Kind: kind, Node: node, Incarnation: 1}, Text: text}
}

// deliver is a message that a handler has sent; 0 is one of which nobody knows.
func deliver(node, from sim.NodeID, cause uint64, text string) trace.Step {
	s := step(sim.KindDeliver, node, text)
	s.Peer, s.Cause, s.Packet = from, cause, 1
	return s
}

func drop(node, from sim.NodeID, text string) trace.Step {
	s := deliver(node, from, 0, text)
	s.Kind = sim.KindDrop
	return s
}

func in(handler uint64, s trace.Step) trace.Step {
	s.Cause = handler
	return s
}

func again(node sim.NodeID) trace.Step {
	s := step(sim.KindBoot, node, "")
	s.Incarnation, s.Changes = 2, []trace.Change{{Path: "Size", Old: "3", New: "0"}}
	return s
}

// A story of operations tells who asked for what, of whom, in which role, and what the last one who answered did not know.
func TestStoryOfOperations(t *testing.T) {
	require.Equal(t, `n1 leads term 1.
n2 leads term 2.
c1 asks for put v1 (#0).
n2 has v1, on Put{v1} from c1.
c1 hears from n2 of #0: ok.
c1 asks for get (#1), and hears from n1 at 0.014s: ok nothing.
When n1 answered #1, it had not heard that n2 leads term 2, nor of #0 from any other server.
Once all was over, it violates always "so it is": get of c1 has no place.
`, tale(t, trace.Outcome{Detail: "get of n3 has no place\n  order", Ops: []uint64{5, 10}},
		step(sim.KindTimer, 1, ""), in(1, step(sim.KindFact, 1, "Leads{1}")),
		step(sim.KindTimer, 2, ""), in(3, step(sim.KindFact, 2, "Leads{2}")),
		step(sim.KindInvoke, 3, "#0 put v1"), deliver(2, 3, 5, "Put{v1}"), in(6, step(sim.KindFact, 2, "Has{v1 of 2}")),
		deliver(3, 2, 6, "Done"), in(8, step(sim.KindReturn, 3, "#0 ok")),
		in(8, step(sim.KindInvoke, 3, "#1 get")), step(sim.KindFact, 2, "Has{v7 of 2}"),
		deliver(1, 3, 8, "Get"), deliver(3, 1, 12, "Nothing"), in(13, step(sim.KindReturn, 3, "#1 ok nothing")),
		step(sim.KindFact, 1, "Has{v1 of 2}"), // when it was over
	))
	long := []trace.Step{step(sim.KindInvoke, 3, "#0 put v1")}
	for range 50 {
		long = append(long, step(sim.KindFact, 1, "Has{v1 of 1}"))
	}
	long = append(long, step(sim.KindInvoke, 3, "#1 get"))
	require.Contains(t, tale(t, trace.Outcome{Ops: []uint64{1, 52}}, long...), "c1 asks for put v1 (#0).\nn1 has v1.\n… 32 more …\n")
	require.Contains(t, tale(t, trace.Outcome{Detail: "put is lost", Ops: []uint64{1, 3}},
		step(sim.KindInvoke, 3, "#0 put v1"), in(1, step(sim.KindReturn, 3, "#0 info")), step(sim.KindInvoke, 3, "#1 put v2"),
	), `c1 asks for put v1 (#0), and gives up at 0.002s, and does not know whether it has happened.
c1 asks for put v2 (#1).
`)
}

// A story tells what befell who has a part in it: outages, of which the last may have been before it began, faults that cut
// them off, messages that were lost on the way to them; and whether who violates knew what others did.
func TestStoryTellsCircumstances(t *testing.T) {
	lost := drop(1, 2, "Beat")
	require.Equal(t, `n2 crashes (TornWrite{n2 inside sync}), and at 0.004s it starts again, incarnation 2 (Size 3→0).
Partition{n1|n2} is in force from now on.
n2 leads term 7.
n2 has v1.
n2 has v1; n1 never hears of that.
n2 sends v1, and that is lost on the way to n1.
Meanwhile 8 messages from n2 to n1 are lost.
n1 stands still, and at 0.026s it goes on.
n1 leads term 8, and has v2.
That violates always "so it is": n1 has v2, where n2 has v1.
`, tale(t, trace.Outcome{Detail: "n1 has v2, where n2 has v1", Step: 29, Node: 1},
		step(sim.KindFault, 0, "TornWrite{n2 inside sync}"), step(sim.KindCrash, 2, ""), drop(2, 1, "Copy{v1}"), again(2), step(sim.KindFault, 0, "Healed TornWrite{n2 inside sync}"),
		step(sim.KindFault, 0, "Partition{n1|n2}"), step(sim.KindFault, 0, "Isolate{n2} is moot: n2 is down"), step(sim.KindFault, 0, "Slow{n1 +1ms}"), // before it begins
		step(sim.KindTimer, 2, ""), in(9, step(sim.KindFact, 2, "Leads{7}")), in(9, step(sim.KindFact, 2, "Leads{6}")), // which has no part
		step(sim.KindTimer, 2, ""), in(12, step(sim.KindFact, 2, "Has{v1 of 7}")), deliver(1, 2, 12, "Beat"),
		step(sim.KindFact, 2, "Has{v1 of 7}"), drop(1, 2, "Copy{v1}"), lost, lost, lost, lost, lost, lost, lost, lost,
		step(sim.KindPause, 1, ""), step(sim.KindResume, 1, ""),
		step(sim.KindTimer, 1, ""), in(27, step(sim.KindFact, 1, "Leads{8}")), in(27, step(sim.KindFact, 1, "Has{v2 of 8}")),
		step(sim.KindFact, 2, "Has{v2 of 7}"), // when it was over
	))
}

// What is lost is all that is lost, also what comes to a node that is down.
func TestStoryOfLosses(t *testing.T) {
	steps := []trace.Step{step(sim.KindFact, 1, "Has{v1 of 3}")}
	for range 8 {
		steps = append(steps, drop(1, 2, "Beat"))
	}
	down := step(sim.KindCrash, 1, "") // which is not told of: there are enough that are later
	steps = append(steps, down, drop(1, 2, "Beat"), drop(1, 2, "Beat"), again(1))
	for range 5 {
		steps = append(steps, step(sim.KindFact, 2, "Has{v1 of 3}"), step(sim.KindCrash, 2, ""), again(2))
	}
	require.Contains(t, tale(t, trace.Outcome{Detail: "v1 is there"}, steps...),
		"n1 has v1.\nMeanwhile 10 messages from n2 to n1 (2 of them while it is down) are lost.\nn2 has v1.\n")
}

// What shows when all is over may have come about behind the last that is told.
func TestStoryGoesOnToTheEnd(t *testing.T) {
	require.Equal(t, `n1 has v1.
n2 crashes.
Isolate{n2} is in force until 0.004s.
Slow{n1 +3ms} is in force from now on.
ClockJump{all +4ms} is in force from now on.
Once all was over, it violates always "so it is": n2 lacks v1.
`, tale(t, trace.Outcome{Detail: "n2 lacks v1"},
		step(sim.KindFact, 1, "Has{v1 of 1}"), step(sim.KindCrash, 2, ""),
		step(sim.KindFault, 0, "Isolate{n2}"), step(sim.KindFault, 0, "Healed Isolate{n2}"),
		step(sim.KindFault, 0, "Slow{n1 +1ms}"), step(sim.KindFault, 0, "Slow{n1 +2ms}"), step(sim.KindFault, 0, "Slow{n1 +3ms}"), step(sim.KindFault, 0, "ClockJump{all +4ms}")))
}

// Where a violation names nothing else, it is about what nodes say of each other.
func TestStoryOfNodes(t *testing.T) {
	require.Contains(t, tale(t, trace.Outcome{Detail: "n1 takes n2 for dead, which is alive"},
		step(sim.KindFact, 1, "Takes{n3"), step(sim.KindFact, 1, "Takes{n2")), "n1 takes n2 for dead.\nOnce")
}

// What is called by several words is found by all of them.
func TestStoryOfWhatIsQuoted(t *testing.T) {
	require.Equal(t, `n1 counts 44 click b.
Once all was over, it violates always "so it is": 44 click b of partition 0 is lost.
`, tale(t, trace.Outcome{Detail: "44 click b of partition 0 is lost"},
		step(sim.KindFact, 1, "Counts{44 click b"), step(sim.KindFact, 1, "Counts{5 click b"), step(sim.KindFact, 1, "Counts{4 click b"),
		step(sim.KindFact, 1, "Counts{44 click bc")))
	of := func(detail string) string {
		return tale(t, trace.Outcome{Detail: detail, Step: 2, Node: 1}, step(sim.KindFact, 1, "Leads{4}"), step(sim.KindFact, 1, "Keeps{v1 in 4}"))
	}
	require.Contains(t, of("v1 is in term 4"), "leads")
	require.NotContains(t, of("v1 is in term 44, midterm 4"), "leads")
}

// Where it names nothing that is told, but a kind of things and which of them, it is about that.
func TestStoryOfKinds(t *testing.T) {
	require.Contains(t, tale(t, trace.Outcome{Detail: "nobody heard of n1 in term 4"}, step(sim.KindFact, 1, "Leads{3}"), step(sim.KindFact, 2, "Leads{4}")), "n2 leads term 4.\nOnce")
}

// What a node says in one handler is one sentence, and does not become long.
func TestStoryOfHandlers(t *testing.T) {
	steps := []trace.Step{step(sim.KindTimer, 1, "")}
	for i := range 7 {
		steps = append(steps, in(1, step(sim.KindFact, 1, fmt.Sprintf("Counts{%d of v1", i))))
	}
	require.Contains(t, tale(t, trace.Outcome{Detail: "v1 is gone"}, steps...),
		"n1 counts 0 of v1, and counts 1 of v1, and counts 2 of v1, and counts 3 of v1, and 3 more.\nOnce")
}

// Neighbours that say the same are one sentence, unless it is one node that says it twice.
func TestStoryOfManyAlike(t *testing.T) {
	require.Contains(t, tale(t, trace.Outcome{Detail: "v1 is there"}, step(sim.KindFact, 1, "Has{v1 of 1"), step(sim.KindFact, 2, "Has{v1 of 1"),
		step(sim.KindFact, 3, "Has{v1 of 1"), step(sim.KindFact, 2, "Has{v1 of 1"), step(sim.KindFact, 2, "Has{v1 of 1")),
		"n1 has v1; so do n2 and c1.\nn2 has v1.\nn2 has v1.\nOnce")
	require.Contains(t, tale(t, trace.Outcome{Detail: "v1 is there"}, step(sim.KindFact, 1, "Has{v1 of 1"), step(sim.KindFault, 0, "Slow{n1}"), step(sim.KindFault, 0, "Clog{n1}")),
		"Slow{n1} is in force from now on; so is Clog{n1}.\n")
}

// What a violation names may be what all is about: then it is told of only if there is nothing else.
func TestStoryOfWhatIsRare(t *testing.T) {
	steps := []trace.Step{step(sim.KindFact, 1, "Has{v9 of 3}"), step(sim.KindFact, 1, "Has{v1 of 3}")}
	for range 40 {
		steps = append(steps, step(sim.KindFact, 2, "Has{v9 of 3}"))
	}
	require.Equal(t, "n1 has v1.\nOnce", tale(t, trace.Outcome{Detail: "v1 is not v9"}, steps...)[:15])
	require.Contains(t, tale(t, trace.Outcome{Detail: "v9 is not there"}, steps...), "n2 has v9.")
}

// A long story leaves out what is long ago, and says how much that is.
func TestLongStoriesAreCut(t *testing.T) {
	steps := []trace.Step{step(sim.KindFact, 1, "Has{v1 of 3}"), step(sim.KindFact, 2, "Leads{3}")}
	for range 100 {
		steps = append(steps, step(sim.KindFact, 1, "Has{v1 of 3}"), step(sim.KindFact, 1, "Has{v2 of 3}"), step(sim.KindFact, 2, "Has{v1 of 3}"))
	}
	text := tale(t, trace.Outcome{Detail: "n1 has v1 for ever"}, steps...)
	require.LessOrEqual(t, strings.Count(text, "\n"), 30)
	require.True(t, strings.HasPrefix(text, "n1 has v1.\n… 163 more …\nn1 has v1.\n"), "of nodes those come first that the violation names: %s", text)
	require.Contains(t, text, "n1 has v1.\nn1 has v1.\n… 4 more …\nn1 has v1.\n", "where few are left out, that is said with the next")
	require.Contains(t, text, "… 3 more …\nOnce")
}

// The step that violates is told, however much there is, and whether its node has said that before.
func TestStoryTellsWhatViolates(t *testing.T) {
	var steps []trace.Step
	for range 30 {
		steps = append(steps, step(sim.KindFact, 1, "Has{v1 of 3}"), step(sim.KindFact, 1, "Leads{3}"))
	}
	steps = append(steps, step(sim.KindCrash, 1, ""), again(1), step(sim.KindFact, 1, "Counts{2 of v2}"), step(sim.KindFact, 1, "Counts{3 of v2}"), step(sim.KindTimer, 1, ""))
	handler := uint64(len(steps))
	for i := range 5 {
		steps = append(steps, in(handler, step(sim.KindFact, 1, fmt.Sprintf("Counts{%d of v1", i))))
	}
	steps = append(steps, in(handler, step(sim.KindFact, 1, "Has{v1 of 3}")))
	text := tale(t, trace.Outcome{Detail: "n1 has v1 anew", Step: uint64(len(steps)), Node: 1}, steps...)
	require.Contains(t, text, "n1 counts 0 of v1, and counts 1 of v1, and counts 2 of v1, and counts 3 of v1, and 1 more, and has v1, as it did at 0.059s.\nThat violates")
	require.Contains(t, text, "n1 crashes, and at 0.062s it starts again, incarnation 2 (Size 3→0).\nn1 counts 2 of v2.\nn1 counts 0", "what it knows then")
}

// What the sender of a message did as it sent it is told, if the message makes a node violate something.
func TestStoryOfTheSender(t *testing.T) {
	require.Equal(t, `n2 counts 2 of these.
n1 has v1, on Copy{v1} from n2.
That violates always "so it is": n1 has v1 alone.
`, tale(t, trace.Outcome{Detail: "n1 has v1 alone", Step: 6, Node: 1},
		step(sim.KindTimer, 2, ""), step(sim.KindFact, 2, "Counts{3 of those}"), in(1, step(sim.KindFact, 2, "Counts{2 of these}")),
		step(sim.KindTimer, 1, ""), deliver(1, 2, 1, "Copy{v1}"), in(5, step(sim.KindFact, 1, "Has{v1 of 3}"))))
}

// A request that has done something more than once is told of, each time.
func TestStoryOfWhatCameAgain(t *testing.T) {
	require.Equal(t, `c1 asks for put (#0).
n2 has v1, on Put from c1.
n2 has v2, on Put from c1.
c1 hears from n2 of #0: ok.
n2 leads term 2.
c1 asks for get (#1), and hears from n2 at 0.011s: ok both.
The request of #0 came more than once: n2 took it up at 0.003s and 0.005s.
Once all was over, it violates always "so it is": get of c1 has no place.
`, tale(t, trace.Outcome{Detail: "get of n3 has no place", Ops: []uint64{1, 9}},
		step(sim.KindInvoke, 3, "#0 put"), deliver(2, 3, 1, "Put"), in(2, step(sim.KindFact, 2, "Has{v1 of 2}")),
		deliver(2, 3, 1, "Put"), in(4, step(sim.KindFact, 2, "Has{v2 of 2}")), deliver(3, 2, 4, "Done"), in(6, step(sim.KindReturn, 3, "#0 ok")),
		step(sim.KindFact, 2, "Leads{2}"), in(6, step(sim.KindInvoke, 3, "#1 get")), deliver(3, 2, 4, "Both"), in(10, step(sim.KindReturn, 3, "#1 ok both"))))
	require.NotContains(t, tale(t, trace.Outcome{Ops: []uint64{1}},
		step(sim.KindInvoke, 3, "#0 put"), deliver(2, 3, 1, "Put"), in(2, step(sim.KindFact, 2, "Has{v1 of 2}")), deliver(1, 3, 1, "Put")), "more than once",
		"of one nothing came")
}

// What has not come about is a matter of who waits for what, and of what nodes were last at.
func TestStoryOfWaits(t *testing.T) {
	never := trace.Outcome{Detail: "n1 is behind", Property: `eventually "so it is"`}
	require.Equal(t, `n1 crashes.
c1 waits from 0.002s to the end for get (#1); the last that it asked is n2, at 0.005s, and that was lost; the last that it heard is Nothing from n1, at 0.004s.
c2 waits from 0.006s to the end for put (#2).
n1 is down since 0.009s; the last that it said, at 0.007s: it leads term 2; the last that it heard, at 0.003s: Get from c1.
n2 stands still since 0.010s; the last that it said, at 0.008s: it has v1.
Once all was over, it violates eventually "so it is": n1 is behind.
`, tale(t, never,
		step(sim.KindInvoke, 3, "#0 put"), // given up without a word
		step(sim.KindInvoke, 3, "#1 get"), deliver(1, 3, 2, "Get"), deliver(3, 1, 3, "Nothing"), drop(2, 3, "Get"), step(sim.KindInvoke, 4, "#2 put"),
		step(sim.KindFact, 1, "Leads{2}"), step(sim.KindFact, 2, "Has{v1 of 2}"), step(sim.KindCrash, 1, ""), step(sim.KindPause, 2, "")))
	never.Detail = "0 of 2 are there"
	require.Equal(t, `n2 is up to the end; the last that it said, at 0.001s: it leads term 2.
n1 is up to the end; the last that it said, at 0.002s: it has v1.
Once all was over, it violates eventually "so it is": 0 of 2 are there.
`, tale(t, never, step(sim.KindFact, 2, "Leads{2}"), step(sim.KindFact, 1, "Has{v1 of 2}")), "who has been silent for longest comes first")
	var asks []trace.Step
	for client := range sim.NodeID(6) {
		asks = append(asks, step(sim.KindInvoke, client+3, "#0 get"))
	}
	require.Contains(t, tale(t, never, asks...), "So do 2 more operations.\nOnce")
}

// Every story of the catalogue's demonstrations is short, and ends with the violation.
func TestStoriesAreShort(t *testing.T) {
	for _, name := range []string{"raft/deposed", "olep/dual-writes", "olep/last-resource", "olep/read-skew", "disk/naive-lose-unsynced", "disk/naive-wipe"} {
		s, told := scenario(t, name), 0
		for seed := uint64(1); seed <= 20 && told < 3; seed++ {
			r := s.RunSeed(seed, scenarios.Options{})
			if r.Property == "" {
				continue
			}
			told++
			story, err := report.Story(opened(t, record(t, s, r.Plan, scenarios.Options{})))
			require.NoError(t, err)
			what := fmt.Sprintf("%s seed %d: %v", name, seed, story)
			require.Greater(t, len(story), 1, what)
			require.LessOrEqual(t, len(story), 45, what)
			require.Contains(t, story[len(story)-1].Text, r.Property, what)
		}
		require.Positive(t, told, name)
	}
}

func TestAStoryIsServed(t *testing.T) {
	file := failing(t)
	want, err := report.Story(opened(t, file))
	require.NoError(t, err)
	require.Greater(t, len(want), 4)
	h, err := report.Handler(bytes.NewReader(file), int64(len(file)), report.About{}, "example.com")
	require.NoError(t, err)
	for range 2 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/story", nil))
		var got []report.Sentence
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
		require.Equal(t, want, got)
	}
}

// What a long story leaves out is what came first.
func TestALongStoryIsOfLastSteps(t *testing.T) {
	r := opened(t, failing(t))
	whole, err := report.Story(r)
	require.NoError(t, err)
	same, err := report.StoryOf(r, r.Header().Step)
	require.NoError(t, err)
	require.Equal(t, whole, same)

	const most = 300
	first := r.Header().Step - most + 1
	part, err := report.StoryOf(r, most)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("What came before step %d is not told.", first), part[0].Text)
	require.Equal(t, whole[len(whole)-1], part[len(part)-1])
	require.Greater(t, len(part), 3)
	for _, s := range part[1:] {
		require.True(t, s.Step == 0 || s.Step >= first, s.Text)
	}
}
