package nemesis

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// Space is what may be drawn for a scenario. It is read only, so it may be shared by goroutines; see DefaultSpace for
// one to start from.
type Space struct {
	Build    string // for Plan.Build
	Scenario string // for Plan.Scenario
	Nodes    Range[int]
	// Small is how many of the plans, besides those that draw it, have the fewest nodes: most bugs show there (Yuan et al.,
	// Simple Testing Can Prevent Most Critical Failures, OSDI 2014, finding 3).
	Small    sim.PPM
	Clients  Range[int]
	Duration Range[time.Duration]
	// A plan gets one of Links, or the zero model if there are none. Each number of it lies between those of Min and
	// Max; all else, and what is zero by default, is alike in both.
	Links       []Range[netsim.Link]
	ClientLinks []Range[netsim.Link]    // likewise
	Disks       []Range[disksim.Config] // likewise
	Faults      []FaultKind
	Roles       []string // such as "leader", that faults may strike instead of nodes; the scenario says who has them
	Facts       []string // types of facts, such as "Voted", that faults may wait for
	Focus       sim.PPM  // of the plans of a swarm aim most faults that strike roles at one or two of them
	// Swarm has half of the plans go without some kinds of faults altogether (Groce et al., Swarm Testing, ISSTA 2012):
	// where all plans have a little of everything, each hides what the rest would show. In the other half each fault is
	// there or not by itself: what needs a little of many things is found there. All may go without some kinds of
	// operations, have extreme windows, and aim at one or two roles.
	Swarm bool
	thin  bool // each fault is there with its kind's Share, by itself
	// Buggify has some plans switch on what the model marks with sim.Buggify.
	Buggify bool
	Budget  Budget
	// Storms is how many short stretches of a plan most faults and operations crowd into: rare orders of things need
	// several within one election or one round trip. Zero spreads them evenly.
	Storms Range[int]
	Ops    Range[int] // how many operations; none without OpKinds or Clients
	// OpKinds are what the operations are, by weight.
	OpKinds []OpKind
	Keys    []string // of the operations that have one
}

// Range is the numbers, each as likely as any other, from Min to Max, both included. Durations are drawn in whole
// microseconds, in some 4,096 steps.
type Range[T any] struct{ Min, Max T }

// Budget is what a model promises to survive beyond Space.Faults, so that every failure is a bug: faults that never end,
// outside a core that is healed. The zero Budget has everything healed.
type Budget struct {
	// Quorum is the least number of nodes that must be able to go on, of a cluster of so many. Nil: all.
	Quorum func(nodes int) int
	// Outside are the kinds of faults that the nodes outside the core may suffer for ever.
	Outside []string
}

// Majority is the Quorum of most protocols.
func Majority(nodes int) int { return nodes/2 + 1 }

// FaultKind is one kind of fault in a Space. Window, Stretch, Rate and By mean the kind's defaults where they are zero.
type FaultKind struct {
	Kind   string               // as in JSON; see FaultNames
	Count  Range[int]           // how many of them a plan has
	Share  sim.PPM              // of the plans have any, where the space swarms; 0 means half
	Window Range[time.Duration] // how long one lasts; less where the plan ends
	// Stretch is up to how many times as long as Window.Max the windows of extreme plans are, where the space swarms.
	Stretch int
	Rate    Range[sim.PPM]       // of packets or of time, as the kind has it
	By      Range[time.Duration] // of jumps, to either side
}

// OpKind is one kind of operation in a Space.
type OpKind struct {
	Kind   string
	Weight int
	Key    bool // it has a Key, one of Space.Keys
	Value  bool // it has a Value, which no other operation of the plan has
	// Arg makes the third argument of op, which is complete but for it; earlier are the operations before it. It must
	// depend on nothing but these and below, which draws from [0, n). Nil: it has none.
	Arg func(op Op, earlier []Op, below func(n int) int) string
}

