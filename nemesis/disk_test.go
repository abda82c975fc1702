package nemesis

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/sim"
)

var n1, n2 = Target{Node: 1}, Target{Node: 2}

// Disk faults as they are printed and written.
func TestDiskFaultsPrint(t *testing.T) {
	var lines, printed []string
	for _, f := range []Fault{
		LoseUnsynced{Crash{Target: n1}},
		LoseUnsynced{Crash{Target: n1, Sync: sim.InsideSync}},
		TornWrite{Crash{Target: Target{Role: "leader"}, Effect: 3}},
		SyncError{Target: n1, Rate: 500_000},
		DiskFull{Target: Target{All: true}, Free: 100},
		SlowDisk{Target: n1, Factor: 64},
		BitRot{Target: n1, Place: 123_456, Mask: 16},
		MisdirectedWrite{Target: n1, Place: 500_000, From: 0},
		ReadError{Target: n1, Place: 999_999},
		Wipe{Target: n1},
	} {
		e := Event{At: 1 * s, Until: 2 * s, Fault: f}
		if kindOf(f).instant() {
			e.Until = 0
		}
		p := Plan{Seed: 1, Nodes: 3, Duration: 9 * s, Faults: []Event{e}}
		data, err := p.JSON()
		require.NoError(t, err)
		back, err := ReadPlan("p", data)
		require.NoError(t, err)
		require.Equal(t, p, back)
		_, line, _ := strings.Cut(string(data), `"fault": `)
		line, _, _ = strings.Cut(line, "}")
		lines, printed = append(lines, line+"}"), append(printed, f.String())
	}
	assert.Equal(t, []string{
		"LoseUnsynced{n1}",
		"LoseUnsynced{n1 inside sync}",
		"TornWrite{leader before effect 3}",
		"SyncError{n1 50%}",
		"DiskFull{all 100 bytes free}",
		"SlowDisk{n1 ×64}",
		"BitRot{n1 at 12.3456% mask 0x10}",
		"MisdirectedWrite{n1 from 0% to 50%}",
		"ReadError{n1 at 99.9999%}",
		"Wipe{n1}",
	}, printed)
	assert.Equal(t, []string{
		`{"kind": "lose_unsynced", "node": 1}`,
		`{"kind": "lose_unsynced", "node": 1, "sync": "inside"}`,
		`{"kind": "torn_write", "role": "leader", "effect": 3}`,
		`{"kind": "sync_error", "node": 1, "rate": 500000}`,
		`{"kind": "disk_full", "all": true, "free": 100}`,
		`{"kind": "slow_disk", "node": 1, "factor": 64}`,
		`{"kind": "bit_rot", "node": 1, "place": 123456, "mask": 16}`,
		`{"kind": "misdirected_write", "node": 1, "place": 500000, "from": 0}`,
		`{"kind": "read_error", "node": 1, "place": 999999}`,
		`{"kind": "wipe", "node": 1}`,
	}, lines)
}

func TestDiskFaultsRefuseWhatTheyCannotDo(t *testing.T) {
	for text, f := range map[string]Fault{
		"rate: 1000001 is not in the range [0, 1000000]":  SyncError{Target: n1, Rate: sim.Million + 1},
		"free: -1 is not in the range [0, 1099511627776]": DiskFull{Target: n1, Free: -1},
		"factor: 0 is not in the range [1, 100000]":       SlowDisk{Target: n1},
		"mask: 0 is not in the range [1, 255]":            BitRot{Target: n1},
		"place: 1000000 is not in the range [0, 999999]":  ReadError{Target: n1, Place: sim.Million},
		"from: -1 is not in the range [0, 999999]":        MisdirectedWrite{Target: n1, From: -1},
		"node: 4 is not a node of this 3-node cluster":    Wipe{Target: Target{Node: 4}},
	} {
		e := Event{Fault: f}
		if !kindOf(f).instant() {
			e.Until = 1 * s
		}
		require.EqualError(t, Plan{Seed: 1, Nodes: 3, Duration: 9 * s, Faults: []Event{e}}.Check(), "plan: faults[0].fault."+text)
	}
}

