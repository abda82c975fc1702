package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

// Transactions on lists, and how well they are isolated: in one log, as well as can be; past it, and in several, less.
var (
	olepTransactions = &Scenario{
		Name:   "olep/transactions",
		Doc:    "Transactions as records of one log, executed by several stores and read through the log: strictly serializable.",
		Space:  transactionsSpace("olep/transactions", 3),
		Tail:   8 * time.Second,
		Fits:   transactionsFit(3),
		Build:  func(r *Run) { buildTransactions(r, 1) },
		Judge:  func(r *Run) { r.State.(*transactions).judge() },
		Floors: transactionFloors,
	}

	// Each list is read in whichever store answers. Half of the clients wait until it has all that they know of, and have the
	// session guarantees then; a snapshot they have not.
	olepReadSkew = &Scenario{
		Name:    "olep/read-skew",
		Doc:     "A demonstration: what is read in two stores of one log, and not through it, is no snapshot: G-single.",
		Anomaly: isolationProperty(checkers.SnapshotIsolation),
		Space:   transactionsSpace("olep/read-skew", 3, nemesis.OpKind{Kind: "look", Weight: 10, Key: true, Arg: anotherList}),
		Tail:    8 * time.Second,
		Fits:    transactionsFit(3),
		Build:   func(r *Run) { buildTransactions(r, 1) },
		Judge:   func(r *Run) { r.State.(*transactions).judgeSkew() },
		Floors:  transactionFloors,
	}

	olepSplit = &Scenario{
		Name:    "olep/split-transactions",
		Doc:     "A demonstration: transactions with a record in each of two partitions have no order, not even of writes: G0.",
		Anomaly: isolationProperty(checkers.ReadUncommitted),
		Space:   transactionsSpace("olep/split-transactions", 4),
		Tail:    8 * time.Second,
		Fits:    transactionsFit(4),
		Build:   func(r *Run) { buildTransactions(r, 2) },
		Judge:   func(r *Run) { r.State.(*transactions).judgeSplit() },
		Floors:  transactionFloors,
	}

	transactionFloors = olepFloors(Floor{"ok", 100}, Floor{"planned partition", 1}, Floor{"transactions executed", 100})
)

// transactionOps read and change two lists: that of the key, and another. Updates and decisions are made from what a store
// has, and aborted if that is not so any more.
var transactionOps = []nemesis.OpKind{
	{Kind: "write", Weight: 6, Key: true, Arg: anotherList},  // appends to both, and once more to the first
	{Kind: "read", Weight: 6, Key: true, Arg: anotherList},   // reads both
	{Kind: "copy", Weight: 4, Key: true, Arg: anotherList},   // reads one, appends to the other
	{Kind: "update", Weight: 4, Key: true, Arg: anotherList}, // appends to both, if the first is as it was
	{Kind: "decide", Weight: 4, Key: true, Arg: anotherList}, // appends to the first, if both are as they were
	{Kind: "poison", Weight: 1, Key: true},
}

var listNames = []string{"a", "b", "c", "d"}

func anotherList(op nemesis.Op, _ []nemesis.Op, below func(int) int) string {
	i := slices.Index(listNames, op.Key)
	return listNames[(i+1+below(len(listNames)-1))%len(listNames)]
}

// transactionsSpace has a broker for each partition; what is left are stores.
func transactionsSpace(name string, nodes int, more ...nemesis.OpKind) nemesis.Space {
	s := olepLogSpace()
	s.Scenario = name
	s.Nodes = nemesis.Range[int]{Min: nodes, Max: nodes + 2}
	s.OpKinds = append(slices.Clone(transactionOps), more...)
	s.Keys = listNames
	s.Ops = nemesis.Range[int]{Min: 190, Max: 240}
	s.Clients = nemesis.Range[int]{Min: 4, Max: 6}
	s.Facts = []string{"Booted", "Appended", "Resumed", "Executed"}
	return s
}

func transactionsFit(nodes int) func(p nemesis.Plan) error {
	return func(p nemesis.Plan) error {
		if p.Nodes < nodes {
			return fmt.Errorf("nodes: brokers and two stores are %d nodes, not %d", nodes, p.Nodes)
		}
		return argsAre(p, "another list than "+strings.Join(listNames, ", "), func(op nemesis.Op) bool {
			return op.Kind == "poison" || slices.Contains(listNames, op.Arg) && op.Arg != op.Key
		})
	}
}

