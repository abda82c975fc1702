package main

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

// bench is where mutants are built and run.
type bench struct {
	root    string // of the module
	dir     string // for what is built
	workers int
	size    uint64 // seeds in a range
	ranges  uint64 // at least
}

// outcome is what came of one mutant, or of the source as it is.
type outcome struct {
	mutant *mutant  // nil: no mistake is planted
	in     string   // the scenario or test
	finds  []uint64 // by range, how many seeds until one violated a property that the mutant names; 0: none did
	seeds  uint64   // that were run
	size   uint64   // of a range
	caught []catch  // in the order in which they were first seen; of a test, in that of its output
	cpu    time.Duration
	err    error // it cannot be said
}

// catch is a property that was violated.
type catch struct {
	property string
	expected bool   // the mutant names it
	first    uint64 // seed; 0 of a test
	seeds    int64  // in how many; 1 of a test
}

// run plants a mutant, or none, and looks for it in a scenario or by a test.
func (b *bench) run(ctx context.Context, m *mutant, scenario string, test []string, seeds uint64) *outcome {
	o := &outcome{mutant: m, in: cmp.Or(scenario, "go test "+strings.Join(test, " ")), size: b.size}
	overlay, err := b.overlay(m)
	switch {
	case err != nil:
		o.err = err
	case scenario != "":
		o.err = b.sweep(ctx, o, overlay, scenario, max(seeds, b.ranges*b.size))
	default:
		o.err = b.test(ctx, o, overlay, test)
	}
	return o
}

// overlay writes the changed file, and returns the flags that have the go command read it in place of the original.
func (b *bench) overlay(m *mutant) ([]string, error) {
	if m == nil {
		return nil, nil
	}
	original := filepath.Join(b.root, filepath.FromSlash(m.file))
	source, err := os.ReadFile(original)
	if err != nil {
		return nil, err
	}
	text, err := m.apply(string(source))
	if err != nil {
		return nil, err
	}
	changed, list := filepath.Join(b.dir, "changed.go"), filepath.Join(b.dir, "overlay.json")
	data, err := json.Marshal(map[string]any{"Replace": map[string]string{original: changed}})
	if err != nil {
		return nil, err
	}
	return []string{"-overlay=" + list}, errors.Join(os.WriteFile(changed, []byte(text), 0o666), os.WriteFile(list, data, 0o666))
}

// sweep runs the seeds of a scenario, range by range.
func (b *bench) sweep(ctx context.Context, o *outcome, overlay []string, scenario string, seeds uint64) error {
	program := filepath.Join(b.dir, "seedbed")
	args := append([]string{"build", "-p=" + strconv.Itoa(b.workers), "-o=" + program}, overlay...)
	if out, _, err := b.command(ctx, "go", append(args, "./cmd/seedbed")...); err != nil {
		return fmt.Errorf("it does not compile: %w\n%s", err, out)
	}
	for first := uint64(1); first <= seeds; first += b.size {
		last := min(first+b.size-1, seeds)
		out, cpu, err := b.command(ctx, program, "sweep", scenario, "--json", "--findings="+filepath.Join(b.dir, "findings"),
			fmt.Sprintf("--seeds=%d-%d", first, last), fmt.Sprintf("--workers=%d", b.workers))
		if exit := new(exec.ExitError); errors.As(err, &exit) && exit.ExitCode() == violated {
			err = nil
		}
		if err == nil {
			err = o.takeSweep(first, out)
		}
		if err != nil {
			return fmt.Errorf("seeds %d to %d: %w", first, last, err)
		}
		o.cpu += cpu
	}
	return nil
}

// takeSweep takes the output of sweep --json over the range that begins with this seed.
func (o *outcome) takeSweep(first uint64, out []byte) error {
	var swept sweepJSON
	if err := json.Unmarshal(out, &swept); err != nil {
		return err
	}
	o.seeds += swept.Seeds
	found := uint64(0)
	for _, f := range swept.Findings {
		property := f.Property
		if f.Verdict != "invalid" {
			property = f.Signature
		}
		seed, err := strconv.ParseUint(f.Seeds[0], 10, 64)
		if err != nil {
			return err
		}
		expected := o.add(catch{property: property, first: seed, seeds: f.Runs})
		if n := seed - first + 1; expected && (found == 0 || n < found) {
			found = n
		}
	}
	o.finds = append(o.finds, found)
	slices.SortStableFunc(o.caught, func(a, b catch) int { return cmp.Compare(a.first, b.first) })
	return nil
}

// violated is the exit code of a sweep that has findings.
const violated = 1

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

// failed is what go test -v prints of a test that failed.
var failed = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+)`)

// test runs a test that must fail.
func (b *bench) test(ctx context.Context, o *outcome, overlay, args []string) error {
	flags := append([]string{"test", "-count=1", "-v", "-p=" + strconv.Itoa(b.workers)}, overlay...)
	out, cpu, err := b.command(ctx, "go", append(flags, args...)...)
	o.cpu = cpu
	if err == nil {
		return nil
	}
	if !o.takeTest(out) {
		return fmt.Errorf("no test failed, but go test did: %w\n%s", err, out)
	}
	return nil
}

// takeTest takes the output of go test -v. It is false if no test in it has failed.
func (o *outcome) takeTest(out []byte) bool {
	names := failed.FindAllSubmatch(out, -1)
	for i, name := range names {
		inner := i+1 < len(names) && bytes.HasPrefix(names[i+1][1], append(slices.Clip(name[1]), '/'))
		if !inner { // else one of its own tests is what failed
			o.add(catch{property: string(name[1]), seeds: 1})
		}
	}
	return len(names) > 0
}

// add counts violations of a property, and reports whether the mutant names it.
func (o *outcome) add(c catch) (expected bool) {
	for i := range o.caught {
		if known := &o.caught[i]; known.property == c.property {
			known.first, known.seeds = min(known.first, c.first), known.seeds+c.seeds
			return known.expected
		}
	}
	c.expected = o.mutant != nil && slices.Contains(o.mutant.properties, c.property)
	o.caught = append(o.caught, c)
	return c.expected
}

// command runs a program at the root. It returns what it printed and the processor time it took.
func (b *bench) command(ctx context.Context, name string, args ...string) ([]byte, time.Duration, error) {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = b.root
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	var complaint bytes.Buffer
	c.Stderr = &complaint
	out, err := c.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", filepath.Base(name), strings.Join(args, " "), err, complaint.Bytes())
	}
	if c.ProcessState == nil {
		return out, 0, err
	}
	return out, c.ProcessState.UserTime() + c.ProcessState.SystemTime(), err
}
