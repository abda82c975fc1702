package checkers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/sim"
)

// pageData is what is in a page.
type pageData struct {
	Partitions []struct {
		History []struct {
			ClientId              int
			Start, End            int
			Description, Metadata string
		}
		PartialLinearizations [][]struct {
			Index            int
			StateDescription string
		}
	}
	Annotations []struct {
		ClientId             int
		Tag                  string
		Start, End           int
		Description, Details string
	}
}

func pageOf(t require.TestingT, p Page, m Model, ops []*sim.Op) (string, pageData) {
	var b bytes.Buffer
	require.NoError(t, p.Write(&b, m, ops))
	found := regexp.MustCompile(`(?m)^\s*const data = (\{.*\})$`).FindStringSubmatch(b.String())
	require.NotNil(t, found)
	var d pageData
	require.NoError(t, json.Unmarshal([]byte(found[1]), &d))
	return b.String(), d
}

// shown are the annotations, one a line: row, text, and whether they last.
func (d *pageData) shown() string {
	var b strings.Builder
	for _, a := range d.Annotations {
		sign := "point"
		if a.End > a.Start {
			sign = "band"
		}
		fmt.Fprintf(&b, "%s|%s|%s\n", strings.TrimLeft(a.Tag, " "), a.Description, sign)
	}
	return b.String()
}

// A page never says less than the verdict: of what is valid all operations are in one order, of what is not no order has all.
func TestPageOfAnyHistory(t *testing.T) {
	seen := map[Verdict]int{}
	for name, c := range map[string]struct {
		model Model
		gen   func(t *rapid.T) []*sim.Op
	}{
		"register":          {RegisterModel(), histories("get", "put")},
		"key-value":         {KVModel(), histories("get", "put", "cas", "delete", "append")},
		"key-value, pieces": {KVModel(), histories("get", "get", "put;", "append;", "delete", "cas;")},
		"log":               {LogModel(), histories("log", "log", "read")},
	} {
		t.Run(name, rapid.MakeCheck(func(t *rapid.T) {
			ops := c.gen(t)
			_, d := pageOf(t, Page{}, c.model, ops)
			shown, rows := 0, map[int][]int{}
			complete := true
			for _, p := range d.Partitions {
				shown += len(p.History)
				for _, o := range p.History {
					require.LessOrEqual(t, o.Start, o.End)
					rows[o.ClientId] = append(rows[o.ClientId], o.Start, o.End)
				}
				for _, order := range p.PartialLinearizations {
					require.NotEmpty(t, order)
				}
				complete = complete && slices.ContainsFunc(p.PartialLinearizations, func(order []struct {
					Index            int
					StateDescription string
				}) bool {
					return len(order) == len(p.History)
				})
			}
			for _, a := range d.Annotations {
				if a.Tag == "" {
					shown++
					rows[a.ClientId] = append(rows[a.ClientId], a.Start, a.End)
				}
			}
			require.Equal(t, len(ops), shown)
			for _, ends := range rows { // whatever its order, each row has its operations side by side
				pairs := slices.Collect(slices.Chunk(ends, 2))
				slices.SortFunc(pairs, slices.Compare)
				for i := range pairs[1:] {
					require.Less(t, pairs[i][1], pairs[i+1][0])
				}
			}
			r := Linearizable(c.model, ops)
			seen[r.Verdict]++
			require.Equal(t, r.Verdict == Invalid, strings.Contains(d.shown(), "violation|no place for "))
			switch r.Verdict {
			case Valid:
				require.True(t, complete)
			case Invalid:
				require.False(t, complete)
			}
		}))
	}
	require.Positive(t, seen[Valid])
	require.Positive(t, seen[Invalid])
}

// tangled is a history with many orders of the same length, none of which has all.
const tangled = `
	1-20  n1  put x a
	2-21  n2  put x b
	3-22  n3  put x c
	4-23  n4  put x d
	5-24  n5  put x e
	6-25  n6  put x f
	30-41 n1  get x -> a
	31-42 n2  get x -> b
	32-43 n3  get x -> c
	33-44 n4  get x -> d
	34-45 n5  get x -> e
	36-   n6  put x g  info
	37-38 n7  put x h  fail
`

