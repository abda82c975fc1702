package report

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

const here = "127.0.0.1:4711"

func get(t *testing.T, path string, header ...string) *http.Response {
	t.Helper()
	file := []byte("0123456789")
	h, err := Handler(bytes.NewReader(file), int64(len(file)), About{Title: "a run"}, here)
	require.NoError(t, err)
	r := httptest.NewRequest("GET", "http://"+here+path, nil)
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else if header[i] == "Method" {
			r.Method = header[i+1]
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func contents(t *testing.T, r *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	return string(b)
}

func TestAPageAndItsTraceAreServed(t *testing.T) {
	r := get(t, "/")
	require.Equal(t, http.StatusOK, r.StatusCode)
	require.Contains(t, contents(t, r), "<title>a run</title>")
	require.Equal(t, "nosniff", r.Header.Get("X-Content-Type-Options"))

	r = get(t, "/trace", "Range", "bytes=2-4")
	require.Equal(t, http.StatusPartialContent, r.StatusCode)
	require.Equal(t, "234", contents(t, r))
	require.Equal(t, http.StatusRequestedRangeNotSatisfiable, get(t, "/trace", "Range", "bytes=20-").StatusCode)
	r = get(t, "/trace", "Method", "HEAD")
	require.Equal(t, "10", r.Header.Get("Content-Length"))
}

func TestNothingElseIsServed(t *testing.T) {
	for _, path := range []string{"/index.html", "/trace/", "/page/main.js", "/../go.mod", "/..%2f..%2fetc%2fpasswd", "/trace/../../etc/passwd", "//etc/passwd"} {
		r := get(t, path)
		require.Equal(t, http.StatusNotFound, r.StatusCode, path)
		require.NotContains(t, contents(t, r), "root:", path)
	}
	require.Equal(t, http.StatusInternalServerError, get(t, "/story").StatusCode, "what is no trace has none")
	require.Equal(t, http.StatusMethodNotAllowed, get(t, "/", "Method", "POST").StatusCode)
}

func TestOthersAreRefused(t *testing.T) {
	for _, header := range [][]string{
		{"Host", "evil.example"}, {"Host", "evil.example:4711"}, {"Host", "localhost:4711"}, {"Host", "127.0.0.1"}, {"Host", "127.0.0.1:80"}, {"Host", ""},
		{"Origin", "http://evil.example"}, {"Origin", "null"}, {"Origin", "https://" + here}, {"Origin", "http://localhost:4711"},
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"},
	} {
		for _, path := range []string{"/", "/trace", "/story"} {
			r := get(t, path, header...)
			require.Equal(t, http.StatusForbidden, r.StatusCode, "%s %v", path, header)
			require.NotContains(t, contents(t, r), "0123")
		}
	}
	require.Equal(t, http.StatusOK, get(t, "/trace", "Origin", "http://"+here, "Sec-Fetch-Site", "same-origin").StatusCode)
	require.Equal(t, http.StatusOK, get(t, "/", "Sec-Fetch-Site", "none").StatusCode)
}
