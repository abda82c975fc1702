package cli

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/internal/seeds"
	"github.com/seedbed-sim/seedbed/scenarios"
)

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	of := func(s seeds.Ranges, spent time.Duration) (*sweep, *progress) {
		out.Reset()
		one := &sweep{app: &app{stderr: &out}, list: make([]*scenarios.Scenario, 2), seeds: s, spent: spent}
		p := one.startProgress()
		p.stop()
		require.Empty(t, out.String(), "a sweep that is over at once says nothing")
		p.begin("toy/good")
		p.done.Store(150)
		p.failed.Store(7)
		p.start = time.Now().Add(-10 * time.Second)
		return one, p
	}
	hundred := seeds.Ranges{{First: 1, Last: 100}}

	s, p := of(hundred, 0)
	s.lines(p)(false)
	require.Equal(t, "10s: 150 of 200 seeds, 7 failed, 15 seeds/s; toy/good\n", out.String())

	s, p = of(nil, time.Minute)
	s.lines(p)(false)
	require.Equal(t, "10s: 150 seeds, 7 failed, 15 seeds/s; toy/good\n", out.String())

	s, p = of(hundred, 0)
	bar := s.bar(p)
	bar(false)
	require.Regexp(t, `toy/good, 7 failed +75% .*\(150/200\)`, out.String())
	p.done.Store(200)
	bar(false)
	require.NotContains(t, out.String(), "100%", "it is not over yet")
	bar(true)
	require.Regexp(t, `\r$`, out.String(), "the bar leaves no trace")

	s, p = of(nil, 40*time.Second)
	s.bar(p)(false)
	require.Regexp(t, `toy/good, 7 failed +25% `, out.String())
	require.NotContains(t, out.String(), "(150")
}

func TestIsTerminal(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/file")
	require.NoError(t, err)
	defer file.Close()
	require.False(t, isTerminal(file))
	require.False(t, isTerminal(new(bytes.Buffer)))
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	defer w.Close()
	require.False(t, isTerminal(w))
}
