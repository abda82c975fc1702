package clock

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func lamports(g graph) []Lamport {
	return stamps(g,
		func(_ int, own Lamport) Lamport { return own.Tick() },
		func(_ int, own, seen Lamport) Lamport { return own.Witness(seen) })
}

// Happens-before implies less, and a reading says nothing more than the length of the longest chain.
func TestLamportFollowsHappensBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		before := g.happensBefore()
		clocks := lamports(g)
		for a := range clocks {
			for b := range clocks {
				if before[a][b] {
					require.Less(t, clocks[a], clocks[b], "steps %d and %d", a, b)
				}
			}
		}
		for i, length := range g.chains(before, func(int, int) bool { return true }) {
			require.EqualValues(t, length, clocks[i], "step %d", i)
		}
	})
}

func TestLamportDoesNotImplyHappensBefore(t *testing.T) {
	g := graph{2, []step{{0, local}, {1, local}, {1, local}}}
	clocks := lamports(g)
	assert.Less(t, clocks[0], clocks[2])
	assert.False(t, g.happensBefore()[0][2])
}

// Stamps order the steps of a run totally, and as they could have happened.
func TestStampsAreATotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		before := g.happensBefore()
		type stamped struct {
			Stamp
			step int
		}
		var all []stamped
		for i, l := range lamports(g) {
			all = append(all, stamped{Stamp{l, g.steps[i].process}, i})
		}
		slices.SortFunc(all, func(a, b stamped) int { return a.Compare(b.Stamp) })
		for i, a := range all {
			for j, b := range all {
				require.Equal(t, i < j, a.Before(b.Stamp), "%v and %v", a, b)
				require.Equal(t, i == j, a.Stamp == b.Stamp, "%v and %v", a, b)
				if before[a.step][b.step] {
					require.Less(t, i, j, "%v and %v", a, b)
				}
			}
		}
	})
}

func TestStampCompare(t *testing.T) {
	assert.Equal(t, -1, Stamp{7, 3}.Compare(Stamp{8, -1}))
	assert.Equal(t, +1, Stamp{7, 3}.Compare(Stamp{7, -3}))
	assert.Zero(t, Stamp{7, 3}.Compare(Stamp{7, 3}))
	assert.Equal(t, "7@3", Stamp{7, 3}.String())
}
