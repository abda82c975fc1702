package cli

import (
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seedbed-sim/seedbed/export"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

func (a *app) traceCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "trace FILE [--from-step K] [--to-step K] [--node NODE] [--json]",
		Short: "Print a recorded run, or a part of it.",
		Long: `Print a recorded run: a header, then a line per step with its number, time, node, kind, what it was, and what it
changed in the node's state. A part costs no more to read than it is long.`,
		Example: a.examples(
			"run {scenario} --seed 7 --trace 7.trace", "records a run",
			"trace 7.trace", "all of it",
			"trace 7.trace --from-step 1800 --to-step 1893", "a part",
			"trace 7.trace --node n1", "what n1 went through"),
	}
	window := newWindow(c, "print")
	node := newOption(c, "node", "NODE", "print the steps of this node only: n1, c1, or - for the world", nodeName)
	asJSON := newSwitch(c, "print JSON: an object for the header, then one per step, a line each")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("trace takes one file, not %d", len(args))
		}
		file, err := trace.OpenFile(args[0])
		if err != nil {
			return err
		}
		defer file.Close()
		header := file.Header()
		first, last, err := window(args[0], &header)
		if err != nil {
			return err
		}
		steps := file.Window(first, last)
		if node.given {
			id, err := findNode(&header, node.value)
			if err != nil {
				return err
			}
			steps = ofNode(steps, id)
		}
		show := a.showTrace
		if asJSON.value {
			show = func(h trace.Header, steps iter.Seq2[trace.Step, error]) error {
				return export.JSONLines(a.stdout, h, steps)
			}
		}
		if err := show(header, steps); err != nil {
			return fmt.Errorf("%s: %w", args[0], err)
		}
		return nil
	}
	return c
}

func (a *app) showTrace(h trace.Header, steps iter.Seq2[trace.Step, error]) error {
	fmt.Fprintf(a.stdout, "%s seed=%d  %s; %d steps, %s virtual, hash %016x, deep hash %016x\n",
		h.Scenario, h.Seed, h.Verdict, h.Steps, h.Virtual, h.Hash, h.DeepHash)
	fmt.Fprintf(a.stdout, "recorded by %s\n", buildText(h.Build))
	return trace.Print(a.stdout, h, steps)
}

// stepWindow says which steps of a trace at a path are meant.
type stepWindow func(path string, h *trace.Header) (first, last uint64, err error)

// newWindow adds --from-step and --to-step to a command that does something with the steps of a trace.
func newWindow(c *cobra.Command, do string) stepWindow {
	from := newOption(c, "from-step", "K", "the first step to "+do, stepNumber)
	to := newOption(c, "to-step", "K", "the last step to "+do, stepNumber)
	return func(path string, h *trace.Header) (first, last uint64, err error) {
		first, last = 1, math.MaxUint64
		if from.given {
			first = from.value
		}
		if to.given {
			last = to.value
		}
		switch {
		case first > last:
			err = fmt.Errorf("--from-step %d is after --to-step %d; exchange them", first, last)
		case from.given && first > h.Steps:
			err = fmt.Errorf("--from-step %d is beyond the end: %s has %d steps", first, path, h.Steps)
		}
		return first, last, err
	}
}

// findNode is the node of a name; the error lists the names there are.
func findNode(h *trace.Header, name string) (sim.NodeID, error) {
	var p nemesis.Plan
	if err := json.Unmarshal(h.Plan, &p); err != nil {
		return 0, fmt.Errorf("--node: the trace has no plan that tells its nodes: %w", err)
	}
	names := []string{h.Name(sim.Nobody)}
	for i := 1; i <= p.Nodes+p.Clients; i++ {
		names = append(names, h.Name(sim.NodeID(i)))
	}
	id := slices.Index(names, name)
	if id < 0 {
		return 0, fmt.Errorf("--node: the trace has no %q; there are %s", name, listSome(names))
	}
	return sim.NodeID(id), nil
}

// listSome lists names, if need be with an ellipsis.
func listSome(names []string) string {
	const most = 12
	if len(names) > most {
		names = slices.Concat(names[:most-1], []string{"…", names[len(names)-1]})
	}
	return strings.Join(names, ", ")
}

func ofNode(steps iter.Seq2[trace.Step, error], id sim.NodeID) iter.Seq2[trace.Step, error] {
	return func(yield func(trace.Step, error) bool) {
		for s, err := range steps {
			if (err != nil || s.Node == id) && !yield(s, err) {
				return
			}
		}
	}
}

// buildText is a build in one line.
func buildText(b trace.Build) string {
	var parts []string
	for _, p := range []string{b.Module, b.Revision, b.Go, b.Arch} {
		if p != "" {
			parts = append(parts, p)
		}
	}
	return strings.Join(parts, " ")
}
