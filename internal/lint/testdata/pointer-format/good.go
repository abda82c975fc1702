package pointerformat

import "fmt"

func joined(parts ...string) {}

func tagged(key any, args ...any) {}

func errorsIn(list string, args ...error) {}

func fixed(format string, args []any) {}

func good(n *node, name string) {
	fmt.Println("%p", n)
	fmt.Printf("%d%%p %s\n", 1, name)
	fmt.Printf("%% p %x", name)
	fmt.Printf("%d%", 1)
	joined("%p", "%p")
	tagged("%p", n)
	errorsIn("%p", nil)
	fixed("%p", nil)
	n.Logf("p=%v", name)
	n.Logf("%s", "%p")
}
