package sim_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

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
	n, know     int
	synchronous bool // all act at the same instants, and have their answers before the next
}

var second = sim.Timer{Name: "second"}

func (s *site) Start(env sim.Env) {
	phase := time.Second
	if !s.all.synchronous {
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

// tellAll makes a world of sites and runs it until all know the rumor of the first.
func tellAll(n int, synchronous bool) *sim.World {
	all := &sites{n: n, synchronous: synchronous}
	w := sim.New(sim.Config{Seed: 1, MaxSteps: 1 << 40, Network: netsim.New(1, netsim.Config{
		Link: netsim.Link{Latency: netsim.Latency{Shape: netsim.Uniform, Min: time.Millisecond, Max: 20 * time.Millisecond}},
	})})
	list := make([]site, n)
	for i := range list {
		list[i].all = all
	}
	factory := func(id sim.NodeID) sim.Node { return &list[id-1] }
	for range n {
		w.Add(factory)
	}
	w.RunUntil(0)
	list[0].learn()
	for all.know < n {
		w.RunUntil(w.Now().Add(100 * time.Millisecond))
	}
	return w
}

// BenchmarkGossip is one rumor that comes to all of very many nodes. Bytes are all that the process has had from the
// system for its heap, so they mean something for one size at a time: -bench 'Gossip/free/nodes=1000000$'.
func BenchmarkGossip(b *testing.B) {
	for _, mode := range []string{"free", "synchronous"} {
		for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/nodes=%d", mode, n), func(b *testing.B) {
				var messages uint64
				for range b.N {
					w := tellAll(n, mode == "synchronous")
					messages += w.Count(sim.KindDeliver)
					w.Close()
				}
				var memory runtime.MemStats
				runtime.ReadMemStats(&memory)
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(messages), "ns/message")
				b.ReportMetric(float64(messages)/float64(b.N)/float64(n), "messages/node")
				b.ReportMetric(float64(memory.HeapSys)/float64(n), "B/node")
			})
		}
	}
}

// idle does nothing, and takes no memory.
type idle struct{}

func (idle) Start(sim.Env)                            {}
func (idle) Receive(sim.Env, sim.NodeID, sim.Message) {}
func (idle) Timeout(sim.Env, sim.Timer)               {}

// BenchmarkIdle tells what the engine takes for a node that has booted, and for one with a timer besides.
func BenchmarkIdle(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		b.Run(fmt.Sprintf("nodes=%d", n), func(b *testing.B) {
			var booted, timed float64
			for range b.N {
				booted, timed = idleBytes(n)
			}
			b.ReportMetric(booted, "B/node")
			b.ReportMetric(timed, "B/node-with-timer")
		})
	}
}

// A node that only is there is small, whatever it can do: a model of a million is not about memory.
func TestIdleNodesAreSmall(t *testing.T) {
	if race {
		t.Skip("the race detector has memory of its own")
	}
	booted, timed := idleBytes(100_000)
	assert.Less(t, booted, 224.0, "bytes per node")
	assert.Less(t, timed, 256.0, "bytes per node with a timer")
}

// idleBytes is what the engine holds for each of n idle nodes: when they have booted, and when each has set a timer.
func idleBytes(n int) (booted, timed float64) {
	bytes := func() uint64 {
		var memory runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&memory)
		return memory.HeapAlloc
	}
	before := bytes()
	w := sim.New(sim.Config{Seed: 1})
	factory := func(sim.NodeID) sim.Node { return idle{} }
	for range n {
		w.Add(factory)
	}
	w.RunUntil(0)
	booted = float64(bytes()-before) / float64(n)
	for id := range n {
		w.Do(sim.NodeID(id+1), func(env sim.Env) { env.SetTimer(second, time.Duration(id+1)*time.Microsecond+time.Second) })
	}
	w.RunUntil(clock.Time(time.Millisecond))
	timed = float64(bytes()-before) / float64(n)
	w.Close()
	return booted, timed
}