// Each crash leaves what it is called for, whatever the plan's disks do otherwise; damage strikes nodes that are down.
func TestDiskFaultsStrikeAndHeal(t *testing.T) {
	for _, c := range []struct {
		events []Event
		want   string
	}{
		{[]Event{{At: 1 * s, Until: 2 * s, Fault: LoseUnsynced{Crash{Target: n1}}}}, `
1.000s fault LoseUnsynced{n1}
1.000s crash n1
2.000s fault Healed LoseUnsynced{n1}
2.000s boot n1`},
		{[]Event{{At: 1 * s, Until: 2 * s, Fault: TornWrite{Crash{Target: n1, Sync: sim.InsideSync}}}}, `
1.000s fault TornWrite{n1 inside sync}
1.210s crash n1
2.000s fault Healed TornWrite{n1 inside sync}
2.000s boot n1`},
		// Whoever stopped for a failing disk is rebooted once it works again, unless it is down: then it has to wait.
		{[]Event{{At: 1 * s, Until: 2 * s, Fault: SyncError{Target: n1, Rate: 1}}}, `
1.000s fault SyncError{n1 0.0001%}
2.000s fault Healed SyncError{n1 0.0001%}
2.000s crash n1
2.000s boot n1`},
		{[]Event{{At: 1 * s, Until: 3 * s, Fault: Crash{Target: n1}}, {At: 1 * s, Until: 2 * s, Fault: DiskFull{Target: n1}}}, `
1.000s fault Crash{n1}
1.000s crash n1
1.000s fault DiskFull{n1 0 bytes free}
2.000s fault Healed DiskFull{n1 0 bytes free}
3.000s fault Healed Crash{n1}
3.000s boot n1`},
		{[]Event{{At: 1 * s, Until: 2 * s, Fault: SlowDisk{Target: n1, Factor: 2}}}, `
1.000s fault SlowDisk{n1 ×2}
2.000s fault Healed SlowDisk{n1 ×2}`},
		{[]Event{{At: 3 * s, Until: 4 * s, Fault: Wipe{Target: n1}}, {At: 5 * s, Fault: BitRot{Target: n1, Mask: 1}}}, `
3.000s fault Wipe{n1}
3.000s crash n1
4.000s fault Healed Wipe{n1}
4.000s boot n1
5.000s fault BitRot{n1 at 0% mask 0x01}`},
		{[]Event{{At: 100 * time.Millisecond, Fault: BitRot{Target: n2, Mask: 1}}, {At: 3 * s, Until: 9 * s, Fault: Crash{Target: n2}},
			{At: 4 * s, Fault: BitRot{Target: n2, Mask: 1}}, {At: 4 * s, Fault: ReadError{Target: n2}},
			{At: 4 * s, Fault: MisdirectedWrite{Target: n2}}, {At: 5 * s, Until: 6 * s, Fault: Wipe{Target: Target{Role: "second"}}}}, `
0.100s fault BitRot{n2 at 0% mask 0x01} is moot: n2 has nothing at rest that it would change
3.000s fault Crash{n2}
3.000s crash n2
4.000s fault BitRot{n2 at 0% mask 0x01}
4.000s fault ReadError{n2 at 0%} is moot: n2 has nothing at rest that it would change
4.000s fault MisdirectedWrite{n2 from 0% to 0%} is moot: n2 has nothing at rest that it would change
5.000s fault Wipe{second} is moot: n2 is down
9.000s fault Healed Crash{n2}
9.000s boot n2`},
		// What lasts for ever.
		{[]Event{{At: 1 * s, Until: Forever, Fault: LoseUnsynced{Crash{Target: n1}}}}, `
1.000s fault LoseUnsynced{n1}
1.000s crash n1`},
		{[]Event{{At: 1 * s, Until: Forever, Fault: Wipe{Target: n1}}}, `
1.000s fault Wipe{n1}
1.000s crash n1`},
		{[]Event{{At: 1 * s, Until: Forever, Fault: SyncError{Target: n1, Rate: 1}}}, `
1.000s fault SyncError{n1 0.0001%}`},
	} {
		p := Plan{Seed: 1, Nodes: 3, Duration: 10 * s, Faults: c.events, Disk: disksim.Config{SyncMin: 20 * time.Millisecond}}
		if c.events[0].Until == Forever {
			p.Core = []sim.NodeID{2, 3}
		}
		r := newRun(p)
		assert.Equal(t, strings.TrimPrefix(c.want, "\n"), strings.Join(r.faults(), "\n"))
	}
}

