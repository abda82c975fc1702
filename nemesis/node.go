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
	// Sync makes the node crash around its next blocking sync, when it has most to lose. If none comes in the first
	// three quarters of the window, it crashes then all the same.
	Sync sim.SyncPoint // 0: at once
}

func (f Crash) String() string {
	if f.Sync == 0 {
		return fmt.Sprintf("Crash{%s}", f.Target)
	}
	return fmt.Sprintf("Crash{%s %s sync}", f.Target, nameOf(syncPoints, f.Sync))
}

func (f *Crash) fields(c *codec) {
	f.Target.fields(c)
	c.maybe("sync", f.Sync != 0, func() { choice(c, &f.Sync, syncPoints) })
}

func (f *Crash) draw(d *drawing, _ FaultKind) {
	f.Target = d.target()
	switch d.below(8) { // most strike where unsynced data is at stake
	case 0:
	case 1, 2:
		f.Sync = sim.BeforeSync
	case 3, 4, 5:
		f.Sync = sim.InsideSync
	case 6, 7:
		f.Sync = sim.AfterSync
	}
}

func (f Crash) strike(t *target, id sim.NodeID, until time.Duration) (heal func()) {
	t.struck(f)
	n := &t.nodes[id]
	n.crashes++
	own, life := n.crashes, n.lives
	if f.Sync == 0 {
		t.world.Crash(id)
	} else {
		t.world.CrashAtSync(id, f.Sync)
		now := t.world.Now()
		t.world.At(now+(clock.Time(until)-now)/4*3, func() {
			if n.lives == life {
				t.world.Crash(id) // nothing, if the sync has come
			}
		})
	}
	return func() {
		switch {
		case t.world.Up(id):
			t.moot(Healed{f}, id, "is up")
		case n.crashes != own:
			t.moot(Healed{f}, id, "is down by a later crash")
		default:
			t.healed(f)
			t.boot(id)
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
	t.struck(f)
	t.boot(f.Node)
	return nil
}

// Pause stops a node, not the world and not its clocks. Overlapping pauses of one node last until the last one ends.
type Pause struct {
	Target
}

func (f Pause) String() string { return fmt.Sprintf("Pause{%s}", f.Target) }

func (f *Pause) fields(c *codec) { f.Target.fields(c) }

func (f *Pause) draw(d *drawing, _ FaultKind) { f.Target = d.target() }

func (f Pause) strike(t *target, id sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
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
