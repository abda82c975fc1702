package nemesis

import (
	"fmt"
	"slices"
	"time"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/sim"
)

// A disk is there while its node is down: what ails it strikes then, too.
func (SyncError) strikesDown()        {}
func (DiskFull) strikesDown()         {}
func (SlowDisk) strikesDown()         {}
func (BitRot) strikesDown()           {}
func (MisdirectedWrite) strikesDown() {}
func (ReadError) strikesDown()        {}

// LoseUnsynced is a Crash that takes all that was not synced.
type LoseUnsynced struct{ Crash }

func (f LoseUnsynced) String() string { return fmt.Sprintf("LoseUnsynced{%s%s}", f.Target, f.point()) }

func (f LoseUnsynced) strike(t *target, id sim.NodeID, until time.Duration) (heal func()) {
	return t.crashLeaving(disksim.LoseAll, f, f.Crash, id, until)
}

// TornWrite is a Crash that leaves any sectors of what was not synced.
type TornWrite struct{ Crash }

func (f TornWrite) String() string { return fmt.Sprintf("TornWrite{%s%s}", f.Target, f.point()) }

func (f TornWrite) strike(t *target, id sim.NodeID, until time.Duration) (heal func()) {
	return t.crashLeaving(disksim.Sectors, f, f.Crash, id, until)
}

// crashLeaving crashes a node at a point that may be still to come. A crash that comes before it leaves the disk like this
// in its place.
func (t *target) crashLeaving(m disksim.Mode, f Fault, c Crash, id sim.NodeID, until time.Duration) (heal func()) {
	d := t.diskOf(f, id)
	if d == nil {
		return nil
	}
	d.NextCrash(m)
	return t.crash(f, c, id, until)
}

// SyncError makes a share of a node's syncs fail. Of those that overlap the worst one counts. When it is healed a node
// that is up is rebooted, as somebody who looks after it would: one that did right has stopped for good at the first
// error, and what the failed syncs should have written is lost at the latest now, as a crash has it.
type SyncError struct {
	Target
	Rate sim.PPM
}

func (f SyncError) String() string { return fmt.Sprintf("SyncError{%s %s}", f.Target, percent(f.Rate)) }

func (f *SyncError) fields(c *codec) {
	f.Target.fields(c)
	c.field("rate", func() { c.ppm(&f.Rate) })
}

func (f *SyncError) draw(d *drawing, k FaultKind) {
	f.Target, f.Rate = d.target(), between(d, k.Rate)
}

func (f SyncError) strike(t *target, id sim.NodeID, _ time.Duration) (heal func()) {
	d := t.diskOf(f, id)
	if d == nil {
		return nil
	}
	t.struck(f)
	s := &t.nodes[id].disk
	set := func() { d.FailSyncs(slices.Max(append(s.syncErrors, 0))) }
	s.syncErrors = append(s.syncErrors, f.Rate)
	set()
	return t.undo(f, func() {
		s.syncErrors = without(s.syncErrors, f.Rate)
		set()
		t.reboot(id)
	})
}

// DiskFull leaves a node's files little room to grow. Of those that overlap the tightest one counts. Its healing is like
// that of a SyncError: a node that is up is rebooted.
type DiskFull struct {
	Target
	Free int64 // bytes, from now on
}

func (f DiskFull) String() string { return fmt.Sprintf("DiskFull{%s %d bytes free}", f.Target, f.Free) }

func (f *DiskFull) fields(c *codec) {
	f.Target.fields(c)
	c.field("free", func() { integer(c, &f.Free, 0, maxFree) })
}

const maxFree = 1 << 40

// draw: within a few records, mostly.
func (f *DiskFull) draw(d *drawing, _ FaultKind) {
	f.Target, f.Free = d.target(), int64(d.below(1<<d.below(14)))
}

func (f DiskFull) strike(t *target, id sim.NodeID, _ time.Duration) (heal func()) {
	d := t.diskOf(f, id)
	if d == nil {
		return nil
	}
	t.struck(f)
	capacity := max(d.Used()+f.Free, 1) // 0 is no limit
	s := &t.nodes[id].disk
	set := func() {
		limits := s.capacities
		if c := t.plan.Disk.Capacity; c > 0 || len(limits) == 0 {
			limits = append(limits, c)
		}
		d.Limit(slices.Min(limits))
	}
	s.capacities = append(s.capacities, capacity)
	set()
	return t.undo(f, func() {
		s.capacities = without(s.capacities, capacity)
		set()
		t.reboot(id)
	})
}

// SlowDisk makes a node's syncs take longer. Of those that overlap the slowest one counts.
type SlowDisk struct {
	Target
	Factor int64
}

func (f SlowDisk) String() string { return fmt.Sprintf("SlowDisk{%s ×%d}", f.Target, f.Factor) }

func (f *SlowDisk) fields(c *codec) {
	f.Target.fields(c)
	c.field("factor", func() { integer(c, &f.Factor, 1, maxFactor) })
}

const maxFactor = 100_000

func (f *SlowDisk) draw(d *drawing, _ FaultKind) { f.Target, f.Factor = d.target(), 2<<d.below(9) }

func (f SlowDisk) strike(t *target, id sim.NodeID, _ time.Duration) (heal func()) {
	d := t.diskOf(f, id)
	if d == nil {
		return nil
	}
	t.struck(f)
	s := &t.nodes[id].disk
	set := func() { d.SlowBy(slices.Max(append(s.slowness, 1))) }
	s.slowness = append(s.slowness, f.Factor)
	set()
	return t.undo(f, func() {
		s.slowness = without(s.slowness, f.Factor)
		set()
	})
}

