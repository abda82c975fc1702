package raft

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/sim"
)

// lone is member n1 of a group, without the others.
type lone struct {
	*sim.Recorder
	*Raft
	disk    *disksim.Disk
	applied []string
	answers []answer // to ReadIndex
}

type answer struct {
	token, index uint64
	err          error
}

// newLone returns a member of a group of the given size with a ballot and entries of these terms. Its disk syncs in
// 1 ms and loses what was not synced. Facts and packets of its boot are forgotten.
func newLone(t *testing.T, size int, b ballot, terms ...uint64) *lone {
	m := &lone{disk: disksim.New(1, 1, disksim.Config{SyncMin: ms, Crash: []disksim.Mode{disksim.LoseAll}})}
	c := Config{PreVote: true, CheckQuorum: true, Ready: func(_ sim.Env, token, index uint64, err error) {
		m.answers = append(m.answers, answer{token, index, err})
	}}
	for i := range size {
		c.Peers = append(c.Peers, sim.NodeID(i+1))
	}
	first := true
	m.Recorder = sim.NewRecorder(sim.Config{Disk: func(sim.NodeID) sim.Storage { return m.disk }}, 1, size, func(sim.NodeID) sim.Node {
		if first {
			first = false
			return preload{options{logs: [][]uint64{terms}, votes: []ballot{b}}, 0}
		}
		m.applied = nil
		m.Raft = New(c, func(_ sim.Env, e Entry) { m.applied = append(m.applied, e.Cmd) })
		return m.Raft
	})
	m.Advance(5 * ms)
	m.reboot()
	t.Cleanup(func() {
		if v := m.World.Violation(); v != nil {
			t.Errorf("%v\n%s", v, v.Stack)
		}
		m.World.Close()
	})
	return m
}

func (m *lone) reboot() {
	m.World.Crash(1)
	m.World.Restart(1)
	m.Advance(5 * ms)
	m.Facts, m.Sent = nil, nil
}

// hear receives a message and returns what is sent at once.
func (m *lone) hear(from sim.NodeID, msg sim.Message) []sim.Message {
	m.Recorder.Receive(from, msg)
	return m.said()
}

// later returns what is sent within a sync.
func (m *lone) later() []sim.Message {
	m.Advance(ms)
	return m.said()
}

func (m *lone) said() (msgs []sim.Message) {
	for _, s := range m.Take() {
		msgs = append(msgs, s.Msg)
	}
	return msgs
}

// lead makes the member win an election with the votes of n2 and following.
func (m *lone) lead(t *testing.T) {
	t.Helper()
	require.True(t, m.Do(func(env sim.Env) { m.campaign(env) }))
	m.Advance(ms)
	for id := 2; id <= m.quorum; id++ {
		m.hear(sim.NodeID(id), &VoteResponse{Term: m.term, Granted: true})
	}
	require.True(t, m.Leads())
	m.Advance(ms)
	m.Facts, m.Sent = nil, nil
}

func (m *lone) terms() (terms []uint64) {
	for _, e := range m.log[1:] {
		terms = append(terms, e.Term)
	}
	return terms
}

// entries are consecutive ones from the given index on.
func entries(first uint64, terms ...uint64) (es []Entry) {
	for i, term := range terms {
		es = append(es, Entry{Index: first + uint64(i), Term: term})
	}
	return es
}

func TestVoteIsOnDiskBeforeItIsSent(t *testing.T) {
	m := newLone(t, 3, ballot{})
	ask := &VoteRequest{Term: 1}
	require.Empty(t, m.hear(2, ask), "the sync takes 1 ms")
	require.Equal(t, []sim.Fact{BecameFollower{Term: 1}}, m.Facts)
	require.Equal(t, []sim.Message{&VoteResponse{Term: 1, Granted: true}}, m.later())
	require.Equal(t, Voted{Term: 1, For: 2}, m.Facts[1])

	m.reboot()
	require.Equal(t, []sim.Message{&VoteResponse{Term: 1}}, m.hear(3, ask), "one vote per term, over reboots")
	require.Equal(t, []sim.Message{&VoteResponse{Term: 1, Granted: true}}, m.hear(2, ask), "the same vote, for a lost answer")

	m.World.CrashAtSync(1, sim.InsideSync)
	m.hear(2, &VoteRequest{Term: 2})
	require.Empty(t, m.later())
	m.reboot()
	m.hear(3, &VoteRequest{Term: 2})
	require.Equal(t, []sim.Message{&VoteResponse{Term: 2, Granted: true}}, m.later(), "the vote for n2 had not left the node")
}

