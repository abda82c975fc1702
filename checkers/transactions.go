package checkers

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seedbed-sim/seedbed/sim"
)

// The operations of transactions, on lists that are named by their keys and empty at first. A list shows its own past,
// which is what makes transactions on lists so easy to judge (Kingsbury and Alvaro 2020, section 3).
type (
	// ListAppend puts an element at the end of a list. No element is appended to a list twice, by whomever.
	ListAppend struct {
		Key     string
		Element int
	}
	// ListRead reads a whole list; List is what was read.
	ListRead struct {
		Key  string
		List []int
	}
)

// Mop is a ListAppend or a ListRead.
type Mop interface {
	fmt.Stringer
	mop()
}

// Txn is a transaction: what it does, in this order.
//
// It is the input of an operation, with all that it may append. It is the output too, with the lists that were read; a nil
// output tells nothing of these.
type Txn []Mop

func (ListAppend) mop() {}
func (ListRead) mop()   {}

func (m ListAppend) String() string { return "append " + m.Key + " " + strconv.Itoa(m.Element) }

func (m ListRead) String() string {
	if m.List == nil {
		return "read " + m.Key
	}
	return "read " + m.Key + " → " + listText(m.List)
}

func (t Txn) String() string {
	words := make([]string, len(t))
	for i, m := range t {
		words[i] = m.String()
	}
	return strings.Join(words, ", ")
}

// Level is how well transactions are isolated. Each level allows less than the one before it.
type Level int8

const (
	ReadUncommitted    Level = iota - 3 // PL-1 of Adya, Liskov and O'Neil 2000: no G0
	ReadCommitted                       // PL-2: no G1
	SnapshotIsolation                   // each cycle has two anti-dependencies in a row (Cerone and Gotsman 2016, Theorem 9)
	Serializable                        // PL-3: no cycles
	StrictSerializable                  // no cycles, real time included
)

func (l Level) String() string {
	return [...]string{"read uncommitted", "read committed", "snapshot isolation", "serializable",
		"strict serializable"}[l-ReadUncommitted]
}

// AnomalyKind names what is wrong with a history. The cycles are those of the direct serialization graph: a transaction
// comes before another which appends to a list after it (ww), which reads what it appended (wr), or which appends what it
// did not read (rw, an anti-dependency).
type AnomalyKind uint8

const (
	Garbage           AnomalyKind = iota // an element that nobody appended is read
	Duplicate                            // an element is twice in a list
	Internal                             // what is read contradicts the operations of one transaction
	G0                                   // a cycle of ww: a dirty write
	G1a                                  // something is read that a failed transaction appended
	G1b                                  // a list is read as it was in the middle of another transaction
	G1c                                  // a cycle of ww and wr
	IncompatibleOrder                    // of two reads of a list neither is a prefix of the other: one was never committed
	LostUpdate                           // a transaction reads a list, and appends to it after somebody else did
	GSingle                              // a cycle with one rw: read skew
	GNonadjacent                         // a cycle with several rw, but never two in a row: a long fork
	WriteSkew                            // two transactions append to different lists, each without the other's element
	G2                                   // a cycle with several rw, two of them in a row
	anomalyKinds
)

func (k AnomalyKind) String() string {
	return [...]string{"garbage read", "duplicate element", "internal", "G0", "G1a", "G1b", "G1c", "incompatible order",
		"lost update", "G-single", "G-nonadjacent", "write skew", "G2"}[k]
}

// excludes is the weakest level at which there can be no such thing.
func (k AnomalyKind) excludes() Level {
	switch {
	case k <= G0:
		return ReadUncommitted
	case k <= IncompatibleOrder:
		return ReadCommitted
	case k <= GNonadjacent:
		return SnapshotIsolation
	default:
		return Serializable
	}
}

// TxnOrder is what a cycle consists of, besides ww, wr and rw.
type TxnOrder uint8

const (
	DataOrder    TxnOrder = iota // nothing
	SessionOrder                 // a transaction comes before what its client begins after its end
	RealTime                     // a transaction comes before what anybody begins after its end
	txnOrders
)

// Anomaly is something in a history that some level excludes, with its proof.
type Anomaly struct {
	Kind  AnomalyKind
	Order TxnOrder
	Proof string    // in words, in one line
	Ops   []*sim.Op // the transactions that take part, in order of invocation
	keys  []string  // the lists that the proof is about
}

// Name is the kind, and the order if it takes part: G-single-realtime.
func (a Anomaly) Name() string {
	return a.Kind.String() + [...]string{"", "-session", "-realtime"}[a.Order]
}

func (a Anomaly) String() string { return a.Name() + ": " + a.Proof }

// Excludes is the weakest level at which there can be no such anomaly.
func (a Anomaly) Excludes() Level {
	if a.Order == RealTime {
		return StrictSerializable
	}
	return a.Kind.excludes()
}

// TxnOptions say what is promised.
type TxnOptions struct {
	// Level is the one that is promised. The zero value is Serializable.
	Level Level

	// Sessions promises that level for an order which is also that of each client (Daudjee and Salem 2006, for snapshot
	// isolation). StrictSerializable includes it.
	Sessions bool
}

func (o TxnOptions) String() string {
	if o.Sessions && o.Level != StrictSerializable {
		return o.Level.String() + ", in the order of sessions"
	}
	return o.Level.String()
}

// TxnReport is all that was found in a history of transactions.
type TxnReport struct {
	Options TxnOptions

	// Committed counts the transactions that certainly took effect, those of unknown outcome among them that were seen.
	Committed int

	// Anomalies are the kinds that were found, whatever is promised, in the order of the constants; each with its smallest
	// proof. A cycle has the most special name that fits. One that needs the order of sessions or real time is told only if
	// there is none of its kind without.
	Anomalies []Anomaly
}

