package netsim

import (
	"errors"
	"fmt"
	"math/bits"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Link is the model of a directed link. The zero Link delivers everything at
// once.
type Link struct {
	Latency Latency
	// Loss is the share of packets that are lost. A FIFO link loses none:
	// it sends them again, after RetransmitAfter and then twice as long each
	// time; what was lost six times passes.
	Loss sim.PPM
	// Duplicate is the share of packets that arrive twice, each copy with a
	// latency of its own. FIFO links ignore it.
	Duplicate sim.PPM
	// Reorder is the share of packets that take up to ReorderBy longer.
	Reorder   sim.PPM
	ReorderBy time.Duration
	// Bandwidth is in bytes per second; 0 is unlimited. Packets, the lost
	// ones too, leave one after the other. See Sizer.
	Bandwidth int64
	// FIFO links are like a TCP connection: no copy of a packet arrives
	// before one of an earlier packet of the link. Whatever delays one
	// holds up those behind it. A rule or a cut that loses a packet leaves
	// a gap, as a broken connection does.
	FIFO bool
	// RetransmitAfter is how long a FIFO link takes to find a loss; 0 means
	// 200 ms, Linux's least.
	RetransmitAfter time.Duration
}

// Latency is a distribution of delays in [Min, Max].
type Latency struct {
	Shape Shape
	Min   time.Duration
	Max   time.Duration // 0 for Constant, where it is not used, and for an Exponential without bound
	// Mean is that of an Exponential, above Min and before the cut at Max.
	Mean time.Duration
	// Alpha is the tail index of a HeavyTail in thousandths, at least 100: the
	// smaller, the heavier. 0 means 1160, where a fifth of the packets
	// account for four fifths of the delay.
	Alpha int64
}

// Shape is a family of distributions.
type Shape uint8

const (
	Constant    Shape = iota // always Min
	Uniform                  // over [Min, Max]
	Exponential              // Min plus an exponential, cut at Max
	HeavyTail                // a bounded Pareto distribution over [Min, Max], 0 < Min < Max
)

// Sizer is implemented by messages that know their length in bytes. Others
// count as DefaultSize. Only links with a Bandwidth ask.
type Sizer interface{ Size() int }

// DefaultSize is the length in bytes of a message that is no Sizer.
const DefaultSize = 256

// ErrLink is what the errors of Validate wrap.
var ErrLink = errors.New("invalid link model")

// Validate returns nil, or an error that wraps ErrLink.
func (l Link) Validate() error {
	for _, p := range []struct {
		name  string
		share sim.PPM
	}{{"loss", l.Loss}, {"duplicate", l.Duplicate}, {"reorder", l.Reorder}} {
		if p.share < 0 || p.share > sim.Million {
			return fmt.Errorf("%w: %s of %d ppm", ErrLink, p.name, p.share)
		}
	}
	y := l.Latency
	switch {
	case l.ReorderBy < 0 || l.ReorderBy > longest, l.Reorder > 0 && l.ReorderBy == 0:
		return fmt.Errorf("%w: reorder by %v", ErrLink, l.ReorderBy)
	case l.Bandwidth < 0:
		return fmt.Errorf("%w: bandwidth of %d bytes per second", ErrLink, l.Bandwidth)
	case l.RetransmitAfter < 0 || l.RetransmitAfter > longest:
		return fmt.Errorf("%w: retransmits after %v", ErrLink, l.RetransmitAfter)
	case y.Shape > HeavyTail:
		return fmt.Errorf("%w: latency of unknown shape %d", ErrLink, y.Shape)
	case y.Min < 0 || y.Max < 0 || y.Mean < 0 || max(y.Min, y.Max, y.Mean) > longest:
		return fmt.Errorf("%w: latency outside 0 to %v", ErrLink, longest)
	case y.Shape == Uniform && y.Max < y.Min, y.Shape == Exponential && y.Max != 0 && y.Max < y.Min:
		return fmt.Errorf("%w: latency from %v to %v", ErrLink, y.Min, y.Max)
	case y.Shape == HeavyTail && (y.Min == 0 || y.Max <= y.Min):
		return fmt.Errorf("%w: heavy-tailed latency from %v to %v", ErrLink, y.Min, y.Max)
	case y.Shape == HeavyTail && y.Alpha != 0 && (y.Alpha < 100 || y.Alpha > 100_000):
		return fmt.Errorf("%w: tail index of %d thousandths", ErrLink, y.Alpha)
	}
	return nil
}

const maxRetransmits = 6

// defaultAlpha is log2(5)/log2(4), in thousandths: where a fifth of the packets account for four fifths of the delay.
const defaultAlpha = 1160

// longest bounds the durations of a model, so that sums stay in range.
const longest = 10_000 * time.Hour

// The kinds of draws of a packet, besides latency, which takes the packet's
// draw itself.
var (
	saltLoss      = salt("loss")
	saltDuplicate = salt("duplicate")
	saltReorder   = salt("reorder")
)

// ends says which ends of a link are clients.
type ends uint8

const (
	fromClient ends = 1 << iota
	toClient
)

// model is a Link made ready for use.
type model struct {
	Link
	simple bool // the first fate is one copy, with a latency of this spread
	ends   ends

	min, max uint64 // latency
	spread   uint64 // Constant, Uniform: the number of latencies from min up; 0 for other shapes
	mean     uint64 // Exponential: above min
	alpha    uint64 // HeavyTail: in thousandths
	floor    uint64 // Exponential, HeavyTail: the least share of 2^64 to take a quantile of, see tail
}

func compile(l Link) (all models) {
	if err := l.Validate(); err != nil {
		panic("netsim: " + err.Error())
	}
	if l.RetransmitAfter == 0 {
		l.RetransmitAfter = 200 * time.Millisecond
	}
	m := model{
		Link: l,
		min:  uint64(l.Latency.Min),
		max:  uint64(l.Latency.Max),
	}
	switch l.Latency.Shape {
	case Constant:
		m.spread = 1
	case Uniform:
		m.spread = m.max - m.min + 1
	case Exponential:
		m.mean = uint64(l.Latency.Mean)
		if m.max == 0 {
			m.max = uint64(forever)
		} else if m.mean > 0 {
			m.floor = exponentialTail(m.max-m.min, m.mean)
		}
	case HeavyTail:
		m.alpha = uint64(l.Latency.Alpha)
		if m.alpha == 0 {
			m.alpha = defaultAlpha
		}
		m.floor = paretoTail(m.min, m.max, m.alpha)
	}
	m.simple = m.spread > 0 && l.Loss == 0 && l.Duplicate == 0 && l.Reorder == 0 && l.Bandwidth == 0
	for e := range all {
		all[e] = m
		all[e].ends = ends(e)
	}
	return all
}

// fate makes a packet's first fate.
func (m *model) fate(p *sim.Packet, draw uint64, q *queue) {
	var wait time.Duration
	if m.Bandwidth > 0 {
		wait = q.transmit(p.Now, m.transmission(p.Msg))
	}
	if m.Reorder > 0 {
		if d := Draws(draw ^ saltReorder); d.Chance(m.Reorder) {
			wait = plus(wait, d.Between(1, m.ReorderBy))
		}
	}
	if m.Loss > 0 {
		d := Draws(draw ^ saltLoss)
		for n := 0; d.Chance(m.Loss) && n < maxRetransmits; n++ {
			if !m.FIFO {
				return
			}
			wait = plus(wait, m.RetransmitAfter<<n)
		}
	}
	p.Fate.Add(plus(wait, m.latency(draw)))
	if m.Duplicate > 0 && !m.FIFO {
		if d := Draws(draw ^ saltDuplicate); d.Chance(m.Duplicate) {
			p.Fate.Add(plus(wait, m.latency(d.Next())))
		}
	}
}

// latency is the quantile of the latency for a uniform draw.
func (m *model) latency(draw uint64) time.Duration {
	if m.spread > 0 {
		return time.Duration(m.min + sim.Scale(draw, m.spread))
	}
	return m.curved(draw)
}

func (m *model) curved(draw uint64) time.Duration {
	var d uint64
	if w := m.tail(draw); m.Latency.Shape == Exponential {
		d = m.min + exponential(w, m.mean)
	} else {
		d = pareto(w, m.min, m.alpha)
	}
	return time.Duration(min(d, m.max))
}

// tail maps a draw onto the shares of 2^64 whose quantiles lie within Max:
// those from floor up.
func (m *model) tail(draw uint64) uint64 {
	if m.floor == 0 {
		return draw
	}
	return m.floor + sim.Scale(draw, -m.floor)
}

// transmission is how long a message takes to leave.
func (m *model) transmission(msg sim.Message) time.Duration {
	if m.Bandwidth == 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(size(msg)), uint64(time.Second))
	if hi >= uint64(m.Bandwidth) {
		return longest
	}
	t, _ := bits.Div64(hi, lo, uint64(m.Bandwidth))
	return time.Duration(min(t, uint64(longest)))
}

