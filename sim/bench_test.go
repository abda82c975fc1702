package sim_test

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// small is a 16-byte message.
type small struct{ a, b uint64 }

var pendings = []int{200, 10_000}

// BenchmarkBareHeap is the baseline: what any simulator must do for a message,
// and nothing else. A 4-ary heap of 40-byte value entries; per entry one PCG
// draw and one 16-byte allocation; no dispatch; the number pending constant.
func BenchmarkBareHeap(b *testing.B) {
	for _, n := range pendings {
		b.Run("pending="+strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			rng := rand.New(rand.NewPCG(1, 2))
			h := make([]bareEntry, 0, n)
			draw := func() int64 { return int64(time.Millisecond) + rng.Int64N(int64(9*time.Millisecond)) }
			for i := range n {
				h = barePush(h, bareEntry{at: draw(), seq: uint64(i), msg: &small{}})
			}
			b.ResetTimer()
			for i := range b.N {
				var e bareEntry
				h, e = barePop(h)
				h = barePush(h, bareEntry{at: e.at + draw(), seq: uint64(n + i), to: e.to, msg: &small{e.seq, 1}})
			}
		})
	}
}

type bareEntry struct {
	at   int64
	seq  uint64
	from int32
	to   int32
	msg  any
}

func bareLess(a, b *bareEntry) bool { return a.at < b.at || a.at == b.at && a.seq < b.seq }

func barePush(h []bareEntry, e bareEntry) []bareEntry {
	h = append(h, e)
	i := len(h) - 1
	for i > 0 {
		p := (i - 1) / 4
		if !bareLess(&e, &h[p]) {
			break
		}
		h[i] = h[p]
		i = p
	}
	h[i] = e
	return h
}

func barePop(h []bareEntry) ([]bareEntry, bareEntry) {
	first := h[0]
	e := h[len(h)-1]
	h = h[:len(h)-1]
	i := 0
	for {
		c := 4*i + 1
		if c >= len(h) {
			break
		}
		least := c
		for k := c + 1; k < min(c+4, len(h)); k++ {
			if bareLess(&h[k], &h[least]) {
				least = k
			}
		}
		if !bareLess(&h[least], &e) {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = e
	return h, first
}

// uniformNetwork draws like netsim's uniform latency, without its rules.
type uniformNetwork struct{ s sim.Stream }

func (u *uniformNetwork) Send(p *sim.Packet) {
	p.Fate.Add(time.Millisecond + time.Duration(sim.Scale(u.s.Next(), uint64(9*time.Millisecond))))
}
func (u *uniformNetwork) Arrive(*sim.Packet) sim.Arrival { return sim.Arrival{} }

// pingNode answers each packet with one to the next node.
type pingNode struct {
	start int
	to    sim.NodeID
	k     uint64
}

func (p *pingNode) Start(env sim.Env) {
	for range p.start {
		env.Send(p.to, &small{p.k, 1})
	}
}
func (p *pingNode) Receive(env sim.Env, from sim.NodeID, _ sim.Message) {
	p.k++
	env.Send(p.to, &small{p.k, 1})
}
func (p *pingNode) Timeout(sim.Env, sim.Timer) {}

func BenchmarkDeliverPlain(b *testing.B) {
	for _, n := range pendings {
		b.Run("pending="+strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			w := sim.New(sim.Config{Seed: 1, Network: &uniformNetwork{sim.NewStream(1, "bench")}, MaxSteps: 1 << 62})
			const nodes = 5
			for i := range nodes {
				w.Add(func(sim.NodeID) sim.Node { return &pingNode{start: n / nodes, to: sim.NodeID((i+1)%nodes + 1)} })
			}
			w.RunUntil(clock.Time(20 * time.Millisecond))
			start := w.Steps()
			b.ResetTimer()
			w.Bench(start + uint64(b.N))
		})
	}
}
