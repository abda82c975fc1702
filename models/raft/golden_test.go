package raft_test

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/models/raft"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// TestGolden plays the stories in testdata/golden, which are there to be read. Rewrite them with the flag -rewrite.
//
// A story begins with a cluster:
//
//	cluster nodes=N [plain] [batch=N] [sync=D] [latency=D] [torn] [seed=N]
//
// Packets take latency (2ms), a disk's sync takes sync (1ms), each member T to 2T of 150ms to miss a leader. plain is
// Raft without PreVote and CheckQuorum; torn makes crashes tear what was written and not synced.
//
// What happens next is said in these lines, each answered by the facts it led to, with crashes, boots and faults, unless
// it ends in quiet. A node is n1, n2, …, or leader: who was the last to become one.
//
//	run DURATION             let time pass
//	await NODES FACT         until each of NODES (or anyone) claims a fact whose text begins so
//	timeout NODE             its election timer fires
//	propose NODE COMMAND…    in one call; x*3000 is a long one
//	crash NODE [sync]        now, or in the midst of its next sync
//	restart NODE
//	isolate NODES            each alone
//	cut NODES NODES          the links between them, both ways
//	heal                     all links
//
// And these look at it:
//
//	show log                 each member's log on disk: INDEX/TERM=COMMAND, those it knows to be committed before the bar
//	show state               of each member
//	show steps [KIND…]       all that the line before led to, of these kinds (default: all but syncs and drops)
func TestGolden(t *testing.T) {
	datadriven.Walk(t, "testdata/golden", func(t *testing.T, path string) {
		var s story
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string { return s.tell(t, d) })
	})
}

// story is the lines so far. Each new one plays them all again, from the start and recorded: they are the same run.
type story struct {
	deeds  []deed
	hashes []uint64 // after each deed
	last   int      // steps before the last deed
	told   int      // steps after it
}

// deed does what a line says, and returns what it answers besides the steps it made.
type deed func(c *cluster) string

func (s *story) tell(t *testing.T, d *datadriven.TestData) string {
	var words []string
	quiet := false
	options := make(map[string]string)
	for _, a := range d.CmdArgs {
		switch {
		case len(a.Vals) > 0:
			options[a.Key] = a.Vals[0]
		case a.Key == "quiet":
			quiet = true
		default:
			words = append(words, a.Key)
		}
	}
	if d.Cmd == "show" {
		c := s.play(t)
		switch words[0] {
		case "log":
			return c.logText()
		case "state":
			return c.stateText()
		case "steps":
			return c.text(s.last, func(k sim.Kind) bool {
				if len(words) > 1 {
					return slices.Contains(words[1:], k.String())
				}
				return k != sim.KindSync && k != sim.KindDrop
			})
		}
		d.Fatalf(t, "there is nothing to show of %s", words[0])
	}
	do, ok := deeds[d.Cmd]
	if !ok {
		d.Fatalf(t, "a story has no line %s", d.Cmd)
	}
	s.deeds = append(s.deeds, func(c *cluster) string { return do(c, words, options) })
	c := s.play(t)
	if s.last, s.told = s.told, len(c.steps); quiet {
		return c.said
	}
	return c.said + c.text(s.last, func(k sim.Kind) bool {
		switch k {
		case sim.KindFact, sim.KindFault, sim.KindBoot, sim.KindCrash:
			return true
		}
		return false
	})
}

// play plays all lines in a new world.
func (s *story) play(t *testing.T) *cluster {
	t.Helper()
	var file bytes.Buffer
	rec, err := trace.NewRecorder(&file, trace.Header{})
	require.NoError(t, err)
	c := &cluster{t: t, observer: rec, proposed: make(map[string]string)}
	for i, do := range s.deeds {
		c.said = do(c)
		require.NotNil(t, c.w, "a story begins with a cluster")
		require.Nil(t, c.w.Violation())
		if i < len(s.hashes) {
			require.Equal(t, s.hashes[i], c.w.Hash(), "it is not the same run again")
		} else {
			s.hashes = append(s.hashes, c.w.Hash())
		}
	}
	for _, id := range c.peers {
		c.up = append(c.up, c.w.Up(id))
	}
	c.w.Close()
	require.NoError(t, rec.Close(trace.Outcome{}))
	r, err := trace.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
	require.NoError(t, err)
	c.header = r.Header()
	for step, err := range r.All() {
		require.NoError(t, err)
		c.steps = append(c.steps, step)
	}
	return c
}

