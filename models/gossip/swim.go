package gossip

import (
	"slices"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// SwimConfig is a member of a group that finds out who is in it: SWIM (Das, Gupta, Motivala, SWIM: Scalable
// Weakly-consistent Infection-style Process Group Membership Protocol, DSN 2002), with what Lifeguard adds to it.
//
// It departs from the paper in three points, as those do who run it (memberlist, Serf). A confirmed member may come back
// with a higher incarnation (the paper has it join under a new name), so that healing a partition joins its sides. Members
// exchange all they know now and then, also with those that they take for dead, since piggy-backed updates may be lost by
// chance. And a suspicion says who began it, which Lifeguard needs.
type SwimConfig struct {
	Seeds []sim.NodeID // whom to ask at boot; none, or oneself alone: the group begins here
	// Known are members that are taken for alive, in their first incarnation, from the start: a group that has been up for
	// long. Nil: members learn of each other.
	Known []sim.NodeID

	Period  time.Duration // between two probes, T' in the paper
	Timeout time.Duration // for the ack of a direct ping; well below Period
	// Indirect is how many others are asked to ping a member that does not answer, k in the paper.
	Indirect int
	// Suspicion is how long a suspect may refute, in periods, for each factor of ten of the group's size: alpha in the
	// Lifeguard paper.
	Suspicion int
	// Retransmit is how often an update is sent, for each doubling of the group's size: lambda in section 4.1.
	Retransmit int
	Piggyback  int // updates that a message carries at most
	// Sync is after how many periods a member exchanges all it knows with another, in turn.
	Sync int

	Lifeguard SwimLifeguard // zero: plain SWIM
	Phi       PhiConfig     // zero: Timeout is fixed
}

// DefaultSwim has periods of a second and memberlist's proportions, without Lifeguard.
func DefaultSwim() SwimConfig {
	return SwimConfig{
		Period: time.Second, Timeout: 500 * time.Millisecond, Indirect: 3, Suspicion: 5, Retransmit: 2, Piggyback: 8, Sync: 15,
	}
}

// Swim is a member. It implements sim.Node.
type Swim struct {
	config SwimConfig
	self   sim.NodeID
	// now is the monotonic clock when the input came that is handled. What a handler reads later is when its effects are
	// to leave; if it is held up, and its clock slows down meanwhile, it has read too late a time, and would wait too short.
	now time.Duration
	// incarnation is on the disk before anybody hears of it.
	incarnation uint64
	boot        uint64 // the incarnation that it booted with
	halted      bool   // by its disk: it does nothing any more
	joined      bool   // somebody has told it what the group is

	members []swimMember // by NodeID; never oneself
	known   int          // of them, the dead included
	updates swimUpdates

	order []sim.NodeID // the round of probes; next is the place of the next target
	next  int
	probe swimProbe // of this period
	seq   uint64    // of the last ping, its own or for another
	relay map[uint64]swimRelay

	syncs []sim.NodeID // the round of syncs, and whom they come to next
	turn  int

	health int // Lifeguard's local health: 0 is well
	phi    phiDetector
}

// SwimStatus is what an update says of a member. Of two updates of one incarnation the higher status prevails.
type SwimStatus uint8

const (
	SwimAlive SwimStatus = iota + 1
	SwimSuspect
	SwimDead
)

func (s SwimStatus) String() string { return [...]string{"unknown", "alive", "suspect", "dead"}[s] }

// SwimState is what is known of a member.
type SwimState struct {
	Incarnation uint64
	Status      SwimStatus // 0: nothing is known
}

// Overrides reports whether s prevails over o (section 4.2): a higher incarnation does, and in one incarnation suspicion
// prevails over life, and death over both. It is a total order, so members agree in the end in whatever order they hear.
func (s SwimState) Overrides(o SwimState) bool {
	if s.Incarnation != o.Incarnation {
		return s.Incarnation > o.Incarnation
	}
	return s.Status > o.Status
}

type swimMember struct {
	SwimState
	listed    bool           // in order
	suspicion *swimSuspicion // not nil iff Suspect
}

// swimProbe is the question of a period: does the target live?
type swimProbe struct {
	target sim.NodeID // Nobody: there is none
	seq    uint64
	sent   time.Duration // on the monotonic clock
	within time.Duration // from the indirect pings to the end of the period
	acked  bool
	relays int          // were asked
	nacks  []sim.NodeID // those of them that have answered that they got no ack
}

// swimRelay is a ping for another member.
type swimRelay struct {
	origin sim.NodeID
	seq    uint64 // the origin's
}

// Timers.
var (
	swimPeriod = sim.Timer{Name: "period"}
	swimDirect = sim.Timer{Name: "direct"} // no ack of the direct ping
	swimSync   = sim.Timer{Name: "sync"}
)

const (
	swimSuspicionTimer = "suspicion" // by member
	swimRelayTimer     = "relay"     // by seq
)

// NewSwim returns a member; its configuration is that of all.
func NewSwim(c SwimConfig) *Swim { return &Swim{config: c} }

// Start is part of sim.Node.
func (s *Swim) Start(env sim.Env) {
	s.self, s.now = env.ID(), env.Elapsed()
	s.relay = make(map[uint64]swimRelay)
	s.phi = newPhiDetector(s.config.Phi)
	if !s.recover(env) {
		return
	}
	s.boot = s.incarnation
	env.Emit(SwimStarted{s.incarnation})
	for _, id := range s.config.Known {
		s.merge(env, SwimUpdate{Member: id, SwimState: SwimState{1, SwimAlive}})
	}
	s.updates.reset()
	s.announce()
	s.joined = len(s.config.Known) > 0 || !s.asksSeed(env)
	// Members that boot together would probe in step.
	env.SetTimer(swimPeriod, time.Duration(env.Rand().Int64N(int64(s.config.Period))))
	env.SetTimer(swimSync, time.Duration(env.Rand().Int64N(int64(s.syncEvery()))))
}

// asksSeed sends a seed all it knows, to be told the same. It is false if there is none but oneself.
func (s *Swim) asksSeed(env sim.Env) bool {
	others := slices.DeleteFunc(slices.Clone(s.config.Seeds), func(id sim.NodeID) bool { return id == s.self })
	if len(others) == 0 {
		return false
	}
	env.Send(others[env.Rand().IntN(len(others))], &SwimSync{Updates: s.all()})
	return true
}

// Timeout is part of sim.Node.
func (s *Swim) Timeout(env sim.Env, t sim.Timer) {
	if s.halted {
		return
	}
	s.now = env.Elapsed()
	switch t.Name {
	case swimPeriod.Name:
		s.endProbe(env)
		s.beginProbe(env)
	case swimDirect.Name:
		s.probeIndirectly(env)
	case swimSync.Name:
		s.sync(env)
	case swimSuspicionTimer:
		s.suspicionOver(env, sim.NodeID(t.Key))
	case swimRelayTimer:
		s.relayOver(env, t.Key)
	}
}

// Receive is part of sim.Node.
func (s *Swim) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	if s.halted {
		return
	}
	s.now = env.Elapsed()
	if m, ok := msg.(swimCarrier); ok {
		if s.mergeAll(env, m.carries()); s.halted {
			return
		}
	}
	switch m := msg.(type) {
	case *SwimPing:
		env.Send(from, &SwimAck{Seq: m.Seq, Updates: s.piggyback(env, from)})
	case *SwimAck:
		s.acked(env, from, m.Seq)
	case *SwimPingReq:
		s.pingFor(env, from, m)
	case *SwimNack:
		if p := &s.probe; p.target != sim.Nobody && m.Seq == p.seq && !slices.Contains(p.nacks, from) {
			p.nacks = append(p.nacks, from)
			env.Emit(SwimNacked{p.target})
		}
	case *SwimSync:
		if !s.joined {
			s.joined = true
			env.Emit(SwimJoined{s.known + 1})
		}
		if !m.Answer {
			env.Send(from, &SwimSync{Answer: true, Updates: s.all()})
		}
	}
}

