import Formats

/// Encodes the columns of a sort key, row by row, so that the order of the bytes is the order of
/// the rows, and equal bytes are equal keys (1.0 and 1.00, 0 and -0, a month and 30 days).
///
/// A column is a byte that says null or not, and the value: integers and floats big-endian with
/// their sign turned, strings escaped and ended by zeros, numerics as exponent and digits.
/// Descending columns are complemented.
struct SortKeyCodec: Sendable {
    struct Key: Sendable {
        var type: DataType
        var isDescending = false
        var nullsFirst = false
    }

    let keys: [Key]

    init(_ keys: [Key]) { self.keys = keys }

    /// For keys that are only compared for equality.
    init(types: [DataType]) { keys = types.map { Key(type: $0) } }

    init(_ keys: [SortKey]) {
        self.keys = keys.map {
            Key(
                type: $0.expression.type, isDescending: $0.isDescending, nullsFirst: $0.nullsFirst)
        }
    }

    /// Encodes rows 0..<count of the columns, one a key.
    func encode(_ columns: [Column], count: Int, into target: KeyBytes, sizes: PlainVector<Int>) {
        precondition(columns.count == keys.count, "a key has a column")
        sizes.removeAll()
        sizes.resize(to: count, filling: 0)
        for (key, column) in zip(keys, columns) {
            unsafe KeyEncoder.addSizes(column, key, count, sizes.base)
        }
        unsafe target.begin(sizes.base, count: count)
        for (key, column) in zip(keys, columns) {
            unsafe KeyEncoder.write(column, key, count, target.cursors.base)
        }
    }
}

// Back from bytes, for ascending keys.
extension SortKeyCodec {
    /// False where different values have the same bytes, or bytes are not read back.
    var isReadable: Bool {
        keys.allSatisfy { key in
            guard !key.isDescending, key.type != .jsonb else { return false }
            switch key.type.layout {
            case .integer, .boolean, .double: return true
            case .string:
                if case .char = key.type { return false }
                return true
            case .interval, .numeric, .array, .record: return false
            }
        }
    }

    /// The values of a key whose types are readable.
    func values(_ bytes: UnsafeRawBufferPointer) -> [Value] {
        var position = 0
        return keys.map { key in
            let isNull = unsafe bytes[position] != 1
            position += 1
            if isNull { return .null }
            switch key.type.layout {
            case .boolean:
                position += 1
                return unsafe .boolean(bytes[position - 1] != 0)
            case .integer:
                return unsafe .integer(Int64(bitPattern: word(bytes, &position) ^ 1 << 63))
            case .double:
                let bits = unsafe word(bytes, &position)
                if bits == .max { return .double(.nan) }
                return .double(Double(bitPattern: bits >> 63 == 1 ? bits ^ 1 << 63 : ~bits))
            default:
                let text = unsafe string(bytes, &position)
                return key.type == .bytea
                    ? .bytes(text) : .text(String(decoding: text, as: UTF8.self))
            }
        }
    }

    private func word(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> UInt64 {
        defer { position += 8 }
        return unsafe bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self).bigEndian
    }

    /// Up to the zeros that end it; 0 255 is a zero.
    private func string(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> [UInt8] {
        var text: [UInt8] = []
        while position + 1 < bytes.count {
            let byte = unsafe bytes[position]
            position += 1
            guard byte == 0 else {
                text.append(byte)
                continue
            }
            position += 1
            if unsafe bytes[position - 1] == 0 { break }
            text.append(0)
        }
        return text
    }
}
