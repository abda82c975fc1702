package checkers

import (
	"cmp"
	"slices"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Causality checks that nothing is visible before its cause: an observer that shows an item shows, or at least could show,
// whatever was there for who made it. (Ahamad et al., "Causal memory: definitions, implementation, and programming",
// Distributed Computing 9(1), 1995; Lloyd et al., "Don't Settle for Eventual", SOSP 2011.) Next to it is referential
// integrity: an item that refers to others is not visible before them, whoever made them.
//
// I names an item. What an item comes after is told in one of two ways. Make and See go by what its maker has seen, and has
// made before. MakeAt goes by Lamport's happened-before, as vectors have it (see [sim.Causal.Vector] and [clock.Vector]),
// which also finds what only a message can have told its maker. Items that were there from the start need not be made.
//
// An item's cause is looked at once for each observer, so that all calls together take time in proportion to items times
// observers, and to what makers have seen.
type Causality[I comparable] struct {
	causal   *Property // nil while nothing was made
	integral *Property // nil while nothing refers to anything

	set       *Set
	place     map[I]int32
	items     []causalItem[I] // by place
	makers    []causalMaker   // by id
	observers []causalObserver
}

type causalItem[I comparable] struct {
	name    I
	maker   sim.NodeID
	touched bool    // it was made, seen or shown
	after   []int32 // what it comes after, less what these come after
	refs    []int32
}

// causalMaker is what its next item comes after. What it saw before its last item that one has come after already.
type causalMaker struct {
	seen  bitset
	fresh []int32      // seen since its last item, and that item
	last  clock.Vector // when it made its last item
	made  []causalMade // in order
}

type causalMade struct {
	count uint64
	item  int32
}

type causalObserver struct {
	has     bitset // can be shown
	checked bitset // all that it comes after can be shown, too
}

// NewCausality makes a checker whose two properties are registered with the run's set when something is made, and when
// something refers to something.
func NewCausality[I comparable](s *Set) *Causality[I] {
	return &Causality[I]{set: s, place: make(map[I]int32)}
}

// Reset forgets everything, for the next run. The set is reset by its owner.
func (c *Causality[I]) Reset() {
	clear(c.place)
	c.items = c.items[:0]
	clear(c.makers)
	clear(c.observers)
}

// See tells that somebody has seen an item, and may make others because of it.
func (c *Causality[I]) See(who sim.NodeID, item I) {
	i := c.touch(item)
	m := c.maker(who)
	if m.seen.add(i) {
		m.fresh = append(m.fresh, i)
	}
}

// End tells that somebody has forgotten what it has seen and made, as in a crash: what it makes from now on is not because of
// that. MakeAt goes by what its vectors say all the same.
func (c *Causality[I]) End(who sim.NodeID) {
	m := c.maker(who)
	m.seen, m.fresh = nil, nil
}

// Make tells that somebody makes an item, and so because of all that it has seen and made. It is told before anybody can see
// the item.
func (c *Causality[I]) Make(who sim.NodeID, item I) {
	i, ok := c.create(who, item)
	if !ok {
		return
	}
	m := c.maker(who)
	c.items[i].after = m.fresh
	m.seen.add(i)
	m.fresh = []int32{i}
}

// MakeAt tells that somebody makes an item at this point of a run, which counts the maker's own step. It comes after all
// items whose points are before. Items are told of as they are made, an earlier one first.
func (c *Causality[I]) MakeAt(who sim.NodeID, item I, stamp clock.Vector) {
	i, ok := c.create(who, item)
	if !ok {
		return
	}
	m := c.maker(who)
	last, at := m.last, stamp.Get(int32(who))
	m.made, m.last = append(m.made, causalMade{at, i}), stamp
	if last.Get(int32(who)) == at { // two of one step, neither is before the other
		c.items[i].after = c.items[m.made[len(m.made)-2].item].after
		return
	}
	for _, k := range stamp {
		switch process := sim.NodeID(k.Process); {
		case process == who:
			c.items[i].after = m.until(c.items[i].after, at-1)
		case k.Count > last.Get(k.Process): // or the maker's last item comes after it already
			c.items[i].after = c.maker(process).until(c.items[i].after, k.Count)
		}
	}
}

// Refer tells that an item refers to others. It is told before anybody shows the item.
func (c *Causality[I]) Refer(item I, to ...I) {
	c.integral = c.set.Always("nothing is visible before what it refers to")
	i := c.item(item)
	for _, other := range to {
		ref := c.item(other)
		c.items[i].refs = append(c.items[i].refs, ref)
	}
}

// Show tells that an item is visible at an observer from now on.
func (c *Causality[I]) Show(observer sim.NodeID, item I) {
	i := c.touch(item)
	o := c.observer(observer)
	o.has.add(i)
	if len(c.items[i].after) > 0 && !c.covers(observer, i) {
		return
	}
	for _, ref := range c.items[i].refs {
		if !o.has.has(ref) {
			c.integral.Violatef("%v shows %v without %v, to which it refers", observer, item, c.items[ref].name)
			return
		}
		c.integral.Hold()
	}
}

// Have tells that an observer could show an item from now on, if it were asked to. It counts as shown for those that come
// after it, and may come before what it comes after itself.
func (c *Causality[I]) Have(observer sim.NodeID, item I) { c.observer(observer).has.add(c.touch(item)) }

// Restart tells that an observer has lost all that it could show.
func (c *Causality[I]) Restart(observer sim.NodeID) { *c.observer(observer) = causalObserver{} }

// covers checks that an observer has all that an item comes after. It looks no further where it has looked before.
func (c *Causality[I]) covers(observer sim.NodeID, item int32) bool {
	o := c.observer(observer)
	todo := []int32{item}
	o.checked.add(item)
	for len(todo) > 0 {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, before := range c.items[i].after {
			if !o.has.has(before) {
				c.causal.Violatef("%v shows %v without %v, which was there for %v when it made %v",
					observer, c.items[item].name, c.items[before].name, c.items[i].maker, c.items[i].name)
				return false
			}
			if o.checked.add(before) {
				todo = append(todo, before)
			}
		}
	}
	c.causal.Hold()
	return true
}

// create is a new item.
func (c *Causality[I]) create(who sim.NodeID, item I) (int32, bool) {
	c.causal = c.set.Always("nothing is visible before its cause")
	i := c.item(item)
	if c.items[i].touched {
		c.causal.Violatef("%v makes %v, which was there before", who, item)
		return 0, false
	}
	c.items[i].touched, c.items[i].maker = true, who
	return i, true
}

func (c *Causality[I]) touch(item I) int32 {
	i := c.item(item)
	c.items[i].touched = true
	return i
}

func (c *Causality[I]) item(name I) int32 {
	i, ok := c.place[name]
	if !ok {
		i = int32(len(c.items))
		c.place[name] = i
		c.items = append(c.items, causalItem[I]{name: name})
	}
	return i
}

func (c *Causality[I]) maker(id sim.NodeID) *causalMaker {
	for int(id) >= len(c.makers) {
		c.makers = append(c.makers, causalMaker{})
	}
	return &c.makers[id]
}

func (c *Causality[I]) observer(id sim.NodeID) *causalObserver {
	for int(id) >= len(c.observers) {
		c.observers = append(c.observers, causalObserver{})
	}
	return &c.observers[id]
}

// until adds the last items that a maker has made up to a count of its steps: all those of one step.
func (m *causalMaker) until(list []int32, count uint64) []int32 {
	end, _ := slices.BinarySearchFunc(m.made, count+1, func(a causalMade, n uint64) int { return cmp.Compare(a.count, n) })
	for i := end - 1; i >= 0 && m.made[i].count == m.made[end-1].count; i-- {
		list = append(list, m.made[i].item)
	}
	return list
}

// bitset is a set of small numbers.
type bitset []uint64

func (b bitset) has(i int32) bool { return int(i/64) < len(b) && b[i/64]>>(i%64)&1 != 0 }

// add puts a number in, and tells whether it was not.
func (b *bitset) add(i int32) bool {
	for int(i/64) >= len(*b) {
		*b = append(*b, 0)
	}
	added := !b.has(i)
	(*b)[i/64] |= 1 << (i % 64)
	return added
}
