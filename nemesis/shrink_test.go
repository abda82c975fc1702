package nemesis

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// shrinkable is a space with operations.
func shrinkable() Space {
	s := DefaultSpace("x")
	s.OpKinds = []OpKind{{Kind: "put", Weight: 1, Key: true, Value: true}}
	s.Ops = Range[int]{10, 30}
	s.Buggify = true
	s.ClientLinks = s.Links
	return s
}

// needs is a failure that happens at a time, and needs some faults and operations before it, and so many nodes.
type needs struct {
	faults []Event
	ops    []Op
	nodes  int
	at     time.Duration
	seed   uint64 // in a run of this root seed it needs no faults; 0: in none
	asked  int
}

func (n *needs) fails(p *Plan) bool {
	n.asked++
	if p.Nodes < n.nodes {
		return false
	}
	for _, f := range n.faults {
		if (n.seed == 0 || p.Seed != n.seed) && !slices.ContainsFunc(p.Faults, func(e Event) bool { return e.At == f.At && KindName(e.Fault) == KindName(f.Fault) }) {
			return false
		}
	}
	for _, op := range n.ops {
		if !slices.ContainsFunc(p.Ops, func(o Op) bool { return o.At == op.At && o.Value == op.Value }) {
			return false
		}
	}
	return true
}

func (n *needs) oracle(candidates []Plan) (int, time.Duration) {
	return slices.IndexFunc(candidates, func(p Plan) bool { return n.fails(&p) }), n.at
}

// some are any few items of a list, in order.
func some[T any](t *rapid.T, list []T, most int) (few []T) {
	indexes := rapid.SliceOfNDistinct(rapid.IntRange(0, max(len(list)-1, 0)), 0, min(most, len(list)), rapid.ID).Draw(t, "some")
	slices.Sort(indexes)
	for _, i := range indexes {
		few = append(few, list[i])
	}
	return few
}

// What a failure needs is what is left, in few runs.
func TestShrinkLeavesWhatIsNeeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := shrinkable().Draw(rapid.Uint64().Draw(t, "seed"))
		n := &needs{faults: some(t, p.Faults, 3), ops: some(t, p.Ops, 3), nodes: 1}
		for _, e := range n.faults {
			p.Nodes = max(p.Nodes, 3)
			n.at = max(n.at, e.At)
		}
		for _, op := range n.ops {
			n.at = max(n.at, op.At)
		}
		if rapid.Bool().Draw(t, "offline") {
			n.at = 0
		}
		small := p.Shrink(n.at, n.oracle)
		require.NoError(t, small.Check())
		require.Len(t, small.Faults, len(n.faults))
		require.Len(t, small.Ops, len(n.ops))
		require.Equal(t, 1, small.Clients)
		require.True(t, n.fails(&small))
		require.Zero(t, small.Link.Loss)
		require.Zero(t, small.ClientLink)
		require.Zero(t, small.Buggify)

		again := p.Shrink(n.at, (&needs{faults: n.faults, ops: n.ops, nodes: 1, at: n.at}).oracle)
		require.Equal(t, small, again)
	})
}

// A failure that a plan misses by chance gets others.
func TestShrinkTriesOtherChances(t *testing.T) {
	p := shrinkable().Draw(77)
	n := &needs{faults: p.Faults[:3], seed: 3, nodes: 3}
	small := p.Shrink(0, n.oracle)
	require.Empty(t, small.Faults)
	require.Equal(t, uint64(3), small.Seed)
	require.Equal(t, 3, small.Nodes)
}

// Nothing after the failure is tried at all.
func TestShrinkCutsWhatComesTooLate(t *testing.T) {
	p := shrinkable().Draw(77)
	n := &needs{at: p.Faults[2].At, faults: p.Faults[:3], nodes: p.Nodes}
	p.Shrink(n.at, func(candidates []Plan) (int, time.Duration) {
		for _, c := range candidates {
			require.LessOrEqual(t, len(c.Faults), 3)
		}
		return n.oracle(candidates)
	})
}

// A search without patience returns what it has.
func TestShrinkWithoutPatience(t *testing.T) {
	p := shrinkable().Draw(77)
	require.Equal(t, p, p.Shrink(time.Second, func([]Plan) (int, time.Duration) { return -1, 0 }))
}

// Optional parts go one by one.
func TestShrinkLeavesPartsOut(t *testing.T) {
	p := Plan{
		Scenario: "x", Seed: 5, Nodes: 3, Duration: time.Second, Buggify: sim.Oddities{Sites: 1, Visits: 1}, Core: []sim.NodeID{1, 2},
		Faults: []Event{
			{At: 1, Until: 9, Fault: Crash{Target: Target{Node: 1}, Sync: sim.InsideSync}},
			{At: 2, Until: 9, On: Trigger{Fact: "Voted"}, Fault: Partition{Groups: [][]sim.NodeID{{1, 2}, {3}}}},
		},
	}
	small := p.Shrink(0, func(candidates []Plan) (int, time.Duration) {
		return slices.IndexFunc(candidates, func(p Plan) bool {
			return len(p.Faults) == 2 && p.Faults[0].Fault.(Crash).Sync != 0 && p.Nodes == 3
		}), 0
	})
	p.Buggify, p.Core = sim.Oddities{}, nil
	p.Faults[1].On = Trigger{}
	p.Faults[1].Fault = Partition{Groups: [][]sim.NodeID{{2}, {3}}}
	require.Equal(t, p, small)
}

