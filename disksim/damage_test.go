package disksim_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/disksim/disktest"
	"github.com/seedbed-sim/seedbed/sim"
)

func atRest(d *disksim.Disk) int64 {
	bytes, _ := d.AtRest()
	return bytes
}

// TestAtRest: data is at rest once something behind it, written after its sync, is synced too.
func TestAtRest(t *testing.T) {
	d := disksim.New(1, 1, only(disksim.LoseAll))
	m := disktest.NewMachine(d)
	disk := m.Boot()
	a, b := disk.Open("a"), disk.Open("b")
	must(a.Append(fill('1', 100)), b.Append(fill('1', 10)), disk.Sync())
	assert.Zero(t, atRest(d), "the last batch")
	must(a.Sync(), disk.Sync())
	assert.Zero(t, atRest(d), "and nothing was written after it")
	must(a.Append(fill('2', 1000)))
	assert.Zero(t, atRest(d), "or what was is not synced")
	must(a.Sync())
	assert.EqualValues(t, 100, atRest(d))
	must(a.Append(fill('3', 100)), b.Append(fill('2', 10)), disk.Sync())
	bytes, sectors := d.AtRest()
	assert.EqualValues(t, 1100+10, bytes)
	assert.EqualValues(t, 2, sectors, "whole ones")

	must(a.Append(fill('4', 100)))
	disk.StartSync(sim.Timer{})
	m.Complete(0)
	assert.EqualValues(t, 1200+10, atRest(d), "a sync in the background makes what is before it rest")
	must(a.Append(fill('5', 100)), a.Sync(), a.Append(fill('6', 100)), a.Sync())
	assert.EqualValues(t, 1400+10, atRest(d))
	must(a.Append(fill('7', 100)))
	disk.StartSync(sim.Timer{})
	m.Complete(0)
	must(a.Append(fill('8', 100)), a.Sync())
	assert.EqualValues(t, 1500+10, atRest(d), "but nobody has waited for it")

	must(a.WriteAt(fill('x', 1), 1000))
	assert.EqualValues(t, 1000+10, atRest(d), "what is overwritten is new")
	must(disk.Rename("b", "c"), disk.Sync(), disk.Remove("a"))
	assert.EqualValues(t, 1000+10, atRest(d), "on the medium it is still there")
	must(disk.Sync())
	assert.EqualValues(t, 10, atRest(d))
	m.Crash()
	m.Boot()
	assert.EqualValues(t, 10, atRest(d))
	d.Wipe()
	assert.Zero(t, atRest(d))
}

// aged is a disk with 2048 bytes at rest, '1' to '4' by sectors, in the file b; the last byte of it is new.
func aged() (*disksim.Disk, *disktest.Machine, sim.Disk) {
	d := disksim.New(1, 1, only(disksim.LoseAll))
	m := disktest.NewMachine(d)
	disk := m.Boot()
	f := disk.Open("b")
	for c := range byte(4) {
		must(f.Append(fill('1'+c, 512)))
	}
	must(disk.Sync(), f.Append(fill('5', 1)), disk.Sync())
	return d, m, disk
}

func TestRot(t *testing.T) {
	d, m, disk := aged()
	assert.True(t, d.Rot(512, '2'^'x'))
	assert.Equal(t, "b:1512x12511351245125"+"1", show(disk))
	for _, at := range []int64{-1, 2048, 1 << 40} {
		assert.False(t, d.Rot(at, 1))
	}
	m.Crash()
	assert.Equal(t, "b:1512x12511351245125"+"1", show(m.Boot()))
	assert.Equal(t, 1, d.Stats().Rotten)
}

