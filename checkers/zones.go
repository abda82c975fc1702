package checkers

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/seedbed-sim/seedbed/sim"
)

// zone is when one of several things that exclude each other must have been the case: a register's value, the holder of a
// lock.
//
// A stretch with low < high lasted at the least from low to high. One with high <= low may have been any instant in
// between. The former are called forward zones, the latter backward zones, and they fit on one line of time if and only if
// no two forward zones overlap and no backward zone is inside a forward zone (Gibbons and Korach 1997, "Testing Shared
// Memories", section 3). Zones that touch do not overlap, as operations that share a step are concurrent.
type zone struct {
	low, high int64
	lowBy     *sim.Op // shows that it was the case by low; nil: it was so from the beginning
	highBy    *sim.Op // shows that it was still, or not earlier than, the case at high
	name      string
}

// clash finds two zones that do not fit on one line of time: the first is a forward zone. The one that shows it soonest is
// found first. It sorts the zones.
func clash(zones []zone) (a, b *zone) {
	slices.SortFunc(zones, func(a, b zone) int {
		return cmp.Or(cmp.Compare(min(a.low, a.high), min(b.low, b.high)), cmp.Compare(max(a.low, a.high), max(b.low, b.high)))
	})
	var longest *zone // the forward zone that ends last of those before
	for i := range zones {
		z := &zones[i]
		forward := z.low < z.high
		begin, end := min(z.low, z.high), max(z.low, z.high)
		if longest != nil && begin < longest.high {
			// It begins not before longest. A backward zone that begins with it can be before it.
			if forward || longest.low < begin && end < longest.high {
				return longest, z
			}
		}
		if forward && (longest == nil || z.high > longest.high) {
			longest = z
		}
	}
	return nil, nil
}

// decideRegister judges Gets and Puts that are not groundless, if no text is written twice: then each Get tells the Put that
// it read from. The Puts and Gets of one text are a zone.
func decideRegister(label string, calls []call) (Result, bool) {
	writers := make(map[string]int, len(calls)/2) // by text: the zone
	zones := []zone{{low: -1, high: -1, name: "absent"}}
	puts := []*call{nil}
	for i := range calls {
		c := &calls[i]
		switch o := c.input.(type) {
		case Get:
		case Put:
			if _, twice := writers[o.Text]; twice {
				return Result{}, false
			}
			writers[o.Text] = len(zones)
			zones = append(zones, zone{low: int64(c.ret), high: int64(c.from), lowBy: c.op, highBy: c.op, name: strconv.Quote(o.Text)})
			puts = append(puts, c)
		default:
			return Result{}, false
		}
	}
	read := make([]bool, len(zones))
	for i := range calls {
		c := &calls[i]
		if _, ok := c.input.(Get); !ok || c.unseen() {
			continue
		}
		n := 0
		if value := c.output.(Value); value.Found {
			n = writers[value.Text]
		}
		z := &zones[n]
		read[n] = true
		if int64(c.ret) < z.low {
			z.low, z.lowBy = int64(c.ret), c.op
		}
		if int64(c.from) > z.high {
			z.high, z.highBy = int64(c.from), c.op
		}
	}
	kept := zones[:0]
	for i, z := range zones {
		if read[i] || i > 0 && !puts[i].unseen() {
			kept = append(kept, z)
		}
	}
	a, b := clash(kept)
	if a == nil {
		return Result{Verdict: Valid}, true
	}
	// a.highBy began when b was over or had been, and a was there before b was.
	r := Result{Verdict: Invalid, Anomaly: "stale read"}
	if _, ok := b.lowBy.Input.(Get); ok {
		r.Anomaly = "new-old inversion"
	}
	r.Detail = fmt.Sprintf("%s%s goes back to %s, although %s was over before it", label, told(a.highBy), a.name, told(b.lowBy))
	if a.lowBy != nil {
		r.Detail += fmt.Sprintf(", and %s had it before %s began", told(a.lowBy), told(b.highBy))
	}
	r.Ops = witnesses(a.lowBy, a.highBy, b.lowBy, b.highBy)
	return r, true
}

// witnesses are operations in order of invocation, each once.
func witnesses(ops ...*sim.Op) []*sim.Op {
	ops = slices.DeleteFunc(ops, func(op *sim.Op) bool { return op == nil })
	slices.SortFunc(ops, byInvocation)
	return slices.Compact(ops)
}

// told is an operation in a sentence: put x "1" of n3 (steps 5–9).
func told(op *sim.Op) string {
	text := fmt.Sprint(op.Input)
	if op.Outcome == sim.OK && op.Output != nil {
		text += fmt.Sprintf(" → %v", op.Output)
	}
	steps := strconv.FormatUint(op.Call, 10) + "…"
	if op.Outcome == sim.OK {
		steps = strconv.FormatUint(op.Call, 10) + "–" + strconv.FormatUint(op.Return, 10)
	}
	return fmt.Sprintf("%s of %v (steps %s)", text, op.Client, steps)
}
