// Package wal is a segmented write-ahead log on a sim.Disk: records with dense numbers, of which a crash leaves a prefix
// at least as long as the last completed sync.
//
// It is not a storage engine. It does not compress, encrypt or index records, and it belongs to one node: its methods are
// not safe for concurrent use.
//
// A record's log sequence number (LSN) counts from 1 without gaps. Append does not sync; Sync blocks, StartSync does not,
// and Durable tells how far the log is on disk. The suffix can be truncated and rewritten, the prefix trimmed at a
// low-water mark (see LowWater).
//
// # On disk
//
// A log is a set of files, name/00000001.seg and so on, that are only ever appended to; nothing is overwritten or cut, so
// no crash can mix old bytes with new. A segment starts with a header: its index, the LSN of its first record, the index
// of the segment that holds the record before that, and that record's checksum. Then follow entries: records, and notes of
// the low-water mark. The CRC-32C of an entry covers its header, its payload and the log's name; its header holds the
// checksum of the record before it, so an entry that was left over from another history of the log does not fit.
//
// Segments form a tree by their "segment before"; the log is the path from the root to the newest segment that has one.
// Truncating the suffix is to branch: the new segment starts at the truncated LSN, and what it supersedes is removed once
// it is durable. A torn tail is left behind in the same way. Trimming the prefix writes a note; whole segments below the
// mark are removed once the note is durable. So the first LSN is exact, while files go one by one.
//
// # Torn tail or corruption
//
// A crash may leave any part of what was not synced; recovery drops it and says so in Recovery. What was synced must be
// there; if it is damaged, dropping it would break a promise, and Open returns a *CorruptError instead (Alagappan et al.,
// Protocol-Aware Recovery for Consensus-Based Storage, FAST 2018, §3.3). To tell the two apart, each entry and each
// segment header is a numbered write, and carries a mark: the write up to which all were on disk when it was made. If the
// first write that is missing has a mark at or above it anywhere behind, it is corruption; otherwise it is a torn tail.
// That holds for records, notes and branches alike.
//
// A window remains. The mark that covers a batch can only be written after the batch's sync has completed, so it rides on
// the next write, and is certain to be on disk when the next sync is over. It cannot be earlier without a second sync per batch:
// what is written before the sync is over cannot know its outcome. Until then, damage in the last synced batch looks
// exactly like a crash in the middle of that batch, and it is dropped from there on. (A whole record behind the damage is
// no help: sectors reach the disk in any order.) Mark writes the mark alone, for a log that is about to be idle. Open syncs
// the log before it returns, so what it found is durable, and marked by the next write.
//
// A disk that was emptied, or put in the place of another, has no damage to find. Options.Existing tells Open that there
// must be a log, so that such a disk is an error and not a fresh start.
//
// # Errors
//
// After any error of the disk the log is failed for good: a failed sync leaves it unknown which pages are clean (Rebello
// et al., Can Applications Recover from fsync Failures?, ATC 2020), so no later sync can be trusted. Reopen it, after a
// restart, to learn what it holds. A sync in the background may have failed while its timer still waits: Sync asks first.
package wal
