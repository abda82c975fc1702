package sim

import (
	"math/bits"

	"github.com/seedbed-sim/seedbed/clock"
)

// entry is one thing that will happen: a copy of a packet, a timer, a node
// that gets free, a world event. 64 bytes, one cache line.
type entry struct {
	at      clock.Time
	msg     Message    // packet: the message; event: a func()
	seq     uint64     // from's counter: packet id, and the order among from's entries
	lamport uint64     // packet: the sender's time; otherwise the incarnation meant
	aux     clock.Time // packet: departure; timer: slot and generation
	from    NodeID     // origin; Nobody for the world
	to      NodeID
	next    int32 // the next free one; none ends the list
	kind    entryKind
	copy    uint8 // which copy of the packet
}

type entryKind uint8

const (
	entryPacket entryKind = iota
	entryTimer
	entryWake  // the node's next departure is due, or it can take from its inbox
	entryEvent // a world event
)

// queue holds entries ordered by time, then by tie (see less). It is a
// hierarchical timing wheel (Varghese and Lauck 1987) whose current slot is
// kept as a heap: an insertion is a link into a slot, and an entry moves down
// at most one level per factor of 256 of its delay, so that the cost does not
// grow with the number pending. Entries never move in memory, and are not looked
// at before they are due: of very many none would be in the cache.
type queue struct {
	pool []entry // pool[none] is not used
	free int32   // list of free pool entries
	n    int     // entries pending

	bunches []bunch // of the wheel's slots; bunches[none] is not used
	spare   int32   // list of bunches that are free

	// current is the slot (time >> slotBits) whose entries, and any earlier
	// ones, are in near. All others are in the wheel, at the level of the
	// highest digit (base 256) in which their slot differs from current.
	current int64
	near    []item // 4-ary heap by less
	busy    uint   // bit k: levels[k] is not empty
	levels  [levels]level

	ties uint64 // key of the order between origins at one instant
}

// level is the part of the wheel for one digit.
type level struct {
	words uint               // bit w: used[w] is not 0
	used  [slots / 64]uint64 // bit i: lists[i] is not empty
	lists [slots]int32       // of bunches
}

// bunch is a few items of a slot, 128 bytes.
type bunch struct {
	items [7]item
	n     int32 // how many there are
	next  int32 // the next bunch of the same slot, or the next free one; none ends the list
}

// item is an entry that is pending: what is compared first, and where the rest is.
type item struct {
	at  clock.Time
	idx int32
}

const (
	slotBits  = 15 // 33 µs
	digitBits = 8
	slots     = 1 << digitBits
	levels    = 6 // slots^6 reach beyond the end of time
	none      = int32(0)
)

func (q *queue) init(ties uint64) {
	q.ties = ties
	q.pool = make([]entry, 1, 64)
	q.bunches = make([]bunch, 1, 32)
	q.near = make([]item, 0, 16)
}

// alloc returns the index of an entry to fill and push. Pointers into the pool
// hold until the next alloc.
func (q *queue) alloc() int32 {
	if i := q.free; i != none {
		q.free = q.pool[i].next
		return i
	}
	q.pool = append(q.pool, entry{})
	return int32(len(q.pool) - 1)
}

// release gives a popped entry back. It keeps its message until it is used
// again, which is soon: the list is last in, first out.
func (q *queue) release(i int32) {
	q.pool[i].next = q.free
	q.free = i
}

// push inserts a filled entry.
func (q *queue) push(i int32) {
	q.n++
	q.insert(item{q.pool[i].at, i})
}

func (q *queue) insert(it item) {
	slot := int64(it.at) >> slotBits
	if slot <= q.current {
		q.up(it)
		return
	}
	k := uint(63-bits.LeadingZeros64(uint64(slot^q.current))) / digitBits
	digit := uint(slot>>(digitBits*k)) % slots
	q.busy |= 1 << k
	l := &q.levels[k]
	i := l.lists[digit]
	if i == none || int(q.bunches[i].n) == len(q.bunches[i].items) {
		i = q.bunch(i)
		l.lists[digit] = i
	}
	b := &q.bunches[i]
	b.items[b.n] = it
	b.n++
	l.words |= 1 << (digit / 64)
	l.used[digit/64] |= 1 << (digit % 64)
}

