/// Fills a column value by value. Strings are copied into an arena of its own unless they are given
/// as views whose owner is named.
@safe public final class ColumnBuilder {
    public let type: DataType
    public private(set) var count = 0
    private var capacity: Int
    private var content: Content
    private var validity: Bitmap?
    private var arena: ByteArena?
    private var owners: [AnyObject] = []

    private enum Content {
        case boolean(Buffer<UInt8>)
        case integer(Buffer<Int64>)
        case double(Buffer<Double>)
        case numeric([Numeric])
        case interval(Buffer<Interval>)
        case string(Buffer<StringView>)
        case array([Int32], ColumnBuilder)
        case record([ColumnBuilder])
    }

    public init(_ type: DataType, capacity: Int = 0) {
        self.type = type
        self.capacity = max(capacity, 16)
        content = ColumnBuilder.emptyContent(type, self.capacity)
    }

    private static func emptyContent(_ type: DataType, _ capacity: Int) -> Content {
        switch type.layout {
        case .boolean: return .boolean(Buffer(capacity: capacity))
        case .integer: return .integer(Buffer(capacity: capacity))
        case .double: return .double(Buffer(capacity: capacity))
        case .numeric: return .numeric([])
        case .interval: return .interval(Buffer(capacity: capacity))
        case .string: return .string(Buffer(capacity: capacity))
        case .array:
            guard case .array(let element) = type else {
                preconditionFailure("\(type) is an array")
            }
            return .array([0], ColumnBuilder(element))
        case .record:
            guard case .record(let fields) = type else {
                preconditionFailure("\(type) is a record")
            }
            return .record(fields.map { ColumnBuilder($0.type) })
        }
    }

    private func makeRoom() {
        guard count == capacity else { return }
        capacity *= 2
        switch content {
        case .boolean(let old): content = .boolean(grown(old))
        case .integer(let old): content = .integer(grown(old))
        case .double(let old): content = .double(grown(old))
        case .interval(let old): content = .interval(grown(old))
        case .string(let old): content = .string(grown(old))
        case .numeric, .array, .record: break
        }
        if let old = validity {
            let larger = Bitmap.allSet(capacity)
            unsafe larger.base.update(from: old.base, count: (count + 63) / 64)
            // The bits behind `count` are set until a null clears them.
            if count & 63 != 0 { larger[count >> 6] |= UInt64.max << UInt64(count & 63) }
            validity = larger
        }
    }

    private func grown<T>(_ old: Buffer<T>) -> Buffer<T> {
        let larger = Buffer<T>(capacity: capacity)
        unsafe larger.base.update(from: old.base, count: count)
        return larger
    }

    public func appendNull() {
        makeRoom()
        if validity == nil { validity = Bitmap.allSet(capacity) }
        validity?.clear(count)
        switch content {
        case .boolean(let buffer): buffer[count] = 0
        case .integer(let buffer): buffer[count] = 0
        case .double(let buffer): buffer[count] = 0
        case .numeric(var values):
            content = .double(ColumnBuilder.nothing)
            values.append(Numeric(0))
            content = .numeric(values)
        case .interval(let buffer): buffer[count] = Interval()
        case .string(let buffer): buffer[count] = StringView()
        case .array(var offsets, let elements):
            offsets.append(Int32(elements.count))
            content = .array(offsets, elements)
        case .record(let members): for member in members { member.appendNull() }
        }
        count += 1
    }

    public func append(boolean value: Bool) {
        makeRoom()
        guard case .boolean(let buffer) = content else { wrongLayout() }
        unsafe buffer.base[count] = value ? 1 : 0
        count += 1
    }

    public func append(integer value: Int64) {
        makeRoom()
        guard case .integer(let buffer) = content else { wrongLayout() }
        unsafe buffer.base[count] = value
        count += 1
    }

    public func append(double value: Double) {
        makeRoom()
        guard case .double(let buffer) = content else { wrongLayout() }
        unsafe buffer.base[count] = value
        count += 1
    }

    public func append(numeric value: Numeric) {
        makeRoom()
        guard case .numeric(var values) = content else { wrongLayout() }
        // Emptied first, so that the array has one owner and grows in place.
        content = .double(ColumnBuilder.nothing)
        values.append(value)
        content = .numeric(values)
        count += 1
    }

    public func append(interval value: Interval) {
        makeRoom()
        guard case .interval(let buffer) = content else { wrongLayout() }
        unsafe buffer.base[count] = value
        count += 1
    }

    /// Copies the bytes.
    public func append(bytes: UnsafeRawBufferPointer) {
        unsafe append(view: stringArena.copy(bytes))
    }