// transactions are what the run is judged by.
type transactions struct {
	run        *Run
	client     olep.ClientConfig
	partitions int
	ends       []olep.LSN       // by partition: the last record
	views      [][]sim.NodeID   // by partition
	looks      map[*sim.Op]bool // past the log, and whether the client waited

	// sessions are those of clients, as far as they go through the log or wait; loose those of clients that do not, or nil if
	// there are no looks. They are told in the end: isolation, which has more to say, is judged first.
	sessions, loose *checkers.Sessions
	told            []func()

	aborted, unsure *checkers.Property
}

func buildTransactions(r *Run, partitions int) {
	d := sim.NewStream(r.Plan.Seed, "transactions config")
	cluster := olepCluster(partitions, partitions)
	k := &transactions{
		run:        r,
		client:     olepAsks(r, cluster),
		partitions: partitions,
		ends:       make([]olep.LSN, partitions),
		views:      make([][]sim.NodeID, partitions),
		looks:      make(map[*sim.Op]bool),
		sessions:   checkers.NewSessions(r.Checks),
		aborted:    r.Checks.Sometimes("a transaction was aborted"),
		unsure:     r.Checks.Sometimes("a client gave up"),
	}
	r.State = k
	if slices.ContainsFunc(r.Scenario.Space.OpKinds, func(o nemesis.OpKind) bool { return o.Kind == "look" }) {
		missed := r.Checks.Sometimes("a client that does not wait for an LSN misses a session guarantee")
		k.loose = checkers.NewSessions(checkers.NewSet(func(string, string) { missed.Hold() }))
	}
	k.watch()

	checkpoint := olep.Checkpoint(d.Below(2))
	for range partitions {
		r.World.Add(func(id sim.NodeID) sim.Node { return olep.NewBroker(id, olep.BrokerConfig{Cluster: cluster}) })
	}
	for i := range r.Plan.Nodes - partitions {
		c := olep.SubscriberConfig{
			ClientConfig: k.client, Name: "lists", Partition: i % partitions, Checkpoint: checkpoint, Max: 1 + int(d.Below(16)),
			Work: d.Between(0, 20*time.Millisecond), Idle: d.Between(time.Millisecond, 200*time.Millisecond),
		}
		id := r.World.Add(func(sim.NodeID) sim.Node { return olep.NewView(c, olep.Lists{}) })
		k.views[c.Partition] = append(k.views[c.Partition], id)
	}
	last := func(view sim.NodeID) olep.LSN { return k.ends[k.part(view)] }
	r.viewClients(k.client, k.clientBody, "stores come to the end of the log", slices.Concat(k.views...), last)
}

// part is the partition that a store follows.
func (k *transactions) part(view sim.NodeID) int {
	return slices.IndexFunc(k.views, func(ids []sim.NodeID) bool { return slices.Contains(ids, view) })
}

// watch feeds the checkers with what brokers and stores state.
func (k *transactions) watch() {
	r := k.run
	suppressed := r.Checks.Sometimes("a duplicate was suppressed")
	again := r.Checks.Sometimes("a record was processed again")
	poison := r.Checks.Sometimes("a poison record was skipped")
	executed := make(map[sim.NodeID]olep.LSN)
	most := make(map[int]olep.LSN) // by partition
	r.World.Watch(func(s *sim.Step) {
		switch f := s.Payload.(type) {
		case olep.Appended:
			for i := range f.Entries {
				k.ends[f.Partition] = max(k.ends[f.Partition], f.Entries[i].LSN)
			}
		case olep.Executed:
			if f.LSN <= executed[s.Node] {
				again.Hold()
				return
			}
			executed[s.Node] = f.LSN
			if part := k.part(s.Node); f.LSN > most[part] {
				most[part] = f.LSN
				r.Contents.Add("transactions executed", 1)
			}
			if k.partitions > 1 {
				return // no store has all that a client has written
			}
			for i, step := range f.Transaction.Steps {
				if step.Do == olep.ListAppend && !f.Outcome.Aborted {
					store, position := s.Node, uint64(f.Outcome.Lists[i][0])
					k.told = append(k.told, func() { k.sessions.Apply(store, step.Key, position) })
				}
			}
		case olep.TransactionSuppressed:
			suppressed.Hold()
		case olep.Poisoned:
			poison.Hold()
		}
	})
}

