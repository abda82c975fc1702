package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/internal/race"
	"github.com/seedbed-sim/seedbed/models/raft"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/report"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// browser is started by the first test that needs it, and shared by all; each has a tab of its own.
var browser struct {
	sync.Once
	ctx  context.Context
	stop func()
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if browser.stop != nil {
		browser.stop()
	}
	os.Exit(code)
}

func startBrowser() (context.Context, func(), error) {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path))
		if os.Geteuid() == 0 { // whom the sandbox refuses
			options = append(options, chromedp.NoSandbox)
		}
		all, stopAll := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, stop := chromedp.NewContext(all)
		return ctx, func() { stop(); stopAll() }, chromedp.Do(ctx, chromedp.Navigate("about:blank"))
	}
	return nil, nil, exec.ErrNotFound
}

// tab is a page in the browser.
type tab struct {
	testing.TB
	ctx context.Context

	mu       sync.Mutex
	troubles []string // what the console shows, and dialogs
}

// newTab needs a browser. Where there is none the test is skipped, unless CI=true or SEEDBED_BROWSER=must.
func newTab(t testing.TB, scheme string) *tab {
	browser.Do(func() { browser.ctx, browser.stop, browser.err = startBrowser() })
	if browser.err != nil {
		if os.Getenv("CI") == "true" || os.Getenv("SEEDBED_BROWSER") == "must" {
			t.Fatalf("no browser: %v", browser.err)
		}
		t.Skipf("SKIPPED: this needs chromium, and there is none: %v", browser.err)
	}
	ctx, cancel := chromedp.NewContext(browser.ctx)
	t.Cleanup(cancel)
	p := &tab{TB: t, ctx: ctx}
	p.do(chromedp.Navigate("about:blank")) // which starts the tab, so that the timeout does not end the browser
	ctx, end := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(end)
	p.ctx = ctx
	require.NoError(t, chromedp.Listen(ctx, func(e any) {
		switch e := e.(type) {
		case *runtime.EventConsoleAPICalled:
			p.trouble("console %s %s", e.Type, asJSON(e.Args))
		case *runtime.EventExceptionThrown:
			p.trouble("exception %s", asJSON(e.ExceptionDetails))
		case *log.EventEntryAdded:
			if !strings.Contains(e.Entry.Text, "getImageData") { // which is what these tests do
				p.trouble("log %s", asJSON(e.Entry))
			}
		case *page.EventJavascriptDialogOpening:
			p.trouble("dialog %s", e.Message)
		}
	}))
	call(p, log.Enable, cdp.Empty{})
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 1280, Height: 1100, DeviceScaleFactor: 1})
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, s := range p.troubles {
			t.Error(s)
		}
	})
	return p
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (p *tab) trouble(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.troubles = append(p.troubles, fmt.Sprintf(format, args...))
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	require.NoError(p, chromedp.Do(p.ctx, steps...))
}

func call[P, R any](p *tab, c cdp.Command[P, R], params P) {
	p.Helper()
	_, err := chromedp.Call(p.ctx, c, params)
	require.NoError(p, err)
}

// eval is the value of an expression, which may be a promise.
func eval[T any](p *tab, js string) T {
	p.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](js, chromedp.EvalAwaitPromise, chromedp.EvalAsValue))
	require.NoError(p, err, js)
	return v
}

// text is what an element says.
func (p *tab) text(selector string) string {
	p.Helper()
	return eval[string](p, fmt.Sprintf("document.querySelector(%q).textContent", selector))
}

// until waits for an expression to be true.
func (p *tab) until(js string) {
	p.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if eval[bool](p, "!!("+js+")") {
			return
		}
		if time.Now().After(end) {
			p.Fatalf("it does not come to %s; the page says %s, and of the search %s for %s", js, p.text("#live"), p.text("#finder output"), eval[string](p, "document.getElementById('search').value"))
		}
	}
}

