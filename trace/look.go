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
	shapes *shapes
	iters  []*reflect.MapIter // free
	left   int                // values it may still look at
	whole  bool               // whether it has looked at everything
	unsure bool               // whether it has not looked at everything of a value that a method may make use of
	solid  bool               // whether all it has looked at is told by its own memory, see held
}

// held is a copy of values as they lie in memory. What they point to is kept from being used anew by the copy, and what
// strings and interfaces point to never changes: so if they are solid, the same memory means that nothing has changed.
type held struct {
	at unsafe.Pointer // nil for nothing held
	n  int            // values
}

// hold copies n values of a shape that lie behind one another.
func (s *shape) hold(addr unsafe.Pointer, n int) held {
	room := reflect.MakeSlice(reflect.SliceOf(s.typ), n, n)
	for i := range n {
		room.Index(i).Set(s.at(unsafe.Add(addr, uintptr(i)*s.size)))
	}
	return held{room.UnsafePointer(), n}
}

// same tells whether n values of a shape are those that are held.
func (h held) same(s *shape, addr unsafe.Pointer, n int) bool {
	if h.at == nil || h.n != n {
		return false
	}
	size := uintptr(n) * s.size
	return string(unsafe.Slice((*byte)(h.at), size)) == string(unsafe.Slice((*byte)(addr), size))
}

// seed starts a hash.
const seed = 0x9e3779b97f4a7c15

// begin gives the next hashes their budget.
func (l *looker) begin() { l.left, l.whole, l.unsure, l.solid = maxValues, true, false, true }

// look hashes the value at addr into h.
func (l *looker) look(h uint64, s *shape, addr unsafe.Pointer, depth int) uint64 {
	if s.word {
		return sim.Mix(h ^ s.integer(addr))
	}
	if s.form != verbal {
		return l.parts(h, s, addr, depth)
	}
	before := l.whole
	l.whole = true
	h = l.parts(h, s, addr, depth)
	l.unsure = l.unsure || !l.whole
	l.whole = l.whole && before
	return h
}

// parts hashes a value that is no word.
func (l *looker) parts(h uint64, s *shape, addr unsafe.Pointer, depth int) uint64 {
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
		l.solid = false
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
	l.solid = l.solid && s.kind == reflect.Array
	if s.elem.kind == reflect.Uint8 {
		return l.bytes(h, s.bytes(addr))
	}
	data, n := s.elems(addr)
	return l.elements(h, s, data, n, depth)
}

// elements hashes those of a slice or array, without what the slice itself is.
func (l *looker) elements(h uint64, s *shape, data unsafe.Pointer, n, depth int) uint64 {
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
	l.solid = false
	n := len(*(*map[int]int)(addr)) // of any map
	h = sim.Mix(h ^ uint64(n))
	switch {
	case n == 0 || n > maxEntries:
		l.whole = l.whole && n == 0
		return h
	case s.sum != nil:
		return sim.Mix(h ^ s.sum(addr))
	}
	m := s.at(addr)
	key, val := s.key.place(), s.elem.place()
	sum, left := uint64(0), l.left
	share := left / n // of each, so that what is looked at does not depend on their order
	it := l.iter(m)
	for it.Next() {
		l.left = share
		key.SetIterKey(it)
		val.SetIterValue(it)
		e := l.look(seed, s.key, key.Addr().UnsafePointer(), depth-1)
		sum += sim.Mix(l.look(sim.Mix(e+1), s.elem, val.Addr().UnsafePointer(), depth-1))
		left -= share - max(l.left, 0)
	}
	l.left = left
	l.iters = append(l.iters, it)
	s.key.out(key)
	s.elem.out(val)
	return sim.Mix(h ^ sum)
}

// sumOf returns the sum for maps of words, which many states have and reflection is slow at; nil for others. Such a map is
// read as one of unsigned words of the same sizes, which lies in memory just so.
func sumOf(key, val *shape) func(addr unsafe.Pointer) uint64 {
	if !key.word || !val.word || key.kind > reflect.Uint64 {
		return nil
	}
	switch [2]uintptr{key.size, val.size} {
	case [2]uintptr{4, 1}:
		return sum[uint32, uint8]
	case [2]uintptr{4, 4}:
		return sum[uint32, uint32]
	case [2]uintptr{4, 8}:
		return sum[uint32, uint64]
	case [2]uintptr{8, 1}:
		return sum[uint64, uint8]
	case [2]uintptr{8, 4}:
		return sum[uint64, uint32]
	case [2]uintptr{8, 8}:
		return sum[uint64, uint64]
	}
	return nil
}

type unsigned interface{ uint8 | uint32 | uint64 }

func sum[K, V unsigned](addr unsafe.Pointer) (sum uint64) {
	for k, v := range *(*map[K]V)(addr) {
		sum += sim.Mix(sim.Mix(seed^uint64(k)) ^ uint64(v))
	}
	return sum
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
