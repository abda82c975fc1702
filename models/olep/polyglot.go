package olep

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// Polyglot persistence, as in Figures 1 and 2 of the article: documents are kept in a relational store and in a search
// index, each with its own Store. Both are Processors, so that what differs is only how records come to them: the
// application writes to one after the other, or in two phases (see Database), or both follow a log (see View).
//
// A record with a Key is a document, the words of its Value what it is found by; a Tombstone deletes it.

// Lookup is a Processor whose store can be asked.
type Lookup interface {
	Processor
	// Get answers a question: what is known of a key.
	Get(s *Store, key string) string
	// Contents is all that the store has, as documents: "key=text" by key, one a line.
	Contents(s *Store) string
}

// throughKey is no key of a processor. It has the last record that is in the store.
const throughKey = ownKeys + "through"

// Through is the last record that is in a store: all before it are, too.
func Through(s *Store) LSN { return LSN(s.Int(throughKey)) }

// fresh takes a record's number down, unless the store is past it: then its checkpoint was behind, and the record is in it.
func fresh(s *Store, e Entry) bool {
	if e.LSN <= Through(s) {
		return false
	}
	s.SetInt(throughKey, int64(e.LSN))
	return true
}

// Rows is the relational store: each document by its key.
type Rows struct{}

// Process implements Processor.
func (Rows) Process(_ sim.Env, s *Store, e Entry) ([]Output, error) {
	if e.Key == "" {
		return nil, fmt.Errorf("%v is no document", e)
	}
	if fresh(s, e) {
		s.Set("row "+e.Key, e.Value)
	}
	return nil, nil
}

// Get implements Lookup: the text of a document, "" if there is none.
func (Rows) Get(s *Store, key string) string { return s.Get("row " + key) }

// Contents implements Lookup.
func (Rows) Contents(s *Store) string {
	var b strings.Builder
	for _, key := range s.keys("row ") {
		fmt.Fprintf(&b, "%s=%s\n", key, s.values["row "+key])
	}
	return b.String()
}

// Index is the search index: by each word, the keys of the documents that have it. Of a document it keeps the words, to
// know where it was when it changes.
type Index struct{}

// Process implements Processor.
func (Index) Process(_ sim.Env, s *Store, e Entry) ([]Output, error) {
	if e.Key == "" {
		return nil, fmt.Errorf("%v is no document", e)
	}
	if !fresh(s, e) {
		return nil, nil
	}
	for _, word := range strings.Fields(s.Get("words of " + e.Key)) {
		with(s, "word "+word, e.Key, false)
	}
	for _, word := range strings.Fields(e.Value) {
		with(s, "word "+word, e.Key, true)
	}
	s.Set("words of "+e.Key, e.Value)
	return nil, nil
}

// with has a member in a sorted set of the store, or not.
func with(s *Store, set, member string, in bool) {
	list := strings.Fields(s.Get(set))
	switch i, there := slices.BinarySearch(list, member); {
	case in && !there:
		list = slices.Insert(list, i, member)
	case !in && there:
		list = slices.Delete(list, i, i+1)
	}
	s.Set(set, strings.Join(list, " "))
}

// Get implements Lookup: the keys of the documents that have a word.
func (Index) Get(s *Store, word string) string { return s.Get("word " + word) }

// Contents implements Lookup. It goes by what would be found, in the order of words.
func (Index) Contents(s *Store) string {
	texts := make(map[string][]string)
	for _, word := range s.keys("word ") {
		for _, key := range strings.Fields(s.values["word "+word]) {
			texts[key] = append(texts[key], word)
		}
	}
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		fmt.Fprintf(&b, "%s=%s\n", key, strings.Join(texts[key], " "))
	}
	return b.String()
}

// View is a subscriber that answers questions, from its own store and nothing else.
type View struct {
	*Subscriber
	lookup  Lookup
	waiting []question
}

type question struct {
	from sim.NodeID
	*Question
}

// Question asks a view for a key, as a pointer. After is what the one who asks has seen: the answer is from a store that
// has that record. So whoever writes to the log reads what it has written, in any view, and whoever has read in one reads
// nothing older in another. Zero takes what is there.
type Question struct {
	ID    uint64
	Key   string
	After LSN
}

// Answer answers a Question, as a pointer.
type Answer struct {
	ID      uint64
	Value   string
	Through LSN // the last record that the answer knows of
	Version int // of what has made the view
}

// NewView returns a view. The processor of the configuration is the lookup, which answers queries, too.
func NewView(c SubscriberConfig, l Lookup) *View {
	c.Processor = answering{l, c.Name}
	return &View{Subscriber: NewSubscriber(c), lookup: l}
}

// Contents are the documents of the store, as of the last transaction.
func (v *View) Contents() string {
	if v.Store() == nil {
		return ""
	}
	return v.lookup.Contents(v.Store())
}

// Receive implements sim.Node.
func (v *View) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	if q, ok := msg.(*Question); ok {
		v.waiting = append(v.waiting, question{from, q})
	} else {
		v.Subscriber.Receive(env, from, msg)
	}
	v.answer(env)
}

// Timeout implements sim.Node.
func (v *View) Timeout(env sim.Env, t sim.Timer) {
	v.Subscriber.Timeout(env, t)
	v.answer(env)
}

// answer answers what can be answered, also from a transaction that is open: what is not on the disk yet is in the log.
func (v *View) answer(env sim.Env) {
	s := v.Store()
	if s == nil {
		return
	}
	through := max(v.Next()-1, Through(s)) // records that nothing can be made of are in no store
	v.waiting = slices.DeleteFunc(v.waiting, func(q question) bool {
		if q.After > through {
			return false
		}
		env.Send(q.from, &Answer{q.ID, v.lookup.Get(s, q.Key), through, Version(s)})
		return true
	})
}

// Ask asks a view until the deadline, which is on the monotonic clock. False if it has not answered by then.
func Ask(p *sim.Proc, view sim.NodeID, key string, after LSN, retry, deadline time.Duration) (*Answer, bool) {
	q := &Question{ID: p.Rand().Uint64(), Key: key, After: after}
	for p.Elapsed() < deadline {
		m, ok := p.Call(view, q, retry, func(m sim.Message) bool {
			a, ok := m.(*Answer)
			return ok && a.ID == q.ID
		})
		if ok {
			return m.(*Answer), true
		}
	}
	return nil, false
}

var _ = []Lookup{Rows{}, Index{}}
