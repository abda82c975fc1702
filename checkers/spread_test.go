package checkers

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// spreadNumber is a version that is a number. Site n made those that begin with n: 31 is site 3's.
type spreadNumber uint64

func (n spreadNumber) Before(m spreadNumber) bool { return n < m }

func TestSpread(t *testing.T) {
	second := func(w words, i int) clock.Time { return clock.Time(time.Duration(w.num(i)) * time.Second) }
	judge(t, spreadStories, func(s *Set) (func(testing.TB, string), func()) {
		c := NewSpread[string, string](s, SpreadOptions[spreadNumber]{
			Keep: 10 * time.Second, Origin: func(v spreadNumber) sim.NodeID { return sim.NodeID(v / 10) },
		})
		return func(t testing.TB, text string) {
			facts(t, text, func(verb string, w words) {
				switch verb {
				case "write": // key value
					c.Write(w.text(0), w.text(1))
				case "delete": // key
					c.Delete(w.text(0))
				case "hold": // site key version value
					c.Hold(w.node(0), w.text(1), spreadNumber(w.num(2)), w.text(3))
				case "read": // site key version value
					c.Read(w.node(0), w.text(1), spreadNumber(w.num(2)), w.text(3))
				case "bury": // site key version second
					c.Bury(w.node(0), w.text(1), spreadNumber(w.num(2)), second(w, 3))
				case "forget": // site key version second
					c.Forget(w.node(0), w.text(1), spreadNumber(w.num(2)), second(w, 3))
				case "restart":
					c.Restart(w.node(0))
				case "quiet":
					c.Quiet(w.nodes()...)
				default:
					t.Fatalf("%s?", verb)
				}
			})
		}, c.Reset
	})
}

