//go:build race

// Package race says whether the race detector is on: then tests that measure are left to the runs without it, since it takes
// ten times as long.
package race

// On is whether it is.
const On = true
