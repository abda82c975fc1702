package cli

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/internal/seeds"
	"github.com/seedbed-sim/seedbed/report"
	"github.com/seedbed-sim/seedbed/scenarios"
)

// defaultSeeds is how many seeds of each scenario a sweep runs unless it is told: enough for every "sometimes" and
// median to mean something, and the catalogue is done within a minute on two cores.
const defaultSeeds = 3000

func (a *app) sweepCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "sweep [SCENARIO…] [--seeds A-B,C | --for TIME] [--seed-from COMMIT] [--first[=REGEXP]] [--nodes N] [--workers N] [--findings DIR] [--json]",
		Short: "Run many seeds, and sum up what came of them.",
		Long: a.fill(fmt.Sprintf(`Run many seeds of some scenarios, or of all, on all cores, and sum up what came of them and what they contained. A name
selects a scenario, or all below it: "raft" is raft/kv, raft/log and so on.

Without flags the seeds are 1 to %[1]d of each scenario. --seeds names others. --for takes seeds one after the other until
the time is over, which the scenarios share equally. --seed-from derives the first seed from an id, so that each commit
is swept with seeds of its own, the same ones wherever that is done; %[1]d seeds, or what --for leaves time for.
--first ends each scenario with its first seed that fails, or that fails with a signature in which the regular expression
matches: all seeds before it are run, and those behind it count for nothing, whatever the number of workers.

Runs that failed alike are one finding. The one with the smallest seed is repeated, shown, and kept in the --findings
folder with its plan, its trace, a page that shows it and the commands that repeat it; a folder that stays empty is removed. At the end of
each scenario its first seed is run again, in a process that has run all the others since, and must be the same run.

Medians below the floors of a scenario are warnings. Control-C ends a sweep and sums up what there is.`, defaultSeeds)),
		Example: a.examples(
			"sweep", "every scenario",
			"sweep {scenario} --seeds 1-10000,77777", "",
			"sweep {scenario} --first", "until something fails",
			"sweep --for 10m --seed-from $(git rev-parse HEAD)", "fresh seeds for each commit, for a CI",
			"sweep --json > sweep.json", ""),
		ValidArgsFunction: a.completeScenarios,
	}
	ranges := newOption(c, "seeds", "A-B,C", "the seeds, from 1 on", seedSet)
	spent := newOption(c, "for", "TIME", "sweep for this time, such as 10m", span)
	from := newOption(c, "seed-from", "COMMIT", "derive the first seed from the id of a commit", commitID)
	until := newOption(c, "first", "REGEXP", "end each scenario with the first seed that fails, or that fails like this", expression)
	c.Flags().Lookup(until.name).NoOptDefVal = "." // any
	sized := newNodes(c)
	workers := newOption(c, "workers", "N", "runs at once; one per core unless given", workerCount)
	where := newOption(c, "findings", "DIR", `keep findings in this folder; "findings" unless given`, path)
	asJSON := newSwitch(c, "print JSON: one object")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := exclude(c, "seeds", "for", "the one says how many seeds, the other how long"); err != nil {
			return err
		}
		if err := exclude(c, "seeds", "seed-from", "the one names the seeds, the other derives them"); err != nil {
			return err
		}
		if len(args) == 0 && c.Flags().Changed("nodes") {
			return errors.New("--nodes is for scenarios that are named; not all can have any number")
		}
		list, err := a.registry.Match(sized(args)...)
		switch {
		case err != nil:
			return err
		case len(list) == 0:
			return fmt.Errorf("there are no scenarios to sweep")
		}
		for _, one := range list {
			if err := one.Check(one.Plan(1)); err != nil { // of a size that was asked for
				return fmt.Errorf("%s: %w", one.Name, err)
			}
		}
		s := sweep{app: a, list: list, spent: spent.value, first: 1, until: until.value, workers: runtime.GOMAXPROCS(0), dir: "findings"}
		switch {
		case ranges.given:
			s.seeds = ranges.value
		case from.given:
			s.first = firstSeed(from.value)
		}
		if s.seeds == nil && !spent.given {
			s.seeds = seeds.Ranges{{First: s.first, Last: s.first + defaultSeeds - 1}}
		}
		if workers.given {
			s.workers = workers.value
		}
		if where.given {
			s.dir = where.value
		}
		if err := s.run(); err != nil {
			return err
		}
		show := s.print
		if asJSON.value {
			show = func() error { return a.printJSON(s.json()) }
		}
		if err := show(); err != nil {
			return err
		}
		return s.folder.err
	}
	return c
}

