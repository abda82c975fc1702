package olep

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// Streams with state (Noghabi et al., "Samza: Stateful Scalable Stream Processing at LinkedIn", VLDB 2017). Each partition
// has a task, which takes in what comes to the partition, one record after the other. Tasks are spread over workers, as the
// partitions of a consumer group are over its members. The state of a task is a Table, in the memory of its worker; what
// changes in it goes to a changelog, a logical log of the same partition, from which the next worker restores it. The
// changelog holds the task's position, too.

// StreamProcessor is what tasks do with the records of their partition. All that it sets and returns must be a function of
// table and record alone: a record whose outcome was lost is taken in again, and must come to the same.
type StreamProcessor interface {
	// Take takes a record in, and returns what goes to logs. An output for another partition is there at least once, and
	// first appears in the order of what it was made from: its reader must tell by what it says whether it is new.
	Take(env sim.Env, t *Table, partition int, e *Entry) []Output
}

// Guarantee is how often a record changes the state, and how often its outputs are in the task's own partition.
type Guarantee uint8

const (
	// ExactlyOnce writes changes, outputs and position as one batch, which is there as a whole or not at all. Tasks are
	// producers with epochs: a worker that begins a task fences all that had it before.
	ExactlyOnce Guarantee = iota
	// AtLeastOnce writes the changes, then the outputs, then the position. Each is there once, but a worker that begins a task
	// fences none but itself, and after a crash the state may be that of a later position: it changes again.
	AtLeastOnce
)

func (g Guarantee) String() string { return [...]string{"exactly once", "at least once"}[g] }

// StreamConfig is what workers do. Max is how many records share a batch, default 4: with their changes and outputs they
// must fit in one.
type StreamConfig struct {
	ConsumerConfig
	Guarantee Guarantee
	Processor StreamProcessor
	Inputs    []string // the logical logs that it takes in
}

// Changelog is the logical log of a task's changes, in its partition.
const Changelog = "changelog"

// PositionKey is the key of a task's position in its table: the LSN of the record that it takes in next.
const PositionKey = "next"

// Facts of tasks.
type (
	// Restored tells that a worker has the table of a task, from the changelog.
	Restored struct {
		Partition int
		Epoch     uint64 // of the task's producer; 0 if it is the worker's own
		Next      LSN    // the position
		Table     string
	}
	// Computed tells of the table of a task at a position, before it is in the changelog: perhaps it never is.
	Computed struct {
		Partition int
		Next      LSN // the position
		Table     string
	}
)

// worker is a member of the group that tasks are spread over.
type worker struct {
	c      StreamConfig
	member *Consumer
}

// task is one partition's, at a worker. It ends with its first doubt: the next one begins with what is in the changelog.
type task struct {
	c         StreamConfig
	partition int
	writer    *Producer // of batches, and
	outputs   *Producer // of what goes to other partitions
	table     *Table
	next      LSN
}

// Stream is the body of a worker: it does not return.
func Stream(p *sim.Proc, c StreamConfig) {
	if c.Max == 0 {
		c.Max = 4
	}
	if c.Idle == 0 {
		c.Idle = 50 * time.Millisecond
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = 500 * time.Millisecond
	}
	w := &worker{c, &Consumer{asker: newAsker(p, c.ClientConfig), c: c.ConsumerConfig, self: NewSession(p.Env)}}
	for {
		w.work(p, w.member.join(p))
	}
}

// work runs the tasks that are assigned, until they are not any more.
func (w *worker) work(p *sim.Proc, a Assignment) {
	tasks := make([]*task, len(a.Partitions)) // nil: to be restored
	for w.member.assigned(p, &a) {
		idle := true
		for i, partition := range a.Partitions {
			if !w.member.assigned(p, &a) {
				return
			}
			found, ok := false, false
			if t := tasks[i]; t == nil {
				tasks[i], ok = w.restore(p, partition)
			} else if found, ok = t.poll(p); !ok {
				tasks[i] = nil
			}
			if !ok { // perhaps it is not ours any more
				w.member.last = p.Elapsed() - w.c.Heartbeat
			}
			idle = idle && !found
		}
		if idle {
			p.Sleep(w.c.Idle)
		}
	}
}

