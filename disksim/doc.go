// Package disksim is a node's disk as a simulation needs it: it remembers what a crash would take away, and takes it.
//
// It is not a file system. There is one flat directory, no permissions and no links, and nothing is stored outside the
// process's memory.
//
// # What a node sees
//
// A page cache: every mutation is visible to the node at once. A handle stands for its name, not for the file behind it
// when it was opened: after a Rename or Remove the name is free, and the next write through the handle creates a new
// file. Creating a file and writing its first bytes are two mutations, so a crash can fall between them. Writing costs no
// time; a sync takes between Config.SyncMin and Config.SyncMax, times the factor of SlowBy.
//
// # What a crash leaves
//
// First every mutation that had not left the node is undone: it never happened. Of the rest, what a completed sync
// covered stays, exactly. File.Sync covers the content and size of one file, Disk.Sync those of all files and the
// directory. To what is left, the unsynced mutations that did leave, the crash does one of the things that Config.Crash
// allows, chosen by seed (see Mode):
//
//   - KeepAll: all of it had reached the medium.
//   - LoseAll: none of it had.
//   - Prefix: the mutations up to some moment had, over all files and the directory.
//   - Subset: any of the mutations had, each whole, but mutations of one sector or one name keep their order.
//   - Pages: each 4 KiB page of each file holds what it held at a moment of its own.
//   - Sectors: the same for each 512-byte sector, so that a page, and a write, can be torn.
//
// In the last two, the size of a file has a moment of its own as well: either it follows the data that is there, or it
// ran ahead of it, and what is missing below it reads as zeros. The operations of the directory (create, rename, remove)
// are atomic; those on one name keep their order, others are independent of one another. So a file that was synced, but
// whose directory was not, can be gone; a rename can be undone, but never leaves both names or neither; a renamed file can
// be empty.
//
// In every case each byte of a surviving file has a value that it had at some moment since the last sync, or is zero if
// the file did not reach it at some moment of that time, and its size lies between the smallest and the largest of it.
//
// # Failed syncs
//
// A sync that fails (FailSyncs) leaves the content of the files it covered in the page cache, marked as clean: the node
// still reads it, and no later sync writes it. It is as uncertain as unsynced data until the crash, whatever is synced
// after it. A sync in the background fails when it completes, not when it is started; and what another one that is under
// way by then covers is not lost with it, so a sync that succeeds did write all but what the node could know to be given up.
// The directory is tried again by the next sync, as a journal would.
//
// # Damage
//
// Rot, Misdirect, Spoil and Wipe take what was synced; nothing undoes them. The first three hit data at rest only: what a
// sync covered that the node waited for, if something was written to the file behind it, after that sync, and synced as
// well. So decay is that of older data, and a file that is only appended to always has its last batch intact. That is no
// kindness to the node but the line between two faults: a medium that loses the last batch after its sync was acknowledged
// cannot be told from a crash before it, by any means on the same disk, and so it is none of them that anybody could
// survive. Package wal says where it draws the line, and why it can be no earlier.
//
// At rest is a prefix of a file: what is overwritten in place is at rest no more, nor is what follows it. A node reads the
// damage at once, as if nothing at rest were in its page cache. What is hit is numbered over the data at rest, so that a
// fault's place is a plain number; no damage draws anything, and like all faults it changes no draw.
//
// # Sources
//
// What file systems do: Pillai et al., All File Systems Are Not Created Equal, OSDI 2014 (atomicity and ordering of
// appends, overwrites, renames and directory operations); what drives do: Zheng et al., Understanding the Robustness of
// SSDs under Power Fault, FAST 2013 (torn, lost and unserialized writes); what failed syncs do: Rebello et al., Can
// Applications Recover from fsync Failures?, USENIX ATC 2020; what decays and what is written to the wrong place:
// Bairavasundaram et al., An Analysis of Latent Sector Errors in Disk Drives, SIGMETRICS 2007, and An Analysis of Data
// Corruption in the Storage Stack, FAST 2008.
package disksim
