package olep

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// Lanes is a node that follows a partition with a processor that keeps nothing, and takes what that returns to other
// partitions: to each in order, one append after the other, and to all side by side. So none waits for another one that is
// away. How far each has come is on its disk. What waits for a partition is in memory, however long that is away.
type Lanes struct {
	sim.Node
	l *lanes
}

// NewLanes returns such a node. Its checkpoints are neither atomic nor separate, since there is no state.
func NewLanes(c SubscriberConfig) *Lanes {
	n := &Lanes{l: &lanes{c: c.withDefaults(), calls: make(map[uint64]*lane)}}
	n.Node = sim.Spawn(n.l.run)
	return n
}

// Next is the first record of whose outputs some may not be in their logs.
func (n *Lanes) Next() LSN { return n.l.done() }

type lanes struct {
	c     SubscriberConfig
	store *Store
	next  LSN              // of the record that is read next
	read  lane             // that what is read comes by; it has nothing on it
	lanes []*lane          // by partition
	busy  []*lane          // those that something waits for, and some that nothing does any more
	id    uint64           // of the last request
	calls map[uint64]*lane // by the request that is under way
}

// lane is what is on the way to one partition.
type lane struct {
	part    int
	from    LSN // what comes of records before this is there: as it was saved
	saved   LSN // under its key
	waiting []carried
	sent    int           // so many of them are in the request that is under way
	call    uint64        // that request; 0: there is none
	busy    bool          // it is among those
	due     time.Duration // when it is sent again, or the next one at the earliest
	place   int           // the host that is asked
}

// carried is a record, and where what it comes from is.
type carried struct {
	of     LSN
	record Record
}

const (
	nextKey = "next"
	laneKey = "lane " // of a partition: the first record that something for it comes from; 0 if nothing waits
)

func (l *lanes) run(p *sim.Proc) {
	p.Sleep(l.c.After - p.Elapsed())
	if err := l.follow(p); err != nil {
		p.Emit(Halted{l.c.Name, err.Error()})
	}
}

// follow reads and carries for ever; an error is the disk's.
func (l *lanes) follow(p *sim.Proc) (err error) {
	if l.store, err = OpenStore(p.Disk(), "lanes"); err != nil {
		return err
	}
	l.id = uint64(p.Rand().Uint32()) << 32
	end := LSN(max(l.store.Int(nextKey), 1))
	l.next, l.read.part = end, l.c.Partition
	for part := range l.c.Partitions {
		saved := LSN(l.store.Int(laneKey + strconv.Itoa(part)))
		a := &lane{part: part, from: cmp.Or(saved, end), saved: saved}
		l.lanes, l.next = append(l.lanes, a), min(l.next, a.from)
	}
	p.Emit(Resumed{l.c.Name, l.c.Partition, l.next})
	for {
		mail, ok := p.Recv(l.send(p))
		for ok {
			if err := l.receive(p, mail); err != nil {
				return err
			}
			mail, ok = p.Recv(0)
		}
	}
}

// send sends what is due, and returns how long nothing else will be.
func (l *lanes) send(p *sim.Proc) time.Duration {
	now, due := p.Elapsed(), time.Duration(1<<62)
	busy := l.busy[:0]
	for _, a := range l.busy {
		if a.busy = len(a.waiting) > 0; !a.busy {
			continue
		}
		busy = append(busy, a)
		if a.due <= now {
			l.append(p, a)
		}
		due = min(due, a.due)
	}
	l.busy = busy
	if l.read.due <= now {
		l.ask(p, &l.read, Read{From: l.next, Max: l.c.Max})
	}
	return min(due, l.read.due) - now
}

// append sends what waits for a partition, or once more what it was sent.
func (l *lanes) append(p *sim.Proc, a *lane) {
	if a.call == 0 {
		a.sent = min(len(a.waiting), l.c.Max)
	}
	records := make([]Record, a.sent)
	for i := range records {
		records[i] = a.waiting[i].record
	}
	l.ask(p, a, &Append{Records: records})
}

// ask sends a request. If there is one under way nobody has answered it in time, and it is the next host's turn.
func (l *lanes) ask(p *sim.Proc, a *lane, do any) {
	if a.call != 0 {
		delete(l.calls, a.call)
		a.place++
	}
	l.id++
	a.call, a.due = l.id, p.Elapsed()+l.c.Retry
	l.calls[l.id] = a
	hosts := l.c.Hosts(a.part)
	p.Send(hosts[a.place%len(hosts)], &Request{ID: l.id, Part: a.part, Do: do})
}

// receive takes an answer.
func (l *lanes) receive(p *sim.Proc, mail sim.Mail) error {
	r, ok := mail.Msg.(*Response)
	if !ok || l.calls[r.ID] == nil {
		return nil
	}
	a := l.calls[r.ID]
	if r.No.Why == NotLeader {
		if hint := slices.Index(l.c.Hosts(a.part), sim.NodeID(r.No.Hint)); hint >= 0 {
			a.place = hint - 1
		}
		a.due = p.Elapsed() + l.c.Backoff
		return nil
	}
	delete(l.calls, r.ID)
	a.call, a.due = 0, 0
	switch {
	case a == &l.read:
		return l.take(p, r)
	case r.No.Why != Accepted:
		panic(fmt.Sprintf("olep: outputs of %s are refused: %v", l.c.Name, r.No))
	default:
		a.waiting = a.waiting[a.sent:]
		return nil
	}
}

// take puts what records give rise to on its lanes.
func (l *lanes) take(p *sim.Proc, r *Response) error {
	records, ok := r.Result.(Records)
	switch {
	case r.No.Why == Trimmed:
		l.next = LSN(r.No.Hint)
		return nil
	case !ok || records.Next == l.next:
		l.read.due = p.Elapsed() + l.c.Idle
		return nil
	}
	if work := l.c.Work * time.Duration(len(records.Entries)); work > 0 {
		p.Sleep(work)
	}
	for _, e := range records.Entries {
		out, err := l.c.Processor.Process(p, nil, e)
		if err != nil {
			p.Emit(Poisoned{l.c.Name, l.c.Partition, e.LSN, err.Error()})
			continue
		}
		for _, o := range out {
			if a := l.lanes[o.Partition]; e.LSN >= a.from {
				l.put(a, carried{e.LSN, o.Record})
			}
		}
	}
	l.next = records.Next
	return l.save()
}

// put has a record wait for its partition.
func (l *lanes) put(a *lane, c carried) {
	a.waiting = append(a.waiting, c)
	if !a.busy {
		a.busy, l.busy = true, append(l.busy, a)
	}
}

// save writes down how far lanes have come, those that have moved.
func (l *lanes) save() error {
	l.store.SetInt(nextKey, int64(l.next))
	for _, a := range l.lanes {
		if first := a.first(l.next); first != a.saved {
			a.saved = first
			l.store.SetInt(laneKey+strconv.Itoa(a.part), int64(first))
		}
	}
	return l.store.Commit()
}

// first is the first record that something waits for comes from; 0 if nothing waits.
func (a *lane) first(next LSN) LSN {
	switch {
	case len(a.waiting) > 0:
		return a.waiting[0].of
	case a.from > next: // after a boot
		return a.from
	default:
		return 0
	}
}

// done is the first record of whose outputs some may not be in their logs.
func (l *lanes) done() LSN {
	done := max(l.next, 1)
	for _, a := range l.lanes {
		if len(a.waiting) > 0 {
			done = min(done, a.waiting[0].of)
		}
	}
	return done
}
