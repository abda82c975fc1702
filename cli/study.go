package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/seedbed-sim/seedbed/internal/seeds"
	"github.com/seedbed-sim/seedbed/studies"
	"github.com/seedbed-sim/seedbed/trace"
)

// mostStudySeeds bounds what a study keeps in memory.
const mostStudySeeds = 1_000_000

func (a *app) studyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "study NAME [flags] [--seeds A-B] [--workers N] [--plot FILE] [--json]",
		Short: "Measure a model over many seeds.",
		Long: `Measure a model: repeat an experiment over seeds, and print means with their 95 % intervals. Without a name the studies
are listed; each has flags of its own, which its --help tells.`,
		Example: a.examples("study", "what there is", "study "+a.studies[0].Name+" --help", ""),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			_, err := studies.Find(a.studies, args[0])
			return err
		},
		RunE: func(*cobra.Command, []string) error {
			var t table
			for _, s := range a.studies {
				t.add(s.Name, s.Doc)
			}
			return t.write(a.stdout)
		},
	}
	for _, s := range a.studies {
		c.AddCommand(a.oneStudy(s))
	}
	return c
}

func (a *app) oneStudy(s *studies.Study) *cobra.Command {
	c := &cobra.Command{
		Use:   s.Name + " [flags]",
		Short: s.Doc,
		Long:  cmp.Or(s.Long, s.Doc),
		Example: a.examples("study "+s.Name, "", "study "+s.Name+" --seeds 1-100 --plot "+filepath.Base(s.Name)+".svg", "with a drawing",
			"study "+s.Name+" --json", ""),
		Args: noArguments,

		DisableFlagsInUseLine: true,
	}
	c.Flags().SortFlags = false
	design := s.New(c.Flags())
	which := newOption(c, "seeds", "A-B", fmt.Sprintf("the seeds; 1-%d unless given", s.Seeds), seedSet)
	workers := newOption(c, "workers", "N", "runs at once; one per core unless given", workerCount)
	plot := newOption(c, "plot", "FILE", "draw the curves to a file, .svg or .png", plotFile)
	asJSON := newSwitch(c, "print JSON: one object")
	c.RunE = func(c *cobra.Command, _ []string) error {
		d, err := design()
		if err != nil {
			return err
		}
		rs := seeds.Ranges{{First: 1, Last: s.Seeds}}
		if which.given {
			rs = which.value
		}
		switch {
		case len(rs) > 1:
			return fmt.Errorf("--seeds: a study takes one range of seeds, such as 1-100, not %s", which.text)
		case rs.Len() > mostStudySeeds:
			return fmt.Errorf("--seeds: %d seeds are too many for a study, which takes %d at most", rs.Len(), mostStudySeeds)
		}
		r, err := a.study(s, d, rs[0].First, rs.Len(), cmp.Or(workers.value, runtime.GOMAXPROCS(0)))
		if err != nil {
			return err
		}
		if plot.given {
			draw := func(w io.Writer) error { return r.Draw(w, strings.TrimPrefix(filepath.Ext(plot.value), ".")) }
			if err := trace.WriteFile(plot.value, draw); err != nil {
				return err
			}
		}
		if asJSON.value {
			return a.printJSON(resultOf(s, r, rs[0].First))
		}
		return a.printStudy(r)
	}
	return c
}

// study runs a design with a bar, on a terminal.
func (a *app) study(s *studies.Study, d *studies.Design, first, count uint64, workers int) (*studies.Result, error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	done := func(int, int) {}
	if isTerminal(a.stderr) {
		bar := progressbar.NewOptions(len(d.Cases)*int(count), progressbar.OptionSetWriter(a.stderr), progressbar.OptionSetWidth(30),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionSetElapsedTime(true),
			progressbar.OptionSetPredictTime(true), progressbar.OptionSetDescription(s.Name), progressbar.OptionThrottle(100_000_000))
		done = func(n, _ int) { bar.Set(n) }
		defer bar.Finish()
	}
	r, err := d.Run(ctx, first, count, workers, done)
	if err != nil && ctx.Err() != nil {
		a.escalate(exitInterrupted)
	}
	return r, err
}

