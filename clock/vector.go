package clock

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// Order is how two points of a partial order stand to each other, read from left to right.
type Order uint8

// The four answers. Concurrent is Before and After at once: each side has something the other lacks.
const (
	Equal      Order = 0
	Before     Order = 1
	After      Order = 2
	Concurrent       = Before | After
)

// String is the answer in lower case: "concurrent".
func (o Order) String() string {
	switch o {
	case Equal:
		return "equal"
	case Before:
		return "before"
	case After:
		return "after"
	case Concurrent:
		return "concurrent"
	}
	return "order(" + strconv.Itoa(int(o)) + ")"
}

// Vector counts, for every process, the steps that happened before or at a point of a run. Comparing two vectors tells
// exactly whether one point happened before the other: it is the happens-before relation, at the price of a counter per
// process. A nil Vector has seen nothing.
//
// A Vector is a value: no method changes it and results may share memory with their operands, so it can be sent and
// kept without a copy. Components are in ascending order of process and their counts are positive, which makes equal
// vectors equal slices; building with With, Tick, Witness and Merge keeps it so.
//
// Source: F. Mattern, "Virtual Time and Global States of Distributed Systems" (1989), and C. Fidge, "Timestamps in
// Message-Passing Systems That Preserve the Partial Ordering" (1988).
type Vector []Component

// Component is one process's counter in a Vector.
type Component struct {
	Process int32
	Count   uint64 // > 0
}

// Tick is the clock after a step of the given process, its own; a message sent in that step carries the result.
func (v Vector) Tick(process int32) Vector { return v.With(process, v.Get(process)+1) }

// Witness is the clock of the given process after the step that receives a message carrying seen.
func (v Vector) Witness(process int32, seen Vector) Vector { return v.Merge(seen).Tick(process) }

// Merge is the least vector that is not before either: the greater count of every process.
func (v Vector) Merge(w Vector) Vector {
	switch v.Compare(w) {
	case Equal, After:
		return v
	case Before:
		return w
	}
	merged := make(Vector, 0, max(len(v), len(w))) // mostly the same processes
	for len(v) > 0 && len(w) > 0 {
		a, b := v[0], w[0]
		if a.Process <= b.Process {
			v = v[1:]
		}
		if b.Process <= a.Process {
			w = w[1:]
		}
		switch {
		case a.Process < b.Process, a.Process == b.Process && a.Count >= b.Count:
			merged = append(merged, a)
		default:
			merged = append(merged, b)
		}
	}
	return append(append(merged, v...), w...)
}

// Compare is Before when v happened before w, After when w happened before v, Equal when they are the same point, and
// Concurrent otherwise.
func (v Vector) Compare(w Vector) Order {
	order := Equal
	for len(v) > 0 && len(w) > 0 && order != Concurrent {
		a, b := v[0], w[0]
		switch {
		case a.Process < b.Process:
			order |= After
			v = v[1:]
		case a.Process > b.Process:
			order |= Before
			w = w[1:]
		default:
			if a.Count < b.Count {
				order |= Before
			} else if a.Count > b.Count {
				order |= After
			}
			v, w = v[1:], w[1:]
		}
	}
	if len(v) > 0 {
		order |= After
	}
	if len(w) > 0 {
		order |= Before
	}
	return order
}

// Get is the count of the given process, zero if v has seen none of its steps.
func (v Vector) Get(process int32) uint64 {
	if i, ok := v.find(process); ok {
		return v[i].Count
	}
	return 0
}

// With is v with one count set; zero takes the process out.
func (v Vector) With(process int32, count uint64) Vector {
	i, ok := v.find(process)
	after := i
	if ok {
		after++
	}
	w := make(Vector, 0, len(v)+1)
	w = append(w, v[:i]...)
	if count > 0 {
		w = append(w, Component{process, count})
	}
	w = append(w, v[after:]...)
	if len(w) == 0 {
		return nil
	}
	return w
}

