package olep

import (
	"fmt"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// LSN is the number of a record in its partition, from 1. Numbers are given without gaps and never again; where compaction
// has dropped records the gaps stay.
type LSN uint64

// Record is what a producer appends.
type Record struct {
	Log       string // the logical log: a partition holds several
	Key       string // in its logical log; empty for none, which compaction leaves alone
	Value     string
	Tombstone bool // the key is deleted: it has a Key and no Value
}

// Entry is a record in its place.
type Entry struct {
	LSN LSN
	At  clock.Time // by the partition's clock, which never goes back
	Record

	// Horizon is when a tombstone can be dropped. It is set by the first compaction that has dropped all before it, so
	// that a reader who has seen what it deletes has that long to come to it (KIP-534).
	Horizon clock.Time
}

func (r Record) String() string {
	switch {
	case r.Tombstone:
		return fmt.Sprintf("%s/%s deleted", r.Log, r.Key)
	case r.Key == "":
		return fmt.Sprintf("%s %.20s", r.Log, r.Value)
	default:
		return fmt.Sprintf("%s/%s=%.20s", r.Log, r.Key, r.Value)
	}
}

func (e Entry) String() string { return fmt.Sprintf("%d %s", e.LSN, e.Record) }

// size is what a record counts for retention.
func (r *Record) size() int { return len(r.Log) + len(r.Key) + len(r.Value) }

// Refusal is a definite error: the command or read that it answers has changed nothing, and never will.
type Refusal struct {
	Why  Why
	Hint uint64 // what the one who asked may want to know, see Why
}

// Why is the reason of a Refusal.
type Why uint8

const (
	Accepted         Why = iota // no refusal
	NotLeader                   // another broker may lead; Hint: who, or 0
	UnknownPartition            // there is no such partition
	TooLarge                    // a record or batch is; Hint: the limit
	Malformed                   // a tombstone with a value or without a key, or a batch without records
	Trimmed                     // the LSN is below the low-water mark; Hint: the mark
	BeyondEnd                   // the LSN is beyond the next; Hint: the next
	Fenced                      // a later epoch of the producer is open; Hint: that epoch
	NotOpen                     // the epoch is not open yet; Hint: the one that is
	SequenceGap                 // records before it are missing; Hint: the sequence number that is due
	OutOfSequence               // it was taken, in a batch that is not remembered; Hint: the sequence number that is due
	UnknownMember               // the group has no such member
	OldGeneration               // the group has been rebalanced; Hint: its generation
	NotAssigned                 // the member does not own the partition
)

func (w Why) String() string {
	return [...]string{"accepted", "not leader", "unknown partition", "too large", "malformed", "below the low-water mark",
		"beyond the end", "fenced", "not open", "sequence gap", "out of sequence", "unknown member", "old generation",
		"not assigned"}[w]
}

func (r Refusal) String() string {
	switch {
	case r.Why == NotLeader && r.Hint != 0:
		return fmt.Sprintf("%s, ask %s", r.Why, sim.NodeID(r.Hint))
	case r.Hint != 0:
		return fmt.Sprintf("%s (%d)", r.Why, r.Hint)
	default:
		return r.Why.String()
	}
}

// Error makes a Refusal an error.
func (r Refusal) Error() string { return r.String() }
