package scenarios_test

import (
	"sync/atomic"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
)

// The scenarios of these tests are small, and most are wrong on purpose.

const ms = time.Millisecond

// toy is a scenario of three servers for two seconds, with pauses as its only faults.
func toy(name string, build, judge func(r *scenarios.Run)) *scenarios.Scenario {
	space := nemesis.DefaultSpace(name)
	space.Nodes = nemesis.Range[int]{Min: 3, Max: 3}
	space.Clients = nemesis.Range[int]{}
	space.Duration = nemesis.Range[time.Duration]{Min: 2 * time.Second, Max: 2 * time.Second}
	space.Faults = []nemesis.FaultKind{{Kind: "pause", Count: nemesis.Range[int]{Max: 2}}}
	return &scenarios.Scenario{Name: name, Doc: "A toy.", Space: space, Tail: time.Second, Build: build, Judge: judge}
}

// toyPlan is a plan for a toy that nobody has drawn: texts that tell of its run do not change with how plans are drawn.
func toyPlan(s *scenarios.Scenario, clients int, faults ...nemesis.Event) nemesis.Plan {
	return nemesis.Plan{
		Scenario: s.Name, Seed: 4711, Nodes: 3, Clients: clients, Duration: 2 * time.Second, Faults: faults,
		Link: netsim.Link{Latency: netsim.Latency{Shape: netsim.Constant, Min: 2 * ms}},
	}
}

// ring is a toy whose servers pass a token round, each holding it for 100 ms. Who has not had it for a while makes a new
// one, and that is wrong: the old one may not be lost, only late.
func ring() *scenarios.Scenario {
	return toy("toy/ring", func(r *scenarios.Run) {
		r.AddServers(func(id sim.NodeID) sim.Node { return &ringNode{Next: id%3 + 1} })
		one, round := r.Checks.Always("there is one token"), r.Checks.Sometimes("the token came round")
		newest := 0
		r.World.Watch(func(s *sim.Step) {
			r.Contents.Add("holders", 1)
			token := s.Payload.(holds).Token
			if newest = max(newest, token); token < newest {
				one.Violatef("%s holds %d, but there is %d", s.Node, token, newest)
				return
			}
			if one.Hold(); s.Node == 1 && s.At > 0 {
				round.Hold()
			}
		})
	}, nil)
}

// holds is the fact that a node has a token.
type holds struct{ Token int }

type ringNode struct {
	Next  sim.NodeID
	Token int // the last one it had
}

var (
	passTimer = sim.Timer{Name: "pass"}
	lostTimer = sim.Timer{Name: "lost"}
)

func (n *ringNode) Start(env sim.Env) {
	if env.ID() == 1 {
		n.take(env, 1)
	} else {
		env.SetTimer(lostTimer, patience(env))
	}
}

func (n *ringNode) Receive(env sim.Env, _ sim.NodeID, msg sim.Message) {
	n.take(env, msg.(holds).Token)
}

func (n *ringNode) Timeout(env sim.Env, t sim.Timer) {
	if t == passTimer {
		env.Send(n.Next, holds{n.Token})
		return
	}
	env.Logf("no token since token %d", n.Token)
	n.take(env, n.Token+1)
}

func (n *ringNode) take(env sim.Env, token int) {
	n.Token = token
	env.Emit(holds{token})
	env.SetTimer(passTimer, 100*ms)
	env.SetTimer(lostTimer, patience(env))
}

// patience is how long a node waits for the token: some wait longer, so that they do not all make one.
func patience(env sim.Env) time.Duration { return 500*ms + time.Duration(env.ID())*200*ms }

// ringPlan pauses a node that has the token for long enough that others miss it.
func ringPlan(s *scenarios.Scenario) nemesis.Plan {
	return toyPlan(s, 0,
		nemesis.Event{At: 150 * ms, Until: 1000 * ms, Fault: nemesis.Pause{Target: nemesis.Target{Node: 2}}},
		nemesis.Event{At: 1500 * ms, Until: 1600 * ms, Fault: nemesis.Pause{Target: nemesis.Target{Node: 1}}})
}

