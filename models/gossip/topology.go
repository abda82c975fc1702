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
	// Partner draws the next site to contact; it is not self.
	Partner(r *rand.Rand, self sim.NodeID) sim.NodeID
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

func (n Ring) String() string { return "ring" }

// Grid is rows of sites, whose ends are joined. Each contacts its four neighbours.
type Grid struct{ Rows, Columns int }

func (g Grid) Partner(r *rand.Rand, self sim.NodeID) sim.NodeID {
	row, column := (int(self)-1)/g.Columns, (int(self)-1)%g.Columns
	way := r.Uint64N(4)
	if g.Rows == 1 { // a ring
		way |= 2
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

func (g Grid) String() string { return fmt.Sprintf("grid of %d×%d", g.Rows, g.Columns) }

// Spatial has sites on a line, which prefer those near to them: one at distance d has a weight of Q(d)^-a, where Q(d) = 2d is
// the number of sites within that distance (Demers et al. 1987, section 3; a is at most 4). So the traffic over a link in
// the middle does not grow with the number of sites.
type Spatial struct {
	sites int
	a     int
	sums  []uint64 // by distance, from 1 on: the weights up to it
}

// NewSpatial has n sites, at least two, on a line.
func NewSpatial(n, a int) *Spatial {
	s := &Spatial{sites: n, a: a, sums: make([]uint64, n-1)}
	sum := uint64(0)
	for d := 1; d < n; d++ {
		sum += weight(uint64(d), a)
		s.sums[d-1] = sum
	}
	return s
}

// weight is 2^50 / d^a, at least 1. The factor 2^-a of Q(d)^-a is the same for all.
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

func (s *Spatial) Partner(r *rand.Rand, self sim.NodeID) sim.NodeID {
	for { // a distance that is too far on both sides is drawn again
		x := r.Uint64N(s.sums[len(s.sums)-1])
		i, _ := slices.BinarySearch(s.sums, x+1)
		d := sim.NodeID(i + 1)
		left, right := self > d, int(self+d) <= s.sites
		switch {
		case left && (!right || r.Uint64()&1 == 0):
			return self - d
		case right:
			return self + d
		}
	}
}

func (s *Spatial) String() string { return fmt.Sprintf("spatial, exponent %d", s.a) }
