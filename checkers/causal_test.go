package checkers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// TestCausality: n1 to n3 make items, from n4 on are observers.
func TestCausality(t *testing.T) {
	const causal, integral = "nothing is visible before its cause", "nothing is visible before what it refers to"
	judge(t, []story{
		{name: "nothing", verdict: Unknown},
		{name: "no cause", verdict: Unknown, facts: `
			make n1 a
			make n2 b
			show n4 b
			show n4 a
			show n4 c       # from the start
			have n5 a
			restart n5`},
		{name: "in order", verdict: Valid, facts: `
			make n1 a
			see n2 a
			make n2 b
			show n4 a
			show n4 b
			show n4 b`},

		{name: "an answer without its question", facts: `
			make n1 a
			see n2 a
			make n2 b
			show n4 b`, verdict: Invalid, property: causal, detail: "n4 shows b without a, which was there for n2 when it made b"},
		{name: "another observer has it", facts: `
			make n1 a
			see n2 a
			make n2 b
			show n5 a
			show n4 b`, verdict: Invalid, property: causal, detail: "n4 shows b without a"},
		{name: "seen after it was made", verdict: Unknown, facts: `
			make n1 a
			make n2 b
			see n2 a
			show n4 b`},
		{name: "seen by another", verdict: Unknown, facts: `
			make n1 a
			see n3 a
			make n2 b
			show n4 b`},
		{name: "one's own items", facts: `
			make n1 a
			make n1 b
			show n4 b`, verdict: Invalid, property: causal, detail: "n4 shows b without a, which was there for n1 when it made b"},
		{name: "one's own item, seen again", verdict: Valid, facts: `
			make n1 a
			see n1 a
			make n1 b
			show n4 a
			show n4 b`},
		{name: "forgotten", verdict: Unknown, facts: `
			see n2 a
			make n2 b
			end n2
			make n2 c
			show n4 c`},
		{name: "forgotten by another", facts: `
			make n1 a
			see n2 a
			end n1
			make n2 b
			show n4 b`, verdict: Invalid, property: causal, detail: "n4 shows b without a, which was there for n2 when it made b"},
		{name: "forgotten, and seen again", facts: `
			make n1 a
			see n2 a
			end n2
			see n2 a
			make n2 b
			show n4 b`, verdict: Invalid, property: causal, detail: "n4 shows b without a, which was there for n2 when it made b"},
		{name: "a chain that begins with something from the start", facts: `
			see n2 a
			make n2 b
			see n3 b
			make n3 c
			show n4 b`, verdict: Invalid, property: causal, detail: "n4 shows b without a"},

		{name: "can be shown", verdict: Valid, facts: `
			make n1 a
			see n2 a
			make n2 b
			have n4 a
			show n4 b`},
		{name: "can be shown, but not what is before it", facts: `
			make n1 a
			see n2 a
			make n2 b
			see n3 b
			make n3 c
			have n4 b
			show n4 c`, verdict: Invalid, property: causal, detail: "n4 shows c without a, which was there for n2 when it made b"},
		{name: "can all be shown, in another order", verdict: Valid, facts: `
			make n1 a
			see n2 a
			make n2 b
			see n3 b
			make n3 c
			have n4 b
			have n4 a
			show n4 c`},
		{name: "could be shown once", facts: `
			make n1 a
			see n2 a
			make n2 b
			show n4 a
			restart n4
			show n4 b`, verdict: Invalid, property: causal, detail: "n4 shows b without a"},

		{name: "shown before it is made", facts: `
			show n4 a
			make n1 a`, verdict: Invalid, property: causal, detail: "n1 makes a, which was there before"},
		{name: "made twice", facts: `
			make n1 a
			make n2 a`, verdict: Invalid, property: causal, detail: "n2 makes a, which was there before"},

		{name: "by vectors", verdict: Valid, facts: `
			makeat n1 a 1:1
			makeat n2 b 1:1 2:1
			show n4 a
			show n4 b`},
		{name: "by vectors, without its cause", facts: `
			makeat n1 a 1:1
			makeat n2 b 1:2 2:1
			show n4 b`, verdict: Invalid, property: causal, detail: "n4 shows b without a, which was there for n2 when it made b"},
		{name: "by vectors, concurrent", verdict: Unknown, facts: `
			makeat n1 a 1:2
			makeat n2 b 1:1 2:1
			show n4 b`},
		{name: "by vectors, one's own", facts: `
			makeat n1 a 1:1
			makeat n1 b 1:2
			show n4 b`, verdict: Invalid, property: causal, detail: "n4 shows b without a"},
		{name: "by vectors, two of one step", verdict: Valid, facts: `
			makeat n1 a 1:1
			makeat n1 b 1:2
			makeat n1 c 1:2
			show n4 a
			show n4 c`},
		{name: "by vectors, after the second of one step", facts: `
			makeat n1 a 1:1
			makeat n1 b 1:1
			makeat n2 c 1:1 2:1
			show n4 b
			show n4 c`, verdict: Invalid, property: causal, detail: "n4 shows c without a"},
		{name: "by vectors, the second of one step has the causes of the first", facts: `
			makeat n1 a 1:1
			makeat n2 b 1:1 2:3
			makeat n2 c 1:1 2:3
			show n4 c`, verdict: Invalid, property: causal, detail: "n4 shows c without a"},
		{name: "by vectors, made twice", facts: `
			makeat n1 a 1:1
			makeat n2 a 1:1 2:1`, verdict: Invalid, property: causal, detail: "n2 makes a, which was there before"},
		{name: "by vectors, through an item of one's own", facts: `
			makeat n1 a 1:1
			makeat n2 b 1:1 2:1
			makeat n2 c 1:1 2:2
			have n4 b
			show n4 c`, verdict: Invalid, property: causal, detail: "n4 shows c without a, which was there for n2 when it made b"},

		{name: "refers to what is there", verdict: Valid, facts: `
			refer b a
			show n4 a
			show n4 b`},
		{name: "refers to what can be shown", verdict: Valid, facts: `
			refer b a
			have n4 a
			show n4 b`},
		{name: "refers to what is elsewhere", facts: `
			refer b a
			show n5 a
			show n4 b`, verdict: Invalid, property: integral, detail: "n4 shows b without a, to which it refers"},
		{name: "one of many is missing", facts: `
			refer b a c
			refer b d
			show n4 a
			show n4 c
			show n4 b`, verdict: Invalid, property: integral, detail: "n4 shows b without d"},
		{name: "refers to what is made later", verdict: Valid, facts: `
			refer b a
			make n1 b
			make n1 a
			have n4 a
			show n4 b`},
		{name: "its causes are there, but not all that it refers to", facts: `
			make n1 a
			make n1 b
			refer b d
			show n4 a
			show n4 b`, verdict: Invalid, property: integral, detail: "n4 shows b without d"},
		{name: "referred to, not caused", facts: `
			make n1 a
			make n2 b
			refer b a
			show n4 b`, verdict: Invalid, property: integral},
		{name: "caused, not referred to", facts: `
			make n1 a
			make n1 d
			see n2 d
			make n2 b
			refer b d
			show n4 a
			show n4 b`, verdict: Invalid, property: causal},
	}, func(s *Set) (func(testing.TB, string), func()) {
		c := NewCausality[string](s)
		return func(t testing.TB, text string) {
			facts(t, text, func(verb string, w words) {
				switch verb {
				case "see": // who item
					c.See(w.node(0), w.text(1))
				case "make": // who item
					c.Make(w.node(0), w.text(1))
				case "makeat": // who item process:count...
					var stamp clock.Vector
					for _, k := range w.w[2:] {
						process, count, _ := strings.Cut(k, ":")
						stamp = stamp.With(int32(number(t, process)), number(t, count))
					}
					c.MakeAt(w.node(0), w.text(1), stamp)
				case "refer": // item others
					c.Refer(w.text(0), w.w[1:]...)
				case "show": // observer item
					c.Show(w.node(0), w.text(1))
				case "have": // observer item
					c.Have(w.node(0), w.text(1))
				case "end": // who
					c.End(w.node(0))
				case "restart": // observer
					c.Restart(w.node(0))
				default:
					require.Fail(t, verb)
				}
			})
		}, c.Reset
	})
}

