package export

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// perfetto writes the JSON form of trace events ("Trace Event Format", Google 2016), which Perfetto and Chrome read.
//
// Each node is a process, with threads for its handlers, for the stretches in which it is down or paused, for the packets
// that were lost on the way to it, and for its operations. The world is a process with a thread for faults. A handler is a
// slice until its last effect has left; its syncs are slices in it, its facts and log lines instants. A packet is a flow
// from the handler that sent it, when it departed, to that which it reached, or to where it was lost.
//
// A flow belongs to the slice that is open on its thread when it comes, and events of one time are read in the order of the
// file. So handlers are written as they begin and end, and where a flow begins is written before what comes later: the
// handler's next effect, its end, or the packet's arrival.
func (e *exporter) perfetto() error {
	p := &timeline{
		exporter: e, out: list{w: e.w}, running: map[uint64]*handler{}, threads: map[thread]int{}, outages: map[sim.NodeID]string{},
		open: operations{}, marked: e.violation(),
	}
	if err := p.findPackets(); err != nil {
		return err
	}
	fmt.Fprint(e.w, `{"displayTimeUnit":"ms","otherData":`)
	if err := writeJSON(e.w, e.about()); err != nil {
		return err
	}
	fmt.Fprint(e.w, `,"traceEvents":[`)
	now, err := e.visit(visitor{p.begin, p.effect, p.end, p.other})
	if err != nil {
		return err
	}
	p.finish(now)
	fmt.Fprint(e.w, "\n]}\n")
	return p.out.err
}

// about is what other tools may show of a run.
func (e *exporter) about() any {
	h := &e.header
	return struct {
		Scenario string `json:"scenario"`
		Seed     string `json:"seed"`
		Verdict  string `json:"verdict"`
		Hash     string `json:"hash"`
	}{h.Scenario, strconv.FormatUint(h.Seed, 10), h.Verdict, hashText(h.Hash)}
}

// The lanes of a node: its threads. Operations of one client that overlap take lanes of their own.
const (
	laneHandlers = iota
	laneOutages
	laneLost
	laneFaults
	laneOperations
)

type thread struct {
	node sim.NodeID
	lane int
}

// timeline is the state of a perfetto export.
type timeline struct {
	*exporter
	out     list
	first   []uint32              // by step of the window: the first of the packets that it sent, as the step that has it, from 1
	next    []uint32              // likewise: the next one of the same sender; those that were written are in no list
	left    []clock.Time          // likewise: when the packet that it has departed
	handles []bool                // likewise: it is a handler
	running map[uint64]*handler   // by step: those that have not ended
	threads map[thread]int        // their tids, those that were written of
	outages map[sim.NodeID]string // what lasts: "down" or "paused"
	open    operations
	marked  uint64 // the step of the violation
	now     clock.Time
}

// operation is one that has not ended.
type operation struct {
	trace.Step
	number, text string
	lane         int
}

// event is a trace event. Its times are in microseconds.
type event struct {
	Name  string  `json:"name,omitempty"`
	Cat   string  `json:"cat,omitempty"`
	Ph    string  `json:"ph"`
	Ts    micros  `json:"ts"`
	Dur   *micros `json:"dur,omitempty"`
	Pid   int     `json:"pid"`
	Tid   int     `json:"tid"`
	ID    uint64  `json:"id,omitempty"`
	Bind  string  `json:"bp,omitempty"`
	Scope string  `json:"s,omitempty"`
	Args  any     `json:"args,omitempty"`
}

type micros clock.Time

func (m micros) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%d.%03d", m/1000, m%1000), nil
}

type args struct {
	Step     uint64   `json:"step,omitempty"`
	Text     string   `json:"text,omitempty"`
	From     string   `json:"from,omitempty"`
	Life     uint32   `json:"incarnation,omitempty"`
	Lamport  uint64   `json:"lamport,omitempty"`
	State    []string `json:"state,omitempty"`
	Outcome  string   `json:"outcome,omitempty"`
	Result   string   `json:"result,omitempty"`
	Property string   `json:"property,omitempty"`
	Detail   string   `json:"detail,omitempty"`
}

// findPackets finds out who sent what arrives or is lost in the window.
func (p *timeline) findPackets() error {
	p.first, p.next = make([]uint32, p.size()), make([]uint32, p.size())
	p.left, p.handles = make([]clock.Time, p.size()), make([]bool, p.size())
	last := make([]uint32, p.size())
	return p.skim(func(s *sim.Step) {
		p.handles[s.N-p.First] = s.Kind == sim.KindDeliver || s.Kind == sim.KindTimer || s.Kind == sim.KindBoot
		if !p.flows(s) {
			return
		}
		i, from := uint32(s.N-p.First)+1, s.Cause-p.First
		if last[from] == 0 {
			p.first[from] = i
		} else {
			p.next[last[from]-1] = i
		}
		last[from] = i
		p.left[i-1] = min(s.Sent, s.At)
	})
}

