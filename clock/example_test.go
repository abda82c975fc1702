package clock_test

import (
	"fmt"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
)

func ExampleTime() {
	t := clock.Time(0).Add(12*time.Second + 402*time.Millisecond + 17)
	fmt.Println(t, t.Exact(), clock.Never)
	// Output: 12.402s 12.402000017s never
}

// A node's clock runs 100 ppm fast, is set back by an operator, and stands still for a second.
func ExampleSkew() {
	var s clock.Skew
	at := func(seconds int64) clock.Time { return clock.Time(seconds * 1e9) }
	show := func(now clock.Time) {
		fmt.Printf("true %s  wall %s  elapsed %v\n", now, s.Wall(now), s.Elapsed(now))
	}
	s.SetDrift(at(0), 100)
	show(at(10))
	s.Jump(-2 * time.Second)
	show(at(10))
	fmt.Println("a timer of 1s fires at", s.Until(at(10), time.Second).Exact())
	s.Freeze(at(20))
	fmt.Println("a timer of 1s fires at", s.Until(at(20), time.Second))
	s.Thaw(at(21))
	show(at(21))
	// Output:
	// true 10.000s  wall 10.001s  elapsed 10.001s
	// true 10.000s  wall 8.001s  elapsed 10.001s
	// a timer of 1s fires at 10.999900010s
	// a timer of 1s fires at never
	// true 21.000s  wall 18.002s  elapsed 20.002s
}

// Two processes: b's second step receives a's message, so it gets the greater time.
func ExampleLamport() {
	var a, b clock.Lamport
	a = a.Tick()
	a = a.Tick() // sends
	sent := a
	b = b.Tick()
	b = b.Witness(sent)
	fmt.Println(sent, b)
	fmt.Println(clock.Stamp{At: sent, Process: 1}.Before(clock.Stamp{At: b, Process: 2}))
	// Output:
	// 2 3
	// true
}

func ExampleVector() {
	var a, b clock.Vector
	a = a.Tick(1) // sends
	sent := a
	a = a.Tick(1)
	b = b.Tick(2)
	fmt.Println(sent, sent.Compare(b), b)
	b = b.Witness(2, sent)
	fmt.Println(sent, sent.Compare(b), b)
	fmt.Println(a, a.Compare(b), b)
	fmt.Println(a.Merge(b))
	// Output:
	// {1:1} concurrent {2:1}
	// {1:1} before {1:1 2:2}
	// {1:2} concurrent {1:1 2:2}
	// {1:2 2:2}
}

// The receiver's wall clock is two seconds behind the sender's; its hybrid clock is not.
func ExampleHybrid() {
	var a, b clock.Hybrid
	a = a.Tick(clock.Time(12 * time.Second))
	b = b.Tick(clock.Time(10 * time.Second))
	b = b.Witness(clock.Time(10*time.Second), a)
	fmt.Println(a, b, "ahead by", b.Ahead(clock.Time(10*time.Second)))
	b = b.Tick(clock.Time(13 * time.Second))
	fmt.Println(b)
	// Output:
	// 12.000s+0 12.000s+1 ahead by 2s
	// 13.000s+0
}

// A node that knows true time to 4 ms stamps a write, and holds it back until the stamp has passed for certain.
func ExampleIntervalClock_CommitWait() {
	c := clock.NewIntervalClock(0)
	c.Sync(0, 0, clock.Interval{
		Earliest: clock.Time(998 * time.Millisecond),
		Latest:   clock.Time(1002 * time.Millisecond),
	})
	mono := 1 * time.Second
	now := c.Now(mono)
	wait := c.CommitWait(mono, now.Latest)
	fmt.Println(now, wait)
	fmt.Println(c.Now(mono + wait).After(clock.At(now.Latest)))
	// Output:
	// [1.998s 2.002s] 4.000001ms
	// true
}
