package checkers

import (
	"cmp"
	"slices"

	"github.com/seedbed-sim/seedbed/sim"
)

// Sessions checks the four session guarantees of "Session Guarantees for Weakly Consistent Replicated Data" (Terry et al.,
// PDIS 1994) while a run happens. Each key has versions that grow with each write that takes effect, such as the positions
// in a log; a client is told which version it wrote or read.
//
// Read and Write judge what clients see, key by key: read your writes, monotonic reads, and for the other two that the
// versions have the right order (the paper's WriteOrder). That a replica which has a write also has the client's earlier
// ones, and what the client had read by then, of all keys, Apply judges. A replica with some version of a key counts as
// having all earlier ones. A system whose replicas tell nothing can leave Apply out.
//
// Each call is O(1) amortised, but for what a write follows: what its client read since its last write is looked at once for
// each replica, by binary search.
type Sessions struct {
	readYourWrites    *Property
	monotonicReads    *Property
	monotonicWrites   *Property
	writesFollowReads *Property

	seen     map[session]versions
	clients  []sessionClient           // by id
	writes   map[string][]sessionWrite // by key, sorted by version
	replicas []sessionReplica          // by id
}

type session struct {
	client sim.NodeID
	key    string
}

// versions are the latest ones that a client has read and written.
type versions struct{ read, wrote uint64 }

// sessionClient is what the next write of a client comes after. What it read before its last write that one has come after,
// and a replica with that one has it too.
type sessionClient struct {
	keys  []string // what it has read and written
	last  version
	reads []version // since the last write
}

// version is one of a key.
type version struct {
	key    string
	number uint64
}

// sessionWrite is a version with what its client knew.
type sessionWrite struct {
	number uint64
	client sim.NodeID
	after  version // what the client wrote before; number 0: nothing
	reads  []version
}

// sessionReplica is what a replica has had, and since when.
type sessionReplica struct {
	applied map[string][]sessionApplied // by key, in order
	ticks   int
}

type sessionApplied struct {
	number uint64
	tick   int // of this replica
}

// NewSessions registers the four guarantees with the run's set.
func NewSessions(s *Set) *Sessions {
	return &Sessions{
		readYourWrites:    s.Always("clients read their own writes"),
		monotonicReads:    s.Always("clients never read older than before"),
		monotonicWrites:   s.Always("a client's writes keep their order"),
		writesFollowReads: s.Always("a client's writes come after what it has read"),
		seen:              make(map[session]versions),
		writes:            make(map[string][]sessionWrite),
	}
}

// Reset forgets everything, for the next run. The set is reset by its owner.
func (c *Sessions) Reset() {
	clear(c.seen)
	clear(c.clients)
	clear(c.writes)
	clear(c.replicas)
}

// Read tells that a client has read this version of a key, wherever. Zero is no version: there was none.
func (c *Sessions) Read(client sim.NodeID, key string, number uint64) {
	s := session{client, key}
	v, known := c.seen[s]
	switch {
	case number < v.wrote:
		c.readYourWrites.Violatef("%v reads version %d of %s after it wrote version %d", client, number, key, v.wrote)
		return
	case number < v.read:
		c.monotonicReads.Violatef("%v reads version %d of %s after it read version %d", client, number, key, v.read)
		return
	}
	c.readYourWrites.Hold()
	c.monotonicReads.Hold()
	p := c.client(client)
	if number > max(v.read, v.wrote) { // what it knew before some write of its own has come after
		p.reads = append(p.reads, version{key, number})
	}
	if !known {
		p.keys = append(p.keys, key)
	}
	v.read = number
	c.seen[s] = v
}

