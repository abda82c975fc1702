package sim

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
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
	l, w := layoutOf(v), (*words)(unsafe.Pointer(&v))
	switch {
	case !l.direct:
		return l.hash(l.id, w.data, 0)
	case l.kind == reflect.Pointer && w.data != nil: // most messages
		return l.elem.hash(Mix(l.id^2), w.data, 1)
	default:
		word := w.data
		return l.hash(l.id, unsafe.Pointer(&word), 0)
	}
}

// A layout is how values of one type lie in memory, found by reflection once
// per process: hashing then reads them in place. Nothing is ever written.
type layout struct {
	typ    reflect.Type
	kind   reflect.Kind
	size   uintptr
	direct bool    // interfaces hold the value itself: it is one pointer and nothing else
	id     uint64  // hash of the type's stable name
	name   uint64  // hash of the name that interfaces are hashed with
	parts  []part  // of a struct
	elem   *layout // of a pointer, slice, array or map
	key    *layout // of a map
	len    int     // of an array
}

// part is a field of a struct.
type part struct {
	*layout
	offset uintptr
}

// words is how an interface lies in memory. typ is the type's address or, of an
// interface with methods, that of a table that no other type has.
type words struct{ typ, data unsafe.Pointer }

// layouts remembers layouts by type for all worlds of the process, recent those
// met last by the first word of an interface: both are pure functions.
var (
	layouts sync.Map                          //seedbed:ok sync only a memory of a pure function
	recent  [256]atomic.Pointer[recentLayout] //seedbed:ok sync see layouts
)

type recentLayout struct {
	typ unsafe.Pointer
	*layout
}

// layoutOf returns the layout of what v holds, which is not nil.
func layoutOf(v any) *layout {
	typ := (*words)(unsafe.Pointer(&v)).typ
	if l := lately(typ); l != nil {
		return l
	}
	return met(typ, reflect.TypeOf(v))
}

func slot(typ unsafe.Pointer) uint64 {
	return uint64(uintptr(typ)) * 0x9e3779b97f4a7c15 >> 56 //seedbed:ok address chooses a cache slot, never a value
}

// lately returns the layout for the first word of an interface if it was among
// those met last, or nil.
func lately(typ unsafe.Pointer) *layout {
	if r := recent[slot(typ)].Load(); r != nil && r.typ == typ { //seedbed:ok sync see layouts
		return r.layout
	}
	return nil
}

func met(typ unsafe.Pointer, t reflect.Type) *layout {
	l := newLayout(t)
	recent[slot(typ)].Store(&recentLayout{typ, l}) //seedbed:ok sync see layouts
	return l
}

func newLayout(t reflect.Type) *layout {
	if l, ok := layouts.Load(t); ok { //seedbed:ok sync see layouts
		return l.(*layout)
	}
	l := new(layout)
	l.read(t, map[reflect.Type]*layout{t: l})
	layouts.Store(t, l) //seedbed:ok sync see layouts
	return l
}

// read fills in the layout of t. Above has those of the types that led here, for
// types that hold themselves.
func (l *layout) read(t reflect.Type, above map[reflect.Type]*layout) {
	of := func(t reflect.Type) *layout {
		inner := above[t]
		if inner == nil {
			inner = new(layout)
			above[t] = inner
			inner.read(t, above)
		}
		return inner
	}
	*l = layout{typ: t, kind: t.Kind(), size: t.Size(), id: stringHash(typeName(t)), name: stringHash(t.String())}
	switch l.kind {
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			l.parts = append(l.parts, part{of(f.Type), f.Offset})
		}
		l.direct = len(l.parts) == 1 && l.parts[0].direct
	case reflect.Array:
		l.elem, l.len = of(t.Elem()), t.Len()
		l.direct = l.len == 1 && l.elem.direct
	case reflect.Slice:
		l.elem = of(t.Elem())
	case reflect.Pointer:
		l.elem, l.direct = of(t.Elem()), true
	case reflect.Map:
		l.key, l.elem, l.direct = of(t.Key()), of(t.Elem()), true
	case reflect.Chan, reflect.Func, reflect.UnsafePointer:
		l.direct = true
	}
}

