// Package disktest checks a sim.Storage: that a node sees its own writes, and that a crash leaves what the contract of
// sim.Disk allows.
//
// It does not check that a crash is ever unkind: a disk that loses nothing passes.
package disktest

import (
	"bytes"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/sim"
)

// Run checks the storages that new makes. Each call must return an empty one; equal seeds must mean equal crashes.
func Run(t *testing.T, new func(seed uint64) sim.Storage) {
	s := suite{new}
	for _, c := range []struct {
		name string
		test func(*testing.T)
	}{
		{"against a dumb model", s.model},
		{"names", s.names},
		{"reads and writes", s.readsAndWrites},
		{"arguments are copied", s.copies},
		{"sync", s.sync},
		{"file sync", s.fileSync},
		{"background sync covers what was issued before it", s.background},
		{"what never left never happened", s.departures},
		{"rename is atomic", s.rename},
		{"incarnations", s.incarnations},
		{"equal seeds", s.determinism},
	} {
		t.Run(c.name, c.test)
	}
}

type suite struct {
	new func(seed uint64) sim.Storage
}

// seeds is how many crashes each fixed case is tried with.
const seeds = 64

// each runs a case with many seeds, on a machine that has booted.
func (s suite) each(t *testing.T, lazy bool, f func(m *Machine, d sim.Disk)) {
	for seed := range uint64(seeds) {
		m := NewMachine(s.new(seed))
		m.Lazy = lazy
		f(m, m.Boot())
		if t.Failed() {
			t.Fatalf("with seed %d", seed)
		}
	}
}

func (s suite) model(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		newWalk(t, s.new(rapid.Uint64().Draw(t, "seed"))).run()
	})
}

func (s suite) names(t *testing.T) {
	d := NewMachine(s.new(1)).Boot()
	assert.ErrorIs(t, d.Remove("a"), sim.ErrNotExist)
	assert.ErrorIs(t, d.Rename("a", "b"), sim.ErrNotExist)
	assert.Empty(t, d.List(""))
	for _, name := range []string{"b/2", "a", "b/1", "c"} {
		f := d.Open(name)
		assert.Equal(t, name, f.Name())
		require.NoError(t, f.Append([]byte(name)))
	}
	assert.Equal(t, []string{"a", "b/1", "b/2", "c"}, d.List(""))
	assert.Equal(t, []string{"b/1", "b/2"}, d.List("b/"))
	assert.Empty(t, d.List("bb"))

	require.NoError(t, d.Rename("a", "c"))
	require.NoError(t, d.Rename("b/1", "b/1"))
	require.NoError(t, d.Remove("b/2"))
	assert.Equal(t, []string{"b/1", "c"}, d.List(""))
	assert.Equal(t, "a", text(t, d, "c"))
	assert.Equal(t, "b/1", text(t, d, "b/1"))
}

func (s suite) readsAndWrites(t *testing.T) {
	d := NewMachine(s.new(1)).Boot()
	f := d.Open("f")
	assert.Zero(t, f.Size())
	_, err := f.ReadAt(make([]byte, 1), 0)
	assert.ErrorIs(t, err, sim.ErrNotExist)
	assert.ErrorIs(t, f.Truncate(3), sim.ErrNotExist)
	assert.ErrorIs(t, f.Sync(), sim.ErrNotExist)

	require.NoError(t, f.Append(nil))
	assert.Equal(t, []string{"f"}, d.List(""), "an empty append creates the file")
	require.NoError(t, f.Append([]byte("one")))
	require.NoError(t, f.WriteAt([]byte("two"), 5))
	assert.Equal(t, "one\x00\x00two", text(t, d, "f"), "a gap reads as zeros")
	require.NoError(t, f.WriteAt([]byte("NETO"), 1))
	assert.Equal(t, "oNETOtwo", text(t, d, "f"))
	require.NoError(t, f.Truncate(4))
	require.NoError(t, f.Truncate(6))
	assert.Equal(t, "oNET\x00\x00", text(t, d, "f"), "what was cut does not come back")
	assert.EqualValues(t, 6, d.Open("f").Size())

	buf := make([]byte, 4)
	n, err := f.ReadAt(buf, 0)
	assert.Equal(t, "oNET", string(buf[:n]))
	require.NoError(t, err)
	n, err = f.ReadAt(buf, 4)
	assert.Equal(t, 2, n)
	assert.ErrorIs(t, err, io.EOF)
	n, err = f.ReadAt(buf, 60)
	assert.Zero(t, n)
	assert.ErrorIs(t, err, io.EOF)

	big := bytes.Repeat([]byte("0123456789abcdef"), 1000)
	require.NoError(t, f.WriteAt(big, 4))
	assert.Equal(t, "oNET"+string(big), text(t, d, "f"))
}

