package olep

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/sim"
)

// alone is a recorder of a node with a disk, and so many peers.
func alone(t *testing.T, peers int, node func() sim.Node) *sim.Recorder {
	t.Helper()
	disk := disksim.New(1, 1, disksim.Config{Crash: []disksim.Mode{disksim.LoseAll}})
	r := sim.NewRecorder(sim.Config{Disk: func(id sim.NodeID) sim.Storage {
		if id == 1 {
			return disk
		}
		return nil
	}}, 1, 1+peers, func(sim.NodeID) sim.Node { return node() })
	t.Cleanup(r.World.Close)
	return r
}

// within gives a test a store, and the env that goes with it.
func within(t *testing.T, test func(env sim.Env, s *Store)) {
	t.Helper()
	r := alone(t, 0, func() sim.Node { return sim.Spawn(func(*sim.Proc) {}) })
	done := r.Do(func(env sim.Env) {
		s, err := OpenStore(env.Disk(), "state")
		require.NoError(t, err)
		test(env, s)
	})
	require.True(t, done)
}

// takes has a processor take records in, from 1 on, each in a transaction.
func takes(t *testing.T, env sim.Env, s *Store, p Processor, records ...Record) {
	t.Helper()
	for i, r := range records {
		_, err := p.Process(env, s, Entry{LSN: LSN(i + 1), Record: r})
		require.NoError(t, err)
		require.NoError(t, s.Commit())
	}
}

func TestRowsAndIndexHaveTheSame(t *testing.T) {
	records := []Record{put("a", "red v1"), put("b", "red v2"), put("a", "blue v3"), put("c", "red v4"), deleted("c"), deleted("d")}
	for _, l := range []Lookup{Rows{}, Index{}} {
		within(t, func(env sim.Env, s *Store) {
			takes(t, env, s, l, records...)
			require.Equal(t, "a=blue v3\nb=red v2\n", l.Contents(s))
			takes(t, env, s, l, records[:3]...) // again: they are behind
			require.Equal(t, "a=blue v3\nb=red v2\n", l.Contents(s))
			require.Equal(t, LSN(6), Through(s))
			_, err := l.Process(env, s, Entry{LSN: 7, Record: put("", "red")})
			require.Error(t, err)
			require.Empty(t, s.changed)
		})
	}
	within(t, func(env sim.Env, s *Store) {
		takes(t, env, s, Index{}, records[:4]...)
		require.Equal(t, "b c", Index{}.Get(s, "red"))
		require.Equal(t, "a", Index{}.Get(s, "v3"))
		require.Empty(t, Index{}.Get(s, "v1"))
	})
}

// answers are what a recorder's node has sent.
func replies(r *sim.Recorder) (list []sim.Message) {
	r.Advance(10 * time.Millisecond)
	for _, s := range r.Take() {
		list = append(list, s.Msg)
	}
	return list
}

func TestADatabaseWritesOnce(t *testing.T) {
	d := NewDatabase(Rows{})
	r := alone(t, 1, func() sim.Node { return d })
	for _, w := range []*Write{{"w1", put("a", "1")}, {"w2", put("a", "2")}, {"w1", put("a", "1")}} {
		r.Receive(2, w)
		require.Equal(t, []sim.Message{&Wrote{w.Name}}, replies(r))
	}
	require.Equal(t, "a=2\n", d.Contents())
}

func TestADatabaseKeepsItsPromises(t *testing.T) {
	var d *Database
	r := alone(t, 2, func() sim.Node {
		d = NewDatabase(Rows{})
		return d
	})
	r.Receive(2, &Prepare{"t1", put("a", "1")})
	r.Receive(3, &Prepare{"t2", put("a", "2")})
	require.Equal(t, []sim.Message{&Vote{"t1", true}, &Vote{"t2", false}}, replies(r))

	r.World.Crash(1)
	r.World.Restart(1)
	require.Empty(t, replies(r))
	require.Equal(t, []string{"t1 of n2, which locks a"}, d.InDoubt())
	r.Receive(3, &Prepare{"t3", put("a", "3")})
	require.Equal(t, []sim.Message{&Vote{"t3", false}}, replies(r))
	r.Advance(inquireEvery)
	require.Equal(t, []sim.Message{&Inquire{"t1"}}, replies(r))

	r.Receive(2, &Decide{"t1", true})
	r.Receive(2, &Decide{"t1", true})
	r.Receive(2, &Prepare{"t1", put("a", "1")}) // it comes late
	require.Equal(t, []sim.Message{&Vote{"t1", false}}, replies(r))
	require.Empty(t, d.InDoubt())
	require.Equal(t, "a=1\n", d.Contents())

	r.Receive(3, &Decide{"t4", false})
	r.Receive(3, &Prepare{"t4", put("a", "4")}) // it comes behind its end
	require.Equal(t, []sim.Message{&Vote{"t4", false}}, replies(r))
}

