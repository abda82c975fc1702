package raft

import (
	"sort"

	"github.com/seedbed-sim/seedbed/sim"
)

// replicate sends all followers what they have not been sent. Followers that lack the same share the message.
func (r *Raft) replicate(env sim.Env) {
	var m *AppendEntries
	for i := range r.peers {
		p := &r.peers[i]
		if i == r.self || p.probing || p.next > r.last() {
			continue
		}
		if m == nil || m.PrevIndex != p.next-1 {
			m = r.entriesFrom(env, p.next)
		}
		p.next += uint64(len(m.Entries))
		env.Send(r.c.Peers[i], m)
	}
}

// replicateTo sends one follower a batch of what it lacks.
func (r *Raft) replicateTo(env sim.Env, i int) {
	p := &r.peers[i]
	m := r.entriesFrom(env, p.next)
	if !p.probing {
		p.next += uint64(len(m.Entries))
	}
	env.Send(r.c.Peers[i], m)
}

func (r *Raft) entriesFrom(env sim.Env, next uint64) *AppendEntries {
	end := min(next+uint64(r.c.MaxBatch), r.last()+1)
	if next < end && sim.Buggify(env, "raft: a batch of one") {
		end = next + 1
	}
	return &AppendEntries{
		Term:      r.term,
		PrevIndex: next - 1,
		PrevTerm:  r.log[next-1].Term,
		Commit:    r.commit,
		Round:     r.round,
		Entries:   r.log[next:end:end],
	}
}

// heartbeat sends an AppendEntries without entries. What a follower answers tells that it follows, and whether what it
// was sent has arrived. While nothing changes, the same message goes out again and again.
func (r *Raft) heartbeat(env sim.Env) {
	env.SetTimer(heartbeatTimer, r.c.Heartbeat)
	m := r.beat
	for i := range r.peers {
		if i == r.self {
			continue
		}
		prev := r.peers[i].next - 1
		if m == nil || m.PrevIndex != prev || m.Commit != r.commit || m.Round != r.round {
			m = &AppendEntries{Term: r.term, PrevIndex: prev, PrevTerm: r.log[prev].Term, Commit: r.commit, Round: r.round}
		}
		env.Send(r.c.Peers[i], m)
	}
	r.beat = m
}

func (r *Raft) onAppend(env sim.Env, from sim.NodeID, m *AppendEntries) {
	if m.Term < r.term {
		env.Send(from, &AppendResponse{Term: r.term, Reject: true})
		return
	}
	if m.Term > r.term || r.leader != from || r.role != Follower {
		r.becomeFollower(env, m.Term, from)
	} else {
		env.SetTimer(electionTimer, r.timeout)
	}
	r.heard = env.Elapsed()

	if m.PrevIndex > r.last() || r.log[m.PrevIndex].Term != m.PrevTerm {
		if r.persist(env) {
			env.Send(from, r.conflict(m))
		}
		return
	}
	r.merge(m.Entries)
	if !r.persist(env) {
		return
	}
	// Behind the last entry of the message this log may differ from the leader's (paper, Figure 2, AppendEntries 5).
	match := m.PrevIndex + uint64(len(m.Entries))
	env.Send(from, r.accept(match, m.Round))
	if sim.Buggify(env, "raft: an answer given twice") {
		env.Send(from, r.accept(match, m.Round))
	}
	r.commitTo(env, min(m.Commit, match))
}

// merge makes the log contain the entries. What conflicts with them goes, with all that follows it; what merely
// follows them stays, since messages may come late and out of order (paper §5.3).
func (r *Raft) merge(entries []Entry) {
	for k, e := range entries {
		if e.Index <= r.last() && r.log[e.Index].Term == e.Term {
			continue
		}
		if e.Index <= r.last() {
			r.log = r.log[:e.Index:e.Index] // the next append copies: old elements may be under way in messages
			r.stable, r.cut = e.Index-1, e.Index
		}
		r.log = append(r.log, entries[k:]...)
		return
	}
}

// accept is the answer to what agrees with this log up to match. While nothing changes it is the same message.
func (r *Raft) accept(match, round uint64) *AppendResponse {
	if a := r.ack; a == nil || a.Term != r.term || a.Index != match || a.Round != round {
		if len(r.acks) == cap(r.acks) {
			r.acks = make([]AppendResponse, 0, 16)
		}
		r.acks = append(r.acks, AppendResponse{Term: r.term, Round: round, Index: match})
		r.ack = &r.acks[len(r.acks)-1]
	}
	return r.ack
}

