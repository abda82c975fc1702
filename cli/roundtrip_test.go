package cli_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/cli"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
)

// staleKV is a scenario whose reads are of a copy that lacks every other write: it is not linearizable.
var staleKV = &scenarios.Scenario{
	Name: "test/stale", Doc: "A store that reads in a copy.", Tail: time.Second,
	Space: func() nemesis.Space {
		s := nemesis.DefaultSpace("test/stale")
		s.Nodes, s.Faults = nemesis.Range[int]{Min: 2, Max: 2}, nil
		s.OpKinds = []nemesis.OpKind{{Kind: "put", Weight: 1, Key: true, Value: true}, {Kind: "get", Weight: 1, Key: true}}
		return s
	}(),
	Build: func(r *scenarios.Run) {
		r.AddServers(func(sim.NodeID) sim.Node { return &staleStore{values: map[string]string{}} })
		r.AddClients(func(_ int, ops []nemesis.Op) sim.Node {
			return sim.Spawn(func(p *sim.Proc) {
				for _, op := range ops {
					p.Sleep(op.At - p.Elapsed())
					server, input := sim.NodeID(1), any(checkers.Put{Key: op.Key, Text: op.Value})
					if op.Kind == "get" {
						server, input = 2, checkers.Get{Key: op.Key}
					}
					call := p.Op(input)
					if answer, ok := p.Call(server, input, time.Second, nil); ok {
						call.OK(answer)
					} else {
						call.Info()
					}
				}
			})
		})
	},
	Judge: func(r *scenarios.Run) {
		r.Checks.Add("linearizable", checkers.Linearizable(checkers.KVModel(), r.World.History()))
	},
}

type staleStore struct {
	values map[string]string
	puts   int
}

func (*staleStore) Start(sim.Env)              {}
func (*staleStore) Timeout(sim.Env, sim.Timer) {}

func (n *staleStore) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	switch m := msg.(type) {
	case checkers.Put:
		n.values[m.Key] = m.Text
		if env.ID() == 1 {
			if n.puts++; n.puts%2 == 0 {
				env.Send(2, m)
			}
			env.Send(from, "done")
		}
	case checkers.Get:
		text, found := n.values[m.Key]
		env.Send(from, checkers.Value{Text: text, Found: found})
	}
}

// TestExportsAreJudgedAlike exports the histories of runs, and has each judged as a foreign one: what the scenario says of
// it itself is what comes of that, of what is right and of what is wrong.
func TestExportsAreJudgedAlike(t *testing.T) {
	registry := scenarios.NewRegistry(append(scenarios.Catalogue().All(), staleKV)...)
	for _, c := range []struct {
		scenario, model string
		seeds           int
		verdicts        []string // that some of the seeds come to
	}{
		{"raft/kv", "kv", 6, []string{"valid"}},
		{"raft/log", "log", 6, []string{"valid"}},
		{staleKV.Name, "kv", 3, []string{"invalid"}},
		{"disk/naive-lose-unsynced", "log", 20, []string{"valid", "invalid"}},
		{"disk/naive-torn-write", "log", 20, []string{"valid", "invalid"}},
		{"disk/naive-sync-error", "log", 20, []string{"valid", "invalid"}},
		{"disk/naive-disk-full", "log", 20, []string{"valid", "invalid"}},
		{"disk/naive-slow-disk", "log", 20, []string{"valid", "invalid"}},
		{"disk/naive-bit-rot", "log", 20, []string{"valid", "invalid"}},
		{"disk/naive-misdirected-write", "log", 20, []string{"valid", "invalid"}},
		{"disk/naive-read-error", "log", 20, []string{"valid", "invalid"}},
		{"disk/naive-wipe", "log", 20, []string{"valid", "invalid"}},
		{"olep/transactions", "list-append", 4, []string{"valid"}},
		{"olep/read-skew", "list-append", 6, []string{"valid", "invalid"}},
		{"olep/split-transactions", "list-append", 4, []string{"invalid"}},
	} {
		t.Run(c.scenario, func(t *testing.T) {
			recording := filepath.Join(t.TempDir(), "trace")
			seen := map[string]bool{}
			for seed := 1; seed <= c.seeds; seed++ {
				var own verdictJSON
				seedbed(t, registry, &own, "run", c.scenario, "--seed", strconv.Itoa(seed), "--trace", recording, "--json")
				seen[own.Verdict] = true
				formats := []string{"jepsen"}
				if c.model == "list-append" {
					formats = append(formats, "elle")
				}
				for _, format := range formats {
					file := filepath.Join(t.TempDir(), format)
					seedbed(t, registry, nil, "export", recording, "--format", format, "--out", file)
					judge := func(level checkers.Level) (as verdictJSON) {
						args := []string{"check", file, "--model", c.model, "--json"}
						if c.model == "list-append" {
							args = append(args, "--level", strings.ReplaceAll(level.String(), " ", "-"))
						}
						seedbed(t, registry, &as, args...)
						return as
					}
					level := ruledOut(own)
					foreign := judge(level)
					require.Equal(t, own.Verdict, foreign.Verdict, "seed %d as %s: %s\n%s", seed, format, own.Detail, foreign.Detail)
					if c.model != "list-append" || own.Verdict == "valid" {
						continue
					}
					require.Contains(t, own.Detail, strings.Join(foreign.Anomalies, ", ")+" rule", "seed %d as %s", seed, format)
					if level > checkers.ReadUncommitted { // it is the weakest that fails
						require.Equal(t, "valid", judge(level-1).Verdict, "seed %d as %s", seed, format)
					}
				}
			}
			for _, v := range c.verdicts {
				require.True(t, seen[v], "no seed is %s", v)
			}
		})
	}
}