// beginProbe pings the next member of the round, and sets the period's end. A member that is not well takes its time
// (Lifeguard, section IV.A).
func (s *Swim) beginProbe(env sim.Env) {
	scale := time.Duration(s.health + 1)
	env.SetTimer(swimPeriod, scale*s.config.Period)
	if !s.joined {
		s.asksSeed(env)
	}
	target := s.nextTarget(env)
	s.probe = swimProbe{target: target}
	if target == sim.Nobody {
		env.StopTimer(swimDirect)
		return
	}
	s.seq++
	timeout := scale * s.timeout()
	s.probe.seq, s.probe.sent, s.probe.within = s.sequence(), s.now, scale*s.config.Period-timeout
	env.Send(target, &SwimPing{Seq: s.probe.seq, Updates: s.piggyback(env, target)})
	env.SetTimer(swimDirect, timeout)
}

// timeout is that of a direct ping, of a member that is well.
func (s *Swim) timeout() time.Duration {
	if after, ok := s.phi.after(); ok {
		return min(after, s.config.Period*3/4) // leaves time for indirect pings
	}
	return s.config.Timeout
}

// sequence names a ping by the boot as well, so that no ack of an earlier life counts.
func (s *Swim) sequence() uint64 { return s.boot<<32 | s.seq }

