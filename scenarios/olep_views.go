package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

var olepViews = &Scenario{
	Name:  "olep/views",
	Doc:   "Views of one log, some slow, some wrong at first: new versions and whoever asks have them made anew while it is written.",
	Space: viewsSpace(),
	Tail:  8 * time.Second,
	Facts: []string{"Stuck", "Jumped", "Compacted"},
	Build: buildViews,
	Judge: func(r *Run) { r.State.(*shop).judge() },
	Views: func(r *Run) []View { k := r.State.(*shop); return k.logs.views(k.derived()) },
	Fits: func(p nemesis.Plan) error {
		if p.Nodes < 4 {
			return fmt.Errorf("nodes: a broker and views of three kinds are 4 nodes, not %d", p.Nodes)
		}
		return argsAre(p, "an amount, or one of "+strings.Join(documentWords, ", "), func(op nemesis.Op) bool {
			return op.Kind != "sell" && op.Kind != "save" || op.Kind == "sell" && op.Arg != "" || slices.Contains(documentWords, op.Arg)
		})
	},
	Floors: olepFloors(Floor{"ok", 60}, Floor{"planned partition", 1}, Floor{"records appended", 100}, Floor{"answers", 60},
		Floor{"views made anew", 3}, Floor{"lag", 20}),
}

// viewsSpace has a broker; what is left are views, of three kinds in turns.
func viewsSpace() nemesis.Space {
	s := olepLogSpace()
	s.Scenario = "olep/views"
	s.Nodes = nemesis.Range[int]{Min: 5, Max: 8}
	s.OpKinds = []nemesis.OpKind{
		{Kind: "sell", Weight: 12, Key: true, Arg: saleAmount},
		{Kind: "save", Weight: 8, Key: true, Value: true, Arg: documentOps[0].Arg},
		{Kind: "delete", Weight: 2, Key: true},
		{Kind: "poison", Weight: 2, Key: true, Arg: func(_ nemesis.Op, _ []nemesis.Op, below func(int) int) string {
			return noSales[below(len(noSales))]
		}},
		{Kind: "ask", Weight: 24, Key: true},
		{Kind: "rebuild", Weight: 2},
		{Kind: "deploy", Weight: 2},
	}
	s.Ops = nemesis.Range[int]{Min: 260, Max: 320}
	s.Clients = nemesis.Range[int]{Min: 4, Max: 6}
	s.Faults = append(s.Faults,
		nemesis.FaultKind{
			Kind: "pause", Count: nemesis.Range[int]{Min: 1, Max: 4}, Share: 7 * sim.Million / 8,
			Window: nemesis.Range[time.Duration]{Min: 100 * time.Millisecond, Max: 2 * time.Second},
		},
	)
	s.Facts = []string{"Booted", "Appended", "Resumed", "Rebuilding", "Rebuilt", "Poisoned"}
	return s
}

// saleAmount is of whole units, of cents, or of what came back.
func saleAmount(_ nemesis.Op, _ []nemesis.Op, below func(int) int) string {
	n := strconv.Itoa(1 + below(40))
	return []string{n, n, n + "50c", "-" + n}[below(4)]
}

// noSales are amounts that nobody can read.
var noSales = []string{"many", "12e", "c", "1,50"}

// The kinds of views.
const (
	totalsView = iota
	rowsView
	indexView
	viewKinds
)

// shop is what the run is judged by.
type shop struct {
	run    *Run
	logs   olepLogs
	client olep.ClientConfig
	broker olep.PartitionConfig
	views  []shopView
	stuck  bool              // what the first version of totals does with what it cannot read
	gone   map[olep.LSN]bool // what compaction has dropped
	lag    int               // the most that a view was behind by

	isFold, goesOn, read, once, over, lagged *checkers.Property
}

// shopView is one of the views.
type shopView struct {
	id       sim.NodeID
	kind     int
	version  int               // of what is deployed
	gaps     [][2]olep.LSN     // what retention has taken before the view came to it: from, to
	jumped   olep.LSN          // where it goes on, in this incarnation, since retention has taken what was before
	goal     olep.LSN          // what the state had come to that is made anew
	reported map[olep.LSN]bool // as poison, in this life of the state, and written down if there was a crash since
	known    map[olep.LSN]bool // as poison, by the version that is deployed
}

