package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"time"

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
	if !f.OneWay && others[0] < some[0] {
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

func (f *Isolate) fields(c *codec) { f.Target.fields(c) }

func (f *Isolate) draw(d *drawing, _ FaultKind) { f.Target = d.target() }

func (f Isolate) strike(t *target, id sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	return t.undo(f, t.net.Cut(netsim.Isolate(id)))
}

// Lossy loses packets at random on all links from and to some nodes.
type Lossy struct {
	Nodes []sim.NodeID // none: all links between the cluster's nodes
	Rate  sim.PPM      // of the packets
}

func (f Lossy) String() string { return fmt.Sprintf("Lossy{%s %s}", names(f.Nodes), percent(f.Rate)) }

func (f *Lossy) fields(c *codec) {
	c.maybe("nodes", len(f.Nodes) > 0, func() { c.nodes(&f.Nodes, map[sim.NodeID]bool{}) })
	c.field("ppm", func() { c.ppm(&f.Rate) })
}

func (f *Lossy) draw(d *drawing, k FaultKind) {
	f.Nodes, f.Rate = d.someOrAll(), between(d, k.Rate)
}

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
	c.maybe("nodes", len(f.Nodes) > 0, func() { c.nodes(&f.Nodes, map[sim.NodeID]bool{}) })
	c.field("ppm", func() { c.ppm(&f.Rate) })
}

func (f *Duplicating) draw(d *drawing, k FaultKind) {
	f.Nodes, f.Rate = d.someOrAll(), between(d, k.Rate)
}

func (f Duplicating) strike(t *target, _ sim.NodeID, _ time.Duration) (heal func()) {
	t.struck(f)
	return t.undo(f, t.net.Install(netsim.Duplicating{PPM: f.Rate, On: linksOf(f.Nodes)}))
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

func (f Lossy) concerns(core []sim.NodeID) string       { return spares(f.Nodes, core) }
func (f Duplicating) concerns(core []sim.NodeID) string { return spares(f.Nodes, core) }

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
	if d.plan.Nodes == 1 || d.below(2) == 0 {
		return nil
	}
	some, _ := d.split()
	return some
}

// split divides a cluster of two nodes or more in two. Each size is as likely as any other.
func (d *drawing) split() (some, others []sim.NodeID) {
	n := d.plan.Nodes
	ids := make([]sim.NodeID, n)
	for i := range ids {
		ids[i] = sim.NodeID(i + 1)
	}
	size := 1 + d.below(n-1)
	for i := range size {
		j := i + d.below(n-i)
		ids[i], ids[j] = ids[j], ids[i]
	}
	some, others = ids[:size:size], ids[size:]
	slices.Sort(some)
	slices.Sort(others)
	return some, others
}
