package scenarios

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

var olepPayments = &Scenario{
	Name:  "olep/payments",
	Words: olepWords,
	Doc:   "Payments as records in the logs of accounts: decided once, posted once, and money is conserved.",
	Space: paymentsSpace(),
	Tail:  8 * time.Second,
	Facts: []string{"Resumed"},
	Build: buildPayments,
	Judge: func(r *Run) { r.State.(*payments).judge() },
	Views: func(r *Run) []View { k := r.State.(*payments); return k.logs.views(k.derived()) },
	Fits: func(p nemesis.Plan) error {
		if p.Nodes < 4 {
			return fmt.Errorf("nodes: a broker, an executor, a forwarder and a statement are 4 nodes, not %d", p.Nodes)
		}
		return argsAre(p, "an amount from 1 on", func(op nemesis.Op) bool {
			n, err := strconv.Atoi(op.Arg)
			return err == nil && n > 0
		})
	},
	Floors: olepFloors(Floor{"ok", 60}, Floor{"planned partition", 1}, Floor{"payments decided", 100}, Floor{"payments approved", 40}, Floor{"payments signed for", 10}),
}

// paymentAccounts are those that pay each other; the one of the fees is another.
var paymentAccounts = []string{"a", "b", "c", "d", "e", "f"}

// paymentsSpace has two to four partitions, of four nodes each: a broker, an executor, a forwarder and a statement. What is
// left are more brokers. Disks keep what they have synced: there is one copy of everything.
func paymentsSpace() nemesis.Space {
	s := olepLogSpace()
	s.Nodes = nemesis.Range[int]{Min: 8, Max: 16}
	amount := func(_ nemesis.Op, _ []nemesis.Op, below func(int) int) string { return strconv.Itoa(1 + below(40)) }
	s.OpKinds = []nemesis.OpKind{
		{Kind: "pay", Weight: 22, Key: true, Arg: amount},
		{Kind: "pay-signed", Weight: 8, Key: true, Arg: amount}, // by one to three others
		{Kind: "mistake", Weight: 2, Key: true, Arg: amount},    // that no bank can carry out
		{Kind: "poison", Weight: 2, Key: true, Arg: amount},     // past the bank, into the log
	}
	s.Keys = paymentAccounts
	s.Ops = nemesis.Range[int]{Min: 130, Max: 170}
	s.Facts = []string{"Booted", "Appended", "PaymentDecided", "PaymentPosted", "PaymentSuppressed"}
	return s
}

// payments are what the run is judged by.
type payments struct {
	run        *Run
	logs       olepLogs
	bank       *olep.Bank
	accounts   []string // those that pay, and those of fees: one for all, or one for the payers of each partition
	partitions int
	executors  []sim.NodeID // of each partition
	forwarders []sim.NodeID // likewise
	statements []sim.NodeID // of each partition, begun while everything runs
	ledger     *checkers.Bank[string, string]
	asked      map[string]olep.Payment
	decided    map[string]bool
	posted     map[posting]bool
	approvals  *approvals
	away       *away
	legs       int // that approved payments have, and
	have       int // those that count in balances

	definite, trace, poison *checkers.Property
}

// posting is a record that counts in a balance. One that counts again after a crash is the same.
type posting struct {
	account string
	lsn     olep.LSN
}

