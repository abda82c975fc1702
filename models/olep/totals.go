package olep

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/seedbed-sim/seedbed/sim"
)

// Totals adds up the sales of a shop, by product. A sale is a record without a key, "PRODUCT AMOUNT", where an amount is of whole
// units, "12", or of cents, "1250c", and less than 0 for what came back. It is a Lookup.
//
// Its first version has mistakes, which the next one has not: it takes cents for whole units, and what it cannot read for
// a sale of nothing, or gets stuck at it.
type Totals struct {
	First bool
	Stuck bool // of the first
}

// SaleLog is the logical log of sales.
const SaleLog = "sales"

// Process implements Processor. Totals are in cents.
func (t Totals) Process(_ sim.Env, s *Store, e Entry) ([]Output, error) {
	product, cents, err := t.parse(e.Value)
	if err != nil {
		return nil, err
	}
	if fresh(s, e) {
		s.SetInt("total "+product, s.Int("total "+product)+cents)
		s.SetInt("sales of "+product, s.Int("sales of "+product)+1)
	}
	return nil, nil
}

// parse reads a sale.
func (t Totals) parse(text string) (product string, cents int64, err error) {
	product, amount, _ := strings.Cut(text, " ")
	digits, inCents := strings.CutSuffix(amount, "c")
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err == nil && inCents && !t.First:
		return product, n, nil
	case err == nil:
		return product, 100 * n, nil
	case !t.First:
		return "", 0, fmt.Errorf("%q is no sale", text)
	case t.Stuck:
		return "", 0, fmt.Errorf("%q: %w", text, ErrStuck)
	default:
		return product, 0, nil
	}
}

// Get implements Lookup: the total of a product.
func (Totals) Get(s *Store, product string) string { return s.Get("total " + product) }

// Contents implements Lookup: "PRODUCT=TOTAL of N".
func (Totals) Contents(s *Store) string {
	var b strings.Builder
	for _, p := range s.Pairs("total ") {
		fmt.Fprintf(&b, "%s=%s of %s\n", p.Key, p.Value, s.values["sales of "+p.Key])
	}
	return b.String()
}

var _ Lookup = Totals{}
