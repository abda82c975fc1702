package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/internal/seeds"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/report"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/trace"
)

func (a *app) diffCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "diff SCENARIO --seed N [--nodes N] | --plan FILE [--without K] | TRACE TRACE [--report FILE] [--json]",
		Short: "Run a seed with and without a fault, and tell where the runs come apart.",
		Long: `Run one seed, or a plan from a file, once as it is and once without one or some of its faults, and tell where the runs
come apart: the first step that differs, and when it came to which node. All else is the same: a packet's fate, a disk's
latency and what a node draws do not depend on other faults. Faults have the numbers that "plan" prints.

Without --without each fault is left out in turn, and a line tells what came of that: so it shows which the violation
depends on. Or two recorded runs are compared, whatever they are of.

Exit codes: 0 the runs were compared, whatever came of them.`,
		Example: a.examples(
			"diff {scenario} --seed 7", "what becomes of the run without each of its faults",
			"diff {scenario} --seed 7 --without 3", "without the third, or several: 3,5-8",
			"diff {scenario} --seed 7 --without 3 --report 7.html", "both runs in one page, for a browser",
			"diff one.trace other.trace", "two recordings"),
		ValidArgsFunction: a.completeScenarios,
	}
	which := newChoice(c, "run", "this file")
	without := newOption(c, "without", "K", "leave out this fault, or these: 3,5-8", faultSet)
	page := newOption(c, "report", "FILE", "show both runs in this file, as a page for a browser", path)
	asJSON := newSwitch(c, "print JSON: one object")
	c.RunE = func(_ *cobra.Command, args []string) error {
		d := differ{runner: &runner{app: a}, page: page.value}
		recordings := !which.seed.given && !which.plan.given && (len(args) == 2 || len(args) == 1 && isTrace(args[0]))
		var err error
		switch {
		case recordings && len(args) == 1:
			err = errors.New("diff takes two recordings, not one")
		case recordings && without.given:
			err = errors.New("--without is about a seed or a plan, and these are recordings; leave it out")
		case recordings:
			err = d.recordings(args...)
		default:
			err = d.from(which, args)
		}
		switch {
		case err != nil || recordings:
		case without.given:
			err = d.leaveOut(without)
		case page.given:
			err = errors.New("--report needs --without: it shows the run without one fault, or some")
		default:
			return d.each(asJSON.value)
		}
		switch {
		case err != nil:
			return err
		case asJSON.value:
			return a.printJSON(d.json())
		}
		return d.print()
	}
	return c
}

func isTrace(path string) bool {
	f, err := trace.OpenFile(path)
	if err == nil {
		f.Close()
	}
	return err == nil
}

// faultSet reads the numbers of faults.
func faultSet(text string) (seeds.Ranges, error) {
	rs, err := seeds.Parse(text)
	if err != nil {
		return nil, fmt.Errorf(`%q are no faults; write the numbers that "plan" prints, such as 3 or 3,5-8`, text)
	}
	return rs, nil
}

// differ is one run of the diff command.
type differ struct {
	*runner                // of the run as it is; without a scenario for recordings
	page    string         // where to; empty for nowhere
	missing []report.Fault // that are left out
	again   string         // the line that compares the runs again
	sides   [2]report.Side
	traces  [2]*trace.Reader
	apart   []trace.Apart
}

// recordings compares two trace files.
func (d *differ) recordings(paths ...string) error {
	for i, path := range paths {
		if err := writable("report", d.page, "trace", path); err != nil {
			return err
		}
		t, err := trace.OpenFile(path) // which knows best what is wrong with a file
		if err != nil {
			return err
		}
		t.Close()
		file, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := d.take(i, path, file); err != nil {
			return err
		}
	}
	d.again = fmt.Sprintf("%s diff %s %s", d.app.again, quote(paths[0]), quote(paths[1]))
	return d.compare()
}

// leaveOut runs the plan, and runs it without some of its faults.
func (d *differ) leaveOut(numbers *option[seeds.Ranges]) error {
	p := d.plan
	p.Faults = nil
	last := 0 // of the numbers that there are
	for i, e := range d.plan.Faults {
		if n := uint64(i + 1); !slices.ContainsFunc(numbers.value, func(r seeds.Range) bool { return r.First <= n && n <= r.Last }) {
			p.Faults = append(p.Faults, e)
			continue
		}
		d.missing = append(d.missing, newFault(i, e))
		last++
	}
	if uint64(last) != numbers.value.Len() {
		return fmt.Errorf("--without %s: the plan has %s; write numbers up to that", numbers.text, plural(len(d.plan.Faults), "fault"))
	}
	if err := d.scenario.Check(p); err != nil {
		return fmt.Errorf("--without %s leaves a plan that cannot be run: %w", numbers.text, err)
	}
	if err := writable("report", d.page, "plan", d.file); err != nil {
		return err
	}
	d.again = fmt.Sprintf("%s diff %s --without %s", d.app.again, d.source, numbers.text)
	if err := d.record(0, "with", d.runner.plan); err != nil {
		return err
	}
	if err := d.record(1, "without", p); err != nil {
		return err
	}
	return d.compare()
}