const (
	shopBroker sim.NodeID = 1
	muchLag               = 40
	lookAtEach            = 500 * time.Millisecond
)

func buildViews(r *Run) {
	d := sim.NewStream(r.Plan.Seed, "views config")
	cluster := olepCluster(1, 1)
	k := &shop{
		run: r, gone: map[olep.LSN]bool{}, stuck: d.Below(2) == 0,
		client: olepAsks(r, cluster),
		broker: olep.PartitionConfig{
			Compact:    []int{0, 10, 30}[d.Below(3)],
			Retain:     []time.Duration{0, 0, 0, 6 * time.Second}[d.Below(4)],
			Tombstones: time.Hour, // no view takes so long to come to one
		},
		isFold: r.Checks.Always("a view is what the log up to its LSN comes to"),
		goesOn: r.Checks.Always("a view for which records are gone is where it goes on"),
		read:   r.Checks.Always("an answer has the record that it was to wait for"),
		once:   r.Checks.Always("poison is reported once, until a view is made anew"),
		over:   r.Checks.Always("a rebuild is over when it has what the old state had"),
		lagged: r.Checks.Sometimes(fmt.Sprintf("a view lagged by more than %d records", muchLag)),
	}
	r.State = k
	k.watch()

	checkpoint := olep.Checkpoint(d.Below(2))
	r.World.Add(func(id sim.NodeID) sim.Node {
		return olep.NewBroker(id, olep.BrokerConfig{Cluster: cluster, Partition: k.broker})
	})
	slowest := time.Duration(0)
	for i := range r.Plan.Nodes - 1 {
		c := olep.SubscriberConfig{
			ClientConfig: k.client, Name: shopKinds[i%viewKinds].name, Only: shopKinds[i%viewKinds].log, Checkpoint: checkpoint,
			Max: 1 + int(d.Below(16)), Work: d.Between(0, 5*time.Millisecond), Idle: d.Between(time.Millisecond, 200*time.Millisecond),
		}
		if i%4 == 1 { // the slow ones
			c.Max, c.Work = 1+int(d.Below(4)), d.Between(50*time.Millisecond, 150*time.Millisecond)
		}
		if i >= viewKinds { // the ones that are added while everything runs
			c.After = d.Between(0, r.Plan.Duration)
		}
		slowest = max(slowest, c.Work)
		k.views = append(k.views, shopView{kind: i % viewKinds, version: 1, reported: map[olep.LSN]bool{}, known: map[olep.LSN]bool{}})
		k.views[i].id = r.World.Add(func(sim.NodeID) sim.Node {
			c := c
			c.Version = k.views[i].version
			return olep.NewView(c, k.lookup(k.views[i].kind, c.Version))
		})
	}
	idle := 0
	r.AddClients(func(number int, ops []nemesis.Op) sim.Node {
		return sim.Spawn(func(p *sim.Proc) {
			k.body(p, number, ops)
			idle++
		})
	})
	for i, op := range r.Plan.Ops {
		if op.Kind == "deploy" {
			r.World.At(clock.Time(op.At), func() { k.deploy(i % len(k.views)) })
		}
	}
	r.World.At(r.QuietFrom(), func() { // what is wrong is not what things end with
		for i := range k.views {
			if k.views[i].kind == totalsView && isWrong(k.views[i].version) {
				k.deploy(i)
			}
		}
	})
	for at := lookAtEach; clock.Time(at) < r.Scenario.end(r.Plan); at += lookAtEach {
		r.World.At(clock.Time(at), k.look)
	}

	// A view that begins anew at last goes through all records.
	budget := budget(r.Plan) + 10*k.client.Retry + 20*time.Second + time.Duration(16*len(r.Plan.Ops))*slowest/10
	tail := r.TailOps(func() bool { return idle == r.Plan.Clients })
	tail.Budget = budget
	r.Liveness("operations in the quiet tail succeed", tail)
	r.Liveness("views come to the end of the log", Progress{
		Budget: budget,
		Await: func() (progress uint64, done bool) {
			done = idle == r.Plan.Clients
			for i := range k.views {
				next := k.view(i).Next()
				progress += uint64(next)
				done = done && next == olep.LSN(len(k.logs[0])+1)
			}
			return progress, done
		},
		Waiting: func() string {
			var text []string
			for i := range k.views {
				text = append(text, fmt.Sprintf("%s waits for %d", k.views[i].id, k.view(i).Next()))
			}
			return fmt.Sprintf("%s; the log ends with %d", strings.Join(text, ", "), len(k.logs[0]))
		},
	})
}

