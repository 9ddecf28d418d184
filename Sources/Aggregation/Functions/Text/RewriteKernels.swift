import Formats

/// Functions that make new text out of text.
enum RewriteKernels {
    static func replace(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let wanted = StringRows(arguments[1])
        let replacements = StringRows(arguments[2])
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            let bytes = unsafe rows[row]
            let old = unsafe wanted[row]
            var start = 0
            if unsafe !old.isEmpty {
                let new = unsafe replacements[row]
                if old.count == 1, new.count <= 1, unsafe old[0] != 0 {
                    return unsafe replace(old[0], by: new.first, in: bytes, &writer)
                }
                while let place = unsafe UTF8Text.find(old, in: bytes, from: start) {
                    unsafe writer.append(UnsafeRawBufferPointer(rebasing: bytes[start..<place]))
                    unsafe writer.append(new)
                    start = place + old.count
                }
            }
            unsafe writer.append(UnsafeRawBufferPointer(rebasing: bytes[start...]))
        }
    }

    /// One byte by another (nil: by none), eight at a time.
    private static func replace(
        _ old: UInt8, by new: UInt8?, in bytes: UnsafeRawBufferPointer,
        _ writer: inout StringWriter
    ) {
        let target = unsafe UnsafeMutableRawPointer(writer.reserve(bytes.count &+ 8))
        let count = bytes.count
        let pattern = UInt64(new ?? 0) &* 0x0101_0101_0101_0101
        var index = 0
        var next = 0
        while index < count {
            var word = unsafe UTF8Text.word(bytes, at: index)
            let marks = UTF8Text.marks(of: old, in: word)
            let width = min(count &- index, 8)
            index &+= 8
            if marks == 0 || new != nil {
                let places = (marks &>> 7) &* 0xFF
                word = word & ~places | pattern & places
                unsafe target.storeBytes(of: word, toByteOffset: next, as: UInt64.self)
                next &+= width
                continue
            }
            for _ in 0..<width {
                let byte = UInt8(truncatingIfNeeded: word)
                unsafe target.storeBytes(of: byte, toByteOffset: next, as: UInt8.self)
                next &+= byte == old ? 0 : 1
                word &>>= 8
            }
        }
        writer.advance(next)
    }

    /// translate(text, from, to): each character of `from` becomes the one of `to` in its place;
    /// those without one are dropped.
    static func translate(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let sources = StringRows(arguments[1])
        let targets = StringRows(arguments[2])
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            let from = unsafe UTF8Text.scalars(sources[row])
            let to = unsafe UTF8Text.scalars(targets[row])
            for scalar in unsafe UTF8Text.scalars(rows[row]) {
                guard let index = from.firstIndex(of: scalar) else {
                    writer.append(scalar)
                    continue
                }
                if index < to.count { writer.append(to[index]) }
            }
        }
    }

    static func repeated(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let counts = unsafe arguments[1].integers
        let mask = arguments[1].indexMask
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            let bytes = unsafe rows[row]
            let count = unsafe Int(max(counts[row & mask], 0))
            try checkLength(bytes.count, count)
            let size = bytes.count
            let total = size * count
            if total > Limits.unheededBytes { try context.reserve(total) }
            let part = max(1, Limits.unheededBytes / max(1, size))
            var done = 0
            while done < count, size > 0 {
                if done > 0 { try context.reserve(total) }
                let end = min(count, done + part)
                for _ in done..<end { unsafe writer.append(bytes) }
                done = end
            }
        }
    }

    /// PostgreSQL's bound of a value: a little less than 1 GiB.
    private static func checkLength(_ count: Int, _ times: Int) throws(SQLError) {
        let (total, overflow) = count.multipliedReportingOverflow(by: times)
        guard !overflow && total < Limits.valueBytesMax else {
            throw SQLError("requested length too large", .programLimitExceeded)
        }
    }

    static func reverse(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            let bytes = unsafe rows[row]
            var end = bytes.count
            while end > 0 {
                var start = end - 1
                while start > 0, unsafe UTF8Text.isContinuation(bytes[start]) { start -= 1 }
                unsafe writer.append(UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                end = start
            }
        }
    }

    /// lpad and rpad: cut or filled to a number of characters with a text, a blank by default.
    static func pad(
        atStart: Bool, _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let counts = unsafe arguments[1].integers
        let mask = arguments[1].indexMask
        let fills = arguments.count > 2 ? StringRows(arguments[2]) : nil
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            let bytes = unsafe rows[row]
            let wanted = unsafe Int(max(counts[row & mask], 0))
            try checkLength(4, wanted)
            if wanted > Limits.unheededBytes { try context.reserve(wanted) }
            let count = unsafe UTF8Text.count(bytes)
            let fill = fills.map { unsafe UTF8Text.scalars($0[row]) } ?? [" "]
            let missing = fill.isEmpty ? 0 : max(wanted - count, 0)
            func writeFill() throws(SQLError) {
                for index in 0..<missing {
                    if index & (Limits.unheededBytes - 1) == Limits.unheededBytes - 1 {
                        try context.reserve(wanted)
                    }
                    writer.append(fill[index % fill.count])
                }
            }
            if atStart { try writeFill() }
            let end = unsafe UTF8Text.offset(bytes, wanted)
            unsafe writer.append(UnsafeRawBufferPointer(rebasing: bytes[..<end]))
            if !atStart { try writeFill() }
        }
    }

    /// overlay(text, new, from[, for]), in characters, or bytes of bytea.
    static func overlay(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let news = StringRows(arguments[1])
        let starts = arguments[2]
        let isBytes = arguments[0].type == .bytea
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            let bytes = unsafe rows[row]
            let new = unsafe news[row]
            let start = unsafe Int(starts.integers[row & starts.indexMask])
            guard start > 0 else {
                throw SQLError("negative substring length not allowed", .substringError)
            }
            let count =
                unsafe arguments.count > 3
                ? Int(arguments[3].integers[row & arguments[3].indexMask])
                : isBytes ? new.count : UTF8Text.count(new)
            func offset(_ position: Int) -> Int {
                unsafe isBytes
                    ? min(max(position, 0), bytes.count)
                    : UTF8Text.offset(bytes, max(position, 0))
            }
            unsafe writer.append(UnsafeRawBufferPointer(rebasing: bytes[..<offset(start - 1)]))
            unsafe writer.append(new)
            unsafe writer.append(
                UnsafeRawBufferPointer(rebasing: bytes[offset(start - 1 + count)...]))
        }
    }

    static func character(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let codes = unsafe arguments[0].integers
        let mask = arguments[0].indexMask
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            let code = unsafe codes[row & mask]
            if code < 0 {
                throw SQLError("character number must be positive", .invalidParameterValue)
            }
            if code == 0 {
                throw SQLError("null character not permitted", .programLimitExceeded)
            }
            guard code <= 0x10FFFF else {
                throw SQLError(
                    "requested character too large for encoding: \(code)", .programLimitExceeded)
            }
            guard let scalar = Unicode.Scalar(UInt32(code)) else {
                throw SQLError(
                    "requested character not valid for encoding: \(code)", .programLimitExceeded)
            }
            writer.append(scalar)
        }
    }

    static func hexadecimal(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let values = unsafe arguments[0].integers
        let mask = arguments[0].indexMask
        let isInteger = arguments[0].type != .bigint
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            let value = unsafe values[row & mask]
            let bits =
                isInteger
                ? UInt64(UInt32(truncatingIfNeeded: value)) : UInt64(bitPattern: value)
            writer.append(String(bits, radix: 16))
        }
    }
}