// flows tells whether a step is the end of a packet that a handler in the window sent.
func (p *timeline) flows(s *sim.Step) bool {
	return (s.Kind == sim.KindDeliver || s.Kind == sim.KindDrop) && p.has(s.Cause) && s.Cause <= s.N && p.handles[s.Cause-p.First]
}

// on puts an event on a thread. It tells of the thread if this is its first.
func (p *timeline) on(node sim.NodeID, lane int, v event) {
	v.Pid, v.Tid = p.thread(node, lane)
	p.out.add(v)
}

func (p *timeline) thread(node sim.NodeID, lane int) (pid, tid int) {
	pid = int(node) + 1 // 0 is the idle process
	if tid, known := p.threads[thread{node, lane}]; known {
		return pid, tid
	}
	tell := func(what string, args map[string]any) {
		p.out.add(event{Name: what, Ph: "M", Pid: pid, Tid: tid, Args: args})
	}
	process := true
	for l := range laneOperations + 1 {
		_, known := p.threads[thread{node, l}]
		process = process && !known
	}
	tid = len(p.threads) + 1
	p.threads[thread{node, lane}] = tid
	if process {
		name := p.header.Name(node)
		if node == sim.Nobody {
			name = "world"
		}
		tell("process_name", map[string]any{"name": name})
		tell("process_sort_index", map[string]any{"sort_index": int(node)})
	}
	name := "operations"
	if lane < laneOperations {
		name = [...]string{"handlers", "outages", "lost packets", "faults"}[lane]
	}
	tell("thread_name", map[string]any{"name": name})
	tell("thread_sort_index", map[string]any{"sort_index": lane})
	return pid, tid
}

func (p *timeline) begin(h *handler) {
	name := h.Kind.String()
	if h.Text != "" {
		name = h.Text
	}
	a := args{Step: h.N, Life: h.Incarnation, Lamport: h.Lamport, State: changes(&h.Step)}
	if h.Peer != sim.Nobody {
		a.From = p.header.Name(h.Peer)
	}
	p.on(h.Node, laneHandlers, event{Name: name, Cat: h.Kind.String(), Ph: "B", Ts: micros(h.At), Args: a})
	p.running[h.N] = h
	p.arrive(&h.Step, laneHandlers)
	if h.Kind == sim.KindBoot {
		p.outage(&h.Step, "")
	}
	p.notes(&h.Step)
}

// departures begins the flows of the packets that a handler sent up to some time.
func (p *timeline) departures(h *handler, until clock.Time) {
	for at := &p.first[h.N-p.First]; *at > 0; {
		if i := *at - 1; p.left[i] > until {
			at = &p.next[i]
		} else {
			*at = p.next[i]
			p.depart(h, i)
		}
	}
}

// depart begins the flow of a packet, which is that of a step of the window.
func (p *timeline) depart(h *handler, packet uint32) {
	left := max(p.left[packet], h.At)
	h.end = max(h.end, left)
	p.on(h.Node, laneHandlers, event{Name: "packet", Cat: "packet", Ph: "s", Ts: micros(left), ID: p.First + uint64(packet)})
}

// arrive ends the flow of a packet, if the step is where it arrives or is lost. Packets are listed in the order in which they
// do, so this one is the first of its handler's, or its flow has begun.
func (p *timeline) arrive(s *trace.Step, lane int) {
	if !p.flows(&s.Step) {
		return
	}
	packet := uint32(s.N - p.First)
	if first := &p.first[s.Cause-p.First]; *first == packet+1 {
		*first = p.next[packet]
		p.depart(p.running[s.Cause], packet)
	}
	p.on(s.Node, lane, event{Name: "packet", Cat: "packet", Ph: "f", Bind: "e", Ts: micros(s.At), ID: s.N})
}

// notes are the instants of a step: what was logged, and the violation.
func (p *timeline) notes(s *trace.Step) {
	for _, l := range s.Logs {
		p.instant(l.Node, laneHandlers, s, "log", l.Text)
	}
	p.now = s.At
	if s.N == p.marked {
		lane := laneHandlers
		if s.Node == sim.Nobody {
			lane = laneFaults
		}
		p.on(s.Node, lane, event{Name: "VIOLATION", Cat: "violation", Ph: "i", Scope: "g", Ts: micros(s.At),
			Args: args{Step: p.header.Step, Property: p.header.Property, Detail: p.header.Detail}})
	}
}

