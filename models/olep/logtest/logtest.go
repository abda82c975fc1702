// Package logtest checks an implementation of olep.Log against its contract: what a machine on it relies on.
//
// It does not check what a log does about disks that fail, nor how fast it is.
package logtest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// Run checks logs of so many copies; make returns what makes those of these nodes. Without faults one copy must lead
// within ten seconds, and all apply what it takes.
func Run(t *testing.T, copies int, make func(peers []sim.NodeID) olep.NewLog) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, w *world)
	}{
		{"all apply the same", same},
		{"nobody leads before it has started", silent},
		{"what is applied is durable", durable},
		{"what is refused is not applied", refused},
		{"what is taken in is applied by itself", taken},
		{"who is cut off ceases to lead", cut},
		{"crashes", crashes},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := uint64(1); seed <= seeds && !t.Failed(); seed++ {
				w := newWorld(t, seed, copies, make)
				c.test(t, w)
				w.Close()
			}
		})
	}
}

// seeds is how often each case is tried.
const seeds = 25

// scope is that of the log in its node.
const scope = "log"

// host is a node around one copy.
type host struct {
	log     olep.Log
	applied []string
	early   bool // it led before it had started
}

// Facts: that a command was applied, and that one was not taken in.
type (
	applied    string
	turnedDown string
)

func newHost(make olep.NewLog) *host {
	h := &host{}
	h.log = make(func(env sim.Env, cmd string) {
		h.applied = append(h.applied, cmd)
		sim.Outer(env).Emit(applied(cmd))
	})
	return h
}

func (h *host) Start(env sim.Env) {
	h.early = h.log.Leads()
	h.log.Start(sim.Sub(env, scope))
}

func (h *host) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	if inner, ok := sim.InnerMessage(msg, scope); ok {
		h.log.Receive(sim.Sub(env, scope), from, inner)
	}
}

func (h *host) Timeout(env sim.Env, t sim.Timer) {
	if inner, ok := sim.InnerTimer(t, scope); ok {
		h.log.Timeout(sim.Sub(env, scope), inner)
	}
}

// world is some hosts, and what they have done.
type world struct {
	*sim.World
	t       *testing.T
	net     *netsim.Network
	draw    sim.Stream
	copies  int
	told    []int    // by id: commands applied since it booted
	order   []string // of the commands that anyone has applied
	refused map[string]bool
	last    int // the number of the last command
}

func newWorld(t *testing.T, seed uint64, copies int, make func(peers []sim.NodeID) olep.NewLog) *world {
	w := &world{
		t: t, copies: copies, draw: sim.NewStream(seed, "logtest"), told: slices.Repeat([]int{0}, copies+1), refused: map[string]bool{},
	}
	var peers []sim.NodeID
	for i := range copies {
		peers = append(peers, sim.NodeID(i+1))
	}
	w.net = netsim.New(seed, netsim.Config{Link: netsim.Link{
		Latency: netsim.Latency{Shape: netsim.Uniform, Min: time.Millisecond, Max: 10 * time.Millisecond},
		Loss:    10_000, Duplicate: 10_000,
	}})
	w.World = sim.New(sim.Config{
		Seed: seed, Network: w.net,
		Disk: func(id sim.NodeID) sim.Storage {
			return disksim.New(seed, id, disksim.Config{SyncMin: 100 * time.Microsecond, SyncMax: 5 * time.Millisecond})
		},
	})
	w.Watch(func(s *sim.Step) {
		switch cmd := s.Payload.(type) {
		case applied:
			w.applies(s.Node, string(cmd))
		case turnedDown:
			w.refused[string(cmd)] = true
		}
	})
	for range copies {
		w.Add(func(id sim.NodeID) sim.Node {
			w.told[id] = 0
			return newHost(make(peers))
		})
	}
	w.RunUntil(0)
	return w
}

// applies checks that what a copy applies is what all others have in its place.
func (w *world) applies(id sim.NodeID, cmd string) {
	n := w.told[id]
	w.told[id]++
	if n == len(w.order) {
		w.order = append(w.order, cmd)
	}
	require.Equal(w.t, w.order[n], cmd, "seed %d: command %d of %s", w.Seed(), n, id)
	require.False(w.t, w.refused[cmd], "seed %d: %s applies what was refused", w.Seed(), id)
}

func (w *world) host(id sim.NodeID) *host { return w.Node(id).(*host) }

func (w *world) advance(d time.Duration) {
	w.RunUntil(w.Now().Add(d))
	if v := w.Violation(); v != nil {
		w.t.Fatalf("seed %d: %s: %s\n%s", w.Seed(), v.Property, v.Detail, v.Stack)
	}
}

// any is one of the nodes.
func (w *world) any() sim.NodeID { return sim.NodeID(1 + w.draw.Below(uint64(w.copies))) }

