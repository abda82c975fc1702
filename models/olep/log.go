package olep

import (
	"strconv"

	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/wal"
)

// Log orders and keeps the commands of one machine. It is a component: its env is scoped (see sim.Sub), and its owner
// hands on what arrives for it.
//
// It hands each command to the function it was made with, once per incarnation and in one order at all copies, when the
// command is durable and no other can take its place. After a boot it begins anew, with the first.
type Log interface {
	Start(env sim.Env)
	Receive(env sim.Env, from sim.NodeID, msg sim.Message)
	Timeout(env sim.Env, t sim.Timer)
	// Propose takes a command in, if this copy leads. It may be lost all the same.
	Propose(env sim.Env, cmd string) bool
	// Leads reports whether this copy takes commands, answers for what is applied, and may be read. What is read may lag
	// behind, but not for ever: a copy that is cut off from the others ceases to lead after a while.
	Leads() bool
	// Leader is who is believed to lead, or Nobody.
	Leader() sim.NodeID
}

// NewLog makes the log of a machine, at one broker. The env that apply is called with is the log's own.
type NewLog func(apply func(env sim.Env, cmd string)) Log

// Single is a Log with a single copy, on package wal: its node always leads. Commands that come while the disk syncs share
// the next sync. A disk that fails stops it until the next boot.
type Single struct {
	apply   func(env sim.Env, cmd string)
	wal     *wal.Log
	waiting []string // for a sync: the last of what is in the wal
	syncing bool
	ready   bool  // it has been started, and has not failed
	failed  error // of the disk, since it was started
	self    sim.NodeID
	buf     []byte
}

// NewSingle returns a log with a single copy. It is a NewLog.
func NewSingle(apply func(env sim.Env, cmd string)) Log { return &Single{apply: apply} }

var syncTimer = sim.Timer{Name: "sync"}

// Start implements Log.
func (l *Single) Start(env sim.Env) {
	l.self = env.ID()
	w, err := wal.Open(env.Disk(), "log", wal.Options{})
	if err != nil {
		l.fail(env, err)
		return
	}
	l.wal = w
	for lsn := w.First(); lsn < w.Next(); lsn++ {
		cmd, err := w.Read(lsn)
		if err != nil {
			l.fail(env, err)
			return
		}
		l.apply(env, string(cmd))
	}
	l.ready = true
}

// Receive implements Log: there is nobody to hear of.
func (l *Single) Receive(sim.Env, sim.NodeID, sim.Message) {}

// Propose implements Log.
func (l *Single) Propose(env sim.Env, cmd string) bool {
	if !l.ready {
		return false
	}
	l.buf = append(l.buf[:0], cmd...)
	if _, err := l.wal.Append(l.buf); err != nil {
		l.fail(env, err)
		return false
	}
	l.waiting = append(l.waiting, cmd)
	l.sync(env)
	return true
}

// sync starts a sync of what waits, unless one is under way.
func (l *Single) sync(env sim.Env) {
	if l.syncing || len(l.waiting) == 0 || !l.ready {
		return
	}
	if err := l.wal.StartSync(syncTimer); err != nil {
		l.fail(env, err)
		return
	}
	l.syncing = true
}

// Timeout implements Log: a sync is over.
func (l *Single) Timeout(env sim.Env, t sim.Timer) {
	if t != syncTimer || !l.ready {
		return
	}
	if err := l.wal.Synced(t); err != nil {
		l.fail(env, err)
		return
	}
	l.syncing = false
	n := len(l.waiting) - int(l.wal.Next()-1-l.wal.Durable())
	done := l.waiting[:n:n]
	l.waiting = l.waiting[n:]
	l.sync(env)
	for _, cmd := range done {
		l.apply(env, cmd)
	}
}

// Leads implements Log.
func (l *Single) Leads() bool { return l.ready }

// Leader implements Log.
func (l *Single) Leader() sim.NodeID { return l.self }

func (l *Single) fail(env sim.Env, err error) {
	if l.ready {
		l.ready, l.failed = false, err
	}
	env.Emit(Stopped{Err: err.Error()})
}

// Stop makes the log fail with another one of its disk, if that has: a sync covers all of a disk, and what one that fails
// gives up is what all have written since the last.
func (l *Single) Stop(env sim.Env, other *Single) {
	if l.ready && other.failed != nil {
		l.fail(env, other.failed)
	}
}

// Coordinator is the number, among partitions, of the machine that keeps consumer groups.
const Coordinator = -1

// scope is the name of a machine's log in its node.
func scope(part int) string {
	if part == Coordinator {
		return "groups"
	}
	return "p" + strconv.Itoa(part)
}
