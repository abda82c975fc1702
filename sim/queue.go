package sim

import (
	"math"
	"math/bits"
	"slices"

	"github.com/seedbed-sim/seedbed/clock"
)

// item is one thing that will happen, as far as its place in the order goes:
// a copy of a packet, a timer, a boot, a node that gets free, a world event. 24 bytes.
type item struct {
	at    clock.Time
	order uint64 // among the items of one origin: its counter, then the copy, in the last two bits
	ref   int32  // packet, event: the entry, > 0; otherwise refWake, refBoot, or refTimer less the timer's place
	from  NodeID // origin; Nobody for the world
}

const (
	refWake  int32 = -iota // the origin's next departure is due, or it can take from its inbox
	refBoot                // the origin boots
	refTimer               // a timer of the origin asks
)

// seq is the origin's counter: for a packet its id.
func (it *item) seq() uint64 { return it.order >> copyBits }

const copyBits = 2 // MaxCopies fit

// entry is what a packet or a world event carries beside its item.
type entry struct {
	msg     Message // packet: the message; event: a func()
	lamport uint64  // packet: the sender's time
	source          // packet: where it comes from
	to      NodeID  // packet: destination; event: Nobody
}

// queue holds items ordered by time, then by tie (see less). It is a
// hierarchical timing wheel (Varghese and Lauck 1987): an insertion is a line
// in a slot, and an item moves down at most one level per factor of 256 of its
// delay, so that the cost does not grow with the number pending. The slot that
// is due is sorted as a whole, in a time that hardly grows with its number, and
// what is inserted into it after that is kept as a heap. Only items are ever
// compared; entries rest where they are.
type queue struct {
	pool    pages[entry]
	bunches pages[bunch] // of the wheel's slots
	bundles pages[bundle]

	// current is the slot (time >> slotBits) whose items, and any earlier
	// ones, are in run and near. All others are in the wheel, at the level of
	// the highest digit (base 256) in which their slot differs from current.
	current int64
	run     []item // in order; those before head are gone
	head    int
	ahead   int    // when head gets there, what follows in run is worth to be fetched, see World.fetch
	near    []item // 4-ary heap by less
	popped  item   // from near, last
	busy    uint   // bit k: levels[k] is not empty
	levels  [levels]level

	ties   uint64  // key of the order between origins at one instant
	counts []int32 // scratch, see sort
}

// level is the part of the wheel for one digit.
type level struct {
	words uint               // bit w: used[w] is not 0
	used  [slots / 64]uint64 // bit i: lists[i] is not empty
	lists [slots]list
}

// list is the items of a slot, the last ones first: the first of all in bunches,
// what is beyond scattered in bundles, which memory yields at the time of a few
// bunches. All but the first bunch or bundle are full.
type list struct {
	first int32 // bundle if n > scattered, else bunch
	n     int32 // items
}

// bunch is a few items of a slot, two cache lines.
type bunch struct {
	next  int32 // the next bunch
	items [bunched]item
}

// bundle is many items of a slot, a kilobyte.
type bundle struct {
	next  int32 // the next bundle, or the first bunch
	items [bundled]item
}

const (
	slotBits  = 15 // 33 µs
	digitBits = 8
	slots     = 1 << digitBits
	levels    = 6 // slots^6 reach beyond the end of time
	bunched   = 5
	scattered = 4 * bunched // items of a slot that are in bunches
	bundled   = 42
	few       = 8       // what is kept as a heap rather than sorted
	many      = 1 << 13 // items that room is kept for, once they are gone
)

func (q *queue) init(ties uint64) {
	q.ties = ties
	q.near = make([]item, 0, 16)
	q.ahead = math.MaxInt
}

// push inserts an item.
func (q *queue) push(it item) {
	slot := int64(it.at) >> slotBits
	if slot <= q.current {
		q.up(&it)
		return
	}
	k := uint(63-bits.LeadingZeros64(uint64(slot^q.current))) / digitBits
	digit := uint(slot>>(digitBits*k)) % slots
	q.busy |= 1 << k
	l := &q.levels[k]
	s := &l.lists[digit]
	if s.n < scattered {
		k, next := uint32(s.n)%bunched, s.first
		if k == 0 {
			s.first = q.bunches.alloc()
		}
		b := q.bunches.at(s.first)
		if b.items[k] = it; k == 0 {
			b.next = next
		}
	} else {
		k, next := uint32(s.n-scattered)%bundled, s.first
		if k == 0 {
			s.first = q.bundles.alloc()
		}
		b := q.bundles.at(s.first)
		if b.items[k] = it; k == 0 {
			b.next = next
		}
	}
	s.n++
	l.words |= 1 << (digit / 64)
	l.used[digit/64] |= 1 << (digit % 64)
}

