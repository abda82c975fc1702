package clock

import (
	"bytes"
	"encoding"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var (
	_ encoding.BinaryAppender    = Vector(nil)
	_ encoding.BinaryMarshaler   = Vector(nil)
	_ encoding.BinaryUnmarshaler = (*Vector)(nil)
)

func vectors(g graph) []Vector {
	return stamps(g,
		func(i int, own Vector) Vector { return own.Tick(g.steps[i].process) },
		func(i int, own, seen Vector) Vector { return own.Witness(g.steps[i].process, seen) })
}

// Vector clocks are happens-before: each answer of Compare holds if and only if the oracle says so.
func TestVectorIsHappensBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		before := g.happensBefore()
		clocks := vectors(g)
		for a := range clocks {
			for b := range clocks {
				want := Concurrent
				switch {
				case a == b:
					want = Equal
				case before[a][b]:
					want = Before
				case before[b][a]:
					want = After
				}
				require.Equal(t, want, clocks[a].Compare(clocks[b]), "steps %d and %d: %v and %v", a, b, clocks[a], clocks[b])
			}
		}
	})
}

// A component counts the steps of its process that happened before, or at, the step.
func TestVectorCountsThePast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		before := g.happensBefore()
		for b, v := range vectors(g) {
			past := make(map[int32]uint64)
			for a, s := range g.steps {
				if a == b || before[a][b] {
					past[s.process]++
				}
			}
			for p := range int32(g.processes) {
				require.Equal(t, past[p], v.Get(p), "step %d: %v", b, v)
			}
			requireCanonical(t, v)
		}
	})
}

func requireCanonical(t *rapid.T, v Vector) {
	for i, c := range v {
		require.Positive(t, c.Count, "%v", v)
		require.True(t, i == 0 || v[i-1].Process < c.Process, "%v", v)
	}
}

// drawVector draws a vector over few processes with small counts, so that two are often related, or a wild one.
func drawVector(t *rapid.T, label string) Vector {
	process, count := rapid.Int32Range(-1, 3), rapid.Uint64Range(0, 3)
	if rapid.IntRange(0, 3).Draw(t, label+" wild") == 0 {
		process = rapid.OneOf(rapid.Int32(), rapid.SampledFrom([]int32{math.MinInt32, math.MaxInt32}))
		count = rapid.OneOf(rapid.Uint64(), rapid.Just(uint64(math.MaxUint64)))
	}
	var v Vector
	for range rapid.IntRange(0, 6).Draw(t, label+" components") {
		v = v.With(process.Draw(t, label+" process"), count.Draw(t, label+" count"))
	}
	return v
}

// dumb is a vector as a function from processes to counts.
func dumb(v Vector) map[int32]uint64 {
	m := make(map[int32]uint64)
	for _, c := range v {
		m[c.Process] = c.Count
	}
	return m
}

func dumbAtMost(a, b map[int32]uint64) bool {
	for p, n := range a {
		if n > b[p] {
			return false
		}
	}
	return true
}

func TestVectorCompareAgainstMaps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, w := drawVector(t, "v"), drawVector(t, "w")
		a, b := dumb(v), dumb(w)
		want := map[[2]bool]Order{
			{true, true}: Equal, {true, false}: Before, {false, true}: After, {false, false}: Concurrent,
		}[[2]bool{dumbAtMost(a, b), dumbAtMost(b, a)}]
		require.Equal(t, want, v.Compare(w))
		require.Equal(t, want == Equal, slices.Equal(v, w), "equal vectors are equal slices")
	})
}

func TestVectorWith(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawVector(t, "v")
		p := rapid.Int32Range(-1, 3).Draw(t, "process")
		n := rapid.Uint64Range(0, 3).Draw(t, "count")
		want := dumb(v)
		want[p] = n
		if n == 0 {
			delete(want, p)
		}
		got := v.With(p, n)
		requireCanonical(t, got)
		require.Equal(t, want, dumb(got))
		require.Equal(t, n, got.Get(p))
	})
}

// Merge is the least upper bound of a lattice.
func TestVectorMergeIsTheLeastUpperBound(t *testing.T) {
	atMost := func(v, w Vector) bool { o := v.Compare(w); return o == Before || o == Equal }
	rapid.Check(t, func(t *rapid.T) {
		u, v, w := drawVector(t, "u"), drawVector(t, "v"), drawVector(t, "w")
		both := v.Merge(w)
		requireCanonical(t, both)
		require.Equal(t, both, w.Merge(v), "commutes")
		require.Equal(t, u.Merge(v).Merge(w), u.Merge(both), "associates")
		require.Equal(t, v, v.Merge(v), "is idempotent")
		require.True(t, atMost(v, both) && atMost(w, both), "is an upper bound")
		require.Equal(t, atMost(v, u) && atMost(w, u), atMost(both, u), "is the least one")
	})
}

