package checkers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/sim"
)

func tellTopic(c *Topic[string, record]) func(t testing.TB, text string) {
	return func(t testing.TB, text string) {
		facts(t, text, func(verb string, w words) {
			switch verb {
			case "append": // partition offset record
				c.Append(w.text(0), w.num(1), record(w.text(2)))
			case "ack": // partition offset record
				c.Acknowledge(w.text(0), w.num(1), record(w.text(2)))
			case "poll": // consumer partition offset:record...
				var batch []Polled[record]
				for _, pair := range w.w[2:] {
					offset, r, _ := strings.Cut(pair, ":")
					batch = append(batch, Polled[record]{number(t, offset), record(r)})
				}
				c.Poll(w.node(0), w.text(1), batch...)
			case "assign": // consumer group partition
				c.Assign(w.node(0), w.text(1), w.text(2))
			case "revoke": // consumer partition
				c.Revoke(w.node(0), w.text(1))
			case "seek": // consumer partition offset
				c.Seek(w.node(0), w.text(1), w.num(2))
			case "commit": // group partition offset
				c.Commit(w.text(0), w.text(1), w.num(2))
			case "restart": // consumer
				c.Restart(w.node(0))
			case "removed": // partition offset
				c.Removed(w.text(0), w.num(1))
			case "lowwater": // partition offset
				c.LowWater(w.text(0), w.num(1))
			case "mayrepeat": // partition record
				c.MayRepeat(w.text(0), record(w.text(1)))
			case "abort": // partition record
				c.Abort(w.text(0), record(w.text(1)))
			case "quiet":
				c.Quiet()
			default:
				require.Fail(t, verb)
			}
		})
	}
}

