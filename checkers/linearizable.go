package checkers

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/seedbed-sim/seedbed/sim"
)

// DefaultBudget is how many steps of its model a search may take per partition: about 60 ms of one core. In partitions of
// more than 1,024 operations a step counts for more than one.
const DefaultBudget = 100_000

// Model is a sequential specification: what clients may see of a service that handles one operation at a time.
//
// States are immutable values; Step returns a new one, and is a pure function of its arguments. Inputs are comparable.
type Model struct {
	Name string

	// Key names the partition an operation belongs to. Partitions do not influence one another and are checked one by
	// one, in the order of their keys. Nil: all operations belong together.
	Key func(input any) string

	// Init is the state before the first operation of a partition.
	Init any

	// Step applies an operation to a state. It returns false if a service in this state could not have answered with this
	// output.
	//
	// The output is Unseen for an operation of unknown outcome. Step must accept it in every state: it returns the state
	// after the operation where that has an effect, and the same state where it has none. This is enough for "it may or
	// may not have happened": an operation that never took effect can always be put behind all others, where nobody sees
	// what it does.
	Step func(state, input, output any) (next any, ok bool)

	// Equal tells whether two states are equal. Nil: they are comparable with ==.
	Equal func(a, b any) bool

	// Hash, if not nil, is equal for equal states.
	Hash func(state any) uint64

	// Budget is the number of steps after which the search of one partition gives up. Zero: DefaultBudget. What it gives up
	// gets 32 times as many, of cheaper ones.
	Budget int

	// infer narrows what the outputs of a partition reveal about its unknown outcomes. It may drop an operation (by
	// leaving it out of the result), change its input, and its output and ret, as long as the partition is linearizable
	// after it if and only if it was before.
	infer func(calls []call) []call

	// sharpen changes inputs to such as refuse more states: those in which the outputs of other calls show that they did
	// not take effect. The partition is linearizable after it if and only if it was before. It is false if nothing changed.
	sharpen func(calls []call) (changed bool)

	// decide judges a partition of any size without a search, or is false because it cannot. It needs what infer has not
	// touched.
	decide func(label string, calls []call) (Result, bool)
}

// Unseen is the output of an operation whose outcome nobody saw: it may take effect at any time after its invocation, or
// never.
type Unseen struct{}

func (Unseen) String() string { return "?" }

// Linearizable reports whether the history is one that the model's service could have given: every operation takes effect
// at one instant between its invocation and its completion (Herlihy and Wing 1990). An operation that ended with
// sim.Info, or is still pending, may take effect later, or never; one that ended with sim.Fail has not happened.
//
// The search is Porcupine's (Lowe 2017), after a short one of our own, and before one that goes through the history once (see
// pass). Registers in which each value is written once need none: they are decided in time O(n log n) where a search would
// be long (see zones); nor do values that nobody wrote. A panic in the model's Step is passed on. Invalid results carry the operations concerned and explain themselves; Unknown means that the budget ran out, or that
// no operation has a known outcome.
func Linearizable(m Model, ops []*sim.Op) Result {
	result := Result{Detail: "no operation has a known outcome"}
	judged := false
	for _, p := range partition(&m, ops) {
		if p.known == 0 {
			continue
		}
		r := p.check(&m)
		if !judged || result.Verdict.Join(r.Verdict) != result.Verdict {
			result = r
		}
		judged = true
		if r.Verdict == Invalid {
			break
		}
	}
	result.Property = `always "` + m.Name + ` is linearizable"`
	return result
}

// call is one operation as the search sees it.
type call struct {
	op     *sim.Op
	input  any
	output any    // Unseen if the outcome is unknown
	from   uint64 // step of the invocation
	ret    uint64 // last step at which it can take effect; forever if the outcome is unknown
	bit    uint64 // one each for the first 64 unknown outcomes; 0: none
	after  uint64 // the bit of the equal one invoked last before this one; 0: none
}

const forever = math.MaxInt64

func (c *call) unseen() bool {
	_, unseen := c.output.(Unseen)
	return unseen
}

