package gossip

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/sim"
)

// rumorRecorder is site n1 of five, with cycles of a second.
func rumorRecorder(t cleaner, seed uint64, c RumorConfig) *sim.Recorder {
	c.Sites, c.Cycle = 5, time.Second
	r := sim.NewRecorder(sim.Config{Seed: seed}, 1, c.Sites, func(sim.NodeID) sim.Node { return NewRumor(&c) })
	t.Cleanup(r.World.Close)
	return r
}

type cleaner interface{ Cleanup(func()) }

func rumorSite(r *sim.Recorder) *Rumor { return r.World.Node(1).(*Rumor) }

var rumorSeven = &Update{ID: 7, Text: "seven"}

func tellRumor(r *sim.Recorder) {
	r.Do(func(env sim.Env) { rumorSite(r).Tell(env, rumorSeven) })
}

// sent are the messages of one type that have left since it was asked last.
func sent[M any](r *sim.Recorder) (list []M) {
	for _, s := range r.Take() {
		if m, ok := s.Msg.(M); ok {
			list = append(list, m)
		}
	}
	return list
}

func rumorFacts[F any](r *sim.Recorder) (list []F) {
	for _, f := range r.Facts {
		if f, ok := f.(F); ok {
			list = append(list, f)
		}
	}
	r.Facts = nil
	return list
}

// contacts is how many partners a site that pushes tells its rumor, at most 60, before it loses interest. Their answers are
// k, known; n, needed; or -, none. The last goes on.
func contacts(t cleaner, seed uint64, c RumorConfig, answers string) (n int) {
	c.Push, c.Aligned = true, true
	r := rumorRecorder(t, seed, c)
	tellRumor(r)
	for n < 60 {
		r.Advance(time.Second)
		all := r.Take()
		if len(all) == 0 {
			break
		}
		answer := answers[min(n, len(answers)-1)]
		for _, s := range all {
			n++
			if answer != '-' {
				r.Receive(s.To, &RumorFeedback{ID: 7, Known: answer == 'k'})
			}
		}
	}
	return n
}

// Demers et al. 1987, section 1.4: interest is lost by a counter or a coin, with feedback or blindly.
func TestRumorLosesInterest(t *testing.T) {
	const never = 60
	counter, blind := RumorConfig{K: 3}, RumorConfig{K: 3, Blind: true}
	for _, c := range []struct {
		name    string
		config  RumorConfig
		answers string
		want    int
	}{
		{"feedback, counter", counter, "k", 3},
		{"feedback, counter: useful contacts", counter, "n", never},
		{"feedback, counter: no answers", counter, "-", never},
		{"feedback, counter: a useful contact sets it back", counter, "kknkkk", 6},
		{"feedback, counter: an answer that is lost does not", counter, "kk-k", 4},
		{"blind, counter", blind, "k", 3},
		{"blind, counter: useful contacts", blind, "n", 3},
		{"blind, counter: no answers", blind, "-", 3},
		{"feedback, coin: useful contacts", RumorConfig{K: 1, Coin: true}, "n", never},
		{"feedback, coin: the first in vain", RumorConfig{K: 1, Coin: true}, "nn-k", 4},
		{"blind, coin", RumorConfig{K: 1, Coin: true, Blind: true}, "n", 1},
		{"never", RumorConfig{}, "k", never},
	} {
		require.Equal(t, c.want, contacts(t, 1, c.config, c.answers), c.name)
	}
	// A coin takes K contacts in vain on average: 1,000 of them are right within five standard deviations of sqrt(K(K-1)).
	for _, coin := range []RumorConfig{{K: 3, Coin: true}, {K: 3, Coin: true, Blind: true}} {
		total := 0
		for seed := range uint64(1000) {
			total += contacts(t, seed, coin, "k")
		}
		assert.InDelta(t, 3000, total, 400, "%+v", coin)
	}
}

// With feedback a counter ends with the K-th answer in a row that the rumor was known, whatever was answered before.
func TestRumorCountsInARow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, 5).Draw(t, "k")
		answers := rapid.StringOfN(rapid.RuneFrom([]rune("kkkn-")), 0, 40, -1).Draw(t, "answers") + "kkkkk"
		row, want := 0, 0
		for i, a := range answers {
			switch a {
			case 'k':
				row++
			case 'n':
				row = 0
			}
			if row == k {
				want = i + 1
				break
			}
		}
		require.Equal(t, want, contacts(t, 1, RumorConfig{K: k}, answers))
	})
}

