package wal_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/disksim/disktest"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/wal"
)

var small = wal.Options{SegmentSize: 400}

// TestDamage flips each byte of a log in turn. What a mark covers is reported or still there; the rest may be dropped;
// nothing is ever read as it was not written.
func TestDamage(t *testing.T) {
	build := func() (*disktest.Machine, *disksim.Disk, *wal.Log) {
		d := disksim.New(1, 1, disksim.Config{Crash: []disksim.Mode{disksim.LoseAll}})
		m := disktest.NewMachine(d)
		l := open(t, m.Boot(), small)
		appendN(t, l, 5)
		require.NoError(t, l.Sync())
		appendN(t, l, 10)
		require.NoError(t, l.TruncateSuffix(6))
		require.NoError(t, l.Sync())
		appendN(t, l, 10)
		require.NoError(t, l.TruncatePrefix(3))
		require.NoError(t, l.Sync())
		appendN(t, l, 2)
		require.NoError(t, l.Sync())
		m.Crash()
		return m, d, l
	}
	m, _, l := build()
	disk := m.Boot()
	whole := content(open(t, disk, small))
	require.Len(t, whole, 15)
	marked := l.Next() - 1 - 2 // the last batch has no mark yet

	reported, dropped, unharmed := 0, 0, 0
	for _, name := range disk.List("") {
		for off := range disk.Open(name).Size() {
			m, d, _ := build()
			require.True(t, d.Corrupt(name, off, 1<<(off%8)))
			l, err := wal.Open(m.Boot(), "log", small)
			var corrupt *wal.CorruptError
			if errors.As(err, &corrupt) {
				reported++
				assert.LessOrEqual(t, corrupt.LSN, marked+1, "the note comes before the record after the marked ones")
				assert.GreaterOrEqual(t, corrupt.LSN, uint64(1))
				continue
			}
			require.NoError(t, err)
			require.EqualValues(t, 3, l.First())
			got := content(l)
			require.GreaterOrEqual(t, len(got), int(marked-2), "byte %d of %s", off, name)
			require.Equal(t, whole[:len(got)], got)
			if len(got) == len(whole) {
				unharmed++
			} else {
				dropped++
			}
		}
	}
	t.Logf("of all bytes: damage reported %d, last batch dropped %d, nothing lost %d", reported, dropped, unharmed)
	assert.Greater(t, reported, 500)
	assert.Greater(t, dropped, 50)
	assert.Greater(t, unharmed, 50)
}

// TestMarks: when does a mark cover the last batch?
func TestMarks(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(l *wal.Log) error
		want error
	}{
		{"the last batch", func(*wal.Log) error { return nil }, nil},
		{"an append that is not synced", func(l *wal.Log) error { _, err := l.Append(nil); return err }, nil},
		{"an append that is synced", func(l *wal.Log) error {
			_, err := l.Append(nil)
			return errors.Join(err, l.Sync())
		}, &wal.CorruptError{Segment: "log/00000001.seg", Offset: 64 + 40 + 8, LSN: 2}},
		{"a mark that is synced", func(l *wal.Log) error { return errors.Join(l.Mark(), l.Sync()) },
			&wal.CorruptError{Segment: "log/00000001.seg", Offset: 64 + 40 + 8, LSN: 2}},
		{"a trim that is synced", func(l *wal.Log) error { return errors.Join(l.TruncatePrefix(2), l.Sync()) },
			&wal.CorruptError{Segment: "log/00000001.seg", Offset: 64 + 40 + 8, LSN: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := disksim.New(1, 1, disksim.Config{Crash: []disksim.Mode{disksim.LoseAll}})
			m := disktest.NewMachine(d)
			l := open(t, m.Boot(), wal.Options{})
			appendN(t, l, 2)
			require.NoError(t, l.Sync())
			require.NoError(t, c.then(l))
			m.Crash()
			require.True(t, d.Corrupt("log/00000001.seg", 64+40+8+3, 1))
			l, err := wal.Open(m.Boot(), "log", wal.Options{})
			if c.want != nil {
				require.Equal(t, c.want, err)
				require.EqualError(t, err, "wal: record 2 is corrupt: log/00000001.seg at byte 112")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, []string{"record 1"}, content(l))
			assert.Equal(t, wal.Recovery{Records: 1, Segments: 1, TornBytes: 48}, l.Recovery())
		})
	}
}

