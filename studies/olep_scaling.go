package studies

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/models/olep"
)

var olepScaling = &Study{
	Name: "olep/scaling",
	Doc:  "How payments through event logs scale with partitions: with a fee account for each, with one for all, with hot accounts.",
	Long: `Payments through event logs (Kleppmann, Beresford, Svingen, "Online Event Processing", ACM Queue 17(1), 2019, Figure 3) in a closed
loop at saturation. Each partition has a broker, an executor and a forwarder, nodes of their own, and --clients clients, each
with one payment under way, to any other account. A payment is over, and its client makes the next, when it counts in the
balances of payer, payee and fee account; with --until decided when the client has the answer. What costs is --cost for each
record that an executor or a forwarder reads; brokers answer at once, but for their disks. After two payments of each client, on
average, the next three are measured, and more where there are few partitions; but either for a quarter of a second at most:

  decided        payments that clients have the answer of, per virtual second, of all partitions
  efficiency     the same, as a share of as many times what one partition does
  complete       payments that count in all balances, per virtual second
  busiest        the share of its time that the busiest executor spends on records; reads, commits and appends take the rest
  answered, p99  time from asking to the answer at the client, median and 99th percentile
  posted, p99    time from asking to counting in the payee's balance

The variants are

  sharded    the fees of a partition's payers go to an account of their own, in the same partition
  unsharded  all fees go to one account, in the first partition
  hot        as sharded, but of --hot percent of the partitions, at least one, all accounts are hot: each is paid --heat times as
             often as another. Below it the hot partitions and the others apart: decided and answered are about their payers,
             posted about what they are paid`,
	Seeds: 3,
	New:   newScaling,
}

// Columns of the study.
const (
	scalingDecided = iota
	scalingEfficiency
	scalingComplete
	scalingBusiest
)

var scalingColumns = []Column{
	{Name: "decided", Unit: "1/s", Digits: 0}, {Name: "efficiency", Digits: 3}, {Name: "complete", Unit: "1/s", Digits: 0},
	{Name: "busiest", Unit: "%", Digits: 1}, {Name: "answered", Unit: "ms", Digits: 2}, {Name: "p99", Digits: 2},
	{Name: "posted", Unit: "ms", Digits: 2}, {Name: "p99", Digits: 2},
}

var scalingVariants = []string{"sharded", "unsharded", "hot"}

