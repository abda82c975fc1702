package olep

import (
	"errors"
	"slices"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// ClientConfig is how patiently a client asks.
type ClientConfig struct {
	Cluster
	Retry    time.Duration // a broker has this long to answer, then it is the next one's turn; default 200 ms
	Backoff  time.Duration // after a refusal that is no answer; default 20 ms
	Deadline time.Duration // an operation is given up after this; default 3 s
	Patient  time.Duration // on the monotonic clock: none that begins then or later is given up; 0 means never
}

func (c ClientConfig) withDefaults() ClientConfig {
	if c.Retry == 0 {
		c.Retry = 200 * time.Millisecond
	}
	if c.Backoff == 0 {
		c.Backoff = 20 * time.Millisecond
	}
	if c.Deadline == 0 {
		c.Deadline = 3 * time.Second
	}
	return c
}

// asker asks brokers, one request at a time.
type asker struct {
	c     ClientConfig
	id    uint64      // of the last request
	place map[int]int // by partition: the host that is asked
}

func newAsker(p *sim.Proc, c ClientConfig) asker {
	return asker{c: c.withDefaults(), id: uint64(p.Rand().Uint32()) << 32, place: make(map[int]int)}
}

// deadline is when an operation that begins now is given up.
func (a *asker) deadline(p *sim.Proc) time.Duration {
	if a.c.Patient > 0 && p.Elapsed() >= a.c.Patient {
		return 1 << 62
	}
	return p.Elapsed() + a.c.Deadline
}

// ask returns the answer of whoever leads; false if there is none by the deadline.
func (a *asker) ask(p *sim.Proc, part int, do any, deadline time.Duration) (*Response, bool) {
	a.id++
	req := &Request{ID: a.id, Part: part, Do: do}
	hosts := a.c.Hosts(part)
	mine := func(m sim.Message) bool {
		r, ok := m.(*Response)
		return ok && r.ID == req.ID
	}
	for p.Elapsed() < deadline {
		for ok := true; ok; { // answers to what was asked before
			_, ok = p.Recv(0)
		}
		at := a.place[part] % len(hosts)
		m, ok := p.Call(hosts[at], req, a.c.Retry, mine)
		if !ok {
			a.place[part] = at + 1
			continue
		}
		r := m.(*Response)
		if r.No.Why != NotLeader {
			return r, true
		}
		if hint := slices.Index(hosts, sim.NodeID(r.No.Hint)); hint >= 0 && hint != at {
			a.place[part] = hint
		} else {
			a.place[part] = at + 1
		}
		p.Sleep(a.c.Backoff)
	}
	return nil, false
}

// Producer appends batches of records, one after the other. With a name it is idempotent: each batch is in its partition
// once, and behind those that this producer was told of or has given up.
type Producer struct {
	asker
	name   string
	self   Session
	epochs map[int]epoch // by partition
}

// epoch is a producer's in one partition.
type epoch struct {
	number uint64 // that was open last
	open   bool   // and is, as far as this producer knows
	next   uint64 // sequence number
}

// ErrUnsure is what is known of a batch that was given up, or of whose producer there is a later one: it may be in its
// partition, or come to be there.
var ErrUnsure = errors.New("it may or may not be there")

// NewProducer returns a producer. Of several with one name, the last to begin an epoch fences the others.
func NewProducer(p *sim.Proc, name string, c ClientConfig) *Producer {
	return &Producer{asker: newAsker(p, c), name: name, self: NewSession(p.Env), epochs: make(map[int]epoch)}
}

// Append appends a batch and returns the LSN of its first record. The error is a Refusal, or ErrUnsure.
func (w *Producer) Append(p *sim.Proc, partition int, records []Record) (LSN, error) {
	return w.append(p, partition, records, w.deadline(p))
}

func (w *Producer) append(p *sim.Proc, partition int, records []Record, deadline time.Duration) (LSN, error) {
	cmd := &Append{Producer: w.name, Records: records}
	e := w.epochs[partition]
	if w.name != "" {
		if err := w.open(p, partition, &e, deadline); err != nil {
			return 0, err
		}
		cmd.Epoch, cmd.Seq = e.number, e.next
	}
	r, ok := w.ask(p, partition, cmd, deadline)
	switch {
	case ok && r.No.Why == Accepted:
		e.next += uint64(len(records))
		w.epochs[partition] = e
		first := r.Result.(LSN)
		p.Emit(Acknowledged{partition, first, records})
		return first, nil
	case ok && r.No.Why != Fenced:
		return 0, r.No
	default: // what it has sent may still come; the next epoch keeps that out
		e.open = false
		w.epochs[partition] = e
		return 0, ErrUnsure
	}
}

// open begins an epoch, unless one is open. Nothing of the batch has been sent yet, so all its errors are definite.
func (w *Producer) open(p *sim.Proc, partition int, e *epoch, deadline time.Duration) error {
	for want := e.number + 1; !e.open; {
		r, ok := w.ask(p, partition, Open{w.name, want, w.self}, deadline)
		switch {
		case !ok:
			return Refusal{Why: NotOpen}
		case r.No.Why == Fenced:
			want = r.No.Hint + 1
		case r.No.Why != Accepted:
			return r.No
		default:
			*e = epoch{number: want, open: true}
			w.epochs[partition] = *e
		}
	}
	return nil
}

// Read reads records: see Partition.Read. The error is a Refusal; NotLeader if nobody has answered in time.
func (w *Producer) Read(p *sim.Proc, partition int, do Read) (Records, error) {
	return w.read(p, partition, do, w.deadline(p))
}

func (w *Producer) read(p *sim.Proc, partition int, do Read, deadline time.Duration) (Records, error) {
	r, ok := w.ask(p, partition, do, deadline)
	switch {
	case !ok:
		return Records{}, Refusal{Why: NotLeader}
	case r.No.Why != Accepted:
		return Records{}, r.No
	default:
		return r.Result.(Records), nil
	}
}

// ConsumerConfig is what a consumer does.
type ConsumerConfig struct {
	ClientConfig
	Group     string
	Max       int           // records of one read; default 64
	Work      time.Duration // that the records of one read take
	Idle      time.Duration // between reads that find nothing; default 50 ms
	Heartbeat time.Duration // default 500 ms
}

// Consumer is a member of a group: it reads the partitions that it is assigned, processes what it finds, and then commits.
// Its group processes each record at least once, but for those that retention or compaction takes before.
type Consumer struct {
	asker
	c    ConsumerConfig
	self Session
	last time.Duration // sign of life
}

// Consume is the body of a consumer: it does not return.
func Consume(p *sim.Proc, c ConsumerConfig) {
	if c.Max == 0 {
		c.Max = 64
	}
	if c.Idle == 0 {
		c.Idle = 50 * time.Millisecond
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = 500 * time.Millisecond
	}
	u := &Consumer{asker: newAsker(p, c.ClientConfig), c: c, self: NewSession(p.Env)}
	for {
		a := u.join(p)
		for i, partition := range a.Partitions {
			p.Emit(Assigned{c.Group, a.Generation, partition, a.Offsets[i]})
		}
		u.work(p, a)
		p.Emit(Revoked{c.Group, a.Generation})
	}
}

// join becomes a member, or asks again for its assignment.
func (u *Consumer) join(p *sim.Proc) Assignment {
	for {
		if r, ok := u.ask(p, Coordinator, Join{u.c.Group, u.self}, u.deadline(p)); ok && r.No.Why == Accepted {
			u.last = p.Elapsed()
			a := *r.Result.(*Assignment)
			a.Offsets = slices.Clone(a.Offsets)
			return a
		}
	}
}

// work reads what is assigned, until it is not any more. The Offsets become positions.
func (u *Consumer) work(p *sim.Proc, a Assignment) {
	for {
		idle := true
		for i := range a.Partitions {
			if !u.assigned(p, &a) {
				return
			}
			found, ok := u.poll(p, &a, i)
			if !ok {
				return
			}
			idle = idle && !found
		}
		if !u.assigned(p, &a) {
			return
		}
		if idle {
			p.Sleep(u.c.Idle)
		}
	}
}

// assigned gives a sign of life, if it is time for one. False means that the assignment is void. Without an answer it
// stands: whoever has the partitions then, only their commits count.
func (u *Consumer) assigned(p *sim.Proc, a *Assignment) bool {
	if p.Elapsed() < u.last+u.c.Heartbeat {
		return true
	}
	u.last = p.Elapsed()
	r, ok := u.ask(p, Coordinator, Heartbeat{u.c.Group, u.self, a.Generation}, p.Elapsed()+1)
	return !ok || r.No.Why == Accepted
}

// poll reads a partition once, processes what it finds, and commits. ok is false if the assignment is void.
func (u *Consumer) poll(p *sim.Proc, a *Assignment, i int) (found, ok bool) {
	partition := a.Partitions[i]
	r, ok := u.ask(p, partition, Read{From: a.Offsets[i], Max: u.c.Max}, p.Elapsed()+1)
	switch {
	case !ok:
		return false, true
	case r.No.Why == Trimmed:
		p.Emit(Skipped{u.c.Group, partition, a.Offsets[i], LSN(r.No.Hint)})
		a.Offsets[i] = LSN(r.No.Hint)
		return true, true
	case r.No.Why != Accepted: // beyond the end, of a broker that lags behind
		return false, true
	}
	records := r.Result.(Records)
	if records.Next == a.Offsets[i] {
		return false, true
	}
	if u.c.Work > 0 {
		p.Sleep(u.c.Work)
	}
	p.Emit(Delivered{u.c.Group, a.Generation, partition, records})
	a.Offsets[i] = records.Next
	r, ok = u.ask(p, Coordinator, Commit{u.c.Group, u.self, a.Generation, partition, records.Next}, p.Elapsed()+1)
	return true, !ok || r.No.Why == Accepted
}
