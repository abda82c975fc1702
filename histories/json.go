package histories

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonParser reads JSON values into a tree.
type jsonParser struct {
	tree    *tree
	decoder *jsontext.Decoder
}

// parse reads all of data as one value.
func (p *jsonParser) parse(data []byte) (int32, error) {
	if p.decoder == nil {
		p.decoder = new(jsontext.Decoder)
	}
	p.decoder.Reset(bytes.NewBuffer(data), jsontext.AllowInvalidUTF8(true))
	at, err := p.value(0)
	if s := new(jsontext.SyntacticError); errors.As(err, &s) { // the offset is one in this entry, which says nothing
		err = s.Err
		if s.JSONPointer != "" {
			err = fmt.Errorf("%w at %s", s.Err, s.JSONPointer)
		}
	}
	return at, err
}

func (p *jsonParser) value(depth int) (int32, error) {
	if depth > deepest {
		return 0, fmt.Errorf("values are nested more than %d deep", deepest)
	}
	token, err := p.decoder.ReadToken()
	if err != nil {
		return 0, err
	}
	switch token.Kind() {
	case 'n':
		return p.tree.add(node{kind: null}), nil
	case 't':
		return p.tree.add(node{kind: boolean, num: 1}), nil
	case 'f':
		return p.tree.add(node{kind: boolean}), nil
	case '"':
		return p.tree.add(node{kind: text, text: []byte(token.String())}), nil
	case '0':
		digits := []byte(token.String())
		if n, ok := parseInt(digits); ok {
			return p.tree.add(node{kind: integer, num: n}), nil
		}
		return p.tree.add(node{kind: other, text: digits}), nil
	}
	k, end := list, jsontext.Kind(']')
	if token.Kind() == '{' {
		k, end = dict, '}'
	}
	at := p.tree.add(node{kind: k})
	for last := int32(0); p.decoder.PeekKind() != end; {
		item, err := p.value(depth + 1)
		if err != nil {
			return 0, err
		}
		last = p.tree.hang(at, last, item)
	}
	_, err = p.decoder.ReadToken()
	return at, err
}
