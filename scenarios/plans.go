package scenarios

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/trace"
)

// ThisBuild names the source of the running program, for Plan.Build: its module and revision, as far as they are known.
// The release of Go and the processor are no part of it, as they change no run.
func ThisBuild() string {
	b := trace.ThisBuild()
	return strings.TrimSpace(b.Module + " " + b.Revision)
}

// Warnings tell what may make a plan's run another than its reader expects: that another build made the plan, or that there
// are faults which the scenario's model does not promise to survive. Plans that do not tell their build are taken for this
// one's.
func (s *Scenario) Warnings(p nemesis.Plan) []string {
	var list []string
	if p.Build != "" && p.Build != ThisBuild() {
		list = append(list, fmt.Sprintf("made by another build, %s; with this one, %s, it may mean another run", p.Build, ThisBuild()))
	}
	if err := s.Space.Beyond(p); err != nil {
		list = append(list, fmt.Sprintf("beyond its budget, so that a failure need not be a bug: %v", err))
	}
	return list
}

// Check tells what of a valid plan, one that was written by hand, means nothing to the scenario: operations, roles, facts,
// sizes. The error has the JSON path.
func (s *Scenario) Check(p nemesis.Plan) error {
	for i, op := range p.Ops {
		if kinds := s.Space.OpKinds; !slices.ContainsFunc(kinds, func(k nemesis.OpKind) bool { return k.Kind == op.Kind }) {
			return fmt.Errorf("ops[%d].kind: %s has no operation %q; %s", i, s.Name, op.Kind, thereAre(kinds, func(k nemesis.OpKind) string { return k.Kind }))
		}
	}
	for i, e := range p.Faults {
		if role := nemesis.Role(e.Fault); role != "" && role != nemesis.Emitter && !slices.Contains(s.roles(), role) {
			return fmt.Errorf("faults[%d].fault.role: nobody is ever %q in %s; %s", i, role, s.Name, thereAre(s.roles(), strconv.Quote))
		}
		if fact := e.On.Fact; fact != "" && !slices.Contains(s.facts(), fact) {
			return fmt.Errorf("faults[%d].on.fact: no server of %s states %q; %s", i, s.Name, fact, thereAre(s.facts(), strconv.Quote))
		}
	}
	if s.Fits != nil {
		return s.Fits(p)
	}
	return nil
}

// roles are those of the Space, without "next".
func (s *Scenario) roles() []string {
	var list []string
	for _, role := range s.Space.Roles {
		if role = strings.TrimPrefix(role, "next "); !slices.Contains(list, role) {
			list = append(list, role)
		}
	}
	return list
}

// facts are those that faults may wait for, by name.
func (s *Scenario) facts() []string {
	list := slices.Concat(s.Space.Facts, s.Facts)
	slices.Sort(list)
	return slices.Compact(list)
}

func thereAre[T any](list []T, text func(T) string) string {
	if len(list) == 0 {
		return "there are none"
	}
	var names []string
	for _, one := range list {
		names = append(names, text(one))
	}
	return "there are " + strings.Join(names, ", ")
}

// ReadPlanFile reads a file that holds a plan, perhaps among other things.
func ReadPlanFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return nemesis.ReadAll(file, f)
}

// PlanFiles lists the files of a folder that hold plans: *.json, in order of their names. What begins with a dot is hidden:
// among that are files that were never finished.
func PlanFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if name := e.Name(); !e.IsDir() && !strings.HasPrefix(name, ".") && filepath.Ext(name) == ".json" {
			files = append(files, filepath.Join(dir, name))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: there is no plan, which is a file *.json, in this folder", dir)
	}
	return files, nil
}
