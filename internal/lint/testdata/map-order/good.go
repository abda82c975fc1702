package maporder

import (
	"cmp"
	"maps"
	sorting "slices"
	"strings"
)

func good(m map[string]int, list []string, text string) {
	for _, k := range sorting.Sorted(maps.Keys(m)) {
		_ = m[k]
	}
	for _, n := range sorting.Sorted((maps.Values(m))) {
		_ = n
	}
	_ = sorting.Sorted[string](maps.Keys[map[string]int](m))
	_ = sorting.Sorted(maps.Keys[map[string]int, string](m))
	_ = sorting.SortedFunc(maps.Keys(m), strings.Compare)
	_ = sorting.SortedStableFunc(maps.Keys(m), cmp.Compare[string])
	for range list {
	}
	for range text {
	}
	for range len(m) {
	}
	for range sorting.Values(list) {
	}
	delete(m, "x")
	clear(m)
	maps.Copy(m, maps.Clone(m))
	_ = maps.Equal(m, m)
}

type graph struct{ edges []int }

func (graph) Keys(map[string]int) []string { return nil }

func shadowed(m map[string]int) {
	var maps graph
	for range maps.Keys(m) {
	}
}

// A name says nothing: this map is a slice.
type mapOfVotes []int

func sliced[S ~[]E, E any](s S, m mapOfVotes) {
	for range s {
	}
	for range m {
	}
}

func marked(m map[string]int) (sum int) {
	//seedbed:ok map-order a sum has no order
	for _, n := range m {
		sum += n
	}
	return sum
}
