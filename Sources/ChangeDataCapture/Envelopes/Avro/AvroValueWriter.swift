import Bytes
import Formats

/// A value that its Avro type cannot hold.
enum AvroMismatch: Error {
    /// Such as NaN in a decimal.
    case value
    /// An array that has more dimensions than those before.
    case dimensions(Int)
}

/// Writes values of tuples in Avro's binary encoding, the same values as `ValueWriter`'s JSON;
/// owned by an encoder and used on its thread.
struct AvroValueWriter: ~Copyable {
    private var json = ValueWriter()
    /// Where JSON's form of a value is made.
    private var scratch = OutputBuffer(capacity: 256)

    /// Appends a text of the server. What was appended before an error is to be taken back.
    mutating func append(
        _ text: RawSpan, _ form: ValueForm, _ column: AvroTable.Column, _ plan: TablePlan,
        into output: inout OutputBuffer
    ) throws(AvroMismatch) {
        if form.kind == .money {
            return try appendMoney(text, form, column, plan, into: &output)
        }
        switch column.shape {
        case .boolean: output.append(text.peek(at: 0) == UInt8(ascii: "t") ? 1 : 0)
        case .bit: output.append(text.peek(at: 0) == UInt8(ascii: "1") ? 1 : 0)
        case .whole: output.append(avroLong: try Self.integer(text))
        case .number:
            makeJSON(text, form, plan)
            output.append(avroLong: try Self.integer(scratch.bytes))
        case .float:
            guard let value = Float(text.string) else { throw .value }
            output.append(avroFloat: value)
        case .double:
            guard let value = text.double else { throw .value }
            output.append(avroDouble: value)
        case .string: output.append(avroText: text)
        case .truncated: output.append(avroText: text.prefix(characters: Int(form.modifier)))
        case .formed: appendFormed(text, form, plan, into: &output)
        case .hstoreText:
            scratch.removeAll()
            scratch.append(hstore: text)
            output.append(avroText: scratch.bytes)
        case .bytes: try appendBinary(text, into: &output)
        case .bits: output.append(avroBytes: OutputBuffer.packed(bits: text))
        case .decimal: try appendDecimal(text, scale: Int(form.modifier), into: &output)
        case .variableDecimal:
            let scale = OutputBuffer.fractionDigits(text)
            output.append(avroLong: Int64(scale))
            try appendDecimal(text, scale: scale, into: &output)
        case .point: try appendPoint(text, into: &output)
        case .array: try appendArray(text, form, column, plan, into: &output)
        case .map: output.append(avroMap: text)
        case .floatVector, .doubleVector:
            try appendVector(text, isFloat: column.shape == .floatVector, into: &output)
        case .absent: break
        }
    }

    private mutating func makeJSON(_ text: RawSpan, _ form: ValueForm, _ plan: TablePlan) {
        scratch.removeAll()
        json.append(text, 0, text.byteCount, form, plan, into: &scratch)
    }

    private static func integer(_ text: RawSpan) throws(AvroMismatch) -> Int64 {
        guard let value = Int64(text.string) else { throw .value }
        return value
    }

    /// A string of JSON in which nothing is escaped; what was not understood stays as it is.
    private mutating func appendFormed(
        _ text: RawSpan, _ form: ValueForm, _ plan: TablePlan, into output: inout OutputBuffer
    ) {
        makeJSON(text, form, plan)
        let made = scratch.bytes
        let isEscaped = (0..<made.byteCount).contains { made.peek(at: $0) == UInt8(ascii: "\\") }
        guard made.peek(at: 0) == UInt8(ascii: "\""), !isEscaped else {
            return output.append(avroText: text)
        }
        output.append(avroBytes: made.extracting(1..<made.byteCount - 1))
    }

    /// `\x0102ff`.
    private func appendBinary(
        _ text: RawSpan, into output: inout OutputBuffer
    ) throws(AvroMismatch) {
        guard text.peek(at: 0) == UInt8(ascii: "\\"), text.peek(at: 1) == UInt8(ascii: "x"),
            text.byteCount % 2 == 0
        else { throw .value }
        output.append(avroLong: Int64(text.byteCount / 2 - 1))
        var index = 2
        while index < text.byteCount {
            output.append(
                hexValue(text.peek(at: index)) << 4 | hexValue(text.peek(at: index + 1)))
            index += 2
        }
    }

    private func appendDecimal(
        _ text: RawSpan, scale: Int, into output: inout OutputBuffer
    ) throws(AvroMismatch) {
        let first = text.peek(at: 0)
        let digit = first == UInt8(ascii: "-") ? text.peek(at: 1) : first
        // NaN and the infinities have no unscaled value.
        guard digit >= 48, digit <= 57 else { throw .value }
        output.append(avroBytes: OutputBuffer.unscaled(text, scale: scale))
    }

    /// `-$1,234.11` without its sign of currency and its commas.
    private mutating func appendMoney(
        _ text: RawSpan, _ form: ValueForm, _ column: AvroTable.Column, _ plan: TablePlan,
        into output: inout OutputBuffer
    ) throws(AvroMismatch) {
        let digits = OutputBuffer.moneyDigits(text)
        let shape = column.shape == .formed ? .string : column.shape
        try append(
            digits.rawSpan, plan.forms[Int(form.element)],
            AvroTable.Column(shape: shape), plan, into: &output)
    }

    /// `(1,2)` as Debezium's Point.
    private func appendPoint(
        _ text: RawSpan, into output: inout OutputBuffer
    ) throws(AvroMismatch) {
        guard let (x, y) = OutputBuffer.coordinates(text) else { throw .value }
        output.append(avroDouble: x)
        output.append(avroDouble: y)
        output.append(avroLong: 1)
        output.append(avroBytes: OutputBuffer.wellKnownBinary(x, y))
        output.append(avroLong: 0)
    }

    /// `[1,2.5]`.
    private func appendVector(
        _ text: RawSpan, isFloat: Bool, into output: inout OutputBuffer
    ) throws(AvroMismatch) {
        let parts = text.string.dropFirst().dropLast().split(separator: ",")
        if !parts.isEmpty { output.append(avroLong: Int64(parts.count)) }
        for part in parts {
            guard let value = Double(part) else { throw .value }
            if isFloat {
                output.append(avroFloat: Float(part) ?? Float(value))
            } else {
                output.append(avroDouble: value)
            }
        }
        output.append(avroLong: 0)
    }
}
