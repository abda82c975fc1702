package gossip

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func fixFloat(x int64) float64 { return float64(x) / fixOne }

func TestFixLogarithmsAreThoseOfMath(t *testing.T) {
	for x := uint64(1); x < 1<<62; x += 1 + x/7 {
		require.InDelta(t, math.Log2(float64(x)), fixFloat(fixLog2(x)), 1e-6, "log2 %d", x)
		for _, base := range []uint64{2, 3, 4, 10} {
			require.InDelta(t, math.Log(float64(x))/math.Log(float64(base)), fixFloat(fixLog(x, base)), 1e-6, "log%d %d", base, x)
		}
	}
}

func TestFixPhiIsThatOfMath(t *testing.T) {
	last := int64(-1)
	for z := int64(phiLeast * phiOne); z <= phiMost*phiOne; z += 37 {
		want := -math.Log10(math.Erfc(float64(z)/phiOne/math.Sqrt2) / 2)
		got := fixPhi(z)
		require.InDelta(t, want, fixFloat(got), 1e-6, "z = %d/%d", z, phiOne)
		require.GreaterOrEqual(t, got, last, "it grows")
		last = got
	}
	require.Equal(t, fixPhi(phiMost*phiOne), fixPhi(100*phiOne))
	require.Equal(t, fixPhi(phiLeast*phiOne), fixPhi(-100*phiOne))
}

func TestFixPhiInverse(t *testing.T) {
	for phi := int64(fixOne / 100); phi < 30*fixOne; phi += fixOne / 7 {
		z := fixPhiInverse(phi)
		require.GreaterOrEqual(t, fixPhi(z), phi)
		require.Less(t, fixPhi(z-1), phi)
	}
}

func TestFixArithmetic(t *testing.T) {
	require.Equal(t, int64(5_000_000_000), fixMul(2_000_000_000, 5*fixOne/2))
	require.InDelta(t, 2.0/3, fixFloat(fixDiv(2*fixOne, 3*fixOne)), 1e-9)
	for _, n := range []int64{0, 1, 2, 3, 4, 99, 100, 1 << 40, 1<<62 - 1, math.MaxInt64} {
		r := fixRoot(n)
		require.LessOrEqual(t, r*r, n)
		require.InDelta(t, math.Sqrt(float64(n)), float64(r), 1)
	}
}
