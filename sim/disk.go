package sim

import (
	"errors"
	"time"
)

// Disk is what a node sees of its disk: named files in one flat directory. The
// view runs ahead of the world: a node reads its own writes at once, the world
// sees them when they depart, and a crash keeps for certain only what a Sync
// covered that has departed.
type Disk interface {
	// Open returns the named file; it need not exist yet, its first write
	// creates it. The handle belongs to this incarnation.
	Open(name string) File
	// List returns the names of the existing files that start with prefix, sorted.
	List(prefix string) []string
	// Rename replaces the file at to, if any. ErrNotExist when from does not exist.
	Rename(from, to string) error
	// Remove removes a file. ErrNotExist when it does not exist.
	Remove(name string) error
	// Sync makes all files and the directory (creations, renames, removals)
	// durable. Its latency delays every later effect of the handler.
	Sync() error
	// StartSync does the same without delaying the handler: done fires when
	// it has completed, and SyncResult tells the outcome from then on.
	StartSync(done Timer)
	SyncResult(done Timer) error
}

// File is a handle on a named file. Offsets and sizes are in bytes. Writes
// copy their argument.
type File interface {
	Name() string
	Size() int64 // 0 for a file that does not exist
	Append(p []byte) error
	WriteAt(p []byte, off int64) error // past the end the gap reads as zeros
	// ReadAt follows io.ReaderAt: io.EOF when fewer than len(p) bytes are there.
	ReadAt(p []byte, off int64) (int, error)
	Truncate(size int64) error // shorter, or longer with zeros
	Sync() error               // this file's content, not its directory entry
}

// Errors of a disk. A model that gets one other than ErrNotExist stops, or
// says why it may go on.
var (
	ErrNotExist = errors.New("file does not exist")
	ErrIO       = errors.New("input/output error")
	ErrDiskFull = errors.New("no space left on disk")
	ErrVoid     = errors.New("the incarnation that opened this is over")
)

// Storage is one node's disk as the engine drives it; package disksim
// implements it. All content, durable or not, lives here over incarnations.
type Storage interface {
	// Boot gives a new incarnation its view of what survived. All effects
	// go through port; handles of earlier incarnations are void.
	Boot(port DiskPort) Disk
	// Synced says that a sync that was issued through DiskPort.Sync or
	// StartSync under this token has completed, with this outcome.
	Synced(token uint64, err error)
	// Crash ends the incarnation. Of the mutations issued (each one call of
	// DiskPort.Write), only the first departed ones since the world began
	// have left the node; the later ones never happened.
	Crash(departed uint64)
}

// DiskPort is how a Storage reports a node's disk effects to the engine.
type DiskPort interface {
	// Write announces one mutation, before it is applied to the view; data
	// is what the deep hash covers. False means that the incarnation is
	// over: the mutation must not be applied, the answer is ErrVoid.
	Write(data []byte) bool
	// Sync announces a blocking sync that takes latency and ends with err.
	// The engine calls Storage.Synced(token, err) at its departure.
	// False: as for Write.
	Sync(latency time.Duration, token uint64, err error) bool
	// StartSync announces a sync in the background; done fires when it ends.
	StartSync(latency time.Duration, token uint64, err error, done Timer) bool
	// SyncResult returns the outcome of the last sync that done announced.
	SyncResult(done Timer) error
}

// voidDisk is the disk of an incarnation that is over.
type voidDisk struct{}

func (voidDisk) Open(name string) File       { return voidFile(name) }
func (voidDisk) List(string) []string        { return nil }
func (voidDisk) Rename(string, string) error { return ErrVoid }
func (voidDisk) Remove(string) error         { return ErrVoid }
func (voidDisk) Sync() error                 { return ErrVoid }
func (voidDisk) StartSync(Timer)             {}
func (voidDisk) SyncResult(Timer) error      { return ErrVoid }

type voidFile string

func (f voidFile) Name() string                    { return string(f) }
func (voidFile) Size() int64                       { return 0 }
func (voidFile) Append([]byte) error               { return ErrVoid }
func (voidFile) WriteAt([]byte, int64) error       { return ErrVoid }
func (voidFile) ReadAt([]byte, int64) (int, error) { return 0, ErrVoid }
func (voidFile) Truncate(int64) error              { return ErrVoid }
func (voidFile) Sync() error                       { return ErrVoid }
