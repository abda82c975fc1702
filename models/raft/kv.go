package raft

import (
	"fmt"

	"github.com/seedbed-sim/seedbed/sim"
)

// KV is a member of a replicated key-value store, a sim.Node. Clients send it *Request with a KVOp and get *Response
// with a KVResult; see Client.
type KV struct {
	*service
	data kvMachine
}

// NewKV returns a member of the group. Config.Ready is its own.
func NewKV(c Config) *KV {
	m := make(kvMachine)
	return &KV{service: newService(c, m), data: m}
}

// Inspect implements sim.Inspector: it returns a *ServiceState, which holds until the next call.
func (s *KV) Inspect() any {
	return s.inspect(len(s.data))
}

// Version implements sim.Versioned.
func (s *KV) Version() uint64 { return s.versionOf(len(s.data)) }

// KVKind is what a KVOp does.
type KVKind uint8

const (
	KVGet    KVKind = iota // read the value of Key
	KVPut                  // set it to Value
	KVAppend               // put Value behind it
	KVCAS                  // set it to Value if it is there with Old
	KVDelete               // remove Key
)

func (k KVKind) String() string { return [...]string{"get", "put", "append", "cas", "delete"}[k] }

// KVOp is an operation of a KV. A missing key reads as "", is no match for cas, and empty to append.
type KVOp struct {
	Kind  KVKind
	Key   string
	Value string // of put, append and cas
	Old   string // of cas
	Via   Via    // of get
}

// KVResult is the result of a KVOp.
type KVResult struct {
	Value string // get: the value
	OK    bool   // get, delete: the key was there; cas: it was set; else true
}

// ReadOnly implements Op.
func (op KVOp) ReadOnly() bool { return op.Kind == KVGet }

func (op KVOp) direct() bool { return op.Kind == KVGet && op.Via == ViaReadIndex }

func (op KVOp) encode(b []byte) []byte {
	b = append(b, byte(op.Kind))
	b = appendString(b, op.Key)
	b = appendString(b, op.Value)
	return appendString(b, op.Old)
}

func decodeKVOp(f *fields) KVOp {
	return KVOp{Kind: KVKind(f.byte()), Key: f.string(), Value: f.string(), Old: f.string()}
}

func (op KVOp) String() string {
	switch op.Kind {
	case KVGet:
		return fmt.Sprintf("get(%s) via %s", op.Key, op.Via)
	case KVCAS:
		return fmt.Sprintf("cas(%s, %q → %q)", op.Key, op.Old, op.Value)
	case KVDelete:
		return fmt.Sprintf("delete(%s)", op.Key)
	default:
		return fmt.Sprintf("%s(%s, %q)", op.Kind, op.Key, op.Value)
	}
}

func (r KVResult) String() string { return fmt.Sprintf("%q %t", r.Value, r.OK) }

type kvMachine map[string]string

func (m kvMachine) run(f *fields) (any, sim.Fact) { return m.apply(decodeKVOp(f)), nil }

func (m kvMachine) read(op Op) any { return m.apply(op.(KVOp)) }

// done is the result of most operations, made once.
var done any = KVResult{OK: true}

func (m kvMachine) apply(op KVOp) any {
	old, there := m[op.Key]
	switch op.Kind {
	case KVGet:
		return KVResult{Value: old, OK: there}
	case KVPut:
		m[op.Key] = op.Value
	case KVAppend:
		m[op.Key] = old + op.Value
	case KVCAS:
		if !there || old != op.Old {
			return KVResult{}
		}
		m[op.Key] = op.Value
	case KVDelete:
		delete(m, op.Key)
		return KVResult{OK: there}
	}
	return done
}

var _ interface {
	sim.Node
	sim.Inspector
} = (*KV)(nil)
