package scenarios

import (
	"slices"

	"github.com/seedbed-sim/seedbed/trace"
)

// What nodes say, in the words of their protocols: see trace.Words. A test holds them to texts that facts have.

var (
	raftWords = func() *trace.Words {
		w := wordsOfRaft("")
		w.Says = append(w.Says,
			trace.Saying{Match: `^ReadServed\{Token:(\d+) Index:(\d+)`, Say: "confirms read $1 at index $2", About: []string{"index $2"}},
			trace.Saying{Match: `^DuplicateSuppressed\{Client:(\S+) Seq:(\d+)`, Say: "does not do request $2 of $1 again", About: []string{"client $1", "request $1 $2"}},
			trace.Saying{Match: `^Request\{(\S+) #(\d+) (.*)\}$`, Say: "asks for $3 (request $2 of $1)", About: []string{"request $1 $2"}},
			trace.Saying{Match: `^Logged\{Offset:(\d+) Record:(.*)\}$`, Say: "has record $2 at offset $1", About: []string{"offset $1", "record $2"}},
			trace.Saying{Match: `^Stopped\{Err:(.*)\}$`, Say: "stops, since its disk says $1"},
		)
		return w
	}()
	arithmeticWords = wordsOfRaft("log: ")
)

// wordsOfRaft are those of members of Raft, whose facts may have a scope such as "log: ".
func wordsOfRaft(scope string) *trace.Words {
	at := "^" + scope
	return &trace.Words{
		Says: []trace.Saying{
			{Match: at + `BecameLeader\{Term:(\d+)`, Say: "becomes leader of term $1", About: []string{"term $1"}},
			{Match: at + `BecameCandidate\{Term:(\d+)`, Say: "stands for election in term $1", About: []string{"term $1"}},
			{Match: at + `Voted\{Term:(\d+) For:(\w+)`, Say: "votes for $2 in term $1", About: []string{"term $1"}},
			{Match: at + `SteppedDown\{Term:(\d+) Why:"?([^"}]*)`, Say: "does not lead term $1 any more: $2", About: []string{"term $1"}},
			{Match: at + `Appended\{(\d+)/(\d+) `, Say: "has entry $1 of term $2 on its disk", About: []string{"entry $1/$2", "index $1"}, Leads: []string{"term $2"}},
			{Match: at + `Truncated\{From:(\d+)`, Say: "drops its entries from $1 on", About: []string{"index $1"}},
			{Match: at + `Committed\{(\d+)/(\d+) in term (\d+)`, Say: "takes entry $1 of term $2 for committed, in term $3", About: []string{"entry $1/$2", "index $1"}, Leads: []string{"term $3"}},
			{Match: at + `Applied\{(\d+)/(\d+) `, Say: "applies entry $1 of term $2", About: []string{"entry $1/$2", "index $1"}},
			{Match: at + `Recovered\{Term:(\d+) LastIndex:(\d+)`, Say: "finds term $1 and entries up to $2 on its disk"},
			{Match: at + `VoteRequest\{Term:(\d+)`, Say: "asks for votes in term $1", About: []string{"term $1"}},
			{Match: at + `AppendEntries\{Term:(\d+) .*Entries:(\d+)-(\d+)`, Say: "sends entries $2 to $3, in term $1", About: []string{"index $2", "index $3"}},
		},
		Roles: []trace.Role{
			{Match: at + `BecameLeader`, Role: "leader"},
			{Match: at + `BecameCandidate`, Role: "candidate"},
			{Match: at + `BecamePreCandidate`, Role: "candidate"},
			{Match: at + `BecameFollower`, Role: "follower"},
		},
		Logs: []trace.LogOp{
			{Match: at + `Recovered\{`, Do: "forget"},
			{Match: at + `Appended\{(\d+)/(\d+) (\w+)`, Do: "append", Index: "$1", Epoch: "$2", Text: "$3"},
			{Match: at + `Appended\{(\d+)/`, Do: "sync", Index: "$1"},
			{Match: at + `Committed\{(\d+)/`, Do: "commit", Index: "$1"},
		},
	}
}

