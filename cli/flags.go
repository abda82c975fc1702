package cli

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seedbed-sim/seedbed/internal/seeds"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

// option is a flag whose errors say what would be right.
type option[T any] struct {
	name  string
	kind  string // of the value, for the help
	parse func(text string) (T, error)
	text  string // as given
	value T
	given bool
}

// newOption adds a flag to a command.
func newOption[T any](c *cobra.Command, name, kind, usage string, parse func(string) (T, error)) *option[T] {
	o := &option[T]{name: name, kind: kind, parse: parse}
	c.Flags().Var(o, name, usage)
	return o
}

// newSwitch adds --json to a command.
func newSwitch(c *cobra.Command, usage string) *option[bool] { return newFlag(c, "json", usage) }

// newFlag adds a flag that is true where it stands without a value.
func newFlag(c *cobra.Command, name, usage string) *option[bool] {
	o := newOption(c, name, "bool", usage, func(text string) (bool, error) {
		if text != "true" && text != "false" {
			return false, fmt.Errorf("%q is neither true nor false; leave it out", text)
		}
		return text == "true", nil
	})
	c.Flags().Lookup(o.name).NoOptDefVal = "true"
	return o
}

// Set implements pflag.Value, as do the methods below.
func (o *option[T]) Set(text string) (err error) {
	if o.given {
		return &badFlag{fmt.Errorf("--%s is given twice", o.name)}
	}
	if o.value, err = o.parse(text); err != nil {
		return &badFlag{fmt.Errorf("--%s: %w", o.name, err)}
	}
	o.text, o.given = text, true
	return nil
}

func (o *option[T]) String() string { return o.text }
func (o *option[T]) Type() string   { return o.kind }

// badFlag is an error of a flag's value that needs no more words around it.
type badFlag struct{ err error }

func (b *badFlag) Error() string { return b.err.Error() }
func (b *badFlag) Unwrap() error { return b.err }

// exclude refuses flags that contradict each other.
func exclude(c *cobra.Command, one, other, why string) error {
	if c.Flags().Changed(one) && c.Flags().Changed(other) {
		return fmt.Errorf("--%s and --%s contradict each other: %s", one, other, why)
	}
	return nil
}

// choice says which run is meant: that of a seed, or of a plan in a file.
type choice struct {
	command *cobra.Command
	seed    *option[uint64]
	sized   func(names []string) []string
	plan    *option[string]
}

// newChoice adds --seed, --nodes and --plan to a command that does something to a run: it runs, shrinks or explains it.
func newChoice(c *cobra.Command, does, file string) *choice {
	return &choice{c, newOption(c, "seed", "N", does+" the plan that this seed draws, from 1 on", oneSeed), newNodes(c),
		newOption(c, "plan", "FILE", does+" the plan in "+file, path)}
}

// check refuses to be told twice which run is meant.
func (w *choice) check() error {
	return cmp.Or(exclude(w.command, "seed", "plan", "a plan has its seed"), exclude(w.command, "nodes", "plan", "a plan has its nodes"))
}

// named reads the name of one of a list; the error says what there are.
func named[T any](what string, list []T, name func(T) string) func(text string) (T, error) {
	return func(text string) (none T, err error) {
		for _, one := range list {
			if name(one) == text {
				return one, nil
			}
		}
		return none, fmt.Errorf("%q is no %s; there are %s", text, what, names(list, name))
	}
}

func names[T any](list []T, name func(T) string) string {
	all := make([]string, len(list))
	for i, one := range list {
		all[i] = name(one)
	}
	return strings.Join(all, ", ")
}

// newNodes adds --nodes to a command that draws plans. sized puts what it says behind the names of scenarios.
func newNodes(c *cobra.Command) (sized func(names []string) []string) {
	o := newOption(c, "nodes", "N", "have so many nodes in the cluster, whatever the seed draws; as NAME@N has", number(1, nemesis.MaxNodes))
	return func(names []string) []string {
		list := slices.Clone(names)
		for i := range list {
			if o.given {
				list[i] += "@" + o.text
			}
		}
		return list
	}
}

// seedSet reads seeds. Of the error it keeps what was wrong, since which text was is plain here.
func seedSet(text string) (seeds.Ranges, error) {
	rs, err := seeds.Parse(text)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	return rs, nil
}

func oneSeed(text string) (uint64, error) {
	rs, err := seeds.Parse(text)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a seed; write a decimal number from 1 on, such as 77", text)
	case rs.Len() > 1:
		return 0, fmt.Errorf("%s are %d seeds; write one, or use sweep --seeds", text, rs.Len())
	}
	return rs[0].First, nil
}

func stepNumber(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%q is not a step; write a number from 1 on", text)
	}
	return n, nil
}

func workerCount(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxWorkers {
		return 0, fmt.Errorf("%q is not a number of workers; write one from 1 to %d, or leave it out for one per core", text, maxWorkers)
	}
	return n, nil
}

// maxWorkers is more than any machine has cores: a larger number is a slip.
const maxWorkers = 4096

func span(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a time to sweep for; write a positive one with its unit, such as 90s or 10m", text)
	}
	return d, nil
}

func path(text string) (string, error) {
	if text == "" {
		return "", errors.New("the path is empty; write one")
	}
	return text, nil
}

// A name such as HEAD would give each commit the same seeds.
var commit = regexp.MustCompile(`^[0-9a-fA-F]{4,64}$`)

func commitID(text string) (string, error) {
	if !commit.MatchString(text) {
		return "", fmt.Errorf("%q is not the id of a commit, 4 to 64 hexadecimal digits; write one, such as $(git rev-parse HEAD)", text)
	}
	return text, nil
}

func expression(text string) (*regexp.Regexp, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("%w; write a regular expression, such as linearizable", err)
	}
	return re, nil
}

// nodeName is a node as traces show it: "n3", "c1", or "-" for the world.
func nodeName(text string) (string, error) {
	if text == "" {
		return "", errors.New(`the node is empty; write its name as the trace shows it, such as n1, or "-" for the world`)
	}
	if n, err := strconv.ParseUint(text, 10, 31); err == nil && n > 0 {
		return sim.NodeID(n).String(), nil
	}
	return text, nil
}
