// Package clock is time as a simulation sees it: instants, the faults of a node's clocks, and the logical clocks of the
// literature, all as plain values.
//
// It is not a source of time. Nothing here reads the machine's clock, sleeps, or starts a timer; true time is an
// argument, and a zero value is ready for use.
package clock
