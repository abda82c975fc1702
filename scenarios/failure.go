package scenarios

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// Failure is a run that did not end as expected, together with a second run of its plan, recorded and deeply hashed.
type Failure struct {
	First, Again Result
	Divergence   *Divergence // nil if both runs, and a third, were the same
	Trace        []byte      // of the second run: a trace file
}

// Divergence says where runs of one plan came apart: a determinism failure, which makes all else they say worthless.
type Divergence struct {
	Step     uint64 // the first that differs; 0 if there is none to show
	One, Two string // that step in either recorded run
	Why      string // there is none
}

func (d *Divergence) String() string {
	switch {
	case d.Step == 0:
		return d.Why
	case d.One == d.Two:
		return fmt.Sprintf("step %d differs in what does not show, or in what was written to disks before it: %s", d.Step, d.One)
	}
	return fmt.Sprintf("step %d differs: %s; and again: %s", d.Step, d.One, d.Two)
}

// Confirm runs a failed run's plan again, twice, and tells whether they were the same run.
func (s *Scenario) Confirm(first *Result) (*Failure, error) {
	f := &Failure{First: *first}
	o := Options{MaxSteps: first.maxSteps}
	if first.Stopped {
		o.UntilStep = first.Steps
	}
	var file bytes.Buffer
	again, hashes, err := s.recordHashes(first.Plan, o, &file)
	if err != nil {
		return nil, err
	}
	f.Again, f.Trace = *again, file.Bytes()
	var other bytes.Buffer
	third, otherHashes, err := s.recordHashes(first.Plan, o, &other)
	if err != nil {
		return nil, err
	}
	switch {
	case again.DeepHash != third.DeepHash || again.Hash != third.Hash:
		f.Divergence, err = diverge(hashes, otherHashes, f.Trace, other.Bytes())
	case again.Hash != first.Hash || again.Steps != first.Steps:
		f.Divergence = &Divergence{Why: fmt.Sprintf("the first run had hash %016x after %d steps, two runs of its plan had %016x after %d: "+
			"something outlives a run", first.Hash, first.Steps, again.Hash, again.Steps)}
	}
	return f, err
}

// Record runs a plan, deeply hashed, and writes its trace to w.
func (s *Scenario) Record(p nemesis.Plan, o Options, w io.Writer) (*Result, error) {
	return s.record(p, o, w, nil)
}

// recordHashes is Record; it also returns the deep hash after each step.
func (s *Scenario) recordHashes(p nemesis.Plan, o Options, w io.Writer) (*Result, []uint64, error) {
	var h hashing
	r, err := s.record(p, o, w, &h)
	return r, h.hashes, err
}

// record is Record; what it records goes by way of h, unless that is nil.
func (s *Scenario) record(p nemesis.Plan, o Options, w io.Writer, h *hashing) (*Result, error) {
	plan, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	rec, err := trace.NewRecorder(w, trace.Header{
		Seed: p.Seed, Scenario: s.Name, Plan: plan, Names: names(p), Words: s.Words, Build: trace.ThisBuild(),
	})
	if err != nil {
		return nil, err
	}
	o.Observer, o.Deep = rec, true
	if h != nil {
		h.Observer, o.Observer = rec, h
		started := o.Started
		o.Started = func(w *sim.World) {
			h.world = w
			if started != nil {
				started(w)
			}
		}
	}
	r := s.Run(p, o)
	outcome := trace.Outcome{
		Virtual: r.Virtual, Hash: r.Hash, DeepHash: r.DeepHash, Verdict: r.Line(), Property: r.Property, Detail: r.Detail, Step: r.Step, Node: r.Node,
	}
	for _, op := range r.Ops[:min(len(r.Ops), mostShown)] {
		outcome.Ops = append(outcome.Ops, op.Call)
	}
	return &r, rec.Close(outcome)
}

// mostShown bounds the operations of a violation that a recording names.
const mostShown = 8

// CompareCopies runs a plan with messages shared and with messages deep-copied. It returns nil if the runs are the same:
// then nobody changed a message after it was sent.
func (s *Scenario) CompareCopies(p nemesis.Plan) (*Divergence, error) {
	if s.Run(p, Options{Deep: true}).DeepHash == s.Run(p, Options{Deep: true, Copy: true}).DeepHash {
		return nil, nil
	}
	var shared, copied bytes.Buffer
	_, a, err := s.recordHashes(p, Options{}, &shared)
	if err != nil {
		return nil, err
	}
	_, b, err := s.recordHashes(p, Options{Copy: true}, &copied)
	if err != nil {
		return nil, err
	}
	return diverge(a, b, shared.Bytes(), copied.Bytes())
}

// names calls clients c1, c2, …
func names(p nemesis.Plan) map[sim.NodeID]string {
	m := make(map[sim.NodeID]string, p.Clients)
	for i := 1; i <= p.Clients; i++ {
		m[p.ClientNode(i)] = fmt.Sprintf("c%d", i)
	}
	return m
}

// hashing is an observer that keeps the deep hash after each step.
type hashing struct {
	sim.Observer
	world  *sim.World
	hashes []uint64
}

func (h *hashing) Step(s *sim.Step) {
	h.hashes = append(h.hashes, h.world.DeepHash())
	h.Observer.Step(s)
}

