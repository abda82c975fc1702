package checkers

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// Page is a history as Porcupine draws it: a row for each client, and in it the operations as bars; through them a line for
// each order that the model accepts, which ends in red where nothing fits. Equal content makes equal bytes.
//
// A page of more than 4,096 operations would be too much for a browser. It shows the keys that are not linearizable, then
// those that are undecided, as far as they fit, and says what is left out.
type Page struct {
	Title string
	Name  func(client sim.NodeID) string // nil: n1, n2, …
	Marks []Mark                         // beside the operations
}

// Mark is what else happened: a band, or, if it does not end after it begins, a point. Rows of marks stand below the operations,
// in the order in which marks first name them, but for violations, which come first.
type Mark struct {
	Row      string // what stands beside it; those of one row that overlap stand one below the other
	From, To Moment
	Text     string
	Details  string // shown on request
	Colour   string // of CSS; "": grey
}

// Moment is a step, and its time.
type Moment struct {
	Step uint64
	At   clock.Time
}

const (
	mostShown    = longPart // operations: more would not be searched for an order anyway
	mostPlaced   = 20_000   // places in orders, of all keys
	mostOfState  = 200      // characters of a state
	mostOfOp     = 48       // of an operation in its bar, which is as wide as its text
	mostOfDetail = 1000     // of an operation where it is pointed at

	mostUndecided = 8 // keys that are named
)

// Write writes a page of a history, for a model that Linearizable has judged it by, or could.
func (p *Page) Write(w io.Writer, m Model, ops []*sim.Op) error {
	d := drawing{Page: p, model: &m, marks: slices.Clone(p.Marks)}
	d.choose(ops)
	d.place()
	return d.write(w)
}

// drawing is a page in the making.
type drawing struct {
	*Page
	model *Model
	parts []drawn
	fails []*bar // operations that did not happen
	marks []Mark
	time  map[uint64]int64 // of each step, in microseconds
	rows  map[*bar]int

	undecided int // keys
}

// drawn is a partition.
type drawn struct {
	bars   []*bar // in the order of its calls
	orders [][]int
}

// bar is an operation.
type bar struct {
	call     *call // as it was searched, which its orders are of
	op       *sim.Op
	from, to Moment
	text     string // as it stands in the bar
	full     string // as it is shown where it is pointed at, with when
	when     string
}

// never is the end of an operation of unknown outcome: behind all that happened.
var never = Moment{Step: math.MaxUint64}

// choose judges the partitions, and takes in those that are shown.
func (d *drawing) choose(ops []*sim.Op) {
	type one struct {
		*part
		judged
	}
	var all []one
	for _, p := range partition(d.model, ops) {
		o := one{part: p, judged: judged{Result: Result{Verdict: Valid}}}
		if p.known > 0 {
			o.judged = p.judge(d.model)
		}
		all = append(all, o)
		if o.Verdict == Invalid && len(ops) > mostShown {
			break // as Linearizable does: the others may take long, and have no room
		}
	}
	worst := map[Verdict]int{Invalid: 0, Unknown: 1, Valid: 2}
	slices.SortStableFunc(all, func(a, b one) int { return cmp.Compare(worst[a.Verdict], worst[b.Verdict]) })
	room, left := mostShown, len(ops)
	for _, o := range all {
		if len(o.calls) > room {
			d.tell(o.part, o.judged)
			continue
		}
		room, left = room-len(o.calls), left-len(o.calls)
		d.add(o.part, o.judged)
	}
	for _, op := range ops {
		if op.Outcome == sim.Fail && room > 0 {
			room, left = room-1, left-1
			d.fails = append(d.fails, d.bar(&call{op: op}))
		}
	}
	if more := d.undecided - mostUndecided; more > 0 {
		d.note(undecidedRow, fmt.Sprintf("and %d more keys", more))
	}
	if left > 0 {
		d.note(hiddenRow, fmt.Sprintf("%d of %d operations: there are too many", left, len(ops)))
	}
	if len(ops) == 0 {
		d.note(hiddenRow, "there are no operations")
	}
	d.thin()
}

