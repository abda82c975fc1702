package raft

import (
	"fmt"
	"testing"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/sim"
)

// BenchmarkRun is whole runs of a key-value store: five members, heartbeats every 50 ms, 8 s of virtual time, 1 ms
// syncs, and ops operations of one client. Without operations it is heartbeats alone.
func BenchmarkRun(b *testing.B) {
	for _, ops := range []int{0, 30, 100} {
		b.Run(fmt.Sprintf("ops=%d", ops), func(b *testing.B) {
			b.ReportAllocs()
			config := Config{Peers: []sim.NodeID{1, 2, 3, 4, 5}, Heartbeat: 50 * ms, PreVote: true, CheckQuorum: true}
			calls := make([]Call, ops)
			for i := range calls {
				calls[i] = Call{
					At: 500*ms + time.Duration(i)*(7*time.Second)/time.Duration(ops),
					Op: KVOp{Kind: KVPut, Key: "key", Value: "value"},
				}
			}
			steps := uint64(0)
			for seed := range uint64(b.N) {
				w := sim.New(sim.Config{Seed: seed, Disk: func(id sim.NodeID) sim.Storage {
					return disksim.New(seed, id, disksim.Config{SyncMin: ms})
				}})
				for range config.Peers {
					w.Add(func(sim.NodeID) sim.Node { return NewKV(config) })
				}
				var client *Client
				w.Add(func(sim.NodeID) sim.Node {
					client = NewClient(ClientConfig{Servers: config.Peers, Calls: calls})
					return client
				})
				if !w.RunUntil(clock.Time(8*time.Second)) || !client.Done() {
					b.Fatalf("seed %d: %v, client done: %t", seed, w.Violation(), client.Done())
				}
				steps += w.Steps()
				w.Close()
			}
			b.ReportMetric(float64(steps)/float64(b.N), "steps/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
		})
	}
}
