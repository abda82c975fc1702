package checkers

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// Quantifier says over which moments of a run, or runs of a sweep, a property speaks.
type Quantifier uint8

const (
	Always     Quantifier = iota // at every check of every run
	Sometimes                    // at least once in a sweep; keeps an Always from holding because nothing happened
	Eventually                   // by the deadline of each run
)

func (q Quantifier) String() string {
	return [...]string{"always", "sometimes", "eventually"}[q]
}

// Property is one named claim about a run, with what the run has shown of it so far. Sets make them.
type Property struct {
	Quantifier Quantifier
	Name       string

	// Held counts the checks that held (Always), or the moments it did (Sometimes, Eventually).
	Held uint64

	verdict Verdict // of this run; of a Sometimes: Valid once it held
	awaited bool    // an Eventually has a deadline that is still to come, or came
	detail  string  // why verdict is Invalid
	result  *Result // of a finished check added with Set.Add; nil otherwise
	set     *Set
}

// String is the name with its quantifier: always "at most one leader per term".
func (p *Property) String() string { return p.Quantifier.String() + " " + strconv.Quote(p.Name) }

// Hold records that the property holds at this moment.
func (p *Property) Hold() {
	p.Held++
	if p.verdict == Unknown {
		p.verdict = Valid
	}
}

// Check records that the property holds at this moment, or, if not ok, that it is violated; why is called only then. It
// is for properties of quantifier Always.
func (p *Property) Check(ok bool, why func() string) {
	if ok {
		p.Hold()
		return
	}
	p.violate(why())
}

// Violatef records a violation.
func (p *Property) Violatef(format string, args ...any) { p.violate(fmt.Sprintf(format, args...)) }

// Await starts the wait for a property of quantifier Eventually: whether it held before does not count any more.
func (p *Property) Await() {
	p.awaited = true
	if p.verdict == Valid {
		p.verdict = Unknown
	}
}

// Due is the deadline of a property of quantifier Eventually: one that has not held since Await is violated. The reason
// says what is still missing.
func (p *Property) Due(why func() string) {
	if p.verdict == Unknown {
		p.violate(why())
	}
}

// Result is what this run has shown. A Sometimes is never Invalid: only a sweep can tell.
func (p *Property) Result() Result {
	if p.result != nil {
		return *p.result
	}
	return Result{Verdict: p.verdict, Property: p.String(), Detail: p.detail}
}

func (p *Property) violate(detail string) {
	if p.verdict == Invalid {
		return
	}
	p.verdict, p.detail = Invalid, detail
	p.set.report(p.Result())
}

// Set is the registry of one run's properties, in the order they were first named. It can be Reset and used for the next
// run; that keeps the properties and forgets what they have shown.
type Set struct {
	fail       func(property, detail string) // told of the first violation; may be nil
	properties []*Property
	violation  *Result // the first; nil if there is none
}

// NewSet returns an empty registry that hands the first violation to fail, which may be nil. sim's World.Fail fits.
func NewSet(fail func(property, detail string)) *Set { return &Set{fail: fail} }

// Always returns the property of this name that must hold at every check.
func (s *Set) Always(name string) *Property { return s.named(Always, name) }

// Sometimes returns the property of this name that must hold at least once in a sweep.
func (s *Set) Sometimes(name string) *Property { return s.named(Sometimes, name) }

// Eventually returns the property of this name that must hold by its deadline.
func (s *Set) Eventually(name string) *Property { return s.named(Eventually, name) }

// Add records the result of a finished check, such as Linearizable. A property is added once per run.
func (s *Set) Add(name string, r Result) {
	p := s.named(Always, name)
	r.Property = p.String()
	p.verdict, p.detail, p.result = r.Verdict, r.Detail, &r
	switch r.Verdict {
	case Valid:
		p.Held++
	case Invalid:
		s.report(r)
	}
}

// Violation is the first violation of the run, or nil.
func (s *Set) Violation() *Result { return s.violation }

