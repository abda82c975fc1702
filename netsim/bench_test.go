package netsim

import (
	"testing"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

var uniform = Link{Latency: Latency{Shape: Uniform, Min: time.Millisecond, Max: 10 * time.Millisecond}}

func BenchmarkSend(b *testing.B) {
	exponential := Link{Latency: Latency{Shape: Exponential, Min: time.Millisecond, Mean: 2 * time.Millisecond, Max: time.Second}}
	heavy := Link{Latency: Latency{Shape: HeavyTail, Min: time.Millisecond, Max: time.Second}}
	fifo := uniform
	fifo.FIFO = true
	full := uniform
	full.Loss, full.Duplicate, full.Reorder, full.ReorderBy, full.Bandwidth = 1000, 1000, 1000, time.Second, 1e9
	two := []Rule{Lossy{PPM: 1000}, Duplicating{PPM: 1000}}
	for _, c := range []struct {
		name  string
		link  Link
		rules []Rule
		cuts  []Links
		first sim.NodeID
	}{
		{"rules=2", uniform, two, nil, 1},
		{"rules=0", uniform, nil, nil, 1},
		{"rules=2/of-some-links", uniform, []Rule{Lossy{PPM: 1000, On: From(1)}, Duplicating{PPM: 1000, On: To(2, 3)}}, nil, 1},
		{"rules=2/cuts=1", uniform, two, []Links{Groups([]sim.NodeID{1, 2}, []sim.NodeID{3, 4, 5})}, 1},
		{"rules=0/exponential", exponential, nil, nil, 1},
		{"rules=0/heavy-tail", heavy, nil, nil, 1},
		{"rules=0/fifo", fifo, nil, nil, 1},
		{"rules=0/everything", full, nil, nil, 1},
		{"rules=2/beyond-dense", uniform, two, nil, 500_000},
	} {
		b.Run(c.name, func(b *testing.B) {
			n := New(1, Config{Link: c.link})
			for _, r := range c.rules {
				n.Install(r)
			}
			for _, l := range c.cuts {
				n.Cut(l)
			}
			var net sim.Network = n
			p := new(sim.Packet)
			from, to := 0, 1
			b.ReportAllocs()
			for b.Loop() {
				p.From, p.To = c.first+sim.NodeID(from), c.first+sim.NodeID(to)
				p.Now += 1000
				p.Fate.Lose()
				net.Send(p)
				if to++; to == 5 {
					to = 0
					if from++; from == 5 {
						from = 0
					}
				}
			}
		})
	}
}

func BenchmarkArrive(b *testing.B) {
	for _, c := range []struct {
		name string
		cuts int
	}{{"cuts=0", 0}, {"cuts=1", 1}, {"cuts=3", 3}} {
		b.Run(c.name, func(b *testing.B) {
			n := New(1, Config{Link: uniform})
			for range c.cuts {
				n.Cut(Groups([]sim.NodeID{1, 2}, []sim.NodeID{3, 4, 5}))
			}
			var net sim.Network = n
			p := &sim.Packet{From: 1, To: 2}
			b.ReportAllocs()
			for b.Loop() {
				net.Arrive(p)
			}
		})
	}
}
