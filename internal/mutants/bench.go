package mutants

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bench is where mutants are built and run. All fields must be set; see Locate for the first two.
type Bench struct {
	Root string // folder of the module
	Main string // path of the package whose program sweeps

	Ranges  uint64 // in which each mutant is looked for
	Seeds   uint64 // in a range at most: it ends with the first find. The i-th range begins with seed i·Seeds + 1
	Workers int    // runs at once; no result depends on it
	Shrink  int    // runs that shrinking a find may take; 0: it is not shrunk

	// Doing is told what happens now, in the sweep of which mutant or original, from 0 on, of how many.
	Doing func(at, of int, what string)
	// Done is told what came of one, and Compared of one that is compared.
	Done     func(o *Outcome)
	Compared func(c *Comparison)

	at, of int                 // for Doing
	need   map[string][]uint64 // by scenario and range, how many seeds the mutants took
	dir    string              // for what is built
}

// Outcome is what came of one mutant, or of the source as it is.
type Outcome struct {
	Name    string  `json:"name"`             // of the mutant, or "none"
	Mutant  *Mutant `json:"mutant,omitempty"` // nil: no mistake is planted
	In      string  `json:"in"`               // the scenario or test
	Verdict Verdict `json:"verdict"`
	Median  uint64  `json:"seeds_to_find"` // the median over ranges, where more than all counts as infinite; 0 if it is, or not looked for
	Ranges  []Range `json:"ranges"`        // none of a test
	Caught  []Catch `json:"caught"`        // the first seen first; of a test, in the order of its output
	CPU     float64 `json:"cpu_seconds"`   // of all sweeps; of a test, with its build
	Shrunk  *Shrunk `json:"shrunk,omitempty"`
	Error   string  `json:"error,omitempty"` // why nothing can be said
}

// Range is what came of one range of seeds.
type Range struct {
	First uint64 `json:"first,string"` // seed
	Seeds uint64 `json:"seeds"`        // that were run: all, or up to the find
	Found bool   `json:"found"`        // the last one violates a property that the mutant names
}

// Catch is a property that was violated.
type Catch struct {
	Property string `json:"property"`
	Expected bool   `json:"expected"`     // the mutant names it
	First    uint64 `json:"first,string"` // seed; 0 of a test
	Seeds    int64  `json:"seeds"`        // in how many; 1 of a test
}

// Shrunk is what the first find shrinks to, as shrink --json prints it.
type Shrunk struct {
	Seed          uint64  `json:"seed,string"` // that was shrunk
	Property      string  `json:"property"`
	Faults        int     `json:"faults"`
	Operations    int     `json:"operations"`
	Nodes         int     `json:"nodes"`
	Runs          int     `json:"runs"`
	StructureRuns int     `json:"structure_runs"`
	Early         Size    `json:"early"`   // after the first hundred runs
	Seconds       float64 `json:"seconds"` // by the wall clock
}

// Size is that of a plan.
type Size struct {
	Faults     int `json:"faults"`
	Operations int `json:"operations"`
}

// Locate finds the module of the program in which package main of this path is, as the build information has it.
func Locate(ctx context.Context, main string) (root, module string, err error) {
	const advice = "mutants are built from source: run it in the module's folder"
	if main == "" || main == "command-line-arguments" {
		return "", "", errors.New("mutants are built from source: build the program from its package, not from single files")
	}
	c := exec.CommandContext(ctx, "go", "list", "-f", "{{with .Module}}{{.Main}}\n{{.Dir}}\n{{.Path}}{{end}}", main)
	var complaint bytes.Buffer
	c.Stderr = &complaint
	out, err := c.Output()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return "", "", errors.New("mutants are built from source, and there is no go command here")
	case err != nil:
		why, _, _ := strings.Cut(strings.TrimSpace(complaint.String()), "\n")
		return "", "", fmt.Errorf("%s (%s)", advice, cmp.Or(why, err.Error()))
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 3 || lines[0] != "true" {
		return "", "", fmt.Errorf("%s (the source of %s is not in the module at hand)", advice, main)
	}
	return filepath.Clean(lines[1]), lines[2], nil
}

// Run plants the mutants, one after the other, and looks for them. Then it looks for what must not fail over the same
// seeds: the source as it is, which comes first in the outcomes, and equivalent mutants. It ends early, with the outcomes
// so far, when ctx ends; its error is not about a mutant.
func (b *Bench) Run(ctx context.Context, mutants []*Mutant) (outcomes []*Outcome, err error) {
	done, err := b.folder()
	if err != nil {
		return nil, err
	}
	defer done()
	last := originals(mutants)
	b.at, b.of = 0, len(mutants)+len(last)
	b.need = make(map[string][]uint64)

	var none []*Outcome
	add := func(to *[]*Outcome, m *Mutant, of *Mutant) {
		if ctx.Err() != nil {
			return
		}
		o := b.run(ctx, m, of)
		if ctx.Err() == nil { // else it was cut short
			*to = append(*to, o)
			b.at++
			b.Done(o)
		}
	}
	for _, equivalent := range []bool{false, true} {
		for _, m := range mutants {
			if (m.Equivalent != "") == equivalent {
				add(&outcomes, m, m)
			}
		}
	}
	for _, m := range last {
		add(&none, nil, m)
	}
	slices.SortFunc(outcomes, func(a, b *Outcome) int { return strings.Compare(a.Name, b.Name) })
	return append(none, outcomes...), nil
}