// record runs a plan.
func (d *differ) record(i int, label string, p nemesis.Plan) error {
	var file bytes.Buffer
	if _, err := d.scenario.Record(p, scenarios.Options{}, &file); err != nil {
		return err
	}
	return d.take(i, label, file.Bytes())
}

func (d *differ) take(i int, label string, file []byte) (err error) {
	if d.traces[i], err = trace.Open(bytes.NewReader(file), int64(len(file))); err == nil {
		d.sides[i], err = report.NewSide(label, file)
	}
	return err
}

func (d *differ) compare() (err error) {
	if d.apart, err = trace.Diff(d.traces[0], d.traces[1]); err != nil || d.page == "" {
		return err
	}
	return writeFile("report", d.page, func(w io.Writer) error {
		for i := range d.sides {
			d.sides[i].Commands = []report.Command{{For: "compare again", Line: d.again}}
		}
		return report.WritePair(w, d.sides[0], d.sides[1], d.missing, d.apart)
	})
}

// print says what came of both runs, where they come apart first, and how that spreads.
func (d *differ) print() error {
	h, other := d.traces[0].Header(), d.traces[1].Header()
	subject := seedLine(&h)
	if second := seedLine(&other); second != subject { // recordings are of whatever they are
		subject += ", and " + second
	}
	width := max(len(d.sides[0].Label), len(d.sides[1].Label))
	fmt.Fprintln(d.stdout, subject)
	for i, t := range d.traces {
		h := t.Header()
		fmt.Fprintf(d.stdout, "  %-*s  %s\n", width, d.sides[i].Label, runLine(&h))
	}
	for _, fault := range d.missing {
		fmt.Fprintf(d.stdout, "  left out: %s\n", faultText(fault))
	}
	if len(d.apart) == 0 {
		_, err := fmt.Fprintln(d.stdout, "no step differs, as far as both go")
		return err
	}
	first := &d.apart[0]
	fmt.Fprintf(d.stdout, "first difference, at %s on %s:\n", first.At(), h.Name(first.Node))
	for i, s := range []*trace.Step{first.A, first.B} {
		text, err := stepLine(d.traces[i], s)
		if err != nil {
			return err
		}
		fmt.Fprintf(d.stdout, "  %-*s  %s\n", width, d.sides[i].Label, text)
	}
	var spread []string
	for _, x := range d.apart[1:] {
		spread = append(spread, fmt.Sprintf("%s at %s", h.Name(x.Node), x.At()))
	}
	if len(spread) > 0 {
		fmt.Fprintf(d.stdout, "it spreads to %s\n", listSome(spread))
	}
	return nil
}

// stepLine is a step as the trace command prints it.
func stepLine(t *trace.Reader, s *trace.Step) (string, error) {
	if s == nil {
		return "no more steps of this node", nil
	}
	var b strings.Builder
	err := trace.Print(&b, t.Header(), trace.Steps(*s))
	return strings.TrimRight(b.String(), "\n"), err
}

// each leaves out one fault after the other.
func (d *differ) each(asJSON bool) error {
	plan := d.runner.plan
	if len(plan.Faults) == 0 {
		return fmt.Errorf("%s has no faults to leave out", d.source)
	}
	if err := d.record(0, "with", plan); err != nil {
		return err
	}
	h := d.traces[0].Header()
	all := eachJSON{Scenario: h.Scenario, Seed: h.Seed, sideJSON: newSideJSON(d.traces[0])}
	var t table
	for i, e := range plan.Faults {
		if clock.Time(e.At) > h.Virtual {
			all.Later++
			continue
		}
		p := plan
		p.Faults = slices.Delete(slices.Clone(plan.Faults), i, i+1)
		one := leftOutJSON{Fault: newFault(i, e)}
		if err := d.scenario.Check(p); err != nil {
			one.Why = err.Error()
			t.add(strconv.Itoa(one.Number), e.When(), e.String(), "", "cannot be left out: "+one.Why)
		} else {
			if err := d.record(1, "without", p); err != nil {
				return err
			}
			apart, err := trace.Diff(d.traces[0], d.traces[1])
			if err != nil {
				return err
			}
			side, differs := newSideJSON(d.traces[1]), "no step differs"
			if len(apart) > 0 {
				one.First = &report.Apart(&h, apart)[0]
				differs = fmt.Sprintf("%s on %s", apart[0].At(), h.Name(apart[0].Node))
			}
			one.sideJSON = &side
			verdict := side.Verdict
			switch {
			case side.Property != h.Property:
				all.Needed++
			case h.Property != "":
				verdict = "violates the same"
			}
			t.add(strconv.Itoa(one.Number), e.When(), e.String(), differs, verdict)
		}
		all.Without = append(all.Without, one)
	}
	if asJSON {
		return d.printJSON(all)
	}
	fmt.Fprintf(d.stdout, "%s seed=%d  %s\n", h.Scenario, h.Seed, runLine(&h))
	t.rows = slices.Insert(t.rows, 0, []string{"without", "", "", "differs from", "and is"})
	if err := t.write(d.stdout); err != nil {
		return err
	}
	if all.Later > 0 {
		fmt.Fprintf(d.stdout, "%s would strike after the end of the run\n", plural(all.Later, "more fault"))
	}
	if !h.Violated() {
		return nil
	}
	_, err := fmt.Fprintln(d.stdout, neededText(all.Needed, len(plan.Faults)))
	return err
}

