package sim

import "github.com/seedbed-sim/seedbed/clock"

// Bench runs until the step count reaches limit.
func (w *World) Bench(limit uint64) { w.run(clock.Never, limit) }

// SetRowLimit makes a Causal keep rows of no more than n counts.
func (c *Causal) SetRowLimit(n int) { c.limit = n }

// Rank is what decides between origins at one instant.
func (w *World) Rank(at clock.Time, from NodeID) uint64 {
	return w.queue.rank(&item{at: at, from: from})
}
