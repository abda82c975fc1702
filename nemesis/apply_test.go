package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

const s = time.Second

// Faults strike and heal in their steps, before what they do to nodes.
func TestFaultsStrikeAndHeal(t *testing.T) {
	for _, c := range []struct {
		events []Event
		want   string
	}{
		{[]Event{{At: 1 * s, Until: 2 * s, Fault: Crash{Target: Target{Node: 2}}}}, `
1.000s fault Crash{n2}
1.000s crash n2
2.000s fault Healed Crash{n2}
2.000s boot n2`},
		{[]Event{{At: 1 * s, Until: 2 * s, Fault: Pause{Target: Target{Node: 2}}}}, `
1.000s fault Pause{n2}
1.000s pause n2
2.000s fault Healed Pause{n2}
2.000s resume n2`},
		{[]Event{{At: 1 * s, Fault: Restart{Node: 2}}}, `
1.000s fault Restart{n2} is moot: n2 is up`},
		{[]Event{{At: 1 * s, Until: 2 * s, Fault: Crash{Target: Target{Role: "second"}}}, {At: 1 * s, Until: 2 * s, Fault: Pause{Target: Target{Role: "fourth"}}}}, `
1.000s fault Crash{second}
1.000s crash n2
1.000s fault Pause{fourth} is moot: nobody is fourth
2.000s fault Healed Crash{second}
2.000s boot n2`},

		{[]Event{{At: 1 * s, Until: 3 * s, Fault: Crash{Target: Target{Role: "next third"}}}, {At: 1 * s, Until: 1400 * time.Millisecond, Fault: Pause{Target: Target{Role: "next third"}}}}, `
1.400s fault Pause{next third} is moot: nobody became third
1.500s fault Crash{next third}
1.500s crash n3
3.500s fault Healed Crash{next third}
3.500s boot n3`},

		// A crash of a crashed node is not a second one, and its end brings nothing back.
		{[]Event{{At: 1 * s, Until: 3 * s, Fault: Crash{Target: Target{Node: 2}}}, {At: 2 * s, Until: 4 * s, Fault: Crash{Target: Target{Role: "second"}}}}, `
1.000s fault Crash{n2}
1.000s crash n2
2.000s fault Crash{second} is moot: n2 is down
3.000s fault Healed Crash{n2}
3.000s boot n2`},
		{[]Event{{At: 1 * s, Until: 3 * s, Fault: Crash{Target: Target{Node: 2}}}, {At: 2 * s, Fault: Restart{Node: 2}}}, `
1.000s fault Crash{n2}
1.000s crash n2
2.000s fault Restart{n2}
2.000s boot n2
3.000s fault Healed Crash{n2} is moot: n2 is up`},
		// The node is down by the second crash when the first one's time is over.
		{[]Event{{At: 1 * s, Until: 5 * s, Fault: Crash{Target: Target{Node: 2}}}, {At: 2 * s, Fault: Restart{Node: 2}}, {At: 4 * s, Until: 6 * s, Fault: Crash{Target: Target{Node: 2}}}}, `
1.000s fault Crash{n2}
1.000s crash n2
2.000s fault Restart{n2}
2.000s boot n2
4.000s fault Crash{n2}
4.000s crash n2
5.000s fault Healed Crash{n2} is moot: n2 is down by a later crash
6.000s fault Healed Crash{n2}
6.000s boot n2`},
		// What is healed at an instant is healed before anything strikes.
		{[]Event{{At: 1 * s, Until: 2 * s, Fault: Crash{Target: Target{Node: 2}}}, {At: 2 * s, Until: 3 * s, Fault: Crash{Target: Target{Node: 2}}}}, `
1.000s fault Crash{n2}
1.000s crash n2
2.000s fault Healed Crash{n2}
2.000s boot n2
2.000s fault Crash{n2}
2.000s crash n2
3.000s fault Healed Crash{n2}
3.000s boot n2`},

		// A fault that is over at once can wait as well, and tells when it has waited in vain.
		{[]Event{{At: 1 * s, Fault: BitRot{Target: Target{Role: "next third"}, Mask: 1}}, {At: 1 * s, Until: 2 * s, Fault: BitRot{Target: Target{Role: "next fourth"}, Mask: 1}}}, `
1.500s fault BitRot{next third at 0% mask 0x01}
2.000s fault BitRot{next fourth at 0% mask 0x01} is moot: nobody became fourth`},
		{[]Event{{At: 9 * s, On: Trigger{"Nothing"}, Fault: BitRot{Target: Target{Role: Emitter}, Mask: 1}}}, `
10.000s fault BitRot{emitter at 0% mask 0x01} is moot: there was no Nothing`},

		// Overlapping pauses last until the last one ends; a crash ends them all.
		{[]Event{{At: 1 * s, Until: 3 * s, Fault: Pause{Target: Target{Node: 2}}}, {At: 2 * s, Until: 4 * s, Fault: Pause{Target: Target{Node: 2}}}}, `
1.000s fault Pause{n2}
1.000s pause n2
2.000s fault Pause{n2}
3.000s fault Healed Pause{n2}
4.000s fault Healed Pause{n2}
4.000s resume n2`},
		{[]Event{{At: 1 * s, Until: 5 * s, Fault: Pause{Target: Target{Node: 2}}}, {At: 2 * s, Until: 3 * s, Fault: Crash{Target: Target{Node: 2}}}, {At: 4 * s, Until: 6 * s, Fault: Pause{Target: Target{Node: 2}}}}, `
1.000s fault Pause{n2}
1.000s pause n2
2.000s fault Crash{n2}
2.000s crash n2
3.000s fault Healed Crash{n2}
3.000s boot n2
4.000s fault Pause{n2}
4.000s pause n2
5.000s fault Healed Pause{n2} is moot: n2 has crashed
6.000s fault Healed Pause{n2}
6.000s resume n2`},
		{[]Event{{At: 1 * s, Until: 3 * s, Fault: Crash{Target: Target{Node: 2}}}, {At: 2 * s, Until: 4 * s, Fault: Pause{Target: Target{Node: 2}}}}, `
1.000s fault Crash{n2}
1.000s crash n2
2.000s fault Pause{n2} is moot: n2 is down
3.000s fault Healed Crash{n2}
3.000s boot n2`},

		// Crashes around a sync: the node syncs each 300 ms, for 20 ms.
		{[]Event{{At: 1 * s, Until: 2 * s, Fault: Crash{Target: Target{Node: 2}, Sync: sim.InsideSync}}}, `
1.000s fault Crash{n2 inside sync}
1.210s crash n2
2.000s fault Healed Crash{n2 inside sync}
2.000s boot n2`},
		// No sync comes while the node is paused: it crashes after three quarters of the window.
		{[]Event{{At: 1 * s, Until: 2 * s, Fault: Pause{Target: Target{Node: 2}}}, {At: 1 * s, Until: 2 * s, Fault: Crash{Target: Target{Node: 2}, Sync: sim.BeforeSync}}}, `
1.000s fault Pause{n2}
1.000s pause n2
1.000s fault Crash{n2 before sync}
1.750s crash n2
2.000s fault Healed Pause{n2} is moot: n2 has crashed
2.000s fault Healed Crash{n2 before sync}
2.000s boot n2`},
		// A life that began after the trap was set is not its.
		{[]Event{{At: 1 * s, Until: 3 * s, Fault: Crash{Target: Target{Node: 2}, Sync: sim.InsideSync}}, {At: 1500 * time.Millisecond, Fault: Restart{Node: 2}}}, `
1.000s fault Crash{n2 inside sync}
1.210s crash n2
1.500s fault Restart{n2}
1.500s boot n2
3.000s fault Healed Crash{n2 inside sync} is moot: n2 is up`},
	} {
		r := newRun(Plan{Seed: 1, Nodes: 3, Duration: 10 * s, Faults: c.events, Disk: disksim.Config{SyncMin: 20 * time.Millisecond}})
		assert.Equal(t, strings.TrimPrefix(c.want, "\n"), strings.Join(r.faults(), "\n"))
	}
}

