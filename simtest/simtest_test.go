package simtest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/report"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/simtest"
	"github.com/seedbed-sim/seedbed/trace"
)

// outside is a copy of testdata/module, whose tests use simtest as anybody's would, and fail as they should.
type outside struct {
	dir    string
	binary string // of its tests
	plan   string // the file of a plan of toy/wrong that fails
}

func newOutside(t *testing.T) *outside {
	if testing.Short() {
		t.Skip("builds and runs the tests of another module")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command here: ", err)
	}
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	o := &outside{dir: t.TempDir()}
	o.binary = filepath.Join(o.dir, "module.test")
	require.NoError(t, os.CopyFS(o.dir, os.DirFS("testdata/module")))
	goMod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	_, needs, _ := strings.Cut(string(goMod), "\nrequire (")
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	for name, text := range map[string]string{
		"go.mod": "module example.com/module\n\ngo 1.26.0\n\nrequire github.com/seedbed-sim/seedbed v0.0.0\n\n" +
			"replace github.com/seedbed-sim/seedbed => " + root + "\n\nrequire (" + needs,
		"go.sum": string(sums),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(o.dir, name), []byte(text), 0o666))
	}
	return o
}

// command runs a command in the module; env is variables that it gets. Settings of this test are not for that one.
func (o *outside) command(t *testing.T, env []string, name string, args ...string) (out string, ok bool) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Dir = o.dir
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "SEEDBED_") })
	c.Env = append(c.Env, "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "PWD="+o.dir)
	c.Env = append(c.Env, env...)
	text, err := c.CombinedOutput()
	if exit := new(exec.ExitError); !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return string(text), err == nil
}

// test runs one of the module's tests. settings are flags and variables.
func (o *outside) test(t *testing.T, name string, settings ...string) (out string, ok bool) {
	t.Helper()
	args := []string{"-test.v", "-test.run=^" + name + "$"}
	var env []string
	for _, s := range settings {
		if strings.HasPrefix(s, "-") {
			args = append(args, s)
		} else {
			env = append(env, s)
		}
	}
	return o.command(t, env, o.binary, args...)
}

// failed is the headline of a failure, and again is the line that repeats it.
var (
	failed = regexp.MustCompile(`--- FAIL: toy/\S+  seed=(\d+).*`)
	again  = regexp.MustCompile(`(?m)^ *again: (.*)$`)
)

// TestOutside is what people see who use simtest in a module of their own.
func TestOutside(t *testing.T) {
	o := newOutside(t)
	t.Run("repeat", func(t *testing.T) { o.repeat(t) }) // it builds the binary for the others
	t.Run("settings", func(t *testing.T) { o.settings(t) })
	t.Run("refused", func(t *testing.T) { o.refused(t) })
	t.Run("sweeps", func(t *testing.T) { o.sweeps(t) })
	t.Run("shrinking", func(t *testing.T) { o.shrinking(t) })
	t.Run("corpus", func(t *testing.T) { o.corpus(t) })
	t.Run("fuzzing", func(t *testing.T) { o.fuzzing(t) })
	t.Run("determinism", func(t *testing.T) { o.determinism(t) })
	t.Run("lint", func(t *testing.T) { o.lint(t) })
}

