package nemesis

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

// small has one fault of each kind, and each field of an operation.
func small() Plan {
	s := time.Second
	return Plan{
		Build: "v1", Scenario: "test/small", Seed: 4711, Nodes: 5, Clients: 2, Duration: 30 * s,
		Link: netsim.Link{Latency: netsim.Latency{Shape: netsim.Uniform, Min: time.Millisecond, Max: 5 * time.Millisecond}, Loss: 1234},
		Disk: disksim.Config{SyncMin: time.Millisecond, Crash: []disksim.Mode{disksim.Prefix, disksim.Sectors}},
		Faults: []Event{
			{At: 1 * s, Until: 2 * s, Fault: Crash{Target: Target{Node: 2}, Sync: sim.InsideSync}},
			{At: 1500 * time.Millisecond, Fault: Restart{Node: 2}},
			{At: 3 * s, Until: 4 * s, Fault: Pause{Target: Target{Node: 1}}},
			{At: 9 * s, Until: 12 * s, Fault: Partition{Groups: [][]sim.NodeID{{1}, {2, 3}}}},
			{At: 10 * s, Until: 12 * s, Fault: Partition{Groups: [][]sim.NodeID{{5, 4}, {1}}, OneWay: true}},
			{At: 13 * s, Until: 14 * s, Fault: Lossy{Rate: 50_000}},
			{At: 13 * s, Until: 14 * s, Fault: Duplicating{Nodes: []sim.NodeID{3}, Rate: 1_000_000}},
			{At: 15 * s, Until: 16 * s, Fault: ClockDrift{Target: Target{Node: 4}, PPM: 200}},
			{At: 15 * s, Until: 30 * s, Fault: ClockJump{Target: Target{Node: 4}, By: -250 * time.Millisecond}},
		},
		Ops: []Op{
			{At: 0, Client: 1, Kind: "put", Key: "a", Value: "v1"},
			{At: 1250 * time.Millisecond, Client: 2, Kind: "cas", Key: "a", Value: "v2", Arg: "v1"},
			{At: 29 * s, Client: 2, Kind: "scan"},
		},
	}
}

func TestPlanPrintsForPeople(t *testing.T) {
	assert.Equal(t, strings.TrimPrefix(`
test/small seed=4711: 5 nodes, 2 clients, 30s of faults (v1)
link  uniform 1ms–5ms, 0.1234% lost
disk  sync 1ms–1ms, a crash does prefix or sectors
9 faults
   1     1.000s–2.000s    Crash{n2 inside sync}
   2     1.500s           Restart{n2}
   3     3.000s–4.000s    Pause{n1}
   4     9.000s–12.000s   Partition{n1|n2,n3}
   5    10.000s–12.000s   Partition{n5,n4→n1}
   6    13.000s–14.000s   Lossy{all 5%}
   7    13.000s–14.000s   Duplicating{n3 100%}
   8    15.000s–16.000s   ClockDrift{n4 +200ppm}
   9    15.000s–30.000s   ClockJump{n4 -250ms}
3 operations
     0.000s  c1  put a v1
     1.250s  c2  cas a v2 v1
    29.000s  c2  scan
`, "\n"), small().String())
}

func TestClientsFollowTheNodes(t *testing.T) {
	assert.Equal(t, sim.NodeID(6), small().ClientNode(1))
	assert.Equal(t, "clock_jump", KindName(small().Faults[8].Fault))
}

func TestPlanPrintsAsJSON(t *testing.T) {
	want, err := os.ReadFile(filepath.Join("testdata", "small.json"))
	require.NoError(t, err)
	got, err := small().JSON()
	require.NoError(t, err)
	assert.Equal(t, string(want), string(got))

	read, err := ReadPlan("small.json", got)
	require.NoError(t, err)
	assert.Equal(t, small(), read)

	compact, err := json.Marshal(struct{ Plan Plan }{small()})
	require.NoError(t, err)
	var back struct{ Plan Plan }
	require.NoError(t, json.Unmarshal(compact, &back))
	assert.Equal(t, small(), back.Plan)
}