func TestTopic(t *testing.T) {
	judge(t, []story{
		{name: "nothing is told", verdict: Unknown},
		{name: "quiet, and nothing was acknowledged", facts: "quiet", verdict: Unknown},
		{name: "told of, and not looked at", verdict: Unknown, facts: `
			assign n1 g p
			commit g p 4
			revoke n1 p
			removed p 3
			lowwater p 4
			abort p a1
			quiet`},
		{name: "sent and polled", verdict: Valid, facts: `
			append p 0 a1
			ack p 0 a1
			append p 1 b1
			append q 0 a1     # the same in another partition
			assign n1 g p
			assign n2 g q
			poll n1 p 0:a1 1:b1
			ack p 1 b1
			append p 2 a2
			ack p 2 a2
			poll n1 p
			poll n1 p 2:a2
			ack q 0 a1
			poll n2 q 0:a1
			quiet`},
		{name: "offsets with gaps", verdict: Valid, facts: `
			append p 0 a1
			append p 1000 a2
			append p 70000 a3
			append p 70001 a4
			poll n1 p 0:a1 1000:a2
			poll n1 p 70000:a3
			ack p 1000 a2
			ack p 70001 a4
			poll n1 p 70001:a4
			quiet`},

		{name: "inconsistent offsets", facts: `
			append p 3 a1
			append p 3 b1`, verdict: Invalid, property: "no inconsistent offsets", detail: "b1 is appended at 3 of p, which is a1"},
		{name: "acknowledged is another", facts: `
			append p 3 a1
			ack p 3 b1`, verdict: Invalid, property: "no inconsistent offsets", detail: "b1 is acknowledged at 3 of p, which is a1"},
		{name: "two consumers see two records", facts: `
			poll n1 p 3:a1
			poll n2 p 3:b1`, verdict: Invalid, property: "no inconsistent offsets", detail: "b1 is polled at 3 of p, which is a1"},
		{name: "one offset in two partitions", facts: `
			append p 3 a1
			append q 3 b1`, verdict: Valid},

		{name: "duplicate", facts: `
			append p 0 a1
			append p 1 b1
			append p 2 a1`, verdict: Invalid, property: "no duplicate", detail: "a1 is appended at 2 of p, and is at 0"},
		{name: "duplicate of what was acknowledged", facts: `
			ack p 0 a1
			poll n1 p 2:a1`, verdict: Invalid, property: "no duplicate", detail: "a1 is polled at 2 of p, and is at 0"},
		{name: "a promised duplicate", facts: `
			mayrepeat p a1
			append p 0 a1
			append p 1 a1
			ack p 1 a1
			poll n1 p 0:a1
			quiet`, verdict: Valid},
		{name: "promised of another", facts: `
			mayrepeat p a2
			append p 0 a1
			append p 1 a1`, verdict: Invalid, property: "no duplicate"},

		{name: "nonmonotonic send", facts: `
			ack p 5 a1
			ack p 4 a2`, verdict: Invalid,
			property: "no nonmonotonic send", detail: "a2 is acknowledged at 4 of p, and what its producer made before it at 5"},
		{name: "nonmonotonic send, acknowledged in the order of the log", facts: `
			ack p 4 a2
			ack p 5 a1`, verdict: Invalid,
			property: "no nonmonotonic send", detail: "a1 is acknowledged at 5 of p, and what its producer made after it at 4"},
		{name: "acknowledged in another order", facts: `
			ack p 6 a3
			ack p 4 a1
			ack p 5 a2
			ack p 4 a1`, verdict: Valid},
		{name: "producers and partitions are on their own", facts: `
			ack p 5 a1
			ack p 4 b2
			ack q 3 a2`, verdict: Valid},
		{name: "a record without a producer", facts: `
			ack p 5 a1
			ack p 4 noop`, verdict: Valid},
		{name: "sent again, and late", facts: `
			mayrepeat p a1
			append p 0 a1
			append p 1 a2
			ack p 1 a2
			append p 2 a1
			ack p 2 a1`, verdict: Valid},

		{name: "poll skip", facts: `
			append p 0 a1
			append p 1 a2
			append p 2 a3
			poll n1 p 0:a1
			poll n1 p 2:a3`, verdict: Invalid,
			property: "no poll skip", detail: "n1 polls a3 at 2 of p, after 0, and so skips a2 at 1"},
		{name: "poll skip of what was only acknowledged", facts: `
			ack p 1 a2
			poll n1 p 0:a1
			poll n1 p 2:a3`, verdict: Invalid, property: "no poll skip", detail: "skips a2 at 1"},
		{name: "poll skip of what another has polled", facts: `
			poll n1 p 0:a1 1:a2
			poll n2 p 0:a1
			poll n2 p 2:a3`, verdict: Invalid, property: "no poll skip", detail: "n2 polls a3"},
		{name: "poll skip, known later", facts: `
			poll n1 p 0:a1
			poll n1 p 2:a3
			ack p 1 a2`, verdict: Invalid,
			property: "no poll skip", detail: "a2 is acknowledged at 1 of p, where n1 has polled from 0 up to 2 without it"},
		{name: "poll skip of the first, known later", facts: `
			seek n1 p 1
			poll n1 p 2:a3
			ack p 1 a2`, verdict: Invalid, property: "no poll skip", detail: "where n1 has polled from 1 up to 2 without it"},
		{name: "known later, and still to come", facts: `
			poll n1 p 0:a1
			seek n2 p 2
			poll n2 p 2:a3
			ack p 1 a2
			poll n1 p 1:a2
			poll n1 p 2:a3`, verdict: Valid},
		{name: "known later, and before the consumer's time", facts: `
			seek n1 p 2
			poll n1 p 2:a3
			ack p 1 a2`, verdict: Valid},
		{name: "poll skip across pages", facts: `
			append p 60 a1
			append p 130 a2
			append p 200 a3
			poll n1 p 60:a1
			poll n1 p 200:a3`, verdict: Invalid, property: "no poll skip", detail: "skips a2 at 130"},
		{name: "compacted, and no skip", facts: `
			append p 0 a1
			append p 1 a2
			append p 2 a3
			ack p 1 a2
			removed p 1
			poll n1 p 0:a1 2:a3
			quiet`, verdict: Valid},
		{name: "compacted in part", facts: `
			append p 0 a1
			append p 1 a2
			append p 2 b2
			append p 3 a3
			removed p 2
			poll n1 p 0:a1
			poll n1 p 3:a3`, verdict: Invalid, property: "no poll skip", detail: "skips a2 at 1"},
		{name: "compacted before anybody told of it", facts: `
			removed p 1
			poll n1 p 0:a1
			poll n1 p 2:a3
			ack p 1 a2
			quiet`, verdict: Valid},
		{name: "compacted, and in a poll that was under way", facts: `
			append p 0 a1
			append p 1 a2
			poll n1 p 0:a1
			removed p 1
			poll n1 p 1:a2`, verdict: Valid},
		{name: "dropped, and no skip", facts: `
			append p 0 a1
			append p 1 a2
			append p 2 a3
			ack p 0 a1
			ack p 1 a2
			assign n1 g p
			lowwater p 2
			lowwater p 1
			poll n1 p 2:a3
			quiet`, verdict: Valid},
		{name: "dropped, but not as much", facts: `
			append p 0 a1
			append p 1 a2
			append p 2 a3
			assign n1 g p
			lowwater p 1
			poll n1 p 2:a3`, verdict: Invalid,
			property: "no poll skip", detail: "n1 polls a3 at 2 of p, from 0 on (the first), and so skips a2 at 1"},

		{name: "nonmonotonic poll", facts: `
			poll n1 p 0:a1
			poll n1 p 1:a2
			poll n1 p 0:a1`, verdict: Invalid, property: "no nonmonotonic poll", detail: "n1 polls a1 at 0 of p, after 1"},
		{name: "polled twice", facts: `
			poll n1 p 0:a1
			poll n1 p 0:a1`, verdict: Invalid, property: "no nonmonotonic poll", detail: "n1 polls a1 at 0 of p, after 0"},
		{name: "goes back to what it has skipped", facts: `
			poll n1 p 2:a3
			poll n1 p 1:a2`, verdict: Invalid, property: "no nonmonotonic poll"},
		{name: "consumers and partitions are on their own, to poll", facts: `
			poll n1 p 0:a1 1:a2
			poll n2 p 0:a1
			poll n1 q 0:b1
			poll n2 p 1:a2`, verdict: Valid},

		{name: "internal poll skip", facts: `
			append p 0 a1
			append p 1 a2
			append p 2 a3
			poll n1 p 0:a1 2:a3`, verdict: Invalid, property: "no internal poll skip", detail: "n1 polls a3 at 2 of p, after 0, and so skips a2 at 1"},
		{name: "internal nonmonotonic poll", facts: `
			poll n1 p 0:a1 2:a3 1:a2`, verdict: Invalid, property: "no internal nonmonotonic poll", detail: "n1 polls a2 at 1 of p, after 2"},
		{name: "twice in a poll", facts: `
			poll n1 p 0:a1 0:a1`, verdict: Invalid, property: "no internal nonmonotonic poll"},

		{name: "assigned anew, from the committed offset", facts: `
			append p 0 a1
			append p 1 a2
			append p 2 a3
			assign n1 g p
			poll n1 p 0:a1 1:a2 2:a3
			commit g p 1
			revoke n1 p
			assign n2 g p
			poll n2 p 1:a2 2:a3
			commit g p 3
			assign n1 g p
			append p 3 a4
			poll n1 p 3:a4`, verdict: Valid},
		{name: "assigned anew, and skips", facts: `
			append p 0 a1
			append p 1 a2
			append p 2 a3
			assign n1 g p
			poll n1 p 0:a1 1:a2
			commit g p 1
			assign n2 g p
			poll n2 p 2:a3`, verdict: Invalid,
			property: "no poll skip", detail: "n2 polls a3 at 2 of p, from 1 on (committed), and so skips a2 at 1"},
		{name: "assigned anew, and goes back", facts: `
			append p 0 a1
			append p 1 a2
			commit g p 1
			assign n2 g p
			poll n2 p 0:a1`, verdict: Invalid,
			property: "no nonmonotonic poll", detail: "n2 polls a1 at 0 of p, from 1 on (committed)"},
		{name: "goes on where it was, and not where the group is", facts: `
			append p 0 a1
			append p 1 a2
			append p 2 a3
			assign n1 g p
			poll n1 p 0:a1 1:a2
			commit g p 1
			revoke n1 p
			assign n1 g p
			poll n1 p 2:a3`, verdict: Invalid, property: "no poll skip", detail: "skips a2 at 1"},
		{name: "assigned before others of the group went on, and sought there", facts: `
			append p 0 a1
			append p 1 a2
			append p 2 a3
			commit g p 2
			seek n1 p 1
			poll n1 p 1:a2 2:a3`, verdict: Valid},
		{name: "assigned before others of the group went on, and not sought there", facts: `
			append p 0 a1
			append p 1 a2
			append p 2 a3
			commit g p 2
			assign n1 g p
			poll n1 p 1:a2 2:a3`, verdict: Invalid,
			property: "no nonmonotonic poll", detail: "n1 polls a2 at 1 of p, from 2 on (committed)"},
		{name: "groups are on their own", facts: `
			append p 0 a1
			append p 1 a2
			commit g p 1
			assign n1 h p
			poll n1 p 1:a2`, verdict: Invalid, property: "no poll skip", detail: "from 0 on (the first), and so skips a1 at 0"},
		{name: "sought, and skips", facts: `
			append p 0 a1
			append p 1 a2
			seek n1 p 0
			poll n1 p 1:a2`, verdict: Invalid, property: "no poll skip", detail: "from 0 on (sought), and so skips a1 at 0"},
		{name: "sought back and forth", facts: `
			append p 0 a1
			append p 1 a2
			append p 2 a3
			poll n1 p 1:a2
			seek n1 p 0
			poll n1 p 0:a1
			seek n1 p 2
			poll n1 p 2:a3`, verdict: Valid},
		{name: "a new incarnation begins anywhere", facts: `
			append p 0 a1
			append p 1 a2
			append p 2 a3
			poll n1 p 0:a1
			restart n1
			poll n1 p 2:a3
			restart n1
			poll n1 p 1:a2`, verdict: Valid},
		{name: "polls what was taken from it", facts: `
			append p 0 a1
			append p 1 a2
			append p 2 a3
			assign n1 g p
			poll n1 p 0:a1
			revoke n1 p
			poll n1 p 2:a3`, verdict: Valid},

		{name: "aborted read", facts: `
			abort p a1
			poll n1 p 0:a1`, verdict: Invalid, property: "no aborted read", detail: "n1 polls a1 at 0 of p, which is aborted"},
		{name: "aborted after it was read", facts: `
			poll n1 p 0:a1
			abort p a1`, verdict: Invalid, property: "no aborted read", detail: "a1 was polled at 0 of p, and is aborted"},
		{name: "aborted, and passed over", facts: `
			append p 0 a1
			append p 1 a2
			ack p 1 a2
			append p 2 a3
			abort p a2
			abort p a3
			poll n1 p 0:a1
			append p 3 a4
			poll n1 p 3:a4
			quiet`, verdict: Valid},
		{name: "aborted before the log tells of it", facts: `
			abort p a2
			append p 0 a1
			append p 1 a2
			append p 2 a3
			poll n1 p 0:a1 2:a3`, verdict: Valid},
		{name: "aborted at all its offsets", facts: `
			mayrepeat p a2
			append p 0 a1
			append p 1 a2
			append p 2 a2
			append p 3 a3
			abort p a2
			poll n1 p 0:a1 3:a3`, verdict: Valid},
		{name: "aborted in another partition", facts: `
			abort q a1
			poll n1 p 0:a1`, verdict: Valid},

		{name: "lost write", facts: `
			ack p 0 a1
			ack p 1 a2
			seek n1 p 1
			poll n1 p 1:a2
			quiet`, verdict: Invalid, property: "no lost write", detail: "a1 was acknowledged at 0 of p, and never polled, but 1 was"},
		{name: "not acknowledged, so not lost", facts: `
			append p 0 a1
			ack p 1 a2
			poll n1 p 1:a2
			quiet`, verdict: Valid},
		{name: "polled by another, so not lost", facts: `
			ack p 0 a1
			ack p 1 a2
			poll n2 p 0:a1
			seek n1 p 1
			poll n1 p 1:a2
			quiet`, verdict: Valid},
		{name: "unseen", facts: `
			ack p 0 a1
			ack p 1 a2
			ack q 7 a1
			poll n1 p 0:a1
			poll n1 q 7:a1
			quiet`, verdict: Invalid, property: "no unseen record", detail: "a2 was acknowledged at 1 of p, and nobody has polled it"},
		{name: "unseen, and not quiet so far", facts: `
			ack p 0 a1`, verdict: Valid},
		{name: "unseen, and compacted or dropped", facts: `
			ack p 0 a1
			ack p 1 a2
			ack p 2 a3
			lowwater p 1
			removed p 1
			poll n1 p 2:a3
			quiet`, verdict: Valid},
	}, func(s *Set) (func(testing.TB, string), func()) {
		c := NewTopic[string](s, TopicOptions[record]{Producer: producer})
		return tellTopic(c), c.Reset
	})
}

