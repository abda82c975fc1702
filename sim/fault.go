package sim

import (
	"time"

	"github.com/seedbed-sim/seedbed/clock"
)

// mostUnborn bounds how many incarnations are made at once, ahead of the nodes to come.
const mostUnborn = 1024

// Add adds a node, to boot now. Its factory is called anew at each boot.
func (w *World) Add(factory func(NodeID) Node) NodeID {
	if len(w.unborn) == 0 {
		w.unborn = make([]incarnation, min(max(len(w.nodes), 4), mostUnborn))
	}
	n := &w.unborn[0]
	w.unborn = w.unborn[1:]
	n.w, n.id, n.guard, n.make = w, NodeID(len(w.nodes)), guardDown|guardVoid, factory
	if w.config.Disk != nil {
		n.last().storage = w.config.Disk(n.id)
	}
	w.nodes = append(w.nodes, n)
	n.seq++
	w.queue.push(item{w.now, n.seq << copyBits, refBoot, n.id})
	return n.id
}

// Restart boots a node that is down: what its disk kept is what it has. It is
// false, and nothing happens, if the node is up or the run is over.
func (w *World) Restart(id NodeID) bool {
	old := w.incarnation(id)
	if old.guard&guardDown == 0 || w.stopped {
		return false
	}
	n := old
	if old.number > 0 { // else it has not been anybody's Env yet
		n = &incarnation{w: w, id: id, number: old.number, lamport: old.lamport, seq: old.seq, make: old.make}
		if old.lasting != nil { // void Envs do not see what becomes of it
			l := *old.lasting
			n.lasting = &l
		}
	}
	n.guard = 0
	n.number++
	n.lamport++
	if n.lasting != nil && n.cost != nil {
		n.guard |= guardCost
	}
	w.nodes[id] = n
	n.node = n.make(id)
	w.mark(KindBoot, n)
	n.handle(KindBoot, nil, w.steps, func() { n.node.Start(n) })
	return true
}

// Crash ends a node's incarnation now: its memory, timers, and all effects that
// have not left are lost. It is false, and nothing happens, if it is down.
func (w *World) Crash(id NodeID) bool {
	n := w.incarnation(id)
	if n.guard&guardDown != 0 {
		return false
	}
	w.crash(n)
	return true
}

func (w *World) crash(n *incarnation) {
	running := w.running
	w.running = n
	w.mark(KindCrash, n)
	n.end()
	if l := n.lasting; l != nil && l.storage != nil {
		l.storage.Crash(l.departed)
	}
	w.running = running
}

// end makes the incarnation void.
func (n *incarnation) end() {
	n.guard = guardDown | guardVoid
	n.timed = false
	if r := n.rare; r != nil {
		n.rare = nil
		for _, f := range r.ends {
			f()
		}
		for _, in := range r.inbox.all() {
			if !in.timer && !n.w.stopped {
				n.w.drop(in.from, n.id, in.seq, in.lamport, in.source, in.msg)
			}
		}
	}
}

// Up reports whether a node is between boot and crash.
func (w *World) Up(id NodeID) bool { return w.incarnation(id).guard&guardDown == 0 }

// Paused reports whether a node is held by Pause.
func (w *World) Paused(id NodeID) bool { return w.incarnation(id).guard&guardPaused != 0 }

// Pause stops a node, not the world: packets and timers queue, effects that
// have not left are held, its clocks go on. Pauses nest. It is false, and
// nothing happens, if the node is down.
func (w *World) Pause(id NodeID) bool {
	n := w.incarnation(id)
	if n.guard&guardDown != 0 {
		return false
	}
	if n.slow().pauses++; n.pauses == 1 {
		n.guard |= guardPaused
		w.mark(KindPause, n)
	}
	return true
}

// Resume undoes one Pause; what was held leaves, and what queued arrives, now.
// It is false if the node is not paused, as after a crash.
func (w *World) Resume(id NodeID) bool {
	n := w.incarnation(id)
	if n.guard&guardPaused == 0 {
		return false
	}
	if n.pauses--; n.pauses == 0 {
		n.guard &^= guardPaused
		w.mark(KindResume, n)
		switch {
		case n.guard&guardBusy != 0:
			n.wakeAt(max(w.now, n.pending.first().at))
		case n.guard&guardInbox != 0:
			n.wakeAt(w.now)
		}
	}
	return true
}

// PauseFor is a Pause with its Resume.
func (w *World) PauseFor(id NodeID, d time.Duration) {
	n := w.incarnation(id)
	if w.Pause(id) {
		w.At(w.now.Add(d), func() {
			if w.nodes[id] == n {
				w.Resume(id)
			}
		})
	}
}