// size looks through the scopes of components.
func size(msg sim.Message) int {
	switch m := msg.(type) {
	case Sizer:
		return max(m.Size(), 0)
	case sim.Scoped:
		return size(m.Inner)
	default:
		return DefaultSize
	}
}

// queue is the state of a link that has any.
type queue struct {
	busy clock.Time // Bandwidth: the last packet has left by then
	last clock.Time // FIFO: the latest arrival so far
	line []place    // packets that a clog stopped and that have not passed yet
	pass clock.Time // when the last of them passes
}

// transmit lets a packet leave after those before it, and returns how long
// that takes from now.
func (q *queue) transmit(now clock.Time, d time.Duration) time.Duration {
	q.busy = max(q.busy, now).Add(d)
	return q.busy.Sub(now)
}

// order is that of Network.
func (q *queue) order(p *sim.Packet) {
	last := q.last
	for i := range p.Fate.Len() {
		at := max(p.Now.Add(p.Fate.Delay(i)), last)
		p.Fate.SetDelay(i, at.Sub(p.Now))
		q.last = max(q.last, at)
	}
}

func (s Shape) String() string {
	if s > HeavyTail {
		return fmt.Sprintf("Shape(%d)", uint8(s))
	}
	return [...]string{"constant", "uniform", "exponential", "heavy tail"}[s]
}

// MarshalText writes the shape's name.
func (s Shape) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the shape's name; an unknown one is an ErrLink.
func (s *Shape) UnmarshalText(text []byte) error {
	for k := Constant; k <= HeavyTail; k++ {
		if k.String() == string(text) {
			*s = k
			return nil
		}
	}
	return fmt.Errorf("%w: latency of unknown shape %q", ErrLink, text)
}
