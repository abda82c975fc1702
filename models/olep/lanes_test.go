package olep

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/sim"
)

// toBoth takes each record to partitions 1 and 2, but for the poison.
type toBoth struct{}

func (toBoth) Process(_ sim.Env, _ *Store, e Entry) ([]Output, error) {
	if e.Value == "" {
		return nil, errors.New("poison")
	}
	return []Output{{1, e.Record}, {2, e.Record}}, nil
}

// A partition that is away holds up no other one, not even when the node boots: each lane goes on from where it was itself.
func TestLanesWaitForNobody(t *testing.T) {
	cluster := Cluster{Partitions: 3, Hosts: func(part int) []sim.NodeID { return []sim.NodeID{sim.NodeID(max(part, 0) + 1)} }}
	w := sim.New(sim.Config{Seed: 1, Disk: func(id sim.NodeID) sim.Storage {
		return disksim.New(1, id, disksim.Config{Crash: []disksim.Mode{disksim.LoseAll}})
	}})
	t.Cleanup(w.Close)
	for range 3 {
		w.Add(func(id sim.NodeID) sim.Node { return NewBroker(id, BrokerConfig{Cluster: cluster}) })
	}
	client := ClientConfig{Cluster: cluster}
	lanes := w.Add(func(sim.NodeID) sim.Node {
		return NewLanes(SubscriberConfig{ClientConfig: client, Name: "lanes", Processor: toBoth{}})
	})
	w.Add(func(sim.NodeID) sim.Node {
		return sim.Spawn(func(p *sim.Proc) {
			writer := NewProducer(p, "", client)
			for i := 1; ; i++ {
				p.Sleep(time.Second)
				_, err := writer.Append(p, 0, []Record{put("a", fmt.Sprint("v", i)), put("a", "")})
				require.NoError(t, err)
			}
		})
	})
	values := func(part int) (list []string) {
		for _, e := range w.Node(sim.NodeID(part + 1)).(*Broker).Partition(part).Entries() {
			list = append(list, e.Value)
		}
		return list
	}
	next := func() LSN { return w.Node(lanes).(*Lanes).Next() }
	until := func(s time.Duration) { w.RunUntil(clock.Time(s*time.Second + 500*time.Millisecond)) }

	until(1)
	require.Equal(t, []string{"v1"}, values(1))
	require.Equal(t, []string{"v1"}, values(2))
	require.EqualValues(t, 3, next())
	w.Crash(2)
	until(3)
	require.Equal(t, []string{"v1", "v2", "v3"}, values(2))
	require.EqualValues(t, 3, next(), "v2 is not in both")
	w.Crash(lanes)
	w.Restart(lanes)
	until(5)
	// What was written after the last read is written again, and what was before it is not, though it was read again.
	require.Equal(t, []string{"v1", "v2", "v3", "v3", "v4", "v5"}, values(2))
	require.EqualValues(t, 3, next())
	w.Restart(2)
	until(6)
	require.Equal(t, []string{"v1", "v2", "v3", "v4", "v5", "v6"}, values(1))
	require.EqualValues(t, 13, next())
	require.Nil(t, w.Violation())
}
