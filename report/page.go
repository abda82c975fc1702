package report

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/seedbed-sim/seedbed/trace"
)

//go:embed page
var files embed.FS

// About is what a page knows of a run besides its trace.
type About struct {
	Title    string     `json:"title"`
	Commands []Command  `json:"commands,omitempty"`
	Story    []Sentence `json:"story,omitempty"`
	Links    []Link     `json:"links,omitempty"`
	Served   bool       `json:"served,omitempty"` // the trace is at trace, and answers to ranges; its story is at story
}

// Describe is what a trace itself tells about its run.
func Describe(t *trace.Reader) (About, error) {
	story, err := Story(t)
	return About{Title: Title(t), Story: story}, err
}

// Title names the run of a trace, and its verdict.
func Title(t *trace.Reader) string {
	h := t.Header()
	return fmt.Sprintf("%s, seed %d: %s", h.Scenario, h.Seed, h.Verdict)
}

// File is the page of a trace that is in memory.
func File(file []byte, commands []Command, links ...Link) ([]byte, error) {
	t, err := trace.Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return nil, err
	}
	about, err := Describe(t)
	if err != nil {
		return nil, err
	}
	about.Commands, about.Links = commands, links
	var page bytes.Buffer
	err = Write(&page, file, about)
	return page.Bytes(), err
}

// Command is a line to type.
type Command struct {
	For  string `json:"for"` // "repeat", "shrink", …
	Line string `json:"line"`
}

// Link is a page beside this one.
type Link struct {
	Text string `json:"text"`
	File string `json:"file"` // a relative path
}

// Linear is where the page of a run's history goes, beside the page of the run, and the link from there to it. Where there is no
// page of a history there is no link.
func Linear(page string, linear []byte) (path string, links []Link) {
	path = strings.TrimSuffix(page, ".html") + ".linear.html"
	if linear != nil {
		links = []Link{{"the history, and how far it can be put in order, as Porcupine draws it", filepath.Base(path)}}
	}
	return path, links
}

// Write writes a page with the trace in it.
func Write(w io.Writer, file []byte, about About) error { return write(w, about.Title, about, file) }

// write writes a page with what it knows, and the traces of the runs that it shows. A page without is served, and asks for it.
func write(w io.Writer, title string, about any, traces ...[]byte) error {
	text, err := json.Marshal(about) // which has no "<" in it: see encoding/json
	if err != nil {
		return err
	}
	connect := "'none'"
	if len(traces) == 0 {
		connect = "'self'"
	}
	fmt.Fprintf(w, `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src %s; style-src %s; img-src data: blob:; connect-src %s; base-uri 'none'; form-action 'none'">
<link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<style>%s</style>
</head>
`, hashOf(script), hashOf(style), connect, html.EscapeString(title), style)
	io.WriteString(w, body)
	fmt.Fprintf(w, "<script type=\"application/json\" id=\"about\">%s</script>\n", text)
	for _, file := range traces {
		io.WriteString(w, `<script type="application/octet-stream" class="trace">`)
		e := base64.NewEncoder(base64.StdEncoding, w)
		if _, err := e.Write(file); err != nil {
			return err
		}
		if err := e.Close(); err != nil {
			return err
		}
		io.WriteString(w, "</script>\n")
	}
	_, err = fmt.Fprintf(w, "<script type=\"module\">%s</script>\n</html>\n", script)
	return err
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// The parts of the page that are the same for all runs.
var (
	body   = read("index.html")
	style  = read("vendor/uPlot.css") + read("style.css")
	script = bundle("main.js")
)

func read(name string) string {
	b, err := files.ReadFile("page/" + name)
	if err != nil {
		panic(err)
	}
	return string(b)
}

var (
	importLine = regexp.MustCompile(`(?m)^import (\{[^}]*\}) from "\./([^"]+)";$`)
	exportWord = regexp.MustCompile(`(?m)^export (async function|function|class|const|var) (\w+)`)
	exportList = regexp.MustCompile(`(?m)^export \{.*\};$`)
)

// bundle joins a module with all that it imports, each once and after what it imports itself. Each becomes an object of
// what it exports.
func bundle(main string) string {
	var b strings.Builder
	b.WriteString("const modules = {};\n")
	done := map[string]bool{}
	var add func(name string)
	add = func(name string) {
		if done[name] {
			return
		}
		done[name] = true
		text := read(name)
		for _, m := range importLine.FindAllStringSubmatch(text, -1) {
			add(m[2])
		}
		text = importLine.ReplaceAllStringFunc(text, func(line string) string {
			m := importLine.FindStringSubmatch(line)
			return fmt.Sprintf("const %s = modules[%q];", strings.ReplaceAll(m[1], " as ", ": "), m[2])
		})
		var exports []string
		for _, m := range exportWord.FindAllStringSubmatch(text, -1) {
			exports = append(exports, m[2])
		}
		text = exportWord.ReplaceAllString(text, "$1 $2")
		text = exportList.ReplaceAllString(text, "")
		if name == "vendor/uPlot.js" { // a plain script
			exports = []string{"uPlot"}
		}
		if name == main { // may wait
			b.WriteString(text)
			return
		}
		fmt.Fprintf(&b, "modules[%q] = (() => {\n%s\nreturn {%s};\n})();\n", name, text, strings.Join(exports, ", "))
	}
	add(main)
	return b.String()
}
