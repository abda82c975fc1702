// Package histories reads what clients of any system did, from files of other tools, and judges it. It is not about runs of
// this project: those are judged while they run, and know more.
//
// A file tells of operations by entries in the order in which they happened, as Jepsen does: a process invokes an operation,
// and that ends ok, fail (it certainly did not happen) or info (it may or may not happen, now or later). There are three
// forms:
//
//	EDN        {:index 0, :time 1234, :type :invoke, :process 0, :f :read, :value nil}
//	JSON       {"index":0, "time":1234, "type":"invoke", "process":0, "f":"read", "value":null}
//	Register   INFO  jepsen.util - 0	:invoke	:read	nil
//
// Entries of EDN and JSON stand one after the other or in one list, tagged or not. An entry has :type, :process, :f and
// :value, and may have :index, :time in nanoseconds, and :key, for which :value may be [key value] instead. Entries of the
// process :nemesis are passed over. Other fields are not read. A compare-and-set that fails with :error :not-swapped has
// found another value, and so has a failed one with its value in the register logs of Porcupine's tests; otherwise it has
// not happened.
//
// What operations there are is up to the [Model].
package histories

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Format is a form of files.
type Format string

const (
	EDN      Format = "edn"
	JSON     Format = "json"
	Register Format = "register-log" // a log of Jepsen itself, as in Porcupine's tests
)

// Formats are all forms there are.
func Formats() []Format { return []Format{EDN, JSON, Register} }

// History is what a file tells. The client of an operation is its process, and its steps are the indices of its entries, or
// their numbers from 1 on if they have none.
type History struct {
	Format  Format
	Entries int // those of nemeses included
	Ops     []*sim.Op
	Linear  *checkers.Model // that Linearizable has judged it by; nil: something else has
}

// Count is how many operations ended like this.
func (h *History) Count(o sim.Outcome) (n int) {
	for _, op := range h.Ops {
		if op.Outcome == o {
			n++
		}
	}
	return n
}

// Check judges a file by a model. An error says what is wrong with the file, in which line.
func Check(r io.Reader, m *Model, o Options) (*History, checkers.Result, error) {
	c := m.make(&o)
	h, err := read(r, c, o)
	if err != nil {
		return nil, checkers.Result{}, err
	}
	result := c.judge(h.Ops)
	if l, ok := c.(linear); ok {
		if m, ok := l.linear(); ok {
			h.Linear = &m
		}
	}
	if len(h.Ops) == 0 {
		result.Detail = "the file has no operations, but for those of nemeses"
	}
	return h, result, nil
}

// Options say how to read, and what is promised. Models use what is theirs.
type Options struct {
	Format   Format           // "": found by content
	Progress func(read int64) // bytes; may be nil

	Budget       int            // steps of a search, per key; 0: DefaultBudget
	Level        checkers.Level // of transactions
	Linearizable bool           // for sets
	FIFO         bool           // for queues
	Total        int64          // of a bank
	HasTotal     bool
	Negative     bool // accounts of a bank may be overdrawn
}

// DefaultBudget is how many steps a search may take per key: about a second of one core, and a few for what that does not decide.
const DefaultBudget = 1_000_000

// A problem is an error in a file.
type problem struct {
	line int
	text string
}

func (p *problem) Error() string { return fmt.Sprintf("line %d: %s", p.line, p.text) }

func problemf(line int, format string, args ...any) error {
	return &problem{line, fmt.Sprintf(format, args...)}
}

// entry is one line of a history. Its values are good until the next one is read.
type entry struct {
	line    int
	kind    string // invoke, ok, fail or info
	f       string
	value   value
	key     value
	process value
	index   value
	time    value
	failure value // of an end: why
}

// source reads entries, up to io.EOF.
type source interface {
	next(e *entry) error
}

// reader pairs entries to operations.
type reader struct {
	convert converter
	format  Format
	history *History
	open    map[sim.NodeID]*opened
	spare   []sim.Op // operations are made many at a time
	indexed bool     // entries have indices
	last    int64    // index of the last entry
}

// opened is an operation without an end so far.
type opened struct {
	op   *sim.Op // nil: there is none
	f    string
	line int
}

