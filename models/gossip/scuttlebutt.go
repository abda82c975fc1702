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

// ScuttleSite is a participant that owns a small map, which all others are to know, and knows what it can of theirs (van
// Renesse, Dumitriu, Gough and Thomas, Efficient Reconciliation and Flow Control for Anti-Entropy Protocols, LADIS 2008).
// Only the owner updates its map, and each of its updates has a version above all before it. Sites gossip in pairs: both
// exchange a digest of what they know, and deltas that the other lacks, as many as a message may hold.
//
// A site's own map is on its disk. What it knows of others is lost with a crash, and told anew.
type ScuttleSite struct {
	c       ScuttleConfig
	self    int // its place among the owners
	wal     *wal.Log
	owners  []scuttleMap
	flow    scuttleFlow
	waiting []scuttleWait // updates that flow control holds back, the oldest first, one of each key
	halted  bool
}

// ScuttleConfig is what a deployment chooses. All sites have the same.
type ScuttleConfig struct {
	Sites  []sim.NodeID  // which are the owners, too
	Keys   []string      // of each owner's map
	Period time.Duration // between the exchanges that a site begins; default 1 s, as in the experiments of the paper
	Order  ScuttleOrder
	// Limit is how many deltas a message may hold (MTU); 0 means any number.
	Limit int
	Flow  ScuttleRates // zero: no flow control
	// Volatile sites have no disk: each is up for as long as the world is.
	Volatile bool
}

// ScuttleOrder is which deltas a message holds when not all fit (section 3).
type ScuttleOrder uint8

const (
	// ScuttleDepth has owners in turn, those with the most deltas first, and all that there is of one before the next.
	ScuttleDepth ScuttleOrder = iota
	// ScuttleBreadth has the first delta of each owner, then the second of each, and so on.
	ScuttleBreadth
	// PreciseOldest and PreciseNewest reconcile precisely: a digest has the version of each key, so that deltas may come in
	// any order, and these go by the time of the update. They stand for what could be done with synchronized clocks.
	PreciseOldest
	PreciseNewest
)

func (o ScuttleOrder) String() string {
	return [...]string{"scuttle-depth", "scuttle-breadth", "precise-oldest", "precise-newest"}[o]
}

// precise reports whether digests tell versions by key.
func (o ScuttleOrder) precise() bool { return o >= PreciseOldest }

// Check returns the configuration with its defaults, or what is wrong with it, in one line.
func (c ScuttleConfig) Check() (ScuttleConfig, error) {
	c.Period = cmp.Or(c.Period, time.Second)
	switch {
	case len(c.Sites) == 0:
		return c, errors.New("scuttlebutt: there are no sites")
	case len(c.Keys) == 0:
		return c, errors.New("scuttlebutt: there are no keys")
	case c.Order > PreciseNewest:
		return c, fmt.Errorf("scuttlebutt: there is no order %d", c.Order)
	case c.Limit < 0:
		return c, fmt.Errorf("scuttlebutt: messages of %d deltas at most; 0 means any number", c.Limit)
	case c.Period < 0:
		return c, fmt.Errorf("scuttlebutt: a period of %v", c.Period)
	}
	var err error
	c.Flow, err = c.Flow.check()
	return c, err
}

// ScuttleDelta is an update, as it spreads.
type ScuttleDelta struct {
	Owner   sim.NodeID
	Key     int // its place in ScuttleConfig.Keys
	Value   string
	Version uint64     // from 1, of all of the owner's keys
	At      clock.Time // of the update, by the owner's clock
}

// scuttleMap is what a site knows of one owner.
type scuttleMap struct {
	// max is the greatest version of all. Under the scuttle orders a site has all of the owner's updates up to it that no
	// later one has replaced: the invariant of section 3.2, of this site and the owner.
	max uint64
	// byKey has the latest delta of each key; Version is 0 where there is none. byVersion lists the keys that have one, the
	// earliest version first.
	byKey     []ScuttleDelta
	byVersion []int
}

// after returns the keys whose versions are above v, the earliest first.
func (m *scuttleMap) after(v uint64) []int {
	i, _ := slices.BinarySearchFunc(m.byVersion, v+1, func(key int, v uint64) int { return cmp.Compare(m.byKey[key].Version, v) })
	return m.byVersion[i:]
}

