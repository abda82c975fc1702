package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

func (a *app) stateCommand() *cobra.Command {
	some := "SCENARIO" // that has views
	for _, s := range a.registry.All() {
		if s.Views != nil {
			some = s.Name
		}
	}
	c := &cobra.Command{
		Use:   "state FILE | SCENARIO --seed N [--view NAME] [--lsn N] [--json]",
		Short: "Show a view that nodes derive from a log, as of any record.",
		Long: `Show a view of a recorded run as of a record of its log: a balance, a table, an index, which nodes derive from the log
and from nothing else. That record need not be one that a node was ever seen at. Without --view, list the views and the
records they have.

The run is run again, which gives all records, and the view goes through them once more, up to the one asked for. Of a
recording that this build does not repeat, step by step, nothing is shown.`,
		Example: a.examples(
			"run "+some+" --seed 7 --trace 7.trace", "records a run",
			"state 7.trace", "lists its views",
			"state 7.trace --view NAME --lsn 57", "one as of record 57, and what that has changed",
			"state 7.trace --view NAME", "as of the last record",
			"state "+some+" --seed 7", "of a run that is not recorded"),
		ValidArgsFunction: a.completeScenarios,
	}
	seed := newOption(c, "seed", "N", "of the scenario's run that this seed draws, from 1 on", oneSeed)
	sized := newNodes(c)
	view := newOption(c, "view", "NAME", "show this view; the partition, which follows the slash, may be left out if there is one", viewName)
	lsn := newOption(c, "lsn", "N", "as of this record of its log, from 1 on; the last unless given", recordNumber)
	asJSON := newSwitch(c, "print JSON: an object, or a list of the views")
	c.RunE = func(c *cobra.Command, args []string) error {
		if lsn.given && !view.given {
			return errors.New("--lsn is about one view; name it with --view")
		}
		var title string
		var views []scenarios.View
		var err error
		switch {
		case seed.given:
			title, views, err = a.viewsOfSeed(sized(args), seed.value)
		case c.Flags().Changed("nodes"):
			err = errors.New("--nodes is about plans that are drawn; a recording has its nodes")
		case len(args) != 1:
			err = fmt.Errorf("state takes one recording, or a scenario and --seed N, not %d arguments", len(args))
		default:
			title, views, err = a.viewsOfFile(args[0])
		}
		if err != nil {
			return err
		}
		if !view.given {
			return a.listViews(title, views, asJSON.value)
		}
		v, err := scenarios.FindView(views, view.value)
		if err != nil {
			return fmt.Errorf("--view: %w", err)
		}
		last := uint64(len(v.Log))
		n := cmp.Or(lsn.value, last)
		if n > last {
			return fmt.Errorf("--lsn %d is beyond the end: the log of %s has %d records", n, v.Name, last)
		}
		return a.showState(title, v, n, asJSON.value)
	}
	return c
}

// viewsOfSeed runs a plan of the scenario that the arguments name.
func (a *app) viewsOfSeed(args []string, seed uint64) (title string, views []scenarios.View, err error) {
	s, err := a.scenario(args)
	if err != nil {
		return "", nil, err
	}
	p := s.Plan(seed)
	if err := s.Check(p); err != nil { // of a size that was asked for
		return "", nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	err = a.watched(s, p, func(o scenarios.Options) (err error) {
		_, views, err = s.WithViews(p, o)
		return err
	})
	return fmt.Sprintf("%s seed=%d", s.Name, seed), views, err
}

// viewsOfFile repeats a recorded run.
func (a *app) viewsOfFile(path string) (title string, views []scenarios.View, err error) {
	file, err := trace.OpenFile(path)
	if err != nil {
		if s, unknown := a.registry.Find(path); unknown == nil && errors.Is(err, os.ErrNotExist) {
			return "", nil, fmt.Errorf("%s is a scenario: write which run with --seed N", s.Name)
		}
		return "", nil, err
	}
	defer file.Close()
	h := file.Header()
	var p nemesis.Plan
	if err := json.Unmarshal(h.Plan, &p); err != nil {
		return "", nil, fmt.Errorf("%s: the trace has no plan by which the run could be repeated: %w", path, err)
	}
	s, err := a.registry.Find(h.Scenario)
	if err == nil {
		err = a.watched(s, p, func(o scenarios.Options) (err error) {
			views, err = s.ReplayViews(&h, p, o)
			return err
		})
	}
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", path, err)
	}
	return fmt.Sprintf("%s seed=%d", h.Scenario, h.Seed), views, nil
}

// watched has a run end the process if it makes no step.
func (a *app) watched(s *scenarios.Scenario, p nemesis.Plan, run func(o scenarios.Options) error) error {
	dog := scenarios.ExitWatchdog(a.stderr)
	stop := func() {}
	defer func() { stop() }()
	return run(scenarios.Options{Started: func(w *sim.World) {
		stop() // of a run before this one
		stop = dog.Start(s.Name, p.Seed, w).Stop
	}})
}

type viewJSON struct {
	View string `json:"view"`
	Doc  string `json:"doc"`
	Last int    `json:"last"` // record
}

func (a *app) listViews(title string, views []scenarios.View, asJSON bool) error {
	if asJSON {
		list := make([]viewJSON, len(views))
		for i, v := range views {
			list[i] = viewJSON{v.Name, v.Doc, len(v.Log)}
		}
		return a.printJSON(list)
	}
	fmt.Fprintln(a.stdout, title)
	t := table{right: 1}
	for _, v := range views {
		t.add(v.Name, strconv.Itoa(len(v.Log)), "records", v.Doc)
	}
	return t.write(a.stdout)
}

// stateJSON is a view as of a record.
type stateJSON struct {
	viewJSON
	LSN     uint64             `json:"lsn"`
	Record  string             `json:"record"`
	Changes []scenarios.Change `json:"changes"` // by that record; an empty value is none
	State   []scenarios.Pair   `json:"state"`
}

func (a *app) showState(title string, v *scenarios.View, n uint64, asJSON bool) error {
	record, changes, state := "", []scenarios.Change(nil), []scenarios.Pair(nil)
	if n > 0 {
		record, changes, state = v.Log[n-1], v.Changes(n), v.At(n)
	}
	if asJSON {
		return a.printJSON(stateJSON{
			viewJSON{v.Name, v.Doc, len(v.Log)}, n, record, append([]scenarios.Change{}, changes...), append([]scenarios.Pair{}, state...),
		})
	}
	fmt.Fprintf(a.stdout, "%s  %s at %d of %d: %s\n", title, v.Name, n, len(v.Log), v.Doc)
	if n == 0 {
		return nil
	}
	what := "it changes"
	if len(changes) == 0 {
		what += " nothing"
	}
	fmt.Fprintf(a.stdout, "record %d is %s; %s\n", n, record, what)
	t := table{}
	for _, c := range changes {
		t.add("  "+c.Key, cmp.Or(c.Old, "nothing")+" → "+cmp.Or(c.New, "nothing"))
	}
	if err := t.write(a.stdout); err != nil {
		return err
	}
	if len(state) == 0 {
		fmt.Fprintln(a.stdout, "it is empty then")
		return nil
	}
	fmt.Fprintln(a.stdout, "it has then")
	t = table{}
	for _, p := range state {
		t.add("  "+p.Key, p.Value)
	}
	return t.write(a.stdout)
}

func viewName(text string) (string, error) {
	if text == "" {
		return "", errors.New("the name is empty; leave the flag out to list the views")
	}
	return text, nil
}

func recordNumber(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a record; write a number from 1 on", text)
	}
	return n, nil
}
