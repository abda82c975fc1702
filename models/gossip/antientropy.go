package gossip

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/wal"
)

// EntropySite is one site of a database that is replicated by anti-entropy: each period it picks another site at random,
// and the two resolve the differences between their databases (Demers et al., Epidemic Algorithms for Replicated Database
// Maintenance, PODC 1987, section 1.3). Any site takes updates of any key; of two the one with the later stamp wins.
//
// What it promises is about stamps, not about true time: a client that writes at a site whose clock is behind may lose to
// an earlier write of another site, unless its own site had seen that one. Stamps are hybrid logical clocks, so that what
// a site has seen it overrules. What is gone once a certificate says so is any value with an earlier stamp.
//
// A site that its disk has failed does nothing until it is booted again.
type EntropySite struct {
	c    EntropyConfig
	wal  *wal.Log
	hlc  clock.Hybrid // at least all stamps in the log
	db   map[string]*entropyHeld
	keys []string // of db, sorted
	// sum and tree are of the active entries: neither has dormant certificates, which others need not have.
	sum    uint64
	tree   merkleTree
	facts  []sim.Fact // of what was appended to the log and is not synced yet
	dirty  bool       // the log has something that is not synced
	halted bool
}

// EntropyConfig is what a deployment chooses. All sites have the same.
type EntropyConfig struct {
	Sites     []sim.NodeID
	Period    time.Duration // between the exchanges that a site begins; default 200 ms
	Direction EntropyDirection
	Compare   EntropyCompare
	Window    time.Duration // tau of ByRecent: how young an entry is to be on the list; default 5 periods
	Batch     int           // of ByPeeling: entries per step; default 2

	// A death certificate is kept by all for Retain (tau1 in section 2.1), and then, as a dormant one, by Keepers sites for
	// Dormant (tau2) more. Retain must be well above the time that an update takes to reach all, and above the differences
	// between clocks. The site that takes a delete is one of the keepers, so that it is lost with no other.
	Retain  time.Duration // default 30 s
	Dormant time.Duration // default 1 h
	Keepers int           // r; default 1
}

// EntropyDirection is who learns in an exchange (section 1.3).
type EntropyDirection uint8

const (
	EntropyPushPull EntropyDirection = iota // both
	EntropyPush                             // the partner
	EntropyPull                             // the one that begins
)

func (d EntropyDirection) String() string {
	return [...]string{"push-pull", "push", "pull"}[d]
}

// EntropyCompare is how two sites find their differences.
type EntropyCompare uint8

const (
	ByDatabase EntropyCompare = iota // one sends all that it has
	ByChecksum                       // and does so only if the checksums differ
	ByRecent                         // first those who changed within a window, then checksums, then all
	ByPeeling                        // from the latest entry backwards, until the checksums agree
	ByTree                           // down the differing branches of Merkle trees (DeCandia et al., Dynamo, SOSP 2007, section 4.7)
)

func (c EntropyCompare) String() string {
	return [...]string{"database", "checksum", "recent", "peel-back", "merkle"}[c]
}

// Check returns the configuration with its defaults, or what is wrong with it, in one line.
func (c EntropyConfig) Check() (EntropyConfig, error) {
	c.Period = cmp.Or(c.Period, 200*time.Millisecond)
	c.Window = cmp.Or(c.Window, 5*c.Period)
	c.Batch = cmp.Or(c.Batch, 2)
	c.Retain = cmp.Or(c.Retain, 30*time.Second)
	c.Dormant = cmp.Or(c.Dormant, time.Hour)
	c.Keepers = cmp.Or(c.Keepers, 1)
	switch {
	case len(c.Sites) == 0:
		return c, errors.New("anti-entropy: there are no sites")
	case c.Direction > EntropyPull:
		return c, fmt.Errorf("anti-entropy: there is no direction %d", c.Direction)
	case c.Compare > ByTree:
		return c, fmt.Errorf("anti-entropy: there is no comparison %d", c.Compare)
	case c.Direction != EntropyPushPull && (c.Compare == ByPeeling || c.Compare == ByTree):
		return c, fmt.Errorf("anti-entropy: %v is for push-pull, not for %v: both sites learn as they go", c.Compare, c.Direction)
	case c.Period < 0 || c.Window < 0 || c.Retain < 0 || c.Dormant < 0:
		return c, errors.New("anti-entropy: a time is negative")
	case c.Batch < 1:
		return c, fmt.Errorf("anti-entropy: a batch of %d entries", c.Batch)
	case c.Keepers < 1 || c.Keepers > len(c.Sites):
		return c, fmt.Errorf("anti-entropy: %d of %d sites keep a dormant certificate", c.Keepers, len(c.Sites))
	}
	return c, nil
}

