package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// Partition cuts all links between nodes of different groups; nodes that are in no group, and clients, keep all of
// theirs.
type Partition struct {
	Groups [][]sim.NodeID // two or more, none empty, disjoint
	// OneWay, of two groups, cuts only the links from the first to the second: packets the other way get through.
	OneWay bool
}

func (f Partition) String() string {
	groups := make([]string, len(f.Groups))
	for i, g := range f.Groups {
		groups[i] = names(g)
	}
	if f.OneWay {
		return "Partition{" + strings.Join(groups, "→") + "}"
	}
	return "Partition{" + strings.Join(groups, "|") + "}"
}

func (f *Partition) fields(c *codec) {
	c.field("groups", func() {
		seen := map[sim.NodeID]bool{}
		list(c, &f.Groups, func(g *[]sim.NodeID) {
			if c.nodes(g, seen); len(*g) == 0 {
				c.fail("a group without nodes")
			}
		})
		if len(f.Groups) < 2 {
			c.fail("a partition has two groups or more")
		}
	})
	c.maybe("one_way", f.OneWay, func() {
		if c.flag(&f.OneWay); f.OneWay && len(f.Groups) != 2 {
			c.fail("a one-way partition has two groups")
		}
	})
}

func (f *Partition) draw(d *drawing, _ FaultKind) {
	some, others := d.split()
	f.Groups, f.OneWay = [][]sim.NodeID{some, others}, d.below(3) == 0
	if !f.OneWay && others[0] < some[0] || f.OneWay && d.only != sim.Nobody && d.below(2) == 0 {
		f.Groups[0], f.Groups[1] = others, some
	}
}

func (f Partition) strike(t *target, _ sim.NodeID, _ time.Duration) (heal func()) {
	links := netsim.Groups(f.Groups...)
	if f.OneWay {
		links = netsim.OneWay(f.Groups[0], f.Groups[1])
	}
	t.struck(f)
	return t.undo(f, t.net.Cut(links))
}

func (f Partition) concerns(core []sim.NodeID) (why string) {
	inside := 0
	for _, g := range f.Groups {
		if slices.ContainsFunc(g, func(id sim.NodeID) bool { return slices.Contains(core, id) }) {
			inside++
		}
	}
	if inside > 1 {
		return "it splits the core"
	}
	return ""
}

// Isolate cuts all links between a node and the rest of the cluster.
type Isolate struct {
	Target
}

func (f Isolate) String() string { return fmt.Sprintf("Isolate{%s}", f.Target) }

// What cuts links does not ask whether somebody is up behind them.
func (Isolate) strikesDown() {}

func (f *Isolate) fields(c *codec) { f.Target.fields(c) }

func (f *Isolate) draw(d *drawing, _ FaultKind) { f.Target = d.target() }

func (f Isolate) strike(t *target, id sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	return t.undo(f, t.net.Cut(netsim.Isolate(id)))
}

// Bridge cuts all links between two sides; both still reach the nodes of the bridge, which are of no side.
type Bridge struct {
	Left, Bridge, Right []sim.NodeID // none empty, disjoint
}

func (f Bridge) String() string {
	return fmt.Sprintf("Bridge{%s|(%s)|%s}", names(f.Left), names(f.Bridge), names(f.Right))
}

func (f *Bridge) fields(c *codec) {
	seen := map[sim.NodeID]bool{}
	for _, side := range []struct {
		name string
		ids  *[]sim.NodeID
	}{{"left", &f.Left}, {"bridge", &f.Bridge}, {"right", &f.Right}} {
		c.field(side.name, func() {
			if c.nodes(side.ids, seen); len(*side.ids) == 0 {
				c.fail("nobody is in it")
			}
		})
	}
}

func (f *Bridge) draw(d *drawing, _ FaultKind) {
	ids := d.order()
	size := 1 + d.below((len(ids)-1)/2)
	f.Left, f.Bridge, f.Right = ids[:size:size], ids[size:size+1:size+1], ids[size+1:]
	slices.Sort(f.Left)
	slices.Sort(f.Right)
}

func (f Bridge) strike(t *target, _ sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	return t.undo(f, t.net.Cut(netsim.Bridge(f.Left, f.Bridge, f.Right)))
}

