package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

// Two stores of the same documents, a relational one and a search index, kept alike without a log.
var (
	olepDualWrites = &Scenario{
		Name:    "olep/dual-writes",
		Doc:     "A demonstration: applications that write to two stores, one after the other, leave them different for ever.",
		Anomaly: `always "replicas are in the same state once quiet"`,
		Space:   dualSpace("olep/dual-writes", "Between", "Stored"),
		Tail:    10 * time.Second,
		Fits:    dualFits,
		Build:   func(r *Run) { buildDual(r, olep.ApplicationConfig{}) },
		Judge:   func(r *Run) { r.State.(*dual).judge() },
		Floors:  dualFloors,
	}

	// An application that is outside of the core in some plans is down for ever: what it has left undecided stays so.
	olepTwoPhase = &Scenario{
		Name:    "olep/two-phase",
		Doc:     "A demonstration: two-phase commit keeps two stores alike, and blocks them if its coordinator is gone.",
		Anomaly: `eventually "prepared transactions are decided"`,
		Space: func() nemesis.Space {
			s := dualSpace("olep/two-phase", "Promised", "Resolved")
			s.Budget = nemesis.Budget{Quorum: func(nodes int) int { return nodes - 1 }, Outside: []string{"crash"}}
			return s
		}(),
		Tail:   10 * time.Second,
		Fits:   dualFits,
		Facts:  []string{"Refused", "Stored"},
		Build:  func(r *Run) { buildDual(r, olep.ApplicationConfig{TwoPhase: true}) },
		Judge:  func(r *Run) { r.State.(*dual).judge() },
		Floors: dualFloors,
	}

	olepLastResource = &Scenario{
		Name:    "olep/last-resource",
		Doc:     "A demonstration: two-phase commit with a store that cannot prepare leaves the two different for ever.",
		Anomaly: `always "replicas are in the same state once quiet"`,
		Space:   dualSpace("olep/last-resource", "Between"),
		Tail:    10 * time.Second,
		Fits:    dualFits,
		Facts:   []string{"Promised", "Resolved", "Refused", "Stored"},
		Build:   func(r *Run) { buildDual(r, olep.ApplicationConfig{TwoPhase: true, Last: indexNode}) },
		Judge:   func(r *Run) { r.State.(*dual).judge() },
		Floors:  dualFloors,
	}

	dualFloors = olepFloors(Floor{"ok", 40}, Floor{"planned partition", 1}, Floor{"documents stored", 100})
)

// documentOps change documents: each text has a word that others have, too, and one that none has.
var documentOps = []nemesis.OpKind{
	{Kind: "save", Weight: 12, Key: true, Value: true, Arg: func(_ nemesis.Op, _ []nemesis.Op, below func(int) int) string {
		return documentWords[below(len(documentWords))]
	}},
	{Kind: "delete", Weight: 1, Key: true},
}

var documentWords = []string{"blue", "green", "red", "teal"}

// document is the record of an operation.
func document(op nemesis.Op) olep.Record {
	if op.Kind == "delete" {
		return olep.Record{Log: "docs", Key: op.Key, Tombstone: true}
	}
	return olep.Record{Log: "docs", Key: op.Key, Value: op.Arg + " " + op.Value}
}

// documentsFit refuses words that documents do not have.
func documentsFit(p nemesis.Plan) error {
	return argsAre(p, "one of "+strings.Join(documentWords, ", "), func(op nemesis.Op) bool {
		return op.Kind != "save" || slices.Contains(documentWords, op.Arg)
	})
}

func dualFits(p nemesis.Plan) error {
	if p.Nodes < 3 {
		return fmt.Errorf("nodes: two stores and an application are 3 nodes, not %d", p.Nodes)
	}
	return documentsFit(p)
}

// dualSpace has two stores; what is left are applications.
func dualSpace(name string, facts ...string) nemesis.Space {
	s := olepLogSpace()
	s.Scenario, s.Facts, s.Buggify = name, facts, false
	s.Nodes = nemesis.Range[int]{Min: 4, Max: 6}
	s.OpKinds = documentOps
	s.Keys = []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	s.Ops = nemesis.Range[int]{Min: 170, Max: 220}
	s.Clients = nemesis.Range[int]{Min: 4, Max: 6}
	return s
}

// dual is what a run with two stores is judged by.
type dual struct {
	run      *Run
	config   olep.ApplicationConfig
	same     *checkers.Convergence[string]
	stored   [2]map[string][]string // by store and key: the texts, in their order
	resolved uint64
}

// The two stores.
const (
	rowsNode  sim.NodeID = 1
	indexNode sim.NodeID = 2
)

