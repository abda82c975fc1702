package olep

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// A table and its changelog are the same, after any changes, and at any record of it.
func TestTableIsItsChangelog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table, other := NewTable(), NewTable()
		for range rapid.IntRange(1, 20).Draw(t, "batches") {
			for range rapid.IntRange(0, 6).Draw(t, "changes") {
				key := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "key")
				table.Set(key, rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "value"))
			}
			changes := table.Changes(Changelog)
			if len(changes) > 0 { // none is malformed
				require.Equal(t, Refusal{}, NewPartition(0, PartitionConfig{}).Check(&Append{Records: changes}))
			}
			for i := range changes {
				other.Apply(&changes[i])
			}
			require.Equal(t, table.String(), other.String())
			require.Empty(t, table.Changes(Changelog))
			require.Empty(t, other.Changes(Changelog))
		}
	})
}

func TestTable(t *testing.T) {
	table := NewTable()
	table.SetInt("n", 7)
	table.Set("b", "x")
	require.Equal(t, int64(7), table.Int("n"))
	require.Zero(t, table.Int("b"))
	require.Equal(t, "b=x, n=7", table.String())
	require.Equal(t, []Record{{Log: "l", Key: "b", Value: "x"}, {Log: "l", Key: "n", Value: "7"}}, table.Changes("l"))
	table.SetInt("n", 7)
	table.Set("none", "")
	require.Empty(t, table.Changes("l"), "nothing has changed")
	table.Set("b", "")
	require.Equal(t, []Record{{Log: "l", Key: "b", Tombstone: true}}, table.Changes("l"))
}

// emits is an env that takes facts.
type emits struct {
	sim.Env
	facts []sim.Fact
}

func (e *emits) Emit(f sim.Fact) { e.facts = append(e.facts, f) }

func TestClicks(t *testing.T) {
	env, table, c := &emits{}, NewTable(), Clicks{Partitions: 1}
	lsn := LSN(0)
	take := func(log, value string) []Output {
		lsn++
		return c.Take(env, table, 0, &Entry{LSN: lsn, Record: Record{Log: log, Value: value}})
	}
	visit := func(at LSN, region string) []Output { return []Output{{0, Visit{"a", region, 0, at}.Record()}} }
	count := func(n int) []Output {
		return []Output{{0, Record{Log: CountLog, Key: "north", Value: fmt.Sprint(n)}}}
	}
	require.Equal(t, visit(1, Nowhere), take(ClickLog, "a"))
	require.Empty(t, take(MoveLog, "a north"))
	require.Equal(t, visit(3, "north"), take(ClickLog, "a"))
	require.Empty(t, take(MoveLog, "a"))
	require.Equal(t, visit(5, Nowhere), take(ClickLog, "a"))

	north := func(partition int, lsn LSN) string { return Visit{"a", "north", partition, lsn}.Record().Value }
	require.Equal(t, count(1), take(VisitLog, north(0, 3)))
	require.Equal(t, count(2), take(VisitLog, north(0, 6)))
	require.Empty(t, take(VisitLog, north(0, 6)))
	require.Empty(t, take(VisitLog, north(0, 3)))
	require.Equal(t, count(3), take(VisitLog, north(1, 3)), "another partition's")
	require.Len(t, env.facts, 2)
	c.Repeats = true
	require.Equal(t, count(4), take(VisitLog, north(0, 3)))
	require.Panics(t, func() { take(VisitLog, "a north") })
}

// A worker that is paused at any of its effects is replaced, and finds out when it writes. One that crashes has its table
// restored.
func TestATaskIsTakenOver(t *testing.T) {
	const clicks = 24
	var fenced, restored, counts int
	for seed := uint64(1); seed <= 20; seed++ {
		w := sim.New(sim.Config{
			Seed:    seed,
			Network: netsim.New(seed, netsim.Config{Link: netsim.Link{Latency: netsim.Latency{Min: time.Millisecond}}}),
			Disk:    func(id sim.NodeID) sim.Storage { return disksim.New(seed, id, disksim.Config{}) },
		})
		cluster := Cluster{Partitions: 1, Hosts: func(int) []sim.NodeID { return []sim.NodeID{1} }}
		client := ClientConfig{Cluster: cluster}
		w.Add(func(id sim.NodeID) sim.Node {
			return NewBroker(id, BrokerConfig{Cluster: cluster, Session: time.Second})
		})
		for range 2 {
			w.Add(func(sim.NodeID) sim.Node {
				return sim.Spawn(func(p *sim.Proc) {
					Stream(p, StreamConfig{
						ConsumerConfig: ConsumerConfig{ClientConfig: client, Group: "g", Work: time.Millisecond},
						Processor:      Clicks{Partitions: 1}, Inputs: ClickInputs,
					})
				})
			})
		}
		w.Add(func(sim.NodeID) sim.Node {
			return sim.Spawn(func(p *sim.Proc) {
				producer := NewProducer(p, "c", client)
				for range clicks {
					_, err := producer.Append(p, 0, []Record{{Log: ClickLog, Value: "a"}})
					require.NoError(t, err)
					p.Sleep(500 * time.Millisecond)
				}
			})
		})
		last := 0
		w.Watch(func(s *sim.Step) {
			switch f := s.Payload.(type) {
			case ProducerFenced:
				fenced++
			case Restored:
				if f.Next > 1 {
					restored++
				}
			case Appended:
				for _, e := range f.Entries {
					if e.Log == CountLog {
						last++
						require.Equal(t, fmt.Sprint(last), e.Value, "seed %d", seed)
					}
				}
			}
		})
		w.RunUntil(at(1500))
		for id := sim.NodeID(2); id <= 3; id++ {
			w.PauseAtEffect(id, int(3*seed), 4*time.Second)
			w.RunUntil(w.Now().Add(5 * time.Second))
		}
		w.Crash(2)
		w.Restart(2)
		w.RunUntil(at(20_000))
		require.Nil(t, w.Violation())
		require.Equal(t, clicks, last, "seed %d", seed)
		counts += last
		w.Close()
	}
	require.Positive(t, fenced)
	require.Positive(t, restored)
	t.Logf("%d clicks counted, %d tables restored, %d batches fenced", counts, restored, fenced)
}
