package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/models/raft"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

var (
	raftKV = &Scenario{
		Name:  "raft/kv",
		Words: raftWords,
		Doc:   "A key-value store on Raft, with client sessions and both ways of reading, is linearizable.",
		Space: raftSpace("raft/kv",
			nemesis.OpKind{Kind: "read", Weight: 3, Key: true}, // by ReadIndex
			nemesis.OpKind{Kind: "get", Weight: 2, Key: true},  // through the log
			nemesis.OpKind{Kind: "put", Weight: 3, Key: true, Value: true},
			nemesis.OpKind{Kind: "append", Weight: 2, Key: true, Value: true},
			nemesis.OpKind{Kind: "cas", Weight: 2, Key: true, Value: true, Arg: earlierValue},
			nemesis.OpKind{Kind: "delete", Weight: 1, Key: true},
		),
		Tail:   10 * time.Second,
		Build:  func(r *Run) { buildRaftService(r, func(c raft.Config) sim.Node { return raft.NewKV(c) }, kvOp) },
		Judge:  sawInfo,
		Linear: checkers.KVModel,
		Form:   kvForm,
		Fits:   isGroup,
		Facts:  slices.Concat(memberFacts, serviceFacts),
		Floors: raftFloors(Floor{"operations", 100}, Floor{"ok", 60}, Floor{"clients", 3}, Floor{"crashes with unsynced data", 3}),
	}

	raftLogService = &Scenario{
		Name:  "raft/log",
		Words: raftWords,
		Doc:   "A replicated log as a service: an append returns the record's offset, ranges are read back.",
		Space: func() nemesis.Space {
			s := raftSpace("raft/log",
				nemesis.OpKind{Kind: "append", Weight: 5, Value: true},
				nemesis.OpKind{Kind: "read", Weight: 3, Arg: anyOffset}, // by ReadIndex
				nemesis.OpKind{Kind: "scan", Weight: 1, Arg: anyOffset}, // through the log
			)
			s.Ops = nemesis.Range[int]{Min: 60, Max: 90} // all on one log, whose history is judged whole
			s.Small, s.Focus = sim.Million/2, sim.Million/2
			s.Roles = []string{"leader", "next leader", "next voter", "next committer", "next committer", "next committer", "next committer"}
			return s
		}(),
		Tail: 10 * time.Second,
		Build: func(r *Run) {
			log := watchLog(r)
			r.State = log
			buildRaftService(r, func(c raft.Config) sim.Node { return raft.NewLogService(c) }, log.op)
		},
		Judge: func(r *Run) {
			r.State.(*records).judge(r.World.History())
			sawInfo(r)
		},
		Linear: checkers.LogModel,
		Form:   logForm,
		Fits: func(p nemesis.Plan) error {
			first := map[string]int{}
			for i, op := range p.Ops {
				if op.Kind != "append" {
					continue
				}
				if _, err := strconv.ParseUint(strings.TrimPrefix(op.Value, "v"), 10, 63); err != nil || op.Value[0] != 'v' {
					return fmt.Errorf("ops[%d].value: %q is no record; write one such as v17, each once", i, op.Value)
				}
				if j, ok := first[op.Value]; ok {
					return fmt.Errorf("ops[%d].value: %s is the record of ops[%d] already", i, op.Value, j)
				}
				first[op.Value] = i
			}
			return cmp.Or(isGroup(p), argsAre(p, "an offset from 0 on", func(op nemesis.Op) bool {
				_, err := strconv.ParseUint(op.Arg, 10, 63)
				return op.Kind == "append" || err == nil
			}))
		},
		Facts:  slices.Concat(memberFacts, serviceFacts, []string{"Logged"}),
		Floors: raftFloors(Floor{"operations", 60}, Floor{"ok", 40}, Floor{"clients", 3}, Floor{"crashes with unsynced data", 2}),
	}

	raftElection = &Scenario{
		Name:   "raft/election",
		Words:  raftWords,
		Doc:    "Elections under faults, without clients: at most one leader per term, and one at last.",
		Space:  electionSpace(),
		Tail:   10 * time.Second,
		Build:  func(r *Run) { buildElection(r, raftConfig(r)).logsAgree() },
		Fits:   isGroup,
		Facts:  memberFacts,
		Floors: raftFloors(),
	}

	// One member in some plans hears nobody, but is heard: see disturbed.
	raftDeposed = &Scenario{
		Name:    "raft/deposed",
		Words:   raftWords,
		Doc:     "A demonstration: without PreVote and CheckQuorum, a member that hears nobody deposes every leader.",
		Anomaly: `eventually "all follow one leader"`,
		Space: func() nemesis.Space {
			s := nemesis.DefaultSpace("raft/deposed")
			s.Faults, s.Ops = nil, nemesis.Range[int]{}
			s.Duration = nemesis.Range[time.Duration]{Min: 5 * time.Second, Max: 5 * time.Second}
			s.Budget = nemesis.Budget{Quorum: nemesis.Majority, Outside: []string{"partition"}}
			return s
		}(),
		Tail:  10 * time.Second,
		Fits:  isGroup,
		Facts: []string{"Voted", "Appended", "Committed", "Applied", "BecameLeader", "BecameCandidate", "BecameFollower", "SteppedDown", "Recovered"},
		Build: func(r *Run) {
			buildElection(r, raft.Config{Peers: r.Servers(), ElectionTimeout: electionTimeout(r.Plan)})
		},
	}
)

