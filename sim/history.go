package sim

import "github.com/seedbed-sim/seedbed/clock"

// Outcome is how a client operation ended.
type Outcome uint8

const (
	Pending Outcome = iota // not ended: the checkers treat it as Info
	OK                     // it took effect, and Output is its result
	Fail                   // it certainly did not take effect
	Info                   // it may or may not take effect, now or later
)

func (o Outcome) String() string {
	return [...]string{"pending", "ok", "fail", "info"}[o]
}

// Op is one client operation of a history. Call and Return are step numbers:
// the interval is closed, operations that share a step are concurrent.
type Op struct {
	ID      int    // its index in the history
	Client  NodeID // the invoking node
	Input   any
	Output  any // for OK; nil otherwise
	Outcome Outcome
	Call    uint64 // step of the invocation
	Return  uint64 // step of the completion; 0 while Pending
	Invoked clock.Time
	Ended   clock.Time
}

// Invoke records that this node, acting as a client, starts an operation. The
// returned Op is completed by Complete; an incarnation that ends before leaves
// it Pending.
func Invoke(env Env, input any) *Op { return env.invoke(input) }

// Complete records the outcome of an operation; output counts for OK only. The
// first completion stands.
func Complete(env Env, op *Op, outcome Outcome, output any) { env.finish(op, outcome, output) }
