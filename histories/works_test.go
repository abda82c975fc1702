package histories

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/checkers"
)

// working is an operation on something that works: apply does it, in an instant, and returns what its completion tells; ""
// is that it cannot be done, and has no effect.
type working struct {
	f, value string
	apply    func() string
}

// worked is the history of something that works, of processes that each do one thing at a time, and go by another number
// after one of unknown outcome. What is of unknown outcome is applied while it is under way, later, or never; what failed
// is not.
func worked(r *rand.Rand, n int, next func(process int) working) string {
	type running struct {
		working
		process int
		begun   bool
		result  string
		applied bool
	}
	var b strings.Builder
	tell := func(kind string, c *running, value string) {
		fmt.Fprintf(&b, "{:type :%s, :process %d, :f :%s, :value %s}\n", kind, c.process, c.f, value)
	}
	current := make([]running, 2+r.IntN(4))
	for i := range current {
		current[i].process = i
	}
	var late []working
	for left := n; left > 0; {
		if len(late) > 0 && r.IntN(8) == 0 {
			i := r.IntN(len(late))
			late[i].apply()
			late = slices.Delete(late, i, i+1)
		}
		c := &current[r.IntN(len(current))]
		switch {
		case !c.begun:
			*c = running{working: next(c.process), process: c.process, begun: true}
			tell("invoke", c, c.value)
			left--
		case !c.applied && r.IntN(12) == 0:
			tell("fail", c, c.value)
			c.begun = false
		case r.IntN(12) == 0:
			if r.IntN(2) == 0 {
				tell("info", c, c.value)
			}
			if !c.applied && r.IntN(2) == 0 {
				late = append(late, c.working)
			}
			*c = running{process: c.process + len(current)}
		case !c.applied:
			c.result, c.applied = c.apply(), true
		case c.result == "":
			tell("fail", c, c.value)
			c.begun = false
		default:
			tell("ok", c, c.result)
			c.begun = false
		}
	}
	return b.String()
}

// TestWhatWorksIsValid holds that no model finds fault with something that works.
func TestWhatWorksIsValid(t *testing.T) {
	seeds := uint64(1000)
	if testing.Short() {
		seeds /= 10
	}
	for _, c := range []struct {
		model   string
		options Options
		make    func(r *rand.Rand) func(process int) working
	}{
		{"register", Options{}, worksAsRegister(false)},
		{"cas-register", Options{}, worksAsRegister(true)},
		{"kv", Options{}, worksAsStore},
		{"list-append", Options{Level: checkers.StrictSerializable}, worksAsLists},
		{"bank", Options{}, worksAsBank},
		{"set", Options{}, worksAsSet},
		{"set", Options{Linearizable: true}, worksAsSet},
		{"counter", Options{}, worksAsCounter},
		{"queue", Options{}, worksAsQueue(false)},
		{"queue", Options{FIFO: true}, worksAsQueue(true)},
		{"lock", Options{}, worksAsLock},
		{"log", Options{}, worksAsLog},
		{"log", Options{}, worksAsTopic},
	} {
		t.Run(c.model, func(t *testing.T) {
			valid := 0
			for seed := range seeds {
				r := rand.New(rand.NewPCG(seed, 15))
				text := worked(r, 5+r.IntN(40), c.make(r))
				_, result, err := check(t, c.model, text, c.options)
				require.NoError(t, err, "seed %d:\n%s", seed, text)
				require.NotEqual(t, checkers.Invalid, result.Verdict, "seed %d: %v\n%s", seed, result, text)
				if result.Verdict == checkers.Valid {
					valid++
				}
			}
			require.Greater(t, valid, int(seeds*8/10))
		})
	}
}

