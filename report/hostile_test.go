package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/internal/race"
	"github.com/seedbed-sim/seedbed/report"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// hostiles are texts that want to be more than texts.
var hostiles = []string{
	`<img src=x onerror="window.hacked = 1">`,
	`</script><script>window.hacked = 2</script>`,
	`<svg onload=window.hacked=3>`,
	`"><b id=injected>bold</b>`,
	`javascript:window.hacked=4`,
	"nul \x00, bell \x07, escape \x1b[31m, line\nline, tab\t, delete \x7f",
	"\xff\xfe\xc0\x80 is no UTF-8, \xed\xa0\x80 neither",
	"\u202eright to left\u202c, \u2028 and \ufeff",
	strings.Repeat("<b>long</b>", 90),
	"$& $1 $` ${window.hacked=5} {{constructor.constructor('window.hacked=6')()}}",
}

// hostileTrace has them wherever a trace has a text.
func hostileTrace(t *testing.T) []byte {
	t.Helper()
	h := trace.Header{
		Seed: 1, Scenario: hostiles[1], Names: map[sim.NodeID]string{},
		Words: &trace.Words{
			Says:  []trace.Saying{{Match: "(.*)", Say: hostiles[0] + "$1"}, {Match: "((((", Say: "no expression"}},
			Roles: []trace.Role{{Match: ".", Role: hostiles[3]}},
			Logs:  []trace.LogOp{{Match: "(.*)", Do: "append", Log: hostiles[0], Index: "1", Epoch: hostiles[2], Text: "$1"}},
		},
	}
	plan, err := json.Marshal(map[string]any{
		"nodes": 4, "clients": 2, "faults": []any{
			map[string]any{"at": "1ms", "until": hostiles[0], "fault": map[string]any{"kind": hostiles[0], "role": hostiles[1]}},
			map[string]any{"at": "1ms", "until": "9ms", "fault": map[string]any{"kind": hostiles[1], "nodes": []any{hostiles[0], -1, nil}}},
			"no object",
		},
	})
	require.NoError(t, err)
	h.Plan = plan
	for i, text := range hostiles {
		h.Names[sim.NodeID(i+1)] = text
	}
	var file bytes.Buffer
	w, err := trace.NewWriter(&file, h)
	require.NoError(t, err)
	n := uint64(0)
	for _, text := range hostiles {
		for _, kind := range []sim.Kind{sim.KindBoot, sim.KindDeliver, sim.KindDrop, sim.KindFact, sim.KindInvoke, sim.KindReturn, sim.KindFault, sim.KindPause, sim.KindCrash} {
			n++
			s := trace.Step{Step: sim.Step{N: n, Kind: kind, Node: sim.NodeID(1 + n%10), Lamport: n, Incarnation: 1}, Text: text}
			if kind == sim.KindDeliver || kind == sim.KindDrop {
				s.Peer, s.Packet, s.Cause = sim.NodeID(1+n%7), n, n-1
			}
			s.Changes = []trace.Change{{Path: text, Old: "", New: text}}
			s.Logs = []trace.Log{{Node: s.Node, Text: text}}
			require.NoError(t, w.Write(&s))
		}
	}
	require.NoError(t, w.Close(trace.Outcome{
		Verdict: hostiles[0], Property: hostiles[1], Detail: strings.Repeat(hostiles[0]+"\n", 1<<15), Step: 4, Node: 5,
	}))
	return file.Bytes()
}

// refused makes sure that the page's policy has refused something, and nothing else went wrong.
func (p *tab) refused() {
	p.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, trouble := range p.troubles {
		require.Contains(p, trouble, "Content Security Policy")
	}
	require.NotEmpty(p, p.troubles)
	p.troubles = nil
}