// neededText says how many of a plan's faults a violation needs.
func neededText(needed, of int) string {
	switch {
	case needed == 0 && of == 1:
		return "the violation does not need the fault: it is there without it"
	case needed == 0:
		return fmt.Sprintf("the violation needs none of the %d faults: it is there without any one of them", of)
	case of == 1:
		return "the violation needs the fault: without it it is not there"
	case needed == 1:
		return fmt.Sprintf("the violation needs one of the %d faults: without it it is not there", of)
	case needed == of:
		return fmt.Sprintf("the violation needs all of the %d faults: without any one of them it is not there", of)
	}
	return fmt.Sprintf("the violation needs %d of the %d faults: without any one of these it is not there", needed, of)
}

func seedLine(h *trace.Header) string { return fmt.Sprintf("%s seed=%d", h.Scenario, h.Seed) }

// runLine is what came of a run.
func runLine(h *trace.Header) string {
	return fmt.Sprintf("%s; %d steps, %s virtual, hash %016x", h.Verdict, h.Steps, h.Virtual, h.Hash)
}

// newFault is a fault of a plan, with its times.
func newFault(i int, e nemesis.Event) report.Fault {
	return report.Fault{Number: i + 1, Text: e.When() + "  " + e.String()}
}

func faultText(f report.Fault) string { return fmt.Sprintf("%d  %s", f.Number, f.Text) }

// eachJSON is a run, and what comes of it without each of its faults.
type eachJSON struct {
	Scenario string `json:"scenario"`
	Seed     uint64 `json:"seed,string"`
	sideJSON
	Needed  int           `json:"needed"` // faults without which the run violates something else, or nothing
	Later   int           `json:"later"`  // faults that would strike after its end
	Without []leftOutJSON `json:"without"`
}

type leftOutJSON struct {
	report.Fault
	Why string `json:"why,omitempty"` // it cannot be left out
	*sideJSON
	First *report.Difference `json:"first,omitempty"`
}

// diffJSON is two runs, and where they come apart.
type diffJSON struct {
	Scenario string              `json:"scenario"`
	Seed     uint64              `json:"seed,string"`
	Missing  []report.Fault      `json:"left_out,omitempty"`
	Runs     [2]sideJSON         `json:"runs"`
	Apart    []report.Difference `json:"apart"` // a node each, in order of time
	Again    string              `json:"again"`
}

// sideJSON is one run.
type sideJSON struct {
	Label    string  `json:"label,omitempty"`
	Verdict  string  `json:"verdict"`
	Property string  `json:"property,omitempty"` // that was violated or is undecided
	Step     uint64  `json:"step,omitempty"`     // of the violation
	Steps    uint64  `json:"steps"`
	Virtual  float64 `json:"virtual_seconds"`
	Hash     string  `json:"hash"`
}

func newSideJSON(t *trace.Reader) sideJSON {
	h := t.Header()
	return sideJSON{"", h.Verdict, h.Property, h.Step, h.Steps, time.Duration(h.Virtual).Seconds(), hashText(h.Hash)}
}

func (d *differ) json() diffJSON {
	h := d.traces[0].Header()
	j := diffJSON{Scenario: h.Scenario, Seed: h.Seed, Missing: d.missing, Apart: report.Apart(&h, d.apart), Again: d.again}
	for i, t := range d.traces {
		j.Runs[i] = newSideJSON(t)
		j.Runs[i].Label = d.sides[i].Label
	}
	return j
}
