package scenarios

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seedbed-sim/seedbed/checkers"
	"github.com/seedbed-sim/seedbed/models/olep"
	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/sim"
)

var olepAssets = &Scenario{
	Name:  "olep/assets",
	Doc:   "A newspaper's log: what an asset uses is published before it, and pages show the last version of all they use.",
	Space: assetSpace(),
	Tail:  8 * time.Second,
	Build: buildAssets,
	Judge: func(r *Run) { r.State.(*newspaper).judge() },
	Views: func(r *Run) []View { n := r.State.(*newspaper); return n.logs.views(n.derived()) },
	Fits: func(p nemesis.Plan) error {
		if p.Nodes < 2 {
			return fmt.Errorf("nodes: a broker and a site are 2 nodes, not %d", p.Nodes)
		}
		for i, op := range p.Ops {
			if op.Kind == "publish" && op.Value == "" {
				return fmt.Errorf("ops[%d].value: missing; it is the asset's version", i)
			}
		}
		return argsAre(p, "a list of what it can use, such as image/1,tag/2", func(op nemesis.Op) bool {
			return op.Kind != "publish" || assetOf(op).Check() == nil
		})
	},
	Floors: olepFloors(Floor{"ok", 60}, Floor{"planned partition", 1}, Floor{"assets published", 100}, Floor{"pages refreshed", 100}),
}

// assetSpace has a broker; what is left are sites, of which the later ones begin from scratch while everything runs.
func assetSpace() nemesis.Space {
	s := olepLogSpace()
	s.Scenario = "olep/assets"
	s.Nodes = nemesis.Range[int]{Min: 3, Max: 5}
	s.OpKinds = []nemesis.OpKind{
		{Kind: "publish", Weight: 10, Key: true, Value: true, Arg: whatItUses},
		{Kind: "look", Weight: 3, Key: true},
	}
	s.Keys = []string{
		"article/1", "article/2", "article/3", "article/4", "article/5", "article/6", "article/7", "article/8",
		"image/1", "image/2", "image/3", "image/4", "image/5", "image/6", "tag/1", "tag/2", "tag/3", "tag/4",
	}
	s.Ops = nemesis.Range[int]{Min: 150, Max: 200}
	s.Clients = nemesis.Range[int]{Min: 4, Max: 6}
	s.Facts = []string{"Booted", "Appended", "Resumed", "Shown"}
	return s
}

// whatItUses draws up to five images and tags for an article, up to two tags for an image.
func whatItUses(op nemesis.Op, _ []nemesis.Op, below func(int) int) string {
	var pool []string
	switch kind, _, _ := strings.Cut(op.Key, "/"); kind {
	case "article":
		pool = []string{"image/1", "image/2", "image/3", "image/4", "image/5", "image/6", "tag/1", "tag/2", "tag/3", "tag/4"}
	case "image":
		pool = []string{"tag/1", "tag/2", "tag/3", "tag/4"}
	}
	var uses []string
	for range below(1 + len(pool)/2) {
		if use := pool[below(len(pool))]; !slices.Contains(uses, use) {
			uses = append(uses, use)
		}
	}
	return strings.Join(uses, ",")
}

func assetOf(op nemesis.Op) olep.Asset {
	a := olep.Asset{Name: op.Key, Version: op.Value}
	if op.Arg != "" {
		a.Uses = strings.Split(op.Arg, ",")
	}
	return a
}

// newspaper is what the run is judged by.
type newspaper struct {
	run    *Run
	logs   olepLogs
	client olep.ClientConfig
	sites  []sim.NodeID
	assets map[string]olep.Asset // by name: the last version in the log
	log    []string              // by LSN from 1: the asset's name and version
	pages  []map[string]string   // by LSN: what a site has then
	maker  map[string]sim.NodeID // by version
	seen   map[sim.NodeID]int    // by client: how much of the log it has read
	shows  map[sim.NodeID]map[string]string
	causes *checkers.Causality[string]

	first, last, backed *checkers.Property
}