// repeat runs a sweep that fails, and then what it says repeats a failure.
func (o *outside) repeat(t *testing.T) {
	kept := filepath.Join(o.dir, "kept")
	require.NoError(t, os.MkdirAll(kept, 0o777))
	out, ok := o.command(t, []string{"SEEDBED_SEEDS=1-40"}, "go", "test", "-vet=off", "-o", o.binary, "-run", "^TestWrong$", "-artifacts", "-outputdir", kept)
	require.False(t, ok, out)
	first := failed.FindStringSubmatch(out)
	require.NotNil(t, first, out)
	require.Regexp(t, `step=\d+ at=[0-9.]+s  always "there is one leader": n\d and n\d$`, first[0])
	require.Contains(t, out, "--- FAIL: TestWrong/seed="+first[1]+" ")
	require.Regexp(t, `more of 40 seeds failed alike: always "there is one leader"`, out)
	line := again.FindStringSubmatch(out)
	require.NotNil(t, line, out)
	require.Regexp(t, `^SEEDBED_SEED=`+first[1]+` SEEDBED_STEP=\d+ go test example\.com/module -run '\^TestWrong\$' -v$`, line[1])

	keptAgain := filepath.Join(o.dir, "again")
	require.NoError(t, os.MkdirAll(keptAgain, 0o777))
	out, ok = o.command(t, nil, "sh", "-c", line[1]+" -artifacts -outputdir '"+keptAgain+"'")
	require.False(t, ok, out)
	require.Equal(t, first[0], failed.FindString(out), out)
	require.Equal(t, line[1], again.FindStringSubmatch(out)[1])

	one, two := header(t, kept, first[1]), header(t, keptAgain, first[1])
	require.NotZero(t, one.Hash)
	require.Equal(t, one.Outcome, two.Outcome)
	require.Equal(t, one.Plan, two.Plan)

	// The plan that was kept repeats it, too.
	o.plan = find(t, kept, "toy-wrong-"+first[1]+".plan.json")
	out, ok = o.test(t, "TestWrong", "SEEDBED_REPLAY="+o.plan)
	require.False(t, ok, out)
	require.Equal(t, first[0], failed.FindString(out), out)
	require.Regexp(t, `SEEDBED_REPLAY='`+regexp.QuoteMeta(o.plan)+`' SEEDBED_STEP=\d+ go test`, out)

	// What is found when all is over has no step. The name of this test needs quotes.
	out, ok = o.test(t, "TestNested", "SEEDBED_SEEDS=3-4")
	require.False(t, ok, out)
	first = failed.FindStringSubmatch(out)
	require.Equal(t, `--- FAIL: toy/late  seed=3  always "few steps": there were many`, first[0])
	line = again.FindStringSubmatch(out)
	require.Equal(t, `SEEDBED_SEED=3 go test example.com/module -run '^TestNested$/^it'\''s_\$HOME$' -v`, line[1])
	out, ok = o.command(t, nil, "sh", "-c", line[1])
	require.False(t, ok, out)
	require.Equal(t, first[0], failed.FindString(out), out)
}

// header is that of the trace that was kept of a seed.
func header(t *testing.T, dir, seed string) trace.Header {
	data, err := os.ReadFile(find(t, dir, "toy-wrong-"+seed+".trace"))
	require.NoError(t, err)
	r, err := trace.Open(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	h := r.Header()
	h.Build = trace.Build{}
	return h
}

// find returns the path of the one file of this name below dir.
func find(t *testing.T, dir, name string) string {
	var found []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if filepath.Base(path) == name {
			found = append(found, path)
		}
		return err
	}))
	require.Len(t, found, 1, name)
	return found[0]
}

// settings are what to run.
func (o *outside) settings(t *testing.T) {
	plan, err := os.ReadFile(o.plan)
	require.NoError(t, err)
	plan = bytes.Replace(plan, []byte("toy/wrong"), []byte("toy/good"), 1)
	require.NoError(t, os.WriteFile(filepath.Join(o.dir, "good.json"), plan, 0o666))
	const (
		all  = `toy/good: 200 seeds, `
		few  = `toy/good: 4 seeds, `
		four = `toy/good seed=4: valid; \d+ steps, 6\.000s, hash [0-9a-f]{16}`
		file = `toy/good seed=\d+: valid; \d+ steps, 6\.000s, hash `
	)
	for _, c := range []struct{ settings, want string }{
		{"", all},
		{"-test.short", `toy/good: 25 seeds, `},
		{"SEEDBED_SEEDS=1-3,77", few},
		{"-seedbed.seeds=1-3,77", few},
		{"SEEDBED_SEED=4", four},
		{"-seedbed.seed=4", four},
		{"SEEDBED_SEEDS=4", four},
		{"SEEDBED_REPLAY=good.json", file},
		{"-seedbed.replay=good.json", file},
		{"SEEDBED_SEED=4 SEEDBED_SEEDS=1-3,77", four},
		{"SEEDBED_SEED=4 SEEDBED_REPLAY=good.json SEEDBED_SEEDS=1-3,77", file},
		{"-seedbed.seeds=1-3,77 SEEDBED_SEED=5 SEEDBED_REPLAY=nowhere", few},
		{"-seedbed.seed=4 SEEDBED_SEED=5", four},
		{"-seedbed.replay=good.json -seedbed.seed=4", file},
		{"SEEDBED_SEED=4 SEEDBED_STEP=30", `toy/good seed=4: valid, up to step 3\d at \d\.\d+s\n +\d+ `},
		{"SEEDBED_SEED=4 SEEDBED_STEP=30 -seedbed.step=20", `toy/good seed=4: valid, up to step 2\d at `},
		{"SEEDBED_REPLAY=good.json SEEDBED_STEP=20", `: valid, up to step 2\d at `},
		{"SEEDBED_SEED=4 SEEDBED_STEP=1000000", `toy/good seed=4: valid, up to step \d+ at 6\.000s\n`},
	} {
		out, ok := o.test(t, "TestGood", strings.Fields(c.settings)...)
		require.True(t, ok, "%s: %s", c.settings, out)
		require.Regexp(t, c.want, out, c.settings)
		require.NotContains(t, out, "--- PASS: TestGood/", "only failing seeds become subtests")
	}
}

