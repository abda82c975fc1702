package scenarios

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/models/raft"
	"github.com/seedbed-sim/seedbed/sim"
)

// olepCheck compares the facts of a log service with what it promises: its clients see no anomaly (Topic), its brokers agree
// (Log), and what goes is what may go.
type olepCheck struct {
	c     olepChoice
	parts []olepPart
	topic *checkers.Topic[int, string]
	poll  []checkers.Polled[string] // what is told to topic

	definite *checkers.Property // what is refused
	gaps     *checkers.Property
	latest   *checkers.Property
	tombs    *checkers.Property
	leaves   *checkers.Property
	readers  *checkers.Property
	clock    *checkers.Property
	position *checkers.Property
	forward  *checkers.Property
	behind   *checkers.Property
	present  *checkers.Property
	unsure   *checkers.Property

	told      map[olepReader]int // how many facts of a machine a broker has told since it booted,
	most      map[int]int        // and the most that one has
	assigned  [][]offsets        // by generation and partition
	owners    map[olepOwned]sim.NodeID
	positions map[olepReader]olep.LSN
}

// offsets are those that a generation may begin at: what was committed when it began, and what it has committed since.
type offsets []olep.LSN

// olepReader is a consumer in one partition.
type olepReader struct {
	node      sim.NodeID
	partition int
}

// olepOwned is a partition in one generation.
type olepOwned struct {
	generation uint64
	partition  int
}

// olepPart is what is known of a partition.
type olepPart struct {
	log       *checkers.Log[string]
	entries   []olepEntry // by LSN - 1: all that there ever were
	bytes     int         // of those that are neither below low nor dropped
	low       olep.LSN
	clean     olep.LSN // records below this have been through a compaction
	latest    map[olepName]olep.LSN
	committed olep.LSN
	reached   olep.LSN // where a consumer has come to, in this generation
	processed olep.LSN // all below were processed, or are gone
}

type olepName struct{ log, key string }

type olepEntry struct {
	olep.Entry
	seen    bool       // by the group
	dropped bool       // by compaction
	kept    bool       // a tombstone: by a compaction,
	since   clock.Time // the first of which was then
}