// drawn waits until all that was asked for is drawn.
func (p *tab) drawn() {
	p.Helper()
	eval[bool](p, "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
}

func (p *tab) key(keys string) {
	p.Helper()
	p.do(chromedp.KeyEvent(keys))
	p.drawn()
}

func (p *tab) click(selector string) {
	p.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
	p.drawn()
}

// tab shows one of the page's tabs.
func (p *tab) tab(name string) {
	p.Helper()
	eval[bool](p, fmt.Sprintf("[...document.querySelectorAll('#tabs button')].find(b => b.textContent === %q).click() || true", name))
	p.drawn()
}

// number is one of the numbers that the diagram tells of itself.
func (p *tab) number(name string) float64 {
	p.Helper()
	return eval[float64](p, fmt.Sprintf("Number(document.getElementById('diagram').dataset.%s)", name))
}

func (p *tab) selected() uint64 {
	p.Helper()
	return eval[uint64](p, "seedbed.view.selected + seedbed.run.first")
}

func (p *tab) choose(n uint64) {
	p.Helper()
	eval[bool](p, fmt.Sprintf("seedbed.view.select(%d - seedbed.run.first) || true", n))
	p.drawn()
}

// pixels counts those of a canvas that are of a colour of the style sheet, or near it.
func (p *tab) pixels(canvas, colour string) int {
	p.Helper()
	return eval[int](p, fmt.Sprintf(`(() => {
		const c = document.querySelector(%q), d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
		const v = parseInt(getComputedStyle(document.documentElement).getPropertyValue("--" + %q).trim().slice(1), 16);
		let n = 0;
		for (let i = 0; i < d.length; i += 4) if (Math.abs(d[i] - (v >> 16)) + Math.abs(d[i+1] - (v >> 8 & 255)) + Math.abs(d[i+2] - (v & 255)) < 24) n++;
		return n;
	})()`, canvas, colour))
}

// open writes a page and opens it as a file.
func (p *tab) open(data []byte, about report.About) {
	p.Helper()
	file := filepath.Join(p.TempDir(), "run.html")
	require.NoError(p, trace.WriteFile(file, func(w io.Writer) error { return report.Write(w, data, about) }))
	p.do(chromedp.Navigate("file://" + file))
	p.until(`document.documentElement.dataset.state === "ready"`)
	p.drawn()
}

func opened(t testing.TB, data []byte) *trace.Reader {
	r, err := trace.Open(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	return r
}

func scenario(t testing.TB, name string) *scenarios.Scenario {
	s, err := scenarios.Catalogue().Find(name)
	require.NoError(t, err)
	return s
}

func record(t testing.TB, s *scenarios.Scenario, p nemesis.Plan, o scenarios.Options) []byte {
	var b bytes.Buffer
	_, err := s.Record(p, o, &b)
	require.NoError(t, err)
	return b.Bytes()
}

// failing is a run of a key-value store on Raft, which must not have a third leader, and has.
func failing(t testing.TB) []byte { return failingAt(t, 3, 1) }

// failingLate fails in the second frame of its trace.
func failingLate(t testing.TB) []byte { return failingAt(t, 6, 9000) }

// failingAt is a run whose leader of that number is one too many, and comes not before a step.
func failingAt(t testing.TB, most int, least uint64) []byte {
	s := *scenario(t, "raft/kv")
	build := s.Build
	s.Build = func(r *scenarios.Run) {
		build(r)
		few, leaders := r.Checks.Always(fmt.Sprintf("there are fewer than %d leaders", most)), 0
		r.World.Watch(func(step *sim.Step) {
			if f, ok := step.Payload.(raft.BecameLeader); ok {
				leaders++
				few.Check(leaders < most, func() string {
					return fmt.Sprintf("%s leads in term %d, and %d have before", r.Name(step.Node), f.Term, most-1)
				})
			}
		})
	}
	for seed := uint64(1); seed <= 300; seed++ {
		data := record(t, &s, s.Plan(seed), scenarios.Options{})
		r := opened(t, data)
		if h := r.Header(); h.Step < least || h.Property == "" {
			continue
		}
		for step, err := range r.Window(r.Header().Step, r.Header().Step) {
			require.NoError(t, err)
			if step.Kind == sim.KindFact { // and no fault that was waiting for it
				return data
			}
		}
	}
	t.Fatal("no seed has so many leaders so late")
	return nil
}

func all(t testing.TB, r *trace.Reader) (list []trace.Step) {
	for s, err := range r.All() {
		require.NoError(t, err)
		list = append(list, s)
	}
	return list
}

func reversed(steps []trace.Step) []trace.Step {
	steps = slices.Clone(steps)
	slices.Reverse(steps)
	return steps
}

func TestFailureInBrowser(t *testing.T) {
	p := newTab(t, "light")
	data := failing(t)
	r := opened(t, data)
	h, steps := r.Header(), all(t, r)
	causal, err := r.Causal()
	require.NoError(t, err)
	story, err := report.Story(r)
	require.NoError(t, err)
	p.open(data, report.About{
		Title:    "a failure",
		Commands: []report.Command{{For: "repeat", Line: "seedbed run raft/kv --seed " + fmt.Sprint(h.Seed)}},
		Story:    story,
	})

	t.Run("verdict", func(t *testing.T) {
		require.Contains(t, p.text("#verdict"), h.Property)
		require.Contains(t, p.text("#pane0"), h.Property)
		require.Contains(t, p.text("#pane0 .detail"), strings.SplitN(h.Detail, "\n", 2)[0])
		require.Contains(t, p.text("#pane0 code"), "--seed")
		p.click("#pane0 .commands button")
		p.until(`document.querySelector("#pane0 .commands [role=status]").textContent === "copied"`)
	})
	t.Run("the plan's faults lead to their bands", func(t *testing.T) {
		var plan nemesis.Plan
		require.NoError(t, json.Unmarshal(h.Plan, &plan))
		require.Equal(t, len(plan.Faults), eval[int](p, "document.querySelectorAll('#pane0 .faults li').length"))
		p.tab("Faults")
		require.Equal(t, "1", eval[string](p, "document.querySelector('.row.fault:not([hidden]) .at').textContent"), "the number that diff takes")
		p.tab("Verdict")
		p.click("#pane0 .faults li:nth-child(2) button")
		require.Equal(t, 1, eval[int](p, "seedbed.view.fault"))
		require.Less(t, p.number("from"), float64(plan.Faults[1].At))
		require.Greater(t, p.number("to"), float64(plan.Faults[1].At))
		p.key("0")
	})
	t.Run("violation is chosen first", func(t *testing.T) {
		require.Equal(t, h.Step, p.selected())
		p.until(fmt.Sprintf("document.querySelector('#live').textContent.startsWith('Step %d ')", h.Step))
		require.Contains(t, p.text("#live"), "The violation was seen here.")
		require.Contains(t, p.text("#step .text"), steps[h.Step-1].Text)
	})
	t.Run("drawn", func(t *testing.T) {
		require.Equal(t, "arrows", eval[string](p, "document.getElementById('diagram').dataset.mode"))
		require.Greater(t, p.number("flights"), 10.0)
		p.key("s")
		for _, colour := range []string{"blue", "green", "vermillion", "accent"} { // messages, facts, the violation, what is chosen
			require.Greater(t, p.pixels("#diagram", colour), 20, colour)
		}
		p.key("0")
		require.Greater(t, p.pixels("#overview", "vermillion"), 20)
		require.Contains(t, eval[string](p, "document.getElementById('diagram').getAttribute('aria-label')"), "Space-time diagram")
	})
	t.Run("arrows begin where messages leave", func(t *testing.T) {
		late := steps[slices.IndexFunc(steps, func(s trace.Step) bool {
			return s.Kind == sim.KindDeliver && s.Cause > 0 && s.Sent > steps[s.Cause-1].At
		})]
		sync := steps[late.N-1-uint64(slices.IndexFunc(reversed(steps[:late.N]), func(s trace.Step) bool { return s.Node == late.Peer && s.Kind != sim.KindDrop && s.At <= late.Sent }))]
		from := func() float64 {
			p.choose(late.N)
			p.key("s")
			return eval[float64](p, fmt.Sprintf("seedbed.diagram.flights.find(f => f.i === %d - seedbed.run.first).x1", late.N))
		}
		x := from()
		require.InDelta(t, eval[float64](p, fmt.Sprintf("seedbed.diagram.xOf(%d)", late.Sent)), x, 0.01)
		require.Contains(t, p.text("#step dl"), "on its way")
		p.key("a") // by steps, it is a step of the sender that left with it
		x = from()
		require.InDelta(t, eval[float64](p, fmt.Sprintf("seedbed.diagram.x(%d - seedbed.run.first)", sync.N)), x, 0.01)
		p.key("a")
		p.choose(h.Step)
		p.key("0")
	})
	t.Run("zoom and pan", func(t *testing.T) {
		whole := p.number("items")
		require.Equal(t, float64(len(steps)), whole)
		wheel := func(deltaY float64) {
			call(p, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseWheel, X: 700, Y: 300, DeltaX: 1e-9, DeltaY: deltaY})
			p.drawn()
		}
		wheel(-600)
		zoomed := p.number("items")
		require.Less(t, zoomed, whole)
		p.key("-")
		require.Greater(t, p.number("items"), zoomed)
		p.click(`#toolbar [aria-label^="whole run"], #toolbar [title^="the whole run"]`)
		require.Equal(t, whole, p.number("items"))
		for p.number("items") > 30 {
			p.key("+")
		}
		require.Greater(t, p.number("items"), 0.0)
		p.until("Number(document.getElementById('diagram').dataset.labels) > 0") // texts beside the marks

		from := p.number("from")
		p.do(chromedp.KeyEvent(kb.ArrowLeft))
		p.drawn()
		left := p.number("from")
		require.Less(t, left, from)
		p.do(chromedp.DragAndDropXY(700, 300, 600, 300))
		p.drawn()
		require.Greater(t, p.number("from"), left)

		p.key("a") // by steps
		require.Equal(t, "steps", eval[string](p, "seedbed.view.axis"))
		p.key("0")
		require.Equal(t, whole, p.number("items"))
		p.key("a")
		p.key("0")
	})
	t.Run("what is chosen is shown with what led to it", func(t *testing.T) {
		p.key("0")
		from, to := p.number("from"), p.number("to")
		p.key("v") // it is in sight already
		require.Equal(t, []float64{from, to}, []float64{p.number("from"), p.number("to")})
		p.key("s")
		at := float64(steps[h.Step-1].At)
		share := (at - p.number("from")) / (p.number("to") - p.number("from"))
		require.Equal(t, uint64(len(steps)), h.Step, "nothing comes after")
		require.Greater(t, share, 0.6)
		require.Less(t, share, 0.9, "there is room for what it says")
		first := steps[slices.IndexFunc(steps, func(s trace.Step) bool { return s.Node == 1 && s.Kind == sim.KindFact && s.N > 200 })]
		p.choose(first.N)
		p.key("s")
		p.until("Number(document.getElementById('diagram').dataset.labels) > 0")
		require.Less(t, eval[float64](p, "seedbed.diagram.lane"), 60.0)
		require.Positive(t, eval[int](p, "seedbed.diagram.taken.filter(t => t.y < seedbed.diagram.top + seedbed.diagram.lane / 2).length"), "the first lane has texts")
		require.Zero(t, eval[int](p, "seedbed.diagram.taken.filter(t => t.y - 0.45 * seedbed.diagram.p.size < seedbed.diagram.track + 12 * seedbed.diagram.p.size / 16).length"), "no text is cut")
		p.choose(h.Step)
		p.key("0")
	})
	t.Run("a click chooses", func(t *testing.T) {
		p.key("0")
		type spot struct {
			X, Y float64
			N    uint64
		}
		// A mark that stands alone.
		s := eval[spot](p, `(() => {
			const {spots} = seedbed.diagram, {run} = seedbed, box = document.getElementById("diagram").getBoundingClientRect();
			for (let k = 0; k < spots.n; k++) {
				let alone = spots.y[k] > seedbed.diagram.top;
				for (let j = 0; j < spots.n; j++) if (j !== k && Math.hypot(spots.x[j] - spots.x[k], spots.y[j] - spots.y[k]) < 5) alone = false;
				if (alone) return {X: box.left + spots.x[k], Y: box.top + spots.y[k], N: spots.i[k] + run.first};
			}
		})()`)
		call(p, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseMoved, X: s.X, Y: s.Y})
		p.do(chromedp.MouseClickXY(s.X, s.Y))
		p.drawn()
		require.Equal(t, s.N, p.selected())
		p.until("!document.querySelector('.tip').hidden")
		p.key("v")
		require.Equal(t, h.Step, p.selected())
	})
	t.Run("steps", func(t *testing.T) {
		p.key(",")
		require.Equal(t, h.Step-1, p.selected())
		p.key(".")
		require.Equal(t, h.Step, p.selected())
		last := slices.IndexFunc(steps, func(s trace.Step) bool { return s.N == h.Step })
		node := steps[last].Node
		for last--; steps[last].Node != node; last-- {
		}
		p.key("<")
		require.Equal(t, steps[last].N, p.selected())
		p.key(">")
		require.Equal(t, h.Step, p.selected())
		p.key("c")
		require.Equal(t, steps[h.Step-1].Cause, p.selected())
		p.key("e")
		require.Equal(t, steps[h.Step-1].Cause, steps[p.selected()-1].Cause)
		p.key("v")
	})
	t.Run("causal past", func(t *testing.T) {
		for n := uint64(1); n <= uint64(len(steps)); n += 7 {
			require.ElementsMatch(t, slices.Collect(causal.Past(n)), eval[[]uint64](p, fmt.Sprintf(
				"(seedbed.view.select(%d - seedbed.run.first), [...seedbed.view.cone.list()].map(i => i + seedbed.run.first))", n)), "step %d", n)
		}
		p.choose(h.Step)
		past := slices.Collect(causal.Past(h.Step))
		p.tab("Causal past")
		require.Equal(t, fmt.Sprint(len(past)), eval[string](p, "document.querySelector('.pane:not([hidden]) [role=option]').getAttribute('aria-setsize')"))
		last := past[len(past)-1]
		p.until(fmt.Sprintf("document.querySelector('.pane:not([hidden]) [role=option] .what').textContent.includes(%q)", steps[last-1].Text))
		eval[bool](p, "document.querySelector('.pane:not([hidden]) [role=option]').click() || true")
		require.Equal(t, last, p.selected())

		// What is not in the past fades.
		p.key("v")
		p.key("0")
		p.key("s")
		faded := p.pixels("#diagram", "blue")
		p.key("f")
		require.Greater(t, p.pixels("#diagram", "blue"), faded)
		p.key("f")
		require.Equal(t, faded, p.pixels("#diagram", "blue"))
	})
	t.Run("state", func(t *testing.T) {
		p.tab("State")
		for _, n := range []uint64{h.Step, h.Step / 2} {
			p.choose(n)
			p.until(fmt.Sprintf("document.querySelector('.states').dataset.step === '%d'", n))
			state := map[string]string{} // the plain fields of the servers, by name and path
			for _, s := range steps[:n] {
				for _, c := range s.Changes {
					if strings.HasPrefix(h.Name(s.Node), "n") && !strings.ContainsAny(c.Path+c.New, ".[{") {
						state[h.Name(s.Node)+" "+c.Path] = c.New
					}
				}
			}
			require.Greater(t, len(state), 5)
			shown := eval[map[string]string](p, `Object.fromEntries([...document.querySelectorAll(".states details")].flatMap(d => {
				d.open = true; // which fills it, if it was not
				d.dispatchEvent(new Event("toggle"));
				return [...d.querySelectorAll("tr")].map(r => [d.querySelector("summary b").textContent + " " + r.cells[0].textContent, r.cells[1].firstChild?.nodeValue ?? ""]);
			}))`)
			for path, value := range state {
				if value != "" {
					require.Equal(t, value, shown[path], "%s after step %d", path, n)
				}
			}
		}
		changing := slices.IndexFunc(steps[10:], func(s trace.Step) bool { return len(s.Changes) > 0 }) + 10
		p.choose(steps[changing].N)
		p.until(fmt.Sprintf("document.querySelector('.states').dataset.step === '%d'", steps[changing].N))
		require.Positive(t, eval[int](p, "document.querySelectorAll('.states .news').length"))
	})
	t.Run("search", func(t *testing.T) {
		p.key("/")
		p.until("document.activeElement.id === 'search'")
		eval[bool](p, "(document.getElementById('search').value = '', true)") // a person's key would not have got there
		p.do(chromedp.SendKeys(chromedp.CSS("#search"), "becameleader"))
		var hits []uint64
		for _, s := range steps {
			if strings.Contains(s.Text, "BecameLeader") {
				hits = append(hits, s.N)
			}
		}
		require.NotEmpty(t, hits)
		p.choose(1)
		p.do(chromedp.SendKeys(chromedp.CSS("#search"), kb.Enter))
		p.until(fmt.Sprintf("document.querySelector('#finder output').textContent === '1 of %d'", len(hits)))
		require.Equal(t, hits[0], p.selected())
		p.click(`#finder [aria-label="previous hit"]`)
		require.Equal(t, hits[len(hits)-1], p.selected())
		eval[bool](p, "(document.getElementById('search').value = '', true)")
		p.do(chromedp.SendKeys(chromedp.CSS("#search"), "#3"+kb.Enter))
		p.until("seedbed.view.selected + seedbed.run.first === 3")
		p.do(chromedp.SendKeys(chromedp.CSS("#search"), kb.Escape))
		p.until("document.activeElement.id === 'diagram'")
	})
	t.Run("faults", func(t *testing.T) {
		p.tab("Faults")
		before := p.pixels("#diagram", "accent")
		eval[bool](p, "document.querySelector('.pane:not([hidden]) [role=option]').click() || true")
		p.drawn()
		require.Zero(t, eval[int](p, "seedbed.view.fault"))
		require.NotEqual(t, before, p.pixels("#diagram", "accent"))
	})
	t.Run("story", func(t *testing.T) {
		p.tab("Story")
		require.Equal(t, len(story), eval[int](p, "document.querySelectorAll('.story li').length"))
		end := story[len(story)-1]
		require.Contains(t, p.text(".story li:last-child"), end.Text)
		p.click(".story button")
		require.Equal(t, story[slices.IndexFunc(story, func(s report.Sentence) bool { return s.Step != 0 })].Step, p.selected())
	})
	t.Run("list of steps", func(t *testing.T) {
		p.tab("Steps")
		p.choose(1)
		eval[bool](p, "document.querySelector('.pane:not([hidden]) .list').focus() || true")
		p.do(chromedp.KeyEvent(kb.ArrowDown))
		require.Equal(t, uint64(2), p.selected())
		require.Equal(t, "true", eval[string](p, "document.querySelector('.pane:not([hidden]) [role=option][aria-posinset=\"2\"]').getAttribute('aria-selected')"))
		require.Less(t, eval[int](p, "document.querySelectorAll('.pane:not([hidden]) [role=option]').length"), 60, "only what is in sight is in the document")
	})
	t.Run("dark", func(t *testing.T) {
		eval[bool](p, "document.activeElement.blur() || true")
		background := "getComputedStyle(document.body).backgroundColor"
		light := eval[string](p, background)
		paper := p.pixels("#diagram", "paper")
		p.key("t")
		require.Equal(t, "dark", eval[string](p, "document.documentElement.dataset.theme"))
		require.NotEqual(t, light, eval[string](p, background))
		require.InDelta(t, paper, p.pixels("#diagram", "paper"), 0.1*float64(paper), "the canvas is as dark as the page")
		p.key("t")
		require.Equal(t, light, eval[string](p, background))
		eval[bool](p, "(localStorage.clear(), true)") // where the choice is kept, for other tests, too
	})
	t.Run("help", func(t *testing.T) {
		p.key("?")
		require.True(t, eval[bool](p, "document.getElementById('help').open"))
		p.do(chromedp.KeyEvent(kb.Escape))
		p.until("!document.getElementById('help').open")
	})
}

