package olep

import (
	"maps"
	"slices"
	"strconv"

	"github.com/seedbed-sim/seedbed/sim"
	"github.com/seedbed-sim/seedbed/wal"
)

// Store is a subscriber's own database: keys with values, changed by transactions that are durable as a whole or not at all.
// All of it is in memory; on disk is a log of transactions, on package wal.
type Store struct {
	wal     *wal.Log
	values  map[string]string
	changed map[string]string // by the transaction that is open
	buf     []byte
}

// OpenStore opens the database of this name on a node's disk, or an empty one. An error is the disk's.
func OpenStore(disk sim.Disk, name string) (*Store, error) {
	l, err := wal.Open(disk, name, wal.Options{})
	if err != nil {
		return nil, err
	}
	s := &Store{wal: l, values: make(map[string]string), changed: make(map[string]string)}
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
	if _, err := s.wal.Append(b); err != nil {
		return err
	}
	return s.wal.Sync()
}
