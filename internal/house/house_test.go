package house

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/simtest"
)

// A rule is what one package, or all that match a pattern, may import besides the standard library.
type rule struct {
	pkg    string
	ours   string // packages of this module, or patterns
	others string // modules
	linted bool   // it runs in a world or judges one: the lint rejects what could differ between two runs
}

// rules has a rule for each package, lower floors first. Imports run one way, up the page.
var rules = []rule{
	{pkg: "clock", linted: true},
	{pkg: "sim", ours: "clock", linted: true},
	{pkg: "wal", ours: "sim clock", linted: true},
	{pkg: "models/*", ours: "wal sim clock", linted: true}, // never one another
	{pkg: "netsim", ours: "sim clock", linted: true},
	{pkg: "disksim", ours: "sim clock", linted: true},
	{pkg: "nemesis", ours: "netsim disksim sim clock", others: "pgregory.net/rapid", linted: true},
	{pkg: "checkers", ours: "sim clock", others: "github.com/anishathalye/porcupine", linted: true}, // never a model
	{pkg: "trace", ours: "sim clock", others: "github.com/klauspost/compress"},
	{pkg: "export", ours: "trace checkers sim clock"}, // never a scenario
	{pkg: "report", ours: "trace nemesis sim clock"},
	{pkg: "histories", ours: "checkers sim clock", others: "olympos.io/encoding/edn github.com/go-json-experiment/json"},
	{pkg: "scenarios", ours: "models/* checkers nemesis netsim disksim wal trace sim clock", others: "pgregory.net/rapid"},

	{pkg: "studies", ours: "scenarios models/* checkers nemesis netsim disksim trace sim clock", others: "github.com/spf13/pflag gonum.org/v1/plot"},

	// Front ends: only mains and tests import them.
	{pkg: "simtest", ours: "scenarios report trace checkers nemesis netsim disksim sim clock internal/lint internal/seeds",
		others: "pgregory.net/rapid"},
	{pkg: "cli", ours: "studies scenarios report export histories trace checkers nemesis netsim disksim sim clock internal/seeds internal/mutants",
		others: "github.com/spf13/cobra github.com/spf13/pflag github.com/schollz/progressbar/v3"},
	{pkg: "cmd/seedbed", ours: "cli scenarios studies"},

	// Suites that any implementation of a port is tested with.
	{pkg: "netsim/nettest", ours: "sim clock", others: suites},
	{pkg: "disksim/disktest", ours: "sim clock", others: suites},
	{pkg: "models/olep/logtest", ours: "models/olep netsim disksim sim clock", others: suites},
	{pkg: "wal/waltest", ours: "wal disksim disksim/disktest sim clock", others: suites},

	{pkg: "internal/seeds"},
	{pkg: "internal/lint", others: "golang.org/x/tools"},
	{pkg: "internal/crosshash", ours: "scenarios sim"},
	{pkg: "internal/cross"},
	{pkg: "internal/bench"},
	{pkg: "internal/house"},
	{pkg: "internal/docs"},
	{pkg: "internal/mutants", others: "golang.org/x/tools"},
	{pkg: "internal/shots", ours: "internal/mutants"},
}

const (
	module = "github.com/seedbed-sim/seedbed/"
	root   = "../.."
	suites = "github.com/stretchr/testify pgregory.net/rapid"
	// testing is what tests may import in addition, next to any package of ours but cli.
	forTests = suites + " github.com/cockroachdb/datadriven github.com/rogpeppe/go-internal golang.org/x/tools olympos.io/encoding/edn github.com/chromedp"
)

func TestImportsKeepTheRules(t *testing.T) {
	imports, err := readImports(root)
	require.NoError(t, err)
	for _, i := range imports {
		if why := judge(i); why != "" {
			t.Errorf("%s: %s", i.file, why)
		}
	}
	for _, r := range rules {
		assert.True(t, slices.ContainsFunc(imports, func(i imported) bool { return matches(r.pkg, i.by) }),
			"there is a rule for %s, but no such package", r.pkg)
	}
}

