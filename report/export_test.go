package report

// StoryOf is a story of so many steps at most.
var StoryOf = storyOf
