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
// The first two are linearizability: a client holds the lock for certain from the end of its Acquire to the beginning of its
// Release, and if no two such stretches overlap, these are when the operations took effect. This takes O(n log n) steps, if
// each client ends with its first operation of unknown outcome, as Jepsen's processes do: that Acquire may never have taken
// effect, and that Release at once. Where one goes on, it may take effect in the midst of what follows, and it takes a
// search of so many steps per lock, or DefaultBudget; without an end to it the verdict is Unknown.
func Lock(budget int, ops []*sim.Op) Result {
	return byKey(`always "a lock has one holder at a time"`, "no acquisition of a lock has a known outcome", ops,
		func(input any) string {
			switch o := input.(type) {
			case Acquire:
				return o.Lock
			case Release:
				return o.Lock
			}
			panic(fmt.Sprintf("checkers: a lock has no operation %T", input))
		}, func(ops []*sim.Op) Result { return lock(budget, ops) })
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
	result, open := Result{Verdict: Unknown, Property: property, Detail: nothing}, false
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
			if !open {
				result = Result{Verdict: Valid, Property: property}
			}
		case Unknown:
			if r.Detail != "" { // undecided, which is more than that nothing was there
				open, result = true, r
				result.Property = property
			}
		}
	}
	return result
}

// lock judges one lock.
func lock(budget int, ops []*sim.Op) Result {
	last := make(map[sim.NodeID]*sim.Op)
	held := make(map[sim.NodeID]*sim.Op) // the Acquire
	var acquired []*sim.Op               // with a known outcome
	var clients []sim.NodeID
	var zones []zone
	for _, op := range ops {
		before := last[op.Client]
		if last[op.Client] = op; before == nil {
			clients = append(clients, op.Client)
		} else if before.Outcome != sim.OK {
			return searchLock(budget, ops)
		}
		known, acquire := op.Outcome == sim.OK, held[op.Client]
		switch op.Input.(type) {
		case Acquire:
			switch {
			case known && acquire != nil:
				return Result{Verdict: Invalid, Anomaly: "mutual exclusion violated", Ops: []*sim.Op{acquire, op},
					Detail: fmt.Sprintf("%s, which holds the lock since %s", told(op), told(acquire))}
			case known:
				acquired = append(acquired, op)
				held[op.Client] = op
			}
		case Release:
			switch {
			case acquire != nil:
				zones = append(zones, zone{low: int64(acquire.Return), high: int64(op.Call), lowBy: acquire, highBy: op})
				delete(held, op.Client)
			case known:
				return Result{Verdict: Invalid, Anomaly: "release without acquire", Ops: []*sim.Op{op},
					Detail: told(op) + ", which does not hold the lock"}
			}
		}
	}
	for _, id := range clients {
		if acquire := held[id]; acquire != nil {
			zones = append(zones, zone{low: int64(acquire.Return), high: forever, lowBy: acquire})
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
	if len(acquired) == 0 {
		return Result{}
	}
	return fences(acquired)
}

// owned is an operation on a lock with the client that does it, as a sequential model needs it.
type owned struct {
	input any
	by    sim.NodeID
}

func (o owned) String() string { return fmt.Sprint(o.input) }

// searchLock judges one lock by its states: who holds it, or -1.
func searchLock(budget int, ops []*sim.Op) Result {
	model := Model{Name: "a lock", Init: sim.NodeID(-1), Budget: budget, Step: func(state, input, output any) (any, bool) {
		holder, o := state.(sim.NodeID), input.(owned)
		_, unseen := output.(Unseen)
		_, acquires := o.input.(Acquire)
		switch {
		case acquires && holder < 0:
			return o.by, true
		case !acquires && holder == o.by:
			return sim.NodeID(-1), true
		}
		return state, unseen
	}}
	byOwner := make([]*sim.Op, len(ops))
	original := make(map[*sim.Op]*sim.Op, len(ops))
	var acquired []*sim.Op
	for i, op := range ops {
		c := *op
		c.Input = owned{op.Input, op.Client}
		byOwner[i] = &c
		original[&c] = op
		if _, ok := op.Input.(Acquire); ok && op.Outcome == sim.OK {
			acquired = append(acquired, op)
		}
	}
	r := Linearizable(model, byOwner)
	if r.Verdict != Valid {
		for i, op := range r.Ops {
			r.Ops[i] = original[op]
		}
		return r
	}
	return fences(acquired)
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
