package checkers

import (
	"fmt"
	"maps"
	"slices"

	"github.com/seedbed-sim/seedbed/sim"
)

// ExactlyOnce checks that requests take effect once on every replica, however often they are sent, and that those that
// were acknowledged do. ID names a request.
type ExactlyOnce[ID comparable] struct {
	once *Property
	kept *Property

	applied []map[ID]bool // by replica
	acked   []ID
}

// NewExactlyOnce registers the two properties with the run's set.
func NewExactlyOnce[ID comparable](s *Set) *ExactlyOnce[ID] {
	return &ExactlyOnce[ID]{
		once: s.Always("a request takes effect once"),
		kept: s.Always("acknowledged requests take effect"),
	}
}

// Reset forgets everything, for the next run. The set is reset by its owner.
func (c *ExactlyOnce[ID]) Reset() {
	for _, m := range c.applied {
		clear(m)
	}
	c.acked = c.acked[:0]
}

// Apply tells that a request has changed a replica's state.
func (c *ExactlyOnce[ID]) Apply(replica sim.NodeID, id ID) {
	m := c.of(replica)
	if m[id] {
		c.once.Violatef("%v applies %v again", replica, id)
		return
	}
	m[id] = true
	c.once.Hold()
}

// Acknowledge tells that a client knows that its request took effect.
func (c *ExactlyOnce[ID]) Acknowledge(id ID) { c.acked = append(c.acked, id) }

// Restart tells that a replica has lost its state, and starts again from none.
func (c *ExactlyOnce[ID]) Restart(replica sim.NodeID) { clear(c.of(replica)) }

// Copy tells that a replica has replaced its state by that of another, as with a snapshot.
func (c *ExactlyOnce[ID]) Copy(to, from sim.NodeID) {
	source := c.of(from)
	clear(c.of(to))
	maps.Copy(c.of(to), source)
}

// Quiet tells that nothing is under way any more: each of these replicas must have all acknowledged requests.
func (c *ExactlyOnce[ID]) Quiet(replicas ...sim.NodeID) {
	for _, r := range replicas {
		m := c.of(r)
		for _, id := range c.acked {
			if !m[id] {
				c.kept.Violatef("%v has not applied %v, which was acknowledged", r, id)
				return
			}
			c.kept.Hold()
		}
	}
}

func (c *ExactlyOnce[ID]) of(replica sim.NodeID) map[ID]bool {
	for int(replica) >= len(c.applied) {
		c.applied = append(c.applied, make(map[ID]bool))
	}
	return c.applied[replica]
}

// Convergence checks that replicas are in the same state once nothing is under way. S is a state, or a digest of one.
type Convergence[S comparable] struct {
	same *Property

	states []stated[S] // by replica
}

type stated[S comparable] struct {
	state S
	told  bool // false: state is the zero one, in which all begin
}

// NewConvergence registers the property with the run's set.
func NewConvergence[S comparable](s *Set) *Convergence[S] {
	return &Convergence[S]{same: s.Always("replicas are in the same state once quiet")}
}

// Reset forgets everything, for the next run. The set is reset by its owner.
func (c *Convergence[S]) Reset() { clear(c.states) }

// State tells the state a replica is in from now on.
func (c *Convergence[S]) State(replica sim.NodeID, state S) { *c.of(replica) = stated[S]{state, true} }

// Difference says in words where these replicas differ, for readers who wait; it is empty if they do not.
func (c *Convergence[S]) Difference(replicas ...sim.NodeID) string {
	for _, r := range replicas {
		if a, b := c.of(replicas[0]).state, c.of(r).state; a != b {
			return fmt.Sprintf("%v is in state %v, %v in %v", replicas[0], a, r, b)
		}
	}
	return ""
}

// Quiet tells that nothing is under way any more: these replicas must be in the same state. If none has told a state there
// is nothing to check.
func (c *Convergence[S]) Quiet(replicas ...sim.NodeID) {
	told := slices.ContainsFunc(replicas, func(r sim.NodeID) bool { return c.of(r).told })
	if told && len(replicas) > 1 {
		d := c.Difference(replicas...)
		c.same.Check(d == "", func() string { return d })
	}
}

func (c *Convergence[S]) of(replica sim.NodeID) *stated[S] {
	for int(replica) >= len(c.states) {
		c.states = append(c.states, stated[S]{})
	}
	return &c.states[replica]
}
