// Package cli is the command line over any set of scenarios: list, plan, run, sweep, shrink, mutants, trace, explain, view,
// state, export and check. It is not the runner: package scenarios runs and judges, this package reads what people type,
// prints what came of it, and sets the exit code.
//
// A module of its own gets all of it with
//
//	func main() { cli.Main(myScenario, anotherScenario) }
//
// # Exit codes
//
//	0    as expected, which for a demonstration is that it shows its anomaly; or, of a foreign history, that it is valid
//	1    a property was violated, or a verdict is unknown; or, in a sweep of at least 200 seeds, a "sometimes" never held
//	     or a demonstration never showed its anomaly
//	2    nothing can be said: wrong usage, a file that cannot be read or written, a run that hangs
//	3    a determinism failure: one plan gave different runs, so that no verdict means anything
//	130  a sweep was interrupted, and had found nothing until then
//
// Note that "go run" turns each of them but 0 into 1: build the command where the code matters.
//
// What was asked for goes to standard output; errors, of one line, and progress go to standard error. With --json the
// output is JSON, in which seeds and hashes are strings, since they need more than the 53 bits that many readers have.
// Files are written whole or not at all.
package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/studies"
	"github.com/seedbed-sim/seedbed/trace"
)

// Exit codes.
const (
	exitExpected         = 0
	exitViolated         = 1
	exitMisused          = 2
	exitNondeterministic = 3
	exitInterrupted      = 130 // 128 + SIGINT, as shells have it
)

// Main is the whole of a command line over these scenarios. It does not return. It panics if two scenarios have one name.
func Main(list ...*scenarios.Scenario) { Program{Scenarios: list}.Main() }

// Program is what a command line is over.
type Program struct {
	Scenarios []*scenarios.Scenario
	Studies   []*studies.Study // without any there is no command for them
}

// Main is as the function of that name.
func (p Program) Main() {
	os.Exit(Run(os.Args[1:], os.Stdout, os.Stderr, scenarios.NewRegistry(p.Scenarios...), p.Studies...))
}

// Run is Main without its process: it returns the exit code. Only a run that hangs for scenarios.StuckAfter still ends the
// process, since nothing else can end it.
func Run(args []string, stdout, stderr io.Writer, registry *scenarios.Registry, list ...*studies.Study) int {
	out := &sink{w: stdout}
	a := &app{name: program(), again: invocation(), registry: registry, studies: list, stdout: out, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(stderr)
	err := root.Execute()
	if out.err != nil {
		err = fmt.Errorf("cannot write the output: %w", out.err)
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %s\n", a.name, strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", " "))
		return exitMisused
	}
	return a.code
}

// app is one invocation.
type app struct {
	name           string // of the program, for texts
	again          string // what to type to call it, for lines that repeat something
	registry       *scenarios.Registry
	studies        []*studies.Study
	stdout, stderr io.Writer
	code           int // what the command came to, unless it returned an error
}

// escalate keeps the worst of the exit codes that the parts of a command came to.
func (a *app) escalate(code int) { a.code = max(a.code, code) }

