package cli

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/scenarios"
)

// print sums up the sweep for people: what failed, what was swept, what it contained, and what fell short.
func (s *sweep) print() error {
	if err := s.printFailures(); err != nil {
		return err
	}
	if err := s.printSeeds(); err != nil {
		return err
	}
	if err := s.printContents(); err != nil {
		return err
	}
	return s.printRemarks()
}

func (s *sweep) printFailures() error {
	for _, p := range s.parts {
		for _, f := range p.unexpected() {
			if err := s.writeFailure(p, f.failure); err != nil {
				return err
			}
			fmt.Fprintf(s.stdout, "  in %s: %s\n  as a page: %s\n\n", countOf(f.Runs, p.Seeds), f.path, f.page)
		}
		if p.drift != nil {
			if err := s.writeFailure(p, p.drift); err != nil {
				return err
			}
			fmt.Fprintln(s.stdout)
		}
	}
	return nil
}

func (s *sweep) printSeeds() error {
	t := table{right: 10}
	t.add("scenario", "seeds", "valid", "invalid", "unknown", "steps", "virtual", "steps/s", "seeds/s", "sometimes", "floors")
	var sum totals
	for _, p := range s.parts {
		one := p.totals()
		sum.add(one)
		held, all := p.sometimes()
		floors := len(p.Scenario.Floors)
		t.add(append(one.row(p.Scenario.Name), ratio(held, all), ratio(floors-len(p.BelowFloor()), floors), p.outcome())...)
	}
	if len(s.parts) > 1 {
		t.add(sum.row("all")...)
	}
	if err := t.write(s.stdout); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.stdout, "in %s, %s at once\n", sum.wall.Round(time.Millisecond), plural(s.workers, "run"))
	return err
}

// outcome is a part's verdict in a few words.
func (p *part) outcome() string {
	var words []string
	if p.diverged() {
		words = append(words, "NOT DETERMINISTIC")
	}
	if n := len(p.unexpected()); n > 0 {
		words = append(words, "FAILED: "+plural(n, "finding"))
	}
	if n := len(p.Missing()); n > 0 {
		words = append(words, fmt.Sprintf("FAILED: %d never held", n))
	}
	switch {
	case p.Scenario.Anomaly == "":
	case p.Invalid > 0:
		words = append(words, "shows its anomaly")
	case p.Seeds >= scenarios.MinSeeds:
		words = append(words, "FAILED: does not show its anomaly")
	default:
		words = append(words, "has not shown its anomaly yet")
	}
	if len(words) == 0 {
		return "as expected"
	}
	return strings.Join(words, ", ")
}

// headlines are the counts that a sweep of several scenarios prints, with their columns.
var headlines = [][2]string{
	{"operations", "operations"}, {"ok", "ok"}, {"info", "info"}, {"crashes", "crashes"},
	{"crashes with unsynced data", "unsynced"}, {"planned partition", "partitions"}, {"long pauses", "long pauses"},
	{"leader changes", "leader changes"}, {"packets delivered", "packets"}, {"virtual ms", "virtual ms"},
}

// printContents prints what the runs contained: the headlines of several scenarios, all that is known of a single one.
func (s *sweep) printContents() error {
	if len(s.parts) == 1 {
		return s.printAll(s.parts[0])
	}
	var names, columns []string
	for _, h := range headlines {
		if slices.ContainsFunc(s.parts, func(p *part) bool { return p.Total(h[0]) > 0 }) {
			names, columns = append(names, h[0]), append(columns, h[1])
		}
	}
	if len(names) == 0 {
		return nil
	}
	t := table{right: len(columns)}
	t.add(append([]string{"median of a seed"}, columns...)...)
	for _, p := range s.parts {
		row := []string{p.Scenario.Name}
		for _, name := range names {
			row = append(row, strconv.FormatInt(p.Median(name), 10))
		}
		t.add(row...)
	}
	fmt.Fprintln(s.stdout)
	return t.write(s.stdout)
}

