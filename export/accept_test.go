package export_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/export"
)

// TestReadersAccept has Mermaid's own parser, a reader of EDN, and JavaScript as ShiViz uses it read what is exported of a
// real run and of traces that may say anything. make accept installs them.
func TestReadersAccept(t *testing.T) {
	const dir = "testdata/accept"
	_, missing := exec.LookPath("node")
	if missing == nil {
		_, missing = os.Stat(filepath.Join(dir, "node_modules"))
	}
	if missing != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%v: make accept installs what is missing, but for node", missing)
		}
		t.Skipf("SKIPPED: %v: make accept installs what is missing, but for node", missing)
	}
	files := []string{}
	add := func(name string, r export.Run) {
		for _, f := range export.Formats {
			out, err := os.Create(filepath.Join(t.TempDir(), name+"."+f.Name))
			require.NoError(t, err)
			if f.Write(out, r) == nil {
				files = append(files, out.Name())
			}
			require.NoError(t, out.Close())
		}
	}
	add("shelf", recorded(t, shelf, shelfPlan))
	require.Len(t, files, len(export.Formats))
	part := catalogued(t, "raft/kv", 7)
	part.First, part.Last = 100, 400
	add("raft", part)
	hostile := rapid.Custom(hostileRun)
	for seed := range 40 {
		add(fmt.Sprintf("hostile%d", seed), hostile.Example(seed))
	}
	out, err := exec.Command("node", append([]string{filepath.Join(dir, "accept.mjs")}, files...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
