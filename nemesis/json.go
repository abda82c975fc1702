package nemesis

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// MaxNodes bounds clusters and clients in plans: an engine's world holds no more.
const MaxNodes = 1 << 20

// MaxDuration bounds the fault phase. Most models take more steps than a run may have long before.
const MaxDuration = 24 * time.Hour

// MaxBytes bounds the files that hold plans.
const MaxBytes = 64 << 20

// ReadAll reads a file that holds a plan, perhaps among other things, unless it is longer than MaxBytes.
func ReadAll(name string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, err
	}
	return data, checkSize(name, data)
}

func checkSize(name string, data []byte) error {
	if len(data) > MaxBytes {
		return fmt.Errorf("%s: longer than %d MiB, which is more than any plan", name, MaxBytes>>20)
	}
	return nil
}

// ReadPlan reads a plan's JSON form. Whatever is not a valid plan is refused with an error of one line that begins with
// name and tells the place: a JSON path, or a line number where it is not JSON at all. Faults and operations may be
// in any order; the plan has them by time.
func ReadPlan(name string, data []byte) (Plan, error) {
	if err := checkSize(name, data); err != nil {
		return Plan{}, err
	}
	if !utf8.Valid(data) {
		return Plan{}, fmt.Errorf("%s: not UTF-8 text", name)
	}
	root, err := parse(data)
	if err != nil {
		return Plan{}, fmt.Errorf("%s: %w", name, err)
	}
	var p Plan
	c := codec{in: root, file: name, plan: &p}
	p.fields(&c)
	if c.err != nil {
		return Plan{}, c.err
	}
	return p, nil
}

// JSON is the plan in the form that ReadPlan reads, one fault or operation a line. The error is that of Check.
func (p Plan) JSON() ([]byte, error) {
	c := codec{file: "plan", plan: &p}
	if p.fields(&c); c.err != nil {
		return nil, c.err
	}
	return append(c.out, '\n'), nil
}

// Check tells what is wrong with a plan that was not read or drawn, as ReadPlan would; nil if it is valid.
func (p Plan) Check() error {
	_, err := p.JSON()
	return err
}

// MarshalJSON is JSON without the line breaks.
func (p Plan) MarshalJSON() ([]byte, error) { return p.JSON() }

// UnmarshalJSON is ReadPlan.
func (p *Plan) UnmarshalJSON(data []byte) (err error) {
	*p, err = ReadPlan("plan", data)
	return err
}

// fields is the JSON form.
func (p *Plan) fields(c *codec) {
	c.object(func() {
		format := Format
		c.field("format", func() {
			if integer(c, &format, 1, math.MaxInt); c.err == nil && format > Format {
				c.fail("%d is newer than what this build reads, which is up to %d", format, Format)
			}
		})
		c.maybe("build", p.Build != "", func() { c.text(&p.Build) })
		c.field("scenario", func() { c.text(&p.Scenario) })
		c.field("seed", func() { c.seed(&p.Seed) })
		c.field("nodes", func() { integer(c, &p.Nodes, 1, MaxNodes) })
		c.field("clients", func() { integer(c, &p.Clients, 0, MaxNodes) })
		c.field("duration", func() {
			switch c.duration(&p.Duration); {
			case p.Duration == 0:
				c.fail("0s leaves no time for faults")
			case p.Duration > MaxDuration:
				c.fail("%v is longer than %v, the most that a plan may have", p.Duration, MaxDuration)
			}
		})
		c.field("link", func() { linkFields(c, &p.Link) })
		c.maybe("client_link", p.ClientLink != netsim.Link{}, func() { linkFields(c, &p.ClientLink) })
		c.field("disk", func() { diskFields(c, &p.Disk) })
		c.maybe("buggify", p.Buggify != sim.Oddities{}, func() {
			c.object(func() {
				c.field("sites_ppm", func() { c.ppm(&p.Buggify.Sites) })
				c.field("visits_ppm", func() { c.ppm(&p.Buggify.Visits) })
			})
		})
		c.maybe("core", len(p.Core) > 0, func() {
			if c.nodes(&p.Core, map[sim.NodeID]bool{}); len(p.Core) == 0 {
				c.fail("nobody is in it; leave it out where all nodes are")
			}
			slices.Sort(p.Core)
		})
		c.field("faults", func() { p.faultFields(c) })
		c.field("ops", func() {
			list(c, &p.Ops, func(op *Op) { op.fields(c) })
			byTime(c, p.Ops, func(op Op) time.Duration { return op.At })
		})
	})
}

