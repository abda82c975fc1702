//go:build !race

package studies_test

const race = false