// The contacts of a cycle are judged together: one that needed the rumor outweighs all others, and they count as one.
func TestRumorJudgesACycle(t *testing.T) {
	for _, c := range []struct {
		answers []bool // known
		hot     int    // after the second such cycle
	}{{[]bool{true}, 0}, {[]bool{true, true, true}, 0}, {[]bool{false, true}, 1}, {[]bool{true, false, true}, 1}, {nil, 1}} {
		r := rumorRecorder(t, 1, RumorConfig{Pull: true, K: 2, Aligned: true})
		tellRumor(r)
		for cycle := range 2 {
			r.Advance(time.Second)
			require.Equal(t, 1, rumorSite(r).Hot(), "cycle %d of %v", cycle, c.answers)
			for i, known := range c.answers {
				r.Receive(sim.NodeID(2+i), &RumorFeedback{ID: 7, Known: known})
			}
		}
		r.Advance(time.Second)
		require.Equal(t, c.hot, rumorSite(r).Hot(), "%v", c.answers)
		require.Len(t, rumorFacts[RumorAnswered](r), 2*len(c.answers))
	}
}

func TestRumorPushesAndPulls(t *testing.T) {
	for _, c := range []struct {
		config        RumorConfig
		news, queries int // in a cycle with a rumor
		idle          int // queries in one without
		answer        int // news for one who asks
	}{
		{RumorConfig{Push: true}, 1, 0, 0, 1},
		{RumorConfig{Pull: true}, 0, 1, 1, 1},
		{RumorConfig{Push: true, Pull: true}, 1, 1, 1, 1},
	} {
		c.config.Aligned = true
		r := rumorRecorder(t, 1, c.config)
		r.Advance(time.Second)
		all := r.Take()
		require.Len(t, all, c.idle)
		r.Receive(2, hotQuery)
		require.Empty(t, r.Take(), "nothing to tell")

		tellRumor(r)
		r.Receive(2, hotQuery)
		require.Empty(t, r.Take(), "what came in this cycle is not passed on")
		r.Advance(time.Second)
		news, queries := 0, 0
		for _, s := range r.Take() {
			require.NotEqual(t, sim.NodeID(1), s.To)
			switch m := s.Msg.(type) {
			case *RumorNews:
				news++
				require.Equal(t, []*Update{rumorSeven}, m.Updates)
			case *RumorQuery:
				queries++
				require.False(t, m.All)
			}
		}
		require.Equal(t, []int{c.news, c.queries}, []int{news, queries}, "%+v", c.config)
		r.Receive(2, hotQuery)
		require.Len(t, sent[*RumorNews](r), c.answer)
	}
}

// A partner needed the rumor if it had not heard of it before: in this cycle does not count where cycles are aligned.
func TestRumorFeedback(t *testing.T) {
	for _, aligned := range []bool{false, true} {
		r := rumorRecorder(t, 1, RumorConfig{Push: true, K: 2, Aligned: aligned})
		news := &RumorNews{Updates: []*Update{rumorSeven}}
		r.Receive(2, news)
		r.Receive(3, news)
		answers := sent[*RumorFeedback](r)
		require.Equal(t, []*RumorFeedback{{7, false}, {7, !aligned}}, answers)
		r.Advance(time.Second)
		r.Take()
		r.Receive(3, news)
		require.Equal(t, []*RumorFeedback{{7, true}}, sent[*RumorFeedback](r))
		require.Equal(t, []RumorLearned{{rumorSeven, 2, true}}, rumorFacts[RumorLearned](r))
	}
	r := rumorRecorder(t, 1, RumorConfig{Push: true, K: 2, Blind: true})
	r.Receive(2, &RumorNews{Updates: []*Update{rumorSeven}})
	require.Empty(t, r.Take(), "nobody asks")
}

// A site takes so many contacts in a cycle: news where sites only push, and questions where they pull.
func TestRumorLimit(t *testing.T) {
	for _, pull := range []bool{false, true} {
		r := rumorRecorder(t, 1, RumorConfig{Push: !pull, Pull: pull, K: 2, Aligned: true, Limit: 2})
		tellRumor(r)
		contact := sim.Message(&RumorNews{Updates: []*Update{rumorSeven}, Refused: 1})
		if pull {
			contact = &RumorQuery{Refused: 1}
		}
		for range 3 {
			r.Advance(time.Second)
			r.Facts = nil
			r.Take()
			var refused []bool
			for from := range sim.NodeID(4) {
				r.Receive(2+from, contact)
				refused = append(refused, len(sent[*RumorRefused](r)) == 1)
			}
			require.Equal(t, []bool{false, false, true, true}, refused, "pull: %v", pull)
			facts := slices.Clone(r.Facts)
			require.Len(t, rumorFacts[RumorTurnedAway](r), 2)
			r.Facts = facts
			require.Equal(t, []RumorHunted{{2, 1}, {3, 1}}, rumorFacts[RumorHunted](r), "who takes a contact says so")
		}
	}
}

