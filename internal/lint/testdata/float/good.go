package floats

import (
	"cmp"
	"math/big"
	"time"
)

// A constant is exact, in whatever type it ends up.
const (
	third = 1.0 / 3
	delay = time.Duration(1.5 * float64(time.Second))
	limit = int(2.5 * 4)
)

type config struct{ Rate float64 }

func good(n int, d time.Duration) bool {
	whole := n * 1e3
	ppm := n * 1_000_000 / limit
	_ = config{Rate: 0.5}
	_ = []float64{0.5, third}
	_ = new(big.Rat).SetFrac64(1, 3)
	return whole > ppm || d > delay || largest(n, ppm) == n
}

func largest[T cmp.Ordered](a, b T) T {
	if a < b {
		return b
	}
	return a
}

type float64s struct{ n int }

func shadowed() int {
	type float64 int
	x := float64(3)
	return int(x / 2)
}

func marked(done, all int) int {
	return int(100 * float64(done) / float64(all)) //seedbed:ok float a percentage for readers
}