// diverge finds the first step in which two recorded runs differ.
func diverge(a, b []uint64, traceA, traceB []byte) (*Divergence, error) {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	if n == len(a) && n == len(b) {
		return &Divergence{Why: fmt.Sprintf("all %d steps are the same, but not what was written to disks after the last of them", n)}, nil
	}
	d := &Divergence{Step: uint64(n + 1)}
	var err error
	if d.One, err = stepText(traceA, d.Step); err != nil {
		return nil, err
	}
	if d.Two, err = stepText(traceB, d.Step); err != nil {
		return nil, err
	}
	return d, nil
}

func stepText(file []byte, n uint64) (string, error) {
	r, err := trace.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return "", err
	}
	for s, err := range r.Window(n, n) {
		if err != nil {
			return "", err
		}
		var b strings.Builder
		s.Changes = nil
		err := trace.Print(&b, r.Header(), trace.Steps(s))
		return strings.Join(strings.Fields(b.String()), " "), err
	}
	return "the run was over", nil
}

// mostPrinted is how many bytes of a text are printed.
const mostPrinted = 64 << 10

// Printable is a text without what may trick a terminal, cut at 64 KiB: a panic, or a file from elsewhere, may say anything.
func Printable(text string) string {
	if len(text) > mostPrinted {
		text = strings.ToValidUTF8(text[:mostPrinted], "") + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// Line is the verdict in one line.
func (r *Result) Line() string {
	detail, _, _ := strings.Cut(r.Detail, "\n")
	switch {
	case r.Verdict == checkers.Valid:
		return "valid"
	case r.Property == "":
		return r.Verdict.String() + ": " + detail
	case detail == "":
		return r.Verdict.String() + " " + r.Property
	}
	return r.Verdict.String() + " " + r.Property + ": " + detail
}

// shown is how many steps of a failure's past are printed.
const shown = 14

// Write prints the failure: what broke, when, the steps that led there, the faults until then, and how to repeat it.
func (f *Failure) Write(w io.Writer, again string) error {
	r := &f.Again
	if f.Divergence != nil {
		fmt.Fprintf(w, "--- DETERMINISM: %s  seed=%d  %s\n", r.Scenario, r.Plan.Seed, f.Divergence)
		_, err := fmt.Fprintf(w, "  again: %s\n", again)
		return err
	}
	place := ""
	if r.Step > 0 {
		place = fmt.Sprintf(" step=%d at=%s", r.Step, r.At)
	}
	label := "FAIL"
	if r.Verdict == checkers.Unknown {
		label = "UNKNOWN"
	}
	headline, rest, _ := strings.Cut(r.Detail, "\n")
	if r.Property != "" {
		headline = r.Property + ": " + headline
	}
	fmt.Fprintf(w, "--- %s: %s  seed=%d%s  %s\n", label, r.Scenario, r.Plan.Seed, place, headline)
	if rest != "" {
		fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(strings.TrimRight(rest, "\n"), "\n", "\n  "))
	}
	if r.Stack != "" {
		fmt.Fprintf(w, "  %s\n", strings.ReplaceAll(handlerStack(r.Stack), "\n", "\n  "))
	}
	if r.Step > 0 {
		if err := f.WriteLast(w, r.Step); err != nil {
			return err
		}
	}
	if faults := f.faults(); faults != "" {
		fmt.Fprintf(w, "  faults so far: %s\n", faults)
	}
	_, err := fmt.Fprintf(w, "  again: %s\n", again)
	return err
}

// WriteLast prints the last steps of a step's causal past, see [sim.Causal], and the step itself.
func (f *Failure) WriteLast(w io.Writer, step uint64) error {
	file, err := trace.Open(bytes.NewReader(f.Trace), int64(len(f.Trace)))
	if err != nil {
		return err
	}
	last, err := past(file, step, shown)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := trace.Print(&b, file.Header(), trace.Steps(last...)); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		fmt.Fprint(w, "  ", line)
	}
	return nil
}

// past returns the last n steps of the causal past of a step, and the step itself. Syncs say little, and are left out.
func past(file *trace.Reader, step uint64, n int) ([]trace.Step, error) {
	causal, err := file.Causal()
	if err != nil {
		return nil, err
	}
	var last []trace.Step
	for s, err := range file.Window(0, step) {
		switch {
		case err != nil:
			return nil, err
		case s.N != step && (s.Kind == sim.KindSync || !causal.Before(s.N, step)):
			continue
		case len(last) == n:
			last = slices.Delete(last, 0, 1)
		}
		last = append(last, s)
	}
	return last, nil
}

// faults lists the faults that struck before the end of the run.
func (f *Failure) faults() string {
	end := f.Again.Virtual
	if f.Again.Step > 0 {
		end = f.Again.At
	}
	var list []string
	for _, e := range f.Again.Plan.Faults {
		if clock.Time(e.At) <= end {
			list = append(list, fmt.Sprintf("%s %s", clock.Time(e.At), e.Fault))
		}
	}
	const most = 12
	if n := len(list) - most; n > 0 {
		list = append([]string{fmt.Sprintf("(%d more)", n)}, list[n:]...)
	}
	return strings.Join(list, "   ")
}

// handlerStack cuts a panic's stack to the handler, Build or Judge: from the panic down to the engine.
func handlerStack(stack string) string {
	lines := strings.Split(stack, "\n")
	if i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "panic(") }); i >= 0 && i+2 < len(lines) {
		lines = lines[i+2:]
	}
	if i := slices.IndexFunc(lines, func(l string) bool {
		return strings.Contains(l, "/sim.(*incarnation)") || strings.Contains(l, "/scenarios.(*Run).guard")
	}); i > 0 {
		lines = lines[:i]
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}
