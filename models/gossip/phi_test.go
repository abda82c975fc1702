package gossip

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/sim"
)

func TestPhi(t *testing.T) {
	p := newPhiDetector(PhiConfig{Threshold: 3000, Window: 100, Least: time.Millisecond})
	stream := sim.NewStream(1, "phi")
	var list []float64
	for i := range 250 {
		took := stream.Between(20*time.Millisecond, 80*time.Millisecond)
		if _, ok := p.after(); i < phiEnough {
			require.False(t, ok, "it knows too little")
		}
		p.add(took)
		list = append(list, took.Seconds())
	}
	list = list[150:] // the window
	mean, squares := 0.0, 0.0
	for _, s := range list {
		mean += s / 100
	}
	for _, s := range list {
		squares += (s - mean) * (s - mean) / 100
	}
	deviation := math.Sqrt(squares)
	for _, threshold := range []int64{500, 1000, 3000, 8000, 16_000} {
		p.config.Threshold = threshold
		after, ok := p.after()
		require.True(t, ok)
		phi := -math.Log10(math.Erfc((after.Seconds()-mean)/deviation/math.Sqrt2) / 2)
		require.InEpsilon(t, float64(threshold)/1000, phi, 0.002, "the samples are in whole microseconds")
	}
	p.config.Threshold = 3000
	after, _ := p.after()
	require.InDelta(t, mean+3.0902*deviation, after.Seconds(), 1e-5, "one of a thousand is later")
}

func TestPhiOfAQuietNetwork(t *testing.T) {
	p := newPhiDetector(PhiConfig{Threshold: 1000, Window: 10, Least: 5 * time.Millisecond})
	for range 20 {
		p.add(10 * time.Millisecond)
	}
	after, _ := p.after()
	require.InDelta(t, 10+5*1.28155, float64(after)/1e6, 0.001)
	off := newPhiDetector(PhiConfig{})
	off.add(time.Second)
	_, ok := off.after()
	require.False(t, ok)
}
