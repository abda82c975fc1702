package checkers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/sim"
)

// record is a producer's letter and its number: a1, a2, b1. Others, as noop, have no producer.
type record string

func producer(r record) (producer, seq uint64) {
	if len(r) != 2 {
		return 0, 0
	}
	return uint64(r[0]), uint64(r[1])
}

func tellLog(l *Log[record]) func(t testing.TB, text string) {
	return func(t testing.TB, text string) {
		facts(t, text, func(verb string, w words) {
			switch verb {
			case "append": // node index record
				l.Append(w.node(0), w.num(1), record(w.text(2)))
			case "ack": // index record
				l.Acknowledge(w.num(0), record(w.text(1)))
			case "read": // node index record
				l.Read(w.node(0), w.num(1), record(w.text(2)))
			case "lowwater": // index
				l.LowWater(w.num(0))
			case "truncate": // node first
				l.Truncate(w.node(0), w.num(1))
			case "restart": // node first end
				l.Restart(w.node(0), w.num(1), w.num(2))
			case "mayrepeat": // record
				l.MayRepeat(record(w.text(0)))
			case "quiet": // nodes
				l.Quiet(w.nodes()...)
			default:
				require.Fail(t, verb)
			}
		})
	}
}

func TestLog(t *testing.T) {
	judge(t, []story{
		{name: "nothing is told", verdict: Unknown},
		{name: "quiet, and nothing was acknowledged", facts: "quiet n1 n2", verdict: Unknown},
		{name: "acknowledged, and never seen again", facts: "ack 1 a1", verdict: Unknown},
		{name: "acknowledged, and nobody has it when all is quiet", facts: `
			append n1 1 a1
			ack 1 a1
			ack 3 a3
			quiet`, verdict: Invalid, property: "acknowledged records are kept", detail: "a3, acknowledged at 3, which nobody has appended"},
		{name: "two replicas", facts: `
			append n1 1 a1
			ack 1 a1
			append n2 1 a1
			append n1 2 b1
			append n1 3 a2
			read n1 3 a2
			append n2 2 b1
			append n2 2 b1   # again
			read n0 2 b1     # from somebody
			quiet n1 n2`, verdict: Valid},
		{name: "records without an order", facts: `
			append n1 1 noop
			append n1 2 a2
			append n1 3 other`, verdict: Valid},

		{name: "replicas disagree", facts: `
			append n1 1 a1
			append n2 1 b1`, verdict: Invalid,
			property: "all have the same record at an index", detail: "n2 has b1 at 1, where n1 has a1"},
		{name: "a replica changes its mind", facts: `
			append n1 1 a1
			append n1 1 b1`, verdict: Invalid,
			property: "all have the same record at an index", detail: "n1 has b1 at 1, where n1 has a1"},
		{name: "a read of something else", facts: `
			append n1 1 a1
			read n1 1 b1`, verdict: Invalid,
			property: "all have the same record at an index"},

		{name: "a gap", facts: `
			append n1 1 a1
			append n1 3 a3`, verdict: Invalid,
			property: "a log has no gaps", detail: "n1 appends a3 at 3, but has 1 to 1"},
		{name: "a gap at the start", facts: "append n1 2 a1", verdict: Invalid,
			property: "a log has no gaps", detail: "n1 appends a1 at 2, but has nothing before 1"},
		{name: "a snapshot of what nobody has", facts: "restart n1 4 4", verdict: Invalid,
			property: "a log has no gaps", detail: "the log ends at 1"},
		{name: "a snapshot, and on from there", facts: `
			append n1 1 a1
			append n1 2 a2
			restart n2 3 3
			append n1 3 a3
			append n2 3 a3
			ack 3 a3
			quiet n1 n2`, verdict: Valid},

		{name: "acknowledged is another record", facts: `
			append n1 1 a1
			ack 1 b1`, verdict: Invalid,
			property: "acknowledged records are kept", detail: "b1 was acknowledged at 1, where n1 has a1"},
		{name: "acknowledged early, and then it is another record", facts: `
			ack 1 b1
			append n1 1 a1`, verdict: Invalid,
			property: "acknowledged records are kept", detail: "b1 was acknowledged at 1, where n1 has a1"},
		{name: "two records acknowledged early at one index", facts: `
			ack 2 b1
			ack 2 a1`, verdict: Invalid,
			property: "acknowledged records are kept", detail: "both b1 and a1 were acknowledged at 2"},
		{name: "acknowledged outside the log", facts: "ack 0 a1", verdict: Invalid,
			property: "acknowledged records are kept", detail: "the log begins at 1"},
		{name: "acknowledged, lost in a crash, and replaced", facts: `
			append n1 1 a1
			append n1 2 a2
			ack 2 a2
			restart n1 1 2
			append n1 2 b1`, verdict: Invalid,
			property: "acknowledged records are kept", detail: "n1 has b1 at 2, where it had a2; clients have acknowledgements up to 2"},
		{name: "acknowledged, lost in a crash, and missing in the end", facts: `
			append n1 1 a1
			append n1 2 a2
			append n2 1 a1
			append n2 2 a2
			ack 2 a2
			restart n1 1 2
			quiet n2 n1`, verdict: Invalid,
			property: "acknowledged records are kept", detail: "n1 has 1 to 1, without a2, acknowledged at 2"},
		{name: "acknowledged before an earlier one, and missing in the end", facts: `
			append n1 1 a1
			append n1 2 a2
			ack 2 a2
			ack 1 a1
			restart n1 1 2
			quiet n1`, verdict: Invalid,
			property: "acknowledged records are kept", detail: "without a2, acknowledged at 2"},
		{name: "acknowledged by nobody's log in the end", facts: `
			ack 1 a1
			quiet n1`, verdict: Invalid,
			property: "acknowledged records are kept", detail: "n1 has nothing before 1, without a1, acknowledged at 1"},
		{name: "acknowledged, lost in a crash, and fetched again", facts: `
			append n1 1 a1
			append n2 1 a1
			ack 1 a1
			restart n1 1 1
			append n1 1 a1
			quiet n1 n2`, verdict: Valid},
		{name: "not acknowledged, and lost", facts: `
			append n1 1 a1
			append n2 1 a1
			restart n1 1 1
			quiet n1 n2`, verdict: Valid},

		{name: "a duplicate", facts: `
			append n1 1 a1
			append n1 2 b1
			append n1 3 a1`, verdict: Invalid,
			property: "a record is logged once", detail: "a1 is at 1 and at 3"},
		{name: "a promised duplicate", facts: `
			append n1 1 a1
			append n1 2 a2
			mayrepeat a1
			append n1 3 a1
			append n1 4 a3`, verdict: Valid},
		{name: "a promised duplicate's first appearance is late", facts: `
			mayrepeat a1
			append n1 1 a2
			append n1 2 a1`, verdict: Valid},

		{name: "out of order", facts: `
			append n1 1 a2
			append n1 2 b1
			append n1 3 a1`, verdict: Invalid,
			property: "records keep their producer's order", detail: "a1 is at 3, behind a2 at 1"},

		{name: "a read of what is not there", facts: `
			append n1 1 a1
			append n2 1 a1
			append n1 2 a2
			read n2 2 a2`, verdict: Invalid,
			property: "reads are within the retained range", detail: "a2 was read at 2, but n2 has 1 to 1"},
		{name: "a read of what nobody has", facts: `
			append n1 1 a1
			read n0 2 a2`, verdict: Invalid,
			property: "reads are within the retained range", detail: "somebody has 1 to 1"},
		{name: "a read of what was truncated", facts: `
			append n1 1 a1
			append n1 2 a2
			lowwater 2
			truncate n1 2
			read n1 2 a2
			read n1 1 a1`, verdict: Invalid,
			property: "reads are within the retained range", detail: "a1 was read at 1, but n1 has 2 to 2"},

		{name: "a read of what was truncated, after less was", facts: `
			append n1 1 a1
			append n1 2 a2
			append n1 3 a3
			lowwater 3
			truncate n1 3
			truncate n1 2
			read n1 2 a2`, verdict: Invalid,
			property: "reads are within the retained range", detail: "a2 was read at 2, but n1 has 3 to 3"},
		{name: "truncated too far", facts: `
			append n1 1 a1
			append n1 2 a2
			lowwater 2
			truncate n1 2
			truncate n1 3`, verdict: Invalid,
			property: "truncation stays below the low-water mark", detail: "n1 truncates up to 3, but the records from 2 on are still needed"},
		{name: "truncated beyond the end", facts: `
			append n1 1 a1
			lowwater 9
			truncate n1 3`, verdict: Invalid,
			property: "truncation stays below the low-water mark", detail: "n1 truncates up to 3, but has only 1 to 1"},
		{name: "the mark goes back", facts: `
			lowwater 9
			lowwater 8`, verdict: Invalid,
			property: "truncation stays below the low-water mark", detail: "goes back from 9 to 8"},
		{name: "truncated, and the rest is kept", facts: `
			append n1 1 a1
			append n1 2 a2
			ack 1 a1
			ack 2 a2
			lowwater 2
			truncate n1 2
			quiet n1`, verdict: Valid},
	}, func(s *Set) (func(testing.TB, string), func()) {
		l := NewLog(s, LogOptions[record]{First: 1, Producer: producer})
		return tellLog(l), l.Reset
	})
}