// pop removes the first item, if there is one up to time until, or else returns
// nil. What it returns is good until the next pop.
func (q *queue) pop(until clock.Time) *item {
	for {
		switch {
		case q.head < len(q.run):
			it := &q.run[q.head]
			if len(q.near) > 0 && q.less(&q.near[0], it) {
				break
			}
			if it.at > until {
				return nil
			}
			q.head++
			return it
		case len(q.near) == 0:
			if !q.advance() {
				return nil
			}
			continue
		case len(q.near) > few:
			q.refill()
			continue
		}
		if q.near[0].at > until {
			return nil
		}
		q.popped = q.near[0]
		last := len(q.near) - 1
		moved := q.near[last]
		if q.near = q.near[:last]; last > 0 {
			q.down(&moved)
		}
		return &q.popped
	}
}

// advance moves current to the next slot in use, and that slot's items to run,
// which has come to its end; near is empty. It is false if the wheel is empty.
func (q *queue) advance() bool {
	if max(cap(q.run), cap(q.near)) > many {
		q.run, q.near, q.head = nil, nil, 0
	}
	for q.busy != 0 {
		k := bits.TrailingZeros(q.busy)
		l := &q.levels[k]
		digit := l.takeFirst()
		if l.words == 0 {
			q.busy &^= 1 << k
		}
		s := l.lists[digit]
		l.lists[digit] = list{}
		shift := digitBits * uint(k)
		q.current = (q.current>>(shift+digitBits)<<digitBits | int64(digit)) << shift
		if k == 0 && s.n == 1 { // as nearly always in small worlds
			q.run = append(q.run[:0], q.bunches.at(s.first).items[0])
			q.head, q.ahead = 0, math.MaxInt
			q.bunches.release(s.first)
			return true
		}
		if k == 0 && cap(q.near) < int(s.n) {
			q.near = make([]item, 0, s.n+s.n/4)
		}
		for s.n > scattered {
			b := q.bundles.at(s.first)
			n := (s.n-scattered-1)%bundled + 1
			q.deal(b.items[:n])
			q.bundles.release(s.first)
			s.first, s.n = b.next, s.n-n
		}
		for s.n > 0 {
			b := q.bunches.at(s.first)
			n := (s.n-1)%bunched + 1
			q.deal(b.items[:n])
			q.bunches.release(s.first)
			s.first, s.n = b.next, s.n-n
		}
		switch n := len(q.near); {
		case n > few:
			q.refill()
			return true
		case n > 0:
			q.run, q.near = q.near, q.run[:0]
			q.head, q.ahead = 0, math.MaxInt
			q.insertion(q.run)
			return true
		}
	}
	return false
}

// deal puts items of a slot that current has come to where they belong now:
// those in near make no heap yet.
func (q *queue) deal(items []item) {
	for i := range items {
		if it := items[i]; int64(it.at)>>slotBits > q.current {
			q.push(it)
		} else {
			q.near = append(q.near, it)
		}
	}
}

// refill moves all of near, a heap or not, to run, which has come to its end.
func (q *queue) refill() {
	n := len(q.near)
	if cap(q.run) < n {
		q.run = make([]item, n+n/4)
	}
	q.run = q.run[:n]
	q.sort(q.run, q.near)
	q.near = q.near[:0]
	q.head, q.ahead = 0, math.MaxInt
	if n >= 2*few {
		q.ahead = 0
	}
}

