package disksim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/disksim/disktest"
	"github.com/seedbed-sim/seedbed/sim"
)

var modes = []disksim.Mode{disksim.KeepAll, disksim.LoseAll, disksim.Prefix, disksim.Subset, disksim.Pages, disksim.Sectors}

func TestConformance(t *testing.T) {
	t.Run("any mode", func(t *testing.T) {
		disktest.Run(t, func(seed uint64) sim.Storage {
			return disksim.New(seed, 1, disksim.Config{SyncMin: time.Microsecond, SyncMax: time.Millisecond})
		})
	})
	for _, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			disktest.Run(t, func(seed uint64) sim.Storage { return disksim.New(seed, 1, only(mode)) })
		})
	}
}

func only(mode disksim.Mode) disksim.Config { return disksim.Config{Crash: []disksim.Mode{mode}} }

// survivors counts what different crashes leave of the same life.
func survivors(c disksim.Config, seeds int, life func(d sim.Disk)) map[string]int {
	found := make(map[string]int)
	for seed := range uint64(seeds) {
		m := disktest.NewMachine(disksim.New(seed, 1, c))
		life(m.Boot())
		m.Crash()
		found[show(m.Boot())]++
	}
	return found
}

// show prints all files, runs of a byte as one.
func show(d sim.Disk) string {
	var files []string
	for _, name := range d.List("") {
		data, runs := content(d, name), ""
		for len(data) > 0 {
			n := len(data) - len(bytes.TrimLeft(data, string(data[:1])))
			runs += fmt.Sprintf("%c%d", max(data[0], '0'), n)
			data = data[n:]
		}
		files = append(files, name+":"+runs)
	}
	return strings.Join(files, " ")
}

func content(d sim.Disk, name string) []byte {
	f := d.Open(name)
	data := make([]byte, f.Size())
	if n, err := f.ReadAt(data, 0); n < len(data) {
		panic(err)
	}
	return data
}

func fill(c byte, n int) []byte { return bytes.Repeat([]byte{c}, n) }

func must(errs ...error) {
	for _, err := range errs {
		if err != nil {
			panic(err)
		}
	}
}

func keys(m map[string]int) (k []string) {
	for s := range m {
		k = append(k, s)
	}
	return k
}

// TestModes lists all that each mode leaves of a life, where the list is short.
func TestModes(t *testing.T) {
	life := func(d sim.Disk) {
		must(d.Open("a").Append(fill('x', 1024)), d.Sync())
		must(d.Open("a").WriteAt(fill('1', 512), 0))
		must(d.Open("b").Append(fill('2', 10)))
		must(d.Open("a").WriteAt(fill('3', 512), 512))
	}
	assert.ElementsMatch(t, keys(survivors(only(disksim.KeepAll), 200, life)), []string{"a:1512" + "3512 b:210"})
	assert.ElementsMatch(t, keys(survivors(only(disksim.LoseAll), 200, life)), []string{"a:x1024"})
	assert.ElementsMatch(t, keys(survivors(only(disksim.Prefix), 200, life)), []string{
		"a:x1024", "a:1512x512", "a:1512x512 b:", "a:1512x512 b:210", "a:15123512 b:210"})
	assert.ElementsMatch(t, keys(survivors(only(disksim.Subset), 300, life)), []string{
		"a:x1024", "a:x1024 b:", "a:x1024 b:210", "a:1512x512", "a:1512x512 b:", "a:1512x512 b:210",
		"a:x5123512", "a:x5123512 b:", "a:x5123512 b:210", "a:15123512", "a:15123512 b:", "a:15123512 b:210"})
	// A page holds both writes to a, so the second implies the first.
	assert.ElementsMatch(t, keys(survivors(only(disksim.Pages), 500, life)), []string{
		"a:x1024", "a:x1024 b:", "a:x1024 b:210", "a:x1024 b:010", "a:1512x512", "a:1512x512 b:", "a:1512x512 b:210",
		"a:1512x512 b:010", "a:15123512", "a:15123512 b:", "a:15123512 b:210", "a:15123512 b:010"})
}

