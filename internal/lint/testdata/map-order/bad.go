package maporder

import (
	"iter"
	. "maps"
	keyed "maps"
	"net/url"
	"slices"
	"strings"
)

type ballots map[string]int

type votes = ballots

type holder struct{ ballots }

func bad(m map[string]int, b ballots, v votes, q url.Values, h *holder) {
	for k := range m { // want map-order "range over map\[string\]int"
		_ = k
	}
	for range m { // want map-order "range over map"
	}
	for _, n := range b { // want map-order "range over .*ballots"
		_ = n
	}
	for range v { // want map-order "range over"
	}
	for range q { // want map-order "range over url.Values"
	}
	for range h.ballots { // want map-order "range over"
	}
}

func generic[M ~map[K]V, K comparable, V any](m M) {
	for range m { // want map-order "range over M"
	}
}

type table[V any] interface{ map[string]V }

func constrained[T table[V], V any](m T) {
	for range m { // want map-order "range over T"
	}
}

func iterators(m map[string]int) {
	for range keyed.Keys(m) { // want map-order "maps.Keys"
	}
	for range keyed.All(m) { // want map-order "maps.All"
	}
	seq := Values(m) // want map-order "maps.Values"
	for range seq {
	}
	keys := slices.Collect(Keys(m)) // want map-order "maps.Keys"
	slices.Sort(keys)
	_ = slices.Sorted(filter(Keys(m)))                                // want map-order "maps.Keys"
	_ = slices.SortedFunc(Values(m), func(a, b int) int { return 0 }) // want map-order "maps.Values"
	walk := Keys[map[string]int]                                      // want map-order "maps.Keys"
	_ = slices.Sorted(walk(m))
	_ = slices.SortedFunc(slices.Values(keys), func(a, b string) int { return len(slices.Collect(Keys(m))) }) // want map-order "maps.Keys"
	DeleteFunc(m, func(string, int) bool { return false })                                                    // want map-order "maps.DeleteFunc"
	_ = EqualFunc(m, m, func(a, b int) bool { return a == b })                                                // want map-order "maps.EqualFunc"
	_ = slices.AppendSeq(keys, Keys(m))                                                                       // want map-order "maps.Keys"
	_ = sorter{}.Sorted(Keys(m))                                                                              // want map-order "maps.Keys"
	_ = strings.Join(keys, "")
}

func filter(seq iter.Seq[string]) iter.Seq[string] { return seq }

type sorter struct{}

func (sorter) Sorted(iter.Seq[string]) []string { return nil }
