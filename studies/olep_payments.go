package studies

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// What a data centre has: a packet's latency, and a sync of a solid-state disk.
const (
	payLinkMin, payLinkMax = 50 * time.Microsecond, 150 * time.Microsecond
	paySyncMin, paySyncMax = 80 * time.Microsecond, 120 * time.Microsecond
)

// payBatch is the most records of a read or an append, payIdle the time between reads that find nothing.
const (
	payBatch = 128
	payIdle  = time.Millisecond
)

// payStagger is the time in which clients begin.
const payStagger = 20 * time.Millisecond

// payTrial is one choice of how payments are made. Each partition has a broker, an executor, a forwarder and a cashier, nodes
// of their own, and so many clients with an account each. A client has one payment under way, to any account but its own.
type payTrial struct {
	partitions int
	clients    int           // of each partition
	work       time.Duration // that a record takes an executor or forwarder
	think      time.Duration // the mean time from a client's payment to its next; 0 is none
	shards     bool          // each partition has an account for the fees of its payers; otherwise partition 0 has the one of all
	hot        int           // so many partitions, the first ones, have accounts that are paid more,
	heat       int           // so many times as often as others
	decided    bool          // a payment is over when it is decided; otherwise when it counts in all balances
	inTurn     bool          // forwarders write to one partition after the other, each for as long as it takes
}

// payRun is a trial in a world.
type payRun struct {
	payTrial
	world                          *sim.World
	bank                           *olep.Bank
	accounts                       [][]string // by partition
	brokers, executors, forwarders []sim.NodeID
	cashiers                       []*cashier
	under                          map[string]*payUnder // way, by id
	freed                          int                  // payments that are over
	// on is told when a client has the answer of a payment, when it counts in the payee's balance, and when it does in all.
	on func(what payEvent, u *payUnder, at clock.Time)
}

// payEvent is what becomes of a payment.
type payEvent uint8

const (
	payAnswered payEvent = iota
	payPosted
	payComplete
)

// payUnder is a payment under way.
type payUnder struct {
	olep.Payment
	client   int // of the payer's partition
	from, to int // partitions
	asked    clock.Time
	answered bool
	missing  [3]string // accounts in whose balances it does not count yet, by the places below
	left     int
}

const payPayee = 1 // between payer and fee account

// cashier is a node that makes the payments of a partition's clients: it asks for those that wait, all at once, and follows
// the partition's log for the answers, as the article has it of the server that a client talks to.
type cashier struct {
	run   *payRun
	part  int
	draws sim.Stream
	ready []payReady
	count int
}

// payReady is a client who has no payment under way, and asks for one at some time.
type payReady struct {
	client int
	at     clock.Time
}

// start makes the world of a trial.
func (t payTrial) start(seed uint64) *payRun {
	net := netsim.New(seed, netsim.Config{Link: netsim.Link{
		Latency: netsim.Latency{Shape: netsim.Uniform, Min: payLinkMin, Max: payLinkMax},
	}})
	r := &payRun{payTrial: t, bank: &olep.Bank{Accounts: map[string]olep.Account{}, Fee: 1}, under: map[string]*payUnder{}}
	r.world = sim.New(sim.Config{Seed: seed, Network: net, MaxSteps: 1 << 40, Disk: func(id sim.NodeID) sim.Storage {
		return disksim.New(seed, id, disksim.Config{SyncMin: paySyncMin, SyncMax: paySyncMax})
	}})
	r.on = func(payEvent, *payUnder, clock.Time) {}
	r.open()
	r.world.Watch(r.watch)
	cluster := olep.Cluster{Partitions: t.partitions, Hosts: func(part int) []sim.NodeID {
		part = max(part, 0) // the Coordinator is somewhere
		return r.brokers[part : part+1]
	}}
	client := olep.ClientConfig{Cluster: cluster, Backoff: payIdle}
	for part := range t.partitions {
		r.brokers = append(r.brokers, sim.NodeID(part+1))
	}
	broker := olep.BrokerConfig{Cluster: cluster, Partition: olep.PartitionConfig{MaxBatch: payBatch}}
	for range t.partitions {
		r.world.Add(func(id sim.NodeID) sim.Node { return olep.NewBroker(id, broker) })
	}
	for part := range t.partitions {
		r.executors = append(r.executors, r.follow(client, "executor", part, olep.Executor{Bank: r.bank}, false))
		r.forwarders = append(r.forwarders, r.follow(client, "forwarder", part, olep.Forwarder{Bank: r.bank}, !t.inTurn))
		r.cashiers = append(r.cashiers, &cashier{run: r, part: part, draws: sim.NewStream(seed, "cashier", uint64(part))})
		r.cashiers[part].open()
		r.world.Add(func(sim.NodeID) sim.Node {
			return sim.Spawn(func(p *sim.Proc) { r.cashiers[part].serve(p, client) })
		})
	}
	return r
}

// open opens the accounts: nobody ever has too little.
func (r *payRun) open() {
	const plenty = 1 << 40
	for part := range r.partitions {
		fees := olep.Fees
		if r.shards {
			fees += strconv.Itoa(part)
		}
		if r.shards || part == 0 {
			r.bank.Accounts[fees] = olep.Account{Partition: part}
		}
		var names []string
		for c := range r.clients {
			name := fmt.Sprintf("a%d.%d", part, c)
			names = append(names, name)
			r.bank.Accounts[name] = olep.Account{Partition: part, Opening: plenty, Fees: fees}
		}
		r.accounts = append(r.accounts, names)
	}
}

