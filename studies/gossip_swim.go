package studies

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/models/gossip"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

var gossipSwim = &Study{
	Name: "gossip/swim",
	Doc:  "How soon SWIM finds a crash, how often it errs, and what it costs: with Lifeguard and with phi, and without.",
	Long: `A group of members who know each other runs for a minute while some of them are paused for stretches, and packets are
lost; then one that was not paused crashes. Measured are:

  doubt           how long a direct ping waited for the one that has crashed
  first, all      the time from the crash until the first member takes it for dead, and until all do that were not paused
  false           how often, in that minute, a member took another for dead that was neither paused nor crashed
  among healthy   the same, by members that were not paused themselves
  given up        direct pings that were not answered in time, per member and minute
  messages        sent per member and second

Pauses are those that the Lifeguard paper is about (Dadgar, Phillips, Currey, Lifeguard: Local Health Awareness for More
Accurate Failure Detection, 2018), slow processing of messages: sending and receiving stand still for a stretch while timers
run, so the member takes others for dead; what was held up goes through when the stretch is over. With --stop the whole
member stands still in place of that, and does no harm: it handles acks and timeouts in the order in which they came. The detectors are swim (Das, Gupta, Motivala, 2002), lifeguard,
and each with the timeout of direct pings by phi-accrual (Hayashibara et al., 2004) in place of a fixed one: swim-phi and
lifeguard-phi. --over says which parameter is varied; the others are as their flags say.`,
	Seeds: 20,
	New:   newSwimStudy,
}

// swimTrial is one choice of what a run is like.
type swimTrial struct {
	detector string
	members  int
	loss     sim.PPM
	latency  time.Duration // the mean of a link's
	paused   int
	stretch  time.Duration // of a pause
	between  time.Duration // two pauses
	stop     bool          // a pause stops timers as well
	timeout  time.Duration // of direct pings, where it is fixed
	phi      int64         // threshold, in thousandths, where it is not
}

// Phases of a run, in virtual time.
const (
	swimWarm   = 5 * time.Second
	swimMinute = time.Minute
	swimWait   = 3 * time.Minute // for the crash to be found
)

// swimDetectors are what a study compares, by name.
var swimDetectors = []string{"swim", "lifeguard", "swim-phi", "lifeguard-phi"}

func newSwimStudy(f *pflag.FlagSet) func() (*Design, error) {
	over := f.String("over", "paused", "vary this: paused, loss, latency or members")
	members := f.Int("members", 64, "members of the group")
	loss := f.Float64("loss", 0, "percentage of packets that are lost")
	latency := f.Duration("latency", 5*time.Millisecond, "mean latency of a link, exponentially distributed")
	paused := f.Int("paused", 0, "members that are paused for stretches")
	stretch := f.Duration("stretch", 20*time.Second, "length of a pause")
	between := f.Duration("between", 2*time.Second, "time between two pauses of a member")
	stop := f.Bool("stop", false, "pauses stop a member's timers as well")
	timeout := f.Duration("timeout", 500*time.Millisecond, "timeout of direct pings, of a period of a second")
	phi := f.Float64("phi", 3, "threshold of phi, in its place")
	detectors := f.StringSlice("detectors", []string{"swim", "lifeguard"}, "compare these: "+strings.Join(swimDetectors, ", "))
	return func() (*Design, error) {
		base := swimTrial{members: *members, loss: sim.PPM(math.Round(*loss * 10_000)), latency: *latency, paused: *paused,
			stretch: *stretch, between: *between, stop: *stop, timeout: *timeout, phi: int64(math.Round(*phi * 1000))}
		if *loss < 0 || *loss > 90 {
			return nil, fmt.Errorf("--loss: %v%% of the packets cannot be lost; write 0 to 90", *loss)
		}
		axis, ok := swimAxes[*over]
		if !ok {
			return nil, fmt.Errorf("--over: %q cannot be varied; write paused, loss, latency or members", *over)
		}
		if f.Changed(*over) {
			return nil, fmt.Errorf("--%s: it is varied; leave it out, or vary something else with --over", *over)
		}
		for _, d := range *detectors {
			if !slices.Contains(swimDetectors, d) {
				return nil, fmt.Errorf("--detectors: there is no %q, but %s", d, strings.Join(swimDetectors, ", "))
			}
		}
		if len(*detectors) == 0 {
			return nil, fmt.Errorf("--detectors: name one or more of %s", strings.Join(swimDetectors, ", "))
		}
		return swimDesign(base, axis, *detectors)
	}
}

// swimAxis is a parameter that a study varies.
type swimAxis struct {
	values []float64
	set    func(t *swimTrial, x float64)
	column int // that is drawn
	x      string
	title  string
	logX   bool
}

