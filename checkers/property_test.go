package checkers

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestVerdictJoin(t *testing.T) {
	all := []Verdict{Valid, Unknown, Invalid} // from weakest to strongest
	for i, v := range all {
		for j, w := range all {
			require.Equal(t, all[max(i, j)], v.Join(w))
		}
	}
	require.Equal(t, "valid unknown invalid", fmt.Sprint(Valid, " ", Unknown, " ", Invalid))

	a, b, c := Result{Verdict: Valid}, Result{Verdict: Unknown, Detail: "b"}, Result{Verdict: Invalid, Property: "p", Detail: "c"}
	require.Equal(t, Result{Detail: "nothing was checked"}, Join())
	require.Equal(t, b, Join(a, b, Result{Detail: "later"}))
	require.Equal(t, c, Join(a, b, c, b, Result{Verdict: Invalid}))
	require.Equal(t, "invalid p: c", c.String())
}

func TestSet(t *testing.T) {
	var told []string
	s := NewSet(func(property, detail string) { told = append(told, property+": "+detail) })
	require.Equal(t, Unknown, s.Result().Verdict, "nothing checked")

	one := s.Always("at most one leader per term")
	other := s.Always("logs agree")
	cut := s.Sometimes("a leader was cut off")
	end := s.Eventually("all is well")
	require.Same(t, one, s.Always("at most one leader per term"))
	require.NotSame(t, one, s.Sometimes("at most one leader per term"))
	require.Equal(t, `always "at most one leader per term"`, one.String())
	require.Equal(t, `sometimes "a leader was cut off"`, cut.String())
	require.Equal(t, `eventually "all is well"`, end.String())

	cut.Hold()
	require.Equal(t, Unknown, s.Result().Verdict, "a sometimes says nothing about a run")
	one.Hold()
	require.Equal(t, Valid, s.Result().Verdict)
	one.Check(true, func() string { panic("not called") })
	require.EqualValues(t, 2, one.Held)

	end.Await()
	require.Equal(t, Unknown, s.Result().Verdict, "still awaited")
	end.Hold()
	require.Equal(t, Valid, s.Result().Verdict)
	end.Due(func() string { panic("not called") })
	end.Await()
	require.Equal(t, Unknown, s.Result().Verdict, "awaited again: what held before does not count")
	require.Nil(t, s.Violation())

	end.Due(func() string { return "2 of 3 replicas lag behind" })
	other.Violatef("n%d and n%d differ", 1, 2)
	other.Violatef("and again")
	require.Equal(t, []string{`eventually "all is well": 2 of 3 replicas lag behind`}, told, "the first violation alone")
	require.Equal(t, Result{Verdict: Invalid, Property: `eventually "all is well"`, Detail: "2 of 3 replicas lag behind"}, s.Result())
	require.Equal(t, s.Result(), *s.Violation())
	require.Equal(t, `invalid always "logs agree": n1 and n2 differ`, other.Result().String(), "but each keeps its own first")

	s.Reset()
	require.Equal(t, Unknown, s.Result().Verdict)
	require.Nil(t, s.Violation())
	other.Check(false, func() string { return "anew" })
	require.Equal(t, `always "logs agree": anew`, told[1])
}

func TestSetAdd(t *testing.T) {
	s := NewSet(nil)
	s.Always("x").Hold()
	s.Add("linearizable", Result{Verdict: Valid, Property: "replaced"})
	require.Equal(t, Result{Verdict: Valid}, s.Result())
	s.Add("sets", Result{Verdict: Unknown, Detail: "budget"})
	require.Equal(t, Result{Verdict: Unknown, Property: `always "sets"`, Detail: "budget"}, s.Result())
	s.Add("counters", Result{Verdict: Invalid, Detail: "lost"})
	require.Equal(t, `invalid always "counters": lost`, s.Result().String())
	require.Len(t, s.Properties(), 4)
}

func TestSweep(t *testing.T) {
	var w Sweep
	run := func(f func(always, sometimes, eventually *Property)) *Set {
		s := NewSet(nil)
		f(s.Always("a"), s.Sometimes("s"), s.Eventually("e"))
		return s
	}
	for range 3 {
		w.Add(run(func(always, _, _ *Property) { always.Hold(); always.Hold() }))
	}
	require.Nil(t, w.Missing(4), "too small to tell")
	require.Equal(t, []string{`sometimes "s"`, `eventually "e"`}, w.Missing(3))

	w.Add(run(func(always, sometimes, eventually *Property) {
		sometimes.Hold()
		always.Violatef("no")
		eventually.Due(func() string { return "late" })
	}))
	require.Empty(t, w.Missing(3), "a violated property was checked")
	require.Equal(t, []Tally{
		{Quantifier: Always, Name: "a", Held: 6, Runs: 3, Violated: 1},
		{Quantifier: Sometimes, Name: "s", Held: 1, Runs: 1},
		{Quantifier: Eventually, Name: "e", Violated: 1, Undecided: 3},
	}, w.Tallies())
	require.Equal(t, 4, w.Runs())
	require.Equal(t, `eventually "e"`, w.Tallies()[2].String())
}

// TestSweepOrder: however workers share a sweep, it ends the same.
func TestSweepOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var one Sweep
		var workers [3]Sweep
		names := rapid.SampledFrom([]string{"a", "b", "c", "d"})
		for range rapid.IntRange(0, 10).Draw(t, "runs") {
			s := NewSet(nil)
			for range rapid.IntRange(0, 5).Draw(t, "facts") {
				switch name := names.Draw(t, "name"); rapid.IntRange(0, 3).Draw(t, "kind") {
				case 0:
					s.Always(name).Hold()
				case 1:
					s.Always(name).Violatef("no")
				case 2:
					s.Sometimes(name)
				case 3:
					s.Eventually(name).Hold()
				}
			}
			one.Add(s)
			workers[rapid.IntRange(0, 2).Draw(t, "worker")].Add(s)
		}
		var merged Sweep
		for _, i := range rapid.Permutation([]int{0, 1, 2}).Draw(t, "order") {
			merged.Merge(&workers[i])
		}
		require.Equal(t, one.Tallies(), merged.Tallies())
		require.Equal(t, one.Missing(0), merged.Missing(0))
		require.Equal(t, one.Runs(), merged.Runs())
	})
}
