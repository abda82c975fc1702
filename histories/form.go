package histories

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// forms cuts a stream of EDN or JSON into its entries, of which one at a time is in memory.
type forms struct {
	in     io.Reader
	edn    bool
	data   []byte // read, and not yet passed over
	at     int    // in data
	line   int    // of data[at]
	end    error  // of in
	within byte   // the bracket that ends the list of all entries; 0: there is none so far
	begun  int    // the line where that list began
	some   bool   // there was an entry
	over   bool   // that list has ended
}

// longest is how long an entry may be, in bytes.
const longest = 256 << 20

var errCut = errors.New("the file ends")

// peek is the byte at data[at+i]; more is read if need be.
func (f *forms) peek(i int) (byte, error) {
	for f.at+i >= len(f.data) {
		if f.end != nil {
			if f.end == io.EOF {
				return 0, errCut
			}
			return 0, f.end
		}
		if f.at > 0 && f.at >= len(f.data)/2 {
			f.data = f.data[:copy(f.data, f.data[f.at:])]
			f.at = 0
		}
		if len(f.data) == cap(f.data) {
			f.data = append(make([]byte, 0, max(1<<18, 2*cap(f.data))), f.data...)
		}
		var n int
		n, f.end = f.in.Read(f.data[len(f.data):cap(f.data)])
		f.data = f.data[:len(f.data)+n]
	}
	return f.data[f.at+i], nil
}

// next is the next entry and the line where it begins. It is good until the call after.
func (f *forms) next() (form []byte, line int, err error) {
	for {
		c, err := f.blanks()
		switch {
		case err == errCut && f.within != 0 && !f.over:
			return nil, 0, problemf(f.line, "the file ends inside the list that begins on line %d; it is cut off, or a %q is missing", f.begun, f.within)
		case err == errCut:
			return nil, 0, io.EOF
		case err != nil:
			return nil, 0, err
		case f.over:
			return nil, 0, problemf(f.line, "%q follows the end of the list; there should be nothing", c)
		case c == f.within && c != 0:
			f.over = true
			f.at++
			continue
		case (c == '[' || c == '(' && f.edn) && !f.some && f.within == 0:
			f.within, f.begun = ']', f.line
			if c == '(' {
				f.within = ')'
			}
			f.at++
			continue
		case c == '{' || c == '#' && f.edn:
			f.some = true
			return f.form()
		}
		return nil, 0, problemf(f.line, `%q is no entry; one begins with "{"`, c)
	}
}

// blanks passes over what separates entries.
func (f *forms) blanks() (byte, error) {
	comment := false
	for {
		c, err := f.peek(0)
		if err != nil {
			return 0, err
		}
		switch {
		case c == '\n':
			f.line++
			comment = false
		case comment:
		case c == ' ' || c == '\t' || c == '\r' || c == ',':
		case c == ';' && f.edn:
			comment = true
		default:
			return c, nil
		}
		f.at++
	}
}

// form takes one value: up to where all its brackets are closed.
func (f *forms) form() (form []byte, line int, err error) {
	line = f.line
	depth, i := 0, 0
	for {
		c, err := f.peek(i)
		if err == errCut {
			return nil, 0, problemf(f.line, "the file ends inside the entry that begins on line %d; it is cut off, or a bracket or quote is missing", line)
		}
		if err != nil {
			return nil, 0, err
		}
		switch c {
		case '\n':
			f.line++
		case '{', '[', '(':
			depth++
		case '}', ']', ')':
			depth--
		case '"':
			n, err := f.quoted(i + 1)
			if err != nil {
				return nil, 0, fmt.Errorf("%w", f.cut(err, line))
			}
			i = n
			continue
		case '\\':
			if f.edn {
				i++ // a character, perhaps a bracket
			}
		case ';':
			for f.edn && c != '\n' {
				i++
				if c, err = f.peek(i); err != nil {
					return nil, 0, f.cut(err, line)
				}
			}
			if f.edn {
				continue
			}
		}
		i++
		if depth <= 0 && (c == '}' || c == ']' || c == ')') {
			form = f.data[f.at : f.at+i]
			f.at += i
			return form, line, nil
		}
		if i > longest {
			return nil, 0, problemf(line, "the entry is longer than %d MiB; a bracket or quote is missing", longest>>20)
		}
	}
}

func (f *forms) cut(err error, line int) error {
	if err == errCut {
		return problemf(f.line, "the file ends inside the entry that begins on line %d; it is cut off, or a bracket or quote is missing", line)
	}
	return err
}

// quoted passes over a text from behind its first quote to behind its last one.
func (f *forms) quoted(i int) (int, error) {
	for {
		c, err := f.peek(i)
		if err != nil {
			return 0, err
		}
		i++
		switch c {
		case '\n':
			f.line++
		case '\\':
			i++
		case '"':
			return i, nil
		}
		if i > longest {
			return 0, problemf(f.line, "a text is longer than %d MiB; its last quote is missing", longest>>20)
		}
	}
}

// linesIn counts the lines that end before a place in a form.
func linesIn(form []byte, at int) int { return bytes.Count(form[:min(at, len(form))], []byte{'\n'}) }
