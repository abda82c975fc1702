package checkers

import (
	"fmt"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Version orders what was ever written to a key: of two versions the later one wins.
type Version[S any] interface {
	comparable
	Before(other S) bool
}

// Spread checks what every system promises that spreads updates without a leader, by rumors, anti-entropy or mail, whatever
// its means: what a site has was written by somebody, a version is the same thing everywhere, what a site has never goes
// back to an earlier version, a deleted value does not come back, and in the end all sites have the latest.
//
// K is a key, V a value, S a version. A value that is written once and never replaced has one version. Being deleted is a
// version like any other, so "resurrected" means that an older version replaces it.
//
// A site may forget that something was deleted, as death certificates cannot be kept for ever; what comes back then is no
// fault of the site. Whether it may do so, SpreadOptions.Keep says.
//
// Each call is O(1), but for Quiet, Missing and Differing.
type Spread[K, V comparable, S Version[S]] struct {
	invented    *Property
	same        *Property
	forward     *Property
	resurrected *Property // nil, like keeps, while nobody has asked to delete anything
	keeps       *Property

	set     *Set
	options SpreadOptions[S]
	asked   map[asked[K, V]]bool
	deletes map[K]bool              // keys that somebody asked to delete
	said    map[said[K, S]]spoke[V] // what each version is
	latest  map[K]S
	keys    []K // of latest, in the order of their first versions
	sites   []map[K]held[V, S]
}

// SpreadOptions are what a system promises besides.
type SpreadOptions[S any] struct {
	// Origin returns the site that made a version: it must be the first to have it. Nil: any site may be.
	Origin func(version S) sim.NodeID
	// Keep is how long a site remembers at least that something was deleted, counted from the time that came with it. Zero:
	// it need not. A site that goes by its clock keeps its own time, less what the clock may be ahead.
	Keep time.Duration
}

type asked[K, V comparable] struct {
	key   K
	value V
}

type said[K, S comparable] struct {
	key     K
	version S
}

type spoke[V comparable] struct {
	value   V
	deleted bool
	by      sim.NodeID
}

type held[V, S comparable] struct {
	version S
	spoke[V]
	at clock.Time // from when on a delete is to be remembered
}

// NewSpread registers the properties with the run's set.
func NewSpread[K, V comparable, S Version[S]](s *Set, o SpreadOptions[S]) *Spread[K, V, S] {
	return &Spread[K, V, S]{
		invented: s.Always("no value is invented"),
		same:     s.Always("a version is the same everywhere"),
		forward:  s.Always("what a site has never goes back"),
		set:      s,
		options:  o,
		asked:    make(map[asked[K, V]]bool),
		deletes:  make(map[K]bool),
		said:     make(map[said[K, S]]spoke[V]),
		latest:   make(map[K]S),
	}
}

// Reset forgets everything, for the next run. The set is reset by its owner.
func (c *Spread[K, V, S]) Reset() {
	clear(c.asked)
	clear(c.deletes)
	clear(c.said)
	clear(c.latest)
	for _, m := range c.sites {
		clear(m)
	}
	c.keys = c.keys[:0]
}

// Write tells that somebody asks for a key to have this value, before any site can have it.
func (c *Spread[K, V, S]) Write(key K, value V) { c.asked[asked[K, V]{key, value}] = true }

// Delete tells that somebody asks for a key to have none.
func (c *Spread[K, V, S]) Delete(key K) {
	c.deletes[key] = true
	c.resurrected = c.set.Always("no value is resurrected")
	if c.options.Keep > 0 {
		c.keeps = c.set.Always("deletes are remembered for their time")
	}
}

// Hold tells that a site has this value of a key from now on.
func (c *Spread[K, V, S]) Hold(site sim.NodeID, key K, version S, value V) {
	if c.written(site, key, value) {
		c.take(site, key, held[V, S]{version: version, spoke: spoke[V]{value: value, by: site}})
	}
}

// Read tells that a site has given this value to somebody, which says nothing of what it has by now.
func (c *Spread[K, V, S]) Read(site sim.NodeID, key K, version S, value V) {
	if c.written(site, key, value) {
		c.agrees(site, said[K, S]{key, version}, spoke[V]{value: value, by: site})
	}
}

func (c *Spread[K, V, S]) written(site sim.NodeID, key K, value V) bool {
	ok := c.asked[asked[K, V]{key, value}]
	c.invented.Check(ok, func() string { return fmt.Sprintf("%v has %v=%v, which nobody wrote", site, key, value) })
	return ok
}

// Bury tells that a site knows from now on that a key was deleted, and must remember it from this time on: that of the
// delete, or when that was renewed.
func (c *Spread[K, V, S]) Bury(site sim.NodeID, key K, version S, at clock.Time) {
	if !c.deletes[key] {
		c.invented.Violatef("%v takes %v for deleted, which nobody did", site, key)
		return
	}
	c.take(site, key, held[V, S]{version, spoke[V]{deleted: true, by: site}, at})
}

// Forget tells that a site remembers a delete no more, at this true time.
func (c *Spread[K, V, S]) Forget(site sim.NodeID, key K, version S, at clock.Time) {
	h, ok := c.of(site)[key]
	if !ok || h.version != version {
		return
	}
	if c.options.Keep > 0 {
		age := at.Sub(h.at)
		c.keeps.Check(age >= c.options.Keep, func() string {
			return fmt.Sprintf("%v forgets after %v that %v was deleted (%v), but is to keep it for %v", site, age, key, version, c.options.Keep)
		})
	}
	delete(c.of(site), key)
}

// Restart tells that a site has lost all that it had.
func (c *Spread[K, V, S]) Restart(site sim.NodeID) { clear(c.of(site)) }

// take checks a version against what it is elsewhere, and what the site had.
func (c *Spread[K, V, S]) take(site sim.NodeID, key K, h held[V, S]) {
	if !c.agrees(site, said[K, S]{key, h.version}, h.spoke) {
		return
	}
	m := c.of(site)
	old, ok := m[key]
	if ok && h.version.Before(old.version) {
		if old.deleted && !h.deleted {
			c.resurrected.Violatef("%v has %v=%v (%v) again, which was deleted (%v)", site, key, h.value, h.version, old.version)
		} else {
			c.forward.Violatef("%v goes back from %v (%v) to %v (%v) of %v", site, old.spoke, old.version, h.spoke, h.version, key)
		}
		return
	}
	if ok && old.deleted {
		c.resurrected.Hold()
	}
	c.forward.Hold()
	if ok && h.version == old.version {
		h.at = max(h.at, old.at)
	}
	m[key] = h
}

// agrees checks a version against what it was the first time.
func (c *Spread[K, V, S]) agrees(site sim.NodeID, d said[K, S], s spoke[V]) bool {
	first, known := c.said[d]
	if known && (first.value != s.value || first.deleted != s.deleted) {
		c.same.Violatef("version %v of %v is %v at %v, and %v at %v", d.version, d.key, first, first.by, s, site)
		return false
	}
	if known {
		c.same.Hold()
		return true
	}
	if o := c.options.Origin; o != nil && o(d.version) != site {
		c.invented.Violatef("%v has %v of %v (%v), which %v does not know of", site, s, d.key, d.version, o(d.version))
		return false
	}
	c.said[d] = s
	last, ok := c.latest[d.key]
	if !ok {
		c.keys = append(c.keys, d.key)
	}
	if !ok || last.Before(d.version) {
		c.latest[d.key] = d.version
	}
	return true
}

func (s spoke[V]) String() string {
	if s.deleted {
		return "deleted"
	}
	return fmt.Sprint(s.value)
}

// Quiet tells that nothing is under way any more, and all had time to learn: each of these sites must have the latest of
// every key. It registers a property of its own, for systems whose end is a deadline and not a wait.
func (c *Spread[K, V, S]) Quiet(sites ...sim.NodeID) {
	all := c.set.Always("all have the latest of all keys once quiet")
	if missing := c.Missing(sites...); len(missing) > 0 {
		all.Violatef("%s", missing[0])
		return
	}
	if len(c.keys) > 0 {
		all.Hold()
	}
}

// Missing says which of these sites do not have the latest of which keys, a sentence each. A site without the value of a
// key that was deleted has the latest, whether it knows or not.
func (c *Spread[K, V, S]) Missing(sites ...sim.NodeID) (list []string) {
	for _, key := range c.keys {
		list = c.missing(list, key, c.latest[key], sites)
	}
	return list
}

// Differing says which of these sites do not have the latest of what they have among them, for when the others are gone and
// may have taken the latest of all with them.
func (c *Spread[K, V, S]) Differing(sites ...sim.NodeID) (list []string) {
	for _, key := range c.keys {
		var last S
		found := false
		for _, id := range sites {
			if h, ok := c.of(id)[key]; ok && (!found || last.Before(h.version)) {
				last, found = h.version, true
			}
		}
		if found {
			list = c.missing(list, key, last, sites)
		}
	}
	return list
}

func (c *Spread[K, V, S]) missing(list []string, key K, last S, sites []sim.NodeID) []string {
	want := c.said[said[K, S]{key, last}]
	for _, id := range sites {
		h, ok := c.of(id)[key]
		switch {
		case ok && h.version == last, want.deleted && (!ok || h.deleted):
		case !ok:
			list = append(list, fmt.Sprintf("%v has no %v, which is %v (%v)", id, key, want, last))
		default:
			list = append(list, fmt.Sprintf("%v has %v %v (%v), which is %v (%v)", id, key, h.spoke, h.version, want, last))
		}
	}
	return list
}

// Pairs is how many pairs of a key and one of so many sites there are, of which Missing and Differing list some.
func (c *Spread[K, V, S]) Pairs(sites int) int { return len(c.keys) * sites }

func (c *Spread[K, V, S]) of(site sim.NodeID) map[K]held[V, S] {
	for int(site) >= len(c.sites) {
		c.sites = append(c.sites, make(map[K]held[V, S]))
	}
	return c.sites[site]
}