func watchOlep(r *Run, c olepChoice) *olepCheck {
	k := &olepCheck{
		c:         c,
		topic:     checkers.NewTopic[int](r.Checks, checkers.TopicOptions[string]{First: 1, Producer: olepProducer}),
		definite:  r.Checks.Always("what is refused leaves no trace"),
		gaps:      r.Checks.Always("reads leave out only what compaction has dropped"),
		latest:    r.Checks.Always("compaction keeps the last record of a key"),
		tombs:     r.Checks.Always("a tombstone is kept for a while"),
		leaves:    r.Checks.Always("compaction leaves nothing that has had its time"),
		clock:     r.Checks.Always("a partition's clock never goes back"),
		readers:   r.Checks.Always("a partition has one reader in a generation"),
		position:  r.Checks.Always("consumers go back only to what is committed"),
		forward:   r.Checks.Always("committed offsets never go back"),
		behind:    r.Checks.Always("what is committed was processed"),
		present:   r.Checks.Always("only the present generation commits"),
		unsure:    r.Checks.Sometimes("a producer gave up"),
		told:      make(map[olepReader]int),
		most:      make(map[int]int),
		assigned:  make([][]offsets, 1),
		owners:    make(map[olepOwned]sim.NodeID),
		positions: make(map[olepReader]olep.LSN),
	}
	for i := range c.broker.Partitions {
		k.topic.Commit(c.consumer.Group, i, 1) // where a group begins
		k.parts = append(k.parts, olepPart{
			log: checkers.NewLog(r.Checks, checkers.LogOptions[string]{First: 1, Producer: olepProducer}),
			low: 1, clean: 1, committed: 1, reached: 1, processed: 1, latest: make(map[olepName]olep.LSN),
		})
	}
	duplicate := r.Checks.Sometimes("a duplicate was suppressed")
	fenced := r.Checks.Sometimes("a producer was fenced")
	inFlight := r.Checks.Sometimes("a partition was rebalanced with records in flight")
	collected := r.Checks.Sometimes("a tombstone was collected")
	trimmed := r.Checks.Sometimes("a read was below the low-water mark")
	skipped := r.Checks.Sometimes("a group was too slow for retention")
	refused := r.Checks.Sometimes("a commit of an old generation was refused")
	halted := r.Checks.Sometimes("a disk error stopped a log")
	r.World.Watch(func(s *sim.Step) {
		switch f := s.Payload.(type) {
		case olep.Booted:
			for i := range k.parts {
				k.parts[i].log.Restart(s.Node, 1, 1)
				delete(k.told, olepReader{s.Node, i})
			}
			delete(k.told, olepReader{s.Node, olep.Coordinator})
		case sim.Scoped:
			switch f.Inner.(type) {
			case olep.Stopped, raft.Stopped:
				halted.Hold()
			}
		case olep.Appended:
			r.Contents.Add("records appended", int64(k.appended(s.Node, f)))
		case olep.Acknowledged:
			for i := range f.Records {
				lsn, text := uint64(f.First)+uint64(i), olepText(&f.Records[i])
				k.topic.Acknowledge(f.Partition, lsn, text)
				k.parts[f.Partition].log.Acknowledge(lsn, text)
			}
		case olep.Truncated:
			k.truncated(s.Node, f)
		case olep.Compacted:
			if k.news(s.Node, f.Partition) && k.compacted(f) {
				collected.Hold()
			}
		case olep.Assigned:
			k.assign(s.Node, f)
		case olep.Revoked:
			for i := range k.parts {
				k.topic.Revoke(s.Node, i)
			}
		case olep.Skipped:
			k.moves(s.Node, f.Partition, f.From, f.To)
			skipped.Hold()
		case olep.Delivered:
			r.Contents.Add("records processed", int64(len(f.Entries)))
			k.delivered(s.Node, f)
		case olep.OffsetCommitted:
			if k.news(s.Node, olep.Coordinator) {
				k.commits(f)
			}
		case olep.Rebalanced:
			if k.news(s.Node, olep.Coordinator) {
				r.Contents.Add("rebalances", 1)
				if k.rebalanced(f) {
					inFlight.Hold()
				}
			}
		case olep.DuplicateSuppressed:
			duplicate.Hold()
		case olep.ProducerFenced:
			fenced.Hold()
		case olep.ReadTrimmed:
			trimmed.Hold()
		case olep.CommitRefused:
			refused.Hold()
		}
	})
	return k
}

// news reports whether a broker tells of a command that none has told of. Those that have a machine tell the same, in one
// order, from its first command on.
func (k *olepCheck) news(id sim.NodeID, part int) bool {
	k.told[olepReader{id, part}]++
	told := k.told[olepReader{id, part}]
	if told <= k.most[part] {
		return false
	}
	k.most[part] = told
	return true
}

// olepText is what the log family knows a record by.
func olepText(r *olep.Record) string {
	if r.Tombstone {
		return "deleted " + r.Log + "/" + r.Key
	}
	return r.Value
}

func (k *olepCheck) appended(id sim.NodeID, f olep.Appended) (fresh int) {
	part := &k.parts[f.Partition]
	news := k.news(id, f.Partition)
	for i := range f.Entries {
		e := &f.Entries[i]
		part.log.Append(id, uint64(e.LSN), olepText(&e.Record))
		if !news || e.LSN != olep.LSN(len(part.entries))+1 {
			continue
		}
		fresh++
		k.topic.Append(f.Partition, uint64(e.LSN), olepText(&e.Record))
		if n := len(part.entries); n > 0 {
			before := &part.entries[n-1]
			k.clock.Check(before.At <= e.At, func() string {
				return fmt.Sprintf("%s of partition %d is from %s, and %s before it from %s", e, f.Partition, e.At, before, before.At)
			})
		}
		part.entries = append(part.entries, olepEntry{Entry: *e})
		part.bytes += olepSize(e)
		if e.Key != "" && k.c.broker.Partition.Compact > 0 {
			part.latest[olepName{e.Log, e.Key}] = e.LSN
		}
		if strings.HasPrefix(e.Value, "wrong") {
			k.definite.Violatef("%s was refused, and is in partition %d", e, f.Partition)
		}
	}
	return fresh
}