// What members state, and their services, besides the Facts of raftSpace.
var (
	memberFacts  = []string{"Applied", "BecameFollower", "BecamePreCandidate", "SteppedDown", "Stopped"}
	serviceFacts = []string{"DuplicateSuppressed", "ReadRefused", "ReadServed"}
)

// isGroup refuses clusters that are too large for a Raft group.
func isGroup(p nemesis.Plan) error {
	if p.Nodes > raft.MaxMembers {
		return fmt.Errorf("nodes: a Raft group has %d members at most, not %d", raft.MaxMembers, p.Nodes)
	}
	return nil
}

// argsAre refuses operations whose argument is not good.
func argsAre(p nemesis.Plan, what string, good func(op nemesis.Op) bool) error {
	for i, op := range p.Ops {
		if !good(op) {
			return fmt.Errorf("ops[%d].arg: %q of %s is not %s", i, op.Arg, op.Kind, what)
		}
	}
	return nil
}

// raftConfig draws what a deployment may choose: all of it must be safe. Small batches, and leaders that nobody deposes
// for silence, open windows that the usual choices hide.
func raftConfig(r *Run) raft.Config {
	d := sim.NewStream(r.Plan.Seed, "raft config")
	c := raft.Config{
		Peers:           r.Servers(),
		ElectionTimeout: electionTimeout(r.Plan),
		PreVote:         !d.Chance(sim.Million / 4),
		CheckQuorum:     !d.Chance(sim.Million / 4),
		MaxBatch:        []int{1, 1, 1, 64}[d.Below(4)],
	}
	if disturbed(r.Plan) {
		c.PreVote, c.CheckQuorum = true, true
	}
	return c
}

// electionTimeout is T: a member campaigns after T to 2T without a leader. Raft is live where T is well above the time
// of a broadcast (paper, section 5.6), so slow links need a longer one.
func electionTimeout(p nemesis.Plan) time.Duration {
	return max(150*time.Millisecond, 5*p.Link.Latency.Max)
}

// patience is how long a client tries an operation: time for several elections.
func patience(p nemesis.Plan) time.Duration {
	return max(3*time.Second, 15*electionTimeout(p)) + 10*roundTrip(p)
}

// retry is how long a client waits for one server: sooner would ask twice for most operations.
func retry(p nemesis.Plan) time.Duration {
	return max(200*time.Millisecond, 10*p.Link.Latency.Max) + roundTrip(p)
}

// roundTrip is how long a client's request and its answer are under way.
func roundTrip(p nemesis.Plan) time.Duration { return 2 * slowest(p.ClientLink) }