func TestDarkIsWhatTheSystemSays(t *testing.T) {
	p := newTab(t, "dark")
	p.open(failing(t), report.About{Title: "dark"})
	require.Equal(t, "dark", eval[string](p, "document.documentElement.dataset.theme"))
	require.Greater(t, p.pixels("#diagram", "paper"), 100_000)
}

// TestPageReadsAsGo compares each step of real traces.
func TestPageReadsAsGo(t *testing.T) {
	for _, run := range []struct {
		name string
		seed uint64
	}{{"raft/kv", 7}, {"gossip/swim", 7}, {"olep/payments", 7}, {"olep/stream", 1}} {
		t.Run(run.name, func(t *testing.T) {
			p := newTab(t, "light")
			s := scenario(t, run.name)
			data := record(t, s, s.Plan(run.seed), scenarios.Options{})
			p.open(data, report.About{Title: run.name})
			r := opened(t, data)
			type step struct {
				N, At                  uint64
				Kind                   string
				Node, Peer, Life       uint64
				Packet, Cause, Logical uint64
				Sent                   int64
				Text                   string
				Changes                [][3]string
				Logs                   []trace.Log
			}
			theirs := eval[[]step](p, `(async () => {
				const {trace} = seedbed, c = trace.columns, list = [], kinds = ["?", "deliver", "drop", "timer", "boot", "crash", "pause", "resume", "sync", "fact", "fault", "invoke", "return"];
				for (let i = 0; i < c.length; i++) {
					const s = await trace.step(i + trace.first);
					list.push({N: i + trace.first, At: c.at[i], Kind: kinds[c.kind[i]], Node: c.node[i], Peer: c.peer[i], Life: c.life[i], Packet: c.packet[i],
						Cause: c.cause[i], Sent: c.sent[i], Logical: c.lamport[i], Text: s.text, Changes: s.changes.map(d => [d.path, d.from, d.to]), Logs: s.logs.map(l => ({Node: l.node, Text: l.text}))});
				}
				return list;
			})()`)
			ours := all(t, r)
			require.Len(t, theirs, len(ours))
			for i, s := range ours {
				want := step{
					N: s.N, At: uint64(s.At), Kind: s.Kind.String(), Node: uint64(s.Node), Peer: uint64(s.Peer), Life: uint64(s.Incarnation),
					Packet: s.Packet, Cause: s.Cause, Sent: int64(s.Sent), Logical: s.Lamport, Text: s.Text, Changes: [][3]string{}, Logs: []trace.Log{},
				}
				for _, c := range s.Changes {
					want.Changes = append(want.Changes, [3]string{c.Path, c.Old, c.New})
				}
				want.Logs = append(want.Logs, s.Logs...)
				require.Equal(t, want, theirs[i], "step %d", s.N)
			}
			var some []uint64
			early := 0
			for _, s := range ours {
				departed := leftEarly(ours, &s)
				if departed {
					early++
				}
				if departed || s.N%uint64(1+len(ours)/300) == 0 {
					some = append(some, s.N)
				}
			}
			t.Logf("%d packets left before their handler had done all", early)
			require.True(t, early > 0 || run.name != "olep/stream")
			p.sameCones(r, some)
		})
	}
}

