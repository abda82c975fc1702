package nemesis

import (
	"cmp"
	"encoding/binary"
	"flag"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

func kvSpace() Space {
	s := DefaultSpace("test/kv")
	s.Build = "v1"
	s.OpKinds = []OpKind{
		{Kind: "get", Weight: 4, Key: true},
		{Kind: "put", Weight: 4, Key: true, Value: true},
		{Kind: "cas", Weight: 2, Key: true, Value: true, Arg: earlierValue},
	}
	return s
}

// earlierValue is the Arg of a compare-and-set: the value of one of the last few operations on the same key that have
// one, so that some expectations come true; empty where there is none.
func earlierValue(op Op, earlier []Op, below func(n int) int) string {
	const few = 3
	skip, value := below(few), ""
	for _, o := range slices.Backward(earlier) {
		if o.Key == op.Key && o.Value != "" {
			if value = o.Value; skip == 0 {
				break
			}
			skip--
		}
	}
	return value
}

// faultSpace has many faults of a kind, of clusters of five, and no operations.
func faultSpace(kind string, count int) Space {
	s := DefaultSpace("test/faults")
	s.Nodes = Range[int]{5, 5}
	s.Faults = []FaultKind{{Kind: kind, Count: Range[int]{count, count}}}
	s.Swarm = false
	return s
}

// rapid.Check with -rapid.seed=SEED -rapid.checks=1 draws the plan of SEED.
func TestDrawIsRapidCheck(t *testing.T) {
	set := func(name, value string) {
		f := flag.Lookup(name)
		old := f.Value.String()
		require.NoError(t, f.Value.Set(value))
		t.Cleanup(func() { require.NoError(t, f.Value.Set(old)) })
	}
	set("rapid.checks", "1")
	if testing.Short() {
		set("rapid.checks", "5") // rapid does a fifth of them
	}
	s := kvSpace()
	for _, seed := range []uint64{1, 2, 4711, math.MaxInt64, 1<<63 + 5, math.MaxUint64, 0} {
		set("rapid.seed", fmt.Sprint(RapidSeed(seed)))
		checks := 0
		rapid.Check(t, func(t *rapid.T) {
			p := s.Generator().Draw(t, "plan")
			p.Seed = seed
			require.Equal(t, s.Draw(seed), p)
			checks++
		})
		assert.Equal(t, 1, checks)
	}
}

func TestDrawIsAFunctionOfTheSeed(t *testing.T) {
	s := kvSpace()
	want := make([]Plan, 50)
	for i := range want {
		want[i] = s.Draw(uint64(i))
		require.Equal(t, uint64(i), want[i].Seed)
	}
	distinct := map[string]bool{}
	for _, p := range want {
		p.Seed = 0
		distinct[p.String()] = true
	}
	assert.Len(t, distinct, len(want))

	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i, p := range want {
				assert.Equal(t, p, s.Draw(uint64(i)))
			}
		})
	}
	wg.Wait()
}

func TestDrawnPlansAreValid(t *testing.T) {
	spaces := []Space{kvSpace(), {Nodes: Range[int]{1, 1}, Duration: Range[time.Duration]{1000, 1000}}}
	for _, nodes := range []int{1, 2, 70} {
		s := kvSpace()
		s.Nodes = Range[int]{nodes, nodes}
		spaces = append(spaces, s)
	}
	for i, s := range spaces {
		for seed := range uint64(60) {
			p := s.Draw(seed)
			require.NoError(t, p.Check())
			data, err := p.JSON()
			require.NoError(t, err)
			read, err := ReadPlan("p", data)
			require.NoError(t, err)
			require.Equal(t, p, read, "space %d seed %d", i, seed)
		}
	}
}

// The start of a fault is uniform over the run: each tenth of it gets its tenth, to within 2 %.
func TestDrawnTimesAreUniform(t *testing.T) {
	const plans, each = 2000, 100
	s := faultSpace("restart", each)
	var started [10]int
	for seed := range uint64(plans) {
		p := s.Draw(seed)
		for _, e := range p.Faults {
			started[e.At/(p.Duration/10)]++
		}
	}
	for i, n := range started {
		assert.InEpsilon(t, plans*each/10, n, 0.02, "decile %d", i)
	}
}

