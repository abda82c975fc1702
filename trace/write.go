package trace

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Writer writes a trace as it happens: a frame goes out when it is full, so memory does not grow with the run but for
// the index, 40 bytes per frame. The first error sticks and is returned by every later call.
type Writer struct {
	w      io.Writer
	frame  frameWriter
	steps  uint64 // in all frames
	next   uint64 // the number the next step must have; 0 before the first
	offset int64  // bytes written
	index  []frameInfo
	buf    []byte
	err    error
}

// encoder compresses the blocks of all writers: its tables are large, and it may be shared.
var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedDefault), zstd.WithEncoderCRC(false),
		zstd.WithWindowSize(frameBytes))
	if err != nil {
		panic(err) // of these options
	}
	return e
})

// NewWriter starts a trace. The header's Outcome is of no account here; Close takes it.
func NewWriter(w io.Writer, h Header) (*Writer, error) {
	h.Outcome = Outcome{}
	text, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("trace header: %w", err)
	}
	t := &Writer{w: w}
	t.frame.reset(0)
	t.write(binary.LittleEndian.AppendUint16([]byte(magic), Format))
	t.block(tagHeader, text, maxBlock)
	return t, t.err
}

// Write adds a step with all that belongs to it. Steps are numbered without gaps, from any first number, and never go
// back in time; texts are at most MaxText long.
func (t *Writer) Write(s *Step) error {
	if err := s.check(); err != nil && t.err == nil {
		t.err = err
	}
	t.step(&s.Step, &phrase{text: s.Text})
	for _, c := range s.Changes {
		t.change(s.N, s.Node, []byte(c.Path), []byte(c.Old), []byte(c.New))
	}
	for _, l := range s.Logs {
		t.log(l.Node, []byte(l.Text))
	}
	return t.err
}

func (s *Step) check() error {
	longest, sum := len(s.Text), len(s.Text)
	for _, c := range s.Changes {
		longest = max(longest, len(c.Path), len(c.Old), len(c.New))
		sum += len(c.Path) + len(c.Old) + len(c.New)
	}
	for _, l := range s.Logs {
		longest = max(longest, len(l.Text))
		sum += len(l.Text)
	}
	switch {
	case len(s.Changes) > stepLines || len(s.Logs) > stepLines:
		return fmt.Errorf("trace: step %d has more than %d changes or log lines", s.N, stepLines)
	case longest > MaxText:
		return fmt.Errorf("trace: step %d has a text of %d bytes, more than %d", s.N, longest, MaxText)
	case sum > stepBytes:
		return fmt.Errorf("trace: step %d has %d bytes of text, more than %d", s.N, sum, stepBytes)
	}
	return nil
}

// step begins a step; its changes and log lines may follow until the next frame begins.
func (t *Writer) step(s *sim.Step, text *phrase) {
	f := &t.frame
	switch {
	case t.err != nil:
		return
	case t.next != 0 && s.N != t.next, s.N == 0:
		t.err = fmt.Errorf("trace: step %d where step %d is due", s.N, max(t.next, 1))
		return
	case t.next != 0 && s.At < f.at:
		t.err = fmt.Errorf("trace: step %d at %s is before its predecessor at %s", s.N, s.At.Exact(), f.at.Exact())
		return
	}
	if f.over(1) && runsHandler(s.Kind) || f.over(2) {
		t.flush() // what a handler did thus stays in one frame
	}
	if f.steps == 0 {
		f.reset(s.N)
		f.from = s.At
	}
	f.step(s, text)
	t.steps++
	t.next = s.N + 1
}

// change adds a change to step n, or to the frame's first step where n is in an earlier frame.
func (t *Writer) change(n uint64, node sim.NodeID, path, before, after []byte) {
	if t.err == nil && t.frame.steps > 0 {
		t.frame.change(max(n, t.frame.first)-t.frame.first, node, path, before, after)
	}
}

// log adds a line to the last step.
func (t *Writer) log(node sim.NodeID, text []byte) {
	if t.err == nil && t.frame.steps > 0 {
		t.frame.log(node, text)
	}
}

// Close ends the trace. It does not close the underlying writer.
func (t *Writer) Close(o Outcome) error {
	t.flush()
	o.Steps, o.End = t.steps, t.frame.at
	text, err := json.Marshal(tail{o, t.index})
	if err != nil && t.err == nil {
		t.err = err
	}
	at := t.offset
	t.block(tagTail, text, maxBlock)
	t.write(append(binary.LittleEndian.AppendUint64(nil, uint64(at)), endMagic...))
	if t.err != nil {
		return t.err
	}
	t.err = errClosed
	return nil
}

