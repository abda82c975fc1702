package nemesis

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/seedbed-sim/seedbed/sim"
)

// codec walks the fields of a plan. One walk (Plan.fields and what it calls) describes the JSON form, and serves to read
// it, to write it and to check it: in what is read comes from, or nil; then out is what is written. Values are checked
// on every walk, and set only where they are read, so that goroutines can share a plan. After the first error the walk goes
// on without effect.
type codec struct {
	in    *value
	out   []byte
	depth int  // of out: open braces and brackets
	comma bool // out ends with an element

	plan *Plan      // the cluster that nodes and clients must belong to
	gone sim.NodeID // unless Nobody: must not be named, and is left out of the numbers that are written
	file string
	path []step // of the value at hand
	err  error
}

// step is one step of a path: a field's name, or an index.
type step struct {
	name string // empty for an index
	i    int
}

// fail notes an error about the value at hand.
func (c *codec) fail(format string, args ...any) {
	if c.err != nil {
		return
	}
	text := c.file + ": "
	for i, s := range c.path {
		switch {
		case s.name == "":
			text += fmt.Sprintf("[%d]", s.i)
		case i > 0:
			text += "." + s.name
		default:
			text += s.name
		}
	}
	if len(c.path) > 0 {
		text += ": "
	}
	c.err = errors.New(text + fmt.Sprintf(format, args...))
}

// within runs f on a part of the value at hand: v, when reading.
func (c *codec) within(s step, v *value, f func()) {
	in := c.in
	c.in, c.path = v, append(c.path, s)
	f()
	c.in, c.path = in, c.path[:len(c.path)-1]
}

// object is a value with named fields, and no others.
func (c *codec) object(fields func()) {
	if c.in == nil {
		c.open('{')
		fields()
		c.close('}')
		return
	}
	if !c.expect('{', "an object") {
		return
	}
	fields()
	for i, key := range c.in.keys {
		if !c.in.seen[i] {
			c.fail("there is no field %s", quote(key))
		}
	}
}

// field is a field that must be there.
func (c *codec) field(name string, f func()) { c.maybe(name, true, f) }

// maybe is a field that is written if it is present, and read if it is there; the default is the zero value.
func (c *codec) maybe(name string, present bool, f func()) {
	switch {
	case c.err != nil:
	case c.in != nil:
		v := c.in.take(name)
		if v == nil && present {
			c.within(step{name: name}, nil, func() { c.fail("missing") })
		}
		if v != nil {
			c.within(step{name: name}, v, f)
		}
	case present:
		c.next(c.depth == 1)
		c.emitString(name)
		c.emit(": ")
		c.within(step{name: name}, nil, f)
	}
}

// list is an array of anything; an empty one is read as nil.
func list[T any](c *codec, items *[]T, each func(item *T)) {
	if c.in == nil {
		c.open('[')
		for i := range *items {
			c.next(c.depth == 2)
			c.within(step{i: i}, nil, func() { each(&(*items)[i]) })
		}
		c.close(']')
		return
	}
	if !c.expect('[', "a list") {
		return
	}
	*items = nil
	for i, v := range c.in.items {
		var item T
		c.within(step{i: i}, v, func() { each(&item) })
		if c.err != nil {
			return
		}
		*items = append(*items, item)
	}
}

// The scalars.

func (c *codec) text(s *string) {
	if c.in != nil && c.expect('"', "a string") {
		*s = c.in.text
	}
	if !utf8.ValidString(*s) {
		c.fail("%s is not UTF-8", quote(*s))
	}
	c.emitString(*s)
}

func (c *codec) flag(b *bool) {
	if c.in != nil && c.expect('t', "true or false") {
		*b = c.in.text == "true"
	}
	c.emit(strconv.FormatBool(*b))
}

