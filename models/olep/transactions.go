package olep

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// Transactions on lists of numbers. Each is one record of one log, with all that it does. Stores that follow the log do
// what records say, one after the other, so that all come to the same and the order of the log is the order of
// transactions. Whoever asks for one has its outcome from any store that has processed the record: also what it reads, it
// reads through the log.
//
// What is read in the stores themselves is as of some record, in each store another. A transaction that was made from such
// reads says so: it expects the lists to be as long as they were, and if they are not, it is aborted by all stores alike.

// ListDo is what a step of a transaction does.
type ListDo string

// The steps of a transaction.
const (
	ListAppend ListDo = "append" // puts a number at the end of a list
	ListRead   ListDo = "read"   // reads a list
	ListExpect ListDo = "expect" // aborts all unless, before the transaction, the list has so many elements
)

// ListStep is a step of a transaction.
type ListStep struct {
	Do  ListDo
	Key string
	N   int // the number of an append, the length that is expected
}

// Transaction is what is asked for.
type Transaction struct {
	ID    string // chosen by whoever asks
	Steps []ListStep
}

// transactionsLog is the logical log of all transactions.
const transactionsLog = "transactions"

// Record returns the record of a transaction.
func (t Transaction) Record() Record {
	parts := []string{t.ID}
	for _, s := range t.Steps {
		parts = append(parts, fmt.Sprintf("%s %s %d", s.Do, s.Key, s.N))
	}
	return Record{Log: transactionsLog, Value: strings.Join(parts, ";")}
}

// ParseTransaction reads what Record made.
func ParseTransaction(r *Record) (Transaction, error) {
	parts := strings.Split(r.Value, ";")
	t := Transaction{ID: parts[0]}
	for _, part := range parts[1:] {
		words := strings.Split(part, " ")
		if len(words) != 3 || words[1] == "" {
			return Transaction{}, fmt.Errorf("%q is no step of a transaction", part)
		}
		s := ListStep{Do: ListDo(words[0]), Key: words[1]}
		n, err := strconv.Atoi(words[2])
		if err != nil || s.Do != ListAppend && s.Do != ListRead && s.Do != ListExpect {
			return Transaction{}, fmt.Errorf("%q is no step of a transaction", part)
		}
		s.N = n
		t.Steps = append(t.Steps, s)
	}
	if t.ID == "" || len(t.Steps) == 0 {
		return Transaction{}, fmt.Errorf("%q is no transaction", r.Value)
	}
	return t, nil
}

// Outcome is what has come of a transaction.
type Outcome struct {
	Aborted bool
	// Lists has one for each step, unless Aborted: of a read the list; of an append the number of elements with its own,
	// which is where it is, from 1; of what was expected nothing.
	Lists [][]int
}

func (o Outcome) String() string {
	if o.Aborted {
		return "aborted"
	}
	parts := []string{"committed"}
	for _, list := range o.Lists {
		parts = append(parts, listText(list))
	}
	return strings.Join(parts, ";")
}

// ParseOutcome reads what String made. False if it is no outcome.
func ParseOutcome(text string) (Outcome, bool) {
	parts := strings.Split(text, ";")
	o := Outcome{Aborted: parts[0] == "aborted"}
	for _, part := range parts[1:] {
		o.Lists = append(o.Lists, parseList(part))
	}
	return o, o.Aborted || parts[0] == "committed"
}

// parseList reads a list as stores have it: numbers with spaces between them.
func parseList(text string) []int {
	list := []int{}
	for _, word := range strings.Fields(text) {
		n, _ := strconv.Atoi(word)
		list = append(list, n)
	}
	return list
}

func listText(list []int) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, " ")
}

// The facts of transactions.
type (
	// Executed tells that a store has come to the outcome of a transaction.
	Executed struct {
		LSN         LSN
		Transaction Transaction
		Outcome     Outcome
	}
	// TransactionSuppressed tells that a record was there already, with another number.
	TransactionSuppressed struct {
		LSN LSN
		ID  string
	}
)

// What views are asked for.
func listKey(key string) string   { return "list " + key }
func outcomeKey(id string) string { return "outcome " + id }

// Lists is the store of the lists, and of the outcome of each transaction. It is a Lookup.
type Lists struct{}

// Process implements Processor.
func (x Lists) Process(env sim.Env, s *Store, e Entry) ([]Output, error) {
	t, err := ParseTransaction(&e.Record)
	if err != nil {
		return nil, err
	}
	if !fresh(s, e) {
		return nil, nil
	}
	if s.Get(outcomeKey(t.ID)) != "" {
		env.Emit(TransactionSuppressed{e.LSN, t.ID})
		return nil, nil
	}
	o := x.execute(s, t)
	s.Set(outcomeKey(t.ID), o.String())
	env.Emit(Executed{e.LSN, t, o})
	return nil, nil
}

