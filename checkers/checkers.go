// Package checkers turns what a run did into verdicts: histories of client operations, and facts that nodes claim, against
// what a system promises.
//
// It is not tied to any protocol, network or workload. A scenario maps its model's facts onto the methods of a checker in
// a few lines, and its clients' operations onto the inputs and outputs of a sequential [Model].
//
// There are two kinds of checkers. Online ones ([Raft], [Log], [Topic], [Bank], [Causality], [Sessions]…) are fed while the
// run happens and register their properties with the run's [Set], which stops the run at the first violation. Offline ones
// ([Linearizable], [Transactions], [Counter], [Sets], [Queue], [Lock], [CheckBalances]) judge a finished history. Neither
// reads a clock: budgets are counted in steps, and equal input gives equal verdicts and equal explanations, byte for byte.
package checkers

import (
	"math/bits"

	"github.com/seedbed-sim/seedbed/sim"
)

// Verdict is what a checker found.
type Verdict uint8

const (
	Unknown Verdict = iota // undecided: nothing was checked, or the budget ran out
	Valid                  // checked, and as promised
	Invalid                // a property is violated
)

func (v Verdict) String() string {
	return [...]string{"unknown", "valid", "invalid"}[v]
}

// Join is the verdict over two parts that were both checked: invalid beats unknown beats valid.
func (v Verdict) Join(w Verdict) Verdict {
	switch {
	case v == Invalid || w == Invalid:
		return Invalid
	case v == Unknown || w == Unknown:
		return Unknown
	default:
		return Valid
	}
}

// Result is a verdict with its reasons.
type Result struct {
	Verdict  Verdict
	Property string    // with its quantifier: always "at most one leader per term"
	Anomaly  string    // what is wrong, by its name in the literature; "" where there is none
	Detail   string    // for readers; why the verdict is not Valid
	Ops      []*sim.Op // the operations concerned, if it is about operations, in order of invocation
	Shown    []*sim.Op // the few of Ops that show what is wrong; nil: all do
}

// Witnesses are the operations that show what is wrong, in order of invocation.
func (r Result) Witnesses() []*sim.Op {
	if r.Shown != nil {
		return r.Shown
	}
	return r.Ops
}

func (r Result) String() string {
	s := r.Verdict.String()
	if r.Property != "" {
		s += " " + r.Property
	}
	if r.Detail != "" {
		s += ": " + r.Detail
	}
	return s
}

// Join is the result over all parts: the first one with the joined verdict. No parts are Unknown.
func Join(parts ...Result) Result {
	if len(parts) == 0 {
		return Result{Detail: "nothing was checked"}
	}
	joined := parts[0]
	for _, p := range parts[1:] {
		if joined.Verdict.Join(p.Verdict) != joined.Verdict {
			joined = p
		}
	}
	return joined
}

// mix folds v into a rolling hash: one half of a 128-bit product with the other (Wang Yi, wyhash).
func mix(h, v uint64) uint64 {
	hi, lo := bits.Mul64(h^0x9e3779b97f4a7c15, v^0xd1b54a32d192ed03)
	return hi ^ lo ^ h<<1
}

// hashText folds a text into a rolling hash: FNV-1a, so that the hash of a text that grows grows with it.
func hashText(h uint64, text string) uint64 {
	for i := 0; i < len(text); i++ {
		h = (h ^ uint64(text[i]) ^ 0xcbf29ce484222325) * 0x100000001b3
	}
	return h
}