    /// Copies the text.
    public func append(text: String) {
        var text = text
        text.withUTF8 { unsafe append(bytes: UnsafeRawBufferPointer($0)) }
    }

    /// Copies the bytes as text; what is not UTF-8 becomes U+FFFD.
    public func append(repairing bytes: RawSpan) {
        guard UTF8Check.isValid(bytes) else {
            return append(text: bytes.text(0..<bytes.byteCount))
        }
        unsafe bytes.withUnsafeBytes { unsafe append(bytes: $0) }
    }

    /// A view whose bytes belong to an owner given to `keep`, or to `stringArena`.
    public func append(view: StringView) {
        makeRoom()
        guard case .string(let buffer) = content else { wrongLayout() }
        unsafe buffer.base[count] = view
        count += 1
    }

    /// Keeps `owner` alive as long as the column that is being built.
    public func keep(_ owner: AnyObject) {
        if !owners.contains(where: { $0 === owner }) { owners.append(owner) }
    }

    /// Where bytes can be put that `append(view:)` then views.
    public var stringArena: ByteArena {
        if let arena { return arena }
        let new = ByteArena(blockSize: 16 * 1024)
        arena = new
        owners.append(new)
        return new
    }

    /// Appends an array: `body` appends its elements.
    public func appendArray(_ body: (ColumnBuilder) -> Void) {
        makeRoom()
        guard case .array(var offsets, let elements) = content else { wrongLayout() }
        body(elements)
        content = .double(ColumnBuilder.nothing)
        offsets.append(Int32(elements.count))
        content = .array(offsets, elements)
        count += 1
    }

    /// Appends a record: `body` appends one value to each of its members.
    public func appendRecord(_ body: ([ColumnBuilder]) -> Void) {
        makeRoom()
        guard case .record(let members) = content else { wrongLayout() }
        body(members)
        count += 1
        for member in members {
            precondition(member.count == count, "a record has a value for each member")
        }
    }

    public func append(_ value: Value) {
        switch value {
        case .null: appendNull()
        case .boolean(let value): append(boolean: value)
        case .integer(let value): append(integer: value)
        case .double(let value): append(double: value)
        case .numeric(let value): append(numeric: value)
        case .interval(let value): append(interval: value)
        case .text(let value): append(text: value)
        case .bytes(let value): unsafe value.withUnsafeBytes { unsafe append(bytes: $0) }
        case .array(let values):
            appendArray { elements in for value in values { elements.append(value) } }
        case .record(let values):
            appendRecord { members in
                for (member, value) in zip(members, values) { member.append(value) }
            }
        }
    }

    /// Appends row `row` of a column of the same layout; its strings are copied.
    public func append(from column: Column, _ row: Int) {
        if column.isNull(row) { return appendNull() }
        let index = row & column.indexMask
        switch column.storage {
        case .boolean(let buffer): append(boolean: buffer[index] != 0)
        case .integer(let buffer): append(integer: buffer[index])
        case .double(let buffer): append(double: buffer[index])
        case .numeric(let values): append(numeric: values[index])
        case .interval(let buffer): append(interval: buffer[index])
        case .string(let buffer, _): append(view: stringArena.copy(buffer[index]))
        case .array(let offsets, let elements):
            appendArray { target in
                for element in Int(offsets[index])..<Int(offsets[index + 1]) {
                    target.append(from: elements, element)
                }
            }
        case .record(let sources):
            appendRecord { members in
                for (member, source) in zip(members, sources) { member.append(from: source, index) }
            }
        }
    }

    /// The column; the builder is empty afterwards and can be filled again.
    public func finish() -> Column {
        let storage: Column.Storage =
            switch content {
            case .boolean(let buffer): .boolean(buffer)
            case .integer(let buffer): .integer(buffer)
            case .double(let buffer): .double(buffer)
            case .numeric(let values): .numeric(values)
            case .interval(let buffer): .interval(buffer)
            case .string(let buffer): .string(buffer, owners: owners)
            case .array(let offsets, let elements):
                .array(offsets: Buffer(offsets), elements: elements.finish())
            case .record(let members): .record(members.map { $0.finish() })
            }
        let column = Column(type, count: count, storage, validity: validity)
        capacity = max(16, min(count, 2048))
        count = 0
        validity = nil
        arena = nil
        owners = []
        content = ColumnBuilder.emptyContent(type, capacity)
        return column
    }

    private static let nothing = Buffer<Double>(capacity: 1)

    private func wrongLayout() -> Never {
        preconditionFailure("a value of another layout is appended to a column of type \(type)")
    }
}
