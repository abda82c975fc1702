package scenarios

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/models/raft"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// calm is a plan of so many nodes without faults or operations, for three seconds.
func calm(s *Scenario, nodes int, faults ...nemesis.Event) nemesis.Plan {
	return nemesis.Plan{
		Scenario: s.Name, Seed: 4711, Nodes: nodes, Duration: 3 * time.Second, Faults: faults,
		Link: netsim.Link{Latency: netsim.Latency{Shape: netsim.Uniform, Min: time.Millisecond, Max: 20 * time.Millisecond}},
	}
}

// ever is a fault that lasts for ever.
func ever(at time.Duration, f nemesis.Fault) nemesis.Event {
	return nemesis.Event{At: at, Until: nemesis.Forever, Fault: f}
}

func node(id sim.NodeID) nemesis.Target { return nemesis.Target{Node: id} }

// tired is a member that campaigns in the first second only.
type tired struct{ m *raft.Raft }

func (n tired) Raft() *raft.Raft { return n.m }

func (n tired) Start(env sim.Env) { n.m.Start(env) }

func (n tired) Receive(env sim.Env, from sim.NodeID, msg sim.Message) { n.m.Receive(env, from, msg) }

func (n tired) Timeout(env sim.Env, t sim.Timer) {
	if t.Name != "election" || n.m.Leads() || env.Elapsed() < time.Second {
		n.m.Timeout(env, t)
	}
}

func TestWhatNobodyLeadsFor(t *testing.T) {
	s := *raftElection
	s.Build = func(r *Run) {
		c := raftConfig(r)
		r.AddServers(func(sim.NodeID) sim.Node { return tired{raft.New(c, func(sim.Env, raft.Entry) {})} })
		g := &group{run: r}
		g.oneLeader()
		g.logsAgree()
	}
	crash := nemesis.Event{At: 2 * time.Second, Until: 2100 * time.Millisecond, Fault: nemesis.Crash{Target: node(1)}}
	r := s.Run(calm(&s, 3, crash), Options{})
	require.Equal(t, `eventually "all follow one leader"`, r.Property)
	require.Equal(t, "after 8.15s without progress, 8.15s after everything was healed: nobody leads, n1 follows nobody "+
		"(follower in term 1), n2 follows n1 in term 1, which is a follower in term 1, "+
		"n3 follows n1 in term 1, which is a follower in term 1", r.Detail)

	p := calm(&s, 5, ever(2*time.Second, nemesis.Crash{Target: node(1)}), ever(2*time.Second, nemesis.Isolate{Target: node(5)}))
	p.Core = []sim.NodeID{2, 3, 4}
	r = s.Run(p, Options{})
	require.Equal(t, "after 8.55s without progress, 8.55s after everything was healed: nobody leads, n2 follows n1 in term 1, "+
		"which is down, n3 follows n1 in term 1, which is down, n4 follows n1 in term 1, which is down", r.Detail)
}

// What a client waits for is told with what its servers wait for.
func TestWhatOperationsWaitFor(t *testing.T) {
	s := *raftKV
	s.Build = func(r *Run) {
		raftKV.Build(r)
		for _, id := range r.Servers() { // no entry gets onto a disk any more
			r.World.At(r.QuietFrom().Add(5*time.Second), func() { r.Disk(id).SlowBy(1_000_000) })
		}
	}
	p := calm(&s, 3)
	p.Clients, p.Ops = 2, []nemesis.Op{{Client: 1, Kind: "put", Key: "a", Value: "v1"}}
	p.Disk = disksim.Config{SyncMin: time.Millisecond, SyncMax: time.Millisecond}
	r := s.Run(p, Options{})
	require.Equal(t, `eventually "operations in the quiet tail succeed"`, r.Property)
	require.Contains(t, r.Detail,
		`append(a, "t2.6;") of c2 is open since 9.000s; append(a, "t1.6;") of c1 is open since 9.000s; nobody leads`)
}

// A quorum is enough, whatever the others suffer for ever.
func TestACoreIsLive(t *testing.T) {
	faults := map[string]func(core []sim.NodeID, id sim.NodeID) nemesis.Fault{
		"crash": func(_ []sim.NodeID, id sim.NodeID) nemesis.Fault {
			return nemesis.Crash{Target: node(id), Sync: sim.InsideSync}
		},
		"pause":   func(_ []sim.NodeID, id sim.NodeID) nemesis.Fault { return nemesis.Pause{Target: node(id)} },
		"isolate": func(_ []sim.NodeID, id sim.NodeID) nemesis.Fault { return nemesis.Isolate{Target: node(id)} },
		"clog":    func(_ []sim.NodeID, id sim.NodeID) nemesis.Fault { return nemesis.Clog{Nodes: []sim.NodeID{id}} },
		"mute": func(core []sim.NodeID, id sim.NodeID) nemesis.Fault {
			return nemesis.Partition{Groups: [][]sim.NodeID{{id}, core}, OneWay: true}
		},
		"deaf": func(core []sim.NodeID, id sim.NodeID) nemesis.Fault {
			return nemesis.Partition{Groups: [][]sim.NodeID{core, {id}}, OneWay: true}
		},
		"partly cut off": func(core []sim.NodeID, id sim.NodeID) nemesis.Fault {
			return nemesis.Partition{Groups: [][]sim.NodeID{core[:1], {id}}}
		},
		"drift": func(_ []sim.NodeID, id sim.NodeID) nemesis.Fault {
			return nemesis.ClockDrift{Target: node(id), PPM: 500_000}
		},
		"freeze": func(_ []sim.NodeID, id sim.NodeID) nemesis.Fault { return nemesis.ClockFreeze{Target: node(id)} },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed <= 6; seed++ {
				for _, s := range []*Scenario{raftElection, raftKV} {
					p := s.Plan(seed)
					p.Core = nil
					p.Faults = slices.DeleteFunc(p.Faults, func(e nemesis.Event) bool { // what the nodes outside the drawn core suffer
						return e.Until == nemesis.Forever || slices.Contains([]string{"bit_rot", "misdirected_write", "read_error"}, nemesis.KindName(e.Fault))
					})
					ids := (&Run{Plan: p}).Servers()
					outside := ids[nemesis.Majority(p.Nodes):]
					p.Core = ids[:nemesis.Majority(p.Nodes)]
					lasting := p.Duration - time.Second
					p.Faults = slices.DeleteFunc(p.Faults, func(e nemesis.Event) bool { return e.At >= lasting }) // none comes too late
					for _, id := range outside {
						p.Faults = append(p.Faults, ever(lasting, fault(p.Core, id)))
					}
					slices.SortStableFunc(p.Faults, func(a, b nemesis.Event) int { return int(a.At - b.At) })
					require.NoError(t, p.Check())
					for _, e := range p.Faults {
						if e.Until != nemesis.Forever {
							one := p
							one.Faults = []nemesis.Event{e}
							require.NoError(t, s.Space.Beyond(one))
						}
					}
					r := s.Run(p, Options{})
					require.Equal(t, checkers.Valid, r.Verdict, "%s %d: %s: %s", s.Name, seed, r.Property, r.Detail)
				}
			}
		})
	}
}

