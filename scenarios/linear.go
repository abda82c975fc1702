package scenarios

import (
	"bytes"
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// linearizable is the property of scenarios with a Linear.
const linearizable = "linearizable"

// judgeLinear asks for linearizability.
func judgeLinear(r *Run) {
	r.Checks.Add(linearizable, checkers.Linearizable(r.Scenario.Linear(), r.Scenario.formed(r.World.History())))
}

// LinearPage is the history of a recorded run on Porcupine's page, with its faults, and who led when, as the scenario's words
// have it. The same run makes the same bytes. It is nil if the scenario has no Linear.
func (s *Scenario) LinearPage(r *Result, file []byte) ([]byte, error) {
	if s.Linear == nil {
		return nil, nil
	}
	t, err := trace.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, err
	}
	h := t.Header()
	marks, err := marksOf(t, &r.Plan)
	if err != nil {
		return nil, err
	}
	if mark, ok := r.mark(); ok {
		marks = append(marks, mark)
	}
	page := checkers.Page{
		Title: fmt.Sprintf("history of %s, seed %d: %s", h.Scenario, h.Seed, h.Verdict),
		Name:  h.Name, Marks: marks,
	}
	var b bytes.Buffer
	err = page.Write(&b, s.Linear(), s.formed(r.History))
	return b.Bytes(), err
}

// mark is the violation, unless it is in the history, where the page finds it itself.
func (r *Result) mark() (m checkers.Mark, ok bool) {
	if r.Verdict != checkers.Invalid || r.Property == fmt.Sprintf("%v %q", checkers.Always, linearizable) {
		return m, false
	}
	at := checkers.Moment{Step: r.Step, At: r.At}
	if r.Step == 0 { // it was found when all was over
		at = checkers.Moment{Step: r.Steps, At: r.Virtual}
	}
	return checkers.Mark{Row: checkers.ViolationRow, From: at, Text: r.Property, Details: r.Detail, Colour: checkers.ViolationColour}, true
}

// The rows of marks, and their colours.
const (
	faultRow, faultColour   = "faults", "#f6dfb4"
	leaderRow, leaderColour = "leaders", "#bfe3d0"
	nodeRow, downColour     = "nodes", "#d0d0d0"
	pausedColour            = "#e6dcf0"
)

// leading is the role that a page shows.
const leading = "leader"

// meanwhile makes marks of what a trace tells besides operations.
type meanwhile struct {
	header  trace.Header
	roles   []rule // as in trace.Words
	says    []rule
	instant []string // names of faults that are over at once
	now     checkers.Moment
	open    []begun
	marks   []checkers.Mark
}

// rule is a rule of words.
type rule struct {
	*regexp.Regexp
	then string
}

// begun is what has begun. A name begins once at a time, or is ended in the order in which it began.
type begun struct {
	name string
	checkers.Mark
}

// marksOf are the faults of a recorded run, what became of its nodes, and who led.
func marksOf(t *trace.Reader, p *nemesis.Plan) ([]checkers.Mark, error) {
	m := meanwhile{header: t.Header()}
	if w := m.header.Words; w != nil {
		for _, role := range w.Roles {
			m.roles = compile(m.roles, role.Match, role.Role)
		}
		for _, say := range w.Says {
			if len(say.About) > 0 {
				m.says = compile(m.says, say.Match, say.About[0])
			}
		}
	}
	for _, e := range p.Faults {
		if nemesis.Instant(e.Fault) {
			m.instant = append(m.instant, faultName(e.Fault.String()))
		}
	}
	for s, err := range t.All() {
		if err != nil {
			return nil, err
		}
		m.step(&s)
	}
	for len(m.open) > 0 {
		m.end(m.open[0].name)
	}
	rows := []string{leaderRow, nodeRow, faultRow}
	slices.SortStableFunc(m.marks, func(a, b checkers.Mark) int {
		return cmp.Compare(slices.Index(rows, a.Row), slices.Index(rows, b.Row))
	})
	return m.marks, nil
}

// faultName is how a fault's text begins.
func faultName(text string) string {
	name, _, _ := strings.Cut(text, "{")
	return name
}

func (m *meanwhile) step(s *trace.Step) {
	m.now = checkers.Moment{Step: s.N, At: s.At}
	node := m.header.Name(s.Node)
	switch s.Kind {
	case sim.KindFault:
		m.fault(s.Text)
	case sim.KindCrash:
		m.end(node + " is paused")
		m.end(node + " leads")
		m.begin(nodeRow, downColour, node+" is down", node+" is down", s.Text)
	case sim.KindBoot:
		m.end(node + " is down")
	case sim.KindPause:
		m.begin(nodeRow, pausedColour, node+" is paused", node+" is paused", s.Text)
	case sim.KindResume:
		m.end(node + " is paused")
	case sim.KindFact:
		role, ok := first(m.roles, s.Text)
		if !ok {
			return
		}
		m.end(node + " leads")
		if role == leading {
			about, _ := first(m.says, s.Text)
			m.begin(leaderRow, leaderColour, node+" leads", strings.TrimSpace(node+" leads "+about), s.Text)
		}
	}
}

// fault begins and ends faults; those without effect are left out.
func (m *meanwhile) fault(text string) {
	what, _, moot := strings.Cut(text, " is moot: ")
	if struck, healed := strings.CutPrefix(what, "Healed "); healed {
		m.end(struck)
		return
	}
	if moot {
		return
	}
	m.begin(faultRow, faultColour, text, text, text)
	if slices.Contains(m.instant, faultName(text)) {
		m.end(text)
	}
}

func (m *meanwhile) begin(row, colour, name, text, details string) {
	mark := checkers.Mark{Row: row, From: m.now, Text: text, Details: fmt.Sprintf("%v, step %d: %s", m.now.At, m.now.Step, details), Colour: colour}
	m.open = append(m.open, begun{name, mark})
}

// end ends what has begun first of this name, if anything has.
func (m *meanwhile) end(name string) {
	i := slices.IndexFunc(m.open, func(l begun) bool { return l.name == name })
	if i < 0 {
		return
	}
	mark := m.open[i].Mark
	mark.To = m.now
	m.marks = append(m.marks, mark)
	m.open = slices.Delete(m.open, i, i+1)
}

// compile leaves out what is no expression.
func compile(rules []rule, match, then string) []rule {
	r, err := regexp.Compile(match)
	if err != nil {
		return rules
	}
	return append(rules, rule{r, then})
}

// first is what the first rule that matches a text makes of it.
func first(rules []rule, text string) (string, bool) {
	for _, r := range rules {
		if groups := r.FindStringSubmatchIndex(text); groups != nil {
			return string(r.ExpandString(nil, r.then, text, groups)), true
		}
	}
	return "", false
}
