package raft

import (
	"encoding/binary"
	"fmt"

	"github.com/seedbed-sim/seedbed/sim"
)

// Op is an operation of a service: KVOp or LogOp. Ops are comparable; they are the inputs of a Client's history, and
// KVResult or LogResult its outputs.
type Op interface {
	// ReadOnly operations change nothing.
	ReadOnly() bool
	// direct reports that a leader may answer it after a ReadIndex; else it goes through the log.
	direct() bool
	// encode appends the operation's form in the log.
	encode(b []byte) []byte
}

// Via is how a read is made linearizable.
type Via uint8

const (
	ViaLog       Via = iota // it is an entry of the log, like a write
	ViaReadIndex            // the leader confirms that it leads (thesis §6.4)
)

func (v Via) String() string { return [...]string{"log", "readindex"}[v] }

// Session names a client in the sessions of a service (thesis §6.3): the node, and a draw of its incarnation. Within a
// session, sequence numbers increase.
type Session uint64

// NewSession returns the session of this client incarnation. It draws from env.Rand.
func NewSession(env sim.Env) Session {
	return Session(uint64(env.ID())<<32 | uint64(env.Rand().Uint32()))
}

func (s Session) String() string { return fmt.Sprintf("%s:%08x", sim.NodeID(s>>32), uint32(s)) }

// Request asks a service for an operation. It is sent as a pointer, and may be sent again, to any member, until one
// answers: the operation takes effect at most once, as long as its client has not sent a later one.
type Request struct {
	Client Session
	Seq    uint64 // from 1
	Op     Op
}

func (m *Request) String() string { return fmt.Sprintf("Request{%s #%d %v}", m.Client, m.Seq, m.Op) }

// Response answers a Request, as a pointer. A member may answer the same request more than once, or never.
type Response struct {
	Client Session
	Seq    uint64
	Status Status
	Leader sim.NodeID // for NotLeader: whom to ask; Nobody if unknown
	Result any        // for Done: a KVResult or LogResult
}

func (m *Response) String() string {
	switch m.Status {
	case Done:
		return fmt.Sprintf("Response{%s #%d %v}", m.Client, m.Seq, m.Result)
	case NotLeader:
		return fmt.Sprintf("Response{%s #%d %s, ask %s}", m.Client, m.Seq, m.Status, m.Leader)
	default:
		return fmt.Sprintf("Response{%s #%d %s}", m.Client, m.Seq, m.Status)
	}
}

// Status is what became of a Request at the member that answers.
type Status uint8

const (
	Done      Status = iota
	NotLeader        // it is not the leader, or no longer: the operation may still take effect
	Unready          // it is a leader that cannot read yet: ask again
	Stale            // the session has had a later request: this one will never take effect, if it has not
)

func (s Status) String() string { return [...]string{"done", "not leader", "unready", "stale"}[s] }

// machine is the state that a service replicates.
type machine interface {
	// run carries out what Op.encode wrote. Its result is a function of what was run before. The fact, unless nil, tells
	// what has changed.
	run(f *fields) (result any, fact sim.Fact)
	// read returns what running a ReadOnly operation would.
	read(op Op) (result any)
}

// service is a Raft member with a machine behind it: it takes requests, and applies each command once.
type service struct {
	raft     *Raft
	machine  machine
	sessions map[Session]session // replicated, like the machine
	waiting  []*waiter           // requests that this member, as the leader, has not answered
	tokens   uint64              // of reads; the last one given out
	command  fields              // scratch of apply
	buf      []byte              // scratch of request
	seen     ServiceState        // what inspect returned last
	version  uint64              // of counts
	counts   counts              // when versionOf was called last
}

// session is what the state remembers of a client: its last request that was applied, with its result.
type session struct {
	seq    uint64
	result any
}

// waiter is a request that waits for its command to be applied or its read to be confirmed.
type waiter struct {
	from  sim.NodeID
	req   *Request
	token uint64 // of a read; 0 for a command
}

func newService(c Config, m machine) *service {
	s := &service{machine: m, sessions: make(map[Session]session)}
	c.Ready = s.ready
	s.raft = New(c, s.apply)
	return s
}

// Raft returns the member inside.
func (s *service) Raft() *Raft { return s.raft }

// Start implements sim.Node.
func (s *service) Start(env sim.Env) { s.raft.Start(env) }

// Receive implements sim.Node.
func (s *service) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	if req, ok := msg.(*Request); ok {
		s.request(env, from, req)
	} else {
		s.raft.Receive(env, from, msg)
	}
	s.dismiss(env)
}

