package checkers

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/seedbed-sim/seedbed/sim"
)

// Topic checks what a log of many partitions promises its producers and consumers, by the anomalies that Jepsen's
// workload for Kafka and Redpanda looks for (namespace jepsen.tests.kafka of github.com/jepsen-io/jepsen; K. Kingsbury,
// "Jepsen: Redpanda 21.10.1", 2022), each a property that says that there is none:
//
//   - inconsistent offsets: two records at one offset;
//   - duplicate: one record at two offsets of a partition;
//   - nonmonotonic send: a producer's acknowledged offsets go back, in the order in which it made the records;
//   - poll skip, nonmonotonic poll: from one poll to the next, a consumer leaves out records, or goes back;
//   - internal poll skip, internal nonmonotonic poll: the same within one poll;
//   - aborted read: a poll brings a record that is known not to be in the log;
//   - lost write: an acknowledged record was never polled, although a later one of its partition was;
//   - unseen: the same without a later one.
//
// Jepsen knows what clients know, and when all is over. Topic is fed while a run happens, may be told what the log
// itself claims, and is told what excuses a skip: what was assigned anew, committed, sought, compacted or dropped. Cycles
// among transactions (G0, G1c) and precommitted reads it does not look for. What the replicas of one partition owe each
// other is the business of Log.
//
// P names a partition. R is a record, in a form that can be compared and printed; the same R in two partitions is two
// records. Offsets of a partition grow, with or without gaps. Each call but Quiet and Unseen is O(1) amortised for each
// record that it tells of; where offsets have gaps, finding one takes a binary search.
type Topic[P, R comparable] struct {
	inconsistent *Property
	duplicate    *Property
	lost         *Property
	unseen       *Property
	skip, back   *Property // from poll to poll

	sends                *Property // nil: records have no producers
	innerSkip, innerBack *Property // within a poll; nil while each has brought one record
	aborted              *Property // nil while nothing was aborted

	set        *Set
	options    TopicOptions[R]
	place      map[P]int
	partitions []*topicPartition[P, R] // by place, in the order in which they were first told of
}

// TopicOptions are a system's conventions and weaker promises.
type TopicOptions[R comparable] struct {
	// First is the offset of a partition's first record, mostly 0 or 1.
	First uint64

	// Producer returns who made a record, and its place in that producer's order; zero for a record without an order. Nil:
	// no record has one, and sends are not judged.
	Producer func(r R) (producer, seq uint64)

	// AtLeastOnce allows every record to be at many offsets; without it, only those that MayRepeat names may be. A record's
	// place in the order is the first that was told, and it is seen when it is at any one.
	AtLeastOnce bool
}

// Polled is a record with the offset at which a poll has found it.
type Polled[R comparable] struct {
	Offset uint64
	Record R
}

// topicPartition is a partition.
type topicPartition[P, R comparable] struct {
	name      P
	pages     []*topicPage[R]    // by number, those with something in them
	at        map[R]uint64       // the first offset of each record
	repeated  map[R][]uint64     // the offsets of those at many
	repeats   map[R]bool         // records that may be at many offsets
	aborted   map[R]bool         // records that are not to be seen
	sent      map[uint64][]place // by producer: what was acknowledged, in the producer's order
	committed map[string]uint64  // by group: the next offset to read
	readers   []topicReader      // in order of their ids
	low       uint64             // nothing below is retained
	high      uint64             // 1 + the highest polled offset; 0: none
}

// topicPage is what is known of 64 offsets, a bit for each.
type topicPage[R comparable] struct {
	number                        uint64 // of the first offset, in 64s
	known, acked, polled, removed uint64
	records                       []R // of those known, in order
}

// topicReader is a consumer's position in a partition. Before from, nothing is demanded of it.
type topicReader struct {
	id         sim.NodeID
	from, next uint64
	placed     bool   // false: it begins wherever its next poll does
	why        string // it is at next, if it has not polled since
}

