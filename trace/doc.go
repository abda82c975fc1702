// Package trace keeps a recorded run: every step with its payload, the state it changed and the lines it logged, in a
// compact file that is read by window.
//
// It is not a log to replay from: a seed and a plan repeat a run, a trace tells what happened in it. Nothing in it is
// needed to read it but this package, so a trace outlives the types whose values it shows.
//
// # Use
//
// A [Recorder] is the engine's [sim.Observer]. It renders payloads and states at once, since they are shared with the
// run, and hands them to a [Writer] on another goroutine. [Open] gives a [Reader]; [Reader.Window] yields the steps of a range and reads no
// more of the file than that. [Print] shows steps as text, [PrintJSON] as JSON lines, and [Reader.Causal] answers what
// could have influenced what.
//
// # Format
//
// A file is the magic and the format number, a header block, frames of about 8,192 steps, a tail block with the outcome
// and the index of frames, and a trailer that points at the tail. Integers outside blocks are little-endian. A block is
//
//	tag uint8, raw uint32, stored uint32, crc uint32, then stored bytes of zstd that decode to raw bytes
//
// where the CRC-32C covers all of the block but itself. Header and tail are JSON. A frame stands by itself: it has its
// own tables, so that a window costs the frames it touches. Inside, each field of a step has a column, and what can be
// predicted from the frame so far is left out or stored as a difference.
//
// A text is stored as a template, in which decimal numbers are blanks, and the numbers, each as the difference from the
// number that stood in the same blank before: "AppendEntries{Term:7 Prev:41}" repeated with Prev:42 costs three bytes
// before compression. (The idea is that of CLP, Rodrigues, Luo and Yuan, OSDI 2021, section 3; the differences are ours.)
package trace
