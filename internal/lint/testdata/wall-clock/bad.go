package wallclock

import (
	"context"
	clk "time"
)

func bad(ctx context.Context, t *clk.Timer, k *clk.Ticker) { // want wall-clock "time.Timer" wall-clock "time.Ticker"
	now := clk.Now()                                // want wall-clock "time.Now"
	_ = clk.Since(now)                              // want wall-clock "time.Since"
	_ = clk.Until(now)                              // want wall-clock "time.Until"
	clk.Sleep(1)                                    // want wall-clock "time.Sleep"
	_ = clk.After(1)                                // want wall-clock "time.After"
	_ = clk.Tick(1)                                 // want wall-clock "time.Tick"
	_ = clk.NewTimer(1)                             // want wall-clock "time.NewTimer"
	_ = clk.NewTicker(1)                            // want wall-clock "time.NewTicker"
	clk.AfterFunc(1, nil)                           // want wall-clock "time.AfterFunc"
	t.Reset(1)                                      // want wall-clock "time.Timer.Reset"
	k.Stop()                                        // want wall-clock "time.Ticker.Stop"
	stop := t.Stop                                  // want wall-clock "time.Timer.Stop"
	reset := (*clk.Timer).Reset                     // want wall-clock "time.Timer\b" wall-clock "time.Timer.Reset"
	var source func() clk.Time = clk.Now            // want wall-clock "time.Now"
	_, _ = context.WithTimeout(ctx, 1)              // want wall-clock "context.WithTimeout"
	_, _ = context.WithTimeoutCause(ctx, 1, nil)    // want wall-clock "context.WithTimeoutCause"
	_, _ = context.WithDeadline(ctx, source())      // want wall-clock "context.WithDeadline"
	_, _ = context.WithDeadlineCause(ctx, now, nil) // want wall-clock "context.WithDeadlineCause"
	_, _ = stop, reset
}
