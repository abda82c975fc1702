package raft

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// Under crashes between any two effects, pauses, cuts, drifting clocks and a bad network, the properties of the judge
// hold, records are appended once and where their clients were told, and once all is well again everything goes on.
func TestSoak(t *testing.T) {
	sums := make(map[string]int)
	for seed := range uint64(40) {
		c := soak(t, options{seed: seed})
		for _, op := range c.w.History() {
			sums[op.Outcome.String()]++
		}
		for _, f := range c.facts {
			sums[fmt.Sprintf("%T", f.fact)]++
		}
	}
	t.Log(sums)
	for _, sometimes := range []sim.Fact{SteppedDown{}, Truncated{}, DuplicateSuppressed{}, ReadRefused{}, ReadServed{}} {
		require.Positive(t, sums[fmt.Sprintf("%T", sometimes)], "%T", sometimes)
	}
	require.Positive(t, sums["info"])
}

// Messages are not changed once they are sent, neither by their sender nor by who gets them.
func TestSoakMessagesAreShared(t *testing.T) {
	for seed := range uint64(5) {
		shared := soak(t, options{seed: seed, deep: true})
		copied := soak(t, options{seed: seed, deep: true, copy: true})
		require.Equal(t, shared.w.DeepHash(), copied.w.DeepHash(), "seed %d", seed)
	}
}

func soak(t *testing.T, o options) *cluster {
	d := sim.NewStream(o.seed, "soak")
	size := 3 + 2*int(d.Below(2))
	o.plain = d.Below(4) == 0
	o.batch = 1 + int(d.Below(4)) // few: Figure 8 needs entries of old terms to arrive without those of the new one
	o.service = func(c Config) sim.Node { return NewLogService(c) }
	o.disk = disksim.Config{SyncMin: ms, SyncMax: 4 * ms}
	o.link = netsim.Link{
		Latency: netsim.Latency{Shape: netsim.Uniform, Min: ms, Max: d.Between(5*ms, 60*ms)},
		Loss:    sim.PPM(d.Below(50_000)), Duplicate: sim.PPM(d.Below(100_000)), Reorder: 50_000, ReorderBy: 100 * ms,
	}
	c := newCluster(t, size, o)
	var clients []*Client
	for k := range 3 {
		var calls []Call
		for i := range 40 {
			op := LogOp{Kind: LogAppend, Record: fmt.Sprint(k, "-", i)}
			if d.Below(3) == 0 {
				op = LogOp{Kind: LogRead, Offset: d.Below(20), Count: 5, Via: Via(d.Below(2))}
			}
			calls = append(calls, Call{At: time.Duration(i) * 500 * ms, Op: op})
		}
		clients = append(clients, c.client(calls...))
	}
	pace := d.Between(300*ms, 800*ms)
	for at := clock.Time(0); at < clock.Time(20*time.Second); at = at.Add(d.Between(0, pace)) {
		c.w.At(at, func() { c.harm(&d) })
	}
	c.run(22 * time.Second)

	var mend func()
	mend = func() { // again and again: a trap may still wait for its effect
		for _, id := range c.peers {
			c.w.Restart(id)
			c.w.Clock(id, func(s *clock.Skew, now clock.Time) { s.SetDrift(now, 0) })
		}
		c.w.At(c.w.Now().Add(100*ms), mend)
	}
	mend()
	for _, client := range clients {
		c.until("a client", client.Done)
	}
	last := c.client(Call{Op: LogOp{Kind: LogRead, Count: 1000}})
	c.until("the last read", last.Done)
	c.elect()

	ops := c.w.History()
	require.Equal(t, sim.OK, ops[len(ops)-1].Outcome, "seed %d", o.seed)
	records := ops[len(ops)-1].Output.(LogResult).Records.List()
	count := make(map[string]int)
	for _, rec := range records {
		count[rec]++
	}
	for _, op := range ops {
		switch in := op.Input.(LogOp); {
		case in.Kind == LogRead && op.Outcome == sim.OK:
			for i, rec := range op.Output.(LogResult).Records.List() {
				require.Equal(t, records[int(in.Offset)+i], rec, "seed %d: %v", o.seed, in)
			}
		case in.Kind == LogAppend && op.Outcome == sim.OK:
			require.Equal(t, in.Record, records[op.Output.(LogResult).Offset], "seed %d: %v", o.seed, in)
			fallthrough
		case in.Kind == LogAppend:
			require.LessOrEqual(t, count[in.Record], 1, "seed %d: %v", o.seed, in)
		}
	}
	return c
}

// harm does something bad to a member, the leader in half of all cases, and boots some that are down.
func (c *cluster) harm(d *sim.Stream) {
	pick := func() sim.NodeID {
		if leader := c.leader(); leader != sim.Nobody && d.Below(2) == 0 {
			return leader
		}
		return c.peers[d.Below(uint64(len(c.peers)))]
	}
	id := pick()
	switch d.Below(7) {
	case 0:
		c.w.CrashAtEffect(id, 1+int(d.Below(12)))
	case 1:
		c.w.CrashAtSync(id, sim.SyncPoint(1+d.Below(3)))
	case 2:
		c.w.PauseFor(id, d.Between(0, 600*ms))
	case 3:
		c.w.PauseAtEffect(id, 1+int(d.Below(12)), d.Between(0, 600*ms))
	case 4:
		c.w.At(c.w.Now().Add(d.Between(0, 2*time.Second)), c.net.Cut(netsim.Isolate(id)))
	case 5:
		cut := netsim.OneWay([]sim.NodeID{id}, []sim.NodeID{pick()})
		c.w.At(c.w.Now().Add(d.Between(0, 2*time.Second)), c.net.Cut(cut))
	case 6:
		c.w.Clock(id, func(s *clock.Skew, now clock.Time) { s.SetDrift(now, int64(d.Below(100_000))-50_000) })
	}
	for _, id := range c.peers {
		if !c.w.Up(id) && d.Below(2) == 0 {
			c.w.Restart(id)
		}
	}
}
