package sim

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"unsafe"
)

// maxDepth bounds how far DeepHash and Copy follow pointers: a message that is
// deeper is cyclic, or no message.
const maxDepth = 64

// DeepHash returns a hash of v's content: equal contents of equal types have
// equal hashes over runs, builds and processors. Maps are taken in key order.
// Functions and channels count by being nil or not. It panics on cycles.
func DeepHash(v any) uint64 {
	if v == nil {
		return 0
	}
	return deepHash(typeID(v), reflect.ValueOf(v), 0)
}

func deepHash(h uint64, v reflect.Value, depth int) uint64 {
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
		return bytesHash(h, fmt.Append(nil, v.Float())) //seedbed:ok float read and printed, never computed with
	case reflect.Complex64, reflect.Complex128:
		return bytesHash(h, fmt.Append(nil, v.Complex())) //seedbed:ok float read and printed, never computed with
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
			h = deepHash(h, v.Index(i), depth+1)
		}
		return h
	case reflect.Struct:
		for i := range v.NumField() {
			h = deepHash(h, v.Field(i), depth+1)
		}
		return h
	case reflect.Map:
		h = Mix(h ^ uint64(v.Len()))
		for _, e := range entriesByKey(v, depth) {
			h = deepHash(Mix(h^e.hash), e.value, depth+1)
		}
		return h
	case reflect.Interface:
		if v.IsNil() {
			return Mix(h)
		}
		e := v.Elem()
		return deepHash(Mix(h^stringHash(e.Type().String())), e, depth+1)
	case reflect.Pointer:
		if v.IsNil() {
			return Mix(h)
		}
		return deepHash(Mix(h^2), v.Elem(), depth+1)
	default: // Func, Chan, UnsafePointer
		if v.IsNil() {
			return Mix(h)
		}
		return Mix(h ^ 3)
	}
}

type mapEntry struct {
	hash  uint64 // of the key
	value reflect.Value
}

// entriesByKey walks a map in an order that depends on its content alone.
func entriesByKey(m reflect.Value, depth int) []mapEntry {
	es := make([]mapEntry, 0, m.Len())
	for it := m.MapRange(); it.Next(); { //seedbed:ok reflect-map sorted below
		es = append(es, mapEntry{deepHash(hashStart, it.Key(), depth+1), it.Value()})
	}
	slices.SortFunc(es, func(a, b mapEntry) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		// Keys of equal content: pointers, or NaNs.
		return cmp.Compare(deepHash(hashStart, a.value, depth+1), deepHash(hashStart, b.value, depth+1))
	})
	return es
}

func bytesHash(h uint64, p []byte) uint64 {
	h ^= uint64(len(p))
	for ; len(p) >= 8; p = p[8:] {
		h = Mix(h ^ (uint64(p[0]) | uint64(p[1])<<8 | uint64(p[2])<<16 | uint64(p[3])<<24 |
			uint64(p[4])<<32 | uint64(p[5])<<40 | uint64(p[6])<<48 | uint64(p[7])<<56))
	}
	for _, b := range p {
		h = (h ^ uint64(b)) * 0x100000001b3
	}
	return Mix(h)
}

// Copy returns a deep copy of a message, unexported fields included. Pointers
// that are shared inside the message come apart; functions and channels stay.
// It panics on cycles.
func Copy(v any) any {
	if v == nil {
		return nil
	}
	src := reflect.ValueOf(v)
	dst := reflect.New(src.Type()).Elem()
	dst.Set(src)
	detach(dst, 0)
	return dst.Interface()
}

// detach replaces everything that addressable v shares with its original.
func detach(v reflect.Value, depth int) {
	if depth > maxDepth {
		panic(fmt.Sprintf("sim: %s nests deeper than %d: a cycle?", v.Type(), maxDepth))
	}
	if !v.CanSet() { // an unexported field
		v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem() //seedbed:ok address only to write there
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			detach(v.Field(i), depth+1)
		}
	case reflect.Array:
		for i := range v.Len() {
			detach(v.Index(i), depth+1)
		}
	case reflect.Slice:
		if v.IsNil() {
			return
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(c, v)
		for i := range c.Len() {
			if !flat(c.Type().Elem()) {
				detach(c.Index(i), depth+1)
			}
		}
		v.Set(c)
	case reflect.Pointer:
		if v.IsNil() {
			return
		}
		c := reflect.New(v.Type().Elem())
		c.Elem().Set(v.Elem())
		detach(c.Elem(), depth+1)
		v.Set(c)
	case reflect.Interface:
		if v.IsNil() {
			return
		}
		c := reflect.New(v.Elem().Type()).Elem()
		c.Set(v.Elem())
		detach(c, depth+1)
		v.Set(c)
	case reflect.Map:
		if v.IsNil() {
			return
		}
		c := reflect.MakeMapWithSize(v.Type(), v.Len())
		for it := v.MapRange(); it.Next(); { //seedbed:ok reflect-map the order of insertion does not show
			e := reflect.New(v.Type().Elem()).Elem()
			e.Set(it.Value())
			detach(e, depth+1)
			c.SetMapIndex(it.Key(), e)
		}
		v.Set(c)
	}
}

// flat reports whether values of t share nothing when assigned.
func flat(t reflect.Type) bool {
	k := t.Kind()
	return k <= reflect.Complex128 || k == reflect.String
}
