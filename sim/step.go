package sim

import (
	"github.com/seedbed-sim/seedbed/clock"
)

// Kind is what a step is.
type Kind uint8

const (
	KindDeliver Kind = iota + 1 // a packet reached a handler
	KindDrop                    // a packet was lost: on the way, or at a node that is down
	KindTimer                   // a timer fired
	KindBoot                    // a node started
	KindCrash                   // a node lost its memory
	KindPause                   // a node stopped running
	KindResume                  // and went on
	KindSync                    // a disk sync completed
	KindFact                    // a node claimed something
	KindFault                   // the world did something to nodes, links, disks or clocks
	KindInvoke                  // a client operation began
	KindReturn                  // a client operation ended
	numKinds
)

func (k Kind) String() string {
	if k == 0 || k >= numKinds {
		return "?"
	}
	return [...]string{"deliver", "drop", "timer", "boot", "crash", "pause", "resume",
		"sync", "fact", "fault", "invoke", "return"}[k-1]
}

// Step is one numbered thing that happened. The always-on hash covers N's
// order, At, Kind, Node, Peer, Packet, Lamport and the type of Payload; the deep
// hash adds Payload's content.
type Step struct {
	N           uint64 // from 1, without gaps
	At          clock.Time
	Kind        Kind
	Node        NodeID     // whom it happened to; Nobody for the world
	Peer        NodeID     // the packet's sender (deliver, drop); Nobody otherwise
	Incarnation uint32     // of Node, from 1
	Packet      uint64     // the sender's counter, see Packet.ID
	Cause       uint64     // the step whose handler sent the packet or set the timer; 0 if none
	Lamport     uint64     // Node's Lamport time after the step
	Sent        clock.Time // when the packet departed (deliver, drop)
	// Payload is the message, Timer, Fact, fault, *Op or error (nil for a
	// sync that succeeded). It is shared with the run: render it now, or
	// copy it, never keep it.
	Payload any
	Content uint64 // DeepHash of Payload, if Config.Deep has it known; 0 otherwise
}

// Observer is offered a recorded run while it happens. It cannot influence it.
type Observer interface {
	// Step is called for each step in order, before its handler runs.
	Step(s *Step)
	// Log is called for each Logf of a node.
	Log(id NodeID, text string)
	// Settled is called after the handler that step n ran on node id, or
	// World.Do, where n is 0: state is its Inspect() or the node itself. It
	// is left out where that has the Version it had.
	// Shared: render it now.
	Settled(n uint64, id NodeID, state any)
}
