package nemesis

import (
	"testing"
)

func kvSpace() Space {
	s := DefaultSpace("test/kv")
	s.OpKinds = []OpKind{
		{Kind: "get", Weight: 4, Key: true},
		{Kind: "put", Weight: 4, Key: true, Value: true},
		{Kind: "cas", Weight: 2, Key: true, Value: true, Arg: EarlierValue},
	}
	return s
}

func BenchmarkDraw(b *testing.B) {
	s := kvSpace()
	var ops, faults int
	for seed := uint64(1); b.Loop(); seed++ {
		p := s.Draw(seed)
		ops += len(p.Ops)
		faults += len(p.Faults)
	}
	b.ReportMetric(float64(ops)/float64(b.N), "ops/plan")
	b.ReportMetric(float64(faults)/float64(b.N), "faults/plan")
}

func TestPrint(t *testing.T) {
	p := kvSpace().Draw(4711)
	j, err := p.JSON()
	t.Log(p.String(), string(j), err)
}
