package sim_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// rumor is what a site tells another: whether it knows, and whether it wants an answer.
type rumor struct{ knows, ask bool }

var rumors = [2][2]*rumor{{{}, {ask: true}}, {{knows: true}, {knows: true, ask: true}}}

// site is one of very many nodes that spread one rumor by push and pull: each second it asks another one, and both know
// what one of them knew.
type site struct {
	all   *sites
	knows bool
}

// sites is what they have in common.
type sites struct {
	n, know int
	aligned bool // all act at the same instants
}

var second = sim.Timer{Name: "second"}

func (s *site) Start(env sim.Env) {
	phase := time.Second
	if !s.all.aligned {
		phase = time.Duration(env.Rand().Int64N(int64(time.Second)))
	}
	env.SetTimer(second, phase)
}

func (s *site) Timeout(env sim.Env, t sim.Timer) {
	env.SetTimer(t, time.Second)
	to := sim.NodeID(1 + env.Rand().IntN(s.all.n-1))
	if to >= env.ID() {
		to++
	}
	env.Send(to, rumors[index(s.knows)][1])
}

func (s *site) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	m := msg.(*rumor)
	if m.ask && m.knows != s.knows { // the answer says something new, or is asked for
		env.Send(from, rumors[index(s.knows)][0])
	}
	if m.knows && !s.knows {
		s.learn()
	}
}

func (s *site) learn() {
	s.knows = true
	s.all.know++
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// BenchmarkGossip is one rumor that comes to all of very many nodes.
func BenchmarkGossip(b *testing.B) {
	for _, aligned := range []bool{false, true} {
		for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
			b.Run(fmt.Sprintf("aligned=%v/nodes=%d", aligned, n), func(b *testing.B) {
				var messages uint64
				var memory runtime.MemStats
				for range b.N {
					all := &sites{n: n, aligned: aligned}
					w := sim.New(sim.Config{Seed: 1, MaxSteps: 1 << 40, Network: netsim.New(1, netsim.Config{
						Link: netsim.Link{Latency: netsim.Latency{Shape: netsim.Uniform, Min: time.Millisecond, Max: 20 * time.Millisecond}},
					})})
					list := make([]site, n+1)
					for range n {
						w.Add(func(id sim.NodeID) sim.Node {
							list[id] = site{all: all}
							return &list[id]
						})
					}
					list[1].all = all
					w.At(0, func() {})
					w.RunUntil(clock.Time(time.Millisecond))
					list[1].learn()
					for at := clock.Time(0); all.know < n; at += clock.Time(100 * time.Millisecond) {
						w.RunUntil(at)
					}
					messages += w.Count(sim.KindDeliver)
					runtime.ReadMemStats(&memory)
					w.Close()
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(messages), "ns/message")
				b.ReportMetric(float64(messages)/float64(b.N)/float64(n), "messages/node")
				b.ReportMetric(float64(memory.Sys)/float64(n), "B/node")
			})
		}
	}
}
