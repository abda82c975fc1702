package checkers

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBank(t *testing.T) {
	const (
		conserved = "money is conserved"
		limits    = "no account goes below its limit"
		decided   = "a request is decided once and for all"
		once      = "an approved request is in each of its logs once"
		declined  = "a declined request is in no log"
		balances  = "a balance is the sum of its log"
	)
	const pay = `
		open alice 10 0
		open bob 0 0
		ask r alice:-6 bob:5 fee:1
	`
	judge(t, []story{
		{name: "nothing", facts: "quiet", verdict: Unknown},
		{name: "asked, and not quiet so far", facts: pay, verdict: Unknown},
		{name: "paid", verdict: Valid, facts: pay + `
			decide r yes
			post alice r -6
			decide r yes    # again, after a restart
			ask r alice:-6 bob:5 fee:1
			post fee r 1
			post bob r 5
			balance bob 5
			balance alice 4
			quiet`},
		{name: "declined", verdict: Valid, facts: pay + `
			decide r no
			decide r no
			quiet`},
		{name: "the decision is told last", verdict: Valid, facts: pay + `
			post alice r -6
			post bob r 5
			post fee r 1
			decide r yes
			quiet`},
		{name: "there and back", verdict: Valid, facts: `
			open alice 5 0
			open bob 0 0
			ask r alice:-5 bob:5
			ask s bob:-5 alice:5
			decide r yes
			decide s yes
			post alice r -5
			post bob r 5
			post bob s -5
			post alice s 5
			balance alice 5
			quiet`},
		{name: "to oneself, with a fee", verdict: Valid, facts: `
			open alice 5 0
			ask r alice:-5 alice:4 fee:1
			decide r yes
			post alice r -1
			post fee r 1
			quiet`},
		{name: "from outside", verdict: Valid, facts: `
			open alice 0 0
			ask r alice:5
			decide r yes
			post alice r 5
			balance alice 5
			quiet`},

		{name: "another amount", verdict: Invalid, property: conserved, detail: "r is in the log of bob with 6, but was to be 5", facts: pay + `
			decide r yes
			post bob r 6`},
		{name: "money from nowhere", verdict: Invalid, property: conserved, detail: "accounts have 11, with 0 in flight, but should have 10", facts: pay + `
			decide r yes
			post alice r -6
			post bob r 5
			post fee r 1
			balance bob 6
			quiet`},
		{name: "money that is on its way", verdict: Invalid, property: once, detail: "r is approved, and not in the log of bob", facts: pay + `
			decide r yes
			post alice r -6
			post fee r 1
			balance alice 4
			balance bob 0
			quiet`},
		{name: "money that is on its way, and still there", verdict: Invalid, property: conserved, detail: "accounts have 11, with 5 in flight, but should have 10", facts: pay + `
			decide r yes
			post alice r -6
			post fee r 1
			balance alice 10
			quiet`},
		{name: "balances that are wrong, and add up", verdict: Invalid, property: balances, detail: "alice has 3, but by its log 4", facts: pay + `
			decide r yes
			post alice r -6
			post bob r 5
			post fee r 1
			balance alice 3
			balance bob 6
			quiet`},
		{name: "a balance that lags", verdict: Valid, facts: pay + `
			decide r yes
			post alice r -6
			balance alice 10
			post bob r 5
			post fee r 1
			balance alice 4
			quiet`},

		{name: "below the limit", verdict: Invalid, property: limits, detail: "alice has -1, and must not go below 0", facts: `
			open alice 5 0
			ask r alice:-6 bob:6
			decide r yes
			post alice r -6`},
		{name: "below the limit for a moment", verdict: Invalid, property: limits, detail: "alice has -1", facts: `
			open alice 5 0
			ask r alice:-6 bob:6
			ask s bob:-6 alice:6
			decide r yes
			decide s yes
			post alice r -6
			post alice s 6`},
		{name: "just at the limit", verdict: Valid, facts: `
			open alice 5 -1
			ask r alice:-6 bob:6
			decide r yes
			post alice r -6
			post bob r 6
			quiet`},
		{name: "below the limit of an account that was not opened", verdict: Invalid, property: limits, detail: "bob has -1", facts: `
			ask r bob:-1 alice:1
			post bob r -1`},
		{name: "a balance below the limit", verdict: Invalid, property: limits, detail: "alice has -1", facts: `
			open alice 5 0
			balance alice -1`},

		{name: "not decided", verdict: Invalid, property: decided, detail: "r is not decided", facts: pay + "quiet"},
		{name: "not decided, and in its logs", verdict: Invalid, property: decided, detail: "r is not decided", facts: pay + `
			post alice r -6
			quiet`},
		{name: "decided otherwise", verdict: Invalid, property: decided, detail: "r is declined, and was approved", facts: pay + `
			decide r yes
			decide r no`},
		{name: "decided otherwise, the other way", verdict: Invalid, property: decided, detail: "r is approved, and was declined", facts: pay + `
			decide r no
			decide r yes`},
		{name: "decided, and not asked for", verdict: Invalid, property: decided, detail: "s is approved, which nobody has asked for", facts: pay + "decide s yes"},
		{name: "in a log, and not asked for", verdict: Invalid, property: decided, detail: "s is in the log of bob, which nobody has asked for", facts: pay + "post bob s 5"},

		{name: "twice in a log", verdict: Invalid, property: once, detail: "r is in the log of bob again", facts: pay + `
			decide r yes
			post bob r 5
			post bob r 5`},
		{name: "in a log of others", verdict: Invalid, property: once, detail: "r is in the log of carol, where it does not belong", facts: pay + `
			decide r yes
			post carol r 5`},
		{name: "in none of its logs", verdict: Invalid, property: once, detail: "r is approved, and not in the log of alice", facts: pay + `
			decide r yes
			quiet`},
		{name: "without its fee", verdict: Invalid, property: once, detail: "r is approved, and not in the log of fee", facts: pay + `
			decide r yes
			post alice r -6
			post bob r 5
			quiet`},

		{name: "declined, and in a log", verdict: Invalid, property: declined, detail: "r is in the log of alice, and is declined", facts: pay + `
			decide r no
			post alice r -6`},
		{name: "in a log, and declined then", verdict: Invalid, property: declined, detail: "r is declined, and is in the log of bob", facts: pay + `
			post bob r 5
			decide r no`},
	}, func(s *Set) (func(testing.TB, string), func()) {
		c := NewBank[string, string](s)
		amount := func(t testing.TB, text string) int64 {
			n, err := strconv.ParseInt(text, 10, 64)
			require.NoError(t, err)
			return n
		}
		return func(t testing.TB, text string) {
			facts(t, text, func(verb string, w words) {
				switch verb {
				case "open": // account balance limit
					c.Open(w.text(0), amount(t, w.text(1)), amount(t, w.text(2)))
				case "ask": // request account:amount...
					var legs []Leg[string]
					for _, leg := range w.w[1:] {
						account, n, _ := strings.Cut(leg, ":")
						legs = append(legs, Leg[string]{account, amount(t, n)})
					}
					c.Ask(w.text(0), legs...)
				case "decide": // request yes|no
					c.Decide(w.text(0), w.text(1) == "yes")
				case "post": // account request amount
					c.Post(w.text(0), w.text(1), amount(t, w.text(2)))
				case "balance": // account balance
					c.Balance(w.text(0), amount(t, w.text(1)))
				case "quiet":
					c.Quiet()
				default:
					require.Fail(t, verb)
				}
			})
		}, c.Reset
	})
}

