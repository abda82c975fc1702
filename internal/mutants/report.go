package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// verdict is what an outcome comes to.
type verdict struct {
	good bool
	text string
}

func (o *outcome) verdict() verdict {
	expected := slices.ContainsFunc(o.caught, func(c catch) bool { return c.expected })
	switch m := o.mutant; {
	case o.err != nil:
		return verdict{false, "ERROR"}
	case m == nil && len(o.caught) == 0:
		return verdict{true, "clean"}
	case m == nil:
		return verdict{false, "NOT CLEAN"}
	case m.equivalent != "" && len(o.caught) == 0:
		return verdict{true, "equivalent"}
	case m.equivalent != "":
		return verdict{false, "NOT EQUIVALENT"}
	case len(o.caught) == 0:
		return verdict{false, "UNFOUND"}
	case !expected:
		return verdict{false, "BY ANOTHER"}
	case o.finds == nil || o.finds[0] > 0:
		return verdict{true, "found"}
	case m.hard != "":
		return verdict{true, "hard"}
	}
	return verdict{false, "LATE"}
}

// name is the mutant's, or none.
func (o *outcome) name() string {
	if o.mutant == nil {
		return "none"
	}
	return o.mutant.name
}

// columns of both tables.
var columns = []string{"mutant", "verdict", "seeds to find", "median", "caught in", "of seeds", "CPU s", "in", "caught by"}

func (o *outcome) row() []string {
	runs := int64(0)
	for _, c := range o.caught {
		runs += c.seeds
	}
	row := []string{o.name(), o.verdict().text, "-", "-", strconv.FormatInt(runs, 10), strconv.FormatUint(o.seeds, 10),
		fmt.Sprintf("%.1f", o.cpu.Seconds()), o.in, o.catches()}
	if o.seeds == 0 {
		row[4], row[5] = "-", "-"
	} else if o.mutant != nil && o.mutant.equivalent == "" {
		row[2], row[3] = o.found(), o.median()
	}
	return row
}

// mostRanges bounds the ranges whose finds are listed.
const mostRanges = 5

// found lists how many seeds the first ranges took.
func (o *outcome) found() string {
	var list []string
	for _, n := range o.finds[:min(len(o.finds), mostRanges)] {
		text := "·"
		if n > 0 {
			text = strconv.FormatUint(n, 10)
		}
		list = append(list, text)
	}
	return strings.Join(list, " ")
}

// median is the middle of what the ranges took; of two, the larger.
func (o *outcome) median() string {
	if len(o.finds) == 0 {
		return "-"
	}
	all := slices.Clone(o.finds)
	slices.SortFunc(all, func(a, b uint64) int { return cmp.Compare(a-1, b-1) }) // 0, not found, is the most
	if n := all[len(all)/2]; n > 0 {
		return strconv.FormatUint(n, 10)
	}
	return "> " + strconv.FormatUint(o.size, 10)
}

// catches lists the properties, the first seen first, with how often each was violated if there are several. Those that
// the mutant does not name are in brackets.
func (o *outcome) catches() string {
	if o.err != nil {
		text, _, _ := strings.Cut(o.err.Error(), "\n")
		return text
	}
	var list []string
	for _, c := range o.caught {
		text := c.property
		if len(o.caught) > 1 && o.seeds > 0 {
			text += " " + strconv.FormatInt(c.seeds, 10)
		}
		if !c.expected {
			text = "[" + text + "]"
		}
		list = append(list, text)
	}
	return strings.Join(list, ", ")
}

// widths of the columns on a terminal, but the last.
var widths = []int{-37, -14, -20, 6, 9, 8, 6, -13}

func writeRow(w io.Writer, row []string) {
	for i, n := range widths {
		fmt.Fprintf(w, "%*s  ", n, row[i])
	}
	fmt.Fprintln(w, row[len(row)-1])
}

// writePage writes the page of docs.
func writePage(w io.Writer, command string, b *bench, outcomes []*outcome) error {
	p := &page{w: w}
	p.printf(`# Mutants

Written by `+"`%s`"+`; do not edit.

A mutant is a small change to a model's source that plants a mistake which others have made, or could. It lies as data in
the folder mutants beside the model, and is compiled in by the go command's -overlay. Each must be found, and by a
property that it names; the source as it is, `+"`none`"+`, must be clean over the same seeds.

- **verdict**: found, within the first %d seeds; hard, later than that, with the reason below; equivalent, not found, as
  nothing can tell it from the original. Anything else is in capitals, and a failure.
- **seeds to find**: how many seeds the sweep took to the first find by a named property, in each of the first %d ranges of
  %d seeds (1–%d, %d–%d, …); · means not within the range. **median**: over all ranges.
- **caught in**: of all seeds that were run, those in which a property was violated. **caught by**: which, the first seen
  first, and how often; in brackets if the mutant does not name it.
- **CPU s**: processor time of all its sweeps. For a test, of building and running it.

`, command, b.size, mostRanges, b.size, b.size, b.size+1, 2*b.size)
	p.printf("| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat(" --- |", len(columns)))
	for _, o := range outcomes {
		row := o.row()
		for i := range row {
			row[i] = strings.ReplaceAll(row[i], "|", `\|`)
		}
		p.printf("| %s |\n", strings.Join(row, " | "))
	}
	p.printf(`
%s.

## What they are

In the sources, paper is Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", extended version, 2014;
thesis is Ongaro, "Consensus: Bridging Theory and Practice", 2014.
`, summary(outcomes))
	for _, o := range outcomes {
		m := o.mutant
		if m == nil {
			continue
		}
		p.printf("\n**[%s](../%s)** %s  \nSource: %s\n", m.name, m.path, m.what, m.source)
		if m.hard != "" {
			p.printf("\nWhy it is hard: %s\n", m.hard)
		}
		if m.equivalent != "" {
			p.printf("\nWhy nothing can find it: %s\n", m.equivalent)
		}
	}
	return p.err
}

// summary counts the mutants by verdict.
func summary(outcomes []*outcome) string {
	total, counts := 0, map[string]int{}
	var order []string
	for _, o := range outcomes {
		if o.mutant == nil {
			continue
		}
		total++
		text := o.verdict().text
		if counts[text]++; counts[text] == 1 {
			order = append(order, text)
		}
	}
	for i, text := range order {
		order[i] = fmt.Sprintf("%d %s", counts[text], text)
	}
	return fmt.Sprintf("%d mutants: %s", total, strings.Join(order, ", "))
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
