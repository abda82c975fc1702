package histories

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/sim"
)

// feed is a log as Jepsen's workload for Kafka and Redpanda tells of it (namespace jepsen.tests.kafka of
// github.com/jepsen-io/jepsen): an operation is a list of [send key record] and [poll], and ends with a list of [send key
// [offset record]] and [poll {key [[offset record] …]}]. assign, subscribe and crash tell that a process begins anew.
//
// Who subscribes gets partitions assigned, and may lose them, when anybody else comes or goes. So where anybody subscribes
// a process may begin each poll anywhere, as Jepsen has it too; and what a poll of unknown outcome has taken may come to
// nobody else, unless somebody has assigned themselves what to read, as Jepsen does in the end.
type feed struct {
	names
	sent       map[feedKey]*sending
	subscribed bool // somebody subscribes
	assigned   bool // somebody has assigned themselves what to read
}

type feedKey struct{ log, record string }

// sending is how a record came into the log. Records are told apart by who sent them, and when.
type sending struct {
	by  sim.NodeID
	seq uint64
}

// feedOps are what an operation is to do, and has done.
type feedOps []feedOp

type feedOp struct {
	log     string
	record  string
	offset  uint64
	acked   bool      // a send has an offset
	poll    bool      // not a send
	records []feedLog // of a poll
}

type feedLog struct {
	log     string
	records []checkers.Polled[string]
}

func newFeed() *feed { return &feed{sent: make(map[feedKey]*sending)} }

func (o feedOps) String() string {
	words := make([]string, len(o))
	for i, op := range o {
		if words[i] = "poll"; !op.poll {
			words[i] = "send " + op.log + " " + quote(op.record)
		}
	}
	return strings.Join(words, ", ")
}

// mark is the input of what neither sends nor polls.
type mark string

const lookOfFeed = "[send key record] or [poll]"

func (c *feed) input(e *entry) (any, error) {
	switch e.f {
	case "subscribe":
		c.subscribed = true
		return mark(e.f), nil
	case "assign":
		c.assigned = true
		return mark(e.f), nil
	case "crash", "debug-topic-partitions":
		return mark(e.f), nil
	}
	if e.value.kind() != list {
		return nil, fmt.Errorf("%s of %s; it should be a list of %s", e.f, e.value, lookOfFeed)
	}
	var ops feedOps
	for v := range e.value.items() {
		three, n := v.some()
		key, ok := c.of(three[1])
		switch {
		case v.kind() == list && n >= 1 && three[0].isWord("poll"):
			ops = append(ops, feedOp{poll: true})
		case v.kind() == list && n == 3 && three[0].isWord("send") && ok:
			record, ok := c.of(three[2])
			if !ok {
				return nil, fmt.Errorf("%s is sent to %s; a record should be a number or a text", three[2], key)
			}
			if c.sent[feedKey{key, record}] != nil {
				return nil, fmt.Errorf("%s is sent to %s again; each record should be sent once", record, key)
			}
			id, _ := e.process.int()
			c.sent[feedKey{key, record}] = &sending{sim.NodeID(id), uint64(len(c.sent) + 1)}
			ops = append(ops, feedOp{log: key, record: record})
		default:
			return nil, fmt.Errorf("an operation is %s; it should be %s", mopText(v), lookOfFeed)
		}
	}
	return ops, nil
}

func (c *feed) output(e *entry, op *sim.Op) (any, error) {
	in, ok := op.Input.(feedOps)
	if !ok {
		return nil, nil
	}
	out := make(feedOps, 0, len(in))
	for v := range e.value.items() {
		three, n := v.some()
		switch {
		case len(out) == len(in):
			return nil, fmt.Errorf("it ends with more than the %d operations that it began with", len(in))
		case in[len(out)].poll && three[0].isWord("poll") && n <= 2:
			polled, err := c.polled(three[1])
			if err != nil {
				return nil, err
			}
			out = append(out, feedOp{poll: true, records: polled})
		case !in[len(out)].poll && three[0].isWord("send") && n == 3:
			o := in[len(out)]
			if pair, n := three[2].some(); three[2].kind() == list && n == 2 {
				offset, ok := pair[0].int()
				record, _ := c.of(pair[1])
				if !pair[0].isNull() && (!ok || offset < 0) || record != o.record {
					return nil, fmt.Errorf("send of %s ends with %s; it should be [offset record]", quote(o.record), mopText(three[2]))
				}
				o.offset, o.acked = uint64(offset), ok
			}
			out = append(out, o)
		default:
			return nil, fmt.Errorf("it ends with %s where it began with %v", mopText(v), in[len(out):len(out)+1])
		}
	}
	if len(out) < len(in) {
		return nil, fmt.Errorf("it ends with %d of the %d operations that it began with", len(out), len(in))
	}
	return out, nil
}

