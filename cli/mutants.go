package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/seedbed-sim/seedbed/internal/mutants"
	"github.com/seedbed-sim/seedbed/trace"
)

// leastRanges is how many ranges of seeds a measurement to be written down needs.
const leastRanges = 5

func (a *app) mutantsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "mutants [MODEL|NAME…] [--ranges N] [--seeds N] [--shrink N] [--workers N] [--write FILE] [--mixes] [--json]",
		Short: "Plant known mistakes in the models, and count the seeds until each is found.",
		Long: `Plant known mistakes in the models, one at a time, and count the seeds until a sweep finds each. This tests the
testbed: a mistake that is not found, or not by a property that it names, is shown, and a failure.

A mutant is a file mutants/NAME.txtar beside a package of the module, in its root or in models: what it is, its source,
the properties that may catch it, a scenario, old lines and new ones. Names may be patterns, such as 'raft/vote-*'.

Each mutant is looked for in several ranges of seeds, each of which is swept until the first find. The median over ranges
counts, where a range without a find counts as more than all others; one whose median is above ` + strconv.Itoa(mutants.HardSeeds) + ` is hard. The first
find is shrunk. The models as they are, called none, must be clean over the same seeds.

The go command builds the program from its source, with the mutant's lines in place of the original ones: this works in
the module's folder only, and changes nothing there.

Exit codes: 0 all are found as they should be; 1 some are not; 2 lines that a mutant is to replace are not there just
once, or it does not compile; 130 interrupted.`,
		Example: a.examples(
			"mutants raft/figure8", "one",
			"mutants raft wal", "those of two models",
			"mutants --write docs/mutants.md", "all, as a page",
			"mutants --mixes --write docs/swarms.md", "how good swarms are, as a page"),
	}
	ranges := newOption(c, "ranges", "N", fmt.Sprintf("look for each in so many ranges of seeds; %d unless given", leastRanges), number(1, 1000))
	seeds := newOption(c, "seeds", "N", "give a range up after so many seeds; 5000 unless given", number(1, 1_000_000))
	shrink := newOption(c, "shrink", "N", "shrink the first find in at most so many runs, 0 for not at all; 1000 unless given", number(0, 1_000_000))
	workers := newOption(c, "workers", "N", "runs at once; one per core unless given", workerCount)
	page := newOption(c, "write", "FILE", "write what came of all mutants to this file, as a page", path)
	mixes := c.Flags().Bool("mixes", false, "compare the swarm with other mixes of faults")
	asJSON := newSwitch(c, "print JSON: one object")
	c.RunE = func(_ *cobra.Command, patterns []string) error {
		b := &mutants.Bench{Ranges: leastRanges, Seeds: 5000, Shrink: 1000, Workers: cmp.Or(workers.value, runtime.GOMAXPROCS(0))}
		if ranges.given {
			b.Ranges = uint64(ranges.value)
		}
		if seeds.given {
			b.Seeds = uint64(seeds.value)
		}
		if shrink.given {
			b.Shrink = shrink.value
		}
		switch {
		case *mixes && shrink.given:
			return errors.New("--mixes does not go with --shrink: nothing is shrunk")
		case *mixes:
			return a.compareMixes(b, patterns, page.value, asJSON.value)
		case page.given && len(patterns) > 0:
			return fmt.Errorf("--write is for what came of all mutants, not of %s alone", strings.Join(patterns, " "))
		case page.given && b.Ranges < leastRanges:
			return fmt.Errorf("--write is for medians over at least %d ranges, not of %d", leastRanges, b.Ranges)
		}
		return a.runMutants(b, patterns, page.value, asJSON.value)
	}
	return c
}

func (a *app) runMutants(b *mutants.Bench, patterns []string, page string, asJSON bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	list, err := plantable(ctx, b, patterns)
	if err != nil {
		return err
	}
	done := a.showBench(b)
	outcomes, err := b.Run(ctx, list)
	done()
	if err != nil {
		return err
	}

	var broken []string
	for _, o := range outcomes {
		if o.Error != "" {
			broken = append(broken, o.Name+": "+o.Error)
		}
		if !o.Verdict.Good() {
			a.escalate(exitViolated)
		}
	}
	report := b.Report(a.commandLine(), outcomes)
	if asJSON {
		err = a.printJSON(report)
	} else {
		err = a.printMutants(report)
	}
	switch {
	case err != nil:
		return err
	case len(broken) > 0:
		return errors.New(strings.Join(broken, "; "))
	case ctx.Err() != nil:
		fmt.Fprintf(a.stderr, "%s: interrupted: this is what there is until then\n", a.name)
		if a.code == exitExpected {
			a.escalate(exitInterrupted)
		}
	case page != "":
		return trace.WriteFile(page, report.WritePage)
	}
	return nil
}