func TestDrawnTargetsAreUniform(t *testing.T) {
	const plans, each = 3000, 25
	restarts := faultSpace("restart", each)
	var nodes, sizes, members [6]int
	for seed := range uint64(plans) {
		for _, e := range restarts.Draw(seed).Faults {
			nodes[e.Fault.(Restart).Node]++
		}
	}
	partitions := faultSpace("partition", each)
	for seed := range uint64(plans) {
		for _, e := range partitions.Draw(seed).Faults {
			if f := e.Fault.(Partition); f.OneWay {
				sizes[len(f.Groups[0])]++
				for _, id := range f.Groups[0] {
					members[id]++
				}
			}
		}
	}
	oneWay := sizes[1] + sizes[2] + sizes[3] + sizes[4]
	assert.InEpsilon(t, plans*each/3, oneWay, 0.02)
	for i := 1; i <= 5; i++ {
		assert.InEpsilon(t, plans*each/5, nodes[i], 0.06, "node %d", i) // victims make it coarse
		assert.InEpsilon(t, oneWay/2, members[i], 0.03, "member %d", i)
		if i < 5 {
			assert.InEpsilon(t, oneWay/4, sizes[i], 0.03, "size %d", i)
		}
	}
}

// In some plans, most faults strike the same node.
func TestDrawnPlansHaveVictims(t *testing.T) {
	s := faultSpace("crash", 20)
	victims := 0
	for seed := range uint64(400) {
		var struck [6]int
		for _, e := range s.Draw(seed).Faults {
			struck[e.Fault.(Crash).Node]++
		}
		if slices.Max(struck[:]) > 12 {
			victims++
		}
	}
	assert.InDelta(t, 100, victims, 25)
}

func TestDefaultSpaceIsHostile(t *testing.T) {
	s := kvSpace()
	var crashes, partitions, pauses, ops, clients []int
	kindsSeen := make([]int, len(kinds))
	const plans = 501
	for seed := range uint64(plans) {
		p := s.Draw(seed)
		count := map[string]int{}
		active := map[int]bool{}
		for _, e := range p.Faults {
			k := kindOf(e.Fault)
			count[k.Kind]++
			if k.Kind == "pause" && e.Until-e.At > time.Second {
				count["long pause"]++
			}
			require.LessOrEqual(t, e.Until, p.Duration)
		}
		for _, op := range p.Ops {
			active[op.Client] = true
		}
		for i, k := range kinds {
			if count[k.Kind] > 0 {
				kindsSeen[i]++
			}
		}
		crashes = append(crashes, count["crash"])
		partitions = append(partitions, count["partition"])
		pauses = append(pauses, count["long pause"])
		ops = append(ops, len(p.Ops))
		clients = append(clients, len(active))
	}
	median := func(n []int) int { slices.Sort(n); return n[len(n)/2] }
	assert.GreaterOrEqual(t, median(crashes), 6)
	assert.GreaterOrEqual(t, median(partitions), 3)
	assert.GreaterOrEqual(t, median(pauses), 2)
	assert.GreaterOrEqual(t, ops[0], 100)
	assert.GreaterOrEqual(t, median(clients), 3)
	for i, k := range kinds {
		for _, f := range s.Faults {
			if f.Kind == k.Kind {
				share := int(cmp.Or(f.Share, sim.Million/2))
				assert.InDelta(t, plans*share/int(sim.Million), kindsSeen[i], 70, k.Kind) // bridges need three nodes
			}
		}
	}
}

