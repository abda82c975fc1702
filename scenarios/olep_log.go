package scenarios

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/models/raft"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

var (
	olepLog = &Scenario{
		Name:   "olep/log",
		Doc:    "A log service with idempotent producers, consumer groups, retention and compaction, one copy of each partition.",
		Space:  olepLogSpace(),
		Tail:   8 * time.Second,
		Fits:   olepFits,
		Facts:  []string{"CommitRefused", "ReadTrimmed", "ProducerOpened", "ProducerFenced", "Stopped"},
		Build:  func(r *Run) { buildOlep(r, olepSingle(r)) },
		Judge:  judgeOlep,
		Views:  viewsOlep,
		Floors: olepLogFloors(),
	}

	olepLogRaft = &Scenario{
		Name:  "olep/log-raft",
		Doc:   "The log service with each partition replicated by Raft: what it promises outlives a minority of its brokers.",
		Space: olepRaftSpace(),
		Tail:  10 * time.Second,
		Fits: func(p nemesis.Plan) error {
			if err := isGroup(p); err != nil {
				return err
			}
			return olepFits(p)
		},
		Facts: []string{"CommitRefused", "ReadTrimmed", "ProducerOpened", "ProducerFenced", "Stopped"},
		Build: func(r *Run) {
			buildOlep(r, olepReplicated(r))
		},
		Judge:  judgeOlep,
		Views:  viewsOlep,
		Floors: olepLogFloors(Floor{"leader changes", 2}, Floor{"planned partition", 1}),
	}
)

// olepFloors are what all scenarios of event logs reach.
func olepFloors(more ...Floor) []Floor {
	return append(more, Floor{"operations", 100}, Floor{"clients", 3}, Floor{"crashes", 3}, Floor{"planned pause", 1},
		Floor{"virtual ms", 30_000})
}

// olepLogFloors are what a log service reaches.
func olepLogFloors(more ...Floor) []Floor {
	return olepFloors(append(more, Floor{"ok", 60}, Floor{"records appended", 250}, Floor{"records processed", 120},
		Floor{"rebalances", 4})...)
}

// olepOps are what clients do, and what is done to them: a producer that restarts, a consumer that crashes or pauses.
var olepOps = []nemesis.OpKind{
	{Kind: "append", Weight: 20, Key: true, Arg: olepCount},
	{Kind: "delete", Weight: 4, Key: true},
	{Kind: "read", Weight: 4, Key: true, Arg: olepAnywhere},
	{Kind: "refuse", Weight: 2, Key: true, Arg: olepWrong},
	{Kind: "restart", Weight: 2, Arg: olepAway},
	{Kind: "crash-consumer", Weight: 3, Arg: olepAway},
	{Kind: "pause-consumer", Weight: 3, Arg: olepAway},
}

// olepSpace has clients that are as far from brokers as these are from each other, so that requests come late and twice.
func olepSpace(s nemesis.Space) nemesis.Space {
	s.OpKinds = olepOps
	s.Ops = nemesis.Range[int]{Min: 110, Max: 160}
	s.Keys = []string{"a", "b", "c", "d", "e", "f"}
	s.Buggify = true
	s.Storms = nemesis.Range[int]{Max: 4}
	s.Facts = []string{"Booted", "Appended", "Truncated", "Compacted", "Rebalanced", "OffsetCommitted", "DuplicateSuppressed"}
	uniform := func(low, high time.Duration) netsim.Latency {
		return netsim.Latency{Shape: netsim.Uniform, Min: low, Max: high}
	}
	exponential := func(mean time.Duration) netsim.Latency {
		return netsim.Latency{Shape: netsim.Exponential, Mean: mean}
	}
	s.ClientLinks = []nemesis.Range[netsim.Link]{
		{
			Min: netsim.Link{Latency: uniform(100*time.Microsecond, 2*time.Millisecond)},
			Max: netsim.Link{Latency: uniform(time.Millisecond, 60*time.Millisecond), Loss: 30_000, Duplicate: 50_000},
		},
		{ // where a copy may come after all that follows from the first
			Min: netsim.Link{Latency: exponential(time.Millisecond), Duplicate: 50_000},
			Max: netsim.Link{Latency: exponential(10 * time.Millisecond), Duplicate: 200_000, Loss: 30_000},
		},
	}
	return s
}

