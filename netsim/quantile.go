package netsim

import "math/bits"

// Quantiles in integers. A uniform draw w, read as the share w/2^64, has the
// quantile -ln w of the exponential distribution and w^(-1/α) of the Pareto
// distribution (Devroye 1986, II.2). Both come from -log2 w, which is the
// number of leading zeros of w and a table over the octave that remains; the
// second takes it through a table of 2^x over [0, 1].
//
// Tables have 1024 intervals, with linear interpolation. The error of -log2 w
// is below 1.8e-7, that of 2^x below 6e-8 of the value. So an exponential
// quantile is off by less than 1.3e-7 of the mean, a Pareto one by less than
// (1.3e-7/α + 6e-8) of its value; nanoseconds are rounded down on top.

//go:generate go run gen.go

const (
	one = 1 << 32    // 1 in the fixed point of logarithms
	ln2 = 2977044472 // ln 2 in the same
)

// negLog2 returns -log2(w/2^64) in fixed point; 0 counts as 1.
func negLog2(w uint64) uint64 {
	w |= b2i(w == 0)
	zeros := bits.LeadingZeros64(w)
	m := w << (zeros + 1) // the octave: 1/2 + m/2^65
	i, f := m>>54, m<<10>>32
	a, b := uint64(log2Table[i]), uint64(log2Table[i+1])
	// Table entries are in units of 2^-31, and fall from 1 to 0.
	return uint64(zeros)<<32 + a<<1 - (a-b)*f>>31
}

// exp2 returns 2^x for 0 <= x < one, in units of 2^-31.
func exp2(x uint64) uint64 {
	i, f := x>>22, x&(1<<22-1)
	a, b := uint64(exp2Table[i]), uint64(exp2Table[i+1])
	return 1<<31 + a + (b-a)*f>>22
}

// exponential is the quantile of an exponential distribution at w.
func exponential(w, mean uint64) uint64 {
	x, _ := bits.Mul64(negLog2(w)<<16, ln2<<16)
	hi, lo := bits.Mul64(mean, x)
	return hi<<32 | lo>>32
}

// exponentialTail is the w at which that quantile is span.
func exponentialTail(span, mean uint64) uint64 {
	if span>>8 >= mean {
		return 0 // less than one draw in 2^64 is beyond
	}
	hi, lo := bits.Mul64(span, one)
	x, _ := bits.Div64(hi, lo, mean)
	hi, lo = bits.Mul64(x, one)
	x, _ = bits.Div64(hi, lo, ln2)
	return exp2neg(x)
}

// pareto is the quantile at w of a Pareto distribution from least upwards,
// alpha in thousandths.
func pareto(w, least, alpha uint64) uint64 {
	x := negLog2(w) * 1000 / alpha
	if shift := x >> 32; shift < uint64(bits.LeadingZeros64(least)) {
		hi, lo := bits.Mul64(least<<shift, exp2(x&(one-1)))
		return hi<<33 | lo>>31
	}
	return 1 << 63
}

// paretoTail is the w at which that quantile is most.
func paretoTail(least, most, alpha uint64) uint64 {
	w, _ := bits.Div64(least, 0, most)
	return exp2neg(negLog2(w) * alpha / 1000)
}

// exp2neg returns the share 2^-x of 2^64; it has no word for 1, and gives the
// largest instead.
func exp2neg(x uint64) uint64 {
	if x == 0 {
		return 1<<64 - 1
	}
	whole := (x + one - 1) >> 32
	return exp2(whole<<32-x) << 32 >> (whole - 1)
}

func b2i(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
