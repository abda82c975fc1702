package checkers

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seedbed-sim/seedbed/sim"
)

// The operations on counters. A counter is zero before the first operation.
type (
	Add struct { // output is ignored
		Key   string
		Delta int64
	}
	Total struct{ Key string } // outputs a Sum
)

// Sum is the output of Total.
type Sum int64

func (o Add) String() string   { return "add" + suffix(o.Key) + " " + strconv.FormatInt(o.Delta, 10) }
func (o Total) String() string { return "total" + suffix(o.Key) }
func (s Sum) String() string   { return strconv.FormatInt(int64(s), 10) }

// Counter checks that each Add counts once: a Total is at least what was added for certain before it was asked for, and at
// most that and what may have been added by the time it answered; where deltas are negative they count towards the other
// bound. An Add of unknown outcome may count from its invocation on, or never.
//
// It is weaker than Linearizable, as two Totals need not agree on the order of Adds, but it takes O(n log n) steps however
// many outcomes are unknown.
func Counter(ops []*sim.Op) Result {
	property := `always "a counter counts each add once"`
	counters := make(map[string]*counter)
	var keys []string
	for _, op := range ops {
		if op.Outcome == sim.Fail {
			continue
		}
		var key string
		switch o := op.Input.(type) {
		case Add:
			key = o.Key
		case Total:
			key = o.Key
		default:
			panic(fmt.Sprintf("checkers: a counter has no operation %T", op.Input))
		}
		c := counters[key]
		if c == nil {
			c = new(counter)
			counters[key] = c
			keys = append(keys, key)
		}
		c.add(op)
	}
	slices.SortFunc(keys, strings.Compare)
	result := Result{Verdict: Unknown, Property: property, Detail: "no total has a known outcome"}
	for _, key := range keys {
		c := counters[key]
		if len(c.totals) == 0 {
			continue
		}
		if r := c.check(); r.Verdict == Invalid {
			r.Property = property
			return r
		}
		result = Result{Verdict: Valid, Property: property}
	}
	return result
}

// counter is the history of one counter.
type counter struct {
	may    []change // by the step from which on an Add may count
	must   []change // by the step from which on it must
	totals []*sim.Op
}

type change struct {
	from     uint64
	up, down int64 // one of them is the Add's delta
}

func (c *counter) add(op *sim.Op) {
	o, ok := op.Input.(Add)
	switch {
	case !ok && op.Outcome == sim.OK:
		c.totals = append(c.totals, op)
	case ok:
		d := change{op.Call, max(o.Delta, 0), min(o.Delta, 0)}
		c.may = append(c.may, d)
		if op.Outcome == sim.OK {
			d.from = op.Return + 1 // intervals are closed: a Total that begins at Return may be before it
			c.must = append(c.must, d)
		}
	}
}

func (c *counter) check() Result {
	may, must := sum(c.may), sum(c.must)
	for _, op := range c.totals {
		possible, certain := at(may, op.Return), at(must, op.Call)
		least := certain.up + possible.down
		most := possible.up + certain.down
		if got := int64(op.Output.(Sum)); got < least || got > most {
			anomaly := "lost add"
			if got > most {
				anomaly = "phantom add"
			}
			return Result{Verdict: Invalid, Anomaly: anomaly, Ops: []*sim.Op{op},
				Detail: fmt.Sprintf("%v of %v (steps %d–%d) is %d, which is not within %d and %d",
					op.Input, op.Client, op.Call, op.Return, got, least, most)}
		}
	}
	return Result{Verdict: Valid}
}

// sum sorts changes by step and turns them into running totals.
func sum(changes []change) []change {
	slices.SortFunc(changes, func(a, b change) int { return cmp.Compare(a.from, b.from) })
	for i := 1; i < len(changes); i++ {
		changes[i].up += changes[i-1].up
		changes[i].down += changes[i-1].down
	}
	return changes
}

// at is the running total at a step.
func at(sums []change, step uint64) change {
	i, _ := slices.BinarySearchFunc(sums, step, func(s change, step uint64) int {
		if s.from <= step {
			return -1
		}
		return 1
	})
	if i == 0 {
		return change{}
	}
	return sums[i-1]
}
