package nemesis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// Healed is the payload of the fault step in which a fault was healed. That of the step in which it struck is the
// Fault itself.
type Healed struct {
	Fault Fault
}

// Moot is the payload of the fault step in which a plan's fault, or healing it, was due and there was nothing to do.
type Moot struct {
	Of  fmt.Stringer // the Fault, or its Healed
	Why string
}

func (h Healed) String() string { return "Healed " + h.Fault.String() }

func (m Moot) String() string { return m.Of.String() + " is moot: " + m.Why }

// Apply schedules a plan's faults on a world that has the plan's nodes, or will have them when the first fault is due,
// and has net as its network. Plan times are world times. What is healed at an instant is healed before anything
// strikes; what strikes at one instant strikes in the plan's order. Each strike and each healing is a step.
//
// Faults that strike by role ask roles, which may be nil: then nobody has any.
//
// It panics if a fault is not valid, see Plan.Check.
func Apply(w *sim.World, net *netsim.Network, p Plan, roles *Roles) {
	c := codec{file: "plan", plan: &p}
	c.within(step{name: "faults"}, nil, func() { p.faultFields(&c) })
	if c.err != nil {
		panic("nemesis: " + c.err.Error())
	}
	if roles == nil {
		roles = &Roles{}
	}
	t := &target{world: w, net: net, roles: roles, nodes: make([]nodeState, p.Nodes+1)}
	type deed struct {
		at     time.Duration
		strike bool
		do     func()
	}
	var deeds []deed
	for _, e := range p.Faults {
		var heal func()
		healed := func() {
			if heal != nil {
				heal()
			}
		}
		if t.waits(e) {
			deeds = append(deeds, deed{e.At, true, func() {
				t.await(e, func(id sim.NodeID) {
					until := min(time.Duration(w.Now())+e.Until-e.At, p.Duration)
					heal = e.Fault.strike(t, id, until)
					w.At(clock.Time(until), healed)
				})
			}})
			continue
		}
		deeds = append(deeds, deed{e.At, true, func() {
			t.aim(e, func(id sim.NodeID) { heal = e.Fault.strike(t, id, e.Until) })
		}})
		if e.Until != 0 {
			deeds = append(deeds, deed{e.Until, false, healed})
		}
	}
	slices.SortStableFunc(deeds, func(a, b deed) int {
		switch {
		case a.at != b.at:
			return cmp.Compare(a.at, b.at)
		case a.strike == b.strike:
			return 0
		case b.strike:
			return -1
		}
		return 1
	})
	for _, d := range deeds {
		w.At(clock.Time(d.at), d.do)
	}
}

// target is what faults strike, and what they know of each other. A strike or healing makes its step first, then does
// what it does: so the trace has causes before their effects.
type target struct {
	world *sim.World
	net   *netsim.Network
	roles *Roles
	nodes []nodeState // by NodeID
}

// aim finds the node that an event's fault is to strike. If there is none, or it is down, the fault is moot. Faults that
// are not about one node strike Nobody.
func (t *target) aim(e Event, strike func(sim.NodeID)) {
	f, ok := e.Fault.(aimed)
	if !ok {
		strike(sim.Nobody)
		return
	}
	id := f.whom().Node
	if role := f.whom().Role; role != "" {
		if id = t.roles.holders[role]; id == sim.Nobody {
			t.world.Fault(Moot{e.Fault, "nobody is " + role})
			return
		}
	}
	t.try(e, id, strike)
}

func (t *target) try(e Event, id sim.NodeID, strike func(sim.NodeID)) {
	if !t.world.Up(id) {
		t.moot(e.Fault, id, "is down")
		return
	}
	strike(id)
}

// waits reports whether an event's fault waits for somebody to get a role.
func (t *target) waits(e Event) bool {
	f, ok := e.Fault.(aimed)
	return ok && strings.HasPrefix(f.whom().Role, nextPrefix)
}

// await has such a fault strike the next node that gets the role before the window ends.
func (t *target) await(e Event, strike func(sim.NodeID)) {
	role := strings.TrimPrefix(e.Fault.(aimed).whom().Role, nextPrefix)
	t.roles.wait(role, func(id sim.NodeID) bool {
		if t.world.Now() >= clock.Time(e.Until) {
			return false
		}
		t.try(e, id, strike)
		return true
	})
}

// nodeState is a node as faults have left it. It only knows of what faults did.
type nodeState struct {
	lives int // how often a fault, or its healing, booted it
	// crashes counts the crashes that have struck it. The last of them owns its reboot.
	crashes int
	drift   int64 // ppm, of all drifts in force
}

// struck is the step of a fault that strikes now; what it does follows.
func (t *target) struck(f Fault) { t.world.Fault(f) }

// healed is the step of a fault that is healed now.
func (t *target) healed(f Fault) { t.world.Fault(Healed{f}) }

// moot is the step of a fault, or of a Healed, that was due to no effect.
func (t *target) moot(what fmt.Stringer, id sim.NodeID, why string) {
	t.world.Fault(Moot{what, id.String() + " " + why})
}

func (t *target) boot(id sim.NodeID) {
	t.nodes[id].lives++
	t.world.Restart(id)
}

// undo heals a fault whose healing is never moot.
func (t *target) undo(f Fault, do func()) (heal func()) {
	return func() {
		t.healed(f)
		do()
	}
}
