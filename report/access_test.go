package report_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/report"
	"github.com/seedbed-sim/seedbed/sim"
)

func TestPinchAndWheel(t *testing.T) {
	p := newTab(t, "light")
	p.open(failing(t), report.About{Title: "a failure"})
	width := func() float64 { return p.number("to") - p.number("from") }
	box := eval[[]float64](p, "(b => [b.left, b.top, b.width, b.height])(document.getElementById('diagram').getBoundingClientRect())")
	x, y := box[0]+box[2]/2, box[1]+box[3]/2
	touch := func(kind input.DispatchTouchEventType, gap float64) {
		points := []*input.TouchPoint{}
		if gap > 0 {
			one, two := 1.0, 2.0
			points = []*input.TouchPoint{{X: x - gap, Y: y, ID: &one}, {X: x + gap, Y: y, ID: &two}}
		}
		call(p, input.DispatchTouchEvent, input.DispatchTouchEventParams{Type: kind, TouchPoints: points})
		p.drawn()
	}
	before := width()
	touch(input.DispatchTouchEventTypeTouchStart, 40)
	for gap := 50.0; gap <= 160; gap += 10 {
		touch(input.DispatchTouchEventTypeTouchMove, gap)
	}
	touch(input.DispatchTouchEventTypeTouchEnd, 0)
	require.InEpsilon(t, before/4, width(), 0.1, "fingers that go four times as far apart")
	require.Equal(t, 1.0, eval[float64](p, "visualViewport.scale"), "the page itself is not zoomed")

	before = width()
	call(p, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseWheel, X: x, Y: y, DeltaX: 1e-9, DeltaY: -100, Modifiers: 2})
	p.drawn()
	require.Less(t, width(), before/2, "as touchpads pinch")
}

// What can be reached has a name, and what is drawn is told in words.
func TestAccessibility(t *testing.T) {
	p := newTab(t, "light")
	p.open(failing(t), report.About{Title: "a failure", Commands: []report.Command{{For: "repeat it", Line: "seedbed run"}}})
	for _, name := range eval[[]string](p, "[...document.querySelectorAll('#tabs button')].map(b => b.textContent)") {
		p.tab(name)
		tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		require.NoError(t, err)
		roles := map[string]int{}
		for _, n := range tree.Nodes {
			if n.Ignored || n.Role == nil {
				continue
			}
			role := string(n.Role.Value)
			roles[role]++
			switch role {
			case `"button"`, `"link"`, `"tab"`, `"searchbox"`, `"slider"`, `"listbox"`, `"application"`, `"region"`, `"separator"`, `"tabpanel"`:
				require.NotNil(t, n.Name, "%s of %s", role, name)
				require.NotEqual(t, `""`, string(n.Name.Value), "a %s of %s has no name", role, name)
			}
		}
		require.NotZero(t, roles[`"tab"`])
		require.NotZero(t, roles[`"application"`], "the diagram")
		require.NotZero(t, roles[`"status"`], "where steps are told")
	}
	require.Equal(t, "en", eval[string](p, "document.documentElement.lang"))
}

// Curves are as wide as their places, whatever the window is.
func TestCurvesFit(t *testing.T) {
	p := newTab(t, "light")
	widths := func(width int64) {
		call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: 900, DeviceScaleFactor: 1})
		p.until(`[...document.querySelectorAll(".curves figure")].every(f => {
			const place = f.getBoundingClientRect(), plot = f.querySelector(".u-wrap").getBoundingClientRect();
			return plot.right <= place.right + .5 && plot.width > .9 * place.width;
		})`)
	}
	p.open(failing(t), report.About{Title: "a failure"})
	p.tab("Curves")
	p.until(`document.querySelector(".curves canvas")`)
	for _, width := range []int64{1280, 1400, 2000, 1400, 900} {
		widths(width)
	}
}