// ruledOut is the level of isolation that a verdict says a history has not; the strongest if it says nothing of that.
func ruledOut(v verdictJSON) checkers.Level {
	level := checkers.ReadUncommitted
	for level < checkers.StrictSerializable && !strings.Contains(v.Property, level.String()+`"`) {
		level++
	}
	return level
}

type verdictJSON struct {
	Verdict, Property, Detail string
	Anomalies                 []string
}

// seedbed runs a command, whose JSON goes to out.
func seedbed(t *testing.T, r *scenarios.Registry, out any, args ...string) {
	var stdout, stderr bytes.Buffer
	code := cli.Run(args, &stdout, &stderr, r)
	require.NotEqual(t, 2, code, "%v: %s", args, stderr.String())
	if out != nil {
		require.NoError(t, json.Unmarshal(stdout.Bytes(), out), "%v: %s", args, stdout.String())
	}
}

// TestExplain tells the story of operations that contradict each other, as text and as JSON, and none of a valid run.
func TestExplain(t *testing.T) {
	registry := scenarios.NewRegistry(append(scenarios.Catalogue().All(), staleKV)...)
	var out, stderr bytes.Buffer
	seed, code := 0, 0
	for ; code == 0 && seed < 10; seed++ {
		out.Reset()
		code = cli.Run([]string{"explain", staleKV.Name, "--seed", strconv.Itoa(seed + 1)}, &out, &stderr, registry)
	}
	require.Equal(t, 1, code, stderr.String())
	for _, match := range []string{
		`^test/stale seed=\d+  invalid always "linearizable": .*\n`,
		`\n\S+ step \d+ +c\d asks for put \w "v\d+" \(#(\d+)\), and hears from n1 at \S+: ok `,
		`\n\S+ step \d+ +c\d asks for get \w \(#(\d+)\), and hears from n2 at \S+: ok (absent|"v\d+")\.\n`,
		`\n +When n2 answered #\d+, it had not heard of #\d+ from any other server\.\n`,
		`\n +Once all was over, it violates always "linearizable": key \w: get \w → (absent|"v\d+") of c\d has no place: .*\n$`,
	} {
		require.Regexp(t, match, out.String())
	}
	var j struct {
		Property string
		Story    []struct{ Text string }
	}
	seedbed(t, registry, &j, "explain", staleKV.Name, "--seed", strconv.Itoa(seed), "--json")
	require.Equal(t, `always "linearizable"`, j.Property)
	require.Equal(t, strings.Count(out.String(), "\n")-1, len(j.Story))
	out.Reset()
	require.Zero(t, cli.Run([]string{"explain", "raft/kv", "--seed", "7"}, &out, &stderr, registry), stderr.String())
	require.Equal(t, "raft/kv seed=7  valid\n", out.String())
}