// Plans without a model of the clients' links have none to print; those with one have.
func TestClientLinks(t *testing.T) {
	p := small()
	p.ClientLink = netsim.Link{Latency: netsim.Latency{Shape: netsim.Constant, Min: time.Second}, FIFO: true}
	data, err := p.JSON()
	require.NoError(t, err)
	const line = "  \"client_link\": {\"latency\": \"constant\", \"min\": \"1s\", \"fifo\": true},\n"
	require.Contains(t, string(data), line)
	read, err := ReadPlan("p", data)
	require.NoError(t, err)
	require.Equal(t, p, read)
	require.Contains(t, p.String(), "lost\nclient link  constant 1s, FIFO\ndisk ")

	read, err = ReadPlan("p", []byte(strings.Replace(string(data), line, "", 1)))
	require.NoError(t, err)
	require.Equal(t, small(), read)
}

// What a plan prints reads back as it was: all plans, not only those that are drawn.
func TestPlanReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := anyPlan(t)
		data, err := p.JSON()
		require.NoError(t, err)
		read, err := ReadPlan("p", data)
		require.NoError(t, err)
		require.Equal(t, p, read)
	})
}

// The order of faults and operations in a file is free.
func TestPlanReadsInOrderOfTime(t *testing.T) {
	p := small()
	p.Faults[0], p.Faults[3] = p.Faults[3], p.Faults[0]
	require.EqualError(t, p.Check(), "plan: faults: not in order of time")

	data, err := os.ReadFile(filepath.Join("testdata", "small.json"))
	require.NoError(t, err)
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		if strings.Contains(line, `"restart"`) {
			lines[i], lines[i+1] = lines[i+1], line
			break
		}
	}
	read, err := ReadPlan("p", []byte(strings.Join(lines, "\n")))
	require.NoError(t, err)
	assert.Equal(t, small(), read)
}

