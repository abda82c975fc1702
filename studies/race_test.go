//go:build race

package studies_test

// race says whether the race detector is on: then what measures is left to the runs without it, since it takes ten times
// as long and has nothing that runs at once but whole worlds.
const race = true