func TestTopicAtLeastOnce(t *testing.T) {
	judge(t, []story{
		{name: "repetitions", verdict: Valid, facts: `
			append p 1 a1
			append p 2 a1
			ack p 2 a1
			append p 3 a2
			append p 4 a1
			ack p 3 a2
			poll n1 p 1:a1 2:a1
			poll n1 p 3:a2 4:a1
			quiet`},
		{name: "seen at another offset", verdict: Valid, facts: `
			ack p 1 a1
			ack p 2 a2
			append p 3 a1
			poll n1 p 2:a2
			poll n1 p 3:a1
			quiet`},
		{name: "seen at none", verdict: Invalid, property: "no lost write", detail: "a1 was acknowledged at 1 of p", facts: `
			ack p 1 a1
			ack p 2 a2
			append p 3 a1
			poll n1 p 2:a2
			quiet`},
		{name: "acknowledged where it is again", verdict: Valid, facts: `
			append p 1 a1
			append p 2 a2
			ack p 2 a2
			append p 3 a1
			ack p 3 a1`},
		{name: "first appearances keep their order", verdict: Invalid, property: "no nonmonotonic send", facts: `
			append p 1 a2
			append p 2 a1
			ack p 1 a2
			ack p 2 a1`},
		{name: "a skip of a repetition", verdict: Invalid, property: "no poll skip", detail: "skips a1 at 2", facts: `
			append p 1 a1
			append p 2 a1
			append p 3 a2
			poll n1 p 1:a1
			poll n1 p 3:a2`},
		{name: "the log begins at 1", verdict: Invalid, property: "no poll skip", detail: "from 1 on (the first), and so skips a1 at 1", facts: `
			append p 1 a1
			append p 2 a2
			assign n1 g p
			poll n1 p 2:a2`},
	}, func(s *Set) (func(testing.TB, string), func()) {
		c := NewTopic[string](s, TopicOptions[record]{First: 1, Producer: producer, AtLeastOnce: true})
		return tellTopic(c), c.Reset
	})
}

