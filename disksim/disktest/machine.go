package disktest

import (
	"slices"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// Machine stands in for the engine: it boots a Storage, lets effects depart, and crashes. It implements sim.DiskPort.
type Machine struct {
	// Lazy makes effects wait for Depart. Otherwise each leaves at once, and a blocking sync completes before it returns.
	Lazy bool
	// Completed, if set, is called when the n-th sync of all that were issued, from 1, has completed without an error.
	Completed func(n int)
	// Latency is the sum of what the blocking syncs announced.
	Latency time.Duration
	// Issued counts mutations, Departed those that have left the node, both since the world began.
	Issued, Departed uint64
	// Left counts all effects that have left the node since the world began, syncs too.
	Left uint64

	storage    sim.Storage
	syncs      int // issued
	up         bool
	pending    []effect // in program order
	background []effect // syncs that have left and not completed
	results    map[sim.Timer]error
}

// effect is one mutation, or the n-th sync.
type effect struct {
	n     int
	token uint64
	err   error
	done  *sim.Timer // of a background sync
}

// NewMachine returns a machine with this disk, not booted.
func NewMachine(s sim.Storage) *Machine { return &Machine{storage: s} }

// Boot starts an incarnation and returns its disk. Without a Crash before it, only the process has ended: what has not
// left stays in the node, for ever.
func (m *Machine) Boot() sim.Disk {
	m.up = true
	m.pending, m.background, m.results = nil, nil, nil
	return m.storage.Boot(m)
}

// Crash ends the incarnation: what has not left the node never happened.
func (m *Machine) Crash() {
	m.up = false
	m.pending, m.background = nil, nil
	m.Issued = m.Departed
	m.storage.Crash(m.Departed)
}

// Halt makes the incarnation void without a crash, as when the engine stops a handler between two effects.
func (m *Machine) Halt() { m.up = false }

// Pending is the number of effects that have not left.
func (m *Machine) Pending() int { return len(m.pending) }

// Depart lets the next n pending effects leave, in program order; fewer if there are not so many.
func (m *Machine) Depart(n int) {
	n = min(n, len(m.pending))
	leaving := slices.Clone(m.pending[:n])
	m.pending = slices.Delete(m.pending, 0, n)
	for _, e := range leaving {
		m.leave(e)
	}
}

// Background is the number of background syncs that have left and not completed.
func (m *Machine) Background() int { return len(m.background) }

// Complete ends the i-th of the background syncs and returns its timer.
func (m *Machine) Complete(i int) sim.Timer {
	e := m.background[i]
	m.background = slices.Delete(m.background, i, i+1)
	if m.results == nil {
		m.results = make(map[sim.Timer]error)
	}
	m.results[*e.done] = e.err
	m.synced(e)
	return *e.done
}

// Write implements sim.DiskPort.
func (m *Machine) Write([]byte) bool {
	if !m.up {
		return false
	}
	m.Issued++
	m.effect(effect{})
	return true
}

// Sync implements sim.DiskPort.
func (m *Machine) Sync(latency time.Duration, token uint64, err error) bool {
	if !m.up {
		return false
	}
	m.Latency += latency
	m.syncs++
	m.effect(effect{n: m.syncs, token: token, err: err})
	return true
}

// StartSync implements sim.DiskPort.
func (m *Machine) StartSync(_ time.Duration, token uint64, err error, done sim.Timer) bool {
	if !m.up {
		return false
	}
	m.syncs++
	m.effect(effect{n: m.syncs, token: token, err: err, done: &done})
	return true
}

// SyncResult implements sim.DiskPort.
func (m *Machine) SyncResult(done sim.Timer) error { return m.results[done] }

func (m *Machine) effect(e effect) {
	if m.Lazy {
		m.pending = append(m.pending, e)
		return
	}
	m.leave(e)
}

func (m *Machine) leave(e effect) {
	m.Left++
	switch {
	case e.n == 0:
		m.Departed++
	case e.done != nil:
		m.background = append(m.background, e)
	default:
		m.synced(e)
	}
}

func (m *Machine) synced(e effect) {
	m.storage.Synced(e.token, e.err)
	if e.err == nil && m.Completed != nil {
		m.Completed(e.n)
	}
}
