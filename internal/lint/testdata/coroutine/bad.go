package coroutine

import (
	"iter"
	"slices"
)

func bad(xs []int) {
	next, stop := iter.Pull(slices.Values(xs)) // want coroutine "iter.Pull"
	pull := iter.Pull2[int, int]               // want coroutine "iter.Pull2"
	_, _, _ = next, stop, pull
}
