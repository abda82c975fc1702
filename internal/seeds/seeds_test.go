package seeds

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text string
		want Ranges
		len  uint64
	}{
		{"77", Ranges{{77, 77}}, 1},
		{"1-500,77", Ranges{{1, 500}}, 500},
		{"77,1-3", Ranges{{1, 3}, {77, 77}}, 4},
		{"4-6,1-3,5-9", Ranges{{1, 9}}, 9},
		{"5,5,5", Ranges{{5, 5}}, 1},
		{"007", Ranges{{7, 7}}, 1},
		{"1-18446744073709551615", Ranges{{1, math.MaxUint64}}, math.MaxUint64},
		{"18446744073709551615,1-2", Ranges{{1, 2}, {math.MaxUint64, math.MaxUint64}}, 3},
	} {
		got, err := Parse(c.text)
		require.NoError(t, err, c.text)
		assert.Equal(t, c.want, got, c.text)
		assert.Equal(t, c.len, got.Len(), c.text)
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", `seeds "": a seed is missing; write numbers and ranges such as 1-500,77`},
		{"1,,2", `seeds "1,,2": a seed is missing; write numbers and ranges such as 1-500,77`},
		{"1,", `seeds "1,": a seed is missing; write numbers and ranges such as 1-500,77`},
		{"1, 2", `seeds "1, 2": no spaces; write numbers and ranges such as 1-500,77`},
		{"1-", `seeds "1-": "1-" is an open range; write both ends, such as 1-500`},
		{"3,-", `seeds "3,-": "-" is an open range; write both ends, such as 1-500`},
		{"-5", `seeds "-5": "-5" has no first seed (and no seed is negative); write both ends, such as 1-500`},
		{"5-2", `seeds "5-2": "5-2" runs backwards; write 2-5`},
		{"1--2", `seeds "1--2": "-2" is not a seed; write a decimal number such as 77`},
		{"1-2-3", `seeds "1-2-3": "2-3" is not a seed; write a decimal number such as 77`},
		{"+1", `seeds "+1": "+1" is not a seed; write a decimal number such as 77`},
		{"0x10", `seeds "0x10": "0x10" is not a seed; write a decimal number such as 77`},
		{"all", `seeds "all": "all" is not a seed; write a decimal number such as 77`},
		{"0-9", `seeds "0-9": seeds start at 1`},
		{"18446744073709551616", `seeds "18446744073709551616": "18446744073709551616" is too large; ` +
			`the largest seed is 18446744073709551615`},
	} {
		_, err := Parse(c.text)
		assert.EqualError(t, err, c.want)
	}
}

func TestAllIsTheSetAscending(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		base := rapid.SampledFrom([]uint64{1, 1000, math.MaxUint64 - 60}).Draw(t, "base")
		seed := rapid.Map(rapid.Uint64Range(0, 60), func(n uint64) uint64 { return base + n })
		set := map[uint64]bool{}
		var parts []string
		for range rapid.IntRange(1, 6).Draw(t, "parts") {
			r := Range{seed.Draw(t, "first"), seed.Draw(t, "last")}
			if r.Last < r.First {
				r.First, r.Last = r.Last, r.First
			}
			parts = append(parts, r.String())
			for n := uint64(0); n <= r.Last-r.First; n++ {
				set[r.First+n] = true
			}
		}
		rs, err := Parse(strings.Join(parts, ","))
		require.NoError(t, err)
		all := slices.Collect(rs.All())
		require.Len(t, all, len(set))
		require.Equal(t, uint64(len(set)), rs.Len())
		for i, seed := range all {
			require.True(t, set[seed])
			require.True(t, i == 0 || all[i-1] < seed)
		}
	})
}

func TestAllStopsEarly(t *testing.T) {
	rs, err := Parse("1-18446744073709551615")
	require.NoError(t, err)
	n := 0
	for range rs.All() {
		if n++; n == 3 {
			break
		}
	}
	assert.Equal(t, 3, n)
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"1-500,77", "5-2", "1-", "-", ",", " 1", "0", "1-18446744073709551615", "99999999999999999999"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rs, err := Parse(text)
		if err != nil {
			require.NotContains(t, err.Error(), "\n")
			return
		}
		require.NotZero(t, rs.Len())
		again, err := Parse(rs.String())
		require.NoError(t, err)
		require.Equal(t, rs, again)
		for i, r := range rs {
			require.True(t, 1 <= r.First && r.First <= r.Last)
			require.True(t, i == 0 || rs[i-1].Last+1 < r.First)
		}
	})
}
