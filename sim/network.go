package sim

import (
	"time"

	"github.com/seedbed-sim/seedbed/clock"
)

// Network decides what becomes of packets; package netsim implements it.
type Network interface {
	// Send decides the fate of a packet that departs now: one delay per copy
	// that will arrive, none if it is lost. It is called once per packet, in
	// departure order, and must draw from p alone and the network's own
	// per-link counters.
	Send(p *Packet)
	// Arrive is asked when a copy reaches its destination, so that what
	// happened to the link since p.Sent counts.
	Arrive(p *Packet) Arrival
}

// Packet is one message on its way. The engine reuses it between calls.
type Packet struct {
	From, To NodeID
	ID       uint64     // the sender's counter; (From, ID) is unique in a world
	Sent     clock.Time // departure, in world time
	Now      clock.Time // world time of the call
	Msg      Message
	Fate     Fate // Send fills it; empty at the call
}

// Fate is the list of delays after which copies of a packet arrive. The zero
// Fate is a lost packet. It holds at most MaxCopies; more are ignored.
type Fate struct {
	n      int
	delays [MaxCopies]time.Duration
}

// MaxCopies bounds the copies that can arrive of one packet.
const MaxCopies = 4

// Len is the number of copies that will arrive.
func (f *Fate) Len() int { return f.n }

// Delay returns the delay of the i-th copy.
func (f *Fate) Delay(i int) time.Duration { return f.delays[i] }

// SetDelay changes the delay of the i-th copy; negative counts as zero.
func (f *Fate) SetDelay(i int, d time.Duration) { f.delays[i] = max(d, 0) }

// Add adds a copy.
func (f *Fate) Add(d time.Duration) {
	if f.n < MaxCopies {
		f.delays[f.n] = max(d, 0)
		f.n++
	}
}

// Lose empties the list.
func (f *Fate) Lose() { f.n = 0 }

// Verb is what happens to a packet that reaches its destination.
type Verb uint8

const (
	Deliver  Verb = iota
	Drop          // the packet is lost
	Postpone      // ask again after Arrival.After
	Hold          // until World.Release
)

// Arrival is a Network's answer to Arrive.
type Arrival struct {
	Verb  Verb
	After time.Duration // for Postpone, > 0
}