// BitRot flips bits of one byte at rest, see package disksim, for good.
type BitRot struct {
	Target
	Place sim.PPM // which byte, as a share of all data at rest
	Mask  int     // the bits
}

func (f BitRot) String() string {
	return fmt.Sprintf("BitRot{%s at %s mask %#02x}", f.Target, percent(f.Place), f.Mask)
}

func (f *BitRot) fields(c *codec) {
	f.Target.fields(c)
	c.field("place", func() { c.place(&f.Place) })
	c.field("mask", func() { integer(c, &f.Mask, 1, 255) })
}

func (f *BitRot) draw(d *drawing, _ FaultKind) {
	f.Target, f.Place = d.target(), d.place()
	if f.Mask = 1 << d.below(8); d.below(4) == 0 {
		f.Mask = 1 + d.below(255)
	}
}

func (f BitRot) strike(t *target, id sim.NodeID, _ time.Duration) (heal func()) {
	t.damage(f, id, func(d *disksim.Disk, bytes, _ int64) bool { return d.Rot(at(f.Place, bytes), byte(f.Mask)) })
	return nil
}

// MisdirectedWrite puts one sector at rest over another one, for good.
type MisdirectedWrite struct {
	Target
	Place sim.PPM // which sector is lost, as a share of all at rest
	From  sim.PPM // whose content is there instead, likewise
}

func (f MisdirectedWrite) String() string {
	return fmt.Sprintf("MisdirectedWrite{%s from %s to %s}", f.Target, percent(f.From), percent(f.Place))
}

func (f *MisdirectedWrite) fields(c *codec) {
	f.Target.fields(c)
	c.field("place", func() { c.place(&f.Place) })
	c.field("from", func() { c.place(&f.From) })
}

func (f *MisdirectedWrite) draw(d *drawing, _ FaultKind) {
	f.Target, f.Place, f.From = d.target(), d.place(), d.place()
}

func (f MisdirectedWrite) strike(t *target, id sim.NodeID, _ time.Duration) (heal func()) {
	t.damage(f, id, func(d *disksim.Disk, _, sectors int64) bool {
		return d.Misdirect(at(f.Place, sectors), at(f.From, sectors))
	})
	return nil
}

// ReadError makes one sector at rest unreadable, for good.
type ReadError struct {
	Target
	Place sim.PPM // which sector, as a share of all at rest
}

func (f ReadError) String() string {
	return fmt.Sprintf("ReadError{%s at %s}", f.Target, percent(f.Place))
}

func (f *ReadError) fields(c *codec) {
	f.Target.fields(c)
	c.field("place", func() { c.place(&f.Place) })
}

func (f *ReadError) draw(d *drawing, _ FaultKind) { f.Target, f.Place = d.target(), d.place() }

func (f ReadError) strike(t *target, id sim.NodeID, _ time.Duration) (heal func()) {
	t.damage(f, id, func(d *disksim.Disk, _, sectors int64) bool { return d.Spoil(at(f.Place, sectors)) })
	return nil
}

// Wipe ends a node's life and puts an empty disk in the place of its own; it reboots at the end of the window.
type Wipe struct{ Target }

func (Wipe) atOnce() bool { return true }

func (f Wipe) String() string { return fmt.Sprintf("Wipe{%s}", f.Target) }

func (f *Wipe) fields(c *codec) { f.Target.fields(c) }

func (f *Wipe) draw(d *drawing, _ FaultKind) { f.Target = d.target() }

func (f Wipe) strike(t *target, id sim.NodeID, until time.Duration) (heal func()) {
	d := t.diskOf(f, id)
	if d == nil {
		return nil
	}
	heal = t.crash(f, Crash{Target: f.Target}, id, until)
	d.Wipe()
	return heal
}

// diskState is a node's disk as faults have left it: those that are in force.
type diskState struct {
	syncErrors []sim.PPM
	capacities []int64
	slowness   []int64
}

// diskOf returns the disk that a fault is to strike. Without one the fault is moot.
func (t *target) diskOf(f Fault, id sim.NodeID) *disksim.Disk {
	if t.disk != nil {
		if d := t.disk(id); d != nil {
			return d
		}
	}
	t.moot(f, id, "has no disk")
	return nil
}

// damage has a fault hit data at rest, if there is any that it would change.
func (t *target) damage(f Fault, id sim.NodeID, hit func(d *disksim.Disk, bytes, sectors int64) bool) {
	d := t.diskOf(f, id)
	if d == nil {
		return
	}
	if bytes, sectors := d.AtRest(); !hit(d, bytes, sectors) {
		t.moot(f, id, "has nothing at rest that it would change")
		return
	}
	t.struck(f)
}

// reboot crashes a node that is up, and boots it at once. One that is down has somebody else to boot it.
func (t *target) reboot(id sim.NodeID) {
	if n := &t.nodes[id]; t.world.Crash(id) && !n.gone {
		n.lives++
		t.world.Restart(id)
	}
}

// place is a share of something, without the end of it.
func (c *codec) place(p *sim.PPM) { integer(c, p, 0, sim.Million-1) }

func (d *drawing) place() sim.PPM { return sim.PPM(d.below(int(sim.Million))) }

// at is the number of what is at a place of n things.
func at(place sim.PPM, n int64) int64 { return n * int64(place) / int64(sim.Million) }

// without is the list without one x, which is in it.
func without[T comparable](list []T, x T) []T {
	i := slices.Index(list, x)
	return slices.Delete(list, i, i+1)
}