// TestPageHasTheConesOfGo compares those of steps that could hardly be a run's: much at one instant, pauses and crashes that
// end nothing, packets that anything sent.
func TestPageHasTheConesOfGo(t *testing.T) {
	const nodes, count = 4, 2000
	draw := sim.NewStream(1, "cones")
	kinds := []sim.Kind{
		sim.KindDeliver, sim.KindDeliver, sim.KindDrop, sim.KindTimer, sim.KindFact, sim.KindSync, sim.KindSync, sim.KindSync,
		sim.KindBoot, sim.KindCrash, sim.KindPause, sim.KindResume, sim.KindFault,
	}
	var file bytes.Buffer
	w, err := trace.NewWriter(&file, trace.Header{})
	require.NoError(t, err)
	var steps []trace.Step
	var numbers []uint64
	at := clock.Time(0)
	for n := uint64(1); n <= count; n++ {
		at += clock.Time(draw.Below(2))
		s := trace.Step{Step: sim.Step{N: n, At: at, Kind: kinds[draw.Below(uint64(len(kinds)))], Node: sim.NodeID(1 + draw.Below(nodes)), Incarnation: 1}}
		switch s.Kind {
		case sim.KindFault:
			s.Node = sim.Nobody
		case sim.KindDeliver, sim.KindDrop:
			s.Packet, s.Sent = n, at
			s.Peer = sim.NodeID(1 + draw.Below(nodes))
			if of := n - min(n, 1+draw.Below(20)); of > 0 {
				s.Cause, s.Sent = of, min(at, steps[of-1].At+clock.Time(draw.Below(8)))
			}
		}
		require.NoError(t, w.Write(&s))
		steps, numbers = append(steps, s), append(numbers, n)
	}
	require.NoError(t, w.Close(trace.Outcome{}))
	p := newTab(t, "light")
	p.open(file.Bytes(), report.About{})
	p.sameCones(opened(t, file.Bytes()), numbers)
}