func TestReadPlanErrors(t *testing.T) {
	const crash = `{"at": "1s", "until": "2s", "fault": {"kind": "crash", "node": 2, "sync": "inside"}}`
	crashes := func(until, whom string) string {
		return `{"at": "1s", ` + until + `, "fault": {"kind": "crash", ` + whom + `}}`
	}
	data, err := os.ReadFile(filepath.Join("testdata", "small.json"))
	require.NoError(t, err)
	for _, c := range []struct{ old, new, want string }{
		{`"format": 2,`, `"format": 3,`, `format: 3 is newer than what this build reads, which is up to 2`},
		{`"format": 2,`, ``, `format: missing`},
		{`"seed": "4711"`, `"seed": 4711`, `seed: want a string of digits such as "4711", got a number`},
		{`"seed": "4711"`, `"seed": "-1"`, `seed: "-1" is not a seed; write a string of digits such as "4711"`},
		{`"nodes": 5`, `"nodes": 0`, `nodes: 0 is not in the range [1, 1048576]`},
		{`"nodes": 5`, `"nodes": 5.5`, `nodes: "5.5" is not a whole number in the range [1, 1048576]`},
		{`"nodes": 5`, `"nodes": "5"`, `nodes: want a number, got a string`},
		{`"nodes": 5`, `"nodes": null`, `nodes: want a number, got null`},
		{`"nodes": 5`, `"nodes": 4`, `faults[4].fault.groups[0][0]: 5 is not a node of this 4-node cluster`},
		{`"duration": "30s"`, `"duration": "0s"`, `duration: 0s leaves no time for faults`},
		{`"duration": "30s"`, `"duration": "2000000h"`, `duration: 2000000h0m0s is longer than 24h0m0s, the most that a plan may have`},
		{`"duration": "30s"`, `"duration": "30"`, `duration: "30" is not a duration; write one such as "1.25s"`},
		{`"duration": "30s"`, `"duration": 30`, `duration: want a duration such as "1.25s", got a number`},
		{`"duration": "30s"`, `"duration": "20s"`, `faults[8].until: 30s is after the plan's end, 20s`},
		{`"latency": "uniform"`, `"latency": "normal"`,
			`link.latency: "normal" is not one of constant, uniform, exponential, heavy tail`},
		{`"max": "5ms"`, `"max": "500µs"`, `link: invalid link model: latency from 1ms to 500µs`},
		{`"loss_ppm": 1234`, `"loss_ppm": 1000001`, `link.loss_ppm: 1000001 is not in the range [0, 1000000]`},
		{`"disk": {`, `"client_link": {"latency": "uniform", "min": "2ms", "max": "1ms"}, "disk": {`,
			`client_link: invalid link model: latency from 2ms to 1ms`},
		{`"disk": {`, `"client_link": {}, "disk": {`, `client_link.latency: missing`},
		{`"loss_ppm"`, `"lost"`, `link: there is no field "lost"`},
		{`"prefix"`, `"most"`, `disk.crash[0]: "most" is not one of keep-all, lose-all, prefix, subset, pages, sectors`},
		{`"faults": [`, `"faults": {}, "later": [`, `faults: want a list, got an object`},
		{`"faults": [`, `"core": [], "faults": [`, `core: nobody is in it; leave it out where all nodes are`},
		{`"faults": [`, `"core": [1, 9], "faults": [`, `core[1]: 9 is not a node of this 5-node cluster`},
		{`"faults": [`, `"core": [1, 1], "faults": [`, `core[1]: node 1 is named twice`},
		{`"faults": [`, `"buggify": {"sites_ppm": 1}, "faults": [`, `buggify.visits_ppm: missing`},
		{crash, crashes(`"until": "forever"`, `"node": 2`),
			`faults[0].until: Crash{n2} cannot last for ever: the plan has no core that could do without`},
		{`"faults": [` + "\n    " + crash, `"core": [2], "faults": [` + crashes(`"until": "forever"`, `"node": 2`),
			`faults[0].until: Crash{n2} cannot last for ever: n2 is in the core`},
		{`"faults": [` + "\n    " + crash, `"core": [1], "faults": [` + crashes(`"until": "forever"`, `"role": "leader"`),
			`faults[0].until: Crash{leader} cannot last for ever: the role may be that of a node in the core`},
		{`"faults": [` + "\n    " + crash, `"core": [1], "faults": [` + crashes(`"until": "forever"`, `"node": 2`),
			`faults[1]: Restart{n2} contradicts the plan: by then n2 is out for ever`},
		{crash, crashes(`"until": "2s"`, `"role": "emitter"`),
			`faults[0].fault: there is an emitter only with a fact to wait for, in on`},
		{crash, crashes(`"until": "2s", "on": {"fact": "F"}`, `"role": "next leader"`),
			`faults[0].fault: it waits for the next leader, and in on for a fact; it can wait for one of them only`},
		{crash, crashes(`"until": "2s", "on": {"fact": ""}`, `"node": 2`), `faults[0].on.fact: a fact without a name`},
		{crash, crashes(`"until": "2s"`, `"node": 2, "effect": 0`), `faults[0].fault.effect: 0 is not in the range [1, 1000000]`},
		{`{"at": "1.5s", "fault": {"kind": "restart"`, `{"at": "1.5s", "until": "1s", "on": {"fact": "F"}, "fault": {"kind": "restart"`,
			`faults[1].until: 1s is not after at, 1.5s`},
		{`{"at": "1.5s", "fault": {"kind": "restart"`, `{"at": "1.5s", "until": "forever", "on": {"fact": "F"}, "fault": {"kind": "restart"`,
			`faults[1].until: a restart waits to an end; leave it out for that of the plan`},
		{`"faults": [`, `"faults": [` + crashes(`"until": "3s"`, `"node": 4`) + `, {"at": "2s", "until": "4s", "fault": {"kind": "crash", "node": 4}},`,
			`faults[1]: Crash{n4} contradicts the plan: n4 is down then, from 1s to 3s`},
		{`"faults": [` + "\n    " + crash, `"core": [1], "faults": [` + `{"at": "1s", "until": "forever", "fault": {"kind": "pause", "node": 2}}`,
			`faults[1]: Restart{n2} contradicts the plan: by then n2 is out for ever`},
		{`"faults": [` + "\n    " + crash, `"core": [1], "faults": [` + crashes(`"until": "forever"`, `"node": 5`) +
			`, {"at": "1.2s", "until": "3s", "fault": {"kind": "rolling_restart", "nodes": [1, 5], "down": "1s"}}`,
			`faults[1]: RollingRestart{n1,n5, 1s each} contradicts the plan: by then n5 is out for ever`},
		{crash, crashes(`"until": "2s"`, `"role": "leader", "node": 2`), `faults[0].fault.node: what it strikes is one of node, role and all, not several`},
		{crash, crashes(`"until": "2s"`, `"role": "leader", "all": true`), `faults[0].fault: what it strikes is one of node, role and all, not several`},
		{crash, crashes(`"until": "2s"`, `"role": "next "`), `faults[0].fault.role: a role without a name`},
		{crash, `{"at": "1s", "until": "2s", "fault": {"kind": "swizzle_clog", "nodes": [1, 2], "release": [1, 3]}}`,
			`faults[0].fault.release: it has not the same nodes as nodes, n1,n2`},
		{crash, `{"at": "1s", "until": "2s", "fault": {"kind": "bridge", "left": [1], "bridge": [1], "right": [3]}}`,
			`faults[0].fault.bridge[0]: node 1 is named twice`},
		{crash, `{"at": "1s", "until": "2s", "fault": {"kind": "ring", "nodes": [1, 2]}}`, `faults[0].fault.nodes: a ring has three nodes or more`},
		{crash, `{"at": "1s", "until": "2s", "fault": {"kind": "heavy_tail", "ppm": 1, "by": "1ms"}}`, `faults[0].fault.by: 1ms is not 2ms or more`},
		{crash, `{"at": "1s", "until": "2s", "fault": {"kind": "flaky", "up": "1s", "down": "0s"}}`, `faults[0].fault.down: 0s is no time`},
		{crash, `{"at": "1s", "until": "2s", "fault": {"kind": "rolling_restart", "nodes": [], "down": "1s"}}`, `faults[0].fault.nodes: nobody restarts`},
		{`{"at": "1s",`, `{"at": "-1s",`, `faults[0].at: -1s is negative`},
		{`{"at": "1s",`, `{"at": "31s",`, `faults[0].at: 31s is not before the plan's end, 30s`},
		{`"until": "2s"`, `"until": "1s"`, `faults[0].until: 1s is not after at, 1s`},
		{`"until": "2s"`, `"until": "900ms"`, `faults[0].until: 900ms is not after at, 1s`},
		{`"until": "2s", `, ``, `faults[0].until: missing; a crash has an end`},
		{`"at": "1.5s"`, `"at": "1.5s", "until": "2s"`, `faults[1].until: a restart is over at once`},
		{`"kind": "pause"`, `"kind": "meteor"`, `faults[2].fault.kind: "meteor" is not a kind of fault; there are ` +
			strings.Join(FaultNames(), ", ")},
		{`"kind": "pause", `, ``, `faults[2].fault.kind: missing`},
		{`"kind": "pause", "node": 1`, `"kind": "pause", "node": 7`, `faults[2].fault.node: 7 is not a node of this 5-node cluster`},
		{`"kind": "pause", "node": 1`, `"kind": "pause", "node": 0`, `faults[2].fault.node: 0 is not a node of this 5-node cluster`},
		{`"kind": "pause", "node": 1`, `"kind": "pause", "node": "n1"`, `faults[2].fault.node: want a node's number, such as 1, got a string`},
		{`"kind": "pause", "node": 1`, `"kind": "pause"`, `faults[2].fault.node: missing`},
		{`"kind": "pause", "node": 1`, `"kind": "pause", "node": 1, "why": ""`, `faults[2].fault: there is no field "why"`},
		{`"inside"`, `"during"`, `faults[0].fault.sync: "during" is not one of before, inside, after`},
		{`[[1], [2, 3]]`, `[[1], [2, 1]]`, `faults[3].fault.groups[1][1]: node 1 is named twice`},
		{`[[1], [2, 3]]`, `[[1], []]`, `faults[3].fault.groups[1]: a group without nodes`},
		{`[[1], [2, 3]]`, `[[1]]`, `faults[3].fault.groups: a partition has two groups or more`},
		{`[[5, 4], [1]]`, `[[5], [4], [1]]`, `faults[4].fault.one_way: a one-way partition has two groups`},
		{`"one_way": true`, `"one_way": 1`, `faults[4].fault.one_way: want true or false, got a number`},
		{`"ppm": 200`, `"ppm": -1000000`, `faults[7].fault.ppm: -1000000 is not in the range [-999999, 1000000]`},
		{`"client": 1`, `"client": 3`, `ops[0].client: 3 is not one of the plan's 2 clients`},
		{`"client": 1`, `"client": 0`, `ops[0].client: 0 is not in the range [1, 1048576]`},
		{`"at": "29s"`, `"at": "30s"`, `ops[2].at: 30s is not before the plan's end, 30s`},
		{`"kind": "scan"`, `"kind": null`, `ops[2].kind: want a string, got null`},
		{`"kind": "scan"`, `"kind": "scan", "kind": ""`, `line 25: field "kind" is there twice`},
		{`"kind": "scan"`, `kind: "scan"`, `line 25: invalid character 'k' looking for beginning of object key string`},
		{`"scan"}`, `"scan"},`, `line 26: invalid character ']' looking for beginning of value`},
		{`"ops": [`, `"ops": [[[[[[[[[[[[[[[[[`, `line 22: nested deeper than any plan`},
		{"]\n}", "]", `line 27: it ends too early`},
		{"]\n}", "]\n}\n{}", `line 28: there is more after the end`},
		{`"scan"`, "\"\xff\"", `not UTF-8 text`},
	} {
		edited := strings.Replace(string(data), c.old, c.new, 1)
		require.NotEqual(t, string(data), edited, c.old)
		_, err := ReadPlan("plan.json", []byte(edited))
		if assert.Error(t, err, c.new) {
			assert.Equal(t, "plan.json: "+c.want, err.Error(), c.new)
		}
	}
}

