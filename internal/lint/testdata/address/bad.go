package address

import (
	"reflect"
	"unsafe"
)

type word uintptr

func bad(x *int, v reflect.Value) {
	_ = uintptr(unsafe.Pointer(x)) // want address "an address as a number"
	_ = word(unsafe.Pointer(x))    // want address "an address as a number"
	_ = v.Pointer()                // want address "reflect.Value.Pointer"
	_ = v.UnsafeAddr()             // want address "reflect.Value.UnsafeAddr"
}

func generic[P ~unsafe.Pointer, W ~uintptr](p P) W {
	return W(p) // want address "an address as a number"
}
