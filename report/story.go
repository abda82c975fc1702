package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// Sentence tells a step, or what several nodes did alike.
type Sentence struct {
	Step uint64     `json:"step"` // the first of them; 0 for what is told of no step
	At   clock.Time `json:"at_ns"`
	Text string     `json:"text"`
}

// mostSentences is how long a story is: who wants more has the trace.
const mostSentences = 40

// mostRead is how many steps a story is made of: the last before the violation. They take some seconds, and some 300 bytes each.
const mostRead = 5_000_000

// Story tells how a run came to its violation: the steps of its causal past, and of the nodes that it names, that are about
// what it is about, in the words of the trace; with the crashes and lost messages of those who have a part in it.
// It is empty for a run without a violation. Of a very long run it is that of its last steps.
func Story(t *trace.Reader) ([]Sentence, error) { return storyOf(t, mostRead) }

// storyOf is a story of so many steps at most.
func storyOf(t *trace.Reader, most uint64) ([]Sentence, error) {
	h := t.Header()
	if h.Property == "" {
		return nil, nil
	}
	begin, end := t.Steps()
	if h.Step != 0 {
		end = h.Step
	}
	first := begin
	if end-begin >= most {
		first = end - most + 1
	}
	s := story{header: h, words: compile(h.Words), causal: &sim.Causal{}, involved: map[sim.NodeID]bool{}, subjects: map[string]bool{}, told: map[uint64]bool{}}
	for step, err := range t.Window(first, end) {
		if err != nil {
			return nil, err
		}
		if step.N == h.Step {
			s.end = step.At
		}
		s.causal.Add(&step.Step)
		s.read(&step)
	}
	s.choose()
	s.circumstances()
	list := s.sentences()
	if first > begin {
		list = slices.Insert(list, 0, Sentence{Text: fmt.Sprintf("What came before step %d is not told.", first)})
	}
	return list, nil
}

// story is in the making. Of the steps it keeps those that can be told: what handlers did is in their facts.
type story struct {
	header   trace.Header
	words    words
	causal   *sim.Causal
	steps    []telling // in their order
	inputs   map[sim.NodeID]trace.Step
	involved map[sim.NodeID]bool
	subjects map[string]bool
	told     map[uint64]bool
	end      clock.Time // of the violation's step
}

// telling is a step that can be told.
type telling struct {
	trace.Step
	say          string // the rest of its sentence
	about, leads []string
	input        *trace.Step // the delivery that it came of; nil for none
}

// read takes in the next step.
func (s *story) read(step *trace.Step) {
	if s.inputs == nil {
		s.inputs = map[sim.NodeID]trace.Step{}
	}
	switch step.Kind {
	case sim.KindDeliver, sim.KindTimer:
		s.inputs[step.Node] = *step
	case sim.KindBoot:
		delete(s.inputs, step.Node)
	}
	t := telling{Step: *step}
	switch step.Kind {
	case sim.KindFact:
		if !s.words.say(step.Text, &t) {
			return
		}
		if in, ok := s.inputs[step.Node]; ok && in.N == step.Cause && in.Kind == sim.KindDeliver {
			t.input = &in
		}
	case sim.KindInvoke:
		t.say, t.about = "asks for "+step.Text, tokens(step.Text)
	case sim.KindReturn:
		t.say, t.about = "is told "+step.Text, tokens(step.Text)
	case sim.KindCrash:
		t.say = "crashes"
	case sim.KindBoot:
		if step.Incarnation < 2 {
			return
		}
		t.say = fmt.Sprintf("starts again, incarnation %d%s", step.Incarnation, losses(step.Changes))
	case sim.KindPause:
		t.say = "stands still"
	case sim.KindResume:
		t.say = "goes on"
	case sim.KindDrop:
	default:
		return
	}
	s.steps = append(s.steps, t)
}

// losses tells what a boot has changed.
func losses(changes []trace.Change) string {
	var list []string
	for _, c := range changes {
		if !strings.ContainsAny(c.Path, "[.") && c.Old != "" {
			list = append(list, c.String())
		}
	}
	if len(list) == 0 {
		return ""
	}
	const most = 4
	if len(list) > most {
		list = append(list[:most], "…")
	}
	return " (" + strings.Join(list, ", ") + ")"
}

// choose finds what the violation is about, and tells the steps about that.
func (s *story) choose() {
	named := tokens(s.header.Detail)
	for i := range s.steps {
		t := &s.steps[i]
		if t.N == s.header.Step {
			s.add(t)
		}
		for _, about := range t.about {
			if subject := about[strings.LastIndex(about, " ")+1:]; slices.Contains(named, subject) {
				s.subjects[about] = true
			}
		}
	}
	for _, name := range named {
		for id := sim.NodeID(1); int(id) <= len(s.header.Names)+64; id++ {
			if s.header.Name(id) == name {
				s.involved[id] = true
			}
		}
	}
	// From the end, since what leads to other subjects is told of what came before.
	for again := true; again; {
		again = false
		for i := len(s.steps) - 1; i >= 0; i-- {
			if t := &s.steps[i]; !s.told[t.N] && s.belongs(t) {
				s.add(t)
				again = true
			}
		}
	}
}

func (s *story) add(t *telling) {
	s.told[t.N] = true
	if t.Node != sim.Nobody {
		s.involved[t.Node] = true
	}
	if t.input != nil {
		s.involved[t.input.Peer] = true
	}
	for _, subject := range slices.Concat(t.about, t.leads) {
		s.subjects[subject] = true
	}
}