// compareMixes prints, or writes, how soon the mutants are found with each mix.
func (a *app) compareMixes(b *mutants.Bench, patterns []string, page string, asJSON bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	list, err := plantable(ctx, b, patterns)
	if err != nil {
		return err
	}
	done := a.showBench(b)
	all, err := b.Compare(ctx, list)
	done()
	if err != nil {
		return err
	}
	report := b.MixReport(a.commandLine(), all)
	if asJSON {
		err = a.printJSON(report)
	} else {
		t := table{right: len(mutants.MixColumns) - 1}
		t.add(mutants.MixColumns...)
		for _, c := range all {
			t.add(c.Row()...)
		}
		if err = t.write(a.stdout); err == nil {
			for _, against := range report.Against {
				fmt.Fprintf(a.stdout, "\n%s.\n", against)
			}
		}
	}
	for _, c := range all {
		if c.Error != "" && err == nil {
			err = errors.New(c.Name + ": " + c.Error)
		}
	}
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		fmt.Fprintf(a.stderr, "%s: interrupted: this is what there is until then\n", a.name)
		a.escalate(exitInterrupted)
	case page != "":
		return trace.WriteFile(page, report.WritePage)
	}
	return nil
}

// commandLine is what was typed.
func (a *app) commandLine() string {
	return strings.Join(append([]string{a.name}, os.Args[1:]...), " ")
}

// plantable returns the mutants of these patterns in the module of this program.
func plantable(ctx context.Context, b *mutants.Bench, patterns []string) ([]*mutants.Mutant, error) {
	if info, ok := debug.ReadBuildInfo(); ok {
		b.Main = info.Path
	}
	var module string
	var err error
	if b.Root, module, err = mutants.Locate(ctx, b.Main); err != nil {
		return nil, err
	}
	all, err := mutants.Load(b.Root, module)
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, fmt.Errorf("there are no mutants: %s has no file mutants/*.txtar, */mutants/*.txtar or models/*/mutants/*.txtar", b.Root)
	}
	return mutants.Choose(all, patterns)
}

func (a *app) printMutants(r *mutants.Report) error {
	t := table{right: mutants.Numbers}
	t.add(mutants.Columns...)
	for _, o := range r.Outcomes {
		t.add(o.Row()...)
	}
	if err := t.write(a.stdout); err != nil {
		return err
	}
	_, err := fmt.Fprintf(a.stdout, "\n%s\n", r.Summary)
	return err
}

// showBench tells how far a bench is: with a bar on a terminal, and else with a line for each mutant. What it returns ends
// that.
func (a *app) showBench(b *mutants.Bench) (done func()) {
	start := time.Now()
	if !isTerminal(a.stderr) {
		b.Doing = func(int, int, string) {}
		count := 0
		b.Compared = func(c *mutants.Comparison) {
			count++
			fmt.Fprintf(a.stderr, "%s: %d: %s\n", time.Since(start).Round(time.Second), count, strings.Join(c.Row(), "  "))
		}
		b.Done = func(o *mutants.Outcome) {
			count++
			row := o.Row()
			fmt.Fprintf(a.stderr, "%s: %d: %s %s: %s, median %s\n", time.Since(start).Round(time.Second), count, row[0], o.In, o.Verdict, row[1])
		}
		return func() {}
	}
	failures := 0
	var bar *progressbar.ProgressBar
	b.Doing = func(at, of int, what string) {
		if bar == nil {
			bar = progressbar.NewOptions(of, progressbar.OptionSetWriter(a.stderr), progressbar.OptionSetWidth(30), progressbar.OptionShowCount(),
				progressbar.OptionClearOnFinish(), progressbar.OptionSetElapsedTime(true), progressbar.OptionSetPredictTime(true))
		}
		bar.Describe(fmt.Sprintf("%s, %d failed", what, failures))
		bar.Set(at)
	}
	b.Done = func(o *mutants.Outcome) {
		if !o.Verdict.Good() {
			failures++
		}
	}
	b.Compared = func(*mutants.Comparison) {}
	return func() {
		if bar != nil {
			bar.Finish()
		}
	}
}

// number reads one from least to most.
func number(least, most int) func(text string) (int, error) {
	return func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return 0, fmt.Errorf("%q is not a number from %d to %d", text, least, most)
		}
		return n, nil
	}
}
