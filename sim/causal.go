package sim

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"

	"github.com/seedbed-sim/seedbed/clock"
)

// Causal answers what could have influenced what in a run: Lamport's happened-before ("Time, Clocks, and the Ordering of
// Events in a Distributed System", 1978), over steps, by vectors (see [clock.Vector]).
//
// A step is after all earlier steps of its node, over incarnations, since the disk connects them. A delivery is also
// after the handler that sent the packet, and after what happened to the sender until the packet departed: what that
// handler did later, a sync that it then waited for, say, is no news of the packet. A run has the time of a departure, not
// its place among the steps of that instant; so of these, what a handler did counts as before the packet, wherever it
// stands. Nothing else connects nodes. What is done to the world has neither past nor future; a dropped packet has the
// past of its sender when it departed, and no future.
//
// Memory is 32 bytes per step and, for each delivery that told its node of another's news, 4 bytes per node: at most
// 52 MB for 1,000,000 steps of 5 nodes, where all are deliveries and bring news. The latter part ends at 256 MB; what
// comes then takes no more, but Before looks for the answer in the run. The zero Causal is that of an empty run.
type Causal struct {
	first uint64     // the number of marks[0]
	marks []mark     // by step
	nodes []timeline // in the order of their first steps
	ids   map[NodeID]int32
	rows  []uint32 // what steps know of nodes: counts of steps, by place in nodes; one row after the other
	ends  []int    // of the rows
	tmp   []uint32
	limit int // of rows; 0 for maxRows
}

const maxRows = 64 << 20

// timeline is one node.
type timeline struct {
	id    NodeID
	steps []uint32     // marks
	times []clock.Time // of them; they never go back
	row   uint32       // of its last step
}

// mark is a step.
type mark struct {
	node  int32  // in Causal.nodes
	seq   uint32 // among the steps of its node, from 1; 0 for a step without future, which knows what its cause does
	row   uint32 // from 1: what it knows of other nodes; 0 for nothing, noRow for what its past tells
	cause uint32 // a mark, from 1; 0 for none. Of a packet: the last that its sender knew of when it departed
	kind  Kind
}

const noRow = math.MaxUint32

// NewCausal is the relation over the given steps, in order. Of a step, only N, At, Kind, Node, Cause and Sent count.
func NewCausal(steps iter.Seq[*Step]) *Causal {
	c := &Causal{}
	for s := range steps {
		c.Add(s)
	}
	return c
}

// Add adds the step that follows the last. It panics if there is a gap; a run has none.
func (c *Causal) Add(s *Step) {
	if len(c.marks) == 0 {
		c.first = s.N
	}
	if s.N != c.first+uint64(len(c.marks)) || uint64(len(c.marks)) == noRow {
		panic(fmt.Sprintf("sim: step %d follows step %d", s.N, c.first+uint64(len(c.marks))-1))
	}
	m := mark{kind: s.Kind}
	if i := s.Cause - c.first; s.Cause != 0 && i < uint64(len(c.marks)) {
		m.cause = uint32(i) + 1
	}
	if s.Kind == KindDeliver || s.Kind == KindDrop {
		m.cause = c.sender(m.cause, s.Sent)
	}
	if s.Kind != KindDrop && s.Node != Nobody {
		c.extend(&m, s)
	}
	c.marks = append(c.marks, m)
}

// sender moves from a handler, as in mark.cause, to the last step of its node that a packet of its can know of, which
// departed at some time. A handler's node takes no other input before all that it does has left, or is lost in a crash.
func (c *Causal) sender(handler uint32, departed clock.Time) uint32 {
	if handler == 0 || c.marks[handler-1].seq == 0 {
		return handler
	}
	last, h := handler, &c.marks[handler-1]
	line := &c.nodes[h.node]
	for seq := int(h.seq); seq < len(line.steps) && line.times[seq] <= departed; seq++ {
		i := line.steps[seq]
		switch c.marks[i].kind {
		case KindDeliver, KindTimer, KindBoot, KindCrash:
			return last
		case KindPause: // nothing leaves before the node goes on, which is a step too
		default:
			last = i + 1
		}
	}
	return last
}

// extend makes s, as m, the next step of its node.
func (c *Causal) extend(m *mark, s *Step) {
	node, ok := c.ids[s.Node]
	if !ok {
		if c.ids == nil {
			c.ids = make(map[NodeID]int32)
		}
		node = int32(len(c.nodes))
		c.ids[s.Node] = node
		c.nodes = append(c.nodes, timeline{id: s.Node})
	}
	line := &c.nodes[node]
	line.steps, line.times = append(line.steps, uint32(len(c.marks))), append(line.times, s.At)
	m.node, m.seq = node, uint32(len(line.steps))
	if m.kind == KindDeliver && m.cause != 0 && line.row != noRow {
		line.row = c.join(line.row, m.node, &c.marks[m.cause-1])
	}
	m.row = line.row
}