// A member that hears nobody deposes one leader after the other; with PreVote and CheckQuorum it is harmless.
func TestAVoiceInTheCore(t *testing.T) {
	deaf := nemesis.Partition{Groups: [][]sim.NodeID{{1, 2, 3}, {4, 5}}, OneWay: true} // two, so that one of them does not lead
	p := calm(raftDeposed, 5, ever(time.Second, deaf))
	p.Core = []sim.NodeID{1, 2, 3}
	require.True(t, disturbed(p))
	r := raftDeposed.Run(p, Options{})
	require.Equal(t, raftDeposed.Anomaly, r.Property)
	require.Regexp(t, `no leader lasted 1.5s, of \d+ seen to come and go; `, r.Detail)
	r = raftElection.Run(p, Options{})
	require.Equal(t, checkers.Valid, r.Verdict, r.Detail)
}

func TestWhatDisturbsACore(t *testing.T) {
	core, out := []sim.NodeID{1, 2, 3}, []sim.NodeID{4, 5}
	for _, c := range []struct {
		fault     nemesis.Fault
		disturbed bool
	}{
		{nemesis.Crash{Target: node(4)}, false},
		{nemesis.Pause{Target: node(4)}, false},
		{nemesis.Isolate{Target: node(4)}, false},
		{nemesis.Clog{Nodes: out}, false},
		{nemesis.Partition{Groups: [][]sim.NodeID{out, core}}, false},
		{nemesis.Partition{Groups: [][]sim.NodeID{{4}, core}}, false},
		{nemesis.Partition{Groups: [][]sim.NodeID{{4}, core}, OneWay: true}, false},
		{nemesis.Partition{Groups: [][]sim.NodeID{{4}, {1, 2, 3, 5}}, OneWay: true}, false},
		{nemesis.Partition{Groups: [][]sim.NodeID{core, out}, OneWay: true}, true},
		{nemesis.Partition{Groups: [][]sim.NodeID{{4}, {1, 2}}, OneWay: true}, true},
		{nemesis.Partition{Groups: [][]sim.NodeID{{4}, {1, 2}}}, true},
		{nemesis.Partition{Groups: [][]sim.NodeID{{4}, {5}}}, true},
		{nemesis.Lossy{Nodes: out, Rate: 1000}, true},
		{nemesis.ClockDrift{Target: node(4), PPM: 1}, true},
	} {
		p := calm(raftElection, 5, ever(time.Second, c.fault))
		p.Core = core
		require.NoError(t, p.Check())
		require.Equal(t, c.disturbed, disturbed(p), "%s", c.fault)
	}
}

func TestDisksThatLeaveNoQuorumAreAnExcuse(t *testing.T) {
	for _, c := range []struct {
		broken   []sim.NodeID
		outside  bool // n3 is outside of the core, and cut off
		excused  int64
		property string
	}{
		{[]sim.NodeID{1, 2}, false, 2, ""},
		{[]sim.NodeID{1}, false, 0, ""},
		{[]sim.NodeID{1}, true, 2, ""},
	} {
		s := *raftElection
		s.Build = func(r *Run) {
			raftElection.Build(r)
			r.World.At(r.QuietFrom()-1, func() {
				for _, id := range c.broken {
					r.Disk(id).FailSyncs(sim.Million)
					r.World.Crash(id)
					r.World.Restart(id)
				}
			})
		}
		p := calm(&s, 3)
		if c.outside {
			p.Core = []sim.NodeID{1, 2}
			p.Faults = []nemesis.Event{ever(time.Second, nemesis.Isolate{Target: node(3)})}
		}
		r := s.Run(p, Options{})
		require.Equal(t, checkers.Valid, r.Verdict, r.Detail)
		require.Equal(t, c.excused, r.Contents.Get("excused: disk errors have left no quorum"))
	}
}

// A plan that was cut down to no operation still has those of the quiet tail, and their facts.
func TestPlansWithoutOperations(t *testing.T) {
	for _, s := range []*Scenario{raftKV, raftLogService} {
		p := s.Plan(1)
		p.Ops, p.Faults, p.Core = nil, nil, nil
		r := s.Run(p, Options{})
		require.Equal(t, checkers.Valid, r.Verdict, r.Line())
		require.NotEmpty(t, r.History)
	}
}
