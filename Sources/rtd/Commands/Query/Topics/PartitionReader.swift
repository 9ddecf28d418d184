import Aggregation
import Formats
import KafkaClient
import Query
import Records

/// Makes batches of the records of one partition; used by the query's thread.
final class PartitionReader {
    enum Result {
        case rows(Batch)
        /// A value does not fit its column, and what is to be done about it is not known yet.
        case misfit
        /// All records were decoded.
        case done
    }

    private let relation: TopicRelation
    private var scan: ScanPlan
    private let partition: Int32
    private let context: SourceContext
    private var json: JSONReader?
    private var records: FetchedRecords?
    /// What is being decoded.
    private var piece: PackedRecords?
    private var pool = InputBlockPool()
    private var pending: PendingMisfit?
    private var pendingPolicy: MisfitPolicy?
    /// Lines that the reader has seen before the piece at hand.
    private var linesBefore = 0
    /// The columns that are not in the values.
    private var hidden: Set<TopicRelation.Hidden>

    init(
        _ relation: TopicRelation, _ scan: ScanPlan, _ partition: Int32, _ context: SourceContext
    ) {
        self.relation = relation
        self.scan = scan
        self.partition = partition
        self.context = context
        hidden = relation.hidden(scan)
        json = relation.isText ? nil : makeReader()
    }

    private func makeReader() -> JSONReader {
        var options = JSONReader.Options()
        options.skipsErrors = context.onError == .skip
        options.wholeValue = relation.wholeValue
        options.name = "topic \"\(relation.name)\""
        let fields = relation.current
        var columns = scan.columns.filter { $0.index < fields.count }
            .map { ReadColumn.value(field: $0.index, path: $0.path) }
        if needsLines { columns.append(.line) }
        return JSONReader(fields: fields, columns: columns, options: options)
    }

    /// The line tells which record a row came from.
    private var needsLines: Bool { hidden.contains { $0 != .partition } }

    var skippedCount: Int { json?.brokenRows ?? 0 }

    /// Goes on with these records; all before them were decoded.
    func begin(_ records: FetchedRecords) { self.records = records }

    func next() throws(SQLError) -> Result {
        while true {
            if let piece {
                if let result = try next(piece) { return result }
                linesBefore += piece.count
            }
            // Let go of first: its block is used again.
            piece = nil
            guard let next = try nextPiece() else {
                records = nil
                return .done
            }
            piece = next
            json?.supply(next.block, isLast: false)
        }
    }

    private func nextPiece() throws(SQLError) -> PackedRecords? {
        do throws(ConsumeError) {
            return try records?.next(&pool)
        } catch {
            throw SQLError("topic \"\(relation.name)\": \(error)", .inputOutputError)
        }
    }

    /// Rows of a piece; nil if there are none left.
    private func next(_ piece: PackedRecords) throws(SQLError) -> Result? {
        guard let json else {
            self.piece = nil
            linesBefore += piece.count
            return .rows(texts(piece))
        }
        while true {
            switch try result(json, piece) {
            case .rows(let batch): return .rows(assembled(batch, piece))
            case .misfit(let misfit):
                let policy = policy(piece)
                pending = try policy.decide(misfit)
                pendingPolicy = policy
                if pending != nil { return .misfit }
                json.coerce(misfit)
            case .needsInput: return nil
            }
        }
    }
}

// What cannot be read, and values that do not fit.
extension PartitionReader {
    private func result(
        _ json: JSONReader, _ piece: PackedRecords
    ) throws(SQLError) -> ReadResult {
        do throws(SQLError) {
            let result = try json.next()
            // What is left may hold a misfit as any row may.
            if case .needsInput = result { return try json.flush() ?? .needsInput }
            return result
        } catch {
            throw registryMissing(piece) ?? error
        }
    }

