package wal_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/clock"
	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/disksim/disktest"
	"github.com/seedbed-sim/seedbed/wal"
)

func TestLowWater(t *testing.T) {
	d := disksim.New(1, 1, disksim.Config{})
	l := open(t, disktest.NewMachine(d).Boot(), small)
	second := clock.Time(time.Second)
	for i := range 10 {
		at := second * clock.Time(i+1)
		if i == 5 {
			at = second // the clock went back
		}
		_, err := l.AppendAt(at, nil)
		require.NoError(t, err)
	}
	for _, c := range []struct {
		name   string
		policy wal.LowWater
		now    clock.Time
		want   uint64
	}{
		{"no condition keeps all", wal.LowWater{}, 100 * second, 1},
		{"snapshot", wal.LowWater{Snapshot: 8}, 0, 8},
		{"snapshot beyond the end", wal.LowWater{Snapshot: 80}, 0, 11},
		{"keep", wal.LowWater{Keep: 3}, 0, 8},
		{"keep more than there are", wal.LowWater{Keep: 30}, 0, 1},
		{"both: the more careful", wal.LowWater{Snapshot: 5, Keep: 3}, 0, 5},
		{"all are young", wal.LowWater{Age: time.Minute}, 10 * second, 1},
		{"all are old", wal.LowWater{Age: time.Minute}, 100 * second, 11},
		{"exactly as old is old", wal.LowWater{Age: 5 * time.Second}, 8 * second, 4},
		{"one back in time is old, but behind a young one", wal.LowWater{Age: 5 * time.Second}, 9 * second, 5},
		{"and goes with it", wal.LowWater{Age: 5 * time.Second}, 10 * second, 7},
		{"old, but to be kept", wal.LowWater{Age: 5 * time.Second, Keep: 9}, 10 * second, 2},
	} {
		got, err := c.policy.Before(l, c.now)
		require.NoError(t, err)
		assert.Equal(t, c.want, got, c.name)
	}

	require.NoError(t, l.TruncatePrefix(9))
	for _, p := range []wal.LowWater{{}, {Snapshot: 4}, {Keep: 5}, {Keep: 50}, {Age: time.Hour}} {
		got, err := p.Before(l, 10*second)
		require.NoError(t, err)
		assert.EqualValues(t, 9, got, "never back: %+v", p)
	}
	_, err := l.Append(nil) // no timestamp
	require.NoError(t, err)
	got, err := wal.LowWater{Age: time.Second}.Before(l, 20*second)
	require.NoError(t, err)
	assert.EqualValues(t, 12, got)

	require.NoError(t, l.Sync())
	file := l.Recovery() // an open log's rot is the policy's error
	assert.Zero(t, file)
	require.NoError(t, l.Close())
	_, err = wal.LowWater{Age: time.Second}.Before(l, 20*second)
	assert.ErrorIs(t, err, wal.ErrClosed)
}
