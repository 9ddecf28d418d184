import Formats

/// string_to_array and array_to_string.
enum ArrayTextKernels {
    /// A null delimiter splits into characters, an empty one not at all; the third argument is the
    /// text that stands for null.
    static func split(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let delimiters = StringRows(arguments[1])
        let nulls = arguments.count > 2 ? StringRows(arguments[2]) : nil
        let builder = ColumnBuilder(.array(.text), capacity: context.count)
        for row in 0..<context.count {
            if arguments[0].isNull(row) {
                builder.appendNull()
                continue
            }
            let bytes = unsafe rows[row]
            let hasNull = nulls != nil && !arguments[2].isNull(row)
            builder.appendArray { elements in
                func add(_ range: Range<Int>) {
                    let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[range])
                    if hasNull, let null = unsafe nulls?[row], unsafe equalBytes(part, null) {
                        elements.appendNull()
                    } else {
                        unsafe elements.append(bytes: part)
                    }
                }
                if unsafe bytes.isEmpty { return }
                if arguments[1].isNull(row) {
                    var start = 0
                    while start < bytes.count {
                        let end = unsafe min(start + UTF8Text.width(bytes[start]), bytes.count)
                        add(start..<end)
                        start = end
                    }
                    return
                }
                let delimiter = unsafe delimiters[row]
                var start = 0
                while unsafe !delimiter.isEmpty,
                    let place = unsafe UTF8Text.find(delimiter, in: bytes, from: start)
                {
                    add(start..<place)
                    start = place + delimiter.count
                }
                add(start..<bytes.count)
            }
        }
        return builder.finish()
    }

    /// Null elements are left out, or written as the third argument.
    static func join(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let column = arguments[0]
        let (offsets, elements) = unsafe column.arrays
        let leaves = leaves(elements)
        let text = AnyText(leaves, context.session)
        let delimiters = StringRows(arguments[1])
        let nulls = arguments.count > 2 ? StringRows(arguments[2]) : nil
        let isMissing = { (row: Int) in column.isNull(row) || arguments[1].isNull(row) }
        let result = try TextLoop.write(context) { row, writer throws(SQLError) in
            if isMissing(row) { return }
            let index = row & column.indexMask
            let range = unsafe leafRange(Int(offsets[index])..<Int(offsets[index + 1]), elements)
            var isFirst = true
            for element in range {
                let isNull = leaves.isNull(element)
                if isNull && (nulls == nil || arguments[2].isNull(row)) { continue }
                if !isFirst { unsafe writer.append(delimiters[row]) }
                isFirst = false
                if isNull, let null = unsafe nulls?[row] {
                    unsafe writer.append(null)
                } else {
                    _ = text.append(element, to: &writer)
                }
            }
        }
        let validity = Bitmap.allSet(context.count)
        for row in 0..<context.count where isMissing(row) { validity.clear(row) }
        return result.clearing(validity)
    }

    /// The innermost elements of arrays within arrays.
    private static func leaves(_ column: Column) -> Column {
        if case .array(_, let inner) = column.storage { return leaves(inner) }
        return column
    }

    private static func leafRange(_ range: Range<Int>, _ column: Column) -> Range<Int> {
        guard case .array(let offsets, let inner) = column.storage else { return range }
        return leafRange(
            Int(offsets[range.lowerBound])..<Int(offsets[range.upperBound]), inner)
    }
}
