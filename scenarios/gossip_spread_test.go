package scenarios

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/models/gossip"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

// selfish sites never begin an exchange.
type selfish struct{ *gossip.EntropySite }

func (selfish) Timeout(sim.Env, sim.Timer) {}

func TestWhatDoesNotSpread(t *testing.T) {
	s := *gossipAntiEntropy
	s.Build = func(r *Run) {
		c := antiEntropyConfig(r)
		spread := watchAntiEntropy(r, c)
		r.AddServers(func(sim.NodeID) sim.Node { return selfish{gossip.NewEntropySite(c)} })
		r.AddClients(func(_ int, ops []nemesis.Op) sim.Node {
			return sim.Spawn(func(p *sim.Proc) { antiEntropyClient(p, r, spread, ops) })
		})
		antiEntropyConverges(r, c, spread)
	}
	p := calm(&s, 2)
	p.Clients = 1
	p.Ops = []nemesis.Op{
		{At: time.Second, Client: 1, Kind: "put", Key: "a", Value: "v1"},
		{At: 1100 * time.Millisecond, Client: 1, Kind: "put", Key: "b", Value: "v2"},
	}
	r := s.Run(p, Options{})
	require.Equal(t, `eventually "sites have the latest of all keys"`, r.Property)
	require.Regexp(t, `^after .* without progress, .*: (push|pull|push-pull) by .*, certificates kept for .*: `+
		`n\d has no a, which is v1 \(1\.\d+s\+0@n\d\); n\d has no b, which is v2 \(1\.\d+s\+\d@n\d\)$`, r.Detail)
}
