package gossip

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/sim"
)

// swimRecorder is member n1 of five who know each other, with periods of a second, direct timeouts of 500 ms and suspicions
// of five periods. Syncs are out of the way.
func swimRecorder(t *testing.T, change func(c *SwimConfig)) *sim.Recorder {
	c := DefaultSwim()
	c.Known = []sim.NodeID{1, 2, 3, 4, 5}
	c.Sync = 1000
	if change != nil {
		change(&c)
	}
	return recordSwim(t, c, disksim.Config{Crash: []disksim.Mode{disksim.LoseAll}})
}

func recordSwim(t *testing.T, c SwimConfig, disk disksim.Config) *sim.Recorder {
	r := sim.NewRecorder(sim.Config{Disk: func(id sim.NodeID) sim.Storage { return disksim.New(0, id, disk) }},
		1, 5, func(sim.NodeID) sim.Node { return NewSwim(c) })
	t.Cleanup(r.World.Close)
	return r
}

func swimWithLifeguard(c *SwimConfig) { c.Lifeguard = DefaultSwimLifeguard() }

// swimFirstPing waits for the first probe.
func swimFirstPing(t *testing.T, r *sim.Recorder) (target sim.NodeID, ping *SwimPing) {
	t.Helper()
	r.Take()
	for range 100 {
		r.Advance(10 * time.Millisecond)
		if sent := r.Take(); len(sent) > 0 {
			require.Len(t, sent, 1)
			return sent[0].To, sent[0].Msg.(*SwimPing)
		}
	}
	t.Fatal("no ping within a period")
	return 0, nil
}

func swimNode(r *sim.Recorder) *Swim { return r.World.Node(1).(*Swim) }

func swimFacts[F any](r *sim.Recorder) (list []F) {
	for _, f := range r.Facts {
		if f, ok := f.(F); ok {
			list = append(list, f)
		}
	}
	return list
}

func TestSwimOverrideRules(t *testing.T) {
	order := []SwimState{{}, {1, SwimAlive}, {1, SwimSuspect}, {1, SwimDead}, {2, SwimAlive}, {2, SwimSuspect}, {2, SwimDead}}
	for i, a := range order {
		for j, b := range order {
			require.Equal(t, i > j, a.Overrides(b), "%v over %v", a, b)
		}
	}
}

func TestSwimProbe(t *testing.T) {
	r := swimRecorder(t, nil)
	target, ping := swimFirstPing(t, r)
	r.Advance(400 * time.Millisecond)
	r.Receive(target, &SwimAck{Seq: ping.Seq})
	r.Advance(400 * time.Millisecond)
	require.Empty(t, r.Take(), "it has answered")

	r.Advance(200 * time.Millisecond)
	sent := r.Take()
	require.Len(t, sent, 1)
	require.NotEqual(t, target, sent[0].To, "the round goes on")
	target = sent[0].To
	seq := sent[0].Msg.(*SwimPing).Seq
	r.Advance(500 * time.Millisecond)
	asked := r.Take()
	require.Len(t, asked, 3)
	for _, s := range asked {
		require.NotEqual(t, target, s.To)
		m := s.Msg.(*SwimPingReq)
		require.Equal(t, []any{target, seq, 500 * time.Millisecond}, []any{m.Target, m.Seq, m.Within})
	}
	r.Receive(asked[0].To, &SwimAck{Seq: seq})
	r.Advance(490 * time.Millisecond)
	require.Equal(t, []SwimRescued{{target, asked[0].To}}, swimFacts[SwimRescued](r))
	require.Empty(t, swimFacts[SwimSuspected](r))
}

