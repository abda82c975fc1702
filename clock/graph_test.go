package clock

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// graph is a run: steps in an order in which they could have happened.
type graph struct {
	processes int
	steps     []step
}

// step is one step of one process. Any step's stamp may travel, so a message can be lost, overtaken, sent to many and
// received twice.
type step struct {
	process int32
	from    int // index of an earlier step, whose message this step receives; or local
}

const local = -1

func drawGraph(t *rapid.T) graph {
	g := graph{processes: rapid.IntRange(1, 6).Draw(t, "processes")}
	for i := range rapid.IntRange(0, 40).Draw(t, "steps") {
		g.steps = append(g.steps, step{
			process: rapid.Int32Range(0, int32(g.processes)-1).Draw(t, "process"),
			from:    rapid.IntRange(local, i-1).Draw(t, "from"),
		})
	}
	return g
}

// happensBefore is the oracle: the transitive closure of "next step of the same process" and "receives from", computed
// without any idea of clocks.
func (g graph) happensBefore() [][]bool {
	n := len(g.steps)
	before := make([][]bool, n)
	for b, s := range g.steps {
		before[b] = make([]bool, n)
		for a := range b {
			if g.steps[a].process == s.process || s.from == a {
				before[a][b] = true
			}
		}
	}
	for via := range n {
		for a := range n {
			for b := range n {
				if before[a][via] && before[via][b] {
					before[a][b] = true
				}
			}
		}
	}
	return before
}

// chains is, for each step, the length of the longest chain of steps ending in it, counting only those that belong.
func (g graph) chains(before [][]bool, belongs func(last, s int) bool) []int {
	length := make([]int, len(g.steps))
	for last := range g.steps {
		within := make([]int, last+1) // steps are in a possible order, so chains only grow rightwards
		for b := range within {
			if !belongs(last, b) || b != last && !before[b][last] {
				continue
			}
			for a := range b {
				if before[a][b] {
					within[b] = max(within[b], within[a])
				}
			}
			within[b]++
		}
		length[last] = within[last]
	}
	return length
}

// stamps runs a clock over a graph: tick makes a process's next clock from its own, witness also from the one received.
func stamps[T any](g graph, tick func(i int, own T) T, witness func(i int, own, seen T) T) []T {
	clocks := make([]T, g.processes)
	out := make([]T, len(g.steps))
	for i, s := range g.steps {
		if s.from == local {
			out[i] = tick(i, clocks[s.process])
		} else {
			out[i] = witness(i, clocks[s.process], out[s.from])
		}
		clocks[s.process] = out[i]
	}
	return out
}

// The oracle, on a run small enough to see through.
func TestHappensBefore(t *testing.T) {
	g := graph{3, []step{
		{0, local}, // 0
		{1, local}, // 1
		{1, 0},     // 2: after 0 by its message, after 1 in its process
		{2, 2},     // 3: after all
		{0, local}, // 4: after 0 only
	}}
	var pairs [][2]int
	for a, row := range g.happensBefore() {
		for b, is := range row {
			if is {
				pairs = append(pairs, [2]int{a, b})
			}
		}
	}
	require.Equal(t, [][2]int{{0, 2}, {0, 3}, {0, 4}, {1, 2}, {1, 3}, {2, 3}}, pairs)
	require.Equal(t, []int{1, 1, 2, 3, 2}, g.chains(g.happensBefore(), func(int, int) bool { return true }))
}

func TestHappensBeforeIsAStrictPartialOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		before := g.happensBefore()
		for a := range before {
			require.False(t, before[a][a])
			for b := range before {
				require.False(t, before[a][b] && before[b][a])
				for c := range before {
					require.False(t, before[a][b] && before[b][c] && !before[a][c])
				}
			}
		}
	})
}
