package gossip

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/seedbed-sim/seedbed/sim"
)

// ScuttleRates are the constants of flow control (van Renesse et al. 2008, section 4). A site has a rate, which its updates
// do not exceed. It is lowered by a factor when messages overflow, and raised by a step when they do not: additive
// increase, multiplicative decrease. When two sites gossip they share their rates evenly, as far as they want them, so that
// all get the same in the end.
//
// Rates are in thousandths of an update per second.
type ScuttleRates struct {
	First    int64 // at boot; 0: there is no flow control
	Least    int64 // default 1/10 of First
	Most     int64 // default 100 times First: what a site that wants little saves up
	Increase int64 // added when messages have not overflowed; default 1/10 of First
	// Decrease is what is left of a rate when messages have overflowed, in thousandths; default 750.
	Decrease int64
	// Overflows and Underflows are how many messages in a row must be cut, or not, for that; default 1 each.
	Overflows, Underflows int
}

func (c ScuttleRates) check() (ScuttleRates, error) {
	if c == (ScuttleRates{}) {
		return c, nil
	}
	c.Least = cmp.Or(c.Least, max(c.First/10, 1))
	c.Most = cmp.Or(c.Most, 100*c.First)
	c.Increase = cmp.Or(c.Increase, max(c.First/10, 1))
	c.Decrease = cmp.Or(c.Decrease, 750)
	c.Overflows = cmp.Or(c.Overflows, 1)
	c.Underflows = cmp.Or(c.Underflows, 1)
	switch {
	case c.First < c.Least || c.Least < 1 || c.Most < c.First:
		return c, errors.New("scuttlebutt: the first rate must be between the least, above 0, and the most")
	case c.Increase < 1:
		return c, errors.New("scuttlebutt: rates must increase")
	case c.Decrease < 1 || c.Decrease > 999:
		return c, errors.New("scuttlebutt: the decrease is to leave between 1 and 999 thousandths")
	case c.Overflows < 1 || c.Underflows < 1:
		return c, errors.New("scuttlebutt: overflows and underflows are counted from 1")
	}
	return c, nil
}

// ScuttleRate is emitted when messages have made a site change its rate.
type ScuttleRate struct{ From, To int64 }

// scuttleFlow is a site's flow control; without any, rate is 0.
type scuttleFlow struct {
	c          ScuttleRates
	rate       int64
	wanted     int64 // what the site would like: the rate at which updates were asked for lately
	asked      int64 // updates that were asked for in this period
	overflows  int   // in a row
	underflows int
	next       time.Duration // of Elapsed: the earliest time of the next update
}

func newScuttleFlow(c ScuttleRates) scuttleFlow { return scuttleFlow{c: c, rate: c.First} }

// scuttleOffer is what a site tells of its rates in a gossip.
type scuttleOffer struct{ Rate, Wanted int64 }

func (f *scuttleFlow) offer() scuttleOffer { return scuttleOffer{f.rate, f.wanted} }

// measure takes what was asked for in a period into account, for a quarter of the weight.
func (f *scuttleFlow) measure(period time.Duration) {
	now := f.asked * 1000 * int64(time.Second) / int64(max(period, 1))
	f.wanted, f.asked = (3*f.wanted+now)/4, 0
}

// adapt is local adaptation: see ScuttleRates.
func (f *scuttleFlow) adapt(env sim.Env, overflow bool) {
	if f.rate == 0 {
		return
	}
	before := f.rate
	if overflow {
		f.underflows = 0
		if f.overflows++; f.overflows >= f.c.Overflows {
			f.overflows = 0
			f.become(f.rate * f.c.Decrease / 1000)
		}
	} else {
		f.overflows = 0
		if f.underflows++; f.underflows >= f.c.Underflows {
			f.underflows = 0
			f.become(f.rate + f.c.Increase)
		}
	}
	if f.rate != before {
		env.Emit(ScuttleRate{before, f.rate})
	}
}

// even shares the sum of two rates: who wants less than half of it gets what it wants, and if both do they share what is
// over, too. It returns what the other's rate is to change by; this one's changes by as much the other way.
func (f *scuttleFlow) even(other scuttleOffer) int64 {
	if f.rate == 0 || other.Rate == 0 {
		return 0
	}
	sum, theirs := f.rate+other.Rate, int64(0)
	switch half := sum / 2; {
	case f.wanted+other.Wanted <= sum:
		theirs = other.Wanted + (sum-f.wanted-other.Wanted)/2
	case other.Wanted <= half:
		theirs = other.Wanted
	case f.wanted <= half:
		theirs = sum - f.wanted
	default:
		theirs = half
	}
	theirs = min(max(theirs, f.c.Least), sum-f.c.Least)
	shift := theirs - other.Rate
	f.become(f.rate - shift)
	return shift
}

// shift takes part in what the other site has worked out.
func (f *scuttleFlow) shift(by int64) {
	if f.rate > 0 {
		f.become(f.rate + by)
	}
}

// become is the only writer of the rate.
func (f *scuttleFlow) become(rate int64) { f.rate = min(max(rate, f.c.Least), f.c.Most) }

// spacing is the time between two updates.
func (f *scuttleFlow) spacing() time.Duration { return 1000 * time.Second / time.Duration(f.rate) }

// scuttleWait is an update that waits for its time, and who wait for it.
type scuttleWait struct {
	key    int
	value  string
	askers []scuttleAsker
}

// Update gives a key of this site's own map a new value: at once, or when flow control lets it. One that waits is replaced
// by a later one of its key, which takes its place: only the latest value counts.
func (s *ScuttleSite) Update(env sim.Env, key int, value string, askers ...scuttleAsker) {
	s.flow.asked++
	if i := slices.IndexFunc(s.waiting, func(w scuttleWait) bool { return w.key == key }); i >= 0 {
		w := &s.waiting[i]
		w.value, w.askers = value, append(w.askers, askers...)
	} else {
		s.waiting = append(s.waiting, scuttleWait{key, value, askers})
	}
	s.release(env)
}

// release carries out the updates that may go by now, and comes back for the others.
func (s *ScuttleSite) release(env sim.Env) {
	for len(s.waiting) > 0 && !s.halted {
		if s.flow.rate > 0 {
			if wait := s.flow.next - env.Elapsed(); wait > 0 {
				env.SetTimer(scuttlePace, wait)
				return
			}
			s.flow.next = max(s.flow.next, env.Elapsed()-s.flow.spacing()) + s.flow.spacing()
		}
		w := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.update(env, w.key, w.value)
		for _, a := range w.askers {
			if !s.halted {
				env.Send(a.client, ScuttleDone{a.id, s.owners[s.self].max})
			}
		}
	}
}
