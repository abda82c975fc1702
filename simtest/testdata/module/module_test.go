// Package module is tested by simtest's tests, in a module of its own. Most of its tests fail, as they should.
package module

import (
	"testing"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/simtest"
)

func TestGood(t *testing.T)  { simtest.Run(t, good("toy/good")) }
func TestWrong(t *testing.T) { simtest.Run(t, wrong("toy/wrong")) }

func FuzzGood(f *testing.F)  { simtest.Fuzz(f, good("toy/good")) }
func FuzzWrong(f *testing.F) { simtest.Fuzz(f, wrong("toy/wrong")) }

// The name of a test may need quotes in a shell.
func TestNested(t *testing.T) {
	t.Run("it's $HOME", func(t *testing.T) { simtest.Run(t, late()) })
}

func TestNever(t *testing.T) {
	s := good("toy/never")
	build := s.Build
	s.Build = func(r *scenarios.Run) {
		build(r)
		r.Checks.Sometimes("pigs fly")
	}
	simtest.Run(t, s)
}

func TestDemonstration(t *testing.T) {
	s := wrong("toy/demonstration")
	s.Anomaly = `always "there is one leader"`
	simtest.Run(t, s)
}

func TestDemonstrationOfNothing(t *testing.T) {
	s := good("toy/nothing")
	s.Anomaly = `always "there are two"`
	simtest.Run(t, s)
}

// Its seed 2 fails the first time that it is run in a process.
func TestLeaky(t *testing.T) {
	s := good("toy/leaky")
	done := false
	s.Judge = func(r *scenarios.Run) {
		if r.Plan.Seed == 2 && !done {
			done = true
			r.Checks.Always("all is well").Violatef("not yet")
		}
	}
	simtest.Run(t, s)
}

// It is another run each time.
func TestUnsteady(t *testing.T) {
	s := good("toy/unsteady")
	build, runs := s.Build, 0
	s.Build = func(r *scenarios.Run) {
		runs++
		build(r)
		r.World.Cost(1, func(sim.Kind, any) time.Duration { return time.Duration(runs) * time.Millisecond })
	}
	simtest.Run(t, s)
}

func TestMessages(t *testing.T) { simtest.Messages(t, good("toy/good")) }

// A node adds to a list that it has sent, in the same array.
func TestMessagesAreChanged(t *testing.T) {
	s := good("toy/changed")
	s.Build = func(r *scenarios.Run) {
		r.AddServers(func(sim.NodeID) sim.Node { return &adder{list: make([]int, 1, 8)} })
		r.World.Watch(func(*sim.Step) { r.Checks.Always("something happens").Hold() })
	}
	simtest.Messages(t, s)
}

type adder struct{ list []int }

func (a *adder) Start(env sim.Env) { env.SetTimer(tick, 100*time.Millisecond) }

func (a *adder) Timeout(env sim.Env, t sim.Timer) {
	env.Send(env.ID()%3+1, a.list)
	a.list[0]++
	env.SetTimer(t, 100*time.Millisecond)
}

func (a *adder) Receive(env sim.Env, _ sim.NodeID, msg sim.Message) { env.Emit(len(msg.([]int))) }

func TestLintHonest(t *testing.T)   { simtest.Lint(t, "./honest") }
func TestLintCareless(t *testing.T) { simtest.Lint(t, "./...") }
func TestLintNowhere(t *testing.T)  { simtest.Lint(t, "./nowhere") }

// good is a scenario whose first node leads for ever.
func good(name string) *scenarios.Scenario {
	return elect(name, func(env sim.Env) bool { return env.ID() == 1 })
}

// wrong is one in which a node leads that hears of no leader for a while. A leader that was paused may be another.
func wrong(name string) *scenarios.Scenario {
	return elect(name, func(sim.Env) bool { return true })
}

// late is one that is found to be wrong when all is over.
func late() *scenarios.Scenario {
	s := good("toy/late")
	s.Linear = checkers.RegisterModel // its history is empty
	s.Judge = func(r *scenarios.Run) {
		r.Checks.Always("few steps").Check(r.World.Steps() < 10, func() string { return "there were many" })
	}
	return s
}

// leads is the fact that a node leads from now on, or does not.
type leads bool

func elect(name string, may func(sim.Env) bool) *scenarios.Scenario {
	space := nemesis.DefaultSpace(name)
	space.Nodes = nemesis.Range[int]{Min: 3, Max: 3}
	space.Clients = nemesis.Range[int]{}
	space.Swarm = false
	space.Duration = nemesis.Range[time.Duration]{Min: 5 * time.Second, Max: 5 * time.Second}
	space.Faults = []nemesis.FaultKind{{Kind: "pause", Count: nemesis.Range[int]{Max: 4}}}
	return &scenarios.Scenario{
		Name: name, Doc: "One of three leads.", Space: space, Tail: time.Second,
		Build: func(r *scenarios.Run) {
			r.AddServers(func(sim.NodeID) sim.Node { return &node{may: may} })
			one := r.Checks.Always("there is one leader")
			leader := sim.Nobody
			r.World.Watch(func(s *sim.Step) {
				switch {
				case s.Payload == leads(true) && leader != sim.Nobody && leader != s.Node:
					one.Violatef("%s and %s", leader, s.Node)
				case s.Payload == leads(true):
					leader = s.Node
					one.Hold()
				case leader == s.Node:
					leader = sim.Nobody
				}
			})
		},
	}
}

var tick = sim.Timer{Name: "tick"}

// node leads if it has heard of no leader for as long as it is patient, and tells the others every 100 ms.
type node struct {
	Leads bool
	may   func(sim.Env) bool
}

func (n *node) Start(env sim.Env) { n.wait(env) }

func (n *node) wait(env sim.Env) { env.SetTimer(tick, time.Duration(env.ID())*300*time.Millisecond) }

func (n *node) Timeout(env sim.Env, _ sim.Timer) {
	if !n.may(env) {
		return
	}
	if !n.Leads {
		n.Leads = true
		env.Emit(leads(true))
	}
	for id := sim.NodeID(1); id <= 3; id++ {
		if id != env.ID() {
			env.Send(id, "I lead")
		}
	}
	env.SetTimer(tick, 100*time.Millisecond)
}

func (n *node) Receive(env sim.Env, _ sim.NodeID, _ sim.Message) {
	if n.Leads {
		n.Leads = false
		env.Emit(leads(false))
	}
	n.wait(env)
}