// NewTopic registers the properties with the run's set. Those of polls with many records and of aborted records come when
// there are such.
func NewTopic[P, R comparable](s *Set, o TopicOptions[R]) *Topic[P, R] {
	c := &Topic[P, R]{
		inconsistent: s.Always("no inconsistent offsets"),
		duplicate:    s.Always("no duplicate"),
		lost:         s.Always("no lost write"),
		unseen:       s.Always("no unseen record"),
		skip:         s.Always("no poll skip"),
		back:         s.Always("no nonmonotonic poll"),
		set:          s,
		options:      o,
		place:        make(map[P]int),
	}
	if o.Producer != nil {
		c.sends = s.Always("no nonmonotonic send")
	}
	return c
}

// Reset forgets everything, for the next run. The set is reset by its owner.
func (c *Topic[P, R]) Reset() {
	clear(c.place)
	c.partitions = nil
}

// Append tells that the log has this record at this offset for good. A system that tells of acknowledgements and polls
// alone is judged as well, but what neither shows cannot be skipped.
func (c *Topic[P, R]) Append(partition P, offset uint64, r R) {
	c.know(c.partition(partition), offset, r, "appended")
}

// Acknowledge tells that a producer knows that its record is at this offset.
func (c *Topic[P, R]) Acknowledge(partition P, offset uint64, r R) {
	p := c.partition(partition)
	g, bit := c.know(p, offset, r, "acknowledged")
	if g == nil {
		return
	}
	g.acked |= bit
	c.ordered(p, offset, r)
}

// Poll tells what one poll has brought a consumer from a partition, in the order in which it got it.
func (c *Topic[P, R]) Poll(consumer sim.NodeID, partition P, batch ...Polled[R]) {
	p := c.partition(partition)
	reader := p.reader(consumer)
	if len(batch) > 1 && c.innerSkip == nil {
		c.innerSkip, c.innerBack = c.set.Always("no internal poll skip"), c.set.Always("no internal nonmonotonic poll")
	}
	skip, back := c.skip, c.back
	for _, b := range batch {
		if !p.follows(reader, consumer, b, skip, back) || !c.show(p, consumer, b) {
			return
		}
		reader.next, reader.why = b.Offset+1, ""
		p.high = max(p.high, reader.next)
		skip, back = c.innerSkip, c.innerBack
	}
}

// Assign tells that a rebalance, or the consumer itself, has it read this partition from now on for a group: from what the
// group has committed by now, or if there is nothing from the first record that is retained. Where it was before does not
// count any more, so what others of its group have polled and not committed it polls again. That it begins there is judged;
// where it may begin elsewhere, since the offset is the consumer's choice or was committed when the assignment was made,
// and there may be a later one by now, Seek takes the offset as it is told. One that is not told at all begins wherever it
// first polls.
func (c *Topic[P, R]) Assign(consumer sim.NodeID, group string, partition P) {
	p := c.partition(partition)
	offset, ok := p.committed[group]
	why := "committed"
	if !ok {
		offset, why = p.low, "the first"
	}
	*p.reader(consumer) = topicReader{consumer, offset, offset, true, why}
}

// Revoke tells that a consumer reads this partition no more. What it polls all the same is not held against a position.
func (c *Topic[P, R]) Revoke(consumer sim.NodeID, partition P) {
	*c.partition(partition).reader(consumer) = topicReader{id: consumer}
}

// Seek tells that a consumer reads on from this offset, whatever its group has committed. Whether it may is for the caller
// to know.
func (c *Topic[P, R]) Seek(consumer sim.NodeID, partition P, offset uint64) {
	*c.partition(partition).reader(consumer) = topicReader{consumer, offset, offset, true, "sought"}
}

// Commit tells that a group has this as the next offset to read.
func (c *Topic[P, R]) Commit(group string, partition P, offset uint64) {
	c.partition(partition).committed[group] = offset
}