// olepLogSpace has one copy of each partition, so disks keep what they have synced: they lose or tear no more than that,
// and are slow or fail, until somebody reboots the broker. Brokers do not talk to each other.
func olepLogSpace() nemesis.Space {
	s := olepSpace(nemesis.DefaultSpace("olep/log"))
	s.Nodes = nemesis.Range[int]{Min: 1, Max: 3}
	short := nemesis.Range[time.Duration]{Min: time.Millisecond, Max: 150 * time.Millisecond}
	s.Faults = append(s.Faults,
		nemesis.FaultKind{Kind: "crash", Count: nemesis.Range[int]{Min: 4, Max: 20}, Window: short},
		nemesis.FaultKind{Kind: "lose_unsynced", Count: nemesis.Range[int]{Min: 3, Max: 8}, Share: 3 * sim.Million / 4},
		nemesis.FaultKind{Kind: "torn_write", Count: nemesis.Range[int]{Min: 2, Max: 6}},
		seldom("slow_disk", 2), seldom("sync_error", 2), seldom("disk_full", 1),
	)
	return s
}

func olepRaftSpace() nemesis.Space {
	s := raftSpace("olep/log-raft")
	roles, budget := s.Roles, s.Budget
	s = olepSpace(s)
	s.Roles, s.Budget = roles[:1], budget
	s.Ops = nemesis.Range[int]{Min: 200, Max: 250} // elections take their time
	return s
}

// What the arguments of operations are.
func olepCount(_ nemesis.Op, _ []nemesis.Op, below func(int) int) string {
	return strconv.Itoa(1 + below(4<<below(3)))
}

func olepAnywhere(_ nemesis.Op, earlier []nemesis.Op, below func(int) int) string {
	return strconv.Itoa(1 + below(1+3*len(earlier)))
}

// olepAway is how long somebody is away, in milliseconds. What is short is over before a group notices.
func olepAway(_ nemesis.Op, _ []nemesis.Op, below func(int) int) string {
	return strconv.Itoa(1 + below(10<<below(10)))
}

// olepWrongs are the ways to be refused.
var olepWrongs = []string{"size", "batch", "tombstone", "empty", "partition", "beyond"}

func olepWrong(_ nemesis.Op, _ []nemesis.Op, below func(int) int) string {
	return olepWrongs[below(len(olepWrongs))]
}

// olepFits refuses arguments that are none.
func olepFits(p nemesis.Plan) error {
	return argsAre(p, "a number from 1 to 100000, or a way to be refused", func(op nemesis.Op) bool {
		switch op.Kind {
		case "delete":
			return true
		case "refuse":
			for _, w := range olepWrongs {
				if w == op.Arg {
					return true
				}
			}
			return false
		}
		n, err := strconv.Atoi(op.Arg)
		return err == nil && 1 <= n && (n <= 16 || op.Kind != "append" && n <= 100_000)
	})
}

// olepChoice is what a deployment may choose, drawn anew for each run.
type olepChoice struct {
	broker    olep.BrokerConfig
	client    olep.ClientConfig
	consumer  olep.ConsumerConfig
	consumers int
	shared    bool   // clients share names in pairs, and fence each other
	anonymous []bool // by client, from 1: it is not idempotent
}

func olepDraw(r *Run, cluster olep.Cluster) olepChoice {
	d := sim.NewStream(r.Plan.Seed, "olep config")
	c := olepChoice{consumers: 1 + int(d.Below(3)), shared: d.Chance(sim.Million / 3)}
	for range r.Plan.Clients + 1 {
		c.anonymous = append(c.anonymous, d.Chance(sim.Million/4))
	}
	c.broker = olep.BrokerConfig{Cluster: cluster, Session: d.Between(time.Second, 2*time.Second)}
	c.broker.Partition = olep.PartitionConfig{
		Retain:     []time.Duration{0, 0, 3 * time.Second, 10 * time.Second}[d.Below(4)],
		RetainSize: []int{0, 0, 400, 4000}[d.Below(4)],
		Compact:    []int{0, 8, 8, 40}[d.Below(4)],
		Tombstones: d.Between(100*time.Millisecond, 2*time.Second),
	}
	c.client = olepAsks(r, cluster)
	c.consumer = olep.ConsumerConfig{
		ClientConfig: c.client, Group: "g", Max: []int{4, 16, 64}[d.Below(3)], Work: d.Between(0, 20*time.Millisecond),
		Heartbeat: 300 * time.Millisecond,
	}
	return c
}

