// Package export writes recorded runs in the forms that other tools read: space-time diagrams, timelines, spans, histories.
// It is not a reader of anything, and judges nothing.
//
// Everything but a history comes from the trace alone. A trace has texts in the place of values, and cuts long ones, so a
// history is written from the run's operations themselves, in the form that package checkers has of them.
//
// Equal runs give equal bytes. Names and texts may be anything: each form escapes what it cannot hold, and bytes that are
// not UTF-8 come out as U+FFFD.
//
// # Memory
//
// Steps are read frame by frame and written as they come. What is kept besides grows with the run, but slowly:
//
//	shiviz    what sim.Causal keeps: 32 bytes for each step of the run, and at most 256 MB for vectors
//	perfetto  24 bytes for each step of the window
//	otlp      16 bytes for each step of the window
//	jepsen    the run's operations
//	elle      likewise
//	mermaid   at most the 50,000 characters that Mermaid draws
//	jsonl     nothing
package export