func TestVoteForUpToDateLogsOnly(t *testing.T) {
	for _, c := range []struct {
		lastIndex, lastTerm uint64
		granted             bool
	}{
		{3, 2, true},
		{4, 2, true},
		{1, 3, true},
		{2, 2, false},
		{9, 1, false},
		{0, 0, false},
	} {
		for _, pre := range []bool{false, true} {
			m := newLone(t, 3, ballot{term: 5}, 1, 2, 2)
			sent := append(m.hear(2, &VoteRequest{Term: 6, LastIndex: c.lastIndex, LastTerm: c.lastTerm, Pre: pre}), m.later()...)
			require.Len(t, sent, 1)
			require.Equal(t, c.granted, sent[0].(*VoteResponse).Granted, "%+v", c)
		}
	}
}

func TestPreVoteChangesNothing(t *testing.T) {
	m := newLone(t, 3, ballot{term: 5, vote: 3})
	ask := &VoteRequest{Term: 6, Pre: true}
	require.Equal(t, []sim.Message{&VoteResponse{Term: 6, Pre: true, Granted: true}}, m.hear(2, ask))
	require.Equal(t, []sim.Message{&VoteResponse{Term: 6, Pre: true, Granted: true}}, m.hear(3, ask), "to any number")
	require.Equal(t, []sim.Message{&VoteResponse{Term: 5, Pre: true}}, m.hear(2, &VoteRequest{Term: 5, Pre: true}), "a past term")
	require.Equal(t, ballot{term: 5, vote: 3}, m.ballot)
	require.Empty(t, m.Facts)

	m.hear(3, &AppendEntries{Term: 5})
	require.Equal(t, []sim.Message{&VoteResponse{Term: 5, Pre: true}}, m.hear(2, ask), "there is a leader")
	m.Advance(149 * ms)
	require.Equal(t, []sim.Message{&VoteResponse{Term: 5, Pre: true}}, m.hear(2, ask), "that was heard from")
	m.Advance(ms)
	require.Equal(t, []sim.Message{&VoteResponse{Term: 6, Pre: true, Granted: true}}, m.hear(2, ask))
}

func TestVotesAreDisregardedWhileALeaderIsHeard(t *testing.T) {
	m := newLone(t, 3, ballot{term: 5})
	m.hear(3, &AppendEntries{Term: 5})
	ask := &VoteRequest{Term: 9}
	require.Empty(t, m.hear(2, ask))
	require.Equal(t, ballot{term: 5}, m.ballot)
	m.Advance(150 * ms)
	m.hear(2, ask)
	require.Equal(t, []sim.Message{&VoteResponse{Term: 9, Granted: true}}, m.later())

	m.lead(t)
	require.Empty(t, m.hear(2, &VoteRequest{Term: 90, LastTerm: 90}), "a leader hears itself")
	require.True(t, m.Leads())
}

