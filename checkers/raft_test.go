package checkers

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/sim"
)

func tellRaft(r *Raft) func(t testing.TB, text string) {
	return func(t testing.TB, text string) {
		facts(t, text, func(verb string, w words) {
			switch verb {
			case "leader": // node term last
				r.Leader(w.node(0), w.num(1), w.num(2))
			case "follower": // node
				r.Follower(w.node(0))
			case "restart": // node
				r.Restart(w.node(0))
			case "append": // node index term command
				r.Append(w.node(0), w.num(1), w.num(2), hashText(0, w.text(3)))
			case "truncate": // node from
				r.Truncate(w.node(0), w.num(1))
			case "commit": // node index term current
				r.Commit(w.node(0), w.num(1), w.num(2), w.num(3))
			case "apply": // node index term command
				r.Apply(w.node(0), w.num(1), w.num(2), hashText(0, w.text(3)))
			default:
				require.Fail(t, verb)
			}
		})
	}
}

// figure8 is Figure 8 of the paper up to (c): n1 leads terms 2 and 4, n5 term 3; entry 2/2 is on a majority.
const figure8 = `
	append n1 1 1 a
	append n2 1 1 a
	append n3 1 1 a
	append n4 1 1 a
	append n5 1 1 a
	leader n1 2 1
	append n1 2 2 b
	append n2 2 2 b
	restart n1
	append n1 1 1 a
	append n1 2 2 b
	leader n5 3 1
	append n5 2 3 c
	restart n5
	append n5 1 1 a
	append n5 2 3 c
	leader n1 4 2
	append n3 2 2 b
	append n1 3 4 d
`

