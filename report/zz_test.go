package report_test

import (
	"io"
	"testing"
	"time"

	"github.com/seedbed-sim/seedbed/scenarios"
)

func BenchmarkZZ(b *testing.B) {
	s, _ := scenarios.Catalogue().Find("raft/kv")
	p := longPlan(s, 24_000*time.Second)
	o := scenarios.Options{UntilStep: 1_000_000, MaxSteps: 2_000_000}
	b.Run("plain", func(b *testing.B) { for range b.N { s.Run(p, o) } })
	b.Run("recorded", func(b *testing.B) { for range b.N { s.Record(p, o, io.Discard) } })
}
