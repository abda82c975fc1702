package disksim_test

import (
	"testing"
	"time"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/sim"
)

// port is an engine that does nothing: what is measured is the disk.
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

// BenchmarkAppendSync is the hot path of a log; the file starts anew every MiB.
func BenchmarkAppendSync(b *testing.B) {
	record := make([]byte, 64)
	for _, c := range []struct {
		name   string
		append bool
		sync   bool
	}{{"append", true, false}, {"sync", false, true}, {"both", true, true}} {
		b.Run(c.name, func(b *testing.B) {
			d := disksim.New(1, 1, disksim.Config{SyncMin: time.Millisecond})
			p := &port{storage: d}
			disk := d.Boot(p)
			f := disk.Open("log")
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if c.append {
					if err := f.Append(record); err != nil {
						b.Fatal(err)
					}
				}
				if c.sync {
					if err := disk.Sync(); err != nil {
						b.Fatal(err)
					}
					d.Synced(p.token, nil)
				} else if i%64 == 0 {
					_ = disk.Sync()
					d.Synced(p.token, nil)
				}
				if i%(1<<14) == 1<<14-1 {
					_ = disk.Remove("log")
					_ = disk.Sync()
					d.Synced(p.token, nil)
				}
			}
		})
	}
}

// BenchmarkBoot is the life of a disk that is not used.
func BenchmarkBoot(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		d := disksim.New(1, 1, disksim.Config{})
		_ = d.Boot(&port{storage: d}).List("log/")
	}
}

// BenchmarkCrash is a life with ten synced and ten unsynced writes, its crash and the next boot.
func BenchmarkCrash(b *testing.B) {
	record := make([]byte, 100)
	b.ReportAllocs()
	for seed := uint64(0); b.Loop(); seed++ {
		d := disksim.New(seed, 1, disksim.Config{})
		p := &port{storage: d}
		disk := d.Boot(p)
		f := disk.Open("log")
		for i := range 20 {
			if i == 10 {
				must(disk.Sync())
				d.Synced(p.token, nil)
			}
			must(f.Append(record))
		}
		d.Crash(21)
		d.Boot(p)
	}
}
