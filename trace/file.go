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
func WriteFile(path string, write func(w io.Writer) error) (err error) {
	dir, name := filepath.Split(path)
	f, err := os.CreateTemp(filepath.Clean(dir), "."+name+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
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
	return syncDir(dir)
}

// syncDir makes a rename durable, where directories can be synced.
func syncDir(dir string) error {
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return err
	}
	defer d.Close()
	d.Sync() // an error says that this file system does not: the file itself is safe
	return nil
}