// String lists the counts by process: "{1:4 2:7}".
func (v Vector) String() string {
	out := []byte{'{'}
	for i, c := range v {
		if i > 0 {
			out = append(out, ' ')
		}
		out = strconv.AppendInt(out, int64(c.Process), 10)
		out = append(out, ':')
		out = strconv.AppendUint(out, c.Count, 10)
	}
	return string(append(out, '}'))
}

func (v Vector) find(process int32) (int, bool) {
	return slices.BinarySearchFunc(v, process, func(c Component, p int32) int { return cmp.Compare(c.Process, p) })
}

// Why bytes are not the encoding of a vector. Errors wrap one of these and name the offset.
var (
	ErrVectorShort = errors.New("clock: vector ends early")
	ErrVectorForm  = errors.New("clock: not the canonical form of a vector")
)

// AppendBinary appends the encoding of v: the number of components, then for each one its process and its count less
// one, all as varints. The first process is written as it is, in zig-zag form; each later one as the number of process
// ids skipped since the one before. Disorder and zeros thus cannot be expressed, and equal vectors have equal bytes.
// The error is always nil.
func (v Vector) AppendBinary(dst []byte) ([]byte, error) {
	dst = binary.AppendUvarint(dst, uint64(len(v)))
	for i, c := range v {
		if i == 0 {
			dst = binary.AppendVarint(dst, int64(c.Process))
		} else {
			dst = binary.AppendUvarint(dst, uint64(int64(c.Process)-int64(v[i-1].Process)-1))
		}
		dst = binary.AppendUvarint(dst, c.Count-1)
	}
	return dst, nil
}

// MarshalBinary is the encoding that AppendBinary describes.
func (v Vector) MarshalBinary() ([]byte, error) { return v.AppendBinary(nil) }

// UnmarshalBinary reads an encoding that makes up all of data. It takes nothing but what AppendBinary writes: anything
// else is an error that wraps ErrVectorShort or ErrVectorForm, and leaves v as it was.
func (v *Vector) UnmarshalBinary(data []byte) error {
	r := vectorReader{data: data}
	n := r.uvarint()
	if n > uint64(len(data)) { // each component takes two bytes or more; believe no count that cannot be true
		r.fail(ErrVectorShort)
	}
	var out Vector
	for i := uint64(0); i < n && r.err == nil; i++ {
		var process int64
		if i == 0 {
			process = r.varint()
		} else {
			skipped := r.uvarint()
			if skipped > math.MaxUint32 {
				r.fail(ErrVectorForm)
			}
			process = int64(out[i-1].Process) + 1 + int64(skipped)
		}
		count := r.uvarint() + 1
		if process != int64(int32(process)) || count == 0 {
			r.fail(ErrVectorForm)
		}
		out = append(out, Component{int32(process), count})
	}
	if r.err == nil && r.offset < len(data) {
		r.fail(ErrVectorForm)
	}
	if r.err != nil {
		return fmt.Errorf("%w (byte %d of %d)", r.err, r.offset, len(data))
	}
	*v = out
	return nil
}

// vectorReader reads varints until the first error, and zeros from then on.
type vectorReader struct {
	data   []byte
	offset int // of the first unread byte
	err    error
}

func (r *vectorReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *vectorReader) uvarint() uint64 {
	if r.err != nil {
		return 0
	}
	x, n := binary.Uvarint(r.data[r.offset:])
	switch {
	case n == 0:
		r.fail(ErrVectorShort)
		return 0
	case n < 0 || n > 1 && r.data[r.offset+n-1] == 0: // too large, or longer than it need be
		r.fail(ErrVectorForm)
		return 0
	}
	r.offset += n
	return x
}

func (r *vectorReader) varint() int64 {
	zigzag := r.uvarint()
	return int64(zigzag>>1) ^ -int64(zigzag&1)
}
