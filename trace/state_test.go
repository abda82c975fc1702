package trace_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// settled records one handler per state and returns what each changed.
func settled(t require.TestingT, states ...any) (changes [][]trace.Change) {
	var buf bytes.Buffer
	r, err := trace.NewRecorder(&buf, trace.Header{Names: map[sim.NodeID]string{9: "c1"}})
	require.NoError(t, err)
	for i, state := range states {
		r.Step(&sim.Step{N: uint64(i + 1), Kind: sim.KindTimer, Node: 1})
		if f, ok := state.(func() any); ok {
			state = f()
		}
		r.Settled(uint64(i+1), 1, state)
	}
	require.NoError(t, r.Close(trace.Outcome{}))
	for _, s := range read(t, opened(t, buf.Bytes()), 0, 1<<63) {
		changes = append(changes, s.Changes)
	}
	return changes
}

func lines(changes []trace.Change) (out []string) {
	for _, c := range changes {
		out = append(out, c.String())
	}
	return out
}

type peer struct{ Match, Next uint64 }

type part2 interface{ Part() }

func (*peer) Part()          {}
func (*appendEntries) Part() {}

type member struct {
	Role   role
	term   uint64
	Leader sim.NodeID
	Next   map[sim.NodeID]uint64
	log    []peer
	first  peer
	snap   *peer
	part   part2
	any    any
	env    sim.Env
	f      func()
	self   *member
}

func TestStateChanges(t *testing.T) {
	m := &member{Role: 1, f: func() {}}
	m.self = m
	steps := []struct {
		do   func()
		want []string
	}{
		{func() {}, []string{"Role Follower→Candidate"}},
		{func() { m.Role = 2; m.Next = map[sim.NodeID]uint64{10: 41, 1: 41} },
			[]string{"Role Candidate→Leader", "Next {}→{n1:41 n10:41}"}},
		{func() {}, nil},
		{func() { m.Next[1] = 42; m.Next[9] = 1; m.term++ }, []string{"term 0→1", "Next[n1] 41→42", "Next[c1] +1"}},
		{func() { delete(m.Next, 10); m.Leader = 9 }, []string{"Leader -→c1", "Next[n10] -41"}},
		{func() { m.Next = nil }, []string{"Next {n1:42 c1:1}→{}"}},
		{func() { m.log = []peer{{1, 1}, {2, 2}} }, []string{"log []→[{Match:1 Next:1} {Match:2 Next:2}]"}},
		{func() { m.log = append(m.log, peer{3, 3}) }, []string{"log[2] +{Match:3 Next:3}"}},
		{func() { m.log = append(m.log[:1], peer{4, 4}) },
			[]string{"log[1] {Match:2 Next:2}→{Match:4 Next:4}", "log[2] -{Match:3 Next:3}"}},
		{func() { m.log = append(m.log, peer{5, 5}, peer{6, 6}) }, []string{"log[2] +{Match:5 Next:5}", "log[3] +{Match:6 Next:6}"}},
		{func() { m.log = m.log[2:] }, []string{"log[0] -{Match:1 Next:1}", "log[1] -{Match:4 Next:4}"}},
		{func() { m.first.Next = 7 }, []string{"first.Next 0→7"}},
		{func() { m.snap = &peer{5, 0} }, []string{"snap nil→peer{…}", "snap.Match 0→5"}},
		{func() { m.snap.Next = 1 }, []string{"snap.Next 0→1"}},
		{func() { m.snap = &peer{5, 2} }, []string{"snap.Next 1→2"}},
		{func() { m.snap = nil }, []string{"snap peer{…}→nil"}},
		{func() { m.part = &peer{1, 0} }, []string{"part nil→peer{…}", "part.Match 0→1"}},
		{func() { m.part = &appendEntries{Term: 3} }, []string{"part peer{…}→appendEntries{…}", "part.Term 0→3"}},
		{func() { m.part = nil }, []string{"part appendEntries{…}→nil"}},
		{func() { m.any = peer{1, 2} }, []string{"any nil→peer{Match:1 Next:2}"}},
		{func() { m.any = &peer{1, 2} }, []string{"any peer{Match:1 Next:2}→peer{…}", "any.Match 0→1", "any.Next 0→2"}},
		{func() { m.any = 7 }, []string{"any peer{…}→7"}},
		{func() { m.any = []byte("x") }, []string{"any 7→x"}},
		{func() { m = &member{} }, []string{
			"Role Leader→Follower", "term 1→0", "Leader c1→-", "log [{Match:5 Next:5} {Match:6 Next:6}]→[]", "first.Next 7→0", "any x→nil",
			"self member{…}→nil",
		}},
	}
	var states []any
	for _, s := range steps {
		states = append(states, func() any { s.do(); return m })
	}
	for i, changes := range settled(t, states...) {
		require.Equal(t, steps[i].want, lines(changes), "step %d", i+1)
	}
}