// add takes in a partition, with the orders that were found.
func (d *drawing) add(p *part, f judged) {
	next := drawn{orders: p.orders(f)}
	for i := range p.calls {
		next.bars = append(next.bars, d.bar(&p.calls[i]))
	}
	if f.search != nil { // which may have known more of the outputs
		at := p.places(f.search)
		for i := range f.search.calls {
			next.bars[at[i]].call = &f.search.calls[i]
		}
	}
	d.parts = append(d.parts, next)
	if f.Verdict != Invalid || f.search == nil {
		d.tell(p, f)
		return
	}
	stuck := next.bars[p.places(f.search)[f.search.stuck(f.search.longest())]]
	d.marks = append(d.marks, Mark{Row: ViolationRow, From: stuck.from, To: stuck.to, Text: "no place for " + stuck.text,
		Details: p.explain(f.search), Colour: ViolationColour})
}

// tell says what is wrong with a partition, where that cannot be shown.
func (d *drawing) tell(p *part, f judged) {
	switch f.Verdict {
	case Invalid:
		if f.search != nil {
			f.Detail = p.explain(f.search)
		}
		d.marks = append(d.marks, Mark{Row: ViolationRow, To: never, Text: p.label() + f.Anomaly, Details: f.Detail, Colour: ViolationColour})
	case Unknown:
		if d.undecided++; d.undecided <= mostUndecided {
			d.note(undecidedRow, f.Detail)
		}
	}
}

// The row of violations, and their colour.
const (
	ViolationRow    = "violation"
	ViolationColour = "#f4b6b0"
)

// Rows of what else is said of a history.
const (
	undecidedRow = "undecided"
	hiddenRow    = "not shown"
)

// note is a band over all there is.
func (d *drawing) note(row, text string) {
	d.marks = append(d.marks, Mark{Row: row, To: never, Text: text})
}

// places are where the calls of a search are among those of the partition. A search may have fewer.
func (p *part) places(s *search) []int {
	at := make(map[*sim.Op]int, len(p.calls))
	for i := range p.calls {
		at[p.calls[i].op] = i
	}
	places := make([]int, len(s.calls))
	for i := range s.calls {
		places[i] = at[s.calls[i].op]
	}
	return places
}

// orders are the orders that were found, of p.calls: all of them if it is valid, else those before what fits nowhere.
func (p *part) orders(f judged) (orders [][]int) {
	switch {
	case p.known == 0: // any will do
		orders = [][]int{nil}
	case f.search == nil:
		return nil
	case f.found != nil:
		orders = [][]int{f.found.order()}
	default:
		for _, order := range f.search.orders() {
			orders = append(orders, slices.Clone(order))
		}
	}
	if f.search != nil {
		places := p.places(f.search)
		for _, order := range orders {
			for i := range order {
				order[i] = places[order[i]]
			}
		}
	}
	if f.Verdict == Valid { // what was left out of the search may come last
		placed := make([]bool, len(p.calls))
		for _, i := range orders[0] {
			placed[i] = true
		}
		for i := range p.calls {
			if !placed[i] {
				orders[0] = append(orders[0], i)
			}
		}
	}
	return orders
}

// order is the one that was found, as far as the last known outcome.
func (g *greedy) order() []int {
	at := make(map[*call]int, len(g.calls))
	for i := range g.calls {
		at[&g.calls[i]] = i
	}
	order := make([]int, len(g.trail))
	for i, j := range g.trail {
		order[i] = at[g.byRet[j]]
	}
	return order
}

// thin takes away orders that are the longest of none of their operations, and what is too much: longer ones come first.
func (d *drawing) thin() {
	left := mostPlaced
	for i := range d.parts {
		p := &d.parts[i]
		seen := make([]bool, len(p.bars))
		first := true
		p.orders = slices.DeleteFunc(p.orders, func(order []int) bool {
			news := false
			for _, i := range order {
				news = news || !seen[i]
			}
			if !news || len(order) > left && !first {
				return true
			}
			for _, i := range order {
				seen[i] = true
			}
			left, first = left-len(order), false
			return false
		})
	}
}

