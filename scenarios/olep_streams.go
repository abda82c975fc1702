package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

const countsExact = "counts are exact"

var (
	olepStream = streamScenario(olep.ExactlyOnce)
	// olepStreamAtLeastOnce shows what comes of a state that is written before the position that it belongs to.
	olepStreamAtLeastOnce = streamScenario(olep.AtLeastOnce)
)

func streamScenario(g olep.Guarantee) *Scenario {
	s := &Scenario{
		Name:  "olep/stream",
		Doc:   "Clicks joined with a table, sent on by another key and counted; tables are restored from changelogs, exactly once.",
		Space: streamSpace(),
		Tail:  8 * time.Second,
		Facts: []string{"ProducerOpened", "ProducerFenced", "DuplicateSuppressed", "VisitSuppressed"},
		Build: func(r *Run) { buildStreams(r, g) },
		Judge: func(r *Run) { r.State.(*streams).judge() },
		Views: func(r *Run) []View { return r.State.(*streams).views() },
		Fits: func(p nemesis.Plan) error {
			if p.Nodes < 2 {
				return fmt.Errorf("nodes: a broker and a worker are 2 nodes, not %d", p.Nodes)
			}
			for i, op := range p.Ops {
				if op.Key == "" || strings.Contains(op.Key, " ") {
					return fmt.Errorf("ops[%d].key: %q is no name of a user: a word", i, op.Key)
				}
			}
			return argsAre(p, "a number from 1 to 16", func(op nemesis.Op) bool {
				n, err := strconv.Atoi(op.Arg)
				return err == nil && 1 <= n && n <= 16
			})
		},
		Floors: olepFloors(Floor{"ok", 60}, Floor{"planned partition", 2}, Floor{"clicks counted", 100}, Floor{"tables restored", 3}),
	}
	if g == olep.AtLeastOnce {
		s.Name = "olep/stream-at-least-once"
		s.Doc = "A demonstration: changes, outputs and position that are written one after the other are counted again when a task is taken over."
		s.Anomaly = `always "` + countsExact + `"`
		s.Facts = []string{"ProducerOpened", "DuplicateSuppressed"}
	}
	return s
}

// streamRegions are where users can be.
var streamRegions = []string{"north", "south", "east", "west"}

// streamSpace has brokers, a third of the nodes, and workers.
func streamSpace() nemesis.Space {
	s := olepLogSpace()
	s.Nodes = nemesis.Range[int]{Min: 3, Max: 7}
	s.OpKinds = []nemesis.OpKind{
		{Kind: "click", Weight: 20, Key: true, Arg: func(_ nemesis.Op, _ []nemesis.Op, below func(int) int) string {
			return strconv.Itoa(1 + below(3))
		}},
		{Kind: "move", Weight: 8, Key: true, Arg: func(_ nemesis.Op, _ []nemesis.Op, below func(int) int) string {
			return strconv.Itoa(1 + below(len(streamRegions)))
		}},
		{Kind: "leave", Weight: 3, Key: true, Arg: func(nemesis.Op, []nemesis.Op, func(int) int) string { return "1" }},
	}
	s.Faults = append(s.Faults,
		nemesis.FaultKind{Kind: "pause", Count: nemesis.Range[int]{Min: 1, Max: 4}, Window: nemesis.Range[time.Duration]{Min: time.Second, Max: 4 * time.Second}},
	)
	s.Ops = nemesis.Range[int]{Min: 110, Max: 150}
	s.Facts = []string{"Booted", "Appended", "Restored", "Computed"}
	return s
}

// streams are what the run is judged by.
type streams struct {
	run   *Run
	exact bool
	model olep.Clicks
	parts []streamPart
	seen  map[clickAt]bool // clicks that are visits

	joined  *checkers.Property
	outputs *checkers.Property
	same    *checkers.Property
	lost    *checkers.Property
	forward *checkers.Property
}

// clickAt is where a click is.
type clickAt struct {
	partition int
	lsn       olep.LSN
}

// streamPart is what is known of a partition and its task.
type streamPart struct {
	broker   sim.NodeID
	entries  []olep.Entry        // all that there ever were
	ends     []olep.LSN          // of batches with changes
	inputs   olep.LSN            // the last one
	position olep.LSN            // by the changelog
	opened   map[uint64]olep.LSN // the position when an epoch began
	tables   map[olep.LSN]string // by position
	counts   map[string]int      // by region: the last output
}