// part is one partition of a history.
type part struct {
	key   string
	calls []call // in order of invocation
	known int    // how many have a known outcome
}

// partition splits a history by key, in the order of the keys, without what certainly did not happen.
func partition(m *Model, ops []*sim.Op) []*part {
	var parts []*part
	byKey := make(map[string]*part)
	for _, op := range ops {
		c := call{op: op, input: op.Input, output: op.Output, from: op.Call, ret: op.Return}
		switch op.Outcome {
		case sim.Fail:
			continue
		case sim.Info, sim.Pending:
			c.output, c.ret = Unseen{}, forever
		}
		if c.ret < c.from {
			panic(fmt.Sprintf("checkers: %v of %v ends at step %d, before it began at %d", op.Input, op.Client, c.ret, c.from))
		}
		key := ""
		if m.Key != nil {
			key = m.Key(op.Input)
		}
		p := byKey[key]
		if p == nil {
			p = &part{key: key, calls: make([]call, 0, 8+min(len(ops)/4, 1024))} // a few keys, about evenly used
			byKey[key] = p
			parts = append(parts, p)
		}
		p.calls = append(p.calls, c)
		if op.Outcome == sim.OK {
			p.known++
		}
	}
	slices.SortFunc(parts, func(a, b *part) int { return strings.Compare(a.key, b.key) })
	for _, p := range parts {
		slices.SortFunc(p.calls, func(a, b call) int {
			return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.op.ID, b.op.ID))
		})
	}
	return parts
}

func (p *part) check(m *Model) Result {
	f := p.judge(m)
	if f.Verdict == Invalid && f.search != nil {
		f.Detail, f.Shown = p.explain(f.search), f.search.shown()
	}
	return f.Result
}

// judged is a partition's result, and what it comes from. Of an invalid one that was searched Detail and Shown are
// still missing.
type judged struct {
	Result
	search *search // has ended, and would end so again, unless found; nil: there was none, or its budget ran out
	found  orderOf // has found an order in place of the search; nil: there was none, or it has not
}

// orderOf is a search that has found an order of a search's calls, as far as the last known outcome.
type orderOf interface{ order() []int }

func (p *part) judge(m *Model) judged {
	if len(p.calls) > longPart {
		if r, ok := p.decide(m); ok {
			return judged{Result: r}
		}
	}
	calls := p.calls
	if unseen := len(calls) - p.known; m.infer != nil && unseen > 0 && unseen <= mostInferred/len(calls) {
		calls = m.infer(slices.Clone(calls))
	}
	valid := Result{Verdict: Valid}
	s := newSearch(m, calls)
	if g := s.greedy(); g != nil {
		return judged{valid, s, g}
	}
	plain := s
	if m.sharpen != nil {
		if sharp := slices.Clone(s.calls); m.sharpen(sharp) {
			s = newSearch(m, sharp)
			if g := s.greedy(); g != nil {
				return judged{valid, s, g}
			}
		}
	}
	total := cmp.Or(m.Budget, DefaultBudget)
	// What took effect has mostly been seen, and counts as known: so first orders with few unknown outcomes.
	for s.most = range fewUnseen {
		s.budget = total / 8
		if ok, _ := s.porcupine(false); ok {
			return judged{valid, s, nil}
		}
		total -= total/8 - max(s.budget, 0)
	}
	s.budget, s.most = total, math.MaxInt
	ok, _ := s.porcupine(false)
	switch {
	case s.budget < 0:
		if r, ok := p.decide(m); ok {
			return judged{Result: r}
		}
		if j, ok := p.onePass(s, cmp.Or(m.Budget, DefaultBudget)); ok {
			return j
		}
		return judged{Result: Result{Verdict: Unknown, Ops: p.ops(), Detail: fmt.Sprintf("%sundecided after %d steps: %s",
			p.label(), cmp.Or(m.Budget, DefaultBudget), p.size())}}
	case ok:
		return judged{valid, s, nil}
	}
	if plain != s { // what was refused early says less: show the plain search, if it ends
		plain.budget = total
		if _, _ = plain.porcupine(false); plain.budget >= 0 {
			s = plain
		}
	}
	result := Result{Verdict: Invalid, Anomaly: "not linearizable", Ops: p.ops()}
	if r, ok := p.decide(m); ok && r.Verdict == Invalid {
		result.Anomaly = r.Anomaly
	}
	return judged{result, s, nil}
}