// clientBody has transactions executed, one after the other.
func (k *transactions) clientBody(p *sim.Proc, number int, ops []nemesis.Op) {
	place := func(key string) int { return slices.Index(listNames, key) % k.partitions }
	w := olep.NewTransactor(p, k.views, place, k.client)
	for i, op := range k.run.planned(p, ops) {
		switch op.Kind {
		case "poison":
			w.Append(p, place(op.Key), []olep.Record{{Log: "transactions", Value: listPoisons[i%len(listPoisons)]}})
		case "look":
			k.look(p, w, op, number%2 == 1)
		default:
			k.transact(p, w, op, fmt.Sprintf("c%d.%d", number, i), 1_000_000*number+4*i)
		}
	}
	for i := range k.run.tail(p) {
		op := nemesis.Op{Kind: []string{"write", "read"}[i%2], Key: listNames[i%4], Arg: listNames[(i+1)%4]}
		k.transact(p, w, op, fmt.Sprintf("t%d.%d", number, i), 1_000_000*(number+1000)+4*i)
	}
}

// listPoisons are records that nobody can make anything of.
var listPoisons = []string{"", "x", "x;", "x;append a", "x;append a one", "x;remove a 1", ";append a 1"}

// transact has a transaction executed; its elements are from this number on.
func (k *transactions) transact(p *sim.Proc, w *olep.Transactor, op nemesis.Op, id string, element int) {
	t := olep.Transaction{ID: id}
	txn := checkers.Txn{}
	appends := func(keys ...string) {
		for _, key := range keys {
			t.Steps = append(t.Steps, olep.ListStep{Do: olep.ListAppend, Key: key, N: element})
			txn = append(txn, checkers.ListAppend{Key: key, Element: element})
			element++
		}
	}
	reads := func(do olep.ListDo, keys ...string) {
		for _, key := range keys {
			t.Steps = append(t.Steps, olep.ListStep{Do: do, Key: key})
			txn = append(txn, checkers.ListRead{Key: key})
		}
	}
	switch op.Kind {
	case "write":
		appends(op.Key, op.Arg, op.Key)
	case "read":
		reads(olep.ListRead, op.Key, op.Arg)
	case "copy":
		reads(olep.ListRead, op.Key)
		appends(op.Arg)
	case "update":
		reads(olep.ListExpect, op.Key)
		appends(op.Arg, op.Key)
	case "decide":
		reads(olep.ListExpect, op.Key, op.Arg)
		appends(op.Key)
	}
	call := p.Op(txn)
	lists := make([][]int, len(t.Steps)) // what was read before
	for i := range t.Steps {
		if step := &t.Steps[i]; step.Do == olep.ListExpect {
			list, ok := w.Look(p, step.Key, false)
			if !ok {
				call.Fail()
				return
			}
			lists[i], step.N = list, len(list)
		}
	}
	got, err := w.Do(p, t)
	switch err {
	case nil:
		call.OK(k.done(p.ID(), txn, lists, got))
	case olep.ErrUnsure:
		k.unsure.Hold()
		call.Info()
	case olep.ErrAborted:
		k.aborted.Hold()
		call.Fail()
	default:
		call.Fail()
	}
}

// done is what a transaction has read, and what its client knows by it. Where a list was expected to be as it was read
// before, it is that.
func (k *transactions) done(client sim.NodeID, txn checkers.Txn, before, got [][]int) checkers.Txn {
	tell := func(what func(c *checkers.Sessions)) {
		k.told = append(k.told, func() { what(k.sessions) })
		if k.loose != nil {
			k.told = append(k.told, func() { what(k.loose) })
		}
	}
	out := make(checkers.Txn, len(txn))
	for i, m := range txn {
		switch m := m.(type) {
		case checkers.ListAppend:
			out[i] = m
			tell(func(c *checkers.Sessions) { c.Write(client, m.Key, uint64(got[i][0])) })
		case checkers.ListRead:
			if m.List = got[i]; before[i] != nil {
				m.List = before[i]
			}
			out[i] = m
			tell(func(c *checkers.Sessions) { c.Read(client, m.Key, uint64(len(m.List))) })
		}
	}
	return out
}

