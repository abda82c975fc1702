package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seedbed-sim/seedbed/export"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

func (a *app) exportCommand() *cobra.Command {
	var formats table
	for _, f := range export.Formats {
		formats.add("  "+f.Name, f.Doc)
	}
	var list strings.Builder
	formats.write(&list) // a Builder takes everything
	c := &cobra.Command{
		Use:   "export FILE --format FORMAT [--out FILE] [--from-step K] [--to-step K]",
		Short: "Write a recorded run in a form that other tools read.",
		Long: a.fill(`Write a recorded run, or a part of it, in a form that other tools read:

` + list.String() + `
A log for ShiViz begins with the regular expression that ShiViz parses it with; where a file is uploaded, ShiViz takes it
from there. A history has the values of operations, which a trace has not: so the plan in the trace is run again, and must
be the same run in this build. A history without a part of its run may lack what its reads saw.`),
		Example: a.examples(
			"run {scenario} --seed 7 --trace 7.trace", "records a run",
			"export 7.trace --format perfetto --out 7.json", "to be opened at ui.perfetto.dev",
			"export 7.trace --format jepsen --out 7.edn", "the history of its clients",
			"export 7.trace --format mermaid --from-step 40 --to-step 90", "a picture of a part"),
	}
	window := newWindow(c, "export")
	format := newOption(c, "format", "FORMAT", "the form to write", named("format", export.Formats, formatName))
	out := newOption(c, "out", "FILE", "write to this file, not to standard output", path)
	c.RunE = func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) != 1:
			return fmt.Errorf("export takes one file, not %d", len(args))
		case !format.given:
			return fmt.Errorf("export needs --format; there are %s", names(export.Formats, formatName))
		}
		file, err := trace.OpenFile(args[0])
		if err != nil {
			return err
		}
		defer file.Close()
		header := file.Header()
		run := export.Run{Trace: file.Reader}
		if run.First, run.Last, err = window(args[0], &header); err != nil {
			return err
		}
		if err := writable("out", out.value, "trace", args[0]); err != nil {
			return err
		}
		if format.value.History {
			if run.History, err = a.history(header); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
		}
		write := func(w io.Writer) error {
			if err := format.value.Write(w, run); err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return nil
		}
		if out.given {
			return writeFile("out", out.value, write)
		}
		return write(a.stdout)
	}
	return c
}

// history is that of a recorded run, with the values of its operations.
func (a *app) history(h trace.Header) ([]*sim.Op, error) {
	s, err := a.registry.Find(h.Scenario)
	if err != nil {
		return nil, err
	}
	dog := scenarios.ExitWatchdog(a.stderr)
	stop := func() {}
	history, err := s.History(h, scenarios.Options{Started: func(w *sim.World) {
		stop() // watching the run before this one
		stop = dog.Start(h.Scenario, h.Seed, w).Stop
	}})
	stop()
	if err == nil && len(history) == 0 {
		err = errors.New("the run has no client operations, and so no history")
	}
	return history, err
}

func formatName(f *export.Format) string { return f.Name }