// shopKinds are the views by kind.
var shopKinds = [viewKinds]struct{ name, log, doc, shows string }{
	totalsView: {"totals", olep.SaleLog, "sales by product, in cents", "total "},
	rowsView:   {"rows", "docs", "documents by key", "row "},
	indexView:  {"index", "docs", "keys of documents by word", "word "},
}

// isWrong reports whether a version of totals is as the first one was: each that is right is followed by one that is taken
// back to that.
func isWrong(version int) bool { return version%2 == 1 }

// lookup is a version of a kind. Of documents all versions do the same.
func (k *shop) lookup(kind, version int) olep.Lookup {
	switch kind {
	case totalsView:
		return olep.Totals{First: isWrong(version), Stuck: k.stuck}
	case rowsView:
		return olep.Rows{}
	default:
		return olep.Index{}
	}
}

func (k *shop) view(i int) *olep.View { return k.run.World.Node(k.views[i].id).(*olep.View) }

// deploy has a view boot with its next version: at once, or, if it is down, when a fault lets it.
func (k *shop) deploy(i int) {
	v := &k.views[i]
	v.version++
	clear(v.known)
	if k.run.World.Crash(v.id) {
		k.run.World.Restart(v.id)
	}
}

// watch takes down what the broker and the views state.
func (k *shop) watch() {
	r := k.run
	written := r.Checks.Sometimes("a view was made anew while the log was written")
	middle := r.Checks.Sometimes("a crash struck in the middle of a rebuild")
	skipped := r.Checks.Sometimes("a poison record was skipped")
	fixed := r.Checks.Sometimes("a fixed version made a wrong view anew")
	stuck := r.Checks.Sometimes("a view was stuck at a record until it was fixed")
	jumped := r.Checks.Sometimes("a view began with what retention has left")
	compacted := r.Checks.Sometimes("a view was made anew from a compacted log")
	k.logs = keepLogs(r, 1, func(int, *olep.Entry) {
		r.Contents.Add("records appended", 1)
		for i := range k.views {
			if k.isRebuilt(i) {
				written.Hold()
			}
		}
	})
	r.World.Watch(func(s *sim.Step) {
		i := int(s.Node - shopBroker - 1)
		switch f := s.Payload.(type) {
		case olep.Compacted:
			for _, lsn := range f.Dropped {
				k.gone[lsn] = true
			}
		case olep.Resumed:
			k.views[i].jumped = 0
			clear(k.views[i].reported)
			for _, lsn := range olep.Poison(k.view(i).Store()) {
				k.views[i].reported[lsn] = true
			}
			if k.isRebuilt(i) {
				middle.Hold()
			}
		case olep.Rebuilding:
			clear(k.views[i].reported)
			k.views[i].gaps, k.views[i].jumped = nil, 0
			k.views[i].goal = max(k.views[i].goal, f.Had)
			r.Contents.Add("views made anew", 1)
			if isWrong(f.Was) && !isWrong(f.Version) && k.views[i].kind == totalsView {
				fixed.Hold()
			}
			if k.views[i].kind != totalsView && len(k.gone) > 0 {
				compacted.Hold()
			}
		case olep.Rebuilt:
			k.over.Check(f.Through >= k.views[i].goal, func() string {
				return fmt.Sprintf("%s has %d records anew, and had %d", s.Node, f.Through, k.views[i].goal)
			})
			k.views[i].goal = 0
		case olep.Jumped:
			k.views[i].gaps = append(k.views[i].gaps, [2]olep.LSN{f.From, f.To})
			k.views[i].jumped = f.To
			jumped.Hold()
		case olep.Halted: // and nothing goes on
			k.views[i].jumped = 0
		case olep.Poisoned:
			skipped.Hold()
			k.once.Check(!k.views[i].reported[f.LSN], func() string { return fmt.Sprintf("%s reports record %d again", s.Node, f.LSN) })
			k.views[i].reported[f.LSN] = true
			k.views[i].known[f.LSN] = true
		case olep.Stuck:
			stuck.Hold()
		}
	})
}

