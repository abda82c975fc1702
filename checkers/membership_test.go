package checkers

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A suspect has 10 s to refute, 1 s less for each confirmation.
func tellMembership(m *Membership) func(t testing.TB, text string) {
	needs := func(confirmations int) time.Duration { return time.Duration(10-confirmations) * time.Second }
	return func(t testing.TB, text string) {
		facts(t, text, func(verb string, w words) {
			switch verb {
			case "lives": // member incarnation
				m.Incarnation(w.node(0), w.num(1))
			case "restart":
				m.Restart(w.node(0))
			case "alive": // observer member incarnation
				m.Alive(w.node(0), w.node(1), w.num(2))
			case "suspect": // observer member incarnation by second
				m.Suspect(w.node(0), w.node(1), w.num(2), w.node(3), time.Duration(w.num(4))*time.Second, needs)
			case "second": // observer member incarnation by
				m.Second(w.node(0), w.node(1), w.num(2), w.node(3))
			case "confirm": // observer member incarnation second
				m.Confirm(w.node(0), w.node(1), w.num(2), time.Duration(w.num(3))*time.Second)
			case "dead": // observer member incarnation
				m.Dead(w.node(0), w.node(1), w.num(2))
			case "quiet": // live nodes; n3 is silent
				m.Quiet(w.nodes(), words{t, []string{"n3"}}.nodes())
			default:
				t.Fatalf("no fact %q", verb)
			}
		})
	}
}

func TestMembership(t *testing.T) {
	const (
		raised = "only a member raises its incarnation"
		order  = "views of a member change by the override order"
		own    = "a suspicion is that of whom it names"
		fair   = "nobody is confirmed dead before its time to refute is over"
		told   = "nobody is taken for dead whom nobody confirmed dead"
		quiet  = "members know who is up once quiet"
	)
	const three = "lives n1 1\nlives n2 1\nlives n3 1\nalive n1 n2 1\nalive n1 n3 1\nalive n2 n1 1\nalive n2 n3 1\n"
	judge(t, []story{
		{"nothing", "", Unknown, "", ""},
		{"only lost memories", "restart n1", Unknown, "", ""},
		{"a group", three, Valid, "", ""},
		{"a death", three + "suspect n1 n3 1 n1 5\nsuspect n2 n3 1 n1 6\nconfirm n1 n3 1 15\ndead n2 n3 1\nquiet n1 n2", Valid, "", ""},
		{"a refutation", three + "suspect n1 n3 1 n1 5\nlives n3 2\nalive n1 n3 2\nalive n2 n3 2", Valid, "", ""},
		{"back from the dead", three + "suspect n1 n3 1 n1 5\nconfirm n1 n3 1 15\nlives n3 2\nalive n1 n3 2", Valid, "", ""},
		{"a death overrides life unseen", three + "suspect n1 n3 1 n1 5\nconfirm n1 n3 1 15\ndead n2 n3 1", Valid, "", ""},
		{"one that forgot may believe old things", three + "suspect n1 n3 1 n1 5\nrestart n1\nalive n1 n3 1", Valid, "", ""},
		{"confirmations shorten the time", three + "suspect n2 n3 1 n2 5\nsuspect n1 n3 1 n1 5\nsecond n1 n3 1 n2\nconfirm n1 n3 1 14", Valid, "", ""},
		{"never heard of", "lives n1 1\nlives n2 1\nalive n1 n2 1\nalive n2 n1 1\nquiet n1 n2", Valid, "", ""},

		{"an incarnation again", three + "lives n3 1", Invalid, raised, "after 1"},
		{"an incarnation lost", three + "lives n3 3\nlives n3 2", Invalid, raised, "n3 lives in its incarnation 2, after 3"},
		{"raised by another", three + "alive n1 n3 2", Invalid, raised, "whose own is 1"},
		{"suspected in the future", three + "suspect n1 n3 2 n1 5", Invalid, raised, "n1 takes n3 for suspect in incarnation 2"},
		{"back without a new incarnation", three + "suspect n1 n3 1 n1 5\nalive n1 n3 1", Invalid, order, "n1 takes n3 for alive in incarnation 1, after suspect in 1"},
		{"back from the dead without one", three + "suspect n1 n3 1 n1 5\nconfirm n1 n3 1 15\nalive n1 n3 1", Invalid, order, "after dead in 1"},
		{"an old suspicion", three + "lives n3 2\nalive n1 n3 2\nsuspect n1 n3 1 n1 5", Invalid, order, "after alive in 2"},
		{"the same twice", three + "alive n1 n3 1", Invalid, order, ""},
		{"a second without a first", three + "second n1 n3 1 n2", Invalid, order, "for a second one"},
		{"somebody else's suspicion", three + "suspect n1 n3 1 n2 5", Invalid, own, "because of n2, which never did"},
		{"seconded by nobody", three + "suspect n1 n3 1 n1 5\nsecond n1 n3 1 n2", Invalid, own, ""},
		{"too soon", three + "suspect n1 n3 1 n1 5\nconfirm n1 n3 1 14", Invalid, fair, "after 9s of suspicion, not after 10s, with 0 confirmations"},
		{"one confirmation counted twice", three + "suspect n2 n3 1 n2 5\nsuspect n1 n3 1 n1 5\nsecond n1 n3 1 n2\nsecond n1 n3 1 n2\nconfirm n1 n3 1 13", Invalid, fair, "with 1 confirmations"},
		{"without suspicion", three + "confirm n1 n3 1 50", Invalid, fair, "has not suspected it"},
		{"after a refutation", three + "suspect n1 n3 1 n1 5\nlives n3 2\nalive n1 n3 2\nconfirm n1 n3 2 15", Invalid, fair, "took it for alive in 2"},
		{"confirmed by nobody", three + "suspect n1 n3 1 n1 5\nsuspect n2 n3 1 n1 5\ndead n2 n3 1", Invalid, told, ""},
		{"a silent one goes unseen", three + "quiet n1 n2", Invalid, quiet, "n1 takes n3 for alive, which is dead"},
		{"a live one is dead", three + "suspect n1 n2 1 n1 5\nconfirm n1 n2 1 15\nsuspect n1 n3 1 n1 5\nconfirm n1 n3 1 15\ndead n2 n3 1\nquiet n1 n2", Invalid, quiet, "n1 takes n2 for dead, which is alive"},
		{"one has not heard", three + "suspect n1 n3 1 n1 5\nconfirm n1 n3 1 15\nrestart n2\nquiet n1 n2", Invalid, quiet, "n2 takes n1 for unheard of"},
	}, func(s *Set) (func(t testing.TB, text string), func()) {
		m := NewMembership(s)
		return tellMembership(m), m.Reset
	})
}

// The count of right views is what a wait watches.
func TestMembershipCounts(t *testing.T) {
	set := NewSet(nil)
	m := NewMembership(set)
	tell := tellMembership(m)
	tell(t, "lives n1 1\nlives n2 1\nlives n3 1\nalive n1 n2 1\nalive n2 n3 1")
	live, silent := words{t, []string{"n1", "n2"}}.nodes(), words{t, []string{"n3"}}.nodes()
	right, of, wrong := m.Right(live, silent)
	require.Equal(t, []int{1, 4}, []int{right, of})
	require.Equal(t, "n2 takes n1 for unheard of, which is alive; n1 takes n3 for unheard of, which is dead; n2 takes n3 for alive, which is dead", wrong)
	require.Equal(t, Alive, m.Standing(2, 3))
	require.Equal(t, "suspect", Suspect.String())
}