// integer is a whole number in [lo, hi].
func integer[T ~int | ~int32 | ~int64](c *codec, n *T, lo, hi T) {
	if c.in != nil && c.expect('0', "a number") {
		v, err := strconv.ParseInt(c.in.text, 10, 64)
		if err != nil || int64(T(v)) != v {
			c.fail("%s is not a whole number in the range [%d, %d]", quote(c.in.text), int64(lo), int64(hi))
			return
		}
		*n = T(v)
	}
	if *n < lo || *n > hi {
		c.fail("%d is not in the range [%d, %d]", int64(*n), int64(lo), int64(hi))
	}
	c.emit(strconv.FormatInt(int64(*n), 10))
}

func (c *codec) ppm(p *sim.PPM) { integer(c, p, 0, sim.Million) }

// seed is a 64-bit number, as a string: JSON's numbers are too small for it in most readers.
func (c *codec) seed(n *uint64) {
	if c.in != nil && c.expect('"', `a string of digits such as "4711"`) {
		var err error
		if *n, err = strconv.ParseUint(c.in.text, 10, 64); err != nil {
			c.fail(`%s is not a seed; write a string of digits such as "4711"`, quote(c.in.text))
		}
	}
	c.emitString(strconv.FormatUint(*n, 10))
}

// duration is a time or a span that is not negative.
func (c *codec) duration(d *time.Duration) {
	c.offset(d)
	if *d < 0 {
		c.fail("%v is negative", *d)
	}
}

// offset is a span of either sign.
func (c *codec) offset(d *time.Duration) {
	if c.in != nil && c.expect('"', `a duration such as "1.25s"`) {
		var err error
		if *d, err = time.ParseDuration(c.in.text); err != nil {
			c.fail(`%s is not a duration; write one such as "1.25s"`, quote(c.in.text))
		}
	}
	c.emitString(d.String())
}

// node is a node of the plan's cluster.
func (c *codec) node(id *sim.NodeID) {
	n := int64(*id)
	if c.in != nil && c.expect('0', "a node's number, such as 1") {
		var err error
		if n, err = strconv.ParseInt(c.in.text, 10, 64); err != nil {
			c.fail("%s is not a node's number", quote(c.in.text))
		}
	}
	if n < 1 || n > int64(c.plan.Nodes) {
		c.fail("%d is not a node of this %d-node cluster", n, c.plan.Nodes)
	}
	switch {
	case c.in != nil:
		*id = sim.NodeID(n)
	case c.gone != sim.Nobody && *id == c.gone:
		c.fail("%s is gone", c.gone)
	case c.gone != sim.Nobody && *id > c.gone:
		n--
	}
	c.emit(strconv.FormatInt(n, 10))
}

// nodes is a list of nodes that are not in seen, which gets them.
func (c *codec) nodes(ids *[]sim.NodeID, seen map[sim.NodeID]bool) {
	list(c, ids, func(id *sim.NodeID) {
		if c.node(id); seen[*id] {
			c.fail("node %d is named twice", *id)
		}
		seen[*id] = true
	})
}

// choice is one of a few names; names[0] is the zero value's.
func choice[T ~uint8 | ~int](c *codec, v *T, names []string) {
	name := nameOf(names, *v)
	if c.in != nil && c.expect('"', "a string") {
		name = c.in.text
	}
	i := slices.Index(names, name)
	if i < 0 || name == "" {
		c.fail("%s is not one of %s", quote(name), strings.TrimPrefix(strings.Join(names, ", "), ", "))
		return
	}
	if c.in != nil {
		*v = T(i)
	}
	c.emitString(name)
}

// nameOf is "" for a value without a name.
func nameOf[T ~uint8 | ~int](names []string, v T) string {
	if int(v) >= 0 && int(v) < len(names) {
		return names[v]
	}
	return ""
}

// The written form: the plan's fields, and the elements of its lists, on lines of their own.

func (c *codec) open(brace byte) {
	c.out = append(c.out, brace)
	c.depth++
	c.comma = false
}

func (c *codec) close(brace byte) {
	c.depth--
	if c.comma && (brace == '}' && c.depth == 0 || brace == ']' && c.depth == 1) {
		c.line()
	}
	c.out = append(c.out, brace)
	c.comma = true
}

// next comes before each element.
func (c *codec) next(ownLine bool) {
	if c.comma {
		c.out = append(c.out, ',')
	}
	switch {
	case ownLine:
		c.line()
	case c.comma:
		c.out = append(c.out, ' ')
	}
	c.comma = true
}