// What a client states sets nothing off: it is no node of the cluster.
func TestFactsOfClients(t *testing.T) {
	p := Plan{Nodes: 2, Clients: 1, Duration: 9 * s, Faults: []Event{{At: 1 * s, On: Trigger{"stated"}, Fault: Restart{Node: 2}}}}
	for id, want := range map[sim.NodeID]string{2: "Restart{n2} is moot: n2 is up", 3: "Restart{n2} is moot: there was no stated"} {
		w := &watch{}
		world := sim.New(sim.Config{Observer: w})
		Apply(Stage{World: world}, p)
		for range p.Nodes + p.Clients {
			world.Add(func(own sim.NodeID) sim.Node { return stater{own == id} })
		}
		require.True(t, world.RunUntil(clock.Time(9*s)), world.Violation())
		require.Equal(t, []string{want}, w.told)
	}
}

// stater states a fact after two seconds, if it is to.
type stater struct{ does bool }

type stated struct{}

func (n stater) Start(env sim.Env) {
	if n.does {
		env.SetTimer(tick, 2*s)
	}
}

func (stater) Receive(sim.Env, sim.NodeID, sim.Message) {}
func (stater) Timeout(env sim.Env, _ sim.Timer)         { env.Emit(stated{}) }

// Link faults lose and duplicate what they say, and nothing before or after.
func TestLinkFaults(t *testing.T) {
	for _, c := range []struct {
		fault Fault
		// arrivals[from][to] is how many copies of each packet arrive in the window.
		arrivals [4][4]int
	}{
		{Partition{Groups: [][]sim.NodeID{{1}, {2, 3}}}, [4][4]int{2: {3: 1}, 3: {2: 1}}},
		{Partition{Groups: [][]sim.NodeID{{1}, {2}}}, [4][4]int{1: {3: 1}, 2: {3: 1}, 3: {1: 1, 2: 1}}},
		{Partition{Groups: [][]sim.NodeID{{1}, {2}, {3}}}, [4][4]int{}},
		{Partition{Groups: [][]sim.NodeID{{1}, {2, 3}}, OneWay: true}, [4][4]int{2: {1: 1, 3: 1}, 3: {1: 1, 2: 1}}},
		{Lossy{Rate: sim.Million}, [4][4]int{}},
		{Lossy{Nodes: []sim.NodeID{1}, Rate: sim.Million}, [4][4]int{2: {3: 1}, 3: {2: 1}}},
		{Duplicating{Nodes: []sim.NodeID{1}, Rate: sim.Million}, [4][4]int{1: {2: 2, 3: 2}, 2: {1: 2, 3: 1}, 3: {1: 2, 2: 1}}},
	} {
		r := newRun(Plan{Seed: 1, Nodes: 3, Duration: 10 * s, Faults: []Event{{At: 2 * s, Until: 4 * s, Fault: c.fault}}})
		whole := [4][4]int{1: {2: 1, 3: 1}, 2: {1: 1, 3: 1}, 3: {1: 1, 2: 1}}
		assert.Equal(t, whole, r.perSecond(0), "%s: before", c.fault)
		assert.Equal(t, c.arrivals, r.perSecond(2*s), "%s", c.fault)
		assert.Equal(t, whole, r.perSecond(4*s), "%s: after", c.fault)
	}
}

