package nemesis

import (
	"fmt"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// ClockDrift makes a node's clocks run fast, or slow. Overlapping drifts of one node add up.
type ClockDrift struct {
	Node sim.NodeID
	PPM  int64 // gained per second of true time, in microseconds
}

func (f ClockDrift) String() string { return fmt.Sprintf("ClockDrift{%s %+dppm}", f.Node, f.PPM) }

func (f *ClockDrift) fields(c *codec) {
	c.field("node", func() { c.node(&f.Node) })
	c.field("ppm", func() { integer(c, &f.PPM, clock.MinDrift, clock.MaxDrift) })
}

func (f *ClockDrift) draw(d *drawing, k FaultKind) {
	f.Node, f.PPM = d.node(), int64(between(d, k.Rate))
	if d.below(2) == 1 {
		f.PPM = -f.PPM
	}
}

func (f ClockDrift) strike(t *target, _ sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	t.drift(f.Node, f.PPM)
	return t.undo(f, func() { t.drift(f.Node, -f.PPM) })
}

func (t *target) drift(id sim.NodeID, ppm int64) {
	n := &t.nodes[id]
	n.drift += ppm
	t.world.Clock(id, func(s *clock.Skew, now clock.Time) { s.SetDrift(now, n.drift) })
}

// ClockJump moves a node's wall clock, and back at the end of the window.
type ClockJump struct {
	Node sim.NodeID
	By   time.Duration // may be negative
}

func (f ClockJump) String() string {
	sign := "+"
	if f.By < 0 {
		sign = ""
	}
	return fmt.Sprintf("ClockJump{%s %s%v}", f.Node, sign, f.By)
}

func (f *ClockJump) fields(c *codec) {
	c.field("node", func() { c.node(&f.Node) })
	c.field("by", func() { c.offset(&f.By) })
}

func (f *ClockJump) draw(d *drawing, k FaultKind) {
	f.Node, f.By = d.node(), d.span(k.By)
	if d.below(2) == 1 {
		f.By = -f.By
	}
}

func (f ClockJump) strike(t *target, _ sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	t.jump(f.Node, f.By)
	return t.undo(f, func() { t.jump(f.Node, -f.By) })
}

func (t *target) jump(id sim.NodeID, by time.Duration) {
	t.world.Clock(id, func(s *clock.Skew, _ clock.Time) { s.Jump(by) })
}
