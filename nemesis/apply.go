package nemesis

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
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

// Stage is where a plan is carried out.
type Stage struct {
	World *sim.World // has the plan's nodes, or will have them when the first fault is due
	Net   *netsim.Network
	Disk  func(id sim.NodeID) *disksim.Disk // may be nil, and return nil: that node has no disk
	Roles *Roles                            // whom faults by role strike; nil: nobody
}

// Apply schedules a plan's faults. Plan times are world times. What is healed at an instant is healed before anything
// strikes; what strikes at one instant strikes in the plan's order. Each strike and each healing is a step.
//
// It panics if a fault is not valid, see Plan.Check.
func Apply(stage Stage, p Plan) {
	c := codec{file: "plan", plan: &p}
	c.within(step{name: "faults"}, nil, func() { p.faultFields(&c) })
	if c.err != nil {
		panic("nemesis: " + c.err.Error())
	}
	t := &target{world: stage.World, net: stage.Net, disk: stage.Disk, roles: stage.Roles, plan: &p,
		nodes: make([]nodeState, p.Nodes+1)}
	if t.roles == nil {
		t.roles = &Roles{}
	}
	type deed struct {
		at     time.Duration
		strike bool
		do     func()
	}
	var deeds []deed
	for _, e := range p.Faults {
		if e.waits() {
			deeds = append(deeds, deed{e.At, true, func() { t.await(e) }})
			continue
		}
		var heal func()
		deeds = append(deeds, deed{e.At, true, func() { heal = t.aim(e, sim.Nobody, min(e.Until, p.Duration)) }})
		if e.Until != 0 && e.Until != Forever {
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
		stage.World.At(clock.Time(d.at), d.do)
	}
}

// target is what faults strike, and what they know of each other. A strike or healing makes its step first, then does
// what it does: so the trace has causes before their effects.
type target struct {
	world    *sim.World
	net      *netsim.Network
	disk     func(sim.NodeID) *disksim.Disk
	roles    *Roles
	plan     *Plan
	nodes    []nodeState // by NodeID
	part     bool        // what happens is part of a fault of all nodes, which has made its step
	triggers []*trigger  // that wait, in order of their faults
	watching bool        // facts are looked at
}

// aim has an event's fault strike whom it is aimed at. If there is nobody, or the node is down, the fault is moot. Faults
// that are not about single nodes strike Nobody. near is who has set the fault off, if somebody has. A node that the fault
// takes out for ever stays out from then on.
func (t *target) aim(e Event, near sim.NodeID, until time.Duration) (heal func()) {
	if id := endsFor(e); id != sim.Nobody {
		defer func() { t.nodes[id].gone = true }()
	}
	f, ok := e.Fault.(aimed)
	if !ok {
		return e.Fault.strike(t, sim.Nobody, until)
	}
	switch whom := f.whom(); {
	case whom.All:
		return t.strikeAll(e.Fault, until)
	case whom.Role == Emitter || strings.HasPrefix(whom.Role, nextPrefix):
		return t.try(e.Fault, near, until)
	case whom.Role != "":
		id := t.roles.holders[whom.Role]
		if id == sim.Nobody {
			t.world.Fault(Moot{e.Fault, "nobody is " + whom.Role})
			return nil
		}
		return t.try(e.Fault, id, until)
	default:
		return t.try(e.Fault, whom.Node, until)
	}
}

func (t *target) try(f Fault, id sim.NodeID, until time.Duration) (heal func()) {
	if _, ok := f.(interface{ strikesDown() }); !ok && !t.world.Up(id) {
		t.moot(f, id, "is down")
		return nil
	}
	return f.strike(t, id, until)
}

// strikeAll strikes each node of the cluster, in order.
func (t *target) strikeAll(f Fault, until time.Duration) (heal func()) {
	var heals []func()
	t.struck(f)
	t.part = true
	for id := sim.NodeID(1); int(id) <= t.plan.Nodes; id++ {
		if heal := t.try(f, id, until); heal != nil {
			heals = append(heals, heal)
		}
	}
	t.part = false
	return func() {
		t.healed(f)
		t.part = true
		for _, heal := range heals {
			heal()
		}
		t.part = false
	}
}

// waits reports whether an event's fault waits: for somebody to get a role, or for a fact.
func (e Event) waits() bool {
	f, ok := e.Fault.(aimed)
	return e.On.Fact != "" || ok && strings.HasPrefix(f.whom().Role, nextPrefix)
}

// await has such a fault strike once what it waits for happens, unless its window is over by then. A fault that is over at
// once may wait to the end, if it has no window.
func (t *target) await(e Event) {
	end := min(e.Until, t.plan.Duration)
	if e.Until == 0 {
		end = t.plan.Duration
	}
	struck := false
	strike := func(id sim.NodeID) bool {
		now := time.Duration(t.world.Now())
		if now >= end {
			return false
		}
		struck = true
		until := min(now+end-e.At, t.plan.Duration)
		if heal := t.aim(e, id, until); heal != nil && e.Until != Forever {
			t.world.At(clock.Time(until), heal)
		}
		return true
	}
	role := ""
	if f, ok := e.Fault.(aimed); ok {
		role = strings.TrimPrefix(f.whom().Role, nextPrefix)
	}
	t.world.At(clock.Time(end), func() {
		switch {
		case struck:
		case e.On.Fact != "":
			t.world.Fault(Moot{e.Fault, "there was no " + e.On.Fact})
		default:
			t.world.Fault(Moot{e.Fault, "nobody became " + role})
		}
	})
	if e.On.Fact == "" {
		t.roles.wait(role, strike)
		return
	}
	t.triggers = append(t.triggers, &trigger{e.On.Fact, strike})
	if !t.watching {
		t.watching = true
		t.world.Watch(t.fact)
	}
}

// trigger is a fault that waits for a fact.
type trigger struct {
	fact   string
	strike func(sim.NodeID) bool // false: too late
}

// fact sets off the first fault that waits for it.
func (t *target) fact(s *sim.Step) {
	if len(t.triggers) == 0 || int(s.Node) > t.plan.Nodes {
		return
	}
	fact, id := s.Payload, s.Node // a Watch reuses its Step
	for {
		scoped, ok := fact.(sim.Scoped)
		if !ok {
			break
		}
		fact = scoped.Inner
	}
	name := reflect.TypeOf(fact).Name()
	for i := 0; i < len(t.triggers); {
		w := t.triggers[i]
		if w.fact != name {
			i++
			continue
		}
		t.triggers = slices.Delete(t.triggers, i, i+1)
		if w.strike(id) {
			return
		}
	}
}

// nodeState is a node as faults have left it. It only knows of what faults did.
type nodeState struct {
	lives int // how often a fault, or its healing, booted it
	// crashes counts the crashes that have struck it. The last of them owns its reboot.
	crashes int
	drift   int64 // ppm, of all drifts in force
	freezes int   // in force
	gone    bool  // a crash or a pause for ever has struck it: nothing boots it any more
	disk    diskState
}

// struck is the step of a fault that strikes now; what it does follows.
func (t *target) struck(f Fault) { t.step(f) }

// healed is the step of a fault that is healed now.
func (t *target) healed(f Fault) { t.step(Healed{f}) }

func (t *target) step(of fmt.Stringer) {
	if !t.part {
		t.world.Fault(of)
	}
}

// moot is the step of a fault, or of a Healed, that was due to no effect.
func (t *target) moot(what fmt.Stringer, id sim.NodeID, why string) {
	t.world.Fault(Moot{what, id.String() + " " + why})
}

// boot makes its step, as of f or its healing, and boots a node; unless that is out for ever.
func (t *target) boot(f fmt.Stringer, id sim.NodeID) {
	if t.nodes[id].gone {
		t.moot(f, id, "is out for ever")
		return
	}
	t.step(f)
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
