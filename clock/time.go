package clock

import (
	"math"
	"strconv"
	"time"
)

// Time is an instant in nanoseconds since the world's epoch, which is zero. Worlds run from zero upwards; negative
// instants appear only as readings of clocks that are behind.
type Time int64

// Never is later than everything that happens. It is the upper bound of Time and takes part in arithmetic as such:
// nothing exceeds it, but Never.Add(-1) is an instant again.
const Never Time = math.MaxInt64

const earliest Time = math.MinInt64

// Add returns t+d, held within the range of Time.
func (t Time) Add(d time.Duration) Time {
	sum := t + Time(d)
	if (sum < t) == (d < 0) {
		return sum
	}
	return bound(d)
}

// Sub returns t-u, held within the range of time.Duration.
func (t Time) Sub(u Time) time.Duration {
	diff := t - u
	if (diff > t) == (u < 0) {
		return time.Duration(diff)
	}
	return time.Duration(bound(time.Duration(t)))
}

// bound is the end of the range on the side of sign.
func bound(sign time.Duration) Time {
	if sign < 0 {
		return earliest
	}
	return Never
}

// Before reports whether t is earlier than u.
func (t Time) Before(u Time) bool { return t < u }

// After reports whether t is later than u.
func (t Time) After(u Time) bool { return t > u }

// String is t in seconds, cut (not rounded) to milliseconds: "12.402s".
func (t Time) String() string { return t.format(3) }

// Exact is t in seconds, to the nanosecond: "12.402000017s".
func (t Time) Exact() string { return t.format(9) }

// format prints t in seconds with 3 or 9 decimals.
func (t Time) format(decimals int) string {
	if t == Never {
		return "never"
	}
	var buf [24]byte
	out, ns := buf[:0], uint64(t)
	if t < 0 {
		out, ns = append(out, '-'), -ns
	}
	out = strconv.AppendUint(out, ns/1e9, 10)
	// A leading 1 keeps the zeros of the fraction; the point then takes its place.
	point := len(out)
	out = strconv.AppendUint(out, 1e9+ns%1e9, 10)
	out[point] = '.'
	return string(append(out[:point+1+decimals], 's'))
}
