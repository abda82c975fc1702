package gossip

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/seedbed-sim/seedbed/sim"
)

// Topology says whom sites contact. Sites are the nodes 1 to n. It is read only, and shared by all of them.
type Topology interface {
	// Partner draws the next site to contact; it is not self. There are two sites at least.
	Partner(r *rand.Rand, self sim.NodeID) sim.NodeID
	// Hops is how many contacts, one after the other, something may take from a site to another, by partners that are drawn
	// often. It says how long to wait, and is no bound.
	Hops() int
	String() string
}

// Uniform has each of n sites contact all others alike.
type Uniform int

func (n Uniform) Partner(r *rand.Rand, self sim.NodeID) sim.NodeID {
	to := sim.NodeID(1 + r.Uint64N(uint64(n-1)))
	if to >= self {
		to++
	}
	return to
}

// Hops is a logarithm, as twice as many sites know with each round.
func (n Uniform) Hops() int { return bits.Len(uint(n)) }

func (n Uniform) String() string { return "uniform" }

// Ring has each of n sites contact its two neighbours.
type Ring int

func (n Ring) Partner(r *rand.Rand, self sim.NodeID) sim.NodeID {
	step := 1
	if r.Uint64()&1 == 0 {
		step = int(n) - 1
	}
	return sim.NodeID((int(self)-1+step)%int(n) + 1)
}

func (n Ring) Hops() int { return int(n) / 2 }

func (n Ring) String() string { return "ring" }

// Grid is rows of sites, whose ends are joined. Each contacts its four neighbours. One row, or one column, is a ring.
type Grid struct{ Rows, Columns int }

func (g Grid) Partner(r *rand.Rand, self sim.NodeID) sim.NodeID {
	row, column := (int(self)-1)/g.Columns, (int(self)-1)%g.Columns
	way := r.Uint64N(4)
	switch { // a ring has two ways
	case g.Rows == 1:
		way |= 2
	case g.Columns == 1:
		way &= 1
	}
	switch way {
	case 0:
		row = (row + 1) % g.Rows
	case 1:
		row = (row + g.Rows - 1) % g.Rows
	case 2:
		column = (column + 1) % g.Columns
	default:
		column = (column + g.Columns - 1) % g.Columns
	}
	return sim.NodeID(row*g.Columns + column + 1)
}

func (g Grid) Hops() int { return g.Rows/2 + g.Columns/2 }

func (g Grid) String() string { return fmt.Sprintf("grid of %d×%d", g.Rows, g.Columns) }

// Spatial has sites on a line, which prefer those near to them: a site at distance d has a weight of Q(d)^-a, where Q(d) = 2d
// is the number of sites within that distance (Demers et al. 1987, section 3; a is at most 4). So the traffic over a link in
// the middle does not grow with the number of sites. With a = 0 all others are alike.
type Spatial struct {
	sites int
	a     int
	sums  []uint64 // by distance, from 1 on: the weights up to it; nil where a is 0
}

// NewSpatial has n sites, at least two, on a line.
func NewSpatial(n, a int) *Spatial {
	s := &Spatial{sites: n, a: a}
	if a == 0 {
		return s
	}
	s.sums = make([]uint64, n-1)
	sum := uint64(0)
	for d := 1; d < n; d++ {
		sum += weight(uint64(d), a)
		s.sums[d-1] = sum
	}
	return s
}

// weight is 2^50 / d^a, at least 1, for an a above 0: the sum over any number of sites that there may be is below 2^55. The
// factor 2^-a of Q(d)^-a is the same for all.
func weight(d uint64, a int) uint64 {
	power := uint64(1)
	for range a {
		hi, lo := bits.Mul64(power, d)
		if hi != 0 || lo > 1<<50 {
			return 1
		}
		power = lo
	}
	return 1 << 50 / power
}

// Partner draws a distance and a side, and both again where that is beyond an end of the line: to draw a distance again
// where there is none on either side, and to take the one side where there is no other, would count what is far from a site
// near an end twice.
func (s *Spatial) Partner(r *rand.Rand, self sim.NodeID) sim.NodeID {
	if s.a == 0 {
		return Uniform(s.sites).Partner(r, self)
	}
	for {
		x := r.Uint64N(s.sums[len(s.sums)-1])
		i, _ := slices.BinarySearch(s.sums, x+1)
		d := i + 1
		if r.Uint64()&1 == 0 {
			d = -d
		}
		if to := int(self) + d; 1 <= to && to <= s.sites {
			return sim.NodeID(to)
		}
	}
}

// Hops is the line from end to end. Only a steep a takes so many.
func (s *Spatial) Hops() int {
	if s.a == 0 {
		return Uniform(s.sites).Hops()
	}
	return s.sites - 1
}

func (s *Spatial) String() string { return fmt.Sprintf("spatial, exponent %d", s.a) }