func TestCausalityLooks(t *testing.T) {
	set := NewSet(nil)
	c := NewCausality[string](set)
	c.See(1, "a")
	c.Show(4, "a")
	require.Empty(t, looks(set))
	c.Make(1, "b")
	c.Show(4, "b")
	c.Show(4, "b")
	require.Equal(t, map[string]uint64{"nothing is visible before its cause": 2}, looks(set))
	c.Refer("c", "a", "b")
	c.Show(4, "c")
	require.Equal(t, map[string]uint64{"nothing is visible before its cause": 2, "nothing is visible before what it refers to": 2}, looks(set))
}

// TestCausalityOracle compares with the whole past of each item, made of what its maker has seen. Each node makes items,
// shows what others have made, and has seen what it shows. With every run goes a second one, in which nodes send
// each other messages and the past is what their vectors say.
func TestCausalityOracle(t *testing.T) {
	wrong := 0
	rapid.Check(t, func(t *rapid.T) {
		seen, stamped := NewSet(nil), NewSet(nil)
		bySight, byStamp := NewCausality[int](seen), NewCausality[int](stamped)
		type item struct {
			past  []int // sorted
			stamp clock.Vector
		}
		var items []item
		var sights, has [4][]int // by node
		var clocks [4]clock.Vector
		told := ""
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			n := rapid.IntRange(1, 3).Draw(t, "node")
			id := sim.NodeID(n)
			i := rapid.IntRange(0, max(0, len(items)-1)).Draw(t, "item")
			verb := rapid.SampledFrom(strings.Fields("make make show show show have message restart end")).Draw(t, "verb")
			if i == len(items) && (verb == "show" || verb == "have") {
				continue
			}
			told += fmt.Sprintln(verb, id, i)
			switch verb {
			case "make":
				clocks[n] = clocks[n].Tick(int32(n))
				i = len(items)
				items = append(items, item{slices.Clone(sights[n]), clocks[n]})
				sights[n] = append(sights[n], i)
				has[n] = append(has[n], i)
				bySight.Make(id, i)
				byStamp.MakeAt(id, i, clocks[n])
				bySight.Have(id, i)
				byStamp.Have(id, i)
			case "message":
				from := rapid.IntRange(1, 3).Draw(t, "from")
				clocks[n] = clocks[n].Witness(int32(n), clocks[from])
			case "end":
				sights[n] = nil
				bySight.End(id)
				byStamp.End(id)
			case "restart":
				has[n] = nil
				bySight.Restart(id)
				byStamp.Restart(id)
			case "have":
				has[n] = append(has[n], i)
				bySight.Have(id, i)
				byStamp.Have(id, i)
			case "show":
				has[n] = append(has[n], i)
				for _, past := range items[i].past {
					if !slices.Contains(sights[n], past) {
						sights[n] = append(sights[n], past)
					}
				}
				sights[n] = append(sights[n], i)
				bySight.Show(id, i)
				byStamp.Show(id, i)
				bySight.See(id, i)

				missing := func(list []int) bool {
					return slices.ContainsFunc(list, func(k int) bool { return !slices.Contains(has[n], k) })
				}
				var before []int
				for k := range items {
					if items[k].stamp.Compare(items[i].stamp) == clock.Before {
						before = append(before, k)
					}
				}
				require.Equal(t, missing(before), stamped.Violation() != nil, "by vectors: %v\n%s", stamped.Violation(), told)
				require.Equal(t, missing(items[i].past), seen.Violation() != nil, "%v\n%s", seen.Violation(), told)
			}
			if seen.Violation() != nil || stamped.Violation() != nil {
				wrong++
				return
			}
		}
	})
	t.Log(wrong)
}