func (c *codec) line() {
	c.out = append(c.out, '\n')
	for range c.depth {
		c.out = append(c.out, "  "...)
	}
}

// emit writes, unless the walk is reading.
func (c *codec) emit(text string) {
	if c.in == nil {
		c.out = append(c.out, text...)
	}
}

func (c *codec) emitString(s string) {
	switch {
	case c.in != nil:
	case isPlain(s):
		c.out = append(append(append(c.out, '"'), s...), '"')
	default:
		quoted, err := json.Marshal(s)
		if err != nil {
			panic("nemesis: a string has no JSON form: " + err.Error()) // all have
		}
		c.out = append(c.out, quoted...)
	}
}

// isPlain reports whether s needs no escapes: an allowance for speed, as nearly all strings are.
func isPlain(s string) bool {
	for i := range len(s) {
		if b := s[i]; b < ' ' || b > '~' || b == '"' || b == '\\' || b == '<' || b == '>' || b == '&' {
			return false
		}
	}
	return true
}

// expect reports whether the value at hand is of a kind, and fails otherwise.
func (c *codec) expect(kind byte, what string) bool {
	if c.err == nil && c.in.kind != kind {
		c.fail("want %s, got %s", what, kindNames[c.in.kind])
	}
	return c.err == nil
}

// value is JSON as it was parsed: fields keep their order, numbers their text.
type value struct {
	kind  byte     // { [ " 0 t n: object, array, string, number, boolean, null
	text  string   // of a string, a number or a boolean
	keys  []string // of an object; distinct
	seen  []bool   // by key: the walk has taken it
	items []*value // of an object, by key, or of an array
}

var kindNames = map[byte]string{
	'{': "an object", '[': "a list", '"': "a string", '0': "a number", 't': "a boolean", 'n': "null",
}

// take returns a field, or nil.
func (v *value) take(name string) *value {
	i := slices.Index(v.keys, name)
	if i < 0 {
		return nil
	}
	v.seen[i] = true
	return v.items[i]
}

// maxNesting is deeper than any plan.
const maxNesting = 16

// parse reads JSON; the error names the line.
func parse(data []byte) (*value, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := parseValue(d, 0)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return v, nil
		}
		err = cmp.Or(err, errors.New("there is more after the end"))
	} else if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = errors.New("it ends too early")
	}
	// The offset is behind the last token: what is wrong comes after white space.
	read := data[:min(d.InputOffset(), int64(len(data)))]
	read = data[:len(data)-len(bytes.TrimLeft(data[len(read):], " \t\r\n,:"))]
	return nil, fmt.Errorf("line %d: %w", 1+bytes.Count(read, []byte("\n")), err)
}

// parseValue reads the next value.
func parseValue(d *json.Decoder, depth int) (*value, error) {
	if depth > maxNesting {
		return nil, errors.New("nested deeper than any plan")
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case string:
		return &value{kind: '"', text: token}, nil
	case json.Number:
		return &value{kind: '0', text: token.String()}, nil
	case bool:
		return &value{kind: 't', text: strconv.FormatBool(token)}, nil
	case json.Delim:
		v := &value{kind: byte(token)}
		keys := map[string]bool{}
		for d.More() {
			if token == '{' {
				key, err := d.Token()
				if err != nil {
					return nil, err
				}
				name, ok := key.(string)
				if !ok || keys[name] {
					return nil, fmt.Errorf("field %s is there twice", quote(name))
				}
				keys[name] = true
				v.keys = append(v.keys, name)
			}
			item, err := parseValue(d, depth+1)
			if err != nil {
				return nil, err
			}
			v.items = append(v.items, item)
		}
		v.seen = make([]bool, len(v.keys))
		_, err := d.Token() // the closing brace
		return v, err
	default:
		return &value{kind: 'n'}, nil
	}
}

// quote keeps errors on one readable line.
func quote(text string) string {
	const most = 40
	if len(text) > most {
		return strconv.Quote(text[:most]) + "…"
	}
	return strconv.Quote(text)
}
