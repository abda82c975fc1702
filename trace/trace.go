package trace

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Format is the number of the file format this package writes, and the only one it reads.
const Format = 2

// MaxText is the longest text of a trace, in bytes: one payload, one side of a change, one path, one log line. The
// Recorder cuts longer ones and ends them with "…".
const MaxText = 1024

// Step is one recorded step. Of the embedded step everything is kept but the Payload, which is nil; Text is what it
// looked like.
type Step struct {
	sim.Step
	Text    string   // the payload; empty for none
	Changes []Change // what the handler changed in Node's state, in the order of the state's fields
	Logs    []Log    // what nodes logged from this step until the next
}

// Change is one difference in a node's state, seen after a handler.
type Change struct {
	Path     string // Role, peers.Next, Log[41]
	Old, New string // empty where the element was added or removed
}

func (c Change) String() string {
	switch {
	case c.Old == "":
		return c.Path + " +" + c.New
	case c.New == "":
		return c.Path + " -" + c.Old
	default:
		return c.Path + " " + c.Old + "→" + c.New
	}
}

// Log is one line of a node's Logf.
type Log struct {
	Node sim.NodeID
	Text string
}

// Header says what run a trace is of.
type Header struct {
	Seed     uint64                `json:"seed,string"`
	Scenario string                `json:"scenario,omitempty"`
	Plan     json.RawMessage       `json:"plan,omitempty"`
	Names    map[sim.NodeID]string `json:"names,omitempty"` // of nodes that are not called n1, n2, …
	Words    *Words                `json:"words,omitempty"`
	Build
	Outcome
}

// Outcome is the part of the header that is known when the run is over.
type Outcome struct {
	Steps    uint64     `json:"steps,omitempty"`   // recorded; filled by the Writer
	End      clock.Time `json:"end,omitempty"`     // of the last step; filled by the Writer
	Virtual  clock.Time `json:"virtual,omitempty"` // how far the run came, which may be beyond its last step; a Reader fills it, where it is not known, with End
	Hash     uint64     `json:"hash,omitempty,string"`
	DeepHash uint64     `json:"deep_hash,omitempty,string"`
	Verdict  string     `json:"verdict,omitempty"` // one line

	// Of a violation or an undecided check.
	Property string     `json:"property,omitempty"` // with its quantifier
	Detail   string     `json:"detail,omitempty"`   // may have many lines
	Step     uint64     `json:"step,omitempty"`     // that it was seen at; 0: when all was over
	Node     sim.NodeID `json:"node,omitempty"`     // of that step
	Ops      []uint64   `json:"ops,omitempty"`      // the steps at which the operations that show it were invoked, if any do
}

// Violated reports whether the run violates its property: it does not where the check is undecided.
func (o *Outcome) Violated() bool {
	return o.Property != "" && !strings.HasPrefix(o.Verdict, "unknown ")
}

// Build names the program that made a run. A seed means the same run only under the same build.
type Build struct {
	Module   string `json:"module,omitempty"`   // path and version of the main module
	Revision string `json:"revision,omitempty"` // of the version control system; ends in "+dirty" for a changed tree
	Go       string `json:"go,omitempty"`
	Arch     string `json:"arch,omitempty"`
}

// ThisBuild describes the running program.
func ThisBuild() Build {
	b := Build{Go: runtime.Version(), Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Module = info.Main.Path
	if info.Main.Version != "" {
		b.Module += "@" + info.Main.Version
	}
	dirty := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			b.Revision = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	if b.Revision != "" {
		b.Revision += dirty
	}
	return b
}

// Name is what readers call a node; the world is "-".
func (h *Header) Name(id sim.NodeID) string {
	if id == sim.Nobody {
		return "-"
	}
	if name, ok := h.Names[id]; ok {
		return name
	}
	return id.String()
}

// Errors of opening and reading a file.
var (
	ErrNotTrace  = errors.New("not a seedbed trace")
	ErrTruncated = errors.New("trace is truncated: it has no end, the recording did not finish or the copy is partial")
	ErrVersion   = errors.New("trace of another format")
)

var errClosed = errors.New("trace: write after Close")

// VersionError is an ErrVersion that names both formats.
type VersionError struct {
	Format uint16 // of the file
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("trace has format %d, this build reads format %d", e.Format, Format)
}

func (e *VersionError) Unwrap() error { return ErrVersion }

// CorruptError says where a trace contradicts itself.
type CorruptError struct {
	Frame  int   // from 0; -1 outside the frames
	Offset int64 // of the block in the file
	Reason string
}

func (e *CorruptError) Error() string {
	if e.Frame < 0 {
		return fmt.Sprintf("trace is corrupt at byte %d: %s", e.Offset, e.Reason)
	}
	return fmt.Sprintf("trace is corrupt in frame %d at byte %d: %s", e.Frame, e.Offset, e.Reason)
}
