package mutants

import (
	"context"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Mixes are the ways of choosing faults and operations that Compare compares, as they end a scenario's name: that of the
// catalogue, which is a swarm, comes first.
var Mixes = []string{"", "@fixed", "@all"}

// Comparison is how soon a mutant is found with each of Mixes.
type Comparison struct {
	Name  string `json:"name"`
	In    string `json:"in"`
	Mixes []Find `json:"mixes"`
	Error string `json:"error,omitempty"`
}

// Find is what it takes to find something with one mix.
type Find struct {
	Finds uint64  `json:"finds"`       // of properties that the mutant names
	Seeds uint64  `json:"seeds"`       // that were run for them
	CPU   float64 `json:"cpu_seconds"` // likewise
}

// PerFind is how many seeds there are to a find. If there was none, it is more than it says.
func (f Find) PerFind() float64 { return float64(f.Seeds) / float64(max(f.Finds, 1)) }

// CPUPerFind is the processor time of one, likewise.
func (f Find) CPUPerFind() float64 { return f.CPU / float64(max(f.Finds, 1)) }

// Compare looks for the mutants that sweeps find with each of the Mixes, in Ranges ranges each, up to the first find in
// each. It ends early, with what there is, when ctx ends.
func (b *Bench) Compare(ctx context.Context, mutants []*Mutant) ([]*Comparison, error) {
	done, err := b.folder()
	if err != nil {
		return nil, err
	}
	defer done()
	mutants = slices.DeleteFunc(slices.Clone(mutants), func(m *Mutant) bool { return m.Scenario == "" || m.Equivalent != "" })
	b.at, b.of = 0, len(mutants)
	var all []*Comparison
	for _, m := range mutants {
		c := &Comparison{Name: m.Name, In: m.Scenario}
		if err := b.compare(ctx, m, c); err != nil {
			c.Error = err.Error()
		}
		if ctx.Err() != nil {
			break
		}
		all = append(all, c)
		b.at++
		b.Compared(c)
	}
	return all, nil
}

func (b *Bench) compare(ctx context.Context, m *Mutant, c *Comparison) error {
	o := &Outcome{Name: m.Name, Mutant: m, In: m.Scenario}
	overlay, err := b.overlay(m)
	if err != nil {
		return err
	}
	program, err := b.build(ctx, o, overlay)
	if err != nil {
		return err
	}
	for _, mix := range Mixes {
		o := &Outcome{Name: m.Name, Mutant: m, In: m.Scenario + mix}
		f := Find{}
		for i := range b.Ranges {
			b.doing(o, fmt.Sprintf("%s, range %d of %d", o.In, i+1, b.Ranges))
			if err := b.sweepRange(ctx, o, program, i*b.Seeds+1, b.Seeds); err != nil {
				return err
			}
			f.Seeds += o.Ranges[i].Seeds
			if o.Ranges[i].Found {
				f.Finds++
			}
		}
		f.CPU = o.CPU
		c.Mixes = append(c.Mixes, f)
	}
	return nil
}

// MixReport is what a comparison of mixes came to.
type MixReport struct {
	Command string        `json:"command"`
	Ranges  uint64        `json:"ranges"`
	Seeds   uint64        `json:"seeds"`
	Workers int           `json:"workers"`
	Against []Against     `json:"against"`
	Mutants []*Comparison `json:"mutants"`
}

// Against is the swarm beside another mix. Ratios are of the other's geometric mean over mutants to the swarm's: above 1 the
// swarm is better. An interval is that of two standard errors of the mean of logarithms, over mutants.
type Against struct {
	Mix    string     `json:"mix"`
	Seeds  float64    `json:"seeds_ratio"`
	Within [2]float64 `json:"seeds_ratio_interval"`
	CPU    float64    `json:"cpu_ratio"`
	// Hard is as Seeds, over the mutants that take more than a hundred seeds with any mix.
	Hard       float64    `json:"hard_seeds_ratio"`
	HardWithin [2]float64 `json:"hard_seeds_ratio_interval"`
	HardCPU    float64    `json:"hard_cpu_ratio"`
	HardCount  int        `json:"hard"`

	Better int `json:"better"` // mutants of which a find takes fewer seeds with the swarm
	Worse  int `json:"worse"`
	// Sums are over the mutants, of the seeds and the processor time of one find each: those hard to find weigh most.
	SwarmSeeds float64 `json:"swarm_seeds_sum"`
	OtherSeeds float64 `json:"other_seeds_sum"`
	SwarmCPU   float64 `json:"swarm_cpu_seconds_sum"`
	OtherCPU   float64 `json:"other_cpu_seconds_sum"`
}

// MixReport sums up comparisons.
func (b *Bench) MixReport(command string, all []*Comparison) *MixReport {
	r := &MixReport{Command: command, Ranges: b.Ranges, Seeds: b.Seeds, Workers: b.Workers, Mutants: all}
	for i, mix := range Mixes[1:] {
		a := Against{Mix: strings.TrimPrefix(mix, "@")}
		var logs, cpu, hard, hardCPU []float64
		for _, c := range all {
			if c.Error != "" {
				continue
			}
			swarm, other := c.Mixes[0], c.Mixes[i+1]
			logs = append(logs, math.Log(other.PerFind()/swarm.PerFind()))
			cpu = append(cpu, math.Log(other.CPUPerFind()/swarm.CPUPerFind()))
			if slices.ContainsFunc(c.Mixes, func(f Find) bool { return f.PerFind() > 100 }) {
				hard, hardCPU = append(hard, logs[len(logs)-1]), append(hardCPU, cpu[len(cpu)-1])
			}
			switch {
			case swarm.PerFind() < other.PerFind():
				a.Better++
			case swarm.PerFind() > other.PerFind():
				a.Worse++
			}
			a.SwarmSeeds, a.OtherSeeds = a.SwarmSeeds+swarm.PerFind(), a.OtherSeeds+other.PerFind()
			a.SwarmCPU, a.OtherCPU = a.SwarmCPU+swarm.CPUPerFind(), a.OtherCPU+other.CPUPerFind()
		}
		a.Seeds, a.Within = geometric(logs)
		a.CPU, _ = geometric(cpu)
		a.Hard, a.HardWithin = geometric(hard)
		a.HardCPU, _ = geometric(hardCPU)
		a.HardCount = len(hard)
		r.Against = append(r.Against, a)
	}
	return r
}

// geometric is the geometric mean of what these are the logarithms of, and two standard errors to both sides.
func geometric(logs []float64) (mean float64, within [2]float64) {
	n, m, sum := float64(max(len(logs), 1)), 0.0, 0.0
	for _, v := range logs {
		m += v / n
	}
	for _, v := range logs {
		sum += (v - m) * (v - m)
	}
	deviation := math.Sqrt(sum / max(n-1, 1) / n)
	return math.Exp(m), [2]float64{math.Exp(m - 2*deviation), math.Exp(m + 2*deviation)}
}

// String is a comparison in a sentence.
func (a Against) String() string {
	return fmt.Sprintf("against %s: a find takes %.2f times as many seeds there (%.2f to %.2f, geometric mean over mutants) and %.2f times "+
		"the processor time; of the %d mutants that take more than a hundred seeds with any mix, %.2f times as many seeds (%.2f to %.2f) "+
		"and %.2f times the time; the swarm needs fewer seeds for %d mutants and more for %d; one find of each takes %.0f seeds and "+
		"%.1f s by the swarm, %.0f seeds and %.1f s by the other",
		a.Mix, a.Seeds, a.Within[0], a.Within[1], a.CPU, a.HardCount, a.Hard, a.HardWithin[0], a.HardWithin[1], a.HardCPU, a.Better, a.Worse, a.SwarmSeeds, a.SwarmCPU, a.OtherSeeds, a.OtherCPU)
}

// MixColumns head the rows of comparisons; the first is text.
var MixColumns = []string{"mutant", "swarm", "fixed", "all", "swarm CPU s", "fixed CPU s", "all CPU s"}

// Row is a comparison as a row of a table: seeds per find, and the processor time of one.
func (c *Comparison) Row() []string {
	if c.Error != "" {
		text, _, _ := strings.Cut(c.Error, "\n")
		return []string{c.Name + ": " + text, "-", "-", "-", "-", "-", "-"}
	}
	row := []string{c.Name}
	mark := func(f Find, text string) string {
		if f.Finds == 0 {
			return "> " + text
		}
		return text
	}
	for _, f := range c.Mixes {
		row = append(row, mark(f, strconv.FormatFloat(f.PerFind(), 'f', 1, 64)))
	}
	for _, f := range c.Mixes {
		row = append(row, mark(f, strconv.FormatFloat(f.CPUPerFind(), 'f', 2, 64)))
	}
	return row
}

// WritePage writes the page of docs.
func (r *MixReport) WritePage(w io.Writer) error {
	p := &page{w: w}
	p.printf(`# Swarms

Written by `+"`%s`"+`; do not edit.

Each seed of a scenario draws which kinds of faults and operations there are at all, how long windows are, and what faults
aim at: a swarm (Groce et al., "Swarm Testing", ISSTA 2012). This compares it with two mixes that every scenario has too,
under the names of NAME@fixed and NAME@all:

- **fixed**: any plan may have any kind of fault, and plans have as many faults as those of the swarm, on average;
- **all**: each plan has as many faults of every kind as those plans of the swarm that have that kind.

Each mutant was looked for in %d ranges of seeds, up to the first find in each, or up to %d seeds. What counts is how many
seeds and how much processor time there are to a find, by a property that the mutant names.

`, r.Command, r.Ranges, r.Seeds)
	for _, a := range r.Against {
		p.printf("- %s.\n", a)
	}
	p.printf("\n| %s |\n| --- |%s\n", strings.Join(MixColumns, " | "), strings.Repeat(" ---: |", len(MixColumns)-1))
	for _, c := range r.Mutants {
		p.printf("| %s |\n", strings.Join(c.Row(), " | "))
	}
	return p.err
}

// build builds the program with an overlay.
func (b *Bench) build(ctx context.Context, o *Outcome, overlay []string) (program string, err error) {
	b.doing(o, "building")
	program = filepath.Join(b.dir, "program")
	args := append([]string{"build", "-p=" + strconv.Itoa(b.Workers), "-o=" + program}, overlay...)
	if _, _, err := b.command(ctx, b.Root, "go", append(args, b.Main)...); err != nil {
		return "", fmt.Errorf("it does not compile: %w", err)
	}
	return program, nil
}