// EntropyStamp orders the updates of a key. No two updates have the same.
type EntropyStamp struct {
	clock.Hybrid
	Site sim.NodeID // that took the update
}

// Compare is -1, 0 or +1 as a is before, the same as, or after b.
func (a EntropyStamp) Compare(b EntropyStamp) int {
	return cmp.Or(a.Hybrid.Compare(b.Hybrid), cmp.Compare(a.Site, b.Site))
}

// Before reports whether a is before b.
func (a EntropyStamp) Before(b EntropyStamp) bool { return a.Compare(b) < 0 }

func (a EntropyStamp) String() string { return a.Hybrid.String() + "@" + a.Site.String() }

// EntropyEntry is what a database has of a key: a value, or a certificate of its death. It is never changed.
type EntropyEntry struct {
	Key   string
	Stamp EntropyStamp
	Value string
	Dead  bool // a death certificate: Value is empty
	// Woken is the activation timestamp of a certificate that was dormant (section 2.2): its age counts from there, while
	// what it overrules is decided by Stamp. Zero for others.
	Woken   clock.Time
	Keepers []sim.NodeID // who keep the certificate when it is dormant
}

func (e EntropyEntry) String() string {
	text := fmt.Sprintf("%s=%s %v", e.Key, e.Value, e.Stamp)
	if e.Dead {
		text = fmt.Sprintf("%s dead %v", e.Key, e.Stamp)
	}
	if e.Woken != 0 {
		text += fmt.Sprintf(" woken %v", e.Woken)
	}
	return text
}

// hash is what a checksum has of an entry. It is without the activation timestamp, which changes nothing that is read.
func (e *EntropyEntry) hash() uint64 {
	h := sim.Mix(uint64(e.Stamp.Wall))
	h = sim.Mix(h ^ e.Stamp.Count<<20 ^ uint64(e.Stamp.Site))
	h = entropyHash(h, e.Key)
	h = entropyHash(h, e.Value)
	if e.Dead {
		h = sim.Mix(h + 1)
	}
	return h
}

func entropyHash(h uint64, text string) uint64 {
	for i := range len(text) {
		h = h*0x100000001b3 ^ uint64(text[i])
	}
	return sim.Mix(h ^ uint64(len(text)))
}

// entropyHeld is an entry as a site holds it.
type entropyHeld struct {
	EntropyEntry
	dormant bool // only a Dead one is
}

// EntropyStored is emitted when an entry is on a site's disk; at each boot for those that are found there.
type EntropyStored struct{ EntropyEntry }

// EntropyRecovered is emitted at each boot, before what was found.
type EntropyRecovered struct{ Entries int }

// EntropyDormant is emitted when a certificate goes to sleep.
type EntropyDormant struct {
	Key   string
	Stamp EntropyStamp
}

// EntropyWoken is emitted when a dormant certificate has met an old value, and spreads again.
type EntropyWoken struct {
	Key   string
	Stamp EntropyStamp
}

// EntropyDropped is emitted when a site forgets a certificate.
type EntropyDropped struct {
	Key   string
	Stamp EntropyStamp
}

// EntropyMet is emitted when a certificate and an older value meet at a site.
type EntropyMet struct {
	Key       string
	Old, Dead EntropyStamp
}

// EntropyAgreed is emitted when an exchange finds two checksums equal, or the roots of two trees.
type EntropyAgreed struct{ With sim.NodeID }

// EntropyDiffered is emitted when an exchange goes on to send the whole database.
type EntropyDiffered struct{ With sim.NodeID }

// EntropyPeeled is emitted when peeling back comes to an end.
type EntropyPeeled struct{ Steps int }

// EntropySkipped is emitted when some branches of a tree differ and others need not be looked at.
type EntropySkipped struct{ Branches int }

// EntropyStopped is emitted when the disk has failed.
type EntropyStopped struct{ Err string }

