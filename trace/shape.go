package trace

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"

	"github.com/seedbed-sim/seedbed/sim"
)

// Limits of what is rendered of a value, and looked at to see whether it changed.
const (
	maxDepth   = 8    // levels of structs, pointers and collections; deeper ones show as "…"
	maxEntries = 32   // elements: longer slices show their first and last ones, larger maps their size
	maxValue   = 256  // bytes of text of one value in a state
	maxLook    = 4096 // bytes of one string or []byte looked at for changes: half at each end
	maxValues  = 4096 // values looked at in one state; what lies behind them is taken to be unchanged
	maxTexts   = 1024 // texts remembered of one type with a String method
)

// A shape is how values of one type are read: compiled once per type, so that only maps and interfaces cost reflection.
// Values are read in place, unexported fields included, and never written.
type shape struct {
	typ    reflect.Type
	kind   reflect.Kind
	form   form
	id     uint64 // of this recording
	size   uintptr
	name   string            // without packages; empty for predeclared and unnamed types
	fields []field           // of a struct
	elem   *shape            // of a pointer, slice, array or map
	key    *shape            // of a map
	free   []reflect.Value   // addressable values to copy into what cannot be read in place
	texts  map[uint64]string // of a verbal one, by the hash of the value
}

// field is a field of a struct.
type field struct {
	*shape
	name   string
	offset uintptr
}

// form is how a value shows.
type form uint8

const (
	plain  form = iota // by its kind
	verbal             // by its Error or String method
	node               // a sim.NodeID, by its name
	bytes              // a []byte or a [n]byte
	timer              // a sim.Timer
	scoped             // a sim.Scoped
	hidden             // not at all: functions, channels, and ports of the engine
)

var (
	errorType    = reflect.TypeFor[error]()
	stringerType = reflect.TypeFor[fmt.Stringer]()

	formsOf = map[reflect.Type]form{
		reflect.TypeFor[sim.NodeID](): node,
		reflect.TypeFor[sim.Timer]():  timer,
		reflect.TypeFor[sim.Scoped](): scoped,
		// What a node holds of the engine is none of its state.
		reflect.TypeFor[sim.Env]():    hidden,
		reflect.TypeFor[sim.Disk]():   hidden,
		reflect.TypeFor[sim.File]():   hidden,
		reflect.TypeFor[*rand.Rand](): hidden,
		reflect.TypeFor[*rand.PCG]():  hidden,
		reflect.TypeFor[*sim.World](): hidden,
	}
)

// shapes is a cache by type.
type shapes map[reflect.Type]*shape

func (c shapes) of(t reflect.Type) *shape {
	if s := c[t]; s != nil {
		return s
	}
	s := &shape{typ: t, kind: t.Kind(), form: formOf(t), id: uint64(len(c)), size: t.Size(), name: typeName(t)}
	c[t] = s
	if s.form == hidden {
		return s
	}
	switch s.kind {
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.Name != "_" {
				s.fields = append(s.fields, field{c.of(f.Type), f.Name, f.Offset})
			}
		}
	case reflect.Map:
		s.key, s.elem = c.of(t.Key()), c.of(t.Elem())
	case reflect.Pointer, reflect.Slice, reflect.Array:
		s.elem = c.of(t.Elem())
	}
	return s
}

func formOf(t reflect.Type) form {
	if f, ok := formsOf[t]; ok {
		return f
	}
	switch {
	case t.Kind() == reflect.Func, t.Kind() == reflect.Chan, t.Kind() == reflect.UnsafePointer:
		return hidden
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Interface:
		return plain // their methods are those of what they lead to
	case reflect.PointerTo(t).Implements(errorType), reflect.PointerTo(t).Implements(stringerType):
		return verbal
	case (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) && t.Elem().Kind() == reflect.Uint8:
		return bytes
	default:
		return plain
	}
}

// typeName is the name of a type without its packages, those of type arguments included.
func typeName(t reflect.Type) string {
	if t.PkgPath() == "" {
		return ""
	}
	name, args, generic := strings.Cut(t.Name(), "[")
	if !generic {
		return name
	}
	var out strings.Builder
	out.WriteString(name)
	for part := range strings.SplitSeq("["+args, ",") {
		if out.Len() > len(name) {
			out.WriteByte(',')
		}
		open := len(part) - len(strings.TrimLeft(part, "[]*"))
		out.WriteString(part[:open])
		out.WriteString(part[max(open, strings.LastIndexAny(part, "./")+1):])
	}
	return out.String()
}