// Clock changes a node's clocks, at world time now; its timers follow.
func (w *World) Clock(id NodeID, change func(s *clock.Skew, now clock.Time)) {
	n := w.incarnation(id)
	change(&n.last().skew, w.now)
	n.rearm()
}

// Cost makes each handler of a node cost time: its effects depart that much
// later, and it is busy until then. kind is KindDeliver, KindTimer or KindBoot,
// payload the message or Timer. nil makes handlers free again.
func (w *World) Cost(id NodeID, cost func(kind Kind, payload any) time.Duration) {
	n := w.incarnation(id)
	n.last().cost = cost
	if n.guard &^= guardCost; cost != nil && n.guard&guardDown == 0 {
		n.guard |= guardCost
	}
}

// Do runs f as if it were a handler of the node, that of the zero Timer: tests
// and workloads reach into a running node with it. It takes no step. It is
// false if the node is down, paused or busy.
func (w *World) Do(id NodeID, f func(env Env)) bool {
	n := w.incarnation(id)
	if n.guard&(guardDown|guardPaused|guardBusy) != 0 || w.stopped {
		return false
	}
	n.handle(KindTimer, Timer{}, 0, func() { f(n) })
	return true
}

// PauseUntil makes a node stand still from before its k-th effect from now until
// t; not at all if that effect comes no earlier.
func (w *World) PauseUntil(id NodeID, k int, t clock.Time) {
	w.incarnation(id).set(trap{left: k, until: t})
}

// trap waits inside a node for an effect.
type trap struct {
	left  int // effects until it springs; 0 for a trap on the next sync
	when  SyncPoint
	crash bool
	pause time.Duration
	until clock.Time // instead of pause
}

// SyncPoint is a moment relative to a blocking sync.
type SyncPoint uint8

const (
	BeforeSync SyncPoint = iota + 1 // nothing of it is done
	InsideSync                      // half its latency has passed
	AfterSync                       // it has completed, nothing after it has left
)

// CrashAtEffect crashes a node before its k-th effect from now (1 is the very
// next): the effects before it leave, it and all later ones do not. The trap
// dies with the incarnation.
func (w *World) CrashAtEffect(id NodeID, k int) { w.incarnation(id).set(trap{left: k, crash: true}) }

// PauseAtEffect makes a node stand still for d before its k-th effect from now.
func (w *World) PauseAtEffect(id NodeID, k int, d time.Duration) {
	w.incarnation(id).set(trap{left: k, pause: d})
}

// CrashAtSync crashes a node at its next blocking sync.
func (w *World) CrashAtSync(id NodeID, when SyncPoint) {
	w.incarnation(id).set(trap{when: when, crash: true})
}

func (n *incarnation) set(t trap) {
	if n.guard&guardDown != 0 {
		return
	}
	n.slow().traps = append(n.traps, t)
	n.guard |= guardTraps
}

// spring counts an effect, and springs the traps that waited for it.
func (n *incarnation) spring() {
	n.take(func(t *trap) bool {
		if t.when != 0 {
			return false
		}
		t.left--
		return t.left <= 0
	})
}

// springSync springs the traps that wait for the sync that starts; false means
// that it does not happen.
func (n *incarnation) springSync(latency time.Duration) bool {
	n.take(func(t *trap) bool { return t.when == BeforeSync })
	if n.guard&guardTraps != 0 {
		n.take(func(t *trap) bool {
			if t.when == InsideSync {
				n.delay(latency / 2)
			}
			return t.when == InsideSync
		})
	}
	return n.guard&(guardVoid|guardDoomed) == 0
}

// springAfterSync springs the traps behind the sync that was just issued.
func (n *incarnation) springAfterSync() {
	n.take(func(t *trap) bool { return t.when == AfterSync })
}

// take removes the traps that due selects and carries them out.
func (n *incarnation) take(due func(*trap) bool) {
	kept := n.traps[:0]
	for _, t := range n.traps {
		switch {
		case n.guard&(guardVoid|guardDoomed) != 0: // one has sprung
		case !due(&t):
			kept = append(kept, t)
		case t.crash:
			n.leave(&effect{kind: effectCrash})
			n.guard |= guardDoomed
		default:
			d := t.pause
			if t.until != 0 {
				if d = t.until.Sub(max(n.depart, n.w.now)); d <= 0 {
					continue
				}
			}
			n.leave(&effect{kind: effectPause})
			n.delay(d)
			n.leave(&effect{kind: effectGo})
		}
	}
	if n.rare == nil {
		return // crashed at once
	}
	if n.traps = kept; len(kept) == 0 {
		n.guard &^= guardTraps
	}
}
