package cli

import (
	"runtime"
	"runtime/metrics"

	"github.com/seedbed-sim/seedbed/checkers"
)

// sweepJSON is a sweep as JSON.
type sweepJSON struct {
	totalsJSON
	Workers     int              `json:"workers"`
	Cores       int              `json:"cores"`
	Expected    bool             `json:"expected"` // as all scenarios expect: the exit code is 0, or 130
	Interrupted bool             `json:"interrupted"`
	Memory      float64          `json:"memory_mib"` // that the runtime holds when all is done
	Goroutines  int              `json:"goroutines"` // then
	Contents    map[string]int64 `json:"contents"`   // over all scenarios
	Scenarios   []partJSON       `json:"scenarios"`
	Findings    []findingJSON    `json:"findings"` // runs that failed alike
}

type totalsJSON struct {
	Seeds          int64   `json:"seeds"`
	Valid          int64   `json:"valid"`
	Invalid        int64   `json:"invalid"`
	Unknown        int64   `json:"unknown"`
	Steps          int64   `json:"steps"`
	Virtual        float64 `json:"virtual_seconds"`
	Wall           float64 `json:"wall_seconds"`
	StepsPerSecond float64 `json:"steps_per_second"`
	SeedsPerSecond float64 `json:"seeds_per_second"`
	VirtualPerWall float64 `json:"virtual_per_wall"`
}

type partJSON struct {
	Scenario string `json:"scenario"`
	Outcome  string `json:"outcome"` // in words: "as expected" and the like
	totalsJSON
	Contents      map[string]countJSON    `json:"contents"`
	Sometimes     map[string]propertyJSON `json:"sometimes"`
	Properties    map[string]propertyJSON `json:"properties"` // always and eventually; the quantifier is part of the name
	Never         []string                `json:"never"`      // properties of which nothing was seen, in a sweep of at least 200 seeds
	Floors        []reachedJSON           `json:"floors"`
	Deterministic bool                    `json:"deterministic"` // the first seed, run again at the end
	Divergence    string                  `json:"divergence,omitempty"`
}

type countJSON struct {
	Total  int64 `json:"total"`
	Median int64 `json:"median"` // over seeds
}

type propertyJSON struct {
	Held     uint64 `json:"held"`     // times
	Seeds    int    `json:"seeds"`    // in which it held
	Violated int    `json:"violated"` // seeds
}

type reachedJSON struct {
	floorJSON
	Median  int64 `json:"median"`
	Reached bool  `json:"reached"`
}

// findingJSON is a finding without its plan, which is in the file.
type findingJSON struct {
	*finding
	Expected bool   `json:"expected"`        // the anomaly of a demonstration; it is not kept in files
	File     string `json:"file,omitempty"`  // to be read by run --plan
	Trace    string `json:"trace,omitempty"` // to be read by trace
	Page     string `json:"page,omitempty"`  // for a browser
}

func (s *sweep) json() sweepJSON {
	j := sweepJSON{
		Workers: s.workers, Cores: runtime.NumCPU(), Expected: s.code == exitExpected || s.code == exitInterrupted,
		Interrupted: s.interrupted, Memory: memory(), Goroutines: runtime.NumGoroutine(), Contents: map[string]int64{}, Scenarios: []partJSON{}, Findings: []findingJSON{},
	}
	var sum totals
	for _, p := range s.parts {
		sum.add(p.totals())
		for _, name := range p.Counts() {
			j.Contents[name] += p.Total(name)
		}
		j.Scenarios = append(j.Scenarios, p.json())
		for _, f := range p.findings {
			j.Findings = append(j.Findings, findingJSON{f.file, f.Expected, f.path, f.trace, f.page})
		}
	}
	j.totalsJSON = sum.json()
	return j
}

// memory is what the runtime has from the system, in MiB.
func memory() float64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return float64(samples[0].Value.Uint64()-samples[1].Value.Uint64()) / (1 << 20)
}

func (t totals) json() totalsJSON {
	return totalsJSON{
		Seeds: t.seeds, Valid: t.valid, Invalid: t.invalid, Unknown: t.unknown, Steps: t.steps,
		Virtual: t.virtual.Seconds(), Wall: t.wall.Seconds(), StepsPerSecond: t.per(float64(t.steps)),
		SeedsPerSecond: t.per(float64(t.seeds)), VirtualPerWall: t.per(t.virtual.Seconds()),
	}
}

func (p *part) json() partJSON {
	j := partJSON{
		Scenario: p.Scenario.Name, Outcome: p.outcome(), totalsJSON: p.totals().json(),
		Contents: map[string]countJSON{}, Sometimes: map[string]propertyJSON{}, Properties: map[string]propertyJSON{},
		Never: append([]string{}, p.Missing()...), Floors: []reachedJSON{}, Deterministic: p.drift == nil,
	}
	if p.drift != nil {
		j.Divergence = p.drift.Divergence.String()
	}
	for _, name := range p.Counts() {
		j.Contents[name] = countJSON{p.Total(name), p.Median(name)}
	}
	for _, t := range p.Checks.Tallies() {
		held := propertyJSON{t.Held, t.Runs, t.Violated}
		if t.Quantifier == checkers.Sometimes {
			j.Sometimes[t.Name] = held
		} else {
			j.Properties[t.String()] = held
		}
	}
	for _, f := range p.Scenario.Floors {
		median := p.Median(f.Count)
		j.Floors = append(j.Floors, reachedJSON{floorJSON(f), median, median >= f.Least})
	}
	return j
}
