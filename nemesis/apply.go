package nemesis

import (
	"cmp"
	"fmt"
	"slices"
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
// Faults may strike by role: role says who has one now, or Nobody. It may be nil.
//
// It panics if a fault is not valid, see Plan.Check.
func Apply(w *sim.World, net *netsim.Network, p Plan, role func(name string) sim.NodeID) {
	c := codec{file: "plan", plan: &p}
	c.within(step{name: "faults"}, nil, func() { p.faultFields(&c) })
	if c.err != nil {
		panic("nemesis: " + c.err.Error())
	}
	if role == nil {
		role = func(string) sim.NodeID { return sim.Nobody }
	}
	t := &target{world: w, net: net, role: role, nodes: make([]nodeState, p.Nodes+1)}
	type deed struct {
		at     time.Duration
		strike bool
		do     func()
	}
	var deeds []deed
	for _, e := range p.Faults {
		var heal func()
		deeds = append(deeds, deed{e.At, true, func() { heal = e.Fault.strike(t, e.Until) }})
		if e.Until != 0 {
			deeds = append(deeds, deed{e.Until, false, func() {
				if heal != nil {
					heal()
				}
			}})
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
	role  func(name string) sim.NodeID
	nodes []nodeState // by NodeID
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
