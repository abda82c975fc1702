// Command seedbed is the command line over the project's own scenarios; see package cli.
package main

import (
	"github.com/seedbed-sim/seedbed/cli"
	"github.com/seedbed-sim/seedbed/scenarios"
)

func main() { cli.Main(scenarios.Catalogue().All()...) }