func (p *Plan) faultFields(c *codec) {
	list(c, &p.Faults, func(e *Event) { e.fields(c) })
	var written []Event // as in the file
	if c.in != nil {
		written = slices.Clone(p.Faults)
	}
	byTime(c, p.Faults, func(e Event) time.Duration { return e.At })
	if c.err != nil {
		return
	}
	o := p.outages()
	for i, e := range p.Faults {
		if why := o.refuse(e); why != "" {
			c.within(step{i: place(written, i)}, c.in, func() { c.fail("%s contradicts the plan: %s", e.Fault, why) })
			return
		}
	}
}

// place is where in a file, if there is one, the fault stands that is number i in order of time.
func place(written []Event, i int) int {
	if written == nil {
		return i
	}
	order := make([]int, len(written))
	for at := range order {
		order[at] = at
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(written[a].At, written[b].At) })
	return order[i]
}

// outages are what faults that come at a time, one after the other in order of time, have made of nodes.
type outages struct {
	nodes []outage // by NodeID
}

type outage struct {
	out        bool          // for ever
	from, back time.Duration // of the last crash that had the node down at once
}

func (p *Plan) outages() *outages { return &outages{nodes: make([]outage, p.Nodes+1)} }

// refuse takes the next fault, or says why one before it contradicts it. A fault needs nodes to be up, or to come back,
// that are out for ever by then; or it is a crash of nodes that are down by another one, at its time or as long as it waits.
// A crash at a sync, between effects, or after a wait has no one down for sure. All else that overlaps adds up, or is moot
// by what the run comes to.
func (o *outages) refuse(e Event) (why string) {
	for id := range needsUp(e.Fault) {
		if o.nodes[id].out {
			return fmt.Sprintf("by then %s is out for ever", id)
		}
	}
	if f, ok := e.Fault.(Restart); ok {
		o.nodes[f.Node].back = 0
		return ""
	}
	if f, ok := e.Fault.(crashing); ok {
		if why := o.crash(e, f); why != "" {
			return why
		}
	}
	if id := endsFor(e); id != sim.Nobody && !e.waits() {
		o.nodes[id].out = true
	}
	return ""
}

// crash is refuse for crashes.
func (o *outages) crash(e Event, f crashing) (why string) {
	first, last := f.whom().Node, f.whom().Node
	switch {
	case f.whom().All:
		first, last = 1, sim.NodeID(len(o.nodes)-1)
	case first == sim.Nobody:
		return "" // of a role
	}
	latest := e.At
	if e.waits() {
		latest = e.Until - 1
	}
	up := 0
	for id := first; id <= last; id++ {
		n := &o.nodes[id]
		if latest < n.back {
			why = fmt.Sprintf("%s is down then, from %v to %v", id, n.from, n.back)
			continue
		}
		up++
		if f.atOnce() && !e.waits() {
			n.from, n.back = e.At, e.Until
		}
	}
	if up > 0 {
		return ""
	}
	return why
}

// needsUp yields the nodes, named by their ids, that a fault finds up or boots.
func needsUp(f Fault) iter.Seq[sim.NodeID] {
	return func(yield func(sim.NodeID) bool) {
		switch f := f.(type) {
		case Restart:
			yield(f.Node)
		case RollingRestart:
			for _, id := range f.Nodes {
				if !yield(id) {
					return
				}
			}
		case interface{ strikesDown() }:
		case aimed:
			if id := f.whom().Node; id != sim.Nobody {
				yield(id)
			}
		}
	}
}

// endsFor is the node that a fault takes out for ever; Nobody if it does not.
func endsFor(e Event) sim.NodeID {
	if e.Until != Forever {
		return sim.Nobody
	}
	switch f := e.Fault.(type) {
	case crashing:
		return f.whom().Node
	case Pause:
		return f.Node
	}
	return sim.Nobody
}