// What clients send, and the answer. An answer to a put or delete says that it is on the site's disk.
type (
	EntropyPut struct {
		ID         uint64
		Key, Value string
	}
	EntropyDelete struct {
		ID  uint64
		Key string
	}
	EntropyGet struct {
		ID  uint64
		Key string
	}
	EntropyAnswer struct {
		ID    uint64
		Value string
		Found bool
		Stamp EntropyStamp // of what is there now: the value, or the certificate
	}
)

// What sites send each other.
type (
	// entropyData is a part of a database. With Recent it is the sender's list of what is young, and Sum its checksum. With
	// Reply the receiver answers with what the sender lacks.
	entropyData struct {
		Entries []EntropyEntry
		Recent  bool
		Reply   bool
		Sum     uint64
	}
	entropyAsk     struct{ Recent bool }
	entropySum     struct{ Sum uint64 }
	entropyDiffers struct{}
	// entropyPeel is a step of peeling back: Entries is all that the sender has from below Top down to Cut, the latest
	// first, and Extra what the receiver lacked of the step before.
	entropyPeel struct {
		Top, Cut entropyPlace
		Entries  []EntropyEntry
		Extra    []EntropyEntry
		Bottom   bool // there is nothing below; Cut does not count
		Sum      uint64
		Step     int
	}
	// entropyTree are branches of the sender's tree, and entries of its leaves that are known to differ.
	entropyTree struct {
		Nodes  []merkleNode
		Leaves []int
		// Entries is all of Leaves.
		Entries []EntropyEntry
	}
)

var entropyTimer = sim.Timer{Name: "anti-entropy"}

// NewEntropySite returns a site. It panics if the configuration is wrong; see Check.
func NewEntropySite(c EntropyConfig) *EntropySite {
	c, err := c.Check()
	if err != nil {
		panic(err)
	}
	return &EntropySite{c: c, db: make(map[string]*entropyHeld)}
}

// Start is part of sim.Node.
func (s *EntropySite) Start(env sim.Env) {
	if err := s.recover(env); err != nil {
		s.becomeHalted(env, err)
		return
	}
	env.Emit(EntropyRecovered{Entries: len(s.keys)})
	for _, key := range s.keys {
		env.Emit(EntropyStored{s.db[key].EntropyEntry})
	}
	env.SetTimer(entropyTimer, time.Duration(env.Rand().Int64N(int64(s.c.Period))))
}

// Timeout is part of sim.Node: a period is over.
func (s *EntropySite) Timeout(env sim.Env, _ sim.Timer) {
	if s.halted {
		return
	}
	env.SetTimer(entropyTimer, s.c.Period)
	s.age(env)
	if !s.persist(env) || len(s.c.Sites) < 2 {
		return
	}
	s.begin(env, s.partner(env))
	if sim.Buggify(env, "anti-entropy: two exchanges at once") {
		s.begin(env, s.partner(env))
	}
}

// partner is any other site.
func (s *EntropySite) partner(env sim.Env) sim.NodeID {
	i := env.Rand().IntN(len(s.c.Sites) - 1)
	if s.c.Sites[i] == env.ID() {
		i = len(s.c.Sites) - 1
	}
	return s.c.Sites[i]
}

// begin starts an exchange.
func (s *EntropySite) begin(env sim.Env, to sim.NodeID) {
	switch s.c.Compare {
	case ByDatabase:
		s.resolve(env, to)
	case ByChecksum:
		env.Send(to, entropySum{s.sum})
	case ByRecent:
		if s.c.Direction == EntropyPull {
			env.Send(to, entropyAsk{Recent: true})
		} else {
			env.Send(to, s.recent(env, s.c.Direction == EntropyPushPull))
		}
	case ByPeeling:
		env.Send(to, s.peel(entropyTop, nil, 1))
	case ByTree:
		env.Send(to, entropyTree{Nodes: []merkleNode{s.tree.node(merkleRoot)}})
	}
}

// resolve is ResolveDifference of section 1.3, with all that the sites have.
func (s *EntropySite) resolve(env sim.Env, to sim.NodeID) {
	if s.c.Direction == EntropyPull {
		env.Send(to, entropyAsk{})
		return
	}
	env.Send(to, entropyData{Entries: s.active(nil), Reply: s.c.Direction == EntropyPushPull})
}

// recent is the list of what was changed, or woken, within the window, with the checksum of all (section 1.3).
func (s *EntropySite) recent(env sim.Env, reply bool) entropyData {
	now := env.Now()
	young := s.active(func(e *entropyHeld) bool { return now.Sub(e.since()) < s.c.Window })
	return entropyData{Entries: young, Recent: true, Reply: reply, Sum: s.sum}
}