func read(r io.Reader, c converter, o Options) (*History, error) {
	forms, format, err := open(r, o)
	if err != nil {
		return nil, err
	}
	rd := &reader{convert: c, format: format, history: &History{Format: format}, open: make(map[sim.NodeID]*opened)}
	var e entry
	for {
		e = entry{}
		switch err := forms.next(&e); {
		case err == io.EOF:
			if rd.history.Entries == 0 {
				return nil, errors.New("there is no entry in it; a history has at least one")
			}
			return rd.history, nil
		case err != nil:
			return nil, err
		}
		if err := rd.take(&e); err != nil {
			return nil, err
		}
	}
}

func (r *reader) take(e *entry) error {
	h := r.history
	h.Entries++
	step := uint64(h.Entries)
	if h.Entries == 1 {
		r.indexed = e.index.kind() != missing
	}
	switch index, ok := e.index.int(); {
	case r.indexed != (e.index.kind() != missing):
		return problemf(e.line, "only some entries have an index; all should, or none")
	case !r.indexed:
	case !ok || index < 0 || index == math.MaxInt64:
		return problemf(e.line, "the index is %s; it should be a number from 0 on", e.index)
	case h.Entries > 1 && index <= r.last:
		return problemf(e.line, "the index is %d after %d; indices should grow", index, r.last)
	default:
		r.last, step = index, uint64(index)
	}
	if e.process.isWord("nemesis") {
		return nil
	}
	process, ok := e.process.int()
	if !ok || process < 0 || process > math.MaxInt32 {
		return problemf(e.line, "the process is %s; it should be a number from 0 on, or nemesis", e.process)
	}
	at, _ := e.time.int()
	id := sim.NodeID(process)
	o := r.open[id]
	if o == nil {
		o = new(opened)
		r.open[id] = o
	}
	if e.kind == "invoke" {
		if o.op != nil {
			return problemf(e.line, "process %d invokes %s, and its %s of line %d has not ended; a process does one thing at a time", process, e.f, o.f, o.line)
		}
		input, err := r.convert.input(e)
		if err != nil {
			return problemf(e.line, "%v", err)
		}
		if len(r.spare) == 0 {
			r.spare = make([]sim.Op, 4096)
		}
		op := &r.spare[0]
		r.spare = r.spare[1:]
		*op = sim.Op{ID: len(h.Ops), Client: id, Input: input, Call: step, Invoked: clock.Time(at)}
		h.Ops = append(h.Ops, op)
		*o = opened{op, e.f, e.line}
		return nil
	}
	outcome, ok := outcomes[e.kind]
	switch {
	case !ok:
		return problemf(e.line, "the type is %q; it should be invoke, ok, fail or info", e.kind)
	case o.op == nil:
		return problemf(e.line, "%s of %s by process %d, which has nothing open; an invoke should come before it", e.kind, e.f, process)
	case e.f != o.f:
		return problemf(e.line, "%s of %s by process %d, whose %s of line %d is open; the two should be the same", e.kind, e.f, process, o.f, o.line)
	}
	op := o.op
	o.op = nil
	op.Outcome, op.Return, op.Ended = outcome, step, clock.Time(at)
	if _, cas := op.Input.(checkers.CAS); cas && outcome == sim.Fail &&
		(e.failure.isWord("not-swapped") || r.format == Register && e.value.kind() == list) {
		op.Outcome, op.Output = sim.OK, checkers.Swapped(false)
		return nil
	}
	if outcome == sim.OK {
		output, err := r.convert.output(e, op)
		if err != nil {
			return problemf(e.line, "%v", err)
		}
		op.Output = output
	}
	return nil
}

var outcomes = map[string]sim.Outcome{"ok": sim.OK, "fail": sim.Fail, "info": sim.Info}

// Models are what histories can be judged by, in order of their names.
func Models() []*Model {
	return slices.SortedFunc(slices.Values(models), func(a, b *Model) int { return cmp.Compare(a.Name, b.Name) })
}

// FindModel is the model of a name; the error lists the names there are.
func FindModel(name string) (*Model, error) {
	var names []string
	for _, m := range Models() {
		if m.Name == name {
			return m, nil
		}
		names = append(names, m.Name)
	}
	return nil, fmt.Errorf("unknown model %q: there are %s", name, strings.Join(names, ", "))
}
