package gossip

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/sim"
)

// entropyWorld is a world of sites, without faults.
type entropyWorld struct {
	*sim.World
	t     *testing.T
	sites []sim.NodeID
	facts map[string]int // by type
}

func newEntropyWorld(t *testing.T, n int, seed uint64, c EntropyConfig) *entropyWorld {
	w := &entropyWorld{t: t, facts: make(map[string]int)}
	w.World = sim.New(sim.Config{Seed: seed, Disk: func(id sim.NodeID) sim.Storage { return disksim.New(seed, id, disksim.Config{}) }})
	t.Cleanup(w.Close)
	w.Watch(func(s *sim.Step) {
		if s.Kind == sim.KindFact {
			w.facts[sim.TypeName(s.Payload)]++
		}
	})
	for i := range n {
		c.Sites = append(c.Sites, sim.NodeID(i+1))
	}
	w.sites = c.Sites
	for range n {
		w.Add(func(sim.NodeID) sim.Node { return NewEntropySite(c) })
	}
	w.RunUntil(0)
	return w
}

func (w *entropyWorld) site(id sim.NodeID) *EntropySite { return w.Node(id).(*EntropySite) }

func (w *entropyWorld) advance(d time.Duration) { w.RunUntil(w.Now().Add(d)) }

func (w *entropyWorld) put(id sim.NodeID, key, value string) {
	w.Do(id, func(env sim.Env) { w.site(id).Receive(env, id, EntropyPut{Key: key, Value: value}) })
}

func (w *entropyWorld) delete(id sim.NodeID, key string) {
	w.Do(id, func(env sim.Env) { w.site(id).Receive(env, id, EntropyDelete{Key: key}) })
}

// values is what each site would answer for a key.
func (w *entropyWorld) values(key string) (list []string) {
	for _, id := range w.sites {
		e, _, _ := w.site(id).Look(key)
		list = append(list, e.Value)
	}
	return list
}

func (w *entropyWorld) saw(fact any) bool { return w.facts[sim.TypeName(fact)] > 0 }

// variants are all that a deployment may choose.
func entropyVariants() (list []EntropyConfig) {
	for _, compare := range []EntropyCompare{ByDatabase, ByChecksum, ByRecent, ByPeeling, ByTree} {
		for _, direction := range []EntropyDirection{EntropyPushPull, EntropyPush, EntropyPull} {
			if _, err := (EntropyConfig{Sites: []sim.NodeID{1}, Compare: compare, Direction: direction}).Check(); err == nil {
				list = append(list, EntropyConfig{Compare: compare, Direction: direction})
			}
		}
	}
	return list
}

func TestEntropySpreadsAndDeletes(t *testing.T) {
	for _, c := range entropyVariants() {
		t.Run(fmt.Sprintf("%v by %v", c.Direction, c.Compare), func(t *testing.T) {
			w := newEntropyWorld(t, 5, 1, c)
			w.put(1, "a", "1")
			w.put(2, "b", "2")
			w.put(3, "a", "3")
			w.advance(20 * time.Second)
			require.Equal(t, []string{"3", "3", "3", "3", "3"}, w.values("a"))
			require.Equal(t, []string{"2", "2", "2", "2", "2"}, w.values("b"))
			w.delete(4, "a")
			w.advance(20 * time.Second)
			require.Equal(t, []string{"", "", "", "", ""}, w.values("a"))
			require.Equal(t, c.Compare != ByDatabase, w.saw(EntropyAgreed{}))
			for _, id := range w.sites {
				w.Crash(id)
				w.Restart(id)
			}
			w.advance(0)
			require.Equal(t, []string{"", "", "", "", ""}, w.values("a"))
			require.Equal(t, []string{"2", "2", "2", "2", "2"}, w.values("b"))
		})
	}
}

