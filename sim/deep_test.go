package sim

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// plainHash is DeepHash by reflection alone.
func plainHash(h uint64, v reflect.Value, depth int) uint64 {
	if depth > maxDepth {
		panic(fmt.Sprintf("sim: %s nests deeper than %d: a cycle?", v.Type(), maxDepth))
	}
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return Mix(h ^ 1)
		}
		return Mix(h)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return Mix(h ^ uint64(v.Int()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return Mix(h ^ v.Uint())
	case reflect.Float32, reflect.Float64:
		return bytesHash(h, fmt.Append(nil, v.Float()))
	case reflect.Complex64, reflect.Complex128:
		return bytesHash(h, fmt.Append(nil, v.Complex()))
	case reflect.String:
		return Mix(h ^ stringHash(v.String()) + uint64(v.Len()))
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return bytesHash(h, v.Bytes())
		}
		fallthrough
	case reflect.Array:
		h = Mix(h ^ uint64(v.Len()))
		for i := range v.Len() {
			h = plainHash(h, v.Index(i), depth+1)
		}
		return h
	case reflect.Struct:
		for i := range v.NumField() {
			h = plainHash(h, v.Field(i), depth+1)
		}
		return h
	case reflect.Map:
		h = Mix(h ^ uint64(v.Len()))
		for _, e := range plainEntries(v, depth) {
			h = plainHash(Mix(h^e.hash), e.value, depth+1)
		}
		return h
	case reflect.Interface:
		if v.IsNil() {
			return Mix(h)
		}
		e := v.Elem()
		return plainHash(Mix(h^stringHash(e.Type().String())), e, depth+1)
	case reflect.Pointer:
		if v.IsNil() {
			return Mix(h)
		}
		return plainHash(Mix(h^2), v.Elem(), depth+1)
	default: // Func, Chan, UnsafePointer
		if v.IsNil() {
			return Mix(h)
		}
		return Mix(h ^ 3)
	}
}

type plainEntry struct {
	hash  uint64 // of the key
	value reflect.Value
}

// plainEntries walks a map in an order that depends on its content alone.
func plainEntries(m reflect.Value, depth int) []plainEntry {
	es := make([]plainEntry, 0, m.Len())
	for it := m.MapRange(); it.Next(); {
		es = append(es, plainEntry{plainHash(hashStart, it.Key(), depth+1), it.Value()})
	}
	slices.SortFunc(es, func(a, b plainEntry) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		// Keys of equal content: pointers, or NaNs.
		return cmp.Compare(plainHash(hashStart, a.value, depth+1), plainHash(hashStart, b.value, depth+1))
	})
	return es
}

type leaves struct {
	B   bool
	I   int
	I8  int8
	I16 int16
	I32 int32
	I64 int64
	U   uint
	U8  uint8
	U16 uint16
	U32 uint32
	U64 uint64
	P   uintptr
	F32 float32
	F64 float64
	C   complex64
	S   string
	f   func()
	c   chan int
}

type branch struct {
	leaves
	Raw   []byte
	Names [2]string
	Any   any
	Err   error
	Next  *branch
	List  []branch
	ByKey map[string]*branch
	Ids   map[NodeID]uint64
	One   struct{ only *leaves }
	Keys  map[any]bool
	_     int16
}

func drawBranch(t *rapid.T, depth int) branch {
	b := branch{leaves: leaves{
		rapid.Bool().Draw(t, "b"), rapid.Int().Draw(t, "i"), rapid.Int8().Draw(t, "i8"), rapid.Int16().Draw(t, "i16"),
		rapid.Int32().Draw(t, "i32"), rapid.Int64().Draw(t, "i64"), rapid.Uint().Draw(t, "u"), rapid.Uint8().Draw(t, "u8"),
		rapid.Uint16().Draw(t, "u16"), rapid.Uint32().Draw(t, "u32"), rapid.Uint64().Draw(t, "u64"), 7,
		rapid.Float32().Draw(t, "f32"), rapid.Float64().Draw(t, "f64"), 1i, rapid.String().Draw(t, "s"), nil, nil,
	}}
	if rapid.Bool().Draw(t, "ports") {
		b.f, b.c = func() {}, make(chan int)
	}
	b.Raw, b.Names[1] = rapid.SliceOf(rapid.Byte()).Draw(t, "raw"), b.S
	one := &leaves{I: b.I}
	b.One.only = one
	b.Any = rapid.SampledFrom([]any{nil, 1, "x", one, *one, []int{3}, map[int]bool{1: true}, struct{ p *leaves }{one}, [1]*leaves{one},
		NodeID(3), Timer{Name: "t"}, (*branch)(nil), error(nil), [0]int{}, func() {}}).Draw(t, "any")
	b.Err = rapid.SampledFrom([]error{nil, errors.New("e"), ErrIO, fmt.Errorf("in: %w", ErrIO)}).Draw(t, "err")
	b.Ids = rapid.MapOf(rapid.Map(rapid.Int32(), func(i int32) NodeID { return NodeID(i) }), rapid.Uint64()).Draw(t, "ids")
	b.Keys = map[any]bool{b.I: true, b.S: false, b.B: true}
	if depth > 0 {
		for range rapid.IntRange(0, 2).Draw(t, "list") {
			b.List = append(b.List, drawBranch(t, depth-1))
		}
		next := drawBranch(t, depth-1)
		b.Next, b.ByKey = &next, map[string]*branch{"": nil, b.S: &next}
	}
	return b
}

// Reading values in place gives what reading them by reflection does.
func TestDeepHashIsThatOfReflection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := drawBranch(t, 2)
		for _, v := range []any{b, &b, b.Any, b.Err, b.leaves, b.Raw, b.Ids, b.ByKey, b.List, b.One, b.S, b.F32} {
			if v != nil {
				require.Equal(t, plainHash(stringHash(TypeName(v)), reflect.ValueOf(v), 0), DeepHash(v), "%T", v)
			}
		}
	})
}
