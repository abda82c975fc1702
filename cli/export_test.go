package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/cli"
	"github.com/seedbed-sim/seedbed/export"
	"github.com/seedbed-sim/seedbed/scenarios"
)

// TestExport records a run of the catalogue and exports it in each format, to a file and to standard output.
func TestExport(t *testing.T) {
	dir := t.TempDir()
	seedbed := func(args ...string) (int, string, string) {
		var out, err bytes.Buffer
		code := cli.Run(args, &out, &err, scenarios.Catalogue())
		return code, out.String(), err.String()
	}
	recording := filepath.Join(dir, "7.trace")
	code, _, stderr := seedbed("run", "raft/kv", "--seed", "7", "--trace", recording)
	require.Zero(t, code, stderr)
	for _, f := range export.Formats {
		args := []string{"export", recording, "--format", f.Name}
		if f.Name == "mermaid" {
			args = append(args, "--from-step", "100", "--to-step", "300")
		}
		code, stdout, stderr := seedbed(args...)
		if f.Name == "elle" {
			require.Equal(t, 2, code)
			require.Contains(t, stderr, recording+`: elle reads histories of appends to lists and reads of them; operation #0 at step 14 is none: put d "v1;"`)
			continue
		}
		require.Zero(t, code, stderr)
		require.NotEmpty(t, stdout)
		file := filepath.Join(dir, "7."+f.Name)
		code, silent, stderr := seedbed(append(args, "--out", file)...)
		require.Zero(t, code, stderr)
		require.Empty(t, silent)
		written, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(written), stdout, f.Name)
	}
	code, stdout, stderr := seedbed("export", recording, "--format", "mermaid", "--out", filepath.Join(dir, "long"))
	require.Equal(t, 2, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "more than the 50,000 characters that Mermaid draws")
	require.NoFileExists(t, filepath.Join(dir, "long"))
}

// TestExportOfAnotherRun has a scenario of which no two runs of a process are the same.
func TestExportOfAnotherRun(t *testing.T) {
	recording := filepath.Join(t.TempDir(), "1.trace")
	code, _, stderr := run("run", "toy/random", "--seed", "1", "--trace", recording)
	require.Zero(t, code, stderr)
	code, stdout, stderr := run("export", recording, "--format", "jepsen")
	require.Equal(t, 2, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, recording+": its history takes a run of its plan, and that is another run in this build: hash ")
	require.Equal(t, 1, strings.Count(stderr, "\n"))
}