// bunch returns an empty bunch before another one.
func (q *queue) bunch(next int32) int32 {
	i := q.spare
	if i == none {
		i = int32(len(q.bunches))
		q.bunches = append(q.bunches, bunch{})
	} else {
		q.spare = q.bunches[i].next
	}
	q.bunches[i].n, q.bunches[i].next = 0, next
	return i
}

// next returns the time of the first entry; false if there is none.
func (q *queue) next() (clock.Time, bool) {
	if len(q.near) == 0 && !q.advance() {
		return 0, false
	}
	return q.near[0].at, true
}

// pop removes the first entry; next must have said that there is one.
func (q *queue) pop() int32 {
	q.n--
	first := q.near[0].idx
	last := len(q.near) - 1
	moved := q.near[last]
	q.near = q.near[:last]
	if last > 0 {
		q.down(moved)
	}
	return first
}

// advance moves current to the next slot in use, and that slot's entries to
// near; false if the wheel is empty.
func (q *queue) advance() bool {
	for q.busy != 0 {
		k := bits.TrailingZeros(q.busy)
		l := &q.levels[k]
		digit := l.takeFirst()
		if l.words == 0 {
			q.busy &^= 1 << k
		}
		i := l.lists[digit]
		l.lists[digit] = none
		shift := digitBits * uint(k)
		q.current = (q.current>>(shift+digitBits)<<digitBits | int64(digit)) << shift
		for i != none {
			b := q.bunches[i] // it is free from here
			q.bunches[i].next, q.spare = q.spare, i
			for _, it := range b.items[:b.n] {
				q.insert(it)
			}
			i = b.next
		}
		if len(q.near) > 0 {
			return true
		}
	}
	return false
}

// takeFirst returns the first digit in use, and marks it unused.
func (l *level) takeFirst() uint {
	w := uint(bits.TrailingZeros(l.words)) % (slots / 64)
	bit := uint(bits.TrailingZeros64(l.used[w]))
	if l.used[w] &= l.used[w] - 1; l.used[w] == 0 {
		l.words &^= 1 << w
	}
	return 64*w + bit
}

// less orders entries that are due: by time; at one instant the entries of one
// origin by its counter, and those of different origins by a function of
// (seed, time, origin), drawn anew at each instant so that no origin always
// comes first. The world's own entries come before all others.
func (q *queue) less(a, b item) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	return q.tie(&q.pool[a.idx], &q.pool[b.idx])
}

func (q *queue) tie(a, b *entry) bool {
	if a.from == b.from {
		if a.seq != b.seq {
			return a.seq < b.seq
		}
		return a.copy < b.copy
	}
	if a.from == Nobody || b.from == Nobody {
		return a.from == Nobody
	}
	ha, hb := q.rank(a), q.rank(b)
	if ha != hb {
		return ha < hb
	}
	return a.from < b.from
}

func (q *queue) rank(e *entry) uint64 {
	return Mix(q.ties ^ uint64(e.at)*0x9e3779b97f4a7c15 ^ uint64(e.from)<<32)
}

func (q *queue) up(it item) {
	h := append(q.near, it)
	i := len(h) - 1
	for i > 0 {
		p := (i - 1) / 4
		if !q.less(it, h[p]) {
			break
		}
		h[i] = h[p]
		i = p
	}
	h[i] = it
	q.near = h
}

func (q *queue) down(it item) {
	h := q.near
	i := 0
	for {
		c := 4*i + 1
		if c >= len(h) {
			break
		}
		first := c
		for k := c + 1; k < min(c+4, len(h)); k++ {
			if q.less(h[k], h[first]) {
				first = k
			}
		}
		if !q.less(h[first], it) {
			break
		}
		h[i] = h[first]
		i = first
	}
	h[i] = it
}
