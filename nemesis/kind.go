package nemesis

import (
	"slices"
	"time"
)

// kind is what this package knows of a kind of fault.
type kind struct {
	FaultKind     // its name, and what a Space that leaves a field zero draws from; without Window, faults have none
	nodes     int // the least cluster that it can strike
	is        func(Fault) bool
	fields    func(*codec, Fault) Fault // the walk over the fault's own fields; given nil, from zero values
	draw      func(*drawing, FaultKind) Fault
}

// define makes the kind of the faults of type F.
func define[F Fault](nodes int, fields func(*F, *codec), draw func(*drawing, FaultKind) F, defaults FaultKind) kind {
	return kind{
		FaultKind: defaults,
		nodes:     nodes,
		is:        func(f Fault) bool { _, ok := f.(F); return ok },
		fields: func(c *codec, f Fault) Fault {
			own, _ := f.(F)
			fields(&own, c)
			return own
		},
		draw: func(d *drawing, k FaultKind) Fault { return draw(d, k) },
	}
}

// instant reports whether the faults strike and are over: they have no window.
func (k *kind) instant() bool { return k.Window == Range[time.Duration]{} }

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
