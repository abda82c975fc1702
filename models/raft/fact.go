package raft

import (
	"fmt"

	"github.com/seedbed-sim/seedbed/sim"
)

// The facts a member emits. Those on what it has on disk (Voted, Appended, Truncated) depart when the disk has it. Facts
// that are about an entry point to it: an entry is never changed, and a fact that is one pointer costs no memory.

// BecameFollower is emitted when the role, the term, or the term's known leader changes to this.
type BecameFollower struct {
	Term   uint64
	Leader sim.NodeID // Nobody: not known yet
}

// BecamePreCandidate is emitted at the start of each PreVote.
type BecamePreCandidate struct{ Term uint64 }

// BecameCandidate is emitted at the start of each election.
type BecameCandidate struct{ Term uint64 }

// BecameLeader is emitted when an election is won.
type BecameLeader struct {
	Term      uint64
	LastIndex uint64 // of its log at that moment
}

// SteppedDown is emitted when a leader ceases to be one; BecameFollower follows.
type SteppedDown struct {
	Term uint64 // that it led
	Why  string
}

// Why a leader steps down.
const (
	WhyTerm   = "higher term"
	WhyQuorum = "no quorum"
)

// Voted tells a vote, also a candidate's for itself.
type Voted struct {
	Term uint64
	For  sim.NodeID
}

// Appended tells that an entry is on this member's disk. After Recovered, it is emitted for each entry found there.
type Appended struct{ *Entry }

// Truncated tells that the entries from this index on are gone from this member's log; new ones follow.
type Truncated struct{ From uint64 }

// Committed tells that this member knows all entries up to Index to be committed.
type Committed struct {
	Index uint64
	Term  uint64 // of the entry
	In    uint64 // the member's own term: leaders of later terms have the entry
}

// Applied tells that an entry took effect on this member's state.
type Applied struct{ *Entry }

// Recovered is emitted at each boot: this is what the disk held. What earlier incarnations had beyond it is gone.
type Recovered struct {
	Term      uint64
	LastIndex uint64
	TornBytes int64 // dropped from the end of the write-ahead log
}

// ReadServed tells that a ReadIndex was confirmed.
type ReadServed struct {
	Token uint64
	Index uint64
}

// ReadRefused tells that a ReadIndex was not accepted, or its leadership lost.
type ReadRefused struct {
	Token uint64
	Why   string
}

// DuplicateSuppressed tells that a command came through the log a second time and had no effect.
type DuplicateSuppressed struct {
	Client Session
	Seq    uint64
}

// Stopped tells that the disk failed: the member does nothing until it is booted again.
type Stopped struct{ Err string }

func (f Appended) String() string {
	return fmt.Sprintf("Appended{%d/%d %08x}", f.Index, f.Term, f.Digest()>>32)
}

func (f Committed) String() string {
	return fmt.Sprintf("Committed{%d/%d in term %d}", f.Index, f.Term, f.In)
}

func (f Applied) String() string {
	return fmt.Sprintf("Applied{%d/%d %08x}", f.Index, f.Term, f.Digest()>>32)
}

// Digest is a 64-bit hash of the command, stable over builds and processors.
func (e *Entry) Digest() uint64 { return digest(e.Cmd) }

func digest(cmd string) uint64 {
	h := sim.Mix(uint64(len(cmd)) + 1)
	for ; len(cmd) >= 8; cmd = cmd[8:] {
		h = sim.Mix(h ^ word(cmd))
	}
	tail := uint64(0)
	for i := range len(cmd) {
		tail = tail<<8 | uint64(cmd[i])
	}
	return sim.Mix(h ^ tail)
}

// word is the first eight bytes, little-endian; one load.
func word(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