func (s suite) copies(t *testing.T) {
	d := NewMachine(s.new(1)).Boot()
	p := []byte("mine")
	require.NoError(t, d.Open("a").Append(p))
	require.NoError(t, d.Open("b").WriteAt(p, 0))
	copy(p, "yours")
	assert.Equal(t, "mine", text(t, d, "a"))
	assert.Equal(t, "mine", text(t, d, "b"))
}

func (s suite) sync(t *testing.T) {
	s.each(t, false, func(m *Machine, d sim.Disk) {
		require.NoError(t, d.Open("old").Append([]byte("x")))
		require.NoError(t, d.Open("a").Append(make([]byte, 1000)))
		require.NoError(t, d.Open("a").WriteAt([]byte("abc"), 500))
		require.NoError(t, d.Rename("old", "new"))
		require.NoError(t, d.Sync())
		require.NoError(t, d.Open("a").WriteAt([]byte("ABC"), 500))
		require.NoError(t, d.Remove("new"))
		require.NoError(t, d.Sync())
		m.Crash()
		d = m.Boot()
		assert.Equal(t, []string{"a"}, d.List(""))
		want := make([]byte, 1000)
		copy(want[500:], "ABC")
		assert.Equal(t, string(want), text(t, d, "a"))
	})
}

func (s suite) fileSync(t *testing.T) {
	s.each(t, false, func(m *Machine, d sim.Disk) {
		require.NoError(t, d.Open("a").Append([]byte("old")))
		require.NoError(t, d.Sync())
		require.NoError(t, d.Open("a").Append([]byte(" and new")))
		require.NoError(t, d.Open("b").Append([]byte("b")))
		require.NoError(t, d.Open("a").Sync())
		require.NoError(t, d.Open("b").Sync())
		m.Crash()
		d = m.Boot()
		assert.Equal(t, "old and new", text(t, d, "a"))
		if len(d.List("b")) > 0 {
			assert.Equal(t, "b", text(t, d, "b"), "the name may be lost, not the content")
		}
	})
}

func (s suite) background(t *testing.T) {
	done := sim.Timer{Name: "done"}
	s.each(t, true, func(m *Machine, d sim.Disk) {
		f := d.Open("f")
		require.NoError(t, f.Append([]byte("before")))
		d.StartSync(done)
		require.NoError(t, f.Append([]byte(" after")))
		m.Depart(m.Pending() - 1)
		require.Equal(t, 1, m.Background())
		assert.Equal(t, done, m.Complete(0))
		require.NoError(t, d.SyncResult(done))
		m.Crash()
		assert.Equal(t, "before", text(t, m.Boot(), "f"))
	})
	s.each(t, false, func(m *Machine, d sim.Disk) {
		f := d.Open("f")
		require.NoError(t, f.Append([]byte("a")))
		d.StartSync(sim.Timer{Key: 1})
		require.NoError(t, f.Append([]byte("b")))
		d.StartSync(sim.Timer{Key: 2})
		require.NoError(t, f.Append([]byte("c")))
		m.Complete(1)
		m.Complete(0)
		m.Crash()
		assert.Contains(t, []string{"ab", "abc", "ab\x00"}, text(t, m.Boot(), "f"), "the later sync covers the earlier")
	})
}

func (s suite) departures(t *testing.T) {
	write := func(d sim.Disk) {
		require.NoError(t, d.Open("a").Append([]byte("1")))
		require.NoError(t, d.Open("a").WriteAt([]byte("22"), 0))
		require.NoError(t, d.Open("a").Truncate(1))
		require.NoError(t, d.Rename("a", "b"))
		require.NoError(t, d.Open("a").Append([]byte("3")))
		require.NoError(t, d.Remove("b"))
		require.NoError(t, d.Rename("a", "c"))
	}
	m := NewMachine(s.new(1))
	m.Lazy = true
	write(m.Boot())
	effects := m.Pending()
	for n := range effects + 1 {
		s.each(t, true, func(m *Machine, d sim.Disk) {
			require.NoError(t, d.Open("kept").Append([]byte("kept")))
			require.NoError(t, d.Sync())
			m.Depart(m.Pending())
			write(d)
			m.Depart(n)
			require.NoError(t, d.Sync()) // never leaves
			m.Crash()
			d = m.Boot()
			assert.Equal(t, "kept", text(t, d, "kept"))
			if n == 0 {
				assert.Equal(t, []string{"kept"}, d.List(""))
			}
			if n < effects {
				assert.Empty(t, d.List("c"))
			}

			// The numbers of mutations that never happened are given again.
			write(d)
			require.NoError(t, d.Sync())
			m.Depart(m.Pending())
			m.Crash()
			assert.Equal(t, "3", text(t, m.Boot(), "c"))
		})
	}
}

