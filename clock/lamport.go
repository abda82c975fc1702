package clock

import (
	"cmp"
	"fmt"
)

// Lamport is a logical clock: one number that grows along every chain of steps and messages. If a happens before b then
// a's reading is less than b's; the converse does not hold. A step's reading is the length of the longest chain that
// ends in it.
//
// Source: L. Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System" (1978), rules IR1 and IR2.
type Lamport uint64

// Tick is the clock after a step of its own process; a message sent in that step carries the result.
func (l Lamport) Tick() Lamport { return l + 1 }

// Witness is the clock after the step that receives a message carrying seen.
func (l Lamport) Witness(seen Lamport) Lamport { return max(l, seen) + 1 }

// Stamp names one step of one process: its Lamport time, and the process to break ties. Stamps are totally ordered, and
// the order extends happens-before (Lamport 1978, the relation ⇒).
type Stamp struct {
	At      Lamport
	Process int32
}

// Compare is -1, 0 or +1 as s is less than, equal to, or greater than u.
func (s Stamp) Compare(u Stamp) int {
	return cmp.Or(cmp.Compare(s.At, u.At), cmp.Compare(s.Process, u.Process))
}

// Before reports whether s comes before u in the total order.
func (s Stamp) Before(u Stamp) bool { return s.Compare(u) < 0 }

// String is s as time@process: "7@3".
func (s Stamp) String() string { return fmt.Sprintf("%d@%d", s.At, s.Process) }
