package disksim

import "github.com/seedbed-sim/seedbed/sim"

// Crash implements sim.Storage. Its time and memory are in proportion to the unsynced mutations, not to the files.
func (d *Disk) Crash(departed uint64) {
	d.void()
	d.crashes++
	d.stats.Crashes++
	d.issued = min(d.issued, departed)

	unsynced := false
	for _, ino := range d.dirty {
		ino.retract(departed)
		unsynced = unsynced || ino.head < len(ino.log)
	}
	for n := len(d.journal); n > 0 && d.journal[n-1].seq > departed; n-- {
		d.journal = d.journal[:n-1]
	}
	if unsynced = unsynced || len(d.journal) > 0; unsynced {
		d.stats.Unsynced++
		d.decide()
	}

	for _, ino := range d.dirty {
		ino.forget()
		ino.dirty = false
	}
	d.nextCrash = 0
	clear(d.dirty)
	clear(d.journal)
	d.dirty, d.journal, d.used = d.dirty[:0], d.journal[:0], 0
	for _, e := range d.entries {
		if e.live = e.durable; e.live != nil {
			d.used += e.live.size
		}
	}
}

// decide settles what became of the unsynced mutations.
func (d *Disk) decide() {
	draws := sim.NewStream(d.seed, "disk.crash", uint64(d.id), d.crashes)
	c := crash{
		mode:  d.config.Crash[sim.Scale(draws.At(0), uint64(len(d.config.Crash)))],
		coins: sim.NewStream(draws.At(1), "coin"),
	}
	if d.nextCrash != 0 {
		c.mode = d.nextCrash
	}
	lo, hi := d.span()
	c.cut = lo + sim.Scale(draws.At(2), hi-lo+2) // in [lo, hi+1]: nothing, or everything, is possible

	for i := range d.journal {
		ch := &d.journal[i]
		if c.keeps(ch) && !d.isLost(ch.from) && !d.isLost(ch.to) {
			ch.apply()
			continue
		}
		for _, e := range [...]*entry{ch.from, ch.to} {
			if e != nil {
				e.lost = d.crashes
			}
		}
	}
	torn := false
	for _, ino := range d.dirty {
		if ino.head < len(ino.log) {
			s := settling{crash: &c, inode: ino, draws: sim.NewStream(draws.At(3), "file", ino.id)}
			s.run()
			torn = torn || s.torn
			d.stats.BytesLost += s.lost
		}
	}
	if torn {
		d.stats.Torn++
	}
}

// isLost reports whether this crash lost a change of e's name: then the later ones are lost as well.
func (d *Disk) isLost(e *entry) bool { return e != nil && e.lost == d.crashes }

// span returns the first and the last unsynced mutation.
func (d *Disk) span() (lo, hi uint64) {
	lo = d.issued
	if len(d.journal) > 0 {
		lo, hi = d.journal[0].seq, d.journal[len(d.journal)-1].seq
	}
	for _, ino := range d.dirty {
		if ino.head < len(ino.log) {
			lo, hi = min(lo, ino.log[ino.head].seq), max(hi, ino.log[len(ino.log)-1].seq)
		}
	}
	return lo, hi
}

// crash is what one crash drew for the whole disk.
type crash struct {
	mode  Mode
	cut   uint64     // Prefix: mutations below are kept
	coins sim.Stream // by mutation
}

// coin is a fair one for each mutation.
func (c *crash) coin(seq uint64) bool { return c.coins.At(seq)>>63 == 1 }

// keeps decides on a change of the directory, as far as it depends on no other.
func (c *crash) keeps(ch *change) bool {
	switch c.mode {
	case KeepAll:
		return true
	case LoseAll:
		return false
	case Prefix:
		return ch.seq < c.cut
	}
	return c.coin(ch.seq)
}

// settling is a crash at work on one file: it goes back to what the medium has for certain, and forward again with what
// reached it.
type settling struct {
	*crash
	*inode
	draws sim.Stream // moments: 0 of the size, 1 of its kind, 2+k of the k-th unit
	torn  bool
	lost  int64

	log     []mutation
	top     int64  // no byte of the file was ever at or beyond
	written []byte // what the writes of log wrote, newest first
	gone    []span // Subset: where a mutation was lost, by sectors
}

type span struct{ off, end int64 }