func TestMisdirect(t *testing.T) {
	d, m, disk := aged()
	assert.True(t, d.Misdirect(2, 0))
	assert.False(t, d.Misdirect(0, 2), "nothing changes")
	assert.False(t, d.Misdirect(4, 0))
	assert.False(t, d.Misdirect(0, 4))
	m.Crash()
	disk = m.Boot()
	assert.Equal(t, "b:1512251215124512"+"51", show(disk))
	assert.Equal(t, 1, d.Stats().Misdirected)

	must(disk.Open("a").Append(fill('x', 600)), disk.Sync(), disk.Open("a").Append(fill('y', 1)), disk.Sync())
	assert.True(t, d.Misdirect(4, 0), "sectors are numbered over all files")
	assert.Equal(t, "a:x600y1 b:151225121512x512"+"51", show(disk))
}

func TestSpoil(t *testing.T) {
	d, m, disk := aged()
	assert.True(t, d.Spoil(1))
	assert.False(t, d.Spoil(1), "it is")
	assert.False(t, d.Spoil(4))
	read := func(off, n int64) (int, error) {
		return disk.Open("b").ReadAt(make([]byte, n), off)
	}
	for _, c := range []struct {
		off, n int64
		got    int
		err    error
	}{
		{0, 512, 512, nil}, {0, 513, 512, sim.ErrIO}, {511, 2048, 1, sim.ErrIO}, {512, 1, 0, sim.ErrIO},
		{1023, 1, 0, sim.ErrIO}, {1024, 1024, 1024, nil}, {1024, 2000, 1025, io.EOF},
	} {
		n, err := read(c.off, c.n)
		assert.Equal(t, c.got, n, "%d bytes at %d", c.n, c.off)
		assert.ErrorIs(t, err, c.err)
	}
	assert.Equal(t, 4, d.Stats().ReadErrors)

	must(disk.Open("b").WriteAt(fill('x', 511), 512), disk.Sync())
	_, err := read(512, 1)
	assert.ErrorIs(t, err, sim.ErrIO, "some of the sector is new")
	must(disk.Open("b").WriteAt(fill('y', 512), 512))
	assert.Equal(t, "b:1512y512351245125"+"1", show(disk), "the page cache has it")
	m.Crash()
	disk = m.Boot()
	_, err = read(512, 1)
	assert.ErrorIs(t, err, sim.ErrIO, "the medium does not")
	must(disk.Open("b").Truncate(100), disk.Sync(), disk.Open("b").Append(fill('z', 1000)))
	assert.Equal(t, "b:1100z1000", show(disk))
}

func TestWipe(t *testing.T) {
	d, m, disk := aged()
	f := disk.Open("b")
	must(f.Append(fill('x', 9)))
	m.Crash()
	d.Wipe()
	disk = m.Boot()
	assert.Empty(t, disk.List(""))
	assert.Zero(t, d.Used())
	must(disk.Open("b").Append(fill('y', 9)), disk.Sync())
	d.Wipe()
	assert.ErrorIs(t, disk.Open("b").Append(fill('y', 9)), sim.ErrVoid)
	m.Crash()
	assert.Empty(t, m.Boot().List(""))
}

// TestNextCrash: it is that of the next crash only, and changes no other draw.
func TestNextCrash(t *testing.T) {
	lives := func(next disksim.Mode) (left []string) {
		d := disksim.New(7, 1, disksim.Config{})
		m := disktest.NewMachine(d)
		for life := range 8 {
			if life == 3 {
				d.NextCrash(next)
			}
			name := fmt.Sprint(life)
			f := m.Boot().Open(name)
			must(f.Append(fill('x', 512)), f.Append(fill('y', 512)))
			m.Crash()
			if disk := m.Boot(); len(disk.List(name)) > 0 {
				left = append(left, string(content(disk, name)))
			} else {
				left = append(left, "gone")
			}
		}
		return left
	}
	drawn, all, none := lives(0), lives(disksim.KeepAll), lives(disksim.LoseAll)
	assert.Equal(t, string(fill('x', 512))+string(fill('y', 512)), all[3])
	assert.Equal(t, "gone", none[3])
	all[3], none[3] = drawn[3], drawn[3]
	assert.Equal(t, drawn, all)
	assert.Equal(t, drawn, none)
}

