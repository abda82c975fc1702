package wal

import (
	"hash/crc32"
	"io"
	"sort"

	"github.com/seedbed-sim/seedbed/sim"
)

// Recovery is what Open found and did.
type Recovery struct {
	Records  uint64 // that can be read
	Segments int    // files in use
	// TornBytes were not part of the log: a crash had left a part of what was not synced. They were dropped.
	TornBytes int64
	Removed   int // files that were not needed any more
}

// Open opens the log of this name, or an empty one. What it finds is on disk when it returns: it syncs, unless there is
// no file yet. A *CorruptError says that synced records are damaged, ErrMissing that there are none where Options.Existing
// has it that there were; the files are then left as they are. Any other error is the disk's.
func Open(disk sim.Disk, name string, o Options) (*Log, error) {
	l := &Log{disk: disk, name: name, options: o.withDefaults(), sealed: true, low: 1, next: 1}
	l.seed = crc32.Checksum([]byte(name), castagnoli)
	if err := l.recover(disk.List(name + "/")); err != nil {
		return nil, err
	}
	return l, nil
}

// found is a file that may be a segment of the log.
type found struct {
	segment
	size  int64
	valid bool   // it has a header
	low   uint64 // the highest low-water mark in it; >= header.low
	last  uint64 // the last write in it; >= header.write
	// The segment that holds the record before the first; nil if that is not there, or a record of another history.
	parent *found
}

// root follows the parents.
func (f *found) root() *found {
	for f.parent != nil {
		f = f.parent
	}
	return f
}

func (l *Log) recover(files []string) error {
	all, err := l.survey(files)
	switch {
	case err != nil:
		return err
	case len(all) == 0 && l.options.Existing:
		return ErrMissing
	case len(all) == 0:
		return nil
	}
	l.newest = all[len(all)-1].index

	// The log ends in the newest segment that has all the records before it, down to the low-water mark.
	tip := len(all) - 1
	for tip >= 0 && !(all[tip].valid && all[tip].low >= all[tip].root().first) {
		tip--
	}
	if err := l.adopt(all, tip); err != nil {
		return err
	}
	if err := l.checkMarks(all, tip); err != nil {
		return err
	}
	if tip < 0 && l.options.Existing {
		return ErrMissing
	}

	// What is newer and did not fit is dropped before anything else is written, so that it can never fit again. What is
	// older goes when the log that replaces it is on disk.
	for _, f := range all[tip+1:] {
		if err := l.remove(f); err != nil {
			return err
		}
		l.recovery.TornBytes += f.size
	}
	if err := l.disk.Sync(); err != nil {
		return err
	}
	l.durable, l.synced = l.next-1, l.issued
	for i := range all[:tip+1] {
		if f := all[i]; !l.uses(f) {
			if err := l.remove(f); err != nil {
				return err
			}
		}
	}
	l.recovery.Records = l.next - l.low
	l.recovery.Segments = len(l.segments)
	return nil
}

func (l *Log) remove(f *found) error {
	l.recovery.Removed++
	return l.disk.Remove(f.file.Name())
}

func (l *Log) uses(f *found) bool {
	for _, s := range l.segments {
		if s == &f.segment {
			return true
		}
	}
	return false
}

// survey reads all files of the log, in the order of their indices.
func (l *Log) survey(files []string) ([]*found, error) {
	var all []*found
	for _, name := range files {
		if index, ok := fileIndex(l.name, name); ok {
			f := &found{}
			f.file, f.index = l.disk.Open(name), index
			all = append(all, f)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].index < all[j].index })
	var buf []byte
	for i, f := range all {
		var err error
		if buf, err = contents(f.file, buf); err != nil {
			return nil, err
		}
		f.scan(buf, l.seed)
		if !f.valid || f.after == 0 || f.after >= f.index {
			continue
		}
		k := sort.Search(i, func(k int) bool { return all[k].index >= f.after })
		p := all[k]
		if p.index != f.after || !p.valid || f.first <= p.first || f.first > p.next() {
			continue
		}
		switch crc, err := p.crc(f.first - 1); {
		case err != nil:
			return nil, err
		case crc == f.prev:
			f.parent = p
		}
	}
	return all, nil
}

// contents reads a file into buf, which it grows.
func contents(f sim.File, buf []byte) ([]byte, error) {
	if n := f.Size(); n > int64(cap(buf)) {
		buf = make([]byte, n)
	} else {
		buf = buf[:n]
	}
	n, err := f.ReadAt(buf, 0)
	if err == io.EOF {
		err = nil
	}
	return buf[:n], err
}

// scan reads a segment up to the first byte that does not fit.
func (f *found) scan(data []byte, seed uint32) {
	f.size = int64(len(data))
	h, ok := parseHeader(data, seed)
	if !ok || h.index != f.index || h.first == 0 || h.low > h.first {
		return
	}
	f.header, f.valid, f.end = h, true, headerBytes
	f.low, f.last = h.low, h.write
	for prev := h.prev; ; {
		e, ok := parseEntry(data[f.end:], seed)
		if !ok || e.write != f.last+1 || e.lsn != f.next() || e.prev != prev {
			return
		}
		switch {
		case e.kind == record:
			f.offsets = append(f.offsets, uint32(f.end))
			prev = e.crc
		case uint64(e.time) > e.lsn:
			return
		default:
			f.low = max(f.low, uint64(e.time))
		}
		f.last = e.write
		f.end += entryBytes + int64(e.size)
	}
}

// adopt makes the path from the root to all[tip] the log; none if tip is negative.
func (l *Log) adopt(all []*found, tip int) error {
	if tip < 0 {
		return nil
	}
	f := all[tip]
	l.low, l.next, l.last, l.issued = f.low, f.next(), f.prev, f.last
	l.recovery.TornBytes = f.size - f.end
	l.sealed = f.end < f.size
	for child := (*found)(nil); f != nil; child, f = f, f.parent {
		if child != nil {
			f.offsets = f.offsets[:child.first-f.first]
		}
		if child == nil || child.first > l.low {
			l.segments = append([]*segment{&f.segment}, l.segments...)
		}
	}
	if s := l.segments[len(l.segments)-1]; len(s.offsets) > 0 {
		crc, err := s.crc(l.next - 1)
		if err != nil {
			return err
		}
		l.last = crc
	}
	return nil
}

// checkMarks looks behind the end of the log for a mark that says that more of it was synced.
func (l *Log) checkMarks(all []*found, tip int) error {
	var buf []byte
	for i := max(tip, 0); i < len(all); i++ {
		f := all[i]
		if i == tip && f.end == f.size {
			continue
		}
		var err error
		if buf, err = contents(f.file, buf); err != nil {
			return err
		}
		start := int64(0)
		if i == tip {
			start = f.end
		}
		if !marked(buf[start:], l.seed, l.issued+1) {
			continue
		}
		where := &CorruptError{Segment: f.file.Name(), LSN: l.next}
		if tip >= 0 && all[tip].end < all[tip].size {
			where.Segment, where.Offset = all[tip].file.Name(), all[tip].end
		}
		return where
	}
	return nil
}

// marked reports whether data, which is not part of the log, has a mark at this write or above.
func marked(data []byte, seed uint32, write uint64) bool {
	if h, ok := parseHeader(data, seed); ok && h.mark >= write {
		return true
	}
	for off := range data {
		if e, ok := parseEntry(data[off:], seed); ok && e.mark >= write {
			return true
		}
	}
	return false
}
