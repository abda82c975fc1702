package nemesis

import (
	"slices"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// Oracle tells Shrink which of some plans still fail like the one that it shrinks: the index of the first that does, and
// when it failed; or -1 if none does, or if there is no patience left. The time is what nothing after it can have to do
// with the failure, or 0 if only the run as a whole tells.
type Oracle func(candidates []Plan) (first int, at time.Duration)

// Shrink takes away from a failing plan what its failure does not need: faults, operations, clients, nodes, and whatever
// else a plan can do without. What it returns is p, or the last candidate that the oracle chose. at is when p failed, as
// an Oracle has it. Candidates depend on nothing but p, at and the oracle's answers.
//
// The search is delta debugging (Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input, 2002): a list
// as a whole first, then halves of it, quarters, and so on down to single items. What is left out changes the fate of all
// that follows, so a plan that has everything a failure needs may still miss it, by chance. Later rounds therefore give
// each candidate a few other root seeds as well, that is, other chances: small ones, from 1 on.
func (p Plan) Shrink(at time.Duration, fails Oracle) Plan {
	s := &shrinking{plan: p, at: at, fails: fails}
	s.cut()
	s.late()
	for s.chances = 0; s.chances <= mostChances; s.chances = max(1, 2*s.chances) {
		for shrunk := true; shrunk; {
			before := s.shrunk
			s.drop(faultItems)
			s.drop(opItems)
			s.clients()
			s.nodes()
			shrunk = s.shrunk > before && s.chances == mostChances
		}
	}
	s.chances = 0
	s.end()
	s.parts()
	return s.plan
}

// Polish takes away what simpler numbers have made superfluous: single faults and operations.
func (p Plan) Polish(at time.Duration, fails Oracle) Plan {
	s := &shrinking{plan: p, at: at, fails: fails}
	s.single(faultItems)
	s.single(opItems)
	return s.plan
}

// mostChances is how many other root seeds a candidate gets. More would find a little more, for very many runs.
const mostChances = 4

// coarse is into how many pieces a list is cut, at most, before the last rounds.
const coarse = 16

// shrinking is one call of Shrink.
type shrinking struct {
	plan    Plan          // the smallest that is known to fail
	at      time.Duration // when it does, or 0
	fails   Oracle
	chances int // that each candidate gets besides its own root seed
	shrunk  int // how often plan became smaller
}

// try takes the first of n candidates that fails, and returns its number, or -1. Those that are no valid plans are none.
func (s *shrinking) try(n int, candidate func(i int) Plan) int {
	var plans []Plan
	var numbers []int
	for chance := range 1 + s.chances {
		for i := range n {
			p := candidate(i)
			if chance > 0 {
				p.Seed = uint64(chance)
			}
			if p.Check() == nil {
				plans, numbers = append(plans, p), append(numbers, i)
			}
		}
	}
	if len(plans) == 0 {
		return -1
	}
	first, at := s.fails(plans)
	if first < 0 {
		return -1
	}
	s.plan, s.at = plans[first], at
	s.shrunk++
	s.cut()
	return numbers[first]
}

// cut leaves out what begins after the failure.
func (s *shrinking) cut() {
	faults, ops := len(s.plan.Faults), len(s.plan.Ops)
	if s.at == 0 {
		return
	}
	for faults > 0 && s.plan.Faults[faults-1].At > s.at {
		faults--
	}
	for ops > 0 && s.plan.Ops[ops-1].At > s.at {
		ops--
	}
	p := s.plan
	p.Faults, p.Ops = p.Faults[:faults], p.Ops[:ops]
	if faults == len(s.plan.Faults) && ops == len(s.plan.Ops) || p.Check() != nil {
		return
	}
	if first, at := s.fails([]Plan{p}); first == 0 {
		s.plan, s.at = p, at
	}
}

// end ends the fault phase with the failure, or with the last window.
func (s *shrinking) end() {
	p := s.plan
	p.Duration = s.at
	for _, e := range p.Faults {
		p.Duration = max(p.Duration, e.At+time.Millisecond)
		if e.Until != Forever {
			p.Duration = max(p.Duration, e.Until)
		}
	}
	for _, op := range p.Ops {
		p.Duration = max(p.Duration, op.At+time.Millisecond)
	}
	p.Duration = (p.Duration + time.Millisecond).Truncate(time.Millisecond)
	if s.at > 0 && p.Duration < s.plan.Duration {
		s.try(1, func(int) Plan { return p })
	}
}

// late leaves only the last few faults and operations, if that is enough.
func (s *shrinking) late() {
	for keep := 0; keep < len(s.plan.Faults)+len(s.plan.Ops); keep = max(1, 2*keep) {
		if s.try(1, func(int) Plan { return s.plan.last(keep) }) == 0 {
			return
		}
	}
}

// last is the plan with its last n faults and operations.
func (p Plan) last(n int) Plan {
	faults, ops := len(p.Faults), len(p.Ops)
	for range n {
		if ops == 0 || faults > 0 && p.Faults[faults-1].At >= p.Ops[ops-1].At {
			faults--
		} else {
			ops--
		}
	}
	p.Faults, p.Ops = p.Faults[faults:], p.Ops[ops:]
	return p
}

// items is one of a plan's lists.
type items struct {
	count   func(p *Plan) int
	without func(p Plan, lo, hi int) Plan
}

var (
	faultItems = items{
		count: func(p *Plan) int { return len(p.Faults) },
		without: func(p Plan, lo, hi int) Plan {
			p.Faults = slices.Concat(p.Faults[:lo], p.Faults[hi:])
			return p
		},
	}
	opItems = items{
		count: func(p *Plan) int { return len(p.Ops) },
		without: func(p Plan, lo, hi int) Plan {
			p.Ops = slices.Concat(p.Ops[:lo], p.Ops[hi:])
			return p
		},
	}
)

// drop leaves out items of a list. Of a long list, only the last rounds take single items: to try them all takes very many
// runs, and those that change nothing are gone sooner in larger pieces with other chances.
func (s *shrinking) drop(list items) {
	least := 1
	if s.chances < mostChances {
		least = max(1, list.count(&s.plan)/coarse)
	}
	for size := list.count(&s.plan); size >= least; size = min(size, list.count(&s.plan)) / 2 {
		for from := 0; from < list.count(&s.plan); {
			n := list.count(&s.plan)
			i := s.try((n-from+size-1)/size, func(i int) Plan {
				lo := from + i*size
				return list.without(s.plan, lo, min(lo+size, n))
			})
			if i < 0 {
				break
			}
			from += i * size // the items there are those that followed
		}
	}
}

// single leaves out single items of a list.
func (s *shrinking) single(list items) {
	for from := 0; from < list.count(&s.plan); {
		i := s.try(list.count(&s.plan)-from, func(i int) Plan { return list.without(s.plan, from+i, from+i+1) })
		if i < 0 {
			return
		}
		from += i
	}
}

// clients leaves out clients: all but one, which does what they did, or those that do nothing. One stays in any case: a
// scenario's own operations come from clients, and without any there may be nothing to judge once the bug is fixed.
func (s *shrinking) clients() {
	busy := s.plan
	busy.Ops = slices.Clone(busy.Ops)
	number := map[int]int{}
	for i := range busy.Ops {
		c := busy.Ops[i].Client
		if number[c] == 0 {
			number[c] = len(number) + 1
		}
		busy.Ops[i].Client = number[c]
	}
	one := busy
	one.Ops = slices.Clone(busy.Ops)
	for i := range one.Ops {
		one.Ops[i].Client = 1
	}
	one.Clients, busy.Clients = 1, max(len(number), 1)
	fewer := slices.DeleteFunc([]Plan{one, busy}, func(p Plan) bool { return p.Clients >= s.plan.Clients })
	s.try(len(fewer), func(i int) Plan { return fewer[i] })
}

// nodes leaves out nodes that no fault names: all the last ones, or one after the other.
func (s *shrinking) nodes() {
	s.try(s.plan.Nodes-1, func(i int) Plan {
		p := s.plan
		p.Nodes = i + 1
		return p
	})
	for id := sim.NodeID(1); int(id) < s.plan.Nodes; {
		p, ok := s.plan.withoutNode(id)
		if !ok || s.try(1, func(int) Plan { return p }) < 0 {
			id++
		}
	}
}

// withoutNode is the plan without a node; those behind it move up. It is false if a fault names the node.
func (p Plan) withoutNode(id sim.NodeID) (Plan, bool) {
	p.Core = slices.DeleteFunc(slices.Clone(p.Core), func(n sim.NodeID) bool { return n == id })
	c := codec{file: "plan", plan: &p, gone: id}
	if p.fields(&c); c.err != nil {
		return Plan{}, false
	}
	small, err := ReadPlan("plan", c.out)
	small.Nodes--
	return small, err == nil
}

// parts leaves out what is optional in the plan's JSON form, but in operations, and single items of lists in it.
func (s *shrinking) parts() {
	for from := 0; ; {
		i := s.try(s.plan.parts(-1, nil)-from, func(i int) (p Plan) {
			s.plan.parts(from+i, &p)
			return p
		})
		if i < 0 {
			return
		}
		from += i
	}
}

// parts counts the parts of the JSON form that could be left out, some of which must not be; and sets without to the
// plan without part number drop, or to no plan.
func (p Plan) parts(drop int, without *Plan) (n int) {
	root := p.tree()
	var walk func(v *value, depth int)
	walk = func(v *value, depth int) {
		for i := 0; i < len(v.items); i++ {
			if depth == 0 && slices.Contains(whole, v.keys[i]) {
				continue
			}
			if depth != 1 || v.kind != '[' { // else it is one of the faults
				if n++; n-1 == drop {
					v.items = slices.Delete(v.items, i, i+1)
					if v.kind == '{' {
						v.keys = slices.Delete(v.keys, i, i+1)
					}
					return
				}
			}
			walk(v.items[i], depth+1)
		}
	}
	walk(root, 0)
	if without != nil {
		*without, _ = root.plan()
	}
	return n
}

// whole are the fields of a plan that have no parts, and must be there or say nothing about the run.
var whole = []string{"format", "build", "scenario", "seed", "nodes", "clients", "duration", "ops"}

// tree is the JSON form of a valid plan.
func (p Plan) tree() *value {
	data, err := p.JSON()
	if err != nil {
		panic("nemesis: " + err.Error())
	}
	root, err := parse(data)
	if err != nil {
		panic("nemesis: a plan wrote what it cannot read: " + err.Error())
	}
	return root
}

// plan reads a tree. It can be called once.
func (v *value) plan() (Plan, error) {
	var p Plan
	c := codec{in: v, file: "plan", plan: &p}
	if p.fields(&c); c.err != nil {
		return Plan{}, c.err
	}
	return p, nil
}
