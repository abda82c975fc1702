package checkers

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seedbed-sim/seedbed/sim"
)

// The operations on locks. Who acquires a lock holds it until it releases it.
type (
	Acquire struct{ Lock string } // outputs a Fence, or nil if there is none
	Release struct{ Lock string } // output is ignored
)

// Fence is the output of Acquire where holders are numbered, so that a store can turn away one whose time is over.
type Fence int64

func (o Acquire) String() string { return "acquire" + suffix(o.Lock) }
func (o Release) String() string { return "release" + suffix(o.Lock) }
func (f Fence) String() string   { return "fence " + strconv.FormatInt(int64(f), 10) }

// Lock checks that a lock has one holder at a time, that only its holder releases it, and that fences grow from holder to
// holder (Burrows 2006, "The Chubby lock service", section 2.4). Locks are not reentrant, and clients do one thing at a time.
//
// A history that it calls Valid is linearizable: a client holds the lock for certain from the end of its Acquire to the
// beginning of its Release, and if no two such stretches overlap, these are when the operations took effect. An Acquire of
// unknown outcome has taken effect only if its client goes on to release the lock; a Release of unknown outcome may have
// taken effect at once. It takes O(n log n) steps.
func Lock(ops []*sim.Op) Result {
	return byKey(`always "a lock has one holder at a time"`, "no acquisition of a lock has a known outcome", ops,
		func(input any) string {
			switch o := input.(type) {
			case Acquire:
				return o.Lock
			case Release:
				return o.Lock
			}
			panic(fmt.Sprintf("checkers: a lock has no operation %T", input))
		}, lock)
}

// byKey judges each object of a history by itself, in order of their keys, up to the first that is Invalid. Operations that
// failed are left out, and those that are left are in order of invocation.
func byKey(property, nothing string, ops []*sim.Op, key func(input any) string, judge func(ops []*sim.Op) Result) Result {
	parts := make(map[string][]*sim.Op)
	var keys []string
	for _, op := range ops {
		k := key(op.Input)
		if op.Outcome == sim.Fail {
			continue
		}
		if _, ok := parts[k]; !ok {
			keys = append(keys, k)
		}
		parts[k] = append(parts[k], op)
	}
	slices.SortFunc(keys, strings.Compare)
	result := Result{Verdict: Unknown, Property: property, Detail: nothing}
	for _, k := range keys {
		part := parts[k]
		if !slices.IsSortedFunc(part, byInvocation) {
			slices.SortFunc(part, byInvocation)
		}
		switch r := judge(part); r.Verdict {
		case Invalid:
			r.Property = property
			return r
		case Valid:
			result = Result{Verdict: Valid, Property: property}
		}
	}
	return result
}

// lock judges one lock.
func lock(ops []*sim.Op) Result {
	type holder struct {
		acquire  *sim.Op // nil: it does not hold the lock
		released bool    // perhaps: a release of unknown outcome
	}
	holders := make(map[sim.NodeID]*holder)
	var zones []zone
	var acquired []*sim.Op // with a known outcome
	hold := func(h *holder, low, high int64, last *sim.Op) {
		zones = append(zones, zone{low: low, high: high, lowBy: h.acquire, highBy: last})
		*h = holder{}
	}
	var clients []sim.NodeID
	for _, op := range ops {
		h := holders[op.Client]
		if h == nil {
			h = new(holder)
			holders[op.Client] = h
			clients = append(clients, op.Client)
		}
		known := op.Outcome == sim.OK
		switch op.Input.(type) {
		case Acquire:
			if known && h.acquire != nil && h.acquire.Outcome == sim.OK {
				return Result{Verdict: Invalid, Anomaly: "mutual exclusion violated", Ops: []*sim.Op{h.acquire, op},
					Detail: fmt.Sprintf("%s, which holds the lock since %s", told(op), told(h.acquire))}
			}
			if known {
				acquired = append(acquired, op)
			}
			h.acquire = op
		case Release:
			switch {
			case h.acquire == nil && known:
				return Result{Verdict: Invalid, Anomaly: "release without acquire", Ops: []*sim.Op{op},
					Detail: told(op) + ", which does not hold the lock"}
			case h.acquire == nil: // of unknown outcome: it has failed
			case h.acquire.Outcome == sim.OK:
				hold(h, int64(h.acquire.Return), int64(op.Call), op)
			case known: // it held the lock for an instant at least, which ended during this release
				hold(h, int64(op.Return), int64(op.Call), op)
			default: // neither has happened
				h.acquire = nil
			}
		}
	}
	for _, id := range clients {
		if h := holders[id]; h.acquire != nil && h.acquire.Outcome == sim.OK {
			hold(h, int64(h.acquire.Return), forever, nil)
		}
	}
	if a, b := clash(zones); a != nil {
		until := "does not release it"
		if a.highBy != nil {
			until = "begins to release it at step " + strconv.FormatInt(a.high, 10)
		}
		return Result{Verdict: Invalid, Anomaly: "mutual exclusion violated", Ops: witnesses(a.lowBy, a.highBy, b.lowBy, b.highBy),
			Detail: fmt.Sprintf("%s, while %v holds the lock: %s, and %s", told(b.lowBy), a.lowBy.Client, told(a.lowBy), until)}
	}
	if r := fences(acquired); r.Verdict == Invalid || len(acquired) > 0 {
		return r
	}
	return Result{}
}

// fences checks that who acquires a lock later has a higher number.
func fences(acquired []*sim.Op) Result {
	ended := slices.DeleteFunc(slices.Clone(acquired), func(op *sim.Op) bool { return op.Output == nil })
	slices.SortFunc(ended, func(a, b *sim.Op) int { return cmp.Or(cmp.Compare(a.Return, b.Return), cmp.Compare(a.ID, b.ID)) })
	var highest *sim.Op // of those that ended before
	for _, op := range acquired {
		for len(ended) > 0 && ended[0].Return < op.Call {
			if highest == nil || ended[0].Output.(Fence) > highest.Output.(Fence) {
				highest = ended[0]
			}
			ended = ended[1:]
		}
		if fence, ok := op.Output.(Fence); ok && highest != nil && fence <= highest.Output.(Fence) {
			return Result{Verdict: Invalid, Anomaly: "nonmonotonic fencing token", Ops: []*sim.Op{highest, op},
				Detail: fmt.Sprintf("%s comes after %s", told(op), told(highest))}
		}
	}
	return Result{Verdict: Valid}
}