// TestCausalityOfARun: the vectors of a recorded run.
func TestCausalityOfARun(t *testing.T) {
	steps := []sim.Step{
		{N: 1, Kind: sim.KindTimer, Node: 1},
		{N: 2, Kind: sim.KindFact, Node: 1, Cause: 1}, // makes a
		{N: 3, Kind: sim.KindDeliver, Node: 2, Peer: 1, Cause: 1},
		{N: 4, Kind: sim.KindFact, Node: 2, Cause: 3}, // makes b
		{N: 5, Kind: sim.KindFact, Node: 3},           // makes c
	}
	run := sim.NewCausal(func(yield func(*sim.Step) bool) {
		for i := range steps {
			if !yield(&steps[i]) {
				return
			}
		}
	})
	set := NewSet(nil)
	c := NewCausality[string](set)
	c.MakeAt(1, "a", run.Vector(2))
	c.MakeAt(2, "b", run.Vector(4))
	c.MakeAt(3, "c", run.Vector(5))
	c.Show(4, "c")
	require.Nil(t, set.Violation())
	c.Show(4, "b")
	require.Equal(t, "n4 shows b without a, which was there for n2 when it made b", set.Violation().Detail)
}

func BenchmarkCausality(b *testing.B) {
	set := NewSet(nil)
	c := NewCausality[int](set)
	b.ReportAllocs()
	for b.Loop() {
		set.Reset()
		c.Reset()
		for i := range 1000 {
			c.Make(sim.NodeID(i%5), i)
			for id := range sim.NodeID(5) {
				c.Show(id, i)
				c.See(id, i)
			}
		}
	}
	require.Equal(b, Valid, set.Result().Verdict, "%v", set.Result())
}