// sameCones compares what the page holds for the causal past of steps with what Go does.
func (p *tab) sameCones(r *trace.Reader, steps []uint64) {
	p.Helper()
	causal, err := r.Causal()
	require.NoError(p, err)
	list, err := json.Marshal(steps)
	require.NoError(p, err)
	known := eval[[][][2]uint64](p, fmt.Sprintf(`(() => {
		const {run, view} = seedbed;
		view.select(0);
		return %s.map(n => Array.from(new view.cone.constructor(run, n - run.first).known, (count, p) => [run.places[p].id, count])
			.filter(c => c[1] > 0).sort((a, b) => a[0] - b[0]));
	})()`, list))
	for i, n := range steps {
		want := [][2]uint64{}
		for _, c := range causal.Vector(n) {
			want = append(want, [2]uint64{uint64(c.Process), c.Count})
		}
		require.Equal(p, want, known[i], "the cone of step %d", n)
	}
}

// leftEarly tells whether a step is a packet's that departed before its handler had done what it did.
func leftEarly(steps []trace.Step, s *trace.Step) bool {
	if s.Cause == 0 || s.Kind != sim.KindDeliver && s.Kind != sim.KindDrop {
		return false
	}
	return slices.ContainsFunc(steps[s.Cause:s.N-1], func(e trace.Step) bool {
		effect := e.Kind == sim.KindFact || e.Kind == sim.KindSync || e.Kind == sim.KindInvoke || e.Kind == sim.KindReturn
		return effect && e.Cause == s.Cause && e.Node == s.Peer && e.At > s.Sent
	})
}

