package scenarios_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/scenarios"
)

func TestOlepStream(t *testing.T)            { run(t, "olep/stream") }
func TestOlepStreamAtLeastOnce(t *testing.T) { run(t, "olep/stream-at-least-once") }

func TestStreamPlansFit(t *testing.T) {
	s, err := scenarios.Catalogue().Find("olep/stream")
	require.NoError(t, err)
	for _, c := range []struct {
		edit func(p *nemesis.Plan)
		want string
	}{
		{func(*nemesis.Plan) {}, ""},
		{func(p *nemesis.Plan) { p.Nodes = 1 }, "nodes: a broker and a worker are 2 nodes, not 1"},
		{func(p *nemesis.Plan) { p.Ops[3].Arg = "17" }, `ops[3].arg: "17" of click is not a number from 1 to 16`},
		{func(p *nemesis.Plan) { p.Ops[3].Key = "a b" }, `ops[3].key: "a b" is no name of a user: a word`},
	} {
		p := s.Plan(1)
		p.Ops[3].Kind = "click"
		c.edit(&p)
		if c.want == "" {
			require.NoError(t, s.Fits(p))
		} else {
			require.EqualError(t, s.Fits(p), c.want)
		}
	}
}