// Restart tells that a consumer has lost its positions: a new incarnation.
func (c *Topic[P, R]) Restart(consumer sim.NodeID) {
	for _, p := range c.partitions {
		*p.reader(consumer) = topicReader{id: consumer}
	}
}

// Removed tells that the record at this offset need not be seen any more, as a compacted log has a later one for its key.
func (c *Topic[P, R]) Removed(partition P, offset uint64) {
	g, bit := c.partition(partition).page(offset)
	g.removed |= bit
}

// LowWater tells that no record below this offset need be seen any more. The mark never goes back.
func (c *Topic[P, R]) LowWater(partition P, offset uint64) {
	p := c.partition(partition)
	p.low = max(p.low, offset)
}

// MayRepeat tells that a record may be at many offsets, because its producer could not know better than to send it again.
// It may also be out of its producer's order.
func (c *Topic[P, R]) MayRepeat(partition P, r R) { c.partition(partition).repeats[r] = true }

// Abort tells that a record is not in the log, and never will be: it was refused, or its transaction is aborted. Even if the
// log has it at some offset, nobody must see it.
func (c *Topic[P, R]) Abort(partition P, r R) {
	c.aborted = c.set.Always("no aborted read")
	p := c.partition(partition)
	p.aborted[r] = true
	for _, offset := range p.offsets(r) {
		g, bit := p.page(offset)
		g.removed |= bit
		c.aborted.Check(g.polled&bit == 0, func() string {
			return fmt.Sprintf("%v was polled at %d of %v, and is aborted", r, offset, p.name)
		})
	}
}

// Quiet tells that nothing is under way any more, and that consumers had the time to poll everything.
func (c *Topic[P, R]) Quiet() {
	for _, p := range c.partitions {
		c.quiet(p)
	}
}

// Unseen counts the acknowledged records that nobody has polled so far, for those who wait for all to be quiet.
func (c *Topic[P, R]) Unseen() (n int) {
	for _, p := range c.partitions {
		for _, g := range p.pages {
			for missing := p.due(g) &^ g.polled; missing != 0; missing &= missing - 1 {
				if !p.seen(g.records[g.rank(missing&-missing)]) {
					n++
				}
			}
		}
	}
	return n
}

// know checks a record at an offset against what else was told of either. It returns the page and the bit of the offset;
// the page is nil if it cannot be there.
func (c *Topic[P, R]) know(p *topicPartition[P, R], offset uint64, r R, how string) (*topicPage[R], uint64) {
	g, bit := p.page(offset)
	if g.known&bit != 0 {
		if was := g.records[g.rank(bit)]; was != r {
			c.inconsistent.Violatef("%v is %s at %d of %v, which is %v", r, how, offset, p.name, was)
			return nil, 0
		}
		c.inconsistent.Hold()
		return g, bit
	}
	first, again := p.at[r]
	if again && !c.options.AtLeastOnce && !p.repeats[r] {
		c.duplicate.Violatef("%v is %s at %d of %v, and is at %d", r, how, offset, p.name, first)
		return nil, 0
	}
	c.duplicate.Hold()
	if again {
		p.repeated[r] = append(p.offsets(r), offset)
	}
	if !again || offset < first {
		p.at[r] = offset
	}
	g.records = slices.Insert(g.records, g.rank(bit), r)
	g.known |= bit
	if p.aborted[r] {
		g.removed |= bit
	}
	if offset < p.high {
		c.late(p, offset, r, how)
	}
	return g, bit
}

// late looks for those who went past an offset before anybody knew that there is a record.
func (c *Topic[P, R]) late(p *topicPartition[P, R], offset uint64, r R, how string) {
	if _, _, ok := p.first(offset, offset+1); !ok {
		return
	}
	for _, reader := range p.readers {
		if reader.from <= offset && offset < reader.next {
			c.skip.Violatef("%v is %s at %d of %v, where %v has polled from %d up to %d without it",
				r, how, offset, p.name, reader.id, reader.from, reader.next-1)
			return
		}
	}
}