// Ring leaves each node hearing only the nearest ones in the circle that make up a majority with it: everybody hears a
// majority, and no two hear the same (majorities ring of Jepsen's nemesis).
type Ring struct {
	Nodes []sim.NodeID // the circle; three or more
}

func (f Ring) String() string { return fmt.Sprintf("Ring{%s}", names(f.Nodes)) }

func (f *Ring) fields(c *codec) {
	c.field("nodes", func() {
		if c.nodes(&f.Nodes, map[sim.NodeID]bool{}); len(f.Nodes) < 3 {
			c.fail("a ring has three nodes or more")
		}
	})
}

func (f *Ring) draw(d *drawing, _ FaultKind) { f.Nodes = d.order() }

func (f Ring) strike(t *target, _ sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	return t.undo(f, t.net.Cut(netsim.Ring(f.Nodes...)))
}

// Clog lets nothing pass the links from and to some nodes; what has queued there passes when it is healed, in order.
type Clog struct {
	Nodes []sim.NodeID // none: all links between the cluster's nodes
}

func (f Clog) String() string { return fmt.Sprintf("Clog{%s}", names(f.Nodes)) }

func (f *Clog) fields(c *codec) { maybeNodes(c, &f.Nodes) }

func (f *Clog) draw(d *drawing, _ FaultKind) { f.Nodes = d.someOrAll() }

func (f Clog) concerns(core []sim.NodeID) string { return spares(f.Nodes, core) }

func (f Clog) strike(t *target, _ sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	return t.undo(f, t.net.Clog(linksOf(f.Nodes)))
}

// SwizzleClog clogs the links of nodes one node after the other in the first half of its window, and releases them in
// another order in the second half: old and new messages meet (FoundationDB's swizzle-clogging: Will Wilson, "Testing
// Distributed Systems w/ Deterministic Simulation", Strange Loop 2014).
type SwizzleClog struct {
	Nodes   []sim.NodeID // in the order in which they are clogged; none twice
	Release []sim.NodeID // the same, in the order in which they are released
}

func (f SwizzleClog) String() string {
	return fmt.Sprintf("SwizzleClog{%s, then %s}", names(f.Nodes), names(f.Release))
}

func (f *SwizzleClog) fields(c *codec) {
	c.field("nodes", func() {
		if c.nodes(&f.Nodes, map[sim.NodeID]bool{}); len(f.Nodes) == 0 {
			c.fail("nobody is clogged")
		}
	})
	c.field("release", func() {
		if c.nodes(&f.Release, map[sim.NodeID]bool{}); c.err == nil &&
			!slices.Equal(slices.Sorted(slices.Values(f.Release)), slices.Sorted(slices.Values(f.Nodes))) {
			c.fail("it has not the same nodes as nodes, %s", names(f.Nodes))
		}
	})
}

func (f *SwizzleClog) draw(d *drawing, _ FaultKind) {
	f.Nodes = d.order()
	f.Nodes = f.Nodes[:1+d.below(len(f.Nodes))]
	f.Release = slices.Clone(f.Nodes)
	d.choose(f.Release, len(f.Release))
}

func (f SwizzleClog) strike(t *target, _ sim.NodeID, until time.Duration) (heal func()) {
	t.struck(f)
	now := time.Duration(t.world.Now())
	half := (until - now) / 2
	release := make(map[sim.NodeID]func(), len(f.Nodes))
	for i, id := range f.Nodes {
		one := Clog{Nodes: []sim.NodeID{id}}
		t.world.At(clock.Time(now+half*time.Duration(i)/time.Duration(len(f.Nodes))), func() {
			release[id] = one.strike(t, sim.Nobody, until)
		})
	}
	for i, id := range f.Release {
		t.world.At(clock.Time(now+half+half*time.Duration(i)/time.Duration(len(f.Nodes))), func() { release[id]() })
	}
	return t.undo(f, func() {})
}

// Lossy loses packets at random on all links from and to some nodes.
type Lossy struct {
	Nodes []sim.NodeID // none: all links between the cluster's nodes
	Rate  sim.PPM      // of the packets
}

func (f Lossy) String() string {
	return fmt.Sprintf("Lossy{%s %s}", names(f.Nodes), percent(f.Rate))
}

func (f *Lossy) fields(c *codec) {
	maybeNodes(c, &f.Nodes)
	c.field("ppm", func() { c.ppm(&f.Rate) })
}

