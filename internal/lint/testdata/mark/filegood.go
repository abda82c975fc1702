package marks

import "time"

//seedbed:ok-file wall-clock a report says how long it took

func report() (time.Time, time.Duration) {
	start := time.Now()
	return start, time.Since(start)
}
