package netsim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// send returns the delays of a packet that departs at now.
func send(n sim.Network, from, to sim.NodeID, now clock.Time) []time.Duration {
	p := sim.Packet{From: from, To: to, Sent: now, Now: now}
	n.Send(&p)
	return delays(&p)
}

func delays(p *sim.Packet) []time.Duration {
	var d []time.Duration
	for i := range p.Fate.Len() {
		d = append(d, p.Fate.Delay(i))
	}
	return d
}

func TestCutsCompose(t *testing.T) {
	n := New(1, Config{Link: Link{Latency: Latency{Min: time.Millisecond}}})
	sent := func(from, to sim.NodeID) bool { return len(send(n, from, to, 0)) > 0 }
	healA := n.Cut(Groups([]sim.NodeID{1, 2}, []sim.NodeID{3}))
	healB := n.Cut(OneWay([]sim.NodeID{1}, []sim.NodeID{2, 3}))
	require.False(t, sent(1, 3))
	require.False(t, sent(1, 2))
	require.True(t, sent(2, 1))
	require.False(t, sent(3, 1))
	healA()
	healA()
	require.False(t, sent(1, 3), "the other cut holds")
	require.True(t, sent(3, 1))
	healB()
	require.True(t, sent(1, 3))
}