func TestRaft(t *testing.T) {
	judge(t, []story{
		{name: "nothing is told", verdict: Unknown},
		{name: "only logs of one member", facts: `restart n1
			truncate n1 4
			follower n1`, verdict: Unknown},
		{name: "one term", facts: `
			leader n1 1 0
			append n1 1 1 a
			append n2 1 1 a
			commit n1 1 1 1
			apply n1 1 1 a
			commit n2 1 1 1
			apply n2 1 1 a`, verdict: Valid},
		{name: "leader again after a crash", facts: `
			leader n1 1 0
			append n1 1 1 a
			restart n1
			append n1 1 1 a
			leader n1 2 1`, verdict: Valid},

		{name: "two leaders", facts: `
			leader n1 7 0
			leader n2 8 0
			follower n1
			leader n3 7 0`, verdict: Invalid,
			property: "at most one leader per term", detail: "n1 and n3 both lead term 7"},

		{name: "a leader truncates", facts: `
			append n1 1 1 a
			leader n1 2 1
			append n1 2 2 b
			truncate n1 2`, verdict: Invalid,
			property: "a leader only appends to its log", detail: "n1, leader of term 2, removes its entries from 2/2 (index/term) on"},
		{name: "a leader overwrites", facts: `
			append n1 1 1 a
			leader n1 2 1
			append n1 1 2 b`, verdict: Invalid,
			property: "a leader only appends to its log"},
		{name: "a former leader truncates", facts: `
			append n1 1 1 a
			leader n1 2 1
			append n1 2 2 b
			follower n1
			truncate n1 2
			append n1 2 3 c`, verdict: Valid},
		{name: "a restarted leader has lost what was not synced", facts: `
			leader n1 2 0
			append n1 1 2 b
			restart n1
			append n1 1 3 c`, verdict: Valid},

		{name: "equal entries after different ones", facts: `
			append n1 1 1 a
			append n2 1 2 b
			append n1 2 3 c
			append n2 2 3 c`, verdict: Invalid,
			property: "logs with an equal entry are equal up to it",
			detail:   "n1 and n2 have different logs up to their entry 2/3 (index/term): at 1 they have terms 1 and 2"},
		{name: "two commands in one entry", facts: `
			append n1 1 1 a
			append n2 1 1 b`, verdict: Invalid,
			property: "logs with an equal entry are equal up to it", detail: "at 1 they have terms 1 and 1 with another command"},
		{name: "a gap", facts: `
			append n1 1 1 a
			append n1 3 1 c`, verdict: Invalid,
			property: "logs with an equal entry are equal up to it", detail: "n1 appends entry 3/1 (index/term) to a log that ends at 1"},
		{name: "logs differ, later terms at one index included", facts: `
			append n1 1 1 a
			append n2 1 2 b
			append n3 1 3 c
			append n4 1 3 c
			append n5 1 2 b
			truncate n1 1
			append n1 1 3 c
			append n1 2 3 d
			append n4 2 3 d`, verdict: Valid},

		{name: "figure 8, (d) by the rules", facts: figure8 + `
			leader n5 5 2
			truncate n1 2
			append n1 2 3 c
			append n2 2 3 c`, verdict: Invalid, // n1 still leads term 4, as far as it told
			property: "a leader only appends to its log"},
		{name: "figure 8, (d) after n1 stepped down", facts: figure8 + `
			follower n1
			leader n5 5 2
			truncate n1 2
			append n1 2 3 c
			truncate n2 2
			append n2 2 3 c`, verdict: Valid},
		{name: "figure 8, commitment by counting replicas", facts: figure8 + `
			commit n1 2 2 4
			leader n5 5 2`, verdict: Invalid,
			property: "a leader has all entries committed in earlier terms",
			detail:   "n5 leads term 5 without entry 2/2 (index/term), which n1 committed in term 4: it has 2/3"},
		{name: "figure 8, (e)", facts: figure8 + `
			append n2 3 4 d
			append n3 3 4 d
			commit n1 3 4 4
			leader n2 6 3`, verdict: Valid},
		{name: "a leader with a short log", facts: `
			append n1 1 1 a
			append n2 1 1 a
			commit n1 1 1 1
			leader n3 2 0`, verdict: Invalid,
			property: "a leader has all entries committed in earlier terms", detail: "its log ends before it"},
		{name: "a leader that tells its log late", facts: `
			append n1 1 1 a
			commit n1 1 1 1
			leader n2 2 1
			append n2 1 1 a`, verdict: Valid},
		{name: "a leader that tells the wrong log late", facts: `
			append n1 1 2 a
			commit n1 1 2 2
			leader n2 3 1
			append n2 1 1 a`, verdict: Invalid,
			property: "a leader has all entries committed in earlier terms", detail: "it has 1/1"},
		{name: "an old leader elected late lacks what later terms committed", facts: `
			append n1 1 5 a
			commit n1 1 5 5
			leader n2 3 0`, verdict: Valid},
		{name: "an old leader commits late what a later leader lacks", facts: `
			append n1 1 3 a
			append n2 1 3 a
			leader n3 5 0
			commit n1 1 3 3`, verdict: Invalid,
			property: "a leader has all entries committed in earlier terms", detail: "n3 leads term 5 without entry 1/3"},
		{name: "an old leader moves the term of commitment back", facts: `
			append n1 1 3 a
			append n1 2 3 b
			append n2 1 3 a
			append n2 2 3 b
			commit n2 1 3 5
			commit n1 2 3 3
			leader n3 4 0`, verdict: Invalid,
			property: "a leader has all entries committed in earlier terms", detail: "n3 leads term 4 without entry 1/3 (index/term), which n1 committed in term 3"},

		{name: "two entries committed at one index", facts: `
			append n1 1 1 a
			append n2 1 2 b
			commit n1 1 1 1
			commit n2 1 2 2`, verdict: Invalid,
			property: "all members commit and apply the same entry at an index", detail: "n2 commits 1/2 (index/term), where n1 has committed 1/1"},
		{name: "an entry committed over a different log", facts: `
			append n1 1 1 a
			append n2 1 2 b
			append n2 2 2 c
			commit n1 1 1 1
			commit n2 2 2 2`, verdict: Invalid,
			property: "all members commit and apply the same entry at an index", detail: "n2 commits 2/2 (index/term) and with it 1/2, where n1 has committed 1/1"},
		{name: "commitment of nothing", facts: `
			append n1 1 1 a
			commit n1 2 1 1`, verdict: Invalid,
			property: "all members commit and apply the same entry at an index", detail: "in no log"},
		{name: "commitment before the own disk", facts: `
			append n2 1 1 a
			append n3 1 1 a
			commit n1 1 1 1
			append n1 1 1 a
			leader n2 2 1`, verdict: Valid},
		{name: "different commands applied", facts: `
			apply n1 1 1 a
			apply n2 1 1 b`, verdict: Invalid,
			property: "all members commit and apply the same entry at an index", detail: "n2 applies 1/1 (index/term), where 1/1 was applied before with another command"},
		{name: "applied is not what was committed", facts: `
			append n1 1 1 a
			commit n1 1 1 1
			apply n2 1 2 b`, verdict: Invalid,
			property: "all members commit and apply the same entry at an index", detail: "n2 applies 1/2 (index/term), where n1 has committed 1/1"},
		{name: "applied with a gap", facts: `
			apply n1 1 1 a
			apply n1 3 1 c`, verdict: Invalid,
			property: "all members commit and apply the same entry at an index", detail: "n1 applies entry 3 after 1"},
		{name: "applied again after a restart, and from a snapshot", facts: `
			apply n1 1 1 a
			apply n1 2 1 b
			restart n1
			apply n1 1 1 a
			apply n2 2 1 b`, verdict: Valid},
	}, func(s *Set) (func(testing.TB, string), func()) {
		r := NewRaft(s)
		return tellRaft(r), r.Reset
	})
}