func olepSize(e *olep.Entry) int { return len(e.Log) + len(e.Key) + len(e.Value) }

// truncated checks that what is gone was too old or too much.
func (k *olepCheck) truncated(id sim.NodeID, f olep.Truncated) {
	part, c := &k.parts[f.Partition], k.c.broker.Partition
	if k.news(id, f.Partition) {
		mark, bytes := part.low, part.bytes
		for ; mark <= olep.LSN(len(part.entries)); mark++ {
			e := &part.entries[mark-1]
			if e.dropped {
				continue
			}
			if old := c.Retain > 0 && f.At.Sub(e.At) > c.Retain; !old && (c.RetainSize == 0 || bytes <= c.RetainSize) {
				break
			}
			bytes -= olepSize(&e.Entry)
		}
		part.log.LowWater(uint64(mark))
		k.topic.LowWater(f.Partition, uint64(min(mark, f.Low)))
		for ; part.low < f.Low && part.low <= olep.LSN(len(part.entries)); part.low++ {
			if e := &part.entries[part.low-1]; !e.dropped {
				part.bytes -= olepSize(&e.Entry)
			}
		}
	}
	part.log.Truncate(id, uint64(f.Low))
}

// compacted checks what was dropped, and reports whether tombstones were.
func (k *olepCheck) compacted(f olep.Compacted) (tombstones bool) {
	part := &k.parts[f.Partition]
	for _, lsn := range f.Dropped {
		if lsn > olep.LSN(len(part.entries)) {
			k.latest.Violatef("partition %d drops %d, but has %d records", f.Partition, lsn, len(part.entries))
			return false
		}
		e := &part.entries[lsn-1]
		later := part.latest[olepName{e.Log, e.Key}] > lsn
		switch {
		case e.Key == "" || !later && !e.Tombstone:
			k.latest.Violatef("partition %d drops %s, the last of its key", f.Partition, e)
			return false
		case later:
			k.latest.Hold()
		case !e.kept || f.At.Sub(e.since) < k.c.broker.Partition.Tombstones:
			k.tombs.Violatef("partition %d drops %s at %s; a compaction has kept it: %t, first at %s; from then on it stays for %v",
				f.Partition, e, f.At, e.kept, e.since, k.c.broker.Partition.Tombstones)
			return false
		default:
			k.tombs.Hold()
			tombstones = true
		}
		e.dropped = true
		k.topic.Removed(f.Partition, uint64(lsn))
		part.bytes -= olepSize(&e.Entry)
	}
	for lsn := part.low; lsn < f.End && lsn <= olep.LSN(len(part.entries)); lsn++ {
		e := &part.entries[lsn-1]
		if e.Key == "" || e.dropped {
			continue
		}
		if e.Tombstone && !e.kept {
			e.kept, e.since = true, f.At
		}
		past := e.kept && f.At.Sub(e.since) > k.c.broker.Partition.Tombstones
		k.leaves.Check(part.latest[olepName{e.Log, e.Key}] == lsn && !past, func() string {
			return fmt.Sprintf("partition %d was compacted up to %d at %s, and still has %s; a tombstone since %s: %t",
				f.Partition, f.End, f.At, e, e.since, e.kept)
		})
	}
	part.clean = max(part.clean, f.End)
	return tombstones
}

// gone is how far retention and compaction have come.
func (k *olepCheck) gone() (progress uint64) {
	for i := range k.parts {
		progress += uint64(k.parts[i].low + k.parts[i].clean)
	}
	return progress
}