func TestClockFaults(t *testing.T) {
	r := newRun(Plan{Seed: 1, Nodes: 3, Duration: 10 * s, Faults: []Event{
		{At: 2 * s, Until: 6 * s, Fault: ClockDrift{Target: Target{Node: 1}, PPM: 100_000}},
		{At: 2 * s, Until: 6 * s, Fault: ClockJump{Target: Target{Node: 2}, By: 5 * s}},
		{At: 3 * s, Until: 4 * s, Fault: ClockDrift{Target: Target{Node: 1}, PPM: -50_000}},
		{At: 3 * s, Until: 4 * s, Fault: ClockJump{Target: Target{Node: 2}, By: -7 * s}},
	}})
	wall := func(id sim.NodeID, at time.Duration) time.Duration { return r.walls[id][int(at/s)] - at }
	for at, want := range map[time.Duration][2]time.Duration{
		1 * s: {0, 0},
		3 * s: {100 * time.Millisecond, -2 * s},
		4 * s: {150 * time.Millisecond, 5 * s},
		6 * s: {350 * time.Millisecond, 0},
		9 * s: {350 * time.Millisecond, 0},
	} {
		assert.Equal(t, want[0], wall(1, at), "drift at %v", at)
		assert.Equal(t, want[1], wall(2, at), "jump at %v", at)
		assert.Zero(t, wall(3, at))
	}
}

