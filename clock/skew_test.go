package clock

import (
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// dumbSkew is Skew by the book: it keeps every change and integrates the rate from the epoch, in big integers.
type dumbSkew struct {
	changes []change
	offset  *big.Int
}

type change struct {
	at   Time
	rate int64 // ppm of true time
}

func (m dumbSkew) elapsed(now Time) *big.Int {
	millionths := new(big.Int)
	at, rate := Time(0), int64(million)
	run := func(until Time) {
		span := new(big.Int).Sub(big.NewInt(int64(until)), big.NewInt(int64(at)))
		millionths.Add(millionths, span.Mul(span, big.NewInt(rate)))
	}
	for _, c := range m.changes {
		run(c.at)
		at, rate = c.at, c.rate
	}
	run(now)
	return millionths.Div(millionths, big.NewInt(million)) // Euclidean, so rounded down
}

// saturated is n held within an int64.
func saturated(n *big.Int) int64 {
	switch {
	case n.IsInt64():
		return n.Int64()
	case n.Sign() < 0:
		return int64(earliest)
	default:
		return int64(Never)
	}
}

// drawSkew draws a clock with a history of changes, and the last change's time.
func drawSkew(t *rapid.T) (Skew, dumbSkew, Time) {
	var s Skew
	m := dumbSkew{offset: new(big.Int)}
	now, drift, frozen := Time(0), int64(0), false
	for range rapid.IntRange(0, 12).Draw(t, "changes") {
		now = now.Add(rapid.OneOf(
			rapid.Map(rapid.Int64Range(0, 1e10), ns),
			rapid.Map(rapid.Int64Range(0, 1e17), ns), // three years
		).Draw(t, "pause"))
		switch rapid.SampledFrom([]string{"drift", "drift", "freeze", "thaw", "jump"}).Draw(t, "change") {
		case "drift":
			drift = rapid.OneOf(
				rapid.Int64Range(-500, 500),
				rapid.Int64Range(MinDrift, MaxDrift),
				rapid.SampledFrom([]int64{MinDrift, 0, MaxDrift}),
			).Draw(t, "ppm")
			s.SetDrift(now, drift)
		case "freeze":
			frozen = true
			s.Freeze(now)
		case "thaw":
			frozen = false
			s.Thaw(now)
		case "jump":
			by := rapid.Int64Range(-1e15, 1e15).Draw(t, "by")
			m.offset.Add(m.offset, big.NewInt(by))
			s.Jump(time.Duration(by))
		}
		rate := million + drift
		if frozen {
			rate = 0
		}
		m.changes = append(m.changes, change{now, rate})
	}
	return s, m, now
}

func ns(n int64) time.Duration { return time.Duration(n) }

// after draws an instant from t on, near or far.
func after(t *rapid.T, from Time, label string) Time {
	return from.Add(rapid.Map(rapid.OneOf(
		rapid.Int64Range(0, 1e7),
		rapid.Int64Range(0, 1e12),
		rapid.Int64Range(0, int64(Never)),
	), ns).Draw(t, label))
}

func TestSkewReadsExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, m, last := drawSkew(t)
		now := after(t, last, "now")
		elapsed := m.elapsed(now)
		require.Equal(t, saturated(elapsed), int64(s.Elapsed(now)))
		if elapsed.IsInt64() {
			require.Equal(t, saturated(elapsed.Add(elapsed, m.offset)), int64(s.Wall(now)))
		}
	})
}

func TestSkewElapsedNeverGoesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _, last := drawSkew(t)
		from := rapid.Map(rapid.Int64Range(0, int64(last)), func(n int64) Time { return Time(n) }).Draw(t, "from")
		now := after(t, from, "now")
		later := after(t, now, "later")
		require.LessOrEqual(t, s.Elapsed(now), s.Elapsed(later))
	})
}

func TestSkewUntilIsTheFirstInstant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _, last := drawSkew(t)
		from := rapid.SampledFrom([]Time{last, last / 2}).Draw(t, "from")
		now := after(t, from, "now")
		d := rapid.OneOf(
			rapid.Map(rapid.Int64Range(-3, 1e3), ns),
			rapid.Map(rapid.Int64Range(0, 1e12), ns),
			rapid.Map(rapid.Int64Range(0, int64(Never)), ns),
		).Draw(t, "d")
		at := s.Until(now, d)

		require.GreaterOrEqual(t, at, now)
		enough := func(at Time) bool { return Time(s.Elapsed(at)).Sub(Time(s.Elapsed(now))) >= d }
		if at < Never {
			require.True(t, enough(at), "fired at %s, too early", at.Exact())
		}
		if at > now {
			require.False(t, enough(at-1), "fired at %s, too late", at.Exact())
		}
	})
}

// Reading a clock, or setting what is already so, is not a change.
func TestSkewChangesOfNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _, last := drawSkew(t)
		same := s
		now := last
		for range 3 {
			now = now.Add(rapid.Map(rapid.Int64Range(0, 1e12), ns).Draw(t, "pause"))
			same.SetDrift(now, int64(same.drift))
			same.Jump(0)
			if same.frozen {
				same.Freeze(now)
			} else {
				same.Thaw(now)
			}
		}
		now = after(t, now, "now")
		require.Equal(t, s.Elapsed(now), same.Elapsed(now))
		require.Equal(t, s.Wall(now), same.Wall(now))
		require.Equal(t, s.Perfect(), same.Perfect())
	})
}

