package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seedbed-sim/seedbed/scenarios"
)

func (a *app) planCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "plan SCENARIO --seed N [--nodes N] [--json]",
		Short: "Print what a seed will do.",
		Long: a.fill(`Print the plan of a seed: the cluster, its links and disks, the faults and when they strike, and what clients do. The
JSON form is what "{me} run --plan" reads; edit it at will. It outlives the build, which the seed does not.`),
		Example: a.examples(
			"plan {scenario} --seed 7", "",
			"plan {scenario} --seed 7 --json > 7.json", "a plan to edit",
			"run --plan 7.json", "runs it"),
		ValidArgsFunction: a.completeScenarios,
	}
	seed := newOption(c, "seed", "N", "the seed, from 1 on", oneSeed)
	sized := newNodes(c)
	asJSON := newSwitch(c, "print JSON: the plan as run --plan reads it")
	c.RunE = func(c *cobra.Command, args []string) error {
		s, err := a.scenario(sized(args))
		switch {
		case err != nil:
			return err
		case !seed.given:
			return errors.New("plan needs --seed N")
		}
		p := s.Plan(seed.value)
		if !asJSON.value {
			_, err = fmt.Fprint(a.stdout, p)
			return err
		}
		p.Build = scenarios.ThisBuild()
		data, err := p.JSON()
		if err != nil {
			return err
		}
		_, err = a.stdout.Write(data)
		return err
	}
	return c
}
