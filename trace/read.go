package trace

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math"
	"sort"

	"github.com/klauspost/compress/zstd"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Reader reads a trace by window. It holds the index and no steps, and may be used by several goroutines at once if its
// io.ReaderAt may. Whatever the file contains, it takes no more memory than a few frames of the largest size allowed.
type Reader struct {
	r      io.ReaderAt
	size   int64
	zstd   *zstd.Decoder
	header Header
	frames []frameInfo
}

// Open reads the header and the index of a trace of size bytes. It fails with ErrNotTrace, a *VersionError,
// ErrTruncated, a *CorruptError or the error of r.
func Open(r io.ReaderAt, size int64) (*Reader, error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlock))
	if err != nil {
		return nil, err
	}
	t := &Reader{r: r, size: size, zstd: dec}
	const prefix = len(magic) + 2
	var start [prefix]byte
	if n, err := t.at(start[:min(size, int64(prefix))], 0); err != nil {
		return nil, err
	} else if string(start[:min(n, len(magic))]) != magic[:min(n, len(magic))] {
		return nil, ErrNotTrace
	} else if n < prefix {
		return nil, ErrTruncated
	}
	if format := binary.LittleEndian.Uint16(start[len(magic):]); format != Format {
		return nil, &VersionError{format}
	}
	var end [trailer]byte
	if size < int64(prefix+trailer) {
		return nil, ErrTruncated
	} else if _, err := t.at(end[:], size-int64(trailer)); err != nil {
		return nil, err
	} else if string(end[8:]) != endMagic {
		return nil, ErrTruncated
	}
	if err := t.json(int64(prefix), tagHeader, &t.header); err != nil {
		return nil, err
	}
	at := binary.LittleEndian.Uint64(end[:])
	if at >= uint64(size) {
		return nil, &CorruptError{-1, size - int64(trailer), "the trailer points beyond the end"}
	}
	var last tail
	if err := t.json(int64(at), tagTail, &last); err != nil {
		return nil, err
	}
	t.header.Outcome, t.frames = last.Outcome, last.Frames
	t.header.Virtual = max(t.header.Virtual, t.header.End)
	return t, t.check(int64(at))
}

// Header says what run the trace is of.
func (t *Reader) Header() Header { return t.header }

// Steps returns the numbers of the first and the last step; both are 0 in an empty trace.
func (t *Reader) Steps() (first, last uint64) {
	if len(t.frames) == 0 {
		return 0, 0
	}
	f := t.frames[len(t.frames)-1]
	return t.frames[0].First, f.First + f.Steps - 1
}

// Window yields the steps numbered first to last, both included, as far as the trace has them. An error ends it.
func (t *Reader) Window(first, last uint64) iter.Seq2[Step, error] {
	return t.steps(t.frameOf(first),
		func(s *sim.Step) bool { return s.N >= first },
		func(s *sim.Step) bool { return s.N > last })
}

// WindowTime yields the steps at from to to, both included.
func (t *Reader) WindowTime(from, to clock.Time) iter.Seq2[Step, error] {
	start := sort.Search(len(t.frames), func(i int) bool { return t.frames[i].To >= from })
	return t.steps(start,
		func(s *sim.Step) bool { return s.At >= from },
		func(s *sim.Step) bool { return s.At > to })
}

// All yields every step.
func (t *Reader) All() iter.Seq2[Step, error] { return t.Window(0, math.MaxUint64) }

// Skim hands all steps to f, without what costs most to read: their texts, changes and logs.
func (t *Reader) Skim(f func(s *sim.Step)) error { return t.SkimWindow(0, math.MaxUint64, f) }

// SkimWindow is Skim for the steps of a Window.
func (t *Reader) SkimWindow(first, last uint64, f func(s *sim.Step)) error {
	skip := func(s *sim.Step) bool {
		if first <= s.N && s.N <= last {
			f(s)
		}
		return false
	}
	for _, err := range t.steps(t.frameOf(first), skip, func(s *sim.Step) bool { return s.N > last }) {
		return err
	}
	return nil
}

// frameOf is the frame that has a step, or the first behind it.
func (t *Reader) frameOf(n uint64) int {
	return sort.Search(len(t.frames), func(i int) bool { return t.frames[i].First+t.frames[i].Steps > n })
}

// Causal is the happened-before relation over all steps.
func (t *Reader) Causal() (*sim.Causal, error) {
	c := &sim.Causal{}
	return c, t.Skim(c.Add)
}

// Find returns the first step from number first on that matches; ok is false if there is none.
func (t *Reader) Find(first uint64, match func(s *Step) bool) (found Step, ok bool, err error) {
	for s, err := range t.Window(first, math.MaxUint64) {
		if err != nil {
			return Step{}, false, err
		}
		if match(&s) {
			return s, true, nil
		}
	}
	return Step{}, false, nil
}

