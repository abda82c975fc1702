package wallclock

import (
	"context"
	"time"
)

type clock struct{ now time.Duration }

func (c clock) Now() time.Duration                         { return c.now }
func (c clock) Since(t time.Duration) time.Duration        { return c.now - t }
func (clock) AfterFunc(d time.Duration, f func()) struct{} { return struct{}{} }

func good(c clock, at time.Time) time.Time {
	_ = c.Since(c.Now())
	{
		time := c
		_ = time.Now()
		time.AfterFunc(1, nil)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = context.WithValue(ctx, clock{}, 1)
	return at.Add(3 * time.Second).Truncate(time.Millisecond)
}
