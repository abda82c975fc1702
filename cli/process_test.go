package cli_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/cli"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
)

// TestOutsideModule builds a command line in a module of its own, as docs/adding-a-model.md tells, without the network.
func TestOutsideModule(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command here: ", err)
	}
	dir := t.TempDir()
	outsideModule(t, dir)

	command := func(args ...string) (string, int) {
		c := exec.Command("go", append([]string{"run", "."}, args...)...)
		c.Dir = dir
		c.Env = outsideEnv(dir)
		out, err := c.CombinedOutput()
		if exit := new(exec.ExitError); errors.As(err, &exit) {
			return string(out), exit.ExitCode()
		}
		require.NoError(t, err)
		return string(out), 0
	}
	out, code := command("list")
	require.Zero(t, code, out)
	require.Equal(t, "ping/pong  Two nodes play.\n", out)
	out, code = command("sweep", "--seeds", "1-200")
	require.Zero(t, code, out)
	require.Regexp(t, `ping/pong +200 .*as expected`, out)
	out, code = command("run", "ping/pong", "--seed", "7", "--until-step", "5")
	require.Zero(t, code, out)
	require.Contains(t, out, "nothing violated so far")
}

// outsideModule writes a module with one package, a command line over one scenario.
func outsideModule(t *testing.T, dir string) {
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	goMod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	_, needs, _ := strings.Cut(string(goMod), "\nrequire (")
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
	}
	write("go.mod", "module example.com/outside\n\ngo 1.26.0\n\nrequire github.com/seedbed-sim/seedbed v0.0.0\n\n"+
		"replace github.com/seedbed-sim/seedbed => "+root+"\n\nrequire ("+needs)
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	require.NoError(t, err)
	write("go.sum", string(sums))
	write("scenario.go", outsideScenario)
	write("main.go", outsideMain)
}

// outsideEnv is the environment of commands in the folder of such a module, which are to do without the network.
func outsideEnv(dir string) []string {
	return append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "PWD="+dir)
}

const outsideMain = `package main

import "github.com/seedbed-sim/seedbed/cli"

func main() { cli.Main(pingPong) }
`

const outsideScenario = `package main

import (
	"time"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
)

type player struct{}

func (player) Start(env sim.Env) { env.SetTimer(sim.Timer{Name: "serve"}, time.Second) }

func (player) Timeout(env sim.Env, t sim.Timer) { env.Send(env.ID()%3+1, "ping"); env.SetTimer(t, time.Second) }

func (player) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	if env.Emit(msg); msg == "ping" {
		env.Send(from, "pong")
	}
}

var pingPong = &scenarios.Scenario{
	Name: "ping/pong", Doc: "Two nodes play.", Space: nemesis.DefaultSpace("ping/pong"),
	Build: func(r *scenarios.Run) {
		r.AddServers(func(sim.NodeID) sim.Node { return player{} })
		r.World.Watch(func(s *sim.Step) { r.Checks.Always("balls have a name").Check(s.Payload != "", func() string { return "none" }) })
	},
}
`

// TestInterrupted stops a sweep that would take for ever.
func TestInterrupted(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	for name, s := range map[string]*scenarios.Scenario{"good": toys()[0], "six": toys()[6]} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			build := s.Build
			var running sync.Once
			s.Build = func(r *scenarios.Run) {
				running.Do(func() {
					if self.Signal(os.Interrupt) != nil {
						t.Skip("no signals on this system")
					}
				})
				build(r)
			}
			var stdout, stderr bytes.Buffer
			code := cli.Run([]string{"sweep", "--for", "1h"}, &stdout, &stderr, scenarios.NewRegistry(s))
			require.Equal(t, map[string]int{"good": 130, "six": 1}[name], code, "stdout:\n%s\nstderr:\n%s", &stdout, &stderr)
			require.Regexp(t, "(?m)^"+s.Name+" +[1-9]", stdout.String())
			require.Contains(t, stdout.String(), "\ninterrupted: this is what there is until then\n")
			require.Empty(t, stderr.String())
		})
	}
}

// program is a path by which the test binary is another program, as TestMain has it.
func program(t *testing.T, name string) string {
	self, err := os.Executable()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), name)
	if err := os.Symlink(self, path); err != nil {
		t.Skip("no links on this system: ", err)
	}
	return path
}

// many is a scenario of which each seed is a finding of its own.
func many() *scenarios.Scenario {
	return toy("toy/many", "A scenario that fails in many ways.", counts, func(r *scenarios.Run) {
		r.Checks.Always(fmt.Sprintf("seed %d is fine", r.Plan.Seed)).Violatef("it is not")
	})
}

