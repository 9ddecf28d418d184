import Formats

/// The kernels of `SortKeyCodec`: a column at a time.
enum KeyEncoder {
    typealias Cursors = UnsafeMutablePointer<UnsafeMutablePointer<UInt8>>

    static func addSizes(
        _ column: Column, _ key: SortKeyCodec.Key, _ count: Int, _ sizes: UnsafeMutablePointer<Int>
    ) {
        switch column.storage {
        case .string where column.type == .jsonb:
            for row in 0..<count { unsafe sizes[row] += slowBytes(column, row, key).count }
        case .boolean: unsafe addFixed(column, 1, count, sizes)
        case .integer, .double: unsafe addFixed(column, 8, count, sizes)
        case .interval: unsafe addFixed(column, 16, count, sizes)
        case .string(let views, _):
            var row = 0
            while row < count {
                unsafe sizes[row] &+= 1
                if !column.isNull(row) {
                    unsafe sizes[row] &+= escapedSize(views.base[row & column.indexMask])
                }
                row &+= 1
            }
        case .numeric, .array, .record:
            for row in 0..<count { unsafe sizes[row] += slowBytes(column, row, key).count }
        }
    }

    private static func addFixed(
        _ column: Column, _ size: Int, _ count: Int, _ sizes: UnsafeMutablePointer<Int>
    ) {
        var row = 0
        if column.validity == nil {
            while row < count {
                unsafe sizes[row] &+= size &+ 1
                row &+= 1
            }
        } else {
            while row < count {
                unsafe sizes[row] &+= column.isNull(row) ? 1 : size &+ 1
                row &+= 1
            }
        }
    }

    /// Zeros are written as 0 255, the end as 0 0.
    static func escapedSize(_ view: StringView) -> Int {
        unsafe view.withBytes { bytes in
            var zeros = 0
            var index = 0
            while index < bytes.count {
                if bytes.count &- index >= 8 {
                    let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    let low = word &- 0x0101_0101_0101_0101
                    if low & ~word & 0x8080_8080_8080_8080 == 0 {
                        index &+= 8
                        continue
                    }
                }
                if unsafe bytes[index] == 0 { zeros &+= 1 }
                index &+= 1
            }
            return bytes.count &+ zeros &+ 2
        }
    }

    static func write(
        _ column: Column, _ key: SortKeyCodec.Key, _ count: Int, _ cursors: Cursors
    ) {
        let isDescending = key.isDescending
        let nullMark: UInt8 = key.nullsFirst ? 0 : 2
        let mask = column.indexMask
        switch column.storage {
        case .string where column.type == .jsonb:
            unsafe writeSlowly(column, key, count, cursors)
        case .integer(let values):
            let flip: UInt64 = isDescending ? 0x7fff_ffff_ffff_ffff : 0x8000_0000_0000_0000
            unsafe writeWords(column, count, cursors, nullMark) { row in
                unsafe UInt64(bitPattern: values.base[row & mask]) ^ flip
            }
        case .double(let values):
            unsafe writeWords(column, count, cursors, nullMark) { row in
                let bits = unsafe orderedBits(values.base[row & mask])
                return isDescending ? ~bits : bits
            }
        case .boolean(let values):
            let flip: UInt8 = isDescending ? 255 : 0
            unsafe writeEach(column, count, cursors, nullMark) { row, target in
                unsafe target[0] = unsafe values.base[row & mask] ^ flip
                return 1
            }
        case .interval(let values):
            unsafe writeEach(column, count, cursors, nullMark) { row, target in
                var bits = unsafe UInt128(bitPattern: values.base[row & mask].comparable) ^ 1 << 127
                if isDescending { bits = ~bits }
                unsafe UnsafeMutableRawPointer(target).storeBytes(
                    of: bits.bigEndian, as: UInt128.self)
                return 16
            }
        case .string(let views, _):
            unsafe writeEach(column, count, cursors, nullMark) { row, target in
                let size = unsafe escape(views.base[row & mask], to: target)
                if isDescending { unsafe complement(target, size) }
                return size
            }
        case .numeric, .array, .record: unsafe writeSlowly(column, key, count, cursors)
        }
    }

    private static func writeSlowly(
        _ column: Column, _ key: SortKeyCodec.Key, _ count: Int, _ cursors: Cursors
    ) {
        for row in 0..<count {
            let bytes = slowBytes(column, row, key)
            for index in bytes.indices { unsafe cursors[row][index] = bytes[index] }
            unsafe cursors[row] += bytes.count
        }
    }

