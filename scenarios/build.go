package scenarios

import (
	"fmt"
	"strings"

	"github.com/seedbed-sim/seedbed/nemesis"
	"github.com/seedbed-sim/seedbed/trace"
)

// ThisBuild names the source of the running program, for Plan.Build: its module and revision, as far as they are known.
// The release of Go and the processor are no part of it, as they change no run.
func ThisBuild() string {
	b := trace.ThisBuild()
	return strings.TrimSpace(b.Module + " " + b.Revision)
}

// Foreign says that a plan was made by another build, whose run it may not be any more; it is empty for this build's
// plans, and those that do not tell.
func Foreign(p nemesis.Plan) string {
	if p.Build == "" || p.Build == ThisBuild() {
		return ""
	}
	return fmt.Sprintf("made by another build, %s; with this one, %s, it may mean another run", p.Build, ThisBuild())
}