// After the end of any plan everything is as if no fault had ever been.
func TestPlansHealWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space := kvSpace()
		space.Duration = Range[time.Duration]{1 * s, 3 * s} // crowded
		p := space.Draw(rapid.Uint64().Draw(t, "seed"))
		r := newRun(p)
		for id := sim.NodeID(1); int(id) <= p.Nodes; id++ {
			require.True(t, r.world.Up(id), "%s is down", id)
			require.False(t, r.world.Paused(id), "%s is paused", id)
			var wall clock.Time
			var rate time.Duration
			r.world.Clock(id, func(s *clock.Skew, now clock.Time) {
				wall, rate = s.Wall(now), s.Elapsed(now.Add(time.Second))-s.Elapsed(now)
			})
			require.Equal(t, time.Second, rate)
			require.InDelta(t, int64(r.world.Now()), int64(wall), float64(p.Duration), "no jump is left, but what frozen clocks lost")
		}
		r.watch.deliveries = nil
		crashes := r.world.Count(sim.KindCrash)
		require.True(t, r.world.RunUntil(r.world.Now().Add(10*time.Second)))
		require.Equal(t, crashes, r.world.Count(sim.KindCrash), "no trap is left")
		arrived := map[[2]sim.NodeID]int{}
		for _, d := range r.watch.deliveries {
			arrived[[2]sim.NodeID{d.from, d.to}]++
		}
		for from := sim.NodeID(1); int(from) <= p.Nodes; from++ {
			for to := sim.NodeID(1); int(to) <= p.Nodes; to++ {
				if from != to {
					require.InDelta(t, 33, arrived[[2]sim.NodeID{from, to}], 5, "%s→%s", from, to)
				}
			}
		}
	})
}

// A plan that was printed and read again gives the seed's own run.
func TestPrintedPlanReplaysToTheSameHash(t *testing.T) {
	for seed := range uint64(30) {
		p := kvSpace().Draw(seed)
		data, err := p.JSON()
		require.NoError(t, err)
		read, err := ReadPlan("p", data)
		require.NoError(t, err)
		a, b := newRun(p).world, newRun(read).world
		require.NotZero(t, a.DeepHash())
		require.Equal(t, a.Hash(), b.Hash())
		require.Equal(t, a.DeepHash(), b.DeepHash())
	}
}

// Every fault of a plan, and its healing, is one step, moot or not.
func TestEveryKindTellsItsSteps(t *testing.T) {
	for _, k := range kinds {
		steps := 0
		for seed := range uint64(8) {
			space := faultSpace(k.Kind, 1)
			p := space.Draw(seed)
			e := p.Faults[0]
			r := newRun(p)
			want := []string{e.Fault.String()}
			if !k.instant() {
				want = append(want, "Healed "+e.Fault.String())
			}
			told := slices.DeleteFunc(slices.Clone(r.watch.told), func(s string) bool { // of its parts
				return !strings.HasPrefix(strings.TrimPrefix(s, "Healed "), e.Fault.String())
			})
			require.Len(t, told, len(want), "%s: %v", p, r.watch.told)
			for i := range want {
				require.True(t, strings.HasPrefix(told[i], want[i]), told[i])
			}
			steps += len(want)
		}
		assert.Positive(t, steps)
	}
}