// Write tells a client that its write is this version of a key.
func (c *Sessions) Write(client sim.NodeID, key string, number uint64) {
	s := session{client, key}
	v, known := c.seen[s]
	switch {
	case number <= v.wrote:
		c.monotonicWrites.Violatef("%v writes version %d of %s after it wrote version %d", client, number, key, v.wrote)
		return
	case number <= v.read:
		c.writesFollowReads.Violatef("%v writes version %d of %s after it read version %d", client, number, key, v.read)
		return
	}
	c.monotonicWrites.Hold()
	c.writesFollowReads.Hold()
	p := c.client(client)
	w := sessionWrite{number, client, p.last, p.reads}
	p.last, p.reads = version{key, number}, nil
	if !known {
		p.keys = append(p.keys, key)
	}
	v.wrote = number
	c.seen[s] = v

	list := c.writes[key]
	i, _ := c.search(list, number)
	c.writes[key] = slices.Insert(list, i, w)
	for id := range c.replicas { // those that had it before the client knew
		if tick, ok := c.replicas[id].since(version{key, number}); ok {
			c.covers(sim.NodeID(id), key, &w, tick)
		}
	}
}

// End tells that a client has forgotten what it did: what it does from now on is another session.
func (c *Sessions) End(client sim.NodeID) {
	p := c.client(client)
	for _, key := range p.keys {
		delete(c.seen, session{client, key})
	}
	*p = sessionClient{}
}

// Apply tells that a replica has this version of a key from now on.
func (c *Sessions) Apply(replica sim.NodeID, key string, number uint64) {
	r := c.replica(replica)
	if r.applied == nil {
		r.applied = make(map[string][]sessionApplied)
	}
	list := r.applied[key]
	had := uint64(0)
	if n := len(list); n > 0 {
		had = list[n-1].number
	}
	if number <= had {
		return
	}
	r.ticks++
	r.applied[key] = append(list, sessionApplied{number, r.ticks})
	writes := c.writes[key]
	i, _ := c.search(writes, had+1)
	for ; i < len(writes) && writes[i].number <= number; i++ {
		c.covers(replica, key, &writes[i], r.ticks)
	}
}

// Restart tells that a replica has lost what it had.
func (c *Sessions) Restart(replica sim.NodeID) {
	*c.replica(replica) = sessionReplica{}
}

// Copy tells that a replica has replaced all that it had by what another has, as with a snapshot. A number that is no
// replica's can stand for the snapshot in between.
func (c *Sessions) Copy(to, from sim.NodeID) {
	source := c.replica(from)
	target := sessionReplica{applied: make(map[string][]sessionApplied), ticks: source.ticks}
	for key, list := range source.applied { //seedbed:ok map-order each key's list is cloned on its own
		target.applied[key] = slices.Clone(list)
	}
	*c.replica(to) = target
}

// covers checks that a replica had what a write comes after, by the time when it had the write.
func (c *Sessions) covers(replica sim.NodeID, key string, w *sessionWrite, tick int) {
	r := &c.replicas[replica]
	has := func(v version) bool {
		since, ok := r.since(v)
		return ok && since <= tick
	}
	if w.after.number > 0 {
		if !has(w.after) {
			c.monotonicWrites.Violatef("%v has version %d of %s without version %d of %s, which %v wrote before",
				replica, w.number, key, w.after.number, w.after.key, w.client)
			return
		}
		c.monotonicWrites.Hold()
	}
	for _, v := range w.reads {
		if !has(v) {
			c.writesFollowReads.Violatef("%v has version %d of %s without version %d of %s, which %v had read before it wrote",
				replica, w.number, key, v.number, v.key, w.client)
			return
		}
		c.writesFollowReads.Hold()
	}
}

// since is when a replica came to have a version, or a later one.
func (r *sessionReplica) since(v version) (tick int, ok bool) {
	list := r.applied[v.key]
	i, _ := slices.BinarySearchFunc(list, v.number, func(a sessionApplied, n uint64) int { return cmp.Compare(a.number, n) })
	if i == len(list) {
		return 0, false
	}
	return list[i].tick, true
}

func (c *Sessions) search(list []sessionWrite, number uint64) (int, bool) {
	return slices.BinarySearchFunc(list, number, func(w sessionWrite, n uint64) int { return cmp.Compare(w.number, n) })
}

func (c *Sessions) replica(id sim.NodeID) *sessionReplica {
	for int(id) >= len(c.replicas) {
		c.replicas = append(c.replicas, sessionReplica{})
	}
	return &c.replicas[id]
}

func (c *Sessions) client(id sim.NodeID) *sessionClient {
	for int(id) >= len(c.clients) {
		c.clients = append(c.clients, sessionClient{})
	}
	return &c.clients[id]
}