// refused is what gets one clear error, and runs nothing.
func (o *outside) refused(t *testing.T) {
	require.NoError(t, os.WriteFile(filepath.Join(o.dir, "broken.json"), []byte("{"), 0o666))
	for _, c := range []struct{ setting, want string }{
		{"SEEDBED_SEED=x", `SEEDBED_SEED="x": want one seed, a number from 1 to 2^64-1`},
		{"SEEDBED_SEED=0", `SEEDBED_SEED="0": want one seed, a number from 1 to 2^64-1`},
		{"-seedbed.seed=1-2", `-seedbed.seed="1-2": want one seed, a number from 1 to 2^64-1`},
		{"SEEDBED_SEEDS=1-", `SEEDBED_SEEDS: seeds "1-": "1-" is an open range; write both ends, such as 1-500`},
		{"-seedbed.seeds=5-1", `-seedbed.seeds: seeds "5-1": "5-1" runs backwards; write 1-5`},
		{"SEEDBED_STEP=0", `SEEDBED_STEP="0": want a step number from 1 on`},
		{"-seedbed.step=ten", `-seedbed.step="ten": want a step number from 1 on`},
		{"SEEDBED_SHRINK=all", `SEEDBED_SHRINK="all": want a number of runs, or 0`},
		{"-seedbed.shrink=-1", `-seedbed.shrink="-1": want a number of runs, or 0`},
		{"SEEDBED_REPLAY=kept", `kept: there is no plan, which is a file *.json, in this folder`},
		{"SEEDBED_STEP=10", `a step is of one run: give a seed or a plan with it, not the seeds 1-200`},
		{"SEEDBED_REPLAY=nowhere.json", `open nowhere.json: no such file or directory; a path starts at the folder of the test`},
		{"-seedbed.replay=broken.json", `broken.json: line 1: it ends too early`},
		{"SEEDBED_REPLAY=" + o.plan, o.plan + ` is a plan of toy/wrong, not of toy/good; -run can select the test that it is for`},
	} {
		out, ok := o.test(t, "TestGood", c.setting)
		require.False(t, ok, "%s: %s", c.setting, out)
		require.Contains(t, out, c.want, c.setting)
		require.Equal(t, 1, strings.Count(out, "module_test.go:"), out)
		require.NotContains(t, out, "steps", out)
	}
}

// sweeps are judged as wholes, too.
func (o *outside) sweeps(t *testing.T) {
	for _, c := range []struct{ test, setting, want string }{
		{"TestNever", "SEEDBED_SEEDS=1-199", ""},
		{"TestNever", "SEEDBED_SEEDS=1-200", `in 200 seeds, this never happened: sometimes "pigs fly"`},
		{"TestDemonstration", "SEEDBED_SEEDS=1-200", ""},
		{"TestDemonstration", "SEEDBED_SEED=2", ""},
		{"TestDemonstrationOfNothing", "SEEDBED_SEEDS=1-199", ""},
		{"TestDemonstrationOfNothing", "SEEDBED_SEEDS=1-200", `in 200 seeds, the demonstration never showed its anomaly: always "there are two"`},
	} {
		out, ok := o.test(t, c.test, c.setting)
		require.Equal(t, c.want == "", ok, "%s %s: %s", c.test, c.setting, out)
		require.Contains(t, out, c.want)
	}
}

// plan finds the plan that a failing test offers for its corpus, and the path that it is to have.
var offered = regexp.MustCompile(`(?s)  to have it run each time, first of all, write this to (\S+) \(-artifacts keeps it as a file\):\n(.*?\n\s*\})\n`)

