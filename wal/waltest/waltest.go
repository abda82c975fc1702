// Package waltest checks a write-ahead log: that it is what was appended, and that a crash leaves a prefix of it that
// holds at least what a completed sync covered.
//
// It does not check how the log is stored. The disk under test is disksim's, with all its crash modes.
package waltest

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/disksim/disktest"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/wal"
)

// Log is what is checked; *wal.Log is one. The comments there are the contract.
type Log interface {
	Append(rec []byte) (lsn uint64, err error)
	AppendAt(t clock.Time, rec []byte) (lsn uint64, err error)
	Sync() error
	StartSync(done sim.Timer) error
	Synced(done sim.Timer) error
	Durable() uint64
	First() uint64
	Next() uint64
	Read(lsn uint64) ([]byte, error)
	Time(lsn uint64) (clock.Time, error)
	All(from uint64) iter.Seq2[uint64, []byte]
	TruncateSuffix(from uint64) error
	TruncatePrefix(before uint64) error
	Close() error
}

// Run checks the logs that open opens: always the one log on this disk. It should make segments of a few hundred bytes,
// so that their ends are met, and take records of 1000.
func Run(t *testing.T, open func(d sim.Disk) (Log, error)) {
	s := suite{open}
	for _, c := range []struct {
		name string
		test func(*testing.T)
	}{
		{"against a dumb model", s.walk},
		{"a crash after each effect", s.everyCrash},
		{"reading", s.reading},
		{"truncating the suffix", s.suffix},
		{"truncating the prefix", s.prefix},
		{"sync", s.sync},
		{"background sync", s.background},
		{"errors stay", s.errors},
		{"slices", s.slices},
		{"a truncated suffix stays away", s.staysAway},
		{"nothing is removed too early", s.removal},
	} {
		t.Run(c.name, c.test)
	}
}

type suite struct {
	open func(d sim.Disk) (Log, error)
}

// bench is a log on a machine.
type bench struct {
	t *testing.T
	s suite
	m *disktest.Machine
	d *disksim.Disk
	Log
}

func (s suite) bench(t *testing.T, seed uint64, modes ...disksim.Mode) *bench {
	d := disksim.New(seed, 1, disksim.Config{Crash: modes})
	b := &bench{t: t, s: s, m: disktest.NewMachine(d), d: d}
	b.boot()
	return b
}

func (b *bench) boot() {
	var err error
	b.Log, err = b.s.open(b.m.Boot())
	require.NoError(b.t, err)
}

func (b *bench) crash() {
	b.m.Crash()
	b.boot()
}

// append appends these records, named after the first LSN they get.
func (b *bench) append(recs ...string) {
	for _, rec := range recs {
		next := b.Next()
		lsn, err := b.Append([]byte(rec))
		require.NoError(b.t, err)
		require.Equal(b.t, next, lsn)
		require.Equal(b.t, next+1, b.Next())
	}
}

func (b *bench) holds(first uint64, recs ...string) {
	b.t.Helper()
	require.Equal(b.t, first, b.First())
	require.Equal(b.t, first+uint64(len(recs)), b.Next())
	require.Equal(b.t, recs, texts(b.Log))
}

func texts(l Log) (recs []string) {
	for _, rec := range l.All(0) {
		recs = append(recs, string(rec))
	}
	return recs
}

func letters(first, last byte) (recs []string) {
	for c := first; c <= last; c++ {
		recs = append(recs, string(bytes.Repeat([]byte{c}, 1+int(c)%7*20)))
	}
	return recs
}

func (s suite) reading(t *testing.T) {
	b := s.bench(t, 1)
	b.holds(1)
	_, err := b.Read(1)
	assert.ErrorIs(t, err, wal.ErrNotFound)
	_, err = b.Read(0)
	assert.ErrorIs(t, err, wal.ErrTrimmed)

	b.append(letters('a', 'z')...)
	b.append("", string(make([]byte, 1000)))
	b.holds(1, append(letters('a', 'z'), "", string(make([]byte, 1000)))...)
	var lsns []uint64
	for lsn := range b.All(20) {
		if lsn > 22 {
			break
		}
		lsns = append(lsns, lsn)
	}
	assert.Equal(t, []uint64{20, 21, 22}, lsns)
	for range b.All(b.Next()) {
		assert.Fail(t, "there is nothing at the end")
	}

	lsn, err := b.AppendAt(-7, []byte("then"))
	require.NoError(t, err)
	at, err := b.Time(lsn)
	require.NoError(t, err)
	assert.EqualValues(t, -7, at)
	at, err = b.Time(1)
	require.NoError(t, err)
	assert.Zero(t, at)
	_, err = b.Time(lsn + 1)
	assert.ErrorIs(t, err, wal.ErrNotFound)

	_, err = b.Append(make([]byte, 1<<24))
	assert.ErrorIs(t, err, wal.ErrTooLarge)
	b.append("goes on")
}