func TestCampaign(t *testing.T) {
	m := newLone(t, 5, ballot{term: 5, vote: 4}, 3, 4)
	m.Advance(300 * ms)
	require.Equal(t, []sim.Fact{BecamePreCandidate{Term: 5}}, m.Facts)
	sent := m.said()
	require.Len(t, sent, 4)
	require.Equal(t, &VoteRequest{Term: 6, LastIndex: 2, LastTerm: 4, Pre: true}, sent[0])
	require.Equal(t, ballot{term: 5, vote: 4}, m.ballot)

	yes := &VoteResponse{Term: 6, Pre: true, Granted: true}
	require.Empty(t, m.hear(2, yes))
	require.Empty(t, m.hear(2, yes), "a duplicate is no second vote")
	require.Empty(t, m.hear(3, &VoteResponse{Term: 5, Pre: true}))
	require.Equal(t, PreCandidate, m.role)
	require.Empty(t, m.hear(4, yes), "its own vote is on the way to the disk")
	require.Equal(t, []sim.Message{&VoteRequest{Term: 6, LastIndex: 2, LastTerm: 4}}, slices.Compact(m.later()))
	require.Equal(t, ballot{term: 6, vote: 1}, m.saved)

	m.hear(5, yes) // late
	m.hear(2, &VoteResponse{Term: 6, Granted: true})
	require.Equal(t, Candidate, m.role)
	m.hear(3, &VoteResponse{Term: 6, Granted: true})
	m.Advance(ms)
	require.Equal(t, []sim.Fact{
		BecamePreCandidate{Term: 5}, BecameCandidate{Term: 6}, Voted{Term: 6, For: 1},
		BecameLeader{Term: 6, LastIndex: 2}, Appended{&Entry{Index: 3, Term: 6}},
	}, m.Facts)
	require.Equal(t, []sim.Message{&AppendEntries{Term: 6, PrevIndex: 2, PrevTerm: 4, Entries: entries(3, 6)}}, slices.Compact(m.said()))
}

func TestHigherTermEndsEveryRole(t *testing.T) {
	for _, msg := range []sim.Message{
		&AppendResponse{Term: 9, Reject: true},
		&VoteResponse{Term: 9},
		&VoteResponse{Term: 9, Pre: true},
		&AppendEntries{Term: 9},
	} {
		for _, enter := range []func(*lone){
			func(m *lone) {},
			func(m *lone) { m.Do(func(env sim.Env) { m.preCampaign(env) }) },
			func(m *lone) { m.Do(func(env sim.Env) { m.campaign(env) }) },
			func(m *lone) { m.lead(t) },
		} {
			m := newLone(t, 3, ballot{term: 5})
			enter(m)
			m.Advance(ms)
			led := m.Leads()
			m.hear(2, msg)
			m.Advance(ms)
			require.Equal(t, Follower, m.role)
			require.Equal(t, ballot{term: 9}, m.saved)
			if led {
				require.Contains(t, m.Facts, SteppedDown{Term: 6, Why: WhyTerm})
			}
		}
	}
}

func TestStaleMessagesChangeNothing(t *testing.T) {
	m := newLone(t, 3, ballot{term: 5}, 1, 1)
	require.Equal(t, []sim.Message{&AppendResponse{Term: 5, Reject: true}}, m.hear(2, &AppendEntries{Term: 4, Entries: entries(1, 4)}))
	require.Equal(t, []sim.Message{&VoteResponse{Term: 5}}, m.hear(2, &VoteRequest{Term: 4, LastIndex: 9, LastTerm: 4}))
	require.Empty(t, m.hear(2, &VoteResponse{Term: 4, Granted: true}))
	require.Empty(t, m.hear(2, &AppendResponse{Term: 4, Index: 2}))
	require.Empty(t, m.hear(7, &AppendEntries{Term: 9}), "not a member")
	require.Empty(t, m.hear(2, "something else"))
	require.Empty(t, m.Facts)
	require.Equal(t, ballot{term: 5}, m.ballot)
	require.Equal(t, []uint64{1, 1}, m.terms())
}

func TestEntriesAreOnDiskBeforeTheyAreAcknowledged(t *testing.T) {
	m := newLone(t, 3, ballot{term: 1})
	m.hear(2, &AppendEntries{Term: 1}) // the leader is known from here on
	m.Facts = nil
	append3 := &AppendEntries{Term: 1, Entries: entries(1, 1, 1, 1), Commit: 2}
	syncs := m.disk.Stats().Syncs
	require.Empty(t, m.hear(2, append3))
	require.Empty(t, m.Facts)
	require.Equal(t, []sim.Message{&AppendResponse{Term: 1, Index: 3}}, m.later())
	require.Equal(t, syncs+1, m.disk.Stats().Syncs, "one sync for all")
	require.Equal(t, []sim.Fact{
		Appended{&Entry{Index: 1, Term: 1}}, Appended{&Entry{Index: 2, Term: 1}}, Appended{&Entry{Index: 3, Term: 1}},
		Committed{Index: 2, Term: 1, In: 1}, Applied{&Entry{Index: 1, Term: 1}}, Applied{&Entry{Index: 2, Term: 1}},
	}, m.Facts)

	require.Equal(t, []sim.Message{&AppendResponse{Term: 1, Index: 3}}, m.hear(2, append3), "what is there needs no sync")

	m.World.CrashAtSync(1, sim.InsideSync)
	m.hear(2, &AppendEntries{Term: 1, PrevIndex: 3, PrevTerm: 1, Entries: entries(4, 1)})
	require.Empty(t, m.later())
	m.World.Restart(1)
	m.Facts = nil
	m.Advance(5 * ms)
	require.Equal(t, Recovered{Term: 1, LastIndex: 3}, m.Facts[0])
	require.Len(t, m.Facts, 5, "the recovered entries are told, then its role: %v", m.Facts)
}