// bar is an operation as it is shown.
func (d *drawing) bar(c *call) *bar {
	op := c.op
	b := &bar{call: c, op: op, from: Moment{op.Call, op.Invoked}, to: Moment{op.Return, op.Ended}}
	name := op.Client.String()
	if d.Name != nil {
		name = d.Name(op.Client)
	}
	text := describe(&call{op: op, input: op.Input, output: op.Output})
	if op.Outcome != sim.OK {
		text = fmt.Sprintf("%v (%v)", op.Input, op.Outcome)
	}
	when := fmt.Sprintf("steps %d to %d", op.Call, op.Return)
	timed := op.Invoked > 0 || op.Ended > 0
	if timed {
		when = fmt.Sprintf("%v to %v, %s", op.Invoked, op.Ended, when)
	}
	if op.Outcome == sim.Info || op.Outcome == sim.Pending {
		b.to = never
		when = fmt.Sprintf("from step %d on; it may have an effect at any time since then, or none", op.Call)
		if timed {
			when = fmt.Sprintf("%v, %s", op.Invoked, when)
		}
	}
	b.text, b.full, b.when = name+": "+clip(text, mostOfOp), name+": "+clip(text, mostOfDetail), when
	return b
}

// place finds the time of each step, and a row for each operation and mark.
//
// Steps have times of their own, as the order of operations is that of steps: what is too near is moved apart.
func (d *drawing) place() {
	var moments []Moment
	bars := slices.Clone(d.fails)
	for _, p := range d.parts {
		bars = append(bars, p.bars...)
	}
	for _, b := range bars {
		moments = append(moments, b.from, b.to)
	}
	for i := range d.marks {
		m := &d.marks[i]
		if m.To.Step < m.From.Step {
			m.To = m.From
		}
		moments = append(moments, m.From, m.To)
	}
	slices.SortStableFunc(moments, func(a, b Moment) int { return cmp.Compare(a.Step, b.Step) })
	d.time = make(map[uint64]int64, len(moments))
	last := int64(-1)
	for _, m := range moments {
		if _, known := d.time[m.Step]; !known {
			last = max(last+1, int64(time.Duration(m.At)/time.Microsecond))
			d.time[m.Step] = last
		}
	}

	// Operations that last until the end stand below all others, which are what is looked at.
	group := func(b *bar) [2]int {
		if b.to == never {
			return [2]int{1, int(b.op.Client)}
		}
		return [2]int{0, int(b.op.Client)}
	}
	slices.SortStableFunc(bars, func(a, b *bar) int {
		x, y := group(a), group(b)
		return cmp.Or(slices.Compare(x[:], y[:]), cmp.Compare(a.from.Step, b.from.Step), cmp.Compare(a.op.ID, b.op.ID))
	})
	d.rows = make(map[*bar]int, len(bars))
	var l lanes
	row := 0 // the first of the group
	for i, b := range bars {
		if i > 0 && group(bars[i-1]) != group(b) {
			row += len(l)
			l = nil
		}
		d.rows[b] = row + l.lane(b.from, b.to)
	}
	d.stack()
}

// stack puts marks into rows: those that overlap in rows of their own, such as "faults 2". Porcupine sorts rows by name, and
// shows spaces before a name as nothing, so the more of them the higher.
func (d *drawing) stack() {
	names := []string{ViolationRow, undecidedRow, hiddenRow}
	for _, m := range d.marks {
		if !slices.Contains(names, m.Row) {
			names = append(names, m.Row)
		}
	}
	slices.SortStableFunc(d.marks, func(a, b Mark) int { return cmp.Compare(a.From.Step, b.From.Step) })
	place, rows := make([]int, len(d.marks)), 0
	for _, name := range names {
		var l lanes
		for i := range d.marks {
			m := &d.marks[i]
			if m.Row != name {
				continue
			}
			n := l.lane(m.From, m.To)
			if place[i] = rows + n; n > 0 {
				m.Row += " " + strconv.Itoa(n+1)
			}
		}
		rows += len(l)
	}
	for i := range d.marks {
		d.marks[i].Row = strings.Repeat(" ", rows-1-place[i]) + d.marks[i].Row
	}
}