// A node outside of the core that is paused, or down, for ever comes back by nothing.
func TestForeverIsForever(t *testing.T) {
	for _, c := range []struct {
		events []Event
		want   string
	}{
		{[]Event{{At: 1 * s, Until: 3 * s, Fault: Crash{Target: Target{Node: 2}}}, {At: 2 * s, Until: Forever, Fault: Pause{Target: Target{Node: 2}}}}, `
1.000s fault Crash{n2}
1.000s crash n2
2.000s fault Pause{n2} is moot: n2 is down
3.000s fault Healed Crash{n2} is moot: n2 is out for ever`},
		{[]Event{{At: 1 * s, Until: Forever, Fault: Pause{Target: Target{Node: 2}}}, {At: 2 * s, Until: 4 * s, Fault: Crash{Target: Target{Role: "second"}}}}, `
1.000s fault Pause{n2}
1.000s pause n2
2.000s fault Crash{second}
2.000s crash n2
4.000s fault Healed Crash{second} is moot: n2 is out for ever`},
		{[]Event{{At: 1 * s, Until: 3 * s, Fault: SyncError{Target: Target{Node: 2}}}, {At: 2 * s, Until: Forever, Fault: Pause{Target: Target{Node: 2}}}}, `
1.000s fault SyncError{n2 0%}
2.000s fault Pause{n2}
2.000s pause n2
3.000s fault Healed SyncError{n2 0%}
3.000s crash n2`},
		// One that waits is out once it has struck, and not before.
		{[]Event{{At: 1 * s, Until: 3 * s, Fault: SyncError{Target: n2}}, {At: 2 * s, Until: Forever, On: Trigger{"chatted"}, Fault: Pause{Target: n2}}}, `
1.000s fault SyncError{n2 0%}
2.100s fault Pause{n2}
2.100s pause n2
3.000s fault Healed SyncError{n2 0%}
3.000s crash n2`},
		{[]Event{{At: 1 * s, Until: Forever, On: Trigger{"chatted"}, Fault: Crash{Target: n2}}, {At: 1100 * time.Millisecond, Fault: Restart{Node: 2}}, {At: 2 * s, Fault: Restart{Node: 2}}}, `
1.100s fault Restart{n2} is moot: n2 is up
1.200s fault Crash{n2}
1.200s crash n2
2.000s fault Restart{n2} is moot: n2 is out for ever`},
	} {
		r := newRun(Plan{Seed: 1, Nodes: 3, Duration: 10 * s, Faults: c.events, Core: []sim.NodeID{1, 3}})
		assert.Equal(t, strings.TrimSpace(c.want), strings.Join(r.faults(), "\n"))
		assert.False(t, r.world.Up(2) && !r.world.Paused(2))
	}
}

func TestApplyRefusesInvalidPlans(t *testing.T) {
	w := sim.New(sim.Config{})
	assert.PanicsWithValue(t, "nemesis: plan: faults[0].fault.node: 4 is not a node of this 3-node cluster", func() {
		Apply(Stage{World: w}, Plan{Nodes: 3, Duration: s, Faults: []Event{{At: 0, Fault: Restart{Node: 4}}}})
	})
}

// run is a plan on a world of chatterers, until 100 ms after its end.
type run struct {
	world *sim.World
	watch *watch
	walls map[sim.NodeID][]time.Duration // the wall clock at each second
	disks map[sim.NodeID]*disksim.Disk
}

