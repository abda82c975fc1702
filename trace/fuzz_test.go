package trace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/sim"
)

// framed wraps a frame's columns in a file that is sound but for them.
func framed(columns []byte, steps uint64) []byte {
	var buf bytes.Buffer
	w, err := NewWriter(&buf, Header{})
	if err != nil {
		panic(err)
	}
	w.index = []frameInfo{{Offset: w.offset, First: 1, Steps: steps, From: 0, To: math.MaxInt64}}
	w.block(tagFrame, columns, maxFrame)
	w.steps = steps
	if err := w.Close(Outcome{}); err != nil {
		panic(err)
	}
	return buf.Bytes()
}

// readAll reads all there is, in all ways there are.
func readAll(file []byte) (steps int, err error) {
	r, err := Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return 0, err
	}
	var out bytes.Buffer
	if err := Print(&out, r.Header(), r.All()); err != nil {
		return 0, err
	}
	out.Reset()
	if err := PrintJSON(&out, r.Header(), r.All()); err != nil {
		return 0, err
	}
	if _, err := r.Causal(); err != nil {
		return 0, err
	}
	for _, err := range r.WindowTime(0, 1e9) {
		if err != nil {
			return 0, err
		}
		steps++
	}
	return steps, nil
}

// FuzzReader gives the reader its input as a file, and as the columns of a frame, which checksums would otherwise keep
// the fuzzer from.
func FuzzReader(f *testing.F) {
	steps := sampleSteps()
	var buf bytes.Buffer
	w, err := NewWriter(&buf, Header{Seed: 1})
	require.NoError(f, err)
	for i := range steps {
		require.NoError(f, w.Write(&steps[i]))
	}
	columns := bytes.Clone(w.frame.bytes())
	require.NoError(f, w.Close(Outcome{}))
	f.Add(buf.Bytes(), uint16(0))
	f.Add(columns, uint16(len(steps)))
	f.Fuzz(func(t *testing.T, data []byte, steps uint16) {
		for _, file := range [][]byte{data, framed(data, uint64(steps))} {
			_, err := readAll(file)
			var corrupt *CorruptError
			if err != nil && !errors.Is(err, ErrNotTrace) && !errors.Is(err, ErrVersion) && !errors.Is(err, ErrTruncated) &&
				!errors.As(err, &corrupt) {
				t.Fatalf("an error of no kind: %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Fatalf("an error of many lines: %q", err)
			}
		}
	})
}

func sampleSteps() []Step {
	return []Step{
		{Step: sim.Step{N: 1, Kind: sim.KindBoot, Node: 1, Incarnation: 1, Lamport: 1}},
		{Step: sim.Step{N: 2, At: 5, Kind: sim.KindDeliver, Node: 1, Peer: 2, Packet: 3, Cause: 1, Lamport: 9, Incarnation: 1},
			Text: "AppendEntries{Term:7 Prev:41}", Changes: []Change{{"Role", "Follower", "Leader"}, {"Log[3]", "", "7"}},
			Logs: []Log{{1, "term 7"}}},
		{Step: sim.Step{N: 3, At: 1e9, Kind: sim.KindDeliver, Node: 1, Peer: 2, Packet: 4, Cause: 2, Lamport: 10, Incarnation: 1},
			Text: "AppendEntries{Term:7 Prev:42}", Changes: []Change{{"Log[3]", "7", "8"}}},
	}
}

// Whatever lengths a small file claims, reading it takes memory that is bounded by the largest frame.
func TestHostileFilesAreCheap(t *testing.T) {
	uvarints := func(numbers ...uint64) (b []byte) {
		for _, n := range numbers {
			b = binary.AppendUvarint(b, n)
		}
		return b
	}
	// frame builds columns from their contents.
	frame := func(steps uint64, cols map[int][]byte) []byte {
		b := uvarints(1, steps)
		for i := range numColumns {
			b = binary.AppendUvarint(b, uint64(len(cols[i])))
		}
		for i := range numColumns {
			b = append(b, cols[i]...)
		}
		return b
	}
	heads := append([]byte{hasText, byte(sim.KindTimer)}, uvarints(1, 0)...)
	huge := strings.Repeat("x", MaxText)
	template := append(uvarints(uint64(len(huge))), huge...)
	blanks := append(uvarints(2*MaxText), make([]byte, 2*MaxText)...)
	one := frame(1, map[int][]byte{colHead: {0}, colHeads: heads, colAt: {0}})
	for name, file := range map[string][]byte{
		"a column longer than the frame": framed(append(uvarints(1, 1), bytes.Repeat(uvarints(1<<62), numColumns)...), 1),
		"more steps than the frame has":  framed(one, 2),
		"no text":                        framed(one, 1),
		"a template longer than it is": framed(frame(1, map[int][]byte{
			colHead: {0}, colHeads: heads, colAt: {0}, colText: {0}, colTexts: uvarints(1 << 60)}), 1),
		"a text longer than allowed": framed(frame(1, map[int][]byte{
			colHead: {0}, colHeads: heads, colAt: {0}, colText: append([]byte{0}, make([]byte, 2*MaxText)...), colTexts: blanks}), 1),
		"a million texts at one step": framed(frame(1, map[int][]byte{
			colHead: {0}, colHeads: heads, colAt: {0}, colText: {0}, colTexts: template,
			colLog: make([]byte, 3<<20), colLogs: template}), 1),
		"a million changes at one step": framed(frame(1, map[int][]byte{
			colHead: {0}, colHeads: heads, colAt: {0}, colText: {0}, colTexts: template,
			colChange: make([]byte, 3<<20), colChanges: template}), 1),
		"a million slots": framed(frame(1, map[int][]byte{
			colHead: {0}, colHeads: heads, colAt: {0}, colText: {0}, colTexts: template, colChange: manySlots(), colChanges: template}), 1),
		"a block that says it is large": bytes.Replace(framed(one, 1), []byte{tagFrame, byte(len(one)), 0, 0, 0},
			[]byte{tagFrame, 0xff, 0xff, 0xff, 0x7f}, 1),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := readAll(file)
		runtime.ReadMemStats(&after)
		require.ErrorAs(t, err, new(*CorruptError), name)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<20), name)
	}
}

// manySlots is a column that changes a new slot with each four bytes.
func manySlots() (b []byte) {
	for i := range uint64(1 << 19) {
		b = binary.AppendUvarint(append(b, 0), i<<1)
		b = append(b, 0, 0)
	}
	return b
}