func buildStreams(r *Run, g olep.Guarantee) {
	d := sim.NewStream(r.Plan.Seed, "streams config")
	partitions := 1 + int(d.Below(3))
	brokers := max(1, r.Plan.Nodes/3)
	cluster := olepCluster(partitions, brokers)
	client := olepAsks(r, cluster)
	broker := olep.BrokerConfig{Cluster: cluster, Session: d.Between(500*time.Millisecond, 1500*time.Millisecond)}
	broker.Partition = olep.PartitionConfig{
		Compact:    []int{0, 20, 60}[d.Below(3)],
		Tombstones: time.Hour, // nobody takes so long to restore a table
	}
	k := &streams{
		run: r, exact: g == olep.ExactlyOnce, model: olep.Clicks{Partitions: partitions, Repeats: g == olep.AtLeastOnce},
		seen: map[clickAt]bool{},
	}
	r.State = k
	for part := range partitions {
		k.parts = append(k.parts, streamPart{
			broker: cluster.Hosts(part)[0], position: 1,
			opened: map[uint64]olep.LSN{}, tables: map[olep.LSN]string{1: ""}, counts: map[string]int{},
		})
	}
	k.watch()

	work := d.Between(0, 5*time.Millisecond)
	for range brokers {
		r.World.Add(func(id sim.NodeID) sim.Node { return olep.NewBroker(id, broker) })
	}
	for range max(1, r.Plan.Nodes-brokers) {
		r.World.Add(func(sim.NodeID) sim.Node {
			return sim.Spawn(func(p *sim.Proc) {
				olep.Stream(p, olep.StreamConfig{
					ConsumerConfig: olep.ConsumerConfig{ClientConfig: client, Group: "clicks", Work: work, Heartbeat: 200 * time.Millisecond},
					Guarantee:      g, Processor: k.model, Inputs: olep.ClickInputs,
				})
			})
		})
	}
	idle := 0
	r.AddClients(func(number int, ops []nemesis.Op) sim.Node {
		return sim.Spawn(func(p *sim.Proc) {
			k.client(p, client, number, ops)
			idle++
		})
	})

	budget := budget(r.Plan) + 3*broker.Session + 10*client.Retry + 20*time.Second
	tail := r.TailOps(func() bool { return idle == r.Plan.Clients })
	tail.Budget = budget
	r.Liveness("operations in the quiet tail succeed", tail)
	r.Liveness("tasks take in all inputs", Progress{
		Budget: budget,
		Await: func() (progress uint64, done bool) {
			done = idle == r.Plan.Clients
			for i := range k.parts {
				part := &k.parts[i]
				progress += uint64(min(part.position, part.inputs+1))
				done = done && part.position > part.inputs
			}
			return progress, done
		},
		Waiting: k.waiting,
	})
}

// watch follows what is in partitions, and compares with it what tasks tell of their tables.
func (k *streams) watch() {
	r := k.run
	restored := r.Checks.Sometimes("a task was restored from its changelog")
	compacted := r.Checks.Sometimes("a changelog was compacted")
	var fenced, suppressed *checkers.Property // those who write at least once do neither
	if k.exact {
		fenced = r.Checks.Sometimes("a zombie was fenced")
		suppressed = r.Checks.Sometimes("an output was written twice and suppressed")
		k.joined = r.Checks.Always("a click is joined with the table as of its place")
		k.outputs = r.Checks.Always("each output is written once, in order")
		k.same = r.Checks.Always("whoever computes a table comes to the same")
		k.lost = r.Checks.Always("a restored table is the one that was lost")
		k.forward = r.Checks.Always("a position never goes back")
	}
	r.World.Watch(func(s *sim.Step) {
		switch f := s.Payload.(type) {
		case olep.Appended:
			k.appended(f)
		case olep.ProducerOpened:
			part := &k.parts[f.Partition]
			if _, known := part.opened[f.Epoch]; !known && strings.HasPrefix(f.Producer, "task") {
				part.opened[f.Epoch] = part.position
			}
		case olep.Computed:
			part := &k.parts[f.Partition]
			if table, known := part.tables[f.Next]; known && k.exact {
				k.same.Check(table == f.Table, func() string {
					return fmt.Sprintf("at %d of partition %d there is %q, where it was %q", f.Next, f.Partition, f.Table, table)
				})
			}
			part.tables[f.Next] = f.Table
		case olep.Restored:
			r.Contents.Add("tables restored", 1)
			if f.Next > 1 {
				restored.Hold()
			}
			k.restored(f)
		case olep.VisitSuppressed:
			suppressed.Hold()
		case olep.Compacted:
			if len(f.Dropped) > 0 {
				compacted.Hold()
			}
		case olep.ProducerFenced:
			if strings.HasPrefix(f.Producer, "task") {
				fenced.Hold()
			}
		}
	})
}