// overdue says what retention or compaction has still to do: nothing, if no record comes for a while.
func (k *olepCheck) overdue() string {
	c := k.c.broker.Partition
	for i := range k.parts {
		part := &k.parts[i]
		end := olep.LSN(len(part.entries))
		if c.RetainSize > 0 && part.bytes > c.RetainSize {
			return fmt.Sprintf("partition %d has %d bytes, and must not have more than %d", i, part.bytes, c.RetainSize)
		}
		if since := end + 1 - max(part.clean, part.low); c.Compact > 0 && since >= olep.LSN(c.Compact) {
			return fmt.Sprintf("%d records of partition %d wait for a compaction", since, i)
		}
		for lsn := part.low; c.Retain > 0 && lsn < end; lsn++ {
			if e := &part.entries[lsn-1]; !e.dropped && part.entries[end-1].At.Sub(e.At) > c.Retain {
				return fmt.Sprintf("%s is from %s, and partition %d goes on at %s", e, e.At, i, part.entries[end-1].At)
			}
		}
	}
	return ""
}

// reads checks what somebody has read; only is of one logical log.
func (k *olepCheck) reads(partition int, r olep.Records, only string) {
	part := &k.parts[partition]
	lsn := r.From
	missing := func(end olep.LSN) {
		for ; lsn < end; lsn++ {
			if lsn > olep.LSN(len(part.entries)) {
				return // the log family sees to that
			}
			if e := &part.entries[lsn-1]; !e.dropped && (only == "" || e.Log == only) {
				k.gaps.Violatef("a read of partition %d from %d to %d leaves out %s", partition, r.From, r.Next, e)
			}
		}
	}
	for i := range r.Entries {
		e := &r.Entries[i]
		part.log.Read(sim.Nobody, uint64(e.LSN), olepText(&e.Record))
		missing(e.LSN)
		lsn = e.LSN + 1
	}
	missing(r.Next)
	k.gaps.Hold()
}

func (k *olepCheck) assign(id sim.NodeID, f olep.Assigned) {
	if f.Generation >= uint64(len(k.assigned)) || k.assigned[f.Generation] == nil {
		k.position.Violatef("nobody has told of generation %d", f.Generation)
		return
	}
	at := k.assigned[f.Generation][f.Partition]
	k.position.Check(slices.Contains(at, f.Offset), func() string {
		return fmt.Sprintf("%s goes on at %d of partition %d in generation %d, where %d were committed",
			id, f.Offset, f.Partition, f.Generation, at)
	})
	k.positions[olepReader{id, f.Partition}] = f.Offset
	if f.Generation == uint64(len(k.assigned)-1) {
		k.topic.Assign(id, f.Group, f.Partition)
	} else { // there is a later one, which may have committed more
		k.topic.Seek(id, f.Partition, uint64(f.Offset))
	}
	owned := olepOwned{f.Generation, f.Partition}
	owner, known := k.owners[owned]
	k.readers.Check(!known || owner == id, func() string {
		return fmt.Sprintf("%s reads partition %d in generation %d, and so does %s", id, f.Partition, f.Generation, owner)
	})
	k.owners[owned] = id
}

// moves checks that a consumer goes on where it was.
func (k *olepCheck) moves(id sim.NodeID, partition int, from, to olep.LSN) {
	reader := olepReader{id, partition}
	at := k.positions[reader]
	k.position.Check(at == from && to > from, func() string {
		return fmt.Sprintf("%s reads partition %d from %d to %d, but was at %d", id, partition, from, to, at)
	})
	k.positions[reader] = to
	if part := &k.parts[partition]; to > part.reached {
		part.reached = to
	}
}

func (k *olepCheck) delivered(id sim.NodeID, f olep.Delivered) {
	k.poll = k.poll[:0]
	for i := range f.Entries {
		e := &f.Entries[i]
		k.poll = append(k.poll, checkers.Polled[string]{Offset: uint64(e.LSN), Record: olepText(&e.Record)})
	}
	k.topic.Poll(id, f.Partition, k.poll...)
	k.moves(id, f.Partition, f.From, f.Next)
	k.reads(f.Partition, f.Records, "")
	part := &k.parts[f.Partition]
	for i := range f.Entries {
		if lsn := f.Entries[i].LSN; lsn <= olep.LSN(len(part.entries)) {
			part.entries[lsn-1].seen = true
		}
	}
}

