package checkers

import (
	"fmt"
	"strings"

	"github.com/seedbed-sim/seedbed/sim"
)

// decideKey is Model.decide for one key. What reads alone say against a history is cheap to find, whatever else is in it.
func decideKey(label string, calls []call) (Result, bool) {
	if r, ok := groundless(label, calls); ok {
		return r, true
	}
	return decideRegister(label, calls)
}

// origin is what a text in a key may first have come from.
type origin struct {
	at    uint64  // the soonest
	by    *sim.Op // writes it
	since *sim.Op // began at that time: by, or what by needs to find in the key
}

// groundless finds an operation that found in the key what cannot have been there by its end: nobody wrote it, or whoever
// did began later, or swapped what was not there before. A search of a long history takes ages to say so, as each unknown
// outcome before might have been otherwise.
func groundless(label string, calls []call) (Result, bool) {
	t := texts{appends: appended(calls)}
	if t.appends && !t.delimit(calls) {
		return Result{}, false
	}
	origins := t.origins(calls)
	for i := range calls {
		c := &calls[i]
		for _, text := range t.certain(c) {
			from, known := origins[text]
			switch {
			case !known:
				return Result{Verdict: Invalid, Anomaly: "phantom read", Ops: []*sim.Op{c.op},
					Detail: fmt.Sprintf("%s%s reads what nobody wrote", label, told(c.op))}, true
			case c.ret >= from.at:
				continue
			}
			r := Result{Verdict: Invalid, Anomaly: "future read", Ops: witnesses(c.op, from.by, from.since),
				Detail: fmt.Sprintf("%s%s is over before %s", label, told(c.op), told(from.since))}
			if from.by != from.since {
				r.Detail += fmt.Sprintf(", without which %s has no effect", told(from.by))
			}
			return r, true
		}
	}
	return Result{}, false
}

// origins are those of all texts that the key may have held. A CAS needs what it swaps, so one that began early may have
// an effect only once another began.
func (t *texts) origins(calls []call) map[string]origin {
	origins := make(map[string]origin)
	waiting := make(map[string][]*call) // CASes that have begun, by what they need
	var begun []*call
	for i := range calls {
		begun = append(begun, &calls[i])
		for len(begun) > 0 {
			c := begun[len(begun)-1]
			begun = begun[:len(begun)-1]
			text, writes := written(c)
			if _, known := origins[text]; known || !writes {
				continue
			}
			if o, ok := c.input.(CAS); ok && !t.appends {
				if _, known := origins[o.From]; !known {
					waiting[o.From] = append(waiting[o.From], c)
					continue
				}
			}
			origins[text] = origin{calls[i].from, c.op, calls[i].op}
			begun = append(begun, waiting[text]...)
			delete(waiting, text)
		}
	}
	return origins
}

// certain are the texts that a call certainly found in the key, each written by some call.
func (t *texts) certain(c *call) []string {
	value, ok := read(c)
	if _, cas := c.input.(CAS); !ok || !value.Found || c.unseen() || cas && c.output != any(Swapped(true)) {
		return nil
	}
	if !t.appends {
		return []string{value.Text}
	}
	pieces := strings.SplitAfter(value.Text, string([]byte{t.delimiter}))
	if last := len(pieces) - 1; pieces[last] == "" {
		pieces = pieces[:last]
	}
	return pieces
}
