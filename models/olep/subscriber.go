package olep

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// Processor is what a subscriber does with the records of its partition, one after the other. All that it sets, emits and
// returns must be a function of the store and the record alone: a record is processed again after a crash, and must come
// to the same.
type Processor interface {
	// Process takes a record in. What it returns goes to other logs, at least once. An error says that the record is poison:
	// it is skipped, unless the error is ErrStuck, and must have set nothing.
	Process(env sim.Env, s *Store, e Entry) ([]Output, error)
}

// Output is a record for a log.
type Output struct {
	Partition int
	Record    Record
}

// Checkpoint is when a subscriber writes down how far it has come. Either way each record is processed at least once, and
// its outputs are in their logs at least once before the checkpoint passes it.
type Checkpoint uint8

const (
	// Atomic writes the checkpoint in the transaction of the state, behind the outputs: a record changes the state once, and
	// a crash may repeat its outputs.
	Atomic Checkpoint = iota
	// Separate writes the state, then the outputs, then the checkpoint: a crash repeats any of them, so that the state must
	// tell what it has seen, by the record's own id.
	Separate
)

func (c Checkpoint) String() string { return [...]string{"atomic", "separate"}[c] }

// SubscriberConfig is what a subscriber follows, and how.
type SubscriberConfig struct {
	ClientConfig
	Name       string // in facts
	Partition  int
	Only       string // the logical log that it follows; empty: all
	Processor  Processor
	Version    int // of the processor: a state that another has made is made anew
	Checkpoint Checkpoint
	Max        int           // records of one read; default 16
	Work       time.Duration // that a record takes
	Idle       time.Duration // between reads that find nothing; default 50 ms
	After      time.Duration // on the monotonic clock: it begins then
}

func (c SubscriberConfig) withDefaults() SubscriberConfig {
	c.ClientConfig = c.ClientConfig.withDefaults()
	if c.Max == 0 {
		c.Max = 16
	}
	if c.Idle == 0 {
		c.Idle = 50 * time.Millisecond
	}
	return c
}

// Facts of subscribers.
type (
	// Resumed tells that a subscriber begins, behind its checkpoint.
	Resumed struct {
		Name      string
		Partition int
		From      LSN
	}
	// Poisoned tells that a record was skipped. It is told once, unless a crash comes before it is written down.
	Poisoned struct {
		Name      string
		Partition int
		LSN       LSN
		Why       string
	}
	// Stuck tells that a subscriber cannot get past a record. It is told once in each incarnation.
	Stuck struct {
		Name      string
		Partition int
		LSN       LSN
		Why       string
	}
	// Jumped tells that a subscriber goes on at the low-water mark, since what it was to read, from From on, is gone.
	Jumped struct {
		Name      string
		Partition int
		From, To  LSN
	}
	// Halted tells that the disk has stopped a subscriber, until its next boot.
	Halted struct {
		Name string
		Why  string
	}
)

// subscriber is a node that follows a partition.
type subscriber struct {
	c          SubscriberConfig
	store      *Store
	checkpoint *Store // the store itself, if Atomic
	writer     *Producer
	stuck      LSN      // where it has told that it is; 0: nowhere
	asked      *rebuild // what it is to do next; nil: nothing
}

// Subscriber is a node that follows a partition with a processor. Its state is on its disk.
type Subscriber struct {
	sim.Node
	s *subscriber
}

// NewSubscriber returns a subscriber.
func NewSubscriber(c SubscriberConfig) *Subscriber {
	n := &Subscriber{s: &subscriber{c: c.withDefaults()}}
	n.Node = sim.Spawn(n.s.run)
	return n
}

// Store returns the state as of the last transaction; nil before it is open.
func (n *Subscriber) Store() *Store { return n.s.store }

// Next is the record that the checkpoint waits for: all before it are processed.
func (n *Subscriber) Next() LSN {
	if n.s.checkpoint == nil {
		return 1
	}
	return n.s.next()
}

// Through is the last record that is in the state, as of the last transaction: all before it are, or are poison.
func (n *Subscriber) Through() LSN {
	through, _ := strconv.ParseUint(n.s.store.values[throughKey], 10, 64)
	return max(n.Next()-1, LSN(through))
}

