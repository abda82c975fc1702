package wallclock

import . "time"

type heart struct{ *Ticker } // want wall-clock "time.Ticker"

func dotted(h heart) Time {
	h.Reset(Second) // want wall-clock "time.Ticker.Reset"
	return Now()    // want wall-clock "time.Now"
}
