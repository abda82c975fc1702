package gossip

import "github.com/seedbed-sim/seedbed/sim"

// merkleDepth is how many levels are below the root. Sixteen leaves are few, so that keys share some.
const merkleDepth = 4

// merkleTree is a hash tree over a database, whose keys are spread over its leaves by their hashes (Merkle, A Digital
// Signature Based on a Conventional Encryption Function, CRYPTO 1987). Equal nodes have equal databases below them. The
// hashes are not cryptographic: sites are honest. The zero tree is that of an empty database.
type merkleTree struct {
	// hashes has the root at 1 and the children of i at 2i and 2i+1. A leaf's is the exclusive or of its entries'.
	hashes [2 << merkleDepth]uint64
}

// merkleIndex is a node's place in merkleTree.hashes.
type merkleIndex int

const merkleRoot merkleIndex = 1

// merkleNode is a node as it is sent.
type merkleNode struct {
	Index merkleIndex
	Hash  uint64
}

func (i merkleIndex) isLeaf() bool { return i >= 1<<merkleDepth }

func (i merkleIndex) leaf() int { return int(i) - 1<<merkleDepth }

// merkleLeaf is the leaf of a key.
func merkleLeaf(key string) int { return int(entropyHash(0, key) % (1 << merkleDepth)) }

func (t *merkleTree) node(i merkleIndex) merkleNode { return merkleNode{i, t.hashes[i]} }

// flip adds an entry's hash to a leaf, or takes it out, and refreshes what is above.
func (t *merkleTree) flip(leaf int, hash uint64) {
	i := leaf + 1<<merkleDepth
	t.hashes[i] ^= hash
	for i /= 2; i > 0; i /= 2 {
		t.hashes[i] = merkleJoin(t.hashes[2*i], t.hashes[2*i+1])
	}
}

// merkleJoin is the hash of a node over those of its children; that of two empty ones is that of an empty one.
func merkleJoin(left, right uint64) uint64 {
	if left|right == 0 {
		return 0
	}
	return sim.Mix(sim.Mix(left) + right)
}