// Receive is part of sim.Node.
func (s *EntropySite) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	if s.halted {
		return
	}
	switch m := msg.(type) {
	case EntropyPut:
		s.update(env, EntropyEntry{Key: m.Key, Value: m.Value})
		s.answer(env, from, m.ID, m.Key)
	case EntropyDelete:
		s.update(env, EntropyEntry{Key: m.Key, Dead: true, Keepers: s.keepers(env)})
		s.answer(env, from, m.ID, m.Key)
	case EntropyGet:
		s.answer(env, from, m.ID, m.Key)
	case entropyAsk:
		if m.Recent {
			env.Send(from, s.recent(env, false))
		} else {
			env.Send(from, entropyData{Entries: s.active(nil)})
		}
	case entropySum:
		if m.Sum == s.sum {
			env.Emit(EntropyAgreed{from})
		} else {
			env.Send(from, entropyDiffers{})
		}
	case entropyDiffers:
		env.Emit(EntropyDiffered{from})
		s.resolve(env, from)
	case entropyData:
		s.receiveData(env, from, m)
	case entropyPeel:
		s.receivePeel(env, from, m)
	case entropyTree:
		s.receiveTree(env, from, m)
	}
}

// update takes an update of a client. Its stamp is later than all that this site has seen.
func (s *EntropySite) update(env sim.Env, e EntropyEntry) {
	s.hlc = s.hlc.Tick(env.Now())
	e.Stamp = EntropyStamp{s.hlc, env.ID()}
	s.consider(env, e)
}

// answer tells a client what there is of a key, once that is on the disk.
func (s *EntropySite) answer(env sim.Env, to sim.NodeID, id uint64, key string) {
	if !s.persist(env) {
		return
	}
	a := EntropyAnswer{ID: id}
	if e := s.db[key]; e != nil {
		a.Value, a.Found, a.Stamp = e.Value, !e.Dead, e.Stamp
	}
	env.Send(to, a)
}

// receiveData is the other half of an exchange by database, checksum or recent list.
func (s *EntropySite) receiveData(env sim.Env, from sim.NodeID, m entropyData) {
	if !s.merge(env, m.Entries) {
		return
	}
	switch {
	case !m.Recent && m.Reply:
		if lacking := s.newer(m.Entries, nil); len(lacking) > 0 {
			env.Send(from, entropyData{Entries: lacking})
		}
	case !m.Recent:
	case m.Sum == s.sum:
		env.Emit(EntropyAgreed{from})
	case m.Reply:
		env.Send(from, s.recent(env, false))
	case s.c.Direction == EntropyPush: // it was the other one that began
		env.Send(from, entropyDiffers{})
	default:
		env.Emit(EntropyDiffered{from})
		s.resolve(env, from)
	}
}

// entropyPlace is where an entry is in the order of time, in which databases are peeled back.
type entropyPlace struct {
	Since clock.Time
	Stamp EntropyStamp
	Key   string
}

// entropyTop is above all entries.
var entropyTop = entropyPlace{Since: clock.Never}

func (p entropyPlace) compare(q entropyPlace) int {
	return cmp.Or(cmp.Compare(p.Since, q.Since), p.Stamp.Compare(q.Stamp), cmp.Compare(p.Key, q.Key))
}

// since is the time of an entry in all that goes by time: a certificate that was woken counts as new (section 2.2).
func (e *EntropyEntry) since() clock.Time { return max(e.Stamp.Wall, e.Woken) }

func (e *EntropyEntry) place() entropyPlace { return entropyPlace{e.since(), e.Stamp, e.Key} }

// peel is the next step: the latest entries below top. A large database would keep an index by time; this one sorts.
func (s *EntropySite) peel(top entropyPlace, extra []EntropyEntry, step int) entropyPeel {
	below := s.active(func(e *entropyHeld) bool { return e.place().compare(top) < 0 })
	slices.SortFunc(below, func(a, b EntropyEntry) int { return b.place().compare(a.place()) })
	m := entropyPeel{Top: top, Extra: extra, Sum: s.sum, Step: step, Bottom: len(below) <= s.c.Batch}
	m.Entries = below[:min(len(below), s.c.Batch)]
	if !m.Bottom {
		m.Cut = m.Entries[len(m.Entries)-1].place()
	}
	return m
}

