package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/scenarios"
)

const root = "../.."

// TestMutants is what can be told of the mutants without building them: each fits the source as it is.
func TestMutants(t *testing.T) {
	mutants, err := load(root)
	require.NoError(t, err)
	require.NotEmpty(t, mutants)
	property := map[bool]*regexp.Regexp{true: regexp.MustCompile(`^(always|eventually) ".+"$`), false: regexp.MustCompile(`^Test\w+(/\S+)?$`)}
	for i, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			assert.True(t, i == 0 || mutants[i-1].name != m.name, "there are two of this name")
			if m.scenario != "" {
				_, err := scenarios.Catalogue().Find(m.scenario)
				assert.NoError(t, err)
			}
			for _, p := range m.properties {
				assert.Regexp(t, property[m.scenario != ""], p)
			}
			source, err := os.ReadFile(filepath.Join(root, m.file))
			require.NoError(t, err)
			changed, err := m.apply(string(source))
			require.NoError(t, err)
			_, err = parser.ParseFile(token.NewFileSet(), m.file, changed, parser.SkipObjectResolution)
			assert.NoError(t, err)
		})
	}
}

const sample = `what: A leader
  forgets.
source: somebody
property: always "one"
property: eventually "two"
scenario: raft/kv
file: raft.go
-- old --
	a := 1
-- new --
	a := 2
	b := 3
-- old --
c
-- new --
`

func TestParse(t *testing.T) {
	m, err := parse("models/raft/mutants/sample.txtar", []byte(sample))
	require.NoError(t, err)
	assert.Equal(t, &mutant{
		name: "raft/sample", path: "models/raft/mutants/sample.txtar",
		what: "A leader forgets.", source: "somebody", scenario: "raft/kv",
		properties: []string{`always "one"`, `eventually "two"`},
		file:       "models/raft/raft.go",
		edits:      []edit{{"\ta := 1\n", "\ta := 2\n\tb := 3\n"}, {"c\n", ""}},
	}, m)

	for _, c := range []struct{ old, new, want string }{
		{"what: A leader\n  forgets.\n", "", "it needs what, source and file"},
		{"source: somebody\n", "source: somebody\nsource: another\n", "source is no key, or is there more than once"},
		{"source: somebody\n", "source: somebody\ncolour: red\n", "colour is no key, or is there more than once"},
		{"source: somebody\n", "source\n", `"source": the head has lines of the form key: value`},
		{"scenario: raft/kv\n", "", "it needs either scenario or test"},
		{"scenario: raft/kv\n", "test: make test\n", `test: "make test" is no go test command`},
		{"file: raft.go\n", "file: raft.go\nequivalent: it is\n", "it needs either property or equivalent"},
		{"file: raft.go\n", "file: raft.go\nhard: it is\n", "one that is hard needs seeds"},
		{"file: raft.go\n", "file: raft.go\nseeds: many\n", `seeds: strconv.ParseUint: parsing "many": invalid syntax`},
		{"c\n-- new --\n", "c\n", "it needs pairs of sections, old and new"},
		{"c\n-- new --\n", "c\n-- old --\n", "sections old and old: they are old and new, in turn"},
		{"\ta := 1\n", "", "no old lines"},
		{"\ta := 2\n\tb := 3\n", "\ta := 1\n", "the new lines are the old ones"},
	} {
		text := strings.Replace(sample, c.old, c.new, 1)
		require.NotEqual(t, sample, text)
		_, err := parse("wal/mutants/sample.txtar", []byte(text))
		assert.EqualError(t, err, c.want)
	}
	_, err = parse("wal/sample.txtar", []byte(sample))
	assert.EqualError(t, err, "it is in no folder called mutants")
}

func TestApply(t *testing.T) {
	m, err := parse("wal/mutants/sample.txtar", []byte(sample))
	require.NoError(t, err)
	changed, err := m.apply("x\n\ta := 1\nc\ny\n")
	require.NoError(t, err)
	assert.Equal(t, "x\n\ta := 2\n\tb := 3\ny\n", changed)

	_, err = m.apply("x\n\t\ta := 1\n\ta := 1 // but\nc\n")
	assert.EqualError(t, err, "wal/mutants/sample.txtar: 0 places in wal/raft.go have these lines:\n\ta := 1\n")
	_, err = m.apply("\ta := 1\nc\nc\nd\nc\n")
	assert.EqualError(t, err, "wal/mutants/sample.txtar: 3 places in wal/raft.go have these lines:\nc\n")
}

func TestChoose(t *testing.T) {
	a, b, c := &mutant{name: "raft/a"}, &mutant{name: "raft/b"}, &mutant{name: "wal/a"}
	all := []*mutant{a, b, c}
	for _, e := range []struct {
		patterns []string
		want     []*mutant
	}{
		{nil, all},
		{[]string{"raft/*"}, []*mutant{a, b}},
		{[]string{"wal/a", "*/a"}, []*mutant{c, a}},
	} {
		got, err := choose(all, e.patterns)
		require.NoError(t, err)
		assert.Equal(t, e.want, got, "%v", e.patterns)
	}
	_, err := choose(all, []string{"raft/a", "raft/z"})
	assert.EqualError(t, err, `there is no mutant "raft/z"`)
}

