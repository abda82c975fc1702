package clock

import (
	"cmp"
	"fmt"
	"time"
)

// Hybrid is a hybrid logical clock: the greatest wall clock reading that happened before or at a step, and a counter
// that orders the steps sharing it. If a happens before b then a's value is less than b's, as with Lamport; and the wall
// part stays as near to the process's own wall clock as the clocks of all processes are to one another, even if a wall
// clock goes back. The counter stays small, since it starts over whenever the wall part grows: where wall clocks differ
// by at most ε and advance between any two steps of a process, it is at most N(ε+1) for N processes, ε in units of the
// clock.
//
// Source: S. Kulkarni, M. Demirbas, D. Madappa, B. Avva, M. Leone, "Logical Physical Clocks" (2014), §3, Figure 5; Wall
// is their l, Count their c.
type Hybrid struct {
	Wall  Time
	Count uint64
}

// Tick is the clock after a step of its own process whose wall clock reads wall; a message sent in that step carries
// the result.
func (h Hybrid) Tick(wall Time) Hybrid {
	if wall > h.Wall {
		return Hybrid{Wall: wall}
	}
	return Hybrid{h.Wall, h.Count + 1}
}

// Witness is the clock after the step, at the process's own wall clock reading, that receives a message carrying seen.
// The four cases of Figure 5 are one: a step that follows the later of the two clocks.
func (h Hybrid) Witness(wall Time, seen Hybrid) Hybrid {
	if h.Before(seen) {
		h = seen
	}
	return h.Tick(wall)
}

// Ahead is how far the wall part lies beyond a wall clock reading; it is not positive when the clock is not ahead. A
// process that trusts all clocks to lie within ε of one another refuses messages that are more than ε ahead of its own.
func (h Hybrid) Ahead(wall Time) time.Duration { return h.Wall.Sub(wall) }

// Compare is -1, 0 or +1 as h is less than, equal to, or greater than g.
func (h Hybrid) Compare(g Hybrid) int {
	return cmp.Or(cmp.Compare(h.Wall, g.Wall), cmp.Compare(h.Count, g.Count))
}

// Before reports whether h is less than g.
func (h Hybrid) Before(g Hybrid) bool { return h.Compare(g) < 0 }

// String is the wall part, cut to milliseconds, and the counter: "12.402s+3".
func (h Hybrid) String() string { return fmt.Sprintf("%s+%d", h.Wall, h.Count) }
