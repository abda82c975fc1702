// Package seeds is sets of seeds as people write them: "1-500,77". It parses, prints and walks them; it draws nothing.
package seeds

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Ranges is a set of seeds, in ascending order whatever the order in which it was written: ranges are disjoint, do not
// touch, and none is empty. The zero value holds no seed. Seeds start at 1: zero means "any" to the tools we print
// repeat lines for, so no seed is zero, and Len never overflows.
type Ranges []Range

// Range is the seeds from First to Last, both included; 1 ≤ First ≤ Last.
type Range struct{ First, Last uint64 }

// Parse reads seeds and ranges separated by commas, such as "1-500,77". Seeds that occur more than once count once. The
// error is one line that quotes the text and says what would be right.
func Parse(text string) (Ranges, error) {
	var rs Ranges
	for part := range strings.SplitSeq(text, ",") {
		r, err := parseRange(part)
		if err != nil {
			return nil, fmt.Errorf("seeds %s: %w", quote(text), err)
		}
		rs = append(rs, r)
	}
	return merge(rs), nil
}

// All yields every seed once, in ascending order.
func (rs Ranges) All() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for _, r := range rs {
			for seed := r.First; ; seed++ {
				if !yield(seed) {
					return
				}
				if seed == r.Last { // not in the loop's condition: Last may be the last number there is
					break
				}
			}
		}
	}
}

// Len is the number of seeds.
func (rs Ranges) Len() uint64 {
	var n uint64
	for _, r := range rs {
		n += r.Last - r.First + 1
	}
	return n
}

// String is the set in the form that Parse reads.
func (rs Ranges) String() string {
	parts := make([]string, len(rs))
	for i, r := range rs {
		parts[i] = r.String()
	}
	return strings.Join(parts, ",")
}

func (r Range) String() string {
	if r.First == r.Last {
		return strconv.FormatUint(r.First, 10)
	}
	return strconv.FormatUint(r.First, 10) + "-" + strconv.FormatUint(r.Last, 10)
}

func parseRange(text string) (Range, error) {
	switch {
	case text == "":
		return Range{}, errors.New("a seed is missing; write numbers and ranges such as 1-500,77")
	case strings.ContainsAny(text, " \t\r\n"):
		return Range{}, errors.New("no spaces; write numbers and ranges such as 1-500,77")
	}
	first, last, isRange := strings.Cut(text, "-")
	switch {
	case !isRange:
		seed, err := parseSeed(first)
		return Range{seed, seed}, err
	case first == "" && last != "":
		return Range{}, fmt.Errorf("%s has no first seed (and no seed is negative); write both ends, such as 1-500", quote(text))
	case first == "" || last == "":
		return Range{}, fmt.Errorf("%s is an open range; write both ends, such as 1-500", quote(text))
	}
	var r Range
	var err error
	if r.First, err = parseSeed(first); err != nil {
		return Range{}, err
	}
	if r.Last, err = parseSeed(last); err != nil {
		return Range{}, err
	}
	if r.Last < r.First {
		return Range{}, fmt.Errorf("%s runs backwards; write %s", quote(text), Range{r.Last, r.First})
	}
	return r, nil
}

func parseSeed(text string) (uint64, error) {
	seed, err := strconv.ParseUint(text, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%s is too large; the largest seed is %d", quote(text), uint64(math.MaxUint64))
	case err != nil:
		return 0, fmt.Errorf("%s is not a seed; write a decimal number such as 77", quote(text))
	case seed == 0:
		return 0, errors.New("seeds start at 1")
	}
	return seed, nil
}

// merge sorts ranges in place and joins those that overlap or touch.
func merge(rs Ranges) Ranges {
	slices.SortFunc(rs, func(a, b Range) int { return cmp.Compare(a.First, b.First) })
	merged := rs[:0]
	for _, r := range rs {
		if n := len(merged); n > 0 && r.First-1 <= merged[n-1].Last {
			merged[n-1].Last = max(merged[n-1].Last, r.Last)
		} else {
			merged = append(merged, r)
		}
	}
	return merged
}

// quote keeps an error on one readable line.
func quote(text string) string {
	const most = 40
	if len(text) > most {
		return strconv.Quote(text[:most]) + "…"
	}
	return strconv.Quote(text)
}