// Where a plan is long enough, some pauses are as long as the worst that garbage collectors make, and none is longer; other
// faults have less.
func TestDrawnPausesAreLong(t *testing.T) {
	s := kvSpace()
	s.Duration = Range[time.Duration]{90 * time.Second, 90 * time.Second}
	longest, pauses := map[string]time.Duration{}, 0
	for seed := range uint64(300) {
		for _, e := range s.Draw(seed).Faults {
			name := KindName(e.Fault)
			longest[name] = max(longest[name], e.Until-e.At)
			if name == "pause" && e.Until-e.At > 30*time.Second {
				pauses++
			}
		}
	}
	assert.Greater(t, pauses, 10)
	assert.Greater(t, longest["pause"], 50*time.Second)
	assert.LessOrEqual(t, longest["pause"], time.Minute)
	assert.LessOrEqual(t, longest["partition"], 24*time.Second)
}

func TestDrawnOperations(t *testing.T) {
	s := kvSpace()
	met := 0
	for seed := range uint64(50) {
		p := s.Draw(seed)
		values := map[string]string{} // key of each value so far
		for i, op := range p.Ops {
			require.Contains(t, s.Keys, op.Key)
			switch op.Kind {
			case "get":
				require.Empty(t, op.Value)
			case "cas":
				if op.Arg != "" {
					require.Equal(t, op.Key, values[op.Arg], "expects a value of its key")
					met++
				}
				fallthrough
			case "put":
				require.Equal(t, fmt.Sprintf("v%d", i+1), op.Value)
				values[op.Value] = op.Key
			}
		}
	}
	assert.Greater(t, met, 50*15)
}

func TestDrawnModelsLieBetween(t *testing.T) {
	s := kvSpace()
	heavy := netsim.Latency{Shape: netsim.HeavyTail, Min: time.Millisecond, Max: time.Second}
	s.Links = append(s.Links, Range[netsim.Link]{
		Min: netsim.Link{Latency: heavy, FIFO: true},
		Max: netsim.Link{Latency: heavy, FIFO: true, Loss: 500_000, Bandwidth: 1 << 20},
	})
	var shapes [4]int
	for seed := range uint64(200) {
		p := s.Draw(seed)
		shapes[p.Link.Latency.Shape]++
		require.Zero(t, p.ClientLink)
		r := s.Links[0]
		if p.Link.FIFO {
			r = s.Links[1]
			require.Equal(t, heavy, p.Link.Latency)
		}
		require.True(t, r.Min.Latency.Min <= p.Link.Latency.Min && p.Link.Latency.Min <= r.Max.Latency.Min)
		require.True(t, r.Min.Loss <= p.Link.Loss && p.Link.Loss <= r.Max.Loss)
		require.True(t, s.Disks[0].Min.SyncMax <= p.Disk.SyncMax && p.Disk.SyncMax <= s.Disks[0].Max.SyncMax)
	}
	assert.InDelta(t, 100, shapes[netsim.Uniform], 30)
	assert.InDelta(t, 100, shapes[netsim.HeavyTail], 30)
}

// Where a space has models of the clients' links, plans have one between two of them.
func TestDrawnClientLinks(t *testing.T) {
	s := kvSpace()
	model := func(ms time.Duration) netsim.Link {
		return netsim.Link{Latency: netsim.Latency{Shape: netsim.Constant, Min: ms * time.Millisecond}, FIFO: true}
	}
	s.ClientLinks = []Range[netsim.Link]{{model(5), model(10)}, {model(100), model(100)}}
	slow := 0
	for seed := range uint64(200) {
		l := s.Draw(seed).ClientLink
		require.True(t, l.FIFO)
		if l == model(100) {
			slow++
			continue
		}
		require.True(t, model(5).Latency.Min <= l.Latency.Min && l.Latency.Min <= model(10).Latency.Min)
	}
	assert.InDelta(t, 100, slow, 30)
}