// Heartbeats and their answers neither write nor sync, and while nothing changes are made once.
func TestHeartbeatsCostNothing(t *testing.T) {
	f := newLone(t, 3, ballot{term: 1}, 1, 1)
	beat := &AppendEntries{Term: 1, PrevIndex: 2, PrevTerm: 1, Commit: 2}
	first := f.hear(2, beat)
	stats, facts := f.disk.Stats(), len(f.Facts)
	for range 10 {
		f.Advance(50 * ms)
		again := f.hear(2, beat)
		require.Len(t, again, 1)
		require.Same(t, first[0], again[0])
	}
	require.Equal(t, stats, f.disk.Stats())
	require.Len(t, f.Facts, facts)

	l := newLone(t, 3, ballot{term: 1})
	l.lead(t)
	l.hear(2, &AppendResponse{Term: 2, Index: 1})
	l.hear(3, &AppendResponse{Term: 2, Index: 1})
	stats, facts = l.disk.Stats(), len(l.Facts)
	l.Advance(50 * ms)
	beats := l.said()
	require.Equal(t, &AppendEntries{Term: 2, PrevIndex: 1, PrevTerm: 2, Commit: 1}, beats[0])
	for range 10 {
		l.hear(2, &AppendResponse{Term: 2, Index: 1})
		l.Advance(50 * ms)
		again := l.said()
		require.Len(t, again, 2)
		require.Same(t, beats[0], again[0])
		require.Same(t, beats[0], again[1])
	}
	require.Equal(t, stats, l.disk.Stats())
	require.Len(t, l.Facts, facts)
}

func TestMerge(t *testing.T) {
	for _, c := range []struct {
		name      string
		log       []uint64
		prev      uint64
		more      []uint64
		commit    uint64
		want      []uint64
		committed uint64
	}{
		{"appends", []uint64{1}, 1, []uint64{1, 2}, 0, []uint64{1, 1, 2}, 0},
		{"keeps what a late message does not have", []uint64{1, 1, 1}, 0, []uint64{1}, 0, []uint64{1, 1, 1}, 0},
		{"replaces from the conflict on", []uint64{1, 1, 2, 2}, 1, []uint64{1, 3}, 0, []uint64{1, 1, 3}, 0},
		{"commits no further than the message goes", []uint64{1, 2, 2}, 1, nil, 3, []uint64{1, 2, 2}, 1},
		{"commits what the message has", []uint64{1}, 1, []uint64{3, 3}, 2, []uint64{1, 3, 3}, 2},
	} {
		m := newLone(t, 3, ballot{term: 3}, c.log...)
		msg := &AppendEntries{Term: 3, PrevIndex: c.prev, Commit: c.commit, Entries: entries(c.prev+1, c.more...)}
		if c.prev > 0 {
			msg.PrevTerm = c.log[c.prev-1]
		}
		sent := append(m.hear(2, msg), m.later()...)
		require.Equal(t, []sim.Message{&AppendResponse{Term: 3, Index: c.prev + uint64(len(c.more))}}, sent, c.name)
		require.Equal(t, c.want, m.terms(), c.name)
		require.Equal(t, c.committed, m.commit, c.name)
		m.reboot()
		require.Equal(t, c.want, m.terms(), "%s: after a reboot", c.name)
	}
}