// receivePeel takes a step, and answers with the next unless the checksums agree.
func (s *EntropySite) receivePeel(env sim.Env, from sim.NodeID, m entropyPeel) {
	if !s.merge(env, m.Extra) || !s.merge(env, m.Entries) {
		return
	}
	if m.Sum == s.sum {
		env.Emit(EntropyAgreed{from})
		env.Emit(EntropyPeeled{m.Step})
		return
	}
	lacking := s.newer(m.Entries, func(e *entropyHeld) bool {
		p := e.place()
		return p.compare(m.Top) < 0 && (m.Bottom || p.compare(m.Cut) >= 0)
	})
	switch {
	case !m.Bottom:
		env.Send(from, s.peel(m.Cut, lacking, m.Step+1))
	case len(lacking) > 0:
		env.Emit(EntropyPeeled{m.Step})
		env.Send(from, entropyData{Entries: lacking})
	}
}

// receiveTree goes one level down where the trees differ, and exchanges the leaves that do.
func (s *EntropySite) receiveTree(env sim.Env, from sim.NodeID, m entropyTree) {
	if !s.merge(env, m.Entries) {
		return
	}
	if len(m.Leaves) > 0 {
		lacking := s.newer(m.Entries, func(e *entropyHeld) bool { return slices.Contains(m.Leaves, merkleLeaf(e.Key)) })
		if len(lacking) > 0 {
			env.Send(from, entropyData{Entries: lacking})
		}
	}
	var next entropyTree
	equal := 0
	for _, n := range m.Nodes {
		switch {
		case s.tree.node(n.Index) == n:
			equal++
		case n.Index.isLeaf():
			next.Leaves = append(next.Leaves, n.Index.leaf())
		default:
			next.Nodes = append(next.Nodes, s.tree.node(2*n.Index), s.tree.node(2*n.Index+1))
		}
	}
	if len(m.Nodes) == 1 && equal == 1 && m.Nodes[0].Index == merkleRoot {
		env.Emit(EntropyAgreed{from})
	} else if equal > 0 && len(next.Nodes)+len(next.Leaves) > 0 {
		env.Emit(EntropySkipped{equal})
	}
	if len(next.Leaves) > 0 {
		next.Entries = s.active(func(e *entropyHeld) bool { return slices.Contains(next.Leaves, merkleLeaf(e.Key)) })
	}
	if len(next.Nodes)+len(next.Leaves) > 0 {
		env.Send(from, next)
	}
}

// active returns the entries that are not dormant and that which accepts, by key; all if it is nil.
func (s *EntropySite) active(which func(e *entropyHeld) bool) []EntropyEntry {
	var list []EntropyEntry
	for _, key := range s.keys {
		if e := s.db[key]; !e.dormant && (which == nil || which(e)) {
			list = append(list, e.EntropyEntry)
		}
	}
	return list
}

// newer returns the active entries, of those that which accepts, that a list lacks or has older.
func (s *EntropySite) newer(list []EntropyEntry, which func(e *entropyHeld) bool) []EntropyEntry {
	return s.active(func(e *entropyHeld) bool {
		if which != nil && !which(e) {
			return false
		}
		i := slices.IndexFunc(list, func(l EntropyEntry) bool { return l.Key == e.Key })
		return i < 0 || list[i].Stamp.Before(e.Stamp) || list[i].Stamp == e.Stamp && list[i].Woken < e.Woken
	})
}

// merge takes what another site has sent, and puts it on the disk. It is false if that has failed.
func (s *EntropySite) merge(env sim.Env, entries []EntropyEntry) bool {
	for _, e := range entries {
		s.hlc = s.hlc.Witness(env.Now(), e.Stamp.Hybrid)
		s.consider(env, e)
	}
	return s.persist(env)
}

// consider takes an entry if it is news. The later stamp wins; see certificates.go for what is said of the dead.
func (s *EntropySite) consider(env sim.Env, e EntropyEntry) {
	old := s.db[e.Key]
	switch {
	case old == nil:
		if e.Dead && s.expired(env, &e) && !e.keptBy(env.ID()) {
			return // as it would be dropped at once
		}
	case old.Stamp == e.Stamp:
		if e.Woken <= old.Woken {
			return
		}
	case e.Stamp.Before(old.Stamp):
		if old.Dead && !e.Dead {
			s.met(e.Stamp, old.Stamp, e.Key)
			s.wake(env, old)
		}
		return
	case e.Dead && !old.Dead:
		s.met(old.Stamp, e.Stamp, e.Key)
	}
	s.store(env, e)
}

