package olep

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// Payments between accounts, as in Figure 3 of the article. Each account has a logical log, in one of the partitions:
//
//	client ─ request → payer's log ─ executor → payer's log: outgoing, or declined
//	                   payer's log ─ forwarder → payee's log: incoming; fees' log: fee
//
// The executor of a partition decides by the balances of its own accounts, and by nothing else; so an account goes on
// whatever has become of the partitions of others. Every record of a payment carries the id of the request, and whoever
// follows a log suppresses what it has seen by that id. The client watches the payer's log for the answer.

// Payment is what is asked for: Amount goes from one account to another, Fee to the account of the fees.
type Payment struct {
	ID          string // of the request, chosen by whoever asks
	From, To    string
	Amount, Fee int64
	By          []string // the accounts that must sign it, one after the other
	Signed      int      // how many of them have
}

func (m Payment) String() string {
	text := fmt.Sprintf("%s: %d from %s to %s, fee %d", m.ID, m.Amount, m.From, m.To, m.Fee)
	if len(m.By) > 0 {
		text += ", signed by " + strings.Join(m.By, ", ")
	}
	return text
}

// cost is what it takes from the payer.
func (m Payment) cost() int64 { return m.Amount + m.Fee }

// Stage is what a record says of a payment.
type Stage string

// The stages of a payment.
const (
	Requested Stage = "request"  // in the payer's log
	Outgoing  Stage = "outgoing" // approved, in the payer's log
	Declined  Stage = "declined" // in the payer's log
	Incoming  Stage = "incoming" // in the payee's log
	FeeTaken  Stage = "fee"      // in the fees' log

	// Of one that others must sign; see approvals.go.
	Held     Stage = "held"     // in the payer's log: the money is put aside
	ToSign   Stage = "sign"     // in the log of whose turn it is
	Signed   Stage = "signed"   // in that log, too: yes
	Objected Stage = "objected" // or no
	Agreed   Stage = "agreed"   // in the payer's log: all have signed
	Rejected Stage = "rejected" // in the payer's log: one has not
)

// Record returns the record of a stage, for the log that it belongs to.
func (m Payment) Record(stage Stage) Record {
	value := fmt.Sprintf("%s %s %s %s %d %d", stage, m.ID, m.From, m.To, m.Amount, m.Fee)
	if len(m.By) > 0 {
		value += fmt.Sprintf(" %s %d", strings.Join(m.By, ","), m.Signed)
	}
	return Record{Log: m.log(stage), Value: value}
}

// Fees is the account of the fees. There may be others, whose names begin with it: see Account.
const Fees = "fees"

// MaxAmount is the most that can be paid, and the most that an account may begin with or sign for: sums of a few do not
// overflow.
const MaxAmount = 1 << 60

// log is the account whose log a stage belongs to.
func (m Payment) log(stage Stage) string {
	switch stage {
	case Incoming:
		return m.To
	case FeeTaken:
		return Fees
	case ToSign, Signed, Objected:
		return m.By[m.Signed]
	default:
		return m.From
	}
}

// ParsePayment reads what Record made.
func ParsePayment(r *Record) (Stage, Payment, error) {
	part := strings.Split(r.Value, " ")
	if len(part) != 6 && len(part) != 8 {
		return "", Payment{}, fmt.Errorf("%q is no record of a payment", r.Value)
	}
	m := Payment{ID: part[1], From: part[2], To: part[3]}
	amount, err := strconv.ParseInt(part[4], 10, 64)
	fee, err2 := strconv.ParseInt(part[5], 10, 64)
	stage := Stage(part[0])
	if err != nil || err2 != nil || amount <= 0 || amount > MaxAmount || fee < 0 || fee > MaxAmount {
		return "", Payment{}, fmt.Errorf("%q has no amount that can be paid", r.Value)
	}
	if len(part) == 8 {
		m.By = strings.Split(part[6], ",")
		if m.Signed, err = strconv.Atoi(part[7]); err != nil || m.Signed < 0 || m.Signed > len(m.By) {
			return "", Payment{}, fmt.Errorf("%q has no number of signatures", r.Value)
		}
	}
	fits := true
	switch stage {
	case Outgoing, Declined, Incoming, FeeTaken:
	case Requested:
		fits = m.Signed == 0
	case Held:
		fits = len(m.By) > 0 && m.Signed == 0
	case ToSign, Signed, Objected:
		fits = m.Signed < len(m.By)
	case Agreed, Rejected:
		fits = len(m.By) > 0
	default:
		return "", Payment{}, fmt.Errorf("%q is no stage of a payment", part[0])
	}
	if !fits {
		return "", Payment{}, fmt.Errorf("%q is not how a payment is signed", r.Value)
	}
	if r.Log != m.log(stage) && (stage != FeeTaken || !strings.HasPrefix(r.Log, Fees)) {
		return "", Payment{}, fmt.Errorf("%q is in the log of %s", r.Value, r.Log)
	}
	m.Amount, m.Fee = amount, fee
	return stage, m, nil
}

