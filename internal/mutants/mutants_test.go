package mutants

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/scenarios"
)

const root = "../.."

// TestMutants is what can be told of the mutants without building them: each fits the source as it is.
func TestMutants(t *testing.T) {
	mutants, err := Load(root, "seedbed")
	require.NoError(t, err)
	require.NotEmpty(t, mutants)
	aTest := regexp.MustCompile(`^Test\w+(/\S+)?$`)
	properties := map[string][]string{} // of scenarios
	for i, m := range mutants {
		t.Run(m.Name, func(t *testing.T) {
			assert.True(t, i == 0 || mutants[i-1].Name != m.Name, "there are two of this name")
			if m.Scenario != "" && properties[m.Scenario] == nil {
				properties[m.Scenario] = propertiesOf(t, m.Scenario)
			}
			for _, p := range m.Properties {
				if m.Scenario != "" {
					assert.Contains(t, properties[m.Scenario], p)
				} else {
					assert.Regexp(t, aTest, p)
				}
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

// propertiesOf are those that the first seeds of a scenario check.
func propertiesOf(t *testing.T, name string) []string {
	s, err := scenarios.Catalogue().Find(name)
	require.NoError(t, err)
	list := []string{`always "no panic"`}
	for seed := range uint64(3) {
		r := s.RunSeed(seed+1, scenarios.Options{})
		for _, p := range r.Checks.Properties() {
			if !slices.Contains(list, p.String()) {
				list = append(list, p.String())
			}
		}
	}
	return list
}

// TestPage keeps docs/mutants.md complete: it has each mutant there is, with its source as it is now, and no other.
func TestPage(t *testing.T) {
	data, err := os.ReadFile(root + "/docs/mutants.md")
	require.NoError(t, err)
	mutants, err := Load(root, "seedbed")
	require.NoError(t, err)
	page := string(data)
	for _, m := range mutants {
		assert.Contains(t, page, "\n| "+m.Name+" |")
		assert.Contains(t, page, fmt.Sprintf("\n**[%s](../%s)** %s  \nSource: %s\n", m.Name, m.Path, m.What, m.Source))
	}
	assert.Equal(t, len(mutants), strings.Count(page, "\n**["), "it has some that are no more: make mutants")
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
	m, err := parse("mine", "models/raft/mutants/sample.txtar", []byte(sample))
	require.NoError(t, err)
	assert.Equal(t, &Mutant{
		Name: "raft/sample", Path: "models/raft/mutants/sample.txtar",
		What: "A leader forgets.", Source: "somebody", Scenario: "raft/kv",
		Properties: []string{`always "one"`, `eventually "two"`},
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
		{"c\n-- new --\n", "c\n", "it needs pairs of sections, old and new"},
		{"c\n-- new --\n", "c\n-- old --\n", "sections old and old: they are old and new, in turn"},
		{"\ta := 1\n", "", "no old lines"},
		{"\ta := 2\n\tb := 3\n", "\ta := 1\n", "the new lines are the old ones"},
	} {
		text := strings.Replace(sample, c.old, c.new, 1)
		require.NotEqual(t, sample, text)
		_, err := parse("mine", "wal/mutants/sample.txtar", []byte(text))
		assert.EqualError(t, err, c.want)
	}
	_, err = parse("mine", "wal/sample.txtar", []byte(sample))
	assert.EqualError(t, err, "it is in no folder called mutants")
	m, err = parse("mine", "mutants/sample.txtar", []byte(sample))
	require.NoError(t, err)
	assert.Equal(t, []string{"mine/sample", "raft.go"}, []string{m.Name, m.file})
}

func TestShort(t *testing.T) {
	for source, want := range map[string]string{
		"paper, section 5.4.2 and Figure 8; LogCabin (https://github.com/logcabin/logcabin/issues/44)": "paper §5.4.2 and Figure 8",
		`paper, Figure 2, AppendEntries 5 ("index of last new entry"); etcd`:                           "paper Figure 2",
		"thesis, section 6.4; etcd":                                         "thesis §6.4",
		"Redpanda (https://github.com/redpanda-data/redpanda/pull/19)":      "Redpanda",
		`Jon Gjengset, "Students' Guide to Raft", on matchIndex`:            "Jon Gjengset",
		"plausible: a mistake by one; WiredTiger lost the last of a file":   "plausible",
		`Ganesan et al., "Redundancy Does Not Imply Fault Tolerance", 2017`: "Ganesan et al.",
	} {
		assert.Equal(t, want, (&Mutant{Source: source}).Short())
	}
}

func TestApply(t *testing.T) {
	m, err := parse("mine", "wal/mutants/sample.txtar", []byte(sample))
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
	a, b, c := &Mutant{Name: "raft/a"}, &Mutant{Name: "raft/b"}, &Mutant{Name: "wal/a"}
	all := []*Mutant{a, b, c}
	for _, e := range []struct {
		patterns []string
		want     []*Mutant
	}{
		{nil, all},
		{[]string{"raft/b"}, []*Mutant{b}},
		{[]string{"raft"}, []*Mutant{a, b}},
		{[]string{"*/a", "wal/a"}, []*Mutant{a, c}},
	} {
		got, err := Choose(all, e.patterns)
		require.NoError(t, err)
		assert.Equal(t, e.want, got, "%v", e.patterns)
	}
	_, err := Choose(all, []string{"raft/a", "raft/z"})
	assert.EqualError(t, err, `there is no mutant "raft/z"`)
	_, err = Choose(all, []string{"[a"})
	assert.EqualError(t, err, `"[a" is no pattern; write one such as 'raft/vote-*'`)
}

// What sweeps print, shortened.
const (
	clean = `{"seeds": 900, "findings": []}`
	one   = `{"seeds": 30, "findings": [
		{"signature": "always \"one\"", "verdict": "invalid", "property": "always \"one\"", "runs": 1, "seeds": ["1030"]}]}`
	mixed = `{"seeds": 7, "findings": [
		{"signature": "always \"two\"", "verdict": "invalid", "property": "always \"two\"", "runs": 1, "seeds": ["2007"]},
		{"signature": "unknown: always \"two\"", "verdict": "unknown", "property": "always \"two\"", "runs": 1, "seeds": ["2001"]},
		{"signature": "always \"no panic\": # is #", "verdict": "invalid", "property": "always \"no panic\"", "runs": 4, "seeds": ["2002", "2003", "2004", "2006"]}]}`
)

func TestOutcome(t *testing.T) {
	m := &Mutant{Name: "raft/m", Source: "somebody", Properties: []string{`always "one"`, `always "two"`}}
	of := func(m *Mutant, outputs ...string) *Outcome {
		o := &Outcome{Name: "none", Mutant: m, In: "raft/kv", CPU: 1.5}
		if m != nil {
			o.Name = m.Name
		}
		for i, out := range outputs {
			require.NoError(t, o.takeSweep(uint64(i)*1000+1, []byte(out)))
		}
		o.judge()
		return o
	}
	third, equivalent := *m, *m
	third.Properties = []string{`always "three"`}
	equivalent.Equivalent = "because"
	const others = `[unknown: always "two" 1], [always "no panic" 4]`

	for _, c := range []struct {
		o    *Outcome
		good bool
		row  string
	}{
		{of(nil, clean), true, "none|-|-|1.5|-|clean|-|-|raft/kv|-"},
		{of(nil, clean, one), false, `none|-|-|1.5|-|NOT CLEAN|NO|[always "one"]|raft/kv|-`},
		{of(m, one, one, clean), true, `raft/m|30|30 30 ·|1.5|-|hard|yes|always "one"|raft/kv|somebody`},
		{of(m, one, mixed, mixed), true, `raft/m|7|30 7 7|1.5|-|found|and others|always "one" 1, [unknown: always "two" 2], [always "no panic" 8], always "two" 2|raft/kv|somebody`},
		{of(m, clean, one, clean), false, `raft/m|> 900|· 30 ·|1.5|-|UNFOUND|yes|always "one"|raft/kv|somebody`},
		{of(m, clean, clean), false, `raft/m|> 900|· ·|1.5|-|UNFOUND|-|-|raft/kv|somebody`},
		{of(&third, clean, mixed), false, `raft/m|> 900|· ·|1.5|-|BY ANOTHER|NO|` + others + `, [always "two" 1]|raft/kv|somebody`},
		{of(&equivalent, clean), true, `raft/m|-|-|1.5|-|equivalent|-|-|raft/kv|somebody`},
		{of(&equivalent, one), false, `raft/m|-|-|1.5|-|NOT EQUIVALENT|yes|always "one"|raft/kv|somebody`},
	} {
		assert.Equal(t, c.row, strings.Join(c.o.Row(), "|"))
		assert.Equal(t, c.good, c.o.Verdict.Good())
	}

	o := of(m, clean, one, mixed)
	assert.EqualValues(t, 1030, o.find())
	assert.Zero(t, of(m, clean).find())
	assert.Error(t, of(m).takeSweep(1, []byte("no JSON")))
	o.Error = "it does not compile: a.go:1"
	o.judge()
	assert.Equal(t, `raft/m|-|-|1.5|-|ERROR|and others|it does not compile: a.go:1|raft/kv|somebody`, strings.Join(o.Row(), "|"))
}

func TestMedian(t *testing.T) {
	var ranges []Range
	for i, n := range []uint64{7, 0, 3, 400, 0, 0} { // 0: not found
		ranges = append(ranges, Range{Seeds: n, Found: n > 0})
		assert.EqualValues(t, []uint64{7, 0, 7, 400, 400, 0}[i], median(ranges))
	}
	assert.Zero(t, median(nil))
}

func TestExpression(t *testing.T) {
	m := &Mutant{Properties: []string{`always "no panic"`, `eventually "a (b)"`}}
	re := regexp.MustCompile(m.expression())
	for signature, want := range map[string]bool{
		`always "no panic": index # out of range`: true,
		`eventually "a (b)"`:                      true,
		`eventually "a (b)" or so`:                false,
		`unknown: always "no panic"`:              false,
	} {
		assert.Equal(t, want, re.MatchString(signature), signature)
	}
}

func TestOutcomeOfTest(t *testing.T) {
	o := &Outcome{Mutant: &Mutant{Test: []string{"./wal"}, Properties: []string{"TestLog/a_crash"}}}
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
	o.judge()
	assert.Equal(t, Found, o.Verdict)
	assert.Equal(t, "TestLog/a_crash, [TestLog/sync], [TestDamage]", o.catches())
}

func TestReport(t *testing.T) {
	m := &Mutant{Name: "raft/m", Path: "models/raft/mutants/m.txtar", What: "A leader forgets.", Source: "somebody", Scenario: "raft/kv", Rare: "it is"}
	tested := &Mutant{Name: "wal/m", Source: "me", Test: []string{"-run", "A|B"}}
	swept := func(n uint64) *Outcome {
		o := &Outcome{Name: m.Name, Mutant: m, In: m.in(), Ranges: []Range{{First: 1, Seeds: n, Found: true}}, Caught: []Catch{{Property: "x", Expected: true, Seeds: 1}}, CPU: 2}
		o.Shrunk = &Shrunk{Faults: int(n % 7), Operations: int(n % 5), StructureRuns: int(n), Seconds: float64(n), Early: Size{7, 2}}
		o.judge()
		return o
	}
	outcomes := []*Outcome{
		{Name: "none", In: "raft/kv", Verdict: Clean}, swept(20), swept(21), swept(300),
		{Name: tested.Name, Mutant: tested, In: tested.in(), Verdict: Found, Caught: []Catch{{Property: "TestA", Expected: true}}},
	}
	r := (&Bench{Ranges: 5, Seeds: 5000, Shrink: 1000}).Report("seedbed mutants", outcomes)
	assert.Equal(t, "4 mutants: 2 found, 2 hard. Seeds to find, over mutants: median 21, most 300; hard are 2 of 3, which is 66 %."+
		" Shrunk, medians over 3: 6 faults and 0 operations, after the first hundred runs 7 and 2; the structure takes 21 runs, the whole 21.0 s.", r.Summary.String())
	var page strings.Builder
	require.NoError(t, r.WritePage(&page))
	assert.Contains(t, page.String(), "Written by `seedbed mutants`")
	assert.Contains(t, page.String(), "which begin at 1, 5001, 10001 and so on")
	assert.Contains(t, page.String(), "\n| raft/m | 300 | 300 | 2.0 | 6/0 | hard | yes | x | raft/kv | somebody |\n")
	assert.Contains(t, page.String(), "\n| wal/m | - | - | 0.0 | - | found | yes | TestA | go test -run A\\|B | me |\n")
	assert.Contains(t, page.String(), "\n**[raft/m](../models/raft/mutants/m.txtar)** A leader forgets.  \nSource: somebody\n\nWhat it takes: it is\n")
}
