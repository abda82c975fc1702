package disksim

// content is the bytes of a file, in chunks, so that a file grows without moving.
type content struct {
	size   int64
	chunks []*chunk // enough for size; nil is all zeros; bytes at or beyond size are zeros
}

// chunkSize is small enough for thousands of short logs a second.
const chunkSize = 1024

type chunk [chunkSize]byte

// write puts p at off, which may be beyond the size.
func (c *content) write(p []byte, off int64) {
	if end := off + int64(len(p)); end > c.size {
		c.resize(end)
	}
	for len(p) > 0 {
		at := &c.chunks[off/chunkSize]
		if *at == nil {
			*at = new(chunk)
		}
		n := copy((*at)[off%chunkSize:], p)
		p, off = p[n:], off+int64(n)
	}
}

// read fills p from off on; all of it must be there.
func (c *content) read(p []byte, off int64) {
	for len(p) > 0 {
		var n int
		if at := c.chunks[off/chunkSize]; at != nil {
			n = copy(p, at[off%chunkSize:])
		} else {
			n = min(len(p), int(chunkSize-off%chunkSize))
			clear(p[:n])
		}
		p, off = p[n:], off+int64(n)
	}
}

// appendTo appends the bytes [off, end) to buf.
func (c *content) appendTo(buf []byte, off, end int64) []byte {
	n := len(buf)
	buf = append(buf, make([]byte, end-off)...)
	c.read(buf[n:], off)
	return buf
}

// zero clears the bytes [off, end).
func (c *content) zero(off, end int64) {
	for off < end {
		next := min(off-off%chunkSize+chunkSize, end)
		switch at := &c.chunks[off/chunkSize]; {
		case next-off == chunkSize:
			*at = nil
		case *at != nil:
			clear((*at)[off%chunkSize:][:next-off])
		}
		off = next
	}
}

// resize cuts the file, or grows it with zeros.
func (c *content) resize(size int64) {
	n := int((size + chunkSize - 1) / chunkSize)
	if size < c.size {
		c.zero(size, c.size)
		clear(c.chunks[n:])
		c.chunks = c.chunks[:n]
	}
	for len(c.chunks) < n {
		c.chunks = append(c.chunks, nil)
	}
	c.size = size
}

// flip flips the bits of mask in the byte at off.
func (c *content) flip(off int64, mask byte) {
	var b [1]byte
	c.read(b[:], off)
	b[0] ^= mask
	c.write(b[:], off)
}