func plotFile(text string) (string, error) {
	if ext := filepath.Ext(text); ext != ".svg" && ext != ".png" {
		return "", fmt.Errorf("%q is no name of a drawing; write one that ends in .svg or .png", text)
	}
	return text, nil
}

// printStudy prints a table: what was measured, with half the width of the interval, and below it what a source has.
func (a *app) printStudy(r *studies.Result) error {
	d := r.Design
	t := table{right: len(d.Labels) + 2*len(d.Columns)}
	head := append([]string{}, d.Labels...)
	for _, c := range d.Columns {
		name := c.Name
		if c.Unit != "" {
			name += ", " + c.Unit
		}
		head = append(head, name, "±")
	}
	t.add(head...)
	for i, c := range d.Cases {
		row := append([]string{}, c.Words...)
		for k, col := range d.Columns {
			e := r.Rows[i].Values[k]
			row = append(row, figure(e.Mean, col.Digits), figure(e.Half, col.Digits+1))
		}
		t.add(row...)
		if c.Published == nil {
			continue
		}
		row = append(make([]string, len(c.Words)-1), "published")
		for _, v := range c.Published {
			row = append(row, strings.TrimSuffix(figure(v, -1), "-"), "")
		}
		t.add(row...)
	}
	if err := t.write(a.stdout); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "means over %s, ± half the width of their 95 %% intervals\n", plural(int(r.Seeds), "seed"))
	for _, note := range r.Notes() {
		fmt.Fprintf(a.stdout, "%s\n", note)
	}
	return nil
}

// figure is a number for a table; "-" if there is none.
func figure(v float64, digits int) string {
	if math.IsNaN(v) {
		return "-"
	}
	return strconv.FormatFloat(v, 'f', digits, 64)
}

type studyJSON struct {
	Study   string           `json:"study"`
	First   uint64           `json:"first_seed,string"`
	Seeds   uint64           `json:"seeds"`
	Columns []studies.Column `json:"columns"`
	Cases   []caseJSON       `json:"cases"`
	Notes   []string         `json:"notes,omitempty"`
}

type caseJSON struct {
	Labels map[string]string `json:"labels"`
	Series string            `json:"series,omitempty"`
	X      float64           `json:"x,omitempty"`
	Values []estimateJSON    `json:"values"` // by column
	Times  []float64         `json:"times,omitempty"`
	Trace  []estimateJSON    `json:"trace,omitempty"` // by times
}

// estimateJSON has null where there is no number.
type estimateJSON struct {
	Mean      *float64 `json:"mean"`
	Half      *float64 `json:"half_interval"`
	Samples   int      `json:"samples"`
	Published *float64 `json:"published,omitempty"`
}

func resultOf(s *studies.Study, r *studies.Result, first uint64) studyJSON {
	number := func(v float64) *float64 {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
		return &v
	}
	estimate := func(e studies.Estimate) estimateJSON {
		return estimateJSON{Mean: number(e.Mean), Half: number(e.Half), Samples: e.Samples}
	}
	j := studyJSON{Study: s.Name, First: first, Seeds: r.Seeds, Columns: r.Design.Columns, Notes: r.Notes()}
	for i, c := range r.Design.Cases {
		one := caseJSON{Labels: map[string]string{}, Series: c.Series, X: c.X}
		for k, label := range r.Design.Labels {
			one.Labels[label] = c.Words[k]
		}
		for k, e := range r.Rows[i].Values {
			v := estimate(e)
			if c.Published != nil {
				v.Published = number(c.Published[k])
			}
			one.Values = append(one.Values, v)
		}
		for k, e := range r.Rows[i].Trace {
			one.Times = append(one.Times, r.Design.Plot.Times[k])
			one.Trace = append(one.Trace, estimate(e))
		}
		j.Cases = append(j.Cases, one)
	}
	return j
}