// steps yields steps from a frame on, from the first that begins says, until the first that ends says.
func (t *Reader) steps(frame int, begins, ends func(*sim.Step) bool) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		for i := frame; i < len(t.frames); i++ {
			f, err := t.frame(i)
			if err != nil {
				yield(Step{}, err)
				return
			}
			corrupt := func(format string, args ...any) {
				yield(Step{}, &CorruptError{i, t.frames[i].Offset, fmt.Sprintf(format, args...)})
			}
			for range t.frames[i].Steps {
				var s Step
				number := f.first + f.steps
				wanted := f.next(&s, begins)
				if f.bad() {
					corrupt("step %d does not decode", number)
					return
				}
				if ends(&s.Step) {
					return
				}
				if wanted && !yield(s, nil) {
					return
				}
			}
			if f.left() || f.at != t.frames[i].To {
				corrupt("the columns do not end with the frame")
				return
			}
		}
	}
}

// check holds the index to the promises of the Writer.
func (t *Reader) check(end int64) error {
	offset, next, at := int64(len(magic)+2), uint64(0), clock.Time(math.MinInt64)
	steps := uint64(0)
	for i, f := range t.frames {
		ordered := f.Offset > offset && f.Offset < end && f.From >= at && f.To >= f.From
		counted := f.First > 0 && (i == 0 || f.First == next) && f.Steps > 0 && f.Steps <= 2*frameSteps && f.First+f.Steps > f.First
		if !ordered || !counted {
			return &CorruptError{-1, end, fmt.Sprintf("the index is wrong about frame %d", i)}
		}
		offset, next, at = f.Offset, f.First+f.Steps, f.To
		steps += f.Steps
	}
	if steps != t.header.Steps {
		return &CorruptError{-1, end, fmt.Sprintf("the index has %d steps, the outcome %d", steps, t.header.Steps)}
	}
	return nil
}

// json reads a block of JSON.
func (t *Reader) json(offset int64, tag byte, into any) error {
	raw, err := t.block(-1, offset, tag, maxBlock)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return &CorruptError{-1, offset, err.Error()}
	}
	return nil
}

// block reads and checks one block.
func (t *Reader) block(frame int, offset int64, tag byte, limit uint32) ([]byte, error) {
	corrupt := func(reason string) ([]byte, error) { return nil, &CorruptError{frame, offset, reason} }
	room := t.size - int64(trailer) - offset - blockHead
	if offset < 0 || room < 0 {
		return corrupt("no room for a block")
	}
	var head [blockHead]byte
	if _, err := t.at(head[:], offset); err != nil {
		return nil, err
	}
	raw, stored := binary.LittleEndian.Uint32(head[1:]), binary.LittleEndian.Uint32(head[5:])
	switch {
	case head[0] != tag:
		return corrupt(fmt.Sprintf("a block of kind %q where %q is due", head[0], tag))
	case raw > limit || stored > limit+limit/8:
		return corrupt("a block beyond the largest size")
	case int64(stored) > room:
		return corrupt("a block that runs past the end")
	}
	buf := make([]byte, blockHead+int(stored))
	if _, err := t.at(buf, offset); err != nil {
		return nil, err
	}
	if blockSum(buf) != binary.LittleEndian.Uint32(head[9:]) {
		return corrupt("checksum mismatch")
	}
	out, err := t.zstd.DecodeAll(buf[blockHead:], make([]byte, 0, raw))
	if err != nil {
		return corrupt(err.Error())
	}
	if len(out) != int(raw) {
		return corrupt(fmt.Sprintf("a block of %d bytes where %d are due", len(out), raw))
	}
	return out, nil
}

// at fills p from the file.
func (t *Reader) at(p []byte, offset int64) (int, error) {
	n, err := t.r.ReadAt(p, offset)
	if n == len(p) {
		return n, nil
	}
	if err == io.EOF {
		return n, ErrTruncated
	}
	return n, fmt.Errorf("reading trace: %w", err)
}

// frame loads frame i.
func (t *Reader) frame(i int) (*frameReader, error) {
	info := t.frames[i]
	raw, err := t.block(i, info.Offset, tagFrame, maxFrame)
	if err != nil {
		return nil, err
	}
	f := &frameReader{}
	f.begin(info.First)
	c := cursor{b: raw}
	first, steps := c.uvarint(), c.uvarint()
	var lengths [numColumns]uint64
	for j := range lengths {
		lengths[j] = c.bounded(uint64(len(raw)))
	}
	for j, n := range lengths {
		if n > uint64(len(c.b)) {
			c.bad = true
			break
		}
		f.column(j).b, c.b = c.b[:n], c.b[n:]
	}
	if c.bad || len(c.b) > 0 || first != info.First || steps != info.Steps {
		return nil, &CorruptError{i, info.Offset, "the columns do not fit the frame"}
	}
	f.changed = ahead(&f.changes.body, 0)
	f.logged = ahead(&f.logs.body, 0)
	return f, nil
}

// frameReader decodes one frame.
type frameReader struct {
	context
	cols  [colText]cursor
	steps uint64 // decoded so far
	heads []readHead
	slots []readSlot

	texts, changes, logs textReader
	// The steps, counted from first, that the next change and the next line belong to; never if there is none.
	changed, logged uint64
}

