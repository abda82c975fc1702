package sim_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// A history is what happened to nodes, in order: steps, and the departures of packets as steps without a number, whose Node
// is the sender and whose Packet is its count of them.
type history []sim.Step

// past tells of each what is in its past, as the definition has it: first the edges, then all that can be reached. A node
// does one thing after the other, and a packet arrives after it has departed, if a handler of this history sent it. With
// instants, what its sender's node did behind the departure counts too, up to the end of that instant, of that handler, or
// of that life.
func (h history) past(instants bool) [][]bool {
	first := h.steps()[0].N
	past := make([][]bool, len(h))
	latest := map[sim.NodeID]int{}
	departures := map[[2]uint64]int{}
	for i, s := range h {
		past[i] = make([]bool, len(h))
		inherit := func(from int) {
			past[i][from] = true
			for j, before := range past[from] {
				past[i][j] = past[i][j] || before
			}
		}
		if s.Node == sim.Nobody {
			continue
		}
		if j, ok := latest[s.Node]; ok && s.Kind != sim.KindDrop {
			inherit(j)
		}
		if s.Kind != sim.KindDrop {
			latest[s.Node] = i
		}
		if s.N == 0 {
			departures[[2]uint64{uint64(s.Node), s.Packet}] = i
			continue
		}
		d, departed := departures[[2]uint64{uint64(s.Peer), s.Packet}]
		if !departed || s.Cause < first || s.Kind != sim.KindDeliver && s.Kind != sim.KindDrop {
			continue
		}
		inherit(d)
		for j := d + 1; instants && j < i && !h.ends(d, j); j++ {
			if h[j].Node == s.Peer && h[j].N != 0 && h[j].Kind != sim.KindDrop && h[j].Kind != sim.KindPause {
				inherit(j)
			}
		}
	}
	return past
}

// ends tells whether something ends the instant, the handler or the life in which a packet departed.
func (h history) ends(departure, i int) bool {
	d, s := h[departure], h[i]
	return s.At > d.At || s.Node == d.Node && slices.Contains([]sim.Kind{sim.KindDeliver, sim.KindTimer, sim.KindBoot, sim.KindCrash}, s.Kind)
}

// steps are those with a number.
func (h history) steps() []sim.Step {
	return slices.DeleteFunc(slices.Clone(h), func(s sim.Step) bool { return s.N == 0 })
}

// drawHistory draws what could happen: effects follow the last handler of their node, syncs in the background follow any,
// time passes between them or does not, and packets that departed arrive at any time, some more than once.
func drawHistory(t *rapid.T) history {
	type node struct {
		handlers     []uint64
		sent         uint64
		down, paused bool
	}
	n := rapid.Uint64Range(1, 1000).Draw(t, "first")
	nodes := make([]node, 1+rapid.IntRange(1, 4).Draw(t, "nodes"))
	now := clock.Time(0)
	var h, sent history
	for range rapid.IntRange(1, 60).Draw(t, "steps") {
		now += clock.Time(rapid.IntRange(0, 1).Draw(t, "passes"))
		s := sim.Step{At: now, Node: sim.NodeID(rapid.IntRange(1, len(nodes)-1).Draw(t, "node"))}
		of := &nodes[s.Node]
		handles := len(of.handlers) > 0 && !of.down && !of.paused
		s.Kind = rapid.SampledFrom([]sim.Kind{
			0, 0, 0, sim.KindDeliver, sim.KindDeliver, sim.KindDeliver, sim.KindDrop, sim.KindTimer, sim.KindFact, sim.KindSync, sim.KindSync,
			sim.KindPause, sim.KindResume, sim.KindCrash, sim.KindBoot, sim.KindFault,
		}).Draw(t, "kind")
		switch s.Kind {
		case 0:
			if !handles {
				continue
			}
			of.sent++
			s.Packet = of.sent
			h = append(h, s)
			s.Cause = of.handlers[len(of.handlers)-1]
			sent = append(sent, s)
			continue
		case sim.KindDeliver, sim.KindDrop:
			if s.Kind == sim.KindDeliver && (of.down || of.paused) {
				continue
			}
			s.Peer = s.Node // something that the world handed to it
			if len(sent) > 0 {
				p := rapid.SampledFrom(sent).Draw(t, "packet")
				s.Peer, s.Packet, s.Cause, s.Sent = p.Node, p.Packet, p.Cause, p.At
			}
		case sim.KindTimer, sim.KindFact:
			if of.down || of.paused {
				continue
			}
			if handles {
				s.Cause = of.handlers[len(of.handlers)-1]
			}
		case sim.KindSync:
			if len(of.handlers) == 0 || of.down {
				continue
			}
			s.Cause = rapid.SampledFrom(of.handlers).Draw(t, "cause")
		case sim.KindPause, sim.KindResume:
			if of.down || of.paused == (s.Kind == sim.KindPause) {
				continue
			}
			of.paused = !of.paused
		case sim.KindCrash, sim.KindBoot:
			if of.down == (s.Kind == sim.KindCrash) {
				continue
			}
			of.down, of.paused = !of.down, false
		case sim.KindFault:
			s.Node = sim.Nobody
		}
		s.N = n
		n++
		if s.Kind == sim.KindDeliver || s.Kind == sim.KindTimer || s.Kind == sim.KindBoot {
			of.handlers = append(of.handlers, s.N)
		}
		h = append(h, s)
	}
	return h
}

