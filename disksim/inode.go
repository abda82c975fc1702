package disksim

import (
	"math"
	"slices"
)

// inode is the content of a file: the node's view of it, and what it takes to get back from there.
type inode struct {
	id      uint64
	content // the view
	// What the medium does not have for certain, oldest first; entries before head have been synced. An append-only
	// file's undo stays empty, so writing and syncing it moves no byte twice.
	log  []mutation
	head int
	undo []byte // bytes that the mutations of log replaced, in their order
	// There are mutations that a failed sync gave up. Then those that were synced after them stay in log, as kept.
	abandoned bool
	dirty     bool // listed in Disk.dirty

	rest  int64   // bytes [0, rest) are at rest; <= ripe
	ripe  int64   // bytes [0, ripe) will be, as soon as a mutation after since is synced
	since uint64  // the last mutation that the node has seen synced, by waiting for it
	bad   []int64 // the sectors that cannot be read, by their first byte
}

// mutation is one change of a file's content or size.
type mutation struct {
	seq  uint64 // its place among all mutations of the disk
	size int64  // of the file before it
	off  int64  // a write covers [off, end); a cut makes the size off
	end  int64  // cutEnd for a cut
	undo int    // where in inode.undo the bytes [off, min(end, size)) begin
	fate fate
}

type fate uint8

const (
	open      fate = iota // the next sync, or the crash, decides
	abandoned             // the crash decides
	kept                  // synced
)

// cutEnd marks a cut: its undo bytes reach to the size before it.
const cutEnd = math.MaxInt64

func (m *mutation) isCut() bool { return m.end == cutEnd }

// after is the size after m.
func (m *mutation) after() int64 {
	if m.isCut() {
		return m.off
	}
	return max(m.size, m.end)
}

// replaced is the number of bytes that m took away.
func (m *mutation) replaced() int64 { return max(min(m.end, m.size)-m.off, 0) }

// put applies p at off; a gap reads as zeros.
func (ino *inode) put(seq uint64, p []byte, off int64) {
	ino.record(seq, off, off+int64(len(p)))
	ino.write(p, off)
}

// truncate sets the size.
func (ino *inode) truncate(seq uint64, size int64) {
	ino.record(seq, size, cutEnd)
	ino.resize(size)
}

// record takes down a mutation that is about to be applied, with what it replaces.
func (ino *inode) record(seq uint64, off, end int64) {
	ino.rest, ino.ripe = min(ino.rest, off), min(ino.ripe, off)
	n := len(ino.undo)
	if until := min(end, ino.size); until > off {
		ino.undo = ino.appendTo(ino.undo, off, until)
	}
	ino.log = append(ino.log, mutation{seq: seq, size: ino.size, off: off, end: end, undo: n})
}

// revert undoes m, the newest mutation that is applied.
func (ino *inode) revert(m *mutation) {
	ino.resize(m.size)
	if n := m.replaced(); n > 0 {
		ino.write(ino.undo[m.undo:m.undo+int(n)], m.off)
	}
}

// synced makes the mutations up to seq durable, except those that were given up. The node waited for it, or is still to
// learn of it.
func (ino *inode) synced(upto uint64, waited bool) {
	if ino.abandoned {
		for i := ino.head; i < len(ino.log) && ino.log[i].seq <= upto; i++ {
			if ino.log[i].fate == open {
				ino.log[i].fate = kept
			}
		}
		return
	}
	start := ino.head
	for ino.head < len(ino.log) && ino.log[ino.head].seq <= upto {
		ino.head++
	}
	ino.settle(ino.log[start:ino.head], upto, waited)
	switch rest := len(ino.log) - ino.head; {
	case rest == 0:
		ino.forget()
	case ino.head > 2*rest+16: // amortised: half of what is copied was synced
		start := ino.log[ino.head].undo
		ino.undo = ino.undo[:copy(ino.undo, ino.undo[start:])]
		ino.log = ino.log[:copy(ino.log, ino.log[ino.head:])]
		ino.head = 0
		for i := range ino.log {
			ino.log[i].undo -= start
		}
	}
}

// settle sees to what is at rest, and to bad sectors, when these mutations have been synced.
func (ino *inode) settle(log []mutation, upto uint64, waited bool) {
	if n := len(log); n > 0 && log[n-1].seq > ino.since {
		ino.rest = ino.ripe
	}
	if waited {
		ino.since, ino.ripe = upto, ino.size
		for i := range ino.log[ino.head:] {
			ino.ripe = min(ino.ripe, ino.log[ino.head+i].off)
		}
	}
	if len(ino.bad) > 0 {
		ino.bad = slices.DeleteFunc(ino.bad, func(sector int64) bool { return replaced(log, sector) })
	}
}

// readable returns how many of the n bytes from off on can be read.
func (ino *inode) readable(off, n int64) int64 {
	for _, sector := range ino.bad {
		if sector < off+n && off < sector+SectorSize && !replaced(ino.log[ino.head:], sector) {
			n = max(sector-off, 0)
		}
	}
	return n
}

// replaced reports whether one of these mutations covers all of a sector.
func replaced(log []mutation, sector int64) bool {
	return slices.ContainsFunc(log, func(m mutation) bool { return m.off <= sector && sector+SectorSize <= m.end })
}

// abandon gives the mutations after a seq and up to another up: no sync will write them.
func (ino *inode) abandon(after, upto uint64) {
	for i := ino.head; i < len(ino.log) && ino.log[i].seq <= upto; i++ {
		if ino.log[i].fate == open && ino.log[i].seq > after {
			ino.log[i].fate = abandoned
			ino.abandoned = true
		}
	}
}

// forget says that the medium has the content as it is.
func (ino *inode) forget() {
	ino.log, ino.undo, ino.head, ino.abandoned = ino.log[:0], ino.undo[:0], 0, false
}

// retract undoes the mutations that never left the node.
func (ino *inode) retract(departed uint64) {
	for n := len(ino.log); n > ino.head && ino.log[n-1].seq > departed; n-- {
		m := &ino.log[n-1]
		ino.revert(m)
		ino.undo = ino.undo[:m.undo]
		ino.log = ino.log[:n-1]
	}
}

// corrupt flips bits of a byte of the medium: in the oldest bytes that an unsynced mutation replaced there, else in the content.
func (ino *inode) corrupt(off int64, mask byte) bool {
	size := ino.size
	if ino.head < len(ino.log) {
		size = ino.log[ino.head].size
	}
	if off < 0 || off >= size {
		return false
	}
	for i := ino.head; i < len(ino.log); i++ {
		if m := &ino.log[i]; off >= m.off && off < m.off+m.replaced() {
			ino.undo[m.undo+int(off-m.off)] ^= mask
			return true
		}
	}
	ino.flip(off, mask)
	return true
}
