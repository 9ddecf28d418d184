import Bytes
import Formats

/// Why a row cannot be written by the description that its table has.
enum AvroFault: Error, Equatable {
    /// A column holds null whose field has none.
    case null(Int)
    /// A column holds an array of more dimensions than its field has room for.
    case dimensions(Int, Int)
    /// A column holds what its field's type has not.
    case value(Int)
}

/// Writes tuples as records of Avro, each in one walk; owned by an encoder and used on its thread.
struct AvroRowWriter: ~Copyable {
    private var values = AvroValueWriter()
    private let placeholder: String
    /// Columns of the last change whose value the stream did not carry.
    private(set) var unavailable: [Int] = []

    init(placeholder: String) { self.placeholder = placeholder }

    /// Comes before the rows of a change.
    mutating func begin() { unavailable.removeAll(keepingCapacity: true) }

    /// Appends a row. What `choice` leaves out is null, or a zero where the field has no null, as
    /// Debezium writes it. A value that is not in the stream is taken from `full`, the old row, if
    /// there is one.
    mutating func record(
        _ tuple: Range<Int>, of bytes: RawSpan, _ plan: TablePlan, _ avro: AvroTable,
        _ choice: ColumnChoice, full: Range<Int>? = nil, into output: inout OutputBuffer
    ) throws(AvroFault) {
        var cursor = TupleCursor(bytes, tuple)
        for (index, column) in avro.columns.enumerated() {
            var field = index < cursor.count ? cursor.next() : .null
            if column.shape == .absent { continue }
            guard choice.covers(plan.columns[index]) else {
                append(nothingIn: column, into: &output)
                continue
            }
            if case .unchanged = field, let full {
                field = TupleCursor.field(index, of: full, in: bytes)
            }
            if case .unchanged = field {
                unavailable.append(index)
                append(unavailable: column, into: &output)
            } else {
                try append(field, of: bytes, index, column, plan, into: &output)
            }
        }
    }

    /// Appends the key's columns, in its order.
    mutating func key(
        _ tuple: Range<Int>, of bytes: RawSpan, _ plan: TablePlan, _ avro: AvroTable,
        into output: inout OutputBuffer
    ) throws(AvroFault) {
        for (place, index) in plan.table.key.enumerated() {
            let column = avro.keyColumns[place]
            if column.shape == .absent { continue }
            let field = TupleCursor.field(index, of: tuple, in: bytes)
            try append(field, of: bytes, index, column, plan, into: &output)
        }
    }

    private mutating func append(
        _ field: TupleCursor.Field, of bytes: RawSpan, _ index: Int, _ column: AvroTable.Column,
        _ plan: TablePlan, into output: inout OutputBuffer
    ) throws(AvroFault) {
        guard case .text(let start, let end) = field else {
            guard column.isOptional else { throw .null(index) }
            return output.append(avroLong: 0)
        }
        if column.isOptional { output.append(avroLong: 1) }
        do throws(AvroMismatch) {
            try values.append(
                bytes.extracting(start..<end), plan.columns[index].form, column, plan,
                into: &output)
        } catch {
            switch error {
            case .value: throw .value(index)
            case .dimensions(let count): throw .dimensions(index, count)
            }
        }
    }

    private func append(nothingIn column: AvroTable.Column, into output: inout OutputBuffer) {
        if column.isOptional { return output.append(avroLong: 0) }
        switch column.shape {
        case .float: output.append(avroFloat: 0)
        case .double: output.append(avroDouble: 0)
        case .decimal: output.append(avroBytes: [0])
        case .variableDecimal:
            output.append(avroLong: 0)
            output.append(avroBytes: [0])
        case .point:
            output.append(avroDouble: 0)
            output.append(avroDouble: 0)
            output.append(avroLong: 0)
            output.append(avroLong: 0)
        case .absent: break
        // False, 0, an empty text, no elements.
        default: output.append(avroLong: 0)
        }
    }

    /// Debezium's placeholder, where the type has room for it.
    private func append(unavailable column: AvroTable.Column, into output: inout OutputBuffer) {
        let isText = { (shape: AvroShape) in
            switch shape {
            case .string, .formed, .truncated, .hstoreText, .bytes, .bits: true
            default: false
            }
        }
        let isNumber = column.element == .whole || column.element == .number
        guard
            isText(column.shape) || column.shape == .map
                || (column.shape == .array && (isText(column.element) || isNumber))
        else { return append(nothingIn: column, into: &output) }
        if column.isOptional { output.append(avroLong: 1) }
        if isText(column.shape) { return output.append(avroString: placeholder) }
        if column.shape == .array, isNumber {
            let bytes = Array(placeholder.utf8)
            if !bytes.isEmpty { output.append(avroLong: Int64(bytes.count)) }
            for byte in bytes {
                output.append(avroLong: 1)
                output.append(avroLong: Int64(byte))
            }
        } else {
            output.append(avroLong: 1)
            if column.shape == .map { output.append(avroString: placeholder) }
            output.append(avroLong: 1)
            output.append(avroString: placeholder)
        }
        output.append(avroLong: 0)
    }
}
