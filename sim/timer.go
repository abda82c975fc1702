package sim

import (
	"time"

	"github.com/seedbed-sim/seedbed/clock"
)

// timer is the state of one tag at one incarnation. Its queue entry, if there
// is one, asks at time asks; a deadline that moves later moves only due, and
// the entry goes on to the new deadline when it asks.
type timer struct {
	tag   Timer
	typ   uint64        // stable hash of tag, for the run's hash
	due   clock.Time    // deadline in world time, while armed
	mono  time.Duration // the same on the node's monotonic clock
	seq   uint64        // origin's counter at the last set: the tie-break
	cause uint64        // the step whose handler set it
	asks  clock.Time    // when the entry asks, while queued
	gen   uint32        // of the entry that counts
	// armed: the timer will fire. queued: an entry of generation gen is in
	// the queue; an armed timer without one waits in the inbox, or for its
	// frozen clock.
	armed, queued bool
}

// linear is the number of timers up to which they are found by walking them.
const linear = 8

// SetTimer is an effect.
func (n *incarnation) SetTimer(t Timer, d time.Duration) {
	if n.guard != 0 && n.holds(setting{tag: t, d: max(d, 0)}) {
		return
	}
	n.setTimer(t, max(d, 0))
}

// StopTimer is an effect.
func (n *incarnation) StopTimer(t Timer) {
	if n.guard != 0 && n.holds(setting{tag: t, d: stop}) {
		return
	}
	n.stopTimer(t)
}

// setting is a SetTimer, or a StopTimer, that waits for its departure.
type setting struct {
	tag Timer
	d   time.Duration // or stop
}

const stop = time.Duration(-1)

// holds reports whether a setting does not happen now: never, or at its
// departure. Only then does a timer begin to run, so a pause that holds it
// back, or a clock that changes meanwhile, moves the deadline.
func (n *incarnation) holds(s setting) bool {
	if !n.gate() {
		return true
	}
	if !n.waits() {
		return false
	}
	n.slow().settings.push(&s)
	n.leave(&effect{kind: effectTimer})
	return true
}

// setNext is the departure of the first setting that waits.
func (n *incarnation) setNext() {
	if s := n.settings.pop(); s.d == stop {
		n.stopTimer(s.tag)
	} else {
		n.setTimer(s.tag, s.d)
	}
}

func (n *incarnation) setTimer(t Timer, d time.Duration) {
	now := n.w.now
	i := n.timer(t)
	n.timers[i].mono = n.skew.Elapsed(now) + d
	n.arm(i, n.skew.Until(now, d))
}

func (n *incarnation) stopTimer(t Timer) {
	if i := n.find(t); i >= 0 {
		n.timers[i].armed = false
	}
}

// arm sets the deadline of timer i.
func (n *incarnation) arm(i int32, due clock.Time) {
	t := &n.timers[i]
	n.seq++
	t.seq = n.seq
	t.cause = n.w.handler
	t.due = due
	t.armed = true
	if t.queued && t.asks <= due && due != clock.Never {
		return
	}
	n.ask(i)
}

// ask queues an entry for the deadline of timer i; an earlier one no longer
// counts.
func (n *incarnation) ask(i int32) {
	t := &n.timers[i]
	t.gen++
	if t.queued = t.due != clock.Never; !t.queued {
		return
	}
	t.asks = t.due
	q := &n.w.queue
	k := q.alloc()
	e := &q.pool[k]
	e.at, e.msg, e.seq, e.lamport = t.due, nil, t.seq, uint64(n.number)
	e.aux = clock.Time(uint64(t.gen)<<32 | uint64(i))
	e.from, e.to, e.kind, e.copy = n.id, n.id, entryTimer, 0
	q.push(k)
}

// expire is the moment of a timer's queue entry: e is entry k, just popped.
func (w *World) expire(k int32, e *entry) {
	n := w.nodes[e.to]
	i, gen := int32(uint32(e.aux)), uint32(uint64(e.aux)>>32)
	if uint64(n.number) != e.lamport || n.guard&guardDown != 0 || n.timers[i].gen != gen {
		w.queue.release(k)
		return
	}
	t := &n.timers[i]
	if t.armed && (t.due > w.now || t.seq != e.seq) { // it has moved, later or behind others of this instant
		t.asks = t.due
		e.at, e.seq = t.due, t.seq
		w.queue.push(k)
		return
	}
	w.queue.release(k)
	t.queued = false
	if !t.armed || n.guard != 0 && n.defers(work{kind: entryTimer, slot: i, seq: t.seq}) {
		return
	}
	n.fire(t)
}

// fire runs the handler of an armed timer that is due.
func (n *incarnation) fire(t *timer) {
	t.armed = false
	n.timeout(t.tag, t.typ, t.cause)
}

// find returns the index of a tag's timer, or -1.
func (n *incarnation) find(tag Timer) int32 {
	for i := range min(len(n.timers), linear) {
		if n.timers[i].tag == tag {
			return int32(i)
		}
	}
	if i, ok := n.index[tag]; ok {
		return i
	}
	return -1
}

// timer returns the index of a tag's timer; a new one takes the place of one
// that has no more use before the list grows.
func (n *incarnation) timer(tag Timer) int32 {
	if i := n.find(tag); i >= 0 {
		return i
	}
	if n.timers == nil {
		n.timers = n.first[:0]
	}
	i := len(n.timers)
	if i == cap(n.timers) {
		for k := range n.timers {
			if t := &n.timers[k]; !t.armed && !t.queued {
				i = k
				break
			}
		}
	}
	if i == len(n.timers) {
		n.timers = append(n.timers, timer{})
	}
	t := &n.timers[i]
	if i >= linear {
		if n.index == nil {
			n.index = make(map[Timer]int32)
		}
		delete(n.index, t.tag)
		n.index[tag] = int32(i)
	}
	*t = timer{tag: tag, typ: Mix(stringHash(tag.Name) ^ tag.Key), gen: t.gen}
	return int32(i)
}

// rearm sets all deadlines anew after a change of the node's clocks.
func (n *incarnation) rearm() {
	for i := range n.timers {
		t := &n.timers[i]
		if !t.armed || !t.queued && t.due <= n.w.now {
			continue // not set, or waiting in the inbox
		}
		left := t.mono - n.skew.Elapsed(n.w.now)
		t.due = n.skew.Until(n.w.now, max(left, 0))
		n.ask(int32(i))
	}
}