func (s suite) rename(t *testing.T) {
	s.each(t, false, func(m *Machine, d sim.Disk) {
		require.NoError(t, d.Open("new").Append([]byte("new")))
		require.NoError(t, d.Open("old").Append([]byte("old")))
		require.NoError(t, d.Sync())
		require.NoError(t, d.Rename("new", "old"))
		m.Crash()
		d = m.Boot()
		switch len(d.List("")) {
		case 1:
			assert.Equal(t, "new", text(t, d, "old"))
		case 2:
			assert.Equal(t, "old", text(t, d, "old"))
			assert.Equal(t, "new", text(t, d, "new"))
		default:
			assert.Fail(t, "neither name is there")
		}
	})
	s.each(t, false, func(m *Machine, d sim.Disk) {
		require.NoError(t, d.Open("a").Append([]byte("content")))
		require.NoError(t, d.Sync())
		require.NoError(t, d.Rename("a", "b"))
		require.NoError(t, d.Rename("b", "c"))
		require.NoError(t, d.Open("a").Append([]byte("another")))
		m.Crash()
		d = m.Boot()
		found := 0
		for _, name := range d.List("") {
			if text(t, d, name) == "content" {
				found++
			}
		}
		assert.Equal(t, 1, found, "a file that is only renamed has one name")
	})
}

func (s suite) incarnations(t *testing.T) {
	m := NewMachine(s.new(1))
	d := m.Boot()
	f := d.Open("f")
	require.NoError(t, f.Append([]byte("x")))
	require.NoError(t, d.Sync())

	m.Halt()
	assert.ErrorIs(t, f.Append([]byte("y")), sim.ErrVoid)
	assert.ErrorIs(t, d.Sync(), sim.ErrVoid)
	assert.ErrorIs(t, d.Open("g").Append(nil), sim.ErrVoid)
	assert.EqualValues(t, 1, f.Size(), "what was refused was not applied")

	m.Crash()
	next := m.Boot()
	assert.ErrorIs(t, f.Append([]byte("y")), sim.ErrVoid)
	assert.ErrorIs(t, f.WriteAt([]byte("y"), 0), sim.ErrVoid)
	assert.ErrorIs(t, f.Truncate(0), sim.ErrVoid)
	assert.ErrorIs(t, f.Sync(), sim.ErrVoid)
	assert.ErrorIs(t, d.Open("f").Append([]byte("y")), sim.ErrVoid)
	assert.ErrorIs(t, d.Rename("f", "g"), sim.ErrVoid)
	assert.ErrorIs(t, d.Remove("f"), sim.ErrVoid)
	assert.ErrorIs(t, d.Sync(), sim.ErrVoid)
	_, err := f.ReadAt(make([]byte, 1), 0)
	assert.ErrorIs(t, err, sim.ErrVoid)
	assert.Equal(t, "x", text(t, next, "f"))
}

func (s suite) determinism(t *testing.T) {
	live := func(seed uint64) string {
		m := NewMachine(s.new(seed))
		out := ""
		for life := range 5 {
			d := m.Boot()
			for i := range 20 {
				name := fmt.Sprint("f", i%3)
				require.NoError(t, d.Open(name).Append(bytes.Repeat([]byte{byte('a' + i)}, 300)))
				if i == 7 {
					require.NoError(t, d.Sync())
				}
			}
			require.NoError(t, d.Rename("f0", fmt.Sprint("g", life)))
			m.Crash()
			d = m.Boot()
			for _, name := range d.List("") {
				out += name + "=" + text(t, d, name) + "\n"
			}
		}
		return out + m.Latency.String()
	}
	for seed := range uint64(8) {
		require.Equal(t, live(seed), live(seed), "seed %d", seed)
	}
}

// text is the content of a file.
func text(t require.TestingT, d sim.Disk, name string) string {
	f := d.Open(name)
	buf := make([]byte, f.Size())
	n, err := f.ReadAt(buf, 0)
	if err != nil && len(d.List(name)) > 0 {
		require.ErrorIs(t, err, io.EOF)
	}
	require.Len(t, buf, n)
	return string(buf)
}