// conflict is the answer to what does not follow on this log. It tells the leader how far to go back at least: before
// all entries of the term that conflicts, or to the end of a log that is too short (paper §5.3).
func (r *Raft) conflict(m *AppendEntries) *AppendResponse {
	a := &AppendResponse{Term: r.term, Round: m.Round, Index: m.PrevIndex, Reject: true, ConflictIndex: r.last() + 1}
	if m.PrevIndex <= r.last() {
		a.ConflictTerm = r.log[m.PrevIndex].Term
		a.ConflictIndex = uint64(sort.Search(int(m.PrevIndex), func(i int) bool { return r.log[i].Term >= a.ConflictTerm }))
	}
	return a
}

func (r *Raft) onAppendResponse(env sim.Env, i int, m *AppendResponse) {
	if m.Term > r.term {
		r.becomeFollower(env, m.Term, sim.Nobody)
		r.persist(env)
		return
	}
	if m.Term < r.term || r.role != Leader {
		return
	}
	r.active.add(i)
	p := &r.peers[i]
	if m.Round > p.round {
		p.round = m.Round
		r.confirm(env)
	}
	if m.Reject {
		r.backUp(env, i, m)
		return
	}
	p.probing = false
	if m.Index > p.match {
		p.match = m.Index
		p.next = max(p.next, m.Index+1)
		if p.match > r.commit { // else a quorum had it before
			r.advance(env)
		}
	}
	if p.next <= r.last() && r.role == Leader {
		r.replicateTo(env, i)
	}
}

// backUp goes back to where the follower's log may agree, and tries from there. An answer to an earlier message than
// the last that counts is late, and ignored.
func (r *Raft) backUp(env sim.Env, i int, m *AppendResponse) {
	p := &r.peers[i]
	if m.Index <= p.match || p.probing && m.Index != p.next-1 {
		return
	}
	next := m.ConflictIndex
	if m.ConflictTerm != 0 {
		// If this log has entries of the conflicting term, the logs may agree up to the last of them.
		end := uint64(sort.Search(int(m.Index), func(i int) bool { return r.log[i].Term > m.ConflictTerm }))
		if r.log[end-1].Term == m.ConflictTerm {
			next = end
		}
	}
	p.next = max(p.match+1, min(next, m.Index))
	p.probing = true
	r.replicateTo(env, i)
}

// advance commits what a quorum has on disk. Only an entry of the leader's own term is committed by counting; those
// before it are with it (paper §5.4.2, Figure 8).
func (r *Raft) advance(env sim.Env) {
	for i, p := range r.peers { // insertion sort, ascending: few and nearly equal
		k := i
		for ; k > 0 && r.scores[k-1] > p.match; k-- {
			r.scores[k] = r.scores[k-1]
		}
		r.scores[k] = p.match
	}
	if index := r.scores[len(r.scores)-r.quorum]; r.log[index].Term == r.term {
		r.commitTo(env, index)
	}
}

// commitTo commits and applies entries up to index.
func (r *Raft) commitTo(env sim.Env, index uint64) {
	if index <= r.commit {
		return
	}
	r.commit = index
	env.Emit(Committed{Index: index, Term: r.log[index].Term, In: r.term})
	for r.applied < r.commit && r.role != Halted { // a callback may propose, and so commit more, or halt
		r.applied++
		e := &r.log[r.applied]
		env.Emit(Applied{e})
		if len(e.Cmd) > 0 {
			r.deliver(env, *e)
		}
	}
}

// confirm answers the reads whose round a quorum has answered. All that was committed when they came is applied.
func (r *Raft) confirm(env sim.Env) {
	for len(r.reads) > 0 {
		q := r.reads[0]
		n := 1
		for i := range r.peers {
			if i != r.self && r.peers[i].round >= q.round {
				n++
			}
		}
		if n < r.quorum {
			return
		}
		r.reads = r.reads[1:]
		env.Emit(ReadServed{Token: q.token, Index: q.index})
		r.c.Ready(env, q.token, q.index, nil)
	}
}

// broadcast sends a message to all others.
func (r *Raft) broadcast(env sim.Env, m sim.Message) {
	for i, id := range r.c.Peers {
		if i != r.self {
			env.Send(id, m)
		}
	}
}
