package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/txtar"
)

// mutant is one planted mistake. It is a file mutants/NAME.txtar in the folder of the package that it changes: a head of
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
// It has what, source, file, one property or more, and either scenario or test; hard, seeds and equivalent are for those
// that are not found so easily.
type mutant struct {
	name string // "raft/figure8": the package's folder and the file's name
	path string // of its file, from the root

	what   string // the mistake, in a sentence
	source string // who made it, or where it is described
	file   string // that is changed, from the root
	edits  []edit // in turn

	scenario   string   // to sweep for it; or
	test       []string // the arguments of go test
	properties []string // that may catch it, as they are printed; of a test, its full name
	seeds      uint64   // how many are swept at least; 0: as many as of others
	hard       string   // why the first range may miss it; empty: it may not
	equivalent string   // why nothing can find it, and nothing should; empty: something must
}

// edit replaces lines.
type edit struct{ old, new string }

// load reads the mutants of all packages below root, by name.
func load(root string) ([]*mutant, error) {
	var files []string
	for _, pattern := range []string{"*/mutants/*.txtar", "models/*/mutants/*.txtar"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	var all []*mutant
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return nil, err
		}
		m, err := parse(filepath.ToSlash(rel), data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", rel, err)
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *mutant) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// parse reads a mutant's file; path is from the root, with slashes.
func parse(path string, data []byte) (*mutant, error) {
	archive := txtar.Parse(data)
	m := &mutant{path: path}
	folder, base, ok := strings.Cut(path, "/mutants/")
	if !ok {
		return nil, errors.New("it is in no folder called mutants")
	}
	m.name = folder[strings.LastIndex(folder, "/")+1:] + "/" + strings.TrimSuffix(base, ".txtar")
	if err := m.head(string(archive.Comment)); err != nil {
		return nil, err
	}
	m.file = folder + "/" + m.file
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
func (m *mutant) head(text string) error {
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
	m.what, m.source, m.file = one("what"), one("source"), one("file")
	m.scenario, m.hard, m.equivalent = one("scenario"), one("hard"), one("equivalent")
	test, seeds := one("test"), one("seeds")
	m.properties = fields["property"]
	delete(fields, "property")
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		return fmt.Errorf("%s is no key, or is there more than once", key)
	}
	switch {
	case m.what == "" || m.source == "" || m.file == "":
		return errors.New("it needs what, source and file")
	case (m.scenario == "") == (test == ""):
		return errors.New("it needs either scenario or test")
	case (len(m.properties) == 0) == (m.equivalent == ""):
		return errors.New("it needs either property or equivalent")
	case m.hard != "" && seeds == "":
		return errors.New("one that is hard needs seeds")
	}
	if seeds != "" {
		n, err := strconv.ParseUint(seeds, 10, 64)
		if err != nil {
			return fmt.Errorf("seeds: %w", err)
		}
		m.seeds = n
	}
	if test != "" {
		args, ok := strings.CutPrefix(test, "go test ")
		if !ok {
			return fmt.Errorf("test: %q is no go test command", test)
		}
		m.test = strings.Fields(args)
	}
	return nil
}

// apply returns the source with the mistake. Each edit must find its old lines once in what those before it have left.
func (m *mutant) apply(source string) (string, error) {
	for _, e := range m.edits {
		at := places(source, e.old)
		if len(at) != 1 {
			return "", fmt.Errorf("%s: %d places in %s have these lines:\n%s", m.path, len(at), m.file, e.old)
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
