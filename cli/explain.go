package cli

import (
	"bytes"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seedbed-sim/seedbed/report"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/trace"
)

func (a *app) explainCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "explain SCENARIO --seed N [--nodes N] | --plan FILE [--json]",
		Short: "Tell in sentences how a run came to its violation.",
		Long: `Run one seed, or a plan from a file, and tell in sentences how it came to its violation: the operations that show it,
or what happened that it depends on and that is about what it is about; with the outages, faults and lost messages of those
who have a part in it, and who did not know what. A run that is valid has nothing to explain.`,
		Example: a.examples(
			"explain {scenario} --seed 7", "",
			"explain --plan findings/some-finding.json", "a finding of a sweep"),
		ValidArgsFunction: a.completeScenarios,
	}
	which := newChoice(c, "explain", "this file")
	asJSON := newSwitch(c, "print JSON: one object")
	c.RunE = func(_ *cobra.Command, args []string) error {
		r := runner{app: a}
		if err := r.from(which, args); err != nil {
			return err
		}
		return r.explain(asJSON.value)
	}
	return c
}

// storyJSON is a story as JSON.
type storyJSON struct {
	resultJSON
	Story []report.Sentence `json:"story"`
}

// explain runs the plan, recorded, and tells its story.
func (r *runner) explain(asJSON bool) error {
	var file bytes.Buffer
	result, err := r.scenario.Record(r.plan, scenarios.Options{}, &file)
	if err != nil {
		return err
	}
	if !result.Expected {
		r.escalate(exitViolated)
	}
	t, err := trace.Open(bytes.NewReader(file.Bytes()), int64(file.Len()))
	if err != nil {
		return err
	}
	story, err := report.Story(t)
	switch {
	case err != nil:
		return err
	case asJSON:
		return r.printJSON(storyJSON{newResultJSON(result), story})
	}
	fmt.Fprintf(r.stdout, "%s seed=%d  %s\n", result.Scenario, result.Plan.Seed, result.Line())
	return report.WriteStory(r.stdout, story)
}
