package olep

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// A view of keyed records that is made anew from a compacted log equals one that lived through it all.
func TestACompactedLogComesToTheSame(t *testing.T) {
	within(t, func(env sim.Env, _ *Store) {
		rapid.Check(t, func(t *rapid.T) {
			part := NewPartition(0, PartitionConfig{Compact: 1, Tombstones: 3})
			var all []Entry
			for i := range rapid.IntRange(1, 60).Draw(t, "commands") {
				var cmd Command = Compact{}
				switch kind := rapid.IntRange(0, 9).Draw(t, "kind"); {
				case kind < 6:
					key := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key")
					word := rapid.SampledFrom([]string{"red", "blue", "teal"}).Draw(t, "word")
					cmd = &Append{Records: []Record{put(key, fmt.Sprintf("%s v%d", word, i))}}
				case kind < 8:
					cmd = &Append{Records: []Record{deleted(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key"))}}
				}
				if _, fact, _ := part.Apply(clock.Time(i), cmd); fact != nil {
					if f, ok := fact.(Appended); ok {
						all = append(all, f.Entries...)
					}
				}
			}
			for _, l := range []Lookup{Rows{}, Index{}} {
				lived, anew := Replay(env, l, all), Replay(env, l, part.Entries())
				require.Equal(t, l.Contents(lived), l.Contents(anew))
			}
		})
	})
}

func TestTotalsWereWrongAtFirst(t *testing.T) {
	within(t, func(env sim.Env, _ *Store) {
		var log []Entry
		for i, sale := range []string{"a 12", "a 150c", "b -3", "a many", "b 1"} {
			log = append(log, Entry{LSN: LSN(i + 1), Record: Record{Log: SaleLog, Value: sale}})
		}
		for _, c := range []struct {
			totals   Totals
			contents string
			poison   []LSN
		}{
			{Totals{First: true}, "a=16200 of 3\nb=-200 of 2\n", nil},
			{Totals{First: true, Stuck: true}, "a=16200 of 2\nb=-300 of 1\n", nil},
			{Totals{}, "a=1350 of 2\nb=-200 of 2\n", []LSN{4}},
		} {
			s := Replay(env, c.totals, log)
			require.Equal(t, c.contents, c.totals.Contents(s))
			require.Equal(t, c.poison, Poison(s))
		}
		require.Equal(t, LSN(5), Through(Replay(env, Totals{}, log)))
		require.Equal(t, LSN(4), Through(Replay(env, Totals{}, log[:4]))) // poison is behind it, too
	})
}

func TestAStoreIsClearedAsAWhole(t *testing.T) {
	r := alone(t, 0, func() sim.Node { return sim.Spawn(func(*sim.Proc) {}) })
	open := func(test func(s *Store)) {
		t.Helper()
		require.True(t, r.Do(func(env sim.Env) {
			s, err := OpenStore(env.Disk(), "state")
			require.NoError(t, err)
			test(s)
		}))
	}
	open(func(s *Store) {
		s.Set("a", "1")
		s.SetInt(versionKey, 1)
		require.NoError(t, s.Commit())
		s.Set("b", "2")
		s.Clear()
		s.Set("c", "3")
	})
	open(func(s *Store) {
		require.Equal(t, []Pair{{"a", "1"}}, s.Pairs("")) // it was not committed
		s.Clear()
		s.Set("c", "3")
		require.NoError(t, s.Commit())
	})
	open(func(s *Store) {
		require.Equal(t, []Pair{{"c", "3"}}, s.Pairs(""))
		require.Equal(t, []Pair{{"", "3"}}, s.Pairs("c"))
		require.Zero(t, Version(s))
	})
}