// olepWords are those of brokers, their clients, and what follows their logs.
var olepWords = &trace.Words{
	Says: []trace.Saying{
		{Match: `^Appended\{p(\d+) (\d+) (.*)\}$`, Say: "has $3 in partition $1 from record $2 on", About: []string{"record p$1 $2", "what $3", "what $2 $3"}},
		{Match: `^Acknowledged\{p(\d+) (\d+), (\d+) records\}$`, Say: "hears that $3 records are in partition $1 from $2 on", About: []string{"record p$1 $2"}},
		{Match: `^DuplicateSuppressed\{Partition:(\d+) Producer:(\S+) Epoch:(\d+) Seq:(\d+) First:(\d+)`, Say: "has batch $4 of $2 in epoch $3 already, at $5 of partition $1", About: []string{"record p$1 $5", "producer $2"}},
		{Match: `^ProducerOpened\{Partition:(\d+) Producer:(\S+) Epoch:(\d+)`, Say: "opens epoch $3 of producer $2 in partition $1", About: []string{"producer $2"}},
		{Match: `^ProducerFenced\{(?:Partition:)?(\d+) (?:Producer:)?(\S+)`, Say: "refuses an old epoch of producer $2 in partition $1", About: []string{"producer $2"}},
		{Match: `^Compacted\{p(\d+) below (\d+), [^:]*: dropped (.*)\}$`, Say: "compacts partition $1 below $2: $3 are dropped", About: []string{"partition $1"}},
		{Match: `^Truncated\{p(\d+) below (\d+)`, Say: "trims partition $1 below $2", About: []string{"partition $1"}},
		{Match: `^Rebalanced\{Group:(\S+) Generation:(\d+)`, Say: "begins generation $2 of group $1", About: []string{"generation $2"}},
		{Match: `^Assigned\{Group:(\S+) Generation:(\d+) Partition:(\d+) Offset:(\d+)`, Say: "is assigned partition $3 from $4 on, in generation $2", About: []string{"generation $2", "partition $3"}},
		{Match: `^Revoked\{Group:(\S+) Generation:(\d+)`, Say: "has no assignment of generation $2 any more", About: []string{"generation $2"}},
		{Match: `^Delivered\{(\w+)/(\d+) p(\d+) \[(\d+),(\d+)\) (.*)\}$`, Say: "processes records $4 to below $5 of partition $3, in generation $2", About: []string{"partition $3", "record p$3 $4"}},
		{Match: `^OffsetCommitted\{Group:(\S+) Generation:(\d+) Partition:(\d+) Offset:(\d+)`, Say: "commits offset $4 of partition $3 for generation $2", About: []string{"partition $3"}},
		{Match: `^CommitRefused\{Group:(\S+) Generation:(\d+) Partition:(\d+) Offset:(\d+)`, Say: "refuses to commit offset $4 of partition $3 for generation $2", About: []string{"partition $3"}},
		{Match: `^Resumed\{Name:(\S+) Partition:(\d+) From:(\d+)`, Say: "follows partition $2 as $1 from record $3 on", About: []string{"subscriber $1"}},
		{Match: `^Poisoned\{Name:(\S+) Partition:(\d+) LSN:(\d+) Why:(.*)\}$`, Say: "skips record $3 of partition $2: $4", About: []string{"record p$2 $3"}},
		{Match: `^Halted\{(.*)\}$`, Say: "stops: $1"},
		{Match: `^PaymentDecided\{ID:(\S+) LSN:(\d+) Approved:(\w+) Before:(-?\d+)`, Say: "decides payment $1, record $2, from a balance of $4: approved $3", About: []string{"payment $1"}},
		{Match: `^PaymentPosted\{Account:(\w+) LSN:(\d+) ID:(\S+) Amount:(-?\d+)`, Say: "posts $4 to account $1 for payment $3, record $2", About: []string{"payment $3", "account $1"}},
		{Match: `^PaymentSuppressed\{Account:(\w+) LSN:(\d+) ID:([^ }]+)`, Say: "has seen payment $3 of account $1, and skips record $2", About: []string{"payment $3"}},
		{Match: `^Restored\{Partition:(\d+) Epoch:(\d+) Next:(\d+) Table:(.*)\}$`, Say: "restores the table of partition $1, in epoch $2: it goes on at $3 with $4", About: []string{"table $1"}},
		{Match: `^Computed\{Partition:(\d+) Next:(\d+) Table:(.*)\}$`, Say: "has taken in partition $1 to below $2, and has $3", About: []string{"table $1"}},
		{Match: `^VisitSuppressed\{(.*)\}$`, Say: "has counted it before: $1", About: []string{"visit $1"}},
		{Match: `^Shown\{LSN:(\d+) Asset:(\S+) `, Say: "shows $2, record $1", About: []string{"asset $2"}},
		{Match: `^Stored\{Record:\{?(.*?)\}?\}$`, Say: "stores $1", About: []string{"what $1"}},
		{Match: `^Promised\{Tx:(\S+) Key:(\S+)\}$`, Say: "promises transaction $1, and locks $2", About: []string{"transaction $1", "key $2"}},
		{Match: `^Refused\{Tx:(\S+) By:(\S+)\}$`, Say: "refuses transaction $1, since $2 holds the lock", About: []string{"transaction $1", "transaction $2"}},
		{Match: `^Resolved\{Tx:(\S+) Commit:(\w+)\}$`, Say: "ends transaction $1: committed $2", About: []string{"transaction $1"}},
		{Match: `^Between\{Record:\{?(.*?)\}?\}$`, Say: "has written $1 to one store, and not yet to the other", About: []string{"what $1"}},
	},
	Logs: []trace.LogOp{
		{Match: `^Booted\{`, Do: "forget"},
		// Of a batch a text has the first record and the last, so each of its records is told by both.
		{Match: `^Appended\{p(\d+) (\d+) ([^…]*?)( … (\d+) .*)?\}$`, Log: "p$1", Do: "append", Index: "$2", To: "$5", Text: "$3$4"},
		// A partition says so of what its own log has made durable, or has committed: it is both.
		{Match: `^Appended\{p(\d+) (\d+) (?:[^…]*?)(?: … (\d+) .*)?\}$`, Log: "p$1", Do: "sync", Index: "$2", To: "$3"},
		{Match: `^Appended\{p(\d+) (\d+) (?:[^…]*?)(?: … (\d+) .*)?\}$`, Log: "p$1", Do: "commit", Index: "$2", To: "$3"},
		{Match: `^Truncated\{p(\d+) below (\d+)`, Log: "p$1", Do: "trim", Index: "$2"},
		{Match: `^Delivered\{(\w+)/\d+ p(\d+) \[\d+,(\d+)\)`, Log: "p$2", Do: "read", Reader: "$1", Index: "$3"},
		{Match: `^(?:Restored|Computed)\{Partition:(\d+) (?:Epoch:\d+ )?Next:(\d+)`, Log: "p$1", Do: "read", Reader: "table", Index: "$2"},
	},
}