// topicFact is a call, for the oracle: only what it needs is set.
type topicFact struct {
	verb     string
	consumer sim.NodeID
	offset   uint64
	record   record
	batch    []Polled[record]
}

func (f topicFact) String() string {
	return fmt.Sprint(f.verb, " ", f.consumer, " ", f.offset, " ", f.record, " ", f.batch)
}

// topicOracle names the anomalies of one partition with one group, by looking at the whole of what was told again and
// again. It shares nothing with Topic but the meaning of the names.
func topicOracle(all []topicFact) map[string]bool {
	found := map[string]bool{}
	record2offsets, offset2records := map[record]map[uint64]bool{}, map[uint64]map[record]bool{}
	acked, polled, aborted, removed := map[uint64]record{}, map[uint64]bool{}, map[record]bool{}, map[uint64]bool{}
	low, high := uint64(0), uint64(0)
	place := func(offset uint64, r record) {
		if record2offsets[r] == nil {
			record2offsets[r] = map[uint64]bool{}
		}
		if offset2records[offset] == nil {
			offset2records[offset] = map[record]bool{}
		}
		record2offsets[r][offset], offset2records[offset][r] = true, true
	}
	for _, f := range all {
		switch f.verb {
		case "append":
			place(f.offset, f.record)
		case "ack":
			place(f.offset, f.record)
			acked[f.offset] = f.record
		case "poll":
			for _, b := range f.batch {
				place(b.Offset, b.Record)
				polled[b.Offset] = true
				high = max(high, b.Offset+1)
			}
		case "abort":
			aborted[f.record] = true
		}
	}
	for _, offsets := range record2offsets {
		if len(offsets) > 1 {
			found["no duplicate"] = true
		}
	}
	for _, records := range offset2records {
		if len(records) > 1 {
			found["no inconsistent offsets"] = true
		}
	}
	for r := range aborted {
		for offset := range record2offsets[r] {
			if polled[offset] {
				found["no aborted read"] = true
			}
		}
	}
	for o1, r1 := range acked {
		for o2, r2 := range acked {
			p1, s1 := producer(r1)
			p2, s2 := producer(r2)
			if p1 != 0 && p1 == p2 && s1 < s2 && o1 > o2 {
				found["no nonmonotonic send"] = true
			}
		}
	}

	// A second time, for what a fact meant when it was told.
	visible := func(offset uint64) bool { // as far as is known in the end, and was not excused by now
		for r := range offset2records[offset] {
			return !removed[offset] && offset >= low && !aborted[r]
		}
		return false
	}
	next, committed := map[sim.NodeID]uint64{}, uint64(0)
	hasCommitted := false
	for _, f := range all {
		switch f.verb {
		case "removed":
			removed[f.offset] = true
		case "lowwater":
			low = max(low, f.offset)
		case "commit":
			committed, hasCommitted = f.offset, true
		case "assign":
			next[f.consumer] = low
			if hasCommitted {
				next[f.consumer] = committed
			}
		case "seek":
			next[f.consumer] = f.offset
		case "restart", "revoke":
			delete(next, f.consumer)
		case "poll":
			for i, b := range f.batch {
				skip, back := "no poll skip", "no nonmonotonic poll"
				if i > 0 {
					skip, back = "no internal poll skip", "no internal nonmonotonic poll"
				}
				from, ok := next[f.consumer]
				if ok && b.Offset < from {
					found[back] = true
				}
				for o := from; ok && o < b.Offset; o++ {
					if visible(o) {
						found[skip] = true
					}
				}
				next[f.consumer] = b.Offset + 1
			}
		case "quiet":
			for offset, r := range acked {
				if polled[offset] || removed[offset] || offset < low || aborted[r] {
					continue
				}
				if offset < high {
					found["no lost write"] = true
				} else {
					found["no unseen record"] = true
				}
			}
		}
	}
	return found
}

