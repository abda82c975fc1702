package scenarios

import (
	"fmt"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/sim"
)

// view is the view of a node.
func (r *Run) view(id sim.NodeID) *olep.View { return r.World.Node(id).(*olep.View) }

// viewsArrive is the progress of views to the end of their logs, where clients are idle. last is the last record that a view
// has to take in.
func (r *Run) viewsArrive(views []sim.NodeID, last func(view sim.NodeID) olep.LSN, idle func() bool, budget time.Duration) Progress {
	return Progress{
		Budget: budget,
		Await: func() (progress uint64, done bool) {
			done = idle()
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
	}
}