// TestRulesBite breaks the rules that DESIGN is about.
func TestRulesBite(t *testing.T) {
	for _, wrong := range []imported{
		{by: "clock", path: module + "sim"},
		{by: "clock", path: "golang.org/x/exp/slices"},
		{by: "sim", path: module + "netsim"},
		{by: "sim", path: "github.com/stretchr/testify/require"},
		{by: "netsim", path: module + "disksim"},
		{by: "wal", path: module + "disksim"},
		{by: "models/raft", path: module + "netsim"},
		{by: "models/raft", path: module + "checkers"},
		{by: "models/arithmetic", path: module + "models/raft"},
		{by: "checkers", path: module + "models/raft"},
		{by: "nemesis", path: module + "scenarios"},
		{by: "trace", path: module + "scenarios"},
		{by: "export", path: module + "scenarios"},
		{by: "scenarios", path: module + "simtest"},
		{by: "scenarios", path: module + "cli"},
		{by: "scenarios", path: module + "cli", test: true},
		{by: "simtest", path: module + "cli"},
		{by: "sim", path: "github.com/spf13/cobra", test: true},
		{by: "upstart", path: "fmt"},
	} {
		assert.NotEmpty(t, judge(wrong), "%+v", wrong)
	}
	for _, right := range []imported{
		{by: "sim", path: "strings"},
		{by: "sim", path: module + "netsim", test: true},
		{by: "scenarios", path: module + "simtest", test: true},
		{by: "scenarios", path: module + "models/gossip"},
		{by: "cli", path: module + "cli", test: true},
	} {
		assert.Empty(t, judge(right), "%+v", right)
	}
}

func TestDeterministicSideIsClean(t *testing.T) {
	var patterns []string
	for _, r := range rules {
		if r.linted {
			patterns = append(patterns, root+"/"+strings.Replace(r.pkg, "*", "...", 1))
		}
	}
	simtest.Lint(t, patterns...)
}

// imported is one import of one file.
type imported struct {
	file string
	by   string // the package, without the module
	path string
	test bool
}

// judge says what is wrong with an import; nothing if it is fine.
func judge(i imported) string {
	n := slices.IndexFunc(rules, func(r rule) bool { return matches(r.pkg, i.by) })
	if n < 0 {
		return "no rule for " + i.by + ": give it one in internal/house"
	}
	r := rules[n]
	ours, isOurs := strings.CutPrefix(i.path, module)
	first, _, _ := strings.Cut(i.path, "/")
	switch {
	case !strings.Contains(first, "."): // the standard library
	case isOurs && i.test:
		if ours == "cli" && i.by != "cli" {
			return "a test of " + i.by + " may not import cli"
		}
	case isOurs:
		if !slices.ContainsFunc(strings.Fields(r.ours), func(p string) bool { return matches(p, ours) }) {
			return i.by + " may not import " + ours
		}
	default:
		may := strings.Fields(r.others)
		if i.test {
			may = append(may, strings.Fields(forTests)...)
		}
		if !slices.ContainsFunc(may, func(m string) bool { return i.path == m || strings.HasPrefix(i.path, m+"/") }) {
			return i.by + " may not import " + i.path
		}
	}
	return ""
}

func matches(pattern, pkg string) bool {
	ok, err := path.Match(pattern, pkg)
	return ok && err == nil
}

// readImports reads the imports of every Go file below dir, whatever its build constraints.
func readImports(dir string) ([]imported, error) {
	var all []imported
	err := filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			_, err := os.Stat(filepath.Join(file, "go.mod"))
			if rel != "." && (err == nil || d.Name() == "testdata" || strings.ContainsAny(d.Name()[:1], "._")) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			target, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			all = append(all, imported{rel, path.Dir(rel), target, strings.HasSuffix(rel, "_test.go")})
		}
		return nil
	})
	return all, err
}