// cluster is the world of a story.
type cluster struct {
	t        *testing.T
	observer sim.Observer
	w        *sim.World
	net      *netsim.Network
	peers    []sim.NodeID
	leader   sim.NodeID
	heals    []func()
	logs     [][]string        // by node: the entries on its disk
	proposed map[string]string // by entry
	claim    func(node sim.NodeID, fact string)

	// At the end of the story so far:
	said   string // by the last deed
	header trace.Header
	steps  []trace.Step
	up     []bool // by place in peers
}

var deeds = map[string]func(c *cluster, words []string, options map[string]string) string{
	"cluster": func(c *cluster, words []string, options map[string]string) string {
		c.boot(words, options)
		c.run(0)
		return ""
	},
	"run": func(c *cluster, words []string, _ map[string]string) string {
		c.run(c.duration(words[0]))
		return ""
	},
	"await": func(c *cluster, words []string, _ map[string]string) string {
		c.await(words[0], words[1])
		return ""
	},
	"timeout": func(c *cluster, words []string, _ map[string]string) string {
		return c.do(words[0], func(r *raft.Raft, env sim.Env) string {
			r.Timeout(env, sim.Timer{Name: "election"})
			return ""
		})
	},
	"propose": func(c *cluster, words []string, _ map[string]string) string {
		return c.do(words[0], func(r *raft.Raft, env sim.Env) string {
			var cmds []string
			for _, word := range words[1:] {
				text, times, _ := strings.Cut(word, "*")
				cmds = append(cmds, strings.Repeat(text, c.number(cmp.Or(times, "1"))))
			}
			index, term, err := r.Propose(env, cmds...)
			if err != nil {
				return err.Error() + "\n"
			}
			text := ""
			for i, word := range words[1:] {
				entry := entryName(index+uint64(i), term)
				c.proposed[entry] = word
				text += entry + "=" + word + "\n"
			}
			return text
		})
	},
	"crash": func(c *cluster, words []string, _ map[string]string) string {
		if id := c.node(words[0]); len(words) > 1 {
			c.w.CrashAtSync(id, sim.InsideSync)
		} else {
			c.w.Crash(id)
		}
		return ""
	},
	"restart": func(c *cluster, words []string, _ map[string]string) string {
		c.w.Restart(c.node(words[0]))
		c.run(0)
		return ""
	},
	"isolate": func(c *cluster, words []string, _ map[string]string) string {
		c.cut(netsim.Isolate(c.nodes(words[0])...))
		return ""
	},
	"cut": func(c *cluster, words []string, _ map[string]string) string {
		c.cut(netsim.Between(c.nodes(words[0]), c.nodes(words[1])))
		return ""
	},
	"heal": func(c *cluster, _ []string, _ map[string]string) string {
		for _, heal := range c.heals {
			heal()
		}
		c.heals = nil
		return ""
	},
}

func (c *cluster) boot(words []string, options map[string]string) {
	option := func(name, otherwise string) string {
		if text, ok := options[name]; ok {
			return text
		}
		return otherwise
	}
	latency, sync := c.duration(option("latency", "2ms")), c.duration(option("sync", "1ms"))
	crash := disksim.LoseAll
	if slices.Contains(words, "torn") {
		crash = disksim.Sectors
	}
	seed := uint64(c.number(option("seed", "1")))
	c.net = netsim.New(seed, netsim.Config{Link: netsim.Link{Latency: netsim.Latency{Shape: netsim.Constant, Min: latency}}})
	c.w = sim.New(sim.Config{
		Seed: seed, Network: c.net, Observer: c.observer,
		Disk: func(id sim.NodeID) sim.Storage {
			return disksim.New(seed, id, disksim.Config{SyncMin: sync, Crash: []disksim.Mode{crash}})
		},
	})
	nodes := c.number(options["nodes"])
	for i := range nodes {
		c.peers = append(c.peers, sim.NodeID(i+1))
	}
	c.logs = make([][]string, nodes+1)
	plain := slices.Contains(words, "plain")
	config := raft.Config{Peers: c.peers, PreVote: !plain, CheckQuorum: !plain, MaxBatch: c.number(option("batch", "64"))}
	for range nodes {
		c.w.Add(func(sim.NodeID) sim.Node {
			return raft.New(config, func(env sim.Env, e raft.Entry) { env.Logf("carries out %.10s", e.Cmd) })
		})
	}
	c.w.Watch(c.fact)
}