func buildPayments(r *Run) {
	d := sim.NewStream(r.Plan.Seed, "payments config")
	k := &payments{
		run: r, partitions: max(r.Plan.Nodes/4, 1), ledger: checkers.NewBank[string, string](r.Checks),
		asked: map[string]olep.Payment{}, decided: map[string]bool{}, posted: map[posting]bool{},
		definite: r.Checks.Always("what cannot be paid is refused for good"),
		trace:    r.Checks.Always("what is refused leaves no trace"),
		poison:   r.Checks.Always("poison changes nothing"),
	}
	r.State = k
	k.logs = keepLogs(r, k.partitions, nil)
	k.bank = &olep.Bank{Accounts: map[string]olep.Account{}, Fee: int64(d.Below(3))}
	sharded := d.Below(2) == 1
	for i, name := range paymentAccounts {
		a := olep.Account{Partition: i % k.partitions, Opening: int64(50 + d.Below(100)), Limit: -int64(d.Below(2) * 50), Signs: int64(50 + d.Below(250))}
		if sharded {
			a.Fees = olep.Fees + strconv.Itoa(a.Partition)
			k.open(a.Fees, olep.Account{Partition: (a.Partition + 1) % k.partitions})
		}
		k.open(name, a)
	}
	if !sharded {
		k.open(olep.Fees, olep.Account{})
	}
	k.watch()

	brokers := r.Plan.Nodes - 3*k.partitions
	cluster := olepCluster(k.partitions, brokers)
	client := olepAsks(r, cluster)
	checkpoint := olep.Checkpoint(d.Below(2))
	work := d.Between(0, 5*time.Millisecond)
	for range brokers {
		r.World.Add(func(id sim.NodeID) sim.Node { return olep.NewBroker(id, olep.BrokerConfig{Cluster: cluster}) })
	}
	config := func(name string, partition int, p olep.Processor) olep.SubscriberConfig {
		return olep.SubscriberConfig{ClientConfig: client, Name: name, Partition: partition, Processor: p, Checkpoint: checkpoint, Work: work}
	}
	follow := func(c olep.SubscriberConfig) sim.NodeID {
		return r.World.Add(func(sim.NodeID) sim.Node { return olep.NewSubscriber(c) })
	}
	for part := range k.partitions {
		k.executors = append(k.executors, follow(config("executor", part, olep.Executor{Bank: k.bank})))
		k.forwarders = append(k.forwarders, r.World.Add(func(sim.NodeID) sim.Node {
			return olep.NewLanes(config("forwarder", part, olep.Forwarder{Bank: k.bank}))
		}))
		statement := config("statement", part, olep.Statement{Bank: k.bank})
		statement.After = d.Between(0, r.Plan.Duration)
		k.statements = append(k.statements, follow(statement))
	}
	if k.partitions > 1 {
		k.goAway(int(d.Below(uint64(k.partitions))), cluster)
	}
	idle := 0
	r.AddClients(func(number int, ops []nemesis.Op) sim.Node {
		return sim.Spawn(func(p *sim.Proc) {
			k.client(p, client, number, ops)
			idle++
		})
	})

	budget := budget(r.Plan) + 10*client.Retry + 20*time.Second
	tail := r.TailOps(func() bool { return idle == r.Plan.Clients })
	tail.Budget, tail.Whole = budget, 2*budget // the first is for those that go on without others
	ops := tail.Await
	tail.Await = func() (progress uint64, done bool) {
		progress, done = ops()
		return progress + k.away.progress(), done
	}
	r.Liveness("operations in the quiet tail succeed", tail)
	r.Liveness("approved payments come to all their logs", Progress{
		Budget: budget,
		Whole:  2 * budget,
		Await: func() (progress uint64, done bool) {
			missing := len(k.asked) - len(k.decided) + k.legs - k.have
			progress = uint64(len(k.asked)+len(k.decided)+k.have+len(k.approvals.signed)) + k.away.progress()
			if k.away.still() {
				return progress, false
			}
			behind := false
			for part, id := range k.statements {
				next := k.subscriber(id).Next()
				progress += uint64(next)
				broker, ok := r.World.Node(cluster.Hosts(part)[0]).(*olep.Broker)
				behind = behind || !ok || next < broker.Partition(part).Next()
			}
			return progress, missing == 0 && !behind && idle == r.Plan.Clients
		},
		Waiting: k.waiting,
	})
}

// open opens an account, unless it is open.
func (k *payments) open(name string, a olep.Account) {
	if _, ok := k.bank.Accounts[name]; ok {
		return
	}
	k.accounts = append(k.accounts, name)
	k.bank.Accounts[name] = a
	k.ledger.Open(name, a.Opening, a.Limit)
}

// watch feeds the checker with what brokers and executors state.
func (k *payments) watch() {
	r := k.run
	suppressed := r.Checks.Sometimes("a duplicate was suppressed")
	again := r.Checks.Sometimes("a record was processed again")
	declined := r.Checks.Sometimes("a payment was declined")
	skipped := r.Checks.Sometimes("a poison record was skipped")
	k.approvals = k.watchApprovals()
	r.World.Watch(func(s *sim.Step) {
		switch f := s.Payload.(type) {
		case olep.Appended:
			for i := range f.Entries {
				k.appended(&f.Entries[i])
			}
		case olep.PaymentDecided:
			k.counts(f.ID)
			k.ledger.Decide(f.ID, f.Approved)
			if k.decided[f.ID] {
				again.Hold()
				return
			}
			k.decided[f.ID] = true
			r.Contents.Add("payments decided", 1)
			if !f.Approved {
				declined.Hold()
				return
			}
			r.Contents.Add("payments approved", 1)
			if k.legs += 2; k.bank.Fee > 0 {
				k.legs++
			}
		case olep.PaymentPosted:
			k.counts(f.ID)
			if at := (posting{f.Account, f.LSN}); !k.posted[at] {
				k.posted[at] = true
				k.have++
				k.ledger.Post(f.Account, f.ID, f.Amount)
				k.away.arrived(f)
			}
		case olep.PaymentSuppressed:
			suppressed.Hold()
		case olep.Poisoned:
			skipped.Hold()
		}
	})
}

