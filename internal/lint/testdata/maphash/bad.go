package maphashes

import hash "hash/maphash"

func bad(h *hash.Hash) uint64 { // want maphash "maphash.Hash"
	h.WriteByte(1)                          // want maphash "maphash.Hash.WriteByte"
	_ = hash.Comparable(hash.MakeSeed(), 1) // want maphash "maphash.Comparable" maphash "maphash.MakeSeed"
	return h.Sum64()                        // want maphash "maphash.Hash.Sum64"
}
