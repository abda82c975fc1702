//go:build race

package sim_test

// race says whether the race detector is on: it takes memory of its own.
const race = true