// nextTarget goes round the members in an order that is drawn anew for each round, so that each is probed once in it
// (section 4.3). The dead are left out.
func (s *Swim) nextTarget(env sim.Env) sim.NodeID {
	for range 2 {
		for s.next < len(s.order) {
			id := s.order[s.next]
			s.next++
			if s.members[id].Status != SwimDead {
				return id
			}
		}
		s.next = 0
		kept := s.order[:0]
		for _, id := range s.order {
			if m := &s.members[id]; m.Status == SwimDead {
				m.listed = false
			} else {
				kept = append(kept, id)
			}
		}
		s.order = kept
		swimShuffle(env, s.order)
	}
	return sim.Nobody
}

// list puts a member at a random place of the round: one that comes behind its place waits for the next round.
func (s *Swim) list(env sim.Env, id sim.NodeID) {
	m := &s.members[id]
	if m.listed {
		return
	}
	m.listed = true
	at := env.Rand().IntN(len(s.order) + 1)
	s.order = slices.Insert(s.order, at, id)
	if at < s.next {
		s.next++
	}
}

func swimShuffle(env sim.Env, ids []sim.NodeID) {
	env.Rand().Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
}

// probeIndirectly asks some others to ping a target that has not answered (section 3.1).
func (s *Swim) probeIndirectly(env sim.Env) {
	p := &s.probe
	if p.target == sim.Nobody || p.acked {
		return
	}
	env.Emit(SwimDoubted{p.target, s.now - p.sent})
	for _, id := range s.some(env, s.config.Indirect, p.target) {
		p.relays++
		env.Send(id, &SwimPingReq{Target: p.target, Seq: p.seq, Within: p.within, Updates: s.piggyback(env, id)})
	}
}

// some draws up to k members that are alive, other than one.
func (s *Swim) some(env sim.Env, k int, other sim.NodeID) []sim.NodeID {
	var ids []sim.NodeID
	for i := range s.members {
		if id := sim.NodeID(i); id != other && s.members[i].Status == SwimAlive {
			ids = append(ids, id)
		}
	}
	k = min(k, len(ids))
	for i := range k {
		j := i + env.Rand().IntN(len(ids)-i)
		ids[i], ids[j] = ids[j], ids[i]
	}
	return ids[:k]
}

// acked takes an ack: of this period's probe, or of a ping for another member, who is told.
func (s *Swim) acked(env sim.Env, from sim.NodeID, seq uint64) {
	if r, ok := s.relay[seq]; ok {
		delete(s.relay, seq)
		env.StopTimer(sim.Timer{Name: swimRelayTimer, Key: seq})
		env.Send(r.origin, &SwimAck{Seq: r.seq, Updates: s.piggyback(env, r.origin)})
		return
	}
	p := &s.probe
	if p.target == sim.Nobody || seq != p.seq {
		return
	}
	if from == p.target {
		s.phi.add(s.now - p.sent)
	}
	if p.acked {
		return
	}
	p.acked = true
	env.StopTimer(swimDirect)
	if from != p.target {
		env.Emit(SwimRescued{p.target, from})
	}
}

