package export

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// writeJSON writes a value as one line of JSON, without the end of the line.
func writeJSON(w io.Writer, v any) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, strings.TrimSuffix(b.String(), "\n"))
	return err
}

// list writes the elements of a JSON array, a line each.
type list struct {
	w     io.Writer
	begun bool
	err   error // the first
}

func (l *list) add(v any) {
	if l.err != nil {
		return
	}
	if l.begun {
		io.WriteString(l.w, ",")
	}
	l.begun = true
	io.WriteString(l.w, "\n")
	l.err = writeJSON(l.w, v)
}

// oneLine is a text without what would break a line, or move the cursor of who reads it.
func oneLine(text string) string {
	return strings.Map(func(c rune) rune {
		switch {
		case c == '\n' || c == '\u2028' || c == '\u2029':
			return '⏎'
		case !unicode.IsGraphic(c):
			return unicode.ReplacementChar
		}
		return c
	}, strings.ToValidUTF8(text, "\ufffd"))
}

// opText divides the text of an invocation or a return, "#12 put(x, 1)", in its number and the rest.
func opText(text string) (id, rest string) {
	id, rest, _ = strings.Cut(text, " ")
	return id, rest
}

// outcome divides the text of a return, without its number, in the outcome and what came of it.
func outcome(rest string) (outcome, result string) {
	outcome, result, _ = strings.Cut(rest, " ")
	return outcome, result
}

// heading says what a handler is: "deliver from n2 Vote{Term:7}", "timer election", "boot".
func (e *exporter) heading(s *trace.Step) string {
	switch {
	case s.Peer != sim.Nobody:
		return fmt.Sprintf("%s from %s %s", s.Kind, e.header.Name(s.Peer), s.Text)
	case s.Kind == sim.KindBoot:
		return fmt.Sprintf("boot incarnation %d", s.Incarnation)
	case s.Text == "":
		return s.Kind.String()
	}
	return s.Kind.String() + " " + s.Text
}

// changes are a step's changes as texts.
func changes(s *trace.Step) []string {
	var all []string
	for _, c := range s.Changes {
		all = append(all, c.String())
	}
	return all
}
