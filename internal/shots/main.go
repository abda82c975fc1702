// Command shots plants three mistakes, finds a seed that shows each, and takes pictures of the pages: go run ./internal/shots,
// in the module's root. It needs chromium.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/seedbed-sim/seedbed/internal/mutants"
)

// shots are a mutant for each family of models.
var shots = []struct {
	mutant, file string
	diff         bool // beside the run without a fault that it needs
}{
	{"raft/commit-beyond-new", "raft", false},
	{"raft/commit-beyond-new", "diff", true},
	{"gossip/swim-alive-overrides-dead", "gossip", false},
	{"olep/payment-posted-again", "olep", false},
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "shots:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		return fmt.Errorf("pictures are taken by chromium: %w", err)
	}
	root, module, err := mutants.Locate(ctx, "github.com/seedbed-sim/seedbed/cmd/seedbed")
	if err != nil {
		return err
	}
	all, err := mutants.Load(root, module)
	if err != nil {
		return err
	}
	for _, shot := range shots {
		chosen, err := mutants.Choose(all, []string{shot.mutant})
		if err != nil {
			return err
		}
		picture := filepath.Join(root, "docs", "shots", shot.file+".png")
		if err := take(ctx, browser, root, chosen[0], picture, shot.diff); err != nil {
			return fmt.Errorf("%s: %w", shot.mutant, err)
		}
		fmt.Println(picture)
	}
	return nil
}

// take takes a picture of the first failure of a mutant.
func take(ctx context.Context, browser, root string, m *mutants.Mutant, picture string, diff bool) error {
	dir, err := os.MkdirTemp("", "shots")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	overlay, err := m.Overlay(root, dir)
	if err != nil {
		return err
	}
	program := filepath.Join(dir, "seedbed")
	build := exec.CommandContext(ctx, "go", append(append([]string{"build"}, overlay...), "-o", program, "./cmd/seedbed")...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	sweep := exec.CommandContext(ctx, program, "sweep", m.Scenario, "--seeds", "1-5000", "--first", "--findings", "found")
	sweep.Dir, sweep.Args[0] = dir, "./seedbed" // so that the page names no folder of this machine
	sweep.Run()                                 // which fails, as it should
	pages, err := filepath.Glob(filepath.Join(dir, "found", "*.html"))
	if err != nil || len(pages) == 0 {
		return errors.Join(err, errors.New("no seed shows it"))
	}
	page := pages[0]
	if diff {
		if page, err = differ(ctx, dir, program, strings.TrimSuffix(page, ".html")+".json"); err != nil {
			return err
		}
	}
	args := []string{
		"--headless=new", "--disable-gpu", "--hide-scrollbars", "--window-size=1440,900", "--virtual-time-budget=8000",
		"--screenshot=" + picture, "file://" + page,
	}
	if os.Geteuid() == 0 { // whom the sandbox refuses
		args = append(args, "--no-sandbox")
	}
	if out, err := exec.CommandContext(ctx, browser, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// differ makes a page of a finding's run, and of the same without the last fault that its violation needs.
func differ(ctx context.Context, dir, program, plan string) (page string, err error) {
	diff := func(args ...string) ([]byte, error) {
		c := exec.CommandContext(ctx, program, append([]string{"diff", "--json", "--plan", plan}, args...)...)
		c.Dir, c.Args[0] = dir, "./seedbed"
		return c.Output()
	}
	out, err := diff()
	if err != nil {
		return "", err
	}
	var each struct {
		Without []struct {
			Number   int    `json:"number"`
			Verdict  string `json:"verdict"`
			Property string `json:"property"`
		} `json:"without"`
	}
	if err := json.Unmarshal(out, &each); err != nil {
		return "", err
	}
	for _, fault := range slices.Backward(each.Without) {
		if fault.Verdict != "" && fault.Property == "" {
			page = filepath.Join(dir, "diff.html")
			_, err := diff("--without", strconv.Itoa(fault.Number), "--report", page)
			return page, err
		}
	}
	return "", errors.New("it needs none of its faults")
}
