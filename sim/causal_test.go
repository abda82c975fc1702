package sim_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// dumbPast follows the definition from a step backwards: first the edges, then all that can be reached.
func dumbPast(steps []sim.Step) []map[int]bool {
	past := make([]map[int]bool, len(steps))
	effect := func(k sim.Kind) bool {
		return k == sim.KindFact || k == sim.KindSync || k == sim.KindInvoke || k == sim.KindReturn
	}
	inherit := func(into map[int]bool, from int) {
		into[from] = true
		for i := range past[from] {
			into[i] = true
		}
	}
	for i, s := range steps {
		past[i] = make(map[int]bool)
		if s.Node == sim.Nobody {
			continue
		}
		if s.Kind != sim.KindDrop {
			for j := range i {
				if steps[j].Node == s.Node && steps[j].Kind != sim.KindDrop {
					inherit(past[i], j)
				}
			}
		}
		if s.Cause == 0 || s.Kind != sim.KindDeliver && s.Kind != sim.KindDrop {
			continue
		}
		cause := int(s.Cause - steps[0].N)
		inherit(past[i], cause)
		for j := cause + 1; j < i; j++ {
			if steps[j].Node == steps[cause].Node && steps[j].Cause == s.Cause && effect(steps[j].Kind) {
				inherit(past[i], j)
			}
		}
	}
	return past
}

// drawRun draws steps that a run could have: effects follow the last handler of their node, packets come from any
// handler of another.
func drawRun(t *rapid.T) []sim.Step {
	first := rapid.Uint64Range(1, 1000).Draw(t, "first")
	nodes := rapid.Int32Range(1, 4).Draw(t, "nodes")
	handlers := make([][]uint64, nodes+1)
	var steps []sim.Step
	for i := range rapid.IntRange(1, 60).Draw(t, "steps") {
		s := sim.Step{N: first + uint64(i), Node: sim.NodeID(rapid.Int32Range(1, nodes).Draw(t, "node"))}
		own := handlers[s.Node]
		s.Kind = rapid.SampledFrom([]sim.Kind{
			sim.KindDeliver, sim.KindDeliver, sim.KindDeliver, sim.KindDrop, sim.KindTimer, sim.KindFact, sim.KindSync,
			sim.KindCrash, sim.KindPause, sim.KindFault,
		}).Draw(t, "kind")
		switch s.Kind {
		case sim.KindDeliver, sim.KindDrop:
			s.Peer = sim.NodeID(rapid.Int32Range(1, nodes).Draw(t, "peer"))
			if sent := handlers[s.Peer]; len(sent) > 0 {
				s.Cause = rapid.SampledFrom(sent).Draw(t, "cause")
			}
		case sim.KindTimer, sim.KindFact, sim.KindSync:
			if len(own) > 0 {
				s.Cause = own[len(own)-1]
			}
		case sim.KindFault:
			s.Node = sim.Nobody
		}
		if s.Kind == sim.KindDeliver || s.Kind == sim.KindTimer {
			handlers[s.Node] = append(own, s.N)
		}
		steps = append(steps, s)
	}
	return steps
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

func TestCausalIsHappenedBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := drawRun(t)
		first := steps[0].N
		past := dumbPast(steps)
		c := &sim.Causal{}
		c.SetRowLimit(rapid.IntRange(0, 100).Draw(t, "limit")) // 0 is none
		for i := range steps {
			c.Add(&steps[i])
		}
		for b := range steps {
			var want []uint64
			for a := range steps {
				require.Equal(t, past[b][a], c.Before(first+uint64(a), first+uint64(b)), "%d before %d", a, b)
				if past[b][a] {
					want = append(want, first+uint64(a))
				}
			}
			require.Equal(t, want, slices.Collect(c.Past(first+uint64(b))))
		}
	})
}

func TestCausalVectorsHaveItsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := drawRun(t)
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
	require.Equal(t, "{1:2 2:1}", c.Vector(7).String(), "a fact that left before the packet arrived is known with it")
	require.True(t, c.Before(6, 8))
	require.False(t, c.Before(8, 9), "what is dropped is not known")
	require.Equal(t, "{3:1}", c.Vector(9).String())
	require.Nil(t, c.Vector(4))
	require.Nil(t, c.Vector(10))
	require.False(t, c.Before(4, 7))
	require.False(t, c.Before(5, 10))
	require.PanicsWithValue(t, "sim: step 11 follows step 9", func() { c.Add(&sim.Step{N: 11}) })
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
