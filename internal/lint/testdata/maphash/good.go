package maphashes

import (
	maphash "hash/crc64"
	"hash/fnv"
)

func good(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64() ^ maphash.Checksum(b, maphash.MakeTable(maphash.ISO))
}