func (p *timeline) instant(node sim.NodeID, lane int, s *trace.Step, cat, text string) {
	p.on(node, lane, event{Name: text, Cat: cat, Ph: "i", Scope: "t", Ts: micros(s.At), Args: args{Step: s.N}})
}

func (p *timeline) effect(h *handler, s *trace.Step) {
	if h != nil {
		p.departures(h, s.At-1) // what left at that instant did so behind a sync
	}
	switch {
	case s.Kind == sim.KindFact:
		p.instant(s.Node, laneHandlers, s, "fact", s.Text)
	case s.Kind == sim.KindSync && h != nil:
		p.on(s.Node, laneHandlers, event{Name: "sync", Cat: "sync", Ph: "B", Ts: micros(h.end), Args: args{Step: s.N, Text: s.Text}})
		p.on(s.Node, laneHandlers, event{Ph: "E", Ts: micros(s.At)})
	case s.Kind == sim.KindSync:
		p.instant(s.Node, laneHandlers, s, "sync", cmp.Or(s.Text, "sync"))
	case s.Kind == sim.KindInvoke:
		number, text := opText(s.Text)
		if o := p.open.take(number); o != nil { // no run gives a number again
			p.operation(o, s.At, sim.Pending.String())
		}
		p.open[number] = &operation{*s, number, text, p.freeLane(s.Node)}
	case s.Kind == sim.KindReturn:
		number, text := opText(s.Text)
		if o := p.open.take(number); o != nil { // else it began before the window
			p.operation(o, s.At, text)
		}
	}
	p.notes(s)
}

// freeLane is the first of a node's lanes of operations in which there is none.
func (p *timeline) freeLane(node sim.NodeID) int {
	lane := laneOperations
	for taken := true; taken; {
		taken = false
		for _, o := range p.open {
			taken = taken || o.Node == node && o.lane == lane
		}
		if taken {
			lane++
		}
	}
	return lane
}

// operation writes an operation that ended, or not, at some time.
func (p *timeline) operation(o *operation, end clock.Time, text string) {
	out, result := outcome(text)
	d := micros(end - o.At)
	p.on(o.Node, o.lane, event{Name: o.text + " → " + text, Cat: "operation," + out, Ph: "X", Ts: micros(o.At), Dur: &d,
		Args: args{Step: o.N, Text: o.Text, Outcome: out, Result: result}})
}

func (p *timeline) end(h *handler) {
	p.departures(h, clock.Never)
	delete(p.running, h.N)
	p.on(h.Node, laneHandlers, event{Ph: "E", Ts: micros(h.end)})
}

func (p *timeline) other(s *trace.Step) {
	switch s.Kind {
	case sim.KindDrop:
		zero := micros(0)
		p.on(s.Node, laneLost, event{Name: s.Text, Cat: "lost", Ph: "X", Ts: micros(s.At), Dur: &zero,
			Args: args{Step: s.N, From: p.header.Name(s.Peer)}})
		p.arrive(s, laneLost)
	case sim.KindCrash:
		p.outage(s, "down")
	case sim.KindPause:
		if p.outages[s.Node] == "" {
			p.outage(s, "paused")
		}
	case sim.KindResume:
		if p.outages[s.Node] == "paused" {
			p.outage(s, "")
		}
	default:
		p.instant(s.Node, laneFaults, s, "fault", s.Text)
	}
	p.notes(s)
}

// outage ends what kept a node from running, and begins what does from now on; "" is nothing.
func (p *timeline) outage(s *trace.Step, now string) {
	if p.outages[s.Node] != "" {
		p.on(s.Node, laneOutages, event{Ph: "E", Ts: micros(s.At)})
	}
	p.outages[s.Node] = now
	if now != "" {
		p.on(s.Node, laneOutages, event{Name: now, Cat: "outage", Ph: "B", Ts: micros(s.At), Args: args{Step: s.N, Life: s.Incarnation}})
	}
}

// finish ends what has not ended in the window.
func (p *timeline) finish(now clock.Time) {
	var down []sim.NodeID
	for id, what := range p.outages {
		if what != "" {
			down = append(down, id)
		}
	}
	slices.Sort(down)
	for _, id := range down {
		p.on(id, laneOutages, event{Ph: "E", Ts: micros(now)})
	}
	for _, o := range p.open.left() {
		p.operation(o, now, sim.Pending.String())
	}
}

// operations are those that have not ended, by number.
type operations map[string]*operation

// take takes out the operation of a number; nil if there is none.
func (all operations) take(number string) *operation {
	o := all[number]
	delete(all, number)
	return o
}

// left are all, in the order of their steps.
func (all operations) left() []*operation {
	var left []*operation
	for _, o := range all {
		left = append(left, o)
	}
	slices.SortFunc(left, func(a, b *operation) int { return cmp.Compare(a.N, b.N) })
	return left
}