// in copies a value to where it can be read in place. out gives the place back.
func (s *shape) in(v reflect.Value) reflect.Value {
	place := s.place()
	place.Set(v)
	return place
}

func (s *shape) place() reflect.Value {
	if n := len(s.free); n > 0 {
		place := s.free[n-1]
		s.free = s.free[:n-1]
		return place
	}
	return reflect.New(s.typ).Elem()
}

func (s *shape) out(place reflect.Value) {
	place.SetZero()
	s.free = append(s.free, place)
}

// at returns the value at p, which is a pointer, map or interface.
func (s *shape) at(p unsafe.Pointer) reflect.Value { return reflect.NewAt(s.typ, p).Elem() }

// sliceHead is how a slice lies in memory.
type sliceHead struct {
	data unsafe.Pointer
	len  int
	_    int
}

// elems returns where the elements of the slice or array at p are, and how many.
func (s *shape) elems(p unsafe.Pointer) (unsafe.Pointer, int) {
	if s.kind == reflect.Array {
		return p, s.typ.Len()
	}
	h := (*sliceHead)(p)
	return h.data, h.len
}

func (s *shape) bytes(p unsafe.Pointer) []byte {
	data, n := s.elems(p)
	return unsafe.Slice((*byte)(data), n)
}

// integer reads an integer, a bool or the bits of a float.
func (s *shape) integer(p unsafe.Pointer) uint64 {
	switch s.kind {
	case reflect.Bool, reflect.Uint8:
		return uint64(*(*uint8)(p))
	case reflect.Int, reflect.Uint, reflect.Uintptr:
		return uint64(*(*uint)(p))
	case reflect.Int8:
		return uint64(*(*int8)(p))
	case reflect.Int16:
		return uint64(*(*int16)(p))
	case reflect.Int32:
		return uint64(*(*int32)(p))
	case reflect.Int64, reflect.Uint64, reflect.Float64:
		return *(*uint64)(p)
	case reflect.Uint16:
		return uint64(*(*uint16)(p))
	default:
		return uint64(*(*uint32)(p))
	}
}

// printer renders values. It keeps its buffers from one value to the next.
type printer struct {
	looker
	name func(sim.NodeID) string
	buf  []byte
	end  int // of what the value at hand may fill of buf
}

func newPrinter(name func(sim.NodeID) string) printer {
	return printer{looker: looker{shapes: make(shapes)}, name: name}
}

// value renders any value. The text is valid until the next one.
func (p *printer) value(v any) []byte {
	p.begin(MaxText)
	p.any(v)
	return p.text(MaxText)
}

func (p *printer) any(v any) {
	if v == nil {
		return
	}
	rv := reflect.ValueOf(v)
	s := p.shapes.of(rv.Type())
	place := s.in(rv)
	p.print(s, place.Addr().UnsafePointer(), maxDepth, true)
	s.out(place)
}

// begin starts a text of at most limit bytes; text ends it, and cuts it to its limit.
func (p *printer) begin(limit int) { p.buf, p.end = p.buf[:0], limit }

func (p *printer) text(limit int) []byte {
	if len(p.buf) > limit {
		p.buf = clip(p.buf, limit)
	}
	return p.buf
}

// clip cuts text to at most limit bytes, at the border of a character, the last of which says so.
func clip(text []byte, limit int) []byte {
	const more = "…"
	end := limit - len(more)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return append(text[:end], more...)
}

func (p *printer) full() bool { return len(p.buf) > p.end }

// print renders the value at addr. Named says whether its type's name matters: at the top, and inside interfaces.
func (p *printer) print(s *shape, addr unsafe.Pointer, depth int, named bool) {
	if p.full() {
		return
	}
	switch s.form {
	case hidden:
		p.add("…")
		return
	case node:
		p.add(p.name(sim.NodeID(*(*int32)(addr))))
		return
	case verbal:
		p.verbal(s, addr)
		return
	case timer:
		t := (*sim.Timer)(addr)
		p.clean(t.Name)
		if t.Key != 0 {
			p.buf = strconv.AppendUint(append(p.buf, '/'), t.Key, 10)
		}
		return
	case scoped:
		m := (*sim.Scoped)(addr)
		p.clean(m.Scope)
		p.add(": ")
		p.any(m.Inner)
		return
	}
	if depth == 0 {
		p.add("…")
		return
	}
	switch s.kind {
	case reflect.Pointer:
		if to := *(*unsafe.Pointer)(addr); to == nil {
			p.add("nil")
		} else {
			p.print(s.elem, to, depth-1, named)
		}
		return
	case reflect.Interface:
		p.dynamic(s, addr, depth)
		return
	case reflect.Struct:
		if named {
			p.add(s.name)
		}
		p.structure(s, addr, depth)
		return
	}
	if named = named && s.name != ""; named {
		p.add(s.name)
		p.buf = append(p.buf, '(')
	}
	p.simple(s, addr, depth)
	if named {
		p.buf = append(p.buf, ')')
	}
}

