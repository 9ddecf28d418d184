/// Everything here has a limit; these are they.
enum Limits {
    /// Streamed transactions kept in memory before they go to a file.
    static let spoolMemoryBytes = 8 << 20
    /// Status updates; the server gives a client up after `wal_sender_timeout`, 60 s by default.
    static let statusIntervalNanoseconds: Int64 = 5_000_000_000
    static let retryNanoseconds: Int64 = 120_000_000_000
    /// Between two attempts to connect: the first, doubled up to the last.
    static let retryPauseFirst: Int64 = 100_000_000
    static let retryPauseLast: Int64 = 5_000_000_000
    /// Connections that end so soon without bringing anything, one after the other, until the
    /// capture gives up, if they have also done that for as long as one is tried again.
    static let sterileConnectionsMax = 5
    static let sterileNanoseconds: Int64 = 10_000_000_000
    /// How long the server may be silent: wal_sender_timeout, after which it has given us up, in
    /// these bounds; wal_receiver_timeout of PostgreSQL's own receiver is 60 s.
    static let silenceNanosecondsMin: Int64 = 10_000_000_000
    static let silenceNanosecondsMax: Int64 = 60_000_000_000
    /// Questions for our position in a row, while the server's stays where it is.
    static let repeatedAsksMax = 20
    /// How long somebody else may read our slot: twice what the server waits for one that is gone.
    static let busySlotNanoseconds: Int64 = 20_000_000_000
    /// Bytes that one read takes at most.
    static let receiveBytes = 1 << 20
    /// A password file, a service file.
    static let passwordFileBytesMax = 1 << 20
    /// Certificates and keys.
    static let certificateFileBytesMax = 4 << 20
    /// Types that are known at once; beyond it they are asked for again.
    static let typesMax = 100_000
    /// Rows of a backfill's first chunk; later ones have about as many bytes as this, and no more
    /// rows.
    static let backfillRowsFirst = 1_024
    static let backfillRowsMax = 32_768
    static let backfillBytes = 4 << 20
    /// Keys that change while a chunk waits, before it is read again.
    static let backfillKeysMax = 1_000_000
    /// Transactions that are remembered, to know what a chunk could not see; so many while there is
    /// nothing to read.
    static let backfillTransactions = 65_536
    static let idleTransactions = 1_024
    /// Rows of a table that are read again each by itself, before all of them are.
    static let singleRowsMax = 100
    /// Of the rows that changed while a chunk waits and that are given with it.
    static let partialBytesMax = 32 << 20
    /// Between two looks at the catalog for tables that are new.
    static let tablesIntervalNanoseconds: Int64 = 5_000_000_000
    /// A statement that puts a table into the publication, or holds one, does not keep its users
    /// waiting.
    static let lockMilliseconds = 1_000
    /// A table without key is read at once, under a lock.
    static let keylessBytesMax: Int64 = 32 << 20
    /// A part of a table that is read at once: blocks of its file, or so many bytes with what is
    /// stored beside it.
    static let partBlocks: Int64 = 2_048
    static let partBytes: Int64 = 32 << 20
    /// Parts of one file; larger files have larger parts.
    static let partsMax: Int64 = 65_536
    /// Connections that read a snapshot.
    static let snapshotWorkersMax = 64
    /// Rows that a connection hands over at once, and how often it does that before they are
    /// taken.
    static let snapshotBatchBytes = 256 << 10
    static let snapshotBatchesAhead = 4
    /// Rows of a look-up in the catalog.
    static let catalogRowsMax = 1_000_000
}