// belongs reports whether a step is about a subject, and could have had a part in what is told.
func (s *story) belongs(t *telling) bool {
	if !slices.ContainsFunc(t.about, func(about string) bool { return s.subjects[about] }) {
		return false
	}
	end := s.header.Step
	return end == 0 || t.N <= end && (s.involved[t.Node] || s.causal.Before(t.N, end))
}

// circumstances tells what befell those who have a part in it, between the first step that is told and the last.
func (s *story) circumstances() {
	if len(s.told) == 0 {
		return
	}
	steps := slices.Sorted(maps.Keys(s.told))
	first, last := steps[0], steps[len(steps)-1]
	for i := range s.steps {
		t := &s.steps[i]
		switch t.Kind {
		case sim.KindCrash, sim.KindBoot, sim.KindPause, sim.KindResume:
			if first < t.N && t.N < last && s.involved[t.Node] {
				s.told[t.N] = true
			}
		}
	}
}

// sentences tells what was chosen.
func (s *story) sentences() []Sentence {
	var list []Sentence
	lost := map[[2]sim.NodeID]int{}
	meanwhile := func() {
		for _, link := range slices.SortedFunc(maps.Keys(lost), func(a, b [2]sim.NodeID) int {
			return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
		}) {
			list = append(list, Sentence{Text: fmt.Sprintf("Meanwhile %s from %s to %s %s lost.", count(lost[link], "message"), s.name(link[0]), s.name(link[1]), are(lost[link]))})
		}
		clear(lost)
	}
	begun := false
	for i := range s.steps {
		t := &s.steps[i]
		switch {
		case t.Kind == sim.KindDrop:
			if begun && t.N < s.header.Step && s.involved[t.Node] && s.involved[t.Peer] {
				lost[[2]sim.NodeID{t.Peer, t.Node}]++
			}
		case s.told[t.N]:
			if begun {
				meanwhile()
			}
			begun = true
			list = append(list, Sentence{t.N, t.At, s.sentence(t)})
		}
	}
	return s.cut(alike(list))
}

func (s *story) sentence(t *telling) string {
	text := s.name(t.Node) + " " + t.say
	if t.input != nil {
		text += fmt.Sprintf(", on %s from %s", t.input.Text, s.name(t.input.Peer))
	}
	return text + "."
}

func (s *story) name(id sim.NodeID) string { return s.header.Name(id) }

// cut shortens a story, and ends it with the violation.
func (s *story) cut(list []Sentence) []Sentence {
	if n := len(list) - mostSentences; n > 0 {
		list = slices.Concat(list[:mostSentences/4], []Sentence{{Text: fmt.Sprintf("… %s more …", count(n, "sentence"))}}, list[mostSentences/4+n:])
	}
	detail, _, _ := strings.Cut(s.header.Detail, "\n")
	end := Sentence{Step: s.header.Step, At: s.end, Text: fmt.Sprintf("That violates %s: %s.", s.header.Property, strings.TrimSuffix(detail, "."))}
	if end.Step == 0 {
		end.Text = fmt.Sprintf("Once all was over, it violates %s: %s.", s.header.Property, strings.TrimSuffix(detail, "."))
	}
	return append(list, end)
}

// alike joins neighbours that say the same of different nodes.
func alike(list []Sentence) []Sentence {
	var out []Sentence
	var others []string // that the last of out is also true of
	flush := func() {
		if len(others) > 0 {
			last := &out[len(out)-1]
			verb := "does"
			if len(others) > 1 {
				verb = "do"
			}
			last.Text = fmt.Sprintf("%s; so %s %s.", strings.TrimSuffix(last.Text, "."), verb, strings.Join(others, ", "))
			others = nil
		}
	}
	for _, e := range list {
		if n := len(out); n > 0 && out[n-1].Step != 0 && e.Step != 0 {
			_, said, _ := strings.Cut(out[n-1].Text, " ")
			if who, rest, _ := strings.Cut(e.Text, " "); rest == said {
				others = append(others, who)
				continue
			}
		}
		flush()
		out = append(out, e)
	}
	flush()
	return out
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func are(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}

// tokens are the words of a text that are more than a number or a small word: names, keys, values, ids.
func tokens(text string) []string {
	var list []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\n,;:()[]{}\"'=→", r) }) {
		if strings.ContainsAny(word, "0123456789") && strings.ContainsFunc(word, func(r rune) bool { return r < '0' || r > '9' }) {
			list = append(list, word)
		}
	}
	return list
}

// words are the compiled words of a trace.
type words []saying

type saying struct {
	*regexp.Regexp
	trace.Saying
}

// compile leaves out what is no expression.
func compile(w *trace.Words) (list words) {
	if w == nil {
		return nil
	}
	for _, s := range w.Says {
		if r, err := regexp.Compile(s.Match); err == nil {
			list = append(list, saying{r, s})
		}
	}
	return list
}

// say fills in what a text says; false if there are no words for it.
func (w words) say(text string, t *telling) bool {
	for i := range w {
		m := w[i].FindStringSubmatchIndex(text)
		if m == nil {
			continue
		}
		expand := func(template string) string { return string(w[i].ExpandString(nil, template, text, m)) }
		t.say = expand(w[i].Say)
		for _, a := range w[i].About {
			t.about = append(t.about, expand(a))
		}
		for _, a := range w[i].Leads {
			t.leads = append(t.leads, expand(a))
		}
		return true
	}
	return false
}

// WriteStory prints a story, a sentence a line.
func WriteStory(w io.Writer, story []Sentence) error {
	for _, s := range story {
		place := ""
		if s.Step > 0 && s.At > 0 {
			place = fmt.Sprintf("%s step %d", s.At, s.Step)
		}
		if _, err := fmt.Fprintf(w, "%-20s  %s\n", place, s.Text); err != nil {
			return err
		}
	}
	return nil
}
