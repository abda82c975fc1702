package trace

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"unsafe"
)

// maxChanges is how many changes of one handler are recorded; a last one counts the rest.
const maxChanges = 64

// differ finds what changed in a node's state since it looked last. Structs are taken apart into paths, also behind
// pointers and interfaces; maps and slices into their elements; all else is compared as a whole.
type differ struct {
	printer
	change func(path, before, after []byte)

	path    []byte           // of the struct at hand; ends in a point unless empty
	via     []unsafe.Pointer // that led to the struct at hand: a cycle ends where it began
	left    int              // values it may still visit
	changes int
}

// view is what readers have been told of a node.
type view struct {
	*shape
	root shadow
}

// shadow is what readers have been told of one value. The zero shadow is that of a zero value.
type shadow struct {
	known bool
	hash  uint64   // of a value compared as a whole; the value itself if that is a word
	text  []byte   // of a leaf
	inner *shape   // of a pointer or interface: the struct it leads to; nil for none
	kids  []shadow // of a struct, its fields; of a pointer or interface, what it leads to
	held  held     // of a value compared as a whole, or the elements of a slice, once it was the same twice
	items []entry  // of a map or slice: the elements shown
	spare []entry  // room for the next ones
	count int      // and how many there are
}

// settle reports what changed since its last call with this view.
func (d *differ) settle(v *view, state any) {
	s, addr := d.shapes.open(state)
	if s == nil {
		return
	}
	if v.shape != s {
		*v = view{shape: s}
	}
	d.left, d.changes, d.path, d.via = maxValues, 0, d.path[:0], d.via[:0]
	if s.kind == reflect.Struct && s.form != hidden { // even one with a String method
		d.via = append(d.via, addr)
		d.fields(s, addr, &v.root, maxDepth)
	} else {
		d.diff("state", s, addr, &v.root, maxDepth)
	}
	if d.changes > maxChanges {
		d.change([]byte("…"), nil, append(strconv.AppendInt(nil, int64(d.changes-maxChanges), 10), " more"...))
	}
}

// isStruct tells whether values show by their fields.
func isStruct(s *shape) bool { return s != nil && s.kind == reflect.Struct && s.form == plain }

// fields looks at the fields of a struct.
func (d *differ) fields(s *shape, addr unsafe.Pointer, sh *shadow, depth int) {
	if sh.kids == nil {
		sh.kids = make([]shadow, len(s.fields))
	}
	for i := range s.fields {
		f, kid := &s.fields[i], &sh.kids[i]
		at := unsafe.Add(addr, f.offset)
		if f.word && kid.known && kid.hash == f.integer(at) {
			continue // most fields, most of the time
		}
		d.diff(f.name, f.shape, at, kid, depth-1)
	}
}

// diff reports the changes in the value at addr, which is called name within d.path.
func (d *differ) diff(name string, s *shape, addr unsafe.Pointer, sh *shadow, depth int) {
	if d.left--; d.left < 0 || depth == 0 || s.form == hidden {
		return
	}
	if s.form != plain {
		d.leaf(name, s, addr, sh, depth)
		return
	}
	switch s.kind {
	case reflect.Struct:
		before := len(d.path)
		d.path = append(append(d.path, name...), '.')
		d.fields(s, addr, sh, depth)
		d.path = d.path[:before]
	case reflect.Pointer:
		if isStruct(s.elem) {
			d.follow(name, s.elem, *(*unsafe.Pointer)(addr), sh, depth)
			return
		}
		d.leaf(name, s, addr, sh, depth)
	case reflect.Interface:
		if inner, at := d.shapes.inside(s, addr); inner != nil && inner.kind == reflect.Pointer && isStruct(inner.elem) {
			d.follow(name, inner.elem, *(*unsafe.Pointer)(at), sh, depth)
			return
		}
		d.leaf(name, s, addr, sh, depth)
	case reflect.Map, reflect.Slice, reflect.Array:
		d.collection(name, s, addr, sh, depth)
	default:
		d.leaf(name, s, addr, sh, depth)
	}
}

