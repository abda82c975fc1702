package histories

import (
	"errors"
	"fmt"
	"math"
	"math/big"

	"olympos.io/encoding/edn"
)

// ednParser reads EDN values into a tree. It takes collections, whole numbers, keywords and plain texts itself, which is
// what histories are made of, since there the library takes ten times as long; it asks the library what the rest means.
// TestTheLibraryReadsTheSame holds the two together.
//
// Tags are passed over, and so is what has no meaning here, as the object of an exception: Jepsen prints some that no
// reader takes.
type ednParser struct {
	tree *tree
	data []byte
	at   int
}

// deepest is how deep values may be nested.
const deepest = 100

var errEnds = errors.New("a value is missing")

// value reads the next value.
func (p *ednParser) value(depth int) (int32, error) {
	if depth > deepest {
		return 0, fmt.Errorf("values are nested more than %d deep", deepest)
	}
	if err := p.blanks(depth); err != nil {
		return 0, err
	}
	if p.at == len(p.data) {
		return 0, errEnds
	}
	switch c := p.data[p.at]; c {
	case '[', '(':
		p.at++
		return p.items(list, closing(c), depth)
	case '{':
		p.at++
		return p.items(dict, '}', depth)
	case '"':
		return p.quoted()
	case '\\':
		return p.atom()
	case '#':
		if p.at+1 < len(p.data) && p.data[p.at+1] == '{' {
			p.at += 2
			return p.items(set, '}', depth)
		}
		if p.at+1 < len(p.data) && p.data[p.at+1] == '#' { // ##NaN, ##Inf
			return p.atom()
		}
		p.at++
		p.token() // the tag, or the name of a namespace
		return p.value(depth + 1)
	case '^':
		p.at++
		if _, err := p.value(depth + 1); err != nil {
			return 0, err
		}
		return p.value(depth + 1)
	case ']', ')', '}':
		return 0, fmt.Errorf("there is a %q where a value should be", c)
	}
	return p.atom()
}

func closing(c byte) byte {
	if c == '(' {
		return ')'
	}
	return c + 2
}

// blanks passes over white space, comments and discarded values.
func (p *ednParser) blanks(depth int) error {
	for p.at < len(p.data) {
		switch c := p.data[p.at]; {
		case isBlank(c):
			p.at++
		case c == ';':
			for p.at < len(p.data) && p.data[p.at] != '\n' {
				p.at++
			}
		case c == '#' && p.at+1 < len(p.data) && p.data[p.at+1] == '_':
			p.at += 2
			if _, err := p.value(depth + 1); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

func isBlank(c byte) bool { return c == ' ' || c == ',' || c >= '\t' && c <= '\r' }

// items reads a collection up to its last bracket.
func (p *ednParser) items(k kind, end byte, depth int) (int32, error) {
	at := p.tree.add(node{kind: k})
	last, n := int32(0), 0
	for {
		if err := p.blanks(depth); err != nil {
			return 0, err
		}
		if p.at == len(p.data) {
			return 0, fmt.Errorf("a %q is missing", end)
		}
		if p.data[p.at] == end {
			p.at++
			if k == dict && n%2 != 0 {
				return 0, errors.New("a map has a key without a value")
			}
			return at, nil
		}
		item, err := p.value(depth + 1)
		if err != nil {
			return 0, err
		}
		last = p.tree.hang(at, last, item)
		n++
	}
}

// quoted reads a text.
func (p *ednParser) quoted() (int32, error) {
	from := p.at
	for i := from + 1; i < len(p.data); i++ {
		switch p.data[i] {
		case '"':
			p.at = i + 1
			return p.tree.add(node{kind: text, text: p.data[from+1 : i]}), nil
		case '\\':
			for ; i < len(p.data) && p.data[i] != '"'; i++ {
				if p.data[i] == '\\' {
					i++
				}
			}
			if i >= len(p.data) {
				return 0, errors.New("a text has no last quote")
			}
			p.at = i + 1
			var s string
			if err := edn.Unmarshal(p.data[from:p.at], &s); err != nil {
				return 0, fmt.Errorf("a text is not as it should be: %w", err)
			}
			return p.tree.add(node{kind: text, text: []byte(s)}), nil
		}
	}
	return 0, errors.New("a text has no last quote")
}

// token passes over what is up to the next blank, bracket or quote.
func (p *ednParser) token() []byte {
	from := p.at
	for p.at < len(p.data) {
		switch c := p.data[p.at]; c {
		case '(', ')', '[', ']', '{', '}', '"', ';':
			return p.data[from:p.at]
		default:
			if isBlank(c) {
				return p.data[from:p.at]
			}
		}
		p.at++
	}
	return p.data[from:p.at]
}

// atom reads a value that is no collection and no text.
func (p *ednParser) atom() (int32, error) {
	if p.data[p.at] == '\\' { // a character, which may be a bracket
		from := p.at
		p.at = min(p.at+2, len(p.data))
		p.token()
		return p.tree.add(node{kind: other, text: p.data[from:p.at]}), nil
	}
	token := p.token()
	switch c := token[0]; {
	case c == ':' && len(token) > 1:
		return p.tree.add(node{kind: word, text: token[1:]}), nil
	case c >= '0' && c <= '9' || (c == '-' || c == '+') && len(token) > 1 && token[1] >= '0' && token[1] <= '9':
		if n, ok := parseInt(token); ok {
			return p.tree.add(node{kind: integer, num: n}), nil
		}
		var v any
		if err := edn.Unmarshal(token, &v); err == nil {
			switch n := v.(type) {
			case int64:
				return p.tree.add(node{kind: integer, num: n}), nil
			case *big.Int: // 7N, or more than 64 bits
				if n.IsInt64() {
					return p.tree.add(node{kind: integer, num: n.Int64()}), nil
				}
				return p.tree.add(node{kind: other, text: []byte(n.String())}), nil
			}
		}
		return p.tree.add(node{kind: other, text: token}), nil
	}
	switch string(token) {
	case "nil":
		return p.tree.add(node{kind: null}), nil
	case "true":
		return p.tree.add(node{kind: boolean, num: 1}), nil
	case "false":
		return p.tree.add(node{kind: boolean}), nil
	}
	return p.tree.add(node{kind: word, text: token}), nil
}

// parseInt reads a whole number of plain digits.
func parseInt(token []byte) (n int64, ok bool) {
	digits, negative := token, token[0] == '-'
	if negative || token[0] == '+' {
		digits = token[1:]
	}
	if len(digits) == 0 || len(digits) > 1 && digits[0] == '0' {
		return 0, false
	}
	for _, c := range digits {
		if c < '0' || c > '9' || n > (math.MaxInt64-9)/10 {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}
