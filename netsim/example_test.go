package netsim_test

import (
	"fmt"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// ticker sends the other node a packet each second; n2 is 100 ms behind n1.
type ticker struct{ w *sim.World }

func (n ticker) Start(env sim.Env) {
	env.SetTimer(sim.Timer{Name: "tick"}, 900*time.Millisecond+time.Duration(env.ID())*100*time.Millisecond)
}

func (n ticker) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	fmt.Println(n.w.Now(), from, "→", env.ID(), "sent at", msg)
}

func (n ticker) Timeout(env sim.Env, t sim.Timer) {
	env.Send(3-env.ID(), env.Now())
	env.SetTimer(t, time.Second)
}

// A rule and a cut, each in force for a while. The packet that n2 sends at 3.1 s
// is in flight when the cut begins.
func Example() {
	net := netsim.New(1, netsim.Config{Link: netsim.Link{Latency: netsim.Latency{Min: 10 * time.Millisecond}}})
	w := sim.New(sim.Config{Seed: 1, Network: net})
	defer w.Close()
	for range 2 {
		w.Add(func(sim.NodeID) sim.Node { return ticker{w} })
	}

	slow := netsim.Slow{Extra: 300 * time.Millisecond, On: netsim.From(1)}
	remove := net.Install(slow)
	w.At(clock.Time(1500*time.Millisecond), remove)

	parts := netsim.Groups([]sim.NodeID{1}, []sim.NodeID{2})
	w.At(clock.Time(3105*time.Millisecond), func() {
		heal := net.Cut(parts)
		w.At(clock.Time(3500*time.Millisecond), heal)
	})

	w.RunUntil(clock.Time(4500 * time.Millisecond))
	fmt.Println(slow, "and", parts)
	// Output:
	// 1.110s n2 → n1 sent at 1.100s
	// 1.310s n1 → n2 sent at 1.000s
	// 2.010s n1 → n2 sent at 2.000s
	// 2.110s n2 → n1 sent at 2.100s
	// 3.010s n1 → n2 sent at 3.000s
	// 4.010s n1 → n2 sent at 4.000s
	// 4.110s n2 → n1 sent at 4.100s
	// Slow{×1+300ms n1→*} and n1|n2
}