// endProbe is the end of a period: a target of which no ack has come is suspected.
func (s *Swim) endProbe(env sim.Env) {
	p := s.probe
	s.probe = swimProbe{}
	if p.target == sim.Nobody {
		return
	}
	s.feel(env, p.verdict())
	if m := s.members[p.target]; !p.acked && m.Status != SwimDead {
		s.merge(env, SwimUpdate{Member: p.target, SwimState: SwimState{m.Incarnation, SwimSuspect}, By: s.self})
	}
}

// pingFor pings for another member, who is told of an ack, or with Lifeguard in time that there was none.
func (s *Swim) pingFor(env sim.Env, origin sim.NodeID, m *SwimPingReq) {
	s.seq++
	seq := s.sequence()
	s.relay[seq] = swimRelay{origin: origin, seq: m.Seq}
	env.Send(m.Target, &SwimPing{Seq: seq, Updates: s.piggyback(env, m.Target)})
	env.SetTimer(sim.Timer{Name: swimRelayTimer, Key: seq}, swimNackAfter(m.Within))
}

// relayOver gives up on a ping for another member.
func (s *Swim) relayOver(env sim.Env, seq uint64) {
	r, ok := s.relay[seq]
	if !ok {
		return
	}
	delete(s.relay, seq)
	if s.config.Lifeguard.on() {
		env.Send(r.origin, &SwimNack{r.seq})
	}
}

func (s *Swim) syncEvery() time.Duration { return time.Duration(s.config.Sync) * s.config.Period }

// sync exchanges all that is known with the next of all members, the dead and the seeds included: so sides that have given
// each other up meet again.
func (s *Swim) sync(env sim.Env) {
	env.SetTimer(swimSync, s.syncEvery())
	if s.turn == len(s.syncs) {
		s.turn, s.syncs = 0, s.syncs[:0]
		for i := range s.members {
			if s.members[i].Status != 0 {
				s.syncs = append(s.syncs, sim.NodeID(i))
			}
		}
		for _, id := range s.config.Seeds {
			if id != s.self && s.State(id).Status == 0 {
				s.syncs = append(s.syncs, id)
			}
		}
		swimShuffle(env, s.syncs)
	}
	if s.turn < len(s.syncs) {
		to := s.syncs[s.turn]
		s.turn++
		env.Send(to, &SwimSync{Updates: s.all()})
	}
}

// all is everything that is known, oneself first.
func (s *Swim) all() []SwimUpdate {
	list := make([]SwimUpdate, 0, s.known+1)
	list = append(list, s.about(s.self))
	for i := range s.members {
		if s.members[i].Status != 0 {
			list = append(list, s.about(sim.NodeID(i)))
		}
	}
	return list
}

// about is what an update says of a member now.
func (s *Swim) about(id sim.NodeID) SwimUpdate {
	if id == s.self {
		return SwimUpdate{Member: id, SwimState: SwimState{s.incarnation, SwimAlive}}
	}
	m := &s.members[id]
	u := SwimUpdate{Member: id, SwimState: m.SwimState}
	if m.suspicion != nil {
		u.By = m.suspicion.by[len(m.suspicion.by)-1]
	}
	return u
}

func (s *Swim) mergeAll(env sim.Env, list []SwimUpdate) {
	for _, u := range list {
		if s.merge(env, u); s.halted {
			return
		}
	}
}

// merge takes an update. What prevails over what was known is spread further.
func (s *Swim) merge(env sim.Env, u SwimUpdate) {
	if u.Member == s.self {
		s.hearOfMyself(env, u.SwimState)
		return
	}
	for int(u.Member) >= len(s.members) {
		s.members = append(s.members, swimMember{})
	}
	m := &s.members[u.Member]
	switch {
	case !u.Overrides(m.SwimState):
		if u.SwimState == m.SwimState && u.Status == SwimSuspect {
			s.second(env, u)
		}
		return
	case m.Status == 0:
		s.known++
	}
	switch u.Status {
	case SwimAlive:
		s.becomeAlive(env, u)
	case SwimSuspect:
		s.becomeSuspect(env, u)
	case SwimDead:
		s.becomeDead(env, u)
	}
	s.updates.put(u.Member)
}

