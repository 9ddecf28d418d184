import Formats

/// Lengths and positions.
enum SearchKernels {
    static func characterCount(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        return try TextLoop.integers(context) { row throws(SQLError) in
            unsafe Int64(UTF8Text.count(rows[row]))
        }
    }

    /// Of character(n): blanks at the end do not count.
    static func paddedCount(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let trimmed = try SubstringKernels.trim(
            .right, arguments,
            KernelContext(
                count: context.count, type: .text, live: context.live, session: context.session))
        return try characterCount([trimmed], context)
    }

    static func byteCount(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        return try TextLoop.integers(context) { row throws(SQLError) in
            unsafe Int64(rows[row].count)
        }
    }

    static func bitCount(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        return try TextLoop.integers(context) { row throws(SQLError) in
            unsafe Int64(rows[row].count) * 8
        }
    }

    /// position(text, part) in characters from 1; 0: it is not there.
    static func position(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let parts = StringRows(arguments[1])
        return try TextLoop.integers(context) { row throws(SQLError) in
            let bytes = unsafe rows[row]
            guard let place = unsafe UTF8Text.find(parts[row], in: bytes) else { return 0 }
            return unsafe Int64(UTF8Text.count(UnsafeRawBufferPointer(rebasing: bytes[..<place])))
                + 1
        }
    }

    static func bytePosition(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let parts = StringRows(arguments[1])
        return try TextLoop.integers(context) { row throws(SQLError) in
            unsafe UTF8Text.find(parts[row], in: rows[row]).map { Int64($0) + 1 } ?? 0
        }
    }

    static func startsWith(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let starts = StringRows(arguments[1])
        return try TextLoop.booleans(context) { row throws(SQLError) in
            let start = unsafe starts[row]
            let bytes = unsafe rows[row]
            return unsafe bytes.count >= start.count
                && equalBytes(UnsafeRawBufferPointer(rebasing: bytes[..<start.count]), start)
        }
    }

    static func endsWith(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let ends = StringRows(arguments[1])
        return try TextLoop.booleans(context) { row throws(SQLError) in
            let end = unsafe ends[row]
            let bytes = unsafe rows[row]
            return unsafe bytes.count >= end.count
                && equalBytes(
                    UnsafeRawBufferPointer(rebasing: bytes[(bytes.count - end.count)...]), end)
        }
    }

    static func contains(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let parts = StringRows(arguments[1])
        return try TextLoop.booleans(context) { row throws(SQLError) in
            unsafe UTF8Text.find(parts[row], in: rows[row]) != nil
        }
    }

    /// The code point of the first character; 0 for an empty text.
    static func ascii(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        return try TextLoop.integers(context) { row throws(SQLError) in
            let bytes = unsafe rows[row]
            return unsafe bytes.isEmpty ? 0 : Int64(UTF8Text.scalar(bytes, 0).scalar.value)
        }
    }
}
