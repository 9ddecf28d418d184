import Formats

@testable import Query

/// Rows of a file or a pipe: the first byte says how they are read, the second where the input is
/// cut in two. What is read of the whole and of its pieces is the same.
func fuzzRows(_ bytes: RawSpan) {
    guard bytes.byteCount > 2 else { return }
    let all = bytes.withUnsafeBytes { Array($0) }
    let (how, place, data) = (all[0], Int(all[1]), Array(all[2...]))
    var options = InputOptions()
    let formats = [nil, InputFormat.json, .csv(separator: nil, hasHeader: nil), .logfmt, .lines]
    options.format = formats[Int(how >> 4) % formats.count]
    options.readsEnvelopes = how & 2 != 0
    if how & 4 != 0 { options.wanted = ["a", "_op"] }
    var sample = SampleInProgress(options, rowsMin: how & 8 != 0 ? 1 : 100)
    sample.observe(InputBlock(data), isLast: true)
    let schema = sample.finish(adding: []).schema
    let skips = how & 1 != 0
    let whole = rows(of: data, cut: data.count, schema, skips: skips)
    let pieces = rows(of: data, cut: min(place, data.count), schema, skips: skips)
    // A value that does not fit its column is told of earlier or later.
    guard !whole.isCoerced, !pieces.isCoerced else { return }
    precondition(whole.failed == pieces.failed, "rows can be read in pieces only, or whole only")
    guard !whole.failed else { return }
    precondition(whole.rows == pieces.rows, "rows differ when they come in pieces")
}

private struct RowsRead {
    /// Values as they are shown: NaN is not equal to itself.
    var rows: [String] = []
    var isCoerced = false
    var failed = false
}

private func rows(
    of data: [UInt8], cut: Int, _ schema: InputSchema, skips: Bool
) -> RowsRead {
    let columns: [ReadColumn] =
        schema.current.indices.map { .value(field: $0, path: []) } + [.line]
    let context = SourceContext(
        signal: SourceSignal(), onError: skips ? .skip : .fail, settings: .init(), note: { _ in })
    let reader = schema.reader(columns, name: "input", context: context)
    var pieces = [data[..<cut], data[cut...]]
    var read = RowsRead()
    func take(_ batch: Batch) {
        for row in 0..<batch.count { read.rows.append("\(batch.row(row))") }
    }
    do {
        while true {
            switch try reader.next() {
            case .rows(let batch): take(batch)
            case .misfit(let misfit):
                read.isCoerced = true
                reader.coerce(misfit)
            case .needsInput where pieces.isEmpty:
                while case .rows(let batch)? = try reader.flush() { take(batch) }
                return read
            case .needsInput:
                let piece = pieces.removeFirst()
                reader.supply(InputBlock(Array(piece)), isLast: pieces.isEmpty)
            }
        }
    } catch {
        read.failed = true
        return read
    }
}