// What the ids of mistakes and of poison begin with. No other word of a record does.
const (
	mistakenID = "mistake-"
	poisonID   = "poison-"
)

// counts takes in that something has come of a request.
func (k *payments) counts(id string) {
	k.poison.Check(!strings.HasPrefix(id, poisonID), func() string { return fmt.Sprintf("something has come of %s", id) })
}

// appended tells the checker of a request that is in its log: what is there must be decided, unless it is poison.
func (k *payments) appended(e *olep.Entry) {
	k.trace.Check(!strings.Contains(e.Value, mistakenID), func() string { return fmt.Sprintf("%v is in a log", e) })
	stage, m, err := olep.ParsePayment(&e.Record)
	if _, known := k.asked[m.ID]; err != nil || stage != olep.Requested || known || strings.HasPrefix(m.ID, poisonID) {
		return
	}
	k.asked[m.ID] = m
	legs := []checkers.Leg[string]{{Account: m.From, Amount: -m.Amount - m.Fee}, {Account: m.To, Amount: m.Amount}}
	if m.Fee > 0 {
		legs = append(legs, checkers.Leg[string]{Account: k.bank.FeesOf(m.From), Amount: m.Fee})
	}
	k.ledger.Ask(m.ID, legs...)
}

// client pays, one payment after the other.
func (k *payments) client(p *sim.Proc, c olep.ClientConfig, number int, ops []nemesis.Op) {
	w := olep.NewPayer(p, k.bank, c)
	info := k.run.Checks.Sometimes("a client saw info")
	pay := func(m olep.Payment) (approved bool, err error) {
		op := p.Op(m)
		approved, err = w.Pay(p, m)
		switch {
		case err == olep.ErrUnsure:
			info.Hold()
			op.Info()
		case err != nil:
			op.Fail()
		default:
			k.ledger.Decide(m.ID, approved)
			op.OK(approved)
		}
		return approved, err
	}
	for i, op := range k.run.planned(p, ops) {
		amount, _ := strconv.Atoi(op.Arg)
		m := k.payment(fmt.Sprintf("c%d.%d", number, i), op.Key, amount)
		switch op.Kind {
		case "pay-signed":
			m.By = k.signers(m.From, amount)
		case "mistake":
			m.ID = mistakenID + m.ID
			mistakes[amount%len(mistakes)](&m)
			_, err := pay(m)
			k.definite.Check(err != nil && err != olep.ErrUnsure, func() string { return fmt.Sprintf("%+v ends with %v", m, err) })
			continue
		case "poison":
			w.Append(p, k.bank.Accounts[m.From].Partition, []olep.Record{{Log: m.From, Value: k.poisonous(m, amount)}})
			continue
		}
		pay(m)
	}
	k.away.pass(p, w, number, pay)
	for i := range k.run.tail(p) {
		pay(k.payment(fmt.Sprintf("t%d.%d", number, i), paymentAccounts[(number+i)%len(paymentAccounts)], 1))
	}
}

// payment is one to another account, which the amount chooses.
func (k *payments) payment(id, from string, amount int) olep.Payment {
	others := len(paymentAccounts) - 1
	to := (slices.Index(paymentAccounts, from) + 1 + amount%others) % len(paymentAccounts)
	return olep.Payment{ID: id, From: from, To: paymentAccounts[to], Amount: int64(amount), Fee: k.bank.Fee}
}

// signers are one to three others than the payer, which the amount chooses.
func (k *payments) signers(payer string, amount int) (list []string) {
	at := slices.Index(paymentAccounts, payer)
	for i := range 1 + amount%3 {
		list = append(list, paymentAccounts[(at+1+(amount/3+i)%5)%len(paymentAccounts)])
	}
	return list
}

