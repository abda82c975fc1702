package scenarios_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// eachSeed runs f for a few seeds of each scenario of the catalogue.
func eachSeed(t *testing.T, f func(t *testing.T, s *scenarios.Scenario, seed uint64)) {
	seeds := []uint64{1, 2, 4711, math.MaxUint64}
	if testing.Short() {
		seeds = seeds[2:3]
	}
	for _, s := range scenarios.Catalogue().All() {
		for _, seed := range seeds {
			t.Run(s.Name+"/"+strconv.FormatUint(seed, 10), func(t *testing.T) { f(t, s, seed) })
		}
	}
}

// outcome is what runs that are the same agree on.
type outcome struct {
	Verdict            checkers.Verdict
	Property, Detail   string
	Step, Steps        uint64
	At, Virtual        clock.Time
	Hash               uint64
	Contents           scenarios.Contents
	Expected, Stopped  bool
	Operations, Return int
}

func outcomeOf(r scenarios.Result) outcome {
	o := outcome{r.Verdict, r.Property, r.Detail, r.Step, r.Steps, r.At, r.Virtual, r.Hash, r.Contents, r.Expected, r.Stopped, len(r.History), 0}
	for _, op := range r.History {
		o.Return += int(op.Return)
	}
	return o
}

func TestPrintedPlanReplays(t *testing.T) {
	eachSeed(t, func(t *testing.T, s *scenarios.Scenario, seed uint64) {
		own := s.RunSeed(seed, scenarios.Options{})
		text, err := s.Plan(seed).JSON()
		require.NoError(t, err)
		plan, err := nemesis.ReadPlan("plan.json", text)
		require.NoError(t, err)
		require.Equal(t, s.Name, plan.Scenario)
		require.Equal(t, outcomeOf(own), outcomeOf(s.Run(plan, scenarios.Options{})))
	})
}

// Whoever looks at a run does not change it.
func TestLookingChangesNothing(t *testing.T) {
	eachSeed(t, func(t *testing.T, s *scenarios.Scenario, seed uint64) {
		plain := s.RunSeed(seed, scenarios.Options{})
		require.Zero(t, plain.DeepHash)
		deep := s.RunSeed(seed, scenarios.Options{Deep: true})
		require.NotZero(t, deep.DeepHash)
		copying := s.RunSeed(seed, scenarios.Options{Deep: true, Copy: true})
		var file bytes.Buffer
		recorded, err := s.Record(s.Plan(seed), scenarios.Options{}, &file)
		require.NoError(t, err)
		for _, r := range []scenarios.Result{deep, copying, *recorded} {
			require.Equal(t, outcomeOf(plain), outcomeOf(r))
			require.Equal(t, deep.DeepHash, r.DeepHash)
		}

		read, err := trace.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
		require.NoError(t, err)
		h := read.Header()
		var ops []uint64
		for _, op := range plain.Ops {
			ops = append(ops, op.Call)
		}
		require.Equal(t, trace.Outcome{
			Steps: plain.Steps, End: h.End, Virtual: plain.Virtual, Hash: plain.Hash, DeepHash: deep.DeepHash, Verdict: plain.Line(),
			Property: plain.Property, Detail: plain.Detail, Step: plain.Step, Node: plain.Node, Ops: ops,
		}, h.Outcome)
		require.LessOrEqual(t, h.End, plain.Virtual)
		plan, err := nemesis.ReadPlan("header", h.Plan)
		require.NoError(t, err)
		require.Equal(t, s.Plan(seed), plan)
	})
}

// A run that is stopped at a step is the beginning of the whole run.
func TestStoppedRunIsAPrefix(t *testing.T) {
	eachSeed(t, func(t *testing.T, s *scenarios.Scenario, seed uint64) {
		var h hashes
		whole := s.RunSeed(seed, scenarios.Options{Observer: &h, Started: func(w *sim.World) { h.world = w }})
		require.Len(t, h.after, int(whole.Steps))
		for _, until := range []uint64{1, 2, whole.Steps / 3, whole.Steps - 1, whole.Steps} {
			r := s.RunSeed(seed, scenarios.Options{UntilStep: until})
			require.GreaterOrEqual(t, r.Steps, until)
			require.Less(t, r.Steps, until+200, "it stops once the handler has done its work")
			require.Equal(t, h.after[r.Steps-1], r.Hash)
			if whole.Verdict == checkers.Valid {
				require.Equal(t, checkers.Valid, r.Verdict, r.Line())
			}
		}
	})
}

// hashes keeps the hash after each step.
type hashes struct {
	world *sim.World
	after []uint64
}

func (h *hashes) Step(*sim.Step)                  { h.after = append(h.after, h.world.Hash()) }
func (h *hashes) Log(sim.NodeID, string)          {}
func (h *hashes) Settled(uint64, sim.NodeID, any) {}

// versions tells whether readers of a node see something else though its version is the same.
type versions struct {
	world *sim.World
	last  sim.NodeID
	seen  map[sim.Node]seen
	stale string // the first such case
	kept  int    // times that a version was the same
}

