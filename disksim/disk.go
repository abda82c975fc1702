package disksim

import (
	"encoding/binary"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// Disk is one node's disk over all its incarnations. It implements sim.Storage.
type Disk struct {
	config  Config
	seed    uint64
	id      sim.NodeID
	view    *view    // of the last incarnation that booted
	entries []*entry // sorted by name
	journal []change // of the directory, unsynced, oldest first
	dirty   []*inode // those with unsynced mutations, and some without
	syncing []syncing
	issued  uint64 // mutations since the world began
	token   uint64 // of the last sync
	inodes  uint64
	used    int64 // bytes in all files of the view

	boots, crashes uint64
	latency        sim.Stream // of this incarnation: two draws per sync
	drawn          uint64     // syncs that drew from it

	syncError sim.PPM
	slow      int64
	nextCrash Mode // 0: drawn from config
	stats     Stats
}

// New returns an empty disk. All its draws are named by seed and id.
func New(seed uint64, id sim.NodeID, c Config) *Disk {
	c.SyncMax = max(c.SyncMin, c.SyncMax)
	if len(c.Crash) == 0 {
		c.Crash = allModes
	}
	return &Disk{config: c, seed: seed, id: id, slow: 1}
}

// entry is a name of the directory. It stays until a boot finds it unused, so that handles can hold on to it.
type entry struct {
	name    string
	live    *inode // in the node's view; nil: no such file
	durable *inode // on the medium
	lost    uint64 // the last crash that lost a change of this name
}

// change is one operation of the directory.
type change struct {
	seq      uint64
	from, to *entry // a create has no from, a remove no to
	ino      *inode
}

// apply carries out c on the medium.
func (c *change) apply() {
	if c.from != nil {
		c.from.durable = nil
	}
	if c.to != nil {
		c.to.durable = c.ino
	}
}

// syncing is a sync on its way.
type syncing struct {
	token  uint64
	upto   uint64 // covers the mutations up to this one
	ino    *inode // of this file only; nil: of all files and the directory
	waited bool   // the node does nothing before it is over
	failed bool   // it will have, when it completes; such a one is not waited for
}

// Boot implements sim.Storage. A boot that no crash came before is the restart of a process: the page cache is still there.
func (d *Disk) Boot(port sim.DiskPort) sim.Disk {
	d.void()
	d.entries = slices.DeleteFunc(d.entries, func(e *entry) bool {
		return e.live == nil && e.durable == nil && len(d.journal) == 0
	})
	d.boots++
	d.latency, d.drawn = sim.NewStream(d.seed, "disk.sync", uint64(d.id), d.boots), 0
	d.view = &view{disk: d, port: port}
	return d.view
}

// void ends the view of the incarnation.
func (d *Disk) void() {
	if d.view != nil {
		d.view.port = nil
	}
	d.syncing = d.syncing[:0]
}

// Synced implements sim.Storage.
func (d *Disk) Synced(token uint64, _ error) {
	i := slices.IndexFunc(d.syncing, func(s syncing) bool { return s.token == token })
	if i < 0 {
		return
	}
	s := d.syncing[i]
	d.syncing = append(d.syncing[:i], d.syncing[i+1:]...)
	if s.failed {
		d.abandon(s.ino, s.upto)
		return
	}
	d.stats.Syncs++
	if s.ino != nil {
		s.ino.synced(s.upto, s.waited)
		return
	}
	// A file leaves the list at the first sync that finds it clean, so one that is always written to stays.
	clean := 0
	for i, ino := range d.dirty {
		if len(ino.log) == 0 {
			ino.dirty = false
			clean++
			continue
		}
		ino.synced(s.upto, s.waited)
		if clean > 0 {
			d.dirty[i-clean] = ino
		}
	}
	if clean > 0 {
		clear(d.dirty[len(d.dirty)-clean:])
		d.dirty = d.dirty[:len(d.dirty)-clean]
	}
	n := 0
	for ; n < len(d.journal) && d.journal[n].seq <= s.upto; n++ {
		d.journal[n].apply()
	}
	if n > 0 {
		d.journal = slices.Delete(d.journal, 0, n)
	}
}

// abandon is what a failed sync of ino, or of everything, does. What another one under way will write is not its loss.
func (d *Disk) abandon(ino *inode, upto uint64) {
	if ino != nil {
		ino.abandon(d.underway(ino), upto)
		return
	}
	for _, ino := range d.dirty {
		ino.abandon(d.underway(ino), upto)
	}
}

// underway is the last mutation that the syncs under way will make durable in a file.
func (d *Disk) underway(ino *inode) (upto uint64) {
	for _, s := range d.syncing {
		if !s.failed && (s.ino == nil || s.ino == ino) {
			upto = max(upto, s.upto)
		}
	}
	return upto
}

// begin draws the latency and the outcome of a sync that is issued now. A fault changes neither draw, nor any other.
func (d *Disk) begin(ino *inode, waited bool) (latency time.Duration, err error) {
	k := d.drawn
	d.drawn++
	latency = d.config.SyncMin
	if spread := d.config.SyncMax - latency; spread > 0 {
		latency += time.Duration(sim.Scale(d.latency.At(2*k), uint64(spread)+1))
	}
	if d.slow > 1 {
		latency *= time.Duration(d.slow)
		d.stats.SlowSyncs++
	}
	if d.syncError > 0 && sim.Chance(d.latency.At(2*k+1), d.syncError) {
		err = sim.ErrIO
	}
	d.token++
	if err != nil {
		d.stats.SyncErrors++
	}
	if err == nil || !waited {
		d.syncing = append(d.syncing, syncing{d.token, d.issued, ino, waited, err != nil})
	}
	return latency, err
}

// find returns where name is, or would be, in entries.
func (d *Disk) find(name string) (int, bool) {
	return slices.BinarySearchFunc(d.entries, name, func(e *entry, name string) int { return strings.Compare(e.name, name) })
}

// entry returns the entry of name, made if need be.
func (d *Disk) entry(name string) *entry {
	i, ok := d.find(name)
	if !ok {
		d.entries = slices.Insert(d.entries, i, &entry{name: name})
	}
	return d.entries[i]
}

// change applies one operation of the directory to the view.
func (d *Disk) change(from, to *entry, ino *inode) {
	d.issued++
	d.journal = append(d.journal, change{d.issued, from, to, ino})
	if from != nil {
		from.live = nil
	}
	if to != nil {
		if to.live != nil {
			d.used -= to.live.size
		}
		to.live = ino
	} else {
		d.used -= ino.size
	}
}

// mutate returns the number of a new mutation of ino that grows it by n bytes.
func (d *Disk) mutate(ino *inode, n int64) uint64 {
	if !ino.dirty {
		ino.dirty = true
		d.dirty = append(d.dirty, ino)
	}
	d.used += n
	d.issued++
	return d.issued
}

// full reports whether a write is refused, because the files cannot grow by n bytes.
func (d *Disk) full(n int64) bool {
	full := n > 0 && d.config.Capacity > 0 && n > d.config.Capacity-d.used
	if full {
		d.stats.Refused++
	}
	return full
}

// view is an incarnation's disk. A void one has no port.
type view struct {
	disk    *Disk
	port    sim.DiskPort
	scratch []byte // what a mutation without bytes of its own announces
}

func (v *view) Open(name string) sim.File {
	if v.port == nil {
		return &file{v, &entry{name: name}}
	}
	return &file{v, v.disk.entry(name)}
}

func (v *view) List(prefix string) []string {
	if v.port == nil {
		return nil
	}
	var names []string
	i, _ := v.disk.find(prefix)
	for _, e := range v.disk.entries[i:] {
		if !strings.HasPrefix(e.name, prefix) {
			break
		}
		if e.live != nil {
			names = append(names, e.name)
		}
	}
	return names
}

func (v *view) Rename(from, to string) error {
	i, ok := v.disk.find(from)
	switch {
	case v.port == nil:
		return sim.ErrVoid
	case !ok || v.disk.entries[i].live == nil:
		return sim.ErrNotExist
	case from == to:
		return nil
	}
	source := v.disk.entries[i]
	v.scratch = append(append(append(v.scratch[:0], from...), 0), to...)
	if !v.port.Write(v.scratch) {
		return sim.ErrVoid
	}
	v.disk.change(source, v.disk.entry(to), source.live)
	return nil
}

func (v *view) Remove(name string) error {
	i, ok := v.disk.find(name)
	switch {
	case v.port == nil:
		return sim.ErrVoid
	case !ok || v.disk.entries[i].live == nil:
		return sim.ErrNotExist
	}
	if !v.announce(name) {
		return sim.ErrVoid
	}
	e := v.disk.entries[i]
	v.disk.change(e, nil, e.live)
	return nil
}

func (v *view) announce(text string) bool {
	v.scratch = append(v.scratch[:0], text...)
	return v.port.Write(v.scratch)
}

func (v *view) Sync() error { return v.sync(nil) }

func (v *view) sync(ino *inode) error {
	if v.port == nil {
		return sim.ErrVoid
	}
	d := v.disk
	latency, err := d.begin(ino, true)
	token := d.token
	if !v.port.Sync(latency, token, err) {
		d.cancel(token)
		return sim.ErrVoid
	}
	if err != nil {
		d.abandon(ino, d.issued)
	}
	return err
}

func (v *view) StartSync(done sim.Timer) {
	if v.port == nil {
		return
	}
	d := v.disk
	latency, err := d.begin(nil, false)
	token := d.token
	if !v.port.StartSync(latency, token, err, done) {
		d.cancel(token)
	}
}

// cancel forgets a sync that was not issued after all.
func (d *Disk) cancel(token uint64) {
	d.syncing = slices.DeleteFunc(d.syncing, func(s syncing) bool { return s.token == token })
}

func (v *view) SyncResult(done sim.Timer) error {
	if v.port == nil {
		return sim.ErrVoid
	}
	return v.port.SyncResult(done)
}

// file is a handle.
type file struct {
	*view
	*entry
}

func (f *file) Name() string { return f.name }

func (f *file) Size() int64 {
	if f.port == nil || f.live == nil {
		return 0
	}
	return f.live.size
}

func (f *file) Append(p []byte) error {
	var end int64
	if f.live != nil {
		end = f.live.size
	}
	return f.write(p, end)
}

func (f *file) WriteAt(p []byte, off int64) error {
	if off < 0 {
		panic("disksim: WriteAt at a negative offset of " + f.name)
	}
	return f.write(p, off)
}

func (f *file) write(p []byte, off int64) error {
	if f.port == nil {
		return sim.ErrVoid
	}
	growth := off + int64(len(p))
	if f.live != nil {
		growth = max(growth-f.live.size, 0)
	}
	if len(p) == 0 {
		growth = 0
	}
	if f.disk.full(growth) {
		return sim.ErrDiskFull
	}
	if f.live == nil {
		if err := f.create(); err != nil {
			return err
		}
	}
	if len(p) == 0 {
		return nil
	}
	if !f.port.Write(p) {
		return sim.ErrVoid
	}
	f.live.put(f.disk.mutate(f.live, growth), p, off)
	return nil
}

func (f *file) create() error {
	if !f.announce(f.name) {
		return sim.ErrVoid
	}
	d := f.disk
	d.inodes++
	d.change(nil, f.entry, &inode{id: d.inodes})
	return nil
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	switch {
	case f.port == nil:
		return 0, sim.ErrVoid
	case f.live == nil:
		return 0, sim.ErrNotExist
	case off < 0:
		panic("disksim: ReadAt at a negative offset of " + f.name)
	case off >= f.live.size:
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	whole := min(int64(len(p)), f.live.size-off)
	n := int(f.live.readable(off, whole))
	f.live.read(p[:n], off)
	if n < int(whole) {
		f.disk.stats.ReadErrors++
		return n, sim.ErrIO
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) Truncate(size int64) error {
	switch {
	case f.port == nil:
		return sim.ErrVoid
	case size < 0:
		panic("disksim: Truncate of " + f.name + " to a negative size")
	case f.live == nil:
		return sim.ErrNotExist
	}
	growth := size - f.live.size
	switch {
	case growth == 0:
		return nil
	case f.disk.full(growth):
		return sim.ErrDiskFull
	}
	f.scratch = binary.LittleEndian.AppendUint64(f.scratch[:0], uint64(size))
	if !f.port.Write(f.scratch) {
		return sim.ErrVoid
	}
	f.live.truncate(f.disk.mutate(f.live, growth), size)
	return nil
}

func (f *file) Sync() error {
	switch {
	case f.port == nil:
		return sim.ErrVoid
	case f.live == nil:
		return sim.ErrNotExist
	}
	return f.view.sync(f.live)
}
