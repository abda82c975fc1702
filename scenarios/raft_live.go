package scenarios

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/models/raft"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

// group is a scenario's view of its Raft members, for what must come about in the quiet tail.
type group struct {
	run     *Run
	clients func() (progress uint64, done bool) // nil without clients
	backlog uint64                              // the longest log of the core when everything was healed; 0 before that
	most    uint64                              // of replicated
	whole   bool                                // replicated has come to its end
}

// budget is how long things may stand still, once everything is healed, before they go on: the time of an election, that of
// a leadership that is to last (see oneLeader), and that of a client that looks for the leader.
//
// Elections are a matter of luck, with a tail that falls exponentially. In the worst of groups, three of four or five members
// that all must vote, with links of up to T/5 and oddly many equal timeouts, one in a hundred takes longer than 6 T, and
// each further 5 T leave a tenth of them undecided (20,000 elections of raft/election). So one in 10⁹ takes more than 41 T.
//
// A client that asks servers in turn comes to each, the members of the core among them: to one that follows the leader
// after those that do not, at most. A turn takes no longer than a retry, after as many refusals as there are servers: each
// hint leads to a member of a higher term.
func budget(p nemesis.Plan) time.Duration {
	others := p.Nodes - nemesis.Majority(p.Nodes)
	turn := retry(p) + time.Duration(p.Nodes)*(backoff+roundTrip(p))
	return 41*electionTimeout(p) + lasting(p) + time.Duration(others+1)*turn
}

// lasting is how long a leader must be followed by all: each of them would have campaigned several times, had they not
// heard it again and again.
func lasting(p nemesis.Plan) time.Duration { return 10 * electionTimeout(p) }

// member is the Raft member inside a server.
func (g *group) member(id sim.NodeID) *raft.Raft {
	switch n := g.run.World.Node(id).(type) {
	case *raft.Raft:
		return n
	case interface{ Raft() *raft.Raft }:
		return n.Raft()
	default:
		panic(fmt.Sprintf("%s is a %T, which has no Raft member", id, n))
	}
}

// runs reports whether a server can do anything at all.
func (g *group) runs(id sim.NodeID) bool {
	return g.run.World.Up(id) && !g.run.World.Paused(id) && !g.halted(id)
}

// halted reports whether a member's disk has stopped it.
func (g *group) halted(id sim.NodeID) bool {
	return g.run.World.Up(id) && g.member(id).State().Role == raft.Halted
}

// countsWhatIsThere checks what a leader takes its followers to have on their disks (matchIndex in Figure 2 of the paper):
// each that is no further than its term has these entries, whatever it has lost since. It looks into the members, since
// facts tell of a follower only what has left it, and a reboot tells its log entry by entry.
func (g *group) countsWhatIsThere(leader sim.NodeID, counts *checkers.Property) {
	l := g.member(leader)
	for _, id := range g.run.Servers() {
		if !g.runs(id) || g.member(id).Term() > l.Term() {
			continue
		}
		match := l.Match(id)
		if term := l.TermOf(match); !g.member(id).Has(match, term) {
			counts.Violatef("%v leads term %d and takes %v to have %d/%d (index/term), whose log ends at %d and has term %d there",
				leader, l.Term(), id, match, term, g.member(id).State().Last, g.member(id).TermOf(match))
			return
		}
	}
	counts.Hold()
}

// core lists the members that must make progress. One that its disk has stopped counts as failed.
func (g *group) core() []sim.NodeID {
	return slices.DeleteFunc(g.run.Core(), g.halted)
}

// leader returns who leads, with a majority of all members, and in which term; Nobody if nobody does. Others may believe
// to lead, for ever if nobody tells them better.
func (g *group) leader() (leader sim.NodeID, term uint64) {
	for _, id := range g.run.Servers() {
		m := g.member(id)
		if m.Leads() && g.runs(id) && g.majority(func(other sim.NodeID) bool { return g.follows(other, id, m.Term()) }) {
			return id, m.Term()
		}
	}
	return sim.Nobody, 0
}

func (g *group) majority(holds func(sim.NodeID) bool) bool {
	n := 0
	for _, id := range g.run.Servers() {
		if holds(id) {
			n++
		}
	}
	return n >= nemesis.Majority(g.run.Plan.Nodes)
}

// strays lists the members of the core that do not follow the leader.
func (g *group) strays(leader sim.NodeID, term uint64) []sim.NodeID {
	return slices.DeleteFunc(g.core(), func(id sim.NodeID) bool { return g.follows(id, leader, term) })
}

