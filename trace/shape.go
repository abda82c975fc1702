package trace

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"
	"unsafe"

	"github.com/seedbed-sim/seedbed/sim"
)

// Limits of what is rendered of a value, and looked at to see whether it changed.
const (
	maxDepth   = 8    // levels of structs, pointers and collections; deeper ones show as "…"
	maxEntries = 32   // of a map; a larger one shows its size
	maxFirst   = 4    // elements of a slice that show if there are more than these and
	maxLast    = 12   // these
	maxValue   = 256  // bytes of text of one value in a state
	maxLook    = 4096 // bytes of one string or []byte looked at for changes: half at each end
	maxValues  = 4096 // values looked at in one state; what lies behind them is taken to be unchanged
	maxTexts   = 1024 // texts remembered of one type; a power of two
)

// A shape is how values of one type are read: compiled once per type, so that only maps and interfaces cost reflection.
// Values are read in place, unexported fields included, and never written.
type shape struct {
	typ    reflect.Type
	kind   reflect.Kind
	form   form
	direct bool   // see isDirect
	word   bool   // is an integer, a float or a bool
	id     uint64 // of this recording
	size   uintptr
	name   string                           // without packages; empty for predeclared and unnamed types
	fields []field                          // of a struct
	elem   *shape                           // of a pointer, slice, array or map
	key    *shape                           // of a map
	sum    func(addr unsafe.Pointer) uint64 // of a map, see sumOf
	hiding uint8                            // see hides: 0 for unknown, 1 for no, 2 for yes
	free   []reflect.Value                  // room for what cannot be read in place: elements of maps
	texts  memo                             // of payloads and verbal values
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
	raw                // a []byte or a [n]byte
	timer              // a sim.Timer
	scoped             // a sim.Scoped
	hidden             // not at all: functions, channels, addresses, and ports of the engine
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

// shapes is a cache by type, which is known by its address.
type shapes struct {
	all    map[unsafe.Pointer]*shape
	recent [64]recentShape // by the first words of interfaces; saves most lookups
}

// recentShape is the shape of what an interface with this first word holds: a type's address, or that of its methods.
type recentShape struct {
	word unsafe.Pointer
	*shape
}

func newShapes() *shapes { return &shapes{all: make(map[unsafe.Pointer]*shape)} }

// holds returns the shape of what the interface at f holds, which is not nil; value tells it where it is not known.
func (c *shapes) holds(f *iface, value func() reflect.Type) *shape {
	known := &c.recent[uint64(uintptr(f.typ))*0x9e3779b97f4a7c15>>58]
	if known.word != f.typ {
		*known = recentShape{f.typ, c.of(value())}
	}
	return known.shape
}

// iface is how an interface lies in memory: a word for its type, which also stands for its methods if it has any, and either the value itself, if that is a pointer, or
// where the value is. Nobody ever writes there.
type iface struct {
	typ, data unsafe.Pointer
}

// open returns the shape of what v holds, or of what v points to, and where that is; nil if v is nil.
func (c *shapes) open(v any) (*shape, unsafe.Pointer) {
	f := (*iface)(unsafe.Pointer(&v))
	if f.typ == nil {
		return nil, nil
	}
	s := c.holds(f, func() reflect.Type { return reflect.TypeOf(v) })
	switch {
	case !s.direct:
		return s, f.data
	case s.kind == reflect.Pointer && f.data != nil && s.form == plain:
		return s.elem, f.data
	default:
		word := f.data
		return s, unsafe.Pointer(&word)
	}
}

// inside returns the shape of what the interface at addr holds, and where that is; nil if it is nil.
func (c *shapes) inside(s *shape, addr unsafe.Pointer) (*shape, unsafe.Pointer) {
	f := (*iface)(addr)
	if f.typ == nil {
		return nil, nil
	}
	inner := c.holds(f, func() reflect.Type { return s.at(addr).Elem().Type() })
	if inner.direct {
		return inner, unsafe.Pointer(&f.data)
	}
	return inner, f.data
}

func (c *shapes) of(t reflect.Type) *shape {
	id := (*iface)(unsafe.Pointer(&t)).data
	if s := c.all[id]; s != nil {
		return s
	}
	s := &shape{typ: t, kind: t.Kind(), form: formOf(t), direct: isDirect(t), id: uint64(len(c.all)), size: t.Size(), name: typeName(t)}
	s.word = s.kind >= reflect.Bool && s.kind <= reflect.Float64 && s.form != hidden
	c.all[id] = s
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
		s.sum = sumOf(s.key, s.elem)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		s.elem = c.of(t.Elem())
	}
	return s
}

// hides tells whether values of a type may hold what sim.DeepHash does not tell apart, but a text may: what does not show,
// which a String method may make use of, and, in interfaces, values of types that share a short name.
func (s *shape) hides() bool {
	if s.hiding == 0 {
		s.hiding = 1
		if s.leads(new([]*shape)) {
			s.hiding = 2
		}
	}
	return s.hiding == 2
}

// leads tells whether a hidden type can be come to by types not met before.
func (s *shape) leads(met *[]*shape) bool {
	if s == nil || slices.Contains(*met, s) {
		return false
	}
	*met = append(*met, s)
	return s.form == hidden || s.kind == reflect.Interface || s.elem.leads(met) || s.key.leads(met) ||
		slices.ContainsFunc(s.fields, func(f field) bool { return f.leads(met) })
}