const (
	// longPart is from how many operations on a partition is decided without a search, if it can be.
	longPart = 4096
	// mostInferred bounds the work of infer, which takes time in proportion to all operations for each unknown outcome.
	mostInferred = 1 << 28
)

func (p *part) decide(m *Model) (Result, bool) {
	if m.decide == nil {
		return Result{}, false
	}
	return m.decide(p.label(), p.calls)
}

// fewUnseen bounds the unknown outcomes of the first searches; each gets an eighth of the budget.
const fewUnseen = 3

// search looks for an order of one partition's calls that its model accepts.
type search struct {
	model    *Model
	calls    []call
	budget   int     // steps left; negative once exhausted
	most     int     // unknown outcomes that an order may have before the last known one
	panicked any     // what Step panicked with, to be passed on
	found    [][]int // see orders
}

func newSearch(m *Model, calls []call) *search {
	s := &search{model: m, calls: calls, most: math.MaxInt}
	n := 0
	for i := range calls {
		c := &calls[i]
		if !c.unseen() || n == 64 {
			continue
		}
		c.bit = 1 << n
		n++
		for j := range slices.Backward(calls[:i]) {
			if calls[j].bit != 0 && calls[j].input == c.input {
				c.after = calls[j].bit
				break
			}
		}
	}
	return s
}

// step applies a call as the model says.
func (s *search) step(state any, c *call) (next any, ok bool) {
	next, ok = s.model.Step(state, c.input, c.output)
	if !ok && c.unseen() {
		panic(fmt.Sprintf("checkers: model %s refuses the unknown outcome of %v in state %v", s.model.Name, c.input, state))
	}
	return next, ok
}

func (s *search) equal(a, b any) bool {
	if s.model.Equal != nil {
		return s.model.Equal(a, b)
	}
	return a == b
}

// porcupine runs the search to its end. Porcupine gets one partition and no timeout, because its timeout is a wall clock;
// instead its steps are counted, and once the budget is exhausted all are refused, so that the search ends soon. Times are
// ranks, without ties: calls before returns at the same step, as the intervals are closed, then by id.
func (s *search) porcupine(verbose bool) (ok bool, orders [][]int) {
	known := 0
	for i := range s.calls {
		if !s.calls[i].unseen() {
			known++
		}
	}
	// Porcupine searches on a goroutine of its own, where a panic would end the process.
	guard := func() {
		if p := recover(); p != nil {
			s.panicked, s.budget = p, -1
		}
	}
	cost := 1 + len(s.calls)/1024 // Porcupine's own work grows with the length
	model := porcupine.Model{
		Init: func() any { return placed{s.model.Init, known, 0} },
		StepContext: func(_ context.Context, state, input, _ any) (ok bool, next any) {
			if s.budget -= cost; s.budget < 0 {
				return false, nil
			}
			defer guard()
			return s.place(state.(placed), input.(*call))
		},
		Equal: func(a, b any) bool {
			defer guard()
			return s.equal(a.(placed).state, b.(placed).state)
		},
	}
	if s.model.Hash != nil {
		model.Hash = func(state any) uint64 {
			defer guard()
			return s.model.Hash(state.(placed).state)
		}
	}
	ops := make([]porcupine.Operation, len(s.calls))
	for i := range s.calls {
		ops[i].Input = &s.calls[i]
	}
	for rank, id := range s.ranks() {
		if id >= 0 {
			ops[id].Call = int64(rank)
		} else {
			ops[^id].Return = int64(rank)
		}
	}
	if verbose {
		result, info := porcupine.CheckOperationsVerbose(model, ops, 0)
		ok = result == porcupine.Ok
		if p := info.PartialLinearizations(); len(p) > 0 {
			orders = p[0]
		}
	} else {
		ok = porcupine.CheckOperations(model, ops)
	}
	if s.panicked != nil {
		panic(s.panicked)
	}
	return ok, orders
}

