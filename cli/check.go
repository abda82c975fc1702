package cli

import (
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/histories"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
)

func (a *app) checkCommand() *cobra.Command {
	var models table
	for _, m := range histories.Models() {
		models.add("  "+m.Name, m.Doc)
	}
	var list strings.Builder
	models.write(&list) // a Builder takes everything
	c := &cobra.Command{
		Use:   "check FILE --model MODEL [--format FORMAT] [--level LEVEL] [--linearizable] [--fifo] [--total N] [--negative] [--steps N] [--page FILE] [--json]",
		Short: "Judge a history that another tool has recorded.",
		Long: `Judge what clients of any system did, as another tool has recorded it. FILE is - for standard input. It has an entry
for each beginning and each end of an operation, in the order in which they happened, in one of three forms:

  edn           Jepsen's: {:index 0, :type :invoke, :process 0, :f :read, :value nil}
  json          the same, as elle-cli reads it: {"index":0, "type":"invoke", "process":0, "f":"read", "value":null}
  register-log  a log of Jepsen, as in Porcupine's tests: INFO  jepsen.util - 0  :invoke  :read  nil

Entries stand one after the other, or in one list. The type is invoke, ok, fail (it has not happened) or info (it may
have, or may still); processes are numbers. Where a model has many objects, the key of one is a field "key", or the value
is [key value]. Models, with their operations:

` + list.String() + `
Steps in what is printed are the entries' indices, or their numbers from 1 on; n3 is process 3.

Exit codes: 0 valid; 1 invalid, or unknown; 2 the file cannot be read, or is no such history.`,
		Example: a.examples(
			"check history.edn --model cas-register", "",
			"check history.json --model list-append --level snapshot-isolation", "less than strict serializability",
			"check history.edn --model queue --fifo --json", "for another program",
			"check - --model bank --total 100 < history.edn", ""),
	}
	model := newOption(c, "model", "MODEL", "what the clients used: one of those above", histories.FindModel)
	format := newOption(c, "format", "FORMAT", "the form of the file: edn, json or register-log; found by its content unless given", named("form of a file", histories.Formats(), func(f histories.Format) string { return string(f) }))
	level := newOption(c, "level", "LEVEL", "of list-append, what is promised: strict-serializable unless given", named("level of isolation", levels(), levelName))
	linearizable := newFlag(c, "linearizable", "of set: reads may not be stale")
	fifo := newFlag(c, "fifo", "of queue: elements leave in the order in which they came")
	total := newOption(c, "total", "N", "of bank, what is in all accounts: what the first read has unless given", wholeNumber)
	negative := newFlag(c, "negative", "of bank: accounts may be overdrawn")
	steps := newOption(c, "steps", "N", fmt.Sprintf("give up on a key after so many steps of a search; %d unless given", histories.DefaultBudget),
		number(1, math.MaxInt32))
	page := newOption(c, "page", "FILE", "of what is linearizable or not: show in this file how far it can be put in order, as Porcupine draws it", path)
	asJSON := newSwitch(c, "print JSON: one object")
	c.RunE = func(_ *cobra.Command, args []string) error {
		switch {
		case len(args) != 1:
			return fmt.Errorf("check takes one file, not %d", len(args))
		case !model.given:
			return fmt.Errorf("check needs --model MODEL: there are %s", names(histories.Models(), func(m *histories.Model) string { return m.Name }))
		}
		for _, f := range []struct {
			given bool
			flag  string
			model string
		}{
			{level.given, "level", "list-append"}, {linearizable.given, "linearizable", "set"}, {fifo.given, "fifo", "queue"},
			{total.given, "total", "bank"}, {negative.given, "negative", "bank"},
		} {
			if f.given && f.model != model.value.Name {
				return fmt.Errorf("--%s is for --model %s, and means nothing for %s", f.flag, f.model, model.value.Name)
			}
		}
		o := histories.Options{
			Format: format.value, Level: checkers.StrictSerializable, Linearizable: linearizable.value, FIFO: fifo.value,
			Total: total.value, HasTotal: total.given, Negative: negative.value, Budget: steps.value,
		}
		if level.given {
			o.Level = level.value
		}
		return a.check(args[0], model.value, o, page.value, asJSON.value)
	}
	return c
}

func (a *app) check(path string, m *histories.Model, o histories.Options, page string, asJSON bool) error {
	if err := writable("page", page, "history", path); err != nil {
		return err
	}
	file := os.Stdin
	if path != "-" {
		var err error
		if file, err = os.Open(path); err != nil {
			return err
		}
		defer file.Close()
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s is a folder; check takes a file", path)
	}
	done := func() {}
	if isTerminal(a.stderr) {
		o.Progress, done = readingBar(a.stderr, info.Size())
	}
	h, r, err := histories.Check(file, m, o)
	done()
	if err != nil {
		return fmt.Errorf("%s: %s", path, scenarios.Printable(err.Error()))
	}
	if page != "" {
		if err := writeCheckedPage(page, path, m, h, r); err != nil {
			return err
		}
	}
	if r.Verdict != checkers.Valid {
		a.escalate(exitViolated)
	}
	if asJSON {
		return a.printJSON(checkedJSON(path, m, h, r))
	}
	return a.printChecked(path, m, h, r)
}

