package report

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// circumstances tells what befell those who have a part in the story while it lasts, the latest first: outages, and faults
// of which no step says what they did. Of each node without an outage in it, the last one before it is told; of faults that
// cut nobody off, those that strike in it. Whom the violation is about also says what it knows when it starts again.
func (s *story) circumstances() {
	begin := uint64(0)
	if first := slices.IndexFunc(s.steps, func(t *telling) bool { return t.told }); first >= 0 {
		begin = s.steps[first].N
	}
	outages, seen := 0, map[sim.NodeID]bool{} // whose outages are told
	for _, t := range slices.Backward(s.steps) {
		outage := t.Kind == sim.KindCrash && (t.lasts(begin) || !seen[t.Node]) || t.Kind == sim.KindPause && t.lasts(begin)
		if outage && !t.told && t.N < s.end && s.involved[t.Node] && outages < mostOutages {
			t.told, seen[t.Node] = true, true
			outages++
			if end := t.ended; s.central[t.Node] && end != nil && end.N > begin && end.first != nil && end.first.N < s.end {
				end.first.told = true
			}
		}
	}
	faults := 0
	for _, cuts := range []bool{true, false} { // those that keep nodes from each other come first
		for _, t := range slices.Backward(s.steps) {
			in := t.N < s.end && (t.N > begin || cuts && t.lasts(begin))
			if t.Kind == sim.KindFault && in && s.struck(t.Text) && cut.MatchString(t.Text) == cuts && faults < mostFaults {
				t.told = true
				faults++
			}
		}
	}
}

// lasts reports whether something is not over at a step.
func (t *telling) lasts(step uint64) bool { return t.ended == nil || t.ended.N > step }

var (
	// shown are the faults whose effects are steps of their own.
	shown = regexp.MustCompile(`^(Healed|Crash|Restart|RollingRestart|Pause|LoseUnsynced|TornWrite)\b| is moot: `)
	// cut are those that keep nodes from each other.
	cut = regexp.MustCompile(`^(Partition|Isolate|Clog|Lossy|Flaky)\b`)
)

// struck reports whether a fault has struck someone with a part in the story, without a step that says so.
func (s *story) struck(fault string) bool {
	return !shown.MatchString(fault) && slices.ContainsFunc(strings.FieldsFunc(fault, notInName), func(word string) bool {
		return word == "all" || slices.ContainsFunc(slices.Collect(maps.Keys(s.involved)), func(id sim.NodeID) bool { return s.name(id) == word })
	})
}

func notInName(r rune) bool { return strings.ContainsRune(" ,|→{}", r) }

// sentences tells what was chosen.
func (s *story) sentences() []Sentence {
	var list []Sentence
	var last []*telling // of the last sentence
	left := 0
	lost := losses{}
	down := map[sim.NodeID]bool{}
	for _, t := range s.steps {
		switch t.Kind {
		case sim.KindCrash:
			down[t.Node] = true
		case sim.KindBoot:
			down[t.Node] = false
		}
		switch {
		case t.left:
			left++
		case t.told && s.goesOn(last, t):
			last = append(last, t)
			list[len(list)-1].Text = s.sentence(last)
		case t.told:
			outage := t.Kind == sim.KindCrash || t.Kind == sim.KindPause || t.Kind == sim.KindFault
			if !outage && left >= muchLeft {
				list, left = append(list, leftOut(left)), 0
			}
			list = append(list, s.between(lost, len(list) > 0)...)
			list = append(list, Sentence{t.N, t.At, s.sentence([]*telling{t})})
			last = []*telling{t}
		case t.Kind == sim.KindDrop && t.N < s.end && s.involved[t.Node] && s.involved[t.Peer]:
			lost.count(t, down[t.Node])
		}
	}
	if left > 0 {
		list = append(list, leftOut(left))
	}
	list = slices.Concat(alike(list), s.repeated(), s.unheard(), s.waits())
	headline := strings.TrimSuffix(brief(s.headline, mostReason), ".")
	end := Sentence{Step: s.header.Step, At: s.at, Text: fmt.Sprintf("That violates %s: %s.", s.header.Property, headline)}
	if end.Step == 0 {
		end.Text = fmt.Sprintf("Once all was over, it violates %s: %s.", s.header.Property, headline)
	}
	if s.proof != "" {
		end.Text += " " + s.proof + "."
	}
	return append(list, end)
}