// restore begins a task. Once the epoch is open nobody else adds to the changelog, so its end is the task's last word.
func (w *worker) restore(p *sim.Proc, partition int) (*task, bool) {
	t := &task{c: w.c, partition: partition, table: NewTable()}
	var e epoch
	if w.c.Guarantee == ExactlyOnce {
		t.outputs = NewProducer(p, "", w.c.ClientConfig)
		t.writer = NewProducer(p, "task "+strconv.Itoa(partition), w.c.ClientConfig)
		if t.writer.open(p, partition, &e, t.writer.deadline(p)) != nil {
			return nil, false
		}
	} else {
		t.outputs = NewProducer(p, fmt.Sprintf("%s for %d", w.member.self, partition), w.c.ClientConfig)
		t.writer = t.outputs
	}
	for from := LSN(1); ; {
		r, err := t.writer.Read(p, partition, Read{From: from, Max: 64, Only: Changelog})
		if err != nil {
			return nil, false
		}
		if len(r.Entries) == 0 {
			break
		}
		for i := range r.Entries {
			t.table.Apply(&r.Entries[i].Record)
		}
		from = r.Next
	}
	t.next = LSN(max(t.table.Int(PositionKey), 1))
	p.Emit(Restored{partition, e.number, t.next, t.table.String()})
	return t, true
}

// poll reads the partition once, and takes in what it finds. ok is false if the task has ended.
func (t *task) poll(p *sim.Proc) (found, ok bool) {
	r, err := t.writer.Read(p, t.partition, Read{From: t.next, Max: 64})
	if err != nil || r.Next == t.next {
		return false, true
	}
	var inputs []Entry
	for _, e := range r.Entries {
		if slices.Contains(t.c.Inputs, e.Log) {
			inputs = append(inputs, e)
		}
	}
	for len(inputs) > 0 {
		n, next := len(inputs), r.Next
		if n > t.c.Max {
			n, next = t.c.Max, inputs[t.c.Max].LSN
		}
		if !t.take(p, inputs[:n], next) {
			return true, false
		}
		inputs = inputs[n:]
	}
	t.next = r.Next
	return true, true
}

// take takes in records, behind which the position is next. False means that it is not known what has become of them.
func (t *task) take(p *sim.Proc, inputs []Entry, next LSN) bool {
	if t.c.Work > 0 {
		p.Sleep(t.c.Work)
	}
	var own []Record // outputs
	others := make([][]Record, t.c.Partitions)
	for i := range inputs {
		for _, o := range t.c.Processor.Take(p, t.table, t.partition, &inputs[i]) {
			if o.Partition == t.partition {
				own = append(own, o.Record)
			} else {
				others[o.Partition] = append(others[o.Partition], o.Record)
			}
		}
	}
	if t.c.Guarantee == AtLeastOnce {
		if !t.append(p, t.writer, t.partition, t.table.Changes(Changelog)) {
			return false
		}
	}
	for partition, records := range others {
		if !t.append(p, t.outputs, partition, records) {
			return false
		}
	}
	if t.c.Guarantee == AtLeastOnce {
		if !t.append(p, t.writer, t.partition, own) {
			return false
		}
		own = nil
	}
	t.table.SetInt(PositionKey, int64(next))
	p.Emit(Computed{t.partition, next, t.table.String()})
	return t.append(p, t.writer, t.partition, append(own, t.table.Changes(Changelog)...))
}

// append appends a batch, if there is anything in it. An epoch that has ended is not opened again: that is for restore.
func (t *task) append(p *sim.Proc, w *Producer, partition int, records []Record) bool {
	if len(records) == 0 {
		return true
	}
	_, err := w.Append(p, partition, records)
	if no, ok := err.(Refusal); ok && no.Why != NotOpen { // nobody has answered
		panic(fmt.Sprintf("olep: what task %d writes is refused: %v", t.partition, no))
	}
	return err == nil
}