// TestKilled kills sweeps while they write, at any time. What is there is whole: a folder of plans.
func TestKilled(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept")
	found := func() int {
		files, err := filepath.Glob(filepath.Join(dir, "*.json"))
		require.NoError(t, err)
		return len(files)
	}
	for i := range 8 {
		sweep := exec.Command(program(t, "seedbed-many"), "sweep", "--for", "1h", "--findings", dir, "--seed-from", fmt.Sprintf("%07d", i))
		require.NoError(t, sweep.Start())
		before := found()
		require.Eventually(t, func() bool { return found() > before }, time.Minute, time.Millisecond)
		time.Sleep(time.Duration(i) * 3 * time.Millisecond)
		require.NoError(t, sweep.Process.Kill())
		require.Error(t, sweep.Wait())
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".toy-many.json.123"), []byte("{"), 0o600)) // as a killed sweep may
	var stdout, stderr bytes.Buffer
	code := cli.Run([]string{"run", "--plan", dir}, &stdout, &stderr, scenarios.NewRegistry(many()))
	require.Equal(t, 1, code, &stderr)
	require.Empty(t, stderr.String())
	require.Contains(t, stdout.String(), fmt.Sprintf("\n%[1]d plans, %[1]d failed\n", found()))
}

// TestKilledAfterPrinting kills a sweep as soon as it has printed where its first finding is.
func TestKilledAfterPrinting(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kept")
	sweep := exec.Command(program(t, "seedbed-many"), "sweep", "--seeds", "1-40", "--findings", dir)
	stdout, err := sweep.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, sweep.Start())
	lines := bufio.NewScanner(stdout)
	path := ""
	for path == "" && lines.Scan() {
		_, path, _ = strings.Cut(lines.Text(), "in 1 of 40 seeds: ")
	}
	require.NoError(t, sweep.Process.Kill())
	require.Error(t, sweep.Wait())
	var out, stderr bytes.Buffer
	require.Equal(t, 1, cli.Run([]string{"run", "--plan", path}, &out, &stderr, scenarios.NewRegistry(many())), &stderr)
}

// hangs is a scenario with a handler that never returns.
func hangs() *scenarios.Scenario {
	return toy("toy/hangs", "A scenario that never ends.", func(_ *scenarios.Run, s *sim.Step, count int) {
		for s.Node == 2 && count == 3 {
			time.Sleep(time.Millisecond)
		}
	}, nil)
}

// TestHangs waits for the watchdog to end a process. It takes as long as a run may go without a step.
func TestHangs(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"run toy/hangs --seed 1", "sweep toy/hangs --seeds 1-2"} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			command := exec.Command(program(t, "seedbed-hang"), strings.Fields(line)...)
			command.Dir = t.TempDir()
			var stderr bytes.Buffer
			command.Stderr = &stderr
			exit := new(exec.ExitError)
			require.ErrorAs(t, command.Run(), &exit)
			require.Equal(t, 2, exit.ExitCode())
			require.Regexp(t, `^stuck: toy/hangs seed=[12] has made no step for 10s: n2 runs in step \d+, at 0\.`, stderr.String())
		})
	}
}

// TestShrinkInterrupted stops a search, which keeps what it has.
func TestShrinkInterrupted(t *testing.T) {
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	s := toys()[10]
	build, built := s.Build, atomic.Int64{}
	s.Build = func(r *scenarios.Run) {
		if built.Add(1) == 20 && self.Signal(os.Interrupt) != nil {
			t.Skip("no signals on this system")
		}
		if built.Load() > 20 {
			time.Sleep(time.Millisecond) // for the signal to come
		}
		build(r)
	}
	var stdout, stderr bytes.Buffer
	code := cli.Run([]string{"shrink", "toy/busy", "--seed", "3", "--out", "small.json"}, &stdout, &stderr, scenarios.NewRegistry(s))
	require.Zero(t, code, "stdout:\n%s\nstderr:\n%s", &stdout, &stderr)
	require.Contains(t, stdout.String(), "\n  interrupted: this is what there is until then\n")
	code, _, errors := run("run", "--plan", "small.json")
	require.Equal(t, 1, code, errors)
}

// TestFullDisk must not take half an answer for a whole one.
func TestFullDisk(t *testing.T) {
	for _, line := range []string{"list", "list --json", "plan toy/good --seed 1", "run toy/six --seed 1", "sweep toy/good --seeds 1-3", "help run"} {
		t.Run(line, func(t *testing.T) {
			t.Chdir(t.TempDir())
			var stderr bytes.Buffer
			code := cli.Run(strings.Fields(line), full{}, &stderr, scenarios.NewRegistry(toys()...))
			require.Equal(t, 2, code)
			require.Regexp(t, "^.*: cannot write the output: no space\n$", stderr.String())
		})
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }

// TestCatalogue runs what cmd/seedbed runs.
func TestCatalogue(t *testing.T) {
	t.Chdir(t.TempDir())
	var stdout, stderr bytes.Buffer
	code := cli.Run([]string{"sweep", "--seeds", "1-3"}, &stdout, &stderr, scenarios.Catalogue())
	require.Zero(t, code, "stdout:\n%s\nstderr:\n%s", &stdout, &stderr)
	for _, s := range scenarios.Catalogue().All() {
		require.Regexp(t, "(?m)^"+s.Name+" +3 .*(as expected|anomaly)", stdout.String())
	}
}