    @inline(__always)
    private static func writeWords(
        _ column: Column, _ count: Int, _ cursors: Cursors, _ nullMark: UInt8,
        _ word: (Int) -> UInt64
    ) {
        unsafe writeEach(column, count, cursors, nullMark) { row, target in
            unsafe UnsafeMutableRawPointer(target).storeBytes(
                of: word(row).bigEndian, as: UInt64.self)
            return 8
        }
    }

    @inline(__always)
    private static func writeEach(
        _ column: Column, _ count: Int, _ cursors: Cursors, _ nullMark: UInt8,
        _ body: (Int, UnsafeMutablePointer<UInt8>) -> Int
    ) {
        var row = 0
        while row < count {
            let target = unsafe cursors[row]
            if column.isNull(row) {
                unsafe target[0] = nullMark
                unsafe cursors[row] = unsafe target + 1
            } else {
                unsafe target[0] = 1
                unsafe cursors[row] = unsafe target + (1 &+ body(row, target + 1))
            }
            row &+= 1
        }
    }

    private static func complement(_ target: UnsafeMutablePointer<UInt8>, _ size: Int) {
        var index = 0
        while index < size {
            unsafe target[index] = unsafe ~target[index]
            index &+= 1
        }
    }

    private static func escape(
        _ view: StringView, to target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        unsafe view.withBytes { bytes in
            var out = 0
            var index = 0
            while index < bytes.count {
                if bytes.count &- index >= 8 {
                    let word = unsafe bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    let low = word &- 0x0101_0101_0101_0101
                    if low & ~word & 0x8080_8080_8080_8080 == 0 {
                        unsafe UnsafeMutableRawPointer(target + out).storeBytes(
                            of: word, as: UInt64.self)
                        index &+= 8
                        out &+= 8
                        continue
                    }
                }
                unsafe target[out] = unsafe bytes[index]
                out &+= 1
                if unsafe bytes[index] == 0 {
                    unsafe target[out] = 255
                    out &+= 1
                }
                index &+= 1
            }
            unsafe target[out] = 0
            unsafe target[out &+ 1] = 0
            return out &+ 2
        }
    }

    /// Orders as PostgreSQL does: -0 equals 0, NaN equals itself and is the largest.
    @inline(__always)
    static func orderedBits(_ value: Double) -> UInt64 {
        if value.isNaN { return .max }
        let bits = (value + 0).bitPattern
        return bits >> 63 == 0 ? bits | 1 << 63 : ~bits
    }

    private static func slowBytes(
        _ column: Column, _ row: Int, _ key: SortKeyCodec.Key
    ) -> [UInt8] {
        if column.isNull(row) { return [key.nullsFirst ? 0 : 2] }
        var bytes: [UInt8] = []
        append(column.value(row), column.type, to: &bytes)
        if key.isDescending { for index in bytes.indices { bytes[index] = ~bytes[index] } }
        return [1] + bytes
    }

    /// A value that is not null, ascending.
    static func append(_ value: Value, _ type: DataType, to bytes: inout [UInt8]) {
        switch value {
        case .null: break
        case .boolean(let value): bytes.append(value ? 1 : 0)
        case .integer(let value): append(word: UInt64(bitPattern: value) ^ 1 << 63, to: &bytes)
        case .double(let value): append(word: orderedBits(value), to: &bytes)
        case .interval(let value):
            let bits = UInt128(bitPattern: value.comparable) ^ 1 << 127
            append(word: UInt64(truncatingIfNeeded: bits >> 64), to: &bytes)
            append(word: UInt64(truncatingIfNeeded: bits), to: &bytes)
        case .numeric(let value): NumericKey.append(value, to: &bytes)
        case .text(let text) where type == .jsonb: JSONKey.append(Array(text.utf8), to: &bytes)
        case .text(let text): appendEscaped(Array(text.utf8), to: &bytes)
        case .bytes(let raw): appendEscaped(raw, to: &bytes)
        case .array(let elements):
            guard case .array(let element) = type else { return }
            for value in elements {
                bytes.append(1)
                append(member: value, element, to: &bytes)
            }
            bytes.append(0)
        case .record(let members):
            guard case .record(let fields) = type else { return }
            for (value, field) in zip(members, fields) {
                append(member: value, field.type, to: &bytes)
            }
        }
    }

    private static func append(member value: Value, _ type: DataType, to bytes: inout [UInt8]) {
        bytes.append(value.isNull ? 2 : 1)
        append(value, type, to: &bytes)
    }

    private static func append(word: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: word >> shift))
        }
    }

    private static func appendEscaped(_ raw: [UInt8], to bytes: inout [UInt8]) {
        for byte in raw {
            bytes.append(byte)
            if byte == 0 { bytes.append(255) }
        }
        bytes.append(0)
        bytes.append(0)
    }
}