// A replaced entry may still be under way in a message, which must not change.
func TestReplacedEntriesStayInMessages(t *testing.T) {
	m := newLone(t, 3, ballot{term: 1})
	m.lead(t)
	m.Do(func(env sim.Env) { _, _, _ = m.Propose(env, "a", "b") })
	m.Advance(ms)
	sent := m.said()[0].(*AppendEntries)
	before := slices.Clone(sent.Entries)
	m.hear(3, &AppendEntries{Term: 9, PrevIndex: 1, PrevTerm: 2, Entries: entries(2, 9, 9, 9)})
	m.Advance(ms)
	require.Equal(t, []uint64{2, 9, 9, 9}, m.terms())
	require.Equal(t, before, sent.Entries)
}

func TestConflict(t *testing.T) {
	for _, c := range []struct {
		log                []uint64
		prev, prevTerm     uint64
		conflict, conflTrm uint64
	}{
		{nil, 5, 4, 1, 0},
		{[]uint64{1, 1}, 5, 4, 3, 0},
		{[]uint64{1, 1, 2, 2, 2}, 4, 4, 3, 2},
		{[]uint64{2, 2, 2}, 3, 4, 1, 2},
	} {
		m := newLone(t, 3, ballot{term: 9}, c.log...)
		sent := m.hear(2, &AppendEntries{Term: 9, PrevIndex: c.prev, PrevTerm: c.prevTerm, Commit: 9})
		require.Equal(t, []sim.Message{&AppendResponse{
			Term: 9, Index: c.prev, Reject: true, ConflictIndex: c.conflict, ConflictTerm: c.conflTrm,
		}}, sent)
		require.Zero(t, m.commit)
		require.Equal(t, c.log, m.terms())
	}
}

func TestBackUp(t *testing.T) {
	log := []uint64{1, 1, 1, 4, 4, 5, 5, 6, 6, 6}
	for _, c := range []struct {
		name     string
		conflict AppendResponse
		next     uint64
	}{
		{"to the end of a short log", AppendResponse{ConflictIndex: 5}, 5},
		{"to the last entry of a term that both have", AppendResponse{ConflictIndex: 4, ConflictTerm: 4}, 6},
		{"before a term that the leader lacks", AppendResponse{ConflictIndex: 4, ConflictTerm: 2}, 4},
	} {
		m := newLone(t, 3, ballot{term: 7}, log...)
		m.lead(t)
		r := c.conflict
		r.Term, r.Index, r.Reject = 8, 10, true
		sent := m.hear(2, &r)
		require.Len(t, sent, 1)
		require.Equal(t, c.next-1, sent[0].(*AppendEntries).PrevIndex, c.name)
		require.Len(t, sent[0].(*AppendEntries).Entries, 11-int(c.next)+1, c.name)
		require.Empty(t, m.hear(2, &r), "%s: a duplicate is late", c.name)

		m.Do(func(env sim.Env) { _, _, _ = m.Propose(env, "x") })
		m.Advance(ms)
		require.Len(t, m.Take(), 1, "%s: n2 is being probed, only n3 gets more", c.name)
		sent = m.hear(2, &AppendResponse{Term: 8, Index: 11})
		require.Equal(t, []sim.Message{&AppendEntries{
			Term: 8, PrevIndex: 11, PrevTerm: 8, Commit: 11, Entries: m.log[12:13],
		}}, sent, "%s: agreed, so the rest follows", c.name)
	}
}

// Figure 8 of the paper: entries of earlier terms are not committed by counting.
func TestCommitOwnTermOnly(t *testing.T) {
	m := newLone(t, 5, ballot{term: 3}, 1, 2)
	m.lead(t) // with 3/4
	m.hear(2, &AppendResponse{Term: 4, Index: 2})
	m.hear(3, &AppendResponse{Term: 4, Index: 2})
	m.hear(4, &AppendResponse{Term: 4, Index: 2})
	require.Zero(t, m.commit)
	m.hear(2, &AppendResponse{Term: 4, Index: 3})
	require.Zero(t, m.commit)
	m.hear(3, &AppendResponse{Term: 4, Index: 3})
	require.Equal(t, uint64(3), m.commit)
	require.Contains(t, m.Facts, Committed{Index: 3, Term: 4, In: 4})
}