var spreadStories = []story{
	{name: "nothing", verdict: Unknown},
	{name: "only asked for", facts: "write a x\ndelete a", verdict: Unknown},
	{name: "nothing to have", facts: "quiet n1 n2", verdict: Unknown},
	{name: "spreads", facts: `
		write a x
		hold n1 a 10 x
		hold n2 a 10 x
		hold n2 a 10 x   # told again after a boot
		write a y
		hold n2 a 20 y
		hold n1 a 20 y
		quiet n1 n2`, verdict: Valid},
	{name: "invented", facts: `
		write a x
		hold n1 a 10 y`, verdict: Invalid, property: "no value is invented", detail: "n1 has a=y, which nobody wrote"},
	{name: "of another key", facts: `
		write a x
		hold n1 b 10 x`, verdict: Invalid, property: "no value is invented", detail: "n1 has b=x"},
	{name: "read, but not written", facts: `
		write a x
		read n1 a 10 z`, verdict: Invalid, property: "no value is invented", detail: "n1 has a=z"},
	{name: "read of what is replaced by now", facts: `
		write a x
		hold n1 a 10 x
		write a y
		hold n1 a 11 y
		read n1 a 10 x`, verdict: Valid},
	{name: "a version that its maker does not know", facts: `
		write a x
		hold n2 a 10 x`, verdict: Invalid, property: "no value is invented", detail: "n2 has x of a (10), which n1 does not know of"},
	{name: "a delete that nobody asked for", facts: `
		write a x
		hold n1 a 10 x
		bury n1 a 11 0`, verdict: Invalid, property: "no value is invented", detail: "n1 takes a for deleted, which nobody did"},
	{name: "one version, two values", facts: `
		write a x
		write a y
		hold n1 a 10 x
		hold n2 a 10 y`, verdict: Invalid, property: "a version is the same everywhere", detail: "version 10 of a is x at n1, and y at n2"},
	{name: "goes back", facts: `
		write a x
		write a y
		hold n1 a 10 x
		hold n1 a 11 y
		hold n1 a 10 x`, verdict: Invalid, property: "what a site has never goes back", detail: "n1 goes back from y (11) to x (10) of a"},
	{name: "a lost memory goes back", facts: `
		write a x
		write a y
		hold n1 a 10 x
		hold n1 a 11 y
		restart n1
		hold n1 a 10 x`, verdict: Valid},
	{name: "deleted", facts: `
		write a x
		hold n1 a 10 x
		hold n2 a 10 x
		delete a
		bury n1 a 11 5
		bury n2 a 11 5
		quiet n1 n2`, verdict: Valid},
	{name: "resurrected", facts: `
		write a x
		hold n1 a 10 x
		delete a
		bury n1 a 11 5
		hold n1 a 10 x`, verdict: Invalid, property: "no value is resurrected", detail: "n1 has a=x (10) again, which was deleted (11)"},
	{name: "an earlier delete is told after a later one", facts: `
		delete a
		bury n1 a 10 1
		bury n1 a 11 2
		bury n1 a 10 1`, verdict: Invalid, property: "what a site has never goes back", detail: "n1 goes back from deleted (11) to deleted (10) of a"},
	{name: "written anew", facts: `
		write a x
		write a y
		hold n1 a 10 x
		delete a
		bury n1 a 11 5
		hold n1 a 12 y
		quiet n1`, verdict: Valid},
	{name: "slower news than the delete", facts: `
		write a x
		hold n1 a 10 x
		delete a
		bury n1 a 11 5
		hold n2 a 10 x
		bury n2 a 11 5
		quiet n1 n2`, verdict: Valid},
	{name: "comes back where it was forgotten", facts: `
		write a x
		hold n1 a 10 x
		delete a
		bury n2 a 20 5
		forget n2 a 20 15
		hold n2 a 10 x`, verdict: Valid},
	{name: "and stays", facts: `
		write a x
		hold n1 a 10 x
		delete a
		bury n2 a 20 5
		forget n2 a 20 15
		hold n2 a 10 x
		quiet n2`, verdict: Invalid, property: "all have the latest of all keys once quiet", detail: "n2 has a x (10), which is deleted (20)"},
	{name: "forgotten too early", facts: `
		delete a
		bury n2 a 20 5
		forget n2 a 20 14`, verdict: Invalid, property: "deletes are remembered for their time", detail: "n2 forgets after 9s that a was deleted (20), but is to keep it for 10s"},
	{name: "forgotten too early after it was renewed", facts: `
		delete a
		bury n2 a 20 5
		bury n2 a 20 9
		forget n2 a 20 18`, verdict: Invalid, property: "deletes are remembered for their time", detail: "n2 forgets after 9s"},
	{name: "forgets what it has replaced", facts: `
		delete a
		write a x
		bury n2 a 20 5
		hold n2 a 21 x
		forget n2 a 20 6
		quiet n2`, verdict: Valid},
	{name: "not all have it", facts: `
		write a x
		hold n1 a 10 x
		quiet n1 n2`, verdict: Invalid, property: "all have the latest of all keys once quiet", detail: "n2 has no a, which is x (10)"},
	{name: "knows of no delete, and has no value", facts: `
		write a x
		hold n1 a 10 x
		delete a
		bury n1 a 11 5
		quiet n1 n2`, verdict: Valid},
}

func TestSpreadSaysWhatIsMissing(t *testing.T) {
	c := NewSpread[string, string](NewSet(nil), SpreadOptions[spreadNumber]{})
	for _, v := range []string{"x", "y", "z"} {
		c.Write("a", v)
		c.Write("b", v)
	}
	c.Hold(1, "a", 1, "x")
	c.Hold(2, "a", 2, "y")
	c.Hold(2, "b", 1, "z")
	require.Equal(t, []string{"n1 has a x (1), which is y (2)", "n3 has no a, which is y (2)", "n1 has no b, which is z (1)", "n3 has no b, which is z (1)"}, c.Missing(1, 2, 3))
	require.Equal(t, 6, c.Pairs(3))
	require.Equal(t, []string{"n3 has no a, which is x (1)"}, c.Differing(1, 3), "what is gone is gone")
	require.Empty(t, c.Differing(3))
	c.Delete("a")
	c.Bury(3, "a", 3, 0)
	require.Equal(t, []string{"n1 has a x (1), which is deleted (3)"}, c.Differing(1, 3))
}
