package export

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/seedbed-sim/seedbed/trace"
)

// headerJSON is the first line of JSON lines.
type headerJSON struct {
	Scenario string          `json:"scenario"`
	Seed     uint64          `json:"seed,string"`
	Verdict  string          `json:"verdict"` // in one line
	Steps    uint64          `json:"steps"`
	Virtual  float64         `json:"virtual_seconds"`
	Hash     string          `json:"hash"`
	DeepHash string          `json:"deep_hash"`
	Build    trace.Build     `json:"build"`
	Plan     json.RawMessage `json:"plan,omitempty"`
}

// JSONLines writes a line of JSON for the header of a trace, and one for each of these steps, as trace.PrintJSON has them.
func JSONLines(w io.Writer, h trace.Header, steps iter.Seq2[trace.Step, error]) error {
	err := json.NewEncoder(w).Encode(headerJSON{
		Scenario: h.Scenario, Seed: h.Seed, Verdict: h.Verdict, Steps: h.Steps, Virtual: time.Duration(h.Virtual).Seconds(),
		Hash: hashText(h.Hash), DeepHash: hashText(h.DeepHash), Build: h.Build, Plan: h.Plan,
	})
	if err != nil {
		return err
	}
	return trace.PrintJSON(w, h, steps)
}

func (e *exporter) jsonLines() error { return JSONLines(e.w, e.header, e.steps()) }

func hashText(hash uint64) string { return fmt.Sprintf("%016x", hash) }
