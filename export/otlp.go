package export

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// otlp writes spans as OTLP has them in JSON (opentelemetry.io/docs/specs/otlp, version 1): one document, which a collector
// takes at /v1/traces. Each node is a service.
//
// A client operation is the root of a trace. Below it are the packets that its client sent for it, below each packet the
// handler that got it, and below that what this handler sent, as long as the operation ran. A packet's span begins when it
// departed, and one that was lost has failed. Syncs are spans in their handler; facts and log lines are events of its span. A timer belongs to an operation
// if a handler that does had set it and it fires before the operation ends. All other timers and boots begin traces of their
// own, and so do packets that were sent when their operation was over. Faults, crashes and pauses are in one trace.
//
// Ids are functions of the seed and of the step that a span begins with. Time begins at 2000-01-01T00:00:00Z, since in OTLP
// zero is no time.
func (e *exporter) otlp() error {
	s := &spans{
		exporter: e, out: list{w: e.w}, sends: make([]send, e.size()), open: operations{},
		ends: map[uint32]end{}, handlers: map[uint64]*span{}, marked: e.violation(),
	}
	fmt.Fprint(e.w, `{"resourceSpans":[`)
	now, err := e.visit(visitor{s.begin, s.effect, s.end, s.other})
	if err != nil {
		return err
	}
	for _, o := range s.open.left() {
		s.operation(o, now, sim.Pending.String())
	}
	s.flush()
	fmt.Fprint(e.w, "\n]}\n")
	return s.out.err
}

// spans is the state of an export of spans.
type spans struct {
	*exporter
	out      list
	sends    []send // by step of the window
	open     operations
	ends     map[uint32]end   // by the root of an operation
	handlers map[uint64]*span // that run, by step
	batch    []placed
	marked   uint64 // the step of the violation
}

// end is where an operation ended; the zero end while it runs.
type end struct {
	step uint64
	at   clock.Time
}

// send is what a handler's packets and timers come from. Roots and parents are steps, counted from 1 in the window; a root
// of 0 is none.
type send struct {
	at     clock.Time
	root   uint32 // the first span of the trace
	parent uint32 // the span that they are below
}

// span is as OTLP has it.
type span struct {
	TraceID    string      `json:"traceId"`
	SpanID     string      `json:"spanId"`
	Parent     string      `json:"parentSpanId,omitempty"`
	Name       string      `json:"name"`
	Kind       int         `json:"kind"`
	Start      unixNano    `json:"startTimeUnixNano"`
	End        unixNano    `json:"endTimeUnixNano"`
	Attributes []attribute `json:"attributes,omitempty"`
	Events     []spanEvent `json:"events,omitempty"`
	Status     status      `json:"status"`
}

// Kinds of spans.
const (
	spanInternal = 1
	spanClient   = 3
	spanProducer = 4
	spanConsumer = 5
)

type spanEvent struct {
	Time       unixNano    `json:"timeUnixNano"`
	Name       string      `json:"name"`
	Attributes []attribute `json:"attributes,omitempty"`
}

type status struct {
	Message string `json:"message,omitempty"`
	Code    int    `json:"code,omitempty"`
}

// Codes of a status.
const (
	statusOK    = 1
	statusError = 2
)

type attribute struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

func text(key, value string) attribute {
	return attribute{key, struct {
		Text string `json:"stringValue"`
	}{value}}
}

func number(key string, value uint64) attribute {
	return attribute{key, struct {
		Int string `json:"intValue"` // 64 bits are a string in the JSON form of protocol buffers
	}{strconv.FormatUint(value, 10)}}
}

type unixNano clock.Time

// unixEpoch is 2000-01-01T00:00:00Z in seconds of Unix.
const unixEpoch = 946_684_800

func (t unixNano) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, `"%d"`, unixEpoch*1_000_000_000+int64(t)), nil
}

// What a span stands for, at a step.
const (
	spanOfStep   = iota // a handler, an operation, a sync, a fault
	spanOfPacket        // that arrived or was lost at the step
	spanAlone           // what happened at the step, if that is no handler's
	traceHigh
	traceLow
)

// id is 64 bits of an id, never zero, which is no id. Those of one kind differ from each other, since sim.Mix is one to one.
func (s *spans) id(kind uint64, step uint64) string {
	id := cmp.Or(sim.Mix(sim.Mix(s.header.Seed^sim.Mix(kind+1))^step), 1)
	return hex.EncodeToString(binary.BigEndian.AppendUint64(nil, id))
}

