import Aggregation
import Bytes
import Formats
import Platform

/// Reads files one after the other on the query's thread.
final class FileSource: Source {
    private let paths: [String]
    private let schema: InputSchema
    private var columns: [ReadColumn]
    private let isStrict: Bool
    private let context: SourceContext
    private var nextPath = 0
    private var file: InputFileReader?
    private var reader: (any RowReader)?
    private var pool = InputBlockPool()
    private var skippedBefore = 0
    /// Of the file at hand, once its rows were read.
    private var damage: SQLError?
    /// Rows of the file at hand that were handed out.
    private var rowsTaken = 0
    /// Rows that an earlier run has had already.
    private var rowsToDrop = 0
    /// Where that run was, until a row has come.
    private var resumedAt: [UInt8]?
    private var pending: PendingMisfit?

    /// What one read takes: blocks in use stay in the second-level cache.
    static let blockBytes = 256 * 1024

    init(
        _ paths: [String], _ schema: InputSchema, _ columns: [ReadColumn], isStrict: Bool,
        context: SourceContext
    ) {
        self.paths = paths
        self.schema = schema
        self.columns = columns
        self.isStrict = isStrict
        self.context = context
    }

    var skippedCount: Int { skippedBefore + (reader?.brokenRows ?? 0) }

    func next() throws(SQLError) -> SourceEvent {
        while true {
            let event = try nextBatch()
            guard case .batch(let batch, _) = event else { return event }
            rowsTaken += batch.count
            guard rowsToDrop > 0 else { return .batch(batch, partition: 0) }
            let dropped = min(rowsToDrop, batch.count)
            rowsToDrop -= dropped
            if dropped < batch.count {
                return .batch(batch.slice(dropped..<batch.count), partition: 0)
            }
        }
    }

    private func nextBatch() throws(SQLError) -> SourceEvent {
        while true {
            guard let reader else {
                guard try openNext() else { return .end }
                continue
            }
            if let batch = try take(try reader.next(), reader) {
                return .batch(batch, partition: 0)
            }
            if pending != nil { return .misfit }
        }
    }

    /// The rows of a result, if it has any; reads on for the next one.
    private func take(_ result: ReadResult, _ reader: any RowReader) throws(SQLError) -> Batch? {
        switch result {
        case .rows(let batch): return batch
        case .misfit(let misfit):
            pending = try policy.decide(misfit)
            if pending == nil { reader.coerce(misfit) }
        case .needsInput:
            if try readMore(reader) { return nil }
            // What is left may hold a misfit as any row may.
            guard let rest = try reader.flush() else {
                try finishFile(reader)
                return nil
            }
            return try take(rest, reader)
        }
        return nil
    }

    func goOn(with scan: ScanPlan?) {
        let policy = policy
        defer { pending = nil }
        guard let scan else {
            guard let pending else { return }
            policy.settle(pending, isWidened: false)
            reader?.coerce(pending.misfit)
            return
        }
        columns = schema.readColumns(scan)
        if let old = reader {
            let new = schema.reader(columns, name: paths[max(0, nextPath - 1)], context: context)
            new.takeOver(from: old)
            reader = new
        }
        if let pending { policy.settle(pending, isWidened: true) }
    }

    func close() {
        file?.close()
        file = nil
    }

    private var policy: MisfitPolicy {
        let name = paths[max(0, nextPath - 1)]
        return MisfitPolicy(schema, isStrict: isStrict, canRestart: true, context: context) {
            "\(name) line \($0.line)"
        }
    }

    private func openNext() throws(SQLError) -> Bool {
        guard nextPath < paths.count else { return false }
        file = try InputFileReader(paths[nextPath])
        resumedAt = nil
        reader = schema.reader(columns, name: paths[nextPath], context: context)
        nextPath += 1
        rowsTaken = 0
        return true
    }

    let isResumable = true

    func name(ofPartition partition: Int) -> String { paths[max(0, nextPath - 1)] }

    /// The file at hand, the rows of it that were taken, and its size, which only grows.
    var position: [UInt8]? {
        if let resumedAt { return resumedAt }
        var state = OutputBuffer(capacity: 24)
        state.append(bigEndian: Int64(nextPath))
        state.append(bigEndian: Int64(rowsTaken))
        state.append(bigEndian: file?.size ?? 0)
        return unsafe state.bytes.withUnsafeBytes { unsafe Array($0) }
    }

    func resume(at position: [UInt8]) throws(SQLError) {
        var state = StateReader(position)
        nextPath = Int(try state.integer(Int64.self))
        guard nextPath > 0 else { return }
        resumedAt = position
        nextPath -= 1
        rowsToDrop = Int(try state.integer(Int64.self))
        let size = try state.integer(Int64.self)
        guard nextPath < paths.count else {
            throw SQLError("files of \(paths.count) have gone since", .undefinedFile)
        }
        let file = try InputFileReader(paths[nextPath])
        defer { file.close() }
        guard (file.size ?? 0) >= size else {
            throw SQLError(
                "\(paths[nextPath]) is shorter than what was read of it", .inputOutputError)
        }
    }

    /// False once the reader has been told that nothing follows.
    private func readMore(_ reader: any RowReader) throws(SQLError) -> Bool {
        guard let file else { return false }
        let block = pool.take(capacity: FileSource.blockBytes)
        let isMore = try file.fill(block)
        block.seal()
        reader.supply(block, isLast: !isMore)
        if !isMore {
            damage = file.damage
            close()
        }
        return true
    }

    private func finishFile(_ reader: any RowReader) throws(SQLError) {
        skippedBefore += reader.brokenRows
        self.reader = nil
        guard let damage else { return }
        self.damage = nil
        skippedBefore += try context.passOver(damage)
    }
}
