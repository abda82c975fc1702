package checkers

import (
	"fmt"
	"strconv"

	"github.com/seedbed-sim/seedbed/sim"
)

// The operations on a bank whose clients see all accounts at once.
type (
	Transfer struct { // output is ignored
		From, To string
		Amount   int64
	}
	BankRead struct{} // outputs the Balances
)

// Balance is what an account has.
type Balance struct {
	Account string
	Amount  int64
	Nil     bool // it was read, and there was nothing
}

// Balances is the output of BankRead, in any order, each account once.
type Balances []Balance

func (o Transfer) String() string {
	return "transfer " + strconv.FormatInt(o.Amount, 10) + " from " + o.From + " to " + o.To
}
func (BankRead) String() string { return "read" }
func (b Balances) String() string {
	total := int64(0)
	for _, a := range b {
		total += a.Amount
	}
	return strconv.FormatInt(total, 10) + " in " + strconv.Itoa(len(b)) + " accounts"
}

// BalanceOptions say what a bank begins with, and promises.
type BalanceOptions struct {
	Total    int64 // what all accounts have together
	HasTotal bool  // false: whatever the first read has
	Negative bool  // accounts may go below zero
}

// CheckBalances checks that each read has all the money: the anomalies of Jepsen's bank workload (namespace
// jepsen.tests.bank of github.com/jepsen-io/jepsen): unexpected key, nil balance, wrong total, negative value. A wrong total
// is a read skew, G-single of Adya, Liskov and O'Neil 2000, or worse. Accounts are those that the first read has, or a
// transfer names; one without money may be missing, since there are banks that keep none. It does not look at how much was
// transferred. Bank is for those who see more of a bank.
func CheckBalances(o BalanceOptions, ops []*sim.Op) Result {
	property := `always "all accounts together have what they had"`
	result := Result{Verdict: Unknown, Property: property, Detail: "no read of a bank has a known outcome"}
	var first *sim.Op
	accounts := make(map[string]bool)
	for _, op := range ops {
		if t, ok := op.Input.(Transfer); ok {
			accounts[t.From], accounts[t.To] = true, true
		}
	}
	for _, op := range ops {
		if _, ok := op.Input.(BankRead); !ok || op.Outcome != sim.OK {
			continue
		}
		balances := op.Output.(Balances)
		invalid := func(anomaly, format string, args ...any) Result {
			return Result{Verdict: Invalid, Property: property, Anomaly: anomaly, Ops: witnesses(first, op),
				Detail: told(op) + " " + fmt.Sprintf(format, args...)}
		}
		total := int64(0)
		for _, b := range balances {
			switch {
			case b.Nil:
				return invalid("nil balance", "has nothing in account %s", b.Account)
			case b.Amount < 0 && !o.Negative:
				return invalid("negative value", "has %d in account %s", b.Amount, b.Account)
			case first != nil && !accounts[b.Account]:
				return invalid("unexpected key", "has account %s, which %s has not, and no transfer names", b.Account, told(first))
			}
			total += b.Amount
		}
		if first == nil {
			first = op
			for _, b := range balances {
				accounts[b.Account] = true
			}
			if !o.HasTotal {
				o.Total, o.HasTotal = total, true
			}
		}
		if total != o.Total {
			return invalid("wrong total", "and not %d", o.Total)
		}
		result = Result{Verdict: Valid, Property: property}
	}
	return result
}