// A node that is down cannot crash, by whatever kind of crash. Errors tell where the second fault stands in the file.
func TestCrashesOfOneNodeContradict(t *testing.T) {
	const lost, torn, wiped, crash = `"kind": "lose_unsynced", "node": 1`, `"kind": "torn_write", "node": 1`, `"kind": "wipe", "node": 1`, `"kind": "crash", "node": 1`
	for _, c := range []struct {
		faults []string // at, until (or none) and the rest, of a plan of three nodes
		want   string   // empty: no contradiction
	}{
		{[]string{"1s 3s " + lost, "2s 4s " + crash}, "faults[1]: Crash{n1}"},
		{[]string{"1s 3s " + crash, "2s 4s " + lost}, "faults[1]: LoseUnsynced{n1}"},
		{[]string{"1s 3s " + torn, "2s 4s " + lost}, "faults[1]: LoseUnsynced{n1}"},
		{[]string{"1s 3s " + wiped, "2s 4s " + torn}, "faults[1]: TornWrite{n1}"},
		{[]string{"1s 3s " + crash, "2s 4s " + wiped}, "faults[1]: Wipe{n1}"},
		{[]string{"1s 3s " + wiped, "1s 4s " + wiped}, "faults[1]: Wipe{n1}"},
		{[]string{"1s 3s " + crash, "2s 4s " + torn + `, "sync": "inside"`}, "faults[1]: TornWrite{n1 inside sync}"},
		{[]string{"1s 3s " + crash, "2s 4s " + crash + `, "effect": 2`}, "faults[1]: Crash{n1 before effect 2}"},
		{[]string{"1s 3s " + `"kind": "crash", "all": true`, "2s 4s " + lost}, "faults[1]: LoseUnsynced{n1}"},
		// The index is that of the file: it is 2 in order of time.
		{[]string{"9s 10s " + crash, "2s 4s " + wiped, "1s - " + `"kind": "restart", "node": 2`, "1s 3s " + crash}, "faults[1]: Wipe{n1}"},
		// One that waits strikes in vain if it cannot come to wait for longer.
		{[]string{"1s 3s " + crash, "2s 3s " + crash + `}, "on": {"fact": "F"`}, "faults[1]: Crash{n1}"},
		{[]string{"1s 3s " + crash, "2s 4s " + crash + `}, "on": {"fact": "F"`}, ""},
		{[]string{"1s 3s " + crash, "3s 4s " + wiped}, ""},
		{[]string{"1s 3s " + crash, "1500ms - " + `"kind": "restart", "node": 1`, "2s 4s " + wiped}, ""},
		{[]string{"1s 3s " + crash, `2s 4s "kind": "wipe", "node": 2`}, ""},
		{[]string{"1s 3s " + crash, `2s 4s "kind": "crash", "all": true`}, ""},
		// It comes to a sync by then, or not.
		{[]string{"1s 3s " + lost + `, "sync": "before"`, "2s 4s " + crash}, ""},
		{[]string{"1s 3s " + `"kind": "wipe", "role": "leader"`, "2s 4s " + `"kind": "wipe", "role": "leader"`}, ""},
	} {
		var lines []string
		for _, f := range c.faults {
			parts := strings.SplitN(f, " ", 3)
			until := `"until": "` + parts[1] + `", `
			if parts[1] == "-" {
				until = ""
			}
			lines = append(lines, `{"at": "`+parts[0]+`", `+until+`"fault": {`+parts[2]+`}}`)
		}
		_, err := ReadPlan("p", []byte(`{"format": 2, "scenario": "x", "seed": "1", "nodes": 3, "clients": 0, "duration": "20s",
			"link": {"latency": "constant"}, "disk": {}, "faults": [`+strings.Join(lines, ", ")+`], "ops": []}`))
		if c.want == "" {
			require.NoError(t, err, c.faults)
		} else {
			require.ErrorContains(t, err, "p: "+c.want+" contradicts the plan: n1 is down then, from 1s to 3s", c.faults)
		}
	}
}