// shrinking is what a failure comes with.
func (o *outside) shrinking(t *testing.T) {
	out, ok := o.test(t, "TestWrong", "SEEDBED_SEEDS=1-40")
	require.False(t, ok, out)
	require.Regexp(t, `shrunk in \d+ runs: [1-9]→1 faults, 0→0 operations\n`, out)
	require.Equal(t, 1, strings.Count(out, "shrunk in"), "the first of those that failed alike")
	require.Equal(t, 4, strings.Count(out, "--- FAIL: toy/wrong"), "three, and the smallest")
	offer := offered.FindStringSubmatch(out)
	require.NotNil(t, offer, out)
	seed := failed.FindStringSubmatch(out)[1]
	require.Equal(t, filepath.Join(o.dir, "testdata/seedbed/TestWrong/toy-wrong-"+seed+".json"), offer[1])

	// It depends on nothing but the seed and the budget.
	again, ok := o.test(t, "TestWrong", "SEEDBED_SEED="+seed, "-test.cpu=1")
	require.False(t, ok, again)
	require.Equal(t, offer[2], offered.FindStringSubmatch(again)[2])

	for _, setting := range []string{"SEEDBED_SHRINK=0", "-seedbed.shrink=0", "SEEDBED_STEP=100000", "SEEDBED_REPLAY=" + o.plan} {
		out, ok = o.test(t, "TestWrong", "SEEDBED_SEED="+seed, setting)
		require.False(t, ok, out)
		require.NotContains(t, out, "shrunk", setting)
	}
	out, ok = o.test(t, "TestWrong", "SEEDBED_REPLAY="+o.plan, "-seedbed.shrink=5")
	require.False(t, ok, out)
	require.Contains(t, out, "shrunk in 5 runs: ")

	// What is offered as a command does what it says.
	kept := filepath.Join(o.dir, "kept")
	require.NoError(t, os.MkdirAll(kept, 0o777))
	out, ok = o.test(t, "TestNested", "SEEDBED_SEED=3", "-test.artifacts", "-test.outputdir="+kept)
	require.False(t, ok, out)
	page, err := os.ReadFile(find(t, kept, "toy-late-3.html"))
	require.NoError(t, err)
	told := regexp.MustCompile(`"commands":(\[[^]]*\])`).FindSubmatch(page)
	require.NotNil(t, told)
	var commands []report.Command
	require.NoError(t, json.Unmarshal(told[1], &commands))
	lines := map[string]string{}
	for _, c := range commands {
		lines[c.For] = c.Line
	}
	for _, task := range []string{"repeat it, with this build", "repeat it, with any build", "make it small"} {
		require.Regexp(t, `^SEEDBED_.* go test `, lines[task], task)
	}
	opened := regexp.MustCompile(`^go run github.com/seedbed-sim/seedbed/cmd/seedbed view '(.*)'$`).FindStringSubmatch(lines["open it"])
	require.NotNil(t, opened, lines["open it"])
	require.Equal(t, find(t, kept, "toy-late-3.trace"), strings.ReplaceAll(opened[1], `'\''`, "'"))
	for name, want := range map[string]string{"toy-late-3.html": `"file":"toy-late-3.linear.html"`, "toy-late-3.linear.html": `always \"few steps\"`} {
		page, err := os.ReadFile(find(t, kept, name))
		require.NoError(t, err)
		require.Contains(t, string(page), want)
	}
	command := regexp.MustCompile(`(?m)  to have it run each time, first of all, (mkdir .*)$`).FindStringSubmatch(out)
	require.NotNil(t, command, out)
	_, ok = o.command(t, nil, "sh", "-c", command[1])
	require.True(t, ok)
	require.FileExists(t, filepath.Join(o.dir, "testdata/seedbed/TestNested/it's_$HOME/toy-late-3.json"))
	out, ok = o.test(t, "TestNested", "SEEDBED_SEEDS=8-9")
	require.False(t, ok, out)
	require.Equal(t, "--- FAIL: toy/late  seed=3  always \"few steps\": there were many", failed.FindString(out), out)
}

