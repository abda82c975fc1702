package scenarios

import (
	"fmt"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

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