// The index that a quorum has is the one that a count of all finds.
func TestAdvanceAgainstCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		match := rapid.SliceOfN(rapid.Uint64Range(0, 20), 1, 9).Draw(t, "match")
		r := New(Config{Peers: make([]sim.NodeID, len(match))}, nil)
		r.log = append(r.log, entries(1, make([]uint64, 20)...)...)
		r.peers, r.scores = make([]progress, len(match)), make([]uint64, len(match))
		for i := range match {
			r.peers[i].match = match[i]
		}
		r.commit = 20 // nothing to do for commitTo
		r.advance(nil)
		index := r.scores[len(match)-r.quorum]
		count := func(index uint64) (n int) {
			for _, m := range match {
				if m >= index {
					n++
				}
			}
			return n
		}
		require.GreaterOrEqual(t, count(index), r.quorum)
		require.Less(t, count(index+1), r.quorum)
	})
}

func TestPropose(t *testing.T) {
	m := newLone(t, 3, ballot{term: 1})
	m.Do(func(env sim.Env) {
		_, _, err := m.Propose(env, "a")
		require.Equal(t, ErrNotLeader, err)
	})
	m.lead(t)
	syncs := m.disk.Stats().Syncs
	m.Do(func(env sim.Env) {
		index, term, err := m.Propose(env, "a", "b", "c")
		require.NoError(t, err)
		require.Equal(t, uint64(2), index)
		require.Equal(t, uint64(2), term)
	})
	require.Empty(t, m.said())
	sent := m.later()
	require.Equal(t, syncs+1, m.disk.Stats().Syncs)
	require.Len(t, sent, 2)
	require.Same(t, sent[0], sent[1], "followers that lack the same share the message")
	require.Len(t, sent[0].(*AppendEntries).Entries, 3)
	m.hear(3, &AppendResponse{Term: 2, Index: 4})
	require.Equal(t, []string{"a", "b", "c"}, m.applied)
}

func TestGroupOfOne(t *testing.T) {
	m := newLone(t, 1, ballot{})
	m.Advance(310 * ms)
	require.True(t, m.Leads())
	require.True(t, m.Do(func(env sim.Env) {
		_, _, err := m.Propose(env, "a")
		require.NoError(t, err)
		require.NoError(t, m.ReadIndex(env, 7))
	}))
	require.Equal(t, []string{"a"}, m.applied)
	require.Equal(t, []answer{{7, 2, nil}}, m.answers)
	require.Empty(t, m.said())
}

func TestCheckQuorum(t *testing.T) {
	m := newLone(t, 5, ballot{term: 1})
	m.lead(t)
	for range 5 {
		m.Advance(100 * ms)
		m.hear(2, &AppendResponse{Term: 2, Index: 1})
		m.hear(3, &AppendResponse{Term: 2, Index: 1})
	}
	require.True(t, m.Leads())
	for range 4 {
		m.Advance(100 * ms)
		m.hear(2, &AppendResponse{Term: 2, Index: 1})
	}
	require.Contains(t, m.Facts, SteppedDown{Term: 2, Why: WhyQuorum})
	require.Contains(t, m.Facts, BecameFollower{Term: 2})
}

func TestReadIndex(t *testing.T) {
	m := newLone(t, 5, ballot{term: 1})
	read := func(token uint64) (err error) {
		require.True(t, m.Do(func(env sim.Env) { err = m.ReadIndex(env, token) }))
		return err
	}
	m.lead(t)
	require.Equal(t, ErrUnready, read(2), "nothing of its term is committed")
	m.hear(2, &AppendResponse{Term: 2, Index: 1})
	m.hear(3, &AppendResponse{Term: 2, Index: 1})
	m.Take()

	require.NoError(t, read(3))
	require.Equal(t, []sim.Message{&AppendEntries{Term: 2, PrevIndex: 1, PrevTerm: 2, Commit: 1, Round: 1}}, slices.Compact(m.said()))
	m.hear(2, &AppendResponse{Term: 2, Index: 1})
	m.hear(3, &AppendResponse{Term: 2, Index: 1})
	m.hear(4, &AppendResponse{Term: 2, Index: 1})
	require.Empty(t, m.answers, "answers to rounds before the call do not count")
	m.hear(4, &AppendResponse{Term: 2, Round: 1, Index: 1})
	require.NoError(t, read(4))
	m.hear(5, &AppendResponse{Term: 2, Round: 1, Index: 0, Reject: true, ConflictIndex: 1})
	require.Equal(t, []answer{{3, 1, nil}}, m.answers, "a quorum of n1, n4 and n5; also who rejects, follows")
	m.hear(5, &AppendResponse{Term: 2, Round: 2, Index: 1})
	m.hear(2, &AppendResponse{Term: 3, Reject: true})
	require.Equal(t, []answer{{3, 1, nil}, {4, 0, ErrLost}}, m.answers)
	m.Advance(ms)
	require.Equal(t, ErrNotLeader, read(5))
	require.Contains(t, m.Facts, ReadServed{Token: 3, Index: 1})
	require.Contains(t, m.Facts, ReadRefused{Token: 5, Why: ErrNotLeader.Error()})
	require.Contains(t, m.Facts, ReadRefused{Token: 2, Why: ErrUnready.Error()})
	require.Contains(t, m.Facts, ReadRefused{Token: 4, Why: ErrLost.Error()})
}

