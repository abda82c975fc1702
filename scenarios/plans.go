package scenarios

import (
	"fmt"
	"os"
	"path/filepath"
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

// Warnings tell what may make a plan's run another than its reader expects: that another build made the plan, or that it
// has faults which the scenario's model does not promise to survive. Plans that do not tell their build are taken for this
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
