package environment

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

type process struct{ Args []string }

func (process) Getpid() int { return 1 }

func good(err error, t time.Time) error {
	var path *os.PathError
	if errors.Is(err, os.ErrNotExist) || errors.As(err, &path) {
		fmt.Fprintln(os.Stderr, err)
	}
	if trap, ok := err.(runtime.Error); ok {
		return fmt.Errorf("trap: %w", trap)
	}
	known := []error{
		os.ErrInvalid, os.ErrPermission, os.ErrExist, os.ErrClosed, os.ErrNoDeadline, os.ErrDeadlineExceeded,
		os.ErrProcessDone, &os.LinkError{}, &os.SyscallError{}, os.NewSyscallError("read", err),
		&runtime.PanicNilError{}, &runtime.TypeAssertionError{},
	}
	_ = os.IsExist(err) || os.IsNotExist(err) || os.IsPermission(err) || os.IsTimeout(err) || os.IsPathSeparator('/')
	var entry os.DirEntry
	var info os.FileInfo
	var mode os.FileMode
	fmt.Fprintln(os.Stdout, entry, info, mode, known)
	runtime.KeepAlive(t.UTC())
	var os process
	_ = os.Getpid()
	_ = os.Args
	return nil
}
