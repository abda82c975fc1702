package export

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// jepsen writes a history as Jepsen does: a map in EDN per line, for each invocation and each completion. Values are
//
//	:read    nil, then what was read
//	:write   the text
//	:append  the text, or of a log the record, then its offset
//	:delete  nil
//	:cas     [old new]
//	:add     the number; :read of a counter gives its value
//	:txn     [[:append k v] [:r k nil]], then [[:append k v] [:r k [v …]]]
//	:op      a text: an operation that is of no type of package checkers
//
// and of a key or a log with a name [name value]. A read of a log is [from max], then [record …]. A compare-and-set that did
// not find what it asked for has failed. Faults, and their ends, are what the process :nemesis did.
func (e *exporter) jepsen() error {
	i := 0
	write := func(typ, f, process string, value any, at clock.Time, failure string) {
		fmt.Fprintf(e.w, "{:type :%s, :f :%s, :value ", typ, f)
		writeEDN(e.w, value)
		fmt.Fprintf(e.w, ", :process %s, :time %d, :index %d", process, int64(at), i)
		if failure != "" {
			fmt.Fprintf(e.w, ", :error :%s", failure)
		}
		fmt.Fprint(e.w, "}\n")
		i++
	}
	events := e.events()
	tell := func(before uint64) {
		for ; len(events) > 0 && events[0].step < before; events = events[1:] {
			v := &events[0]
			write(v.typ, v.form.f, strconv.Itoa(v.process), v.value(), v.at, v.failure())
		}
	}
	for s, err := range e.steps() {
		if err != nil {
			return err
		}
		if s.Kind == sim.KindFault {
			tell(s.N)
			write("info", "fault", ":nemesis", s.Text, s.At, "")
		}
	}
	tell(e.Last + 1)
	return nil
}

// opEvent is the begin or the end of an operation.
type opEvent struct {
	op      *sim.Op
	form    form
	step    uint64
	at      clock.Time
	typ     string // invoke, ok, fail, info
	process int
}

func (v *opEvent) value() any {
	if v.typ == "ok" {
		return v.form.out
	}
	return v.form.in
}

func (v *opEvent) failure() string {
	if v.typ == "fail" {
		return v.form.failure
	}
	return ""
}

// events are the operations that begin in the window, and their ends if these are there too, in the order of their steps.
//
// A process does one operation at a time, and none after one of unknown outcome. So a client goes on as another process
// then, as it does in Jepsen.
func (e *exporter) events() []opEvent {
	var events []opEvent
	var clients []sim.NodeID
	for _, op := range e.History {
		if !e.has(op.Call) {
			continue
		}
		clients = append(clients, op.Client)
		f := formOf(op)
		events = append(events, opEvent{op: op, form: f, step: op.Call, at: op.Invoked, typ: "invoke"})
		if op.Outcome != sim.Pending && e.has(op.Return) {
			typ := op.Outcome.String()
			if f.failure != "" {
				typ = "fail"
			}
			events = append(events, opEvent{op: op, form: f, step: op.Return, at: op.Ended, typ: typ})
		}
	}
	slices.SortFunc(events, func(a, b opEvent) int { return cmp.Compare(a.step, b.step) })
	slices.Sort(clients)
	clients = slices.Compact(clients)
	of := map[*sim.Op]int{}         // its process
	free := map[sim.NodeID][]int{}  // processes of a client that do nothing
	started := map[sim.NodeID]int{} // how many there are
	for i := range events {
		v := &events[i]
		client := v.op.Client
		if v.typ != "invoke" {
			v.process = of[v.op]
			if v.typ != "info" {
				free[client] = append(free[client], v.process)
			}
			continue
		}
		if n := len(free[client]); n > 0 {
			v.process, free[client] = free[client][n-1], free[client][:n-1]
		} else {
			k, _ := slices.BinarySearch(clients, client)
			v.process = k + started[client]*len(clients)
			started[client]++
		}
		of[v.op] = v.process
	}
	return events
}

