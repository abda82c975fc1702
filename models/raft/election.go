package raft

import (
	"math/bits"

	"github.com/seedbed-sim/seedbed/sim"
)

// preCampaign asks the others whether they would vote for this member (thesis §9.6). Neither side's durable state
// changes, so that a member that cannot win cannot depose a leader by its term.
func (r *Raft) preCampaign(env sim.Env) {
	r.becomePreCandidate(env)
	if r.votes.count() >= r.quorum {
		r.campaign(env)
		return
	}
	r.solicit(env, &VoteRequest{Term: r.term + 1, Pre: true})
}

// campaign starts an election (paper §5.2).
func (r *Raft) campaign(env sim.Env) {
	r.becomeCandidate(env)
	if !r.persist(env) {
		return
	}
	if r.votes.count() >= r.quorum {
		r.lead(env)
		return
	}
	r.solicit(env, &VoteRequest{Term: r.term})
}

func (r *Raft) solicit(env sim.Env, m *VoteRequest) {
	m.LastIndex, m.LastTerm = r.last(), r.log[r.last()].Term
	r.broadcast(env, m)
}

// lead begins a term with an empty entry, whose commitment commits all before it (thesis §6.4, step 1).
func (r *Raft) lead(env sim.Env) {
	r.becomeLeader(env)
	_, _, _ = r.Propose(env, "") // if it fails, this member has halted
}

func (r *Raft) onVote(env sim.Env, from sim.NodeID, m *VoteRequest) {
	led := r.hearsLeader(env)
	if m.Pre {
		granted := m.Term > r.term && !led && r.upToDate(m)
		term := r.term
		if granted {
			term = m.Term
		}
		env.Send(from, &VoteResponse{Term: term, Pre: true, Granted: granted})
		return
	}
	if led && r.c.CheckQuorum && m.Term > r.term {
		return // thesis §4.2.3: whoever does not hear the leader must not depose it
	}
	if m.Term > r.term {
		r.becomeFollower(env, m.Term, sim.Nobody)
	}
	granted := m.Term == r.term && (r.vote == sim.Nobody || r.vote == from) && r.upToDate(m)
	if granted {
		r.vote = from
	}
	if !r.persist(env) {
		return
	}
	if granted {
		env.SetTimer(electionTimer, r.timeout)
	}
	env.Send(from, &VoteResponse{Term: r.term, Granted: granted})
}

func (r *Raft) onVoteResponse(env sim.Env, i int, m *VoteResponse) {
	proposed := m.Pre && m.Granted // its term is one that nobody has entered yet
	switch {
	case m.Term > r.term && !proposed:
		r.becomeFollower(env, m.Term, sim.Nobody)
		r.persist(env)
	case !m.Granted:
	case m.Pre && r.role == PreCandidate && m.Term == r.term+1:
		if r.votes.add(i); r.votes.count() >= r.quorum {
			r.campaign(env)
		}
	case !m.Pre && r.role == Candidate && m.Term == r.term:
		if r.votes.add(i); r.votes.count() >= r.quorum {
			r.lead(env)
		}
	}
}

// upToDate is the election restriction (paper §5.4.1): the candidate's log is at least as up to date as this one.
func (r *Raft) upToDate(m *VoteRequest) bool {
	term := r.log[r.last()].Term
	return m.LastTerm > term || m.LastTerm == term && m.LastIndex >= r.last()
}

// hearsLeader reports whether there is a leader that was heard from within the shortest election timeout.
func (r *Raft) hearsLeader(env sim.Env) bool {
	return r.role == Leader || r.leader != sim.Nobody && env.Elapsed()-r.heard < r.c.ElectionTimeout
}

// checkQuorum ends the leadership of a leader that heard from less than a quorum since the last check (thesis §6.2).
func (r *Raft) checkQuorum(env sim.Env) {
	if r.c.CheckQuorum && r.active.count() < r.quorum {
		r.becomeFollower(env, r.term, sim.Nobody)
		return
	}
	r.active = member(r.self)
	env.SetTimer(electionTimer, r.c.ElectionTimeout)
}

// members is a set of members, by their places in Config.Peers.
type members uint64

const MaxMembers = 64

func member(i int) members   { return 1 << i }
func (m *members) add(i int) { *m |= member(i) }
func (m members) count() int { return bits.OnesCount64(uint64(m)) }
