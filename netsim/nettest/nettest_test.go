package nettest

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/sim"
)

// faulty is a network whose methods a test supplies.
type faulty struct {
	send   func(p *sim.Packet)
	arrive func(p *sim.Packet) sim.Arrival
}

func (f faulty) Send(p *sim.Packet) { f.send(p) }

func (f faulty) Arrive(p *sim.Packet) sim.Arrival {
	if f.arrive == nil {
		return sim.Arrival{}
	}
	return f.arrive(p)
}

func constant(p *sim.Packet) { p.Fate.Add(time.Millisecond) }

func TestAcceptsAConstantNetwork(t *testing.T) {
	Run(t, func(uint64) sim.Network { return faulty{send: constant} })
}

// Each fault is found by the check that is there for it.
func TestFindsFaults(t *testing.T) {
	for _, c := range []struct {
		check, fault string
		make         func() sim.Network
	}{
		{"fates are within bounds", "none of", func() sim.Network {
			return faulty{send: func(*sim.Packet) {}}
		}},
		{"fates are within bounds", "Send changed the packet", func() sim.Network {
			return faulty{send: func(p *sim.Packet) { constant(p); p.Now++ }}
		}},
		{"equal seeds give equal fates", "in a second run", func() func() sim.Network {
			global := sim.NewStream(1, "one for all")
			return func() sim.Network {
				return faulty{send: func(p *sim.Packet) { p.Fate.Add(time.Duration(global.Below(1000))) }}
			}
		}()},
		{"the order between links does not matter", "in another order", func() sim.Network {
			sent := time.Duration(0)
			return faulty{send: func(p *sim.Packet) { sent++; p.Fate.Add(sent) }}
		}},
		{"other links do not matter", "without other links", func() sim.Network {
			at, sent := sim.Packet{}.Now, time.Duration(0)
			return faulty{send: func(p *sim.Packet) {
				if p.Now > at { // one bandwidth for all
					at, sent = p.Now, sent+1
				}
				p.Fate.Add(sent)
			}}
		}},
		{"arrivals draw nothing", "when arrivals are asked for", func() sim.Network {
			s := sim.NewStream(1, "")
			return faulty{
				send:   func(p *sim.Packet) { p.Fate.Add(time.Duration(s.Below(1000))) },
				arrive: func(*sim.Packet) sim.Arrival { s.Next(); return sim.Arrival{} },
			}
		}},
		{"arrivals draw nothing", "postponed by 0s", func() sim.Network {
			return faulty{constant, func(*sim.Packet) sim.Arrival { return sim.Arrival{Verb: sim.Postpone} }}
		}},
		{"arrivals draw nothing", "without end", func() sim.Network {
			return faulty{constant, func(*sim.Packet) sim.Arrival { return sim.Arrival{Verb: sim.Postpone, After: 1} }}
		}},
		{"arrivals draw nothing", "unknown verb", func() sim.Network {
			return faulty{constant, func(*sim.Packet) sim.Arrival { return sim.Arrival{Verb: 9} }}
		}},
	} {
		t.Run(strings.ReplaceAll(c.fault, " ", "-"), func(t *testing.T) {
			for _, check := range checks {
				if check.name == c.check {
					require.ErrorContains(t, check.check(c.make, newSchedule(1)), c.fault)
					return
				}
			}
			t.Fatalf("there is no check %q", c.check)
		})
	}
}