// becomeAlive takes a member for alive: it is new, or it has refuted what was known of it.
func (s *Swim) becomeAlive(env sim.Env, u SwimUpdate) {
	s.endSuspicion(env, u.Member)
	s.members[u.Member].SwimState = u.SwimState
	s.list(env, u.Member)
	env.Emit(SwimTakenAlive{u.Member, u.Incarnation})
}

// becomeSuspect takes a member for suspect: it is dead unless it refutes in time.
func (s *Swim) becomeSuspect(env sim.Env, u SwimUpdate) {
	m := &s.members[u.Member]
	m.SwimState = u.SwimState
	s.list(env, u.Member)
	m.suspicion = s.newSuspicion(u.By)
	env.SetTimer(sim.Timer{Name: swimSuspicionTimer, Key: uint64(u.Member)}, m.suspicion.timeout())
	env.Emit(SwimSuspected{Member: u.Member, Incarnation: u.Incarnation, By: u.By, Group: s.known + 1, At: m.suspicion.began})
}

// becomeDead takes a member for dead since somebody else says so.
func (s *Swim) becomeDead(env sim.Env, u SwimUpdate) {
	s.endSuspicion(env, u.Member)
	s.members[u.Member].SwimState = u.SwimState
	env.Emit(SwimTakenDead{u.Member, u.Incarnation})
}

// suspicionOver confirms that a member is dead, as it has not refuted in time.
func (s *Swim) suspicionOver(env sim.Env, id sim.NodeID) {
	m := &s.members[id]
	if m.Status != SwimSuspect {
		return
	}
	s.endSuspicion(env, id)
	m.Status = SwimDead
	s.updates.put(id)
	env.Emit(SwimConfirmedDead{Member: id, Incarnation: m.Incarnation, At: s.now})
}

func (s *Swim) endSuspicion(env sim.Env, id sim.NodeID) {
	m := &s.members[id]
	if m.suspicion == nil {
		return
	}
	m.suspicion = nil
	env.StopTimer(sim.Timer{Name: swimSuspicionTimer, Key: uint64(id)})
}

// hearOfMyself refutes what others say, with an incarnation that prevails over theirs.
func (s *Swim) hearOfMyself(env sim.Env, said SwimState) {
	if !said.Overrides(SwimState{s.incarnation, SwimAlive}) {
		return
	}
	if !s.raise(env, said.Incarnation+1) {
		return
	}
	env.Emit(SwimRefuted{Incarnation: s.incarnation, Was: said.Status})
	s.announce()
	s.feel(env, 1)
}

// announce spreads that this member is alive.
func (s *Swim) announce() { s.updates.put(s.self) }

// State is what the member knows of another.
func (s *Swim) State(id sim.NodeID) SwimState {
	if int(id) >= len(s.members) {
		return SwimState{}
	}
	return s.members[id].SwimState
}

// Incarnation is the member's own.
func (s *Swim) Incarnation() uint64 { return s.incarnation }

// Halted reports whether its disk has stopped the member.
func (s *Swim) Halted() bool { return s.halted }

// Health is Lifeguard's local health multiplier, less one.
func (s *Swim) Health() int { return s.health }

// swimView is what readers see of a member.
type swimView struct {
	Incarnation   uint64
	Health        int
	Probing       sim.NodeID
	Suspect, Dead []sim.NodeID
}

// Inspect is part of sim.Inspector.
func (s *Swim) Inspect() any {
	v := swimView{Incarnation: s.incarnation, Health: s.health, Probing: s.probe.target}
	for i := range s.members {
		switch s.members[i].Status {
		case SwimSuspect:
			v.Suspect = append(v.Suspect, sim.NodeID(i))
		case SwimDead:
			v.Dead = append(v.Dead, sim.NodeID(i))
		}
	}
	return v
}
