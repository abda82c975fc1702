package wal

import (
	"time"

	"github.com/seedbed-sim/seedbed/clock"
)

// LowWater is a policy of how much of a log to keep. A record can go if all conditions that are set allow it; if none is
// set, all records stay.
type LowWater struct {
	Snapshot uint64        // only records below this LSN can go: the state up to it is kept elsewhere
	Keep     uint64        // at least this many records stay
	Age      time.Duration // records younger than this stay, by their timestamps; those without one count as old
}

// Before returns the LSN to pass to TruncatePrefix. Age ends at the first record that is too young: clocks go back, but
// a log has no holes. It reads one record more than can go.
func (p LowWater) Before(l *Log, now clock.Time) (uint64, error) {
	if p == (LowWater{}) {
		return l.First(), nil
	}
	limit := l.Next()
	if p.Snapshot > 0 {
		limit = min(limit, p.Snapshot)
	}
	if p.Keep > 0 {
		limit = min(limit, l.Next()-min(p.Keep, l.Next()))
	}
	lsn := l.First()
	if p.Age <= 0 {
		return max(lsn, limit), nil
	}
	for ; lsn < limit; lsn++ {
		t, err := l.Time(lsn)
		if err != nil {
			return l.First(), err
		}
		if t != 0 && now.Sub(t) < p.Age {
			break
		}
	}
	return lsn, nil
}
