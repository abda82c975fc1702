package lint

import (
	"go/types"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/tools/go/packages"
)

// TestRules compares the findings in testdata with the want comments there, both ways, so that a rule that stops firing
// fails as one that fires too often does.
func TestRules(t *testing.T) {
	findings, err := Check("testdata", "./...")
	require.NoError(t, err)
	wants := readWants(t, "testdata")

	for _, f := range findings {
		at := line{filepath.ToSlash(f.Pos.Filename), f.Pos.Line}
		i := slices.IndexFunc(wants[at], func(w want) bool {
			return w.rule == f.Rule && w.message.MatchString(f.Message)
		})
		if i < 0 {
			t.Errorf("unwanted: %s", f)
			continue
		}
		wants[at] = slices.Delete(wants[at], i, i+1)
	}
	for at, left := range wants {
		for _, w := range left {
			t.Errorf("missing: %s:%d: %s %q", at.file, at.n, w.rule, w.message)
		}
	}
}

// TestRulesHaveExamples holds each rule to a directory of its name with an example that fails and a neighbour that
// passes, and each package and name of the table to a failing example of its own.
func TestRulesHaveExamples(t *testing.T) {
	findings, err := Check("testdata", "./...")
	require.NoError(t, err)
	in := func(file string) (found []Finding) {
		for _, f := range findings {
			if filepath.ToSlash(f.Pos.Filename) == file {
				found = append(found, f)
			}
		}
		return found
	}
	for _, r := range Rules {
		assert.NotEmpty(t, r.Doc, r.Name)
		assert.True(t, slices.ContainsFunc(in(r.Name+"/bad.go"), func(f Finding) bool { return f.Rule == r.Name }),
			"%s has no failing example", r.Name)
		assert.FileExists(t, filepath.Join("testdata", r.Name, "good.go"))
		assert.Empty(t, in(r.Name+"/good.go"))
	}
	for _, u := range uses {
		if !standard(u) {
			continue
		}
		names := strings.Fields(u.only)
		if len(names) == 0 {
			names = []string{""} // any will do
		}
		for _, pkg := range strings.Fields(u.pkgs) {
			for _, name := range names {
				mention := path.Base(strings.TrimSuffix(pkg, "/v2")) + "." + name
				assert.True(t, slices.ContainsFunc(findings, func(f Finding) bool {
					return f.Rule == u.rule && strings.HasPrefix(f.Message, mention)
				}), "%s: no example mentions %s", u.rule, mention)
			}
		}
	}
}

// TestUsesExist guards the table against slips of the pen: a name that no package has would forbid nothing.
func TestUsesExist(t *testing.T) {
	for _, u := range uses {
		assert.True(t, slices.ContainsFunc(Rules, func(r Rule) bool { return r.Name == u.rule }), u.rule)
		assert.True(t, u.only == "" || u.except == "", "%s: one list or none", u.pkgs)
		if !standard(u) {
			continue
		}
		pkgs, err := packages.Load(&packages.Config{Mode: packages.LoadTypes}, strings.Fields(u.pkgs)...)
		require.NoError(t, err)
		require.Len(t, pkgs, len(strings.Fields(u.pkgs)))
		for _, pkg := range pkgs {
			require.Empty(t, pkg.Errors)
			for _, name := range strings.Fields(u.only + u.except) {
				base, method, isMethod := strings.Cut(name, ".")
				obj := pkg.Types.Scope().Lookup(base)
				if assert.NotNil(t, obj, "%s.%s", pkg.PkgPath, name) && isMethod {
					m, _, _ := types.LookupFieldOrMethod(obj.Type(), true, pkg.Types, method)
					assert.NotNil(t, m, "%s.%s", pkg.PkgPath, name)
				}
			}
		}
	}
}

// standard tells the table's rows about the standard library from the rest, for which see TestOutsideModule.
func standard(u use) bool { return !strings.Contains(u.pkgs, ".") }