// A vector that was sent does not change, whatever its sender and its receiver do next.
func TestVectorIsAValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, w := drawVector(t, "v"), drawVector(t, "w")
		p := rapid.Int32Range(-1, 3).Draw(t, "process")
		wasV, wasW := slices.Clone(v), slices.Clone(w)
		merged := v.Merge(w)
		wasMerged := slices.Clone(merged)
		merged.Tick(p)
		merged.With(p, 0)
		merged.Witness(p, w)
		merged.Merge(w.Tick(p))
		v.Tick(p)
		require.Equal(t, wasV, slices.Clone(v))
		require.Equal(t, wasW, slices.Clone(w))
		require.Equal(t, wasMerged, slices.Clone(merged))
	})
}

func TestVectorEncodingRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := drawVector(t, "v")
		data, err := v.AppendBinary([]byte("prefix"))
		require.NoError(t, err)
		data = bytes.TrimPrefix(data, []byte("prefix"))
		plain, err := v.MarshalBinary()
		require.NoError(t, err)
		require.Equal(t, plain, data)

		got := Vector{{9, 9}}
		require.NoError(t, got.UnmarshalBinary(data))
		require.Equal(t, v, got)

		for cut := range data {
			require.ErrorIs(t, got.UnmarshalBinary(data[:cut]), ErrVectorShort)
		}
		require.ErrorIs(t, got.UnmarshalBinary(append(data, 0)), ErrVectorForm)
		require.Equal(t, v, got, "an error leaves the vector as it was")
	})
}

func TestVectorEncoding(t *testing.T) {
	v := Vector(nil).With(300, 1).With(-2, 128).With(0, 4)
	assert.Equal(t, "{-2:128 0:4 300:1}", v.String())
	data, err := v.MarshalBinary()
	require.NoError(t, err)
	assert.Equal(t, []byte{3, 3, 127, 1, 3, 0xab, 2, 0}, data)
	assert.Equal(t, "{}", Vector(nil).String())
}

func TestVectorDecodingRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, "clock: vector ends early (byte 0 of 0)"},
		{"components missing", []byte{1}, "clock: vector ends early (byte 1 of 1)"},
		{"count missing", []byte{1, 2}, "clock: vector ends early (byte 2 of 2)"},
		{"a number of components past belief", []byte{0xff, 0xff, 0xff, 0xff, 0x7f, 0, 0}, "clock: vector ends early (byte 5 of 7)"},
		{"trailing bytes", []byte{0, 0}, "clock: not the canonical form of a vector (byte 1 of 2)"},
		{"a long zero", []byte{0x80, 0}, "clock: not the canonical form of a vector (byte 0 of 2)"},
		{"a number above 64 bits", bytes.Repeat([]byte{0xff}, 11), "clock: not the canonical form of a vector (byte 0 of 11)"},
		{"process above 32 bits", []byte{1, 0x80, 0x80, 0x80, 0x80, 0x10, 0}, "clock: not the canonical form of a vector (byte 7 of 7)"},
		{"process pushed above 32 bits", []byte{2, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xf, 0}, "clock: not the canonical form of a vector (byte 9 of 9)"},
		{"skip above 32 bits", []byte{2, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x10, 0}, "clock: not the canonical form of a vector (byte 8 of 9)"},
		{"count above 64 bits", append([]byte{1, 0}, append(bytes.Repeat([]byte{0xff}, 9), 1)...), "clock: not the canonical form of a vector (byte 12 of 12)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var v Vector
			assert.EqualError(t, v.UnmarshalBinary(c.data), c.want)
			assert.Nil(t, v)
		})
	}
}

// Whatever decodes is canonical: it encodes to the very same bytes.
func FuzzVectorDecoding(f *testing.F) {
	for _, v := range []Vector{nil, {{0, 1}}, {{-2, 128}, {0, 4}, {300, 1}}, {{math.MinInt32, 1}, {math.MaxInt32, math.MaxUint64}}} {
		data, err := v.MarshalBinary()
		require.NoError(f, err)
		f.Add(data)
		f.Add(append(data, 0x80))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v Vector
		if v.UnmarshalBinary(data) != nil {
			return
		}
		again, err := v.MarshalBinary()
		require.NoError(t, err)
		require.Equal(t, data, again)
	})
}

func TestOrderString(t *testing.T) {
	assert.Equal(t, "equal before after concurrent order(4)", fmt.Sprint(Equal, " ", Before, " ", After, " ", Concurrent, " ", Order(4)))
}

func BenchmarkVector(b *testing.B) {
	for _, n := range []int32{5, 100} {
		var v, w Vector
		for p := range n {
			v, w = v.With(p, uint64(n+p)), w.With(p, uint64(n+p))
		}
		older, other := v, w.Tick(n-1)
		v = v.Tick(0)
		b.Run(fmt.Sprintf("Compare/after/n=%d", n), func(b *testing.B) {
			for b.Loop() {
				v.Compare(older)
			}
		})
		b.Run(fmt.Sprintf("Compare/concurrent/n=%d", n), func(b *testing.B) {
			for b.Loop() {
				v.Compare(other)
			}
		})
		b.Run(fmt.Sprintf("Merge/after/n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v.Merge(older)
			}
		})
		b.Run(fmt.Sprintf("Merge/concurrent/n=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v.Merge(other)
			}
		})
	}
}
