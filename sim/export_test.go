package sim

import "github.com/seedbed-sim/seedbed/clock"

// Bench runs until the step count reaches limit.
func (w *World) Bench(limit uint64) { w.run(clock.Never, limit) }

// SetRowLimit makes a Causal keep rows of no more than n counts.
func (c *Causal) SetRowLimit(n int) { c.limit = n }
