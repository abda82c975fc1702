// Package lint rejects Go code whose result can differ between two runs of one seed: it loads packages with their
// types and judges every statement, name and value in them against a list of [Rules].
//
// It works on types (go/types), never on names: an import alias, a dot import, a method value, a promoted method, a
// local variable called time, a named map or a type parameter constrained to maps are all judged for what they are.
//
// It is not an effect analysis. Only the packages given are read, for this machine's GOOS and GOARCH and without their
// tests; a call into any other package is judged by the table in rules.go and otherwise trusted. What it cannot see
// there is listed at [Rules].
//
// A finding that is known to be harmless is let through by a mark, a comment that says why, at the end of the line or
// alone on the line directly above (several may be stacked, one rule each):
//
//	//seedbed:ok map-order the counts are summed, and a sum has no order
//	for _, n := range counts {
//		total += n
//	}
//
// A file that is wholly on the readers' side, such as a report, is marked once above its first declaration:
//
//	//seedbed:ok-file float percentages for readers, nothing is decided by them
//
// A mark without a reason, with an unknown rule, or that lets nothing through is itself a finding, so marks do not
// outlive what they excuse.
package lint

import (
	"cmp"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/tools/go/packages"
)

// ErrLoad is returned, with the first causes, when the packages cannot be judged at all: a pattern that names no
// package, packages that do not parse or type-check, or no Go file in any of them.
var ErrLoad = errors.New("packages do not load")

// Finding is one place that breaks a rule.
type Finding struct {
	Pos     token.Position // the file is relative to the directory of the check where that is shorter
	Rule    string         // the name of one of [Rules]
	Message string         // what is wrong, and what to use instead
}

// String gives "file:line:col: rule: message".
func (f Finding) String() string { return fmt.Sprintf("%s: %s: %s", f.Pos, f.Rule, f.Message) }

// Check judges the non-test files of the packages that the patterns name, as "go list" run in dir understands them; no
// pattern means the package in dir. The findings are sorted by place. It runs the go command, and compiles what the
// packages import where the build cache lacks it. The error, if any, is an [ErrLoad].
func Check(dir string, patterns ...string) ([]Finding, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("lint: %w: %w", ErrLoad, err)
	}
	pkgs, err := load(dir, patterns)
	if err != nil {
		return nil, fmt.Errorf("lint: %w: %w", ErrLoad, err)
	}

	watch(pkgs)

	var findings []Finding
	for _, pkg := range pkgs {
		marks, bad, err := readMarks(pkg)
		if err != nil {
			return nil, fmt.Errorf("lint: %w: %w", ErrLoad, err)
		}
		findings = append(findings, bad...)
		findings = append(findings, excuse(judge(pkg), marks)...)
	}
	for i := range findings {
		findings[i].Pos.Filename = shortPath(dir, findings[i].Pos.Filename)
	}
	slices.SortFunc(findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Pos.Filename, b.Pos.Filename),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
			cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Message, b.Message),
		)
	})
	return findings, nil
}

// load type-checks the packages from source, but what they import from the compiler's export data: with a warm build
// cache, 18 packages of 35,000 lines take half a second.
func load(dir string, patterns []string) ([]*packages.Package, error) {
	pkgs, err := packages.Load(&packages.Config{Mode: packages.LoadSyntax | packages.NeedModule, Dir: dir}, patterns...)
	if err != nil {
		return nil, err
	}
	var problems []string
	files := 0
	packages.Visit(pkgs, nil, func(pkg *packages.Package) {
		// The go command compiles what it lists, and so repeats what type-checking says better.
		own := func(e packages.Error) bool { return e.Kind == packages.ParseError || e.Kind == packages.TypeError }
		checked := slices.ContainsFunc(pkg.Errors, own)
		for _, e := range pkg.Errors {
			if own(e) || !checked {
				problems = append(problems, strings.TrimPrefix(e.Error(), "-: "))
			}
		}
		files += len(pkg.Syntax)
	})
	const shown = 5
	switch n := len(problems); {
	case n > shown:
		return nil, fmt.Errorf("%s\n(and %d more)", strings.Join(problems[:shown], "\n"), n-shown)
	case n > 0:
		return nil, errors.New(strings.Join(problems, "\n"))
	case files == 0:
		return nil, fmt.Errorf("no Go file to judge in %q", patterns)
	}
	return pkgs, nil
}

// watch reads the directories from each package up to its module's root, for the sake of tests that call Check: "go test"
// repeats a cached result until something changes that the test itself has opened, and a file or package added since
// then was opened by no one but the go command.
func watch(pkgs []*packages.Package) {
	seen := map[string]bool{}
	for _, pkg := range pkgs {
		if pkg.Module == nil {
			continue
		}
		for dir := pkg.Dir; !seen[dir] && strings.HasPrefix(dir, pkg.Module.Dir); dir = filepath.Dir(dir) {
			seen[dir] = true
			os.ReadDir(dir) // only the attempt counts
		}
	}
}