func TestHostilePairIsText(t *testing.T) {
	p := newTab(t, "light")
	file := hostileTrace(t)
	a, err := report.NewSide(hostiles[0], file)
	require.NoError(t, err)
	b, err := report.NewSide(hostiles[1], file)
	require.NoError(t, err)
	var apart []trace.Apart
	for _, s := range all(t, opened(t, file)) {
		if len(apart) < len(hostiles) && s.Node == sim.NodeID(len(apart)+1) {
			apart = append(apart, trace.Apart{Node: s.Node, A: &s, B: &s})
		}
	}
	p.openPair(a, b, []report.Fault{{Number: 1, Text: hostiles[0]}, {Number: 99, Text: hostiles[1]}}, apart)
	p.drawn()
	require.False(t, eval[bool](p, "'hacked' in window"))
	require.Zero(t, eval[int](p, "document.querySelectorAll('#injected, img, svg, [onerror], [onload]').length"))
	require.Contains(t, p.text("#pane0"), hostiles[0])
	require.Contains(t, p.text("#caption2"), "</script>")
}

func TestHostileContentIsText(t *testing.T) {
	p := newTab(t, "light")
	about := report.About{
		Title:    hostiles[1],
		Commands: []report.Command{{For: hostiles[0], Line: hostiles[1]}},
		Story:    []report.Sentence{{Step: 4, Text: hostiles[0]}, {Text: strings.Repeat(hostiles[3], 1<<16)}},
		Links:    []report.Link{{Text: hostiles[0], File: "javascript:window.hacked=7"}},
	}
	p.open(hostileTrace(t), about)
	for _, name := range eval[[]string](p, "[...document.querySelectorAll('#tabs button')].map(b => b.textContent)") {
		p.tab(name)
		for _, n := range []uint64{1, 4, 40, 80} {
			p.choose(n)
		}
		eval[bool](p, "([...document.querySelectorAll('.pane:not([hidden]) details')].forEach(d => d.open = true), [...document.querySelectorAll('.pane:not([hidden]) a')].forEach(a => a.click()), true)")
		p.drawn()
	}
	p.choose(4)
	require.False(t, eval[bool](p, "'hacked' in window"))
	require.Zero(t, eval[int](p, "document.querySelectorAll('#injected, img, svg, [onerror], [onload]').length"))
	require.Equal(t, 1, eval[int](p, "document.querySelectorAll('script:not([type=\"application/json\"])').length"), "no script but the page's")
	require.Contains(t, p.text("#step"), hostiles[0])
	require.Contains(t, p.text("#verdict"), "</script>")
	require.Contains(t, eval[string](p, "document.title"), "</script>")

	// And what got there all the same would not run.
	eval[bool](p, `(() => {
		const s = document.createElement("script");
		s.textContent = "window.hacked = 8";
		document.body.append(s);
		const b = document.createElement("b");
		b.setAttribute("onclick", "window.hacked = 9");
		document.body.append(b);
		b.click();
		return true;
	})()`)
	require.False(t, eval[bool](p, "'hacked' in window"))
	p.refused()
}

// serve serves a page for as long as the test runs. Each of watch sees the requests.
func (p *tab) serve(data []byte, about report.About, watch ...func(r *http.Request)) (host string) {
	p.Helper()
	l, err := report.Listen()
	require.NoError(p, err)
	host = l.Addr().String()
	h, err := report.Handler(bytes.NewReader(data), int64(len(data)), about, host)
	require.NoError(p, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, f := range watch {
			f(r)
		}
		h.ServeHTTP(w, r)
	})}
	go server.Serve(l)
	p.Cleanup(func() { server.Close() })
	return host
}