// Porcupine has the orders in a map, and runs on goroutines: nothing of that may be seen.
func TestPageIsCanonical(t *testing.T) {
	ops := history(t, tangled)
	m := plain()
	want, d := pageOf(t, Page{Title: "tangled"}, m, ops)
	lengths := map[int]int{}
	most := 0
	for _, order := range d.Partitions[0].PartialLinearizations {
		lengths[len(order)]++
		most = max(most, lengths[len(order)])
	}
	require.Greater(t, most, 3, "some are of one length: %v", lengths)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for i := range 60 {
		runtime.GOMAXPROCS(1 + i%4)
		got, _ := pageOf(t, Page{Title: "tangled"}, m, ops)
		require.Equal(t, want, got)
	}
}

// plain is a register that only a search decides.
func plain() Model {
	m := RegisterModel()
	return Model{Name: m.Name, Key: m.Key, Init: m.Init, Step: m.Step}
}

func TestPageShowsOperationsAndMarks(t *testing.T) {
	ops := history(t, `
		10-20 n4  put x a
		12-   n4  put x b  info
		13-15 n5  put x c  fail
		30-40 n5  get x -> _
	`)
	for _, op := range ops {
		op.Invoked, op.Ended = clock.Time(op.Call)*clock.Time(time.Millisecond), clock.Time(op.Return)*clock.Time(time.Millisecond)
	}
	at := func(step uint64) Moment { return Moment{step, clock.Time(step) * clock.Time(time.Millisecond)} }
	_, d := pageOf(t, Page{
		Name: func(id sim.NodeID) string { return fmt.Sprintf("c%d", id-3) },
		Marks: []Mark{
			{Row: "zoo", From: at(2), To: at(50), Text: "n1 leads"},
			{Row: "zoo", From: at(40), To: at(60), Text: "n2 leads"},
			{Row: "zoo", From: at(55), To: at(56), Text: "n3 leads"},
			{Row: "ark", From: at(7), Text: "struck", Details: "by lightning"},
		},
	}, RegisterModel(), ops)
	require.Equal(t, `|c2: put x "c" (fail)|band
zoo|n1 leads|band
ark|struck|point
violation|no place for c2: get x → absent|band
zoo 2|n2 leads|band
zoo|n3 leads|band
`, d.shown())
	var tags []string
	for _, a := range d.Annotations[1:] {
		tags = append(tags, a.Tag)
	}
	slices.Sort(tags)
	require.Equal(t, []string{"   violation", "  zoo", "  zoo", " zoo 2", "ark"}, tags, "as Porcupine sorts them")
	p := d.Partitions[0]
	require.Equal(t, `c1: put x "a"`, p.History[0].Description)
	require.Equal(t, `c1: put x "b" (info)`, p.History[1].Description)
	require.Equal(t, `c1: put x &#34;a&#34;<br>0.010s to 0.020s, steps 10 to 20`, p.History[0].Metadata)
	require.Contains(t, p.History[1].Metadata, "0.012s, from step 12 on")
	rows := []int{p.History[0].ClientId, d.Annotations[0].ClientId, p.History[2].ClientId, p.History[1].ClientId}
	require.Equal(t, []int{0, 1, 1, 2}, rows, "what lasts until the end is below")
	require.Greater(t, p.History[1].End, d.Annotations[4].End, "it may have an effect until the end")
	require.Equal(t, `&#34;a&#34;`, p.PartialLinearizations[0][0].StateDescription)
}

// What a history is made of may want to be more than text. Porcupine's page shows states as HTML.
func TestPageShowsHostileText(t *testing.T) {
	const hostile = `</script><img src=x onerror=alert(1)>` + "\x00\xff\u2028"
	ops := []*sim.Op{
		{ID: 0, Client: 1, Input: Put{hostile, hostile}, Outcome: sim.OK, Call: 1, Return: 2},
		{ID: 1, Client: 1, Input: Get{hostile}, Output: Value{hostile + hostile, true}, Outcome: sim.OK, Call: 3, Return: 4},
	}
	page, d := pageOf(t, Page{
		Title: hostile, Name: func(sim.NodeID) string { return hostile },
		Marks: []Mark{{Row: hostile, Text: hostile, Details: hostile}},
	}, RegisterModel(), ops)
	require.Equal(t, 1, strings.Count(page, "</script>"))
	require.NotContains(t, page, "<img")
	require.NotContains(t, d.Partitions[0].PartialLinearizations[0][0].StateDescription, "<")
	require.NotContains(t, strings.ReplaceAll(d.Partitions[0].History[0].Metadata, "<br>", ""), "<")
	require.Contains(t, page, "script-src 'sha256-")
}

