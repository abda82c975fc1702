package checkers

import (
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Staleness tells for how long observers have had something that is not the latest, and checks that it is bounded when
// nothing is in the way. M names what is observed; each M has versions, whose numbers grow, and starts with version 0.
//
// What an observer has of an M is stale from the first update that it does not know. (Van Renesse et al., "Efficient
// Reconciliation and Flow Control for Anti-Entropy Protocols", LADIS 2008, plot staleness over time.)
type Staleness[M comparable] struct {
	bounded *Property

	bound     time.Duration
	calm      clock.Time // nothing is in the way from here on; Never: something is
	observers []sim.NodeID
	place     map[M]int
	updates   [][]staleUpdate // by place, in order
	names     []M
	known     [][]uint64 // by observer's id, by place
}

type staleUpdate struct {
	version uint64
	at      clock.Time
}

// NewStaleness registers the property with the run's set. The bound is how stale something may be when all is calm.
func NewStaleness[M comparable](s *Set, bound time.Duration, observers ...sim.NodeID) *Staleness[M] {
	c := &Staleness[M]{
		bounded: s.Always("nothing stays stale for longer than its bound"),
		bound:   bound, calm: clock.Never, observers: observers, place: make(map[M]int),
	}
	for _, id := range observers {
		for int(id) >= len(c.known) {
			c.known = append(c.known, nil)
		}
	}
	return c
}

// Reset forgets everything, for the next run. The set is reset by its owner.
func (c *Staleness[M]) Reset() {
	clear(c.place)
	clear(c.known)
	c.updates, c.names, c.calm = c.updates[:0], c.names[:0], clock.Never
}

// Update tells of a new version. Versions of one M come in their order; one that is told again is no second one.
func (c *Staleness[M]) Update(m M, version uint64, at clock.Time) {
	i, ok := c.place[m]
	if !ok {
		i = len(c.updates)
		c.place[m] = i
		c.updates, c.names = append(c.updates, nil), append(c.names, m)
	}
	if c.last(i) < version {
		c.updates[i] = append(c.updates[i], staleUpdate{version, at})
	}
}

// Know tells that an observer has this version from now on, or a later one that it had before. What was not told of by
// Update is ignored.
func (c *Staleness[M]) Know(observer sim.NodeID, m M, version uint64) {
	i, ok := c.place[m]
	if !ok || int(observer) >= len(c.known) {
		return
	}
	k := c.known[observer]
	for len(k) <= i {
		k = append(k, 0)
	}
	k[i] = max(k[i], version)
	c.known[observer] = k
}

// Restart tells that an observer has lost all that it had.
func (c *Staleness[M]) Restart(observer sim.NodeID) {
	if int(observer) < len(c.known) {
		c.known[observer] = c.known[observer][:0]
	}
}

// Calm tells that from now on nothing is in the way; what is stale by then counts as stale since then.
func (c *Staleness[M]) Calm(at clock.Time) { c.calm = at }

// Check demands that nothing has been stale for longer than the bound since all is calm.
func (c *Staleness[M]) Check(now clock.Time) {
	if now.Before(c.calm) {
		return
	}
	for i := range c.updates {
		for _, id := range c.observers {
			since, stale := c.since(id, i)
			if !stale {
				continue
			}
			if d := now.Sub(max(since, c.calm)); d > c.bound {
				c.bounded.Violatef("%v has version %d of %v, whose latest is %d, and so for %v: more than %v",
					id, c.has(id, i), c.names[i], c.last(i), d, c.bound)
				return
			}
		}
	}
	if len(c.updates) > 0 && now.Sub(c.calm) > c.bound {
		c.bounded.Hold()
	}
}

// Stale is what an instant looks like.
type Stale struct {
	Count int           // pairs of an observer and something that it has stale
	Of    int           // all pairs
	Worst time.Duration // the longest that one has been stale
	Sum   time.Duration // over all pairs
}

// At measures the staleness of all observers, calm or not.
func (c *Staleness[M]) At(now clock.Time) (s Stale) {
	for i := range c.updates {
		for _, id := range c.observers {
			s.Of++
			if since, stale := c.since(id, i); stale {
				d := now.Sub(since)
				s.Count++
				s.Sum += d
				s.Worst = max(s.Worst, d)
			}
		}
	}
	return s
}

// since is when what an observer has of something became stale.
func (c *Staleness[M]) since(id sim.NodeID, i int) (at clock.Time, stale bool) {
	has := c.has(id, i)
	if has >= c.last(i) {
		return 0, false
	}
	u := c.updates[i]
	k := len(u) - 1
	for k > 0 && u[k-1].version > has {
		k--
	}
	return u[k].at, true
}

func (c *Staleness[M]) has(id sim.NodeID, i int) uint64 {
	if k := c.known[id]; i < len(k) {
		return k[i]
	}
	return 0
}

func (c *Staleness[M]) last(i int) uint64 {
	if n := len(c.updates[i]); n > 0 {
		return c.updates[i][n-1].version
	}
	return 0
}
