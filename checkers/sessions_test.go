package checkers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/sim"
)

func tellSessions(c *Sessions) func(t testing.TB, text string) {
	return func(t testing.TB, text string) {
		facts(t, text, func(verb string, w words) {
			switch verb {
			case "read": // client key version
				c.Read(w.node(0), w.text(1), w.num(2))
			case "write": // client key version
				c.Write(w.node(0), w.text(1), w.num(2))
			case "apply": // replica key version
				c.Apply(w.node(0), w.text(1), w.num(2))
			case "restart": // replica
				c.Restart(w.node(0))
			case "copy": // to from
				c.Copy(w.node(0), w.node(1))
			case "end": // client
				c.End(w.node(0))
			default:
				require.Fail(t, verb)
			}
		})
	}
}

// TestSessionsAcrossReplicas: n1 to n3 are clients, from n4 on replicas.
func TestSessionsAcrossReplicas(t *testing.T) {
	const order, follows = "a client's writes keep their order", "a client's writes come after what it has read"
	judge(t, []story{
		{name: "replicas alone", verdict: Unknown, facts: `
			apply n4 x 1
			apply n5 y 1
			copy n5 n4
			restart n4`},
		{name: "all in order", verdict: Valid, facts: `
			apply n4 x 1
			write n1 x 1
			read n2 x 1
			apply n4 y 1
			write n2 y 1
			apply n5 x 1
			apply n5 y 1`},

		{name: "monotonic writes", facts: `
			write n1 x 1
			write n1 y 1
			apply n4 y 1`, verdict: Invalid, property: order, detail: "n4 has version 1 of y without version 1 of x, which n1 wrote before"},
		{name: "monotonic writes, told after the replica had them", facts: `
			apply n4 y 1
			apply n4 x 1
			write n1 x 1
			write n1 y 1`, verdict: Invalid, property: order, detail: "n4 has version 1 of y without version 1 of x, which n1 wrote before"},
		{name: "had in order, told late", verdict: Valid, facts: `
			apply n4 x 1
			apply n4 y 1
			write n1 x 1
			write n1 y 1`},
		{name: "a later version has the earlier ones", verdict: Valid, facts: `
			write n1 x 1
			write n1 y 1
			apply n4 x 7
			apply n4 y 1`},
		{name: "what was passed over comes late", verdict: Valid, facts: `
			write n1 x 1
			apply n4 x 2
			write n1 y 1
			apply n4 x 1
			apply n4 y 1`},
		{name: "an earlier version has no later one", facts: `
			write n1 x 2
			write n1 y 1
			apply n4 x 1
			apply n4 y 1`, verdict: Invalid, property: order, detail: "n4 has version 1 of y without version 2 of x"},
		{name: "what is passed over counts as well", facts: `
			write n1 x 1
			write n1 y 1
			write n2 y 2
			apply n4 y 2`, verdict: Invalid, property: order, detail: "n4 has version 1 of y without version 1 of x"},
		{name: "another client's writes have no order", verdict: Valid, facts: `
			write n1 x 1
			write n2 y 1
			apply n4 y 1`},
		{name: "through a third write", facts: `
			write n1 x 1
			write n1 y 1
			write n1 z 1
			apply n4 z 1
			apply n4 y 1`, verdict: Invalid, property: order, detail: "n4 has version 1 of z without version 1 of y"},

		{name: "writes follow reads", facts: `
			write n1 x 1
			read n2 x 1
			write n2 y 1
			apply n4 y 1`, verdict: Invalid, property: follows, detail: "n4 has version 1 of y without version 1 of x, which n2 had read before it wrote"},
		{name: "writes follow reads, told after the replica had them", facts: `
			apply n4 y 1
			apply n4 x 1
			read n2 x 1
			write n2 y 1`, verdict: Invalid, property: follows, detail: "n4 has version 1 of y without version 1 of x"},
		{name: "reads after a write do not matter to it", verdict: Valid, facts: `
			write n2 y 1
			read n2 x 1
			apply n4 y 1`},
		{name: "there was nothing to read", verdict: Valid, facts: `
			read n2 x 0
			write n2 y 1
			apply n4 y 1`},
		{name: "read again, and long known", verdict: Valid, facts: `
			read n2 x 1
			write n2 y 1
			read n2 x 1
			write n2 y 2
			apply n4 x 1
			apply n4 y 2`},
		{name: "read again, and later", facts: `
			read n2 x 1
			write n2 y 1
			read n2 x 2
			write n2 y 2
			apply n4 x 1
			apply n4 y 1
			apply n4 y 2`, verdict: Invalid, property: follows, detail: "n4 has version 2 of y without version 2 of x"},

		{name: "another session", verdict: Valid, facts: `
			write n1 x 5
			read n1 z 5
			end n1
			read n1 x 4
			write n1 z 5
			apply n4 x 4
			apply n4 z 5`},
		{name: "another client's session goes on", facts: `
			write n1 x 5
			end n2
			read n1 x 4`, verdict: Invalid, property: "clients read their own writes"},
		{name: "a lost memory begins anew", facts: `
			write n1 x 1
			write n1 y 1
			apply n4 x 1
			restart n4
			apply n4 y 1`, verdict: Invalid, property: order, detail: "n4 has version 1 of y without version 1 of x"},
		{name: "from a snapshot on", verdict: Valid, facts: `
			write n1 x 1
			write n1 y 1
			apply n4 x 1
			copy n9 n4      # the snapshot
			apply n4 x 2
			copy n5 n9
			apply n5 y 1`},
		{name: "a snapshot has what it had", facts: `
			write n1 x 1
			write n1 x 2
			write n1 y 1
			apply n4 x 1
			copy n5 n4
			apply n4 x 2
			apply n4 y 1
			apply n5 y 1`, verdict: Invalid, property: order, detail: "n5 has version 1 of y without version 2 of x"},
	}, func(s *Set) (func(testing.TB, string), func()) {
		c := NewSessions(s)
		return tellSessions(c), c.Reset
	})
}

