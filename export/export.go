package export

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// Format is a form that other tools read.
type Format struct {
	Name    string
	Doc     string // what it is, in a line
	History bool   // it is written from Run.History
	write   func(e *exporter) error
}

// Formats are all there are.
var Formats = []*Format{
	{Name: "shiviz", Doc: "a log with vector clocks for ShiViz, below its parser expression", write: (*exporter).shiviz},
	{Name: "perfetto", Doc: "trace events as JSON, for Perfetto and Chrome", write: (*exporter).perfetto},
	{Name: "jepsen", Doc: "a history in EDN, as Jepsen writes it", History: true, write: (*exporter).jepsen},
	{Name: "elle", Doc: "a history of list-append as JSON, for elle-cli", History: true, write: (*exporter).elle},
	{Name: "otlp", Doc: "spans of OpenTelemetry, as OTLP JSON", write: (*exporter).otlp},
	{Name: "mermaid", Doc: "a sequence diagram for Mermaid, of a short run or a part of one", write: (*exporter).mermaid},
	{Name: "jsonl", Doc: "JSON lines: the header, then a line per step", write: (*exporter).jsonLines},
}

// Find returns the format of a name; nil if there is none.
func Find(name string) *Format {
	for _, f := range Formats {
		if f.Name == name {
			return f
		}
	}
	return nil
}

// Run is what to export.
type Run struct {
	Trace *trace.Reader
	// Of the steps First to Last, both included, as far as there are any; 0 stands for the first and the last one.
	First, Last uint64
	// History has the run's operations, in order, for formats that need it. Inputs and outputs are of the types of package
	// checkers; others are written as texts.
	History []*sim.Op
}

// Write writes a run.
func (f *Format) Write(w io.Writer, r Run) error {
	first, last := r.Trace.Steps()
	if r.First == 0 {
		r.First = first
	}
	if r.Last == 0 {
		r.Last = math.MaxUint64
	}
	r.First, r.Last = max(r.First, first), min(r.Last, last)
	if r.First <= r.Last && r.Last-r.First >= math.MaxUint32 {
		return fmt.Errorf("steps %d to %d are more than can be exported at once", r.First, r.Last)
	}
	e := &exporter{Run: r, header: r.Trace.Header(), w: bufio.NewWriterSize(w, 1<<16)}
	if err := f.write(e); err != nil {
		e.w.Flush() // what there is of it; the error says that it is not all
		return err
	}
	return e.w.Flush()
}

// exporter is one export. Errors of its writer show when it is flushed.
type exporter struct {
	Run
	header trace.Header
	w      *bufio.Writer
}

// steps yields the steps of the window.
func (e *exporter) steps() iter.Seq2[trace.Step, error] { return e.Trace.Window(e.First, e.Last) }

// skim hands the steps of the window to f, without texts.
func (e *exporter) skim(f func(s *sim.Step)) error {
	return e.Trace.Skim(func(s *sim.Step) {
		if e.has(s.N) {
			f(s)
		}
	})
}

// has tells whether a step is in the window.
func (e *exporter) has(step uint64) bool { return step > 0 && step >= e.First && step <= e.Last }

// size is the number of steps in the window.
func (e *exporter) size() int {
	if e.Last == 0 || e.First > e.Last {
		return 0
	}
	return int(e.Last - e.First + 1)
}

// violation tells at which step of the window to mark the violation: its own, or if it was found when all was over, the
// last one of the run. It is 0 if there is none in the window.
func (e *exporter) violation() uint64 {
	step := e.header.Step
	if !e.header.Violated() {
		return 0
	}
	if step == 0 {
		_, step = e.Trace.Steps()
	}
	if !e.has(step) {
		return 0
	}
	return step
}

// handler is a handler with all that happened in it: it runs in an instant, but its effects leave one after the other.
type handler struct {
	trace.Step
	end clock.Time // of its last effect so far
}

// visitor is told of the handlers in a window.
type visitor struct {
	begin func(h *handler)
	// effect is a fact, a sync or the begin or end of an operation; h is nil if it is not of the node's last handler.
	effect func(h *handler, s *trace.Step)
	end    func(h *handler) // no more effects: the node went on to the next, or crashed, or the window ends
	other  func(s *trace.Step)
}

// visit walks over the window. It returns the time at which it ends.
func (e *exporter) visit(v visitor) (clock.Time, error) {
	running := map[sim.NodeID]*handler{}
	var nodes []sim.NodeID // in the order of their first handlers
	over := func(id sim.NodeID) {
		if h := running[id]; h != nil {
			running[id] = nil
			v.end(h)
		}
	}
	var now clock.Time
	for s, err := range e.steps() {
		if err != nil {
			return now, err
		}
		now = s.At
		switch s.Kind {
		case sim.KindDeliver, sim.KindTimer, sim.KindBoot:
			over(s.Node)
			if _, known := running[s.Node]; !known {
				nodes = append(nodes, s.Node)
			}
			h := &handler{s, s.At}
			running[s.Node] = h
			v.begin(h)
		case sim.KindFact, sim.KindSync, sim.KindInvoke, sim.KindReturn:
			h := running[s.Node]
			if h != nil && h.N != s.Cause {
				h = nil
			}
			v.effect(h, &s)
			if h != nil {
				h.end = s.At
			}
		default:
			if s.Kind == sim.KindCrash {
				over(s.Node)
			}
			v.other(&s)
		}
	}
	for _, id := range nodes {
		over(id)
	}
	return now, nil
}
