package nemesis

import (
	"fmt"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Clocks run while their nodes are down, so their faults strike those as well.
func (ClockDrift) strikesDown()  {}
func (ClockJump) strikesDown()   {}
func (ClockFreeze) strikesDown() {}

// ClockDrift makes a node's clocks run fast, or slow. Overlapping drifts of one node add up.
type ClockDrift struct {
	Target
	PPM int64 // gained per second of true time, in microseconds
}

func (f ClockDrift) String() string { return fmt.Sprintf("ClockDrift{%s %+dppm}", f.Target, f.PPM) }

func (f *ClockDrift) fields(c *codec) {
	f.Target.fields(c)
	c.field("ppm", func() { integer(c, &f.PPM, clock.MinDrift, clock.MaxDrift) })
}

func (f *ClockDrift) draw(d *drawing, k FaultKind) {
	f.Target, f.PPM = d.clock(), int64(between(d, k.Rate))
	if d.below(2) == 1 {
		f.PPM = -f.PPM
	}
}

func (f ClockDrift) strike(t *target, id sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	t.drift(id, f.PPM)
	return t.undo(f, func() { t.drift(id, -f.PPM) })
}

func (t *target) drift(id sim.NodeID, ppm int64) {
	n := &t.nodes[id]
	n.drift += ppm
	t.world.Clock(id, func(s *clock.Skew, now clock.Time) { s.SetDrift(now, n.drift) })
}

// ClockJump moves a node's wall clock, and back at the end of the window.
type ClockJump struct {
	Target
	By time.Duration // may be negative
}

func (f ClockJump) String() string {
	sign := "+"
	if f.By < 0 {
		sign = ""
	}
	return fmt.Sprintf("ClockJump{%s %s%v}", f.Target, sign, f.By)
}

func (f *ClockJump) fields(c *codec) {
	f.Target.fields(c)
	c.field("by", func() { c.offset(&f.By) })
}

func (f *ClockJump) draw(d *drawing, k FaultKind) {
	f.Target, f.By = d.clock(), d.span(k.By)
	if d.below(2) == 1 {
		f.By = -f.By
	}
}

func (f ClockJump) strike(t *target, id sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	t.jump(id, f.By)
	return t.undo(f, func() { t.jump(id, -f.By) })
}

func (t *target) jump(id sim.NodeID, by time.Duration) {
	t.world.Clock(id, func(s *clock.Skew, _ clock.Time) { s.Jump(by) })
}

// ClockFreeze makes a node's clocks stand still: none of its timers fires. Overlapping freezes of one node last until the
// last one ends.
type ClockFreeze struct {
	Target
}

func (f ClockFreeze) String() string { return fmt.Sprintf("ClockFreeze{%s}", f.Target) }

func (f *ClockFreeze) fields(c *codec) { f.Target.fields(c) }

func (f *ClockFreeze) draw(d *drawing, _ FaultKind) { f.Target = d.clock() }

func (f ClockFreeze) strike(t *target, id sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	t.freeze(id, 1)
	return t.undo(f, func() { t.freeze(id, -1) })
}

func (t *target) freeze(id sim.NodeID, by int) {
	n := &t.nodes[id]
	before := n.freezes
	n.freezes += by
	t.world.Clock(id, func(s *clock.Skew, now clock.Time) {
		switch {
		case before == 0:
			s.Freeze(now)
		case n.freezes == 0:
			s.Thaw(now)
		}
	})
}

// clock is whose clocks are wrong: mostly one node's, at times all of them, as after a bad time server.
func (d *drawing) clock() Target {
	if d.only == sim.Nobody && d.below(8) == 0 {
		return Target{All: true}
	}
	return Target{Node: d.node()}
}
