package scenarios_test

import (
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/trace"
)

// texts are those of a run's facts and messages, as a recording has them.
type texts map[string]bool

func (t texts) Step(s *sim.Step) {
	if s.Kind == sim.KindFact || s.Kind == sim.KindDeliver {
		t[trace.Text(s.Payload)] = true
	}
}

func (texts) Log(sim.NodeID, string)          {}
func (texts) Settled(uint64, sim.NodeID, any) {}

// Each rule of the words is about something that nodes say, to others or to nobody, and each group of its match is there.
func TestWordsAreAboutFacts(t *testing.T) {
	if testing.Short() {
		t.Skip("many seeds of all scenarios")
	}
	said := texts{}
	rules := map[string][]string{} // by match: what makes use of it
	for _, s := range scenarios.Catalogue().All() {
		if s.Words == nil {
			continue
		}
		require.NoError(t, s.Words.Check(), s.Name)
		for _, w := range s.Words.Says {
			rules[w.Match] = append(append([]string{w.Say}, w.About...), w.Leads...)
		}
		for _, w := range s.Words.Roles {
			rules[w.Match] = nil
		}
		for _, w := range s.Words.Logs {
			rules[w.Match] = []string{w.Log, w.Index, w.To, w.Epoch, w.Text}
		}
		for seed := uint64(1); seed <= 25; seed++ {
			s.RunSeed(seed, scenarios.Options{Observer: said})
		}
	}
	for match, uses := range rules {
		r := regexp.MustCompile(match)
		found := false
		for text := range said {
			if found = r.MatchString(text); found {
				break
			}
		}
		assert.True(t, found, "nobody says %s", match)
		for _, use := range uses {
			for _, group := range regexp.MustCompile(`\$(\d+)`).FindAllStringSubmatch(use, -1) {
				n, _ := strconv.Atoi(group[1])
				assert.LessOrEqual(t, n, r.NumSubexp(), "%s has no group %d", match, n)
			}
		}
	}
}