// olepSingle spreads partitions over brokers.
func olepSingle(r *Run) olepChoice {
	d := sim.NewStream(r.Plan.Seed, "olep partitions")
	partitions := 1 + int(d.Below(3))
	return olepDraw(r, olepCluster(partitions, r.Plan.Nodes))
}

// olepRaftMember is a Raft member as the log of a machine.
type olepRaftMember struct{ *raft.Raft }

func (l olepRaftMember) Propose(env sim.Env, cmd string) bool {
	_, _, err := l.Raft.Propose(env, cmd)
	return err == nil
}

// newOlepRaft makes members of Raft groups, one for each machine.
func newOlepRaft(c raft.Config) olep.NewLog {
	return func(apply func(env sim.Env, cmd string)) olep.Log {
		return olepRaftMember{raft.New(c, func(env sim.Env, e raft.Entry) { apply(env, e.Cmd) })}
	}
}

// olepReplicated has every broker serve everything.
func olepReplicated(r *Run) olepChoice {
	d := sim.NewStream(r.Plan.Seed, "olep partitions")
	partitions := 1 + int(d.Below(2))
	servers := r.Servers()
	c := olepDraw(r, olep.Cluster{Partitions: partitions, Hosts: func(int) []sim.NodeID { return servers }})
	group := raftConfig(r)
	group.CheckQuorum = true // else a leader that is cut off is read for ever
	c.broker.Log = newOlepRaft(group)
	leaders := 0
	r.World.Watch(func(s *sim.Step) {
		if f, ok := s.Payload.(sim.Scoped); ok {
			if _, ok := f.Inner.(raft.BecameLeader); ok {
				r.SetRole("leader", s.Node)
				if leaders++; leaders > partitions+1 {
					r.Contents.Add("leader changes", 1)
				}
			}
		}
	})
	return c
}

func buildOlep(r *Run, c olepChoice) {
	check := watchOlep(r, c)
	r.State = check
	r.AddServers(func(id sim.NodeID) sim.Node { return olep.NewBroker(id, c.broker) })
	idle := 0
	r.AddClients(func(client int, ops []nemesis.Op) sim.Node {
		return sim.Spawn(func(p *sim.Proc) {
			olepClient(p, r, c, check, client, ops)
			idle++
		})
	})
	first := sim.NodeID(r.World.Nodes() + 1)
	for range c.consumers {
		r.World.Add(func(sim.NodeID) sim.Node {
			return sim.Spawn(func(p *sim.Proc) { olep.Consume(p, c.consumer) })
		})
	}
	for i, op := range r.Plan.Ops {
		consumer := first + sim.NodeID(i%c.consumers)
		switch away := olepTime(op); op.Kind {
		case "restart":
			r.down(r.Plan.ClientNode(op.Client), op.At, away)
		case "crash-consumer":
			r.down(consumer, op.At, away)
		case "pause-consumer":
			r.World.At(clock.Time(op.At), func() { r.World.PauseFor(consumer, min(away, r.Plan.Duration-op.At)) })
		}
	}

	budget := budget(r.Plan) + 3*c.broker.Session + 10*c.client.Retry + 10*time.Second
	tail := r.TailOps(func() bool { return idle == r.Plan.Clients })
	tail.Budget = budget
	r.Liveness("operations in the quiet tail succeed", tail)
	r.Liveness("a group processes all records", Progress{
		Budget: budget,
		Whole:  budget + time.Duration(olepPlanned(r.Plan)/c.consumer.Max)*(c.consumer.Work+2*c.client.Retry),
		Await: func() (progress uint64, done bool) {
			missing := 0
			for i := range check.parts {
				missing += check.parts[i].missing()
				progress += uint64(len(check.parts[i].entries))
			}
			return progress - uint64(missing), missing == 0 && idle == r.Plan.Clients
		},
		Waiting: check.waiting,
	})
	r.Liveness("retention and compaction do what is due", Progress{
		Budget: budget,
		Await: func() (progress uint64, done bool) {
			return check.gone(), idle == r.Plan.Clients && check.overdue() == ""
		},
		Waiting: func() string { return cmp.Or(check.overdue(), "producers are not done") },
	})
}

