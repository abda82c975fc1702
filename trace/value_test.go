package trace_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

type role uint8

func (r role) String() string { return [...]string{"Follower", "Candidate", "Leader"}[r] }

type appendEntries struct {
	Term, Prev uint64
	Entries    int
}

type entry struct {
	Term uint64
	Cmd  any
}

type ringNode struct {
	Name string
	Next *ringNode
}

type pointerStringer struct{ n int }

func (p *pointerStringer) String() string { return fmt.Sprintf("p%d", p.n) }

type box[T any] struct{ Value T }

type put string

type everything struct {
	B   bool
	I8  int8
	I16 int16
	I32 int32
	I   int
	U8  uint8
	U16 uint16
	U   uint
	F32 float32
	F64 float64
	C64 complex64
	C   complex128
	S   string
	Arr [3]int16
	Fn  func()
	Ch  chan int
	Ptr *int
	M   map[string]int
	E   error
	D   time.Duration
	At  clock.Time
	ID  sim.NodeID
	Env sim.Env
	hid int
}

var seven = 7

// values are what the golden text shows, by name.
var values = map[string]any{
	"message":          appendEntries{Term: 7, Prev: 41, Entries: 2},
	"pointer":          &appendEntries{Term: 7},
	"nil pointer":      (*appendEntries)(nil),
	"entries":          []entry{{1, "x"}, {2, appendEntries{}}, {3, nil}, {4, []byte("two words")}},
	"timer":            sim.Timer{Name: "election"},
	"keyed timer":      sim.Timer{Name: "retry", Key: 12},
	"scoped":           sim.Scoped{Scope: "raft/3", Inner: sim.Scoped{Scope: "log", Inner: &appendEntries{Term: 1}}},
	"node ids":         map[sim.NodeID]uint64{10: 1, 2: 41, 1: 42},
	"string keys":      map[string]bool{"b": true, "a b": false, "": true},
	"struct keys":      map[appendEntries]int{{Term: 2}: 1, {Term: 10}: 2},
	"interface keys":   map[any]int{"x": 1, 2: 2, role(1): 3},
	"negative keys":    map[int8]string{-1: "a", 3: "b", -128: "c"},
	"role":             role(2),
	"panicking String": role(9),
	"inside":           struct{ R, S role }{1, 7},
	"pointer String":   []pointerStringer{{1}, {2}},
	"error":            fmt.Errorf("sync: %w", sim.ErrIO),
	"named string":     put("a"),
	"generic":          box[map[sim.NodeID]time.Duration]{},
	"generic args":     box[*box[entry]]{&box[entry]{}},
	"words":            []string{"", "word", "two words", "n1→n2", "tab\t", "\xff\xfe", "a:b", "x=1"},
	"bytes":            [][]byte{nil, []byte("key"), {0, 1, 255}, make([]byte, 100)},
	"digest":           [4]byte{0xde, 0xad, 0xbe, 0xef},
	"everything": everything{
		B: true, I8: -8, I16: -16, I32: -32, I: -1, U8: 8, U16: 16, U: math.MaxUint, F32: 0.5, F64: 1e100, C64: 1 - 2i, C: 1i,
		S: "s", Arr: [3]int16{1, 2, 3}, Ptr: &seven, M: map[string]int{}, E: errors.New("e"), D: 1500 * time.Millisecond,
		At: 12402000017, ID: 3, hid: 9,
	},
	"bare string": "two words",
	"bare number": 42,
	"cycle":       func() any { n := &ringNode{Name: "a"}; n.Next = n; return n }(),
	"long slice":  make([]int, 100),
	"large map": func() any {
		m := map[int]int{}
		for i := range 33 {
			m[i] = i
		}
		return m
	}(),
	"control String": errors.New("two\nlines\x00 and \xff"),
}

func TestValuesGolden(t *testing.T) {
	datadriven.RunTest(t, "testdata/values.txt", func(t *testing.T, d *datadriven.TestData) string {
		var out strings.Builder
		for name := range strings.SplitSeq(strings.TrimSpace(d.Input), "\n") {
			v, ok := values[name]
			require.True(t, ok, name)
			fmt.Fprintf(&out, "%s: %s\n", name, trace.Text(v))
		}
		return out.String()
	})
}

// tree is a value of any shape.
type tree struct {
	Name string
	Num  int64
	Raw  []byte
	Any  any
	Kids []*tree
	Map  map[string]*tree
}