func TestStatesOfAllKinds(t *testing.T) {
	many := make(map[int]int)
	grown := func(n int) func() any {
		return func() any {
			for len(many) < n {
				many[len(many)] = 1
			}
			return many
		}
	}
	long := make([]int, 40)
	for _, c := range []struct {
		name   string
		states []any
		want   [][]string
	}{
		{"none", []any{nil, nil}, [][]string{nil, nil}},
		{"a string", []any{"a", "a", "b"}, [][]string{{`state ""→a`}, nil, {"state a→b"}}},
		{"a struct", []any{peer{}, peer{1, 0}}, [][]string{nil, {"Match 0→1"}}},
		{"a nil pointer", []any{(*peer)(nil), &peer{1, 0}}, [][]string{nil, {"Match 0→1"}}},
		{"a map", []any{map[string]int{}, map[string]int{"a": 1}}, [][]string{nil, {"state {}→{a:1}"}}},
		{"other types", []any{peer{1, 0}, "a"}, [][]string{{"Match 0→1"}, {`state ""→a`}}},
		{"a large map", []any{grown(32), grown(33), grown(34)}, [][]string{
			{"state {}→" + whole32}, {"state " + whole32 + "→{33 entries}"}, {"state {33 entries}→{34 entries}"},
		}},
		{"a long slice", []any{
			func() any { return long },
			func() any { long[39] = 1; return long },
			func() any { long = append(long, 2); return long },
			func() any { long[20] = 3; return long }, // out of sight
			func() any { long = long[:39]; return long },
		}, [][]string{
			{"state []→[0 0 0 0 …24 more… " + strings.TrimSpace(strings.Repeat("0 ", 12)) + "]"},
			{"state[39] 0→1"}, {"state[40] +2"}, nil, {"state[39] -1", "state[40] -2"},
		}},
	} {
		var got [][]string
		for _, changes := range settled(t, c.states...) {
			got = append(got, lines(changes))
		}
		require.Equal(t, c.want, got, c.name)
	}
}

var whole32 = func() string {
	var parts []string
	for i := range 32 {
		parts = append(parts, fmt.Sprintf("%d:1", i))
	}
	return "{" + strings.Join(parts, " ") + "}"
}()

// A step shows so many changes, and how many more there were.
func TestStateChangesAreBounded(t *testing.T) {
	a, b := make([]int, 16), make([]int, 16)
	for i := range a {
		a[i], b[i] = 1, 2
	}
	type six struct{ A, B, C, D, E, F []int }
	got := settled(t, six{a, a, a, a, a, a}, six{b, b, b, b, b, b})[1]
	require.Len(t, got, 65)
	require.Equal(t, "D[15] 1→2", got[63].String())
	require.Equal(t, trace.Change{Path: "…", New: "32 more"}, got[64])
}

// Every change begins where the last change of the same place ended, and a state that stays the same changes nothing.
func TestStateChangesFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var states []any
		for range rapid.IntRange(1, 8).Draw(t, "states") {
			s := &tree{Num: rapid.Int64Range(0, 3).Draw(t, "num"), Map: make(map[string]*tree)}
			for _, key := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 0, 3).Draw(t, "keys") {
				s.Map[key] = drawTree(t, 2)
			}
			if rapid.Bool().Draw(t, "any") {
				s.Any = drawTree(t, 2)
			}
			s.Kids = rapid.SliceOfN(rapid.SampledFrom([]*tree{{Num: 1}, {Num: 2}}), 0, 4).Draw(t, "kids")
			states = append(states, s, s)
		}
		held := make(map[string]string)
		for i, changes := range settled(t, states...) {
			if i%2 == 1 {
				require.Empty(t, changes)
				continue
			}
			for _, c := range changes {
				collection := func(path string) bool { return strings.HasPrefix(c.Path, path) }
				if old, ok := held[c.Path]; ok && !collection("Map") && !collection("Kids") && !collection("Any") {
					require.Equal(t, old, c.Old, c.Path)
				}
				require.NotEqual(t, c.Old, c.New)
				held[c.Path] = c.New
			}
			if num, ok := held["Num"]; ok {
				require.Equal(t, num, fmt.Sprint(states[i].(*tree).Num))
			}
		}
	})
}

// A recorder that looks does not touch.
func TestStateIsNotWritten(t *testing.T) {
	m := &member{Next: map[sim.NodeID]uint64{1: 1}, log: slices.Repeat([]peer{{1, 2}}, 40), snap: &peer{3, 4}}
	before := fmt.Sprintf("%+v %+v", *m, *m.snap)
	settled(t, m, m)
	require.Equal(t, before, fmt.Sprintf("%+v %+v", *m, *m.snap))
}

// mutable is a state of what is compared in different ways: as words, as texts, as memory, by looking at all of it.
type mutable struct {
	Word  uint64
	Text  string
	Any   any
	Pair  [2]any
	Calls []call
	Ptrs  []*peer
	Deep  [][]string
	Ids   map[sim.NodeID]uint64
	Flags map[uint64]bool
	Names map[string]int8
	Inner *mutable
	role  role
}

type call struct {
	Key  string
	Op   any
	Raw  []byte
	Last *int8
}

