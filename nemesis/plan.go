package nemesis

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// Format is the version of the JSON form of plans. A build reads plans of its own and of earlier formats.
const Format = 2

// Forever is the Until of a fault that is never healed.
const Forever = time.Duration(math.MaxInt64)

// Plan is everything about a run that is decided before it begins, except what its root seed decides on the way (the
// fates of packets, disk latencies, the nodes' own draws). It is plain data: the same plan gives the same run on every
// build of the same models.
//
// The cluster's nodes are 1 to Nodes; clients are the Clients nodes that follow. In a valid plan (see Check) every time
// lies within the fault phase, so that all faults are healed when Duration is over and a quiet tail can follow; but for
// those outside of the core, which may last for ever.
type Plan struct {
	Build    string // what drew it, for the reader; may be empty
	Scenario string
	Seed     uint64        // the root seed of all streams of the run
	Nodes    int           // > 0
	Clients  int           // ≥ 0
	Duration time.Duration // of the fault phase; in (0, MaxDuration]
	Link     netsim.Link   // between the cluster's nodes
	// ClientLink is the link between a client and any other node. The zero model is there without any latency or loss, in
	// order: see netsim.Config.
	ClientLink netsim.Link
	Disk       disksim.Config // of each node
	Buggify    sim.Oddities   // how often the model's own oddities happen; zero for never
	// Core is what is healed in the end, in order; empty means all nodes. It must be enough for progress: a quorum.
	Core   []sim.NodeID
	Faults []Event // by At
	Ops    []Op    // by At
}

// Event is one fault of a plan.
type Event struct {
	At time.Duration // in [0, Duration)
	// Until is when it is healed, in (At, Duration]; zero for faults without a window, such as Restart; Forever where it
	// concerns nothing in a plan's core.
	Until time.Duration
	// On, unless empty, has the fault wait within its window for a fact, and strike at the moment of the first; what it
	// does lasts as long as the window, from then on. So rare windows are met. Its target must not wait for a role as well.
	On    Trigger
	Fault Fault
}

// Trigger is what a fault waits for: a fact of this type, such as "Voted", by whatever node of the cluster; what clients
// state sets nothing off. The zero Trigger is none. The role of Emitter is the node whose fact it was.
type Trigger struct {
	Fact string
}

// Emitter is the role of the node whose fact has triggered a fault.
const Emitter = "emitter"

// Op is one operation of one client. A client does its operations one after the other: each starts at At, or when the
// one before it has ended. What Kind, Key, Value and Arg mean is the scenario's business.
type Op struct {
	At     time.Duration // in [0, Duration)
	Client int           // in [1, Clients]
	Kind   string
	Key    string // may be empty, like those below
	Value  string
	Arg    string // a second argument, such as the value that a compare-and-set expects
}

// ClientNode is the node that plays client number i, counted from 1.
func (p Plan) ClientNode(i int) sim.NodeID { return sim.NodeID(p.Nodes + i) }

// String is the plan for people: a header, the faults, numbered from 1, and the operations, aligned.
func (p Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s seed=%d: %s, %s, %v of faults", p.Scenario, p.Seed,
		count(p.Nodes, "node"), count(p.Clients, "client"), p.Duration)
	if p.Build != "" {
		fmt.Fprintf(&b, " (%s)", p.Build)
	}
	fmt.Fprintf(&b, "\nlink  %s\n", linkText(p.Link))
	if p.ClientLink != (netsim.Link{}) {
		fmt.Fprintf(&b, "client link  %s\n", linkText(p.ClientLink))
	}
	fmt.Fprintf(&b, "disk  %s\n", diskText(p.Disk))
	if p.Buggify != (sim.Oddities{}) {
		fmt.Fprintf(&b, "buggify  %s of the sites, at %s of the visits\n", percent(p.Buggify.Sites), percent(p.Buggify.Visits))
	}
	if len(p.Core) > 0 {
		fmt.Fprintf(&b, "core  %s\n", names(p.Core))
	}
	fmt.Fprintf(&b, "%s\n", count(len(p.Faults), "fault"))
	for i, e := range p.Faults {
		fmt.Fprintf(&b, "%4d  %9s%-9s  %s\n", i+1, clock.Time(e.At), e.until(), e)
	}
	fmt.Fprintf(&b, "%s\n", count(len(p.Ops), "operation"))
	for _, op := range p.Ops {
		fmt.Fprintf(&b, "  %9s  %-3s %s\n", clock.Time(op.At), "c"+strconv.Itoa(op.Client), op)
	}
	return b.String()
}

// String is the fault with what it waits for.
func (e Event) String() string {
	if e.On.Fact != "" {
		return e.Fault.String() + " on " + e.On.Fact
	}
	return e.Fault.String()
}

// When is the fault's window: "1.5s–2s", "1.5s–ever", or "1.5s" where there is none.
func (e Event) When() string { return clock.Time(e.At).String() + e.until() }

func (e Event) until() string {
	switch e.Until {
	case 0:
		return ""
	case Forever:
		return "–ever"
	}
	return "–" + clock.Time(e.Until).String()
}

// String is the operation without its client and time: "cas k1 v9 v4".
func (o Op) String() string {
	text := o.Kind
	for _, part := range []string{o.Key, o.Value, o.Arg} {
		if part != "" {
			text += " " + part
		}
	}
	return text
}

// count is "1 node", "5 nodes".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// percent prints a probability exactly: 50000 ppm as "5%".
func percent(p sim.PPM) string {
	text := strconv.FormatInt(int64(p/10_000), 10)
	if rest := p % 10_000; rest != 0 {
		text += "." + strings.TrimRight(fmt.Sprintf("%04d", rest), "0")
	}
	return text + "%"
}
