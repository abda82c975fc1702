package checkers

import (
	"fmt"
	"slices"

	"github.com/seedbed-sim/seedbed/sim"
)

// Raft checks the five properties of Figure 3 in "In Search of an Understandable Consensus Algorithm" (Ongaro and
// Ousterhout 2014) while a run happens. It is fed what the members claim and keeps a mirror of each log:
//
//	BecameLeader → Leader      Appended  → Append      Recovered → Restart, then Append for each entry found
//	SteppedDown  → Follower    Truncated → Truncate    Committed → Commit      Applied → Apply
//
// Each call is O(1) amortised. A log is a chain of digests, each over the one before it, so that two logs agree up to an
// index if and only if (but for collisions of 64-bit digests) their links there are equal. Indexes count from 1.
type Raft struct {
	electionSafety     *Property
	leaderAppendOnly   *Property
	logMatching        *Property
	leaderCompleteness *Property
	stateMachineSafety *Property

	members   []raftMember // by id
	leaders   []leadership // one per term, in order of election
	highest   uint64       // term of leaders
	first     []link       // by index: the first entry seen there; later ones of other terms are in others
	others    []link
	committed []raftEntry // by index
	frontiers []frontier  // in increasing order of upTo and, strictly, of term
	applied   []raftEntry // by index; links are not kept
}

type raftMember struct {
	log     []raftEntry // the mirror: log[0] is the empty log before the first entry
	leads   uint64      // term; 0: follower
	last    uint64      // end of a leader's log at its election, as it says
	owes    uint64      // a leader's mirror must come to have the committed entries up to here; 0: it has what it must
	applied uint64      // last index since the last restart; 0: none yet
}

type raftEntry struct {
	term, digest uint64
	chain        uint64 // digest of this entry and all before it
}

type leadership struct {
	term uint64
	node sim.NodeID
}

// link is the chain that an entry of this term ends at its index.
type link struct {
	term, chain uint64
	node        sim.NodeID // the first with it
	other       int        // 1 + place in others of the next one at this index; 0: none
}

// frontier tells that the entries up to an index were committed in this term or before.
type frontier struct {
	upTo, term uint64
	node       sim.NodeID // that said so
}

// entries is how many a log may have before the mirrors grow.
const entries = 128

// NewRaft registers the five properties with the run's set.
func NewRaft(s *Set) *Raft {
	r := &Raft{
		electionSafety:     s.Always("at most one leader per term"),
		leaderAppendOnly:   s.Always("a leader only appends to its log"),
		logMatching:        s.Always("logs with an equal entry are equal up to it"),
		leaderCompleteness: s.Always("a leader has all entries committed in earlier terms"),
		stateMachineSafety: s.Always("all members commit and apply the same entry at an index"),

		members:   make([]raftMember, 0, 8),
		first:     make([]link, 0, entries),
		committed: make([]raftEntry, 0, entries),
		applied:   make([]raftEntry, 0, entries),
	}
	r.Reset()
	return r
}

// Reset forgets everything, for the next run. The set is reset by its owner.
func (r *Raft) Reset() {
	for i := range r.members {
		r.members[i] = raftMember{log: r.members[i].log[:min(1, len(r.members[i].log))]}
	}
	r.leaders, r.highest = r.leaders[:0], 0
	r.first, r.others = append(r.first[:0], link{}), r.others[:0]
	r.committed = append(r.committed[:0], raftEntry{})
	r.frontiers = r.frontiers[:0]
	r.applied = append(r.applied[:0], raftEntry{})
}

// Leader tells that a member leads a term from now on. lastIndex is the end of its log, which may be ahead of what was
// told by Append so far; the checker waits for the rest.
func (r *Raft) Leader(id sim.NodeID, term, lastIndex uint64) {
	m := r.member(id)
	m.leads, m.last = term, lastIndex
	if other := r.leaderOf(term, id); other != id {
		r.electionSafety.Violatef("%v and %v both lead term %d", other, id, term)
		return
	}
	r.electionSafety.Hold()
	r.complete(id)
}

// Follower tells that a member does not lead any more.
func (r *Raft) Follower(id sim.NodeID) {
	m := r.member(id)
	m.leads, m.last, m.owes = 0, 0, 0
}

// Restart tells that a member has lost its memory. Its log is empty until Append tells what it recovered.
func (r *Raft) Restart(id sim.NodeID) {
	m := r.member(id)
	*m = raftMember{log: m.log[:1]}
}