// TestTopicOracle: what Topic finds first is an anomaly by then, and before it there is none. Logs are mostly right, so
// that what is wrong is subtle. The log tells of each record before anybody polls it, so that nothing is known too late.
func TestTopicOracle(t *testing.T) {
	found := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Range(1, 8).Draw(t, "length")
		width := rapid.SampledFrom([]uint64{1, 1, 50}).Draw(t, "width") // between offsets
		log := make([]record, n)
		for i := range log {
			log[i] = record(fmt.Sprintf("%c%d", rapid.SampledFrom([]rune("ab")).Draw(t, "producer"), i))
		}
		if n > 1 && rapid.IntRange(0, 4).Draw(t, "swap") == 0 { // a producer's order is wrong
			i := rapid.IntRange(0, int(n)-2).Draw(t, "place")
			log[i], log[i+1] = log[i+1], log[i]
		}
		if rapid.IntRange(0, 9).Draw(t, "duplicate") == 0 {
			log[n-1] = rapid.SampledFrom(log).Draw(t, "again")
		}
		at := func() Polled[record] {
			i := rapid.Uint64Range(0, n-1).Draw(t, "offset")
			r := log[i]
			if rapid.IntRange(0, 60).Draw(t, "wrong") == 0 {
				r = rapid.SampledFrom(log).Draw(t, "record")
			}
			return Polled[record]{i * width, r}
		}
		var all []topicFact
		told := uint64(0) // that much of the log
		tell := func(many uint64) {
			for ; many > 0 && told < n; told++ {
				all = append(all, topicFact{verb: "append", offset: told * width, record: log[told]})
				many--
			}
		}
		next := map[sim.NodeID]uint64{}
		for range rapid.IntRange(0, 14).Draw(t, "facts") {
			tell(rapid.SampledFrom([]uint64{0, 1, 2, 8}).Draw(t, "told"))
			f := topicFact{consumer: sim.NodeID(rapid.IntRange(1, 2).Draw(t, "consumer"))}
			f.verb = rapid.SampledFrom(strings.Fields("ack ack ack poll poll poll poll poll removed lowwater commit assign seek restart revoke abort")).Draw(t, "verb")
			switch f.verb {
			case "poll":
				i := next[f.consumer]
				if rapid.IntRange(0, 5).Draw(t, "jump") == 0 {
					i = rapid.Uint64Range(0, n-1).Draw(t, "from") // perhaps to where nothing is so far
				}
				for range rapid.IntRange(1, 3).Draw(t, "batch") {
					if i < told {
						f.batch = append(f.batch, Polled[record]{i * width, log[i]})
					}
					i += rapid.SampledFrom([]uint64{1, 1, 1, 1, 2, 0}).Draw(t, "step")
				}
				next[f.consumer] = i
			case "seek", "commit", "lowwater", "removed", "ack", "abort":
				b := at()
				f.offset, f.record = b.Offset, b.Record
				if f.verb == "seek" {
					next[f.consumer] = f.offset / width
				}
			}
			all = append(all, f)
		}
		tell(n)
		all = append(all, topicFact{verb: "quiet"})

		set := NewSet(nil)
		c := NewTopic[string](set, TopicOptions[record]{Producer: producer})
		for i, f := range all {
			switch f.verb {
			case "append":
				c.Append("p", f.offset, f.record)
			case "ack":
				c.Acknowledge("p", f.offset, f.record)
			case "poll":
				c.Poll(f.consumer, "p", f.batch...)
			case "removed":
				c.Removed("p", f.offset)
			case "lowwater":
				c.LowWater("p", f.offset)
			case "commit":
				c.Commit("g", "p", f.offset)
			case "assign":
				c.Assign(f.consumer, "g", "p")
			case "seek":
				c.Seek(f.consumer, "p", f.offset)
			case "restart":
				c.Restart(f.consumer)
			case "revoke":
				c.Revoke(f.consumer, "p")
			case "abort":
				c.Abort("p", f.record)
			case "quiet":
				c.Quiet()
			}
			want := topicOracle(all[:i+1])
			if v := set.Violation(); v != nil {
				_, name, _ := strings.Cut(strings.TrimSuffix(v.Property, `"`), `"`)
				require.Contains(t, want, name, "%v\n%v", v, all[:i+1])
				found[name]++
				return
			}
			require.Empty(t, want, "%v", all[:i+1])
		}
	})
	t.Log(found)
}

