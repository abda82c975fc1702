package nemesis

import (
	"math/bits"

	"pgregory.net/rapid"
)

// dice draws uniform numbers from rapid. All public integer generators of rapid are biased towards small values or
// reject draws; Bool is neither, so numbers are made of it.
//
// A roll is a fraction in [0, 1) of so many random bits. Multiplied by n, its whole part is a number below n and what
// is left is a fraction again, for the next number: so one roll serves several, without any rejection (Lemire, Fast
// Random Integer Generation in an Interval, 2019, section 3). The cost is a bias that guardBits bounds.
type dice struct {
	t    *rapid.T
	frac uint64 // of 2^64: the fraction that is left
	left int    // how many of its leading bits are random
}

const (
	rollBits = 44 // enough for all of an operation
	// guardBits is how many bits a number costs beyond those of its range: no two values differ in probability by
	// more than one part in 2^guardBits.
	guardBits = 8
)

var coin = rapid.Bool()

// below is uniform over [0, n); n is positive and, to keep the bias down, at most 2^56.
func (d *dice) below(n int) int {
	cost := bits.Len64(uint64(n) - 1)
	if cost == 0 {
		return 0
	}
	if d.left < cost+guardBits {
		d.roll(min(max(rollBits, cost+guardBits), 64))
	}
	whole, frac := bits.Mul64(d.frac, uint64(n))
	d.frac, d.left = frac, d.left-cost
	return int(whole)
}

// roll draws the leading bits first: rapid shrinks those first.
func (d *dice) roll(n int) {
	var bits uint64
	for range n {
		bits <<= 1
		if coin.Draw(d.t, "") {
			bits |= 1
		}
	}
	d.frac, d.left = bits<<(64-n), n
}