// corpus is what is run first of all.
func (o *outside) corpus(t *testing.T) {
	for _, test := range []string{"TestWrong", "TestGood"} {
		require.NoError(t, os.MkdirAll(filepath.Join(o.dir, "testdata/seedbed", test), 0o777))
	}
	write := func(name string, data []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(o.dir, "testdata/seedbed", name), data, 0o666))
	}
	wrong, err := os.ReadFile(o.plan)
	require.NoError(t, err)
	good := bytes.Replace(wrong, []byte("toy/wrong"), []byte("toy/good"), 1)
	other := regexp.MustCompile(`"build": ".*"`).ReplaceAll(good, []byte(`"build": "example.com/other"`))
	write("TestWrong/a.json", wrong)
	write("TestGood/a.json", good)
	write("TestGood/b.json", other)

	out, ok := o.test(t, "TestWrong", "SEEDBED_SEEDS=1-40", "SEEDBED_SHRINK=0")
	require.False(t, ok, out)
	require.Contains(t, out, "--- FAIL: TestWrong/plan=a.json ")
	require.Less(t, strings.Index(out, "=== RUN   TestWrong/plan=a.json"), strings.Index(out, "=== RUN   TestWrong/seed="))
	line := again.FindStringSubmatch(out)
	require.Regexp(t, `^SEEDBED_REPLAY='testdata/seedbed/TestWrong/a.json' SEEDBED_STEP=\d+ go test example\.com/module -run '\^TestWrong\$' -v$`, line[1])
	repeated, ok := o.command(t, nil, "sh", "-c", line[1])
	require.False(t, ok, repeated)
	require.Equal(t, failed.FindString(out), failed.FindString(repeated))
	out, ok = o.test(t, "TestWrong", "SEEDBED_REPLAY=testdata/seedbed/TestWrong")
	require.False(t, ok, out)
	require.Contains(t, out, "--- FAIL: TestWrong/plan=a.json ")
	require.Contains(t, out, "1 plans of testdata/seedbed/TestWrong")

	// One that does not fail any more is not worth a word, unless it is of another build.
	out, ok = o.test(t, "TestGood", "SEEDBED_SEEDS=1-4")
	require.True(t, ok, out)
	require.NotContains(t, out, "--- PASS: TestGood/")
	require.Contains(t, out, "toy/good: 2 plans of testdata/seedbed/TestGood")
	require.Equal(t, 1, strings.Count(out, "made by another build"), out)
	require.Regexp(t, `warning: testdata/seedbed/TestGood/b.json: made by another build, example.com/other; `, out)
	out, ok = o.test(t, "TestGood", "SEEDBED_SEED=4")
	require.True(t, ok, out)
	require.NotContains(t, out, "plans of", "one run is one run")

	// What cannot be read fails the test, with one line.
	write("TestGood/c.json", []byte("{"))
	write("TestGood/d.json", wrong)
	write("TestGood/.e.json", []byte("{"))
	out, ok = o.test(t, "TestGood", "SEEDBED_SEEDS=1-4")
	require.False(t, ok, out)
	require.Contains(t, out, "testdata/seedbed/TestGood/c.json: line 1: it ends too early\n")
	require.Contains(t, out, "testdata/seedbed/TestGood/d.json is a plan of toy/wrong, not of toy/good; ")
	require.NotContains(t, out, ".e.json")
	require.NoError(t, os.RemoveAll(filepath.Join(o.dir, "testdata")))
}

// fuzzing finds a plan that fails from one that does not.
func (o *outside) fuzzing(t *testing.T) {
	out, ok := o.test(t, "FuzzGood")
	require.True(t, ok, out)
	out, ok = o.test(t, "FuzzWrong")
	require.False(t, ok, out)
	require.Regexp(t, `--- FAIL: FuzzWrong/seed#\d `, out)
	require.Regexp(t, `--- FAIL: toy/wrong  seed=\d+ step=\d+ at=.*  always "there is one leader"`, out)
	require.Contains(t, out, "SEEDBED_REPLAY=FILE go test, with the plan in FILE\n")
	plan := regexp.MustCompile(`(?s)\n(\s*\{\n.*?\n\s*\})\n`).FindStringSubmatch(out)
	require.NotNil(t, plan, out)
	file := filepath.Join(o.dir, "fuzzed.json")
	require.NoError(t, os.WriteFile(file, []byte(plan[1]), 0o666))
	repeated, ok := o.test(t, "TestWrong", "SEEDBED_REPLAY="+file)
	require.False(t, ok, repeated)
	require.Equal(t, failed.FindString(out), failed.FindString(repeated))
}

