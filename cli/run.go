package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/report"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

func (a *app) runCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "run SCENARIO --seed N [--nodes N] | --plan FILE|DIR [--until-step K] [--trace FILE] [--report FILE] [--json]",
		Short: "Run one seed or plan, or a folder of plans, and judge it.",
		Long: `Run one seed, or a plan from a file, and judge it. A run that fails is run again twice, recorded and deeply hashed: if
the runs are the same, the failure is shown with the steps that led there, and else a determinism failure is.

A plan file names its scenario, so SCENARIO may be left out. It is what "plan --json" prints, perhaps edited, or a
finding of a sweep, or what shrink keeps. Of a folder all files *.json are run, in order of their names, and summed up. A
plan of another build may mean another run than it did there, so that is said.`,
		Example: a.examples(
			"run {scenario} --seed 7", "",
			"run {scenario} --seed 7 --until-step 1893", "stop there, and show what led there",
			"run {scenario} --seed 7 --trace 7.trace", "record it, to be read with the trace command",
			"run {scenario} --seed 7 --report 7.html", "show it, as a page for a browser",
			"run --plan findings/some-finding.json", "repeat a finding of a sweep",
			"run --plan testdata/seedbed/TestKV", "all plans of a corpus"),
		ValidArgsFunction: a.completeScenarios,
	}
	which := newChoice(c, "run", "this file, or all in this folder")
	until := newOption(c, "until-step", "K", "stop once this step is made, with what else its handler did; the verdict is of what was seen", stepNumber)
	record := newOption(c, "trace", "FILE", "record the run in this file", path)
	page := newOption(c, "report", "FILE", "show the run in this file, as a page for a browser", path)
	asJSON := newSwitch(c, "print JSON: one object")
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := which.check(); err != nil {
			return err
		}
		if plan := which.plan; plan.given && isFolder(plan.value) {
			for _, flag := range []string{until.name, record.name, page.name} {
				if c.Flags().Changed(flag) {
					return fmt.Errorf("--%s is about one run, and %s is a folder; write the path of a plan", flag, plan.value)
				}
			}
			return a.runCorpus(args, plan.value, asJSON.value)
		}
		r := runner{app: a, until: until.value, trace: record.value, page: page.value}
		if err := r.from(which, args); err != nil {
			return err
		}
		if err := r.run(); err != nil {
			return err
		}
		if asJSON.value {
			return a.printJSON(r.json())
		}
		return r.print()
	}
	return c
}

// runner is one run of the run command.
type runner struct {
	*app
	scenario *scenarios.Scenario
	plan     nemesis.Plan
	source   string   // what of the command line says which run it is: "raft/kv --seed 7"
	file     string   // the plan's; empty for a seed's
	finding  *finding // in the file, if it is one
	until    uint64   // 0 for the whole run
	trace    string   // where to; empty for nowhere
	page     string   // likewise

	result  *scenarios.Result
	wall    time.Duration
	failure *scenarios.Failure // of a run that was confirmed; nil otherwise
}

// from takes the plan of a file, or of a seed.
func (r *runner) from(which *choice, args []string) error {
	command, plan := which.command.Name(), which.plan
	if err := which.check(); err != nil {
		return err
	}
	switch {
	case plan.given && isFolder(plan.value):
		return fmt.Errorf("%s takes one plan, and %s is a folder; write the path of a plan in it", command, plan.value)
	case plan.given:
		return r.fromFile(args, plan.value)
	case which.seed.given:
		return r.fromSeed(which.sized(args), which.seed.value)
	}
	if _, err := r.app.scenario(args); err != nil {
		return err
	}
	return fmt.Errorf("%s needs --seed N or --plan FILE", command)
}

func (r *runner) fromSeed(args []string, seed uint64) (err error) {
	if r.scenario, err = r.app.scenario(args); err != nil {
		return err
	}
	r.plan = r.scenario.Plan(seed)
	if err := r.scenario.Check(r.plan); err != nil { // of a size that was asked for
		return fmt.Errorf("%s: %w", r.scenario.Name, err)
	}
	r.source = fmt.Sprintf("%s --seed %d", quote(r.scenario.Name), seed)
	return nil
}

func (r *runner) fromFile(args []string, file string) (err error) {
	if len(args) > 0 {
		if r.scenario, err = r.app.scenario(args); err != nil {
			return err
		}
	}
	if r.plan, r.finding, err = readPlan(file); err != nil {
		return err
	}
	if err := r.findScenario(file); err != nil {
		return err
	}
	for _, text := range r.scenario.Warnings(r.plan) {
		fmt.Fprintf(r.stderr, "%s: warning: %s: %s\n", r.name, file, text)
	}
	r.file = file
	r.source = "--plan " + quote(file)
	return nil
}

