package trace

import (
	"encoding/binary"
	"strconv"
)

// Bytes with a meaning in templates.
const (
	blank  = 0x00 // a number goes here
	escape = 0x01 // the next byte is meant literally
)

// A template is a text with its numbers left out.
type template struct {
	text string
	last []int64 // the numbers of its last use, one per blank
}

const noTemplate = -1

// memory is what a text's place in the frame, such as one field of one node, held last; its numbers predict the next.
type memory struct {
	template int // its index, or noTemplate
	numbers  []int64
}

// split takes text apart into its template and numbers, appended to the given slices.
func split[T string | []byte](text T, tmpl []byte, numbers []int64) ([]byte, []int64) {
	for i := 0; i < len(text); {
		c := text[i]
		if c-'0' > 9 {
			if c <= escape {
				tmpl = append(tmpl, escape)
			}
			tmpl = append(tmpl, c)
			i++
			continue
		}
		start, n := i, int64(0)
		for i < len(text) && text[i]-'0' <= 9 {
			n = n*10 + int64(text[i]-'0') // overflow is caught below, by the length
			i++
		}
		if i-start > 18 || (c == '0' && i-start > 1) {
			tmpl = append(tmpl, text[start:i]...)
			continue
		}
		tmpl = append(tmpl, blank)
		numbers = append(numbers, n)
	}
	return tmpl, numbers
}

// join is the inverse of split. It fails where the template is none, or the text would exceed MaxText.
func join(dst []byte, tmpl string, numbers []int64) ([]byte, bool) {
	start := len(dst)
	for i := 0; i < len(tmpl); i++ {
		switch c := tmpl[i]; c {
		case blank:
			dst = strconv.AppendInt(dst, numbers[0], 10)
			numbers = numbers[1:]
		case escape:
			i++
			if i == len(tmpl) {
				return dst, false
			}
			dst = append(dst, tmpl[i])
		default:
			dst = append(dst, c)
		}
		if len(dst)-start > MaxText {
			return dst, false
		}
	}
	return dst, true
}

// blanks counts the numbers a template takes.
func blanks(tmpl string) (n int) {
	for i := 0; i < len(tmpl); i++ {
		switch tmpl[i] {
		case blank:
			n++
		case escape:
			i++
		}
	}
	return n
}

// textWriter is a column of texts, which may have integers between them.
type textWriter struct {
	body  []byte // per text: its template, and its numbers less those predicted
	added []byte // the templates in order of their first use
	frame int    // counts from 1
	ids   map[string]int
	all   []template

	tmpl    []byte
	numbers []int64
}

func (w *textWriter) reset() {
	w.body, w.added, w.all = w.body[:0], w.added[:0], w.all[:0]
	w.ids = make(map[string]int)
	w.frame++
}

// uint appends an integer.
func (w *textWriter) uint(n uint64) { w.body = binary.AppendUvarint(w.body, n) }

// put appends a text. With m, it is predicted from what m holds, and m holds it afterwards.
func (w *textWriter) put(text []byte, m *memory) {
	w.tmpl, w.numbers = split(text, w.tmpl[:0], w.numbers[:0])
	w.add(w.id(), w.numbers, m)
}

// phrase is a text that may be put more than once.
type phrase struct {
	text     string
	frame    int // for which template holds; 0 for none
	template int
	numbers  []int64
	room     [4]int64 // for numbers
}

// say appends a phrase.
func (w *textWriter) say(p *phrase, m *memory) {
	if p.frame != w.frame {
		w.tmpl, w.numbers = split(p.text, w.tmpl[:0], w.numbers[:0])
		p.frame, p.template, p.numbers = w.frame, w.id(), append(p.room[:0], w.numbers...)
	}
	w.add(p.template, p.numbers, m)
}

// id returns the number of the template that split left, which it defines if need be.
func (w *textWriter) id() int {
	id, ok := w.ids[string(w.tmpl)]
	if !ok {
		id = len(w.all)
		tmpl := string(w.tmpl)
		w.ids[tmpl] = id
		w.all = append(w.all, template{tmpl, make([]int64, len(w.numbers))})
		w.added = binary.AppendUvarint(w.added, uint64(len(tmpl)))
		w.added = append(w.added, tmpl...)
	}
	return id
}

func (w *textWriter) add(id int, numbers []int64, m *memory) {
	w.uint(uint64(id))
	t := &w.all[id]
	for i, n := range t.guess(id, m) {
		w.body = binary.AppendVarint(w.body, numbers[i]-n)
	}
	t.learn(numbers, id, m)
}

// guess predicts the numbers of template id: what m held, if that was this template, or else what stood here last.
func (t *template) guess(id int, m *memory) []int64 {
	if m != nil && m.template == id {
		return m.numbers
	}
	return t.last
}

func (t *template) learn(numbers []int64, id int, m *memory) {
	copy(t.last, numbers)
	if m != nil {
		m.template, m.numbers = id, append(m.numbers[:0], numbers...)
	}
}

// textReader reads what a textWriter wrote.
type textReader struct {
	body  cursor
	added cursor
	all   []template

	numbers []int64
	buf     []byte
}

// get reads the next text. Without want it only keeps pace.
func (r *textReader) get(m *memory, want bool) string {
	id := int(r.body.bounded(uint64(len(r.all))))
	if id == len(r.all) {
		tmpl := string(r.added.bytes(2 * MaxText))
		r.all = append(r.all, template{tmpl, make([]int64, blanks(tmpl))})
	}
	t := &r.all[id]
	r.numbers = append(r.numbers[:0], t.guess(id, m)...)
	for i := range r.numbers {
		r.numbers[i] += r.body.varint()
	}
	t.learn(r.numbers, id, m)
	if !want {
		return ""
	}
	return r.join(t.text, r.numbers)
}

// held returns the text that m holds.
func (r *textReader) held(m *memory) string {
	if m.template == noTemplate {
		return ""
	}
	return r.join(r.all[m.template].text, m.numbers)
}

func (r *textReader) join(tmpl string, numbers []int64) string {
	var ok bool
	if r.buf, ok = join(r.buf[:0], tmpl, numbers); !ok {
		r.body.fail()
	}
	return string(r.buf)
}

func (r *textReader) bad() bool { return r.body.bad || r.added.bad }

// cursor reads a column. The first failure sticks, and all reads after it give zero.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.fail()
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) varint() int64 {
	u := c.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// bounded reads a number that may not exceed limit.
func (c *cursor) bounded(limit uint64) uint64 {
	v := c.uvarint()
	if v > limit {
		c.fail()
		return 0
	}
	return v
}

// bytes reads a length, which may not exceed limit, and as many bytes. They are shared with the column.
func (c *cursor) bytes(limit uint64) []byte {
	n := c.bounded(min(limit, uint64(len(c.b))))
	if n > uint64(len(c.b)) {
		c.fail()
		return nil
	}
	b := c.b[:n]
	c.b = c.b[n:]
	return b
}

func (c *cursor) byte() byte {
	if len(c.b) == 0 {
		c.fail()
		return 0
	}
	b := c.b[0]
	c.b = c.b[1:]
	return b
}

func (c *cursor) fail() { c.b, c.bad = nil, true }
