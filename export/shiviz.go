package export

import (
	"fmt"
	"strings"

	"github.com/seedbed-sim/seedbed/sim"
)

// ShiVizExpression is the regular expression that ShiViz needs to read a log of ours, for its field "log parsing regular
// expression". ShiViz knows no escaped parentheses, and applies ^ and $ to lines.
const ShiVizExpression = `(?<host>\S+) (?<clock>\{[^}]*\}) (?<step>\d+) (?<time>\S+) (?<event>.*)`

// shiviz writes a log as ShiViz reads it from a file: the expression, an empty line for the delimiter that it does not
// need, and a line per step, with the vector of what its node knows. A lost packet is not in it, since it reached nobody;
// what the world did is on a host of its own, which knows nobody and is known by none.
//
// ShiViz wants each host to count from 1. So what was before the window counts for nothing.
func (e *exporter) shiviz() error {
	fmt.Fprintf(e.w, "%s\n\n", ShiVizExpression)
	causal, err := e.Trace.Causal()
	if err != nil {
		return err
	}
	names := hosts{e: e, names: map[sim.NodeID]string{}, taken: map[string]bool{}}
	before := map[int32]uint64{} // by node: its steps before the window
	err = e.Trace.Skim(func(s *sim.Step) {
		if s.N < e.First && s.Kind != sim.KindDrop {
			before[int32(s.Node)]++
		}
	})
	if err != nil {
		return err
	}
	world := uint64(0)
	violation := e.violation()
	for s, err := range e.steps() {
		if err != nil {
			return err
		}
		var clock []string
		switch {
		case s.Kind == sim.KindDrop && s.N != violation:
			continue
		case s.Node == sim.Nobody || s.Kind == sim.KindDrop:
			s.Node = sim.Nobody
			world++
			clock = []string{fmt.Sprintf("%q:%d", names.name(sim.Nobody), world)}
		default:
			for _, c := range causal.Vector(s.N) {
				if c.Count > before[c.Process] {
					clock = append(clock, fmt.Sprintf("%q:%d", names.name(sim.NodeID(c.Process)), c.Count-before[c.Process]))
				}
			}
		}
		text := e.heading(&s)
		if s.N == violation {
			text += "  VIOLATION " + e.header.Property + ": " + e.header.Detail
		}
		fmt.Fprintf(e.w, "%s {%s} %d %s %s\n", names.name(s.Node), strings.Join(clock, ","), s.N, s.At, oneLine(text))
	}
	return nil
}

// hosts are names that hold no space, quote or brace, each for one node. Names of which JavaScript's objects are born with,
// such as constructor, have no digit; those get one.
type hosts struct {
	e     *exporter
	names map[sim.NodeID]string
	taken map[string]bool
}

func (h *hosts) name(id sim.NodeID) string {
	name, known := h.names[id]
	if known {
		return name
	}
	if id == sim.Nobody {
		name = "world"
	} else {
		var b strings.Builder
		for _, c := range []byte(h.e.header.Name(id)) {
			if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' || c == '/' {
				b.WriteByte(c)
			} else {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		name = b.String()
		if h.taken[name] || !strings.ContainsAny(name, "0123456789") {
			name += fmt.Sprintf("#%d", id)
		}
	}
	h.names[id], h.taken[name] = name, true
	return name
}
