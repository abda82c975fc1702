package olep

import (
	"fmt"

	"github.com/seedbed-sim/seedbed/clock"
)

// The facts that brokers emit: of each command that has changed something, when it is durable and ordered for good. A
// broker that boots emits Booted, and then those of all that it still has.

// Booted tells that a broker starts: what it has it tells anew.
type Booted struct{}

// Appended tells that records are in a partition. The entries are shared.
type Appended struct {
	Partition int
	Entries   []Entry
}

// DuplicateSuppressed tells that a batch came a second time, and is where it was.
type DuplicateSuppressed struct {
	Partition  int
	Producer   string
	Epoch, Seq uint64
	First      LSN
}

// ProducerOpened tells that a producer has a new epoch.
type ProducerOpened struct {
	Partition int
	Producer  string
	Epoch     uint64
	By        Session
}

// ProducerFenced tells that a batch of an epoch was refused, since there is a later one.
type ProducerFenced struct {
	Partition int
	Producer  string
	Epoch, By uint64
}

// Truncated tells that records below the mark are gone.
type Truncated struct {
	Partition int
	Low       LSN
	At        clock.Time // of the partition's clock
}

// Compacted tells that what was before End has been compacted.
type Compacted struct {
	Partition int
	End       LSN
	At        clock.Time // of the partition's clock
	Dropped   []LSN
}

// Rebalanced tells that a group has a new generation.
type Rebalanced struct {
	Group      string
	Generation uint64
	Members    []Session
	Owners     []Session // by partition; zeros where there are no members
}

// OffsetCommitted tells that a group goes on at Offset from now on.
type OffsetCommitted struct {
	Group      string
	Generation uint64
	Partition  int
	Offset     LSN
}

// CommitRefused tells that a member of an earlier generation wanted to commit.
type CommitRefused struct {
	Group      string
	Generation uint64
	Partition  int
	Offset     LSN
}

// ReadTrimmed tells that somebody wanted to read below the low-water mark.
type ReadTrimmed struct {
	Partition int
	From, Low LSN
}

// Stopped tells that a disk has failed: the log serves nothing until the broker boots again. It is a fact of the log's own
// scope.
type Stopped struct{ Err string }

// The facts that clients emit.

// Acknowledged tells that a producer knows where its records are, from First on.
type Acknowledged struct {
	Partition int
	First     LSN
	Records   []Record
}

// Assigned tells that a consumer begins to read a partition at Offset.
type Assigned struct {
	Group      string
	Generation uint64
	Partition  int
	Offset     LSN
}

// Revoked tells that a consumer reads no partition of this generation any more.
type Revoked struct {
	Group      string
	Generation uint64
}

// Delivered tells that a consumer has processed what it read.
type Delivered struct {
	Group      string
	Generation uint64
	Partition  int
	Records
}

// Skipped tells that a consumer goes on at the low-water mark, since what it was to read is gone.
type Skipped struct {
	Group     string
	Partition int
	From, To  LSN
}

func (f Appended) String() string {
	return fmt.Sprintf("Appended{p%d %s}", f.Partition, brief(f.Entries))
}

func (f Truncated) String() string {
	return fmt.Sprintf("Truncated{p%d below %d, %s}", f.Partition, f.Low, f.At)
}

func (f Compacted) String() string {
	return fmt.Sprintf("Compacted{p%d below %d, %s: dropped %v}", f.Partition, f.End, f.At, f.Dropped)
}

func (f Acknowledged) String() string {
	return fmt.Sprintf("Acknowledged{p%d %d, %d records}", f.Partition, f.First, len(f.Records))
}

func (f Delivered) String() string {
	return fmt.Sprintf("Delivered{%s/%d p%d [%d,%d) %s}", f.Group, f.Generation, f.Partition, f.From, f.Next, brief(f.Entries))
}

// brief is the first and the last of entries.
func brief(entries []Entry) string {
	switch n := len(entries); n {
	case 0:
		return "nothing"
	case 1:
		return entries[0].String()
	default:
		return fmt.Sprintf("%s … %s", entries[0], entries[n-1])
	}
}
