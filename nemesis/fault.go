package nemesis

import (
	"fmt"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Fault is one thing that can be done to a world: a plain value that prints itself as in a trace. Its kinds are the
// types of this package, such as Crash. It is not changed once it is in a plan.
type Fault interface {
	String() string
	// strike does it, at the target's time, and returns what heals it: that undoes what this strike did and no more.
	// Nil means that there will be nothing to heal. Either makes one fault step, and says there if it is moot.
	strike(t *target, until time.Duration) (heal func())
}

// kinds is all there is to know of each kind of fault besides its type; this is where a new one is added. A plan's JSON
// names the kind, and a Space draws from it.
var kinds = []kind{
	define(1, (*Crash).fields, drawCrash, FaultKind{
		Kind:   "crash",
		Window: Range[time.Duration]{200 * time.Millisecond, 4 * time.Second},
	}),
	define(1, (*Restart).fields, drawRestart, FaultKind{
		Kind: "restart",
	}),
	define(1, (*Pause).fields, drawPause, FaultKind{
		Kind:   "pause",
		Window: Range[time.Duration]{50 * time.Millisecond, 5 * time.Second},
	}),
	define(2, (*Partition).fields, drawPartition, FaultKind{
		Kind:   "partition",
		Window: Range[time.Duration]{200 * time.Millisecond, 6 * time.Second},
	}),
	define(1, (*Lossy).fields, drawLossy, FaultKind{
		Kind:   "lossy",
		Window: Range[time.Duration]{time.Second, 10 * time.Second},
		Rate:   Range[sim.PPM]{10_000, 500_000},
	}),
	define(1, (*Duplicating).fields, drawDuplicating, FaultKind{
		Kind:   "duplicating",
		Window: Range[time.Duration]{time.Second, 10 * time.Second},
		Rate:   Range[sim.PPM]{10_000, 500_000},
	}),
	define(1, (*ClockDrift).fields, drawClockDrift, FaultKind{
		Kind:   "clock_drift",
		Window: Range[time.Duration]{time.Second, 20 * time.Second},
		Rate:   Range[sim.PPM]{100, 100_000},
	}),
	define(1, (*ClockJump).fields, drawClockJump, FaultKind{
		Kind:   "clock_jump",
		Window: Range[time.Duration]{time.Millisecond, 20 * time.Second},
		By:     Range[time.Duration]{time.Millisecond, 10 * time.Second},
	}),
}

// Crash ends a node's life; it reboots at the end of the window.
type Crash struct {
	Node sim.NodeID
	// Sync makes the node crash around its next blocking sync, when it has most to lose. If none comes in the first
	// half of the window, it crashes then all the same.
	Sync sim.SyncPoint // 0: at once
}

// Restart boots a node that is down before its time. It has no window.
type Restart struct {
	Node sim.NodeID
}

// Pause stops a node, not the world and not its clocks. Overlapping pauses of one node last until the last one ends.
type Pause struct {
	Node sim.NodeID
}

// Partition cuts all links between nodes of different groups; nodes that are in no group, and clients, keep all of
// theirs.
type Partition struct {
	Groups [][]sim.NodeID // two or more, none empty, disjoint
	// OneWay, of two groups, cuts only the links from the first to the second: packets the other way get through.
	OneWay bool
}

// Lossy loses packets at random on all links from and to some nodes.
type Lossy struct {
	Nodes []sim.NodeID // none: all links between the cluster's nodes
	Rate  sim.PPM      // of the packets
}

// Duplicating delivers packets twice at random on all links from and to some nodes.
type Duplicating struct {
	Nodes []sim.NodeID // none: all links between the cluster's nodes
	Rate  sim.PPM      // of the packets
}

// ClockDrift makes a node's clocks run fast, or slow. Overlapping drifts of one node add up.
type ClockDrift struct {
	Node sim.NodeID
	PPM  int64 // gained per second of true time, in microseconds
}

// ClockJump moves a node's wall clock, and back at the end of the window.
type ClockJump struct {
	Node sim.NodeID
	By   time.Duration // may be negative
}

func (f Crash) String() string {
	if f.Sync == 0 {
		return fmt.Sprintf("Crash{%s}", f.Node)
	}
	return fmt.Sprintf("Crash{%s %s sync}", f.Node, nameOf(syncPoints, f.Sync))
}

func (f Restart) String() string { return fmt.Sprintf("Restart{%s}", f.Node) }

func (f Pause) String() string { return fmt.Sprintf("Pause{%s}", f.Node) }

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

func (f Lossy) String() string { return fmt.Sprintf("Lossy{%s %s}", names(f.Nodes), percent(f.Rate)) }

func (f Duplicating) String() string {
	return fmt.Sprintf("Duplicating{%s %s}", names(f.Nodes), percent(f.Rate))
}

func (f ClockDrift) String() string { return fmt.Sprintf("ClockDrift{%s %+dppm}", f.Node, f.PPM) }

func (f ClockJump) String() string {
	sign := "+"
	if f.By < 0 {
		sign = ""
	}
	return fmt.Sprintf("ClockJump{%s %s%v}", f.Node, sign, f.By)
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

// The JSON forms.

var syncPoints = []string{"", sim.BeforeSync: "before", sim.InsideSync: "inside", sim.AfterSync: "after"}

func (f *Crash) fields(c *codec) {
	c.field("node", func() { c.node(&f.Node) })
	c.maybe("sync", f.Sync != 0, func() { choice(c, &f.Sync, syncPoints) })
}

func (f *Restart) fields(c *codec) { c.field("node", func() { c.node(&f.Node) }) }

func (f *Pause) fields(c *codec) { c.field("node", func() { c.node(&f.Node) }) }

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

func (f *Lossy) fields(c *codec) {
	c.maybe("nodes", len(f.Nodes) > 0, func() { c.nodes(&f.Nodes, map[sim.NodeID]bool{}) })
	c.field("ppm", func() { c.ppm(&f.Rate) })
}

func (f *Duplicating) fields(c *codec) {
	c.maybe("nodes", len(f.Nodes) > 0, func() { c.nodes(&f.Nodes, map[sim.NodeID]bool{}) })
	c.field("ppm", func() { c.ppm(&f.Rate) })
}

func (f *ClockDrift) fields(c *codec) {
	c.field("node", func() { c.node(&f.Node) })
	c.field("ppm", func() { integer(c, &f.PPM, clock.MinDrift, clock.MaxDrift) })
}

func (f *ClockJump) fields(c *codec) {
	c.field("node", func() { c.node(&f.Node) })
	c.field("by", func() { c.offset(&f.By) })
}
