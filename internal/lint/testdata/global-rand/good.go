package globalrand

import (
	old "math/rand"
	"math/rand/v2"
)

type dice struct{ *rand.Rand }

func good(seed uint64, d dice, xs []int) {
	var r *rand.Rand = rand.New(rand.NewPCG(seed, 1))
	_ = r.IntN(6)
	_ = d.Uint64N(6)
	_ = d.Perm
	r.Shuffle(len(xs), func(i, j int) {})
	_ = rand.NewChaCha8([32]byte{}).Uint64()
	_ = old.New(old.NewSource(int64(seed))).Intn(6)
	var pcg rand.Source = &rand.PCG{}
	var chacha *rand.ChaCha8
	var zipf *rand.Zipf //seedbed:ok float-draw only the source counts here
	_, _, _ = pcg, chacha, zipf
	var oldr *old.Rand
	var source old.Source
	var source64 old.Source64
	var oldZipf *old.Zipf = old.NewZipf(oldr, 2, 1, 9) //seedbed:ok float-draw only the source counts here
	_ = rand.NewZipf(r, 2, 1, 9)                       //seedbed:ok float-draw only the source counts here
	_, _, _ = source, source64, oldZipf
	{
		rand := d
		_ = rand.IntN(6)
	}
}
