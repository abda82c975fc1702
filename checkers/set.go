package checkers

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/seedbed-sim/seedbed/sim"
)

// The operations on sets, which only grow, and are empty before the first operation.
type (
	SetAdd  struct{ Set, Element string } // output is ignored
	SetRead struct{ Set string }          // outputs the Elements
)

// Elements is the output of SetRead, in any order.
type Elements []string

func (o SetAdd) String() string  { return "add" + suffix(o.Set) + " " + o.Element }
func (o SetRead) String() string { return "read" + suffix(o.Set) }
func (e Elements) String() string {
	return strconv.Itoa(len(e)) + " elements"
}

// SetOptions say what is promised.
type SetOptions struct {
	// Linearizable promises that reads are not stale, and that all agree on one order of the additions.
	Linearizable bool
}

// Sets checks sets by the anomalies of Jepsen's set-full checker (namespace jepsen.checker of github.com/jepsen-io/jepsen):
//
//   - lost: an element that was added for certain, or read, is missing from a read that begins later, and from all that end after it has begun;
//   - unexpected: an element is read that nobody can have added by then, or whose addition failed;
//   - duplicated: an element is twice in a read.
//
// With Linearizable there are two more, and the history is linearizable if there is none:
//
//   - stale: such an element is missing from a read that begins later, but not from all after it;
//   - long fork: of two reads each has what the other lacks, or additions are seen in another order than that of their
//     real time.
//
// An addition of unknown outcome may take effect at any time, or never. It takes time in proportion to the elements of all
// reads, but for what sorting takes.
func Sets(o SetOptions, ops []*sim.Op) Result {
	// What failed is wanted here, to tell an aborted element from others: so it goes along as an addition that never was.
	failed := make(map[SetAdd]*sim.Op)
	for _, op := range ops {
		if add, ok := op.Input.(SetAdd); ok && op.Outcome == sim.Fail {
			failed[add] = op
		}
	}
	return byKey(`always "what is added to a set stays in it"`, "no read of a set has a known outcome", ops, func(input any) string {
		switch o := input.(type) {
		case SetAdd:
			return o.Set
		case SetRead:
			return o.Set
		}
		panic(fmt.Sprintf("checkers: a set has no operation %T", input))
	}, func(ops []*sim.Op) Result { return (&setHistory{options: o, failed: failed}).judge(ops) })
}

// setHistory is the history of one set.
type setHistory struct {
	options  SetOptions
	failed   map[SetAdd]*sim.Op
	elements []setElement // in order of their first addition
	place    map[string]int32
	reads    []*sim.Op // in order of invocation
}

type setElement struct {
	name  string
	add   *sim.Op // the first invoked
	added *sim.Op // the first that ended well; nil: none
	in    []int32 // the reads that have it, in their order
}

func (h *setHistory) judge(ops []*sim.Op) Result {
	h.place = make(map[string]int32)
	for _, op := range ops {
		switch o := op.Input.(type) {
		case SetAdd:
			n, ok := h.place[o.Element]
			if !ok {
				n = int32(len(h.elements))
				h.place[o.Element] = n
				h.elements = append(h.elements, setElement{name: o.Element, add: op})
			}
			if e := &h.elements[n]; op.Outcome == sim.OK && (e.added == nil || op.Return < e.added.Return) {
				e.added = op
			}
		case SetRead:
			if op.Outcome == sim.OK {
				h.reads = append(h.reads, op)
			}
		}
	}
	if len(h.reads) == 0 {
		return Result{}
	}
	for i, op := range h.reads {
		if r := h.read(int32(i), op); r.Verdict == Invalid {
			return r
		}
	}
	for i := range h.elements {
		if r := h.missing(&h.elements[i]); r.Verdict == Invalid {
			return r
		}
	}
	if h.options.Linearizable {
		return h.ordered()
	}
	return Result{Verdict: Valid}
}

// read looks at what one read has.
func (h *setHistory) read(i int32, op *sim.Op) Result {
	for _, name := range op.Output.(Elements) {
		n, ok := h.place[name]
		switch {
		case !ok:
			if add := h.failed[SetAdd{op.Input.(SetRead).Set, name}]; add != nil {
				return Result{Verdict: Invalid, Anomaly: "unexpected element", Ops: witnesses(add, op),
					Detail: fmt.Sprintf("%s has %s, which %s failed to add", told(op), name, add.Client)}
			}
			return Result{Verdict: Invalid, Anomaly: "unexpected element", Ops: []*sim.Op{op},
				Detail: fmt.Sprintf("%s has %s, which nobody added", told(op), name)}
		case op.Return < h.elements[n].add.Call:
			return Result{Verdict: Invalid, Anomaly: "unexpected element", Ops: []*sim.Op{op, h.elements[n].add},
				Detail: fmt.Sprintf("%s has %s before %s", told(op), name, told(h.elements[n].add))}
		}
		e := &h.elements[n]
		if k := len(e.in); k > 0 && e.in[k-1] == i {
			return Result{Verdict: Invalid, Anomaly: "duplicated element", Ops: []*sim.Op{op},
				Detail: fmt.Sprintf("%s has %s twice", told(op), name)}
		}
		e.in = append(e.in, i)
	}
	return Result{Verdict: Valid}
}