// follows checks that a consumer polls what comes next for it.
func (p *topicPartition[P, R]) follows(reader *topicReader, id sim.NodeID, b Polled[R], skip, back *Property) bool {
	switch {
	case !reader.placed:
		*reader = topicReader{id: id, from: b.Offset, next: b.Offset, placed: true}
	case b.Offset < reader.next:
		back.Violatef("%v polls %v at %d of %v, %v", id, b.Record, b.Offset, p.name, reader)
		return false
	default:
		if offset, r, ok := p.first(reader.next, b.Offset); ok {
			skip.Violatef("%v polls %v at %d of %v, %v, and so skips %v at %d",
				id, b.Record, b.Offset, p.name, reader, r, offset)
			return false
		}
		back.Hold()
		skip.Hold()
	}
	return true
}

func (r *topicReader) String() string {
	if r.why == "" {
		return fmt.Sprintf("after %d", r.next-1)
	}
	return fmt.Sprintf("from %d on (%s)", r.next, r.why)
}

// show checks that a polled record may be seen.
func (c *Topic[P, R]) show(p *topicPartition[P, R], id sim.NodeID, b Polled[R]) bool {
	if c.aborted != nil {
		if p.aborted[b.Record] {
			c.aborted.Violatef("%v polls %v at %d of %v, which is aborted", id, b.Record, b.Offset, p.name)
			return false
		}
		c.aborted.Hold()
	}
	g, bit := c.know(p, b.Offset, b.Record, "polled")
	if g == nil {
		return false
	}
	g.polled |= bit
	return true
}

// ordered checks an acknowledged record's offset against those of the same producer. Acknowledgements come in any order.
func (c *Topic[P, R]) ordered(p *topicPartition[P, R], index uint64, r R) {
	if c.sends == nil || p.repeats[r] {
		return
	}
	producer, seq := c.options.Producer(r)
	if producer == 0 {
		return
	}
	if c.options.AtLeastOnce {
		index = p.at[r]
	}
	list := p.sent[producer]
	i := len(list)
	for i > 0 && list[i-1].seq > seq {
		i--
	}
	if i > 0 && list[i-1].seq == seq {
		return // acknowledged again
	}
	if i > 0 && list[i-1].index >= index {
		c.sends.Violatef("%v is acknowledged at %d of %v, and what its producer made before it at %d",
			r, index, p.name, list[i-1].index)
		return
	}
	if i < len(list) && list[i].index <= index {
		c.sends.Violatef("%v is acknowledged at %d of %v, and what its producer made after it at %d",
			r, index, p.name, list[i].index)
		return
	}
	c.sends.Hold()
	p.sent[producer] = slices.Insert(list, i, place{seq, index})
}

func (c *Topic[P, R]) quiet(p *topicPartition[P, R]) {
	below, any := false, false // something is due there; anywhere
	for _, g := range p.pages {
		due := p.due(g)
		any = any || due != 0
		below = below || due&g.span(0, p.high) != 0
		for missing := due &^ g.polled; missing != 0; missing &= missing - 1 {
			bit := missing & -missing
			r, offset := g.records[g.rank(bit)], g.number*64+uint64(bits.TrailingZeros64(bit))
			switch {
			case p.seen(r):
			case offset < p.high:
				c.lost.Violatef("%v was acknowledged at %d of %v, and never polled, but %d was", r, offset, p.name, p.high-1)
				return
			default:
				c.unseen.Violatef("%v was acknowledged at %d of %v, and nobody has polled it", r, offset, p.name)
				return
			}
		}
	}
	if below {
		c.lost.Hold()
	}
	if any {
		c.unseen.Hold()
	}
}