func (g *group) follows(id, leader sim.NodeID, term uint64) bool {
	m := g.member(id)
	return g.runs(id) && leader != sim.Nobody && m.Leader() == leader && m.Term() == term
}

// oneLeader demands that all of the core follow one leader for long. The best stretch is the progress. A leader outside of
// the core need only have a quorum: the plan may have cut it off from some of the core for ever, and then these ask for
// votes in vain, as they should.
func (g *group) oneLeader() {
	r := g.run
	var leader sim.NodeID
	var term uint64
	var since clock.Time
	leaders := 0
	r.Liveness("all follow one leader", Progress{
		Budget: budget(r.Plan),
		Await: func() (progress uint64, done bool) {
			now := r.World.Now()
			l, t := g.leader()
			if l != leader || t != term {
				leader, term, since = l, t, now
				if l != sim.Nobody {
					leaders++
				}
			}
			if !g.enough(l, func(id sim.NodeID) bool { return g.follows(id, l, t) }) {
				since = now
			}
			return uint64(now.Sub(since)), now.Sub(since) >= lasting(r.Plan)
		},
		Waiting: func() string {
			if leaders > 2 {
				return fmt.Sprintf("no leader lasted %v, of %d seen to come and go; %s", lasting(r.Plan), leaders, g.text())
			}
			return g.text()
		},
		Excuses: []Excuse{g.stopped()},
	})
}

// enough reports whether what holds of these members is what a leader needs.
func (g *group) enough(leader sim.NodeID, holds func(sim.NodeID) bool) bool {
	if slices.Contains(g.run.Core(), leader) {
		return !slices.ContainsFunc(g.core(), func(id sim.NodeID) bool { return !holds(id) })
	}
	return g.majority(holds)
}

// text says who leads, and who does not follow.
func (g *group) text() string {
	leader, term := g.leader()
	strays := g.strays(leader, term)
	text := make([]string, 0, len(strays)+1)
	if leader == sim.Nobody {
		text = append(text, "nobody leads")
	} else {
		text = append(text, fmt.Sprintf("%s leads in term %d", leader, term))
		for _, id := range g.core() {
			if !g.run.Net.Whole(id, leader) {
				text = append(text, fmt.Sprintf("it does not hear %s", id))
			}
		}
	}
	for _, id := range strays {
		s := g.member(id).State()
		switch {
		case !g.run.World.Up(id):
			text = append(text, fmt.Sprintf("%s is down", id))
		case s.Leader == sim.Nobody:
			text = append(text, fmt.Sprintf("%s follows nobody (%s in term %d)", id, s.Role, s.Term))
		case s.Leader == id:
			text = append(text, fmt.Sprintf("%s still leads in term %d", id, s.Term))
		default:
			text = append(text, fmt.Sprintf("%s follows %s in term %d%s", id, s.Leader, s.Term, g.state(s.Leader)))
		}
	}
	return strings.Join(text, ", ")
}

// state is what is wrong with a server that others follow.
func (g *group) state(id sim.NodeID) string {
	s := g.member(id).State()
	switch {
	case !g.run.World.Up(id):
		return ", which is down"
	case g.run.World.Paused(id):
		return ", which is paused"
	case s.Role != raft.Leader:
		return fmt.Sprintf(", which is a %s in term %d", s.Role, s.Term)
	default:
		return ""
	}
}

// operationsSucceed demands that all operations of the quiet tail succeed. A member of the core may have missed much, and
// without it there may be no quorum: each entry that it gets is progress, up to where the logs were when all was healed.
func (g *group) operationsSucceed() {
	r := g.run
	p := r.TailOps(g.idle)
	clients, waiting := p.Await, p.Waiting
	g.clients = func() (progress uint64, done bool) {
		progress, done = clients()
		return progress + g.replicated(), done
	}
	p.Await = g.clients
	p.Waiting = func() string { return waiting() + "; " + g.text() }
	p.Budget = budget(r.Plan)
	p.Excuses = []Excuse{g.stopped()}
	r.Liveness("operations in the quiet tail succeed", p)
}

// idle reports whether all clients are done.
func (g *group) idle() bool {
	w := g.run.World
	for id := g.run.Plan.ClientNode(1); int(id) <= w.Nodes(); id++ {
		if !w.Node(id).(*raft.Client).Done() {
			return false
		}
	}
	return true
}