func worksAsRegister(swaps bool) func(r *rand.Rand) func(int) working {
	return func(r *rand.Rand) func(int) working {
		held := [2]string{"nil", "nil"}
		return func(int) working {
			k, from, to := r.IntN(2), fmt.Sprint(r.IntN(4)), fmt.Sprint(r.IntN(4))
			switch r.IntN(3) {
			case 0:
				return working{"read", fmt.Sprintf("[%d nil]", k), func() string { return fmt.Sprintf("[%d %s]", k, held[k]) }}
			case 1:
				if !swaps {
					break
				}
				v := fmt.Sprintf("[%d [%s %s]]", k, from, to)
				return working{"cas", v, func() string {
					if held[k] != from {
						return ""
					}
					held[k] = to
					return v
				}}
			}
			v := fmt.Sprintf("[%d %s]", k, to)
			return working{"write", v, func() string { held[k] = to; return v }}
		}
	}
}

func worksAsStore(r *rand.Rand) func(int) working {
	held := make(map[string]string)
	return func(int) working {
		k, v := string(rune('a'+r.IntN(2))), fmt.Sprintf("%d;", r.IntN(4))
		switch r.IntN(4) {
		case 0:
			return working{"get", fmt.Sprintf("[%q nil]", k), func() string { return fmt.Sprintf("[%q %q]", k, held[k]) }}
		case 1:
			return working{"append", fmt.Sprintf("[%q %q]", k, v), func() string { held[k] += v; return fmt.Sprintf("[%q %q]", k, v) }}
		case 2:
			return working{"delete", fmt.Sprintf("[%q nil]", k), func() string { delete(held, k); return fmt.Sprintf("[%q nil]", k) }}
		}
		return working{"put", fmt.Sprintf("[%q %q]", k, v), func() string { held[k] = v; return fmt.Sprintf("[%q %q]", k, v) }}
	}
}

func worksAsLists(r *rand.Rand) func(int) working {
	held := make(map[int][]int)
	element := 0
	return func(int) working {
		type mop struct{ key, element int } // an element of 0: it is a read
		var txn []mop
		for range 1 + r.IntN(3) {
			m := mop{key: r.IntN(3)}
			if r.IntN(2) == 0 {
				element++
				m.element = element
			}
			txn = append(txn, m)
		}
		text := func(read func(key int) string, add func(m mop)) string {
			var mops []string
			for _, m := range txn {
				if m.element > 0 {
					add(m)
					mops = append(mops, fmt.Sprintf("[:append %d %d]", m.key, m.element))
				} else {
					mops = append(mops, fmt.Sprintf("[:r %d %s]", m.key, read(m.key)))
				}
			}
			return "[" + strings.Join(mops, " ") + "]"
		}
		return working{"txn", text(func(int) string { return "nil" }, func(mop) {}), func() string {
			return text(func(key int) string { return fmt.Sprint(held[key]) }, func(m mop) { held[m.key] = append(held[m.key], m.element) })
		}}
	}
}

func worksAsBank(r *rand.Rand) func(int) working {
	held := map[int]int{0: 20} // an account without money is not there
	return func(int) working {
		if r.IntN(2) == 0 {
			return working{"read", "nil", func() string {
				var all []string
				for a := range 4 {
					if held[a] > 0 {
						all = append(all, fmt.Sprintf("%d %d", a, held[a]))
					}
				}
				return "{" + strings.Join(all, ", ") + "}"
			}}
		}
		from, to, amount := r.IntN(4), r.IntN(4), 1+r.IntN(10)
		v := fmt.Sprintf("{:from %d, :to %d, :amount %d}", from, to, amount)
		return working{"transfer", v, func() string {
			if held[from] < amount {
				return ""
			}
			held[from] -= amount
			held[to] += amount
			return v
		}}
	}
}

func worksAsSet(r *rand.Rand) func(int) working {
	var held []int
	return func(int) working {
		if r.IntN(2) == 0 {
			return working{"read", "nil", func() string { return "#{" + strings.Trim(fmt.Sprint(held), "[]") + "}" }}
		}
		e := r.IntN(12)
		return working{"add", fmt.Sprint(e), func() string {
			if !slices.Contains(held, e) {
				held = append(held, e)
			}
			return fmt.Sprint(e)
		}}
	}
}

