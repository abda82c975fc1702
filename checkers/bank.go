package checkers

import (
	"fmt"
	"slices"
)

// Bank checks transfers between accounts: each request is decided once and for all, an approved one is then in the log of
// each account that it moves money to or from, and in each once, a declined one in none; no account goes below its limit at
// any time, and money is conserved. The last two are Jepsen's bank workload (namespace jepsen.tests.bank of
// github.com/jepsen-io/jepsen); the first are those of the payments in Kleppmann, Beresford and Svingen, "Online Event
// Processing" (ACM Queue 17(1), 2019), where the logs of the payer, the payee and the fees each get a record of their own.
//
// A names an account, Q a request. A system that keeps an account in many copies tells of one of them, or of each under a
// name of its own. An account that was not opened begins with nothing, and must not go below that. Each call but Quiet is
// O(1), but for the legs of its request.
type Bank[A, Q comparable] struct {
	conserved *Property
	limits    *Property
	decided   *Property
	once      *Property
	declined  *Property
	balances  *Property // nil while nobody has told a balance

	set      *Set
	place    map[A]int
	accounts []bankAccount[A] // by place
	asked    map[Q]int
	requests []bankRequest[A, Q] // in the order in which they were asked
}

// Leg is a part of a request: what it adds to an account, or takes from it.
type Leg[A comparable] struct {
	Account A
	Amount  int64
}

type bankAccount[A comparable] struct {
	name          A
	opened, limit int64
	posted        int64 // by its log
	told          int64 // its balance, if someone has told
	known         bool
}

type bankRequest[A, Q comparable] struct {
	name              Q
	legs              []Leg[A]
	posted            []bool // by leg
	decided, approved bool
}

// NewBank registers the properties with the run's set. That of balances comes when somebody tells one.
func NewBank[A, Q comparable](s *Set) *Bank[A, Q] {
	return &Bank[A, Q]{
		conserved: s.Always("money is conserved"),
		limits:    s.Always("no account goes below its limit"),
		decided:   s.Always("a request is decided once and for all"),
		once:      s.Always("an approved request is in each of its logs once"),
		declined:  s.Always("a declined request is in no log"),
		set:       s,
		place:     make(map[A]int),
		asked:     make(map[Q]int),
	}
}

// Reset forgets everything, for the next run. The set is reset by its owner.
func (c *Bank[A, Q]) Reset() {
	clear(c.place)
	clear(c.asked)
	c.accounts, c.requests = c.accounts[:0], c.requests[:0]
}

// Open tells what is in an account to begin with, and how low it may go: a limit below zero is credit.
func (c *Bank[A, Q]) Open(account A, balance, limit int64) {
	a := c.account(account)
	a.opened, a.limit = balance, limit
}

// Ask tells what a request moves if it is approved. To move money within the bank, its legs must add up to nothing. To ask
// again changes nothing.
func (c *Bank[A, Q]) Ask(request Q, legs ...Leg[A]) {
	if _, ok := c.asked[request]; ok {
		return
	}
	q := bankRequest[A, Q]{name: request}
	for _, leg := range legs {
		if i := q.leg(leg.Account); i >= 0 { // one log, one record
			q.legs[i].Amount += leg.Amount
			continue
		}
		q.legs = append(q.legs, leg)
	}
	q.posted = make([]bool, len(q.legs))
	c.asked[request] = len(c.requests)
	c.requests = append(c.requests, q)
}

// Decide tells that somebody has decided a request, or has come to the decision again.
func (c *Bank[A, Q]) Decide(request Q, approved bool) {
	q := c.request(request)
	switch {
	case q == nil:
		c.decided.Violatef("%v is %s, which nobody has asked for", request, decision(approved))
	case q.decided && q.approved != approved:
		c.decided.Violatef("%v is %s, and was %s", request, decision(approved), decision(q.approved))
	case !approved && slices.Contains(q.posted, true):
		c.declined.Violatef("%v is declined, and is in the log of %v", request, q.legs[slices.Index(q.posted, true)].Account)
	default:
		if q.decided {
			c.decided.Hold()
		}
		q.decided, q.approved = true, approved
	}
}

