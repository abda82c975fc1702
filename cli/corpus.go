package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/seedbed-sim/seedbed/scenarios"
)

// isFolder is false as well for what is not there.
func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// runCorpus runs all plans of a folder. All are read before the first is run, so that a file that is none stops it all.
func (a *app) runCorpus(args []string, dir string, asJSON bool) error {
	files, err := scenarios.PlanFiles(dir)
	if err != nil {
		return err
	}
	runners := make([]*runner, len(files))
	for i, file := range files {
		runners[i] = &runner{app: a}
		if err := runners[i].fromFile(args, file); err != nil {
			return err
		}
	}
	for _, r := range runners {
		if err := r.run(); err != nil {
			return err
		}
	}
	if asJSON {
		j := corpusJSON{Expected: a.code == exitExpected, Plans: []corpusRunJSON{}}
		for _, r := range runners {
			j.Plans = append(j.Plans, corpusRunJSON{r.file, r.json()})
		}
		return a.printJSON(j)
	}
	return a.printCorpus(runners)
}

type corpusJSON struct {
	Expected bool            `json:"expected"` // all are
	Plans    []corpusRunJSON `json:"plans"`    // in order of their files' names
}

type corpusRunJSON struct {
	File string `json:"file"`
	runJSON
}

// printCorpus prints what failed, and then a line for each plan.
func (a *app) printCorpus(runners []*runner) error {
	failed := 0
	for _, r := range runners {
		if r.result.Expected && (r.failure == nil || r.failure.Divergence == nil) {
			continue
		}
		failed++
		if err := r.failure.Write(a.stdout, r.repeat()); err != nil {
			return err
		}
		if text := r.finding.compare(r.result); text != "" {
			fmt.Fprintln(a.stdout, text)
		}
		fmt.Fprintln(a.stdout)
	}
	t := table{right: 0}
	t.add("plan", "scenario", "seed", "verdict", "steps", "virtual", "wall")
	for _, r := range runners {
		verdict := r.result.Verdict.String()
		switch {
		case r.failure != nil && r.failure.Divergence != nil:
			verdict = "NOT DETERMINISTIC"
		case !r.result.Expected:
			verdict = "FAILED: " + r.result.Property
		case r.failure != nil:
			verdict += ", as expected of this demonstration"
		}
		t.add(filepath.Base(r.file), r.result.Scenario, strconv.FormatUint(r.plan.Seed, 10), verdict,
			strconv.FormatUint(r.result.Steps, 10), r.result.Virtual.String(), r.wall.Round(100*time.Microsecond).String())
	}
	if err := t.write(a.stdout); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "%s, %d failed\n", plural(len(runners), "plan"), failed)
	return err
}
