package wal_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/wal"
)

// writer is a node that appends batches and says when they are durable.
type writer struct {
	log   *wal.Log
	syncs uint64
}

type (
	found   struct{ next uint64 } // after a boot
	written struct{ lsn uint64 }  // all up to here was appended
	durable struct{ lsn uint64 }
)

var (
	tick   = sim.Timer{Name: "tick"}
	synced = "synced"
)

func (n *writer) Start(env sim.Env) {
	log, err := wal.Open(env.Disk(), "log", small)
	if err != nil {
		panic(err) // no fault of this world may cause it
	}
	n.log = log
	lsn := log.First()
	for got, rec := range log.All(0) {
		if got != lsn || string(rec) != text(lsn) {
			panic(fmt.Sprintf("record %d is %q", got, rec))
		}
		lsn++
	}
	env.Emit(found{lsn})
	env.SetTimer(tick, time.Millisecond)
}

func (n *writer) Receive(sim.Env, sim.NodeID, sim.Message) {}

func (n *writer) Timeout(env sim.Env, t sim.Timer) {
	if t.Name == synced {
		if n.log.Synced(t) == nil {
			env.Emit(durable{n.log.Durable()})
		}
		return
	}
	defer env.SetTimer(tick, time.Millisecond)
	for range 1 + env.Rand().IntN(5) {
		if _, err := n.log.Append([]byte(text(n.log.Next()))); err != nil {
			return
		}
		env.Emit(written{n.log.Next() - 1})
	}
	switch env.Rand().IntN(4) {
	case 0:
	case 1:
		n.syncs++
		_ = n.log.StartSync(sim.Timer{Name: synced, Key: n.syncs})
	default:
		if n.log.Sync() == nil {
			env.Emit(durable{n.log.Durable()})
		}
	}
	if env.Rand().IntN(8) == 0 {
		_ = n.log.TruncatePrefix(n.log.Next() - min(n.log.Next(), 10))
	}
}

func text(lsn uint64) string { return fmt.Sprintf("record %0*d", lsn*37%200, lsn) }

// TestWorld: in a world that crashes the node before, in and behind its effects and syncs, what it said to be durable is
// found by its next incarnation, and nothing beyond what it had written.
func TestWorld(t *testing.T) {
	lost := 0
	for seed := range uint64(25) {
		run := func() (hash uint64) {
			var disk *disksim.Disk
			w := sim.New(sim.Config{Seed: seed, Deep: true, Disk: func(id sim.NodeID) sim.Storage {
				disk = disksim.New(seed, id, disksim.Config{SyncMin: 100 * time.Microsecond, SyncMax: 2 * time.Millisecond})
				return disk
			}})
			defer w.Close()
			id := w.Add(func(sim.NodeID) sim.Node { return &writer{} })
			var last, safe uint64
			w.Watch(func(s *sim.Step) {
				switch f := s.Payload.(type) {
				case written:
					last = f.lsn
				case durable:
					safe = f.lsn
				case found:
					if f.next <= safe {
						w.Fail("durable", fmt.Sprintf("%d was durable, the log ends at %d", safe, f.next))
					}
					if f.next > last+2 { // a record may have left the node, and its fact not
						w.Fail("written", fmt.Sprintf("%d was written, the log ends at %d", last, f.next))
					}
					lost += int(last + 1 - min(f.next, last+1))
					last, safe = f.next-1, f.next-1
				}
			})
			draws := sim.NewStream(seed, "plan")
			at := clock.Time(0)
			for range 40 {
				at = at.Add(draws.Between(time.Millisecond, 20*time.Millisecond))
				kind, k := draws.Below(6), int(draws.Below(20))
				w.At(at, func() {
					switch kind {
					case 0:
						w.Crash(id)
					case 1:
						w.PauseFor(id, 5*time.Millisecond)
					case 2, 3:
						w.CrashAtEffect(id, 1+k)
					default:
						w.CrashAtSync(id, sim.SyncPoint(1+k%3))
					}
				})
				at = at.Add(15 * time.Millisecond)
				w.At(at, func() { w.Restart(id) })
			}
			w.RunUntil(at.Add(100 * time.Millisecond))
			require.Nil(t, w.Violation(), "seed %d", seed)
			assert.Greater(t, disk.Stats().Unsynced, 5)
			return w.DeepHash()
		}
		require.Equal(t, run(), run(), "seed %d", seed)
	}
	assert.Greater(t, lost, 250, "crashes cost something")
}
