package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

// Layouts, little-endian.
//
// Segment header: magic u64, crc u32, prev u32, index u64, after u64, first u64, low u64, write u64, mark u64.
// Entry: crc u32, prev u32, size u24, kind u8, gap u32, write u64, lsn u64, time i64, then size bytes.
//
// A crc covers all that follows it, and is seeded with the checksum of the log's name; the header's covers the magic as
// well, so that a header is never taken for an entry.
const (
	magic       = 0x31304c4157444553 // "SEDWAL01"
	headerBytes = 64
	entryBytes  = 40
	maxPayload  = 1<<24 - 1
)

type kind uint8

const (
	record kind = iota
	note        // of the low-water mark, which is in place of the time; lsn is that of the next record
	numKinds
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header is what the first bytes of a segment say.
type header struct {
	index uint64
	after uint64 // the segment that holds record first-1; 0: none is needed
	first uint64 // the LSN of the segment's first record
	prev  uint32 // the crc of record first-1
	low   uint64 // the low-water mark when it was written
	write uint64 // its number among all writes of the log: headers and entries
	mark  uint64 // all writes up to this one were on disk when it was written
}

func (h *header) append(buf []byte, seed uint32) []byte {
	n := len(buf)
	le := binary.LittleEndian
	buf = le.AppendUint64(buf, magic)
	buf = le.AppendUint32(buf, 0)
	buf = le.AppendUint32(buf, h.prev)
	for _, v := range [...]uint64{h.index, h.after, h.first, h.low, h.write, h.mark} {
		buf = le.AppendUint64(buf, v)
	}
	le.PutUint32(buf[n+8:], headerCRC(buf[n:], seed))
	return buf
}

func headerCRC(buf []byte, seed uint32) uint32 {
	return crc32.Update(crc32.Update(seed, castagnoli, buf[:8]), castagnoli, buf[12:])
}

// parseHeader is false for bytes that no log of this name wrote as the head of a segment.
func parseHeader(buf []byte, seed uint32) (h header, ok bool) {
	if len(buf) < headerBytes {
		return h, false
	}
	buf = buf[:headerBytes]
	le := binary.LittleEndian
	if le.Uint64(buf) != magic || le.Uint32(buf[8:]) != headerCRC(buf, seed) {
		return h, false
	}
	return header{
		prev:  le.Uint32(buf[12:]),
		index: le.Uint64(buf[16:]),
		after: le.Uint64(buf[24:]),
		first: le.Uint64(buf[32:]),
		low:   le.Uint64(buf[40:]),
		write: le.Uint64(buf[48:]),
		mark:  le.Uint64(buf[56:]),
	}, true
}

// entry is one entry's header.
type entry struct {
	crc   uint32
	prev  uint32 // the crc of record lsn-1
	size  int    // of the payload
	kind  kind
	write uint64 // as in a header
	mark  uint64 // as in a header; stored as the distance from write, at most 2^32-1
	lsn   uint64
	time  int64
}

// append encodes e and its payload, and returns the crc.
func (e *entry) append(buf, payload []byte, seed uint32) ([]byte, uint32) {
	n := len(buf)
	buf = append(buf, make([]byte, entryBytes)...)
	h := buf[n:][:entryBytes]
	le := binary.LittleEndian
	le.PutUint32(h[4:], e.prev)
	le.PutUint32(h[8:], uint32(len(payload))|uint32(e.kind)<<24)
	le.PutUint32(h[12:], uint32(min(e.write-1-e.mark, 1<<32-1)))
	le.PutUint64(h[16:], e.write)
	le.PutUint64(h[24:], e.lsn)
	le.PutUint64(h[32:], uint64(e.time))
	buf = append(buf, payload...)
	crc := crc32.Update(seed, castagnoli, buf[n+4:])
	le.PutUint32(buf[n:], crc)
	return buf, crc
}

// parseEntry is false unless buf starts with a whole entry that a log of this name wrote, somewhere, once.
func parseEntry(buf []byte, seed uint32) (e entry, ok bool) {
	if len(buf) < entryBytes {
		return e, false
	}
	le := binary.LittleEndian
	word := le.Uint32(buf[8:])
	e = entry{
		crc:   le.Uint32(buf),
		prev:  le.Uint32(buf[4:]),
		size:  int(word & maxPayload),
		kind:  kind(word >> 24),
		write: le.Uint64(buf[16:]),
		lsn:   le.Uint64(buf[24:]),
		time:  int64(le.Uint64(buf[32:])),
	}
	gap := uint64(le.Uint32(buf[12:]))
	if e.kind >= numKinds || gap >= e.write || e.size > len(buf)-entryBytes {
		return e, false
	}
	e.mark = e.write - 1 - gap
	return e, e.crc == crc32.Update(seed, castagnoli, buf[4:entryBytes+e.size])
}

// fileName is the name of a segment's file.
func fileName(log string, index uint64) string { return fmt.Sprintf("%s/%08d.seg", log, index) }

// fileIndex reads what fileName wrote.
func fileIndex(log, file string) (uint64, bool) {
	digits, ok := strings.CutSuffix(strings.TrimPrefix(file, log+"/"), ".seg")
	if !ok || len(digits) < 8 {
		return 0, false
	}
	index, err := strconv.ParseUint(digits, 10, 63)
	return index, err == nil && index > 0 && fileName(log, index) == file
}