// Transactions judges a history of transactions on lists, as in "Elle: Inferring Isolation Anomalies from Experimental
// Observations" (Kingsbury and Alvaro, VLDB 2020), by "Generalized Isolation Level Definitions" (Adya, Liskov and O'Neil,
// ICDE 2000).
//
// The longest read of a list tells the order of what was appended to it, and that committed appends which it lacks came
// later. So the direct serialization graph is known but for the order of appends that nobody has read, and the history is
// serializable, or strictly so, if and only if there is no anomaly. At SnapshotIsolation, whoever appends without being
// read gets the benefit of the doubt.
//
// A transaction that ended with sim.Info, or is still pending, took effect if and only if somebody read what it appended;
// one that ended with sim.Fail did not. It takes time in proportion to the length of all lists read, but for what sorting
// takes; where there are many cycles, the search for the smallest proofs gives up in time.
func Transactions(o TxnOptions, ops []*sim.Op) TxnReport {
	h := readTxns(ops)
	for k := range h.keys {
		h.settle(int32(k))
	}
	for k := range h.keys {
		h.relate(int32(k))
	}
	switch {
	case o.Level == StrictSerializable:
		h.inOrder(RealTime)
	case o.Sessions:
		h.inOrder(SessionOrder)
	}
	h.cycles()
	r := TxnReport{Options: o, Anomalies: h.anomalies()}
	for i := range h.txns {
		if h.txns[i].committed {
			r.Committed++
		}
	}
	return r
}

// Find returns the anomaly of a kind, or nil. If there is one without the order of sessions or real time, it is that.
func (r *TxnReport) Find(k AnomalyKind) *Anomaly {
	for i := range r.Anomalies {
		if r.Anomalies[i].Kind == k {
			return &r.Anomalies[i]
		}
	}
	return nil
}

// RuledOut is the weakest level that the history cannot have had; it has had no stronger one either. It is false if there
// is none. With TxnOptions.Sessions the levels are those of an order that is also that of each client.
func (r *TxnReport) RuledOut() (weakest Level, ok bool) {
	weakest = StrictSerializable
	for _, a := range r.Anomalies {
		weakest = min(weakest, a.Excludes())
	}
	return weakest, len(r.Anomalies) > 0
}

// Result is Valid if the promised level is not ruled out, and Unknown if no transaction has taken effect.
func (r *TxnReport) Result() Result {
	result := Result{Verdict: Valid, Property: "always " + strconv.Quote("isolation is at least "+r.Options.String())}
	weakest, ok := r.RuledOut()
	if !ok || weakest > r.Options.Level {
		if r.Committed == 0 {
			result.Verdict, result.Detail = Unknown, "no transaction has a known outcome"
		}
		return result
	}
	result.Verdict = Invalid
	var names []string
	var shown []*sim.Op // of the first
	var b strings.Builder
	for _, a := range r.Anomalies {
		if a.Excludes() > r.Options.Level {
			continue
		}
		names = append(names, a.Name())
		if shown == nil {
			shown = a.Ops
		}
		b.WriteString("\n" + a.String())
		var rows [][]string
		for _, op := range a.Ops {
			rows = append(rows, []string{"T" + strconv.Itoa(op.ID), op.Client.String(), txnInterval(op), txnText(op, a.keys)})
			if !slices.Contains(result.Ops, op) {
				result.Ops = append(result.Ops, op)
			}
		}
		table(&b, rows)
	}
	slices.SortFunc(result.Ops, byInvocation)
	result.Shown = shown
	result.Detail = strings.Join(names, ", ") + " rule out " + weakest.String()
	if len(names) == 1 {
		result.Detail = names[0] + " rules out " + weakest.String()
	}
	if weakest < StrictSerializable {
		result.Detail += " and all that is stronger"
	}
	result.Detail += b.String()
	return result
}

func txnInterval(op *sim.Op) string {
	if op.Outcome != sim.OK {
		return strconv.FormatUint(op.Call, 10) + "…"
	}
	return strconv.FormatUint(op.Call, 10) + "–" + strconv.FormatUint(op.Return, 10)
}

// txnShown is how many operations of a transaction a proof shows.
const txnShown = 8

// txnText is what a transaction did, as far as it is about these keys if there is much.
func txnText(op *sim.Op, keys []string) string {
	done := txnOf(op)
	var words []string
	shown, left := 0, false
	for _, m := range done {
		key := ""
		word := m.String()
		switch m := m.(type) {
		case ListAppend:
			key = m.Key
		case ListRead:
			key = m.Key
			if op.Output != nil {
				word = "read " + m.Key + " → " + listText(m.List)
			}
		}
		if len(done) > txnShown && (shown == txnShown || !slices.Contains(keys, key)) {
			if !left {
				words = append(words, "…")
			}
			left = true
			continue
		}
		words = append(words, word)
		shown++
		left = false
	}
	text := strings.Join(words, ", ")
	if op.Outcome != sim.OK {
		text += " (" + op.Outcome.String() + ")"
	}
	return text
}

// listText is a list; of a long one, its ends.
func listText(list []int) string {
	const ends = 4
	if len(list) <= 2*ends+1 {
		return fmt.Sprint(list)
	}
	first, last := fmt.Sprint(list[:ends]), fmt.Sprint(list[len(list)-ends:])
	return first[:len(first)-1] + " … " + last[1:] + " (" + strconv.Itoa(len(list)) + ")"
}
