package nemesis

import (
	"slices"
	"strings"

	"github.com/seedbed-sim/seedbed/sim"
)

// Target is the one node that a fault strikes: by its id, or by a role that a scenario names, such as "leader": whoever
// has it when the fault is due. A role of "next leader" waits: the fault strikes at the moment, in its window, at which
// somebody gets the role, in the middle of the handler that brought it about; what it does lasts as long as the window,
// from then on. So rare windows are met.
type Target struct {
	Node sim.NodeID
	Role string // instead of Node
	All  bool   // instead of both: each node of the cluster
}

// nextPrefix begins the roles that wait.
const nextPrefix = "next "

func (t Target) String() string {
	switch {
	case t.All:
		return "all"
	case t.Role != "":
		return t.Role
	}
	return t.Node.String()
}

// waits reports whether it is somebody at the moment of a fact, rather than at a time.
func (t Target) waits() bool { return t.Role == Emitter || strings.HasPrefix(t.Role, nextPrefix) }

// whom makes faults that embed a Target aimed.
func (t Target) whom() Target { return t }

// Role is the role that a fault strikes, whether it waits for it or not; empty if it strikes by other means.
func Role(f Fault) string {
	if f, ok := f.(aimed); ok {
		return strings.TrimPrefix(f.whom().Role, nextPrefix)
	}
	return ""
}

// aimed is a fault that strikes one node.
type aimed interface{ whom() Target }

// fields is the JSON form: one of the fields node, role and all.
func (t *Target) fields(c *codec) {
	c.maybe("all", t.All, func() { c.flag(&t.All) })
	c.maybe("role", t.Role != "", func() {
		if c.text(&t.Role); t.Role == "" || t.Role == nextPrefix {
			c.fail("a role without a name")
		}
	})
	if !t.All && t.Role == "" {
		c.field("node", func() { c.node(&t.Node) })
		return
	}
	several := func() { c.fail("what it strikes is one of node, role and all, not several") }
	c.maybe("node", false, several)
	if t.All && t.Role != "" {
		several()
	}
}

// concerns says why a fault of the target cannot spare a core.
func (t Target) concerns(core []sim.NodeID) (why string) {
	switch {
	case t.All:
		return "it strikes the core"
	case t.Role != "":
		return "the role may be that of a node in the core"
	case slices.Contains(core, t.Node):
		return t.Node.String() + " is in the core"
	}
	return ""
}

// target draws one: in half of the cases a role, where the space has roles; and of the rest some by a fact.
func (d *drawing) target() Target {
	if d.only != sim.Nobody {
		return Target{Node: d.only}
	}
	if len(d.focus) > 0 && d.below(4) < victimShare {
		return Target{Role: d.focus[d.below(len(d.focus))]}
	}
	if len(d.facts) > 0 && d.below(6) == 0 {
		d.on = Trigger{d.facts[d.below(len(d.facts))]}
		return Target{Role: Emitter}
	}
	if len(d.roles) > 0 && d.below(2) == 0 {
		return Target{Role: d.roles[d.below(len(d.roles))]}
	}
	return Target{Node: d.node()}
}

// Roles says who has which role in a run. The scenario's watchers set it, faults ask it. The zero value has nobody.
type Roles struct {
	holders map[string]sim.NodeID
	waiting []waiting // in order of their faults
}

type waiting struct {
	role   string
	strike func(sim.NodeID) bool // false: too late
}

// Set says that a node has a role from now on; Nobody, that no node has. The first fault that waits for the role strikes:
// so several that wait strike those who get it one after the other.
func (r *Roles) Set(role string, id sim.NodeID) {
	if r.holders == nil {
		r.holders = make(map[string]sim.NodeID)
	}
	r.holders[role] = id
	if id == sim.Nobody {
		return
	}
	for i, w := range r.waiting {
		if w.role == role {
			r.waiting = slices.Delete(r.waiting, i, i+1)
			if w.strike(id) {
				return
			}
			r.Set(role, id) // that one waited too long
			return
		}
	}
}

func (r *Roles) wait(role string, strike func(sim.NodeID) bool) {
	r.waiting = append(r.waiting, waiting{role, strike})
}