func (s suite) suffix(t *testing.T) {
	b := s.bench(t, 1)
	b.append(letters('a', 'm')...)
	assert.ErrorIs(t, b.TruncateSuffix(15), wal.ErrNotFound)
	require.NoError(t, b.TruncateSuffix(14))
	b.holds(1, letters('a', 'm')...)
	require.NoError(t, b.TruncateSuffix(13))
	b.holds(1, letters('a', 'l')...)
	require.NoError(t, b.TruncateSuffix(4))
	require.NoError(t, b.TruncateSuffix(3))
	b.append("new")
	b.holds(1, append(letters('a', 'b'), "new")...)
	require.NoError(t, b.TruncatePrefix(2))
	assert.ErrorIs(t, b.TruncateSuffix(1), wal.ErrTrimmed)
	require.NoError(t, b.TruncateSuffix(2))
	b.holds(2)
	b.append("x", "y")
	b.holds(2, "x", "y")
	require.NoError(t, b.Sync())
	b.crash()
	b.holds(2, "x", "y")
}

func (s suite) prefix(t *testing.T) {
	b := s.bench(t, 1)
	require.NoError(t, b.TruncatePrefix(0))
	require.NoError(t, b.TruncatePrefix(1))
	b.append(letters('a', 'z')...)
	for _, before := range []uint64{2, 1, 7, 20, 26} {
		require.NoError(t, b.TruncatePrefix(before))
		_, err := b.Read(b.First() - 1)
		assert.ErrorIs(t, err, wal.ErrTrimmed)
		require.NoError(t, b.Sync())
		b.crash()
	}
	b.holds(26, letters('z', 'z')...)
	require.NoError(t, b.TruncatePrefix(27))
	b.holds(27)
	b.append("next")
	require.NoError(t, b.Sync())
	b.crash()
	b.holds(27, "next")

	require.NoError(t, b.TruncatePrefix(100))
	b.holds(100)
	require.NoError(t, b.Sync())
	b.crash()
	b.holds(100)
	b.append("after a snapshot")
	require.NoError(t, b.Sync())
	b.crash()
	b.holds(100, "after a snapshot")

	empty := s.bench(t, 1)
	require.NoError(t, empty.TruncatePrefix(9))
	empty.append("nine")
	require.NoError(t, empty.Sync())
	empty.crash()
	empty.holds(9, "nine")
}

// sync appends and syncs batches, over many crashes: what was synced is there, and the rest a prefix of what was appended
// in this life. A record's content depends on its number alone, so what was dropped once would fit again.
func (s suite) sync(t *testing.T) {
	record := func(lsn int) string { return fmt.Sprintf("record %0*d", lsn*37%150, lsn) }
	for seed := range uint64(200) {
		b := s.bench(t, seed)
		for life := range 8 {
			synced := int(b.Durable())
			for i := range 4 + int(seed)%9 {
				b.append(record(int(b.Next())))
				if life%3 == 0 && (i == 3 || i == 4) {
					require.NoError(t, b.Sync())
					synced = int(b.Next() - 1)
					assert.EqualValues(t, synced, b.Durable())
				}
			}
			appended := int(b.Next() - 1)
			b.crash()
			n := int(b.Next() - 1)
			require.GreaterOrEqual(t, n, synced, "seed %d", seed)
			require.LessOrEqual(t, n, appended, "seed %d", seed)
			assert.EqualValues(t, n, b.Durable(), "what was found is durable")
			var want []string
			for lsn := range n {
				want = append(want, record(lsn+1))
			}
			b.holds(1, want...)
		}
	}
}

func (s suite) background(t *testing.T) {
	one, two := sim.Timer{Name: "sync", Key: 1}, sim.Timer{Name: "sync", Key: 2}
	b := s.bench(t, 1, disksim.LoseAll)
	b.append("a", "b")
	require.NoError(t, b.StartSync(one))
	b.append("c")
	require.NoError(t, b.StartSync(two))
	b.append("d", "e")
	assert.Zero(t, b.Durable())
	b.m.Complete(1)
	require.NoError(t, b.Synced(two))
	assert.EqualValues(t, 3, b.Durable())
	b.m.Complete(0)
	require.NoError(t, b.Synced(one))
	require.NoError(t, b.Synced(one), "once more is no harm")
	assert.EqualValues(t, 3, b.Durable())
	b.crash()
	b.holds(1, "a", "b", "c")

	b.append("d", "e")
	require.NoError(t, b.StartSync(one))
	require.NoError(t, b.TruncateSuffix(5))
	b.append("E")
	b.m.Complete(0)
	require.NoError(t, b.Synced(one))
	assert.EqualValues(t, 4, b.Durable(), "the sync covered an E of old")
	b.crash()
	b.holds(1, "a", "b", "c", "d", "e")

	b.d.FailSyncs(sim.Million)
	b.append("f")
	require.NoError(t, b.StartSync(one))
	b.m.Complete(0)
	assert.ErrorIs(t, b.Synced(one), wal.ErrFailed)
	_, err := b.Append(nil)
	assert.ErrorIs(t, err, sim.ErrIO)

	// It has failed, and its timer waits behind what the node does meanwhile: that must not rely on what it should have written.
	b = s.bench(t, 1, disksim.LoseAll)
	b.append("a")
	b.d.FailSyncs(sim.Million)
	require.NoError(t, b.StartSync(one))
	b.m.Complete(0)
	b.d.FailSyncs(0)
	b.append("b")
	assert.ErrorIs(t, b.Sync(), wal.ErrFailed)
	assert.Zero(t, b.Durable())
}

