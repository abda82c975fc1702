package globalrand

import (
	crypt "crypto/rand"
	old "math/rand"
	"math/rand/v2"
)

func bad(xs []int) {
	_ = rand.IntN(6)                         // want global-rand "rand.IntN"
	_ = rand.N(int64(6))                     // want global-rand "rand.N"
	_ = rand.Uint64()                        // want global-rand "rand.Uint64"
	rand.Shuffle(len(xs), func(i, j int) {}) // want global-rand "rand.Shuffle"
	draw := rand.Perm                        // want global-rand "rand.Perm"
	die := rand.N[int]                       // want global-rand "rand.N"
	_ = old.Intn(6)                          // want global-rand "rand.Intn"
	old.Seed(1)                              // want global-rand "rand.Seed"
	_, _ = old.Read(nil)                     // want global-rand "rand.Read"
	_, _ = crypt.Read(nil)                   // want global-rand "rand.Read"
	_ = crypt.Reader                         // want global-rand "rand.Reader"
	_ = crypt.Text()                         // want global-rand "rand.Text"
	_, _ = draw, die
}