// Receive implements sim.Node.
func (n *Subscriber) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	if r, ok := msg.(*Rebuild); ok {
		n.s.asks(env, from, r)
		return
	}
	n.Node.Receive(env, from, msg)
}

// checkpointKey has the record that is processed next.
const checkpointKey = ownKeys + "next"

func (s *subscriber) next() LSN { return LSN(max(s.checkpoint.Int(checkpointKey), 1)) }

func (s *subscriber) run(p *sim.Proc) {
	p.Sleep(s.c.After - p.Elapsed())
	if err := s.follow(p); err != nil {
		p.Emit(Halted{s.c.Name, err.Error()})
	}
}

// follow reads and processes for ever; an error is the disk's.
func (s *subscriber) follow(p *sim.Proc) (err error) {
	if s.store, err = OpenStore(p.Disk(), "state"); err != nil {
		return err
	}
	s.checkpoint = s.store
	if s.c.Checkpoint == Separate {
		if s.checkpoint, err = OpenStore(p.Disk(), "checkpoint"); err != nil {
			return err
		}
	}
	s.writer = NewProducer(p, "", s.c.ClientConfig)
	next := s.next()
	p.Emit(Resumed{s.c.Name, s.c.Partition, next})
	for {
		if s.asked != nil || Version(s.store) != s.c.Version {
			if err := s.beginAnew(p); err != nil {
				return err
			}
			next = 1
		}
		r, err := s.writer.Read(p, s.c.Partition, Read{From: next, Max: s.c.Max, Only: s.c.Only})
		switch no, _ := err.(Refusal); {
		case err != nil && no.Why == Trimmed: // a view that comes too late begins with what is left
			p.Emit(Jumped{s.c.Name, s.c.Partition, max(next, Through(s.store)+1), LSN(no.Hint)})
			r = Records{From: next, Next: LSN(no.Hint)} // which is written down, also if nothing is left
		case err != nil || r.Next == next:
			p.Sleep(s.c.Idle)
			continue
		}
		if err := s.process(p, &r); err != nil {
			return err
		}
		if r.Next == next { // it is stuck
			p.Sleep(s.c.Idle)
		}
		next = r.Next
	}
}

// process takes records in, and moves the checkpoint behind them. Where it is stuck the rest is cut off.
func (s *subscriber) process(p *sim.Proc, r *Records) error {
	var out []Output
	for i, e := range r.Entries {
		if s.c.Work > 0 {
			p.Sleep(s.c.Work)
		}
		more, err := s.c.Processor.Process(p, s.store, e)
		if errors.Is(err, ErrStuck) {
			s.getStuck(p, e.LSN, err)
			r.Entries, r.Next = r.Entries[:i], e.LSN
			break
		}
		if err != nil {
			if skip(s.store, e, err) {
				p.Emit(Poisoned{s.c.Name, s.c.Partition, e.LSN, err.Error()})
			}
			continue
		}
		out = append(out, more...)
	}
	done := s.caughtUp(r.Next)
	if s.c.Checkpoint == Separate {
		if err := s.store.Commit(); err != nil {
			return err
		}
	}
	s.write(p, out)
	s.checkpoint.SetInt(checkpointKey, int64(r.Next))
	if err := s.checkpoint.Commit(); err != nil {
		return err
	}
	if done {
		p.Emit(Rebuilt{s.c.Name, s.c.Partition, s.c.Version, r.Next - 1})
	}
	return nil
}

// write appends outputs, each partition's in their order, as often as it takes. A batch that was given up may be there all
// the same: that is why outputs carry ids.
func (s *subscriber) write(p *sim.Proc, out []Output) {
	for len(out) > 0 {
		partition := out[0].Partition
		var batch []Record
		rest := out[:0]
		for _, o := range out {
			if o.Partition == partition && len(batch) < s.c.Max {
				batch = append(batch, o.Record)
			} else {
				rest = append(rest, o)
			}
		}
		out = rest
		for {
			_, err := s.writer.Append(p, partition, batch)
			if err == nil {
				break
			}
			if no, ok := err.(Refusal); ok && no.Why != NotLeader {
				panic(fmt.Sprintf("olep: outputs of %s are refused: %v", s.c.Name, no))
			}
			p.Sleep(s.c.Idle)
		}
	}
}