type seen struct {
	version uint64
	text    string
}

// Step looks at the node that the last step was of: it has settled.
func (v *versions) Step(s *sim.Step) {
	id := v.last
	v.last = s.Node
	if id == sim.Nobody {
		return
	}
	n, ok := v.world.Node(id).(sim.Versioned)
	if !ok {
		return
	}
	now := seen{n.Version(), fmt.Sprintf("%+v", n.(sim.Inspector).Inspect())}
	was := v.seen[v.world.Node(id)]
	if now.version == was.version {
		if v.kept++; now.text != was.text && v.stale == "" {
			v.stale = id.String() + " shows " + now.text + " after " + was.text
		}
	}
	v.seen[v.world.Node(id)] = now
}
func (v *versions) Log(sim.NodeID, string)          {}
func (v *versions) Settled(uint64, sim.NodeID, any) {}

// What readers see of a node has another version whenever it is something else.
func TestVersionsTellOfEveryChange(t *testing.T) {
	for _, name := range []string{"raft/kv", "raft/log", "raft/election"} {
		s, err := scenarios.Catalogue().Find(name)
		require.NoError(t, err)
		for seed := range uint64(3) {
			v := versions{seen: make(map[sim.Node]seen)}
			r := s.RunSeed(seed, scenarios.Options{Observer: &v, Started: func(w *sim.World) { v.world = w }})
			require.Equal(t, checkers.Valid, r.Verdict, r.Line())
			require.Empty(t, v.stale, "seed %d of %s", seed, name)
			require.Greater(t, v.kept, 1000)
		}
	}
}

// A step that the run does not have does not stop it: it is judged.
func TestStepBeyondTheEnd(t *testing.T) {
	for _, s := range []*scenarios.Scenario{register("toy/register", 0), calls("toy/calls", func(sim.Env) {})} {
		p := toyPlan(s, 2)
		p.Clients = len(p.Faults)
		if s.Judge != nil {
			p.Clients = 2
		}
		whole := s.Run(p, scenarios.Options{})
		require.Equal(t, clock.Time(3*time.Second), whole.Virtual)
		require.Equal(t, outcomeOf(whole), outcomeOf(s.Run(p, scenarios.Options{UntilStep: whole.Steps + 1})))
		require.True(t, s.Run(p, scenarios.Options{UntilStep: whole.Steps - 1}).Stopped)
	}
}

// What is found when all is over is not found at a step, and not when the run is stopped before.
func TestOfflineViolationHasNoStep(t *testing.T) {
	s := register("toy/register", 0)
	r := s.Run(toyPlan(s, 2), scenarios.Options{})
	require.Equal(t, checkers.Invalid, r.Verdict)
	require.Equal(t, `always "linearizable"`, r.Property)
	require.Zero(t, r.Step)
	require.Zero(t, r.At)
	require.Equal(t, sim.Nobody, r.Node)

	s = ring()
	r = s.Run(ringPlan(s), scenarios.Options{})
	require.Equal(t, checkers.Invalid, r.Verdict)
	require.Equal(t, r.Steps, r.Step)
	require.Equal(t, r.Virtual, r.At)
	require.Equal(t, sim.NodeID(3), r.Node)
}

func TestExpected(t *testing.T) {
	s := ring()
	s.Anomaly = `always "there is one token"`
	require.True(t, s.Run(ringPlan(s), scenarios.Options{}).Expected)
	require.True(t, s.Run(toyPlan(s, 0), scenarios.Options{}).Expected, "not every run of a demonstration shows it")
	s.Anomaly = `always "something else"`
	require.False(t, s.Run(ringPlan(s), scenarios.Options{}).Expected)

	s = register("toy/undecided", 1)
	s.Anomaly = `always "linearizable"`
	r := s.Run(toyPlan(s, 2), scenarios.Options{})
	require.Equal(t, checkers.Unknown, r.Verdict)
	require.False(t, r.Expected, "undecided is not violated")
}

func TestNothingChecked(t *testing.T) {
	s := named("toy/nothing")
	r := s.Run(toyPlan(s, 0), scenarios.Options{})
	require.Equal(t, checkers.Unknown, r.Verdict)
	require.Equal(t, "unknown: nothing was checked", r.Line())
	require.Equal(t, "unknown: nothing was checked", r.Signature())
}

// A judge that panics is a finding of its seed, as a node is.
func TestJudgePanics(t *testing.T) {
	s := calls("toy/judge", func(sim.Env) {})
	s.Judge = func(r *scenarios.Run) { _ = r.World.History()[7] }
	f := confirm(t, s, toyPlan(s, 0))
	require.Nil(t, f.Divergence)
	require.Equal(t, `invalid always "no panic": runtime error: index out of range [7] with length 0`, f.First.Line())
	require.Equal(t, `always "no panic": runtime error: index out of range [#] with length #`, f.First.Signature())
	require.Zero(t, f.First.Step)
	require.Contains(t, failureText(t, f), "TestJudgePanics.func")
}

