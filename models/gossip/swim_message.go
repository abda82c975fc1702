package gossip

import (
	"fmt"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// SwimUpdate is what one member tells of another.
type SwimUpdate struct {
	Member sim.NodeID
	SwimState
	By sim.NodeID // of a suspicion: whose probe has failed
}

func (u SwimUpdate) String() string {
	text := fmt.Sprintf("%v %v@%d", u.Member, u.Status, u.Incarnation)
	if u.By != sim.Nobody {
		text += fmt.Sprintf(" by %v", u.By)
	}
	return text
}

// SwimPing asks for an ack.
type SwimPing struct {
	Seq     uint64
	Updates []SwimUpdate
}

// SwimAck answers a ping, at its sender or through the one who asked for it.
type SwimAck struct {
	Seq     uint64 // of the ping
	Updates []SwimUpdate
}

// SwimPingReq asks to ping the target for the sender, who waits for so long.
type SwimPingReq struct {
	Target  sim.NodeID
	Seq     uint64
	Within  time.Duration
	Updates []SwimUpdate
}

// SwimNack answers a SwimPingReq whose target did not answer in time (Lifeguard, section IV.A): its receiver is reachable.
type SwimNack struct{ Seq uint64 }

// SwimSync tells all that the sender knows; it is answered in kind.
type SwimSync struct {
	Answer  bool
	Updates []SwimUpdate
}

// swimCarrier is a message with updates.
type swimCarrier interface{ carries() []SwimUpdate }

func (m *SwimPing) carries() []SwimUpdate    { return m.Updates }
func (m *SwimAck) carries() []SwimUpdate     { return m.Updates }
func (m *SwimPingReq) carries() []SwimUpdate { return m.Updates }
func (m *SwimSync) carries() []SwimUpdate    { return m.Updates }

func (m *SwimPing) String() string {
	return fmt.Sprintf("Ping{%s%s}", swimSeqText(m.Seq), swimText(m.Updates))
}
func (m *SwimAck) String() string {
	return fmt.Sprintf("Ack{%s%s}", swimSeqText(m.Seq), swimText(m.Updates))
}
func (m *SwimNack) String() string { return fmt.Sprintf("Nack{%s}", swimSeqText(m.Seq)) }
func (m *SwimSync) String() string {
	kind := "Sync"
	if m.Answer {
		kind = "SyncAnswer"
	}
	return kind + "{" + strings.TrimPrefix(swimText(m.Updates), ": ") + "}"
}
func (m *SwimPingReq) String() string {
	return fmt.Sprintf("PingReq{%v %s within %v%s}", m.Target, swimSeqText(m.Seq), m.Within, swimText(m.Updates))
}

// swimSeqText is the boot and the number of a ping.
func swimSeqText(seq uint64) string { return fmt.Sprintf("#%d.%d", seq>>32, uint32(seq)) }

func swimText(updates []SwimUpdate) string {
	if len(updates) == 0 {
		return ""
	}
	parts := make([]string, len(updates))
	for i, u := range updates {
		parts[i] = u.String()
	}
	return ": " + strings.Join(parts, ", ")
}

// Size is that of the datagram, roughly: a head, and 16 bytes an update.
func (m *SwimPing) Size() int    { return 32 + 16*len(m.Updates) }
func (m *SwimAck) Size() int     { return 32 + 16*len(m.Updates) }
func (m *SwimPingReq) Size() int { return 48 + 16*len(m.Updates) }
func (m *SwimNack) Size() int    { return 32 }
func (m *SwimSync) Size() int    { return 32 + 16*len(m.Updates) }

// Facts. Times are those of the member's monotonic clock.
type (
	// SwimStarted: a member has booted, in this incarnation of its own.
	SwimStarted struct{ Incarnation uint64 }
	// SwimRefuted: a member has heard that it is suspect or dead, and lives on in this incarnation.
	SwimRefuted struct {
		Incarnation uint64
		Was         SwimStatus
	}
	// SwimJoined: somebody has told a new member what the group is; it has so many, as far as it knows.
	SwimJoined struct{ Group int }
	// SwimTakenAlive: a member takes another for alive in this incarnation.
	SwimTakenAlive struct {
		Member      sim.NodeID
		Incarnation uint64
	}
	// SwimSuspected: a member takes another for suspect, since its own probe or that of By has failed.
	SwimSuspected struct {
		Member      sim.NodeID
		Incarnation uint64
		By          sim.NodeID
		Group       int // how many members it knows, and itself
		At          time.Duration
	}
	// SwimSeconded: a member that suspects another hears of a further one whose own probe has failed.
	SwimSeconded struct {
		Member      sim.NodeID
		Incarnation uint64
		By          sim.NodeID
	}
	// SwimConfirmedDead: a member's own suspicion of another has lasted its time.
	SwimConfirmedDead struct {
		Member      sim.NodeID
		Incarnation uint64
		At          time.Duration
	}
	// SwimTakenDead: a member takes another for dead, since somebody has told it.
	SwimTakenDead struct {
		Member      sim.NodeID
		Incarnation uint64
	}
	// SwimDoubted: a direct ping was not answered in time, which was so long.
	SwimDoubted struct {
		Member sim.NodeID
		After  time.Duration
	}
	// SwimRescued: an ack that came through another saved a member from suspicion.
	SwimRescued struct{ Member, Through sim.NodeID }
	// SwimNacked: one who was asked to ping the member got no ack, either.
	SwimNacked struct{ Member sim.NodeID }
	// SwimHealth: a member's local health has changed; 0 is well.
	SwimHealth struct{ Score int }
	// SwimHalted: a member has stopped after an error of its disk.
	SwimHalted struct{ Why string }
)
