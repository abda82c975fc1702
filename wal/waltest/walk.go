package waltest

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/seedbed-sim/seedbed/clock"
)

// walk is a random life.
func (s suite) walk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t, s.open, rapid.Uint64().Draw(t, "seed"))
		written := 0
		write := func(t *rapid.T) {
			size := rapid.OneOf(rapid.IntRange(0, 60), rapid.IntRange(0, 1000)).Draw(t, "bytes")
			written++
			rec := bytes.Repeat([]byte{byte(1 + written%255)}, size)
			if rapid.Bool().Draw(t, "same as once") { // so that old bytes fit where new ones should be
				rec = bytes.Repeat([]byte{byte(m.view().next)}, 20)
			}
			m.append(clock.Time(rapid.IntRange(-1, 1).Draw(t, "time")), rec)
		}
		t.Repeat(map[string]func(*rapid.T){
			"append":   write,
			"append 2": write,
			"sync":     func(*rapid.T) { m.sync() },
			"start":    func(*rapid.T) { m.start() },
			"complete": func(t *rapid.T) {
				if n := m.m.Background(); n > 0 {
					m.complete(rapid.IntRange(0, n-1).Draw(t, "sync"))
				}
			},
			"suffix": func(t *rapid.T) {
				m.suffix(rapid.Uint64Range(m.view().first, m.view().next).Draw(t, "from"))
			},
			"prefix": func(t *rapid.T) {
				next := m.view().next + uint64(rapid.IntRange(0, 2).Draw(t, "beyond"))
				m.prefix(rapid.Uint64Range(m.view().first, next).Draw(t, "before"))
			},
			"depart":   func(t *rapid.T) { m.depart(rapid.IntRange(0, m.m.Pending()).Draw(t, "effects")) },
			"depart 2": func(*rapid.T) { m.depart(m.m.Pending()) },
			"restart":  func(*rapid.T) { m.restart() },
			"crash":    func(*rapid.T) { m.crash() },
			"":         func(*rapid.T) { m.check() },
		})
	})
}

// everyCrash lives one life that has everything in it, and ends it after each of its effects; then it goes on.
func (s suite) everyCrash(t *testing.T) {
	live := func(m *model) {
		write := func(n int) {
			for range n {
				m.append(7, fmt.Appendf(nil, "record %0*d", 60*m.view().next%160, m.view().next))
			}
		}
		write(3)
		m.sync()
		write(5)
		m.sync()
		write(1)
		m.sync()
		m.start()
		write(2)
		m.suffix(m.view().next - 5)
		write(1)
		m.suffix(m.view().next - 2)
		m.sync()
		write(4)
		m.prefix(m.view().next - 3)
		m.start()
		write(4)
		m.sync()
		m.prefix(m.view().next)
		write(1)
		m.prefix(m.view().next + 5)
		write(2)
		m.sync()
	}
	whole := newModel(t, s.open, 0)
	live(whole)
	for effects := range whole.m.Pending() + 1 {
		for seed := range uint64(20) {
			m := newModel(t, s.open, seed)
			live(m)
			m.depart(effects)
			for range m.m.Background() {
				m.complete(0)
			}
			m.crash()
			m.check()

			// The next life starts in whatever this one left, and is cut short in its recovery or soon after.
			live(m)
			m.depart(effects % 13)
			m.crash()
			m.crash()
			live(m)
			m.depart(m.m.Pending())
			m.crash()
			m.check()
		}
	}
}
