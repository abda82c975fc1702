package trace

import (
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Limits of a batch; beyond one, it is passed on.
const (
	batches    = 32 // of a recorder: the run goes on while a frame is compressed
	batchSteps = 256
	batchBytes = 1 << 18 // of changes and lines
)

// batch is a stretch of a run as texts. Only making these must happen while their step does, since what they show is
// shared with the run; finding the fewest bytes for them can happen beside it.
type batch struct {
	steps []batchStep
	notes []note
	texts []byte // of the notes, one after the other
}

// batchStep is a step without its payload, which is not to be kept.
type batchStep struct {
	n, packet, cause, lamport uint64
	at, sent                  clock.Time
	node, peer                sim.NodeID
	incarnation               uint32
	kind                      sim.Kind
	text                      *phrase
}

func (s *batchStep) step() sim.Step {
	return sim.Step{
		N: s.n, At: s.at, Kind: s.kind, Node: s.node, Peer: s.peer, Incarnation: s.incarnation,
		Packet: s.packet, Cause: s.cause, Lamport: s.lamport, Sent: s.sent,
	}
}

// note is a change in a node's state, or a line that it logged.
type note struct {
	after int // so many of the batch's steps
	line  bool
	node  sim.NodeID
	n     uint64 // the step that a change belongs to

	path, before, text int // lengths
}

func (b *batch) full() bool { return len(b.steps) >= batchSteps || len(b.texts) >= batchBytes }

func (b *batch) step(s *sim.Step, text *phrase) {
	b.steps = append(b.steps, batchStep{})
	to := &b.steps[len(b.steps)-1]
	to.n, to.packet, to.cause, to.lamport = s.N, s.Packet, s.Cause, s.Lamport
	to.at, to.sent, to.node, to.peer = s.At, s.Sent, s.Node, s.Peer
	to.incarnation, to.kind, to.text = s.Incarnation, s.Kind, text
}

func (b *batch) change(n uint64, node sim.NodeID, path, before, after []byte) {
	b.notes = append(b.notes, note{after: len(b.steps), node: node, n: n, path: len(path), before: len(before), text: len(after)})
	b.texts = append(append(append(b.texts, path...), before...), after...)
}

func (b *batch) log(node sim.NodeID, text []byte) {
	b.notes = append(b.notes, note{after: len(b.steps), line: true, node: node, text: len(text)})
	b.texts = append(b.texts, text...)
}

// empty moves everything to a Writer, in the order in which it came.
func (b *batch) empty(w *Writer) {
	notes, texts := b.notes, b.texts
	take := func(n int) []byte {
		text := texts[:n:n]
		texts = texts[n:]
		return text
	}
	for i := 0; ; i++ {
		for ; len(notes) > 0 && notes[0].after == i; notes = notes[1:] {
			if n := &notes[0]; n.line {
				w.log(n.node, take(n.text))
			} else {
				w.change(n.n, n.node, take(n.path), take(n.before), take(n.text))
			}
		}
		if i == len(b.steps) {
			break
		}
		s := b.steps[i].step()
		w.step(&s, b.steps[i].text)
	}
	clear(b.steps) // of texts
	b.steps, b.notes, b.texts = b.steps[:0], b.notes[:0], b.texts[:0]
}
