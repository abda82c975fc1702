package mutants

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Verdict is what an outcome comes to. Those in capitals are failures.
type Verdict string

const (
	Found      Verdict = "found"
	Hard       Verdict = "hard" // found, but the median range takes more than HardSeeds seeds
	Equivalent Verdict = "equivalent"
	Clean      Verdict = "clean"

	Unfound       Verdict = "UNFOUND"    // by a property that it names, in the median range
	ByAnother     Verdict = "BY ANOTHER" // only
	NotEquivalent Verdict = "NOT EQUIVALENT"
	NotClean      Verdict = "NOT CLEAN"
	Broken        Verdict = "ERROR"
)

// HardSeeds is up to how many seeds a mutant may take without being called hard.
const HardSeeds = 20

// Good reports whether all is as it should be.
func (v Verdict) Good() bool { return v == Found || v == Hard || v == Equivalent || v == Clean }

// judge sets the median and the verdict.
func (o *Outcome) judge() {
	expected := slices.ContainsFunc(o.Caught, func(c Catch) bool { return c.Expected })
	wanted := o.wanted()
	if wanted && o.Error == "" {
		o.Median = median(o.Ranges)
	}
	switch {
	case o.Error != "":
		o.Verdict = Broken
	case o.Mutant == nil && len(o.Caught) == 0:
		o.Verdict = Clean
	case o.Mutant == nil:
		o.Verdict = NotClean
	case !wanted && len(o.Caught) == 0:
		o.Verdict = Equivalent
	case !wanted:
		o.Verdict = NotEquivalent
	case !expected && len(o.Caught) > 0:
		o.Verdict = ByAnother
	case !expected || len(o.Ranges) > 0 && o.Median == 0:
		o.Verdict = Unfound
	case o.Median > HardSeeds:
		o.Verdict = Hard
	default:
		o.Verdict = Found
	}
}

// median is the middle of what the ranges took, of two the larger; 0 if that one, or none, found anything.
func median(ranges []Range) uint64 {
	var all []uint64
	for _, r := range ranges {
		if r.Found {
			all = append(all, r.Seeds)
		}
	}
	slices.Sort(all)
	if middle := len(ranges) / 2; middle < len(all) {
		return all[middle]
	}
	return 0
}

// Report is what a bench came to.
type Report struct {
	Command  string     `json:"command"` // that was typed
	Ranges   uint64     `json:"ranges"`
	Seeds    uint64     `json:"seeds"`
	Workers  int        `json:"workers"`
	Shrink   int        `json:"shrink"`
	Summary  Summary    `json:"summary"`
	Outcomes []*Outcome `json:"outcomes"`
}

// Summary sums mutants up. Medians of nothing are 0.
type Summary struct {
	Mutants  int             `json:"mutants"`
	Verdicts map[Verdict]int `json:"verdicts"` // of mutants

	Median uint64 `json:"seeds_to_find_median"` // over the mutants that are found in a sweep, as is the next
	Most   uint64 `json:"seeds_to_find_most"`
	Swept  int    `json:"swept"` // mutants that are looked for in sweeps
	Hard   int    `json:"hard"`  // of those

	Shrunk        int     `json:"shrunk"` // mutants; the medians are over them
	Faults        int     `json:"faults_median"`
	Operations    int     `json:"operations_median"`
	Early         Size    `json:"early_median"` // after the first hundred runs
	StructureRuns int     `json:"structure_runs_median"`
	Seconds       float64 `json:"shrink_seconds_median"`
	CPU           float64 `json:"cpu_seconds"` // of all sweeps and tests
}

