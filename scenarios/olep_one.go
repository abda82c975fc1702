package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

// What olep/dual-writes and olep/two-phase fail at: the stores follow one log.
var olepOneLog = &Scenario{
	Name:  "olep/one-log",
	Doc:   "A relational store and a search index follow one log: they come to the same; waiting for an LSN, or reading through the log, cures read skew.",
	Space: oneLogSpace(),
	Tail:  8 * time.Second,
	Build: buildOneLog,
	Judge: func(r *Run) { r.State.(*oneLog).judge() },
	Views: func(r *Run) []View { k := r.State.(*oneLog); return k.logs.views(k.derived()) },
	Fits: func(p nemesis.Plan) error {
		if p.Nodes < 3 {
			return fmt.Errorf("nodes: a broker and two stores are 3 nodes, not %d", p.Nodes)
		}
		return documentsFit(p)
	},
	Floors: olepFloors(Floor{"ok", 60}, Floor{"planned partition", 1}, Floor{"documents appended", 100}, Floor{"answers", 100}),
}

// oneLogSpace has a broker and two stores; what is left are more copies of these, begun later.
func oneLogSpace() nemesis.Space {
	s := olepLogSpace()
	s.Scenario = "olep/one-log"
	s.Nodes = nemesis.Range[int]{Min: 3, Max: 6}
	s.OpKinds = append(slices.Clone(documentOps), nemesis.OpKind{Kind: "compare", Weight: 5, Key: true})
	s.Ops = nemesis.Range[int]{Min: 170, Max: 220}
	s.Clients = nemesis.Range[int]{Min: 4, Max: 6}
	s.Facts = []string{"Booted", "Appended", "Resumed"}
	return s
}

// oneLog is what the run is judged by.
type oneLog struct {
	run    *Run
	logs   olepLogs
	views  []sim.NodeID // the relational store and the index, in turns
	client olep.ClientConfig

	isPrefix, readBack, noSkew, isMoment, skew, cured *checkers.Property
}

func buildOneLog(r *Run) {
	d := sim.NewStream(r.Plan.Seed, "one log config")
	cluster := olepCluster(1, 1)
	k := &oneLog{
		run:      r,
		client:   olepHasty(r, cluster, &d),
		isPrefix: r.Checks.Always("a store is the log up to some record"),
		readBack: r.Checks.Always("a write is read back from any store that waited for its LSN"),
		noSkew:   r.Checks.Always("a store that waited for what was read in another is not behind it"),
		isMoment: r.Checks.Always("reads through the log are of one moment in all stores"),
		skew:     r.Checks.Sometimes("read skew: a reader saw one store ahead of the other"),
		cured:    r.Checks.Sometimes("a read through the log was of one moment where another was skewed"),
	}
	r.State = k
	k.logs = keepLogs(r, 1, func(_ int, e *olep.Entry) {
		if e.Log != olep.QueryLog {
			r.Contents.Add("documents appended", 1)
		}
	})

	checkpoint := olep.Checkpoint(d.Below(2))
	r.World.Add(func(id sim.NodeID) sim.Node { return olep.NewBroker(id, olep.BrokerConfig{Cluster: cluster}) })
	for i := range r.Plan.Nodes - 1 {
		c := olep.SubscriberConfig{
			ClientConfig: k.client, Name: "rows", Checkpoint: checkpoint, Max: 1 + int(d.Below(16)),
			Work: d.Between(0, 20*time.Millisecond), Idle: d.Between(time.Millisecond, 200*time.Millisecond),
		}
		var lookup olep.Lookup = olep.Rows{}
		if i%2 == 1 {
			c.Name, lookup = "index", olep.Index{}
		}
		if i >= 2 {
			c.After = d.Between(0, r.Plan.Duration)
		}
		k.views = append(k.views, r.World.Add(func(sim.NodeID) sim.Node { return olep.NewView(c, lookup) }))
	}
	last := func(sim.NodeID) olep.LSN { return olep.LSN(len(k.logs[0])) }
	r.viewClients(k.client, k.clientBody, "stores come to the end of the log", k.views, last)
}

// clientBody writes documents and reads them back, and compares stores.
func (k *oneLog) clientBody(p *sim.Proc, number int, ops []nemesis.Op) {
	w := olep.NewProducer(p, fmt.Sprintf("c%d", number), k.client)
	for i, op := range k.run.planned(p, ops) {
		if op.Kind == "compare" {
			k.compare(p, w, op.Key, number+i)
			continue
		}
		k.save(p, w, document(op), number+i)
	}
	for i := range k.run.tail(p) {
		op := nemesis.Op{Key: string(rune('a' + number)), Arg: documentWords[i%len(documentWords)], Value: fmt.Sprintf("vt%d.%d", number, i)}
		k.save(p, w, document(op), number+i)
	}
}

