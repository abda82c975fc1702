package waltest

import (
	"bytes"
	"fmt"
	"maps"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/disksim/disktest"
	"github.com/seedbed-sim/seedbed/sim"
)

// model is a log on a machine, beside a full copy of it at every moment. All its calls check the log's answers.
type model struct {
	require.TestingT
	open func(sim.Disk) (Log, error)
	m    *disktest.Machine
	log  Log
	// The moments from the last that is durable to the node's view.
	moments []moment
	acks    []ack   // completed by the node's account, but their effects may not all have left
	started []start // in the background
	durable uint64  // by the node's account
	syncs   uint64
}

// moment is a state of the log after a call.
type moment struct {
	from        uint64 // how many effects the node had before the call that made it
	first, next uint64
	records     map[uint64]dumbRecord // those below first too
}

type dumbRecord struct {
	time clock.Time
	data []byte
}

// ack is a promise that the log is on disk as it was before a number of effects, as soon as another number has left.
type ack struct{ effects, state uint64 }

type start struct {
	done    sim.Timer
	effects uint64
	lsn     uint64
}

func newModel(t require.TestingT, open func(sim.Disk) (Log, error), seed uint64) *model {
	w := &model{TestingT: t, open: open, m: disktest.NewMachine(disksim.New(seed, 1, disksim.Config{}))}
	w.m.Lazy = true
	w.moments = []moment{{first: 1, next: 1}}
	w.boot()
	return w
}

func (w *model) view() *moment { return &w.moments[len(w.moments)-1] }

// effects is how many the node has had since the world began.
func (w *model) effects() uint64 { return w.m.Left + uint64(w.m.Pending()) }

// change makes a moment of a call.
func (w *model) change(f func(m *moment), call func() error) {
	v := w.view()
	next := moment{w.effects(), v.first, v.next, maps.Clone(v.records)}
	if next.records == nil {
		next.records = make(map[uint64]dumbRecord)
	}
	require.NoError(w, call())
	f(&next)
	w.moments = append(w.moments, next)
}

func (w *model) append(at clock.Time, rec []byte) {
	w.change(func(m *moment) {
		m.records[m.next] = dumbRecord{at, rec}
		m.next++
	}, func() error {
		lsn, err := w.log.AppendAt(at, rec)
		require.Equal(w, w.view().next, lsn)
		return err
	})
}

func (w *model) sync() {
	state := w.effects()
	require.NoError(w, w.log.Sync())
	w.durable = w.view().next - 1
	w.acks = append(w.acks, ack{w.effects(), state})
	w.depart(0)
}

func (w *model) start() {
	w.syncs++
	done := sim.Timer{Name: "sync", Key: w.syncs}
	w.started = append(w.started, start{done, w.effects(), w.view().next - 1})
	require.NoError(w, w.log.StartSync(done))
}

// complete ends the i-th background sync that has left the node.
func (w *model) complete(i int) {
	done := w.m.Complete(i)
	require.NoError(w, w.log.Synced(done))
	for i, s := range w.started {
		if s.done == done {
			w.started = append(w.started[:i], w.started[i+1:]...)
			w.durable = max(w.durable, s.lsn)
			w.settle(s.effects)
			return
		}
	}
}

func (w *model) suffix(from uint64) {
	w.change(func(m *moment) {
		for ; m.next > from; m.next-- {
			delete(m.records, m.next-1)
		}
	}, func() error { return w.log.TruncateSuffix(from) })
	w.durable = min(w.durable, from-1)
	for i := range w.started {
		w.started[i].lsn = min(w.started[i].lsn, from-1)
	}
}

func (w *model) prefix(before uint64) {
	w.change(func(m *moment) {
		m.first = before
		if before > m.next {
			m.next, m.records = before, make(map[uint64]dumbRecord)
		}
	}, func() error { return w.log.TruncatePrefix(before) })
}

// depart lets effects leave; promises that depend on no others are then binding.
func (w *model) depart(n int) {
	w.m.Depart(n)
	for len(w.acks) > 0 && w.acks[0].effects <= w.m.Left {
		w.settle(w.acks[0].state)
		w.acks = w.acks[1:]
	}
}

// settle drops the moments before the one that this many effects made.
func (w *model) settle(effects uint64) {
	n := 0
	for n+1 < len(w.moments) && w.moments[n+1].from < effects {
		n++
	}
	w.moments = w.moments[n:]
}

func (w *model) check() {
	v := w.view()
	require.Equal(w, v.first, w.log.First())
	require.Equal(w, v.next, w.log.Next())
	require.LessOrEqual(w, w.log.Durable(), w.durable)
	if v.next-1 > w.durable {
		require.Equal(w, w.durable, w.log.Durable())
	}
	lsn := v.first
	for got, rec := range w.log.All(0) {
		require.Equal(w, lsn, got)
		require.True(w, bytes.Equal(v.records[lsn].data, rec), "record %d is not as it was written", lsn)
		at, err := w.log.Time(lsn)
		require.NoError(w, err)
		require.Equal(w, v.records[lsn].time, at)
		lsn++
	}
	require.Equal(w, v.next, lsn)
}

// restart ends the process, not the machine: the page cache has everything, the disk only when Open is done.
func (w *model) restart() {
	w.depart(w.m.Pending())
	var err error
	w.log, err = w.open(w.m.Boot())
	require.NoError(w, err)
	w.started, w.durable = nil, w.view().next-1
	require.Equal(w, w.durable, w.log.Durable())
	w.acks = append(w.acks, ack{w.effects(), w.effects()})
	w.depart(0)
}

func (w *model) crash() {
	w.m.Crash()
	for len(w.moments) > 1 && w.view().from >= w.m.Left {
		w.moments = w.moments[:len(w.moments)-1]
	}
	w.boot()
}

// boot opens the log, which must be a state that the moments allow, and takes it as the only one.
func (w *model) boot() {
	var err error
	w.log, err = w.open(w.m.Boot())
	require.NoError(w, err)
	why := "there is nothing to compare with"
	for i := range w.moments {
		if why = w.allows(&w.moments[i]); why == "" {
			break
		}
	}
	if why != "" {
		require.Fail(w, "after the crash", "the log is [%d,%d): %s; %d moments", w.log.First(), w.log.Next(), why, len(w.moments))
	}
	found := moment{first: w.log.First(), next: w.log.Next(), records: make(map[uint64]dumbRecord)}
	for lsn, rec := range w.log.All(0) {
		at, err := w.log.Time(lsn)
		require.NoError(w, err)
		found.records[lsn] = dumbRecord{at, rec}
	}
	w.moments, w.acks, w.started, w.durable = []moment{found}, nil, nil, found.next-1
}

// allows says why the log is not a prefix of what it was at a moment, trimmed as it was at any, and at least as long as it
// was at some; empty if it is.
func (w *model) allows(m *moment) string {
	shortest, trimmed := w.view().next, false
	for _, other := range w.moments {
		shortest = min(shortest, other.next)
		trimmed = trimmed || other.first == w.log.First()
	}
	switch {
	case !trimmed:
		return "it never started there"
	case w.log.Next() > m.next:
		return fmt.Sprintf("it ended at %d", m.next)
	case w.log.Next() < shortest:
		return fmt.Sprintf("it ended at %d or beyond", shortest)
	}
	for lsn, rec := range w.log.All(0) {
		if want, ok := m.records[lsn]; !ok || !bytes.Equal(want.data, rec) {
			return fmt.Sprintf("record %d was another", lsn)
		}
	}
	return ""
}