func (c *feed) polled(v value) ([]feedLog, error) {
	if !v.isNull() && v.kind() != dict {
		return nil, fmt.Errorf("a poll has %s; it should be a map from keys to lists of [offset record]", v)
	}
	var all []feedLog
	for key, list := range v.pairs() {
		log, ok := c.of(key)
		if !ok {
			return nil, fmt.Errorf("a key is %s; it should be a number or a text", key)
		}
		l := feedLog{log: log}
		for item := range list.items() {
			two, n := item.some()
			offset, ok := two[0].int()
			record, ok2 := c.of(two[1])
			if n != 2 || !ok || !ok2 || offset < 0 {
				return nil, fmt.Errorf("a poll has %s in %s; it should be [offset record]", mopText(item), log)
			}
			l.records = append(l.records, checkers.Polled[string]{Offset: uint64(offset), Record: record})
		}
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b feedLog) int { return strings.Compare(a.log, b.log) })
	return all, nil
}

// judge tells a topic what happened. What nobody has polled yet is not held against it: a history may end before.
func (c *feed) judge(ops []*sim.Op) checkers.Result {
	set := checkers.NewSet(nil)
	topic := checkers.NewTopic[string, feedRecord](set, checkers.TopicOptions[feedRecord]{
		Producer: func(r feedRecord) (producer, seq uint64) { return uint64(r.by) + 1, r.seq },
	})
	if r := c.tell(set, topic, ops); r.Verdict == checkers.Invalid {
		return r
	}
	r := set.Result()
	topic.Quiet()
	for _, p := range set.Properties() {
		if lost := p.Result(); p.Name == "no lost write" && lost.Verdict == checkers.Invalid && !c.mayBeTaken(ops) {
			r = lost
		}
	}
	if name, ok := strings.CutPrefix(r.Property, `always "no `); ok && r.Verdict == checkers.Invalid {
		r.Anomaly = strings.TrimSuffix(name, `"`)
	}
	return r
}

// mayBeTaken tells whether what nobody has polled may have been taken by a poll of unknown outcome.
func (c *feed) mayBeTaken(ops []*sim.Op) bool {
	return c.subscribed && !c.assigned && slices.ContainsFunc(ops, func(op *sim.Op) bool {
		in, _ := op.Input.(feedOps)
		return op.Outcome != sim.OK && op.Outcome != sim.Fail && slices.ContainsFunc(in, func(o feedOp) bool { return o.poll })
	})
}

// feedRecord is a record with its place in its producer's order.
type feedRecord struct {
	record string
	sending
}

func (r feedRecord) String() string { return quote(r.record) }

// tell tells a topic of all operations in the order in which they ended, up to the first violation. It is Invalid if
// someone polls a record that nobody sent.
func (c *feed) tell(set *checkers.Set, topic *checkers.Topic[string, feedRecord], ops []*sim.Op) checkers.Result {
	ended := slices.DeleteFunc(slices.Clone(ops), func(op *sim.Op) bool { return op.Outcome == sim.Pending })
	slices.SortFunc(ended, func(a, b *sim.Op) int { return cmp.Compare(a.Return, b.Return) })
	for _, op := range ended {
		if _, ok := op.Input.(mark); ok || op.Outcome == sim.Info {
			topic.Restart(op.Client) // what it polled is unknown
			continue
		}
		if op.Outcome == sim.Fail {
			for _, o := range op.Input.(feedOps) {
				if !o.poll {
					topic.Abort(o.log, feedRecord{o.record, *c.sent[feedKey{o.log, o.record}]})
				}
			}
			continue
		}
		for _, o := range op.Output.(feedOps) {
			if o.acked {
				topic.Acknowledge(o.log, o.offset, feedRecord{o.record, *c.sent[feedKey{o.log, o.record}]})
			}
			if c.subscribed {
				topic.Restart(op.Client)
			}
			for _, l := range o.records {
				batch := make([]checkers.Polled[feedRecord], len(l.records))
				for i, p := range l.records {
					sent := c.sent[feedKey{l.log, p.Record}]
					if sent == nil {
						return checkers.Result{Verdict: checkers.Invalid, Property: `always "what is polled was sent"`,
							Anomaly: "unexpected record", Ops: []*sim.Op{op},
							Detail: fmt.Sprintf("%v polls %s at %d of %s, which nobody sent", op.Client, quote(p.Record), p.Offset, l.log)}
					}
					batch[i] = checkers.Polled[feedRecord]{Offset: p.Offset, Record: feedRecord{p.Record, *sent}}
				}
				topic.Poll(op.Client, l.log, batch...)
			}
		}
		if set.Violation() != nil {
			break
		}
	}
	return checkers.Result{}
}