// TestTopicLooks: each property tells how often it was looked at, and is not there before there is something to look at.
func TestTopicLooks(t *testing.T) {
	set := NewSet(nil)
	c := NewTopic[string](set, TopicOptions[record]{Producer: producer})
	tell := tellTopic(c)
	tell(t, `
		append p 0 a1
		append p 1 a2
		append p 2 b1
		assign n1 g p
		poll n1 p 0:a1
		poll n1 p 1:a2
		quiet`)
	require.Equal(t, map[string]uint64{
		"no inconsistent offsets": 2, "no duplicate": 3, "no poll skip": 2, "no nonmonotonic poll": 2, "no nonmonotonic send": 0,
		"no lost write": 0, "no unseen record": 0,
	}, looks(set))
	tell(t, `
		ack p 1 a2
		ack p 0 a1
		ack p 2 b1
		abort p a3
		restart n1
		poll n1 p 0:a1 1:a2 2:b1
		ack q 7 c1
		abort q c1
		quiet`)
	require.Nil(t, set.Violation())
	require.Equal(t, map[string]uint64{
		"no inconsistent offsets": 2 + 6, "no duplicate": 3 + 1, "no poll skip": 2, "no nonmonotonic poll": 2, "no nonmonotonic send": 4,
		"no internal poll skip": 2, "no internal nonmonotonic poll": 2, "no aborted read": 4,
		"no lost write": 1, "no unseen record": 1,
	}, looks(set))
}

