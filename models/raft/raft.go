// Package raft is the Raft consensus algorithm as a component of simulated nodes, and two services that stand on it: a
// key-value store and a log, both with exactly-once client sessions.
//
// It is not for production, and not all of Raft: membership is fixed, and snapshots and leases are left out. What is
// here follows the extended paper (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", 2014;
// below "paper") and Ongaro's dissertation ("Consensus: Bridging Theory and Practice", 2014; below "thesis"):
//
//   - elections with PreVote (thesis §9.6), CheckQuorum (thesis §6.2) and the disregard of votes while a leader is
//     heard (thesis §4.2.3);
//   - replication with fast back-up (paper §5.3) and commitment in the leader's own term only (paper §5.4.2);
//   - linearizable reads without the log, ReadIndex (thesis §6.4), and client sessions (thesis §6.3).
//
// [Raft] has the shape of a [sim.Node]. Add it to a world alone, call it from a node's handlers, or several times under
// the environments of [sim.Sub]. [KV] and [LogService] are whole nodes, [Client] drives either.
package raft

import (
	"errors"
	"slices"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/wal"
)

// Config is what the members of one Raft group share.
type Config struct {
	// Peers are all members, in one order at every member; at most 64.
	Peers []sim.NodeID
	// ElectionTimeout T is the shortest time without a leader after which a member campaigns; each time is drawn
	// from [T, 2T). It is also how long a leader may be without its quorum. Default 150 ms.
	ElectionTimeout time.Duration
	// Heartbeat is the time between a leader's heartbeats. Default a third of ElectionTimeout.
	Heartbeat time.Duration
	// PreVote makes a member ask whether it could win before it raises its term.
	PreVote bool
	// CheckQuorum makes a leader step down that does not hear from a quorum, and makes members that hear from a
	// leader disregard requests for votes.
	CheckQuorum bool
	// MaxBatch bounds the entries of one AppendEntries. Default 64.
	MaxBatch int
	// Log is the name of the write-ahead log. Default "raft".
	Log string
	// Ready takes the answers to ReadIndex; it may be nil where ReadIndex is not used. The error is nil or ErrLost.
	Ready func(env sim.Env, token, index uint64, err error)
}

// Errors of Propose and ReadIndex: nothing was proposed, nothing will be answered.
var (
	ErrNotLeader = errors.New("not the leader")                     // Leader may know who is
	ErrUnready   = errors.New("no entry of this term is committed") // a new leader cannot tell what is: ask again
	ErrStopped   = errors.New("stopped by a disk error")
)

// ErrLost is given to Config.Ready when the leadership ended before a quorum confirmed it.
var ErrLost = errors.New("leadership lost")

// Entry is one entry of the replicated log.
type Entry struct {
	Index uint64 // from 1, without gaps
	Term  uint64
	Cmd   string // bytes; empty for the entry a leader begins its term with
}

// Role is what a member currently is.
type Role uint8

const (
	Follower Role = iota
	PreCandidate
	Candidate
	Leader
	Halted // by a disk error, until the next boot
)

func (r Role) String() string {
	return [...]string{"follower", "pre-candidate", "candidate", "leader", "halted"}[r]
}

// Raft is one member of a group. Its owner calls Start, Receive and Timeout as a world would; Propose and ReadIndex may
// be called from any handler, also from within the callbacks.
//
// All handlers keep one order: change the state, persist, then send what depends on it. A handler syncs at most once
// (a group of one excepted, where elections and commitment happen at once); heartbeats and their answers never do.
type Raft struct {
	c       Config
	deliver func(sim.Env, Entry)
	self    int // this member's place in c.Peers
	quorum  int

	// The durable state (paper, Figure 2), and how much of it the disk holds: all, whenever something is sent.
	ballot
	log    []Entry // log[i].Index == i; log[0] has term 0. No element is ever overwritten: messages share them
	wal    *wal.Log
	saved  ballot
	stable uint64 // entries up to here are saved
	cut    uint64 // lowest index replaced since the last persist; 0 if none
	buf    []byte

	// Written by the become methods only.
	role   Role
	leader sim.NodeID // of this term, if known

	commit  uint64           // never decreases
	applied uint64           // <= commit, and equal outside of commitTo
	timeout time.Duration    // until the next campaign, from the last sign of a leader
	heard   time.Duration    // when that sign came, on env.Elapsed
	ack     *AppendResponse  // the last that was sent
	acks    []AppendResponse // the chunk it is from

	votes members // for a PreCandidate or Candidate

	// For a leader only.
	peers  []progress // by place in c.Peers
	scores []uint64   // scratch of advance
	active members    // heard from since the last check of the quorum
	first  uint64     // index of the entry this term began with
	round  uint64     // of confirmation; each ReadIndex starts one
	reads  []read     // waiting for a confirmation, rounds ascending
	beat   *AppendEntries

	// For readers only.
	state   State // what State returned last
	version uint64
	seen    glance // of version; so with peers
	peered  []progress
}