// fact keeps up with what members have on disk.
func (c *cluster) fact(s *sim.Step) {
	log := &c.logs[s.Node]
	switch f := s.Payload.(type) {
	case raft.BecameLeader:
		c.leader = s.Node
	case raft.Recovered:
		*log = nil
	case raft.Truncated:
		*log = (*log)[:f.From-1]
	case raft.Appended:
		*log = append(*log, entryName(f.Index, f.Term))
	}
	if c.claim != nil {
		c.claim(s.Node, trace.Text(s.Payload))
	}
}

func entryName(index, term uint64) string { return fmt.Sprintf("%d/%d", index, term) }

func (c *cluster) run(d time.Duration) { c.w.RunUntil(c.w.Now().Add(d)) }

// await runs until each of some nodes has claimed a fact, at most for 10 s.
func (c *cluster) await(who, fact string) {
	waiting := []sim.NodeID{sim.Nobody}
	if who != "anyone" {
		waiting = c.nodes(who)
	}
	c.claim = func(node sim.NodeID, text string) {
		if strings.HasPrefix(text, fact) {
			waiting = slices.DeleteFunc(waiting, func(id sim.NodeID) bool { return id == node || id == sim.Nobody })
		}
	}
	defer func() { c.claim = nil }()
	for limit := c.w.Now().Add(10 * time.Second); len(waiting) > 0; {
		require.Less(c.t, c.w.Now(), limit, "%s did not claim %s", who, fact)
		require.True(c.t, c.w.Step())
	}
}

// do runs f as a handler of a node.
func (c *cluster) do(who string, f func(r *raft.Raft, env sim.Env) string) (said string) {
	id := c.node(who)
	ok := c.w.Do(id, func(env sim.Env) { said = f(c.w.Node(id).(*raft.Raft), env) })
	require.True(c.t, ok, "%s is down or busy", who)
	c.run(0)
	return said
}

func (c *cluster) cut(l netsim.Links) {
	c.w.Fault(l)
	c.heals = append(c.heals, c.net.Cut(l))
}

func (c *cluster) node(name string) sim.NodeID {
	if name == "leader" {
		return c.leader
	}
	return sim.NodeID(c.number(strings.TrimPrefix(name, "n")))
}

func (c *cluster) nodes(names string) (ids []sim.NodeID) {
	for name := range strings.SplitSeq(names, ",") {
		ids = append(ids, c.node(name))
	}
	return ids
}

func (c *cluster) number(text string) int {
	n, err := strconv.Atoi(text)
	require.NoError(c.t, err)
	return n
}

func (c *cluster) duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	require.NoError(c.t, err)
	return d
}

// text shows the steps from step from+1 on that are of the kinds wanted.
func (c *cluster) text(from int, wanted func(sim.Kind) bool) string {
	var b strings.Builder
	steps := slices.DeleteFunc(slices.Clone(c.steps[from:]), func(s trace.Step) bool { return !wanted(s.Kind) })
	require.NoError(c.t, trace.Print(&b, c.header, trace.Steps(steps...)))
	return b.String()
}

func (c *cluster) logText() string {
	var b strings.Builder
	for i, id := range c.peers {
		commit := c.w.Node(id).(*raft.Raft).State().Commit
		fmt.Fprintf(&b, "%s ", id)
		for i, entry := range c.logs[id] {
			if uint64(i) == commit {
				b.WriteString(" |")
			}
			b.WriteString(" " + entry)
			if cmd, ok := c.proposed[entry]; ok {
				b.WriteString("=" + cmd)
			}
		}
		if uint64(len(c.logs[id])) == commit {
			b.WriteString(" |")
		}
		b.WriteString(c.downText(i) + "\n")
	}
	return b.String()
}

func (c *cluster) stateText() string {
	var b strings.Builder
	short := strings.NewReplacer(" Next:{} Match:{}", "", "n0", "-")
	for i, id := range c.peers {
		fmt.Fprintf(&b, "%s  %s%s\n", id, short.Replace(trace.Text(c.w.Node(id).(*raft.Raft).State())), c.downText(i))
	}
	return b.String()
}

func (c *cluster) downText(i int) string {
	if c.up[i] {
		return ""
	}
	return "  (down)"
}