// folder makes the folder for what is built, which done removes.
func (b *Bench) folder() (done func(), err error) {
	b.dir, err = os.MkdirTemp("", "mutants")
	return func() { os.RemoveAll(b.dir) }, err
}

func (b *Bench) doing(o *Outcome, what string) {
	name := o.Name
	if o.Mutant == nil {
		name = o.In + " as it is"
	}
	b.Doing(b.at, b.of, name+": "+what)
}

// originals returns a mutant for each scenario and each test that is used: what it changes must pass there.
func originals(mutants []*Mutant) []*Mutant {
	var all []*Mutant
	for _, m := range mutants {
		if !slices.ContainsFunc(all, func(o *Mutant) bool { return o.in() == m.in() }) {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b *Mutant) int { return strings.Compare(a.in(), b.in()) })
	return all
}

// run plants a mutant, or none, and looks for it where of says.
func (b *Bench) run(ctx context.Context, m, of *Mutant) *Outcome {
	o := &Outcome{Name: "none", Mutant: m, In: of.in(), Ranges: []Range{}, Caught: []Catch{}}
	if m != nil {
		o.Name = m.Name
	}
	overlay, err := b.overlay(m)
	switch {
	case err != nil:
	case of.Scenario != "":
		err = b.sweep(ctx, o, overlay)
	default:
		err = b.test(ctx, o, overlay, of.Test)
	}
	if err != nil {
		o.Error = err.Error()
	}
	o.judge()
	return o
}

// overlay is Overlay in the bench's folder, or nothing.
func (b *Bench) overlay(m *Mutant) ([]string, error) {
	if m == nil {
		return nil, nil
	}
	return m.Overlay(b.Root, b.dir)
}

// Overlay writes the changed file of the module in root to a folder, and returns the flags that have the go command read it
// in place of the original.
func (m *Mutant) Overlay(root, dir string) ([]string, error) {
	original := filepath.Join(root, filepath.FromSlash(m.file))
	source, err := os.ReadFile(original)
	if err != nil {
		return nil, err
	}
	text, err := m.apply(string(source))
	if err != nil {
		return nil, err
	}
	changed, list := filepath.Join(dir, "changed.go"), filepath.Join(dir, "overlay.json")
	data, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	if err != nil {
		return nil, err
	}
	return []string{"-overlay=" + list}, errors.Join(os.WriteFile(changed, []byte(text), 0o666), os.WriteFile(list, data, 0o666))
}

// sweep looks for a mutant in each range, and shrinks the first find. What nothing should find is looked for in the seeds
// that the others took.
func (b *Bench) sweep(ctx context.Context, o *Outcome, overlay []string) error {
	program, err := b.build(ctx, o, overlay)
	if err != nil {
		return err
	}
	wanted := o.wanted()
	need := b.need[o.In]
	if need == nil {
		need = slices.Repeat([]uint64{min(b.Seeds, leastClean)}, int(b.Ranges))
		b.need[o.In] = need
	}
	for i := range b.Ranges {
		b.doing(o, fmt.Sprintf("range %d of %d", i+1, b.Ranges))
		seeds := need[i]
		if wanted {
			seeds = b.Seeds
		}
		if err := b.sweepRange(ctx, o, program, i*b.Seeds+1, seeds); err != nil {
			return err
		}
		if wanted {
			need[i] = max(need[i], o.Ranges[i].Seeds)
		}
	}
	if find := o.find(); find != 0 && b.Shrink > 0 {
		b.doing(o, "shrinking")
		return b.shrink(ctx, o, program, find)
	}
	return nil
}

// sweepRange sweeps some seeds: up to the first find, if there is something to be found.
func (b *Bench) sweepRange(ctx context.Context, o *Outcome, program string, first, seeds uint64) error {
	flags := []string{"sweep", o.In, "--json", "--workers=" + strconv.Itoa(b.Workers), fmt.Sprintf("--seeds=%d-%d", first, first+seeds-1)}
	if o.wanted() {
		flags = append(flags, "--first="+o.Mutant.expression())
	}
	out, cpu, err := b.command(ctx, b.dir, program, flags...)
	o.CPU += cpu.Seconds()
	if err == nil || exitCode(err) == violated {
		err = o.takeSweep(first, out)
	}
	return err
}

// wanted reports whether there is something to be found.
func (o *Outcome) wanted() bool { return o.Mutant != nil && o.Mutant.Equivalent == "" }

// leastClean is how many seeds of a range at least are run of what must not fail.
const leastClean = 500

