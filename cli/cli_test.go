package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/cli"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/studies"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"seedbed":      func() { cli.Main(toys()...) },
		"seedbed-many": func() { cli.Main(many()) },
		"seedbed-hang": func() { cli.Main(hangs()) },
		"seedbed-studies": func() {
			cli.Program{Scenarios: toys(), Studies: []*studies.Study{dice}}.Main()
		},
	})
}

// TestScripts runs the command in processes of its own. "exits CODE COMMAND…" is an exec that must end with that code.
// "field NAME FILE FILE" compares a field of the first object in two files of JSON. UPDATE=1 rewrites the expected texts.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, UpdateScripts: os.Getenv("UPDATE") != "",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "field": field},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGUMENT…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit := new(exec.ExitError)
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, not %d", got, want)
	}
}

func field(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: field NAME FILE FILE")
	}
	var values []any
	for _, file := range args[1:] {
		var object map[string]any
		ts.Check(json.NewDecoder(strings.NewReader(ts.ReadFile(file))).Decode(&object))
		if object[args[0]] == nil {
			ts.Fatalf("%s has no %s", file, args[0])
		}
		values = append(values, object[args[0]])
	}
	if values[0] != values[1] {
		ts.Fatalf("%s is %v in %s, %v in %s", args[0], values[0], args[1], values[1], args[2])
	}
}

// TestTexts compares what command lines print, word by word: the help texts, and the one line that each bad input gets.
// In command lines, @ is a folder of good and bad files. The flag -rewrite rewrites the expected texts.
func TestTexts(t *testing.T) {
	defer func(name string) { os.Args[0] = name }(os.Args[0])
	os.Args[0] = "seedbed"
	dir := files(t)
	before := contents(t, dir)
	datadriven.Walk(t, "testdata/texts", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			for line := range strings.SplitSeq(d.Input, "\n") {
				args := strings.Fields(line)
				for i := range args {
					args[i] = strings.ReplaceAll(strings.ReplaceAll(args[i], "''", ""), "@", dir)
				}
				code, stdout, stderr := run(args...)
				if d.Cmd == "refused" {
					require.Equal(t, 2, code, line)
					require.Empty(t, stdout, line)
					require.Equal(t, 1, strings.Count(stderr, "\n"), line)
					require.Equal(t, before, contents(t, dir), line)
				}
				text := strings.ReplaceAll(stdout+stderr, dir, "@")
				text = strings.ReplaceAll(text, strings.Join(nemesis.FaultNames(), ", "), "…")
				out.WriteString(notJSON.ReplaceAllString(text, "${1}…"))
			}
			return out.String()
		})
	})
}

// Views are those of the run that was recorded, or none.
func TestStateOfAnotherRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "random.trace")
	code, _, stderr := run("run", "toy/random", "--seed", "7", "--trace", file)
	require.Zero(t, code, stderr)
	code, stdout, stderr := run("state", file, "--view", "last")
	require.Equal(t, 2, code)
	require.Empty(t, stdout)
	require.Regexp(t, `^\S+: \S+random.trace: this build does not repeat the run: it was recorded by .* with deep hash [0-9a-f]{16} `+
		`after \d+ steps, and is [0-9a-f]{16} after \d+ by .*; record it anew\n$`, stderr)
}

// notJSON finds what the library says, which may change.
var notJSON = regexp.MustCompile(`(: line \d+: invalid character ).*`)

// run runs a command line in this process.
func run(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = cli.Run(args, &out, &err, scenarios.NewRegistry(toys()...))
	return code, out.String(), err.String()
}

// files makes a folder of testdata/files, a trace, and what can become of a trace. Its path ends with a separator.
func files(t *testing.T) string {
	dir := t.TempDir() + string(filepath.Separator)
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/files")))
	code, _, stderr := run("run", "toy/good", "--seed", "7", "--trace", dir+"good.trace")
	require.Zero(t, code, stderr)
	good, err := os.ReadFile(dir + "good.trace")
	require.NoError(t, err)
	corrupt, future := bytes.Clone(good), bytes.Clone(good)
	corrupt[40] ^= 1
	future[8] += 98
	for name, data := range map[string][]byte{
		"short.trace": good[:5], "cut.trace": good[:len(good)-1], "corrupt.trace": corrupt, "future.trace": future,
	} {
		require.NoError(t, os.WriteFile(dir+name, data, 0o666))
	}
	return dir
}

// contents is all files below a folder.
func contents(t *testing.T, dir string) map[string]string {
	all := make(map[string]string)
	require.NoError(t, fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		all[path] = string(data)
		return err
	}))
	return all
}
