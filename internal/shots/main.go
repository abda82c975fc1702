// Command shots plants three mistakes, finds a seed that shows each, and takes pictures of the pages: go run ./internal/shots,
// in the module's root. It needs chromium.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/seedbed-sim/seedbed/internal/mutants"
)

// shots are a mutant for each family of models.
var shots = []struct{ mutant, file string }{
	{"raft/commit-beyond-new", "raft"},
	{"gossip/swim-alive-overrides-dead", "gossip"},
	{"olep/payment-posted-again", "olep"},
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
		if err := take(ctx, browser, root, chosen[0], picture); err != nil {
			return fmt.Errorf("%s: %w", shot.mutant, err)
		}
		fmt.Println(picture)
	}
	return nil
}

// take takes a picture of the first failure of a mutant.
func take(ctx context.Context, browser, root string, m *mutants.Mutant, picture string) error {
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
	args := []string{
		"--headless=new", "--disable-gpu", "--hide-scrollbars", "--window-size=1440,900", "--virtual-time-budget=8000",
		"--screenshot=" + picture, "file://" + pages[0],
	}
	if os.Geteuid() == 0 { // whom the sandbox refuses
		args = append(args, "--no-sandbox")
	}
	if out, err := exec.CommandContext(ctx, browser, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
