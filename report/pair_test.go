package report_test

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/report"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/trace"
)

// openPair writes a page of two runs and opens it as a file.
func (p *tab) openPair(a, b report.Side, missing []report.Fault, apart []trace.Apart) {
	p.Helper()
	file := filepath.Join(p.TempDir(), "both.html")
	require.NoError(p, trace.WriteFile(file, func(w io.Writer) error { return report.WritePair(w, a, b, missing, apart) }))
	p.do(chromedp.Navigate("file://" + file))
	p.until(`document.documentElement.dataset.state === "ready"`)
	p.drawn()
}

func TestPairInBrowser(t *testing.T) {
	p := newTab(t, "light")
	s := scenario(t, "raft/kv")
	plan := s.Plan(7)
	with := record(t, s, plan, scenarios.Options{})
	var without []byte
	var apart []trace.Apart
	left := 0
	for ; len(apart) < 3; left++ { // the first that makes a difference to several nodes
		fewer := plan
		fewer.Faults = slices.Delete(slices.Clone(plan.Faults), left, left+1)
		without = record(t, s, fewer, scenarios.Options{})
		var err error
		apart, err = trace.Diff(opened(t, with), opened(t, without))
		require.NoError(t, err)
	}
	a, err := report.NewSide("with", with)
	require.NoError(t, err)
	b, err := report.NewSide("without", without)
	require.NoError(t, err)
	a.Commands = []report.Command{{For: "compare", Line: "seedbed diff raft/kv --seed 7"}}
	p.openPair(a, b, []report.Fault{{Number: left, Text: "what is left out"}}, apart)
	first := apart[0]
	number := func(suffix, name string) float64 {
		return eval[float64](p, fmt.Sprintf("Number(document.getElementById('diagram%s').dataset.%s)", suffix, name))
	}

	t.Run("told", func(t *testing.T) {
		h := opened(t, with).Header()
		require.Contains(t, p.text("#pane0 h2"), first.At().String()+", on "+h.Name(first.Node))
		require.Contains(t, p.text("#pane0"), fmt.Sprintf("left out: fault %d, what is left out", left))
		require.Contains(t, p.text("#pane0 .commands code"), "seedbed diff")
		require.Equal(t, len(apart), eval[int](p, "document.querySelectorAll('#pane0 tbody tr').length"))
		require.Contains(t, p.text("#caption"), "with")
		require.Contains(t, p.text("#caption2"), opened(t, without).Header().Verdict)
	})
	t.Run("the first difference is chosen in both", func(t *testing.T) {
		require.Equal(t, first.A.N, p.selected())
		require.Equal(t, first.B.N, eval[uint64](p, "seedbed.runs[1].view.selected + seedbed.runs[1].run.first"))
	})
	t.Run("marked", func(t *testing.T) {
		eval[bool](p, "seedbed.view.look(0, 1) || true") // nothing is in sight
		p.drawn()
		before := [2]int{p.pixels("#diagram", "purple"), p.pixels("#diagram2", "purple")}
		eval[bool](p, fmt.Sprintf("seedbed.view.look(%d, %d) || true", first.At()-1e6, first.At()+1e6))
		p.drawn()
		require.Greater(t, p.pixels("#diagram", "purple"), before[0]+500, "a flag, and a bar in the lane")
		require.Greater(t, p.pixels("#diagram2", "purple"), before[1]+500)
	})
	t.Run("both look at the same times", func(t *testing.T) {
		for suffix, other := range map[string]string{"": "2", "2": ""} {
			n := len(suffix)
			eval[bool](p, fmt.Sprintf("seedbed.runs[%d].view.look(%de9, 9e9) || true", n, 3+n))
			p.drawn()
			require.Equal(t, float64(3+n)*1e9, number(other, "from"))
			require.Equal(t, 9e9, number(other, "to"))
		}
		p.key("a") // by steps: the numbers differ, the times do not
		at := func(n int, end string) float64 {
			return eval[float64](p, fmt.Sprintf("(r => r.columns.at[Math.round(seedbed.runs[%d].view.%s)])(seedbed.runs[%d].run)", n, end, n))
		}
		require.InDelta(t, at(0, "from"), at(1, "from"), 20e6)
		require.InDelta(t, at(0, "to"), at(1, "to"), 20e6)
		p.key("a")
		p.key("0")
		require.InDelta(t, number("", "from"), number("2", "from"), 1)
		require.InDelta(t, number("", "to"), number("2", "to"), 1)
	})
	t.Run("keys and panel are about the active run", func(t *testing.T) {
		p.click("#caption2")
		require.True(t, eval[bool](p, "document.getElementById('below').hidden && !document.getElementById('below2').hidden"))
		chosen := p.selected()
		p.key(".")
		require.Equal(t, chosen, p.selected(), "the first run's")
		require.Equal(t, first.B.N+1, eval[uint64](p, "seedbed.runs[1].view.selected + seedbed.runs[1].run.first"))
		p.key("x")
		p.key(".")
		require.Equal(t, chosen+1, p.selected())
		require.False(t, eval[bool](p, "document.getElementById('below').hidden"))
	})
	t.Run("the list leads to steps of either run", func(t *testing.T) {
		p.click("#pane0 tbody tr:nth-child(2) td:last-child button")
		require.Equal(t, apart[1].B.N, eval[uint64](p, "seedbed.runs[1].view.selected + seedbed.runs[1].run.first"))
		require.True(t, eval[bool](p, "document.getElementById('below').hidden"))
		require.Equal(t, "diagram2", eval[string](p, "document.activeElement.id"))
	})
	t.Run("ids are no twins", func(t *testing.T) {
		require.True(t, eval[bool](p, "(ids => new Set(ids).size === ids.length)([...document.querySelectorAll('[id]')].map(e => e.id))"))
	})
}

// Recordings that are of different runs say so.
func TestPairOfStrangers(t *testing.T) {
	s := scenario(t, "raft/election")
	var sides [2]report.Side
	var traces [2]*trace.Reader
	for i := range sides {
		file := record(t, s, s.Plan(uint64(i+1)), scenarios.Options{})
		traces[i] = opened(t, file)
		var err error
		sides[i], err = report.NewSide(fmt.Sprintf("%d.trace", i+1), file)
		require.NoError(t, err)
	}
	apart, err := trace.Diff(traces[0], traces[1])
	require.NoError(t, err)
	p := newTab(t, "light")
	p.openPair(sides[0], sides[1], nil, apart)
	require.Contains(t, p.text("#caption"), "1.traceraft/election, seed 1")
	require.Contains(t, p.text("#caption2"), "2.traceraft/election, seed 2")
}
