package scenarios_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/scenarios"
	"github.com/seedbed-sim/seedbed/sim"
)

// In these tests the watchdog's clock is synctest's: it moves when all else waits.

func TestWatchdogFindsAHandlerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan int)
		s := calls("toy/hangs", func(env sim.Env) {
			if env.ID() == 2 && env.Elapsed() > time.Second {
				waitFor(never)
			}
		})
		start := time.Now()
		reports := make(chan string, 2)
		go s.Sweep(context.Background(), scenarios.SweepOptions{
			Seeds: upTo(77, 77), Workers: 1,
			Watchdog: scenarios.NewWatchdog(scenarios.StuckAfter, func(report string) { reports <- report }),
		})
		report := <-reports
		require.GreaterOrEqual(t, time.Since(start), scenarios.StuckAfter)
		require.Less(t, time.Since(start), scenarios.StuckAfter*5/4)
		require.Regexp(t, `^stuck: toy/hangs seed=77 has made no step for 10s: n2 runs in step \d+, at 1\.100s\n`, report)
		require.Contains(t, report, "scenarios_test.waitFor(")
		time.Sleep(time.Hour)
		require.Empty(t, reports, "it says so once")
		close(never)
	})
}

func waitFor(never chan int) { <-never }

func TestWatchdogLetsASlowRunGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := calls("toy/slow", func(sim.Env) { time.Sleep(scenarios.StuckAfter / 2) })
		start := time.Now()
		tally := s.Sweep(context.Background(), scenarios.SweepOptions{
			Seeds: upTo(1, 3), Workers: 2,
			Watchdog: scenarios.NewWatchdog(scenarios.StuckAfter, func(report string) { t.Error(report) }),
		})
		require.EqualValues(t, 3, tally.Valid)
		require.Greater(t, time.Since(start), 10*scenarios.StuckAfter)
	})
}

// A run that is over is not stuck, and a watchdog without runs sleeps until the next.
func TestWatchdogMindsRunsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var reports []string
		dog := scenarios.NewWatchdog(time.Second, func(report string) { reports = append(reports, report) })
		w := sim.New(sim.Config{})
		for seed := range uint64(2) {
			watch := dog.Start("toy/over", seed, w)
			time.Sleep(time.Second / 2)
			watch.Stop()
			watch.Stop()
			time.Sleep(time.Minute)
		}
		require.Empty(t, reports)

		dog.Start("toy/stuck", 7, w)
		time.Sleep(2 * time.Second)
		synctest.Wait() // for the race detector: what the watchdog did is done
		require.Len(t, reports, 1)
		require.Contains(t, reports[0], "stuck: toy/stuck seed=7 has made no step for 1s: the world runs in step 0, at 0.000s\n")
	})
}