// A long run comes in parts of a few requests each, and what is not looked at does not come at all.
func TestLongRunsAreServedByParts(t *testing.T) {
	if testing.Short() || race.On {
		t.Skip("a long run")
	}
	p := newTab(t, "light")
	data := million()
	var mu sync.Mutex
	asked, bytes := 0, 0
	host := p.serve(data, report.About{Title: "long"}, func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var from, to int
		if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to); n == 2 {
			asked++
			bytes += to + 1 - from
		}
	})
	read := func(query string) (requests, size int) {
		mu.Lock()
		asked, bytes = 0, 0
		mu.Unlock()
		p.do(chromedp.Navigate("http://" + host + "/" + query))
		p.until(`document.documentElement.dataset.state === "ready"`)
		mu.Lock()
		defer mu.Unlock()
		return asked, bytes
	}
	requests, size := read("?to=20000")
	require.LessOrEqual(t, size, 3<<20, "of %d", len(data))
	require.Positive(t, requests)
	requests, _ = read("")
	require.LessOrEqual(t, requests, 2*len(data)>>20+4)

	// What was put together from parts is what was recorded.
	const prime = 1_000_003
	sums := [4]uint64{}
	require.NoError(t, opened(t, data).Skim(func(s *sim.Step) {
		for i, v := range []uint64{uint64(s.At), s.Cause, s.Packet, s.Lamport} {
			sums[i] = (31*sums[i] + v%prime) % prime
		}
	}))
	require.Equal(t, sums, eval[[4]uint64](p, fmt.Sprintf(`["at", "cause", "packet", "lamport"].map(name => seedbed.run.columns[name].reduce((sum, v) => (31 * sum + v %% %d) %% %[1]d, 0))`, prime)))
	p.choose(1_000_000)
	p.until("document.querySelector('#step .text').textContent.length > 1")
}

// A part of a run is looked at as the whole is; what is not in it is a link away.
func TestServedWindows(t *testing.T) {
	p := newTab(t, "light")
	data := failingLate(t)
	r := opened(t, data)
	h, steps := r.Header(), all(t, r)
	host := p.serve(data, report.About{Title: "a part"})
	at := func(query string) {
		p.do(chromedp.Navigate("http://" + host + "/" + query))
		p.until(`document.documentElement.dataset.state === "ready"`)
		p.drawn()
	}
	at("?to=100")
	first, last := eval[uint64](p, "seedbed.trace.first"), eval[uint64](p, "seedbed.trace.last")
	require.Equal(t, uint64(1), first)
	require.Greater(t, last, uint64(100))
	require.Less(t, last, h.Step)
	require.Equal(t, last, eval[uint64](p, "seedbed.run.indexed"))
	require.Equal(t, uint64(100), p.selected(), "the violation is elsewhere")
	require.True(t, p.sees(1) && p.sees(100) && !p.sees(150), "of what is loaded, what was asked for")
	link := func(selector string) string {
		return eval[string](p, fmt.Sprintf("document.querySelector(%q).getAttribute('href')", selector))
	}
	at(link("#pane0 > p a"))
	require.Equal(t, h.Step, p.selected())
	at("?from=9000")
	require.Greater(t, eval[uint64](p, "seedbed.trace.first"), last)
	require.Equal(t, h.Step, p.selected())
	p.until(fmt.Sprintf("document.querySelector('#step .text').textContent === %q", steps[h.Step-1].Text))
	require.Contains(t, p.text(".elsewhere"), "← earlier")
	story, err := report.Story(r)
	require.NoError(t, err)
	p.tab("Story")
	p.until(fmt.Sprintf("document.querySelectorAll('.story li').length === %d", len(story)))
	for i, s := range story {
		item := fmt.Sprintf(".story li:nth-child(%d)", i+1)
		require.Contains(t, p.text(item), s.Text)
		require.Equal(t, s.Step != 0 && s.Step <= last, eval[int](p, fmt.Sprintf("document.querySelectorAll('%s a').length", item)) == 1, "what is in another part is a link to it")
	}
	for title, c := range p.curves() {
		begin := float64(steps[eval[uint64](p, "seedbed.trace.first")-1].At) / 1e9
		require.Greater(t, c.X[0], begin, "%s says nothing of what is not in sight", title)
		require.InDelta(t, begin, c.X[0], c.X[1]-c.X[0], title)
	}
	at(link(".elsewhere a"))
	require.Equal(t, uint64(1), eval[uint64](p, "seedbed.trace.first"))
	at("")
	require.Equal(t, h.Steps, eval[uint64](p, "seedbed.run.indexed"), "the whole, which is not too long")
	require.Zero(t, eval[int](p, "document.querySelectorAll('.elsewhere').length"))
	at("?from=99999999")
	require.Equal(t, h.Steps, eval[uint64](p, "seedbed.trace.last"), "there is no such step: the end")
}

