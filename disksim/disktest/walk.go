package disktest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/sim"
)

// walk is a random life of a disk beside a model that keeps a full copy of everything at every moment.
type walk struct {
	*rapid.T
	m     *Machine
	disk  sim.Disk
	dirs  []moment[map[string]*dumbFile]
	files []*dumbFile // all that a moment in dirs knows
	syncs []dumbSync  // in the order of issue, those of earlier incarnations too
	steps int
}

// moment is a state after a mutation. A list of moments starts with what is durable and ends with the node's view.
type moment[T any] struct {
	seq   uint64
	state T
}

type dumbFile struct{ moments []moment[[]byte] }

// dumbSync covers one file, or everything if file is nil.
type dumbSync struct {
	upto uint64
	file *dumbFile
}

func newWalk(t *rapid.T, s sim.Storage) *walk {
	w := &walk{T: t, m: NewMachine(s)}
	w.m.Lazy = true
	w.m.Completed = func(n int) { w.completed(w.syncs[n-1]) }
	w.reboot()
	return w
}

func (w *walk) run() {
	w.Repeat(map[string]func(*rapid.T){
		"append":   func(*rapid.T) { w.append() },
		"write":    func(*rapid.T) { w.write() },
		"truncate": func(*rapid.T) { w.truncate() },
		"rename":   func(*rapid.T) { w.rename() },
		"remove":   func(*rapid.T) { w.remove() },
		"sync":     func(*rapid.T) { w.sync() },
		"fsync":    func(*rapid.T) { w.fsync() },
		"start":    func(*rapid.T) { w.start() },
		"complete": func(*rapid.T) { w.complete() },
		"depart":   func(*rapid.T) { w.m.Depart(rapid.IntRange(0, w.m.Pending()).Draw(w.T, "effects")) },
		"crash":    func(*rapid.T) { w.crash() },
		"":         func(*rapid.T) { w.check() },
	})
}

func (w *walk) name() string {
	return rapid.SampledFrom([]string{"a", "b", "c", "d/1", "d/2"}).Draw(w.T, "name")
}

// bytes are different in each step, so that it shows where one came from.
func (w *walk) bytes() []byte {
	n := rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(0, 3000), rapid.IntRange(4000, 9000)).Draw(w.T, "bytes")
	w.steps++
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(1 + (w.steps*31+i/64)%255)
	}
	return p
}

func (w *walk) view() map[string]*dumbFile { return w.dirs[len(w.dirs)-1].state }

func (f *dumbFile) view() []byte { return f.moments[len(f.moments)-1].state }

// content runs a call that sets the content of a file, and takes its moments down.
func (w *walk) content(name string, data func(old []byte) []byte, call func(sim.File) error) {
	before := w.m.Issued
	require.NoError(w, call(w.disk.Open(name)))
	f := w.view()[name]
	if f == nil {
		f = &dumbFile{moments: []moment[[]byte]{{}}}
		w.files = append(w.files, f)
		w.dir(before+1, func(dir map[string]*dumbFile) { dir[name] = f })
	}
	if next := data(slices.Clone(f.view())); w.m.Issued > before {
		f.moments = append(f.moments, moment[[]byte]{w.m.Issued, next})
	}
}

func (w *walk) dir(seq uint64, change func(map[string]*dumbFile)) {
	next := maps.Clone(w.view())
	change(next)
	w.dirs = append(w.dirs, moment[map[string]*dumbFile]{seq, next})
}

func (w *walk) append() {
	p := w.bytes()
	w.content(w.name(), func(old []byte) []byte { return append(old, p...) },
		func(f sim.File) error { return f.Append(p) })
}

func (w *walk) write() {
	name, p := w.name(), w.bytes()
	var size int
	if f := w.view()[name]; f != nil {
		size = len(f.view())
	}
	off := rapid.IntRange(0, size+1000).Draw(w.T, "offset")
	w.content(name, func(old []byte) []byte {
		if len(p) == 0 {
			return old
		}
		if n := off + len(p) - len(old); n > 0 {
			old = append(old, make([]byte, n)...)
		}
		copy(old[off:], p)
		return old
	}, func(f sim.File) error { return f.WriteAt(p, int64(off)) })
}

func (w *walk) truncate() {
	name := w.name()
	if w.view()[name] == nil {
		w.Skip()
	}
	size := rapid.IntRange(0, len(w.view()[name].view())+1000).Draw(w.T, "size")
	w.content(name, func(old []byte) []byte {
		return append(old, make([]byte, max(size-len(old), 0))...)[:size]
	}, func(f sim.File) error { return f.Truncate(int64(size)) })
}

func (w *walk) rename() {
	from, to := w.name(), w.name()
	err := w.disk.Rename(from, to)
	if w.view()[from] == nil {
		require.ErrorIs(w, err, sim.ErrNotExist)
		return
	}
	require.NoError(w, err)
	if from != to {
		w.dir(w.m.Issued, func(dir map[string]*dumbFile) {
			dir[to] = dir[from]
			delete(dir, from)
		})
	}
}