// million is a recorded run of a million steps.
var million = sync.OnceValue(func() (data []byte) {
	var b bytes.Buffer
	s, p, o := millionSteps()
	if _, err := s.Record(p, o, &b); err != nil {
		panic(err)
	}
	return b.Bytes()
})

func millionSteps() (*scenarios.Scenario, nemesis.Plan, scenarios.Options) {
	s, err := scenarios.Catalogue().Find("raft/kv")
	if err != nil {
		panic(err)
	}
	return s, longPlan(s, 24_000*time.Second), scenarios.Options{UntilStep: 1_000_000, MaxSteps: 2_000_000}
}

// panning is how long the page takes from redraw to redraw, all that the browser does included: a median in milliseconds.
const panning = `(async () => {
	const frame = () => new Promise(requestAnimationFrame), times = [];
	for (let n = 0, last = await frame(); n < 50; n++) {
		seedbed.view.pan(n % 20 < 10 ? 0.02 : -0.02);
		const now = await frame();
		times.push(now - last);
		last = now;
	}
	return times.sort((a, b) => a - b)[times.length >> 1];
})()`

// zooms are how many steps are looked at, and how they are drawn.
var zooms = []struct {
	items float64
	mode  string
}{{500_000, "density"}, {100_000, "density"}, {19_500, "arrows"}, {300, "arrows"}}

