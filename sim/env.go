package sim

import (
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
)

// Node is a protocol participant: a state machine driven by three kinds of
// input. A handler runs to completion on one goroutine, and its effects leave
// in program order (see Env).
//
// Nodes are built by a factory, anew at each boot: whatever must survive a
// crash is on the disk.
type Node interface {
	Start(env Env)                             // boot and every reboot: the disk survives, fields do not
	Receive(env Env, from NodeID, msg Message) // one packet
	Timeout(env Env, t Timer)                  // one timer; setting a timer again replaces it
}

// Inspector is implemented by nodes that choose what readers see of their
// state. Other nodes are shown by reflection.
type Inspector interface {
	Inspect() any
}

// Versioned is implemented by an Inspector that knows at little cost whether
// readers would see something else than before: then its version, which is
// never 0, is another one in this incarnation. While it is the same, recording
// the node's state costs next to nothing.
type Versioned interface {
	Version() uint64
}

// NodeID names a node of a world. Worlds hand them out densely from 1.
type NodeID int32

// Nobody is the zero NodeID: the world itself, or no peer.
const Nobody NodeID = 0

func (id NodeID) String() string { return "n" + strconv.Itoa(int(id)) }

// Message is what one node sends another. It is shared, not copied: neither
// the sender nor a receiver may change it after Send. Config.CopyMessages
// finds those that do.
type Message any

// Fact is what a node claims, for checkers and readers: BecameLeader{Term: 3}.
// It is a value that is not changed after Emit.
type Fact any

// Timer is a comparable tag. Each tag has one deadline: setting it again
// replaces it.
type Timer struct {
	Name string
	Key  uint64
}

func (t Timer) String() string {
	if t.Key == 0 {
		return t.Name
	}
	return t.Name + "/" + strconv.FormatUint(t.Key, 10)
}

// Env is a node's only door to the world. It belongs to one incarnation and is
// void after it: calls on a void Env do nothing.
//
// Each effect has a departure time: the handler's start, plus its cost so far.
// A Sync draws its latency and outcome when it is called and returns at once;
// every effect after it, and Now, belong to the later departure. The node is
// busy until its last effect has left: packets and timers queue meanwhile. A
// crash at effect k keeps the effects before k and loses the rest, disk writes
// included; a pause at effect k holds the rest.
//
// Env is sealed: worlds, Sub and Recorder make them.
type Env interface {
	ID() NodeID
	Now() clock.Time        // this node's wall clock: offset, drift, jumps; may go back
	Elapsed() time.Duration // this node's monotonic clock: drift and freeze only; timers run on it
	Rand() *rand.Rand       // this incarnation's own stream
	Send(to NodeID, msg Message)
	SetTimer(t Timer, d time.Duration) // fires once, d of Elapsed after the departure; d < 0 counts as 0
	StopTimer(t Timer)
	Disk() Disk
	Emit(fact Fact)                  // what checkers and readers see
	Logf(format string, args ...any) // for readers; costs nothing unless recording

	invoke(input any) *Op
	finish(op *Op, outcome Outcome, output any)
	base() *incarnation
}
