package studies_test

import (
	"bytes"
	"context"
	"errors"
	"image/png"
	"math"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/internal/race"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/studies"
)

// dice is a design whose means are known: a die of so many sides, and one that shows nothing half of the time.
func dice() *studies.Design {
	d := &studies.Design{
		Labels:  []string{"sides"},
		Columns: []studies.Column{{Name: "mean", Digits: 2}, {Name: "at times", Digits: 2}},
		Plot:    studies.Plot{Title: "Dice", X: "sides", Y: "mean"},
	}
	for _, sides := range []uint64{6, 20} {
		d.Cases = append(d.Cases, studies.Case{
			Words: []string{"d"}, Series: "die", X: float64(sides),
			Run: func(seed uint64) (studies.Sample, error) {
				s := sim.NewStream(seed, "die", sides)
				roll := float64(1 + s.Below(sides))
				other := math.NaN()
				if seed%2 == 0 {
					other = float64(sides)
				}
				return studies.Sample{Values: []float64{roll, other}}, nil
			},
		})
	}
	return d
}

// measurement skips a test that measures a model under the race detector.
func measurement(t *testing.T) {
	t.Helper()
	if race.On {
		t.Skip("a measurement, which the race detector would only slow down")
	}
}

func run(t *testing.T, d *studies.Design, seeds uint64, workers int) *studies.Result {
	t.Helper()
	last := 0
	r, err := d.Run(context.Background(), 1, seeds, workers, func(n, of int) {
		require.Equal(t, last+1, n)
		require.Equal(t, len(d.Cases)*int(seeds), of)
		last = n
	})
	require.NoError(t, err)
	require.Equal(t, len(d.Cases)*int(seeds), last)
	return r
}

func TestEstimates(t *testing.T) {
	r := run(t, dice(), 10_000, 2)
	for i, sides := range []float64{6, 20} {
		e := r.Rows[i].Values[0]
		deviation := math.Sqrt((sides*sides - 1) / 12)
		require.InDelta(t, (sides+1)/2, e.Mean, 3*deviation/100)
		require.InDelta(t, 1.96*deviation/100, e.Half, 0.03*deviation/100)
		require.Equal(t, 10_000, e.Samples)
		require.Equal(t, studies.Estimate{Mean: sides, Half: 0, Samples: 5000}, r.Rows[i].Values[1])
	}
	one := run(t, dice(), 1, 1)
	require.True(t, math.IsNaN(one.Rows[0].Values[0].Half))
	require.True(t, math.IsNaN(one.Rows[0].Values[1].Mean), "there is no sample")
}

// The workers change nothing.
func TestResultsAreFunctions(t *testing.T) {
	one := run(t, dice(), 101, 1)
	for _, workers := range []int{2, 7} {
		require.Equal(t, one.Rows, run(t, dice(), 101, workers).Rows)
	}
}

func TestAFailureEndsAStudy(t *testing.T) {
	d := dice()
	var runs atomic.Int64
	d.Cases[1].Run = func(seed uint64) (studies.Sample, error) {
		runs.Add(1)
		return studies.Sample{}, errors.New("it broke")
	}
	_, err := d.Run(context.Background(), 5, 1000, 2, func(int, int) {})
	require.ErrorContains(t, err, "d, seed ")
	require.ErrorContains(t, err, ": it broke")
	require.Less(t, runs.Load(), int64(10))

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = dice().Run(ctx, 1, 10, 2, func(int, int) {})
	require.ErrorContains(t, err, "interrupted")
}

func TestDraw(t *testing.T) {
	r := run(t, dice(), 20, 1)
	var svg, picture bytes.Buffer
	require.NoError(t, r.Draw(&svg, "svg"))
	require.Contains(t, svg.String(), ">Dice<")
	require.Contains(t, svg.String(), ">die<")
	require.NoError(t, r.Draw(&picture, "png"))
	drawn, err := png.Decode(&picture)
	require.NoError(t, err)
	require.Greater(t, drawn.Bounds().Dx(), 500)

	d := dice()
	d.Plot.Times = []float64{0, 1, 2}
	for i := range d.Cases {
		d.Cases[i].Run = func(seed uint64) (studies.Sample, error) {
			return studies.Sample{Values: []float64{0, 0}, Trace: []float64{1, float64(seed), float64(i)}}, nil
		}
		d.Cases[i].Series = []string{"up", "down"}[i]
	}
	d.Plot.Laws = []studies.Law{{Name: "the law", At: func(x float64) float64 { return x * x }}}
	r = run(t, d, 3, 1)
	require.Equal(t, 2.0, r.Rows[0].Trace[1].Mean)
	svg.Reset()
	require.NoError(t, r.Draw(&svg, "svg"))
	require.Contains(t, svg.String(), ">down<")
	require.Contains(t, svg.String(), ">the law<")
}

func TestFind(t *testing.T) {
	list := []*studies.Study{{Name: "a/b"}, {Name: "c"}}
	s, err := studies.Find(list, "c")
	require.NoError(t, err)
	require.Equal(t, list[1], s)
	_, err = studies.Find(list, "b")
	require.EqualError(t, err, `unknown study "b": there are a/b, c`)
}