func (w *walk) remove() {
	name := w.name()
	err := w.disk.Remove(name)
	if w.view()[name] == nil {
		require.ErrorIs(w, err, sim.ErrNotExist)
		return
	}
	require.NoError(w, err)
	w.dir(w.m.Issued, func(dir map[string]*dumbFile) { delete(dir, name) })
}

func (w *walk) sync() {
	w.syncs = append(w.syncs, dumbSync{upto: w.m.Issued})
	require.NoError(w, w.disk.Sync())
}

func (w *walk) fsync() {
	name := w.name()
	f := w.view()[name]
	if f == nil {
		require.ErrorIs(w, w.disk.Open(name).Sync(), sim.ErrNotExist)
		return
	}
	w.syncs = append(w.syncs, dumbSync{w.m.Issued, f})
	require.NoError(w, w.disk.Open(name).Sync())
}

func (w *walk) start() {
	w.syncs = append(w.syncs, dumbSync{upto: w.m.Issued})
	w.disk.StartSync(sim.Timer{Name: "sync", Key: uint64(len(w.syncs))})
}

func (w *walk) complete() {
	n := w.m.Background()
	if n == 0 {
		w.Skip()
	}
	done := w.m.Complete(rapid.IntRange(0, n-1).Draw(w.T, "sync"))
	require.NoError(w, w.disk.SyncResult(done))
}

func (w *walk) completed(s dumbSync) {
	if s.file != nil {
		s.file.moments = since(s.file.moments, s.upto)
		return
	}
	for _, f := range w.files {
		f.moments = since(f.moments, s.upto)
	}
	w.dirs = since(w.dirs, s.upto)
}

// since drops the moments before the one that held at seq.
func since[T any](moments []moment[T], seq uint64) []moment[T] {
	for len(moments) > 1 && moments[1].seq <= seq {
		moments = moments[1:]
	}
	return moments
}

// until drops the moments that never happened.
func until[T any](moments []moment[T], departed uint64) []moment[T] {
	for len(moments) > 1 && moments[len(moments)-1].seq > departed {
		moments = moments[:len(moments)-1]
	}
	return moments
}

// check compares the node's view.
func (w *walk) check() {
	view := w.view()
	names := slices.Sorted(maps.Keys(view))
	require.Equal(w, names, w.disk.List(""))
	for _, name := range names {
		require.True(w, text(w, w.disk, name) == string(view[name].view()), "%s is not as it was written", name)
	}
}

func (w *walk) crash() {
	w.m.Crash()
	w.dirs = until(w.dirs, w.m.Departed)
	for _, f := range w.files {
		f.moments = until(f.moments, w.m.Departed)
	}
	dirs := w.dirs
	w.disk = w.m.Boot()
	all := make(map[string]bool)
	for _, name := range w.disk.List("") {
		all[name] = true
	}
	for _, d := range dirs {
		for name := range d.state {
			all[name] = all[name] || false
		}
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if why := outcome(dirs, name, all[name], text(w, w.disk, name)); why != "" {
			w.Fatalf("%s after the crash: %s", name, why)
		}
	}
	w.adopt()
}

// outcome says why a crash may not leave this under a name; empty if it may.
func outcome(dirs []moment[map[string]*dumbFile], name string, exists bool, data string) (why string) {
	for _, d := range dirs {
		f := d.state[name]
		switch {
		case f == nil && !exists:
			return ""
		case f == nil && why == "":
			why = "it is there, and never was"
		case f == nil:
		case !exists:
			why = "it is not there, and always was"
		default:
			if why = f.allows(data); why == "" {
				return ""
			}
		}
	}
	return why
}

// allows says why a crash may not leave this content; empty if it may.
func (f *dumbFile) allows(data string) string {
	smallest, largest := len(f.moments[0].state), 0
	for _, m := range f.moments {
		smallest, largest = min(smallest, len(m.state)), max(largest, len(m.state))
	}
	if len(data) < smallest || len(data) > largest {
		return fmt.Sprintf("size %d, not within %d and %d", len(data), smallest, largest)
	}
	for i := range len(data) {
		if !slices.ContainsFunc(f.moments, func(m moment[[]byte]) bool {
			return i < len(m.state) && m.state[i] == data[i] || i >= len(m.state) && data[i] == 0
		}) {
			return fmt.Sprintf("byte %d is %#x, and never was in %d moments", i, data[i], len(f.moments))
		}
	}
	return ""
}

// reboot starts an incarnation on a disk that is as adopt finds it.
func (w *walk) reboot() {
	w.disk = w.m.Boot()
	w.adopt()
}

// adopt takes what is there as durable.
func (w *walk) adopt() {
	dir := make(map[string]*dumbFile)
	w.files = nil
	for _, name := range w.disk.List("") {
		dir[name] = &dumbFile{moments: []moment[[]byte]{{0, []byte(text(w, w.disk, name))}}}
		w.files = append(w.files, dir[name])
	}
	w.dirs = []moment[map[string]*dumbFile]{{0, dir}}
}
