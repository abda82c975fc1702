package wal_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/disksim/disktest"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/wal"
)

func open(t *testing.T, d sim.Disk, o wal.Options) *wal.Log {
	l, err := wal.Open(d, "log", o)
	require.NoError(t, err)
	return l
}

func appendN(t *testing.T, l *wal.Log, n int) {
	for range n {
		lsn, err := l.Append(fmt.Appendf(nil, "record %d", l.Next()))
		require.NoError(t, err)
		require.Equal(t, l.Next()-1, lsn)
	}
}

func content(l *wal.Log) (recs []string) {
	for _, rec := range l.All(0) {
		recs = append(recs, string(rec))
	}
	return recs
}

func TestSurvivesCrash(t *testing.T) {
	m := disktest.NewMachine(disksim.New(1, 1, disksim.Config{Crash: []disksim.Mode{disksim.LoseAll}}))
	l := open(t, m.Boot(), wal.Options{SegmentSize: 200})
	appendN(t, l, 20)
	require.NoError(t, l.Sync())
	appendN(t, l, 5)
	m.Crash()
	l = open(t, m.Boot(), wal.Options{SegmentSize: 200})
	require.EqualValues(t, 21, l.Next())
	require.Len(t, content(l), 20)
	require.NoError(t, l.TruncateSuffix(11))
	appendN(t, l, 1)
	require.NoError(t, l.TruncatePrefix(8))
	require.NoError(t, l.Sync())
	m.Crash()
	l = open(t, m.Boot(), wal.Options{SegmentSize: 200})
	require.EqualValues(t, 8, l.First())
	require.EqualValues(t, 12, l.Next())
	require.Equal(t, []string{"record 8", "record 9", "record 10", "record 11"}, content(l))
}

// port is an engine that does nothing: what is measured is the log and the disk.
type port struct {
	storage sim.Storage
	token   uint64
}

func (p *port) Write([]byte) bool { return true }
func (p *port) Sync(_ time.Duration, token uint64, _ error) bool {
	p.token = token
	return true
}
func (p *port) StartSync(time.Duration, uint64, error, sim.Timer) bool { return true }
func (p *port) SyncResult(sim.Timer) error                             { return nil }

func BenchmarkAppend(b *testing.B) {
	rec := make([]byte, 64)
	for _, c := range []struct {
		name  string
		every int
	}{{"batch=1", 1}, {"batch=64", 64}} {
		b.Run(c.name, func(b *testing.B) {
			d := disksim.New(1, 1, disksim.Config{SyncMin: time.Millisecond})
			p := &port{storage: d}
			l, err := wal.Open(d.Boot(p), "log", wal.Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := l.Append(rec); err != nil {
					b.Fatal(err)
				}
				if i%c.every == 0 {
					if err := l.Sync(); err != nil {
						b.Fatal(err)
					}
					d.Synced(p.token, nil)
				}
				if i%(1<<14) == 0 {
					if err := l.TruncatePrefix(l.Next()); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkOpenEmpty(b *testing.B) {
	d := disksim.New(1, 1, disksim.Config{})
	disk := d.Boot(&port{storage: d})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wal.Open(disk, "log", wal.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen is the recovery of a hundred records of 64 bytes.
func BenchmarkOpen(b *testing.B) {
	d := disksim.New(1, 1, disksim.Config{})
	p := &port{storage: d}
	l, err := wal.Open(d.Boot(p), "log", wal.Options{})
	must(err)
	for range 100 {
		_, err := l.Append(make([]byte, 64))
		must(err)
	}
	must(l.Sync())
	d.Synced(p.token, nil)
	b.ReportAllocs()
	for b.Loop() {
		_, err := wal.Open(d.Boot(p), "log", wal.Options{})
		must(err)
		d.Synced(p.token, nil)
	}
}