// Account is what a bank knows of an account for good.
type Account struct {
	Partition int
	Opening   int64  // what it begins with
	Limit     int64  // how low it may go
	Signs     int64  // how much it signs for in all
	Fees      string // the account that takes its fees; empty for Fees
}

// Bank is the accounts, Fees among them.
type Bank struct {
	Accounts map[string]Account
	Fee      int64 // of a payment
}

// FeesOf is the account that takes the fees of what an account pays.
func (b *Bank) FeesOf(account string) string { return cmp.Or(b.Accounts[account].Fees, Fees) }

// Check refuses a payment that the bank does not know how to make. It needs no log: the error is definite.
func (b *Bank) Check(m Payment) error {
	_, from := b.Accounts[m.From]
	_, to := b.Accounts[m.To]
	switch {
	case m.ID == "" || strings.Contains(m.ID, " "):
		return fmt.Errorf("%q is no id", m.ID)
	case !from:
		return fmt.Errorf("there is no account %q", m.From)
	case !to:
		return fmt.Errorf("there is no account %q", m.To)
	case m.From == m.To:
		return fmt.Errorf("%s cannot pay itself", m.From)
	case m.Amount <= 0:
		return fmt.Errorf("%d cannot be paid; an amount is at least 1", m.Amount)
	case m.Amount > MaxAmount:
		return fmt.Errorf("%d cannot be paid; an amount is at most %d", m.Amount, int64(MaxAmount))
	case m.Fee != b.Fee:
		return fmt.Errorf("the fee is %d, not %d", b.Fee, m.Fee)
	case m.Signed != 0:
		return errors.New("nobody has signed what is only asked for")
	}
	for i, name := range m.By {
		if _, ok := b.Accounts[name]; !ok {
			return fmt.Errorf("there is no account %q to sign", name)
		}
		if name == m.From || slices.Contains(m.By[:i], name) {
			return fmt.Errorf("%s cannot sign: it pays, or has signed", name)
		}
	}
	return nil
}

// The facts of payments.
type (
	// PaymentDecided tells what an executor has decided, and from which balance.
	PaymentDecided struct {
		ID       string
		LSN      LSN // of the request
		Approved bool
		Before   int64
	}
	// PaymentPosted tells that a record of a payment counts in an account's balance: what it has added.
	PaymentPosted struct {
		Account string
		LSN     LSN // of the record
		ID      string
		Amount  int64
	}
	// PaymentSuppressed tells that a record was there already, with another number.
	PaymentSuppressed struct {
		Account string
		LSN     LSN
		ID      string
	}
)

// Executor decides the requests of a partition's accounts, and keeps their balances. It is a Processor.
type Executor struct{ Bank *Bank }

// Balance is an account's, by an executor's store.
func (x Executor) Balance(s *Store, account string) int64 {
	return x.Bank.Accounts[account].Opening + s.Int("posted "+account)
}

// Process implements Processor.
func (x Executor) Process(env sim.Env, s *Store, e Entry) ([]Output, error) {
	stage, m, err := ParsePayment(&e.Record)
	if err != nil {
		return nil, err
	}
	switch stage {
	case Requested:
		if err := x.Bank.Check(m); err != nil {
			return nil, err
		}
		return x.decide(env, s, e, m), nil
	case ToSign:
		return x.sign(env, s, e, m), nil
	case Agreed, Rejected:
		return x.settle(env, s, e, m, stage == Agreed), nil
	case Incoming:
		x.post(env, s, e, m, m.Amount)
	case FeeTaken:
		x.post(env, s, e, m, m.Fee)
	}
	return nil, nil // its own outputs
}

// decide decides a request, or repeats what was decided. One that others must sign is held for them.
func (x Executor) decide(env sim.Env, s *Store, e Entry, m Payment) []Output {
	stage, again := x.once(env, s, "decided "+m.ID, e, m, func() Stage {
		balance := x.Balance(s, m.From) - s.Int(heldKey+m.From)
		switch {
		case balance-m.cost() < x.Bank.Accounts[m.From].Limit:
			env.Emit(PaymentDecided{m.ID, e.LSN, false, balance})
			return Declined
		case len(m.By) > 0:
			x.hold(env, s, e, m)
			return Held
		}
		env.Emit(PaymentDecided{m.ID, e.LSN, true, balance})
		x.pay(env, s, e, m)
		return Outgoing
	})
	if again {
		return nil
	}
	return x.own(m.From, m.Record(stage))
}

// once comes to the stage that follows from a record, and keeps it under a key, or finds what it came to before. again is
// true if that was of another record, which says the same: that is suppressed.
func (x Executor) once(env sim.Env, s *Store, key string, e Entry, m Payment, decide func() Stage) (stage Stage, again bool) {
	known, lsn, ok := strings.Cut(s.Get(key), " ")
	switch {
	case !ok:
		stage = decide()
		s.Set(key, fmt.Sprintf("%s %d", stage, e.LSN))
		return stage, false
	case lsn != strconv.FormatUint(uint64(e.LSN), 10):
		env.Emit(PaymentSuppressed{e.Log, e.LSN, m.ID})
		return "", true
	}
	return Stage(known), false
}

