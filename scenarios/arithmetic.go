package scenarios

import (
	"time"

	"github.com/seedbed-sim/seedbed/models/arithmetic"
	"github.com/seedbed-sim/seedbed/models/raft"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

// The tutorial's scenarios: see docs/adding-a-model.md.
var (
	arithmeticActive = onRaft(arithmeticScenario("arithmetic/active",
		"Replicas apply the commands of one log, +1 and *2, and stay equal.", arithmetic.ActiveActive))

	arithmeticBackup = onRaft(arithmeticScenario("arithmetic/backup",
		"The primary computes, the log carries its results, and replicas stay equal.", arithmetic.PrimaryBackup))

	// The demonstration needs no faults: two commands that cross on the network are enough.
	arithmeticArrival = func() *Scenario {
		s := arithmeticScenario("arithmetic/arrival",
			"A demonstration: replicas that apply commands as they arrive diverge.", arithmetic.ArrivalOrder)
		s.Anomaly = `always "replicas agree on each number"`
		s.Facts = []string{"Applied"}
		s.Space.Faults, s.Floors = nil, nil
		s.Space.Duration = nemesis.Range[time.Duration]{Min: 5 * time.Second, Max: 5 * time.Second}
		s.Space.Links[0].Max.Loss = 0
		return s
	}()
)

func arithmeticScenario(name, doc string, mode arithmetic.Mode) *Scenario {
	space := nemesis.DefaultSpace(name)
	space.Ops = nemesis.Range[int]{Min: 40, Max: 80}
	space.OpKinds = []nemesis.OpKind{{Kind: "+1", Weight: 1}, {Kind: "*2", Weight: 1}}
	return &Scenario{
		Name: name, Doc: doc, Space: space, Tail: 5 * time.Second,
		Build:  func(r *Run) { buildArithmetic(r, mode) },
		Judge:  judgeArithmetic,
		Floors: []Floor{{"crashes", 2}, {"numbers", 15}},
	}
}

// onRaft is such a scenario whose log is that of a Raft group.
func onRaft(s *Scenario) *Scenario {
	s.Fits, s.Words = isGroup, arithmeticWords
	s.Facts = []string{"Applied", "Voted", "Appended", "Committed", "BecameLeader", "BecameCandidate", "BecamePreCandidate",
		"BecameFollower", "SteppedDown", "Truncated", "Recovered"}
	return s
}

// buildArithmetic wires the service: a replica per server, on a Raft log unless it has none; clients that send each of
// their commands to a server; and the one property that matters.
func buildArithmetic(r *Run, mode arithmetic.Mode) {
	servers := r.Servers()
	r.AddServers(func(id sim.NodeID) sim.Node {
		return arithmetic.NewReplica(mode, others(servers, id), func(apply func(sim.Env, string)) arithmetic.Log {
			return newRaftLog(servers, apply)
		})
	})
	r.AddClients(func(client int, ops []nemesis.Op) sim.Node {
		return sim.Spawn(func(p *sim.Proc) {
			for _, op := range ops {
				p.Sleep(op.At - p.Elapsed())
				p.Send(servers[p.Rand().IntN(len(servers))], arithmetic.Command(op.Kind))
			}
		})
	})

	agree := r.Checks.Always("replicas agree on each number")
	var numbers []uint64 // numbers[n]: what the first replica that got there had
	r.World.Watch(func(s *sim.Step) {
		f, ok := s.Payload.(arithmetic.Applied)
		if !ok {
			return
		}
		if f.N > len(numbers) {
			numbers = append(numbers, f.Value)
			r.Contents.Add("numbers", 1)
		}
		if first := numbers[f.N-1]; f.Value != first {
			agree.Violatef("number %d of %s is %d, that of another replica was %d", f.N, s.Node, f.Value, first)
			return
		}
		agree.Hold()
		if s.Incarnation > 1 {
			r.Checks.Sometimes("a replica replayed its log").Hold()
		}
	})
}

// judgeArithmetic asks for convergence: nothing was sent in the quiet tail.
func judgeArithmetic(r *Run) {
	equal := r.Checks.Always("replicas are equal once quiet")
	core := r.Core()
	first := r.World.Node(core[0]).(*arithmetic.Replica)
	for _, id := range core[1:] {
		other := r.World.Node(id).(*arithmetic.Replica)
		if first.State() != other.State() {
			equal.Violatef("%s has %+v, %s has %+v", core[0], first.State(), id, other.State())
			return
		}
	}
	equal.Hold()
}

// raftLog is a Raft member as the Log of a model.
type raftLog struct{ *raft.Raft }

func newRaftLog(peers []sim.NodeID, apply func(sim.Env, string)) raftLog {
	return raftLog{raft.New(raft.Config{Peers: peers, PreVote: true, CheckQuorum: true},
		func(env sim.Env, e raft.Entry) { apply(env, e.Cmd) })}
}

// Append proposes at a leader that has applied its whole log; that includes the entry it began its term with, so it has
// applied all that any leader before it committed.
func (l raftLog) Append(env sim.Env, record string) bool {
	if !l.Leads() || !l.CaughtUp() {
		return false
	}
	_, _, err := l.Propose(env, record)
	return err == nil
}

// others returns ids without id.
func others(ids []sim.NodeID, id sim.NodeID) []sim.NodeID {
	rest := make([]sim.NodeID, 0, len(ids))
	for _, o := range ids {
		if o != id {
			rest = append(rest, o)
		}
	}
	return rest
}