func pointers(steps []sim.Step) func(func(*sim.Step) bool) {
	return func(yield func(*sim.Step) bool) {
		for i := range steps {
			if !yield(&steps[i]) {
				return
			}
		}
	}
}

// checkCausal compares the relation over the steps of a history with the definition: it is that of instants, which knows
// no less than the true one.
func checkCausal(t *rapid.T, h history) {
	steps := h.steps()
	if len(steps) == 0 {
		return
	}
	c := &sim.Causal{}
	c.SetRowLimit(rapid.IntRange(0, 100).Draw(t, "limit")) // 0 is none
	for i := range steps {
		c.Add(&steps[i])
	}
	past, exact := h.past(true), h.past(false)
	for b := range h {
		if h[b].N == 0 {
			continue
		}
		var want []uint64
		for a := range h {
			if h[a].N == 0 {
				continue
			}
			if got := c.Before(h[a].N, h[b].N); got != past[b][a] || exact[b][a] && !got {
				t.Fatalf("%d before %d: %v, want %v; exactly %v\n%s", h[a].N, h[b].N, got, past[b][a], exact[b][a], h)
			}
			if past[b][a] {
				want = append(want, h[a].N)
			}
		}
		require.Equal(t, want, slices.Collect(c.Past(h[b].N)))
	}
}

func (h history) String() string {
	var b strings.Builder
	for _, s := range h {
		if s.N == 0 {
			fmt.Fprintf(&b, "        %s %s sends %d, of %d\n", s.At, s.Node, s.Packet, s.Cause)
		} else {
			fmt.Fprintf(&b, "%7d %s %s %s %s %d, of %d, sent %s\n", s.N, s.At, s.Node, s.Kind, s.Peer, s.Packet, s.Cause, s.Sent)
		}
	}
	return b.String()
}

func TestCausalIsHappenedBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { checkCausal(t, drawHistory(t)) })
}

// The same for what the engine does, and for the later part of it.
func TestCausalIsHappenedBeforeInWorlds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, w := runWorld(plans(rapid.Bool().Draw(t, "grid")).Draw(t, "plan"), sim.Config{Causal: true}, true, nil)
		h := b.happened
		steps := h.steps()
		live, again := w.Causal(), sim.NewCausal(pointers(steps))
		for _, s := range steps {
			require.Equal(t, again.Vector(s.N), live.Vector(s.N))
		}
		if len(steps) == 0 { // it fails before the first
			return
		}
		first := steps[below(t, len(steps), "first")].N
		checkCausal(t, h[slices.IndexFunc(h, func(s sim.Step) bool { return s.N == first }):])
	})
}

func TestCausalVectorsHaveItsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := drawHistory(t).steps()
		steps = slices.DeleteFunc(steps, func(s sim.Step) bool { return s.Kind == sim.KindDrop || s.Kind == sim.KindFault })
		for i := range steps {
			steps[i].N = uint64(i + 1) // what is left is a run too, with other causes
			if steps[i].Cause > uint64(i) {
				steps[i].Cause = 0
			}
		}
		c := sim.NewCausal(pointers(steps))
		for a := range uint64(len(steps)) {
			for b := range uint64(len(steps)) {
				before := c.Vector(a+1).Compare(c.Vector(b+1)) == clock.Before
				require.Equal(t, c.Before(a+1, b+1), before, "%d %d", a+1, b+1)
			}
		}
	})
}

