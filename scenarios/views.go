package scenarios

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/trace"
)

// View is a state that nodes derive from a log, and from nothing else. So it can be shown as of any record of the log, by going
// through the records once more, whether or not a node was ever there.
type View struct {
	Name string   // "statement/0": what it is, and the partition of its log
	Doc  string   // one line
	Log  []string // the records as they show; that of number n is at n-1
	// At is what the view has when it has the records up to number n, by key.
	At func(n uint64) []Pair
}

// Pair is a key of a View with its value.
type Pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Change is a key whose value differs between two states of a View. An empty value is none.
type Change struct {
	Key string `json:"key"`
	Old string `json:"old"`
	New string `json:"new"`
}

// Changes are what the record of number n has changed, by key.
func (v *View) Changes(n uint64) []Change {
	before, after := v.At(n-1), v.At(n)
	var list []Change
	for len(before) > 0 || len(after) > 0 {
		switch {
		case len(after) == 0 || len(before) > 0 && before[0].Key < after[0].Key:
			list = append(list, Change{before[0].Key, before[0].Value, ""})
			before = before[1:]
		case len(before) == 0 || after[0].Key < before[0].Key:
			list = append(list, Change{after[0].Key, "", after[0].Value})
			after = after[1:]
		default:
			if before[0].Value != after[0].Value {
				list = append(list, Change{before[0].Key, before[0].Value, after[0].Value})
			}
			before, after = before[1:], after[1:]
		}
	}
	return list
}

// FindView returns the view of a name. The partition may be left out if there is one.
func FindView(views []View, name string) (*View, error) {
	var found []int
	var names []string
	for i := range views {
		short, _, _ := strings.Cut(views[i].Name, "/")
		if name == views[i].Name || name == short {
			found = append(found, i)
		}
		names = append(names, views[i].Name)
	}
	switch len(found) {
	case 1:
		return &views[found[0]], nil
	case 0:
		return nil, fmt.Errorf("there is no view %q; there are %s", name, strings.Join(names, ", "))
	default:
		return nil, fmt.Errorf("there are %d views %q, one for each partition; write one, such as %s", len(found), name, views[found[0]].Name)
	}
}

// WithViews runs a plan and returns its views. It is an error if the scenario has none.
func (s *Scenario) WithViews(p nemesis.Plan, o Options) (Result, []View, error) {
	if s.Views == nil {
		return Result{}, nil, fmt.Errorf("%s has no views: no node of it derives a state from a log", s.Name)
	}
	var views []View
	o.over = func(r *Run) { views = s.Views(r) }
	res := s.Run(p, o)
	if views == nil {
		return res, nil, fmt.Errorf("%s: seed %d has no views: %s", s.Name, p.Seed, res.Line())
	}
	return res, views, nil
}

// ReplayViews runs a recorded run again and returns its views. It is an error if that is not the same run any more: then they
// would be those of another.
func (s *Scenario) ReplayViews(h *trace.Header, p nemesis.Plan, o Options) ([]View, error) {
	if err := s.Check(p); err != nil {
		return nil, err
	}
	o.Deep = true
	same := func(r *Result) bool { return r.Steps == h.Steps && r.DeepHash == h.DeepHash }
	res, views, err := s.WithViews(p, o)
	if err == nil && !same(&res) && h.Steps < res.Steps { // it was stopped
		o.UntilStep = h.Steps
		res, views, err = s.WithViews(p, o)
	}
	switch {
	case err != nil:
		return nil, err
	case !same(&res):
		return nil, fmt.Errorf("this build does not repeat the run: it was recorded by %s with deep hash %016x after %d steps, and is %016x after %d by %s; record it anew",
			buildName(h.Build), h.DeepHash, h.Steps, res.DeepHash, res.Steps, buildName(trace.ThisBuild()))
	}
	return views, nil
}

func buildName(b trace.Build) string {
	return strings.Join(slices.DeleteFunc([]string{b.Module, b.Revision, b.Go, b.Arch}, func(s string) bool { return s == "" }), " ")
}