// simple renders a value that is no struct, pointer or interface.
func (p *printer) simple(s *shape, addr unsafe.Pointer, depth int) {
	switch s.kind {
	case reflect.Bool:
		p.buf = strconv.AppendBool(p.buf, s.integer(addr) != 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		p.buf = strconv.AppendInt(p.buf, int64(s.integer(addr)), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		p.buf = strconv.AppendUint(p.buf, s.integer(addr), 10)
	case reflect.Float32:
		p.buf = strconv.AppendFloat(p.buf, float64(*(*float32)(addr)), 'g', -1, 32)
	case reflect.Float64:
		p.buf = strconv.AppendFloat(p.buf, *(*float64)(addr), 'g', -1, 64)
	case reflect.Complex64:
		p.add(strconv.FormatComplex(complex128(*(*complex64)(addr)), 'g', -1, 64))
	case reflect.Complex128:
		p.add(strconv.FormatComplex(*(*complex128)(addr), 'g', -1, 128))
	case reflect.String:
		p.quote(*(*string)(addr))
	case reflect.Slice, reflect.Array:
		if s.form == bytes {
			p.bytes(s.bytes(addr))
		} else {
			p.list(s, addr, depth)
		}
	case reflect.Map:
		p.mapping(s, addr, depth)
	}
}

func (p *printer) structure(s *shape, addr unsafe.Pointer, depth int) {
	p.buf = append(p.buf, '{')
	for i := range s.fields {
		f := &s.fields[i]
		if i > 0 {
			p.buf = append(p.buf, ' ')
		}
		p.add(f.name)
		p.buf = append(p.buf, ':')
		p.print(f.shape, unsafe.Add(addr, f.offset), depth-1, false)
	}
	p.buf = append(p.buf, '}')
}

func (p *printer) dynamic(s *shape, addr unsafe.Pointer, depth int) {
	v := s.at(addr).Elem()
	if !v.IsValid() {
		p.add("nil")
		return
	}
	inner := p.shapes.of(v.Type())
	place := inner.in(v)
	p.print(inner, place.Addr().UnsafePointer(), depth-1, true)
	inner.out(place)
}

func (p *printer) list(s *shape, addr unsafe.Pointer, depth int) {
	data, n := s.elems(addr)
	p.buf = append(p.buf, '[')
	next := 0
	for i := range shown(n) {
		if p.full() {
			return
		}
		if i > 0 {
			p.buf = append(p.buf, ' ')
		}
		if i > next {
			p.add("…" + strconv.Itoa(i-next) + " more… ")
		}
		p.print(s.elem, unsafe.Add(data, uintptr(i)*s.elem.size), depth-1, false)
		next = i + 1
	}
	p.buf = append(p.buf, ']')
}

// entry is one rendered element of a map or slice.
type entry struct {
	order    uint64 // of an integer key, or the index
	key, val string
	id, hash uint64 // of key and value, for reuse; hash is 0 where the value was not looked at as a whole
}

func (p *printer) mapping(s *shape, addr unsafe.Pointer, depth int) {
	m := s.at(addr)
	if m.Len() > maxEntries {
		p.add("{" + strconv.Itoa(m.Len()) + " entries}")
		return
	}
	p.buf = append(p.buf, '{')
	for i, e := range p.entries(s, m, depth, nil) {
		if i > 0 {
			p.buf = append(p.buf, ' ')
		}
		p.add(e.key)
		p.buf = append(p.buf, ':')
		p.add(e.val)
	}
	p.buf = append(p.buf, '}')
}

// entries renders the elements of a map in the order of their keys: integers by value, all else by text. What is in
// known already is not rendered again.
func (p *printer) entries(s *shape, m reflect.Value, depth int, known []entry) []entry {
	list := make([]entry, 0, m.Len())
	key, val := s.key.place(), s.elem.place()
	for it := m.MapRange(); it.Next(); {
		key.SetIterKey(it)
		val.SetIterValue(it)
		at := key.Addr().UnsafePointer()
		p.looker.begin()
		e := entry{order: s.key.order(at), id: p.look(seed, s.key, at, depth)}
		if i := slices.IndexFunc(known, func(k entry) bool { return k.id == e.id }); i >= 0 && p.whole {
			e = known[i]
		} else {
			e.key = p.part(s.key, at, depth)
		}
		p.element(&e, s.elem, val.Addr().UnsafePointer(), depth)
		list = append(list, e)
	}
	s.key.out(key)
	s.elem.out(val)
	slices.SortFunc(list, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.key, b.key), cmp.Compare(a.val, b.val))
	})
	return list
}

