// Package arithmetic is a replicated number, the smallest service whose replicas must agree on an order: +1 and *2 do
// not commute. It is the tutorial model of docs/adding-a-model.md, not a useful service.
package arithmetic

import (
	"strconv"

	"github.com/seedbed-sim/seedbed/sim"
)

// Command is what a client asks for: "+1" or "*2".
type Command string

// Do returns the number after the command. Numbers stay below Modulus.
func (c Command) Do(n uint64) uint64 {
	if c == "*2" {
		return n * 2 % Modulus
	}
	return (n + 1) % Modulus
}

// Modulus is a prime, so that doubling loses nothing.
const Modulus = 1_000_003

// Mode is how replicas come to their number.
type Mode uint8

const (
	ActiveActive  Mode = iota // the log carries commands, each replica carries them out in log order
	PrimaryBackup             // the primary carries them out, the log carries results
	ArrivalOrder              // wrong: each replica carries commands out as they arrive
)

// Log is what a replica needs of a replicated log. It hands each record to the replica's Apply, in one order at all
// replicas and from the first one again after a boot.
type Log interface {
	sim.Node
	// Append proposes a record. It is false, and nothing was proposed, unless this replica is the log's primary and has
	// applied everything that was proposed before.
	Append(env sim.Env, record string) bool
}

// Applied is the fact that a replica has its N-th number.
type Applied struct {
	N     int // from 1 in each incarnation
	Value uint64
}

// Replica is one copy of the number.
type Replica struct {
	mode  Mode
	peers []sim.NodeID // the other replicas
	log   Log          // nil in ArrivalOrder
	value uint64
	n     int
}

// NewReplica returns a replica; log gives it its log, which calls apply.
func NewReplica(mode Mode, peers []sim.NodeID, log func(apply func(env sim.Env, record string)) Log) *Replica {
	r := &Replica{mode: mode, peers: peers}
	if mode != ArrivalOrder {
		r.log = log(r.apply)
	}
	return r
}

// logScope is the log's part of the replica's timers, messages, files and facts.
const logScope = "log"

// Start is part of sim.Node.
func (r *Replica) Start(env sim.Env) {
	if r.log != nil {
		r.log.Start(sim.Sub(env, logScope))
	}
}

// Receive is part of sim.Node. A command that comes from outside goes on to all replicas.
func (r *Replica) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	if inner, ok := sim.InnerMessage(msg, logScope); ok {
		r.log.Receive(sim.Sub(env, logScope), from, inner)
		return
	}
	switch m := msg.(type) {
	case Command:
		for _, peer := range r.peers {
			env.Send(peer, forwarded{m})
		}
		r.command(env, m)
	case forwarded:
		r.command(env, m.Command)
	}
}

// forwarded is a command on its way between replicas.
type forwarded struct{ Command Command }

// Timeout is part of sim.Node.
func (r *Replica) Timeout(env sim.Env, t sim.Timer) {
	if inner, ok := sim.InnerTimer(t, logScope); ok {
		r.log.Timeout(sim.Sub(env, logScope), inner)
	}
}

// command is where the modes differ. Only the primary's log takes a record; what it refuses is lost, as it may be to a
// service without retries.
func (r *Replica) command(env sim.Env, c Command) {
	switch r.mode {
	case ActiveActive:
		r.log.Append(sim.Sub(env, logScope), string(c))
	case PrimaryBackup:
		r.log.Append(sim.Sub(env, logScope), strconv.FormatUint(c.Do(r.value), 10))
	case ArrivalOrder:
		r.become(env, c.Do(r.value))
	}
}

// apply takes the next record of the log, which calls it with its own Env.
func (r *Replica) apply(env sim.Env, record string) {
	env = sim.Outer(env)
	if r.mode == ActiveActive {
		r.become(env, Command(record).Do(r.value))
	} else if value, err := strconv.ParseUint(record, 10, 64); err == nil {
		r.become(env, value)
	}
}

// become is the only writer of the number.
func (r *Replica) become(env sim.Env, value uint64) {
	r.value = value
	r.n++
	env.Emit(Applied{N: r.n, Value: r.value})
}

// State returns how many numbers the replica has had, and the last.
func (r *Replica) State() Applied { return Applied{N: r.n, Value: r.value} }