// Columns of the study.
const (
	swimDoubt = iota
	swimFirst
	swimAll
	swimFalse
	swimFalseAmongHealthy
	swimGivenUp
	swimMessages
)

var swimAxes = map[string]swimAxis{
	"paused": {[]float64{0, 1, 2, 4, 8, 16}, func(t *swimTrial, x float64) { t.paused = int(x) },
		swimFalse, "paused members", "False positives of SWIM under pauses", false},
	"loss": {[]float64{0, 1, 2, 5, 10, 20, 30}, func(t *swimTrial, x float64) { t.loss = sim.PPM(x * 10_000) },
		swimFalse, "lost packets, %", "False positives of SWIM under loss", false},
	"latency": {[]float64{5, 20, 50, 100, 150, 200}, func(t *swimTrial, x float64) { t.latency = time.Duration(x) * time.Millisecond },
		swimGivenUp, "mean latency, ms", "Direct pings that SWIM gave up", false},
	"members": {[]float64{16, 32, 64, 128, 256}, func(t *swimTrial, x float64) { t.members = int(x) },
		swimMessages, "members", "Messages of SWIM per member", true},
}

func swimDesign(base swimTrial, axis swimAxis, detectors []string) (*Design, error) {
	d := &Design{
		Labels: []string{"detector", "members", "loss", "latency", "paused"},
		Columns: []Column{
			{Name: "doubt", Unit: "s", Digits: 3}, {Name: "first", Unit: "s", Digits: 1}, {Name: "all", Unit: "s", Digits: 1},
			{Name: "false", Digits: 1}, {Name: "among healthy", Digits: 1},
			{Name: "given up", Unit: "1/min", Digits: 2}, {Name: "messages", Unit: "1/s", Digits: 2},
		},
		Plot: Plot{Title: axis.title, X: axis.x, Column: axis.column, LogX: axis.logX},
	}
	d.Plot.Y = d.Columns[axis.column].Name
	if unit := d.Columns[axis.column].Unit; unit != "" {
		d.Plot.Y += ", " + unit
	}
	for _, detector := range detectors {
		for _, x := range axis.values {
			t := base
			t.detector = detector
			axis.set(&t, x)
			if t.paused > t.members-2 && base.paused == 0 {
				continue // a small group has fewer of them
			}
			if err := t.check(); err != nil {
				return nil, err
			}
			d.Cases = append(d.Cases, Case{
				Words: []string{t.detector, strconv.Itoa(t.members), fmt.Sprintf("%g%%", float64(t.loss)/10_000),
					t.latency.String(), strconv.Itoa(t.paused)},
				Run:    func(seed uint64) (Sample, error) { return t.run(seed) },
				Series: detector, X: x,
			})
		}
	}
	return d, nil
}

func (t *swimTrial) check() error {
	switch {
	case t.members < 3 || t.members > 1000:
		return fmt.Errorf("--members: a group of %d cannot be studied; write 3 to 1000", t.members)
	case t.paused < 0 || t.paused > t.members-2:
		return fmt.Errorf("--paused: %d of %d members are too many, as one crashes and one must find out; write 0 to %d", t.paused, t.members, t.members-2)
	case t.latency <= 0 || t.latency > time.Second:
		return fmt.Errorf("--latency: %v is out of range; write 1us to 1s", t.latency)
	case t.timeout <= 0 || t.timeout > gossip.DefaultSwim().Period*3/4:
		return fmt.Errorf("--timeout: %v leaves no time for indirect pings; write up to %v", t.timeout, gossip.DefaultSwim().Period*3/4)
	case t.phi <= 0 || t.phi > 30_000:
		return fmt.Errorf("--phi: a threshold of %v is out of range; write 0.001 to 30", float64(t.phi)/1000)
	case t.stretch <= 0 || t.stretch > swimMinute:
		return fmt.Errorf("--stretch: a pause of %v is out of range; write up to %v", t.stretch, swimMinute)
	case t.between <= 0 || t.between > swimMinute:
		return fmt.Errorf("--between: %v between pauses is out of range; write up to %v", t.between, swimMinute)
	}
	return nil
}

func (t *swimTrial) config() gossip.SwimConfig {
	c := gossip.DefaultSwim()
	c.Timeout = t.timeout
	for id := range sim.NodeID(t.members) {
		c.Known = append(c.Known, id+1)
	}
	detector, phi := strings.CutSuffix(t.detector, "-phi")
	if phi {
		c.Phi = gossip.PhiConfig{Threshold: t.phi, Window: 100, Least: 5 * time.Millisecond}
	}
	if detector == "lifeguard" {
		c.Lifeguard = gossip.DefaultSwimLifeguard()
	}
	return c
}

