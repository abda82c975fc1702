package scenarios

import (
	"encoding/json"
	"fmt"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// History returns the operations of a recorded run, in the scenario's Form. A trace has them as texts, which may be cut, so
// the plan in its header is run again. The error says so if that is not the run of the trace any more.
func (s *Scenario) History(h trace.Header, o Options) ([]*sim.Op, error) {
	var p nemesis.Plan
	if err := json.Unmarshal(h.Plan, &p); err != nil {
		return nil, fmt.Errorf("the trace has no plan to run again: %w", err)
	}
	if err := s.Check(p); err != nil {
		return nil, fmt.Errorf("the plan in the trace: %w", err)
	}
	unjudged := *s
	unjudged.Judge, unjudged.Linear = nil, nil
	o.Deep = true
	r := unjudged.Run(p, o)
	if r.Steps > h.Steps { // it was stopped
		o.UntilStep = h.Steps
		r = unjudged.Run(p, o)
	}
	if r.Hash != h.Hash || r.DeepHash != h.DeepHash {
		return nil, fmt.Errorf("its history takes a run of its plan, and that is another run in this build: hash %016x, deep hash %016x, "+
			"where the trace has %016x and %016x; use the build that recorded it", r.Hash, r.DeepHash, h.Hash, h.DeepHash)
	}
	return s.formed(r.History), nil
}

// formed are operations in the scenario's Form.
func (s *Scenario) formed(history []*sim.Op) []*sim.Op {
	if s.Form == nil {
		return history
	}
	copies := make([]sim.Op, len(history))
	ops := make([]*sim.Op, len(history))
	for i, op := range history {
		copies[i] = *op
		copies[i].Input, copies[i].Output = s.Form(op.Input, op.Output)
		ops[i] = &copies[i]
	}
	return ops
}
