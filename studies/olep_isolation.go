package studies

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

var olepIsolation = &Study{
	Name: "olep/isolation",
	Doc:  "What payments between other partitions notice of one that is dead or slow.",
	Long: `Payments as in olep/scaling, below saturation: clients think between an answer and their next payment. After 0.5 s the last
partition is left alone, or its broker dies for good, or it becomes slow: its broker takes --slow for each message, its
executor and forwarder --slow for each record. Measured are payments of payers in the other partitions that are asked for
in the --window after that,

  answered, p99  time from asking to the answer at the client, whoever is paid: median and 99th percentile
  posted, p99    time from asking to counting in the payee's balance, where the payee is in another partition than the last one too

and beside each in how many percent it differs from that of the same seed with nothing wrong. A payment that has not come
there by the end, 0.3 s later, counts as one that comes then; such are in the last column.`,
	Seeds: 10,
	New:   newIsolation,
}

// Phases of a run, in virtual time.
const (
	isolationWarm   = 500 * time.Millisecond
	isolationBefore = 300 * time.Millisecond // the end of it, which curves begin with
	isolationDrain  = 300 * time.Millisecond
	isolationBin    = 50 * time.Millisecond // of curves
)

// isolationBins is how many points curves have.
func isolationBins(window time.Duration) int {
	return int((isolationBefore + window + isolationBin - 1) / isolationBin)
}

var isolationVariants = []string{"healthy", "dead", "slow"}

// isolationTrial is one choice of what is wrong with the last partition.
type isolationTrial struct {
	payTrial
	wrong  string
	slow   time.Duration
	window time.Duration
}

func newIsolation(f *pflag.FlagSet) func() (*Design, error) {
	variants := f.StringSlice("variant", isolationVariants, "compare these: "+strings.Join(isolationVariants, ", "))
	partitions := f.Int("partitions", 16, "how many `partitions`")
	clients := f.Int("clients", 8, "clients of each partition")
	think := f.Duration("think", 10*time.Millisecond, "the mean time that a client thinks")
	cost := f.Duration("cost", 20*time.Microsecond, "what a record costs an executor or forwarder")
	slow := f.Duration("slow", 5*time.Millisecond, "what a message or a record costs in the slow partition")
	window := f.Duration("window", time.Second, "the time in which payments count")
	inTurn := f.Bool("in-turn", false, "have forwarders write to one partition after the other, not side by side")
	draw := f.String("draw", "posted", "with --plot, draw answered or posted, over time")
	return func() (*Design, error) {
		switch {
		case *partitions < 2 || *partitions > 256:
			return nil, fmt.Errorf("--partitions: of %d none can be told from the others; write 2 to 256", *partitions)
		case *clients < 2 || *clients > 1000:
			return nil, fmt.Errorf("--clients: a partition of %d cannot be studied; write 2 to 1000", *clients)
		case *think < time.Millisecond || *think > time.Second:
			return nil, fmt.Errorf("--think: %v is out of range; write 1ms to 1s", *think)
		case *cost < time.Microsecond || *cost > 10*time.Millisecond:
			return nil, fmt.Errorf("--cost: %v is out of range; write 1us to 10ms", *cost)
		case *slow < *cost || *slow > time.Second:
			return nil, fmt.Errorf("--slow: %v is out of range; write %v to 1s", *slow, *cost)
		case *window < isolationBin || *window > time.Minute:
			return nil, fmt.Errorf("--window: %v is out of range; write %v to 1m", *window, isolationBin)
		case *draw != "answered" && *draw != "posted":
			return nil, fmt.Errorf("--draw: there is answered and posted, not %q", *draw)
		}
		d := &Design{
			Labels: []string{"last partition"},
			Columns: []Column{
				{Name: "answered", Unit: "ms", Digits: 2}, {Name: "differs", Unit: "%", Digits: 1}, {Name: "p99", Digits: 2}, {Name: "differs", Digits: 1},
				{Name: "posted", Unit: "ms", Digits: 2}, {Name: "differs", Unit: "%", Digits: 1}, {Name: "p99", Digits: 2}, {Name: "differs", Digits: 1},
				{Name: "too late", Digits: 0},
			},
			Plot:  Plot{Title: "Payments between partitions, of which another one fails at 0 s", X: "asked for at, s", Y: "median time until " + *draw + ", ms"},
			Notes: []string{payPlace},
		}
		base := isolationTrial{
			payTrial: payTrial{partitions: *partitions, clients: *clients, work: *cost, think: *think, heat: 1, decided: true, shards: true, inTurn: *inTurn},
			wrong:    "healthy", slow: *slow, window: *window,
		}
		for bin := range isolationBins(*window) {
			d.Plot.Times = append(d.Plot.Times, (time.Duration(bin)*isolationBin + isolationBin/2 - isolationBefore).Seconds())
		}
		healthy := memo(base.run)
		for _, variant := range *variants {
			if !slices.Contains(isolationVariants, variant) {
				return nil, fmt.Errorf("--variant: there is no %q, but %s", variant, strings.Join(isolationVariants, ", "))
			}
			t := base
			t.wrong = variant
			run := t.run
			if variant == base.wrong {
				run = healthy
			}
			d.Cases = append(d.Cases, Case{Words: []string{variant}, Series: variant, Run: func(seed uint64) (Sample, error) {
				m, err := run(seed)
				if err != nil {
					return Sample{}, err
				}
				with, err := healthy(seed)
				if err != nil {
					return Sample{}, err
				}
				return m.sample(with, *draw), nil
			}})
		}
		return d, nil
	}
}

