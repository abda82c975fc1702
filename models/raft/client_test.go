package raft

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// call is a client among servers that the test plays: nodes n2 to n4.
type call struct {
	*sim.Recorder
	*Client
}

func newCall(calls ...Call) *call {
	c := new(call)
	c.Recorder = sim.NewRecorder(sim.Config{}, 1, 4, func(sim.NodeID) sim.Node {
		c.Client = NewClient(ClientConfig{Servers: []sim.NodeID{2, 3, 4}, Calls: calls})
		return c.Client
	})
	return c
}

// asked returns whom the client asked, and the last request.
func (c *call) asked() (ids []sim.NodeID, req *Request) {
	for _, s := range c.Take() {
		ids, req = append(ids, s.To), s.Msg.(*Request)
	}
	return ids, req
}

func (c *call) answer(from sim.NodeID, req *Request, status Status, leader sim.NodeID, result any) {
	c.Recorder.Receive(from, &Response{Client: req.Client, Seq: req.Seq, Status: status, Leader: leader, Result: result})
}

var put = KVOp{Kind: KVPut, Key: "k", Value: "v"}

func TestClientFollowsHints(t *testing.T) {
	c := newCall(Call{Op: put})
	first, req := c.asked()
	require.Len(t, first, 1)
	require.Equal(t, &Request{Client: c.session, Seq: 1, Op: put}, req)
	require.Equal(t, sim.NodeID(1), sim.NodeID(req.Client>>32))

	hint := first[0]%3 + 2
	c.answer(first[0], req, NotLeader, hint, nil)
	ids, _ := c.asked()
	require.Empty(t, ids, "not at once")
	c.Advance(20 * ms)
	ids, again := c.asked()
	require.Equal(t, []sim.NodeID{hint}, ids)
	require.Same(t, req, again)

	c.answer(first[0], req, NotLeader, first[0], nil)
	c.Advance(20 * ms)
	ids, _ = c.asked()
	require.Empty(t, ids, "it no longer listens to the first")

	c.answer(hint, req, NotLeader, sim.Nobody, nil)
	c.Advance(20 * ms)
	ids, _ = c.asked()
	require.Len(t, ids, 1)
	require.NotEqual(t, hint, ids[0], "without a hint, the next")

	c.answer(ids[0], req, Unready, sim.Nobody, nil)
	c.Advance(20 * ms)
	same, _ := c.asked()
	require.Equal(t, ids, same)

	c.answer(first[0], req, Done, sim.Nobody, KVResult{OK: true})
	op := c.World.History()[0]
	require.Equal(t, sim.OK, op.Outcome, "any server's result counts")
	require.Equal(t, KVResult{OK: true}, op.Output)
	require.Equal(t, put, op.Input)
	require.True(t, c.Done())
	c.Advance(time.Minute)
	ids, _ = c.asked()
	require.Empty(t, ids)
}

func TestClientRetriesAndGivesUp(t *testing.T) {
	c := newCall(Call{Op: put}, Call{Op: KVOp{Kind: KVGet, Key: "k"}}, Call{At: 8 * time.Second, Op: put})
	_, first := c.asked()
	c.Advance(1900 * ms)
	ids, req := c.asked()
	require.Len(t, ids, 9, "every 200 ms")
	require.Same(t, first, req)
	require.NotEqual(t, ids[0], ids[1])
	require.Equal(t, ids[:3], ids[3:6], "one after the other")
	require.Len(t, c.World.History(), 1)

	c.Advance(1200 * ms)
	ops := c.World.History()
	require.Equal(t, sim.Info, ops[0].Outcome, "a write may happen yet")
	require.Len(t, ops, 2)
	_, second := c.asked()
	require.Equal(t, uint64(2), second.Seq)
	c.answer(ids[0], first, Done, sim.Nobody, KVResult{OK: true})
	require.Equal(t, sim.Pending, ops[1].Outcome, "a late answer is not this call's")

	c.Advance(3 * time.Second)
	require.Equal(t, sim.Fail, ops[1].Outcome, "a read had no effect")
	c.Advance(1800 * ms)
	require.Len(t, c.World.History(), 2)
	c.Advance(200 * ms)
	require.Len(t, c.World.History(), 3)
	require.False(t, c.Done())
}

func TestAPatientClientDoesNotGiveUp(t *testing.T) {
	c := newCall(Call{Op: put}, Call{At: 4 * time.Second, Op: put})
	c.Client.c.Patient = 4 * time.Second
	c.Advance(time.Minute)
	ops := c.World.History()
	require.Equal(t, sim.Info, ops[0].Outcome)
	require.Equal(t, sim.Pending, ops[1].Outcome)
}

func TestClientComesToAllServers(t *testing.T) {
	// n2 leads nobody but n3, and neither hears of n4: n2 says nothing, n3 always names n2.
	c := newCall(Call{Op: put})
	asked := map[sim.NodeID]int{}
	for range 100 {
		ids, req := c.asked()
		for _, id := range ids {
			if asked[id]++; id == 3 {
				c.answer(3, req, NotLeader, 2, nil)
			}
		}
		c.Advance(20 * ms)
	}
	require.Greater(t, asked[4], 2, "in 2 s: asked %v", asked)
}

func TestClientLeavesALeaderThatCannotRead(t *testing.T) {
	c := newCall(Call{Op: KVOp{Kind: KVGet, Key: "k", Via: ViaReadIndex}})
	ids, req := c.asked()
	first := ids[0]
	for len(ids) == 0 || ids[0] == first {
		require.Less(t, c.World.Now(), clock.Time(time.Second), "one that lost its quorum never becomes ready")
		if len(ids) > 0 {
			c.answer(first, req, Unready, sim.Nobody, nil)
		}
		c.Advance(20 * ms)
		ids, _ = c.asked()
	}
	require.Equal(t, clock.Time(200*ms), c.World.Now(), "its time is over")
}

func TestClientAfterReboot(t *testing.T) {
	c := newCall(Call{Op: put}, Call{At: time.Second, Op: put}, Call{At: 5 * time.Second, Op: put})
	_, before := c.asked()
	c.Advance(2 * time.Second)
	c.World.Crash(1)
	c.World.Restart(1)
	c.Take()
	c.Advance(4 * time.Second)
	ids, after := c.asked()
	require.NotEmpty(t, ids)
	require.NotEqual(t, before.Client, after.Client, "a new session")
	require.Len(t, c.World.History(), 2, "only what was not due yet")
	require.Equal(t, sim.Pending, c.World.History()[0].Outcome)
}
