package histories

import (
	"iter"
	"strconv"
)

// kind is of a value.
type kind uint8

const (
	missing kind = iota // no value at all
	null
	boolean
	integer
	word // an EDN keyword or symbol
	text
	list // or a vector
	set
	dict
	other // a float, a character, what has no meaning here
)

func (k kind) String() string {
	return [...]string{"missing", "nil", "a boolean", "a number", "a word", "a text", "a list", "a set", "a map",
		"something else"}[k]
}

// node is one value of a tree. Trees are kept in a slice and used again for the next entry, as a file has millions.
type node struct {
	kind kind
	num  int64  // of an integer or boolean
	text []byte // of a word, text or other
	next int32  // the next one in the same collection; 0: none
	item int32  // the first one in this collection, keys and values of a dict by turns; 0: none
}

// tree is all values of one entry. The first node is not used.
type tree struct{ nodes []node }

func (t *tree) reset() { t.nodes = append(t.nodes[:0], node{}) }

func (t *tree) add(n node) int32 {
	t.nodes = append(t.nodes, n)
	return int32(len(t.nodes) - 1)
}

// hang puts an item into a collection, behind the last one there is, if there is one, and returns it.
func (t *tree) hang(collection, last, item int32) int32 {
	if last == 0 {
		t.nodes[collection].item = item
	} else {
		t.nodes[last].next = item
	}
	return item
}

// value is a node in its tree. The zero value is missing.
type value struct {
	tree *tree
	at   int32
}

func (v value) node() *node { return &v.tree.nodes[v.at] }

func (v value) kind() kind {
	if v.at == 0 {
		return missing
	}
	return v.node().kind
}

func (v value) isNull() bool { return v.kind() <= null }

func (v value) int() (int64, bool) {
	if v.kind() != integer {
		return 0, false
	}
	return v.node().num, true
}

// isWord is for keywords, and for texts in JSON, which has none.
func (v value) isWord(w string) bool {
	k := v.kind()
	return (k == word || k == text) && string(v.node().text) == w
}

// items are those of a collection.
func (v value) items() iter.Seq[value] {
	return func(yield func(value) bool) {
		if v.at == 0 {
			return
		}
		for i := v.node().item; i != 0; i = v.tree.nodes[i].next {
			if !yield(value{v.tree, i}) {
				return
			}
		}
	}
}

// pairs are those of a dict.
func (v value) pairs() iter.Seq2[value, value] {
	return func(yield func(key, val value) bool) {
		var key value
		for item := range v.items() {
			if key.at == 0 {
				key = item
				continue
			}
			if !yield(key, item) {
				return
			}
			key = value{}
		}
	}
}

// some are the first items of a list, and how many it has.
func (v value) some() (first [4]value, n int) {
	for item := range v.items() {
		if n < len(first) {
			first[n] = item
		}
		n++
	}
	return first, n
}

// scalar appends what a value is by itself: 7 and "7" are the same. It is false for collections and nothing.
func (v value) scalar(buf []byte) ([]byte, bool) {
	switch v.kind() {
	case integer:
		return strconv.AppendInt(buf, v.node().num, 10), true
	case boolean:
		return strconv.AppendBool(buf, v.node().num != 0), true
	case word, text, other:
		return append(buf, v.node().text...), true
	}
	return buf, false
}

// String shows a value to readers of errors.
func (v value) String() string {
	const most = 40
	switch k := v.kind(); k {
	case missing, null, list, set, dict:
		return k.String()
	case text:
		s := string(v.node().text)
		if len(s) > most {
			s = s[:most] + "…"
		}
		return strconv.Quote(s)
	default:
		b, _ := v.scalar(nil)
		if len(b) > most {
			b = append(b[:most], "…"...)
		}
		if k == word {
			return ":" + string(b)
		}
		return string(b)
	}
}
