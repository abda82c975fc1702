package olep

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// Reads through the log, which the article has where a read must be isolated from writes: a query is a record, and a view
// that comes to it answers from what it has then, which is all that is before the query and nothing behind it. There is no
// write between queries of one batch, so their answers are of one moment, whichever views they are from.

// QueryLog is the logical log of queries.
const QueryLog = "query"

// Query is a Question as a record. All views of that name answer it, each with an Answer, when they come to it.
type Query struct {
	ID   uint64
	From sim.NodeID // who is answered
	View string
	Key  string
}

// Record returns the record of a query.
func (q Query) Record() Record {
	return Record{Log: QueryLog, Value: fmt.Sprintf("%d %d %s %s", q.ID, q.From, q.View, q.Key)}
}

// parseQuery reads what Record made.
func parseQuery(r *Record) (Query, error) {
	part := strings.SplitN(r.Value, " ", 4)
	if len(part) == 4 {
		id, err := strconv.ParseUint(part[0], 10, 64)
		from, err2 := strconv.ParseUint(part[1], 10, 31)
		if err == nil && err2 == nil {
			return Query{id, sim.NodeID(from), part[2], part[3]}, nil
		}
	}
	return Query{}, fmt.Errorf("%q is no query", r.Value)
}

// answering is the Lookup of a view, which answers queries on its way. A query that its store is past has been answered.
type answering struct {
	Lookup
	name string
}

// Unasked is what a view of a lookup makes of its log, queries among it, which it does not answer: for Replay.
func Unasked(l Lookup) Lookup { return answering{Lookup: l} }

// Process implements Processor.
func (a answering) Process(env sim.Env, s *Store, e Entry) ([]Output, error) {
	if e.Log != QueryLog {
		return a.Lookup.Process(env, s, e)
	}
	q, err := parseQuery(&e.Record)
	if err == nil && fresh(s, e) && q.View == a.name {
		env.Send(q.From, &Answer{ID: q.ID, Value: a.Get(s, q.Key), Through: e.LSN})
	}
	return nil, err
}

// Ask appends queries as one batch, and returns the first answer to each. It gives them their ID and From. False if some
// answer has not come by the deadline, which is on the monotonic clock.
func (w *Producer) Ask(p *sim.Proc, partition int, deadline time.Duration, queries ...Query) ([]*Answer, bool) {
	records := make([]Record, len(queries))
	for i := range queries {
		queries[i].ID, queries[i].From = p.Rand().Uint64(), p.ID()
		records[i] = queries[i].Record()
	}
	if _, err := w.Append(p, partition, records); err != nil {
		return nil, false
	}
	answers := make([]*Answer, len(queries))
	for slices.Contains(answers, nil) {
		mail, ok := p.Recv(max(deadline-p.Elapsed(), 0))
		if !ok {
			return nil, false
		}
		if a, ok := mail.Msg.(*Answer); ok {
			if i := slices.IndexFunc(queries, func(q Query) bool { return q.ID == a.ID }); i >= 0 && answers[i] == nil {
				answers[i] = a
			}
		}
	}
	return answers, true
}