// register is a toy of a register with a copy: writes go to server 1, which answers and then brings server 2 up to date;
// reads are answered by server 2, and that is wrong. budget is the checker's; 0 is its default.
func register(name string, budget int) *scenarios.Scenario {
	return toy(name, func(r *scenarios.Run) {
		r.AddServers(func(sim.NodeID) sim.Node { return &registerNode{} })
		r.AddClients(func(client int, _ []nemesis.Op) sim.Node {
			return sim.Spawn(func(p *sim.Proc) {
				p.Sleep(time.Duration(client) * 100 * ms)
				if client == 1 {
					op := p.Op(checkers.Put{Key: "k", Text: "new"})
					p.Call(1, write("new"), sim.Forever, nil)
					op.OK(nil)
				}
				op := p.Op(checkers.Get{Key: "k"})
				value, _ := p.Call(2, "read", sim.Forever, nil)
				op.OK(value)
			})
		})
	}, func(r *scenarios.Run) {
		// Some model that only a search decides, unlike this one.
		m := checkers.RegisterModel()
		model := checkers.Model{Name: m.Name, Key: m.Key, Init: m.Init, Step: m.Step, Budget: budget}
		r.Checks.Add("linearizable", checkers.Linearizable(model, r.World.History()))
	})
}

type write string

type registerNode struct{ Value checkers.Value }

func (n *registerNode) Start(sim.Env) {}

func (n *registerNode) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	switch m := msg.(type) {
	case write:
		if n.Value = (checkers.Value{Text: string(m), Found: true}); env.ID() == 1 {
			env.Send(from, "written")
			env.Send(2, m)
		}
	default:
		env.Send(from, n.Value)
	}
}

func (n *registerNode) Timeout(sim.Env, sim.Timer) {}

// calls is a toy whose servers call function f every 100 ms.
func calls(name string, f func(env sim.Env)) *scenarios.Scenario {
	return toy(name, func(r *scenarios.Run) {
		r.AddServers(func(sim.NodeID) sim.Node { return caller(f) })
		r.Checks.Always("f returns")
		r.World.Watch(func(*sim.Step) { r.Checks.Always("f returns").Hold() })
	}, nil)
}

type caller func(env sim.Env)

func (f caller) Start(env sim.Env) { env.SetTimer(sim.Timer{Name: "call"}, 100*ms) }

func (f caller) Timeout(env sim.Env, t sim.Timer) {
	f(env)
	env.Emit("returned")
	env.SetTimer(t, 100*ms)
}

func (f caller) Receive(sim.Env, sim.NodeID, sim.Message) {}

// outOfRange is a toy that panics: server 2 looks for a name that is not there.
func outOfRange() *scenarios.Scenario {
	names := []string{"Ada", "Grace", "Barbara"}
	return calls("toy/panic", func(env sim.Env) {
		if i := int(env.Elapsed() / (100 * ms)); env.ID() == 2 {
			env.Logf("it is the turn of %s", names[i])
		}
	})
}

// unsteady is a toy of which no two runs of a process are the same.
func unsteady() *scenarios.Scenario {
	var runs atomic.Int64 // some of them at once
	s := calls("toy/unsteady", func(sim.Env) {})
	build := s.Build
	s.Build = func(r *scenarios.Run) {
		cost := time.Duration(runs.Add(1)) * ms
		build(r)
		r.World.Cost(2, func(sim.Kind, any) time.Duration { return cost })
	}
	s.Judge = func(r *scenarios.Run) { r.Checks.Always("this is fine").Violatef("it is not") }
	return s
}

// leaky is a toy whose first run of a process differs from all later ones.
func leaky() *scenarios.Scenario {
	var warm atomic.Bool
	return calls("toy/leaky", func(sim.Env) {
		if !warm.Swap(true) {
			panic("it is cold")
		}
	})
}

// spawning is a toy of many coroutines, of which some wait when the run ends.
func spawning() *scenarios.Scenario {
	s := toy("toy/spawning", func(r *scenarios.Run) {
		r.AddServers(func(sim.NodeID) sim.Node { return &registerNode{} })
		r.AddClients(func(client int, _ []nemesis.Op) sim.Node {
			return sim.Spawn(func(p *sim.Proc) {
				for {
					p.Call(sim.NodeID(1+p.Rand().IntN(3)), write("x"), 100*ms, nil)
					p.Emit("called")
					p.Sleep(10 * ms)
				}
			})
		})
		limit := 100 + r.Plan.Seed%100
		r.World.Watch(func(*sim.Step) {
			p := r.Checks.Always("few calls")
			if p.Hold(); p.Held > limit {
				p.Violatef("%d", p.Held)
			}
		})
	}, nil)
	s.Space.Clients = nemesis.Range[int]{Min: 5, Max: 5}
	s.Space.Faults = []nemesis.FaultKind{{Kind: "crash", Count: nemesis.Range[int]{Max: 2}}}
	return s
}
