import Bytes

/// Where the values and keys of some records of a batch lie, a column a part, for those who want
/// no headers of many records. Records without a value are left out.
///
/// It checks what `RecordIterator` checks. Filled again and again, by one thread at a time.
@safe public final class RecordValues: @unchecked Sendable {
    /// Records that are held at most: few enough to stay in the processor's nearest cache.
    public static let countMax = 256

    /// Those that were not dropped yet: from `first` up to `end`.
    private var first = 0
    private var end = 0
    private let offsetBase = UnsafeMutablePointer<Int64>.allocate(capacity: countMax)
    private let timestampBase = UnsafeMutablePointer<Int64>.allocate(capacity: countMax)
    private let startBase = UnsafeMutablePointer<Int32>.allocate(capacity: countMax)
    private let byteCountBase = UnsafeMutablePointer<Int32>.allocate(capacity: countMax)
    private let keyStartBase = UnsafeMutablePointer<Int32>.allocate(capacity: countMax)
    private let keyByteCountBase = UnsafeMutablePointer<Int32>.allocate(capacity: countMax)

    public init() {}

    deinit {
        unsafe offsetBase.deallocate()
        unsafe timestampBase.deallocate()
        unsafe startBase.deallocate()
        unsafe byteCountBase.deallocate()
        unsafe keyStartBase.deallocate()
        unsafe keyByteCountBase.deallocate()
    }

    public var count: Int { end - first }

    public var offsets: Span<Int64> {
        @_lifetime(borrow self)
        get { unsafe _overrideLifetime(span(offsetBase), borrowing: self) }
    }

    /// Milliseconds since the epoch.
    public var timestamps: Span<Int64> {
        @_lifetime(borrow self)
        get { unsafe _overrideLifetime(span(timestampBase), borrowing: self) }
    }

    /// Where each value begins in the section of the records.
    public var starts: Span<Int32> {
        @_lifetime(borrow self)
        get { unsafe _overrideLifetime(span(startBase), borrowing: self) }
    }

    public var byteCounts: Span<Int32> {
        @_lifetime(borrow self)
        get { unsafe _overrideLifetime(span(byteCountBase), borrowing: self) }
    }

    public var keyStarts: Span<Int32> {
        @_lifetime(borrow self)
        get { unsafe _overrideLifetime(span(keyStartBase), borrowing: self) }
    }

    /// Negative for a null key.
    public var keyByteCounts: Span<Int32> {
        @_lifetime(borrow self)
        get { unsafe _overrideLifetime(span(keyByteCountBase), borrowing: self) }
    }

    @_lifetime(borrow self)
    private func span<T: BitwiseCopyable>(_ base: UnsafeMutablePointer<T>) -> Span<T> {
        let span = unsafe Span(_unsafeStart: base + first, count: count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Drops the first ones.
    public func drop(_ count: Int) {
        precondition(count >= 0 && count <= self.count, "no more is dropped than there is")
        first += count
    }

    /// Takes the next records out of a plain (not compressed) section in the place of those at
    /// hand, at most so many: `position` is where they begin, the header's count says how many are
    /// left, and both move on. False if one of them is malformed; then none is taken.
    public func take(
        _ limit: Int, from section: RawSpan, _ header: inout RecordBatchHeader,
        _ position: inout Int
    ) -> Bool {
        precondition(section.byteCount <= Int32.max, "a batch's places are 32 bits")
        precondition(position >= 0 && position <= section.byteCount, "a walk is inside its bytes")
        (first, end) = (0, 0)
        let records = min(Int(header.recordCount), max(0, limit), Self.countMax)
        var at = position
        var taken = 0
        for _ in 0..<records {
            guard let record = Self.record(section, header, at) else { return false }
            at = record.end
            // No more are taken than there is room for. One without a value is written over.
            unsafe offsetBase[taken] = record.offset
            unsafe timestampBase[taken] = record.timestamp
            unsafe startBase[taken] = Int32(truncatingIfNeeded: record.valueStart)
            unsafe byteCountBase[taken] = Int32(truncatingIfNeeded: record.valueBytes)
            unsafe keyStartBase[taken] = Int32(truncatingIfNeeded: record.keyStart)
            unsafe keyByteCountBase[taken] = Int32(truncatingIfNeeded: record.keyBytes)
            if record.valueBytes >= 0 { taken &+= 1 }
        }
        header.recordCount -= Int32(truncatingIfNeeded: records)
        position = at
        end = taken
        return true
    }

    private struct Record {
        var offset: Int64
        var timestamp: Int64
        var keyStart: Int
        /// Negative: it has none.
        var keyBytes: Int
        var valueStart: Int
        var valueBytes: Int
        var end: Int
    }

    /// The record at `start`, nil if it is malformed.
    @inline(__always)
    private static func record(
        _ section: RawSpan, _ header: RecordBatchHeader, _ start: Int
    ) -> Record? {
        guard let place = RecordPlace(section, start) else {
            return unusual(section, header, start)
        }
        return Record(
            offset: header.baseOffset &+ RecordPlace.signed(place.offset),
            timestamp: header.usesLogAppendTime
                ? header.maxTimestamp : header.baseTimestamp &+ RecordPlace.signed(place.time),
            keyStart: place.keyStart, keyBytes: place.keyBytes, valueStart: place.valueStart,
            valueBytes: place.valueBytes, end: place.end)
    }

    @inline(never)
    private static func unusual(
        _ section: RawSpan, _ header: RecordBatchHeader, _ start: Int
    ) -> Record? {
        var header = header
        header.recordCount = 1
        var iterator = RecordIterator(header, records: section.extracting(droppingFirst: start))
        guard let record = iterator.next() else { return nil }
        let (key, value) = (record.key, record.value)
        return Record(
            offset: record.offset, timestamp: record.timestamp,
            keyStart: start &+ (key?.lowerBound ?? 0), keyBytes: key?.count ?? -1,
            valueStart: start &+ (value?.lowerBound ?? 0), valueBytes: value?.count ?? -1,
            end: start &+ record.headers.upperBound)
    }
}
