package scenarios

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// Watchdog looks after runs from outside: a handler that never returns stops its run's steps, and no budget inside the
// run can end it.
type Watchdog struct {
	limit time.Duration
	bark  func(report string)

	mu      sync.Mutex
	watches []*Watch
	ticking bool
}

// Watch is one run under a watchdog.
type Watch struct {
	dog      *Watchdog
	scenario string
	seed     uint64
	world    *sim.World
	step     uint64
	since    time.Time // when step was first seen
}

// StuckAfter is how long a run may go without a step.
const StuckAfter = 10 * time.Second

// NewWatchdog returns a watchdog that calls bark, once, with what it saw when a run has made no step for limit.
func NewWatchdog(limit time.Duration, bark func(report string)) *Watchdog {
	return &Watchdog{limit: limit, bark: bark}
}

// ExitWatchdog prints to w and ends the process with status 2.
func ExitWatchdog(w io.Writer) *Watchdog {
	return NewWatchdog(StuckAfter, func(report string) {
		fmt.Fprint(w, report)
		os.Exit(2)
	})
}

// Start begins to watch a run.
func (d *Watchdog) Start(scenario string, seed uint64, w *sim.World) *Watch {
	d.mu.Lock()
	defer d.mu.Unlock()
	watch := &Watch{dog: d, scenario: scenario, seed: seed, world: w, since: time.Now()}
	d.watches = append(d.watches, watch)
	if !d.ticking {
		d.ticking = true
		time.AfterFunc(d.limit/10, d.tick)
	}
	return watch
}

// Stop ends the watch.
func (w *Watch) Stop() {
	w.dog.mu.Lock()
	defer w.dog.mu.Unlock()
	w.dog.watches = slices.DeleteFunc(w.dog.watches, func(o *Watch) bool { return o == w })
}

func (d *Watchdog) tick() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ticking = len(d.watches) > 0; !d.ticking {
		return
	}
	now := time.Now()
	for _, w := range d.watches {
		step, at, node := w.world.Where()
		switch {
		case step != w.step:
			w.step, w.since = step, now
		case now.Sub(w.since) >= d.limit:
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			d.watches = nil
			who := "the world"
			if node != sim.Nobody {
				who = node.String()
			}
			d.bark(fmt.Sprintf("stuck: %s seed=%d has made no step for %s: %s runs in step %d, at %s\n\n%s",
				w.scenario, w.seed, d.limit, who, step, at, stacks))
			return
		}
	}
	time.AfterFunc(d.limit/10, d.tick)
}
