package report

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"path"
	"sync"
	"time"

	"github.com/seedbed-sim/seedbed/trace"
)

// Handler serves a page at "/", its trace, of size bytes, by ranges at "/trace", and at "/story" the story, which is made
// once somebody asks for it, since that takes long where a run is long; nothing else is there. It answers only to requests
// for the host it listens at, and to none that another page has made: so no name that leads here, and no page that is open
// beside this one, gets at the trace.
func Handler(file io.ReaderAt, size int64, about About, host string) (http.Handler, error) {
	about.Served = true
	var page bytes.Buffer
	if err := write(&page, about.Title, about); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write(page.Bytes())
	})
	mux.HandleFunc("GET /trace", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(file, 0, size))
	})
	story := sync.OnceValues(func() ([]byte, error) { return storyJSON(file, size) })
	mux.HandleFunc("GET /story", func(w http.ResponseWriter, r *http.Request) {
		text, err := story()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Write(text)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if r.Host != host || !sameOrigin(r, host) {
			http.Error(w, "this page is served to "+host+" alone", http.StatusForbidden)
			return
		}
		if p := r.URL.Path; p != path.Clean(p) { // of which a mux would say where else to look
			http.NotFound(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	}), nil
}

func storyJSON(file io.ReaderAt, size int64) ([]byte, error) {
	t, err := trace.Open(file, size)
	if err != nil {
		return nil, err
	}
	story, err := Story(t)
	if err != nil {
		return nil, err
	}
	return json.Marshal(story)
}

// sameOrigin reports whether a request may have been made by the page itself, or by a person.
func sameOrigin(r *http.Request, host string) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Scheme == "http" && u.Host == host
}

// Listen listens at a free port of this machine, which no other machine can reach.
func Listen() (net.Listener, error) { return net.Listen("tcp", "127.0.0.1:0") }