// swept is what a sweep prints, shortened.
const swept = `{"seeds": 500, "findings": [
	{"signature": "always \"one\"", "verdict": "invalid", "property": "always \"one\"", "runs": 3, "seeds": ["601", "777", "900"]},
	{"signature": "always \"two\"", "verdict": "invalid", "property": "always \"two\"", "runs": 1, "seeds": ["544"]},
	{"signature": "unknown: always \"two\"", "verdict": "unknown", "property": "always \"two\"", "runs": 1, "seeds": ["501"]},
	{"signature": "always \"no panic\": # is #", "verdict": "invalid", "property": "always \"no panic\"", "runs": 9, "seeds": ["502"]}]}`

func TestOutcome(t *testing.T) {
	m := &mutant{name: "raft/m", properties: []string{`always "one"`, `always "two"`}}
	of := func(m *mutant, outputs ...string) *outcome {
		o := &outcome{mutant: m, in: "raft/kv", size: 500, cpu: 1500 * time.Millisecond}
		for i, out := range outputs {
			require.NoError(t, o.takeSweep(uint64(i)*500+1, []byte(out)))
		}
		return o
	}
	const clean = `{"seeds": 500, "findings": []}`
	other := strings.NewReplacer(`"always \"one`, `"always \"three`, `"always \"two`, `"always \"four`).Replace(swept)
	hard, equivalent := *m, *m
	hard.hard, equivalent.equivalent = "because", "because"

	for _, c := range []struct {
		o    *outcome
		good bool
		row  string
	}{
		{of(nil, clean), true, "none|clean|-|-|0|500|1.5|raft/kv|"},
		{of(nil, clean, swept), false, `none|NOT CLEAN|-|-|14|1000|1.5|raft/kv|[unknown: always "two" 1], [always "no panic" 9], [always "two" 1], [always "one" 3]`},
		{of(m, clean, swept, clean), false, `raft/m|LATE|· 44 ·|> 500|14|1500|1.5|raft/kv|[unknown: always "two" 1], [always "no panic" 9], always "two" 1, always "one" 3`},
		{of(&hard, clean, swept), true, `raft/m|hard|· 44|> 500|14|1000|1.5|raft/kv|[unknown: always "two" 1], [always "no panic" 9], always "two" 1, always "one" 3`},
		{of(&hard, clean), false, `raft/m|UNFOUND|·|> 500|0|500|1.5|raft/kv|`},
		{of(m, clean, other), false, `raft/m|BY ANOTHER|· ·|> 500|14|1000|1.5|raft/kv|[unknown: always "two" 1], [always "no panic" 9], [always "four" 1], [always "three" 3]`},
		{of(&equivalent, clean), true, `raft/m|equivalent|-|-|0|500|1.5|raft/kv|`},
		{of(&equivalent, clean, swept), false, `raft/m|NOT EQUIVALENT|-|-|14|1000|1.5|raft/kv|[unknown: always "two" 1], [always "no panic" 9], always "two" 1, always "one" 3`},
	} {
		assert.Equal(t, c.row, strings.Join(c.o.row(), "|"))
		assert.Equal(t, c.good, c.o.verdict().good)
	}

	o := of(m)
	for i, n := range []uint64{7, 0, 3, 400} {
		o.finds = append(o.finds, n)
		assert.Equal(t, []string{"7", "> 500", "7", "400"}[i], o.median())
	}
	o.caught = []catch{{property: `always "one"`, expected: true}}
	assert.Equal(t, "found", o.verdict().text)

	assert.Error(t, of(m).takeSweep(1, []byte("no JSON")))
}

func TestOutcomeOfTest(t *testing.T) {
	o := &outcome{mutant: &mutant{properties: []string{"TestLog/a_crash"}}}
	assert.False(t, o.takeTest([]byte("# seedbed/wal\nwal.go:3: syntax error\nFAIL\n")))
	assert.True(t, o.takeTest([]byte(`=== RUN   TestLog
    log_test.go:9: no
--- FAIL: TestLog (0.01s)
    --- PASS: TestLog/reading (0.00s)
    --- FAIL: TestLog/a_crash (0.00s)
    --- FAIL: TestLog/sync (0.00s)
--- FAIL: TestDamage (0.12s)
--- PASS: TestLogs (0.00s)
FAIL
`)))
	assert.Equal(t, "found", o.verdict().text)
	assert.Equal(t, "TestLog/a_crash, [TestLog/sync], [TestDamage]", o.catches())
}

func TestPage(t *testing.T) {
	m := &mutant{name: "raft/m", path: "models/raft/mutants/m.txtar", what: "A leader forgets.", source: "somebody", hard: "it is"}
	var page strings.Builder
	require.NoError(t, writePage(&page, "go run me", &bench{size: 500}, []*outcome{
		{in: "raft/kv", seeds: 2500},
		{mutant: m, in: "raft/kv", seeds: 500, finds: []uint64{0}, size: 500},
		{mutant: m, in: "go test -run A|B", caught: []catch{{property: "TestA", expected: true}}},
	}))
	assert.Contains(t, page.String(), "Written by `go run me`")
	assert.Contains(t, page.String(), "\n| none | clean | - | - | 0 | 2500 | 0.0 | raft/kv |  |\n")
	assert.Contains(t, page.String(), "\n| raft/m | found | - | - | - | - | 0.0 | go test -run A\\|B | TestA |\n")
	assert.Contains(t, page.String(), "\n2 mutants: 1 UNFOUND, 1 found.\n")
	assert.Contains(t, page.String(), "\n**[raft/m](../models/raft/mutants/m.txtar)** A leader forgets.  \nSource: somebody\n\nWhy it is hard: it is\n")
}