// placed is a state of the search.
type placed struct {
	state any    // the model's
	left  int    // known outcomes still to be placed
	used  uint64 // bits of the unknown outcomes placed
}

// place puts a call behind those that led to a state. To keep unknown outcomes from multiplying what there is to search,
// they are placed only where they have an effect, or behind all known ones; and equal ones only in order of invocation, as
// any two of them could change places.
func (s *search) place(p placed, c *call) (ok bool, next any) {
	if c.unseen() && p.left == 0 {
		return true, p
	}
	if c.after&^p.used != 0 || c.unseen() && bits.OnesCount64(p.used) >= s.most {
		return false, nil
	}
	state, ok := s.step(p.state, c)
	switch {
	case !ok:
		return false, nil
	case !c.unseen():
		return true, placed{state, p.left - 1, p.used}
	case s.equal(p.state, state):
		return false, nil
	default:
		return true, placed{state, p.left, p.used | c.bit}
	}
}

// ranks lists the calls (as i) and returns (as ^i) in order of time.
func (s *search) ranks() []int {
	ids := make([]int, 0, 2*len(s.calls))
	for i := range s.calls {
		ids = append(ids, i)
	}
	for i := range s.calls {
		ids = append(ids, ^i)
	}
	time := func(id int) uint64 {
		if id >= 0 {
			return s.calls[id].from
		}
		return s.calls[^id].ret
	}
	// Stable: calls come first in ids, and calls are in order of invocation, then id.
	slices.SortStableFunc(ids, func(a, b int) int { return cmp.Compare(time(a), time(b)) })
	return ids
}

// greedySteps, and a few more per operation, are what the greedy search may take: less than a millisecond.
const greedySteps = 10_000

// greedy looks for an order without memory and gives up soon: it returns the search that has found one; nil says nothing.
// Most valid histories end here, at a tenth of the cost of the full search.
//
// It places what leaves the state as it is at once, else what must be placed soonest, and unknown outcomes last.
func (s *search) greedy() *greedy {
	g := newGreedy(s)
	state, used := s.model.Init, uint64(0)
	for {
		from := len(g.choices)
		i, next := g.look(state, used, from)
		switch {
		case i == placedAll:
			return g
		case i == noPlace: // look has left nothing behind
			var ok bool
			if i, next, ok = g.back(); !ok {
				return nil
			}
			used = g.used
		case len(g.choices) > from:
			g.forks = append(g.forks, fork{from, len(g.trail), used})
		}
		used |= g.byRet[i].bit
		g.unlink(i)
		state = next
	}
}

// greedy is the state of that search. It is a walk with a memory of its own rather than a recursion, as a partition may
// have a million operations.
type greedy struct {
	*search
	byRet      []*call  // in order of ret: unknown outcomes are last
	next, prev []int    // links between those not yet placed; len(byRet) is the ring's head
	soonest    []uint64 // soonest[i] is the least from of byRet[i:]
	left       int      // steps left
	seen       int      // calls looked at
	trail      []int    // those placed, in this order
	forks      []fork   // where there were others to place
	choices    []choice // the others, fork by fork, the next one to try last
	used       uint64   // at the fork that back has come to
}

type fork struct {
	choices int // how many there were before
	placed  int // how many were placed then
	used    uint64
}

type choice struct {
	i    int
	next any
}

