package gossip

import (
	"slices"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// SwimLifeguard is what Dadgar, Phillips and Currey add to SWIM (Lifeguard: Local Health Awareness for More Accurate
// Failure Detection, DSN-W 2018). The zero value adds nothing.
type SwimLifeguard struct {
	// Health is the greatest value of the local health score, S. A member with score h takes h+1 times as long for its
	// periods and timeouts. 0: no local health, and no nacks.
	Health int
	// Patience is by how much a suspicion without confirmations lasts longer than one with all, beta. 0 and 1: not at all.
	Patience int
	// Confirmations is how many other members must suspect a member independently, K, for the shortest time.
	Confirmations int
	Buddy         bool // who is suspected hears so with the next message to it
}

// DefaultSwimLifeguard has the values that the paper proposes.
func DefaultSwimLifeguard() SwimLifeguard {
	return SwimLifeguard{Health: 8, Patience: 6, Confirmations: 3, Buddy: true}
}

// on reports whether nacks are sent and expected.
func (l SwimLifeguard) on() bool { return l.Health > 0 }

// feel changes the local health score.
func (s *Swim) feel(env sim.Env, by int) {
	was := s.health
	s.health = min(max(s.health+by, 0), s.config.Lifeguard.Health)
	if s.health != was {
		env.Emit(SwimHealth{s.health})
	}
}

// verdict is what a probe says of the prober's own health (section IV.A). An ack is good news. A probe that failed is bad
// news, unless others have said that they got no ack, either: then each of those that said nothing is. The paper counts the
// failure as well; this is how memberlist, by the same authors, came to do it (https://github.com/hashicorp/memberlist/pull/114).
func (p *swimProbe) verdict() int {
	switch {
	case p.acked:
		return -1
	case p.relays == 0:
		return 1
	default:
		return p.relays - len(p.nacks)
	}
}

// swimNackAfter is how long the target of an indirect ping may take, if the one who asks for it waits for so long in all: a nack
// must still be in time.
func swimNackAfter(within time.Duration) time.Duration { return within * 4 / 5 }

// swimSuspicion is the time that a suspect has to refute, as one member sees it.
type swimSuspicion struct {
	began       time.Duration // on the monotonic clock
	by          []sim.NodeID  // those whose own probes have failed, in the order they were heard of
	least, most time.Duration // with all confirmations, and with none
	all         int           // confirmations
}

// newSuspicion begins a suspicion now.
func (s *Swim) newSuspicion(by sim.NodeID) *swimSuspicion {
	least, most, all := s.config.SuspicionTimeouts(s.known + 1)
	return &swimSuspicion{began: s.now, by: []sim.NodeID{by}, least: least, most: most, all: all}
}

// SuspicionTimeouts are the least and the greatest time that a suspect has in a group of so many, and how many
// confirmations make the difference. Groups that are too small to have that many do without.
func (c SwimConfig) SuspicionTimeouts(group int) (least, most time.Duration, confirmations int) {
	least = time.Duration(fixMul(int64(c.Suspicion)*int64(c.Period), max(fixOne, fixLog(uint64(group), 10))))
	most = least
	if confirmations = min(c.Lifeguard.Confirmations, group-2); confirmations > 0 {
		most *= time.Duration(max(c.Lifeguard.Patience, 1))
	}
	return least, most, confirmations
}

// SwimSuspicionTimeout falls from most to least with the logarithm of the confirmations (Lifeguard, section IV.B).
func SwimSuspicionTimeout(least, most time.Duration, confirmations, all int) time.Duration {
	if all < 1 || confirmations >= all {
		return least
	}
	share := fixDiv(fixLog2(uint64(confirmations)+1), fixLog2(uint64(all)+1))
	return most - time.Duration(fixMul(int64(most-least), share))
}

func (p *swimSuspicion) timeout() time.Duration {
	return SwimSuspicionTimeout(p.least, p.most, len(p.by)-1, p.all)
}

// second takes a suspicion of a member that is suspected already. It counts once for each whose own probe has failed, and the
// first of them are spread further.
func (s *Swim) second(env sim.Env, u SwimUpdate) {
	p := s.members[u.Member].suspicion
	if len(p.by) > p.all || slices.Contains(p.by, u.By) {
		return
	}
	p.by = append(p.by, u.By)
	env.SetTimer(sim.Timer{Name: swimSuspicionTimer, Key: uint64(u.Member)}, p.began+p.timeout()-s.now)
	s.updates.put(u.Member)
	env.Emit(SwimSeconded{u.Member, u.Incarnation, u.By})
}