// isolated is what came of a trial.
type isolated struct {
	answers, posts payTimes
	late           int // payments that were not answered or not posted in the end
}

// payTimes are how long payments have taken, by when they were asked for.
type payTimes struct {
	all  []time.Duration   // those asked for since something is wrong, sorted
	bins [][]time.Duration // by the Plot's Times, each sorted
}

// run runs a trial.
func (t isolationTrial) run(seed uint64) (*isolated, error) {
	r := t.start(seed)
	defer r.world.Close()
	begin := clock.Time(isolationWarm)
	end := begin.Add(t.window)
	last := t.partitions - 1
	bins := isolationBins(t.window)
	m := &isolated{payTimes{bins: make([][]time.Duration, bins)}, payTimes{bins: make([][]time.Duration, bins)}, 0}
	took := func(to *payTimes, u *payUnder, at clock.Time) {
		if after := u.asked.Sub(begin); after >= -isolationBefore && after < t.window {
			to.add(int((after+isolationBefore)/isolationBin), at.Sub(u.asked), after >= 0)
		}
	}
	r.on = func(what payEvent, u *payUnder, at clock.Time) {
		switch {
		case u.from == last:
		case what == payAnswered:
			took(&m.answers, u, at)
		case what == payPosted && u.to != last:
			took(&m.posts, u, at)
		}
	}
	r.world.RunUntil(begin)
	t.spoil(r, last)
	stop := end.Add(isolationDrain)
	if !r.world.RunUntil(stop) {
		return nil, r.world.Violation()
	}
	for _, u := range r.under {
		if u.from == last || u.asked < begin.Add(-isolationBefore) || u.asked >= end {
			continue
		}
		// It is as if it came in the end, but that it is late.
		if !u.answered {
			m.late++
			took(&m.answers, u, stop)
		}
		if u.to != last && u.missing[payPayee] != "" {
			m.late++
			took(&m.posts, u, stop)
		}
	}
	m.answers.sort()
	m.posts.sort()
	return m, nil
}

// spoil does to a partition what the trial says.
func (t isolationTrial) spoil(r *payRun, part int) {
	switch t.wrong {
	case "dead":
		r.world.Crash(r.brokers[part])
	case "slow":
		for _, id := range []sim.NodeID{r.brokers[part], r.executors[part], r.forwarders[part]} {
			r.world.Cost(id, func(sim.Kind, any) time.Duration { return t.slow })
		}
	}
}

func (p *payTimes) add(bin int, took time.Duration, counts bool) {
	p.bins[bin] = append(p.bins[bin], took)
	if counts {
		p.all = append(p.all, took)
	}
}

func (p *payTimes) sort() {
	slices.Sort(p.all)
	for _, bin := range p.bins {
		slices.Sort(bin)
	}
}

// sample is what came of a trial beside the one with nothing wrong.
func (m *isolated) sample(healthy *isolated, draw string) Sample {
	var s Sample
	for _, pair := range [][2]payTimes{{m.answers, healthy.answers}, {m.posts, healthy.posts}} {
		for _, percent := range []int{50, 99} {
			is, was := quantile(pair[0].all, percent), quantile(pair[1].all, percent)
			s.Values = append(s.Values, is, 100*(is/was-1))
		}
	}
	s.Values = append(s.Values, float64(m.late))
	drawn := m.posts
	if draw == "answered" {
		drawn = m.answers
	}
	for _, bin := range drawn.bins {
		s.Trace = append(s.Trace, quantile(bin, 50))
	}
	return s
}
