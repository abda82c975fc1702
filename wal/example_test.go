package wal_test

import (
	"fmt"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/disksim/disktest"
	"github.com/seedbed-sim/seedbed/wal"
)

// A crash keeps what was synced. In a model the disk is env.Disk(); here it is a disk on its own, that loses all the rest.
func Example() {
	m := disktest.NewMachine(disksim.New(1, 1, disksim.Config{Crash: []disksim.Mode{disksim.LoseAll}}))
	log, _ := wal.Open(m.Boot(), "log", wal.Options{})
	for _, rec := range []string{"set x 1", "set y 2", "set x 3"} {
		_, _ = log.Append([]byte(rec))
	}
	if err := log.Sync(); err != nil {
		fmt.Println("stop here:", err) // what is on disk is not known any more
	}
	_, _ = log.Append([]byte("set z 4"))
	m.Crash()

	log, _ = wal.Open(m.Boot(), "log", wal.Options{})
	for lsn, rec := range log.All(2) {
		fmt.Printf("%d %s\n", lsn, rec)
	}
	fmt.Println(log)
	// Output:
	// 2 set y 2
	// 3 set x 3
	// log [1,4) durable 3
}
