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
