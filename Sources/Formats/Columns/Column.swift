/// The values of one column of a batch; immutable once made, and shared by reference.
///
/// Row i of a plain column is element i of its buffer; a constant column has one element that
/// stands for all rows, so kernels read element `i & indexMask`. What lies under a null is
/// unspecified but initialised, so kernels may compute on it and drop the result.
@safe public final class Column: @unchecked Sendable {
    public enum Storage {
        /// 0 or 1
        case boolean(Buffer<UInt8>)
        case integer(Buffer<Int64>)
        case double(Buffer<Double>)
        case numeric([Numeric])
        case interval(Buffer<Interval>)
        /// The owners keep alive what the views point to.
        case string(Buffer<StringView>, owners: [AnyObject])
        /// Elements `offsets[i]..<offsets[i + 1]` of `elements` make array i.
        case array(offsets: Buffer<Int32>, elements: Column)
        /// A column a member. Never constant.
        case record([Column])
    }

    public let type: DataType
    /// Rows.
    public let count: Int
    public let isConstant: Bool
    public let storage: Storage
    /// nil: no row is null. A constant column has one bit.
    public let validity: Bitmap?
    /// The text that a date or time was read from, row by row: what is passed through unchanged is
    /// written as it was read.
    public let original: Column?

    public init(
        _ type: DataType, count: Int, _ storage: Storage, validity: Bitmap? = nil,
        isConstant: Bool = false, original: Column? = nil
    ) {
        self.type = type
        self.count = count
        self.storage = storage
        self.validity = validity
        self.isConstant = isConstant
        self.original = original
    }

    /// 0 for a constant, all ones otherwise.
    @inlinable
    public var indexMask: Int { isConstant ? 0 : -1 }

    @inlinable
    @inline(__always)
    public func isNull(_ row: Int) -> Bool {
        guard let validity else { return false }
        return !validity.isSet(row & indexMask)
    }

    /// The same values under another type of the same layout.
    public func retyped(_ type: DataType) -> Column {
        precondition(type.layout == self.type.layout, "a layout is not cast")
        return Column(
            type, count: count, storage, validity: validity, isConstant: isConstant)
    }

    /// The same values as `count` rows; only for a constant.
    public func repeated(_ count: Int) -> Column {
        precondition(isConstant, "only a constant has any number of rows")
        return Column(type, count: count, storage, validity: validity, isConstant: true)
    }
}

// The typed views of a column. A kernel asks once per batch; another layout is a broken invariant.
extension Column {
    @inlinable
    public var booleans: UnsafePointer<UInt8> {
        guard case .boolean(let buffer) = storage else { wrongLayout() }
        return unsafe UnsafePointer(buffer.base)
    }

    @inlinable
    public var integers: UnsafePointer<Int64> {
        guard case .integer(let buffer) = storage else { wrongLayout() }
        return unsafe UnsafePointer(buffer.base)
    }

    @inlinable
    public var doubles: UnsafePointer<Double> {
        guard case .double(let buffer) = storage else { wrongLayout() }
        return unsafe UnsafePointer(buffer.base)
    }

    @inlinable
    public var numerics: [Numeric] {
        guard case .numeric(let values) = storage else { wrongLayout() }
        return values
    }

    @inlinable
    public var intervals: UnsafePointer<Interval> {
        guard case .interval(let buffer) = storage else { wrongLayout() }
        return unsafe UnsafePointer(buffer.base)
    }

    @inlinable
    public var strings: UnsafePointer<StringView> {
        guard case .string(let buffer, _) = storage else { wrongLayout() }
        return unsafe UnsafePointer(buffer.base)
    }

    public var arrays: (offsets: UnsafePointer<Int32>, elements: Column) {
        guard case .array(let offsets, let elements) = storage else { wrongLayout() }
        return unsafe (UnsafePointer(offsets.base), elements)
    }

    public var members: [Column] {
        guard case .record(let members) = storage else { wrongLayout() }
        return members
    }

    @usableFromInline
    func wrongLayout() -> Never {
        preconditionFailure("a column of type \(type) is read as another layout")
    }
}

// One value at a time; not for hot loops.
extension Column {
    public func value(_ row: Int) -> Value {
        precondition(row >= 0 && row < count, "a row lies inside its column")
        if isNull(row) { return .null }
        let index = row & indexMask
        switch storage {
        case .boolean(let buffer): return .boolean(buffer[index] != 0)
        case .integer(let buffer): return .integer(buffer[index])
        case .double(let buffer): return .double(buffer[index])
        case .numeric(let values): return .numeric(values[index])
        case .interval(let buffer): return .interval(buffer[index])
        case .string(let buffer, _):
            let view = buffer[index]
            switch type {
            case .bytea, .uuid: return .bytes(view.bytes)
            default: return .text(view.string)
            }
        case .array(let offsets, let elements):
            let range = Int(offsets[index])..<Int(offsets[index + 1])
            return .array(range.map { elements.value($0) })
        case .record(let members): return .record(members.map { $0.value(index) })
        }
    }

    public var values: [Value] { (0..<count).map { value($0) } }

    /// `count` rows that all hold `value`.
    public static func constant(_ value: Value, _ type: DataType, count: Int) -> Column {
        let builder = ColumnBuilder(type, capacity: 1)
        builder.append(value)
        let one = builder.finish()
        return Column(type, count: count, one.storage, validity: one.validity, isConstant: true)
    }

    public static func make(_ type: DataType, _ values: [Value]) -> Column {
        let builder = ColumnBuilder(type, capacity: values.count)
        for value in values { builder.append(value) }
        return builder.finish()
    }
}
