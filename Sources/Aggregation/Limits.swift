/// The bounds of this target.
enum Limits {
    /// Bytes of strings that are no longer kept before their memory is taken back.
    static let deadBytesMax = 256 * 1024
    /// Levels of arrays and records inside each other in a saved state.
    static let valueDepthMax = 128
    /// Slots of a table of groups at first: a batch of new groups fits.
    static let groupSlotsMin = 4096
    /// Fewer rows are not put on disk: what holds them takes more than they do.
    static let spilledRowsMin = 256
    /// New groups after which an aggregation that can spill looks at its memory.
    static let groupsUnseenMax = 1024
    /// Bytes beyond `--memory` that a query may take for what is at hand.
    static let unguardedBytes = 8 << 20
    /// Levels of an expression inside each other.
    static let expressionDepth = 1_100
    /// Values that approx_top_k gives.
    static let topValuesMax: Int64 = 10_000
    /// Bytes of one value, as in PostgreSQL.
    static let valueBytesMax = 0x3FFF_FFFF
    /// Elements of an array, as in PostgreSQL.
    static let arrayElementsMax = 134_217_727
    /// Values and work of less than so many bytes are not looked at one by one.
    static let unheededBytes = 1 << 20
    /// Rows that are sorted between two looks at whether the statement is to be stopped.
    static let unheededRows = 1 << 12
}