// printAll prints the counts of a single scenario with its floors, and how often each property was seen to hold.
func (s *sweep) printAll(p *part) error {
	floors := make(map[string]string)
	for _, f := range p.Scenario.Floors {
		floors[f.Count] = strconv.FormatInt(f.Least, 10)
	}
	t := table{right: 3}
	t.add("count", "median", "floor", "total")
	for _, name := range p.Counts() {
		t.add(name, strconv.FormatInt(p.Median(name), 10), floors[name], strconv.FormatInt(p.Total(name), 10))
	}
	fmt.Fprintln(s.stdout)
	if err := t.write(s.stdout); err != nil {
		return err
	}
	t = table{right: 3}
	t.add("property", "held", "in seeds", "violated in")
	for _, c := range p.Checks.Tallies() {
		t.add(c.String(), strconv.FormatUint(c.Held, 10), strconv.Itoa(c.Runs), strconv.Itoa(c.Violated))
	}
	fmt.Fprintln(s.stdout)
	return t.write(s.stdout)
}

func (s *sweep) printRemarks() error {
	var lines []string
	for _, p := range s.parts {
		name := p.Scenario.Name
		if p.Unknown > 0 {
			lines = append(lines, fmt.Sprintf("unknown: %s could not decide %s", name, countOf(p.Unknown, p.Seeds)))
		}
		for _, property := range p.Missing() {
			lines = append(lines, fmt.Sprintf("never: %s has not shown %s in %d seeds", name, property, p.Seeds))
		}
		if p.Seeds >= scenarios.MinSeeds {
			for _, f := range p.BelowFloor() {
				lines = append(lines, fmt.Sprintf("warning: %s has a median of %d for %q, below its floor of %d", name, p.Median(f.Count), f.Count, f.Least))
			}
		}
	}
	if s.interrupted {
		lines = append(lines, "interrupted: this is what there is until then")
	}
	if len(lines) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(s.stdout, "\n%s\n", strings.Join(lines, "\n"))
	return err
}

// totals are what scenarios have in common.
type totals struct {
	seeds, valid, invalid, unknown, steps int64
	virtual, wall                         time.Duration
}

func (p *part) totals() totals {
	return totals{p.Seeds, p.Valid, p.Invalid, p.Unknown, p.Steps, time.Duration(p.Total("virtual ms")) * time.Millisecond, p.wall}
}

func (t *totals) add(o totals) {
	t.seeds += o.seeds
	t.valid += o.valid
	t.invalid += o.invalid
	t.unknown += o.unknown
	t.steps += o.steps
	t.virtual += o.virtual
	t.wall += o.wall
}

// per is n per second of the wall clock.
func (t totals) per(n float64) float64 { return n / max(t.wall.Seconds(), 1e-9) }

func (t totals) row(name string) []string {
	return []string{
		name, strconv.FormatInt(t.seeds, 10), strconv.FormatInt(t.valid, 10), strconv.FormatInt(t.invalid, 10),
		strconv.FormatInt(t.unknown, 10), short(float64(t.steps)), t.virtual.Round(time.Second).String(),
		short(t.per(float64(t.steps))), short(t.per(float64(t.seeds))),
	}
}

// sometimes is how many of the properties of that quantifier held in any seed.
func (p *part) sometimes() (held, all int) {
	for _, t := range p.Checks.Tallies() {
		if t.Quantifier == checkers.Sometimes {
			if all++; t.Held > 0 {
				held++
			}
		}
	}
	return held, all
}

// short is a number in at most five places: 812, 4711, 31.4k, 2.5M.
func short(n float64) string {
	switch {
	case n < 10_000:
		return strconv.FormatFloat(n, 'f', 0, 64)
	case n < 1e6:
		return strconv.FormatFloat(n/1e3, 'f', 1, 64) + "k"
	case n < 1e9:
		return strconv.FormatFloat(n/1e6, 'f', 1, 64) + "M"
	}
	return strconv.FormatFloat(n/1e9, 'f', 1, 64) + "G"
}

func ratio(n, of int) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", n, of)
}

func countOf(n, of int64) string { return fmt.Sprintf("%d of %s", n, plural(int(of), "seed")) }

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// table is text in columns as wide as they need.
type table struct {
	rows  [][]string
	right int // how many columns after the first are aligned to the right, as numbers are
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) write(w io.Writer) error {
	var widths []int
	for _, row := range t.rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range t.rows {
		line := ""
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				line += "  "
			}
			if i > 0 && i <= t.right {
				line += pad + cell
			} else {
				line += cell + pad
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