// looks is how often each property was looked at.
func looks(s *Set) map[string]uint64 {
	held := make(map[string]uint64)
	for _, p := range s.Properties() {
		held[p.Name] = p.Held
	}
	return held
}

func TestTopicUnseen(t *testing.T) {
	c := NewTopic[string](NewSet(nil), TopicOptions[record]{})
	require.Zero(t, c.Unseen())
	for i, r := range []record{"a1", "a2", "a3", "a4", "a5"} {
		c.Acknowledge("p", uint64(i), r)
		c.Acknowledge("q", 100*uint64(i), r)
	}
	c.MayRepeat("p", "a5")
	c.Append("p", 9, "a5")
	require.Equal(t, 10, c.Unseen())
	c.Poll(1, "p", Polled[record]{2, "a3"})
	c.LowWater("p", 1)
	c.Removed("p", 1)
	require.Equal(t, 7, c.Unseen(), "a4 and a5 of p, and all of q")
	c.Seek(1, "p", 9)
	c.Poll(1, "p", Polled[record]{9, "a5"})
	require.Equal(t, 6, c.Unseen())
}

// BenchmarkTopic appends, acknowledges and polls a million records.
func BenchmarkTopic(b *testing.B) {
	for _, c := range []struct {
		name        string
		step, batch uint64
	}{{"one by one", 1, 1}, {"by tens", 1, 10}, {"with gaps", 1000, 10}} {
		b.Run(c.name, func(b *testing.B) { benchmarkTopic(b, c.step, c.batch) })
	}
}

func benchmarkTopic(b *testing.B, step, batch uint64) {
	const records, partitions = 1_000_000, 8
	set := NewSet(nil)
	c := NewTopic[int](set, TopicOptions[uint64]{Producer: func(r uint64) (uint64, uint64) { return 1 + r%4, r }})
	polled := make([]Polled[uint64], batch)
	b.ReportAllocs()
	for b.Loop() {
		set.Reset()
		c.Reset()
		for p := range partitions {
			c.Assign(sim.NodeID(p%3), "g", p)
		}
		for i := uint64(0); i < records/partitions; i++ {
			for p := range partitions {
				r := i*partitions + uint64(p)
				c.Append(p, i*step, r)
				c.Acknowledge(p, i*step, r)
			}
			if i%batch < batch-1 {
				continue
			}
			for p := range partitions {
				for k := range polled {
					at := i - batch + 1 + uint64(k)
					polled[k] = Polled[uint64]{at * step, at*partitions + uint64(p)}
				}
				c.Poll(sim.NodeID(p%3), p, polled...)
			}
		}
		c.Quiet()
	}
	require.Equal(b, Valid, set.Result().Verdict, "%v", set.Result())
	b.ReportMetric(records*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