    /// A topic that had no records when it was looked at may get some that name schemas.
    private func registryMissing(_ piece: PackedRecords) -> SQLError? {
        let bytes = piece.block.bytes
        var (position, line) = (0, 0)
        while let end = ByteScan.firstIndex(of: 0x0A, in: bytes, from: position) {
            let value = bytes.extracting(position..<end)
            if RecordDecoder.isFramed(value) {
                return SQLError(
                    "topic \"\(relation.name)\" partition \(partition) offset "
                        + "\(piece.offsets[line]): "
                        + RecordDecoder.withoutRegistry(RecordDecoder.id(value)),
                    .inputOutputError)
            }
            (position, line) = (end + 1, line + 1)
        }
        return nil
    }

    private func policy(_ piece: PackedRecords) -> MisfitPolicy {
        let (name, partition, before) = (relation.name, partition, linesBefore)
        return MisfitPolicy(
            relation, isStrict: context.isStrict, canRestart: relation.mayBeReadAgain,
            context: context
        ) { misfit in
            let line = misfit.line - 1 - before
            let offset = (0..<piece.count).contains(line) ? piece.offsets[line] : nil
            return "topic \"\(name)\" partition \(partition)"
                + (offset.map { " offset \($0)" } ?? "")
        }
    }

    /// See `Source.goOn`.
    func goOn(with scan: ScanPlan?) {
        defer { (pending, pendingPolicy) = (nil, nil) }
        if let pending { pendingPolicy?.settle(pending, isWidened: scan != nil) }
        guard let scan else {
            if let pending { json?.coerce(pending.misfit) }
            return
        }
        self.scan = scan
        hidden = relation.hidden(scan)
        guard let old = json else { return }
        let new = makeReader()
        new.takeOver(from: old)
        json = new
    }
}

// The columns of the scan: those that were decoded, and those that the records have beside.
extension PartitionReader {
    private func assembled(_ batch: Batch, _ piece: PackedRecords) -> Batch {
        guard !hidden.isEmpty else { return batch }
        let lines = needsLines ? lines(of: batch, piece) : nil
        var decoded = batch.columns.makeIterator()
        let fieldCount = relation.fieldCount
        let columns = scan.columns.compactMap { column -> Column? in
            guard let kind = TopicRelation.Hidden(rawValue: column.index - fieldCount) else {
                return decoded.next()
            }
            let column = self.column(kind, piece, count: batch.count)
            return lines.map { column.gather($0) } ?? column
        }
        return Batch(columns, count: batch.count)
    }

    /// The lines of the piece that the rows came from; nil if they are all, in their order.
    private func lines(of batch: Batch, _ piece: PackedRecords) -> [Int32]? {
        guard case .integer(let lines) = batch.columns.last?.storage else { return nil }
        let first = Int64(linesBefore + 1)
        let isAll =
            batch.count == piece.count
            && (0..<batch.count).allSatisfy { lines[$0] == first + Int64($0) }
        if isAll { return nil }
        return (0..<batch.count).map { row in
            let line = lines[row] - first
            precondition(line >= 0 && line < piece.count, "a row lies on a line of its piece")
            return Int32(line)
        }
    }

    private func column(
        _ kind: TopicRelation.Hidden, _ piece: PackedRecords, count: Int
    ) -> Column {
        if kind == .partition {
            return .constant(.integer(Int64(partition)), kind.column.type, count: count)
        }
        guard let column = piece.hidden[kind] else {
            preconditionFailure("\(kind) was not asked for")
        }
        return column
    }

    /// Values that are no JSON.
    private func texts(_ piece: PackedRecords) -> Batch {
        let values = ColumnBuilder(.text, capacity: piece.count)
        let bytes = piece.block.bytes
        var position = 0
        while let end = ByteScan.firstIndex(of: 0x0A, in: bytes, from: position) {
            values.append(repairing: bytes.extracting(position..<end))
            position = end + 1
        }
        let column = values.finish()
        let columns = scan.columns.map { wanted in
            TopicRelation.Hidden(rawValue: wanted.index - relation.fieldCount)
                .map { self.column($0, piece, count: piece.count) } ?? column
        }
        return Batch(columns, count: piece.count)
    }
}