func newScaling(f *pflag.FlagSet) func() (*Design, error) {
	variants := f.StringSlice("variant", scalingVariants, "compare these: "+strings.Join(scalingVariants, ", "))
	partitions := f.IntSlice("partitions", []int{1, 2, 4, 8, 16, 32, 64, 128, 256}, "how many `partitions`; several are compared")
	clients := f.Int("clients", 64, "clients of each partition")
	cost := f.Duration("cost", 20*time.Microsecond, "what a record costs an executor or forwarder")
	until := f.String("until", "complete", "a payment is over when it is complete or decided")
	hot := f.Int("hot", 10, "percentage of partitions whose accounts are hot")
	heat := f.Int("heat", 9, "how many `times` as often a hot account is paid")
	inTurn := f.Bool("in-turn", false, "have forwarders write to one partition after the other, not side by side")
	draw := f.String("draw", "decided", "with --plot, draw decided or efficiency")
	return func() (*Design, error) {
		switch {
		case *clients < 2 || *clients > 1000:
			return nil, fmt.Errorf("--clients: a partition of %d cannot be studied; write 2 to 1000", *clients)
		case *cost < time.Microsecond || *cost > 10*time.Millisecond:
			return nil, fmt.Errorf("--cost: %v is out of range; write 1us to 10ms", *cost)
		case *until != "complete" && *until != "decided":
			return nil, fmt.Errorf("--until: a payment is over when it is complete or decided, not %q", *until)
		case *hot < 1 || *hot > 99:
			return nil, fmt.Errorf("--hot: %d%% of the partitions cannot be hot; write 1 to 99", *hot)
		case *heat < 1 || *heat > 1000:
			return nil, fmt.Errorf("--heat: %d times as often is out of range; write 1 to 1000", *heat)
		case *draw != "decided" && *draw != "efficiency":
			return nil, fmt.Errorf("--draw: there is decided and efficiency, not %q", *draw)
		}
		d := &Design{Labels: []string{"variant", "partitions"}, Columns: scalingColumns, Notes: []string{payPlace}}
		base := payTrial{clients: *clients, work: *cost, heat: *heat, decided: *until == "decided", shards: true, inTurn: *inTurn}
		one := base
		one.partitions = 1
		alone := memo(one.saturate)
		perSecond := 1 / cost.Seconds() // records of one executor
		for _, variant := range *variants {
			if !slices.Contains(scalingVariants, variant) {
				return nil, fmt.Errorf("--variant: there is no %q, but %s", variant, strings.Join(scalingVariants, ", "))
			}
			for _, n := range *partitions {
				if n < 1 || n > 1024 {
					return nil, fmt.Errorf("--partitions: %d cannot be studied; write 1 to 1024", n)
				}
				t := base
				t.partitions, t.shards = n, variant != "unsharded"
				if variant == "hot" {
					t.hot = max(1, (n**hot+50)/100)
				}
				d.scale(variant, t, alone)
			}
		}
		d.Plot = Plot{Title: "Payments through event logs", X: "partitions", Y: "payments decided per second", Column: scalingDecided, LogX: true, LogY: true,
			Laws: []Law{{"linear: 4 records of a payment in each partition", func(n float64) float64 { return n * perSecond / 4 }}}}
		if *draw == "efficiency" {
			d.Plot.Y, d.Plot.Column, d.Plot.LogY, d.Plot.Laws = "decided, as a share of linear", scalingEfficiency, false, nil
		}
		if slices.Contains(*variants, "unsharded") {
			if *draw == "decided" {
				d.Plot.Laws = append(d.Plot.Laws, Law{"one fee log: N + 3 records of N payments", func(n float64) float64 { return n * perSecond / (n + 3) }})
			}
			d.Notes = append(d.Notes, fmt.Sprintf("By arithmetic: an executor takes %.0f records per second. A payment has 4: request, outgoing, incoming, "+
				"fee; so a partition makes %.0f payments per second at most. All fees in one partition: of N payments, one in each partition, it has N + 3 "+
				"records, so that all make N/(N + 3) times %.0f at most, whatever N; the knee is where that crosses linear for good, at 4 partitions.",
				perSecond, perSecond/4, perSecond))
			d.Conclude = knee
		}
		return d, nil
	}
}

// payPlace tells where payments are made.
var payPlace = fmt.Sprintf("A packet takes %v to %v, a sync %v to %v; reads and appends have %d records at most; who finds nothing waits for %v.",
	payLinkMin, payLinkMax, paySyncMin, paySyncMax, payBatch, payIdle)

// knee tells where one fee log ends what partitions add: the most that they decide, as a multiple of what one does.
func knee(r *Result) []string {
	most, one := 0.0, 0.0
	for i, c := range r.Design.Cases {
		if c.Words[0] == "unsharded" {
			most = max(most, r.Rows[i].Values[scalingDecided].Mean)
			if c.X == 1 {
				one = r.Rows[i].Values[scalingDecided].Mean
			}
		}
	}
	if one == 0 {
		return nil
	}
	return []string{fmt.Sprintf("Measured: one partition decides %.0f per second, and however many with one fee log %.0f at most; the knee is at %.1f partitions.",
		one, most, most/one)}
}

