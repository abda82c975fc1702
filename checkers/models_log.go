package checkers

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seedbed-sim/seedbed/sim"
)

// The operations on logs: sequences of records at offsets from 0, without gaps. A log is empty before the first operation.
type (
	LogAppend struct{ Log, Record string } // outputs the record's Offset

	// LogRead reads at most Max records from an offset on; it outputs Records. A service reads as many as there are: fewer
	// only at the end of the log, none at and behind it.
	LogRead struct {
		Log  string
		From uint64
		Max  uint64
	}
)

// Offset is the output of LogAppend.
type Offset uint64

// Records is the output of LogRead.
type Records []string

func (o LogAppend) String() string { return "append" + suffix(o.Log) + " " + strconv.Quote(o.Record) }
func (o LogRead) String() string {
	return "read" + suffix(o.Log) + " " + strconv.FormatUint(o.Max, 10) + " from " + strconv.FormatUint(o.From, 10)
}
func (o Offset) String() string { return "offset " + strconv.FormatUint(uint64(o), 10) }

// String is all records; of many, the first and the last.
func (r Records) String() string {
	const ends = 4
	if len(r) > 2*ends+1 {
		first, last := r[:ends].String(), r[len(r)-ends:].String()
		return first[:len(first)-1] + " … " + last[1:] + " (" + strconv.Itoa(len(r)) + ")"
	}
	quoted := make([]string, len(r))
	for i := range r {
		quoted[i] = strconv.Quote(r[i])
	}
	return "[" + strings.Join(quoted, " ") + "]"
}

// LogModel is a set of logs, named by their keys: LogAppend and LogRead.
func LogModel() Model {
	return Model{
		Name: "a log",
		Key: func(input any) string {
			switch o := input.(type) {
			case LogAppend:
				return o.Log
			case LogRead:
				return o.Log
			}
			panic(fmt.Sprintf("checkers: a log has no operation %T", input))
		},
		Init:  (*logState)(nil),
		Step:  stepLog,
		Equal: func(a, b any) bool { return a.(*logState).equal(b.(*logState)) },
		Hash:  func(state any) uint64 { return state.(*logState).digest() },
		infer: inferLog, decide: decideLog,
	}
}

// logState is a log as its last record and the log before that. Nil is the empty log.
type logState struct {
	before *logState
	record string
	size   uint64
	hash   uint64 // of all records
}

// stepLog is one log's service. Its state is a *logState.
func stepLog(state, input, output any) (next any, ok bool) {
	log := state.(*logState)
	_, unseen := output.(Unseen)
	switch o := input.(type) {
	case LogAppend:
		if !unseen && uint64(output.(Offset)) != log.len() {
			return state, false
		}
		return &logState{log, o.Record, log.len() + 1, mix(log.digest(), hashText(0, o.Record))}, true
	case LogRead:
		return state, unseen || log.reads(o, output.(Records))
	case fillGap:
		if !o.at(log.len()) {
			return state, true
		}
		return &logState{log, "?", log.len() + 1, mix(log.digest(), 0)}, true
	}
	panic(fmt.Sprintf("checkers: a log has no operation %T", input))
}

// reads tells whether a read of this log gives these records.
func (l *logState) reads(o LogRead, records Records) bool {
	n := min(l.len()-min(l.len(), o.From), o.Max)
	if uint64(len(records)) != n {
		return false
	}
	for n > 0 && l.len() > o.From+n {
		l = l.before
	}
	for _, r := range slices.Backward(records) {
		if l.record != r {
			return false
		}
		l = l.before
	}
	return true
}

func (l *logState) len() uint64 {
	if l == nil {
		return 0
	}
	return l.size
}

func (l *logState) digest() uint64 {
	if l == nil {
		return 0
	}
	return l.hash
}

func (l *logState) equal(m *logState) bool {
	if l.len() != m.len() {
		return false
	}
	for ; l != m; l, m = l.before, m.before {
		if l.hash != m.hash || l.record != m.record {
			return false
		}
	}
	return true
}

func (l *logState) String() string {
	records := make(Records, l.len())
	for i := range slices.Backward(records) {
		records[i] = l.record
		l = l.before
	}
	return records.String()
}

