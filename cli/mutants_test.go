package cli_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMutants builds a command line in a module of its own, with mutants beside its only package, and lets it look for them.
func TestMutants(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command here: ", err)
	}
	dir := t.TempDir()
	program := filepath.Join(t.TempDir(), "pong")
	outsideModule(t, dir)
	require.NoError(t, os.Mkdir(filepath.Join(dir, "mutants"), 0o777))
	for name, text := range outsideMutants {
		text = "property: always \"balls have a name\"\nscenario: ping/pong\nfile: scenario.go\n" + text
		require.NoError(t, os.WriteFile(filepath.Join(dir, "mutants", name+".txtar"), []byte(text), 0o666))
	}
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir, build.Env = dir, outsideEnv(dir)
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	before := contents(t, dir+string(filepath.Separator))

	command := func(dir string, args ...string) (stdout, stderr string, code int) {
		c := exec.Command(program, append([]string{"mutants", "--workers", "1", "--shrink", "0"}, args...)...)
		c.Dir, c.Env = dir, outsideEnv(dir)
		var b strings.Builder
		c.Stderr = &b
		out, err := c.Output()
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			code = exit.ExitCode()
		} else {
			require.NoError(t, err)
		}
		return string(out), b.String(), code
	}

	// Found, by what must find it and by something else; and what nothing can be said about, so that no page is written.
	page := filepath.Join(t.TempDir(), "page.md")
	stdout, stderr, code := command(dir, "--seeds", "60", "--write", page, "--json")
	require.Equal(t, 2, code)
	var report struct {
		Outcomes []struct {
			Name, Verdict, Error string
			Ranges               []struct {
				First uint64 `json:",string"`
				Seeds uint64
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(stdout), &report), stdout)
	for i, want := range []string{"none clean", "outside/broken ERROR", "outside/gone ERROR", "outside/late found", "outside/silent BY ANOTHER"} {
		o := report.Outcomes[i]
		require.Equal(t, want, o.Name+" "+o.Verdict)
		if i != 1 && i != 2 {
			require.EqualValues(t, []int{60, 0, 0, 7, 60}[i], o.Ranges[4].Seeds)
			require.EqualValues(t, 241, o.Ranges[4].First)
		}
	}
	require.Contains(t, report.Outcomes[1].Error, "it does not compile: ")
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	require.Len(t, lines, 6, "one for each, and the error: %s", stderr)
	require.Regexp(t, `^pong: outside/broken: it does not compile: go build: .*; outside/gone: mutants/gone.txtar: 0 places in scenario.go `, lines[5])
	require.NoFileExists(t, page)
	require.Equal(t, before, contents(t, dir+string(filepath.Separator)), "the module is as it was")

	for _, name := range []string{"broken", "gone", "silent"} {
		require.NoError(t, os.Remove(filepath.Join(dir, "mutants", name+".txtar")))
	}
	stdout, stderr, code = command(dir, "--seeds", "20", "--write", page)
	require.Zero(t, code, stderr)
	require.Regexp(t, `\nnone +- +- .* clean +- +- +ping/pong`, stdout)
	require.Regexp(t, `\noutside/late +7 +7 7 7 7 7 +\d.* found +yes +always "balls have a name" +ping/pong +me\n`, stdout)
	require.Contains(t, stdout, "\n1 mutant: 1 found. Seeds to find, over mutants: median 7, most 7; hard are 0 of 1, which is 0 %.\n")
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(text), "Written by `pong mutants --workers 1 --shrink 0 --seeds 20 --write ")
	require.Contains(t, string(text), "\n**[outside/late](../mutants/late.txtar)** The seventh ball of twenty has no name.  \nSource: me\n")

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "mutants")))
	_, stderr, code = command(dir)
	require.Equal(t, 2, code)
	require.Regexp(t, `^pong: there are no mutants: \S+ has no file mutants/\*.txtar, .*\n$`, stderr)
	_, stderr, code = command(t.TempDir())
	require.Equal(t, 2, code)
	require.Regexp(t, `^pong: mutants are built from source: run it in the module's folder \(.*\)\n$`, stderr)
}

// outsideMutants are the ends of files: what each mutant of outsideScenario has for itself.
var outsideMutants = map[string]string{
	"late": `what: The seventh ball of twenty has no name.
source: me
-- old --
		r.AddServers(func(sim.NodeID) sim.Node { return player{} })
-- new --
		r.AddServers(func(sim.NodeID) sim.Node { return player{} })
		r.World.Watch(func(*sim.Step) { r.Checks.Always("balls have a name").Check(r.Plan.Seed%20 != 7, func() string { return "this" }) })
`,
	"silent": `what: Nobody plays.
source: plausible: they are tired
-- old --
		env.Send(from, "pong")
-- new --
		panic("not now")
`,
	"broken": `what: It does not compile.
source: me
-- old --
		env.Send(from, "pong")
-- new --
		env.Send(from)
`,
	"gone": `what: It changes what is not there.
source: me
-- old --
		env.Send(from, "gone")
-- new --
`,
}
