// Package simtest is seedbed under `go test`: scenarios over seeds, the lines that repeat a failing one, a recorder for
// one node, and the determinism lint.
//
// It is not a second runner: package scenarios runs, this package reads flags and reports to a testing.T.
//
// Each flag has an environment variable of the same meaning; a flag that is given wins. A plan wins over a seed, and that
// over many. Lines that repeat a failure use the variables, because `go test ./...` refuses a flag that some package of the list does not know.
//
//	-seedbed.seed 4711      SEEDBED_SEED=4711      run one seed
//	-seedbed.seeds 1-500,77 SEEDBED_SEEDS=1-500,77 run these seeds
//	-seedbed.replay FILE    SEEDBED_REPLAY=FILE    run the plan in FILE, or all in this folder
//	-seedbed.step 1893      SEEDBED_STEP=1893      stop after this step, and print what led there
//	-seedbed.shrink 300     SEEDBED_SHRINK=300     shrink what fails in at most so many runs; 0 for not at all
//
// # Corpus
//
// The plans in testdata/seedbed/TEST/*.json, beside the test of this name, are run before any seeds: plans that once failed,
// or are worth a run each time for another reason. What a failure shrinks to is printed as such a file. They are data, and
// may be edited.
//
// None is skipped. A plan that another build has made is run, after a warning: it is the same plan, but models may have
// changed since, and what once failed need not come about. A plan of an earlier format is read as what it meant. One of a
// format that this build does not know yet fails the test, as does one of another scenario, or one that means nothing to
// this one. Files of other names than *.json, those whose names begin with a dot, and folders are no plans.
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

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/internal/lint"
	"github.com/seedbed-sim/seedbed/internal/seeds"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/report"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

var (
	seedFlag   = flag.String("seedbed.seed", "", "run this `seed` only (SEEDBED_SEED)")
	seedsFlag  = flag.String("seedbed.seeds", "", "run these `seeds`, such as 1-500,77 (SEEDBED_SEEDS)")
	replayFlag = flag.String("seedbed.replay", "", "run the plan in this `file`, or all in this folder (SEEDBED_REPLAY)")
	stepFlag   = flag.String("seedbed.step", "", "stop after this `step` and print what led there (SEEDBED_STEP)")
	shrinkFlag = flag.String("seedbed.shrink", "", "shrink what fails in at most so many `runs`, 0 for not at all (SEEDBED_SHRINK)")
)

// Seeds that Run runs when nothing else is asked for.
const (
	defaultSeeds = "1-200"
	shortSeeds   = "1-25" // with -test.short
)

// defaultShrink is how many runs a failure is shrunk in: its structure is found in about 60, and the rest makes numbers
// simpler. For the scenarios of the catalogue that takes about a second.
const defaultShrink = 300

// maxReported bounds the failing seeds that become subtests, per signature.
const maxReported = 3

