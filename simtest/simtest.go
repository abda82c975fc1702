// Package simtest is seedbed under `go test`: scenarios over seeds, the lines that repeat a failing one, a recorder for
// one node, and the determinism lint.
//
// It is not a second runner: package scenarios runs, this package reads flags and reports to a testing.T.
//
// Each flag has an environment variable of the same meaning; a flag that is given wins. Lines that repeat a failure use
// the variables, because `go test ./...` refuses a flag that some package of the list does not know.
//
//	-seedbed.seed 4711      SEEDBED_SEED=4711      run one seed
//	-seedbed.seeds 1-500,77 SEEDBED_SEEDS=1-500,77 run these seeds
//	-seedbed.replay FILE    SEEDBED_REPLAY=FILE    run the plan in FILE
//	-seedbed.step 1893      SEEDBED_STEP=1893      stop after this step, and print what led there
package simtest

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/internal/lint"
	"github.com/seedbed-sim/seedbed/internal/seeds"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

var (
	seedFlag   = flag.String("seedbed.seed", "", "run this `seed` only (SEEDBED_SEED)")
	seedsFlag  = flag.String("seedbed.seeds", "", "run these `seeds`, such as 1-500,77 (SEEDBED_SEEDS)")
	replayFlag = flag.String("seedbed.replay", "", "run the plan in this `file` (SEEDBED_REPLAY)")
	stepFlag   = flag.String("seedbed.step", "", "stop after this `step` and print what led there (SEEDBED_STEP)")
)

// Seeds that Run runs when nothing else is asked for.
const (
	defaultSeeds = "1-200"
	shortSeeds   = "1-25" // with -test.short
)

// maxReported bounds the failing seeds that become subtests, per signature.
const maxReported = 3

// Run runs a scenario over seeds, on all cores. A seed that does not end as the scenario expects becomes a failing
// subtest, which shows the failure and the line that repeats it, and leaves its plan and trace in t.ArtifactDir.
func Run(t *testing.T, s *scenarios.Scenario) {
	t.Helper()
	what, err := chosen()
	if err != nil {
		t.Fatal(err)
	}
	t.Attr("seedbed.scenario", s.Name)
	if what.replay != "" {
		plan, err := readPlan(what.replay)
		if err != nil {
			t.Fatal(err)
		}
		one(t, s, plan, what)
		return
	}
	if what.seeds.Len() == 1 {
		for seed := range what.seeds.All() {
			one(t, s, s.Plan(seed), what)
		}
		return
	}
	t.Attr("seedbed.seeds", what.seeds.String())
	next, stop := iter.Pull(what.seeds.All())
	defer stop()
	tally := s.Sweep(context.Background(), scenarios.SweepOptions{Seeds: next, Watchdog: watchdog})
	for _, f := range tally.Findings {
		if f.Expected {
			continue
		}
		for _, seed := range f.Seeds[:min(len(f.Seeds), maxReported)] {
			t.Run("seed="+strconv.FormatUint(seed, 10), func(t *testing.T) { one(t, s, s.Plan(seed), what) })
		}
		if more := f.Runs - maxReported; more > 0 {
			t.Errorf("%d more of %d seeds failed alike: %s", more, tally.Seeds, f.Signature)
		}
	}
	for _, name := range tally.Missing() {
		t.Errorf("in %d seeds, this never happened: %s", tally.Seeds, name)
	}
	if s.Anomaly != "" && tally.Seeds >= scenarios.MinSeeds && tally.Invalid == 0 {
		t.Errorf("in %d seeds, the demonstration never showed its anomaly: %s", tally.Seeds, s.Anomaly)
	}
	t.Logf("%s: %d seeds, %d steps; %d operations, %d crashes, %d leader changes", s.Name, tally.Seeds, tally.Steps,
		tally.Total("operations"), tally.Total("crashes"), tally.Total("leader changes"))
}

var watchdog = scenarios.ExitWatchdog(os.Stderr)

// one runs one plan. A failure is confirmed by a recorded run and reported.
func one(t *testing.T, s *scenarios.Scenario, plan nemesis.Plan, what choice) {
	t.Helper()
	t.Attr("seedbed.seed", strconv.FormatUint(plan.Seed, 10))
	o := scenarios.Options{UntilStep: what.step}
	o.Started = func(w *sim.World) {
		watch := watchdog.Start(s.Name, plan.Seed, w)
		t.Cleanup(watch.Stop)
	}
	r := s.Run(plan, o)
	if r.Expected && what.step == 0 {
		t.Logf("%s seed=%d: %s; %d steps, %s, hash %016x", s.Name, plan.Seed, r.Line(), r.Steps, r.Virtual, r.Hash)
		return
	}
	f, err := s.Confirm(&r)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if r.Expected { // asked to stop at a step
		fmt.Fprintf(&b, "%s seed=%d stopped after step %d at %s\n", s.Name, plan.Seed, r.Steps, r.Virtual)
		err = f.WriteLast(&b, r.Steps)
	} else {
		err = f.Write(&b, again(t, f, what))
	}
	if err != nil {
		t.Fatal(err)
	}
	if r.Expected && f.Divergence == nil {
		t.Log("\n" + b.String())
		return
	}
	t.Error("\n" + b.String())
	if err := keep(t.ArtifactDir(), f); err != nil {
		t.Error(err)
	}
}

