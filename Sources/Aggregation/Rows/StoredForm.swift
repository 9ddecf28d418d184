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

    /// The same of one value, for a table of keys; of doubles whether it is -0.
    static func column(_ values: Column) -> Column {
        if values.type.layout == .double {
            let flags = Buffer<UInt8>(capacity: values.count)
            for row in 0..<values.count {
                flags[row] = unsafe values.doubles[row & values.indexMask].isNegativeZero ? 1 : 0
            }
            return Column(.boolean, count: values.count, .boolean(flags))
        }
        return Column.make(
            .bytea,
            (0..<values.count).map { row in
                var bytes: [UInt8] = []
                ValueBytes.append(values.value(row), to: &bytes)
                return .bytes(bytes)
            })
    }
}

extension DataType {
    /// Whether equal values may look different.
    var hasForms: Bool { formType != nil }

    /// The type of what tells such values apart (`StoredForm.column`). Of doubles only 0 and -0
    /// are equal, and one bit does.
    var formType: DataType? {
        switch layout {
        case .numeric, .interval, .array, .record: .bytea
        case .double: .boolean
        case .boolean, .integer, .string: nil
        }
    }
}

extension Double {
    var isNegativeZero: Bool { self == 0 && sign == .minus }
}