// join returns the row of a step of node that knew row before and learns what cause knows.
func (c *Causal) join(row uint32, node int32, cause *mark) uint32 {
	if cause.node == node || cause.seq == 0 {
		return row
	}
	if cause.row == noRow {
		return noRow
	}
	c.tmp = append(c.tmp[:0], c.row(row)...)
	news := false
	learn := func(of int32, seq uint32) {
		for int(of) >= len(c.tmp) {
			c.tmp = append(c.tmp, 0)
		}
		if of != node && c.tmp[of] < seq {
			c.tmp[of], news = seq, true
		}
	}
	learn(cause.node, cause.seq)
	for of, seq := range c.row(cause.row) {
		learn(int32(of), seq)
	}
	switch {
	case !news:
		return row
	case len(c.rows)+len(c.tmp) > cmp.Or(c.limit, maxRows):
		return noRow
	}
	c.rows = append(c.rows, c.tmp...)
	c.ends = append(c.ends, len(c.rows))
	return uint32(len(c.ends))
}

func (c *Causal) row(i uint32) []uint32 {
	switch i {
	case 0:
		return nil
	case 1:
		return c.rows[:c.ends[0]]
	default:
		return c.rows[c.ends[i-2]:c.ends[i-1]]
	}
}

// knower returns the mark of a step, or of its cause if it has no future; nil if it knows nothing or is not in the run.
func (c *Causal) knower(step uint64) *mark {
	i := step - c.first
	if i >= uint64(len(c.marks)) {
		return nil
	}
	m := &c.marks[i]
	if m.seq == 0 {
		if m.cause == 0 || c.marks[m.cause-1].seq == 0 {
			return nil
		}
		m = &c.marks[m.cause-1]
	}
	return m
}

// known returns, by place in nodes, how many steps are in the past of m or m itself.
func (c *Causal) known(m *mark) []uint32 {
	counts := make([]uint32, len(c.nodes))
	todo := []*mark{m}
	for len(todo) > 0 {
		m := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		seq := m.seq
		// Backwards to what is known already, or to a row, which tells of all that is behind it.
		for ; seq > counts[m.node]; seq-- {
			p := &c.marks[c.nodes[m.node].steps[seq-1]]
			if p.row != noRow {
				for node, n := range c.row(p.row) {
					counts[node] = max(counts[node], n)
				}
				break
			}
			if p.kind == KindDeliver && p.cause != 0 && c.marks[p.cause-1].seq != 0 {
				todo = append(todo, &c.marks[p.cause-1])
			}
		}
		counts[m.node] = max(counts[m.node], m.seq)
	}
	return counts
}

// Before tells whether step a happened before step b: whether a could have influenced b. It takes constant time, but for
// runs too large to keep all that is known. Steps that are not in the run are before and after nothing.
func (c *Causal) Before(a, b uint64) bool {
	i := a - c.first
	if a == b || i >= uint64(len(c.marks)) || c.marks[i].seq == 0 {
		return false
	}
	m, p := c.knower(b), &c.marks[i]
	switch {
	case m == nil:
		return false
	case m.node == p.node:
		return m.seq >= p.seq
	case m.row == noRow:
		return a < b && c.known(m)[p.node] >= p.seq
	default:
		row := c.row(m.row)
		return int(p.node) < len(row) && row[p.node] >= p.seq
	}
}

// Past yields the steps before a step, in order. It takes time in proportion to the length of the run up to there.
func (c *Causal) Past(step uint64) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		m := c.knower(step)
		if m == nil {
			return
		}
		known := c.known(m)
		for i := range c.marks[:step-c.first] {
			p := &c.marks[i]
			if p.seq > 0 && p.seq <= known[p.node] && !yield(c.first+uint64(i)) {
				return
			}
		}
	}
}

// Vector returns the vector of a step: for each node, how many of its steps are before this one, or this one itself. So
// Before is the order of vectors, except that a dropped packet has its sender's.
func (c *Causal) Vector(step uint64) clock.Vector {
	m := c.knower(step)
	if m == nil {
		return nil
	}
	var v clock.Vector
	for node, n := range c.known(m) {
		if n > 0 {
			v = append(v, clock.Component{Process: int32(c.nodes[node].id), Count: uint64(n)})
		}
	}
	slices.SortFunc(v, func(a, b clock.Component) int { return cmp.Compare(a.Process, b.Process) })
	return v
}
