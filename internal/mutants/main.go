// Command mutants tests the testbed: it plants known mistakes in models, one at a time, and sweeps for them. It prints a
// table of how many seeds each took and which property caught it; a mistake that is not found, or by a property that it
// does not name, is shown, and a failure. It is not a mutation tester that makes up changes: each mutant was written by
// hand, after a mistake that somebody made or described.
//
// It ends with 1 if a mutant is not found as it should be or the source as it is fails, and with 2 if it cannot tell.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

func main() {
	ranges := flag.Uint64("ranges", 5, "sweep `n` ranges of seeds for each mutant, or more where it says so")
	size := flag.Uint64("size", 500, "`n` seeds in a range")
	workers := flag.Int("workers", runtime.GOMAXPROCS(0), "run `n` seeds at once")
	page := flag.String("write", "", "write the results to this `file` as well; only of all mutants")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: mutants [flags] [NAME…], such as raft/figure8, or 'wal/*'\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	good, err := run(ctx, &bench{workers: *workers, size: *size, ranges: *ranges}, flag.Args(), *page)
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(2)
	case !good:
		os.Exit(1)
	}
}

// run runs the mutants of these names, or all, and what they change as it is. It is false if one of them is not good.
func run(ctx context.Context, b *bench, names []string, file string) (good bool, err error) {
	switch {
	case b.size == 0 || b.ranges == 0 || b.workers <= 0:
		return false, errors.New("-ranges, -size and -workers are at least 1")
	case file != "" && len(names) > 0:
		return false, errors.New("-write is for the results of all mutants")
	}
	if b.root, err = moduleRoot(); err != nil {
		return false, err
	}
	mutants, err := load(b.root)
	if err != nil {
		return false, err
	}
	if mutants, err = choose(mutants, names); err != nil {
		return false, err
	}
	if b.dir, err = os.MkdirTemp("", "mutants"); err != nil {
		return false, err
	}
	defer os.RemoveAll(b.dir)

	good = true
	var outcomes []*outcome
	add := func(o *outcome) {
		outcomes = append(outcomes, o)
		writeRow(os.Stdout, o.row())
		if o.err != nil {
			fmt.Fprintln(os.Stderr, o.err)
		}
		good = good && o.verdict().good
	}
	writeRow(os.Stdout, columns)
	for _, m := range originals(mutants) {
		add(b.run(ctx, nil, m.scenario, m.test, m.seeds))
	}
	for _, m := range mutants {
		add(b.run(ctx, m, m.scenario, m.test, m.seeds))
	}
	fmt.Println(summary(outcomes))
	if err := ctx.Err(); err != nil || file == "" {
		return good, err
	}
	var text bytes.Buffer
	command := "go run ./internal/mutants " + strings.Join(os.Args[1:], " ")
	if err := writePage(&text, command, b, outcomes); err != nil {
		return false, err
	}
	return good, os.WriteFile(file, text.Bytes(), 0o666)
}

// moduleRoot is the folder of this module.
func moduleRoot() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/seedbed-sim/seedbed").Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w; run it in a folder of the module", err)
	}
	return filepath.Clean(strings.TrimSpace(string(out))), nil
}

// choose returns the mutants that match one of the patterns; all, if there are none.
func choose(mutants []*mutant, patterns []string) ([]*mutant, error) {
	if len(patterns) == 0 {
		return mutants, nil
	}
	var chosen []*mutant
	for _, p := range patterns {
		before := len(chosen)
		for _, m := range mutants {
			ok, err := path.Match(p, m.name)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", p, err)
			}
			if ok && !slices.Contains(chosen, m) {
				chosen = append(chosen, m)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("there is no mutant %q", p)
		}
	}
	return chosen, nil
}

// originals returns a mutant for each scenario and each test that is used, the one with most seeds: the source as it is
// must pass what they must not.
func originals(mutants []*mutant) []*mutant {
	var all []*mutant
	for _, m := range mutants {
		i := slices.IndexFunc(all, func(o *mutant) bool { return o.scenario == m.scenario && slices.Equal(o.test, m.test) })
		switch {
		case i < 0:
			all = append(all, m)
		case m.seeds > all[i].seeds:
			all[i] = m
		}
	}
	return all
}
