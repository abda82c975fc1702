package sim

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
)

// order is the order of a queue's items, once more and in full: by time; the
// world before nodes; at one instant nodes by their rank then, which tells any
// two apart; of one origin by its counter, then by copy.
func order(q *queue, a, b item) int {
	return cmp.Or(
		cmp.Compare(a.at, b.at),
		-cmp.Compare(b2i(a.from == Nobody), b2i(b.from == Nobody)),
		cmp.Compare(q.rank(&a), q.rank(&b)),
		cmp.Compare(a.from, b.from),
		cmp.Compare(a.seq(), b.seq()),
		cmp.Compare(a.order&(1<<copyBits-1), b.order&(1<<copyBits-1)),
	)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// times draws instants as worlds meet them: now, soon, at the edges of the
// wheel's slots and levels, far, and at the end of time.
func times(now clock.Time) *rapid.Generator[clock.Time] {
	return rapid.Custom(func(t *rapid.T) clock.Time {
		switch rapid.IntRange(0, 6).Draw(t, "how") {
		case 0:
			return now
		case 1:
			return now.Add(1)
		case 2: // within a slot or two
			return now + clock.Time(rapid.Int64Range(0, 2<<slotBits).Draw(t, "near"))
		case 3: // about an edge
			edge := clock.Time(1) << rapid.UintRange(0, 62).Draw(t, "bit")
			return max(now, edge+clock.Time(rapid.Int64Range(-1, 1).Draw(t, "off")))
		case 4: // about an edge from here on
			by := clock.Time(1) << rapid.UintRange(0, 61).Draw(t, "bit")
			if now > clock.Never-by {
				return clock.Never
			}
			return now + by
		case 5:
			return clock.Never - clock.Time(rapid.Int64Range(0, min(2, int64(clock.Never-now))).Draw(t, "before never"))
		default:
			return clock.Time(rapid.Int64Range(int64(now), int64(clock.Never)).Draw(t, "any"))
		}
	})
}

// The queue is a sorted list, whatever is pushed when: also what lies before
// the slot that pop has looked ahead to, and before what was popped last.
func TestTheQueueIsASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		q.init(rapid.Uint64().Draw(t, "ties"))
		var list []item
		most := 0
		now := clock.Time(0)
		seq := make([]uint64, 5)
		again := func(it item) {
			q.push(it)
			list = append(list, it)
			most = max(most, len(list))
		}
		push := func(at clock.Time, from NodeID, seq uint64, copy uint8) {
			i := q.pool.alloc()
			q.pool.at(i).msg = fmt.Sprint(from, seq, copy)
			again(item{at: at, from: from, order: seq<<copyBits | uint64(copy), ref: i})
		}
		sort := func() { slices.SortFunc(list, func(a, b item) int { return order(&q, a, b) }) }
		t.Repeat(map[string]func(*rapid.T){
			"push": func(t *rapid.T) {
				from := NodeID(rapid.IntRange(0, 4).Draw(t, "from"))
				seq[from]++
				for c := range rapid.IntRange(1, 3).Draw(t, "copies") {
					push(times(now).Draw(t, "at"), from, seq[from], uint8(c))
				}
			},
			"burst": func(t *rapid.T) { // at one instant
				at := times(now).Draw(t, "at")
				for range rapid.IntRange(1, 20).Draw(t, "n") {
					from := NodeID(rapid.IntRange(0, 4).Draw(t, "from"))
					seq[from]++
					push(at, from, seq[from], 0)
				}
			},
			"crowd": func(t *rapid.T) { // at two instants of about one slot
				from := times(now).Draw(t, "from")
				to := from.Add(time.Duration(rapid.Int64Range(0, 1<<slotBits).Draw(t, "to")))
				for k := range rapid.IntRange(1, 300).Draw(t, "n") {
					seq[k%5]++
					push([]clock.Time{from, to}[k/5%2], NodeID(k%5), seq[k%5], 0)
				}
			},
			"past": func(t *rapid.T) {
				seq[1]++
				push(clock.Time(rapid.Int64Range(0, int64(now)).Draw(t, "at")), 1, seq[1], 0)
			},
			"look": func(t *rapid.T) {
				if sort(); len(list) > 0 && list[0].at > 0 {
					require.Nil(t, q.pop(list[0].at-1))
				}
			},
			"pop": func(t *rapid.T) {
				sort()
				for range rapid.IntRange(1, 200).Draw(t, "n") {
					p := q.pop(clock.Never)
					require.Equal(t, len(list) > 0, p != nil)
					if p == nil {
						return
					}
					it := *p
					require.Equal(t, list[0], it)
					require.Equal(t, fmt.Sprint(it.from, it.seq(), it.order&(1<<copyBits-1)), q.pool.at(it.ref).msg)
					now = max(now, it.at)
					list = list[1:]
					if rapid.IntRange(0, 4).Draw(t, "again") == 0 { // as for Postpone and Hold
						it.at = times(now).Draw(t, "at")
						again(it)
						sort()
					} else {
						q.pool.release(it.ref)
					}
				}
			},
			"": func(t *rapid.T) {
				require.LessOrEqual(t, int(q.pool.n), most, "no entry is lost")
			},
		})
		sort()
		for _, want := range list {
			require.Equal(t, &want, q.pop(clock.Never))
		}
	})
}

