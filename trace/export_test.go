package trace

// SetRowLimit makes a Causal keep rows of no more than n counts.
func (c *Causal) SetRowLimit(n int) { c.limit = n }
