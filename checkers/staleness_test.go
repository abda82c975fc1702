package checkers

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

func stalenessSecond(n uint64) clock.Time { return clock.Time(time.Duration(n) * time.Second) }

func TestStaleness(t *testing.T) {
	judge(t, stalenessStories, func(s *Set) (func(testing.TB, string), func()) {
		c := NewStaleness[string](s, 5*time.Second, 1, 2)
		return func(t testing.TB, text string) {
			facts(t, text, func(verb string, w words) {
				switch verb {
				case "update": // what version second
					c.Update(w.text(0), w.num(1), stalenessSecond(w.num(2)))
				case "know": // observer what version
					c.Know(w.node(0), w.text(1), w.num(2))
				case "restart":
					c.Restart(w.node(0))
				case "calm":
					c.Calm(stalenessSecond(w.num(0)))
				case "check":
					c.Check(stalenessSecond(w.num(0)))
				default:
					t.Fatalf("%s?", verb)
				}
			})
		}, c.Reset
	})
}

var stalenessStories = []story{
	{name: "nothing", verdict: Unknown},
	{name: "nothing was updated", facts: "calm 0\ncheck 100", verdict: Unknown},
	{name: "it is never calm", facts: `
		update a 1 1
		check 100`, verdict: Unknown},
	{name: "the bound is still to come", facts: `
		update a 1 1
		calm 10
		check 15`, verdict: Unknown},
	{name: "all know", facts: `
		update a 1 1
		calm 10
		know n1 a 1
		know n2 a 1
		check 16`, verdict: Valid},
	{name: "one does not", facts: `
		update a 1 1
		know n1 a 1
		calm 10
		check 16`, verdict: Invalid, property: "nothing stays stale for longer than its bound",
		detail: "n2 has version 0 of a, whose latest is 1, and so for 6s: more than 5s"},
	{name: "stale since the first update that is not known", facts: `
		calm 0
		update a 1 1
		know n1 a 1
		know n2 a 1
		update a 2 2
		update a 3 7
		know n1 a 3
		check 8`, verdict: Invalid, property: "nothing stays stale for longer than its bound", detail: "n2 has version 1 of a, whose latest is 3, and so for 6s"},
	{name: "an old one is known, and then a new one", facts: `
		calm 0
		update a 1 1
		update a 2 6
		know n1 a 2
		know n1 a 1
		know n2 a 1
		check 10
		know n2 a 2
		check 12`, verdict: Valid},
	{name: "a reboot forgets", facts: `
		calm 0
		update a 1 1
		know n1 a 1
		know n2 a 1
		check 7
		restart n2
		check 8`, verdict: Invalid, property: "nothing stays stale for longer than its bound", detail: "n2 has version 0 of a"},
	{name: "others do not count", facts: `
		calm 0
		update a 1 1
		know n1 a 1
		know n2 a 1
		know n9 a 1
		know n1 b 1
		restart n9
		check 8`, verdict: Valid},
}

func TestStalenessOverTime(t *testing.T) {
	c := NewStaleness[string](NewSet(nil), 0, 1, 2, 3)
	require.Zero(t, c.At(stalenessSecond(1)))
	c.Update("a", 4, stalenessSecond(1))
	c.Update("a", 7, stalenessSecond(2))
	c.Update("a", 7, stalenessSecond(3)) // told again
	c.Update("b", 5, stalenessSecond(4))
	for _, id := range []sim.NodeID{1, 2} {
		c.Know(id, "a", 4)
	}
	c.Know(1, "a", 7)
	c.Know(1, "b", 5)
	require.Equal(t, Stale{Count: 4, Of: 6, Worst: 9 * time.Second, Sum: (8 + 9 + 6 + 6) * time.Second}, c.At(stalenessSecond(10)))
}
