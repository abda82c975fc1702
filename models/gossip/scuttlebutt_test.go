package gossip

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/sim"
)

// scuttleRecorder is site 1 of three, with a disk, and what it has been told of the others.
func scuttleRecorder(t *testing.T, c ScuttleConfig) *sim.Recorder {
	c.Sites, c.Keys = []sim.NodeID{1, 2, 3}, []string{"a", "b", "c", "d"}
	r := sim.NewRecorder(sim.Config{Seed: 1, Disk: func(id sim.NodeID) sim.Storage { return disksim.New(1, id, disksim.Config{}) }},
		1, 3, func(sim.NodeID) sim.Node { return NewScuttleSite(c) })
	t.Cleanup(r.World.Close)
	return r
}

func scuttleUpdate(owner sim.NodeID, key int, version uint64) ScuttleDelta {
	return ScuttleDelta{Owner: owner, Key: key, Version: version, Value: fmt.Sprint(version)}
}

// scuttleVersions are what a message holds, by owner.
func scuttleVersions(groups []scuttleGroup) (list []string) {
	for _, g := range groups {
		text := fmt.Sprintf("%d:", g.Owner)
		for _, d := range g.Deltas {
			text += fmt.Sprintf(" %d", d.Version)
		}
		list = append(list, text)
	}
	return list
}

// What one site knows of two others, and of itself, is too much for a message.
func TestOrdersOfDeltas(t *testing.T) {
	for _, c := range []struct {
		order ScuttleOrder
		want  []string
	}{
		{ScuttleDepth, []string{"1: 2 5 6 8", "2: 1"}},
		{ScuttleBreadth, []string{"0: 1", "1: 2 5", "2: 1 3"}},
		{PreciseOldest, []string{"2: 1", "1: 2", "2: 3", "1: 5", "1: 6"}},
		{PreciseNewest, []string{"0: 1", "1: 8", "1: 6", "1: 5", "2: 3"}},
	} {
		t.Run(c.order.String(), func(t *testing.T) {
			r := scuttleRecorder(t, ScuttleConfig{Order: c.order, Limit: 5})
			known := []scuttleGroup{
				{Owner: 1, Deltas: []ScuttleDelta{scuttleUpdate(2, 3, 2), scuttleUpdate(2, 0, 5), scuttleUpdate(2, 2, 6), scuttleUpdate(2, 1, 8)}},
				{Owner: 2, Deltas: []ScuttleDelta{scuttleUpdate(3, 1, 1), scuttleUpdate(3, 0, 3)}},
			}
			for _, g := range known { // the times of the updates are those of their versions
				for i := range g.Deltas {
					g.Deltas[i].At = clock.Time(g.Deltas[i].Version)
				}
			}
			r.Receive(2, scuttleEnd{known})
			r.Advance(time.Hour)
			r.Receive(2, ScuttlePut{Key: 0, Value: "own"})
			r.Take()
			r.Receive(2, scuttleSyn{Digest: scuttleDigest{Max: make([]uint64, 3), Versions: [][]uint64{make([]uint64, 4), make([]uint64, 4), make([]uint64, 4)}}})
			sent := r.Take()
			require.Len(t, sent, 1)
			got := scuttleVersions(sent[0].Msg.(scuttleAck).Groups)
			if c.order == ScuttleBreadth { // which takes owners in any order
				slices.Sort(got)
			}
			require.Equal(t, c.want, got)
			require.Contains(t, r.Facts, sim.Fact(ScuttleCut{2}))
		})
	}
}