func TestDiskErrorHalts(t *testing.T) {
	for _, c := range []struct {
		name string
		act  func(*lone)
	}{
		{"vote", func(m *lone) { m.hear(2, &VoteRequest{Term: 9, LastIndex: 9, LastTerm: 9}) }},
		{"append", func(m *lone) { m.hear(2, &AppendEntries{Term: 9, Entries: entries(1, 9)}) }},
		{"term", func(m *lone) { m.hear(2, &AppendResponse{Term: 9, Reject: true}) }},
		{"propose", func(m *lone) { m.Do(func(env sim.Env) { _, _, _ = m.Propose(env, "x") }) }},
		{"campaign", func(m *lone) {
			m.Do(func(env sim.Env) { m.becomeFollower(env, m.term, sim.Nobody); m.campaign(env) })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newLone(t, 3, ballot{term: 1})
			if c.name == "propose" || c.name == "campaign" {
				m.lead(t)
			} else {
				m.Advance(160 * ms)
				m.Take()
			}
			m.disk.FailSyncs(sim.Million)
			c.act(m)
			require.Empty(t, m.later(), "nothing that depends on it is sent")
			require.Equal(t, Halted, m.role)
			stopped, ok := m.Facts[len(m.Facts)-1].(Stopped)
			require.True(t, ok, "%v", m.Facts)
			require.Contains(t, stopped.Err, sim.ErrIO.Error())

			m.disk.FailSyncs(0)
			facts := len(m.Facts)
			require.Empty(t, m.hear(2, &VoteRequest{Term: 99, LastIndex: 99, LastTerm: 99}))
			m.Do(func(env sim.Env) {
				_, _, err := m.Propose(env, "x")
				require.Equal(t, ErrStopped, err)
				require.Equal(t, ErrStopped, m.ReadIndex(env, 1))
			})
			m.Advance(10 * time.Second)
			require.Empty(t, m.said())
			require.Len(t, m.Facts, facts+1, "the refused read")

			m.World.Crash(1)
			m.World.Restart(1)
			m.Advance(10 * ms)
			require.Equal(t, Follower, m.role)
		})
	}
}

func TestOpenErrorHalts(t *testing.T) {
	m := newLone(t, 3, ballot{term: 1}, 1, 1, 1)
	m.hear(2, &AppendEntries{Term: 1, PrevIndex: 3, PrevTerm: 1, Entries: entries(4, 1)})
	m.Advance(ms)
	m.World.Crash(1)
	require.True(t, m.disk.Corrupt("raft/00000001.seg", 80, 0xff))
	m.World.Restart(1)
	m.Advance(10 * ms)
	require.Equal(t, Halted, m.role)
	require.IsType(t, Stopped{}, m.Facts[len(m.Facts)-1])
}