// Post tells that the log of an account has a request's record, which adds this amount. It may be told before the decision
// is, but not instead.
func (c *Bank[A, Q]) Post(account A, request Q, amount int64) {
	a, q := c.account(account), c.request(request)
	if q == nil {
		c.decided.Violatef("%v is in the log of %v, which nobody has asked for", request, account)
		return
	}
	i := q.leg(account)
	switch {
	case q.decided && !q.approved:
		c.declined.Violatef("%v is in the log of %v, and is declined", request, account)
		return
	case i < 0:
		c.once.Violatef("%v is in the log of %v, where it does not belong", request, account)
		return
	case q.posted[i]:
		c.once.Violatef("%v is in the log of %v again", request, account)
		return
	case q.legs[i].Amount != amount:
		c.conserved.Violatef("%v is in the log of %v with %d, but was to be %d", request, account, amount, q.legs[i].Amount)
		return
	}
	q.posted[i] = true
	a.posted += amount
	c.once.Hold()
	c.above(a, a.opened+a.posted)
}

// Balance tells what somebody who should know takes for an account's balance at this moment. It may lag, but not once all is
// quiet.
func (c *Bank[A, Q]) Balance(account A, balance int64) {
	c.balances = c.set.Always("a balance is the sum of its log")
	a := c.account(account)
	a.told, a.known = balance, true
	c.above(a, balance)
}

// Quiet tells that nothing is under way any more: all requests are decided, and all approved ones are in their logs. Money
// is then conserved if the balances add up, with what is in flight, to what was opened; in flight is what an approved
// request has taken from some accounts and not added to others so far.
func (c *Bank[A, Q]) Quiet() {
	c.total()
	for i := range c.accounts {
		if a := &c.accounts[i]; a.known {
			c.balances.Check(a.told == a.opened+a.posted, func() string {
				return fmt.Sprintf("%v has %d, but by its log %d", a.name, a.told, a.opened+a.posted)
			})
		}
	}
	for i := range c.requests {
		q := &c.requests[i]
		if !q.decided {
			c.decided.Violatef("%v is not decided", q.name)
			return
		}
		c.decided.Hold()
		if !q.approved {
			c.declined.Hold()
			continue
		}
		if k := slices.Index(q.posted, false); k >= 0 {
			c.once.Violatef("%v is approved, and not in the log of %v", q.name, q.legs[k].Account)
			return
		}
	}
}

// total checks that no money has come or gone.
func (c *Bank[A, Q]) total() {
	var have, flight, want int64
	for i := range c.accounts {
		a := &c.accounts[i]
		want += a.opened
		if a.known {
			have += a.told
		} else {
			have += a.opened + a.posted
		}
	}
	moved := false
	for i := range c.requests {
		q := &c.requests[i]
		begun := slices.Contains(q.posted, true)
		moved = moved || begun
		for k, leg := range q.legs {
			if q.approved || begun {
				want += leg.Amount
				if !q.posted[k] {
					flight += leg.Amount
				}
			}
		}
	}
	if have+flight != want {
		c.conserved.Violatef("accounts have %d, with %d in flight, but should have %d", have, flight, want)
		return
	}
	if moved {
		c.conserved.Hold()
	}
}

// above checks a balance against the account's limit.
func (c *Bank[A, Q]) above(a *bankAccount[A], balance int64) {
	c.limits.Check(balance >= a.limit, func() string {
		return fmt.Sprintf("%v has %d, and must not go below %d", a.name, balance, a.limit)
	})
}

func (c *Bank[A, Q]) account(name A) *bankAccount[A] {
	i, ok := c.place[name]
	if !ok {
		i = len(c.accounts)
		c.place[name] = i
		c.accounts = append(c.accounts, bankAccount[A]{name: name})
	}
	return &c.accounts[i]
}

// request is nil for one that nobody has asked for.
func (c *Bank[A, Q]) request(name Q) *bankRequest[A, Q] {
	i, ok := c.asked[name]
	if !ok {
		return nil
	}
	return &c.requests[i]
}

// leg is the place of an account's leg, or -1.
func (q *bankRequest[A, Q]) leg(account A) int {
	return slices.IndexFunc(q.legs, func(l Leg[A]) bool { return l.Account == account })
}

func decision(approved bool) string {
	if approved {
		return "approved"
	}
	return "declined"
}
