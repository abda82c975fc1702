package checkers

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// pass is a search that goes through a history once, and keeps each state that it can have led to, with those of the
// operations under way that this takes (Lowe 2017, "Testing for linearizability", section 4). It is for histories whose
// unknown outcomes make a search that goes back and forth run out of its budget.
type pass struct {
	*search
	thrift
	left int // steps left

	open  [mostOpen]int // the known calls under way, by their bit in a lead's placed
	taken uint64        // the bits in use
	begun []int         // the unknown outcomes that may have an effect by now
	leads []lead        // in the order in which they were found
	stuck []lead        // those from which there is no way on
	index map[uint64][]int
}

// thrift is what a pass makes of unknown outcomes.
type thrift uint8

const (
	// fewest: of two ways to one state the one with fewer of them is kept. What is found is an order; nothing else is said.
	fewest thrift = iota
	// exact: of two ways to one state the one is kept whose unknown outcomes are among those of the other. There is an
	// order if and only if one is found.
	exact
	// lavish: they may have an effect again and again. If there is no way even so, there is no order.
	lavish
)

// noMore tells whether one way takes no more unknown outcomes than another.
func (t thrift) noMore(used, other uint64) bool {
	if t == fewest {
		return bits.OnesCount64(used) <= bits.OnesCount64(other)
	}
	return used&^other == 0
}

// counts tells whether a call of unknown outcome has an effect at most once.
func (t thrift) counts(c *call) bool { return t != lavish && c.bit != 0 }

// lead is a state, and what led to it.
type lead struct {
	state  any
	placed uint64 // of the calls under way
	used   uint64 // of the unknown outcomes that count
	moot   bool   // another lead to this state takes fewer of these
	last   *placing
}

// placing is a call in an order, behind those before it.
type placing struct {
	i      int
	before *placing
}

const (
	mostOpen  = 64
	mostLeads = 1 << 12 // at a time: an Append that may have an effect again and again leads to ever more states
)

// onePass judges what another search has given up; s is the one that knew most.
func (p *part) onePass(s *search, budget int) (judged, bool) {
	if budget < len(s.calls) {
		return judged{}, false // no search could do with that
	}
	countable := !slices.ContainsFunc(s.calls, func(c call) bool { return c.unseen() && c.bit == 0 })
	for t := fewest; t <= lavish; t++ {
		f := newPass(s, t, cheaper*budget)
		stuck, ok := f.run()
		switch {
		case !ok && t == fewest:
			return judged{}, false // the others have no less to do
		case !ok:
		case stuck >= 0 && t != fewest:
			return judged{Result: f.refuse(p.label(), stuck)}, true
		case stuck < 0 && t != lavish && countable:
			return judged{Result{Verdict: Valid}, s, f}, true
		}
	}
	return judged{}, false
}

// cheaper is how many steps a pass may take for each of the other search, which cost more.
const cheaper = 32

func newPass(s *search, t thrift, budget int) *pass {
	p := &pass{search: s, thrift: t, left: budget, index: make(map[uint64][]int)}
	p.add(lead{state: s.model.Init})
	return p
}

// run returns the first call that fits nowhere before its end, or -1. It is false if the budget does not suffice, or if
// too many calls are under way at a time.
func (p *pass) run() (stuck int, ok bool) {
	for _, id := range p.ranks() {
		switch {
		case id >= 0:
			ok = p.begin(id)
		case p.calls[^id].unseen():
			return -1, true // these are last, and accepted everywhere
		default:
			ok = p.end(^id)
		}
		switch {
		case !ok:
			return 0, false
		case len(p.leads) == 0:
			return ^id, true
		}
	}
	return -1, true
}

func (p *pass) begin(i int) (ok bool) {
	c := &p.calls[i]
	if c.unseen() {
		if p.counts(c) || !slices.ContainsFunc(p.begun, func(j int) bool { return !p.counts(&p.calls[j]) && p.calls[j].input == c.input }) {
			p.begun = append(p.begun, i)
		}
		return true
	}
	slot := bits.TrailingZeros64(^p.taken)
	if slot == mostOpen {
		return false
	}
	p.open[slot], p.taken = i, p.taken|1<<slot
	return true
}

// end keeps the leads that have placed a call, which is over. It is false if there are too many on the way.
func (p *pass) end(i int) (ok bool) {
	bit := uint64(1) << slices.Index(p.open[:], i)
	for at := 0; at < len(p.leads); at++ {
		if p.left < 0 || len(p.leads) > mostLeads {
			return false
		}
		if l := p.leads[at]; !l.moot && l.placed&bit == 0 {
			p.follow(l)
		}
	}
	all := p.leads
	p.leads, p.taken = nil, p.taken&^bit
	clear(p.index)
	for _, l := range all {
		if !l.moot && l.placed&bit != 0 {
			l.placed &^= bit
			p.add(l)
		}
	}
	if len(p.leads) == 0 {
		p.stuck = all
	}
	return p.left >= 0
}

// follow adds where a lead leads with one more call.
func (p *pass) follow(l lead) {
	for rest := p.taken &^ l.placed; rest != 0; rest &= rest - 1 {
		bit := rest & -rest
		i := p.open[bits.TrailingZeros64(bit)]
		if p.left--; p.left < 0 {
			return
		}
		if next, ok := p.step(l.state, &p.calls[i]); ok {
			p.add(lead{next, l.placed | bit, l.used, false, &placing{i, l.last}})
		}
	}
	for _, i := range p.begun {
		c := &p.calls[i]
		bit := uint64(0)
		if p.counts(c) {
			if bit = c.bit; l.used&bit != 0 || c.after&^l.used != 0 {
				continue
			}
		}
		if p.left--; p.left < 0 {
			return
		}
		if next, _ := p.step(l.state, c); !p.equal(l.state, next) {
			p.add(lead{next, l.placed, l.used | bit, false, &placing{i, l.last}})
		}
	}
}

// add adds a lead unless there is one to the same state that takes no more.
func (p *pass) add(l lead) {
	at := l.placed
	if p.model.Hash != nil {
		at = mix(at, p.model.Hash(l.state))
	}
	for _, i := range p.index[at] {
		other := &p.leads[i]
		switch {
		case other.placed != l.placed || !p.equal(other.state, l.state):
		case p.noMore(other.used, l.used):
			return
		case p.noMore(l.used, other.used):
			other.moot = true
		}
	}
	p.index[at] = append(p.index[at], len(p.leads))
	p.leads = append(p.leads, l)
}

// order is the one that was found, as far as the last known outcome.
func (p *pass) order() []int {
	var order []int
	for at := p.leads[0].last; at != nil; at = at.before {
		order = append(order, at.i)
	}
	slices.Reverse(order)
	return order
}

// refuse is the result where a call fits nowhere.
func (p *pass) refuse(label string, stuck int) Result {
	c := &p.calls[stuck]
	var states []string
	for _, l := range p.stuck {
		if text := fmt.Sprint(l.state); !slices.Contains(states, text) {
			states = append(states, text)
		}
	}
	const most = 8
	if more := len(states) - most; more > 0 {
		states = append(states[:most], fmt.Sprintf("%d others", more))
	}
	return Result{Verdict: Invalid, Anomaly: "not linearizable", Ops: witnesses(c.op),
		Detail: fmt.Sprintf("%s%s of %v (steps %s) has no place: at its end the state can only be %s, and it fits no earlier one",
			label, describe(c), c.op.Client, interval(c), strings.Join(states, " or "))}
}
