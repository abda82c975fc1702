package checkers

import (
	"slices"
	"strings"
)

// inferKey is Model.infer for one key. An operation of unknown outcome makes a search slow, because it can be placed
// anywhere from its invocation on. Mostly the known outputs say more:
//
//   - A Get of unknown outcome says and does nothing: it is dropped.
//
//   - If only this operation wrote a text, and an operation of known outcome found that text in the key, then it took
//     effect before that one completed. So its outcome is known, and its interval ends.
//
//   - If no operation may have found its text in the key, it is dropped. For take an order in which it has an effect, and
//     in it what follows, up to the next Put, Delete or CAS with an effect. All along the key holds the text, so there is
//     no known Get in between, and what ends the stretch is no CAS, whose From would have the text. Without the operation
//     the stretch leaves the same state behind, and if a CAS of unknown outcome would gain an effect in it, that one goes
//     behind all others. Two kinds of outputs might notice nevertheless: of a CAS that did not swap, if the key may have
//     held its From before, and of a Delete that tells whether there was something to delete. If one of these may come
//     after the operation, it is not dropped.
//
//   - If one of these may come after it, but no output depends on its text, absent or present, it becomes a Put of a text
//     that stands for all such texts. Equal operations are cheaper than different ones.
//
// What "found in the key" means depends on Append. Without, it is the whole value; with, it is one of the pieces that a
// delimiter ends. Where pieces are ambiguous nothing is concluded.
func inferKey(calls []call) []call {
	t, ok := newTexts(calls)
	kept := calls[:0]
	for i := range calls {
		c := calls[i]
		if c.unseen() {
			if _, get := c.input.(Get); get {
				continue
			}
			if ok && !t.settle(&c, kept, calls[i+1:]) {
				continue
			}
		}
		kept = append(kept, c)
	}
	return kept
}

// appendTo is an Append to a key that held a certain text, as a value that was found later shows.
type appendTo struct {
	Append
	before string
}

// sharpenKey is Model.sharpen for one key. A value in which a text was found shows what stood before it: as nothing but
// Appends can come between, that is what the key held when the text was appended. Without this a search tries the Appends
// that ran at one time in all orders, and finds at the next Get that most were wrong.
func sharpenKey(calls []call) (changed bool) {
	t := texts{appends: true}
	if !t.delimit(calls) {
		return false
	}
	writers := make(map[string]int, len(calls))
	for i := range calls {
		if text, ok := written(&calls[i]); ok {
			writers[text]++
		}
	}
	before := make(map[string]string, len(calls)) // by piece of a value that was found
	for i := range calls {
		value, ok := read(&calls[i])
		if !ok || calls[i].unseen() || calls[i].output == any(Swapped(false)) {
			continue
		}
		for at := 0; at < len(value.Text); {
			n := strings.IndexByte(value.Text[at:], t.delimiter) + 1
			if n == 0 {
				break // no call wrote this: the search will say so
			}
			before[value.Text[at:at+n]] = value.Text[:at]
			at += n
		}
	}
	for i := range calls {
		c := &calls[i]
		if o, ok := c.input.(Append); ok && !c.unseen() && writers[o.Text] == 1 {
			if text, found := before[o.Text]; found {
				c.input = appendTo{o, text}
				changed = true
			}
		}
	}
	return changed
}

// texts knows what a key's texts reveal.
type texts struct {
	appends   bool // values are concatenations of texts
	delimiter byte // ends each text, and is nowhere else in it, if appends

	// The last steps at which an output may have told that the key did not hold a certain text, that it held something,
	// and that it held nothing.
	unequal, present, absent uint64

	mark string // stands for all texts that nothing depends on but that the key holds another
}

// newTexts returns false if texts are ambiguous.
func newTexts(calls []call) (t texts, ok bool) {
	t.appends = appended(calls)
	if t.appends && !t.delimit(calls) {
		return t, false
	}
	for i := range calls {
		c := &calls[i]
		switch o := c.output.(type) {
		case Swapped:
			if !bool(o) && c.ret > t.unequal && t.mayHold(c.input.(CAS).From, calls) {
				t.unequal = c.ret
			}
		case Deleted:
			if o {
				t.present = max(t.present, c.ret)
			} else {
				t.absent = max(t.absent, c.ret)
			}
		}
	}
	return t, true
}

func appended(calls []call) bool {
	return slices.ContainsFunc(calls, func(c call) bool { _, ok := c.input.(Append); return ok })
}

// delimit finds the byte that ends all texts, if there is one.
func (t *texts) delimit(calls []call) bool {
	for i := range calls {
		text, writes := written(&calls[i])
		if !writes {
			continue
		}
		if text == "" {
			return false
		}
		if t.delimiter == 0 {
			t.delimiter = text[len(text)-1]
		}
		if strings.IndexByte(text, t.delimiter) != len(text)-1 {
			return false
		}
	}
	return true
}

// mayHold is false only if the key can never have held this value.
func (t *texts) mayHold(value string, calls []call) bool {
	if t.appends {
		value = value[:strings.IndexByte(value, t.delimiter)+1]
	}
	return slices.ContainsFunc(calls, func(c call) bool { text, ok := written(&c); return ok && text == value })
}

// settle narrows the unknown outcome of c by the other calls. It returns false if c can be dropped.
func (t *texts) settle(c *call, others ...[]call) bool {
	text, writes := written(c)
	if !writes && t.appends { // a Delete: what it leaves cannot be told from what others appended since
		return true
	}
	var (
		writers = false // some other call may write the same text
		seen    = false // some output may depend on what c writes
		named   = false // some output depends on the text not being there
		by      = uint64(forever)
	)
	for _, calls := range others {
		for i := range calls {
			o := &calls[i]
			if w, ok := written(o); ok && w == text {
				writers = true
			}
			value, ok := read(o)
			switch {
			case !ok:
			case !writes:
				seen = seen || !value.Found
			case !value.Found || !t.found(value.Text, text):
			case o.output == any(Swapped(false)):
				named = true
			default:
				seen = true
				by = min(by, o.ret)
			}
		}
	}
	if writes && !writers && by != forever && by >= c.from {
		c.ret, c.output = by, nil
		if _, ok := c.input.(CAS); ok {
			c.output = Swapped(true)
		}
	}
	if seen {
		return true
	}
	if c.from > t.unequal && (!writes || c.from > t.present) && (writes || c.from > t.absent) {
		return false
	}
	if writes && !named {
		if t.mark == "" {
			t.mark = text
		}
		switch o := c.input.(type) {
		case Put:
			c.input = Put{o.Key, t.mark}
		case Append:
			c.input = Put{o.Key, t.mark}
		}
	}
	return true
}

// found tells whether a value shows that a text was written.
func (t *texts) found(value, text string) bool {
	if !t.appends {
		return value == text
	}
	for at := 0; ; at++ {
		i := strings.Index(value[at:], text)
		if i < 0 {
			return false
		}
		if at += i; at == 0 || value[at-1] == t.delimiter {
			return true
		}
	}
}

// written is the text that a call writes, if it has or may have an effect.
func written(c *call) (text string, ok bool) {
	switch o := c.input.(type) {
	case Put:
		return o.Text, true
	case Append:
		return o.Text, true
	case CAS:
		return o.To, c.output != any(Swapped(false))
	}
	return "", false
}

// read is the value that a call found, or must find to have an effect.
func read(c *call) (value Value, ok bool) {
	switch o := c.input.(type) {
	case Get:
		value, ok = c.output.(Value)
		return value, ok
	case CAS:
		return Value{o.From, true}, true
	}
	return Value{}, false
}
