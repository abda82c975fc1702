package nemesis

import (
	"fmt"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Crash ends a node's life; it reboots at the end of the window.
type Crash struct {
	Target
	// Sync makes the node crash around its next blocking sync, when it has most to lose, and Effect between two effects
	// of a handler: before the Effect-th from now on. If none comes in the first three quarters of the window, it crashes
	// then all the same.
	Sync   sim.SyncPoint // 0: at once
	Effect int           // 0: at once
}

// crashing is a fault that has its node down until it is healed.
type crashing interface {
	aimed
	atOnce() bool // rather than at a point that the node comes to
}

func (f Crash) atOnce() bool { return f.Sync == 0 && f.Effect == 0 }

func (f Crash) String() string { return fmt.Sprintf("Crash{%s%s}", f.Target, f.point()) }

func (f Crash) point() string {
	switch {
	case f.Sync != 0:
		return fmt.Sprintf(" %s sync", nameOf(syncPoints, f.Sync))
	case f.Effect != 0:
		return fmt.Sprintf(" before effect %d", f.Effect)
	}
	return ""
}

func (f *Crash) fields(c *codec) {
	f.Target.fields(c)
	c.maybe("sync", f.Sync != 0, func() { choice(c, &f.Sync, syncPoints) })
	c.maybe("effect", f.Effect != 0, func() {
		if integer(c, &f.Effect, 1, maxEffect); f.Sync != 0 {
			c.fail("it crashes at a sync already")
		}
	})
}

// maxEffect bounds the effects that a trap counts: a handler has a few.
const maxEffect = 1_000_000

func (f *Crash) draw(d *drawing, _ FaultKind) {
	f.Target = d.target()
	if f.Target.waits() && d.below(2) == 0 { // the moment is a good one: after what is said next, or before
		f.Effect = d.below(5)
		return
	}
	switch d.below(8) { // most strike where unsynced data is at stake
	case 0:
		if d.below(2) == 0 {
			f.Effect = 1 + d.below(12)
		}
	case 1, 2:
		f.Sync = sim.BeforeSync
	case 3, 4, 5:
		f.Sync = sim.InsideSync
	case 6, 7:
		f.Sync = sim.AfterSync
	}
}

func (f Crash) strike(t *target, id sim.NodeID, until time.Duration) (heal func()) {
	return t.crash(f, f, id, until)
}

// crash is a crash that strikes as the fault told, which may do more than crash.
func (t *target) crash(told Fault, f Crash, id sim.NodeID, until time.Duration) (heal func()) {
	t.struck(told)
	n := &t.nodes[id]
	n.crashes++
	own, life := n.crashes, n.lives
	switch {
	case f.Sync != 0:
		t.world.CrashAtSync(id, f.Sync)
	case f.Effect != 0:
		t.world.CrashAtEffect(id, f.Effect)
	default:
		t.world.Crash(id)
	}
	if !f.atOnce() {
		now := t.world.Now()
		t.world.At(now+(clock.Time(until)-now)/4*3, func() {
			if n.lives == life {
				t.world.Crash(id) // nothing, if it has happened
			}
		})
	}
	return func() {
		switch {
		case t.world.Up(id):
			t.moot(Healed{told}, id, "is up")
		case n.crashes != own:
			t.moot(Healed{told}, id, "is down by a later crash")
		default:
			t.boot(Healed{told}, id)
		}
	}
}

var syncPoints = []string{"", sim.BeforeSync: "before", sim.InsideSync: "inside", sim.AfterSync: "after"}

// Restart boots a node that is down before its time. It has no window.
type Restart struct {
	Node sim.NodeID
}

func (f Restart) String() string { return fmt.Sprintf("Restart{%s}", f.Node) }

func (f *Restart) fields(c *codec) { c.field("node", func() { c.node(&f.Node) }) }

func (f *Restart) draw(d *drawing, _ FaultKind) { f.Node = d.node() }

func (f Restart) strike(t *target, _ sim.NodeID, _ time.Duration) (heal func()) {
	if t.world.Up(f.Node) {
		t.moot(f, f.Node, "is up")
		return nil
	}
	t.boot(f, f.Node)
	return nil
}

// RollingRestart takes nodes down one after the other, evenly over its window, as an upgrade does. Each is back before
// the next one's turn.
type RollingRestart struct {
	Nodes []sim.NodeID  // in their order; none twice
	Down  time.Duration // how long each is down; less where its turn is shorter
}

func (f RollingRestart) String() string {
	return fmt.Sprintf("RollingRestart{%s, %v each}", names(f.Nodes), f.Down)
}

func (f *RollingRestart) fields(c *codec) {
	c.field("nodes", func() {
		if c.nodes(&f.Nodes, map[sim.NodeID]bool{}); len(f.Nodes) == 0 {
			c.fail("nobody restarts")
		}
	})
	c.field("down", func() {
		if c.duration(&f.Down); f.Down == 0 {
			c.fail("0s is no time to be down")
		}
	})
}

func (f *RollingRestart) draw(d *drawing, k FaultKind) { f.Nodes, f.Down = d.order(), d.span(k.By) }

func (f RollingRestart) strike(t *target, _ sim.NodeID, until time.Duration) (heal func()) {
	t.struck(f)
	now := time.Duration(t.world.Now())
	turn := (until - now) / time.Duration(len(f.Nodes))
	for i, id := range f.Nodes {
		one := Crash{Target: Target{Node: id}}
		at := now + time.Duration(i)*turn
		back := at + max(min(f.Down, turn-1), 1)
		t.world.At(clock.Time(at), func() {
			if heal := t.try(one, id, back); heal != nil {
				t.world.At(clock.Time(back), heal)
			}
		})
	}
	return t.undo(f, func() {})
}

// Pause stops a node, not the world and not its clocks. Overlapping pauses of one node last until the last one ends.
type Pause struct {
	Target
	// Effect makes the node stop between two effects of a handler: before the Effect-th from now on, if that comes before
	// the window is over. What the handler has decided leaves when it may have ceased to be true.
	Effect int // 0: at once
}

func (f Pause) String() string {
	if f.Effect != 0 {
		return fmt.Sprintf("Pause{%s before effect %d}", f.Target, f.Effect)
	}
	return fmt.Sprintf("Pause{%s}", f.Target)
}

func (f *Pause) fields(c *codec) {
	f.Target.fields(c)
	c.maybe("effect", f.Effect != 0, func() { integer(c, &f.Effect, 1, maxEffect) })
}

func (f *Pause) draw(d *drawing, _ FaultKind) {
	if d.only == sim.Nobody && d.below(16) == 0 {
		f.Target = Target{All: true}
		return
	}
	switch f.Target = d.target(); {
	case d.only != sim.Nobody:
	case f.Target.waits():
		f.Effect = d.below(5)
	case d.below(4) == 0:
		f.Effect = 1 + d.below(12)
	}
}

func (f Pause) concerns(core []sim.NodeID) string {
	if f.Effect != 0 {
		return "a pause at an effect must have an end"
	}
	return f.Target.concerns(core)
}

func (f Pause) strike(t *target, id sim.NodeID, until time.Duration) (heal func()) {
	t.struck(f)
	if f.Effect != 0 {
		t.world.PauseUntil(id, f.Effect, clock.Time(until))
		return t.undo(f, func() {})
	}
	t.world.Pause(id)
	n := &t.nodes[id]
	life := n.lives
	return func() {
		if n.lives != life || !t.world.Paused(id) {
			t.moot(Healed{f}, id, "has crashed")
			return
		}
		t.healed(f)
		t.world.Resume(id)
	}
}