// form is an operation in Jepsen's words.
type form struct {
	f       string
	in, out any
	failure string // why it had no effect, although it ended well
}

// word is a keyword of EDN.
type word string

func formOf(op *sim.Op) form {
	switch o := op.Input.(type) {
	case checkers.Get:
		out := any(nil)
		if v, ok := op.Output.(checkers.Value); ok && v.Found {
			out = v.Text
		}
		return of("read", o.Key, nil, out)
	case checkers.Put:
		return of("write", o.Key, o.Text, o.Text)
	case checkers.Append:
		return of("append", o.Key, o.Text, o.Text)
	case checkers.Delete:
		return of("delete", o.Key, nil, nil)
	case checkers.CAS:
		f := of("cas", o.Key, []any{o.From, o.To}, []any{o.From, o.To})
		if swapped, ok := op.Output.(checkers.Swapped); ok && !bool(swapped) {
			f.failure = "not-swapped"
		}
		return f
	case checkers.LogAppend:
		out := any(o.Record)
		if offset, ok := op.Output.(checkers.Offset); ok {
			out = uint64(offset)
		}
		return of("append", o.Log, o.Record, out)
	case checkers.LogRead:
		records := []any{}
		if r, ok := op.Output.(checkers.Records); ok {
			for _, record := range r {
				records = append(records, record)
			}
		}
		return of("read", o.Log, []any{o.From, o.Max}, records)
	case checkers.Add:
		return of("add", o.Key, o.Delta, o.Delta)
	case checkers.Total:
		out := any(nil)
		if sum, ok := op.Output.(checkers.Sum); ok {
			out = int64(sum)
		}
		return of("read", o.Key, nil, out)
	case checkers.Txn:
		out := o
		if t, ok := op.Output.(checkers.Txn); ok {
			out = t
		}
		return form{f: "txn", in: mops(o, false), out: mops(out, true)}
	default:
		f := form{f: "op", in: trace.Text(op.Input)}
		f.out = f.in
		if op.Output != nil {
			f.out = trace.Text(op.Output)
		}
		return f
	}
}

// of is an operation on a key; "" is none.
func of(f, key string, in, out any) form {
	if key != "" {
		in, out = []any{key, in}, []any{key, out}
	}
	return form{f: f, in: in, out: out}
}

// mops are what a transaction does, with what it read if that is known.
func mops(t checkers.Txn, known bool) []any {
	list := []any{}
	for _, m := range t {
		switch m := m.(type) {
		case checkers.ListAppend:
			list = append(list, []any{word("append"), m.Key, m.Element})
		case checkers.ListRead:
			read := any(nil)
			if known && m.List != nil {
				elements := []any{}
				for _, element := range m.List {
					elements = append(elements, element)
				}
				read = elements
			}
			list = append(list, []any{word("r"), m.Key, read})
		}
	}
	return list
}

// writeEDN writes a value: nil, a text, a number, a word or a list.
func writeEDN(w io.Writer, v any) {
	switch v := v.(type) {
	case nil:
		io.WriteString(w, "nil")
	case word:
		io.WriteString(w, ":"+string(v))
	case string:
		io.WriteString(w, textEDN(v))
	case []any:
		io.WriteString(w, "[")
		for i, element := range v {
			if i > 0 {
				io.WriteString(w, " ")
			}
			writeEDN(w, element)
		}
		io.WriteString(w, "]")
	default:
		fmt.Fprintf(w, "%d", v)
	}
}

// textEDN is a text as EDN has it. Control characters are written as Clojure reads them.
func textEDN(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range strings.ToValidUTF8(text, "\ufffd") {
		switch {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteRune(c)
		case c == '\n':
			b.WriteString(`\n`)
		case c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0 || c == '\u2028' || c == '\u2029':
			fmt.Fprintf(&b, `\u%04x`, c)
		default:
			b.WriteRune(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