// mistakes make a payment that no bank can carry out.
var mistakes = []func(m *olep.Payment){
	func(m *olep.Payment) { m.Amount = -m.Amount },
	func(m *olep.Payment) { m.Amount = 0 },
	func(m *olep.Payment) { m.Amount = math.MaxInt64 },
	func(m *olep.Payment) { m.Fee-- },
	func(m *olep.Payment) { m.From = "nobody" },
	func(m *olep.Payment) { m.To = "nobody" },
	func(m *olep.Payment) { m.To = m.From },
	func(m *olep.Payment) { m.By = []string{"nobody"} },
	func(m *olep.Payment) { m.By = []string{m.From} },
	func(m *olep.Payment) { m.By, m.Signed = []string{m.To}, 1 },
}

// poisons are records that nobody can make anything of, with the names of what they are about: a payment that clients could
// not ask a bank for, or none at all.
var poisons = []string{
	"", "request", "refund ID FROM TO 5 FEE", "request ID FROM TO many FEE", "request ID FROM TO -5 FEE",
	"request ID FROM TO 9223372036854775807 FEE", "request ID FROM TO 5 -1", "request ID nobody TO 5 FEE",
	"request ID FROM nobody 5 FEE", "request ID FROM FROM 5 FEE", "request ID FROM TO 5 FEE nobody 0",
	"request ID FROM TO 5 FEE TO 1", "held ID FROM TO 5 FEE TO 1",
}

// poisonous is one of them for the log of a payer.
func (k *payments) poisonous(m olep.Payment, n int) string {
	names := strings.NewReplacer("ID", poisonID+m.ID, "FROM", m.From, "TO", m.To, "FEE", strconv.FormatInt(m.Fee, 10))
	return names.Replace(poisons[n%len(poisons)])
}

// waiting says which payments are under way.
func (k *payments) waiting() string {
	return fmt.Sprintf("%d of %d requests are decided, %d of %d records are in balances", len(k.decided), len(k.asked), k.have, k.legs)
}

// subscriber is the one of a node.
func (k *payments) subscriber(id sim.NodeID) *olep.Subscriber {
	return k.run.World.Node(id).(*olep.Subscriber)
}

// judge compares the balances that executors have come to with their logs, and with statements.
func (k *payments) judge() {
	same := k.run.Checks.Always("a view begun later comes to the same balances")
	for part := range k.partitions {
		executor, statement := k.subscriber(k.executors[part]), k.subscriber(k.statements[part])
		if executor.Store() == nil || statement.Store() == nil {
			continue // it has yet to begin: nothing is in its log
		}
		for _, name := range k.accounts {
			if k.bank.Accounts[name].Partition != part {
				continue
			}
			balance := olep.Executor{Bank: k.bank}.Balance(executor.Store(), name)
			k.ledger.Balance(name, balance)
			view := olep.Statement{Bank: k.bank}.Balance(statement.Store(), name)
			same.Check(view == balance, func() string {
				return fmt.Sprintf("%s has %d by its executor, and %d by a statement", name, balance, view)
			})
		}
	}
	k.approvals.judge()
	k.ledger.Quiet()
	k.logs.judge(k.run, k.derived())
}

// derived are the views of each partition.
func (k *payments) derived() (list []derived) {
	for part := range k.partitions {
		balances := func(of func(s *olep.Store, account string) int64) func(s *olep.Store) []olep.Pair {
			return func(s *olep.Store) (pairs []olep.Pair) {
				for _, name := range k.accounts {
					if k.bank.Accounts[name].Partition == part {
						pairs = append(pairs, olep.Pair{Key: name, Value: strconv.FormatInt(of(s, name), 10)})
					}
				}
				return pairs
			}
		}
		executor, statement := olep.Executor{Bank: k.bank}, olep.Statement{Bank: k.bank}
		list = append(list, derived{
			name: "executor", doc: "balances that decisions are made by", partition: part, processor: executor,
			show: balances(executor.Balance), nodes: k.executors[part : part+1],
		}, derived{
			name: "decisions", doc: "what has become of requests, and the LSN that each had", partition: part, processor: executor,
			show: prefixed("decided "),
		}, derived{
			name: "held", doc: "what is put aside for payments that others have yet to sign", partition: part, processor: executor,
			show: prefixed("held "),
		}, derived{
			name: "statement", doc: "balances by what is in the logs", partition: part, processor: statement,
			show: balances(statement.Balance), nodes: k.statements[part : part+1],
		})
	}
	return list
}
