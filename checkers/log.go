package checkers

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seedbed-sim/seedbed/sim"
)

// Log checks what every system with a log promises about it, whatever the system: replicas agree on every record, without
// gaps; acknowledged records are kept, records are logged once, and those of one producer in its order; reads are within
// what is retained, and truncation within what is not needed any more. It is fed while the run happens and is about one
// log; a system with many has a Log for each.
//
// R is a record, in a form that can be compared and printed. Only what is final is told: a replica that may still have to
// replace a record has not appended it yet. Each call is O(1) amortised.
type Log[R comparable] struct {
	agreement  *Property
	noGaps     *Property
	kept       *Property
	once       *Property
	order      *Property
	within     *Property
	truncation *Property // nil: KeepsAll

	options  LogOptions[R]
	records  []source[R]      // by index - options.First: those that some replica has, or had
	replicas []replica        // by id
	at       map[R]uint64     // index of a record's first appearance
	repeats  map[R]bool       // records that may be logged more than once
	last     map[uint64]place // of each producer's records
	early    map[uint64]R     // acknowledged, but not appended by any replica so far
	acked    uint64           // 1 + index of the last acknowledged record; 0: none
	lowWater uint64           // first index that must be retained
}

// LogOptions are a log's conventions and weaker promises.
type LogOptions[R comparable] struct {
	// First is the index of the first record, mostly 0 or 1.
	First uint64

	// Producer returns who made a record, and its place in that producer's order; zero for a record without an order. Nil:
	// no record has one.
	Producer func(r R) (producer, seq uint64)

	// AtLeastOnce allows every record to be logged more than once; without it, only those that MayRepeat names may be. A
	// record's order is that of its first appearance.
	AtLeastOnce bool

	// KeepsAll is for a log that is never truncated, which has nothing to show about it: LowWater and Truncate must not be
	// called.
	KeepsAll bool
}

type source[R comparable] struct {
	record R
	node   sim.NodeID // that appended it first
}

// replica is what a replica has of the log: the indexes from first up to, but not including, end.
type replica struct {
	first, end uint64
	known      bool // false: it has told nothing
}

// place is where a producer's record is in its order, and in the log.
type place struct{ seq, index uint64 }

// NewLog registers the log's properties with the run's set.
func NewLog[R comparable](s *Set, o LogOptions[R]) *Log[R] {
	l := &Log[R]{
		agreement: s.Always("all have the same record at an index"),
		noGaps:    s.Always("a log has no gaps"),
		kept:      s.Always("acknowledged records are kept"),
		once:      s.Always("a record is logged once"),
		order:     s.Always("records keep their producer's order"),
		within:    s.Always("reads are within the retained range"),
		options:   o,
		at:        make(map[R]uint64),
		repeats:   make(map[R]bool),
		last:      make(map[uint64]place),
		early:     make(map[uint64]R),
	}
	if !o.KeepsAll {
		l.truncation = s.Always("truncation stays below the low-water mark")
	}
	l.Reset()
	return l
}

// Reset forgets everything, for the next run. The set is reset by its owner.
func (l *Log[R]) Reset() {
	clear(l.replicas)
	clear(l.at)
	clear(l.repeats)
	clear(l.last)
	clear(l.early)
	l.records, l.acked, l.lowWater = l.records[:0], 0, l.options.First
}

// Append tells that a replica has this record at this index for good. Telling it again is no second record.
func (l *Log[R]) Append(id sim.NodeID, index uint64, r R) {
	p := l.replica(id)
	switch {
	case index < p.first || index > p.end:
		l.noGaps.Violatef("%v appends %v at %d, but has %v", id, r, index, *p)
		return
	case index == p.end:
		p.end++
		l.noGaps.Hold()
	}
	if at := index - l.options.First; at < uint64(len(l.records)) {
		l.agrees(id, index, r)
		return
	}
	l.records = append(l.records, source[R]{r, id})
	if a, ok := l.early[index]; ok {
		delete(l.early, index)
		l.keeps(index, a)
	}
	first, again := l.at[r]
	if !again {
		l.at[r] = index
		l.ordered(index, r)
	}
	if again && !l.options.AtLeastOnce && !l.repeats[r] {
		l.once.Violatef("%v is at %d and at %d", r, first, index)
		return
	}
	l.once.Hold()
}

// Acknowledge tells that a client knows that its record is at this index. What is before it must be kept as well.
func (l *Log[R]) Acknowledge(index uint64, r R) {
	a, known := l.early[index]
	switch {
	case index < l.options.First:
		l.kept.Violatef("%v was acknowledged at %d, but the log begins at %d", r, index, l.options.First)
		return
	case index-l.options.First < uint64(len(l.records)):
		l.keeps(index, r)
	case known && a != r:
		l.kept.Violatef("both %v and %v were acknowledged at %d", a, r, index)
	default:
		l.early[index] = r
	}
	l.acked = max(l.acked, index+1)
}

