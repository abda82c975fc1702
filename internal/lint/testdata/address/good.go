package address

import "unsafe"

func good(x *int, n int) uintptr {
	_ = *(*uint)(unsafe.Pointer(x))
	_ = unsafe.Add(unsafe.Pointer(x), 0)
	return uintptr(n) + unsafe.Sizeof(n)
}
