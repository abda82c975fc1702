// Package clock is time as a simulation sees it: instants, the faults of a node's clocks, and the logical clocks of the
// literature, all as plain values.
//
// It is not a source of time. Nothing here reads the machine's clock, sleeps, or starts a timer: true time is an
// argument, arithmetic is on integers, and the same calls give the same answers everywhere.
//
// [Time] is an instant of the world. [Skew] is how far one node's wall and monotonic clocks are from it.
//
// The logical clocks share two verbs: Tick for a step of the clock's own process, sending included, and Witness for the
// step that receives a message. Where a → b says that step a happened before step b (Lamport 1978), they promise:
//
//	Lamport        a → b  implies  L(a) < L(b)
//	Vector         a → b  if and only if  V(a).Compare(V(b)) == Before
//	Hybrid         a → b  implies  H(a) < H(b), and H is near wall clocks that are near one another
//	Interval       a.Before(b)  implies that a was earlier in true time, message or none
//
// The first three need no assumption about clocks to order steps. [IntervalClock] needs its drift bound to hold, and in
// return orders steps that no message connects.
package clock
