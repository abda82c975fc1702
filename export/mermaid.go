package export

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// maxDiagram is how many characters a diagram may have: Mermaid draws no longer ones unless its maxTextSize is changed.
const maxDiagram = 50_000

// maxLabel is how many characters of a text a diagram shows.
const maxLabel = 100

var errLongDiagram = errors.New("a sequence diagram of these steps has more than the 50,000 characters that Mermaid draws; " +
	"choose fewer with --from-step and --to-step, or shrink the run")

// mermaid writes a sequence diagram: packets as they arrive, with a cross where they are lost, and as notes what nodes
// state, what clients ask and get, crashes, pauses and faults. Each has the number of its step. Timers and syncs are left
// out, since they are most of a run.
func (e *exporter) mermaid() error {
	d := diagram{exporter: e, marked: e.violation()}
	for s, err := range e.steps() {
		if err != nil {
			return err
		}
		d.step(&s)
		if d.size > maxDiagram {
			return errLongDiagram
		}
	}
	if len(d.nodes) == 0 {
		d.nodes = []sim.NodeID{sim.Nobody}
	}
	slices.Sort(d.nodes)
	head := []string{"sequenceDiagram"}
	for _, id := range d.nodes {
		head = append(head, fmt.Sprintf("    participant %s as %s", d.name(id), cmp.Or(d.label(e.header.Name(id)), d.name(id))))
	}
	text := strings.Join(slices.Concat(head, d.lines), "\n") + "\n"
	text = strings.ReplaceAll(text, everybody, d.everybody())
	if len([]rune(text)) > maxDiagram {
		return errLongDiagram
	}
	_, err := e.w.WriteString(text)
	return err
}

// diagram is the state of a sequence diagram.
type diagram struct {
	*exporter
	lines  []string
	size   int          // characters of them, about
	nodes  []sim.NodeID // that take part
	marked uint64       // the step of the violation
}

// everybody stands for the first and the last node, until they are known. No label has a zero byte.
const everybody = "\x00"

func (d *diagram) everybody() string {
	first, last := d.nodes[0], d.nodes[len(d.nodes)-1]
	if first == last {
		return d.name(first)
	}
	return d.name(first) + "," + d.name(last)
}

func (d *diagram) step(s *trace.Step) {
	switch s.Kind {
	case sim.KindDeliver, sim.KindDrop:
		arrow := "->>"
		if s.Kind == sim.KindDrop {
			arrow = "-x"
		}
		d.add("%s%s%s: %d %s", d.name(s.Peer), arrow, d.name(s.Node), s.N, d.label(s.Text))
	case sim.KindTimer, sim.KindSync:
	case sim.KindFault:
		d.add("Note over %s: %d %s", everybody, s.N, d.label("fault "+s.Text))
	case sim.KindFact:
		d.add("Note over %s: %d %s", d.name(s.Node), s.N, d.label(s.Text))
	default:
		d.add("Note over %s: %d %s", d.name(s.Node), s.N, d.label(d.heading(s)))
	}
	if s.N == d.marked {
		over := everybody
		if s.Node != sim.Nobody {
			over = d.name(s.Node)
		}
		d.add("Note over %s: %d VIOLATION %s: %s", over, s.N, d.label(d.header.Property), d.label(d.header.Detail))
	}
}

func (d *diagram) add(format string, args ...any) {
	line := "    " + fmt.Sprintf(format, args...)
	d.lines = append(d.lines, line)
	d.size += len([]rune(line)) + 1
}

// name is what stands for a node in the diagram: its names may be anything.
func (d *diagram) name(id sim.NodeID) string {
	if !slices.Contains(d.nodes, id) {
		d.nodes = append(d.nodes, id)
	}
	return fmt.Sprintf("p%d", uint32(id))
}

// label is a text as a diagram can hold it: of what may mean something to Mermaid, HTML or Markdown there is only the code.
func (d *diagram) label(text string) string {
	var b strings.Builder
	runes := []rune(oneLine(text))
	if len(runes) > maxLabel {
		runes = append(runes[:maxLabel-1], '…')
	}
	for i, c := range runes {
		harmless := unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune(" .,:-_/(){}[]=+*!?|@\"'→…⏎", c)
		switch before := string(runes[:i]); c { // what Mermaid looks for wherever it is: style, classDef and, at the beginning, wrap:
		case 'y':
			harmless = !strings.HasSuffix(before, "st")
		case 'D':
			harmless = !strings.HasSuffix(before, "class")
		case ':':
			before = strings.TrimLeft(before, " :") // as Mermaid does
			harmless = before != "wrap" && before != "nowrap"
		}
		if harmless {
			b.WriteRune(c)
		} else {
			fmt.Fprintf(&b, "#%d;", c)
		}
	}
	return b.String()
}