// follow goes on with the struct behind a pointer.
func (d *differ) follow(name string, inner *shape, to unsafe.Pointer, sh *shadow, depth int) {
	if to == nil {
		inner = nil
	}
	if was := *sh; was.inner != inner {
		*sh = shadow{inner: inner}
		if was.inner != nil || was.text == nil {
			was.text = label(was.inner)
		}
		if was.known {
			d.report(name, was.text, label(inner))
		}
	}
	sh.known = true
	if to == nil || slices.Contains(d.via, to) {
		return
	}
	if sh.kids == nil {
		sh.kids = make([]shadow, 1)
	}
	d.via = append(d.via, to)
	d.diff(name, inner, to, &sh.kids[0], depth-1)
	d.via = d.via[:len(d.via)-1]
}

// label stands for what a pointer or interface leads to.
func label(s *shape) []byte {
	if s == nil {
		return []byte("nil")
	}
	return []byte(s.name + "{…}")
}

// leaf reports a value that is shown as a whole.
func (d *differ) leaf(name string, s *shape, addr unsafe.Pointer, sh *shadow, depth int) {
	h := uint64(0)
	if s.word {
		h = s.integer(addr)
	} else {
		if sh.held.same(s, addr, 1) {
			return
		}
		d.looker.begin()
		h = d.look(seed, s, addr, depth)
	}
	if sh.known && sh.hash == h && sh.inner == nil && (s.word || !d.unsure) {
		if !s.word && d.solid {
			sh.held = s.hold(addr, 1)
		}
		return
	}
	sh.held = held{}
	switch {
	case !sh.known:
		zero := s.place()
		sh.text = append(sh.text, d.render(s, zero.Addr().UnsafePointer(), depth)...)
		s.out(zero)
	case sh.inner != nil: // an interface that led to a struct
		*sh = shadow{text: label(sh.inner)}
	}
	sh.known, sh.hash = true, h
	if text := d.render(s, addr, depth); string(text) != string(sh.text) {
		d.report(name, sh.text, text)
		sh.text = append(sh.text[:0], text...)
	}
}

func (d *differ) render(s *shape, addr unsafe.Pointer, depth int) []byte {
	d.printer.begin(maxValue)
	d.print(s, addr, depth, false)
	return d.text(maxValue)
}

// collection reports the elements of a map or slice that changed, or all of them where there were none before or are
// none now.
func (d *differ) collection(name string, s *shape, addr unsafe.Pointer, sh *shadow, depth int) {
	if d.unchanged(s, addr, sh, depth) {
		return
	}
	was, before := sh.count, sh.items
	d.printer.begin(maxValue)
	if s.kind == reflect.Map {
		m := s.at(addr)
		if sh.items, sh.count = sh.spare[:0], m.Len(); sh.count <= maxEntries {
			sh.items = d.entries(s, m, depth, before, sh.items)
		}
	} else {
		sh.items, sh.count = d.shown(s, addr, depth, before, sh.spare[:0])
	}
	sh.spare = before
	large := s.kind == reflect.Map && max(was, sh.count) > maxEntries
	if was == 0 || sh.count == 0 || large {
		if old, now := whole(s, before, was), whole(s, sh.items, sh.count); old != now {
			d.report(name, bytesOf(old), bytesOf(now))
		}
		return
	}
	if s.kind != reflect.Map {
		if n := was - sh.count; n > 0 && was <= maxFirst+maxLast && slices.EqualFunc(before[n:], sh.items, sameValue) {
			d.items(name, true, before[:n], nil, n, 0) // a queue that moved up
			return
		}
	}
	d.items(name, s.kind == reflect.Map, before, sh.items, was, sh.count)
}

