package trace

import (
	"io"
	"slices"
	"strconv"

	"github.com/seedbed-sim/seedbed/sim"
)

// Recorder is a sim.Observer that writes what it is offered to a trace.
//
// Values show as fmt's %+v would show them, with these differences: type names come without their package, pointers and
// interfaces show what they lead to, strings are quoted unless they are words, node ids show as names, and maps are in
// the order of their keys. A String or Error method is used where there is one; it must depend on nothing but the value
// and change nothing, and equal values are asked once. So equal runs give equal traces, byte for byte.
//
// Of a state, what an Inspector returns or the fields of the node, the Recorder keeps what has changed since it was
// settled last, over incarnations: the changes of a boot are what the crash cost. It looks 8 levels deep, at 4096 values,
// at maps of up to 32 entries and at the first 4 and last 12 elements of longer slices; a larger map shows its size, and
// whatever lies beyond these limits does not show. Functions, channels, and what a node holds of the engine (Env, Disk,
// File, *rand.Rand) are left out. Texts are cut: payloads and log lines at 1024 bytes, values in a state at 256; steps at
// 64 changes and 128 log lines.
//
// It is not safe for concurrent use. The io.Writer is written to by another goroutine, though never by two at a time, until
// Close or Err returns.
type Recorder struct {
	diff  differ
	views []view // by NodeID
	n     uint64 // whose state settles
	id    sim.NodeID
	lines int // of the last step

	batch   *batch        // that is being filled
	spare   chan *batch   // empty ones
	made    int           // batches, at most as many as spare can hold
	emptied chan struct{} // closed when all that was passed on is with the Writer; nil if nothing was
	w       *Writer       // of whoever empties a batch
}

const maxLines = 128

// NewRecorder starts a trace; see NewWriter.
func NewRecorder(w io.Writer, h Header) (*Recorder, error) {
	t, err := NewWriter(w, h)
	if err != nil {
		return nil, err
	}
	r := &Recorder{w: t, batch: new(batch), made: 1, spare: make(chan *batch, batches)}
	r.diff.printer = newPrinter(h.Name)
	r.diff.change = func(path, before, after []byte) { r.batch.change(r.n, r.id, path, before, after) }
	return r, nil
}

// Step implements sim.Observer.
func (r *Recorder) Step(s *sim.Step) {
	r.pass()
	r.batch.step(s, r.payload(s))
	r.lines = 0
}

// pass has a full batch emptied, after those before it, while the run fills another one.
func (r *Recorder) pass() {
	if !r.batch.full() {
		return
	}
	full, before, emptied := r.batch, r.emptied, make(chan struct{})
	go func() {
		defer close(emptied)
		defer func() { r.spare <- full }()
		if before != nil {
			<-before
		}
		full.empty(r.w)
	}()
	r.emptied, r.batch = emptied, r.empty()
}

// empty returns an empty batch: one that was used before, if there is one, or if no more may be made.
func (r *Recorder) empty() *batch {
	if len(r.spare) == 0 && r.made < batches {
		r.made++
		return new(batch)
	}
	return <-r.spare
}

func (r *Recorder) payload(s *sim.Step) *phrase {
	op, ok := s.Payload.(*sim.Op)
	if !ok || op == nil {
		return r.diff.value(s.Payload, s.Content)
	}
	return r.diff.op(s.Kind, op)
}

// Log implements sim.Observer.
func (r *Recorder) Log(id sim.NodeID, text string) {
	if r.lines++; r.lines > maxLines {
		return
	}
	if r.lines == maxLines {
		text = "… more lines"
	}
	p := &r.diff.printer
	p.begin(MaxText)
	p.clean(text)
	r.batch.log(id, p.text(MaxText))
}

// Settled implements sim.Observer.
func (r *Recorder) Settled(n uint64, id sim.NodeID, state any) {
	if int(id) >= len(r.views) {
		r.views = slices.Grow(r.views, int(id)+1-len(r.views))[:id+1]
	}
	r.pass()
	r.n, r.id = n, id
	r.diff.settle(&r.views[id], state)
}

// Err returns the first error of the underlying Writer; nothing has been recorded since.
func (r *Recorder) Err() error {
	r.flush()
	if r.w.err == errClosed {
		return nil
	}
	return r.w.err
}

// Close ends the trace; see Writer.Close.
func (r *Recorder) Close(o Outcome) error {
	r.flush()
	return r.w.Close(o)
}

// flush moves all that was recorded to the Writer.
func (r *Recorder) flush() {
	if r.emptied != nil {
		<-r.emptied
		r.emptied = nil
	}
	r.batch.empty(r.w)
}

// Text shows a value as the Recorder does.
func Text(v any) string {
	p := newPrinter(sim.NodeID.String)
	if text := p.value(v, 0); text != nil {
		return text.text
	}
	return "nil"
}

// op renders a client operation as it stands: "#12 put(x, 1)" at first, then "#12 ok 1".
func (p *printer) op(kind sim.Kind, op *sim.Op) *phrase {
	p.begin(MaxText)
	p.buf = append(strconv.AppendInt(append(p.buf, '#'), int64(op.ID), 10), ' ')
	if kind == sim.KindInvoke {
		p.any(op.Input)
	} else {
		p.add(op.Outcome.String())
		if op.Outcome == sim.OK && op.Output != nil {
			p.buf = append(p.buf, ' ')
			p.any(op.Output)
		}
	}
	return p.phrase(p.text(MaxText))
}
