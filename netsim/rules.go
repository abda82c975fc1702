package netsim

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// Lossy loses a share of the packets. On a FIFO link, too, they are lost for
// good; Link.Loss is the loss that such a link repairs.
type Lossy struct {
	PPM sim.PPM
	On  Links
}

// Duplicating adds a copy to a share of the packets. It arrives up to By after
// the first; if By is 0, up to as much later as the first takes.
type Duplicating struct {
	PPM sim.PPM
	By  time.Duration
	On  Links
}

// Reordering makes a share of the packets take up to By longer. On a FIFO link
// they hold up those behind them.
type Reordering struct {
	PPM sim.PPM
	By  time.Duration
	On  Links
}

// Slow multiplies delays by Factor (0 counts as 1), then adds Extra.
type Slow struct {
	Factor int64
	Extra  time.Duration
	On     Links
}

// Straggling makes a share of the packets take longer, by a bounded Pareto
// distribution over [Min, Max], 0 < Min < Max, of the tail index that
// Latency.Alpha has by default: most a little, a few very long.
type Straggling struct {
	PPM      sim.PPM
	Min, Max time.Duration
	On       Links
}

// Flaky loses everything for Down, again and again, with Up between. Each link
// is at a place of its own in this cycle.
type Flaky struct {
	Up, Down time.Duration // > 0
	On       Links
}

// Named gives a rule draws of its own, apart from those of all rules of
// other names.
func Named(name string, r Rule) Rule { return named{r, name} }

type named struct {
	Rule
	name string
}

// Target implements Rule.
func (r named) Target() Target {
	t := r.Rule.Target()
	t.Name = r.name
	return t
}

// Target implements Rule.
func (r Lossy) Target() Target { return Target{"lossy", r.On, r.PPM} }

// Target implements Rule.
func (r Duplicating) Target() Target { return Target{"duplicating", r.On, r.PPM} }

// Target implements Rule.
func (r Reordering) Target() Target { return Target{"reordering", r.On, r.PPM} }

// Target implements Rule.
func (r Slow) Target() Target { return Target{"slow", r.On, sim.Million} }

// Target implements Rule.
func (r Straggling) Target() Target { return Target{"straggling", r.On, r.PPM} }

// Target implements Rule.
func (r Flaky) Target() Target { return Target{"flaky", r.On, sim.Million} }

// Rewrite implements Rule.
func (r Lossy) Rewrite(p *sim.Packet, _ Draws) { p.Fate.Lose() }

// Rewrite implements Rule.
func (r Duplicating) Rewrite(p *sim.Packet, d Draws) {
	if p.Fate.Len() == 0 {
		return
	}
	first := p.Fate.Delay(0)
	by := r.By
	if by <= 0 {
		by = first
	}
	p.Fate.Add(plus(first, d.Between(0, by)))
}

// Rewrite implements Rule.
func (r Reordering) Rewrite(p *sim.Packet, d Draws) {
	for i := range p.Fate.Len() {
		p.Fate.SetDelay(i, plus(p.Fate.Delay(i), d.Between(0, max(r.By, 0))))
	}
}

// Rewrite implements Rule.
func (r Slow) Rewrite(p *sim.Packet, _ Draws) {
	for i := range p.Fate.Len() {
		p.Fate.SetDelay(i, plus(times(p.Fate.Delay(i), max(r.Factor, 1)), r.Extra))
	}
}

// Rewrite implements Rule.
func (r Straggling) Rewrite(p *sim.Packet, d Draws) {
	least, most := uint64(r.Min), uint64(r.Max)
	floor := paretoTail(least, most, defaultAlpha)
	for i := range p.Fate.Len() {
		by := pareto(floor+sim.Scale(d.Next(), -floor), least, defaultAlpha)
		p.Fate.SetDelay(i, plus(p.Fate.Delay(i), time.Duration(min(by, most))))
	}
}

// Rewrite implements Rule.
func (r Flaky) Rewrite(p *sim.Packet, _ Draws) {
	cycle := uint64(r.Up + r.Down)
	place := sim.Scale(sim.Mix(uint64(p.From)<<32|uint64(p.To)), cycle)
	if (uint64(p.Now)+place)%cycle >= uint64(r.Up) {
		p.Fate.Lose()
	}
}

func (r Lossy) String() string { return fmt.Sprintf("Lossy{%dppm %v}", r.PPM, r.On) }

func (r Duplicating) String() string {
	return fmt.Sprintf("Duplicating{%dppm%s %v}", r.PPM, within(r.By), r.On)
}

func (r Reordering) String() string {
	return fmt.Sprintf("Reordering{%dppm%s %v}", r.PPM, within(r.By), r.On)
}

func (r Slow) String() string {
	return fmt.Sprintf("Slow{×%d+%v %v}", max(r.Factor, 1), r.Extra, r.On)
}

func (r Straggling) String() string {
	return fmt.Sprintf("Straggling{%dppm +%v–%v %v}", r.PPM, r.Min, r.Max, r.On)
}

func (r Flaky) String() string { return fmt.Sprintf("Flaky{%v up, %v down %v}", r.Up, r.Down, r.On) }

func within(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf(" ≤%v", d)
}

// plus and times stop at the longest delay there is; delays are not negative.

const forever = time.Duration(1<<63 - 1)

func plus(d, by time.Duration) time.Duration {
	if d > forever-max(by, 0) {
		return forever
	}
	return max(d+by, 0)
}

func times(d time.Duration, factor int64) time.Duration {
	hi, lo := bits.Mul64(uint64(d), uint64(factor))
	if hi != 0 || lo > uint64(forever) {
		return forever
	}
	return time.Duration(lo)
}
