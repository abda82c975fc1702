package floats

import (
	"math"
	"slices"
	"strconv"
	"time"
)

type ratio float64

type link struct {
	loss ratio
	name string
}

func bad(n int, x float64, l *link, xs []float64, z complex128, any any) int {
	if x > 0.5 { // want float "float64"
		n++
	}
	if 0 < x && x < 1 || x > x { // want float "float64"
		n++
	}
	if l.loss == 0 { // want float "ratio"
		n++
	}
	switch x { // want float "float64"
	case 1:
	}
	n += int(x * 2)                            // want float "float64"
	half := float64(n) / 2                     // want float "float64"
	half++                                     // want float "float64"
	xs[0] = 1                                  // want float "float64"
	l.loss = 0.25                              // want float "ratio"
	_ = z == 0                                 // want float "complex128"
	_ = any.(float32)                          // want float "float32"
	_ = math.Sqrt(2)                           // want float "float64"
	_ = time.Second.Seconds()                  // want float "float64"
	parsed, err := strconv.ParseFloat("1", 64) // want float "float64"
	m := map[string]float64{"x": 1}
	y, ok := m["x"] // want float "float64"
	xs = append(xs,
		x*x+ // want float "float64"
			half)
	sum(func() int {
		return int(y) // want float "float64"
	}(), x) // want float "float64"
	slices.Sort(xs)      // want float "Sort made for a floating-point type"
	_ = largest[float64] // want float "largest made for a floating-point type"
	_ = twice(xs...)     // want float "float64"
	_, _ = parsed, err   // want float "float64"
	_ = ok
	return n
}

func sum(n int, x float64) {}

func twice(xs ...float64) float64 {
	return 2 * xs[0] * // want float "float64"
		func() float64 {
			return xs[1] // want float "float64"
		}()
}

func onlyFloats[F ~float32 | ~float64](f F) bool {
	return f > 1 // want float "value of type F"
}