// set is the only writer of the map.
func (m *scuttleMap) set(d ScuttleDelta) {
	if m.byKey[d.Key].Version > 0 {
		i := slices.Index(m.byVersion, d.Key)
		m.byVersion = slices.Delete(m.byVersion, i, i+1)
	}
	m.byKey[d.Key] = d
	i, _ := slices.BinarySearchFunc(m.byVersion, d.Version, func(key int, v uint64) int { return cmp.Compare(m.byKey[key].Version, v) })
	m.byVersion = slices.Insert(m.byVersion, i, d.Key)
	m.max = max(m.max, d.Version)
}

// ScuttleStarted is emitted at each boot: the site knows its own map, up to this version, and nothing of the others.
type ScuttleStarted struct{ Max uint64 }

// ScuttleLearned is emitted when a site has a delta: of its own, when it is on the disk, or of another.
type ScuttleLearned struct{ ScuttleDelta }

// ScuttleKnows is emitted when a site has taken what a message has of an owner.
type ScuttleKnows struct {
	Owner sim.NodeID
	Max   uint64
}

// ScuttleCut is emitted when not all deltas fit a message.
type ScuttleCut struct{ Left int }

// ScuttleRefused is emitted when deltas do not go on where this site's knowledge of the owner ends, since it has lost what
// its digest told of.
type ScuttleRefused struct {
	Owner      sim.NodeID
	After, Max uint64
}

// ScuttleStopped is emitted when the disk has failed.
type ScuttleStopped struct{ Err string }

// What clients send, and the answers.
type (
	ScuttlePut struct {
		ID    uint64
		Key   int
		Value string
	}
	// ScuttleDone says that the update is on the site's disk, or was replaced by a later one of its key that is, while
	// flow control held it back.
	ScuttleDone struct {
		ID      uint64
		Version uint64
	}
	ScuttleGet struct {
		ID    uint64
		Owner sim.NodeID
		Key   int
	}
	ScuttleGot struct {
		ID uint64
		ScuttleDelta
	}
)

// What sites send each other, in turn.
type (
	scuttleSyn struct {
		Digest scuttleDigest
		Rates  scuttleOffer
	}
	scuttleAck struct {
		Digest scuttleDigest
		Groups []scuttleGroup
		Shift  int64 // what the receiver's rate is to change by, see scuttleFlow.even
	}
	scuttleEnd struct{ Groups []scuttleGroup }

	// scuttleDigest is what the sender knows, by owner: the greatest version, or for precise reconciliation the version of
	// each key.
	scuttleDigest struct {
		Max      []uint64
		Versions [][]uint64
	}
	// scuttleGroup are deltas of one owner. Under the scuttle orders they are what follows After, in order and without a
	// gap: who does not know all up to there cannot take them.
	scuttleGroup struct {
		Owner  int
		After  uint64
		Deltas []ScuttleDelta
	}
)

var (
	scuttleTimer = sim.Timer{Name: "scuttlebutt"}
	scuttlePace  = sim.Timer{Name: "pace"} // an update that was held back may go
)

// NewScuttleSite returns a site. It panics if the configuration is wrong; see Check.
func NewScuttleSite(c ScuttleConfig) *ScuttleSite {
	c, err := c.Check()
	if err != nil {
		panic(err)
	}
	s := &ScuttleSite{c: c, owners: make([]scuttleMap, len(c.Sites)), flow: newScuttleFlow(c.Flow)}
	for i := range s.owners {
		s.owners[i].byKey = make([]ScuttleDelta, len(c.Keys))
	}
	return s
}

// Start is part of sim.Node.
func (s *ScuttleSite) Start(env sim.Env) {
	s.self = slices.Index(s.c.Sites, env.ID())
	if err := s.recover(env); err != nil {
		s.becomeHalted(env, err)
		return
	}
	own := &s.owners[s.self]
	env.Emit(ScuttleStarted{own.max})
	for _, key := range own.byVersion {
		env.Emit(ScuttleLearned{own.byKey[key]})
	}
	env.SetTimer(scuttleTimer, time.Duration(env.Rand().Int64N(int64(s.c.Period))))
}