// run is one run: the last member crashes, and the first ones are paused.
func (t *swimTrial) run(seed uint64) (Sample, error) {
	net := netsim.New(seed, netsim.Config{Link: netsim.Link{
		Latency: netsim.Latency{Shape: netsim.Exponential, Mean: t.latency}, Loss: t.loss,
	}})
	w := sim.New(sim.Config{Seed: seed, Network: net, Disk: func(id sim.NodeID) sim.Storage {
		return disksim.New(seed, id, disksim.Config{})
	}})
	defer w.Close()
	c := t.config()
	for range t.members {
		w.Add(func(sim.NodeID) sim.Node { return gossip.NewSwim(c) })
	}
	victim := sim.NodeID(t.members)
	begin, end := clock.Time(swimWarm), clock.Time(swimWarm+swimMinute)
	stop := end.Add(swimWait)
	t.pause(w, net, seed, begin, stop)

	s := swimCount{first: math.NaN(), all: math.NaN(), crash: end, victim: victim, paused: sim.NodeID(t.paused), knows: make([]bool, t.members+1)}
	s.left = t.members - t.paused - 1
	w.Watch(s.watch)
	w.RunUntil(begin)
	s.counting = true
	sent := w.Count(sim.KindDeliver) + w.Count(sim.KindDrop)
	w.RunUntil(end)
	s.counting = false
	sent = w.Count(sim.KindDeliver) + w.Count(sim.KindDrop) - sent
	w.Crash(victim)
	for id := sim.NodeID(t.paused + 1); id < victim; id++ { // who takes it for dead already
		if w.Node(id).(*gossip.Swim).State(victim).Status == gossip.SwimDead {
			s.found(id, end)
		}
	}
	for s.left > 0 && w.Now() < stop {
		w.RunUntil(w.Now().Add(time.Second))
	}
	if v := w.Violation(); v != nil {
		return Sample{}, v
	}
	return Sample{Values: []float64{
		s.waited / float64(s.waits), s.first, s.all, float64(s.falsely), float64(s.falselyAmongHealthy),
		float64(s.doubted) / float64(t.members), float64(sent) / swimMinute.Seconds() / float64(t.members),
	}}, nil
}

// pause has the first members stand still for stretches, each by itself.
func (t *swimTrial) pause(w *sim.World, net *netsim.Network, seed uint64, begin, stop clock.Time) {
	for id := sim.NodeID(1); int(id) <= t.paused; id++ {
		d := sim.NewStream(seed, "paused", uint64(id))
		at := begin.Add(d.Between(0, t.between))
		for at < stop {
			until := at.Add(t.stretch)
			w.At(at, func() {
				if t.stop {
					w.PauseFor(id, t.stretch)
					return
				}
				release := net.Hold(netsim.Isolate(id))
				w.At(until, release)
			})
			at = until.Add(d.Between(t.between/2, t.between*3/2))
		}
	}
}

// swimCount is what a run comes to.
type swimCount struct {
	counting                     bool // the minute before the crash
	falsely, falselyAmongHealthy int
	doubted                      int

	waits      int     // pings that the victim did not answer
	waited     float64 // their sum, in seconds
	victim     sim.NodeID
	paused     sim.NodeID // the last one
	crash      clock.Time
	knows      []bool // by member: it takes the victim for dead
	left       int    // members that were not paused and do not know it
	first, all float64
}

func (s *swimCount) watch(step *sim.Step) {
	switch f := step.Payload.(type) {
	case gossip.SwimConfirmedDead:
		s.dead(step, f.Member)
	case gossip.SwimTakenDead:
		s.dead(step, f.Member)
	case gossip.SwimDoubted:
		if s.counting {
			s.doubted++
		} else if f.Member == s.victim {
			s.waits++
			s.waited += f.After.Seconds()
		}
	}
}

func (s *swimCount) dead(step *sim.Step, id sim.NodeID) {
	switch {
	case step.At >= s.crash:
		if id == s.victim {
			s.found(step.Node, step.At)
		}
	case s.counting && id > s.paused:
		s.falsely++
		if step.Node > s.paused {
			s.falselyAmongHealthy++
		}
	}
}

// found is that a member takes the victim for dead. Those that are paused do not count.
func (s *swimCount) found(by sim.NodeID, at clock.Time) {
	if by <= s.paused || s.knows[by] {
		return
	}
	s.knows[by] = true
	after := at.Sub(s.crash).Seconds()
	if math.IsNaN(s.first) {
		s.first = after
	}
	if s.left--; s.left == 0 {
		s.all = after
	}
}