func (f *Lossy) draw(d *drawing, k FaultKind) {
	f.Nodes, f.Rate = d.someOrAll(), between(d, k.Rate)
}

func (f Lossy) concerns(core []sim.NodeID) string { return spares(f.Nodes, core) }

func (f Lossy) strike(t *target, _ sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	return t.undo(f, t.net.Install(netsim.Lossy{PPM: f.Rate, On: linksOf(f.Nodes)}))
}

// Duplicating delivers packets twice at random on all links from and to some nodes.
type Duplicating struct {
	Nodes []sim.NodeID // none: all links between the cluster's nodes
	Rate  sim.PPM      // of the packets
}

func (f Duplicating) String() string {
	return fmt.Sprintf("Duplicating{%s %s}", names(f.Nodes), percent(f.Rate))
}

func (f *Duplicating) fields(c *codec) {
	maybeNodes(c, &f.Nodes)
	c.field("ppm", func() { c.ppm(&f.Rate) })
}

func (f *Duplicating) draw(d *drawing, k FaultKind) {
	f.Nodes, f.Rate = d.someOrAll(), between(d, k.Rate)
}

func (f Duplicating) concerns(core []sim.NodeID) string { return spares(f.Nodes, core) }

func (f Duplicating) strike(t *target, _ sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	return t.undo(f, t.net.Install(netsim.Duplicating{PPM: f.Rate, On: linksOf(f.Nodes)}))
}

// Reordering makes packets late at random, so that later ones overtake them.
type Reordering struct {
	Nodes []sim.NodeID  // none: all links between the cluster's nodes
	Rate  sim.PPM       // of the packets
	By    time.Duration // at most
}

func (f Reordering) String() string {
	return fmt.Sprintf("Reordering{%s %s by ≤%v}", names(f.Nodes), percent(f.Rate), f.By)
}

func (f *Reordering) fields(c *codec) {
	maybeNodes(c, &f.Nodes)
	c.field("ppm", func() { c.ppm(&f.Rate) })
	c.field("by", func() { c.duration(&f.By) })
}

func (f *Reordering) draw(d *drawing, k FaultKind) {
	f.Nodes, f.Rate, f.By = d.someOrAll(), between(d, k.Rate), d.span(k.By)
}

func (f Reordering) concerns(core []sim.NodeID) string { return spares(f.Nodes, core) }

func (f Reordering) strike(t *target, _ sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	return t.undo(f, t.net.Install(netsim.Reordering{PPM: f.Rate, By: f.By, On: linksOf(f.Nodes)}))
}

// HeavyTail makes packets late at random: most of them a little, a few very much.
type HeavyTail struct {
	Nodes []sim.NodeID  // none: all links between the cluster's nodes
	Rate  sim.PPM       // of the packets
	By    time.Duration // at most
}

func (f HeavyTail) String() string {
	return fmt.Sprintf("HeavyTail{%s %s by ≤%v}", names(f.Nodes), percent(f.Rate), f.By)
}

func (f *HeavyTail) fields(c *codec) {
	maybeNodes(c, &f.Nodes)
	c.field("ppm", func() { c.ppm(&f.Rate) })
	c.field("by", func() {
		if c.duration(&f.By); f.By < 2*leastLate {
			c.fail("%v is not %v or more", f.By, 2*leastLate)
		}
	})
}

func (f *HeavyTail) draw(d *drawing, k FaultKind) {
	f.Nodes, f.Rate, f.By = d.someOrAll(), between(d, k.Rate), max(d.span(k.By), 2*leastLate)
}

func (f HeavyTail) concerns(core []sim.NodeID) string { return spares(f.Nodes, core) }

func (f HeavyTail) strike(t *target, _ sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	return t.undo(f, t.net.Install(netsim.Straggling{PPM: f.Rate, Min: leastLate, Max: f.By, On: linksOf(f.Nodes)}))
}

// leastLate is where a heavy tail begins.
const leastLate = time.Millisecond

// Slow makes all packets take longer, by the same time.
type Slow struct {
	Nodes []sim.NodeID // none: all links between the cluster's nodes
	By    time.Duration
}

func (f Slow) String() string {
	return fmt.Sprintf("Slow{%s +%v}", names(f.Nodes), f.By)
}

func (f *Slow) fields(c *codec) {
	maybeNodes(c, &f.Nodes)
	c.field("by", func() { c.duration(&f.By) })
}