// Append tells that a member's log has this entry. It replaces a different one at its index, and all behind that.
func (r *Raft) Append(id sim.NodeID, index, term, digest uint64) {
	m := r.member(id)
	end := uint64(len(m.log))
	if index < end && index > 0 {
		if e := &m.log[index]; e.term == term && e.digest == digest {
			return
		}
		r.Truncate(id, index)
		end = index
	}
	if index != end {
		r.logMatching.Violatef("%v appends entry %d/%d (index/term) to a log that ends at %d", id, index, term, end-1)
		return
	}
	e := raftEntry{term, digest, mix(mix(m.log[end-1].chain, term), digest)}
	m.log = append(m.log, e)
	if m.leads != 0 {
		r.leaderAppendOnly.Hold()
	}
	l := r.linkTo(index, term, e.chain, id)
	if l.chain != e.chain {
		r.logMatching.Violatef("%v and %v have different logs up to their entry %d/%d (index/term)%s",
			l.node, id, index, term, r.difference(l, index, id))
		return
	}
	r.logMatching.Hold()
	if m.owes == index {
		m.owes = 0
		r.complete(id)
	}
}

// Truncate tells that the entries from this index on are gone from a member's log.
func (r *Raft) Truncate(id sim.NodeID, from uint64) {
	m := r.member(id)
	if from == 0 || from >= uint64(len(m.log)) {
		return
	}
	if m.leads != 0 {
		r.leaderAppendOnly.Violatef("%v, leader of term %d, removes its entries from %d/%d (index/term) on",
			id, m.leads, from, m.log[from].term)
	}
	m.log = m.log[:from]
}

// Commit tells that a member, in its own current term, knows the entries up to this one to be committed.
func (r *Raft) Commit(id sim.NodeID, index, term, current uint64) {
	source := r.holder(id, index, term)
	if source == nil {
		r.stateMachineSafety.Violatef("%v commits %d/%d (index/term), which is in no log", id, index, term)
		return
	}
	if index < uint64(len(r.committed)) {
		if source[index].chain != r.committed[index].chain {
			at := firstDifference(source, r.committed)
			r.stateMachineSafety.Violatef("%v commits %d/%d (index/term), where %v has committed %d/%d",
				id, at, source[at].term, r.committer(at), at, r.committed[at].term)
			return
		}
	} else {
		known := uint64(len(r.committed)) - 1
		if source[known].chain != r.committed[known].chain {
			at := firstDifference(source, r.committed)
			r.stateMachineSafety.Violatef("%v commits %d/%d (index/term) and with it %d/%d, where %v has committed %d/%d",
				id, index, term, at, source[at].term, r.committer(at), at, r.committed[at].term)
			return
		}
		r.committed = append(r.committed, source[known+1:index+1]...)
	}
	r.stateMachineSafety.Hold()
	if r.advance(frontier{index, current, id}) && current < r.highest {
		for i := range r.members {
			if m := &r.members[i]; m.leads > current {
				r.complete(sim.NodeID(i))
			}
		}
	}
}

// Apply tells that a member's state machine has taken this entry.
func (r *Raft) Apply(id sim.NodeID, index, term, digest uint64) {
	m := r.member(id)
	if m.applied != 0 && index != m.applied+1 {
		r.stateMachineSafety.Violatef("%v applies entry %d after %d", id, index, m.applied)
		return
	}
	m.applied = index
	if index < uint64(len(r.committed)) {
		if c := &r.committed[index]; c.term != term || c.digest != digest {
			r.stateMachineSafety.Violatef("%v applies %d/%d (index/term), where %v has committed %d/%d%s",
				id, index, term, r.committer(index), index, c.term, otherDigest(c.term == term))
			return
		}
	}
	for index >= uint64(len(r.applied)) {
		r.applied = append(r.applied, raftEntry{})
	}
	a := &r.applied[index]
	if a.term == 0 && a.digest == 0 {
		a.term, a.digest = term, digest
	}
	if a.term != term || a.digest != digest {
		r.stateMachineSafety.Violatef("%v applies %d/%d (index/term), where %d/%d was applied before%s",
			id, index, term, index, a.term, otherDigest(a.term == term))
		return
	}
	r.stateMachineSafety.Hold()
}