// Result joins what was checked: the first violation; else a check that ended undecided, or an Eventually that is still
// awaited; else Valid. Nothing checked is Unknown. An Always without a single check counts neither way in one run; Sweep
// reports it.
func (s *Set) Result() Result {
	if s.violation != nil {
		return *s.violation
	}
	joined := Join()
	for _, p := range s.properties {
		switch {
		case p.Quantifier == Sometimes:
		case p.verdict == Valid:
			joined = Result{Verdict: Valid}
		case p.result != nil || p.awaited:
			return p.Result()
		}
	}
	return joined
}

// Properties returns all properties in the order they were first named.
func (s *Set) Properties() []*Property { return s.properties }

// Reset forgets what the properties have shown, for the next run.
func (s *Set) Reset() {
	for _, p := range s.properties {
		*p = Property{Quantifier: p.Quantifier, Name: p.Name, set: s}
	}
	s.violation = nil
}

func (s *Set) named(q Quantifier, name string) *Property {
	for _, p := range s.properties {
		if p.Quantifier == q && p.Name == name {
			return p
		}
	}
	p := &Property{Quantifier: q, Name: name, set: s}
	s.properties = append(s.properties, p)
	return p
}

func (s *Set) report(r Result) {
	if s.violation != nil {
		return
	}
	s.violation = &r
	if s.fail != nil {
		s.fail(r.Property, r.Detail)
	}
}

// Tally is what a sweep has shown of one property.
type Tally struct {
	Quantifier Quantifier
	Name       string
	Held       uint64 // checks or moments that held, over all runs
	Runs       int    // runs in which it held at all
	Violated   int    // runs that violated it
	Undecided  int    // runs that could not tell: nothing was checked, or a budget ran out; zero for a Sometimes
}

func (t Tally) String() string { return t.Quantifier.String() + " " + strconv.Quote(t.Name) }

// Sweep sums up the sets of many runs. The zero value is an empty sweep. Adding and merging commute, so that a sweep over
// the same seeds ends the same however its workers share them.
type Sweep struct {
	runs    int
	tallies []Tally // sorted by quantifier and name, without repeats
}

// Add counts one run.
func (w *Sweep) Add(s *Set) {
	w.runs++
	for _, p := range s.properties {
		t := w.tally(p.Quantifier, p.Name)
		t.Held += p.Held
		if p.Held > 0 {
			t.Runs++
		}
		switch p.verdict {
		case Invalid:
			t.Violated++
		case Unknown:
			if p.Quantifier != Sometimes {
				t.Undecided++
			}
		}
	}
}

// Merge counts the runs of another sweep.
func (w *Sweep) Merge(other *Sweep) {
	w.runs += other.runs
	for _, o := range other.tallies {
		t := w.tally(o.Quantifier, o.Name)
		t.Held += o.Held
		t.Runs += o.Runs
		t.Violated += o.Violated
		t.Undecided += o.Undecided
	}
}

// Runs is the number of runs counted.
func (w *Sweep) Runs() int { return w.runs }

// Tallies returns the sums, sorted by quantifier and name.
func (w *Sweep) Tallies() []Tally { return slices.Clone(w.tallies) }

// Missing returns the properties that the sweep has shown nothing of: each Sometimes that never held, and each other one
// that was never checked. A sweep of fewer than minRuns runs is too small to tell and misses nothing.
func (w *Sweep) Missing(minRuns int) []string {
	if w.runs < minRuns {
		return nil
	}
	var missing []string
	for _, t := range w.tallies {
		if t.Held == 0 && t.Violated == 0 {
			missing = append(missing, t.String())
		}
	}
	return missing
}

func (w *Sweep) tally(q Quantifier, name string) *Tally {
	i, found := slices.BinarySearchFunc(w.tallies, Tally{Quantifier: q, Name: name}, func(a, b Tally) int {
		return cmp.Or(cmp.Compare(a.Quantifier, b.Quantifier), cmp.Compare(a.Name, b.Name))
	})
	if !found {
		w.tallies = slices.Insert(w.tallies, i, Tally{Quantifier: q, Name: name})
	}
	return &w.tallies[i]
}
