package trace

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// File is a trace in a file.
type File struct {
	*Reader
	f *os.File
}

// OpenFile opens the trace at path; see Open. Its errors name the file.
func OpenFile(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotTrace
	}
	if err == nil {
		var r *Reader
		if r, err = Open(f, info.Size()); err == nil {
			return &File{r, f}, nil
		}
	}
	f.Close()
	return nil, fmt.Errorf("%s: %w", path, err)
}

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }

// WriteFile makes the file at path contain what write writes, or leaves it as it was: there is no moment at which it
// holds a part. The writer is buffered.
func WriteFile(path string, write func(w io.Writer) error) error {
	dir, name := filepath.Split(path)
	f, err := os.CreateTemp(filepath.Clean(dir), "."+name+".*")
	if err != nil {
		return err
	}
	done := false
	defer func() {
		if !done { // write may also have panicked
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 1<<16)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	done = true
	syncDir(dir)
	return nil
}

// syncDir makes a rename durable. It cannot fail in a way that matters: the file is whole whether or not it is there
// after a crash of the machine, and some file systems do not sync directories.
func syncDir(dir string) {
	if d, err := os.Open(filepath.Clean(dir)); err == nil {
		d.Sync()
		d.Close()
	}
}