// A node without a disk has nothing that could fail.
func TestNoDisk(t *testing.T) {
	for _, disk := range []func(sim.NodeID) *disksim.Disk{nil, func(sim.NodeID) *disksim.Disk { return nil }} {
		w := &watch{}
		world := sim.New(sim.Config{Observer: w})
		var faults []Event
		for i, f := range []Fault{LoseUnsynced{Crash{Target: n1}}, SyncError{n1, 1}, DiskFull{n1, 1}, SlowDisk{n1, 1},
			BitRot{n1, 0, 1}, Wipe{n1}} {
			at := time.Duration(i+1) * s
			e := Event{At: at, Until: at + s, Fault: f}
			if kindOf(f).instant() {
				e.Until = 0
			}
			faults = append(faults, e)
		}
		Apply(Stage{World: world, Disk: disk}, Plan{Nodes: 1, Duration: 9 * s, Faults: faults})
		world.Add(func(sim.NodeID) sim.Node { return idle{} })
		require.True(t, world.RunUntil(clock.Time(9*s)), world.Violation())
		require.Len(t, w.told, len(faults))
		for i, told := range w.told {
			require.Equal(t, faults[i].Fault.String()+" is moot: n1 has no disk", told)
		}
	}
}

type idle struct{}

func (idle) Start(sim.Env)                            {}
func (idle) Receive(sim.Env, sim.NodeID, sim.Message) {}
func (idle) Timeout(sim.Env, sim.Timer)               {}

// Of faults of a kind that overlap the worst one counts, and healing one leaves the others.
func TestDiskFaultsOverlap(t *testing.T) {
	// Syncs begin at 300 ms, 600 ms and so on.
	syncs := func(faults ...Event) (took, failed []time.Duration) {
		r := newRun(Plan{Seed: 1, Nodes: 1, Duration: 3 * s, Disk: disksim.Config{SyncMin: 10 * time.Millisecond}, Faults: faults})
		for _, sync := range r.watch.syncs {
			took = append(took, time.Duration(sync.at)%(300*time.Millisecond)/time.Millisecond)
			if sync.err != nil {
				failed = append(failed, time.Duration(sync.at)/(300*time.Millisecond))
			}
		}
		return took, failed
	}
	took, failed := syncs(
		Event{At: 500 * time.Millisecond, Until: 2 * s, Fault: SlowDisk{n1, 3}},
		Event{At: 1000 * time.Millisecond, Until: 1600 * time.Millisecond, Fault: SlowDisk{n1, 5}},
		Event{At: 1000 * time.Millisecond, Until: 2600 * time.Millisecond, Fault: SlowDisk{n1, 2}},
	)
	assert.Equal(t, []time.Duration{10, 30, 30, 50, 50, 30, 20, 20, 10, 10}, took)
	assert.Empty(t, failed)

	// It reboots when a fault is healed, and its ticks begin anew.
	_, failed = syncs(
		Event{At: 500 * time.Millisecond, Until: 1200 * time.Millisecond, Fault: SyncError{n1, sim.Million}},
		Event{At: 500 * time.Millisecond, Until: 2100 * time.Millisecond, Fault: SyncError{n1, 0}},
		Event{At: 800 * time.Millisecond, Until: 1800 * time.Millisecond, Fault: SyncError{n1, sim.Million}},
	)
	assert.Equal(t, []time.Duration{2, 3, 5}, failed)
}

// A full disk takes what is free and no more; what is tightest counts, and the plan's own capacity stays.
func TestDiskFull(t *testing.T) {
	size := func(capacity int64, faults ...Event) int64 {
		r := newRun(Plan{Seed: 1, Nodes: 1, Duration: 3 * s, Disk: disksim.Config{Capacity: capacity}, Faults: faults})
		return r.disks[1].Used()
	}
	const chat = 4 // bytes each 300 ms
	early := Event{At: 500 * time.Millisecond, Until: 3 * s, Fault: DiskFull{n1, 6}}
	late := Event{At: 1000 * time.Millisecond, Until: 3 * s, Fault: DiskFull{n1, 1}}
	short := Event{At: 1000 * time.Millisecond, Until: 2000 * time.Millisecond, Fault: DiskFull{n1, 1}}
	tiny := Event{At: 100 * time.Millisecond, Until: 3 * s, Fault: DiskFull{n1, 0}}
	assert.EqualValues(t, 10*chat, size(0))
	assert.EqualValues(t, 5*chat, size(22))
	assert.EqualValues(t, 2*chat, size(0, early))
	assert.EqualValues(t, 2*chat, size(0, early, late))
	assert.EqualValues(t, 3*chat, size(0, late))
	assert.EqualValues(t, (3+3)*chat, size(0, short), "it reboots at 2 s")
	assert.EqualValues(t, 5*chat, size(22, short))
	assert.EqualValues(t, 0, size(0, tiny))
}
