package sim

import (
	"time"

	"github.com/seedbed-sim/seedbed/clock"
)

// effect is one thing a handler does to the world, on its way out.
type effect struct {
	kind    effectKind
	outcome Outcome
	to      NodeID
	at      clock.Time // departure
	cause   uint64     // the step whose handler did it; kept while it waits
	payload any        // message, fact, *Op, *completion or error
	token   uint64
}

type effectKind uint8

const (
	effectNone effectKind = iota // ends a cost
	effectSend
	effectFact
	effectInvoke
	effectReturn
	effectWrite // of the disk: one mutation
	effectSync  // its completion
	effectStartSync
	effectTimer // the first of settings
	effectCrash // a trap: the node dies here
	effectPause // a trap: it stands still from here
	effectGo    // to here
)

// effect lets e leave now, or queues it behind what waits.
func (n *incarnation) effect(e *effect) {
	if n.guard != 0 && !n.gate() {
		return
	}
	n.leave(e)
}

// gate runs what guard asks for before an effect; false means that the effect
// does not happen.
func (n *incarnation) gate() bool {
	if n.guard&guardTraps != 0 {
		n.spring()
	}
	return n.guard&(guardVoid|guardDoomed) == 0
}

// waits reports whether the next effect has to wait for its departure.
func (n *incarnation) waits() bool {
	return n.depart > n.w.now || n.guard&(guardBusy|guardPaused) != 0
}

// leave lets an effect that passed the gate leave at n.depart.
func (n *incarnation) leave(e *effect) {
	if n.waits() {
		e.at = max(n.depart, n.w.now)
		e.cause = n.w.handler
		n.slow().pending.push(e)
		n.guard |= guardBusy
		return
	}
	n.perform(e)
}

// perform is the departure of an effect.
func (n *incarnation) perform(e *effect) {
	w := n.w
	w.running = n
	switch e.kind {
	case effectSend:
		w.send(n, e.to, e.payload)
	case effectFact:
		w.fact(n, e.payload)
	case effectInvoke:
		w.invoked(n, e.payload.(*Op))
	case effectReturn:
		c := e.payload.(*completion)
		w.returned(n, c.op, e.outcome, c.output)
	case effectWrite:
		n.departed++
	case effectSync:
		w.synced(n, e.token, e.payload)
	case effectStartSync:
		n.startSync(e.payload.(*background))
	case effectTimer:
		n.setNext()
	case effectCrash:
		w.crash(n)
	case effectPause:
		w.mark(KindPause, n)
	case effectGo:
		w.mark(KindResume, n)
	}
}

// spend makes the handler that starts cost what the node's cost function says.
func (n *incarnation) spend(kind Kind, payload any) {
	if d := n.cost(kind, payload); d > 0 {
		n.delay(d)
		n.leave(&effect{kind: effectNone})
	}
}

// delay moves the departure of all later effects.
func (n *incarnation) delay(d time.Duration) { n.depart = n.depart.Add(d) }

func (w *World) invoked(n *incarnation, op *Op) {
	w.step(KindInvoke, n.id, Nobody, 0, n.lamport, w.types.of(op.Input))
	op.ID, op.Call, op.Invoked = len(w.history), w.steps, w.now
	w.history = append(w.history, op)
	if w.watched {
		w.detail.step(w, KindInvoke, n, op)
	}
}

// completion is the payload of effectReturn.
type completion struct {
	op     *Op
	output any
}

func (w *World) returned(n *incarnation, op *Op, outcome Outcome, output any) {
	if op.Outcome != Pending || outcome == Pending {
		return
	}
	w.step(KindReturn, n.id, Nobody, 0, n.lamport, w.types.of(output)+uint64(outcome))
	op.Outcome, op.Return, op.Ended = outcome, w.steps, w.now
	if outcome == OK {
		op.Output = output
	}
	if w.watched {
		w.detail.step(w, KindReturn, n, op)
	}
}

// synced is the completion of a sync.
func (w *World) synced(n *incarnation, token uint64, err any) {
	w.step(KindSync, n.id, Nobody, 0, n.lamport, w.types.of(err))
	if w.watched {
		w.detail.step(w, KindSync, n, err)
	}
	outcome, _ := err.(error)
	n.storage.Synced(token, outcome)
}

// mark is a step without payload.
func (w *World) mark(kind Kind, n *incarnation) {
	w.step(kind, n.id, Nobody, 0, n.lamport, 0)
	if w.watched {
		w.detail.step(w, kind, n, nil)
	}
}

// Disk returns the node's view of its disk.
func (n *incarnation) Disk() Disk {
	if n.guard&guardDown != 0 {
		return voidDisk{} // the storage is the next incarnation's
	}
	r := n.slow()
	if r.disk == nil {
		if n.lasting == nil || n.storage == nil {
			panic("sim: " + n.id.String() + " uses a disk, but Config.Disk is nil")
		}
		r.disk = n.storage.Boot((*port)(n))
	}
	return r.disk
}

// port is an incarnation as its Storage sees it.
type port incarnation

func (p *port) Write(data []byte) bool {
	n := (*incarnation)(p)
	if n.guard != 0 && !n.gate() {
		return false
	}
	if n.w.watched {
		n.w.detail.wrote(data)
	}
	if !n.waits() {
		n.departed++
		return true
	}
	n.leave(&effect{kind: effectWrite})
	return true
}

func (p *port) Sync(latency time.Duration, token uint64, err error) bool {
	n := (*incarnation)(p)
	if n.guard != 0 {
		if !n.gate() {
			return false
		}
		if n.guard&guardTraps != 0 && !n.springSync(latency) {
			return false
		}
	}
	n.delay(latency)
	n.leave(&effect{kind: effectSync, token: token, payload: errorPayload(err)})
	if n.guard&guardTraps != 0 {
		n.springAfterSync()
	}
	return true
}

// errorPayload keeps a nil error a nil payload.
func errorPayload(err error) any {
	if err == nil {
		return nil
	}
	return err
}

func (p *port) StartSync(latency time.Duration, token uint64, err error, done Timer) bool {
	n := (*incarnation)(p)
	if n.guard != 0 && !n.gate() {
		return false
	}
	n.leave(&effect{kind: effectStartSync, payload: &background{latency, token, err, done, n.w.handler}})
	return true
}

// background is a sync that does not hold up its node. Its latency begins when
// it departs: it covers only what has departed before it.
type background struct {
	latency time.Duration
	token   uint64
	err     error
	done    Timer
	cause   uint64 // the step whose handler started it
}

func (n *incarnation) startSync(s *background) {
	w := n.w
	w.event(n, w.now.Add(s.latency), func() {
		if n.guard&guardDown != 0 {
			return
		}
		w.running, w.handler = n, s.cause
		w.synced(n, s.token, errorPayload(s.err))
		r := n.slow()
		if r.results == nil {
			r.results = make(map[Timer]error)
		}
		r.results[s.done] = s.err
		i := n.place(s.done)
		n.timerAt(i).mono = n.elapsed(w.now)
		n.arm(i, w.now)
	})
}

func (p *port) SyncResult(done Timer) error {
	n := (*incarnation)(p)
	switch {
	case n.guard&guardDown != 0:
		return ErrVoid
	case n.rare == nil:
		return nil
	}
	return n.results[done]
}