// propose proposes a new command at a node, unless that is busy, and tells whether it was taken in. A refusal counts once it
// departs: who crashes on the way has told nobody.
func (w *world) propose(id sim.NodeID) (taken bool) {
	w.last++
	cmd := fmt.Sprintf("%d\x00\n%x", w.last, sim.Mix(uint64(w.last)))
	w.Do(id, func(env sim.Env) {
		if taken = w.host(id).log.Propose(sim.Sub(env, scope), cmd); !taken {
			env.Emit(turnedDown(cmd))
		}
	})
	return taken
}

// settle has some copy take a command in, and all apply it.
func (w *world) settle() {
	w.t.Helper()
	before := len(w.order)
	for i := range 200 {
		for id := sim.NodeID(1); int(id) <= w.copies && i%10 == 0; id++ {
			if w.host(id).log.Leads() {
				require.NotEqual(w.t, sim.Nobody, w.host(id).log.Leader())
				w.propose(id)
			}
		}
		w.advance(50 * time.Millisecond)
		if have := len(w.order); have > before && slices.Equal(w.told[1:], slices.Repeat([]int{have}, w.copies)) {
			return
		}
	}
	w.t.Fatalf("seed %d: in ten seconds not all have applied a new command: %v of %d", w.Seed(), w.told[1:], len(w.order))
}

func same(t *testing.T, w *world) {
	w.settle()
	for range 30 {
		w.propose(w.any())
		w.advance(w.draw.Between(0, 5*time.Millisecond))
	}
	w.settle()
	require.Greater(t, len(w.order), 1)
}

func silent(t *testing.T, w *world) {
	w.settle()
	for id := sim.NodeID(1); int(id) <= w.copies; id++ {
		w.Crash(id)
		w.advance(10 * time.Millisecond)
		w.Restart(id)
		w.advance(time.Millisecond)
		require.False(t, w.host(id).early, "seed %d: %s", w.Seed(), id)
	}
}

// durable crashes all copies at once, as soon as one has applied a command.
func durable(t *testing.T, w *world) {
	w.settle()
	for range 5 {
		have := len(w.order)
		for tries := 0; len(w.order) == have && tries < 1000; tries++ {
			w.propose(w.any())
			w.advance(w.draw.Between(0, 10*time.Millisecond))
		}
		order := slices.Clone(w.order)
		for id := sim.NodeID(1); int(id) <= w.copies; id++ {
			w.Crash(id)
		}
		w.advance(time.Millisecond)
		for id := sim.NodeID(1); int(id) <= w.copies; id++ {
			w.Restart(id)
		}
		w.settle()
		require.Equal(t, order, w.host(w.any()).applied[:len(order)], "seed %d", w.Seed())
	}
}

func refused(t *testing.T, w *world) {
	for range 50 { // before there is a leader, too
		w.propose(w.any())
		w.advance(w.draw.Between(0, 20*time.Millisecond))
	}
	w.settle()
	if w.copies > 1 {
		require.NotEmpty(t, w.refused, "seed %d", w.Seed())
	}
}

// taken proposes some commands, and then waits: no later one has to push them on.
func taken(t *testing.T, w *world) {
	w.settle()
	for range 10 {
		want := len(w.order)
		for id := sim.NodeID(1); int(id) <= w.copies; id++ {
			for range 3 {
				if w.propose(id) {
					want++
				}
				w.advance(w.draw.Between(0, 2*time.Millisecond))
			}
		}
		w.advance(time.Second)
		require.Len(t, w.order, want, "seed %d", w.Seed())
	}
}

// cut cuts a leader off from the others.
func cut(t *testing.T, w *world) {
	if w.copies < 3 {
		return
	}
	w.settle()
	for id := sim.NodeID(1); int(id) <= w.copies; id++ {
		if !w.host(id).log.Leads() {
			continue
		}
		heal := w.net.Cut(netsim.Isolate(id))
		w.advance(5 * time.Second)
		require.False(t, w.host(id).log.Leads(), "seed %d: %s", w.Seed(), id)
		heal()
		w.settle()
		return
	}
	t.Fatalf("seed %d: nobody leads", w.Seed())
}

// crashes has copies crash at any time, between any two effects and around syncs.
func crashes(t *testing.T, w *world) {
	w.settle()
	for range 400 {
		id := w.any()
		switch w.draw.Below(40) {
		case 0:
			w.Crash(id)
		case 1:
			w.CrashAtEffect(id, int(w.draw.Below(6)))
		case 2:
			w.CrashAtSync(id, sim.SyncPoint(w.draw.Below(3)))
		case 3, 4, 5, 6, 7, 8:
			w.Restart(id)
		default:
			for range w.draw.Below(4) {
				w.propose(id)
			}
		}
		w.advance(w.draw.Between(0, 30*time.Millisecond))
	}
	for id := sim.NodeID(1); int(id) <= w.copies; id++ {
		w.Crash(id)
	}
	w.advance(time.Millisecond)
	for id := sim.NodeID(1); int(id) <= w.copies; id++ {
		w.Restart(id)
	}
	order := slices.Clone(w.order)
	w.settle()
	require.Equal(t, order, w.host(w.any()).applied[:len(order)], "seed %d", w.Seed())
}
