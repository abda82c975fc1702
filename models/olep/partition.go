package olep

import (
	"slices"
	"sort"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// PartitionConfig is what a deployment chooses for its partitions. Zero limits nothing.
type PartitionConfig struct {
	MaxRecord  int           // bytes of one record; default 1 KiB
	MaxBatch   int           // records of one Append; default 16
	Retain     time.Duration // records that are older can go
	RetainSize int           // the oldest records can go while there are more bytes than this
	Compact    int           // compact when this many records have come since the last time
	Tombstones time.Duration // how long a compaction keeps a tombstone after the first; default 1 s
}

func (c PartitionConfig) withDefaults() PartitionConfig {
	if c.MaxRecord == 0 {
		c.MaxRecord = 1 << 10
	}
	if c.MaxBatch == 0 {
		c.MaxBatch = 16
	}
	if c.Tombstones == 0 {
		c.Tombstones = time.Second
	}
	return c
}

// Partition is a log of records, as a deterministic state machine: what it is depends on the commands that were applied,
// in their order, and on nothing else.
type Partition struct {
	c         PartitionConfig
	number    int
	clock     clock.Time // the latest that a command came with
	low       LSN        // the low-water mark: no record below it can be read
	next      LSN        // of the next record
	entries   []Entry    // from low on, ascending. No element is ever overwritten: readers share them
	bytes     int        // of entries
	clean     LSN        // records below this have been through a compaction
	producers map[string]producer
}

// producer is what a partition remembers of an idempotent producer.
type producer struct {
	epoch uint64 // that is open; 0: none
	by    Session
	next  uint64 // the sequence number that is due
	last  uint64 // the sequence number of the last batch, which ended before next,
	first LSN    // and where it is; 0 for none
}

// NewPartition returns an empty partition. Its facts tell its number.
func NewPartition(number int, c PartitionConfig) *Partition {
	return &Partition{c: c.withDefaults(), number: number, low: 1, next: 1, clean: 1, producers: make(map[string]producer)}
}

// Low is the low-water mark: the first LSN that can be read, whether or not compaction has dropped it.
func (p *Partition) Low() LSN { return p.low }

// Next is the LSN of the next record.
func (p *Partition) Next() LSN { return p.next }

// Apply carries out a command. A refusal leaves everything but the clock as it is. The result is the LSN of the first
// record for an Append, the Epoch for an Open. The fact, unless nil, tells what has changed.
func (p *Partition) Apply(at clock.Time, cmd Command) (result any, fact sim.Fact, no Refusal) {
	p.clock = max(p.clock, at)
	switch c := cmd.(type) {
	case *Append:
		first, fact, no := p.append(c)
		return first, fact, no
	case Open:
		fact, no := p.open(c)
		return c.Epoch, fact, no
	case Trim:
		return nil, p.trim(), Refusal{}
	case Compact:
		return nil, p.compact(), Refusal{}
	default:
		return nil, nil, Refusal{Why: Malformed}
	}
}

// Check refuses what no state of the partition would accept.
func (p *Partition) Check(cmd Command) Refusal {
	c, ok := cmd.(*Append)
	switch {
	case !ok:
		return Refusal{}
	case len(c.Records) == 0:
		return Refusal{Why: Malformed}
	case len(c.Records) > p.c.MaxBatch:
		return Refusal{TooLarge, uint64(p.c.MaxBatch)}
	}
	for i := range c.Records {
		r := &c.Records[i]
		if r.size() > p.c.MaxRecord {
			return Refusal{TooLarge, uint64(p.c.MaxRecord)}
		}
		if r.Tombstone && (r.Key == "" || r.Value != "") {
			return Refusal{Why: Malformed}
		}
	}
	return Refusal{}
}

func (p *Partition) append(c *Append) (LSN, sim.Fact, Refusal) {
	if no := p.Check(c); no.Why != Accepted {
		return 0, nil, no
	}
	n := uint64(len(c.Records))
	if c.Producer != "" {
		q := p.producers[c.Producer]
		switch {
		case c.Epoch < q.epoch:
			return 0, ProducerFenced{p.number, c.Producer, c.Epoch, q.epoch}, Refusal{Fenced, q.epoch}
		case c.Epoch > q.epoch || q.epoch == 0:
			return 0, nil, Refusal{NotOpen, q.epoch}
		case q.first != 0 && c.Seq == q.last && c.Seq+n == q.next:
			return q.first, DuplicateSuppressed{p.number, c.Producer, c.Epoch, c.Seq, q.first}, Refusal{}
		case c.Seq < q.next:
			return 0, nil, Refusal{OutOfSequence, q.next}
		case c.Seq > q.next:
			return 0, nil, Refusal{SequenceGap, q.next}
		}
		q.last, q.next, q.first = c.Seq, c.Seq+n, p.next
		p.producers[c.Producer] = q
	}
	first, from := p.next, len(p.entries)
	for i := range c.Records {
		p.entries = append(p.entries, Entry{LSN: p.next, At: p.clock, Record: c.Records[i]})
		p.bytes += c.Records[i].size()
		p.next++
	}
	return first, Appended{p.number, p.entries[from:len(p.entries):len(p.entries)]}, Refusal{}
}

func (p *Partition) open(c Open) (sim.Fact, Refusal) {
	q := p.producers[c.Producer]
	switch {
	case c.Producer == "" || c.Epoch == 0:
		return nil, Refusal{Why: Malformed}
	case c.Epoch == q.epoch && c.By == q.by:
		return nil, Refusal{}
	case c.Epoch != q.epoch+1:
		return nil, Refusal{Fenced, q.epoch}
	}
	p.producers[c.Producer] = producer{epoch: c.Epoch, by: c.By}
	return ProducerOpened{p.number, c.Producer, c.Epoch, c.By}, Refusal{}
}

// Trimmable reports whether a Trim at this time would drop anything.
func (p *Partition) Trimmable(at clock.Time) bool {
	_, n := p.mark(max(p.clock, at))
	return n > 0
}

// mark is where retention would have the low-water mark, and how many entries are below.
func (p *Partition) mark(now clock.Time) (low LSN, n int) {
	low = p.low
	bytes := p.bytes
	for ; n < len(p.entries); n++ {
		e := &p.entries[n]
		old := p.c.Retain > 0 && now.Sub(e.At) > p.c.Retain
		much := p.c.RetainSize > 0 && bytes > p.c.RetainSize
		if !old && !much {
			break
		}
		bytes -= e.size()
		low = e.LSN + 1
	}
	return low, n
}

func (p *Partition) trim() sim.Fact {
	low, n := p.mark(p.clock)
	if n == 0 {
		return nil
	}
	for i := range p.entries[:n] {
		p.bytes -= p.entries[i].size()
	}
	p.low, p.entries = low, p.entries[n:]
	p.clean = max(p.clean, low)
	return Truncated{p.number, low, p.clock}
}

// Compactable reports whether it is time for a Compact.
func (p *Partition) Compactable() bool {
	return p.c.Compact > 0 && uint64(p.next-p.clean) >= uint64(p.c.Compact)
}

// name is whose value a record is.
type name struct{ log, key string }

// compact drops each record that has a later one of its key, and tombstones whose horizon is past. The last record keeps
// its number, so no number is given twice.
func (p *Partition) compact() sim.Fact {
	last := make(map[name]LSN)
	for i := range p.entries {
		if e := &p.entries[i]; e.Key != "" {
			last[name{e.Log, e.Key}] = e.LSN
		}
	}
	kept := make([]Entry, 0, len(p.entries))
	var dropped []LSN
	for _, e := range p.entries {
		replaced := e.Key != "" && last[name{e.Log, e.Key}] != e.LSN
		past := e.Tombstone && e.Horizon != 0 && p.clock > e.Horizon
		if replaced || past {
			dropped = append(dropped, e.LSN)
			p.bytes -= e.size()
			continue
		}
		if e.Tombstone && e.Horizon == 0 {
			e.Horizon = p.clock.Add(p.c.Tombstones)
		}
		kept = append(kept, e)
	}
	p.entries, p.clean = kept, p.next
	return Compacted{p.number, p.next, p.clock, dropped}
}

// Records are what a read gives: those that are there from an LSN on, and where to go on.
type Records struct {
	From    LSN
	Next    LSN // > From, unless From is the end
	Entries []Entry
}

// Read returns up to max entries of a logical log from this LSN on; those of all, if only is empty.
func (p *Partition) Read(from LSN, max int, only string) (Records, Refusal) {
	switch {
	case from < p.low:
		return Records{}, Refusal{Trimmed, uint64(p.low)}
	case from > p.next:
		return Records{}, Refusal{BeyondEnd, uint64(p.next)}
	}
	i := sort.Search(len(p.entries), func(i int) bool { return p.entries[i].LSN >= from })
	rest := p.entries[i:]
	if only == "" {
		n := min(max, len(rest))
		r := Records{From: from, Next: p.next, Entries: rest[:n:n]}
		if n < len(rest) {
			r.Next = rest[n].LSN
		}
		return r, Refusal{}
	}
	r := Records{From: from, Next: p.next}
	for i := range rest {
		if rest[i].Log != only {
			continue
		}
		if len(r.Entries) == max {
			r.Next = rest[i].LSN
			break
		}
		r.Entries = append(r.Entries, rest[i])
	}
	return r, Refusal{}
}

// PartitionState is what a reader sees of a partition.
type PartitionState struct {
	Low, Next LSN
	Records   int
	Bytes     int
	Producers int
}

// State returns what a reader sees.
func (p *Partition) State() PartitionState {
	return PartitionState{p.low, p.next, len(p.entries), p.bytes, len(p.producers)}
}

// Entries returns all that can be read.
func (p *Partition) Entries() []Entry { return slices.Clip(p.entries) }
