package disksim

import "bytes"

// AtRest tells how much data is at rest: bytes, and sectors that are so as a whole. What damages it numbers either from 0
// on, over all files in the order of their names.
func (d *Disk) AtRest() (bytes, sectors int64) {
	for _, e := range d.entries {
		if e.durable != nil {
			bytes += e.durable.rest
			sectors += e.durable.rest / SectorSize
		}
	}
	return bytes, sectors
}

// Rot flips the bits of mask in a byte at rest. It is false, and nothing happens, if there is no such byte.
func (d *Disk) Rot(at int64, mask byte) bool {
	ino, off := d.resting(at, 1)
	if ino == nil {
		return false
	}
	ino.flip(off, mask)
	d.stats.Rotten++
	return true
}

// Misdirect puts the content of one sector at rest over another one: a write that was meant for elsewhere landed here. It
// is false, and nothing happens, if one of them is not there or both have the same content.
func (d *Disk) Misdirect(to, from int64) bool {
	ino, off := d.resting(to, SectorSize)
	source, sourceOff := d.resting(from, SectorSize)
	if ino == nil || source == nil {
		return false
	}
	old, other := ino.appendTo(nil, off, off+SectorSize), source.appendTo(nil, sourceOff, sourceOff+SectorSize)
	if bytes.Equal(old, other) {
		return false
	}
	ino.write(other, off)
	d.stats.Misdirected++
	return true
}

// Spoil makes a sector at rest unreadable: a read that touches it ends there with sim.ErrIO, until a synced write, or cut,
// has replaced all of it. It is false, and nothing happens, if there is no such sector, or it is unreadable already.
func (d *Disk) Spoil(sector int64) bool {
	ino, off := d.resting(sector, SectorSize)
	if ino == nil || ino.readable(off, SectorSize) < SectorSize {
		return false
	}
	ino.bad = append(ino.bad, off)
	d.stats.Spoiled++
	return true
}

// Wipe puts an empty disk of the same make in the place of this one. It is for a node that is down: the handles of one
// that is up are void.
func (d *Disk) Wipe() {
	d.void()
	d.entries, d.journal, d.dirty, d.used = nil, nil, nil, 0
	d.stats.Wiped++
}

// resting returns where the k-th unit of data at rest is; nil if there are not so many.
func (d *Disk) resting(k, unit int64) (*inode, int64) {
	for _, e := range d.entries {
		if e.durable == nil || k < 0 {
			continue
		}
		n := e.durable.rest / unit
		if k < n {
			return e.durable, k * unit
		}
		k -= n
	}
	return nil, 0
}

// Corrupt flips the bits of mask in one byte on the medium: of the named file as the last completed sync of the
// directory has it. A node reads the damage unless an unsynced write of its own hides it. It is false, and nothing
// happens, if there is no such byte.
func (d *Disk) Corrupt(name string, off int64, mask byte) bool {
	e, ok := d.find(name)
	if !ok || d.entries[e].durable == nil {
		return false
	}
	return d.entries[e].durable.corrupt(off, mask)
}
