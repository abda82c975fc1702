package export_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/export"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

const ms = time.Millisecond

// shelf is a scenario of a server that keeps a list of notes for its client, and of another that gets a copy of each. It has
// a little of everything: syncs, facts, log lines, lost packets, an outage, operations that end well and that do not, and a
// violation at last.
var shelf = &scenarios.Scenario{
	Name: "test/shelf", Doc: "Notes on a shelf.", Space: nemesis.DefaultSpace("test/shelf"), Tail: time.Second,
	Build: func(r *scenarios.Run) {
		r.AddServers(func(sim.NodeID) sim.Node { return &shelfNode{} })
		r.AddClients(func(int, []nemesis.Op) sim.Node { return sim.Spawn(shelfClient) })
		r.World.Watch(func(s *sim.Step) {
			f, ok := s.Payload.(noted)
			r.Checks.Always("the second shelf has room for one").Check(!ok || s.Node != 2 || f.Count < 2, func() string { return "there are two on " + s.Node.String() })
		})
	},
}

// shelfPlan cuts the copy off for a while, and has the client's server pause and crash.
var shelfPlan = nemesis.Plan{
	Scenario: shelf.Name, Seed: 4711, Nodes: 2, Clients: 1, Duration: 2 * time.Second,
	Disk: disksim.Config{SyncMin: ms, SyncMax: ms},
	Link: netsim.Link{Latency: netsim.Latency{Shape: netsim.Constant, Min: 2 * ms}},
	Faults: []nemesis.Event{
		{At: 90 * ms, Until: 150 * ms, Fault: nemesis.Partition{Groups: [][]sim.NodeID{{1}, {2}}}},
		{At: 250 * ms, Until: 280 * ms, Fault: nemesis.Pause{Target: nemesis.Target{Node: 2}}},
		{At: 310 * ms, Until: 450 * ms, Fault: nemesis.Crash{Target: nemesis.Target{Node: 1}}},
	},
}

type noted struct{ Count int }

type shelfNode struct {
	Notes []string
	file  sim.File
}

func (n *shelfNode) Start(env sim.Env) { n.file = env.Disk().Open("notes") }

func (n *shelfNode) Timeout(sim.Env, sim.Timer) {}

func (n *shelfNode) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	switch m := msg.(type) {
	case checkers.Append:
		n.Notes = append(n.Notes, m.Text)
		n.file.Append([]byte(m.Text))
		env.Disk().Sync()
		env.Emit(noted{len(n.Notes)})
		env.Logf("keeps %q", m.Text)
		if env.ID() == 1 {
			env.Send(2, m)
			env.Send(from, "kept")
		}
	case checkers.Get:
		env.Send(from, checkers.Value{Text: strings.Join(n.Notes, ""), Found: len(n.Notes) > 0})
	}
}

func shelfClient(p *sim.Proc) {
	for _, o := range []any{
		checkers.Append{Key: "k", Text: "a;"}, checkers.Append{Key: "k", Text: "b;"}, checkers.Get{Key: "k"},
		checkers.Append{Key: "k", Text: "c;"}, checkers.Append{Key: "k", Text: "d;"}, checkers.Append{Key: "k", Text: "e;"},
	} {
		op := p.Op(o)
		switch answer, ok := p.Call(1, o, 80*ms, nil); {
		case ok:
			op.OK(answer)
		default:
			op.Info()
		}
		p.Sleep(60 * ms)
	}
}

// recorded is a recorded run, with its history.
func recorded(t testing.TB, s *scenarios.Scenario, p nemesis.Plan) export.Run {
	var file bytes.Buffer
	_, err := s.Record(p, scenarios.Options{}, &file)
	require.NoError(t, err)
	r, err := trace.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
	history, err := s.History(r.Header(), scenarios.Options{})
	require.NoError(t, err)
	return export.Run{Trace: r, History: history}
}

// catalogued is a recorded run of a seed of the catalogue.
func catalogued(t testing.TB, name string, seed uint64) export.Run {
	s, err := scenarios.Catalogue().Find(name)
	require.NoError(t, err)
	return recorded(t, s, s.Plan(seed))
}

func written(t testing.TB, format string, r export.Run) string {
	var out strings.Builder
	require.NoError(t, export.Find(format).Write(&out, r), format)
	return out.String()
}
