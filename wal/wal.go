package wal

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"sort"
	"strconv"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Errors of a use of the log. None of them changes it.
var (
	ErrTrimmed  = errors.New("wal: record is below the low-water mark")
	ErrNotFound = errors.New("wal: record is beyond the end of the log")
	ErrTooLarge = errors.New("wal: record is too large")
)

// ErrMissing is Open's answer where Options.Existing promised a log: the disk is another one, or was emptied.
var ErrMissing = errors.New("wal: log is missing")

// Errors that stay: every later call returns the same.
var (
	ErrClosed = errors.New("wal: log is closed")
	ErrFailed = errors.New("wal: log has failed") // wraps the disk's error as well
)

// CorruptError says that a record which had been synced is damaged or gone.
type CorruptError struct {
	Segment string // the file
	Offset  int64  // in it, in bytes, of the first that is damaged
	LSN     uint64 // the first record that is not there
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("wal: record %d is corrupt: %s at byte %d", e.LSN, e.Segment, e.Offset)
}

// Options are those of a Log. The zero value is good.
type Options struct {
	// A new segment is begun rather than let one grow beyond SegmentSize bytes. 0 means 1 MiB.
	SegmentSize int64
	// MaxRecord bounds a record's size in bytes. 0 means 1 MiB; at most 16 MiB - 1.
	MaxRecord int
	// Existing says that something of this log has been on disk before: Open returns ErrMissing if nothing is left, rather
	// than begin anew. Only the caller can know; an empty disk looks like the first day.
	Existing bool
}

func (o Options) withDefaults() Options {
	if o.SegmentSize <= 0 {
		o.SegmentSize = 1 << 20
	}
	o.SegmentSize = min(o.SegmentSize, 1<<31)
	if o.MaxRecord <= 0 {
		o.MaxRecord = 1 << 20
	}
	o.MaxRecord = min(o.MaxRecord, maxPayload)
	return o
}

// Log is an open log. It is void with the incarnation that opened it.
type Log struct {
	disk     sim.Disk
	name     string
	seed     uint32 // of all checksums
	options  Options
	recovery Recovery
	err      error // sticky

	segments []*segment // by LSN; each but the last ends where the next one starts
	sealed   bool       // the last segment takes no more entries; also if there is none
	newest   uint64     // the highest index of all segments that ever were
	low      uint64     // the first readable LSN, <= next
	next     uint64     // the LSN of the next record
	last     uint32     // the crc of record next-1

	durable uint64    // every record up to here is on disk, or trimmed; < next
	issued  uint64    // the last write, of headers and entries; over all incarnations
	synced  uint64    // the last write that is on disk with all before it
	wide    uint64    // as long as synced is below this write, a sync must include the directory or older segments
	syncs   []syncing // in the background
	dead    []dead
	buf     []byte
}

// segment is one file of the log.
type segment struct {
	header
	file    sim.File
	offsets []uint32 // of its records; the i-th has the LSN first+i
	end     int64    // of its valid bytes
}

// next is the LSN after the segment's last record.
func (s *segment) next() uint64 { return s.first + uint64(len(s.offsets)) }

// syncing is a sync that was started.
type syncing struct {
	done   sim.Timer
	issued uint64 // it covers the writes up to this one,
	lsn    uint64 // and the records up to this one
}

// dead is a file that is no longer needed once a write is on disk.
type dead struct {
	file  string
	write uint64
}

// Append adds a record, which it copies, and returns its LSN. It is on disk after the next Sync.
func (l *Log) Append(rec []byte) (lsn uint64, err error) { return l.AppendAt(0, rec) }

// AppendAt is Append with a timestamp, for LowWater.Age and Time. Zero means none.
func (l *Log) AppendAt(t clock.Time, rec []byte) (lsn uint64, err error) {
	if l.err != nil {
		return 0, l.err
	}
	if len(rec) > l.options.MaxRecord {
		return 0, ErrTooLarge
	}
	s, err := l.room(entryBytes + int64(len(rec)))
	if err != nil {
		return 0, err
	}
	lsn = l.next
	e := entry{prev: l.last, kind: record, lsn: lsn, time: int64(t)}
	crc, err := l.write(s, &e, rec)
	if err != nil {
		return 0, err
	}
	s.offsets = append(s.offsets, uint32(s.end-entryBytes-int64(len(rec))))
	l.next, l.last = lsn+1, crc
	return lsn, nil
}

// Sync returns when all that was appended or truncated before is on disk. It costs nothing if it is already.
func (l *Log) Sync() error {
	if l.err != nil {
		return l.err
	}
	if l.synced == l.issued {
		return nil
	}
	if err := l.overtake(); err != nil {
		return err
	}
	var err error
	if l.synced < l.wide {
		err = l.disk.Sync()
	} else {
		err = l.segments[len(l.segments)-1].file.Sync()
	}
	if err != nil {
		return l.fail(err)
	}
	return l.completed(l.issued, l.next-1)
}

