package floatdraw

import (
	old "math/rand"
	"math/rand/v2"
)

type dice struct{ *rand.Rand }

func bad(r *rand.Rand, o *old.Rand, d dice) bool {
	_ = o.NormFloat64()                       // want float-draw "rand.Rand.NormFloat64"
	_ = o.ExpFloat64()                        // want float-draw "rand.Rand.ExpFloat64"
	var z *old.Zipf = old.NewZipf(o, 2, 1, 9) // want float-draw "rand.Zipf" float-draw "rand.NewZipf"
	_ = z.Uint64()                            // want float-draw "rand.Zipf.Uint64"
	_ = o.Float32()                           // want float-draw "rand.Rand.Float32"
	_ = r.Float32()                           // want float-draw "rand.Rand.Float32"
	_ = r.NormFloat64()                       // want float-draw "rand.Rand.NormFloat64"
	_ = d.ExpFloat64()                        // want float-draw "rand.Rand.ExpFloat64"
	draw := r.Float64                         // want float-draw "rand.Rand.Float64"
	of := (*old.Rand).Float64                 // want float-draw "rand.Rand.Float64"
	tail := rand.NewZipf(r, 2, 1, 9)          // want float-draw "rand.NewZipf"
	_ = tail.Uint64()                         // want float-draw "rand.Zipf.Uint64"
	_ = 2 * r.Float64()                       // want float "float64" float-draw "rand.Rand.Float64"
	_, _ = draw, of
	return (r.Float64()) < 0.5 // want float-draw "rand.Rand.Float64"
}