// restored checks a table that was restored. What was in the changelog when the epoch began is there.
func (k *streams) restored(f olep.Restored) {
	if !k.exact {
		return
	}
	part := &k.parts[f.Partition]
	least, table := part.opened[f.Epoch], part.tables[f.Next]
	k.lost.Check(f.Next >= least && f.Table == table, func() string {
		return fmt.Sprintf("partition %d is restored to %q at %d, where %q was lost; epoch %d began at %d",
			f.Partition, f.Table, f.Next, table, f.Epoch, least)
	})
}

// appended takes down what is new in a partition.
func (k *streams) appended(f olep.Appended) {
	part := &k.parts[f.Partition]
	if f.Entries[0].LSN <= olep.LSN(len(part.entries)) {
		return // told again, after a boot
	}
	changes := false
	for i := range f.Entries {
		e := &f.Entries[i]
		part.entries = append(part.entries, *e)
		switch e.Log {
		case olep.VisitLog:
			k.visit(e)
			part.inputs = e.LSN
		case olep.ClickLog, olep.MoveLog:
			part.inputs = e.LSN
		case olep.CountLog:
			k.run.Contents.Add("clicks counted", 1)
			k.output(part, e)
		case olep.Changelog:
			changes = true
			if e.Key == olep.PositionKey {
				k.moves(part, e)
			}
		}
	}
	if changes {
		part.ends = append(part.ends, olep.LSN(len(part.entries)))
	}
}

// visit checks a click with its region.
func (k *streams) visit(e *olep.Entry) {
	v := olep.ParseVisit(&e.Record)
	k.seen[clickAt{v.Partition, v.LSN}] = true
	if !k.exact {
		return
	}
	want := k.region(v.Partition, v.LSN)
	k.joined.Check(v.Region == want, func() string {
		return fmt.Sprintf("%+v: by its place %s was in %s", v, v.User, want)
	})
}

// region is where the user of a click was: the last word before it.
func (k *streams) region(partition int, lsn olep.LSN) string {
	entries := k.parts[partition].entries
	user := entries[lsn-1].Value
	for i := int(lsn) - 2; i >= 0; i-- {
		if e := &entries[i]; e.Log == olep.MoveLog {
			if who, region, _ := strings.Cut(e.Value, " "); who == user && region != "" {
				return region
			} else if who == user {
				break
			}
		}
	}
	return olep.Nowhere
}

func (k *streams) output(part *streamPart, e *olep.Entry) {
	n, _ := strconv.Atoi(e.Value)
	if k.exact {
		k.outputs.Check(n == part.counts[e.Key]+1, func() string {
			return fmt.Sprintf("%s comes after %d", e, part.counts[e.Key])
		})
	}
	part.counts[e.Key] = n
}

func (k *streams) moves(part *streamPart, e *olep.Entry) {
	n, _ := strconv.ParseUint(e.Value, 10, 64)
	if k.exact {
		k.forward.Check(olep.LSN(n) > part.position, func() string { return fmt.Sprintf("%s comes after %d", e, part.position) })
	}
	part.position = olep.LSN(n)
}

// client clicks, moves and leaves, one after the other.
func (k *streams) client(p *sim.Proc, c olep.ClientConfig, number int, ops []nemesis.Op) {
	info := k.run.Checks.Sometimes("a client saw info")
	do := func(w *olep.Producer, op nemesis.Op) {
		n, _ := strconv.Atoi(op.Arg)
		records := []olep.Record{{Log: olep.MoveLog, Value: op.Key}}
		switch op.Kind {
		case "move":
			records[0].Value += " " + streamRegions[n%len(streamRegions)]
		case "click":
			records = slices.Repeat([]olep.Record{{Log: olep.ClickLog, Value: op.Key}}, n)
		}
		call := p.Op(op.Kind + " " + records[0].Value)
		switch _, err := w.Append(p, k.model.Partition(op.Key), records); {
		case err == nil:
			call.OK(nil)
		case err == olep.ErrUnsure:
			info.Hold()
			call.Info()
		default:
			call.Fail()
		}
	}
	w := olep.NewProducer(p, "c"+strconv.Itoa(number), c)
	for _, op := range k.run.planned(p, ops) {
		do(w, op)
	}
	w = olep.NewProducer(p, "t"+strconv.Itoa(number), c) // what the first has given up may still be under way
	for i := range k.run.tail(p) {
		do(w, nemesis.Op{Kind: "click", Key: string(rune('a' + (number+i)%6)), Arg: "1"})
	}
}