func buildAssets(r *Run) {
	d := sim.NewStream(r.Plan.Seed, "assets config")
	cluster := olepCluster(1, 1)
	n := &newspaper{
		run:    r,
		client: olepHasty(r, cluster, &d),
		assets: map[string]olep.Asset{}, pages: []map[string]string{{}}, maker: map[string]sim.NodeID{},
		seen: map[sim.NodeID]int{}, shows: map[sim.NodeID]map[string]string{}, causes: checkers.NewCausality[string](r.Checks),
		first:  r.Checks.Always("what an asset uses is before it in the log"),
		last:   r.Checks.Always("pages show the last version of all that they use"),
		backed: r.Checks.Always("a reader sees the pages of some moment"),
	}
	r.State = n
	n.logs = keepLogs(r, 1, nil)
	n.watch()

	checkpoint := olep.Checkpoint(d.Below(2))
	r.World.Add(func(id sim.NodeID) sim.Node {
		return olep.NewBroker(id, olep.BrokerConfig{Cluster: cluster, Partition: olep.AssetLog()})
	})
	for i := range r.Plan.Nodes - 1 {
		c := olep.SubscriberConfig{
			ClientConfig: n.client, Name: "site", Checkpoint: checkpoint, Max: 1 + int(d.Below(16)), Work: d.Between(0, 20*time.Millisecond),
		}
		if i >= 1 {
			c.After = d.Between(0, r.Plan.Duration)
		}
		n.sites = append(n.sites, r.World.Add(func(sim.NodeID) sim.Node { return olep.NewView(c, olep.Site{}) }))
	}
	last := func(sim.NodeID) olep.LSN { return olep.LSN(len(n.log)) }
	r.viewClients(n.client, n.newsroom, "sites come to the end of the log", n.sites, last)
}

// watch feeds the checkers with what the broker, the sites and the clients state.
func (n *newspaper) watch() {
	r := n.run
	twice := r.Checks.Sometimes("an image was refreshed on several pages at once")
	r.World.Watch(func(s *sim.Step) {
		switch f := s.Payload.(type) {
		case olep.Appended:
			for i := range f.Entries {
				if e := &f.Entries[i]; int(e.LSN) == len(n.log)+1 {
					n.published(e)
				}
			}
		case olep.CaughtUp:
			for ; n.seen[s.Node] < int(f.Through); n.seen[s.Node]++ {
				n.causes.See(s.Node, n.log[n.seen[s.Node]])
			}
		case olep.Resumed:
			n.resumed(s.Node)
		case olep.Shown:
			if len(f.Pages) > 1 && strings.HasPrefix(f.Asset.Name, "image") {
				twice.Hold()
			}
			r.Contents.Add("pages refreshed", int64(len(f.Pages)))
			n.shown(s.Node, f)
		}
	})
}

// versionOf is what the checkers know a version by; that an asset is there at all they know by its name.
func versionOf(a olep.Asset) string { return a.Name + "@" + a.Version }

// published takes in a record of the log.
func (n *newspaper) published(e *olep.Entry) {
	a, err := olep.ParseAsset(&e.Record)
	if err != nil {
		n.first.Violatef("%v is in the log: %v", e, err)
		return
	}
	for _, use := range a.Uses {
		_, ok := n.assets[use]
		n.first.Check(ok, func() string { return fmt.Sprintf("record %d is %v, and %s is not there", e.LSN, a, use) })
	}
	n.run.Contents.Add("assets published", 1)
	n.assets[a.Name] = a
	n.log = append(n.log, versionOf(a))
	pages := make(map[string]string)
	for name := range n.assets {
		if strings.HasPrefix(name, "article") {
			pages[name] = n.page(name)
		}
	}
	n.pages = append(n.pages, pages)
	n.causes.Make(n.maker[a.Version], versionOf(a))
	n.causes.Refer(versionOf(a), a.Uses...)
}

// page is what an article looks like now.
func (n *newspaper) page(name string) string {
	a := n.assets[name]
	if len(a.Uses) == 0 {
		return versionOf(a)
	}
	var inner []string
	for _, use := range a.Uses {
		inner = append(inner, n.page(use))
	}
	return fmt.Sprintf("%s[%s]", versionOf(a), strings.Join(inner, " "))
}