func buildDual(r *Run, c olep.ApplicationConfig) {
	c.Databases, c.Retry = []sim.NodeID{rowsNode, indexNode}, retry(r.Plan)
	k := &dual{
		run: r, config: c, same: checkers.NewConvergence[string](r.Checks),
		stored: [2]map[string][]string{{}, {}},
	}
	r.State = k
	var refused *checkers.Property
	if c.TwoPhase {
		refused = r.Checks.Sometimes("a document is locked by a transaction in doubt")
	}
	r.World.Watch(func(s *sim.Step) {
		switch f := s.Payload.(type) {
		case olep.Stored:
			of := k.stored[s.Node-rowsNode]
			of[f.Record.Key] = append(of[f.Record.Key], f.Record.Value)
			r.Contents.Add("documents stored", 1)
		case olep.Refused:
			refused.Hold()
		case olep.Resolved:
			k.resolved++
		}
	})
	r.World.Add(func(sim.NodeID) sim.Node { return olep.NewDatabase(olep.Rows{}) })
	r.World.Add(func(sim.NodeID) sim.Node { return olep.NewDatabase(olep.Index{}) })
	for range r.Plan.Nodes - 2 {
		r.World.Add(func(sim.NodeID) sim.Node { return olep.NewApplication(c) })
	}
	idle := 0
	r.AddClients(func(number int, ops []nemesis.Op) sim.Node {
		return sim.Spawn(func(p *sim.Proc) {
			k.client(p, number, ops)
			idle++
		})
	})

	done := func() bool { return idle == r.Plan.Clients && !k.busy() }
	name, wait := "applications have nothing left to write", Progress{
		Budget:  budget(r.Plan) + 20*time.Second,
		Await:   func() (progress uint64, ok bool) { return k.count(), done() },
		Waiting: func() string { return "some are still at it" },
	}
	if c.TwoPhase {
		name = "prepared transactions are decided"
		wait.Await = func() (progress uint64, ok bool) { return k.resolved, done() && len(k.inDoubt()) == 0 }
		wait.Waiting = func() string { return cmp.Or(strings.Join(k.inDoubt(), "; "), "some are still to come") }
	}
	r.Liveness(name, wait)
}

// client saves documents, one after the other, by way of different applications.
func (k *dual) client(p *sim.Proc, number int, ops []nemesis.Op) {
	applications := k.run.Plan.Nodes - 2
	for i, op := range k.run.planned(p, ops) {
		m := &olep.Save{ID: p.Rand().Uint64(), Record: document(op)}
		o := p.Op(olep.Entry{Record: m.Record})
		answer, ok := p.Call(indexNode+sim.NodeID(1+(number+i)%applications), m, 5*retry(k.run.Plan), func(a sim.Message) bool {
			s, ok := a.(*olep.Saved)
			return ok && s.ID == m.ID
		})
		switch {
		case !ok:
			o.Info()
		case answer.(*olep.Saved).OK:
			o.OK(nil)
		default:
			o.Fail()
		}
	}
}

// nodes are those of a type that run.
func nodesOf[T sim.Node](r *Run) []T {
	var list []T
	for _, id := range r.Servers() {
		if n, ok := r.World.Node(id).(T); ok && r.World.Up(id) {
			list = append(list, n)
		}
	}
	return list
}

// busy reports whether an application has something to write.
func (k *dual) busy() bool {
	return slices.ContainsFunc(nodesOf[*olep.Application](k.run), (*olep.Application).Busy)
}

// count is how many documents were stored.
func (k *dual) count() (n uint64) { return uint64(k.run.Contents.Get("documents stored")) }

// inDoubt lists the transactions that are prepared and not decided, and what is wrong with who is to decide them.
func (k *dual) inDoubt() []string {
	var list []string
	for _, d := range nodesOf[*olep.Database](k.run) {
		list = append(list, d.InDoubt()...)
	}
	for _, id := range k.run.Servers() {
		if len(list) > 0 && !k.run.World.Up(id) {
			list = append(list, fmt.Sprintf("%s is down", id))
		}
	}
	return list
}

// judge compares the stores.
func (k *dual) judge() {
	all := nodesOf[*olep.Database](k.run)
	if len(all) < 2 {
		return // one is down for ever
	}
	if !k.config.TwoPhase {
		k.explain()
	}
	rows, index := differing(all[0].Contents(), all[1].Contents())
	k.same.State(rowsNode, rows)
	k.same.State(indexNode, index)
	k.same.Quiet(rowsNode, indexNode)
}

// differing leaves out the lines that both texts have.
func differing(a, b string) (onlyA, onlyB string) {
	of := func(text, other string) string {
		lines, others := strings.Split(text, "\n"), strings.Split(other, "\n")
		return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return slices.Contains(others, line) }), ", ")
	}
	return of(a, b), of(b, a)
}

// explain tells how documents came to differ.
func (k *dual) explain() {
	half := k.run.Checks.Sometimes("a crash left a document in one of its stores")
	crossed := k.run.Checks.Sometimes("concurrent updates came to the stores in different orders")
	for _, key := range k.run.Scenario.Space.Keys {
		rows, index := k.stored[0][key], k.stored[1][key]
		switch {
		case len(rows) == 0 && len(index) == 0:
		case len(rows) == 0 || !slices.Contains(index, rows[len(rows)-1]):
			half.Hold()
		case rows[len(rows)-1] != index[len(index)-1]:
			crossed.Hold()
		}
	}
}