func newRun(p Plan) *run {
	r := &run{watch: &watch{}, walls: map[sim.NodeID][]time.Duration{}, disks: map[sim.NodeID]*disksim.Disk{}}
	net := netsim.New(p.Seed, netsim.Config{Link: p.Link})
	r.world = sim.New(sim.Config{
		Seed:    p.Seed,
		Network: net,
		Disk: func(id sim.NodeID) sim.Storage {
			r.disks[id] = disksim.New(p.Seed, id, p.Disk)
			return r.disks[id]
		},
		Deep:     true,
		Observer: r.watch,
	})
	roles := &Roles{}
	roles.Set("second", 2)
	r.world.At(clock.Time(1500*time.Millisecond), func() { roles.Set("third", 3) })
	disk := func(id sim.NodeID) *disksim.Disk { return r.disks[id] }
	Apply(Stage{World: r.world, Net: net, Disk: disk, Roles: roles}, p)
	for range p.Nodes {
		r.world.Add(func(sim.NodeID) sim.Node { return &chatterer{nodes: p.Nodes} })
	}
	for second := time.Duration(0); second <= p.Duration; second += s {
		r.world.RunUntil(clock.Time(second))
		for id := sim.NodeID(1); int(id) <= p.Nodes; id++ {
			r.world.Clock(id, func(s *clock.Skew, now clock.Time) {
				r.walls[id] = append(r.walls[id], time.Duration(s.Wall(now)))
			})
		}
	}
	if !r.world.RunUntil(clock.Time(p.Duration + 100*time.Millisecond)) {
		panic(r.world.Violation())
	}
	return r
}

// faults is the steps of faults, and what they did to nodes, after the first boots.
func (r *run) faults() []string {
	var lines []string
	for _, line := range r.watch.lines {
		if !strings.HasPrefix(line, "0.000s boot") {
			lines = append(lines, line)
		}
	}
	return lines
}

// perSecond is how many copies arrived of each packet that was sent in two seconds, of which each node sends six to
// every other.
func (r *run) perSecond(from time.Duration) (arrived [4][4]int) {
	for _, d := range r.watch.deliveries {
		if sent := time.Duration(d.sent); sent >= from && sent < from+2*s {
			arrived[d.from][d.to]++
		}
	}
	for i := range arrived {
		for j := range arrived[i] {
			arrived[i][j] /= 6
		}
	}
	return arrived
}

// chatterer writes, syncs and tells all others every 300 ms.
type chatterer struct{ nodes int }

type chat struct{ Sent clock.Time }

// chatted is its fact, at the end.
type chatted struct{}

var tick = sim.Timer{Name: "tick"}

func (c *chatterer) Start(env sim.Env) { env.SetTimer(tick, 300*time.Millisecond) }

func (c *chatterer) Receive(sim.Env, sim.NodeID, sim.Message) {}

func (c *chatterer) Timeout(env sim.Env, _ sim.Timer) {
	env.SetTimer(tick, 300*time.Millisecond)
	_ = env.Disk().Open("log").Append([]byte("chat")) // ErrVoid, where a trap has sprung
	for id := sim.NodeID(1); int(id) <= c.nodes; id++ {
		if id != env.ID() {
			env.Send(id, chat{env.Now()})
		}
	}
	if env.Disk().Sync() == nil {
		env.Emit(chatted{})
	}
}

// watch notes what a test asks for.
type watch struct {
	lines, told []string
	deliveries  []delivery
	syncs       []synced
}

type synced struct {
	at  clock.Time
	err any
}

type delivery struct {
	from, to sim.NodeID
	sent     clock.Time
}

func (w *watch) Step(step *sim.Step) {
	switch step.Kind {
	case sim.KindFault:
		w.told = append(w.told, fmt.Sprint(step.Payload))
		w.lines = append(w.lines, fmt.Sprintf("%s fault %s", step.At, step.Payload))
	case sim.KindCrash, sim.KindBoot, sim.KindPause, sim.KindResume:
		w.lines = append(w.lines, fmt.Sprintf("%s %s %s", step.At, step.Kind, step.Node))
	case sim.KindSync:
		w.syncs = append(w.syncs, synced{step.At, step.Payload})
	case sim.KindDeliver:
		w.deliveries = append(w.deliveries, delivery{step.Peer, step.Node, step.Payload.(chat).Sent})
	}
}

func (w *watch) Log(sim.NodeID, string) {}

func (w *watch) Settled(uint64, sim.NodeID, any) {}