// What is saved is what is recovered, whatever replaced what.
func TestRecoverWhatWasSaved(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := newLone(t, 3, ballot{})
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			term := m.term + rapid.Uint64Range(0, 2).Draw(rt, "term")
			if rapid.Bool().Draw(rt, "vote") {
				m.hear(2, &VoteRequest{Term: term, LastIndex: 1 << 40, LastTerm: 1 << 40})
			} else {
				term = max(term, 1, m.log[m.last()].Term)
				prev := rapid.Uint64Range(0, m.last()).Draw(rt, "prev")
				terms := rapid.SliceOfN(rapid.Just(term), 1, 5).Draw(rt, "entries")
				m.hear(2, &AppendEntries{Term: term, PrevIndex: prev, PrevTerm: m.log[prev].Term, Entries: entries(prev+1, terms...)})
			}
			m.Advance(200 * ms)
			m.said()
			if m.role != Follower {
				m.Do(func(env sim.Env) { m.becomeFollower(env, m.term, sim.Nobody); m.persist(env) })
			}
			m.Advance(5 * ms)
			b, log := m.ballot, slices.Clone(m.log)
			m.reboot()
			require.Equal(rt, b, m.ballot)
			require.Equal(rt, log, m.log)
		}
	})
}

func TestRedoRefusesNonsense(t *testing.T) {
	for _, rec := range []string{"", "?", "B", "B\x01", "B\x05\x01!", "B\x01\x01", "E", "E\x00\x01", "E\x04\x09", "E\x03\x01", "E\x80"} {
		r := &Raft{ballot: ballot{term: 3}, log: append(make([]Entry, 1), entries(1, 1, 2)...)}
		err := r.redo([]byte(rec))
		assert.True(t, errors.Is(err, ErrCorrupt), "%q: %v", rec, err)
	}
}

func TestOpsSurviveTheLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		kv := KVOp{Kind: KVKind(rapid.IntRange(0, 4).Draw(t, "kind")), Key: text.Draw(t, "key"), Value: text.Draw(t, "value"), Old: text.Draw(t, "old")}
		log := LogOp{
			Kind: LogKind(rapid.IntRange(0, 1).Draw(t, "kind")), Offset: rapid.Uint64().Draw(t, "offset"), Count: rapid.Uint64().Draw(t, "count"),
			Record: strings.ReplaceAll(text.Draw(t, "record"), "\n", ""),
		}
		f := fields{s: string(kv.encode(nil))}
		require.Equal(t, kv, decodeKVOp(&f))
		require.True(t, f.whole())
		f = fields{s: string(log.encode(nil))}
		require.Equal(t, log, decodeLogOp(&f))
		require.True(t, f.whole())

		cut := fields{s: string(kv.encode(nil))}
		cut.s = cut.s[:rapid.IntRange(0, len(cut.s)-1).Draw(t, "cut")]
		decodeKVOp(&cut)
		require.False(t, cut.whole())
	})
}

func TestDigestTellsCommandsApart(t *testing.T) {
	seen := make(map[uint64]string)
	for _, s := range []string{"", "\x00", "\x00\x00", "a", "b", "ab", "ba", "12345678", "123456789", "12345678\x00", "87654321"} {
		d := digest(s)
		require.Empty(t, seen[d])
		seen[d] = s + "!"
	}
	require.Equal(t, uint64(0x7ab40e09), digest("")>>32, "stable over builds: it is in recorded runs")
}

// A candidate that cannot win does not hold back those that can: only a leader's message or a granted vote starts the
// wait anew.
func TestAHopelessCandidateHoldsNobodyBack(t *testing.T) {
	left := func(hear ...sim.Message) time.Duration {
		m := newLone(t, 3, ballot{term: 5}, 5, 5)
		m.Advance(100 * ms)
		before, ok := m.Armed(electionTimer)
		require.True(t, ok)
		for _, msg := range hear {
			m.hear(2, msg)
		}
		m.Advance(2 * ms)
		after, ok := m.Armed(electionTimer)
		require.True(t, ok)
		return after - before
	}
	assert.Equal(t, -2*ms, left())
	assert.Equal(t, -2*ms, left(&VoteRequest{Term: 6, LastIndex: 1, LastTerm: 5}), "its log is behind")
	assert.Positive(t, left(&VoteRequest{Term: 6, LastIndex: 2, LastTerm: 5}), "it gets the vote")
	assert.Positive(t, left(&AppendEntries{Term: 6, PrevIndex: 2, PrevTerm: 5}), "it leads")
}
