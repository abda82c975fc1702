package report_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/models/raft"
	"github.com/seedbed-sim/seedbed/report"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
)

// facts hears what nodes state, as values.
type facts func(s *sim.Step)

func (f facts) Step(s *sim.Step)              { f(s) }
func (facts) Log(sim.NodeID, string)          {}
func (facts) Settled(uint64, sim.NodeID, any) {}

// shownLog is a row of the log view.
type shownLog struct {
	Name                     string
	Last, Committed, Durable string
	Epochs                   []string // in the columns there are
}

// logs reads the log view at a step: a list of rows for each name.
func (p *tab) logs(step uint64) map[string][]shownLog {
	p.Helper()
	p.tab("Logs")
	p.choose(step)
	return eval[map[string][]shownLog](p, `Object.fromEntries([...document.querySelectorAll(".strips table")].map(t => [t.querySelector("th").textContent,
		[...t.querySelectorAll("tbody tr")].map(r => {
			const [Last, Committed, Durable] = [...r.querySelectorAll("td.number")].map(e => e.textContent);
			return {Name: r.querySelector("th").textContent, Last, Committed, Durable, Epochs: [...r.querySelectorAll("td.cell")].map(e => e.textContent)};
		})]))`)
}

func TestLogViewOfRaft(t *testing.T) {
	s := scenario(t, "raft/kv")
	plan := s.Plan(3)
	type member struct {
		terms     map[uint64]uint64 // by index
		last      uint64
		committed uint64
	}
	members := map[sim.NodeID]*member{}
	at := uint64(6000)
	s.Run(plan, scenarios.Options{Observer: facts(func(step *sim.Step) {
		if step.N > at {
			return
		}
		m := members[step.Node]
		switch f := step.Payload.(type) {
		case raft.Recovered:
			members[step.Node] = &member{terms: map[uint64]uint64{}}
		case raft.Appended:
			m.terms[f.Index], m.last = f.Term, f.Index
		case raft.Committed:
			m.committed = f.Index
		}
	})})
	p := newTab(t, "light")
	p.open(record(t, s, plan, scenarios.Options{}), report.About{})
	shown := p.logs(at)["log of"]
	ids := slices.Sorted(maps.Keys(members))
	require.Len(t, shown, len(ids))
	longest := uint64(0)
	for _, m := range members {
		longest = max(longest, m.last)
	}
	require.Greater(t, longest, uint64(20))
	number := func(n uint64) string {
		if n == 0 {
			return "–"
		}
		return strconv.FormatUint(n, 10)
	}
	for i, id := range ids {
		m, row := members[id], shown[i]
		require.Equal(t, []string{id.String(), number(m.last), number(m.committed), number(m.last)}, []string{row.Name, row.Last, row.Committed, row.Durable})
		first := longest + 1 - uint64(len(row.Epochs))
		for k, epoch := range row.Epochs {
			want := ""
			if index := first + uint64(k); index <= m.last {
				want = strconv.FormatUint(m.terms[index], 10)
			}
			require.Equal(t, want, epoch, "%s, record %d", id, first+uint64(k))
		}
	}
	require.Equal(t, len(ids), eval[int](p, `[...document.querySelectorAll(".strips tbody tr")].filter(r => r.querySelectorAll(".synced").length > 0 || r.querySelectorAll(".cell[class*=' e']").length === 0).length`), "lines where there are records")
}