func TestSwimSuspicionEndsInDeath(t *testing.T) {
	r := swimRecorder(t, nil)
	target, ping := swimFirstPing(t, r)
	r.Receive(target, &SwimAck{Seq: ping.Seq + 1}) // of something else
	r.Advance(time.Second)
	suspected := swimFacts[SwimSuspected](r)
	require.Len(t, suspected, 1)
	require.Equal(t, []any{target, uint64(1), sim.NodeID(1), 5}, []any{suspected[0].Member, suspected[0].Incarnation, suspected[0].By, suspected[0].Group})
	left, armed := r.Armed(sim.Timer{Name: swimSuspicionTimer, Key: uint64(target)})
	require.True(t, armed)
	require.InDelta(t, 5*time.Second, left, float64(20*time.Millisecond))
	// The others answer, and the target does so too late.
	for range 60 {
		r.Advance(100 * time.Millisecond)
		for _, s := range r.Take() {
			if p, ok := s.Msg.(*SwimPing); ok && s.To != target {
				r.Receive(s.To, &SwimAck{Seq: p.Seq})
			}
		}
	}
	require.Equal(t, SwimState{1, SwimDead}, swimNode(r).State(target))
	r.Receive(target, &SwimPing{Updates: []SwimUpdate{{Member: target, SwimState: SwimState{1, SwimAlive}}}})
	require.Equal(t, SwimState{1, SwimDead}, swimNode(r).State(target), "not without a new incarnation")
	r.Receive(target, &SwimPing{Updates: []SwimUpdate{{Member: target, SwimState: SwimState{2, SwimAlive}}}})
	require.Equal(t, SwimState{2, SwimAlive}, swimNode(r).State(target))
}

func TestSwimRefutationEndsASuspicion(t *testing.T) {
	r := swimRecorder(t, nil)
	r.Receive(2, &SwimPing{Updates: []SwimUpdate{{Member: 3, SwimState: SwimState{1, SwimSuspect}, By: 2}}})
	require.Equal(t, SwimSuspect, swimNode(r).State(3).Status)
	r.Receive(2, &SwimPing{Updates: []SwimUpdate{{Member: 3, SwimState: SwimState{2, SwimAlive}}}})
	_, armed := r.Armed(sim.Timer{Name: swimSuspicionTimer, Key: 3})
	require.False(t, armed)
	require.Equal(t, SwimState{2, SwimAlive}, swimNode(r).State(3))
}

func TestSwimRefutesWithAHigherIncarnation(t *testing.T) {
	r := swimRecorder(t, nil)
	r.Receive(2, &SwimPing{Seq: 7, Updates: []SwimUpdate{{Member: 1, SwimState: SwimState{4, SwimDead}}}})
	sent := r.Take()
	require.Len(t, sent, 1)
	require.Equal(t, &SwimAck{Seq: 7, Updates: []SwimUpdate{{Member: 1, SwimState: SwimState{5, SwimAlive}}}}, sent[0].Msg)
	r.Receive(2, &SwimPing{Seq: 8, Updates: []SwimUpdate{{Member: 1, SwimState: SwimState{4, SwimSuspect}}}})
	require.Equal(t, uint64(5), swimNode(r).Incarnation(), "that is refuted already")
	require.Equal(t, []SwimRefuted{{5, SwimDead}}, swimFacts[SwimRefuted](r))
}

// A crash before, in and after the sync of a new incarnation never makes two lives alike.
func TestSwimIncarnationsSurvive(t *testing.T) {
	for _, when := range []sim.SyncPoint{sim.BeforeSync, sim.InsideSync, sim.AfterSync} {
		r := swimRecorder(t, nil)
		last := uint64(0)
		for range 5 {
			r.World.CrashAtSync(1, when)
			r.Receive(2, &SwimPing{Updates: []SwimUpdate{{Member: 1, SwimState: SwimState{swimNode(r).Incarnation(), SwimSuspect}}}})
			r.Advance(time.Second)
			r.World.Restart(1)
			r.Advance(0)
			started := swimFacts[SwimStarted](r)
			require.Greater(t, started[len(started)-1].Incarnation, last)
			last = started[len(started)-1].Incarnation
		}
	}
}

// Each member is probed once in each round, in an order that changes.
func TestSwimRounds(t *testing.T) {
	r := swimRecorder(t, nil)
	var rounds [][]sim.NodeID
	for len(rounds) < 40 {
		var round []sim.NodeID
		for len(round) < 4 {
			r.Advance(10 * time.Millisecond)
			for _, s := range r.Take() {
				if p, ok := s.Msg.(*SwimPing); ok {
					round = append(round, s.To)
					r.Receive(s.To, &SwimAck{Seq: p.Seq})
				}
			}
		}
		require.ElementsMatch(t, []sim.NodeID{2, 3, 4, 5}, round)
		rounds = append(rounds, round)
	}
	orders := map[[4]sim.NodeID]bool{}
	for _, round := range rounds[1:] {
		orders[[4]sim.NodeID(round)] = true
	}
	require.Greater(t, len(orders), 10)
}