// isRebuilt reports whether a view is up and made anew.
func (k *shop) isRebuilt(i int) bool {
	s := k.view(i).Store()
	return k.run.World.Up(k.views[i].id) && s != nil && olep.IsRebuilt(s)
}

// look looks at each view that is not in the middle of something: what it states may have to wait, and what it has may be ahead
// of that.
func (k *shop) look() {
	for i := range k.views {
		k.run.World.Do(k.views[i].id, func(sim.Env) {
			if s := k.view(i).Store(); s != nil {
				k.compare(&k.views[i], k.view(i), s)
			}
		})
	}
}

// compare compares a view with the log, and takes down how far it is behind.
func (k *shop) compare(v *shopView, view *olep.View, s *olep.Store) {
	through := view.Through()
	lag := len(k.logs[0]) - int(through)
	k.lag = max(k.lag, lag)
	if lag > muchLag {
		k.lagged.Hold()
	}
	if v.jumped > 0 {
		k.goesOn.Check(through+1 >= v.jumped, func() string { return fmt.Sprintf("%s is at %d, and was to go on at %d", v.id, through, v.jumped) })
	}
	want, loose := k.fold(v.kind, olep.Version(s), through, v.gaps)
	has := lines(view.Contents())
	for _, key := range loose {
		delete(has, key)
		delete(want.state, key)
	}
	k.isFold.Check(maps.Equal(has, want.state) && slices.Equal(olep.Poison(s), want.poison), func() string {
		return fmt.Sprintf("%s of version %d at %d has %v without %d, and the log comes to %v without %d",
			v.id, olep.Version(s), through, has, olep.Poison(s), want.state, want.poison)
	})
}

// lines are contents by key.
func lines(contents string) map[string]string {
	m := make(map[string]string)
	for line := range strings.Lines(contents) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		m[key] = value
	}
	return m
}

// folded is what a log comes to.
type folded struct {
	state  map[string]string // as Contents has it
	poison []olep.LSN
}

// fold goes through the log up to a record, without what a view could not read. loose are the keys whose last record there
// compaction has dropped, since there is a later one: a view that begins anew does not see it.
func (k *shop) fold(kind, version int, through olep.LSN, gaps [][2]olep.LSN) (f folded, loose []string) {
	f.state = make(map[string]string)
	total, sales, last := map[string]int64{}, map[string]int{}, map[string]olep.LSN{}
	for _, e := range k.logs[0][:through] {
		if e.Log != shopKinds[kind].log || slices.ContainsFunc(gaps, func(g [2]olep.LSN) bool { return g[0] <= e.LSN && e.LSN < g[1] }) {
			continue
		}
		if kind != totalsView {
			if e.Key == "" {
				f.poison = append(f.poison, e.LSN)
				continue
			}
			last[e.Key] = e.LSN
			if f.state[e.Key] = e.Value; kind == indexView {
				f.state[e.Key] = strings.Join(slices.Sorted(slices.Values(strings.Fields(e.Value))), " ")
			}
			if e.Tombstone {
				delete(f.state, e.Key)
			}
			continue
		}
		product, amount, _ := strings.Cut(e.Value, " ")
		cents := int64(100)
		if rest, ok := strings.CutSuffix(amount, "c"); ok {
			if amount = rest; !isWrong(version) {
				cents = 1
			}
		}
		n, err := strconv.ParseInt(amount, 10, 64)
		if err != nil && !isWrong(version) {
			f.poison = append(f.poison, e.LSN)
			continue
		}
		total[product] += n * cents
		sales[product]++
		f.state[product] = fmt.Sprintf("%d of %d", total[product], sales[product])
	}
	for key, lsn := range last {
		if k.gone[lsn] {
			loose = append(loose, key)
		}
	}
	return f, loose
}