// TestMarkOfBranch: a truncated suffix that was synced, with the damage before it.
func TestMarkOfBranch(t *testing.T) {
	d := disksim.New(1, 1, disksim.Config{})
	disk := disktest.NewMachine(d).Boot()
	l := open(t, disk, wal.Options{})
	appendN(t, l, 2)
	require.NoError(t, l.Sync())
	require.NoError(t, l.TruncateSuffix(2))
	require.NoError(t, l.Sync())
	require.True(t, d.Corrupt("log/00000001.seg", 64, 1))
	_, err := wal.Open(disk, "log", wal.Options{})
	require.Equal(t, &wal.CorruptError{Segment: "log/00000001.seg", Offset: 64, LSN: 1}, err)
}

// TestDamageLater: rot under an open log is reported by Read, and does not fail the log.
func TestDamageLater(t *testing.T) {
	d := disksim.New(1, 1, disksim.Config{})
	l := open(t, disktest.NewMachine(d).Boot(), wal.Options{})
	appendN(t, l, 3)
	require.NoError(t, l.Sync())
	require.True(t, d.Corrupt("log/00000001.seg", 120, 4))
	_, err := l.Read(2)
	require.Equal(t, &wal.CorruptError{Segment: "log/00000001.seg", Offset: 112, LSN: 2}, err)
	assert.Equal(t, []string{"record 1"}, content(l), "iteration ends")
	assert.Len(t, collect(l, 3), 1, "and goes on behind")
	appendN(t, l, 1)
	require.NoError(t, l.Sync())
}

func collect(l *wal.Log, from uint64) (recs []string) {
	for _, rec := range l.All(from) {
		recs = append(recs, string(rec))
	}
	return recs
}

// TestMissing removes each file of a log in turn.
func TestMissing(t *testing.T) {
	for gone := range 4 {
		d := disksim.New(1, 1, disksim.Config{})
		disk := disktest.NewMachine(d).Boot()
		l := open(t, disk, small)
		for range 5 {
			for range 6 {
				appendN(t, l, 1)
				require.NoError(t, l.Sync())
			}
		}
		files := disk.List("log/")
		require.Greater(t, len(files), 4)
		require.NoError(t, disk.Remove(files[gone]))
		_, err := wal.Open(disk, "log", small)
		var corrupt *wal.CorruptError
		require.ErrorAs(t, err, &corrupt, "without %s", files[gone])
	}
}

// TestStrangers puts bytes into a log that another log wrote at the same place: a misdirected write, or a mix of backups.
func TestStrangers(t *testing.T) {
	build := func(name, text string) sim.Disk {
		disk := disktest.NewMachine(disksim.New(1, 1, disksim.Config{})).Boot()
		l, err := wal.Open(disk, name, small)
		require.NoError(t, err)
		for i := range 20 {
			_, err := l.Append(fmt.Appendf(nil, "%s %2d", text, i))
			require.NoError(t, err)
			require.NoError(t, l.Sync())
		}
		return disk
	}
	read := func(d sim.Disk, name string, off, n int64) []byte {
		p := make([]byte, n)
		_, err := d.Open(name).ReadAt(p, off)
		require.NoError(t, err)
		return p
	}
	const second, third = "log/00000002.seg", "log/00000003.seg"
	size := build("log", "mine").Open(second).Size()
	for _, c := range []struct {
		name   string
		file   string
		off, n int64
	}{
		{"a record", second, 64 + 47, 47},
		{"the last record of a segment", second, size - 47, 47},
		{"a segment", second, 0, size},
		{"a segment's head", third, 0, 64},
	} {
		mine, other := build("log", "mine"), build("log", "your")
		require.NoError(t, mine.Open(c.file).WriteAt(read(other, c.file, c.off, c.n), c.off))
		_, err := wal.Open(mine, "log", small)
		var corrupt *wal.CorruptError
		require.ErrorAs(t, err, &corrupt, c.name)
	}

	other := build("other", "your")
	require.NoError(t, other.Rename("other/00000001.seg", "log/00000001.seg"))
	l := open(t, other, small)
	assert.Equal(t, "log [1,1) durable 0", l.String(), "a log under another name is none")
}