// TestSessionsOracle compares with the definitions: each write comes after all that its client did before, not only after
// what is new, and a replica is looked at at each of its steps. Replicas mostly follow one log, each at its own pace.
func TestSessionsOracle(t *testing.T) {
	type write struct {
		version
		client sim.NodeID
		told   bool
		after  []version // by the client
		reads  []version
	}
	found := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		set := NewSet(nil)
		c := NewSessions(set)
		keys := []string{"x", "y", "z"}
		var log []*write
		latest := map[string]uint64{}
		wrote, reads := map[sim.NodeID][]version{}, map[sim.NodeID][]version{}
		states := map[sim.NodeID][]map[string]uint64{4: {{}}, 5: {{}}} // of each replica, one after the other
		place := map[sim.NodeID]int{}
		var told []string
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			client := sim.NodeID(rapid.IntRange(1, 3).Draw(t, "client"))
			replica := sim.NodeID(rapid.IntRange(4, 5).Draw(t, "replica"))
			key := rapid.SampledFrom(keys).Draw(t, "key")
			want := map[string]bool{}
			switch rapid.SampledFrom(strings.Fields("log log told told told read read apply apply apply")).Draw(t, "verb") {
			case "log":
				latest[key]++
				log = append(log, &write{version: version{key, latest[key]}, client: client})
			case "told":
				i := rapid.IntRange(0, max(0, len(log)-1)).Draw(t, "which")
				if i == len(log) || log[i].told {
					continue
				}
				w := log[i]
				w.told, w.after, w.reads = true, wrote[w.client], reads[w.client]
				wrote[w.client] = append(wrote[w.client], w.version)
				c.Write(w.client, w.key, w.number)
				told = append(told, fmt.Sprint(w.client, " writes ", w.version))
			case "read":
				v := version{key, states[replica][len(states[replica])-1][key]}
				for _, w := range wrote[client] {
					if w.key == key && w.number > v.number {
						want["clients read their own writes"] = true
					}
				}
				for _, r := range reads[client] {
					if r.key == key && r.number > v.number {
						want["clients never read older than before"] = true
					}
				}
				reads[client] = append(reads[client], v)
				c.Read(client, v.key, v.number)
				told = append(told, fmt.Sprint(client, " reads ", v))
			case "apply":
				i := place[replica]
				if rapid.IntRange(0, 9).Draw(t, "jump") == 0 {
					i++
				}
				if i >= len(log) {
					continue
				}
				place[replica] = i + 1
				after := map[string]uint64{}
				for _, k := range keys {
					after[k] = states[replica][len(states[replica])-1][k]
				}
				after[log[i].key] = max(after[log[i].key], log[i].number)
				states[replica] = append(states[replica], after)
				c.Apply(replica, log[i].key, log[i].number)
				told = append(told, fmt.Sprint(replica, " applies ", log[i].version))
			}

			for _, list := range wrote {
				for i, v := range list {
					for _, earlier := range list[:i] {
						if earlier.key == v.key && earlier.number >= v.number {
							want["a client's writes keep their order"] = true
						}
					}
				}
			}
			for _, w := range log {
				for _, v := range w.reads {
					if v.key == w.key && v.number >= w.number {
						want["a client's writes come after what it has read"] = true
					}
				}
				if !w.told {
					continue
				}
				for _, list := range states {
					for _, state := range list {
						if state[w.key] < w.number {
							continue
						}
						for _, v := range w.after {
							if state[v.key] < v.number {
								want["a client's writes keep their order"] = true
							}
						}
						for _, v := range w.reads {
							if state[v.key] < v.number {
								want["a client's writes come after what it has read"] = true
							}
						}
					}
				}
			}
			if v := set.Violation(); v != nil {
				_, name, _ := strings.Cut(strings.TrimSuffix(v.Property, `"`), `"`)
				found[name]++
				require.Contains(t, want, name, "%v\n%s", v, strings.Join(told, "\n"))
				return
			}
			require.Empty(t, want, "%s", strings.Join(told, "\n"))
		}
	})
	t.Log(found)
}

func BenchmarkSessions(b *testing.B) {
	set := NewSet(nil)
	c := NewSessions(set)
	keys := [16]string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"}
	b.ReportAllocs()
	for b.Loop() {
		set.Reset()
		c.Reset()
		for i := uint64(1); i <= 1000; i++ {
			key, client := keys[i%16], sim.NodeID(i%3)
			c.Read(client, key, i-1)
			for id := sim.NodeID(4); id <= 6; id++ {
				c.Apply(id, key, i)
			}
			c.Write(client, key, i)
		}
	}
	require.Equal(b, Valid, set.Result().Verdict, "%v", set.Result())
}
