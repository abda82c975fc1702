package nemesis

import (
	"encoding/binary"
	"math/bits"

	"pgregory.net/rapid"
)

// dice draws uniform numbers from rapid, whose integers favour small values or reject draws. They are made of the digits of
// floating-point numbers, see digits.
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

// roll puts new bits behind those that are left, as many as there is room for.
func (d *dice) roll() {
	d.frac &^= 1<<(64-d.left) - 1
	d.frac |= d.digits() << (64 - digitBits) >> d.left
	d.left = min(d.left+digitBits, 64)
}

// digits are digitBits random bits. Between 2^52 and 2^53 all floating-point numbers are whole, and rapid draws their
// digits at once and without any bias but one: it prefers the ends of the range. These are drawn again, but not for ever,
// since nothing else comes when rapid shrinks a plan, or makes one of no data.
func (d *dice) digits() uint64 {
	for range 8 {
		f := uint64(wholes.Draw(d.t, "")) //seedbed:ok float whole numbers below 2^53, which all processors have alike
		if f != leastWhole && f != mostWhole {
			return f - leastWhole
		}
	}
	return 0
}

const (
	digitBits  = 52
	leastWhole = 1 << digitBits
	mostWhole  = 2<<digitBits - 1
)

var wholes = rapid.Float64Range(leastWhole, mostWhole)

// FuzzInput is the input of rapid.MakeFuzz from which a Generator draws a plan of these bits, and of zeros behind them.
func FuzzInput(bits []byte) []byte {
	input := make([]byte, 0, mostRolls*len(digitWords)*8)
	for range max(mostRolls, (len(bits)+bytesPerRoll-1)/bytesPerRoll) {
		var eight [8]byte // six of them, above the lowest bits of the digits
		bits = bits[copy(eight[2:], bits[:min(bytesPerRoll, len(bits))]):]
		words := digitWords
		words[4] = binary.BigEndian.Uint64(eight[:])<<(digitBits-8*bytesPerRoll) | 1 // no end of the range
		for _, w := range words {
			input = binary.LittleEndian.AppendUint64(input, w)
		}
	}
	return input
}

const (
	bytesPerRoll = digitBits / 8
	mostRolls    = 1 << 10 // more than plans are drawn from
)

// digitWords are the numbers that rapid draws a number of wholes from: two coins, where there is nothing to choose, how
// often it prefers small numbers, at which we want an average, and what comes of it; the digits; and those behind the point.
var digitWords = [7]uint64{2: 1 << 52}
