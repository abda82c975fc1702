package scenarios_test

import (
	"testing"

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
