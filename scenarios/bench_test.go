package scenarios

import (
	"fmt"
	"io"
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/models/raft"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// partitionHeal is the benchmark's scenario: five members with 50 ms heartbeats, the leader cut off from 2 s to 5 s.
var partitionHeal = &Scenario{
	Name: "bench/partition-heal", Doc: "A leader is cut off and comes back.",
	Build: func(r *Run) {
		addRaftService(r, func(c raft.Config) sim.Node { return raft.NewKV(c) }, kvOp)
		r.World.At(clock.Time(2*time.Second), func() {
			for _, id := range r.Servers() {
				if r.World.Node(id).(*raft.KV).Raft().Leads() {
					heal := r.Net.Cut(netsim.Isolate(id))
					r.World.At(clock.Time(5*time.Second), heal)
				}
			}
		})
	},
	Judge:  sawInfo,
	Linear: checkers.KVModel,
	Form:   kvForm,
}

func partitionHealPlan(ops int) nemesis.Plan {
	p := nemesis.Plan{
		Scenario: partitionHeal.Name, Nodes: 5, Clients: 5, Duration: 8 * time.Second,
		Link: netsim.Link{Latency: netsim.Latency{Shape: netsim.Uniform, Min: time.Millisecond, Max: 5 * time.Millisecond}},
		Disk: disksim.Config{SyncMin: time.Millisecond, SyncMax: time.Millisecond},
	}
	kinds := []string{"put", "read", "append", "get", "cas"}
	for i := range ops {
		p.Ops = append(p.Ops, nemesis.Op{
			At: 500*time.Millisecond + time.Duration(i)*7*time.Second/time.Duration(ops), Client: i%p.Clients + 1,
			Kind: kinds[i/2%len(kinds)], Key: string(rune('a' + i%4)), Value: "v" + strconv.Itoa(i), Arg: "v" + strconv.Itoa(i-4),
		})
	}
	return p
}

// BenchmarkRaftPartitionHeal is complete runs: a new world each, 8 s virtual, five invariants and linearizability on.
func BenchmarkRaftPartitionHeal(b *testing.B) {
	for _, ops := range []int{30, 100} {
		b.Run("ops="+strconv.Itoa(ops), func(b *testing.B) {
			defer debug.SetGCPercent(debug.SetGCPercent(sweepGC))
			p := partitionHealPlan(ops)
			b.ReportAllocs()
			steps := uint64(0)
			for i := range b.N {
				p.Seed = uint64(i)
				r := partitionHeal.Run(p, Options{})
				if r.Verdict != checkers.Valid || r.Contents.Get("ok") < int64(ops)*8/10 {
					b.Fatal(fmt.Sprintf("seed %d: %s; %v", i, r.Line(), r.Contents))
				}
				steps += r.Steps
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
			b.ReportMetric(float64(steps)/float64(b.N), "steps/run")
		})
	}
}

// BenchmarkPlan draws the plans of raft/kv.
func BenchmarkPlan(b *testing.B) {
	for i := range b.N {
		if p := raftKV.Plan(uint64(i + 1)); len(p.Ops) == 0 {
			b.Fatal(p)
		}
	}
}

// BenchmarkSwarm is seeds of raft/kv as a sweep runs them: plans under full swarm, all checks on.
func BenchmarkSwarm(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(sweepGC))
	virtual := time.Duration(0)
	for i := range b.N {
		r := raftKV.RunSeed(uint64(i+1), Options{})
		if !r.Expected {
			b.Fatal(r.Line())
		}
		virtual += time.Duration(r.Virtual)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "seeds/s")
	b.ReportMetric(virtual.Seconds()/b.Elapsed().Seconds(), "virtual/wall")
}

// BenchmarkRecording is runs of raft/kv as they are, with the deep hash, and with the trace as well.
func BenchmarkRecording(b *testing.B) {
	for name, run := range map[string]func(p nemesis.Plan) error{
		"unrecorded": func(p nemesis.Plan) error { raftKV.Run(p, Options{}); return nil },
		"deep":       func(p nemesis.Plan) error { raftKV.Run(p, Options{Deep: true}); return nil },
		"recorded":   func(p nemesis.Plan) error { _, err := raftKV.Record(p, Options{}, io.Discard); return err },
	} {
		b.Run(name, func(b *testing.B) {
			defer debug.SetGCPercent(debug.SetGCPercent(sweepGC))
			for i := range b.N {
				if err := run(raftKV.Plan(uint64(1 + i%16))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
