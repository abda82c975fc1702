package sim

import (
	"math/bits"
	"reflect"
	"unsafe"
)

// hashStart is the hash of a run without steps.
const hashStart = 0x243f6a8885a308d3

// hashStep folds one step into the running hash: two products of independent
// words, so that the chain from step to step is one multiplication long.
func hashStep(h, at, who, packet, lamport, typ uint64) uint64 {
	h1, l1 := bits.Mul64(at^0x13198a2e03707344, who^0xa4093822299f31d0)
	h2, l2 := bits.Mul64(packet^0x082efa98ec4e6c89, (lamport+typ)^0x452821e638d01377)
	return (bits.RotateLeft64(h, 29)^h1^l2)*0xbe5466cf34e90c6d ^ l1 ^ h2
}

// typeIDs maps the dynamic type of a value to a hash of its name, which is
// stable over builds and processors. A small direct-mapped cache on the type's
// address makes it a load and a compare.
type typeIDs struct {
	types [128]unsafe.Pointer
	ids   [128]uint64
}

// of returns the id of v's type; 0 for nil.
func (t *typeIDs) of(v any) uint64 {
	typ := *(*unsafe.Pointer)(unsafe.Pointer(&v)) // the type word of an interface value
	if typ == nil {
		return 0
	}
	i := uint64(uintptr(typ)) * 0x9e3779b97f4a7c15 >> 57 //seedbed:ok address chooses a cache slot, never a value
	if t.types[i] == typ {
		return t.ids[i]
	}
	t.types[i], t.ids[i] = typ, layoutOf(v).id
	return t.ids[i]
}

// TypeName returns the stable name of v's type, package path included.
func TypeName(v any) string {
	if v == nil {
		return "nil"
	}
	return typeName(reflect.TypeOf(v))
}

func typeName(t reflect.Type) string {
	prefix := ""
	for t.Kind() == reflect.Pointer && t.Name() == "" {
		prefix += "*"
		t = t.Elem()
	}
	if t.Name() == "" || t.PkgPath() == "" {
		return prefix + t.String()
	}
	return prefix + t.PkgPath() + "." + t.Name()
}
