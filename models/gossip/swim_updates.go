package gossip

import (
	"slices"

	"github.com/seedbed-sim/seedbed/sim"
)

// swimUpdates is the buffer of updates that still spread (section 4.1). It holds whom they are about: what is sent is what
// is known at that time.
type swimUpdates struct {
	list []swimRumor // by how often they were sent, and among equals the newest first
}

type swimRumor struct {
	member sim.NodeID
	sent   int
}

// put has an update of a member spread, in place of an earlier one.
func (b *swimUpdates) put(id sim.NodeID) {
	b.list = slices.DeleteFunc(b.list, func(r swimRumor) bool { return r.member == id })
	b.list = slices.Insert(b.list, 0, swimRumor{member: id})
}

func (b *swimUpdates) reset() { b.list = b.list[:0] }

// take returns whom the next message is to tell of: those sent least often, at most n. Each is sent limit times.
func (b *swimUpdates) take(n, limit int, add func(sim.NodeID)) {
	n = min(n, len(b.list))
	for i := range b.list[:n] {
		add(b.list[i].member)
		b.list[i].sent++
	}
	b.list = slices.DeleteFunc(b.list, func(r swimRumor) bool { return r.sent >= limit })
	slices.SortStableFunc(b.list, func(a, b swimRumor) int { return a.sent - b.sent })
}

// piggyback returns the updates of a message to a member. Lifeguard's buddy system has whoever is not taken for alive hear
// so first, to refute it soon.
func (s *Swim) piggyback(env sim.Env, to sim.NodeID) []SwimUpdate {
	n := s.config.Piggyback
	if sim.Buggify(env, "swim: one update") {
		n = 1
	}
	var list []SwimUpdate
	if s.config.Lifeguard.Buddy && s.State(to).Status > SwimAlive {
		list = append(list, s.about(to))
	}
	s.updates.take(n, s.config.Retransmit*swimLogUp(s.known+1), func(id sim.NodeID) {
		if len(list) == 0 || list[0].Member != id {
			list = append(list, s.about(id))
		}
	})
	return list
}

// swimLogUp is the logarithm of n ≥ 1 to base 2, rounded up, and at least 1.
func swimLogUp(n int) int { return max(1, int((fixLog2(uint64(n))+fixOne-1)>>32)) }
