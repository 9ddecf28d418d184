import Aggregation
import Formats
import Platform

/// Reads files one after the other on the query's thread.
final class FileSource: Source {
    private let paths: [String]
    private let schema: InputSchema
    private let columns: [ReadColumn]
    private let isStrict: Bool
    private let context: SourceContext
    private var nextPath = 0
    private var file: InputFileReader?
    private var reader: (any RowReader)?
    private var pool = InputBlockPool()
    private var skippedBefore = 0

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
            guard let reader else {
                guard try openNext() else { return .end }
                continue
            }
            switch try reader.next() {
            case .rows(let batch): return .batch(batch, partition: 0)
            case .misfit(let misfit):
                try policy.decide(misfit)
                reader.coerce(misfit)
            case .needsInput:
                if try readMore(reader) { continue }
                if let rest = try reader.flush() {
                    guard case .rows(let batch) = rest else { continue }
                    return .batch(batch, partition: 0)
                }
                finishFile(reader)
            }
        }
    }

    func close() {
        file?.close()
        file = nil
    }

    private var policy: MisfitPolicy {
        MisfitPolicy(
            schema: schema, name: paths[max(0, nextPath - 1)], isStrict: isStrict, canRestart: true,
            context: context)
    }

    private func openNext() throws(SQLError) -> Bool {
        guard nextPath < paths.count else { return false }
        file = try InputFileReader(paths[nextPath])
        reader = schema.reader(columns, name: paths[nextPath], context: context)
        nextPath += 1
        return true
    }

    /// False once the reader has been told that nothing follows.
    private func readMore(_ reader: any RowReader) throws(SQLError) -> Bool {
        guard let file else { return false }
        let block = pool.take(capacity: FileSource.blockBytes)
        let isMore = try file.fill(block)
        block.seal()
        reader.supply(block, isLast: !isMore)
        if !isMore { close() }
        return true
    }

    private func finishFile(_ reader: any RowReader) {
        skippedBefore += reader.brokenRows
        self.reader = nil
    }
}