// body sells, writes documents, asks, and has views made anew.
func (k *shop) body(p *sim.Proc, number int, ops []nemesis.Op) {
	info := k.run.Checks.Sometimes("a client saw info")
	seen := olep.LSN(0)
	do := func(w *olep.Producer, r olep.Record) {
		op := p.Op(recordText(&r))
		switch lsn, err := w.Append(p, 0, []olep.Record{r}); {
		case err == nil:
			seen = max(seen, lsn)
			op.OK(lsn)
		case err == olep.ErrUnsure:
			info.Hold()
			op.Info()
		default:
			op.Fail()
		}
	}
	w := olep.NewProducer(p, "c"+strconv.Itoa(number), k.client)
	for i, op := range k.run.planned(p, ops) {
		switch op.Kind {
		case "sell":
			do(w, olep.Record{Log: olep.SaleLog, Value: op.Key + " " + op.Arg})
		case "save", "delete":
			do(w, document(op))
		case "poison":
			do(w, olep.Record{Log: []string{olep.SaleLog, "docs"}[i%2], Value: op.Key + " " + op.Arg})
		case "ask":
			k.ask(p, (number+i)%len(k.views), op.Key, []olep.LSN{0, seen}[i%2])
		case "rebuild":
			k.rebuild(p, (number+i)%len(k.views))
		}
	}
	w = olep.NewProducer(p, "t"+strconv.Itoa(number), k.client) // what the first has given up may still be under way
	for range k.run.tail(p) {
		do(w, olep.Record{Log: olep.SaleLog, Value: string(rune('a'+number)) + " 150c"})
	}
}

// ask asks a view, and checks the answer against the log.
func (k *shop) ask(p *sim.Proc, i int, key string, after olep.LSN) {
	v := &k.views[i]
	if v.kind == indexView {
		key = documentWords[int(key[0])%len(documentWords)]
	}
	a, ok := olep.Ask(p, v.id, key, after, k.client.Retry, p.Elapsed()+5*k.client.Retry)
	if !ok {
		return
	}
	k.run.Contents.Add("answers", 1)
	k.read.Check(a.Through >= after, func() string {
		return fmt.Sprintf("%s was to wait for %d, and answers as of %d", v.id, after, a.Through)
	})
	want, loose := k.fold(v.kind, a.Version, a.Through, nil)
	if k.broker.Retain > 0 || v.kind == indexView && len(loose) > 0 || slices.Contains(loose, key) {
		return // by now it cannot be told what the view had read
	}
	text := want.state[key]
	switch v.kind {
	case totalsView:
		text, _, _ = strings.Cut(text, " ")
	case indexView:
		var found []string
		for _, doc := range slices.Sorted(maps.Keys(want.state)) {
			if slices.Contains(strings.Fields(want.state[doc]), key) {
				found = append(found, doc)
			}
		}
		text = strings.Join(found, " ")
	}
	k.isFold.Check(a.Value == text, func() string {
		return fmt.Sprintf("%s of version %d answers %q for %s as of %d, and the log comes to %q", v.id, a.Version, a.Value, key, a.Through, text)
	})
}

// rebuild has a view begin anew.
func (k *shop) rebuild(p *sim.Proc, i int) {
	name := strconv.FormatUint(p.Rand().Uint64(), 36)
	op := p.Op(fmt.Sprintf("rebuild %s", k.views[i].id))
	_, ok := p.Call(k.views[i].id, &olep.Rebuild{Name: name}, 5*k.client.Retry, func(m sim.Message) bool {
		b, ok := m.(*olep.Begun)
		return ok && b.Name == name
	})
	if !ok {
		op.Info()
		return
	}
	op.OK(nil)
}

// derived are the kinds of views, as of their last versions, and what the first version of totals made of the log.
func (k *shop) derived() (list []derived) {
	for kind, of := range shopKinds {
		v := derived{name: of.name, doc: of.doc, only: of.log, processor: k.lookup(kind, 2), show: prefixed(of.shows)}
		for i := range k.views {
			if k.views[i].kind == kind && len(k.views[i].gaps) == 0 {
				v.nodes = append(v.nodes, k.views[i].id)
			}
		}
		list = append(list, v)
	}
	return append(list, derived{
		name: "totals-first", doc: "sales as the first version, which is wrong, has them", only: olep.SaleLog,
		processor: k.lookup(totalsView, 1), show: prefixed(shopKinds[totalsView].shows),
	})
}

// judge compares the views with each other, as far as they could read the same, and with the log.
func (k *shop) judge() {
	k.look()
	k.run.Contents.Add("lag", int64(k.lag))
	k.logs.judge(k.run, k.derived())
	reported := k.run.Checks.Always("each version reports all poison")
	for i := range k.views {
		v := &k.views[i]
		for _, lsn := range olep.Poison(k.view(i).Store()) {
			reported.Check(v.known[lsn], func() string {
				return fmt.Sprintf("%s of version %d has skipped record %d and has not said so", v.id, v.version, lsn)
			})
		}
	}
}
