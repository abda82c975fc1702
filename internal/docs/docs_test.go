package docs

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/trace"
)

var update = flag.Bool("update", false, "write what the commands print into the documents")

const root = "../.."

// documents are those with code or commands. A fenced block of theirs is what its first line says it is:
//
//	go PATH/NAME   an excerpt of that file of the project; a line of "// …" stands for what it leaves out
//	go NAME        a file of a module of the reader's own, next to the project
//	console        commands after "$ ", each with what it prints; "…" at its end stands for the rest
//
// Others are for the reader only. The commands of a document are one session, which begins in the project's folder;
// there the reader's module is ../mine, and the project, from there, ../seedbed.
var documents = []string{"README.md", "CHANGELOG.md", "docs/adding-a-model.md", "docs/architecture.md", "docs/decisions.md"}

func TestExcerpts(t *testing.T) {
	eachBlock(t, "go", func(t *testing.T, b block) {
		if !strings.Contains(b.name, "/") {
			return
		}
		data, err := os.ReadFile(filepath.Join(root, b.name))
		require.NoError(t, err, "line %d", b.line)
		rest, found := string(data), false
		for part := range strings.SplitSeq(b.text, "// …\n") {
			_, rest, found = strings.Cut(rest, strings.Trim(part, "\n"))
			assert.True(t, found, "line %d: this is not in %s, or not in this order:\n%s", b.line, b.name, part)
		}
	})
}

// What documents point at: other files, and tests.
var (
	link     = regexp.MustCompile(`\]\(([^):#]+)\)`)
	testName = regexp.MustCompile(`\bTest[A-Z]\w+`)
	testFunc = regexp.MustCompile(`(?m)^func (Test\w+)\(`)
)

func TestReferences(t *testing.T) {
	there := map[string]bool{}
	note := func(code string) {
		for _, m := range testFunc.FindAllStringSubmatch(code, -1) {
			there[m[1]] = true
		}
	}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		note(string(data))
		return err
	}))
	for _, name := range documents {
		doc := read(t, name)
		for _, m := range link.FindAllStringSubmatch(doc, -1) {
			_, err := os.Stat(filepath.Join(root, filepath.Dir(name), m[1]))
			assert.NoError(t, err, name)
		}
		note(doc)
		for _, m := range testName.FindAllString(doc, -1) {
			assert.True(t, there[m], "%s: there is no test %s", name, m)
		}
	}
}

func TestFormats(t *testing.T) {
	golden := strings.Count(read(t, "sim/testdata/golden.txt"), "\nformat ")
	for name, format := range map[string]int{"plan": nemesis.Format, "trace": trace.Format, "golden hashes": golden} {
		row := fmt.Sprintf("| %s | %d |", name, format)
		assert.True(t, strings.Contains(read(t, "CHANGELOG.md"), row), "CHANGELOG.md has no row %s", row)
	}
}

// TestSessions builds the module of each document, and does what the document says.
func TestSessions(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and sweeps")
	}
	for _, tool := range []string{"go", "sh", "sed"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("not on this machine: ", tool)
		}
	}
	for _, name := range documents {
		t.Run(name, func(t *testing.T) {
			doc := read(t, name)
			mine, scratch := t.TempDir(), t.TempDir()
			module(t, mine, doc)
			out := session(t, doc, mine, scratch)
			if out == doc {
				return
			}
			if !*update {
				t.Fatalf("%s\nIf the commands are right: go test ./internal/docs -update", difference(doc, out))
			}
			require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(out), 0o666))
		})
	}
}

// module writes the files of the reader's own module, and lets the go command judge them.
func module(t *testing.T, dir, doc string) {
	files := map[string]string{}
	for _, b := range blocks(doc) {
		if b.kind == "go" && b.name != "" && !strings.Contains(b.name, "/") {
			require.NotContains(t, files, b.name, "line %d", b.line)
			files[b.name] = b.text
		}
	}
	if len(files) == 0 {
		return
	}
	abs, err := filepath.Abs(root)
	require.NoError(t, err)
	_, needs, _ := strings.Cut(read(t, "go.mod"), "\nrequire (")
	files["go.mod"] = "module example.com/mine\n\ngo 1.26.0\n\nrequire github.com/seedbed-sim/seedbed v0.0.0\n\n" +
		"replace github.com/seedbed-sim/seedbed => " + abs + "\n\nrequire (" + needs
	files["go.sum"] = read(t, "go.sum")
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
	}
	for _, args := range [][]string{{"gofmt", "-l", "."}, {"go", "vet", "./..."}} {
		out, err := command(dir, args...).CombinedOutput()
		require.NoError(t, err, "%s\n%s", args, out)
		require.Empty(t, string(out), "%s", args)
	}
}

