package report

import (
	"cmp"
	"fmt"
	"math"
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

// How long a story is: who wants more has the trace.
const (
	mostSteps   = 20 // that are told
	mostOutages = 5
	mostFaults  = 3
	mostSays    = 4   // of them in a sentence
	mostWaits   = 4   // of operations without an end, and of nodes in question
	mostText    = 160 // characters of what a step says, and
	mostReason  = 320 // of why a run is violated, and
	mostChange  = 40  // of what a boot has changed of a field
)

// mostRead is how many steps a story is made of: the last of the run. They take some seconds, and some 300 bytes each.
const mostRead = 5_000_000

// Story tells how a run came to its violation: the steps of its causal past, and of the nodes that it names, that are about
// what it is about, in the words of the trace; with the crashes, faults and lost messages of those who have a part in it.
// It is empty for a run without a violation. Of a very long run it is that of its last steps.
func Story(t *trace.Reader) ([]Sentence, error) { return storyOf(t, mostRead) }

// storyOf is a story of so many steps at most.
func storyOf(t *trace.Reader, most uint64) ([]Sentence, error) {
	h := t.Header()
	if !h.Violated() {
		return nil, nil
	}
	begin, last := t.Steps()
	first := begin
	if last-begin >= most {
		first = last - most + 1
	}
	s := story{
		header: h, words: compile(h.Words), end: cmp.Or(h.Step, math.MaxUint64),
		inputs: map[sim.NodeID]trace.Step{}, heard: map[sim.NodeID]trace.Step{}, open: map[string][]*telling{}, harms: map[string]string{},
		asked: map[sim.NodeID]trace.Step{}, said: map[sim.NodeID]*telling{}, silent: map[sim.NodeID]*telling{},
		clients: map[sim.NodeID]bool{}, involved: map[sim.NodeID]bool{}, subjects: map[string]bool{}, named: map[string]bool{}, central: map[sim.NodeID]bool{},
	}
	s.headline, s.proof = s.reason()
	for step, err := range t.Window(first, last) {
		if err != nil {
			return nil, err
		}
		s.read(&step)
	}
	s.causal, s.servers = &sim.Causal{}, &sim.Causal{}
	err := t.SkimWindow(first, last, func(step *sim.Step) {
		s.causal.Add(step)
		if len(h.Ops) > 0 {
			server := *step
			if s.clients[step.Node] || s.clients[step.Peer] {
				server.Cause = 0
			}
			s.servers.Add(&server)
		}
	})
	if err != nil {
		return nil, err
	}
	s.matter()
	s.follow()
	for _, more := range []func(){s.kinds, s.nodes} {
		if !slices.ContainsFunc(s.steps, func(t *telling) bool { return t.told && t.N != h.Step }) {
			more()
			s.follow()
		}
	}
	s.sent()
	s.shorten()
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
	headline string     // of the violation
	proof    string     // why that is so, in a line; "" for none
	end      uint64     // no step behind it is told
	at       clock.Time // of the violation, if a step shows it
	causal   *sim.Causal
	servers  *sim.Causal // likewise, without what clients have passed on; for operations that show the violation
	steps    []*telling  // in their order

	// While steps are read:
	inputs map[sim.NodeID]trace.Step // what came last to a node
	heard  map[sim.NodeID]trace.Step // likewise, of messages
	open   map[string][]*telling     // what has not ended: operations, outages, faults
	harms  map[string]string         // by node: the fault in force that takes from its disk what a crash may take
	asked  map[sim.NodeID]trace.Step // by client: what of it came last to a server, or was lost
	said   map[sim.NodeID]*telling   // what a node has said last
	silent map[sim.NodeID]*telling   // by node: its last boot, while it has said nothing since

	brought   trace.Step // the delivery whose handler violates; its N is 0 for none
	witnesses []*telling // operations that show the violation, in order of invocation
	requests  []*request // of operations that show the violation
	clients   map[sim.NodeID]bool
	involved  map[sim.NodeID]bool
	central   map[sim.NodeID]bool // of those, who violates, whom the violation names, and who answered what shows it
	subjects  map[string]bool
	named     map[string]bool // what the violation names, but for nodes
}

// telling is a step that can be told.
type telling struct {
	trace.Step
	say          string // the rest of its sentence
	about, leads []string
	role         bool        // it is a fact that gives its node a role
	named        bool        // it is a fact that has in it what the violation names
	input        *trace.Step // the delivery that it came of; nil for none
	ended        *telling    // of an operation, an outage, a fault: what ends it; nil for nothing
	answer       *trace.Step // of the end of an operation: what its client heard last, if that was after it began
	first        *telling    // of a boot: the fact that it came to first; nil for none with words
	told, left   bool        // left: it would be told, but the story is long
	again        bool        // its node has said that before
	depth        int         // how far what it is about is from the violation
}

// read takes in the next step.
func (s *story) read(step *trace.Step) {
	t := &telling{Step: *step}
	node := fmt.Sprint(step.Node)
	if step.N == s.header.Step {
		s.at = step.At
		s.involved[step.Node] = true
		if in, ok := s.heard[step.Node]; ok {
			s.involved[in.Peer] = true
			if in.N == step.Cause {
				s.brought = in
			}
		}
	}
	if s.clients[step.Peer] {
		s.asks(step)
	}
	switch step.Kind {
	case sim.KindDeliver, sim.KindTimer:
		s.inputs[step.Node] = *step
		if step.Kind == sim.KindDeliver {
			s.heard[step.Node] = *step
		}
		return
	case sim.KindFact:
		boot := s.silent[step.Node]
		delete(s.silent, step.Node)
		if !s.words.say(step, s.header.Name(step.Node), t) {
			return
		}
		s.said[step.Node] = t
		if boot != nil {
			boot.first = t
		}
		if in, ok := s.inputs[step.Node]; ok && in.N == step.Cause && in.Kind == sim.KindDeliver {
			t.input = &in
		}
	case sim.KindInvoke:
		number, what := operationText(step.Text)
		t.say, t.about = what, tokens(step.Text)
		s.begins(number, t)
		s.clients[step.Node] = true
		if slices.Contains(s.header.Ops, step.N) {
			s.requests = append(s.requests, &request{ask: t, came: map[uint64]bool{}})
		}
	case sim.KindReturn:
		number, what := operationText(step.Text)
		t.say, t.about = what, tokens(step.Text)
		if ask := s.ends(number, t); ask != nil {
			if in := s.heard[step.Node]; in.N > ask.N {
				t.answer = &in
			}
			t.about = append(t.about, ask.about...)
		}
	case sim.KindCrash:
		t.say = "crashes"
		if fault := s.harms[s.name(step.Node)]; fault != "" {
			t.say += fmt.Sprintf(" (%s)", fault)
		}
		s.ends("pause "+node, t)
		s.begins("crash "+node, t)
	case sim.KindBoot:
		delete(s.inputs, step.Node)
		if step.Incarnation < 2 {
			return
		}
		t.say = fmt.Sprintf("starts again, incarnation %d%s", step.Incarnation, forgets(step.Changes))
		s.ends("crash "+node, t)
		s.silent[step.Node] = t
	case sim.KindPause:
		if len(s.open["pause "+node]) > 0 {
			return
		}
		t.say = "stands still"
		s.begins("pause "+node, t)
	case sim.KindResume:
		t.say = "goes on"
		s.ends("pause "+node, t)
	case sim.KindFault:
		fault, healed := strings.CutPrefix(step.Text, "Healed ")
		if healed {
			s.ends("fault "+fault, t)
		} else {
			s.begins("fault "+fault, t)
		}
		if m := harm.FindStringSubmatch(fault); m != nil {
			s.harms[m[1]] = fault
			if healed {
				delete(s.harms, m[1])
			}
		}
		t.say = step.Text
	case sim.KindDrop:
		if len(s.open["crash "+node]) == 0 { // of a node that is down there is nothing to say
			s.words.say(step, s.header.Name(step.Peer), t)
		}
	default:
		return
	}
	s.steps = append(s.steps, t)
}

func (s *story) begins(what string, t *telling) { s.open[what] = append(s.open[what], t) }

// harm is a fault of the disk of one node, by its name, that shows with its next crash.
var harm = regexp.MustCompile(`^(?:LoseUnsynced|TornWrite)\{(\w+)[^:]*\}$`)

// ends takes note of what ends with a step: of several the last that began. It is nil if there is none.
func (s *story) ends(what string, t *telling) *telling {
	n := len(s.open[what]) - 1
	if n < 0 {
		return nil
	}
	began := s.open[what][n]
	s.open[what] = s.open[what][:n]
	began.ended = t
	return began
}

// operationText divides the text of an operation's begin or end in its number and the rest.
func operationText(text string) (number, what string) {
	number, what, _ = strings.Cut(text, " ")
	return number, what
}

// forgets tells what a boot has changed.
func forgets(changes []trace.Change) string {
	var list []string
	for _, c := range changes {
		if !strings.ContainsAny(c.Path, "[.") && c.Old != "" {
			list = append(list, brief(c.String(), mostChange))
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

// matter finds what the violation is about: the operations that show it; or its own step, and what its text names.
func (s *story) matter() {
	for _, step := range s.header.Ops {
		if ask := s.find(step); ask != nil {
			s.witnesses = append(s.witnesses, ask)
		}
	}
	if len(s.witnesses) == 0 {
		s.text()
		return
	}
	s.end = 0
	for _, ask := range s.witnesses {
		s.operation(ask)
		for _, word := range tokens(ask.say) {
			s.named[word] = true
		}
	}
}

// text finds the nodes and subjects that the violation's text names, and what its step is about.
func (s *story) text() {
	nodes := map[string]sim.NodeID{}
	for id := sim.NodeID(1); int(id) <= len(s.header.Names)+64; id++ {
		nodes[s.header.Name(id)] = id
	}
	for _, word := range tokens(s.headline) {
		if id, ok := nodes[word]; ok {
			s.involved[id], s.central[id] = true, true
		} else {
			s.named[word] = true
		}
	}
	s.central[s.header.Node] = true
	if own := s.find(s.header.Step); own != nil {
		s.tell(own, 0)
		about := slices.DeleteFunc(slices.Clone(own.about), func(about string) bool { return !s.names(about) })
		if len(about) == 0 {
			about = own.about
		}
		s.concerns(about)
	}
	quoted := map[string]bool{}
	for _, t := range s.steps {
		for _, about := range t.about {
			if s.named[lastWord(about)] {
				s.subjects[about] = true
			} else if s.quotes(about) {
				quoted[about] = true
			}
		}
	}
	for about := range quoted {
		if !partOfOther(about, quoted) {
			s.subjects[about] = true
		}
	}
	s.narrow()
}

// sent tells what the sender said as it sent the message whose handler violates.
func (s *story) sent() {
	if s.brought.N == 0 {
		return
	}
	for _, t := range s.steps {
		if t.Kind == sim.KindFact && t.Node == s.brought.Peer && t.Cause == s.brought.Cause {
			s.tell(t, closest)
		}
	}
}

// kinds takes what the violation's text has by its kind and name, "partition 0", for what it is about.
func (s *story) kinds() {
	for _, t := range s.steps {
		for _, about := range t.about {
			if s.has(about) {
				s.subjects[about] = true
			}
		}
	}
}

// nodes takes what nodes say of nodes for what the violation is about.
func (s *story) nodes() {
	for id := range s.involved {
		s.named[s.name(id)] = true
	}
}

func lastWord(subject string) string { return subject[strings.LastIndex(subject, " ")+1:] }

// narrow leaves out what so much is about that it does not fit, where something else tells more: of a record and its
// partition, the partition.
func (s *story) narrow() {
	steps := map[string]int{} // by subject, or by what is named
	for _, t := range s.steps {
		if t.N > s.end || t.Kind != sim.KindFact {
			continue
		}
		words := slices.DeleteFunc(tokens(t.Text), func(word string) bool { return !s.named[word] })
		about := slices.DeleteFunc(slices.Clone(t.about), func(about string) bool { return !s.subjects[about] })
		for _, what := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(words, about)))) {
			steps[what]++
		}
	}
	fewest := math.MaxInt
	for _, n := range steps {
		fewest = min(fewest, n)
	}
	for what, n := range steps {
		if n > mostSteps && n/8 >= fewest {
			delete(s.subjects, what)
			delete(s.named, what)
		}
	}
}

// names reports whether the violation's text names a subject.
func (s *story) names(subject string) bool {
	return s.named[lastWord(subject)] || s.has(subject) || s.quotes(subject)
}

// quotes reports whether the violation's text has what a subject is called, if that is several words.
func (s *story) quotes(subject string) bool {
	_, called, _ := strings.Cut(subject, " ")
	return strings.Contains(called, " ") && s.has(called)
}

// partOfOther reports whether what a subject is called is a part of what another one is.
func partOfOther(subject string, all map[string]bool) bool {
	_, called, _ := strings.Cut(subject, " ")
	for other := range all {
		if _, longer, _ := strings.Cut(other, " "); len(longer) > len(called) && strings.Contains(longer, called) {
			return true
		}
	}
	return false
}

// has reports whether the violation's text has some words in it.
func (s *story) has(words string) bool {
	before, after := "", s.headline
	for {
		skipped, rest, found := strings.Cut(after, words)
		if !found || words == "" {
			return false
		}
		before, after = before+skipped, rest
		if !inWord(before[max(0, len(before)-1):]) && !inWord(after[:min(len(after), 1)]) {
			return true
		}
		before += words
	}
}

func inWord(c string) bool {
	return c != "" && (c[0] >= '0' && c[0] <= '9' || c[0] >= 'a' && c[0] <= 'z' || c[0] >= 'A' && c[0] <= 'Z')
}

func (s *story) concerns(subjects []string) {
	for _, subject := range subjects {
		s.subjects[subject] = true
	}
}

// find is a step; nil if it cannot be told.
func (s *story) find(step uint64) *telling {
	i, ok := slices.BinarySearchFunc(s.steps, step, func(t *telling, n uint64) int { return cmp.Compare(t.N, n) })
	if !ok {
		return nil
	}
	return s.steps[i]
}

// closest is the depth of what is told whatever else there is to tell.
const closest = -1

// operation tells an operation that shows the violation, and the role of who answered, whatever else there is to tell.
func (s *story) operation(ask *telling) {
	s.tell(ask, closest)
	s.end = max(s.end, ask.N)
	done := ask.ended
	if done == nil {
		return
	}
	s.tell(done, closest)
	s.end = max(s.end, done.N)
	if done.answer == nil {
		return
	}
	server := done.answer.Peer
	s.involved[server], s.central[server] = true, true
	s.repeats(ask)
	for _, t := range slices.Backward(s.steps) {
		if t.N < done.answer.N && t.Node == server && (t.role || t.Kind == sim.KindBoot) {
			if t.role {
				s.tell(t, closest)
			}
			return
		}
	}
}

func (s *story) tell(t *telling, depth int) {
	t.told, t.depth = true, depth
	s.involved[t.who()] = true
	if t.input != nil {
		s.involved[t.input.Peer] = true
	}
}

// who is the node that a sentence begins with.
func (t *telling) who() sim.NodeID {
	if t.Kind == sim.KindDrop {
		return t.Peer
	}
	return t.Node
}

// follow tells the steps about the subjects, and about what these lead to.
func (s *story) follow() {
	for _, t := range s.steps {
		t.named = t.Kind == sim.KindFact && slices.ContainsFunc(tokens(t.Text), func(word string) bool { return s.named[word] })
	}
	const deepest = 2
	for depth := 0; depth <= deepest; depth++ {
		for again := true; again; {
			again = false
			for _, t := range s.steps {
				if !t.told && s.belongs(t) {
					s.tell(t, depth)
					again = true
				}
			}
		}
		for _, t := range s.steps {
			if t.told {
				s.concerns(t.leads)
			}
		}
	}
}

// belongs reports whether a step is about a subject, and could have had a part in what is told.
func (s *story) belongs(t *telling) bool {
	if t.N > s.end || t.say == "" || t.Kind == sim.KindFault {
		return false
	}
	about := t.named || slices.ContainsFunc(t.about, func(about string) bool { return s.subjects[about] })
	if t.Kind == sim.KindDrop {
		return about && s.involved[t.Peer] && s.involved[t.Node]
	}
	return about && (s.header.Step == 0 || s.involved[t.Node] || s.causal.Before(t.N, s.header.Step))
}

// shorten leaves out what is far from the violation, and long ago. What a node says again is further away, and so is what
// others say than those whom the violation is about. Facts of one handler are told together.
func (s *story) shorten() {
	type saying struct {
		node sim.NodeID
		say  string
	}
	said := map[saying]bool{}
	var told []*telling
	for _, t := range s.steps {
		if t.told {
			t.again = t.Kind == sim.KindFact && said[saying{t.Node, t.say}]
			said[saying{t.Node, t.say}] = true
			told = append(told, t)
		}
	}
	far := func(t *telling) int {
		depth := t.depth
		if t.N == s.header.Step {
			return depth
		}
		if t.again {
			depth++
		}
		if t.Kind == sim.KindFact && !s.central[t.Node] {
			depth++
		}
		return depth
	}
	slices.SortFunc(told, func(a, b *telling) int { return cmp.Or(cmp.Compare(far(a), far(b)), cmp.Compare(b.N, a.N)) })
	type handler struct {
		node sim.NodeID
		step uint64
	}
	room := map[handler]bool{}
	for _, t := range told {
		h := handler{t.Node, t.Cause}
		if t.Kind != sim.KindFact || t.Cause == 0 {
			h.step = t.N
		}
		if len(room) < mostSteps {
			room[h] = true
		}
		t.told = room[h]
		t.left = !t.told
	}
}
