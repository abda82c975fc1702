package report

import (
	"bytes"
	"fmt"
	"io"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// Side is one of two runs that stand in one page.
type Side struct {
	Label string `json:"label"`
	About
	file []byte
}

// NewSide is a run whose trace is in memory.
func NewSide(label string, file []byte) (Side, error) {
	t, err := trace.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return Side{}, err
	}
	about, err := Describe(t)
	return Side{label, about, file}, err
}

// Difference is where two runs come apart at a node, as trace.Diff has it.
type Difference struct {
	Node sim.NodeID `json:"node"`
	Name string     `json:"name"`
	At   clock.Time `json:"at_ns"`
	A    *Differing `json:"a"` // nil: the run has no more steps of the node
	B    *Differing `json:"b"`
}

// Differing is a step that the other run has not.
type Differing struct {
	Step uint64     `json:"step"`
	At   clock.Time `json:"at_ns"`
	Kind string     `json:"kind"`
	Text string     `json:"text,omitempty"`

	Changes []string `json:"changes,omitempty"` // of the node's state
}

// Apart is what trace.Diff returned, with the names that nodes have in a run.
func Apart(h *trace.Header, apart []trace.Apart) []Difference {
	list := []Difference{}
	for _, x := range apart {
		list = append(list, Difference{x.Node, h.Name(x.Node), x.At(), differing(x.A), differing(x.B)})
	}
	return list
}

func differing(s *trace.Step) *Differing {
	if s == nil {
		return nil
	}
	d := &Differing{Step: s.N, At: s.At, Kind: s.Kind.String(), Text: s.Text}
	for _, c := range s.Changes {
		d.Changes = append(d.Changes, c.String())
	}
	return d
}

// Fault is one of a plan's.
type Fault struct {
	Number int    `json:"number"` // in the plan, from 1
	Text   string `json:"fault"`
}

// WritePair writes a page of two runs, one above the other, that shows where they come apart. Missing are faults of the
// first that the second is without.
func WritePair(w io.Writer, a, b Side, missing []Fault, apart []trace.Apart) error {
	t, err := trace.Open(bytes.NewReader(a.file), int64(len(a.file)))
	if err != nil {
		return err
	}
	h := t.Header()
	return write(w, fmt.Sprintf("%s, seed %d: %s, %s", h.Scenario, h.Seed, a.Label, b.Label), pair{[2]Side{a, b}, missing, Apart(&h, apart)}, a.file, b.file)
}

// pair is what a page knows of two runs.
type pair struct {
	Sides   [2]Side      `json:"sides"`
	Missing []Fault      `json:"missing,omitempty"`
	Apart   []Difference `json:"apart"`
}
