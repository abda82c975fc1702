package wal_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/disksim/disktest"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/wal"
)

// simple is what a log needs for TestNaive.
type simple interface {
	append(rec []byte)
	sync()
	records() []string
}

// naive is a log as it is written first: one file of lengths and records, with one mistake.
type naive struct {
	disk sim.Disk
	file sim.File
	end  int64
	recs []string

	noDirectory bool // syncs the file, not the directory it was created in
	noChecksum  bool // believes every length it reads
	noCut       bool // leaves what is behind the first bad record, and writes over it
}

func (n naive) open(disk sim.Disk) simple {
	n.disk, n.file = disk, disk.Open("log")
	data := make([]byte, n.file.Size())
	_, _ = n.file.ReadAt(data, 0)
	for n.end+8 <= int64(len(data)) {
		head := data[n.end:]
		size := int64(binary.LittleEndian.Uint32(head))
		if n.end+8+size > int64(len(data)) {
			break
		}
		rec := head[8 : 8+size]
		if !n.noChecksum && crc32.ChecksumIEEE(rec) != binary.LittleEndian.Uint32(head[4:])^0xff {
			break
		}
		n.recs = append(n.recs, string(rec))
		n.end += 8 + size
	}
	if !n.noCut && n.end < int64(len(data)) {
		must(n.file.Truncate(n.end), n.disk.Sync())
	}
	return &n
}

func (n *naive) append(rec []byte) {
	buf := binary.LittleEndian.AppendUint32(nil, uint32(len(rec)))
	buf = binary.LittleEndian.AppendUint32(buf, crc32.ChecksumIEEE(rec)^0xff) // zeros are no record
	must(n.file.WriteAt(append(buf, rec...), n.end))
	n.end += 8 + int64(len(rec))
	n.recs = append(n.recs, string(rec))
}

func (n *naive) sync() {
	if n.noDirectory {
		must(n.file.Sync())
	} else {
		must(n.disk.Sync())
	}
}

func (n *naive) records() []string { return n.recs }

// careful is a wal.Log.
type careful struct{ *wal.Log }

func (c careful) append(rec []byte) {
	_, err := c.Append(rec)
	must(err)
}
func (c careful) sync()             { must(c.Sync()) }
func (c careful) records() []string { return content(c.Log) }

func must(errs ...error) {
	for _, err := range errs {
		if err != nil {
			panic(err)
		}
	}
}

// tally is in how many of a thousand lives of a log there were
type tally struct {
	lost    int // records that a completed sync covered, and that were gone
	strange int // records that are not what was appended there in any life
	undead  int // records of a life that came back behind those of a later one
}

func live(open func(sim.Disk) simple) (sum tally) {
	for seed := range uint64(1000) {
		m := disktest.NewMachine(disksim.New(seed, 1, disksim.Config{}))
		var t tally
		var want []string
		synced, dead := 0, make(map[string]bool)
		for life := range 4 {
			l := open(m.Boot())
			got := l.records()
			for i, rec := range got {
				switch {
				case dead[rec]:
					t.undead = 1
				case i >= len(want) || rec != want[i]:
					t.strange = 1
				}
			}
			if len(got) < synced {
				t.lost = 1
			}
			if t != (tally{}) {
				break
			}
			for _, rec := range want[len(got):] {
				dead[rec] = true
			}
			want = want[:len(got)]
			for i := range 8 {
				rec := fmt.Sprintf("seed %d, life %d, record %d, %0150d", seed, life, i, 0)
				l.append([]byte(rec))
				want = append(want, rec)
				if i == 2 && life != 1 {
					l.sync()
					synced = len(want)
				}
			}
			m.Crash()
		}
		sum.lost += t.lost
		sum.strange += t.strange
		sum.undead += t.undead
	}
	return sum
}

// TestNaive shows what each precaution is for: without it, the disk finds the mistake.
func TestNaive(t *testing.T) {
	none := live(naive{}.open)
	assert.Zero(t, none, "one file, with checksums, cut and synced whole, is a correct log")

	noDirectory := live(naive{noDirectory: true}.open)
	assert.Greater(t, noDirectory.lost, 100, "the file's name was never synced")

	noChecksum := live(naive{noChecksum: true}.open)
	assert.Greater(t, noChecksum.strange, 100, "holes and torn records are read as records")

	noCut := live(naive{noCut: true}.open)
	assert.Greater(t, noCut.undead, 10, "what was dropped is found again behind what replaced it")

	log := live(func(d sim.Disk) simple {
		l, err := wal.Open(d, "log", wal.Options{SegmentSize: 1000})
		must(err)
		return careful{l}
	})
	assert.Zero(t, log)
	t.Logf("of 1000 lives: no directory %+v, no checksum %+v, no cut %+v, wal %+v", noDirectory, noChecksum, noCut, log)
}