// Deltas that follow what was known before a crash are not taken by who knows less now.
func TestLateDeltasAreRefused(t *testing.T) {
	r := scuttleRecorder(t, ScuttleConfig{})
	r.Receive(2, scuttleEnd{[]scuttleGroup{{Owner: 1, Deltas: []ScuttleDelta{scuttleUpdate(2, 0, 1), scuttleUpdate(2, 1, 2)}}}})
	r.World.Crash(1)
	r.World.Restart(1)
	r.Advance(0)
	r.Receive(2, scuttleEnd{[]scuttleGroup{{Owner: 1, After: 2, Deltas: []ScuttleDelta{scuttleUpdate(2, 2, 3)}}}})
	require.Equal(t, ScuttleRefused{Owner: 2, After: 2, Max: 0}, r.Facts[len(r.Facts)-1])
	r.Receive(2, scuttleEnd{[]scuttleGroup{{Owner: 1, Deltas: []ScuttleDelta{scuttleUpdate(2, 0, 1), scuttleUpdate(2, 1, 2), scuttleUpdate(2, 2, 3)}}}})
	require.Equal(t, ScuttleKnows{Owner: 2, Max: 3}, r.Facts[len(r.Facts)-1])
}

func TestOwnMapSurvives(t *testing.T) {
	r := scuttleRecorder(t, ScuttleConfig{})
	r.Receive(2, ScuttlePut{ID: 1, Key: 0, Value: "x"})
	r.Receive(2, ScuttlePut{ID: 2, Key: 0, Value: "y"})
	require.Equal(t, []sim.Message{ScuttleDone{1, 1}, ScuttleDone{2, 2}}, []sim.Message{r.Sent[0].Msg, r.Sent[1].Msg})
	r.World.Crash(1)
	r.World.Restart(1)
	r.Advance(0)
	r.Receive(2, ScuttlePut{ID: 3, Key: 1, Value: "z"})
	last := r.Facts[len(r.Facts)-1].(ScuttleLearned)
	require.Equal(t, uint64(3), last.Version)
}

// Two sites that want more than there is get the same; one that wants little leaves the rest.
func TestRatesAreEvened(t *testing.T) {
	for _, c := range []struct {
		name         string
		rate, wanted int64
		other        scuttleOffer
		mine, theirs int64
	}{
		{name: "both want more", rate: 9000, wanted: 20_000, other: scuttleOffer{1000, 30_000}, mine: 5000, theirs: 5000},
		{name: "one wants little", rate: 9000, wanted: 1000, other: scuttleOffer{1000, 30_000}, mine: 1000, theirs: 9000},
		{name: "the other wants little", rate: 1000, wanted: 30_000, other: scuttleOffer{9000, 2000}, mine: 8000, theirs: 2000},
		{name: "there is enough", rate: 9000, wanted: 2000, other: scuttleOffer{1000, 4000}, mine: 4000, theirs: 6000},
		{name: "none is left without", rate: 9000, wanted: 20_000, other: scuttleOffer{1000, 0}, mine: 9500, theirs: 500},
	} {
		rates, err := ScuttleRates{First: 5000}.check()
		require.NoError(t, err)
		f := newScuttleFlow(rates)
		f.rate, f.wanted = c.rate, c.wanted
		shift := f.even(c.other)
		require.Equal(t, []int64{c.mine, c.theirs}, []int64{f.rate, c.other.Rate + shift}, c.name)
	}
}

func TestRatesFollowOverflows(t *testing.T) {
	r := scuttleRecorder(t, ScuttleConfig{Limit: 1, Flow: ScuttleRates{First: 2000, Overflows: 2}})
	rate := func() int64 { return r.World.Node(1).(*ScuttleSite).Rate() }
	r.Receive(2, scuttleEnd{[]scuttleGroup{{Owner: 1, Deltas: []ScuttleDelta{scuttleUpdate(2, 0, 1), scuttleUpdate(2, 1, 2)}}}})
	ask := func(known uint64) { r.Receive(3, scuttleSyn{Digest: scuttleDigest{Max: []uint64{0, known, 0}}}) }
	ask(0)
	require.Equal(t, int64(2000), rate(), "once is no reason")
	ask(0)
	require.Equal(t, int64(1500), rate())
	ask(1)
	require.Equal(t, int64(1700), rate())
	for range 100 {
		ask(0)
	}
	require.Equal(t, int64(200), rate(), "the least")
}