// sort puts the items of src into dst in order; src is scratch from then on.
// One pass deals them out over about as many buckets as there are items, by
// time, or by rank if all are due at one instant; what shares a bucket is then
// nearly always few.
func (q *queue) sort(dst, src []item) {
	lo, hi := src[0].at, src[0].at
	for i := range src {
		lo, hi = min(lo, src[i].at), max(hi, src[i].at)
	}
	width := 64
	if lo != hi {
		width = bits.Len64(uint64(hi - lo))
	}
	digits := min(bits.Len(uint(len(src))), width, 18)
	shift := width - digits
	key := func(it *item) uint64 {
		if lo != hi {
			return uint64(it.at-lo) >> shift
		}
		return q.rank(it) >> shift
	}
	if cap(q.counts) <= 1<<digits {
		q.counts = make([]int32, 1<<digits+1)
	}
	ends := q.counts[:1<<digits+1]
	q.counts = nil // in use
	clear(ends)
	for i := range src {
		ends[key(&src[i])+1]++
	}
	for i := range ends[1:] {
		ends[i+1] += ends[i]
	}
	for i := range src {
		k := key(&src[i])
		dst[ends[k]] = src[i]
		ends[k]++
	}
	// Now ends[k] is where bucket k ends.
	for a, k := 0, 0; a < len(dst); k++ {
		b := int(ends[k])
		switch {
		case b-a <= 2*few:
			q.insertion(dst[a:b])
		case lo != hi:
			copy(src[a:b], dst[a:b])
			q.sort(dst[a:b], src[a:b]) // over less time
		default: // of one origin
			slices.SortFunc(dst[a:b], q.compare)
		}
		a = b
	}
	q.counts = ends
}

// insertion sorts a few items.
func (q *queue) insertion(s []item) {
	for i := 1; i < len(s); i++ {
		if !q.less(&s[i], &s[i-1]) {
			continue
		}
		it := s[i]
		j := i
		for ; j > 0 && q.less(&it, &s[j-1]); j-- {
			s[j] = s[j-1]
		}
		s[j] = it
	}
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

// less orders items: by time; at one instant the items of one origin by its
// counter, and those of different origins by a function of (seed, time,
// origin), drawn anew at each instant so that no origin always comes first. The
// world's own items come before all others.
func (q *queue) less(a, b *item) bool {
	if a.at != b.at {
		return a.at < b.at
	}
	return q.tie(a, b)
}

func (q *queue) tie(a, b *item) bool {
	if a.from == b.from {
		return a.order < b.order
	}
	ha, hb := q.rank(a), q.rank(b)
	if ha != hb {
		return ha < hb
	}
	return a.from < b.from
}

func (q *queue) compare(a, b item) int {
	switch {
	case q.less(&a, &b):
		return -1
	case q.less(&b, &a):
		return +1
	}
	return 0
}

// rank is 0 for the world, and may be 0 for others: Nobody is less than anybody.
func (q *queue) rank(it *item) uint64 {
	if it.from == Nobody {
		return 0
	}
	return Mix(q.ties ^ uint64(it.at)*0x9e3779b97f4a7c15 ^ uint64(it.from)<<32)
}

func (q *queue) up(it *item) {
	h := append(q.near, *it)
	i := len(h) - 1
	for i > 0 {
		p := (i - 1) / 4
		if !q.less(it, &h[p]) {
			break
		}
		h[i] = h[p]
		i = p
	}
	h[i] = *it
	q.near = h
}

func (q *queue) down(it *item) {
	h := q.near
	i := 0
	for {
		c := 4*i + 1
		if c >= len(h) {
			break
		}
		first := c
		for k := c + 1; k < min(c+4, len(h)); k++ {
			if q.less(&h[k], &h[first]) {
				first = k
			}
		}
		if !q.less(&h[first], it) {
			break
		}
		h[i] = h[first]
		i = first
	}
	h[i] = *it
}

// pages is memory for values that have numbers, from 1, and never move.
type pages[T any] struct {
	list []*[pageSize]T
	n    int32   // the highest number so far
	free []int32 // numbers of values that are free
}

const pageSize = 64

func (p *pages[T]) at(i int32) *T { return &p.list[uint32(i)/pageSize][uint32(i)%pageSize] }

// alloc returns the number of a value to fill. It is what it was when it was
// released, mostly not long ago: last in, first out.
func (p *pages[T]) alloc() int32 {
	last := len(p.free) - 1
	if last < 0 {
		return p.grow()
	}
	i := p.free[last]
	p.free = p.free[:last]
	return i
}

func (p *pages[T]) grow() int32 {
	if p.n++; int(p.n)/pageSize >= len(p.list) {
		p.list = append(p.list, new([pageSize]T))
	}
	return p.n
}

// release gives a value back.
func (p *pages[T]) release(i int32) { p.free = append(p.free, i) }
