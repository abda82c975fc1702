package checkers

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/sim"
)

// facts reads what nodes claim, a fact per line: a verb and its words. Numbers may carry an n, for nodes.
func facts(t testing.TB, text string, tell func(verb string, w words)) {
	t.Helper()
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		if f := strings.Fields(line); len(f) > 0 {
			tell(f[0], words{t, f[1:]})
		}
	}
}

type words struct {
	t testing.TB
	w []string
}

func (w words) text(i int) string {
	require.Less(w.t, i, len(w.w), "%v is too short", w.w)
	return w.w[i]
}

func (w words) num(i int) uint64      { return number(w.t, strings.TrimPrefix(w.text(i), "n")) }
func (w words) node(i int) sim.NodeID { return sim.NodeID(w.num(i)) }

func (w words) nodes() []sim.NodeID {
	ids := make([]sim.NodeID, len(w.w))
	for i := range ids {
		ids[i] = w.node(i)
	}
	return ids
}

// story is a table row: facts, and the verdict they must lead to.
type story struct {
	name     string
	facts    string
	verdict  Verdict
	property string // its name, if the verdict is Invalid
	detail   string // a part of it
}

// judge tells each story to a fresh checker, and to one that has been told all the others before.
func judge(t *testing.T, stories []story, make func(s *Set) (tell func(t testing.TB, text string), reset func())) {
	reused := NewSet(nil)
	tellReused, reset := make(reused)
	for _, c := range stories {
		t.Run(c.name, func(t *testing.T) {
			var told []string
			set := NewSet(func(property, detail string) { told = append(told, property+": "+detail) })
			tell, _ := make(set)
			tell(t, c.facts)
			r := set.Result()
			require.Equal(t, c.verdict, r.Verdict, "%v", r)
			if c.verdict == Invalid {
				require.Contains(t, r.Property, `"`+c.property+`"`)
				require.Contains(t, r.Detail, c.detail)
				require.Equal(t, []string{r.Property + ": " + r.Detail}, told, "told once")
				t.Log(r)
			} else {
				require.Empty(t, told)
			}
			reused.Reset()
			reset()
			tellReused(t, c.facts)
			require.Equal(t, r, reused.Result(), "after a reset, as new")
		})
	}
}