func (t *Writer) flush() {
	f := &t.frame
	if f.steps == 0 || t.err != nil {
		return
	}
	t.index = append(t.index, frameInfo{t.offset, f.first, f.steps, f.from, f.at})
	t.block(tagFrame, f.bytes(), maxFrame)
	f.steps = 0
}

// block writes one block.
func (t *Writer) block(tag byte, raw []byte, limit int) {
	if len(raw) > limit && t.err == nil {
		t.err = fmt.Errorf("trace: a block of %d bytes, more than %d", len(raw), limit)
	}
	t.buf = append(t.buf[:0], make([]byte, blockHead)...)
	t.buf = encoder().EncodeAll(raw, t.buf)
	t.buf[0] = tag
	binary.LittleEndian.PutUint32(t.buf[1:], uint32(len(raw)))
	binary.LittleEndian.PutUint32(t.buf[5:], uint32(len(t.buf)-blockHead))
	binary.LittleEndian.PutUint32(t.buf[9:], blockSum(t.buf))
	t.write(t.buf)
}

func (t *Writer) write(p []byte) {
	if t.err != nil {
		return
	}
	n, err := t.w.Write(p)
	t.offset += int64(n)
	if n < len(p) && err == nil {
		err = io.ErrShortWrite
	}
	if err != nil {
		t.err = fmt.Errorf("writing trace: %w", err)
	}
}