// hash adds the value at p to h.
func (l *layout) hash(h uint64, p unsafe.Pointer, depth int) uint64 {
	if depth > maxDepth {
		panic(fmt.Sprintf("sim: %s nests deeper than %d: a cycle?", l.typ, maxDepth))
	}
	switch l.kind {
	case reflect.Bool, reflect.Uint8:
		return Mix(h ^ uint64(*(*uint8)(p)))
	case reflect.Int:
		return Mix(h ^ uint64(*(*int)(p)))
	case reflect.Uint, reflect.Uintptr:
		return Mix(h ^ uint64(*(*uint)(p)))
	case reflect.Int64, reflect.Uint64:
		return Mix(h ^ *(*uint64)(p))
	case reflect.Int32:
		return Mix(h ^ uint64(*(*int32)(p)))
	case reflect.Uint32:
		return Mix(h ^ uint64(*(*uint32)(p)))
	case reflect.Int16:
		return Mix(h ^ uint64(*(*int16)(p)))
	case reflect.Uint16:
		return Mix(h ^ uint64(*(*uint16)(p)))
	case reflect.Int8:
		return Mix(h ^ uint64(*(*int8)(p)))
	case reflect.String:
		s := *(*string)(p)
		return Mix(h ^ stringHash(s) + uint64(len(s)))
	case reflect.Slice:
		s := *(*[]byte)(p) // of any elements; only the length is right
		if l.elem.kind == reflect.Uint8 {
			return bytesHash(h, s)
		}
		return l.elem.list(h, unsafe.Pointer(unsafe.SliceData(s)), len(s), depth)
	case reflect.Array:
		return l.elem.list(h, p, l.len, depth)
	case reflect.Struct:
		for i := range l.parts {
			f := &l.parts[i]
			at := unsafe.Add(p, f.offset)
			if f.kind == reflect.Uint64 { // what messages are mostly made of
				h = Mix(h ^ *(*uint64)(at))
				continue
			}
			h = f.hash(h, at, depth+1)
		}
		return h
	case reflect.Interface:
		w := (*words)(p)
		if w.typ == nil {
			return Mix(h)
		}
		e := lately(w.typ)
		if e == nil {
			e = met(w.typ, reflect.NewAt(l.typ, p).Elem().Elem().Type())
		}
		if e.direct {
			return e.hash(Mix(h^e.name), unsafe.Pointer(&w.data), depth+1)
		}
		return e.hash(Mix(h^e.name), w.data, depth+1)
	case reflect.Pointer:
		to := *(*unsafe.Pointer)(p)
		if to == nil {
			return Mix(h)
		}
		return l.elem.hash(Mix(h^2), to, depth+1)
	case reflect.Map:
		return l.entries(h, p, depth)
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		if *(*unsafe.Pointer)(p) == nil {
			return Mix(h)
		}
		return Mix(h ^ 3)
	default: // floats and complex numbers
		v := reflect.NewAt(l.typ, p).Elem()
		if v.CanFloat() {
			return bytesHash(h, fmt.Append(nil, v.Float())) //seedbed:ok float read and printed, never computed with
		}
		return bytesHash(h, fmt.Append(nil, v.Complex())) //seedbed:ok float read and printed, never computed with
	}
}

// list adds n values behind one another.
func (l *layout) list(h uint64, p unsafe.Pointer, n, depth int) uint64 {
	h = Mix(h ^ uint64(n))
	for i := range n {
		h = l.hash(h, unsafe.Add(p, uintptr(i)*l.size), depth+1)
	}
	return h
}

type mapEntry struct {
	hash  uint64 // of the key
	value reflect.Value
}

// entries adds a map, in an order that depends on its content alone.
func (l *layout) entries(h uint64, p unsafe.Pointer, depth int) uint64 {
	m := reflect.NewAt(l.typ, p).Elem()
	h = Mix(h ^ uint64(m.Len()))
	if m.Len() == 0 {
		return h
	}
	es := make([]mapEntry, 0, m.Len())
	key := reflect.New(l.key.typ)
	for it := m.MapRange(); it.Next(); { //seedbed:ok reflect-map sorted below
		key.Elem().SetIterKey(it) //seedbed:ok reflect-map as above
		value := reflect.New(l.elem.typ)
		value.Elem().SetIterValue(it) //seedbed:ok reflect-map as above
		es = append(es, mapEntry{l.key.hash(hashStart, key.UnsafePointer(), depth+1), value})
	}
	valueHash := func(h uint64, e *mapEntry) uint64 { return l.elem.hash(h, e.value.UnsafePointer(), depth+1) }
	slices.SortFunc(es, func(a, b mapEntry) int {
		if a.hash != b.hash {
			return cmp.Compare(a.hash, b.hash)
		}
		// Keys of equal content: pointers, or NaNs.
		return cmp.Compare(valueHash(hashStart, &a), valueHash(hashStart, &b))
	})
	for i := range es {
		h = valueHash(Mix(h^es[i].hash), &es[i])
	}
	return h
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
