package nemesis

import (
	"fmt"
	"math"
	"strings"

	"github.com/seedbed-sim/seedbed/disksim"
	"github.com/seedbed-sim/seedbed/netsim"
)

// linkFields is the JSON form of a link's model; what is left out is zero.
func linkFields(c *codec, l *netsim.Link) {
	c.object(func() {
		y := &l.Latency
		c.field("latency", func() { choice(c, &y.Shape, shapes) })
		c.maybe("min", y.Min != 0, func() { c.duration(&y.Min) })
		c.maybe("max", y.Max != 0, func() { c.duration(&y.Max) })
		c.maybe("mean", y.Mean != 0, func() { c.duration(&y.Mean) })
		c.maybe("alpha", y.Alpha != 0, func() { integer(c, &y.Alpha, 0, math.MaxInt64) })
		c.maybe("loss_ppm", l.Loss != 0, func() { c.ppm(&l.Loss) })
		c.maybe("duplicate_ppm", l.Duplicate != 0, func() { c.ppm(&l.Duplicate) })
		c.maybe("reorder_ppm", l.Reorder != 0, func() { c.ppm(&l.Reorder) })
		c.maybe("reorder_by", l.ReorderBy != 0, func() { c.duration(&l.ReorderBy) })
		c.maybe("bandwidth", l.Bandwidth != 0, func() { integer(c, &l.Bandwidth, 0, math.MaxInt64) })
		c.maybe("fifo", l.FIFO, func() { c.flag(&l.FIFO) })
		c.maybe("retransmit_after", l.RetransmitAfter != 0, func() { c.duration(&l.RetransmitAfter) })
		if err := l.Validate(); err != nil {
			c.fail("%v", err)
		}
	})
}

// diskFields is the JSON form of a disk's model; what is left out is zero.
func diskFields(c *codec, d *disksim.Config) {
	c.object(func() {
		c.maybe("sync_min", d.SyncMin != 0, func() { c.duration(&d.SyncMin) })
		c.maybe("sync_max", d.SyncMax != 0, func() { c.duration(&d.SyncMax) })
		c.maybe("capacity", d.Capacity != 0, func() { integer(c, &d.Capacity, 0, math.MaxInt64) })
		c.maybe("crash", len(d.Crash) > 0, func() {
			list(c, &d.Crash, func(m *disksim.Mode) { choice(c, m, modes) })
		})
	})
}

// shapes and modes are the names of values from 0 up; no mode is 0.
var (
	shapes = []string{
		netsim.Constant.String(), netsim.Uniform.String(), netsim.Exponential.String(), netsim.HeavyTail.String(),
	}
	modes = []string{
		"", disksim.KeepAll.String(), disksim.LoseAll.String(), disksim.Prefix.String(),
		disksim.Subset.String(), disksim.Pages.String(), disksim.Sectors.String(),
	}
)

// linkText is a link's model for people.
func linkText(l netsim.Link) string {
	y := l.Latency
	text := fmt.Sprintf("%v %v", y.Shape, y.Min)
	if y.Max != 0 && y.Shape != netsim.Constant {
		text += fmt.Sprintf("–%v", y.Max)
	}
	if y.Shape == netsim.Exponential {
		text += fmt.Sprintf(", mean +%v", y.Mean)
	}
	if l.Loss != 0 {
		text += ", " + percent(l.Loss) + " lost"
	}
	if l.Duplicate != 0 {
		text += ", " + percent(l.Duplicate) + " duplicated"
	}
	if l.Reorder != 0 {
		text += fmt.Sprintf(", %s reordered by up to %v", percent(l.Reorder), l.ReorderBy)
	}
	if l.Bandwidth != 0 {
		text += fmt.Sprintf(", %d B/s", l.Bandwidth)
	}
	if l.FIFO {
		text += ", FIFO"
	}
	return text
}

// diskText is a disk's model for people.
func diskText(d disksim.Config) string {
	text := fmt.Sprintf("sync %v–%v", d.SyncMin, max(d.SyncMin, d.SyncMax))
	if d.Capacity != 0 {
		text += fmt.Sprintf(", %d bytes", d.Capacity)
	}
	if len(d.Crash) > 0 {
		names := make([]string, len(d.Crash))
		for i, m := range d.Crash {
			names[i] = m.String()
		}
		text += ", a crash does " + strings.Join(names, " or ")
	}
	return text
}
