package checkers

import "strings"

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
//     behind all others. Only a CAS that is known not to have swapped, or a Delete that tells whether there was something
//     to delete, might notice: if there is one, nothing is dropped.
//
// What "found in the key" means depends on Append. Without, it is the whole value; with, it is one of the pieces that a
// delimiter ends. Where pieces are ambiguous nothing is concluded.
func inferKey(init any, calls []call) []call {
	t, ok := newTexts(init.(Value), calls)
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

// texts knows what a key's texts reveal.
type texts struct {
	init      Value
	appends   bool // values are concatenations of texts
	delimiter byte // ends each text, and is nowhere else in it, if appends
	notices   bool // some output tells that the key did not hold a text, or did hold one, but not which
}

// newTexts returns false if texts are ambiguous.
func newTexts(init Value, calls []call) (t texts, ok bool) {
	t.init = init
	for i := range calls {
		if _, ok := calls[i].input.(Append); ok {
			t.appends = true
		}
		switch o := calls[i].output.(type) {
		case Swapped:
			t.notices = t.notices || !bool(o)
		case Deleted:
			t.notices = true
		}
	}
	if !t.appends {
		return t, true
	}
	if init.Text != "" {
		t.delimiter = init.Text[len(init.Text)-1]
	}
	for i := range calls {
		text, writes := written(&calls[i])
		if !writes {
			continue
		}
		if text == "" {
			return t, false
		}
		if t.delimiter == 0 {
			t.delimiter = text[len(text)-1]
		}
		if strings.IndexByte(text, t.delimiter) != len(text)-1 {
			return t, false
		}
	}
	return t, true
}

// settle narrows the unknown outcome of c by the other calls. It returns false if c can be dropped.
func (t *texts) settle(c *call, others ...[]call) bool {
	text, writes := written(c)
	if !writes && t.appends { // a Delete: what it leaves cannot be told from what others appended since
		return true
	}
	var (
		writers = t.init.Found && t.found(t.init.Text, text)
		seen    = t.notices
		by      = uint64(forever)
	)
	for _, calls := range others {
		for i := range calls {
			o := &calls[i]
			if w, ok := written(o); ok && w == text {
				writers = true
			}
			switch value, ok := read(o); {
			case !ok:
			case writes && value.Found && t.found(value.Text, text):
				seen = true
				if !o.unseen() {
					by = min(by, o.ret)
				}
			case !writes && !value.Found:
				seen = true
			}
		}
	}
	if writes && !writers && by != forever && by >= c.from {
		c.ret, c.output = by, nil
		if _, ok := c.input.(CAS); ok {
			c.output = Swapped(true)
		}
	}
	return seen
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
		return Value{o.From, true}, c.output != any(Swapped(false))
	}
	return Value{}, false
}
