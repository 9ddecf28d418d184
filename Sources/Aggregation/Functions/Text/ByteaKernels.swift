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
}