// backoff is a client's pause after a refusal.
const backoff = 20 * time.Millisecond

// raftSpace has crashes and partitions of two sorts: those that outlast an election, and those that end within one.
// Many fall into storms, where one election meets several.
func raftSpace(name string, ops ...nemesis.OpKind) nemesis.Space {
	s := nemesis.DefaultSpace(name)
	s.OpKinds = ops
	if len(ops) == 0 {
		s.Ops = nemesis.Range[int]{}
	}
	short := nemesis.Range[time.Duration]{Min: time.Millisecond, Max: 150 * time.Millisecond}
	s.Roles = []string{
		"leader", "next leader", "next leader", "next leader", "next voter", "next committer", "next committer", "next committer",
	}
	s.Facts = []string{"Voted", "Appended", "Committed", "BecameLeader", "BecameCandidate", "Truncated", "Recovered"}
	s.Storms = nemesis.Range[int]{Max: 6}
	s.Buggify = true
	// A member stops when its disk errs or shows damage, and counts as failed from then on: so damage, which no reboot
	// mends, strikes outside the core only. A wiped disk has forgotten votes and entries that were promised; without
	// changes of membership nothing survives that. Nor does a clock stand still for ever: a leader that is deaf as well
	// would never find out that it lacks a quorum, and its followers would go on as long as clients ask it.
	s.Budget = nemesis.Budget{
		Quorum: nemesis.Majority,
		Outside: []string{"crash", "crash", "pause", "isolate", "partition", "clog", "duplicating",
			"clock_drift", "clock_jump", "bit_rot", "misdirected_write", "read_error"},
	}
	s.Faults = append(s.Faults,
		nemesis.FaultKind{Kind: "crash", Count: nemesis.Range[int]{Min: 4, Max: 40}, Window: short, Share: 3 * sim.Million / 4},
		nemesis.FaultKind{Kind: "isolate", Count: nemesis.Range[int]{Min: 1, Max: 16}, Window: nemesis.Range[time.Duration]{Min: 50 * time.Millisecond, Max: 2 * time.Second}},
		nemesis.FaultKind{Kind: "partition", Count: nemesis.Range[int]{Min: 1, Max: 8}, Window: nemesis.Range[time.Duration]{Min: 50 * time.Millisecond, Max: time.Second}},
		nemesis.FaultKind{Kind: "lose_unsynced", Count: nemesis.Range[int]{Min: 3, Max: 8}, Share: 3 * sim.Million / 4},
		nemesis.FaultKind{Kind: "torn_write", Count: nemesis.Range[int]{Min: 2, Max: 6}, Share: 3 * sim.Million / 4},
		nemesis.FaultKind{Kind: "sync_error", Count: nemesis.Range[int]{Min: 1, Max: 2}, Share: sim.Million / 4},
		nemesis.FaultKind{Kind: "disk_full", Count: nemesis.Range[int]{Min: 1, Max: 2}, Share: sim.Million / 8},
		nemesis.FaultKind{Kind: "slow_disk", Count: nemesis.Range[int]{Min: 1, Max: 2}, Share: sim.Million / 4},
		nemesis.FaultKind{Kind: "clock_drift", Count: nemesis.Range[int]{Min: 1, Max: 2}, Rate: nemesis.Range[sim.PPM]{Min: 100_000, Max: 700_000}},
	)
	s.Links = append(s.Links, nemesis.Range[netsim.Link]{
		Min: netsim.Link{Latency: netsim.Latency{Shape: netsim.Uniform, Min: time.Millisecond, Max: 20 * time.Millisecond}},
		Max: netsim.Link{Latency: netsim.Latency{Shape: netsim.Uniform, Min: 10 * time.Millisecond, Max: 60 * time.Millisecond}, Loss: 20_000},
	})
	return s
}

