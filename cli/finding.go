package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/report"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/trace"
)

// findingFormat is the version of the files. A build reads findings of its own and of earlier formats.
const findingFormat = 1

// finding is what a sweep keeps of runs that failed alike: the one with the smallest seed, in full.
type finding struct {
	Format    int    `json:"finding"`
	Signature string `json:"signature"`
	resultJSON
	Deterministic *bool       `json:"deterministic,omitempty"` // absent until the sweep is over
	Divergence    string      `json:"divergence,omitempty"`
	Runs          int64       `json:"runs,omitempty"`  // with this signature; absent until the sweep is over
	Seeds         []string    `json:"seeds,omitempty"` // of those, the smallest ones
	Build         trace.Build `json:"build"`
	Commands      commands    `json:"commands"`

	plan nemesis.Plan // in the file as "plan"
}

// commands repeat a finding.
type commands struct {
	Seed  string `json:"seed"`            // with the same build
	Plan  string `json:"plan,omitempty"`  // with any build
	Trace string `json:"trace,omitempty"` // prints what was recorded of it

	view string // opens that in a browser
}

// list is what a page of a finding says to type; again calls the program.
func (f *finding) list(again string) []report.Command {
	c := f.Commands
	plan := strings.TrimPrefix(c.Plan, again+" run ")
	list := []report.Command{{For: "repeat it, with this build", Line: c.Seed}, {For: "repeat it, with any build", Line: c.Plan}}
	list = append(list, explaining(again, plan, f.plan)...)
	return append(list, report.Command{For: "print it", Line: c.Trace}, report.Command{For: "open it", Line: c.view})
}

// readPlan reads a plan from a file that holds one, or a finding.
func readPlan(file string) (nemesis.Plan, *finding, error) {
	data, err := scenarios.ReadPlanFile(file)
	if err != nil {
		return nemesis.Plan{}, nil, err
	}
	var probe struct {
		Format json.RawMessage `json:"finding"`
		Plan   json.RawMessage `json:"plan"`
	}
	if json.Unmarshal(data, &probe) != nil || probe.Format == nil {
		p, err := nemesis.ReadPlan(file, data)
		return p, nil, err
	}
	var f finding
	err = json.Unmarshal(data, &f)
	wrong := new(json.UnmarshalTypeError)
	switch {
	case errors.As(err, &wrong):
		return nemesis.Plan{}, nil, fmt.Errorf("%s: %s: a finding has no %s there", file, strings.TrimPrefix(wrong.Field, "resultJSON."), wrong.Value)
	case err != nil:
		return nemesis.Plan{}, nil, fmt.Errorf("%s: not a finding: %w", file, err)
	case f.Format > findingFormat:
		return nemesis.Plan{}, nil, fmt.Errorf("%s: finding: %d is newer than what this build reads, which is up to %d", file, f.Format, findingFormat)
	case probe.Plan == nil:
		return nemesis.Plan{}, nil, fmt.Errorf("%s: plan: missing from this finding", file)
	}
	f.plan, err = nemesis.ReadPlan(file+": plan", probe.Plan)
	return f.plan, &f, err
}

// compare tells how a run of a finding's plan differs from the finding; it is empty if it does not, and for no finding.
func (f *finding) compare(r *scenarios.Result) string {
	if f == nil || r.Stopped || f.Hash == hashText(r.Hash) {
		return ""
	}
	return fmt.Sprintf("  this is not the finding's own run, which had hash %s and was %s %s; it was made by %s, this is %s",
		f.Hash, f.Verdict, f.Property, buildText(f.Build), buildText(trace.ThisBuild()))
}

// encode is the file. The plan comes last, as readable as it is by itself.
func (f *finding) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(f); err != nil {
		return nil, err
	}
	plan, err := f.plan.JSON()
	if err != nil {
		return nil, err
	}
	head := strings.TrimSuffix(b.String(), "\n}\n")
	return fmt.Appendf(nil, "%s,\n  \"plan\": %s\n}\n", head, strings.ReplaceAll(strings.TrimSpace(string(plan)), "\n", "\n  ")), nil
}

// folder is where a sweep's findings go: a file per signature, for the smallest seed seen so far, from the moment it is
// seen.
type folder struct {
	path string
	made bool // by us
	kept map[key]*kept
	err  error // the first; nothing is written after it
}

type key struct{ scenario, signature string }

type kept struct {
	run  *scenarios.Result
	base string // the path of the files without extension
}

// openFolder makes the folder and makes sure that files can be made in it.
func openFolder(path string) (*folder, error) {
	d := &folder{path: path, kept: make(map[key]*kept)}
	_, err := os.Stat(path)
	d.made = os.IsNotExist(err)
	if err = os.MkdirAll(path, 0o777); err == nil {
		var probe *os.File
		if probe, err = os.CreateTemp(path, ".seedbed.*"); err == nil {
			probe.Close()
			err = os.Remove(probe.Name())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("--findings: %w; write the path of a folder that files can be made in", err)
	}
	return d, nil
}

// close removes the folder if nothing was found.
func (d *folder) close() {
	if d.made {
		os.Remove(d.path) // fails, as it should, where there is a finding
	}
}

// found keeps a run that failed, unless one of its signature and a smaller seed is kept.
func (d *folder) found(a *app, r *scenarios.Result) {
	k := key{r.Scenario, r.Signature()}
	old := d.kept[k]
	if old != nil && old.run.Seed <= r.Seed {
		return
	}
	now := &kept{r, filepath.Join(d.path, findingName(k, r.Seed))}
	d.kept[k] = now
	d.write(now.base+".json", a.newFinding(r, now.base))
	if old != nil && d.err == nil {
		d.err = os.Remove(old.base + ".json")
	}
}

func (d *folder) write(path string, f *finding) {
	data, err := f.encode()
	if err != nil && d.err == nil {
		d.err = err
	}
	d.writeFile(path, data)
}

func (d *folder) writeFile(path string, data []byte) {
	if d.err == nil {
		d.err = trace.WriteFile(path, func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		})
	}
}

// newFinding makes a finding of a run; base is the path of its files without extension, or empty for none.
func (a *app) newFinding(r *scenarios.Result, base string) *finding {
	f := &finding{
		Format: findingFormat, Signature: r.Signature(), resultJSON: newResultJSON(r), Build: trace.ThisBuild(), plan: r.Plan,
		Commands: commands{Seed: fmt.Sprintf("%s run %s --seed %d", a.again, quote(r.Scenario), r.Seed)},
	}
	f.plan.Build = scenarios.ThisBuild()
	if base != "" {
		f.Commands.Plan = fmt.Sprintf("%s run --plan %s", a.again, quote(base+".json"))
	}
	return f
}

// findingName is the same for the same finding, whatever sweep made it.
func findingName(k key, seed uint64) string {
	h := fnv.New32a()
	io.WriteString(h, k.signature)
	return fmt.Sprintf("%s-%08x-seed-%d", fileName(k.scenario), h.Sum32(), seed)
}

// fileName is a scenario's name as a part of a file's.
func fileName(scenario string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' {
			return c
		}
		return '-'
	}, scenario)
}
