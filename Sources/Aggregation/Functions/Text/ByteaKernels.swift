import Formats

/// Functions over bytea alone.
enum ByteaKernels {
    static func getByte(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let places = arguments[1]
        return try TextLoop.integers(context) { row throws(SQLError) in
            let bytes = unsafe rows[row]
            let place = unsafe places.integers[row & places.indexMask]
            return unsafe Int64(bytes[try index(place, bytes.count)])
        }
    }

    static func setByte(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let (places, values) = (arguments[1], arguments[2])
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            let bytes = unsafe rows[row]
            let place = unsafe try index(places.integers[row & places.indexMask], bytes.count)
            unsafe writer.append(bytes)
            unsafe writer.written[place] = unsafe UInt8(
                truncatingIfNeeded: values.integers[row & values.indexMask])
        }
    }

    static func getBit(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let places = arguments[1]
        return try TextLoop.integers(context) { row throws(SQLError) in
            let bytes = unsafe rows[row]
            let place = unsafe try index(places.integers[row & places.indexMask], bytes.count * 8)
            return unsafe Int64(bytes[place >> 3] >> UInt8(place & 7) & 1)
        }
    }

    static func setBit(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        let (places, values) = (arguments[1], arguments[2])
        return try TextLoop.write(context) { row, writer throws(SQLError) in
            let bytes = unsafe rows[row]
            let place = unsafe try index(places.integers[row & places.indexMask], bytes.count * 8)
            let value = unsafe values.integers[row & values.indexMask]
            guard value == 0 || value == 1 else {
                throw SQLError("new bit must be 0 or 1", .invalidParameterValue)
            }
            unsafe writer.append(bytes)
            let old = unsafe writer.written[place >> 3] & ~(1 << UInt8(place & 7))
            unsafe writer.written[place >> 3] = old | UInt8(value) << UInt8(place & 7)
        }
    }

    private static func index(_ place: Int64, _ count: Int) throws(SQLError) -> Int {
        guard place >= 0 && place < count else {
            throw SQLError(
                "index \(place) out of valid range, 0..\(count - 1)", .arraySubscriptError)
        }
        return Int(place)
    }

    /// bit_count(bytea)
    static func setBits(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        let rows = StringRows(arguments[0])
        return try TextLoop.integers(context) { row throws(SQLError) in
            let bytes = unsafe rows[row]
            return Int64((0..<bytes.count).reduce(0) { unsafe $0 + bytes[$1].nonzeroBitCount })
        }
    }

    /// convert_from(bytes, 'UTF8')
    static func convertFrom(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try checkEncodings(arguments[1], context)
        let rows = StringRows(arguments[0])
        for row in 0..<context.count where context.isLive(row) {
            unsafe try checkUTF8(rows[row])
        }
        return arguments[0].retyped(.text)
    }

    private static func checkUTF8(_ bytes: UnsafeRawBufferPointer) throws(SQLError) {
        var start = 0
        while start < bytes.count {
            let lead = unsafe bytes[start]
            let width = lead < 0xC0 || lead >= 0xF8 ? 1 : UTF8Text.width(lead)
            let end = min(start + width, bytes.count)
            let character = unsafe UnsafeRawBufferPointer(rebasing: bytes[start..<end])
            if unsafe bytes[start] == 0 || String(validating: character, as: UTF8.self) == nil {
                let shown = unsafe character.map {
                    "0x\($0 < 16 ? "0" : "")\(String($0, radix: 16))"
                }.joined(separator: " ")
                throw SQLError(
                    "invalid byte sequence for encoding \"UTF8\": \(shown)",
                    .characterNotInRepertoire)
            }
            start = end
        }
    }

    /// convert_to(text, 'UTF8')
    static func convertTo(
        _ arguments: [Column], _ context: KernelContext
    ) throws(SQLError) -> Column {
        try checkEncodings(arguments[1], context)
        return arguments[0].retyped(.bytea)
    }

    private static func checkEncodings(
        _ names: Column, _ context: KernelContext
    ) throws(SQLError) {
        for row in 0..<context.count where context.isLive(row) {
            let name = unsafe names.strings[row & names.indexMask].string
            guard ["utf8", "utf-8", "unicode"].contains(name.lowercased()) else {
                throw SQLError("encoding \"\(name)\" is not supported", .featureNotSupported)
            }
        }
    }
}