func newGreedy(s *search) *greedy {
	n := len(s.calls)
	g := &greedy{search: s, left: greedySteps + 16*n, byRet: make([]*call, n), soonest: make([]uint64, n)}
	for i := range s.calls {
		g.byRet[i] = &s.calls[i]
	}
	slices.SortFunc(g.byRet, func(a, b *call) int {
		return cmp.Or(cmp.Compare(a.ret, b.ret), cmp.Compare(a.op.ID, b.op.ID))
	})
	links := make([]int, 2*(n+1))
	g.next, g.prev = links[:n+1], links[n+1:]
	for i := range n + 1 {
		g.next[i], g.prev[i] = (i+1)%(n+1), (i+n)%(n+1)
	}
	least := uint64(forever)
	for i := n - 1; i >= 0; i-- {
		least = min(least, g.byRet[i].from)
		g.soonest[i] = least
	}
	return g
}

// What look returns in place of a call.
const (
	noPlace   = -1
	placedAll = -2
)

// look finds the call to place next in this state, and puts the others that could be placed instead behind the choices.
func (g *greedy) look(state any, used uint64, from int) (i int, next any) {
	head := len(g.byRet)
	first := g.next[head]
	if first == head || g.byRet[first].unseen() {
		return placedAll, nil // unknown outcomes are accepted everywhere, and last
	}
	deadline := g.byRet[first].ret
	for i := first; i != head && g.soonest[i] <= deadline; i = g.next[i] {
		if g.seen++; g.seen > mostSeen {
			g.choices, g.forks = g.choices[:0], g.forks[:0]
			return noPlace, nil
		}
		if g.byRet[i].from > deadline || g.byRet[i].after&^used != 0 {
			continue
		}
		if g.left--; g.left < 0 {
			g.choices, g.forks = g.choices[:0], g.forks[:0]
			return noPlace, nil
		}
		next, ok := g.step(state, g.byRet[i])
		switch {
		case !ok:
		case g.equal(state, next):
			if !g.byRet[i].unseen() {
				g.choices = g.choices[:from]
				return i, state
			}
		case len(g.choices)-from < mostChoices:
			g.choices = append(g.choices, choice{i, next})
		}
	}
	if len(g.choices) == from {
		return noPlace, nil
	}
	slices.Reverse(g.choices[from:])
	return g.choose()
}

const (
	mostChoices = 8
	mostSeen    = 1 << 28 // what only long partitions with very many unknown outcomes come to
)

// choose takes the next of the choices.
func (g *greedy) choose() (i int, next any) {
	c := g.choices[len(g.choices)-1]
	g.choices = g.choices[:len(g.choices)-1]
	return c.i, c.next
}

// back takes back what was placed since the last fork with a choice left, and makes that choice.
func (g *greedy) back() (i int, next any, ok bool) {
	for len(g.forks) > 0 {
		f := g.forks[len(g.forks)-1]
		for len(g.trail) > f.placed {
			i := g.trail[len(g.trail)-1]
			g.trail = g.trail[:len(g.trail)-1]
			g.next[g.prev[i]], g.prev[g.next[i]] = i, i
		}
		if len(g.choices) > f.choices {
			g.used = f.used
			i, next = g.choose()
			return i, next, true
		}
		g.forks = g.forks[:len(g.forks)-1]
	}
	return 0, nil, false
}

// unlink places a call.
func (g *greedy) unlink(i int) {
	g.next[g.prev[i]], g.prev[g.next[i]] = g.next[i], g.prev[i]
	g.trail = append(g.trail, i)
}

func (p *part) ops() []*sim.Op {
	ops := make([]*sim.Op, len(p.calls))
	for i := range p.calls {
		ops[i] = p.calls[i].op
	}
	return ops
}

func (p *part) label() string {
	if p.key == "" {
		return ""
	}
	return "key " + p.key + ": "
}

func (p *part) size() string {
	unseen := 0
	for i := range p.calls {
		if p.calls[i].unseen() {
			unseen++
		}
	}
	return fmt.Sprintf("%d operations, %d of unknown outcome", len(p.calls), unseen)
}

// explained is how many operations an explanation shows.
const explained = 40

// orders are the longest that a search that has ended can find, the longest first: all calls, or those before one that
// fits nowhere. Porcupine hands its partial orders out in the order of a map; by length, then content is the canonical one.
func (s *search) orders() [][]int {
	if s.found == nil {
		s.budget = math.MaxInt // the same search has just ended within its budget
		_, s.found = s.porcupine(true)
		slices.SortFunc(s.found, func(a, b []int) int {
			return cmp.Or(cmp.Compare(len(b), len(a)), slices.Compare(a, b))
		})
	}
	return s.found
}