// DefaultSpace is a space for small replicated systems: it swarms over all kinds of faults but those of disks, of which
// few models survive all. Most plans have crashes, partitions and pauses, each some of the rest. Scenarios add their
// operations and bend what they need.
func DefaultSpace(scenario string) Space {
	const often, seldom = 3 * sim.Million / 4, sim.Million / 4
	return Space{
		Scenario: scenario,
		Nodes:    Range[int]{3, 5},
		Small:    seldom,
		Focus:    seldom,
		Clients:  Range[int]{3, 5},
		Duration: Range[time.Duration]{30 * time.Second, 30 * time.Second},
		Ops:      Range[int]{100, 150},
		Keys:     []string{"a", "b", "c", "d"},
		Swarm:    true,
		Links: []Range[netsim.Link]{{
			Min: netsim.Link{Latency: netsim.Latency{Shape: netsim.Uniform, Min: 100 * time.Microsecond, Max: 2 * time.Millisecond}},
			Max: netsim.Link{Latency: netsim.Latency{Shape: netsim.Uniform, Min: time.Millisecond, Max: 20 * time.Millisecond}, Loss: 10_000},
		}},
		Disks: []Range[disksim.Config]{{
			Min: disksim.Config{SyncMin: 100 * time.Microsecond, SyncMax: time.Millisecond},
			Max: disksim.Config{SyncMin: time.Millisecond, SyncMax: 10 * time.Millisecond},
		}},
		Faults: []FaultKind{
			{Kind: "crash", Count: Range[int]{9, 18}, Share: 7 * sim.Million / 8},
			{Kind: "restart", Count: Range[int]{1, 3}},
			{Kind: "rolling_restart", Count: Range[int]{1, 2}, Share: seldom},
			{Kind: "pause", Count: Range[int]{2, 6}, Share: often},
			{Kind: "partition", Count: Range[int]{3, 6}, Share: often},
			{Kind: "isolate", Count: Range[int]{1, 4}},
			{Kind: "bridge", Count: Range[int]{1, 2}, Share: seldom},
			{Kind: "ring", Count: Range[int]{1, 2}, Share: seldom},
			{Kind: "clog", Count: Range[int]{1, 4}, Share: seldom},
			{Kind: "swizzle_clog", Count: Range[int]{1, 2}, Share: seldom},
			{Kind: "lossy", Count: Range[int]{1, 3}},
			{Kind: "duplicating", Count: Range[int]{1, 3}},
			{Kind: "reordering", Count: Range[int]{1, 3}},
			{Kind: "slow", Count: Range[int]{1, 2}, Share: seldom},
			{Kind: "heavy_tail", Count: Range[int]{1, 2}, Share: seldom},
			{Kind: "flaky", Count: Range[int]{1, 2}, Share: seldom},
			{Kind: "clock_drift", Count: Range[int]{1, 3}},
			{Kind: "clock_jump", Count: Range[int]{1, 3}, Share: seldom},
			{Kind: "clock_freeze", Count: Range[int]{1, 3}, Share: seldom},
		},
	}
}

// Beyond tells what of a plan is more than its model promises to survive; nil if nothing is.
func (s Space) Beyond(p Plan) error {
	if q := s.Budget.Quorum; len(p.Core) > 0 && (q == nil || len(p.Core) < q(p.Nodes)) {
		return fmt.Errorf("core: %s alone are not enough to go on", names(p.Core))
	}
	for i, e := range p.Faults {
		name := KindName(e.Fault)
		if slices.ContainsFunc(s.Faults, func(k FaultKind) bool { return k.Kind == name }) && e.Until != Forever {
			continue
		}
		switch {
		case !slices.Contains(s.Budget.Outside, name):
			return fmt.Errorf("faults[%d]: a %s is more than it promises to survive", i, name)
		case p.passing(e.Fault) != "":
			return fmt.Errorf("faults[%d]: a %s is more than it promises to survive in the core", i, name)
		}
	}
	return nil
}

// Fixed is the space without its swarm: any plan may have any kind of fault, and plans have as many faults on average.
func (s Space) Fixed() Space {
	s.thin, s.Swarm = s.Swarm, false
	return s
}

// share is of how many plans have the kind, where the space swarms.
func (k FaultKind) share() sim.PPM { return cmp.Or(k.Share, sim.Million/2) }

// or is k with the defaults of its kind.
func (k FaultKind) or(defaults FaultKind) FaultKind {
	k.Window = cmp.Or(k.Window, defaults.Window)
	k.Stretch = cmp.Or(k.Stretch, defaults.Stretch, 4)
	k.Rate = cmp.Or(k.Rate, defaults.Rate)
	k.By = cmp.Or(k.By, defaults.By)
	return k
}