func TestACoordinatorPresumesAborts(t *testing.T) {
	r := alone(t, 3, func() sim.Node {
		return NewApplication(ApplicationConfig{Databases: []sim.NodeID{2, 3}, Retry: time.Second, TwoPhase: true})
	})
	r.Receive(4, &Save{1, put("a", "1")})
	first := replies(r)[0].(*Prepare)
	r.Receive(2, &Vote{first.Tx, true})
	require.Equal(t, []sim.Message{&Prepare{first.Tx, first.Record}}, replies(r))
	r.Receive(2, &Inquire{first.Tx}) // that is not decided yet
	require.Empty(t, replies(r))
	r.Receive(3, &Vote{first.Tx, true})
	require.Equal(t, []sim.Message{
		&Decide{first.Tx, true}, &Decide{first.Tx, true}, &Saved{1, true}, &Decide{first.Tx, true},
	}, replies(r))

	r.Receive(4, &Save{2, put("a", "2")})
	second := replies(r)[0].(*Prepare)
	r.Receive(2, &Vote{second.Tx, true})
	replies(r)
	r.World.Crash(1)
	r.World.Restart(1)
	r.Receive(2, &Inquire{first.Tx})
	r.Receive(2, &Inquire{second.Tx})
	require.Equal(t, []sim.Message{&Decide{first.Tx, true}, &Decide{second.Tx, false}}, replies(r))
}

func TestAssetsUseWhatIsBelow(t *testing.T) {
	for _, c := range []struct {
		asset Asset
		ok    bool
	}{
		{Asset{"article/1", "v1", []string{"image/1", "tag/1"}}, true},
		{Asset{"image/1", "v1", []string{"tag/1"}}, true},
		{Asset{"image/1", "v1", []string{"image/2"}}, false},
		{Asset{"tag/1", "v1", []string{"article/1"}}, false},
		{Asset{"article/1", "v1", []string{"video/1"}}, false},
		{Asset{"article", "v1", nil}, false},
		{Asset{"", "v1", nil}, false},
	} {
		r := c.asset.Record()
		back, err := ParseAsset(&r)
		if require.Equal(t, c.ok, err == nil, c.asset); c.ok {
			require.Equal(t, c.asset, back)
		}
	}
	_, err := ParseAsset(&Record{Key: "tag/1"})
	require.EqualError(t, err, "tag/1 has no version")
}

func TestPagesFollowWhatTheyUse(t *testing.T) {
	within(t, func(env sim.Env, s *Store) {
		page := func(want string) {
			t.Helper()
			require.Equal(t, want, Site{}.Get(s, "article/1"))
		}
		lsn := LSN(0)
		take := func(a Asset) {
			lsn++
			_, err := Site{}.Process(env, s, Entry{LSN: lsn, Record: a.Record()})
			require.NoError(t, err)
			require.NoError(t, s.Commit())
		}
		take(Asset{"tag/1", "v1", nil})
		take(Asset{"image/1", "v2", []string{"tag/1"}})
		take(Asset{"article/1", "v3", []string{"image/1"}})
		page("article/1@v3[image/1@v2[tag/1@v1]]")
		take(Asset{"tag/1", "v4", nil}) // what it uses, uses it
		page("article/1@v3[image/1@v2[tag/1@v4]]")
		take(Asset{"image/1", "v5", nil})
		take(Asset{"tag/1", "v6", nil})
		page("article/1@v3[image/1@v5]")
		take(Asset{"article/1", "v7", []string{"tag/1"}})
		page("article/1@v7[tag/1@v6]")
		require.Equal(t, "article/1=article/1@v7[tag/1@v6]\n", Site{}.Contents(s))
		require.Equal(t, []Asset{
			{"article/1", "v7", []string{"tag/1"}}, {"image/1", "v5", []string{}}, {"tag/1", "v6", []string{}},
		}, Site{}.Assets(s))
	})
}

// sends is an env that takes messages.
type sends struct {
	sim.Env
	sent []sim.Message
}

func (e *sends) Send(_ sim.NodeID, msg sim.Message) { e.sent = append(e.sent, msg) }

func TestQueriesAreAnsweredInTheirPlace(t *testing.T) {
	within(t, func(env sim.Env, s *Store) {
		e := &sends{Env: env}
		rows := answering{Rows{}, "rows"}
		of := func(id uint64, view string) Record { return Query{id, 7, view, "a"}.Record() }
		takes(t, e, s, rows, put("a", "1"), of(1, "rows"), put("a", "2"), of(2, "rows"), of(3, "index"))
		want := []sim.Message{&Answer{ID: 1, Value: "1", Through: 2}, &Answer{ID: 2, Value: "2", Through: 4}}
		require.Equal(t, want, e.sent)
		takes(t, e, s, rows, put("a", "1"), of(1, "rows")) // again: they are behind
		require.Equal(t, want, e.sent)
		require.Equal(t, LSN(5), Through(s))
	})
}

func TestQueriesAreRecords(t *testing.T) {
	for _, q := range []Query{{1, 2, "rows", "a"}, {1 << 63, 1 << 20, "index", "two words"}, {View: "rows"}} {
		r := q.Record()
		back, err := parseQuery(&r)
		require.NoError(t, err)
		require.Equal(t, q, back)
	}
	for _, text := range []string{"", "1 2 rows", "x 2 rows a", "1 -2 rows a", "1 99999999999 rows a"} {
		_, err := parseQuery(&Record{Value: text})
		require.EqualError(t, err, fmt.Sprintf("%q is no query", text))
	}
}