// own is a record for the executor's own partition: what is for others the forwarder takes there, so that the executor
// waits for none of them.
func (x Executor) own(account string, r Record) []Output {
	return []Output{{x.Bank.Accounts[account].Partition, r}}
}

// pay takes what a payment costs from the payer.
func (x Executor) pay(env sim.Env, s *Store, e Entry, m Payment) {
	s.SetInt("posted "+m.From, s.Int("posted "+m.From)-m.cost())
	env.Emit(PaymentPosted{m.From, e.LSN, m.ID, -m.cost()})
}

// post takes a record into an account's balance, once.
func (x Executor) post(env sim.Env, s *Store, e Entry, m Payment, amount int64) {
	key := e.Log + " has " + m.ID
	if seen := s.Get(key); seen != "" {
		if seen != strconv.FormatUint(uint64(e.LSN), 10) {
			env.Emit(PaymentSuppressed{e.Log, e.LSN, m.ID})
		}
		return
	}
	s.SetInt("posted "+e.Log, s.Int("posted "+e.Log)+amount)
	s.Set(key, strconv.FormatUint(uint64(e.LSN), 10))
	env.Emit(PaymentPosted{e.Log, e.LSN, m.ID, amount})
}

// Forwarder takes approved payments to the logs of payees and fees. It is a Processor, and keeps nothing.
type Forwarder struct{ Bank *Bank }

// Process implements Processor.
func (f Forwarder) Process(_ sim.Env, _ *Store, e Entry) ([]Output, error) {
	stage, m, err := ParsePayment(&e.Record)
	if err != nil {
		return nil, err
	}
	switch stage {
	case Outgoing:
		return f.money(m), nil
	case Held, Signed, Objected:
		return f.signature(stage, m), nil
	}
	return nil, nil
}

// money is what an approved payment brings others.
func (f Forwarder) money(m Payment) []Output {
	out := []Output{{f.Bank.Accounts[m.To].Partition, m.Record(Incoming)}}
	if m.Fee > 0 {
		fee := m.Record(FeeTaken)
		fee.Log = f.Bank.FeesOf(m.From)
		out = append(out, Output{f.Bank.Accounts[fee.Log].Partition, fee})
	}
	return out
}

// Statement is a view of the partition's accounts that knows their logs, and no decision: what each has, by the records that
// are there. It is a Processor, and can begin at any time.
type Statement struct{ Bank *Bank }

// Balance is an account's, by a statement's store.
func (v Statement) Balance(s *Store, account string) int64 {
	return v.Bank.Accounts[account].Opening + s.Int("sum "+account)
}

// Process implements Processor.
func (v Statement) Process(_ sim.Env, s *Store, e Entry) ([]Output, error) {
	stage, m, err := ParsePayment(&e.Record)
	if err != nil {
		return nil, err
	}
	amount := map[Stage]int64{Outgoing: -m.Amount - m.Fee, Incoming: m.Amount, FeeTaken: m.Fee}[stage]
	if key := fmt.Sprintf("%s %s of %s", e.Log, stage, m.ID); amount != 0 && s.Get(key) == "" {
		s.Set(key, "seen")
		s.SetInt("sum "+e.Log, s.Int("sum "+e.Log)+amount)
	}
	return nil, nil
}

// Payer asks for payments, as the server that a client talks to.
type Payer struct {
	*Producer
	bank *Bank
	next map[int]LSN // by partition: how far its answers have been read
}

// NewPayer returns a payer. Its producer is not idempotent: the ids of payments are enough.
func NewPayer(p *sim.Proc, b *Bank, c ClientConfig) *Payer {
	return &Payer{NewProducer(p, "", c), b, make(map[int]LSN)}
}

// Pay asks for a payment and waits for the answer in the payer's log. A payment that the bank cannot make is a definite
// error; ErrUnsure is what is known when nobody has answered in time.
func (w *Payer) Pay(p *sim.Proc, m Payment) (approved bool, err error) {
	if err := w.bank.Check(m); err != nil {
		return false, err
	}
	deadline := w.deadline(p)
	part := w.bank.Accounts[m.From].Partition
	if _, err := w.append(p, part, []Record{m.Record(Requested)}, deadline); err != nil {
		return false, err
	}
	for p.Elapsed() < deadline {
		// The answer may stand before the request's own number: that of a copy which nobody has told of.
		from := max(w.next[part], 1)
		r, err := w.read(p, part, Read{From: from, Max: 64, Only: m.From}, deadline)
		if err != nil {
			p.Sleep(w.c.Backoff)
			continue
		}
		for i := range r.Entries {
			stage, of, err := ParsePayment(&r.Entries[i].Record)
			if err == nil && of.ID == m.ID && (stage == Outgoing || stage == Declined) {
				return stage == Outgoing, nil
			}
		}
		if r.Next == from {
			p.Sleep(20 * time.Millisecond)
		}
		w.next[part] = r.Next
	}
	return false, ErrUnsure
}
