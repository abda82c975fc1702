package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/trace"
)

func (a *app) shrinkCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "shrink SCENARIO --seed N [--nodes N] | --plan FILE [--runs R] [--out FILE] [--workers N] [--json]",
		Short: "Make the plan of a failure as small as it gets.",
		Long: fmt.Sprintf(`Look for a smaller plan that violates the same property as a seed, or a plan from a file: with fewer faults, operations,
nodes and clients first, then with simpler numbers. What is found depends on the plan and the budget of runs alone, not
on the machine; %d runs unless --runs gives another. The result is run again and shown, and kept as a plan for
"run --plan", in SCENARIO-seed-N.shrunk.json unless --out names another file.

A smaller plan may have another root seed than the one that it comes from: delays and losses then fall out differently.
What the model does not promise to survive is not taken for a failure. Control-C ends the search and keeps the smallest
plan until then.

Exit codes: 0 the plan was shrunk, or is as small as it gets; 2 it does not fail, so that there is nothing to shrink; 3
the failure does not repeat itself; 130 interrupted before anything smaller was found.`, scenarios.DefaultShrinkRuns),
		Example: a.examples(
			"shrink {scenario} --seed 76", "",
			"shrink --plan findings/some-finding.json", "a finding of a sweep",
			"shrink {scenario} --seed 76 --runs 200 --out small.json", "",
			"run --plan small.json", "runs what was found"),
		ValidArgsFunction: a.completeScenarios,
	}
	which := newChoice(c, "shrink", "this file")
	runs := newOption(c, "runs", "R", fmt.Sprintf("the budget; %d unless given", scenarios.DefaultShrinkRuns), number(1, 1_000_000))
	out := newOption(c, "out", "FILE", "keep the smallest plan in this file", path)
	workers := newOption(c, "workers", "N", "runs at once; one per core unless given", workerCount)
	asJSON := newSwitch(c, "print JSON: one object")
	c.RunE = func(_ *cobra.Command, args []string) error {
		s := shrinker{runner: &runner{app: a}, budget: scenarios.DefaultShrinkRuns, workers: workers.value, out: out.value}
		if err := s.from(which, args); err != nil {
			return err
		}
		if runs.given {
			s.budget = runs.value
		}
		if err := s.run(); err != nil {
			return err
		}
		if asJSON.value {
			return a.printJSON(s.json())
		}
		return s.print()
	}
	return c
}

// shrinker is one run of the shrink command.
type shrinker struct {
	*runner // of the plan to shrink
	budget  int
	workers int // 0 for one per core
	out     string

	small       *scenarios.Shrunk
	wall        time.Duration
	interrupted bool
}

