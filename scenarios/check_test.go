package scenarios_test

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
)

// What a plan written by hand asks for must mean something to its scenario; what is drawn does.
func TestCheck(t *testing.T) {
	r := scenarios.Catalogue()
	for _, s := range r.All() {
		for seed := range uint64(20) {
			p := s.Plan(seed)
			require.NoError(t, p.Check(), s.Name)
			require.NoError(t, s.Check(p), s.Name)
		}
	}
	leader := func(role string) nemesis.Event {
		return nemesis.Event{Fault: nemesis.Crash{Target: nemesis.Target{Role: role}}}
	}
	waits := func(fact string) nemesis.Event {
		return nemesis.Event{On: nemesis.Trigger{Fact: fact}, Fault: nemesis.Crash{Target: nemesis.Target{Role: nemesis.Emitter}}}
	}
	for _, c := range []struct {
		name string
		edit func(p *nemesis.Plan)
		want string
	}{
		{"raft/kv", func(p *nemesis.Plan) { p.Ops[3].Kind = "push" }, `ops[3].kind: raft/kv has no operation "push"; there are read, get, put, append, cas, delete`},
		{"raft/kv", func(p *nemesis.Plan) { p.Nodes = 65 }, "nodes: a Raft group has 64 members at most, not 65"},
		{"raft/election", func(p *nemesis.Plan) { p.Nodes = 900_000 }, "nodes: a Raft group has 64 members at most, not 900000"},
		{"raft/kv", func(p *nemesis.Plan) { p.Faults = append(p.Faults[:1], leader("leeder")) },
			`faults[1].fault.role: nobody is ever "leeder" in raft/kv; there are "leader", "voter", "committer"`},
		{"raft/kv", func(p *nemesis.Plan) { p.Faults = append(p.Faults[:0], leader("next leader"), leader("voter")) }, ""},
		{"disk/wal", func(p *nemesis.Plan) { p.Faults = append(p.Faults[:0], leader("leader")) },
			`faults[0].fault.role: nobody is ever "leader" in disk/wal; there are none`},
		{"raft/log", func(p *nemesis.Plan) { p.Ops = []nemesis.Op{{Kind: "read", Arg: "abc"}} }, `ops[0].arg: "abc" of read is not an offset from 0 on`},
		{"raft/log", func(p *nemesis.Plan) { p.Ops = []nemesis.Op{{Kind: "append", Value: ""}} }, `ops[0].value: "" is no record; write one such as v17, each once`},
		{"disk/wal", func(p *nemesis.Plan) { p.Ops = []nemesis.Op{{Kind: "append", Value: "v1", Arg: "-5"}} }, `ops[0].arg: "-5" of append is not a number from 0 to 65536`},
		{"disk/wal", func(p *nemesis.Plan) { p.Ops = []nemesis.Op{{Kind: "append", Value: "v1", Arg: "99999999999"}} },
			`ops[0].arg: "99999999999" of append is not a number from 0 to 65536`},
		{"raft/log", func(p *nemesis.Plan) {
			p.Ops = []nemesis.Op{{Kind: "append", Value: "v1"}, {Kind: "read", Arg: "0"}, {Kind: "append", Value: "v2"}, {Kind: "append", Value: "v1"}}
		}, `ops[3].value: v1 is the record of ops[0] already`},
		{"arithmetic/active", func(p *nemesis.Plan) { p.Nodes = 65 }, "nodes: a Raft group has 64 members at most, not 65"},
		{"arithmetic/backup", func(p *nemesis.Plan) { p.Nodes = 65 }, "nodes: a Raft group has 64 members at most, not 65"},
		{"arithmetic/active", func(p *nemesis.Plan) { p.Nodes = 64 }, ""},
		{"arithmetic/arrival", func(p *nemesis.Plan) { p.Nodes = 65 }, ""},
		{"raft/kv", func(p *nemesis.Plan) { p.Faults = append(p.Faults[:0], waits("Voted"), waits("Applied")) }, ""},
		{"raft/election", func(p *nemesis.Plan) { p.Faults = append(p.Faults[:1], waits("Vooted")) },
			`faults[1].on.fact: no server of raft/election states "Vooted"; there are "Appended", "Applied", "BecameCandidate", ` +
				`"BecameFollower", "BecameLeader", "BecamePreCandidate", "Committed", "Recovered", "SteppedDown", "Stopped", "Truncated", "Voted"`},
		{"disk/naive-wipe", func(p *nemesis.Plan) { p.Faults = append(p.Faults[:0], waits("JournalSaw")) }, // by clients
			`faults[0].on.fact: no server of disk/naive-wipe states "JournalSaw"; there are "JournalOpened"`},
		{"disk/wal", func(p *nemesis.Plan) { p.Ops = []nemesis.Op{{Kind: "post"}} }, `ops[0].value: missing; it is what the record says`},
	} {
		s, err := r.Find(c.name)
		require.NoError(t, err)
		p := s.Plan(1)
		c.edit(&p)
		if c.want == "" {
			require.NoError(t, s.Check(p))
		} else {
			require.EqualError(t, s.Check(p), c.want)
		}
	}
}

// Servers state each fact that a plan may wait for, in some runs; and drawn plans wait for no other.
func TestFactsAreStated(t *testing.T) {
	for _, s := range scenarios.Catalogue().All() {
		unseen := map[string]bool{}
		for _, fact := range slices.Concat(s.Space.Facts, s.Facts) {
			require.False(t, unseen[fact], "%s has %s twice", s.Name, fact)
			unseen[fact] = true
		}
		facts := maps.Clone(unseen)
		for seed := uint64(1); seed <= 300 && len(unseen) > 0; seed++ {
			p := s.Plan(seed)
			for _, e := range p.Faults {
				require.True(t, e.On.Fact == "" || facts[e.On.Fact], "%s waits for %s", s.Name, e.On.Fact)
			}
			s.Run(p, scenarios.Options{Observer: statements(func(step *sim.Step) {
				if int(step.Node) > p.Nodes {
					return
				}
				fact := step.Payload
				for scoped, ok := fact.(sim.Scoped); ok; scoped, ok = fact.(sim.Scoped) {
					fact = scoped.Inner
				}
				delete(unseen, reflect.TypeOf(fact).Name())
			})})
		}
		require.Empty(t, unseen, s.Name)
	}
}

// statements sees all facts.
type statements func(s *sim.Step)

func (o statements) Step(s *sim.Step) {
	if s.Kind == sim.KindFact {
		o(s)
	}
}
func (statements) Log(sim.NodeID, string)          {}
func (statements) Settled(uint64, sim.NodeID, any) {}