// In a narrow window things are below one another, and none covers another.
func TestNarrowWindow(t *testing.T) {
	p := newTab(t, "light")
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 400, Height: 800, DeviceScaleFactor: 1})
	p.open(failing(t), report.About{Title: "a failure"})
	require.True(t, eval[bool](p, `(bottom => [...document.querySelectorAll("header *")].every(e => e.getBoundingClientRect().bottom <= bottom))(document.querySelector("header").getBoundingClientRect().bottom)`))
	require.LessOrEqual(t, eval[float64](p, "document.querySelector('header').getBoundingClientRect().bottom - document.getElementById('toolbar').getBoundingClientRect().top"), 0.5)
	p.tab("Faults")
	require.True(t, eval[bool](p, `(kinds => kinds.length > 3 && kinds.every(e => e.scrollWidth <= e.clientWidth))([...document.querySelectorAll(".row.fault:not([hidden]) .kind")])`), "kinds of faults are not cut")
}

// Messages and verdicts call a client by its number as a node, so its lane says that beside its name.
func TestClientHasBothNames(t *testing.T) {
	p := newTab(t, "light")
	data := failing(t)
	p.open(data, report.About{Title: "a failure"})
	for _, s := range all(t, opened(t, data)) {
		if s.Kind == sim.KindInvoke {
			p.choose(s.N)
			header := opened(t, data).Header()
			require.Contains(t, p.text("#step dl"), fmt.Sprintf("%s, which is %s, incarnation 1", header.Name(s.Node), s.Node))
			return
		}
	}
	t.Fatal("no client asks for anything")
}

// Texts scale with what the reader has set, and nothing jumps while the page comes up.
func TestTextsScale(t *testing.T) {
	p := newTab(t, "light")
	data := failing(t)
	p.open(data, report.About{Title: "a failure"})
	require.Less(t, eval[float64](p, `new Promise(done => new PerformanceObserver(list => done(list.getEntries().reduce((n, e) => n + e.value, 0))).observe({type: "layout-shift", buffered: true}) || setTimeout(() => done(0), 300))`), 0.02, "layout shift")
	sizes := func() map[string]float64 {
		return eval[map[string]float64](p, `(height => ({
			title: height("#title"), tab: height("#tabs button"), button: height("#toolbar button"), text: height("#step .text"), canvas: seedbed.diagram.p.size, row: height(".row"),
		}))(q => parseFloat(getComputedStyle(document.querySelector(q)).fontSize))`)
	}
	p.tab("Steps")
	before := sizes()
	eval[bool](p, `(document.documentElement.style.fontSize = "200%", true)`)
	p.drawn()
	for name, size := range sizes() {
		require.InDelta(t, 2*before[name], size, 0.1, name)
	}
	require.LessOrEqual(t, eval[float64](p, "document.documentElement.scrollWidth"), 1280.0, "nothing is pushed out of the page")
	for range 5 {
		p.key("+")
	}
	at := eval[[]float64](p, `(() => { // a place in the overview, and the time that is there where it begins where the diagram does
		const box = document.getElementById("overview").getBoundingClientRect(), {left, right} = seedbed.diagram, [low, high] = seedbed.view.limits();
		return [box.left + left + 0.25 * (right - left), box.top + box.height / 2, low + 0.25 * (high - low), high - low];
	})()`)
	p.do(chromedp.MouseClickXY(at[0], at[1]))
	p.drawn()
	require.InDelta(t, at[2], (p.number("from")+p.number("to"))/2, 0.01*at[3])
	require.Greater(t, eval[float64](p, "(seedbed.diagram.h - seedbed.diagram.top) / seedbed.diagram.h"), 0.5, "lanes have more room than what is above them")
	require.True(t, eval[bool](p, `(c => {
		const d = c.getContext("2d").getImageData(0, c.height >> 1, 150, 1).data, [r, g, b] = [0, 1, 2].map(k => d[k]);
		const near = n => Math.abs(d[4 * n] - r) + Math.abs(d[4 * n + 1] - g) + Math.abs(d[4 * n + 2] - b) < 24;
		return [...Array(20).keys()].every(n => near(n + 125));
	})(document.getElementById("overview"))`), "the strip makes room for its name")
}
