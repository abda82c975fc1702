package studies

import (
	"errors"
	"fmt"
	"image/color"
	"io"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// palette is Okabe and Ito's (2008), whose colours people with any colour vision tell apart; each curve has a dash of its
// own as well.
var palette = []color.RGBA{
	{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {230, 159, 0, 255}, {86, 180, 233, 255}, {60, 60, 60, 255},
}

var dashes = [][]vg.Length{nil, {vg.Points(6), vg.Points(3)}, {vg.Points(2), vg.Points(2)}, {vg.Points(8), vg.Points(3), vg.Points(2), vg.Points(3)}}

// curve is one line of a drawing, with the intervals of its points.
type curve struct {
	name string
	x    []float64
	y    []Estimate
}

// Draw draws a result's plot as svg or png.
func (r *Result) Draw(w io.Writer, format string) error {
	d := r.Design
	curves := r.curves()
	if len(curves) == 0 {
		return errors.New("the study has no curves to draw")
	}
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = d.Plot.Title, d.Plot.X, d.Plot.Y
	p.Title.Padding, p.Legend.Top, p.Legend.Left, p.Legend.Padding = vg.Points(8), true, true, vg.Points(2)
	p.Add(plotter.NewGrid())
	if d.Plot.LogX {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	if d.Plot.LogY {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	least, most := math.Inf(1), math.Inf(-1)
	for i, c := range curves {
		if err := c.add(p, i, d.Plot); err != nil {
			return err
		}
		least, most = min(least, slices.Min(c.x)), max(most, slices.Max(c.x))
	}
	for i, law := range d.Plot.Laws {
		line := plotter.NewFunction(law.At)
		line.XMin, line.XMax, line.Samples = least, most, 400
		line.Color, line.Dashes = color.Gray{110}, dashes[1+i%(len(dashes)-1)]
		p.Add(line)
		p.Legend.Add(law.Name, line)
	}
	to, err := p.WriterTo(8*vg.Inch, 5*vg.Inch, format)
	if err != nil {
		return err
	}
	_, err = to.WriteTo(w)
	return err
}

// curves are those of the traces, or one for each series of cases.
func (r *Result) curves() (list []curve) {
	for i, c := range r.Design.Cases {
		if times := r.Design.Plot.Times; times != nil {
			list = append(list, curve{c.Series, times, r.Rows[i].Trace})
			continue
		}
		if c.Series == "" {
			continue
		}
		k := slices.IndexFunc(list, func(l curve) bool { return l.name == c.Series })
		if k < 0 {
			k = len(list)
			list = append(list, curve{name: c.Series})
		}
		list[k].x = append(list[k].x, c.X)
		list[k].y = append(list[k].y, r.Rows[i].Values[r.Design.Plot.Column])
	}
	return list
}

// add draws a curve and its intervals. What a logarithmic axis cannot show is left out.
func (c curve) add(p *plot.Plot, i int, of Plot) error {
	var points plotter.XYs
	var bars struct {
		plotter.XYs
		plotter.YErrors
	}
	var bands plotter.XYs
	for k, e := range c.y {
		if math.IsNaN(e.Mean) || of.LogY && e.Mean <= 0 || of.LogX && c.x[k] <= 0 {
			continue
		}
		at := plotter.XY{X: c.x[k], Y: e.Mean}
		points = append(points, at)
		half := e.Half
		if math.IsNaN(half) || of.LogY && half >= e.Mean {
			half = 0
		}
		bars.XYs = append(bars.XYs, at)
		bars.YErrors = append(bars.YErrors, struct{ Low, High float64 }{half, half})
		bands = append(bands, plotter.XY{X: at.X, Y: at.Y - half})
	}
	if len(points) == 0 {
		return fmt.Errorf("the curve %s has no points", c.name)
	}
	colour := palette[i%len(palette)]
	line, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	line.Color, line.Width, line.Dashes = colour, vg.Points(1.5), dashes[i/len(palette)%len(dashes)]
	if of.Times != nil { // many points: a band
		for k := len(points) - 1; k >= 0; k-- {
			bands = append(bands, plotter.XY{X: points[k].X, Y: points[k].Y + bars.YErrors[k].High})
		}
		band, err := plotter.NewPolygon(bands)
		if err != nil {
			return err
		}
		band.Color, band.LineStyle.Width = color.NRGBA{colour.R, colour.G, colour.B, 50}, 0
		p.Add(band, line)
		p.Legend.Add(c.name, line)
		return nil
	}
	errorBars, err := plotter.NewYErrorBars(bars)
	if err != nil {
		return err
	}
	errorBars.Color = colour
	marks, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	marks.Color, marks.Shape, marks.Radius = colour, []draw.GlyphDrawer{draw.CircleGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}}[i%3], vg.Points(3)
	p.Add(line, errorBars, marks)
	p.Legend.Add(c.name, line, marks)
	return nil
}
