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
		Init:  keyState{},
		Step:  stepKey,
		Hash:  func(state any) uint64 { return state.(keyState).hash },
		infer: inferKey, sharpen: sharpenKey, decide: decideKey,
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

// keyState is what a key holds. The zero keyState is an absent key.
type keyState struct {
	Value
	hash uint64 // of Text
	// fresh: this also comes from operations of unknown outcome, and no known outcome has depended on it so far. Then
	// nothing may wipe it out: an effect that nobody notices might as well come behind all known outcomes.
	fresh bool
}

func (s keyState) put(text string) keyState {
	return keyState{Value{text, true}, hashText(0, text), s.fresh}
}

func (s keyState) append(text string) keyState {
	return keyState{Value{s.Text + text, true}, hashText(s.hash, text), s.fresh}
}

func (s keyState) mark(fresh bool) keyState {
	s.fresh = fresh
	return s
}

func (s keyState) String() string { return s.Value.String() }

// stepKey is one key's service, as a Model.Step.
//
// No history is refused because of fresh. Of all orders of a linearizable history take one with the fewest operations of
// unknown outcome before the last known one. None of them has an effect that a Put, a Delete or a CAS wipes out before a
// known outcome depended on it: in between could only be Appends, wiped out too, and CASes of unknown outcome that this
// effect made possible. With all of these of unknown outcome put last, the key would hold the same afterwards.
func stepKey(state, input, output any) (next any, ok bool) {
	s := state.(keyState)
	if _, unseen := output.(Unseen); unseen {
		return s.unseen(input), true
	}
	switch o := input.(type) {
	case Get:
		if output.(Value) != s.Value {
			return state, false
		}
		if s.fresh {
			return s.mark(false), true
		}
		return state, true
	case Put:
		if s.fresh {
			return state, false
		}
		return s.put(o.Text), true
	case Append:
		return s.append(o.Text), true
	case appendTo:
		if s.Text != o.before {
			return state, false
		}
		return s.append(o.Text), true
	case Delete:
		if deleted, told := output.(Deleted); told && bool(deleted) != s.Found || !told && s.fresh {
			return state, false
		}
		return keyState{}, true
	case CAS:
		swaps := s.Found && s.Text == o.From
		if swaps != bool(output.(Swapped)) {
			return state, false
		}
		if swaps {
			s = s.put(o.To)
		}
		return s.mark(false), true
	}
	panic(fmt.Sprintf("checkers: a key-value store has no operation %T", input))
}

// unseen is the state after an operation of unknown outcome: the same where that has no effect, or none of use.
func (s keyState) unseen(input any) keyState {
	switch o := input.(type) {
	case Get:
	case Put:
		if !s.fresh {
			return s.put(o.Text).mark(true)
		}
	case Append:
		return s.append(o.Text).mark(true)
	case Delete:
		if !s.fresh && s.Found {
			return keyState{fresh: true}
		}
	case CAS:
		if s.Found && s.Text == o.From {
			return s.put(o.To).mark(true)
		}
	default:
		panic(fmt.Sprintf("checkers: a key-value store has no operation %T", input))
	}
	return s
}
