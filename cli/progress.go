package cli

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress tells how far a sweep is: a bar on a terminal, and else a line now and then. Workers only count; a goroutine of
// its own looks at the counts and prints.
type progress struct {
	done, failed atomic.Int64
	scenario     atomic.Value // string: the one at hand

	total int64         // seeds; 0 if it goes by time
	spent time.Duration // otherwise
	start time.Time
	quit  chan struct{}
	group sync.WaitGroup
}

const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 15 * time.Second
)

func (s *sweep) startProgress() *progress {
	p := &progress{spent: s.spent, start: time.Now(), quit: make(chan struct{})}
	if s.seeds != nil {
		p.total = int64(min(s.seeds.Len(), 1<<40)) * int64(len(s.list))
	}
	p.begin("")
	show, every := s.lines(p), lineEvery
	if isTerminal(s.stderr) {
		show, every = s.bar(p), barEvery
	}
	p.group.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				show(false)
			case <-p.quit:
				show(true)
				return
			}
		}
	})
	return p
}

func (p *progress) begin(scenario string) { p.scenario.Store(scenario) }

func (p *progress) stop() {
	close(p.quit)
	p.group.Wait()
}

// bar is a progress bar that vanishes at the end: the summary takes its place.
func (s *sweep) bar(p *progress) func(over bool) {
	top, count := p.total, progressbar.OptionShowCount()
	if top == 0 {
		top, count = int64(p.spent), func(*progressbar.ProgressBar) {}
	}
	bar := progressbar.NewOptions64(top, count, progressbar.OptionSetWriter(s.stderr), progressbar.OptionSetWidth(30),
		progressbar.OptionClearOnFinish(), progressbar.OptionSetElapsedTime(true), progressbar.OptionSetPredictTime(true))
	text := ""
	return func(over bool) {
		if over {
			bar.Finish()
			return
		}
		at := p.done.Load()
		if p.total == 0 {
			at = int64(time.Since(p.start))
		}
		if now := fmt.Sprintf("%s, %d failed", p.scenario.Load(), p.failed.Load()); now != text {
			text = now
			bar.Describe(text) // which draws it
		}
		bar.Set64(min(at, top-1)) // the bar is full when all is over, and not before
	}
}

// lines are for logs: a sweep that is over soon prints none.
func (s *sweep) lines(p *progress) func(over bool) {
	return func(over bool) {
		if over {
			return
		}
		of, past := "", time.Since(p.start)
		if p.total > 0 {
			of = fmt.Sprintf(" of %d", p.total)
		}
		done := p.done.Load()
		fmt.Fprintf(s.stderr, "%s: %d%s seeds, %d failed, %.0f seeds/s; %s\n", past.Round(time.Second), done, of, p.failed.Load(),
			float64(done)/past.Seconds(), p.scenario.Load())
	}
}

// isTerminal tells whether w is one, or at least a device of characters.
func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
