package checkers

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/sim"
)

// agree judges the partitions of a history by one pass, and without a search, and holds both to what a search says.
func agree(t require.TestingT, m Model, ops []*sim.Op, found map[string]int) {
	for _, p := range partition(&m, ops) {
		if p.known == 0 {
			continue
		}
		s := newSearch(&m, p.calls)
		s.budget = 1e6
		valid, _ := s.porcupine(false)
		require.Positive(t, s.budget)
		if r, ok := p.decide(&m); ok {
			require.Equal(t, valid, r.Verdict == Valid, "%v\n%v", r, ops)
			found[r.Anomaly]++
		}
		for th, name := range []string{"fewest", "exact", "lavish"} {
			f := newPass(s, thrift(th), 1e6)
			stuck, ok := f.run()
			switch {
			case !ok: // one Append may lead to ever more states
				require.Equal(t, lavish, f.thrift)
				found[name+", gave up"]++
			case stuck >= 0 && f.thrift != fewest:
				require.False(t, valid, "%v\n%v", f.refuse("", stuck), ops)
				found[name+", no way"]++
			case stuck < 0 && f.thrift != lavish:
				require.True(t, valid, "%v", ops)
				require.True(t, inOrder(s, f.order()), "%v", ops)
				found[name+", a way"]++
			case stuck < 0 != valid:
				found[name+", misled"]++
			}
		}
	}
}

// inOrder tells whether an order has all known outcomes, each at a time when it can be, and is one that the model accepts.
func inOrder(s *search, order []int) bool {
	state, ok := s.model.Init, true
	now := uint64(0)
	placed := make([]bool, len(s.calls))
	for _, i := range order {
		c := &s.calls[i]
		if now = max(now, c.from); placed[i] || now > c.ret {
			return false
		}
		placed[i] = true
		if state, ok = s.step(state, c); !ok {
			return false
		}
	}
	for i := range s.calls {
		if !placed[i] && !s.calls[i].unseen() {
			return false
		}
	}
	return true
}

// TestPassAgreesWithTheSearch judges small histories in all ways.
func TestPassAgreesWithTheSearch(t *testing.T) {
	for name, c := range map[string]struct {
		model Model
		gen   func(t *rapid.T) []*sim.Op
	}{
		"register":          {RegisterModel(), histories("get", "put")},
		"cas register":      {CASRegisterModel(), histories("get", "put", "cas", "cas")},
		"key-value":         {KVModel(), histories("get", "put", "cas", "delete", "append")},
		"key-value, pieces": {KVModel(), histories("get", "get", "put;", "append;", "delete", "cas;")},
		"log":               {LogModel(), histories("log", "log", "read")},
	} {
		t.Run(name, func(t *testing.T) {
			found := make(map[string]int)
			for seed := range int(tries(3000)) {
				agree(t, c.model, rapid.Custom(c.gen).Example(seed), found)
			}
			t.Log(found)
			for _, name := range []string{"fewest, a way", "exact, a way", "exact, no way", "lavish, no way"} {
				require.Greater(t, uint64(found[name]), tries(100), name)
			}
		})
	}
}

// TestPassAgreesOnSwaps is about histories that work but for outputs that have changed places.
func TestPassAgreesOnSwaps(t *testing.T) {
	found := make(map[string]int)
	for seed := range tries(5000) {
		ops := casLoad(seed, 8+int(seed%8), 3, int(seed%5), 2+int(seed%4))
		spoil(ops, seed, int(seed%3))
		agree(t, CASRegisterModel(), ops, found)
	}
	t.Log(found)
	for _, name := range []string{"fewest, a way", "exact, a way", "exact, no way", "lavish, no way", "future read"} {
		require.Greater(t, uint64(found[name]), tries(20), name)
	}
}

// TestLongSwaps judges long histories with many unknown outcomes, of which one search after another runs out of its budget.
func TestLongSwaps(t *testing.T) {
	m := CASRegisterModel()
	m.Budget = 1e6
	ops := casLoad(1, 20_000, 5, 59, 5)
	p := partition(&m, ops)[0]
	f := p.judge(&m)
	require.Equal(t, Valid, f.Verdict, f.Detail)
	require.IsType(t, &pass{}, f.found)
	require.True(t, inOrder(f.search, f.found.order()))

	ops = casLoad(1, 20_000, 5, 59, 100)
	spoil(ops[10_000:], 1, 1)
	r := Linearizable(m, ops)
	require.Equal(t, Invalid, r.Verdict, r.Detail)
	require.Equal(t, "not linearizable", r.Anomaly)
	require.Contains(t, r.Detail, `get → "75" of n3 (steps 33571–33582) has no place: at its end the state can only be "31" or "2" or`)
	require.Len(t, r.Ops, 1)

	ops = casLoad(1, 20_000, 5, 59, 5)
	for _, op := range ops[10_000:] {
		if _, ok := op.Output.(Value); ok {
			op.Output = Value{"9", true}
			break
		}
	}
	r = Linearizable(m, ops)
	require.Equal(t, "phantom read", r.Anomaly)
}

// TestGroundless names what cannot have been there.
func TestGroundless(t *testing.T) {
	for _, c := range []struct{ ops, detail string }{
		{"1- n1 cas x a b info\n 2-3 n2 get x -> b", `key x: get x → "b" of n2 (steps 2–3) reads what nobody wrote`},
		{"1- n1 cas x a b info\n 2-3 n2 get x -> b\n 4- n3 put x a info",
			`key x: get x → "b" of n2 (steps 2–3) is over before put x "a" of n3 (steps 4…), without which cas x "a" to "b" of n1 (steps 1…) has no effect`},
		{"1-2 n1 append x a;\n 3-4 n2 get x -> a;b;\n 5-6 n1 append x b;",
			`key x: get x → "a;b;" of n2 (steps 3–4) is over before append x "b;" of n1 (steps 5–6)`},
		{"1-2 n1 append x a;\n 3-4 n2 get x -> a;b", `key x: get x → "a;b" of n2 (steps 3–4) reads what nobody wrote`},
		{"1-2 n1 append x aa\n 3-4 n2 get x -> c", ""}, // any piece may be of a longer text
	} {
		m := KVModel()
		r, _ := decideKey("key x: ", partition(&m, history(t, c.ops))[0].calls)
		require.Equal(t, c.detail, r.Detail)
	}
}

// casLoad is what clients do to a compare-and-set register that works, of few values: n operations, of which so many Puts
// and CASes are of unknown outcome.
func casLoad(seed uint64, n, clients, unknown, values int) []*sim.Op {
	return realistic(seed, n, clients, unknown, func(r *rand.Rand, _ int, unknown bool) any {
		text := func() string { return fmt.Sprint(r.IntN(values)) }
		switch k := r.IntN(3); {
		case k == 0 && !unknown:
			return Get{}
		case k == 1:
			return Put{"", text()}
		default:
			return CAS{"", text(), text()}
		}
	})
}

// spoil lets the outputs of some reads be those of others.
func spoil(ops []*sim.Op, seed uint64, n int) {
	r := rand.New(rand.NewPCG(seed, 4))
	var reads []*sim.Op
	for _, op := range ops {
		if _, ok := op.Output.(Value); ok {
			reads = append(reads, op)
		}
	}
	for range min(n, len(reads)) {
		a, b := reads[r.IntN(len(reads))], reads[r.IntN(len(reads))]
		a.Output, b.Output = b.Output, a.Output
	}
}
