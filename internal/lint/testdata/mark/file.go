// want +4 mark "mark lets nothing through: no sync here"
// want +4 mark "mark without a reason"

//seedbed:ok-file wall-clock progress is shown to a person
//seedbed:ok-file sync nothing here locks
//seedbed:ok-file float

package marks

import "time"

// want +1 mark "mark for unknown rule"
//seedbed:ok-file clock an unknown rule

func elapsed(since time.Time) float64 {
	time.Sleep(1)
	return time.Since(since).Seconds() // want float "float64"
}

func twice(since time.Time) time.Duration {
	return time.Since(since) //seedbed:ok wall-clock the line's own mark comes first
}
