package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/seedbed-sim/seedbed/report"
	"github.com/seedbed-sim/seedbed/trace"
)

func (a *app) viewCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "view FILE [--from-step K] [--to-step K]",
		Short: "Show a recorded run in a browser.",
		Long: `Serve a page that shows a recorded run, at a free port of this machine, until Control-C. No other machine can reach it,
and no other page. A browser reads the recording by parts, so it may be long; of more than 20 million steps it shows a
part at a time, at first that which ends with the violation, or with the run.`,
		Example: a.examples(
			"run {scenario} --seed 7 --trace 7.trace", "records a run",
			"view 7.trace", "shows it",
			"view 7.trace --from-step 1800", "a part, and what is recorded with it"),
	}
	window := newWindow(c, "show")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("view takes one file, not %d", len(args))
		}
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return a.view(ctx, args[0], window)
	}
	return c
}

// commandsOf are what a page of a recording says to type. Only if the recording is of the plan that its seed draws now can it
// be repeated from that.
func (a *app) commandsOf(path string, h *trace.Header) []report.Command {
	list := []report.Command{{For: "print it", Line: fmt.Sprintf("%s trace %s", a.again, quote(path))}}
	s, err := a.registry.Find(h.Scenario)
	if err != nil {
		return list
	}
	p := s.Plan(h.Seed)
	if plan, err := json.Marshal(p); err != nil || !bytes.Equal(plan, h.Plan) {
		return list
	}
	source := fmt.Sprintf("%s --seed %d", quote(h.Scenario), h.Seed)
	again := []report.Command{{For: "repeat it", Line: fmt.Sprintf("%s run %s", a.again, source)}}
	if h.Violated() {
		again = append(again, explaining(a.again, source, p)...)
	}
	return append(again, list...)
}

// view serves the page of a trace until ctx is done.
func (a *app) view(ctx context.Context, path string, window stepWindow) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	t, err := trace.OpenFile(path)
	if err != nil {
		return err
	}
	defer t.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	header := t.Header()
	first, last, err := window(path, &header)
	if err != nil {
		return err
	}
	query := ""
	if first > 1 || last < header.Steps {
		query = fmt.Sprintf("?from=%d&to=%d", first, min(last, header.Steps))
	}
	listener, err := report.Listen()
	if err != nil {
		return err
	}
	host := listener.Addr().String()
	handler, err := report.Handler(file, info.Size(), report.About{Title: report.Title(t.Reader), Commands: a.commandsOf(path, &header)}, host)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	done := context.AfterFunc(ctx, func() { server.Close() })
	defer done()
	fmt.Fprintf(a.stdout, "http://%s/%s shows %s, until Control-C\n", host, query, path)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