func TestOutsideModule(t *testing.T) {
	dir := module(t, map[string]string{
		"go.mod":           mod + "\nrequire golang.org/x/exp v0.0.0\n\nreplace golang.org/x/exp => ./exp\n",
		"exp/go.mod":       "module golang.org/x/exp\n\ngo 1.26\n",
		"exp/maps/maps.go": "package maps\n\nfunc Keys() {}\nfunc Values() {}\nfunc DeleteFunc() {}\nfunc EqualFunc() {}\n",
		"b/b.go":           "package b\n\nimport \"time\"\n\nvar Started = time.Now()\n",
		"a/a.go": "package a\n\nimport (\n\t_ \"example.com/model/b\"\n\n\t\"golang.org/x/exp/maps\"\n)\n\n" +
			"func init() {\n\tmaps.Keys()\n\tmaps.Values()\n\tmaps.DeleteFunc()\n\tmaps.EqualFunc()\n}\n",
		// None of these is judged: tests may use what they like, and another system's files are not built here.
		"a/a_test.go":      "package a\n\nimport \"time\"\n\nvar started = time.Now()\n",
		"a/a_plan9.go":     "package a\n\nimport \"time\"\n\nvar started = time.Now()\n",
		"tested/t_test.go": "package tested\n",
	})

	findings, err := Check(dir, "./...")
	require.NoError(t, err)
	const sorted = "it walks the map in random order; use slices.Sorted(maps.Keys(m)) of the standard library"
	assert.Equal(t, []string{
		"a/a.go:10:7: map-order: maps.Keys: " + sorted,
		"a/a.go:11:7: map-order: maps.Values: " + sorted,
		"a/a.go:12:7: map-order: maps.DeleteFunc: " + sorted,
		"a/a.go:13:7: map-order: maps.EqualFunc: " + sorted,
		"b/b.go:5:20: wall-clock: time.Now: it follows the machine's clock; use the node's own time and timers",
	}, texts(findings))

	inside, err := Check(filepath.Join(dir, "b"))
	require.NoError(t, err)
	require.Len(t, inside, 1)
	assert.Equal(t, "b.go", inside[0].Pos.Filename, "relative to the directory; no pattern is the package there")

	beside, err := Check(filepath.Join(dir, "a"), "../b")
	require.NoError(t, err)
	require.Len(t, beside, 1)
	assert.Equal(t, "../b/b.go", filepath.ToSlash(beside[0].Pos.Filename))
}

func TestShortPath(t *testing.T) {
	assert.Equal(t, filepath.FromSlash("../b/x.go"), shortPath(filepath.FromSlash("/long/m/a"), filepath.FromSlash("/long/m/b/x.go")))
	assert.Equal(t, filepath.FromSlash("/x.go"), shortPath(filepath.FromSlash("/m/a"), filepath.FromSlash("/x.go")))
}

func TestLineDirectivesMoveNothing(t *testing.T) {
	dir := module(t, map[string]string{
		"go.mod": mod,
		"a.go": "package a\n\nimport \"time\"\n\n//line template.y:100\nfunc f() {\n\ttime.Sleep(1)\n" +
			"\t//seedbed:ok wall-clock for readers\n\ttime.Sleep(1)\n}\n",
	})
	findings, err := Check(dir)
	require.NoError(t, err)
	require.Len(t, findings, 1)
	assert.Equal(t, "a.go:7", strings.Join(strings.Split(findings[0].Pos.String(), ":")[:2], ":"))
}