// mutate changes one thing, in place wherever that is possible; at times it changes nothing.
func (m *mutable) mutate(t *rapid.T) {
	n := rapid.Uint64Range(0, 3).Draw(t, "n")
	text := strings.Repeat("x", int(n))
	boxed := rapid.SampledFrom([]any{nil, n, text, peer{n, 0}, &peer{n, 1}, []string{text}, map[uint64]uint8{n: 1}, role(n % 3), [1]*peer{{n, 2}}}).Draw(t, "boxed")
	small := int8(n)
	i := int(n)
	switch rapid.IntRange(0, 20).Draw(t, "what") {
	case 0:
		m.Word = n
	case 1:
		m.Text = text
	case 2:
		m.Any = boxed
	case 3:
		m.Pair[n%2] = boxed
	case 4:
		m.Calls = append(m.Calls, call{Key: text, Op: boxed, Raw: []byte(text), Last: &small})
	case 5:
		m.Calls = m.Calls[:min(i, len(m.Calls))]
	case 6:
		if i < len(m.Calls) {
			m.Calls[i].Op, m.Calls[i].Key = boxed, text
		}
	case 7:
		if i < len(m.Calls) && len(m.Calls[i].Raw) > 0 {
			m.Calls[i].Raw[0]++
		}
	case 8:
		if i < len(m.Calls) {
			*m.Calls[i].Last++
		}
	case 9:
		m.Ptrs = append(m.Ptrs, &peer{n, n})
	case 10:
		if i < len(m.Ptrs) {
			m.Ptrs[i].Match++
		}
	case 11:
		m.Deep = append(m.Deep, []string{text})
	case 12:
		if i < len(m.Deep) {
			m.Deep[i][0] = text
		}
	case 13:
		if m.Ids == nil {
			m.Ids = map[sim.NodeID]uint64{}
		}
		m.Ids[sim.NodeID(n+1)]++
	case 14:
		delete(m.Ids, sim.NodeID(n+1))
	case 15:
		m.Flags = map[uint64]bool{n: n%2 == 0, 7: true}
	case 16:
		m.Names = map[string]int8{text: small}
	case 17:
		if m.Inner == nil {
			m.Inner = &mutable{}
		} else {
			m.Inner.mutate(t)
		}
	case 18:
		switch v := m.Any.(type) {
		case *peer:
			v.Next++
		case []string:
			v[0] += "y"
		case map[uint64]uint8:
			v[n]++
		}
	case 19:
		m.role = role(n % 3)
	}
}

// Whatever a state was compared with, and how, its changes are those between its last two values.
func TestNoChangeIsMissed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, states, copies := &mutable{}, []any{}, []any{}
		for range rapid.IntRange(2, 40).Draw(t, "steps") {
			states = append(states, func() any {
				m.mutate(t)
				copies = append(copies, sim.Copy(m))
				return m
			})
		}
		for i, changes := range settled(t, states...) {
			if i > 0 {
				require.Equal(t, lines(settled(t, copies[i-1], copies[i])[1]), lines(changes), "step %d", i+1)
			}
		}
	})
}

// A method may say something else for a change that is in what is not looked at.
func TestVerbalStatesAreNotStale(t *testing.T) {
	var s struct {
		Sum  sum
		Sums map[int]sum
		Many mapSum
	}
	s.Sum, s.Sums, s.Many = make(sum, 30), map[int]sum{1: make(sum, 30)}, mapSum{}
	for i := range 40 {
		s.Many[i] = sum{1}
	}
	got := settled(t,
		func() any { return &s },
		func() any { s.Sum[10] = 5; return &s },
		func() any { s.Sums[1][10] = 6; return &s },
		func() any { s.Many[7] = sum{8}; return &s },
		func() any { return &s },
	)
	for i, want := range [][]string{{"Sum sum 0→sum 5"}, {"Sums[1] sum 0→sum 6"}, {"Many sum 40→sum 47"}, nil} {
		require.Equal(t, want, lines(got[i+1]))
	}
}

// What is looked at of a map with large values does not depend on its order.
func TestLargeValuesInMaps(t *testing.T) {
	type large struct {
		Number int
		Texts  [][][]string
		Tail   int
	}
	record := func() []byte {
		m := make(map[int]*large)
		for i := range 8 {
			m[i] = &large{Texts: make([][][]string, 16)}
			for k := range m[i].Texts {
				m[i].Texts[k] = slices.Repeat([][]string{slices.Repeat([]string{"x"}, 16)}, 16)
			}
		}
		var buf bytes.Buffer
		r, err := trace.NewRecorder(&buf, trace.Header{})
		require.NoError(t, err)
		for n := range uint64(100) {
			r.Step(&sim.Step{N: n + 1, Kind: sim.KindTimer, Node: 1})
			m[int(n%8)].Number++
			m[int(n%7)].Tail++
			r.Settled(n+1, 1, struct{ M map[int]*large }{m})
		}
		require.NoError(t, r.Close(trace.Outcome{}))
		return buf.Bytes()
	}
	first := record()
	for range 5 {
		require.Equal(t, first, record())
	}
}