func TestSwimPingsForOthers(t *testing.T) {
	for _, nacks := range []bool{false, true} {
		change := swimWithLifeguard
		if !nacks {
			change = nil
		}
		r := swimRecorder(t, change)
		r.Take()
		r.Receive(2, &SwimPingReq{Target: 3, Seq: 99, Within: 500 * time.Millisecond})
		sent := r.Take()
		require.Equal(t, sim.NodeID(3), sent[0].To)
		seq := sent[0].Msg.(*SwimPing).Seq
		r.Receive(3, &SwimAck{Seq: seq})
		sent = r.Take()
		require.Equal(t, []any{sim.NodeID(2), uint64(99)}, []any{sent[0].To, sent[0].Msg.(*SwimAck).Seq})

		r.Receive(2, &SwimPingReq{Target: 3, Seq: 100, Within: 500 * time.Millisecond})
		r.Take()
		r.Advance(400 * time.Millisecond)
		told := 0
		for _, s := range r.Take() {
			if m, ok := s.Msg.(*SwimNack); ok {
				require.Equal(t, uint64(100), m.Seq)
				told++
			}
		}
		require.Equal(t, nacks, told == 1)
	}
}

// An update is sent so often as the group's size asks for, the newest first, and no more.
func TestSwimUpdatesSpread(t *testing.T) {
	r := swimRecorder(t, func(c *SwimConfig) { c.Piggyback, c.Known = 2, []sim.NodeID{1, 2, 3, 4, 5} })
	counts := map[sim.NodeID]int{}
	tell := func(times int) (told [][]sim.NodeID) {
		for range times {
			r.Take()
			r.Receive(2, &SwimPing{})
			var ids []sim.NodeID
			for _, u := range r.Take()[0].Msg.(*SwimAck).Updates {
				ids = append(ids, u.Member)
				counts[u.Member]++
			}
			told = append(told, ids)
		}
		return told
	}
	require.Equal(t, []sim.NodeID{1}, tell(1)[0], "that it has booted")
	for id := sim.NodeID(3); id <= 5; id++ {
		r.Receive(2, &SwimAck{Updates: []SwimUpdate{{Member: id, SwimState: SwimState{2, SwimAlive}}}})
	}
	require.Equal(t, [][]sim.NodeID{{5, 4}, {3, 5}}, tell(2), "the least told first")
	tell(40)
	for _, id := range []sim.NodeID{1, 3, 4, 5} {
		require.Equal(t, 2*3, counts[id], "lambda times log2 5, rounded up: %v", id)
	}
}

func TestSwimBuddySystem(t *testing.T) {
	for _, buddy := range []bool{false, true} {
		r := swimRecorder(t, func(c *SwimConfig) { c.Lifeguard.Buddy = buddy })
		suspicion := SwimUpdate{Member: 3, SwimState: SwimState{1, SwimSuspect}, By: 2}
		r.Receive(2, &SwimAck{Updates: []SwimUpdate{suspicion}})
		for range 20 { // until it is told no more
			r.Receive(2, &SwimPing{})
		}
		r.Take()
		r.Receive(3, &SwimPing{})
		updates := r.Take()[0].Msg.(*SwimAck).Updates
		require.Equal(t, buddy, len(updates) == 1 && updates[0] == suspicion)
	}
}

func TestSwimJoins(t *testing.T) {
	r := swimRecorder(t, func(c *SwimConfig) { c.Known, c.Seeds = nil, []sim.NodeID{1, 4} })
	sent := r.Take()
	require.Equal(t, sim.NodeID(4), sent[0].To)
	require.Equal(t, &SwimSync{Updates: []SwimUpdate{{Member: 1, SwimState: SwimState{1, SwimAlive}}}}, sent[0].Msg)
	r.Advance(2 * time.Second)
	require.GreaterOrEqual(t, len(r.Take()), 1, "it asks again")
	r.Receive(4, &SwimSync{Answer: true, Updates: []SwimUpdate{{Member: 4, SwimState: SwimState{3, SwimAlive}}, {Member: 2, SwimState: SwimState{1, SwimDead}}}})
	require.Equal(t, []SwimJoined{{3}}, swimFacts[SwimJoined](r))
	require.Equal(t, SwimState{3, SwimAlive}, swimNode(r).State(4))
	require.Equal(t, SwimState{}, swimNode(r).State(5))
}