// resumed takes in what a site has found on its disk.
func (n *newspaper) resumed(id sim.NodeID) {
	n.causes.Restart(id)
	store := n.run.view(id).Store()
	assets := olep.Site{}.Assets(store)
	for _, version := range n.log[:olep.Through(store)] { // what it has shown before
		n.causes.Have(id, version)
	}
	for _, a := range assets {
		n.causes.Have(id, a.Name)
	}
	for _, a := range assets {
		n.causes.Show(id, versionOf(a))
	}
	n.shows[id] = make(map[string]string)
	for _, line := range strings.Split(n.run.view(id).Contents(), "\n") {
		if article, text, ok := strings.Cut(line, "="); ok {
			n.shows[id][article] = text
		}
	}
	n.compare(id, olep.Through(store))
}

// shown takes in what a site shows from now on.
func (n *newspaper) shown(id sim.NodeID, f olep.Shown) {
	n.causes.Show(id, versionOf(f.Asset))
	n.causes.Have(id, f.Asset.Name)
	for _, p := range f.Pages {
		n.shows[id][p.Article] = p.Text
	}
	n.compare(id, f.LSN)
}

// compare looks at all pages of a site that has this record.
func (n *newspaper) compare(id sim.NodeID, through olep.LSN) {
	want, has := n.pages[through], n.shows[id]
	if maps.Equal(want, has) {
		n.last.Hold()
		return
	}
	for _, article := range slices.Sorted(maps.Keys(want)) {
		if has[article] != want[article] {
			n.last.Violatef("%s has %q at record %d, and should have %q", id, has[article], through, want[article])
			return
		}
	}
	n.last.Violatef("%s has %d pages at record %d, and should have %d", id, len(has), through, len(want))
}

// newsroom publishes assets, and looks at pages.
func (n *newspaper) newsroom(p *sim.Proc, number int, ops []nemesis.Op) {
	w := olep.NewPublisher(p, fmt.Sprintf("c%d", number), n.client)
	for i, op := range n.run.planned(p, ops) {
		if op.Kind == "look" {
			n.look(p, n.sites[(number+i)%len(n.sites)], op.Key)
			continue
		}
		n.publish(p, w, assetOf(op))
	}
	for i := range n.run.tail(p) {
		a := olep.Asset{Name: fmt.Sprintf("image/%d", 1+number%4), Version: fmt.Sprintf("t%d.%d", number, i)}
		if i%2 == 1 {
			a.Name, a.Uses = fmt.Sprintf("article/%d", number), []string{a.Name, "tag/1"}
		}
		n.publish(p, w, a)
	}
}

// publish publishes an asset, with what it uses if that is not there.
func (n *newspaper) publish(p *sim.Proc, w *olep.Publisher, a olep.Asset) {
	with := n.run.Checks.Sometimes("an asset was published with what it uses")
	n.maker[a.Version] = p.ID()
	op := p.Op(a)
	err := w.Publish(p, a)
	if missing, ok := err.(olep.Unpublished); ok {
		batch := []olep.Asset{a}
		for i, use := range missing {
			b := olep.Asset{Name: use, Version: fmt.Sprintf("%s.%d", a.Version, i)}
			n.maker[b.Version] = p.ID()
			batch = append(batch, b)
		}
		if err = w.Publish(p, batch...); err == nil {
			with.Hold()
		}
	}
	switch {
	case err == nil:
		op.OK(nil)
	case err == olep.ErrUnsure:
		op.Info()
	default:
		op.Fail()
	}
}

// look reads a page.
func (n *newspaper) look(p *sim.Proc, site sim.NodeID, article string) {
	a, ok := olep.Ask(p, site, article, 0, n.client.Retry, p.Elapsed()+5*n.client.Retry)
	if !ok {
		return
	}
	want := n.pages[a.Through][article]
	n.backed.Check(a.Value == want, func() string {
		return fmt.Sprintf("%s shows %q as of record %d, where %s is %q", site, a.Value, a.Through, article, want)
	})
}

// judge compares sites that have lived through it all with those that have begun later.
func (n *newspaper) judge() {
	same := checkers.NewConvergence[string](n.run.Checks)
	for _, id := range n.sites {
		same.State(id, n.run.view(id).Contents())
	}
	same.Quiet(n.sites...)
	n.logs.judge(n.run, n.derived())
}

// derived is the one view.
func (n *newspaper) derived() []derived {
	return []derived{{
		name: "site", doc: "pages of articles, with the versions of all that they use", processor: olep.Site{},
		show: prefixed("page "), nodes: n.sites,
	}}
}