func TestSpacesThatMakeNoSense(t *testing.T) {
	for want, bend := range map[string]func(s *Space){
		"nodes from 0 to 5":                       func(s *Space) { s.Nodes.Min = 0 },
		"clients from 3 to 2":                     func(s *Space) { s.Clients.Max = 2 },
		"a focus in 1000001 ppm of the plans":     func(s *Space) { s.Focus = sim.Million + 1 },
		"the fewest nodes in -1 ppm of the plans": func(s *Space) { s.Small = -1 },
		"a duration from 0s to 30s":               func(s *Space) { s.Duration.Min = 0 },
		"a duration from 30s to 24h0m0.001s":      func(s *Space) { s.Duration.Max = MaxDuration + time.Millisecond },
		"operations from -1 to 150":               func(s *Space) { s.Ops.Min = -1 },
		`there is no fault "meteor"`:              func(s *Space) { s.Faults[0].Kind = "meteor" },
		"fault crash: a count from 19 to 18":      func(s *Space) { s.Faults[0].Count.Min = 19 },
		"operation get: a weight of -1":           func(s *Space) { s.OpKinds[0].Weight = -1 },
		"operation get: has a key":                func(s *Space) { s.Keys = nil },
		"links from uniform 1ms–20ms":             func(s *Space) { s.Links[0].Min, s.Links[0].Max = s.Links[0].Max, s.Links[0].Min },
		"links from constant 2ns to constant 1ns": func(s *Space) {
			s.ClientLinks = []Range[netsim.Link]{{netsim.Link{Latency: netsim.Latency{Min: 2}}, netsim.Link{Latency: netsim.Latency{Min: 1}}}}
		},
		"links of two sorts":                 func(s *Space) { s.Links[0].Max.FIFO = true },
		"latency from 3ms to 2ms":            func(s *Space) { s.Links[0].Max.Latency.Min = 3 * time.Millisecond },
		"disks from sync 2ms":                func(s *Space) { s.Disks[0].Min.SyncMin = 2 * time.Millisecond },
		"fault crash: a window from -1ns to": func(s *Space) { s.Faults[0].Window.Min = -1 },
		"fault crash: a rate from 2 to 1 ppm": func(s *Space) {
			s.Faults[0].Rate = Range[sim.PPM]{2, 1}
		},
		"fault crash: jumps from 2ns to 1ns":          func(s *Space) { s.Faults[0].By = Range[time.Duration]{2, 1} },
		"fault crash: windows of up to -1 times":      func(s *Space) { s.Faults[0].Stretch = -1 },
		"fault crash: windows of up to 1000000 times": func(s *Space) { s.Faults[0].Stretch = 1_000_000 },
		"fault crash: in a share of -1 ppm":           func(s *Space) { s.Faults[0].Share = -1 },
		"a budget has a quorum and":                   func(s *Space) { s.Budget.Quorum = Majority },
		`no fault "ring" could last for ever`:         func(s *Space) { s.Budget = Budget{Majority, []string{"ring"}} },
		`no fault "meteor" could last for ever`:       func(s *Space) { s.Budget = Budget{Majority, []string{"meteor"}} },
	} {
		s := kvSpace()
		bend(&s)
		func() {
			defer func() {
				require.True(t, strings.HasPrefix(fmt.Sprint(recover()), "nemesis: space test/kv: "), want)
			}()
			assert.ErrorContains(t, s.check(), want)
			s.Generator()
		}()
	}
}

// The dice are fair, however the numbers before were drawn from the same roll.
func TestDiceAreUniform(t *testing.T) {
	for _, sides := range []int{2, 3, 5, 10, 1000, 30_000_000} {
		var below [3]int // by third of the range
		const draws = 30_000
		rapid.Custom(func(t *rapid.T) bool {
			d := dice{t: t}
			for range draws {
				d.below(3)
				n := d.below(sides)
				require.True(t, 0 <= n && n < sides)
				below[n*3/sides]++
			}
			return true
		}).Example(sides)
		for i := range below {
			share := (sides*(i+1)+2)/3 - (sides*i+2)/3
			assert.InDelta(t, float64(draws)*float64(share)/float64(sides), below[i], draws/50, "%d sides, third %d", sides, i)
		}
	}
}