// Report sums up outcomes.
func (b *Bench) Report(command string, outcomes []*Outcome) *Report {
	r := &Report{Command: command, Ranges: b.Ranges, Seeds: b.Seeds, Workers: b.Workers, Shrink: b.Shrink, Outcomes: outcomes}
	s := &r.Summary
	s.Verdicts = make(map[Verdict]int)
	var seeds []uint64
	var faults, operations, earlyFaults, earlyOperations, runs []int
	var seconds []float64
	for _, o := range outcomes {
		s.CPU += o.CPU
		if o.Mutant == nil {
			continue
		}
		s.Mutants++
		s.Verdicts[o.Verdict]++
		if o.Mutant.Scenario != "" && o.Mutant.Equivalent == "" {
			s.Swept++
		}
		if o.Median > 0 {
			seeds = append(seeds, o.Median)
		}
		if k := o.Shrunk; k != nil {
			s.Shrunk++
			faults, operations, runs = append(faults, k.Faults), append(operations, k.Operations), append(runs, k.StructureRuns)
			earlyFaults, earlyOperations = append(earlyFaults, k.Early.Faults), append(earlyOperations, k.Early.Operations)
			seconds = append(seconds, k.Seconds)
		}
	}
	s.Hard = s.Verdicts[Hard]
	s.Median, s.Most = middle(seeds), slices.Max(append(seeds, 0))
	s.Faults, s.Operations, s.StructureRuns, s.Seconds = middle(faults), middle(operations), middle(runs), middle(seconds)
	s.Early = Size{middle(earlyFaults), middle(earlyOperations)}
	return r
}

// middle is the median, of two the larger; 0 of nothing.
func middle[T cmp.Ordered](all []T) (m T) {
	if len(all) > 0 {
		slices.Sort(all)
		m = all[len(all)/2]
	}
	return m
}

// String is the summary in sentences.
func (s Summary) String() string {
	var b strings.Builder
	separator := "1 mutant: "
	if s.Mutants != 1 {
		separator = fmt.Sprintf("%d mutants: ", s.Mutants)
	}
	for _, v := range []Verdict{Found, Hard, Equivalent, Unfound, ByAnother, NotEquivalent, Broken} {
		if n := s.Verdicts[v]; n > 0 {
			fmt.Fprintf(&b, "%s%d %s", separator, n, v)
			separator = ", "
		}
	}
	if s.Median > 0 {
		fmt.Fprintf(&b, ". Seeds to find, over mutants: median %d, most %d; hard are %d of %d, which is %d %%",
			s.Median, s.Most, s.Hard, s.Swept, 100*s.Hard/s.Swept)
	}
	if s.Shrunk > 0 {
		fmt.Fprintf(&b, ". Shrunk, medians over %d: %d faults and %d operations, after the first hundred runs %d and %d; "+
			"the structure takes %d runs, the whole %.1f s",
			s.Shrunk, s.Faults, s.Operations, s.Early.Faults, s.Early.Operations, s.StructureRuns, s.Seconds)
	}
	return b.String() + "."
}

// Columns head the rows of outcomes. The first is text, Numbers come after it, and text again.
var Columns = []string{"mutant", "median", "seeds to find", "CPU s", "faults/ops", "verdict", "expected", "caught by", "in", "source"}

// Numbers is how many of the columns are numbers.
const Numbers = 4

// Row is an outcome as a row of a table.
func (o *Outcome) Row() []string {
	row := []string{o.Name, "-", "-", fmt.Sprintf("%.1f", o.CPU), "-", string(o.Verdict), o.expected(), o.catches(), o.In, "-"}
	if o.Mutant != nil {
		row[9] = o.Mutant.Short()
	}
	if o.wanted() && len(o.Ranges) > 0 && o.Error == "" {
		row[1], row[2] = o.median(), o.found()
	}
	if k := o.Shrunk; k != nil {
		row[4] = fmt.Sprintf("%d/%d", k.Faults, k.Operations)
	}
	return row
}

// median is o.Median in words.
func (o *Outcome) median() string {
	if o.Median > 0 {
		return strconv.FormatUint(o.Median, 10)
	}
	most := uint64(0)
	for _, r := range o.Ranges {
		most = max(most, r.Seeds)
	}
	return fmt.Sprintf("> %d", most)
}

