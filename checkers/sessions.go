package checkers

import "github.com/seedbed-sim/seedbed/sim"

// Sessions checks the four session guarantees of "Session Guarantees for Weakly Consistent Replicated Data" (Terry et al.
// 1994) while a run happens. Each key has versions that grow with each write that takes effect; a client is told which
// version it wrote or read.
type Sessions struct {
	readYourWrites    *Property
	monotonicReads    *Property
	monotonicWrites   *Property
	writesFollowReads *Property

	seen map[session]versions
}

type session struct {
	client sim.NodeID
	key    string
}

// versions are the latest ones that a client has read and written.
type versions struct{ read, wrote uint64 }

// NewSessions registers the four guarantees with the run's set.
func NewSessions(s *Set) *Sessions {
	return &Sessions{
		readYourWrites:    s.Always("clients read their own writes"),
		monotonicReads:    s.Always("clients never read older than before"),
		monotonicWrites:   s.Always("a client's writes keep their order"),
		writesFollowReads: s.Always("a client's writes come after what it has read"),
		seen:              make(map[session]versions),
	}
}

// Reset forgets everything, for the next run. The set is reset by its owner.
func (c *Sessions) Reset() { clear(c.seen) }

// Read tells that a client has read this version of a key.
func (c *Sessions) Read(client sim.NodeID, key string, version uint64) {
	s := session{client, key}
	v := c.seen[s]
	switch {
	case version < v.wrote:
		c.readYourWrites.Violatef("%v reads version %d of %s after it wrote version %d", client, version, key, v.wrote)
		return
	case version < v.read:
		c.monotonicReads.Violatef("%v reads version %d of %s after it read version %d", client, version, key, v.read)
		return
	}
	c.readYourWrites.Hold()
	c.monotonicReads.Hold()
	v.read = version
	c.seen[s] = v
}

// Write tells a client that its write is this version of a key.
func (c *Sessions) Write(client sim.NodeID, key string, version uint64) {
	s := session{client, key}
	v := c.seen[s]
	switch {
	case version <= v.wrote:
		c.monotonicWrites.Violatef("%v writes version %d of %s after it wrote version %d", client, version, key, v.wrote)
		return
	case version <= v.read:
		c.writesFollowReads.Violatef("%v writes version %d of %s after it read version %d", client, version, key, v.read)
		return
	}
	c.monotonicWrites.Hold()
	c.writesFollowReads.Hold()
	v.wrote = version
	c.seen[s] = v
}