// look reads two lists past the log, each in some store. Whoever waits keeps the order of its session.
func (k *transactions) look(p *sim.Proc, w *olep.Transactor, op nemesis.Op, wait bool) {
	txn := checkers.Txn{checkers.ListRead{Key: op.Key}, checkers.ListRead{Key: op.Arg}}
	call := sim.Invoke(p.Env, txn)
	k.looks[call] = wait
	out := make(checkers.Txn, len(txn))
	for i, key := range []string{op.Key, op.Arg} {
		list, ok := w.Look(p, key, wait)
		if !ok {
			sim.Complete(p.Env, call, sim.Fail, nil)
			return
		}
		out[i] = checkers.ListRead{Key: key, List: list}
		sessions := k.loose
		if wait {
			sessions = k.sessions
		}
		k.told = append(k.told, func() { sessions.Read(p.ID(), key, uint64(len(list))) })
	}
	sim.Complete(p.Env, call, sim.OK, out)
}

// isolationProperty is how a report prints what it has judged.
func isolationProperty(l checkers.Level) string {
	return fmt.Sprintf("always %q", isolation(l))
}

func isolation(l checkers.Level) string { return "isolation is at least " + l.String() }

// judgeIsolation judges a history at each level up to one, the weakest first: a history that fails is told for the weakest
// that it rules out.
func judgeIsolation(r *Run, ops []*sim.Op, most checkers.Level) checkers.TxnReport {
	report := checkers.Transactions(checkers.TxnOptions{Level: most}, ops)
	for l := checkers.ReadUncommitted; l <= most; l++ {
		report.Options.Level = l
		r.Checks.Add(isolation(l), report.Result())
	}
	return report
}

// history is the transactions that went through the log, and of those that did not, those whose clients waited, or all.
func (k *transactions) history(waited, others bool) []*sim.Op {
	return slices.DeleteFunc(slices.Clone(k.run.World.History()), func(op *sim.Op) bool {
		wait, look := k.looks[op]
		return look && (wait && !waited || !wait && !others)
	})
}

// tell judges the sessions of clients.
func (k *transactions) tell() {
	for _, what := range k.told {
		what()
	}
}

func (k *transactions) judge() {
	judgeIsolation(k.run, k.run.World.History(), checkers.StrictSerializable)
	k.tell()
	k.same()
}

// judgeSkew shows what a read past the log is, and that those through the log are none of that.
func (k *transactions) judgeSkew() {
	k.tell()
	through := checkers.Transactions(checkers.TxnOptions{Level: checkers.StrictSerializable}, k.history(false, false))
	k.run.Checks.Add("what goes through the log is strictly serializable", through.Result())
	waited := checkers.Transactions(checkers.TxnOptions{}, k.history(true, false))
	named := k.run.Checks.Sometimes("G-single is shown")
	cured := k.run.Checks.Sometimes("G-single is shown by clients that wait for an LSN")
	if waited.Find(checkers.GSingle) != nil {
		cured.Hold()
	}
	all := judgeIsolation(k.run, k.history(true, true), checkers.SnapshotIsolation)
	if all.Find(checkers.GSingle) != nil {
		named.Hold()
	}
	k.same()
}

// judgeSplit shows what transactions in two logs are.
func (k *transactions) judgeSplit() {
	k.tell()
	report := judgeIsolation(k.run, k.run.World.History(), checkers.ReadUncommitted)
	for _, kind := range []checkers.AnomalyKind{checkers.G0, checkers.G1a, checkers.G1c, checkers.GSingle} {
		shown := k.run.Checks.Sometimes(kind.String() + " is shown")
		if report.Find(kind) != nil {
			shown.Hold()
		}
	}
	k.same()
}

// same compares the stores of each partition.
func (k *transactions) same() {
	same := checkers.NewConvergence[string](k.run.Checks)
	for _, ids := range k.views {
		for _, id := range ids {
			same.State(id, k.run.view(id).Contents())
		}
		same.Quiet(ids...)
	}
}
