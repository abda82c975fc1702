package sim

import (
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The id of a type is that of its name, however many types fall on one slot of
// the cache, and in whichever order they are asked for.
func TestTypeIDsDoNotDependOnTheCache(t *testing.T) {
	var values []any
	for n := range 1000 { // far more than slots, so that all of them are shared
		values = append(values, reflect.Zero(reflect.ArrayOf(n, reflect.TypeFor[int8]())).Interface())
	}
	values = append(values, 1, "x", t, struct{}{}, &struct{ A int }{}, []NodeID{1}, NodeID(1))
	shared := map[int]int{}
	var forth, back typeIDs
	for round := range 3 {
		for i, v := range values {
			require.Equal(t, stringHash(TypeName(v)), forth.of(v), "%T in round %d", v, round)
			require.Equal(t, stringHash(TypeName(v)), forth.of(v), "%T again", v)
			other := values[len(values)-1-i]
			require.Equal(t, stringHash(TypeName(other)), back.of(other), "%T", other)
		}
	}
	for i := range forth.types {
		if forth.types[i] != back.types[i] {
			shared[i]++
		}
	}
	assert.NotEmpty(t, shared, "the caches differ, their answers do not")
	assert.EqualValues(t, 0, forth.of(nil))
}

type named struct{}

type generic[T any] struct{}

func TestTypeNames(t *testing.T) {
	const pkg = "github.com/seedbed-sim/seedbed/sim."
	for want, v := range map[string]any{
		"nil":                             nil,
		"int":                             1,
		pkg + "named":                     named{},
		"*" + pkg + "named":               &named{},
		"**" + pkg + "named":              new(*named),
		"[]sim.named":                     []named{},
		pkg + "generic[int]":              generic[int]{},
		pkg + "generic[" + pkg + "named]": generic[named]{},
		"map[string]*sim.named":           map[string]*named{},
		"struct { A int }":                struct{ A int }{},
	} {
		assert.Equal(t, want, TypeName(v))
	}
}

// Keys of equal content, as pointers can be, do not let the order of a map into
// the hash.
func TestDeepHashOfKeysOfEqualContent(t *testing.T) {
	hashes := map[uint64]bool{}
	for range 50 {
		m := map[*int]string{}
		for _, v := range []string{"a", "b", "c", "d"} {
			m[new(int)] = v
		}
		hashes[DeepHash(m)] = true
	}
	assert.Len(t, hashes, 1)
}

// The step hash tells apart what differs in any of its words, and in order.
func TestHashStepTellsStepsApart(t *testing.T) {
	base := [6]uint64{hashStart, 1000, uint64(KindDeliver) | 1<<8 | 2<<36, 17, 23, stringHash("x")}
	h := func(w [6]uint64) uint64 { return hashStep(w[0], w[1], w[2], w[3], w[4], w[5]) }
	for _, words := range [][]int{{0, 1, 2, 3, 4}, {0, 1, 2, 3, 5}} { // Lamport time and type are added up: the latter is a hash
		seen := []uint64{h(base)}
		for _, i := range words {
			for bit := range 64 {
				w := base
				w[i] ^= 1 << bit
				seen = append(seen, h(w))
			}
		}
		slices.Sort(seen)
		assert.Equal(t, 1+64*len(words), len(slices.Compact(seen)))
	}
	a := hashStep(hashStep(hashStart, 1, 2, 3, 4, 5), 6, 7, 8, 9, 10)
	b := hashStep(hashStep(hashStart, 6, 7, 8, 9, 10), 1, 2, 3, 4, 5)
	assert.NotEqual(t, a, b)
}
