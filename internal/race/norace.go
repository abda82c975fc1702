//go:build !race

package race

// On is whether it is.
const On = false
