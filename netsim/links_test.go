package netsim

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/sim"
)

// matrix is which of the links between n nodes a set holds, a line of "x" and
// "." per sender.
func matrix(l Links, n sim.NodeID) []string {
	var lines []string
	for from := sim.NodeID(1); from <= n; from++ {
		line := ""
		for to := sim.NodeID(1); to <= n; to++ {
			if l.Has(from, to) {
				line += "x"
			} else {
				line += "."
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func TestLinks(t *testing.T) {
	for _, c := range []struct {
		links  Links
		text   string
		matrix []string
	}{
		{Links{}, "all", []string{".xxxx", "x.xxx", "xx.xx", "xxx.x", "xxxx."}},
		{All(), "all", []string{".xxxx", "x.xxx", "xx.xx", "xxx.x", "xxxx."}},
		{From(), "→*", []string{".....", ".....", ".....", ".....", "....."}},
		{From(1, 3), "n1,n3→*", []string{".xxxx", ".....", "xx.xx", ".....", "....."}},
		{To(1, 3), "*→n1,n3", []string{"..x..", "x.x..", "x....", "x.x..", "x.x.."}},
		{OneWay(ids(1, 2), ids(3)), "n1,n2→n3", []string{"..x..", "..x..", ".....", ".....", "....."}},
		{Between(ids(1, 2), ids(2, 3)), "n1,n2↔n2,n3", []string{".xx..", "x.x..", "xx...", ".....", "....."}},
		{Isolate(1, 2), "n1,n2 alone", []string{".xxxx", "x.xxx", "xx...", "xx...", "xx..."}},
		{Groups(ids(1, 2), ids(3, 4, 5)), "n1,n2|n3,n4,n5", []string{"..xxx", "..xxx", "xx...", "xx...", "xx..."}},
		{Groups(ids(1), ids(2), ids(3, 4)), "n1|n2|n3,n4", []string{".xxx.", "x.xx.", "xx...", "xx...", "....."}},
		{Groups(ids(1, 2)), "n1,n2", []string{".....", ".....", ".....", ".....", "....."}},
		{Bridge(ids(1, 2), ids(3), ids(4, 5)), "n1,n2|(n3)|n4,n5", []string{"...xx", "...xx", ".....", "xx...", "xx..."}},
		{Ring(1, 2, 3, 4, 5), "ring n1,n2,n3,n4,n5", []string{"..xx.", "...xx", "x...x", "xx...", ".xx.."}},
		{Ring(3, 1, 2), "ring n3,n1,n2", []string{"..x..", "x....", ".x...", ".....", "....."}},
	} {
		require.Equal(t, c.text, c.links.String())
		require.Equal(t, c.matrix, matrix(c.links, 5), c.text)
	}
}

func TestRingLeavesDifferentMajorities(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(3, 100).Draw(t, "n")
		circle := make([]sim.NodeID, n)
		for i := range circle {
			circle[i] = sim.NodeID(i + 1)
		}
		circle = rapid.Permutation(circle).Draw(t, "circle")
		deaf := Ring(circle...).compile()
		views := map[string]bool{}
		for _, to := range circle {
			heard, view := 0, make([]byte, n)
			for from := range sim.NodeID(n) {
				if from+1 == to || !deaf.has(from+1, to, 0) {
					heard, view[from] = heard+1, 1
				}
			}
			require.Equal(t, n/2+1, heard)
			views[string(view)] = true
		}
		require.Len(t, views, n)
	})
}

// Lists are copied, ids that no node has are left out, and large ones are fine.
func TestLinksAreValues(t *testing.T) {
	list := ids(1, -5, 0, 1_000_000)
	l := From(list...)
	list[0] = 2
	require.True(t, l.Has(1, 3))
	require.False(t, l.Has(2, 3))
	require.False(t, l.Has(0, 3))
	require.False(t, l.Has(-5, 3))
	require.True(t, l.Has(1_000_000, 3))
	require.False(t, l.Has(1_000_001, 3))
	require.True(t, All().Has(-5, 3))
}

// A client's links are in a set only if it names that client.
func TestLinksOfClients(t *testing.T) {
	const server, client, other = 1, 8, 9
	for _, c := range []struct {
		links     Links
		to, fro   bool // between server and client
		clientsUp bool // from client to other, another client
	}{
		{All(), false, false, false},
		{Isolate(server), false, false, false},
		{From(server), false, false, false},
		{Isolate(client), true, true, true},
		{Isolate(server, client), true, true, true},
		{From(client), true, false, true},
		{To(client), false, true, false},
		{Groups(ids(server, 2), ids(client, 3)), true, true, false},
		{To(other), false, false, true},
	} {
		a := c.links.compile()
		require.Equal(t, c.to, a.has(client, server, fromClient), "%v: to the server", c.links)
		require.Equal(t, c.fro, a.has(server, client, toClient), "%v: to the client", c.links)
		require.Equal(t, c.clientsUp, a.has(client, other, fromClient|toClient), "%v: between clients", c.links)
	}
}