// firstSeed derives a seed from a text: the first 48 bits of its SHA-256 hash, plus 1. So sweeps of different commits have
// practically never a seed in common, and seeds stay short enough to be typed.
func firstSeed(text string) uint64 {
	h := sha256.Sum256([]byte(text))
	return binary.BigEndian.Uint64(h[:])>>16 + 1
}

// sweep is one sweep over some scenarios.
type sweep struct {
	*app
	list    []*scenarios.Scenario
	seeds   seeds.Ranges   // nil: as many as there is time for
	spent   time.Duration  // for all scenarios, if seeds is nil
	first   uint64         // seed, if seeds is nil
	until   *regexp.Regexp // ends a scenario with the first run whose signature it matches; nil ends none
	workers int
	dir     string

	folder      *folder
	parts       []*part // what was swept
	interrupted bool
}

// part is what came of one scenario.
type part struct {
	*scenarios.Tally
	wall     time.Duration
	findings []*found // of the Tally, in that order
	// drift is the first seed's failure to repeat itself; nil if it did, or was not asked to.
	drift *scenarios.Failure
}

// found is a finding whose smallest seed was run again.
type found struct {
	scenarios.Finding
	file    *finding
	failure *scenarios.Failure // nil for the anomaly of a demonstration, as are the paths
	path    string             // of the file
	trace   string             // of the trace
	page    string             // of the page
}

func (s *sweep) run() (err error) {
	if s.folder, err = openFolder(s.dir); err != nil {
		return err
	}
	defer s.folder.close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process
	dog := scenarios.ExitWatchdog(s.stderr)
	p := s.startProgress()
	defer p.stop()
	end := time.Now().Add(s.spent)
	for i, scenario := range s.list {
		share := time.Until(end) / time.Duration(len(s.list)-i)
		part, err := s.sweepOne(ctx, scenario, share, dog, p)
		if err != nil {
			return err
		}
		if part.Seeds > 0 {
			s.parts = append(s.parts, part)
		}
		if ctx.Err() != nil {
			s.interrupted = true
			break
		}
	}
	s.judge()
	return nil
}

// sweepOne sweeps one scenario, and confirms what was found.
func (s *sweep) sweepOne(ctx context.Context, scenario *scenarios.Scenario, share time.Duration, dog *scenarios.Watchdog, p *progress) (*part, error) {
	first, next := s.source(share)
	var one *scenarios.Result // of the first seed
	p.begin(scenario.Name)
	start := time.Now()
	options := scenarios.SweepOptions{
		Seeds: next, Workers: s.workers, Watchdog: dog,
		Done: func(r *scenarios.Result) {
			p.done.Add(1)
			if r.Seed == first {
				one = r
			}
			if !r.Expected {
				p.failed.Add(1)
				s.folder.found(s.app, r)
			}
		},
	}
	if s.until != nil {
		options.Until = func(r *scenarios.Result) bool {
			return r.Verdict != checkers.Valid && s.until.MatchString(r.Signature())
		}
	}
	tally := scenario.Sweep(ctx, options)
	part := &part{Tally: tally, wall: time.Since(start)}
	for _, f := range tally.Findings {
		again, err := s.confirm(scenario, f)
		if err != nil {
			return nil, err
		}
		part.findings = append(part.findings, again)
	}
	if one != nil && one.Expected {
		f, err := scenario.Confirm(one)
		if err != nil {
			return nil, err
		}
		if f.Divergence != nil {
			part.drift = f
		}
	}
	return part, nil
}

