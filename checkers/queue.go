package checkers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seedbed-sim/seedbed/sim"
)

// The operations on queues, which are empty before the first operation. No element is put into a queue twice.
type (
	Enqueue struct{ Queue, Element string } // output is ignored
	Dequeue struct {                        // outputs Dequeued
		Queue string
		All   bool // it drains the queue: of unknown outcome it may have taken any number of elements, and otherwise one
	}
)

// Dequeued is the output of Dequeue.
type Dequeued struct {
	Elements []string // in the order in which they were taken
	Empty    bool     // after these it found the queue empty
}

func (o Enqueue) String() string { return "enqueue" + suffix(o.Queue) + " " + o.Element }
func (o Dequeue) String() string {
	if o.All {
		return "drain" + suffix(o.Queue)
	}
	return "dequeue" + suffix(o.Queue)
}
func (d Dequeued) String() string {
	words := slices.Clone(d.Elements)
	if d.Empty {
		words = append(words, "empty")
	}
	return strings.Join(words, ", ")
}

// QueueOptions say what is promised.
type QueueOptions struct {
	// FIFO promises that elements leave in the order in which they came.
	FIFO bool
}

// Queue checks queues by the anomalies of Jepsen's total-queue checker (namespace jepsen.checker of
// github.com/jepsen-io/jepsen), and by those of Henzinger, Sezgin and Vafeiadis 2013, "Aspect-Oriented Linearizability
// Proofs":
//
//   - unexpected: an element is dequeued that nobody can have enqueued by then, or whose Enqueue failed;
//   - duplicated: an element is dequeued twice;
//   - lost: an element that was enqueued for certain is never dequeued, although a Dequeue that began later found the
//     queue empty, or found it empty while it was in it for certain;
//   - reordered, with FIFO: of two elements enqueued one after the other the second is dequeued before the first is, or
//     only the second is.
//
// Elements that nobody asked for are not lost. A Dequeue of unknown outcome may have taken any one element, or all: so many
// may be missing. It takes O(n log n) steps.
func Queue(o QueueOptions, ops []*sim.Op) Result {
	failed := make(map[Enqueue]*sim.Op)
	for _, op := range ops {
		if e, ok := op.Input.(Enqueue); ok && op.Outcome == sim.Fail {
			failed[e] = op
		}
	}
	return byKey(`always "a queue hands each element out once"`, "no operation on a queue has a known outcome", ops, func(input any) string {
		switch o := input.(type) {
		case Enqueue:
			return o.Queue
		case Dequeue:
			return o.Queue
		}
		panic(fmt.Sprintf("checkers: a queue has no operation %T", input))
	}, func(ops []*sim.Op) Result { return queue(o, failed, ops) })
}

// queued is one element's way through a queue.
type queued struct {
	name    string
	in, out *sim.Op // out is nil: nobody is known to have it
}

// from is when the element is in the queue for certain.
func (q *queued) from() uint64 {
	if q.in.Outcome != sim.OK {
		return forever
	}
	return q.in.Return
}

func queue(o QueueOptions, failed map[Enqueue]*sim.Op, ops []*sim.Op) Result {
	var (
		elements []queued // in order of invocation
		place    = make(map[string]int)
		empty    []*sim.Op // dequeues that found the queue empty
		taken    = 0       // dequeues that may have taken something else
		known    = false
	)
	for _, op := range ops {
		known = known || op.Outcome == sim.OK
		if e, ok := op.Input.(Enqueue); ok {
			if i, twice := place[e.Element]; twice {
				panic(fmt.Sprintf("checkers: %s is put into a queue by %v and by %v", e.Element, elements[i].in.Client, op.Client))
			}
			place[e.Element] = len(elements)
			elements = append(elements, queued{name: e.Element, in: op})
		}
	}
	for _, op := range ops {
		d, ok := op.Input.(Dequeue)
		if !ok {
			continue
		}
		if op.Outcome != sim.OK {
			if taken++; d.All {
				taken += len(elements)
			}
			continue
		}
		out := op.Output.(Dequeued)
		if out.Empty {
			empty = append(empty, op)
		}
		for _, name := range out.Elements {
			i, ok := place[name]
			switch {
			case !ok && failed[Enqueue{d.Queue, name}] != nil:
				in := failed[Enqueue{d.Queue, name}]
				return Result{Verdict: Invalid, Anomaly: "unexpected element", Ops: witnesses(in, op),
					Detail: fmt.Sprintf("%s has an element that %v failed to enqueue", told(op), in.Client)}
			case !ok:
				return Result{Verdict: Invalid, Anomaly: "unexpected element", Ops: []*sim.Op{op},
					Detail: told(op) + " has an element that nobody enqueued"}
			case op.Return < elements[i].in.Call:
				return Result{Verdict: Invalid, Anomaly: "unexpected element", Ops: []*sim.Op{op, elements[i].in},
					Detail: fmt.Sprintf("%s is over before %s", told(op), told(elements[i].in))}
			case elements[i].out != nil:
				return Result{Verdict: Invalid, Anomaly: "duplicated element", Ops: witnesses(elements[i].in, elements[i].out, op),
					Detail: fmt.Sprintf("%s has what %s had", told(op), told(elements[i].out))}
			}
			elements[i].out = op
		}
	}
	if !known {
		return Result{}
	}
	if r := lost(elements, empty, taken); r.Verdict == Invalid {
		return r
	}
	if o.FIFO {
		return reordered(elements, taken)
	}
	return Result{Verdict: Valid}
}

