package scenarios

import (
	"runtime/debug"
	"strconv"
	"testing"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// olepLoad is the benchmark's scenario: one broker with four partitions, and a group of two.
var olepLoad = &Scenario{
	Name: "bench/olep-log", Doc: "Producers append as fast as they are answered.",
	Tail: 4 * time.Second,
	Build: func(r *Run) {
		cluster := olep.Cluster{Partitions: 4, Hosts: func(int) []sim.NodeID { return r.Servers() }}
		client := olep.ClientConfig{Cluster: cluster, Patient: r.Plan.Duration}
		buildOlep(r, olepChoice{
			broker:    olep.BrokerConfig{Cluster: cluster},
			client:    client,
			consumer:  olep.ConsumerConfig{ClientConfig: client, Group: "g", Max: 256},
			consumers: 2,
			anonymous: make([]bool, r.Plan.Clients+1),
		})
	},
	Judge: judgeOlep,
}

// BenchmarkOlepLog is records that are appended in batches of 16, on disk, acknowledged, processed by a group and judged,
// each by itself.
func BenchmarkOlepLog(b *testing.B) {
	const clients, batches = 8, 400
	defer debug.SetGCPercent(debug.SetGCPercent(sweepGC))
	plan := nemesis.Plan{
		Scenario: olepLoad.Name, Nodes: 1, Clients: clients, Duration: 4 * time.Second,
		Link: netsim.Link{Latency: netsim.Latency{Shape: netsim.Uniform, Min: time.Millisecond, Max: 5 * time.Millisecond}},
		Disk: disksim.Config{SyncMin: time.Millisecond, SyncMax: time.Millisecond},
	}
	for i := range clients * batches {
		plan.Ops = append(plan.Ops, nemesis.Op{
			At: time.Duration(i) * 3 * time.Second / (clients * batches), Client: i%clients + 1,
			Kind: "append", Key: string(rune('a' + i/clients%8)), Value: "v" + strconv.Itoa(i), Arg: "16",
		})
	}
	b.ReportAllocs()
	records := int64(0)
	for i := range b.N {
		plan.Seed = uint64(i)
		r := olepLoad.Run(plan, Options{})
		n := r.Contents.Get("records appended")
		if r.Verdict != checkers.Valid || n < 16*clients*batches || r.Contents.Get("records processed") < n {
			b.Fatalf("seed %d: %s; %v", i, r.Line(), r.Contents)
		}
		records += n
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
}
