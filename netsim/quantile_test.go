package netsim

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/sim"
)

func TestTablesAreThoseOfMath(t *testing.T) {
	for i := range 1025 {
		x := float64(i) / 1024
		require.Equal(t, uint32(math.Round((1-math.Log2(1+x))*(1<<31))), log2Table[i], i)
		require.Equal(t, uint32(math.Round((math.Exp2(x)-1)*(1<<31))), exp2Table[i], i)
	}
}

// shares draws shares of 2^64 of all magnitudes.
func shares(t *rapid.T, label string) uint64 {
	return max(rapid.Uint64().Draw(t, label)>>rapid.IntRange(0, 63).Draw(t, label+" zeros"), 1)
}

func TestLogarithmsAndPowers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := shares(t, "w")
		require.InDelta(t, 64-math.Log2(float64(w)), float64(negLog2(w))/one, 1.8e-7)
		x := rapid.Uint64Range(0, one-1).Draw(t, "x")
		require.InEpsilon(t, math.Exp2(float64(x)/one), float64(exp2(x))/(1<<31), 6.2e-8)
	})
	require.Equal(t, uint64(64<<32), negLog2(0), "counts as 1")
	require.Equal(t, uint64(64<<32), negLog2(1))
	require.Equal(t, uint64(1<<32), negLog2(1<<63))
	require.LessOrEqual(t, negLog2(1<<64-1), uint64(1))
	require.Equal(t, uint64(1<<63), exp2neg(1<<32))
	require.Equal(t, uint64(1), exp2neg(64<<32))
	require.Zero(t, exp2neg(65<<32))
	require.Equal(t, uint64(math.MaxUint64), exp2neg(0))
}

func TestQuantilesAreThoseOfMath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := shares(t, "w")
		u := math.Ldexp(float64(w), -64)

		mean := rapid.Uint64Range(1, uint64(longest)).Draw(t, "mean")
		require.InDelta(t, -math.Log(u)*float64(mean), float64(exponential(w, mean)), 1.3e-7*float64(mean)+1)

		least := rapid.Uint64Range(1, uint64(longest)).Draw(t, "least")
		alpha := rapid.Uint64Range(100, 100_000).Draw(t, "alpha")
		want := float64(least) * math.Pow(u, -1000/float64(alpha))
		if want < 1<<62 {
			off := (1.3e-7*1000/float64(alpha) + 6.2e-8) * want
			require.InDelta(t, want, float64(pareto(w, least, alpha)), off+1)
		} else {
			require.Greater(t, pareto(w, least, alpha), uint64(1<<61))
		}
	})
}

// drawLatency draws a valid latency of any shape, mostly of a practical size.
func drawLatency(t *rapid.T) Latency {
	span := func(label string, least time.Duration) time.Duration {
		most := rapid.SampledFrom([]time.Duration{least, 10, time.Millisecond, time.Second, longest}).Draw(t, label+" magnitude")
		return time.Duration(rapid.Int64Range(int64(least), int64(max(least, most))).Draw(t, label))
	}
	l := Latency{Shape: Shape(rapid.IntRange(0, 3).Draw(t, "shape")), Min: span("min", 0)}
	switch l.Shape {
	case Uniform:
		l.Max = min(l.Min+span("width", 0), longest)
	case Exponential:
		l.Mean = span("mean", 0)
		if rapid.Bool().Draw(t, "bounded") {
			l.Max = min(l.Min+span("width", 0), longest)
		}
	case HeavyTail:
		l.Min = min(max(l.Min, 1), longest-1)
		l.Max = min(l.Min+span("width", 1), longest)
		l.Alpha = rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(100, 100_000)).Draw(t, "alpha")
	}
	return l
}

func TestLatencyKeepsItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawLatency(t)
		require.NoError(t, Link{Latency: l}.Validate())
		m := compile(Link{Latency: l})[0]
		least, most := l.Min, l.Max
		if l.Shape == Constant {
			most = l.Min
		} else if most == 0 && l.Shape == Exponential {
			most = l.Min + 45*l.Mean
		}
		for _, draw := range []uint64{0, 1, 1 << 63, math.MaxUint64, rapid.Uint64().Draw(t, "draw")} {
			d := m.latency(draw)
			require.GreaterOrEqual(t, d, least)
			require.LessOrEqual(t, d, most)
		}
	})
}

// cdf is the share of latencies of at most d.
func cdf(l Latency, d time.Duration) float64 {
	x, lo, hi := float64(d), float64(l.Min), float64(l.Max)
	switch l.Shape {
	case Uniform:
		return (x - lo) / (hi - lo)
	case Exponential:
		whole := 1.0
		if l.Max > 0 {
			whole = -math.Expm1(-(hi - lo) / float64(l.Mean))
		}
		return -math.Expm1(-(x-lo)/float64(l.Mean)) / whole
	default:
		alpha := float64(l.Alpha) / 1000
		return (1 - math.Pow(lo/x, alpha)) / (1 - math.Pow(lo/hi, alpha))
	}
}

// The share of latencies up to any point is that of the distribution, within
// five standard deviations.
func TestLatencyHasItsDistribution(t *testing.T) {
	const ms = time.Millisecond
	for _, l := range []Latency{
		{Shape: Uniform, Min: ms, Max: 10 * ms},
		{Shape: Exponential, Min: ms, Mean: 2 * ms},
		{Shape: Exponential, Min: ms, Mean: 2 * ms, Max: 3 * ms},
		{Shape: Exponential, Mean: time.Second, Max: time.Hour},
		{Shape: HeavyTail, Min: ms, Max: time.Second, Alpha: 1160},
		{Shape: HeavyTail, Min: ms, Max: 2 * ms, Alpha: 3000},
		{Shape: HeavyTail, Min: ms, Max: 10 * time.Hour, Alpha: 300},
	} {
		const n = 100_000
		m := compile(Link{Latency: l})[0]
		s := sim.NewStream(1, "latency")
		delays := make([]time.Duration, n)
		for i := range delays {
			delays[i] = m.latency(s.Next())
		}
		for _, point := range delays[:50] {
			below := 0
			for _, d := range delays {
				if d <= point {
					below++
				}
			}
			want := cdf(l, point)
			sigma := math.Sqrt(n * want * (1 - want))
			require.InDelta(t, n*want, below, 5*sigma+1, "%+v: up to %v", l, point)
		}
	}
}

// A draw is a quantile: nothing is folded or lost between bounds.
func TestLatencyIsMonotonous(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := compile(Link{Latency: drawLatency(t)})[0]
		a, b := rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b")
		if m.Latency.Shape >= Exponential {
			a, b = max(a, b), min(a, b) // of the complement
		} else {
			a, b = min(a, b), max(a, b)
		}
		require.LessOrEqual(t, m.latency(a), m.latency(b))
	})
}
