package scenarios

import (
	"iter"
	"time"

	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

// What scenarios of event logs have in common.

// olepCluster spreads partitions, and the groups, over so many brokers, which are the first nodes.
func olepCluster(partitions, brokers int) olep.Cluster {
	return olep.Cluster{Partitions: partitions, Hosts: func(part int) []sim.NodeID {
		return []sim.NodeID{sim.NodeID(1 + (part+partitions)%brokers)}
	}}
}

// olepAsks is how clients ask: patiently, once faults are over, as it is for Liveness then to say what takes too long.
func olepAsks(r *Run, c olep.Cluster) olep.ClientConfig {
	return olep.ClientConfig{
		Cluster: c, Retry: retry(r.Plan), Backoff: backoff, Deadline: patience(r.Plan), Patient: r.Plan.Duration,
	}
}

// olepHasty is olepAsks, but in some runs all give up soon.
func olepHasty(r *Run, c olep.Cluster, d *sim.Stream) olep.ClientConfig {
	asks := olepAsks(r, c)
	if d.Below(2) == 0 {
		asks.Deadline = asks.Retry
	}
	return asks
}

// planned are a client's operations, with their numbers, each at its time, as long as there are faults.
func (r *Run) planned(p *sim.Proc, ops []nemesis.Op) iter.Seq2[int, nemesis.Op] {
	return func(yield func(int, nemesis.Op) bool) {
		for i, op := range ops {
			p.Sleep(op.At - p.Elapsed())
			if p.Elapsed() >= r.Plan.Duration || !yield(i, op) {
				return
			}
		}
	}
}

// tail are the seconds of the quiet tail in which there are operations, each when it has come.
func (r *Run) tail(p *sim.Proc) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := range int(r.Scenario.Tail/time.Second) - 3 {
			p.Sleep(r.Plan.Duration + time.Duration(i)*time.Second - p.Elapsed())
			if !yield(i) {
				return
			}
		}
	}
}
