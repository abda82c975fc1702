package trace

import (
	"bufio"
	"encoding/json"
	"io"
	"iter"
	"strconv"
	"unicode/utf8"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Print shows steps as text, a line each, in columns: number, time, node, kind, payload with the packet's sender, and
// what changed in the node's state. Lines that nodes logged follow their step.
//
//	1880  12.377s  n3  deliver  n2 VoteResp{Term:7 Granted:true}
//	1893  12.402s  n3  fact     BecameLeader{Term:7}              state: Role Candidate→Leader, Next {}→{n1:41 n2:41}
//
// Columns are as wide as 64 steps at a time need, so that traces of any length can be printed.
func Print(w io.Writer, h Header, steps iter.Seq2[Step, error]) error {
	p := textPrinter{w: bufio.NewWriter(w), header: h}
	for s, err := range steps {
		if err != nil {
			p.flush()
			return err
		}
		p.step(&s)
	}
	return p.flush()
}

// Steps is the sequence of some steps, for Print and PrintJSON.
func Steps(steps ...Step) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		for _, s := range steps {
			if !yield(s, nil) {
				return
			}
		}
	}
}

type textPrinter struct {
	w      *bufio.Writer
	header Header
	lines  []line
	steps  int
}

// line is one line of text by columns.
type line struct {
	number, time, node, kind, what, state string
}

const (
	alignSteps = 64
	alignWhat  = 72 // payloads longer than this do not move the state column of others
)

func (p *textPrinter) step(s *Step) {
	if p.steps == alignSteps {
		p.flush()
	}
	p.steps++
	what := s.Text
	switch {
	case s.Peer != sim.Nobody && what == "":
		what = p.header.Name(s.Peer)
	case s.Peer != sim.Nobody:
		what = p.header.Name(s.Peer) + " " + what
	case s.Kind == sim.KindBoot:
		what = "incarnation " + strconv.FormatUint(uint64(s.Incarnation), 10)
	}
	state := ""
	for i, c := range s.Changes {
		if i == 0 {
			state = "state: "
		} else {
			state += ", "
		}
		state += c.String()
	}
	number := strconv.FormatUint(s.N, 10)
	p.lines = append(p.lines, line{number, s.At.String(), p.header.Name(s.Node), s.Kind.String(), what, state})
	for _, l := range s.Logs {
		p.lines = append(p.lines, line{node: p.header.Name(l.Node), kind: "log", what: l.Text})
	}
}

// flush writes the lines held, aligned with one another.
func (p *textPrinter) flush() error {
	var number, time, node, kind, what int
	for _, l := range p.lines {
		number, time = max(number, width(l.number)), max(time, width(l.time))
		node, kind = max(node, width(l.node)), max(kind, width(l.kind))
		if n := width(l.what); l.state != "" && n <= alignWhat {
			what = max(what, n)
		}
	}
	for _, l := range p.lines {
		p.right(l.number, number)
		p.w.WriteString("  ")
		p.right(l.time, time)
		p.w.WriteString("  ")
		p.left(l.node, node)
		p.w.WriteString("  ")
		p.w.WriteString(l.kind)
		if l.what == "" && l.state == "" {
			p.w.WriteByte('\n')
			continue
		}
		p.pad(kind - width(l.kind) + 2)
		p.w.WriteString(l.what)
		if l.state != "" {
			p.pad(what - width(l.what) + 2)
			if width(l.what) > what {
				p.pad(2)
			}
			p.w.WriteString(l.state)
		}
		p.w.WriteByte('\n')
	}
	p.lines, p.steps = p.lines[:0], 0
	return p.w.Flush()
}

func (p *textPrinter) left(text string, n int)  { p.w.WriteString(text); p.pad(n - width(text)) }
func (p *textPrinter) right(text string, n int) { p.pad(n - width(text)); p.w.WriteString(text) }

func (p *textPrinter) pad(n int) {
	for range n {
		p.w.WriteByte(' ')
	}
}

func width(text string) int { return utf8.RuneCountInString(text) }

// PrintJSON shows steps as JSON, one object a line.
func PrintJSON(w io.Writer, h Header, steps iter.Seq2[Step, error]) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for s, err := range steps {
		if err == nil {
			err = enc.Encode(h.json(&s))
		}
		if err != nil {
			out.Flush()
			return err
		}
	}
	return out.Flush()
}

type jsonStep struct {
	Step        uint64       `json:"step"`
	At          clock.Time   `json:"at_ns"`
	Kind        string       `json:"kind"`
	Node        string       `json:"node,omitempty"` // absent for the world
	Peer        string       `json:"peer,omitempty"`
	Incarnation uint32       `json:"incarnation,omitempty"`
	Packet      uint64       `json:"packet,omitempty"`
	Cause       uint64       `json:"cause,omitempty"`
	Lamport     uint64       `json:"lamport,omitempty"`
	Text        string       `json:"text,omitempty"`
	State       []jsonChange `json:"state,omitempty"`
	Logs        []jsonLog    `json:"log,omitempty"`
}

type jsonChange struct {
	Path string `json:"path"`
	Old  string `json:"old,omitempty"` // absent where the element is new
	New  string `json:"new,omitempty"` // absent where it is gone
}

type jsonLog struct {
	Node string `json:"node"`
	Text string `json:"text"`
}

func (h *Header) json(s *Step) jsonStep {
	name := func(id sim.NodeID) string {
		if id == sim.Nobody {
			return ""
		}
		return h.Name(id)
	}
	out := jsonStep{
		Step: s.N, At: s.At, Kind: s.Kind.String(), Node: name(s.Node), Peer: name(s.Peer), Incarnation: s.Incarnation,
		Packet: s.Packet, Cause: s.Cause, Lamport: s.Lamport, Text: s.Text,
	}
	for _, c := range s.Changes {
		out.State = append(out.State, jsonChange(c))
	}
	for _, l := range s.Logs {
		out.Logs = append(out.Logs, jsonLog{name(l.Node), l.Text})
	}
	return out
}
