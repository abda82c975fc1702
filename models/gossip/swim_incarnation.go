package gossip

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/seedbed-sim/seedbed/sim"
)

// A member's incarnation is on its disk before any other member can hear of it, and each boot raises it, before anything is
// sent. So no two lives share one, and a member that comes back prevails at once over all that is said of its earlier
// lives. Without the disk it would begin with 1 again, and be taken for alive by nobody until it has heard, by chance, which
// incarnation it has to outrank; acks of two lives would be alike meanwhile.
//
// The file has two slots, a sector each, which are written by turns: a write that is torn by a crash leaves the other.

const (
	swimFile = "incarnation"
	swimSlot = 512 // bytes
)

// recover finds the incarnation of the last life, and raises it.
func (s *Swim) recover(env sim.Env) bool {
	f := env.Disk().Open(swimFile)
	for slot := range int64(2) {
		var record [12]byte
		if f.Size() < slot*swimSlot+int64(len(record)) {
			continue
		}
		if _, err := f.ReadAt(record[:], slot*swimSlot); err != nil {
			s.halt(env, err)
			return false
		}
		if crc32.ChecksumIEEE(record[:8]) == binary.LittleEndian.Uint32(record[8:]) {
			s.incarnation = max(s.incarnation, binary.LittleEndian.Uint64(record[:8]))
		}
	}
	return s.raise(env, s.incarnation+1)
}

// raise is the only writer of the incarnation. What comes after it departs when it is on the disk.
func (s *Swim) raise(env sim.Env, to uint64) bool {
	var record [12]byte
	binary.LittleEndian.PutUint64(record[:8], to)
	binary.LittleEndian.PutUint32(record[8:], crc32.ChecksumIEEE(record[:8]))
	disk := env.Disk()
	if err := disk.Open(swimFile).WriteAt(record[:], int64(to%2)*swimSlot); err != nil {
		s.halt(env, err)
		return false
	}
	if err := disk.Sync(); err != nil {
		s.halt(env, err)
		return false
	}
	s.incarnation = to
	return true
}

// halt stops the member: it cannot say in which incarnation it lives.
func (s *Swim) halt(env sim.Env, err error) {
	s.halted = true
	env.Emit(SwimHalted{err.Error()})
}