// sees reports whether a step is in the window.
func (p *tab) sees(n uint64) bool {
	p.Helper()
	return eval[bool](p, fmt.Sprintf("(x => seedbed.view.from <= x && x <= seedbed.view.to)(seedbed.view.coordinate(%d - seedbed.run.first))", n))
}

// Steps that are asked for are what is looked at, though whole frames are loaded. What cannot be is answered by what could.
func TestStepsThatAreAskedFor(t *testing.T) {
	p := newTab(t, "light")
	data := failingLate(t)
	h := opened(t, data).Header()
	host := p.serve(data, report.About{Title: "a part"})
	at := func(query string) {
		p.do(chromedp.Navigate("http://" + host + "/" + query))
		p.until(`document.documentElement.dataset.state === "ready"`)
		p.drawn()
	}
	at("?from=4500&to=4600")
	require.True(t, p.sees(4500) && p.sees(4600))
	require.Less(t, p.number("items"), 150.0, "and hardly more")
	require.Equal(t, uint64(4600), p.selected())
	at(fmt.Sprintf("?from=%d", h.Step-20))
	require.True(t, p.sees(h.Step-20) && p.sees(h.Step) && p.sees(h.Steps) && !p.sees(h.Step-100))
	require.Equal(t, h.Step, p.selected(), "the violation, where it is among them")
	require.True(t, eval[bool](p, "document.getElementById('note').hidden"))
	all := fmt.Sprintf("this run has the steps 1 to %s, so write ?from=1&to=%d or a part of it.", grouped(h.Steps), h.Steps)
	for query, wrong := range map[string]string{
		"?from=abc":         "?from=abc is no step: ",
		"?to=":              "?to= is no step: ",
		"?from=-3&to=9":     "?from=-3 is no step: ",
		"?from=0":           "?from=0 is no step: ",
		"?from=9&to=5":      "?from=9 is behind to=5: ",
		"?from=1&to=999999": "There is no step 999\u202f999: ",
	} {
		at(query)
		require.Equal(t, wrong+all, p.text("#note"), query)
		require.False(t, eval[bool](p, "document.getElementById('note').hidden"), query)
		require.Positive(t, eval[int](p, "seedbed.run.indexed"), "what there is shows, %s", query)
	}
}

// grouped is a number as the page has it.
func grouped(n uint64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "\u202f" + text[i:]
	}
	return text
}

func TestServedPageInBrowser(t *testing.T) {
	p := newTab(t, "light")
	s := scenario(t, "olep/log")
	data := record(t, s, s.Plan(3), scenarios.Options{})
	r := opened(t, data)
	about, err := report.Describe(r)
	require.NoError(t, err)
	host := p.serve(data, about)
	p.do(chromedp.Navigate("http://" + host + "/"))
	p.until(`document.documentElement.dataset.state === "ready"`)
	p.tab("Logs")
	p.until("document.querySelectorAll('.strip td.cell').length > 10")
	p.tab("Curves")
	p.until("document.querySelectorAll('.curves canvas').length >= 4")
	require.Contains(t, p.text(".curves"), "latency")
	steps := all(t, r)
	p.choose(100)
	p.until("document.querySelector('#step').textContent.includes('100')")
	require.Equal(t, uint64(len(steps)), eval[uint64](p, "seedbed.run.indexed"))
}
