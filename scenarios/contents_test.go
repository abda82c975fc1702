package scenarios_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/scenarios"
)

// Contents are a map that is walked in order.
func TestContents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c scenarios.Contents
		dumb := make(map[string]int64)
		for range rapid.IntRange(0, 30).Draw(t, "adds") {
			name := rapid.SampledFrom([]string{"", "a", "a b", "b", "ä", "z\""}).Draw(t, "name")
			n := rapid.Int64Range(-5, 5).Draw(t, "n")
			c.Add(name, n)
			dumb[name] += n
		}
		require.Len(t, c, len(dumb))
		require.True(t, slices.IsSortedFunc(c, func(a, b scenarios.Count) int {
			if a.Name < b.Name {
				return -1
			}
			return 1
		}))
		for name, n := range dumb {
			require.Equal(t, n, c.Get(name))
		}
		require.Zero(t, c.Get("nothing"))

		data, err := json.Marshal(c)
		require.NoError(t, err)
		read := make(map[string]int64)
		require.NoError(t, json.Unmarshal(data, &read))
		require.Equal(t, dumb, read)
	})
}

// A Distribution tells what a slice of all values would, and merging tells what adding all to one would.
func TestDistribution(t *testing.T) {
	values := rapid.SliceOfN(rapid.Int64Range(-3, 6), 0, 40)
	rapid.Check(t, func(t *rapid.T) {
		parts := [2][]int64{values.Draw(t, "one"), values.Draw(t, "two")}
		zeros := rapid.Int64Range(0, 40).Draw(t, "zeros")
		var one, two, there, back scenarios.Distribution
		for _, v := range parts[0] {
			one.Add(v)
		}
		for _, v := range parts[1] {
			two.Add(v)
		}
		there.Merge(&one)
		there.Merge(&two)
		back.Merge(&two)
		back.Merge(&one)
		require.Equal(t, there, back)

		all := append(slices.Concat(parts[0], parts[1]), make([]int64, zeros)...)
		slices.Sort(all)
		sum, median := int64(0), int64(0)
		for _, v := range all {
			sum += v
		}
		if len(all) > 0 {
			median = all[(len(all)-1)/2]
		}
		require.Equal(t, sum, there.Sum())
		require.Equal(t, median, there.Median(zeros))
	})
}
