package scenarios

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// Run is one run of a scenario, as its Build and Judge see it.
type Run struct {
	Scenario *Scenario
	Plan     nemesis.Plan
	World    *sim.World
	Net      *netsim.Network
	Disks    []*disksim.Disk // of the servers, in their order
	Checks   *checkers.Set   // its first violation stops the world
	Contents Contents
	State    any // what Build keeps for Judge

	roles    nemesis.Roles
	waits    int            // of Liveness, that have not ended
	over     bool           // the run has ended: what is found now is not found at a step
	panicked *sim.Violation // in Build or Judge
}

// Options are how a run is run. None changes its steps.
type Options struct {
	UntilStep uint64 // stop after this step; 0 means run to the end
	Observer  sim.Observer
	Deep      bool   // keep the deep hash
	Copy      bool   // deliver deep copies of messages
	MaxSteps  uint64 // see sim.Config; 0 means the scenario's
	// Started, if not nil, is told of the world before its first step.
	Started func(w *sim.World)

	over func(r *Run) // if not nil, it is told of the run after its last step
}

// Result is what came of one run.
type Result struct {
	Scenario string
	Seed     uint64
	Plan     nemesis.Plan

	Verdict  checkers.Verdict
	Property string // that was violated, or is undecided; with its quantifier
	Detail   string
	Stack    string     // of a panic
	Step     uint64     // of the violation; 0 if there is none, or it was found when the run was over
	At       clock.Time // of that step
	Node     sim.NodeID // of that step
	Ops      []*sim.Op  // that show the violation, in order of invocation; nil: it is not about operations

	Steps    uint64
	Virtual  clock.Time // how far the run came
	Hash     uint64
	DeepHash uint64 // 0 unless Options.Deep
	Contents Contents
	Checks   *checkers.Set
	History  []*sim.Op
	// Expected is what the scenario expects: valid, or for a demonstration either valid or its anomaly.
	Expected bool
	Stopped  bool // by Options.UntilStep: the verdict is of what was seen so far

	maxSteps uint64 // as in Options
}

// A run of the catalogue takes about a hundredth of maxSteps, or, if it is a large one, of maxStepsPerNode for each node.
// A model that talks itself into a storm of messages meets it in seconds, before it fills the memory.
const (
	maxSteps        = 2_000_000
	maxStepsPerNode = 20_000
)

// maxSteps is the step budget of a plan's run.
func (s *Scenario) maxSteps(p nemesis.Plan) uint64 {
	return cmp.Or(s.MaxSteps, max(maxSteps, maxStepsPerNode*uint64(p.Nodes+p.Clients)))
}

// RunSeed runs the plan of a seed.
func (s *Scenario) RunSeed(seed uint64, o Options) Result { return s.Run(s.Plan(seed), o) }

// Run runs a plan.
func (s *Scenario) Run(p nemesis.Plan, o Options) Result {
	r := &Run{Scenario: s, Plan: p}
	links := netsim.Config{Link: p.Link, Clients: func(id sim.NodeID) bool { return int(id) > p.Nodes }}
	if p.ClientLink != (netsim.Link{}) {
		links.ClientLink = &p.ClientLink
	}
	r.Net = netsim.New(p.Seed, links)
	r.World = sim.New(sim.Config{
		Seed: p.Seed, Network: r.Net, Disk: r.disk, Buggify: p.Buggify, MaxSteps: cmp.Or(o.MaxSteps, s.maxSteps(p)),
		Observer: o.Observer, Deep: o.Deep, CopyMessages: o.Copy,
	})
	defer r.World.Close()
	r.Checks = checkers.NewSet(r.World.Fail)
	if o.Started != nil {
		o.Started(r.World)
	}
	stopped := false
	if r.guard(s.Build) {
		nemesis.Apply(nemesis.Stage{World: r.World, Net: r.Net, Disk: r.Disk, Roles: &r.roles}, p)
		stopped = r.run(o.UntilStep)
		if o.over != nil {
			o.over(r)
		}
	}
	r.count()
	res := r.result(stopped)
	res.maxSteps = o.MaxSteps
	return res
}

// run runs the world to its end, and judges it, or stops after a step.
func (r *Run) run(until uint64) (stopped bool) {
	for end := r.Scenario.end(r.Plan); !r.over; end = end.Add(lookEvery) {
		if until > 0 && r.World.RunToStep(until, end) && r.World.Steps() >= until {
			return true
		}
		if !r.World.RunUntil(end) {
			return false
		}
		r.over = r.waits == 0
	}
	ok := r.Scenario.Judge == nil || r.guard(r.Scenario.Judge)
	if ok && r.Scenario.Linear != nil {
		r.guard(judgeLinear)
	}
	return false
}

// guard makes a panic of Build or Judge a finding of its seed, as one of a node is. It is false if there was one.
func (r *Run) guard(f func(r *Run)) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			r.panicked = &sim.Violation{Property: sim.PropertyNoPanic, Detail: fmt.Sprint(p), Stack: string(debug.Stack())}
		}
	}()
	f(r)
	return true
}

func (r *Run) disk(id sim.NodeID) sim.Storage {
	if int(id) > r.Plan.Nodes {
		return nil
	}
	d := disksim.New(r.Plan.Seed, id, r.Plan.Disk)
	r.Disks = append(r.Disks, d)
	return d
}

// Disk is the disk of a server, or nil.
func (r *Run) Disk(id sim.NodeID) *disksim.Disk {
	if id < 1 || int(id) > len(r.Disks) {
		return nil
	}
	return r.Disks[id-1]
}

