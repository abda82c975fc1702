package sim

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
)

// order is the order of a queue's entries, once more and in full: by time; the
// world before nodes; at one instant nodes by their rank then, which tells any
// two apart; of one origin by its counter, then by copy.
func order(q *queue, a, b entry) int {
	rank := func(e entry) uint64 {
		if e.from == Nobody {
			return 0
		}
		return q.rank(&e)
	}
	return cmp.Or(
		cmp.Compare(a.at, b.at),
		-cmp.Compare(b2i(a.from == Nobody), b2i(b.from == Nobody)),
		cmp.Compare(rank(a), rank(b)),
		cmp.Compare(a.from, b.from),
		cmp.Compare(a.seq, b.seq),
		cmp.Compare(a.copy, b.copy),
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
// the slot that next has looked ahead to, and before what was popped last.
func TestTheQueueIsASortedList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var q queue
		q.init(rapid.Uint64().Draw(t, "ties"))
		var list []entry
		most := 0
		now := clock.Time(0)
		seq := make([]uint64, 5)
		push := func(at clock.Time, from NodeID, seq uint64, copy uint8) {
			e := entry{at: at, from: from, to: 7, seq: seq, copy: copy, msg: fmt.Sprint(at, from, seq, copy)}
			i := q.alloc()
			next := q.pool[i].next
			q.pool[i] = e
			q.pool[i].next = next // push must not need it
			q.push(i)
			list = append(list, e)
			most = max(most, len(list))
		}
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
			"past": func(t *rapid.T) {
				seq[1]++
				push(clock.Time(rapid.Int64Range(0, int64(now)).Draw(t, "at")), 1, seq[1], 0)
			},
			"look": func(t *rapid.T) {
				at, ok := q.next()
				require.Equal(t, len(list) > 0, ok)
				if ok {
					require.Equal(t, slices.MinFunc(list, func(a, b entry) int { return order(&q, a, b) }).at, at)
				}
			},
			"pop": func(t *rapid.T) {
				slices.SortFunc(list, func(a, b entry) int { return order(&q, a, b) })
				for range rapid.IntRange(1, 10).Draw(t, "n") {
					at, ok := q.next()
					require.Equal(t, len(list) > 0, ok)
					if !ok {
						return
					}
					require.Equal(t, list[0].at, at)
					i := q.pop()
					e := q.pool[i]
					e.next = 0
					require.Equal(t, list[0], e)
					now = max(now, at)
					list = list[1:]
					if rapid.IntRange(0, 4).Draw(t, "again") == 0 { // as for Postpone and Hold
						q.pool[i].at = times(now).Draw(t, "at")
						e.at = q.pool[i].at
						q.push(i)
						list = append(list, e)
						slices.SortFunc(list, func(a, b entry) int { return order(&q, a, b) })
					} else {
						q.release(i)
					}
				}
			},
			"": func(t *rapid.T) {
				require.Equal(t, len(list), q.n)
				require.LessOrEqual(t, len(q.pool)-1, most, "no entry is lost")
			},
		})
	})
}

// Who comes first at one instant is drawn anew at each, and by each seed; no
// pair of nodes is in favour.
func TestTiesAreFair(t *testing.T) {
	first := map[bool]int{}
	for seed := range uint64(100) {
		var q queue
		q.init(NewStream(seed, "tie").At(0))
		for at := range clock.Time(100) {
			a, b := entry{at: at, from: 1, seq: 9}, entry{at: at, from: 2, seq: 3}
			require.NotEqual(t, q.tie(&a, &b), q.tie(&b, &a))
			first[q.tie(&a, &b)]++
		}
	}
	assert.InDelta(t, 5000, first[true], 200)
}