// complete checks that a leader has what was committed in terms before its own. What it has not told of its log yet is left
// for Append.
func (r *Raft) complete(id sim.NodeID) {
	m := &r.members[id]
	i := len(r.frontiers) - 1
	for i >= 0 && r.frontiers[i].term >= m.leads {
		i--
	}
	if i < 0 {
		return
	}
	f := r.frontiers[i]
	end := uint64(len(m.log)) - 1
	switch {
	case f.upTo > end && f.upTo <= m.last:
		m.owes = f.upTo
	case f.upTo > end || m.log[f.upTo].chain != r.committed[f.upTo].chain:
		at := firstDifference(m.log, r.committed)
		instead := "its log ends before it"
		if at < uint64(len(m.log)) {
			instead = fmt.Sprintf("it has %d/%d", at, m.log[at].term)
		}
		r.leaderCompleteness.Violatef("%v leads term %d without entry %d/%d (index/term), which %v committed in term %d: %s",
			id, m.leads, at, r.committed[at].term, r.committer(at), r.commitTerm(at), instead)
	default:
		r.leaderCompleteness.Hold()
	}
}

// advance takes note of a frontier. It returns false if it says nothing new.
func (r *Raft) advance(f frontier) bool {
	n := len(r.frontiers)
	i := n // of the first frontier that reaches as far
	for i > 0 && r.frontiers[i-1].upTo >= f.upTo {
		i--
	}
	if i < n && r.frontiers[i].term <= f.term {
		return false
	}
	lo := i // what is between says less than f
	for lo > 0 && r.frontiers[lo-1].term >= f.term {
		lo--
	}
	r.frontiers = slices.Replace(r.frontiers, lo, i, f)
	return true
}

// leaderOf returns the first leader of a term, which is id if there was none.
func (r *Raft) leaderOf(term uint64, id sim.NodeID) sim.NodeID {
	for _, l := range slices.Backward(r.leaders) {
		if l.term == term {
			return l.node
		}
	}
	r.leaders = append(r.leaders, leadership{term, id})
	r.highest = max(r.highest, term)
	return id
}

// linkTo returns the link of the first entry of this index and term, which is the given one if there was none.
func (r *Raft) linkTo(index, term, chain uint64, id sim.NodeID) *link {
	if index == uint64(len(r.first)) {
		r.first = append(r.first, link{term, chain, id, 0})
	}
	l := &r.first[index]
	for l.term != term {
		if l.other == 0 {
			l.other = len(r.others) + 1
			r.others = append(r.others, link{term, chain, id, 0})
			return &r.others[len(r.others)-1]
		}
		l = &r.others[l.other-1]
	}
	return l
}

// holder returns a log with this entry: the member's own, or, if it commits before its own disk has the entry, another's.
func (r *Raft) holder(id sim.NodeID, index, term uint64) []raftEntry {
	if log := r.member(id).log; index < uint64(len(log)) && log[index].term == term {
		return log
	}
	for i := range r.members {
		if log := r.members[i].log; index < uint64(len(log)) && log[index].term == term {
			return log
		}
	}
	return nil
}

func (r *Raft) committer(index uint64) sim.NodeID { return r.frontierOf(index).node }
func (r *Raft) commitTerm(index uint64) uint64    { return r.frontierOf(index).term }

// frontierOf is the frontier that says that an entry is committed.
func (r *Raft) frontierOf(index uint64) frontier {
	for _, f := range r.frontiers {
		if f.upTo >= index {
			return f
		}
	}
	return frontier{}
}

// difference says where the log with an entry's first link and another member's log part.
func (r *Raft) difference(l *link, index uint64, id sim.NodeID) string {
	a, b := r.members[l.node].log, r.members[id].log
	at := firstDifference(a, b)
	if at > index || at >= uint64(len(a)) {
		return "" // the first log has changed since
	}
	return fmt.Sprintf(": at %d they have terms %d and %d%s", at, a[at].term, b[at].term, otherDigest(a[at].term == b[at].term))
}

// firstDifference is the first index where two logs differ, or one of them ends.
func firstDifference(a, b []raftEntry) uint64 {
	n := min(len(a), len(b))
	for i := range n {
		if a[i].chain != b[i].chain {
			return uint64(i)
		}
	}
	return uint64(n)
}

func otherDigest(sameTerm bool) string {
	if sameTerm {
		return " with another command"
	}
	return ""
}

func (r *Raft) member(id sim.NodeID) *raftMember {
	for int(id) >= len(r.members) {
		r.members = append(r.members, raftMember{})
	}
	m := &r.members[id]
	if m.log == nil {
		m.log = make([]raftEntry, 1, entries)
	}
	return m
}