// Timeout is part of sim.Node.
func (s *ScuttleSite) Timeout(env sim.Env, t sim.Timer) {
	switch {
	case s.halted:
	case t == scuttlePace:
		s.release(env)
	default:
		env.SetTimer(scuttleTimer, s.c.Period)
		s.flow.measure(s.c.Period)
		if len(s.c.Sites) < 2 {
			return
		}
		s.begin(env)
		if sim.Buggify(env, "scuttlebutt: two exchanges at once") {
			s.begin(env)
		}
	}
}

// begin starts an exchange with any other site.
func (s *ScuttleSite) begin(env sim.Env) {
	to := env.Rand().IntN(len(s.c.Sites) - 1)
	if to == s.self {
		to = len(s.c.Sites) - 1
	}
	env.Send(s.c.Sites[to], scuttleSyn{s.digest(), s.flow.offer()})
}

// Receive is part of sim.Node.
func (s *ScuttleSite) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	if s.halted {
		return
	}
	switch m := msg.(type) {
	case ScuttlePut:
		s.Update(env, m.Key, m.Value, scuttleAsker{from, m.ID})
	case ScuttleGet:
		if i := slices.Index(s.c.Sites, m.Owner); i >= 0 {
			env.Send(from, ScuttleGot{m.ID, s.owners[i].byKey[m.Key]})
		}
	case scuttleSyn:
		shift := s.flow.even(m.Rates)
		env.Send(from, scuttleAck{s.digest(), s.deltas(env, m.Digest), shift})
	case scuttleAck:
		s.flow.shift(m.Shift)
		s.take(env, m.Groups)
		if groups := s.deltas(env, m.Digest); len(groups) > 0 {
			env.Send(from, scuttleEnd{groups})
		}
	case scuttleEnd:
		s.take(env, m.Groups)
	}
}

// digest is what this site knows.
func (s *ScuttleSite) digest() (d scuttleDigest) {
	for i := range s.owners {
		m := &s.owners[i]
		if !s.c.Order.precise() {
			d.Max = append(d.Max, m.max)
			continue
		}
		versions := make([]uint64, len(m.byKey))
		for k := range m.byKey {
			versions[k] = m.byKey[k].Version
		}
		d.Versions = append(d.Versions, versions)
	}
	return d
}

// deltas are what the sender of a digest lacks, within the limit.
func (s *ScuttleSite) deltas(env sim.Env, d scuttleDigest) []scuttleGroup {
	var groups []scuttleGroup
	left := 0
	switch s.c.Order {
	case PreciseOldest, PreciseNewest:
		groups, left = s.precise(d)
	default:
		groups, left = s.scuttle(env, d)
	}
	if left > 0 {
		env.Emit(ScuttleCut{left})
	}
	s.flow.adapt(env, left > 0)
	return groups
}

// scuttle chooses by owner, and of each owner the earliest versions first (section 3.2). Ties are broken anew each time, so
// that no owner always comes first.
func (s *ScuttleSite) scuttle(env sim.Env, d scuttleDigest) (groups []scuttleGroup, left int) {
	type part struct {
		owner int
		keys  []int
		take  int
	}
	var parts []part
	for _, o := range env.Rand().Perm(len(s.owners)) {
		if keys := s.owners[o].after(d.Max[o]); len(keys) > 0 {
			parts = append(parts, part{owner: o, keys: keys})
			left += len(keys)
		}
	}
	room := left
	if s.c.Limit > 0 {
		room = min(room, s.c.Limit)
	}
	left -= room
	if s.c.Order == ScuttleDepth {
		slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(len(b.keys), len(a.keys)) })
		for i := range parts {
			parts[i].take = min(room, len(parts[i].keys))
			room -= parts[i].take
		}
	}
	for rank := 1; room > 0; rank++ {
		for i := range parts {
			if room > 0 && rank <= len(parts[i].keys) {
				parts[i].take++
				room--
			}
		}
	}
	for _, p := range parts {
		if p.take > 0 {
			groups = append(groups, s.group(p.owner, d.Max[p.owner], p.keys[:p.take]))
		}
	}
	return groups, left
}

func (s *ScuttleSite) group(owner int, after uint64, keys []int) scuttleGroup {
	g := scuttleGroup{Owner: owner, After: after, Deltas: make([]ScuttleDelta, 0, len(keys))}
	for _, key := range keys {
		g.Deltas = append(g.Deltas, s.owners[owner].byKey[key])
	}
	return g
}