// middle has so many steps in the middle of the run in sight.
func (p *tab) middle(items float64) {
	p.Helper()
	eval[bool](p, fmt.Sprintf(`(() => {
		const {view, run} = seedbed, a = run.columns.at, middle = Math.floor(run.length / 2), half = %f / 2;
		view.look(a[middle - half], a[Math.min(run.length - 1, middle + half)]);
		return true;
	})()`, items))
	p.drawn()
}

// TestMillionSteps draws a long run. How long that takes is for BenchmarkMillionSteps to tell, since others use the machine.
func TestMillionSteps(t *testing.T) {
	if testing.Short() || race.On {
		t.Skip("a long run")
	}
	data := million()
	p := newTab(t, "light")
	h := opened(t, data).Header()
	require.Equal(t, uint64(1_000_000), h.Steps)
	require.LessOrEqual(t, len(data), 12_000_000, "bytes of the trace")
	var size bytes.Buffer
	require.NoError(t, report.Write(&size, data, report.About{Title: "long"}))
	require.LessOrEqual(t, size.Len(), 40<<20, "bytes of the page")

	p.open(data, report.About{Title: "long"})
	require.Equal(t, "density", eval[string](p, "document.getElementById('diagram').dataset.mode"))
	require.Greater(t, p.pixels("#overview", "accent"), 100)
	require.Less(t, eval[float64](p, "performance.getEntriesByName('painted')[0].startTime"), eval[float64](p, "performance.getEntriesByName('ready')[0].startTime"),
		"something shows before all is read")
	for _, zoom := range zooms {
		p.middle(zoom.items)
		require.Equal(t, zoom.mode, eval[string](p, "document.getElementById('diagram').dataset.mode"))
		require.InEpsilon(t, zoom.items, p.number("items"), 0.2)
		drawn := eval[int](p, "seedbed.diagram.timings.length")
		eval[float64](p, panning)
		require.GreaterOrEqual(t, eval[int](p, "seedbed.diagram.timings.length"), drawn+40, "each move is drawn")
	}
	require.Greater(t, p.pixels("#diagram", "blue"), 20)
	p.tab("Steps")
	p.choose(1_000_000)
	require.Equal(t, uint64(1_000_000), p.selected())
}

// BenchmarkRecordMillion is a million steps as they are, and recorded.
func BenchmarkRecordMillion(b *testing.B) {
	s, p, o := millionSteps()
	b.Run("unrecorded", func(b *testing.B) {
		for range b.N {
			s.Run(p, o)
		}
	})
	b.Run("recorded", func(b *testing.B) {
		for range b.N {
			_, err := s.Record(p, o, io.Discard)
			require.NoError(b, err)
		}
	})
}

// BenchmarkMillionSteps is the page of a million steps in a browser: when it shows something, when it has read all, how long
// it takes from redraw to redraw while it pans (the slowest of four zooms), and what it weighs.
func BenchmarkMillionSteps(b *testing.B) {
	data := million()
	var size bytes.Buffer
	require.NoError(b, report.Write(&size, data, report.About{Title: "long"}))
	painted, ready, pan := 0.0, 0.0, 0.0
	for range b.N {
		p := newTab(b, "light")
		p.open(data, report.About{Title: "long"})
		painted += eval[float64](p, "performance.getEntriesByName('painted')[0].startTime")
		ready += eval[float64](p, "performance.getEntriesByName('ready')[0].startTime")
		slowest := 0.0
		for _, zoom := range zooms {
			p.middle(zoom.items)
			slowest = max(slowest, eval[float64](p, panning))
		}
		pan += slowest
	}
	b.ReportMetric(painted/float64(b.N), "ms/paint")
	b.ReportMetric(ready/float64(b.N), "ms/read")
	b.ReportMetric(pan/float64(b.N), "ms/redraw")
	b.ReportMetric(float64(size.Len())/(1<<20), "MiB/page")
	b.ReportMetric(float64(len(data))/1e6, "B/step")
}

