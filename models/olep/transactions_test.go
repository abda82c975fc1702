package olep

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/sim"
)

func TestTransactionsAreRecords(t *testing.T) {
	want := Transaction{"c1.2", []ListStep{{ListExpect, "a", 3}, {ListAppend, "b", 17}, {ListRead, "a", 0}}}
	r := want.Record()
	got, err := ParseTransaction(&r)
	require.NoError(t, err)
	require.Equal(t, want, got)
	for _, value := range []string{"", "x", "x;", ";append a 1", "x;append a", "x;append a one", "x;append  1", "x;remove a 1", "x;append a 1 2"} {
		_, err := ParseTransaction(&Record{Value: value})
		require.Error(t, err, value)
	}
}

func TestOutcomesAreTexts(t *testing.T) {
	for _, want := range []Outcome{{Aborted: true}, {Lists: [][]int{{1, 2}, {}, {7}}}} {
		got, ok := ParseOutcome(want.String())
		require.True(t, ok)
		require.Equal(t, want, got)
	}
	_, ok := ParseOutcome("")
	require.False(t, ok)
}

// A transaction sees what those before it have done, and itself; one whose expectations fail does nothing at all, and one
// that comes again neither.
func TestListsExecuteTransactions(t *testing.T) {
	within(t, func(env sim.Env, s *Store) {
		takes(t, env, s, Lists{},
			Transaction{"t1", []ListStep{{ListAppend, "a", 1}, {ListRead, "a", 0}, {ListAppend, "a", 2}, {ListRead, "b", 0}}}.Record(),
			Transaction{"t2", []ListStep{{ListAppend, "b", 3}, {ListExpect, "a", 1}, {ListAppend, "a", 4}}}.Record(),
			Transaction{"t3", []ListStep{{ListAppend, "b", 5}, {ListExpect, "a", 2}, {ListExpect, "b", 0}}}.Record(),
			Transaction{"t1", []ListStep{{ListAppend, "a", 1}}}.Record(),
			Transaction{"t2", []ListStep{{ListAppend, "a", 4}}}.Record(),
		)
		for id, want := range map[string]string{"t1": "committed;1;1;2;", "t2": "aborted", "t3": "committed;1;;", "t4": ""} {
			require.Equal(t, want, Lists{}.Get(s, outcomeKey(id)), id)
		}
		require.Equal(t, "a=1 2\nb=5\n", Lists{}.Contents(s))
		require.Equal(t, LSN(5), Through(s))

		_, err := Lists{}.Process(env, s, Entry{LSN: 6, Record: Record{Value: "t5"}})
		require.Error(t, err)
		require.Empty(t, s.changed)
	})
}