// TestFailedSyncBesideAnother: a sync that fails takes nothing that one before it, still under way, will have written.
func TestFailedSyncBesideAnother(t *testing.T) {
	d := disksim.New(1, 1, only(disksim.LoseAll))
	m := disktest.NewMachine(d)
	disk := m.Boot()
	f := disk.Open("a")
	must(f.Append(fill('x', 512)))
	disk.StartSync(sim.Timer{})
	must(f.Append(fill('y', 512)))
	d.FailSyncs(sim.Million)
	require.ErrorIs(t, disk.Sync(), sim.ErrIO)
	require.NoError(t, disk.SyncResult(m.Complete(0)))
	m.Crash()
	assert.Equal(t, "a:x512", show(m.Boot()))
}

// TestSyncBesideAFailingOne: nobody knows yet that the one in the background fails, so what succeeds meanwhile holds.
func TestSyncBesideAFailingOne(t *testing.T) {
	d := disksim.New(1, 1, only(disksim.LoseAll))
	m := disktest.NewMachine(d)
	disk := m.Boot()
	f := disk.Open("a")
	must(f.Append(fill('x', 512)))
	d.FailSyncs(sim.Million)
	disk.StartSync(sim.Timer{})
	d.FailSyncs(0)
	must(f.Append(fill('y', 512)), disk.Sync(), f.Append(fill('z', 512)))
	require.ErrorIs(t, disk.SyncResult(m.Complete(0)), sim.ErrIO)
	must(disk.Sync())
	m.Crash()
	assert.Equal(t, "a:x512y512z512", show(m.Boot()))

	f = m.Boot().Open("a")
	must(f.Append(fill('x', 512)))
	d.FailSyncs(sim.Million)
	disk = m.Boot()
	disk.StartSync(sim.Timer{})
	m.Complete(0)
	d.FailSyncs(0)
	must(disk.Sync())
	m.Crash()
	assert.Equal(t, "a:x512y512z512", show(m.Boot()), "once it has failed, nothing writes that any more")
}

// TestDamageAtRest lives random lives of an append-only file and damages it where it may: what was appended after the last
// sync before the last is never hit, and nothing else than what was chosen.
func TestDamageAtRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := disksim.New(rapid.Uint64().Draw(t, "seed"), 1, disksim.Config{})
		m := disktest.NewMachine(d)
		disk := m.Boot()
		var want []byte
		before, last := 0, 0 // what the last two syncs covered, of those that something was written for
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1:
				p := fill(byte(rapid.IntRange('a', 'z').Draw(t, "byte")), rapid.IntRange(1, 900).Draw(t, "bytes"))
				must(disk.Open("a").Append(p))
				want = append(want, p...)
			case 2, 3:
				must(disk.Sync())
				if len(want) > last {
					before, last = last, len(want)
				}
			case 4:
				m.Crash()
				disk = m.Boot()
				got := content(disk, "a")
				require.GreaterOrEqual(t, len(got), last)
				require.Equal(t, string(want[:last]), string(got[:last]))
				want = got
			case 5:
				bytes, sectors := d.AtRest()
				require.LessOrEqual(t, bytes, int64(before))
				require.LessOrEqual(t, sectors, bytes/512)
				if bytes > 0 {
					at := rapid.Int64Range(0, bytes-1).Draw(t, "at")
					require.True(t, d.Rot(at, 1))
					want[at] ^= 1
				}
				if sectors > 1 {
					to, from := rapid.Int64Range(0, sectors-1).Draw(t, "to"), rapid.Int64Range(0, sectors-1).Draw(t, "from")
					d.Misdirect(to, from)
					copy(want[512*to:512*to+512], want[512*from:])
				}
			}
			if len(disk.List("a")) > 0 {
				got := make([]byte, len(want)+1)
				n, err := disk.Open("a").ReadAt(got, 0)
				require.True(t, errors.Is(err, io.EOF))
				require.Equal(t, string(want), string(got[:n]))
			}
		}
	})
}