// Every number is drawn as often as the statement on dice says, counted over all rolls of a few bits.
func TestDiceBias(t *testing.T) {
	const rolled = 12
	for _, n := range []int{2, 3, 5, 7, 100} {
		count := make([]int, n)
		for roll := range uint64(1 << rolled) {
			d := dice{frac: roll << (64 - rolled), left: 64} // never rolls again
			first := d.below(n)
			hi, _ := bits.Mul64(roll<<(64-rolled), uint64(n))
			require.Equal(t, int(hi), first)
			count[first]++
		}
		for i := range count {
			assert.InDelta(t, float64(int(1)<<rolled)/float64(n), count[i], 1, "%d of %d", i, n)
		}
	}
}

// What a fuzzer makes up is what the dice roll.
func TestFuzzInput(t *testing.T) {
	for _, input := range [][]byte{{}, {1}, {0, 0, 0, 0, 0, 0}, {255, 255, 255, 255, 255, 255, 7}, []byte("twelve bytes and some more")} {
		rapid.MakeFuzz(func(rt *rapid.T) {
			d := dice{t: rt}
			padded := append(slices.Clone(input), make([]byte, 12)...)
			for i := 0; i+bytesPerRoll <= len(padded); i += bytesPerRoll {
				var eight [8]byte
				copy(eight[2:], padded[i:i+bytesPerRoll])
				assert.Equal(t, binary.BigEndian.Uint64(eight[:])<<4|1, d.digits(), "%v from %d", input, i)
			}
		})(t, FuzzInput(input))
	}
}

func BenchmarkDraw(b *testing.B) {
	s := kvSpace()
	var ops, faults int
	for seed := uint64(1); b.Loop(); seed++ {
		p := s.Draw(seed)
		ops += len(p.Ops)
		faults += len(p.Faults)
	}
	b.ReportMetric(float64(ops)/float64(b.N), "ops/plan")
	b.ReportMetric(float64(faults)/float64(b.N), "faults/plan")
}