// Read tells that a replica has given this record to somebody who asked for this index. The replica is sim.Nobody if that
// is not known.
func (l *Log[R]) Read(id sim.NodeID, index uint64, r R) {
	p := replica{l.options.First, l.options.First + uint64(len(l.records)), true}
	if id != sim.Nobody {
		p = *l.replica(id)
	}
	if index < p.first || index >= p.end {
		l.within.Violatef("%v was read at %d, but %v has %v", r, index, name(id), p)
		return
	}
	l.within.Hold()
	l.agrees(id, index, r)
}

// LowWater tells that the records below this index are not needed any more. The mark never goes back.
func (l *Log[R]) LowWater(index uint64) {
	if index < l.lowWater {
		l.truncation.Violatef("the low-water mark goes back from %d to %d", l.lowWater, index)
		return
	}
	l.lowWater = index
}

// Truncate tells that a replica has dropped its records below this index.
func (l *Log[R]) Truncate(id sim.NodeID, first uint64) {
	p := l.replica(id)
	if first > l.lowWater {
		l.truncation.Violatef("%v truncates up to %d, but the records from %d on are still needed", id, first, l.lowWater)
		return
	}
	if first > p.end {
		l.truncation.Violatef("%v truncates up to %d, but has only %v", id, first, *p)
		return
	}
	p.first = max(p.first, first)
	l.truncation.Hold()
}

// Restart tells what a replica still has after a crash, or has got as a snapshot: the records from first up to, but not
// including, end. What else it finds or gets it appends.
func (l *Log[R]) Restart(id sim.NodeID, first, end uint64) {
	p := l.replica(id)
	if behind := l.options.First + uint64(len(l.records)); end > behind || first > end {
		l.noGaps.Violatef("%v has %v, but the log ends at %d", id, replica{first, end, true}, behind)
		return
	}
	p.first, p.end = first, end
}

// MayRepeat tells that a record may be in the log more than once, because its producer could not know better than to send
// it again. It may also be out of its producer's order.
func (l *Log[R]) MayRepeat(r R) { l.repeats[r] = true }

// Quiet tells that nothing is under way any more: each acknowledged record must have been appended by some replica, and
// each of these replicas must have all that it need not have dropped.
func (l *Log[R]) Quiet(ids ...sim.NodeID) {
	if l.acked == 0 {
		return
	}
	index := l.acked - 1
	for _, id := range ids {
		p := l.replica(id)
		if index >= p.end {
			l.kept.Violatef("%v has %v, without %v", id, *p, l.acknowledged(index))
			return
		}
		l.kept.Hold()
	}
	if len(l.early) > 0 {
		index := slices.Sorted(maps.Keys(l.early))[0]
		l.kept.Violatef("%v, which nobody has appended", l.acknowledged(index))
	}
}

// keeps checks that an acknowledged record is where it was said to be.
func (l *Log[R]) keeps(index uint64, r R) {
	s := &l.records[index-l.options.First]
	if s.record != r {
		l.kept.Violatef("%v was acknowledged at %d, where %v has %v", r, index, s.node, s.record)
		return
	}
	l.kept.Hold()
}

// agrees checks that a replica has the same record as all others, and as it had before.
func (l *Log[R]) agrees(id sim.NodeID, index uint64, r R) {
	s := &l.records[index-l.options.First]
	switch {
	case s.record == r:
		l.agreement.Hold()
	case s.node == id && index < l.acked:
		l.kept.Violatef("%v has %v at %d, where it had %v; clients have acknowledgements up to %d", id, r, index, s.record, l.acked-1)
	default:
		l.agreement.Violatef("%v has %v at %d, where %v has %v", name(id), r, index, s.node, s.record)
	}
}

// ordered checks that a record comes after those that its producer made before it.
func (l *Log[R]) ordered(index uint64, r R) {
	if l.options.Producer == nil || l.repeats[r] {
		return
	}
	producer, seq := l.options.Producer(r)
	if producer == 0 {
		return
	}
	before, ok := l.last[producer]
	if ok && seq <= before.seq {
		l.order.Violatef("%v is at %d, behind %v at %d", r, index, l.records[before.index-l.options.First].record, before.index)
		return
	}
	l.last[producer] = place{seq, index}
	l.order.Hold()
}

func (l *Log[R]) acknowledged(index uint64) string {
	if at := index - l.options.First; at < uint64(len(l.records)) {
		return fmt.Sprintf("%v, acknowledged at %d", l.records[at].record, index)
	}
	return fmt.Sprintf("%v, acknowledged at %d", l.early[index], index)
}

// name is a replica's name, if it is known.
func name(id sim.NodeID) string {
	if id == sim.Nobody {
		return "somebody"
	}
	return id.String()
}

func (l *Log[R]) replica(id sim.NodeID) *replica {
	for int(id) >= len(l.replicas) {
		l.replicas = append(l.replicas, replica{})
	}
	p := &l.replicas[id]
	if !p.known {
		*p = replica{l.options.First, l.options.First, true}
	}
	return p
}

func (p replica) String() string {
	if p.first == p.end {
		return fmt.Sprintf("nothing before %d", p.end)
	}
	return fmt.Sprintf("%d to %d", p.first, p.end-1)
}
