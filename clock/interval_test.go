package clock

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// watch is a node's interval clock with the skewed monotonic clock it runs on.
type watch struct {
	IntervalClock
	skew  Skew
	drift int64 // what the skew keeps to, in ppm
}

// drawWatch draws a watch whose drift is bounded by some value below limit, in ppm.
func drawWatch(t *rapid.T, limit int64) *watch {
	drift := rapid.OneOf(
		rapid.Int64Range(0, 200),
		rapid.Int64Range(0, limit-1),
		rapid.SampledFrom([]int64{0, limit - 1}),
	).Draw(t, "drift bound")
	w := &watch{IntervalClock: NewIntervalClock(drift), drift: drift}
	w.redrift(t, 0)
	return w
}

func (w *watch) redrift(t *rapid.T, now Time) {
	extremes := rapid.SampledFrom([]int64{-w.drift, w.drift})
	w.skew.SetDrift(now, rapid.OneOf(rapid.Int64Range(-w.drift, w.drift), extremes).Draw(t, "drift"))
}

// sync asks at now a reference of some width, and returns when the answer is in.
func (w *watch) sync(t *rapid.T, now Time) Time {
	request := drawPause(t, "request")
	reply := drawPause(t, "reply")
	read := now.Add(request)
	reference := Interval{
		read.Add(-ns(rapid.Int64Range(0, 1e4).Draw(t, "early"))),
		read.Add(ns(rapid.Int64Range(0, 1e4).Draw(t, "late"))),
	}
	done := read.Add(reply)
	w.Sync(w.skew.Elapsed(now), w.skew.Elapsed(done), reference)
	return done
}

func (w *watch) now(at Time) Interval { return w.Now(w.skew.Elapsed(at)) }

func drawPause(t *rapid.T, label string) time.Duration {
	return rapid.Map(rapid.OneOf(
		rapid.Int64Range(0, 3),
		rapid.Int64Range(0, 1e4),
		rapid.Int64Range(0, 1e12),
	), ns).Draw(t, label)
}

// As long as the drift keeps to its bound, the interval holds true time.
func TestIntervalClockHoldsTrueTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWatch(t, million)
		now := Time(0)
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			now = now.Add(drawPause(t, "pause"))
			switch rapid.IntRange(0, 2).Draw(t, "change") {
			case 0:
				now = w.sync(t, now)
			case 1:
				w.redrift(t, now)
			case 2:
				w.skew.Jump(drawPause(t, "jump"))
			}
			require.True(t, w.now(now).Contains(now), "%v at %v", w.now(now), now)
		}
	})
}

// Each end is as near as the assumptions allow: some clock within the bound gives the same readings with true time there.
func TestIntervalClockIsTight(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drift := rapid.OneOf(rapid.Int64Range(0, 300), rapid.Int64Range(0, million-1)).Draw(t, "drift bound")
		passed := rapid.OneOf(rapid.Int64Range(1, 5), rapid.Int64Range(1, 1e6)).Draw(t, "passed")
		c := NewIntervalClock(drift)
		c.Sync(0, 0, At(0))
		got := c.Now(ns(passed))

		// possible: a clock at some fraction of a nanosecond, with some rate within the bound, reads as it did.
		possible := func(passing Time) bool {
			fast := int64(passing)*(million+drift) + million - 1
			slow := int64(passing) * (million - drift)
			return fast >= passed*million && slow < (passed+1)*million
		}
		require.True(t, possible(got.Earliest) && possible(got.Latest), "%v", got)
		require.False(t, got.Earliest > 0 && possible(got.Earliest-1), "earlier than %v", got)
		require.False(t, possible(got.Latest+1), "later than %v", got)
	})
}

func TestIntervalClockUncertaintyGrowsUntilSync(t *testing.T) {
	const second = Time(time.Second)
	c := NewIntervalClock(200)
	assert.Equal(t, Interval{earliest, Never}, c.Now(time.Second), "knows nothing yet")

	c.Sync(0, 0, Interval{second, second + 1000})
	atSync := c.Now(0).Width()
	assert.Equal(t, time.Duration(1001), atSync, "the reference's own, and the cut of one reading")
	for s := time.Duration(1); s < 100; s++ {
		width := c.Now(s * time.Second).Width()
		assert.Greater(t, width, c.Now((s-1)*time.Second).Width())
		assert.InDelta(t, atSync+s*400*time.Microsecond, width, 100, "twice 200 µs a second")
	}
	c.Sync(99*time.Second, 99*time.Second, At(100*second))
	assert.LessOrEqual(t, c.Now(99*time.Second).Width(), time.Duration(1))

	c.Sync(99*time.Second, 100*time.Second, At(100*second))
	assert.Equal(t, Interval{100 * second, 101*second + 200_041}, c.Now(100*time.Second), "a slow answer is an uncertain one")
}