// The fault phase ends with what failed in it.
func TestShrinkEndsEarlier(t *testing.T) {
	p := Plan{Nodes: 3, Clients: 1, Duration: 30 * s, Faults: []Event{{At: 1 * s, Until: 2 * s, Fault: Crash{Target: Target{Node: 1}}}}}
	fails := func(p Plan) bool { return len(p.Faults) == 1 }
	for at, want := range map[time.Duration]time.Duration{0: 30 * s, 1500 * time.Millisecond: 2001 * time.Millisecond, 9 * s: 9001 * time.Millisecond} {
		small := p.Shrink(at, func(candidates []Plan) (int, time.Duration) { return slices.IndexFunc(candidates, fails), at })
		require.Equal(t, want, small.Duration, at)
	}
}

// Nodes that nobody names go, wherever they stand.
func TestShrinkRenumbers(t *testing.T) {
	p := Plan{Nodes: 5, Clients: 1, Duration: 10 * s, Core: []sim.NodeID{1, 2, 3}, Faults: []Event{
		{At: 1 * s, Until: Forever, Fault: Crash{Target: Target{Node: 5}}},
		{At: 2 * s, Until: 3 * s, Fault: Partition{Groups: [][]sim.NodeID{{2}, {4}}}},
	}}
	fails := func(p Plan) bool { return len(p.Faults) == 2 && p.Nodes >= 3 && len(p.Core) > 0 }
	small := p.Shrink(0, func(candidates []Plan) (int, time.Duration) { return slices.IndexFunc(candidates, fails), 0 })
	require.NoError(t, small.Check())
	require.Equal(t, 3, small.Nodes)
	require.Equal(t, []sim.NodeID{1}, small.Core)
	require.Equal(t, Crash{Target: Target{Node: 3}}, small.Faults[0].Fault)
	require.Equal(t, Partition{Groups: [][]sim.NodeID{{1}, {2}}}, small.Faults[1].Fault)

	_, ok := p.withoutNode(4)
	require.False(t, ok, "a fault names it")
}

// A plan's numbers are all there is to it beside its structure, and the first draw does not change them.
func TestNumbersBeginWithThePlan(t *testing.T) {
	space := shrinkable()
	space.Budget = Budget{Quorum: Majority, Outside: []string{"partition"}}
	rapid.Check(t, func(t *rapid.T) {
		p := space.Draw(rapid.Uint64().Draw(t, "seed"))
		n := NewNumbers(p)
		first, ok := n.Draw(t)
		require.True(t, ok)
		require.Equal(t, p, first)
		simple, ok := n.Draw(t)
		if !ok {
			return
		}
		require.NoError(t, simple.Check())
		require.Len(t, simple.Faults, len(p.Faults))
		require.LessOrEqual(t, simple.Duration, p.Duration)
		for i, e := range simple.Faults {
			was := p.Faults[i]
			require.Equal(t, KindName(was.Fault), KindName(e.Fault))
			require.LessOrEqual(t, e.At, was.At)
			if was.Until != 0 {
				require.LessOrEqual(t, e.Until-e.At, was.Until-was.At)
			}
		}
	})
}

// Numbers of the clients' links get simpler like those of all others.
func TestSimplerClientLinks(t *testing.T) {
	link := netsim.Link{Latency: netsim.Latency{Shape: netsim.Uniform, Min: 1234567, Max: 7654321}}
	p := Plan{Nodes: 1, Duration: 30 * s, ClientLink: link}
	list := p.numbers()
	for i, n := range list {
		switch n {
		case 1234567:
			list[i] = 1_000_000
		case 7654321:
			list[i] = 7_000_000
		}
	}
	simple, ok := p.withNumbers(list)
	require.True(t, ok)
	link.Latency.Min, link.Latency.Max = time.Millisecond, 7*time.Millisecond
	require.Equal(t, link, simple.ClientLink)
}

func TestSimplerNumbers(t *testing.T) {
	const tails, heads = false, true
	for _, c := range []struct {
		n     int64
		coins []bool // all after these show heads
		want  int64
	}{
		{0, nil, 0},
		{7, nil, 7},
		{7, []bool{tails}, 0},
		{7, []bool{heads, tails}, 3}, // there is no digit behind the first, so this is the 4 in 7
		{4711, nil, 4711},
		{4711, []bool{tails}, 0},
		{4711, []bool{heads, tails}, 4000},
		{4711, []bool{heads, heads, tails}, 4700},
		{4711, []bool{heads, heads, heads, tails}, 711},
		{4711, []bool{heads, heads, heads, heads, tails}, 4311},
		{-4711, []bool{heads, tails}, -4000},
		{5000, []bool{heads, tails}, 1000}, // it is round already, so this is the 4 in 5
	} {
		coins := c.coins
		got := simpler(c.n, func() bool {
			if len(coins) == 0 {
				return true
			}
			coin := coins[0]
			coins = coins[1:]
			return coin
		})
		require.Equal(t, c.want, got, "%d %v", c.n, c.coins)
	}
}
