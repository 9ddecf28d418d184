import Bytes
import Formats

/// A plan as operators that are connected and wait for rows; the driver owns it and runs it on its
/// thread.
public struct CompiledQuery {
    /// A relation that is read: the driver pushes its batches with input 0 into `entry` and
    /// advances its watermark there.
    public struct Input {
        public var relation: any Relation
        public var scan: ScanPlan
        public var entry: Operator
        /// Only looked up (FOR SYSTEM_TIME AS OF PROCTIME()), so it has to be read before others.
        public internal(set) var isLookedUp = false
        /// A branch of a UNION ALL, which is read after those before it where all of them end: the
        /// number of the first.
        public internal(set) var unionStart: Int?
    }

    public internal(set) var inputs: [Input] = []
    /// Inputs before what reads them: the order for `endStep`. The sink is not among them.
    public internal(set) var operators: [Operator] = []
    /// Who feeds whom, as indices into `operators`, for EXPLAIN: the inputs of each operator.
    public internal(set) var children: [[Int]] = []
    /// What each operator does.
    public internal(set) var plans: [Plan] = []
    /// Operators that hand out late rows, and the columns of these.
    public internal(set) var lateOutputs: [(node: any WindowedOperator, columns: [Field])] = []
    var values: [ValuesOperator] = []
    /// Of the rows that leave each operator.
    var types: [[DataType]] = []
    /// True: rows of the result are only ever inserted.
    public internal(set) var isAppendOnly = true

    /// Lets rows out that need no source (VALUES, SELECT 1). Once, before the sources are read.
    public func start() throws(SQLError) {
        for node in values where !node.startsLater {
            try node.charged { () throws(SQLError) in try node.start() }
        }
    }

    public func endStep() throws(SQLError) {
        for node in operators { try node.charged { () throws(SQLError) in try node.endStep() } }
    }

    public var memory: Int { operators.reduce(0) { $0 + $1.memory } }

    /// Measures the time of each operator from now on, by this clock.
    public func measure(nanoseconds now: @escaping () -> Int64) {
        let meter = OperatorMeter(nanoseconds: now)
        for node in operators { node.meter = meter }
    }

    /// The state of all operators, between two steps: for each its name, length, bytes and their
    /// checksum.
    public func write(_ state: inout OutputBuffer) {
        state.append(bigEndian: Int64(operators.count))
        for node in operators {
            state.append(blob: Array(node.name.utf8))
            var part = OutputBuffer(capacity: 1024)
            node.write(&part)
            state.append(bigEndian: Int64(part.count))
            state.append(part.bytes)
            state.append(bigEndian: CRC32C.checksum(part.bytes))
        }
    }

    /// Reads what the same query, compiled anew, has written.
    public func read(_ state: inout StateReader) throws(SQLError) {
        let count = try state.integer(Int64.self)
        guard count == Int64(operators.count) else { throw CompiledQuery.foreignState }
        for node in operators {
            guard try state.blob() == Array(node.name.utf8) else {
                throw CompiledQuery.foreignState
            }
            let bytes = try state.blob()
            guard try state.integer(UInt32.self) == CRC32C.checksum(bytes) else {
                throw SQLError("the saved state of \(node.name) is damaged", .internalError)
            }
            var part = StateReader(bytes)
            try node.read(&part)
            guard part.remaining == 0 else { throw CompiledQuery.foreignState }
        }
    }

    private static let foreignState = SQLError(
        "the saved state belongs to another query", .internalError)
}
