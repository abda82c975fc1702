package nemesis

import (
	"slices"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// Fault is one thing that can be done to a world: a plain value that prints itself as in a trace. Its kinds are the
// types of this package, such as Crash. It is not changed once it is in a plan.
type Fault interface {
	String() string
	// strike does it, at the target's time, and returns what heals it: that undoes what this strike did and no more.
	// Nil means that there will be nothing to heal. Each makes one fault step, and says there if it is moot. id is the
	// node that an aimed fault strikes, which is up; Nobody otherwise.
	strike(t *target, id sim.NodeID, until time.Duration) (heal func())
}

// sparing is a fault that may concern some nodes only.
type sparing interface {
	// concerns says why it does not spare a core; empty if it does.
	concerns(core []sim.NodeID) (why string)
}

// fault is what a type F of faults has on its pointer.
type fault[F any] interface {
	*F
	fields(c *codec)              // the walk over its own fields
	draw(d *drawing, k FaultKind) // sets its fields
}

// kinds lists the kinds of faults; adding one takes its type, with the methods of Fault and fault, and a line here. Each
// line has the least cluster that it can be drawn for, the name, and what a Space draws from unless it says otherwise;
// a kind without a Window strikes and is over.
var kinds = []kind{
	define[Crash](1, FaultKind{
		Kind:   "crash",
		Window: Range[time.Duration]{200 * time.Millisecond, 4 * time.Second},
	}),
	define[Restart](1, FaultKind{
		Kind: "restart",
	}),
	define[RollingRestart](1, FaultKind{
		Kind:   "rolling_restart",
		Window: Range[time.Duration]{2 * time.Second, 12 * time.Second},
		By:     Range[time.Duration]{50 * time.Millisecond, 2 * time.Second},
	}),
	define[Pause](1, FaultKind{
		Kind:    "pause",
		Window:  Range[time.Duration]{10 * time.Millisecond, 5 * time.Second},
		Stretch: 12, // garbage collection has stopped some for a minute
	}),
	define[Partition](2, FaultKind{
		Kind:   "partition",
		Window: Range[time.Duration]{200 * time.Millisecond, 6 * time.Second},
	}),
	define[Isolate](2, FaultKind{
		Kind:   "isolate",
		Window: Range[time.Duration]{200 * time.Millisecond, 6 * time.Second},
	}),
	define[Bridge](3, FaultKind{
		Kind:   "bridge",
		Window: Range[time.Duration]{200 * time.Millisecond, 6 * time.Second},
	}),
	define[Ring](3, FaultKind{
		Kind:   "ring",
		Window: Range[time.Duration]{200 * time.Millisecond, 6 * time.Second},
	}),
	define[Clog](2, FaultKind{
		Kind:   "clog",
		Window: Range[time.Duration]{100 * time.Millisecond, 4 * time.Second},
	}),
	define[SwizzleClog](2, FaultKind{
		Kind:   "swizzle_clog",
		Window: Range[time.Duration]{500 * time.Millisecond, 8 * time.Second},
	}),
	define[Lossy](1, FaultKind{
		Kind:   "lossy",
		Window: Range[time.Duration]{time.Second, 10 * time.Second},
		Rate:   Range[sim.PPM]{10_000, 500_000},
	}),
	define[Duplicating](1, FaultKind{
		Kind:   "duplicating",
		Window: Range[time.Duration]{time.Second, 10 * time.Second},
		Rate:   Range[sim.PPM]{10_000, 500_000},
	}),
	define[Reordering](1, FaultKind{
		Kind:   "reordering",
		Window: Range[time.Duration]{time.Second, 10 * time.Second},
		Rate:   Range[sim.PPM]{10_000, 500_000},
		By:     Range[time.Duration]{10 * time.Millisecond, 500 * time.Millisecond},
	}),
	define[Slow](1, FaultKind{
		Kind:   "slow",
		Window: Range[time.Duration]{time.Second, 10 * time.Second},
		By:     Range[time.Duration]{10 * time.Millisecond, 300 * time.Millisecond},
	}),
	define[HeavyTail](1, FaultKind{
		Kind:   "heavy_tail",
		Window: Range[time.Duration]{time.Second, 10 * time.Second},
		Rate:   Range[sim.PPM]{50_000, 1_000_000},
		By:     Range[time.Duration]{100 * time.Millisecond, 5 * time.Second},
	}),
	define[Flaky](1, FaultKind{
		Kind:   "flaky",
		Window: Range[time.Duration]{time.Second, 10 * time.Second},
		By:     Range[time.Duration]{20 * time.Millisecond, time.Second},
	}),
	define[ClockDrift](1, FaultKind{
		Kind:   "clock_drift",
		Window: Range[time.Duration]{time.Second, 20 * time.Second},
		Rate:   Range[sim.PPM]{100, 100_000},
	}),
	define[ClockJump](1, FaultKind{
		Kind:   "clock_jump",
		Window: Range[time.Duration]{time.Millisecond, 20 * time.Second},
		By:     Range[time.Duration]{time.Millisecond, 10 * time.Second},
	}),
	define[ClockFreeze](1, FaultKind{
		Kind:   "clock_freeze",
		Window: Range[time.Duration]{10 * time.Millisecond, 5 * time.Second},
	}),
	define[LoseUnsynced](1, FaultKind{
		Kind:   "lose_unsynced",
		Window: Range[time.Duration]{200 * time.Millisecond, 4 * time.Second},
	}),
	define[TornWrite](1, FaultKind{
		Kind:   "torn_write",
		Window: Range[time.Duration]{200 * time.Millisecond, 4 * time.Second},
	}),
	define[SyncError](1, FaultKind{
		Kind:   "sync_error",
		Window: Range[time.Duration]{500 * time.Millisecond, 5 * time.Second},
		Rate:   Range[sim.PPM]{50_000, sim.Million},
	}),
	define[DiskFull](1, FaultKind{
		Kind:   "disk_full",
		Window: Range[time.Duration]{500 * time.Millisecond, 5 * time.Second},
	}),
	define[SlowDisk](1, FaultKind{
		Kind:   "slow_disk",
		Window: Range[time.Duration]{500 * time.Millisecond, 10 * time.Second},
	}),
	define[BitRot](1, FaultKind{
		Kind: "bit_rot",
	}),
	define[MisdirectedWrite](1, FaultKind{
		Kind: "misdirected_write",
	}),
	define[ReadError](1, FaultKind{
		Kind: "read_error",
	}),
	define[Wipe](1, FaultKind{
		Kind:   "wipe",
		Window: Range[time.Duration]{200 * time.Millisecond, 4 * time.Second},
	}),
}

// kind is a kind of fault.
type kind struct {
	FaultKind // its name and defaults
	nodes     int
	lasting   bool // may last for ever: it can spare a core
	is        func(Fault) bool
	fields    func(*codec, Fault) Fault // given nil, it begins with zero values
	draw      func(*drawing, FaultKind) Fault
}

func define[F Fault, P fault[F]](nodes int, defaults FaultKind) kind {
	var zero F
	_, lasting := any(zero).(sparing)
	return kind{
		FaultKind: defaults,
		nodes:     nodes,
		lasting:   lasting,
		is:        func(f Fault) bool { _, ok := f.(F); return ok },
		fields: func(c *codec, f Fault) Fault {
			own, _ := f.(F)
			P(&own).fields(c)
			return own
		},
		draw: func(d *drawing, k FaultKind) Fault {
			var own F
			P(&own).draw(d, k)
			return own
		},
	}
}

// forever is the Until of such a fault that is not healed.
func (k *kind) forever() time.Duration {
	if k.instant() {
		return 0
	}
	return Forever
}

// instant reports whether the faults have no window.
func (k *kind) instant() bool { return k.Window == Range[time.Duration]{} }

// KindName is the name of a fault's kind, as in JSON: "clock_jump".
func KindName(f Fault) string { return kindOf(f).Kind }

// Instant reports whether a fault is over at once: nothing of it is ever healed.
func Instant(f Fault) bool { return kindOf(f).instant() }

// FaultNames lists the names of all kinds of faults.
func FaultNames() []string {
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = k.Kind
	}
	return names
}

// kindNamed returns nil if there is none.
func kindNamed(name string) *kind {
	if i := slices.IndexFunc(kinds, func(k kind) bool { return k.Kind == name }); i >= 0 {
		return &kinds[i]
	}
	return nil
}

// kindOf returns nil for a nil Fault.
func kindOf(f Fault) *kind {
	if i := slices.IndexFunc(kinds, func(k kind) bool { return k.is(f) }); i >= 0 {
		return &kinds[i]
	}
	return nil
}