// check tells what no plan could be drawn from, or no valid one.
func (s Space) check() error {
	switch {
	case s.Nodes.Min < 1 || s.Nodes.Max < s.Nodes.Min || s.Nodes.Max > MaxNodes:
		return fmt.Errorf("nodes from %d to %d", s.Nodes.Min, s.Nodes.Max)
	case s.Small < 0 || s.Small > sim.Million:
		return fmt.Errorf("the fewest nodes in %d ppm of the plans", s.Small)
	case s.Focus < 0 || s.Focus > sim.Million:
		return fmt.Errorf("a focus in %d ppm of the plans", s.Focus)
	case s.Clients.Min < 0 || s.Clients.Max < s.Clients.Min || s.Clients.Max > MaxNodes:
		return fmt.Errorf("clients from %d to %d", s.Clients.Min, s.Clients.Max)
	case s.Duration.Min < time.Microsecond || s.Duration.Max < s.Duration.Min || s.Duration.Max > MaxDuration:
		return fmt.Errorf("a duration from %v to %v", s.Duration.Min, s.Duration.Max)
	case s.Storms.Min < 0 || s.Storms.Max < s.Storms.Min:
		return fmt.Errorf("storms from %d to %d", s.Storms.Min, s.Storms.Max)
	case s.Ops.Min < 0 || s.Ops.Max < s.Ops.Min:
		return fmt.Errorf("operations from %d to %d", s.Ops.Min, s.Ops.Max)
	case (s.Budget.Quorum == nil) != (len(s.Budget.Outside) == 0):
		return errors.New("a budget has a quorum and kinds of faults outside, or neither")
	}
	for _, name := range s.Budget.Outside {
		if k := kindNamed(name); k == nil || !k.lasting {
			return fmt.Errorf("no fault %q could last for ever", name)
		}
	}
	for _, r := range slices.Concat(s.Links, s.ClientLinks) {
		if err := checkLinks(r.Min, r.Max); err != nil {
			return err
		}
	}
	for _, r := range s.Disks {
		if a, b := r.Min, r.Max; a.SyncMin > b.SyncMin || a.SyncMax > b.SyncMax || a.Capacity > b.Capacity ||
			a.SyncMin < 0 || a.SyncMax < 0 || a.Capacity < 0 || (a.Capacity == 0) != (b.Capacity == 0) || !slices.Equal(a.Crash, b.Crash) {
			return fmt.Errorf("disks from %s to %s", diskText(a), diskText(b))
		}
	}
	for _, k := range s.OpKinds {
		switch {
		case k.Weight < 0:
			return fmt.Errorf("operation %s: a weight of %d", k.Kind, k.Weight)
		case k.Key && len(s.Keys) == 0:
			return fmt.Errorf("operation %s: has a key, but the space has none", k.Kind)
		}
	}
	for _, k := range s.Faults {
		kind := kindNamed(k.Kind)
		if kind == nil {
			return fmt.Errorf("there is no fault %q", k.Kind)
		}
		k = k.or(kind.FaultKind)
		switch {
		case k.Count.Min < 0 || k.Count.Max < k.Count.Min:
			return fmt.Errorf("fault %s: a count from %d to %d", k.Kind, k.Count.Min, k.Count.Max)
		case !kind.instant() && k.Window.Min < time.Microsecond || k.Window.Max < k.Window.Min:
			return fmt.Errorf("fault %s: a window from %v to %v", k.Kind, k.Window.Min, k.Window.Max)
		case k.Stretch < 1 || k.Window.Max > MaxDuration || k.Stretch > int(MaxDuration/max(k.Window.Max, 1)):
			return fmt.Errorf("fault %s: windows of up to %d times %v", k.Kind, k.Stretch, k.Window.Max)
		case k.Share < 0 || k.Share > sim.Million:
			return fmt.Errorf("fault %s: in a share of %d ppm", k.Kind, k.Share)
		case k.Rate.Min < 0 || k.Rate.Max < k.Rate.Min || k.Rate.Max > sim.Million:
			return fmt.Errorf("fault %s: a rate from %d to %d ppm", k.Kind, k.Rate.Min, k.Rate.Max)
		case k.By.Min < 0 || k.By.Max < k.By.Min:
			return fmt.Errorf("fault %s: jumps from %v to %v", k.Kind, k.By.Min, k.By.Max)
		}
	}
	return nil
}

// checkLinks makes sure that whatever is drawn between two models is a valid one.
func checkLinks(a, b netsim.Link) error {
	for _, r := range [][2]int64{
		{int64(a.Latency.Min), int64(b.Latency.Min)},
		{int64(a.Latency.Max), int64(b.Latency.Max)},
		{int64(a.Latency.Mean), int64(b.Latency.Mean)},
		{a.Latency.Alpha, b.Latency.Alpha},
		{int64(a.Loss), int64(b.Loss)},
		{int64(a.Duplicate), int64(b.Duplicate)},
		{int64(a.Reorder), int64(b.Reorder)},
		{int64(a.ReorderBy), int64(b.ReorderBy)},
		{a.Bandwidth, b.Bandwidth},
		{int64(a.RetransmitAfter), int64(b.RetransmitAfter)},
	} {
		if r[0] > r[1] {
			return fmt.Errorf("links from %s to %s", linkText(a), linkText(b))
		}
	}
	// Zero says that there is no bound, or a default, so it is no end of a range.
	if a.Latency.Shape != b.Latency.Shape || a.FIFO != b.FIFO ||
		(a.Latency.Max == 0) != (b.Latency.Max == 0) || (a.Latency.Alpha == 0) != (b.Latency.Alpha == 0) {
		return fmt.Errorf("links of two sorts, %s and %s", linkText(a), linkText(b))
	}
	worst := a
	worst.Latency.Min, worst.Reorder = b.Latency.Min, b.Reorder
	return cmp.Or(a.Validate(), b.Validate(), worst.Validate())
}