func BenchmarkCheck(b *testing.B) {
	p := kvSpace().Draw(1)
	for b.Loop() {
		if err := p.Check(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadPlan(b *testing.B) {
	data, err := kvSpace().Draw(1).JSON()
	require.NoError(b, err)
	for b.Loop() {
		if _, err := ReadPlan("p", data); err != nil {
			b.Fatal(err)
		}
	}
}

// Storms crowd moments together and leave them uniform over the run.
func TestStormsCrowdMoments(t *testing.T) {
	s := faultSpace("crash", 20)
	s.Storms = Range[int]{2, 2}
	var deciles [10]int
	const plans = 4000
	near := 0
	for seed := range uint64(plans) {
		p := s.Draw(seed)
		for i, e := range p.Faults {
			deciles[e.At*10/p.Duration]++
			if i > 0 && e.At-p.Faults[i-1].At < stormSpan/4 {
				near++
			}
		}
	}
	for i, n := range deciles {
		// Most faults of a decile come from some 800 storms, so its count has a standard deviation of about 3.5 %.
		assert.InEpsilon(t, plans*20/10, n, 0.14, "decile %d", i)
	}
	assert.Greater(t, near, plans*10, "half of the faults follow another closely")
}

// Where a space has roles, half of the faults that can strike one do.
func TestDrawnRoles(t *testing.T) {
	s := faultSpace("pause", 20)
	s.Roles = []string{"leader", "voter"}
	count := map[string]int{}
	for seed := range uint64(200) {
		for _, e := range s.Draw(seed).Faults {
			f := e.Fault.(Pause)
			if f.All {
				count["all"]++
				continue
			}
			require.Equal(t, f.Role == "", f.Node != sim.Nobody)
			count[f.Role]++
		}
	}
	assert.InDelta(t, 4000/16, count["all"], 60)
	assert.InDelta(t, 1875, count[""], 200)
	assert.InDelta(t, 937, count["leader"], 150)
}

// A swarm leaves kinds out, in half of its plans. In the others each of the three faults of a kind is there by itself, with
// the kind's share: one of two kinds is missing in an eighth and in 27 of 64.
func TestSwarm(t *testing.T) {
	s := DefaultSpace("test/swarm")
	s.Faults = []FaultKind{{Kind: "pause", Count: Range[int]{3, 3}}, {Kind: "lossy", Count: Range[int]{3, 3}, Share: sim.Million / 4}}
	s.OpKinds = []OpKind{{Kind: "a", Weight: 1}, {Kind: "b", Weight: 1}}
	const plans = 800
	var faults [2][2]int // by whether there are pauses, and losses
	alone := 0
	for seed := range uint64(plans) {
		p := s.Draw(seed)
		var there [2]int
		for _, e := range p.Faults {
			if _, ok := e.Fault.(Pause); ok {
				there[0] = 1
			} else {
				there[1] = 1
			}
		}
		faults[there[0]][there[1]]++
		ops := map[string]bool{}
		for _, op := range p.Ops {
			ops[op.Kind] = true
		}
		require.NotEmpty(t, ops)
		if len(ops) == 1 {
			alone++
		}
	}
	assert.InDelta(t, plans/2*3/8+plans/2*27/8/64, faults[0][0], 50)
	assert.InDelta(t, plans/2*1/8+plans/2*37/8/64, faults[0][1], 40)
	assert.InDelta(t, plans/2*3/8+plans/2*7*27/8/64, faults[1][0], 50)
	assert.InDelta(t, plans/2*1/8+plans/2*7*37/8/64, faults[1][1], 50)
	assert.InDelta(t, plans*2*3/16, alone, 60)
}

// Half of the plans of a space with a quorum have a core, which is enough to go on, and the others suffer for ever.
func TestDrawnCores(t *testing.T) {
	s := DefaultSpace("test/core")
	s.Nodes = Range[int]{5, 5}
	s.Budget = Budget{Majority, []string{"crash", "pause", "isolate", "partition", "lossy", "clock_freeze"}}
	cores, sizes := 0, map[int]int{}
	for seed := range uint64(400) {
		p := s.Draw(seed)
		require.NoError(t, p.Check())
		require.NoError(t, s.Beyond(p))
		lasting := map[sim.NodeID]bool{}
		for _, e := range p.Faults {
			if e.Until == Forever {
				require.Empty(t, p.passing(e.Fault))
				for id := sim.NodeID(1); id <= 5; id++ {
					if !slices.Contains(p.Core, id) && strings.Contains(e.Fault.String(), id.String()) {
						lasting[id] = true
					}
				}
			}
		}
		if len(p.Core) == 0 {
			require.Empty(t, lasting)
			continue
		}
		cores++
		sizes[len(p.Core)]++
		require.Len(t, lasting, 5-len(p.Core))
	}
	assert.InDelta(t, 200, cores, 40)
	assert.InDelta(t, 100, sizes[3], 30)
	assert.InDelta(t, 100, sizes[4], 30)
}

func TestBeyondTheBudget(t *testing.T) {
	s := DefaultSpace("test/budget")
	s.Budget = Budget{Majority, []string{"bit_rot", "isolate"}}
	rot := func(id sim.NodeID) Event { return Event{Fault: BitRot{Target: Target{Node: id}}} }
	for want, p := range map[string]Plan{
		"": {Nodes: 3, Core: []sim.NodeID{1, 2}, Faults: []Event{rot(3), {Until: Forever, Fault: Isolate{Target{Node: 3}}}}},
		"faults[0]: a bit_rot is more than it promises to survive in the core": {Nodes: 3, Core: []sim.NodeID{1, 2}, Faults: []Event{rot(1)}},
		"faults[0]: a wipe is more than it promises to survive":                {Nodes: 3, Core: []sim.NodeID{1, 2}, Faults: []Event{{Fault: Wipe{Target: Target{Node: 3}}}}},
		"core: n2 alone are not enough to go on":                               {Nodes: 3, Core: []sim.NodeID{2}},
	} {
		if err := s.Beyond(p); want == "" {
			assert.NoError(t, err)
		} else {
			assert.EqualError(t, err, want)
		}
	}
}