// store makes an entry that of its key, in memory and in the log.
func (s *EntropySite) store(env sim.Env, e EntropyEntry) {
	s.put(&entropyHeld{EntropyEntry: e, dormant: e.Dead && s.expired(env, &e) && e.keptBy(env.ID())})
	s.log(env, entropyRecord{Entry: &e})
	s.facts = append(s.facts, EntropyStored{e})
}

// put is the only writer of the database: with its checksum and tree.
func (s *EntropySite) put(e *entropyHeld) {
	i, found := slices.BinarySearch(s.keys, e.Key)
	if !found {
		s.keys = slices.Insert(s.keys, i, e.Key)
	}
	s.count(s.db[e.Key])
	s.db[e.Key] = e
	s.count(e)
}

// drop takes a key out of the database.
func (s *EntropySite) drop(key string) {
	s.count(s.db[key])
	delete(s.db, key)
	i, _ := slices.BinarySearch(s.keys, key)
	s.keys = slices.Delete(s.keys, i, i+1)
}

// count adds an entry to the checksum and the tree, or takes it out: it is its own inverse.
func (s *EntropySite) count(e *entropyHeld) {
	if e == nil || e.dormant {
		return
	}
	h := e.hash()
	s.sum ^= h
	s.tree.flip(merkleLeaf(e.Key), h)
}

// entropyRecord is a record of the log: an entry that a key has from then on, or a key that has none.
type entropyRecord struct {
	Entry   *EntropyEntry `json:",omitempty"`
	Dropped string        `json:",omitempty"`
	Stamp   *EntropyStamp `json:",omitempty"` // of what was dropped
}

func (s *EntropySite) log(env sim.Env, r entropyRecord) {
	rec, err := json.Marshal(r)
	if err == nil {
		_, err = s.wal.Append(rec)
	}
	if err != nil {
		s.becomeHalted(env, err)
		return
	}
	s.dirty = true
}

// persist syncs what was changed, and tells it then. Nothing that depends on a change may be sent before. False means that
// the disk has failed.
func (s *EntropySite) persist(env sim.Env) bool {
	if s.dirty && !s.halted {
		if err := s.wal.Sync(); err != nil {
			s.becomeHalted(env, err)
			return false
		}
		s.dirty = false
	}
	for _, f := range s.facts {
		env.Emit(f)
	}
	s.facts = s.facts[:0]
	return !s.halted
}

// recover reads back what the log has.
func (s *EntropySite) recover(env sim.Env) error {
	w, err := wal.Open(env.Disk(), "anti-entropy", wal.Options{})
	if err != nil {
		return err
	}
	s.wal = w
	for lsn := w.First(); lsn < w.Next(); lsn++ {
		rec, err := w.Read(lsn)
		if err != nil {
			return err
		}
		var r entropyRecord
		if err := json.Unmarshal(rec, &r); err != nil {
			return fmt.Errorf("anti-entropy: senseless record %d: %w", lsn, err)
		}
		if r.Entry != nil {
			if h := r.Entry.Stamp.Hybrid; s.hlc.Before(h) {
				s.hlc = h
			}
			s.put(&entropyHeld{EntropyEntry: *r.Entry})
		} else if s.db[r.Dropped] != nil {
			s.drop(r.Dropped)
		}
	}
	return nil
}

func (s *EntropySite) becomeHalted(env sim.Env, err error) {
	s.halted, s.facts = true, nil
	env.StopTimer(entropyTimer)
	env.Emit(EntropyStopped{err.Error()})
}

// Look returns what the site has of a key, and whether it sleeps; false if it has nothing.
func (s *EntropySite) Look(key string) (e EntropyEntry, dormant, ok bool) {
	if h := s.db[key]; h != nil {
		return h.EntropyEntry, h.dormant, true
	}
	return EntropyEntry{}, false, false
}

// Inspect is part of sim.Inspector: the entries, by key.
func (s *EntropySite) Inspect() any {
	list := make([]string, 0, len(s.keys))
	for _, key := range s.keys {
		text := s.db[key].String()
		if s.db[key].dormant {
			text += " dormant"
		}
		list = append(list, text)
	}
	return struct{ Entries []string }{list}
}

// Halted reports whether the disk has failed.
func (s *EntropySite) Halted() bool { return s.halted }