// olepRaftWords are those where partitions are replicated: a node has the roles of several groups, so none is shown, and a
// log in each group beside those of the partitions.
var olepRaftWords = func() *trace.Words {
	w := *olepWords
	raft := wordsOfRaft(`(?:p\d+|groups): `)
	w.Says = slices.Concat(w.Says, raft.Says)
	w.Logs = slices.Concat(w.Logs, []trace.LogOp{
		{Match: `^(p\d+|groups): Recovered\{`, Log: "raft $1", Do: "forget"},
		{Match: `^(p\d+|groups): Appended\{(\d+)/(\d+) (\w+)`, Log: "raft $1", Do: "append", Index: "$2", Epoch: "$3", Text: "$4"},
		{Match: `^(p\d+|groups): Appended\{(\d+)/`, Log: "raft $1", Do: "sync", Index: "$2"},
		{Match: `^(p\d+|groups): Committed\{(\d+)/`, Log: "raft $1", Do: "commit", Index: "$2"},
	})
	return &w
}()

// gossipWords are those of epidemics, anti-entropy and failure detection.
var gossipWords = &trace.Words{
	Says: []trace.Saying{
		{Match: `^SwimJoined\{`, Say: "joins the group"},
		{Match: `^SwimDoubted\{Member:(\w+)`, Say: "gets no answer of $1 in time", About: []string{"member $1"}},
		{Match: `^SwimNacked\{Member:(\w+)`, Say: "could not reach $1 for another", About: []string{"member $1"}},
		{Match: `^SwimRescued\{Member:(\w+) Through:(\w+)`, Say: "hears of $1 through $2", About: []string{"member $1"}},
		{Match: `^SwimSuspected\{Member:(\w+) Incarnation:(\d+) By:(\w+)`, Say: "suspects $1 in incarnation $2, since $3 got no answer from it", About: []string{"member $1@$2"}},
		{Match: `^SwimConfirmedDead\{Member:(\w+) Incarnation:(\d+)`, Say: "takes $1 for dead, since it has not refuted the suspicion of incarnation $2", About: []string{"member $1@$2"}},
		{Match: `^SwimTakenDead\{Member:(\w+) Incarnation:(\d+)`, Say: "is told that $1 is dead", About: []string{"member $1@$2"}},
		{Match: `^SwimTakenAlive\{Member:(\w+) Incarnation:(\d+)`, Say: "is told that $1 is alive in incarnation $2", About: []string{"member $1@$2"}},
		{Match: `^SwimRefuted\{Incarnation:(\d+) Was:(\w+)`, Say: "hears that it is held for $2, and says that it is alive in incarnation $1", About: []string{"member $node@$1"}},
		{Match: `^RumorLearned\{Update:\{ID:(\d+) Text:"?([^"}]*)"?\} From:(\S+) Hot:(\w+)`, Say: "learns rumor $1, $2, from $3", About: []string{"rumor $1", "what $2"}},
		{Match: `^RumorAnswered\{ID:(\d+) From:(\w+) Known:(\w+)`, Say: "hears whether $2 knew rumor $1: $3", About: []string{"rumor $1"}},
		{Match: `^RumorCold\{ID:(\d+)`, Say: "does not spread rumor $1 any more", About: []string{"rumor $1"}},
		{Match: `^(\w+)=(\S+) (\d\S*)$`, Say: "has $1=$2 with stamp $3", About: []string{"key $1", "value $2", "stamp $3"}},
		{Match: `^(\w+) dead (\d\S*)$`, Say: "has a death certificate of $1 with stamp $2", About: []string{"key $1", "stamp $2"}},
		{Match: `^ScuttleLearned\{ScuttleDelta:\{Owner:(\w+) Key:(\d+) Value:(\w+) Version:(\d+)`, Say: "learns key $2 of $1: $3, version $4", About: []string{"owner $1", "what key $2 of $1", "value $3"}},
		{Match: `^ScuttleKnows\{Owner:(\w+) Max:(\d+)`, Say: "knows $1 up to version $2", About: []string{"owner $1"}},
		{Match: `^ScuttleStarted\{Max:(\d+)`, Say: "has its own updates up to version $1 on its disk"},
		{Match: `^ScuttleCut\{Left:(\d+)`, Say: "leaves $1 updates out, since a message takes no more"},
	},
}