func TestLogAtLeastOnce(t *testing.T) {
	judge(t, []story{
		{name: "repetitions", verdict: Valid, facts: `
			append n1 0 a1
			append n1 1 a2
			append n1 2 a1
			append n1 3 a3
			append n1 4 a3`},
		{name: "first appearances keep their order", verdict: Invalid, facts: `
			append n1 0 a2
			append n1 1 a1`,
			property: "records keep their producer's order", detail: "a1 is at 1, behind a2 at 0"},
		{name: "an acknowledgement", verdict: Valid, facts: `
			ack 0 a1
			append n1 0 a1
			quiet n1`},
	}, func(s *Set) (func(testing.TB, string), func()) {
		l := NewLog(s, LogOptions[record]{Producer: producer, AtLeastOnce: true})
		return tellLog(l), l.Reset
	})
}

// BenchmarkLog is records that are appended, by so many replicas, acknowledged and read.
func BenchmarkLog(b *testing.B) {
	for _, c := range []struct {
		records  uint64
		replicas sim.NodeID
	}{{100, 5}, {1_000_000, 1}, {1_000_000, 3}} {
		b.Run(fmt.Sprintf("records=%d/replicas=%d", c.records, c.replicas), func(b *testing.B) {
			set := NewSet(nil)
			l := NewLog(set, LogOptions[uint64]{First: 1, Producer: func(r uint64) (uint64, uint64) { return 1 + r%5, r }})
			var all []sim.NodeID
			for id := range c.replicas {
				all = append(all, id+1)
			}
			b.ReportAllocs()
			for b.Loop() {
				set.Reset()
				l.Reset()
				for i := uint64(1); i <= c.records; i++ {
					for _, id := range all {
						l.Append(id, i, i)
					}
					l.Acknowledge(i, i)
					l.Read(1, i, i)
				}
				l.Quiet(all...)
			}
			require.Equal(b, Valid, set.Result().Verdict)
			b.ReportMetric(float64(c.records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

func TestSessions(t *testing.T) {
	judge(t, []story{
		{name: "nothing is told", verdict: Unknown},
		{name: "clients and keys are on their own", facts: `
			write n1 x 5
			read n2 x 1
			read n1 y 1
			read n1 x 5
			read n1 x 7
			write n1 x 8`, verdict: Valid},
		{name: "reads its own write, and what came after it", facts: `
			write n1 x 5
			read n1 x 5
			read n1 x 6`, verdict: Valid},
		{name: "reads what it has read, and what came after it", facts: `
			read n1 x 5
			read n1 x 5
			read n1 x 6`, verdict: Valid},
		{name: "another client reads older", facts: `
			write n1 x 5
			read n1 x 5
			read n2 x 4`, verdict: Valid},
		{name: "writes in order, and keys have no order", facts: `
			write n1 x 5
			write n1 x 6
			write n1 y 4`, verdict: Valid},
		{name: "writes after what it has read, another before it", facts: `
			read n1 x 5
			write n2 x 4
			write n1 x 6`, verdict: Valid},
		{name: "does not read its own write", facts: `
			write n1 x 5
			read n1 x 4`, verdict: Invalid, property: "clients read their own writes", detail: "n1 reads version 4 of x after it wrote version 5"},
		{name: "reads older", facts: `
			read n1 x 5
			read n1 x 4`, verdict: Invalid, property: "clients never read older than before", detail: "n1 reads version 4 of x after it read version 5"},
		{name: "writes out of order", facts: `
			write n1 x 5
			write n1 x 5`, verdict: Invalid, property: "a client's writes keep their order"},
		{name: "writes before what it has read", facts: `
			read n1 x 5
			write n1 x 4`, verdict: Invalid, property: "a client's writes come after what it has read"},
	}, func(s *Set) (func(testing.TB, string), func()) {
		c := NewSessions(s)
		return func(t testing.TB, text string) {
			facts(t, text, func(verb string, w words) {
				if verb == "read" {
					c.Read(w.node(0), w.text(1), w.num(2))
				} else {
					c.Write(w.node(0), w.text(1), w.num(2))
				}
			})
		}, c.Reset
	})
}

func TestExactlyOnce(t *testing.T) {
	judge(t, []story{
		{name: "nothing is told", verdict: Unknown},
		{name: "acknowledged, and not quiet so far", facts: "ack a1", verdict: Unknown},
		{name: "once on each", facts: `
			apply n1 a1
			ack a1
			apply n2 a1
			quiet n1 n2`, verdict: Valid},
		{name: "twice", facts: `
			apply n1 a1
			apply n1 a2
			apply n1 a1`, verdict: Invalid, property: "a request takes effect once", detail: "n1 applies a1 again"},
		{name: "again after a restart", facts: `
			apply n1 a1
			restart n1
			apply n1 a1`, verdict: Valid},
		{name: "again after a snapshot", facts: `
			apply n1 a1
			copy n2 n1
			apply n2 a2
			apply n2 a1`, verdict: Invalid, property: "a request takes effect once", detail: "n2 applies a1 again"},
		{name: "acknowledged, and lost to a snapshot", facts: `
			apply n1 a1
			apply n2 a1
			apply n2 a2
			ack a2
			copy n2 n1
			quiet n2`, verdict: Invalid, property: "acknowledged requests take effect", detail: "n2 has not applied a2"},
		{name: "acknowledged, and not everywhere", facts: `
			apply n1 a1
			ack a1
			quiet n1 n2`, verdict: Invalid, property: "acknowledged requests take effect", detail: "n2 has not applied a1"},
	}, func(s *Set) (func(testing.TB, string), func()) {
		c := NewExactlyOnce[string](s)
		return func(t testing.TB, text string) {
			facts(t, text, func(verb string, w words) {
				switch verb {
				case "apply":
					c.Apply(w.node(0), w.text(1))
				case "ack":
					c.Acknowledge(w.text(0))
				case "restart":
					c.Restart(w.node(0))
				case "copy":
					c.Copy(w.node(0), w.node(1))
				case "quiet":
					c.Quiet(w.nodes()...)
				}
			})
		}, c.Reset
	})
}

func TestConvergence(t *testing.T) {
	judge(t, []story{
		{name: "nothing is told", facts: "quiet n1 n2", verdict: Unknown},
		{name: "not quiet so far", facts: `
			state n1 a
			state n2 b`, verdict: Unknown},
		{name: "one alone", facts: `
			state n1 a
			quiet n1`, verdict: Unknown},
		{name: "equal in the end", facts: `
			state n1 a
			state n2 b
			state n3 c
			state n1 b
			quiet n1 n2`, verdict: Valid},
		{name: "different", facts: `
			state n1 a
			state n2 a
			state n3 b
			quiet n1 n2 n3`, verdict: Invalid, property: "replicas are in the same state once quiet", detail: "n1 is in state a, n3 in b"},
		{name: "one has told nothing", facts: `
			state n1 a
			quiet n1 n2`, verdict: Invalid, property: "replicas are in the same state once quiet"},
	}, func(s *Set) (func(testing.TB, string), func()) {
		c := NewConvergence[string](s)
		return func(t testing.TB, text string) {
			facts(t, text, func(verb string, w words) {
				if verb == "state" {
					c.State(w.node(0), w.text(1))
				} else {
					c.Quiet(w.nodes()...)
				}
			})
		}, c.Reset
	})
}

func TestCounter(t *testing.T) {
	for _, c := range []struct {
		name, history string
		verdict       Verdict
		detail        string
	}{
		{"nothing", ``, Unknown, "no total has a known outcome"},
		{"adds alone", "1-2 n1 add c 1", Unknown, "no total has a known outcome"},
		{"a lost total", `
			1-2  n1  add c 1
			3-4  n1  total c    info`, Unknown, ""},
		{"exact", `
			1-2  n1  add c 1
			3-4  n1  add c 2
			5-6  n2  total c -> 3`, Valid, ""},
		{"concurrent", `
			1-6  n1  add c 1
			3-9  n3  add c -2
			5-6  n2  total c -> -2`, Valid, ""},
		{"an add while the total is under way", `
			1-9  n2  total c -> 1
			5-6  n1  add c 1`, Valid, ""},
		{"an add that ended in the step a total began", `
			1-3  n1  add c 1
			3-4  n2  total c -> 0`, Valid, ""},
		{"a lost add", `
			1-3  n1  add c 1
			4-5  n2  total c -> 0`, Invalid, "total c of n2 (steps 4–5) is 0, which is not within 1 and 1"},
		{"an add that failed", `
			1-3  n1  add c 1    fail
			4-5  n2  total c -> 1`, Invalid, "is 1, which is not within 0 and 0"},
		{"an info add, late", `
			1-3  n1  add c 1    info
			4-5  n2  total c -> 0
			6-7  n2  total c -> 1`, Valid, ""},
		{"an info add counted twice", `
			1-3  n1  add c 1    info
			4-5  n2  total c -> 2`, Invalid, "is 2, which is not within 0 and 1"},
		{"a pending add not invoked yet", `
			4-5  n2  total c -> 1
			6-   n1  add c 1    pending`, Invalid, "not within 0 and 0"},
		{"an info subtraction", `
			1-2  n1  add c 5
			3-4  n1  add c -3   info
			5-6  n2  total c -> 2
			5-6  n2  total c -> 5`, Valid, ""},
		{"a subtraction too many", `
			1-2  n1  add c 5
			3-4  n1  add c -3   info
			5-6  n2  total c -> 1`, Invalid, "is 1, which is not within 2 and 5"},
		{"the first counter in order", `
			1-2  n1  total d -> 1
			1-2  n1  total c -> 7`, Invalid, "total c of n1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := Counter(history(t, c.history))
			require.Equal(t, c.verdict, r.Verdict, "%v", r)
			require.Contains(t, r.Detail, c.detail)
			require.Equal(t, `always "a counter counts each add once"`, r.Property)
			require.Equal(t, c.verdict == Invalid, len(r.Ops) == 1)
			require.Equal(t, r, Counter(history(t, c.history)))
		})
	}
	require.PanicsWithValue(t, "checkers: a counter has no operation checkers.Get", func() {
		Counter([]*sim.Op{{Input: Get{"x"}}})
	})
	require.Equal(t, "add c -3, total c, 5", strings.Join([]string{Add{"c", -3}.String(), Total{"c"}.String(), Sum(5).String()}, ", "))
}