// expression matches the signatures of the properties that may catch the mutant.
func (m *Mutant) expression() string {
	var list []string
	for _, p := range m.Properties {
		list = append(list, regexp.QuoteMeta(p))
	}
	return "^(" + strings.Join(list, "|") + ")(: |$)" // a panic's goes on with what it said
}

// find is the seed of the first find, or 0.
func (o *Outcome) find() uint64 {
	for _, r := range o.Ranges {
		if r.Found {
			return r.First + r.Seeds - 1
		}
	}
	return 0
}

// takeSweep takes the output of sweep --json over the range that begins with this seed.
func (o *Outcome) takeSweep(first uint64, out []byte) error {
	var swept sweepJSON
	if err := json.Unmarshal(out, &swept); err != nil {
		return err
	}
	r := Range{First: first, Seeds: swept.Seeds}
	for _, f := range swept.Findings {
		property := f.Property
		if f.Verdict != "invalid" {
			property = f.Signature
		}
		seed, err := strconv.ParseUint(f.Seeds[0], 10, 64)
		if err != nil {
			return err
		}
		if o.add(Catch{Property: property, First: seed, Seeds: f.Runs}) {
			r.Found = true
		}
	}
	o.Ranges = append(o.Ranges, r)
	slices.SortStableFunc(o.Caught, func(a, b Catch) int { return cmp.Compare(a.First, b.First) })
	return nil
}

// sweepJSON is what is of interest in the output of sweep --json.
type sweepJSON struct {
	Seeds    uint64 `json:"seeds"`
	Findings []struct {
		Signature string   `json:"signature"`
		Verdict   string   `json:"verdict"`
		Property  string   `json:"property"`
		Runs      int64    `json:"runs"`
		Seeds     []string `json:"seeds"`
	} `json:"findings"`
}

// shrink shrinks the plan of a seed that was found.
func (b *Bench) shrink(ctx context.Context, o *Outcome, program string, seed uint64) error {
	out, _, err := b.command(ctx, b.dir, program, "shrink", o.In, "--json", "--workers="+strconv.Itoa(b.Workers),
		fmt.Sprintf("--seed=%d", seed), fmt.Sprintf("--runs=%d", b.Shrink))
	if err != nil {
		return err
	}
	o.Shrunk = &Shrunk{}
	if err := json.Unmarshal(out, o.Shrunk); err != nil {
		return fmt.Errorf("shrinking seed %d: %w", seed, err)
	}
	if !slices.Contains(o.Mutant.Properties, o.Shrunk.Property) {
		return fmt.Errorf("seed %d shrinks to another property: %s", seed, o.Shrunk.Property)
	}
	return nil
}

// failed is what go test -v prints of a test that failed.
var failed = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)

// test runs a test that must fail.
func (b *Bench) test(ctx context.Context, o *Outcome, overlay, args []string) error {
	b.doing(o, "testing")
	flags := append([]string{"test", "-count=1", "-v", "-p=" + strconv.Itoa(b.Workers)}, overlay...)
	out, cpu, err := b.command(ctx, b.Root, "go", append(flags, args...)...)
	o.CPU = cpu.Seconds()
	if err != nil && !o.takeTest(out) {
		return fmt.Errorf("no test failed, but go test did: %w: %s", err, out)
	}
	return nil
}

// takeTest takes the output of go test -v. It is false if no test in it has failed.
func (o *Outcome) takeTest(out []byte) bool {
	names := failed.FindAllSubmatch(out, -1)
	for i, name := range names {
		inner := i+1 < len(names) && bytes.HasPrefix(names[i+1][1], append(slices.Clip(name[1]), '/'))
		if !inner { // else one of its own tests is what failed
			o.add(Catch{Property: string(name[1]), Seeds: 1})
		}
	}
	return len(names) > 0
}

// add counts violations of a property, and reports whether the mutant names it.
func (o *Outcome) add(c Catch) (expected bool) {
	for i := range o.Caught {
		if known := &o.Caught[i]; known.Property == c.Property {
			known.First, known.Seeds = min(known.First, c.First), known.Seeds+c.Seeds
			return known.Expected
		}
	}
	c.Expected = o.Mutant != nil && slices.Contains(o.Mutant.Properties, c.Property)
	o.Caught = append(o.Caught, c)
	return c.Expected
}

// violated is the exit code of a sweep that has findings.
const violated = 1

func exitCode(err error) int {
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return -1
}

// command runs a program in a folder. It returns what it printed and the processor time it took.
func (b *Bench) command(ctx context.Context, dir, name string, args ...string) ([]byte, time.Duration, error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "PWD="+dir)
	var complaint bytes.Buffer
	c.Stderr = &complaint
	out, err := c.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", filepath.Base(name), args[0], err, bytes.TrimSpace(complaint.Bytes()))
	}
	if c.ProcessState == nil {
		return out, 0, err
	}
	return out, c.ProcessState.UserTime() + c.ProcessState.SystemTime(), err
}
