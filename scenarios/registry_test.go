package scenarios_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/scenarios"
)

func named(name string) *scenarios.Scenario {
	return &scenarios.Scenario{Name: name, Doc: "It has a name.", Build: func(*scenarios.Run) {}}
}

func names(list []*scenarios.Scenario) []string {
	var names []string
	for _, s := range list {
		names = append(names, s.Name)
	}
	return names
}

func TestRegistry(t *testing.T) {
	r := scenarios.NewRegistry(named("raft/log"), named("raft"), named("raft/kv"), named("rafting/x"), named("a"))
	require.Equal(t, []string{"a", "raft", "raft/kv", "raft/log", "rafting/x"}, names(r.All()))

	s, err := r.Find("raft/kv")
	require.NoError(t, err)
	require.Equal(t, "raft/kv", s.Name)
	_, err = r.Find("raft/")
	require.EqualError(t, err, `unknown scenario "raft/": there are a, raft, raft/kv, raft/log, rafting/x`)

	for _, c := range []struct{ ask, get []string }{
		{nil, []string{"a", "raft", "raft/kv", "raft/log", "rafting/x"}},
		{[]string{"raft/kv"}, []string{"raft/kv"}},
		{[]string{"raft"}, []string{"raft", "raft/kv", "raft/log"}},
		{[]string{"raft/"}, []string{"raft/kv", "raft/log"}},
		{[]string{"rafting", "a"}, []string{"rafting/x", "a"}},
		{[]string{"raft/log", "raft", "raft/log"}, []string{"raft/log", "raft", "raft/kv"}},
	} {
		got, err := r.Match(c.ask...)
		require.NoError(t, err)
		require.Equal(t, c.get, names(got), "%v", c.ask)
	}
	_, err = r.Match("a", "raf")
	require.EqualError(t, err, `unknown scenario "raf": there are a, raft, raft/kv, raft/log, rafting/x`)
	_, err = scenarios.NewRegistry().Find("a")
	require.EqualError(t, err, `unknown scenario "a": there are none`)
}

func TestRegistryRefuses(t *testing.T) {
	require.PanicsWithValue(t, "scenarios: there are two of the name a", func() { scenarios.NewRegistry(named("a"), named("b"), named("a")) })
	long := named("a")
	long.Tail = 2_000_000 * time.Hour
	require.PanicsWithValue(t, "scenarios: a: Tail: 2000000h0m0s is not in the range [0s, 24h0m0s]", func() { scenarios.NewRegistry(long) })
	for _, spoil := range []func(s *scenarios.Scenario){
		func(s *scenarios.Scenario) { s.Name = "" },
		func(s *scenarios.Scenario) { s.Doc = "" },
		func(s *scenarios.Scenario) { s.Build = nil },
	} {
		s := named("a")
		spoil(s)
		require.Panics(t, func() { scenarios.NewRegistry(s) })
	}
}

// The registry does not change with the list it was made of.
func TestRegistryIsItsOwn(t *testing.T) {
	list := []*scenarios.Scenario{named("b"), named("a")}
	r := scenarios.NewRegistry(list...)
	require.Equal(t, []string{"b", "a"}, names(list))
	list[0] = named("z")
	require.Equal(t, []string{"a", "b"}, names(r.All()))
}

// A name may say more than the scenario: another mix of faults, another size.
func TestVariants(t *testing.T) {
	r := scenarios.Catalogue()
	fixed, err := r.Find("raft/kv@fixed@4")
	require.NoError(t, err)
	require.Equal(t, "raft/kv@fixed@4", fixed.Name)
	p := fixed.Plan(7)
	require.Equal(t, "raft/kv@fixed@4", p.Scenario)
	require.Equal(t, 4, p.Nodes)
	kv, err := r.Find("raft/kv")
	require.NoError(t, err)
	require.True(t, kv.Space.Swarm)
	require.False(t, fixed.Space.Swarm)

	// A fixed mix has as many faults as the swarm, on average, but plans are more alike.
	var swarm, mixed, all int
	everything, err := r.Find("raft/kv@all")
	require.NoError(t, err)
	fixed, err = r.Find("raft/kv@fixed")
	require.NoError(t, err)
	for seed := range uint64(300) {
		swarm += len(kv.Plan(seed).Faults)
		mixed += len(fixed.Plan(seed).Faults)
		all += len(everything.Plan(seed).Faults)
	}
	require.InEpsilon(t, swarm, mixed, 0.1)
	require.Greater(t, all, swarm*3/2)

	list, err := r.Match("raft@5", "raft/kv@5")
	require.NoError(t, err)
	require.Len(t, list, 4, "each once")
	require.Equal(t, "raft/deposed@5", list[0].Name)

	for name, want := range map[string]string{
		"raft/kv@":          `unknown variant "" of raft/kv: there are fixed, all, or a number of nodes`,
		"raft/kv@most":      `unknown variant "most" of raft/kv`,
		"raft/kv@0":         "raft/kv of 0 nodes: a cluster has 1 to",
		"raft/kv@fixed@all": "the plans of raft/kv@fixed are no swarm",
		"raft/kw@5":         `unknown scenario "raft/kw"`,
	} {
		_, err := r.Find(name)
		require.ErrorContains(t, err, want)
		_, err = r.Match(name)
		require.ErrorContains(t, err, want)
	}
}