func TestSkewZeroIsPerfect(t *testing.T) {
	var s Skew
	for _, now := range []Time{earliest, -1, 0, 1, Never} {
		assert.Equal(t, now, s.Wall(now))
		assert.Equal(t, time.Duration(now), s.Elapsed(now))
	}
	assert.True(t, s.Perfect())
	assert.Equal(t, Time(7), s.Until(4, 3))
	assert.Equal(t, Time(4), s.Until(4, -3))
	assert.Equal(t, Never, s.Until(4, time.Duration(Never)))
}

func TestSkewFreezeHoldsBothClocks(t *testing.T) {
	var s Skew
	s.Freeze(100)
	assert.False(t, s.Perfect())
	assert.Equal(t, Time(100), s.Wall(900))
	assert.Equal(t, time.Duration(100), s.Elapsed(900))
	assert.Equal(t, Never, s.Until(900, 1))
	assert.Equal(t, Time(900), s.Until(900, 0))
	s.Jump(5)
	assert.Equal(t, Time(105), s.Wall(900), "a jump moves a frozen wall clock")
	s.Thaw(900)
	assert.Equal(t, Time(115), s.Wall(910))
	assert.Equal(t, time.Duration(110), s.Elapsed(910))
	assert.Equal(t, Time(920), s.Until(910, 10))
}

func TestSkewJumpMovesOnlyTheWallClock(t *testing.T) {
	var s Skew
	s.Jump(-50)
	assert.Equal(t, Time(-40), s.Wall(10))
	assert.Equal(t, time.Duration(10), s.Elapsed(10))
	assert.Equal(t, Time(13), s.Until(10, 3))
	s.Jump(50)
	assert.True(t, s.Perfect(), "jumps that cancel leave a perfect clock")
	assert.Equal(t, Skew{}, s)
}

func TestSkewDrift(t *testing.T) {
	const second = Time(time.Second)
	var s Skew
	s.SetDrift(second, 200)
	assert.Equal(t, 2*second+200_000, s.Wall(2*second), "gains 200 µs in a second")
	assert.Equal(t, 2*time.Second+200*time.Microsecond, s.Elapsed(2*second))
	s.SetDrift(2*second, -200)
	s.SetDrift(3*second, 0)
	assert.True(t, s.Perfect(), "gained, then lost as much")
	assert.Equal(t, Skew{}, s)

	s.SetDrift(0, 5*MaxDrift)
	assert.Equal(t, 2*time.Second, s.Elapsed(second), "held to twice true time")
	s = Skew{}
	s.SetDrift(0, -5*million)
	assert.Equal(t, time.Microsecond, s.Elapsed(second), "held to a millionth of true time")
	assert.Equal(t, second, s.Until(0, time.Microsecond))

	s = Skew{}
	s.SetDrift(earliest, MaxDrift)
	assert.Equal(t, time.Duration(Never), s.Elapsed(Never), "held to the range")
}

// Fractions of a nanosecond survive a stretch of true time.
func TestSkewCarriesFractions(t *testing.T) {
	var s Skew
	s.SetDrift(0, 1)
	s.SetDrift(500_000, 0) // half a nanosecond gained: nothing to see
	assert.Equal(t, Time(500_000), s.Wall(500_000))
	s.SetDrift(900_000, 1)
	assert.Equal(t, Time(1_399_999), s.Wall(1_399_999))
	assert.Equal(t, Time(1_400_001), s.Wall(1_400_000))
}

func TestSkewUntilAtTheEdges(t *testing.T) {
	var slow, fast Skew
	slow.SetDrift(100, MinDrift)
	fast.SetDrift(0, MaxDrift)
	assert.Equal(t, Time(2*million), slow.Until(2*million, 0), "the reading is older than now")
	assert.Equal(t, Time(100), slow.Until(90, 10), "up to the change it ran true")
	assert.Equal(t, Time(100+million), slow.Until(90, 11))
	assert.Equal(t, Time(1)<<62, fast.Until(0, time.Duration(Never)), "the last reading there is")
	assert.Equal(t, Never, fast.Until(1, time.Duration(Never)-1), "one too many")
}

func TestScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, carry := rapid.Uint64().Draw(t, "n"), rapid.Uint64().Draw(t, "carry")
		num, den := rapid.Uint64().Draw(t, "num"), rapid.Uint64Range(1, math.MaxUint64).Draw(t, "den")
		want := new(big.Int).SetUint64(n)
		want.Mul(want, new(big.Int).SetUint64(num))
		want.Add(want, new(big.Int).SetUint64(carry))
		want.Div(want, new(big.Int).SetUint64(den))
		got, ok := scale(n, num, carry, den)
		require.Equal(t, want.IsUint64(), ok)
		if ok {
			require.Equal(t, want.Uint64(), got)
		}
	})
	got, ok := scale(math.MaxUint64/65535, 65535, 1, million)
	assert.True(t, ok)
	assert.Equal(t, uint64(18446744073709), got, "the carry reaches the upper word")
}

func BenchmarkSkew(b *testing.B) {
	perfect, jumped, drifted := Skew{}, Skew{}, Skew{}
	jumped.Jump(time.Second)
	drifted.SetDrift(0, 137)
	for _, c := range []struct {
		name string
		skew Skew
	}{{"perfect", perfect}, {"jumped", jumped}, {"drifted", drifted}} {
		s := c.skew
		var sink Time
		b.Run("Wall/"+c.name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				sink += s.Wall(Time(i) << 10)
			}
		})
		b.Run("Elapsed/"+c.name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				sink += Time(s.Elapsed(Time(i) << 10))
			}
		})
		b.Run("Until/"+c.name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				sink += s.Until(Time(i)<<10, time.Millisecond)
			}
		})
		_ = sink
	}
}