// element renders the value of e, unless it is what e has.
func (p *printer) element(e *entry, s *shape, addr unsafe.Pointer, depth int) {
	p.looker.begin()
	h := p.look(seed, s, addr, depth)
	if !p.whole {
		h = 0
	}
	if h != 0 && h == e.hash {
		return
	}
	e.hash = h
	e.val = p.part(s, addr, depth)
}

// part renders one value by itself, so that where it is cut does not depend on what came before.
func (p *printer) part(s *shape, addr unsafe.Pointer, depth int) string {
	start, end := len(p.buf), p.end
	p.end = start + maxValue
	p.print(s, addr, depth-1, false)
	p.end = end
	text := p.buf[start:]
	if len(text) > maxValue {
		text = clip(text, maxValue)
	}
	p.buf = p.buf[:start]
	return string(text)
}

// order maps an integer to where it sorts; all other values sort by their text.
func (s *shape) order(addr unsafe.Pointer) uint64 {
	switch s.kind {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return s.integer(addr) ^ 1<<63
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return s.integer(addr)
	default:
		return 0
	}
}

// verbal renders a value by its own method, which is taken for a function of the value: equal values are asked once.
func (p *printer) verbal(s *shape, addr unsafe.Pointer) {
	p.looker.begin()
	h := p.look(seed, s, addr, maxDepth)
	if text, ok := s.texts[h]; ok && p.whole {
		p.add(text)
		return
	}
	start := len(p.buf)
	p.ask(s, addr)
	if !p.whole {
		return
	}
	if s.texts == nil || len(s.texts) == maxTexts {
		s.texts = make(map[uint64]string)
	}
	s.texts[h] = string(p.buf[start:])
}

// ask calls the method, which may fail without harm.
func (p *printer) ask(s *shape, addr unsafe.Pointer) {
	start := len(p.buf)
	defer func() {
		if r := recover(); r != nil {
			p.buf = p.buf[:start]
			p.clean(fmt.Sprintf("%s(String panics: %v)", s.name, r))
		}
	}()
	switch v := reflect.NewAt(s.typ, addr).Interface().(type) {
	case error:
		p.clean(v.Error())
	case fmt.Stringer:
		p.clean(v.String())
	}
}

func (p *printer) add(text string) { p.buf = append(p.buf, text...) }

// clean adds text with what cannot be printed escaped.
func (p *printer) clean(text string) {
	text = text[:min(len(text), MaxText+1)]
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf || c == 0x7f {
			p.escape(text)
			return
		}
	}
	p.add(text)
}

func (p *printer) escape(text string) {
	for _, r := range text {
		switch {
		case r == utf8.RuneError:
			p.add("\uFFFD")
		case strconv.IsPrint(r):
			p.buf = utf8.AppendRune(p.buf, r)
		default:
			quoted := strconv.QuoteRune(r)
			p.add(quoted[1 : len(quoted)-1])
		}
	}
}

// quote adds a string, in quotes unless it is a word.
func (p *printer) quote(text string) {
	text = text[:min(len(text), MaxText+1)]
	word := len(text) > 0
	for i := 0; word && i < len(text); i++ {
		word = wordBytes[text[i]]
	}
	if word {
		p.add(text)
	} else {
		p.buf = strconv.AppendQuote(p.buf, text)
	}
}

// wordBytes are those that keep a string readable without quotes.
var wordBytes = func() (set [256]bool) {
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./+*@#%" {
		set[c] = true
	}
	return set
}()

// bytes adds text as text and everything else in hexadecimal.
func (p *printer) bytes(b []byte) {
	const shown = 32
	text := utf8.Valid(b)
	for i := 0; text && i < len(b); i++ {
		text = b[i] >= ' ' && b[i] != 0x7f
	}
	if text {
		p.quote(string(b[:min(len(b), MaxText+1)]))
		return
	}
	p.add("0x")
	for i, c := range b {
		if i == shown {
			p.add("…" + strconv.Itoa(len(b)) + " bytes")
			return
		}
		const digits = "0123456789abcdef"
		p.buf = append(p.buf, digits[c>>4], digits[c&15])
	}
}
