package raft

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/seedbed-sim/seedbed/sim"
)

// LogService is a member of a replicated log of client records, a sim.Node. Offsets are dense from 0 and count client
// records alone, not Raft's own entries. Clients send it *Request with a LogOp and get *Response with a LogResult.
type LogService struct {
	*service
	data *logMachine
}

// NewLogService returns a member of the group. Config.Ready is its own.
func NewLogService(c Config) *LogService {
	m := new(logMachine)
	return &LogService{service: newService(c, m), data: m}
}

// Inspect implements sim.Inspector: it returns a *ServiceState, which holds until the next call.
func (s *LogService) Inspect() any {
	return s.inspect(len(s.data.records))
}

// Version implements sim.Versioned.
func (s *LogService) Version() uint64 { return s.versionOf(len(s.data.records)) }

// LogKind is what a LogOp does.
type LogKind uint8

const (
	LogAppend LogKind = iota // append Record and return its offset
	LogRead                  // read up to Count records from Offset on
)

func (k LogKind) String() string { return [...]string{"append", "read"}[k] }

// LogOp is an operation of a LogService.
type LogOp struct {
	Kind   LogKind
	Record string // of append; one line, without its end
	Offset uint64 // of read
	Count  uint64 // of read
	Via    Via    // of read
}

// LogResult is the result of a LogOp.
type LogResult struct {
	Offset  uint64 // append: of the record; read: of the first record, as asked for
	Records Records
}

// Records are records in their order, each a line with its end: a comparable list.
type Records string

// List returns the single records.
func (r Records) List() []string {
	if r == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(r), "\n"), "\n")
}

// ReadOnly implements Op.
func (op LogOp) ReadOnly() bool { return op.Kind == LogRead }

func (op LogOp) direct() bool { return op.Kind == LogRead && op.Via == ViaReadIndex }

func (op LogOp) encode(b []byte) []byte {
	if strings.Contains(op.Record, "\n") {
		panic("raft: a record is one line")
	}
	b = append(b, byte(op.Kind))
	b = appendString(b, op.Record)
	b = binary.AppendUvarint(b, op.Offset)
	return binary.AppendUvarint(b, op.Count)
}

func decodeLogOp(f *fields) LogOp {
	return LogOp{Kind: LogKind(f.byte()), Record: f.string(), Offset: f.uint(), Count: f.uint()}
}

func (op LogOp) String() string {
	if op.Kind == LogAppend {
		return fmt.Sprintf("append(%q)", op.Record)
	}
	return fmt.Sprintf("read(%d, %d) via %s", op.Offset, op.Count, op.Via)
}

func (r LogResult) String() string {
	if r.Records == "" {
		return fmt.Sprintf("@%d", r.Offset)
	}
	return fmt.Sprintf("@%d %q", r.Offset, r.Records.List())
}

// Logged is the fact that a record has its offset at this member. Booted again, a member tells so of each record anew.
type Logged struct {
	Offset uint64
	Record string
}

type logMachine struct {
	records []string
}

func (m *logMachine) run(f *fields) (any, sim.Fact) {
	op := decodeLogOp(f)
	result := m.apply(op)
	if op.Kind != LogAppend {
		return result, nil
	}
	return result, Logged{Offset: result.Offset, Record: op.Record}
}

func (m *logMachine) read(op Op) any { return m.apply(op.(LogOp)) }

func (m *logMachine) apply(op LogOp) LogResult {
	end := uint64(len(m.records))
	if op.Kind == LogAppend {
		m.records = append(m.records, op.Record)
		return LogResult{Offset: end}
	}
	var found strings.Builder
	first := min(op.Offset, end)
	for _, rec := range m.records[first : first+min(op.Count, end-first)] {
		found.WriteString(rec)
		found.WriteByte('\n')
	}
	return LogResult{Offset: op.Offset, Records: Records(found.String())}
}

var _ interface {
	sim.Node
	sim.Inspector
} = (*LogService)(nil)