// ballot is the part of the durable state that elections are about.
type ballot struct {
	term uint64     // never decreases
	vote sim.NodeID // given in this term, or Nobody
}

// progress is what a leader knows of a follower.
type progress struct {
	match   uint64 // entries up to here are on the follower's disk; never decreases within a term
	next    uint64 // next entry to send; > match
	round   uint64 // last round of confirmation it answered
	probing bool   // it refused what came before next: one message at a time, and next stays until it agrees
}

// read is a ReadIndex that waits for a quorum to answer its round.
type read struct {
	token, index, round uint64
}

var (
	electionTimer  = sim.Timer{Name: "election"} // a leader checks its quorum with it
	heartbeatTimer = sim.Timer{Name: "heartbeat"}
)

// New returns a member that hands committed entries to apply, each once per incarnation, in order and without gaps but
// for the empty ones that leaders begin their terms with.
func New(c Config, apply func(env sim.Env, e Entry)) *Raft {
	if n := len(c.Peers); n == 0 || n > MaxMembers {
		panic("raft: a group has 1 to 64 members")
	}
	if c.ElectionTimeout == 0 {
		c.ElectionTimeout = 150 * time.Millisecond
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = c.ElectionTimeout / 3
	}
	if c.MaxBatch == 0 {
		c.MaxBatch = 64
	}
	if c.Log == "" {
		c.Log = "raft"
	}
	return &Raft{c: c, deliver: apply, quorum: len(c.Peers)/2 + 1, log: make([]Entry, 1, 128)}
}

// Start recovers what the disk holds and becomes a follower.
func (r *Raft) Start(env sim.Env) {
	if r.self = slices.Index(r.c.Peers, env.ID()); r.self < 0 {
		panic("raft: " + env.ID().String() + " is not a member of its own group")
	}
	if r.recover(env) {
		r.becomeFollower(env, r.term, sim.Nobody)
	}
}

// Receive handles a message of another member. Others are ignored.
func (r *Raft) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	i := r.place(from)
	if i < 0 || r.role == Halted {
		return
	}
	switch m := msg.(type) {
	case *AppendEntries:
		r.onAppend(env, from, m)
	case *AppendResponse:
		r.onAppendResponse(env, i, m)
	case *VoteRequest:
		r.onVote(env, from, m)
	case *VoteResponse:
		r.onVoteResponse(env, i, m)
	}
}

// Timeout handles a timer. Others than Raft's own are ignored.
func (r *Raft) Timeout(env sim.Env, t sim.Timer) {
	switch {
	case r.role == Halted:
	case t == heartbeatTimer && r.role == Leader:
		r.heartbeat(env)
	case t == electionTimer && r.role == Leader:
		r.checkQuorum(env)
	case t == electionTimer && r.c.PreVote:
		r.preCampaign(env)
	case t == electionTimer:
		r.campaign(env)
	}
}

// Propose appends commands to the log of a leader, makes them durable with one sync and sends them out. It returns the
// index of the first and their term: if an entry with this index and term is applied, it is this one; if one with this
// index and another term is, the proposal is lost. Commands are bytes, no longer than a record of package wal; empty ones
// are not applied. The errors are ErrNotLeader and ErrStopped.
//
// A leader could send before its own disk is done (thesis §10.2.1), as long as it counts itself only after; the order
// here is the plain one.
func (r *Raft) Propose(env sim.Env, cmds ...string) (index, term uint64, err error) {
	if err := r.mustLead(); err != nil {
		return 0, 0, err
	}
	index, term = r.last()+1, r.term
	for _, cmd := range cmds {
		r.log = append(r.log, Entry{Index: r.last() + 1, Term: r.term, Cmd: cmd})
	}
	if !r.persist(env) {
		return 0, 0, ErrStopped
	}
	r.peers[r.self].match = r.last()
	r.replicate(env)
	r.advance(env)
	return index, term, nil
}

