// Package mutants tests the testbed: it plants known mistakes in the models of a module, one at a time, and measures how
// many seeds a sweep takes until a property catches each. It is not a mutation tester that makes up changes: each mutant
// was written by hand, after a mistake that somebody made or described.
package mutants

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/tools/txtar"
)

// Mutant is one planted mistake. It is a file mutants/NAME.txtar in the folder of the package that it changes: a head of
// "key: value" lines, where an indented line goes on with the value before it, and pairs of sections, old and new lines.
//
//	what: A follower commits up to the leader's commit index, whatever it has there.
//	source: Ongaro and Ousterhout 2014, Figure 2, AppendEntries 5
//	property: always "all members commit and apply the same entry at an index"
//	scenario: raft/kv
//	file: replication.go
//	-- old --
//		r.commitTo(env, min(m.Commit, match))
//	-- new --
//		r.commitTo(env, min(m.Commit, r.last()))
//
// It has what, source, file, either one property or more or equivalent, and either scenario or test.
type Mutant struct {
	Name string `json:"name"` // "raft/figure8": the package's folder and the file's name
	Path string `json:"path"` // of its file, from the root

	What   string `json:"what"`   // the mistake, in a sentence
	Source string `json:"source"` // who made it, or where it is described
	file   string // that is changed, from the root
	edits  []edit // in turn

	Scenario   string   `json:"scenario,omitempty"`   // to sweep for it; or
	Test       []string `json:"test,omitempty"`       // the arguments of go test
	Properties []string `json:"properties,omitempty"` // that may catch it, as they are printed; of a test, its full name
	Rare       string   `json:"rare,omitempty"`       // what it takes, if that is rare
	Equivalent string   `json:"equivalent,omitempty"` // why nothing can find it, and nothing should; empty: something must
}

// edit replaces lines.
type edit struct{ old, new string }

