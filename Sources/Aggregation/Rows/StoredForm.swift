import Formats

/// A row as it is kept: equal only where all values look the same, too. SQL's equality takes
/// numeric 1.0 and 1.00, or intervals of '1 day' and '24:00:00', for equal, but the one that is
/// taken back must be the one that came.
public struct StoredForm: Hashable {
    private let bytes: [UInt8]

    public init(_ row: [Value]) {
        var bytes: [UInt8] = []
        for value in row { ValueBytes.append(value, to: &bytes) }
        self.bytes = bytes
    }

    /// The same of one value, for a table of keys.
    static func column(_ values: Column) -> Column {
        Column.make(
            .bytea,
            (0..<values.count).map { row in
                var bytes: [UInt8] = []
                ValueBytes.append(values.value(row), to: &bytes)
                return .bytes(bytes)
            })
    }
}

extension DataType {
    /// Whether equal values may look different; of doubles only 0 and -0 do, which is not worth
    /// the bytes of all.
    var hasForms: Bool {
        switch layout {
        case .numeric, .interval, .array, .record: true
        case .boolean, .integer, .string, .double: false
        }
    }
}
