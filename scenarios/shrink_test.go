package scenarios_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
)

// crowded is a ring with much more around it than its failure needs: clients that do nothing of interest, and faults.
func crowded() *scenarios.Scenario {
	s := ring()
	s.Name = "toy/crowded"
	build := s.Build
	s.Build = func(r *scenarios.Run) {
		build(r)
		r.AddClients(func(int, []nemesis.Op) sim.Node { return &registerNode{} })
	}
	s.Space.Clients = nemesis.Range[int]{Min: 3, Max: 5}
	s.Space.Ops = nemesis.Range[int]{Min: 20, Max: 40}
	s.Space.OpKinds = []nemesis.OpKind{{Kind: "nothing", Weight: 1}}
	s.Space.Faults = []nemesis.FaultKind{
		{Kind: "pause", Count: nemesis.Range[int]{Min: 2, Max: 9}},
		{Kind: "isolate", Count: nemesis.Range[int]{Min: 2, Max: 9}},
	}
	return s
}

// failing is the first seed from some seed on that is not valid.
func failing(t *testing.T, s *scenarios.Scenario, seed uint64) *scenarios.Result {
	t.Helper()
	for ; seed < 1000; seed++ {
		if r := s.RunSeed(seed, scenarios.Options{}); r.Verdict == checkers.Invalid {
			return &r
		}
	}
	t.Fatal("no seed fails")
	return nil
}

func shrink(t *testing.T, s *scenarios.Scenario, r *scenarios.Result, o scenarios.ShrinkOptions) *scenarios.Shrunk {
	t.Helper()
	small, err := s.Shrink(context.Background(), r, o)
	require.NoError(t, err)
	require.Nil(t, small.Failure.Divergence)
	require.Equal(t, r.Signature(), small.Failure.First.Signature())
	return small
}

func TestShrink(t *testing.T) {
	s := crowded()
	first := failing(t, s, 1)
	require.Greater(t, len(first.Plan.Faults), 3)
	small := shrink(t, s, first, scenarios.ShrinkOptions{})
	plan := small.Plan()
	require.Len(t, plan.Faults, 1, "%s", plan)
	require.Empty(t, plan.Ops)
	require.Equal(t, 1, plan.Clients)
	require.Less(t, plan.Duration, 2*time.Second)
	require.Zero(t, plan.Faults[0].At%(10*ms), "%s", plan) // a number that was simplified
	require.LessOrEqual(t, small.StructureRuns, 100)
	require.Less(t, small.Runs, scenarios.DefaultShrinkRuns)

	// It is one run, however often it is replayed.
	for range 100 {
		r := s.Run(*plan, scenarios.Options{})
		require.Equal(t, small.Failure.First.Hash, r.Hash)
		require.Equal(t, small.Failure.First.Step, r.Step)
	}
}

// The result depends on the plan and the budget, which is kept, and not on the workers.
func TestShrinkIsAFunction(t *testing.T) {
	s := crowded()
	first := failing(t, s, 10)
	for _, budget := range []int{1, 7, 40, 1000} {
		var plans []string
		for _, workers := range []int{1, 2, 5} {
			most := 0
			small := shrink(t, s, first, scenarios.ShrinkOptions{Runs: budget, Workers: workers, Progress: func(runs int, p *nemesis.Plan) {
				require.LessOrEqual(t, most, runs)
				most = runs
			}})
			require.LessOrEqual(t, most, budget)
			require.Equal(t, most, small.Runs)
			plans = append(plans, fmt.Sprintln(small.Runs, small.StructureRuns, small.Failure.First.Hash, small.Plan()))
		}
		require.Len(t, slices.Compact(plans), 1, "a budget of %d runs", budget)
	}
}

// Only what fails alike counts.
func TestShrinkKeepsTheProperty(t *testing.T) {
	s := crowded()
	build := s.Build
	s.Build = func(r *scenarios.Run) {
		build(r)
		r.Checks.Always("there are operations").Check(len(r.Plan.Ops) > 0, func() string { return "there are none" })
	}
	first := failing(t, s, 1)
	require.Equal(t, `always "there is one token"`, first.Property)
	require.Len(t, shrink(t, s, first, scenarios.ShrinkOptions{}).Plan().Ops, 1)
}

// What a model does not promise to survive is no smaller failure.
func TestShrinkStaysWithinTheBudget(t *testing.T) {
	s := crowded()
	s.Space.Budget = nemesis.Budget{Quorum: nemesis.Majority, Outside: []string{"isolate"}}
	first := failing(t, s, 1)
	for len(first.Plan.Core) == 0 {
		first = failing(t, s, first.Seed+1)
	}
	require.NoError(t, s.Space.Beyond(first.Plan))
	require.NoError(t, s.Space.Beyond(*shrink(t, s, first, scenarios.ShrinkOptions{}).Plan()))
}

// An interrupted search has what was found until then.
func TestShrinkInterrupted(t *testing.T) {
	s := crowded()
	first := failing(t, s, 1)
	ctx, cancel := context.WithCancel(context.Background())
	small, err := s.Shrink(ctx, first, scenarios.ShrinkOptions{Progress: func(_ int, p *nemesis.Plan) {
		if len(p.Faults) < len(first.Plan.Faults) {
			cancel()
		}
	}})
	require.NoError(t, err)
	require.Less(t, len(small.Plan().Faults), len(first.Plan.Faults))
	require.Equal(t, first.Property, small.Failure.First.Property)

	small, err = s.Shrink(ctx, first, scenarios.ShrinkOptions{})
	require.NoError(t, err)
	require.Equal(t, first.Plan, *small.Plan())
	require.Zero(t, small.Runs)
}

func TestShrinkNothing(t *testing.T) {
	s := crowded()
	valid := s.Run(toyPlan(s, 0), scenarios.Options{})
	_, err := s.Shrink(context.Background(), &valid, scenarios.ShrinkOptions{})
	require.EqualError(t, err, "nothing to shrink: toy/crowded seed=4711 is valid")
}

// A failure that does not repeat itself is not taken for one.
func TestShrinkUnsteady(t *testing.T) {
	s := unsteady()
	r := s.Run(toyPlan(s, 0), scenarios.Options{})
	small, err := s.Shrink(context.Background(), &r, scenarios.ShrinkOptions{Runs: 20})
	require.NoError(t, err)
	require.NotNil(t, small.Failure.Divergence)
}