// ReadIndex asks for a point of the log that a linearizable read must have seen (thesis §6.4). Config.Ready is called
// with the token once a quorum has confirmed, in a round that began after this call, that this member still leads; what
// has been applied by then includes the index. The errors are ErrNotLeader, ErrUnready and ErrStopped.
func (r *Raft) ReadIndex(env sim.Env, token uint64) error {
	err := r.mustLead()
	if err == nil && r.commit < r.first {
		err = ErrUnready
	}
	if err != nil {
		env.Emit(ReadRefused{Token: token, Why: err.Error()})
		return err
	}
	r.round++
	r.reads = append(r.reads, read{token: token, index: r.commit, round: r.round})
	r.confirm(env) // by itself, in a group of one
	r.heartbeat(env)
	return nil
}

// Leader returns the leader of the current term, or Nobody where this member does not know it.
func (r *Raft) Leader() sim.NodeID { return r.leader }

// Term returns the member's current term.
func (r *Raft) Term() uint64 { return r.term }

// Leads reports whether this member believes to be the leader.
func (r *Raft) Leads() bool { return r.role == Leader }

// CaughtUp reports whether this member has applied its whole log. At a leader, the log includes the entry that began its
// term, so a leader that is caught up has applied all that was ever committed.
func (r *Raft) CaughtUp() bool { return r.applied == r.last() }

// Match is the last entry that a leader takes a member to have on its disk; 0 if this member does not lead.
func (r *Raft) Match(id sim.NodeID) uint64 {
	if i := r.place(id); i >= 0 && r.role == Leader {
		return r.peers[i].match
	}
	return 0
}

// Has reports whether the member's log has an entry of this index and term, on disk or not yet.
func (r *Raft) Has(index, term uint64) bool { return index <= r.last() && r.log[index].Term == term }

// TermOf is the term of an entry; 0 if the log ends before it.
func (r *Raft) TermOf(index uint64) uint64 {
	if index > r.last() {
		return 0
	}
	return r.log[index].Term
}

func (r *Raft) mustLead() error {
	switch r.role {
	case Leader:
		return nil
	case Halted:
		return ErrStopped
	default:
		return ErrNotLeader
	}
}

// place is where a member stands in c.Peers, or -1. Most often the ids have no gaps, and the answer needs no search.
func (r *Raft) place(id sim.NodeID) int {
	if i := int(id - r.c.Peers[0]); uint(i) < uint(len(r.c.Peers)) && r.c.Peers[i] == id {
		return i
	}
	return slices.Index(r.c.Peers, id)
}

// last is the index of the last entry.
func (r *Raft) last() uint64 { return uint64(len(r.log)) - 1 }

// becomeFollower enters a term, learns its leader, or ends a campaign or leadership of it. A higher term is durable
// with the next persist.
func (r *Raft) becomeFollower(env sim.Env, term uint64, leader sim.NodeID) {
	led, lost := r.role == Leader, r.reads
	if led {
		why := WhyQuorum
		if term > r.term {
			why = WhyTerm
		}
		env.Emit(SteppedDown{Term: r.term, Why: why})
		env.StopTimer(heartbeatTimer)
	}
	if term > r.term {
		r.ballot = ballot{term: term}
	}
	r.role, r.leader, r.reads = Follower, leader, nil
	// Without a leader to wait for, the timer runs on: else a candidate that cannot win, because its log is behind, would
	// hold back those that can each time it tries.
	if led || leader != sim.Nobody || r.timeout == 0 {
		r.drawTimeout(env)
	}
	env.Emit(BecameFollower{Term: r.term, Leader: leader})
	for _, read := range lost {
		env.Emit(ReadRefused{Token: read.token, Why: ErrLost.Error()})
		r.c.Ready(env, read.token, 0, ErrLost)
	}
}

