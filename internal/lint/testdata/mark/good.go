package marks

import (
	"math/rand/v2"
	"time"
)

// The comment of a function may end in a mark.
//
//seedbed:ok wall-clock seen by readers only
func timed() (time.Time, string) { return time.Now(), "//seedbed:ok in a string is no mark" }

// Text that speaks of //seedbed:ok in passing is no mark.
func stacked(r *rand.Rand, m map[string]int) (n int) {
	//seedbed:ok float-draw a sketch, not a decision
	//seedbed:ok float a sketch, not a decision
	n = int(100 * r.Float64())
	//seedbed:ok map-order a sum has no order
	for range m {
		n++
	}
	//seedbed:ok float a sketch, not a decision
	n += int(2 * r.Float64()) //seedbed:ok float-draw one mark above, one beside
	for range m {             //seedbed:ok map-order a sum has no order
		n++
	}
	return n
}