// save appends a document and then reads it in some store that has its LSN.
func (k *oneLog) save(p *sim.Proc, w *olep.Producer, r olep.Record, at int) {
	op := p.Op(olep.Entry{Record: r})
	lsn, err := w.Append(p, 0, []olep.Record{r})
	switch {
	case err == olep.ErrUnsure:
		op.Info()
		return
	case err != nil:
		op.Fail()
		return
	}
	op.OK(lsn)
	i := at % len(k.views)
	question := r.Key
	if i%2 == 1 {
		question = documentWords[0]
		if words := strings.Fields(r.Value); len(words) > 0 {
			question = words[at%2]
		}
	}
	if a, ok := k.ask(p, i, question, lsn); ok {
		k.readBack.Check(a.Through >= lsn, func() string {
			return fmt.Sprintf("record %d is %v, and %s answers as of %d", lsn, r, k.views[i], a.Through)
		})
	}
}

// compare reads in one store, and then in another: as it is, which shows read skew, the anomaly that a log does not keep out;
// and in the two ways that do keep it out, when it has what was read in the first, and through the log.
func (k *oneLog) compare(p *sim.Proc, w *olep.Producer, key string, at int) {
	i := at % len(k.views)
	j := (i + 1) % len(k.views)
	word := documentWords[at%len(documentWords)]
	question := func(view int) string { return []string{key, word}[view%2] }
	first, ok := k.ask(p, i, question(i), 0)
	if !ok {
		return
	}
	now, ok := k.ask(p, j, question(j), 0)
	skewed := ok && now.Through < first.Through
	if skewed {
		k.skew.Hold()
		k.run.Contents.Add("skewed reads", 1)
	}
	if then, ok := k.ask(p, j, question(j), first.Through); ok {
		k.noSkew.Check(then.Through >= first.Through, func() string {
			return fmt.Sprintf("%s answers as of %d, and then %s as of %d", k.views[i], first.Through, k.views[j], then.Through)
		})
	}
	queries := []olep.Query{{View: "rows", Key: key}, {View: "index", Key: word}}
	answers, ok := w.Ask(p, 0, p.Elapsed()+5*k.client.Retry, queries...)
	if !ok {
		return
	}
	k.run.Contents.Add("answers", 2)
	moment := answers[0].Through
	for view, a := range answers {
		want := k.answer(view, queries[view].Key, moment)
		k.isMoment.Check(a.Value == want, func() string {
			return fmt.Sprintf("%s has %q for %s, and the log up to %d has %q", queries[view].View, a.Value, queries[view].Key, moment, want)
		})
	}
	if skewed {
		k.cured.Hold()
	}
}

// ask asks a store, and checks the answer against the log.
func (k *oneLog) ask(p *sim.Proc, view int, question string, after olep.LSN) (*olep.Answer, bool) {
	a, ok := olep.Ask(p, k.views[view], question, after, k.client.Retry, p.Elapsed()+5*k.client.Retry)
	if !ok {
		return nil, false
	}
	k.run.Contents.Add("answers", 1)
	want := k.answer(view, question, a.Through)
	k.isPrefix.Check(a.Value == want, func() string {
		return fmt.Sprintf("%s has %q for %s, and the log up to %d has %q", k.views[view], a.Value, question, a.Through, want)
	})
	return a, true
}

// documents are what the log has, up to a record.
func (k *oneLog) documents(through olep.LSN) map[string]string {
	docs := make(map[string]string)
	for _, r := range k.logs[0][:through] {
		if r.Log == olep.QueryLog {
			continue
		}
		if docs[r.Key] = r.Value; r.Tombstone {
			delete(docs, r.Key)
		}
	}
	return docs
}

// answer is what a store should say.
func (k *oneLog) answer(view int, question string, through olep.LSN) string {
	docs := k.documents(through)
	if view%2 == 0 {
		return docs[question]
	}
	var found []string
	for _, key := range slices.Sorted(maps.Keys(docs)) {
		if slices.Contains(strings.Fields(docs[key]), question) {
			found = append(found, key)
		}
	}
	return strings.Join(found, " ")
}

// judge compares the stores with each other, and with the log.
func (k *oneLog) judge() {
	same := checkers.NewConvergence[string](k.run.Checks)
	docs := k.documents(olep.LSN(len(k.logs[0])))
	var want strings.Builder
	for _, key := range slices.Sorted(maps.Keys(docs)) {
		fmt.Fprintf(&want, "%s=%s\n", key, docs[key])
	}
	equal := k.run.Checks.Always("a store is the log once quiet")
	for _, id := range k.views {
		has := k.run.view(id).Contents()
		same.State(id, has)
		equal.Check(has == want.String(), func() string { return fmt.Sprintf("%s has\n%s, and the log\n%s", id, has, want.String()) })
	}
	same.Quiet(k.views...)
	k.logs.judge(k.run, k.derived())
}

// derived are the two views.
func (k *oneLog) derived() []derived {
	rows := derived{name: "rows", doc: "documents by key", processor: olep.Unasked(olep.Rows{}), show: prefixed("row ")}
	index := derived{name: "index", doc: "keys of documents by word", processor: olep.Unasked(olep.Index{}), show: prefixed("word ")}
	for i, id := range k.views {
		if i%2 == 0 {
			rows.nodes = append(rows.nodes, id)
		} else {
			index.nodes = append(index.nodes, id)
		}
	}
	return []derived{rows, index}
}
