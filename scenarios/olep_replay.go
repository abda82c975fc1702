package scenarios

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/sim"
)

// olepLogs are all records that there ever were, by partition and LSN - 1, as brokers have told of them.
type olepLogs [][]olep.Entry

// keepLogs takes down what comes to be in the logs of a run. fresh, unless nil, is told of each record.
func keepLogs(r *Run, partitions int, fresh func(partition int, e *olep.Entry)) olepLogs {
	all := make(olepLogs, partitions)
	r.World.Watch(func(s *sim.Step) {
		if f, ok := s.Payload.(olep.Appended); ok {
			for i := range f.Entries {
				e := &f.Entries[i]
				if e.LSN != olep.LSN(len(all[f.Partition]))+1 {
					continue // it is told again, after a boot
				}
				all[f.Partition] = append(all[f.Partition], *e)
				if fresh != nil {
					fresh(f.Partition, e)
				}
			}
		}
	})
	return all
}

// of are the records of a logical log, up to an LSN.
func (all olepLogs) of(partition int, only string, through olep.LSN) []olep.Entry {
	entries := all[partition][:through]
	if only == "" {
		return entries
	}
	return slices.DeleteFunc(slices.Clone(entries), func(e olep.Entry) bool { return e.Log != only })
}

// derived is a view that subscribers have.
type derived struct {
	name, doc string
	partition int
	only      string
	processor olep.Processor
	show      func(s *olep.Store) []olep.Pair
	nodes     []sim.NodeID
}

// prefixed shows the keys with a prefix.
func prefixed(prefix string) func(s *olep.Store) []olep.Pair {
	return func(s *olep.Store) []olep.Pair { return s.Pairs(prefix) }
}

// replay goes through the records once more.
func (all olepLogs) replay(v *derived, through olep.LSN) (s *olep.Store) {
	r := sim.NewRecorder(sim.Config{}, 1, 1, func(sim.NodeID) sim.Node { return sim.Spawn(func(*sim.Proc) {}) })
	defer r.World.Close()
	r.Do(func(env sim.Env) { s = olep.Replay(env, v.processor, all.of(v.partition, v.only, through)) })
	return s
}

// views make Views of what subscribers have.
func (all olepLogs) views(list []derived) []View {
	views := make([]View, len(list))
	for i := range list {
		v := &list[i]
		views[i] = all.view(v.name, v.partition, v.doc, func(through olep.LSN) []olep.Pair { return v.show(all.replay(v, through)) })
	}
	return views
}

// view makes a View of what a partition's log has.
func (all olepLogs) view(name string, partition int, doc string, at func(through olep.LSN) []olep.Pair) View {
	v := View{Name: name + "/" + strconv.Itoa(partition), Doc: doc}
	for i := range all[partition] {
		v.Log = append(v.Log, recordText(&all[partition][i].Record))
	}
	v.At = func(n uint64) []Pair {
		var pairs []Pair
		for _, p := range at(olep.LSN(n)) {
			pairs = append(pairs, Pair{p.Key, p.Value})
		}
		slices.SortFunc(pairs, func(a, b Pair) int { return cmp.Compare(a.Key, b.Key) })
		return pairs
	}
	return v
}

// recordText is all of a record.
func recordText(r *olep.Record) string {
	switch {
	case r.Tombstone:
		return fmt.Sprintf("%s/%s deleted", r.Log, r.Key)
	case r.Key == "":
		return fmt.Sprintf("%s: %s", r.Log, r.Value)
	default:
		return fmt.Sprintf("%s/%s=%s", r.Log, r.Key, r.Value)
	}
}

// following is a node that has a view: an olep.Subscriber or olep.View.
type following interface {
	Store() *olep.Store
	Next() olep.LSN
}

// judge compares what subscribers have, after all that they went through, with what the records make of it.
func (all olepLogs) judge(r *Run, list []derived) {
	same := r.Checks.Always("a view is what its log comes to, read again")
	for i := range list {
		v := &list[i]
		for _, id := range v.nodes {
			n := r.World.Node(id).(following)
			if n.Store() == nil {
				continue // its disk has stopped it
			}
			through := n.Next() - 1
			has, want := stateText(n.Store()), stateText(all.replay(v, through))
			same.Check(has == want, func() string {
				return fmt.Sprintf("%s has as %s/%d at %d\n%sand the log comes to\n%s", id, v.name, v.partition, through, has, want)
			})
		}
	}
}

// stateText is all that a store has of a view, and what was left out of it.
func stateText(s *olep.Store) string {
	var b strings.Builder
	for _, p := range s.Pairs("") {
		fmt.Fprintf(&b, "  %s=%s\n", p.Key, p.Value)
	}
	fmt.Fprintf(&b, "  without %d\n", olep.Poison(s))
	return b.String()
}
