// Command crosshash prints what seeds came to, for comparison with what they came to elsewhere: a line of hashes and
// verdict per scenario and seed, and a digest of every thousand plans. Builds of one source print the same bytes on any
// processor, with any settings of the compiler and the runtime. It is not a test of verdicts: a violation is a result
// like any other here.
package main

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
)

func main() {
	seeds := flag.Uint64("seeds", 50, "run seeds 1 to `n` of each scenario")
	plans := flag.Uint64("plans", 10_000, "draw the plans of seeds 1 to `n`, by turns of all scenarios")
	shuffle := flag.Bool("shuffle", false, "run each seed again, in another order and between other seeds, and compare")
	flag.Parse()

	jobs := allJobs(*seeds, *plans)
	lines := make([]string, len(jobs))
	inParallel(len(jobs), func(i int) { lines[i] = jobs[i]() })
	if *shuffle {
		again := shuffled(jobs)
		for i := range jobs {
			if again[i] != lines[i] {
				fmt.Fprintf(os.Stderr, "crosshash: one seed, two results in one process:\n  first  %s\n  again  %s\n", lines[i], again[i])
				os.Exit(1)
			}
		}
	}
	fmt.Println(strings.Join(lines, "\n"))
}

// job computes one line of the output.
type job func() string

func allJobs(seeds, plans uint64) []job {
	var jobs []job
	all := scenarios.Catalogue().All()
	for _, s := range all {
		for seed := uint64(1); seed <= seeds; seed++ {
			jobs = append(jobs, func() string { return runLine(s, seed) })
		}
	}
	const each = 100
	for first := uint64(1); first <= plans; first += each {
		s := all[int(first/each)%len(all)]
		jobs = append(jobs, func() string { return planLine(s, first, min(first+each-1, plans)) })
	}
	return jobs
}

func runLine(s *scenarios.Scenario, seed uint64) string {
	plan := s.Plan(seed)
	text, err := json.Marshal(plan)
	if err != nil {
		panic(fmt.Sprintf("crosshash: the plan of %s, seed %d: %v", s.Name, seed, err))
	}
	r := s.Run(plan, scenarios.Options{Deep: true})
	return fmt.Sprintf("%s seed=%d plan=%.8x steps=%d hash=%016x deep=%016x %s",
		s.Name, seed, sha256.Sum256(text), r.Steps, r.Hash, r.DeepHash, r.Line())
}

func planLine(s *scenarios.Scenario, first, last uint64) string {
	h := uint64(0)
	for seed := first; seed <= last; seed++ {
		h = sim.Mix(h ^ sim.DeepHash(s.Plan(seed)))
	}
	return fmt.Sprintf("%s plans=%d-%d deep=%016x", s.Name, first, last, h)
}

// shuffled does the jobs again from the last to the first, each after a seed that the first pass did not run, so that
// whatever a run leaves behind in the process meets another one.
func shuffled(jobs []job) []string {
	all := scenarios.Catalogue().All()
	lines := make([]string, len(jobs))
	inParallel(len(jobs), func(k int) {
		i := len(jobs) - 1 - k
		all[i%len(all)].RunSeed(1<<40+uint64(i), scenarios.Options{})
		lines[i] = jobs[i]()
	})
	return lines
}

// inParallel calls do for 0 to n-1, about in this order, on as many goroutines as the runtime has processors.
func inParallel(n int, do func(i int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				do(i)
			}
		})
	}
	group.Wait()
}
