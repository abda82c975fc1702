package scenarios

import (
	"fmt"
	"iter"
	"strings"
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

// view is the view of a node.
func (r *Run) view(id sim.NodeID) *olep.View { return r.World.Node(id).(*olep.View) }

// viewClients adds the plan's clients, and demands that once faults are over their operations succeed, and what is called
// name: that all views come to the ends of their logs. last is the last record that a view has to take in.
func (r *Run) viewClients(
	c olep.ClientConfig, body func(p *sim.Proc, number int, ops []nemesis.Op), name string, views []sim.NodeID, last func(view sim.NodeID) olep.LSN,
) {
	idle := 0
	r.AddClients(func(number int, ops []nemesis.Op) sim.Node {
		return sim.Spawn(func(p *sim.Proc) {
			body(p, number, ops)
			idle++
		})
	})
	quiet := func() bool { return idle == r.Plan.Clients }
	budget := budget(r.Plan) + 10*c.Retry + 20*time.Second
	tail := r.TailOps(quiet)
	tail.Budget = budget
	r.Liveness("operations in the quiet tail succeed", tail)
	r.Liveness(name, Progress{
		Budget: budget,
		Await: func() (progress uint64, done bool) {
			done = quiet()
			for _, id := range views {
				next := r.view(id).Next()
				progress += uint64(next)
				done = done && next == last(id)+1
			}
			return progress, done
		},
		Waiting: func() string {
			var text []string
			for _, id := range views {
				text = append(text, fmt.Sprintf("%s waits for %d, and the log ends with %d", id, r.view(id).Next(), last(id)))
			}
			return strings.Join(text, "; ")
		},
	})
}
