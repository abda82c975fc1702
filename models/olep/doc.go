// Package olep is online event processing: event logs in the place of distributed transactions (Kleppmann, Beresford and
// Svingen, "Online Event Processing: Achieving consistency where distributed transactions have failed", ACM Queue 17(1),
// 2019): a log service, and what stands on it. Items of logs are called records.
//
// It is not for production, and has no transactions over partitions: that is the point. What is here:
//
//   - [Partition]: a log of records with increasing numbers, retention, compaction and idempotent producers (Apache Kafka,
//     KIP-98), as a deterministic state machine over commands; [Groups]: consumer groups, with generations and committed
//     offsets, as another;
//   - [Log]: what orders and keeps the commands of a machine. [Single] is one with a single copy, on package wal; any
//     replicated log can be put in its place;
//   - [Broker]: a node that serves machines, each on its log; [Producer] and [Consumer]: its clients, in blocking style;
//   - [Subscriber]: a node that follows a partition, with a [Store] of its own, which can be made anew while the log is
//     written; [Replay] goes through records without it. [Lanes]: one that keeps nothing but how far each partition has what
//     comes of it. [Executor] makes payments with the one and [Forwarder] with the other, [Statement] is a view;
//   - [Transaction]: several steps on lists as one record, which [Lists] execute; [Transactor] asks for them;
//   - [Stream]: tasks whose tables are kept in changelogs; joins and counts.
//
// The commands of a machine are kept for ever, and a broker that boots does them all again: there are no snapshots.
// Retention and compaction are about the records that readers can get.
package olep