// execute does what a transaction says, or nothing.
func (Lists) execute(s *Store, t Transaction) Outcome {
	for _, step := range t.Steps {
		if step.Do == ListExpect && len(parseList(s.Get(listKey(step.Key)))) != step.N {
			return Outcome{Aborted: true}
		}
	}
	o := Outcome{}
	for _, step := range t.Steps {
		list := parseList(s.Get(listKey(step.Key)))
		switch step.Do {
		case ListAppend:
			list = append(list, step.N)
			s.Set(listKey(step.Key), listText(list))
			o.Lists = append(o.Lists, []int{len(list)})
		case ListRead:
			o.Lists = append(o.Lists, list)
		case ListExpect:
			o.Lists = append(o.Lists, nil)
		}
	}
	return o
}

// Get implements Lookup.
func (Lists) Get(s *Store, key string) string { return s.Get(key) }

// Contents implements Lookup.
func (Lists) Contents(s *Store) string {
	var b strings.Builder
	for _, key := range s.keys(listKey("")) {
		fmt.Fprintf(&b, "%s=%s\n", key, s.values[listKey(key)])
	}
	return b.String()
}

// Transactor asks for transactions, as the server that a client talks to. Its producer is not idempotent: the ids of
// transactions are enough.
type Transactor struct {
	*Producer
	place func(key string) int // the partition of a list
	views [][]sim.NodeID       // by partition
	turn  int                  // of the view that is asked next
	seen  []LSN                // by partition: the last record that this client knows of
}

// NewTransactor returns a transactor. Views are those of each partition; place is the partition of a list. One partition
// has isolation; in several, a transaction is as many transactions as it has partitions.
func NewTransactor(p *sim.Proc, views [][]sim.NodeID, place func(key string) int, c ClientConfig) *Transactor {
	return &Transactor{
		Producer: NewProducer(p, "", c), place: place, views: views, turn: int(p.Rand().Uint32() >> 8),
		seen: make([]LSN, len(views)),
	}
}

// ErrAborted is a definite error: lists were not as expected.
var ErrAborted = errors.New("aborted")

// Do has a transaction executed, and returns what has come of its steps: see Outcome. The error is a Refusal or ErrAborted,
// and nothing has happened; or ErrUnsure.
func (w *Transactor) Do(p *sim.Proc, t Transaction) ([][]int, error) {
	deadline := w.deadline(p)
	places := make([]int, len(t.Steps)) // in order of the first step
	var parts []int
	for i, s := range t.Steps {
		if places[i] = w.place(s.Key); !slices.Contains(parts, places[i]) {
			parts = append(parts, places[i])
		}
	}
	at := make([]LSN, len(w.views))
	for i, part := range parts {
		share := []Record{t.only(places, part).Record()}
		lsn, err := w.Append(p, part, share)
		if err == ErrUnsure { // once more: it is the stores' to see that it is the same
			lsn, err = w.Append(p, part, share)
		}
		if err != nil && i > 0 {
			return nil, ErrUnsure // a part of it is there
		}
		if err != nil {
			return nil, err
		}
		at[part] = lsn
	}
	lists := make([][]int, len(t.Steps))
	for _, part := range parts {
		o, ok := w.outcome(p, t.ID, part, at[part], deadline)
		switch {
		case !ok:
			return nil, ErrUnsure
		case o.Aborted:
			return nil, ErrAborted
		}
		for i := range t.Steps {
			if places[i] == part {
				lists[i], o.Lists = o.Lists[0], o.Lists[1:]
			}
		}
	}
	return lists, nil
}

// only is what a transaction does in one partition.
func (t Transaction) only(places []int, part int) Transaction {
	share := Transaction{ID: t.ID}
	for i, s := range t.Steps {
		if places[i] == part {
			share.Steps = append(share.Steps, s)
		}
	}
	return share
}

// outcome asks a view that has the record, at which the transaction is known to be.
func (w *Transactor) outcome(p *sim.Proc, id string, part int, at LSN, deadline time.Duration) (Outcome, bool) {
	text, ok := w.consult(p, part, outcomeKey(id), at, deadline)
	if !ok {
		return Outcome{}, false
	}
	return ParseOutcome(text)
}

// Look reads a list in one of the stores, past the log: as it is there, or, if the client waits, when the store has all
// records that the client knows of. False if no store has answered in time.
func (w *Transactor) Look(p *sim.Proc, key string, wait bool) ([]int, bool) {
	part := w.place(key)
	after := LSN(0)
	if wait {
		after = w.seen[part]
	}
	text, ok := w.consult(p, part, listKey(key), after, w.deadline(p))
	return parseList(text), ok
}

// consult asks one view of a partition after the other, until one answers.
func (w *Transactor) consult(p *sim.Proc, part int, question string, after LSN, deadline time.Duration) (string, bool) {
	for p.Elapsed() < deadline {
		w.turn++
		view := w.views[part][w.turn%len(w.views[part])]
		if a, ok := Ask(p, view, question, after, w.c.Retry, min(deadline, p.Elapsed()+2*w.c.Retry)); ok {
			w.seen[part] = max(w.seen[part], a.Through)
			return a.Value, true
		}
	}
	return "", false
}

var _ Lookup = Lists{}