// What is pushed between now and the slot that pop has looked ahead to comes before
// what is there, however much that is.
func TestTheQueueLooksAhead(t *testing.T) {
	for _, n := range []int{1, 2, few, few + 1, 100, 10_000} {
		for _, level := range []int{0, 1, 2} {
			var q queue
			q.init(1)
			at := clock.Time(1) << (slotBits + digitBits*level)
			for k := range n {
				q.push(item{at: at + 1, order: uint64(k + 10), ref: 1})
			}
			require.Nil(t, q.pop(at))
			before := []clock.Time{0, at / 2, at - 1, at, at}
			for k := range before {
				q.push(item{at: before[len(before)-1-k], order: uint64(9 - k), ref: 1})
			}
			for _, want := range before {
				require.Equal(t, want, q.pop(clock.Never).at, "%d at level %d", n, level)
			}
			for k := range n {
				require.EqualValues(t, k+10, q.pop(clock.Never).order)
			}
			require.Nil(t, q.pop(clock.Never))
		}
	}
}

// Very many items of one slot come in order: at one instant, from one origin, and
// between others.
func TestTheQueueSortsLargeSlots(t *testing.T) {
	var q queue
	q.init(1)
	var list []item
	draws := NewStream(1, "large")
	for k := range uint64(200_000) {
		at := clock.Time(time.Second)
		from := NodeID(1 + draws.Below(1<<17))
		switch {
		case k%10 == 0:
			at += clock.Time(draws.Below(1 << (slotBits + 1)))
		case k%10 == 1:
			from = 7
		case k == 1002:
			from = Nobody
		}
		it := item{at: at, from: from, order: k << copyBits, ref: int32(k + 1)}
		list = append(list, it)
		q.push(it)
	}
	slices.SortFunc(list, func(a, b item) int { return order(&q, a, b) })
	for _, want := range list {
		require.Equal(t, &want, q.pop(clock.Never))
	}
	require.Nil(t, q.pop(clock.Never))
}

// Who comes first at one instant is drawn anew at each, and by each seed; no
// pair of nodes is in favour.
func TestTiesAreFair(t *testing.T) {
	first := map[bool]int{}
	for seed := range uint64(100) {
		var q queue
		q.init(NewStream(seed, "tie").At(0))
		for at := range clock.Time(100) {
			a, b := item{at: at, from: 1, order: 9}, item{at: at, from: 2, order: 3}
			require.NotEqual(t, q.tie(&a, &b), q.tie(&b, &a))
			first[q.tie(&a, &b)]++
		}
	}
	assert.InDelta(t, 5000, first[true], 200)
}