// found lists how many seeds the ranges took.
func (o *Outcome) found() string {
	var list []string
	for _, r := range o.Ranges {
		text := "·"
		if r.Found {
			text = strconv.FormatUint(r.Seeds, 10)
		}
		list = append(list, text)
	}
	return strings.Join(list, " ")
}

// expected tells whether the mutant names what caught it.
func (o *Outcome) expected() string {
	named := 0
	for _, c := range o.Caught {
		if c.Expected {
			named++
		}
	}
	switch {
	case len(o.Caught) == 0:
		return "-"
	case named == 0:
		return "NO"
	case named < len(o.Caught):
		return "and others"
	}
	return "yes"
}

// catches lists the properties, the first seen first, with how often each was violated if there are several. Those that
// the mutant does not name are in brackets.
func (o *Outcome) catches() string {
	if o.Error != "" {
		text, _, _ := strings.Cut(o.Error, "\n")
		return text
	}
	var list []string
	for _, c := range o.Caught {
		text := c.Property
		if len(o.Caught) > 1 && len(o.Ranges) > 0 {
			text += " " + strconv.FormatInt(c.Seeds, 10)
		}
		if !c.Expected {
			text = "[" + text + "]"
		}
		list = append(list, text)
	}
	if len(list) == 0 {
		return "-"
	}
	return strings.Join(list, ", ")
}

// WritePage writes the page of docs, which is in a folder of the root.
func (r *Report) WritePage(w io.Writer) error {
	p := &page{w: w}
	p.printf(`# Mutants

Written by `+"`%s`"+`; do not edit.

A mutant is a small change to a model's source that plants a mistake which others have made, or could. It lies as data in
the folder mutants beside the model, and is compiled in by the go command's -overlay. Each must be found, and by a
property that it names; the source as it is, `+"`none`"+`, must be clean over the same seeds.

- **seeds to find**: a mutant is looked for in %d ranges of seeds, which begin at 1, %d, %d and so on. Each is swept until
  the first seed that violates a property which the mutant names, and given up after %d: · means not found.
  **median**: of the ranges, where one that was given up counts as more than all others.
- **verdict**: found, if the median range did; hard, if it took more than %d seeds; equivalent, not found, as nothing can
  tell it from the original. Anything else is in capitals, and a failure.
- **caught by**: what was violated on the way, the first seen first, and in how many seeds if it is several properties;
  in brackets if the mutant does not name it, as **expected** says, too.
- **faults/ops**: what is left of the first range's find, once its plan has been shrunk in at most %d runs.
- **CPU s**: processor time of all its sweeps. For a test, of building and running it.

`, r.Command, r.Ranges, r.Seeds+1, 2*r.Seeds+1, r.Seeds, HardSeeds, r.Shrink)
	p.printf("| %s |\n|%s%s\n", strings.Join(Columns, " | "), " --- |"+strings.Repeat(" ---: |", Numbers),
		strings.Repeat(" --- |", len(Columns)-1-Numbers))
	for _, o := range r.Outcomes {
		row := o.Row()
		for i := range row {
			row[i] = strings.ReplaceAll(row[i], "|", `\|`)
		}
		p.printf("| %s |\n", strings.Join(row, " | "))
	}
	p.printf(`
%s

## What they are

In the sources, paper is Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", extended version, 2014;
thesis is Ongaro, "Consensus: Bridging Theory and Practice", 2014.
`, r.Summary)
	for _, o := range r.Outcomes {
		m := o.Mutant
		if m == nil {
			continue
		}
		p.printf("\n**[%s](../%s)** %s  \nSource: %s\n", m.Name, m.Path, m.What, m.Source)
		if m.Rare != "" {
			p.printf("\nWhat it takes: %s\n", m.Rare)
		}
		if m.Equivalent != "" {
			p.printf("\nWhy nothing can find it: %s\n", m.Equivalent)
		}
	}
	return p.err
}

// page is a writer that keeps its first error.
type page struct {
	w   io.Writer
	err error
}

func (p *page) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