// overtake looks for a sync in the background that has failed, though its timer is still to come: the next sync will not
// write what that one has given up.
func (l *Log) overtake() error {
	for _, s := range l.syncs {
		if err := l.disk.SyncResult(s.done); err != nil {
			return l.fail(err)
		}
	}
	return nil
}

// StartSync does the same without waiting: done fires when the sync has ended, and the node then calls Synced. A tag that
// is still under way cannot be used a second time.
func (l *Log) StartSync(done sim.Timer) error {
	if l.err != nil {
		return l.err
	}
	for _, s := range l.syncs {
		if s.done == done {
			panic("wal: sync " + done.String() + " of " + l.name + " is still under way")
		}
	}
	l.syncs = append(l.syncs, syncing{done, l.issued, l.next - 1})
	l.disk.StartSync(done)
	return nil
}

// Synced takes the outcome of a StartSync whose timer has fired. A timer that is not of this log changes nothing.
func (l *Log) Synced(done sim.Timer) error {
	if l.err != nil {
		return l.err
	}
	for i, s := range l.syncs {
		if s.done != done {
			continue
		}
		l.syncs = append(l.syncs[:i], l.syncs[i+1:]...)
		if err := l.disk.SyncResult(done); err != nil {
			return l.fail(err)
		}
		return l.completed(s.issued, s.lsn)
	}
	return nil
}

// completed says that a sync which covered these writes and records is over.
func (l *Log) completed(issued, lsn uint64) error {
	l.synced = max(l.synced, issued)
	l.durable = max(l.durable, lsn)
	n := 0
	for ; n < len(l.dead) && l.dead[n].write <= l.synced; n++ {
		if err := l.disk.Remove(l.dead[n].file); err != nil {
			return l.fail(err)
		}
	}
	l.dead = append(l.dead[:0], l.dead[n:]...)
	return nil
}

// Durable is the LSN up to which every record is on disk, or trimmed.
func (l *Log) Durable() uint64 { return l.durable }

// First is the LSN of the first record that can be read; Next if there is none.
func (l *Log) First() uint64 { return l.low }

// Next is the LSN that the next Append returns.
func (l *Log) Next() uint64 { return l.next }

// Recovery tells what Open found.
func (l *Log) Recovery() Recovery { return l.recovery }

// Read returns the record with this LSN. The caller owns the slice. ErrTrimmed, ErrNotFound, or *CorruptError if it has
// been damaged since it was written.
func (l *Log) Read(lsn uint64) ([]byte, error) {
	_, rec, err := l.read(lsn)
	return rec, err
}

// Time returns the timestamp of the record with this LSN; errors as for Read.
func (l *Log) Time(lsn uint64) (clock.Time, error) {
	e, _, err := l.read(lsn)
	return clock.Time(e.time), err
}

// All iterates over the records from this LSN, or First if that is greater, to the end. The slices are the caller's. It
// stops early at a record that cannot be read; Read says why.
func (l *Log) All(from uint64) iter.Seq2[uint64, []byte] {
	return func(yield func(uint64, []byte) bool) {
		for lsn := max(from, l.low); ; lsn++ {
			rec, err := l.Read(lsn)
			if err != nil || !yield(lsn, rec) {
				return
			}
		}
	}
}

// TruncateSuffix drops the records from this LSN on; the next Append returns it. It is on disk after the next Sync, a
// crash before that may undo it. ErrNotFound beyond Next, ErrTrimmed below First.
func (l *Log) TruncateSuffix(from uint64) error {
	switch {
	case l.err != nil:
		return l.err
	case from > l.next:
		return ErrNotFound
	case from < l.low:
		return ErrTrimmed
	case from == l.next:
		return nil
	}
	l.next = from
	l.durable = min(l.durable, from-1)
	for i := range l.syncs {
		l.syncs[i].lsn = min(l.syncs[i].lsn, from-1)
	}
	return l.branch()
}

// TruncatePrefix drops the records below this LSN, which is First from now on; if it is beyond Next, the log is empty and
// goes on there, as after a snapshot from elsewhere. It is on disk after the next Sync, a crash before that may undo it.
// Files are removed as whole segments, by the sync that makes it durable.
func (l *Log) TruncatePrefix(before uint64) error {
	switch {
	case l.err != nil:
		return l.err
	case before <= l.low:
		return nil
	}
	l.low = before
	if before > l.next {
		l.next, l.last = before, 0
		for _, s := range l.segments {
			l.bury(s, l.issued+1)
		}
		l.segments, l.sealed = l.segments[:0], true
	}
	if l.sealed {
		if err := l.branch(); err != nil { // its header has the mark
			return err
		}
	} else if err := l.note(); err != nil {
		return err
	}
	n := 0
	for ; n+1 < len(l.segments) && l.segments[n+1].first <= l.low; n++ {
		l.bury(l.segments[n], l.issued)
	}
	l.segments = append(l.segments[:0], l.segments[n:]...)
	return nil
}