// A site is away for longer than certificates are kept, and comes back with a value that was deleted.
func TestDormantCertificatesWake(t *testing.T) {
	for _, c := range entropyVariants() {
		t.Run(fmt.Sprintf("%v by %v", c.Direction, c.Compare), func(t *testing.T) {
			c.Retain = 5 * time.Second
			w := newEntropyWorld(t, 4, 2, c)
			w.put(1, "a", "old")
			w.advance(10 * time.Second)
			w.Crash(4)
			w.delete(2, "a")
			w.advance(10 * time.Second)
			_, dormant, ok := w.site(2).Look("a")
			require.True(t, ok && dormant, "the keeper keeps it")
			_, _, ok = w.site(1).Look("a")
			require.False(t, ok, "the others do not")
			require.True(t, w.saw(EntropyDropped{}))
			w.put(1, "b", "reason to talk")
			w.Restart(4)
			w.advance(60 * time.Second)
			require.True(t, w.saw(EntropyWoken{}) && w.saw(EntropyMet{}))
			require.Equal(t, []string{"", "", "", ""}, w.values("a"))
			_, dormant, ok = w.site(2).Look("a")
			require.True(t, ok && dormant, "asleep again")
		})
	}
}

// A certificate that is woken does not overrule a value that was written after the delete (section 2.2).
func TestWokenCertificatesSpareLaterValues(t *testing.T) {
	w := newEntropyWorld(t, 3, 3, EntropyConfig{Retain: 5 * time.Second})
	w.put(1, "a", "old")
	w.advance(10 * time.Second)
	w.Crash(3)
	w.delete(2, "a")
	w.advance(10 * time.Second)
	w.Crash(2)
	w.put(1, "a", "new")
	w.Crash(1)
	w.Restart(3)
	w.Restart(2)
	w.advance(10 * time.Second)
	require.True(t, w.saw(EntropyWoken{}))
	require.Equal(t, []string{"", ""}, w.values("a")[1:])
	w.Restart(1)
	w.advance(20 * time.Second)
	require.Equal(t, []string{"new", "new", "new"}, w.values("a"))
}

func TestDormantCertificatesEnd(t *testing.T) {
	w := newEntropyWorld(t, 2, 4, EntropyConfig{Retain: 5 * time.Second, Dormant: 10 * time.Second, Keepers: 2})
	w.put(1, "a", "1")
	w.delete(1, "a")
	w.advance(14 * time.Second)
	_, dormant, _ := w.site(2).Look("a")
	require.True(t, dormant)
	w.advance(2 * time.Second)
	for _, id := range w.sites {
		_, _, ok := w.site(id).Look("a")
		require.False(t, ok)
	}
}

// Checksum and tree are kept up to date by differences; this is what they should be.
func TestSumsAreThoseOfTheDatabase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewEntropySite(EntropyConfig{Sites: []sim.NodeID{1, 2}})
		for i := range rapid.IntRange(0, 30).Draw(t, "steps") {
			key := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "key")
			if s.db[key] != nil && rapid.IntRange(0, 3).Draw(t, "drop") == 0 {
				s.drop(key)
				continue
			}
			dead := rapid.Bool().Draw(t, "dead")
			s.put(&entropyHeld{
				EntropyEntry: EntropyEntry{Key: key, Dead: dead, Stamp: EntropyStamp{clock.Hybrid{Wall: clock.Time(i)}, 1}},
				dormant:      dead && rapid.Bool().Draw(t, "dormant"),
			})
		}
		var sum uint64
		var tree merkleTree
		for _, e := range s.active(nil) {
			sum ^= e.hash()
			tree.flip(merkleLeaf(e.Key), e.hash())
		}
		require.Equal(t, sum, s.sum)
		require.Equal(t, tree, s.tree)
		require.Len(t, s.db, len(s.keys))
	})
}

func TestEntropyConfigs(t *testing.T) {
	sites := []sim.NodeID{1, 2, 3}
	for _, c := range []struct {
		config EntropyConfig
		err    string
	}{
		{EntropyConfig{}, "anti-entropy: there are no sites"},
		{EntropyConfig{Sites: sites, Direction: 3}, "anti-entropy: there is no direction 3"},
		{EntropyConfig{Sites: sites, Compare: 5}, "anti-entropy: there is no comparison 5"},
		{EntropyConfig{Sites: sites, Compare: ByTree, Direction: EntropyPush}, "anti-entropy: merkle is for push-pull, not for push: both sites learn as they go"},
		{EntropyConfig{Sites: sites, Period: -1}, "anti-entropy: a time is negative"},
		{EntropyConfig{Sites: sites, Batch: -1}, "anti-entropy: a batch of -1 entries"},
		{EntropyConfig{Sites: sites, Keepers: 4}, "anti-entropy: 4 of 3 sites keep a dormant certificate"},
	} {
		_, err := c.config.Check()
		require.EqualError(t, err, c.err)
	}
}
