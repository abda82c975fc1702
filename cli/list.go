package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seedbed-sim/seedbed/scenarios"
)

func (a *app) listCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "list [--json]",
		Short: "List the scenarios.",
		Long: `List the scenarios, by name. A demonstration is expected to show the anomaly it names; all others are expected to
hold all their properties.`,
		Example: a.examples("list", "", "list --json", ""),
		Args:    noArguments,
	}
	asJSON := newSwitch(c, "print JSON: a list of objects")
	c.RunE = func(*cobra.Command, []string) error {
		if asJSON.value {
			return a.printJSON(listed(a.registry))
		}
		var t table
		for _, s := range a.registry.All() {
			t.add(s.Name, s.Doc)
		}
		return t.write(a.stdout)
	}
	return c
}

type scenarioJSON struct {
	Name    string      `json:"name"`
	Doc     string      `json:"doc"`
	Anomaly string      `json:"anomaly,omitempty"` // the property that a demonstration violates
	Floors  []floorJSON `json:"floors,omitempty"`  // least medians of a sweep
}

type floorJSON struct {
	Count string `json:"count"`
	Least int64  `json:"least"`
}

func listed(r *scenarios.Registry) []scenarioJSON {
	list := []scenarioJSON{}
	for _, s := range r.All() {
		e := scenarioJSON{Name: s.Name, Doc: s.Doc, Anomaly: s.Anomaly}
		for _, f := range s.Floors {
			e.Floors = append(e.Floors, floorJSON(f))
		}
		list = append(list, e)
	}
	return list
}

func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%s takes no argument, so %q is too much", c.Name(), args[0])
	}
	return nil
}