// TestRaftAgainstWholeLogs compares the chains and frontiers with a checker that compares whole logs at every step.
func TestRaftAgainstWholeLogs(t *testing.T) {
	type entry struct{ term, digest uint64 }
	verdicts := map[Verdict]int{}
	rapid.Check(t, func(t *rapid.T) {
		set := NewSet(nil)
		r := NewRaft(set)
		var (
			logs      [4][]entry
			leads     [4]uint64
			leaderOf  = map[uint64]int{}
			committed []entry
			in        []uint64 // the least term that said so, by entry
			broken    string
		)
		want := func(ok bool, property string) {
			if !ok && broken == "" {
				broken = property
			}
		}
		whole := func() {
			for id, term := range leads {
				for i := range committed {
					if term > in[i] {
						want(i < len(logs[id]) && logs[id][i] == committed[i], r.leaderCompleteness.Name)
					}
				}
			}
		}
		for range rapid.IntRange(1, 30).Draw(t, "facts") {
			id := rapid.IntRange(1, 3).Draw(t, "node")
			log := &logs[id]
			node := sim.NodeID(id)
			switch rapid.SampledFrom([]string{"append", "append", "append", "copy", "copy", "copy", "truncate", "leader", "follower", "commit", "commit"}).Draw(t, "fact") {
			case "append":
				// Entries are made as leaders make them, but for rare slips: one command per index, term and history.
				e := entry{term: rapid.Uint64Range(1, 4).Draw(t, "term")}
				for _, p := range *log {
					e.digest = e.digest*31 + p.term + p.digest
				}
				if rapid.IntRange(0, 40).Draw(t, "slip") == 0 {
					e.digest++
				}
				*log = append(*log, e)
				r.Append(node, uint64(len(*log)), e.term, e.digest)
			case "copy":
				from := logs[rapid.IntRange(1, 3).Draw(t, "from")]
				if len(from) > len(*log) {
					e := from[len(*log)]
					*log = append(*log, e)
					r.Append(node, uint64(len(*log)), e.term, e.digest)
				}
			case "truncate":
				if n := len(*log); n > 0 {
					from := rapid.IntRange(1, n).Draw(t, "from")
					want(leads[id] == 0, r.leaderAppendOnly.Name)
					*log = (*log)[: from-1 : from-1]
					r.Truncate(node, uint64(from))
				}
			case "leader":
				term := rapid.Uint64Range(1, 6).Draw(t, "term")
				if other, ok := leaderOf[term]; ok {
					want(other == id, r.electionSafety.Name)
				}
				leaderOf[term], leads[id] = id, term
				whole()
				r.Leader(node, term, uint64(len(*log)))
			case "follower":
				leads[id] = 0
				r.Follower(node)
			case "commit":
				n := rapid.IntRange(0, len(*log)).Draw(t, "index")
				if n == 0 {
					continue
				}
				current := rapid.Uint64Range(1, 6).Draw(t, "current")
				for i, e := range (*log)[:n] {
					if i < len(committed) {
						want(committed[i] == e, r.stateMachineSafety.Name)
						in[i] = min(in[i], current)
					} else {
						committed, in = append(committed, e), append(in, current)
					}
				}
				whole()
				r.Commit(node, uint64(n), (*log)[n-1].term, current)
			}
			// Log Matching, over all pairs.
			for a := range logs {
				for b := range logs[:a] {
					for i := range min(len(logs[a]), len(logs[b])) {
						if logs[a][i].term == logs[b][i].term {
							for j := range i + 1 {
								want(logs[a][j] == logs[b][j], r.logMatching.Name)
							}
						}
					}
				}
			}
			v := set.Violation()
			if v != nil && v.Property == r.logMatching.String() && broken == "" {
				broken = r.logMatching.Name // the other log has been cut since: the checker remembers it
			}
			if broken != "" {
				require.NotNil(t, v, broken)
				require.Contains(t, v.Property, broken)
				verdicts[Invalid]++
				return
			}
			require.Nil(t, v)
		}
		verdicts[Valid]++
	})
	t.Log(verdicts)
	require.Positive(t, verdicts[Valid])
	require.Positive(t, verdicts[Invalid])
}

// runRaft tells of five members that elect a leader, replicate, commit and apply n entries, with a change of leader.
func runRaft(r *Raft, n uint64) {
	r.Leader(1, 1, 0)
	term, leader := uint64(1), sim.NodeID(1)
	for i := uint64(1); i <= n; i++ {
		if i == n/2 {
			r.Follower(1)
			term, leader = 2, 2
			r.Leader(2, 2, i-1)
		}
		for id := sim.NodeID(1); id <= 5; id++ {
			r.Append(id, i, term, i*7919)
		}
		r.Commit(leader, i, term, term)
		r.Apply(leader, i, term, i*7919)
		for id := sim.NodeID(1); id <= 5; id++ {
			if id != leader {
				r.Commit(id, i, term, term)
				r.Apply(id, i, term, i*7919)
			}
		}
	}
}

func BenchmarkRaft(b *testing.B) {
	b.Run("nodes=5/entries=100/reused", func(b *testing.B) {
		set := NewSet(nil)
		r := NewRaft(set)
		b.ReportAllocs()
		for b.Loop() {
			set.Reset()
			r.Reset()
			runRaft(r, 100)
		}
		require.Equal(b, Valid, set.Result().Verdict)
	})
	b.Run("nodes=5/entries=100/fresh", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			runRaft(NewRaft(NewSet(nil)), 100)
		}
	})
}
