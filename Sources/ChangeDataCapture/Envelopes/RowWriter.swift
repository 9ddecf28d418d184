import Bytes
import Formats

/// Which columns of a tuple are written.
enum ColumnChoice {
    case all, identity, key

    func covers(_ column: TablePlan.Column) -> Bool {
        switch self {
        case .all: true
        case .identity: column.isIdentity
        case .key: column.isKey
        }
    }
}

/// Writes tuples as JSON objects, each in one walk; owned by an encoder and used on its thread.
struct RowWriter: ~Copyable {
    private var values = ValueWriter()
    /// Columns of the last object whose value the stream did not carry.
    private(set) var unavailable: [Int] = []

    /// Appends `{"a":1,"b":"x"}`. A value that is not in the stream is taken from `full`, the old
    /// row, if there is one; else `placeholder` stands for it, or its name is left out.
    mutating func object(
        _ tuple: Range<Int>, of bytes: RawSpan, _ plan: TablePlan, _ choice: ColumnChoice,
        full: Range<Int>? = nil, placeholder: String? = nil, into output: inout OutputBuffer
    ) {
        unavailable.removeAll(keepingCapacity: true)
        var cursor = TupleCursor(bytes, tuple)
        var isFirst = true
        output.append(UInt8(ascii: "{"))
        let columns = plan.columns
        let names = plan.names
        for index in 0..<min(cursor.count, columns.count) {
            var field = cursor.next()
            let column = columns[index]
            guard choice.covers(column), column.form.kind != .dropped else { continue }
            if case .unchanged = field {
                if let full { field = TupleCursor.field(index, of: full, in: bytes) }
                if case .unchanged = field {
                    unavailable.append(index)
                    guard let placeholder else { continue }
                    append(name: column, names, &isFirst, into: &output)
                    output.append(jsonString: placeholder)
                    continue
                }
            }
            append(name: column, names, &isFirst, into: &output)
            if case .text(let start, let end) = field {
                values.append(bytes, start, end, column.form, plan, into: &output)
            } else {
                output.append("null")
            }
        }
        output.append(UInt8(ascii: "}"))
    }

    @inline(__always)
    private func append(
        name column: TablePlan.Column, _ names: [UInt8], _ isFirst: inout Bool,
        into output: inout OutputBuffer
    ) {
        let start = Int(column.nameStart) &- (isFirst ? 0 : 1)
        isFirst = false
        output.append(names.rawSpan, start..<Int(column.nameEnd))
    }

    /// Appends the key's columns in the key's order.
    mutating func key(
        _ tuple: Range<Int>, of bytes: RawSpan, _ plan: TablePlan, into output: inout OutputBuffer
    ) {
        if plan.keyAscends {
            return object(tuple, of: bytes, plan, .key, into: &output)
        }
        var isFirst = true
        output.append(UInt8(ascii: "{"))
        for index in plan.table.key where plan.columns[index].form.kind != .dropped {
            append(name: plan.columns[index], plan.names, &isFirst, into: &output)
            value(index, tuple, of: bytes, plan, into: &output)
        }
        output.append(UInt8(ascii: "}"))
    }

    /// Appends one column's value; null if the tuple has none.
    mutating func value(
        _ index: Int, _ tuple: Range<Int>, of bytes: RawSpan, _ plan: TablePlan,
        into output: inout OutputBuffer
    ) {
        let form = plan.columns[index].form
        if case .text(let start, let end) = TupleCursor.field(index, of: tuple, in: bytes) {
            values.append(bytes, start, end, form, plan, into: &output)
        } else {
            output.append("null")
        }
    }

    mutating func value(
        _ bytes: RawSpan, _ start: Int, _ end: Int, _ index: Int, _ plan: TablePlan,
        into output: inout OutputBuffer
    ) {
        values.append(bytes, start, end, plan.columns[index].form, plan, into: &output)
    }

    /// Appends the old values of the columns that the change gave another, as an object. Of an old
    /// key (`isKey`) only the identity's columns are known.
    mutating func differences(
        _ before: Range<Int>, isKey: Bool, _ after: Range<Int>, of bytes: RawSpan,
        _ plan: TablePlan, into output: inout OutputBuffer
    ) {
        var old = TupleCursor(bytes, before)
        var new = TupleCursor(bytes, after)
        var isFirst = true
        output.append(UInt8(ascii: "{"))
        let names = plan.names
        for index in 0..<min(old.count, new.count, plan.columns.count) {
            let (was, now) = (old.next(), new.next())
            let column = plan.columns[index]
            if (isKey && !column.isIdentity) || column.form.kind == .dropped { continue }
            guard Self.differs(was, now, in: bytes) else { continue }
            append(name: column, names, &isFirst, into: &output)
            if case .text(let start, let end) = was {
                values.append(bytes, start, end, column.form, plan, into: &output)
            } else {
                output.append("null")
            }
        }
        output.append(UInt8(ascii: "}"))
    }

    /// A value that the stream does not carry is one that did not change.
    static func differs(
        _ was: TupleCursor.Field, _ now: TupleCursor.Field, in bytes: RawSpan
    ) -> Bool {
        switch (was, now) {
        case (.null, .null), (_, .unchanged), (.unchanged, _): return false
        case (.text(let start, let end), .text(let begin, let stop)):
            guard end - start == stop - begin else { return true }
            for offset in 0..<end - start
            where bytes.peek(at: start + offset) != bytes.peek(at: begin + offset) {
                return true
            }
            return false
        default: return true
        }
    }

    /// Appends `,"unavailable":["doc"]` if the last object left something out.
    func appendUnavailable(_ plan: TablePlan, into output: inout OutputBuffer) {
        guard !unavailable.isEmpty else { return }
        output.append(",\"unavailable\":")
        var separator = UInt8(ascii: "[")
        for index in unavailable {
            output.append(separator)
            separator = UInt8(ascii: ",")
            output.append(jsonString: plan.table.columns[index].name)
        }
        output.append(UInt8(ascii: "]"))
    }
}
