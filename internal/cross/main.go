// Command cross runs crosshash in every way that must not make a difference, and compares what it prints byte by byte:
// twice in one process, under the race detector, on one and eight threads, for older and newer processors of one
// architecture, by two releases of Go, and on another architecture. It ends with 1 if there is a difference.
//
// What this machine lacks is skipped, and said so; with CI=true in the environment it is a failure instead.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

const program = "github.com/seedbed-sim/seedbed/internal/crosshash"

// releases of Go that must agree; the newest patch of each.
var releases = []string{"go1.26", "go1.27"}

// variant is one way to build and run the program.
type variant struct {
	name  string
	needs func() error // what it needs of the machine; an error says what is missing
	build []string     // flags
	env   []string     // of the build and the run
	under string       // the emulator that runs it
	args  []string
}

func variants() []variant {
	local := runtime.Version()
	all := []variant{
		{name: "plain"},
		{name: "other seeds in between", args: []string{"-shuffle"}},
		{name: "-race", needs: compiler, build: []string{"-race"}, env: []string{"CGO_ENABLED=1"}},
		{name: "GOMAXPROCS=1", env: []string{"GOMAXPROCS=1"}},
		{name: "GOMAXPROCS=8", env: []string{"GOMAXPROCS=8"}},
		{name: "GOAMD64=v1", needs: amd64, env: []string{"GOAMD64=v1"}},
		{name: "GOAMD64=v3", needs: amd64, env: []string{"GOAMD64=v3"}},
	}
	for _, release := range releases {
		if version.Lang(local) == release {
			continue // all the others are of this one
		}
		v := variant{name: release}
		newest, err := newestPatch(release)
		v.needs = func() error { return err }
		if err == nil {
			v.name = "GOTOOLCHAIN=" + newest
			v.env = []string{v.name}
		}
		all = append(all, v)
	}
	arm := variant{name: "GOARCH=arm64", env: []string{"GOARCH=arm64"}}
	if runtime.GOARCH != "arm64" {
		arm.name += ", emulated"
		arm.needs, arm.under = emulator, "qemu-aarch64"
	}
	return append(all, arm)
}

func main() {
	seeds := flag.String("seeds", "50", "run seeds 1 to `n` of each scenario")
	plans := flag.String("plans", "10000", "draw the plans of seeds 1 to `n`, by turns of all scenarios")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt)
	defer cancel()
	dir, err := os.MkdirTemp("", "cross")
	if err != nil {
		fmt.Fprintln(os.Stderr, "cross:", err)
		os.Exit(2)
	}
	ok := compare(ctx, dir, []string{"-seeds=" + *seeds, "-plans=" + *plans})
	os.RemoveAll(dir)
	if !ok {
		os.Exit(1)
	}
}

// compare runs the variants and prints a line for each. It is false if one differs from the first, fails, or is missing
// where it may not be.
func compare(ctx context.Context, dir string, args []string) bool {
	fmt.Printf("%-24s %8s %8s %8s  %s\n", "variant", "hashes", "build s", "run s", "against plain, "+runtime.Version()+" "+runtime.GOARCH)
	var plain []byte
	good := true
	for _, v := range variants() {
		if v.needs != nil {
			if err := v.needs(); err != nil {
				result := "SKIPPED: " + err.Error()
				if os.Getenv("CI") == "true" {
					result, good = "MISSING: "+err.Error(), false
				}
				fmt.Printf("%-24s %8s %8s %8s  %s\n", v.name, "-", "-", "-", result)
				continue
			}
		}
		out, building, running, err := v.run(ctx, dir, args)
		result := "equal"
		switch {
		case err != nil:
			result, good = "FAILED: "+err.Error(), false
		case plain == nil:
			plain, result = out, "-"
		case !bytes.Equal(plain, out):
			result, good = difference(plain, out), false
		}
		fmt.Printf("%-24s %8d %8.1f %8.1f  %s\n", v.name, bytes.Count(out, []byte("\n")), building.Seconds(), running.Seconds(), result)
		if plain == nil {
			return false // nothing to compare with
		}
	}
	return good
}

// run builds and runs the program, and returns what it printed.
func (v variant) run(ctx context.Context, dir string, args []string) (out []byte, building, running time.Duration, err error) {
	binary := filepath.Join(dir, "crosshash")
	env := append(append(os.Environ(), "CGO_ENABLED=0"), v.env...)
	started := time.Now()
	build := exec.CommandContext(ctx, "go", append(append([]string{"build", "-o", binary}, v.build...), program)...)
	build.Env = env
	if out, err := build.CombinedOutput(); err != nil {
		return nil, time.Since(started), 0, fmt.Errorf("%w\n%s", err, out)
	}
	building = time.Since(started)

	started = time.Now()
	command := append([]string{binary}, append(args, v.args...)...)
	if v.under != "" {
		command = append([]string{v.under}, command...)
	}
	run := exec.CommandContext(ctx, command[0], command[1:]...)
	run.Env = env
	var complaint bytes.Buffer
	run.Stderr = &complaint
	out, err = run.Output()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, complaint.Bytes())
	}
	return out, building, time.Since(started), err
}

// difference shows the first line in which two outputs differ.
func difference(plain, other []byte) string {
	a, b := strings.Split(string(plain), "\n"), strings.Split(string(other), "\n")
	i := 0
	for i < min(len(a), len(b))-1 && a[i] == b[i] {
		i++
	}
	return fmt.Sprintf("DIFFERS in line %d\n  plain  %s\n  here   %s", i+1, a[i], b[i])
}

// compiler finds the C compiler, which the race detector's build needs.
func compiler() error {
	cc, err := exec.Command("go", "env", "CC").Output()
	if err != nil {
		return err
	}
	if _, err := exec.LookPath(strings.Fields(string(cc) + " cc")[0]); err != nil {
		return errors.New("no C compiler")
	}
	return nil
}

func amd64() error {
	if runtime.GOARCH != "amd64" {
		return errors.New("this is no amd64 machine")
	}
	return nil
}

// emulator finds qemu-user, or installs it where it can.
func emulator() error {
	const name = "qemu-aarch64"
	if _, err := exec.LookPath(name); err == nil {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil || os.Geteuid() != 0 {
		return errors.New("no " + name + "; install qemu-user")
	}
	for _, args := range [][]string{{"update"}, {"install", "-y", "--no-install-recommends", "qemu-user"}} {
		install := exec.Command("apt-get", append([]string{"-qq"}, args...)...)
		install.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := install.CombinedOutput(); err != nil {
			return fmt.Errorf("no %s, and apt-get %s: %w: %s", name, args[0], err, bytes.TrimSpace(out))
		}
	}
	_, err := exec.LookPath(name)
	return err
}

// newestPatch is the newest version of a release that the module proxy offers for this machine.
func newestPatch(release string) (string, error) {
	list := exec.Command("go", "list", "-m", "-versions", "golang.org/toolchain")
	out, err := list.Output()
	if err != nil {
		return "", errors.New("no list of Go's toolchains; is the module proxy in reach?")
	}
	newest := ""
	for _, field := range strings.Fields(string(out)) {
		v, ok := strings.CutSuffix(strings.TrimPrefix(field, "v0.0.1-"), "."+runtime.GOOS+"-"+runtime.GOARCH)
		if ok && version.Lang(v) == release && version.Compare(v, newest) > 0 {
			newest = v
		}
	}
	if newest == "" {
		return "", fmt.Errorf("the module proxy has no %s for %s/%s", release, runtime.GOOS, runtime.GOARCH)
	}
	return newest, nil
}
