package simtest

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
)

// corpus is the folder of a test's plans.
func corpus(t *testing.T) string {
	return filepath.Join(slices.Concat([]string{"testdata", "seedbed"}, levels(t))...)
}

// levels is the name of the test that runs seeds and plans, without their own subtests.
func levels(t *testing.T) []string {
	return slices.DeleteFunc(strings.Split(t.Name(), "/"), func(level string) bool {
		return strings.HasPrefix(level, "seed=") || strings.HasPrefix(level, "plan=")
	})
}

// folder reports whether it is a folder of plans that is to be run.
func (c choice) folder() bool {
	info, err := os.Stat(c.replay)
	return c.replay != "" && err == nil && info.IsDir()
}

// replay runs the plans of a folder. Those that do not end as expected become failing subtests.
func replay(t *testing.T, s *scenarios.Scenario, dir string, what choice) {
	t.Helper()
	plans(t, s, dir, func(file string, plan nemesis.Plan) {
		if r := s.Watched(plan, scenarios.Options{}, watchdog); r.Expected {
			return
		}
		t.Run("plan="+filepath.Base(file), func(t *testing.T) {
			what := what
			what.replay, what.shrink = file, 0
			if one(t, s, plan, what) {
				t.Errorf("\n--- DETERMINISM: %s  %s failed, and does not when it is run again: something outlives a run", s.Name, file)
			}
		})
	})
}

// plans reads the plans of a folder, in order of their names. Those that cannot be read fail the test.
func plans(t *testing.T, s *scenarios.Scenario, dir string, do func(file string, plan nemesis.Plan)) {
	t.Helper()
	files, err := scenarios.PlanFiles(dir)
	if err != nil {
		t.Error(err)
		return
	}
	for _, file := range files {
		plan, err := readPlan(file, s)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, text := range s.Warnings(plan) {
			t.Logf("warning: %s: %s", file, text)
		}
		do(file, plan)
	}
	t.Logf("%s: %d plans of %s", s.Name, len(files), dir)
}

// readPlan reads a plan of a scenario.
func readPlan(file string, s *scenarios.Scenario) (nemesis.Plan, error) {
	data, err := scenarios.ReadPlanFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; a path starts at the folder of the test", err)
	}
	if err != nil {
		return nemesis.Plan{}, err
	}
	plan, err := nemesis.ReadPlan(file, data)
	if err != nil {
		return plan, err
	}
	if plan.Scenario != s.Name {
		return plan, fmt.Errorf("%s is a plan of %s, not of %s; -run can select the test that it is for", file, plan.Scenario, s.Name)
	}
	if err := s.Check(plan); err != nil {
		return plan, fmt.Errorf("%s: %w", file, err)
	}
	return plan, nil
}

// shrink shrinks a failure, and shows what is left of it as a file for the corpus.
func shrink(t *testing.T, s *scenarios.Scenario, first *scenarios.Result, what choice) {
	t.Helper()
	small, err := s.Shrink(context.Background(), first, scenarios.ShrinkOptions{Runs: what.shrink, Watchdog: watchdog})
	if err != nil {
		t.Error(err)
		return
	}
	plan := small.Plan()
	data, err := planFile(*plan)
	if err != nil {
		t.Error(err)
		return
	}
	name := baseName(first) + ".json"
	kept := filepath.Join(t.ArtifactDir(), name)
	if err := os.WriteFile(kept, data, 0o666); err != nil {
		t.Error(err)
		return
	}
	to, err := filepath.Abs(filepath.Join(corpus(t), name))
	if err != nil {
		t.Error(err)
		return
	}
	artifacts := flag.Lookup("test.artifacts")
	isKept := artifacts != nil && artifacts.Value.String() == "true"
	again := choice{replay: to}
	if isKept {
		again.replay = kept
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "shrunk in %d runs: %d→%d faults, %d→%d operations\n%s", small.Runs, len(first.Plan.Faults),
		len(plan.Faults), len(first.Plan.Ops), len(plan.Ops), plan)
	if err := small.Failure.Write(&b, again.again(t, small.Failure)); err != nil {
		t.Error(err)
		return
	}
	fmt.Fprintf(&b, "  to have it run each time, first of all, ")
	if isKept {
		fmt.Fprintf(&b, "mkdir -p %s && cp %s %s", quote(filepath.Dir(to)), quote(kept), quote(to))
	} else {
		fmt.Fprintf(&b, "write this to %s (-artifacts keeps it as a file):\n%s", to, data)
	}
	t.Error("\n" + strings.TrimRight(b.String(), "\n"))
}