// TestUnkind shows that the disk does what the literature says disks do, each within a few hundred crashes.
func TestUnkind(t *testing.T) {
	every := disksim.Config{}
	for _, c := range []struct {
		name string
		want string
		life func(d sim.Disk)
	}{
		{"a synced file without a synced directory is gone", "", func(d sim.Disk) {
			must(d.Open("a").Append(fill('x', 8)), d.Open("a").Sync())
		}},
		{"a rename is undone", "a:x8", func(d sim.Disk) {
			must(d.Open("a").Append(fill('x', 8)), d.Sync(), d.Rename("a", "b"))
		}},
		{"a remove is undone", "a:x8", func(d sim.Disk) {
			must(d.Open("a").Append(fill('x', 8)), d.Sync(), d.Remove("a"))
		}},
		{"a file that replaced another is empty", "a:", func(d sim.Disk) {
			must(d.Open("a").Append(fill('x', 8)), d.Sync(), d.Open("tmp").Append(fill('y', 8)), d.Rename("tmp", "a"))
		}},
		{"a later file is there, an earlier one is not", "b:y8", func(d sim.Disk) {
			must(d.Open("a").Append(fill('x', 8)), d.Open("b").Append(fill('y', 8)))
		}},
		{"a write is torn within a page", "a:x512y512", func(d sim.Disk) {
			must(d.Open("a").Append(fill('x', 1024)), d.Sync(), d.Open("a").WriteAt(fill('y', 1024), 0))
		}},
		{"the later part of a write is there, the earlier is not", "a:x512y512", func(d sim.Disk) {
			must(d.Open("a").Append(fill('x', 1024)), d.Sync(), d.Open("a").WriteAt(fill('y', 1024), 0))
		}},
		{"an append grew the file, its data is missing", "a:x80100", func(d sim.Disk) {
			must(d.Open("a").Append(fill('x', 8)), d.Sync(), d.Open("a").Append(fill('y', 100)))
		}},
		{"an append left a hole", "a:x5120512z512", func(d sim.Disk) {
			must(d.Open("a").Append(fill('x', 512)), d.Sync(), d.Open("a").Append(fill('y', 512)),
				d.Open("a").Append(fill('z', 512)))
		}},
		{"an append is cut at a sector", "a:x500y12", func(d sim.Disk) {
			must(d.Open("a").Append(fill('x', 500)), d.Sync(), d.Open("a").Append(fill('y', 1000)))
		}},
		{"what was cut is there again, behind something newer", "a:y512x512", func(d sim.Disk) {
			must(d.Open("a").Append(fill('x', 1024)), d.Sync(), d.Open("a").Truncate(0), d.Open("a").Append(fill('y', 1024)))
		}},
	} {
		assert.Contains(t, survivors(every, 500, c.life), c.want, c.name)
	}
}

// TestDeparted: with a disk that keeps all, a crash takes exactly what had not left.
func TestDeparted(t *testing.T) {
	m := disktest.NewMachine(disksim.New(1, 1, only(disksim.KeepAll)))
	m.Lazy = true
	for life, want := range []string{"", "a:", "a:21", "a:2131", "a:213141"} {
		f := m.Boot().Open("a")
		for range 5 {
			must(f.Append(fill(byte('0'+life), 1)))
		}
		m.Depart(min(life, 1))
		m.Crash()
		require.Equal(t, want, show(m.Boot()), "life %d", life)
	}
}

// TestLongLog keeps a tail of unsynced overwrites while the head is synced, so that the journal moves.
func TestLongLog(t *testing.T) {
	m := disktest.NewMachine(disksim.New(1, 1, only(disksim.LoseAll)))
	m.Lazy = true
	d := m.Boot()
	f := d.Open("a")
	must(f.Append(fill('a', 100)), d.Sync())
	m.Depart(m.Pending())
	durable := content(d, "a")
	for i := range 500 {
		must(f.WriteAt(fill(byte('b'+i%20), 1+i%7), int64(i*13%100)))
		if i%3 == 0 {
			d.StartSync(sim.Timer{Key: uint64(i)})
			durable = content(d, "a")
		}
	}
	m.Depart(m.Pending())
	for m.Background() > 0 {
		m.Complete(0)
	}
	m.Crash()
	require.Equal(t, string(durable), string(content(m.Boot(), "a")))
}