func writeCheckedPage(page, path string, m *histories.Model, h *histories.History, r checkers.Result) error {
	if h.Linear == nil {
		return fmt.Errorf("--page is for what is linearizable or not, such as --model register; %s as %s is judged otherwise", path, m.Name)
	}
	p := checkers.Page{Title: fmt.Sprintf("%s as %s: %s", path, m.Name, r.Verdict)}
	return writeFile("page", page, func(w io.Writer) error { return p.Write(w, *h.Linear, h.Ops) })
}

// readingBar is a progress bar of a file that is read. It vanishes at the end.
func readingBar(w io.Writer, size int64) (tell func(int64), done func()) {
	if size == 0 {
		size = -1 // a pipe
	}
	bar := progressbar.NewOptions64(size, progressbar.OptionSetWriter(w), progressbar.OptionSetWidth(30), progressbar.OptionShowBytes(true),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetDescription("reading"), progressbar.OptionThrottle(barEvery))
	return func(n int64) { bar.Set64(n) }, func() { bar.Finish() }
}

func (a *app) printChecked(path string, m *histories.Model, h *histories.History, r checkers.Result) error {
	verdict := r.Verdict.String()
	if r.Anomaly != "" {
		verdict += ": " + r.Anomaly
	}
	fmt.Fprintf(a.stdout, "%s as %s: %s\n", path, m.Name, verdict)
	fmt.Fprintf(a.stdout, "%s in %s of %s: %d ok, %d failed, %d of unknown outcome, %d without an end\n",
		plural(len(h.Ops), "operation"), entriesText(h.Entries), h.Format,
		h.Count(sim.OK), h.Count(sim.Fail), h.Count(sim.Info), h.Count(sim.Pending))
	if r.Property != "" {
		fmt.Fprintln(a.stdout, r.Property)
	}
	if r.Detail != "" {
		fmt.Fprintln(a.stdout, scenarios.Printable(r.Detail))
	}
	return nil // errors of writing are the sink's
}

func entriesText(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return strconv.Itoa(n) + " entries"
}

type checkJSON struct {
	File       string         `json:"file"`
	Model      string         `json:"model"`
	Format     string         `json:"format"`
	Verdict    string         `json:"verdict"`
	Anomalies  []string       `json:"anomalies"` // by their names in the literature
	Property   string         `json:"property"`
	Detail     string         `json:"detail,omitempty"` // the proof, or why it is unknown
	Entries    int            `json:"entries"`
	Operations map[string]int `json:"operations"` // by outcome
	Concerned  []concernedOp  `json:"concerned"`  // at most mostConcerned, in order of invocation
}

type concernedOp struct {
	Process int    `json:"process"`
	Invoked uint64 `json:"invoked"` // the entry's index, or its number
	Ended   uint64 `json:"ended,omitempty"`
	Outcome string `json:"outcome"`
	Text    string `json:"text"`
}

// mostConcerned bounds a list that is otherwise as long as the history.
const mostConcerned = 100

func checkedJSON(path string, m *histories.Model, h *histories.History, r checkers.Result) checkJSON {
	j := checkJSON{File: path, Model: m.Name, Format: string(h.Format), Verdict: r.Verdict.String(), Anomalies: []string{},
		Property: r.Property, Detail: r.Detail, Entries: h.Entries, Operations: make(map[string]int), Concerned: []concernedOp{}}
	if r.Anomaly != "" {
		j.Anomalies = strings.Split(r.Anomaly, ", ")
	}
	for _, o := range []sim.Outcome{sim.OK, sim.Fail, sim.Info, sim.Pending} {
		j.Operations[o.String()] = h.Count(o)
	}
	for _, op := range r.Ops[:min(len(r.Ops), mostConcerned)] {
		text := fmt.Sprint(op.Input)
		if op.Output != nil {
			text += fmt.Sprintf(" → %v", op.Output)
		}
		j.Concerned = append(j.Concerned, concernedOp{int(op.Client), op.Call, op.Return, op.Outcome.String(), text})
	}
	return j
}

// levels are those of isolation, from the weakest on.
func levels() (all []checkers.Level) {
	for l := checkers.ReadUncommitted; l <= checkers.StrictSerializable; l++ {
		all = append(all, l)
	}
	return all
}

func levelName(l checkers.Level) string { return strings.ReplaceAll(l.String(), " ", "-") }

func wholeNumber(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a whole number", text)
	}
	return n, nil
}