func (k *olepCheck) commits(f olep.OffsetCommitted) {
	part := &k.parts[f.Partition]
	k.forward.Check(f.Offset > part.committed, func() string {
		return fmt.Sprintf("generation %d commits %d of partition %d, where %d was committed",
			f.Generation, f.Offset, f.Partition, part.committed)
	})
	k.present.Check(f.Generation == uint64(len(k.assigned)-1), func() string {
		return fmt.Sprintf("generation %d commits %d of partition %d, in generation %d",
			f.Generation, f.Offset, f.Partition, len(k.assigned)-1)
	})
	part.committed = f.Offset
	k.topic.Commit(f.Group, f.Partition, uint64(f.Offset))
	if begin := k.assigned[f.Generation]; begin != nil {
		begin[f.Partition] = append(begin[f.Partition], f.Offset)
	}
	part.advance()
	k.behind.Check(part.processed >= f.Offset, func() string {
		return fmt.Sprintf("%d of partition %d is committed, but those from %d on, of %d, were not processed",
			f.Offset, f.Partition, part.processed, len(part.entries))
	})
}

// rebalanced takes down what is committed, and reports whether consumers had come further.
func (k *olepCheck) rebalanced(f olep.Rebalanced) (inFlight bool) {
	begin := make([]offsets, len(k.parts))
	for i := range k.parts {
		part := &k.parts[i]
		begin[i] = offsets{part.committed}
		inFlight = inFlight || part.reached > part.committed
		part.reached = part.committed
	}
	for uint64(len(k.assigned)) <= f.Generation {
		k.assigned = append(k.assigned, nil)
	}
	k.assigned[f.Generation] = begin
	return inFlight
}

// advance moves processed on.
func (p *olepPart) advance() {
	for ; p.processed <= olep.LSN(len(p.entries)); p.processed++ {
		if e := &p.entries[p.processed-1]; !e.seen && !e.dropped && e.LSN >= p.low {
			return
		}
	}
}

// missing counts the records that no consumer has processed, and that are still there.
func (p *olepPart) missing() (n int) {
	p.advance()
	for lsn := p.processed; lsn <= olep.LSN(len(p.entries)); lsn++ {
		if e := &p.entries[lsn-1]; !e.seen && !e.dropped && e.LSN >= p.low {
			n++
		}
	}
	return n
}

func (k *olepCheck) waiting() string {
	var text []string
	for i := range k.parts {
		if n := k.parts[i].missing(); n > 0 {
			first := k.parts[i].entries[k.parts[i].processed-1]
			text = append(text, fmt.Sprintf("nobody has processed %d records of partition %d, from %s on", n, i, first))
		}
	}
	if len(text) == 0 {
		return "producers are not done"
	}
	return strings.Join(text, "; ")
}

// append appends a batch, and notes how that ended. A producer that is not idempotent may append its records again.
func (k *olepCheck) append(p *sim.Proc, w *olep.Producer, again bool, op OlepOp) {
	for i := range op.Records {
		if again || op.Records[i].Tombstone {
			k.parts[op.Partition].log.MayRepeat(olepText(&op.Records[i]))
			k.topic.MayRepeat(op.Partition, olepText(&op.Records[i]))
		}
	}
	call := p.Op(op)
	lsn, err := w.Append(p, op.Partition, op.Records)
	switch {
	case err == nil:
		call.OK(lsn)
	case errors.Is(err, olep.ErrUnsure):
		k.unsure.Hold()
		call.Info()
	default:
		call.Fail()
		k.abort(op.Partition, op.Records)
		if no := err.(olep.Refusal); no.Why != olep.NotOpen {
			k.definite.Violatef("%s was refused: %s", op, no)
		}
	}
}