// lost looks for elements that a queue had while it was found empty.
func lost(elements []queued, empty []*sim.Op, taken int) Result {
	if len(empty) == 0 {
		return Result{Verdict: Valid}
	}
	last := slices.MaxFunc(empty, func(a, b *sim.Op) int { return cmp.Compare(a.Call, b.Call) })
	for i := range elements {
		e := &elements[i]
		if e.out != nil || e.from() >= last.Call {
			continue
		}
		if taken--; taken < 0 {
			return Result{Verdict: Invalid, Anomaly: "lost element", Ops: witnesses(e.in, last),
				Detail: fmt.Sprintf("%s was over before %s, and nobody has %s", told(e.in), told(last), e.name)}
		}
	}
	// An element that somebody has later on: in the queue for certain from the end of its Enqueue to the beginning of its
	// Dequeue.
	slices.SortFunc(empty, byInvocation)
	byFrom := make([]*queued, 0, len(elements))
	for i := range elements {
		if e := &elements[i]; e.out != nil && e.from() != forever {
			byFrom = append(byFrom, e)
		}
	}
	slices.SortFunc(byFrom, func(a, b *queued) int { return cmp.Compare(a.from(), b.from()) })
	var longest *queued
	for _, op := range empty {
		for len(byFrom) > 0 && byFrom[0].from() < op.Call {
			if longest == nil || byFrom[0].out.Call > longest.out.Call {
				longest = byFrom[0]
			}
			byFrom = byFrom[1:]
		}
		if longest != nil && longest.out != op && op.Return < longest.out.Call {
			return Result{Verdict: Invalid, Anomaly: "lost element", Ops: witnesses(longest.in, op, longest.out),
				Detail: fmt.Sprintf("%s, although %s was over before it and %s began after it", told(op), told(longest.in), told(longest.out))}
		}
	}
	return Result{Verdict: Valid}
}

// reordered looks for two elements that leave a queue in another order than that in which they came.
func reordered(elements []queued, taken int) Result {
	ended := make([]*queued, 0, len(elements))
	for i := range elements {
		if e := &elements[i]; e.from() != forever {
			ended = append(ended, e)
		}
	}
	slices.SortFunc(ended, func(a, b *queued) int { return cmp.Compare(a.from(), b.from()) })
	var latest *queued // the one that left last of those whose Enqueue was over
	var stays *queued  // the first that should have left, and has not
	staying := 0       // how many there are like this
	for i := range elements {
		e := &elements[i]
		if e.out == nil {
			continue
		}
		for len(ended) > 0 && ended[0].from() < e.in.Call {
			switch {
			case ended[0].out == nil:
				if staying++; staying > taken {
					stays = ended[0]
				}
			case latest == nil || ended[0].out.Call > latest.out.Call:
				latest = ended[0]
			}
			ended = ended[1:]
		}
		if stays != nil {
			return Result{Verdict: Invalid, Anomaly: "lost element", Ops: witnesses(stays.in, e.in, e.out),
				Detail: fmt.Sprintf("%s was over before %s, and nobody has %s, but %s", told(stays.in), told(e.in), stays.name, told(e.out))}
		}
		if latest != nil && e.out.Return < latest.out.Call {
			return Result{Verdict: Invalid, Anomaly: "reordered elements", Ops: witnesses(latest.in, e.in, e.out, latest.out),
				Detail: fmt.Sprintf("%s was over before %s, but %s before %s", told(latest.in), told(e.in), told(e.out), told(latest.out))}
		}
	}
	return Result{Verdict: Valid}
}