// Every log model has a log view, with what its records are and what is durable.
func TestLogViewOfEachModel(t *testing.T) {
	p := newTab(t, "light")
	for name, names := range map[string][]string{
		"arithmetic/active": {"log of"},
		"disk/wal":          {"log of"},
		"raft/log":          {"log of"},
		"olep/log":          {"p0"},
		"olep/log-raft":     {"p0", "raft p0", "raft groups"},
		"olep/payments":     {"p0"},
		"olep/stream":       {"p0"},
		"olep/transactions": {"p0"},
		"olep/views":        {"p0"},
		"olep/one-log":      {"p0"},
		"olep/assets":       {"p0"},
	} {
		t.Run(name, func(t *testing.T) {
			s := scenario(t, name)
			data := record(t, s, s.Plan(3), scenarios.Options{})
			p.open(data, report.About{})
			_, last := opened(t, data).Steps()
			shown := p.logs(last)
			for _, name := range names {
				require.Contains(t, shown, name)
				require.NotEqual(t, "–", shown[name][0].Last)
				require.NotEqual(t, "–", shown[name][0].Durable)
				if s.Name != "disk/wal" { // where nobody commits
					require.NotEqual(t, "–", shown[name][0].Committed)
				}
			}
			grey := eval[int](p, "document.querySelectorAll('.strip td.e0').length") > 0
			require.Equal(t, grey, strings.Contains(p.text(".bar p:has(~ .group)"), "grey"), "why there are grey records")
			require.Equal(t, strings.HasPrefix(name, "olep/") || name == "disk/wal", grey)
		})
	}
}

// curve is what is drawn.
type curve struct {
	Title  string
	Unit   string
	X      []float64 // s
	Series []struct {
		Name string
		Y    []*float64
	}
}

func (p *tab) curves() (all map[string]curve) {
	p.Helper()
	p.tab("Curves")
	p.until(`document.querySelector(".curves canvas")`)
	all = map[string]curve{}
	for _, c := range eval[[]curve](p, `document.querySelector(".curves").curves.map(c => ({Title: c.title, Unit: c.unit, X: c.x, Series: c.series.map(s => ({Name: s.name, Y: s.y}))}))`) {
		require.NotEmpty(p, c.Unit, c.Title)
		all[c.Title] = c
	}
	require.Equal(p, len(all), eval[int](p, `document.querySelectorAll(".curves figure .u-wrap").length`))
	return all
}

// least is the smallest value there is.
func least(y []*float64) float64 {
	low := math.Inf(1)
	for _, v := range y {
		if v != nil {
			low = min(low, *v)
		}
	}
	return low
}

