package clock

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func hybrids(g graph, walls []Time) []Hybrid {
	return stamps(g,
		func(i int, own Hybrid) Hybrid { return own.Tick(walls[i]) },
		func(i int, own, seen Hybrid) Hybrid { return own.Witness(walls[i], seen) })
}

// drawWalls draws a wall clock reading per step, of clocks in any state at all: they disagree, stand still and go back.
func drawWalls(t *rapid.T, g graph) []Time {
	walls := make([]Time, len(g.steps))
	for i := range walls {
		walls[i] = Time(rapid.Int64Range(1, 12).Draw(t, "wall"))
	}
	return walls
}

// What holds however bad the wall clocks are.
func TestHybridFollowsHappensBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		before := g.happensBefore()
		walls := drawWalls(t, g)
		clocks := hybrids(g, walls)
		for b := range clocks {
			greatest := walls[b]
			for a := range clocks {
				if before[a][b] {
					require.True(t, clocks[a].Before(clocks[b]), "steps %d and %d: %v and %v", a, b, clocks[a], clocks[b])
					greatest = max(greatest, walls[a])
				}
			}
			require.Equal(t, greatest, clocks[b].Wall, "step %d: the wall part is the greatest reading of its past", b)
		}
		sharesWall := func(last, s int) bool { return clocks[s].Wall == clocks[last].Wall }
		for i, length := range g.chains(before, sharesWall) {
			require.EqualValues(t, length-1, clocks[i].Count, "step %d: the counter is the longest chain under one wall part", i)
		}
	})
}

func TestHybridDoesNotImplyHappensBefore(t *testing.T) {
	g := graph{2, []step{{0, local}, {1, local}}}
	clocks := hybrids(g, []Time{10, 11})
	assert.True(t, clocks[0].Before(clocks[1]))
	assert.False(t, g.happensBefore()[0][1])
}

// What wall clocks within ε of one another add: the distance from physical time, and the counter, are bounded.
func TestHybridStaysNearPhysicalTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := drawGraph(t)
		epsilon := rapid.Int64Range(0, 6).Draw(t, "epsilon")
		skews := make([]Skew, g.processes)
		for p := range skews {
			skews[p].Jump(ns(rapid.Int64Range(0, epsilon).Draw(t, "offset")))
		}
		// Steps of one process are at least one tick of its clock apart; steps of several may coincide.
		walls, now, last := make([]Time, len(g.steps)), Time(1), make([]Time, g.processes)
		for i, s := range g.steps {
			now = max(now, last[s.process]+1) + Time(max(0, rapid.Int64Range(-6, 3).Draw(t, "pause")))
			last[s.process] = now
			walls[i] = skews[s.process].Wall(now)
		}
		for i, h := range hybrids(g, walls) {
			require.GreaterOrEqual(t, h.Wall, walls[i], "step %d", i)
			require.LessOrEqual(t, h.Ahead(walls[i]), time.Duration(epsilon), "step %d", i)
			require.LessOrEqual(t, h.Count, uint64(g.processes)*uint64(epsilon+1), "step %d", i)
		}
	})
}

// Figure 5, case by case: whichever of the own clock, the message and the wall clock is ahead gives the wall part.
func TestHybridCases(t *testing.T) {
	own := Hybrid{Wall: 10, Count: 3}
	for _, c := range []struct {
		name string
		wall Time
		seen Hybrid
		want Hybrid
	}{
		{"wall clock ahead", 12, Hybrid{11, 5}, Hybrid{12, 0}},
		{"message ahead", 10, Hybrid{11, 5}, Hybrid{11, 6}},
		{"message ahead, wall clock level with it", 11, Hybrid{11, 5}, Hybrid{11, 6}},
		{"own clock ahead", 9, Hybrid{9, 5}, Hybrid{10, 4}},
		{"own clock ahead, wall clock level with it", 10, Hybrid{9, 5}, Hybrid{10, 4}},
		{"message level, its counter ahead", 9, Hybrid{10, 5}, Hybrid{10, 6}},
		{"message level, its counter behind", 9, Hybrid{10, 1}, Hybrid{10, 4}},
		{"all level", 10, Hybrid{10, 3}, Hybrid{10, 4}},
	} {
		assert.Equal(t, c.want, own.Witness(c.wall, c.seen), c.name)
	}
	assert.Equal(t, Hybrid{11, 0}, own.Tick(11))
	assert.Equal(t, Hybrid{10, 4}, own.Tick(10))
	assert.Equal(t, Hybrid{10, 4}, own.Tick(2), "a wall clock that went back")
}

func TestHybridString(t *testing.T) {
	assert.Equal(t, "12.402s+3", Hybrid{12_402_000_000, 3}.String())
	assert.Equal(t, -2*time.Nanosecond, Hybrid{Wall: 5}.Ahead(7))
}
