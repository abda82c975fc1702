package clock

import (
	"fmt"
	"math"
	"time"
)

// Interval is what a clock of bounded uncertainty tells: true time lies between Earliest and Latest, both included.
//
// Source: J. Corbett et al., "Spanner: Google's Globally-Distributed Database" (2012), §3, TTinterval.
type Interval struct {
	Earliest Time
	Latest   Time // >= Earliest
}

// At is the interval that holds t alone. So now.After(At(t)) is TrueTime's TT.after(t), and now.Before(At(t)) its
// TT.before(t).
func At(t Time) Interval { return Interval{t, t} }

// Before reports whether all of i is earlier than all of j: a definite answer. If neither of i and j is before the
// other, they overlap, and nothing is known of their order.
func (i Interval) Before(j Interval) bool { return i.Latest < j.Earliest }

// After reports whether all of i is later than all of j.
func (i Interval) After(j Interval) bool { return j.Before(i) }

// Overlaps reports whether some instant lies in both.
func (i Interval) Overlaps(j Interval) bool { return !i.Before(j) && !i.After(j) }

// Contains reports whether t lies within i.
func (i Interval) Contains(t Time) bool { return i.Earliest <= t && t <= i.Latest }

// Width is the uncertainty: zero when the time is known exactly.
func (i Interval) Width() time.Duration { return i.Latest.Sub(i.Earliest) }

// String is both ends, cut to milliseconds: "[12.398s 12.405s]".
func (i Interval) String() string { return fmt.Sprintf("[%s %s]", i.Earliest, i.Latest) }

// IntervalClock tells time as an Interval, from a monotonic clock whose drift is bounded and a reference asked now and
// then. The interval widens as the last synchronisation recedes. Before the first one it holds all of time. It is a
// plain value, and never goes wrong unless its assumptions do: a monotonic clock that drifts beyond the bound, or
// freezes, or a reference that lies.
type IntervalClock struct {
	drift uint64 // bound on the monotonic clock's drift, either way, in ppm; < million

	// The last synchronisation, void until synced: at some moment while the monotonic clock's reading went from asked to
	// answered, true time lay in reference.
	reference       Interval
	asked, answered time.Duration // asked <= answered
	synced          bool
}

// NewIntervalClock returns a clock for a monotonic clock that gains or loses at most the given drift, in parts per
// million, at all times. It panics unless 0 <= drift < 1_000_000.
func NewIntervalClock(drift int64) IntervalClock {
	if drift < 0 || drift >= million {
		panic(fmt.Sprintf("clock: drift bound of %d ppm, want [0, %d)", drift, million))
	}
	return IntervalClock{drift: uint64(drift)}
}

// Sync takes in the answer of a reference, and forgets earlier ones. The question was asked when the monotonic clock
// read asked and the answer is in when it reads mono; the reference held true somewhere between (F. Cristian,
// "Probabilistic Clock Synchronization", 1989). It panics when asked is later than mono.
func (c *IntervalClock) Sync(asked, mono time.Duration, reference Interval) {
	span(asked, mono)
	c.reference, c.asked, c.answered, c.synced = reference, asked, mono, true
}

// Now is an interval that holds true time, when the monotonic clock reads mono. It panics when mono is earlier than the
// last synchronisation.
func (c *IntervalClock) Now(mono time.Duration) Interval {
	if !c.synced {
		return Interval{earliest, Never}
	}
	return Interval{
		c.reference.Earliest.plus(c.least(span(c.answered, mono))),
		c.reference.Latest.plus(c.most(span(c.asked, mono))),
	}
}

// CommitWait is how long to wait, by the monotonic clock that now reads mono, until t has passed for certain, that is
// until Now is After(At(t)). It is zero if t has passed already, and the longest duration if the clock never synchronised.
//
// A process that stamps its writes with Now(mono).Latest, and lets no one see a write before its wait is over, gives
// stamps that agree with the order in which writes follow one another in true time (Spanner 2012, §4.1.2).
func (c *IntervalClock) CommitWait(mono time.Duration, t Time) time.Duration {
	switch {
	case !c.synced:
		return math.MaxInt64
	case c.Now(mono).After(At(t)):
		return 0
	}
	// The least reading at which least exceeds t; rounding takes back what least adds.
	passed, ok := scale(uint64(t)-uint64(c.reference.Earliest), million+c.drift, million-1, million)
	return Time(c.answered).plus(passed, ok).Add(1).Sub(Time(mono))
}

// least is the fewest nanoseconds of true time that can pass while the monotonic clock's reading grows by n. Readings
// are cut to whole nanoseconds, so the clock itself may have run for almost one less or one more.
func (c *IntervalClock) least(n uint64) (ns uint64, ok bool) {
	if n == 0 {
		return 0, true
	}
	ns, ok = scale(n-1, million, 0, million+c.drift)
	return ns + 1, ok
}

// most is the greatest number of nanoseconds of true time that can pass meanwhile.
func (c *IntervalClock) most(n uint64) (ns uint64, ok bool) {
	return scale(n, million, million-1, million-c.drift)
}

// span is the distance between two readings of a clock that never goes back.
func span(from, to time.Duration) uint64 {
	if to < from {
		panic(fmt.Sprintf("clock: a monotonic clock went back from %d to %d ns", from, to))
	}
	return uint64(to) - uint64(from)
}