// longest is the first of these orders; nothing if no call fits anywhere.
func (s *search) longest() []int {
	if orders := s.orders(); len(orders) > 0 {
		return orders[0]
	}
	return nil
}

// stuck is the call that fits nowhere after an order: of those not in it the one that has to be placed soonest.
func (s *search) stuck(order []int) int {
	placed := make([]bool, len(s.calls))
	for _, i := range order {
		placed[i] = true
	}
	stuck := -1
	for i := range s.calls {
		if !placed[i] && (stuck < 0 || s.calls[i].ret < s.calls[stuck].ret) {
			stuck = i
		}
	}
	return stuck
}

// shown are the operation that fits nowhere, and the last whose effect it should have seen: it was over before.
func (s *search) shown() []*sim.Op {
	order := s.longest()
	c := &s.calls[s.stuck(order)]
	var last *sim.Op
	state := s.model.Init
	for _, id := range order {
		d := &s.calls[id]
		next, _ := s.step(state, d)
		if d.ret < c.from && !s.equal(state, next) {
			last = d.op
		}
		state = next
	}
	if last == nil {
		return []*sim.Op{c.op}
	}
	return []*sim.Op{last, c.op}
}

// explain says why no order exists: the longest one that does, and the operation that fits nowhere after it.
func (p *part) explain(s *search) string {
	longest := s.longest()
	place := make(map[int]int, len(longest)) // by call: its place in the order, from 1
	state := s.model.Init
	for i, id := range longest {
		place[id] = i + 1
		state, _ = s.step(state, &s.calls[id])
	}
	stuck := s.stuck(longest)

	var b strings.Builder
	c := &s.calls[stuck]
	fmt.Fprintf(&b, "%s%v of %v has no place: after the %d operations that can be ordered before it, the state is %v",
		p.label(), describe(c), c.op.Client, len(longest), state)
	later := 0
	rows := [][]string{{"order", "steps", "client", "operation"}}
	for i := range s.calls {
		d := &s.calls[i]
		if d.from > c.ret {
			later++
			continue
		}
		order := "-"
		if n := place[i]; n > 0 {
			order = strconv.Itoa(n)
		} else if i == stuck {
			order = "!"
		}
		rows = append(rows, []string{order, interval(d), d.op.Client.String(), describe(d)})
	}
	if skip := len(rows) - 1 - explained; skip > 0 {
		fmt.Fprintf(&b, "\n  (the first %d are left out)", skip)
		rows = append(rows[:1], rows[1+skip:]...)
	}
	table(&b, rows)
	if later > 0 {
		fmt.Fprintf(&b, "\n  and %d invoked later", later)
	}
	return b.String()
}

func describe(c *call) string {
	switch {
	case c.unseen():
		return fmt.Sprintf("%v (%v)", c.op.Input, c.op.Outcome)
	case c.op.Outcome != sim.OK:
		return fmt.Sprintf("%v (%v, but seen by step %d)", c.op.Input, c.op.Outcome, c.ret)
	case c.output == nil:
		return fmt.Sprint(c.op.Input)
	default:
		return fmt.Sprintf("%v → %v", c.op.Input, c.output)
	}
}

func interval(c *call) string {
	if c.op.Outcome != sim.OK {
		return strconv.FormatUint(c.from, 10) + "…"
	}
	return strconv.FormatUint(c.from, 10) + "–" + strconv.FormatUint(c.op.Return, 10)
}

// table writes rows as indented columns, each on a line of its own.
func table(b *strings.Builder, rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	for _, row := range rows {
		b.WriteString("\n")
		line := ""
		for i, cell := range row {
			line += "  " + cell + strings.Repeat(" ", width[i]-len([]rune(cell)))
		}
		b.WriteString(strings.TrimRight(line, " "))
	}
}