// abort tells that records are not in a partition, and never will be. A tombstone is like any other of its key.
func (k *olepCheck) abort(partition int, records []olep.Record) {
	for i := range records {
		if !records[i].Tombstone {
			k.topic.Abort(partition, olepText(&records[i]))
		}
	}
}

func (k *olepCheck) read(p *sim.Proc, w *olep.Producer, op OlepOp, filter bool) {
	only := ""
	if filter {
		only = "y"
	}
	call := p.Op(op)
	records, err := w.Read(p, op.Partition, olep.Read{From: op.From, Max: 10, Only: only})
	no, refused := err.(olep.Refusal)
	switch {
	case !refused:
		k.reads(op.Partition, records, only)
		call.OK(records.Next)
	case no.Why == olep.NotLeader:
		call.Fail()
	default:
		call.OK(no)
		right := no.Why == olep.Trimmed && uint64(op.From) < no.Hint || no.Why == olep.BeyondEnd && uint64(op.From) > no.Hint
		k.definite.Check(right, func() string { return fmt.Sprintf("%s was refused: %s", op, no) })
	}
}

// refuse asks for something that must be refused, and is told why.
func (k *olepCheck) refuse(p *sim.Proc, w *olep.Producer, wrong string, partition, i int) {
	op := OlepOp{Kind: "refuse " + wrong, Partition: partition}
	call := p.Op(op)
	value := fmt.Sprintf("wrong %d.%d", p.ID(), i)
	records := []olep.Record{{Log: "x", Value: value}}
	want := olep.Malformed
	switch wrong {
	case "size":
		records[0].Value, want = value+strings.Repeat(".", 2000), olep.TooLarge
	case "batch":
		want = olep.TooLarge
		for range 16 {
			records = append(records, records[0])
		}
	case "tombstone":
		records[0].Key, records[0].Tombstone = "a", true
	case "empty":
		records = nil
	case "partition":
		partition, want = 99, olep.UnknownPartition
	}
	var err error
	if wrong == "beyond" {
		want = olep.BeyondEnd
		_, err = w.Read(p, partition, olep.Read{From: 1 << 40, Max: 1})
	} else {
		_, err = w.Append(p, partition, records)
	}
	no, ok := err.(olep.Refusal)
	switch {
	case ok && no.Why == want:
		call.OK(no)
		k.definite.Hold()
		k.abort(partition, records)
	case ok && (no.Why == olep.NotLeader || no.Why == olep.NotOpen): // nobody has answered
		call.Fail()
	default:
		call.Info()
		if !errors.Is(err, olep.ErrUnsure) {
			k.definite.Violatef("%s must be refused, since: %s; but: %v", op, want, err)
		}
	}
}

// judgeOlep asks a single copy for all that was acknowledged; of several, somebody has it. The group has seen it all.
func judgeOlep(r *Run) {
	k := r.State.(*olepCheck)
	k.topic.Quiet()
	for i := range k.parts {
		if k.c.broker.Log == nil {
			k.parts[i].log.Quiet(k.c.broker.Hosts(i)...)
		} else {
			k.parts[i].log.Quiet()
		}
	}
}

// viewsOlep are what compaction keeps of partitions: the last of each key.
func viewsOlep(r *Run) (views []View) {
	parts := r.State.(*olepCheck).parts
	all := make(olepLogs, len(parts))
	for i := range parts {
		for j := range parts[i].entries {
			all[i] = append(all[i], parts[i].entries[j].Entry)
		}
		views = append(views, all.view("latest", i, "the last value of each key", func(through olep.LSN) []olep.Pair {
			return pairs(latest(all[i][:through]))
		}))
	}
	return views
}

// latest has the last value of each key, by its logical log.
func latest(entries []olep.Entry) map[string]string {
	table := make(map[string]string)
	for i := range entries {
		switch e := &entries[i]; {
		case e.Tombstone:
			delete(table, e.Log+"/"+e.Key)
		case e.Key != "":
			table[e.Log+"/"+e.Key] = e.Value
		}
	}
	return table
}