// Load reads the mutants of all packages of the module in the folder root, by name. Those of a package in the root itself
// are called by the module's name.
func Load(root, module string) ([]*Mutant, error) {
	var files []string
	for _, pattern := range []string{"mutants/*.txtar", "*/mutants/*.txtar", "models/*/mutants/*.txtar"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	var all []*Mutant
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return nil, err
		}
		m, err := parse(path.Base(module), filepath.ToSlash(rel), data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", rel, err)
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *Mutant) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// Choose returns the mutants that match one of the patterns; all, if there are none. A pattern is a name, a pattern of
// path.Match, or the part of a name before the slash, which stands for all behind it.
func Choose(mutants []*Mutant, patterns []string) ([]*Mutant, error) {
	if len(patterns) == 0 {
		return mutants, nil
	}
	chosen := make(map[*Mutant]bool)
	for _, p := range patterns {
		some := false
		for _, m := range mutants {
			model, _, _ := strings.Cut(m.Name, "/")
			ok, err := path.Match(p, m.Name)
			if err != nil {
				return nil, fmt.Errorf("%q is no pattern; write one such as 'raft/vote-*'", p)
			}
			if ok || p == model {
				chosen[m], some = true, true
			}
		}
		if !some {
			return nil, fmt.Errorf("there is no mutant %q", p)
		}
	}
	return slices.DeleteFunc(slices.Clone(mutants), func(m *Mutant) bool { return !chosen[m] }), nil
}

// parse reads a mutant's file; file is its path from the root, with slashes.
func parse(module, file string, data []byte) (*Mutant, error) {
	in := path.Dir(file)
	if path.Base(in) != "mutants" {
		return nil, errors.New("it is in no folder called mutants")
	}
	folder := path.Dir(in)
	model := path.Base(folder)
	if folder == "." {
		model = module
	}
	m := &Mutant{Name: model + "/" + strings.TrimSuffix(path.Base(file), ".txtar"), Path: file}
	archive := txtar.Parse(data)
	if err := m.head(string(archive.Comment)); err != nil {
		return nil, err
	}
	m.file = path.Join(folder, m.file)
	if len(archive.Files) == 0 || len(archive.Files)%2 != 0 {
		return nil, errors.New("it needs pairs of sections, old and new")
	}
	for i := 0; i < len(archive.Files); i += 2 {
		old, new := archive.Files[i], archive.Files[i+1]
		switch {
		case old.Name != "old" || new.Name != "new":
			return nil, fmt.Errorf("sections %s and %s: they are old and new, in turn", old.Name, new.Name)
		case len(old.Data) == 0:
			return nil, errors.New("no old lines")
		case bytes.Equal(old.Data, new.Data):
			return nil, errors.New("the new lines are the old ones")
		}
		m.edits = append(m.edits, edit{string(old.Data), string(new.Data)})
	}
	return m, nil
}

// head reads the lines before the sections.
func (m *Mutant) head(text string) error {
	fields := map[string][]string{}
	last := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if more := strings.TrimLeft(line, " \t"); more != line && last != "" {
			values := fields[last]
			values[len(values)-1] += " " + more
			continue
		}
		key, value, ok := strings.Cut(line, ": ")
		if !ok {
			return fmt.Errorf("%q: the head has lines of the form key: value", line)
		}
		fields[key] = append(fields[key], value)
		last = key
	}
	one := func(key string) string {
		v := fields[key]
		if len(v) != 1 {
			return ""
		}
		delete(fields, key)
		return v[0]
	}
	m.What, m.Source, m.file = one("what"), one("source"), one("file")
	m.Scenario, m.Rare, m.Equivalent = one("scenario"), one("rare"), one("equivalent")
	test := one("test")
	m.Properties = fields["property"]
	delete(fields, "property")
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		return fmt.Errorf("%s is no key, or is there more than once", key)
	}
	switch {
	case m.What == "" || m.Source == "" || m.file == "":
		return errors.New("it needs what, source and file")
	case (m.Scenario == "") == (test == ""):
		return errors.New("it needs either scenario or test")
	case (len(m.Properties) == 0) == (m.Equivalent == ""):
		return errors.New("it needs either property or equivalent")
	}
	if test != "" {
		args, ok := strings.CutPrefix(test, "go test ")
		if !ok {
			return fmt.Errorf("test: %q is no go test command", test)
		}
		m.Test = strings.Fields(args)
	}
	return nil
}

// in is where a mutant is looked for.
func (m *Mutant) in() string {
	if m.Scenario != "" {
		return m.Scenario
	}
	return "go test " + strings.Join(m.Test, " ")
}

// Short is the source in a few words: what comes first, without titles, addresses and remarks.
func (m *Mutant) Short() string {
	text := m.Source
	if i := strings.IndexAny(text, ";:("); i >= 0 {
		text = text[:i]
	}
	parts := strings.Split(text, ", ")
	if first := parts[0]; (first == "paper" || first == "thesis") && len(parts) > 1 {
		text = first + " " + parts[1]
	} else {
		text = first
	}
	return strings.TrimSpace(strings.ReplaceAll(text, "section ", "§"))
}

// apply returns the source with the mistake. Each edit must find its old lines once in what those before it have left.
func (m *Mutant) apply(source string) (string, error) {
	for _, e := range m.edits {
		at := places(source, e.old)
		if len(at) != 1 {
			return "", fmt.Errorf("%s: %d places in %s have these lines:\n%s", m.Path, len(at), m.file, e.old)
		}
		source = source[:at[0]] + e.new + source[at[0]+len(e.old):]
	}
	return source, nil
}

// places returns the offsets at which a text has these lines.
func places(text, lines string) (at []int) {
	for i := 0; i < len(text); {
		if strings.HasPrefix(text[i:], lines) {
			at = append(at, i)
		}
		end := strings.IndexByte(text[i:], '\n')
		if end < 0 {
			break
		}
		i += end + 1
	}
	return at
}
