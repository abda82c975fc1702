package cli_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/studies"
)

// ticked is what a ticker says every 100 ms of its clock.
type ticked struct{ Count int }

// ticker is a node that counts, and tells its neighbour.
type ticker struct {
	Count int
	every time.Duration
	last  int // what it panics after; 0 for never
}

func (t *ticker) Start(env sim.Env) { env.SetTimer(sim.Timer{Name: "tick"}, t.every) }

func (t *ticker) Timeout(env sim.Env, timer sim.Timer) {
	if t.Count++; t.Count > t.last && t.last > 0 {
		panic(fmt.Sprintf("no number comes after %d", t.last))
	}
	env.Emit(ticked{t.Count})
	env.Send(3-env.ID(), t.Count)
	env.Logf("%d so far", t.Count)
	env.SetTimer(timer, t.every)
}

func (t *ticker) Receive(sim.Env, sim.NodeID, sim.Message) {}

// toy is a scenario of two tickers that run for two seconds, watched and judged by fact and judge; nil does nothing.
func toy(name, doc string, fact func(r *scenarios.Run, s *sim.Step, count int), judge func(r *scenarios.Run)) *scenarios.Scenario {
	space := nemesis.DefaultSpace(name)
	space.Nodes = nemesis.Range[int]{Min: 2, Max: 2}
	space.Clients = nemesis.Range[int]{}
	space.Duration = nemesis.Range[time.Duration]{Min: time.Second, Max: time.Second}
	space.Faults = []nemesis.FaultKind{{Kind: "crash", Count: nemesis.Range[int]{Min: 0, Max: 1}}}
	return &scenarios.Scenario{
		Name: name, Doc: doc, Space: space, Tail: time.Second, Judge: judge,
		Build: func(r *scenarios.Run) {
			r.AddServers(func(sim.NodeID) sim.Node { return &ticker{every: 100 * time.Millisecond} })
			r.World.Watch(func(s *sim.Step) {
				r.Contents.Add("ticks", 1)
				if fact != nil {
					fact(r, s, s.Payload.(ticked).Count)
				}
			})
		},
	}
}

// crossed is violated by the sixth tick of the second node. Its name has what must be quoted in a name.
const crossed = `nobody says "six"`

func neverSix(r *scenarios.Run, s *sim.Step, count int) {
	r.Checks.Always(crossed).Check(count < 6 || s.Node == 1, func() string { return fmt.Sprintf("%s said %d", s.Node, count) })
}

func counts(r *scenarios.Run, _ *sim.Step, count int) {
	r.Checks.Always("counts are positive").Check(count > 0, func() string { return "not this one" })
	if count == 8 {
		r.Checks.Sometimes("somebody says eight").Hold()
	}
}

// remembers is counts, and keeps what was said.
func remembers(r *scenarios.Run, s *sim.Step, count int) {
	counts(r, s, count)
	log, _ := r.State.([]string)
	r.State = append(log, fmt.Sprintf("%s %d", s.Node, count))
}

// said is two views of what was said: the last number of each node, and nothing.
func said(r *scenarios.Run) []scenarios.View {
	log := r.State.([]string)
	last := scenarios.View{Name: "last/0", Doc: "the last number of each", Log: log, At: func(n uint64) (pairs []scenarios.Pair) {
		numbers := map[string]string{}
		for _, line := range log[:n] {
			node, number, _ := strings.Cut(line, " ")
			numbers[node] = number
		}
		for _, node := range slices.Sorted(maps.Keys(numbers)) {
			pairs = append(pairs, scenarios.Pair{Key: node, Value: numbers[node]})
		}
		return pairs
	}}
	nothing := func(uint64) []scenarios.Pair { return nil }
	return []scenarios.View{
		last, {Name: "none/0", Doc: "nothing", Log: log[:2], At: nothing}, {Name: "none/1", Doc: "nothing, of nothing", At: nothing},
	}
}

// lagging is a register that answers with what it held before the last write.
type lagging struct{ value, next checkers.Value }

func (n *lagging) Start(sim.Env) {}

func (n *lagging) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	if in, write := msg.(checkers.Put); write {
		n.value, n.next = n.next, checkers.Value{Text: in.Text, Found: true}
		env.Send(from, nil)
		return
	}
	env.Send(from, n.value)
}

func (n *lagging) Timeout(sim.Env, sim.Timer) {}

// runs counts what happened in this process, as no scenario may.
var runs atomic.Int64

