package clock

import (
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestTimeArithmeticSaturates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Int64().Draw(t, "a")
		b := rapid.Int64().Draw(t, "b")
		x, y := big.NewInt(a), big.NewInt(b)
		require.Equal(t, saturated(new(big.Int).Add(x, y)), int64(Time(a).Add(time.Duration(b))))
		require.Equal(t, saturated(new(big.Int).Sub(x, y)), int64(Time(a).Sub(Time(b))))
		require.Equal(t, a < b, Time(a).Before(Time(b)))
		require.Equal(t, a > b, Time(a).After(Time(b)))
	})
	for _, c := range []struct {
		t    Time
		d    time.Duration
		want Time
	}{
		{Never, 1, Never},
		{Never, -1, Never - 1},
		{earliest, -1, earliest},
		{earliest, time.Duration(Never), -1},
		{0, time.Duration(earliest), earliest},
	} {
		assert.Equal(t, c.want, c.t.Add(c.d))
	}
	assert.Equal(t, time.Duration(Never), Time(0).Sub(earliest))
	assert.Equal(t, time.Duration(earliest), Time(-2).Sub(Never))
}

func TestTimeString(t *testing.T) {
	for _, c := range []struct {
		t            Time
		short, exact string
	}{
		{0, "0.000s", "0.000000000s"},
		{12_402_000_017, "12.402s", "12.402000017s"},
		{12_402_999_999, "12.402s", "12.402999999s"},
		{999_999, "0.000s", "0.000999999s"},
		{-1_500_000_000, "-1.500s", "-1.500000000s"},
		{-1, "-0.000s", "-0.000000001s"},
		{Never, "never", "never"},
		{Never - 1, "9223372036.854s", "9223372036.854775806s"},
		{earliest, "-9223372036.854s", "-9223372036.854775808s"},
	} {
		assert.Equal(t, c.short, c.t.String())
		assert.Equal(t, c.exact, c.t.Exact())
	}
}