// becomePreCandidate begins to ask for votes in a term that it does not enter yet.
func (r *Raft) becomePreCandidate(env sim.Env) {
	r.role, r.leader = PreCandidate, sim.Nobody
	r.votes = member(r.self)
	r.drawTimeout(env)
	env.Emit(BecamePreCandidate{Term: r.term})
}

// becomeCandidate enters a new term and votes for itself.
func (r *Raft) becomeCandidate(env sim.Env) {
	r.role, r.leader = Candidate, sim.Nobody
	r.ballot = ballot{term: r.term + 1, vote: env.ID()}
	r.votes = member(r.self)
	r.drawTimeout(env)
	env.Emit(BecameCandidate{Term: r.term})
}

// becomeLeader ends a won election.
func (r *Raft) becomeLeader(env sim.Env) {
	r.role, r.leader = Leader, env.ID()
	r.first = r.last() + 1
	r.round, r.reads, r.beat = 0, nil, nil
	r.active = member(r.self)
	if r.peers == nil {
		r.peers = make([]progress, len(r.c.Peers))
		r.scores = make([]uint64, len(r.c.Peers))
	}
	for i := range r.peers {
		r.peers[i] = progress{next: r.first}
	}
	env.SetTimer(electionTimer, r.c.ElectionTimeout)
	env.SetTimer(heartbeatTimer, r.c.Heartbeat)
	env.Emit(BecameLeader{Term: r.term, LastIndex: r.last()})
}

// becomeHalted ends a member whose disk failed: what it has promised can no longer be kept.
func (r *Raft) becomeHalted(env sim.Env, err error) {
	r.role, r.leader, r.reads = Halted, sim.Nobody, nil
	env.StopTimer(electionTimer)
	env.StopTimer(heartbeatTimer)
	env.Emit(Stopped{Err: err.Error()})
}

// drawTimeout draws the time until the next campaign anew, so that split votes do not repeat (paper §5.2).
func (r *Raft) drawTimeout(env sim.Env) {
	r.timeout = r.c.ElectionTimeout + time.Duration(env.Rand().Int64N(int64(r.c.ElectionTimeout)))
	if sim.Buggify(env, "raft: impatient") {
		r.timeout = r.c.ElectionTimeout
	}
	env.SetTimer(electionTimer, r.timeout)
}

// State is what a reader sees of a member.
type State struct {
	Role    Role
	Term    uint64
	Vote    sim.NodeID
	Leader  sim.NodeID
	Last    uint64
	Commit  uint64
	Applied uint64
	Next    map[sim.NodeID]uint64 // of a leader
	Match   map[sim.NodeID]uint64 // of a leader
}

// Inspect returns the State.
func (r *Raft) Inspect() any { return r.State() }

// State returns what a reader sees of the member, until the next call.
func (r *Raft) State() *State {
	s := &r.state
	s.Role, s.Term, s.Vote, s.Leader = r.role, r.term, r.vote, r.leader
	s.Last, s.Commit, s.Applied = r.last(), r.commit, r.applied
	if r.role != Leader {
		s.Next, s.Match = nil, nil
		return s
	}
	if s.Next == nil {
		s.Next, s.Match = make(map[sim.NodeID]uint64), make(map[sim.NodeID]uint64)
	}
	for i, p := range r.peers {
		if i != r.self {
			s.Next[r.c.Peers[i]] = p.next
		}
		s.Match[r.c.Peers[i]] = p.match
	}
	return s
}

// Version implements sim.Versioned.
func (r *Raft) Version() uint64 {
	same := func(a, b progress) bool { return a.next == b.next && a.match == b.match }
	if now := r.glance(); r.version == 0 || r.seen != now || r.role == Leader && !slices.EqualFunc(r.peered, r.peers, same) {
		r.version++
		r.seen, r.peered = now, append(r.peered[:0], r.peers...)
	}
	return r.version
}

// glance is State but for what a leader knows of its peers.
type glance struct {
	role                        Role
	term, last, commit, applied uint64
	vote, leader                sim.NodeID
}

func (r *Raft) glance() glance {
	return glance{r.role, r.term, r.last(), r.commit, r.applied, r.vote, r.leader}
}
