package trace_test

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// counter answers each message with the next number.
type counter struct{ Count int }

func (c *counter) Start(env sim.Env) {
	if env.ID() == 1 {
		env.Send(2, 1)
	}
}

func (c *counter) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	c.Count = msg.(int)
	env.Send(from, c.Count+1)
}

func (c *counter) Timeout(sim.Env, sim.Timer) {}

// A run is recorded by a Recorder as its observer, and read back by window.
func Example() {
	var file bytes.Buffer
	recorder, err := trace.NewRecorder(&file, trace.Header{Seed: 4711, Scenario: "counters", Build: trace.ThisBuild()})
	if err != nil {
		fmt.Println(err)
		return
	}
	w := sim.New(sim.Config{Seed: 4711, Observer: recorder})
	for range 2 {
		w.Add(func(sim.NodeID) sim.Node { return &counter{} })
	}
	w.RunUntil(clock.Time(time.Second))
	w.Close()
	if err := recorder.Close(trace.Outcome{Hash: w.Hash(), Verdict: "valid"}); err != nil {
		fmt.Println(err)
		return
	}

	r, err := trace.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		fmt.Println(err)
		return
	}
	_, last := r.Steps()
	fmt.Println(r.Header().Scenario, last)
	if err := trace.Print(os.Stdout, r.Header(), r.Window(500, 502)); err != nil {
		fmt.Println(err)
	}
	causal, err := r.Causal()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(causal.Before(500, 502), causal.Vector(502))
	// Output:
	// counters 1002
	// 500  0.498s  n1  deliver  n2 498  state: Count 496→498
	// 501  0.499s  n2  deliver  n1 499  state: Count 497→499
	// 502  0.500s  n1  deliver  n2 500  state: Count 498→500
	// true {1:251 2:251}
}
