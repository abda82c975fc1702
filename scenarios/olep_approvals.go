package scenarios

import (
	"fmt"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/sim"
)

// approvals are payments that others must sign, as executors state what becomes of them.
type approvals struct {
	of       *payments
	signed   map[signature]signing
	sums     map[string]int64 // by account: how much it has signed for
	held     map[string]int64 // by request: what is put aside for it
	onHold   map[string]int64 // by account: the sum of those
	balances map[string]int64 // by account

	once, within, all, left, nothing *checkers.Property
}

// signature is one that a request needs, and signing what became of it.
type (
	signature struct{ id, by string }
	signing   struct {
		lsn olep.LSN
		yes bool
	}
)

func (k *payments) watchApprovals() *approvals {
	r := k.run
	a := &approvals{
		of: k, signed: map[signature]signing{}, sums: map[string]int64{}, held: map[string]int64{}, onHold: map[string]int64{},
		balances: map[string]int64{},
		once:     r.Checks.Always("a signature is decided once and for all"),
		within:   r.Checks.Always("nobody signs for more than it may"),
		all:      r.Checks.Always("what is approved all have signed"),
		left:     r.Checks.Always("no account goes below its limit, with what is put aside"),
		nothing:  r.Checks.Always("nothing is put aside once quiet"),
	}
	refused := r.Checks.Sometimes("a signature was refused")
	three := r.Checks.Sometimes("three have signed")
	back := r.Checks.Sometimes("what was put aside came back")
	r.World.Watch(func(s *sim.Step) {
		switch f := s.Payload.(type) {
		case olep.PaymentHeld:
			k.counts(f.ID)
			a.hold(f)
		case olep.PaymentSigned:
			k.counts(f.ID)
			if !f.Yes {
				refused.Hold()
			}
			a.sign(f)
		case olep.PaymentDecided:
			if !f.Approved && a.held[f.ID] > 0 {
				back.Hold()
			}
			a.decide(f)
			if f.Approved && len(k.asked[f.ID].By) == 3 {
				three.Hold()
			}
		case olep.PaymentPosted:
			if !k.posted[posting{f.Account, f.LSN}] {
				a.balances[f.Account] += f.Amount
				a.above(f.Account)
			}
		}
	})
	return a
}

func (a *approvals) hold(f olep.PaymentHeld) {
	if _, known := a.held[f.ID]; known || a.of.decided[f.ID] {
		return // again, after a crash
	}
	payer := a.of.asked[f.ID].From
	a.held[f.ID] = f.Amount
	a.onHold[payer] += f.Amount
	a.above(payer)
}

// above checks what an account has left.
func (a *approvals) above(account string) {
	c := a.of.bank.Accounts[account]
	left := c.Opening + a.balances[account] - a.onHold[account]
	a.left.Check(left >= c.Limit, func() string {
		return fmt.Sprintf("%s has %d left, and must not go below %d", account, left, c.Limit)
	})
}

func (a *approvals) sign(f olep.PaymentSigned) {
	at, now := signature{f.ID, f.By}, signing{f.LSN, f.Yes}
	was, known := a.signed[at]
	a.once.Check(!known || was == now, func() string {
		return fmt.Sprintf("%s has signed %s: %t at record %d, and %t at record %d", f.By, f.ID, was.yes, was.lsn, now.yes, now.lsn)
	})
	if known {
		return
	}
	a.signed[at] = now
	if !f.Yes {
		return
	}
	a.of.run.Contents.Add("payments signed for", 1)
	a.sums[f.By] += a.of.asked[f.ID].Amount
	a.within.Check(a.sums[f.By] <= a.of.bank.Accounts[f.By].Signs, func() string {
		return fmt.Sprintf("%s has signed for %d, and may for %d", f.By, a.sums[f.By], a.of.bank.Accounts[f.By].Signs)
	})
}

func (a *approvals) decide(f olep.PaymentDecided) {
	m := a.of.asked[f.ID]
	a.onHold[m.From] -= a.held[f.ID]
	a.held[f.ID] = 0
	if !f.Approved {
		return
	}
	for _, by := range m.By {
		a.all.Check(a.signed[signature{f.ID, by}].yes, func() string { return fmt.Sprintf("%v is approved, and not signed by %s", m, by) })
	}
}