// Timeout implements sim.Node.
func (s *service) Timeout(env sim.Env, t sim.Timer) {
	s.raft.Timeout(env, t)
	s.dismiss(env)
}

func (s *service) request(env sim.Env, from sim.NodeID, req *Request) {
	w := &waiter{from: from, req: req}
	s.waiting = append(s.waiting, w) // first: a group of one answers at once
	var err error
	if req.Op.direct() {
		s.tokens++
		w.token = s.tokens
		err = s.raft.ReadIndex(env, w.token)
	} else {
		_, _, err = s.raft.Propose(env, s.encode(req))
	}
	switch err {
	case nil:
		return
	case ErrNotLeader:
		s.answer(env, w, NotLeader, nil)
	case ErrUnready:
		s.answer(env, w, Unready, nil)
	case ErrStopped: // it says nothing any more
	}
	s.waiting = s.waiting[:len(s.waiting)-1]
}

// apply applies a committed command, unless its session has had it, and answers whoever waits for it here.
func (s *service) apply(env sim.Env, e Entry) {
	f := &s.command
	*f = fields{s: e.Cmd}
	client, seq := Session(f.uint()), f.uint()
	status, last := Done, s.sessions[client]
	switch {
	case seq < last.seq:
		env.Emit(DuplicateSuppressed{Client: client, Seq: seq})
		status, last.result = Stale, nil
	case seq == last.seq:
		env.Emit(DuplicateSuppressed{Client: client, Seq: seq})
	default:
		result, fact := s.machine.run(f)
		last = session{seq: seq, result: result}
		s.sessions[client] = last
		if fact != nil {
			env.Emit(fact)
		}
		if !f.whole() {
			panic(fmt.Sprintf("raft: entry %d/%d is not a command: %x", e.Index, e.Term, e.Cmd))
		}
	}
	if len(s.waiting) > 0 {
		s.settle(env, status, last.result, func(w *waiter) bool {
			return w.token == 0 && w.req.Client == client && w.req.Seq == seq
		})
	}
}

// ready answers a read that was confirmed. A lost one is left to dismiss.
func (s *service) ready(env sim.Env, token, _ uint64, err error) {
	if err != nil {
		return
	}
	for _, w := range s.waiting {
		if w.token == token {
			s.settle(env, Done, s.machine.read(w.req.Op), func(x *waiter) bool { return x == w })
			return
		}
	}
}

// dismiss sends those who wait elsewhere once this member no longer leads. What they asked for may still happen.
func (s *service) dismiss(env sim.Env) {
	if len(s.waiting) > 0 && !s.raft.Leads() {
		if s.raft.role != Halted {
			s.settle(env, NotLeader, nil, func(*waiter) bool { return true })
		}
		s.waiting = nil
	}
}

// settle answers those who wait for this, and keeps the others.
func (s *service) settle(env sim.Env, status Status, result any, this func(*waiter) bool) {
	kept := s.waiting[:0]
	for _, w := range s.waiting {
		if this(w) {
			s.answer(env, w, status, result)
		} else {
			kept = append(kept, w)
		}
	}
	clear(s.waiting[len(kept):])
	s.waiting = kept
}

func (s *service) answer(env sim.Env, w *waiter, status Status, result any) {
	m := &Response{Client: w.req.Client, Seq: w.req.Seq, Status: status, Result: result}
	if status == NotLeader {
		m.Leader = s.raft.Leader()
	}
	env.Send(w.from, m)
}

// encode returns the form of a request in the log.
func (s *service) encode(req *Request) string {
	s.buf = binary.AppendUvarint(s.buf[:0], uint64(req.Client))
	s.buf = binary.AppendUvarint(s.buf, req.Seq)
	s.buf = req.Op.encode(s.buf)
	return string(s.buf)
}

// ServiceState is what a reader sees of a service's member.
type ServiceState struct {
	Raft     State
	Sessions int // clients known
	Waiting  int // requests not answered
	Size     int // keys or records
}

// inspect returns the state of a machine of that size.
func (s *service) inspect(size int) any {
	s.seen = ServiceState{Raft: *s.raft.State(), Sessions: len(s.sessions), Waiting: len(s.waiting), Size: size}
	return &s.seen
}

// versionOf returns the version of the state of a machine of that size.
func (s *service) versionOf(size int) uint64 {
	if now := (counts{s.raft.Version(), len(s.sessions), len(s.waiting), size}); s.version == 0 || s.counts != now {
		s.version++
		s.counts = now
	}
	return s.version
}

// counts is a ServiceState with the version of its Raft.
type counts struct {
	raft                    uint64
	sessions, waiting, size int
}