// volatile is what differs from run to run, or between machines: times of the wall clock, who built it.
var volatile = regexp.MustCompile(`[\d.]+(ns|µs|ms|s) wall|\t[\d.]+s\n|\([\d.]+s\)|go1[\w.]* \w+\n`)

// session runs all commands of a document in one shell, and returns the document with what they print.
func session(t *testing.T, doc, mine, scratch string) string {
	abs, err := filepath.Abs(root)
	require.NoError(t, err)
	there := strings.NewReplacer("../seedbed", abs, "../mine", mine, "/tmp", scratch)
	back := strings.NewReplacer(scratch, "/tmp")

	const mark = "\x01"
	script := "exec 2>&1\n"
	for _, b := range blocks(doc) {
		if b.kind == "console" {
			for _, c := range exchanges(b.text) {
				script += "printf '\\001'\n" + there.Replace(c.command) + "\n"
			}
		}
	}
	c := command(root, "sh")
	c.Stdin = strings.NewReader(script)
	var printed bytes.Buffer
	c.Stdout, c.Stderr = &printed, &printed
	_ = c.Run() // the last command may be meant to fail
	results := strings.Split(printed.String(), mark)[1:]

	return replace(doc, func(b block) string {
		if b.kind != "console" {
			return b.text
		}
		text := ""
		for _, c := range exchanges(b.text) {
			require.NotEmpty(t, results, "the session ended before: %s", c.command)
			text += "$ " + c.command + "\n" + c.answer(back.Replace(results[0]))
			results = results[1:]
		}
		return text
	})
}

// exchange is a command and what the document says it prints.
type exchange struct{ command, says string }

func exchanges(text string) (list []exchange) {
	for line := range strings.Lines(text) {
		if c, ok := strings.CutPrefix(line, "$ "); ok {
			list = append(list, exchange{command: strings.TrimSuffix(c, "\n")})
		} else if n := len(list); n > 0 {
			list[n-1].says += line
		}
	}
	return list
}

// answer is what the document should say when the command prints this: what it says, unless there is a difference.
func (e exchange) answer(printed string) string {
	says, prints := slices.Collect(strings.Lines(e.says)), slices.Collect(strings.Lines(printed))
	if n := len(says); n > 0 && says[n-1] == "…\n" {
		prints = append(prints[:min(len(prints), n-1)], "…\n")
	}
	if len(says) != len(prints) {
		return strings.Join(prints, "")
	}
	for i := range says {
		if volatile.ReplaceAllString(says[i], "") != volatile.ReplaceAllString(prints[i], "") {
			says[i] = prints[i]
		}
	}
	return strings.Join(says, "")
}

// difference shows the first line that differs.
func difference(doc, out string) string {
	says, prints := strings.Split(doc, "\n"), strings.Split(out, "\n")
	i := 0
	for i < min(len(says), len(prints))-1 && says[i] == prints[i] {
		i++
	}
	return fmt.Sprintf("line %d says    %s\nbut there is printed %s", i+1, says[i], prints[i])
}

// command is one that needs no network.
func command(dir string, args ...string) *exec.Cmd {
	c := exec.Command(args[0], args[1:]...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off", "SEEDBED_SEED=", "SEEDBED_SEEDS=")
	return c
}

// block is a fenced block of a document.
type block struct {
	kind, name string
	line       int // of its first line of text, from 1
	text       string
}

func blocks(doc string) (list []block) {
	replace(doc, func(b block) string {
		list = append(list, b)
		return b.text
	})
	return list
}

// replace gives each fenced block another text.
func replace(doc string, text func(block) string) string {
	var out strings.Builder
	var b *block
	n := 0
	for line := range strings.Lines(doc) {
		n++
		info, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && b == nil:
			b = &block{line: n + 1}
			b.kind, b.name, _ = strings.Cut(strings.TrimSpace(info), " ")
		case fence:
			out.WriteString(text(*b))
			b = nil
		case b != nil:
			b.text += line
			continue
		}
		out.WriteString(line)
	}
	return out.String()
}

func eachBlock(t *testing.T, kind string, f func(t *testing.T, b block)) {
	for _, name := range documents {
		t.Run(name, func(t *testing.T) {
			for _, b := range blocks(read(t, name)) {
				if b.kind == kind {
					f(t, b)
				}
			}
		})
	}
}

func read(t *testing.T, name string) string {
	data, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return string(data)
}