// TestFailedSync: what a failed sync covered is lost even if a later one succeeds; the node does not see it.
func TestFailedSync(t *testing.T) {
	d := disksim.New(1, 1, only(disksim.LoseAll))
	m := disktest.NewMachine(d)
	disk := m.Boot()
	f := disk.Open("a")
	must(f.Append(fill('x', 512)), disk.Sync())
	d.FailSyncs(sim.Million)
	must(f.Append(fill('y', 512)))
	require.ErrorIs(t, f.Sync(), sim.ErrIO)
	disk.StartSync(sim.Timer{Name: "bad"})
	require.ErrorIs(t, disk.SyncResult(m.Complete(0)), sim.ErrIO)
	d.FailSyncs(0)
	must(f.Append(fill('z', 512)), disk.Open("b").Append(fill('b', 1)), disk.Sync())
	require.Equal(t, "a:x512y512z512 b:b1", show(disk))
	m.Crash()
	require.Equal(t, "a:x5120512z512 b:b1", show(m.Boot()))
	s := d.Stats()
	assert.Equal(t, disksim.Stats{Crashes: 1, Unsynced: 1, BytesLost: 512, Syncs: 2, SyncErrors: 2}, s)
}

// TestDraws: latencies are in their range, and no fault changes those of other syncs, or a crash.
func TestDraws(t *testing.T) {
	type outcome struct {
		latency []time.Duration
		left    string
	}
	live := func(seed uint64, id sim.NodeID, disturb func(d *disksim.Disk, i int)) (o outcome) {
		d := disksim.New(seed, id, disksim.Config{SyncMin: time.Millisecond, SyncMax: 3 * time.Millisecond})
		m := disktest.NewMachine(d)
		disk := m.Boot()
		for i := range 50 {
			disturb(d, i)
			before := m.Latency
			if err := disk.Sync(); err == nil {
				o.latency = append(o.latency, m.Latency-before)
			} else {
				o.latency = append(o.latency, 0)
			}
		}
		for range 20 {
			must(disk.Open("a").Append(fill('x', 300)))
		}
		m.Crash()
		o.left = show(m.Boot())
		return o
	}
	none := func(*disksim.Disk, int) {}
	plain := live(1, 1, none)
	assert.Equal(t, plain, live(1, 1, none))
	assert.NotEqual(t, plain, live(2, 1, none))
	assert.NotEqual(t, plain.latency, live(1, 2, none).latency)
	different := make(map[time.Duration]bool)
	for _, l := range plain.latency {
		assert.GreaterOrEqual(t, l, time.Millisecond)
		assert.LessOrEqual(t, l, 3*time.Millisecond)
		different[l] = true
	}
	assert.Greater(t, len(different), 40)

	faulty := live(1, 1, func(d *disksim.Disk, i int) {
		switch i {
		case 10:
			d.FailSyncs(sim.Million)
		case 20:
			d.FailSyncs(0)
			d.SlowBy(5)
		case 30:
			d.SlowBy(1)
		}
	})
	for i, l := range plain.latency {
		switch {
		case i >= 10 && i < 20:
			l = 0
		case i >= 20 && i < 30:
			l *= 5
		}
		assert.Equal(t, l, faulty.latency[i], "sync %d", i)
	}
	assert.Equal(t, plain.left, faulty.left)
	some := live(1, 1, func(d *disksim.Disk, i int) { d.FailSyncs(sim.Million / 2) })
	failed := 0
	for _, l := range some.latency {
		if l == 0 {
			failed++
		}
	}
	assert.InDelta(t, 25, failed, 12)
}

func TestDiskFull(t *testing.T) {
	d := disksim.New(1, 1, disksim.Config{Capacity: 100, Crash: []disksim.Mode{disksim.LoseAll}})
	m := disktest.NewMachine(d)
	disk := m.Boot()
	a, b := disk.Open("a"), disk.Open("b")
	must(a.Append(make([]byte, 60)), b.Append(make([]byte, 40)), disk.Sync())
	issued := m.Issued
	assert.ErrorIs(t, a.Append([]byte("x")), sim.ErrDiskFull)
	assert.ErrorIs(t, a.WriteAt([]byte("xx"), 59), sim.ErrDiskFull)
	assert.ErrorIs(t, b.Truncate(41), sim.ErrDiskFull)
	assert.ErrorIs(t, disk.Open("c").Append([]byte("x")), sim.ErrDiskFull)
	assert.Equal(t, issued, m.Issued)
	assert.Equal(t, "a:060 b:040", show(disk))

	must(a.WriteAt([]byte("x"), 59), disk.Open("c").Append(nil), b.Truncate(30), a.Append(make([]byte, 10)))
	must(disk.Rename("b", "c"), a.Truncate(50), a.WriteAt(make([]byte, 70), 0))
	assert.ErrorIs(t, a.Append([]byte("x")), sim.ErrDiskFull)
	must(disk.Remove("c"), a.Append(make([]byte, 30)))
	assert.ErrorIs(t, a.Append([]byte("x")), sim.ErrDiskFull)

	m.Crash()
	disk = m.Boot()
	assert.Equal(t, "a:060 b:040", show(disk))
	assert.ErrorIs(t, disk.Open("a").Append([]byte("x")), sim.ErrDiskFull)
	d.Limit(0)
	must(disk.Open("a").Append(make([]byte, 1000)))
}

