/// The values of the rows that are being read, a buffer a node of the plan, until they are handed
/// out as a batch.
///
/// A value is written at its row's place and its bit set; a bit that is not set is null. So a row
/// can be begun anew, and a name that comes twice is seen by its bit. Owned by one reader.
@safe final class RowBuffers {
    @safe struct Slot: BitwiseCopyable {
        var values: UnsafeMutableRawPointer
        var validity: UnsafeMutablePointer<UInt64>
    }

    enum Storage {
        case integer(Buffer<Int64>)
        case double(Buffer<Double>)
        case boolean(Buffer<UInt8>)
        case string(Buffer<StringView>)
        case record
    }

    let plan: ReadingPlan
    /// The name of the input.
    let file: String
    /// Values that are parsed once a batch is full are plain text, not JSON.
    let isPlainText: Bool
    let slots: Buffer<Slot>
    private(set) var storages: [Storage] = []
    private(set) var validities: [Bitmap] = []
    /// The line of each row.
    private(set) var lines = Buffer<Int64>(capacity: 1)
    /// What the strings of the rows lie in.
    private(set) var owners: [AnyObject] = []
    private var arena: ByteArena?

    init(_ plan: ReadingPlan, file: String, isPlainText: Bool) {
        self.plan = plan
        self.isPlainText = isPlainText
        self.file = file
        let nothing = unsafe UnsafeMutablePointer<UInt64>(bitPattern: 8)
        guard let nothing = unsafe nothing else { preconditionFailure("an address is not null") }
        slots = unsafe Buffer(
            repeating: Slot(values: UnsafeMutableRawPointer(nothing), validity: nothing),
            count: plan.nodes.count)
        begin()
    }

    /// New buffers, all null.
    func begin() {
        let rows = Batch.rowsMax
        storages.removeAll(keepingCapacity: true)
        validities.removeAll(keepingCapacity: true)
        owners = []
        arena = nil
        lines = Buffer(capacity: rows)
        for index in plan.nodes.indices {
            let validity = Bitmap(repeating: 0, count: rows / 64)
            validities.append(validity)
            let values: UnsafeMutableRawPointer
            switch plan.nodes[index].kind {
            case .integer:
                let buffer = Buffer<Int64>(repeating: 0, count: rows)
                unsafe values = unsafe UnsafeMutableRawPointer(buffer.base)
                storages.append(.integer(buffer))
            case .double:
                let buffer = Buffer<Double>(repeating: 0, count: rows)
                unsafe values = unsafe UnsafeMutableRawPointer(buffer.base)
                storages.append(.double(buffer))
            case .boolean:
                let buffer = Buffer<UInt8>(repeating: 0, count: rows)
                unsafe values = unsafe UnsafeMutableRawPointer(buffer.base)
                storages.append(.boolean(buffer))
            case .string, .raw:
                let buffer = Buffer<StringView>(repeating: StringView(), count: rows)
                unsafe values = unsafe UnsafeMutableRawPointer(buffer.base)
                storages.append(.string(buffer))
            case .record:
                unsafe values = unsafe UnsafeMutableRawPointer(validity.base)
                storages.append(.record)
            }
            slots[index] = unsafe Slot(values: values, validity: validity.base)
        }
    }

    /// Makes all of a row null again.
    func clear(_ row: Int) {
        for index in 0..<slots.capacity { clear(row, node: index) }
    }

    @inline(__always)
    func clear(_ row: Int, node: Int) {
        unsafe slots.base[node].validity[row &>> 6] &= ~(1 &<< UInt64(row & 63))
    }

    /// Makes a value null again, and the members inside it.
    func clear(_ row: Int, below node: Int) {
        clear(row, node: node)
        for member in plan.nodes[node].members.values { clear(row, below: member) }
        if let whole = plan.nodes[node].whole { clear(row, node: whole) }
    }

    func isSet(_ row: Int, node: Int) -> Bool {
        unsafe slots.base[node].validity[row &>> 6] &>> UInt64(row & 63) & 1 != 0
    }

    func keep(_ owner: AnyObject) {
        if owners.last !== owner { owners.append(owner) }
    }

    /// Room for the bytes of a string that lies nowhere as it is.
    var strings: ByteArena {
        if let arena { return arena }
        let new = ByteArena(blockSize: 16 * 1024)
        arena = new
        owners.append(new)
        return new
    }
}

extension RowBuffers.Slot {
    /// Marks the row's value as present; false if it already was.
    @inline(__always)
    func mark(_ row: Int) -> Bool {
        let word = unsafe validity + (row &>> 6)
        let bit: UInt64 = 1 &<< UInt64(truncatingIfNeeded: row & 63)
        if unsafe word.pointee & bit != 0 { return false }
        unsafe word.pointee |= bit
        return true
    }

    @inline(__always)
    func isMarked(_ row: Int) -> Bool {
        unsafe validity[row &>> 6] &>> UInt64(truncatingIfNeeded: row & 63) & 1 != 0
    }

    @inline(__always)
    func put<T: BitwiseCopyable>(_ value: T, _ row: Int) {
        unsafe values.assumingMemoryBound(to: T.self)[row] = value
    }
}