// follow adds a node that follows a partition. It may write to all partitions side by side.
func (r *payRun) follow(client olep.ClientConfig, name string, part int, p olep.Processor, lanes bool) sim.NodeID {
	c := olep.SubscriberConfig{
		ClientConfig: client, Name: name, Partition: part, Processor: p, Work: r.work, Max: payBatch, Idle: payIdle,
	}
	return r.world.Add(func(sim.NodeID) sim.Node {
		if lanes {
			return olep.NewLanes(c)
		}
		return olep.NewSubscriber(c)
	})
}

// watch learns in which balances payments count.
func (r *payRun) watch(s *sim.Step) {
	f, ok := s.Payload.(olep.PaymentPosted)
	if !ok {
		return
	}
	u := r.under[f.ID]
	if u == nil {
		return
	}
	for i, account := range u.missing {
		if account == f.Account {
			u.missing[i] = ""
			u.left--
		}
	}
	if f.Account == u.To {
		r.on(payPosted, u, s.At)
	}
	if u.left == 0 {
		r.on(payComplete, u, s.At)
		r.over(u, !r.decided)
	}
}

// over tells that a payment is answered or complete: the one of them frees its client, both have it forgotten.
func (r *payRun) over(u *payUnder, frees bool) {
	if frees {
		r.freed++
		r.cashiers[u.from].free(u.client)
	}
	if u.left == 0 && u.answered {
		delete(r.under, u.ID)
	}
}

// open has clients begin, not all at once: partitions that did alike would go on in step.
func (t *cashier) open() {
	for c := range t.run.clients {
		t.ready = append(t.ready, payReady{c, clock.Time(t.draws.Between(0, payStagger))})
	}
}

// free has a client think of the next payment.
func (t *cashier) free(client int) {
	at := t.run.world.Now()
	if think := t.run.think; think > 0 {
		at = at.Add(t.draws.Between(0, 2*think))
	}
	t.ready = append(t.ready, payReady{client, at})
}

// serve is the body of a cashier.
func (t *cashier) serve(p *sim.Proc, c olep.ClientConfig) {
	w := olep.NewProducer(p, "", c)
	for next := olep.LSN(1); ; {
		asked := t.ask(p, w)
		if r, err := w.Read(p, t.part, olep.Read{From: next, Max: 4 * payBatch}); err == nil && r.Next > next {
			t.answer(p, r)
			next = r.Next
		} else if !asked {
			p.Sleep(payIdle)
		}
	}
}

// ask asks for a payment of each client that is ready, as often as it takes.
func (t *cashier) ask(p *sim.Proc, w *olep.Producer) bool {
	var batch []olep.Record
	rest := t.ready[:0]
	for _, c := range t.ready {
		if c.at > t.run.world.Now() || len(batch) == payBatch {
			rest = append(rest, c)
			continue
		}
		u := t.payment(c)
		t.run.under[u.ID] = u
		batch = append(batch, u.Record(olep.Requested))
	}
	t.ready = rest
	for len(batch) > 0 {
		if _, err := w.Append(p, t.part, batch); err == nil {
			return true
		}
	}
	return false
}

// payment draws the next payment of a client.
func (t *cashier) payment(c payReady) *payUnder {
	r := t.run
	from := r.accounts[t.part][c.client]
	u := &payUnder{client: c.client, from: t.part, asked: c.at}
	to := from
	for to == from {
		u.to = r.payee(t.draws.Below(uint64(r.hot*r.heat + r.partitions - r.hot)))
		to = r.accounts[u.to][t.draws.Below(uint64(r.clients))]
	}
	t.count++
	u.Payment = olep.Payment{ID: fmt.Sprintf("%d.%d", t.part, t.count), From: from, To: to, Amount: 1, Fee: r.bank.Fee}
	u.missing, u.left = [3]string{from, to, r.bank.FeesOf(from)}, 3
	return u
}

// payee is the partition of a draw, of which each hot one has heat, and each other one.
func (r *payRun) payee(draw uint64) int {
	if hot := uint64(r.hot * r.heat); draw >= hot {
		return r.hot + int(draw-hot)
	}
	return int(draw) / r.heat
}

// answer tells clients what the log says.
func (t *cashier) answer(p *sim.Proc, records olep.Records) {
	for i := range records.Entries {
		e := &records.Entries[i]
		if !strings.HasPrefix(e.Value, string(olep.Outgoing)) {
			continue
		}
		_, m, err := olep.ParsePayment(&e.Record)
		if err != nil {
			continue
		}
		if u := t.run.under[m.ID]; u != nil && !u.answered {
			u.answered = true
			t.run.on(payAnswered, u, t.run.world.Now())
			t.run.over(u, t.run.decided)
		}
	}
}

// quantile is that of sorted times, in milliseconds; NaN if there are none.
func quantile(sorted []time.Duration, percent int) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return float64(sorted[(len(sorted)-1)*percent/100]) / float64(time.Millisecond)
}