func (f *Slow) draw(d *drawing, k FaultKind) {
	f.Nodes, f.By = d.someOrAll(), d.span(k.By)
}

func (f Slow) concerns(core []sim.NodeID) string { return spares(f.Nodes, core) }

func (f Slow) strike(t *target, _ sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	return t.undo(f, t.net.Install(netsim.Slow{Extra: f.By, On: linksOf(f.Nodes)}))
}

// Flaky makes links fail and come back again and again, each at times of its own.
type Flaky struct {
	Nodes []sim.NodeID  // none: all links between the cluster's nodes
	Up    time.Duration // how long a link works each time
	Down  time.Duration // how long it does not
}

func (f Flaky) String() string {
	return fmt.Sprintf("Flaky{%s %v up, %v down}", names(f.Nodes), f.Up, f.Down)
}

func (f *Flaky) fields(c *codec) {
	maybeNodes(c, &f.Nodes)
	for _, d := range []struct {
		name string
		d    *time.Duration
	}{{"up", &f.Up}, {"down", &f.Down}} {
		c.field(d.name, func() {
			if c.duration(d.d); *d.d == 0 {
				c.fail("0s is no time")
			}
		})
	}
}

func (f *Flaky) draw(d *drawing, k FaultKind) {
	f.Nodes, f.Up, f.Down = d.someOrAll(), d.span(k.By), d.span(k.By)
}

func (f Flaky) concerns(core []sim.NodeID) string { return spares(f.Nodes, core) }

func (f Flaky) strike(t *target, _ sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	return t.undo(f, t.net.Install(netsim.Flaky{Up: f.Up, Down: f.Down, On: linksOf(f.Nodes)}))
}

func maybeNodes(c *codec, ids *[]sim.NodeID) {
	c.maybe("nodes", len(*ids) > 0, func() { c.nodes(ids, map[sim.NodeID]bool{}) })
}

// spares says why faults of all links of some nodes, or of all nodes, concern a core.
func spares(ids, core []sim.NodeID) (why string) {
	if len(ids) == 0 {
		return "it strikes the core"
	}
	for _, id := range ids {
		if slices.Contains(core, id) {
			return id.String() + " is in the core"
		}
	}
	return ""
}

// linksOf is the links from and to some nodes, or all between nodes of the cluster.
func linksOf(ids []sim.NodeID) netsim.Links {
	if len(ids) == 0 {
		return netsim.All()
	}
	return netsim.Isolate(ids...)
}

// names is "n2,n3", or "all" for no node in particular.
func names(ids []sim.NodeID) string {
	if len(ids) == 0 {
		return "all"
	}
	text := make([]string, len(ids))
	for i, id := range ids {
		text[i] = id.String()
	}
	return strings.Join(text, ",")
}

// someOrAll is any nodes but not all, or as often none in particular.
func (d *drawing) someOrAll() []sim.NodeID {
	if d.only != sim.Nobody {
		return []sim.NodeID{d.only}
	}
	if d.plan.Nodes == 1 || d.below(2) == 0 {
		return nil
	}
	some, _ := d.split()
	return some
}

// order is all nodes of the cluster in any order.
func (d *drawing) order() []sim.NodeID {
	ids := d.ids()
	d.choose(ids, len(ids))
	return ids
}

func (d *drawing) ids() []sim.NodeID {
	ids := make([]sim.NodeID, d.plan.Nodes)
	for i := range ids {
		ids[i] = sim.NodeID(i + 1)
	}
	return ids
}

// choose moves any n of the ids to the front, in any order.
func (d *drawing) choose(ids []sim.NodeID, n int) {
	for i := range min(n, len(ids)-1) {
		j := i + d.below(len(ids)-i)
		ids[i], ids[j] = ids[j], ids[i]
	}
}

// split divides a cluster of two nodes or more in two. Each size is as likely as any other.
func (d *drawing) split() (some, others []sim.NodeID) {
	ids, size := d.ids(), 1
	if d.only != sim.Nobody {
		ids[0], ids[d.only-1] = d.only, 1
	} else {
		size += d.below(len(ids) - 1)
		d.choose(ids, size)
	}
	some, others = ids[:size:size], ids[size:]
	slices.Sort(some)
	slices.Sort(others)
	return some, others
}
