package olep

import (
	"fmt"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Cluster is what brokers and clients know of each other.
type Cluster struct {
	Partitions int
	// Hosts are the brokers that serve a partition, or the Coordinator.
	Hosts func(part int) []sim.NodeID
}

// BrokerConfig is what a deployment chooses for its brokers.
type BrokerConfig struct {
	Cluster
	Partition PartitionConfig
	Session   time.Duration // a member of a group that is silent for so long leaves it; default 2 s
	Tick      time.Duration // between looks at what is old; default 100 ms
	Log       NewLog        // default NewSingle
}

// Broker is a node that serves partitions, and perhaps the consumer groups, each machine on a log of its own. Clients send
// it *Request and get *Response, from whichever broker leads when the command is applied.
type Broker struct {
	c      BrokerConfig
	hosted []*hosted
	groups *hosted // nil: elsewhere
	heard  map[Session]time.Duration
	led    bool // groups, when last looked at
	buf    []byte
}

// machine is a Partition or Groups.
type machine interface {
	Check(cmd Command) Refusal
	Apply(at clock.Time, cmd Command) (result any, fact sim.Fact, no Refusal)
}

// hosted is a machine at a broker.
type hosted struct {
	part    int
	scope   string
	log     Log
	machine machine
}

// Read asks for records: see Partition.Read.
type Read struct {
	From LSN
	Max  int
	Only string
}

// Heartbeat is a member's sign of life.
type Heartbeat struct {
	Group      string
	Member     Session
	Generation uint64
}

// Request asks a broker for something, as a pointer. It may be sent again, to any host: a command of the same ID may then
// be carried out again, which is the machines' to notice.
type Request struct {
	ID   uint64 // of the client's
	Part int
	Do   any // a Command, Read or Heartbeat
}

// Response answers a Request, as a pointer.
type Response struct {
	ID     uint64
	No     Refusal
	Result any // of Apply; Records for a Read
}

func (m *Request) String() string {
	do := fmt.Sprintf("%+v", m.Do)
	if _, ok := m.Do.(*Append); !ok {
		do = strings.TrimPrefix(fmt.Sprintf("%T", m.Do), "olep.") + do
	}
	return fmt.Sprintf("Request{#%d %s %s}", uint32(m.ID), scope(m.Part), do)
}

func (m *Response) String() string {
	switch result := m.Result.(type) {
	case nil:
		return fmt.Sprintf("Response{#%d %s}", uint32(m.ID), m.No)
	case Records:
		return fmt.Sprintf("Response{#%d [%d,%d) %s}", uint32(m.ID), result.From, result.Next, brief(result.Entries))
	case *Assignment:
		return fmt.Sprintf("Response{#%d %+v}", uint32(m.ID), *result)
	default:
		return fmt.Sprintf("Response{#%d %v}", uint32(m.ID), result)
	}
}

var tickTimer = sim.Timer{Name: "tick"}

// NewBroker returns the broker of this id.
func NewBroker(id sim.NodeID, c BrokerConfig) *Broker {
	if c.Session == 0 {
		c.Session = 2 * time.Second
	}
	if c.Tick == 0 {
		c.Tick = 100 * time.Millisecond
	}
	if c.Log == nil {
		c.Log = NewSingle
	}
	b := &Broker{c: c, heard: make(map[Session]time.Duration)}
	for part := range c.Partitions {
		b.host(id, part, NewPartition(part, c.Partition))
	}
	b.groups = b.host(id, Coordinator, NewGroups(c.Partitions))
	return b
}

// host takes a machine, if it is this broker's to serve.
func (b *Broker) host(id sim.NodeID, part int, m machine) *hosted {
	for _, host := range b.c.Hosts(part) {
		if host == id {
			h := &hosted{part: part, scope: scope(part), machine: m}
			h.log = b.c.Log(func(env sim.Env, cmd string) { b.apply(sim.Outer(env), h, cmd) })
			b.hosted = append(b.hosted, h)
			return h
		}
	}
	return nil
}

// Start implements sim.Node.
func (b *Broker) Start(env sim.Env) {
	env.Emit(Booted{})
	for _, h := range b.hosted {
		h.log.Start(sim.Sub(env, h.scope))
	}
	env.SetTimer(tickTimer, b.c.Tick)
}

// Receive implements sim.Node.
func (b *Broker) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	if req, ok := msg.(*Request); ok {
		b.request(env, from, req)
		return
	}
	for _, h := range b.hosted {
		if inner, ok := sim.InnerMessage(msg, h.scope); ok {
			h.log.Receive(sim.Sub(env, h.scope), from, inner)
			return
		}
	}
}

// Timeout implements sim.Node.
func (b *Broker) Timeout(env sim.Env, t sim.Timer) {
	if t == tickTimer {
		b.tick(env)
		env.SetTimer(tickTimer, b.c.Tick)
		return
	}
	for _, h := range b.hosted {
		if inner, ok := sim.InnerTimer(t, h.scope); ok {
			h.log.Timeout(sim.Sub(env, h.scope), inner)
			b.spread(env, h)
			return
		}
	}
}