// scale adds the cases of a trial: one for all partitions, and where some are hot one for these and one for the others. alone
// is what one partition does, which is the same in all variants.
func (d *Design) scale(variant string, t payTrial, alone func(seed uint64) (*saturated, error)) {
	runs := memo(t.saturate)
	add := func(name string, from, to int) {
		d.Cases = append(d.Cases, Case{
			Words: []string{name, strconv.Itoa(t.partitions)}, Series: name, X: float64(t.partitions),
			Run: func(seed uint64) (Sample, error) {
				s, err := runs(seed)
				if err != nil {
					return Sample{}, err
				}
				one, err := alone(seed)
				if err != nil {
					return Sample{}, err
				}
				return Sample{Values: s.values(from, to, one)}, nil
			},
		})
	}
	add(variant, 0, t.partitions)
	if 0 < t.hot && t.hot < t.partitions {
		add("hot: hot ones", 0, t.hot)
		add("hot: others", t.hot, t.partitions)
	}
}

// memo is f, which is called once for each seed.
func memo[T any](f func(seed uint64) (T, error)) func(seed uint64) (T, error) {
	var lock sync.Mutex
	known := map[uint64]func() (T, error){}
	return func(seed uint64) (T, error) {
		lock.Lock()
		once := known[seed]
		if once == nil {
			once = sync.OnceValues(func() (T, error) { return f(seed) })
			known[seed] = once
		}
		lock.Unlock()
		return once()
	}
}

// saturated is what came of a trial at saturation.
type saturated struct {
	took  time.Duration
	parts []saturatedPart
}

// saturatedPart is a partition's part of it.
type saturatedPart struct {
	complete int             // payments of its payers
	busy     time.Duration   // of its executor
	answers  []time.Duration // of its payers: from asking to the answer
	posts    []time.Duration // of its payees: from asking to the balance
}

// saturationMost is how long warming up and measuring take at most, each.
const saturationMost = 250 * time.Millisecond

// saturate runs a trial at saturation.
func (t payTrial) saturate(seed uint64) (*saturated, error) {
	r := t.start(seed)
	defer r.world.Close()
	all := t.partitions * t.clients
	if err := r.until(2 * all); err != nil {
		return nil, err
	}
	s := &saturated{parts: make([]saturatedPart, t.partitions)}
	r.on = func(what payEvent, u *payUnder, at clock.Time) {
		switch from, to := &s.parts[u.from], &s.parts[u.to]; what {
		case payAnswered:
			from.answers = append(from.answers, at.Sub(u.asked))
		case payPosted:
			to.posts = append(to.posts, at.Sub(u.asked))
		case payComplete:
			from.complete++
		}
	}
	begin, next := r.world.Now(), r.progress()
	if err := r.until(r.freed + 3*all*max(1, 32/t.partitions)); err != nil {
		return nil, err
	}
	s.took = r.world.Now().Sub(begin)
	for part, lsn := range r.progress() {
		s.parts[part].busy = time.Duration(lsn-next[part]) * t.work
	}
	return s, nil
}

// progress is how far executors have come.
func (r *payRun) progress() (next []olep.LSN) {
	for _, id := range r.executors {
		next = append(next, r.world.Node(id).(*olep.Subscriber).Next())
	}
	return next
}

// until runs until so many payments are over, or for long enough.
func (r *payRun) until(freed int) error {
	for end := r.world.Now().Add(saturationMost); r.freed < freed && r.world.Now() < end; {
		if !r.world.Step() {
			return r.world.Violation()
		}
	}
	return nil
}

// values are those of some partitions, by column; alone is what one does.
func (s *saturated) values(from, to int, alone *saturated) []float64 {
	var all saturatedPart
	busiest := time.Duration(0)
	for i := range s.parts[from:to] {
		part := &s.parts[from+i]
		all.complete += part.complete
		busiest = max(busiest, part.busy)
		all.answers = append(all.answers, part.answers...)
		all.posts = append(all.posts, part.posts...)
	}
	took := s.took.Seconds()
	decided := float64(len(all.answers)) / took
	one := float64(len(alone.parts[0].answers)) / alone.took.Seconds()
	slices.Sort(all.answers)
	slices.Sort(all.posts)
	return []float64{
		decided, decided / one / float64(to-from), float64(all.complete) / took, 100 * busiest.Seconds() / took,
		quantile(all.answers, 50), quantile(all.answers, 99), quantile(all.posts, 50), quantile(all.posts, 99),
	}
}
