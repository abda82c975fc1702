// Package nemesis is fault plans: what will be done to a world, and when, as plain data that a seed draws, people edit and
// any build replays. It is not the run: a scenario builds the world and drives the clients' operations, packages netsim
// and disksim carry the faults out, and what nodes draw for themselves comes from the root seed's other streams.
//
// A [Space] says what may be drawn for a scenario, and [Space.Draw] draws the [Plan] of a seed from it. A plan prints
// itself for people (String) and for machines (JSON), and [ReadPlan] reads the latter back, telling exactly where a
// hand-edited plan is wrong. [Apply] schedules a plan's faults on a world.
//
// A [Fault] is a value that prints itself, has a JSON form, strikes, and heals what it did and nothing else; so faults
// overlap freely. Adding one is writing its type, in the way of those in this package, and one line in the list of kinds.
package nemesis