// A block is its tag, raw length, stored length and checksum, and then what is stored.
const (
	blockHead = 13
	maxBlock  = 16 << 20                    // bytes, before compression
	maxFrame  = 2*frameBytes + 16*stepBytes // likewise; a digit may take ten bytes
	tagHeader = 'H'
	tagFrame  = 'F'
	tagTail   = 'T'
	magic     = "\x93seedbed" // no text file begins like this
	endMagic  = "debdees\x93"
	trailer   = 8 + len(endMagic)
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blockSum covers a block but for the sum itself.
func blockSum(block []byte) uint32 {
	return crc32.Update(crc32.Checksum(block[:9], castagnoli), castagnoli, block[blockHead:])
}

// tail ends a trace.
type tail struct {
	Outcome
	Frames []frameInfo `json:"frames"`
}

// frameInfo is a frame's entry in the index.
type frameInfo struct {
	Offset int64      `json:"offset"`
	First  uint64     `json:"first"` // step
	Steps  uint64     `json:"steps"`
	From   clock.Time `json:"from"` // of the first step
	To     clock.Time `json:"to"`   // of the last step
}

// frameWriter encodes the frame at hand.
type frameWriter struct {
	context
	steps uint64
	from  clock.Time
	cols  [colText][]byte
	heads int              // defined so far
	slots map[string]*slot // by node and path

	texts, changes, logs textWriter
	// The steps, counted from first, that the last change and the last line belong to, and how many changes that has.
	changed, logged uint64
	ofChanged       int
	buf             []byte
}

// slot is a place in a node's state.
type slot struct {
	id   int
	now  []byte
	held memory // of now
}

func (f *frameWriter) reset(first uint64) {
	f.context.begin(first)
	f.steps, f.heads, f.changed, f.logged, f.ofChanged = 0, 0, 0, 0, 0
	for i := range f.cols {
		f.cols[i] = f.cols[i][:0]
	}
	f.texts.reset()
	f.changes.reset()
	f.logs.reset()
	f.slots = make(map[string]*slot)
}

// over tells whether the frame has reached so many times its limits.
func (f *frameWriter) over(times int) bool {
	size := len(f.texts.body) + len(f.texts.added) + len(f.changes.body) + len(f.changes.added) + len(f.logs.body) + len(f.logs.added)
	for i := range f.cols {
		size += len(f.cols[i])
	}
	return f.steps >= uint64(times*frameSteps) || size >= times*frameBytes || len(f.slots) >= times*frameSlots
}

func (f *frameWriter) step(s *sim.Step, text *phrase) {
	p := f.place(placeKey{s.Kind, s.Node, s.Peer})
	var flags uint8
	if s.Packet != 0 {
		flags |= hasPacket
		f.cols[colPacket] = binary.AppendVarint(f.cols[colPacket], int64(s.Packet-p.packet))
	}
	if s.Cause != 0 {
		flags |= hasCause
		f.cols[colCause] = binary.AppendVarint(f.cols[colCause], int64(s.Cause-p.cause()))
	}
	switch s.Lamport {
	case p.node.lamport:
	case p.node.lamport + 1:
		flags |= lamportTick
	case f.join(p, s.Cause):
		flags |= lamportJoin
	default:
		flags |= lamportFree
		f.cols[colLamport] = binary.AppendVarint(f.cols[colLamport], int64(s.Lamport-p.node.lamport))
	}
	if s.Packet != 0 {
		if late := s.Sent - f.sent(s.Cause, s.At); late != 0 {
			flags |= hasSent
			f.cols[colSent] = binary.AppendVarint(f.cols[colSent], int64(late))
		}
	}
	if s.Incarnation != p.node.life {
		flags |= newLife
		f.cols[colLife] = binary.AppendUvarint(f.cols[colLife], uint64(s.Incarnation))
	}
	if text != nil && text.text != "" {
		flags |= hasText
		f.texts.say(text, nil)
	}
	f.cols[colHead] = binary.AppendUvarint(f.cols[colHead], uint64(f.head(p, flags)))
	f.cols[colAt] = binary.AppendUvarint(f.cols[colAt], uint64(s.At-f.at))
	f.done(s, p)
	f.steps++
}

// head returns the number of a head, which it defines if need be.
func (f *frameWriter) head(p *place, flags uint8) int {
	for _, h := range p.heads {
		if h.flags == flags {
			return h.id
		}
	}
	h := head{flags, f.heads}
	f.heads++
	p.heads = append(p.heads, h)
	col := append(f.cols[colHeads], flags, byte(p.kind))
	col = binary.AppendUvarint(col, uint64(uint32(p.placeKey.node)))
	f.cols[colHeads] = binary.AppendUvarint(col, uint64(uint32(p.placeKey.peer)))
	return h.id
}

// change adds a change to the frame's step i, or to the last one that has any, if that is later.
func (f *frameWriter) change(i uint64, node sim.NodeID, path, before, after []byte) {
	w := &f.changes
	i = max(i, f.changed)
	if i > f.changed {
		f.ofChanged = 0
	}
	if f.ofChanged++; f.ofChanged > stepLines {
		return // many handlers in one step: only World.Do can do that
	}
	w.uint(i - f.changed)
	f.changed = i
	f.buf = append(binary.LittleEndian.AppendUint32(f.buf[:0], uint32(node)), path...)
	s, known := f.slots[string(f.buf)]
	if !known {
		s = &slot{id: len(f.slots), held: memory{template: noTemplate}}
		f.slots[string(f.buf)] = s
	}
	news := uint64(0)
	if string(s.now) != string(before) {
		news = 1
	}
	w.uint(uint64(s.id)<<1 | news)
	if !known {
		w.put(path, nil)
	}
	if news != 0 {
		w.put(before, &s.held)
	}
	w.put(after, &s.held)
	s.now = append(s.now[:0], after...)
}

// log adds a line to the last step.
func (f *frameWriter) log(node sim.NodeID, text []byte) {
	f.logs.uint(f.steps - 1 - f.logged)
	f.logged = f.steps - 1
	f.logs.uint(uint64(uint32(node)))
	f.logs.put(text, nil)
}

// columns returns the columns in file order.
func (f *frameWriter) columns() (cols [numColumns][]byte) {
	copy(cols[:], f.cols[:])
	cols[colText], cols[colTexts] = f.texts.body, f.texts.added
	cols[colChange], cols[colChanges] = f.changes.body, f.changes.added
	cols[colLog], cols[colLogs] = f.logs.body, f.logs.added
	return cols
}

// bytes returns the frame as a block holds it: number of the first step, count of steps, lengths of the columns, columns.
func (f *frameWriter) bytes() []byte {
	cols := f.columns()
	f.buf = binary.AppendUvarint(f.buf[:0], f.first)
	f.buf = binary.AppendUvarint(f.buf, f.steps)
	for _, col := range cols {
		f.buf = binary.AppendUvarint(f.buf, uint64(len(col)))
	}
	for _, col := range cols {
		f.buf = append(f.buf, col...)
	}
	return f.buf
}