// olepPlanned is how many records a plan has appended, but for those of the quiet tail.
func olepPlanned(p nemesis.Plan) (records int) {
	for _, op := range p.Ops {
		if op.Kind == "append" {
			n, _ := strconv.Atoi(op.Arg)
			records += n
		}
	}
	return records
}

// down crashes a client, which is back in time for the quiet tail.
func (r *Run) down(id sim.NodeID, at, away time.Duration) {
	r.World.At(clock.Time(at), func() {
		if r.World.Crash(id) {
			r.World.At(clock.Time(min(at+away, r.Plan.Duration)), func() { r.World.Restart(id) })
		}
	})
}

func olepTime(op nemesis.Op) time.Duration {
	n, _ := strconv.Atoi(op.Arg)
	return time.Duration(n) * time.Millisecond
}

// OlepOp is an operation of the log service's clients.
type OlepOp struct {
	Kind      string
	Partition int
	Records   []olep.Record
	From      olep.LSN // of a read
}

func (o OlepOp) String() string {
	switch {
	case o.Kind == "read":
		return fmt.Sprintf("read p%d from %d", o.Partition, o.From)
	case len(o.Records) == 0:
		return fmt.Sprintf("%s p%d", o.Kind, o.Partition)
	default:
		return fmt.Sprintf("%s p%d %d records from %s", o.Kind, o.Partition, len(o.Records), o.Records[0])
	}
}

// olepTail is what is added to a client's number in the values of the quiet tail.
const olepTail = 1_000_000

// olepClient does operations one after the other. In the quiet tail it is another producer: what the first one has given
// up may still be under way.
func olepClient(p *sim.Proc, r *Run, c olepChoice, check *olepCheck, client int, ops []nemesis.Op) {
	name := "c" + strconv.Itoa(client)
	if c.shared {
		name = "c" + strconv.Itoa(client/2)
	}
	if c.anonymous[client] {
		name = ""
	}
	w := olep.NewProducer(p, name, c.client)
	boot := p.Elapsed()
	for i, op := range ops {
		if op.At < boot {
			continue
		}
		p.Sleep(op.At - p.Elapsed())
		if p.Elapsed() >= r.Plan.Duration {
			break
		}
		partition := int((op.Key + "a")[0]) % c.broker.Partitions
		switch op.Kind {
		case "append", "delete":
			n, _ := strconv.Atoi(op.Arg)
			check.append(p, w, name == "", OlepOp{op.Kind, partition, olepRecords(op, client, 16*i, n), 0})
		case "read":
			from, _ := strconv.Atoi(op.Arg)
			check.read(p, w, OlepOp{Kind: "read", Partition: partition, From: olep.LSN(from)}, i%3 == 0)
		case "refuse":
			check.refuse(p, w, op.Arg, partition, i)
		}
	}
	w = olep.NewProducer(p, "t"+strconv.Itoa(client), c.client)
	for i := range r.tail(p) {
		op := nemesis.Op{Kind: "append", Key: "a"}
		partition := (client + i) % c.broker.Partitions
		check.append(p, w, false, OlepOp{"append", partition, olepRecords(op, olepTail+client, 16*i, 3), 0})
	}
}

// olepRecords are the records of one batch: of two logical logs, some without a key. Each value is there once.
func olepRecords(op nemesis.Op, client, seq, n int) []olep.Record {
	if op.Kind == "delete" {
		return []olep.Record{{Log: "x", Key: op.Key, Tombstone: true}}
	}
	records := make([]olep.Record, n)
	b := append(make([]byte, 0, 24), 'c')
	b = append(strconv.AppendInt(b, int64(client), 10), '.')
	for i := range records {
		records[i] = olep.Record{Log: "x", Key: op.Key, Value: string(strconv.AppendInt(b, int64(seq+i+1), 10))}
		if i%3 == 1 {
			records[i].Log = "y"
		}
		if i%4 == 3 {
			records[i].Key = ""
		}
	}
	return records
}

// olepProducer is who made a record, and its place in that client's order: "c17.4".
func olepProducer(r string) (producer, seq uint64) {
	client, place, ok := strings.Cut(r, ".")
	if !ok || client[0] != 'c' {
		return 0, 0
	}
	return number(client[1:]), number(place)
}

func number(digits string) (n uint64) {
	for i := range len(digits) {
		n = 10*n + uint64(digits[i]-'0')
	}
	return n
}
