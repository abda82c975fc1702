package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seedbed-sim/seedbed/report"
	"github.com/seedbed-sim/seedbed/scenarios"
)

// A story goes forward, ends with the violation, and says what matters of it.
func TestStory(t *testing.T) {
	r := opened(t, failing(t))
	h := r.Header()
	story, err := report.Story(r)
	require.NoError(t, err)
	last := uint64(0)
	var text strings.Builder
	require.NoError(t, report.WriteStory(&text, story))
	for _, s := range story[:len(story)-1] {
		if s.Step == 0 {
			continue
		}
		require.Greater(t, s.Step, last, s.Text)
		require.LessOrEqual(t, s.Step, h.Step, s.Text)
		last = s.Step
	}
	end := story[len(story)-1]
	require.Equal(t, h.Step, end.Step)
	require.Equal(t, all(t, r)[h.Step-1].At, end.At)
	require.Contains(t, end.Text, h.Property)
	require.Contains(t, text.String(), h.Name(h.Node)+" becomes leader of term ")
	require.Contains(t, text.String(), " votes for "+h.Name(h.Node))
	require.LessOrEqual(t, strings.Count(text.String(), "\n"), 42)
}

// A story of what shows once all is over is about what the violation names.
func TestStoryOfTheWhole(t *testing.T) {
	s := scenario(t, "olep/last-resource")
	for seed := uint64(1); seed <= 50; seed++ {
		r := s.RunSeed(seed, scenarios.Options{})
		if r.Property == "" {
			continue
		}
		story, err := report.Story(opened(t, record(t, s, r.Plan, scenarios.Options{})))
		require.NoError(t, err)
		require.Greater(t, len(story), 3)
		version := r.Detail[strings.LastIndex(r.Detail, " ")+1:]
		told := 0
		for _, sentence := range story[:len(story)-1] {
			if strings.Contains(sentence.Text, version) {
				told++
			}
		}
		require.Positive(t, told, "%s in %v", version, story)
		require.Contains(t, story[len(story)-1].Text, "Once all was over")
		return
	}
	t.Fatal("no seed shows the anomaly")
}

func TestAValidRunHasNoStory(t *testing.T) {
	s := scenario(t, "raft/kv")
	story, err := report.Story(opened(t, record(t, s, s.Plan(7), scenarios.Options{})))
	require.NoError(t, err)
	require.Empty(t, story)
}

func TestAStoryIsServed(t *testing.T) {
	file := failing(t)
	want, err := report.Story(opened(t, file))
	require.NoError(t, err)
	require.Greater(t, len(want), 4)
	h, err := report.Handler(bytes.NewReader(file), int64(len(file)), report.About{}, "example.com")
	require.NoError(t, err)
	for range 2 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/story", nil))
		var got []report.Sentence
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
		require.Equal(t, want, got)
	}
}

// What a long story leaves out is what came first.
func TestALongStoryIsOfLastSteps(t *testing.T) {
	r := opened(t, failing(t))
	whole, err := report.Story(r)
	require.NoError(t, err)
	same, err := report.StoryOf(r, r.Header().Step)
	require.NoError(t, err)
	require.Equal(t, whole, same)

	const most = 300
	first := r.Header().Step - most + 1
	part, err := report.StoryOf(r, most)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("What came before step %d is not told.", first), part[0].Text)
	require.Equal(t, whole[len(whole)-1], part[len(part)-1])
	require.Greater(t, len(part), 3)
	for _, s := range part[1:] {
		require.True(t, s.Step == 0 || s.Step >= first, s.Text)
	}
}
