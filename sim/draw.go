package sim

import (
	"math/bits"
	"math/rand/v2"
	"time"
)

// PPM is a probability in parts per million.
type PPM int64

// Million is certainty.
const Million PPM = 1_000_000

// Stream is a named, counter-based sequence of draws: its k-th value is a pure
// function of the root seed, the stream's name and k. Adding a stream, or
// draws to a stream, disturbs no other. A Stream is a plain value; a copy
// repeats the original.
type Stream struct {
	key uint64
	k   uint64
}

// NewStream returns the stream of this name and these ids under a root seed.
func NewStream(seed uint64, name string, ids ...uint64) Stream {
	h := Mix(seed ^ 0x6a09e667f3bcc909)
	h = Mix(h ^ stringHash(name))
	for _, id := range ids {
		h = Mix(h ^ Mix(id+0x9e3779b97f4a7c15))
	}
	return Stream{key: h}
}

// At returns the k-th value, wherever the stream stands.
func (s Stream) At(k uint64) uint64 { return Mix(s.key + k*0x9e3779b97f4a7c15) }

// Next returns the next value, uniform over 64 bits.
func (s *Stream) Next() uint64 {
	s.k++
	return s.At(s.k)
}

// Below returns the next value scaled to [0, n); n must be positive.
func (s *Stream) Below(n uint64) uint64 { return Scale(s.Next(), n) }

// Between returns a duration in [lo, hi].
func (s *Stream) Between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(s.Below(uint64(hi-lo)+1))
}

// Chance is true with probability p.
func (s *Stream) Chance(p PPM) bool { return Chance(s.Next(), p) }

// Rand returns a generator of its own, seeded from the stream's name.
func (s Stream) Rand() *rand.Rand {
	return rand.New(rand.NewPCG(s.At(1<<63), s.At(1<<63+1)))
}

// generator is the Rand of a stream and its source in one piece, for worlds of very many nodes. It must not be copied.
type generator struct {
	rand.Rand
	source rand.PCG
}

func (g *generator) seed(s Stream) {
	g.source.Seed(s.At(1<<63), s.At(1<<63+1))
	g.Rand = *rand.New(&g.source)
}

// Scale maps a uniform 64-bit draw onto [0, n) by the high half of a product
// (Lemire 2019, without the rejection: the bias is below n/2^64).
func Scale(draw, n uint64) uint64 {
	hi, _ := bits.Mul64(draw, n)
	return hi
}

// Chance is true for a share p of all 64-bit draws.
func Chance(draw uint64, p PPM) bool { return Scale(draw, uint64(Million)) < uint64(max(p, 0)) }

// Mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection
// that turns counters into draws.
func Mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}

// stringHash is FNV-1a: stable over builds and processors.
func stringHash(s string) uint64 {
	h := uint64(0xcbf29ce484222325)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return h
}
