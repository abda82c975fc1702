package nemesis

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
	"pgregory.net/rapid"
)

// Space is what may be drawn for a scenario. It is read only, so it may be shared by goroutines; see DefaultSpace for
// one to start from.
type Space struct {
	Build    string // for Plan.Build
	Scenario string // for Plan.Scenario
	Nodes    Range[int]
	Clients  Range[int]
	Duration Range[time.Duration]
	// Links are the models of links of which a plan gets one; numbers are drawn between those of Min and Max, what is
	// no number is alike in both.
	Links  []Range[netsim.Link]
	Disks  []Range[disksim.Config] // likewise
	Faults []FaultKind
	Ops    Range[int] // how many operations; none without OpKinds or Clients
	// OpKinds are what the operations are, by weight.
	OpKinds []OpKind
	Keys    []string // of the operations that have one
}

// Range is the numbers, uniformly, from Min to Max, both included. Durations are drawn in steps of a microsecond.
type Range[T any] struct{ Min, Max T }

// FaultKind is one kind of fault in a Space. Window, Rate and By mean the kind's defaults where they are zero.
type FaultKind struct {
	Kind   string               // as in JSON; see FaultNames
	Count  Range[int]           // how many of them a plan has
	Window Range[time.Duration] // how long one lasts; less where the plan ends
	Rate   Range[sim.PPM]       // of packets or of time, as the kind has it
	By     Range[time.Duration] // of jumps, to either side
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

// DefaultSpace is a space for small replicated systems, with every kind of fault that this package knows: each plan
// has a few crashes, partitions and pauses, and some of the rest. Scenarios add their operations and bend what they need.
func DefaultSpace(scenario string) Space {
	return Space{
		Scenario: scenario,
		Nodes:    Range[int]{3, 5},
		Clients:  Range[int]{3, 5},
		Duration: Range[time.Duration]{30 * time.Second, 30 * time.Second},
		Ops:      Range[int]{100, 150},
		Keys:     []string{"a", "b", "c", "d"},
		Links: []Range[netsim.Link]{{
			Min: netsim.Link{Latency: netsim.Latency{Shape: netsim.Uniform, Min: 100 * time.Microsecond, Max: 2 * time.Millisecond}},
			Max: netsim.Link{Latency: netsim.Latency{Shape: netsim.Uniform, Min: time.Millisecond, Max: 20 * time.Millisecond}, Loss: 10_000},
		}},
		Disks: []Range[disksim.Config]{{
			Min: disksim.Config{SyncMin: 100 * time.Microsecond, SyncMax: time.Millisecond},
			Max: disksim.Config{SyncMin: time.Millisecond, SyncMax: 10 * time.Millisecond},
		}},
		Faults: []FaultKind{
			{Kind: "crash", Count: Range[int]{4, 8}},
			{Kind: "restart", Count: Range[int]{0, 2}},
			{Kind: "pause", Count: Range[int]{1, 4}},
			{Kind: "partition", Count: Range[int]{1, 5}},
			{Kind: "lossy", Count: Range[int]{0, 2}},
			{Kind: "duplicating", Count: Range[int]{0, 2}},
			{Kind: "clock_drift", Count: Range[int]{0, 2}},
			{Kind: "clock_jump", Count: Range[int]{0, 2}},
		},
	}
}

// Draw is the plan of a seed, the same always and everywhere. rapid.Check with -rapid.seed=SEED and -rapid.checks=1
// draws it too, if Generator is the first it draws from; it is up to the check to set Plan.Seed, which generators
// cannot know. Seed 0 means "any" to rapid, so there it is to be given as RapidSeed(0).
func (s Space) Draw(seed uint64) Plan {
	p := s.Generator().Example(int(RapidSeed(seed)))
	p.Seed = seed
	return p
}

// RapidSeed is the seed that makes rapid draw the plan of a seed: itself, but for 0.
func RapidSeed(seed uint64) uint64 { return cmp.Or(seed, 1<<63) }

// An int holds every seed: rapid's Example takes no wider type.
var _ [strconv.IntSize - 64]struct{}

// Generator draws the space's plans, without their seeds. It never rejects a draw, and all its randomness is unbiased
// bits: rapid's own integers favour small values, which is good for finding edge cases of code and bad for placing
// faults in time. Generators are independent of each other. It panics if the space makes no sense.
func (s Space) Generator() *rapid.Generator[Plan] {
	if err := s.check(); err != nil {
		panic("nemesis: space " + s.Scenario + ": " + err.Error())
	}
	return rapid.Custom(s.draw)
}

// victimShare is how many quarters of a victim's plan are aimed at it.
const victimShare = 3

// drawing is one draw of a plan.
type drawing struct {
	dice
	plan   *Plan
	victim sim.NodeID // is preferred as a target; 0 in most plans
}

// draw draws the cluster first, then its models, then what happens to it.
func (s Space) draw(t *rapid.T) Plan {
	p := Plan{Build: s.Build, Scenario: s.Scenario}
	d := &drawing{dice: dice{t: t}, plan: &p}
	d.roll(rollBits) // rapid insists on a draw, even where all ranges are single values
	p.Nodes = between(d, s.Nodes)
	p.Clients = between(d, s.Clients)
	p.Duration = d.span(s.Duration)
	if len(s.Links) > 0 {
		p.Link = d.link(s.Links[d.below(len(s.Links))])
	}
	if len(s.Disks) > 0 {
		p.Disk = d.disk(s.Disks[d.below(len(s.Disks))])
	}
	if d.below(4) == 0 {
		d.victim = d.anyNode()
	}
	s.drawFaults(d)
	s.drawOps(d)
	return p
}

func (s Space) drawFaults(d *drawing) {
	p := d.plan
	for _, k := range s.Faults {
		kind := kindNamed(k.Kind)
		k = k.or(kind.FaultKind)
		if p.Nodes < kind.nodes {
			continue
		}
		for range between(d, k.Count) {
			e := Event{At: d.moment()}
			if !kind.instant() {
				e.Until = min(e.At+d.span(k.Window), p.Duration)
			}
			e.Fault = kind.draw(d, k)
			p.Faults = append(p.Faults, e)
		}
	}
	slices.SortStableFunc(p.Faults, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
}

func (s Space) drawOps(d *drawing) {
	weights := 0
	for _, k := range s.OpKinds {
		weights += k.Weight
	}
	p := d.plan
	if weights == 0 || p.Clients == 0 {
		return
	}
	// The times come first and by themselves, so that nothing but they need be sorted.
	times := make([]time.Duration, between(d, s.Ops))
	for i := range times {
		times[i] = d.moment()
	}
	slices.Sort(times)
	p.Ops = slices.Grow(p.Ops, len(times))
	for i, at := range times {
		k := s.opKind(d.below(weights))
		op := Op{At: at, Client: 1 + d.below(p.Clients), Kind: k.Kind}
		if k.Key {
			op.Key = s.Keys[d.below(len(s.Keys))]
		}
		if k.Value {
			op.Value = "v" + strconv.Itoa(i+1)
		}
		if k.Arg != nil {
			op.Arg = k.Arg(op, p.Ops, d.below)
		}
		p.Ops = append(p.Ops, op)
	}
}

// opKind is the kind that owns number w of the sum of weights.
func (s *Space) opKind(w int) *OpKind {
	i := 0
	for ; w >= s.OpKinds[i].Weight; i++ {
		w -= s.OpKinds[i].Weight
	}
	return &s.OpKinds[i]
}

// EarlierValue is the Arg of a compare-and-set: the value of one of the last few operations on the same key that have
// one, so that some expectations come true; empty where there is none.
func EarlierValue(op Op, earlier []Op, below func(n int) int) string {
	const few = 3
	skip, value := below(few), ""
	for _, o := range slices.Backward(earlier) {
		if o.Key == op.Key && o.Value != "" {
			if value = o.Value; skip == 0 {
				break
			}
			skip--
		}
	}
	return value
}

// What the kinds of faults draw.

func drawCrash(d *drawing, _ FaultKind) Crash {
	f := Crash{Node: d.node()}
	switch d.below(8) { // most strike where unsynced data is at stake
	case 0, 1:
	case 2, 3:
		f.Sync = sim.BeforeSync
	case 4, 5, 6:
		f.Sync = sim.InsideSync
	case 7:
		f.Sync = sim.AfterSync
	}
	return f
}

func drawRestart(d *drawing, _ FaultKind) Restart { return Restart{Node: d.node()} }

func drawPause(d *drawing, _ FaultKind) Pause { return Pause{Node: d.node()} }

func drawPartition(d *drawing, _ FaultKind) Partition {
	some, others := d.split()
	f := Partition{Groups: [][]sim.NodeID{some, others}, OneWay: d.below(3) == 0}
	if !f.OneWay && others[0] < some[0] {
		f.Groups[0], f.Groups[1] = others, some
	}
	return f
}

func drawLossy(d *drawing, k FaultKind) Lossy {
	return Lossy{Nodes: d.someOrAll(), Rate: between(d, k.Rate)}
}

func drawDuplicating(d *drawing, k FaultKind) Duplicating {
	return Duplicating{Nodes: d.someOrAll(), Rate: between(d, k.Rate)}
}

func drawClockDrift(d *drawing, k FaultKind) ClockDrift {
	f := ClockDrift{Node: d.node(), PPM: int64(between(d, k.Rate))}
	if d.below(2) == 1 {
		f.PPM = -f.PPM
	}
	return f
}

func drawClockJump(d *drawing, k FaultKind) ClockJump {
	f := ClockJump{Node: d.node(), By: d.span(k.By)}
	if d.below(2) == 1 {
		f.By = -f.By
	}
	return f
}

// What they draw from.

// node is a target: any node, or mostly the plan's victim.
func (d *drawing) node() sim.NodeID {
	if d.victim != 0 && d.below(4) < victimShare {
		return d.victim
	}
	return d.anyNode()
}

func (d *drawing) anyNode() sim.NodeID { return sim.NodeID(1 + d.below(d.plan.Nodes)) }

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

// moment is a time of the fault phase, in whole microseconds.
func (d *drawing) moment() time.Duration {
	return time.Duration(d.below(int(d.plan.Duration/time.Microsecond))) * time.Microsecond
}

func (d *drawing) span(r Range[time.Duration]) time.Duration {
	return r.Min + time.Duration(d.below(int((r.Max-r.Min)/time.Microsecond)+1))*time.Microsecond
}

func between[T ~int | ~int64](d *drawing, r Range[T]) T {
	return r.Min + T(d.below(int(r.Max-r.Min)+1))
}

// link draws a model between two.
func (d *drawing) link(r Range[netsim.Link]) netsim.Link {
	l, lo, hi := r.Min, r.Min, r.Max
	l.Latency.Min = d.span(Range[time.Duration]{lo.Latency.Min, hi.Latency.Min})
	l.Latency.Max = d.span(Range[time.Duration]{lo.Latency.Max, hi.Latency.Max})
	l.Latency.Mean = d.span(Range[time.Duration]{lo.Latency.Mean, hi.Latency.Mean})
	l.Latency.Alpha = between(d, Range[int64]{lo.Latency.Alpha, hi.Latency.Alpha})
	l.Loss = between(d, Range[sim.PPM]{lo.Loss, hi.Loss})
	l.Duplicate = between(d, Range[sim.PPM]{lo.Duplicate, hi.Duplicate})
	l.Reorder = between(d, Range[sim.PPM]{lo.Reorder, hi.Reorder})
	l.ReorderBy = d.span(Range[time.Duration]{lo.ReorderBy, hi.ReorderBy})
	l.Bandwidth = between(d, Range[int64]{lo.Bandwidth, hi.Bandwidth})
	l.RetransmitAfter = d.span(Range[time.Duration]{lo.RetransmitAfter, hi.RetransmitAfter})
	return l
}

// disk likewise.
func (d *drawing) disk(r Range[disksim.Config]) disksim.Config {
	m := r.Min
	m.SyncMin = d.span(Range[time.Duration]{r.Min.SyncMin, r.Max.SyncMin})
	m.SyncMax = d.span(Range[time.Duration]{r.Min.SyncMax, r.Max.SyncMax})
	m.Capacity = between(d, Range[int64]{r.Min.Capacity, r.Max.Capacity})
	return m
}

// or is k with the defaults of its kind.
func (k FaultKind) or(defaults FaultKind) FaultKind {
	k.Window = cmp.Or(k.Window, defaults.Window)
	k.Rate = cmp.Or(k.Rate, defaults.Rate)
	k.By = cmp.Or(k.By, defaults.By)
	return k
}

// check tells what no plan could be drawn from, or no valid one.
func (s Space) check() error {
	switch {
	case s.Nodes.Min < 1 || s.Nodes.Max < s.Nodes.Min || s.Nodes.Max > maxNodes:
		return fmt.Errorf("nodes from %d to %d", s.Nodes.Min, s.Nodes.Max)
	case s.Clients.Min < 0 || s.Clients.Max < s.Clients.Min || s.Clients.Max > maxNodes:
		return fmt.Errorf("clients from %d to %d", s.Clients.Min, s.Clients.Max)
	case s.Duration.Min < time.Microsecond || s.Duration.Max < s.Duration.Min:
		return fmt.Errorf("a duration from %v to %v", s.Duration.Min, s.Duration.Max)
	case s.Ops.Min < 0 || s.Ops.Max < s.Ops.Min:
		return fmt.Errorf("operations from %d to %d", s.Ops.Min, s.Ops.Max)
	}
	for _, r := range s.Links {
		if err := checkLinks(r.Min, r.Max); err != nil {
			return err
		}
	}
	for _, r := range s.Disks {
		if a, b := r.Min, r.Max; a.SyncMin > b.SyncMin || a.SyncMax > b.SyncMax || a.Capacity > b.Capacity ||
			a.SyncMin < 0 || a.SyncMax < 0 || a.Capacity < 0 {
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