// A member that cannot write down its incarnation says nothing any more.
func TestSwimStopsWithItsDisk(t *testing.T) {
	r := recordSwim(t, DefaultSwim(), disksim.Config{Capacity: 1})
	require.True(t, swimNode(r).Halted())
	require.Len(t, swimFacts[SwimHalted](r), 1)
	r.Receive(2, &SwimPing{Seq: 1})
	r.Advance(time.Minute)
	require.Empty(t, r.Take())
}

// Syncs go round all members, the dead too, and seeds that nobody has heard of.
func TestSwimSyncs(t *testing.T) {
	r := swimRecorder(t, func(c *SwimConfig) { c.Sync, c.Known, c.Seeds = 1, []sim.NodeID{1, 2, 3}, []sim.NodeID{1, 5} })
	r.Receive(2, &SwimAck{Updates: []SwimUpdate{{Member: 3, SwimState: SwimState{1, SwimDead}}}})
	to := map[sim.NodeID]int{}
	for range 30 {
		r.Take()
		r.Advance(time.Second)
		for _, s := range r.Take() {
			if m, ok := s.Msg.(*SwimSync); ok {
				to[s.To]++
				require.Len(t, m.Updates, 3)
				require.Equal(t, sim.NodeID(1), m.Updates[0].Member)
			}
		}
	}
	require.Equal(t, map[sim.NodeID]int{2: 10, 3: 10, 5: 10}, to)

	r.Take()
	r.Receive(4, &SwimSync{Updates: []SwimUpdate{{Member: 4, SwimState: SwimState{2, SwimAlive}}}})
	sent := r.Take()
	require.Equal(t, []any{sim.NodeID(4), true}, []any{sent[0].To, sent[0].Msg.(*SwimSync).Answer})
	r.Receive(4, &SwimSync{Answer: true})
	require.Empty(t, r.Take(), "an answer is not answered")
}

// What readers of a trace see.
func TestSwimStrings(t *testing.T) {
	updates := []SwimUpdate{{Member: 3, SwimState: SwimState{2, SwimSuspect}, By: 1}, {Member: 4, SwimState: SwimState{1, SwimAlive}}}
	for want, value := range map[string]any{
		"Ping{#1.7}": &SwimPing{Seq: 1<<32 | 7},
		"Ack{#1.7: n3 suspect@2 by n1, n4 alive@1}": &SwimAck{Seq: 1<<32 | 7, Updates: updates},
		"PingReq{n3 #1.7 within 500ms}":             &SwimPingReq{Target: 3, Seq: 1<<32 | 7, Within: 500 * time.Millisecond},
		"Nack{#1.7}":                                &SwimNack{1<<32 | 7},
		"Sync{n3 suspect@2 by n1, n4 alive@1}":      &SwimSync{Updates: updates},
		"SyncAnswer{}":                              &SwimSync{Answer: true},
	} {
		require.Equal(t, want, fmt.Sprint(value))
	}
	r := swimRecorder(t, nil)
	r.Receive(2, &SwimAck{Updates: append(updates, SwimUpdate{Member: 5, SwimState: SwimState{1, SwimDead}})})
	require.Equal(t, "{1 0 n0 [n3] [n5]}", fmt.Sprint(swimNode(r).Inspect()))
	for _, m := range []interface{ Size() int }{&SwimPing{}, &SwimAck{}, &SwimNack{}, &SwimSync{}} {
		require.Equal(t, 32, m.Size())
	}
	require.Equal(t, 48+32, (&SwimPingReq{Updates: updates}).Size())
}

// A timeout by phi is learned from the answers, and leaves time for indirect pings.
func TestSwimTimeoutByPhi(t *testing.T) {
	r := swimRecorder(t, func(c *SwimConfig) { c.Phi = PhiConfig{Threshold: 3000, Window: 20, Least: 10 * time.Millisecond} })
	r.Take()
	var left time.Duration
	for range 400 {
		r.Advance(50 * time.Millisecond)
		for _, s := range r.Take() {
			if p, ok := s.Msg.(*SwimPing); ok {
				left, _ = r.Armed(swimDirect)
				r.Advance(20 * time.Millisecond)
				r.Receive(s.To, &SwimAck{Seq: p.Seq})
			}
		}
	}
	require.Less(t, left, 200*time.Millisecond)
	swimNode(r).phi = newPhiDetector(PhiConfig{Threshold: 3000, Window: 20})
	for range 20 {
		swimNode(r).phi.add(3 * time.Second)
	}
	require.Equal(t, 750*time.Millisecond, swimNode(r).timeout())
}
