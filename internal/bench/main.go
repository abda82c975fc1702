// Command bench measures what the project promises about speed, as ratios and rates of one run on one machine, and prints
// a table of them beside their limits. It is not a gate: it ends with 0 whatever it finds, unless -strict is given.
//
// Everything is measured several times in turn, so that a slow minute of the machine meets all sides of a ratio alike.
// Each ratio is taken within one turn; what counts is the median.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A promise is one line of the table.
type promise struct {
	what  string
	unit  string
	of    func(s sample) float64
	limit float64
	floor bool   // at least limit; otherwise at most
	needs string // a program; where it is missing, the line is skipped
}

var promises = []promise{
	{what: "delivery, 200 pending", unit: "× bare heap", of: ratio("Deliver/pending=200", "BareHeap/pending=200"), limit: 1.25},
	{what: "delivery, 10,000 pending", unit: "× bare heap", of: ratio("Deliver/pending=10000", "BareHeap/pending=10000"), limit: 1.25},
	{what: "delivery, message included", unit: "allocations", of: metric("Deliver/pending=200 allocs/op"), limit: 1},
	{what: "append, sync, reply", unit: "× bare heap", of: ratio("AppendSyncReply/pending=20", "BareHeap/pending=200"), limit: 3},
	{what: "step in blocking style", unit: "× callback", of: ratio("SpawnStep", "CallbackStep"), limit: 3},
	{what: "Raft, partition and heal, 30 ops", unit: "runs/s", of: metric("RaftPartitionHeal/ops=30 runs/s"), limit: 2000, floor: true},
	{what: "Raft, partition and heal, 100 ops", unit: "runs/s", of: metric("RaftPartitionHeal/ops=100 runs/s"), limit: 1300, floor: true},
	{what: "verdict on 100 ops, 8 of them open", unit: "ns per op", of: metric("KV/ops=100/unknown=8/whole ns/historyop"), limit: 2000},
	{what: "plan of raft/kv drawn", unit: "ns", of: metric("Plan ns/op"), limit: 100_000},
	{what: "raft/kv under swarm", unit: "seeds/s", of: metric("Swarm seeds/s"), limit: 300, floor: true},
	{what: "the same, virtual time", unit: "× wall", of: metric("Swarm virtual/wall"), limit: 10_000, floor: true},
	{what: "event log, appended, read, judged", unit: "records/s", of: metric("OlepLog records/s"), limit: 300_000, floor: true},
	{what: "log of 1,000,000 records judged", unit: "s", of: seconds("Log/records=1000000/replicas=3"), limit: 1},
	{what: "topic of 1,000,000 records judged", unit: "s", of: seconds("Topic/by_tens"), limit: 1},
	{what: "1,000,000 operations of transactions", unit: "s", of: seconds("Transactions/one/strict"), limit: 10},
	{what: "1,000,000 steps recorded, 2 cores", unit: "× unrecorded", of: ratio("RecordMillion/recorded-2", "RecordMillion/unrecorded-2"), limit: 2},
	{what: "the same, 1 core", unit: "× unrecorded", of: ratio("RecordMillion/recorded", "RecordMillion/unrecorded"), limit: 3},
	{what: "raft/kv under swarm recorded", unit: "× unrecorded", of: ratio("Recording/recorded-2", "Recording/unrecorded-2"), limit: 5},
	{what: "page of 1,000,000 steps, first paint", unit: "ms", of: metric("MillionSteps ms/paint"), limit: 3000, needs: "chromium"},
	{what: "the same, redraw while panning", unit: "ms", of: metric("MillionSteps ms/redraw"), limit: 50, needs: "chromium"},
	{what: "the same, file", unit: "MiB", of: metric("MillionSteps MiB/page"), limit: 40, needs: "chromium"},
	{what: "its trace", unit: "bytes a step", of: metric("MillionSteps B/step"), limit: 12, needs: "chromium"},
	{what: "2 workers", unit: "× 2 processes", of: metric(twoWorkers), limit: 0.95, floor: true},
	{what: "memory after a long sweep", unit: "MiB", of: metric(longMemory), limit: 200},
	{what: "goroutines after it", unit: "", of: metric(longGoroutines), limit: 20},
}

// suites are the benchmarks that the promises need; the names are those of packages. Most have one core, so that the garbage
// collector's work is paid for where it is made; recordings are written beside their run, by another core if there is one.
var suites = []struct{ pkg, pattern, cores string }{
	{"sim", "BareHeap|Deliver|AppendSyncReply|SpawnStep|CallbackStep", "1"},
	{"scenarios", "RaftPartitionHeal|Plan|Swarm|OlepLog", "1"},
	{"checkers", "KV/ops=100/unknown=8/whole|^BenchmarkLog$/records=1000000/replicas=3|Topic/by_tens|Transactions/one/strict", "1"},
	{"report", "MillionSteps", "1"},
	{"report", "RecordMillion", "1,2"},
	{"scenarios", "Recording", "2"},
}

const module = "github.com/seedbed-sim/seedbed/"

func main() {
	turns := flag.Int("turns", 7, "measure everything `n` times")
	each := flag.Duration("benchtime", 400*time.Millisecond, "`time` per benchmark and turn")
	seeds := flag.Int("seeds", 1000, "`seeds` per worker of the sweeps")
	long := flag.Int("long", 100_000, "`seeds` of the sweep whose memory is measured, once")
	strict := flag.Bool("strict", false, "end with 1 if a promise is not kept")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()

	// On a busy machine ratios still mean something; rates and times do not.
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Printf("load average before: %s on %d cores\n", strings.Fields(string(load))[0], runtime.NumCPU())
	}
	samples, err := measure(ctx, *turns, *each, *seeds, *long)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	if kept := report(samples); !kept && *strict {
		os.Exit(1)
	}
}