// A site whose contact is refused tries others, up to its limit, and has as many tries in the next cycle.
func TestRumorHunts(t *testing.T) {
	for _, pull := range []bool{false, true} {
		r := rumorRecorder(t, 1, RumorConfig{Push: !pull, Pull: pull, K: 2, Aligned: true, Limit: 1, Hunt: 2})
		tellRumor(r)
		contact := func() (refused []int) {
			for _, s := range r.Take() {
				switch m := s.Msg.(type) {
				case *RumorNews:
					refused = append(refused, m.Refused)
				case *RumorQuery:
					refused = append(refused, m.Refused)
				}
			}
			return refused
		}
		for range 2 {
			r.Advance(time.Second)
			require.Equal(t, []int{0}, contact())
			for try := range 2 {
				r.Receive(3, refused)
				require.Equal(t, []int{try + 1}, contact())
			}
			r.Receive(4, refused)
			require.Empty(t, contact(), "that was the last one")
		}
		require.Empty(t, rumorFacts[RumorHunted](r), "a try finds nobody yet")
	}
	// A refusal that comes late belongs to the contact before.
	r := rumorRecorder(t, 1, RumorConfig{Push: true, K: 2, Limit: 1, Hunt: 2})
	r.Advance(500 * time.Millisecond)
	tellRumor(r)
	r.Advance(1700 * time.Millisecond)
	r.Receive(3, refused)
	r.Advance(300 * time.Millisecond)
	var before []int
	for _, m := range sent[*RumorNews](r) {
		before = append(before, m.Refused)
	}
	require.Equal(t, []int{0, 1, 0}, before)
}

func TestRumorByMail(t *testing.T) {
	r := rumorRecorder(t, 1, RumorConfig{Push: true, K: 2, Mail: true})
	tellRumor(r)
	var to []sim.NodeID
	for _, s := range r.Take() {
		to = append(to, s.To)
	}
	require.Equal(t, []sim.NodeID{2, 3, 4, 5}, to)
	r.Receive(2, &RumorNews{Updates: []*Update{{ID: 8}}})
	r.Advance(10 * time.Second)
	require.Empty(t, r.Take(), "nobody passes it on, or answers")
	require.Equal(t, 2, rumorSite(r).Known())
	require.Zero(t, rumorSite(r).Hot())
}

// A backup tells all, hot or not; what comes by it is not hot.
func TestRumorBackup(t *testing.T) {
	r := rumorRecorder(t, 1, RumorConfig{Push: true, K: 1, Aligned: true, Backup: 10 * time.Second})
	tellRumor(r)
	r.Receive(2, &RumorNews{Updates: []*Update{{ID: 8}}, Backup: true})
	require.Empty(t, r.Take(), "no feedback")
	require.Equal(t, []int{2, 1}, []int{rumorSite(r).Known(), rumorSite(r).Hot()})
	r.Receive(3, allQuery)
	all := sent[*RumorNews](r)
	require.Len(t, all, 1)
	require.True(t, all[0].Backup)
	require.Len(t, all[0].Updates, 2)
	r.Advance(20 * time.Second)
	asked := 0
	for _, q := range sent[*RumorQuery](r) {
		require.True(t, q.All)
		asked++
	}
	require.Equal(t, 2, asked)
}

// Over any topology that is connected, and with any way of losing interest, backups bring every rumor to all.
func TestRumorsReachAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		topology, n := anyTopology(t, 40)
		c := &RumorConfig{
			Sites: n, Topology: topology, Push: true, Pull: rapid.Bool().Draw(t, "pull"), Blind: rapid.Bool().Draw(t, "blind"),
			Coin: rapid.Bool().Draw(t, "coin"), K: rapid.IntRange(1, 3).Draw(t, "k"), Limit: rapid.IntRange(0, 2).Draw(t, "limit"),
			Hunt: rapid.IntRange(0, 2).Draw(t, "hunt"), Cycle: time.Second, Aligned: rapid.Bool().Draw(t, "aligned"), Backup: 3 * time.Second,
		}
		w := sim.New(sim.Config{Seed: rapid.Uint64().Draw(t, "seed")})
		defer w.Close()
		for range n {
			w.Add(func(sim.NodeID) sim.Node { return NewRumor(c) })
		}
		w.RunUntil(0)
		for id := uint64(1); id <= 3; id++ {
			at := sim.NodeID(rapid.IntRange(1, n).Draw(t, "at"))
			w.Do(at, func(env sim.Env) { w.Node(at).(*Rumor).Tell(env, &Update{ID: id}) })
		}
		w.RunUntil(w.Now().Add(time.Duration(100+16*topology.Hops()) * c.Backup))
		for id := range sim.NodeID(n) {
			s := w.Node(id + 1).(*Rumor)
			require.Equal(t, []int{3, 0}, []int{s.Known(), s.Hot()}, "n%d", id+1)
		}
	})
}