// walWords are those of a journal.
var walWords = &trace.Words{
	Says: []trace.Saying{
		{Match: `^JournalOpened\{First:(\d+) Last:(\d+) TornBytes:(\d+)`, Say: "opens its journal: records $1 to $2, and $3 torn bytes are cut off"},
		{Match: `^JournalWrote\{Index:(\d+) Record:"?(.*?)"?\}$`, Say: "has record $1, $2, on its disk", About: []string{"index $1"}},
		{Match: `^JournalWaits\{Index:(\d+) Record:"?(.*?)"?\}$`, Say: "has written record $1, $2, and waits for the disk", About: []string{"index $1"}},
		{Match: `^JournalSynced\{Index:(\d+)`, Say: "takes its records up to $1 for durable", About: []string{"index $1"}},
		{Match: `^JournalTrimmed\{First:(\d+)`, Say: "drops what is below record $1", About: []string{"index $1"}},
		{Match: `^JournalFailed\{Sort:"?([^"]*)"? Why:"?([^"}]*)`, Say: "stops: $2"},
	},
	Logs: []trace.LogOp{
		{Match: `^JournalOpened\{First:\d+ Last:(\d+)`, Do: "truncate", Index: "$1"},
		{Match: `^JournalOpened\{First:\d+ Last:(\d+)`, Do: "sync", Index: "$1"},
		{Match: `^Journal(?:Wrote|Waits)\{Index:(\d+) Record:"?(.*?)"?\}$`, Do: "append", Index: "$1", Text: "$2"},
		{Match: `^Journal(?:Wrote|Synced)\{Index:(\d+)`, Do: "sync", Index: "$1"},
		{Match: `^JournalTrimmed\{First:(\d+)`, Do: "trim", Index: "$1"},
	},
}