func (c *Topic[P, R]) partition(name P) *topicPartition[P, R] {
	i, ok := c.place[name]
	if !ok {
		i = len(c.partitions)
		c.place[name] = i
		c.partitions = append(c.partitions, &topicPartition[P, R]{
			name:      name,
			at:        make(map[R]uint64),
			repeated:  make(map[R][]uint64),
			repeats:   make(map[R]bool),
			aborted:   make(map[R]bool),
			sent:      make(map[uint64][]place),
			committed: make(map[string]uint64),
			low:       c.options.First,
		})
	}
	return c.partitions[i]
}

func (p *topicPartition[P, R]) reader(id sim.NodeID) *topicReader {
	i, ok := slices.BinarySearchFunc(p.readers, id, func(r topicReader, id sim.NodeID) int { return cmp.Compare(r.id, id) })
	if !ok {
		p.readers = slices.Insert(p.readers, i, topicReader{id: id})
	}
	return &p.readers[i]
}

// due is what was acknowledged, and must have been seen when all is quiet.
func (p *topicPartition[P, R]) due(g *topicPage[R]) uint64 {
	return g.acked &^ g.removed & g.span(p.low, math.MaxUint64)
}

// offsets are all those of a record, as far as known.
func (p *topicPartition[P, R]) offsets(r R) []uint64 {
	if list, ok := p.repeated[r]; ok {
		return list
	}
	if first, ok := p.at[r]; ok {
		return []uint64{first}
	}
	return nil
}

// seen is whether a record was polled at one of its offsets, where it is at many.
func (p *topicPartition[P, R]) seen(r R) bool {
	return slices.ContainsFunc(p.repeated[r], func(offset uint64) bool {
		g, bit := p.page(offset)
		return g.polled&bit != 0
	})
}

// first is the first known record in a range of offsets that still has to be seen.
func (p *topicPartition[P, R]) first(from, end uint64) (offset uint64, r R, ok bool) {
	from = max(from, p.low)
	if from >= end {
		return 0, r, false
	}
	i, _ := p.find(from / 64)
	for ; i < len(p.pages) && p.pages[i].number <= (end-1)/64; i++ {
		g := p.pages[i]
		if live := g.known &^ g.removed & g.span(from, end); live != 0 {
			return g.number*64 + uint64(bits.TrailingZeros64(live)), g.records[g.rank(live&-live)], true
		}
	}
	return 0, r, false
}

// page is that of an offset, new if need be, and the offset's bit in it.
func (p *topicPartition[P, R]) page(offset uint64) (*topicPage[R], uint64) {
	i, ok := p.find(offset / 64)
	if !ok {
		p.pages = slices.Insert(p.pages, i, &topicPage[R]{number: offset / 64})
	}
	return p.pages[i], 1 << (offset % 64)
}

// find is the place of a page. If none is missing before it, it is where its number says.
func (p *topicPartition[P, R]) find(number uint64) (int, bool) {
	if n := len(p.pages); n > 0 && number >= p.pages[0].number {
		if i := number - p.pages[0].number; i < uint64(n) && p.pages[i].number == number {
			return int(i), true
		}
		if last := p.pages[n-1].number; number >= last { // where a log with gaps mostly grows
			return n - 1 + min(1, int(number-last)), number == last
		}
	}
	return slices.BinarySearchFunc(p.pages, number, func(g *topicPage[R], n uint64) int { return cmp.Compare(g.number, n) })
}

// rank is the place of a bit among those known.
func (g *topicPage[R]) rank(bit uint64) int { return bits.OnesCount64(g.known & (bit - 1)) }

// span is the bits of those offsets that are in a range.
func (g *topicPage[R]) span(from, end uint64) uint64 {
	base, mask := g.number*64, ^uint64(0)
	if from > base {
		mask &= ^uint64(0) << min(from-base, 64)
	}
	if end < base+64 {
		mask &= 1<<(max(end, base)-base) - 1
	}
	return mask
}
