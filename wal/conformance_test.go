package wal_test

import (
	"testing"

	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/wal"
	"github.com/seedbed-sim/seedbed/wal/waltest"
)

func TestConformance(t *testing.T) {
	waltest.Run(t, func(d sim.Disk) (waltest.Log, error) {
		return wal.Open(d, "log", wal.Options{SegmentSize: 400})
	})
}