// What a page cannot show it says so; it does not search for longer than a verdict takes.
func TestPageIsBounded(t *testing.T) {
	m := plain()
	m.Budget = 10
	_, d := pageOf(t, Page{}, m, history(t, tangled))
	require.Contains(t, d.shown(), "undecided|key x: undecided after 10 steps")
	require.Empty(t, d.Partitions[0].PartialLinearizations)
	require.Len(t, d.Partitions[0].History, 12)

	var many strings.Builder
	for key := range 12 {
		many.WriteString(strings.ReplaceAll(tangled, " x", fmt.Sprintf(" k%02d", key)))
	}
	_, d = pageOf(t, Page{}, m, history(t, many.String()))
	require.Equal(t, 8, strings.Count(d.shown(), "undecided after 10 steps"))
	require.Contains(t, d.shown(), "|and 4 more keys|band")

	_, d = pageOf(t, Page{}, RegisterModel(), nil)
	require.Equal(t, "not shown|there are no operations|band\n", d.shown())

	// Of many operations those of the key that is not linearizable are shown.
	var ops []*sim.Op
	add := func(n int, key string, input func(i int) any, output any) {
		for i := range n {
			ops = append(ops, &sim.Op{ID: len(ops), Client: 1, Input: input(i), Output: output, Outcome: sim.OK, Call: uint64(2 * len(ops)), Return: uint64(2*len(ops)) + 1})
		}
	}
	put := func(key string) func(int) any { return func(i int) any { return Put{key, fmt.Sprint(i)} } }
	add(3000, "a", put("a"), nil)
	add(2000, "b", put("b"), nil)
	add(1, "b", func(int) any { return Get{"b"} }, Value{"7", true})
	add(10_000, "c", put("c"), nil)
	page, d := pageOf(t, Page{}, RegisterModel(), ops)
	require.Contains(t, d.shown(), "violation|no place for n1: get b")
	require.Contains(t, d.shown(), "not shown|13000 of 15001 operations: there are too many|band")
	require.Len(t, d.Partitions, 1)
	require.Less(t, len(page), 2<<20)

	// Of a key that has too many there is the verdict.
	add(10_000, "b", put("b"), nil)
	_, d = pageOf(t, Page{}, RegisterModel(), ops)
	require.Equal(t, "violation|key b: not linearizable|band\nnot shown|22001 of 25001 operations: there are too many|band\n", d.shown())
	require.Contains(t, d.Annotations[0].Details, "get b")

	// A long state, and long operations, are cut.
	long := strings.Repeat("long;", 10_000)
	_, d = pageOf(t, Page{}, KVModel(), []*sim.Op{{Client: 1, Input: Append{"x", long}, Outcome: sim.OK, Call: 1, Return: 2}})
	require.Less(t, len(d.Partitions[0].History[0].Description), 100)
	require.Less(t, len(d.Partitions[0].History[0].Metadata), 3000)
	require.Less(t, len(d.Partitions[0].PartialLinearizations[0][0].StateDescription), 500)
}

// Orders are of what a search made of the operations: it took the first for done, since somebody saw it.
func TestPageReplaysWhatWasSearched(t *testing.T) {
	_, d := pageOf(t, Page{}, RegisterModel(), history(t, `
		1-    n1  put x a  info
		5-6   n2  put x b
		7-8   n3  get x -> c
		10-11 n4  get x -> a
	`))
	require.Len(t, d.Partitions[0].PartialLinearizations[0], 2)
	require.Equal(t, `n1: put x "a" (info)`, d.Partitions[0].History[0].Description)
	require.Contains(t, d.shown(), "violation|no place for n3: get x")
}

// A page of another make is not passed off as a safe one.
func TestPageIsPorcupines(t *testing.T) {
	require.Error(t, writeSafely(new(bytes.Buffer), "<html></html>", "x"))
}