// A mark lets the findings of one rule through, on one line or in one file.
type mark struct {
	pos  token.Position
	rule string
	line int  // the line it covers; 0 for the whole file
	used bool // it let at least one finding through
}

const (
	lineForm = "//seedbed:ok"
	fileForm = "//seedbed:ok-file"
)

// readMarks returns the well-formed marks of a package, those of single lines first, and a finding for each other
// comment that was meant to be one.
func readMarks(pkg *packages.Package) (marks []*mark, bad []Finding, err error) {
	var whole []*mark // those that cover a file
	for _, file := range pkg.Syntax {
		var alone []*mark // those that have their line to themselves
		for _, c := range comments(file) {
			if !meantAsMark(c.Text) {
				continue
			}
			m := &mark{pos: position(pkg.Fset, c.Pos())}
			form, fault := parseMark(c.Text, m)
			if form == fileForm && fault == "" && c.Pos() > firstDecl(file) {
				fault = "a file's mark belongs above its first declaration"
			}
			if fault != "" {
				bad = append(bad, Finding{m.pos, markRule, fault})
				continue
			}
			if form == fileForm {
				whole = append(whole, m)
				continue
			}
			m.line = m.pos.Line
			marks = append(marks, m)
			own, err := ownLine(m.pos)
			if err != nil {
				return nil, nil, err
			}
			if own {
				alone = append(alone, m)
			}
		}
		// From the last up, so that each mark of a stack covers the line below the whole stack.
		covers := map[int]int{}
		for _, m := range slices.Backward(alone) {
			m.line++
			if below, ok := covers[m.line]; ok {
				m.line = below
			}
			covers[m.pos.Line] = m.line
		}
	}
	return append(marks, whole...), bad, nil
}

// parseMark fills in the rule and returns the form, or what is wrong with the comment.
func parseMark(text string, m *mark) (form, fault string) {
	words := strings.Fields(text)
	form = words[0]
	if form != lineForm && form != fileForm {
		return "", fmt.Sprintf("a mark is written %s RULE REASON or %s RULE REASON", lineForm, fileForm)
	}
	if len(words) < 2 {
		return form, "mark without a rule"
	}
	m.rule = words[1]
	if m.rule == markRule || !slices.ContainsFunc(Rules, func(r Rule) bool { return r.Name == m.rule }) {
		return form, fmt.Sprintf("mark for unknown rule %q", m.rule)
	}
	if !strings.ContainsFunc(strings.Join(words[2:], " "), unicode.IsLetter) {
		return form, fmt.Sprintf("mark without a reason: say why %s is harmless here", m.rule)
	}
	return form, ""
}

// meantAsMark is wider than the two forms, so that a mark with a slip in it is reported and not read as prose.
func meantAsMark(comment string) bool {
	return strings.HasPrefix(strings.TrimLeft(comment[len("//"):], " \t"), "seedbed:ok")
}

// excuse drops the findings that a mark covers and adds one for each mark that covers none. Each finding uses up one
// mark, the line's before the file's, so that a second mark for the same thing is seen to be idle.
func excuse(found []Finding, marks []*mark) []Finding {
	kept := slices.DeleteFunc(found, func(f Finding) bool {
		i := slices.IndexFunc(marks, func(m *mark) bool {
			return m.rule == f.Rule && m.pos.Filename == f.Pos.Filename && (m.line == 0 || m.line == f.Pos.Line)
		})
		if i >= 0 {
			marks[i].used = true
		}
		return i >= 0
	})
	for _, m := range marks {
		if !m.used {
			kept = append(kept, Finding{m.pos, markRule, fmt.Sprintf("mark lets nothing through: no %s here", m.rule)})
		}
	}
	return kept
}

func comments(file *ast.File) []*ast.Comment {
	var all []*ast.Comment
	for _, group := range file.Comments {
		all = append(all, group.List...)
	}
	return all
}

// firstDecl is the position of the first declaration that is not an import.
func firstDecl(file *ast.File) token.Pos {
	for _, decl := range file.Decls {
		if gen, ok := decl.(*ast.GenDecl); !ok || gen.Tok != token.IMPORT {
			return decl.Pos()
		}
	}
	return file.FileEnd
}

// ownLine reports whether nothing but space stands before pos on its line.
func ownLine(pos token.Position) (bool, error) {
	src, err := os.ReadFile(pos.Filename)
	if err != nil {
		return false, err
	}
	before := string(src[:min(pos.Offset, len(src))])
	return strings.TrimSpace(before[strings.LastIndexByte(before, '\n')+1:]) == "", nil
}

// position ignores //line comments: marks and findings speak of lines as they are in the file.
func position(fset *token.FileSet, pos token.Pos) token.Position { return fset.PositionFor(pos, false) }

func shortPath(dir, file string) string {
	if rel, err := filepath.Rel(dir, file); err == nil && len(rel) < len(file) {
		return rel
	}
	return file
}
