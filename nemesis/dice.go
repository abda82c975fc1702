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
// Random Integer Generation in an Interval, 2019, section 3).
//
// The probability of each number is 1/n to within one part in 2^left, which leastBits bounds; so the probability of any
// interval of numbers is right to within one part in 2,000. Single values of a large range, such as the microseconds of a
// run, may differ more among themselves.
type dice struct {
	t    *rapid.T
	frac uint64 // of 2^64: the fraction that is left
	left int    // how many of its leading bits are random
}

const leastBits = 12

var coin = rapid.Bool()

// below is uniform over [0, n), n > 0.
func (d *dice) below(n int) int {
	cost := bits.Len64(uint64(n) - 1)
	if cost == 0 {
		return 0
	}
	if d.left < min(max(cost+1, leastBits), 64) {
		d.roll()
	}
	whole, frac := bits.Mul64(d.frac, uint64(n))
	d.frac, d.left = frac, d.left-cost
	return int(whole)
}

// roll draws as many bits as have been used up, behind those that are left. The leading ones come first: rapid shrinks
// those first.
func (d *dice) roll() {
	d.frac &^= 1<<(64-d.left) - 1
	for i := 63 - d.left; i >= 0; i-- {
		if coin.Draw(d.t, "") {
			d.frac |= 1 << i
		}
	}
	d.left = 64
}