func TestCheckRefusesWhatJSONCannotSay(t *testing.T) {
	p := small()
	p.Faults[0].Fault = nil
	assert.EqualError(t, p.Check(), "plan: faults[0].fault: <nil> is no fault of this package")
	p.Faults[0].Fault = &Crash{Target: Target{Node: 1}}
	assert.EqualError(t, p.Check(), "plan: faults[0].fault: *nemesis.Crash is no fault of this package")
	p = small()
	p.Faults[0].Fault = Crash{Target: Target{Node: 1}, Sync: 9}
	assert.EqualError(t, p.Check(), `plan: faults[0].fault.sync: "" is not one of before, inside, after`)
	p = small()
	p.Ops[0].Value = "\xff"
	assert.EqualError(t, p.Check(), `plan: ops[0].value: "\xff" is not UTF-8`)
	p = small()
	p.Nodes = 0
	_, err := p.JSON()
	assert.EqualError(t, err, `plan: nodes: 0 is not in the range [1, 1048576]`)
}

// No list of nodes has one twice, whatever the kind of fault.
func TestListsOfNodesHaveNoRepeats(t *testing.T) {
	a := []sim.NodeID{1, 2, 1}
	for want, f := range map[string]Fault{
		"groups[0][2]": Partition{Groups: [][]sim.NodeID{a, {3}}},
		"groups[1][0]": Partition{Groups: [][]sim.NodeID{{1, 2}, {2, 3}}},
		"left[2]":      Bridge{a, []sim.NodeID{3}, []sim.NodeID{4}},
		"right[0]":     Bridge{[]sim.NodeID{1}, []sim.NodeID{2}, []sim.NodeID{1}},
		"release[2]":   SwizzleClog{Nodes: []sim.NodeID{1, 2}, Release: a},
		"nodes[2]":     SwizzleClog{Nodes: a, Release: a},
		"nodes[2] ":    Ring{a},
		"nodes[2]  ":   RollingRestart{Nodes: a, Down: s},
	} {
		p := Plan{Nodes: 5, Duration: 9 * s, Faults: []Event{{At: 1 * s, Until: 2 * s, Fault: f}}}
		require.ErrorContains(t, p.Check(), "plan: faults[0].fault."+strings.TrimSpace(want)+": node ")
		require.ErrorContains(t, p.Check(), " is named twice")
	}
	for _, f := range []Fault{Clog{a}, Lossy{Nodes: a}, Duplicating{Nodes: a}, Reordering{Nodes: a}, HeavyTail{Nodes: a, By: s}, Slow{Nodes: a}, Flaky{a, 1, 1}} {
		p := Plan{Nodes: 5, Duration: 9 * s, Faults: []Event{{At: 1 * s, Until: 2 * s, Fault: f}}}
		require.EqualError(t, p.Check(), "plan: faults[0].fault.nodes[2]: node 1 is named twice", f)
	}
}