// source hands out the seeds of one scenario.
func (s *sweep) source(share time.Duration) (first uint64, next func() (uint64, bool)) {
	if s.seeds == nil {
		end, seed := time.Now().Add(share), s.first
		return s.first, func() (uint64, bool) {
			seed++
			return seed - 1, seed-1 == s.first || time.Now().Before(end)
		}
	}
	i, seed := 0, s.seeds[0].First
	return seed, func() (uint64, bool) {
		if i == len(s.seeds) {
			return 0, false
		}
		this := seed
		if seed++; this == s.seeds[i].Last {
			if i++; i < len(s.seeds) {
				seed = s.seeds[i].First
			}
		}
		return this, true
	}
}

// confirm runs a finding's smallest seed again, and completes its files if it is one to keep.
func (s *sweep) confirm(scenario *scenarios.Scenario, f scenarios.Finding) (*found, error) {
	again := &found{Finding: f}
	if f.Expected {
		r := scenario.RunSeed(f.Seeds[0], scenarios.Options{})
		again.file = s.newFinding(&r, "")
		again.complete()
		return again, nil
	}
	kept := s.folder.kept[key{scenario.Name, f.Signature}]
	var err error
	if again.failure, err = scenario.Confirm(kept.run); err != nil {
		return nil, err
	}
	again.path, again.trace, again.page = kept.base+".json", kept.base+".trace", kept.base+".html"
	again.file = s.newFinding(kept.run, kept.base)
	again.file.Commands.Trace = fmt.Sprintf("%s trace %s", s.again, quote(again.trace))
	again.file.Commands.view = fmt.Sprintf("%s view %s", s.again, quote(again.trace))
	again.complete()
	s.folder.write(again.path, again.file)
	s.folder.writeFile(again.trace, again.failure.Trace)
	linear, err := scenario.LinearPage(&again.failure.Again, again.failure.Trace)
	if err != nil {
		return nil, err
	}
	beside, links := report.Linear(again.page, linear)
	page, err := report.File(again.failure.Trace, again.file.list(s.again), links...)
	if err != nil {
		return nil, err
	}
	if linear != nil {
		s.folder.writeFile(beside, linear)
	}
	s.folder.writeFile(again.page, page)
	return again, nil
}

// complete tells the file what is known once the sweep is over.
func (f *found) complete() {
	f.file.Runs = f.Runs
	for _, seed := range f.Seeds {
		f.file.Seeds = append(f.file.Seeds, strconv.FormatUint(seed, 10))
	}
	if f.failure != nil {
		same := f.failure.Divergence == nil
		if f.file.Deterministic = &same; !same {
			f.file.Divergence = f.failure.Divergence.String()
		}
		f.file.DeepHash = hashText(f.failure.Again.DeepHash)
	}
}

// diverged tells whether runs of one plan were different.
func (p *part) diverged() bool {
	return p.drift != nil || slices.ContainsFunc(p.findings, func(f *found) bool {
		return f.failure != nil && f.failure.Divergence != nil
	})
}

// unexpected returns the findings that the scenario does not expect.
func (p *part) unexpected() []*found {
	return slices.DeleteFunc(slices.Clone(p.findings), func(f *found) bool { return f.Expected })
}

// judge sets the exit code.
func (s *sweep) judge() {
	for _, p := range s.parts {
		if !p.AsExpected() {
			s.escalate(exitViolated)
		}
		if p.diverged() {
			s.escalate(exitNondeterministic)
		}
	}
	if s.interrupted && s.code == exitExpected {
		s.code = exitInterrupted
	}
}

// writeFailure prints one failure of a sweep.
func (s *sweep) writeFailure(p *part, f *scenarios.Failure) error {
	again := fmt.Sprintf("%s run %s --seed %d%s", s.again, quote(p.Scenario.Name), f.First.Seed, untilStep(p.Scenario, &f.First, f))
	return f.Write(s.stdout, again)
}
