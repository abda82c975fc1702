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
//   - [Subscriber]: a node that follows a partition, with a [Store] of its own. [Executor] makes payments of it, [Statement]
//     a view. It can begin anew while its log is written, and [Replay] goes through records without it;
//   - [Lanes]: a node that takes what comes of a partition to others, none of which waits for another one. [Forwarder] makes
//     it that of payments;
//   - [Transaction]: several steps on lists as one record, which [Lists] execute; [Transactor] asks for them;
//   - [Stream]: tasks whose tables are kept in changelogs; joins and counts.
//
// The commands of a machine are kept for ever, and a broker that boots does them all again: there are no snapshots.
// Retention and compaction are about the records that readers can get.
package olep