func TestCannotJudge(t *testing.T) {
	var many strings.Builder
	many.WriteString("package a\n\n")
	for i := range 8 {
		many.WriteString("var v" + strconv.Itoa(i) + " int = \"\"\n")
	}
	for name, tc := range map[string]struct {
		files   map[string]string
		pattern string
		causes  []string
	}{
		"type error":      {map[string]string{"a.go": "package a\n\nvar x int = \"\"\n"}, ".", []string{"a.go:3:13", "cannot use"}},
		"many errors":     {map[string]string{"a.go": many.String()}, ".", []string{"a.go:3:14", "a.go:7:14", "and 3 more"}},
		"syntax error":    {map[string]string{"a.go": "package a\n\nfunc {\n"}, ".", []string{"a.go:3:6", "expected"}},
		"broken import":   {map[string]string{"a.go": "package a\n\nimport _ \"example.com/model/b\"\n", "b/b.go": "package b\n\nvar x int = \"\"\n"}, ".", []string{"b.go:3"}},
		"unknown import":  {map[string]string{"a.go": "package a\n\nimport _ \"example.com/model/none\"\n"}, ".", []string{"example.com/model/none"}},
		"no such package": {map[string]string{"a.go": "package a\n"}, "./none", []string{"none"}},
		"nothing matched": {map[string]string{"a.go": "package a\n", "docs/a.md": ""}, "./docs/...", []string{`no Go file to judge in ["./docs/..."]`}},
		"only tests":      {map[string]string{"a_test.go": "package a\n"}, "./...", []string{"no Go file to judge"}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.files["go.mod"] = mod
			findings, err := Check(module(t, tc.files), tc.pattern)
			require.ErrorIs(t, err, ErrLoad)
			assert.Empty(t, findings)
			for _, cause := range tc.causes {
				assert.ErrorContains(t, err, cause)
			}
			assert.NotContains(t, err.Error(), "-: ", "no place is better than an empty one")
		})
	}
	_, err := Check(filepath.Join(t.TempDir(), "none"))
	assert.ErrorIs(t, err, ErrLoad)
}

func TestPrintsPointer(t *testing.T) {
	for format, want := range map[string]bool{
		"":               false,
		"%":              false,
		"p":              false,
		"%%p":            false,
		"%%%p":           true,
		"%d p":           false,
		"%5.2f%p":        true,
		"%[3]*.[2]*[1]p": true,
		"%é%p":           true,
	} {
		assert.Equal(t, want, printsPointer(format), "%q", format)
	}
}

// A line of a file in testdata.
type line struct {
	file string
	n    int
}

type want struct {
	rule    string
	message *regexp.Regexp
}

var (
	wantComment = regexp.MustCompile(`// want (?:\+(\d+) )?(.*)$`)
	wantItem    = regexp.MustCompile(`^([a-z-]+) ("(?:[^"\\]|\\.)*") ?`)
)

// readWants reads comments such as
//
//	// want map-order "regular expression" float "another"
//	// want +1 mark "for the next line"
func readWants(t *testing.T, dir string) map[line][]want {
	t.Helper()
	wants := map[line][]want{}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		rel, err := filepath.Rel(dir, file)
		require.NoError(t, err)
		for i, text := range strings.Split(string(src), "\n") {
			m := wantComment.FindStringSubmatch(text)
			if m == nil {
				continue
			}
			at := line{filepath.ToSlash(rel), i + 1}
			if m[1] != "" {
				below, err := strconv.Atoi(m[1])
				require.NoError(t, err)
				at.n += below
			}
			for rest := m[2]; rest != ""; {
				item := wantItem.FindStringSubmatch(rest)
				require.NotNil(t, item, "%s:%d: %s", file, i+1, text)
				quoted := strings.ReplaceAll(item[2][1:len(item[2])-1], `\"`, `"`)
				wants[at] = append(wants[at], want{item[1], regexp.MustCompile(quoted)})
				rest = rest[len(item[0]):]
			}
		}
	}
	return wants
}

const mod = "module example.com/model\n\ngo 1.26\n"

// module writes files into a new directory.
func module(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

func texts(findings []Finding) (all []string) {
	for _, f := range findings {
		all = append(all, filepath.ToSlash(f.String()))
	}
	return all
}