// judge looks at what executors have put aside.
func (a *approvals) judge() {
	for _, name := range a.of.accounts {
		x := olep.Executor{Bank: a.of.bank}
		held := x.OnHold(a.of.subscriber(a.of.executors[a.of.bank.Accounts[name].Partition]).Store(), name)
		a.nothing.Check(held == 0, func() string { return fmt.Sprintf("%d of %s are put aside", held, name) })
	}
}

// away is a partition that is away when all else is well, until the accounts of others have made and got payments: they do
// not depend on it. Nil is none.
type away struct {
	of       *payments
	part     int
	nodes    []sim.NodeID
	there    []string // the accounts that are there, and
	others   []string // those that are elsewhere
	payments map[string]olep.Payment
	answered int
	have     map[string]bool // those that have come to their payees, or were declined
	over     bool
}

// goAway has a partition go away once faults are over.
func (k *payments) goAway(part int, cluster olep.Cluster) {
	r := k.run
	k.away = &away{of: k, part: part, payments: map[string]olep.Payment{}, have: map[string]bool{}}
	k.away.nodes = append(cluster.Hosts(part), k.executors[part], k.forwarders[part], k.statements[part])
	for _, name := range paymentAccounts {
		list := &k.away.others
		if k.bank.Accounts[name].Partition == part {
			list = &k.away.there
		}
		*list = append(*list, name)
	}
	r.World.At(r.QuietFrom().Add(1), func() {
		for _, id := range k.away.nodes {
			r.World.Crash(id)
		}
	})
	r.Liveness("accounts go on while others are away", Progress{
		Budget: budget(r.Plan) + 10*retry(r.Plan) + 20*time.Second,
		Await: func() (progress uint64, done bool) {
			progress = k.away.progress()
			done = k.away.answered == r.Plan.Clients && len(k.away.have) == len(k.away.payments)
			if done && !k.away.over {
				k.away.over = true
				for _, id := range k.away.nodes {
					r.World.Restart(id)
				}
			}
			return progress, done
		},
		Waiting: func() string {
			return fmt.Sprintf("partition %d is away, %d of %d clients have an answer, and %d of %d payments have arrived",
				part, k.away.answered, r.Plan.Clients, len(k.away.have), len(k.away.payments))
		},
	})
}

// progress is how far others have come.
func (a *away) progress() (n uint64) {
	if a == nil {
		return 0
	}
	for part, id := range a.of.executors {
		if part != a.part {
			n += uint64(a.of.subscriber(id).Next())
		}
	}
	return n + uint64(a.answered+len(a.have))
}

// still reports whether the partition is away.
func (a *away) still() bool { return a != nil && !a.over }

// pass has a client ask for what must wait for the partition, then pay among the others, which must not, and wait until the
// partition is back.
func (a *away) pass(p *sim.Proc, w *olep.Payer, number int, pay func(m olep.Payment) (approved bool, err error)) {
	if a == nil {
		return
	}
	p.Sleep(a.of.run.Plan.Duration + time.Second/10 - p.Elapsed())
	other := func(i int) string { return a.others[(number+i)%len(a.others)] }
	m := olep.Payment{ID: fmt.Sprintf("a%d", number), From: other(0), To: other(1), Amount: 1, Fee: a.of.bank.Fee}
	to, by := m, m
	to.ID, to.To = m.ID+"to", a.there[number%len(a.there)]
	by.ID, by.By = m.ID+"by", []string{to.To}
	w.Append(p, a.of.bank.Accounts[m.From].Partition, []olep.Record{to.Record(olep.Requested), by.Record(olep.Requested)})

	if number%2 == 0 && len(a.others) > 2 {
		m.By = []string{other(2)}
	}
	a.payments[m.ID] = m
	approved, err := pay(m)
	if err == nil {
		a.answered++
	}
	if err == nil && !approved {
		a.have[m.ID] = true
	}
	for a.still() {
		p.Sleep(lookEvery)
	}
}

// arrived takes in a posting.
func (a *away) arrived(f olep.PaymentPosted) {
	if a == nil {
		return
	}
	if m, ok := a.payments[f.ID]; ok && f.Account == m.To {
		a.have[f.ID] = true
	}
}