// determinism is what runs lack that differ.
func (o *outside) determinism(t *testing.T) {
	out, ok := o.test(t, "TestLeaky", "SEEDBED_SEEDS=1-3")
	require.False(t, ok, out)
	require.Contains(t, out, "--- DETERMINISM: toy/leaky  seed=2  failed in the sweep of seeds 1-3, and does not when run alone: something outlives a run\n")
	require.Contains(t, out, `it was: always "all is well"`)

	out, ok = o.test(t, "TestUnsteady", "SEEDBED_SEED=2", "SEEDBED_STEP=30")
	require.False(t, ok, out)
	require.Regexp(t, `--- DETERMINISM: toy/unsteady  seed=2  step \d+ differs: \d+ .*; and again: `, out)
	require.Regexp(t, `again: SEEDBED_SEED=2 SEEDBED_STEP=30 go test example.com/module -run '\^TestUnsteady\$' -v`, out)

	for _, setting := range []string{"SEEDBED_SEEDS=1-5", "SEEDBED_SEED=5", "SEEDBED_REPLAY=good.json"} {
		out, ok = o.test(t, "TestMessages", setting)
		require.True(t, ok, out)
	}

	// Folders of plans are run, too, those of its corpus among them.
	good, err := os.ReadFile(filepath.Join(o.dir, "good.json"))
	require.NoError(t, err)
	folder := filepath.Join(o.dir, "testdata", "seedbed", "TestMessages")
	require.NoError(t, os.MkdirAll(folder, 0o777))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "a.json"), good, 0o666))
	for _, setting := range []string{"SEEDBED_REPLAY=" + folder, "SEEDBED_SEEDS=1-2"} {
		out, ok = o.test(t, "TestMessages", setting)
		require.True(t, ok, out)
		require.Contains(t, out, "toy/good: 1 plans of ")
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "b.json"), []byte("{"), 0o666))
	out, ok = o.test(t, "TestMessages", "SEEDBED_SEEDS=1-2")
	require.False(t, ok, out)
	require.Contains(t, out, "b.json: line 1: it ends too early")
	require.NoError(t, os.RemoveAll(filepath.Join(o.dir, "testdata")))

	out, ok = o.test(t, "TestMessagesAreChanged", "SEEDBED_SEEDS=3-5")
	require.False(t, ok, out)
	require.Regexp(t, `toy/changed seed=3: a message was changed after Send, or by its receiver: step \d+ differs: \d+ \S+ n2 deliver n1 \[1\]; and again: .* n1 \[0\]\n`, out)
	require.Contains(t, out, "again: SEEDBED_SEED=3 go test example.com/module -run '^TestMessagesAreChanged$' -v")
}

func (o *outside) lint(t *testing.T) {
	out, ok := o.test(t, "TestLintHonest")
	require.True(t, ok, out)
	out, ok = o.test(t, "TestLintCareless")
	require.False(t, ok, out)
	require.Contains(t, out, "careless/careless.go:6:2: go: go statement: the scheduler decides when it runs")
	require.NotContains(t, out, "honest")
	out, ok = o.test(t, "TestLintNowhere")
	require.False(t, ok, out)
	require.Contains(t, out, "nowhere")
}

// echo answers what it is sent once it is on its disk.
type echo struct{ Count int }

func (e *echo) Start(env sim.Env) {
	e.Count = int(env.Disk().Open("log").Size())
	env.SetTimer(sim.Timer{Name: "tick"}, time.Second)
}

func (e *echo) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	e.Count++
	env.Disk().Open("log").Append([]byte{1})
	if msg != "forget" && env.Disk().Sync() == nil {
		env.Send(from, e.Count)
	}
}

func (e *echo) Timeout(env sim.Env, t sim.Timer) { env.Emit(t.Name) }

func TestNewRecorder(t *testing.T) {
	r := simtest.NewRecorder(t, 2, 3, func(sim.NodeID) sim.Node { return &echo{} })
	left, armed := r.Armed(sim.Timer{Name: "tick"})
	require.True(t, armed)
	require.Equal(t, time.Second, left)
	r.Receive(3, "hello")
	r.Receive(1, "hello")
	require.Equal(t, []sim.Sent{{To: 3, Msg: 1}, {To: 1, Msg: 2}}, r.Take())
	require.True(t, r.Advance(time.Second))
	require.Equal(t, []sim.Fact{"tick"}, r.Facts)

	r.Receive(1, "forget")
	require.Empty(t, r.Take())
	require.Equal(t, 3, r.World.Node(2).(*echo).Count)
	r.World.Crash(2)
	r.World.Restart(2)
	require.True(t, r.Advance(0))
	require.Equal(t, 2, r.World.Node(2).(*echo).Count, "what is not synced is lost")
}

func TestText(t *testing.T) {
	require.Equal(t, "echo{Count:3}", simtest.Text(&echo{3}))
	require.Equal(t, "nil", simtest.Text(nil))
}