// lanes has the end of what is last in each lane.
type lanes []uint64

// lane is the first that is free.
func (l *lanes) lane(from, to Moment) int {
	for i, end := range *l {
		if end < from.Step {
			(*l)[i] = to.Step
			return i
		}
	}
	*l = append(*l, to.Step)
	return len(*l) - 1
}

// write has Porcupine write the page. Orders are found already, so Porcupine is not to search for them: it gets a model that
// takes everything, and what it makes of that is replaced. So nothing depends on its map of partial orders.
func (d *drawing) write(w io.Writer) error {
	history := make([][]porcupine.Operation, len(d.parts))
	for i, p := range d.parts {
		for _, b := range p.bars {
			history[i] = append(history[i], porcupine.Operation{
				ClientId: d.rows[b], Input: b, Call: d.time[b.from.Step], Return: d.time[b.to.Step], Metadata: b,
			})
		}
	}
	_, info := porcupine.CheckOperationsVerbose(porcupine.Model{
		Partition: func([]porcupine.Operation) [][]porcupine.Operation { return history },
		Init:      func() any { return nil },
		Step:      func(state, _, _ any) (bool, any) { return true, state },
	}, nil, 0)
	for i, p := range d.parts {
		info.PartialLinearizations()[i] = p.orders
	}
	info.AddAnnotations(d.annotations())
	var page bytes.Buffer
	err := porcupine.Visualize(porcupine.Model{
		Init: func() any { return d.model.Init },
		Step: func(state, input, _ any) (bool, any) {
			c := input.(*bar).call
			next, ok := d.model.Step(state, c.input, c.output)
			return ok, next
		},
		DescribeOperation: func(input, _ any) string { return input.(*bar).text },
		// The page takes metadata and states for HTML, all else for text.
		DescribeOperationMetadata: func(data any) string { return html.EscapeString(data.(*bar).full) + "<br>" + data.(*bar).when },
		DescribeState:             func(state any) string { return html.EscapeString(clip(fmt.Sprint(state), mostOfState)) },
	}, info, &page)
	if err != nil {
		return err
	}
	return writeSafely(w, page.String(), d.Title)
}

func (d *drawing) annotations() []porcupine.Annotation {
	var list []porcupine.Annotation
	for _, b := range d.fails {
		list = append(list, porcupine.Annotation{ClientId: d.rows[b], Start: d.time[b.from.Step], End: d.time[b.to.Step],
			Description: b.text, Details: b.full + ", " + b.when})
	}
	for _, m := range d.marks {
		list = append(list, porcupine.Annotation{Tag: m.Row, Start: d.time[m.From.Step], End: d.time[m.To.Step],
			Description: clip(m.Text, 2*mostOfOp), Details: clip(m.Details, 4*mostOfDetail), BackgroundColor: m.Colour})
	}
	return list
}

// writeSafely gives Porcupine's page its title, and a policy that lets no script run but its own.
func writeSafely(w io.Writer, page, title string) error {
	const head, untitled = `<meta charset="UTF-8" />`, "<title>Porcupine</title>"
	_, rest, ok := strings.Cut(page, "<script>")
	script, _, ok2 := strings.Cut(rest, "</script>")
	if !ok || !ok2 || !strings.Contains(page, head) || !strings.Contains(page, untitled) {
		return errors.New("checkers: this is no page of Porcupine's as it was")
	}
	sum := sha256.Sum256([]byte(script))
	policy := fmt.Sprintf(`<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'sha256-%s'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">`,
		base64.StdEncoding.EncodeToString(sum[:]))
	_, err := io.WriteString(w, strings.NewReplacer(head, head+"\n    "+policy, untitled, "<title>"+html.EscapeString(title)+"</title>").Replace(page))
	return err
}

// clip cuts a text in its middle.
func clip(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most/2]) + "…" + string(runes[len(runes)-most+most/2+1:])
}