func drawTree(t *rapid.T, depth int) *tree {
	if depth == 0 {
		return nil
	}
	n := &tree{
		Name: drawText.Draw(t, "name"), Num: rapid.Int64().Draw(t, "num"), Raw: rapid.SliceOfN(rapid.Byte(), 0, 99).Draw(t, "raw"),
		Any: rapid.SampledFrom([]any{nil, 1, "x", role(1), role(8), sim.NodeID(2), []any{1, "y"}, errors.New("\x00")}).Draw(t, "any"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "kids") {
		n.Kids = append(n.Kids, drawTree(t, depth-1))
	}
	for _, key := range rapid.SliceOfN(drawText, 0, 3).Draw(t, "keys") {
		if n.Map == nil {
			n.Map = make(map[string]*tree)
		}
		n.Map[key] = drawTree(t, depth-1)
	}
	if rapid.Bool().Draw(t, "cycle") {
		n.Kids = append(n.Kids, n)
	}
	return n
}

func TestValuesAreCutAndClean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawTree(t, 4)
		text := trace.Text(v)
		require.LessOrEqual(t, len(text), trace.MaxText)
		require.True(t, utf8.ValidString(text))
		require.NotContains(t, text, "\n")
		for range 3 {
			require.Equal(t, text, trace.Text(v), "the order of maps shows")
		}
	})
	require.Equal(t, strings.Repeat("x", trace.MaxText-3)+"…", trace.Text(strings.Repeat("x", 1<<20)))
	require.Equal(t, `"`+strings.Repeat("é", trace.MaxText/2-2)+"…", trace.Text(strings.Repeat("é", 1<<20)))
}

// closure speaks by a function, which nothing but a call can tell from another.
type closure struct{ say func() string }

func (c closure) String() string { return c.say() }

// Values are asked again where what they say may differ though they look the same.
func TestValuesAreNotConfused(t *testing.T) {
	var buf bytes.Buffer
	r, err := trace.NewRecorder(&buf, header)
	require.NoError(t, err)
	long := make([]int, 20)
	changed := slices.Clone(long)
	changed[10] = 1
	many := make(map[int]sum)
	for i := range 40 {
		many[i] = sum{1}
	}
	more := maps.Clone(many)
	more[7] = sum{2}
	payloads := []any{
		closure{func() string { return "a" }}, closure{func() string { return "b" }},
		sum(long), sum(changed), mapSum(many), mapSum(more), &deep{1}, &deep{1}, role(1), sum{1},
	}
	for i, p := range payloads {
		r.Step(&sim.Step{N: uint64(i + 1), Kind: sim.KindFact, Node: 1, Payload: p})
	}
	require.NoError(t, r.Close(trace.Outcome{}))
	var texts []string
	for _, s := range read(t, opened(t, buf.Bytes()), 0, 99) {
		texts = append(texts, s.Text)
	}
	require.Equal(t, []string{"a", "b", "sum 0", "sum 1", "sum 40", "sum 41", "deep 1", "deep 1", "Candidate", "sum 1"}, texts)
}

// Types may share a short name, which is all that the deep hash has of what is in an interface.
func TestTypesAreNotConfused(t *testing.T) {
	type envelope struct{ Body any }
	a := func() any { type T struct{ A int }; return T{1} }()
	b := func() any { type T struct{ B int }; return T{1} }()
	var buf bytes.Buffer
	r, err := trace.NewRecorder(&buf, header)
	require.NoError(t, err)
	for i, body := range []any{a, b} {
		payload := envelope{body}
		r.Step(&sim.Step{N: uint64(i + 1), Kind: sim.KindFact, Node: 1, Payload: payload, Content: sim.DeepHash(payload)})
	}
	require.NoError(t, r.Close(trace.Outcome{}))
	steps := read(t, opened(t, buf.Bytes()), 0, 9)
	require.Equal(t, "envelope{Body:T{A:1}}", steps[0].Text)
	require.Equal(t, "envelope{Body:T{B:1}}", steps[1].Text)
}

type sum []int

func (s sum) String() string { return fmt.Sprintf("sum %d", s.sum()) }

func (s sum) sum() (n int) {
	for _, i := range s {
		n += i
	}
	return n
}

type mapSum map[int]sum

func (m mapSum) String() string {
	n := 0
	for _, s := range m {
		n += s.sum()
	}
	return fmt.Sprintf("sum %d", n)
}

type deep struct{ n int }

func (d *deep) String() string { return fmt.Sprintf("deep %d", d.n) }