// report prints the table. It is false if a promise is not kept.
func report(samples []sample) bool {
	fmt.Printf("%s %s/%s, medians of %d turns\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, len(samples))
	fmt.Printf("%-36s %9s  %-19s  %-14s %s\n", "", "median", "from … to", "", "limit")
	good := true
	for _, p := range promises {
		values := make([]float64, len(samples))
		for i, s := range samples {
			values[i] = p.of(s)
		}
		slices.Sort(values)
		median := values[len(values)/2]
		if p.missing() {
			fmt.Printf("%-36s SKIPPED: it needs %s\n", p.what, p.needs)
			continue
		}
		kept, sign := median <= p.limit, "≤"
		if p.floor {
			kept, sign = median >= p.limit, "≥"
		}
		verdict := "ok"
		if !kept {
			verdict, good = "OVER", false
		}
		if !kept && p.floor {
			verdict = "UNDER"
		}
		fmt.Printf("%-36s %9s  %-19s  %-14s %s %-5s %s\n", p.what, number(median),
			number(values[0])+" … "+number(values[len(values)-1]), p.unit, sign, number(p.limit), verdict)
	}
	return good
}

func number(v float64) string {
	if v >= 100 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', 2, 64)
}

func (p *promise) missing() bool {
	if p.needs == "" {
		return false
	}
	_, err := exec.LookPath(p.needs)
	return err != nil
}

// sample is what one turn measured, by benchmark and unit: "Deliver/pending=200 ns/op".
type sample map[string]float64

func metric(key string) func(s sample) float64 { return func(s sample) float64 { return s[key] } }

// seconds is how long one iteration takes.
func seconds(benchmark string) func(s sample) float64 {
	return func(s sample) float64 { return s[benchmark+" ns/op"] / 1e9 }
}

func ratio(a, b string) func(s sample) float64 {
	return func(s sample) float64 { return s[a+" ns/op"] / s[b+" ns/op"] }
}

// What a process with two workers holds at the end of a sweep.
const (
	longMemory     = "memory of a sweep"
	longGoroutines = "goroutines of a sweep"
)

// longSweep returns them, in MiB the one, for a sweep of so many seeds that anything that grows with them shows.
func longSweep(ctx context.Context, program string, seeds int) (memory, goroutines float64, err error) {
	out, err := output(ctx, program, "sweep", "raft/kv", "--json", "--findings="+program+".findings", fmt.Sprintf("--seeds=1-%d", seeds), "--workers=2")
	if err != nil {
		return 0, 0, err
	}
	var held struct {
		Memory     float64 `json:"memory_mib"`
		Goroutines float64 `json:"goroutines"`
	}
	err = json.Unmarshal(out, &held)
	return held.Memory, held.Goroutines, err
}

// twoWorkers is the speed of a sweep with two workers, as a share of that of two sweeps with one.
const twoWorkers = "sweep share"

func measure(ctx context.Context, turns int, each time.Duration, seeds, long int) ([]sample, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, "seedbed")
	if _, err := output(ctx, "go", "build", "-o", program, module+"cmd/seedbed"); err != nil {
		return nil, err
	}
	for _, s := range suites {
		if _, err := output(ctx, "go", "test", "-c", "-o", filepath.Join(dir, s.pkg), module+s.pkg); err != nil {
			return nil, err
		}
	}
	fmt.Fprintf(os.Stderr, "a sweep of %d seeds\n", long)
	memory, goroutines, err := longSweep(ctx, program, long)
	if err != nil {
		return nil, err
	}
	var samples []sample
	for turn := range turns {
		fmt.Fprintf(os.Stderr, "turn %d of %d\n", turn+1, turns)
		s := sample{longMemory: memory, longGoroutines: goroutines}
		for _, suite := range suites {
			out, err := output(ctx, filepath.Join(dir, suite.pkg), "-test.run=^$", "-test.bench="+suite.pattern,
				"-test.benchtime="+each.String(), "-test.cpu="+suite.cores)
			if err != nil {
				return nil, err
			}
			s.read(out)
		}
		if s[twoWorkers], err = sweepShare(ctx, program, seeds); err != nil {
			return nil, err
		}
		samples = append(samples, s)
	}
	for _, p := range promises {
		if v := p.of(samples[0]); !(v > 0) && !p.missing() {
			return nil, fmt.Errorf("nothing measures %q", p.what)
		}
	}
	return samples, nil
}

// read takes the results out of a benchmark's output.
func (s sample) read(out []byte) {
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				s[name+" "+fields[i+1]] = v
			}
		}
	}
}

// sweepShare runs the same seeds by one process with two workers, and by two processes with one each.
func sweepShare(ctx context.Context, program string, seeds int) (float64, error) {
	sweep := func(first, last, workers int) func() error {
		return func() error {
			_, err := output(ctx, program, "sweep", "raft/kv", "--json", "--findings="+program+".findings",
				fmt.Sprintf("--seeds=%d-%d", first, last), fmt.Sprintf("--workers=%d", workers))
			return err
		}
	}
	alone, err := together(sweep(1, seeds, 1), sweep(seeds+1, 2*seeds, 1))
	if err != nil {
		return 0, err
	}
	joined, err := together(sweep(1, 2*seeds, 2))
	return alone.Seconds() / joined.Seconds(), err
}

// together runs all at once, and returns how long the slowest took.
func together(all ...func() error) (time.Duration, error) {
	started := time.Now()
	errs := make(chan error)
	for _, f := range all {
		go func() { errs <- f() }()
	}
	var first error
	for range all {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return time.Since(started), first
}

func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s%s", strings.Join(cmd.Args, " "), err, out, complaint.Bytes())
	}
	return out, nil
}
