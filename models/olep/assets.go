package olep

import (
	"fmt"
	"slices"
	"strings"

	"github.com/seedbed-sim/seedbed/sim"
)

// The assets of a newspaper, as in Svingen's "Publishing with Apache Kafka at The New York Times" (2017): one log, in one
// partition, has all that was ever published, and an asset comes after those that it uses. So whoever follows the log, from
// its beginning, has at each moment all that it needs to show what it has.

// Asset is a version of something that is published: a tag, an image that uses tags, or an article that uses images and
// tags. What is used is named, and no version of it is meant: it is the last.
type Asset struct {
	Name    string // its kind and a number: "image/3"
	Version string
	Uses    []string
}

func (a Asset) String() string {
	return fmt.Sprintf("%s@%s using %s", a.Name, a.Version, strings.Join(a.Uses, " "))
}

// assetKinds are in such an order that each uses only those before it.
var assetKinds = []string{"tag", "image", "article"}

// rank is the place of an asset's kind; -1 if it has none.
func rank(name string) int {
	kind, number, _ := strings.Cut(name, "/")
	if number == "" {
		return -1
	}
	return slices.Index(assetKinds, kind)
}

// Check refuses an asset that no newspaper has.
func (a Asset) Check() error {
	if rank(a.Name) < 0 {
		return fmt.Errorf("%q is no asset; there are %s", a.Name, strings.Join(assetKinds, ", "))
	}
	for _, use := range a.Uses {
		if r := rank(use); r < 0 || r >= rank(a.Name) {
			return fmt.Errorf("%s cannot use %q", a.Name, use)
		}
	}
	return nil
}

// Record returns the record of an asset.
func (a Asset) Record() Record {
	return Record{Log: "assets", Key: a.Name, Value: strings.Join(append([]string{a.Version}, a.Uses...), " ")}
}

// ParseAsset reads what Record made.
func ParseAsset(r *Record) (Asset, error) {
	part := strings.Fields(r.Value)
	if len(part) == 0 {
		return Asset{}, fmt.Errorf("%s has no version", r.Key)
	}
	a := Asset{r.Key, part[0], part[1:]}
	return a, a.Check()
}

// AssetLog is what the log of assets is kept by: for ever, and as it is. Compaction would keep of each asset the last
// version, in its place: behind what uses it.
func AssetLog() PartitionConfig { return PartitionConfig{} }

// Unpublished is the definite error of assets that use others which are not there.
type Unpublished []string

func (u Unpublished) Error() string { return strings.Join(u, " ") + " was not published" }

// CaughtUp tells that a publisher knows the log up to a record.
type CaughtUp struct{ Through LSN }

// Publisher publishes assets. It reads the log to know what is there.
type Publisher struct {
	*Producer
	next      LSN
	published map[string]bool
}

// NewPublisher returns a publisher. Its name is that of its producer.
func NewPublisher(p *sim.Proc, name string, c ClientConfig) *Publisher {
	return &Publisher{NewProducer(p, name, c), 1, make(map[string]bool)}
}

// Publish publishes assets, all or none, in such an order that each is there before it is used. The error is ErrUnsure, or
// definite: Unpublished, or that of whoever has refused.
func (w *Publisher) Publish(p *sim.Proc, assets ...Asset) error {
	sorted := slices.Clone(assets)
	slices.SortStableFunc(sorted, func(a, b Asset) int { return rank(a.Name) - rank(b.Name) })
	if err := w.catchUp(p); err != nil {
		return err
	}
	var missing Unpublished
	var batch []Record
	there := make(map[string]bool)
	for _, a := range sorted {
		if err := a.Check(); err != nil {
			return err
		}
		for _, use := range a.Uses {
			if !w.published[use] && !there[use] && !slices.Contains(missing, use) {
				missing = append(missing, use)
			}
		}
		there[a.Name] = true
		batch = append(batch, a.Record())
	}
	if len(missing) > 0 {
		return missing
	}
	_, err := w.Append(p, 0, batch)
	return err
}

// catchUp reads to the end of the log. What this publisher has appended itself it knows no earlier.
func (w *Publisher) catchUp(p *sim.Proc) error {
	for {
		r, err := w.Read(p, 0, Read{From: w.next, Max: 64})
		switch {
		case err != nil:
			return err
		case r.Next == w.next:
			p.Emit(CaughtUp{w.next - 1})
			return nil
		}
		for i := range r.Entries {
			if a, err := ParseAsset(&r.Entries[i].Record); err == nil {
				w.published[a.Name] = true
			}
		}
		w.next = r.Next
	}
}

// Page is an article with all that it uses, each in its last version.
type Page struct{ Article, Text string }

// Shown tells that a site has taken in an asset, and what has changed: all pages that use it.
type Shown struct {
	LSN   LSN
	Asset Asset
	Pages []Page
}

// Site shows articles. It is a Lookup, which keeps a page for each. It takes for granted that what an asset uses is there.
type Site struct{}

// Process implements Processor.
func (Site) Process(env sim.Env, s *Store, e Entry) ([]Output, error) {
	a, err := ParseAsset(&e.Record)
	if err != nil {
		return nil, err
	}
	if !fresh(s, e) {
		return nil, nil
	}
	for _, use := range uses(s, a.Name) {
		with(s, "users of "+use, a.Name, false)
	}
	s.Set("asset "+a.Name, e.Value)
	for _, use := range a.Uses {
		with(s, "users of "+use, a.Name, true)
	}
	f := Shown{LSN: e.LSN, Asset: a}
	for _, name := range affected(s, a.Name) {
		if rank(name) == len(assetKinds)-1 {
			p := Page{name, render(s, name)}
			s.Set("page "+name, p.Text)
			f.Pages = append(f.Pages, p)
		}
	}
	env.Emit(f)
	return nil, nil
}

// uses are what an asset uses.
func uses(s *Store, name string) []string {
	if part := strings.Fields(s.Get("asset " + name)); len(part) > 0 {
		return part[1:]
	}
	return nil
}

// affected are an asset and all that use it, directly or not.
func affected(s *Store, name string) []string {
	all := []string{name}
	for i := 0; i < len(all); i++ {
		for _, user := range strings.Fields(s.Get("users of " + all[i])) {
			if !slices.Contains(all, user) {
				all = append(all, user)
			}
		}
	}
	return all
}

// render is an asset with all that it uses: "image/1@v4[tag/2@v3]".
func render(s *Store, name string) string {
	version, _, _ := strings.Cut(s.Get("asset "+name), " ")
	text := name + "@" + version
	var inner []string
	for _, use := range uses(s, name) {
		inner = append(inner, render(s, use))
	}
	if len(inner) > 0 {
		text += "[" + strings.Join(inner, " ") + "]"
	}
	return text
}

// Get implements Lookup: the page of an article.
func (Site) Get(s *Store, article string) string { return s.Get("page " + article) }

// Contents implements Lookup: all pages.
func (Site) Contents(s *Store) string {
	var b strings.Builder
	for _, article := range s.keys("page ") {
		fmt.Fprintf(&b, "%s=%s\n", article, s.values["page "+article])
	}
	return b.String()
}

// Assets are all that a site's store has, by name, as of the last transaction.
func (Site) Assets(s *Store) []Asset {
	var list []Asset
	for _, name := range s.keys("asset ") {
		if a, err := ParseAsset(&Record{Key: name, Value: s.values["asset "+name]}); err == nil {
			list = append(list, a)
		}
	}
	return list
}

var _ Lookup = Site{}
