package scenarios

import (
	"encoding/json"
	"slices"
	"strings"
)

// Contents counts what a run contained, by name, so that emptiness shows.
type Contents []Count

// Count is one number of Contents.
type Count struct {
	Name string
	N    int64
}

// Add adds n to the count of a name. The list stays sorted by name.
func (c *Contents) Add(name string, n int64) {
	i, ok := c.find(name)
	if !ok {
		*c = slices.Insert(*c, i, Count{Name: name})
	}
	(*c)[i].N += n
}

// Get returns the count of a name.
func (c Contents) Get(name string) int64 {
	if i, ok := c.find(name); ok {
		return c[i].N
	}
	return 0
}

func (c Contents) find(name string) (int, bool) {
	return slices.BinarySearchFunc(c, name, func(e Count, name string) int { return strings.Compare(e.Name, name) })
}

// MarshalJSON writes an object, in the order of the names.
func (c Contents) MarshalJSON() ([]byte, error) {
	m := make(map[string]int64, len(c))
	for _, e := range c {
		m[e.Name] = e.N
	}
	return json.Marshal(m)
}

// Distribution is how often each value of a count came up over the seeds of a sweep. It takes memory by different
// values, not by seeds.
type Distribution struct {
	runs   int64
	sum    int64
	values []valueCount // ascending
}

type valueCount struct{ value, times int64 }

// Add counts one run's value.
func (d *Distribution) Add(value int64) { d.add(value, 1) }

func (d *Distribution) add(value, times int64) {
	d.runs += times
	d.sum += value * times
	i, ok := slices.BinarySearchFunc(d.values, value, func(e valueCount, v int64) int {
		switch {
		case e.value < v:
			return -1
		case e.value > v:
			return 1
		}
		return 0
	})
	if !ok {
		d.values = slices.Insert(d.values, i, valueCount{value: value})
	}
	d.values[i].times += times
}

// Merge adds another sweep's values.
func (d *Distribution) Merge(o *Distribution) {
	for _, v := range o.values {
		d.add(v.value, v.times)
	}
}

// Sum is the total over all runs.
func (d *Distribution) Sum() int64 { return d.sum }

// Median is the lower median; 0 for no runs. zeros runs that did not name the count count as zero.
func (d *Distribution) Median(zeros int64) int64 {
	half := (d.runs + zeros + 1) / 2
	seen := int64(0)
	counted := false
	for _, v := range d.values {
		if !counted && v.value >= 0 {
			seen, counted = seen+zeros, true
			if seen >= half {
				return 0
			}
		}
		if seen += v.times; seen >= half {
			return v.value
		}
	}
	return 0
}