func TestCurves(t *testing.T) {
	s := scenario(t, "raft/kv")
	plan := s.Plan(3)
	type ended struct {
		at, took time.Duration
		outcome  sim.Outcome
	}
	var ops []ended
	messages := 0
	var end time.Duration
	began := map[int]time.Duration{}
	lasts := map[sim.NodeID]uint64{}
	s.Run(plan, scenarios.Options{Observer: facts(func(step *sim.Step) {
		end = time.Duration(step.At)
		switch step.Kind {
		case sim.KindDeliver, sim.KindDrop:
			messages++
		case sim.KindInvoke:
			began[step.Payload.(*sim.Op).ID] = end
		case sim.KindReturn:
			op := step.Payload.(*sim.Op)
			ops = append(ops, ended{end, end - began[op.ID], op.Outcome})
		case sim.KindFact:
			switch f := step.Payload.(type) {
			case raft.Recovered:
				lasts[step.Node] = 0
			case raft.Appended:
				lasts[step.Node] = f.Index
			}
		}
	})})
	p := newTab(t, "light")
	p.open(record(t, s, plan, scenarios.Options{}), report.About{})
	all := p.curves()

	const bins = 120
	size := float64(end) / bins
	bin := func(at time.Duration) int { return min(bins-1, int(float64(at)/size)) }
	outcomes := all[fmt.Sprintf("operations that ended, by outcome, of %.2g s each", size/1e9)]
	require.Len(t, outcomes.Series, 3)
	latency := all["latency of operations that succeeded, by when they ended"]
	require.Equal(t, "ms", latency.Unit)
	var took [bins][]time.Duration
	var counts [bins]map[string]int
	for _, o := range ops {
		b := bin(o.at)
		if counts[b] == nil {
			counts[b] = map[string]int{}
		}
		counts[b][o.outcome.String()]++
		if o.outcome == sim.OK {
			took[b] = append(took[b], o.took)
		}
	}
	seen := 0
	for b := range bins {
		for _, series := range outcomes.Series {
			require.Equal(t, float64(counts[b][series.Name]), *series.Y[b], series.Name)
		}
		slices.Sort(took[b])
		for k, per := range []int{50, 95, 99, 100} {
			y := latency.Series[k].Y[b]
			if len(took[b]) == 0 {
				require.Nil(t, y)
				continue
			}
			seen++
			rank := (per*len(took[b]) + 99) / 100 // the nearest
			require.InDelta(t, float64(took[b][rank-1])/1e6, *y, 1e-6)
		}
	}
	require.Greater(t, seen, 40)
	per := all["messages for each operation, so far"].Series[0].Y
	require.InDelta(t, float64(messages)/float64(len(ops)), *per[bins-1], 1e-9)

	require.Contains(t, p.text(".curves"), fmt.Sprintf("messages: %s", strings.TrimSuffix(strconv.FormatFloat(least(per), 'g', 3, 64), ".0")), "told in words, too")

	lengths, lag := all["last record of each log"].Series, all["lag: records that each log is behind the longest"].Series
	longest := slices.Max(slices.Collect(maps.Values(lasts)))
	for i, id := range slices.Sorted(maps.Keys(lasts)) {
		require.Equal(t, id.String(), lengths[i].Name)
		require.Equal(t, float64(lasts[id]), *lengths[i].Y[bins-1])
		require.Equal(t, float64(longest-lasts[id]), *lag[i].Y[bins-1])
	}
	require.True(t, slices.ContainsFunc(lag, func(s struct {
		Name string
		Y    []*float64
	}) bool {
		return slices.ContainsFunc(s.Y, func(y *float64) bool { return *y > 0 })
	}), "somebody was behind")
}

// A value without neighbours shows, though no line goes through it.
func TestCurveOfLonelyValues(t *testing.T) {
	s := scenario(t, "raft/kv")
	plan := s.Plan(1)
	plan.Ops, plan.Faults = nil, nil // which leaves those at the end, one in a while
	p := newTab(t, "light")
	p.open(record(t, s, plan, scenarios.Options{}), report.About{})
	medians, lonely := p.curves()["latency of operations that succeeded, by when they ended"].Series[0].Y, 0
	for b := 1; b+1 < len(medians); b++ {
		if medians[b] != nil && medians[b-1] == nil && medians[b+1] == nil {
			lonely++
		}
	}
	require.Greater(t, lonely, 3)
	require.GreaterOrEqual(t, p.pixels(".curves figure:nth-of-type(2) canvas", "blue"), 4*lonely)
}

// What consumers have yet to read is a curve for each group and partition.
func TestLagOfConsumers(t *testing.T) {
	s := scenario(t, "olep/log")
	plan := s.Plan(4)
	next, last := map[string]uint64{}, map[string]uint64{}
	s.Run(plan, scenarios.Options{Observer: facts(func(step *sim.Step) {
		switch f := step.Payload.(type) {
		case olep.Appended:
			last[fmt.Sprintf("p%d", f.Partition)] = uint64(f.Entries[len(f.Entries)-1].LSN)
		case olep.Delivered:
			next[fmt.Sprintf("%s p%d", f.Group, f.Partition)] = uint64(f.Next)
		}
	})})
	require.NotEmpty(t, next)
	p := newTab(t, "light")
	p.open(record(t, s, plan, scenarios.Options{}), report.About{})
	lag := p.curves()["lag: records that each reader has yet to read"].Series
	require.Len(t, lag, len(next))
	for _, series := range lag {
		require.Contains(t, next, series.Name)
		_, log, _ := strings.Cut(series.Name, " ")
		require.Equal(t, float64(last[log]+1-next[series.Name]), *series.Y[len(series.Y)-1], series.Name)
	}
}