// TestBankOracle compares with lists of what was decided and posted, counted at each step. Requests r move r+1 from account
// r%2 to the other one, which begin with 4 and 1.
func TestBankOracle(t *testing.T) {
	type post struct {
		account, request int
		amount           int64
	}
	found := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		set := NewSet(nil)
		c := NewBank[int, int](set)
		c.Open(0, 4, 0)
		c.Open(1, 1, 0)
		const requests = 3
		leg := func(request, account int) int64 {
			if request%2 == account {
				return -int64(request) - 1
			}
			return int64(request) + 1
		}
		for r := range requests {
			c.Ask(r, Leg[int]{0, leg(r, 0)}, Leg[int]{1, leg(r, 1)})
		}
		type fact struct {
			verb     string
			request  int
			approved bool
			post
		}
		var all []fact
		for r := range requests { // all as it should be
			approved := rapid.IntRange(0, 3).Draw(t, "approved") > 0
			for range rapid.IntRange(1, 2).Draw(t, "times") {
				all = append(all, fact{verb: "decide", request: r, approved: approved})
			}
			if approved {
				all = append(all, fact{verb: "post", post: post{0, r, leg(r, 0)}}, fact{verb: "post", post: post{1, r, leg(r, 1)}})
			}
		}
		for range rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "mistakes") {
			i := rapid.IntRange(0, len(all)-1).Draw(t, "place")
			switch rapid.IntRange(0, 3).Draw(t, "mistake") {
			case 0:
				all[i] = all[rapid.IntRange(0, len(all)-1).Draw(t, "repeated")]
			case 1:
				all[i].approved = !all[i].approved
			case 2:
				all[i].amount++
			case 3:
				r := rapid.IntRange(0, requests-1).Draw(t, "request")
				all = append(all, fact{verb: "post", post: post{0, r, leg(r, 0)}})
			}
		}
		all = append(rapid.Permutation(all).Draw(t, "order"), fact{verb: "quiet"})

		var posts []post
		var decisions [requests][]bool
		told := ""
		for _, f := range all {
			told += fmt.Sprintln(f)
			switch f.verb {
			case "decide":
				decisions[f.request] = append(decisions[f.request], f.approved)
				c.Decide(f.request, f.approved)
			case "post":
				posts = append(posts, f.post)
				c.Post(f.account, f.post.request, f.amount)
			case "quiet":
				c.Quiet()
			}

			want := map[string]bool{}
			count, balance := map[[2]int]int{}, [2]int64{4, 1}
			for _, p := range posts {
				if p.amount != leg(p.request, p.account) {
					want["money is conserved"] = true
				}
				count[[2]int{p.account, p.request}]++
				balance[p.account] += p.amount
				if balance[p.account] < 0 {
					want["no account goes below its limit"] = true
				}
			}
			for r, list := range decisions {
				approved, no := 0, 0
				for _, yes := range list {
					if yes {
						approved++
					} else {
						no++
					}
				}
				if approved > 0 && no > 0 || f.verb == "quiet" && len(list) == 0 {
					want["a request is decided once and for all"] = true
				}
				for account := range 2 {
					n := count[[2]int{account, r}]
					if n > 1 || n == 0 && approved > 0 && f.verb == "quiet" {
						want["an approved request is in each of its logs once"] = true
					}
					if n > 0 && no > 0 {
						want["a declined request is in no log"] = true
					}
				}
			}
			if v := set.Violation(); v != nil {
				_, name, _ := strings.Cut(strings.TrimSuffix(v.Property, `"`), `"`)
				require.Contains(t, want, name, "%v\n%s", v, told)
				found[name]++
				return
			}
			require.Empty(t, want, told)
		}
		found["none"]++
	})
	t.Log(found)
}

func BenchmarkBank(b *testing.B) {
	set := NewSet(nil)
	c := NewBank[uint64, uint64](set)
	b.ReportAllocs()
	for b.Loop() {
		set.Reset()
		c.Reset()
		for a := range uint64(16) {
			c.Open(a, 1000, 0)
		}
		for r := range uint64(1000) {
			from, to := r%16, (r+1)%16
			c.Ask(r, Leg[uint64]{from, -2}, Leg[uint64]{to, 1}, Leg[uint64]{16, 1})
			c.Decide(r, true)
			c.Post(from, r, -2)
			c.Post(to, r, 1)
			c.Post(16, r, 1)
		}
		c.Quiet()
	}
	require.Equal(b, Valid, set.Result().Verdict, "%v", set.Result())
}