// spread stops all logs of this disk if this one has failed.
func (b *Broker) spread(env sim.Env, h *hosted) {
	failed, ok := h.log.(*Single)
	if !ok {
		return
	}
	for _, other := range b.hosted {
		if l, ok := other.log.(*Single); ok {
			l.Stop(sim.Sub(env, other.scope), failed)
		}
	}
}

func (b *Broker) request(env sim.Env, from sim.NodeID, req *Request) {
	var h *hosted
	for _, other := range b.hosted {
		if other.part == req.Part {
			h = other
		}
	}
	no := Refusal{}
	switch {
	case h == nil:
		no.Why = UnknownPartition
	case !h.log.Leads():
		no = h.notLeader()
	default:
		switch do := req.Do.(type) {
		case Read:
			b.read(env, from, h, req.ID, do)
			return
		case Heartbeat:
			if no = h.machine.(*Groups).Heard(do.Group, do.Member, do.Generation); no.Why == Accepted {
				b.heard[do.Member] = env.Elapsed()
			}
			b.answer(env, from, req.ID, no, nil)
			return
		}
		if no = h.machine.Check(req.Do); no.Why == Accepted && !b.propose(env, h, envelope{from: from, id: req.ID, cmd: req.Do}) {
			no = h.notLeader()
		}
	}
	if no.Why != Accepted {
		b.answer(env, from, req.ID, no, nil)
	}
}

func (h *hosted) notLeader() Refusal { return Refusal{NotLeader, uint64(h.log.Leader())} }

func (b *Broker) read(env sim.Env, from sim.NodeID, h *hosted, id uint64, do Read) {
	p, ok := h.machine.(*Partition)
	if !ok {
		b.answer(env, from, id, Refusal{Why: UnknownPartition}, nil)
		return
	}
	if sim.Buggify(env, "olep: a read of one") {
		do.Max = 1
	}
	records, no := p.Read(do.From, do.Max, do.Only)
	if no.Why == Trimmed {
		env.Emit(ReadTrimmed{h.part, do.From, p.Low()})
	}
	b.answer(env, from, id, no, records)
}

func (b *Broker) propose(env sim.Env, h *hosted, e envelope) bool {
	e.at = env.Now()
	b.buf = e.encode(b.buf[:0])
	taken := h.log.Propose(sim.Sub(env, h.scope), string(b.buf))
	b.spread(env, h)
	return taken
}

// apply carries out a command that is durable, and answers whoever asked for it: one who asks again is answered again.
func (b *Broker) apply(env sim.Env, h *hosted, cmd string) {
	e := decode(cmd)
	result, fact, no := h.machine.Apply(e.at, e.cmd)
	if fact != nil {
		env.Emit(fact)
	}
	if e.from == sim.Nobody || !h.log.Leads() {
		return
	}
	if c, ok := e.cmd.(Join); ok {
		b.heard[c.Member] = env.Elapsed()
	}
	b.answer(env, e.from, e.id, no, result)
}

func (b *Broker) answer(env sim.Env, to sim.NodeID, id uint64, no Refusal, result any) {
	m := &Response{ID: id, No: no}
	if no.Why == Accepted {
		m.Result = result
	}
	env.Send(to, m)
	if sim.Buggify(env, "olep: an answer given twice") {
		env.Send(to, m)
	}
}

// tick proposes what time has brought about: records that are old, members that are silent.
func (b *Broker) tick(env sim.Env) {
	for _, h := range b.hosted {
		p, ok := h.machine.(*Partition)
		if !ok || !h.log.Leads() {
			continue
		}
		if p.Trimmable(env.Now()) {
			b.propose(env, h, envelope{cmd: Trim{}})
		}
		if p.Compactable() {
			b.propose(env, h, envelope{cmd: Compact{}})
		}
	}
	led := b.led
	b.led = b.groups != nil && b.groups.log.Leads()
	if !b.led {
		return
	}
	if !led {
		clear(b.heard) // others have heard of them meanwhile
	}
	for _, leave := range b.groups.machine.(*Groups).Members() {
		heard, ok := b.heard[leave.Member]
		switch {
		case !ok:
			b.heard[leave.Member] = env.Elapsed()
		case env.Elapsed()-heard > b.c.Session:
			b.propose(env, b.groups, envelope{cmd: leave})
		}
	}
}

// Partition returns the machine of a partition, or nil if it is not here.
func (b *Broker) Partition(number int) *Partition {
	for _, h := range b.hosted {
		if p, ok := h.machine.(*Partition); ok && p.number == number {
			return p
		}
	}
	return nil
}

// Groups returns the consumer groups, or nil if they are not here.
func (b *Broker) Groups() *Groups {
	if b.groups == nil {
		return nil
	}
	return b.groups.machine.(*Groups)
}

// Log returns the log of a partition, or of the Coordinator; nil if it is not here.
func (b *Broker) Log(part int) Log {
	for _, h := range b.hosted {
		if h.part == part {
			return h.log
		}
	}
	return nil
}

// Inspect implements sim.Inspector: it returns the PartitionState of each partition that is here, by scope.
func (b *Broker) Inspect() any {
	states := make(map[string]PartitionState)
	for _, h := range b.hosted {
		if p, ok := h.machine.(*Partition); ok {
			states[h.scope] = p.State()
		}
	}
	return states
}

var _ interface {
	sim.Node
	sim.Inspector
} = (*Broker)(nil)
