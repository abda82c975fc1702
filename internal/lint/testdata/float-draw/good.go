package floatdraw

import "math/rand/v2"

type meter struct{}

func (meter) Float64() int { return 0 }

func good(r *rand.Rand, m meter) bool {
	return r.IntN(1_000_000) < 500_000 || m.Float64() == 0
}