// isDirect tells whether an interface holds values of a type themselves: those that are one pointer and nothing else.
func isDirect(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Func, reflect.UnsafePointer:
		return true
	case reflect.Struct:
		return t.NumField() == 1 && isDirect(t.Field(0).Type)
	case reflect.Array:
		return t.Len() == 1 && isDirect(t.Elem())
	default:
		return false
	}
}

func formOf(t reflect.Type) form {
	if f, ok := formsOf[t]; ok {
		return f
	}
	switch {
	case t.Kind() == reflect.Func, t.Kind() == reflect.Chan, t.Kind() == reflect.UnsafePointer, t.Kind() == reflect.Uintptr:
		return hidden
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Interface:
		return plain // their methods are those of what they lead to
	case reflect.PointerTo(t).Implements(errorType), reflect.PointerTo(t).Implements(stringerType):
		return verbal
	case (t.Kind() == reflect.Slice || t.Kind() == reflect.Array) && t.Elem().Kind() == reflect.Uint8:
		return raw
	default:
		return plain
	}
}

// typeName is the name of a type without its packages, those of type arguments included.
func typeName(t reflect.Type) string {
	if t.PkgPath() == "" {
		return ""
	}
	var out []byte
	word := 0 // where the name at hand begins in out
	for _, c := range []byte(t.Name()) {
		switch c {
		case '[', ']', '*', ',', ' ', '{', '}', '(', ')':
			out = append(out, c)
			word = len(out)
		case '.', '/':
			out = out[:word]
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// place returns room for a value; out gives it back.
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

// integer reads an integer, a bool or the bits of a float. Negative numbers keep their sign.
func (s *shape) integer(p unsafe.Pointer) uint64 {
	switch s.kind {
	case reflect.Bool, reflect.Uint8:
		return uint64(*(*uint8)(p))
	case reflect.Int:
		return uint64(*(*int)(p))
	case reflect.Uint:
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
	name    func(sim.NodeID) string
	buf     []byte
	end     int      // of what the value at hand may fill of buf
	phrases []phrase // not used yet
}

func newPrinter(name func(sim.NodeID) string) printer {
	return printer{looker: looker{shapes: newShapes()}, name: name}
}

// value renders any value. Equal values of a type are rendered once, as long as they are remembered. Content is
// sim.DeepHash of the value, or 0.
func (p *printer) value(v any, content uint64) *phrase {
	s, addr := p.shapes.open(v)
	if s == nil {
		return nil
	}
	h, whole := content, true
	if h == 0 || s.hides() {
		p.looker.begin()
		h = p.look(seed, s, addr, maxDepth)
		whole = p.whole
	}
	if text := s.texts.of(h); text != nil && whole {
		return text
	}
	p.begin(MaxText)
	if s.form == verbal {
		p.ask(s, addr)
	} else {
		p.print(s, addr, maxDepth, true)
	}
	text := p.phrase(p.text(MaxText))
	if whole {
		s.texts.put(h, text)
	}
	return text
}

// phrase returns a new phrase.
func (p *printer) phrase(text []byte) *phrase {
	if len(p.phrases) == 0 {
		p.phrases = make([]phrase, 64)
	}
	made := &p.phrases[0]
	p.phrases = p.phrases[1:]
	made.text = string(text)
	return made
}

// memo is texts by a hash of what they are of. Of hashes that share a slot, the last one is remembered.
type memo []remembered

type remembered struct {
	hash uint64
	*phrase
}

// of returns a text, or nil.
func (m memo) of(h uint64) *phrase {
	if m == nil || m[h%maxTexts].hash != h {
		return nil
	}
	return m[h%maxTexts].phrase
}

func (m *memo) put(h uint64, text *phrase) {
	if *m == nil {
		*m = make(memo, maxTexts)
	}
	(*m)[h%maxTexts] = remembered{h, text}
}

// any adds any value.
func (p *printer) any(v any) {
	if s, addr := p.shapes.open(v); s != nil {
		p.print(s, addr, maxDepth, true)
	}
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
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
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
		if s.form == raw {
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
	inner, addr := p.shapes.inside(s, addr)
	if inner == nil {
		p.add("nil")
		return
	}
	p.print(inner, addr, depth-1, true)
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
	for i, e := range p.entries(s, m, depth, nil, nil) {
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
// known already is not rendered again. They are added to list.
func (p *printer) entries(s *shape, m reflect.Value, depth int, known, list []entry) []entry {
	list = slices.Grow(list, m.Len())
	key, val := s.key.place(), s.elem.place()
	it := p.iter(m)
	for it.Next() {
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
	p.iters = append(p.iters, it)
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
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return s.integer(addr)
	default:
		return 0
	}
}

// verbal renders a value by its own method, which is taken for a function of the value: equal values are asked once.
func (p *printer) verbal(s *shape, addr unsafe.Pointer) {
	p.looker.begin()
	h := p.look(seed, s, addr, maxDepth)
	whole := p.whole
	if text := s.texts.of(h); text != nil && whole {
		p.add(text.text)
		return
	}
	start := len(p.buf)
	if p.ask(s, addr); whole {
		s.texts.put(h, p.phrase(p.buf[start:]))
	}
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