func (k *streams) waiting() string {
	var text []string
	for i := range k.parts {
		if part := &k.parts[i]; part.position <= part.inputs {
			text = append(text, fmt.Sprintf("the task of partition %d is at %d, and there are inputs up to %d", i, part.position, part.inputs))
		}
	}
	if len(text) == 0 {
		return "clients are not done"
	}
	return strings.Join(text, "; ")
}

// judge counts again, and compares tables with their changelogs.
func (k *streams) judge() {
	want := map[string]int{}
	lost := k.run.Checks.Always("no click is lost")
	for i := range k.parts {
		for _, e := range k.parts[i].entries {
			if e.Log == olep.ClickLog {
				want[k.region(i, e.LSN)]++
				lost.Check(k.seen[clickAt{i, e.LSN}], func() string { return fmt.Sprintf("%s of partition %d is no visit", e, i) })
			}
		}
	}
	exact := k.run.Checks.Always(countsExact)
	for _, region := range append(slices.Clone(streamRegions), olep.Nowhere) {
		part := &k.parts[k.model.Partition(region)]
		table := map[string]string{}
		replay(table, part.entries)
		n, _ := strconv.Atoi(table[olep.CountKey(region)])
		exact.Check(n == want[region], func() string {
			return fmt.Sprintf("there are %d clicks in %s, and %d were counted", want[region], region, n)
		})
		if k.exact {
			k.outputs.Check(part.counts[region] == n, func() string {
				return fmt.Sprintf("%d were counted in %s, and the last output is %d", n, region, part.counts[region])
			})
		}
	}
	if k.exact {
		k.duals()
	}
}

// duals compares tables with their changelogs, as of each of their batches, and with what compaction has left of them.
func (k *streams) duals() {
	dual := k.run.Checks.Always("a changelog is its table, as of each of its batches")
	for i := range k.parts {
		part := &k.parts[i]
		compare := func(end olep.LSN, table map[string]string) {
			at, _ := strconv.ParseUint(table[olep.PositionKey], 10, 64)
			text, want := tableText(table), part.tables[olep.LSN(at)]
			dual.Check(text == want, func() string {
				return fmt.Sprintf("the changelog of partition %d up to %d is %q, and the table at %d was %q", i, end, text, at, want)
			})
		}
		table, at := map[string]string{}, olep.LSN(0)
		for _, end := range part.ends {
			replay(table, part.entries[at:end])
			at = end
			compare(end, table)
		}
		if broker, ok := k.run.World.Node(part.broker).(*olep.Broker); ok && at > 0 {
			left := map[string]string{}
			replay(left, broker.Partition(i).Entries())
			compare(at, left)
		}
	}
}

// views are the tables of tasks, as their changelogs have them.
func (k *streams) views() (views []View) {
	var all olepLogs
	for i := range k.parts {
		all = append(all, k.parts[i].entries)
	}
	for i := range k.parts {
		views = append(views, all.view("table", i, "the state of the partition's task, by its changelog", func(through olep.LSN) []olep.Pair {
			table := map[string]string{}
			replay(table, all[i][:through])
			return pairs(table)
		}))
	}
	return views
}

// pairs are the keys of a table with their values.
func pairs(table map[string]string) (list []olep.Pair) {
	for key, value := range table {
		list = append(list, olep.Pair{Key: key, Value: value})
	}
	return list
}

// replay takes a changelog into a table.
func replay(table map[string]string, entries []olep.Entry) {
	for i := range entries {
		switch e := &entries[i]; {
		case e.Log != olep.Changelog:
		case e.Tombstone:
			delete(table, e.Key)
		default:
			table[e.Key] = e.Value
		}
	}
}

// tableText is a table as olep.Table prints it.
func tableText(table map[string]string) string {
	var text []string
	for _, key := range slices.Sorted(maps.Keys(table)) {
		text = append(text, key+"="+table[key])
	}
	return strings.Join(text, ", ")
}
