package raft

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/wal"
)

// The durable state is one write-ahead log of two kinds of records. A ballot replaces the ballot before it. An entry
// replaces the entries at its index and behind it. So the log is only ever appended to, and each handler's changes
// become durable with one sync.
const (
	ballotRecord = 'B' // term, vote
	entryRecord  = 'E' // index, term, command
)

// ErrCorrupt tells of a write-ahead log that is whole but makes no sense. The member stops.
var ErrCorrupt = errors.New("raft: senseless record")

// persist makes the durable state durable, and tells the facts that are true from then on. Nothing that depends on the
// state may be sent before it. False means that the disk failed and the member has halted.
func (r *Raft) persist(env sim.Env) bool {
	if r.ballot == r.saved && r.stable == r.last() {
		return r.role != Halted
	}
	if err := r.save(); err != nil {
		r.becomeHalted(env, err)
		return false
	}
	if r.ballot != r.saved && r.vote != sim.Nobody {
		env.Emit(Voted{Term: r.term, For: r.vote})
	}
	if r.cut != 0 {
		env.Emit(Truncated{From: r.cut})
	}
	for i := r.stable + 1; i <= r.last(); i++ {
		env.Emit(Appended{&r.log[i]})
	}
	r.saved, r.stable, r.cut = r.ballot, r.last(), 0
	return true
}

// save appends what is not saved yet, and syncs.
func (r *Raft) save() error {
	if r.ballot != r.saved {
		b := append(r.buf[:0], ballotRecord)
		b = binary.AppendUvarint(b, r.term)
		b = binary.AppendUvarint(b, uint64(r.vote))
		r.buf = b
		if _, err := r.wal.Append(b); err != nil {
			return err
		}
	}
	for _, e := range r.log[r.stable+1:] {
		b := append(r.buf[:0], entryRecord)
		b = binary.AppendUvarint(b, e.Index)
		b = binary.AppendUvarint(b, e.Term)
		b = append(b, e.Cmd...)
		r.buf = b
		if _, err := r.wal.Append(b); err != nil {
			return err
		}
	}
	return r.wal.Sync()
}

// recover reads back what was saved. False means that it could not, and the member has halted.
func (r *Raft) recover(env sim.Env) bool {
	w, err := wal.Open(env.Disk(), r.c.Log, wal.Options{})
	if err == nil {
		err = r.replay(w)
	}
	if err != nil {
		r.becomeHalted(env, err)
		return false
	}
	r.wal, r.saved, r.stable = w, r.ballot, r.last()
	env.Emit(Recovered{Term: r.term, LastIndex: r.last(), TornBytes: w.Recovery().TornBytes})
	for i := range r.log[1:] {
		env.Emit(Appended{&r.log[i+1]})
	}
	return true
}

func (r *Raft) replay(w *wal.Log) error {
	for lsn := w.First(); lsn < w.Next(); lsn++ {
		rec, err := w.Read(lsn)
		if err != nil {
			return err
		}
		if err := r.redo(rec); err != nil {
			return err
		}
	}
	return nil
}

// redo applies one record to the state.
func (r *Raft) redo(rec []byte) error {
	f := fields{s: string(rec)}
	switch kind := f.byte(); kind {
	case ballotRecord:
		b := ballot{term: f.uint(), vote: sim.NodeID(f.uint())}
		if !f.whole() || b.term < r.term {
			return fmt.Errorf("%w: ballot for term %d after %d", ErrCorrupt, b.term, r.term)
		}
		r.ballot = b
	case entryRecord:
		e := Entry{Index: f.uint(), Term: f.uint(), Cmd: f.s}
		if f.bad || e.Index == 0 || e.Index > r.last()+1 || e.Term < r.log[e.Index-1].Term {
			return fmt.Errorf("%w: entry %d/%d after %d", ErrCorrupt, e.Index, e.Term, r.last())
		}
		r.log = append(r.log[:e.Index], e)
	default:
		return fmt.Errorf("%w: kind %d", ErrCorrupt, kind)
	}
	return nil
}

// fields reads what binary.AppendUvarint and appendString wrote. After a short read it is bad and yields zeros.
type fields struct {
	s   string // what is left; a string, so that parts of it need no copies
	bad bool
}

func (f *fields) byte() byte {
	if f.s == "" {
		f.bad = true
		return 0
	}
	c := f.s[0]
	f.s = f.s[1:]
	return c
}

func (f *fields) uint() uint64 {
	v := uint64(0)
	for i := 0; i < len(f.s) && i < binary.MaxVarintLen64; i++ {
		c := f.s[i]
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			f.s = f.s[i+1:]
			return v
		}
	}
	f.s, f.bad = "", true
	return 0
}

// string reads a length and as many bytes.
func (f *fields) string() string {
	n := f.uint()
	if n > uint64(len(f.s)) {
		f.s, f.bad = "", true
		return ""
	}
	s := f.s[:n]
	f.s = f.s[n:]
	return s
}

// whole reports whether all was read, and nothing was missing.
func (f *fields) whole() bool { return !f.bad && f.s == "" }

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}
