package clock

import (
	"math/bits"
	"time"
)

// million is the rate of a true clock, in parts per million.
const million = 1_000_000

// The drifts a clock can have, in parts per million of true time: from all but standing still to twice as fast.
const (
	MinDrift int64 = -million + 1
	MaxDrift int64 = +million
)

// Skew is how one node's two clocks stand to true time. The monotonic clock knows drift and freeze; the wall clock is
// the monotonic one plus an offset that jumps change. The zero value is a perfect clock: both read true time. It is a
// plain value: a copy is a second clock.
//
// Readings are exact to the nanosecond and rounded down, however often the rate changes; at the ends of the range they
// stop there. Reads change nothing, so they may look ahead of the world, to a later departure. Instants before the last
// change of rate read as if the clock had run true until it.
type Skew struct {
	since  Time          // true time of the last change of rate
	mono   Time          // the monotonic clock's reading at since, whole nanoseconds
	offset time.Duration // wall clock minus monotonic clock
	carry  uint32        // what mono leaves out, in millionths of a nanosecond; < million
	drift  int32         // ppm, in [MinDrift, MaxDrift]; in force unless frozen
	frozen bool
	skewed bool // false only in the zero value, which reads true time; kept by settle
}

// Perfect reports whether both clocks read true time, now and until the next change.
func (s *Skew) Perfect() bool { return !s.skewed }

// Wall is the wall clock's reading at true time now. It may go back from one call to the next, when a jump lies between.
func (s *Skew) Wall(now Time) Time {
	if !s.skewed {
		return now
	}
	return s.wall(now)
}

// Elapsed is the monotonic clock's reading at true time now, as the time since its zero. It never goes back.
func (s *Skew) Elapsed(now Time) time.Duration {
	if !s.skewed {
		return time.Duration(now)
	}
	return s.elapsed(now)
}

// Until is the first true time, not before now, at which Elapsed is at least d more than at now: when a timer of d, set
// now, fires. It is Never while the clock is frozen (unless d is not positive), and where time would run out of range.
// A later change of rate calls for asking again.
func (s *Skew) Until(now Time, d time.Duration) Time {
	if t := now + Time(d); t >= now && !s.skewed { // else d is negative, or time runs out of range
		return t
	}
	return s.until(now, d)
}

// Jump moves the wall clock by the given step, which may be negative. The monotonic clock does not notice.
func (s *Skew) Jump(by time.Duration) {
	s.offset = time.Duration(Time(s.offset).Add(by))
	s.settle()
}

// SetDrift makes both clocks gain ppm microseconds per second of true time from now on; negative values make them lose.
// Values outside [MinDrift, MaxDrift] are held to it: a clock never runs backwards, and only Freeze stops it. A frozen
// clock takes up the new drift when it thaws.
func (s *Skew) SetDrift(now Time, ppm int64) {
	s.advance(now)
	s.drift = int32(min(max(ppm, MinDrift), MaxDrift))
	s.settle()
}

// Freeze makes both clocks stand still from now on. Jumps still move a frozen wall clock.
func (s *Skew) Freeze(now Time) {
	s.advance(now)
	s.frozen = true
	s.settle()
}

// Thaw lets a frozen clock run on from where it stood, with its drift.
func (s *Skew) Thaw(now Time) {
	s.advance(now)
	s.frozen = false
	s.settle()
}

func (s *Skew) wall(now Time) Time {
	mono, _ := s.read(now)
	return mono.Add(s.offset)
}

func (s *Skew) elapsed(now Time) time.Duration {
	mono, _ := s.read(now)
	return time.Duration(mono)
}

func (s *Skew) until(now Time, d time.Duration) Time {
	if d <= 0 {
		return now
	}
	mono, _ := s.read(now)
	if d > Never.Sub(mono) {
		return Never
	}
	target, rate := mono.Add(d), s.rate()
	switch {
	case rate == million, target <= s.mono: // before since the clock ran true as well
		return now.Add(d)
	case rate == 0:
		return Never
	}
	// The least span with span*rate + carry >= behind*million.
	behind := uint64(target) - uint64(s.mono)
	ns, ok := scale(behind-1, million, uint64(million-1-s.carry), rate)
	return s.since.plus(ns, ok).Add(1)
}

// read returns the monotonic clock's reading at now, with its carry.
func (s *Skew) read(now Time) (mono Time, carry uint32) {
	if now < s.since {
		return s.mono.Add(now.Sub(s.since)), s.carry
	}
	span, rate := uint64(now)-uint64(s.since), s.rate()
	if rate == million {
		return s.mono.plus(span, true), s.carry
	}
	ns, ok := scale(span, rate, uint64(s.carry), million)
	if !ok {
		return Never, 0
	}
	return s.mono.plus(ns, true), uint32(span*rate + uint64(s.carry) - ns*million) // the words wrap, the remainder is small
}

// rate is how fast the clock runs now, in parts per million of true time.
func (s *Skew) rate() uint64 {
	if s.frozen {
		return 0
	}
	return uint64(million + int64(s.drift))
}

// advance moves since to now, before a change of rate.
func (s *Skew) advance(now Time) {
	s.mono, s.carry = s.read(now)
	s.since = now
}

// settle ends every change: a clock that reads true time again is the zero value again.
func (s *Skew) settle() {
	s.skewed = s.mono != s.since || s.offset != 0 || s.carry != 0 || s.drift != 0 || s.frozen
	if !s.skewed {
		*s = Skew{}
	}
}

// plus returns t+ns, or Never where that is out of range, or ns already was (ok is false).
func (t Time) plus(ns uint64, ok bool) Time {
	if !ok || ns > uint64(Never)-uint64(t) {
		return Never
	}
	return t + Time(ns)
}

// scale is (n*num + carry) / den in 128 bits, rounded down; ok is false where the quotient does not fit 64.
func scale(n, num, carry, den uint64) (quo uint64, ok bool) {
	hi, lo := bits.Mul64(n, num)
	lo, c := bits.Add64(lo, carry, 0)
	hi += c
	switch {
	case hi == 0: // the first hours of any drift; the wide division is several times slower
		return lo / den, true
	case hi < den:
		quo, _ = bits.Div64(hi, lo, den)
		return quo, true
	default:
		return 0, false
	}
}