// A site makes no more updates than its rate allows, and of those that wait only the last of each key.
func TestUpdatesArePaced(t *testing.T) {
	r := scuttleRecorder(t, ScuttleConfig{Period: time.Hour, Flow: ScuttleRates{First: 2000}})
	for i := range 10 {
		r.Receive(2, ScuttlePut{ID: uint64(i), Key: i % 2, Value: fmt.Sprint(i)})
	}
	var made []string
	count := func() []string {
		made = nil
		for _, f := range r.Facts {
			if l, ok := f.(ScuttleLearned); ok {
				made = append(made, l.Value)
			}
		}
		return made
	}
	require.Equal(t, []string{"0"}, count())
	r.Advance(499 * time.Millisecond)
	require.Equal(t, []string{"0"}, count())
	r.Advance(time.Millisecond)
	require.Equal(t, []string{"0", "9"}, count())
	r.Advance(500 * time.Millisecond)
	require.Equal(t, []string{"0", "9", "8"}, count())
	require.Len(t, r.Take(), 10, "everybody has an answer")
	require.Zero(t, r.World.Node(1).(*ScuttleSite).Waiting())
}

// The map keeps its order whatever the order of updates, which precise reconciliation mixes.
func TestMapsKeepTheOrderOfVersions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := scuttleMap{byKey: make([]ScuttleDelta, 5)}
		for _, v := range rapid.SliceOfDistinct(rapid.Uint64Range(1, 50), func(v uint64) uint64 { return v }).Draw(t, "versions") {
			if key := rapid.IntRange(0, 4).Draw(t, "key"); v > m.byKey[key].Version {
				m.set(scuttleUpdate(1, key, v))
			}
		}
		for after := range uint64(51) {
			var want int
			for _, d := range m.byKey {
				if d.Version > after {
					want++
				}
			}
			keys := m.after(after)
			require.Len(t, keys, want)
			for i := range keys[min(1, len(keys)):] {
				require.Less(t, m.byKey[keys[i]].Version, m.byKey[keys[i+1]].Version)
			}
		}
	})
}

func TestScuttleConfigs(t *testing.T) {
	sites, keys := []sim.NodeID{1, 2}, []string{"a"}
	for _, c := range []struct {
		config ScuttleConfig
		err    string
	}{
		{ScuttleConfig{}, "scuttlebutt: there are no sites"},
		{ScuttleConfig{Sites: sites}, "scuttlebutt: there are no keys"},
		{ScuttleConfig{Sites: sites, Keys: keys, Order: 4}, "scuttlebutt: there is no order 4"},
		{ScuttleConfig{Sites: sites, Keys: keys, Limit: -1}, "scuttlebutt: messages of -1 deltas at most; 0 means any number"},
		{ScuttleConfig{Sites: sites, Keys: keys, Period: -1}, "scuttlebutt: a period of -1ns"},
		{ScuttleConfig{Sites: sites, Keys: keys, Flow: ScuttleRates{Least: 2}}, "scuttlebutt: the first rate must be between the least, above 0, and the most"},
		{ScuttleConfig{Sites: sites, Keys: keys, Flow: ScuttleRates{First: 1, Increase: -1}}, "scuttlebutt: rates must increase"},
		{ScuttleConfig{Sites: sites, Keys: keys, Flow: ScuttleRates{First: 1, Decrease: 1000}}, "scuttlebutt: the decrease is to leave between 1 and 999 thousandths"},
		{ScuttleConfig{Sites: sites, Keys: keys, Flow: ScuttleRates{First: 1, Overflows: -1}}, "scuttlebutt: overflows and underflows are counted from 1"},
	} {
		_, err := c.config.Check()
		require.EqualError(t, err, c.err)
	}
}