// keep leaves a failure's plan and trace in a folder.
func keep(dir string, f *scenarios.Failure) error {
	base := fmt.Sprintf("%s-%d", strings.ReplaceAll(f.First.Scenario, "/", "-"), f.First.Seed)
	plan, err := f.First.Plan.JSON()
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{base + ".plan.json": plan, base + ".trace": f.Trace} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// again is the line that repeats a failure.
func again(t *testing.T, f *scenarios.Failure, what choice) string {
	var b strings.Builder
	if what.replay != "" {
		fmt.Fprintf(&b, "SEEDBED_REPLAY=%s ", what.replay)
	} else {
		fmt.Fprintf(&b, "SEEDBED_SEED=%d ", f.First.Seed)
	}
	if f.Again.Step > 0 {
		fmt.Fprintf(&b, "SEEDBED_STEP=%d ", f.Again.Step)
	}
	pkg := "."
	if info, ok := debug.ReadBuildInfo(); ok {
		pkg = cmp.Or(strings.TrimSuffix(info.Path, ".test"), pkg)
	}
	var levels []string
	for _, level := range strings.Split(t.Name(), "/") {
		if !strings.HasPrefix(level, "seed=") {
			levels = append(levels, "^"+regexp.QuoteMeta(level)+"$")
		}
	}
	fmt.Fprintf(&b, "go test %s -run '%s' -v", pkg, strings.Join(levels, "/"))
	return b.String()
}

// choice is what flags and environment ask for.
type choice struct {
	seeds  seeds.Ranges
	replay string
	step   uint64
}

func chosen() (choice, error) {
	c := choice{replay: cmp.Or(*replayFlag, os.Getenv("SEEDBED_REPLAY"))}
	ask := func(flag, env string) (text, source string) {
		if flag != "" {
			return flag, "-" + strings.ToLower(strings.ReplaceAll(env, "_", "."))
		}
		return os.Getenv(env), env
	}
	text, source := ask(*seedFlag, "SEEDBED_SEED")
	if text != "" {
		if _, err := strconv.ParseUint(text, 10, 64); err != nil {
			return c, fmt.Errorf("%s=%q: want one seed, a number from 0 to 2^64-1", source, text)
		}
	} else if text, source = ask(*seedsFlag, "SEEDBED_SEEDS"); text == "" {
		text, source = defaultSeeds, "default"
		if testing.Short() {
			text = shortSeeds
		}
	}
	var err error
	if c.seeds, err = seeds.Parse(text); err != nil {
		return c, fmt.Errorf("%s: %w", source, err)
	}
	if text, source := ask(*stepFlag, "SEEDBED_STEP"); text != "" {
		if c.step, err = strconv.ParseUint(text, 10, 64); err != nil || c.step == 0 {
			return c, fmt.Errorf("%s=%q: want a step number from 1 on", source, text)
		}
	}
	return c, nil
}

func readPlan(path string) (nemesis.Plan, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nemesis.Plan{}, err
	}
	return nemesis.ReadPlan(path, data)
}

// Messages runs a scenario's seeds with messages shared, as they are, and again with each delivered as a deep copy. Runs
// that differ changed a message after it was sent, or changed one they received: the first step that differs is reported.
func Messages(t *testing.T, s *scenarios.Scenario) {
	t.Helper()
	what, err := chosen()
	if err != nil {
		t.Fatal(err)
	}
	for seed := range what.seeds.All() {
		d, err := s.CompareCopies(s.Plan(seed))
		if err != nil {
			t.Fatal(err)
		}
		if d != nil {
			t.Fatalf("%s seed=%d: a message was changed after Send, or by its receiver: %s", s.Name, seed, d)
		}
	}
}

// Lint reports what the determinism lint finds in the packages that the patterns name, relative to the test's folder:
// see Rules.
func Lint(t *testing.T, patterns ...string) {
	t.Helper()
	findings, err := lint.Check(".", patterns...)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Error(f)
	}
}

// Recorder runs one node without the others; see sim.Recorder.
type Recorder = sim.Recorder

// NewRecorder boots node id of nodes with a disk that syncs in no time and loses what is unsynced.
func NewRecorder(t *testing.T, id sim.NodeID, nodes int, factory func(sim.NodeID) sim.Node) *Recorder {
	r := sim.NewRecorder(sim.Config{Disk: func(id sim.NodeID) sim.Storage {
		return disksim.New(0, id, disksim.Config{Crash: []disksim.Mode{disksim.LoseAll}})
	}}, id, nodes, factory)
	t.Cleanup(r.World.Close)
	return r
}

// Text shows a value as failures and traces show it.
func Text(v any) string { return trace.Text(v) }
