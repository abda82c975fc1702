package report_test

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// rgb is a colour in linear light, from 0 to 1.
type rgb [3]float64

func parseColour(t *testing.T, hex string) (c rgb) {
	for i := range c {
		n, err := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		require.NoError(t, err)
		if v := float64(n) / 255; v <= 0.03928 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return c
}

func (c rgb) luminance() float64 { return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2] }

// contrast is that of WCAG 2.1: from 1 to 21.
func contrast(a, b rgb) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// sights are how people see colours: matrices of Machado, Oliveira and Fernandes (2009), for severity 1.
var sights = map[string][3]rgb{
	"usual":        {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
	"protanopia":   {{0.152286, 1.052583, -0.204868}, {0.114503, 0.786281, 0.099216}, {-0.003882, -0.048116, 1.051998}},
	"deuteranopia": {{0.367322, 0.860646, -0.227968}, {0.280085, 0.672501, 0.047413}, {-0.011820, 0.042940, 0.968881}},
	"tritanopia":   {{1.255528, -0.076749, -0.178779}, {-0.078411, 0.930809, 0.147602}, {0.004733, 0.691367, 0.303900}},
}

func (c rgb) seen(m [3]rgb) (s rgb) {
	for i, row := range m {
		s[i] = min(1, max(0, row[0]*c[0]+row[1]*c[1]+row[2]*c[2]))
	}
	return s
}

// lab is the colour in CIE 1976 L*a*b*, in which distances are about as large as they look.
func (c rgb) lab() (l rgb) {
	f := func(v float64) float64 {
		if v > 0.008856 {
			return math.Cbrt(v)
		}
		return 7.787*v + 16.0/116
	}
	x := f((0.4124*c[0] + 0.3576*c[1] + 0.1805*c[2]) / 0.95047)
	y := f(c.luminance())
	z := f((0.0193*c[0] + 0.1192*c[1] + 0.9505*c[2]) / 1.08883)
	return rgb{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

func apart(a, b rgb) float64 {
	x, y := a.lab(), b.lab()
	return math.Sqrt((x[0]-y[0])*(x[0]-y[0]) + (x[1]-y[1])*(x[1]-y[1]) + (x[2]-y[2])*(x[2]-y[2]))
}

// Texts and marks can be read, in light and dark; colours that mean something can be told from each other, also by those
// who are colour blind.
func TestColours(t *testing.T) {
	style, err := os.ReadFile("page/style.css")
	require.NoError(t, err)
	value := regexp.MustCompile(`--(\w+): (#[0-9a-f]{6});`)
	colours := map[string]rgb{}
	for _, theme := range []string{`:root \{`, `:root\[data-theme=dark\] \{`} {
		block := regexp.MustCompile(theme + `[^}]*\}`).Find(style)
		for _, m := range value.FindAllSubmatch(block, -1) {
			colours[string(m[1])] = parseColour(t, string(m[2]))
		}
		for _, text := range []string{"ink", "quiet", "accent", "bad", "good"} {
			for _, ground := range []string{"paper", "panel", "rule", "news"} {
				require.GreaterOrEqual(t, contrast(colours[text], colours[ground]), 4.5, "%s %s on %s", theme, text, ground)
			}
		}
		marks := []string{"orange", "sky", "green", "blue", "vermillion", "purple"}
		for i, a := range marks {
			require.GreaterOrEqual(t, contrast(colours[a], colours["paper"]), 3.0, "%s %s", theme, a)
			for _, b := range marks[:i] {
				for name, m := range sights {
					require.Greater(t, apart(colours[a].seen(m), colours[b].seen(m)), 12.0, "%s %s and %s, with %s sight", theme, a, b, name)
				}
			}
		}
	}
	// Epochs next to each other in the strips of a log, and the text on them; they are the same in light and dark.
	var epochs []rgb
	for n := range 7 {
		m := regexp.MustCompile(fmt.Sprintf(`\.strip td\.e%d \{ background: (#[0-9a-f]{6}); \}`, n)).FindSubmatch(style)
		require.NotNil(t, m, n)
		epochs = append(epochs, parseColour(t, string(m[1])))
		require.GreaterOrEqual(t, contrast(epochs[n], parseColour(t, "#14181b")), 4.5, "the text on e%d", n)
	}
	for n := range 6 { // after the sixth comes the first again
		a, b := 1+n, 1+(n+1)%6
		for name, m := range sights {
			require.Greater(t, apart(epochs[a].seen(m), epochs[b].seen(m)), 12.0, "e%d and e%d, with %s sight", a, b, name)
		}
	}
	require.NotRegexp(t, `transition|animation|scroll-behavior`, string(style), "nothing moves, so there is nothing to reduce")
	require.NotRegexp(t, `font(-size)?:[^;}]*\dpx`, string(style), "texts scale with what the reader has set")
}
