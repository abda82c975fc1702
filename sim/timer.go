package sim

import (
	"time"

	"github.com/seedbed-sim/seedbed/clock"
)

// timer is the state of one tag at one incarnation. Its item in the queue, if
// there is one, asks at time asks; a deadline that moves later moves only due,
// and the item goes on to the new deadline when it asks. 72 bytes.
type timer struct {
	tag   Timer
	due   clock.Time    // deadline in world time, while armed
	mono  time.Duration // the same on the node's monotonic clock
	seq   uint64        // origin's counter at the last set: the tie-break; 0 if the timer is not armed, and will not fire
	cause uint64        // the step whose handler set it
	// asked is the seq of the item that counts, and asks when it is due; 0
	// if there is none: then an armed timer waits in the inbox, or for its
	// frozen clock.
	asked uint64
	asks  clock.Time
}

func (t *timer) armed() bool { return t.seq != 0 }

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

func (n *incarnation) setTimer(tag Timer, d time.Duration) {
	now := n.w.now
	i := n.place(tag)
	t := n.timerAt(i)
	if n.lasting == nil {
		t.mono = time.Duration(now) + d
		n.arm(i, now.Add(d))
		return
	}
	t.mono = n.skew.Elapsed(now) + d
	n.arm(i, n.skew.Until(now, d))
}

func (n *incarnation) stopTimer(t Timer) {
	if i := n.find(t); i >= 0 {
		n.timerAt(i).seq = 0
	}
}

// arm sets the deadline of the timer at place i.
func (n *incarnation) arm(i int32, due clock.Time) {
	t := n.timerAt(i)
	n.seq++
	t.seq = n.seq
	t.cause = n.w.handler
	t.due = due
	if t.asked != 0 && t.asks <= due && due != clock.Never {
		return
	}
	n.ask(i, t)
}

// ask queues an item for the deadline of t, which is at place i; an earlier one
// no longer counts.
func (n *incarnation) ask(i int32, t *timer) {
	if t.asked = 0; t.due == clock.Never {
		return
	}
	t.asked, t.asks = t.seq, t.due
	n.w.queue.push(item{t.due, t.seq << copyBits, refTimer - i, n.id})
}

// expire is the moment of a timer's item, just popped.
func (w *World) expire(it *item) {
	n := w.nodes[it.from]
	i := refTimer - it.ref
	if n.guard&guardDown != 0 || !n.timed || i > 0 && int(i) > n.further() {
		return // of an earlier incarnation
	}
	t := n.timerAt(i)
	if t.asked != it.seq() || t.asks != it.at {
		return
	}
	if t.armed() && (t.due > w.now || t.seq != t.asked) { // it has moved, later or behind others of this instant
		n.ask(i, t)
		return
	}
	t.asked = 0
	if !t.armed() || n.guard != 0 && n.defers(work{timer: true, place: i, seq: t.seq}) {
		return
	}
	n.fire(t)
}

// fire runs the handler of an armed timer that is due.
func (n *incarnation) fire(t *timer) {
	t.seq = 0
	n.timeout(t.tag, t.cause)
}

// timerName remembers the hash of the name of the last timer that fired.
type timerName struct {
	name string
	is   uint64
}

// hash is stable over builds and processors.
func (l *timerName) hash(t Timer) uint64 {
	if l.name != t.Name || l.is == 0 {
		l.name, l.is = t.Name, stringHash(t.Name)
	}
	return Mix(l.is ^ t.Key)
}

// timerAt returns the timer at place i.
func (n *incarnation) timerAt(i int32) *timer {
	if i == 0 {
		return &n.timer
	}
	return &n.timers[i-1]
}

// further is the number of timers besides the first.
func (n *incarnation) further() int {
	if n.rare == nil {
		return 0
	}
	return len(n.timers)
}

// find returns the place of a tag's timer, or -1.
func (n *incarnation) find(tag Timer) int32 {
	switch {
	case !n.timed:
		return -1
	case n.timer.tag == tag:
		return 0
	case n.rare == nil:
		return -1
	}
	for i := range min(len(n.timers), linear-1) {
		if n.timers[i].tag == tag {
			return int32(i + 1)
		}
	}
	if i, ok := n.index[tag]; ok {
		return i
	}
	return -1
}

// place returns the place of a tag's timer; a new one takes that of one that
// has no more use before the list grows.
func (n *incarnation) place(tag Timer) int32 {
	i := n.find(tag)
	if i >= 0 {
		return i
	}
	if i = n.unused(); i > 0 && int(i) > n.further() {
		r := n.slow()
		r.timers = append(r.timers, timer{})
	}
	n.timed = true
	t := n.timerAt(i)
	if i >= linear {
		if n.index == nil {
			n.index = make(map[Timer]int32)
		}
		delete(n.index, t.tag)
		n.index[tag] = i
	}
	*t = timer{tag: tag}
	return i
}

// unused returns a place for a timer: behind the others as long as there is
// room, or else that of one that has no more use.
func (n *incarnation) unused() int32 {
	if !n.timed {
		return 0
	}
	more := n.further()
	if more == 0 || more == cap(n.timers) {
		for i := range int32(more + 1) {
			if t := n.timerAt(i); !t.armed() && t.asked == 0 {
				return i
			}
		}
	}
	return int32(more + 1)
}

// rearm sets all deadlines anew after a change of the node's clocks.
func (n *incarnation) rearm() {
	if !n.timed {
		return
	}
	for i := range int32(n.further() + 1) {
		t := n.timerAt(i)
		if !t.armed() || t.asked == 0 && t.due <= n.w.now {
			continue // not set, or waiting in the inbox
		}
		left := t.mono - n.elapsed(n.w.now)
		t.due = n.skew.Until(n.w.now, max(left, 0))
		n.ask(i, t)
	}
}