// Mark writes down how far the log is durable, as the next Append would do: see the package comment. It does not sync.
func (l *Log) Mark() error {
	if l.err != nil || l.sealed {
		return l.err
	}
	return l.note()
}

// Close ends the use of the log. It does not sync.
func (l *Log) Close() error {
	if l.err != nil {
		return l.err
	}
	l.err = ErrClosed
	return nil
}

// fail makes the log failed for good.
func (l *Log) fail(err error) error {
	l.err = fmt.Errorf("%w: %w", ErrFailed, err)
	return l.err
}

// room returns the segment that takes n more bytes.
func (l *Log) room(n int64) (*segment, error) {
	if !l.sealed {
		if s := l.segments[len(l.segments)-1]; s.end+n <= l.options.SegmentSize || s.end == headerBytes {
			return s, nil
		}
	}
	if err := l.branch(); err != nil {
		return nil, err
	}
	return l.segments[len(l.segments)-1], nil
}

// note writes the low-water mark down.
func (l *Log) note() error {
	s, err := l.room(entryBytes)
	if err != nil {
		return err
	}
	e := entry{prev: l.last, kind: note, lsn: l.next, time: int64(l.low)}
	_, err = l.write(s, &e, nil)
	return err
}

// write appends an entry to a segment and returns its checksum.
func (l *Log) write(s *segment, e *entry, payload []byte) (crc uint32, err error) {
	e.write, e.mark = l.issued+1, l.synced
	l.buf, crc = e.append(l.buf[:0], payload, l.seed)
	if err := s.file.Append(l.buf); err != nil {
		return 0, l.fail(err)
	}
	l.issued = e.write
	s.end += int64(len(l.buf))
	return crc, nil
}

// branch begins a segment at next, which supersedes all that other segments hold from there on.
func (l *Log) branch() error {
	h := header{index: l.newest + 1, first: l.next, prev: l.last, low: l.low, write: l.issued + 1, mark: l.synced}
	for n := len(l.segments); n > 0 && l.segments[n-1].first >= h.first; n-- {
		h.prev = l.segments[n-1].prev
		l.bury(l.segments[n-1], h.write)
		l.segments = l.segments[:n-1]
	}
	if n := len(l.segments); n > 0 {
		s := l.segments[n-1]
		crc, err := s.crc(h.first - 1)
		if err != nil {
			return l.fail(err)
		}
		h.after, h.prev = s.index, crc
		s.offsets = s.offsets[:h.first-s.first]
	}
	s := &segment{header: h, file: l.disk.Open(fileName(l.name, h.index)), end: headerBytes}
	l.buf = h.append(l.buf[:0], l.seed)
	if err := s.file.Append(l.buf); err != nil {
		return l.fail(err)
	}
	l.issued, l.wide = h.write, h.write
	l.newest, l.last = h.index, h.prev
	l.segments, l.sealed = append(l.segments, s), false
	return nil
}

// bury says that a segment is not needed once this write is on disk.
func (l *Log) bury(s *segment, write uint64) {
	l.dead = append(l.dead, dead{s.file.Name(), write})
}

// crc returns the checksum of a record of the segment.
func (s *segment) crc(lsn uint64) (uint32, error) {
	var b [4]byte
	if _, err := s.file.ReadAt(b[:], int64(s.offsets[lsn-s.first])); err != nil {
		return 0, err
	}
	return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24, nil
}

func (l *Log) read(lsn uint64) (entry, []byte, error) {
	switch {
	case l.err != nil:
		return entry{}, nil, l.err
	case lsn < l.low:
		return entry{}, nil, ErrTrimmed
	case lsn >= l.next:
		return entry{}, nil, ErrNotFound
	}
	i := sort.Search(len(l.segments), func(i int) bool { return l.segments[i].first > lsn }) - 1
	s := l.segments[i]
	k := lsn - s.first
	start, end := int64(s.offsets[k]), s.end
	if k+1 < uint64(len(s.offsets)) {
		end = int64(s.offsets[k+1])
	}
	buf := make([]byte, end-start)
	n, err := s.file.ReadAt(buf, start)
	if err != nil && err != io.EOF {
		return entry{}, nil, l.fail(err)
	}
	e, ok := parseEntry(buf[:n], l.seed)
	if !ok || e.lsn != lsn || e.kind != record {
		return entry{}, nil, &CorruptError{s.file.Name(), start, lsn}
	}
	return e, buf[entryBytes:][:e.size:e.size], nil
}

// String shows where the log stands, for traces: "log [3,17) durable 15".
func (l *Log) String() string {
	return l.name + " [" + strconv.FormatUint(l.low, 10) + "," + strconv.FormatUint(l.next, 10) + ") durable " +
		strconv.FormatUint(l.durable, 10)
}