func (s suite) errors(t *testing.T) {
	all := func(b *bench, want ...error) {
		_, err := b.Append(nil)
		errs := []error{err, b.Sync(), b.TruncateSuffix(1), b.TruncatePrefix(2), b.StartSync(sim.Timer{}), b.Synced(sim.Timer{})}
		_, err = b.Read(1)
		errs = append(errs, err)
		for i, err := range errs {
			for _, target := range want {
				assert.ErrorIs(t, err, target, "call %d", i)
			}
		}
	}
	b := s.bench(t, 1)
	b.append("a")
	require.NoError(t, b.Close())
	all(b, wal.ErrClosed)
	assert.ErrorIs(t, b.Close(), wal.ErrClosed)

	b = s.bench(t, 1)
	b.append("a")
	b.d.FailSyncs(sim.Million)
	assert.ErrorIs(t, b.Sync(), sim.ErrIO)
	b.d.FailSyncs(0)
	all(b, wal.ErrFailed, sim.ErrIO)

	b = s.bench(t, 1)
	b.append("a")
	b.d.Limit(1)
	_, err := b.Append([]byte("b"))
	assert.ErrorIs(t, err, sim.ErrDiskFull)
	b.d.Limit(0)
	all(b, wal.ErrFailed, sim.ErrDiskFull)

	b = s.bench(t, 1)
	b.append("a")
	b.m.Crash()
	all(b, wal.ErrFailed, sim.ErrVoid)
	b.d.FailSyncs(sim.Million)
	_, err = b.s.open(b.m.Boot())
	b.d.FailSyncs(0)
	if err != nil { // nothing survived otherwise
		assert.ErrorIs(t, err, sim.ErrIO)
	}
}

func (s suite) slices(t *testing.T) {
	b := s.bench(t, 1)
	in := []byte("mine")
	_, err := b.Append(in)
	require.NoError(t, err)
	copy(in, "yours")
	out, err := b.Read(1)
	require.NoError(t, err)
	require.Equal(t, "mine", string(out))
	_ = append(out, "and more"...)
	clear(out)
	b.append("two")
	b.holds(1, "mine", "two")
	kept := slices.Collect(func(yield func([]byte) bool) {
		for _, rec := range b.All(1) {
			if !yield(rec) {
				return
			}
		}
	})
	assert.Equal(t, "mine two", string(bytes.Join(kept, []byte(" "))))
}

// staysAway truncates a suffix that was durable, and rewrites a part of it with the same bytes: what was behind must not
// be taken for a part of the log again.
func (s suite) staysAway(t *testing.T) {
	for seed := range uint64(100) {
		b := s.bench(t, seed)
		b.append(letters('a', 'p')...)
		require.NoError(t, b.Sync())
		from := 2 + seed%14
		require.NoError(t, b.TruncateSuffix(from))
		if seed%2 == 0 {
			require.NoError(t, b.Sync())
			b.crash()
			b.holds(1, letters('a', 'p')[:from-1]...)
		}
		b.append(letters('a', 'p')[from-1 : from]...)
		require.NoError(t, b.Sync())
		for range 3 {
			b.crash()
			b.holds(1, letters('a', 'p')[:from]...)
		}
	}
}

// removal truncates while a sync is under way that does not cover it. When that completes, nothing may be removed that the
// truncation alone makes superfluous.
func (s suite) removal(t *testing.T) {
	all := letters('a', 'z')
	for seed := range uint64(200) {
		b := s.bench(t, seed)
		b.append(all...)
		require.NoError(t, b.Sync())
		b.append("more")
		require.NoError(t, b.StartSync(sim.Timer{}))
		prefix := seed%2 == 0
		if prefix {
			require.NoError(t, b.TruncatePrefix(20))
		} else {
			require.NoError(t, b.TruncateSuffix(8))
		}
		b.m.Complete(0)
		require.NoError(t, b.Synced(sim.Timer{}))
		b.crash()
		switch {
		case b.First() == 20:
			b.holds(20, append(all[19:], "more")...)
		case b.Next() == 8:
			b.holds(1, all[:7]...)
		default:
			b.holds(1, append(all, "more")...)
		}
		require.True(t, prefix || b.First() == 1)
		require.True(t, !prefix || b.Next() == 28)
	}
}