func (s *shrinker) run() error {
	if s.out == "" {
		s.out = fmt.Sprintf("%s-seed-%d.shrunk.json", fileName(s.scenario.Name), s.plan.Seed)
	}
	if plan, err := os.Stat(s.file); err == nil {
		if info, err := os.Stat(s.out); err == nil && os.SameFile(plan, info) {
			return fmt.Errorf("--out: %s is the plan's own file; write the path of another", s.out)
		}
	}
	if info, err := os.Stat(s.out); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("--out: %s is not a regular file; write the path of a new one", s.out)
	}
	if _, err := os.Stat(filepath.Dir(s.out)); err != nil {
		return fmt.Errorf("--out: %w; write the path of a file in a folder that there is", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process
	dog := scenarios.ExitWatchdog(s.stderr)
	first := s.scenario.Watched(s.plan, scenarios.Options{}, dog)
	show, done := s.progress()
	start := time.Now()
	var err error
	s.small, err = s.scenario.Shrink(ctx, &first, scenarios.ShrinkOptions{
		Runs: s.budget, Workers: s.workers, Watchdog: dog, Progress: show,
	})
	s.wall, s.interrupted = time.Since(start), ctx.Err() != nil
	done()
	if err != nil {
		return err
	}
	plan := *s.small.Plan()
	plan.Build = scenarios.ThisBuild()
	data, err := plan.JSON()
	if err != nil {
		return err
	}
	if err := trace.WriteFile(s.out, func(w io.Writer) error { _, err := w.Write(data); return err }); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	switch {
	case s.small.Failure.Divergence != nil:
		s.escalate(exitNondeterministic)
	case s.interrupted && s.small.StructureRuns == 0:
		s.escalate(exitInterrupted)
	}
	return nil
}

// progress tells how far the search is: a bar on a terminal, and else a line now and then.
func (s *shrinker) progress() (show func(runs int, smallest *nemesis.Plan), done func()) {
	if !isTerminal(s.stderr) {
		start := time.Now()
		told := start
		return func(runs int, smallest *nemesis.Plan) {
			if now := time.Now(); now.Sub(told) >= lineEvery {
				told = now
				fmt.Fprintf(s.stderr, "%s: %d of %d runs; %s\n", now.Sub(start).Round(time.Second), runs, s.budget, planSize(smallest))
			}
		}, func() {}
	}
	bar := progressbar.NewOptions(s.budget, progressbar.OptionSetWriter(s.stderr), progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(barEvery))
	return func(runs int, smallest *nemesis.Plan) {
		bar.Describe(planSize(smallest))
		bar.Set(min(runs, s.budget-1)) // the bar is full when all is over, and not before
	}, func() { bar.Finish() }
}

// planSize is "3 faults, 1 operation, 3 nodes, 1 client".
func planSize(p *nemesis.Plan) string {
	return strings.Join([]string{
		plural(len(p.Faults), "fault"), plural(len(p.Ops), "operation"), plural(p.Nodes, "node"), plural(p.Clients, "client"),
	}, ", ")
}

func (s *shrinker) print() error {
	first, small, plan := s.small.First, &s.small.Failure.First, s.small.Plan()
	fmt.Fprintf(s.stdout, "%s seed=%d  %s\n", first.Scenario, s.plan.Seed, first.Property)
	fmt.Fprintf(s.stdout, "  from  %s, %d steps\n", planSize(&first.Plan), first.Steps)
	fmt.Fprintf(s.stdout, "  to    %s, %d steps\n", planSize(plan), small.Steps)
	fmt.Fprintf(s.stdout, "  in    %s, %d of them for the structure, and %s\n",
		plural(s.small.Runs, "run"), s.small.StructureRuns, s.wall.Round(10*time.Millisecond))
	if s.interrupted {
		fmt.Fprintln(s.stdout, "  interrupted: this is what there is until then")
	}
	fmt.Fprintf(s.stdout, "  kept  %s\n\n%s\n", s.out, plan)
	return s.small.Failure.Write(s.stdout, s.again())
}

// again is the line that repeats the smallest failure.
func (s *shrinker) again() string {
	return fmt.Sprintf("%s run --plan %s%s", s.app.again, quote(s.out), untilStep(s.scenario, &s.small.Failure.First, s.small.Failure))
}

// shrinkJSON is the smallest failure, and how it came about.
type shrinkJSON struct {
	Scenario      string   `json:"scenario"`
	Seed          string   `json:"seed"` // of the plan that was shrunk
	Property      string   `json:"property"`
	Detail        string   `json:"detail"`
	sizeJSON               // of the smallest plan
	Before        sizeJSON `json:"before"`
	Early         sizeJSON `json:"early"`  // of the smallest plan after the first hundred runs
	Budget        int      `json:"budget"` // runs
	Runs          int      `json:"runs"`
	StructureRuns int      `json:"structure_runs"` // when it last had fewer faults, operations, nodes or clients
	Seconds       float64  `json:"seconds"`        // by the wall clock
	Interrupted   bool     `json:"interrupted"`
	Deterministic bool     `json:"deterministic"`
	Divergence    string   `json:"divergence,omitempty"`
	File          string   `json:"file"` // the plan
	Hash          string   `json:"hash"`
	DeepHash      string   `json:"deep_hash"`
	Again         string   `json:"again"`
}

type sizeJSON struct {
	Faults     int    `json:"faults"`
	Operations int    `json:"operations"`
	Nodes      int    `json:"nodes"`
	Clients    int    `json:"clients"`
	Steps      uint64 `json:"steps"`
}

func sizeOf(r *scenarios.Result) sizeJSON {
	return sizeJSON{len(r.Plan.Faults), len(r.Plan.Ops), r.Plan.Nodes, r.Plan.Clients, r.Steps}
}

func (s *shrinker) json() shrinkJSON {
	f := s.small.Failure
	j := shrinkJSON{
		Scenario: s.scenario.Name, Seed: strconv.FormatUint(s.plan.Seed, 10), Property: f.First.Property, Detail: f.First.Detail,
		sizeJSON: sizeOf(&f.First), Before: sizeOf(s.small.First), Early: sizeOf(s.small.Early), Budget: s.budget, Runs: s.small.Runs,
		StructureRuns: s.small.StructureRuns, Seconds: s.wall.Seconds(), Interrupted: s.interrupted,
		Deterministic: f.Divergence == nil, File: s.out, Hash: hashText(f.First.Hash), DeepHash: hashText(f.Again.DeepHash),
		Again: s.again(),
	}
	if f.Divergence != nil {
		j.Divergence = f.Divergence.String()
	}
	return j
}
