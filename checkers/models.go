package checkers

import (
	"fmt"
	"strconv"
)

// The operations on registers and key-value stores. A key holds a text or is absent, as it is before the first operation.
//
// Workloads whose every Put, Append and CAS writes a text of its own are judged fastest and most sharply: what a text
// tells about unknown outcomes is unambiguous then. With Append, let each text end in a delimiter it has nowhere else,
// as "n3.17;".
type (
	Get    struct{ Key string }           // outputs a Value
	Put    struct{ Key, Text string }     // output is ignored
	Append struct{ Key, Text string }     // an absent key counts as the empty text; output is ignored
	Delete struct{ Key string }           // outputs a Deleted, or nil if that is not told
	CAS    struct{ Key, From, To string } // outputs a Swapped; an absent key is not swapped
)

// Value is what a key holds: the output of Get, and a key's state.
type Value struct {
	Text  string
	Found bool // false: the key is absent, and Text is empty
}

// Swapped is the output of CAS: whether the key held From, and so holds To now.
type Swapped bool

// Deleted is the output of Delete: whether the key held anything.
type Deleted bool

func (o Get) String() string    { return "get" + suffix(o.Key) }
func (o Put) String() string    { return "put" + suffix(o.Key) + " " + strconv.Quote(o.Text) }
func (o Append) String() string { return "append" + suffix(o.Key) + " " + strconv.Quote(o.Text) }
func (o Delete) String() string { return "delete" + suffix(o.Key) }
func (o CAS) String() string {
	return "cas" + suffix(o.Key) + " " + strconv.Quote(o.From) + " to " + strconv.Quote(o.To)
}

func (v Value) String() string {
	if !v.Found {
		return "absent"
	}
	return strconv.Quote(v.Text)
}

func (s Swapped) String() string {
	if s {
		return "swapped"
	}
	return "not swapped"
}

func (d Deleted) String() string {
	if d {
		return "deleted"
	}
	return "nothing deleted"
}

func suffix(key string) string {
	if key == "" {
		return ""
	}
	return " " + key
}

// RegisterModel is a set of registers, named by their keys: Get and Put.
func RegisterModel() Model {
	return keyed("a register", func(input any) bool {
		switch input.(type) {
		case Get, Put:
			return true
		}
		return false
	})
}

// CASRegisterModel is a set of compare-and-set registers, named by their keys: Get, Put and CAS.
func CASRegisterModel() Model {
	return keyed("a compare-and-set register", func(input any) bool {
		switch input.(type) {
		case Get, Put, CAS:
			return true
		}
		return false
	})
}

// KVModel is a key-value store: Get, Put, Append, Delete and CAS.
func KVModel() Model {
	return keyed("a key-value store", func(any) bool { return true })
}

func keyed(name string, allows func(input any) bool) Model {
	return Model{
		Name: name,
		Key: func(input any) string {
			if !allows(input) {
				panic(fmt.Sprintf("checkers: %s has no operation %T", name, input))
			}
			return keyOf(input)
		},
		Init:  Value{},
		Step:  stepKey,
		Hash:  func(state any) uint64 { return hashTail(state.(Value).Text) },
		infer: inferKey,
	}
}

func keyOf(input any) string {
	switch o := input.(type) {
	case Get:
		return o.Key
	case Put:
		return o.Key
	case Append:
		return o.Key
	case Delete:
		return o.Key
	case CAS:
		return o.Key
	default:
		panic(fmt.Sprintf("checkers: a key-value store has no operation %T", input))
	}
}

// stepKey is one key's service. Its state is a Value.
func stepKey(state, input, output any) (next any, ok bool) {
	now := state.(Value)
	switch o := input.(type) {
	case Get:
		return state, output == any(Unseen{}) || output.(Value) == now
	case Put:
		return Value{o.Text, true}, true
	case Append:
		return Value{now.Text + o.Text, true}, true
	case Delete:
		if seen, told := output.(Deleted); told && bool(seen) != now.Found {
			return state, false
		}
		return Value{}, true
	case CAS:
		swaps := now.Found && now.Text == o.From
		if output != any(Unseen{}) && bool(output.(Swapped)) != swaps {
			return state, false
		}
		if !swaps {
			return state, true
		}
		return Value{o.To, true}, true
	}
	panic(fmt.Sprintf("checkers: a key-value store has no operation %T", input))
}

// hashTail hashes a text's length and end: states with the same operations applied differ there, if anywhere.
func hashTail(s string) uint64 {
	h := uint64(len(s))
	for i := max(0, len(s)-16); i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 0x100000001b3
	}
	return h
}
