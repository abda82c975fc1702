package gossip

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/sim"
)

// The formula of section IV.B, in floating point.
func TestSuspicionTimeoutIsThatOfThePaper(t *testing.T) {
	c := DefaultSwim()
	c.Lifeguard = DefaultSwimLifeguard()
	for _, n := range []int{2, 5, 10, 64, 1000, 100_000} {
		least, most, all := c.SuspicionTimeouts(n)
		want := 5 * max(1, math.Log10(float64(n))) * float64(time.Second)
		require.InEpsilon(t, want, float64(least), 1e-6)
		if n == 2 {
			require.Equal(t, []any{least, 0}, []any{most, all}, "there is nobody else to ask")
			continue
		}
		require.Equal(t, []any{6 * least, 3}, []any{most, all})
		for confirmations := range 6 {
			share := math.Log(float64(confirmations)+1) / math.Log(float64(all)+1)
			want := math.Max(float64(least), float64(most)-float64(most-least)*share)
			require.InEpsilon(t, want, float64(SwimSuspicionTimeout(least, most, confirmations, all)), 1e-6)
		}
	}
	c.Lifeguard = SwimLifeguard{}
	least, most, _ := c.SuspicionTimeouts(64)
	require.Equal(t, least, most, "plain SWIM has one")
}

func TestIndependentConfirmationsShortenASuspicion(t *testing.T) {
	r := swimRecorder(t, swimWithLifeguard)
	timer := sim.Timer{Name: swimSuspicionTimer, Key: 3}
	suspect := func(by sim.NodeID) time.Duration {
		r.Receive(2, &SwimAck{Updates: []SwimUpdate{{Member: 3, SwimState: SwimState{1, SwimSuspect}, By: by}}})
		left, armed := r.Armed(timer)
		require.True(t, armed)
		return left
	}
	require.Equal(t, 30*time.Second, suspect(2))
	require.Equal(t, 30*time.Second, suspect(2), "it has said so before")
	require.InDelta(t, 17.5*float64(time.Second), float64(suspect(4)), 1e4)
	r.Advance(time.Second)
	require.InDelta(t, 30-25*math.Log(3)/math.Log(4)-1, suspect(5).Seconds(), 1e-5)
	require.InDelta(t, 4*float64(time.Second), float64(suspect(1)), 1e4)
	require.Equal(t, []SwimSeconded{{3, 1, 4}, {3, 1, 5}, {3, 1, 1}}, swimFacts[SwimSeconded](r))
}

func TestLocalHealth(t *testing.T) {
	for _, c := range []struct {
		probe swimProbe
		want  int
	}{
		{swimProbe{acked: true}, -1},
		{swimProbe{acked: true, relays: 3}, -1},
		{swimProbe{}, 1},
		{swimProbe{relays: 3}, 3},
		{swimProbe{relays: 3, nacks: []sim.NodeID{4, 5}}, 1},
		{swimProbe{relays: 3, nacks: []sim.NodeID{3, 4, 5}}, 0},
	} {
		require.Equal(t, c.want, c.probe.verdict(), "%+v", c.probe)
	}

	r := swimRecorder(t, swimWithLifeguard)
	_, ping := swimFirstPing(t, r)
	r.Receive(2, &SwimNack{ping.Seq})
	r.Receive(2, &SwimNack{ping.Seq}) // its copy
	require.Len(t, swimFacts[SwimNacked](r), 1)

	r = swimRecorder(t, swimWithLifeguard)
	swimFirstPing(t, r)
	r.Advance(time.Second)
	require.Equal(t, 3, swimNode(r).Health(), "nobody has answered")
	left, _ := r.Armed(swimPeriod)
	require.Greater(t, left, 3900*time.Millisecond)
	left, _ = r.Armed(swimDirect)
	require.Greater(t, left, 1900*time.Millisecond)
	r.Advance(time.Minute)
	require.Equal(t, 8, swimNode(r).Health(), "no worse than that")
	r.Receive(2, &SwimPing{Updates: []SwimUpdate{{Member: 1, SwimState: SwimState{1, SwimSuspect}}}})
	require.Equal(t, 8, swimNode(r).Health())
}