// electionSpace has more elections, and more that go wrong: leaders are cut off and voters crash within round trips, and
// links are slow, so that votes and requests of one election are under way for long.
func electionSpace() nemesis.Space {
	s := raftSpace("raft/election")
	s.Roles = []string{"leader", "leader", "leader", "next voter", "next voter", "next leader"}
	s.Links = s.Links[1:]
	s.Storms = nemesis.Range[int]{Max: 3}
	blink := nemesis.Range[time.Duration]{Min: time.Millisecond, Max: 60 * time.Millisecond}
	s.Faults = append(s.Faults,
		nemesis.FaultKind{Kind: "crash", Count: nemesis.Range[int]{Min: 20, Max: 60}, Window: blink, Share: 3 * sim.Million / 4},
		nemesis.FaultKind{Kind: "isolate", Count: nemesis.Range[int]{Min: 10, Max: 50}, Share: 3 * sim.Million / 4, Window: nemesis.Range[time.Duration]{Min: 300 * time.Millisecond, Max: time.Second}},
	)
	return s
}

// earlierValue makes a cas expect, more often than not, what an earlier operation wrote to its key.
func earlierValue(op nemesis.Op, earlier []nemesis.Op, below func(n int) int) string {
	if pick := below(8); pick > 0 {
		for i := len(earlier) - 1; i >= 0; i-- {
			if e := earlier[i]; e.Key == op.Key && e.Value != "" {
				if pick--; pick == 0 || e.Kind == "put" {
					return e.Value
				}
			}
		}
	}
	return "nothing"
}

// anyOffset makes a read begin at or before where the log may end.
func anyOffset(_ nemesis.Op, earlier []nemesis.Op, below func(n int) int) string {
	return fmt.Sprint(below(len(earlier)/2 + 1))
}

func raftFloors(more ...Floor) []Floor {
	return append(more, Floor{"crashes", 3}, Floor{"planned partition", 2}, Floor{"long pauses", 1},
		Floor{"leader changes", 2}, Floor{"virtual ms", 30_000})
}

// buildRaftService adds a Raft service and its clients, whose operations op makes of the plan's. Each client also
// writes and reads in the quiet tail.
func buildRaftService(r *Run, node func(raft.Config) sim.Node, op func(nemesis.Op) raft.Op) {
	addRaftService(r, node, op)
	g := &group{run: r}
	g.oneLeader()
	g.operationsSucceed()
	g.logsAgree()
}

func addRaftService(r *Run, node func(raft.Config) sim.Node, op func(nemesis.Op) raft.Op) {
	watchRaft(r)
	c := raftConfig(r)
	r.AddServers(func(sim.NodeID) sim.Node { return node(c) })
	r.AddClients(func(client int, ops []nemesis.Op) sim.Node {
		calls := make([]raft.Call, 0, len(ops)+8)
		for _, o := range ops {
			calls = append(calls, raft.Call{At: o.At, Op: op(o)})
		}
		for i, o := range tailOps(r.Scenario.Tail, client, ops) {
			calls = append(calls, raft.Call{At: r.Plan.Duration + time.Duration(i)*time.Second, Op: op(o)})
		}
		return raft.NewClient(raft.ClientConfig{
			Servers: c.Peers, Calls: calls,
			Retry: retry(r.Plan), Backoff: backoff, Deadline: patience(r.Plan),
			Patient: r.Plan.Duration, // then it is for Liveness to say what takes too long
		})
	})
}

// tailOps are what a client does once everything is healed: each second it writes or reads, in the scenario's own words,
// but for the last three: most runs can end with their tail then.
func tailOps(tail time.Duration, client int, ops []nemesis.Op) []nemesis.Op {
	key := "a"
	for _, o := range ops {
		key = o.Key
	}
	var list []nemesis.Op
	for i := range int(tail/time.Second) - 3 {
		op := nemesis.Op{Client: client, Kind: "read", Key: key, Arg: "0"}
		if i%2 == 0 {
			op.Kind, op.Value, op.Arg = "append", fmt.Sprintf("t%d.%d", client, i), ""
		}
		list = append(list, op)
	}
	return list
}

