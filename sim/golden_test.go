package sim_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/netsim"
	"github.com/seedbed-sim/seedbed/sim"
)

var update = flag.String("update", "", "write testdata/golden.txt in a new format; `why` goes into its changelog")

// golden are small worlds that are never edited: their hashes change only with
// what the engine, netsim or disksim make of them.
var golden = []struct {
	name string
	run  func(c sim.Config) *sim.World
}{
	{"ping-pong", pingPong},
	{"disk", diskAndCrashes},
	{"spawn", blockingClients},
	{"clocks", driftingClocks},
}

// TestGolden compares the hashes of the golden worlds with those of
// testdata/golden.txt. If they differ, every seed of every model means another
// run than before, and people who keep seeds must be told.
func TestGolden(t *testing.T) {
	const file = "testdata/golden.txt"
	old, err := os.ReadFile(file)
	require.NoError(t, err)
	head, hashes, ok := strings.Cut(string(old), "\n\n")
	require.True(t, ok, "%s: no empty line between changelog and hashes", file)

	var b strings.Builder
	for _, g := range golden {
		w := g.run(sim.Config{Seed: 4711, Deep: true})
		require.Nil(t, w.Violation(), g.name)
		fmt.Fprintf(&b, "%-10s steps=%-5d hash=%016x deep=%016x\n", g.name, w.Steps(), w.Hash(), w.DeepHash())
	}
	if b.String() == hashes {
		return
	}
	format := strings.Count(head, "\nformat ") + 1
	if *update == "" {
		assert.Equal(t, hashes, b.String())
		t.Fatalf("seeds mean other runs than in format %d. If that is meant, raise the format with a line in the changelog of %s:\n"+
			"  go test ./sim -run '^TestGolden$' -update 'what changed'", format-1, file)
	}
	text := fmt.Sprintf("%s\nformat %d  %s\n\n%s", head, format, *update, b.String())
	require.NoError(t, os.WriteFile(file, []byte(text), 0o666))
}

// parcel is a message with something of each shape in it.
type parcel struct {
	Hops  uint64
	Text  string
	Route []sim.NodeID
	Seen  map[sim.NodeID]uint64
}

// relay passes parcels on, and starts one now and then.
type relay struct {
	nodes int
	sent  uint64
}

func (r *relay) Start(env sim.Env) { env.SetTimer(sim.Timer{Name: "start", Key: 1}, 10*ms) }

func (r *relay) Receive(env sim.Env, from sim.NodeID, msg sim.Message) {
	p := msg.(*parcel)
	if p.Hops >= 20 {
		env.Emit(*p)
		return
	}
	next := &parcel{p.Hops + 1, fmt.Sprint(p.Text, ",", env.ID()), append([]sim.NodeID{from}, p.Route...), map[sim.NodeID]uint64{}}
	for id, n := range p.Seen {
		next.Seen[id] = n
	}
	next.Seen[env.ID()]++
	env.Send(sim.NodeID(1+env.Rand().IntN(r.nodes)), next)
}

func (r *relay) Timeout(env sim.Env, t sim.Timer) {
	r.sent++
	env.Send(env.ID()%sim.NodeID(r.nodes)+1, &parcel{Text: fmt.Sprint(t.Key)})
	env.SetTimer(sim.Timer{Name: t.Name, Key: r.sent}, time.Duration(5+env.Rand().IntN(40))*ms)
	if r.sent%3 == 0 {
		env.StopTimer(sim.Timer{Name: t.Name, Key: r.sent})
		env.SetTimer(t, 50*ms)
	}
}

// pingPong is nodes, timers and links that lose, duplicate and reorder, with a
// cut in the middle.
func pingPong(c sim.Config) *sim.World {
	net := netsim.New(c.Seed, netsim.Config{Link: netsim.Link{
		Latency: netsim.Latency{Shape: netsim.Exponential, Min: ms, Mean: 4 * ms, Max: 200 * ms},
		Loss:    20_000, Duplicate: 30_000, Reorder: 50_000, ReorderBy: 15 * ms,
	}})
	c.Network = net
	w := sim.New(c)
	defer w.Close()
	for range 5 {
		w.Add(func(sim.NodeID) sim.Node { return &relay{nodes: 5} })
	}
	w.At(at(time.Second), func() {
		heal := net.Cut(netsim.Isolate(2))
		remove := net.Install(netsim.Lossy{PPM: 300_000, On: netsim.From(4)})
		w.At(at(1500*ms), func() { heal(); remove() })
	})
	w.RunUntil(at(3 * time.Second))
	return w
}

// ledger writes what it receives, and says what it has on boot.
type ledger struct{ file sim.File }

func (l *ledger) Start(env sim.Env) {
	l.file = env.Disk().Open("ledger")
	found := make([]byte, l.file.Size())
	l.file.ReadAt(found, 0)
	env.Emit(fmt.Sprintf("%x", found))
	env.SetTimer(sim.Timer{Name: "write"}, 7*ms)
}

func (l *ledger) Receive(env sim.Env, _ sim.NodeID, msg sim.Message) {
	l.file.Append(fmt.Append(nil, msg))
	env.Disk().StartSync(sim.Timer{Name: "synced"})
}