// Servers returns the ids of the plan's cluster.
func (r *Run) Servers() []sim.NodeID {
	ids := make([]sim.NodeID, r.Plan.Nodes)
	for i := range ids {
		ids[i] = sim.NodeID(i + 1)
	}
	return ids
}

// AddServers adds the plan's cluster; node is the factory of each.
func (r *Run) AddServers(node func(id sim.NodeID) sim.Node) {
	for range r.Plan.Nodes {
		r.World.Add(node)
	}
}

// AddClients adds the plan's clients, after its servers. node is called once per client, which is numbered from 1 as in
// the plan and gets its operations in order of time.
func (r *Run) AddClients(node func(client int, ops []nemesis.Op) sim.Node) {
	count := make([]int, r.Plan.Clients+1)
	for i := range r.Plan.Ops {
		count[r.Plan.Ops[i].Client]++
	}
	ops := make([][]nemesis.Op, r.Plan.Clients+1)
	for i, n := range count {
		ops[i] = make([]nemesis.Op, 0, n)
	}
	for _, op := range r.Plan.Ops {
		ops[op.Client] = append(ops[op.Client], op)
	}
	for i := 1; i <= r.Plan.Clients; i++ {
		r.World.Add(func(sim.NodeID) sim.Node { return node(i, ops[i]) })
	}
}

// SetRole says who has a role from now on, for faults that strike by role; see nemesis.Target.
func (r *Run) SetRole(role string, id sim.NodeID) { r.roles.Set(role, id) }

// Name is what traces call a node: n1, n2, … for servers, c1, c2, … for clients.
func (r *Run) Name(id sim.NodeID) string {
	if i := int(id) - r.Plan.Nodes; i > 0 {
		return fmt.Sprintf("c%d", i)
	}
	return id.String()
}

// QuietFrom is the end of the fault phase: everything is healed.
func (r *Run) QuietFrom() clock.Time { return clock.Time(r.Plan.Duration) }

// count fills in the counts that every scenario has.
func (r *Run) count() {
	clients := map[sim.NodeID]bool{} // that got an answer
	for _, op := range r.World.History() {
		r.Contents.Add("operations", 1)
		switch op.Outcome {
		case sim.OK:
			r.Contents.Add("ok", 1)
			clients[op.Client] = true
		case sim.Fail:
			r.Contents.Add("fail", 1)
		default:
			r.Contents.Add("info", 1)
		}
	}
	r.Contents.Add("clients", int64(len(clients)))
	unsynced := 0
	for _, d := range r.Disks {
		s := d.Stats()
		unsynced += s.Unsynced
		for _, c := range []Count{
			{"torn writes", int64(s.Torn)},
			{"syncs failed", int64(s.SyncErrors)},
			{"syncs slowed", int64(s.SlowSyncs)},
			{"writes refused", int64(s.Refused)},
			{"reads failed", int64(s.ReadErrors)},
			{"bytes rotten", int64(s.Rotten)},
			{"sectors misdirected", int64(s.Misdirected)},
			{"sectors unreadable", int64(s.Spoiled)},
			{"disks wiped", int64(s.Wiped)},
		} {
			if c.N > 0 {
				r.Contents.Add(c.Name, c.N)
			}
		}
	}
	r.Contents.Add("crashes", int64(r.World.Count(sim.KindCrash)))
	r.Contents.Add("crashes with unsynced data", int64(unsynced))
	r.Contents.Add("packets delivered", int64(r.World.Count(sim.KindDeliver)))
	r.Contents.Add("packets lost", int64(r.World.Count(sim.KindDrop)))
	r.Contents.Add("virtual ms", int64(time.Duration(r.World.Now())/time.Millisecond))
	for _, f := range r.Plan.Faults {
		r.Contents.Add("planned "+nemesis.KindName(f.Fault), 1)
	}
}

func (r *Run) result(stopped bool) Result {
	w := r.World
	res := Result{
		Scenario: r.Scenario.Name, Seed: r.Plan.Seed, Plan: r.Plan,
		Steps: w.Steps(), Virtual: w.Now(), Hash: w.Hash(), DeepHash: w.DeepHash(),
		Contents: r.Contents, Checks: r.Checks, History: w.History(), Stopped: stopped,
	}
	verdict := r.Checks.Result()
	res.Verdict, res.Property, res.Detail = verdict.Verdict, verdict.Property, verdict.Detail
	v := w.Violation()
	if v == nil {
		v = r.panicked
	}
	if v != nil {
		res.Verdict, res.Property, res.Detail, res.Stack = checkers.Invalid, v.Property, v.Detail, v.Stack
		if v.Property == sim.PropertyNoPanic || v.Property == sim.PropertyStepBudget {
			res.Property = fmt.Sprintf("always %q", v.Property)
		}
		if !r.over {
			res.Step, res.At, res.Node = v.Step, v.At, v.Node
		}
	}
	if res.Verdict == checkers.Invalid && res.Property == verdict.Property {
		res.Ops = verdict.Witnesses()
	}
	if stopped && res.Verdict == checkers.Unknown {
		res.Verdict, res.Property, res.Detail = checkers.Valid, "", ""
	}
	res.Detail = Printable(res.Detail)
	res.Expected = res.Verdict == checkers.Valid ||
		res.Verdict == checkers.Invalid && r.Scenario.Anomaly != "" && res.Property == r.Scenario.Anomaly
	return res
}