func TestCorrupt(t *testing.T) {
	d := disksim.New(1, 1, only(disksim.LoseAll))
	m := disktest.NewMachine(d)
	disk := m.Boot()
	f := disk.Open("a")
	must(f.Append([]byte("aaaa")))
	assert.False(t, d.Corrupt("a", 0, 1), "not on the medium")
	must(disk.Sync(), f.WriteAt([]byte("bbbb"), 2), f.Truncate(1), disk.Rename("a", "z"))
	for off := range int64(4) {
		assert.True(t, d.Corrupt("a", off, 'a'^'A'))
	}
	assert.False(t, d.Corrupt("a", 4, 1))
	assert.False(t, d.Corrupt("a", -1, 1))
	assert.False(t, d.Corrupt("z", 0, 1))
	assert.False(t, d.Corrupt("nothing", 0, 1))
	assert.Equal(t, "A", string(content(disk, "z")), "visible where nothing newer hides it")
	m.Crash()
	assert.Equal(t, "AAAA", string(content(m.Boot(), "a")))
}

// TestRestart: a process that restarts without a crash of its machine finds its page cache as it left it.
func TestRestart(t *testing.T) {
	m := disktest.NewMachine(disksim.New(1, 1, only(disksim.LoseAll)))
	disk := m.Boot()
	must(disk.Open("a").Append(fill('x', 9)))
	next := m.Boot()
	require.ErrorIs(t, disk.Sync(), sim.ErrVoid)
	require.Equal(t, "a:x9", show(next))
	must(next.Sync())
	m.Crash()
	require.Equal(t, "a:x9", show(m.Boot()))
}

func TestStats(t *testing.T) {
	d := disksim.New(3, 1, only(disksim.Sectors))
	m := disktest.NewMachine(d)
	for range 100 {
		disk := m.Boot()
		must(disk.Open("a").Append(nil), disk.Sync())
		must(disk.Open("a").Append(fill('x', 2000)))
		m.Crash()
	}
	m.Boot()
	m.Crash()
	s := d.Stats()
	assert.Equal(t, 101, s.Crashes)
	assert.Equal(t, 100, s.Unsynced)
	assert.Equal(t, 100, s.Syncs)
	assert.Zero(t, s.SyncErrors)
	assert.InDelta(t, 80, s.Torn, 19)
	assert.InDelta(t, 100_000, s.BytesLost, 50_000)
}

func TestConfigJSON(t *testing.T) {
	c := disksim.Config{SyncMin: 1, SyncMax: 2, Capacity: 3, Crash: modes}
	text, err := json.Marshal(c)
	require.NoError(t, err)
	assert.Contains(t, string(text), `"keep-all","lose-all","prefix","subset","pages","sectors"`)
	var back disksim.Config
	require.NoError(t, json.Unmarshal(text, &back))
	assert.Equal(t, c, back)
	assert.ErrorContains(t, json.Unmarshal([]byte(`{"Crash":["melt"]}`), &back), `no crash mode "melt"`)
	assert.Equal(t, "?", disksim.Mode(0).String())
	assert.Equal(t, "?", disksim.Mode(99).String())
}

// TestSparse: a write far out costs no memory for the gap.
func TestSparse(t *testing.T) {
	m := disktest.NewMachine(disksim.New(1, 1, only(disksim.Sectors)))
	disk := m.Boot()
	f := disk.Open("a")
	must(f.WriteAt([]byte("x"), 64<<20), disk.Sync(), f.WriteAt([]byte("y"), 10<<20), f.Truncate(20<<20))
	m.Crash()
	b := make([]byte, 2)
	_, err := m.Boot().Open("a").ReadAt(b, 5<<20)
	require.True(t, err == nil || err == io.EOF)
	assert.Equal(t, "\x00\x00", string(b))
}