// toys are one scenario for each way in which a run or a sweep can end.
func toys() []*scenarios.Scenario {
	good := toy("toy/good", "Tickers count.", remembers, nil)
	good.Floors = []scenarios.Floor{{Count: "ticks", Least: 10}}
	good.Views = said

	low := toy("toy/low", "A scenario in which less happens than it claims.", counts, nil)
	low.Floors = []scenarios.Floor{{Count: "ticks", Least: 1000}}

	demo := toy("demo/six", "A demonstration: somebody says six.", neverSix, nil)
	demo.Anomaly = (&checkers.Property{Quantifier: checkers.Always, Name: crossed}).String()

	panics := toy("toy/panic", "A node that panics.", counts, nil)
	panics.Build = func(r *scenarios.Run) {
		r.AddServers(func(sim.NodeID) sim.Node { return &ticker{every: 100 * time.Millisecond, last: 4} })
	}

	random := toy("toy/random", "Tickers whose pace depends on how many runs there have been.", counts, nil)
	random.Build = func(r *scenarios.Run) {
		pace := time.Duration(100+runs.Add(1)) * time.Millisecond
		r.AddServers(func(sim.NodeID) sim.Node { return &ticker{every: pace} })
		r.World.Watch(func(s *sim.Step) { remembers(r, s, s.Payload.(ticked).Count) })
	}
	random.Views = said

	flaky := toy("toy/flaky", "A scenario that fails in the first run of a process.", func(r *scenarios.Run, _ *sim.Step, count int) {
		first := runs.Add(1) == 1
		r.Checks.Always("no run is the first").Check(!first, func() string { return "it is" })
	}, nil)

	// It needs an operation to fail, of the many that there are.
	busy := toy("toy/busy", "A scenario with much in it that has nothing to do with its failure.", nil, nil)
	busy.Space.Clients = nemesis.Range[int]{Min: 3, Max: 3}
	busy.Space.Ops = nemesis.Range[int]{Min: 20, Max: 30}
	busy.Space.OpKinds = []nemesis.OpKind{{Kind: "ask", Weight: 1, Value: true}}
	busy.Space.Faults = []nemesis.FaultKind{
		{Kind: "pause", Count: nemesis.Range[int]{Min: 3, Max: 5}, Window: nemesis.Range[time.Duration]{Min: time.Millisecond, Max: 50 * time.Millisecond}},
		{Kind: "lossy", Count: nemesis.Range[int]{Min: 3, Max: 5}},
	}
	busy.Space.Swarm = false
	busy.Build = func(r *scenarios.Run) {
		r.AddServers(func(sim.NodeID) sim.Node { return &ticker{every: 100 * time.Millisecond} })
		r.AddClients(func(int, []nemesis.Op) sim.Node { return sim.Spawn(func(*sim.Proc) {}) })
		r.World.Watch(func(s *sim.Step) {
			if len(r.Plan.Ops) > 0 {
				neverSix(r, s, s.Payload.(ticked).Count)
			}
		})
	}

	moody := toy("toy/moody", "Tickers that fail, each time at another pace.", neverSix, nil)
	moody.Build = func(r *scenarios.Run) {
		pace := time.Duration(100+runs.Add(1)) * time.Millisecond
		r.AddServers(func(sim.NodeID) sim.Node { return &ticker{every: pace} })
		r.World.Watch(func(s *sim.Step) { neverSix(r, s, s.Payload.(ticked).Count) })
	}

	// Reads are answered by a copy that lags behind.
	stale := toy("toy/stale", "A register that is not linearizable.", nil, nil)
	stale.Space.Clients = nemesis.Range[int]{Min: 3, Max: 3}
	stale.Space.Faults = []nemesis.FaultKind{{Kind: "pause", Count: nemesis.Range[int]{Min: 1, Max: 2}, Window: nemesis.Range[time.Duration]{Min: time.Millisecond, Max: 50 * time.Millisecond}}}
	stale.Linear = checkers.RegisterModel
	stale.Build = func(r *scenarios.Run) {
		r.AddServers(func(id sim.NodeID) sim.Node { return &lagging{value: checkers.Value{Text: "<b>old</b>", Found: true}} })
		r.AddClients(func(client int, _ []nemesis.Op) sim.Node {
			return sim.Spawn(func(p *sim.Proc) {
				for i := range 8 {
					p.Sleep(100 * time.Millisecond)
					var in any = checkers.Get{Key: "k"}
					if client == 1 {
						in = checkers.Put{Key: "k", Text: fmt.Sprintf("<b>%d</b>", i)}
					}
					op := p.Op(in)
					out, _ := p.Call(1, in, sim.Forever, nil)
					op.OK(out)
				}
			})
		})
	}

	return []*scenarios.Scenario{
		good, low, demo, panics, random, flaky,
		toy("toy/six", "A scenario that fails while it runs.", neverSix, nil),
		toy("toy/late", "A scenario that fails when all is over.", counts, func(r *scenarios.Run) {
			r.Checks.Always("the end is near").Violatef("it was only %s away", r.Scenario.Tail)
		}),
		toy("toy/unknown", "A scenario that cannot make up its mind.", counts, func(r *scenarios.Run) {
			r.Checks.Add("decided", checkers.Result{Detail: "the budget of 0 steps ran out"})
		}),
		toy("toy/never", "A scenario that waits for what never happens.", counts, func(r *scenarios.Run) {
			r.Checks.Sometimes("pigs fly")
		}),
		busy, moody, stale,
	}
}

// dice is a study whose means are known.
var dice = &studies.Study{
	Name: "toy/dice", Doc: "Roll dice.", Seeds: 100,
	New: func(f *pflag.FlagSet) func() (*studies.Design, error) {
		sides := f.IntSlice("sides", []int{6}, "how many `sides` each die has")
		return func() (*studies.Design, error) {
			d := &studies.Design{
				Labels: []string{"die"}, Columns: []studies.Column{{Name: "mean", Unit: "pips", Digits: 2}},
				Plot: studies.Plot{Title: "Dice", X: "sides", Y: "mean, pips"}, Notes: []string{"All dice are fair."},
			}
			for _, n := range *sides {
				if n < 1 {
					return nil, fmt.Errorf("--sides: a die has at least one side, not %d", n)
				}
				d.Cases = append(d.Cases, studies.Case{
					Words: []string{fmt.Sprintf("d%d", n)}, Published: []float64{float64(n+1) / 2}, Series: "dice", X: float64(n),
					Run: func(seed uint64) (studies.Sample, error) {
						s := sim.NewStream(seed, "die")
						return studies.Sample{Values: []float64{float64(1 + s.Below(uint64(n)))}}, nil
					},
				})
			}
			return d, nil
		}
	},
}
