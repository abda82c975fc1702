package report_test

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/report"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
)

// tips points at each operation and mark, and returns what the page then says.
const tips = `[...document.querySelectorAll(".target-rect")].map(r => {
	r.dispatchEvent(new MouseEvent("mouseover"));
	r.dispatchEvent(new MouseEvent("mousemove", {clientX: 9, clientY: 9}));
	const text = document.querySelector(".tooltip").textContent;
	r.dispatchEvent(new MouseEvent("mouseout"));
	return text;
})`

// haunted is a key-value store whose reads find what nobody has written.
func haunted(t *testing.T) scenarios.Scenario {
	s := *scenario(t, "raft/kv")
	form := s.Form
	s.Form = func(input, output any) (any, any) {
		in, out := form(input, output)
		if v, ok := out.(checkers.Value); ok && v.Found {
			out = checkers.Value{Text: "ghost;", Found: true}
		}
		return in, out
	}
	return s
}

func TestLinkLeadsToHistory(t *testing.T) {
	p := newTab(t, "light")
	s := haunted(t)
	var file bytes.Buffer
	r, err := s.Record(s.Plan(7), scenarios.Options{}, &file)
	require.NoError(t, err)
	linear, err := s.LinearPage(r, file.Bytes())
	require.NoError(t, err)
	run := filepath.Join(t.TempDir(), "50%41 #?<b>'\".html")
	beside, links := report.Linear(run, linear)
	page, err := report.File(file.Bytes(), nil, links...)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(run, page, 0o666))
	require.NoError(t, os.WriteFile(beside, linear, 0o666))

	var requests []string
	require.NoError(t, chromedp.Listen(p.ctx, func(e any) {
		if e, ok := e.(*network.EventRequestWillBeSent); ok {
			p.mu.Lock()
			requests = append(requests, e.Request.URL)
			p.mu.Unlock()
		}
	}))
	call(p, network.Enable, network.EnableParams{})
	p.do(chromedp.Navigate((&url.URL{Scheme: "file", Path: run}).String()))
	p.until(`document.documentElement.dataset.state === "ready"`)
	p.drawn()
	p.do(chromedp.Navigate(eval[string](p, `[...document.querySelectorAll("a")].find(a => a.textContent.startsWith("the history")).href`)))
	p.until(`document.querySelectorAll(".target-rect").length > 100`)
	require.Contains(t, eval[string](p, "document.title"), `history of raft/kv, seed 7: invalid always "linearizable"`)
	shown := eval[[]string](p, `[...document.querySelectorAll("svg text")].map(e => e.textContent.trim())`)
	for _, want := range []string{"leaders", "nodes", "faults", "violation"} {
		require.Contains(t, shown, want)
	}
	require.True(t, slices.IsSortedFunc([]string{"violation", "leaders", "nodes", "faults"}, func(a, b string) int {
		return slices.Index(shown, a) - slices.Index(shown, b)
	}), "from what matters most")
	require.Positive(t, eval[int](p, `document.querySelectorAll(".linearization-invalid").length`))
	require.Zero(t, eval[int](p, `[...document.querySelectorAll("rect")].filter(r => !(r.width.baseVal.value > 0)).length`))
	told := eval[[]string](p, tips)
	require.True(t, slices.ContainsFunc(told, func(s string) bool { return matches(`New state:.*invalid op`, s) }))
	require.True(t, slices.ContainsFunc(told, func(s string) bool { return matches(`^\d+\.\d+s, step \d+: BecameLeader\{`, s) }))
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Len(t, requests, 2, "the pages and nothing else: %v", requests)
	require.Empty(t, p.troubles)
}

func TestHostileHistoryIsText(t *testing.T) {
	p := newTab(t, "light")
	var ops []*sim.Op
	add := func(in, out any) {
		n := uint64(len(ops))
		ops = append(ops, &sim.Op{ID: int(n), Client: 1, Input: in, Output: out, Outcome: sim.OK, Call: 2*n + 1, Return: 2*n + 2})
	}
	var marks []checkers.Mark
	for i, text := range hostiles {
		add(checkers.Put{Key: hostiles[0], Text: text}, nil)
		add(checkers.Get{Key: hostiles[0]}, checkers.Value{Text: text, Found: true})
		marks = append(marks, checkers.Mark{Row: text, Text: text, Details: text, From: checkers.Moment{Step: uint64(i)}, Colour: "#ddd"})
	}
	add(checkers.Get{Key: hostiles[0]}, checkers.Value{Text: hostiles[1], Found: true})
	var b bytes.Buffer
	page := checkers.Page{Title: hostiles[1], Name: func(sim.NodeID) string { return hostiles[0] }, Marks: marks}
	require.NoError(t, page.Write(&b, checkers.RegisterModel(), ops))
	file := filepath.Join(t.TempDir(), "history.html")
	require.NoError(t, os.WriteFile(file, b.Bytes(), 0o666))
	p.do(chromedp.Navigate("file://" + file))
	p.until(fmt.Sprintf(`document.querySelectorAll(".target-rect").length === %d`, len(ops)+len(marks)+1))
	told := eval[[]string](p, tips)
	require.True(t, slices.ContainsFunc(told, func(s string) bool { return matches(`(?s)New state:.*onerror`, s) }))
	require.False(t, eval[bool](p, "'hacked' in window"))
	require.Zero(t, eval[int](p, "document.querySelectorAll('#injected, img, #canvas b, [onerror], [onload]').length"))
	require.Equal(t, 1, eval[int](p, "document.querySelectorAll('script').length"))
	require.Contains(t, eval[string](p, "document.title"), "</script>")

	// And what got there all the same would not run.
	eval[bool](p, `(() => {
		document.querySelector(".tooltip").innerHTML = "<b id=got onclick='window.hacked = 9'>b</b>";
		document.getElementById("got").click();
		return true;
	})()`)
	require.False(t, eval[bool](p, "'hacked' in window"))
	p.refused()
}

func matches(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }

// Of a violation of a history the operations that show it are marked, and the end of the last is chosen.
func TestWitnessesAreMarked(t *testing.T) {
	p := newTab(t, "light")
	s := haunted(t)
	data := record(t, &s, s.Plan(7), scenarios.Options{})
	r := opened(t, data)
	h, steps := r.Header(), all(t, r)
	require.Zero(t, h.Step)
	require.NotEmpty(t, h.Ops)
	p.open(data, report.About{})
	asked := steps[h.Ops[len(h.Ops)-1]-1]
	number, _, _ := strings.Cut(asked.Text, " ")
	end := steps[p.selected()-1]
	require.Equal(t, sim.KindReturn, end.Kind)
	require.Equal(t, asked.Node, end.Node)
	require.Regexp(t, "^"+number+" ", end.Text)
	eval[bool](p, fmt.Sprintf("seedbed.view.look(%d, %d) || true", end.At-1e6, end.At+1e6))
	p.drawn()
	with := p.pixels("#diagram", "vermillion")
	eval[bool](p, `(seedbed.run.witnesses = () => [], seedbed.view.emit("look"), true)`)
	p.drawn()
	require.Greater(t, with, p.pixels("#diagram", "vermillion")+20, "a star")
	p.key(kb.Home)
	p.key("v")
	require.Equal(t, h.Steps, p.selected(), "without one, the end")
}