func worksAsCounter(r *rand.Rand) func(int) working {
	held := 0
	return func(int) working {
		if r.IntN(2) == 0 {
			return working{"read", "nil", func() string { return fmt.Sprint(held) }}
		}
		n := r.IntN(9) - 3
		return working{"add", fmt.Sprint(n), func() string { held += n; return fmt.Sprint(n) }}
	}
}

func worksAsQueue(fifo bool) func(r *rand.Rand) func(int) working {
	return func(r *rand.Rand) func(int) working {
		var held []int
		element := 0
		return func(int) working {
			switch r.IntN(8) {
			case 0:
				return working{"drain", "nil", func() string { all := held; held = nil; return fmt.Sprint(all) }}
			case 1, 2, 3:
				return working{"dequeue", "nil", func() string {
					if len(held) == 0 {
						return []string{"nil", ""}[r.IntN(2)]
					}
					i := 0
					if !fifo {
						i = r.IntN(len(held))
					}
					e := held[i]
					held = slices.Delete(held, i, i+1)
					return fmt.Sprint(e)
				}}
			}
			element++
			e := element
			return working{"enqueue", fmt.Sprint(e), func() string { held = append(held, e); return fmt.Sprint(e) }}
		}
	}
}

func worksAsLock(r *rand.Rand) func(int) working {
	holder, token := -1, 0
	return func(process int) working {
		if r.IntN(2) == 0 {
			return working{"acquire", "nil", func() string {
				if holder >= 0 {
					return ""
				}
				holder = process
				token++
				return fmt.Sprint(token)
			}}
		}
		return working{"release", "nil", func() string {
			if holder != process {
				return ""
			}
			holder = -1
			return "nil"
		}}
	}
}

func worksAsLog(r *rand.Rand) func(int) working {
	var held []string
	record := 0
	return func(int) working {
		if r.IntN(2) == 0 {
			from, most := r.IntN(6), 1+r.IntN(5)
			return working{"read", fmt.Sprintf("[k [%d %d]]", from, most), func() string {
				from := min(from, len(held))
				return "[k [" + strings.Join(held[from:min(from+most, len(held))], " ") + "]]"
			}}
		}
		record++
		v := fmt.Sprintf("r%d", record)
		return working{"append", "[k " + v + "]", func() string { held = append(held, v); return fmt.Sprintf("[k %d]", len(held)-1) }}
	}
}

// worksAsTopic has one group, of which each member may be at any place after somebody subscribed; there are gaps.
func worksAsTopic(r *rand.Rand) func(int) working {
	type sent struct{ offset, record int }
	var held []sent
	record, offset := 0, 0
	at := make(map[int]int) // by process: the place of what it polls next
	member := make(map[int]bool)
	everybody := 0 // where the group is
	group := r.IntN(2) == 0
	return func(process int) working {
		switch r.IntN(6) {
		case 0:
			if group {
				return working{"subscribe", "[k]", func() string {
					clear(at)
					member[process] = true
					return "[k]"
				}}
			}
			return working{"assign", "[k]", func() string { at[process] = 0; return "[k]" }}
		case 1, 2, 3:
			return working{"poll", "[[:poll]]", func() string {
				from, ok := at[process]
				if group && !member[process] {
					return "[[:poll {}]]"
				}
				if !ok && group {
					from = everybody
				}
				to := min(from+1+r.IntN(3), len(held))
				var all []string
				for _, s := range held[min(from, to):to] {
					all = append(all, fmt.Sprintf("[%d %d]", s.offset, s.record))
				}
				at[process] = to
				everybody = max(everybody, to)
				return "[[:poll {k [" + strings.Join(all, " ") + "]}]]"
			}}
		}
		record++
		v := record
		return working{"send", fmt.Sprintf("[[:send k %d]]", v), func() string {
			offset += 1 + r.IntN(2)
			held = append(held, sent{offset, v})
			return fmt.Sprintf("[[:send k [%d %d]]]", offset, v)
		}}
	}
}