// findScenario finds the scenario of a plan that was read, or makes sure that it is the one asked for.
func (r *runner) findScenario(file string) (err error) {
	switch {
	case r.scenario == nil:
		if r.scenario, err = r.registry.Find(r.plan.Scenario); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	case r.plan.Scenario != r.scenario.Name:
		return fmt.Errorf("%s is a plan of %s, not of %s; leave the name out, or write that of the plan", file, r.plan.Scenario, r.scenario.Name)
	}
	if err := r.scenario.Check(r.plan); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

// run runs the plan, and again if the first run says more than "valid".
func (r *runner) run() error {
	dog := scenarios.ExitWatchdog(r.stderr)
	var watch *scenarios.Watch
	o := scenarios.Options{UntilStep: r.until, Deep: true}
	o.Started = func(w *sim.World) { watch = dog.Start(r.scenario.Name, r.plan.Seed, w) }
	run := func(w io.Writer) (err error) {
		start := time.Now()
		if w == nil {
			result := r.scenario.Run(r.plan, o)
			r.result = &result
		} else {
			r.result, err = r.scenario.Record(r.plan, o, w)
		}
		r.wall = time.Since(start)
		watch.Stop()
		return err
	}
	var recorded bytes.Buffer
	var err error
	if err = cmp.Or(writable("trace", r.trace, "plan", r.file), writable("report", r.page, "plan", r.file)); err != nil {
		return err
	}
	beside, _ := report.Linear(r.page, nil)
	if r.page != "" && r.scenario.Linear != nil {
		if err = writable("report", beside, "plan", r.file); err != nil {
			return err
		}
	}
	if r.page != "" && r.trace != "" {
		switch trace := filepath.Clean(r.trace); trace {
		case filepath.Clean(r.page), filepath.Clean(beside):
			return fmt.Errorf("--trace: %s is where --report writes a page; write the path of another file", r.trace)
		}
	}
	switch {
	case r.trace == "" && r.page == "":
		err = run(nil)
	case r.trace == "":
		err = run(&recorded)
	default:
		err = writeFile("trace", r.trace, func(w io.Writer) error { return run(io.MultiWriter(w, &recorded)) })
	}
	if err != nil {
		return err
	}
	if r.result.Verdict != checkers.Valid || r.result.Stopped {
		if r.failure, err = r.scenario.Confirm(r.result); err != nil {
			return err
		}
	}
	if r.page != "" {
		if err := r.writePages(recorded.Bytes()); err != nil {
			return err
		}
	}
	switch {
	case r.failure != nil && r.failure.Divergence != nil:
		r.escalate(exitNondeterministic)
	case !r.result.Expected:
		r.escalate(exitViolated)
	}
	return nil
}

// writePages writes the page of the run, and that of its history, if there is one.
func (r *runner) writePages(recorded []byte) error {
	linear, err := r.scenario.LinearPage(r.result, recorded)
	if err != nil {
		return err
	}
	beside, links := report.Linear(r.page, linear)
	page, err := report.File(recorded, r.commands(), links...)
	if err != nil {
		return err
	}
	write := func(path string, data []byte) error {
		return writeFile("report", path, func(w io.Writer) error { _, err := w.Write(data); return err })
	}
	if linear != nil {
		if err := write(beside, linear); err != nil {
			return err
		}
	}
	return write(r.page, page)
}

// writable refuses to replace what no earlier run has left, or the file that a command reads: its plan, its trace.
func writable(flag, file, source, path string) error {
	info, err := os.Stat(file)
	if err != nil {
		return nil // not there; if it cannot be made, making it tells why
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("--%s: %s is not a regular file; write the path of a new one", flag, file)
	}
	if read, err := os.Stat(path); err == nil && os.SameFile(read, info) {
		return fmt.Errorf("--%s: %s is the %s's own file; write the path of another", flag, file, source)
	}
	return nil
}

// writeFile writes a file that a flag asks for.
func writeFile(flag, file string, write func(w io.Writer) error) error {
	err := trace.WriteFile(file, write)
	if cause := new(fs.PathError); errors.As(err, &cause) {
		err = fmt.Errorf("--%s: cannot write %s: %w", flag, file, cause.Err) // the error is about a temporary file
	}
	return err
}

// commands are what a page says to type.
func (r *runner) commands() []report.Command {
	list := []report.Command{{For: "repeat it", Line: r.repeat()}}
	if r.result.Verdict == checkers.Invalid {
		list = append(list, explaining(r.again, r.source, r.plan)...)
	}
	file := r.trace
	if file == "" { // which is no more than a command away
		file = strings.TrimSuffix(r.page, ".html") + ".trace"
		list = append(list, report.Command{For: "record it", Line: fmt.Sprintf("%s run %s --trace %s", r.again, r.source, quote(file))})
	}
	return append(list,
		report.Command{For: "print it", Line: fmt.Sprintf("%s trace %s", r.again, quote(file))},
		report.Command{For: "open it", Line: fmt.Sprintf("%s view %s", r.again, quote(file))})
}

// explaining are commands that explain a violation; again calls the program, and source says which run it is.
func explaining(again, source string, p nemesis.Plan) []report.Command {
	list := []report.Command{
		{For: "make it small", Line: fmt.Sprintf("%s shrink %s", again, source)},
		{For: "tell its story", Line: fmt.Sprintf("%s explain %s", again, source)},
	}
	if len(p.Faults) > 0 {
		list = append(list, report.Command{For: "see which fault it needs", Line: fmt.Sprintf("%s diff %s", again, source)})
	}
	return list
}

// print says what came of the run: a line, and for a failure all there is to say.
func (r *runner) print() error {
	res := r.result
	verdict := res.Line()
	switch {
	case r.failure != nil && r.failure.Divergence != nil:
		verdict = "not deterministic"
	case res.Verdict == checkers.Unknown:
		verdict = "undecided, which fails: " + verdict
	case res.Verdict == checkers.Invalid && res.Expected:
		verdict = "as expected of this demonstration: " + verdict
	case res.Stopped && res.Verdict == checkers.Valid:
		verdict = "nothing violated so far, stopped by --until-step"
	}
	fmt.Fprintf(r.stdout, "%s seed=%d  %s; %d steps, %s virtual, %s wall, hash %016x\n", res.Scenario, res.Plan.Seed, verdict,
		res.Steps, res.Virtual, r.wall.Round(100*time.Microsecond), res.Hash)
	if text := r.finding.compare(res); text != "" {
		fmt.Fprintln(r.stdout, text)
	}
	switch {
	case r.failure == nil:
		return nil
	case r.failure.Divergence == nil && res.Verdict == checkers.Valid:
		return r.failure.WriteLast(r.stdout, res.Steps)
	}
	return r.failure.Write(r.stdout, r.repeat())
}

// repeat is the line that repeats the run.
func (r *runner) repeat() string {
	line := r.again + " run " + r.source
	if r.until > 0 {
		return fmt.Sprintf("%s --until-step %d", line, r.until)
	}
	return line + untilStep(r.scenario, r.result, r.failure)
}

// untilStep is the flag that stops at the step of a violation seen online. One that was found when all was over needs the
// whole run, and runs that differ have no step in common.
func untilStep(s *scenarios.Scenario, r *scenarios.Result, f *scenarios.Failure) string {
	if r.Step == 0 || r.Virtual >= clock.Time(r.Plan.Duration+s.Tail) || f != nil && f.Divergence != nil {
		return ""
	}
	return fmt.Sprintf(" --until-step %d", r.Step)
}

// resultJSON is a run as JSON, in the run command's output and in findings.
type resultJSON struct {
	Scenario string     `json:"scenario"`
	Seed     string     `json:"seed"`
	Verdict  string     `json:"verdict"`
	Property string     `json:"property"` // that was violated or is undecided, with its quantifier; else empty
	Detail   string     `json:"detail,omitempty"`
	Stack    string     `json:"stack,omitempty"`
	Step     uint64     `json:"step"` // of the violation; 0 if there is none
	At       clock.Time `json:"at_ns,omitempty"`
	Node     string     `json:"node,omitempty"`
	Steps    uint64     `json:"steps"`
	Virtual  float64    `json:"virtual_seconds"`
	Hash     string     `json:"hash"`
	DeepHash string     `json:"deep_hash,omitempty"`
}

func newResultJSON(r *scenarios.Result) resultJSON {
	j := resultJSON{
		Scenario: r.Scenario, Seed: strconv.FormatUint(r.Plan.Seed, 10), Verdict: r.Verdict.String(), Property: r.Property, Detail: r.Detail, Stack: r.Stack,
		Step: r.Step, At: r.At, Steps: r.Steps, Virtual: time.Duration(r.Virtual).Seconds(), Hash: hashText(r.Hash),
	}
	if r.DeepHash != 0 {
		j.DeepHash = hashText(r.DeepHash)
	}
	switch client := int(r.Node) - r.Plan.Nodes; {
	case r.Node == sim.Nobody:
	case client > 0:
		j.Node = fmt.Sprintf("c%d", client)
	default:
		j.Node = r.Node.String()
	}
	return j
}

func hashText(hash uint64) string { return fmt.Sprintf("%016x", hash) }

type runJSON struct {
	resultJSON
	Expected      bool               `json:"expected"`
	Stopped       bool               `json:"stopped,omitempty"`       // by --until-step
	Deterministic *bool              `json:"deterministic,omitempty"` // of a run that was repeated
	Divergence    string             `json:"divergence,omitempty"`    // the first step that differs
	Wall          float64            `json:"wall_seconds"`
	Contents      scenarios.Contents `json:"contents"`
	Again         string             `json:"again"`
	Plan          json.RawMessage    `json:"plan,omitempty"` // of a run that is not valid
}

func (r *runner) json() runJSON {
	j := runJSON{
		resultJSON: newResultJSON(r.result), Expected: r.result.Expected, Stopped: r.result.Stopped,
		Wall: r.wall.Seconds(), Contents: r.result.Contents, Again: r.repeat(),
	}
	if r.failure != nil {
		same := r.failure.Divergence == nil
		j.Deterministic = &same
		if !same {
			j.Expected, j.Divergence = false, r.failure.Divergence.String()
		}
	}
	if r.result.Verdict != checkers.Valid {
		j.Plan, _ = r.plan.JSON() // it has run, so it is valid
	}
	return j
}