// missing looks for reads that lack an element which was there before they began.
func (h *setHistory) missing(e *setElement) Result {
	known := e.added // the operation by whose end it is there
	for _, i := range e.in {
		if op := h.reads[i]; known == nil || op.Return < known.Return {
			known = op
		}
	}
	if known == nil {
		return Result{Verdict: Valid}
	}
	// The last read without it: one less than the reads that have it, seen from the end.
	last := len(h.reads) - 1
	for k := len(e.in) - 1; k >= 0 && int(e.in[k]) == last; k-- {
		last--
	}
	if last < 0 || h.reads[last].Call <= known.Return {
		return Result{Verdict: Valid}
	}
	lacks := h.reads[last]
	name, why := "lost element", "which no later read has"
	if slices.ContainsFunc(e.in, func(i int32) bool { return h.reads[i].Return >= lacks.Call }) {
		if !h.options.Linearizable {
			return Result{Verdict: Valid}
		}
		name, why = "stale read", "which others have"
	}
	return Result{Verdict: Invalid, Anomaly: name, Ops: witnesses(e.add, known, lacks),
		Detail: fmt.Sprintf("%s lacks %s, %s, although %s was over before", told(lacks), e.name, why, told(known))}
}

// ordered looks for one order. That of reads is by size, as each has all that one before it has; an addition is between the
// last read that lacks it and the first that has it. Nothing may end before something begins that comes before it.
func (h *setHistory) ordered() Result {
	bySize := make([]int32, len(h.reads))
	for i := range bySize {
		bySize[i] = int32(i)
	}
	size := func(i int32) int { return len(h.reads[i].Output.(Elements)) }
	slices.SortStableFunc(bySize, func(a, b int32) int { return cmp.Compare(size(a), size(b)) })
	rank := make([]int, len(h.reads)) // reads that have the same have the same rank, which is odd
	at := 0
	for k, i := range bySize {
		if k == 0 || size(bySize[k-1]) != size(i) {
			at += 2
		}
		rank[i] = at - 1
	}
	type placed struct {
		at int
		op *sim.Op
		to uint64
	}
	var order []placed
	lacking := make([]int, at+2) // by rank: how many elements come after it
	for i := range h.elements {
		e := &h.elements[i]
		first := math.MaxInt
		for _, r := range e.in {
			first = min(first, rank[r])
		}
		if first == math.MaxInt {
			if e.added != nil {
				order = append(order, placed{at + 1, e.add, e.added.Return})
			}
			continue
		}
		to := uint64(forever)
		if e.added != nil {
			to = e.added.Return
		}
		order = append(order, placed{first - 1, e.add, to})
		lacking[first]++
	}
	// A read has as many elements as have come by its rank, if each has all that those before it have.
	sum := 0
	for k, i := range bySize {
		if k == 0 || rank[bySize[k-1]] != rank[i] {
			sum += lacking[rank[i]]
		}
		if size(i) != sum {
			return h.fork(bySize[:k+1])
		}
		order = append(order, placed{rank[i], h.reads[i], h.reads[i].Return})
	}
	slices.SortFunc(order, func(a, b placed) int { return cmp.Or(cmp.Compare(a.at, b.at), byInvocation(a.op, b.op)) })
	var latest, next *sim.Op // the one that begins last of those of lower rank; and of this rank too
	for i, p := range order {
		if i > 0 && order[i-1].at != p.at {
			latest = next
		}
		if latest != nil && p.to < latest.Call {
			return Result{Verdict: Invalid, Anomaly: "long fork", Ops: witnesses(latest, p.op),
				Detail: fmt.Sprintf("by what reads have, %s comes before %s, which was over when it began", told(latest), told(p.op))}
		}
		if next == nil || p.op.Call > next.Call {
			next = p.op
		}
	}
	return Result{Verdict: Valid}
}

// fork finds the read that lacks something which the last of these reads has not, or the other way round.
func (h *setHistory) fork(reads []int32) Result {
	one := h.reads[reads[len(reads)-1]]
	has := make(map[string]bool)
	for _, name := range one.Output.(Elements) {
		has[name] = true
	}
	for _, i := range reads[:len(reads)-1] {
		other := h.reads[i]
		for _, name := range other.Output.(Elements) {
			if !has[name] {
				return Result{Verdict: Invalid, Anomaly: "long fork", Ops: witnesses(one, other),
					Detail: fmt.Sprintf("%s lacks %s, which %s has, and has what that one lacks", told(one), name, told(other))}
			}
		}
	}
	return Result{Verdict: Invalid, Anomaly: "long fork", Ops: []*sim.Op{one}, Detail: told(one) + " fits with no order of the others"}
}
