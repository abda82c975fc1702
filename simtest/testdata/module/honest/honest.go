// Package honest keeps to the rules of the deterministic side.
package honest

import "slices"

// Sum adds in no order that could differ.
func Sum(numbers []int) (sum int) {
	for _, n := range slices.Sorted(slices.Values(numbers)) {
		sum += n
	}
	return sum
}
