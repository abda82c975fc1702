// Package studies measures models: an experiment is repeated over seeds, and what it measures is shown with its intervals,
// as a table and as curves. It judges nothing: what must hold is for scenarios and tests.
package studies

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/spf13/pflag"
)

// Study is an experiment with parameters.
type Study struct {
	Name string // "gossip/epidemic"
	Doc  string // one line
	Long string // what is measured, how, and after whom
	// Seeds is how many seeds it takes unless it is told.
	Seeds uint64
	// New declares the parameters as flags, and returns what makes the design of them once they are parsed. Its error is
	// one line that says which parameter is wrong, and what would be right.
	New func(f *pflag.FlagSet) func() (*Design, error)
}

// Design is an experiment whose parameters are given.
type Design struct {
	Labels  []string // head the words of cases: "variant", "k"
	Columns []Column // what is measured
	Cases   []Case
	Plot    Plot
	Notes   []string // printed below the table; each is a sentence
	// Conclude says what can be read off the result, to be printed below that; nil: nothing.
	Conclude func(r *Result) []string
}

// Column is something that is measured.
type Column struct {
	Name   string // "residue"
	Unit   string // "cycles"; empty for a pure number
	Digits int    // behind the point, in tables
}

// Case is one row: the same experiment with one choice of what is compared.
type Case struct {
	Words     []string  // under Design.Labels
	Published []float64 // what a source has, by column; NaN where it says nothing. Nil: there is none
	// Run does the experiment once. It is a function of the seed, and is called by several goroutines at once. The error
	// ends the study.
	Run func(seed uint64) (Sample, error)

	Series string  // the curve that it is a point of, or whose curve is its Trace
	X      float64 // its place there
}

// Sample is what came of one seed.
type Sample struct {
	Values []float64 // by column; NaN where there is nothing to measure
	Trace  []float64 // something over time, at the Plot's Times; nil if that is not asked
}

// Plot is how cases are drawn: as points of curves over X, or as curves of their own over Times.
type Plot struct {
	Title      string
	X, Y       string // titles of the axes, with their units
	Column     int    // that is drawn, where Times is nil
	Times      []float64
	LogX, LogY bool
	// Laws are curves to compare with, over the same X.
	Laws []Law
}

// Law is a curve that a source gives.
type Law struct {
	Name string
	At   func(x float64) float64
}

// Result is what came of a design.
type Result struct {
	Design *Design
	Seeds  uint64
	Rows   []Row // by case
}

// Notes are the design's, and what it concludes.
func (r *Result) Notes() []string {
	if r.Design.Conclude == nil {
		return r.Design.Notes
	}
	return slices.Concat(r.Design.Notes, r.Design.Conclude(r))
}

// Row is what came of a case.
type Row struct {
	Values []Estimate // by column
	Trace  []Estimate // by Plot.Times
}

// Estimate is a mean over seeds.
type Estimate struct {
	Mean float64
	// Half is half the width of the 95 % interval: 1.96 standard errors, which is right for some thirty samples and more.
	// NaN of fewer than two.
	Half    float64
	Samples int // those that are not NaN
}

// Run repeats the experiment of each case with each of the seeds, on so many workers. done is told how many of all runs
// are over; calls do not overlap. What comes of it depends on neither.
func (d *Design) Run(ctx context.Context, first, seeds uint64, workers int, done func(n, of int)) (*Result, error) {
	of := len(d.Cases) * int(seeds)
	samples := make([]Sample, of)
	failures := make([]error, of)
	var next atomic.Int64
	var group sync.WaitGroup
	var telling sync.Mutex
	told := 0
	for range workers {
		group.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= of {
					return
				}
				// Seed by seed, so that what an interruption leaves has the same seeds of all cases, nearly.
				c, seed := &d.Cases[i%len(d.Cases)], first+uint64(i/len(d.Cases))
				if samples[i], failures[i] = c.Run(seed); failures[i] != nil {
					next.Store(int64(of))
					return
				}
				telling.Lock()
				told++
				done(told, of)
				telling.Unlock()
			}
		})
	}
	group.Wait()
	if i := slices.IndexFunc(failures, func(err error) bool { return err != nil }); i >= 0 {
		return nil, fmt.Errorf("%s, seed %d: %w", strings.Join(d.Cases[i%len(d.Cases)].Words, " "), first+uint64(i/len(d.Cases)), failures[i])
	}
	if ctx.Err() != nil {
		return nil, errors.New("interrupted: nothing is known of so few runs")
	}
	r := &Result{Design: d, Seeds: seeds}
	for c := range d.Cases {
		var row Row
		at := func(seed uint64) *Sample { return &samples[int(seed)*len(d.Cases)+c] }
		for k := range d.Columns {
			row.Values = append(row.Values, estimate(seeds, func(seed uint64) float64 { return at(seed).Values[k] }))
		}
		for k := range d.Plot.Times {
			row.Trace = append(row.Trace, estimate(seeds, func(seed uint64) float64 { return at(seed).Trace[k] }))
		}
		r.Rows = append(r.Rows, row)
	}
	return r, nil
}

// estimate is that of the values that are not NaN, in the order of their seeds.
func estimate(seeds uint64, value func(seed uint64) float64) Estimate {
	var sum, squares float64
	n := 0
	for seed := range seeds {
		if v := value(seed); !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	if n == 0 {
		return Estimate{Mean: math.NaN(), Half: math.NaN()}
	}
	mean := sum / float64(n)
	for seed := range seeds {
		if v := value(seed); !math.IsNaN(v) {
			squares += (v - mean) * (v - mean)
		}
	}
	half := math.NaN()
	if n > 1 {
		half = 1.96 * math.Sqrt(squares/float64(n-1)/float64(n))
	}
	return Estimate{Mean: mean, Half: half, Samples: n}
}

// Find returns the study of a name; the error names those that there are.
func Find(list []*Study, name string) (*Study, error) {
	var names []string
	for _, s := range list {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return nil, fmt.Errorf("unknown study %q: there are %s", name, strings.Join(names, ", "))
}