// decideLog is Model.decide for one log, and finds only what contradicts itself: two records at one offset, two appends that
// have the same one, or an append that was over before one at a lower offset began. A search of a long log takes ages to say
// that there is no way round these.
func decideLog(label string, calls []call) (Result, bool) {
	invalid := func(anomaly, why string, ops ...*sim.Op) (Result, bool) {
		ops = witnesses(ops...)
		return Result{Verdict: Invalid, Anomaly: anomaly, Ops: ops, Detail: label + why + ": " + told(ops[0]) + ", and " + told(ops[1])}, true
	}
	type shown struct {
		record string
		by     *sim.Op
	}
	known := make(map[uint64]shown)
	contradicts := func(offset uint64, record string) bool {
		was, ok := known[offset]
		return ok && was.record != record
	}
	var appends []*call
	for i := range calls {
		c := &calls[i]
		switch o := c.input.(type) {
		case LogAppend:
			at, ok := c.output.(Offset)
			if !ok {
				continue
			}
			if contradicts(uint64(at), o.Record) {
				return invalid("inconsistent offsets", fmt.Sprintf("two records are at offset %d", at), known[uint64(at)].by, c.op)
			}
			known[uint64(at)] = shown{o.Record, c.op}
			appends = append(appends, c)
		case LogRead:
			records, _ := c.output.(Records)
			for j, r := range records {
				at := o.From + uint64(j)
				if contradicts(at, r) {
					return invalid("inconsistent offsets", fmt.Sprintf("two records are at offset %d", at), known[at].by, c.op)
				}
				known[at] = shown{r, c.op}
			}
		}
	}
	slices.SortStableFunc(appends, func(a, b *call) int { return cmp.Compare(a.output.(Offset), b.output.(Offset)) })
	var latest *call // the one that begins last of those at lower offsets
	for i, c := range appends {
		switch {
		case i > 0 && c.output == appends[i-1].output:
			return invalid("inconsistent offsets", "two appends have the same offset", appends[i-1].op, c.op)
		case latest != nil && c.op.Return < latest.op.Call:
			return invalid("reordered records", "the one with the lower offset began when the other was over", c.op, latest.op)
		case latest == nil || c.op.Call > latest.op.Call:
			latest = c
		}
	}
	return Result{}, false
}

// inferLog is Model.infer for one log. The offsets of known appends and the records of known reads say what is in the log
// wherever they reach.
//
//   - A read of unknown outcome says and does nothing: it is dropped.
//
//   - If only this operation appended a record, and a read found it, then the append took effect at that offset before the
//     read completed. So its outcome is known, and its interval ends.
//
//   - If no read found it, it is at an offset of which nothing is known, or has no effect before the last known outcome.
//     For behind the end of what is known no known append follows it, and no read that reached the end of the log at the
//     time; the other reads do not reach as far. Such operations are all alike, and dropped if there is no such offset.
func inferLog(calls []call) []call {
	known := make(map[uint64]string) // by offset
	end := uint64(0)                 // behind the last known one
	appends := make(map[string]int)  // how many calls append a record
	for i := range calls {
		switch o := calls[i].input.(type) {
		case LogAppend:
			appends[o.Record]++
			if at, ok := calls[i].output.(Offset); ok {
				known[uint64(at)] = o.Record
				end = max(end, uint64(at)+1)
			}
		case LogRead:
			records, _ := calls[i].output.(Records)
			for j, r := range records {
				known[o.From+uint64(j)] = r
				end = max(end, o.From+uint64(j)+1)
			}
		}
	}
	gaps := &logGaps{known, end}
	kept := calls[:0]
	for i := range calls {
		c := calls[i]
		if c.unseen() {
			o, ok := c.input.(LogAppend)
			if !ok {
				continue
			}
			if appends[o.Record] == 1 {
				at, by, found := readOf(o.Record, kept, calls[i+1:])
				switch {
				case found && by >= c.from:
					c.ret, c.output = by, Offset(at)
				case !found && uint64(len(known)) == end:
					continue
				case !found:
					c.input = fillGap{gaps}
				}
			}
		}
		kept = append(kept, c)
	}
	return kept
}

// logGaps is what the known outcomes leave open of a log.
type logGaps struct {
	known map[uint64]string // records by offset
	end   uint64            // behind the last of them
}

// fillGap is a LogAppend of unknown outcome whose record nobody has read: it has an effect only where nothing is known.
type fillGap struct{ *logGaps }

func (g fillGap) at(offset uint64) bool {
	_, known := g.known[offset]
	return !known && offset < g.end
}

// readOf is where known reads first found a record, and when the first of them had completed.
func readOf(record string, parts ...[]call) (at, by uint64, found bool) {
	by = forever
	for _, calls := range parts {
		for i := range calls {
			records, _ := calls[i].output.(Records)
			if j := slices.Index(records, record); j >= 0 && (!found || calls[i].ret < by) {
				at, by, found = calls[i].input.(LogRead).From+uint64(j), calls[i].ret, true
			}
		}
	}
	return at, by, found
}