// watchRaft checks the facts of Raft members online, and counts what happened.
func watchRaft(r *Run) {
	check, g := checkers.NewRaft(r.Checks), &group{run: r}
	counts := r.Checks.Always("a leader counts what its followers have")
	leaders, leader := int64(0), sim.Nobody
	cutOff := r.Checks.Sometimes("a leader was cut off")
	torn := r.Checks.Sometimes("a torn tail was recovered")
	truncated := r.Checks.Sometimes("a log lost entries to another leader's")
	var duplicate, refused, served *checkers.Property
	if len(r.Scenario.Space.OpKinds)+len(r.Plan.Ops) > 0 { // plans without operations still have those of the tail
		duplicate = r.Checks.Sometimes("a duplicate request was suppressed")
		refused = r.Checks.Sometimes("a ReadIndex was refused")
		served = r.Checks.Sometimes("a ReadIndex was served")
	}
	r.World.Watch(func(s *sim.Step) {
		switch f := s.Payload.(type) {
		case raft.BecameLeader:
			check.Leader(s.Node, f.Term, f.LastIndex)
			leader = s.Node
			r.SetRole("leader", leader)
			g.countsWhatIsThere(leader, counts)
			if leaders++; leaders > 1 {
				r.Contents.Add("leader changes", 1)
			}
		case raft.SteppedDown:
			check.Follower(s.Node)
			if f.Why == raft.WhyQuorum {
				cutOff.Hold()
			}
		case raft.Appended:
			check.Append(s.Node, f.Index, f.Term, f.Digest())
		case raft.Voted:
			if f.For != s.Node {
				r.SetRole("voter", s.Node)
			}
		case raft.Truncated:
			check.Truncate(s.Node, f.From)
			truncated.Hold()
		case raft.Committed:
			check.Commit(s.Node, f.Index, f.Term, f.In)
			if s.Node == leader {
				r.SetRole("committer", leader)
				g.countsWhatIsThere(leader, counts)
			}
		case raft.Applied:
			check.Apply(s.Node, f.Index, f.Term, f.Digest())
		case raft.Recovered:
			check.Restart(s.Node)
			if f.TornBytes > 0 {
				torn.Hold()
			}
		case raft.DuplicateSuppressed:
			duplicate.Hold()
		case raft.ReadRefused:
			refused.Hold()
		case raft.ReadServed:
			served.Hold()
		}
	})
	for _, e := range r.Plan.Faults {
		if _, ok := e.Fault.(nemesis.Pause); ok && e.Until-e.At > 2*electionTimeout(r.Plan) {
			r.Contents.Add("long pauses", 1)
		}
	}
}

// sawInfo tells whether a client was left without an answer.
func sawInfo(r *Run) {
	info := r.Checks.Sometimes("a client saw info")
	for _, op := range r.World.History() {
		if op.Outcome == sim.Info {
			info.Hold()
		}
	}
}

// buildElection adds members without clients, who must find a leader.
func buildElection(r *Run, c raft.Config) *group {
	watchRaft(r)
	r.AddServers(func(sim.NodeID) sim.Node { return raft.New(c, func(sim.Env, raft.Entry) {}) })
	g := &group{run: r}
	g.oneLeader()
	return g
}

func kvOp(o nemesis.Op) raft.Op {
	op := raft.KVOp{Key: o.Key, Value: piece(o.Value)}
	switch o.Kind {
	case "get":
		op.Kind = raft.KVGet
	case "read":
		op.Kind, op.Via = raft.KVGet, raft.ViaReadIndex
	case "put":
		op.Kind = raft.KVPut
	case "append":
		op.Kind = raft.KVAppend
	case "cas":
		op.Kind, op.Old = raft.KVCAS, piece(o.Arg)
	case "delete":
		op.Kind = raft.KVDelete
	default:
		panic("raft/kv has no operation " + o.Kind)
	}
	return op
}

// piece ends a text in what is in no text, so that a value shows the appends that it is made of: see checkers.Append.
func piece(text string) string {
	if text == "" {
		return ""
	}
	return text + ";"
}

