package scenarios

import "github.com/seedbed-sim/seedbed/trace"

// raftWords are what members of Raft say.
var raftWords = &trace.Words{
	Says: []trace.Saying{
		{Match: `^BecameLeader\{Term:(\d+)`, Say: "becomes leader of term $1", About: []string{"term $1"}},
		{Match: `^BecameCandidate\{Term:(\d+)`, Say: "stands for election in term $1", About: []string{"term $1"}},
		{Match: `^Voted\{Term:(\d+) For:(\w+)`, Say: "votes for $2 in term $1", About: []string{"term $1"}},
		{Match: `^SteppedDown\{Term:(\d+) Why:"?([^"}]*)`, Say: "does not lead term $1 any more: $2", About: []string{"term $1"}},
		{Match: `^Appended\{(\d+)/(\d+) `, Say: "has entry $1 of term $2 on its disk", About: []string{"entry $1/$2", "index $1"}, Leads: []string{"term $2"}},
		{Match: `^Truncated\{From:(\d+)`, Say: "drops its entries from $1 on", About: []string{"index $1"}},
		{Match: `^Committed\{(\d+)/(\d+) in term (\d+)`, Say: "takes entry $1 of term $2 for committed, in term $3", About: []string{"entry $1/$2", "index $1"}},
		{Match: `^Applied\{(\d+)/(\d+) `, Say: "applies entry $1 of term $2", About: []string{"entry $1/$2", "index $1"}},
		{Match: `^Recovered\{Term:(\d+) LastIndex:(\d+)`, Say: "finds term $1 and entries up to $2 on its disk"},
		{Match: `^Stopped\{Err:(.*)\}$`, Say: "stops, since its disk says $1"},
	},
	Roles: []trace.Role{
		{Match: `^BecameLeader`, Role: "leader"},
		{Match: `^BecameCandidate`, Role: "candidate"},
		{Match: `^BecamePreCandidate`, Role: "candidate"},
		{Match: `^BecameFollower`, Role: "follower"},
	},
	Logs: []trace.LogOp{
		{Match: `^Recovered\{`, Do: "forget"},
		{Match: `^Appended\{(\d+)/(\d+) (\w+)`, Do: "append", Index: "$1", Epoch: "$2", Text: "$3"},
		{Match: `^Committed\{(\d+)/`, Do: "commit", Index: "$1"},
	},
}
