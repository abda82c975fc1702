package trace

import (
	"encoding/binary"
	"reflect"
	"unsafe"

	"github.com/seedbed-sim/seedbed/sim"
)

// looker tells by a hash whether a value changed, at a fraction of the cost of rendering it. Hashes cover what rendering
// may show: contents, never addresses. They are compared within one recording only.
type looker struct {
	shapes shapes
	iters  []*reflect.MapIter // free
	left   int                // values it may still look at
	whole  bool               // whether it has looked at everything
}

// seed starts a hash.
const seed = 0x9e3779b97f4a7c15

// begin gives the next hashes their budget.
func (l *looker) begin() { l.left, l.whole = maxValues, true }

// look hashes the value at addr into h.
func (l *looker) look(h uint64, s *shape, addr unsafe.Pointer, depth int) uint64 {
	if s.word {
		return sim.Mix(h ^ s.integer(addr))
	}
	if l.left--; l.left < 0 || depth == 0 {
		l.whole = false
		return h
	}
	if s.form == hidden {
		l.whole = l.whole && *(*uintptr)(addr) == 0 // a String method may make use of it
		return h
	}
	switch s.kind {
	case reflect.Pointer:
		to := *(*unsafe.Pointer)(addr)
		if to == nil {
			return sim.Mix(h + 1)
		}
		return l.look(h, s.elem, to, depth-1)
	case reflect.Interface:
		inner, addr := l.shapes.inside(s, addr)
		if inner == nil {
			return sim.Mix(h + 1)
		}
		return l.look(sim.Mix(h^inner.id), inner, addr, depth-1)
	case reflect.Struct:
		for i := range s.fields {
			f := &s.fields[i]
			h = l.look(h, f.shape, unsafe.Add(addr, f.offset), depth-1)
		}
		return h
	case reflect.String:
		return l.bytes(h, unsafe.Slice(unsafe.StringData(*(*string)(addr)), len(*(*string)(addr))))
	case reflect.Slice, reflect.Array:
		return l.list(h, s, addr, depth)
	case reflect.Map:
		return l.mapping(h, s, addr, depth)
	default: // complex numbers
		return l.bytes(h, unsafe.Slice((*byte)(addr), s.size))
	}
}

func (l *looker) list(h uint64, s *shape, addr unsafe.Pointer, depth int) uint64 {
	if s.elem.kind == reflect.Uint8 {
		return l.bytes(h, s.bytes(addr))
	}
	data, n := s.elems(addr)
	h = sim.Mix(h ^ uint64(n))
	l.whole = l.whole && n <= maxFirst+maxLast
	for i := range shown(n) {
		h = l.look(h, s.elem, unsafe.Add(data, uintptr(i)*s.elem.size), depth-1)
	}
	return h
}

// shown yields the indices of a slice of n elements that readers see: the first and last ones of a long one.
func shown(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := 0; i < n; i++ {
			if n > maxFirst+maxLast && i == maxFirst {
				i = n - maxLast
			}
			if !yield(i) {
				return
			}
		}
	}
}

// mapping adds up the hashes of the elements, since their order means nothing.
func (l *looker) mapping(h uint64, s *shape, addr unsafe.Pointer, depth int) uint64 {
	m := s.at(addr)
	n := m.Len()
	h = sim.Mix(h ^ uint64(n))
	if n == 0 || n > maxEntries {
		l.whole = l.whole && n == 0
		return h
	}
	key, val := s.key.place(), s.elem.place()
	sum := uint64(0)
	it := l.iter(m)
	for it.Next() {
		key.SetIterKey(it)
		val.SetIterValue(it)
		e := l.look(seed, s.key, key.Addr().UnsafePointer(), depth-1)
		sum += sim.Mix(l.look(sim.Mix(e+1), s.elem, val.Addr().UnsafePointer(), depth-1))
	}
	l.iters = append(l.iters, it)
	s.key.out(key)
	s.elem.out(val)
	return sim.Mix(h ^ sum)
}

// iter returns an iterator; whoever is done with it adds it to iters again.
func (l *looker) iter(m reflect.Value) *reflect.MapIter {
	n := len(l.iters)
	if n == 0 {
		return m.MapRange()
	}
	it := l.iters[n-1]
	l.iters = l.iters[:n-1]
	it.Reset(m)
	return it
}

func (l *looker) bytes(h uint64, b []byte) uint64 {
	h = sim.Mix(h ^ uint64(len(b)))
	if len(b) > maxLook {
		l.whole = false
		h = l.bytes(h, b[:maxLook/2])
		b = b[len(b)-maxLook/2:]
	}
	for ; len(b) >= 8; b = b[8:] {
		h = sim.Mix(h ^ binary.LittleEndian.Uint64(b))
	}
	if len(b) > 0 {
		var rest [8]byte
		copy(rest[:], b)
		h = sim.Mix(h ^ binary.LittleEndian.Uint64(rest[:]))
	}
	return h
}