func TestRecovery(t *testing.T) {
	m := disktest.NewMachine(disksim.New(1, 1, disksim.Config{Crash: []disksim.Mode{disksim.LoseAll}}))
	disk := m.Boot()
	l := open(t, disk, small)
	assert.Zero(t, l.Recovery())
	assert.Equal(t, "log [1,1) durable 0", l.String())
	appendN(t, l, 20)
	require.NoError(t, l.Sync())
	appendN(t, l, 1)
	require.NoError(t, l.Sync())
	require.NoError(t, l.TruncatePrefix(15))
	files := len(disk.List("log/"))
	require.NoError(t, l.Sync())
	assert.Less(t, len(disk.List("log/")), files, "whole segments go when the trim is durable")
	assert.Equal(t, "log [15,22) durable 21", l.String())

	// The removals were not synced: the crash brings the files back, and Open removes them again.
	m.Crash()
	disk = m.Boot()
	require.Len(t, disk.List("log/"), files)
	require.NoError(t, disk.Open("log/00000099.seg").Append([]byte("torn")))
	require.NoError(t, disk.Open("log/notes.txt").Append([]byte("not ours")))
	l = open(t, disk, small)
	assert.Equal(t, wal.Recovery{Records: 7, Segments: 2, TornBytes: 4, Removed: files - 1}, l.Recovery())
	assert.Equal(t, "log [15,22) durable 21", l.String())
	assert.Len(t, disk.List("log/"), 3)
	require.NoError(t, l.TruncateSuffix(20))
	assert.Contains(t, disk.List("log/"), "log/00000100.seg", "no index is used twice")
}

// TestExisting: a log that must be there and is not is an error, and nothing is done about it.
func TestExisting(t *testing.T) {
	existing := wal.Options{SegmentSize: 400, Existing: true}
	d := disksim.New(1, 1, disksim.Config{Crash: []disksim.Mode{disksim.LoseAll}})
	m := disktest.NewMachine(d)
	disk := m.Boot()
	_, err := wal.Open(disk, "log", existing)
	require.ErrorIs(t, err, wal.ErrMissing)
	require.NoError(t, disk.Open("log/notes.txt").Append([]byte("not ours")))
	_, err = wal.Open(disk, "log", existing)
	require.ErrorIs(t, err, wal.ErrMissing)
	require.NoError(t, disk.Open("log/00000001.seg").Append([]byte("torn")))
	_, err = wal.Open(disk, "log", existing)
	require.ErrorIs(t, err, wal.ErrMissing)
	require.Equal(t, []string{"log/00000001.seg", "log/notes.txt"}, disk.List(""))

	l := open(t, disk, small)
	appendN(t, l, 1)
	require.NoError(t, l.Sync())
	m.Crash()
	l = open(t, m.Boot(), existing)
	require.Equal(t, []string{"record 1"}, content(l))
	require.NoError(t, l.TruncatePrefix(2))
	require.NoError(t, l.Sync())
	m.Crash()
	l = open(t, m.Boot(), existing)
	require.EqualValues(t, 2, l.First(), "an empty log is one")
	m.Crash()
	d.Wipe()
	_, err = wal.Open(m.Boot(), "log", existing)
	require.ErrorIs(t, err, wal.ErrMissing)
}