// replicated is the most entries that a leader knew the members of the core to have, all in all. Those that came after
// everything was healed do not count: a leader that never lasts adds one with each election.
func (g *group) replicated() uint64 {
	if g.whole {
		return g.most
	}
	core, backlog := g.core(), g.backlog
	for _, id := range core {
		if g.backlog == 0 {
			backlog = max(backlog, g.member(id).State().Last)
		}
	}
	g.backlog = backlog
	if leader, _ := g.leader(); leader != sim.Nobody {
		match, sum := g.member(leader).State().Match, uint64(0)
		for _, id := range core {
			sum += min(match[id], backlog)
		}
		g.most = max(g.most, sum)
		g.whole = g.most == backlog*uint64(len(core))
	}
	return g.most
}

// logsAgree demands that all of the core come to have the leader's log, all of it committed, once there is nothing new; or
// a quorum, if the leader is outside of the core.
func (g *group) logsAgree() {
	r := g.run
	agrees := func(id, leader sim.NodeID, last uint64) bool {
		s := g.member(id).State()
		return s.Last == last && s.Commit == last && g.runs(id) && s.Leader == leader
	}
	r.Liveness("all have the leader's log", Progress{
		Budget: budget(r.Plan),
		Await: func() (progress uint64, done bool) {
			progress, idle := g.replicated(), true
			if g.clients != nil {
				progress, idle = g.clients()
			}
			if !idle {
				return progress, false
			}
			leader, _ := g.leader()
			if leader == sim.Nobody {
				return progress, false
			}
			last := g.member(leader).State().Last
			return progress, g.enough(leader, func(id sim.NodeID) bool { return agrees(id, leader, last) })
		},
		Waiting: func() string {
			leader, term := g.leader()
			if leader == sim.Nobody || len(g.strays(leader, term)) > 0 {
				return g.text()
			}
			last := g.member(leader).State().Last
			text := fmt.Sprintf("the leader %s has %d entries", leader, last)
			for _, id := range g.core() {
				if s := g.member(id).State(); !agrees(id, leader, last) {
					text += fmt.Sprintf(", %s has %d and knows %d to be committed", id, s.Last, s.Commit)
				}
			}
			return text
		},
		Excuses: []Excuse{g.stopped()},
	})
}

// stopped is the one excuse: disks have stopped members, and no member that runs reaches a quorum of such. Nobody boots in
// the quiet tail, and what is cut then is cut for ever, so that it stays so.
func (g *group) stopped() Excuse {
	return Excuse{Name: "disk errors have left no quorum", Holds: func() bool {
		stopped := false
		for _, id := range g.run.Servers() {
			stopped = stopped || g.halted(id)
			if g.reached(id) >= nemesis.Majority(g.run.Plan.Nodes) {
				return false
			}
		}
		return stopped
	}}
}

// reached counts the members that run and that this one can exchange messages with, itself included.
func (g *group) reached(id sim.NodeID) (n int) {
	net := g.run.Net
	for _, other := range g.run.Servers() {
		if g.runs(id) && g.runs(other) && (other == id || net.Whole(id, other) && net.Whole(other, id)) {
			n++
		}
	}
	return n
}

// disturbed reports whether a plan has faults that last for ever and leave their nodes a voice in the core: it is heard
// there, but does not hear, or hears at times only, or has a clock of its own. Without CheckQuorum, a leader that hears
// nobody is followed for ever; without PreVote, a member that hears nobody deposes one leader after the other by its terms
// (thesis, sections 6.2 and 9.6; Howard and Abraham, "Raft does not guarantee liveness in the face of network faults",
// decentralizedthoughts.github.io, 2020; Ng, Haridi and Carbone, "Omni-Paxos", EuroSys 2023, section 2). So Raft promises
// progress only with both, and raft/deposed shows what happens without.
func disturbed(p nemesis.Plan) bool {
	return slices.ContainsFunc(p.Faults, func(e nemesis.Event) bool {
		return e.Until == nemesis.Forever && !silences(e.Fault, p.Core)
	})
}

// silences reports whether the core hears nothing of the nodes that a fault concerns.
func silences(f nemesis.Fault, core []sim.NodeID) bool {
	switch f := f.(type) {
	case nemesis.Crash, nemesis.Pause, nemesis.Isolate, nemesis.Clog:
		return true
	case nemesis.Partition:
		if f.OneWay {
			return subset(core, f.Groups[1])
		}
		return slices.ContainsFunc(f.Groups, func(g []sim.NodeID) bool { return subset(core, g) })
	default:
		return false
	}
}

// subset reports whether all of a are in b.
func subset(a, b []sim.NodeID) bool {
	return !slices.ContainsFunc(a, func(id sim.NodeID) bool { return !slices.Contains(b, id) })
}
