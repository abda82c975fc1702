package disksim

import (
	"fmt"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// Config is the make of a disk. The zero Config syncs in no time, has no limit, and crashes in any Mode.
type Config struct {
	// A sync takes at least SyncMin and at most SyncMax, uniformly; SyncMin if SyncMax is smaller.
	SyncMin, SyncMax time.Duration `json:",omitempty"`
	// Capacity bounds the sum of all file sizes in bytes; 0 means no limit.
	Capacity int64 `json:",omitempty"`
	// Crash lists what a crash may do to unsynced mutations. Each crash draws one of them, so one that is listed twice
	// is twice as likely. Empty means all.
	Crash []Mode `json:",omitempty"`
}

// Mode is what a crash does to unsynced mutations. The package comment tells what each may leave.
type Mode uint8

const (
	KeepAll Mode = iota + 1
	LoseAll
	Prefix
	Subset
	Pages
	Sectors
)

// Sizes in bytes of what reaches the medium as one.
const (
	SectorSize = 512
	PageSize   = 4096
)

var (
	allModes  = []Mode{KeepAll, LoseAll, Prefix, Subset, Pages, Sectors}
	modeNames = [...]string{KeepAll: "keep-all", LoseAll: "lose-all", Prefix: "prefix", Subset: "subset",
		Pages: "pages", Sectors: "sectors"}
)

func (m Mode) String() string {
	if m == 0 || int(m) >= len(modeNames) {
		return "?"
	}
	return modeNames[m]
}

// MarshalText writes a Mode as its String.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (m *Mode) UnmarshalText(text []byte) error {
	for _, mode := range allModes {
		if mode.String() == string(text) {
			*m = mode
			return nil
		}
	}
	return fmt.Errorf("disksim: no crash mode %q", text)
}

// Stats counts what a disk went through since the world began.
type Stats struct {
	Crashes    int   // ended incarnations
	Unsynced   int   // crashes that met unsynced mutations, not counting those that had not left the node
	Torn       int   // crashes that left a part of a write, or a size without its data
	BytesLost  int64 // written, departed and not kept by a crash
	Syncs      int   // completed
	SyncErrors int   // syncs that failed
	SlowSyncs  int   // syncs that took longer because of SlowBy
	Refused    int   // writes for which there was no space
	ReadErrors int   // reads that failed

	Rotten      int // bytes of Rot
	Misdirected int // sectors of Misdirect
	Spoiled     int // sectors of Spoil
	Wiped       int // times
}

// Stats returns the counts so far.
func (d *Disk) Stats() Stats { return d.stats }

// FailSyncs makes each later sync fail with probability p; 0 heals.
func (d *Disk) FailSyncs(p sim.PPM) { d.syncError = p }

// SlowBy makes later syncs take factor times as long; 1 heals.
func (d *Disk) SlowBy(factor int64) { d.slow = factor }

// Limit sets the capacity in bytes: a write that would grow the files beyond it fails with sim.ErrDiskFull and changes
// nothing. 0 means no limit; Config.Capacity heals.
func (d *Disk) Limit(bytes int64) { d.config.Capacity = bytes }

// Used is the sum of all file sizes in bytes, as the node sees them.
func (d *Disk) Used() int64 { return d.used }

// NextCrash makes the next crash of all this one, whatever Config.Crash allows.
func (d *Disk) NextCrash(m Mode) { d.nextCrash = m }
