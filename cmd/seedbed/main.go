// Command seedbed is the command line over the project's own scenarios and studies; see package cli.
package main

import (
	"github.com/seedbed-sim/seedbed/cli"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/studies"
)

func main() { cli.Program{Scenarios: scenarios.Catalogue().All(), Studies: studies.Catalogue()}.Main() }