// A file without an end is not read to it.
func TestReadAll(t *testing.T) {
	_, err := ReadAll("/dev/zero", endless{})
	require.EqualError(t, err, "/dev/zero: longer than 64 MiB, which is more than any plan")
	_, err = ReadAll("p", iotest.ErrReader(errors.New("no more")))
	require.EqualError(t, err, "no more")
	data, err := ReadAll("p", strings.NewReader("{}"))
	require.NoError(t, err)
	require.Equal(t, "{}", string(data))
	_, err = ReadPlan("p", make([]byte, MaxBytes+1))
	require.EqualError(t, err, "p: longer than 64 MiB, which is more than any plan")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func FuzzReadPlan(f *testing.F) {
	for _, p := range []Plan{small(), kvSpace().Draw(1), {Nodes: 1, Duration: 1}} {
		data, err := p.JSON()
		require.NoError(f, err)
		f.Add(data)
		f.Add(data[:len(data)/2])
	}
	for _, text := range []string{
		``, `null`, `{}`, `[1}`, `{"format": 1e400}`, `{"format": 2, "scenario": "\ud800", "seed": "18446744073709551616"}`,
		strings.Repeat(`[`, 100), strings.Repeat(`{"faults":`, 100), `{1: 2}`, `{"a" "b"}`, `{"a": 1,}`, "{\"\n\": 1}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := ReadPlan("p", data)
		if err != nil {
			require.True(t, strings.HasPrefix(err.Error(), "p: "))
			require.NotContains(t, err.Error(), "\n")
			return
		}
		printed, err := p.JSON()
		require.NoError(t, err)
		again, err := ReadPlan("p", printed)
		require.NoError(t, err)
		require.Equal(t, p, again)
		require.NotEmpty(t, p.String())
	})
}