// newSpan is a span of some kind that begins with a step, in the trace with a root.
func (s *spans) newSpan(name string, kind int, root, step uint64, of uint64, start, end clock.Time) *span {
	return &span{
		TraceID: s.id(traceHigh, root) + s.id(traceLow, root), SpanID: s.id(of, step), Name: name, Kind: kind,
		Start: unixNano(start), End: unixNano(end), Attributes: []attribute{number("seedbed.step", step)},
	}
}

func (s *spans) index(step uint64) uint32 { return uint32(step-s.First) + 1 }
func (s *spans) step(i uint32) uint64     { return s.First + uint64(i) - 1 }

// origin is what a packet or a timer comes from, and when it departed. Its root is 0 where it begins a trace of its own.
func (s *spans) origin(t *trace.Step) send {
	packet, at := t.Kind == sim.KindDeliver || t.Kind == sim.KindDrop, t.At
	if packet {
		at = max(0, min(t.Sent, t.At))
	}
	if !s.has(t.Cause) {
		return send{at: at}
	}
	from := s.sends[t.Cause-s.First]
	if from.root == 0 { // no handler
		return send{at: at}
	}
	from.at = max(from.at, at)
	end, operation := s.ends[from.root]
	over := operation && end.step > 0
	if t.Kind == sim.KindTimer && (!operation || over) || over && (end.step < t.Cause || packet && end.at < t.Sent) {
		from.root = 0
	}
	return from
}

// packet writes the span of a packet that arrives or is lost, and returns the root of its trace.
func (s *spans) packet(t *trace.Step, from send) uint64 {
	root := t.N
	if from.root != 0 {
		root = s.step(from.root)
	}
	sp := s.newSpan(cmp.Or(t.Text, "packet"), spanProducer, root, t.N, spanOfPacket, from.at, t.At)
	if from.root != 0 {
		sp.Parent = s.id(spanOfStep, s.step(from.parent))
	}
	sp.Attributes = append(sp.Attributes, text("seedbed.to", s.header.Name(t.Node)), number("seedbed.packet", t.Packet))
	if t.Kind == sim.KindDrop {
		sp.Status = status{"lost", statusError}
		s.note(sp, t)
	}
	s.add(t.Peer, sp)
	return root
}

func (s *spans) begin(h *handler) {
	i := h.N - s.First
	own := send{h.At, s.index(h.N), s.index(h.N)}
	root, parent := h.N, ""
	from := s.origin(&h.Step)
	if h.Kind == sim.KindDeliver {
		root, parent = s.packet(&h.Step, from), s.id(spanOfPacket, h.N)
		own.root = s.index(root)
	} else if from.root != 0 {
		root, parent = s.step(from.root), s.id(spanOfStep, s.step(from.parent))
		own.root = from.root
	}
	s.sends[i] = own
	kind := spanInternal
	if h.Kind == sim.KindDeliver {
		kind = spanConsumer
	}
	sp := s.newSpan(s.heading(&h.Step), kind, root, h.N, spanOfStep, h.At, h.At)
	sp.Parent = parent
	sp.Attributes = append(sp.Attributes, number("seedbed.incarnation", uint64(h.Incarnation)))
	for _, c := range h.Changes {
		sp.Attributes = append(sp.Attributes, text("state."+c.Path, c.Old+" → "+c.New))
	}
	s.handlers[h.N] = sp
	s.note(sp, &h.Step)
}

// note adds to a handler's span what happened at one of its steps.
func (s *spans) note(sp *span, t *trace.Step) {
	at := unixNano(t.At)
	if t.Kind == sim.KindFact {
		sp.Events = append(sp.Events, spanEvent{at, "fact", []attribute{text("text", t.Text), number("seedbed.step", t.N)}})
	}
	for _, l := range t.Logs {
		sp.Events = append(sp.Events, spanEvent{at, "log", []attribute{text("text", l.Text), text("node", s.header.Name(l.Node))}})
	}
	if t.N == s.marked {
		sp.Events = append(sp.Events, spanEvent{at, "violation", []attribute{text("property", s.header.Property), text("detail", s.header.Detail)}})
		sp.Status = status{"violation: " + s.header.Property, statusError}
	}
}

func (s *spans) effect(h *handler, t *trace.Step) {
	sp := (*span)(nil)
	if h != nil {
		sp = s.handlers[h.N]
	}
	switch t.Kind {
	case sim.KindInvoke:
		s.invoke(h, t)
	case sim.KindReturn:
		id, rest := opText(t.Text)
		s.finish(id, t, rest)
	case sim.KindSync:
		s.sync(h, t)
	}
	if sp == nil { // of no handler that runs: it stands by itself
		sp = s.newSpan(s.heading(t), spanInternal, t.N, t.N, spanAlone, t.At, t.At)
		s.note(sp, t)
		if len(sp.Events) > 0 {
			s.add(t.Node, sp)
		}
		return
	}
	s.note(sp, t)
}

