package histories

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// open finds out the form of a file, if it is not given.
func open(r io.Reader, o Options) (source, Format, error) {
	if o.Progress != nil {
		r = &counted{in: r, tell: o.Progress}
	}
	b := bufio.NewReaderSize(r, 1<<18)
	format := o.Format
	if format == "" {
		var err error
		if format, err = detect(b); err != nil {
			return nil, "", err
		}
	}
	t := new(tree)
	switch format {
	case EDN:
		return &formSource{forms: forms{in: b, edn: true, line: 1}, edn: ednParser{tree: t}}, format, nil
	case JSON:
		return &formSource{forms: forms{in: b, line: 1}, json: jsonParser{tree: t}}, format, nil
	case Register:
		return &logSource{in: b, edn: ednParser{tree: t}}, format, nil
	}
	return nil, "", fmt.Errorf("unknown format %q: there are %v", format, Formats())
}

// detect looks at the first bytes: an entry of JSON begins with a text and a colon, and one of EDN does not.
func detect(b *bufio.Reader) (Format, error) {
	const enough = 1 << 16
	head, err := b.Peek(enough)
	if err != nil && err != io.EOF {
		return "", err
	}
	rest := bytes.TrimLeft(head, " \t\r\n,")
	if len(rest) == 0 {
		return "", errors.New("it is empty; a history has at least one entry")
	}
	if bytes.HasPrefix(rest, []byte{0xEF, 0xBB, 0xBF}) {
		return "", errors.New("it begins with a byte order mark; it should be plain UTF-8")
	}
	switch rest[0] {
	case ';', '#', '(':
		return EDN, nil
	case '{', '[':
		inside := bytes.TrimLeft(rest, "[{ \t\r\n,")
		if len(inside) == 0 || inside[0] != '"' {
			return EDN, nil
		}
		if end := bytes.IndexByte(inside[1:], '"'); end >= 0 {
			if after := bytes.TrimLeft(inside[end+2:], " \t\r\n"); len(after) > 0 && after[0] == ':' {
				return JSON, nil
			}
		}
		return EDN, nil
	}
	if bytes.Contains(head, logMark) {
		return Register, nil
	}
	return "", fmt.Errorf("it begins with %q, and is neither EDN nor JSON nor a log of Jepsen; --format says which it should be", rest[0])
}

// counted tells how much was read.
type counted struct {
	in   io.Reader
	tell func(int64)
	n    int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n += int64(n)
	c.tell(c.n)
	return n, err
}

// formSource reads entries that are maps.
type formSource struct {
	forms forms
	edn   ednParser
	json  jsonParser
}

func (s *formSource) next(e *entry) error {
	form, line, err := s.forms.next()
	if err != nil {
		return err
	}
	e.line = line
	var v value
	if s.forms.edn {
		s.edn.tree.reset()
		s.edn.data, s.edn.at = form, 0
		v.tree = s.edn.tree
		if v.at, err = s.edn.value(0); err == nil && s.edn.at < len(form) {
			err = errors.New("something follows the entry's last bracket")
		}
		if err != nil {
			return problemf(line+linesIn(form, s.edn.at), "not EDN: %v", err)
		}
	} else {
		s.json.tree.reset()
		v.tree = s.json.tree
		if v.at, err = s.json.parse(form); err != nil {
			return problemf(line+linesIn(form, int(s.json.decoder.InputOffset())), "not JSON: %v", err)
		}
	}
	return e.fill(v)
}

// fill takes an entry's fields from a map.
func (e *entry) fill(v value) error {
	if v.kind() != dict {
		return problemf(e.line, "an entry is %v; it should be a map", v.kind())
	}
	var kind, f value
	for key, val := range v.pairs() {
		if key.kind() != word && key.kind() != text {
			continue
		}
		switch string(key.node().text) {
		case "type":
			kind = val
		case "f":
			f = val
		case "value":
			e.value = val
		case "key":
			e.key = val
		case "process":
			e.process = val
		case "index":
			e.index = val
		case "time":
			e.time = val
		case "error":
			e.failure = val
		}
	}
	switch {
	case kind.kind() != word && kind.kind() != text:
		return problemf(e.line, "the type is %s; it should be invoke, ok, fail or info", kind)
	case f.at != 0 && f.kind() != word && f.kind() != text:
		return problemf(e.line, "f is %s; it should be the name of an operation", f)
	case e.process.at == 0:
		return problemf(e.line, "there is no process; it should be a number from 0 on, or nemesis")
	}
	e.kind = name(kind)
	if f.at != 0 {
		e.f = name(f)
	}
	return nil
}

// name is a word, without making a text anew for those that are in every entry.
func name(v value) string {
	b := v.node().text
	for _, known := range [...]string{"invoke", "ok", "fail", "info", "read", "write", "cas", "txn", "get", "put", "append",
		"add", "transfer", "enqueue", "dequeue", "acquire", "release", "send", "poll"} {
		if string(b) == known {
			return known
		}
	}
	return string(b)
}

// logMark is before each operation in a log of Jepsen.
var logMark = []byte("jepsen.util")

// logSource reads the operations in a log of Jepsen: process, type, f and value behind the mark, in EDN. What else is in a
// log is passed over.
type logSource struct {
	in   *bufio.Reader
	edn  ednParser
	line int
	long []byte
}

func (s *logSource) next(e *entry) error {
	for {
		s.line++
		row, err := s.in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			s.long = append(s.long[:0], row...)
			for err == bufio.ErrBufferFull && len(s.long) < longest {
				row, err = s.in.ReadSlice('\n')
				s.long = append(s.long, row...)
			}
			row = s.long
		}
		if err != nil && err != io.EOF {
			return err
		}
		if len(row) == 0 && err == io.EOF {
			return io.EOF
		}
		if ok, err := s.row(row, e); ok || err != nil {
			return err
		}
	}
}

// row reads one line; it is false if that tells of no operation.
func (s *logSource) row(row []byte, e *entry) (bool, error) {
	_, rest, ok := bytes.Cut(row, logMark)
	if !ok {
		return false, nil
	}
	t := s.edn.tree
	t.reset()
	s.edn.data, s.edn.at = bytes.TrimLeft(rest, " \t:-"), 0
	var values [4]value
	for i := range values {
		at, err := s.edn.value(0)
		if err == errEnds && i == 3 && e.kind != "" {
			break
		}
		if err != nil {
			if i < 2 {
				return false, nil // something else that Jepsen says
			}
			return false, problemf(s.line, "an operation is cut off or not EDN: %v; it should be: process, :type, :f and value", err)
		}
		values[i] = value{t, at}
	}
	kind := values[1]
	if kind.kind() != word {
		return false, nil
	}
	e.line, e.kind = s.line, name(kind)
	if _, known := outcomes[e.kind]; !known && e.kind != "invoke" {
		return false, nil
	}
	if values[2].kind() != word {
		return false, problemf(s.line, "f is %s; it should be the name of an operation", values[2])
	}
	e.process, e.f, e.value = values[0], name(values[2]), values[3]
	return true, nil
}
