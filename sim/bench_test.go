package sim_test

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/netsim"
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

// pinger answers each packet with one to the next node.
type pinger struct {
	start int // packets to begin with
	to    sim.NodeID
	k     uint64
}

func (p *pinger) Start(env sim.Env) {
	for range p.start {
		env.Send(p.to, &small{p.k, 1})
	}
}

func (p *pinger) Receive(env sim.Env, _ sim.NodeID, _ sim.Message) {
	p.k++
	env.Send(p.to, &small{p.k, 1})
}

func (p *pinger) Timeout(sim.Env, sim.Timer) {}

// benchWorld is five nodes on uniform links of 1 to 10 ms with two rules.
func benchWorld(b *testing.B, factory func(id sim.NodeID) sim.Node) *sim.World {
	b.ReportAllocs()
	net := netsim.New(1, netsim.Config{Link: netsim.Link{
		Latency: netsim.Latency{Shape: netsim.Uniform, Min: time.Millisecond, Max: 10 * time.Millisecond},
	}})
	net.Install(netsim.Lossy{})
	net.Install(netsim.Duplicating{})
	w := sim.New(sim.Config{Seed: 1, Network: net, MaxSteps: 1 << 62, Disk: func(id sim.NodeID) sim.Storage {
		return disksim.New(1, id, disksim.Config{SyncMin: time.Millisecond})
	}})
	b.Cleanup(w.Close)
	for range 5 {
		w.Add(factory)
	}
	w.RunUntil(clock.Time(50 * time.Millisecond))
	b.ResetTimer()
	return w
}

// BenchmarkDeliver is a delivered message through the whole contract: counter
// draws, two rules, effect gating, Lamport clock, hash; recording off.
func BenchmarkDeliver(b *testing.B) {
	for _, n := range pendings {
		b.Run("pending="+strconv.Itoa(n), func(b *testing.B) {
			w := benchWorld(b, func(id sim.NodeID) sim.Node { return &pinger{start: n / 5, to: id%5 + 1} })
			w.Bench(w.Steps() + uint64(b.N))
		})
	}
}

// writer appends and syncs each packet before it answers.
type writer struct {
	pinger
	log  sim.File
	data [64]byte
}

func (p *writer) Start(env sim.Env) {
	p.log = env.Disk().Open("log")
	p.pinger.Start(env)
}

func (p *writer) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	if p.log.Size() > 1<<16 {
		p.log.Truncate(0)
	}
	p.log.Append(p.data[:])
	p.log.Sync()
	p.pinger.Receive(env, from, msg)
}

// BenchmarkAppendSyncReply counts per message, which is two steps: its
// delivery and its sync.
func BenchmarkAppendSyncReply(b *testing.B) {
	for _, n := range []int{5, 20} {
		b.Run("pending="+strconv.Itoa(n), func(b *testing.B) {
			w := benchWorld(b, func(id sim.NodeID) sim.Node { return &writer{pinger: pinger{start: n / 5, to: id%5 + 1}} })
			w.Bench(w.Steps() + 2*uint64(b.N))
		})
	}
}

// BenchmarkCallbackStep and BenchmarkSpawnStep are the same node in two styles.
func BenchmarkCallbackStep(b *testing.B) {
	w := benchWorld(b, func(id sim.NodeID) sim.Node { return &pinger{start: 40, to: id%5 + 1} })
	w.Bench(w.Steps() + uint64(b.N))
}

func BenchmarkSpawnStep(b *testing.B) {
	w := benchWorld(b, func(id sim.NodeID) sim.Node {
		return sim.Spawn(func(p *sim.Proc) {
			for range 40 {
				p.Send(id%5+1, &small{0, 1})
			}
			for k := uint64(0); ; k++ {
				p.Recv(sim.Forever)
				p.Send(id%5+1, &small{k, 1})
			}
		})
	})
	w.Bench(w.Steps() + uint64(b.N))
}
