package export

import (
	"fmt"
	"strings"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/sim"
)

// elle writes a history of list-append as elle-cli reads it (github.com/ligurio/elle-cli, model list-append): a JSON list of
// invocations and completions, each with its transaction. Elements are numbers.
//
// An operation that appends to one key or reads one is a transaction of its own, if the texts that are appended are told
// apart in what is read: each ends in a character that is nowhere else, as checkers.Append has it, and none is appended twice.
// Any other operation is refused.
func (e *exporter) elle() error {
	lists := lists{elements: map[string]int{}}
	for _, op := range e.History {
		if e.has(op.Call) {
			if err := lists.learn(op); err != nil {
				return err
			}
		}
	}
	fmt.Fprint(e.w, "[")
	out := list{w: e.w}
	for i, v := range e.events() {
		txn := lists.txn(v.op, v.typ == "ok")
		out.add(struct {
			Index   int    `json:"index"`
			Time    int64  `json:"time"`
			Process int    `json:"process"`
			Type    string `json:"type"`
			F       string `json:"f"`
			Value   []any  `json:"value"`
		}{i, int64(v.at), v.process, v.typ, "txn", mops(txn, v.typ == "ok")})
	}
	fmt.Fprint(e.w, "\n]\n")
	return out.err
}

// lists turns texts into lists of numbers.
type lists struct {
	end      string         // what ends each text that was appended
	elements map[string]int // the number of a text, from 1
}

// learn makes sure that an operation is one on lists.
func (l *lists) learn(op *sim.Op) error {
	refuse := func(why string) error {
		return fmt.Errorf("elle reads histories of appends to lists and reads of them; operation #%d at step %d is none: %v: %s",
			op.ID, op.Call, op.Input, why)
	}
	switch o := op.Input.(type) {
	case checkers.Txn, checkers.Get:
		return nil
	case checkers.Append:
		end := ""
		if o.Text != "" {
			runes := []rune(o.Text)
			end = string(runes[len(runes)-1:])
		}
		switch {
		case end == "" || strings.Count(o.Text, end) > 1 || l.end != "" && end != l.end:
			return refuse("its text does not end in what ends the others, and is nowhere else")
		case l.elements[o.Text] > 0:
			return refuse("its text was appended before")
		}
		l.end = end
		l.number(o.Text)
		return nil
	default:
		return refuse("it does something else")
	}
}

func (l *lists) number(text string) int {
	n, known := l.elements[text]
	if !known {
		n = len(l.elements) + 1
		l.elements[text] = n
	}
	return n
}

// txn is an operation as a transaction, with what it read if it is over.
func (l *lists) txn(op *sim.Op, over bool) checkers.Txn {
	switch o := op.Input.(type) {
	case checkers.Append:
		return checkers.Txn{checkers.ListAppend{Key: o.Key, Element: l.number(o.Text)}}
	case checkers.Get:
		read := checkers.ListRead{Key: o.Key}
		if v, ok := op.Output.(checkers.Value); ok && over {
			read.List = []int{}
			for rest := v.Text; rest != ""; {
				size := len(rest)
				if l.end != "" {
					before, _, _ := strings.Cut(rest, l.end)
					size = min(size, len(before)+len(l.end))
				}
				read.List = append(read.List, l.number(rest[:size]))
				rest = rest[size:]
			}
		}
		return checkers.Txn{read}
	}
	if t, ok := op.Output.(checkers.Txn); ok && over {
		return t
	}
	return op.Input.(checkers.Txn)
}