func (s *settling) run() {
	s.log = s.inode.log[s.head:]
	if s.mode == KeepAll {
		return
	}
	s.rewind()
	switch s.mode {
	case Pages:
		s.byUnit(PageSize)
	case Sectors:
		s.byUnit(SectorSize)
	default:
		s.byMutation()
	}
}

// rewind undoes log, keeping what was written, and leaves zeros up to top.
func (s *settling) rewind() {
	for i := len(s.log) - 1; i >= 0; i-- {
		m := &s.log[i]
		s.top = max(s.top, m.after(), m.size)
		if !m.isCut() {
			s.written = s.appendTo(s.written, m.off, m.end)
		}
		s.revert(m)
	}
}

// replay walks log forward; piece is what a write wrote, nil for a cut.
func (s *settling) replay(step func(m *mutation, piece []byte)) {
	end := len(s.written)
	for i := range s.log {
		m := &s.log[i]
		if m.isCut() {
			step(m, nil)
			continue
		}
		start := end - int(m.end-m.off)
		step(m, s.written[start:end])
		end = start
	}
}

// byMutation keeps or loses each mutation as a whole.
func (s *settling) byMutation() {
	s.replay(func(m *mutation, piece []byte) {
		switch {
		case !s.keepsWhole(m):
			s.lost += int64(len(piece))
		case m.isCut():
			s.resize(m.off)
		default:
			s.write(piece, m.off)
		}
	})
}

func (s *settling) keepsWhole(m *mutation) bool {
	switch {
	case m.fate == kept:
		return true
	case s.mode == LoseAll:
		return false
	case s.mode == Prefix:
		return m.seq < s.cut
	}
	// Subset. A growing file's size is as good as a sector: a cut touches all that follows.
	touched := span{m.off / SectorSize * SectorSize, cutEnd}
	if !m.isCut() {
		touched.end = (m.end + SectorSize - 1) / SectorSize * SectorSize
	}
	for _, g := range s.gone {
		if touched.off < g.end && g.off < touched.end {
			s.lose(touched)
			return false
		}
	}
	if !s.coin(m.seq) {
		s.lose(touched)
		return false
	}
	return true
}

// lose remembers where a mutation was lost, merged with the last such place if they touch.
func (s *settling) lose(t span) {
	if n := len(s.gone); n > 0 && t.off <= s.gone[n-1].end && s.gone[n-1].off <= t.end {
		g := &s.gone[n-1]
		g.off, g.end = min(g.off, t.off), max(g.end, t.end)
		return
	}
	s.gone = append(s.gone, t)
}

// byUnit gives each unit of bytes, and the size, the state of a moment of its own.
func (s *settling) byUnit(unit int64) {
	var (
		base     = s.size
		moment   = s.moment(0)
		metadata = base // the size as of its moment
		follows  = base // the size that the data which is there needs
		survived int64
	)
	s.resize(s.top)
	s.replay(func(m *mutation, piece []byte) {
		sized := m.fate == kept || m.seq < moment
		if sized {
			metadata = m.after()
		}
		end := m.end
		if m.isCut() {
			end = s.top
			if sized {
				follows = m.off
			}
		}
		whole, some := true, false
		for off := m.off; off < end; {
			next := min(off-off%unit+unit, end)
			if m.fate == kept || m.seq < s.moment(2+uint64(off/unit)) {
				some = true
				if m.isCut() {
					s.zero(off, next)
				} else {
					s.write(piece[off-m.off:next-m.off], off)
					survived += next - off
					follows = max(follows, next)
				}
			} else {
				whole = false
			}
			off = next
		}
		s.torn = s.torn || piece != nil && some && !whole || piece != nil && sized && !some
	})
	s.lost = int64(len(s.written)) - survived
	if s.draws.At(1)>>63 == 1 {
		s.resize(metadata)
	} else {
		s.resize(follows)
	}
}

// moment draws when the k-th part of the file reached the medium for the last time: mutations below it did. A quarter of
// the parts have all of them, a quarter none.
func (s *settling) moment(k uint64) uint64 {
	lo, hi := s.log[0].seq, s.log[len(s.log)-1].seq
	draw := s.draws.At(k)
	switch draw >> 62 {
	case 0:
		return lo
	case 1:
		return hi + 1
	}
	return lo + sim.Scale(draw<<2, hi-lo+2)
}
