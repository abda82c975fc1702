package cli

import (
	"cmp"
	"os"
	"runtime/debug"
	"strings"
)

// invocation is what to type to call this program again. One that the go command built and will remove is called
// through it.
func invocation() string {
	if !strings.Contains(os.Args[0], "go-build") {
		return quote(os.Args[0])
	}
	path := ""
	if info, ok := debug.ReadBuildInfo(); ok && info.Path != "command-line-arguments" {
		path = info.Path
	}
	return "go run " + cmp.Or(path, ".")
}

// quote makes a text one word of a shell's command line.
func quote(text string) string {
	plain := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune("/._-+:,=@%", c)
	}
	if text != "" && strings.TrimFunc(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