// unchanged tells whether a map or slice is as it was known to be; if not, it is known from now on.
func (d *differ) unchanged(s *shape, addr unsafe.Pointer, sh *shadow, depth int) bool {
	var h uint64
	d.looker.begin()
	if s.kind == reflect.Map {
		h = d.look(seed, s, addr, depth)
	} else {
		data, n := s.elems(addr)
		if sh.held.same(s.elem, data, n) {
			return true
		}
		if h = d.elements(seed, s, data, n, depth); sh.known && sh.hash == h && d.solid && !d.unsure && uintptr(n)*s.elem.size <= maxLook {
			sh.held = s.elem.hold(data, n)
			return true
		}
		sh.held = held{}
	}
	same := sh.known && sh.hash == h && !d.unsure
	sh.known, sh.hash = true, h
	return same
}

func sameValue(a, b entry) bool { return a.val == b.val }

// shown renders the elements of a slice that are shown, as entries does for a map.
func (d *differ) shown(s *shape, addr unsafe.Pointer, depth int, known, list []entry) ([]entry, int) {
	data, n := s.elems(addr)
	list = slices.Grow(list, min(n, maxFirst+maxLast))
	for i := range shown(n) {
		for len(known) > 0 && known[0].order < uint64(i) {
			known = known[1:]
		}
		var e entry
		if len(known) > 0 && known[0].order == uint64(i) {
			e = known[0]
		} else {
			e = entry{order: uint64(i), key: strconv.Itoa(i)}
		}
		d.element(&e, s.elem, unsafe.Add(data, uintptr(i)*s.elem.size), depth)
		list = append(list, e)
	}
	return list, n
}

// items reports the differences between two lists of elements. Elements of a slice that ceased or began to be shown
// while they were there all the time are not reported.
func (d *differ) items(name string, keyed bool, before, after []entry, was, count int) {
	for len(before) > 0 || len(after) > 0 {
		order := 0
		switch {
		case len(before) == 0:
			order = 1
		case len(after) == 0:
			order = -1
		default:
			order = cmp.Or(cmp.Compare(before[0].order, after[0].order), cmp.Compare(before[0].key, after[0].key))
		}
		var old, now entry
		if order <= 0 {
			old, before = before[0], before[1:]
		}
		if order >= 0 {
			now, after = after[0], after[1:]
		}
		switch {
		case order == 0 && old.val != now.val:
			d.reportItem(name, now.key, bytesOf(old.val), bytesOf(now.val))
		case order < 0 && (keyed || old.order >= uint64(count)):
			d.reportItem(name, old.key, bytesOf(old.val), nil)
		case order > 0 && (keyed || now.order >= uint64(was)):
			d.reportItem(name, now.key, nil, bytesOf(now.val))
		}
	}
}

// whole renders a map or slice from its elements.
func whole(s *shape, items []entry, count int) string {
	if s.kind == reflect.Map && count > maxEntries {
		return "{" + strconv.Itoa(count) + " entries}"
	}
	open, end := byte('['), byte(']')
	if s.kind == reflect.Map {
		open, end = '{', '}'
	}
	text, next := []byte{open}, uint64(0)
	for i, e := range items {
		if i > 0 {
			text = append(text, ' ')
		}
		if s.kind == reflect.Map {
			text = append(append(text, e.key...), ':')
		} else if e.order > next {
			text = append(text, "…"+strconv.FormatUint(e.order-next, 10)+" more… "...)
		}
		text = append(text, e.val...)
		next = e.order + 1
	}
	if text = append(text, end); len(text) > maxValue {
		text = clip(text, maxValue)
	}
	return string(text)
}

func (d *differ) reportItem(name, key string, before, after []byte) {
	start := len(d.path)
	d.path = append(append(append(append(d.path, name...), '['), key...), ']')
	d.report("", before, after)
	d.path = d.path[:start]
}

func (d *differ) report(name string, before, after []byte) {
	if d.changes++; d.changes > maxChanges {
		return
	}
	start := len(d.path)
	d.path = append(d.path, name...)
	path := d.path
	if len(path) > MaxText {
		path = clip(slices.Clone(path), MaxText)
	}
	d.change(path, before, after)
	d.path = d.path[:start]
}

// bytesOf returns the bytes of a text, to read.
func bytesOf(text string) []byte { return unsafe.Slice(unsafe.StringData(text), len(text)) }
