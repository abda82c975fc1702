package olep

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/wal"
)

// Store is a subscriber's own database: keys with values, changed by transactions that are durable as a whole or not at all.
// All of it is in memory; on disk is a log of transactions, on package wal.
type Store struct {
	wal     *wal.Log // nil: it is on no disk
	values  map[string]string
	changed map[string]string // by the transaction that is open
	buf     []byte
}

// NewStore returns a database that is on no disk: it is of use for as long as its owner lives.
func NewStore() *Store {
	return &Store{values: make(map[string]string), changed: make(map[string]string)}
}

// OpenStore opens the database of this name on a node's disk, or an empty one. An error is the disk's.
func OpenStore(disk sim.Disk, name string) (*Store, error) {
	l, err := wal.Open(disk, name, wal.Options{})
	if err != nil {
		return nil, err
	}
	s := NewStore()
	s.wal = l
	for lsn := l.First(); lsn < l.Next(); lsn++ {
		rec, err := l.Read(lsn)
		if err != nil {
			return nil, err
		}
		for f := (fields{string(rec)}); f.s != ""; {
			key := f.string()
			s.values[key] = f.string()
		}
	}
	return s, nil
}

// Get returns the value of a key, "" if it has none. The transaction that is open sees what it has set.
func (s *Store) Get(key string) string {
	if v, ok := s.changed[key]; ok {
		return v
	}
	return s.values[key]
}

// Int is Get of a number; 0 if there is none.
func (s *Store) Int(key string) int64 {
	n, _ := strconv.ParseInt(s.Get(key), 10, 64)
	return n
}

// Set gives a key a value, in the transaction that is open.
func (s *Store) Set(key, value string) { s.changed[key] = value }

// SetInt is Set of a number.
func (s *Store) SetInt(key string, n int64) { s.Set(key, strconv.FormatInt(n, 10)) }

// Clear takes all values away, in the transaction that is open: nothing else is left in it.
func (s *Store) Clear() {
	clear(s.changed)
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		s.Set(key, "")
	}
}

// Pair is a key with its value.
type Pair struct{ Key, Value string }

// Pairs lists the keys with a prefix, less the prefix, that have a value, by key and as of the last transaction. What a
// subscriber keeps there for itself is not among them.
func (s *Store) Pairs(prefix string) []Pair {
	var list []Pair
	for _, key := range s.keys(prefix) {
		if prefix != "" || !strings.HasPrefix(key, ownKeys) {
			list = append(list, Pair{key, s.values[prefix+key]})
		}
	}
	return list
}

// ownKeys is what the keys begin with that are no processor's.
const ownKeys = "\x00"

// keys are those of Pairs, and a subscriber's own.
func (s *Store) keys(prefix string) []string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		if rest, ok := strings.CutPrefix(key, prefix); ok && s.values[key] != "" {
			list = append(list, rest)
		}
	}
	return list
}

// Commit makes the transaction durable, and opens the next. An error is the disk's: what has become of the transaction is
// known after the next boot.
func (s *Store) Commit() error {
	if len(s.changed) == 0 {
		return nil
	}
	b := s.buf[:0]
	for _, key := range slices.Sorted(maps.Keys(s.changed)) {
		b = appendString(appendString(b, key), s.changed[key])
		s.values[key] = s.changed[key]
	}
	s.buf = b
	clear(s.changed)
	if s.wal == nil {
		return nil
	}
	if _, err := s.wal.Append(b); err != nil {
		return err
	}
	return s.wal.Sync()
}
