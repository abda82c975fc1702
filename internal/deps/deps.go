package deps
import (
 _ "pgregory.net/rapid"
 _ "github.com/anishathalye/porcupine"
 _ "github.com/stretchr/testify/assert"
 _ "github.com/stretchr/testify/require"
 _ "github.com/spf13/cobra"
 _ "github.com/schollz/progressbar/v3"
 _ "github.com/klauspost/compress/zstd"
 _ "github.com/cockroachdb/datadriven"
 _ "github.com/rogpeppe/go-internal/testscript"
 _ "golang.org/x/tools/go/packages"
)