func (a *app) root() *cobra.Command {
	c := &cobra.Command{
		Use:   a.name + " COMMAND",
		Short: "Run simulated systems from seeds, and judge them.",
		Long: a.fill(`One seed decides all that happens in a run: delays, losses, crashes, clock errors and what clients do. {me} runs
scenarios from seeds, judges the runs, and shows what broke in those that failed.

Exit codes: 0 as expected; 1 a property was violated, a verdict is unknown, or, in a sweep of at least 200 seeds, a
"sometimes" never held; 2 wrong usage, or a file that cannot be read or written; 3 a determinism failure; 130 a sweep
was interrupted and had found nothing.`),
		Example: a.examples(
			"sweep", "every scenario, many seeds",
			"run {scenario} --seed 7", "one seed",
			"run {scenario} --seed 7 --trace 7.trace", "and a recording of it",
			"trace 7.trace --node n1", "what n1 went through",
			"shrink {scenario} --seed 76", "a failing seed, made small",
			"check history.edn --model register", "what another tool has recorded"),
		Version: buildText(trace.ThisBuild()),
		Args:    a.knownCommand,
		RunE: func(c *cobra.Command, _ []string) error {
			a.escalate(exitMisused)
			c.SetOut(a.stderr)
			return c.Help()
		},
		SilenceErrors:         true,
		SilenceUsage:          true,
		DisableFlagsInUseLine: true,
		CompletionOptions:     cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	c.SetUsageTemplate(usage)
	c.SetVersionTemplate("{{.Version}}\n")
	c.SetHelpCommand(a.helpCommand())
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if bad := new(badFlag); errors.As(err, &bad) {
			return bad
		}
		return fmt.Errorf("%w; see %s --help", err, c.CommandPath())
	})
	c.AddCommand(a.listCommand(), a.planCommand(), a.runCommand(), a.sweepCommand(), a.shrinkCommand(), a.mutantsCommand(), a.traceCommand(), a.stateCommand(), a.checkCommand(), a.exportCommand(), a.explainCommand(), a.diffCommand(), a.viewCommand())
	if len(a.studies) > 0 {
		c.AddCommand(a.studyCommand())
	}
	for _, sub := range c.Commands() {
		sub.DisableFlagsInUseLine = true // they are in its Use
	}
	return c
}

// usage is the part of a help text after what the command does.
const usage = `Usage:
  {{.UseLine}}

Examples:
{{.Example}}
{{- if .HasAvailableSubCommands}}

Commands:
{{- range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name 8}} {{.Short}}{{end}}{{end}}
{{- end}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}
`

// helpCommand is cobra's but for its exit code when there is no such command.
func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: "Say more about a command.", Hidden: true,
		RunE: func(c *cobra.Command, args []string) error {
			of, rest, err := c.Root().Find(args)
			switch {
			case err != nil:
				return err
			case len(rest) > 0:
				return a.knownCommand(c.Root(), rest)
			}
			of.InitDefaultHelpFlag()
			return of.Help()
		},
	}
}

// knownCommand refuses what is no command; no argument at all shows the help.
func (a *app) knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, sub := range c.Commands() {
		if !sub.Hidden {
			names = append(names, sub.Name())
		}
	}
	return fmt.Errorf("unknown command %q: there are %s", args[0], strings.Join(names, ", "))
}

// examples are command lines, each with what it does, which may be empty.
func (a *app) examples(pairs ...string) string {
	var t table
	for i := 0; i < len(pairs); i += 2 {
		t.add("  "+a.fill("{me} "+pairs[i]), pairs[i+1])
	}
	var b strings.Builder
	t.write(&b) // a Builder takes everything
	return strings.TrimSuffix(b.String(), "\n")
}

// fill completes a help text with the program's name and that of a scenario there is.
func (a *app) fill(text string) string {
	scenario := "SCENARIO"
	if all := a.registry.All(); len(all) > 0 {
		scenario = all[len(all)-1].Name
	}
	return strings.NewReplacer("{me}", a.name, "{scenario}", scenario).Replace(text)
}

// scenario is the one that a command line names.
func (a *app) scenario(args []string) (*scenarios.Scenario, error) {
	switch {
	case len(args) == 0:
		_, err := a.registry.Find("")
		return nil, fmt.Errorf("the name of a scenario is missing: %s", strings.TrimPrefix(err.Error(), `unknown scenario "": `))
	case len(args) > 1:
		return nil, fmt.Errorf("one scenario at a time, not %s; sweep takes several", strings.Join(args, " "))
	}
	return a.registry.Find(args[0])
}

// completeScenarios offers names to a shell.
func (a *app) completeScenarios(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, s := range a.registry.All() {
		names = append(names, s.Name+"\t"+s.Doc)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// program is the name this command line goes by.
func program() string { return strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe") }

// printJSON prints a value in lines.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// sink is a writer that remembers its first error, so that an output cut short is never taken for a whole one.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.w.Write(p)
	s.err = err
	return n, err
}