func TestCausalKnowsItsEdges(t *testing.T) {
	c := sim.NewCausal(pointers([]sim.Step{
		{N: 5, Kind: sim.KindTimer, Node: 1},
		{N: 6, Kind: sim.KindFact, Node: 1, Cause: 5},
		{N: 7, Kind: sim.KindDeliver, Node: 2, Peer: 1, Cause: 5},
		{N: 8, Kind: sim.KindDrop, Node: 3, Peer: 2, Cause: 7},
		{N: 9, Kind: sim.KindTimer, Node: 3, Cause: 2}, // set before the run's record began
	}))
	require.Equal(t, "{1:2 2:1}", c.Vector(7).String(), "a fact of the instant at which the packet departed is known with it")
	require.True(t, c.Before(6, 8))
	require.False(t, c.Before(8, 9), "what is dropped is not known")
	require.Equal(t, "{3:1}", c.Vector(9).String())
	require.Nil(t, c.Vector(4))
	require.Nil(t, c.Vector(10))
	require.False(t, c.Before(4, 7))
	require.False(t, c.Before(5, 10))
	require.PanicsWithValue(t, "sim: step 11 follows step 9", func() { c.Add(&sim.Step{N: 11}) })
}

// What a handler does once a packet has left is no news of the packet, though it comes of the same step.
func TestCausalKnowsWhenPacketsDeparted(t *testing.T) {
	const h, ms = 1, clock.Time(time.Millisecond)
	c := sim.NewCausal(pointers([]sim.Step{
		{N: h, Kind: sim.KindTimer, Node: 1}, // emits, sends, syncs, sends, emits
		{N: 2, Kind: sim.KindFact, Node: 1, Cause: h},
		{N: 3, At: 1 * ms, Kind: sim.KindPause, Node: 1},
		{N: 4, At: 2 * ms, Kind: sim.KindResume, Node: 1},
		{N: 5, At: 3 * ms, Kind: sim.KindSync, Node: 1, Cause: h},
		{N: 6, At: 4 * ms, Kind: sim.KindFact, Node: 1, Cause: h},
		{N: 7, At: 5 * ms, Kind: sim.KindDeliver, Node: 2, Peer: 1, Cause: h},
		{N: 8, At: 5 * ms, Kind: sim.KindDrop, Node: 2, Peer: 1, Cause: h, Sent: 1 * ms},
		{N: 9, At: 5 * ms, Kind: sim.KindDeliver, Node: 3, Peer: 1, Cause: h, Sent: 3 * ms},
		{N: 10, At: 6 * ms, Kind: sim.KindDeliver, Node: 2, Peer: 1, Cause: h, Sent: 4 * ms},
	}))
	require.Equal(t, "{1:2 2:1}", c.Vector(7).String())
	require.Equal(t, "{1:2}", c.Vector(8).String(), "it left before the pause")
	require.Equal(t, "{1:5 3:1}", c.Vector(9).String(), "after the sync, which waited for the pause")
	require.Equal(t, "{1:6 2:2}", c.Vector(10).String())
}

func BenchmarkCausal(b *testing.B) {
	const nodes, count = 5, 1 << 20
	draw := sim.NewStream(1, "causal")
	steps := make([]sim.Step, count)
	handlers := make([]uint64, nodes+1)
	for i := range steps {
		s := sim.Step{N: uint64(i + 1), Kind: sim.KindDeliver, Node: sim.NodeID(draw.Below(nodes) + 1)}
		s.Peer = sim.NodeID(draw.Below(nodes) + 1)
		s.Cause = handlers[s.Peer]
		handlers[s.Node] = s.N
		steps[i] = s
	}
	var c *sim.Causal
	b.Run("build", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c = sim.NewCausal(pointers(steps))
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/count, "ns/step")
	})
	b.Run("before", func(b *testing.B) {
		for b.Loop() {
			c.Before(draw.Below(count)+1, draw.Below(count)+1)
		}
	})
	b.Run("past", func(b *testing.B) {
		for b.Loop() {
			for range c.Past(count) {
			}
		}
	})
}