// What a panic says is shown, and nothing more: no terminal obeys it, and none is flooded.
func TestHostilePanics(t *testing.T) {
	s := calls("toy/hostile", func(sim.Env) { panic("\x1b[2J\u202e gone\r\n" + strings.Repeat("é\x00", 1<<20)) })
	f := confirm(t, s, toyPlan(s, 0))
	require.Nil(t, f.Divergence)
	require.Equal(t, "invalid always \"no panic\": \ufffd[2J\ufffd gone\ufffd", f.First.Line())
	text := failureText(t, f)
	require.Less(t, len(text), 200_000)
	require.True(t, utf8.ValidString(text))
	require.NotContains(t, text, "\x1b")
	require.NotContains(t, text, "\x00")
	require.NotContains(t, text, "\u202e")
	require.Contains(t, text, "TestHostilePanics.func", "where it was")
}

// A run that is out of steps is so again: the bound is part of the run.
func TestStepBudget(t *testing.T) {
	s := calls("toy/busy", func(env sim.Env) { env.SetTimer(sim.Timer{Name: "call"}, 0) })
	s.Build = func(r *scenarios.Run) {
		r.AddServers(func(sim.NodeID) sim.Node { return busy{} })
	}
	first := s.Run(toyPlan(s, 0), scenarios.Options{MaxSteps: 1000})
	require.Equal(t, `always "step budget"`, first.Property)
	require.Equal(t, uint64(1000), first.Step)
	f, err := s.Confirm(&first)
	require.NoError(t, err)
	require.Nil(t, f.Divergence)
	require.Equal(t, outcomeOf(first), outcomeOf(f.Again))
}

// busy is a node that sets a timer of length zero for ever.
type busy struct{}

func (busy) Start(env sim.Env)                        { env.SetTimer(passTimer, 0) }
func (busy) Timeout(env sim.Env, t sim.Timer)         { env.SetTimer(t, 0) }
func (busy) Receive(sim.Env, sim.NodeID, sim.Message) {}

func TestRecordReportsWhatItCannotWrite(t *testing.T) {
	s := ring()
	_, err := s.Record(ringPlan(s), scenarios.Options{}, full{})
	require.ErrorIs(t, err, io.ErrShortWrite)
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestCompareCopies(t *testing.T) {
	s := ring()
	d, err := s.CompareCopies(ringPlan(s))
	require.NoError(t, err)
	require.Nil(t, d)

	s = toy("toy/shared", func(r *scenarios.Run) {
		r.AddServers(func(id sim.NodeID) sim.Node { return &sharer{list: []int{int(id)}} })
	}, nil)
	d, err = s.CompareCopies(toyPlan(s, 0))
	require.NoError(t, err)
	require.Equal(t, "step 7 differs: 7 0.102s n2 deliver n1 [100]; and again: 7 0.102s n2 deliver n1 [1]", d.String())
}

// sharer changes a slice that it has sent.
type sharer struct{ list []int }

func (s *sharer) Start(env sim.Env) { env.SetTimer(passTimer, 100*ms) }

func (s *sharer) Timeout(env sim.Env, t sim.Timer) {
	if env.ID() == 1 {
		env.Send(2, s.list)
		s.list[0] *= 100
	}
}

func (s *sharer) Receive(sim.Env, sim.NodeID, sim.Message) {}

// A large cluster takes many steps without being a storm.
func TestStepBudgetGrowsWithTheCluster(t *testing.T) {
	s := toy("toy/large", func(r *scenarios.Run) {
		r.AddServers(func(sim.NodeID) sim.Node { return &diligent{} })
		r.Checks.Always("it runs").Hold()
	}, nil)
	s.Space.Nodes = nemesis.Range[int]{Min: 200, Max: 200}
	r := s.RunSeed(1, scenarios.Options{})
	require.Equal(t, checkers.Valid, r.Verdict, r.Detail)
	require.Greater(t, r.Steps, uint64(2_000_000))
}

// diligent is a node with 10,001 timers, one after the other.
type diligent struct{ count int }

func (d *diligent) Start(env sim.Env) { env.SetTimer(sim.Timer{Name: "next"}, 50*time.Microsecond) }

func (d *diligent) Timeout(env sim.Env, t sim.Timer) {
	if d.count++; d.count <= 10_000 {
		env.SetTimer(t, 50*time.Microsecond)
	}
}

func (d *diligent) Receive(sim.Env, sim.NodeID, sim.Message) {}

// Logs of one disk fail together: in these runs a sync of one gave up what another had written, which then lost what it
// had answered, or could not be opened.
func TestLogsFailTogether(t *testing.T) {
	s, err := scenarios.Catalogue().Find("olep/log")
	require.NoError(t, err)
	for _, seed := range []uint64{7486, 142800739755070, 272733995548145, 264960726945951} {
		r := s.RunSeed(seed, scenarios.Options{})
		require.Equal(t, checkers.Valid, r.Verdict, r.Line())
	}
}