func (l *ledger) Timeout(env sim.Env, t sim.Timer) {
	if t.Name == "synced" {
		env.Emit(fmt.Sprint("synced ", env.Disk().SyncResult(t), " ", l.file.Size()))
		return
	}
	record := make([]byte, 1+env.Rand().IntN(900))
	for i := range record {
		record[i] = byte(i)
	}
	switch env.Rand().IntN(8) {
	case 0:
		l.file.Truncate(l.file.Size() / 2)
	case 1:
		l.file.WriteAt(record, int64(env.Rand().IntN(1+int(l.file.Size()))))
	case 2:
		env.Disk().Open("mark").Append(record)
		env.Disk().Rename("mark", "mark.old")
		env.Disk().Sync()
	default:
		l.file.Append(record)
		if env.Rand().IntN(3) == 0 {
			l.file.Sync()
		}
	}
	env.Send(env.ID()%3+1, len(record))
	env.SetTimer(t, 7*ms)
}

// diskAndCrashes is three disks under crashes of every kind.
func diskAndCrashes(c sim.Config) *sim.World {
	c.Disk = func(id sim.NodeID) sim.Storage {
		return disksim.New(c.Seed, id, disksim.Config{SyncMin: ms, SyncMax: 9 * ms})
	}
	w := sim.New(c)
	defer w.Close()
	for range 3 {
		w.Add(func(sim.NodeID) sim.Node { return &ledger{} })
	}
	for i := range 60 {
		id, t := sim.NodeID(i%3+1), at(time.Duration(50+37*i)*ms)
		w.At(t, func() {
			switch i % 5 {
			case 0:
				w.CrashAtEffect(id, 1+i%4)
			case 1:
				w.CrashAtSync(id, sim.InsideSync)
			case 2:
				w.PauseAtEffect(id, 2, 30*ms)
			default:
				w.Crash(id)
			}
		})
		w.At(t.Add(25*ms), func() { w.Restart(id) })
	}
	w.RunUntil(at(3 * time.Second))
	return w
}

// blockingClients is clients in blocking style that call a server.
func blockingClients(c sim.Config) *sim.World {
	c.Network = netsim.New(c.Seed, netsim.Config{Link: netsim.Link{
		Latency: netsim.Latency{Shape: netsim.HeavyTail, Min: ms, Max: 400 * ms}, Loss: 50_000,
	}})
	w := sim.New(c)
	defer w.Close()
	w.Add(proc(func(p *sim.Proc) {
		for total := 0; ; {
			m, _ := p.Recv(sim.Forever)
			total += m.Msg.(int)
			p.Sleep(time.Duration(p.Rand().IntN(3)) * ms)
			p.Send(m.From, total)
		}
	}))
	for range 3 {
		w.Add(proc(func(p *sim.Proc) {
			for {
				n := p.Rand().IntN(10)
				op := p.Op(n)
				if total, ok := p.Call(1, n, 60*ms, nil); ok {
					op.OK(total)
				} else {
					op.Info()
				}
				p.Sleep(time.Duration(n) * ms)
			}
		}))
	}
	w.At(at(time.Second), func() { w.Crash(3) })
	w.At(at(1200*ms), func() { w.Restart(3) })
	w.RunUntil(at(3 * time.Second))
	return w
}

// driftingClocks is timers and readings of clocks that drift, jump and freeze,
// with handlers that cost time and a pause.
func driftingClocks(c sim.Config) *sim.World {
	w := sim.New(c)
	defer w.Close()
	for range 3 {
		w.Add(func(sim.NodeID) sim.Node {
			return &script{
				start: func(env sim.Env) { env.SetTimer(sim.Timer{Name: "tick"}, 20*ms) },
				timeout: func(env sim.Env, t sim.Timer) {
					env.Emit(fmt.Sprint(env.Now(), " ", env.Elapsed()))
					env.Send(env.ID()%3+1, int64(env.Now()))
					env.SetTimer(t, 20*ms)
				},
				receive: func(env sim.Env, _ sim.NodeID, msg sim.Message) { env.Emit(msg) },
			}
		})
	}
	w.Cost(2, func(kind sim.Kind, _ any) time.Duration { return time.Duration(kind) * 333 * time.Microsecond })
	clocks := func(t time.Duration, id sim.NodeID, change func(s *clock.Skew, now clock.Time)) {
		w.At(at(t), func() { w.Clock(id, change) })
	}
	clocks(100*ms, 1, func(s *clock.Skew, now clock.Time) { s.SetDrift(now, 70_001) })
	clocks(300*ms, 2, func(s *clock.Skew, _ clock.Time) { s.Jump(-time.Second) })
	clocks(500*ms, 3, func(s *clock.Skew, now clock.Time) { s.Freeze(now) })
	clocks(700*ms, 3, func(s *clock.Skew, now clock.Time) { s.Thaw(now) })
	clocks(900*ms, 1, func(s *clock.Skew, now clock.Time) { s.SetDrift(now, -123_457) })
	w.At(at(400*ms), func() { w.PauseFor(1, 150*ms) })
	w.RunUntil(at(1500 * ms))
	return w
}