func (e *Event) fields(c *codec) {
	c.object(func() {
		c.field("at", func() { c.moment(&e.At) })
		c.maybe("until", e.Until != 0, func() { c.until(&e.Until) })
		c.maybe("on", e.On != Trigger{}, func() {
			c.object(func() {
				c.field("fact", func() {
					if c.text(&e.On.Fact); e.On.Fact == "" {
						c.fail("a fact without a name")
					}
				})
			})
		})
		c.field("fault", func() { c.fault(&e.Fault) })
		if c.err == nil {
			c.within(step{name: "until"}, c.in, func() { e.checkUntil(c) })
		}
		if f, ok := e.Fault.(aimed); ok {
			c.within(step{name: "fault"}, c.in, func() { e.checkTarget(c, f.whom()) })
		}
	})
}

// checkTarget refuses faults that wait for nothing, or for two things.
func (e *Event) checkTarget(c *codec, whom Target) {
	switch {
	case whom.Role == Emitter && e.On.Fact == "":
		c.fail("there is an emitter only with a fact to wait for, in on")
	case strings.HasPrefix(whom.Role, nextPrefix) && e.On.Fact != "":
		c.fail("it waits for the %s, and in on for a fact; it can wait for one of them only", whom.Role)
	}
}

func (e *Event) checkUntil(c *codec) {
	switch k := kindOf(e.Fault); {
	case k.instant() && e.Until != 0 && !e.waits():
		c.fail("a %s is over at once", k.Kind)
	case e.Until == 0 && !k.instant():
		c.fail("missing; a %s has an end", k.Kind)
	case e.Until == 0:
	case e.Until == Forever && k.instant():
		c.fail("a %s waits to an end; leave it out for that of the plan", k.Kind)
	case e.Until == Forever:
		if why := c.plan.passing(e.Fault); why != "" {
			c.fail("%s cannot last for ever: %s", e.Fault, why)
		}
	case e.Until <= e.At:
		c.fail("%v is not after at, %v", e.Until, e.At)
	case e.Until > c.plan.Duration:
		c.fail("%v is after the plan's end, %v", e.Until, c.plan.Duration)
	}
}

// passing says why a fault must be healed at last; empty if it need not.
func (p *Plan) passing(f Fault) string {
	if len(p.Core) == 0 {
		return "the plan has no core that could do without"
	}
	if f, ok := f.(sparing); ok {
		return f.concerns(p.Core)
	}
	return "its kind must have an end"
}

func (o *Op) fields(c *codec) {
	c.object(func() {
		c.field("at", func() { c.moment(&o.At) })
		c.field("client", func() {
			if integer(c, &o.Client, 1, MaxNodes); o.Client > c.plan.Clients {
				c.fail("%d is not one of the plan's %s", o.Client, count(c.plan.Clients, "client"))
			}
		})
		c.field("kind", func() { c.text(&o.Kind) })
		c.maybe("key", o.Key != "", func() { c.text(&o.Key) })
		c.maybe("value", o.Value != "", func() { c.text(&o.Value) })
		c.maybe("arg", o.Arg != "", func() { c.text(&o.Arg) })
	})
}

// until is a time, or for ever.
func (c *codec) until(d *time.Duration) {
	switch {
	case c.in != nil && c.in.kind == '"' && c.in.text == forever:
		*d = Forever
	case c.in == nil && *d == Forever:
		c.emitString(forever)
	default:
		c.duration(d)
	}
}

const forever = "forever"

// moment is a time of the fault phase.
func (c *codec) moment(at *time.Duration) {
	if c.duration(at); *at >= c.plan.Duration {
		c.fail("%v is not before the plan's end, %v", *at, c.plan.Duration)
	}
}

// fault is a fault of any kind.
func (c *codec) fault(f *Fault) {
	c.object(func() {
		k, name := kindOf(*f), ""
		switch {
		case k != nil:
			name = k.Kind
		case c.in == nil:
			c.fail("%T is no fault of this package", *f)
		}
		c.field("kind", func() {
			c.text(&name)
			if k = kindNamed(name); k == nil {
				c.fail("%s is not a kind of fault; there are %s", quote(name), strings.Join(FaultNames(), ", "))
			}
		})
		if k != nil {
			if own := k.fields(c, *f); c.in != nil {
				*f = own
			}
		}
	})
}

// byTime sorts what was read, and demands of all else that it is sorted.
func byTime[T any](c *codec, items []T, at func(T) time.Duration) {
	order := func(a, b T) int { return cmp.Compare(at(a), at(b)) }
	switch {
	case c.in != nil:
		slices.SortStableFunc(items, order)
	case !slices.IsSortedFunc(items, order):
		c.fail("not in order of time")
	}
}