// longPlan is a plan of a scenario drawn out to a duration: its faults last as long, with more time between them.
func longPlan(s *scenarios.Scenario, duration time.Duration) nemesis.Plan {
	p := s.Plan(7)
	stretch := duration / p.Duration
	faults := p.Faults
	p.Duration, p.Faults = duration, nil
	for i := range p.Ops {
		p.Ops[i].At *= stretch
	}
	for _, e := range faults {
		if e.Until == nemesis.Forever {
			continue
		}
		length := e.Until - e.At
		if e.At *= stretch; e.Until != 0 {
			e.Until = e.At + length
		}
		p.Faults = append(p.Faults, e)
		if p.Check() != nil { // it contradicts another
			p.Faults = p.Faults[:len(p.Faults)-1]
		}
	}
	return p
}

// The legend has a picture of all that the diagram draws, in its colours.
func TestLegend(t *testing.T) {
	for _, scheme := range []string{"light", "dark"} {
		p := newTab(t, scheme)
		p.open(failing(t), report.About{})
		p.click(".legends summary")
		entry := func(name string) string {
			return fmt.Sprintf("[...document.querySelectorAll('.legend span')].find(e => e.textContent === %q)", name)
		}
		colours := map[string]string{
			"message": "blue", "lost": "vermillion", "again": "purple", "fact": "green", "fault": "orange", "crash": "vermillion", "down": "quiet", "paused": "orange",
			"planned fault, and its nodes": "orange", "violation, and what shows it": "vermillion", "known to the chosen step up to here": "accent",
		}
		for name, colour := range colours {
			eval[bool](p, fmt.Sprintf("document.querySelectorAll('#inquired').forEach(e => e.removeAttribute('id')) || (%s.querySelector('canvas').id = 'inquired', true)", entry(name)))
			require.Positive(t, p.near("#inquired", colour), "%s, %s", name, scheme)
		}
	}
	p := newTab(t, "light")
	s := scenario(t, "raft/kv")
	p.open(record(t, s, s.Plan(7), scenarios.Options{}), report.About{})
	require.NotContains(t, p.text(".legend"), "violation")
}

// near counts the pixels of a canvas whose colour, whatever its alpha is, is about one of the style sheet.
func (p *tab) near(canvas, colour string) int {
	p.Helper()
	return eval[int](p, fmt.Sprintf(`(() => {
		const c = document.querySelector(%q), d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
		const v = parseInt(getComputedStyle(document.documentElement).getPropertyValue("--" + %q).trim().slice(1), 16);
		let n = 0;
		for (let i = 0; i < d.length; i += 4) if (d[i+3] > 30 && Math.abs(d[i] - (v >> 16)) + Math.abs(d[i+1] - (v >> 8 & 255)) + Math.abs(d[i+2] - (v & 255)) < 24) n++;
		return n;
	})()`, canvas, colour))
}

// On paper there are the diagram as it stands, in light colours, and all of the verdict and the story, whichever tab shows.
func TestPrint(t *testing.T) {
	p := newTab(t, "dark")
	data := failing(t)
	h := opened(t, data).Header()
	about, err := report.Describe(opened(t, data))
	require.NoError(t, err)
	long := "seedbed run " + strings.Repeat("x", 400)
	about.Commands = []report.Command{{For: "repeat", Line: long}}
	p.open(data, about)
	p.tab("Steps")
	eval[bool](p, "seedbed.view.around(seedbed.view.selected) || true")
	p.drawn()
	from, to := p.number("from"), p.number("to")
	require.Greater(t, p.pixels("#diagram", "paper"), 100_000, "dark")

	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: 700, Height: 1000, DeviceScaleFactor: 1})
	p.drawn()
	eval[bool](p, "dispatchEvent(new Event('beforeprint'))")
	require.Greater(t, p.pixels("#diagram", "paper"), 100_000, "light, at once")
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"})
	p.drawn()
	require.Equal(t, "light", eval[string](p, "document.documentElement.dataset.theme"))
	require.Equal(t, []float64{from, to}, []float64{p.number("from"), p.number("to")})
	seen := eval[string](p, "document.body.innerText")
	for _, text := range []string{h.Scenario, h.Property, long, "The plan's"} {
		require.Contains(t, seen, text)
	}
	for _, s := range about.Story {
		require.Contains(t, seen, s.Text)
	}
	require.Equal(t, []string{}, eval[[]string](p, `[...document.querySelectorAll("body *")].filter(e => e.checkVisibility() && !e.closest(".hidden"))
		.filter(e => e.getBoundingClientRect().right > innerWidth || getComputedStyle(e).overflow !== "visible" && (e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > e.clientWidth + 1))
		.map(e => e.tagName + " " + e.id + " " + e.className)`), "what is cut off")
	require.Equal(t, 0, eval[int](p, "[...document.querySelectorAll('.toolbar, .finder, .step, .list, #splitter, .commands button')].filter(e => e.checkVisibility()).length"), "what is of no use on paper")

	eval[bool](p, "dispatchEvent(new Event('afterprint'))")
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})
	require.Equal(t, "dark", eval[string](p, "document.documentElement.dataset.theme"))
}