// invoke begins an operation: from now on the handler sends for it.
func (s *spans) invoke(h *handler, t *trace.Step) {
	id, rest := opText(t.Text)
	s.finish(id, t, sim.Pending.String()) // no run gives a number again; but what is below that operation needs it
	s.open[id] = &operation{Step: *t, text: rest}
	root := s.index(t.N)
	s.ends[root] = end{}
	if h != nil {
		s.sends[h.N-s.First] = send{t.At, root, root}
	}
}

// finish ends the operation of a number at a step, unless it began before the window.
func (s *spans) finish(number string, t *trace.Step, rest string) {
	if o := s.open.take(number); o != nil {
		s.ends[s.index(o.N)] = end{t.N, t.At}
		s.operation(o, t.At, rest)
	}
}

// operation writes an operation that ended, or not, at some time.
func (s *spans) operation(o *operation, end clock.Time, rest string) {
	out, result := outcome(rest)
	sp := s.newSpan(cmp.Or(o.text, "operation"), spanClient, o.N, o.N, spanOfStep, o.At, end)
	sp.Attributes = append(sp.Attributes, text("seedbed.outcome", out), text("seedbed.result", result))
	switch out {
	case sim.OK.String():
		sp.Status.Code = statusOK
	case sim.Fail.String():
		sp.Status = status{"failed", statusError}
	}
	s.add(o.Node, sp)
}

// sync writes a sync, which lasts from the effect before it until it is done.
func (s *spans) sync(h *handler, t *trace.Step) {
	start := t.At
	if h != nil {
		start = h.end
	}
	sp := s.newSpan("sync", spanInternal, t.N, t.N, spanOfStep, start, t.At)
	if h != nil {
		sp.TraceID, sp.Parent = s.handlers[h.N].TraceID, s.handlers[h.N].SpanID
	}
	if t.Text != "" {
		sp.Status = status{t.Text, statusError}
	}
	s.add(t.Node, sp)
}

func (s *spans) end(h *handler) {
	sp := s.handlers[h.N]
	delete(s.handlers, h.N)
	sp.End = unixNano(h.end)
	s.add(h.Node, sp)
}

func (s *spans) other(t *trace.Step) {
	switch t.Kind {
	case sim.KindDrop:
		s.packet(t, s.origin(t))
	case sim.KindCrash:
		for _, o := range s.open {
			if o.Node == t.Node {
				s.ends[s.index(o.N)] = end{t.N, t.At} // and stays open: nobody will know
			}
		}
		fallthrough
	default:
		sp := s.newSpan(s.heading(t), spanInternal, 0, t.N, spanOfStep, t.At, t.At)
		s.note(sp, t)
		s.add(t.Node, sp)
	}
}

// placed is a span of a node.
type placed struct {
	node sim.NodeID
	span *span
}

// batchSize is how many spans are told together of their nodes.
const batchSize = 512

func (s *spans) add(node sim.NodeID, sp *span) {
	s.batch = append(s.batch, placed{node, sp})
	if len(s.batch) == batchSize {
		s.flush()
	}
}

// ofNode is what OTLP calls a resource, with its spans.
type ofNode struct {
	Resource struct {
		Attributes []attribute `json:"attributes"`
	} `json:"resource"`
	Scopes [1]struct {
		Scope struct {
			Name string `json:"name"`
		} `json:"scope"`
		Spans []*span `json:"spans"`
	} `json:"scopeSpans"`
}

// flush writes the batch: the nodes in the order in which they come first.
func (s *spans) flush() {
	var nodes []sim.NodeID
	all := map[sim.NodeID]*ofNode{}
	for _, p := range s.batch {
		of := all[p.node]
		if of == nil {
			nodes = append(nodes, p.node)
			of = &ofNode{}
			name := s.header.Name(p.node)
			if p.node == sim.Nobody {
				name = "world"
			}
			of.Resource.Attributes = []attribute{
				text("service.name", name), text("service.namespace", s.header.Scenario),
				text("seedbed.seed", strconv.FormatUint(s.header.Seed, 10)),
			}
			of.Scopes[0].Scope.Name = "seedbed"
			all[p.node] = of
		}
		of.Scopes[0].Spans = append(of.Scopes[0].Spans, p.span)
	}
	for _, id := range nodes {
		s.out.add(all[id])
	}
	s.batch = s.batch[:0]
}