const (
	muchLeft  = 4 // steps that are left out, of which it is worth while to say where; fewer are counted with the next
	muchLost  = 8 // messages of a link, of which it is worth while to say so
	mostLinks = 2 // of which that is said, the worst
)

// losses counts, by link, the messages that are lost on the way, and those that come to a node that is down.
type losses map[[2]sim.NodeID]struct{ way, down int }

func (l losses) count(t *telling, down bool) {
	link := [2]sim.NodeID{t.Peer, t.Node}
	n := l[link]
	if down {
		n.down++
	} else {
		n.way++
	}
	l[link] = n
}

func leftOut(steps int) Sentence { return Sentence{Text: fmt.Sprintf("… %d more …", steps)} }

// between tells of links on which much was lost between two sentences.
func (s *story) between(lost losses, begun bool) (list []Sentence) {
	links := slices.SortedFunc(maps.Keys(lost), func(a, b [2]sim.NodeID) int {
		return cmp.Or(cmp.Compare(lost[b].way, lost[a].way), cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	var most []string
	for _, link := range links[:min(len(links), mostLinks)] {
		n := lost[link]
		if n.way < muchLost {
			break
		}
		text := fmt.Sprintf("%d messages from %s to %s", n.way+n.down, s.name(link[0]), s.name(link[1]))
		if n.down > 0 {
			text += fmt.Sprintf(" (%d of them while it is down)", n.down)
		}
		most = append(most, text)
	}
	clear(lost)
	if len(most) > 0 && begun {
		list = append(list, Sentence{Text: "Meanwhile " + enumerate(most) + " are lost."})
	}
	return list
}

// goesOn reports whether a step belongs into the sentence of those before it: a node's facts in one handler, and the end
// of an operation of which nothing is told in between.
func (s *story) goesOn(last []*telling, t *telling) bool {
	if len(last) == 0 {
		return false
	}
	before := last[len(last)-1]
	switch t.Kind {
	case sim.KindFact:
		return before.Kind == sim.KindFact && before.Node == t.Node && before.Cause == t.Cause && t.Cause != 0
	case sim.KindReturn:
		return before.Kind == sim.KindInvoke && before.ended == t
	case sim.KindDrop:
		return before.Kind == sim.KindDrop && before.Peer == t.Peer && before.say == t.say
	}
	return false
}

// sentence tells steps that belong together.
func (s *story) sentence(all []*telling) string {
	t := all[0]
	who := s.name(t.who())
	switch t.Kind {
	case sim.KindInvoke:
		number, _ := operationText(t.Text)
		text := fmt.Sprintf("%s asks for %s (%s)", who, brief(t.say, mostText), number)
		if len(all) > 1 {
			text += ", and " + s.outcome(all[1], fmt.Sprintf("at %s", all[1].At))
		}
		return text + "."
	case sim.KindReturn:
		number, _ := operationText(t.Text)
		return fmt.Sprintf("%s %s.", who, s.outcome(t, "of "+number))
	case sim.KindCrash, sim.KindPause:
		if end := t.ended; end != nil && end.Kind != sim.KindCrash {
			return fmt.Sprintf("%s %s, and at %s it %s.", who, t.say, end.At, end.say)
		}
		return who + " " + t.say + "."
	case sim.KindFault:
		switch {
		case t.ended == nil:
			return t.say + " is in force from now on."
		case t.ended.At == t.At:
			return t.say + " strikes."
		}
		return fmt.Sprintf("%s is in force until %s.", t.say, t.ended.At)
	case sim.KindDrop:
		var deaf []string
		for _, t := range all {
			deaf = append(deaf, s.name(t.Node))
		}
		deaf = slices.Compact(slices.Sorted(slices.Values(deaf)))
		return fmt.Sprintf("%s %s, and that is lost on the way to %s.", who, t.say, enumerate(deaf))
	}
	text := who + " " + strings.Join(s.says(all), ", and ")
	if t := all[len(all)-1]; t.N == s.header.Step {
		if before := s.before(t); before != nil {
			text += fmt.Sprintf(", as it did at %s", before.At)
		}
	}
	if t.input != nil {
		text += fmt.Sprintf(", on %s from %s", brief(t.input.Text, mostText), s.name(t.input.Peer))
	}
	own := s.header.Node // that violates
	if own != sim.Nobody && t.Node != own && t.Kind == sim.KindFact && t.depth == 0 && !s.causal.Before(t.N, s.header.Step) {
		text += fmt.Sprintf("; %s never hears of that", s.name(own))
	}
	return text + "."
}

// before is the step at which a node has said last what it says at t; nil for none.
func (s *story) before(t *telling) *telling {
	for _, b := range slices.Backward(s.steps) {
		if b.N < t.N && b.Kind == sim.KindFact && b.Node == t.Node && b.say == t.say {
			return b
		}
	}
	return nil
}

// says is what facts of one handler say: of many the first ones, and the one that violates.
func (s *story) says(all []*telling) (list []string) {
	first, rest := all, []*telling(nil)
	if len(all) > mostSays {
		first, rest = all[:mostSays], all[mostSays:]
	}
	for _, t := range first {
		list = append(list, brief(t.say, mostText))
	}
	violates := len(rest) > 0 && rest[len(rest)-1].N == s.header.Step
	more := len(rest)
	if violates {
		more--
	}
	if more > 0 {
		list = append(list, fmt.Sprintf("%d more", more))
	}
	if violates {
		list = append(list, brief(rest[len(rest)-1].say, mostText))
	}
	return list
}

// outcome tells how an operation ends, of which or when.
func (s *story) outcome(t *telling, which string) string {
	out, result, _ := strings.Cut(t.say, " ")
	by := ""
	if t.answer != nil {
		by = " from " + s.name(t.answer.Peer)
	}
	switch out {
	case sim.OK.String():
		out = "ok"
	case sim.Fail.String():
		out = "it has not happened"
	case sim.Info.String():
		return "gives up " + strings.TrimPrefix(which, "of ") + ", and does not know whether it has happened"
	}
	return strings.TrimSpace(fmt.Sprintf("hears%s %s: %s %s", by, which, out, brief(result, mostText)))
}

// unheard tells what had not come, by way of other servers, to who answered the last of the operations that show the
// violation: roles that others had, and the operations before it.
func (s *story) unheard() []Sentence {
	if len(s.witnesses) == 0 {
		return nil
	}
	last := s.witnesses[len(s.witnesses)-1]
	if last.ended == nil || last.ended.answer == nil {
		return nil
	}
	answer := last.ended.answer
	var what []string
	for _, t := range s.steps {
		if t.told && t.role && t.Node != answer.Peer && t.N < answer.Cause && !s.servers.Before(t.N, answer.Cause) {
			what = append(what, fmt.Sprintf("that %s %s", s.name(t.Node), t.say))
		}
		if a := t.answer; a != nil && t != last.ended && a.Peer != answer.Peer && t.N < last.N && t.told && !s.servers.Before(a.Cause, answer.Cause) {
			number, _ := operationText(t.Text)
			what = append(what, "of "+number)
		}
	}
	if len(what) == 0 {
		return nil
	}
	number, _ := operationText(last.Text)
	return []Sentence{{Text: fmt.Sprintf("When %s answered %s, it had not heard %s from any other server.", s.name(answer.Peer), number, strings.Join(what, ", nor "))}}
}

func (s *story) name(id sim.NodeID) string { return s.header.Name(id) }

// brief is a text of so many characters at most.
func brief(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return text
}

// reason divides the detail of a violation in its first line and the next, which is a table's if it is indented. Checkers
// have no names of clients.
func (s *story) reason() (headline, proof string) {
	text := numbered.ReplaceAllStringFunc(s.header.Detail, func(node string) string {
		id, _ := strconv.Atoi(node[1:])
		return s.name(sim.NodeID(id))
	})
	headline, rest, _ := strings.Cut(text, "\n")
	if proof, _, _ = strings.Cut(rest, "\n"); strings.HasPrefix(proof, " ") {
		proof = ""
	}
	return strings.TrimSuffix(headline, "."), strings.TrimSuffix(brief(proof, mostText), ".")
}

var numbered = regexp.MustCompile(`\bn[1-9][0-9]{0,8}\b`)

// enumerate joins texts: a, b and c.
func enumerate(list []string) string {
	if n := len(list); n > 1 {
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
	return strings.Join(list, "")
}

// alike joins neighbours that say the same of different nodes.
func alike(list []Sentence) (out []Sentence) {
	var nodes []string // of which the last of out is true
	flush := func() {
		if len(nodes) < 2 {
			return
		}
		last := &out[len(out)-1]
		one, many := "does", "do"
		if strings.HasPrefix(last.Text, nodes[0]+" is ") {
			one, many = "is", "are"
		}
		verb := one
		if len(nodes) > 2 {
			verb = many
		}
		last.Text = fmt.Sprintf("%s; so %s %s.", strings.TrimSuffix(last.Text, "."), verb, enumerate(nodes[1:]))
	}
	for _, e := range list {
		who, rest, _ := strings.Cut(e.Text, " ")
		if n := len(out); n > 0 && e.Step != 0 && out[n-1].Step != 0 && !slices.Contains(nodes, who) {
			if _, said, _ := strings.Cut(out[n-1].Text, " "); rest == said {
				nodes = append(nodes, who)
				continue
			}
		}
		flush()
		out, nodes = append(out, e), []string{who}
	}
	flush()
	return out
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
type words struct {
	says  []saying
	roles []*regexp.Regexp // that give one
}

type saying struct {
	*regexp.Regexp
	trace.Saying
}

// compile leaves out what is no expression.
func compile(w *trace.Words) (list words) {
	if w == nil {
		return list
	}
	for _, s := range w.Says {
		if r, err := regexp.Compile(s.Match); err == nil {
			list.says = append(list.says, saying{r, s})
		}
	}
	for _, role := range w.Roles {
		if r, err := regexp.Compile(role.Match); err == nil {
			list.roles = append(list.roles, r)
		}
	}
	return list
}

// say fills in what a step says of a node; false if there are no words for it.
func (w *words) say(step *trace.Step, node string, t *telling) bool {
	for i := range w.says {
		rule := &w.says[i]
		m := rule.FindStringSubmatchIndex(step.Text)
		if m == nil {
			continue
		}
		expand := func(template string) string {
			return string(rule.ExpandString(nil, strings.ReplaceAll(template, "$node", node), step.Text, m))
		}
		t.say = expand(rule.Say)
		for _, a := range rule.About {
			t.about = append(t.about, expand(a))
		}
		for _, a := range rule.Leads {
			t.leads = append(t.leads, expand(a))
		}
		t.role = slices.ContainsFunc(w.roles, func(r *regexp.Regexp) bool { return r.MatchString(step.Text) })
		return true
	}
	return false
}

// WriteStory prints a story, a sentence a line.
func WriteStory(w io.Writer, story []Sentence) error {
	for _, s := range story {
		place := ""
		if s.Step > 0 {
			place = fmt.Sprintf("%s step %d", s.At, s.Step)
		}
		if _, err := fmt.Fprintf(w, "%-20s  %s\n", place, s.Text); err != nil {
			return err
		}
	}
	return nil
}
