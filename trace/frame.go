package trace

import (
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Limits of a frame. Beyond one, a frame ends before the next handler; beyond its double, at once.
const (
	frameSteps = 8192
	frameBytes = 1 << 20 // of columns
	frameSlots = 1 << 15 // places in states that changed
)

// Limits of a step.
const (
	stepLines = 1024    // changes, and log lines
	stepBytes = 1 << 18 // of text
)

// The columns of a frame, in file order.
const (
	colHead    = iota // per step: its head
	colHeads          // the heads in order of their first use: flags, kind, node, peer
	colAt             // per step: nanoseconds since the step before
	colPacket         // hasPacket: less that of the place's last step
	colCause          // hasCause: less the predicted cause
	colLamport        // lamportFree: less the node's last
	colSent           // hasSent: nanoseconds after the predicted departure, or before
	colLife           // newLife: the incarnation
	colText           // hasText: the payload
	colTexts          // its templates
	colChange         // steps since the last change, slot, its path at its first use, old text if news, new text
	colChanges        // their templates
	colLog            // steps since the last line, node, text
	colLogs           // their templates
	numColumns
)

// Flags of a head.
const (
	hasPacket = 1 << iota
	hasCause
	hasText
	lamportTick // one more than the node's last
	lamportJoin // one more than the later of the node's last and the cause's
	lamportFree // none of these, and not unchanged either
	newLife
	hasSent // the packet departed at another time than predicted
)

// place is where and how steps happen: they share their kind, node and peer. It predicts the next of its steps.
type place struct {
	placeKey
	node, peer *nodeState
	packet     uint64
	heads      []head // those in use; the writer looks them up here
}

type placeKey struct {
	kind       sim.Kind
	node, peer sim.NodeID
}

// head is a place and which fields its steps spell out.
type head struct {
	flags uint8
	id    int
}

// nodeState is what a frame knows of a node.
type nodeState struct {
	life    uint32
	lamport uint64
	handled uint64 // the step of its last handler
	sent    uint64 // the step that sent its last packet to get anywhere
}

// context is what writer and reader of a frame both know at a step, and so need not be in the file.
type context struct {
	first    uint64 // number of the frame's first step
	at       clock.Time
	lamports []uint64     // of the steps so far
	ats      []clock.Time // likewise
	places   map[placeKey]*place
	recent   [64]*place // of places: saves most lookups
	nodes    map[sim.NodeID]*nodeState
}

// begin forgets everything for the frame that begins with step first.
func (c *context) begin(first uint64) {
	*c = context{
		first:    first,
		lamports: c.lamports[:0],
		ats:      c.ats[:0],
		places:   make(map[placeKey]*place),
		nodes:    make(map[sim.NodeID]*nodeState),
	}
}

func (c *context) place(k placeKey) *place {
	p := &c.recent[(uint32(k.kind)+uint32(k.node)*16+uint32(k.peer)*5)%uint32(len(c.recent))]
	if *p != nil && (*p).placeKey == k {
		return *p
	}
	known := c.places[k]
	if known == nil {
		known = &place{placeKey: k, node: c.node(k.node), peer: c.node(k.peer)}
		c.places[k] = known
	}
	*p = known
	return known
}

func (c *context) node(id sim.NodeID) *nodeState {
	n := c.nodes[id]
	if n == nil {
		n = &nodeState{}
		c.nodes[id] = n
	}
	return n
}

// cause predicts the cause of a step at p: packets of one handler share it, everything else follows from the node's
// last handler.
func (p *place) cause() uint64 {
	if p.placeKey.peer != sim.Nobody {
		return p.peer.sent
	}
	return p.node.handled
}

// join is the Lamport time of a step at p that learns what its cause knew, as far as the frame can tell.
func (c *context) join(p *place, cause uint64) uint64 {
	last := p.node.lamport
	if i := cause - c.first; i < uint64(len(c.lamports)) {
		last = max(last, c.lamports[i])
	}
	return last + 1
}

// sent predicts when the packet of a step departed: when the handler that sent it began, or now if that is not in the frame.
func (c *context) sent(cause uint64, at clock.Time) clock.Time {
	if i := cause - c.first; i < uint64(len(c.ats)) {
		return c.ats[i]
	}
	return at
}

// done learns from a step at p.
func (c *context) done(s *sim.Step, p *place) {
	c.at = s.At
	c.lamports, c.ats = append(c.lamports, s.Lamport), append(c.ats, s.At)
	p.packet = s.Packet
	p.node.life, p.node.lamport = s.Incarnation, s.Lamport
	if s.Cause != 0 {
		p.peer.sent = s.Cause
	}
	if runsHandler(s.Kind) {
		p.node.handled = s.N
	}
}

// runsHandler tells whether a handler runs in steps of this kind.
func runsHandler(k sim.Kind) bool {
	return k == sim.KindDeliver || k == sim.KindTimer || k == sim.KindBoot
}