// Steps that happen before one another are never told apart the wrong way round, and what is told is true.
func TestIntervalsFollowHappensBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		before := g.happensBefore()
		now := Time(0)
		watches := make([]*watch, g.processes)
		for p := range watches {
			watches[p] = drawWatch(t, million)
			now = max(now, watches[p].sync(t, 0))
		}
		at, told := make([]Time, len(g.steps)), make([]Interval, len(g.steps))
		for i, s := range g.steps {
			now = now.Add(drawPause(t, "pause"))
			at[i], told[i] = now, watches[s.process].now(now)
		}
		for a := range told {
			for b := range told {
				i, j := told[a], told[b]
				if i.Before(j) {
					require.Less(t, at[a], at[b], "%v is before %v", i, j)
				}
				if before[a][b] {
					require.False(t, i.After(j), "%v and %v", i, j)
				}
				answers := 0
				for _, yes := range []bool{i.Before(j), i.After(j), i.Overlaps(j)} {
					if yes {
						answers++
					}
				}
				require.Equal(t, 1, answers, "%v and %v: before, after or overlapping", i, j)
				require.Equal(t, i.Before(j), j.After(i))
				require.Equal(t, i.Overlaps(j), j.Overlaps(i))
			}
		}
	})
}

// The wait is long enough, and not a nanosecond longer than the clock can justify.
func TestCommitWaitIsTheLeastWait(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWatch(t, million)
		now := w.sync(t, Time(drawPause(t, "start")))
		now = now.Add(drawPause(t, "age"))
		mono := w.skew.Elapsed(now)
		stamp := now.Add(drawPause(t, "ahead") - drawPause(t, "behind"))
		wait := w.CommitWait(mono, stamp)
		require.GreaterOrEqual(t, wait, time.Duration(0))
		require.True(t, w.Now(mono+wait).After(At(stamp)))
		if wait > 0 {
			require.False(t, w.Now(mono+wait-1).After(At(stamp)))
		}
	})
}

// External consistency: a transaction that starts after another's wait is over gets a greater stamp, at any node.
func TestCommitWaitOrdersStamps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var watches []*watch
		now := Time(0)
		for range rapid.IntRange(1, 4).Draw(t, "nodes") {
			w := drawWatch(t, 100_000) // more, and waits outgrow the range of Time
			now = max(now, w.sync(t, 0))
			watches = append(watches, w)
		}
		last := earliest
		for range rapid.IntRange(2, 8).Draw(t, "transactions") {
			now = now.Add(drawPause(t, "idle"))
			w := rapid.SampledFrom(watches).Draw(t, "node")
			mono := w.skew.Elapsed(now)
			stamp := w.Now(mono).Latest
			require.Greater(t, stamp, last)
			last = stamp
			now = w.skew.Until(now, w.CommitWait(mono, stamp))
		}
	})
}

// What the wait is for: without it a later transaction can get the lesser stamp.
func TestWithoutCommitWaitStampsCanGoBack(t *testing.T) {
	wide, narrow := NewIntervalClock(0), NewIntervalClock(0)
	wide.Sync(0, 0, Interval{0, 50})
	narrow.Sync(0, 0, At(0))
	first := wide.Now(10).Latest
	assert.Less(t, narrow.Now(20).Latest, first)
	assert.Equal(t, time.Duration(51), wide.CommitWait(10, first))
	assert.Greater(t, narrow.Now(10+51).Latest, first)
}

func TestIntervalClockRefusesNonsense(t *testing.T) {
	assert.PanicsWithValue(t, "clock: drift bound of -1 ppm, want [0, 1000000)", func() { NewIntervalClock(-1) })
	assert.Panics(t, func() { NewIntervalClock(million) })
	c := NewIntervalClock(0)
	assert.PanicsWithValue(t, "clock: a monotonic clock went back from 5 to 4 ns", func() { c.Sync(5, 4, At(0)) })
	c.Sync(5, 5, At(0))
	assert.Panics(t, func() { c.Now(4) })
}

func TestIntervalClockSaturates(t *testing.T) {
	c := NewIntervalClock(million - 1)
	c.Sync(0, 0, At(0))
	assert.Equal(t, Interval{4_611_688_324_271_550_039, Never}, c.Now(math.MaxInt64))
}

func TestCommitWaitAtTheEnds(t *testing.T) {
	c := NewIntervalClock(100)
	assert.Equal(t, time.Duration(math.MaxInt64), c.CommitWait(0, 0), "never synchronised")
	c.Sync(0, 0, At(100))
	assert.Zero(t, c.CommitWait(0, 99), "passed already")
	assert.Equal(t, time.Duration(1), c.CommitWait(0, 100))
	assert.Equal(t, time.Duration(math.MaxInt64), c.CommitWait(0, Never), "nothing passes Never")
}

func TestInterval(t *testing.T) {
	i := Interval{12_398_000_000, 12_405_999_999}
	assert.Equal(t, "[12.398s 12.405s]", i.String())
	assert.Equal(t, 7_999_999*time.Nanosecond, i.Width())
	assert.True(t, i.Contains(i.Earliest) && i.Contains(i.Latest))
	assert.False(t, i.Contains(i.Earliest-1) || i.Contains(i.Latest+1))
	assert.True(t, i.Overlaps(At(i.Latest)) && !i.Before(At(i.Latest)), "ends are included")
	assert.True(t, i.Before(At(i.Latest+1)) && !i.Overlaps(At(i.Latest+1)))
}
