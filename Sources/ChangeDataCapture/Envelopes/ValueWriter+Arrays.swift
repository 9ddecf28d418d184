import Bytes
import Formats

// Values that hold others: arrays and hstore.
extension ValueWriter {
    /// `{{1,2},{3,NULL}}`, `{a,"b,c","d\"e",NULL}`, `[0:1]={7,8}` as nested arrays of JSON.
    mutating func appendArray(
        _ text: RawSpan, _ form: ValueForm, _ plan: TablePlan, into output: inout OutputBuffer
    ) {
        let element = plan.forms[Int(form.element)]
        let separator = UInt8(truncatingIfNeeded: form.modifier)
        let mark = output.count
        var index = 0
        // Bounds other than 1 are said in front.
        if text.peek(at: 0) == UInt8(ascii: "[") {
            index = (0..<text.byteCount).first { text.peek(at: $0) == UInt8(ascii: "=") } ?? 0
            index += 1
        }
        var depth = 0
        while index < text.byteCount {
            switch text.peek(at: index) {
            case UInt8(ascii: "{"):
                output.append(UInt8(ascii: "["))
                depth += 1
                index += 1
            case UInt8(ascii: "}"):
                output.append(UInt8(ascii: "]"))
                depth -= 1
                index += 1
            case separator:
                output.append(UInt8(ascii: ","))
                index += 1
            case UInt8(ascii: "\""):
                index = appendQuoted(text, index + 1, element, plan, into: &output)
            default:
                index = appendBare(text, index, separator, element, plan, into: &output)
            }
        }
        guard depth == 0, output.count > mark else {
            output.truncate(to: mark)
            return output.append(anyString: text)
        }
    }

    /// An element in quotes, whose text begins at `start`; gives where it ends.
    private mutating func appendQuoted(
        _ text: RawSpan, _ start: Int, _ element: ValueForm, _ plan: TablePlan,
        into output: inout OutputBuffer
    ) -> Int {
        var index = start
        while index < text.byteCount, text.peek(at: index) != UInt8(ascii: "\""),
            text.peek(at: index) != UInt8(ascii: "\\")
        {
            index += 1
        }
        if text.peek(at: index) == UInt8(ascii: "\"") || index >= text.byteCount {
            append(text, start, min(index, text.byteCount), element, plan, into: &output)
            return index + 1
        }
        var plain = OutputBuffer(capacity: text.byteCount - start)
        index = plain.append(unescaped: text, from: start)
        append(plain.bytes, 0, plain.count, element, plan, into: &output)
        return index
    }

    private mutating func appendBare(
        _ text: RawSpan, _ start: Int, _ separator: UInt8, _ element: ValueForm,
        _ plan: TablePlan, into output: inout OutputBuffer
    ) -> Int {
        var end = start
        while end < text.byteCount, text.peek(at: end) != separator,
            text.peek(at: end) != UInt8(ascii: "}")
        {
            end += 1
        }
        if end - start == 4, text.extracting(start..<end).isNull {
            output.append("null")
        } else {
            append(text, start, end, element, plan, into: &output)
        }
        return end
    }
}

extension OutputBuffer {
    /// Appends what stands in quotes from `start` on, without its backslashes; gives where it goes
    /// on behind the closing quote.
    mutating func append(unescaped text: RawSpan, from start: Int) -> Int {
        var index = start
        while index < text.byteCount, text.peek(at: index) != UInt8(ascii: "\"") {
            if text.peek(at: index) == UInt8(ascii: "\\") { index += 1 }
            if index < text.byteCount { append(text.peek(at: index)) }
            index += 1
        }
        return index + 1
    }

    /// Appends `"k"=>"v", "a"=>NULL` as an object of strings.
    mutating func append(hstore text: RawSpan) {
        append(UInt8(ascii: "{"))
        var isFirst = true
        text.forEachPair { key, value in
            if !isFirst { append(UInt8(ascii: ",")) }
            isFirst = false
            append(anyString: key.rawSpan)
            append(UInt8(ascii: ":"))
            if let value { append(anyString: value.rawSpan) } else { append("null") }
        }
        append(UInt8(ascii: "}"))
    }
}

extension RawSpan {
    /// Gives each pair of an hstore's text; the value is nil for NULL.
    func forEachPair(_ use: ([UInt8], [UInt8]?) -> Void) {
        var index = 0
        while index < byteCount {
            guard peek(at: index) == UInt8(ascii: "\"") else {
                index += 1
                continue
            }
            var word = OutputBuffer(capacity: 64)
            index = word.append(unescaped: self, from: index + 1)
            let key = word.array
            // `=>` and what may stand around it.
            while index < byteCount, peek(at: index) != UInt8(ascii: "\""),
                peek(at: index) != UInt8(ascii: "N")
            {
                index += 1
            }
            guard peek(at: index) == UInt8(ascii: "\"") else {
                use(key, nil)
                index += 4
                continue
            }
            word.removeAll()
            index = word.append(unescaped: self, from: index + 1)
            use(key, word.array)
        }
    }

    /// `NULL` in any case, as arrays spell it.
    var isNull: Bool {
        byteCount == 4 && peek(at: 0) | 0x20 == 0x6E && peek(at: 1) | 0x20 == 0x75
            && peek(at: 2) | 0x20 == 0x6C && peek(at: 3) | 0x20 == 0x6C
    }
}
