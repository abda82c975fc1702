package nemesis

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"pgregory.net/rapid"
)

// Numbers draws plans that differ from one plan in numbers only, for rapid to shrink. The first plan drawn is that one; the
// smaller the draws after it, in rapid's order, the simpler the numbers. Times are told by the gaps between them, so what
// is in order stays so.
//
// rapid makes draws smaller, but what it draws at first is random, so no plan can be told by it. Instead there is a coin
// for whatever can be taken from a number: all its digits, all but the first or the first two, or one of the bits 8, 4, 2
// and 1 of a digit. The first time, a coin is tossed until it shows heads; ever after it is tossed as often, and the last
// toss counts. So all coins show heads until rapid turns one over, and all plans take the same number of tosses.
type Numbers struct {
	plan   Plan
	list   []int64
	tosses []int // by coin; nil before the first draw
	all    int   // the sum of tosses
}

var coin = rapid.Bool()

// NewNumbers is about the numbers of a valid plan.
func NewNumbers(p Plan) *Numbers { return &Numbers{plan: p, list: p.numbers()} }

// Draw draws a plan. It is false for numbers that make no valid one.
func (n *Numbers) Draw(t *rapid.T) (p Plan, ok bool) {
	first, coins := n.tosses == nil, 0
	heads := func() bool {
		if first {
			tosses := 1
			for !coin.Draw(t, "") {
				tosses++
			}
			n.tosses = append(n.tosses, tosses)
			n.all += tosses
			return true
		}
		for range n.tosses[coins] - 1 {
			coin.Draw(t, "")
		}
		coins++
		return coin.Draw(t, "")
	}
	simple := make([]int64, len(n.list))
	for i, number := range n.list {
		simple[i] = simpler(number, heads)
	}
	return n.plan.withNumbers(simple)
}

// Draws is how much each plan draws from rapid, once the first has been drawn.
func (n *Numbers) Draws() int { return n.all }

// simpler is a number without what the coins that show tails take away. Which coins there are depends on the number only.
func simpler(n int64, heads func() bool) (simple int64) {
	if n < 0 {
		return -simpler(-n, heads)
	}
	digits := strconv.FormatInt(n, 10)
	kept := len(digits) // how many are not 0
	for last := range min(3, len(digits)) {
		if n%power(len(digits)-last) != 0 && !heads() {
			kept = min(kept, last)
		}
	}
	for i, digit := range digits {
		for bit := '8' - '0'; bit > 0; bit /= 2 {
			if (digit-'0')&bit != 0 && heads() && i < kept {
				simple += int64(bit) * power(len(digits)-1-i)
			}
		}
	}
	return simple
}

// power is 10^n.
func power(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// numbers are those of a valid plan that are not part of its structure: how much longer the fault phase is than it must be;
// the gaps between the moments at which faults or operations begin; the windows; and those within links, disks and faults.
func (p Plan) numbers() []int64 {
	var list []int64
	p.times(func(span *time.Duration) { list = append(list, int64(*span)) })
	p.tree().numbers(func(n int64) int64 {
		list = append(list, n)
		return n
	})
	return list
}

// withNumbers is the plan with other numbers, in that order.
func (p Plan) withNumbers(list []int64) (Plan, bool) {
	next := func() int64 {
		n := list[0]
		list = list[1:]
		return n
	}
	changed := p.times(func(span *time.Duration) { *span = time.Duration(next()) })
	root := p.tree()
	root.numbers(func(int64) int64 { return next() })
	with, err := root.plan()
	if err != nil {
		return p, false
	}
	changed.Link, changed.ClientLink, changed.Disk, changed.Buggify = with.Link, with.ClientLink, with.Disk, with.Buggify
	for i := range with.Faults {
		changed.Faults[i].Fault = with.Faults[i].Fault
	}
	return changed, changed.Check() == nil
}

// times is the plan with other times: visit is shown each span between two of them, and may change it.
func (p Plan) times(visit func(span *time.Duration)) Plan {
	p.Faults, p.Ops = slices.Clone(p.Faults), slices.Clone(p.Ops)
	end, last := time.Duration(0), time.Duration(0)
	var moments []*time.Duration
	for i := range p.Faults {
		moments = append(moments, &p.Faults[i].At)
		if until := p.Faults[i].Until; until != Forever {
			end = max(end, until)
		}
	}
	for i := range p.Ops {
		moments = append(moments, &p.Ops[i].At)
	}
	slices.SortStableFunc(moments, func(a, b *time.Duration) int { return cmp.Compare(*a, *b) })
	if len(moments) > 0 {
		last = *moments[len(moments)-1]
	}
	// All moments lie before the end, by a millisecond or by what there is.
	after := min(time.Millisecond, p.Duration-last)
	rest := p.Duration - max(end, last+after)
	visit(&rest)
	windows := make([]time.Duration, len(p.Faults))
	for i, e := range p.Faults {
		if e.Until != 0 && e.Until != Forever {
			windows[i] = e.Until - e.At
		}
	}
	was, is := time.Duration(0), time.Duration(0)
	for _, at := range moments {
		gap := *at - was
		was = *at
		visit(&gap)
		is += gap
		*at = is
	}
	end = 0
	for i, window := range windows {
		if window == 0 {
			continue
		}
		least := min(window, time.Millisecond)
		visit(&window)
		p.Faults[i].Until = p.Faults[i].At + max(window, least)
		end = max(end, p.Faults[i].Until)
	}
	p.Duration = max(end, is+after) + rest
	return p
}

// numbers shows visit each number and time of a plan's tree that is not part of its structure, and puts what visit returns
// in its place. Nodes are counted from 0.
func (v *value) numbers(visit func(n int64) int64) {
	for i, key := range v.keys {
		switch key {
		case "link", "client_link", "disk", "buggify":
			v.items[i].leaves(0, visit)
		case "faults":
			for _, event := range v.items[i].items {
				event.take("fault").leaves(0, visit)
			}
		}
	}
}

func (v *value) leaves(least int64, visit func(n int64) int64) {
	switch v.kind {
	case '0':
		if n, err := strconv.ParseInt(v.text, 10, 64); err == nil {
			v.text = strconv.FormatInt(visit(n-least)+least, 10)
		}
	case '"':
		if d, err := time.ParseDuration(v.text); err == nil {
			v.text = time.Duration(visit(int64(d))).String()
		}
	}
	for i, item := range v.items {
		if v.kind == '{' {
			least = 0
			if key := v.keys[i]; key == "node" || key == "nodes" || key == "groups" {
				least = 1
			}
		}
		item.leaves(least, visit)
	}
}
