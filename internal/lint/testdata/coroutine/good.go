package coroutine

import (
	"iter"
	"slices"
)

type scheduler struct{ stops []func() }

func good(s *scheduler, xs []int, seq iter.Seq[int]) {
	for range slices.Values(xs) {
	}
	//seedbed:ok coroutine the scheduler stops it when the node dies
	_, stop := iter.Pull(seq)
	s.stops = append(s.stops, stop)
}
