package gossip

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/sim"
)

// anyTopology draws one, and how many sites it has.
func anyTopology(t *rapid.T, most int) (Topology, int) {
	n := rapid.IntRange(2, most).Draw(t, "sites")
	switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); kind {
	case 0:
		return Uniform(n), n
	case 1:
		return Ring(n), n
	case 2:
		rows := rapid.IntRange(1, n).Draw(t, "rows")
		columns := max(n/rows, 1)
		return Grid{rows, columns}, rows * columns
	default:
		return NewSpatial(n, rapid.IntRange(0, 4).Draw(t, "exponent")), n
	}
}

func TestPartnersAreOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		topology, n := anyTopology(t, 200)
		self := sim.NodeID(rapid.IntRange(1, n).Draw(t, "self"))
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		for range 50 {
			to := topology.Partner(r, self)
			require.True(t, 1 <= to && int(to) <= n && to != self, "%v of %d: %v contacts %v", topology, n, self, to)
		}
	})
}

// partners is how often a site draws each other one.
func partners(topology Topology, n int, self sim.NodeID, draws int) []int {
	r := rand.New(rand.NewPCG(4711, uint64(self)))
	count := make([]int, n+1)
	for range draws {
		count[topology.Partner(r, self)]++
	}
	return count
}

// Each site can be reached from each other one, over partners that are drawn one time in ten at least, or that are as good
// as any, within Hops; rings and grids need all of these.
func TestTopologiesAreConnected(t *testing.T) {
	for _, c := range []struct {
		topology Topology
		sites    int
		hops     int // of the longest way
	}{
		{Uniform(2), 2, 1}, {Uniform(30), 30, 1}, {Ring(2), 2, 1}, {Ring(3), 3, 1}, {Ring(10), 10, 5}, {Ring(11), 11, 5},
		{Grid{1, 7}, 7, 3}, {Grid{7, 1}, 7, 3}, {Grid{1, 2}, 2, 1}, {Grid{2, 1}, 2, 1}, {Grid{2, 2}, 4, 2}, {Grid{3, 5}, 15, 3}, {Grid{4, 6}, 24, 5},
		{NewSpatial(2, 3), 2, 1}, {NewSpatial(20, 0), 20, 1}, {NewSpatial(20, 3), 20, 19}, {NewSpatial(20, 4), 20, 19},
	} {
		t.Run(fmt.Sprintf("%v, %d sites", c.topology, c.sites), func(t *testing.T) {
			often := 100
			if c.hops == 1 { // all others are alike
				often = 1
			}
			next := make([][]int, c.sites+1)
			for self := 1; self <= c.sites; self++ {
				for to, n := range partners(c.topology, c.sites, sim.NodeID(self), 1000) {
					if n >= often {
						next[self] = append(next[self], to)
					}
				}
			}
			longest := 0
			for self := 1; self <= c.sites; self++ {
				far := map[int]int{self: 0}
				for queue := []int{self}; len(queue) > 0; queue = queue[1:] {
					for _, to := range next[queue[0]] {
						if _, seen := far[to]; !seen {
							far[to] = far[queue[0]] + 1
							longest = max(longest, far[to])
							queue = append(queue, to)
						}
					}
				}
				require.Len(t, far, c.sites, "from n%d", self)
			}
			require.Equal(t, c.hops, longest)
			require.LessOrEqual(t, longest, c.topology.Hops())
		})
	}
}

// Neighbours on rings and grids are drawn alike.
func TestNeighboursAreAlike(t *testing.T) {
	for _, c := range []struct {
		topology Topology
		sites    int
		self     sim.NodeID
		want     []int
	}{
		{Ring(5), 5, 1, []int{2, 5}},
		{Ring(5), 5, 3, []int{2, 4}},
		{Grid{3, 4}, 12, 1, []int{2, 4, 5, 9}},
		{Grid{3, 4}, 12, 8, []int{4, 5, 7, 12}},
		{Grid{1, 4}, 4, 4, []int{1, 3}},
		{Grid{4, 1}, 4, 4, []int{1, 3}},
	} {
		const draws = 8000
		var drawn []int
		for to, n := range partners(c.topology, c.sites, c.self, draws) {
			if n > 0 {
				drawn = append(drawn, to)
				assert.InDelta(t, draws/len(c.want), n, 5*math.Sqrt(draws), "%v: %v contacts n%d", c.topology, c.self, to)
			}
		}
		require.Equal(t, c.want, drawn, "%v: %v", c.topology, c.self)
	}
}

// A partner is drawn by its distance alone: each site's share is d^-a over the sum of these, wherever on the line.
func TestSpatialDrawsByDistance(t *testing.T) {
	const draws = 200_000
	for _, n := range []int{2, 3, 10, 50} {
		for a := range 5 {
			topology := NewSpatial(n, a)
			for _, self := range slices.Compact([]int{1, 2, (n + 1) / 2, n}) {
				sum := 0.0
				share := func(to int) float64 { return math.Pow(math.Abs(float64(to-self)), -float64(a)) }
				for to := 1; to <= n; to++ {
					if to != self {
						sum += share(to)
					}
				}
				for to, got := range partners(topology, n, sim.NodeID(self), draws) {
					if to == 0 || to == self {
						continue
					}
					p := share(to) / sum
					assert.InDelta(t, draws*p, got, 5*math.Sqrt(draws*p*(1-p))+1, "%v of %d: n%d contacts n%d", topology, n, self, to)
				}
			}
		}
	}
}

// Large groups neither overflow the sum of weights nor leave anything out.
func TestSpatialOfManySites(t *testing.T) {
	const n, draws = 100_000, 20_000
	for a := range 5 {
		topology := NewSpatial(n, a)
		require.True(t, slices.IsSorted(topology.sums))
		r := rand.New(rand.NewPCG(1, 2))
		near, right := 0, 0
		for range draws {
			to := topology.Partner(r, n/2)
			if d := int(to) - n/2; d > 0 {
				right++
				if d <= 10 {
					near++
				}
			} else if d >= -10 {
				near++
			}
		}
		some, all := 0.0, 0.0
		for d := 1; d <= n/2; d++ {
			w := math.Pow(float64(d), -float64(a))
			all += w
			if d <= 10 {
				some += w
			}
		}
		assert.InDelta(t, draws/2, right, 5*math.Sqrt(draws)/2, "exponent %d", a)
		assert.InDelta(t, draws*some/all, near, 5*math.Sqrt(draws)/2, "exponent %d", a)
	}
}