// precise chooses by the time of the update (section 3.1).
func (s *ScuttleSite) precise(d scuttleDigest) (groups []scuttleGroup, left int) {
	var all []ScuttleDelta
	for o := range s.owners {
		m := &s.owners[o]
		for _, key := range m.byVersion {
			if m.byKey[key].Version > d.Versions[o][key] {
				all = append(all, m.byKey[key])
			}
		}
	}
	if s.c.Limit > 0 && len(all) > s.c.Limit {
		slices.SortFunc(all, func(a, b ScuttleDelta) int {
			if s.c.Order == PreciseNewest {
				a, b = b, a
			}
			return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.Version, b.Version))
		})
		left = len(all) - s.c.Limit
		all = all[:s.c.Limit]
	}
	for i := range all {
		groups = append(groups, scuttleGroup{Owner: slices.Index(s.c.Sites, all[i].Owner), Deltas: all[i : i+1]})
	}
	return groups, left
}

// take adds what another site has sent to what this one knows.
func (s *ScuttleSite) take(env sim.Env, groups []scuttleGroup) {
	for _, g := range groups {
		m := &s.owners[g.Owner]
		if !s.c.Order.precise() && g.After > m.max {
			env.Emit(ScuttleRefused{s.c.Sites[g.Owner], g.After, m.max})
			continue
		}
		for _, d := range g.Deltas {
			if d.Version > m.byKey[d.Key].Version {
				m.set(d)
				env.Emit(ScuttleLearned{d})
			}
		}
		env.Emit(ScuttleKnows{s.c.Sites[g.Owner], m.max})
	}
}

// scuttleAsker is who waits for an update; the zero one is nobody.
type scuttleAsker struct {
	client sim.NodeID
	id     uint64
}

// update gives a key of this site's own map a new value, on the disk first.
func (s *ScuttleSite) update(env sim.Env, key int, value string) {
	d := ScuttleDelta{Owner: env.ID(), Key: key, Value: value, Version: s.owners[s.self].max + 1, At: env.Now()}
	if err := s.save(d); err != nil {
		s.becomeHalted(env, err)
		return
	}
	s.owners[s.self].set(d)
	env.Emit(ScuttleLearned{d})
}

// save is a no-op without a disk.
func (s *ScuttleSite) save(d ScuttleDelta) error {
	if s.c.Volatile {
		return nil
	}
	rec, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if _, err := s.wal.Append(rec); err != nil {
		return err
	}
	return s.wal.Sync()
}

// recover reads back the site's own map.
func (s *ScuttleSite) recover(env sim.Env) error {
	if s.c.Volatile {
		return nil
	}
	w, err := wal.Open(env.Disk(), "scuttlebutt", wal.Options{})
	if err != nil {
		return err
	}
	s.wal = w
	for lsn := w.First(); lsn < w.Next(); lsn++ {
		rec, err := w.Read(lsn)
		if err != nil {
			return err
		}
		var d ScuttleDelta
		if err := json.Unmarshal(rec, &d); err != nil || d.Key < 0 || d.Key >= len(s.c.Keys) {
			return fmt.Errorf("scuttlebutt: senseless record %d: %w", lsn, err)
		}
		s.owners[s.self].set(d)
	}
	return nil
}

func (s *ScuttleSite) becomeHalted(env sim.Env, err error) {
	s.halted = true
	env.StopTimer(scuttleTimer)
	env.StopTimer(scuttlePace)
	env.Emit(ScuttleStopped{err.Error()})
}

// Inspect is part of sim.Inspector: the greatest version of each owner, the updates that wait, and the rate.
func (s *ScuttleSite) Inspect() any {
	known := make([]uint64, len(s.owners))
	for i := range s.owners {
		known[i] = s.owners[i].max
	}
	return struct {
		Max     []uint64
		Waiting int
		Rate    int64
	}{known, len(s.waiting), s.flow.rate}
}

// Waiting is how many updates flow control holds back.
func (s *ScuttleSite) Waiting() int { return len(s.waiting) }

// Rate is how many updates per second this site allows itself, in thousandths; 0 without flow control.
func (s *ScuttleSite) Rate() int64 { return s.flow.rate }
