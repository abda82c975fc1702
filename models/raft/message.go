package raft

import "fmt"

// Members send pointers to the four message types. A message is never changed once it exists: it is shared among
// receivers, and sent again while nothing changes.

// AppendEntries replicates entries; without entries it is a heartbeat (paper, Figure 2).
type AppendEntries struct {
	Term      uint64 // the sender's, who leads it
	PrevIndex uint64 // the entry before Entries
	PrevTerm  uint64
	Commit    uint64
	Round     uint64 // of confirmation, see Raft.ReadIndex
	Entries   []Entry
}

func (m *AppendEntries) String() string {
	s := fmt.Sprintf("AppendEntries{Term:%d Prev:%d/%d Commit:%d", m.Term, m.PrevIndex, m.PrevTerm, m.Commit)
	if m.Round > 0 {
		s += fmt.Sprintf(" Round:%d", m.Round)
	}
	if n := len(m.Entries); n > 0 {
		s += fmt.Sprintf(" Entries:%d-%d", m.Entries[0].Index, m.Entries[n-1].Index)
	}
	return s + "}"
}

// Size is the message's length in bytes, for networks with a bandwidth: about what a compact encoding takes.
func (m *AppendEntries) Size() int {
	n := 48
	for _, e := range m.Entries {
		n += 16 + len(e.Cmd)
	}
	return n
}

// AppendResponse answers AppendEntries.
type AppendResponse struct {
	Term  uint64
	Round uint64 // of the request
	// Index is up to where the sender's log agrees with the leader's, on disk; for a rejection, the request's
	// PrevIndex, where it does not.
	Index  uint64
	Reject bool
	// For a rejection: the term of the sender's entry at Index and the first index of that term; or 0 and the first
	// index its log lacks.
	ConflictTerm  uint64
	ConflictIndex uint64
}

func (m *AppendResponse) String() string {
	s := fmt.Sprintf("AppendResponse{Term:%d Index:%d", m.Term, m.Index)
	if m.Round > 0 {
		s += fmt.Sprintf(" Round:%d", m.Round)
	}
	if m.Reject {
		s += fmt.Sprintf(" Reject Conflict:%d/%d", m.ConflictIndex, m.ConflictTerm)
	}
	return s + "}"
}

// VoteRequest asks for a vote, or, with Pre, whether it would be given (thesis §9.6).
type VoteRequest struct {
	Term      uint64 // the candidate's; with Pre, the one it would enter
	LastIndex uint64 // of the candidate's log
	LastTerm  uint64
	Pre       bool
}

func (m *VoteRequest) String() string {
	return fmt.Sprintf("%s{Term:%d Last:%d/%d}", preName(m.Pre, "VoteRequest"), m.Term, m.LastIndex, m.LastTerm)
}

// VoteResponse answers VoteRequest.
type VoteResponse struct {
	Term    uint64 // the voter's; for a granted Pre, the request's
	Pre     bool
	Granted bool
}

func (m *VoteResponse) String() string {
	return fmt.Sprintf("%s{Term:%d Granted:%t}", preName(m.Pre, "VoteResponse"), m.Term, m.Granted)
}

func preName(pre bool, name string) string {
	if pre {
		return "Pre" + name
	}
	return name
}
