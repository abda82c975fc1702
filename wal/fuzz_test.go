package wal_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/disksim/disktest"
	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/wal"
)

// FuzzRecovery opens a log whose files were edited at random, or are any bytes: it opens, or it says that it is corrupt,
// and a log that opens is a good one.
func FuzzRecovery(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 'j', 'u', 'n', 'k'})
	f.Add([]byte{1, 0, 0, 70, 9})
	f.Add([]byte{1, 2, 0, 1, 0, 3, 1, 1, 0, 4, 0, 0, 2})
	f.Fuzz(func(t *testing.T, script []byte) {
		m := disktest.NewMachine(disksim.New(1, 1, disksim.Config{}))
		disk := m.Boot()
		edit(disk, script)
		before := disk.List("log/")
		l, err := wal.Open(disk, "log", small)
		if err != nil {
			var corrupt *wal.CorruptError
			require.True(t, errors.As(err, &corrupt), "%v", err)
			require.Contains(t, before, corrupt.Segment)
			require.LessOrEqual(t, corrupt.Offset, disk.Open(corrupt.Segment).Size())
			require.Equal(t, before, disk.List("log/"), "the files are left as they are")
			return
		}
		found := content(l)
		require.Len(t, found, int(l.Next()-l.First()), "all that is said to be there is there")

		again := open(t, disk, small)
		require.Equal(t, l.String(), again.String())
		require.Equal(t, found, content(again))
		require.LessOrEqual(t, again.Recovery().TornBytes, l.Recovery().TornBytes, "a torn tail stays, other files go")

		appendN(t, again, 10)
		require.NoError(t, again.Sync())
		want := content(again)
		m.Crash()
		require.Equal(t, want, content(open(t, m.Boot(), small)))
	})
}

// edit makes the files that a script describes. If its first byte is even, the rest is the content of one segment. If it
// is odd, the rest are edits of a good log, four bytes each: what to do, in which file, and two arguments.
func edit(disk sim.Disk, script []byte) {
	if len(script) == 0 || script[0]%2 == 0 {
		must(disk.Open("log/00000001.seg").Append(script))
		return
	}
	l, err := wal.Open(disk, "log", small)
	must(err)
	for i := range 30 {
		_, err := l.AppendAt(7, make([]byte, i*5%40))
		must(err)
		switch i {
		case 6, 21, 28:
			must(l.Sync())
		case 12:
			must(l.TruncateSuffix(9))
		case 20:
			must(l.TruncatePrefix(4))
		}
	}
	for script = script[1:]; len(script) >= 4; script = script[4:] {
		files := disk.List("log/")
		if len(files) == 0 {
			return
		}
		name := files[int(script[1])%len(files)]
		file := disk.Open(name)
		at := int64(script[2]) * file.Size() / 256
		switch arg := script[3]; script[0] % 6 {
		case 0: // flip bits
			if at < file.Size() {
				var b [1]byte
				_, err := file.ReadAt(b[:], at)
				must(err, file.WriteAt([]byte{b[0] ^ arg}, at))
			}
		case 1:
			must(file.Truncate(at))
		case 2:
			must(disk.Remove(name))
		case 3: // over another one, or under a new name
			names := append(files, "log/00000007.seg", "log/00000099.seg", "log/100000000.seg", "log/x")
			must(disk.Rename(name, names[int(arg)%len(names)]))
		case 4: // zeros in the middle
			must(file.WriteAt(make([]byte, arg), at))
		case 5: // some of it once more, elsewhere
			p := make([]byte, min(int64(arg), file.Size()-at))
			_, err := file.ReadAt(p, at)
			must(err, disk.Open(files[int(arg)%len(files)]).Append(p))
		}
	}
}
