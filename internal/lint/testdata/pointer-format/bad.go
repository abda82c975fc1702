package pointerformat

import (
	"errors"
	"fmt"
	"log"
)

const layout = "node %p"

type node struct{}

func (*node) Logf(format string, args ...any) {}

func note(level int, format string, args ...interface{}) {}

func bad(n *node, prefix string) error {
	fmt.Printf("%p\n", n)                          // want pointer-format "%p"
	_ = fmt.Sprintf(layout, n)                     // want pointer-format "%p"
	_ = fmt.Sprintf("%d%%%-#10.3p", 1, n)          // want pointer-format "%p"
	_ = fmt.Sprintf("%[2]*[1]p", n, 8)             // want pointer-format "%p"
	_ = fmt.Sprintf(prefix+("%s "+"%"+"p"), "", n) // want pointer-format "%p"
	_ = fmt.Sprintf("%p"+prefix, n)                // want pointer-format "%p"
	_ = fmt.Sprintf((prefix + "%p"), n)            // want pointer-format "%p"
	_ = fmt.Appendf(nil, "%p", n)                  // want pointer-format "%p"
	log.Fatalf("%p", n)                            // want pointer-format "%p"
	n.Logf("%v %p", 1, n)                          // want pointer-format "%p"
	note(1, "%p", []any{n}...)                     // want pointer-format "%p"
	logf := n.Logf
	logf("%p", n)                           // want pointer-format "%p"
	return errors.Join(fmt.Errorf("%p", n)) // want pointer-format "%p"
}
