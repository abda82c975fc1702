package olep

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Table is the state of a task: keys with values, in memory, and lost with it. Its changes are records of a changelog, and
// a changelog is a table at any of its records (Sax et al., "Streams and Tables: Two Sides of the Same Coin", BIRTE 2018):
// whoever applies it up to there has the table as it was.
type Table struct {
	values  map[string]string
	changed map[string]bool // since the last call of Changes
}

// NewTable returns an empty table.
func NewTable() *Table { return &Table{make(map[string]string), make(map[string]bool)} }

// Get returns the value of a key, "" if it has none.
func (t *Table) Get(key string) string { return t.values[key] }

// Int is Get of a number; 0 if there is none.
func (t *Table) Int(key string) int64 {
	n, _ := strconv.ParseInt(t.Get(key), 10, 64)
	return n
}

// Set gives a key a value; "" deletes it.
func (t *Table) Set(key, value string) {
	if t.values[key] == value {
		return
	}
	t.changed[key] = true
	if t.values[key] = value; value == "" {
		delete(t.values, key)
	}
}

// SetInt is Set of a number.
func (t *Table) SetInt(key string, n int64) { t.Set(key, strconv.FormatInt(n, 10)) }

// Changes returns what has changed since the last call, as records of a logical log: one of each key.
func (t *Table) Changes(log string) []Record {
	records := make([]Record, 0, len(t.changed))
	for _, key := range slices.Sorted(maps.Keys(t.changed)) {
		value, ok := t.values[key]
		records = append(records, Record{Log: log, Key: key, Value: value, Tombstone: !ok})
	}
	clear(t.changed)
	return records
}

// Apply takes a record of a changelog in. That is no change.
func (t *Table) Apply(r *Record) {
	if r.Tombstone {
		delete(t.values, r.Key)
		return
	}
	t.values[r.Key] = r.Value
}

// String is all keys with their values, sorted: tables that are equal print the same.
func (t *Table) String() string {
	var b strings.Builder
	for i, key := range slices.Sorted(maps.Keys(t.values)) {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(key + "=" + t.values[key])
	}
	return b.String()
}