// anyPlan has any value that is valid in each field.
func anyPlan(t *rapid.T) Plan {
	text := rapid.OneOf(rapid.String(), rapid.Just(""))
	span := func(hi time.Duration, label string) time.Duration {
		return time.Duration(rapid.Int64Range(0, int64(hi)).Draw(t, label))
	}
	p := Plan{
		Build:    text.Draw(t, "build"),
		Scenario: text.Draw(t, "scenario"),
		Seed:     rapid.Uint64().Draw(t, "seed"),
		Nodes:    rapid.IntRange(2, 9).Draw(t, "nodes"),
		Clients:  rapid.IntRange(1, 5).Draw(t, "clients"),
		Duration: 1 + span(time.Hour, "duration"),
		Link:     anyLink(t),
		Disk: disksim.Config{
			SyncMin:  span(time.Second, "sync min"),
			SyncMax:  span(time.Second, "sync max"),
			Capacity: rapid.Int64Min(0).Draw(t, "capacity"),
		},
	}
	if rapid.Bool().Draw(t, "client link") {
		p.ClientLink = anyLink(t)
	}
	for range rapid.IntRange(0, 3).Draw(t, "crash modes") {
		m := rapid.IntRange(int(disksim.KeepAll), int(disksim.Sectors)).Draw(t, "mode")
		p.Disk.Crash = append(p.Disk.Crash, disksim.Mode(m))
	}
	times := rapid.SliceOfN(rapid.Int64Range(0, int64(p.Duration)-1), 0, 20).Draw(t, "times")
	byTime(&codec{in: &value{}}, times, func(at int64) time.Duration { return time.Duration(at) })
	for _, at := range times {
		if at := time.Duration(at); rapid.Bool().Draw(t, "operation") {
			p.Ops = append(p.Ops, Op{at, rapid.IntRange(1, p.Clients).Draw(t, "client"),
				text.Draw(t, "kind"), text.Draw(t, "key"), text.Draw(t, "value"), text.Draw(t, "arg")})
			continue
		} else {
			fit := slices.DeleteFunc(slices.Clone(kinds), func(k kind) bool { return k.nodes > p.Nodes })
			k := rapid.SampledFrom(fit).Draw(t, "kind of fault")
			e := Event{At: at, Fault: k.draw(&drawing{dice: dice{t: t}, plan: &p}, k.FaultKind)}
			if !k.instant() {
				e.Until = at + 1 + span(p.Duration-at-1, "window")
			}
			p.Faults = append(p.Faults, e)
		}
	}
	o := p.outages()
	p.Faults = slices.DeleteFunc(p.Faults, func(e Event) bool { return o.refuse(e) != "" })
	return p
}

func anyLink(t *rapid.T) netsim.Link {
	ppm := rapid.Map(rapid.Int64Range(0, int64(sim.Million)), func(n int64) sim.PPM { return sim.PPM(n) })
	span := rapid.Map(rapid.Int64Range(1, int64(time.Hour)), func(n int64) time.Duration { return time.Duration(n) })
	l := netsim.Link{
		Loss: ppm.Draw(t, "loss"), Duplicate: ppm.Draw(t, "duplicate"),
		Reorder: ppm.Draw(t, "reorder"), ReorderBy: span.Draw(t, "by"),
		Bandwidth: rapid.Int64Min(0).Draw(t, "bandwidth"),
		FIFO:      rapid.Bool().Draw(t, "FIFO"), RetransmitAfter: span.Draw(t, "after"),
	}
	l.Latency.Shape = netsim.Shape(rapid.IntRange(0, int(netsim.HeavyTail)).Draw(t, "shape"))
	l.Latency.Min = span.Draw(t, "min")
	l.Latency.Max = l.Latency.Min + span.Draw(t, "max")
	l.Latency.Mean = span.Draw(t, "mean")
	l.Latency.Alpha = rapid.Int64Range(100, 3000).Draw(t, "alpha")
	return l
}