// Run runs a scenario over its corpus and over seeds, on all cores. A seed or plan that does not end as the scenario expects
// becomes a failing subtest, which shows the failure and the line that repeats it, and leaves its plan and trace in
// t.ArtifactDir. The first seed of those that failed alike is shrunk, and offered as a file of the corpus. Where one seed or
// plan is asked for, it is run alone, without the corpus.
func Run(t *testing.T, s *scenarios.Scenario) {
	t.Helper()
	what, err := chosen()
	if err != nil {
		t.Fatal(err)
	}
	t.Attr("seedbed.scenario", s.Name)
	if what.folder() {
		if what.step > 0 {
			t.Fatalf("a step is of one run: give a seed or a plan with it, not the folder %s", what.replay)
		}
		replay(t, s, what.replay, what)
		return
	}
	if plan, ok := what.onePlan(t, s); ok {
		one(t, s, plan, what)
		return
	}
	if what.step > 0 {
		t.Fatalf("a step is of one run: give a seed or a plan with it, not the seeds %s", what.seeds)
	}
	if _, err := os.Stat(corpus(t)); err == nil {
		replay(t, s, corpus(t), what)
	}
	t.Attr("seedbed.seeds", what.seeds.String())
	next, stop := iter.Pull(what.seeds.All())
	defer stop()
	tally := s.Sweep(context.Background(), scenarios.SweepOptions{Seeds: next, Watchdog: watchdog})
	for _, f := range tally.Findings {
		if f.Expected {
			continue
		}
		for i, seed := range f.Seeds[:min(len(f.Seeds), maxReported)] {
			t.Run("seed="+strconv.FormatUint(seed, 10), func(t *testing.T) {
				what := what
				if i > 0 {
					what.shrink = 0 // they would become alike
				}
				if one(t, s, s.Plan(seed), what) {
					t.Errorf("\n--- DETERMINISM: %s  seed=%d  failed in the sweep of seeds %s, and does not when run alone: something outlives a run\n  it was: %s",
						s.Name, seed, what.seeds, f.Signature)
				}
			})
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

// one runs one plan. A failure is confirmed by a recorded run and reported; one is false then.
func one(t *testing.T, s *scenarios.Scenario, plan nemesis.Plan, what choice) (ok bool) {
	t.Helper()
	t.Attr("seedbed.seed", strconv.FormatUint(plan.Seed, 10))
	r := s.Watched(plan, scenarios.Options{UntilStep: what.step}, watchdog)
	if r.Expected && what.step == 0 {
		t.Logf("%s seed=%d: %s; %d steps, %s, hash %016x", s.Name, plan.Seed, r.Line(), r.Steps, r.Virtual, r.Hash)
		return true
	}
	f, err := s.Confirm(&r)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if ok = r.Expected && f.Divergence == nil; ok { // asked to stop at a step
		fmt.Fprintf(&b, "%s seed=%d: %s, up to step %d at %s\n", s.Name, plan.Seed, r.Line(), r.Steps, r.Virtual)
		err = f.WriteLast(&b, r.Steps)
	} else {
		err = f.Write(&b, what.again(t, f))
	}
	if err != nil {
		t.Fatal(err)
	}
	text := "\n" + strings.TrimRight(b.String(), "\n")
	if ok {
		t.Log(text)
		return true
	}
	t.Error(text)
	if err := keep(t, s, f, what); err != nil {
		t.Error(err)
	}
	if what.shrink > 0 && what.step == 0 && f.Divergence == nil && r.Verdict == checkers.Invalid {
		shrink(t, s, &r, what)
	}
	return false
}

// keep leaves a failure's plan and trace, and pages that show it, in a folder.
func keep(t *testing.T, s *scenarios.Scenario, f *scenarios.Failure, what choice) error {
	dir, base := t.ArtifactDir(), baseName(&f.First)
	plan, err := planFile(f.First.Plan)
	if err != nil {
		return err
	}
	linear, err := s.LinearPage(&f.Again, f.Trace)
	if err != nil {
		return err
	}
	beside, links := report.Linear(base+".html", linear)
	replay := choice{replay: filepath.Join(dir, base+".plan.json")}
	page, err := report.File(f.Trace, []report.Command{
		{For: "repeat it, with this build", Line: what.again(t, f)},
		{For: "repeat it, with any build", Line: replay.again(t, f)},
		{For: "make it small", Line: fmt.Sprintf("SEEDBED_SHRINK=%d %s", scenarios.DefaultShrinkRuns, what.line(t, f.First.Seed, 0))},
		{For: "open it", Line: "go run github.com/seedbed-sim/seedbed/cmd/seedbed view " + quote(filepath.Join(dir, base+".trace"))},
	}, links...)
	if err != nil {
		return err
	}
	files := map[string][]byte{base + ".plan.json": plan, base + ".trace": f.Trace, base + ".html": page}
	if linear != nil {
		files[beside] = linear
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			return err
		}
	}
	return nil
}

// baseName is what files about a run are called, without an extension.
func baseName(r *scenarios.Result) string {
	return fmt.Sprintf("%s-%d", strings.ReplaceAll(r.Scenario, "/", "-"), r.Seed)
}

// planFile is a plan as a file, with the build it comes from.
func planFile(p nemesis.Plan) ([]byte, error) {
	p.Build = scenarios.ThisBuild()
	return p.JSON()
}

// choice is what flags and environment ask for.
type choice struct {
	seeds  seeds.Ranges
	replay string
	step   uint64 // 0: to the end
	shrink int    // runs; 0: not at all
}

// A setting is a flag and the variable of the same meaning.
type setting struct {
	flag *string
	name string // of the variable
}

var (
	seedSetting   = setting{seedFlag, "SEEDBED_SEED"}
	seedsSetting  = setting{seedsFlag, "SEEDBED_SEEDS"}
	replaySetting = setting{replayFlag, "SEEDBED_REPLAY"}
	stepSetting   = setting{stepFlag, "SEEDBED_STEP"}
	shrinkSetting = setting{shrinkFlag, "SEEDBED_SHRINK"}
)

// given returns what was given by flag, or by variable, and what errors call it.
func (s setting) given(byFlag bool) (text, source string) {
	if byFlag {
		return *s.flag, "-" + strings.ToLower(strings.ReplaceAll(s.name, "_", "."))
	}
	return os.Getenv(s.name), s.name
}

// either is given by flag, or else by variable.
func (s setting) either() (text, source string) {
	if text, source = s.given(true); text == "" {
		text, source = s.given(false)
	}
	return text, source
}

// chosen reads the settings. Of those that say what to run, any flag beats all variables, and then one plan beats one
// seed, and that beats many.
func chosen() (c choice, err error) {
	if text, source := stepSetting.either(); text != "" {
		if c.step, err = strconv.ParseUint(text, 10, 64); err != nil || c.step == 0 {
			return c, fmt.Errorf("%s=%q: want a step number from 1 on", source, text)
		}
	}
	c.shrink = defaultShrink
	shrinkText, source := shrinkSetting.either()
	if shrinkText != "" {
		if c.shrink, err = strconv.Atoi(shrinkText); err != nil || c.shrink < 0 {
			return c, fmt.Errorf("%s=%q: want a number of runs, or 0", source, shrinkText)
		}
	}
	for _, byFlag := range []bool{true, false} {
		if c.replay, _ = replaySetting.given(byFlag); c.replay != "" {
			if shrinkText == "" {
				c.shrink = 0 // a plan is shrunk only if that is asked for
			}
			return c, nil
		}
		if text, source := seedSetting.given(byFlag); text != "" {
			seed, err := strconv.ParseUint(text, 10, 64)
			if err != nil || seed == 0 {
				return c, fmt.Errorf("%s=%q: want one seed, a number from 1 to 2^64-1", source, text)
			}
			c.seeds = seeds.Ranges{{First: seed, Last: seed}}
			return c, nil
		}
		if text, source := seedsSetting.given(byFlag); text != "" {
			if c.seeds, err = seeds.Parse(text); err != nil {
				err = fmt.Errorf("%s: %w", source, err)
			}
			return c, err
		}
	}
	text := defaultSeeds
	if testing.Short() {
		text = shortSeeds
	}
	c.seeds, err = seeds.Parse(text)
	return c, err
}

// onePlan is the plan to run, if there is only one.
func (c choice) onePlan(t *testing.T, s *scenarios.Scenario) (nemesis.Plan, bool) {
	t.Helper()
	switch {
	case c.replay != "":
		plan, err := readPlan(c.replay, s)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range s.Warnings(plan) {
			t.Logf("warning: %s: %s", c.replay, text)
		}
		return plan, true
	case c.seeds.Len() == 1:
		return s.Plan(c.seeds[0].First), true
	}
	return nemesis.Plan{}, false
}

// again is the line that repeats a failure.
func (c choice) again(t *testing.T, f *scenarios.Failure) string {
	step := f.Again.Step
	if f.Divergence != nil {
		step = c.step // runs that differ have no step in common
	}
	return c.line(t, f.First.Seed, step)
}

// line is a command that runs one seed, or the plan that was asked for, again.
func (c choice) line(t *testing.T, seed, step uint64) string {
	var b strings.Builder
	if c.replay != "" {
		fmt.Fprintf(&b, "SEEDBED_REPLAY=%s ", quote(c.replay))
	} else {
		fmt.Fprintf(&b, "SEEDBED_SEED=%d ", seed)
	}
	if step > 0 {
		fmt.Fprintf(&b, "SEEDBED_STEP=%d ", step)
	}
	pkg := "."
	if info, ok := debug.ReadBuildInfo(); ok {
		pkg = cmp.Or(strings.TrimSuffix(info.Path, ".test"), pkg)
	}
	path := levels(t)
	for i, level := range path {
		path[i] = "^" + regexp.QuoteMeta(level) + "$"
	}
	fmt.Fprintf(&b, "go test %s -run %s -v", pkg, quote(strings.Join(path, "/")))
	return b.String()
}

// quote makes a text one word of a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// Messages runs a scenario's seeds with messages shared, as they are, and again with each delivered as a deep copy. Runs
// that differ changed a message after it was sent, or changed one they received: the first step that differs is reported.
// What is run is chosen as for Run, corpus included.
func Messages(t *testing.T, s *scenarios.Scenario) {
	t.Helper()
	what, err := chosen()
	if err != nil {
		t.Fatal(err)
	}
	each := func(file string, plan nemesis.Plan) {
		what := what
		what.replay = file
		messages(t, s, plan, what)
	}
	if what.folder() {
		plans(t, s, what.replay, each)
		return
	}
	if plan, ok := what.onePlan(t, s); ok {
		messages(t, s, plan, what)
		return
	}
	if _, err := os.Stat(corpus(t)); err == nil {
		plans(t, s, corpus(t), each)
	}
	for seed := range what.seeds.All() {
		messages(t, s, s.Plan(seed), what)
	}
}

func messages(t *testing.T, s *scenarios.Scenario, plan nemesis.Plan, what choice) {
	t.Helper()
	d, err := s.CompareCopies(plan)
	if err != nil {
		t.Fatal(err)
	}
	if d != nil {
		t.Fatalf("%s seed=%d: a message was changed after Send, or by its receiver: %s\n  again: %s", s.Name, plan.Seed, d, what.line(t, plan.Seed, 0))
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