func kvForm(input, output any) (any, any) {
	op := input.(raft.KVOp)
	res, ended := output.(raft.KVResult)
	switch op.Kind {
	case raft.KVGet:
		if ended {
			output = checkers.Value{Text: res.Value, Found: res.OK}
		}
		return checkers.Get{Key: op.Key}, output
	case raft.KVPut:
		return checkers.Put{Key: op.Key, Text: op.Value}, nil
	case raft.KVAppend:
		return checkers.Append{Key: op.Key, Text: op.Value}, nil
	case raft.KVCAS:
		if ended {
			output = checkers.Swapped(res.OK)
		}
		return checkers.CAS{Key: op.Key, From: op.Old, To: op.Value}, output
	default:
		return checkers.Delete{Key: op.Key}, nil
	}
}

func logOp(o nemesis.Op) raft.Op {
	switch o.Kind {
	case "append":
		return raft.LogOp{Kind: raft.LogAppend, Record: fmt.Sprintf("c%d/%s", o.Client, o.Value)}
	case "read", "scan":
		op := raft.LogOp{Kind: raft.LogRead, Count: 16}
		offset, err := strconv.ParseUint(o.Arg, 10, 64)
		if err != nil {
			panic("raft/log: the offset of " + o.String() + " is no number")
		}
		op.Offset = offset
		if o.Kind == "read" {
			op.Via = raft.ViaReadIndex
		}
		return op
	default:
		panic("raft/log has no operation " + o.Kind)
	}
}

// records is what the log family is told of raft/log.
type records struct {
	log   *checkers.Log[string]
	place map[string]place
}

// place is where a record is among those of its client, in the order in which they are appended.
type place struct{ client, seq uint64 }

// op is logOp, and takes the place of a record down.
func (l *records) op(o nemesis.Op) raft.Op {
	op := logOp(o).(raft.LogOp)
	if _, known := l.place[op.Record]; !known && op.Kind == raft.LogAppend {
		l.place[op.Record] = place{uint64(o.Client), uint64(len(l.place) + 1)}
	}
	return op
}

// watchLog checks online what every log promises: see checkers.Log. A record is final once a member's service has it. None
// is there twice, or behind one that its client has appended later, whatever became of the answers: that is what sessions
// are for (thesis, section 6.3).
func watchLog(r *Run) *records {
	l := &records{place: map[string]place{}}
	l.log = checkers.NewLog(r.Checks, checkers.LogOptions[string]{KeepsAll: true, Producer: func(record string) (client, seq uint64) {
		p := l.place[record]
		return p.client, p.seq
	}})
	r.World.Watch(func(s *sim.Step) {
		switch f := s.Payload.(type) {
		case raft.Logged:
			l.log.Append(s.Node, f.Offset, f.Record)
		case raft.Recovered:
			l.log.Restart(s.Node, 0, 0)
		}
	})
	return l
}

// judge checks what clients have learned of the log.
func (l *records) judge(history []*sim.Op) {
	for _, op := range history {
		result, ok := op.Output.(raft.LogResult)
		if !ok || op.Outcome != sim.OK {
			continue
		}
		if in := op.Input.(raft.LogOp); in.Kind == raft.LogAppend {
			l.log.Acknowledge(result.Offset, in.Record)
		} else {
			for i, record := range result.Records.List() {
				l.log.Read(sim.Nobody, in.Offset+uint64(i), record)
			}
		}
	}
	l.log.Quiet()
}

func logForm(input, output any) (any, any) {
	op := input.(raft.LogOp)
	res, ended := output.(raft.LogResult)
	if op.Kind == raft.LogAppend {
		if ended {
			output = checkers.Offset(res.Offset)
		}
		return checkers.LogAppend{Record: op.Record}, output
	}
	if ended {
		output = checkers.Records(res.Records.List())
	}
	return checkers.LogRead{From: op.Offset, Max: op.Count}, output
}