const never = math.MaxUint64

type readHead struct {
	*place
	flags uint8
}

type readSlot struct {
	path memory
	now  memory
}

// column returns a column by its place in the file.
func (f *frameReader) column(i int) *cursor {
	switch i {
	case colText:
		return &f.texts.body
	case colTexts:
		return &f.texts.added
	case colChange:
		return &f.changes.body
	case colChanges:
		return &f.changes.added
	case colLog:
		return &f.logs.body
	case colLogs:
		return &f.logs.added
	default:
		return &f.cols[i]
	}
}

// bad tells whether the frame has contradicted itself.
func (f *frameReader) bad() bool {
	bad := f.texts.bad() || f.changes.bad() || f.logs.bad()
	for i := range f.cols {
		bad = bad || f.cols[i].bad
	}
	return bad
}

// left tells whether anything is left to decode.
func (f *frameReader) left() bool {
	for i := range numColumns {
		if len(f.column(i).b) > 0 {
			return true
		}
	}
	return false
}

// next decodes the next step, and tells whether it is wanted: if not, its texts are left out.
func (f *frameReader) next(s *Step, wanted func(*sim.Step) bool) (want bool) {
	h := f.head()
	if h.place == nil {
		return false
	}
	p := h.place
	s.N, s.Kind, s.Node, s.Peer = f.first+f.steps, p.kind, p.placeKey.node, p.placeKey.peer
	s.At = f.at + clock.Time(f.cols[colAt].uvarint())
	if h.flags&hasPacket != 0 {
		s.Packet = p.packet + uint64(f.cols[colPacket].varint())
	}
	if h.flags&hasCause != 0 {
		s.Cause = p.cause() + uint64(f.cols[colCause].varint())
	}
	switch {
	case h.flags&lamportTick != 0:
		s.Lamport = p.node.lamport + 1
	case h.flags&lamportJoin != 0:
		s.Lamport = f.join(p, s.Cause)
	case h.flags&lamportFree != 0:
		s.Lamport = p.node.lamport + uint64(f.cols[colLamport].varint())
	default:
		s.Lamport = p.node.lamport
	}
	if h.flags&hasPacket != 0 {
		s.Sent = f.sent(s.Cause, s.At)
	}
	if h.flags&hasSent != 0 {
		s.Sent += clock.Time(f.cols[colSent].varint())
	}
	s.Incarnation = p.node.life
	if h.flags&newLife != 0 {
		s.Incarnation = uint32(f.cols[colLife].bounded(math.MaxUint32))
	}
	want = wanted(&s.Step)
	if h.flags&hasText != 0 {
		s.Text = f.texts.get(nil, want)
	}
	for lines := 0; f.changed == f.steps; lines++ {
		c := f.change(want)
		if want {
			s.Changes = append(s.Changes, c)
		}
		f.changed = ahead(&f.changes.body, f.changed)
		if lines == stepLines {
			f.changes.body.fail()
		}
	}
	for lines := 0; f.logged == f.steps; lines++ {
		node := sim.NodeID(uint32(f.logs.body.bounded(math.MaxUint32)))
		text := f.logs.get(nil, want)
		if want {
			s.Logs = append(s.Logs, Log{node, text})
		}
		f.logged = ahead(&f.logs.body, f.logged)
		if lines == stepLines {
			f.logs.body.fail()
		}
	}
	f.done(&s.Step, p)
	f.steps++
	return want
}

// head reads the head of the next step; its place is nil if there is none.
func (f *frameReader) head() readHead {
	id := f.cols[colHead].bounded(uint64(len(f.heads)))
	if id == uint64(len(f.heads)) {
		col := &f.cols[colHeads]
		flags, kind := col.byte(), col.byte()
		k := placeKey{kind: sim.Kind(kind)}
		k.node = sim.NodeID(uint32(col.bounded(math.MaxUint32)))
		k.peer = sim.NodeID(uint32(col.bounded(math.MaxUint32)))
		if col.bad || f.cols[colHead].bad {
			return readHead{}
		}
		f.heads = append(f.heads, readHead{f.place(k), flags})
	}
	return f.heads[id]
}

func (f *frameReader) change(want bool) (c Change) {
	r := &f.changes
	known := uint64(len(f.slots))
	u := r.body.bounded(min(known, 2*frameSlots+stepLines)<<1 | 1)
	if u>>1 == known {
		f.slots = append(f.slots, readSlot{path: memory{template: noTemplate}, now: memory{template: noTemplate}})
	}
	s := &f.slots[u>>1]
	if u>>1 == known {
		r.get(&s.path, false)
	}
	if u&1 != 0 {
		r.get(&s.now, false)
	}
	if want {
		c.Path, c.Old = r.held(&s.path), r.held(&s.now)
	}
	c.New = r.get(&s.now, want)
	return c
}

// ahead reads which step the next change or line belongs to, given that of the last.
func ahead(col *cursor, last uint64) uint64 {
	if len(col.b) == 0 {
		return never
	}
	return last + col.bounded(2*frameSteps)
}
