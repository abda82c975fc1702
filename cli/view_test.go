package cli_test

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/cli"
	"github.com/seedbed-sim/seedbed/scenarios"
)

// TestView serves a recording until it is interrupted, and says what can be typed to see more of the run.
func TestView(t *testing.T) {
	defer func(name string) { os.Args[0] = name }(os.Args[0])
	os.Args[0] = "seedbed"
	dir := t.TempDir()
	drawn, edited, plan := filepath.Join(dir, "drawn.trace"), filepath.Join(dir, "edited.trace"), filepath.Join(dir, "plan.json")
	code, _, _ := run("run", "toy/busy", "--seed", "3", "--trace", drawn)
	require.Equal(t, 1, code)
	_, text, _ := run("plan", "toy/busy", "--seed", "3", "--json")
	require.NoError(t, os.WriteFile(plan, []byte(strings.Replace(text, `"duration": "1s"`, `"duration": "1.1s"`, 1)), 0o666))
	code, _, stderr := run("run", "--plan", plan, "--trace", edited)
	require.Equal(t, 1, code, stderr)

	commands := view(t, drawn)
	require.Contains(t, commands, `"line":"seedbed run toy/busy --seed 3"`)
	require.Contains(t, commands, `"line":"seedbed explain toy/busy --seed 3"`)
	require.Contains(t, commands, `"line":"seedbed diff toy/busy --seed 3"`)
	require.Contains(t, commands, `"line":"seedbed trace `+drawn+`"`)
	commands = view(t, edited)
	require.NotContains(t, commands, "--seed 3", "its seed draws another plan")
	require.Contains(t, commands, `"line":"seedbed trace `+edited+`"`)
}

// view is what the page says to type that the view command serves.
func view(t *testing.T, file string) string {
	out, stdout := io.Pipe()
	ended := make(chan int)
	go func() {
		ended <- cli.Run([]string{"view", file}, stdout, io.Discard, scenarios.NewRegistry(toys()...))
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Regexp(t, `^http://127\.0\.0\.1:\d+/ shows `+regexp.QuoteMeta(file)+`, until Control-C\n$`, line)
	url, _, _ := strings.Cut(line, " ")
	answer, err := http.Get(url)
	require.NoError(t, err)
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGINT))
	require.Zero(t, <-ended)
	_, err = http.Get(url)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	return string(regexp.MustCompile(`"commands":\[[^]]*\]`).Find(page))
}
