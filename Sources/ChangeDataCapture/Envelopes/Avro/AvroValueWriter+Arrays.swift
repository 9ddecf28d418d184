import Bytes
import Formats

// Values that hold others.
extension AvroValueWriter {
    /// `{1,NULL,3}`, `{{a,"b,c"},{"d\"e",NULL}}`, `[0:1]={7,8}`: one block of nulls, values or
    /// arrays.
    mutating func appendArray(
        _ text: RawSpan, _ form: ValueForm, _ column: AvroTable.Column, _ plan: TablePlan,
        into output: inout OutputBuffer
    ) throws(AvroMismatch) {
        var start = 0
        // Bounds other than 1 are said in front.
        if text.peek(at: 0) == UInt8(ascii: "[") {
            start = 1 + ((0..<text.byteCount).first { text.peek(at: $0) == 0x3D } ?? 0)
        }
        var dimensions = 0
        while text.peek(at: start + dimensions) == UInt8(ascii: "{") { dimensions += 1 }
        guard dimensions > 0 else { throw .value }
        guard dimensions <= column.dimensions else { throw .dimensions(dimensions) }
        let end = try appendLevel(text, start, form, column, plan, into: &output)
        guard end == text.byteCount else { throw .value }
    }

    /// What stands between two braces, of which the first is at `start`; gives where it goes on
    /// behind the second. Levels are as many as the column has dimensions at most.
    private mutating func appendLevel(
        _ text: RawSpan, _ start: Int, _ form: ValueForm, _ column: AvroTable.Column,
        _ plan: TablePlan, into output: inout OutputBuffer
    ) throws(AvroMismatch) -> Int {
        let separator = UInt8(truncatingIfNeeded: form.modifier)
        let elementForm = plan.forms[Int(form.element)]
        let element = AvroTable.Column(shape: column.element)
        var inner = column
        inner.dimensions -= 1
        var items = OutputBuffer(capacity: 256)
        var count: Int64 = 0
        var index = start + 1
        while index < text.byteCount, text.peek(at: index) != UInt8(ascii: "}") {
            count += 1
            switch text.peek(at: index) {
            case UInt8(ascii: "{"):
                guard inner.dimensions > 0 else { throw .value }
                items.append(avroLong: 2)
                index = try appendLevel(text, index, form, inner, plan, into: &items)
            case UInt8(ascii: "\""):
                items.append(avroLong: 1)
                var word = OutputBuffer(capacity: 64)
                index = word.append(unescaped: text, from: index + 1)
                try append(word.bytes, elementForm, element, plan, into: &items)
            default:
                let first = index
                while index < text.byteCount, text.peek(at: index) != separator,
                    text.peek(at: index) != UInt8(ascii: "}")
                {
                    index += 1
                }
                let word = text.extracting(first..<index)
                items.append(avroLong: word.isNull ? 0 : 1)
                if !word.isNull { try append(word, elementForm, element, plan, into: &items) }
            }
            if text.peek(at: index) == separator { index += 1 }
        }
        if count > 0 {
            output.append(avroLong: count)
            output.append(items.bytes)
        }
        output.append(avroLong: 0)
        return index + 1
    }
}

extension OutputBuffer {
    /// Appends text as a string. What is not UTF-8 (a database of encoding SQL_ASCII) is replaced
    /// byte by byte with U+FFFD.
    mutating func append(avroText text: RawSpan) {
        if UTF8Check.isValid(text) { return append(avroBytes: text) }
        append(avroBytes: text.repairedUTF8)
    }

    /// Appends `"k"=>"v", "a"=>NULL` as a map of strings or nulls.
    mutating func append(avroMap text: RawSpan) {
        var entries = OutputBuffer(capacity: text.byteCount + 64)
        var count: Int64 = 0
        text.forEachPair { key, value in
            count += 1
            entries.append(avroText: key.rawSpan)
            guard let value else { return entries.append(avroLong: 0) }
            entries.append(avroLong: 1)
            entries.append(avroText: value.rawSpan)
        }
        if count > 0 {
            append(avroLong: count)
            append(entries.bytes)
        }
        append(avroLong: 0)
    }
}
