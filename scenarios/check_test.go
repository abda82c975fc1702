package scenarios_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
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

	kv, err := r.Find("raft/kv")
	require.NoError(t, err)
	p := kv.Plan(1)
	p.Faults = []nemesis.Event{{On: nemesis.Trigger{Fact: "Vooted"}, Fault: nemesis.Crash{Target: nemesis.Target{Role: nemesis.Emitter}}}}
	require.NoError(t, kv.Check(p))
	require.Contains(t, kv.Warnings(p)[0], `faults[0].on.fact: there may never be a fact "Vooted"; the plans of raft/kv wait for Voted, `)
}
